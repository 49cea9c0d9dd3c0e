"""Are the probabilities right per pull request, and in a repository that the model never saw?

python benchmarks/calibration.py                      # reads training/data and training/pulls
automl-codex mine --corpus training/corpus.yaml --clones DIR --unit pull-request --since 2019-01-01 --output training/pulls   # makes the latter

Forests of the shipped recipe, each grown without the repositories that it judges. Writes docs/calibration.md; some minutes.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, NamedTuple

ROOT: Final = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "training")]

import numpy as np

from automl_codex import evaluate, metrics, mine, prior, tables, train
from automl_codex.files import whole
from automl_codex.tables import Dataset
from benchmarks.measure import machine
from codex_gate.errors import GateError, UsageError

N_LABELS: Final = 50
MIN_ROWS: Final = 150  # of a repository whose error is measured on what is left behind the labels
MIN_BUGGY: Final = 10
DRAWS: Final = 20  # of the labelled commits
WAYS: Final = {"as it is": "as it is", "messages": "by the messages alone", "drawn": "50 labels, drawn", "first": "50 labels, the first"}


class Pulls(NamedTuple):
    """Pull requests of repositories that were left out, with scores and probabilities of models that never saw those: (n,) each."""

    rows: Dataset
    score: np.ndarray
    chance: np.ndarray


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--input", type=Path, default=ROOT / "training" / "data")
    parser.add_argument("--pulls", type=Path, default=ROOT / "training" / "pulls")
    parser.add_argument("--corpus", type=Path, default=ROOT / "training" / "corpus.yaml")
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "calibration.md")
    parser.add_argument("--trees", type=int, default=60, help="of the forests (default: %(default)s)")
    parser.add_argument("--scores", type=Path, metavar="FILE", help="keep the scores of the commits here, and take them from here in the next run (.npz)")
    parser.add_argument("--seed", type=int, default=42)
    options = parser.parse_args(argv)
    try:
        return run(options)
    except GateError as error:
        print(f"calibration: {error}", file=sys.stderr)
        return 2


def run(options: argparse.Namespace) -> int:
    corpus = evaluate.Corpus.of(mine.read_corpus(options.corpus))
    data, _ = corpus.split(tables.read(options.input))
    pulls = tables.read(options.pulls)
    recipe = replace(train.Recipe(), n_trees=options.trees, seed=options.seed)
    found = screened(data, pulls, corpus, recipe)
    print("pull requests scored", file=sys.stderr)
    scores = commits(data, corpus, recipe, options.scores)
    print("commits scored", file=sys.stderr)
    groups = {
        "time-safe, labels of SZZ": known_rows(data, corpus, evaluate.TIME_SAFE, scores["time_safe"], traced=True),
        "all times, labels of SZZ": known_rows(data, corpus, evaluate.ALL_TIMES, scores["all_times"], traced=True),
        "all times, labels of ApacheJIT": known_rows(data, corpus, evaluate.ALL_TIMES, scores["all_times"], traced=False),
    }
    safe, szz = list(groups)[:2]
    teachers = dict.fromkeys(groups, groups[szz]) | {safe: known_rows(data, corpus, evaluate.TIME_SAFE, scores["time_safe"], traced=True, then=True)}
    late = known_rows(data, corpus, evaluate.TIME_SAFE, scores["time_safe"], traced=True, least=0)  # whatever became of them: messages alone
    today = {name: {one.name: one.share for one in (late if name == safe else groups[szz])} for name in groups}
    tried = {name: corrections(repositories, teachers[name], today[name], options.seed) for name, repositories in groups.items()}
    learned = learn(groups[szz], [one.latest for one in groups[szz]])
    options.output.write_text(page(per_pull(found, options.seed), tried, learned, options, int(scores["trees"])), "utf-8")
    print(f"{options.output} written; {learned}", file=sys.stderr)
    return 0


# -- per pull request ---------------------------------------------------------------------------------


def screened(data: Dataset, pulls: Dataset, corpus: evaluate.Corpus, recipe: train.Recipe) -> Pulls:
    """Pull requests from 2019 on by time-safe forests, calibrated as commits are.

    Each part of the repositories is scored by a forest of the other parts and calibrated on those parts' own out-of-project commits: no pull request was seen.
    """
    scenario = evaluate.TIME_SAFE
    labels, usable = evaluate.known(data, corpus, scenario)
    repository, score, chance = corpus.groups(pulls), np.full(len(pulls), np.nan), np.full(len(pulls), np.nan)
    raw, parts = np.full(len(data), np.nan), []
    for fold in evaluate.folds(data, corpus, scenario):
        predict = evaluate.forest_entrant("forest", recipe).fit(data.where(fold.train), labels[fold.train])
        raw[fold.left_out] = predict(data.where(fold.left_out))
        mine_too = np.isin(repository, np.unique(corpus.groups(data)[fold.left_out]))
        if mine_too.any():
            score[mine_too] = predict(pulls.where(mine_too))
            parts.append((fold, mine_too))
    for fold, mine_too in parts:
        others = usable & ~fold.left_out & ~np.isnan(raw) & data.traced()
        knots = train.calibrate(raw[others], labels[others], evaluate.evenly(corpus.groups(data)[others]))
        chance[mine_too] = train.apply(knots, score[mine_too])
    kept = ~np.isnan(score) & (pulls.time >= scenario.test_from)
    return Pulls(pulls.where(kept), score[kept], chance[kept])


def commits(data: Dataset, corpus: evaluate.Corpus, recipe: train.Recipe, kept: Path | None) -> dict[str, np.ndarray]:
    """Raw out-of-project scores (n,) of the commits by scenario, and of how many trees.

    They come from the file that an earlier run kept, where that would make the same.
    """
    made_from = evaluate.scores_key(data, corpus, recipe)
    if kept and kept.is_file():
        with np.load(kept) as found:
            if "made_from" in found and str(found["made_from"]) == made_from:
                return {name: found[name] for name in ("time_safe", "all_times", "trees")}
    entrant = evaluate.forest_entrant("forest", recipe)
    made = {scenario.name: evaluate.out_of_project(data, corpus, scenario, entrant) for scenario in (evaluate.TIME_SAFE, evaluate.ALL_TIMES)}
    made["trees"] = np.array(recipe.n_trees)
    if kept:
        with whole(kept) as partial, partial.open("wb") as stream:
            np.savez_compressed(stream, made_from=made_from, seed=recipe.seed, **made)
    return made


def per_pull(found: Pulls, seed: int) -> dict[str, Any]:
    """A row for each repository with enough pull requests, means, intervals over repositories and the calibration of all together.

    Raises:
        UsageError: no repository has enough.
    """
    rows = found.rows
    masks = {p: rows.project == p for p in np.unique(rows.project).tolist()}
    enough = {p: m for p, m in masks.items() if m.sum() >= evaluate.MIN_TEST_ROWS and MIN_BUGGY <= rows.y[m].sum() <= m.sum() - MIN_BUGGY}
    if not enough:
        raise UsageError(f"no repository has {evaluate.MIN_TEST_ROWS} pull requests, {MIN_BUGGY} of them buggy; mine more of them")
    lines = train.encode(rows, ("la",))[:, 0].astype(float)
    table = [
        {"project": p, "n": int(m.sum()), "buggy": int(rows.y[m].sum()), "lapredict": metrics.auc(rows.y[m], lines[m]), "risk": float(found.chance[m].mean())}
        | metrics.summary(rows.y[m], found.score[m], found.chance[m])
        for p, m in enough.items()
    ]
    labels = {p: rows.y[m] for p, m in enough.items()}
    draws = metrics.bootstrap_means(labels, [{p: s[m] for p, m in enough.items()} for s in (found.score, lines)], np.random.default_rng(seed), evaluate.DRAWS)
    auc, la = (float(np.mean([row[name] for row in table])) for name in ("auc", "lapredict"))
    many = evaluate.large(rows.project, np.ones(len(rows), bool))
    return {
        "rows": table,
        "few": [(p, int(m.sum()), int(rows.y[m].sum()), float(found.chance[m].mean())) for p, m in masks.items() if p not in enough],
        "auc": metrics.interval(auc, draws[0]),
        "gain": metrics.interval(auc - la, draws[0] - draws[1]),
        "mean_ece": evaluate.mean_ece(rows.y, found.chance, many),
        "of": len(many),
        "pooled_ece": metrics.ece(rows.y, found.chance),
        "n": len(rows),
        "bins": list(bins(rows.y, found.chance)),
    }


def bins(y: np.ndarray, p: np.ndarray, edges: Sequence[float] = (0, 0.02, 0.05, 0.1, 0.2, 0.4, 1.01)) -> Iterator[tuple[str, int, float, float]]:
    """(range of probabilities, how many, what was said, what became of it) for each range that holds any."""
    for low, high in pairwise(edges):
        mask = (p >= low) & (p < high)
        if mask.any():
            yield f"{low:.2f} to {min(high, 1):.2f}", int(mask.sum()), float(p[mask].mean()), float(y[mask].mean())


# -- a repository that was never seen -----------------------------------------------------------------


class Unseen(NamedTuple):
    """A repository's commits in the order of time, as a model that never saw it gives them.

    Probabilities and labels (n,), and the share of fixes among them and among the latest, as many as `adapt` counts.
    """

    name: str
    p: np.ndarray
    y: np.ndarray
    share: float
    latest: float


def known_rows(
    data: Dataset, corpus: evaluate.Corpus, scenario: evaluate.Scenario, scores: np.ndarray, traced: bool, then: bool = False, least: int = MIN_BUGGY
) -> list[Unseen]:
    """The repositories with enough commits in the scenario's test window, by where their labels come from.

    Args:
        then: in place of the window what could be learned from at the scenario's cut-off, with the labels as they were known then.
        least: buggy commits that a repository must have.
    """
    chance = evaluate.calibrated_elsewhere(data, corpus, scenario, scores)
    labels, usable = evaluate.known(data, corpus, scenario)
    window = (data.time >= scenario.test_from) & (data.time < scenario.test_to)
    inside, y = (usable, labels) if then else (window, data.y)
    inside = inside & ~np.isnan(chance) & (data.traced() == traced)
    fixes = data.columns(("fix",))[:, 0]
    found = []
    for name in np.unique(data.project[inside]).tolist():
        rows = np.flatnonzero(inside & (data.project == name))
        rows = rows[np.argsort(data.time[rows], kind="stable")]
        if len(rows) >= MIN_ROWS and y[rows].sum() >= least:
            late = rows[-prior.NEWEST :]
            shares = (prior.fix_share(float(fixes[some].sum()), len(some)) for some in (rows, late))
            found.append(Unseen(name, chance[rows], y[rows], *shares))
    return found


def learn(repositories: Sequence[Unseen], today: Sequence[float], best: Mapping[str, float] | None = None) -> prior.Prior:
    """The prior that these repositories give, from the shift that fits all of each best, by name where it is known, for one among others with the shares `today`."""
    best = fitting(repositories) if best is None else best
    return prior.learn([best[one.name] for one in repositories], [one.share for one in repositories], today)


def fitting(repositories: Sequence[Unseen]) -> dict[str, float]:
    """The shift that fits all commits of each repository best."""
    return {one.name: prior.from_labels(one.p, one.y) for one in repositories}


def corrections(repositories: Sequence[Unseen], teachers: Sequence[Unseen], today: Mapping[str, float], seed: int) -> dict[str, dict[str, float]]:
    """Mean, largest and pooled calibration error by way, behind the labels that a way may use.

    The prior is learned from the teachers, for a repository among others with the shares `today`, by name; in both without the repository itself.
    """
    rng, best = np.random.default_rng(seed), fitting(teachers)
    errors: dict[str, list[float]] = {way: [] for way in WAYS}
    pooled: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {way: [] for way in WAYS}
    for one in repositories:
        known = learn([other for other in teachers if other.name != one.name], [share for name, share in today.items() if name != one.name], best)
        centre = known.shift(one.share)
        draws = [rng.permutation(len(one.y)) for _ in range(DRAWS)]
        first = np.arange(len(one.y))
        for way, orders in (("as it is", [first]), ("messages", [first]), ("first", [first]), ("drawn", draws)):
            found = []
            for order in orders:
                taken, left = order[:N_LABELS], order[N_LABELS:]
                by = {"as it is": 0.0, "messages": centre}.get(way)
                by = prior.from_labels(one.p[taken], one.y[taken], centre, known.spread) if by is None else by
                risk = prior.shifted(one.p[left], by)
                found.append(metrics.ece(one.y[left], risk))
                if order is orders[0]:
                    pooled[way].append((one.y[left], risk))
            errors[way].append(float(np.mean(found)))
    together = {way: metrics.ece(*(np.concatenate(side) for side in zip(*parts, strict=True))) for way, parts in pooled.items()}
    return {way: {"mean": float(np.mean(e)), "largest": max(e), "pooled": together[way], "repositories": len(e)} for way, e in errors.items()}


# -- the page -----------------------------------------------------------------------------------------


def page(
    pulls: Mapping[str, Any], tried: Mapping[str, Mapping[str, Mapping[str, float]]], learned: prior.Prior, options: argparse.Namespace, trees: int
) -> str:
    """docs/calibration.md."""
    return "\n".join([*_head(options), *_pulls(pulls, options), *_corrections(tried, trees), *_learned(learned)]) + "\n"


def _head(options: argparse.Namespace) -> list[str]:
    where = machine()
    return [
        "# Calibration beyond the commit",
        "",
        f"Written by `python benchmarks/calibration.py`; nothing here is typed by hand. {datetime.now(UTC).date().isoformat()}, {where['cpu']}, {where['cores']} cores, "
        f"Python {where['python']}, seed {options.seed}.",
        "",
        "No figure is of the model that ships, which has seen these repositories: forests of fewer trees and of its recipe, each grown without the repositories that it judges and calibrated on others.",
        "",
    ]


def _pulls(found: Mapping[str, Any], options: argparse.Namespace) -> list[str]:
    auc, gain = found["auc"], found["gain"]
    rows = [
        f"| {r['project']} | {r['n']} | {r['buggy']} | {r['auc']:.3f} | {r['lapredict']:.3f} | {r['risk']:.3f} | {r['buggy'] / r['n']:.3f} | {r['ece']:.3f} |"
        for r in found["rows"]
    ]
    few = ", ".join(f"{name} ({n}, {buggy} buggy, mean risk {risk:.3f})" for name, n, buggy, risk in found["few"])
    return [
        "## Per pull request",
        "",
        "`automl-codex mine --corpus training/corpus.yaml --clones DIR --unit pull-request --since 2019-01-01 --output training/pulls` made the rows: merges and squashes on the first-parent line, "
        "each measured as the change that it brought. One is buggy when a later change repairs, beyond doubt, lines that any of its commits brought (SZZ); a fix on its own branch does not count. "
        f"Time-safe, {options.trees} trees: labels for learning as known on 2018-01-01, pull requests from 2019 on. Calibrated on commits, as the model that ships is; no pull request was learned from.",
        "",
        f"Mean AUC of {len(rows)} repositories **{auc.value:.3f}** ({auc.low:.3f} to {auc.high:.3f}), against added lines alone {gain.value:+.3f} ({gain.low:+.3f} to {gain.high:+.3f}); "
        f"calibration error **{found['pooled_ece']:.3f}** over all {found['n']:,} pull requests, {found['mean_ece']:.3f} in the mean of {found['of']} repositories with {evaluate.MIN_TEST_ROWS} of them, whatever became of these.",
        "",
        "| repository | pull requests | buggy | AUC | added lines alone | mean risk | share buggy | ECE |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
        *rows,
        "",
        "| risk | pull requests | mean risk | share buggy |",
        "|---|---:|---:|---:|",
        *(f"| {name} | {n:,} | {said:.3f} | {became:.3f} |" for name, n, said, became in found["bins"]),
        "",
        *([f"Too few, or too few buggy ones, for a figure of their own, but among all pull requests: {few}.", ""] if few else []),
    ]


def _corrections(tried: Mapping[str, Mapping[str, Mapping[str, float]]], trees: int) -> list[str]:
    rows = [
        f"| {group} | {found['repositories']} | {WAYS[way]} | {found['mean']:.3f} | {found['largest']:.3f} | {found['pooled']:.3f} |"
        for group, ways in tried.items()
        for way, found in ways.items()
    ]
    return [
        "## In a repository that was never seen",
        "",
        f"`automl-codex adapt` moves the log-odds of all risks by one number; the order of changes stays. Without labels the number follows the share of the changes whose message says that they fix "
        f"something; {N_LABELS} labels move it on under a Cauchy prior around that. What both rest on is learned from the other repositories that SZZ labelled: how far a share moves the risk, from labels (time-safe: as they were known on 2018-01-01), and what share is usual, from messages alone (time-safe: those from 2019 on). *Drawn*: the labelled commits are a random draw "
        f"of the period, {DRAWS} draws; *first*: the oldest of it. Calibration error on the commits behind them, of repositories with {MIN_ROWS} commits, {MIN_BUGGY} of them buggy. "
        f"Forests of {trees} trees. ApacheJIT accuses every candidate and SZZ here only what is beyond doubt: what it calls buggy is several times as frequent, as in a team with its own idea of a defect.",
        "",
        "| repositories | number | risks | mean ECE | largest | of all commits |",
        "|---|---:|---|---:|---:|---:|",
        *rows,
        "",
        "A normal prior in place of the Cauchy one was tried first: no worse where SZZ labelled, but 50 labels could not bring it to another idea of a defect. That choice was made with these figures in view.",
        "",
    ]


def _learned(learned: prior.Prior) -> list[str]:
    return [
        f"The shift is {learned.at_even:+.3f} {learned.slope:+.3f} · log-odds(share of fixes), with a spread of {learned.spread:.3f} around it (all times, labels of SZZ): `prior.LEARNED`. "
        f"These repositories say of {prior.SHARES[0]:.1%} to {prior.SHARES[1]:.0%} of their changes that they fix something; where a repository lies outside of that `adapt` refuses to go by messages alone. With labels no level begins below the mean risk of the labelled commits.",
    ]


if __name__ == "__main__":
    sys.exit(main())
