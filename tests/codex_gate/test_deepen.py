"""Shallow and partial clones are completed with what a screen needs and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from codex_gate import deepen
from codex_gate.screen import Screener
from tests.codex_gate.samples import FakeModel, verdict
from tests.conftest import BOB, DAY, START, Node, Repo


@pytest.fixture
def remote(make_repo: Callable[..., Repo]) -> Repo:
    """Sixty changes and a branch of two, on a server that filters."""
    repo = make_repo("remote")
    repo.build(Node({f"f{k % 5}.py": f"x = {k}\n" * (k % 7 + 1)}, (k - 1,) if k else (), time=START + k * DAY) for k in range(60))
    repo.git("checkout", "-q", "-f", "main")
    repo.branch("topic")
    for k in range(2):
        repo.write(f"lib/g{k}.py", f"y = {k}\n" * 40)
        repo.commit("large", author=BOB, date=START + (70 + k) * DAY)
    for option in ("allowFilter", "allowAnySHA1InWant"):
        repo.git("config", f"uploadpack.{option}", "true")
    return repo


def cloned(remote: Repo, target: Path, *args: str) -> Repo:
    remote.git("clone", "-q", *args, "-b", "topic", f"file://{remote.path}", target)
    clone = Repo.__new__(Repo)
    clone.path, clone.environ = target, remote.environ
    return clone


@pytest.mark.parametrize("args", [("--depth=2",), ("--filter=blob:none",), ("--depth=2", "--filter=blob:none")])
def test_a_completed_clone_gives_the_verdict_of_a_whole_one(remote: Repo, tmp_path: Path, args: tuple[str, ...]) -> None:
    clone = cloned(remote, tmp_path / "clone", *args)
    assert deepen.complete(clone.open()) == ""
    repo = clone.open()
    assert not repo.is_shallow
    base, head = remote.git("rev-parse", "main"), remote.git("rev-parse", "topic")
    reports = [Screener(r, FakeModel()).range(base, head, "x") for r in (repo, remote.open())]  # type: ignore[arg-type]
    mine, theirs = reports
    assert mine.change is not None and theirs.change is not None
    assert verdict(mine.change) == verdict(theirs.change)
    assert mine.thresholds == theirs.thresholds
    assert [verdict(c) for c in mine.commits] == [verdict(c) for c in theirs.commits]


def test_contents_of_older_changes_are_not_fetched(remote: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deepen, "N_RECENT", 3)
    clone = cloned(remote, tmp_path / "clone", "--depth=2")
    assert deepen.complete(clone.open()) == ""
    here = set(clone.git("cat-file", "--batch-all-objects", "--batch-check=%(objectname)").split())
    old, new = (remote.git("rev-parse", f"{revision}:{path}") for revision, path in (("main~50", "f4.py"), ("topic", "lib/g1.py")))
    assert new in here and old not in here


def test_a_whole_clone_asks_for_nothing(remote: Repo, tmp_path: Path) -> None:
    clone = cloned(remote, tmp_path / "clone")
    clone.git("remote", "set-url", "origin", "file:///nowhere")
    assert deepen.complete(clone.open()) == ""


def test_a_remote_that_is_gone_is_a_sentence(remote: Repo, tmp_path: Path) -> None:
    clone = cloned(remote, tmp_path / "clone", "--depth=1")
    clone.git("remote", "set-url", "origin", "file:///nowhere")
    assert deepen.complete(clone.open()).startswith("'/nowhere' does not appear")
    assert clone.open().is_shallow
