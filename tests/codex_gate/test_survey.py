"""The priorities of built repositories (tests/codex_gate/surveyed.py), and the command."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import jsonschema
import pytest

import codex_gate
from codex_gate import config, szz
from codex_gate import survey as module
from codex_gate.config import Ignore, Settings
from codex_gate.errors import GitError, UsageError
from codex_gate.model import Model, default_directory
from codex_gate.policy import Policy
from codex_gate.priority import WINDOW, Frequency, Priorities
from codex_gate.screen import Screener
from codex_gate.survey import survey
from codex_gate.taxonomy import UNCLASSIFIED, DefectCategory
from tests.codex_gate import surveyed
from tests.codex_gate.samples import call
from tests.conftest import ADA, BOB, DAY, START, Node, Repo

MakeRepo = Callable[..., Repo]
SCHEMA = json.loads(Path(codex_gate.__file__).with_name("priority.schema.json").read_text("utf-8"))
NOW = START + 10_000 * DAY


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, git_environ: dict[str, str]) -> tuple[Repo, list[str]]:
    repo = Repo(tmp_path_factory.mktemp("surveyed") / "repo", git_environ)
    return repo, repo.build(surveyed.nodes())


def run(repo: Repo, settings: Settings | None = None, **more: object) -> Priorities:
    return survey(repo.open(), default_directory(), Policy(settings), NOW, **more)  # type: ignore[arg-type]


# -- the fixes -----------------------------------------------------------------------------------------


def test_categories_of_past_fixes_give_the_matrix(built: tuple[Repo, list[str]]) -> None:
    found = run(built[0])
    assert (found.n_commits, found.n_fixes, found.is_known) == (40, 26, True)
    rows = {row.category: row for row in found.rows}
    assert (rows[DefectCategory.ConcurrencyBugs].n, rows[DefectCategory.ResourceLeaks].n) == (20, 5)
    assert rows[DefectCategory.ConcurrencyBugs].frequency is Frequency.FREQUENT
    assert found.rows[0].category is DefectCategory.ConcurrencyBugs and found.rows[0].priority == "critical"
    assert DefectCategory.MemorySafety in found.absent
    assert (found.head, found.since, found.until) == (built[1][-1], START, START + 39 * DAY)


def test_the_same_commit_gives_the_same_whatever_came_later(built: tuple[Repo, list[str]], make_repo: MakeRepo) -> None:
    repo, shas = built
    alone = make_repo("alone")
    alone.build(surveyed.nodes()[:30])
    then, now = run(repo, branch=shas[29]), run(alone)
    assert (then.rows[0], then.n_fixes, [(f.path, f.score) for f in then.files]) == (now.rows[0], now.n_fixes, [(f.path, f.score) for f in now.files])
    assert {p.name for p in repo.path.iterdir()} == {".git"}


def test_the_window_ends_ten_years_before_the_last_commit(repo: Repo) -> None:
    late = START + (WINDOW + 1) * DAY
    repo.build(
        [
            Node({"a.py": "x = 1\n", "b.py": "y = 1\n"}, (), ADA, START, "begin"),
            Node({"a.py": "x = 2\n"}, (0,), ADA, START + 2 * DAY, "fix: crash"),
            Node({"b.py": "y = 2\n"}, (1,), BOB, late, "fix: wrong value"),
        ]
    )
    found = run(repo)
    assert (found.n_commits, found.n_fixes) == (2, 2)
    found = run(repo, since=datetime.fromtimestamp(late, UTC).date())
    assert (found.n_commits, found.n_fixes, [f.path for f in found.files if f.commits]) == (1, 1, ["b.py"])
    narrow = run(repo, Settings(include=("b.py",)))
    assert (narrow.n_commits, narrow.n_fixes) == (1, 1)  # both are counted in the paths that are looked at
    with pytest.raises(UsageError, match=r"no commit, merges aside, was made since 2999-01-01, and the last one here is of 2033-12-30; take an earlier day"):
        run(repo, since=date(2999, 1, 1))


def test_merges_count_at_the_commits_that_they_bring(repo: Repo) -> None:
    repo.build(
        [
            Node({"a.py": "x = 1\n", "b.py": "y = 1\n"}, (), ADA, START, "begin"),
            Node({"a.py": "x = 2\n"}, (0,), BOB, START + DAY, "fix: crash"),
            Node({"b.py": "y = 2\n"}, (0,), ADA, START + DAY, "more"),
            Node({"a.py": "x = 2\n"}, (2, 1), ADA, START + 2 * DAY, "Merge: fix a crash"),
        ]
    )
    found = run(repo)
    assert (found.n_commits, found.n_fixes) == (3, 1)
    assert {f.path: (f.commits, f.fixes, f.authors) for f in found.files} == {"a.py": (2, 1, 2), "b.py": (2, 0, 1)}


@pytest.mark.parametrize("when", [0, 253_402_300_799])
def test_clocks_that_lie_cost_nothing(when: int, repo: Repo) -> None:
    repo.build(
        [Node({"a.py": f"x = {k}\n", "b.py": "y = 1\n"}, (k - 1,) if k else (), ADA, when if k == 2 else START + k * DAY, "fix: crash") for k in range(3)]
    )
    found = run(repo)
    assert found.until == START + DAY  # of the newest change whose date can be
    assert found.files and all(math.isfinite(f.score) for f in found.files)


# -- the files -----------------------------------------------------------------------------------------


def test_hot_files_are_program_text_without_tests_and_vendored_copies(built: tuple[Repo, list[str]]) -> None:
    found = {file.path: file for file in run(built[0]).files}
    assert next(iter(found)) == "src/core.py" and set(found) == {"src/core.py", "src/once.py", "src/plain.py", "tool.sh"}
    core, once, shell = (found[name] for name in ("src/core.py", "src/once.py", "tool.sh"))
    assert (core.score, core.complexity, core.commits, core.fixes, core.authors) == (100.0, 13, 38, 25, 3)
    assert (once.commits, once.fixes, once.complexity) == (3, 1, 2)  # under its earlier name too
    assert math.isnan(shell.complexity) and math.isnan(shell.parts["complexity"]) and math.isfinite(shell.score)
    assert [n.text for n in run(built[0]).notices] == ["files of unknown complexity, whose score rests on the rest: 1 is in a language that is not measured"]


def test_a_fix_of_more_files_than_anybody_reviews_counts_for_no_file(repo: Repo) -> None:
    many = {f"src/f{k}.py": "x = 1\n" for k in range(101)}
    repo.build([Node(many, (), ADA, START, "begin"), Node(dict.fromkeys(many, "x = 2\n"), (0,), ADA, START + DAY, "fix: wrong value everywhere")])
    found = run(repo)
    assert found.n_fixes == 1 and {file.fixes for file in found.files} == {0} and {file.commits for file in found.files} == {2}


def test_the_least_touched_files_stay_unmeasured_beyond_the_budget(built: tuple[Repo, list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_BYTES", len(surveyed.core(39)))
    found = run(built[0])
    assert [f.path for f in found.files if not math.isnan(f.complexity)] == ["src/core.py"]
    assert "2 were left out after 0 MiB of text, the least touched" in found.notices[0].text


def test_one_file_is_told_of_as_one() -> None:
    (one,), (two,) = (module._unread(Counter(text=n, budget=n), n) for n in (1, 2))
    assert "1 is in a language that" in one.text and "1 is larger than 256 KiB" in one.text and "1 was left out after" in one.text
    assert "2 are in a language that" in two.text and "2 are larger than 256 KiB" in two.text and "2 were left out after" in two.text


def test_paths_of_the_configuration_leave_files_and_fixes_out(built: tuple[Repo, list[str]]) -> None:
    found = run(built[0], Settings(include=("src/once.py", "src/plain.py")))
    assert {file.path for file in found.files} == {"src/once.py", "src/plain.py"} and found.n_fixes == 1


def test_nothing_is_said_of_ignored_files_but_they_are_compared_with(built: tuple[Repo, list[str]]) -> None:
    ignore = (Ignore(("src/core.py",), (), "goes away", None),)
    whole, found = run(built[0]), run(built[0], Settings(ignore=ignore, fail_on_score=90.0))
    assert [(f.path, f.score) for f in found.files] == [(f.path, f.score) for f in whole.files[1:]] and found.over == []
    assert found.notices[-1].text == "the configuration ignores src/core.py: goes away"


def test_paths_that_hold_nothing_are_refused(built: tuple[Repo, list[str]]) -> None:
    with pytest.raises(UsageError, match=r"no file of program text .* lies in the paths that were asked for; look at --path"):
        run(built[0], Settings(include=("nope/",)))


def test_categories_that_are_ignored_in_a_file_are_not_seen_there(repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the rules alone, without any model of kinds: that one finds evidence in any message, which no ignore of a file takes away."""
    monkeypatch.setattr("codex_gate.hybrid.default_directory", lambda: tmp_path)
    before, after = "ask(u, verify=False)\n", "ask(u)\n"
    repo.build([Node({"a.py": before}, (), ADA, START, "begin"), Node({"a.py": after}, (0,), ADA, START + DAY, "fix: crash")])
    found = survey(repo.open(), tmp_path, Policy(), NOW)
    assert [row.category for row in found.rows if row.n] == [DefectCategory.SecurityVulnerabilities]
    found = survey(repo.open(), tmp_path, Policy(Settings(ignore=(Ignore(("a.py",), ("SecurityVulnerabilities",), "known", None),))), NOW)
    assert (found.n_fixes, found.n_told) == (1, 0)


