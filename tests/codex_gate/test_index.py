"""The history index: a quicker way to the same answer, never another answer."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from codex_gate import index as index_module
from codex_gate.errors import GitError
from codex_gate.git import Repository
from codex_gate.index import INDEX_FORMAT, HistoryIndex, IndexDamagedError
from codex_gate.screen import Screener
from codex_gate.types import Report
from tests.codex_gate.samples import FakeModel, random_history, verdict
from tests.codex_gate.test_history import random_nodes
from tests.conftest import BOB, EVE, START, Node, Repo

MakeRepo = Callable[..., Repo]
Verdict = dict[str, object]
WEEK = 7 * 86_400
ROOT = Path(__file__).parents[2]


def database(repo: Repo) -> Path:
    return repo.path / ".git" / "codex-gate" / f"history-{INDEX_FORMAT}.sqlite"


def screen(repo: Repo | Repository, revision: str) -> Report:
    gate = repo.open() if isinstance(repo, Repo) else repo
    return Screener(gate, FakeModel()).commit(revision, revision)


def indexed(repo: Repo | Repository, revision: str) -> Verdict:
    change = screen(repo, revision).change
    assert change is not None
    return verdict(change)


def test_a_past_is_worked_out_once_for_all_who_ask_for_it_in_turn(straight: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    indexed(straight, "main")
    asked: list[str] = []
    not_before = HistoryIndex._not_before
    monkeypatch.setattr(HistoryIndex, "_not_before", lambda self, sha: asked.append(sha) or not_before(self, sha))
    tip, earlier = straight.git("rev-parse", "main~9"), straight.git("rev-parse", "main~30")
    with HistoryIndex(straight.open()) as index:
        first = index.past(earlier)
        first.add(50)  # to each its own
        assert index.past(earlier).flags == 30 * b"\1" + 29 * b"\0" and index.past(earlier, 2).flags == 30 * b"\1" + 31 * b"\0"
        assert index.past(tip).flags.count(1) == 51 and index.past(earlier).flags.count(1) == 30
        assert asked == [earlier, tip, earlier]


def behind(seed: int, n: int) -> list[Node]:
    """A branch that main was merged into again and again, while main merged other branches, and criss-cross."""
    rng, nodes = random.Random(seed), list(line(60))
    main, topic, side = 59, 40, 50
    for k in range(n):
        when, mine, theirs = START + (60 + k) * WEEK, len(nodes), len(nodes) + 1
        nodes.append(Node({f"src/f{k % 7}.py": f"main = {k}\n"}, [main, side] if k % 3 == 0 else [main], BOB, when))
        main = mine
        nodes.append(Node({f"lib/g{k % 5}.py": f"topic = {k}\n"}, [topic, main] if rng.random() < 0.8 else [topic], EVE, when + 60))
        topic = theirs
        if k % 4 == 0:
            nodes.append(Node({f"side/h{k}.py": f"side = {k}\n"}, [side, rng.randrange(60)], BOB, when + 120))
            side = len(nodes) - 1
    nodes.append(Node({"src/f0.py": "main = 0\n"}, [main], BOB, START + (60 + n) * WEEK))
    nodes.append(Node({"lib/g0.py": "topic = 0\n"}, [topic], EVE, START + (60 + n) * WEEK + 60))
    return nodes


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_pasts_of_many_are_those_of_each(make_repo: MakeRepo, seed: int) -> None:
    repo = make_repo()
    shas = repo.build(behind(seed, 20))
    main, topic = shas[-2], shas[-1]
    for tip in (main, shas[-20]):  # the second may lie beside the first
        indexed(repo, tip)
    with HistoryIndex(repo.open()) as index:
        held = [sha for sha in shas if index._holds(sha)]
        for some in (held, held[-3:], [topic, *held[-9:]], held[:2], held[:1], []):
            found = index.pasts(some, 4)
            assert {sha: past.flags for sha, past in found.items()} == {sha: index.past(sha, 4).flags for sha in some}


def test_a_branch_that_merged_main_often_takes_no_more_processes(make_repo: MakeRepo, git_calls: list[list[str]]) -> None:
    counts = []
    for n in (6, 40):
        repo = make_repo(f"merged-{n}")
        shas = repo.build(behind(7, n))
        repo.git("branch", "base", shas[-2])
        indexed(repo, "base")
        gate = repo.open()
        git_calls.clear()
        report = Screener(gate, FakeModel()).range("base", shas[-1], "x")
        counts.append(len(git_calls))
        expected = walked(repo, *[str(f.sha) for f in report.commits])
        for finding in report.commits:
            found, wanted = verdict(finding), expected[str(finding.sha)]
            assert {name: found[name] for name in found.keys() - {"level", "percentile"}} == {
                name: wanted[name] for name in found.keys() - {"level", "percentile"}
            }
        assert len(gate.rev_list("--merges", "--first-parent", f"base..{shas[-1]}")) > n // 2
    assert counts[1] - counts[0] <= 2, counts


class Forgetful(Screener):
    """Takes no risk from the index and notes none: an independent reference."""

    def _noted(self, shas: Collection[str]) -> dict[str, float]:
        return {}

    def _note(self, scored: Mapping[str, float]) -> None:
        return


def walked(repo: Repo, *shas: str) -> dict[str, Verdict]:
    """The same without an index: one walk over the history."""
    return {str(f.sha): verdict(f) for f in Forgetful(repo.open(), FakeModel()).many(shas)}


def test_bulk_screening_with_noted_risks_equals_bulk_screening_without(straight: Repo) -> None:
    shas = straight.git("rev-list", "main").split()
    few = shas[: len(shas) // 3]
    expected = walked(straight, *few)
    for _ in range(2):  # the first run notes what the second reads
        assert {str(f.sha): verdict(f) for f in Screener(straight.open(), FakeModel()).many(few)} == expected
    with HistoryIndex(straight.open()) as index:
        assert index.risks(FakeModel.version, shas).keys() >= set(few)


def line(n: int, start: int = 0) -> list[Node]:
    """A straight history with a few files, authors and repairs."""
    people = ["Ada <ada@example.org>", BOB, EVE]
    return [
        Node(
            {f"src/f{k % 5}.py": f"x = {k}\n" * (1 + k % 7)},
            (k - 1 - start,) if k > start else (),
            people[k % 3],
            START + k * WEEK,
            "fix crash" if k % 4 == 0 else "work",
        )
        for k in range(start, start + n)
    ]


def grow(repo: Repo, n: int, seed: int = 0, branch: str = "main") -> list[str]:
    """Commits on top of a branch, without a work tree."""
    tip = repo.git("rev-parse", branch)
    out = []
    for k in range(n):
        text = f"y = {seed}\n" * (k + 1)
        when = START + (200 + seed + k) * WEEK
        out.append(
            f"commit refs/heads/{branch}\nauthor Bob <bob@example.org> {when} +0000\ncommitter Bob <bob@example.org> {when} +0000\n"
            f"data 8\nfix more\n{f'from {tip}' + chr(10) if not k else ''}M 100644 inline src/f{(seed + k) % 5}.py\ndata {len(text)}\n{text}\n"
        )
    repo.git("fast-import", "--quiet", "--force", stdin="".join(out).encode())
    return repo.git("rev-list", "--reverse", f"{tip}..{branch}").split()


@pytest.fixture
def straight(make_repo: MakeRepo) -> Repo:
    """Sixty commits, so that levels and percentiles are known."""
    repo = make_repo()
    repo.build(line(60))
    return repo


# -- the same answer -----------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [1, 2])
def test_index_and_walk_agree_on_every_commit_in_any_order(make_repo: MakeRepo, seed: int) -> None:
    repo = make_repo()
    shas = repo.build(random_history(seed))
    expected = walked(repo, *shas)
    assert len(expected) == len(shas)
    order = list(shas)
    random.Random(seed).shuffle(order)
    gate = repo.open()
    for sha in order:
        assert indexed(gate, sha) == expected[sha]
    assert any(v["level"] != "unknown" for v in expected.values())


@pytest.mark.parametrize("seed", [3, 4])
def test_commits_of_a_range_agree_with_the_walk_whatever_the_index_knows(make_repo: MakeRepo, seed: int) -> None:
    repo = make_repo()
    shas = repo.build(random_history(seed))
    expected = walked(repo, *shas)
    rng = random.Random(seed)
    for _ in range(6):
        base, head = rng.sample(shas, 2)
        report = Screener(repo.open(), FakeModel()).range(base, head, "a range")
        for finding in report.commits:
            found, wanted = verdict(finding), expected[str(finding.sha)]
            compared = found.keys() - {"level", "percentile"}  # those of a range look at what lies before its base
            assert {name: found[name] for name in compared} == {name: wanted[name] for name in compared}


def with_people_who_only_merge(seed: int) -> list[Node]:
    """A random history to which new people come all the time; some of them only ever merge, one branch into another too."""
    rng = random.Random(seed)
    nodes = random_nodes(seed, 90)
    return [
        replace(node, author=f"M <merger{rng.randrange(9)}@example.org>" if len(node.parents) > 1 else f"D <dev{rng.randrange(2 + k // 9)}@example.org>")
        for k, node in enumerate(nodes)
    ]


@pytest.mark.parametrize("seed", [5, 6, 9])
def test_an_index_that_grows_a_few_commits_at_a_time_agrees_with_the_walk(make_repo: MakeRepo, seed: int) -> None:
    repo = make_repo()
    nodes = with_people_who_only_merge(seed)
    shas = repo.build(nodes)
    tips = [nodes[node.parents[1]] for node in nodes if len(node.parents) > 1]
    assert any(len(tip.parents) > 1 for tip in tips), "a merge of a branch that ends in a merge"
    expected = walked(repo, *shas)
    gate, rng = repo.open(), random.Random(seed)
    for sha in shas:
        if rng.random() < 0.3:
            assert indexed(gate, sha) == expected[sha]
    with HistoryIndex(gate) as index:
        people = {meta.author for meta in gate.log(*index.tips) if len(meta.parents) < 2}
        assert all(index.history.author(person) is not None for person in people)
        assert sorted(index.history.author_ids.values()) == list(range(len(people)))


@pytest.mark.parametrize("seed", [5, 6])
def test_what_one_run_adds_in_parts_is_listed_in_full(make_repo: MakeRepo, seed: int) -> None:
    repo = make_repo()
    shas = repo.build(with_people_who_only_merge(seed))
    (expected,) = walked(repo, shas[-1]).values()
    gate = repo.open()
    with HistoryIndex(gate) as index:
        screener = Screener(gate, FakeModel())
        for sha in (shas[30], shas[60], shas[-1]):
            screener._recent(index, sha)
    with HistoryIndex(gate) as index:
        people = {meta.author for meta in gate.log(*index.tips) if len(meta.parents) < 2}
        assert all(index.history.author(person) is not None for person in people)
        assert sorted(index.history.author_ids.values()) == list(range(len(people)))
        for table in ("files", "authors"):
            keys = [key for (key,) in sqlite3.connect(database(repo)).execute(f"SELECT key FROM {table}")]
            assert len(index._listed(table)) == len(keys) and all(index_module._digest(key) in index._listed(table) for key in keys)
    assert indexed(gate, shas[-1]) == expected


def test_somebody_who_only_merges_takes_no_number_from_others(make_repo: MakeRepo) -> None:
    repo = make_repo()
    nodes = [*line(50), Node({"src/f1.py": "topic\n"}, [49], BOB, START + 50 * WEEK)]
    nodes += [Node({"src/f2.py": "main\n"}, [49], BOB, START + 51 * WEEK), Node({"src/f2.py": "main\n"}, [50, 51], "Mia <mia@example.org>", START + 52 * WEEK)]
    nodes += [Node({"src/f1.py": "topic\n"}, [51, 52], "Mia <mia@example.org>", START + 53 * WEEK)]
    for k, who in enumerate(["nora", "carol", "ada", "dora", "ada", "nora"], 54):
        nodes.append(Node({"src/f1.py": f"x = {k}\n" * k}, [k - 1], f"X <{who}@example.org>", START + k * WEEK))
    shas = repo.build(nodes)
    expected = walked(repo, *shas[54:])
    for sha in shas[55:]:  # the first walk ends with Nora's
        assert indexed(repo, sha) == expected[sha]


def test_an_index_of_an_older_tip_catches_up(straight: Repo) -> None:
    indexed(straight, "main")
    new = grow(straight, 7)
    expected = walked(straight, *new)
    for sha in reversed(new):
        assert indexed(straight, sha) == expected[sha]


def test_an_index_stays_right_after_a_rebase(straight: Repo) -> None:
    old = straight.git("rev-parse", "main")
    lost = grow(straight, 5, seed=1)
    indexed(straight, "main")
    straight.git("update-ref", "refs/heads/main", f"{old}~4")
    new = grow(straight, 6, seed=2)
    expected = walked(straight, *new, *lost)
    for sha in (*new, *lost):
        assert indexed(straight, sha) == expected[sha]


def test_an_index_serves_two_branches_in_turn(straight: Repo) -> None:
    straight.git("branch", "other", "main~10")
    mine, theirs = grow(straight, 4, seed=1), grow(straight, 4, seed=2, branch="other")
    expected = walked(straight, *mine, *theirs)
    for pair in zip(mine, theirs, strict=True):
        for sha in pair:
            assert indexed(straight, sha) == expected[sha]


def test_many_force_pushes_start_the_index_afresh(straight: Repo) -> None:
    base = straight.git("rev-parse", "main")
    new = []
    for seed in range(index_module._MAX_TIPS + 4):
        straight.git("update-ref", "refs/heads/main", base)
        new += grow(straight, 1, seed=seed)
        straight.git("update-ref", f"refs/kept/{seed}", new[-1])
        indexed(straight, straight.git("commit-tree", f"{new[-1]}^{{tree}}", "-p", new[-1], "-m", "child"))
    expected = walked(straight, *new)
    for sha in new[-3:]:
        assert indexed(straight, sha) == expected[sha]
    with HistoryIndex(straight.open()) as index:
        assert len(index.tips) <= index_module._MAX_TIPS


def test_the_second_screen_walks_nothing(straight: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    first = indexed(straight, "main")
    from codex_gate import screen as screen_module

    def no_walk(*_: object, **__: object) -> Iterator[object]:
        raise AssertionError("walked again")

    monkeypatch.setattr(screen_module, "walk", no_walk)
    assert indexed(straight, "main") == first


def test_another_model_version_is_scored_anew(straight: Repo) -> None:
    indexed(straight, "main")
    other = FakeModel(version="fake-2", feature_names=("la", "exp"))
    found = Screener(straight.open(), other).commit("main", "main").change
    shutil.rmtree(database(straight).parent)
    fresh = Screener(straight.open(), other).commit("main", "main").change
    assert found is not None and fresh is not None
    assert verdict(found) == verdict(fresh)


# -- damage --------------------------------------------------------------------------------------------


@pytest.fixture
def damaged(straight: Repo) -> tuple[Repo, bytes, Path]:
    """A repository, the bytes of its good index (one commit behind), and where it lies."""
    indexed(straight, "main~1")
    grow(straight, 1)
    return straight, database(straight).read_bytes(), database(straight)


def test_flipped_bytes_never_change_the_answer(damaged: tuple[Repo, bytes, Path]) -> None:
    repo, good, path = damaged
    expected = walked(repo, repo.git("rev-parse", "main"))
    (wanted,) = expected.values()
    rng = random.Random(7)
    gate = repo.open()
    used = [at for at, byte in enumerate(good) if byte]
    for _ in range(30):
        bad = bytearray(good)
        for at in rng.sample(used, rng.choice([1, 1, 1, 4, 40])):
            bad[at] ^= 1 << rng.randrange(8)
        path.write_bytes(bad)
        assert indexed(gate, "main") == wanted


def rows(path: Path, statement: str, *values: object) -> None:
    db = sqlite3.connect(path)
    with db:
        db.execute(statement, values)
    db.close()


DAMAGE: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: path.write_bytes(b""),
    "half": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "one page": lambda path: path.write_bytes(path.read_bytes()[:4096]),
    "all but the last page": lambda path: path.write_bytes(path.read_bytes()[:-4096]),
    "half a page": lambda path: path.write_bytes(path.read_bytes()[:2000]),
    "text": lambda path: path.write_text("no database\n" * 1000),
    "zeros": lambda path: path.write_bytes(bytes(path.stat().st_size)),
    "zeros in the middle": lambda path: path.write_bytes(path.read_bytes()[:8192] + bytes(8192) + path.read_bytes()[16384:]),
    "another program's database": lambda path: (path.unlink(), rows(path, "CREATE TABLE other (a)")),
    "a table of another shape": lambda path: (rows(path, "DROP TABLE files"), rows(path, "CREATE TABLE files (a, b)")),
    "a table is gone": lambda path: rows(path, "DROP TABLE authors"),
    "risks are gone": lambda path: rows(path, "DROP TABLE risks"),
    "meta is gone": lambda path: rows(path, "DROP TABLE meta"),
    "the state row is gone": lambda path: rows(path, "DELETE FROM meta WHERE key = 'state'"),
    "the commits are gone": lambda path: rows(path, "DELETE FROM meta WHERE key = 'shas'"),
    "both are gone": lambda path: rows(path, "DELETE FROM meta"),
    "a file's row is gone": lambda path: rows(path, "DELETE FROM files WHERE key = ?", b"src/f3.py"),
    "all files' rows are gone": lambda path: rows(path, "DELETE FROM files"),
    "the authors' rows are gone": lambda path: rows(path, "DELETE FROM authors"),
    "two files' rows are swapped": lambda path: rows(
        path, "UPDATE files SET (value, crc) = (SELECT value, crc FROM files WHERE key = ?) WHERE key = ?", b"src/f1.py", b"src/f3.py"
    ),
    "a wrong checksum": lambda path: rows(path, "UPDATE files SET crc = crc + 1"),
    "a wrong checksum of the state": lambda path: rows(path, "UPDATE meta SET crc = crc + 1"),
    "text where bytes are due": lambda path: rows(path, "UPDATE files SET value = 'text'"),
    "wrong risks": lambda path: rows(path, "UPDATE risks SET risk = risk / 2"),
    "risks that are no numbers": lambda path: rows(path, "UPDATE risks SET risk = 'high'"),
    "risks of other commits": lambda path: rows(path, "UPDATE risks SET sha = randomblob(20)"),
    "no file at all": lambda path: path.unlink(),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_index_is_built_again_and_the_answer_stays(damaged: tuple[Repo, bytes, Path], damage: Callable[[Path], object]) -> None:
    repo, _, path = damaged
    (wanted,) = walked(repo, repo.git("rev-parse", "main")).values()
    damage(path)
    assert indexed(repo, "main") == wanted
    assert not [n for n in screen(repo, "main").notices if n.code == "index"]  # healed: nothing left to say
    with HistoryIndex(repo.open()) as index:
        assert index.size == 60  # what lies before the newest commit


def test_a_directory_in_its_place_costs_the_cache_only(damaged: tuple[Repo, bytes, Path]) -> None:
    repo, _, path = damaged
    (wanted,) = walked(repo, repo.git("rev-parse", "main")).values()
    path.unlink()
    path.mkdir()
    report = screen(repo, "main")
    assert report.change is not None and verdict(report.change) == wanted
    assert [n.code for n in report.notices] == ["index"]


def test_a_wrong_length_is_damage(straight: Repo) -> None:
    indexed(straight, "main")
    rows(database(straight), "UPDATE meta SET value = x'', crc = 0 WHERE key = 'shas'")
    with pytest.raises(IndexDamagedError), HistoryIndex(straight.open()):
        pass


def test_another_format_is_left_alone(straight: Repo) -> None:
    other = database(straight).with_name("history-99.sqlite")
    other.parent.mkdir()
    other.write_bytes(b"of a newer version")
    indexed(straight, "main")
    assert other.read_bytes() == b"of a newer version"


# -- places that cannot be written ---------------------------------------------------------------------


def test_nothing_is_written_into_an_index_that_was_thrown_away(straight: Repo) -> None:
    indexed(straight, "main")
    tip = straight.git("rev-parse", "main")
    with HistoryIndex(straight.open()) as index:
        with HistoryIndex(straight.open(), fresh=True):
            pass
        index.note_risks("other", {tip: 0.5})
        assert index.risks("other", [tip]) == {} and index.problem is None
    with HistoryIndex(straight.open()) as index:
        index.note_risks("other", {tip: 0.5})
        assert index.risks("other", [tip]) == {tip: 0.5}


@pytest.mark.parametrize("suffix", ["-journal", "-wal", "-shm"])
def test_what_would_be_played_back_into_a_fresh_index_goes_with_the_old_one(straight: Repo, suffix: str) -> None:
    indexed(straight, "main")
    beside = database(straight).with_name(database(straight).name + suffix)
    beside.write_bytes(b"")
    (beside.with_name("kept")).write_bytes(b"")
    with HistoryIndex(straight.open(), fresh=True) as index:
        assert index.size == 0 and not beside.exists() and beside.with_name("kept").exists()


def test_a_file_in_place_of_the_folder_is_said_once_and_costs_the_cache_only(straight: Repo) -> None:
    folder = straight.path / ".git" / "codex-gate"
    folder.write_text("in the way")
    report = screen(straight, "main")
    (wanted,) = walked(straight, straight.git("rev-parse", "main")).values()
    assert report.change is not None and verdict(report.change) == wanted
    (notice,) = report.notices
    assert notice.code == "index"
    assert str(folder) in notice.text
    assert folder.read_text() == "in the way"


def test_a_folder_that_cannot_be_made_is_said(straight: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, *_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "mkdir", refuse)
    report = screen(straight, "main")
    assert [n.code for n in report.notices] == ["index"]
    assert "Permission denied" in report.notices[0].text
    assert report.change is not None and report.change.percentile is not None


def test_a_read_only_index_is_read_and_not_written(straight: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    indexed(straight, "main")
    new = grow(straight, 3)
    before = database(straight).read_bytes()
    expected = walked(straight, *new)
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK and access(path, mode))
    for sha in new:
        report = screen(straight, sha)
        assert report.change is not None and verdict(report.change) == expected[sha]
        assert [n.code for n in report.notices] == ["index"]
        assert "not writable" in report.notices[0].text
    assert database(straight).read_bytes() == before
    assert [p.name for p in database(straight).parent.iterdir()] == [database(straight).name]


def test_a_full_disk_is_said_and_the_answer_stays(straight: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    (wanted,) = walked(straight, straight.git("rev-parse", "main")).values()

    def full(self: HistoryIndex) -> None:
        error = sqlite3.OperationalError("database or disk is full")
        error.sqlite_errorcode = sqlite3.SQLITE_FULL
        raise error

    monkeypatch.setattr(HistoryIndex, "_write", full)
    report = screen(straight, "main")
    assert report.change is not None and verdict(report.change) == wanted
    assert "disk is full" in report.notices[0].text


def test_a_locked_index_is_said_and_the_answer_stays(straight: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_module, "_BUSY_S", 0.05)
    indexed(straight, "main")
    (wanted,) = walked(straight, straight.git("rev-parse", "main")).values()
    holder = sqlite3.connect(database(straight), isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    report = screen(straight, "main")
    holder.execute("ROLLBACK")
    holder.close()
    assert report.change is not None and verdict(report.change) == wanted
    assert [n.code for n in report.notices] == ["index"]
    assert "locked" in report.notices[0].text
    assert not screen(straight, "main").notices  # and it was not thrown away
    with HistoryIndex(straight.open()) as index:
        assert index.size == 59


def tree_of(folder: Path) -> dict[str, tuple[int, int]]:
    return {str(p.relative_to(folder)): (p.stat().st_mtime_ns, p.stat().st_size) for p in folder.rglob("*") if p.is_file()}


def test_nothing_is_written_outside_its_folder(straight: Repo) -> None:
    straight.git("checkout", "-q", "-f", "main")
    straight.write("src/f0.py", "staged = 1\n")
    straight.git("add", "-A")
    before = tree_of(straight.path)
    gate = straight.open()
    screener = Screener(gate, FakeModel())
    screener.commit("main", "main")
    screener.range("main~5", "main", "range")
    screener.staged(("Ada", "ada@example.org", START, 0), START)
    list(screener.many(gate.rev_list("main")))
    after = tree_of(straight.path)
    new = set(after) - set(before)
    assert new == {f".git/codex-gate/{database(straight).name}"}
    assert {name: after[name] for name in before} == before


def test_linked_worktrees_share_the_index(straight: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    indexed(straight, "main")
    straight.git("worktree", "add", "-q", "-b", "side", str(tmp_path / "linked"), "main~3")
    linked = straight.open(tmp_path / "linked")
    from codex_gate import screen as screen_module

    monkeypatch.setattr(screen_module, "walk", lambda *_: (_ for _ in ()).throw(AssertionError("walked again")))
    assert indexed(linked, "HEAD") == indexed(straight, "main~3")
    assert linked.common_dir / "codex-gate" == database(straight).parent
    assert not (linked.git_dir / "codex-gate").exists()


# -- other runs at the same time -----------------------------------------------------------------------


@contextmanager
def overtaken(act: Callable[[], object]) -> Iterator[None]:
    """Inside the block the first run that has opened the index waits while something else is done."""
    opened = HistoryIndex.__init__
    done = []

    def waiting(self: HistoryIndex, repo: Repository, **options: bool) -> None:
        opened(self, repo, **options)
        if not done:
            done.append(True)
            act()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(HistoryIndex, "__init__", waiting)
        yield
    assert done


def test_a_run_that_was_overtaken_gives_the_same_answer(straight: Repo) -> None:
    """Another run writes its commits after this one opened the index and before it reads."""
    indexed(straight, "main~20")
    (wanted,) = walked(straight, straight.git("rev-parse", "main")).values()
    with overtaken(lambda: indexed(straight, "main~2")):
        found = indexed(straight, "main")
    assert found == wanted
    assert indexed(straight, "main") == wanted


def test_a_run_whose_index_was_thrown_away_meanwhile_gives_the_same_answer(straight: Repo) -> None:
    indexed(straight, "main~20")
    (wanted,) = walked(straight, straight.git("rev-parse", "main")).values()
    opened = HistoryIndex.__init__
    done = []

    def thrown_away(self: HistoryIndex, repo: Repository, **options: bool) -> None:
        opened(self, repo, **options)
        if not done:
            done.append(True)
            with HistoryIndex(repo, fresh=True):
                pass

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(HistoryIndex, "__init__", thrown_away)
        assert indexed(straight, "main") == wanted
    assert done
    assert indexed(straight, "main") == wanted


RUN = """
import os, sys
from pathlib import Path
sys.path[:0] = [{root!r}]
from tests.codex_gate.samples import FakeModel, verdict
from codex_gate.git import Repository
from codex_gate.screen import Screener
gate = Repository.discover(Path({path!r}), os.environ)
for revision in sys.argv[1:]:
    change = Screener(gate, FakeModel()).commit(revision, revision).change
    print(verdict(change)["percentile"], verdict(change)["risk"], flush=True)
