"""How well does the recipe that ships rank and calibrate in projects that had no part in it: no measure, no recipe and no rule for labels was chosen on them?

automl-codex mine --corpus training/fresh.yaml --clones DIR --output TABLES
python benchmarks/fresh.py --tables TABLES     # → docs/fresh.md; some minutes

Time-safe, as the evaluation of the model that ships: forests that learned from the corpus by what was known when 2018 began, asked of commits from 2019 on.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "training")]

import numpy as np

from automl_codex import evaluate, metrics, mine, tables, train
from automl_codex.tables import Dataset
from benchmarks.measure import machine
from codex_gate.errors import GateError, UsageError

MIN_BUGGY: Final = 10
LINES, CODE = "added lines", "added lines of program text"
ALL, SAME, GIVEN = "every commit, by SZZ", "commits that both labelled, by SZZ", "the same, by the labels of others"


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--input", type=Path, default=ROOT / "training" / "data")
    parser.add_argument("--corpus", type=Path, default=ROOT / "training" / "corpus.yaml")
    parser.add_argument("--projects", type=Path, default=ROOT / "training" / "fresh.yaml", help="what the tables were mined by")
    parser.add_argument("--tables", type=Path, required=True, help="output of automl-codex mine")
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "fresh.md")
    parser.add_argument("--trees", type=int, default=100, help="of the forests (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=42)
    options = parser.parse_args(argv)
    try:
        return run(options)
    except GateError as error:
        print(f"fresh: {error}", file=sys.stderr)
        return 2


def run(options: argparse.Namespace) -> int:
    corpus = evaluate.Corpus.of(mine.read_corpus(options.corpus))
    data, holdout = corpus.split(tables.read(options.input))
    asked = evaluate.Corpus.of(mine.read_corpus(options.projects))
    fresh = asked.within(tables.read(options.tables))
    refuse_known(data, corpus, fresh, asked)
    recipe = replace(train.Recipe(), n_trees=options.trees, seed=options.seed)
    score, chance = scored(data, corpus, fresh, recipe)
    found = compare(fresh, score, chance, options.seed) | {"twice": labelled_twice(data, corpus, holdout, fresh, recipe)}
    options.output.write_text(page(found, options), "utf-8")
    print(f"{options.output} written: {found['gain']}", file=sys.stderr)
    return 0


def refuse_known(data: Dataset, corpus: evaluate.Corpus, fresh: Dataset, asked: evaluate.Corpus) -> None:
    """Refuse a project that the forests could have learned from.

    Raises:
        UsageError: a repository of both, or a commit.
    """
    learned = {corpus.repository[name].lower() for name in np.unique(data.project).tolist()}
    for name in np.unique(fresh.project).tolist():
        if asked.repository[name].lower() in learned:
            raise UsageError(f"{name} is of {asked.repository[name]}, which the corpus holds: it is not fresh; leave its table out")
    if both := set(data.sha256.tolist()) & set(fresh.sha256.tolist()):
        raise UsageError(f"{len(both)} commits are in tables of the corpus too: these projects are not fresh")


def scored(data: Dataset, corpus: evaluate.Corpus, fresh: Dataset, recipe: train.Recipe) -> tuple[np.ndarray, np.ndarray]:
    """Raw scores and probabilities (n,) of fresh commits by a forest of the whole corpus, calibrated on the corpus's own out-of-project scores; all as known at the cut-off."""
    scenario = evaluate.TIME_SAFE
    labels, usable = evaluate.known(data, corpus, scenario)
    predict = evaluate.forest_entrant("forest", recipe).fit(data.where(usable), labels[usable])
    score = predict(fresh)
    raw = evaluate.out_of_project(data, corpus, scenario, evaluate.forest_entrant("forest", recipe))
    told = usable & ~np.isnan(raw) & data.traced()
    return score, train.apply(train.calibrate(raw[told], labels[told], evaluate.evenly(corpus.groups(data)[told])), score)


