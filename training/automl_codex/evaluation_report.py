"""The EvaluationReport of the specification (§7.3) for a model of two classes, from plain arrays.

    report = from_predictions(y, p, time=time, project=project, threshold=0.5, base_rate=0.3, rng=rng)
    report.to_json()  # strict, valid against evaluation_report.schema.json

Whoever calls says how the predictions came about (`Origin`) and hands in what arrays cannot tell: importances,
ablations, latency, processor seconds. What was not measured is null, never zero.
"""

from __future__ import annotations

import json
import math
import time as clock
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import numpy as np

from automl_codex import curves, metrics
from codex_gate import intervals, levels, plots
from codex_gate.errors import UsageError
from codex_gate.types import Level

SCHEMA_VERSION: Final = 1
CLEAN, BUGGY = "clean", "needs_fix"
AVERAGING: Final = f"binary: precision, recall and F1 are those of the class {BUGGY}; per_category holds both classes, nothing is averaged over them"
MIN_ROWS: Final = 100  # fewer commits, or fewer than MIN_CLASS of either class, give an AUC of ± .1: shown, but not in the mean
MIN_CLASS: Final = 10


class CategoryMetrics(NamedTuple):
    """One class: commits of it, and figures that are NaN where there is nothing to divide by."""

    support: int
    precision: float
    recall: float
    f1_score: float


@dataclass(frozen=True)
class ConfusionMatrix:
    """Commits by truth (rows) and prediction (columns), both in the order of `labels`."""

    labels: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Origin:
    """Where the predictions come from, in words: model version, data, protocol, and the date of the evaluation."""

    model: str
    data: str
    protocol: str
    date: str


class Speed(NamedTuple):
    """Measured inference, one change at a time: mean milliseconds for one, and changes per second."""

    avg_latency_ms: float
    throughput_per_sec: float


class Importance(NamedTuple):
    """What a measure is worth to the model, in the unit that `importance_kind` names."""

    feature: str
    value: float


class Ablation(NamedTuple):
    """The model without a family of measures: mean AUC, and its difference to the full model with a 95 % interval (NaN: not computed)."""

    left_out: str
    auc_roc: float
    difference: float
    low: float = math.nan
    high: float = math.nan


class Ranking(NamedTuple):
    """How well a model ranks: pooled AUC and average precision, and the mean AUC over projects with its interval."""

    auc_roc: float
    auc_pr: float
    mean_project_auc: float
    low: float
    high: float


class LevelRow(NamedTuple):
    """What a level meant: its changes and those among them that needed a fix, all counted at their own level alone."""

    level: str
    n: int
    n_buggy: int
    observed: float


class Period(NamedTuple):
    """Commits of a month, quarter or year: mean predicted risk beside the observed share with its 95 % interval."""

    name: str
    n: int
    mean_risk: float
    observed: float
    observed_low: float
    observed_high: float


class Project(NamedTuple):
    """One project: its AUC with a 95 % interval, the baselines' AUCs, and how its risks fit what happened."""

    name: str
    n: int
    n_buggy: int
    auc_roc: float
    low: float
    high: float
    baselines: Mapping[str, float]
    mean_risk: float
    observed: float
    ece: float
    brier: float
    in_mean: bool


@dataclass(frozen=True)
class EvaluationReport:
    """All fields of §7.3 that a model of two classes has, and what an honest reading of them needs.

    Shares, probabilities and areas are in [0, 1]; NaN is unknown. Curves are (x, y) points by model name,
    the evaluated one under "model".
    """

    origin: Origin
    n: int
    n_buggy: int
    period: tuple[str, str]
    threshold: float
    accuracy: float
    precision: float
    recall: float
    f1_score: float
    false_positive_rate: float
    auc_roc: float
    auc_pr: float
    brier: float
    ece: float
    log_loss: float
    confusion_matrix: ConfusionMatrix
    per_category: Mapping[str, CategoryMetrics]
    recall_at_20_percent: float
    effort: Mapping[str, curves.Effort]
    ranking: Mapping[str, Ranking]
    roc: Mapping[str, tuple[tuple[float, float], ...]]
    precision_recall: Mapping[str, tuple[tuple[float, float], ...]]
    calibration: tuple[curves.Bin, ...]
    levels: tuple[LevelRow, ...]
    risk_over_time: tuple[Period, ...]
    projects: tuple[Project, ...]
    feature_importance: tuple[Importance, ...] = ()
    importance_kind: str = ""
    ablation: tuple[Ablation, ...] = ()
    speed: Speed | None = None
    cpu_seconds: Mapping[str, float] = field(default_factory=dict)
    seen_in_training: int | None = None  # commits that the model learned from; None: not known

    def to_object(self) -> dict[str, Any]:
        """The report as plain values; the specification's names, numbers rounded to six digits, unknown as None."""
        found = _plain(asdict(self))
        speed = found.pop("speed") or {"avg_latency_ms": None, "throughput_per_sec": None}
        head = {"schema": SCHEMA_VERSION, **found.pop("origin"), "averaging": AVERAGING, "interval": "95 %"}
        return {**head, **found, **speed}

    def to_json(self) -> str:
        """Strict JSON: no NaN, no infinity."""
        return json.dumps(self.to_object(), indent=1, allow_nan=False) + "\n"


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(v) for key, v in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return _plain(value._asdict())
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, float):
        return round(value, 6) + 0.0 if math.isfinite(value) else None
    return value


