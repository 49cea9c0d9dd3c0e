"""What holds for every reporter: golden files, widths, the same words with and without colour, light imports."""

from __future__ import annotations

import re
import subprocess
import sys
from copy import deepcopy
from dataclasses import replace
from unicodedata import category, east_asian_width

import pytest
from example_reports import GOLDEN, NASTY, REPORTS, crowded, golden, hostile

from codex_gate.reporters import REPORTERS, Terminal, layout, render
from codex_gate.types import BLIND, Level, Notice, Report

SGR = re.compile(r"\x1b\[[0-9;]*m")
EVERY = {**REPORTS, "crowded": crowded()}


@pytest.mark.parametrize("name", sorted(golden()))
def test_output_is_that_of_the_golden_file(name: str) -> None:
    expected = (GOLDEN / name).read_bytes().decode()
    assert golden()[name] == expected, "if this change is meant: python tests/codex_gate/reporters/example_reports.py"


def test_no_golden_file_is_left_over() -> None:
    assert {path.name for path in GOLDEN.iterdir()} == set(golden())


@pytest.mark.parametrize("report", EVERY.values(), ids=EVERY)
@pytest.mark.parametrize("width", [40, 80, 120])
def test_colour_changes_no_word(report: Report, width: int) -> None:
    plain = Terminal(width).render(report)
    painted = Terminal(width, colour=True).render(report)
    assert "\x1b[" in painted
    assert SGR.sub("", painted) == plain
    assert SGR.sub("", Terminal(width, rich=True).render(report)) == plain


def test_no_colour_leaves_bold_and_dim_alone() -> None:
    styles = set(SGR.findall(Terminal(80, rich=True).render(REPORTS["high"])))
    assert styles
    assert styles <= {"\x1b[0m", "\x1b[1m", "\x1b[2m"}


@pytest.mark.parametrize("width", [40, 80, 120])
@pytest.mark.parametrize("report", [*EVERY.values(), *map(hostile, NASTY.values())])
def test_no_line_is_wider_than_asked(report: Report, width: int) -> None:
    escaped = "\\u{3a}"  # a command made harmless may stand out by this much
    for line in Terminal(width).render(report).splitlines():
        assert sum(1 + (east_asian_width(char) in "WF") for char in line if category(char) != "Mn") <= width + (len(escaped) if escaped in line else 0)


@pytest.mark.parametrize("above", [None, 97.0])
@pytest.mark.parametrize("width", range(40, 46))
def test_a_headline_that_is_wider_than_the_window_is_wrapped_in_its_colour(width: int, above: float | None) -> None:
    change = REPORTS["high"].change
    assert change is not None
    blind = replace(change, risk=0.0335, level=Level.MODERATE, above=above, notices=(Notice(BLIND, "1 of 2 files could not be read"),))
    report = replace(REPORTS["high"], change=blind)
    lines = layout.verdict(report, blind, 2, width)
    assert all(layout.cells(layout.text(line)) <= width for line in lines)
    said = " ".join(map(layout.text, lines))
    assert said.partition(":")[0] == "3.35 % risk of what could be read – moderate" and said.count("moderate") == 1
    assert " ".join(span.text.strip() for line in lines for span in line if span.role == "moderate") == said.partition(":")[0]


def test_low_risk_is_brief() -> None:
    assert len(Terminal(80).render(REPORTS["low"]).splitlines()) == 3
    assert "Why" not in render("markdown", REPORTS["low"])


def test_a_quiet_commit_is_named_by_its_title() -> None:
    single = replace(REPORTS["low"], scope="commit fe5dbbc", commits=())
    assert Terminal(80).render(single).splitlines()[1] == "commit fe5dbbc: 3 commits, the last: docs: say how to build"


def test_a_match_in_a_path_names_the_path_once() -> None:
    assert Terminal(80).render(REPORTS["high"]).count("deploy/pool.yaml") == 1
    assert render("markdown", REPORTS["high"]).count("deploy/pool.yaml") == 1


def test_unknown_level_says_why() -> None:
    for name in ("terminal", "markdown"):
        assert "fetch-depth" in render(name, REPORTS["shallow"])
        assert "fewer than 50 cannot be compared with" in render(name, REPORTS["young"])


@pytest.mark.parametrize("name", REPORTERS)
@pytest.mark.parametrize("report", EVERY.values(), ids=EVERY)
def test_reporters_are_pure(name: str, report: Report) -> None:
    before = deepcopy(report)
    first = render(name, report)
    assert first == REPORTERS[name].render(report)
    assert repr(report) == repr(before)  # repr, for NaN equals nothing
    assert first.endswith("\n") or not first


def test_unknown_format_is_refused() -> None:
    with pytest.raises(KeyError):
        render("yaml", REPORTS["low"])


@pytest.mark.parametrize(
    ("imported", "absent"),
    [
        ("codex_gate.reporters", {"rich", "json", "dataclasses", "codex_gate.types", "codex_gate.reporters.layout"}),
        ("codex_gate.reporters.layout", {"rich", "json", "unicodedata", "codex_gate.reporters.terminal"}),
        ("codex_gate.reporters.machine", {"rich", "hashlib"}),
        ("codex_gate.reporters.markdown", {"rich", "json"}),
    ],
)
def test_imports_stay_light(imported: str, absent: set[str]) -> None:
    code = f"import sys, {imported}; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, check=True, env={"PYTHONPATH": ":".join(filter(None, sys.path))})
    assert not absent & set(run.stdout.split())
