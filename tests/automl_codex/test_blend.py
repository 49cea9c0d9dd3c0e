"""What a repository's own history may add, and that the newest part decides nothing."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from automl_codex import blend, export, metrics, train
from automl_codex.tables import Dataset
from codex_gate.errors import UsageError
from codex_gate.forest import Forest, pack
from codex_gate.own_words import Words
from tests.automl_codex import synthetic
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


@pytest.mark.parametrize(("last", "n"), [(240, 0), (270, 7)])
def test_parts_that_judge_of_one_kind_are_refused(last: int, n: int) -> None:
    data = of("alpha")
    clean = replace(data, y=np.where(np.arange(len(data)) > last, 0, data.y).astype(np.int8))
    with pytest.raises(UsageError, match=f"of the newest 372 commits that can be judged {n} needed a fix; at least 20 of each kind"):
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


def test_nothing_is_learned_of_the_half_year_before_a_part(good: Forest) -> None:
    """Most bugs of these changes are not found yet: whatever they are, and are called, the part scores the same."""
    data = synthetic.spoken(of("alpha"))
    assert data.words is not None
    one = blend.challenge(data, blend.Parts(good, NAMES), 1)
    for place, piece in enumerate(blend.parts(data)[-3:]):
        cut = float(data.time[piece.start])
        young = np.flatnonzero((data.time >= cut - blend.GAP) & (data.time < cut))
        assert len(young) > 10
        X, y, fix_time, words = data.X.copy(), data.y.copy(), data.fix_time.copy(), data.words.copy()
        X[young], y[young], words[young] = X[young[::-1]], 1 - y[young], words[young[::-1]]
        fix_time[young] = np.where(y[young] == 1, data.time[young] + 1, np.nan)
        other = blend.challenge(replace(data, X=X, y=y, fix_time=fix_time, words=words), blend.Parts(good, NAMES), 1)
        assert (other.weight, other.words) == (blend.WEIGHT, blend.WORDS)
        np.testing.assert_array_equal(one.raw[one.part == place], other.raw[other.part == place])


def test_the_blend_gains_where_the_shipped_forest_ranks_badly(useless: Forest, good: Forest) -> None:
    data = of("alpha")
    found = blend.challenge(data, blend.Parts(useless, NAMES), 1)
    shipped = blend.predict(useless, train.encode(found.judges, NAMES))
    assert metrics.auc_within(found.judges.y, found.raw, found.part) > metrics.auc_within(found.judges.y, shipped, found.part) + 0.05
    assert (found.weight, found.words) == (blend.WEIGHT, 0.0)  # of these rows no words are known
    own = blend.challenge(data, blend.Parts(useless, NAMES), 1, weight=1.0)
    assert metrics.auc_within(own.judges.y, own.raw, own.part) > 0.7
    alone = blend.challenge(data, blend.Parts(good, NAMES), 1, weight=0.0)
    assert np.array_equal(alone.raw, blend.predict(good, train.encode(alone.judges, NAMES)))


def test_the_latest_parts_judge_each_by_what_was_there_before_it(good: Forest) -> None:
    """Whatever became of a part, and of what came later, its scores and probabilities are the same."""
    data = of("alpha")
    pieces = blend.parts(data)
    one = blend.challenge(data, blend.Parts(good, NAMES), 1)
    assert len(one.raw) == len(one.chance) == len(one.part) == len(one.judges) == sum(piece.stop - piece.start for piece in pieces[-3:])
    assert np.array_equal(one.judges.sha256, data.sha256[pieces[2].start :]) and np.array_equal(data.sha256[pieces[4]], one.judges.sha256[one.newest])
    for place, piece in enumerate(pieces[-3:]):
        later = np.arange(len(data)) >= piece.start
        turned = np.where(later, 1 - data.y, data.y).astype(np.int8)
        other = blend.challenge(
            replace(data, y=turned, fix_time=np.where(later & (turned == 1), data.time + 30 * 86_400.0, data.fix_time)), blend.Parts(good, NAMES), 1
        )
        same = one.part <= place
        assert np.array_equal(one.raw[same], other.raw[same]) and np.array_equal(one.chance[same], other.chance[same])
        assert place == 2 or not np.array_equal(one.raw[~same], other.raw[~same])
        assert one.knots != other.knots  # the calibration that ships does see them


def test_where_no_fix_was_known_the_shipped_forest_stays(good: Forest) -> None:
    data = of("alpha")
    late = replace(data, fix_time=np.where(data.y == 1, data.time.max() + 1, np.nan))
    found = blend.challenge(synthetic.spoken(late), blend.Parts(good, NAMES), 1)
    assert np.array_equal(found.raw, blend.predict(good, train.encode(found.judges, NAMES)))
    assert found.weight == found.words == 0  # what was judged nowhere does not ship


def test_words_that_no_change_shares_do_not_count(good: Forest) -> None:
    data = of("alpha")
    words = np.empty(len(data), object)
    words[:] = [Words(frozenset([f"name{k}".encode()]), frozenset([f"path{k}"])) for k in range(len(data))]
    found = blend.challenge(replace(data, words=words), blend.Parts(good, NAMES), 1)
    assert (found.weight, found.words) == (blend.WEIGHT, 0.0)
    assert np.array_equal(found.raw, blend.challenge(data, blend.Parts(good, NAMES), 1).raw)
    assert blend.challenge(synthetic.spoken(data), blend.Parts(good, NAMES), 1).words == blend.WORDS


def test_probabilities_rest_on_labels_as_they_were_known(good: Forest) -> None:
    """A repair that came after a part began is no label of the calibration that the part is judged by."""
    data = of("alpha")
    one = blend.challenge(data, blend.Parts(good, NAMES), 1)
    for place, piece in enumerate(blend.parts(data)[-3:]):
        cut = data.time[piece.start]
        unknown = (data.time < cut) & (data.fix_time >= cut)
        assert unknown.sum() > 0
        other = blend.challenge(
            replace(data, y=np.where(unknown, 0, data.y).astype(np.int8), fix_time=np.where(unknown, np.nan, data.fix_time)), blend.Parts(good, NAMES), 1
        )
        assert np.array_equal(one.chance[one.part == place], other.chance[other.part == place])


def test_parts_of_one_kind_each_cannot_be_compared() -> None:
    data = of("alpha")
    pieces = blend.parts(data)
    y = data.y.copy()
    for piece, kind in zip(pieces[-3:], (0, 1, 0), strict=True):
        y[piece] = kind
    with pytest.raises(UsageError, match="in none of the 3 parts that judge some commits needed a fix and others did not"):
        blend.parts(replace(data, y=y))


def test_a_blend_has_one_own_tree_at_least(good: Forest) -> None:
    assert [blend.n_own(weight, good) for weight in (0.0, 0.01, 0.25, 1.0)] == [0, 1, 5, 20]


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
    assert np.array_equal(blend.predict(Forest(blend.final_forest(data, blend.Parts(good, NAMES), 0.0, 1)), x), blend.predict(good, x))


def test_calibration_rests_on_the_most_recent_scores() -> None:
    pieces = [slice(0, 500), slice(500, 1000), slice(1000, 1500), slice(1500, 2000), slice(2000, 2500)]
    assert blend.recent(pieces, 2000) == slice(1500, 2000)
    small = [slice(at, at + 100) for at in range(0, 500, 100)]
    assert (blend.recent(small, 400), blend.recent(small, 500)) == (slice(100, 400), slice(100, 500))