def from_predictions(
    y: np.ndarray,
    p: np.ndarray,
    *,
    time: np.ndarray,
    project: np.ndarray,
    threshold: float,
    base_rate: float,
    origin: Origin,
    rng: np.random.Generator,
    score: np.ndarray | None = None,
    lines: np.ndarray | None = None,
    baselines: Mapping[str, np.ndarray] | None = None,
    importances: Sequence[tuple[str, float]] = (),
    importance_kind: str = "",
    ablation: Sequence[Ablation] = (),
    speed: Speed | None = None,
    cpu_seconds: Mapping[str, float] | None = None,
    seen_in_training: int | None = None,
    draws: int = 1000,
) -> EvaluationReport:
    """The report on predictions for n commits.

    Args:
        y: (n,) 1 where the commit needed a fix, else 0.
        p: (n,) calibrated probabilities in [0, 1].
        time: (n,) Unix seconds. project: (n,) names.
        threshold: a commit with p above it is predicted to need a fix, in [0, 1].
        base_rate: that of the training data, below which no level begins.
        rng: for the bootstrap of the mean AUC over projects.
        score: (n,) ≥ 0, what ranks, where calibration has tied some of p; p itself when None.
        lines: (n,) changed lines, for the effort-aware figures.
        baselines: scores (n,) by name, to stand beside the model in ROC, precision–recall and per project.
        seen_in_training: how many of the commits the model learned from, None where that is not known.
    Raises:
        UsageError: no commits, arrays of different lengths, labels other than 0 and 1, p or threshold outside [0, 1].
    Source: specification §7.3.
    """
    ranks = p if score is None else score
    scores = {"model": ranks, **(baselines or {})}
    _check(y, p, threshold, {"time": time, "project": project, **scores} | ({} if lines is None else {"lines": lines}))
    flagged = p > threshold
    matrix = np.array([[np.sum((y == truth) & (flagged == said)) for said in (0, 1)] for truth in (0, 1)])
    classes = {name: _class(matrix, i) for i, name in enumerate((CLEAN, BUGGY))}
    rows = _projects(y, p, project, scores)
    chosen = [row.name for row in rows if row.in_mean]
    return EvaluationReport(
        origin=origin,
        n=len(y),
        n_buggy=int(y.sum()),
        period=(day(time.min()), day(time.max())),
        threshold=threshold,
        accuracy=float((flagged == y).mean()),
        precision=classes[BUGGY].precision,
        recall=classes[BUGGY].recall,
        f1_score=classes[BUGGY].f1_score,
        false_positive_rate=_share(matrix[0, 1], matrix[0].sum()),
        auc_roc=metrics.auc(y, ranks),
        auc_pr=metrics.average_precision(y, ranks),
        brier=metrics.brier(y, p),
        ece=metrics.ece(y, p),
        log_loss=curves.log_loss(y, p),
        confusion_matrix=ConfusionMatrix((CLEAN, BUGGY), tuple(tuple(int(c) for c in row) for row in matrix)),
        per_category=classes,
        recall_at_20_percent=metrics.recall_at(y, ranks),
        effort={} if lines is None else _effort(y, ranks, lines),
        ranking=_ranking(y, project, scores, chosen, rng, draws),
        roc={name: _points(curves.roc(y, s)) for name, s in scores.items()},
        precision_recall={name: _points(curves.precision_recall(y, s)) for name, s in scores.items()},
        calibration=curves.calibration(y, p),
        levels=_levels(y, p, project, base_rate),
        risk_over_time=_periods(y, p, time),
        projects=rows,
        feature_importance=tuple(sorted((Importance(name, float(v)) for name, v in importances), key=lambda i: (-i.value, i.feature))),
        importance_kind=importance_kind,
        ablation=tuple(ablation),
        speed=speed,
        cpu_seconds=dict(cpu_seconds or {}),
        seen_in_training=seen_in_training,
    )


def measure_speed(predict: Callable[[int], object], n: int, now: Callable[[], float] = clock.perf_counter) -> Speed:
    """Mean latency of `predict(i)` for i in 0 … n − 1 (n ≥ 1), one at a time after a first call that is not counted."""
    predict(0)
    begin = now()
    for i in range(n):
        predict(i)
    seconds = now() - begin
    return Speed(1000 * seconds / n, n / seconds)


# -- parts -------------------------------------------------------------------------------------------


