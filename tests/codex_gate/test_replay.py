"""The replay of a built repository whose fixes are known (tests/codex_gate/replayed.py)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from codex_gate import szz
from codex_gate.backtest import Backtest
from codex_gate.config import Settings
from codex_gate.errors import GitError, UsageError
from codex_gate.model import Model
from codex_gate.policy import Policy
from codex_gate.replay import Repairs, brought, first_parents, headline, repairs, replay
from codex_gate.screen import Screener
from codex_gate.types import Level
from tests.codex_gate import replayed
from tests.codex_gate.samples import write_model
from tests.conftest import ADA, DAY, START, Node, Repo

MakeRepo = Callable[..., Repo]
ALL = Policy()


@pytest.fixture
def model(tmp_path: Path) -> Model:
    return Model.load(write_model(tmp_path / "model"))


def run(repo: Repo, model: Model, budget: float = 0.1, policy: Policy = ALL, **more: object) -> Backtest:
    return replay(repo.open(), model, policy, budget, **more)  # type: ignore[arg-type]


def test_each_change_and_its_first_repair(repo: Repo, model: Model) -> None:
    shas = replayed.build(repo)
    found = run(repo, model)
    assert [c.sha for c in found.changes] == shas
    assert {shas.index(c.sha): shas.index(c.repair.change) for c in found.changes if c.repair} == replayed.REPAIRS
    merged = found.changes[20].repair
    assert merged is not None and merged.sha != merged.change  # the commit on the branch repairs, its merge brings it
    assert merged.time == START + 40 * DAY
    assert [k for k, c in enumerate(found.changes) if c.risk > 0.5] == list(replayed.LARGE)
    assert all(c.is_code and c.blamable for c in found.changes)


def test_risk_and_level_are_those_of_a_screen(repo: Repo, model: Model) -> None:
    shas = replayed.build(repo)
    found = run(repo, model)
    for place in (10, 20, 55, 60, 69):
        alone = Screener(repo.open(), model).commit(shas[place], "one").change
        assert alone is not None
        assert (found.changes[place].risk, found.changes[place].level) == (alone.risk, alone.level)
    assert found.changes[49].level is Level.UNKNOWN and found.changes[60].level is Level.HIGH  # fifty before it are needed


def test_what_comes_later_changes_no_risk(make_repo: MakeRepo, model: Model) -> None:
    whole, part = make_repo("whole"), make_repo("part")
    shas = replayed.build(whole)
    made, line = replayed.nodes()
    part.build(made[: line[55] + 1])
    for early, late in zip(run(part, model).changes, run(whole, model).changes, strict=False):
        assert (early.sha, early.risk, early.level) == (late.sha, late.risk, late.level)
        # A repair that is made later is not known yet; those known do not change.
        assert early.repair == (late.repair if late.repair and shas.index(late.repair.change) <= 55 else None)


def test_ripening_is_the_median_of_the_fixes_and_the_young_are_not_judged(repo: Repo, model: Model) -> None:
    shas = replayed.build(repo)
    found = run(repo, model)
    assert found.ripening == replayed.RIPENING_DAYS * DAY
    assert found.judged == frozenset(shas[: replayed.N - replayed.RIPENING_DAYS])
    assert found.n_fixed == 2  # the third repaired change is too young


def test_the_last_n_and_since_a_day(repo: Repo, model: Model) -> None:
    shas = replayed.build(repo)
    assert [c.sha for c in run(repo, model, last=55).changes] == shas[-55:]
    edge = run(repo, model, last=50)  # begins with a merge whose branch grew from before: blame stops there, and finds the same
    assert {shas.index(c.sha): shas.index(c.repair.change) for c in edge.changes if c.repair} == {20: 40, 54: 55}
    by_day = run(repo, model, since=date(2024, 1, 16))  # the first commit is of 1 January
    assert [c.sha for c in by_day.changes] == shas[15:]
    assert {shas.index(c.sha) for c in by_day.changes if c.repair} == {20, 54}  # what a fix blames before the window is left out


def test_a_fix_made_right_where_the_replay_begins_repairs_nothing_of_it(repo: Repo, model: Model) -> None:
    made = [Node({f"src/work{k}.py": f"x = {k}\n"}, (k - 1,) if k else (), ADA, START + k * DAY, f"work {k}") for k in range(60)]
    made.append(Node({"src/work3.py": "x = 33\n"}, (4,), ADA, START + 60 * DAY, "fix: crash in work 3"))
    repo.build([*made, Node({"src/work3.py": "x = 33\n"}, (59, 60), ADA, START + 61 * DAY, "Merge branch 'late'")])
    found = run(repo, model, last=56)
    assert found.n_fixed == 0 and [n.code for n in found.notices if n.code == "unread"] == []


def test_the_day_is_when_a_change_came_in_not_when_it_was_written(repo: Repo, model: Model) -> None:
    repo.write("a.py", "x = 0\n")
    old = repo.commit("written long ago", date=START - 900 * DAY)
    repo.git("commit", "-q", "--amend", "--no-edit", env={"GIT_COMMITTER_DATE": f"{START} +0000"})
    for k in range(60):
        repo.write("a.py", f"x = {k}\n")
        repo.commit("work", date=START + k * DAY)
    found = run(repo, model, last=1000)
    assert found.changes[0].time == START and found.changes[0].sha != old
    assert found.weeks == pytest.approx(59 / 7)


def test_one_clock_that_is_wrong_does_not_stretch_the_weeks(repo: Repo, model: Model) -> None:
    shas = replayed.build(repo)
    repo.write("late.py", "x = 1\n")
    late = repo.commit("from a machine with a wrong clock", date=START + 20 * 365 * DAY)
    found = run(repo, model, now=START + 100 * DAY)
    assert [c.sha for c in found.changes] == [*shas, late] and found.changes[-1].time == found.changes[-2].time
    assert late not in found.judged and found.weeks == pytest.approx((replayed.N - 1) / 7)
    assert [n.code for n in found.notices] == ["clock"]


def test_progress_is_told_for_both_halves(repo: Repo, model: Model) -> None:
    replayed.build(repo)
    said: list[tuple[str, int, int]] = []
    run(repo, model, progress=lambda *now: said.append(now))
    assert (
        ("commits measured", 70, 70) in said and ("fixes traced", 0, 5) in said and ("fixes traced", 5, 5) in said
    )  # the fix that a change brings for itself is traced too


def test_changes_that_the_model_learned_from_are_counted(repo: Repo, model: Model, tmp_path: Path) -> None:
    shas = replayed.build(repo)
    on_branch = repo.git("rev-parse", f"{shas[20]}^2")
    seen = [shas[3], shas[20], on_branch, "0" * 40]
    (tmp_path / "model" / "training-manifest.txt").write_text("".join(sorted(hashlib.sha256(s.encode()).hexdigest() + "\n" for s in seen)))
    assert run(repo, model).seen == 2  # two changes, three of their commits
    assert run(repo, model, last=50).seen == 1
    narrow = run(repo, model, policy=Policy(Settings(exclude=("work3.py",))))
    assert narrow.seen == 1 and shas[3] not in {c.sha for c in narrow.changes}  # of those that are looked at


def test_fewer_than_fifty_changes_are_refused(repo: Repo, model: Model) -> None:
    for k in range(49):
        repo.write("a.py", f"{k}\n")
        repo.commit()
    with pytest.raises(UsageError, match=r"49 changes to replay .* at least 50 .* come back when"):
        run(repo, model)
    repo.commit()
    assert len(run(repo, model).changes) == 50
    with pytest.raises(UsageError, match=r"10 changes to replay .*the last 10 of 50.* more changes"):
        run(repo, model, last=10)
    with pytest.raises(UsageError, match=r"0 changes to replay .*since 2030-01-01"):
        run(repo, model, since=date(2030, 1, 1))


def test_an_empty_repository_and_a_shallow_clone_are_refused(repo: Repo, model: Model, tmp_path: Path) -> None:
    with pytest.raises(GitError, match="no commits yet"):
        run(repo, model)
    replayed.build(repo)
    repo.git("clone", "-q", "--depth", "60", f"file://{repo.path}", str(tmp_path / "shallow"))
    with pytest.raises(UsageError, match=r"shallow.*--unshallow"):
        replay(repo.open(tmp_path / "shallow"), model, ALL, 0.1)
    repo.git("config", "uploadpack.allowFilter", "true")
    repo.git("clone", "-q", "--filter=blob:none", "--no-checkout", f"file://{repo.path}", str(tmp_path / "partial"))
    with pytest.raises(UsageError, match=r"contents of \d+ of 70 changes are not in this clone, so neither their risk nor their fixes can be told"):
        replay(repo.open(tmp_path / "partial"), model, ALL, 0.1)


def test_a_repository_without_fixes_has_flags_and_nothing_judged(repo: Repo, model: Model) -> None:
    for k in range(60):
        repo.write(f"a{k}.py", "x = 1\n" * (60 if k % 20 == 0 else 1))
        repo.commit("work")
    found = run(repo, model)
    assert found.judged == frozenset() and found.missing()
    assert found.proposal().flags.n == 3


def test_a_change_too_large_to_blame_is_not_judged(repo: Repo, model: Model) -> None:
    shas = replayed.build(repo)
    repo.git("checkout", "-q", "-f", "main")
    for k in range(101):
        repo.write(f"gen/g{k}.py", "x = 1\n")
    large = repo.commit("generate", date=START + 71 * DAY)
    for k in range(40):
        repo.write("note.md", f"{k}\n")
        repo.commit("note", date=START + (72 + k) * DAY)
    found = run(repo, model)
    assert [c.sha for c in found.changes if not c.blamable] == [large]
    assert large not in found.judged and found.n_untold == 1 and found.n_doubtful == 0 and shas[0] in found.judged
    assert not found.changes[-1].is_code


def test_a_change_with_links_as_large_as_can_be_blamed_is_judged(repo: Repo, model: Model) -> None:
    """Measures count a link as a file of program text; what can be blamed does not."""
    shas = replayed.build(repo)
    repo.git("checkout", "-q", "-f", "main")
    for k in range(100):
        repo.write(f"gen/g{k}.py", f"value = {k}\n")
    (repo.path / "gen" / "link.py").symlink_to("g1.py")
    largest = repo.commit("generate", date=START + 71 * DAY)
    repo.write("gen/g7.py", "value = 70\n")
    fix = repo.commit("fix: wrong value", date=START + 72 * DAY)
    for k in range(40):
        repo.write("note.md", f"{k}\n")
        repo.commit("note", date=START + (73 + k) * DAY)
    found = {c.sha: c for c in run(repo, model).changes}
    assert found[largest].blamable and (repair := found[largest].repair) is not None and repair.change == fix and shas[0] in found


def test_a_change_is_as_large_as_all_its_files_whatever_paths_are_looked_at(repo: Repo, model: Model) -> None:
    shas = replayed.build(repo)
    repo.git("checkout", "-q", "-f", "main")
    for k in range(101):
        repo.write(f"{'src' if k < 2 else 'gen'}/g{k}.py", f"value = {k}\n")
    large = repo.commit("generate", date=START + 71 * DAY)
    repo.write("src/g1.py", "value = 10\n")
    repo.commit("fix: wrong value", date=START + 72 * DAY)
    for k in range(40):
        repo.write("src/note.py", f"note = {k}\n")
        repo.commit("note", date=START + (73 + k) * DAY)
    found = run(repo, model, policy=Policy(Settings(exclude=("gen/",))))
    assert [c.sha for c in found.changes if not c.blamable] == [large]  # SZZ does not blame it, so that no repair is known means nothing
    assert found.changes[0].sha == shas[0]


def test_changes_whose_lines_only_a_doubtful_fix_repaired_are_not_judged(repo: Repo, model: Model) -> None:
    shas = replayed.build(repo)
    repo.git("checkout", "-q", "-f", "main")
    repo.write("src/x.py", "first(one, two)\n")
    other = repo.commit("begin", date=START + 71 * DAY)
    repo.write("src/x.py", "first(one, two)\nsecond(three, four)\n")
    accused = repo.commit("go on", date=START + 72 * DAY)
    repo.write("src/x.py", "third()\n")
    repo.commit("fix a crash", date=START + 73 * DAY)
    for k in range(40):
        repo.write("note.md", f"{k}\n")
        repo.commit("note", date=START + (74 + k) * DAY)
    found = run(repo, model)
    assert [c.sha for c in found.changes if not c.blamable] == [other, accused]  # the fix took lines of both out
    assert not {other, accused} & set(found.judged) and shas[0] in found.judged
    assert {c.sha for c in found.changes if c.doubtful} == {other, accused} and found.n_doubtful == 2


def test_a_doubtful_fix_inside_a_change_puts_that_change_in_no_doubt(repo: Repo) -> None:
    """Made before the change came in, like a sure one on its branch."""
    shas = repo.build(
        [
            Node({"a.py": "a = 1\n"}, time=START),
            Node({"a.py": "a = 2\n"}, (0,), time=START + DAY),
            Node({"b.py": "first(one, two)\n"}, (0,), time=START + 2 * DAY),  # the branch
            Node({"b.py": "first(one, two)\nsecond(three, four)\n"}, (2,), time=START + 3 * DAY),
            Node({"b.py": "third()\n"}, (3,), time=START + 4 * DAY, message="fix a crash"),
            Node({"b.py": "third()\n"}, (1, 4), time=START + 5 * DAY, message="Merge pull request #7"),
        ]
    )
    opened = repo.open()
    metas = opened.log("HEAD")
    line = first_parents(metas)
    (found,) = szz.trace(opened, [(shas[4], START + 4 * DAY)], szz.VARIANTS[szz.DEFAULT])
    assert found.doubt == "several" and found.touched == {shas[2], shas[3]}
    assert repairs(opened, metas, [m.sha for m in line], brought(metas, line), 0, lambda *_: None).doubtful == frozenset()


def test_a_merge_that_comes_first_answers_for_its_own_lines_alone(repo: Repo) -> None:
    """Its version of a file is that of its branch: blame cut at that branch's tip would end there with lines that are much older."""
    old = [f"def f{k}(): return compute({k}, x)" for k in range(30)]

    def file(*changed: int) -> dict[str, str]:
        return {"m.py": "".join(f"{line}  # {k} again\n".replace("x)", "y)") if k in changed else f"{line}\n" for k, line in enumerate(old)), "b.py": "b = 1\n"}

    shas = repo.build(
        [
            Node(file(), time=START),
            Node(file(5), (0,), time=START + DAY, message="change one"),  # the branch
            Node(file() | {"b.py": "b = 2\n"}, (0,), time=START + 2 * DAY),
            Node(file(5) | {"b.py": "b = 2\n"}, (2, 1), time=START + 3 * DAY, message="Merge pull request #7"),
            Node(file(5, 20) | {"b.py": "b = 2\n"}, (3,), time=START + 4 * DAY, message="Fix wrong result of f20"),
            Node(file(20) | {"b.py": "b = 2\n"}, (4,), time=START + 5 * DAY, message="Fix wrong result of f5"),
        ]
    )
    opened = repo.open()
    metas = opened.log("HEAD")
    line = [shas[k] for k in (0, 2, 3, 4, 5)]
    places = {shas[k]: place for k, place in ((0, 0), (1, 2), (2, 1), (3, 2), (4, 3), (5, 4))}
    for start in (0, 2):
        found = repairs(opened, metas, line, places, start, lambda *_: None)
        assert {place: fix for place, (fix, _) in found.first.items() if place >= 2} == {2: shas[5]}


