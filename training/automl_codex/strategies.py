"""Where to look next: the interface of a search strategy, and those that need no library (random, grid).

A strategy always maximises. What it suggests depends on its seed, the number of the trial and the results that
were reported before, never on the order of those reports or on chance of another kind: a search that was
cut off goes on exactly as it would have gone.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from automl_codex.space import Params, SearchSpace, Value
from codex_gate.errors import UsageError

N_STARTUP: Final = 10  # specification §7.2, n_startup_random
MAX_GRID: Final = 1_000_000  # chosen: a million trials of a second each are twelve days


@dataclass(frozen=True)
class Trial:
    """A point to try. `number` counts from 0 within a search."""

    number: int
    params: Params


@dataclass(frozen=True)
class TrialResult:
    """What became of a trial: a finite `score`, or None with the `error` that it ended with.

    `seconds` is wall time; `since_best` counts the trials since the best one so far, 0 for a new best.
    """

    trial: Trial
    score: float | None
    seconds: float = 0.0
    error: str = ""
    since_best: int = 0


class SearchStrategy(Protocol):
    """Chooses the points of a search. Source: specification §5.2 (`SearchStrategy<P>`)."""

    def suggest(self, space: SearchSpace, n: int) -> list[Trial]:
        """The next `n` trials, all to be tried before their results are known; fewer when nothing is left to try."""

    def report(self, result: TrialResult) -> None:
        """Learn what became of a trial, suggested here or in an earlier run; a higher score is better."""


class RandomSearch:
    """Every parameter drawn independently from its domain. Source: Bergstra & Bengio 2012, JMLR 13."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._next = 0

    def suggest(self, space: SearchSpace, n: int) -> list[Trial]:
        """The next `n` points; each depends on the seed and its number alone."""
        first, self._next = self._next, self._next + n
        return [Trial(number, drawn(space, self.seed, number)) for number in range(first, first + n)]

    def report(self, result: TrialResult) -> None:
        """Count the trial as used; its score changes nothing."""
        self._next = max(self._next, result.trial.number + 1)


class GridSearch:
    """Every combination of `levels` values of each range and all options of each choice, in an order shuffled by the seed.

    Shuffled, because a grid that is cut off by a number of trials would otherwise be a corner of the space.
    """

    def __init__(self, seed: int, levels: int = 5) -> None:
        self.seed = seed
        self.levels = levels
        self._next = 0

    def suggest(self, space: SearchSpace, n: int) -> list[Trial]:
        """The next `n` combinations, fewer at the end of the grid.

        Raises:
            UsageError: more than MAX_GRID combinations.
        """
        size = space.grid_size(self.levels)
        if size > MAX_GRID:
            raise UsageError(f"a grid must have at most {MAX_GRID:,} points, this one has {size:,}; tune fewer parameters or take another strategy")
        order = np.random.default_rng(self.seed).permutation(size)
        first, self._next = self._next, min(size, self._next + n)
        return [Trial(number, space.grid_point(self.levels, int(order[number]))) for number in range(first, self._next)]

    def report(self, result: TrialResult) -> None:
        """Count the combination as used; its score changes nothing."""
        self._next = max(self._next, result.trial.number + 1)


class ModelBased(ABC):
    """What TPE and SMAC share: random points until `n_startup` scores are known, a model of the scores from then on.

    A failed trial, and one that is still being tried, counts as the worst score seen, so that neither is suggested again.

    Raises:
        UsageError: n_startup below 2; a model of one point says nothing.
    """

    def __init__(self, seed: int, n_startup: int = N_STARTUP) -> None:
        if n_startup < 2:
            raise UsageError(f"n_startup must be >= 2, got {n_startup}")
        self.seed = seed
        self.n_startup = n_startup
        self._tried: dict[int, tuple[Params, float | None]] = {}

    def suggest(self, space: SearchSpace, n: int) -> list[Trial]:
        """The next `n` points; while scores are few, the same ones as RandomSearch has for these numbers."""
        found = []
        for _ in range(n):
            number = max(self._tried, default=-1) + 1
            params = self._next(space, number)
            self._tried[number] = (params, None)
            found.append(Trial(number, params))
        return found

    def report(self, result: TrialResult) -> None:
        """Keep the result for the model."""
        self._tried[result.trial.number] = (dict(result.trial.params), result.score)

    def _next(self, space: SearchSpace, number: int) -> dict[str, Value]:
        scores = [score for _, score in self._tried.values() if score is not None]
        if len(scores) < self.n_startup:
            return drawn(space, self.seed, number)
        worst = min(scores)
        known = [(params, worst if score is None else score) for _, (params, score) in sorted(self._tried.items())]
        return space.check(self.propose(space, known, seed_of(self.seed, number)))

    @abstractmethod
    def propose(self, space: SearchSpace, known: list[tuple[Params, float]], seed: int) -> Params:
        """The most promising point, from points and their scores in the order of their numbers."""


def drawn(space: SearchSpace, seed: int, number: int) -> dict[str, Value]:
    """The random point of a seed and a number."""
    return space.sample(np.random.default_rng([seed, number]))


def seed_of(seed: int, number: int) -> int:
    """A seed for one suggestion, in [0, 2**31); other than the one that `drawn` uses."""
    return int(np.random.default_rng([seed, number, 1]).integers(2**31))
