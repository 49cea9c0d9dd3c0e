"""The order of steps: what is asked of a repository gives the same verdict by every way of asking."""

from __future__ import annotations

import itertools
import json
import math
import os
import random
import re
import shutil
import socket
import stat
import subprocess
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from codex_gate import screen
from codex_gate.config import Ignore, Settings
from codex_gate.errors import GitError, RangeError, UsageError
from codex_gate.features import FEATURE_NAMES, HISTORY_NAMES, MESSAGE_NAMES
from codex_gate.levels import MIN_CHANGES, N_RECENT
from codex_gate.model import Model, default_directory
from codex_gate.policy import Policy
from codex_gate.rules import fired
from codex_gate.screen import Screener, pick
from codex_gate.taxonomy import DefectCategory
from codex_gate.types import Commit, CommitFeatures, Evidence, Finding, Level, Report
from tests.codex_gate.samples import FakeModel, call, random_history, verdict, write_model
from tests.conftest import ADA, BOB, DAY, EVE, HOUR, START, Node, Repo

MakeRepo = Callable[..., Repo]
WHEN = START + 500 * 86_400


def screener(repo: Repo, path: Path | None = None) -> Screener:
    return Screener(repo.open(path), FakeModel())


def change(report: Report) -> Finding:
    assert report.change is not None
    return report.change


def measures(finding: Finding, *without: str) -> dict[str, float | None]:
    return {name: value for name, value in finding.features.known().items() if name not in without}


def straight(repo: Repo, n: int) -> list[str]:
    """A checked-out branch of n commits."""
    people = [ADA, BOB, EVE]
    shas = repo.build(
        Node(
            {f"src/f{k % 4}.py": f"x = {k}\n" * (1 + k % 9), "README.md": f"{k}\n"},
            (k - 1,) if k else (),
            people[k % 3],
            START + k * 86_400,
            "fix it" if k % 5 == 0 else "work",
        )
        for k in range(n)
    )
    repo.git("checkout", "-q", "-f", "main")
    return shas


@pytest.fixture
def long(make_repo: MakeRepo) -> Repo:
    """Sixty commits: enough for levels."""
    repo = make_repo()
    straight(repo, 60)
    return repo


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_model(tmp_path / "model")


# -- ranges --------------------------------------------------------------------------------------------


def test_a_range_means_what_a_pull_request_means(long: Repo) -> None:
    """main went on after the branch left it: what main did is no part of the change."""
    long.branch("topic", "main~3")
    long.write("src/new.py", "x = 1\ny = 2\n")
    long.commit("add new", author=BOB)
    report = screener(long).range("main", "topic", "main..topic")
    found = change(report)
    assert (found.features["nf"], found.features["la"], found.features["ld"]) == (1, 2, 0)
    assert [f.sha for f in report.commits] == [long.git("rev-parse", "topic")]
    assert report.scope == "main..topic"


def test_a_branch_scores_the_same_whether_main_went_on_or_not(long: Repo) -> None:
    long.branch("topic", "main~3")
    long.write("src/f1.py", "other = 1\n")
    long.commit("change f1", author=BOB)
    beside = change(screener(long).range("main", "topic", "x"))
    straight_on = change(screener(long).range("main~3", "topic", "x"))
    assert verdict(beside) == verdict(straight_on)


def merge_at(repo: Repo, branch: str, when: str) -> str:
    return repo.merge(branch, author=BOB, date=when)


def test_a_squashed_change_equals_the_row_of_its_merge(long: Repo) -> None:
    long.branch("topic", "main")
    when = f"{WHEN} +0200"
    for k in range(3):
        long.write(f"src/f{k}.py", f"topic = {k}\n")
        long.write(f"lib/g{k}.py", f"def g(x):\n    return x if x > {k} else 0\n")
        long.commit(f"step {k}", author=EVE, date=f"{WHEN - HOUR * (3 - k)} +0200" if k < 2 else when)
    squashed = screener(long).range("main", "topic", "x")
    long.checkout("main")
    merge = merge_at(long, "topic", when)
    merged = screener(long).commit(merge, merge)
    assert measures(change(squashed), *MESSAGE_NAMES) == measures(change(merged), *MESSAGE_NAMES)
    assert change(squashed).features["nf"] == 6
    assert (change(squashed).risk, change(squashed).percentile, change(squashed).level) == (
        change(merged).risk,
        change(merged).percentile,
        change(merged).level,
    )
    (row,) = Screener(long.open(), FakeModel()).many([merge])
    assert measures(row, "complexity_delta") == measures(change(merged), "complexity_delta")


def test_a_squashed_change_takes_its_message_from_its_commits(make_repo: MakeRepo) -> None:
    repo = make_repo()
    straight(repo, 3)
    repo.branch("topic")
    repo.write("a.py", "x = 1\n")
    repo.commit("tidy up")
    repo.write("a.py", "x = 2\n")
    repo.commit("fix crash on start")
    found = change(screener(repo).range("main", "topic", "x"))
    assert found.features["fix"] == 1
    assert found.features["message_length"] == len("tidy up") + 2 + len("fix crash on start")
    assert found.title == "2 commits, the last: fix crash on start"


def test_merges_inside_a_range_do_not_speak_for_it(make_repo: MakeRepo) -> None:
    repo = make_repo()
    straight(repo, 5)
    repo.branch("topic", "main~2")
    repo.write("a.py", "x = 1\n")
    own = repo.commit("add a", author=EVE)
    merge = repo.merge("main", message="fix: merge main into topic", author=EVE)
    report = screener(repo).range("main", "topic", "x")
    found = change(report)
    assert (found.features["nf"], found.features["fix"], found.title) == (1, 0, "add a")
    assert [f.sha for f in report.commits] == [own]  # the merge brought nothing of its own
    assert found.sha == merge


