"""The four formats of priorities."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

from codex_gate.page import STYLE
from codex_gate.priority import Priorities
from codex_gate.reporters.layout import cells
from codex_gate.reporters.priority import FORMATS, html, render, tripped
from codex_gate.taxonomy import HARMS
from tests.browser import browser
from tests.codex_gate.surveyed import GATED, REPORT, STRANGE, YOUNG
from tests.codex_gate.test_survey import SCHEMA
from tests.pages import check

ALL = [REPORT, GATED, YOUNG, STRANGE]


@pytest.mark.parametrize("width", [40, 60, 80, 120])
@pytest.mark.parametrize("found", ALL)
def test_no_line_is_wider_than_the_terminal(found: Priorities, width: int) -> None:
    for line in render("terminal", found, width=width).splitlines():
        assert cells(line) <= width, line


def test_the_terminal_at_eighty_columns() -> None:
    assert (
        render("terminal", GATED, top=2)
        == """\
Priorities of shop
4,321 commits from 2024-01-01 to 2025-02-04, merges aside, up to aaaaaaaaa. 210
fixes among them; 120 of them tell a category.

Categories                 fixes  share  frequency    severity   priority
  SecurityVulnerabilities     40   31 %  frequent     critical   critical
  LogicErrors                 75   66 %  frequent     moderate   high
  TypeAnnotationGaps           5    3 %  occasional   low        low
In none of these fixes: StdlibMapping (low). Not of the languages here:
OwnershipBorrow.

Hot files                                complexity  commits  fixes  main author
   97  src/shop/cart.py                          12    1,234     56         61 %
   95  src/shop/de…/deep/deep/deep/x.py          12    1,234     56         61 %
  and 1 file with lower scores

