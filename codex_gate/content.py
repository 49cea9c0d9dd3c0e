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

_HASH: Final = frozenset({"python", "ruby", "shell", "perl", "r", "elixir", "powershell"})
_DASH: Final = frozenset({"sql", "haskell"})
_ALONE: Final = frozenset({"julia", "lua"})


def _up_to(end: bytes) -> bytes:
    """A pattern of what stands before `end` on the same line, and of `end`; in linear time, nothing is tried twice."""
    return rb"(?:[^" + end[:1] + rb"\n]++|" + re.escape(end[:1]) + rb"(?!" + re.escape(end[1:]) + rb"))*+" + re.escape(end)


def _lines(side: bytes, closed: bytes, comment: bytes) -> re.Pattern[bytes]:
    """Lines of one side, without comments that close before their text, with a word in them that do not go on with a comment."""
    past = rb"(?:(?:" + closed + rb")[ \t]*+)*+" if closed else b""
    return re.compile(rb"^" + side + rb"[ \t]*+" + past + rb"(?!" + comment + rb")([^\n]*\w[^\n]*)$", re.MULTILINE)


_COMMENTS: Final = {
    "hash": (b"", rb"#"),
    "julia": (rb"#=" + _up_to(b"=#"), rb"#"),
    "dash": (b"", rb"--"),
    "lua": (rb"--\[\[" + _up_to(b"]]") + rb"|--\[=\[" + _up_to(b"]=]"), rb"--"),
    # a star that begins a line is one of a comment of several lines, which may close there
    "slash": (rb"/\*" + _up_to(b"*/") + rb"|(?=\*[\s/])" + _up_to(b"*/") + rb"|<!--" + _up_to(b"-->"), rb"//|/\*|\*(?:[\s/]|$)|<!--"),
}
"""Of each family of languages: comments that close on their line, and how a comment begins."""
_ADDED: Final = {spoken: _lines(rb"\+", *comments) for spoken, comments in _COMMENTS.items()}
_DELETED: Final = {spoken: _lines(rb"-", *comments) for spoken, comments in _COMMENTS.items()}
# Letters, digits and underscores of ASCII, and every byte of a longer UTF-8 letter; the rest parts words.
_WORDS: Final = bytes(byte if byte >= 128 or bytes((byte,)).isalnum() or byte == 95 else 32 for byte in range(256))


CONTENT: Final = ("code_lines_added", "code_lines_deleted", "words_added", "words_deleted", "names_added", "names_new", "pairs_new")
"""Measures of program text outside tests. code_lines_*: lines with a word that are no comment; words_*: identifiers, keywords and
numbers; names_added: distinct words added; names_new: those of them that no deleted line holds; pairs_new: distinct pairs of
neighbouring added words that stand side by side nowhere in what the change deletes: how much of it is news, and not moved or edited text."""


def text(files: Iterable[FileChange]) -> tuple[list[bytes], list[bytes]]:
    """The added and the deleted lines of program text, over the files of role `code`, as they stand behind their sign and behind comments that close before them; a file whose lines are not known adds nothing."""
    added: list[bytes] = []
    deleted: list[bytes] = []
    for change in files:
        if change.patch and role(change.path) == "code":
            spoken = _family(change.path)
            if change.added:
                added += _ADDED[spoken].findall(change.patch)
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


def _family(path: str) -> str:
    """Which of _COMMENTS a file's language has."""
    known = language(path)
    return "hash" if known in _HASH else "dash" if known in _DASH else known if known in _ALONE else "slash"
