"""The matrix and the score as values, worked out by hand."""

from __future__ import annotations

import math
from collections import defaultdict
from itertools import pairwise

import pytest

from codex_gate.arguments import parser
from codex_gate.priority import (
    DAY,
    HALF_LIFE,
    WEIGHTS,
    FileFacts,
    Frequency,
    HotFile,
    PastFix,
    Row,
    frequency,
    matrix,
    priority,
    scored,
    weight,
)
from codex_gate.taxonomy import HARMS, DefectCategory, Severity

NOW = 1_704_067_200
NAN = math.nan
BANDS = (Frequency.RARE, Frequency.OCCASIONAL, Frequency.FREQUENT)
D = DefectCategory


def fixes(**n: int) -> list[PastFix]:
    """So many fixes of today of each category."""
    return [PastFix(NOW, DefectCategory(name)) for name, many in n.items() for _ in range(many)]


def rows_of(past: list[PastFix], *languages: str, half_life: float = HALF_LIFE) -> dict[DefectCategory, Row]:
    return {row.category: row for row in matrix(past, languages or ("python",), NOW, half_life)[0]}


# -- the matrix ----------------------------------------------------------------------------------------


def test_the_matrix_is_the_severity_a_step_up_or_down() -> None:
    assert [[priority(severity, band).value for band in BANDS] for severity in Severity] == [
        ["low", "low", "moderate"],
        ["low", "moderate", "high"],
        ["moderate", "high", "critical"],
        ["high", "critical", "critical"],
    ]
    assert [priority(severity, Frequency.UNKNOWN) for severity in Severity] == list(Severity)


def test_no_worse_and_more_frequent_category_ranks_below_another() -> None:
    for below, above in pairwise(Severity):
        assert all(priority(below, band).rank <= priority(above, band).rank for band in BANDS)
    for severity in Severity:
        assert all(priority(severity, rare).rank <= priority(severity, often).rank for rare, often in pairwise(BANDS))


@pytest.mark.parametrize(
    ("share", "told", "name"),
    [(0.0, 20, "rare"), (0.0299, 20, "rare"), (0.03, 20, "occasional"), (0.0999, 500, "occasional"), (0.1, 20, "frequent"), (0.5, 19.9, "unknown")],
)
def test_where_the_bands_begin(share: float, told: float, name: str) -> None:
    assert frequency(share, told) == name


def test_shares_are_of_the_fixes_that_tell_a_category() -> None:
    found = rows_of([*fixes(LogicErrors=20, SecurityVulnerabilities=4, ResourceLeaks=1), *[PastFix(NOW, None)] * 100])
    assert [found[c].share.value for c in (D.LogicErrors, D.SecurityVulnerabilities, D.ResourceLeaks)] == pytest.approx([0.8, 0.16, 0.04])
    assert [found[c].frequency.value for c in (D.LogicErrors, D.SecurityVulnerabilities, D.ResourceLeaks, D.ApiMisuse)] == [
        "frequent",
        "frequent",
        "occasional",
        "rare",
    ]
    assert [found[c].priority.value for c in (D.LogicErrors, D.SecurityVulnerabilities, D.ResourceLeaks, D.ApiMisuse)] == ["high", "critical", "high", "low"]
    assert found[D.LogicErrors].share == pytest.approx((0.8, 0.6087, 0.9114), abs=1e-4)  # Wilson, 20 of 25
    assert next(iter(found)) is D.SecurityVulnerabilities  # the most pressing first


def test_a_fix_counts_half_after_the_half_life() -> None:
    assert [weight(NOW - days * DAY, NOW, 100) for days in (0, 100, 200)] == pytest.approx([1, 0.5, 0.25])
    assert weight(NOW + 5 * DAY, NOW, 100) == 1.0  # a clock that runs ahead
    old = [PastFix(NOW - 100 * DAY, D.LogicErrors)] * 40
    found = rows_of([*fixes(ApiMisuse=20), *old], half_life=100)
    assert found[D.LogicErrors].share.value == found[D.ApiMisuse].share.value == pytest.approx(0.5)
    assert (found[D.LogicErrors].n, found[D.ApiMisuse].n) == (40, 20)


def test_few_or_old_fixes_give_no_frequency_and_the_severity_stands() -> None:
    few = rows_of(fixes(LogicErrors=19))
    assert {row.frequency for row in few.values()} == {Frequency.UNKNOWN}
    assert all(row.priority is row.severity is HARMS[row.category].severity for row in few.values())
    uneven = rows_of([*fixes(LogicErrors=10), *[PastFix(NOW - 3000 * DAY, D.ApiMisuse)] * 90], half_life=300)  # 100 fixes that tell as much as 12
    assert {row.frequency for row in uneven.values()} == {Frequency.UNKNOWN}
    assert rows_of(fixes(LogicErrors=20))[D.LogicErrors].frequency is Frequency.FREQUENT


