"""A model directory judged on labelled commits as it is: the EvaluationReport, nothing trained again.

What the model learned from is counted by its training manifest and said, because figures on such commits flatter it.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from time import process_time
from typing import Any, Final

import numpy as np

from automl_codex import blend, evaluate, metrics, train
from automl_codex import evaluation_report as reports
from automl_codex.mine import Label
from automl_codex.tables import Dataset, hash_sha
from codex_gate.errors import UsageError
from codex_gate.features import FEATURE_NAMES, OWN_WORDS
from codex_gate.model import Model
from codex_gate.types import CommitFeatures

Say = Callable[[str], None]
SPEED_CALLS: Final = 500
SHUFFLED_ROWS: Final = 4000  # a measure costs a scoring of all of them: 60 measures take about 15 s (chosen)
LAPREDICT: Final = "LApredict (lines added)"
TRAINING_MANIFEST: Final = "training-manifest.txt"


def relabelled(data: Dataset, labels: Mapping[str, Label]) -> Dataset:
    """The rows whose commit has a label from outside, with it in place of the table's.

    Args:
        labels: by full SHA.
    Raises:
        UsageError: not one row has.
    """
    by_hash = {hash_sha(sha): label for sha, label in labels.items()}
    rows = data.where(np.array([name in by_hash for name in data.sha256.tolist()], bool))
    if not len(rows):
        raise UsageError(f"none of the {len(labels)} labels is of a commit in the tables; the column sha must hold full SHAs of the commits that were mined")
    found = [by_hash[name] for name in rows.sha256.tolist()]
    fixed = np.array([np.nan if label.fix_time is None else float(label.fix_time) for label in found])
    return replace(rows, y=np.array([label.buggy for label in found], np.int8), fix_time=fixed)


def seen_in_training(data: Dataset, directory: Path) -> np.ndarray | None:
    """Which rows (n,) the model learned from; None where its directory does not say what it learned from."""
    path = directory / TRAINING_MANIFEST
    return np.isin(data.sha256, path.read_text("ascii").split()) if path.is_file() else None


def assess(model: Model, data: Dataset, where: str, threshold: float, seed: int, today: date, say: Say, unseen: bool = False) -> reports.EvaluationReport:
    """The report of `model` on the rows of `data`.

    Args:
        where: what the rows are called in the report.
        threshold: a risk above it counts as a flag, in [0, 1].
        seed: of the shuffles and of the bootstrap.
        unseen: leave out the rows that the model learned from.
    Raises:
        UsageError: no rows, or none that the model has not seen; a threshold outside [0, 1].
    """
    started = process_time()
    seen = seen_in_training(data, model.directory)
    if unseen:
        data, seen = _unseen(data, seen, where, model.directory)
    raw = blend.scored(model, data)
    p = np.array([model.calibration(score) for score in raw.tolist()])
    scored = process_time()
    say(f"{len(data)} commits scored")
    importances = importance(model, data, np.random.default_rng(seed))
    say(f"{len(importances)} measures shuffled")
    evaluation = _evaluation(model.directory)
    origin = reports.Origin(
        model.version,
        _data(data, where, seen, learned_projects(model.directory)) + _wordless(model, data),
        PROTOCOL + _ablation_words(evaluation),
        today.isoformat(),
    )
    kind = (
        f"Loss of AUC within projects when a measure is shuffled among the commits of each ({min(len(data), SHUFFLED_ROWS):,} commits, seed {seed}); "
        "measures that say the same stand in for each other, so each seems worth less than all of them together"
    )
    spent = {"scoring": scored - started, "this evaluation": process_time() - started}
    return _report(model, data, raw, p, threshold, seed, origin, importances, kind, spent, None if seen is None else int(seen.sum()))


def _report(
    model: Model,
    data: Dataset,
    raw: np.ndarray,
    p: np.ndarray,
    threshold: float,
    seed: int,
    origin: reports.Origin,
    importances: list[tuple[str, float]],
    kind: str,
    spent: Mapping[str, float],
    seen: int | None,
) -> reports.EvaluationReport:
    """The report on rows by raw scores and probabilities (n,): beside added lines, with what the evaluation of the model knows of its ablation and of its making."""
    evaluation = _evaluation(model.directory)
    return reports.from_predictions(
        data.y,
        p,
        time=data.time,
        project=data.project,
        threshold=threshold,
        base_rate=model.base_rate,
        origin=origin,
        rng=np.random.default_rng(seed),
        score=raw,
        lines=_lines(data),
        baselines={LAPREDICT: train.encode(data, ("la",))[:, 0]},
        importances=importances,
        importance_kind=kind,
        ablation=_ablation(evaluation),
        speed=_speed(model, data),
        cpu_seconds=_training_seconds(evaluation) | dict(spent),
        seen_in_training=seen,
    )


def of_training(
    model: Model, data: Dataset, corpus: evaluate.Corpus, scores: np.ndarray, seed: int, today: date, say: Say, threshold: float = 0.5
) -> reports.EvaluationReport:
    """The report on the time-safe test commits of a training, by scores (n,) and probabilities of models that saw neither their repository nor later labels.

    Args:
        model: the one that was made of all rows: for its speed and for what its measures are worth to it, on commits that it learned from.
        threshold: a risk above it counts as a flag, in [0, 1].
    """
    started = process_time()
    window = corpus.time_safe
    chances = evaluate.calibrated_elsewhere(data, corpus, window, scores)
    tested = (data.time >= window.test_from) & (data.time < window.test_to) & ~np.isnan(chances)
    rows, raw, p = data.where(tested), scores[tested], chances[tested]
    importances = importance(model, rows, np.random.default_rng(seed))
    say(f"{len(importances)} measures shuffled")
    evaluation, n_projects = _evaluation(model.directory), len(set(rows.project.tolist()))
    left_out, calibrated = (evaluate.PROTOCOL[key][0].upper() + evaluate.PROTOCOL[key][1:] for key in ("left_out", "calibration"))
    origin = reports.Origin(
        model.version,
        f"{len(rows):,} commits of {n_projects} project{'s' if n_projects != 1 else ''}, {window.window}.",
        f"{left_out}; {evaluate.protocol(corpus)['time_safe']}. {calibrated}." + _ablation_words(evaluation),
        today.isoformat(),
    )
    kind = (
        f"Loss of AUC within projects when a measure is shuffled among the commits of each ({min(len(rows), SHUFFLED_ROWS):,} commits, seed {seed}), "
        "of the model made of all rows, on commits that it learned from: to be compared with each other alone"
    )
    return _report(model, rows, raw, p, threshold, seed, origin, importances, kind, {"this evaluation": process_time() - started}, 0)


def _speed(model: Model, data: Dataset) -> reports.Speed:
    """Of one risk, all measures at hand and the words of a change weighed already."""
    words = blend.by_words_of(model, data)[:SPEED_CALLS].tolist()
    rows = [
        CommitFeatures(dict(zip(FEATURE_NAMES, row.tolist(), strict=True)) | ({OWN_WORDS: told} if model.words is not None else {}))
        for row, told in zip(data.X[:SPEED_CALLS], words, strict=True)
    ]
    return reports.measure_speed(lambda i: model.risk(rows[i % len(rows)]), SPEED_CALLS)


def summary(report: reports.EvaluationReport) -> str:
    """What a terminal shows of a report: where the figures come from, and those that count."""
    ranks, others = report.ranking["model"], {name: r for name, r in report.ranking.items() if name != "model"}
    rows = [
        ("mean AUC of projects", _figure(ranks.mean_project_auc, ranks.low, ranks.high)),
        *((f"  {name}", _figure(r.mean_project_auc, r.low, r.high)) for name, r in others.items()),
        ("AUC, average precision, pooled", f"{_known(report.auc_roc)}, {_known(report.auc_pr)} ({report.n_buggy / report.n:.3f} by chance)"),
        (f"flagged above {report.threshold:g}", f"precision {_known(report.precision)}, recall {_known(report.recall)}, F1 {_known(report.f1_score)}"),
        ("calibration error, Brier score", f"{_known(report.ece)}, {_known(report.brier)}"),
    ]
    if report.speed:
        rows.append(("one change takes", f"{report.speed.avg_latency_ms:.3g} ms"))
    wide = max(len(name) for name, _ in rows)
    return "\n".join([*textwrap.wrap(report.origin.data, 80), "", *(f"{name:<{wide}}  {value}" for name, value in rows)]) + "\n"


def _known(value: float) -> str:
    """Three digits; – where there is nothing to divide by."""
    return f"{value:.3f}" if value == value else "–"


def _figure(value: float, low: float, high: float) -> str:
    return f"{value:.3f} ({low:.3f} to {high:.3f})" if value == value else "– (no project with enough commits)"


PROTOCOL: Final = (
    "The model as it is, with its own calibration, on the labels of the tables; nothing was trained, tuned or calibrated for this page. "
    "LApredict ranks by lines added, in the same run. Commits whose defects are not found yet count as clean."
)


def importance(model: Model, data: Dataset, rng: np.random.Generator, most: int = SHUFFLED_ROWS) -> list[tuple[str, float]]:
    """What AUC within projects loses when a measure is shuffled among the commits of each project, for every measure the model reads.

    On at most `most` rows, drawn without replacement. Source: Breiman 2001, Machine Learning 45(1), §10, with AUC in place of accuracy.
    """
    if len(data) > most:
        data = data.where(np.sort(rng.choice(len(data), most, replace=False)))
    full = within_auc(data, blend.scored(model, data))
    if full != full:
        return []  # one class only: nothing can be lost
    places = [np.flatnonzero(data.project == name) for name in np.unique(data.project)]
    order = np.arange(len(data))
    for mine in places:
        order[mine] = rng.permutation(mine)
    found = []
    for name in model.feature_names:
        at = FEATURE_NAMES.index(name)
        x = data.X.copy()
        x[:, at] = x[order, at]
        found.append((name, full - within_auc(data, blend.scored(model, replace(data, X=x)))))
    return found


def within_auc(data: Dataset, score: np.ndarray) -> float:
    """AUC of each project, weighted by its pairs of a buggy and a clean commit; NaN where no project has both."""
    total = pairs = 0.0
    for name in np.unique(data.project):
        mine = data.project == name
        n_buggy = int(data.y[mine].sum())
        weight = n_buggy * (int(mine.sum()) - n_buggy)
        if weight:
            total += weight * metrics.auc(data.y[mine], score[mine])
            pairs += weight
    return total / pairs if pairs else float("nan")


def _unseen(data: Dataset, seen: np.ndarray | None, where: str, directory: Path) -> tuple[Dataset, np.ndarray]:
    if seen is None:
        raise UsageError(f"{directory} has no {TRAINING_MANIFEST}, so nobody can tell which commits it learned from; leave --unseen out")
    if seen.all():
        raise UsageError(f"the model learned from all {len(data)} commits of {where}; give it others, or leave --unseen out")
    return data.where(~seen), seen[~seen]


def learned_projects(directory: Path) -> set[str]:
    """Names of the projects that the model learned from, empty where its directory does not say."""
    try:
        found = json.loads((directory / "training-sources.json").read_bytes())["projects"]
        return {entry["project"] for entry in found if entry["role"] == "train"}
    except (OSError, ValueError, LookupError, TypeError):
        return set()


def _data(data: Dataset, where: str, seen: np.ndarray | None, learned: set[str]) -> str:
    n_projects = len(set(data.project.tolist()))
    head = f"{len(data):,} commits of {n_projects} project{'s' if n_projects != 1 else ''} from the tables in {where}."
    if seen is None:
        return f"{head} What the model learned from is not recorded, so these commits may be among it."
    if not seen.any():
        others = sorted(learned & set(data.project.tolist()))
        rest = f", but other commits of {len(others)} of these projects are, so they are not new to it" if others else ""
        return f"{head} None of them is among those that the model learned from{rest}."
    n_touched = len(set(data.project[seen].tolist()))
    touched = "all of the projects" if n_touched == n_projects else f"{n_touched} of the projects"
    return (
        f"{head} The model learned from {int(seen.sum()):,} of these commits ({100 * seen.mean():.1f} %), in {touched}: "
        "on them it repeats what it was told, and the figures below are better than on commits that it has not seen."
    )


def _wordless(model: Model, data: Dataset) -> str:
    return (
        " The model reads words too, which these tables do not hold: order and probabilities are those of the rest of it, for which its calibration was not made."
        if model.words is not None and data.said is None
        else ""
    )


def _lines(data: Dataset) -> np.ndarray:
    """Lines to read in a change (n,): added and deleted, unknown as none."""
    return np.asarray(np.clip(train.encode(data, ("la", "ld")), 0, None).sum(axis=1))


def _evaluation(directory: Path) -> dict[str, Any]:
    """The model's own evaluation.json, empty where there is none that can be read."""
    try:
        found = json.loads((directory / "evaluation.json").read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _ablation(evaluation: Mapping[str, Any]) -> list[reports.Ablation]:
    """Families of measures that the model's own evaluation left out, against the shipped set, on the window where measures were chosen."""
    rows = {row["measures"]: row["mean_auc"] for row in evaluation.get("ablation", {}).get("rows", [])}
    full = rows.get("shipped")
    if full is None:
        return []
    mark = "shipped − "
    return [reports.Ablation(name.removeprefix(mark), value, value - full) for name, value in rows.items() if name.startswith(mark)]


def _ablation_words(evaluation: Mapping[str, Any]) -> str:
    if not _ablation(evaluation):
        return ""
    found = evaluation["ablation"]
    return f" What families of measures are worth was measured when the model was made: mean AUC over projects, {found['window']}, {found['trees']} trees."


def _training_seconds(evaluation: Mapping[str, Any]) -> dict[str, float]:
    """Processor seconds that making the model took, as far as its evaluation says."""
    names = {"evaluation": "evaluating it when it was made", "training": "training"}
    return {words: float(evaluation["cpu_seconds"][key]) for key, words in names.items() if key in evaluation.get("cpu_seconds", {})}
