"""What a repository's past says by month, quarter or year: risk, fixes, categories, calibration, drift. Values and figures; `trend.py` brings the changes.

A period that holds too little for a figure has none (NaN or None), never 0: a share of three changes says nothing, and a line drawn through it would.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cached_property
from random import Random
from statistics import fmean
from typing import Final

from codex_gate import intervals, plots, watch
from codex_gate.backtest import Change, Replayed
from codex_gate.decks import BLOCKS, ENDS
from codex_gate.intervals import Interval
from codex_gate.taxonomy import UNCLASSIFIED
from codex_gate.watch import MIN_WINDOW, SEED, DriftReport, Observation

MONTH: Final = "month"
PERIODS: Final = (MONTH, "quarter", "year")
MIN_CHANGES: Final = 10  # fewer have no 90th percentile, and a share of ± 30 points (chosen)
MIN_FIXES: Final = 5  # for the shares of their categories, which then are coarse (chosen: ten were there in 2 of 29 quarters of ripgrep)
MIN_JUDGED: Final = 15  # fewer give a share of ± 20 points (chosen)
UNKNOWN: Final = Interval(math.nan, math.nan, math.nan)


@dataclass(frozen=True, slots=True)
class Period:
    """What one month, quarter or year took in; shares and risks in [0, 1].

    Attributes:
        mean_risk, high_risk: mean predicted risk, and the 90th percentile; NaN with fewer than MIN_CHANGES.
        n_fixes, fixes: changes that are fixes themselves, and their share.
        categories: how many of these fixes are about each category of defect; empty with fewer than MIN_FIXES.
        judged: changes old enough to say whether they needed a fix; `predicted` their mean risk, `observed` the share that needed one,
            `soon` the share that needed one within the time that half of the fixes here take, which is the same for every period; unknown with fewer than MIN_JUDGED.
        drift: how the period differs from the one before; either is joined by those before it until there are MIN_WINDOW changes. None where that is not to be had.
    """

    name: str
    n: int
    mean_risk: float = math.nan
    high_risk: float = math.nan
    n_fixes: int = 0
    fixes: Interval = UNKNOWN
    categories: Mapping[str, int] | None = None
    judged: int = 0
    predicted: float = math.nan
    observed: Interval = UNKNOWN
    soon: Interval = UNKNOWN
    drift: DriftReport | None = None

    @property
    def is_small(self) -> bool:
        """Whether it holds too few changes for a mean."""
        return self.n < MIN_CHANGES

    @property
    def fits(self) -> bool | None:
        """Whether as many needed a fix as was predicted, within the interval; None where it cannot be said."""
        return None if math.isnan(self.predicted) else self.observed.low <= self.predicted <= self.observed.high


@dataclass(frozen=True)
class Trend:
    """A repository's last changes by period, oldest first, empty periods included; `by` is one of PERIODS."""

    replayed: Replayed
    by: str
    periods: tuple[Period, ...]

    @cached_property
    def n_fixes(self) -> int:
        return sum(p.n_fixes for p in self.periods)

    @property
    def compared(self) -> list[Period]:
        """The periods that could be compared with what came before."""
        return [p for p in self.periods if p.drift is not None]

    @property
    def drifted(self) -> list[Period]:
        return [p for p in self.compared if p.drift is not None and p.drift.drift]

    @cached_property
    def categories(self) -> list[str]:
        """The categories of the fixes shown, the most frequent first, those without one last."""
        total: Counter[str] = Counter()
        for period in self.periods:
            total.update(period.categories or {})
        named = sorted((name for name in total if name != UNCLASSIFIED), key=lambda name: (-total[name], name))
        return [*named, *([UNCLASSIFIED] if UNCLASSIFIED in total else [])]