"""


def start_run(repo: Repo, *revisions: str) -> subprocess.Popen[str]:
    program = RUN.format(root=str(ROOT), path=str(repo.path))
    return subprocess.Popen([sys.executable, "-c", program, *revisions], env=repo.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_processes_at_once_all_succeed_and_leave_a_valid_index(straight: Repo) -> None:
    straight.git("branch", "other", "main~10")
    grow(straight, 5, seed=2, branch="other")
    tips = [straight.git("rev-parse", name) for name in ("main", "main~7", "other", "other~2")]
    expected = walked(straight, *tips)
    runs = [start_run(straight, *order) for order in (tips, tips[::-1], tips[1:] + tips[:1])]
    for run, order in zip(runs, (tips, tips[::-1], tips[1:] + tips[:1]), strict=True):
        out, err = run.communicate(timeout=60)
        assert run.returncode == 0, err
        assert out.splitlines() == [f"{expected[sha]['percentile']} {expected[sha]['risk']}" for sha in order]
    for sha in tips:
        assert indexed(straight, sha) == expected[sha]
    assert not [n for n in screen(straight, "main").notices if n.code == "index"]
    db = sqlite3.connect(database(straight))
    assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    db.close()


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path[:0] = [{root!r}]
from tests.codex_gate.samples import FakeModel
from codex_gate.git import Repository
from codex_gate.index import HistoryIndex
from codex_gate.screen import Screener
put, calls = HistoryIndex._put, []
def dying(self, table, rows):
    put(self, table, rows)
    calls.append(table)
    if len(calls) == int(sys.argv[1]):
        self._db.execute("PRAGMA cache_spill = 1")
        self._db.execute("PRAGMA cache_size = 1")
        put(self, "files", ((f"filler/{{k}}", bytes(3000)) for k in range(200)))  # pages reach the disk before the end
        os.kill(os.getpid(), signal.SIGKILL)
HistoryIndex._put = dying
Screener(Repository.discover(Path({path!r}), os.environ), FakeModel()).commit("main", "main")
"""


