"""Rows, models and the command line that the tests of retraining share; the fixtures stand in conftest.py."""

from __future__ import annotations

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


def command(repo, output: Path, base: Path, *more: str) -> list[str]:
    log = str(output.parent / "andon.jsonl")
    return ["retrain", "--repo", str(repo.path), "--output", str(output), "--base", str(base), "--andon-log", log, *more]
