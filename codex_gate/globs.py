"""Path patterns as `.gitignore` writes them, without its negations: `src/**`, `*.md`, `vendor/`, `/setup.py`.

A pattern without an inner slash matches at any depth, one with a slash from the root on; `*`, `?` and `[…]` stay
inside a name, `**` spans directories; what matches a directory matches all below it. Matching takes time in
proportion to the path times the pattern: paths are written by strangers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fnmatch import translate
from functools import cached_property

_Name = Callable[[str], object]


@dataclass(frozen=True)
class Filter:
    """Whether a path is looked at: one of `include` matches, or there is none, and none of `exclude` does."""

    include: tuple[str, ...]
    exclude: tuple[str, ...]

    def __call__(self, path: str) -> bool:
        return (not self.include or self._wanted(path)) and not self._unwanted(path)

    @cached_property
    def _wanted(self) -> Callable[[str], bool]:
        return compiled(self.include)

    @cached_property
    def _unwanted(self) -> Callable[[str], bool]:
        return compiled(self.exclude)


def compiled(patterns: Iterable[str]) -> Callable[[str], bool]:
    """Whether a path matches one of the patterns; `a/b.py`, never with a slash in front."""
    ways = [_segments(pattern) for pattern in patterns]

    def matches(path: str) -> bool:
        names = path.split("/")
        return any(_covers(way, names) for way in ways)

    return matches


def literal(path: str) -> str:
    """The pattern that means this path and no other."""
    return re.sub(r"([*?[])", r"[\1]", path)


def _segments(pattern: str) -> list[_Name | None]:
    """One matcher for each name of the pattern, None for `**`."""
    inner = pattern.strip("/")
    anywhere = "/" not in inner and not pattern.startswith("/")
    # The last None makes a directory stand for what lies below it.
    return [*([None] if anywhere else []), *(None if name == "**" else re.compile(translate(name)).match for name in inner.split("/")), None]


def _covers(way: Sequence[_Name | None], names: Sequence[str]) -> bool:
    at = place = resume = 0
    star = -1
    while at < len(names):
        matcher = way[place] if place < len(way) else None
        if place < len(way) and matcher is None:
            star, resume = place, at
            place += 1
        elif matcher is not None and matcher(names[at]):
            at += 1
            place += 1
        elif star >= 0:
            resume += 1
            at, place = resume, star + 1
        else:
            return False
    return all(matcher is None for matcher in way[place:])