@pytest.mark.parametrize(("n", "said"), [(1, "1 file of a fix could not be blamed"), (2, "2 files of fixes could not be blamed")])
def test_files_of_fixes_that_could_not_be_read_are_counted(n: int, said: str) -> None:
    (notice,) = Repairs({}, frozenset(), n).notices
    assert notice.text.startswith(said) and notice.text.endswith("; it accuses nobody" if n == 1 else "; they accuse nobody")


def test_everything_a_merge_brings_belongs_to_it() -> None:
    def meta(sha: str, *parents: str) -> object:
        return type("Meta", (), {"sha": sha, "parents": parents})()

    # b grows from a, c merges b's branch into d; e merges f, which merged d again.
    metas = [meta("a"), meta("b", "a"), meta("b2", "b"), meta("d", "a"), meta("c", "d", "b2"), meta("f", "b2"), meta("g", "f", "d"), meta("e", "c", "g")]
    line = first_parents(metas)  # type: ignore[arg-type]
    assert [m.sha for m in line] == ["a", "d", "c", "e"]
    assert brought(metas, line) == {"a": 0, "d": 1, "c": 2, "b2": 2, "b": 2, "e": 3, "g": 3, "f": 3}  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("message", "title"),
    [
        ("Merge pull request #1 from a/b\n\nAdd a thing\n\nmore", "Add a thing"),
        ("Merge branch 'x' into 'main'\n\nAdd a thing\n\nSee merge request a/b!1", "Add a thing"),
        ("Merge branch 'x'", "Merge branch 'x'"),
        ("Merge branch 'x'\n\nConflicts:\n\ta.py", "Merge branch 'x'"),
        ("Merge branch 'x'\n\n# Conflicts:\n#\ta.py", "Merge branch 'x'"),
        ("Add\n\nmore", "Add"),
        ("", ""),
    ],
)
def test_headline_of_a_merge_is_the_title_of_what_it_merged(message: str, title: str) -> None:
    assert headline(message) == title


