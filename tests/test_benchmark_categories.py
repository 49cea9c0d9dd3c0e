"""The figures of docs/categories.md: worked out by hand, and the document that they stand in."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest

from automl_codex.commits import Reading
from benchmarks import categories
from codex_gate.taxonomy import KINDS, NONE

LEAK, LOGIC, NOTHING = KINDS.index("ResourceLeaks"), KINDS.index("LogicErrors"), KINDS.index(NONE)


def reading(number: int, kind: str, drawing: str = "2") -> Reading:
    return Reading(f"acme/r{number % 3}", f"{number:040x}", "natural", drawing, kind, "", "h", "why")


def test_figures_by_hand() -> None:
    kinds = np.array([LEAK, LEAK, LOGIC, NOTHING, NOTHING])
    found = categories.answered([["ResourceLeaks"], ["LogicErrors", "ResourceLeaks"], [], ["LogicErrors"], []])
    told = categories.figures(kinds, found, np.ones(5))
    assert told["accuracy"] == pytest.approx(1 / 3) and told["top 2"] == pytest.approx(2 / 3)
    assert told["macro-F1"] == pytest.approx((2 * 1 / 3 + 0) / 2)  # a leak: one of two found, one said; a wrong sum: none found
    assert told["a category where there is none"] == 0.5 and told["right of what is said"] == pytest.approx(1 / 3)
    twice = categories.figures(kinds, found, np.array([2.0, 1, 1, 1, 1]))
    assert twice["accuracy"] == 0.5


def test_a_gain_is_the_difference_in_the_same_draws() -> None:
    kinds = np.array([LEAK, LEAK, LOGIC, NOTHING])
    one, other = categories.answered([["ResourceLeaks"], ["ResourceLeaks"], [], []]), categories.answered([["ResourceLeaks"], [], [], ["LogicErrors"]])
    found = categories.gains(kinds, one, other, ["a", "a", "a", "a"])
    assert found["accuracy"].value == pytest.approx(1 / 3) == found["accuracy"].low == found["accuracy"].high
    assert found["a category where there is none"].value == -1
    assert all(abs(told.value) < 1e-9 for told in categories.gains(kinds, one, one, ["a", "b", "a", "b"]).values())


def test_nothing_said_is_no_category() -> None:
    found = categories.answered([[NONE], [NONE, "ApiMisuse"], []])
    assert found.first.tolist() == [-1, KINDS.index("ApiMisuse"), -1] and found.second.tolist() == [-1, -1, -1]


def test_the_document_holds_a_table_of_all_kinds() -> None:
    told = [reading(0, "ResourceLeaks"), reading(1, "LogicErrors"), reading(2, NONE), reading(4, "ApiMisuse", "1"), reading(3, NONE), reading(5, NONE, "1")]
    said = {
        "rules alone": [["ResourceLeaks"], [], ["ApiMisuse"], ["LogicErrors"], [], []],
        "tier 1": [["ResourceLeaks"], ["LogicErrors"], [], ["LogicErrors"], [], []],
    }
    rounds, answers = categories.by_round(told, said)
    text = categories.document(rounds, answers, {"tier 1": 0.5}, date(2026, 1, 2))
    assert "## Round 1, 2 commits" in text and "| tier 1 | 0.000 (0.000–0.000) |" in text.split("## Round 1")[1].split("## By")[0]
    assert "4 commits of 3 repositories" in text and "2 repair a defect" in text
    assert "| tier 1 | 1.000 (1.000–1.000) |" in text and "- accuracy: 1.000 – aim met" in text and "- a category where there is none: 0.000 – aim met" in text
    table = [line for line in text.split("## Guide")[0].splitlines() if line.startswith(tuple(f"| {name} |" for name in KINDS))]
    assert len(table) == 18 + 19  # by category, and the confusion, which has a row for none
    assert all(line.count("|") == 21 for line in table[18:])
    assert f"| {NONE} |" in text and "## Guide for readers" in text


def test_what_is_missing_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert categories.main(["--clones", str(tmp_path), "--output", str(tmp_path / "o.md")]) == 2
    assert "is missing; clone" in capsys.readouterr().err and not (tmp_path / "o.md").exists()
