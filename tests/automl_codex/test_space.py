"""Keys, domains and spaces: what belongs, what is refused, and in which words."""

from __future__ import annotations

from enum import StrEnum

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier

from automl_codex.space import (
    DEFAULT_DOMAINS,
    FOREST,
    BugPredictorParam,
    Choice,
    FloatRange,
    IntRange,
    SearchSpace,
    build_search_space,
    forest_arguments,
)
from codex_gate.errors import UsageError


class Key(StrEnum):
    WIDTH = "width"
    RATE = "rate"
    KIND = "kind"


SPACE = SearchSpace(Key, {Key.WIDTH: IntRange(1, 9), Key.RATE: FloatRange(0.01, 1.0, log=True), Key.KIND: Choice(("a", "b", True))})


def test_there_are_the_twelve_keys_of_the_specification() -> None:
    names = [key.name.title().replace("_", "") for key in BugPredictorParam]
    assert names == [
        "NEstimators", "MaxDepth", "MinSamplesSplit", "MinSamplesLeaf", "MaxFeatures", "Bootstrap",
        "LearningRate", "BatchSize", "Epochs", "LoraRank", "LoraAlpha", "LoraDropout",
    ]  # fmt: skip
    assert tuple(BugPredictorParam) == tuple(DEFAULT_DOMAINS)
    assert [key.value for key in FOREST] == ["n_estimators", "max_depth", "min_samples_split", "min_samples_leaf", "max_features", "bootstrap"]


def test_the_default_space_has_the_specifications_ranges_with_both_ends() -> None:
    space = build_search_space()
    ends = {key: (d.low, d.high) for key, d in space.domains.items() if not isinstance(d, Choice)}
    assert ends == {
        "n_estimators": (50, 500), "max_depth": (5, 30), "min_samples_split": (2, 20), "min_samples_leaf": (1, 10),
        "learning_rate": (0.01, 0.3), "epochs": (1, 10), "lora_dropout": (0.0, 0.3),
    }  # fmt: skip
    options = {key: d.options for key, d in space.domains.items() if isinstance(d, Choice)}
    assert options == {
        "max_features": ("sqrt", "log2", "auto"), "bootstrap": (True, False), "batch_size": (8, 16, 32, 64),
        "lora_rank": (4, 8, 16, 32), "lora_alpha": (8, 16, 32, 64),
    }  # fmt: skip
    lowest = {key: d.low if not isinstance(d, Choice) else d.options[0] for key, d in space.domains.items()}
    highest = {key: d.high if not isinstance(d, Choice) else d.options[-1] for key, d in space.domains.items()}
    assert space.check(lowest) == lowest and space.check(highest) == highest


@pytest.mark.parametrize("key", BugPredictorParam)
def test_samples_of_every_key_stay_in_range_and_reach_both_halves_of_it(key: BugPredictorParam) -> None:
    space = build_search_space([key])
    found = [space.check(space.sample(np.random.default_rng([1, i])))[key] for i in range(300)]
    domain = space.domains[key]
    if isinstance(domain, Choice):
        assert set(found) == set(domain.options)
    else:
        middle = (domain.low * domain.high) ** 0.5 if domain.log else (domain.low + domain.high) / 2
        assert 90 < sum(x < middle for x in found) < 210  # half of 300, seven standard deviations wide


def test_a_short_integer_range_gives_each_number_as_often() -> None:
    found = [IntRange(1, 3).sample(np.random.default_rng([2, i])) for i in range(600)]
    assert [150 < found.count(n) < 250 for n in (1, 2, 3)] == [True, True, True]