@pytest.mark.parametrize("at", [1, 2, 3])
def test_a_kill_in_the_middle_of_a_write_leaves_a_usable_index(straight: Repo, at: int) -> None:
    indexed(straight, "main~10")
    (wanted,) = walked(straight, straight.git("rev-parse", "main")).values()
    program = KILLED.format(root=str(ROOT), path=str(straight.path))
    done = subprocess.run([sys.executable, "-c", program, str(at)], env=straight.environ, capture_output=True, timeout=60)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    assert database(straight).with_name(database(straight).name + "-journal").exists()  # the write was under way
    with HistoryIndex(straight.open()) as index:
        assert index.size == 49  # main~11 and before: the state before the write
    assert indexed(straight, "main") == wanted


# -- contents that are missing ---------------------------------------------------------------------------


def moving(n: int) -> list[Node]:
    """A straight history in which a file is often edited and renamed at once, and a person can be told from the others."""
    nodes, name, before = [], "src/a0.py", None
    for k in range(n):
        text = "".join(f"value_{j} = {j if j != k % 30 else k + 100}\n" for j in range(30))
        if k % 7 == 5:
            name, before = f"src/a{k}.py", name
        changes: dict[str, bytes | str | tuple[str, str] | None] = {name: text, f"docs/{k % 4}.md": f"{k}\n" * (k % 9 + 1)}
        if before is not None:
            changes[before], before = None, None
        nodes.append(Node(changes, (k - 1,) if k else (), (BOB, EVE)[k % 2], START + k * WEEK, "fix it" if k % 3 == 0 else "work"))
    return nodes


