import math

import numpy as np
import pytest
from sklearn import metrics as reference

from automl_codex import curves, metrics


def noise(n: int = 400, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Labels and scores with ties that rank better than chance."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n)
    return y, (rng.integers(0, 40, n) + 8 * y) / 50


def test_roc_is_scikit_learns() -> None:
    y, score = noise()
    x, recall, _ = reference.roc_curve(y, score, drop_intermediate=False)
    assert curves.roc(y, score) == pytest.approx(np.column_stack([x, recall]))
    assert reference.auc(*curves.roc(y, score).T) == pytest.approx(metrics.auc(y, score))


def test_precision_and_recall_are_scikit_learns() -> None:
    y, score = noise()
    precision, recall, _ = reference.precision_recall_curve(y, score)
    assert curves.precision_recall(y, score) == pytest.approx(np.column_stack([recall, precision])[-2::-1])  # its last point (0, 1) is no threshold


@pytest.mark.parametrize("y", [np.zeros(4, int), np.ones(4, int)])
def test_one_class_has_no_roc(y: np.ndarray) -> None:
    assert curves.roc(y, np.arange(4.0)).shape == (0, 2)


def test_no_buggy_commit_has_no_precision_curve() -> None:
    assert curves.precision_recall(np.zeros(3, int), np.arange(3.0)).shape == (0, 2)


def test_thinning_keeps_ends_and_area() -> None:
    rng = np.random.default_rng(1)
    y = rng.integers(0, 2, 20_000)
    whole = curves.roc(y, rng.normal(size=len(y)) + y)
    thin = curves.thinned(whole)
    assert len(thin) <= curves.N_POINTS < len(whole)
    assert thin[0].tolist() == [0, 0] and thin[-1].tolist() == [1, 1]
    assert reference.auc(*thin.T) == pytest.approx(reference.auc(*whole.T), abs=2e-3)


def test_log_loss_is_scikit_learns_at_the_ends_too() -> None:
    y = np.array([0, 1, 0, 1])
    p = np.array([0.0, 1.0, 0.25, 0.6])
    assert curves.log_loss(y, p) == pytest.approx(reference.log_loss(y, p))
    wrong = np.array([1.0, 1.0, 0.25, 0.6])
    assert curves.log_loss(y, wrong) == pytest.approx(reference.log_loss(y, wrong), rel=1e-3)


def test_calibration_bins_add_up_to_the_calibration_error() -> None:
    rng = np.random.default_rng(2)
    p = rng.random(997)
    y = (rng.random(997) < p**2).astype(int)
    bins = curves.calibration(y, p)
    assert sum(b.n for b in bins) == 997
    assert sum(b.n * abs(b.observed - b.mean_risk) for b in bins) / 997 == pytest.approx(metrics.ece(y, p))
    assert all(b.low <= b.mean_risk <= b.high and b.observed_low <= b.observed <= b.observed_high for b in bins)


def test_calibration_with_fewer_commits_than_bins() -> None:
    assert [b.n for b in curves.calibration(np.array([0, 1]), np.array([0.2, 0.7]))] == [1, 1]


def test_effort_by_hand() -> None:
    # Lines 10, 1, 1, 8 (20 in all); score per line sorts them 1 (buggy), 2 (clean), 3 (buggy), 0 (clean): 20 % of effort is 4 lines.
    y, lines = np.array([0, 1, 0, 1]), np.array([10, 1, 1, 8])
    score = np.array([0.1, 0.9, 0.5, 0.8])
    found = curves.by_effort(y, score, lines)
    assert found.recall_at_20_percent_effort == 0.5
    # Trapezoids under the share found: mine .0125 + .025 + .3 + .5, best (1, 3, then clean) .0125 + .3 + .55, worst (clean, 3, 1) .1 + .0375.
    assert found.popt == pytest.approx(1 - (0.8625 - 0.8375) / (0.8625 - 0.1375))


def test_popt_is_one_for_the_best_and_zero_for_the_worst_order() -> None:
    y, lines = np.array([1, 1, 0, 0]), np.array([1, 3, 2, 2])
    assert curves.by_effort(y, y / lines, lines).popt == pytest.approx(1.0)
    worst = np.array([0.0, 0.3, 100.0, 100.0])  # clean ones first, then the large buggy one
    assert curves.by_effort(y, worst, lines).popt == pytest.approx(0.0)


def test_effort_without_a_bug_is_unknown_and_empty_commits_count_one_line() -> None:
    assert math.isnan(curves.by_effort(np.zeros(2, int), np.ones(2), np.ones(2)).popt)
    # Five commits without lines are five of one line each: 20 % is the first.
    assert curves.by_effort(np.array([1, 0, 0, 0, 1]), np.array([5.0, 4, 3, 2, 1]), np.zeros(5)).recall_at_20_percent_effort == 0.5
