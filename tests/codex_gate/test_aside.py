"""The second process of a long walk: equal values, and nothing of it is left, however the walk ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from codex_gate import aside
from codex_gate.config import Settings
from codex_gate.errors import GitError
from codex_gate.git import Repository
from codex_gate.model import Model, default_directory
from codex_gate.policy import Policy
from codex_gate.screen import Screener
from codex_gate.types import Finding
from codex_gate.walk import Row, walk
from tests.conftest import ADA, BOB, DAY, START, Node, Repo

PROGRAM = "def f(x):\n    lock.acquire()\n    return x\n"


def nodes() -> list[Node]:
    """Program text, a rename, a binary file, a name that is no ASCII, a merge, a line that its author marked, and a run of small changes."""
    made = [
        Node({"src/a.py": PROGRAM, "b.bin": b"\0\1", "docs/\xfc.md": "x\n"}, author=ADA, time=START, message="root"),
        Node({"src/c.py": ("R", "src/a.py"), "b.bin": b"\0\2"}, [0], author=BOB, time=START + DAY, message="move"),
        Node({"src/c.py": PROGRAM.replace("    return x", "    lock.release()\n    return x")}, [1], author=BOB, time=START + 2 * DAY, message="fix deadlock"),
        Node({"src/d.py": "if x = None:  # codex-gate: ignore[meant]\n    pass\n"}, [1], author=ADA, time=START + 3 * DAY, message="fix race condition"),
        Node({"src/d.py": "y = 1\n", "docs/\xfc.md": None}, [2, 3], author=ADA, time=START + 4 * DAY, message="merge"),
    ]
    made += [Node({"src/c.py": PROGRAM + f"# {n}\nlast = {n}\n"}, [n - 1], author=BOB, time=START + n * DAY, message=f"change {n}") for n in range(5, 90)]
    return made


@pytest.fixture
def helped(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen[bytes]]:
    """Every walk that may has a second process; the Python processes that were started."""
    monkeypatch.setattr(aside, "MIN_COMMITS", 1)
    monkeypatch.setattr(aside, "can_help", lambda: True)
    started: list[subprocess.Popen[bytes]] = []
    true_popen = subprocess.Popen

    def popen(command: Any, *args: Any, **more: Any) -> Any:
        process = true_popen(command, *args, **more)
        if command[0] == sys.executable:
            started.append(process)
        return process

    monkeypatch.setattr(aside.subprocess, "Popen", popen)  # type: ignore[attr-defined]
    return started


def rows(gate: Repository, **more: Any) -> list[Row]:
    return list(walk(gate, gate.log("HEAD"), None, **more))


def refuse(*_: object) -> Iterator[Any]:
    raise AssertionError("the wrong process was asked")


@pytest.mark.parametrize("settings", [None, Settings(include=("src/",), exclude=("d.py",))])
def test_both_processes_give_equal_rows(repo: Repo, helped: list[subprocess.Popen[bytes]], monkeypatch: pytest.MonkeyPatch, settings: Settings | None) -> None:
    shas = repo.build(nodes())
    gate = repo.open()
    asked: dict[str, Any] = {"keep": Policy(settings).keep, "look": f"codex_gate.policy:listener:{default_directory()}", "looked_at": shas[:60]}
    with monkeypatch.context() as alone:
        alone.setattr(aside, "can_help", lambda: False)
        expected = rows(gate, **asked)
    assert not helped
    monkeypatch.setattr(Repository, "diffs", refuse)
    assert repr(rows(gate, **asked)) == repr(expected)  # by its text: NaN equals nothing
    assert len(helped) == 1
    assert any(row.seen and row.seen[0] for row in expected) and expected[-1].seen is None
    assert all(change.patch == b"" for row in expected for change in row.commit.files)


def findings(gate: Repository, shas: list[str]) -> list[Finding]:
    return list(Screener(gate, Model.load(default_directory())).many(shas))


def test_a_bulk_screen_says_the_same_with_and_without(repo: Repo, helped: list[subprocess.Popen[bytes]], monkeypatch: pytest.MonkeyPatch) -> None:
    shas = repo.build(nodes())
    found = findings(repo.open(), shas)
    assert len(helped) == 1
    monkeypatch.setattr(aside, "can_help", lambda: False)
    assert repr(findings(repo.open(), shas)) == repr(found)
    assert len(helped) == 1
    assert any(f.classifications for f in found) and any(f.ignored for f in found) and any(f.likeliest for f in found)


def test_the_lines_of_a_bulk_screen_are_ranked_where_their_text_is(repo: Repo, helped: list[subprocess.Popen[bytes]]) -> None:
    shas = repo.build(nodes()[:6])
    found = list(Screener(repo.open(), Model.load(default_directory()), lines=1).many(shas))
    assert not helped and all(f.lines for f in found if f.sha == shas[2])


def test_a_short_walk_and_one_core_start_no_process(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    repo.build(nodes()[:6])
    monkeypatch.setattr(aside, "Helper", refuse)
    monkeypatch.setattr(aside, "can_help", lambda: True)
    assert rows(repo.open())
    monkeypatch.undo()
    monkeypatch.setattr(aside, "Helper", refuse)
    monkeypatch.setattr(aside, "MIN_COMMITS", 1)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0}, raising=False)
    assert rows(repo.open())


@pytest.mark.parametrize("program", ["", "/nonexistent/python", "false"])
def test_a_second_process_that_does_not_come_up_costs_nothing_but_time(
    repo: Repo, helped: list[subprocess.Popen[bytes]], monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    repo.build(nodes())
    expected = repr(rows(repo.open()))
    monkeypatch.undo()
    monkeypatch.setattr(aside, "MIN_COMMITS", 1)
    monkeypatch.setattr(sys, "executable", program)
    assert repr(rows(repo.open())) == expected


def test_where_git_dies_the_first_process_goes_on(repo: Repo, helped: list[subprocess.Popen[bytes]]) -> None:
    shas = repo.build(nodes())
    repo.git("config", "fastimport.unpackLimit", "0")
    repo.git("repack", "-a", "-d", "-q")
    repo.git("unpack-objects", stdin=_packs(repo))
    repo.loose(f"{shas[40]}:src/c.py").unlink()
    found = rows(repo.open())
    assert len(helped) == 1 and len(found) == len(shas) - 1  # all but the merge
    lost = [row.commit.sha for row in found if any(n.code == "missing-blobs" for n in row.features.notices)]
    assert lost == [shas[40], shas[41]]


def _packs(repo: Repo) -> bytes:
    """The only pack, moved away, so that its objects can be written one by one."""
    (pack,) = (repo.path / ".git" / "objects" / "pack").glob("*.pack")
    data = pack.read_bytes()
    for file in pack.parent.glob(pack.stem + ".*"):
        file.unlink()
    return data


def test_a_walk_that_is_left_early_ends_its_process(repo: Repo, helped: list[subprocess.Popen[bytes]]) -> None:
    repo.build(nodes())
    gate = repo.open()
    stream = walk(gate, gate.log("HEAD"), None)
    next(stream)
    assert [process.returncode for process in helped] == [None]
    stream.close()  # type: ignore[attr-defined]
    assert helped[0].returncode is not None


_ABANDONED = """
import os, sys, time
from pathlib import Path
from codex_gate import aside
from codex_gate.git import Repository
from codex_gate.walk import walk
aside.MIN_COMMITS, aside.can_help = 1, lambda: True
gate = Repository.discover(Path(sys.argv[1]), os.environ)
stream = walk(gate, gate.log("HEAD"), None)
next(stream)
print("\\n".join(stat.parent.name for stat in Path("/proc").glob("[0-9]*/stat") if stat.read_text().rpartition(")")[2].split()[1] == str(os.getpid())), flush=True)
time.sleep(60)
"""


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_a_walk_that_is_killed_takes_its_processes_along(repo: Repo) -> None:
    # More than the pipes hold, so that somebody still has something to write when the reader is gone.
    repo.build([Node({f"d/{n}-{i}": f"{'x' * 60} {i}\n" * 40 for i in range(60)}, [n - 1] if n else []) for n in range(60)])
    environ = {**os.environ, "PYTHONPATH": str(Path(aside.__file__).parents[1])}
    with subprocess.Popen([sys.executable, "-c", _ABANDONED, str(repo.path)], env=environ, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        time.sleep(0.3)
        process.send_signal(signal.SIGKILL)
        children = [first.strip(), *process.stdout.read().split()]
    assert len(children) >= 2
    deadline = time.monotonic() + 20
    while any(_runs(pid) for pid in children) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(_runs(pid) for pid in children)


def _runs(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_nothing_that_lies_in_the_current_directory_is_run(repo: Repo, helped: list[subprocess.Popen[bytes]], monkeypatch: pytest.MonkeyPatch) -> None:
    repo.build(nodes())
    for name in ("codex_gate/__init__.py", "marshal.py", "tempfile.py", "sitecustomize.py"):
        repo.write(name, "import pathlib\npathlib.Path(__file__).with_name('was-run').touch()\n")
    monkeypatch.chdir(repo.path)
    monkeypatch.setenv("PYTHONPATH", str(repo.path))
    monkeypatch.setattr(Repository, "diffs", refuse)
    assert rows(repo.open())
    assert len(helped) == 1 and not list(repo.path.rglob("was-run"))


def test_a_bulk_screen_has_its_process_before_it_knows_the_commits(repo: Repo, helped: list[subprocess.Popen[bytes]], monkeypatch: pytest.MonkeyPatch) -> None:
    shas = repo.build(nodes())
    true_log, running = Repository.log, []

    def log(self: Repository, *args: Any, **more: Any) -> Any:
        running.append([process.poll() for process in helped])
        return true_log(self, *args, **more)

    monkeypatch.setattr(Repository, "log", log)
    assert len(findings(repo.open(), shas)) == len(shas)
    assert running == [[None]] and len(helped) == 1 and helped[0].returncode is not None


def test_a_process_that_gets_no_task_is_not_left_behind(repo: Repo, helped: list[subprocess.Popen[bytes]]) -> None:
    repo.build(nodes()[:1])
    with pytest.raises(GitError, match="git log failed"):
        findings(repo.open(), ["0" * 40])
    assert len(helped) == 1 and helped[0].returncode is not None


def test_a_process_ends_by_itself_when_nobody_will_give_it_a_task(repo: Repo) -> None:
    helper = aside.Helper(repo.open(), None)
    helper._let_go()
    assert helper._process.wait(20) == 0
    with helper:
        pass
