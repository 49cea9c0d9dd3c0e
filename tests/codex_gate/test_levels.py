import math
import random

import pytest

from codex_gate.levels import MIN_CHANGES, SHARES, above, level, percentile, thresholds
from codex_gate.types import Level, Thresholds


def reached(recent: list[float], at: Level, base_rate: float = 0.0) -> int:
    limits = thresholds(sorted(recent), base_rate)
    return sum(level(risk, limits).rank >= at.rank for risk in recent)


def test_a_hundred_different_risks_give_the_thresholds_worked_out_by_hand() -> None:
    # 1..100 hundredths: 30 lie above 0.70, 10 above 0.90, 2 above 0.98
    limits = thresholds([k / 100 for k in range(1, 101)], 0.0)
    assert limits == Thresholds(100, 0.0, {Level.MODERATE: 0.70, Level.HIGH: 0.90, Level.CRITICAL: 0.98})


@pytest.mark.parametrize(
    ("risk", "expected"),
    [(0.0, Level.LOW), (0.70, Level.LOW), (0.701, Level.MODERATE), (0.90, Level.MODERATE), (0.901, Level.HIGH), (0.98, Level.HIGH), (0.981, Level.CRITICAL)],
)
def test_a_level_begins_above_its_threshold_not_at_it(risk: float, expected: Level) -> None:
    assert level(risk, thresholds([k / 100 for k in range(1, 101)], 0.0)) is expected


@pytest.mark.parametrize("seed", range(30))
def test_no_more_changes_reach_a_level_than_its_share_even_with_ties(seed: int) -> None:
    rng = random.Random(seed)
    n = rng.randrange(MIN_CHANGES, 400)
    recent = [rng.choice([0.1, 0.2, 0.5, 0.9, rng.random()]) for _ in range(n)]
    for name, share in SHARES.items():
        assert reached(recent, name) <= share * n


def test_different_risks_use_the_whole_share() -> None:
    recent = [k / 200 for k in range(200)]
    assert [reached(recent, name) for name in (Level.MODERATE, Level.HIGH, Level.CRITICAL)] == [60, 20, 4]


def test_equal_risks_reach_no_level() -> None:
    assert reached([0.8] * 300, Level.MODERATE) == 0


def test_no_level_begins_below_the_base_rate() -> None:
    limits = thresholds([k / 1000 for k in range(100)], 0.3)  # a calm repository: all below 0.1
    assert set(limits.at.values()) == {0.3}
    assert level(0.3, limits) is Level.LOW
    assert level(0.31, limits) is Level.CRITICAL


def test_fewer_than_fifty_changes_give_no_level_and_no_percentile() -> None:
    few = [k / 100 for k in range(MIN_CHANGES - 1)]
    limits = thresholds(few, 0.3)
    assert limits == Thresholds(49, 0.3, {})
    assert level(0.99, limits) is Level.UNKNOWN
    assert percentile(0.99, few) is None and above(0.99, few) is None


def test_fifty_changes_are_enough() -> None:
    enough = [k / 100 for k in range(MIN_CHANGES)]
    limits = thresholds(enough, 0.0)
    assert limits.at == {Level.MODERATE: 0.34, Level.HIGH: 0.44, Level.CRITICAL: 0.48}
    assert level(0.49, limits) is Level.CRITICAL
    assert percentile(0.49, enough) == 99.0  # 49 below, itself counted half


def test_unknown_risk_has_no_level() -> None:
    assert level(None, thresholds([k / 100 for k in range(100)], 0.0)) is Level.UNKNOWN


@pytest.mark.parametrize(
    ("risk", "expected", "lower"),
    [
        (-1.0, 0.0, 0.0),
        (0.1, 20.0, 0.0),  # 20 of 50 are equal, none is lower: half of 40 %
        (0.15, 40.0, 40.0),
        (0.2, 65.0, 40.0),  # 40 % are lower, 50 % equal
        (0.3, 95.0, 90.0),  # 90 % are lower, 10 % equal
        (1.0, 100.0, 100.0),
    ],
)
def test_percentile_counts_ties_half_and_above_not_at_all(risk: float, expected: float, lower: float) -> None:
    recent = [0.1] * 20 + [0.2] * 25 + [0.3] * 5
    found = percentile(risk, recent)
    assert found is not None
    assert math.isclose(found, expected)
    assert above(risk, recent) == lower


def test_percentile_never_falls_with_the_risk() -> None:
    rng = random.Random(5)
    recent = sorted(round(rng.random(), 2) for _ in range(120))
    found = [percentile(k / 50, recent) or 0.0 for k in range(-5, 60)]
    assert found == sorted(found)
    assert found[0] == 0.0
    assert found[-1] == 100.0