def test_the_matrix_counts_what_a_screen_says_of_each_fix(built: tuple[Repo, list[str]]) -> None:
    repo = built[0]
    screener = Screener(repo.open(), Model.load(default_directory()), thorough=False)
    fixes = {fix.sha for fix in szz.find_fixes(repo.open().log("HEAD"))}
    said = Counter(f.top.category for f in screener.many(sorted(fixes)) if f.top.category not in (None, UNCLASSIFIED))
    assert said and {row.category.value: row.n for row in run(repo).rows if row.n} == said


def test_a_partial_clone_says_what_it_could_not_read(built: tuple[Repo, list[str]], make_repo: MakeRepo) -> None:
    source = built[0]
    source.git("config", "uploadpack.allowFilter", "true")
    partial = make_repo("partial", bare=True)
    partial.git("fetch", "-q", "--filter=blob:none", f"file://{source.path}", "main:main")
    found = survey(partial.open(), default_directory(), Policy(), NOW, branch="main")
    assert found.notices[0].text == "the contents of 26 of 26 fixes are not in this clone: what kind of defect they are about rests on messages and paths alone"
    assert all(math.isnan(file.complexity) for file in found.files) and found.files[0].path == "src/core.py"
    assert found.rows[0].category is DefectCategory.ConcurrencyBugs  # by the messages


