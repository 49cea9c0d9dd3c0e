"""Real repositories for the tests, built in `tmp_path` with fixed names and dates.

    def test_something(make_repo):
        repo = make_repo()
        repo.write("src/a.py", "x = 1\\n")
        first = repo.commit("add a", author="Ada <ada@example.org>", date="2024-03-01T12:00:00+0530")
        repo.branch("topic")
        ...
        gate = repo.open()  # a codex_gate Repository

`repo.commit` stages everything; without a date the clock goes on by an hour for each commit, so that SHAs are
the same in every run. `repo.build` makes a whole history from plain values with one process. Neither the
user's git configuration nor GIT_* variables reach a test; `git_environ` is what git is run with.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from codex_gate.git import Repository
from tests.github_double import GitHub

START = 1_704_067_200  # 2024-01-01T00:00:00Z, a Monday
HOUR = 3_600
DAY = 86_400
YEAR = 365 * DAY
ADA = "Ada <ada@example.org>"
BOB = "Bob <bob@example.org>"
EVE = "Eve <eve@example.org>"

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as a shell starts what runs in the background: the commands that tests interrupt would inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)


@dataclass(frozen=True)
class Node:
    """A commit for `Repo.build`: parents by position, changes by path.

    A change is the new content, None to delete, or `("R", old path)` to rename. The first parent is the
    one that the changes are made on. `time` in Unix seconds, or with a zone: "1700000000 +0530".
    """

    changes: Mapping[str, bytes | str | tuple[str, str] | None] = field(default_factory=dict)
    parents: Sequence[int] = ()
    author: str = ADA
    time: int | str = START
    message: str = "change"


class Repo:
    """A repository with a work tree in `path`, driven by the real git."""

    def __init__(self, path: Path, environ: Mapping[str, str], *, bare: bool = False) -> None:
        self.path = path
        self.environ = dict(environ)
        self.clock = START
        path.mkdir(parents=True, exist_ok=True)
        self.git("init", "-q", "--template=", "-b", "main", *(["--bare"] if bare else []))

    def raw(self, *args: str | bytes | Path, stdin: bytes = b"", env: Mapping[str, str] | None = None) -> bytes:
        """Standard output of a git command as bytes; a failure is an AssertionError with git's words."""
        done = subprocess.run(["git", *args], cwd=self.path, env={**self.environ, **(env or {})}, input=stdin, capture_output=True)
        assert done.returncode == 0, f"git {args}: {done.stderr.decode(errors='replace')}"
        return done.stdout

    def git(self, *args: str | bytes | Path, stdin: bytes = b"", env: Mapping[str, str] | None = None) -> str:
        """The same as text, without the last line end."""
        return os.fsdecode(self.raw(*args, stdin=stdin, env=env)).removesuffix("\n")

    def write(self, path: str | bytes, content: str | bytes) -> Path:
        """Write a file in the work tree, with the directories above it."""
        target = self.path / os.fsdecode(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.encode() if isinstance(content, str) else content)
        return target

    def remove(self, path: str) -> None:
        (self.path / path).unlink()

    def mv(self, old: str, new: str) -> None:
        """Move a file in the work tree."""
        (self.path / new).parent.mkdir(parents=True, exist_ok=True)
        (self.path / old).rename(self.path / new)

    def symlink(self, path: str, target: str) -> None:
        """Make `path` a symbolic link, in place of what was there."""
        (self.path / path).unlink(missing_ok=True)
        (self.path / path).symlink_to(target)

    def loose(self, revision: str) -> Path:
        """The file of a loose object: to delete or damage it."""
        sha = self.git("rev-parse", revision)
        return self.path / ".git" / "objects" / sha[:2] / sha[2:]

    def identity(self, author: str, date: int | str | None) -> dict[str, str]:
        """Variables that make git commit as `author` ("Name <mail>") at `date` (Unix seconds, "SECONDS ZONE", or ISO 8601)."""
        if date is None:
            self.clock += HOUR
            date = self.clock
        name, _, email = author.partition(" <")
        when = f"{date} +0000" if isinstance(date, int) else date
        return {"GIT_AUTHOR_NAME": name, "GIT_AUTHOR_EMAIL": email.rstrip(">"), "GIT_AUTHOR_DATE": when, "GIT_COMMITTER_NAME": "Com Mitter",
                "GIT_COMMITTER_EMAIL": "com@example.org", "GIT_COMMITTER_DATE": when}  # fmt: skip

    def commit(self, message: str = "change", *, author: str = ADA, date: int | str | None = None, add: bool = True) -> str:
        """Commit the work tree (or, with `add=False`, the index as it is); its SHA."""
        if add:
            self.git("add", "-A")
        args = ("commit", "-q", "--allow-empty", "--allow-empty-message", "--cleanup=verbatim", "--no-verify", "-F", "-")
        self.git(*args, stdin=message.encode(), env=self.identity(author, date))
        return self.head()

    def head(self) -> str:
        return self.git("rev-parse", "HEAD")

    def branch(self, name: str, at: str = "HEAD") -> None:
        """Make a branch and check it out."""
        self.git("checkout", "-q", "-b", name, at)

    def checkout(self, name: str) -> None:
        self.git("checkout", "-q", name)

    def merge(self, *names: str, message: str = "merge", author: str = ADA, date: int | str | None = None) -> str:
        """Merge branches without fast-forward; the merge's SHA."""
        self.git("merge", "-q", "--no-ff", "-m", message, *names, env=self.identity(author, date))
        return self.head()

    def build(self, nodes: Iterable[Node], ref: str = "refs/heads/main") -> list[str]:
        """Make a whole history without a work tree; SHAs in the order of `nodes`. The last one becomes `ref`, each one refs/built/N."""
        out: list[bytes] = []
        for mark, node in enumerate(nodes, 1):
            when = f"{node.time} +0000" if isinstance(node.time, int) else node.time
            message = node.message.encode()
            out.append(
                b"commit refs/built/%d\nmark :%d\nauthor %s %s\ncommitter %s %s\n"
                % (mark - 1, mark, node.author.encode(), when.encode(), node.author.encode(), when.encode())
            )
            out.append(b"data %d\n%s\n" % (len(message), message))
            out.extend(b"%s :%d\n" % (b"merge" if place else b"from", parent + 1) for place, parent in enumerate(node.parents))
            for path, change in node.changes.items():
                name = b'"%s"' % path.encode().replace(b"\\", b"\\\\").replace(b'"', b'\\"').replace(b"\n", b"\\n")
                if change is None:
                    out.append(b"D %s\n" % name)
                elif isinstance(change, tuple):
                    out.append(b'R "%s" %s\n' % (change[1].encode(), name))
                else:
                    data = change.encode() if isinstance(change, str) else change
                    out.append(b"M 100644 inline %s\ndata %d\n%s\n" % (name, len(data), data))
            out.append(b"\n")
        marks = self.path / "marks.tmp"
        self.git("fast-import", "--quiet", "--force", f"--export-marks={marks}", stdin=b"".join(out))
        found = dict(line.split() for line in marks.read_text().splitlines())
        marks.unlink()
        shas = [found[f":{mark}"] for mark in range(1, len(found) + 1)]
        if shas:
            self.git("update-ref", ref, shas[-1])
        return shas

    def open(self, path: Path | None = None, **environ: str) -> Repository:
        """The repository as codex-gate sees it; keywords are further variables of its environment."""
        return Repository.discover(path or self.path, {**self.environ, **environ})


