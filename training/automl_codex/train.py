"""The forest of the risk model: which rows and labels it may see, how they are weighted, how it is calibrated.

Base rates differ from project to project and year to year (.02 to .97 in the labels used here): most of
that is how a project linked its fixes, not how it worked. So every project and year weighs in with half
buggy, half clean: the forest learns what sets a change apart from its neighbours, and calibration
afterwards brings the probability back. A project counts as the root of its number of rows, so that a few
large ones do not decide. What both are worth on the selection window stands in evaluation.json.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.isotonic import IsotonicRegression

from automl_codex.tables import Dataset
from codex_gate.features import FEATURE_NAMES, HISTORY_NAMES, MESSAGE_NAMES, UNKNOWN, WORDING_AND_CLOCK

YEAR: Final = 365 * 86_400

ABSOLUTE_SCALE: Final = frozenset(
    {"exp", "rexp", "sexp", "file_age_mean", "file_age_min", "touches_sum", "fixes_sum", "ndev", "nuc", "fixes_year_sum", "days_since_fix"}
)
"""Measures that grow with the age and size of a repository; leaving them out costs nothing across projects (ablation)."""

PLAIN: Final = tuple(
    name for name in FEATURE_NAMES if name not in ABSOLUTE_SCALE and name not in MESSAGE_NAMES and name not in WORDING_AND_CLOCK and name != "complexity_delta"
)
"""Every measure that a model for any repository may read: none grows with the repository, none is of the message or the clock."""

RISING: Final = frozenset({"la", "la_max", "code_la", "code_files", "n_hunks", "code_lines_added", "words_added", "pairs_new"})
"""More of these never lowers the risk: holds the forest to what must be true in any project (monotonic constraint)."""

SHIPPED_NAMES: Final = (
    "ns", "nd", "entropy", "la", "lt", "age",
    "fixes_max", "fixes_year_max", "days_since_change", "touches_max", "devs_max", "own_share", "top_share",
    "new_files", "n_hunks", "churn_max_share", "test_share", "doc_share", "code_share", "pairs_new",
)  # fmt: skip
"""The measures of the forest that ships: news and the size of the change, its form, and the past of its files. Of the other fifteen of PLAIN most say
nearly the same as one of these; with all 35 the model ranks SZZ's labels as well and those of others worse (.829 and .789 for .828 and .794, evaluation.json)."""


@dataclass(frozen=True)
class Recipe:
    """Everything that makes a forest, saved in `model.json`.

    Trees, depth: specification §6.1. leaf_size: on the selection window (46 projects, 60 trees, 34 measures, 2026-11-25) 50, 100 and 200 gave a mean AUC of .806, .807 and .806;
    200 halves the forest, and with it the time of a screen of many commits.
    max_features: share of the measures, or a name of scikit-learn's, that a split may choose from; half ranks SZZ's labels as well as all, and those of others better, of which the root ranks
    SZZ's worse (evaluation.json).
    outside: weight of a row whose label came with a file and is not SZZ's, where others are. ApacheJIT's labels accuse every candidate and SZZ's here only what is beyond doubt:
    0, .1, .5 and 1 give .831, .830, .828 and .824 where SZZ labelled and .778, .784, .794 and .797 elsewhere (selection window, 30 trees, evaluation.json).
    mask_share: share of training rows repeated with all history unknown, as a shallow clone gives it.
    within, words: whether a regression within projects stands beside the forest (`general`), and whether it reads words.
    """

    names: tuple[str, ...] = SHIPPED_NAMES
    n_trees: int = 200
    max_depth: int = 15
    leaf_size: int = 200
    max_features: str | float = 0.5
    bootstrap: bool = True
    mask_share: float = 0.3
    balanced: bool = True
    rooted: bool = True
    outside: float = 0.5
    monotone: bool = True
    within: bool = True
    words: bool = True
    seed: int = 42

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"names": list(self.names)}

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> Recipe:
        return replace(cls(**(found | {"names": tuple(found["names"])})))


def encode(data: Dataset, names: Sequence[str]) -> np.ndarray:
    """The columns `names`, unknown as UNKNOWN like `features.vector()`: (n, len(names)) float32."""
    x = data.columns(names)
    return np.where(np.isnan(x), np.float32(UNKNOWN), x).astype(np.float32)


def labels_at(data: Dataset, cut_off: np.ndarray | float) -> np.ndarray:
    """Labels as they were known at `cut_off` (Unix seconds, one or one a row): buggy only once the first fix was made.

    A bug found later is clean here, as it was for anybody who trained then. Labels from outside may say no time of the fix: these count
    as known a year after the commit, the age from which a commit is `trainable`.
    """
    known = np.where(np.isnan(data.fix_time), data.time + YEAR, data.fix_time)
    return np.asarray((data.y == 1) & (known < cut_off), np.int8)


def trainable(data: Dataset, cut_off: np.ndarray | float) -> np.ndarray:
    """Which rows are old enough to train on at `cut_off`: a year, because the bugs of younger ones are not found yet."""
    return np.asarray(data.time < np.asarray(cut_off) - YEAR)


def weights(y: np.ndarray, project: np.ndarray, time: np.ndarray) -> np.ndarray:
    """Row weights, mean 1: in every project and year the buggy weigh as much as the clean, together as much as their number.

    A class with fewer than 20 rows is not blown up beyond the weight of 20, so single commits do not steer.
    """
    found = np.ones(len(y))
    keys = project_years(project, time)
    for key in np.unique(keys):
        rows = keys == key
        n_buggy = int(y[rows].sum())
        n_clean = int(rows.sum()) - n_buggy
        half = rows.sum() / 2
        found[rows] = np.where(y[rows] == 1, half / max(n_buggy, 20), half / max(n_clean, 20))
    return np.asarray(found / found.mean())


