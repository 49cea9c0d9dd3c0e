"""The backtest's three formats, and the command."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

import codex_gate
from codex_gate.backtest import Backtest, Change, Repair
from codex_gate.intervals import Interval
from codex_gate.reporters.backtest import FORMATS, render, words
from codex_gate.reporters.layout import cells
from codex_gate.types import Level, Notice
from tests.codex_gate import replayed
from tests.codex_gate.samples import call, write_model
from tests.codex_gate.test_backtest import DAY, backtest, twenty
from tests.conftest import Repo
from tests.pages import check

SCHEMA = json.loads(Path(codex_gate.__file__).with_name("backtest.schema.json").read_text("utf-8"))


def unfixed() -> Backtest:
    return backtest(tuple(replace(c, repair=None) for c in twenty()))


def hostile() -> Backtest:
    return replace(
        backtest(tuple(replace(c, title=replayed.HOSTILE + "\n::error::x") for c in twenty())),
        repository=f"/x/{replayed.HOSTILE}",
        model_version=replayed.HOSTILE,
        notices=(Notice("x", replayed.HOSTILE),),
        seen=3,
    )


@pytest.mark.parametrize("width", [40, 60, 80, 120])
@pytest.mark.parametrize("make", [backtest, unfixed, hostile])
def test_no_line_is_wider_than_the_terminal(make: Callable[[], Backtest], width: int) -> None:
    for line in render("terminal", make(), width=width).splitlines():
        assert cells(line) <= width, line


def test_thresholds_that_differ_are_written_apart() -> None:
    quiet = backtest(tuple(replace(c, risk=c.risk / 2000) for c in twenty()))
    table = [line.split("%")[0] for line in render("terminal", quiet).splitlines() if re.match(r"(→| ) above", line)]
    assert len(table) > 2 and len({line.strip("→ ") for line in table}) == len(table), table
    assert "flag a risk above 0.042 %" in " ".join(render("terminal", quiet).split()) and "above 0.042 % ←" in render("html", quiet).replace("\xa0", " ")


def test_the_terminal_says_what_counts() -> None:
    said = " ".join(render("terminal", backtest()).split())
    assert "20 changes" in said and "17 are at least 14 days old" in said and "3 of them (18 %) needed a fix" in said
    assert "2 younger ones and 1 very large or doubtful one are counted as flagged or not, but not judged" in said
    assert "For at most 1 in 10 changes, flag a risk above 85.0 %: 2 flags in 20 changes, one in 10 weeks" in said
    assert "Of the 1 that can be judged, 1 needed a fix: 100 % (21 to 100 %), against 18 % of all. That finds 33 %" in said
    assert "in doubt" not in said
    assert "codex-gate screen --fail-on high" in said
    assert "→ above 85.0 %" in said
    assert "fixed after 7 days" in said and "cannot be told" in said and "too young to judge" in said and "no fix" in said


def test_what_fixes_accuse_in_doubt_is_counted_beside_what_is_right() -> None:
    doubtful = tuple(replace(c, doubtful=c.large or not c.risk, large=False) for c in twenty())
    said = " ".join(render("terminal", backtest(doubtful)).split())
    assert "Fixes still to come will raise these shares. Of all changes a fix accuses 2 more in doubt, 1 of them flagged." in said
    found = json.loads(render("json", backtest(doubtful)))
    assert found["n_doubtful"] == 2 and found["proposal"]["flags"]["doubtful"] == 1
    assert sorted(round(20 * one["risk"]) for one in found["changes"] if one["doubtful"]) == [0, 18]
    none_judged = tuple(replace(c, large=0.85 <= c.risk != 0.95, doubtful=c.risk == 0.95) for c in twenty())
    said = " ".join(render("terminal", backtest(none_judged)).split())
    assert "2 flags in 20 changes, one in 10 weeks. Of all changes a fix accuses 1 more in doubt, 1 of them flagged." in said


@pytest.mark.parametrize(
    ("risk", "says"),
    [
        (0.19, "observed 18 % so far: they fit."),
        (0.40, "observed 18 % so far: they fit."),  # seventeen changes tell no better
        (0.45, "observed 18 % so far: the fixes that are still to come may make up for it."),
        (0.83, "observed 18 % so far: they are too high here by 65 points: trust the order more than the number."),
        (0.05, "observed 18 % so far: they are too low here by 13 points"),
    ],
)
def test_probabilities_fit_where_chance_explains_the_rest(risk: float, says: str) -> None:
    assert says in words.fit(backtest(tuple(replace(c, risk=risk) for c in twenty())))


def test_a_handful_of_changes_tells_nothing_of_probabilities() -> None:
    some = backtest(twenty()[:12])
    assert 0 < len(some.judged) < 15 and "so far: too few to tell." in words.fit(some)


def test_many_changes_tell_a_small_error() -> None:
    """Five per cent said and less than one observed are not the same thing where hundreds of changes tell."""
    many = tuple(replace(c, sha=f"{k:020x}{c.sha[20:]}", risk=0.05, repair=None if k else c.repair) for k in range(50) for c in twenty())
    assert "they are too high here by 5 points" in words.fit(backtest(many))
    assert "still to come may make up for it" in words.fit(backtest(tuple(replace(c, risk=0.018) for c in many)))
    assert "they fit" in words.fit(backtest(tuple(replace(c, risk=0.012) for c in many)))


def test_the_terminal_without_a_fix_counts_flags_and_claims_nothing() -> None:
    said = " ".join(render("terminal", unfixed()).split())
    assert "No later commit repairs any of these changes" in said and "2 flags in 20 changes" in said
    assert "Probabilities" not in said and "nan" not in said and "that can be judged" not in said


def test_a_model_that_saw_the_answers_is_called_out() -> None:
    seen = replace(backtest(), seen=7)
    for name in ("terminal", "html"):
        assert "learned from 7 of these changes" in " ".join(render(name, seen).split())
        assert "learned from" not in render(name, backtest())
    assert json.loads(render("json", seen))["n_learned_from"] == 7


def test_colour_and_plain_say_the_same_words() -> None:
    plain = render("terminal", backtest(), width=80)
    painted = render("terminal", backtest(), width=80, colour=True, rich=True)
    assert "\x1b[" in painted and re.sub(r"\x1b\[[\d;]*m", "", painted) == plain


@pytest.mark.parametrize("make", [backtest, unfixed, hostile])
def test_json_is_strict_and_valid(make: Callable[[], Backtest]) -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    text = render("json", make())
    found = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    jsonschema.validate(found, SCHEMA)
    assert text.isascii() and "##[" not in text


def test_json_holds_every_change_and_the_figures() -> None:
    found = json.loads(render("json", backtest()))
    assert [c["risk"] for c in found["changes"]] == [c.risk for c in twenty()]
    assert sum(c["judged"] for c in found["changes"]) == found["n_judged"] == 17
    assert found["proposal"]["flags"]["n"] == 2 and found["proposal"]["threshold"] == 0.85
    assert found["ripening_days"] == 14 and found["missing"] is None
    assert found["changes"][0]["repair"]["time"] == twenty()[0].time + 7 * DAY


def test_json_without_a_fix_says_what_is_missing() -> None:
    found = json.loads(render("json", unfixed()))
    assert "no later commit" in found["missing"] and found["ripening_days"] is None
    assert found["proposal"]["flags"]["precision"] == {"value": None, "low": 0.0, "high": 1.0}


@pytest.mark.parametrize("make", [backtest, unfixed, hostile])
def test_the_page_is_whole_and_asks_for_nothing(make: Callable[[], Backtest]) -> None:
    check(render("html", make()))


def test_the_page_holds_the_same_figures() -> None:
    page = check(render("html", backtest()))
    text = page.text.replace("\u00a0", " ")
    assert "Backtest of repo" in text and words.proposed(backtest().proposal(), backtest()) in text
    drawn = {attributes.get("aria-label") for tag, attributes in page.tags if tag == "svg"}
    assert drawn == {"Noise and worth", "Risk over time", "Calibration", None}
    assert all(f"change {k}" in text for k in range(20))


def test_hostile_titles_are_shown_and_do_nothing() -> None:
    page = check(render("html", hostile()))
    assert "<script>alert(1)</script>" in page.text and "\u202e" not in page.text
    terminal = render("terminal", hostile())
    assert "\u202e" not in terminal and "##[" not in terminal and not re.search(r"^\s*::", terminal, re.MULTILINE)


@pytest.mark.parametrize(
    ("part", "text"),
    [(0.1, "at most 1 in 10 changes"), (0.05, "at most 1 in 20 changes"), (1 / 3, "at most 1 in 3 changes"), (0.3, "at most 30 % of the changes")],
)
def test_budgets_in_words(part: float, text: str) -> None:
    assert words.budget(part) == text


@pytest.mark.parametrize(("per_week", "text"), [(0, "none"), (0.02, "one in 50 weeks"), (0.4, "one in 2 weeks"), (0.9, "0.9 a week"), (12.34, "12.3 a week")])
def test_rates_in_words(per_week: float, text: str) -> None:
    assert words.rate(per_week) == text


@pytest.mark.parametrize(("days", "text"), [(0.1, "1 day"), (1, "1 day"), (91, "91 days"), (92, "3 months"), (700, "23 months"), (800, "2.2 years")])
def test_spans_in_words(days: float, text: str) -> None:
    assert words.about(days * DAY) == text


def test_shares_in_words() -> None:
    assert [words.share(v) for v in (math.nan, 0.0, 0.001, 0.5, 0.999, 1.0)] == ["–", "0 %", "<1 %", "50 %", ">99 %", "100 %"]
    assert words.area(Interval(0.84, 0.78, 0.9)) == "0.84 (0.78 to 0.90)" and words.area(Interval(0.84, math.nan, math.nan)) == "0.84"


# -- the command -------------------------------------------------------------------------------------


@pytest.fixture
def where(repo: Repo, tmp_path: Path) -> tuple[str | Path, ...]:
    replayed.build(repo)
    return ("backtest", "-C", repo.path, "--model", write_model(tmp_path / "model"))


def test_the_command_in_every_format(where: tuple[str | Path, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = call(capsys, *where)
    assert said.code == 0 and said.out.startswith("Backtest  70 changes, 2024-01-01 to 2024-03-10") and said.err == ""
    assert "2 of them (4 %) needed a fix" in " ".join(said.out.split())
    for name in FORMATS:
        target = tmp_path / f"out.{name}"
        assert call(capsys, *where, "--format", name, "--output", target).out == ""
        assert target.stat().st_size > 1000
    jsonschema.validate(json.loads((tmp_path / "out.json").read_text("utf-8")), SCHEMA)
    assert "<script>alert(1)</script>" in check((tmp_path / "out.html").read_text("utf-8")).text


def test_options_reach_the_replay(where: tuple[str | Path, ...], capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(call(capsys, *where, "--format", "json", "--last", "60", "--noise-budget", "5").out)
    assert found["n_changes"] == 60 and found["proposal"]["noise_budget"] == 0.05 and found["proposal"]["flags"]["n"] <= 3
    found = json.loads(call(capsys, *where, "--format", "json", "--since", "2024-01-16").out)
    assert found["n_changes"] == 55


@pytest.mark.parametrize(
    ("options", "words_"),
    [
        (("--noise-budget", "100"), "below 100 %, got 100"),
        (("--noise-budget", "0"), "--noise-budget: '0'; expected a percentage above 0"),
        (("--noise-budget", "nan"), "--noise-budget: 'nan'; expected a percentage above 0"),
        (("--since", "yesterday"), "'yesterday' is no date; expected YYYY-MM-DD"),
        (("--last", "0"), "at least 1, got 0"),
        (("--last", "20"), "20 changes to replay"),
        (("--last", "60", "--since", "2024-01-01"), "not allowed with"),
    ],
)
def test_wrong_use_is_a_sentence_and_2(where: tuple[str | Path, ...], options: tuple[str, ...], words_: str, capsys: pytest.CaptureFixture[str]) -> None:
    said = call(capsys, *where, *options)
    assert said.code == 2 and said.out == "" and words_ in said.err


def test_one_change_that_can_be_judged_is_one() -> None:
    def one(*after: int) -> Backtest:
        """Changes a day apart; each of the first ones was repaired after so many days."""
        repairs = [Repair("f" * 40, "e" * 40, (k + days) * DAY) for k, days in enumerate(after)]
        changes = [
            Change(f"{k:040x}", "t", k * DAY, 0.1, Level.LOW, 1.0, True, False, repair) for k, repair in enumerate([*repairs, *[None] * (12 - len(repairs))])
        ]
        return Backtest("/r", "test-1", tuple(changes), "labels are made up", 0, (), 1.0, 0.1)

    assert (
        words.judgement(one(11))
        == "1 is at least 11 days old, the age by which half of the fixes here had come; it needed a fix. 11 younger ones are counted as flagged or not, but not judged."
    )
    assert words.judgement(one(10)).startswith("2 are at least 10 days old, the age by which half of the fixes here had come; 1 of them (50 %) needed a fix.")
    quiet = one(10)
    assert f"{words.proposed(quiet.proposal(), quiet)} ".startswith(
        f"For at most 1 in 10 changes, flag a risk {words.limit(quiet.proposal().threshold, quiet)}: no flag in 12 changes."
    )


def test_without_a_fix_the_command_is_done_in_part(repo: Repo, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for k in range(55):
        repo.write("a.py", f"x = {k}\n")
        repo.commit("work")
    said = call(capsys, "backtest", "-C", repo.path, "--model", write_model(tmp_path / "model"))
    assert said.code == 5 and "done in part: no later commit repairs" in said.err and "no flag in 55 changes." in said.out


def test_the_configuration_holds_for_a_backtest(where: tuple[str | Path, ...], repo: Repo, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "ours.yaml").write_text("paths: {exclude: [part10.py]}\n")
    assert json.loads(call(capsys, *where, "--format", "json", "--config", tmp_path / "ours.yaml").out)["n_changes"] == 67
    (tmp_path / "ours.yaml").write_text("paths: {exlude: [part10.py]}\n")
    said = call(capsys, *where, "--config", tmp_path / "ours.yaml")
    assert said.code == 2 and "did you mean exclude?" in said.err


def test_the_schema_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert json.loads(call(capsys, "schema", "backtest").out) == SCHEMA
    assert json.loads(call(capsys, "schema").out)["title"] == "codex-gate report"
