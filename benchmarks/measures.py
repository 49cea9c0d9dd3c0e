"""What a measure of a change would be worth before it is taken: candidates are computed from clones and judged on the committed tables.

python benchmarks/measures.py --clones DIR

DIR holds a clone of each repository of training/corpus.yaml, named OWNER+NAME; a project without one is left out of the whole comparison. A measure that is taken needs another feature schema, tables, a forest and
most of the pages in docs/, so it is judged first: by itself, and in a logistic regression with the few measures that go with it. Writes docs/measures.md; ten minutes.
"""

from __future__ import annotations

import argparse
import os
import sys
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "training")]

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from automl_codex import evaluate, metrics, mine, tables, train
from automl_codex.evaluate import Entrant, Scenario
from automl_codex.files import whole
from automl_codex.tables import Dataset
from benchmarks.measure import machine
from codex_gate import content
from codex_gate.errors import GateError, UsageError
from codex_gate.git import Repository
from codex_gate.types import FileChange
from codex_gate.walk import walk

WINDOW: Final = 32_768  # bytes that DEFLATE looks back
SINGLE: Final = ("la", "code_lines_added", "words_added", "names_new", "pairs_new")  # measures that there are, beside the candidates
TOGETHER: Final = (
    ("pairs_new", "test_share", "ns"),
    ("deflated", "test_share", "ns"),
    ("deflated", "test_share", "fix"),
)


def deflated(added: Sequence[bytes], deleted: Sequence[bytes]) -> float:
    """Bytes that the added program text takes when it is compressed with the deleted text known: how much of it is news.

    Source: conditional compressed size, as in Cilibrasi & Vitányi 2005, Clustering by Compression, section III; DEFLATE with a preset dictionary.
    """
    if not added:
        return 0.0
    known = b"\n".join(map(bytes.strip, deleted))[-WINDOW:]
    packer = zlib.compressobj(9, zlib.DEFLATED, -15, zdict=known) if known else zlib.compressobj(9, zlib.DEFLATED, -15)
    return float(len(packer.compress(b"\n".join(map(bytes.strip, added)))) + len(packer.flush()))


CANDIDATES: Final[Mapping[str, Callable[[Sequence[bytes], Sequence[bytes]], float]]] = {"deflated": deflated}


def measured(files: Sequence[FileChange]) -> list[float]:
    """The candidates of a change, in their order."""
    added, deleted = content.text(files)
    return [measure(added, deleted) for measure in CANDIDATES.values()]


# -- reading clones ------------------------------------------------------------------------------------


def of_project(repo: Repository, wanted: frozenset[str]) -> dict[str, list[float]]:
    """The candidates by hash of the SHA, of the wanted commits that the clone has on any branch."""
    metas = [meta for meta in repo.log("--all") if tables.hash_sha(meta.sha) in wanted]
    rows = walk(repo, metas, {meta.sha for meta in metas}, patches=True)
    return {tables.hash_sha(str(row.commit.sha)): measured(row.commit.files) for row in rows}


@dataclass(frozen=True)
class Columns:
    """The candidates of each project's commits, by project and hash of the SHA."""

    found: Mapping[str, Mapping[str, Sequence[float]]]

    def covers(self, data: Dataset) -> np.ndarray:
        """(n,) true where a row has candidates."""
        return np.array([sha in self.found.get(project, {}) for project, sha in zip(data.project.tolist(), data.sha256.tolist(), strict=True)], bool)

    def of(self, data: Dataset, names: Sequence[str]) -> np.ndarray:
        """Measures and candidates by name, (n, len(names)), unknown ones 0."""
        rows = np.array([self.found[project][sha] for project, sha in zip(data.project.tolist(), data.sha256.tolist(), strict=True)], float)
        columns = [rows[:, [*CANDIDATES].index(name)] if name in CANDIDATES else np.nan_to_num(data.columns((name,))[:, 0]) for name in names]
        return np.clip(np.column_stack(columns), 0, None)