# -- bad input -----------------------------------------------------------------------------------------


def test_a_shallow_clone_is_wrong_use(built: tuple[Repo, list[str]], make_repo: MakeRepo) -> None:
    shallow = make_repo("shallow")
    shallow.git("fetch", "-q", "--depth", "5", f"file://{built[0].path}", "main:seen")
    with pytest.raises(UsageError, match="this clone is shallow: past fixes and who touched the files are not here"):
        run(shallow, branch="seen")


def test_an_unborn_branch_is_wrong_use(repo: Repo) -> None:
    with pytest.raises(GitError, match="the repository has no commits yet"):
        run(repo)


def test_three_commits_without_a_fix_are_told_as_they_are(repo: Repo) -> None:
    repo.build([Node({"a.py": f"x = {k}\n"}, (k - 1,) if k else (), ADA, START + k, "work") for k in range(3)])
    found = run(repo)
    assert (found.n_commits, found.n_fixes, found.is_known, found.files) == (3, 0, False, ())


@pytest.mark.parametrize("name", ['we"ird\n.py', "ü 漢.py", "::error::x.py", "-x.py", "a\tb.py", "$(id).py"])
def test_any_name_is_a_name(name: str, repo: Repo) -> None:
    repo.build([Node({name: f"def f(a):\n    return a or {k}\n", "b.py": "y = 1\n"}, (k - 1,) if k else (), ADA, START + k, "fix: crash") for k in range(3)])
    found = run(repo).files[0]
    assert (found.path, found.commits, found.fixes, found.complexity) == (name, 3, 2, 2)


