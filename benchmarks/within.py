"""What a regression within projects adds to the forest: measures and words, whole repositories left out, by every kind of labels.

python benchmarks/within.py --tables FRESH

FRESH is the output of automl-codex mine --corpus training/fresh.yaml, with common words (automl-codex common-words --vocabulary training/data). Writes
docs/within.md; five minutes.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

ROOT: Final = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "training")]

import numpy as np

from automl_codex import evaluate, metrics, mine, tables, train, within
from automl_codex.tables import Dataset
from benchmarks import fresh
from benchmarks.measure import machine
from codex_gate.errors import GateError, UsageError

FOREST, MEASURES, WORDS, WITH_MEASURES, WITH_BOTH, LINES = "forest", "measures", "words", "forest and measures", "forest, measures and words", "lapredict"
NAMES: Final = {
    FOREST: "the forest alone",
    MEASURES: "within projects, measures",
    WORDS: "within projects, measures and words",
    WITH_MEASURES: "the forest and the measures",
    WITH_BOTH: "the forest, the measures and the words, which ships",
    LINES: "added lines alone",
}


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--input", type=Path, default=ROOT / "training" / "data")
    parser.add_argument("--corpus", type=Path, default=ROOT / "training" / "corpus.yaml")
    parser.add_argument("--fresh", type=Path, default=ROOT / "training" / "fresh.yaml", help="what the fresh tables were mined by")
    parser.add_argument("--tables", type=Path, required=True, help="tables of fresh projects")
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "within.md")
    parser.add_argument("--trees", type=int, default=60, help="of the forests (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=42)
    options = parser.parse_args(argv)
    try:
        return run(options)
    except GateError as error:
        print(f"within: {error}", file=sys.stderr)
        return 2


def run(options: argparse.Namespace) -> int:
    corpus, asked = (evaluate.Corpus.of(mine.read_corpus(listed)) for listed in (options.corpus, options.fresh))
    data, holdout = corpus.split(tables.read(options.input))
    new = asked.within(tables.read(options.tables))
    fresh.refuse_known(data, corpus, new, asked)
    new = new.where(new.time >= evaluate.TIME_SAFE.test_from)
    if data.said is None or new.said is None or data.said.words != new.said.words:
        raise UsageError(
            f"{options.input} and {options.tables} need the same common words; make them with automl-codex common-words, the latter with --vocabulary {options.input}"
        )
    recipe = replace(train.Recipe(), n_trees=options.trees, seed=options.seed)
    contenders = entrants(recipe)
    found: dict[str, Any] = {"choice": chosen(data, corpus, contenders)}
    safe, _ = evaluate.compare(data, corpus, evaluate.TIME_SAFE, contenders, options.seed, say)
    labels, usable = evaluate.known(data, corpus, evaluate.TIME_SAFE)
    found |= {"safe": safe, "fresh": elsewhere(data.where(usable), labels[usable], new, contenders, options.seed)}
    labels, usable = evaluate.known(data, corpus, evaluate.ALL_TIMES)
    found["holdout"] = elsewhere(data.where(usable), labels[usable], holdout, contenders, options.seed)
    found["words"] = within.fit(data.where(usable), labels[usable], recipe).n_words
    options.output.write_text(page(found, options), "utf-8")
    print(f"{options.output} written", file=sys.stderr)
    return 0


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


# -- the comparison ---------------------------------------------------------------------------------------


class Parts(NamedTuple):
    """Log-odds of the forest, and of the regression without and with words."""

    forest: Callable[[Dataset], np.ndarray]
    measures: Callable[[Dataset], np.ndarray]
    words: Callable[[Dataset], np.ndarray]


def entrants(recipe: train.Recipe) -> list[evaluate.Entrant]:
    """Every row of NAMES; each part is learned once for the same rows."""
    learned: dict[tuple[int, str], Parts] = {}

    def parts(data: Dataset, y: np.ndarray) -> Parts:
        key = (len(data), hashlib.sha256(data.sha256.astype("S64").tobytes() + y.tobytes()).hexdigest())
        if key not in learned:
            forest = evaluate.forest_entrant(FOREST, replace(recipe, within=False)).fit(data, y)
            plain, both = within.fit(replace(data, said=None), y, recipe), within.fit(data, y, recipe)
            learned[key] = Parts(lambda rows: metrics.log_odds(forest(rows), 1e-4), lambda rows: plain.log_odds(replace(rows, said=None)), both.log_odds)
        return learned[key]

    def entrant(name: str, *used: int) -> evaluate.Entrant:
        def fit(data: Dataset, y: np.ndarray) -> Callable[[Dataset], np.ndarray]:
            found = parts(data, y)
            return lambda rows: np.asarray(1 / (1 + np.exp(-sum(found[k](rows) for k in used))))

        return evaluate.Entrant(name, fit)

    made = {FOREST: (0,), MEASURES: (1,), WORDS: (2,), WITH_MEASURES: (0, 1), WITH_BOTH: (0, 2)}
    return [*(entrant(name, *used) for name, used in made.items()), evaluate.logistic_entrant(LINES, ("la",))]


def chosen(data: Dataset, corpus: evaluate.Corpus, contenders: Sequence[evaluate.Entrant]) -> dict[str, tuple[float, float]]:
    """Mean AUC on the selection window, of the projects that SZZ labelled and of the others."""
    found = {}
    szz, outside = evaluate.by_labels(data, evaluate.judged(data, evaluate.SELECTION))
    for one in contenders:
        scores = evaluate.out_of_project(data, corpus, evaluate.SELECTION, one)
        found[one.name] = tuple(float(np.mean([metrics.auc(data.y[m], scores[m]) for m in masks])) if masks else float("nan") for masks in (szz, outside))
        say(f"selection: {one.name}: {found[one.name][0]:.4f}, {found[one.name][1]:.4f}")
    return found  # type: ignore[return-value]


def elsewhere(data: Dataset, y: np.ndarray, rows: Dataset, contenders: Sequence[evaluate.Entrant], seed: int) -> dict[str, Any]:
    """Gains over added lines on projects that nothing was learned from: of each that has enough commits, and in their mean with intervals."""
    names = [p for p in np.unique(rows.project).tolist() if _is_enough(rows.y[rows.project == p])]
    masks = {p: rows.project == p for p in names}
    scores = {one.name: one.fit(data, y)(rows) for one in contenders}
    labels = {p: rows.y[m] for p, m in masks.items()}
    draws = metrics.bootstrap_means(labels, [{p: s[m] for p, m in masks.items()} for s in scores.values()], np.random.default_rng(seed), evaluate.DRAWS)
    auc = {name: {p: metrics.auc(labels[p], s[m]) for p, m in masks.items()} for name, s in scores.items()}
    base = list(scores).index(LINES)
    gain = {
        name: metrics.interval(float(np.mean([auc[name][p] - auc[LINES][p] for p in names])), draws[k] - draws[base])._asdict() for k, name in enumerate(scores)
    }
    return {"projects": names, "auc": auc, "gain": gain}


def _is_enough(y: np.ndarray) -> bool:
    return len(y) >= evaluate.MIN_TEST_ROWS and fresh.MIN_BUGGY <= int(y.sum()) <= len(y) - fresh.MIN_BUGGY


# -- the page ---------------------------------------------------------------------------------------------


def page(found: Mapping[str, Any], options: argparse.Namespace) -> str:
    """docs/within.md."""
    where, safe, new, old = machine(), found["safe"], found["fresh"], found["holdout"]

    def over(gain: Mapping[str, float]) -> str:
        return f"{gain['value']:+.3f} ({gain['low']:+.3f} to {gain['high']:+.3f})"

    rows = [
        f"| {label} | {found['choice'][name][0]:.3f} | {found['choice'][name][1]:.3f} | {safe['mean'][name]['auc']:.3f} | {over(safe['difference_to_lapredict'][name])} | "
        f"{safe['mean'][name]['ece']:.3f} | {over(new['gain'][name])} | "
        + " | ".join(f"{old['auc'][name][p] - old['auc'][LINES][p]:+.3f}" for p in old["projects"])
        + " |"
        for name, label in NAMES.items()
    ]
    projects = [
        f"| {row['project']} | {row['commits']:,} | " + " | ".join(f"{row['models'][name]['auc']:.3f}" for name in NAMES) + " |" for row in safe["projects"]
    ]
    return (
        "\n".join(
            [
                "# A regression within projects",
                "",
                f"Written by `python benchmarks/within.py --tables FRESH`; nothing here is typed by hand. {datetime.now(UTC).date().isoformat()}, {where['cpu']}, "
                f"{where['cores']} cores, Python {where['python']}, seed {options.seed}.",
                "",
                "Over all projects together a measure that differs from project to project more than from change to change learns the level of the projects in place of what it means in each. "
                f"The regression (`training/automl_codex/within.py`) gives every project and year an intercept of its own: {len(within.NAMES)} measures, and the words that {within.MIN_PROJECTS} projects say or more, "
                f"in {within.MIN_COMMITS} commits or more ({found['words']:,} words; new ones of the program text and those of its paths, none of the message). It learns from the same rows with the same weights as the forest, which has "
                f"{options.trees} trees here. *And*: the sum of the log-odds.",
                "",
                f"The selection window (mean AUC of the projects that SZZ labelled, and of ApacheJIT's) is where this was chosen; time-safe are {len(safe['projects'])} projects, whole repositories left out; fresh are {len(new['projects'])} projects "
                f"that no measure was chosen on ([fresh.md](fresh.md)), from 2019 on by what was known when 2018 began; the last columns are the projects that are never trained on, by ISSTA 2021's labels. Gains are over added lines alone, intervals 95 %. "
                "The time-safe window and the fresh projects were looked at while this was set up.",
                "",
                "| model | selection, SZZ's | selection, ApacheJIT's | time-safe | gain | mean ECE | fresh, gain | " + " | ".join(old["projects"]) + " |",
                "|---|---:|---:|---:|---:|---:|---:|" + "---:|" * len(old["projects"]),
                *rows,
                "",
                "| project, time-safe | commits | " + " | ".join(NAMES.values()) + " |",
                "|---|---:|" + "---:|" * len(NAMES),
                *projects,
            ]
        )
        + "\n"
    )


if __name__ == "__main__":
    sys.exit(main())
