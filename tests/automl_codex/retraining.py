"""Rows, models and the command line that the tests of retraining share; the fixtures stand in conftest.py."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from automl_codex import export, train
from automl_codex.tables import Dataset
from tests.automl_codex.synthetic import dataset

SMALL = train.Recipe(n_trees=20, leaf_size=20)


def of(project: str, n: int = 620) -> Dataset:
    found = dataset(n)
    found = found.where(found.project == project)
    return found.where(np.argsort(found.time, kind="stable"))


def model_of(data: Dataset, y: np.ndarray, target: Path, learned: list[str] | None = None) -> Path:
    """A whole model directory, as `train` would write it."""
    forest = train.fit(data, y, SMALL)
    raw = train.score(forest, train.encode(data, SMALL.names))
    texts = {"training-manifest.txt": export.training_manifest(learned or [])}
    probe = train.encode(data, SMALL.names)[:50]
    export.write_directory(export.build(forest, train.calibrate(raw, y), SMALL, probe, {"base_rate": float(y.mean())}, texts), target)
    return target


def with_another_future(data: Dataset, moment: float) -> Dataset:
    """The rows with all else that nobody knew at `moment`: changes of the year before it have each other's measures and the opposite labels, older ones other fixes after it."""
    X, y, fix_time = data.X.copy(), data.y.copy(), data.fix_time.copy()
    young, old = (data.time >= moment - train.YEAR) & (data.time < moment), np.flatnonzero(train.trainable(data, moment))
    X[young], y[young] = X[young][::-1], 1 - y[young]
    fix_time[young] = np.where(y[young] == 1, data.time[young] + 1, np.nan)
    late, clean = old[data.fix_time[old] >= moment], old[data.y[old] == 0][::3]
    y[late], fix_time[late] = 0, np.nan
    y[clean], fix_time[clean] = 1, moment
    return replace(data, X=X, y=y, fix_time=fix_time)


def command(repo, output: Path, base: Path, *more: str) -> list[str]:
    log = str(output.parent / "andon.jsonl")
    return ["retrain", "--repo", str(repo.path), "--output", str(output), "--base", str(base), "--andon-log", log, *more]