def compare(fresh: Dataset, score: np.ndarray, chance: np.ndarray, seed: int) -> dict[str, Any]:
    """A row for each project with enough commits from 2019 on, means with intervals over projects, and the calibration of all of them together.

    Raises:
        UsageError: no project has enough.
    """
    late = fresh.time >= evaluate.TIME_SAFE.test_from
    plain = {name: train.encode(fresh, (column,))[:, 0].astype(float) for name, column in ((LINES, "la"), (CODE, "code_lines_added"))}
    scores = {"forest": score, **plain}
    masks = {p: late & (fresh.project == p) for p in np.unique(fresh.project).tolist()}
    enough = {p: m for p, m in masks.items() if m.sum() >= evaluate.MIN_TEST_ROWS and MIN_BUGGY <= fresh.y[m].sum() <= m.sum() - MIN_BUGGY}
    if not enough:
        raise UsageError(f"no project has {evaluate.MIN_TEST_ROWS} commits from 2019 on, {MIN_BUGGY} of them buggy; mine other projects")
    labels = {p: fresh.y[m] for p, m in enough.items()}
    draws = metrics.bootstrap_means(labels, [{p: s[m] for p, m in enough.items()} for s in scores.values()], np.random.default_rng(seed), evaluate.DRAWS)
    rows = [
        {"project": p, "n": int(m.sum()), "buggy": int(fresh.y[m].sum()), "risk": float(chance[m].mean()), "ece": metrics.ece(fresh.y[m], chance[m])}
        | {name: metrics.auc(fresh.y[m], s[m]) for name, s in scores.items()}
        for p, m in enough.items()
    ]
    mean = {name: float(np.mean([row[name] for row in rows])) for name in scores}
    gain = {name: metrics.interval(mean["forest"] - mean[name], draws[0] - draws[k]) for k, name in enumerate(scores) if k}
    return {
        "rows": rows,
        "few": [(p, int(m.sum()), int(fresh.y[m].sum())) for p, m in masks.items() if p not in enough],
        "mean": mean,
        "auc": metrics.interval(mean["forest"], draws[0]),
        "gain": gain,
        "n": int(late.sum()),
        "ece": metrics.ece(fresh.y[late], chance[late]),
        "mean_ece": evaluate.mean_ece(fresh.y, chance, evaluate.large(fresh.project, late)),
    }


def labelled_twice(data: Dataset, corpus: evaluate.Corpus, holdout: Dataset, fresh: Dataset, recipe: train.Recipe) -> list[dict[str, Any]]:
    """Each project of both that others labelled too: ranking by either kind of labels, by a forest of the whole corpus at all times, and how far the labels agree."""
    others = holdout.where(np.zeros(len(holdout), bool) if holdout.outside is None else holdout.outside)
    both = np.intersect1d(others.project, fresh.project).tolist()
    if not both:
        return []
    labels, usable = evaluate.known(data, corpus, evaluate.ALL_TIMES)
    predict = evaluate.forest_entrant("forest", recipe).fit(data.where(usable), labels[usable])
    found = []
    for project in both:
        ours, theirs = fresh.where(fresh.project == project), others.where(others.project == project)
        same, mine_at, theirs_at = np.intersect1d(ours.sha256, theirs.sha256, return_indices=True)
        score, lines = predict(ours), train.encode(ours, ("la",))[:, 0].astype(float)
        szz, given = ours.y[mine_at], theirs.y[theirs_at]
        sides = ((ALL, ours.y, score, lines), (SAME, szz, score[mine_at], lines[mine_at]), (GIVEN, given, score[mine_at], lines[mine_at]))
        found.append(
            {
                "project": project,
                "rows": [(name, over_lines(y, s, la, recipe.seed)) for name, y, s, la in sides if MIN_BUGGY <= y.sum() <= len(y) - MIN_BUGGY],
                "same": len(same),
                "given": int(given.sum()),
                "agreed": int((szz & given).sum()),
                "szz": int(szz.sum()),
            }
        )
    return found


