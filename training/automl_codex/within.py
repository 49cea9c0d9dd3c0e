"""A logistic regression within projects and years: what sets a change apart from its neighbours, in measures and in words, whatever the level of its project.

A measure that differs more from project to project than from change to change (how many people, how old the files) has, over all projects together, the
slope of whatever tells projects apart. So measures are counted from the mean of their project and year, which has an intercept of its own: that takes out
all that its changes share, and to rank the changes of another project needs neither. Source: Chamberlain 1980, Review of Economic Studies 47(1) (fixed effects in a logit). What it is worth: docs/within.md.

Words are those of `said`: what a change brings into program text and deletes nowhere, and the words of its paths. A row is 1/√k in each of its k known words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import sparse  # type: ignore[import-untyped]
from sklearn.linear_model import LogisticRegression

from automl_codex import own_words, train
from automl_codex.tables import Dataset
from codex_gate.model import Slope
from codex_gate.own_words import OwnWords

NAMES: Final = ("pairs_new", "test_share", "ns", "entropy", "new_files", "churn_max_share", "age", "fixes_year_max", "devs_max", "own_share")
"""News and the form of a change, each of which helps the first three by SZZ's labels on the selection window, and the past of its files, which taken together neither helps nor harms there
and helps by ApacheJIT's labels (docs/tried.md)."""

STRENGTH: Final = 0.1  # inverse penalty
FREE: Final = 3.0  # measures and intercepts stand this many times larger than words, so that the penalty is one of words (chosen)
MIN_PROJECTS: Final = 12  # that say a word, or it is one of a few projects
MIN_COMMITS: Final = 100  # that say it
DIGITS: Final = 6  # of a weight; a later one is where the search for them stops


@dataclass(frozen=True, eq=False)
class Within:
    """Log-odds beside those of the project, as the runtime reads them: slopes of measures, and words."""

    slopes: Mapping[str, Slope]
    words: OwnWords | None

    @property
    def n_words(self) -> int:
        """How many words it knows."""
        return 0 if self.words is None else len(self.words.added) + len(self.words.path)

    def log_odds(self, rows: Dataset) -> np.ndarray:
        """(n,); a measure that is unknown says nothing, nor do the words of rows that have none."""
        found = by_slopes(self.slopes, rows)
        return found if self.words is None or rows.said is None else found + by_words(self.words, rows)


def by_slopes(slopes: Mapping[str, Slope], rows: Dataset) -> np.ndarray:
    """By how much (n,) slopes move the log-odds of rows."""
    weight, centre = (np.array([getattr(slope, name) for slope in slopes.values()]) for name in Slope._fields)
    return np.asarray((_logs(rows, tuple(slopes), centre) - centre) @ weight)


def by_words(words: OwnWords, rows: Dataset) -> np.ndarray:
    """By how much (n,) words move the log-odds of rows whose common words are known, as `OwnWords.shift` of the words themselves."""
    assert rows.said is not None
    weights = {f"+{word.decode()}": weight for word, weight in words.added.items()} | {f"/{word}": weight for word, weight in words.path.items()}
    known = np.array([at for at, word in enumerate(rows.said.words) if word in weights], int)
    said = rows.said.matrix(rows.sha256.tolist(), known) @ np.array([weights[rows.said.words[at]] for at in known.tolist()])
    return np.asarray(np.clip(said, words.low, words.high) - words.middle)


def fit(data: Dataset, y: np.ndarray, recipe: train.Recipe) -> Within:
    """The regression on the rows of `data` with the labels `y`, weighed as the forest of `recipe` weighs them; of NAMES those that it reads, and of words where the rows have them."""
    weight = train.row_weights(data, y, recipe)
    kept = weight > 0
    data, y, weight = data.where(kept), y[kept], weight[kept]
    names: tuple[str, ...] = tuple(name for name in NAMES if name in recipe.names)
    x = train.encode(data, names).astype(float)
    centre = np.array([round(float(np.log1p(column[column >= 0]).mean()), DIGITS) if (column >= 0).any() else 0.0 for column in x.T])
    logs = _logs(data, names, centre)
    scale = np.maximum(logs.std(axis=0), 1e-9)
    known = data.said.shared(data.sha256, data.project, MIN_PROJECTS, MIN_COMMITS) if data.said is not None else np.zeros(0, int)
    words = data.said.matrix(data.sha256.tolist(), known) if data.said is not None else sparse.csr_matrix((len(data), 0))
    group = np.unique(train.project_years(data.project, data.time), return_inverse=True)[1]
    level = sparse.csr_matrix((np.ones(len(group)), (np.arange(len(group)), group)))
    means = (level.T @ (weight[:, None] * logs)) / (level.T @ weight)[:, None]
    columns = sparse.hstack([sparse.csr_matrix(FREE * (logs - means[group]) / scale), words, FREE * level]).tocsr()
    found = LogisticRegression(C=STRENGTH, max_iter=1000, tol=1e-4).fit(columns, y, sample_weight=weight).coef_[0]
    weights = (found[: len(names)] * FREE / scale).round(DIGITS).tolist()
    slopes = {name: Slope(weight, middle) for name, weight, middle in zip(names, weights, centre.tolist(), strict=True)}
    return Within(slopes, _own_words(data, known, words, found[len(names) : len(names) + len(known)].round(DIGITS)))


def _own_words(data: Dataset, known: np.ndarray, words: sparse.csr_matrix, weights: np.ndarray) -> OwnWords | None:
    """The known words with their weights (k,), of which rows `words` (n, k) say some; None where there are none."""
    if data.said is None or not len(known):
        return None
    said = words @ weights
    of = dict(zip([data.said.words[at] for at in known.tolist()], weights.tolist(), strict=True))
    added = {word[1:].encode(): weight for word, weight in of.items() if word[0] == "+"}
    return OwnWords(added, {word[1:]: weight for word, weight in of.items() if word[0] == "/"}, 0.0, *own_words.ends(said, 0.0, DIGITS))


def _logs(rows: Dataset, names: Sequence[str], centre: np.ndarray) -> np.ndarray:
    x = train.encode(rows, names).astype(float)
    return np.where(x < 0, centre, np.log1p(np.maximum(x, 0)))