@pytest.fixture
def partial(make_repo: MakeRepo, tmp_path: Path) -> Repo:
    """A clone without contents, of 70 commits."""
    origin = make_repo("origin")
    origin.build(moving(70))
    origin.git("config", "uploadpack.allowFilter", "true")
    origin.git("clone", "-q", "--no-checkout", "--filter=blob:none", origin.path.as_uri(), tmp_path / "clone")
    return Repo(tmp_path / "clone", origin.environ)


def complete(clone: Repo) -> None:
    """What `doctor` advises."""
    clone.git("fetch", "-q", "--refetch", "--no-filter")


def not_walked(monkeypatch: pytest.MonkeyPatch) -> None:
    from codex_gate import screen as screen_module

    monkeypatch.setattr(screen_module, "walk", lambda *_, **__: (_ for _ in ()).throw(AssertionError("walked again")))


def test_an_index_of_a_clone_without_contents_ends_when_they_come(partial: Repo) -> None:
    for _ in range(2):
        blind = indexed(partial, "main")
    complete(partial)
    sha = partial.git("rev-parse", "main")
    expected = walked(partial, sha)[sha]
    assert blind["touches_max"] != expected["touches_max"], "renames had been overlooked"
    assert indexed(partial, "main") == expected
    assert not [n for n in screen(partial, "main").notices if n.code == "index"]


