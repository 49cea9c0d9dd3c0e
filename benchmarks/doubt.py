"""What the figures owe to commits that are in no table: those whose lines only doubtful fixes repaired, whenever these were made.

python benchmarks/doubt.py --clones DIR     # → docs/doubt.md; half an hour, most of it blame, which is kept

SZZ labels every history of the corpus again and keeps the commits that it leaves out for doubt, as many of a hundred as the tables hold of the labelled ones; they are
measured as `automl-codex mine` measures. Time-safe, as the evaluation of the model that ships: judged without them, and with them, as clean and as buggy; by models that learned
without them, as what ships, and by models that learned, as clean, from those whose doubt was not known yet.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

ROOT: Final = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "training")]

import numpy as np

from automl_codex import common_words, evaluate, metrics, mine, said, tables, train
from automl_codex.tables import Dataset
from benchmarks.measure import machine
from codex_gate import szz
from codex_gate.errors import GateError, UsageError
from codex_gate.git import Repository

WITHOUT, CLEAN, BUGGY = "without them, as the card", "with them, as clean", "with them, as buggy"
AS_SHIPPED, AS_THEN = "without them, as what ships", "those whose doubt was not known yet, as clean"


class Left(NamedTuple):
    """Commits of a project that are in no table for doubt: the time of the first doubtful fix (Unix seconds) by SHA; and the labelled ones up to the same day."""

    doubtful: dict[str, int]
    labelled: int


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--clones", type=Path, required=True, metavar="DIR", help="clones named OWNER+NAME")
    parser.add_argument("--input", type=Path, default=ROOT / "training" / "data")
    parser.add_argument("--corpus", type=Path, default=ROOT / "training" / "corpus.yaml")
    parser.add_argument("--work", type=Path, default=ROOT / "data" / "benchmarks" / "doubt", metavar="DIR", help="tables of earlier runs, which are kept")
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "doubt.md")
    parser.add_argument("--trees", type=int, default=100, help="of the forests (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=42)
    options = parser.parse_args(argv)
    try:
        return run(options)
    except GateError as error:
        print(f"doubt: {error}", file=sys.stderr)
        return 2


def run(options: argparse.Namespace) -> int:
    corpus = evaluate.Corpus.of(mine.read_corpus(options.corpus))
    data, _ = corpus.split(tables.read(options.input))
    if data.said is None:
        raise UsageError(f"{options.input} holds no {said.FILE}; make it with automl-codex common-words")
    left = collect(options, data.said.words)
    rows, doubt = joined(data, left)
    recipe = replace(train.Recipe(), n_trees=options.trees, seed=options.seed)
    known = doubt & (left_time(rows, left) < float(evaluate.TIME_SAFE.cut_off or 0))
    found = {name: judge(rows, doubt, scored(rows, corpus, recipe, never), options.seed) for name, never in ((AS_SHIPPED, doubt), (AS_THEN, known))}
    options.output.write_text(page(rows, doubt, found, options), "utf-8")
    print(f"{options.output} written", file=sys.stderr)
    return 0


# -- which commits ----------------------------------------------------------------------------------------


def collect(options: argparse.Namespace, words: Sequence[str]) -> Dataset:
    """The rows of what was left out, label 1 with the time of the first doubtful fix, and what they say."""
    folder = options.work / "tables"
    folder.mkdir(parents=True, exist_ok=True)
    for entry in mine.mined_of(options.corpus):
        if "labels" in entry:
            continue  # others labelled it: nobody left a commit out for doubt
        project, where = entry["project"], mine.clone_of(entry["clone"], options.clones)
        if where is None:
            raise UsageError(f"{options.clones} holds no clone of {entry['clone']}; clone it there first")
        if (folder / f"{project}.parquet").is_file():
            continue
        repo = Repository.discover(where, {})
        until = evaluate.Corpus.of([entry]).until[project]
        found = left_out(repo, entry["head"], until)
        most = entry.get("most") or found.labelled
        taken = round(len(found.doubtful) * min(1.0, most / max(found.labelled, 1)))
        print(f"{project}: {len(found.doubtful)} commits left out for doubt beside {found.labelled} labelled, {taken} taken", file=sys.stderr, flush=True)
        if taken:
            listing = options.work / f"{project}.csv"
            with listing.open("w", newline="", encoding="utf-8") as stream:
                csv.writer(stream).writerows([("sha", "buggy", "fix_time"), *((sha, 1, time) for sha, time in sorted(found.doubtful.items()))])
            mine.run(mine.Job(project, repo, "", listing, most=taken), folder, lambda _: None)
    if not (folder / said.FILE).is_file():
        common_words.collect(options.corpus, options.clones, None, folder, lambda text: print(text, file=sys.stderr, flush=True), words).write(
            folder / said.FILE
        )
    return tables.read(folder)


def left_out(repo: Repository, head: str, until: float) -> Left:
    """The commits up to a day that `szz.label` gives no label for doubt alone."""
    metas, traces = repo.log(head), list[szz.Trace]()
    labelled = szz.label(repo, metas, store=traces.append)
    made = {meta.sha: meta.time for meta in metas}
    time = {meta.sha: meta.time for meta in metas if len(meta.parents) == 1 and meta.time <= until}
    first: dict[str, int] = {}
    for trace in traces:
        if trace.doubt is not None:
            for sha in trace.touched & time.keys() - labelled.keys():
                fixed = max(made[trace.fix], time[sha])  # clocks differ
                first[sha] = min(fixed, first.get(sha, fixed))
    sizes = szz.facts(repo, sorted(first))
    fit = {sha: when for sha, when in first.items() if sha in sizes and sizes[sha].n_lines and not sizes[sha].is_large}
    return Left(fit, len(labelled.keys() & time.keys()))


def joined(data: Dataset, left: Dataset) -> tuple[Dataset, np.ndarray]:
    """The rows of both, those that were left out as clean, and which they are (mask)."""
    assert data.said is not None and left.said is not None and data.said.words == left.said.words
    names = ("X", "time", "project", "sha256")
    both: dict[str, Any] = {name: np.concatenate([getattr(data, name), getattr(left, name)]) for name in names}
    both["y"] = np.concatenate([data.y, np.zeros(len(left), data.y.dtype)])
    both["fix_time"] = np.concatenate([data.fix_time, np.full(len(left), np.nan)])
    both["outside"] = np.concatenate([~data.traced(), np.zeros(len(left), bool)])
    one, other = data.said, left.said
    place = {**one.place, **{name: row + len(one.place) for name, row in other.place.items()}}
    told = said.Said(one.words, place, np.concatenate([one.start, one.start[-1] + other.start[1:]]), np.concatenate([one.word, other.word]))
    return replace(data, **both, said=told), np.arange(len(data) + len(left)) >= len(data)


def left_time(rows: Dataset, left: Dataset) -> np.ndarray:
    """When the first doubtful fix of each row (n,) was made; NaN for those that have a label."""
    return np.concatenate([np.full(len(rows) - len(left), np.nan), left.fix_time])


# -- figures ----------------------------------------------------------------------------------------------


def scored(rows: Dataset, corpus: evaluate.Corpus, recipe: train.Recipe, never: np.ndarray) -> np.ndarray:
    """Time-safe raw scores (n,) by models that saw neither the repository nor a row that is never learned from (mask)."""
    scenario, found = evaluate.TIME_SAFE, np.full(len(rows), np.nan)
    labels, _ = evaluate.known(rows, corpus, scenario)
    for fold in evaluate.folds(rows, corpus, scenario):
        taught = fold.train & ~never
        predict = evaluate.forest_entrant("forest", recipe).fit(rows.where(taught), labels[taught])
        found[fold.left_out] = predict(rows.where(fold.left_out))
    return found


def judge(rows: Dataset, doubt: np.ndarray, score: np.ndarray, seed: int) -> dict[str, dict[str, Any]]:
    """By how those that were left out are judged: mean AUC over the projects that the card judges, and against added lines."""
    late = rows.time >= evaluate.TIME_SAFE.test_from
    lines = train.encode(rows, ("la",))[:, 0].astype(float)
    labelled = rows.where(~doubt)
    projects = [str(labelled.project[mask][0]) for mask in evaluate.judged(labelled, evaluate.TIME_SAFE) if labelled.traced()[mask].all()]
    found = {}
    for name, y, kept in ((WITHOUT, rows.y, ~doubt), (CLEAN, rows.y, late), (BUGGY, np.where(doubt, 1, rows.y), late)):
        part = {p: late & kept & (rows.project == p) for p in projects}
        labels = {p: y[m] for p, m in part.items()}
        draws = metrics.bootstrap_means(labels, [{p: s[m] for p, m in part.items()} for s in (score, lines)], np.random.default_rng(seed), evaluate.DRAWS)
        ours, theirs = (float(np.mean([metrics.auc(labels[p], s[m]) for p, m in part.items()])) for s in (score, lines))
        found[name] = {
            "projects": len(part),
            "commits": int(sum(m.sum() for m in part.values())),
            "buggy": int(sum(label.sum() for label in labels.values())),
            "auc": ours,
            "lines": theirs,
            "gain": metrics.interval(ours - theirs, draws[0] - draws[1]),
        }
    return found


def page(rows: Dataset, doubt: np.ndarray, found: Mapping[str, Mapping[str, Mapping[str, Any]]], options: argparse.Namespace) -> str:
    """docs/doubt.md."""
    where, late = machine(), rows.time >= evaluate.TIME_SAFE.test_from
    head = f"Written by `python benchmarks/doubt.py --clones DIR`; nothing here is typed by hand. {datetime.now(UTC).date()}, {where['cpu']}, {where['cores']} cores, Python {where['python']}, seed {options.seed}."
    what = (
        f"A commit that only doubtful fixes accuse ([labels.md](labels.md)) is in no table, whenever these fixes were made: {int(doubt.sum()):,} such commits of the corpus beside {int((~doubt & rows.traced()).sum()):,} that SZZ labels, "
        f"{int((doubt & late).sum()):,} of them from 2019 on. Whoever leaves out by what happened later may flatter a figure twice: what is left is easier to tell apart, and what a model learns from was chosen by what nobody knew yet. "
        f"So here is the time-safe comparison with added lines on the projects that the card judges, with and without them, by forests of {options.trees} trees and the regression beside them, as what ships. Read by eye, about one in seven of these commits did bring in the fault ([tried.md](tried.md#doubtful-accusations-as-weak-labels)): "
        "*as clean* is nearer to that than *as buggy*. Intervals are 95 %, by draws of projects and of commits within them."
    )
    lines = ["# Commits left out for doubt", "", head, "", what, ""]
    lines += ["| learned from | judged | projects | commits | buggy | mean AUC | added lines | difference |", "|---|---|---:|---:|---:|---:|---:|---:|"]
    for taught, rows_of in found.items():
        for name, row in rows_of.items():
            gain = row["gain"]
            lines.append(
                f"| {taught} | {name} | {row['projects']} | {row['commits']:,} | {row['buggy']:,} | {row['auc']:.3f} | {row['lines']:.3f} | {gain.value:+.3f} ({gain.low:+.3f} to {gain.high:+.3f}) |"
            )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