@pytest.mark.parametrize("swapped", [False, True])  # git takes the newer of the two merge bases
def test_what_the_base_has_is_no_commit_of_a_range_after_merges_both_ways(
    make_repo: MakeRepo, swapped: bool, capsys: pytest.CaptureFixture[str], model: Path
) -> None:
    repo = make_repo()
    straight(repo, 5)
    repo.branch("topic")
    repo.clock += 500 * DAY + swapped * DAY
    repo.write("x.py", "x = 1\n")
    x = repo.commit("add x")
    repo.checkout("main")
    repo.clock += DAY - 2 * swapped * DAY
    repo.write("m.py", "m = 1\n")
    m = repo.commit("fix: add m")
    repo.clock += 3 * DAY
    repo.merge(x)
    repo.checkout("topic")
    repo.merge(m)
    repo.write("y.py", "y = 1\n")
    y = repo.commit("add y")
    assert repo.git("merge-base", "main", "topic") == (x if swapped else m) and len(repo.git("merge-base", "--all", "main", "topic").split()) == 2
    report = screener(repo).range("main", "topic", "x")
    found = change(report)
    assert [f.sha for f in report.commits] == [y]
    assert (found.title, found.features["fix"], found.features["nf"]) == ("add y", 0, 2)
    said = call(capsys, "screen", "-C", repo.path, "--model", model, "--each", "main..topic")
    assert [json.loads(row)["sha"] for row in said.out.splitlines()] == repo.git("rev-list", "main..topic").split()[::-1]


def test_a_range_of_one_commit_equals_that_commit(long: Repo) -> None:
    by_range = screener(long).range("main~1", "main", "x")
    by_commit = screener(long).commit("main", "x")
    assert change(by_range) == change(by_commit)
    assert by_range.thresholds == by_commit.thresholds
    (row,) = by_range.commits
    assert verdict(row) == verdict(change(by_commit))


def test_rows_of_a_range_come_in_history_order_each_with_its_own_past(make_repo: MakeRepo) -> None:
    repo = make_repo()
    straight(repo, 4)
    repo.branch("topic")
    shas = []
    for k in range(4):
        repo.write("fresh.py", "x = 1\n" * (k + 1))
        shas.append(repo.commit(f"step {k}", author="New <new@example.org>"))
    report = screener(repo).range("main", "topic", "x")
    assert [f.sha for f in report.commits] == shas
    assert [f.features["exp"] for f in report.commits] == [0, 1, 2, 3]
    assert [f.features["touches_sum"] for f in report.commits] == [0, 1, 2, 3]
    assert change(report).features["exp"] == 0  # the change as it would land sees none of its own commits


@dataclass(frozen=True)
class ByLines(FakeModel):
    """The risk is the lines added, in hundreds, and a little of the files' history, which must be that of the rest."""

    def explain(self, features: CommitFeatures) -> list[tuple[str, float, float]]:
        return [("la", features["la"], features["la"] / 200 - self.base_rate), ("ndev", features["ndev"], features["ndev"] / 100)]


def test_what_would_lower_the_risk_is_what_the_rest_scores_alone(long: Repo) -> None:
    files = {"src/f1.py": 20, "src/f2.py": 60, "src/new.py": 1}
    for left_out in ("", *files):
        long.git("checkout", "-q", "-B", f"topic{left_out.replace('/', '-')}", "main")
        for k, (path, n) in enumerate(files.items()):
            if path != left_out:
                long.write(path, "".join(f"y{k} = {i}\n" for i in range(n)))
        long.commit("work", author=BOB, date=WHEN)
    gate = Screener(long.open(), ByLines())  # type: ignore[arg-type]
    found = change(gate.range("main", "topic", "x"))
    rests = {path: change(gate.range("main", f"topic{path.replace('/', '-')}", "x")).risk for path in files}
    assert [r.path for r in found.relief or ()] == ["src/f2.py", "src/f1.py"]  # one line more or less is not worth a word
    assert all(r.risk == rests[r.path] for r in found.relief or ())