def summarise(replayed: Replayed, observed: Sequence[Observation], fixes: Set[str], by: str | None = None, older: int = 0) -> Trend:
    """The changes by period.

    Args:
        observed: one for each change, in the same order.
        fixes: SHAs of the changes that are fixes.
        by: one of PERIODS; None takes months for up to three years, quarters for up to ten, years beyond, and longer ones where most would be too small.
        older: changes of the repository before the first of these.
    """
    names = _names([c.time for c in replayed.changes], by)
    order = plots.every_period(names)
    inside: dict[str, list[int]] = {name: [] for name in order}
    for place, name in enumerate(names):
        inside[name].append(place)
    seen = [[observed[k] for k in inside[name]] for name in order]
    found = []
    for at, name in enumerate(order):
        changes = [replayed.changes[k] for k in inside[name]]
        found.append(_period(name, changes, replayed, {o.sha: o.category for o in seen[at] if o.sha in fixes}, _drift(seen[: at + 1], older)))
    return Trend(replayed, by or _grain(order[0]), tuple(found))


def _names(times: Sequence[int], by: str | None) -> list[str]:
    """The period of each time; where nobody asked for one, a longer one than age alone asks for as long as most would hold too little."""
    names = plots.period_names(times, by)
    if by is None:
        for longer in PERIODS[PERIODS.index(_grain(names[0])) + 1 :]:
            order, sizes = plots.every_period(names), Counter(names)
            if len(order) == 1 or 2 * sum(sizes[name] < MIN_CHANGES for name in order) <= len(order):
                break
            names = plots.period_names(times, longer)
    return names


def _grain(name: str) -> str:
    return "quarter" if "Q" in name else MONTH if "-" in name else "year"


def _period(name: str, changes: Sequence[Change], replayed: Replayed, fixes: Mapping[str, str], drift: DriftReport | None) -> Period:
    n, judged = len(changes), [c for c in changes if c.sha in replayed.judged]
    shown, tellable = n >= MIN_CHANGES, len(judged) >= MIN_JUDGED
    risks = sorted(c.risk for c in changes)
    soon = sum(c.repair is not None and c.repair.time - c.time <= replayed.ripening for c in judged)
    return Period(
        name,
        n,
        mean_risk=fmean(risks) if shown else math.nan,
        high_risk=risks[math.ceil(0.9 * n) - 1] if shown else math.nan,
        n_fixes=len(fixes),
        fixes=intervals.wilson(len(fixes), n) if shown else UNKNOWN,
        categories=Counter(fixes.values()) if len(fixes) >= MIN_FIXES else None,
        judged=len(judged),
        predicted=fmean(c.risk for c in judged) if tellable else math.nan,
        observed=intervals.wilson(sum(c.repair is not None for c in judged), len(judged)) if tellable else UNKNOWN,
        soon=intervals.wilson(soon, len(judged)) if tellable else UNKNOWN,
        drift=drift,
    )


def _drift(periods: Sequence[Sequence[Observation]], older: int) -> DriftReport | None:
    """The last of the periods against the one before, by `watch.judge` as monitor asks it; None where there is too little.

    Either side takes in whole periods before it until it holds MIN_WINDOW, the earlier one half of the later at least. The period itself must be
    the newest fifth of its side: that much is looked at for itself, so that its own drift can be seen.
    """
    window, rest = _newest(periods, MIN_WINDOW)
    least = max(MIN_WINDOW, len(window) // 2)
    before, rest = _newest(rest, least)
    if len(window) < MIN_WINDOW or len(before) < least or len(periods[-1]) * BLOCKS < len(window) * ENDS[0]:
        return None
    newest = window[-watch.fitting(len(window)) :]
    return watch.judge(before, newest, None, Random(SEED), authors=older + sum(map(len, rest)) >= len(newest))


def _newest(periods: Sequence[Sequence[Observation]], least: int) -> tuple[list[Observation], Sequence[Sequence[Observation]]]:
    """The newest periods that together hold `least` changes, or all there are, as one; and the periods before them."""
    taken: list[Observation] = []
    for at in range(len(periods) - 1, -1, -1):
        taken = [*periods[at], *taken]
        if len(taken) >= least:
            return taken, periods[:at]
    return taken, []