def read(corpus: Sequence[Mapping[str, Any]], clones: Path, data: Dataset, cache: Path) -> Columns:
    """The candidates of every project that has a clone; what was read once is kept until there are other candidates.

    Raises:
        UsageError: there is no clone of any.
    """
    found: dict[str, dict[str, Sequence[float]]] = {}
    cache.mkdir(parents=True, exist_ok=True)
    for entry in corpus:
        project = entry["project"]
        kept, path = cache / f"{project}.npz", mine.clone_of(entry["clone"], clones)
        if path is not None and not _is_of_today(kept):
            rows = of_project(Repository.discover(path, os.environ), frozenset(data.sha256[data.project == project].tolist()))
            with whole(kept) as partial, partial.open("wb") as stream:
                np.savez_compressed(stream, names=np.array([*CANDIDATES]), keys=np.array([*rows]), rows=np.array([*rows.values()], float))
            print(f"{project}: {len(rows):,} changes", file=sys.stderr, flush=True)
        if _is_of_today(kept):
            with np.load(kept) as table:
                found[project] = dict(zip(table["keys"].tolist(), table["rows"].tolist(), strict=True))
    if not found:
        raise UsageError(f"{clones} holds no clone of a repository of the corpus, named OWNER+NAME; clone some there first")
    return Columns(found)


def _is_of_today(kept: Path) -> bool:
    if not kept.exists():
        return False
    with np.load(kept) as table:
        return bool(table["names"].tolist() == [*CANDIDATES])


# -- comparing -----------------------------------------------------------------------------------------


def alone(columns: Columns, name: str) -> Entrant:
    """A measure by itself: nothing is learned."""
    return Entrant(name, lambda data, y: lambda rows: columns.of(rows, (name,))[:, 0])


def together(columns: Columns, names: Sequence[str], recipe: train.Recipe) -> Entrant:
    """A logistic regression on log1p of a few measures, rows weighted as the forest's are."""

    def logs(rows: Dataset) -> np.ndarray:
        return np.asarray(np.log1p(columns.of(rows, names)))

    def fit(data: Dataset, y: np.ndarray) -> Callable[[Dataset], np.ndarray]:
        model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
        model.fit(logs(data), y, logisticregression__sample_weight=train.row_weights(data, y, recipe))
        return lambda rows: np.asarray(model.predict_proba(logs(rows))[:, 1])

    return Entrant(" + ".join(names), fit)


def half(one: Entrant, other: Entrant) -> Entrant:
    """The mean of the log-odds of two entrants that give probabilities."""

    def fit(data: Dataset, y: np.ndarray) -> Callable[[Dataset], np.ndarray]:
        scores = [entrant.fit(data, y) for entrant in (one, other)]
        return lambda rows: np.asarray(np.mean([metrics.log_odds(score(rows), 1e-4) for score in scores], axis=0))

    return Entrant(f"mean of {other.name} and {one.name}", fit)


def entrants(columns: Columns, recipe: train.Recipe) -> list[Entrant]:
    forest = evaluate.forest_entrant("the forest that ships", replace(recipe, within=False))
    before = evaluate.forest_entrant("the forest before pairs_new was taken", before_news(recipe))
    several = [together(columns, names, recipe) for names in TOGETHER]
    return [*(alone(columns, name) for name in (*SINGLE, *CANDIDATES)), before, forest, *several, *(half(forest, entrant) for entrant in several)]


def before_news(recipe: train.Recipe) -> train.Recipe:
    """The recipe that shipped until there was a measure of news: 34 measures, a split chose among the root of them, labels from outside weighed a tenth."""
    return replace(recipe, names=tuple(name for name in train.PLAIN if name != "pairs_new"), max_features="sqrt", outside=0.1, within=False)


def compare(data: Dataset, corpus: evaluate.Corpus, scenario: Scenario, asked: Sequence[Entrant], seed: int) -> dict[str, dict[str, Any]]:
    """Of each entrant the mean AUC over projects whose labels are SZZ's, and over the others, each with its interval against added lines."""
    scores = {entrant.name: evaluate.out_of_project(data, corpus, scenario, entrant) for entrant in asked}
    groups = dict(zip(("szz", "outside"), evaluate.by_labels(data, evaluate.judged(data, scenario)), strict=True))
    found: dict[str, dict[str, Any]] = {name: {} for name in scores}
    for group, parts in groups.items():
        if parts:
            labels = {str(k): data.y[mask] for k, mask in enumerate(parts)}
            by_name = {name: {str(k): score[mask] for k, mask in enumerate(parts)} for name, score in scores.items()}
            for name, figures in _gains(labels, by_name, seed).items():
                found[name][group] = figures
            print(f"{scenario.name}, {group}: {len(parts)} projects", file=sys.stderr, flush=True)
    return found


