"""Nothing leaves the machine: without a token the runtime makes no socket and asks for no address, whatever command is run."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Repo

ROOT = Path(__file__).parents[1]

# An audit hook sees what the interpreter and every library in it do; it cannot be taken off again, so it lives in a process of its own.
WATCHED = """
import os, sys
sys.path.insert(0, {root!r})
def hook(event, args):
    if event.startswith(("socket.", "http.", "urllib.", "ftplib.", "smtplib.", "webbrowser.")):
        sys.stderr.write(f"NETWORK {{event}}\\n")
        os._exit(99)
sys.addaudithook(hook)
from codex_gate.cli import main
sys.exit(main({arguments!r}))
"""

COMMANDS = [
    *(["screen", "main..topic", "--format", name] for name in ("terminal", "json", "jsonl", "markdown", "sarif", "html")),
    ["screen", "--staged"],
    ["screen", "--commit", "HEAD"],
    ["screen", "--each", "main..topic"],
    ["explain", "HEAD"],
    ["backtest", "--last", "55"],
    ["trend", "--last", "55"],
    ["similar", "src/app.py", "src/other.py"],
    ["hook"],
    ["hook", "--push"],
    ["doctor"],
    ["config"],
    ["init", "--dry-run", "--pre-commit"],
    ["uninstall"],
    ["schema"],
]


@pytest.fixture
def changed(repo: Repo) -> Repo:
    """A branch with two commits and something staged."""
    for k in range(60):
        repo.write("src/app.py", "".join(f"def f{i}(x):\n    return x + {i * k}\n" for i in range(8)))
        repo.commit(f"change {k}")
    repo.branch("topic")
    repo.write("src/app.py", "import socket\nsocket.socket()\n")
    repo.commit("open a socket")
    repo.write("src/other.py", "x = 1\n")
    repo.git("add", "-A")
    repo.git("remote", "add", "origin", "https://example.invalid/x.git")
    return repo


def watched(repo: Repo, arguments: list[str], *prefix: str) -> subprocess.CompletedProcess[str]:
    code = WATCHED.format(root=str(ROOT), arguments=arguments)
    environ = {key: value for key, value in repo.environ.items() if "TOKEN" not in key}
    return subprocess.run([*prefix, sys.executable, "-c", code], cwd=repo.path, env=environ, capture_output=True, text=True)


def test_no_command_opens_a_socket(changed: Repo) -> None:
    for arguments in COMMANDS:
        done = watched(changed, arguments)
        assert "NETWORK" not in done.stderr, f"{arguments}: {done.stderr}"
        assert done.returncode in (0, 5), f"{arguments}: {done.stderr}"


def test_the_watch_sees_a_socket(changed: Repo) -> None:
    """The twin: without it the test above could not fail."""
    code = WATCHED.format(root=str(ROOT), arguments=[]).replace("from codex_gate.cli import main\nsys.exit(main([]))", "import socket\nsocket.socket()")
    done = subprocess.run([sys.executable, "-c", code], cwd=changed.path, capture_output=True, text=True)
    assert done.returncode == 99 and "NETWORK socket." in done.stderr


def test_neither_does_git_on_its_behalf(changed: Repo, tmp_path: Path) -> None:
    """The kernel's view, child processes and all: no socket beyond the machine's own (a resolver may ask a local daemon)."""
    strace = shutil.which("strace")
    if strace is None or subprocess.run([strace, "-f", "true"], capture_output=True).returncode:
        pytest.skip("strace is not on PATH or may not trace here: the system calls of child processes cannot be watched")
    log = tmp_path / "calls"
    done = watched(changed, ["screen", "main..topic", "--format", "html"], strace, "-f", "-e", "trace=socket,connect", "-o", str(log))
    assert done.returncode == 0, done.stderr
    calls = log.read_text("utf-8", "replace")
    assert "exited with 0" in calls
    assert "AF_INET" not in calls and "connect(" not in calls
