"""What people see in a real terminal: its width, its colours, what it asks to be spared; and in a pipe."""

from __future__ import annotations

import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Callable
from fcntl import ioctl

import pytest

from tests.codex_gate.actions import project, pull
from tests.conftest import Repo

COMMANDS = ("screen", "screen --commit HEAD", "screen --staged", "explain HEAD", "doctor", "config", "backtest --last 50", "monitor --last 20")
STYLE = re.compile(r"\x1b\[([\d;]*)m")


@pytest.fixture
def place(repo: Repo) -> Repo:
    """A branch with a large change checked out, another one in the index."""
    project(repo)
    pull(repo, message="a change with a title that is longer than any window is wide " * 3)
    repo.checkout("topic")
    repo.write("lib/g0.py", "z = 1\n" * 30)
    repo.git("add", "-A")
    return repo


def piped(repo: Repo, command: str, **environ: str) -> str:
    done = subprocess.run([sys.executable, "-m", "codex_gate.cli", *command.split()], cwd=repo.path, env={**repo.environ, **environ}, capture_output=True)
    return done.stdout.decode()


def seen(repo: Repo, command: str, columns: int, **environ: str) -> str:
    """What a terminal gets, both streams together, lines as they are shown: what a carriage return goes over is gone."""
    near, far = pty.openpty()
    ioctl(far, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    arguments = [sys.executable, "-m", "codex_gate.cli", *command.split()]
    child = subprocess.Popen(arguments, cwd=repo.path, env={**repo.environ, "TERM": "xterm", **environ}, stdin=far, stdout=far, stderr=far)
    os.close(far)
    parts = []
    while True:
        try:
            parts.append(os.read(near, 65_536))
        except OSError:  # the other side has closed
            break
        if not parts[-1]:
            break
    os.close(near)
    assert child.wait() in (0, 1, 5)  # 1: drift, 5: a backtest without fixes
    return "\n".join(line.rpartition("\r")[2] for line in b"".join(parts).decode().replace("\r\n", "\n").split("\n"))


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_no_line_is_wider_than_the_terminal(place: Repo, columns: int) -> None:
    for command in COMMANDS:
        if command == "config" and columns == 40:
            continue  # a table of three columns, which a terminal folds
        for line in STYLE.sub("", seen(place, command, columns)).splitlines():
            assert len(line) <= columns or line.startswith("codex-gate: "), (command, line)  # a message is one sentence, for logs too


def test_styles_are_what_the_terminal_wants_and_words_are_the_same(place: Repo) -> None:
    plain = [re.sub(r"[\d.]+ s$", "", line) for line in piped(place, "screen").splitlines()]
    asked: dict[str, Callable[[set[str]], bool]] = {
        "": lambda codes: any(code.startswith("3") for code in codes),
        "NO_COLOR": lambda codes: bool(codes) and codes <= {"", "0", "1", "2"},  # bold and dim are no colours
        "TERM": lambda codes: not codes,
    }
    for name, holds in asked.items():
        shown = seen(place, "screen", 80, **({name: "dumb"} if name else {}))
        assert holds({code for found in STYLE.findall(shown) for code in found.split(";")}), name
        assert [re.sub(r"[\d.]+ s$", "", line) for line in STYLE.sub("", shown).splitlines()] == plain


@pytest.mark.parametrize("environ", [{}, {"CI": "true"}, {"TERM": "xterm-256color", "COLORTERM": "truecolor"}, {"COLUMNS": "200"}, {"LC_ALL": "C"}])
def test_a_pipe_gets_plain_text_in_80_columns(place: Repo, environ: dict[str, str]) -> None:
    for command in ("screen", "explain HEAD"):
        text = piped(place, command, **environ)
        assert "\x1b" not in text and "risk – " in text
        assert max(map(len, text.splitlines())) <= 80


def test_the_index_is_kept_out_of_the_tree(place: Repo) -> None:
    for command in COMMANDS:
        piped(place, command)
    assert place.git("status", "--porcelain") == "M  lib/g0.py"
    assert (place.path / ".git" / "codex-gate").is_dir()
