"""The sentences and cells of a backtest that the terminal and the page share."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Final

from codex_gate.backtest import DAY, Backtest, Change, Flags, Proposal, Replayed
from codex_gate.intervals import Interval, wilson
from codex_gate.periods import MIN_JUDGED
from codex_gate.reporters.wording import count, percent
from codex_gate.types import Level

COLUMNS: Final = ("changes", "share", "a week", "judged", "needed a fix", "found")
NAMES: Final = {Level.CRITICAL: "critical", Level.HIGH: "high and above", Level.MODERATE: "moderate and above"}
_FITS: Final = 0.01  # a mean risk this near to what happened fits, however many changes tell (chosen)


def day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).date().isoformat()


def about(seconds: float) -> str:
    """A span of time as a person would say it: days up to three months, then months, then years."""
    days = seconds / DAY
    if days < 91.5:
        return count(max(1, round(days)), "day")
    return count(round(days / 30.44), "month") if days < 730 else f"{days / 365.25:.1f} years"


def share(value: float, digits: int = 0) -> str:
    """A share in per cent, "–" where it is unknown."""
    return "–" if math.isnan(value) else "0 %" if not value else "100 %" if value == 1 else percent(value, digits)


def between(found: Interval, digits: int = 0) -> str:
    """A share with its interval: "24 % (17–34)"."""
    return "–" if math.isnan(found.value) else f"{share(found.value, digits)} ({100 * found.low:.{digits}f}–{100 * found.high:.{digits}f})"


def area(found: Interval) -> str:
    """An AUC with its interval: ".84 (.78 to .90)"."""
    value, low, high = (f"{v:.2f}" for v in found)
    return f"{value} ({low} to {high})" if not math.isnan(found.low) else value


def rate(per_week: float) -> str:
    """How often, in words: "2.4 a week", "one in 4 weeks"."""
    if not per_week:
        return "none"
    weeks = round(1 / per_week)
    return f"{per_week:.1f} a week" if weeks < 2 else f"one in {weeks:,} weeks"


def number(per_week: float) -> str:
    return f"{per_week:.1f}" if per_week >= 1 else f"{per_week:.2f}"


def cells(flags: Flags) -> tuple[str, ...]:
    """A table row under COLUMNS."""
    return (f"{flags.n:,}", share(flags.share), number(flags.per_week), f"{flags.judged:,}", between(flags.precision), share(flags.recall))


def limit(threshold: float, found: Backtest) -> str:
    """A threshold of a backtest, with as many digits as tell it from its others (one to five)."""
    others = [100 * at for at in found.limits()]
    digits = next((n for n in range(1, 5) if len({f"{at:.{n}f}" for at in others}) == len(others)), 5)
    return f"above {100 * threshold:.{digits}f} %"


def budget(part: float) -> str:
    """The noise budget in words: "at most 1 in 10 changes"."""
    whole = round(1 / part)
    return f"at most 1 in {whole:,} changes" if abs(1 / part - whole) < 1e-6 and whole > 1 else f"at most {100 * part:g} % of the changes"


def scope(found: Backtest) -> str:
    times = [c.time for c in found.changes]
    return f"{count(len(found.changes), 'change')}, {day(min(times))} to {day(max(times))}"


def method(found: Backtest) -> str:
    return f"Each was scored as it came in, with only what was known before it. Here {found.labels}."


def judgement(found: Backtest) -> str:
    """How many can be judged, and what became of them."""
    if missing := found.missing():
        return missing[:1].upper() + missing[1:] + "."
    young = len(found.changes) - len(found.judged) - sum(not c.blamable and c.sha not in found.judged for c in found.changes)
    n, ripe = len(found.judged), f"at least {about(found.ripening)} old, the age by which half of the fixes here had come"
    text = f"{n:,} are {ripe}; {found.n_fixed:,} of them ({share(found.n_fixed / n)}) needed a fix."
    if n == 1:
        text = f"1 is {ripe}; it needed {'a' if found.n_fixed else 'no'} fix."
    left = [f"{count(young, 'younger one')}" if young else "", f"{count(found.n_untold, 'very large or doubtful one')}" if found.n_untold else ""]
    left = [part for part in left if part]
    several = young + found.n_untold > 1
    return text + (f" {' and '.join(left)} {'are' if several else 'is'} counted as flagged or not, but not judged." if left else "")


def proposed(proposal: Proposal, found: Backtest) -> str:
    """The proposal and what is to be expected of it."""
    flags = proposal.flags
    flagged, often = (count(flags.n, "flag"), f", {rate(flags.per_week)}") if flags.n else ("no flag", "")
    text = f"For {budget(proposal.budget)}, flag a risk {limit(proposal.threshold, found)}: {flagged} in {len(found.changes):,} changes{often}."
    if not flags.judged:
        return text + _in_doubt(flags, found)
    rest = f" Of the {flags.judged:,} that can be judged, {flags.fixed:,} needed a fix: {share(flags.precision.value)} ({100 * flags.precision.low:.0f} to {100 * flags.precision.high:.0f} %)"
    return (
        text
        + rest
        + f", against {share(found.n_fixed / len(found.judged))} of all. That finds {share(flags.recall)} of the changes that needed one. Fixes still to come will raise these shares."
        + _in_doubt(flags, found)
    )


def _in_doubt(flags: Flags, found: Backtest) -> str:
    """What the flags meet beyond what is counted as right."""
    return f" Of all changes a fix accuses {found.n_doubtful:,} more in doubt, {flags.doubtful:,} of them flagged." if found.n_doubtful else ""


def compared(proposal: Proposal) -> str:
    """What tells whether the proposal is worth something: the plain rule beside it, and the budget kept on newer changes."""
    newer = f"Set on the older half of these changes alone, the budget would have flagged {share(proposal.newer_half)} of the newer half."
    if not proposal.largest_first.judged:
        return newer
    return f"As many flags on the changes that add most lines would have been right in {share(proposal.largest_first.precision.value)}. {newer}"


def nearest(found: Backtest) -> str:
    """The level that keeps the budget, and how to ask for it."""
    kept = [(level, flags) for level, flags in found.by_level() if flags.share <= found.budget]
    if not kept:
        return ""
    level, flags = kept[-1]
    return f"The level that keeps this budget is {level.value}, {count(flags.n, 'flag')} here: codex-gate screen --fail-on {level.value}"


def fit(found: Backtest) -> str:
    """How the probabilities and the order fit what happened; "" where nothing can be judged."""
    predicted, observed = found.fit()
    if math.isnan(predicted):
        return ""
    off, (_, low, high) = predicted - observed, wilson(found.n_fixed, len(found.judged))
    points = count(abs(round(100 * predicted) - round(100 * observed)), "point")
    if len(found.judged) < MIN_JUDGED:
        verdict = "too few to tell"
    elif abs(off) <= _FITS or low <= predicted <= high:
        verdict = "they fit"
    elif high < predicted <= 2 * high:  # what is judged is old enough for half of the fixes to have come
        verdict = "the fixes that are still to come may make up for it"
    else:
        verdict = f"they are too {'high' if off > 0 else 'low'} here by {points}: trust the order more than the number"
    ranking = found.auc()
    text = f"Mean predicted risk {share(predicted)}, observed {share(observed)} so far: {verdict}."
    if math.isnan(ranking.value):
        return text
    text += f" A change that needed a fix ranks above one that did not with probability {area(ranking)}"
    code = found.auc(code_only=True)
    return text + ("." if math.isnan(code.value) else f"; among changes to program text alone {area(code)}.")


def learned(found: Replayed) -> str:
    """A warning where the model has seen the answers."""
    return f"The model learned from {found.seen:,} of these changes: what follows flatters it." if found.seen else ""


def outcome(change: Change, found: Backtest) -> str:
    if change.repair:
        after = change.repair.time - change.time
        return f"fixed after {about(after)}" if after >= DAY else "fixed within a day"
    if not change.blamable:
        return "cannot be told"
    return "no fix" if change.sha in found.judged else "too young to judge"
