"""95 % intervals of a share and of a ranking, in the standard library alone."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from statistics import variance
from typing import Final, NamedTuple

Z95: Final = 1.959964


class Interval(NamedTuple):
    """A figure with its 95 % interval; NaN where it is unknown."""

    value: float
    low: float
    high: float


def at_most(share: float, n: int) -> int:
    """How many of `n` are at most this share of them: 29 of 100 are 29 %, though .29 · 100 is a bit less than 29 in binary."""
    return math.floor(share * n + 1e-9)


def wilson(hits: float, n: float) -> Interval:
    """A share of n with its interval, which also holds for few and for none; NaN in 0 to 1 when n is 0. Source: Wilson 1927, JASA 22(158)."""
    if not n:
        return Interval(math.nan, 0.0, 1.0)
    share, z = hits / n, Z95
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return Interval(share, max(0.0, middle - half), min(1.0, middle + half))


def auc(hits: Sequence[float], others: Sequence[float]) -> Interval:
    """P(a score of `hits` lies above one of `others`), ties counted half, with the interval from the variance of placements.

    Returns:
        NaN where one side is empty; an unknown interval where one has a single score.
    Source: DeLong, DeLong & Clarke-Pearson 1988, Biometrics 44(3).
    """
    if not hits or not others:
        return Interval(math.nan, math.nan, math.nan)
    above = _placements(hits, sorted(others))
    value = math.fsum(above) / len(above)
    if len(hits) < 2 or len(others) < 2:
        return Interval(value, math.nan, math.nan)
    half = Z95 * math.sqrt(variance(above) / len(hits) + variance(_placements(others, sorted(hits))) / len(others))
    return Interval(value, max(0.0, value - half), min(1.0, value + half))


def _placements(scores: Sequence[float], among: Sequence[float]) -> list[float]:
    """Share of `among` (ascending) below each score."""
    return [(bisect_left(among, score) + bisect_right(among, score)) / (2 * len(among)) for score in scores]
