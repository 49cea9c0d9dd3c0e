"""What the changed program text is made of: lines, words and kinds of statements, by words alone, in any language.

Blank lines, comments on a line of their own and lines of brackets alone do not count: a change is as large as what a reader
has to understand. No parser and no table per language, so that a thousand commits take a fraction of a second.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import Final

from codex_gate.paths import language, role
from codex_gate.types import FileChange

_HASH: Final = frozenset({"python", "ruby", "shell", "perl", "r", "julia", "elixir", "powershell"})
_DASH: Final = frozenset({"sql", "lua", "haskell"})


def _lines(side: bytes, comment: bytes) -> re.Pattern[bytes]:
    """Lines of one side with a word in them that do not begin with a comment."""
    return re.compile(rb"^" + side + rb"[ \t]*+(?!" + comment + rb")([^\n]*\w[^\n]*)$", re.MULTILINE)


_COMMENTS: Final = {"hash": rb"#", "dash": rb"--", "slash": rb"//|/\*|\*(?:[\s/]|$)|<!--"}
_ADDED: Final = {family: _lines(rb"\+", comment) for family, comment in _COMMENTS.items()}
_DELETED: Final = {family: _lines(rb"-", comment) for family, comment in _COMMENTS.items()}
# Letters, digits and underscores of ASCII, and every byte of a longer UTF-8 letter; the rest parts words.
_WORDS: Final = bytes(byte if byte >= 128 or bytes((byte,)).isalnum() or byte == 95 else 32 for byte in range(256))


def _set(words: str) -> frozenset[bytes]:
    return frozenset(word.encode() for word in words.split())


KINDS: Final = {
    "conditions_added": _set("if elif else elsif elseif switch case when unless match guard"),
    "loops_added": _set("for while loop do foreach until each"),
    "exits_added": _set("return yield break continue goto"),
    "handlers_added": _set(
        "try catch except finally throw throws raise rescue ensure panic unwrap expect recover defer assert Err error Error exception Exception"
    ),
    "declarations_added": _set("def fn func fun function class struct interface trait impl enum void const let var val"),
    "nulls_added": _set("null None nil nullptr NULL undefined Option Optional Some"),
    "concurrency_added": _set("async await synchronized Thread thread mutex Mutex lock Lock volatile atomic go chan Future Promise spawn select"),
}
"""Words that make a line a condition, a loop …, the same for every language: a foreign word is rarely used as a name."""

CONTENT: Final = (
    "code_lines_added", "code_lines_deleted", "words_added", "words_deleted", "names_added", "names_new", "calls_added", *KINDS,
)  # fmt: skip
"""Measures of program text outside tests. code_lines_*: lines with a word that are no comment; words_*: identifiers, keywords and
numbers; names_added: distinct words added; names_new: those of them that no deleted line holds; calls_added: opening brackets;
the others count the words of KINDS."""


def measure(files: Iterable[FileChange]) -> dict[str, float]:
    """The measures of CONTENT over the files of role `code`; a file whose lines are not known adds nothing."""
    added: list[bytes] = []
    deleted: list[bytes] = []
    for change in files:
        if change.patch and role(change.path) == "code":
            family = _family(change.path)
            if change.added:
                added += _ADDED[family].findall(change.patch)
            if change.deleted:
                deleted += _DELETED[family].findall(change.patch)
    text = b"\n".join(added)
    words, gone = text.translate(_WORDS).split(), b"\n".join(deleted).translate(_WORDS).split()
    counts = Counter(words)
    found = {
        "code_lines_added": len(added),
        "code_lines_deleted": len(deleted),
        "words_added": len(words),
        "words_deleted": len(gone),
        "names_added": len(counts),
        "names_new": len(counts.keys() - gone) if gone else len(counts),
        "calls_added": text.count(b"("),
    }
    found.update({kind: sum([counts[word] for word in counts.keys() & members]) for kind, members in KINDS.items()})
    return {name: float(value) for name, value in found.items()}


def _family(path: str) -> str:
    spoken = language(path)
    return "hash" if spoken in _HASH else "dash" if spoken in _DASH else "slash"