# -- the command ---------------------------------------------------------------------------------------


def test_the_command_tells_a_table_and_writes_the_page_too(built: tuple[Repo, list[str]], capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    page = tmp_path / "out" / "heat.html"
    said = call(capsys, "priority", "-C", built[0].path, "--html", page)
    assert (said.code, said.err) == (0, "")
    assert "  ConcurrencyBugs             20" in said.out and "  100  src/core.py" in said.out
    assert page.read_text("utf-8").startswith("<!DOCTYPE html>")


def test_json_is_valid_and_holds_every_file(built: tuple[Repo, list[str]], capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    target = tmp_path / "p.json"  # its name chooses the format
    assert call(capsys, "priority", "-C", built[0].path, "--top", "1", "--output", target).code == 0
    found = json.loads(target.read_text("utf-8"))
    jsonschema.Draft202012Validator(SCHEMA).validate(found)
    assert len(found["files"]) == 4 and found["limit"] is None and found["files"][-1]["parts"].keys() == {"complexity", "churn", "fixes", "ownership"}
    assert json.loads(call(capsys, "schema", "priority").out) == SCHEMA


@pytest.mark.parametrize(("limit", "code"), [("100", 1), ("99.5", 1), ("never", 0)])
def test_the_gate_trips_at_the_score_and_names_the_files(limit: str, code: int, built: tuple[Repo, list[str]], capsys: pytest.CaptureFixture[str]) -> None:
    said = call(capsys, "priority", "-C", built[0].path, "--fail-on-score", limit)
    assert said.code == code
    assert said.err == (f"codex-gate: 1 file reaches --fail-on-score {limit}: src/core.py (100)\n" if code else "")


def test_the_gate_can_be_configured_and_a_flag_goes_before_it(
    built: tuple[Repo, list[str]], capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = tmp_path / "gate.yaml"
    chosen.write_text("comment: high\nfail-on-score: 95\n")
    said = call(capsys, "priority", "-C", built[0].path, "--config", chosen)
    assert said.code == 1 and said.err == f"codex-gate: 1 file reaches fail-on-score 95 ({chosen}, line 2): src/core.py (100)\n"
    assert call(capsys, "priority", "-C", built[0].path, "--config", chosen, "--fail-on-score", "never").code == 0
    monkeypatch.setenv("CODEX_GATE_FAIL_ON_SCORE", "100")
    assert "fail-on-score 100 (CODEX_GATE_FAIL_ON_SCORE)" in call(capsys, "priority", "-C", built[0].path).err


@pytest.mark.parametrize("value", ["0", "101", "high", "-1", "1e2", "9" * 40])
def test_a_score_that_cannot_be_is_one_sentence(value: str, built: tuple[Repo, list[str]], capsys: pytest.CaptureFixture[str]) -> None:
    said = call(capsys, "priority", "-C", built[0].path, f"--fail-on-score={value}")
    assert (said.code, said.out) == (2, "")
    assert f"error: argument --fail-on-score: {value[:60]!r}; expected a score above 0 and up to 100, for example 95, or never" in said.err
    with pytest.raises(Exception, match="expected a score above 0"):
        config.load(config.Source("c", f"fail-on-score: '{value}'\n".encode()), {}, {})


@pytest.mark.parametrize(
    "given", [["--half-life", "0"], ["--half-life", "nan"], ["--half-life", "inf"], ["--half-life", "99999999"], ["--top", "0"], ["--top", "x"]], ids=" ".join
)
def test_what_cannot_be_typed_is_wrong_use(given: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    said = call(capsys, "priority", *given)
    assert said.code == 2 and f"got '{given[1]}', expected" in said.err
    assert given[0] == "--top" or "expected days from 1 to 1,000,000, for example 365" in said.err


def test_a_day_that_is_none_is_wrong_use(built: tuple[Repo, list[str]], capsys: pytest.CaptureFixture[str]) -> None:
    said = call(capsys, "priority", "-C", built[0].path, "--since", "yesterday")
    assert said.code == 2 and "'yesterday' is no date; expected YYYY-MM-DD" in said.err
