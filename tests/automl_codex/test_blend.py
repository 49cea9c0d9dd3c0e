"""What a repository's own history may add, and that the newest part decides nothing."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from automl_codex import blend, export, metrics, train
from automl_codex.tables import Dataset
from codex_gate.errors import UsageError
from codex_gate.forest import Forest, pack
from tests.automl_codex.synthetic import dataset

NAMES = ("la", "fixes_max", "nf")


def of(project: str, n: int = 620) -> Dataset:
    found = dataset(n)
    found = found.where(found.project == project)
    return found.where(np.argsort(found.time, kind="stable"))


def flat(data: Dataset, y: np.ndarray, n_trees: int = 20) -> Forest:
    forest = train.fit(data, y, train.Recipe(names=NAMES, n_trees=n_trees, leaf_size=20))
    return Forest(export.to_flat(forest, len(NAMES)))


@pytest.fixture(scope="module")
def useless() -> Forest:
    """A shipped forest that learned turned labels: the own history must win."""
    data = of("beta")
    return flat(data, 1 - data.y)


@pytest.fixture(scope="module")
def good() -> Forest:
    data = of("gamma-core", 2000)
    return flat(data, data.y)


def test_parts_are_fifths_in_order_and_the_newest_is_never_small() -> None:
    data = of("alpha")
    pieces = blend.parts(data)
    assert [p.stop - p.start for p in pieces] == [124] * 5
    small = blend.parts(data.where(np.arange(len(data)) < 300))
    assert (small[-1].stop - small[-1].start, small[0].start, small[-1].stop) == (100, 0, 300)
    assert all(a.stop == b.start for a, b in pairwise(small))


@pytest.mark.parametrize(("n", "says"), [(199, "199 commits can be learned from, 200 are needed"), (10, "10 commits can be learned from")])
def test_too_few_rows_are_refused(n: int, says: str) -> None:
    data = of("alpha")
    with pytest.raises(UsageError, match=says):
        blend.parts(data.where(np.arange(len(data)) < n))


def test_a_newest_part_of_one_kind_is_refused() -> None:
    data = of("alpha")
    clean = Dataset(data.X, np.where(np.arange(len(data)) > 450, 0, data.y).astype(np.int8), data.time, data.fix_time, data.project, data.sha256)
    with pytest.raises(UsageError, match="of the newest 124 commits that can be judged 0 needed a fix"):
        blend.parts(clean)


def test_a_part_is_scored_by_what_was_known_at_its_first_moment() -> None:
    """Labels whose fix was made later, and everything that came later, may be anything."""
    data = of("alpha")
    piece = blend.parts(data)[3]
    recipe = blend.own_recipe(NAMES, 8, 1)
    cut = float(data.time[piece.start])
    before = blend.out_of_time(data, [piece], recipe)
    turned = data.y.copy()
    turned[(data.time >= cut) | (data.fix_time >= cut)] = 0
    other = Dataset(data.X, turned, data.time, data.fix_time, data.project, data.sha256)
    assert np.array_equal(before, blend.out_of_time(other, [piece], recipe), equal_nan=True)
    assert np.isnan(before[: piece.start]).all() and not np.isnan(before[piece]).any()
    early = data.time < cut - blend.GAP
    early[np.flatnonzero(early)[::2]] = False
    turned = np.where(early, 1 - data.y, data.y).astype(np.int8)
    learned = Dataset(data.X, turned, data.time, np.where(turned, 0.0, np.nan), data.project, data.sha256)
    assert not np.array_equal(before[piece], blend.out_of_time(learned, [piece], recipe)[piece])


def test_weight_goes_to_who_ranks_better(useless: Forest, good: Forest) -> None:
    data = of("alpha")
    against_useless, against_good = blend.challenge(data, useless, NAMES, 1), blend.challenge(data, good, NAMES, 1)
    assert against_useless.weight == 1.0
    assert against_good.weight < 1.0
    assert metrics.auc(against_useless.newest.y, against_useless.raw) > 0.7
    tried = {choice.weight: choice.auc for choice in against_good.tried}
    assert tuple(tried) == blend.WEIGHTS and tried[against_good.weight] == max(tried.values())


def test_the_newest_part_plays_no_part_in_the_choice(good: Forest) -> None:
    data = of("alpha")
    start = blend.parts(data)[-1].start
    turned = np.where(np.arange(len(data)) >= start, 1 - data.y, data.y).astype(np.int8)
    other = Dataset(data.X, turned, data.time, data.fix_time, data.project, data.sha256)
    one, two = blend.challenge(data, good, NAMES, 1), blend.challenge(other, good, NAMES, 1)
    assert (one.weight, one.tried) == (two.weight, two.tried)
    assert np.array_equal(one.raw, two.raw) and np.array_equal(one.chance, two.chance)
    assert one.knots != two.knots  # the calibration that ships does see it


def test_where_no_fix_was_known_the_shipped_forest_stays() -> None:
    y, own, base = np.zeros(90, np.int8), np.full(90, 0.2), np.linspace(0, 1, 90)
    assert blend.choose(y, own, base, [slice(0, 45), slice(45, 90)]) == ((0.0, 0.0), ())


def test_of_equal_choices_the_lowest_is_taken() -> None:
    y, score, silent = np.tile([0, 1], 40).astype(np.int8), np.linspace(0, 1, 80), np.zeros(80)
    choice, tried = blend.choose(y, score, score, [slice(0, 80)], told=silent, words=blend.WORDS)
    assert choice == (0.0, 0.0) and len({round(choice.auc, 12) for choice in tried}) == 1


@pytest.mark.parametrize("n_own", [10, 20])
def test_a_blend_scores_as_the_mean_of_its_trees(good: Forest, n_own: int) -> None:
    data = of("alpha")
    own = train.fit(data, data.y, blend.own_recipe(NAMES, n_own, 3))
    mixed = Forest(blend.blended_bytes(own, good))
    assert (mixed.n_trees, mixed.n_features) == (20, 3)
    x = train.encode(data, NAMES)
    expected = n_own * train.score(own, x)
    if n_own == 10:
        expected = expected + 10 * blend.predict(Forest(pack(good.trees()[::2], 3)), x)
    assert blend.predict(mixed, x) == pytest.approx(expected / 20, abs=1e-6)


def test_without_weight_the_shipped_forest_ships(good: Forest) -> None:
    data = of("alpha")
    x = train.encode(data, NAMES)
    assert np.array_equal(blend.predict(Forest(blend.final_forest(data, good, NAMES, 0.0, 1)), x), blend.predict(good, x))


def test_calibration_rests_on_the_most_recent_scores() -> None:
    pieces = [slice(0, 500), slice(500, 1000), slice(1000, 1500), slice(1500, 2000), slice(2000, 2500)]
    assert blend.recent(pieces, 2000) == slice(1500, 2000)
    small = [slice(at, at + 100) for at in range(0, 500, 100)]
    assert (blend.recent(small, 400), blend.recent(small, 500)) == (slice(100, 400), slice(100, 500))
