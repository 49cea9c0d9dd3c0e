"""The comment on a pull request: its limit and what it sheds."""

from __future__ import annotations

from dataclasses import replace

import pytest
from example_reports import LIMITS, NASTY, REPORTS, commit, crowded, high, hostile

from codex_gate.reporters import render
from codex_gate.reporters.markdown import LIMIT
from codex_gate.types import FileFocus, Level, Notice, Reason


def test_the_least_risky_rows_are_shed_first() -> None:
    text = render("markdown", crowded())
    assert len(text.encode()) <= LIMIT
    assert "| `599 long" in text
    assert "| `349 long" not in text
    assert "and 350 more, none of them riskier" in text
    assert "and 40 more notices" in text
    assert "> and 1 more notice\n" in render("markdown", replace(crowded(), notices=tuple(Notice("index", f"{i}") for i in range(21))))
    assert "**Why**" in text


def test_a_report_of_nothing_but_escapes_fits_too() -> None:
    nasty = "\x1b@\u202e" * 4000
    commits = tuple(commit(i, 0.5, Level.HIGH, nasty) for i in range(400))
    report = replace(hostile(nasty), commits=commits, notices=tuple(Notice("index", f"{i}{nasty}") for i in range(100)))
    assert report.change is not None
    loud = replace(report.change, reasons=(Reason("la", 1, 0.1, nasty),) * 400, files=(FileFocus(nasty, 1, 0.1, nasty),) * 400)
    text = render("markdown", replace(report, change=loud))
    assert len(text.encode()) <= LIMIT
    assert text.startswith("### 83 % risk – critical\n")
    assert "Some sections are left out" in text


@pytest.mark.parametrize("text", NASTY.values(), ids=NASTY)
def test_every_comment_fits(text: str) -> None:
    assert len(render("markdown", hostile(text)).encode()) <= LIMIT


def test_details_have_the_empty_lines_that_github_needs() -> None:
    text = render("markdown", REPORTS["high"])
    assert "<details>\n<summary>4 commits, the riskiest with 39 %</summary>\n\n| Commit" in text
    assert " |\n\n</details>\n" in text


def test_full_shas_stand_bare_to_be_linked_and_others_in_code() -> None:
    report = high()
    odd = replace(report.commits[0], sha="@evil")
    text = render("markdown", replace(report, commits=(odd, *report.commits[1:])))
    assert "| da4b9237ba | 26 %" in text
    assert "| `@evil` | 8 %" in text


def test_a_single_commit_is_not_told_twice() -> None:
    report = high()
    assert "<details>" not in render("markdown", replace(report, commits=report.commits[:1]))


def test_less_than_one_per_cent_is_no_html() -> None:
    report = high()
    assert report.change is not None
    assert "### &lt;1 % risk – low" in render("markdown", replace(report, change=replace(report.change, risk=0.002, level=Level.LOW), thresholds=LIMITS))
