"""Does what the student reads tell more about the risk of a change than its measures do?

python benchmarks/refine.py --clones DIR --scores FILE.npz     # → docs/refine.md; FILE as benchmarks/calibration.py keeps it

Commits of repositories from which neither the student nor the forests learned, from 2019 on. Each is read as program text, without its message. A logistic
regression of the log-odds of the forest's score and of what the student says is fitted on the other repositories and asked on the one left out.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "training")]

import numpy as np
from sklearn.linear_model import LogisticRegression

from automl_codex import commits, evaluate, metrics, mine, tables, train
from automl_codex.split import TEST
from benchmarks.measure import machine
from codex_gate import text
from codex_gate.errors import GateError, UsageError
from codex_gate.intervals import Interval
from codex_gate.student import Student
from codex_gate.taxonomy import KINDS, NONE

SEED: Final = 42
DRAWS: Final = 1000
HELD: Final = 1e-4  # probabilities are held so far from 0 and 1
MIN_BUGGY: Final = 15
BATCH: Final = 200
ALONE, REFINED = "the forest's score", "with what the student says"
READ: Final = {"that it brings a defect, by the student alone": 1, "that it is about a defect, by the student alone": 2}


@dataclass(frozen=True, eq=False)
class Project:
    """Commits of one project: labels (n,), and log-odds (n, 3) of the forest's score, of bringing a defect and of being about one."""

    name: str
    y: np.ndarray
    x: np.ndarray


def projects(clones: Path, scores: Path, models: Path) -> list[Project]:
    """The projects of the corpus that no student learned from, as far as they have MIN_BUGGY buggy commits from 2019 on.

    Raises:
        UsageError: scores of other rows, a missing clone, or fewer than two projects.
    """
    listed = mine.read_corpus(ROOT / "training" / "corpus.yaml")
    corpus = evaluate.Corpus.of(listed)
    data, _ = corpus.split(tables.read(ROOT / "training" / "data"))
    with np.load(scores) as kept:
        recipe = replace(train.Recipe(), n_trees=int(kept["trees"]), seed=int(kept.get("seed", -1)))
        if str(kept.get("made_from")) != evaluate.scores_key(data, corpus, recipe):
            raise UsageError(f"{scores} holds scores of other rows, repositories or another recipe; make them anew with benchmarks/calibration.py --scores")
        score = kept["time_safe"]
    unseen = {name for name, source in commits.sources(ROOT / "training" / "categories").items() if source.part == TEST}
    student = Student.load(models)
    found = []
    for entry in listed:
        rows = np.flatnonzero((data.project == str(entry["project"])) & (data.time >= evaluate.TIME_SAFE.test_from))
        if entry["clone"] in unseen and data.y[rows].sum() >= MIN_BUGGY:
            print(entry["project"], len(rows), file=sys.stderr)
            told = asked(student, clones, str(entry["clone"]), str(entry["head"]), data.sha256[rows].tolist())
            found.append(Project(str(entry["project"]), data.y[rows], np.column_stack([metrics.log_odds(score[rows], HELD), metrics.log_odds(told, HELD)])))
    if len(found) < 2:
        raise UsageError(
            f"{len(found)} projects of the corpus are of the test part of training/categories and have {MIN_BUGGY} buggy commits; expected at least 2"
        )
    return found


def asked(student: Student, clones: Path, clone: str, head: str, hashes: Sequence[str]) -> np.ndarray:
    """P(it brings a defect) and P(it is about one) (n, 2) of commits by the hash of their SHA; .5 where there is no program text."""
    repo = commits.opened(clones, clone, os.environ)
    by = {hashlib.sha256(meta.sha.encode()).hexdigest(): meta.sha for meta in repo.log(head)}
    found = np.full((len(hashes), 2), 0.5)
    there = [row for row, one in enumerate(hashes) if one in by]
    for start in range(0, len(there), BATCH):
        batch = there[start : start + BATCH]
        texts = [(row, text.of_all(commit.files)) for row, commit in zip(batch, commits.read_commits(repo, [by[hashes[row]] for row in batch]), strict=True)]
        readable = [(row, hunk) for row, hunk in texts if hunk is not None]
        for (row, _), answer in zip(readable, student.answer([hunk for _, hunk in readable]), strict=True):
            found[row] = answer.defect, 1 - answer.kinds[KINDS.index(NONE)]
    return found


