"""Curves behind the figures: ROC, precision and recall, calibration and effort (numpy alone).

Throughout, `y` is (n,) of 0 and 1, `score` (n,) of numbers of which higher means riskier, `p` (n,) of probabilities.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from automl_codex import metrics
from codex_gate.intervals import wilson

N_POINTS: Final = 200  # points of a curve that are kept: more cannot be told apart on a plot (chosen)


def roc(y: np.ndarray, score: np.ndarray) -> np.ndarray:
    """Points (k, 2) of (false-positive rate, recall), one for each distinct score, from (0, 0) to (1, 1); empty with one class only."""
    hits, alarms = _cumulated(y, score)
    if not hits[-1] or not alarms[-1]:
        return np.empty((0, 2))
    return np.vstack([[0.0, 0.0], np.column_stack([alarms / alarms[-1], hits / hits[-1]])])


def precision_recall(y: np.ndarray, score: np.ndarray) -> np.ndarray:
    """Points (k, 2) of (recall, precision), one for each distinct score, highest score first; empty without a buggy commit."""
    hits, alarms = _cumulated(y, score)
    return np.column_stack([hits / hits[-1], hits / (hits + alarms)]) if hits[-1] else np.empty((0, 2))


def _cumulated(y: np.ndarray, score: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    values, place = np.unique(-score, return_inverse=True)
    return np.cumsum(np.bincount(place, y, len(values))), np.cumsum(np.bincount(place, 1 - y, len(values)))


def thinned(points: np.ndarray, most: int = N_POINTS) -> np.ndarray:
    """At most `most` of the points (k, 2), both ends among them, evenly spaced along the curve."""
    if len(points) <= most:
        return points
    way = np.concatenate([[0.0], np.cumsum(np.abs(np.diff(points, axis=0)).sum(1))])
    chosen = np.searchsorted(way, np.linspace(0.0, way[-1], most))
    chosen[0], chosen[-1] = 0, len(points) - 1
    return np.asarray(points[np.unique(chosen)])


class Bin(NamedTuple):
    """Commits of neighbouring risk: how many, their least, mean and greatest risk, the share that needed a fix with its 95 % interval."""

    n: int
    low: float
    high: float
    mean_risk: float
    observed: float
    observed_low: float
    observed_high: float


def calibration(y: np.ndarray, p: np.ndarray, bins: int = 10) -> tuple[Bin, ...]:
    """Reliability in bins of equal mass, those that `metrics.ece` averages over."""
    parts, y = np.array_split(np.argsort(p, kind="stable"), min(bins, len(p))), metrics.tied(y, p)
    return tuple(
        Bin(len(i), float(p[i[0]]), float(p[i[-1]]), float(p[i].mean()), float(y[i].mean()), *wilson(round(float(y[i].sum())), len(i))[1:]) for i in parts
    )


def log_loss(y: np.ndarray, p: np.ndarray) -> float:
    """Mean −log of the probability given to what happened; probabilities of 0 and 1 are taken for 2e-16 from the end."""
    tiny = np.finfo(float).eps
    q = np.clip(p.astype(float), tiny, 1 - tiny)
    return float(-np.mean(y * np.log(q) + (1 - y) * np.log1p(-q)))


class Effort(NamedTuple):
    """Share of the buggy commits found in the first 20 % of lines, and Popt, both in [0, 1]."""

    recall_at_20_percent_effort: float
    popt: float


def by_effort(y: np.ndarray, score: np.ndarray, lines: np.ndarray) -> Effort:
    """Effort-aware figures when commits are read in the order of score (≥ 0) per line.

    Args:
        lines: (n,) lines to read; at least one is counted for each commit.
    Returns:
        NaN without a buggy commit. Popt is 1 for the best order and 0 for the worst.
    Source: Mende & Koschke 2010, CSMR; Kamei et al. 2013, TSE 39(6), §5.3.
    """
    if not y.sum():
        return Effort(float("nan"), float("nan"))
    cost = np.maximum(lines.astype(float), 1.0)
    mine = np.lexsort((cost, -score / cost))  # equals are read smallest first
    best, worst = np.lexsort((cost, -y)), np.lexsort((-cost, y))
    spent, share = _found(y, cost, mine)
    recall = float(share[np.searchsorted(spent, 0.2 + 1e-12, "right") - 1])
    area, most, least = (float(np.trapezoid(s, x)) for x, s in (_found(y, cost, order) for order in (mine, best, worst)))
    return Effort(recall, 1 - (most - area) / (most - least) if most > least else float("nan"))


def _found(y: np.ndarray, cost: np.ndarray, order: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(share of lines read, share of buggy commits found) after each commit in this order, from (0, 0)."""
    spent, share = np.cumsum(cost[order]), np.cumsum(y[order])
    return np.concatenate([[0.0], spent / spent[-1]]), np.concatenate([[0.0], share / share[-1]])
