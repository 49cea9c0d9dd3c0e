import numpy as np
import pytest
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score

from automl_codex import curves, metrics

Y = np.array([0, 0, 1, 1, 0, 1])
SCORE = np.array([0.1, 0.4, 0.35, 0.8, 0.4, 0.9])


def test_auc_by_hand() -> None:
    # Buggy .35 beats one clean of three, .8 and .9 beat all three: 7 of 9 pairs.
    assert metrics.auc(Y, SCORE) == pytest.approx(7 / 9)


def test_ties_count_half() -> None:
    assert metrics.auc(np.array([0, 1, 0, 1]), np.ones(4)) == 0.5


def test_weight_counts_a_row_that_often() -> None:
    weight = np.array([1, 2, 0, 3, 1, 2])
    assert metrics.auc(Y, SCORE, weight) == pytest.approx(metrics.auc(np.repeat(Y, weight), np.repeat(SCORE, weight)))


def test_auc_within_groups_compares_no_row_with_one_of_another() -> None:
    """In the first group one of two pairs is right and there are two bugs, in the second three of three and one, in the third no bug."""
    y = np.array([0, 1, 1, 0, 0, 0, 1, 0, 0])
    score = np.array([0.5, 0.4, 0.6, 0.1, 0.2, 0.3, 0.9, 0.7, 0.8])
    group = np.array([0, 0, 0, 1, 1, 1, 1, 2, 2])
    assert metrics.auc_within(y, score, group) == pytest.approx((2 * 0.5 + 1 * 1.0) / 3)
    moved = score + np.array([5, 0, -3])[group]  # whatever a group's level is
    assert metrics.auc_within(y, moved, group) == metrics.auc_within(y, score, group)
    assert metrics.auc_within(y, score, np.zeros(9)) == pytest.approx(metrics.auc(y, score))
    assert np.isnan(metrics.auc_within(np.zeros(9, int), score, group))


def test_draws_within_groups_are_paired_and_lie_around_the_value() -> None:
    rng = np.random.default_rng(3)
    group, y = np.repeat([0, 1, 2], 150), rng.integers(0, 2, 450)
    score = y + rng.normal(0, 1.5, 450) + 10 * group
    draws = metrics.bootstrap_within(y, [score, score, -score], group, np.random.default_rng(1), 300)
    value = metrics.auc_within(y, score, group)
    assert np.array_equal(draws[0], draws[1]) and draws[0] + draws[2] == pytest.approx(np.ones(300))
    assert draws[0].mean() == pytest.approx(value, abs=0.01)
    spread = np.std([roc_auc_score(y[rows], score[rows]) for rows in (rng.integers(0, 150, 150) for _ in range(300))])
    assert draws[0].std() == pytest.approx(spread / np.sqrt(3), rel=0.25)  # three groups of 150 tell as much as one of 450
    assert metrics.auc(y, score) < value  # across groups their levels drown what it tells
    assert np.isnan(metrics.bootstrap_within(np.zeros(450, int), [score], group, rng, 5)).all()


@pytest.mark.parametrize("y", [np.zeros(4, int), np.ones(4, int)])
def test_one_class_has_no_auc(y: np.ndarray) -> None:
    assert np.isnan(metrics.auc(y, np.arange(4.0)))


def test_agrees_with_scikit_learn_on_noise_with_ties() -> None:
    rng = np.random.default_rng(0)
    y, score = rng.integers(0, 2, 500), rng.integers(0, 60, 500) / 60
    assert metrics.auc(y, score) == pytest.approx(roc_auc_score(y, score))
    assert metrics.average_precision(y, score) == pytest.approx(average_precision_score(y, score))
    assert metrics.brier(y, score) == pytest.approx(brier_score_loss(y, score))


def test_recall_at_a_share_by_hand() -> None:
    # A third of six is two commits: .9 and .8, both buggy, of three.
    assert metrics.recall_at(Y, SCORE, 1 / 3) == pytest.approx(2 / 3)
    # Half is three: the third place is shared by two clean commits at .4.
    assert metrics.recall_at(Y, SCORE, 1 / 2) == pytest.approx(2 / 3)


def test_recall_takes_ties_in_part() -> None:
    assert metrics.recall_at(np.array([1, 0, 1, 0]), np.ones(4), 0.25) == pytest.approx(0.25)


def test_measures_without_a_bug_are_unknown() -> None:
    assert np.isnan(metrics.recall_at(np.zeros(3), np.arange(3.0)))
    assert np.isnan(metrics.average_precision(np.zeros(3), np.arange(3.0)))


def test_ece_by_hand() -> None:
    # Two bins: mean risk .2 with no bug, mean risk .7 with two of two: (2 × .2 + 2 × .3) / 4.
    assert metrics.ece(np.array([0, 0, 1, 1]), np.array([0.1, 0.3, 0.6, 0.8]), bins=2) == pytest.approx(0.25)


def test_calibrated_coin_has_small_ece_and_a_shifted_one_its_shift() -> None:
    rng = np.random.default_rng(1)
    p = rng.random(20_000)
    y = (rng.random(20_000) < p).astype(int)
    assert metrics.ece(y, p) < 0.02
    assert metrics.ece(y, np.clip(p + 0.2, 0, 1)) > 0.12


def test_f1_at_a_false_positive_limit_by_hand() -> None:
    # Without alarms on clean commits: .9 and .8 flagged, F1 = 2·2 / (2 + 3).
    assert metrics.f1_at_fpr(Y, SCORE, 0.1) == pytest.approx((0.8, 0.0))


def test_bootstrap_is_paired_and_repeatable() -> None:
    rng = np.random.default_rng(2)
    labels = {name: rng.integers(0, 2, 80) for name in "abc"}
    good = {name: y + rng.normal(0, 0.8, 80) for name, y in labels.items()}
    draws = metrics.bootstrap_means(labels, [good, good, {n: -s for n, s in good.items()}], np.random.default_rng(3), 50)
    again = metrics.bootstrap_means(labels, [good, good, {n: -s for n, s in good.items()}], np.random.default_rng(3), 50)
    assert np.array_equal(draws, again)
    assert np.array_equal(draws[0], draws[1])
    assert np.allclose(draws[0], 1 - draws[2])
    found = metrics.interval(float(draws[0].mean()), draws[0])
    assert found.low < found.value < found.high


def test_ece_does_not_hang_on_the_order_of_rows_of_one_probability() -> None:
    y, p = np.repeat([0, 1], 50), np.full(100, 0.5)
    assert metrics.ece(y, p) == metrics.ece(y[::-1], p) == pytest.approx(0.0)
    rng = np.random.default_rng(1)
    y, p = rng.integers(0, 2, 400), rng.choice([0.1, 0.3, 0.31, 0.7], 400)
    order = rng.permutation(400)
    assert metrics.ece(y, p) == pytest.approx(metrics.ece(y[order], p[order]))
    bins, again = (curves.calibration(labels, chances) for labels, chances in ((y, p), (y[order], p[order])))
    assert [b.observed for b in bins] == pytest.approx([b.observed for b in again])
