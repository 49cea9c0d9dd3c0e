"""From a risk to a level: how a change compares with what this repository usually merges."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from typing import Final

from codex_gate.intervals import at_most
from codex_gate.types import Level, Thresholds

N_RECENT: Final = 1000  # changes compared with; chosen, the drift window has the same size
MIN_CHANGES: Final = 50  # fewer give a top 2 % of one change: too little to compare with (chosen)
SHARES: Final = {Level.MODERATE: 0.30, Level.HIGH: 0.10, Level.CRITICAL: 0.02}
"""The noise budget: at most this share of a repository's recent changes reaches the level."""


def thresholds(recent: Sequence[float], base_rate: float, shares: Mapping[Level, float] = SHARES) -> Thresholds:
    """The risks above which each level begins.

    Args:
        recent: risks of the recent changes, ascending.
        base_rate: share of changes that need a fix where the model learned; no level begins below it.
        shares: the noise budget in (0, 1] by level.
    Returns:
        For each level of `shares` the risk that a change must exceed; no levels with fewer than MIN_CHANGES.
    """
    n = len(recent)
    if n < MIN_CHANGES:
        return Thresholds(n, base_rate)
    return Thresholds(n, base_rate, {level: max(base_rate, recent[max(0, n - 1 - at_most(share, n))]) for level, share in shares.items()})


def percentile(risk: float, recent: Sequence[float]) -> float | None:
    """Share of the recent changes with a lower risk, in percent, ties counted half; None with too few."""
    if len(recent) < MIN_CHANGES:
        return None
    return 50.0 * (bisect_left(recent, risk) + bisect_right(recent, risk)) / len(recent)


def above(risk: float, recent: Sequence[float]) -> float | None:
    """Share of the recent changes that the risk exceeds, in percent, ties left out; None with too few."""
    return 100.0 * bisect_left(recent, risk) / len(recent) if len(recent) >= MIN_CHANGES else None


def level(risk: float | None, limits: Thresholds) -> Level:
    """The highest level whose threshold the risk exceeds; unknown where nothing can be compared."""
    if risk is None or not limits.at:
        return Level.UNKNOWN
    return max((name for name, at in limits.at.items() if risk > at), key=lambda name: name.rank, default=Level.LOW)
