"""The sentences and cells of a trend that the terminal and the page share."""

from __future__ import annotations

import math

from codex_gate.periods import MIN_CHANGES, MIN_JUDGED, PERIODS, Period, Trend
from codex_gate.reporters.backtest.words import about, between, day, learned, share
from codex_gate.reporters.wording import count
from codex_gate.watch import MIN_WINDOW, DriftReport, called

COLUMNS = ("changes", "risk", "1 in 10", "fixes", "predicted", "needed a fix", "drift")


def scope(found: Trend) -> str:
    times = [c.time for c in found.replayed.changes]
    return f"{count(len(times), 'change')}, {day(min(times))} to {day(max(times))}, by {found.by}"


def flattered(found: Trend) -> str:
    """A warning where the model has seen the answers."""
    return learned(found.replayed)


def fixes(found: Trend) -> str:
    """How many of the changes are fixes."""
    n = len(found.replayed.changes)
    return f"{count(found.n_fixes, 'change is a fix', 'changes are fixes')} ({share(found.n_fixes / n)})."


def calibration(found: Trend) -> str:
    """What became of the changes that can be judged, against what was predicted of them."""
    past = found.replayed
    if math.isnan(past.ripening):
        return "No later commit repairs any of these changes: whether the risks fit cannot be said."
    if not past.judged:
        return "No change here is old enough to be judged: whether the risks fit cannot be said."
    predicted, observed = past.fit()
    old = f"at least {about(past.ripening)} old, the age by which half of the fixes here had come"
    text = f"Of {count(len(past.judged), 'change')} {old}, {share(observed)} needed a fix; {share(predicted)} was predicted."
    told = [p for p in found.periods if p.fits is not None]
    off = [p.name for p in told if not p.fits]
    if not told:
        return f"{text} No {found.by} holds at least {MIN_JUDGED} of them."
    if not off:
        return f"{text} The prediction lies within the interval of all {count(len(told), found.by)} that {'holds' if len(told) == 1 else 'hold'} at least {MIN_JUDGED} of them."
    return f"{text} It lies outside of the interval in {len(off)} of {count(len(told), found.by)}: {some(off)}."


def drift(found: Trend) -> str:
    """In which periods monitoring would have spoken."""
    if not found.compared:
        return f"Drift cannot be said: that takes {MIN_WINDOW} changes on either side, and a {found.by} that is the newest fifth of its side."
    if not found.drifted:
        return f"No drift in {count(len(found.compared), found.by)} that could be compared with what came before."
    return f"Drift in {len(found.drifted)} of {count(len(found.compared), found.by)} that could be compared: {some([p.name for p in found.drifted])}."


def some(names: list[str], most: int = 6) -> str:
    """Names in a row, the newest where there are too many."""
    return ", ".join(names) if len(names) <= most else f"{', '.join(names[-most:])} and {len(names) - most} earlier"


def gaps(found: Trend) -> str:
    """Which periods lack a figure and why, "" where none does."""
    small, unjudged, apart = (sum(lacks) for lacks in zip(*((p.is_small, p.fits is None, p.drift is None) for p in found.periods), strict=True))
    why = [
        *([f"{small} {_hold(small)} fewer than {MIN_CHANGES} changes"] if small else []),
        *([f"{unjudged} {_hold(unjudged)} fewer than {MIN_JUDGED} that can be judged"] if unjudged else []),
        *([f"{apart} cannot be compared with what came before"] if apart else []),
    ]
    if not why:
        return ""
    text = f"– where there is too little to say: of {count(len(found.periods), found.by)} {', '.join(why)}."
    longer = PERIODS[PERIODS.index(found.by) + 1 :]
    return f"{text} Try --by {longer[0]}." if longer and 3 * small > len(found.periods) > 1 else text


def _hold(n: int) -> str:
    return "holds" if n == 1 else "hold"


def method(found: Trend, *, lacks: bool = False) -> str:
    """What the figures mean; `lacks` where the column 1 in 10 is left out."""
    left = ", which a narrow terminal leaves out," if lacks else ""
    return (
        f"Each change was scored as it came in, with only what was known before it; the column 1 in 10{left} holds the risk that one change in ten is above. A change is a fix where at least half of its commits say that they repair a defect. "
        f"Here {found.replayed.labels}. Later fixes will raise what the newest periods show. Drift: what monitor would have said at the end of the period, against the one before; earlier ones join either until it holds {MIN_WINDOW} changes."
    )


def moved(report: DriftReport) -> str:
    """What drifted: the name where it is one, "no" without."""
    names = [called(s.name) for s in report.moved]
    return "no" if not report.drift else names[0] if len(names) == 1 else f"{len(names)} measures"


def cells(period: Period) -> tuple[str, ...]:
    """A table row under COLUMNS."""
    repairs = "–" if math.isnan(period.fixes.value) else f"{period.n_fixes:,} ({share(period.fixes.value)})"
    said = "–" if period.drift is None else moved(period.drift)
    return (f"{period.n:,}", share(period.mean_risk), share(period.high_risk), repairs, *judged(period), said)


def judged(period: Period) -> tuple[str, str]:
    """What was predicted, and what needed a fix with its interval: with as many digits as show that the one lies outside of the other (3 at most)."""

    def outside(digits: int) -> bool:
        low, value, high = (round(100 * value, digits) for value in (period.observed.low, period.predicted, period.observed.high))
        return not low <= value <= high

    digits = next(filter(outside, range(3)), 3) if period.fits is False else 0
    return share(period.predicted, digits), between(period.observed, digits)
