"""What holds for every search strategy by name, and what for some of them."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from enum import StrEnum
from itertools import pairwise

import numpy as np
import pytest

from automl_codex.space import BugPredictorParam, Choice, FloatRange, IntRange, Params, SearchSpace, build_search_space
from automl_codex.strategies import GridSearch, RandomSearch, SearchStrategy, Trial, TrialResult, drawn
from automl_codex.surrogate import Smac, normal_scores
from automl_codex.tune import STRATEGIES, Tpe
from codex_gate.errors import UsageError


class Key(StrEnum):
    X = "x"
    N = "n"
    RATE = "rate"
    KIND = "kind"
    FIXED = "fixed"


SPACE = SearchSpace(
    Key,
    {
        Key.X: FloatRange(-2.0, 3.0),
        Key.N: IntRange(1, 40),
        Key.RATE: FloatRange(1e-4, 1.0, log=True),
        Key.KIND: Choice(("sqrt", "log2", True, 0.5)),
        Key.FIXED: IntRange(7, 7),
    },
)
EVERY = pytest.mark.parametrize("name", STRATEGIES)


def score(params: Params) -> float:
    """Best at x 1, n 20, rate .01, kind log2."""
    x, n, rate = float(params["x"]), float(params["n"]), float(params["rate"])
    return -((x - 1) ** 2) - ((n - 20) / 10) ** 2 - (math.log10(rate) + 2) ** 2 / 4 - (params["kind"] != "log2")


def searched(strategy: SearchStrategy, n: int, objective: Callable[[Params], float | None] = score, batch: int = 1) -> list[TrialResult]:
    found: list[TrialResult] = []
    while len(found) < n:
        for trial in strategy.suggest(SPACE, min(batch, n - len(found))):
            found.append(TrialResult(trial, objective(trial.params)))
            strategy.report(found[-1])
    return found


def points(results: list[TrialResult]) -> list[Params]:
    return [result.trial.params for result in results]


@EVERY
def test_every_suggestion_belongs_to_the_space_and_has_its_types(name: str) -> None:
    for params in points(searched(STRATEGIES[name](5, 4), 16)):
        assert SPACE.check(params) == params
        assert [type(value) for key, value in params.items() if key != "kind"] == [float, int, float, int]


@EVERY
def test_the_same_seed_gives_the_same_search(name: str) -> None:
    first, again, other = (points(searched(STRATEGIES[name](seed, 4), 12)) for seed in (5, 5, 6))
    assert first == again != other


@EVERY
def test_trials_are_numbered_without_gaps(name: str) -> None:
    results = searched(STRATEGIES[name](5, 4), 11, batch=3)
    assert [result.trial.number for result in results] == list(range(11))


@EVERY
def test_a_search_goes_on_from_its_reports_as_it_would_have_gone(name: str) -> None:
    whole = searched(STRATEGIES[name](5, 4), 12)
    later = STRATEGIES[name](5, 4)
    for result in whole[:8]:
        later.report(result)
    assert points(whole[:8]) + points(searched(later, 4)) == points(whole)


@EVERY
def test_the_order_of_reports_changes_nothing(name: str) -> None:
    results = searched(STRATEGIES[name](5, 4), 9)
    forward, backward = STRATEGIES[name](5, 4), STRATEGIES[name](5, 4)
    for result in results:
        forward.report(result)
    for result in reversed(results):
        backward.report(result)
    assert forward.suggest(SPACE, 2) == backward.suggest(SPACE, 2)


@EVERY
def test_what_is_handed_in_stays_as_it_was(name: str) -> None:
    strategy = STRATEGIES[name](5, 4)
    results = searched(strategy, 6)
    before = copy.deepcopy(results)
    strategy.suggest(SPACE, 1)[0]
    assert results == before
    for result in results:  # what the caller does to its own copy must not reach the model either
        result.trial.params["x"] = 99.0  # type: ignore[index]
    assert SPACE.check(strategy.suggest(SPACE, 1)[0].params)


@EVERY
def test_failed_trials_do_not_end_a_search(name: str) -> None:
    results = searched(STRATEGIES[name](5, 4), 14, lambda params: None if params["kind"] == "sqrt" else score(params))
    assert len(results) == 14 and any(result.score is None for result in results)


@EVERY
def test_a_search_where_all_fail_still_moves_on(name: str) -> None:
    results = searched(STRATEGIES[name](5, 3), 8, lambda params: None)
    assert len({tuple(params.values()) for params in points(results)}) == 8


@EVERY
def test_equal_scores_are_no_trouble(name: str) -> None:
    assert len(searched(STRATEGIES[name](5, 3), 10, lambda params: 1.0)) == 10


@EVERY
def test_a_batch_holds_different_points(name: str) -> None:
    strategy = STRATEGIES[name](5, 4)
    searched(strategy, 8)
    batch = strategy.suggest(SPACE, 4)
    assert len({tuple(trial.params.values()) for trial in batch}) == 4


@EVERY
def test_the_whole_space_of_the_specification_can_be_searched(name: str) -> None:
    space = build_search_space()
    strategy = STRATEGIES[name](1, 3)
    if name == "grid":
        with pytest.raises(UsageError, match=r"a grid must have at most 1,000,000 points, this one has \d"):
            strategy.suggest(space, 1)
        return
    for number in range(6):
        (trial,) = strategy.suggest(space, 1)
        assert space.check(trial.params) == trial.params
        strategy.report(TrialResult(trial, float(number)))


@pytest.mark.parametrize("name", ["tpe", "smac"])
def test_the_first_ten_are_those_of_the_random_search(name: str) -> None:
    ours = points(searched(STRATEGIES[name](8, 10), 11))
    plain = points(searched(RandomSearch(8), 11))
    assert ours[:10] == plain[:10] and ours[10] != plain[10]


@pytest.mark.parametrize("name", ["tpe", "smac"])
def test_a_model_of_the_scores_beats_chance_on_a_smooth_function(name: str) -> None:
    """Median of the best of 35 over five seeds, a quarter nearer to the optimum, 0, than by chance."""
    best = {kind: np.median([max(r.score for r in searched(STRATEGIES[kind](seed, 10), 35) if r.score) for seed in range(5)]) for kind in (name, "random")}
    assert best[name] > 0.75 * best["random"]


@pytest.mark.parametrize("name", ["tpe", "smac"])
def test_a_model_keeps_away_from_where_trials_fail(name: str) -> None:
    """Failing counts as the worst: of the modelled points fewer fail than of the random ones, of which half do."""
    results = searched(STRATEGIES[name](3, 10), 36, lambda params: None if float(params["x"]) > 0.5 else score(params))
    assert sum(result.score is None for result in results[20:]) < 5


def test_tpe_has_the_specifications_defaults() -> None:
    tpe = Tpe(1)
    assert (tpe.gamma, tpe.n_candidates, tpe.n_startup) == (0.25, 24, 10)
    sampler = tpe._sampler(1)
    assert sampler._gamma(10) == 3 and sampler._n_ei_candidates == 24 and sampler._n_startup_trials == 0


@pytest.mark.parametrize(("n", "good"), [(1, 1), (2, 1), (4, 1), (5, 2), (10, 3), (11, 3), (12, 3), (13, 4), (40, 10)])
def test_the_best_quarter_rounded_up_is_good(n: int, good: int) -> None:
    assert Tpe(1).good(n) == good


def test_tpe_draws_from_what_was_good() -> None:
    """Sixteen points, the best four at kind log2 and x near 1: candidates come from there."""
    known: list[tuple[Params, float]] = [
        ({"x": 1.0 + i / 100 if i < 4 else -1.5 + i / 40, "n": 20, "rate": 0.01, "kind": "log2" if i < 4 else "sqrt", "fixed": 7}, -float(i)) for i in range(16)
    ]
    found = [Tpe(1).propose(SPACE, known, seed) for seed in range(20)]
    assert sum(params["kind"] == "log2" for params in found) >= 15
    assert np.median([float(params["x"]) for params in found]) == pytest.approx(1.0, abs=0.3)


@pytest.mark.parametrize("n", [1, 2])
def test_tpe_can_be_asked_with_hardly_any_points(n: int) -> None:
    known: list[tuple[Params, float]] = [(drawn(SPACE, 1, i), float(i)) for i in range(n)]
    params = Tpe(1).propose(SPACE, known, 3)
    assert SPACE.check(params)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: Tpe(1, gamma=0.0), "gamma must lie between 0 and 1, got 0.0"),
        (lambda: Tpe(1, gamma=1.0), "gamma must lie between 0 and 1, got 1.0"),
        (lambda: Tpe(1, n_candidates=0), "n_candidates must be >= 1, got 0"),
        (lambda: Tpe(1, n_startup=1), "n_startup must be >= 2, got 1"),
        (lambda: Smac(1, n_startup=0), "n_startup must be >= 2, got 0"),
    ],
)
def test_settings_outside_their_range_are_refused(make: Callable[[], object], sentence: str) -> None:
    with pytest.raises(UsageError) as error:
        make()
    assert str(error.value) == sentence


def test_a_grid_tries_each_combination_once_and_then_has_nothing_left() -> None:
    space = build_search_space([BugPredictorParam.BOOTSTRAP, BugPredictorParam.LORA_RANK])
    grid = GridSearch(3)
    found = [trial for _ in range(4) for trial in grid.suggest(space, 3)]
    assert len(found) == 8 == len({tuple(trial.params.values()) for trial in found})
    assert grid.suggest(space, 3) == []
    first = [trial.params for trial in GridSearch(3).suggest(space, 8)]
    assert first != sorted(first, key=lambda params: (params["lora_rank"], not params["bootstrap"]))


def test_smac_tries_no_point_twice_while_others_are_left() -> None:
    space = SearchSpace(Key, {Key.N: IntRange(1, 12), Key.FIXED: Choice(("only",))})
    known: list[tuple[Params, float]] = [({"n": n, "fixed": "only"}, -abs(n - 6.2)) for n in range(1, 12) if n != 5]
    found = [Smac(1).propose(space, known, seed) for seed in range(12)]
    chosen = [params["n"] for params in found]
    assert chosen.count(5) + chosen.count(12) >= 8  # the rest are the random ones, one in five
    everything: list[tuple[Params, float]] = [({"n": n, "fixed": "only"}, 0.0) for n in range(1, 13)]
    assert space.check(Smac(1).propose(space, everything, 3))


def test_normal_scores_keep_the_order_and_share_ties() -> None:
    found = normal_scores(np.array([3.0, -900.0, 5.0, 3.0, 1.0]))
    assert found == pytest.approx([0.2533, -1.2816, 1.2816, 0.2533, -0.5244], abs=1e-4)  # quantiles .6, .1, .9, .6, .3
    assert normal_scores(np.array([2.0, 2.0])) == pytest.approx([0.0, 0.0])


def test_smac_searches_a_space_in_which_nothing_is_free() -> None:
    space = SearchSpace(Key, {Key.FIXED: IntRange(7, 7)})
    assert Smac(1).propose(space, [({"fixed": 7}, 1.0), ({"fixed": 7}, 1.0)], 3) == {"fixed": 7}


def test_random_points_depend_on_seed_and_number_alone() -> None:
    numbers = {tuple(drawn(SPACE, seed, number).values()) for seed in range(5) for number in range(20)}
    assert len(numbers) == 100
    assert all(a != b for a, b in pairwise(RandomSearch(1).suggest(SPACE, 5)))
    assert RandomSearch(1).suggest(SPACE, 1) == [Trial(0, drawn(SPACE, 1, 0))]