def test_without_contents_the_index_serves_as_long_as_nothing_comes(partial: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    first = indexed(partial, "main")
    with monkeypatch.context() as patch:
        not_walked(patch)
        assert indexed(partial, "main") == first
    old = partial.git("rev-parse", "main")
    tree = partial.git("rev-parse", f"{old}^{{tree}}")
    partial.git("update-ref", "refs/heads/main", partial.git("commit-tree", tree, "-p", old, "-m", "child"))  # loose: it says nothing of others
    with HistoryIndex(partial.open()) as index:
        assert index.size == 69


def test_risks_of_a_bulk_screen_without_contents_are_not_kept(partial: Repo) -> None:
    shas = partial.git("rev-list", "main").split()
    list(Screener(partial.open(), FakeModel()).many(shas))
    with HistoryIndex(partial.open()) as index:
        assert not index.risks(FakeModel.version, shas)
    complete(partial)
    list(Screener(partial.open(), FakeModel()).many(shas))
    with HistoryIndex(partial.open()) as index:
        assert index.risks(FakeModel.version, shas).keys() == set(shas)


def test_risks_that_were_measured_again_without_contents_end_when_they_come(straight: Repo) -> None:
    """The index itself lacks nothing; what another model version makes of its commits does."""
    indexed(straight, "main")
    for pack in (straight.path / ".git/objects/pack").glob("*.pack"):
        packed = pack.rename(straight.path / pack.name).read_bytes()
        straight.git("unpack-objects", "-q", stdin=packed)
    lost = straight.loose("main~5:src/f4.py")
    kept = lost.read_bytes()
    blob = straight.git("rev-parse", "main~5:src/f4.py")
    lost.unlink()
    other = FakeModel(version="fake-2")
    Screener(straight.open(), other).commit("main", "main")
    lost.write_bytes(kept)
    straight.git("pack-objects", "-q", str(straight.path / ".git/objects/pack/pack"), stdin=f"{blob}\n".encode())
    noted = []
    for _ in range(2):
        Screener(straight.open(), other).commit("main", "main")
        with HistoryIndex(straight.open()) as index:
            noted.append(index.risks("fake-2", straight.git("rev-list", "main~1").split()))
        shutil.rmtree(database(straight).parent)
    assert noted[0] == noted[1] and len(noted[0]) == 59


def test_new_packs_leave_the_index_of_a_whole_clone_alone(straight: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    first = indexed(straight, "main")
    straight.git("repack", "-a", "-d", "-q")
    not_walked(monkeypatch)
    assert indexed(straight, "main") == first


def test_two_runs_that_saw_different_packs_leave_no_mixture(partial: Repo) -> None:
    """One opens the index before the contents come, and writes after."""
    indexed(partial, "main~20")
    with overtaken(lambda: complete(partial)):
        indexed(partial, "main")
    sha = partial.git("rev-parse", "main")
    assert indexed(partial, "main") == walked(partial, sha)[sha]


# -- history that goes away ----------------------------------------------------------------------------


def prune(repo: Repo, *gone: str) -> None:
    for ref in repo.git("for-each-ref", "--format=%(refname)").split():
        if ref.startswith("refs/built/"):
            repo.git("update-ref", "-d", ref)
    repo.git("reflog", "expire", "--expire=all", "--all")
    repo.git("gc", "-q", "--prune=now")
    for sha in gone:
        assert subprocess.run(["git", "cat-file", "-e", sha], cwd=repo.path, env=repo.environ, capture_output=True).returncode != 0


def test_a_pruned_tip_makes_the_index_start_afresh(straight: Repo) -> None:
    old = straight.git("rev-parse", "main~3")
    lost = grow(straight, 5, seed=1)
    indexed(straight, lost[-1])
    straight.git("update-ref", "refs/heads/main", old)
    new = grow(straight, 4, seed=2)
    prune(straight, *lost)
    expected = walked(straight, *new)
    for sha in new:
        assert indexed(straight, sha) == expected[sha]
    with HistoryIndex(straight.open()) as index:
        assert not set(index.tips) & set(lost)


def test_a_pruned_tip_beside_the_one_asked_for_is_no_obstacle(straight: Repo) -> None:
    straight.git("branch", "other", "main~10")
    lost = grow(straight, 3, seed=1, branch="other")
    indexed(straight, "main")
    indexed(straight, lost[-1])
    with HistoryIndex(straight.open()) as index:
        assert set(index.tips) == {lost[-2], straight.git("rev-parse", "main~1")}
    straight.git("branch", "-q", "-D", "other")
    prune(straight, *lost)
    (wanted,) = walked(straight, straight.git("rev-parse", "main")).values()
    assert indexed(straight, "main") == wanted


def graph_of_another_history(repo: Repo, seed: int) -> Path:
    """A commit-graph in which some commits have other first parents."""
    repo.git("commit-graph", "write", "--reachable")
    path = repo.path / ".git" / "objects" / "info" / "commit-graph"
    path.chmod(0o644)
    data, rng = bytearray(path.read_bytes()), random.Random(seed)
    chunks = {bytes(data[at : at + 4]): int.from_bytes(data[at + 4 : at + 12], "big") for at in range(8, 8 + 12 * data[6], 12)}
    n = (chunks[b"CDAT"] - chunks[b"OIDL"]) // 20
    for row in rng.sample(range(n), 6):
        struct.pack_into(">I", data, chunks[b"CDAT"] + 36 * row + 20, rng.randrange(n))
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("seed", range(8))
def test_an_index_that_was_built_by_a_wrong_commit_graph_does_not_outlive_it(straight: Repo, seed: int) -> None:
    (wanted,) = walked(straight, straight.git("rev-parse", "main")).values()
    graph = graph_of_another_history(straight, seed)
    with suppress(GitError):  # which says that git contradicts itself
        indexed(straight, "main")
    graph.unlink()
    assert indexed(straight, "main") == wanted


def test_a_name_that_the_index_does_not_hold_is_damage(straight: Repo) -> None:
    indexed(straight, "main~5")
    held, new = straight.git("rev-parse", "main~7"), straight.git("rev-parse", "main")
    with HistoryIndex(straight.open()) as index:
        assert list(index.ordinals([held])) == [held]
        with pytest.raises(IndexDamagedError, match=f"it lacks {new}"):
            index.ordinals([held, new])
        index.tips = [new]
        with pytest.raises(IndexDamagedError, match="it lacks "):
            index.past(held)


def test_a_large_history_is_indexed_in_seconds(make_repo: MakeRepo) -> None:
    repo = make_repo()
    repo.build(line(1500))
    start = time.perf_counter()
    assert indexed(repo, "main")["level"] != "unknown"
    assert time.perf_counter() - start < 20