@pytest.fixture
def git_calls(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The command line of every process that is started from now on, in their order."""
    calls: list[list[str]] = []

    class Counted(subprocess.Popen):  # type: ignore[type-arg]
        def __init__(self, args: list[str], *rest: Any, **more: Any) -> None:
            calls.append(args)
            super().__init__(args, *rest, **more)

    monkeypatch.setattr(subprocess, "Popen", Counted)
    return calls


@pytest.fixture(scope="session")
def git_environ(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Variables that every git of a test runs with: no user, no system configuration, a fixed identity."""
    if shutil.which("git") is None:
        pytest.fail("the tests need git on PATH")
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path_factory.mktemp("home")),
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_NAME": "Ada",
        "GIT_AUTHOR_EMAIL": "ada@example.org",
        "GIT_COMMITTER_NAME": "Com Mitter",
        "GIT_COMMITTER_EMAIL": "com@example.org",
        "GIT_TERMINAL_PROMPT": "0",
    }


@pytest.fixture(autouse=True)
def _isolated(git_environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The same for code that reads the process environment; inside CI too, where a screen trusts the base commit alone."""
    for name in list(os.environ):
        if name == "CI" or name.startswith(("GIT_", "CODEX_GATE_", "PRE_COMMIT_")):
            monkeypatch.delenv(name)
    for name, value in git_environ.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def make_repo(tmp_path: Path, git_environ: dict[str, str]) -> Callable[..., Repo]:
    """`make_repo(name="repo", bare=False)` gives a new empty Repo."""

    def make(name: str = "repo", *, bare: bool = False) -> Repo:
        return Repo(tmp_path / name, git_environ, bare=bare)

    return make


@pytest.fixture
def repo(make_repo: Callable[..., Repo]) -> Repo:
    """One empty Repo, for tests that need no second."""
    return make_repo()


def has_children() -> bool:
    """Whether this process has children called git that run or wait to be reaped; joblib keeps processes of its own until the end."""
    if not Path("/proc/self/stat").exists():
        try:
            os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return False
        return True
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it ended meanwhile
            name, _, rest = stat.read_text("utf-8", "replace").partition("(")[2].rpartition(")")
            found.append((name, int(rest.split()[1])))
    return ("git", os.getpid()) in found


@pytest.fixture
def hub() -> Iterator[GitHub]:
    """A GitHub of our own for one test; it fails when a request broke GitHub's description."""
    with GitHub() as double:
        yield double
    assert double.invalid == []