def test_of_very_many_files_the_largest_of_program_text_are_scored_and_what_lowers_the_risk_is_not_measured(
    long: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(screen, "_MAX_FOCUS", 3)
    long.branch("topic", "main")
    for k in range(5):
        long.write(f"lib/a{k}.py", f"x = {k}\n")
    long.write("docs/a.md", "words\n" * 90)
    long.write("tests/test_a.py", "x = 1\n" * 80)
    long.write("src/z.py", "".join(f"z{i} = {i}\n" for i in range(40)))
    long.commit("work", author=BOB, date=WHEN)
    gate = Screener(long.open(), ByLines())  # type: ignore[arg-type]
    found = change(gate.range("main", "topic", "x"))
    assert [f.path for f in found.files] == ["src/z.py", "lib/a0.py", "lib/a1.py"]
    assert found.relief is None
    monkeypatch.setattr(screen, "_MAX_FOCUS", 8)
    assert [r.path for r in change(gate.range("main", "topic", "x")).relief or ()] == ["src/z.py"]


def test_identical_ends_and_a_head_behind_its_base_hold_nothing(long: Repo) -> None:
    for base, head in (("main", "main"), ("main", "main~4")):
        report = screener(long).range(base, head, "x")
        assert (report.change, report.commits) == (None, ())
        assert [n.code for n in report.notices] == ["empty-range"]


def test_a_range_from_unrelated_history_is_refused(make_repo: MakeRepo) -> None:
    repo = make_repo()
    straight(repo, 3)
    repo.git("checkout", "-q", "--orphan", "island")
    repo.commit("alone")
    with pytest.raises(RangeError, match="no common history"):
        screener(repo).range("main", "island", "x")


# -- single commits ------------------------------------------------------------------------------------


def test_a_root_commit_has_no_past_and_adds_its_whole_tree(make_repo: MakeRepo) -> None:
    repo = make_repo()
    repo.write("a.py", "x = 1\n")
    repo.write("src/b.py", "y = 1\n")
    root = repo.commit("first")
    report = screener(repo).commit(root, "x")
    found = change(report)
    assert {name: found.features[name] for name in ("nf", "la", "lt", "exp", "ndev", "touches_sum", "new_files")} == {
        "nf": 2, "la": 2, "lt": 0, "exp": 0, "ndev": 0, "touches_sum": 0, "new_files": 2,
    }  # fmt: skip
    assert found.level is Level.UNKNOWN
    assert [n.code for n in report.notices] == ["little-history"]
    assert "0 earlier changes" in report.notices[0].text


def test_a_merge_is_what_it_brought_and_belongs_to_its_branch(make_repo: MakeRepo) -> None:
    repo = make_repo()
    straight(repo, 6)
    repo.branch("topic", "main~2")
    repo.write("src/topic.py", "x = 1\n" * 7)
    repo.commit("topic", author=EVE)
    repo.checkout("main")
    merge = repo.merge("topic", author="Maintainer <m@example.org>")
    found = change(screener(repo).commit(merge, "x"))
    assert (found.features["nf"], found.features["la"], found.features["new_files"]) == (1, 7, 1)
    assert found.features["exp"] == sum(author == "eve@example.org" for author in repo.git("log", "--format=%ae", "main~1").split())


def test_an_octopus_is_what_all_its_branches_brought(make_repo: MakeRepo) -> None:
    repo = make_repo()
    straight(repo, 4)
    for name in ("one", "two", "three"):
        repo.branch(name, "main")
        repo.write(f"{name}.py", "x = 1\n")
        repo.commit(name)
    repo.checkout("main")
    octopus = repo.merge("one", "two", "three")
    assert len(repo.git("log", "-1", "--format=%P", octopus).split()) == 4
    found = change(screener(repo).commit(octopus, "x"))
    assert (found.features["nf"], found.features["la"]) == (3, 3)
    (row,) = screener(repo).many([octopus])
    assert verdict(row) == verdict(found)


def test_an_empty_commit_is_scored_without_words_about_files(long: Repo) -> None:
    sha = long.commit("nothing", author=BOB)
    found = change(screener(long).commit(sha, "x"))
    assert (found.features["nf"], found.features["la"], found.features["entropy"]) == (0, 0, 0)
    assert found.files == ()
    assert found.risk is not None


def test_the_full_verdict_has_reasons_that_belong_to_it_and_files_to_look_at(long: Repo) -> None:
    long.write("src/f1.py", "def f(x):\n    if x:\n        return 1\n" * 4)
    long.write("docs/big.md", "text\n" * 500)
    long.write("src/added.py", "y = 2\n")
    long.write("src/gone.bin", b"\0\1\2" * 50)
    sha = long.commit("change", author=BOB)
    found = change(screener(long).commit(sha, "x"))
    assert found.features["complexity_delta"] == 4 + 4  # four functions with a branch each
    assert {f.path for f in found.files} == {"src/f1.py", "src/added.py", "docs/big.md"}
    assert found.files[-1].path == "docs/big.md"  # program text before the rest
    assert [f.line for f in found.files if f.path == "src/added.py"] == [1]
    assert all(0 <= f.score <= 1 and f.why for f in found.files)
    assert [n.code for n in found.notices] == ["binary-files"]
    assert found.reasons
    assert {r.feature for r in found.reasons} <= set(FEATURE_NAMES)
    assert all(r.value == found.features[r.feature] for r in found.reasons)


# -- the index -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_staged_equals_the_same_change_committed_later(long: Repo, seed: int) -> None:
    if seed == 0:
        long.write("src/f1.py", "def f(x):\n    return [y for y in x if y]\n")
    elif seed == 1:
        long.mv("src/f2.py", "moved/f2.py")
        long.remove("README.md")
        long.write("new/a.go", "package a\n")
    else:
        long.write("data.bin", b"\0\1" * 999)
        long.write("deep/er/x.py", "x = 1\n")
        long.git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},module")
    long.git("add", "src", "README.md") if seed == 0 else long.git("add", "-A", "--", ".", ":!module")
    when = f"{WHEN} +0530"
    environ = {**long.environ, **long.identity("Eve <EVE@example.org>", when)}
    gate = long.open()
    identity = gate.identity(environ)
    assert identity == ("Eve", "EVE@example.org", WHEN, 330)
    staged = change(Screener(gate, FakeModel()).staged(identity, 0))
    sha = long.commit("whatever is said", author="Eve <EVE@example.org>", date=when, add=False)
    later = change(screener(long).commit(sha, "x"))
    assert measures(staged, *MESSAGE_NAMES) == measures(later, *MESSAGE_NAMES)
    assert (staged.risk, staged.level, staged.percentile) == (later.risk, later.level, later.percentile)
    assert all(math.isnan(staged.features[name]) for name in MESSAGE_NAMES)
    assert staged.files == later.files
    assert (staged.sha, staged.title) == (None, "staged changes")


def test_staged_does_not_see_the_work_tree(long: Repo) -> None:
    long.write("src/f1.py", "staged = 1\n")
    long.git("add", "src/f1.py")
    identity = ("Ada", "ada@example.org", WHEN, 0)
    before = change(screener(long).staged(identity, 0))
    long.write("src/f1.py", "work tree = 1\n" * 50)
    long.write("src/untracked.py", "x = 1\n")
    assert change(screener(long).staged(identity, 0)) == before


def test_staged_before_the_first_commit(repo: Repo) -> None:
    repo.write("a.py", "x = 1\n")
    repo.git("add", "-A")
    report = screener(repo).staged(("Ada", "ada@example.org", START, 0), 0)
    found = change(report)
    assert (found.features["nf"], found.features["la"], found.features["exp"], found.level) == (1, 1, 0, Level.UNKNOWN)
    assert [n.code for n in report.notices] == ["little-history"]


def test_nothing_staged_is_said(long: Repo) -> None:
    report = screener(long).staged(None, START)
    assert report.change is None
    assert [n.code for n in report.notices] == ["empty-range"]