def held_out(data: Dataset, holdout: Dataset, corpus: evaluate.Corpus, asked: Sequence[Entrant], seed: int) -> dict[str, dict[str, Any]]:
    """The same on each project that nothing is ever learned from, by entrants that learned from all others."""
    labels, usable = evaluate.known(data, corpus, evaluate.ALL_TIMES)
    scores = {entrant.name: entrant.fit(data.where(usable), labels[usable])(holdout) for entrant in asked}
    found: dict[str, dict[str, Any]] = {name: {} for name in scores}
    for project in np.unique(holdout.project).tolist():
        part = holdout.project == project
        for name, figures in _gains({project: holdout.y[part]}, {name: {project: score[part]} for name, score in scores.items()}, seed).items():
            found[name][project] = figures
    return found


def _gains(labels: Mapping[str, np.ndarray], scores: Mapping[str, Mapping[str, np.ndarray]], seed: int) -> dict[str, dict[str, Any]]:
    draws = metrics.bootstrap_means(labels, [*scores.values()], np.random.default_rng(seed), evaluate.DRAWS)
    means = [float(np.mean([metrics.auc(y, one[k]) for k, y in labels.items()])) for one in scores.values()]
    base = [*scores].index("la")
    gaps = [metrics.interval(mean - means[base], draw - draws[base]) for mean, draw in zip(means, draws, strict=True)]
    return {
        name: {"projects": len(labels), "auc": mean, "gain": gap.value, "low": gap.low, "high": gap.high}
        for name, mean, gap in zip(scores, means, gaps, strict=True)
    }


# -- the page ------------------------------------------------------------------------------------------

_SCENARIOS: Final = {
    "selection": ("The selection window", "Learned up to 2015, judged on 2016 and 2017. Measures are chosen here, by both kinds of labels."),
    "time_safe": ("Time-safe", "Learned up to 2018, judged from 2019 on. This is the figure that counts."),
    "holdout": (
        "Held out",
        "Learned from all of the others, judged on projects whose labels are neither (ISSTA 2021). jdt was looked at while the forest's measures were chosen; gerrit, qtbase and qtdeclarative (1,000 labelled commits of each, by hash) only afterwards, on 2026-11-26.",
    ),
}
_GROUPS: Final = {"szz": "labels by SZZ", "outside": "labels of ApacheJIT"}


def blamed(holdout: Dataset) -> list[str]:
    """Of each held-out project the share of changes that its labels call defective, by what a change holds: a table."""
    rows = ["| project | no program text outside tests | such text, and no tests or documents | such text, with tests or documents |", "|---|---:|---:|---:|"]
    code, beside = train.encode(holdout, ("code_files",))[:, 0] > 0, train.encode(holdout, ("test_share", "doc_share")).sum(axis=1) > 0
    for project in np.unique(holdout.project).tolist():
        its = holdout.project == project
        parts = (its & ~code, its & code & ~beside, its & code & beside)
        rows.append(f"| {project} | " + " | ".join(f"{holdout.y[part].mean():.1%} of {part.sum():,}" if part.any() else "none" for part in parts) + " |")
    return rows