def over_lines(y: np.ndarray, score: np.ndarray, lines: np.ndarray, seed: int) -> dict[str, Any]:
    """AUC of scores (n,) and of added lines (n,) in one project, and what lies between, with an interval over commits."""
    draws = metrics.bootstrap_means({"": y}, [{"": score}, {"": lines}], np.random.default_rng(seed), evaluate.DRAWS)
    auc, base = metrics.auc(y, score), metrics.auc(y, lines)
    return {"n": len(y), "buggy": int(y.sum()), "auc": auc, "lines": base, "gain": metrics.interval(auc - base, draws[0] - draws[1])}


def page(found: Mapping[str, Any], options: argparse.Namespace) -> str:
    """docs/fresh.md."""
    where, auc = machine(), found["auc"]
    rows = [
        f"| {r['project']} | {r['n']:,} | {r['buggy']} | {r['forest']:.3f} | {r[LINES]:.3f} | {r[CODE]:.3f} | {r['risk']:.3f} | {r['buggy'] / r['n']:.3f} | {r['ece']:.3f} |"
        for r in found["rows"]
    ]
    over = {name: f"{gain.value:+.3f} ({gain.low:+.3f} to {gain.high:+.3f})" for name, gain in found["gain"].items()}
    few = ", ".join(f"{name} ({n:,}, {buggy} buggy)" for name, n, buggy in found["few"])
    return (
        "\n".join(
            [
                "# Projects that had no part in the model",
                "",
                f"Written by `python benchmarks/fresh.py --tables DIR`; nothing here is typed by hand. {datetime.now(UTC).date().isoformat()}, {where['cpu']}, {where['cores']} cores, "
                f"Python {where['python']}, seed {options.seed}.",
                "",
                "Projects of `training/fresh.yaml` with commits from 2019 on: no measure and no recipe of the risk model and no rule for labels was chosen on them, and nothing that ships learned from them. "
                "(pytest and sphinx are among the histories, read without labels, that drift was set up on: [drift.md](drift.md).) `automl-codex mine --corpus training/fresh.yaml --clones DIR --output TABLES` labelled them by SZZ. The model is of the recipe that ships, "
                f"with {options.trees} trees: it learned from the whole corpus by what was known when 2018 began, and is asked of commits from 2019 on. Nothing was chosen by the figures of this page; that of the regression within projects ([within.md](within.md)) was made on the selection window while they were in view.",
                "",
                f"Mean AUC of {len(rows)} projects **{auc.value:.3f}** ({auc.low:.3f} to {auc.high:.3f}), against added lines **{over[LINES]}**, against added lines of program text {over[CODE]}; "
                f"calibration error over all {found['n']:,} commits **{found['ece']:.3f}**, in the mean of the projects {found['mean_ece']:.3f}. Intervals are 95 %, {evaluate.DRAWS:,} draws of projects and of commits within them.",
                "",
                "| project | commits | buggy | model | added lines | added lines of program text | mean risk | share buggy | ECE |",
                "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
                *rows,
                *(["", f"Too few commits of that time: {few}."] if few else []),
                *(_twice(found["twice"]) if found["twice"] else []),
            ]
        )
        + "\n"
    )


def _twice(found: Sequence[Mapping[str, Any]]) -> list[str]:
    rows = [
        f"| {one['project']} | {name} | {r['n']:,} | {r['buggy']} | {r['auc']:.3f} | {r['lines']:.3f} | {r['gain'].value:+.3f} ({r['gain'].low:+.3f} to {r['gain'].high:+.3f}) |"
        for one in found
        for name, r in one["rows"]
    ]
    agree = "; ".join(
        f"in {one['project']} the others' labels blame {one['given']} of {one['same']} commits that both labelled, SZZ {one['szz']}, and {one['agreed']} of these are the same"
        for one in found
    )
    return [
        "",
        "## By whose labels",
        "",
        "These projects stand in the external holdout of [the card](../models/MODEL_CARD.md), by labels of other people. Here the model (the whole corpus, all times, as there) by both kinds of labels, "
        f"intervals over commits. How far the labels agree: {agree}.",
        "",
        "| project | labels | commits | buggy | model | added lines | difference |",
        "|---|---|---:|---:|---:|---:|---:|",
        *rows,
    ]


if __name__ == "__main__":
    sys.exit(main())
