"""Other families of risk models than the one that ships: boosted trees on TF-IDF of what a change says, a stack of both, and their plain mean.

They learn from and are judged by the commits that SZZ labelled, by the protocol of `evaluate`; `benchmarks/families.py` compares them with it. The
runtime reads none of them; a directory of theirs holds what a session of LightGBM needs, and says how it was judged.

Sources: specification §6.1 (100 rounds at a rate of .1); Spärck Jones 1972 (IDF); Ke et al. 2017 (LightGBM); Wolpert 1992 (stacking).
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import lightgbm
import numpy as np
from scipy import sparse  # type: ignore[import-untyped]
from sklearn.linear_model import LogisticRegression

from automl_codex import evaluate, export, metrics, release, train
from automl_codex.evaluate import Entrant
from automl_codex.tables import Dataset
from automl_codex.words import BUCKETS, Words
from codex_gate.errors import UsageError
from codex_gate.model import MANIFEST

FAMILIES: Final = ("boosting", "stack", "blend")
SHIPPED: Final = "shipped"  # in a comparison: the recipe that ships, forest and regression
ROUNDS: Final = 100
RATE: Final = 0.1
MIN_COMMITS: Final = 50  # of the training rows say a term, or it is no column
MOST: Final = 4096  # columns, the most frequent: keeps a model within a few hundred kilobytes (chosen)
PARTS: Final = 3  # of the training projects: the stack learns from members that did not see the part
SPEED_CALLS: Final = 300
PARAMETERS: Final = {
    "objective": "binary",
    "learning_rate": RATE,
    "num_leaves": 31,
    "min_data_in_leaf": 100,
    "feature_fraction": 0.3,
    "max_bin": 63,
    "num_threads": 1,
    "deterministic": True,
    "verbosity": -1,
}


@dataclass(frozen=True, eq=False)
class Boosting:
    """Boosted trees over columns of TF-IDF: buckets (k,), the IDF of each (k,), the trees."""

    columns: np.ndarray
    idf: np.ndarray
    trees: lightgbm.Booster

    @classmethod
    def fit(cls, counts: sparse.csr_matrix, y: np.ndarray, weight: np.ndarray, seed: int) -> Boosting:
        """Trees on counts (n, BUCKETS).

        Raises:
            UsageError: no term is said by MIN_COMMITS of them.
        """
        seen = np.bincount(counts.indices, minlength=BUCKETS)
        columns = np.sort(np.argsort(-seen, kind="stable")[:MOST])
        columns = columns[seen[columns] >= min(MIN_COMMITS, len(y) // 10)]
        if not len(columns):
            raise UsageError("hardly two of these commits say the same; make their terms with automl-codex words from the tables that --input names")
        idf = np.log((1 + counts.shape[0]) / (1 + seen[columns])) + 1
        data = lightgbm.Dataset(tfidf(counts, columns, idf), y, weight=weight, free_raw_data=True)
        return cls(columns, idf, lightgbm.train({**PARAMETERS, "seed": seed}, data, ROUNDS))

    def scores(self, counts: sparse.csr_matrix) -> np.ndarray:
        """Raw scores (n,) in [0, 1]."""
        return np.asarray(self.trees.predict(tfidf(counts, self.columns, self.idf), num_threads=1))


def tfidf(counts: sparse.csr_matrix, columns: np.ndarray, idf: np.ndarray) -> sparse.csr_matrix:
    """log(1 + count) · IDF of the columns, each row of length 1 or 0: (n, k)."""
    found = counts[:, columns].astype(np.float64)
    found.data = np.log1p(found.data)
    found = found @ sparse.diags(idf)
    length = np.sqrt(np.asarray(found.multiply(found).sum(axis=1)).ravel())
    return sparse.csr_matrix(sparse.diags(1 / np.where(length > 0, length, 1)) @ found)


@dataclass(frozen=True, eq=False)
class Members:
    """A forest and boosted trees that learned from the same rows."""

    forest: Any
    names: tuple[str, ...]
    boosting: Boosting
    words: Words

    def log_odds(self, rows: Dataset) -> np.ndarray:
        """(n, 2): what either says of the rows."""
        both = np.column_stack([train.score(self.forest, train.encode(rows, self.names)), self.boosting.scores(self.words.of(rows.sha256.tolist()))])
        return metrics.log_odds(both, 1e-4)


def members(data: Dataset, y: np.ndarray, recipe: train.Recipe, words: Words) -> Members:
    """Both, grown on the same rows with the same weights."""
    weight = train.row_weights(data, y, recipe)
    return Members(train.fit(data, y, recipe), recipe.names, Boosting.fit(words.of(data.sha256.tolist()), y, weight, recipe.seed), words)


def stacked(data: Dataset, y: np.ndarray, recipe: train.Recipe, words: Words) -> LogisticRegression:
    """How much each member counts: a logistic regression on what members say of projects that they did not see."""
    names = np.unique(data.project)
    said = np.zeros((len(data), 2))
    for k in range(min(PARTS, len(names))):
        out = np.isin(data.project, names[k::PARTS])
        if not out.all():
            said[out] = members(data.where(~out), y[~out], recipe, words).log_odds(data.where(out))
    return LogisticRegression(C=1.0).fit(said, y, sample_weight=train.row_weights(data, y, recipe))


def entrant(family: str, recipe: train.Recipe, words: Words) -> Entrant:
    """A family of FAMILIES in the comparison of `evaluate`."""

    def fit(data: Dataset, y: np.ndarray) -> Callable[[Dataset], np.ndarray]:
        if family == "boosting":
            alone = Boosting.fit(words.of(data.sha256.tolist()), y, train.row_weights(data, y, recipe), recipe.seed)
            return lambda rows: alone.scores(words.of(rows.sha256.tolist()))
        both, weights = members(data, y, recipe, words), _weights(family, data, y, recipe, words)
        return lambda rows: np.asarray(1 / (1 + np.exp(-(both.log_odds(rows) @ weights))))

    return Entrant(family, fit)


def _weights(family: str, data: Dataset, y: np.ndarray, recipe: train.Recipe, words: Words) -> np.ndarray:
    return np.array([0.5, 0.5]) if family == "blend" else np.asarray(stacked(data, y, recipe, words).coef_[0])


def compare(data: Dataset, corpus: evaluate.Corpus, words: Words, families: Sequence[str], recipe: train.Recipe, progress: evaluate.Progress) -> dict[str, Any]:
    """The time-safe table of these families beside the recipe that ships, its forest alone and added lines, whole repositories left out, on commits that SZZ labelled.

    Raises:
        UsageError: no project has enough of them to be judged.
    """
    traced = data.where(data.traced())
    evaluate.judged(traced, corpus.time_safe)
    alone = evaluate.entrants(replace(recipe, within=False))[:2]
    contenders = [*(entrant(name, recipe, words) for name in families), *alone, evaluate.forest_entrant(SHIPPED, recipe)]
    table, _ = evaluate.compare(traced, corpus, corpus.time_safe, contenders, recipe.seed, progress)
    return table


def make(family: str, data: Dataset, corpus: evaluate.Corpus, words: Words, recipe: train.Recipe, output: Path, progress: evaluate.Progress) -> dict[str, Any]:
    """Judge a family, and write it to `output`, as a whole, when its gain over added lines meets the gate; the report, with the key `refused` where it does not.

    Raises:
        UsageError: `output` holds a risk model, or no project has enough commits to be judged.
    """
    refuse_risk_model(output)
    table = compare(data, corpus, words, [family], recipe, progress)
    report: dict[str, Any] = {"family": family, "machine": evaluate.machine(), "seed": recipe.seed, "recipe": recipe.as_json(), "time_safe": table}
    labels, usable = evaluate.known(data, corpus, evaluate.ALL_TIMES)
    usable &= data.traced()
    used, y = data.where(usable), labels[usable]
    both = members(used, y, recipe, words)
    report["p50_ms"] = speed(both.boosting, words.of(used.sha256.tolist()[:SPEED_CALLS]))
    gain = table["difference_to_lapredict"][family]["value"]
    if gain < evaluate.MIN_GAIN:
        report["refused"] = f"{family} ranks {gain:+.3f} AUC above added lines alone, must be {evaluate.MIN_GAIN:+.2f}; nothing was written"
        return report
    weights = [0.0, 1.0] if family == "boosting" else _weights(family, used, y, recipe, words).tolist()
    found = {
        "family": family,
        "weights": dict(zip(("forest", "boosting"), weights, strict=True)),
        "buckets": BUCKETS,
        "columns": both.boosting.columns.tolist(),
        "idf": both.boosting.idf.round(6).tolist(),
        "feature_names": list(recipe.names),
        "gain": gain,
    }
    files = {
        "boosting.txt": both.boosting.trees.model_to_string().encode(),
        "risk.forest": export.to_flat(both.forest, len(recipe.names)),
        "evaluation.json": release.as_json(report).encode(),
        "family.json": (json.dumps(found) + "\n").encode(),
    }
    export.replace_directory(files, output)
    return report


def refuse_risk_model(output: Path) -> None:
    """A family goes into a directory of its own: both kinds have a `risk.forest`.

    Raises:
        UsageError: a risk model lies there.
    """
    if (output / MANIFEST).exists():
        raise UsageError(f"{output} holds a risk model ({MANIFEST}), whose forest a family would overwrite; give another --output")


def speed(boosting: Boosting, counts: sparse.csr_matrix) -> float:
    """Median milliseconds from the counted terms of one change to its score."""
    spent = []
    for row in range(counts.shape[0]):
        began = time.perf_counter()
        boosting.scores(counts[row])
        spent.append(time.perf_counter() - began)
    return float(np.median(spent) * 1e3)