def test_an_unknown_author_is_a_newcomer_and_it_is_said(long: Repo) -> None:
    long.write("src/f1.py", "x = 1\n")
    long.git("add", "-A")
    report = screener(long).staged(None, WHEN)
    assert change(report).features["exp"] == 0
    assert change(report).features["hour_of_day"] == WHEN // 3600 % 24
    assert [n.code for n in report.notices] == ["no-identity"]


# -- many ----------------------------------------------------------------------------------------------


def test_many_come_in_history_order_whatever_the_order_asked(make_repo: MakeRepo) -> None:
    repo = make_repo()
    shas = repo.build(random_history(11))
    wanted = shas[40:60]
    found = [f.sha for f in screener(repo).many([*reversed(wanted), wanted[0]])]
    assert sorted(str(sha) for sha in found) == sorted(wanted)
    place = {sha: k for k, sha in enumerate(repo.git("rev-list", "--topo-order", "--reverse", *wanted).split())}
    assert [place[str(sha)] for sha in found] == sorted(place[sha] for sha in wanted)


def test_many_give_each_commit_only_what_was_known_before_it(make_repo: MakeRepo) -> None:
    repo = make_repo()
    shas = repo.build(random_history(12))
    early = {f.sha: verdict(f) for f in screener(repo).many(shas[:70])}
    late = {f.sha: verdict(f) for f in screener(repo).many(shas)}
    alone = {f.sha: verdict(f) for sha in shas[50:60] for f in screener(repo).many([sha])}
    assert early == {sha: late[sha] for sha in early}
    assert alone == {sha: late[sha] for sha in alone}


def test_many_of_nothing_is_nothing(long: Repo) -> None:
    assert list(screener(long).many([])) == []


def test_many_report_progress_to_the_end(long: Repo) -> None:
    said: list[tuple[int, int]] = []
    list(screener(long).many(long.git("rev-list", "main").split(), lambda done, of: said.append((done, of))))
    assert said[-1] == (60, 60)


def test_many_measures_commits_that_no_branch_holds(long: Repo) -> None:
    lost = long.commit("soon lost", author=EVE)
    long.git("reset", "-q", "--hard", "HEAD~1")
    (found,) = screener(long).many([lost])
    assert verdict(found) == verdict(change(screener(long).commit(lost, "x")))


def test_comparison_stops_after_the_last_thousand_changes(make_repo: MakeRepo) -> None:
    repo = make_repo()
    shas = repo.build(Node({"a.py": "x\n" * (k % 50)}, (k - 1,) if k else (), ADA, START + k * HOUR) for k in range(N_RECENT + 60))
    report = screener(repo).commit(shas[-1], "x")
    assert report.thresholds.n_changes == N_RECENT
    (bulk,) = screener(repo).many([shas[-1]])
    assert verdict(bulk) == verdict(change(report))


def test_levels_appear_with_the_fiftieth_earlier_change(make_repo: MakeRepo) -> None:
    repo = make_repo()
    shas = straight(repo, MIN_CHANGES + 1)
    assert change(screener(repo).commit(shas[-2], "x")).level is Level.UNKNOWN
    assert change(screener(repo).commit(shas[-1], "x")).level is not Level.UNKNOWN
    found = list(screener(repo).many(shas[-2:]))
    assert [f.level is Level.UNKNOWN for f in found] == [True, False]


# -- shallow clones ------------------------------------------------------------------------------------


@pytest.fixture
def shallow(long: Repo, tmp_path: Path) -> Path:
    path = tmp_path / "shallow"
    long.git("clone", "-q", "--depth", "3", f"file://{long.path}", str(path))
    return path


def test_a_shallow_clone_gives_unknown_history_and_no_level(long: Repo, shallow: Path) -> None:
    report = screener(long, shallow).commit("HEAD", "x")
    found = change(report)
    assert found.level is Level.UNKNOWN
    assert found.percentile is None
    assert all(math.isnan(found.features[name]) for name in HISTORY_NAMES)
    assert found.features["la"] == change(screener(long).commit("main", "x")).features["la"]  # what the diff says is known
    assert [n.code for n in report.notices] == ["shallow"]
    assert not (shallow / ".git" / "codex-gate").exists()


def test_the_edge_of_a_shallow_clone_is_not_scored(long: Repo, shallow: Path) -> None:
    report = screener(long, shallow).commit("HEAD~2", "x")
    found = change(report)
    assert (found.risk, found.level, found.files) == (None, Level.UNKNOWN, ())
    kept = {"fix", "message_length", "hour_of_day", "day_of_week"}
    assert {name for name in FEATURE_NAMES if not math.isnan(found.features[name])} == kept
    assert "shallow" in {n.code for n in report.notices}
    assert "shallow-edge" in {n.code for n in found.notices}


def test_a_range_and_many_in_a_shallow_clone(long: Repo, shallow: Path) -> None:
    report = screener(long, shallow).range("HEAD~2", "HEAD", "x")
    assert [f.level for f in report.commits] == [Level.UNKNOWN] * 2
    assert [n.code for n in report.notices] == ["shallow"]
    rows = list(screener(long, shallow).many(long.open(shallow).rev_list("HEAD")))
    assert [f.risk is None for f in rows] == [True, False, False]
    assert all(f.level is Level.UNKNOWN and f.percentile is None for f in rows)


def test_a_full_clone_next_door_says_nothing_of_shallowness(long: Repo) -> None:
    assert screener(long).commit("HEAD", "x").notices == ()


# -- hostile repositories ------------------------------------------------------------------------------


def everything(repo: Repo) -> list[object]:
    """Every way of asking, as comparable values."""
    gate = repo.open()
    asked = Screener(gate, FakeModel())
    return [
        change(asked.commit("main", "x")),
        change(asked.range("main~5", "main", "x")),
        change(asked.staged(("Ada", "ada@example.org", WHEN, 0), 0)),
        [verdict(f) for f in asked.many(gate.rev_list("main"))],
    ]


