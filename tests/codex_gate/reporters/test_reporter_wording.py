"""Numbers in words."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from example_reports import LIMITS, REPORTS, commit, high
from jsonschema import Draft202012Validator

import codex_gate
from codex_gate import reread
from codex_gate.errors import UsageError
from codex_gate.levels import above, percentile
from codex_gate.reporters import Terminal, render, wording, workflow
from codex_gate.reporters.layout import cells, fit, wrap
from codex_gate.taxonomy import DefectCategory
from codex_gate.types import BLIND, Classification, Evidence, FileFocus, Level, ModelKind, Notice, Report, Thresholds


@pytest.mark.parametrize(
    ("share", "digits", "expected"),
    [
        (0.314, 0, "31 %"),
        (0.0, 0, "<1 %"),
        (0.004, 0, "<1 %"),
        (0.006, 0, "1 %"),
        (0.996, 0, ">99 %"),
        (1.0, 0, ">99 %"),
        (0.3149, 1, "31.5 %"),
        (0.0001, 1, "<0.1 %"),
        (0.99999, 2, ">99.99 %"),
    ],
)
def test_percent_never_claims_certainty(share: float, digits: int, expected: str) -> None:
    assert wording.percent(share, digits) == expected


@pytest.mark.parametrize(
    ("risk", "expected"),
    [
        (0.001, "fewer than 1 in 100"),
        (0.031, "about 3 in 100"),
        (0.0949, "about 9 in 100"),
        (0.14, "about 14 in 100"),  # not 1 in 10
        (0.194, "about 19 in 100"),
        (0.125, "about 13 in 100"),
        (0.25, "about 25 in 100"),  # not 2 in 10 beside 25 dots
        (0.494, "about 49 in 100"),
        (0.496, "about 5 in 10"),
        (0.65, "about 7 in 10"),
        (0.85, "about 9 in 10"),
        (0.949, "about 9 in 10"),
        (0.97, "about 97 in 100"),
        (0.999, "nearly all"),
    ],
)
def test_meaning_is_a_natural_frequency(risk: float, expected: str) -> None:
    assert (
        wording.meaning(commit("a", risk, Level.LOW, "t"), ModelKind.GENERAL) == f"Where the model learned, {expected} changes scored like this needed a fix."
    )


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (ModelKind.ADAPTED, "At the base rate that the model was moved to, about 9 in 10 changes scored like this would need a fix."),
        (ModelKind.RETRAINED, "Where the model was retrained, about 9 in 10 changes scored like this needed a fix."),
    ],
)
def test_a_frequency_is_claimed_for_what_the_model_was_calibrated_on(kind: ModelKind, expected: str) -> None:
    """Every format that says it says it so, also of a report that was read back."""
    found = commit("a", 0.93, Level.CRITICAL, "t")
    assert wording.meaning(found, kind) == expected
    report = Report("x", found, (), LIMITS, (), "v", 0.1, "r", model_kind=kind)
    again = reread.report(render("json", report).encode())
    for name in ("terminal", "markdown", "sarif", "html"):
        for one in (report, again):
            said = " ".join(render(name, one, width=200).replace("\u00a0", " ").split())
            assert expected.rstrip(".") in said and "model learned" not in said and "had not seen" not in said


def test_a_risk_of_a_part_of_a_change_claims_nothing() -> None:
    blind = commit("a", 0.004, Level.UNKNOWN, "t", notices=(Notice(BLIND, "1 of 2 files could not be read"),))
    assert wording.verdict(blind, 0) == "<1 % risk of what could be read – no level" and wording.meaning(blind, ModelKind.GENERAL) == ""
    assert wording.meaning(replace(blind, risk=None, notices=()), ModelKind.GENERAL) == ""


@pytest.mark.parametrize(
    ("share", "expected"),
    [(None, ""), (0.4, "among the lowest of this repository's last 1,000 changes"), (94.9, "more than 94 % of this repository's last 1,000 changes"),
     (99.95, "more than 99 % of this repository's last 1,000 changes"), (100.0, "more than any of this repository's last 1,000 changes")],
)  # fmt: skip
def test_standing_is_rounded_down(share: float | None, expected: str) -> None:
    assert wording.standing(commit(1, 0.5, Level.HIGH, "", above=share), LIMITS) == expected


def test_standing_claims_nothing_of_changes_with_the_same_risk() -> None:
    recent = [0.1] * 60 + [0.5] * 40
    found = commit(1, 0.5, Level.HIGH, "", percentile=percentile(0.5, recent), above=above(0.5, recent))
    assert (found.percentile, found.above) == (80.0, 60.0)
    assert wording.standing(found, LIMITS).startswith("more than 60 % of")
    assert wording.standing(commit(1, 0.1, Level.LOW, "", above=above(0.1, recent)), LIMITS).startswith("among the lowest of")


def test_standing_of_a_commit_among_many_names_no_false_number() -> None:
    assert wording.standing(commit(1, 0.5, Level.HIGH, "", above=50.0), Thresholds(0, 0.2)) == "more than 50 % of the recent changes before it"


def test_a_risk_just_above_a_threshold_does_not_read_as_the_threshold() -> None:
    report = high()
    assert report.change is not None

    def with_risk(risk: float) -> Report:
        return replace(report, change=replace(report.change, risk=risk)) if report.change is not None else report

    text = Terminal(80).render(with_risk(0.3845))
    assert "38.5 % risk – high" in text or "38.4 % risk – high" in text
    assert "high above 38.3 %" in text
    assert [wording.digits(with_risk(risk)) for risk in (0.38305, 0.3831, 0.38315, 0.3845, 0.39)] == [0, 0, 2, 1, 0]
    calm = with_risk(0.1)
    loud = with_risk(0.38315).change
    assert loud is not None and wording.digits(replace(calm, commits=(loud,))) == 2  # of a commit in the range
    close = Thresholds(60, 0.01, {Level.MODERATE: 0.052, Level.HIGH: 0.058, Level.CRITICAL: 0.0626})
    assert wording.digits(replace(calm, thresholds=close)) == 1  # 5 %, 6 % and 6 % would read like two


def test_many_commits_are_cut_to_the_riskiest_in_their_own_order() -> None:
    report = REPORTS["many"]
    kept = wording.loudest_first(report.commits, 3)
    assert [finding.title for finding in kept] == [f"change number {i} of the cache" for i in (9, 11, 22)]
    assert wording.loudest_first(report.commits, 100) == list(report.commits)


def test_tally_names_the_loudest_first() -> None:
    assert wording.tally(REPORTS["many"].commits) == "6 critical, 7 high, 4 moderate, 6 low, 1 without a level"


def test_loud_commits_of_a_quiet_change_are_shown() -> None:
    report = REPORTS["low"]
    loud = replace(report, commits=(*report.commits, commit("x", 0.5, Level.HIGH, "a loud one")))
    text = Terminal(80).render(loud)
    assert "a loud one" in text
    assert "docs: typo" not in text


@pytest.mark.parametrize(("text", "room"), [("a b c", 3), ("word " * 9, 7), ("x" * 50, 7), ("修复" * 20, 7), ("31 % risk 24 % 8 %", 8)])
def test_wrapped_text_keeps_its_words_and_its_room(text: str, room: int) -> None:
    lines = wrap(text, room)
    assert all(cells(line) <= room for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert not any(line.startswith("%") for line in lines)


@pytest.mark.parametrize(
    ("text", "room", "expected"), [("abc", 3, "abc"), ("abcd", 3, "ab…"), ("修复连", 5, "修复…"), ("修复连", 4, "修…"), ("ab cd", 4, "ab…")]
)
def test_fit_counts_columns(text: str, room: int, expected: str) -> None:
    assert fit(text, room) == expected


def test_evidence_of_one_place_stands_together() -> None:
    found = [
        Evidence("message", 1, "race"),
        Evidence("a.py", 3, "lock("),
        Evidence("message", 2, "deadlock"),
        Evidence("a.py", 3, "lock("),
        Evidence("a.py", 4, "x"),
        Evidence("a.py", 3, "join(", deleted=True),
    ]
    assert [(one.where, one.line, texts) for one, texts in wording.by_place(found)] == [
        ("message", 1, ["race", "deadlock"]),
        ("a.py", 3, ["lock("]),
        ("a.py", 4, ["x"]),
        ("a.py", 3, ["join("]),
    ]


def test_every_surface_says_that_a_deleted_line_spoke_and_shows_no_place_in_a_deleted_file() -> None:
    report = high()
    assert report.change is not None
    evidence = (Evidence("a.py", 3, "lock(", deleted=True), Evidence("gone.py", 0, "join(", deleted=True), Evidence("gone.py", 0, "gone.py", deleted=True))
    seen = tuple(Classification("ConcurrencyBugs", 0.7, (one,)) for one in evidence)
    files = (FileFocus("gone.py", 0, 0.4, "9 lines deleted"), FileFocus("a.py", 3, 0.3, "1 line deleted"))
    change = replace(report.change, classifications=seen, files=files)
    report = replace(report, change=change)
    assert [wording.told(one, wording.matched(one)) for one in evidence] == ["deleted here: lock(", "deleted: join(", "deleted"]
    terminal, comment, page = (render(name, report) for name in ("terminal", "markdown", "html"))
    assert "a.py:3  deleted here: lock(" in terminal and "gone.py  deleted: join(" in terminal
    assert "`a.py:3` deleted here: `lock(`" in comment and "`gone.py` deleted: `join(`" in comment
    assert "a.py:3</span> deleted here: <code>lock(</code>" in page and "gone.py</span> deleted</li>" in page
    assert [(p.path, p.line) for p in workflow.points(change, 9)] == [("a.py", 3)]
    (alone,) = workflow.points(replace(change, files=()), 9)
    assert alone.text == "ConcurrencyBugs (70 %): deleted here: lock("
    (run,) = json.loads(render("sarif", report))["runs"]
    places = [result["locations"][0]["physicalLocation"] for result in run["results"]]
    assert [(place["artifactLocation"]["uri"], place["region"]["startLine"]) for place in places] == [("a.py", 3)] * 2
    assert run["results"][1]["message"]["text"] == 'It speaks of ConcurrencyBugs (70 %) at "lock(", which was deleted here.'
    assert [note["message"]["text"] for note in run["invocations"][0]["toolExecutionNotifications"] if note["descriptor"]["id"] == "no-place"] == [
        'It speaks of ConcurrencyBugs (70 %) at "join(" in gone.py, which was deleted.',
        "It speaks of ConcurrencyBugs (70 %) in the name of the file gone.py, which was deleted.",
    ]
    written = json.loads(render("json", report))
    assert [(e["line"], e["side"]) for c in written["change"]["categories"] for e in c["evidence"]] == [(3, "deleted"), (None, "deleted"), (None, "deleted")]
    Draft202012Validator(json.loads((Path(codex_gate.__file__).parent / "report.schema.json").read_text("utf-8"))).validate(written)
    back = reread.report(render("json", report).encode()).change
    assert back is not None and [c.evidence for c in back.classifications] == [(one,) for one in evidence]
    written["change"]["categories"][0]["evidence"][0]["side"] = "left"
    with pytest.raises(UsageError, match="side is 'left'"):
        reread.report(json.dumps(written).encode())


def test_every_category_is_explained_in_a_sentence_and_an_unknown_one_is_not() -> None:
    for category in DefectCategory:
        assert wording.about(Classification(category, 0.5)).endswith(".")
    assert wording.about(Classification("Elsewhere", 0.5)) == wording.about(Classification(None, 0.5)) == ""
