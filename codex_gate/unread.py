"""Program text that a change adds and nobody here can read in lines.

git calls a file with a NUL byte binary, knows one line end alone, and holds a pointer where git-lfs has the text. A change that hides its text behind one
of these looks small, and small changes look harmless; so it is said, and the level is what it is where contents are missing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from codex_gate.paths import role
from codex_gate.types import BLIND, UNREAD, FileChange, Finding, Notice

MANY_BREAKS: Final = 6  # breaks inside of the lines that one file adds; fewer are characters that a literal holds (chosen)
_NAMED: Final = 3  # files that a notice names
# What ends a line for a language and not for git: a carriage return with text behind it, and in scripts two characters of Unicode.
_BREAK: Final = re.compile(rb"\r(?=[^\r\n])|\xe2\x80[\xa8\xa9]")
_POINTER: Final = b"\n+version https://git-lfs.github.com/spec/"
_TEXT: Final = re.compile(rb"^\+[^\n]*", re.MULTILINE)

_WHY: Final = {
    "binary": "program text without lines for git (a NUL byte, UTF-16, or larger than the diff limit)",
    "pointer": "program text that git-lfs keeps elsewhere (a pointer to it)",
    "breaks": "program text with line ends that git does not take for any (a carriage return alone)",
}


def why(change: FileChange) -> str:
    """Why what a change adds to a file of program text cannot be read, a key of _WHY; "" where it can, where nothing is added, and where contents are missing."""
    if change.status == "D" or change.missing or role(change.path) != "code" or change.new_mode & 0o170000 != 0o100000:
        return ""
    if change.added is None:
        return "binary"
    if not change.added:
        return ""
    if _POINTER in change.patch:
        return "pointer"
    return "breaks" if _breaks(change.patch) >= MANY_BREAKS else ""


def notices(files: Sequence[FileChange]) -> list[Notice]:
    """One for each kind of reason that there is."""
    found: dict[str, list[str]] = {kind: [] for kind in _WHY}
    for change in files:
        if kind := why(change):
            found[kind].append(change.path)
    return [
        Notice(
            UNREAD,
            f"{len(paths)} of {len(files)} files could not be read ({', '.join(paths[:_NAMED])}{' and more' if len(paths) > _NAMED else ''}): "
            f"{'it is' if len(paths) == 1 else 'they are'} {_WHY[kind]}; so the risk rests on the rest and is not called low",
        )
        for kind, paths in found.items()
        if paths
    ]


def of_many(findings: Sequence[Finding]) -> tuple[Notice, ...]:
    """That some of many commits could not be read in full, where it is so."""
    lacking = sum(finding.lacks_contents for finding in findings)
    unread = sum(finding.is_blind for finding in findings) - lacking
    rests, found = "their risk rests on the rest and is not called low", []
    if lacking:
        text = f"the contents of {lacking:,} of {len(findings):,} commits are not in this clone: their lines are unknown, {rests} (git fetch --refetch --no-filter)"
        found.append(Notice(BLIND, text))
    if unread:
        found.append(Notice(UNREAD, f"program text of {unread:,} of {len(findings):,} commits could not be read in lines: {rests}"))
    return tuple(found)


def _breaks(patch: bytes) -> int:
    """Line ends inside of the added lines; what ends in CR LF has none."""
    if not (b"\r" in patch and patch.count(b"\r") - patch.count(b"\r\n") >= MANY_BREAKS) and not (b"\xe2" in patch and _BREAK.search(patch)):
        return 0  # nearly always: this runs for every file of a bulk screen
    return sum(len(_BREAK.findall(line)) for line in _TEXT.findall(patch))
