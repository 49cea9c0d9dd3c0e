"""What deserves attention in this repository: which kinds of defects, and which files. Values alone; `survey.py` brings them from a repository.

The matrix. A category's frequency is its share of the past fixes that tell one, a fix of `age` days weighing
0.5 ** (age / half-life). Its severity stands in `taxonomy.HARMS`. The priority of a finding is the severity, a step up where the category
is frequent here, a step down where it is rare, as it is where too few fixes tell. It is monotone in both, so no worse and more frequent
category ranks below another (what Cox 2008, Risk Analysis 28(2), asks of such matrices at least).

The score of a file stands in for the technical debt gradient (TDG): `score = 100 · Σ w·p / Σ w` over its parts p in [0, 1] that are known.

    complexity  w 0.25  summed cyclomatic complexity of its functions as it is now (McCabe 1976); unknown in a language that is not measured
    churn       w 0.25  commits that touched it, weighted by age as fixes are (Graves et al. 2000, TSE 26(7): the number of changes tells more than length)
    fixes       w 0.25  those of them that say that they repair a defect (the same; Kim et al. 2007, ICSE: faults come where faults were)
    ownership   w 0.25  1 − the share of the author with most of these weighted commits (Bird et al. 2011, FSE); unknown where nobody touched it

Each part is the share of the other files, of those of which it is known, that have less. So a score compares the files of one repository at one time,
and a repository of any quality has files that score high; scores of two repositories do not compare.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

from codex_gate import intervals
from codex_gate.intervals import Interval
from codex_gate.taxonomy import HARMS, DefectCategory, Severity, applies
from codex_gate.types import Notice

DAY: Final = 86_400
HALF_LIFE: Final = 730.0  # days; Graves et al. 2000 found a third fewer faults in a module a year older, which halves in 1.7 years
WINDOW: Final = 10 * 365  # days, five half-lives: what is older would weigh at most 1/32 (chosen)
FREQUENT: Final = 0.10  # share of the told fixes from which on a category is frequent, twice an even share of 18 (chosen)
RARE: Final = 0.03  # and below which it is rare, half an even share (chosen)
MIN_TOLD: Final = 20.0  # fixes, as weighted ones count: with fewer a share of a tenth may be anything from 3 to 30 % (95 % interval)
WEIGHTS: Final[Mapping[str, float]] = {"complexity": 0.25, "churn": 0.25, "fixes": 0.25, "ownership": 0.25}
"""Of the parts of a score; equal (chosen: leaving one out does no better beyond its interval, docs/priority.md)."""


class Frequency(StrEnum):
    """How large a part of the past fixes a category has."""

    UNKNOWN = "unknown"
    RARE = "rare"
    OCCASIONAL = "occasional"
    FREQUENT = "frequent"


_STEP: Final = {Frequency.RARE: -1, Frequency.FREQUENT: 1}


class PastFix(NamedTuple):
    """A fix: when it was made (Unix seconds) and which kind of defect it is about, None where nobody can tell."""

    time: int
    category: DefectCategory | None


class Row(NamedTuple):
    """A category: how many past fixes, their share by weight with its 95 % interval (NaN without any), what follows."""

    category: DefectCategory
    n: int
    share: Interval
    frequency: Frequency
    severity: Severity
    priority: Severity


class FileFacts(NamedTuple):
    """A file: its complexity (NaN where unknown), and (author, Unix seconds, whether a fix) of each commit that touched it."""

    path: str
    complexity: float
    touches: tuple[tuple[int, int, bool], ...]


class HotFile(NamedTuple):
    """A file with its score in [0, 100] and the parts, in [0, 1], NaN where unknown; `owner` is the share of its main author by weight."""

    path: str
    score: float
    parts: Mapping[str, float]
    complexity: float
    commits: int
    fixes: int
    authors: int
    owner: float


@dataclass(frozen=True, slots=True)
class Priorities:
    """The matrix and the files of a repository at one commit.

    Attributes:
        head: the commit; `until` is its time, `since` that of the oldest commit of the window (Unix seconds).
        n_commits: commits in the window that touch paths which are looked at, merges aside; `n_fixes` of them say that they repair a defect, `n_told` of these tell a category.
        rows: the categories that can occur here, the most pressing first; `absent` are the others.
        files: those of program text, the highest score first, without tests, vendored ones and those that nothing is to be said of.
        limit: the score that fails, None where none does.
    """

    repository: str
    head: str
    since: int
    until: int
    half_life: float
    n_commits: int
    n_fixes: int
    n_told: int
    rows: tuple[Row, ...]
    absent: tuple[DefectCategory, ...]
    files: tuple[HotFile, ...]
    limit: float | None = None
    notices: tuple[Notice, ...] = ()
    seconds: float = 0.0

    @property
    def over(self) -> list[HotFile]:
        """The files whose score reaches the limit."""
        return [file for file in self.files if self.limit is not None and file.score >= self.limit]

    @property
    def is_known(self) -> bool:
        """Whether there are fixes enough to tell how frequent categories are."""
        return any(row.frequency is not Frequency.UNKNOWN for row in self.rows)


def weight(time: int, until: int, half_life: float) -> float:
    """What a commit of this time counts, in (0, 1]; 1 at `until` and after it. Times in Unix seconds, the half-life in days."""
    return math.exp2(-max(0, until - time) / (half_life * DAY))


# -- the matrix ----------------------------------------------------------------------------------------


def priority(severity: Severity, frequency: Frequency) -> Severity:
    """The severity of a finding here: that of its category, a step up where it is frequent, a step down where it is rare."""
    grades = list(Severity)
    return grades[min(len(grades) - 1, max(0, severity.rank + _STEP.get(frequency, 0)))]


def frequency(share: float, told: float) -> Frequency:
    """What a share in [0, 1] is called; `told` says how many fixes it rests on, as weighted ones count."""
    if told < MIN_TOLD:
        return Frequency.UNKNOWN
    return Frequency.FREQUENT if share >= FREQUENT else Frequency.RARE if share < RARE else Frequency.OCCASIONAL


def matrix(
    fixes: Collection[PastFix], languages: Collection[str], until: int, half_life: float = HALF_LIFE
) -> tuple[tuple[Row, ...], tuple[DefectCategory, ...]]:
    """A row for each category that was seen or can occur in these languages, the most pressing first; and the categories that cannot.

    Source: the drawing of the specification, §1.2; how the matrix works is chosen (docs/priority.md).
    """
    told = [(fix.category, weight(fix.time, until, half_life)) for fix in fixes if fix.category is not None]
    whole = math.fsum(w for _, w in told)
    squares = math.fsum(w * w for _, w in told)
    size = whole * whole / squares if squares else 0.0  # as many equal weights tell as much (Kish 1965)
    counts = Counter(category for category, _ in told)
    rows, absent = [], []
    for category in DefectCategory:
        if not counts[category] and not applies(category, frozenset(languages)):
            absent.append(category)
            continue
        share = math.fsum(w for of, w in told if of is category) / whole if whole else math.nan
        often, severity = frequency(share, size), HARMS[category].severity
        found = intervals.wilson(share * size, size) if whole else Interval(math.nan, 0.0, 1.0)
        rows.append(Row(category, counts[category], found, often, severity, priority(severity, often)))
    rows.sort(key=lambda row: (-row.priority.rank, -row.n if math.isnan(row.share.value) else -row.share.value, -row.severity.rank))
    return tuple(rows), tuple(absent)


# -- the files -----------------------------------------------------------------------------------------


def scored(files: Sequence[FileFacts], until: int, half_life: float = HALF_LIFE, weights: Mapping[str, float] = WEIGHTS) -> tuple[HotFile, ...]:
    """The files with their scores, the highest first; a file of which no part is known has none and is left out.

    Args:
        weights: of the parts, by name; those of WEIGHTS.
    """
    measured = [_measures(file, until, half_life) for file in files]
    ranks = {name: _ranks([m[name] for m in measured]) for name in weights}
    found = []
    for place, (file, measures) in enumerate(zip(files, measured, strict=True)):
        parts = {name: ranks[name][place] for name in weights}
        known = {name: part for name, part in parts.items() if not math.isnan(part)}
        if sum(weights[name] for name in known) <= 0:
            continue
        score = 100 * math.fsum(weights[name] * part for name, part in known.items()) / math.fsum(weights[name] for name in known)
        fixes, authors = sum(fix for _, _, fix in file.touches), len({who for who, _, _ in file.touches})
        found.append(HotFile(file.path, score, parts, file.complexity, len(file.touches), fixes, authors, 1 - measures["ownership"]))
    return tuple(sorted(found, key=lambda file: (-file.score, file.path)))


def _measures(file: FileFacts, until: int, half_life: float) -> dict[str, float]:
    """What the parts of a score are worked out of, by name; more is worse, NaN is unknown."""
    counts = [(author, weight(time, until, half_life), fix) for author, time, fix in file.touches]
    by_author: dict[int, list[float]] = {}
    for author, w, _ in counts:
        by_author.setdefault(author, []).append(w)
    churn = math.fsum(w for _, w, _ in counts)  # exact sums, so that files touched by the same commits tie
    ownership = 1 - max(map(math.fsum, by_author.values())) / churn if churn else math.nan
    return {"complexity": file.complexity, "churn": churn, "fixes": math.fsum(w for _, w, fix in counts if fix), "ownership": ownership}


def _ranks(values: Sequence[float]) -> list[float]:
    """For each value the share of the other known ones that are smaller, in [0, 1]; NaN for an unknown one, and where it is alone."""
    known = sorted(value for value in values if not math.isnan(value))
    return [math.nan if math.isnan(value) or len(known) < 2 else bisect_left(known, value) / (len(known) - 1) for value in values]