def test_a_log_scale_gives_each_factor_as_often() -> None:
    found = [IntRange(1, 1000, log=True).sample(np.random.default_rng([3, i])) for i in range(400)]
    assert min(found) >= 1 and max(found) <= 1000
    assert 150 < sum(n <= 31 for n in found) < 260  # the square root of 1000 is the middle, and 0.5 to 1 rounds up to 1


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        ({"widht": 1, "rate": 0.1, "kind": "a"}, "no parameter is called widht here; the space has width, rate, kind"),
        ({"width": 1, "rate": 0.1}, "kind must be given: the space has width, rate, kind"),
        ({"width": 10, "rate": 0.1, "kind": "a"}, "width must be from 1 to 9, got 10"),
        ({"width": 1.0, "rate": 0.1, "kind": "a"}, "width must be a whole number from 1 to 9, got 1.0"),
        ({"width": True, "rate": 0.1, "kind": "a"}, "width must be a whole number from 1 to 9, got True"),
        ({"width": 1, "rate": 0.001, "kind": "a"}, "rate must be from 0.01 to 1.0, got 0.001"),
        ({"width": 1, "rate": float("nan"), "kind": "a"}, "rate must be a number from 0.01 to 1.0, got nan"),
        ({"width": 1, "rate": "0.1", "kind": "a"}, "rate must be a number from 0.01 to 1.0, got '0.1'"),
        ({"width": 1, "rate": 0.1, "kind": "c"}, "kind must be one of 'a', 'b', True, got 'c'"),
        ({"width": 1, "rate": 0.1, "kind": 1}, "kind must be one of 'a', 'b', True, got 1"),
    ],
)
def test_a_value_that_does_not_belong_is_named(params: dict[str, object], sentence: str) -> None:
    with pytest.raises(UsageError) as error:
        SPACE.check(params)
    assert str(error.value) == sentence


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: SearchSpace(Key, {"widht": IntRange(1, 2)}), "no parameter is called 'widht'; Key has width, rate, kind"),
        (lambda: SearchSpace(Key, {BugPredictorParam.EPOCHS: IntRange(1, 2)}), "no parameter is called 'epochs'; Key has width, rate, kind"),
        (lambda: SearchSpace(Key, {}), "a search space must have at least one parameter, got none"),
        (lambda: SearchSpace(Key, {"width": (1, 9)}), "width must have an IntRange, a FloatRange or a Choice, got (1, 9)"),  # type: ignore[dict-item]
        (lambda: build_search_space(["depth"]), "no parameter is called 'depth'; BugPredictorParam has n_estimators, "),  # type: ignore[list-item]
        (lambda: IntRange(1, 2.5), "an integer range must have whole ends, got 1 to 2.5; use FloatRange for fractions"),  # type: ignore[arg-type]
        (lambda: IntRange(3, 2), "a range must go from low to high, got 3 to 2"),
        (lambda: IntRange(0, 2, log=True), "a log scale must begin above 0, got 0"),
        (lambda: FloatRange(0.0, float("inf")), "a range must have finite numbers as ends, got 0.0 to inf"),
        (lambda: FloatRange(0.0, 1.0, log=True), "a log scale must begin above 0, got 0.0"),
        (lambda: Choice(()), "a choice must be a list of at least one option, got ()"),
        (lambda: Choice("sqrt"), "a choice must be a list of at least one option, got 'sqrt'"),
        (lambda: Choice((1, True)), "an option stands twice in [1, True]; name each once (true counts as 1)"),
        (lambda: Choice((None,)), "an option must be a text, a number, true or false, got None"),  # type: ignore[arg-type]
        (lambda: SPACE.grid_size(0), "levels must be >= 1, got 0"),
    ],
)
def test_a_definition_that_makes_no_sense_is_refused(make: object, sentence: str) -> None:
    with pytest.raises(UsageError) as error:
        make()  # type: ignore[operator]
    assert str(error.value).startswith(sentence)


def test_a_space_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        SPACE.domains["width"] = IntRange(1, 2)  # type: ignore[index]


def test_levels_go_from_end_to_end() -> None:
    assert IntRange(1, 9).levels(3) == (1, 5, 9)
    assert IntRange(1, 2).levels(5) == (1, 2)
    assert IntRange(1, 100, log=True).levels(3) == (1, 10, 100)
    assert FloatRange(0.01, 1.0, log=True).levels(3) == pytest.approx((0.01, 0.1, 1.0))
    assert FloatRange(0.5, 0.5).levels(4) == (0.5,)
    assert FloatRange(0.0, 1.0).levels(1) == (0.5,)


def test_every_point_of_a_grid_is_another_one_and_belongs() -> None:
    size = SPACE.grid_size(4)
    points = [SPACE.check(SPACE.grid_point(4, index)) for index in range(size)]
    assert size == 4 * 4 * 3 == len({tuple(point.values()) for point in points})


def test_auto_means_sqrt_and_says_so() -> None:
    heard: list[str] = []
    assert forest_arguments({"max_features": "auto", "learning_rate": 0.1}, heard.append) == {"max_features": "sqrt"}
    assert heard == ["max_features auto means sqrt: scikit-learn dropped the name in 1.3"]
    assert forest_arguments({"max_features": "log2"}, heard.append) == {"max_features": "log2"} and len(heard) == 1


@pytest.mark.parametrize("features", ["sqrt", "log2", "auto"])
@pytest.mark.parametrize("bootstrap", [True, False])
def test_scikit_learn_fits_every_choice_of_the_forest(features: str, bootstrap: bool) -> None:
    params = {"n_estimators": 5, "max_depth": 3, "min_samples_split": 2, "min_samples_leaf": 1, "max_features": features, "bootstrap": bootstrap}
    x = np.random.default_rng(4).normal(size=(60, 4))
    forest = RandomForestClassifier(random_state=0, **forest_arguments(params, lambda _: None)).fit(x, x[:, 0] > 0)
    assert forest.get_params() | params == forest.get_params() | {"max_features": features}
    assert forest.score(x, x[:, 0] > 0) > 0.8
