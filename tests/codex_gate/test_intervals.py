import math
import random

import pytest
from sklearn.metrics import roc_auc_score

from codex_gate.intervals import at_most, auc, wilson


def test_wilson_by_hand() -> None:
    # 8 of 10: (0.8 + 0.19207) / 1.38415 ± 1.959964 / 1.38415 × √(0.016 + 0.0096037)
    assert wilson(8, 10) == pytest.approx((0.8, 0.49016, 0.94332), abs=1e-4)
    assert wilson(0, 10) == pytest.approx((0.0, 0.0, 0.27753), abs=1e-4)
    assert wilson(10, 10).high == pytest.approx(1.0)


def test_a_share_of_a_number_is_worked_out_as_by_hand() -> None:
    for n in (1, 7, 50, 99, 100, 200, 1000):
        for percent in range(101):
            assert at_most(percent / 100, n) == percent * n // 100
    assert int(0.29 * 100) == 28  # what it is for


def test_a_share_of_nothing_is_unknown() -> None:
    share, low, high = wilson(0, 0)
    assert math.isnan(share) and (low, high) == (0.0, 1.0)


def test_auc_interval_by_hand() -> None:
    # .35 and .8 against .1 and .4: placements ½ and 1, and from the other side 0 and ½; both variances are 1/8, over 2 scores each.
    found = auc([0.35, 0.8], [0.1, 0.4])
    assert found == pytest.approx((0.75, 0.75 - 1.959964 * math.sqrt(1 / 8), 1.0))


def test_ties_count_half_as_in_scikit_learn() -> None:
    chance = random.Random(0)
    hits, others = [chance.randrange(20) + 3 for _ in range(80)], [chance.randrange(20) for _ in range(120)]
    assert auc(hits, others).value == pytest.approx(roc_auc_score([1] * 80 + [0] * 120, hits + others))


def test_one_side_alone_has_no_auc_and_a_single_score_no_interval() -> None:
    assert math.isnan(auc([], [0.1]).value) and math.isnan(auc([0.1], []).value)
    assert auc([0.5], [0.1, 0.2]).value == 1.0 and math.isnan(auc([0.5], [0.1, 0.2]).low)


def test_auc_interval_covers_what_it_says() -> None:
    chance = random.Random(3)
    truth = 0.5 * (1 + math.erf(0.5))  # normals one standard deviation apart: Φ(1/√2)
    inside = 0
    for _ in range(300):
        found = auc([chance.gauss(1, 1) for _ in range(100)], [chance.gauss(0, 1) for _ in range(100)])
        inside += found.low <= truth <= found.high
    assert 0.91 <= inside / 300 <= 0.98
