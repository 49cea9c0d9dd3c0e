"""Stage 6: new commits against a baseline, wherever either comes from: a repository, rows of a screen, or the rows of a stage."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from random import Random

from automl_codex import stages
from codex_gate import monitor, watch
from codex_gate.drift import SYMBOLS
from codex_gate.errors import GitError, UsageError
from codex_gate.features import FEATURE_NAMES
from codex_gate.git import Repository
from codex_gate.model import MANIFEST, Model
from codex_gate.types import Notice
from codex_gate.watch import DriftReport, Observation


def compare(model: Path, source: Path, baseline: Path, window: int, threshold: float | None, environ: Mapping[str, str], now: int | None = None) -> DriftReport:
    """The newest `window` observations of `source` against those of `baseline`.

    Args:
        model: a model directory, its manifest, or a file in it.
        source, baseline: a git repository, a folder of jsonl rows as `screen --format jsonl` writes them, or one of Parquet rows with categories.
        now: Unix seconds; dates of a repository that no clock can have shown are set right then. None: they stay.
    Raises:
        UsageError: too few observations, rows of another model or taxonomy, a folder with neither.
    """
    started = time.perf_counter()
    if source.resolve() == baseline.resolve():
        raise UsageError(f"--input and --baseline are both {source}; codex-gate monitor -C {source} compares a repository with its own earlier changes")
    loaded = Model.load(directory_of(model))
    size = watch.fitting(window)
    (new, odd), (old, older) = (_observed(folder, loaded, environ, now) for folder in (source, baseline))
    if len(new) < size:
        raise UsageError(f"{source} holds {len(new):,} changes, fewer than the window of {size:,}; give more, or a smaller monitoring_window in the gates file")
    if 4 * len(old) < size:  # fewer blocks cannot be reshuffled in enough ways to be sure of anything
        raise UsageError(
            f"the baseline {baseline} holds {len(old):,} rows with a category; at least {size // 4:,}, a quarter of the window, are needed to compare with"
        )
    new = new[-size:]
    if any(o.measures is None for o in (*new, *old)):  # then neither side's are looked at
        new, old = ([Observation(o.sha, o.time, o.category) for o in side] for side in (new, old))
    report = watch.judge(old, new, threshold, Random(watch.SEED))
    notices = (*odd, *older) if _is_repository(baseline) else (*odd, Notice("foreign-baseline", FOREIGN))
    return replace(report, repository=str(source), model_version=loaded.version, notices=notices, seconds=time.perf_counter() - started, is_foreign=True)


FOREIGN = (
    "the baseline is no repository: rows that were made or chosen are seldom mixed as commits are, and then this is drift on the first day; "
    "codex-gate monitor compares a repository with its own earlier changes"
)


def directory_of(model: Path) -> Path:
    """The model directory that a path means.

    Raises:
        UsageError: no manifest there.
    """
    for folder in (model, model.parent):
        if (folder / MANIFEST).is_file():
            return folder
    raise UsageError(f"{model} is no model: neither it nor its folder holds {MANIFEST}; give the directory that automl-codex train wrote")


def _is_repository(folder: Path) -> bool:
    return (folder / ".git").exists() or ((folder / "HEAD").is_file() and (folder / "objects").is_dir())


def _observed(folder: Path, model: Model, environ: Mapping[str, str], now: int | None) -> tuple[list[Observation], list[Notice]]:
    """What a folder holds, oldest first, and what is to be said of it."""
    if not folder.is_dir():
        raise UsageError(f"{folder} is no folder; expected a git repository, or a folder of jsonl or Parquet rows")
    if _is_repository(folder):
        try:
            return monitor.observe(Repository.discover(folder, environ), model, now)
        except GitError as error:
            raise UsageError(f"{folder}: {error}") from error
    rows = sorted(folder.glob("*.jsonl"))
    if rows:
        return [observation for path in rows for observation in _from_jsonl(path, model)], []
    tables = sorted(folder.glob("*.parquet"))
    if not tables:
        raise UsageError(f"{folder} holds neither a git repository nor *.jsonl (codex-gate screen --format jsonl) nor *.parquet rows")
    if (folder / stages.MANIFEST).exists():
        stages.manifest_of(folder)  # refuses one that is half written
    return [Observation("", 0, _known(name, path)) for path in tables for name in _categories(path)], []


def _categories(path: Path) -> list[str]:
    found = stages.categories(path)
    if found is None:
        raise UsageError(f"{path} has no column defect_category or category; expected the rows of a stage that labels them")
    return found


def _from_jsonl(path: Path, model: Model) -> Iterator[Observation]:
    try:
        text = path.read_text("utf-8", "replace")
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}; expected rows of codex-gate screen --format jsonl") from error
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            version, category, sha, measures = row["model_version"], row["category"], row["sha"], row["features"]
            values = {name: math.nan if measures[name] is None else float(measures[name]) for name in FEATURE_NAMES}
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
            raise UsageError(f"{path}, line {number}: no row as codex-gate screen --format jsonl writes it ({type(error).__name__}: {error})") from None
        if version != model.version:
            raise UsageError(f"{path}, line {number}: scored by {version}, --model is {model.version}; screen these commits again")
        yield Observation(str(sha), 0, _known(str(category), path), None, values)


def _known(category: str, path: Path) -> str:
    if category not in SYMBOLS:
        raise UsageError(f"{path} holds the category {category[:60]!r}, which is not among the 18; it is of another taxonomy, make it anew")
    return category
