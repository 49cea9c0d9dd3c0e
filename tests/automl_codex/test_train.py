from dataclasses import replace

import numpy as np
import pytest

from automl_codex import metrics, train
from codex_gate.features import FEATURE_NAMES, FILE_HISTORY, HISTORY_NAMES, vector
from codex_gate.types import CommitFeatures
from tests.automl_codex.synthetic import dataset

SMALL = train.Recipe(n_trees=12, leaf_size=10)


def test_shipped_measures_leave_out_wording_clock_and_scale() -> None:
    left_out = set(FEATURE_NAMES) - set(train.PLAIN)
    assert left_out == {"fix", "message_length", "hour_of_day", "day_of_week", "complexity_delta"} | train.ABSOLUTE_SCALE
    assert set(train.SHIPPED_NAMES) < set(train.PLAIN)
    assert [name for name in FEATURE_NAMES if name in train.SHIPPED_NAMES] == [*train.SHIPPED_NAMES]  # in the order of the schema


def test_encoding_is_that_of_the_runtime() -> None:
    data = dataset(20)
    x = train.encode(data, train.SHIPPED_NAMES)
    for i in range(len(data)):
        features = CommitFeatures(dict(zip(FEATURE_NAMES, data.X[i].tolist(), strict=True)))
        assert x[i].tolist() == vector(features, train.SHIPPED_NAMES)
    assert not np.isnan(x).any()


def test_label_counts_only_once_its_fix_was_made() -> None:
    data = dataset()
    data = data.where((data.y == 0) | ~np.isnan(data.fix_time))
    cut_off = float(np.median(data.time))
    labels = train.labels_at(data, cut_off)
    assert np.array_equal(labels == 1, (data.y == 1) & (data.fix_time < cut_off))
    assert 0 < labels.sum() < data.y.sum()
    assert (data.time[train.trainable(data, cut_off)] < cut_off - train.YEAR).all()


def test_a_label_without_the_time_of_its_fix_counts_a_year_after_the_commit() -> None:
    """Labels from outside may hold none: they are neither clean, nor known before anybody trains on their commit."""
    data = dataset()
    data = replace(data, fix_time=np.full(len(data), np.nan))
    cut_off = float(np.median(data.time))
    labels, usable = train.labels_at(data, cut_off), train.trainable(data, cut_off)
    assert np.array_equal(labels[usable], data.y[usable]) and labels[usable].any()
    assert not labels[data.time >= cut_off - train.YEAR].any()


def test_weights_even_out_each_project_and_year() -> None:
    data = dataset()
    w = train.weights(data.y, data.project, data.time)
    years = data.time.astype("datetime64[s]").astype("datetime64[Y]").astype(int)
    assert w.mean() == pytest.approx(1.0)
    for project in np.unique(data.project):
        for year in np.unique(years):
            mine = (data.project == project) & (years == year)
            buggy, clean = w[mine & (data.y == 1)], w[mine & (data.y == 0)]
            if min(len(buggy), len(clean)) >= 20:
                assert buggy.sum() == pytest.approx(clean.sum())


def test_few_rows_of_a_class_are_not_blown_up() -> None:
    y = np.array([1] + [0] * 99)
    w = train.weights(y, np.array(["p"] * 100), np.full(100, 1_400_000_000))
    assert w[0] / w[1] == pytest.approx((50 / 20) / (50 / 99))


def test_masked_copy_forgets_history_alone() -> None:
    data = dataset(20)
    x, found = (train.encode(rows, train.SHIPPED_NAMES) for rows in (data, train.without_history(data)))
    past = np.array([name in HISTORY_NAMES for name in train.SHIPPED_NAMES])
    assert (found[:, past] == -1).all()
    assert np.array_equal(found[:, ~past], x[:, ~past])
    assert not (x[:, past] == -1).all()


def test_same_seed_same_forest_and_another_another() -> None:
    data = dataset(150)
    x = train.encode(data, SMALL.names)
    scores = [train.score(train.fit(data, data.y, replace(SMALL, seed=seed)), x) for seed in (1, 1, 2)]
    assert np.array_equal(scores[0], scores[1])
    assert not np.array_equal(scores[0], scores[2])


def test_thresholds_are_float32_after_fit() -> None:
    data = dataset(150)
    for tree in train.fit(data, data.y, SMALL).estimators_:
        limits = tree.tree_.threshold
        assert np.array_equal(limits, limits.astype(np.float32))


def test_more_lines_never_lower_the_score() -> None:
    data = dataset(200)
    forest = train.fit(data, data.y, SMALL)
    x = np.repeat(train.encode(data, SMALL.names)[:5], 30, axis=0)
    x[:, SMALL.names.index("la")] = np.tile(np.geomspace(1, 5000, 30), 5)
    assert (np.diff(train.score(forest, x).reshape(5, 30), axis=1) >= -1e-12).all()


def test_forest_learns_and_bears_unknown_history() -> None:
    data = dataset()
    half = np.arange(len(data)) % 2 == 0
    forest = train.fit(data.where(half), data.y[half], SMALL)
    rest = data.where(~half)
    x = train.encode(rest, SMALL.names)
    with_past, without = (
        metrics.auc(rest.y, train.score(forest, x)),
        metrics.auc(rest.y, train.score(forest, train.encode(train.without_history(rest), SMALL.names))),
    )
    assert with_past > 0.75
    assert 0.65 < without < with_past


def test_calibration_is_monotone_short_and_right_on_average() -> None:
    rng = np.random.default_rng(4)
    raw = rng.beta(2, 3, 20_000)
    y = (rng.random(20_000) < raw**2).astype(int)
    knots = train.calibrate(raw, y)
    x, p = np.array(knots).T
    assert len(knots) <= 50
    assert (np.diff(x) > 0).all()
    assert (np.diff(p) >= 0).all()
    assert (x[0], x[-1]) == (0.0, 1.0)
    assert 0 <= p.min() <= p.max() <= 1
    assert metrics.ece(y, train.apply(knots, raw)) < 0.01


def test_calibration_of_a_useless_score_is_the_base_rate() -> None:
    raw = np.linspace(0.2, 0.8, 1000)
    y = np.tile([1, 0, 0, 0], 250)
    assert train.apply(train.calibrate(raw, y), raw) == pytest.approx(np.full(1000, 0.25), abs=0.06)


def test_recipe_survives_json() -> None:
    assert train.Recipe.from_json(SMALL.as_json()) == SMALL


def test_floor32_never_rounds_up() -> None:
    numbers = np.array([0.1, -0.1, 1 / 3, 0.0, 1e9 + 0.3])
    found = train.floor32(numbers)
    assert (found <= numbers).all()
    assert np.array_equal(found, found.astype(np.float32))


def test_history_measures_are_among_the_shipped() -> None:
    assert set(FILE_HISTORY) & set(train.SHIPPED_NAMES)


def test_labels_from_outside_weigh_what_the_recipe_says() -> None:
    data = dataset()
    data = replace(data, outside=data.project == data.project[0])
    turned = np.where(data.traced(), data.y, 1 - data.y)  # labels from outside the other way round
    scores = [train.score(train.fit(data, y, replace(SMALL, outside=share)), train.encode(data, SMALL.names)) for share in (0.0, 1.0) for y in (data.y, turned)]
    assert not np.array_equal(scores[2], scores[3])
    assert np.array_equal(scores[0], scores[1])
