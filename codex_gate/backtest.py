"""What a replay of a repository's past changes says: values and figures, without git and without a model.

A change is what the first-parent line took in: a merge with all that it brought, a squash or a commit. It was `fixed`
when a later change repairs it by the judgement of SZZ. Fixes take their time, so a change is judged only when it is
older than half of the fixes here took; flags and comments are counted over all changes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean, median
from typing import Final, NamedTuple

from codex_gate import intervals, plots
from codex_gate.intervals import Interval, at_most
from codex_gate.types import Level, Notice

DAY: Final = 86_400
SHARES: Final = (0.02, 0.05, 0.1, 0.2, 0.3, 0.5)  # shares of the changes whose thresholds are shown, beside the budget's (chosen)
N_BINS: Final = 5  # fifths: a thousand changes, half of them judged, leave a hundred in each


class Repair(NamedTuple):
    """The first fix of a change: the commit that repairs, the change that brought it, and when (Unix seconds)."""

    sha: str
    change: str
    time: int


@dataclass(frozen=True, slots=True)
class Change:
    """One past change as it would have been screened, and what became of it.

    `risk` and `level` are what was said with only what was known before it; `lines` are those it added.
    `is_code` tells that it touches program text, `large` that it is too large for SZZ, `doubtful` that fixes accuse it of which none is beyond doubt.
    """

    sha: str
    title: str
    time: int
    risk: float
    level: Level
    lines: float
    is_code: bool = True
    large: bool = False
    repair: Repair | None = None
    doubtful: bool = False

    @property
    def blamable(self) -> bool:
        """Whether a missing fix says something of it."""
        return not (self.large or self.doubtful)


class Flags(NamedTuple):
    """What a rule would have flagged: changes, their share and number a week, and what became of those that can be judged.

    `precision` is the share of the judged flags that needed a fix, `recall` the share of the judged changes that
    needed a fix which were flagged; NaN where there is nothing to divide by. `doubtful` are the flagged changes that only doubtful fixes accuse.
    """

    n: int
    share: float
    per_week: float
    judged: int
    fixed: int
    precision: Interval
    recall: float
    doubtful: int


class Fifth(NamedTuple):
    """Judged changes of neighbouring risk: mean predicted risk and the share that needed a fix."""

    n: int
    mean_risk: float
    observed: Interval


class Period(NamedTuple):
    """Changes of a month, quarter or year: how many, how many above the budget's threshold, their mean risk; of the judged ones the share that needed a fix."""

    name: str
    n: int
    flagged: int
    mean_risk: float
    judged: int
    observed: Interval


class Proposal(NamedTuple):
    """A threshold for a noise budget.

    Attributes:
        threshold: flag changes with a greater risk.
        flags: what that would have flagged.
        largest_first: the same number of flags for the changes that add most lines, to compare with.
        newer_half: share of the newer half that the older half's threshold would have flagged.
    """

    budget: float
    threshold: float
    flags: Flags
    largest_first: Flags
    newer_half: float


@dataclass(frozen=True)
class Replayed:
    """Past changes, oldest first, as one model would have screened them, and who of them can be judged; at least one.

    Attributes:
        labels: how fixes were found, in words.
        seen: how many of the changes hold commits that the model learned from.
    """

    repository: str
    model_version: str
    changes: tuple[Change, ...]
    labels: str
    seen: int
    notices: tuple[Notice, ...]
    seconds: float

    @cached_property
    def ripening(self) -> float:
        """Median seconds from a change to its first fix; NaN without a fix."""
        found = [max(0, c.repair.time - c.time) for c in self.changes if c.repair]
        return float(median(found)) if found else math.nan

    @cached_property
    def judged(self) -> frozenset[str]:
        """Changes old enough, not too large and not accused in doubt, so that a missing fix means something."""
        newest = max(c.time for c in self.changes)
        return frozenset(c.sha for c in self.changes if c.blamable and newest - c.time >= self.ripening)

    @cached_property
    def n_fixed(self) -> int:
        """Judged changes that needed a fix."""
        return sum(c.repair is not None for c in self.changes if c.sha in self.judged)

    @property
    def n_untold(self) -> int:
        return sum(not c.blamable for c in self.changes)

    @property
    def n_doubtful(self) -> int:
        """Changes that later fixes accuse, none of them beyond doubt."""
        return sum(c.doubtful for c in self.changes)

    def fit(self) -> tuple[float, float]:
        """(mean predicted risk, share that needed a fix) of the judged changes; NaN without any."""
        judged = [c for c in self.changes if c.sha in self.judged]
        return (fmean(c.risk for c in judged), self.n_fixed / len(judged)) if judged else (math.nan, math.nan)


