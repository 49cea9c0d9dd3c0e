"""Would another family of models rank better than the one that ships? Boosted trees on TF-IDF, a stack of them and the forest, a plain mean, beside it.

automl-codex words --corpus training/corpus.yaml --clones DIR --output WORDS
python benchmarks/families.py --words WORDS

Time-safe, whole repositories left out, on commits that SZZ labelled. Writes docs/families.md; half an hour and more.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from time import process_time
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "training")]

import numpy as np

from automl_codex import evaluate, families, mine, tables, train
from automl_codex.tables import Dataset
from automl_codex.words import Words
from benchmarks.measure import machine
from codex_gate.errors import GateError

NAMES: Final = {
    families.SHIPPED: "the recipe that ships",
    "forest": "its forest alone",
    "boosting": "boosted trees on TF-IDF",
    "stack": "stack of forest and boosted trees",
    "blend": "mean of these",
    "lapredict": "added lines alone",
}


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--input", type=Path, default=ROOT / "training" / "data")
    parser.add_argument("--corpus", type=Path, default=ROOT / "training" / "corpus.yaml")
    parser.add_argument("--words", type=Path, required=True, help="output of automl-codex words")
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "families.md")
    parser.add_argument("--most", type=int, default=4000, help="commits before 2019 of each project, by hash (default: %(default)s, all there are)")
    parser.add_argument("--trees", type=int, default=60, help="of the forests (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=42)
    options = parser.parse_args(argv)
    try:
        return run(options)
    except GateError as error:
        print(f"families: {error}", file=sys.stderr)
        return 2


def run(options: argparse.Namespace) -> int:
    corpus = evaluate.Corpus.of(mine.read_corpus(options.corpus))
    data, _ = corpus.split(tables.read(options.input))
    data = drawn(data.where(data.traced()), options.most)
    words = Words.read(options.words)
    recipe = replace(train.Recipe(), n_trees=options.trees, seed=options.seed)
    table = families.compare(data, corpus, words, families.FAMILIES, recipe, lambda text: print(text, file=sys.stderr))
    labels, usable = evaluate.known(data, corpus, evaluate.TIME_SAFE)
    used, y = data.where(usable), labels[usable]
    began = process_time()
    counts = words.of(used.sha256.tolist())
    grown = families.Boosting.fit(counts, y, train.row_weights(used, y, recipe), recipe.seed)
    facts = {
        "rows": len(used),
        "columns": len(grown.columns),
        "seconds": process_time() - began,
        "p50_ms": families.speed(grown, counts[: families.SPEED_CALLS]),
        "bytes": len(grown.trees.model_to_string()),
        "covered": float((counts.getnnz(axis=1) > 0).mean()),
    }
    options.output.write_text(page(table, facts, options), "utf-8")
    print(f"{options.output} written", file=sys.stderr)
    return 0


def drawn(data: Dataset, most: int) -> Dataset:
    """All that may be judged, and of what may be learned from at most so many commits of each project, those of the lowest hash."""
    kept = data.time >= evaluate.TIME_SAFE.test_from
    for name in np.unique(data.project).tolist():
        rows = np.flatnonzero(~kept & (data.project == name))
        kept[rows[np.argsort(data.sha256[rows], kind="stable")[:most]]] = True
    return data.where(kept)


def page(table: Mapping[str, Any], facts: Mapping[str, Any], options: argparse.Namespace) -> str:
    """docs/families.md."""
    where = machine()
    mean, gain, pooled = table["mean"], table["difference_to_lapredict"], table["pooled"]
    rows = [
        f"| {label} | {mean[name]['auc']:.3f} | {mean[name]['auc_interval'][0]:.3f} to {mean[name]['auc_interval'][1]:.3f} | "
        f"{gain[name]['value']:+.3f} ({gain[name]['low']:+.3f} to {gain[name]['high']:+.3f}) | {mean[name]['average_precision']:.3f} | {mean[name]['ece']:.3f} | {pooled[name]['ece']:.3f} |"
        for name, label in NAMES.items()
    ]
    names = [name for name in NAMES if name != "lapredict"]
    projects = [
        f"| {row['project']} | {row['commits']} | " + " | ".join(f"{row['models'][name]['auc']:.3f}" for name in NAMES) + " |" for row in table["projects"]
    ]
    best = max(names, key=lambda name: float(mean[name]["auc"]))
    over = float(mean[best]["auc"] - mean[families.SHIPPED]["auc"])
    verdict = (
        "No family ranks better than the recipe that ships, which stays."
        if best == families.SHIPPED
        else f"Best is the {NAMES[best]}, {over:+.4f} above the recipe that ships; its gain over added lines alone {'reaches' if gain[best]['value'] >= evaluate.MIN_GAIN else 'does not reach'} "
        f"the goal of {evaluate.MIN_GAIN:+.2f}. The recipe stays: it runs on the standard library, and the wording of a message cannot move its risk."
    )
    return (
        "\n".join(
            [
                "# Other families of risk models",
                "",
                f"Written by `python benchmarks/families.py --words DIR`; nothing here is typed by hand. {datetime.now(UTC).date().isoformat()}, {where['cpu']}, {where['cores']} cores, Python {where['python']}, seed {options.seed}.",
                "",
                f"Time-safe, whole repositories left out in {evaluate.N_FOLDS} parts, labels for learning as known on 2018-01-01, test from 2019 on ({len(table['projects'])} repositories with enough). "
                f"All learn from the same commits, those that SZZ labelled, at most {options.most:,} of a project, with the same weights. The recipe that ships is a forest, of {options.trees} trees here, and a regression beside it ([within.md](within.md)). Boosted trees: LightGBM, {families.ROUNDS} rounds at a rate of {families.RATE:g}, "
                f"on TF-IDF of words of message and paths and of tokens of the added and deleted program text (`automl-codex words`; at most {families.MOST:,} columns, each said by {families.MIN_COMMITS} commits or more). "
                f"The stack weighs what the forest and these trees say of projects that they did not see, in {families.PARTS} parts, by a logistic regression; the forest brings size and file history into it. Settings were chosen beforehand, none by these figures.",
                "",
                "| family | mean AUC | 95 % | against added lines alone | AP | mean ECE | pooled ECE |",
                "|---|---:|---:|---:|---:|---:|---:|",
                *rows,
                "",
                verdict,
                "",
                f"Boosted trees on the {facts['rows']:,} commits that may be learned from: {facts['columns']:,} columns, {facts['bytes'] / 1e6:.2f} MB as text, {facts['seconds']:.0f} s of processor time to fit, "
                f"{facts['p50_ms']:.2f} ms from the counted terms of one change to its score (median of {families.SPEED_CALLS}, one thread, LightGBM itself); {facts['covered']:.1%} of the commits have terms.",
                "",
                "`automl-codex train --family boosting|stack|blend --words DIR --output MODELS` trains one of them, reports it by the same protocol, and writes it where it is "
                f"{evaluate.MIN_GAIN:+.2f} above added lines alone.",
                "",
                "| repository | commits | " + " | ".join(NAMES.values()) + " |",
                "|---|---:|" + "---:|" * len(NAMES),
                *projects,
            ]
        )
        + "\n"
    )


if __name__ == "__main__":
    sys.exit(main())
