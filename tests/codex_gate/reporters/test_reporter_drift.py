"""The five formats of drift."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace

import jsonschema
import pytest
import yaml

from codex_gate.drift import Move, Shift
from codex_gate.reporters.drift import FORMATS, machine, render, words
from codex_gate.reporters.drift.markdown import issue
from codex_gate.reporters.layout import cells
from codex_gate.types import Notice
from codex_gate.watch import MEASURES, DriftReport
from tests.codex_gate.drifting import HOSTILE, report
from tests.codex_gate.test_monitor import SCHEMA
from tests.pages import check


def quiet() -> DriftReport:
    still = tuple(replace(s, drifted=False, since=None, moved=()) for s in report().shifts)
    return report(drift=False, shifts=still, starts={}, fit=None, notices=())


def given() -> DriftReport:
    return report(calibrated=False, threshold=0.5, drift=False)


def undated() -> DriftReport:
    return report(periods=((0, 0), (0, 0)))


def hostile() -> DriftReport:
    shift = Shift("file type", 9.0, 0.1, True, 20, 80, (Move(f"{HOSTILE}|`x`\n::error::y", 0.0, 0.5),), 90.0)
    return report(repository=f"/x/{HOSTILE}", model_version=HOSTILE, notices=(Notice("x", HOSTILE),), shifts=(shift,))


ALL = [report, quiet, given, undated, hostile]


@pytest.mark.parametrize("width", [40, 60, 80, 120])
@pytest.mark.parametrize("make", ALL)
def test_no_line_is_wider_than_the_terminal(make: Callable[[], DriftReport], width: int) -> None:
    for line in render("terminal", make(), width=width).splitlines():
        assert cells(line) <= width, line


def test_a_headline_that_is_longer_than_a_line_is_whole() -> None:
    shifts = tuple(Shift(name, 9.0, 0.1, True, 20, 80, (), 90.0) for name in MEASURES)[:5]
    long = report(shifts=shifts)
    assert words.verdict(long) in " ".join(render("terminal", long, width=40).split()) and len(words.verdict(long)) > 40


def test_the_terminal_says_what_counts() -> None:
    said = " ".join(render("terminal", report()).split())
    assert said.startswith("Drift: category, file type, calibration The last 100 changes, 2024-01-01 to 2024-04-09, against the 200 before them")
    assert "category 4.20 2024-01-01 aaaaaaaaa in the whole window; LogicErrors: 30 % → 60 %, unclassified: 70 % → 40 %" in said
    assert "in the newest 20; rust: 0 % → 55 %" in said
    assert "As before: lines added." in said
    assert "The risks no longer fit: 0.30 fixed for each that was predicted, in 60 changes of the window; 0.80 in 150 before, 0.37 times" in said
    assert " ".join(render("terminal", quiet()).split()).startswith("No drift The last 100 changes")
    assert "threshold 0.5 as given; nothing else decides" in " ".join(render("terminal", given()).split())


@pytest.mark.parametrize("name", ["terminal", "markdown", "html"])
def test_what_moved_stands_with_the_figures_that_decided(name: str) -> None:
    """Not with the whole window's divergence, which may lie below its threshold where a newest part passed its own."""
    said = re.sub(r"[\s|]+", " ", page_text(render(name, report())) if name == "html" else render(name, report(), width=120))
    head = {"terminal": "times threshold", "markdown": "times its threshold where", "html": "times its thresholdwhere"}[name]
    assert head in said and "in the newest 20" in said and "in the whole window" in said
    assert re.search(r"file type ?1\.50", said) and not re.search(r"0\.090|0\.100", said)


def page_text(page: str) -> str:
    return check(page).text.replace("\u00a0", " ")


@pytest.mark.parametrize(
    ("ratio", "drifted", "text"), [(1.5, True, "1.50"), (1.003, True, "1.003"), (1.00004, True, "1.0000"), (0.998, False, "1.00"), (0.4, False, "0.40")]
)
def test_what_passed_its_threshold_reads_so(ratio: float, drifted: bool, text: str) -> None:
    assert words.times(replace(report().shifts[0], ratio=ratio, drifted=drifted)) == text


def test_people_read_words_for_the_names_of_measures() -> None:
    shifts = tuple(replace(report().shifts[0], name=name) for name in ("ns", "la", "doc_share"))
    said = report(shifts=shifts, fit=None)
    assert words.verdict(said) == "Drift: top-level directories, lines added, share of documents"
    assert "top-level directories" in render("terminal", said) and issue(said).about == {"ns", "la", "doc_share"}
    assert max(map(len, MEASURES.values())) == 21  # what terminal and page have room for


def test_a_baseline_of_elsewhere_is_not_called_what_came_before() -> None:
    for name in ("terminal", "markdown", "html"):
        said = " ".join(
            page_text(render(name, report(is_foreign=True))).split() if name == "html" else render(name, report(is_foreign=True), width=200).split()
        )
        assert "against the 200 changes of the baseline, 2023-06-15 to 2023-12-31." in said
        assert "before them" not in said and "this repository's history" not in said and "changes before it" not in said


@pytest.mark.parametrize("make", ALL)
def test_json_is_valid_and_yaml_is_the_same(make: Callable[[], DriftReport]) -> None:
    found = json.loads(render("json", make()))
    jsonschema.Draft202012Validator(SCHEMA).validate(found)
    assert yaml.safe_load(render("yaml", make())) == found
    assert found == json.loads(json.dumps(machine.as_object(make())))


@pytest.mark.parametrize("value", [0.0, 1.0, 1e-6, 0.123456, 12345.5, 3, True, None, "yes", "", "a: b # c", "\u2028", [], {}, "##[x]"])
def test_the_emitter_writes_what_a_yaml_package_reads(value: object) -> None:
    whole = {"yes": value, "plain": [value, {"a": value, "b": [{"c": value}]}], "0x1": {"deep": {"er": value}}}
    assert yaml.safe_load("\n".join(machine._yaml(whole, ""))) == whole


@pytest.mark.parametrize("name", FORMATS)
def test_no_format_lets_a_stranger_command(name: str) -> None:
    said = render(name, hostile())
    assert "##[" not in said and "\u202e" not in said
    assert not re.search(r"^\s*::", said, re.MULTILINE)
    if name in ("markdown", "html"):
        assert "<script>" not in re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", said)


@pytest.mark.parametrize("make", ALL)
def test_the_page_is_self_contained(make: Callable[[], DriftReport]) -> None:
    check(render("html", make()))


def test_markdown_tables_keep_their_columns() -> None:
    rows = [line for line in render("markdown", hostile()).splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {6}
