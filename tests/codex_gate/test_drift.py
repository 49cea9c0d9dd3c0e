"""The detector on seeded streams with exact indices, and the comparison of a window with what was before it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import permutations
from random import Random
from statistics import fmean

import pytest

from codex_gate import drift
from codex_gate.drift import SYMBOLS, DriftDetector, DriftRecommendation, Stream, change_point, compare, compare_fit, compare_mix, kl, shares, smoothed
from codex_gate.errors import UsageError

# Shares that the specification's comments suggest: half of all is one category.
WEIGHTS = {
    "ASTTransform": 0.50, "OwnershipBorrow": 0.17, "StdlibMapping": 0.10, "SecurityVulnerabilities": 0.05, "MemorySafety": 0.05,
    "ComprehensionBugs": 0.05, "TypeErrors": 0.03, "ConcurrencyBugs": 0.03, "TraitBounds": 0.02,
}  # fmt: skip
SHIFTED = WEIGHTS | {"ASTTransform": 0.25, "SecurityVulnerabilities": 0.30}


def stream(weights: dict[str, float], n: int, rng: Random) -> list[str]:
    return rng.choices(list(weights), list(weights.values()), k=n)


def first_alert(detector: DriftDetector, predictions: Sequence[str]) -> int | None:
    return next((k for k, prediction in enumerate(predictions) if detector.detect_drift(prediction)), None)


@pytest.fixture(scope="module")
def calibrated() -> DriftDetector:
    return DriftDetector.calibrated(stream(WEIGHTS, 2000, Random(0)), Random(1), draws=200)


def fresh(detector: DriftDetector) -> DriftDetector:
    return DriftDetector(detector.baseline, 2000, detector.window_size, detector.threshold, detector.limits)


def test_the_defaults_are_those_of_the_specification() -> None:
    detector = DriftDetector(WEIGHTS)
    assert (detector.window_size, detector.threshold, detector.limits) == (1000, 0.5, {1000: 0.5})
    assert sum(detector.baseline.values()) == pytest.approx(1)


def test_divergence_worked_out_by_hand() -> None:
    # (1, 3) and (3, 1) with a half added to each: 1.5/5 and 3.5/5 against the reverse.
    assert kl([1, 3], [3, 1]) == pytest.approx(0.3 * math.log(3 / 7) + 0.7 * math.log(7 / 3))
    assert kl([4, 0], [0, 4]) < math.inf


def test_divergence_is_never_negative_and_0_for_equal_counts() -> None:
    rng = Random(3)
    for _ in range(200):
        one, other = ([rng.randrange(50) for _ in range(19)] for _ in range(2))
        assert kl(one, other) >= 0 and kl(one, one) == pytest.approx(0, abs=1e-12)


def test_the_running_divergence_is_that_of_the_window() -> None:
    rng = Random(4)
    history, predictions = stream(WEIGHTS, 500, rng), stream(SHIFTED, 700, rng)
    detector = DriftDetector({s: history.count(s) for s in SYMBOLS}, window_size=300, threshold=9)
    for k, prediction in enumerate(predictions):
        detector.detect_drift(prediction)
        if k % 97 == 0:
            window = predictions[max(0, k - 299) : k + 1]
            assert detector.divergence == pytest.approx(kl([history.count(s) for s in SYMBOLS], [window.count(s) for s in SYMBOLS]), abs=1e-9)


def test_silent_until_the_window_is_full() -> None:
    detector = DriftDetector(WEIGHTS)
    alone = ["LogicErrors"] * 1000  # as far from the baseline as can be, and the specification's detector would speak at the first
    assert first_alert(detector, alone) == 999


def test_the_fixed_threshold_at_exact_indices() -> None:
    rng = Random(5)
    predictions = stream(WEIGHTS, 1000, rng) + stream(SHIFTED, 1500, rng)
    assert first_alert(DriftDetector(WEIGHTS, threshold=0.1), predictions) == 1606
    assert first_alert(DriftDetector(WEIGHTS), predictions) is None  # half of ASTTransform became another, and .5 never sees it


def test_the_calibrated_detector_at_exact_indices(calibrated: DriftDetector) -> None:
    rng = Random(5)
    detector = fresh(calibrated)
    alerts = [(k, a) for k, p in enumerate(stream(WEIGHTS, 1500, rng) + stream(SHIFTED, 400, rng)) if (a := detector.detect_drift(p))]
    at, alert = alerts[0]
    assert at == 1560
    assert (alert.length, alert.recommendation) == (50, DriftRecommendation.RETRAIN)
    assert alert.kl_divergence > alert.threshold
    assert {"ASTTransform", "SecurityVulnerabilities"} <= {move.name for move in alert.moved[:2]}
    assert abs(alerts[-1][1].since - 1500) <= 10
    assert sum(alert.current.values()) == pytest.approx(1) and set(alert.current) == set(SYMBOLS) == set(alert.baseline)


def test_a_hundred_runs_without_drift_alarm_in_about_one_in_twenty(calibrated: DriftDetector) -> None:
    alarms = 0
    for seed in range(100):
        alarms += first_alert(fresh(calibrated), stream(WEIGHTS, 1999, Random(f"null/{seed}"))) is not None
    assert alarms <= 11  # 5 expected; more than 11 has a chance of .4 %


def test_half_of_a_category_becoming_another_is_seen_within_150(calibrated: DriftDetector) -> None:
    delays = []
    for seed in range(20):
        rng = Random(f"shift/{seed}")
        at = first_alert(fresh(calibrated), stream(WEIGHTS, 1000, rng) + stream(SHIFTED, 300, rng))
        delays.append(math.inf if at is None else at - 999)
    assert sum(delay <= 150 for delay in delays) >= 19


def test_calibration_is_the_same_for_the_same_seed() -> None:
    history = stream(WEIGHTS, 400, Random(0))
    one, other = (DriftDetector.calibrated(history, Random(2), 100, draws=20) for _ in range(2))
    assert one.limits == other.limits and list(one.limits) == [5, 10, 20, 40, 100]
    assert one.limits != DriftDetector.calibrated(history, Random(3), 100, draws=20).limits


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: DriftDetector(WEIGHTS, window_size=0), "window_size must be >= 1, got 0"),
        (lambda: DriftDetector(WEIGHTS, threshold=0), "the threshold of drift must be a KL divergence above 0, got 0"),
        (lambda: DriftDetector(WEIGHTS, threshold=math.nan), "must be a KL divergence above 0, got nan"),
        (lambda: DriftDetector({}), "the baseline is empty: there is nothing to compare with"),
        (lambda: DriftDetector({"ASTTransform": 0.0}), "the baseline is empty"),
        (lambda: DriftDetector({"ASTTransform": -1.0}), "the baseline holds a share that is negative or no number"),
        (lambda: DriftDetector({"Typo": 1.0}), "the baseline holds 'Typo', which are no categories here; it is of another taxonomy"),
        (lambda: DriftDetector(WEIGHTS).detect_drift("Typo"), "'Typo' is no category that this baseline knows; expected one of ASTTransform"),
    ],
)
def test_what_cannot_be_meant_is_one_sentence(make, words) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(UsageError) as found:
        make()
    assert words in str(found.value)


def test_a_category_never_seen_is_drift_and_no_error() -> None:
    detector = DriftDetector(WEIGHTS, window_size=50)
    assert first_alert(detector, ["LogicErrors"] * 50) == 49  # not in the baseline, but in the taxonomy


def test_change_point_finds_where_the_stream_turned() -> None:
    assert change_point([0] * 600 + [1] * 400, smoothed([900, 100])) == 600
    assert change_point([0, 1] * 200, smoothed([1, 1])) >= 0
    assert change_point([0] * 600 + [1] * 20, smoothed([600, 20])) == 600
    assert change_point([0] * 600 + [1] * 10, smoothed([600, 10])) == 590  # fewer than twenty are not looked at


# -- compare ---------------------------------------------------------------------------------------------


def bursts(rng: Random, n: int, words: Sequence[str] = ("a", "b", "c")) -> list[str]:
    """Symbols that come in runs, as commits do."""
    found: list[str] = []
    while len(found) < n:
        found += [rng.choice(words)] * rng.randrange(1, 6)
    return found[:n]


def test_bursts_without_drift_are_no_drift() -> None:
    calls = [compare([Stream("kind", bursts(Random(seed), 600))], 200, Random(0), 0.01, 99)[0].drifted for seed in range(60)]
    assert sum(calls) <= 3  # .6 expected


def test_every_stream_counts_towards_one_level() -> None:
    def drifted(seed: int) -> bool:
        rng = Random(seed)
        streams = [Stream(f"m{k}", [rng.gauss(0, 1) for _ in range(300)]) for k in range(8)]
        return any(s.drifted for s in compare(streams, 100, Random(0), 0.02, 99))

    assert sum(drifted(seed) for seed in range(40)) <= 4  # .8 expected; a level for each stream would give 6


def test_what_moved_and_since_when() -> None:
    rng = Random(1)
    old, new = ["python"] * 80 + ["rust"] * 20, ["python"] * 30 + ["rust"] * 30 + ["zig"] * 40
    for part in (old, new):
        rng.shuffle(part)
    kinds = old * 5 + new  # 500 before, then 100 others in a window of 200
    numbers = [rng.gauss(0, 1) for _ in kinds]
    found = {s.name: s for s in compare([Stream("kind", kinds), Stream("size", numbers)], 200, Random(0))}
    shift = found["kind"]
    assert shift.drifted and not found["size"].drifted
    assert (found["size"].since, found["size"].moved) == (None, ())
    assert (shift.since, shift.length) == (105, 60)  # the turn lies at 100
    assert [move.name for move in shift.moved[:2]] == ["python", "zig"]
    assert shift.moved[0].before == pytest.approx(0.8, abs=0.02) and shift.moved[0].now < 0.4


def test_a_kind_that_is_called_other_is_none_of_the_rarer_ones() -> None:
    rng = Random(3)
    old, new = ["python"] * 96 + ["other"] * 3 + ["zig"], ["other"] * 200
    rng.shuffle(old)
    shift = compare([Stream("kind", old * 4 + new)], 200, Random(0))[0]
    assert shift.drifted
    assert [(move.name, round(move.before, 2), round(move.now, 2)) for move in shift.moved] == [("other", 0.03, 1.0), ("python", 0.96, 0.0)]


def test_a_measure_that_grew_is_told_in_its_own_numbers() -> None:
    rng = Random(2)
    values = [rng.gauss(10, 2) for _ in range(400)] + [rng.gauss(16, 2) for _ in range(200)]
    shift = compare([Stream("la", values)], 200, Random(0))[0]
    assert shift.drifted and shift.moved[0].name.endswith(" or more") and shift.moved[0].now > 0.8


def test_a_measure_that_is_nearly_always_the_same_can_move_either_way() -> None:
    for values in ([0.0] * 580 + [1.0] * 20, [1.0] * 600):
        moved = [(1.0 if k % 3 else 0.5) if values[0] else float(k % 3 == 0) for k in range(300)]
        Random(0).shuffle(values)
        shift = compare([Stream("fix", [*values, *moved])], 300, Random(0))[0]
        assert shift.drifted and abs(shift.moved[0].now - shift.moved[0].before) > 0.2
    assert compare([Stream("nf", [1.0] * 600 + [30.0] * 300)], 300, Random(0))[0].moved[0].name in ("1", "over 1")


def test_bins_are_the_tenths_and_what_is_common_alone() -> None:
    assert drift._bins([1.0] * 10) == ([1.0, math.nextafter(1, 2)], ["below 1", "1", "over 1"])
    cuts, labels = drift._bins([0.0] * 50 + [float(k) for k in range(1, 51)])
    assert cuts == [0.0, math.nextafter(0, 1), 1.0, 11.0, 21.0, 31.0, 41.0]
    assert labels == ["below 0", "0", "over 0 to 1", "1 to 11", "11 to 21", "21 to 31", "31 to 41", "41 or more"]
    assert drift._bins([]) == ([], ["any"])


def test_unknown_values_are_a_bin_of_their_own() -> None:
    rng = Random(2)
    values = [rng.gauss(10, 2) for _ in range(400)]
    assert not compare([Stream("la", [*values, *values[:200]])], 200, Random(0))[0].drifted
    shift = compare([Stream("la", [*values, *([math.nan] * 200)])], 200, Random(0))[0]
    assert shift.drifted and shift.moved[0].name == drift.UNKNOWN
    assert not compare([Stream("la", [math.nan] * 600)], 200, Random(0))[0].drifted


def test_small_differences_are_no_drift_however_sure() -> None:
    values = (["a"] * 18 + ["b"] * 2) * 200 + (["a"] * 17 + ["b"] * 3) * 100
    shift = compare([Stream("kind", values)], 2000, Random(0))[0]
    assert 0.02 < shift.divergence < drift.LEAST <= shift.threshold and not shift.drifted


def test_a_comparison_is_the_same_for_the_same_seed() -> None:
    streams = [Stream("kind", bursts(Random(9), 600))]
    assert compare(streams, 200, Random(7)) == compare(streams, 200, Random(7))


def test_what_is_new_in_the_window_is_felt_both_ways_alone() -> None:
    rng = Random(3)
    old = rng.choices("abcd", k=600)
    values = [*old, *("new" if rng.random() < 0.1 else symbol for symbol in rng.choices("abcd", k=300))]
    both, one_way = compare([Stream("x", values), Stream("x", values, one_way=True)], 300, Random(0))
    assert both.drifted and both.divergence > 4 * one_way.divergence
    assert both.divergence / both.threshold > 2 * one_way.divergence / one_way.threshold


def mix(rng: Random, n: int, part: float, weights: Sequence[float]) -> list[str | None]:
    """Changes of which this part has one of three symbols."""
    return [rng.choices("abc", weights)[0] if rng.random() < part else None for _ in range(n)]


def mixed(values: Sequence[str | None], window: int = 200, **more: float) -> drift.Shift:
    return compare_mix("kind", values, "abc", window, Random(0), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("part", [0.0, 0.02, 0.5])
def test_the_same_mix_in_more_or_fewer_changes_is_no_drift(part: float) -> None:
    runs = [[*mix(rng, 400, 0.2, (6, 3, 1)), *mix(rng, 200, part, (6, 3, 1))] for rng in map(Random, range(8))]
    assert sum(mixed(values).drifted for values in runs) <= 1
    assert compare([Stream("all", [value or "none" for value in runs[0]])], 200, Random(0))[0].drifted  # of all changes, something moved


def test_without_drift_a_mix_alarms_as_often_as_stated() -> None:
    found = [mixed(mix(Random(seed), 600, 0.2, (6, 3, 1)), level=0.1, shuffles=99).drifted for seed in range(100)]
    assert 2 <= sum(found) <= 20  # 10 expected; 99.7 % of such runs lie here


def test_which_symbols_of_a_mix_moved_and_since_when() -> None:
    rng = Random(4)
    values = [*mix(rng, 500, 0.3, (8, 1, 0)), *mix(rng, 100, 0.3, (4, 1, 4))]  # half of "a" is "c" from the hundredth of the window on
    shift = mixed(values)
    assert shift.drifted and 95 <= (shift.since or 0) <= 120 and values[400 + (shift.since or 0)] is not None
    assert {move.name for move in shift.moved} == {"a", "c"}
    told = [value for value in values[-shift.length :] if value]
    assert {move.name: move.now for move in shift.moved}["c"] == told.count("c") / len(told)


def test_the_evidence_of_a_mix_is_the_mean_likelihood_of_half_of_one_symbol_having_become_another() -> None:
    values = ["a", None, "b", "a"] * 10 + [None] * 14 + ["a"] + ["c"] * 5
    before, now = smoothed([20, 10, 0]), (1, 0, 5)
    ratios = [
        math.prod(((1 - (k == one) / 2 + (k == other) * before[one] / before[k] / 2) ** now[k]) for k in range(3)) for one, other in permutations(range(3), 2)
    ]
    assert mixed(values, 20).divergence == pytest.approx(math.log(fmean(ratios)), abs=1e-12)
    assert mixed([*values[:40], *["a", "a", "b"] * 6, None, None], 20).divergence == 0  # as before: that speaks against any such shift
    assert not mixed([None] * 60, 20).drifted
    alone = compare_mix("kind", ["a", None] * 30, "a", 20, Random(0))
    assert (alone.drifted, alone.divergence, alone.ratio) == (False, 0, 0)  # one symbol cannot become another


def test_a_symbol_that_becomes_many_others_is_seen_by_the_psi_of_the_mix() -> None:
    rng, letters = Random(6), "abcdefgh"
    before = [rng.choice("aaaab") if rng.random() < 0.3 else None for _ in range(400)]
    after = [(rng.choice("cdefgh") if rng.random() < 0.5 else rng.choice("aaaab")) if rng.random() < 0.3 else None for _ in range(200)]
    shift = compare_mix("kind", [*before, *after], letters, 200, Random(0))
    assert shift.drifted and len({move.name for move in shift.moved} & set("cdefgh")) >= 2


def test_what_drifted_only_in_its_newest_part_is_above_its_threshold_there() -> None:
    rng = Random(3)
    values = [*mix(rng, 560, 0.3, (6, 3, 1)), *mix(rng, 40, 0.9, (1, 3, 6))]
    shift = mixed(values)
    assert shift.drifted and shift.length < 200 and shift.ratio > 1
    calm = mixed(mix(Random(5), 600, 0.3, (6, 3, 1)))
    assert not calm.drifted and 0 <= calm.ratio <= 1


def test_shares_keep_every_symbol() -> None:
    assert shares({"a": 3, "b": 1}, ("a", "b", "c")) == {"a": 0.75, "b": 0.25, "c": 0.0}


# -- calibration -------------------------------------------------------------------------------------------


def outcomes(rng: Random, n: int, factor: float) -> list[tuple[float, bool]]:
    return [(risk, rng.random() < risk * factor) for risk in (rng.uniform(0.05, 0.5) for _ in range(n))]


def test_risks_that_fit_as_before_are_no_drift() -> None:
    rng = Random(0)
    found = compare_fit(outcomes(rng, 1000, 0.8), outcomes(rng, 500, 0.8), Random(0))
    assert found is not None and not found.drifted
    assert found.ratio_before == pytest.approx(0.8, abs=0.1) and (found.n_before, found.n_now) == (1000, 500)


@pytest.mark.parametrize("factor", [0.35, 1.6])
def test_fixes_that_come_less_or_more_often_than_predicted_are_drift(factor: float) -> None:
    rng = Random(0)
    found = compare_fit(outcomes(rng, 2000, 0.8), outcomes(rng, 2000, factor), Random(0))
    assert found is not None and found.drifted
    assert found.quotient == pytest.approx(factor / 0.8, rel=0.2)


def test_with_few_fixes_nothing_is_said() -> None:
    rng = Random(0)
    assert compare_fit(outcomes(rng, 1000, 0.8), [(0.1, False)] * 500, Random(0)) is None


def test_too_little_before_to_reshuffle_says_nothing_and_divides_by_nothing() -> None:
    rng = Random(0)
    assert compare_fit([(0.5, True)] * 25, outcomes(rng, 1000, 0.8), Random(0)) is None
    found = compare_fit(outcomes(rng, 519, 0.8), outcomes(rng, 1019, 0.8), Random(0))
    assert found is not None and (found.n_before, found.n_now) == (500, 1000)  # whole blocks of 50 alone are counted


@pytest.mark.parametrize("seed", range(5))
def test_divergences_of_a_window_are_those_of_its_counts(seed: int) -> None:
    """However the blocks are added up: KL is that of the definition, PSI is KL both ways."""
    rng = Random(seed)
    values = [rng.choice("aaabbc") for _ in range(440)]
    before, now = ([values[:240].count(s) for s in "abc"], [values[240:].count(s) for s in "abc"])
    both, one_way = compare([Stream("x", values, tuple("abc")), Stream("y", values, tuple("abc"), one_way=True)], 200, Random(0), shuffles=19)
    assert one_way.divergence == pytest.approx(kl(before, now), abs=1e-12)
    assert both.divergence == pytest.approx(kl(before, now) + kl(now, before), abs=1e-12)
