"""`codex-gate explain` and `screen --lines`: what they print, and that the parts of an explanation add up."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from codex_gate.model import default_directory
from codex_gate.reporters.explanation import _tenths
from codex_gate.reporters.layout import cells
from tests.codex_gate.samples import Said, add_ranker, call, write_model
from tests.conftest import ADA, BOB, START, Node, Repo

MakeRepo = Callable[..., Repo]
GOLDEN = Path(__file__).parent.parent / "golden" / "explain"
SCHEMA = json.loads((files("codex_gate") / "report.schema.json").read_text("utf-8"))
WEIGHTS = {"calls": 1.0, "kind_condition": 2.0, "comparisons": 0.5, "like_other_side": -1.0}


def valid(text: str, part: str = "") -> dict[str, Any]:
    found: dict[str, Any] = json.loads(text)
    schema = {"$ref": f"#{part}", **{key: SCHEMA[key] for key in ("$schema", "$defs", "$id")}} if part else SCHEMA
    jsonschema.Draft202012Validator(schema).validate(found)
    return found


@pytest.fixture
def project(make_repo: MakeRepo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repo:
    """Sixty small commits, then one that adds, edits, renames and deletes, with text that wants to be obeyed."""
    repo = make_repo()
    repo.build(Node({f"src/f{k % 5}.py": f"x = {k}\n" * (1 + k % 4)}, (k - 1,) if k else (), (ADA, BOB)[k % 2], START + k * 86_400, "work") for k in range(60))
    repo.git("checkout", "-q", "-f", "main")
    repo.write("src/old.py", "".join(f"value_{k} = {k}\n" for k in range(12)))
    repo.commit("prepare", date=START + 65 * 86_400)
    repo.git("mv", "src/old.py", "src/new.py")
    repo.write("src/new.py", "".join(f"value_{k} = {k}\n" for k in range(12) if k != 4) + "\x1b[31mred = call(1)\n::error::x = call(2)\n")
    repo.write("src/core.py", "# what it does\ndef work(jobs):\n    if len(jobs) > limit(jobs):\n        return run(jobs)\n\n    return None\n" * 2)
    repo.remove("src/f3.py")
    repo.commit("Rework the core", author=BOB, date=START + 70 * 86_400)
    monkeypatch.chdir(repo.path)
    add_ranker(write_model(tmp_path / "model"), **WEIGHTS)
    return repo


@pytest.fixture
def gate(project: Repo, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    return lambda *args: call(capsys, *args, "--model", tmp_path / "model")


# -- explain -------------------------------------------------------------------------------------------


def test_explanation_is_the_golden_one(gate: Callable[..., Said], project: Repo) -> None:
    said = gate("explain", "HEAD")
    assert said.code == 0
    assert re.sub(r"\d+\.\d+ m?s$", "T s", said.out, flags=re.MULTILINE) == (GOLDEN / "small.txt").read_text("utf-8")
    found = valid(gate("explain", "HEAD", "--format", "json").out, "explanation")
    found["repository"], found["tool"]["version"] = "R", "V"
    assert found == json.loads((GOLDEN / "small.json").read_text("utf-8"))


def test_explanation_fits_its_width_and_hides_nothing(gate: Callable[..., Said]) -> None:
    said = gate("explain", "HEAD")
    assert all(cells(line) <= 80 for line in said.out.splitlines())
    assert said.out.replace("\n", "").isprintable()
    assert r"\u{1b}[31mred" in said.out
    assert not re.search(r"^\s*::", said.out, re.MULTILINE)


@pytest.mark.parametrize("revision", ["HEAD", "HEAD~1", "HEAD~7", "HEAD~61"])
def test_contributions_of_the_shipped_model_add_up_to_the_risk(project: Repo, capsys: pytest.CaptureFixture[str], revision: str) -> None:
    found = valid(call(capsys, "explain", revision, "--format", "json", "--model", default_directory()).out, "explanation")
    total = found["base"] + sum(share["contribution"] for share in found["contributions"])
    assert len({share["feature"] for share in found["contributions"]}) == len(found["contributions"]) > 2
    assert total == pytest.approx(found["risk"], abs=6e-5)  # the risk has four digits


def test_terms_of_the_terminal_add_up_too(gate: Callable[..., Said]) -> None:
    numbers = printed(gate("explain", "HEAD").out)
    assert sum(numbers[:-1]) == numbers[-1] == 600
    assert len(numbers) >= 4


def printed(text: str) -> list[int]:
    """The numbers of the sum of measures as they are printed, in tenths of a point."""
    block = text.split("Measures (one by one, in points of risk)\n")[1].split("\n\n")[0].splitlines()
    return [round(10 * float(line.split()[0].replace("−", "-"))) for line in block if line[:10].strip()]


@pytest.mark.parametrize("revision", ["HEAD", "HEAD~1", "HEAD~7", "HEAD~61"])
def test_terms_of_the_shipped_model_add_up_as_they_are_printed(project: Repo, capsys: pytest.CaptureFixture[str], revision: str) -> None:
    numbers = printed(call(capsys, "explain", revision, "--model", default_directory()).out)
    assert sum(numbers[:-1]) == numbers[-1]


@pytest.mark.parametrize(
    ("terms", "tenths"),
    [
        ([0.30004, 0.10004, -0.05004], [300, 100, -50, 350]),
        ([0.3004, 0.1003, 0.0502, 0.0501], [301, 100, 50, 50, 501]),  # each rounded alone: 500
        ([0.00046, 0.00046, 0.00046], [1, 0, 0, 1]),
        ([0.1, -0.00045, -0.00046], [100, 0, -1, 99]),
        ([0.2], [200, 200]),
    ],
)
def test_rounded_terms_add_up_to_the_rounded_sum(terms: list[float], tenths: list[int]) -> None:
    assert _tenths(terms, sum(terms)) == tenths
    assert all(abs(1000 * term - whole) < 1 for term, whole in zip(terms, tenths, strict=False))


def test_explained_lines_are_all_there_riskiest_first_with_their_text(gate: Callable[..., Said], project: Repo) -> None:
    found = valid(gate("explain", "HEAD", "--format", "json").out, "explanation")
    scores = [line["score"] for line in found["lines"]]
    assert scores == sorted(scores, reverse=True)
    counts = [row.split("\t") for row in project.git("diff", "-M", "--numstat", "HEAD~1", "HEAD").splitlines()]
    assert len(scores) == sum(int(a) + int(d) for a, d, _ in counts)
    assert found["lines"][0]["text"] == "    if len(jobs) > limit(jobs):"
    assert found["hunks"][0]["path"] == "src/core.py" and found["hunks"][0]["score"] == scores[0]
    assert [h["score"] for h in found["hunks"]] == sorted((h["score"] for h in found["hunks"]), reverse=True)


def test_lines_alike_are_listed_once_in_the_terminal_and_all_in_json(gate: Callable[..., Said]) -> None:
    block = gate("explain", "HEAD").out.split("Riskiest lines\n")[1].split("\n\n")[0].splitlines()
    assert block[:2] == ["  0.971  src/core.py:3 and 1 like it", "         + if len(jobs) > limit(jobs):"]
    told = [line.strip() for line in block[1::2]]
    assert len(told) == len(set(told))
    more = [int(found) + 1 for found in re.findall(r" and (\d+) like it$", "\n".join(block), re.MULTILINE)]
    rest = re.search(r"and (\d+) more lines?$", block[-1])
    listed = [line["text"] for line in json.loads(gate("explain", "HEAD", "--format", "json").out)["lines"]]
    assert len(block[:-1:2]) - len(more) + sum(more) + (int(rest[1]) if rest else 0) == len(listed) > len(set(listed))


def test_explain_of_what_cannot_be_explained_says_so(gate: Callable[..., Said], project: Repo, make_repo: MakeRepo, tmp_path: Path) -> None:
    said = gate("explain", "no-such")
    assert said.code == 2 and "no-such" in said.err
    project.git("clone", "-q", "--depth", "2", f"file://{project.path}", str(tmp_path / "shallow"))
    said = gate("explain", "HEAD~1", "-C", tmp_path / "shallow")
    assert said.code == 2 and "fetch-depth: 0" in said.err
    said = gate("explain", "HEAD", "-C", tmp_path / "shallow")
    assert said.code == 0 and "shallow" in said.out


def test_model_without_a_ranker_explains_without_lines(project: Repo, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_model(tmp_path / "bare")
    said = call(capsys, "explain", "HEAD", "--model", tmp_path / "bare")
    assert said.code == 0 and "Measures" in said.out and "Riskiest" not in said.out
    said = call(capsys, "screen", "--commit", "HEAD", "--format", "json", "--lines", "3", "--model", tmp_path / "bare")
    assert said.code == 2 and "has no line ranker" in said.err
    assert call(capsys, "screen", "--commit", "HEAD", "--format", "json", "--model", tmp_path / "bare").code == 0


def test_a_damaged_ranker_is_the_fault_of_the_model_that_was_named(gate: Callable[..., Said], tmp_path: Path) -> None:
    (tmp_path / "model" / "lines.json").write_text("{}")
    said = gate("explain", "HEAD")
    assert said.code == 2 and "lines.json" in said.err and "restore it, or name another model" in said.err


# -- screen --lines --------------------------------------------------------------------------------------


def test_lines_of_a_single_screen_are_in_the_order_of_the_diff_or_riskiest_first(gate: Callable[..., Said], project: Repo) -> None:
    every = valid(gate("screen", "--commit", "HEAD", "--format", "json", "--lines", "all").out)["change"]["lines"]
    places = [(line["path"].replace("old", "new"), line["side"], line["line"]) for line in every]
    assert [p[0] for p in places] == sorted(p[0] for p in places)
    assert len(set(places)) == len(places)
    (row,) = gate("screen", "--commit", "HEAD", "--format", "jsonl", "--lines", "3").out.splitlines()
    best = valid(row, "row")["lines"]
    assert [line["score"] for line in best] == sorted((line["score"] for line in every), reverse=True)[:3]
    assert {"path": "src/old.py", "side": "deleted", "line": 5} in [{k: v for k, v in line.items() if k != "score"} for line in every]


def test_lines_are_the_same_at_every_surface(gate: Callable[..., Said], project: Repo, tmp_path: Path) -> None:
    (tmp_path / "list").write_text(project.git("rev-parse", "HEAD", "HEAD~1"))
    one = valid(gate("screen", "--commit", "HEAD", "--format", "json", "--lines", "all").out)["change"]["lines"]
    rows = [valid(text, "row") for text in gate("screen", "--commits", tmp_path / "list", "--lines", "all").out.splitlines()]
    whole = valid(gate("screen", "HEAD~2..HEAD", "--format", "json", "--lines", "all").out)
    assert rows[1]["lines"] == one == whole["commits"][1]["lines"]
    assert rows[0]["lines"] == whole["commits"][0]["lines"]
    assert len(whole["change"]["lines"]) > 0
    project.git("reset", "-q", "--soft", "HEAD~1")
    assert valid(gate("screen", "--staged", "--format", "json", "--lines", "all").out)["change"]["lines"] == one


def test_nobody_gets_lines_without_asking(gate: Callable[..., Said]) -> None:
    assert "lines" not in valid(gate("screen", "--commit", "HEAD", "--format", "json").out)["change"]


@pytest.mark.parametrize("number", ["0", "-1", "x", "1.5", "²", "9999999999"])
def test_number_of_lines_must_be_one(gate: Callable[..., Said], number: str) -> None:
    said = gate("screen", "--commit", "HEAD", "--format", "json", f"--lines={number}")
    assert said.code == 2 and "expected a number of lines from 1 on, or all" in said.err


@pytest.mark.parametrize("chosen", [[], ["--format", "markdown"], ["--format", "sarif"]])
def test_lines_are_for_programs(gate: Callable[..., Said], chosen: list[str]) -> None:
    said = gate("screen", "--commit", "HEAD", "--lines", "3", *chosen)
    assert said.code == 2 and "--format json or jsonl" in said.err


def test_place_to_look_first_is_the_riskiest_line_that_is_still_there(gate: Callable[..., Said]) -> None:
    found = {f["path"]: f["line"] for f in valid(gate("screen", "--commit", "HEAD", "--format", "json").out)["change"]["files"]}
    assert found["src/core.py"] == 3
    assert found["src/new.py"] in (12, 13)
    assert "src/f3.py" not in found or found["src/f3.py"] is None
    sarif = json.loads(gate("screen", "--commit", "HEAD", "--format", "sarif").out)
    places = [r["locations"][0]["physicalLocation"] for r in sarif["runs"][0]["results"] if r["ruleId"] == "codex-gate/risk"]
    assert [p["region"]["startLine"] for p in places] in ([], [3], [12], [13])
