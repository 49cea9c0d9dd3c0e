"""How much program text a change holds: its lines, words and names, by words alone, in any language.

Blank lines, comments on a line of their own and lines of brackets alone do not count: a change is as large as what a reader
has to understand. No parser and no table per language, so that a thousand commits take a fraction of a second.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import pairwise
from typing import Final

from codex_gate.paths import language, role
from codex_gate.types import FileChange

_HASH: Final = frozenset({"python", "ruby", "shell", "perl", "r", "julia", "elixir", "powershell"})
_DASH: Final = frozenset({"sql", "lua", "haskell"})


def _lines(side: bytes, comment: bytes, sign: bytes = b"!") -> re.Pattern[bytes]:
    """Lines of one side with a word in them that do not begin with a comment, with the sign = those that do."""
    return re.compile(rb"^" + side + rb"[ \t]*+(?" + sign + comment + rb")([^\n]*\w[^\n]*)$", re.MULTILINE)


_COMMENTS: Final = {"hash": rb"#", "dash": rb"--", "slash": rb"//|/\*|\*(?:[\s/]|$)|<!--"}
ADDED: Final = {spoken: _lines(rb"\+", comment) for spoken, comment in _COMMENTS.items()}
COMMENTED: Final = {spoken: _lines(rb"\+", comment, b"=") for spoken, comment in _COMMENTS.items()}
"""Of each family of comments: the added lines that count as program text, and those that do not though they hold a word."""
_DELETED: Final = {spoken: _lines(rb"-", comment) for spoken, comment in _COMMENTS.items()}
# Letters, digits and underscores of ASCII, and every byte of a longer UTF-8 letter; the rest parts words.
_WORDS: Final = bytes(byte if byte >= 128 or bytes((byte,)).isalnum() or byte == 95 else 32 for byte in range(256))


CONTENT: Final = ("code_lines_added", "code_lines_deleted", "words_added", "words_deleted", "names_added", "names_new", "pairs_new")
"""Measures of program text outside tests. code_lines_*: lines with a word that are no comment; words_*: identifiers, keywords and
numbers; names_added: distinct words added; names_new: those of them that no deleted line holds; pairs_new: distinct pairs of
neighbouring added words that stand side by side nowhere in what the change deletes: how much of it is news, and not moved or edited text."""


def text(files: Iterable[FileChange]) -> tuple[list[bytes], list[bytes]]:
    """The added and the deleted lines of program text, over the files of role `code`, as they stand behind their sign; a file whose lines are not known adds nothing."""
    added: list[bytes] = []
    deleted: list[bytes] = []
    for change in files:
        if change.patch and role(change.path) == "code":
            spoken = family(change.path)
            if change.added:
                added += ADDED[spoken].findall(change.patch)
            if change.deleted:
                deleted += _DELETED[spoken].findall(change.patch)
    return added, deleted


def words(lines: Iterable[bytes]) -> list[bytes]:
    """Identifiers, keywords and numbers, in their order."""
    return b"\n".join(lines).translate(_WORDS).split()


def read(files: Iterable[FileChange]) -> tuple[dict[str, float], set[bytes]]:
    """The measures of CONTENT, and the distinct added words that no deleted line holds."""
    added, deleted = text(files)
    there, gone = words(added), words(deleted)
    names = set(there)
    pairs = set(pairwise(there)).difference(pairwise(gone))
    new = names.difference(gone)
    found = (len(added), len(deleted), len(there), len(gone), len(names), len(new), len(pairs))
    return dict(zip(CONTENT, map(float, found), strict=True)), new


def family(path: str) -> str:
    """Which of ADDED a file's language belongs to."""
    known = language(path)
    return "hash" if known in _HASH else "dash" if known in _DASH else "slash"