def page(tables_: Mapping[str, Mapping[str, Mapping[str, Any]]], rows: int, projects: int, trees: int, where: str, blame: Sequence[str] = ()) -> str:
    """docs/measures.md."""
    parts = [
        "# Measures before they are taken",
        "",
        f"Written by `python benchmarks/measures.py --clones DIR`; nothing here is typed by hand but the explanations. {where}. {rows:,} labelled commits of {projects} projects, whole repositories left out in {evaluate.N_FOLDS} parts.",
        "",
        "What would another measure of a change be worth? Two say how much of the added program text is news, given what was deleted. *pairs_new* counts the distinct pairs of neighbouring words that do not stand side by side in the "
        "deleted text; judged here first, it is a measure of the forest since. *deflated* is the number of bytes that DEFLATE takes for the added lines when the deleted ones are its dictionary. Alone, a measure learns nothing. "
        "Several together are a logistic regression of their logarithms, "
        f"with the forest's weights; the forest has {trees} trees here. Gains are against added lines alone (LApredict), with 95 % intervals by bootstrap over projects and commits.",
    ]
    for scenario, (title, told) in _SCENARIOS.items():
        if not (table := tables_.get(scenario)):
            continue
        groups = list(next(iter(table.values())))
        sizes = {group: next(iter(table.values()))[group]["projects"] for group in groups}
        heads = [f"{_GROUPS[group]} ({n} project{'s' * (n != 1)})" if group in _GROUPS else group for group, n in sizes.items()]
        parts += ["", f"## {title}", "", told, ""]
        parts += [
            "| ranked by | " + " | ".join(f"{head}: {'mean ' * (sizes[group] > 1)}AUC | gain" for group, head in zip(groups, heads, strict=True)) + " |",
            "|---|" + "---:|---|" * len(groups),
        ]
        for name, found in table.items():
            cells = [f"{found[group]['auc']:.4f} | {found[group]['gain']:+.4f} ({found[group]['low']:+.3f} to {found[group]['high']:+.3f})" for group in groups]
            parts.append(f"| {name} | {' | '.join(cells)} |")
    if blame:
        parts += [
            "",
            "What these labels call defective, by what a change holds. SZZ of this package leaves tests and documents aside, as the specification asks:",
            "",
            *blame,
        ]
    return "\n".join([*parts, "", *_NOTES]) + "\n"


_NOTES: Final = (
    "## What to know",
    "",
    "- **Labels decide what size is.** News in the program text, by itself, ranks what SZZ of this package labels better than a forest does, and what others label worse, where plain added lines, comments and tests too, are above it. "
    "The forest that ships is a compromise between both: its measures and the weight of ApacheJIT's labels were chosen by the two means of the selection window.",
    "- What is gained at home may be lost elsewhere: where news alone lies behind added lines by the labels of others, a forest that reads it can lie behind too.",
    "- `fix` says whether the message speaks of a repair. The forest that ships does not read it, so that wording cannot move a risk; what that costs stands here.",
    "- The sizes that DEFLATE gives depend on the library (zlib and zlib-ng differ by some bytes), and a risk must be the same everywhere; pairs are counted alike everywhere.",
)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python benchmarks/measures.py", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--clones", type=Path, required=True, metavar="DIR", help="folder with clones, named OWNER+NAME")
    parser.add_argument("--input", type=Path, default=ROOT / "training" / "data")
    parser.add_argument("--corpus", type=Path, default=ROOT / "training" / "corpus.yaml")
    parser.add_argument(
        "--cache", type=Path, default=ROOT / "data" / "benchmarks" / "measures", metavar="DIR", help="candidates that were read; remove it to read anew"
    )
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "measures.md", metavar="FILE")
    parser.add_argument("--trees", type=int, default=60, help="of the forest (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=42)
    options = parser.parse_args(argv)
    try:
        return run(options)
    except GateError as error:
        print(f"measures: {error}", file=sys.stderr)
        return 2


def run(options: argparse.Namespace) -> int:
    entries = mine.read_corpus(options.corpus)
    corpus = evaluate.Corpus.of(entries)
    every = corpus.within(tables.read(options.input))
    columns = read(entries, options.clones, every, options.cache)
    data, holdout = corpus.split(every.where(columns.covers(every)))
    recipe = replace(train.Recipe(), n_trees=options.trees, seed=options.seed)
    asked = entrants(columns, recipe)
    found = {scenario.name: compare(data, corpus, scenario, asked, options.seed) for scenario in (evaluate.SELECTION, evaluate.TIME_SAFE)}
    if len(holdout):
        found["holdout"] = held_out(data, holdout, corpus, asked, options.seed)
    here = machine()
    where = f"{datetime.now(UTC).date().isoformat()}, {here['cpu']}, {here['cores']} cores, Python {here['python']}, seed {options.seed}"
    options.output.write_text(page(found, len(data), len(np.unique(data.project)), options.trees, where, blamed(holdout) if len(holdout) else ()), "utf-8")
    print(f"{options.output} written", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
