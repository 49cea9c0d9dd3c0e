"""The sentences about drift that the terminal, Markdown and the page share."""

from __future__ import annotations

from typing import Final

from codex_gate.drift import LEAST, LEVEL, MIX_LEVEL, Move, Shift
from codex_gate.reporters.backtest.words import day, share
from codex_gate.reporters.wording import count, short
from codex_gate.watch import DEFECT, DriftReport, called

COLUMNS: Final = ("times threshold", "since")


def verdict(report: DriftReport) -> str:
    """The headline."""
    if not report.drift:
        return "No drift"
    names = [called(one) for one in drifted(report)]
    return f"Drift: {', '.join(names[:4])}" + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def drifted(report: DriftReport) -> list[str]:
    """What the verdict rests on: names of streams, the loudest first, and "calibration"."""
    names = [s.name for s in report.moved] if report.calibrated else ["category"]
    if report.fit is not None and report.fit.drifted and report.calibrated:
        names.append("calibration")
    return names


def scope(report: DriftReport) -> str:
    """What is compared with what."""
    (begin, end), (first, last) = report.periods
    earlier = f", {day(begin)} to {day(end)}" if end else ""
    newer = f", {day(first)} to {day(last)}," if last else ""
    base = f"{count(report.n_baseline, 'change')} of the baseline" if report.is_foreign else f"{report.n_baseline:,} before them"
    return f"The last {count(report.n_window, 'change')}{newer} against the {base}{earlier}."


def divergence(report: DriftReport) -> str:
    """The figure that the specification asks for, and where its threshold comes from."""
    if not report.calibrated:
        return f"KL divergence of the categories {report.kl_divergence:.3f}, threshold {report.threshold:g} as given; nothing else decides."
    return f"KL divergence of the categories {report.kl_divergence:.3f}, threshold {report.threshold:.3f}: calibrated on these changes."


def method() -> str:
    """What calibrated means."""
    return (
        f"Divergences are PSI; below .1 is called stable. A threshold is what the same changes, reshuffled in blocks of neighbours, pass in {100 * LEVEL:g} % of the cases, all rows together, and at least {LEAST:g}. "
        f"The row {DEFECT} is of the changes that are about a defect, by what is said of them or by what a repair is likeliest about. It holds the evidence that half of one kind has become another, as a logarithm of likelihoods; "
        f"a PSI beside it counts too, and both together pass in {100 * MIX_LEVEL:g} % of the cases. "
        "Newest parts of the window, from a fifth on, are looked at for themselves too, by thresholds of their own, so a row can have drifted before its whole window has."
    )


def moved(shift: Shift) -> str:
    """Which shares changed: "python: 60 % → 20 %, rust: 1 % → 41 %"."""
    return ", ".join(_move(move) for move in shift.moved)


def _move(move: Move) -> str:
    return f"{move.name}: {share(move.before)} → {share(move.now)}"


def times(shift: Shift) -> str:
    """By how many times the part that stands out most passed its threshold; with as many digits as show whether it did (4 at most)."""
    digits = next((n for n in (2, 3) if (round(shift.ratio, n) > 1) is shift.drifted), 4)
    return f"{shift.ratio:.{digits}f}"


def since(report: DriftReport, shift: Shift) -> str:
    """The day and the change that it seems to have begun with, "" where it did not."""
    start = report.starts.get(shift.name)
    if start is None:
        return ""
    return f"{day(start.time)} {short(start.sha)}".strip() if start.time else short(start.sha)


def part(report: DriftReport, shift: Shift) -> str:
    """How much of the window stands out most, which is what decided."""
    return "in the whole window" if shift.length == report.n_window else f"in the newest {shift.length:,}"


def steady(report: DriftReport) -> str:
    """The streams that are as before."""
    names = [called(s.name) for s in report.shifts if not s.drifted]
    return f"As before: {', '.join(names)}." if names else ""


def fit(report: DriftReport) -> str:
    """Whether the risks still fit, "" where it was not looked at."""
    found = report.fit
    if found is None:
        return ""
    counted = "Counted are fixes within the time that half of them take."
    sides = f"{found.ratio_now:.2f} fixed for each that was predicted, in {found.n_now:,} changes of the window; {found.ratio_before:.2f} in {found.n_before:,} before"
    if not found.drifted:
        return f"The risks fit as before: {sides}. {counted}"
    return f"The risks no longer fit: {sides}, {found.quotient:.2f} times (threshold {found.threshold:.2f} either way). {counted}"


def advice(report: DriftReport) -> str:
    """What to do."""
    if not report.drift:
        return ""
    if report.is_foreign:
        return "Look at what moved. If the baseline is what the model knows and the new changes are what it is to judge, retrain on their history, so that it knows them."
    return "Look at what moved. If it is here to stay, retrain on this repository's history, so that the model knows it; a burst passes by itself."