@dataclass(frozen=True)
class Backtest(Replayed):
    """Replayed changes with a noise budget: what flags would have been worth."""

    budget: float

    @property
    def weeks(self) -> float:
        """Time from the oldest to the newest change; at least one week, so that a burst is not multiplied."""
        times = [c.time for c in self.changes]
        return max(1.0, (max(times) - min(times)) / (7 * DAY))

    def flags(self, flagged: Callable[[Change], bool]) -> Flags:
        """What a rule would have flagged."""
        chosen = [c for c in self.changes if flagged(c)]
        judged = [c for c in chosen if c.sha in self.judged]
        fixed = sum(c.repair is not None for c in judged)
        every = sum(c.repair is not None for c in self.changes if c.sha in self.judged)
        n = len(chosen)
        doubtful = sum(c.doubtful for c in chosen)
        right = intervals.wilson(fixed, len(judged))
        return Flags(n, n / len(self.changes), n / self.weeks, len(judged), fixed, right, fixed / every if every else math.nan, doubtful)

    def by_level(self) -> list[tuple[Level, Flags]]:
        """Each level with those above it, the loudest first; levels that no change reached are left out at the top."""
        found = [(level, self.flags(lambda c, rank=level.rank: c.level.rank >= rank)) for level in (Level.CRITICAL, Level.HIGH, Level.MODERATE)]  # type: ignore[misc]
        return [(level, flags) for level, flags in found if flags.n]

    def by_threshold(self) -> list[tuple[float, Flags]]:
        """The thresholds that let through at most each of SHARES, and the budget's, highest first."""
        return [(limit, self.above(limit)) for limit in self.limits()]

    def limits(self) -> list[float]:
        """These thresholds, highest first."""
        return sorted({self.threshold(share) for share in (*SHARES, self.budget)}, reverse=True)

    def above(self, limit: float) -> Flags:
        return self.flags(lambda c: c.risk > limit)

    def threshold(self, share: float, changes: Sequence[Change] | None = None) -> float:
        """The lowest risk that at most this share of the changes exceeds."""
        risks = sorted(c.risk for c in (changes or self.changes))
        return risks[max(0, len(risks) - 1 - at_most(share, len(risks)))]

    def proposal(self) -> Proposal:
        limit = self.threshold(self.budget)
        flags = self.above(limit)
        largest = {c.sha for c in sorted(self.changes, key=lambda c: -c.lines)[: flags.n]}
        middle = len(self.changes) // 2
        older, newer = self.changes[:middle], self.changes[middle:]
        then = self.threshold(self.budget, older)
        return Proposal(self.budget, limit, flags, self.flags(lambda c: c.sha in largest), sum(c.risk > then for c in newer) / len(newer))

    def calibration(self) -> list[Fifth]:
        """Judged changes in fifths by risk, the lowest first."""
        ranked = sorted((c for c in self.changes if c.sha in self.judged), key=lambda c: c.risk)
        n = len(ranked)
        parts = [ranked[n * i // N_BINS : n * (i + 1) // N_BINS] for i in range(N_BINS)]
        return [Fifth(len(p), fmean(c.risk for c in p), intervals.wilson(sum(c.repair is not None for c in p), len(p))) for p in parts if p]

    def over_time(self) -> list[Period]:
        limit = self.threshold(self.budget)
        names = plots.period_names([c.time for c in self.changes])
        found = []
        for name in sorted(set(names)):
            mine = [c for c, of in zip(self.changes, names, strict=True) if of == name]
            judged = [c for c in mine if c.sha in self.judged]
            observed = intervals.wilson(sum(c.repair is not None for c in judged), len(judged))
            found.append(Period(name, len(mine), sum(c.risk > limit for c in mine), fmean(c.risk for c in mine), len(judged), observed))
        return found

    def auc(self, code_only: bool = False) -> Interval:
        """P(a judged change that needed a fix was given a greater risk than one that did not); of those that touch program text alone on request."""
        judged = [c for c in self.changes if c.sha in self.judged and (c.is_code or not code_only)]
        return intervals.auc([c.risk for c in judged if c.repair], [c.risk for c in judged if not c.repair])

    def loudest(self, n: int) -> list[Change]:
        """The riskiest changes, the loudest first."""
        return sorted(self.changes, key=lambda c: (-c.risk, c.sha))[:n]

    def missing(self) -> str:
        """Why nothing can be said about right and wrong, "" when it can."""
        if not any(c.repair for c in self.changes):
            return "no later commit repairs any of these changes, so it cannot be said which flags would have been right"
        if not self.judged:
            return "no change here is old enough to be judged"
        return ""