def test_without_any_fix_nothing_is_said_of_shares() -> None:
    rows, absent = matrix([], ["rust"], NOW)
    assert all(row.n == 0 and math.isnan(row.share.value) and (row.share.low, row.share.high) == (0, 1) for row in rows)
    assert len(rows) + len(absent) == len(DefectCategory)
    assert [row.priority.rank for row in rows] == sorted((row.priority.rank for row in rows), reverse=True)


def test_categories_that_cannot_occur_are_left_out_unless_they_were_seen() -> None:
    _, absent = matrix([], ["python"], NOW)
    assert absent == (D.OwnershipBorrow, D.MemorySafety, D.TraitBounds)
    rows, absent = matrix(fixes(MemorySafety=1), ["python"], NOW)  # the C is gone
    assert absent == (D.OwnershipBorrow, D.TraitBounds) and D.MemorySafety in {row.category for row in rows}


# -- the files -----------------------------------------------------------------------------------------


def facts(path: str, complexity: float, *touches: tuple[int, float, bool]) -> FileFacts:
    """Touches as (author, age in days, whether a fix)."""
    return FileFacts(path, complexity, tuple((author, int(NOW - age * DAY), fix) for author, age, fix in touches))


def by_path(*files: FileFacts) -> dict[str, HotFile]:
    return {file.path: file for file in scored(files, NOW, 100)}


def test_a_score_worked_out_by_hand() -> None:
    found = by_path(
        facts("a", 30, (1, 0, True), (2, 0, False)),  # churn 2, fixes 1, ownership 1/2
        facts("b", 20, (1, 0, False), (1, 100, False), (2, 100, True)),  # churn 2, fixes 1/2, ownership 1/4
        facts("c", 10, (1, 0, False)),  # churn 1, no fix, one author
    )
    assert found["a"].parts == {"complexity": 1.0, "churn": 0.5, "fixes": 1.0, "ownership": 1.0}  # churn: c alone has less
    assert found["b"].parts == {"complexity": 0.5, "churn": 0.5, "fixes": 0.5, "ownership": 0.5}
    assert found["c"].parts == dict.fromkeys(WEIGHTS, 0.0)
    assert [file.score for file in found.values()] == [87.5, 50.0, 0.0]
    assert (found["b"].commits, found["b"].fixes, found["b"].authors, found["b"].owner) == (3, 1, 2, 0.75)


def test_unknown_complexity_is_left_out_and_no_zero() -> None:
    known = facts("k", 5, (1, 0, True)), facts("l", 1, (1, 50, False))
    found = by_path(*known, facts("u", NAN, (1, 0, True), (2, 0, True)))
    assert math.isnan(found["u"].parts["complexity"])
    assert found["u"].score == pytest.approx(100.0)  # first in the three parts that are known
    assert found["k"].parts["complexity"] == 1.0  # compared with the one other file that is known


def test_an_untouched_file_has_no_owner_and_no_churn() -> None:
    found = by_path(facts("a", 1, (1, 0, False)), facts("b", 9), facts("c", 5, (1, 0, True)))
    assert (found["b"].parts["churn"], found["b"].parts["fixes"], found["b"].parts["complexity"]) == (0.0, 0.0, 1.0)
    assert math.isnan(found["b"].parts["ownership"]) and math.isnan(found["b"].owner)
    assert found["b"].score == pytest.approx(100 / 3)


def test_a_file_alone_is_compared_with_nothing() -> None:
    assert scored([facts("a", 5, (1, 0, True))], NOW) == ()
    assert scored([], NOW) == ()


def test_scores_stay_in_their_range_and_order() -> None:
    files = [facts(f"f{k}", NAN if k % 3 == 0 else k, *((who, k * who, who % 2 == 0) for who in range(k % 5))) for k in range(40)]
    found = scored(files, NOW, 100)
    assert len(found) == 40 and all(0 <= file.score <= 100 for file in found)
    assert [file.score for file in found] == sorted((file.score for file in found), reverse=True)
    assert [(file.path, file.score) for file in found] == [(file.path, file.score) for file in scored(files[::-1], NOW, 100)]


def test_the_weights_are_the_documented_ones_and_so_is_the_default() -> None:
    assert math.fsum(WEIGHTS.values()) == 1.0
    options = parser(defaultdict(lambda: lambda _: 0)).parse_args(["priority"])
    assert options.half_life == HALF_LIFE
