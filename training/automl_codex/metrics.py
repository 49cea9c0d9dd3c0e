"""Measures of a ranking and of a probability, and bootstrap intervals over projects (numpy alone).

Throughout, `y` is (n,) of 0 and 1, `score` (n,) of numbers of which higher means riskier.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from codex_gate.intervals import Interval


def log_odds(p: np.ndarray, held: float = 1e-6) -> np.ndarray:
    """log(p / (1 − p)) of probabilities or scores, which are held so far from 0 and 1."""
    inside = np.clip(p, held, 1 - held)
    return np.asarray(np.log(inside / (1 - inside)))


def auc(y: np.ndarray, score: np.ndarray, weight: np.ndarray | None = None) -> float:
    """Area under the ROC curve: P(a buggy commit outranks a clean one), ties count half; NaN with one class only.

    `weight` (n,) counts each row that often.
    Source: Hanley & McNeil 1982, Radiology 143(1).
    """
    return _auc_of_places(y, _places(score), np.ones(len(y)) if weight is None else weight)


def _places(score: np.ndarray) -> np.ndarray:
    """The place of each score among the distinct ones, ascending (n,)."""
    return np.asarray(np.unique(score, return_inverse=True)[1])


def _auc_of_places(y: np.ndarray, place: np.ndarray, weight: np.ndarray) -> float:
    buggy = np.bincount(place, weight * y)
    clean = np.bincount(place, weight * (1 - y))
    pairs = buggy.sum() * clean.sum()
    if not pairs:
        return float("nan")
    below = np.cumsum(clean) - clean
    return float((buggy * (below + clean / 2)).sum() / pairs)


def average_precision(y: np.ndarray, score: np.ndarray) -> float:
    """Mean of precision over the buggy commits, each at its own score (ties share one threshold); NaN without any."""
    values, place = np.unique(-score, return_inverse=True)
    buggy = np.bincount(place, y, len(values))
    seen = np.cumsum(np.bincount(place, minlength=len(values)))
    return float((buggy * np.cumsum(buggy) / seen).sum() / y.sum()) if y.sum() else float("nan")


def recall_at(y: np.ndarray, score: np.ndarray, share: float = 0.2) -> float:
    """Share of the buggy commits among the riskiest `share` of commits; ties at the border count in part."""
    if not y.sum():
        return float("nan")
    budget = share * len(y)
    values, place = np.unique(-score, return_inverse=True)
    buggy = np.bincount(place, y, len(values))
    size = np.bincount(place, minlength=len(values))
    before = np.cumsum(size) - size
    taken = np.clip((budget - before) / size, 0.0, 1.0)
    return float((buggy * taken).sum() / y.sum())


def brier(y: np.ndarray, p: np.ndarray) -> float:
    """Mean squared distance of the probability from what happened; [0, 1], lower is better. Source: Brier 1950."""
    return float(np.mean((p - y) ** 2))


def tied(y: np.ndarray, p: np.ndarray) -> np.ndarray:
    """The share of buggy rows (n,) among those of the same probability."""
    _, place = np.unique(p, return_inverse=True)
    return np.asarray((np.bincount(place, y) / np.bincount(place))[place])


def ece(y: np.ndarray, p: np.ndarray, bins: int = 10) -> float:
    """Expected calibration error over `bins` bins of equal mass: mean |share of buggy − mean probability|.

    Rows of one probability share their labels, so that none of it depends on the order of the rows.

    Source: Nixon et al. 2019, "Measuring calibration in deep learning" (adaptive bins).
    """
    y = tied(y, p)
    order = np.argsort(p, kind="stable")
    parts = np.array_split(order, min(bins, len(order)))
    return float(sum(len(i) * abs(y[i].mean() - p[i].mean()) for i in parts) / len(order))


def f1_at_fpr(y: np.ndarray, score: np.ndarray, limit: float = 0.10) -> tuple[float, float]:
    """The best F1 of any threshold whose false-positive rate is at most `limit`, and that rate."""
    values, place = np.unique(-score, return_inverse=True)
    hits = np.cumsum(np.bincount(place, y, len(values)))
    alarms = np.cumsum(np.bincount(place, 1 - y, len(values)))
    rate = alarms / max(1, (1 - y).sum())
    f1 = 2 * hits / (hits + alarms + y.sum())
    f1[rate > limit] = 0.0
    best = int(np.argmax(f1))
    return float(f1[best]), float(rate[best])


def summary(y: np.ndarray, score: np.ndarray, p: np.ndarray) -> dict[str, float]:
    """All measures of one project: ranking by `score`, probabilities `p`."""
    return {
        "auc": auc(y, score),
        "average_precision": average_precision(y, score),
        "recall_at_20_percent": recall_at(y, score),
        "brier": brier(y, p),
        "ece": ece(y, p),
    }


def bootstrap_means(labels: Mapping[str, np.ndarray], scores: Sequence[Mapping[str, np.ndarray]], rng: np.random.Generator, draws: int = 1000) -> np.ndarray:
    """Mean AUC over projects for each model and draw: (len(scores), draws).

    A draw resamples projects and, within each, commits; all models see the same draw, so that
    differences of rows are paired. NaN where a draw has no project with both kinds.
    """
    names = sorted(labels)
    places = [{name: _places(by_project[name]) for name in names} for by_project in scores]  # sorted once, not in every draw
    means = np.empty((len(scores), draws))
    for draw in range(draws):
        found = []
        for name in rng.choice(names, len(names)):
            y = labels[name]
            weight = np.bincount(rng.integers(0, len(y), len(y)), minlength=len(y)).astype(float)
            found.append([_auc_of_places(y, by_project[name], weight) for by_project in places])
        means[:, draw] = np.nan if np.isnan(found).all() else np.nanmean(np.array(found), axis=0)
    return means


def auc_within(y: np.ndarray, score: np.ndarray, group: np.ndarray) -> float:
    """AUC (0 to 1) within groups: the mean over groups (n,) with both kinds, each counting as many times as it has rows with y 1; nan when there is none."""
    found = [(auc(y[rows], score[rows]), int(y[rows].sum())) for rows in (group == name for name in np.unique(group))]
    told = [(value, n) for value, n in found if not np.isnan(value)]
    return float(np.average([value for value, _ in told], weights=[n for _, n in told])) if told else float("nan")


def bootstrap_within(y: np.ndarray, scores: Sequence[np.ndarray], group: np.ndarray, rng: np.random.Generator, draws: int = 1000) -> np.ndarray:
    """`auc_within` for each of the scores (n,) and draw: (len(scores), draws). Rows are resampled within their group, for all scores alike, so that differences are paired."""
    groups = [np.flatnonzero(group == name) for name in np.unique(group)]
    sorted_once = [(y[rows], [_places(score[rows]) for score in scores]) for rows in groups]
    found = np.full((len(scores), draws), np.nan)
    for draw in range(draws):
        told = []
        for labels, places in sorted_once:
            weight = np.bincount(rng.integers(0, len(labels), len(labels)), minlength=len(labels)).astype(float)
            if 0 < (buggy := float(weight[labels == 1].sum())) < weight.sum():
                told.append([buggy, *(_auc_of_places(labels, place, weight) for place in places)])
        if told:
            by_group = np.array(told)
            found[:, draw] = np.average(by_group[:, 1:], axis=0, weights=by_group[:, 0])
    return found


def interval(value: float, draws: np.ndarray) -> Interval:
    """`value` with the 2.5th and 97.5th percentile of its bootstrap draws; NaN where no draw has a value."""
    if np.isnan(draws).all():
        return Interval(value, float("nan"), float("nan"))
    low, high = np.nanpercentile(draws, [2.5, 97.5])
    return Interval(value, float(low), float(high))
