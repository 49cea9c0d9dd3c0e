"""The risk model that ships: a forest, and beside its log-odds a regression within projects on measures and on words.

SZZ's labels the line ranks better than the trees, those of others the trees rank better, the sum of their log-odds ranks both better
than the trees alone (docs/within.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from sklearn.ensemble import RandomForestClassifier

from automl_codex import train, within
from automl_codex.tables import Dataset
from automl_codex.within import Within
from codex_gate.own_words import shifted


@dataclass(frozen=True, eq=False)
class General:
    """Trees over the measures `names`, and what moves their log-odds, if anything does."""

    forest: RandomForestClassifier
    within: Within | None
    names: Sequence[str]

    def scores(self, rows: Dataset) -> np.ndarray:
        """Raw scores (n,) in [0, 1]."""
        found = train.score(self.forest, train.encode(rows, self.names))
        return found if self.within is None else moved(found, self.within.log_odds(rows))


def fit(data: Dataset, y: np.ndarray, recipe: train.Recipe) -> General:
    """Both, learned from the rows of `data` with the labels `y`."""
    if not recipe.within:
        return General(train.fit(data, y, recipe), None, recipe.names)
    spoken = data if recipe.words else replace(data, said=None)
    return General(train.fit(data, y, recipe), within.fit(spoken, y, recipe), recipe.names)


def moved(score: np.ndarray, by: np.ndarray) -> np.ndarray:
    """Scores (n,) with their log-odds moved by (n,), as the runtime moves them."""
    return np.array([shifted(one, shift) for one, shift in zip(score.tolist(), by.tolist(), strict=True)])
