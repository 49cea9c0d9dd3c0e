"""The hooks as pre-commit makes and runs them: an environment of their own out of a clone, on a real repository."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.codex_gate.actions import LARGE, SMALL, project
from tests.conftest import BOB, DAY, START, Repo
from tests.packages import index_settings, offline

ROOT = Path(__file__).parents[1]
PRE_COMMIT = Path(sys.executable).with_name("pre-commit")
pytestmark = pytest.mark.skipif(not PRE_COMMIT.exists(), reason="pre-commit is not installed: pip install --group surfaces")
GATE = "fail-on: high\nhook: gate\n"
HOOKS = ["codex-gate", "codex-gate-push"]
Done = subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory, git_environ: dict[str, str]) -> dict[str, str]:
    """Variables of a person who commits: git's, pip's, with every package at hand; pip compiles nothing, which only first starts miss."""
    index = index_settings()
    return {**git_environ, **index, **offline(tmp_path_factory.mktemp("wheels"), {**os.environ, **index}), "PIP_NO_COMPILE": "1"}


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory, git_environ: dict[str, str]) -> Repo:
    """What pre-commit clones: this package as a repository."""
    repo = Repo(tmp_path_factory.mktemp("codex-gate"), git_environ)
    for name in ("codex_gate", "training/automl_codex", "models"):
        shutil.copytree(ROOT / name, repo.path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE", ".pre-commit-hooks.yaml"):
        shutil.copy(ROOT / name, repo.path)
    repo.commit("a release")
    return repo


@pytest.fixture
def try_repo(repo: Repo, ours: Repo, settings: dict[str, str]) -> Callable[[str], Done]:
    """`try_repo(hook)` runs one of the hooks on what is staged, or on the branch that is checked out as a push of it."""

    def run(hook: str) -> Done:
        pushed = ["--hook-stage", "pre-push", "--from-ref", "main", "--to-ref", "HEAD"] if hook == HOOKS[1] else []
        return subprocess.run([PRE_COMMIT, "try-repo", ours.path, hook, *pushed], cwd=repo.path, env=settings, capture_output=True, text=True)

    return run


def brought(repo: Repo, hook: str, changes: dict[str | bytes, str | bytes]) -> None:
    """A change where the hook looks for it: in the index, or as a commit of a branch."""
    repo.branch("topic")
    for path, text in changes.items():
        repo.write(path, text)
    repo.git("add", "-A")
    if hook == HOOKS[1]:
        repo.commit("a change", author=BOB, date=START + 70 * DAY)


def said(done: Done) -> str:
    """What the hook itself said: pre-commit puts its own lines before it."""
    assert "Installing environment" in done.stdout, done.stdout + done.stderr
    (_, shown) = re.split(r"^codex-gate(?: \(push\))?\.+", done.stdout, flags=re.MULTILINE)
    state, _, rest = shown.partition("\n")
    assert state == ("Failed" if done.returncode else "Passed")
    return "".join(line for line in rest.splitlines(keepends=True) if not line.startswith("- ")).strip()


@pytest.mark.parametrize("hook", HOOKS)
def test_a_loud_change_is_spoken_about_and_stopped_by_a_gate(repo: Repo, try_repo: Callable[[str], Done], hook: str) -> None:
    project(repo, GATE)
    brought(repo, hook, LARGE)
    done = try_repo(hook)
    assert done.returncode == 1
    shown = said(done)
    assert shown.startswith({"codex-gate": "staged changes\n", "codex-gate-push": "push to HEAD  a change\n"}[hook])
    for words in ("risk – critical", "Look at first", "lib/g0.py:"):
        assert words in shown
    assert shown.endswith("codex-gate: level critical reaches fail-on high (.codex-gate.yaml, line 2)")


@pytest.mark.slow
@pytest.mark.parametrize("hook", HOOKS)
def test_a_loud_change_is_spoken_about_and_passes_where_nothing_is_configured(repo: Repo, try_repo: Callable[[str], Done], hook: str) -> None:
    project(repo)
    brought(repo, hook, LARGE)
    done = try_repo(hook)
    assert done.returncode == 0
    assert "risk – critical" in said(done)


@pytest.mark.slow
@pytest.mark.parametrize("hook", HOOKS)
def test_a_quiet_change_passes_a_gate_without_a_word(repo: Repo, try_repo: Callable[[str], Done], hook: str) -> None:
    project(repo, GATE)
    brought(repo, hook, SMALL)
    done = try_repo(hook)
    assert (done.returncode, said(done)) == (0, "")


@pytest.mark.slow
def test_what_init_writes_stops_a_commit_and_a_push_and_lets_small_ones_through(
    repo: Repo, ours: Repo, make_repo: Callable[..., Repo], settings: dict[str, str], tmp_path: Path
) -> None:
    """With git's own hooks, one environment for both: the entry of `codex-gate init`, its repository a clone on this machine."""
    project(repo, GATE)
    repo.environ = {**settings, "PRE_COMMIT_HOME": str(tmp_path / "store")}
    subprocess.run([sys.executable, "-m", "codex_gate.cli", "init", "--pre-commit"], cwd=repo.path, env=repo.environ, check=True, capture_output=True)
    entry = repo.path / ".pre-commit-config.yaml"
    text = re.sub(r"repo: \S+", f"repo: {ours.path}", entry.read_text("utf-8"))
    repo.write(entry.name, re.sub(r"rev: \S+", f"rev: {ours.head()}", text))
    subprocess.run([PRE_COMMIT, "install", "--hook-type", "pre-commit", "--hook-type", "pre-push"], cwd=repo.path, env=repo.environ, check=True)

    def git(*args: str) -> Done:
        return subprocess.run(["git", *args], cwd=repo.path, env=repo.environ, capture_output=True, text=True)

    repo.git("remote", "add", "origin", str(make_repo("remote", bare=True).path))
    repo.commit("set up")  # without hooks
    repo.git("push", "-q", "--no-verify", "-u", "origin", "main")
    for path, content in SMALL.items():
        repo.write(path, content)
    assert git("commit", "-qam", "small").returncode == 0
    assert git("push", "-q").returncode == 0
    for path, content in LARGE.items():
        repo.write(path, content)
    repo.git("add", "-A")
    stopped = git("commit", "-qm", "large")
    assert stopped.returncode == 1 and "risk – critical" in stopped.stdout + stopped.stderr
    repo.git("commit", "-q", "--no-verify", "-m", "large")
    stopped = git("push", "-q")
    assert stopped.returncode == 1 and "push to main" in stopped.stdout + stopped.stderr
    assert repo.git("rev-parse", "origin/main") == repo.git("rev-parse", "main~1")