def test_no_socket_is_opened(long: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a socket was opened")

    long.write("src/f1.py", "x = 1\n")
    long.git("add", "-A")
    monkeypatch.setattr(socket, "socket", refuse)
    assert len(everything(long)) == 4


def test_attributes_in_the_tree_have_no_effect(long: Repo) -> None:
    long.write("src/f1.py", "staged = 1\n")
    long.git("add", "-A")
    long.git("commit", "-q", "-m", "base", env=long.identity(ADA, WHEN))
    plain = long.git("rev-parse", "HEAD")
    nasty = "* -diff\n*.py binary\n*.py diff=evil -text eol=crlf\n* filter=evil merge=evil linguist-generated\n"
    long.write(".gitattributes", nasty)
    long.write("src/.gitattributes", nasty)
    long.git("config", "diff.evil.binary", "true")
    long.git("config", "diff.evil.xfuncname", ".*")
    long.git("config", "diff.evil.command", "false")
    before = change(screener(long).commit(plain, "x"))
    long.git("add", "-A")
    sha = long.commit("attributes", date=WHEN + 9)
    assert change(screener(long).commit(plain, "x")) == before
    long.write("src/f1.py", "x = 1\ny = 2\n")
    after = long.commit("work", date=WHEN + 99)
    found = change(screener(long).commit(after, "x"))
    assert (found.features["la"], found.features["ld"], found.notices) == (2, 1, ())
    assert change(screener(long).commit(sha, "x")).features["la"] == 8


HOOKS = ("post-index-change", "reference-transaction", "fsmonitor-watchman", "pre-commit", "post-checkout", "pre-auto-gc", "post-rewrite", "sendemail-validate")


@pytest.fixture
def trap(long: Repo, tmp_path: Path) -> tuple[Repo, Path]:
    """A repository whose configuration names a program everywhere git would run one, and the mark that it leaves."""
    mark = tmp_path / "mark"
    evil = tmp_path / "evil"
    evil.write_text(f'#!/bin/sh\necho "$0 $*" >> {mark}\ncat 2>/dev/null\nexit 0\n')
    evil.chmod(evil.stat().st_mode | stat.S_IXUSR)
    long.write("src/f1.py", "staged = 1\n")
    long.write("picture.png", b"\0\1\2")
    long.write(".gitattributes", "* diff=evil filter=evil merge=evil\n")
    long.git("add", "-A")
    long.commit("bait", author=EVE)
    long.write("src/f2.py", "staged = 2\n")
    long.write("src/f1.py", "staged = 3\n")
    long.git("add", "-A")
    (long.path / ".git" / "info").mkdir(exist_ok=True)
    (long.path / ".git" / "info" / "attributes").write_text("* diff=evil filter=evil merge=evil\n")
    hooks = tmp_path / "hooks"
    for folder in (hooks, long.path / ".git" / "hooks"):
        folder.mkdir(exist_ok=True)
        for name in HOOKS:
            (folder / name).write_bytes(evil.read_bytes())
            (folder / name).chmod(0o755)
    run = str(evil)
    settings = {
        "diff.external": run, "diff.evil.textconv": run, "diff.evil.command": run, "diff.evil.cachetextconv": "true", "filter.evil.clean": run,
        "filter.evil.smudge": run, "filter.evil.process": run, "filter.evil.required": "true", "merge.evil.driver": run, "core.fsmonitor": run,
        "core.pager": run, "pager.log": run, "pager.diff": run, "pager.rev-list": run, "core.hooksPath": str(hooks), "core.editor": run, "core.askPass": run,
        "core.sshCommand": run, "core.gitProxy": run, "credential.helper": f"!{run}", "gpg.program": run, "gpg.ssh.program": run, "log.showSignature": "true",
        "sequence.editor": run, "core.alternateRefsCommand": run, "interactive.diffFilter": run, "trailer.sign.command": run, "uploadpack.packObjectsHook": run,
        "alias.log": f"!{run}", "alias.rev-parse": f"!{run}", "alias.diff-tree": f"!{run}", "remote.origin.url": f"ext::{run}", "remote.origin.promisor": "true",
        "remote.origin.partialclonefilter": "blob:none", "protocol.ext.allow": "always", "extensions.partialClone": "origin", "core.repositoryFormatVersion": "1",
    }  # fmt: skip
    for name, value in settings.items():
        long.git("config", name, value)
    mark.unlink(missing_ok=True)
    return long, mark


def test_the_trap_works(trap: tuple[Repo, Path]) -> None:
    """Else the next test could not fail."""
    repo, mark = trap
    for args in (["diff", "--cached"], ["update-index", "--refresh"], ["read-tree", "HEAD"]):
        mark.unlink(missing_ok=True)
        subprocess.run(["git", *args], cwd=repo.path, env=repo.environ, capture_output=True)
        assert mark.exists(), args


def test_no_program_of_the_repository_is_run(trap: tuple[Repo, Path]) -> None:
    repo, mark = trap
    gate = repo.open()
    asked = Screener(gate, FakeModel())
    asked.commit("main", "x")
    asked.range("main~5", "main", "x")
    assert asked.staged(gate.identity(repo.environ), 0).change is not None
    assert len(list(asked.many(gate.rev_list("main")))) == 61
    pick(["main", repo.git("rev-parse", "main")], gate)
    gate.default_base()
    assert not mark.exists(), mark.read_text()


def test_no_program_is_run_to_fetch_what_is_missing(trap: tuple[Repo, Path]) -> None:
    repo, mark = trap
    blob = repo.git("rev-parse", "main:src/f1.py")
    (repo.path / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    found = change(screener(repo).commit("main", "x"))
    assert "missing-blobs" in {n.code for n in found.notices}
    assert not mark.exists(), mark.read_text()


def test_hooks_path_inside_the_tree_runs_nothing(long: Repo, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    for name in HOOKS:
        long.write(f".husky/{name}", f"#!/bin/sh\ntouch {mark}\n").chmod(0o755)
    long.git("config", "core.hooksPath", ".husky")
    long.git("add", "-A")
    mark.unlink(missing_ok=True)
    assert change(screener(long).staged(None, WHEN)).features["nf"] == len(HOOKS)
    assert not mark.exists()


# -- lists of commits ----------------------------------------------------------------------------------


def test_pick_takes_names_short_and_full_ones(long: Repo) -> None:
    tip = long.git("rev-parse", "main")
    assert pick(["main", tip, tip[:12], tip.upper(), "HEAD~1"], long.open()) == [tip, tip, tip, tip, long.git("rev-parse", "HEAD~1")]


def test_pick_asks_git_once_for_all_short_names(long: Repo, git_calls: list[list[str]]) -> None:
    full, repo = long.git("rev-list", "main").split(), long.open()
    git_calls.clear()
    assert pick([sha[:12] for sha in full] + full[:2] + [full[0][:12]], repo) == [*full, *full[:2], full[0]]
    assert len(full) > 50 and len(git_calls) == 2


def test_pick_says_of_a_list_what_it_says_of_one(long: Repo) -> None:
    repo, tip = long.open(), long.git("rev-parse", "main")
    for what in ("no such branch", "main:src", "a\0b", "a\nb", "", "^main", "^{commit}", ":/no such message", "0" * 12, "main..main"):
        with pytest.raises(GitError) as alone:
            repo.resolve(what)
        with pytest.raises(GitError) as among:
            pick([tip[:12], what, "main"], repo)
        assert str(among.value) == str(alone.value)


def test_pick_counts_what_is_not_there(long: Repo) -> None:
    lost = ["1" * 40, "2" * 40]
    with pytest.raises(UsageError, match=f"2 of 3 commits are not in this repository, the first is {lost[0]}"):
        pick([lost[0], long.git("rev-parse", "main"), lost[1]], long.open())


@pytest.mark.parametrize("what", ["no such branch", "main:src", "main^{tree}", "a\0b", "--all", "\udcff"])
def test_pick_refuses_what_is_no_commit(long: Repo, what: str) -> None:
    with pytest.raises((GitError, UsageError)):
        pick([what], long.open())


def test_the_environment_of_the_caller_does_not_steer(long: Repo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """GIT_* variables of a hook or of a workflow change nothing."""
    long.write("src/f1.py", "x = 1\n")
    long.git("add", "-A")
    plain = everything(long)
    nasty = {"GIT_EXTERNAL_DIFF": "false", "GIT_DIFF_OPTS": "-u9", "GIT_TRACE": "1", "GIT_PREFIX": "src/", "GIT_LITERAL_PATHSPECS": "1", "LC_ALL": "de_DE"}
    gate = long.open(**nasty)
    asked = Screener(gate, FakeModel())
    assert change(asked.commit("main", "x")) == plain[0]
    assert change(asked.staged(("Ada", "ada@example.org", WHEN, 0), 0)) == plain[2]
    assert os.environ.get("GIT_DIR") is None


HOSTILE = """
[color]\n ui = always\n diff = always
[diff]\n orderFile = /nowhere\n noprefix = true\n mnemonicPrefix = true\n relative = true\n renames = copies\n renameLimit = 1\n context = 9\n interHunkContext = 9
 algorithm = patience\n ignoreSubmodules = all\n colorMoved = zebra\n external = false\n submodule = log\n wordRegex = .\n suppressBlankEmpty = true\n indentHeuristic = false
[diff "default"]\n algorithm = patience\n binary = true\n textconv = false\n command = false\n xfuncname = .
[core]\n quotePath = false\n abbrev = 7\n bigFileThreshold = 1\n attributesFile = /nowhere\n excludesFile = /nowhere\n commitGraph = false\n autocrlf = true\n pager = false
[log]\n date = relative\n mailmap = true\n follow = true\n showSignature = true\n diffMerges = m\n decorate = full\n abbrevCommit = true\n showRoot = false
[format]\n pretty = oneline\n notes = *
[i18n]\n logOutputEncoding = latin1\n commitEncoding = latin1
[blame]\n ignoreRevsFile = x\n date = relative\n showEmail = true
[submodule]\n recurse = true
[column]\n ui = always
"""


def test_the_settings_of_the_user_do_not_steer(long: Repo, tmp_path: Path) -> None:
    long.write("src/f1.py", "\nx = 1\n")
    long.git("add", "-A")
    plain = everything(long)
    (tmp_path / "mailmap").write_text(f"Evil <evil@example.org> <{ADA.partition('<')[2]}\n")
    (tmp_path / "hostile").write_text(f"{HOSTILE}[mailmap]\n file = {tmp_path / 'mailmap'}\n")
    shutil.rmtree(long.path / ".git" / "codex-gate")
    long.environ["GIT_CONFIG_GLOBAL"] = str(tmp_path / "hostile")
    assert everything(long) == plain


# -- what a configuration changes ------------------------------------------------------------------------


def by_paths(*include: str, **more: object) -> Policy:
    return Policy(Settings(include=include, **more))  # type: ignore[arg-type]


def test_a_path_filter_measures_only_what_it_keeps_on_every_way(repo: Repo) -> None:
    """A change whose other files are filtered out gets what the same change without them would get, in one screen and in bulk."""
    repo.build(Node({f"{'ab'[k % 2]}/f{k % 3}.py": f"x = {k}\n"}, (k - 1,) if k else (), time=START + k * DAY) for k in range(130))
    repo.git("checkout", "-q", "-f", "main")
    repo.branch("topic")
    repo.write("a/f0.py", "y = 1\n")
    repo.write("b/f1.py", "z = 1\n" * 30)
    repo.commit(date=START + 140 * DAY)
    policy = by_paths("a/")
    report = Screener(repo.open(), FakeModel(), policy=policy).range("main", "topic", "s")
    assert report.change is not None
    assert report.change.paths == ("a/f0.py",)
    assert report.change.features["la"] == 1
    assert report.thresholds.n_changes == 65  # half of the 130 touch a/
    (row,) = Screener(repo.open(), FakeModel(), policy=policy).many([repo.head()])
    (single,) = report.commits
    assert (row.risk, row.level, row.percentile, row.paths) == (single.risk, single.level, single.percentile, single.paths)
    assert (report.change.risk, report.change.level) == (row.risk, row.level)
    whole = Screener(repo.open(), FakeModel()).range("main", "topic", "s")
    assert whole.thresholds.n_changes == 130
    assert whole.change is not None and whole.change.features["la"] == 31


def test_too_few_changes_in_the_paths_are_counted_there(repo: Repo) -> None:
    repo.build(Node({f"{'a' if k % 40 == 39 else 'b'}/f.py": f"x = {k}\n"}, (k - 1,) if k else (), time=START + k * DAY) for k in range(80))

    def said(policy: Policy) -> list[str]:
        return [n.text for n in Screener(repo.open(), FakeModel(), policy=policy).commit("main", "s").notices]

    assert said(by_paths("a/")) == ["1 earlier change in these paths: fewer than 50 cannot be compared with, so no level is given"]
    assert said(Policy(Settings(exclude=("b/",)))) == said(by_paths("a/"))
    assert said(Policy()) == []
    repo.build(Node({"a/f.py": f"x = {k}\n"}, (k - 1,) if k else (), time=START + k * DAY) for k in range(2))
    assert said(Policy(Settings(models="models"))) == ["1 earlier change on this branch: fewer than 50 cannot be compared with, so no level is given"]


def test_a_change_outside_the_paths_is_not_screened(repo: Repo) -> None:
    repo.build(Node({"a.py": f"x = {k}\n"}, (k - 1,) if k else ()) for k in range(3))
    repo.git("checkout", "-q", "-f", "main")
    screener = Screener(repo.open(), FakeModel(), policy=by_paths("src/"))
    for report in (screener.range("main~1", "main", "s"), screener.commit("main", "s")):
        assert report.change is None
        assert [n.code for n in report.notices] == ["outside-paths"]
    (row,) = screener.many([repo.head()])
    assert (row.risk, row.level) == (None, Level.UNKNOWN)
    assert "outside-paths" in [n.code for n in row.notices]
    repo.write("b.py", "x\n")
    repo.git("add", "b.py")
    assert screener.staged(None, START).change is None


def test_a_noise_budget_moves_the_levels(repo: Repo) -> None:
    repo.build(Node({f"f{k % 7}.py": f"x = {k}\n" * (k % 11 + 1)}, (k - 1,) if k else (), time=START + k * DAY) for k in range(80))
    usual = Screener(repo.open(), FakeModel(base_rate=0.0)).commit("main", "s").thresholds.at
    budget = {Level.MODERATE: 60.0, Level.HIGH: 20.0, Level.CRITICAL: 4.0}
    wide = Screener(repo.open(), FakeModel(base_rate=0.0), policy=by_paths(noise_budget=budget)).commit("main", "s").thresholds.at
    assert wide[Level.MODERATE] < usual[Level.MODERATE]


LOUD_CALL = "run(html, shell=True, verify=False)"


def test_a_marked_line_is_not_spoken_about_and_kept_with_its_reason(repo: Repo) -> None:
    repo.write("a.py", "x = 1\n")
    repo.commit()
    repo.write("a.py", f"x = 1\nwith lock:\n    {LOUD_CALL}  # codex-gate: ignore[ours]\n")
    repo.commit()
    repo.write("b.py", f"{LOUD_CALL}\n")
    repo.commit()
    loud = Screener(repo.open(), FakeModel()).commit("HEAD", "s").change
    assert loud is not None and {(e.where, e.line) for c in loud.classifications for e in c.evidence} == {("b.py", 1)}  # else the rest says nothing
    change = Screener(repo.open(), FakeModel()).commit("HEAD~1", "s").change
    assert change is not None and (change.ignored, change.classifications) == ((Evidence("a.py", 3, "ours"),), ())
    (row,) = Screener(repo.open(), FakeModel()).many([str(change.sha)])
    (part,) = Screener(repo.open(), FakeModel()).range("HEAD~2", "HEAD~1", "s").commits
    for other in (row, part):
        assert (other.ignored, other.classifications) == (change.ignored, change.classifications)
        assert [n.code for n in other.notices] == [n.code for n in change.notices]


def test_a_marked_line_hushes_no_other_that_says_the_same(repo: Repo) -> None:
    repo.write("a.py", "x = 1\n")
    repo.commit()
    repo.write("a.py", f"x = 1\n{LOUD_CALL}  # codex-gate: ignore[ours]\n{LOUD_CALL}\n")
    repo.commit()
    change = Screener(repo.open(), FakeModel()).commit("HEAD", "s").change
    assert change is not None and change.ignored == (Evidence("a.py", 2, "ours"),)
    assert "1 line marked codex-gate: ignore by the author: nothing is said about it, the risk stays" in [n.text for n in change.notices]
    assert {(e.where, e.line) for c in change.classifications for e in c.evidence} == {("a.py", 3)}


def test_a_list_of_commits_says_what_the_configuration_ignores(repo: Repo) -> None:
    repo.write("old/b.py", "y = 1\n")
    sha = repo.commit()
    policy = Policy(Settings(ignore=(Ignore(("old/",), (), "goes away", None),)))
    (row,) = Screener(repo.open(), FakeModel(), policy=policy).many([sha])
    assert (row.paths, [n.code for n in row.notices]) == (("old/b.py",), ["ignored"])


def test_what_a_repair_is_likeliest_about_is_known_of_every_commit_but_for_what_is_ignored(repo: Repo) -> None:
    repo.write("old/b.py", "def width(text):\n    return len(text)\n")
    repo.commit("start")
    repo.write("old/b.py", "def width(text):\n    return len(text) + 1\n")
    shas = [repo.commit("Fix the wrong width of a text"), repo.commit("Say so")]
    model = Model.load(default_directory())
    known, other = Screener(repo.open(), model).many(shas)
    assert known.likeliest in map(str, DefectCategory) and other.likeliest is None
    for path, categories, found in (("old/", (), None), ("old/", (str(known.likeliest),), None), ("new/", (), known.likeliest)):
        policy = Policy(Settings(ignore=(Ignore((path,), categories, "goes away", None),)))
        assert next(Screener(repo.open(), model, policy=policy).many(shas)).likeliest == found


LOUD = ("eval(text{})", "handle{}.close()", "lock{} = threading.Lock()", "rows{} = itertools.groupby(rows)", "size{} = os.environ[name]", "@lru_cache({})")


def speaking_history(rng: random.Random, n: int) -> list[Node]:
    """Files of lines that speak, none like another, into which lines are put and out of which they are taken, anywhere; some are emptied, deleted, renamed."""
    fresh = itertools.count()

    def some(most: int) -> list[str]:
        return [rng.choice(("x = {}", *LOUD)).format(next(fresh)) for _ in range(rng.randrange(most))]

    tree = {f"src/f{k}.py": some(40) for k in range(6)}
    nodes = [Node({path: "\n".join(lines) for path, lines in tree.items()})]
    for number in range(1, n):
        path, other = rng.choice(sorted(tree)), f"src/g{number}.py"
        lines = tree.pop(path)
        for _ in range(rng.randrange(1, 5)):
            at = rng.choice([0, len(lines), rng.randrange(len(lines) + 1)])
            lines[at : at + rng.randrange(4)] = some(3)
        kind = rng.choice(["edit"] * 6 + ["rename", "empty", "delete"])
        after = other if kind == "rename" else path
        changes: dict[str, str | tuple[str, str] | None] = {path: None, after: "\n".join(lines)}
        tree[after] = lines
        if kind in ("empty", "delete"):
            changes[path], tree[path] = None if kind == "delete" else "", []
        if kind == "delete":
            tree[other] = tree.pop(path)
        nodes.append(Node(changes, (number - 1,), time=START + number * DAY))
    return nodes


def taken_out(repo: Repo, sha: str) -> dict[tuple[str, int], list[str]]:
    """Deleted lines by the line of the new file that they stood before, as `git diff` without context tells it: the last line where they stood at the end."""
    found: dict[tuple[str, int], list[str]] = {}
    place = ("", 0)
    for line in repo.git("diff", "-U0", "-M", f"{sha}^", sha).split("\n"):
        if line.startswith("diff "):
            path = line.rpartition(" b/")[2]
        elif mark := re.match(r"@@ -\S+ \+(\d+)(?:,(\d+))? @@", line):
            start, size = int(mark[1]), int(mark[2] or 1)
            last = len(content(repo, sha, path) or [])
            place = (path, max(1, start if size else min(start + 1, last)))
        elif line.startswith("-") and not line.startswith("--- "):
            found.setdefault(place, []).append(line[1:])
    return found


def content(repo: Repo, sha: str, path: str) -> list[str] | None:
    """The lines of a file after a commit, None where it is not there."""
    return repo.git("show", f"{sha}:{path}").splitlines() if repo.git("ls-tree", sha, path) else None


def test_each_piece_of_evidence_stands_at_the_line_that_it_names(repo: Repo) -> None:
    shas, seen = repo.build(speaking_history(random.Random(1), 60)), Counter[str]()
    diffs = repo.open().diffs(list(zip(shas[1:], shas, strict=False)))
    for found, files in zip(screener(repo).many(shas[1:]), diffs, strict=True):
        out = taken_out(repo, str(found.sha))
        told = {e for c in found.classifications for e in c.evidence} | {e for _, e in fired(Commit(found.sha, (), "", 0, 0, None, files))}
        for evidence in (e for e in told if e.where != "message"):
            lines = content(repo, str(found.sha), evidence.where)
            if lines is None:
                assert (evidence.line, evidence.is_gone) == (0, True)
                seen["gone"] += 1
            elif evidence.deleted:
                assert any(evidence.text in line for line in out[evidence.where, evidence.line])
                seen["emptied" if not lines else "at the end" if evidence.line == len(lines) else "deleted"] += 1
            else:
                assert evidence.text in lines[evidence.line - 1]
                seen["added"] += 1
    assert {kind for kind, n in seen.items() if n > 2} == {"added", "deleted", "at the end", "emptied", "gone"}, seen


def test_a_place_to_look_first_is_in_the_file(repo: Repo) -> None:
    repo.write("a.py", "x = 1\ny = 2\nz = 3\n")
    repo.write("b.py", "x = 1\n")
    repo.commit()
    repo.write("a.py", "x = 1\ny = 2\n")
    repo.remove("b.py")
    assert {f.path: f.line for f in change(screener(repo).commit(repo.commit(), "s")).files} == {"a.py": 2, "b.py": 0}


def test_an_ignored_file_is_not_a_place_to_look_first(repo: Repo) -> None:
    repo.write("a.py", "x = 1\n")
    repo.commit()
    repo.write("old/b.py", "y = 1\n" * 30)
    repo.write("c.py", "y = 1\n")
    repo.commit()
    policy = Policy(Settings(ignore=(Ignore(("old/",), (), "goes away", None),)))
    change = Screener(repo.open(), FakeModel(), policy=policy).commit("HEAD", "s").change
    assert change is not None
    assert [f.path for f in change.files] == ["c.py"]
    assert change.features["nf"] == 2  # the risk stays
    assert "ignored" in [n.code for n in change.notices]