def test_the_same_replay_twice_is_the_same(repo: Repo, model: Model) -> None:
    replayed.build(repo)
    first, again = run(repo, model), run(repo, model)  # the second finds noted risks
    assert replace(first, seconds=0) == replace(again, seconds=0)


def test_an_octopus_of_side_roots_is_walked(repo: Repo, model: Model) -> None:
    made = [Node({"a.py": "x = 1\n"}, (), time=START), Node({"b.py": "y = 1\n"}, (), time=START)]
    made.append(Node({"b.py": "y = 1\n"}, (0, 1), time=START + DAY, message="merge an unrelated history"))
    for k in range(60):
        made.append(Node({"b.py": f"y = {k + 2}\n"}, (len(made) - 1,), time=START + (k + 2) * DAY, message="fix: wrong y" if k == 0 else "work"))
    repo.build(made)
    found = run(repo, model)
    assert found.changes[1].title == "merge an unrelated history" and found.changes[1].repair is None  # a root is no change that could be blamed


def test_a_repair_outside_the_configured_paths_is_none_and_makes_no_fix_large(repo: Repo, model: Model) -> None:
    """A generated copy of the sources lies beside them: left out, it neither counts as repaired nor puts a repair of the sources in doubt."""
    nodes = [
        Node({f"src/f{k}.py": f"value_{k} = {k}\n", f"gen/f{k}.py": f"value_{k} = {k}\n"}, (k - 1,) if k else (), ADA, START + k * DAY, "add")
        for k in range(60)
    ]
    nodes.append(Node({"gen/f50.py": "value_50 = 5\n"}, (59,), ADA, START + 60 * DAY, "fix: wrong value in the copy"))
    nodes.append(Node({"src/f40.py": "value_40 = 4\n", "gen/f40.py": "value_40 = 4\n"}, (60,), ADA, START + 61 * DAY, "fix: wrong value"))
    shas = repo.build(nodes)
    every = {c.sha: c for c in run(repo, model).changes}
    assert every[shas[50]].repair and not every[shas[40]].repair and not every[shas[40]].blamable
    sources = {c.sha: c for c in run(repo, model, policy=Policy(Settings(exclude=("gen/",)))).changes}
    assert not sources[shas[50]].repair and sources[shas[40]].repair and sources[shas[40]].repair.change == shas[61]


def test_changes_outside_the_configured_paths_are_left_out(repo: Repo, model: Model) -> None:
    shas = replayed.build(repo)
    found = run(repo, model, policy=Policy(Settings(exclude=("part10.py",))))
    assert [c.sha for c in found.changes] == [sha for place, sha in enumerate(shas) if place not in (10, 30, 50)]
    with pytest.raises(UsageError, match=r"3 of 70 changes touch the paths"):
        run(repo, model, policy=Policy(Settings(include=("part10.py",))))
