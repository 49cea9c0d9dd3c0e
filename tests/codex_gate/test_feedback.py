"""What people said about verdicts comes back as lines of JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from codex_gate import feedback
from codex_gate.errors import GitError
from codex_gate.git import Repository
from codex_gate.reporters.comment import MARKER, TICK
from codex_gate.reporters.github import Api
from codex_gate.types import Dispute, Mark
from tests.codex_gate.samples import call
from tests.conftest import Repo
from tests.github_double import GitHub

SHA = "c" * 40


@pytest.fixture
def hub() -> Iterator[GitHub]:
    with GitHub(per_page=2) as double:
        yield double
    assert double.invalid == []


def body(tick: str, sha: str = SHA) -> str:
    return f"{MARKER}{json.dumps({'key': 'k', 'sha': sha, 'level': 'high', 'risk': 0.41})} -->\ntext\n\n- [{tick}] {TICK}\n"


def marked(repo: Repo) -> None:
    repo.write("src/a.py", "x = eval(y)  # codex-gate: ignore[input is ours]\n# codex-gate: ignore[no user]\nz = 1\n# codex-gate is fine\n")
    repo.write("b\tc\u202e.py", "# codex-gate: ignore[##[error]x]\n")
    repo.write("bin", b"\0codex-gate: ignore[no]\n")
    repo.write("new\nline.py", "y = 1  # codex-gate: ignore[odd]\n")
    repo.write("late.txt", b"x\n" * 5000 + b"# codex-gate: \0 because\n")  # git takes it for text: it looks at the first bytes alone
    repo.commit()


def test_ticks_are_those_of_our_comments(hub: GitHub) -> None:
    for tick in " xX":
        hub.comment(body(tick))
    hub.comment(body("x"), {"login": "eve", "type": "User"})
    hub.comment(body("x").replace("key", "{broken"))
    assert list(feedback.disputes(Api(hub.url, "ghs_x"), "acme/shop")) == [Dispute(7, SHA, "high", 0.41)] * 2


def test_marks_name_the_line_that_they_are_about(repo: Repo) -> None:
    marked(repo)
    assert feedback.marks(repo.open(), "HEAD") == [
        Mark("b\tc\u202e.py", 2, "##[error"),
        Mark("new\nline.py", 1, "odd"),
        Mark("src/a.py", 1, "input is ours"),
        Mark("src/a.py", 3, "no user"),
    ]


def test_settings_of_the_user_do_not_move_a_mark(repo: Repo) -> None:
    marked(repo)
    plain = feedback.marks(repo.open(), "HEAD")
    repo.git("clone", "-q", repo.path, "inner")
    repo.git("update-index", "--add", "--cacheinfo", f"160000,{repo.head()},inner")
    repo.write(".gitmodules", '[submodule "inner"]\n\tpath = inner\n\turl = ./inner\n')
    repo.git("add", ".gitmodules")
    repo.commit(add=False)
    settings = {"color.ui": "always", "grep.column": "true", "grep.lineNumber": "false", "grep.fullName": "false", "grep.patternType": "perl",
                "submodule.recurse": "true", "submodule.inner.active": "true", "core.quotePath": "true", "column.ui": "always"}  # fmt: skip
    for name, value in settings.items():
        repo.git("config", name, value)
    assert feedback.marks(repo.open(), "HEAD") == plain != []


def test_marks_that_cannot_be_read_are_not_none(repo: Repo, tmp_path: Path) -> None:
    marked(repo)
    repo.git("config", "uploadpack.allowFilter", "true")
    repo.git("clone", "-q", "--no-checkout", "--filter=blob:none", f"file://{repo.path}", str(tmp_path / "partial"))
    with pytest.raises(GitError, match="is not in this partial clone; fetch it"):
        feedback.marks(Repository.discover(tmp_path / "partial", os.environ), "HEAD")


def test_a_tree_without_marks_has_none(repo: Repo) -> None:
    repo.write("a.py", "x = 1\n")
    repo.commit()
    assert feedback.marks(repo.open(), "HEAD") == []


def test_the_command_writes_lines_of_json(repo: Repo, hub: GitHub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    marked(repo)
    hub.comment(body("x"))
    said = call(capsys, "feedback", "-C", repo.path)
    assert said.code == 5 and "GITHUB_TOKEN" in said.err
    for name, value in (("GITHUB_TOKEN", "ghs_x"), ("GITHUB_REPOSITORY", "acme/shop"), ("GITHUB_API_URL", hub.url)):
        monkeypatch.setenv(name, value)
    said = call(capsys, "feedback", "-C", repo.path)
    assert said.code == 0 and "##[" not in said.out
    rows = [json.loads(line) for line in said.out.splitlines()]
    assert rows[-1] == {"kind": "dispute", "pull": 7, "sha": SHA, "level": "high", "risk": 0.41}
    assert rows[2] == {"kind": "mark", "path": "src/a.py", "line": 1, "reason": "input is ours"}


def test_a_refusal_is_a_sentence(repo: Repo, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    marked(repo)
    for name, value in (("GITHUB_TOKEN", "x y"), ("GITHUB_REPOSITORY", "acme/shop"), ("GITHUB_API_URL", "http://127.0.0.1:9")):
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("time.sleep", lambda _: None)
    monkeypatch.setattr("codex_gate.reporters.github.MAX_FAILURES", 0)
    said = call(capsys, "feedback", "-C", repo.path)
    assert (said.code, said.out) == (3, "")
    assert "no answer" in said.err
