"""Figures of a backtest, worked out by hand on twenty changes."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from codex_gate.backtest import DAY, Backtest, Change, Repair
from codex_gate.intervals import wilson
from codex_gate.types import Level

WEEK = 7 * DAY


def twenty() -> tuple[Change, ...]:
    """A change a week of risk 0, .05 … .95. Repaired: 19 (the last) after a week, 16 after two, 3 after three; 18 is too large to blame."""
    levels = [*[Level.UNKNOWN] * 10, *[Level.LOW] * 5, Level.MODERATE, Level.MODERATE, Level.HIGH, Level.LOW, Level.HIGH]
    order = [19, 0, 16, 1, 3, 2, 18, *[k for k in range(20) if k not in (0, 1, 2, 3, 16, 18, 19)]]  # place in time of each risk
    repaired = {19: 1, 16: 2, 3: 3}
    found = []
    for place, k in enumerate(order):
        when = 1_000_000_000 + place * WEEK
        repair = Repair("f" * 40, "e" * 40, when + repaired[k] * WEEK) if k in repaired else None
        found.append(Change(f"{k:040x}", f"change {k}", when, k / 20, levels[k], float(100 - k), is_code=k % 2 == 1 or k == 16, large=k == 18, repair=repair))
    return tuple(found)


def backtest(changes: tuple[Change, ...] | None = None, budget: float = 0.1) -> Backtest:
    return Backtest("/somewhere/repo", "test-1", changes or twenty(), "labels are made up", 0, (), 1.0, budget)


def test_ripening_is_the_median_delay_and_decides_who_is_judged() -> None:
    found = backtest()
    assert found.ripening == 2 * WEEK
    # The last two of twenty weeks are too young; one more is too large.
    assert len(found.judged) == 17 and f"{18:040x}" not in found.judged
    assert found.n_fixed == 3 and found.n_untold == 1
    assert found.weeks == 19


def test_flags_of_a_rule() -> None:
    flags = backtest().above(0.59)  # 12 … 19, of which 18 is too large to judge, 15 and 17 too young
    assert (flags.n, flags.share, flags.per_week) == (8, 0.4, pytest.approx(8 / 19))
    assert (flags.judged, flags.fixed) == (5, 2)
    assert flags.precision == wilson(2, 5) and flags.recall == pytest.approx(2 / 3)


def test_nothing_flagged_has_no_precision() -> None:
    flags = backtest().above(1.0)
    assert (flags.n, flags.judged, flags.recall) == (0, 0, 0.0) and math.isnan(flags.precision.value)


@pytest.mark.parametrize(("budget", "threshold", "n"), [(0.05, 0.9, 1), (0.1, 0.85, 2), (0.149, 0.85, 2), (0.5, 0.45, 10), (0.99, 0.0, 19), (0.01, 0.95, 0)])
def test_the_budget_is_kept_and_used(budget: float, threshold: float, n: int) -> None:
    proposal = backtest(budget=budget).proposal()
    assert (proposal.threshold, proposal.flags.n) == (pytest.approx(threshold), n)
    assert proposal.flags.share <= budget


def test_ties_never_break_the_budget() -> None:
    tied = tuple(replace(c, risk=0.5) for c in twenty())
    assert backtest(tied).proposal().flags.n == 0


def test_the_plain_rule_gets_as_many_flags() -> None:
    proposal = backtest(budget=0.2).proposal()
    assert proposal.flags.n == proposal.largest_first.n == 4
    assert (proposal.largest_first.judged, proposal.largest_first.fixed) == (4, 1)  # 0, 1, 2 and 3 add most lines
    assert (proposal.flags.judged, proposal.flags.fixed) == (2, 2)  # 19 and 16; 18 and 17 are not judged


def test_the_older_halfs_threshold_meets_the_newer_half() -> None:
    # Older: 19 0 16 1 3 2 18 4 5 6, a tenth of ten is one: threshold .9; newer: 7 … 15 and 17, none above.
    assert backtest().proposal().newer_half == 0.0
    # Two of ten: threshold .8; of the newer half 17 lies above.
    assert backtest(budget=0.2).proposal().newer_half == 0.1


def test_levels_hold_those_above_them() -> None:
    found = backtest().by_level()
    assert [(level, flags.n) for level, flags in found] == [(Level.HIGH, 2), (Level.MODERATE, 4)]  # none was critical
    assert found[1][1].fixed == 2


def test_thresholds_fall_and_hold_the_budgets() -> None:
    rows = backtest(budget=0.25).by_threshold()
    limits = [limit for limit, _ in rows]
    assert limits == sorted(limits, reverse=True) and backtest(budget=0.25).threshold(0.25) in limits
    assert [flags.n for _, flags in rows] == [0, 1, 2, 4, 5, 6, 10]


def test_calibration_of_the_judged() -> None:
    found = backtest()
    fifths = found.calibration()
    assert sum(b.n for b in fifths) == 17 and len(fifths) == 5
    predicted, observed = found.fit()
    assert observed == pytest.approx(3 / 17)
    assert sum(b.n * b.mean_risk for b in fifths) / 17 == pytest.approx(predicted)
    assert sum(b.n * b.observed.value for b in fifths) == pytest.approx(3)
    # Judged are all but 18 and the last two in time, 15 and 17: (190 − 50) / 20 / 17.
    assert predicted == pytest.approx(140 / 20 / 17)


def test_auc_by_hand() -> None:
    # 19 and 16 lie above all fourteen others, 3 above 0, 1 and 2.
    assert backtest().auc().value == pytest.approx((14 + 14 + 3) / (3 * 14))
    # Program text alone: 1 5 7 9 11 13 and no fix, 3 16 19 fixed.
    assert backtest().auc(code_only=True).value == pytest.approx((6 + 6 + 1) / (3 * 6))


def test_over_time_adds_up() -> None:
    periods = backtest().over_time()
    assert [p.name for p in periods] == ["2001-09", "2001-10", "2001-11", "2001-12", "2002-01"]
    assert sum(p.n for p in periods) == 20 and sum(p.flagged for p in periods) == 2 and sum(p.judged for p in periods) == 17
    assert sum(p.n * p.mean_risk for p in periods) == pytest.approx(9.5)


def test_the_loudest_come_first() -> None:
    assert [c.title for c in backtest().loudest(3)] == ["change 19", "change 18", "change 17"]


def test_without_a_fix_nothing_is_judged_and_it_says_so() -> None:
    found = backtest(tuple(replace(c, repair=None) for c in twenty()))
    assert found.judged == frozenset() and found.n_fixed == 0 and math.isnan(found.ripening)
    assert "no later commit repairs" in found.missing()
    assert found.proposal().flags.n == 2 and math.isnan(found.proposal().flags.precision.value)
    assert found.calibration() == [] and math.isnan(found.auc().value) and math.isnan(found.fit()[0])
    assert backtest().missing() == ""


def test_all_at_once_is_a_week_and_not_a_flood() -> None:
    found = backtest(tuple(replace(c, time=1_000_000_000, repair=None) for c in twenty()))
    assert found.weeks == 1.0
    burst = backtest(tuple(replace(c, time=1_000_000_000 + k * 3600, repair=None) for k, c in enumerate(twenty())))
    assert burst.weeks == 1.0 and burst.above(0.59).per_week == 8


def test_a_fix_dated_before_its_change_took_no_time() -> None:
    first, *rest = twenty()
    found = backtest((replace(first, repair=Repair("f" * 40, "e" * 40, 5)), *(replace(c, repair=None) for c in rest)))
    assert found.ripening == 0.0 and len(found.judged) == 19
