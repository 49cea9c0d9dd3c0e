"""What was known before a change: who touched its files, when, how often for a repair.

The past of a change is the set of its ancestors – a pure function of the commit, the same whether one
commit is asked for or a whole history is walked, and whatever other branches exist. Merges are not
recorded: what they bring is counted at the commits that they bring.
"""

from __future__ import annotations

import sys
from bisect import bisect_left, insort
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import NamedTuple

from codex_gate.paths import subsystem
from codex_gate.types import FileChange

DAY = 86_400
YEAR = 365 * DAY
EMPTY_BLOB = "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"
_MAX_NAMES = 8  # names of a file that are followed (chosen: longer chains are moves back and forth)
_NOBODY = -1  # the number of an author without commits
_FEW = 256  # touches that are looked at one by one (chosen: to leap over so few gains little)
_LEAP = 16  # touches for each of which there may be a leap, which takes as long as a look at ten (measured: 0.5 µs, 0.05 µs)


class Past:
    """Which of the recorded commits lie before a change.

    `flags[i]` is 1 for ordinals that do; `low` says that every ordinal below it does.
    """

    __slots__ = ("flags", "low")

    def __init__(self, flags: bytearray, low: int = 0) -> None:
        self.flags = flags
        self.low = low
        self._advance()

    def add(self, ordinal: int) -> None:
        self.flags[ordinal] = 1
        self._advance()

    def _advance(self) -> None:
        found = self.flags.find(0, self.low)
        self.low = len(self.flags) if found < 0 else found

    def copy(self) -> Past:
        return Past(bytearray(self.flags), self.low)

    def union(self, other: Past) -> None:
        both = int.from_bytes(self.flags, "little") | int.from_bytes(other.flags, "little")
        self.flags = bytearray(both.to_bytes(len(self.flags), "little"))
        self.low = max(self.low, other.low)
        self._advance()

    def outside(self, ordinals: Sequence[int]) -> list[int]:
        """Places of those of the ordinals (ascending) that are not in the past."""
        if not ordinals or ordinals[-1] < self.low:
            return []
        flags, places = self.flags, list[int]()
        at = bisect_left(ordinals, self.low)
        known = bisect_left(ordinals, len(flags), at)
        # A branch that never comes back keeps `low` at its start: leap over what lies in the past, as long as the leaps are long.
        for _ in range((known - at) // _LEAP if known - at > _FEW else 0):
            hole = flags.find(0, ordinals[at])
            at = bisect_left(ordinals, hole, at, known) if hole >= 0 else known
            while at < known and not flags[ordinals[at]]:
                places.append(at)
                at += 1
            if at == known:
                break
        places += [k for k in range(at, known) if not flags[ordinals[k]]]
        places += range(known, len(ordinals))
        return places


@dataclass(slots=True)
class Totals:
    """Sums over touches of one path. `fix_times` is sorted; `last` is (author time, ordinal); `top` the most by one author."""

    n: int = 0
    by_author: dict[int, int] = field(default_factory=dict)
    fix_times: list[int] = field(default_factory=list)
    first: int = 0
    last: tuple[int, int] = (0, -1)
    top: int = 0


@dataclass(slots=True)
class FileHistory:
    """Touches of one path, in recording order, and the names it came from.

    Parallel lists: ordinal of the commit, author number, author time, whether it was a repair, and the
    place of the latest touch so far. `totals` serves every change whose past holds all touches – nearly
    all of them; for the others the few touches outside are taken off again.
    """

    ordinals: list[int] = field(default_factory=list)
    authors: list[int] = field(default_factory=list)
    times: list[int] = field(default_factory=list)
    fixes: list[bool] = field(default_factory=list)
    latest: list[int] = field(default_factory=list)
    names: list[tuple[int, str]] = field(default_factory=list)  # (ordinal of the rename, earlier path)
    totals: Totals = field(default_factory=Totals)

    def touch(self, ordinal: int, author: int, time: int, fix: bool) -> None:
        sums = self.totals
        if not sums.n or time < sums.first:
            sums.first = time
        if not sums.n or (time, ordinal) > sums.last:
            sums.last = (time, ordinal)
            self.latest.append(sums.n)
        else:
            self.latest.append(self.latest[-1])
        sums.n += 1
        self.ordinals.append(ordinal)
        self.authors.append(author)
        self.times.append(time)
        self.fixes.append(fix)
        count = sums.by_author[author] = sums.by_author.get(author, 0) + 1
        if count > sums.top:
            sums.top = count
        if fix:
            insort(sums.fix_times, time)

    def before(self, past: Past) -> Totals:
        """Totals of the touches that lie in `past`; not to be changed."""
        ordinals = self.ordinals
        if not ordinals or ordinals[-1] < past.low:  # nearly always: no call for it
            return self.totals
        outside = past.outside(ordinals)
        return self._without(outside) if outside else self.totals

    def _without(self, outside: list[int]) -> Totals:
        """Totals less the touches at the places `outside`, which ascend."""
        whole, times = self.totals, self.times
        if len(outside) == whole.n:
            return Totals()
        by_author, fix_times = dict(whole.by_author), list(whole.fix_times)
        for k in outside:
            by_author[self.authors[k]] -= 1
            if self.fixes[k]:
                del fix_times[bisect_left(fix_times, times[k])]
        by_author = {who: n for who, n in by_author.items() if n}
        gone, last, first = set(outside), whole.last, whole.first
        if self.latest[-1] in gone:
            tail = outside[0]
            kept = [k for k in range(tail, whole.n) if k not in gone]
            if tail:
                kept.append(self.latest[tail - 1])
            last = max((times[k], self.ordinals[k]) for k in kept)
        if any(times[k] <= first for k in outside):
            first = min(time for k, time in enumerate(times) if k not in gone)
        return Totals(whole.n - len(outside), by_author, fix_times, first, last, max(by_author.values()))


@dataclass(slots=True)
class AuthorHistory:
    """Commits of one author: ordinals and times in recording order, times sorted, ordinals by subsystem."""

    ordinals: list[int] = field(default_factory=list)
    times: list[int] = field(default_factory=list)
    sorted_times: list[int] = field(default_factory=list)
    areas: dict[str, list[int]] = field(default_factory=dict)

    def touch(self, ordinal: int, time: int, areas: set[str]) -> None:
        self.ordinals.append(ordinal)
        self.times.append(time)
        insort(self.sorted_times, time)
        for area in areas:
            self.areas.setdefault(area, []).append(ordinal)


def rexp(sorted_times: Sequence[int], now: int, outside: Sequence[int] = ()) -> float:
    """Recent experience: past commits, each weighted 1 / (1 + age in whole years).

    Args:
        sorted_times: author times in Unix seconds, ascending; later ones than `now` count as this year's.
        now: time of the change under review, Unix seconds.
        outside: those of the times that do not count, in any order.
    Returns:
        Weight sum in commits, 0.0 for a first commit.
    Source: Kamei et al. 2013, TSE 39(6), measure REXP (their example: 3 this year, 4 last, 3 before: 6).
    """
    by_year: dict[int, int] = {}
    upper, year = len(sorted_times), 0
    while upper:
        lower = bisect_left(sorted_times, now - (year + 1) * YEAR + 1, 0, upper)
        by_year[year] = upper - lower
        upper = lower
        # Jump over empty years: dates of 1970 in a young repository would cost fifty rounds.
        year = max(year + 1, (now - sorted_times[upper - 1]) // YEAR) if upper else year
    for time in outside:
        by_year[max(0, now - time) // YEAR] -= 1
    # Counts are whole numbers until here, so the sum does not depend on what was left out in which order.
    return sum((n / (year + 1) for year, n in by_year.items()), 0.0)


class FilePast(NamedTuple):
    """What the past holds about one file of a change; times in Unix seconds, None where there was none."""

    touches: int
    fixes: int
    fixes_last_year: int
    mine: int
    top: int
    authors: int
    first: int | None
    last: int | None
    last_fix: int | None


@dataclass(frozen=True, slots=True)
class ChangePast:
    """What the past holds about a change: its files in order, its author, and Kamei's history measures."""

    files: tuple[FilePast, ...]
    ndev: int
    nuc: int
    age: float
    exp: int
    rexp: float
    sexp: int

    def only(self, place: int, now: int) -> ChangePast:
        """The same if the file at `place` were the whole change; the author's experience stays."""
        one = self.files[place]
        age = max(0, now - one.last) / DAY if one.last is not None else 0.0
        return ChangePast((one,), one.authors, int(one.last is not None), age, self.exp, self.rexp, self.sexp)


class History:
    """Touches of every path and author, recorded commit by commit, parents before children.

    A missing path or author is asked of `load_file` and `load_author` once: so an index on disk can stand
    behind it without being read whole. `n_authors` are recorded so far; the next new one has that number.
    `is_partial` says that something was recorded or measured without contents that are missing here.
    """

    def __init__(
        self,
        load_file: Callable[[str], FileHistory | None] | None = None,
        load_author: Callable[[str], tuple[int, AuthorHistory] | None] | None = None,
        n_authors: int = 0,
    ) -> None:
        self.files: dict[str, FileHistory | None] = {}
        self.authors: dict[str, AuthorHistory | None] = {}
        self.author_ids: dict[str, int] = {}
        self.n_authors = n_authors
        self.is_partial = False
        self._load_file = load_file
        self._load_author = load_author
        self.touched_files: set[str] = set()
        self.touched_authors: set[str] = set()

    def file(self, path: str) -> FileHistory | None:
        if path not in self.files:
            self.files[path] = self._load_file(path) if self._load_file else None
        return self.files[path]

    def author(self, key: str) -> AuthorHistory | None:
        """Of somebody who has commits; only `record` gives numbers away, so that there are as many as authors in an index."""
        if key not in self.authors:
            found = self._load_author(key) if self._load_author else None
            self.authors[key] = None
            if found is not None:
                self.author_ids[key], self.authors[key] = found
        return self.authors[key]

    def record(self, ordinal: int, author: str, time: int, fix: bool, files: Sequence[FileChange]) -> None:
        """Note that commit `ordinal` of `author` touched these files."""
        person = self.author(author)
        if person is None:
            person = self.authors[author] = AuthorHistory()
            self.author_ids[author] = self.n_authors
            self.n_authors += 1
        number = self.author_ids[author]
        person.touch(ordinal, time, {subsystem(f.path) for f in files})
        self.touched_authors.add(author)
        for change in files:
            path = change.path
            entry = self.file(path)
            if entry is None:
                entry = self.files[path] = FileHistory()
            if change.old_path is not None and change.status == "R" and change.old_id != EMPTY_BLOB:
                entry.names.append((ordinal, change.old_path))
            entry.touch(ordinal, number, time, fix)
            self.touched_files.add(path)

    def lifetime(self, path: str) -> Iterator[tuple[int, int, bool]]:
        """(author number, Unix seconds, whether a repair) of each recorded touch of a file, and of the names that it had until it was renamed."""
        waiting, seen = [(path, sys.maxsize)], set[str]()
        while waiting and len(seen) < _MAX_NAMES:
            name, until = waiting.pop(0)
            entry = self.file(name)
            if name in seen or entry is None:
                continue
            seen.add(name)
            touches = zip(entry.ordinals, entry.authors, entry.times, entry.fixes)
            yield from ((author, time, fix) for ordinal, author, time, fix in touches if ordinal < until)
            waiting += [(old, ordinal) for ordinal, old in reversed(entry.names) if ordinal < until]

    def before(self, author: str, time: int, files: Sequence[FileChange], past: Past) -> ChangePast:
        """What `past` holds about a change of `files` by `author` at `time` (Unix seconds)."""
        self.author(author)
        me = self.author_ids.get(author, _NOBODY)
        everyone: set[int] = set()
        lasts: set[int] = set()
        ages: list[float] = []
        found: list[FilePast] = []
        for change in files:
            entry = self.file(change.path)
            if entry is not None and change.old_path is None and not entry.names:  # nearly every file
                sums = entry.before(past)
            else:
                parts = self._chain(change, past)
                sums = parts[0] if len(parts) == 1 else _together(parts)
            if not sums.n:
                found.append(_NO_PAST)
                continue
            everyone.update(sums.by_author)
            last, fix_times = sums.last[0], sums.fix_times
            lasts.add(last)  # by its time: of two commits of one second the later one depends on the order of the walk
            ages.append(max(0, time - last) / DAY)
            n_fixes = len(fix_times)
            in_year = n_fixes - bisect_left(fix_times, time - YEAR) if n_fixes else 0
            latest = fix_times[-1] if n_fixes else None
            found.append(FilePast(sums.n, n_fixes, in_year, sums.by_author.get(me, 0), sums.top, len(sums.by_author), sums.first, last, latest))
        exp, recent, sexp = self._experience(author, time, {subsystem(f.path) for f in files}, past)
        age = sum(ages) / len(ages) if ages else 0.0
        return ChangePast(tuple(found), len(everyone), len(lasts), age, exp, recent, sexp)

    def _chain(self, change: FileChange, past: Past) -> list[Totals]:
        """Histories of the file under this name and the names it had before, nearest first, each cut to `past`."""
        parts: list[Totals] = []
        names = [change.path]
        if change.old_path is not None and change.status == "R" and change.old_id != EMPTY_BLOB:
            names = [change.old_path]
        for name in names:  # grows on the way
            entry = self.file(name)
            if entry is None:
                continue
            if entry.names and len(names) < _MAX_NAMES:
                earlier = {old for ordinal, old in entry.names if ordinal < len(past.flags) and past.flags[ordinal]}
                names += sorted(earlier.difference(names))[: _MAX_NAMES - len(names)]
            totals = entry.before(past)
            if totals.n:
                parts.append(totals)
        return parts

    def _experience(self, author: str, time: int, areas: set[str], past: Past) -> tuple[int, float, int]:
        person = self.author(author) or AuthorHistory()
        cut = past.outside(person.ordinals)
        recent = rexp(person.sorted_times, time, [person.times[k] for k in cut])
        lists = [person.areas[a] for a in areas if a in person.areas]
        if len(lists) == 1:
            return len(person.ordinals) - len(cut), recent, len(lists[0]) - len(past.outside(lists[0]))
        either = set().union(*lists)
        return len(person.ordinals) - len(cut), recent, len(either) - len(either.intersection([person.ordinals[k] for k in cut]))


def _together(parts: Sequence[Totals]) -> Totals:
    """Totals of a file over the names it had."""
    if not parts:
        return Totals()
    by_author = dict(parts[0].by_author)
    for part in parts[1:]:
        for who, n in part.by_author.items():
            by_author[who] = by_author.get(who, 0) + n
    fix_times = sorted(chain.from_iterable([part.fix_times for part in parts]))
    return Totals(sum(p.n for p in parts), by_author, fix_times, min(p.first for p in parts), max(p.last for p in parts), max(by_author.values()))


_NO_PAST = FilePast(0, 0, 0, 0, 0, 0, None, None, None)