def project_years(project: np.ndarray, time: np.ndarray) -> np.ndarray:
    """A name (n,) for the project and the year (UTC) of each row."""
    year = np.array([datetime.fromtimestamp(t, UTC).year for t in time.tolist()])
    return np.char.add(project, year.astype(str))


def rooted(project: np.ndarray) -> np.ndarray:
    """Row weights, mean 1, by which a project of n rows weighs √n rather than n."""
    _, place, size = np.unique(project, return_inverse=True, return_counts=True)
    found = 1 / np.sqrt(size[place])
    return np.asarray(found / found.mean())


def row_weights(data: Dataset, y: np.ndarray, recipe: Recipe) -> np.ndarray:
    """Weights (n,) of training rows by the recipe: project and year, size of the project, where the label comes from."""
    w = weights(y, data.project, data.time) if recipe.balanced else np.ones(len(y))
    if recipe.rooted:
        w = w * rooted(data.project)
    return np.asarray(w * np.where(data.traced(), 1.0, recipe.outside))


def without_history(data: Dataset) -> Dataset:
    """The rows with every history measure unknown, as a shallow clone leaves them."""
    x = data.X.copy()
    x[:, [FEATURE_NAMES.index(name) for name in HISTORY_NAMES]] = np.nan
    return replace(data, X=x)


def fit(data: Dataset, y: np.ndarray, recipe: Recipe, emphasis: np.ndarray | None = None) -> RandomForestClassifier:
    """Fit the forest on the rows of `data` with the labels `y`; masked copies are made of these rows only.

    `emphasis` (n,) multiplies the row weights after all else.

    Thresholds are rounded down to float32 in place, so that scikit-learn, ONNX and the flat file agree.
    """
    rng = np.random.default_rng(recipe.seed)
    x = encode(data, recipe.names)
    w = row_weights(data, y, recipe)
    w = w if emphasis is None else w * emphasis
    picked = rng.random(len(x)) < recipe.mask_share
    x, y, w = np.vstack([x, encode(without_history(data.where(picked)), recipe.names)]), np.r_[y, y[picked]], np.r_[w, w[picked]]
    forest = RandomForestClassifier(
        recipe.n_trees,
        max_depth=recipe.max_depth,
        min_samples_leaf=recipe.leaf_size,
        max_features=recipe.max_features,
        bootstrap=recipe.bootstrap,
        monotonic_cst=[int(name in RISING) for name in recipe.names] if recipe.monotone else None,
        n_jobs=2,
        random_state=recipe.seed,
    ).fit(x, y, sample_weight=w)
    for tree in forest.estimators_:
        tree.tree_.threshold[:] = floor32(tree.tree_.threshold)
    forest.n_jobs = 1  # threads add up the trees in any order: the last bit of a score would differ from run to run
    return forest


def score(forest: RandomForestClassifier, x: np.ndarray) -> np.ndarray:
    """Raw scores (n,) in [0, 1] of encoded rows."""
    return np.asarray(forest.predict_proba(x)[:, 1])


def calibrate(raw: np.ndarray, y: np.ndarray, weight: np.ndarray | None = None, most: int = 48) -> list[tuple[float, float]]:
    """Knots (raw score, probability) of a monotone piecewise linear calibration, at most most + 2.

    Isotonic regression over up to `most` bins of equal weight; every pooled block gives one knot at its mean,
    so that neighbouring scores keep different probabilities. Beyond the outermost blocks the line goes on
    as steeply, at most half of the way to 0 and to 1 (chosen: little was seen there).
    """
    w = np.ones(len(raw)) if weight is None else weight
    order = np.argsort(raw, kind="stable")
    reached = np.cumsum(w[order]) / w.sum()
    place = np.minimum((reached * most - 1e-9).astype(int), most - 1)
    bins = [order[place == k] for k in range(most) if (place == k).any()]
    x, p = (np.array([np.average(values[i], weights=w[i]) for i in bins]) for values in (raw, y))
    mass = np.array([w[i].sum() for i in bins])
    flat = IsotonicRegression(out_of_bounds="clip").fit_transform(x, p, sample_weight=mass)
    knots: list[tuple[float, float]] = []
    for value in np.unique(flat):
        block = flat == value
        knots.append((float(np.average(x[block], weights=mass[block])), float(value)))
    first, last = knots[0], knots[-1]
    head = [(0.0, max(first[1] / 2, first[1] - first[0] * _slope(knots[:2])))] if first[0] > 0 else []
    tail = [(1.0, min((1 + last[1]) / 2, last[1] + (1 - last[0]) * _slope(knots[-2:])))] if last[0] < 1 else []
    return [*head, *knots, *tail]


def _slope(knots: Sequence[tuple[float, float]]) -> float:
    (x0, p0), (x1, p1) = knots[0], knots[-1]
    return (p1 - p0) / (x1 - x0) if x1 > x0 else 0.0


def apply(knots: Sequence[tuple[float, float]], raw: np.ndarray) -> np.ndarray:
    """Calibrated probabilities (n,) of raw scores."""
    x, p = zip(*knots, strict=True)
    return np.asarray(np.interp(raw, x, p))


def floor32(numbers: np.ndarray) -> np.ndarray:
    """The largest float32 numbers that are not above `numbers` (float64 array of the same shape)."""
    near = numbers.astype(np.float32)
    return np.where(near > numbers, np.nextafter(near, np.float32(-np.inf)), near).astype(np.float64)
