"""Figures by period, worked out by hand on made-up changes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from random import Random

import pytest

from codex_gate.backtest import DAY, Change, Repair, Replayed
from codex_gate.intervals import wilson
from codex_gate.periods import MIN_FIXES, MIN_JUDGED, Trend, summarise
from codex_gate.types import Level
from codex_gate.watch import MIN_WINDOW, Observation

JANUARY = int(datetime(2024, 1, 1, 12, tzinfo=UTC).timestamp())


def change(k: int, day: float, risk: float = 0.2, repaired_after: float | None = None) -> Change:
    when = JANUARY + int(day * DAY)
    repair = None if repaired_after is None else Repair("f" * 40, "e" * 40, when + int(repaired_after * DAY))
    return Change(f"{k:040x}", f"change {k}", when, risk, Level.LOW, 1.0, repair=repair)


def observations(changes: Sequence[Change], category: str = "LogicErrors") -> list[Observation]:
    return [Observation(c.sha, c.time, category) for c in changes]


def replayed(changes: Sequence[Change]) -> Replayed:
    return Replayed("/somewhere/repo", "test-1", tuple(changes), "labels are made up", 0, (), 1.0)


def by_month() -> Trend:
    """20 changes in January, 3 in February, none in March, 20 in April, 40 in May, all but the last 40 old enough."""
    days = [*range(20), 32, 33, 34, *(91 + k for k in range(20)), *(121 + k / 2 for k in range(40))]
    repaired = {0: 2.0, 1: 100.0, 24: 100.0, 25: 30.0}  # the median is 65 days
    changes = [change(k, day, risk=(k % 20 + 1) / 20, repaired_after=repaired.get(k)) for k, day in enumerate(days)]
    fixes = {c.sha for c in changes[:5]} | {changes[23].sha}
    return summarise(replayed(changes), observations(changes), fixes)


def test_every_month_from_the_first_to_the_last_is_there() -> None:
    found = by_month()
    assert found.by == "month" and [p.name for p in found.periods] == ["2024-01", "2024-02", "2024-03", "2024-04", "2024-05"]
    assert [p.n for p in found.periods] == [20, 3, 0, 20, 40]


def test_mean_and_percentile_of_the_risks() -> None:
    january = by_month().periods[0]
    assert january.mean_risk == pytest.approx(sum(range(1, 21)) / 400)
    assert january.high_risk == 0.9  # 18 of 20 are not above it


def test_fixes_are_counted_with_their_categories() -> None:
    january, _, _, april, _ = by_month().periods
    assert january.n_fixes == 5 == MIN_FIXES and january.fixes == wilson(5, 20) and january.categories == {"LogicErrors": 5}
    assert april.n_fixes == 1 and april.fixes == wilson(1, 20) and april.categories is None
    assert by_month().n_fixes == 6 and by_month().categories == ["LogicErrors"]


def test_calibration_judges_what_is_old_enough_and_gives_each_the_same_time_too() -> None:
    found = by_month()
    assert found.replayed.ripening == 65 * DAY
    january, _, _, april, may = found.periods
    assert (january.judged, january.observed, january.soon) == (20, wilson(2, 20), wilson(1, 20))  # one of two came after the median
    assert january.predicted == pytest.approx(january.mean_risk) and january.fits is False
    assert april.judged == 0 and math.isnan(april.predicted) and april.fits is None
    assert may.judged == 0 and may.mean_risk > 0


def test_a_period_that_holds_too_little_says_nothing_and_never_0() -> None:
    for period in by_month().periods[1:3]:
        assert period.is_small and period.categories is None and period.drift is None and period.fits is None
        for value in (period.mean_risk, period.high_risk, period.fixes.value, period.predicted, period.observed.value, period.soon.value):
            assert math.isnan(value)


def test_without_a_fix_nobody_is_judged() -> None:
    changes = [change(k, k) for k in range(60)]
    found = summarise(replayed(changes), observations(changes), set())
    assert [p.judged for p in found.periods] == [0, 0] and found.n_fixes == 0 and found.categories == []
    assert all(math.isnan(p.observed.value) and p.fits is None for p in found.periods)
    assert found.periods[0].fixes == wilson(0, 31)  # no fix among 31 is a figure


@pytest.mark.parametrize(("by", "names"), [("month", 16), ("quarter", 6), ("year", 2)])
def test_the_period_is_what_was_asked_for(by: str, names: int) -> None:
    changes = [change(k, 10 * k) for k in range(48)]  # 2024-01-01 to 2025-04-15
    found = summarise(replayed(changes), observations(changes), set(), by)
    assert found.by == by and len(found.periods) == names and sum(p.n for p in found.periods) == 48


@pytest.mark.parametrize(
    ("apart", "n", "by"),
    [
        (2.0, 200, "month"),  # 14 months of 15
        (8.0, 100, "quarter"),  # 27 months of 4
        (40.0, 50, "year"),  # 66 months of less than one, quarters of two
        (8.0, 2, "month"),  # one month: nothing would be gained
        (20.0, 120, "year"),  # 79 months, so quarters by age, of 4
        (5.0, 500, "quarter"),  # 83 months, so quarters by age, of 18
    ],
)
def test_age_and_number_choose_the_period(apart: float, n: int, by: str) -> None:
    changes = [change(k, apart * k) for k in range(n)]
    assert summarise(replayed(changes), observations(changes), set()).by == by


def test_dates_out_of_order_go_to_their_own_period() -> None:
    changes = [change(0, 40), change(1, 0), change(2, 41)]
    assert [p.n for p in summarise(replayed(changes), observations(changes), set(), "month").periods] == [1, 2]


# -- drift -------------------------------------------------------------------------------------------------


def drifting(sizes: Sequence[int], turned: int, older: int = 0) -> Trend:
    """So many changes a month; from the month `turned` on the categories are others."""
    rng = Random(1)
    changes: list[Change] = []
    seen: list[Observation] = []
    for month, n in enumerate(sizes):
        for k in range(n):
            changes.append(change(len(changes), 31 * month + 20 * k / max(1, n)))
            names = ("ApiMisuse", "ResourceLeaks") if month >= turned else ("LogicErrors", "TypeErrors")
            seen.append(Observation(changes[-1].sha, changes[-1].time, rng.choice(names)))
    return summarise(replayed(changes), seen, set(), "month", older)


def test_each_period_is_compared_with_the_one_before() -> None:
    found = drifting([120, 140, 120, 120], turned=2)
    first, second, third, fourth = (p.drift for p in found.periods)
    assert first is None and second is not None and third is not None and fourth is not None
    assert not second.drift and third.drift and not fourth.drift
    assert (third.n_window, third.n_baseline) == (120, 138)  # whole blocks of six
    assert [p.name for p in found.drifted] == ["2024-03"] and len(found.compared) == 3
    assert {s.name for s in third.moved} == {"category", "kind of defect"}


def test_small_periods_are_joined_by_those_before_until_there_are_enough() -> None:
    found = drifting([50, 50, 50, 50, 50], turned=3)
    assert [p.drift is not None for p in found.periods] == [False, False, False, True, True]
    late = found.periods[3].drift
    assert late is not None and (late.n_window, late.n_baseline) == (MIN_WINDOW, MIN_WINDOW) and late.drift


def test_a_period_that_is_less_than_the_newest_fifth_of_its_side_is_not_compared() -> None:
    found = drifting([200, 200, 15, 200], turned=9)
    assert [p.drift is not None for p in found.periods] == [False, True, False, True]


def test_a_history_too_short_to_compare_has_no_drift() -> None:
    assert drifting([90, 90], turned=9).compared == []
    assert drifting([100, 300], turned=9).compared == []  # before less than half of now


def test_judged_periods_need_enough_of_them() -> None:
    changes = [change(k, k, repaired_after=1.0 if k == 0 else None) for k in range(MIN_JUDGED)]
    found = summarise(replayed(changes), observations(changes), set()).periods[0]
    assert found.judged == MIN_JUDGED - 1 and math.isnan(found.predicted)  # the newest is younger than a day
    more = [*changes, change(MIN_JUDGED, MIN_JUDGED)]
    assert summarise(replayed(more), observations(more), set()).periods[0].observed == wilson(1, MIN_JUDGED)
