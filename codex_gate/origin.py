"""Whether a commit brought a fault, or only edited or moved a line that had it before.

`git blame` names the last commit that touched a line: often one that renamed, wrapped or moved it. What a fix took out of
the line says which part of it was faulty; where the line's earlier version holds that part too, the fault is older.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from codex_gate.comments import told
from codex_gate.paths import language
from codex_gate.types import FileChange, Hunk

Tokens = Counter[bytes]

_WORD = re.compile(rb"\w+")
_TOKEN = re.compile(rb"\w+|[^\w\s]")
_ALIKE = 0.5  # share of tokens (Dice) from which two lines count as versions of one; .6 and .7 told no more apart (chosen)
_MOVED = 3  # words of a line from which its equal elsewhere in the same commit is where it came from; shorter ones are common: they moved only with the lines around them, three at least with themselves
_NEAR = 3  # lines before and behind a line that count as around it
_SHUT = frozenset((b"(", b")", b"{", b"}", b"[", b"]", b";", b","))  # signs that come and go when text is laid out anew
_LONGEST = 400  # lines of a side of a hunk that are compared with each other


def tokens(line: bytes, spoken: str | None) -> Tokens:
    """Words and single signs of a line of the language `spoken`, with how often each stands in it; a comment behind program text is left out."""
    return Counter(_TOKEN.findall(told(line, spoken)))


def taken(hunk: Hunk, spoken: str | None) -> list[Tokens | None]:
    """What a fix took out of each deleted line: nothing (an empty bag) where only words were put in or no like line came for it.

    None stands for a line that the hunk puts back as it was, white space aside. `spoken` is the language of the lines.
    """
    after = [tokens(line, spoken) for line in hunk.added[:_LONGEST]]
    left = Counter(map(_squeezed, hunk.added))
    found: list[Tokens | None] = []
    for place, line in enumerate(hunk.deleted):
        if left[_squeezed(line)]:
            left[_squeezed(line)] -= 1
            found.append(None)
            continue
        before = tokens(line, spoken)
        best = _most_alike(before, place / len(hunk.deleted), after)
        found.append(Counter() if best is None else before - after[best])
    return found


@dataclass(frozen=True)
class Origin:
    """A commit, by the files that it changed, as the origin of lines."""

    files: Sequence[FileChange]

    def brought(self, path: str, line: int, repaired: Tokens) -> bool:
        """Whether the commit brought the fault of a line: the line is new, or the commit put into it what a fix took out.

        Args:
            path, line: the line (1-based) as the commit left it.
            repaired: what the fix took out of it (`taken`), an empty bag where that is not known.
        """
        before = self.earlier(path, line)
        return before is None or not _telling(repaired) <= tokens(before, language(path))

    def earlier(self, path: str, line: int) -> bytes | None:
        """What a line was before the commit: edited in place, or moved from elsewhere; None for one that is new, or that it did not change."""
        hunk = next((h for h in self._hunks.get(path, ()) if h.new_start <= line < h.new_start + len(h.added)), None)
        if hunk is None:
            return None
        place = line - hunk.new_start
        text = hunk.added[place]
        spoken = language(path)
        at = _most_alike(tokens(text, spoken), place / len(hunk.added), [tokens(one, spoken) for one in hunk.deleted[:_LONGEST]])
        if at is not None:
            return hunk.deleted[at]
        return self._deleted.get(_squeezed(text)) if len(_WORD.findall(text)) >= _MOVED or self._among_moved(hunk, place) else None

    def _among_moved(self, hunk: Hunk, place: int) -> bool:
        """Whether the lines around one that is too short to tell have all moved with it."""
        near = [line for line in hunk.added[max(0, place - _NEAR) : place + _NEAR + 1] if _WORD.search(line)]
        return len(near) >= _MOVED and all(_squeezed(line) in self._deleted for line in near)

    @cached_property
    def _hunks(self) -> dict[str, tuple[Hunk, ...]]:
        return {change.path: change.hunks() for change in self.files}

    @cached_property
    def _deleted(self) -> dict[bytes, bytes]:
        return {_squeezed(line): line for hunks in self._hunks.values() for hunk in hunks for line in hunk.deleted}


def _telling(repaired: Tokens) -> Tokens:
    """What of that which a fix took out says where the fault was: the words, or else the signs that are more than layout."""
    words = {token: n for token, n in repaired.items() if _WORD.match(token)}
    return Counter(words or {token: n for token, n in repaired.items() if token not in _SHUT})


def _most_alike(wanted: Tokens, place: float, lines: Sequence[Tokens]) -> int | None:
    """Which of the lines is most like `wanted`, the nearest by its place in the hunk (0 to 1) among equals; None when none is alike."""
    best = max(((_alike(wanted, line), -abs(place - at / len(lines)), at) for at, line in enumerate(lines)), default=None)
    return best[2] if best is not None and best[0] >= _ALIKE else None


def _alike(a: Tokens, b: Tokens) -> float:
    """Dice's coefficient of two bags, 0 to 1."""
    total = a.total() + b.total()
    return 2 * (a & b).total() / total if total else 0.0


def _squeezed(line: bytes) -> bytes:
    return b"".join(line.split())