def _check(y: np.ndarray, p: np.ndarray, threshold: float, others: Mapping[str, np.ndarray]) -> None:
    if not len(y):
        raise UsageError("there are no commits to evaluate on; the test period or the tables are empty")
    for name, array in {"p": p, **others}.items():
        if len(array) != len(y):
            raise UsageError(f"{name} holds {len(array)} values for {len(y)} labels; both must be of the same commits")
    if not np.isin(y, (0, 1)).all():
        raise UsageError("labels must be 0 (clean) or 1 (needed a fix); found others")
    if not ((p >= 0) & (p <= 1)).all() or not 0 <= threshold <= 1:
        raise UsageError("probabilities and threshold must lie in [0, 1]; calibrate the scores first")
    for name, array in others.items():
        if array.dtype.kind == "f" and np.isnan(array).any():
            raise UsageError(f"{name} holds NaN; leave commits without a prediction out of all arrays")


def _share(part: float, whole: float) -> float:
    return float(part / whole) if whole else math.nan


def _class(matrix: np.ndarray, i: int) -> CategoryMetrics:
    """Figures of class i; without support recall and F1 are unknown, not 0."""
    hits, support, said = matrix[i, i], int(matrix[i].sum()), int(matrix[:, i].sum())
    return CategoryMetrics(support, _share(hits, said), _share(hits, support), _share(2 * hits, support + said) if support else math.nan)


def _points(points: np.ndarray) -> tuple[tuple[float, float], ...]:
    return tuple((round(float(x), 4), round(float(v), 4)) for x, v in curves.thinned(points))


def _effort(y: np.ndarray, score: np.ndarray, lines: np.ndarray) -> dict[str, curves.Effort]:
    """The model beside reading the smallest commits first, which knows nothing and is hard to beat by this measure."""
    return {"model": curves.by_effort(y, score, lines), "smallest_first": curves.by_effort(y, np.ones(len(y)), lines)}


def _projects(y: np.ndarray, p: np.ndarray, project: np.ndarray, scores: Mapping[str, np.ndarray]) -> tuple[Project, ...]:
    found = []
    for name in np.unique(project).tolist():
        mine = project == name
        n, n_buggy = int(mine.sum()), int(y[mine].sum())
        value, low, high = _auc(y[mine], scores["model"][mine])
        others = {other: metrics.auc(y[mine], s[mine]) for other, s in scores.items() if other != "model"}
        fit = (float(p[mine].mean()), n_buggy / n, metrics.ece(y[mine], p[mine]), metrics.brier(y[mine], p[mine]))
        found.append(Project(name, n, n_buggy, value, low, high, others, *fit, n >= MIN_ROWS and MIN_CLASS <= n_buggy <= n - MIN_CLASS))
    return tuple(found)


def _auc(y: np.ndarray, score: np.ndarray) -> intervals.Interval:
    return intervals.auc(score[y == 1].tolist(), score[y == 0].tolist())


def _ranking(
    y: np.ndarray, project: np.ndarray, scores: Mapping[str, np.ndarray], chosen: Sequence[str], rng: np.random.Generator, draws: int
) -> dict[str, Ranking]:
    pooled = {name: (metrics.auc(y, s), metrics.average_precision(y, s)) for name, s in scores.items()}
    if not chosen:
        return {name: Ranking(*pair, math.nan, math.nan, math.nan) for name, pair in pooled.items()}
    masks = {name: project == name for name in chosen}
    labels = {name: y[mask] for name, mask in masks.items()}
    parts = [{name: s[mask] for name, mask in masks.items()} for s in scores.values()]
    drawn = metrics.bootstrap_means(labels, parts, rng, draws)
    means = [float(np.mean([metrics.auc(labels[name], part[name]) for name in chosen])) for part in parts]
    return {name: Ranking(*pooled[name], *metrics.interval(means[i], drawn[i])) for i, name in enumerate(scores)}


def _levels(y: np.ndarray, p: np.ndarray, project: np.ndarray, base_rate: float) -> tuple[LevelRow, ...]:
    """Each project's commits at the level that its own risks give them, as a screen does it."""
    named = np.empty(len(y), dtype="U10")
    for name in np.unique(project).tolist():
        mine = project == name
        limits = levels.thresholds(sorted(p[mine].tolist()), base_rate)
        named[mine] = [levels.level(risk, limits).value for risk in p[mine].tolist()]
    counted = ((level.value, int((named == level.value).sum()), int(y[named == level.value].sum())) for level in Level)
    return tuple(LevelRow(level, n, hits, _share(hits, n)) for level, n, hits in counted if n or level != Level.UNKNOWN)


def _periods(y: np.ndarray, p: np.ndarray, time: np.ndarray) -> tuple[Period, ...]:
    names = np.array(plots.period_names(time.tolist()))
    found = []
    for name in sorted(set(names.tolist())):
        mine = names == name
        hits, n = int(y[mine].sum()), int(mine.sum())
        found.append(Period(name, n, float(p[mine].mean()), hits / n, *intervals.wilson(hits, n)[1:]))
    return tuple(found)


def day(seconds: float) -> str:
    """The day (UTC) of a Unix time, as YYYY-MM-DD."""
    return datetime.fromtimestamp(int(seconds), UTC).date().isoformat()