def refined(found: Sequence[Project]) -> tuple[list[np.ndarray], np.ndarray]:
    """The score of each project by a regression fitted on the others, and the mean coefficients (3,)."""
    told, weights = [], []
    for one in found:
        others = [other for other in found if other is not one]
        model = LogisticRegression().fit(np.vstack([other.x for other in others]), np.concatenate([other.y for other in others]))
        told.append(model.decision_function(one.x))
        weights.append(model.coef_[0])
    return told, np.mean(weights, axis=0)


def figures(found: Sequence[Project], told: Sequence[np.ndarray]) -> dict[str, tuple[Interval, Interval]]:
    """By who ranks: mean AUC over projects, and how far above the forest, with 95 % intervals; projects and commits within them drawn anew."""
    ways = {ALONE: [one.x[:, 0] for one in found], REFINED: list(told), **{name: [one.x[:, column] for one in found] for name, column in READ.items()}}
    rng = np.random.default_rng(SEED)
    draws = [{name: np.mean(values) for name, values in _drawn(found, ways, rng).items()} for _ in range(DRAWS)]
    value = {name: float(np.mean([metrics.auc(one.y, score) for one, score in zip(found, scores, strict=True)])) for name, scores in ways.items()}
    return {
        name: (
            metrics.interval(value[name], np.array([draw[name] for draw in draws])),
            metrics.interval(value[name] - value[ALONE], np.array([draw[name] - draw[ALONE] for draw in draws])),
        )
        for name in ways
    }


def _drawn(found: Sequence[Project], ways: Mapping[str, Sequence[np.ndarray]], rng: Any) -> dict[str, list[float]]:
    values: dict[str, list[float]] = {name: [] for name in ways}
    for place in rng.integers(0, len(found), len(found)):
        y = found[place].y
        weight = np.bincount(rng.integers(0, len(y), len(y)), minlength=len(y)).astype(float)
        if 0 < (weight * y).sum() < weight.sum():
            for name, scores in ways.items():
                values[name].append(metrics.auc(y, scores[place], weight))
    return values


def document(found: Sequence[Project], told: Sequence[np.ndarray], weights: np.ndarray) -> str:
    """docs/refine.md."""
    table = [
        f"| {name} | {auc.value:.3f} ({auc.low:.3f} to {auc.high:.3f}) | {'–' if name == ALONE else f'{gain.value:+.3f} ({gain.low:+.3f} to {gain.high:+.3f})'} |"
        for name, (auc, gain) in figures(found, told).items()
    ]
    rows = [
        f"| {one.name} | {len(one.y):,} | {int(one.y.sum())} | {metrics.auc(one.y, one.x[:, 0]):.3f} | {metrics.auc(one.y, score):.3f} |"
        for one, score in zip(found, told, strict=True)
    ]
    where = machine()
    lines = [
        "# Does the student refine the risk?",
        "",
        f"Written by `python benchmarks/refine.py`; nothing here is typed by hand. {datetime.now(UTC):%Y-%m-%d}, {where['cpu']}, {where['cores']} cores, Python {where['python']}, seed {SEED}.",
        "",
        f"{sum(len(one.y) for one in found):,} commits from 2019 on of {len(found)} projects from which neither the student nor the forests that are asked learned (docs/calibration.md says how these are grown). The student reads the program text without the message.",
        "",
        "| ranked by | mean AUC | above the forest |",
        "|---|---|---|",
        *table,
        "",
        f"The regression's mean weights: {weights[0]:+.2f} for the forest, {weights[1]:+.2f} for bringing a defect, {weights[2]:+.2f} for being about one. Where a repair looks like a change that brings a defect turned round, a change that "
        "only adds looks like a repair: the student's direction is no risk. The risk of a change is the same at every tier.",
        "",
        "| project | commits | buggy | forest | with the student |",
        "|---|---:|---:|---:|---:|",
        *rows,
    ]
    return "\n".join(lines) + "\n"


def main(argv: Sequence[str] | None = None) -> int:
    """Write the document; 2 when something asked for is not as expected."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--clones", type=Path, required=True, metavar="DIR", help="clones named OWNER+NAME")
    parser.add_argument("--scores", type=Path, required=True, metavar="FILE", help="out-of-project scores, as benchmarks/calibration.py keeps them")
    parser.add_argument("--models", type=Path, default=ROOT / "models", metavar="DIR")
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "refine.md")
    options = parser.parse_args(argv)
    try:
        found = projects(options.clones, options.scores, options.models)
        options.output.write_text(document(found, *refined(found)), "utf-8")
    except (GateError, OSError) as error:
        print(f"refine: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
