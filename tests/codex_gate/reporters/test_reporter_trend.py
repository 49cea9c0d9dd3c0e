"""The trend's three formats, and the command."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from itertools import pairwise
from pathlib import Path
from random import Random

import jsonschema
import pytest

import codex_gate
from codex_gate.backtest import DAY, Change, Repair, Replayed
from codex_gate.intervals import Interval
from codex_gate.periods import UNKNOWN, Period, Trend, summarise
from codex_gate.reporters.layout import cells
from codex_gate.reporters.trend import FORMATS, render, words
from codex_gate.types import Level, Notice
from codex_gate.watch import Observation
from tests.browser import browser
from tests.codex_gate import replayed
from tests.codex_gate.samples import call, write_model
from tests.conftest import START, Repo
from tests.pages import check

SCHEMA = json.loads(Path(codex_gate.__file__).with_name("trend.schema.json").read_text("utf-8"))
CATEGORIES = ("LogicErrors", "ApiMisuse", "ResourceLeaks", "TypeErrors", "ConcurrencyBugs", "MemorySafety", "unclassified")
SIZES = (120, 130, 0, 5, 110, 140)  # by month; drift in the last


@cache
def full() -> Trend:
    """Six months with two gaps, every seventh change repaired after twenty days, every fourth a fix."""
    rng = Random(0)
    changes, seen = [], []
    for month, n in enumerate(SIZES):
        for k in range(n):
            when = int(datetime(2024, month + 1, 1, tzinfo=UTC).timestamp() + 28 * k / n * DAY)
            repair = Repair("f" * 40, "e" * 40, when + 20 * DAY) if len(changes) % 7 == 0 and month < 4 else None
            changes.append(Change(f"{len(changes):040x}", "x", when, rng.random() / 2, Level.LOW, 1.0, repair=repair))
            names = CATEGORIES if month < 5 else CATEGORIES[:2]
            seen.append(Observation(changes[-1].sha, when, rng.choice(names)))
    past = Replayed("/x/repo", "risk-1", tuple(changes), "labels are made up", 0, (Notice("x", "a notice"),), 1.5)
    return summarise(past, seen, {c.sha for k, c in enumerate(changes) if k % 4 == 0})


@cache
def sparse() -> Trend:
    """One period, too little for anything."""
    changes = tuple(Change(f"{k:040x}", "x", START + k, 0.1, Level.LOW, 1.0) for k in range(3))
    return summarise(
        Replayed("/x/repo", "risk-1", changes, "labels are made up", 0, (), 0.1), [Observation(c.sha, c.time, "unclassified") for c in changes], set()
    )


@cache
def many() -> Trend:
    """Forty months of eleven changes, without a fix."""
    changes = tuple(Change(f"{k:040x}", "x", START + int(k * 30.44 / 11 * DAY), 0.1, Level.LOW, 1.0) for k in range(440))
    past = Replayed("/x/repo", "risk-1", changes, "labels are made up", 0, (), 0.1)
    return summarise(past, [Observation(c.sha, c.time, "unclassified") for c in changes], set(), "month")


def test_a_prediction_outside_of_its_interval_is_seen_to_be_outside() -> None:
    low = Period("2024-01", 500, judged=500, predicted=0.0363, observed=Interval(0.02, 0.0094, 0.0354))
    assert low.fits is False and words.judged(low) == ("3.6 %", "2.0 % (0.9–3.5)")
    assert words.judged(replace(low, predicted=0.35)) == ("35 %", "2 % (1–4)")
    assert words.judged(replace(low, predicted=0.0353)) == ("4 %", "2 % (1–4)")  # inside
    assert words.judged(replace(low, predicted=0.03541)) == ("3.541 %", "2.000 % (0.940–3.540)")
    assert words.judged(Period("2024-01", 3)) == ("–", "–")


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_longer_figures_keep_the_columns_in_line(width: int) -> None:
    found = full()
    periods = (replace(found.periods[0], predicted=0.0363, observed=Interval(0.02, 0.0094, 0.0354)), *found.periods[1:])
    rows = [line.rstrip() for line in render("terminal", replace(found, periods=periods), width=width).splitlines() if re.match(r"Month  |2024-0\d  ", line)]
    assert max(map(cells, rows)) <= width
    if width >= 60:
        assert "2.0 % (0.9–3.5)" in rows[1] and "needed a fix" in rows[0]
        assert len({row.index(end) + len(end) for row, end in ((rows[0], "needed a fix"), (rows[1], "(0.9–3.5)"))}) == 1


def hostile() -> Trend:
    past = replace(
        full().replayed, repository=f"/x/{replayed.HOSTILE}", model_version=replayed.HOSTILE, notices=(Notice("x", replayed.HOSTILE + "\n::error::x"),), seen=3
    )
    return replace(full(), replayed=past)


ALL = [full, sparse, many, hostile]


@pytest.mark.parametrize("width", [40, 60, 80, 120])
@pytest.mark.parametrize("make", ALL)
def test_no_line_is_wider_than_the_terminal(make: Callable[[], Trend], width: int) -> None:
    for line in render("terminal", make(), width=width).splitlines():
        assert cells(line) <= width, line


def test_the_terminal_says_what_counts() -> None:
    text = render("terminal", full())
    said = " ".join(text.split())
    assert said.startswith("Trend 505 changes, 2024-01-01 to 2024-06-28, by month 127 changes are fixes (25 %).")
    assert "changes at least 20 days old, the age by which half of the fixes here had come" in said
    assert "Drift in 1 of 3 months that could be compared: 2024-06." in said
    rows = {line.split()[0]: line.split() for line in text.splitlines() if re.match(r"2024-\d\d ", line)}
    assert list(rows) == [f"2024-0{m}" for m in range(1, 7)]
    assert rows["2024-03"][1:] == ["0", *["–"] * 6] and rows["2024-04"][1:] == ["5", *["–"] * 6]
    assert rows["2024-06"][-2:] == ["2", "measures"] and rows["2024-02"][-1] == "no" and rows["2024-05"][-1] == "no"
    assert "of 6 months 2 hold fewer than 10 changes, 2 hold fewer than 15 that can be judged, 3 cannot be compared with what came before." in said
    assert "! a notice" in said


def test_no_column_is_spoken_of_as_if_it_stood_there() -> None:
    for width in (40, 60, 70, 80, 120):
        text = render("terminal", full(), width=width)
        heading = next(line for line in text.splitlines() if line.startswith("Month"))
        assert ("1 in 10" in heading) is (width > 70), width
        said = " ".join(text.split())
        left = "" if width > 70 else ", which a narrow terminal leaves out,"
        assert "second figure" not in said and f"the column 1 in 10{left} holds the risk that one change in ten is above." in said
    assert "narrow terminal" not in render("html", full())


def test_the_terminal_without_a_fix_claims_nothing() -> None:
    said = " ".join(render("terminal", sparse()).split())
    assert "0 changes are fixes (0 %)." in said and "whether the risks fit cannot be said" in said and "Drift cannot be said" in said
    assert not re.search(r"\bnan\b", said)


def test_a_long_history_lists_its_newest_periods_and_says_so() -> None:
    text = render("terminal", many())
    assert len(re.findall(r"^20\d\d-\d\d ", text, re.MULTILINE)) == 20
    assert "20 earlier months: --html FILE or --format json shows all" in text
    assert len(json.loads(render("json", many()))["periods"]) == 40


def test_a_longer_period_is_advised_where_most_are_too_small() -> None:
    assert "--by" not in words.gaps(many())
    few = replace(full(), periods=full().periods[2:5])
    assert "of 3 months 2 hold fewer than 10 changes," in words.gaps(few) and words.gaps(few).endswith(". Try --by quarter.")


def test_every_dash_has_its_reason() -> None:
    """A month of 15 or 23 changes has a risk, and yet too few of them may be old enough to be judged."""
    told = full().periods[1]
    assert words.gaps(replace(full(), periods=(told, told))) == ""
    young = replace(told, n=23, judged=9, predicted=math.nan, observed=UNKNOWN)
    assert words.gaps(replace(full(), periods=(told, young))) == "– where there is too little to say: of 2 months 1 holds fewer than 15 that can be judged."


def test_colour_and_plain_say_the_same_words() -> None:
    plain = render("terminal", full(), width=80)
    painted = render("terminal", full(), width=80, colour=True, rich=True)
    assert "\x1b[" in painted and re.sub(r"\x1b\[[\d;]*m", "", painted) == plain


@pytest.mark.parametrize("make", ALL)
def test_json_is_strict_and_valid(make: Callable[[], Trend]) -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    text = render("json", make())
    found = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    jsonschema.Draft202012Validator(SCHEMA).validate(found)
    assert text.isascii() and "##[" not in text


def test_json_holds_the_figures_and_null_where_there_is_too_little() -> None:
    periods = json.loads(render("json", full()))["periods"]
    assert [p["n"] for p in periods] == list(SIZES) and sum(p["fixes"]["n"] for p in periods) == 127
    for period in periods[2:4]:
        assert period["too_few"] and period["mean_risk"] is None and period["fixes"]["share"] is None and period["drift"] is None
        assert period["calibration"]["needed_a_fix"] is None and period["calibration"]["fits"] is None
    assert periods[5]["drift"]["drift"] and sum(periods[0]["fixes"]["categories"].values()) == periods[0]["fixes"]["n"] == 30
    assert {s["name"] for s in periods[5]["drift"]["streams"]} == {"category", "kind of defect"}


# -- the page ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", ALL)
def test_the_page_is_whole_and_asks_for_nothing(make: Callable[[], Trend]) -> None:
    check(render("html", make()))


def test_the_page_draws_what_there_is_to_say() -> None:
    def drawn(found: Trend) -> set[str | None]:
        return {attributes.get("aria-label") for tag, attributes in check(render("html", found)).tags if tag == "svg"} - {None}

    assert drawn(full()) == {"Risk", "Fixes", "Calibration", "Categories of fixes", "Drift", "Drift by measure"}
    assert drawn(sparse()) == {"Risk", "Fixes", "Calibration"}


def test_drift_is_drawn_as_a_share_of_its_threshold_up_to_three() -> None:
    page_ = render("html", full())
    svg = re.search(r'<svg [^>]*aria-label="Drift".*?</svg>', page_, re.DOTALL)
    assert svg is not None and [text for text in re.findall(r"<text [^>]*>([^<]*)</text>", svg[0]) if text in {"0", "1", "2", "≥ 3"}] == ["0", "1", "2", "≥ 3"]
    told = re.findall(r"<title>[^<]*? (\d+\.\d+) of what is called drift</title>", svg[0])
    ratios = {f"{s.ratio:.2f}" for p in full().periods if p.drift for s in p.drift.shifts}
    assert told and set(told) <= ratios
    streams = [s for p in json.loads(render("json", full()))["periods"] if p["drift"] for s in p["drift"]["streams"]]
    assert {f"{s['ratio']:.2f}" for s in streams} == ratios and any(s["divergence"] > 0 for s in streams)
    assert all(s["drift"] == (s["ratio"] > 1) == (s["newest"] is not None) for s in streams) and any(s["drift"] and s["since"] for s in streams)


def test_the_page_lists_every_period_and_says_hostile_words_aloud() -> None:
    page = check(render("html", hostile()))
    assert "<script>alert(1)</script>" in page.text and "\u202e" not in page.text and "learned from 3 of these changes" in page.text.replace("\u00a0", " ")
    rows = re.findall(r"2024-0[1-6](?=[\d–])", check(render("html", full())).text)
    assert len(rows) >= 6


def test_shares_of_categories_lie_on_each_other_up_to_the_whole() -> None:
    svg = re.search(r'<svg [^>]*aria-label="Categories of fixes".*?</svg>', render("html", full()), re.DOTALL)
    assert svg is not None
    heights = [float(h) for h in re.findall(r'<rect [^>]*height="([\d.]+)"', svg[0])]
    n = sum(p.categories is not None for p in full().periods)
    assert n == 4 and len(heights) == 6 * n  # four categories, the other ones, those without one
    layers = [heights[k : k + n] for k in range(0, len(heights), n)]  # the highest is drawn first
    assert all(h == layers[0][0] for h in layers[0])
    assert all(above >= below for upper, lower in pairwise(layers) for above, below in zip(upper, lower, strict=True))


@pytest.mark.parametrize("dark", [False, True])
def test_the_page_can_be_read_on_a_phone_and_a_desk(dark: bool, tmp_path: Path) -> None:
    chromium = browser(tmp_path)
    for width in (360, 1200):
        seen = chromium.measure(render("html", full()), width, dark=dark)
        assert seen.overflow <= 0 and seen.worst >= 4.5, seen


# -- the command -------------------------------------------------------------------------------------


@pytest.fixture
def where(repo: Repo, tmp_path: Path) -> tuple[str | Path, ...]:
    replayed.build(repo)
    return ("trend", "-C", repo.path, "--model", write_model(tmp_path / "model"))


def test_the_command_writes_a_table_and_a_page(where: tuple[str | Path, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = call(capsys, *where, "--html", tmp_path / "out.html")
    assert said.code == 0 and said.err == "" and said.out.startswith("Trend  70 changes, 2024-01-01 to 2024-03-10, by month\n5 changes are fixes")
    assert "Trend of repo" in check((tmp_path / "out.html").read_text("utf-8")).text
    assert call(capsys, *where, "--format", "json", "--output", tmp_path / "out.json").out == ""
    jsonschema.validate(json.loads((tmp_path / "out.json").read_text("utf-8")), SCHEMA)


def test_options_reach_the_trend(where: tuple[str | Path, ...], capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(call(capsys, *where, "--format", "json", "--last", "60", "--by", "year").out)
    assert found["n_changes"] == 60 and [p["name"] for p in found["periods"]] == ["2024"] and found["by"] == "year"
    assert json.loads(call(capsys, *where, "--format", "json", "--since", "2024-02-01").out)["n_changes"] == 39


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--since", "yesterday"), "'yesterday' is no date; expected YYYY-MM-DD"),
        (("--last", "0"), "at least 1, got 0"),
        (("--last", "60", "--since", "2024-01-01"), "not allowed with"),
        (("--by", "decade"), "invalid choice: 'decade'"),
        (("--html", "/dev/null/x.html"), "/dev/null/x.html cannot be written"),
    ],
)
def test_wrong_use_is_a_sentence_and_2(where: tuple[str | Path, ...], options: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = call(capsys, *where, *options)
    assert found.code == 2 and found.out == "" and said in found.err


def test_the_schema_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert json.loads(call(capsys, "schema", "trend").out) == SCHEMA


def test_every_format_is_made() -> None:
    assert all(len(render(name, full())) > 1000 for name in FORMATS)