! files of unknown complexity, whose score rests on the rest: 1 is in a language
that is not measured
A category's priority is its severity, a step up where it is frequent, a step
down where it is rare: frequent from 10 % of the fixes that tell a category,
rare below 3 % (a fix counts half after 730 days). A file's score is the mean of
complexity, churn, fixes, ownership, each the share of the other files here that
have less, in per cent; what is unknown is left out. Fixes are commits whose
message says that they repair a defect, by a stricter rule than that of screen
and explain, which count every commit that speaks of a fix.
1.2 s
"""
    )


def test_unknown_is_a_dash_and_no_zero() -> None:
    assert re.search(r"40  bin/run\.sh +–    1,234     56         61 %", render("terminal", REPORT))
    assert "| 40 | `bin/run.sh` | – | 1,234 | 56 | 61 % |" in render("markdown", REPORT)
    assert json.loads(render("json", REPORT))["files"][2]["complexity"] is None


def test_a_young_repository_is_told_what_cannot_be_said() -> None:
    said = " ".join(render("terminal", YOUNG).split())
    assert (
        "No commit among them that touches what is looked at says that it repairs a defect. Fewer than 20 fixes tell a category, older ones counted less"
        in said
    )
    assert "In none of these fixes: SecurityVulnerabilities (critical), LogicErrors (moderate)" in said
    assert "No file of program text to score here" in said and "a step up where it is frequent" not in said


def test_what_trips_is_named_a_few_at_a_time() -> None:
    assert tripped(REPORT, "") == ""
    assert tripped(GATED, "--fail-on-score").startswith("2 files reach --fail-on-score 95: src/shop/cart.py (97), src/shop/deep/")


@pytest.mark.parametrize("score", [94.996, 94.9999999, 95.0, 95.001, 58.0, 1.15, 0.0, 100.0, 200 / 3])
def test_json_rounds_no_score_up_to_the_gate(score: float) -> None:
    found = replace(GATED, files=(GATED.files[0]._replace(score=score),))
    (row,) = json.loads(render("json", found))["files"]
    assert score - 0.01 < row["score"] <= score and row["score"] == round(row["score"], 2)
    assert (row["score"] >= 95) == bool(found.over)


@pytest.mark.parametrize("found", ALL)
def test_json_is_valid(found: Priorities) -> None:
    said = json.loads(render("json", found))
    jsonschema.Draft202012Validator(SCHEMA).validate(said)
    assert [c["why"] for c in said["categories"]] == [HARMS[row.category].why for row in found.rows]
    assert said["over"] == ([] if found.limit is None else [f["path"] for f in said["files"] if f["score"] >= found.limit])


@pytest.mark.parametrize("name", ["terminal", "markdown", "html"])
def test_what_a_fix_is_here_is_told_apart_from_what_a_screen_counts(name: str) -> None:
    assert "by a stricter rule than that of screen and explain" in " ".join(render(name, REPORT, width=120).split())


def test_markdown_tables_keep_their_columns() -> None:
    for found in ALL:
        tables = [part for part in render("markdown", found).split("\n\n") if part.startswith("|")]
        for table in tables:
            assert len({len(re.findall(r"(?<!\\)\|", row)) for row in table.splitlines()}) == 1


@pytest.mark.parametrize("name", FORMATS)
def test_no_format_lets_a_stranger_command(name: str) -> None:
    said = render(name, STRANGE)
    assert "##[" not in said and "‮" not in said
    assert not re.search(r"^\s*::", said, re.MULTILINE)
    said.encode("utf-8")
    if name in ("markdown", "html"):
        assert "<script>" not in re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", said)


# -- the page ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("found", ALL)
def test_the_page_is_self_contained(found: Priorities) -> None:
    check(render("html", found))


def test_the_heat_map_has_each_category_in_its_cell_and_colour() -> None:
    page = render("html", REPORT)
    rows = re.findall(r'<tr><th scope="row">(\w+)</th>(.*?)</tr>', page)
    assert [name for name, _ in rows] == ["critical", "high", "moderate", "low"]
    colours = {name: re.findall(r'<td class="s-(\w+)">', cells) for name, cells in rows}
    assert colours == {
        "critical": ["high", "critical", "critical"],
        "high": ["moderate", "high", "critical"],
        "moderate": ["low", "moderate", "high"],
        "low": ["low", "low", "moderate"],
    }
    third = {name: cells.split("</td>") for name, cells in rows}
    assert "<li>40 Security<wbr>Vulnerabilities</li>" in third["critical"][2] and "<li>75 Logic<wbr>Errors</li>" in third["moderate"][2]
    assert "<li>0 Stdlib<wbr>Mapping</li>" in third["moderate"][0]
    assert "Vulnerabilities" not in third["critical"][0]


def test_light_and_dark_tint_alike() -> None:
    light, dark = html.STYLE.split("@media(prefers-color-scheme:dark)")
    for name in ("heat", "low", "moderate", "high", "critical"):
        assert f"--{name}:" in light and f"--{name}:" in dark.partition("}}")[0]


def _luminance(colour: Sequence[float]) -> float:
    parts = [c / 255 / 12.92 if c <= 0.03928 * 255 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in colour]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


@pytest.mark.parametrize("place", [0, 1], ids=["light", "dark"])
def test_text_on_every_tint_can_be_read(place: int) -> None:
    ours, theirs = (style.split("@media(prefers-color-scheme:dark)")[place] for style in (html.STYLE, STYLE))
    ink, ground = (tuple(int(re.findall(rf"--{name}:#(\w+)", theirs)[0].ljust(6, "f")[k : k + 2], 16) for k in (0, 2, 4)) for name in ("fg", "bg"))
    heat = tuple(map(int, re.findall(r"--heat:(\d+) (\d+) (\d+)", ours)[0]))
    for strength in (0.5, *(float(re.findall(rf"--{name}:([.\d]+)", ours)[0]) for name in ("low", "moderate", "high", "critical"))):  # 0.5: the hottest file
        tinted = [strength * h + (1 - strength) * g for h, g in zip(heat, ground, strict=True)]
        light, dark = sorted((_luminance(ink), _luminance(tinted)), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5, strength


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [360, 1200])
def test_the_page_fits_a_phone_and_can_be_read(width: int, dark: bool, tmp_path: Path) -> None:
    seen = browser(tmp_path).measure(render("html", GATED), width, dark=dark)
    assert seen.overflow <= 0 and seen.worst >= 4.5, seen
