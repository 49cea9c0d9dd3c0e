"""`codex-gate doctor` finds what would spoil a screen and says what to do."""

from __future__ import annotations

import re
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from codex_gate import doctor
from codex_gate.doctor import Check, examine
from codex_gate.index import INDEX_FORMAT
from codex_gate.model import default_directory
from codex_gate.screen import Screener
from tests.codex_gate.samples import FakeModel, call, write_model
from tests.conftest import ADA, START, Node, Repo

MakeRepo = Callable[..., Repo]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_model(tmp_path / "model")


def checks(repo: Repo, model: Path, path: Path | None = None, **environ: str) -> dict[str, Check]:
    found = list(examine(path or repo.path, {**repo.environ, **environ}, model))
    assert len({check.what for check in found}) == len(found)
    return {check.what: check for check in found}


def build(repo: Repo, n: int) -> None:
    repo.build(Node({"a.py": f"x = {k}\n"}, (k - 1,) if k else (), ADA, START + k * 3600) for k in range(n))


def test_a_healthy_repository_is_all_ok(repo: Repo, model: Path) -> None:
    build(repo, 60)
    found = checks(repo, model)
    assert {check.state for check in found.values()} == {"ok"}
    assert list(found) == ["codex-gate", "model", "numpy", "git", "repository", "history", "default base", "index", "author", "workflow"]
    assert found["model"].found.startswith("test-1, 3 measures, base rate 10")
    assert str(model) in found["model"].found
    assert "main" in found["default base"].found
    assert found["author"].found == "Ada <ada@example.org>"
    assert "the next screen adds 60" in found["index"].found


def test_a_warm_index_has_nothing_to_add_but_the_newest(repo: Repo, model: Path) -> None:
    build(repo, 60)
    Screener(repo.open(), FakeModel()).range("main", "main", "x")
    Screener(repo.open(), FakeModel()).commit("main", "x")
    assert re.fullmatch(r"59 commits in .*; the next screen adds 1", checks(repo, model)["index"].found)


def test_a_tier_that_is_asked_for_and_cannot_run_is_named(repo: Repo, model: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    build(repo, 60)
    monkeypatch.setattr("codex_gate.hybrid.find_spec", lambda name: None)
    repo.write(".codex-gate.yaml", "tier: 3\n")
    for name in ("kinds.json", "kinds.table"):
        shutil.copy(default_directory() / name, model)
    said = call(capsys, "doctor", "-C", repo.path, "--model", model)
    assert said.code == 0 and re.search(r"^warn  tier +tier 3 was asked for, and the model directory holds no student", said.out, re.MULTILINE)
    assert "warn  tier          the model directory holds a student, but onnxruntime is not installed" in call(capsys, "doctor", "-C", repo.path).out
    repo.write(".codex-gate.yaml", "tier: 1\n")
    assert not re.search("^.... +tier ", call(capsys, "doctor", "-C", repo.path, "--model", model).out, re.MULTILINE)


def test_what_a_screen_would_stumble_over_is_found(repo: Repo, model: Path, tmp_path: Path) -> None:
    build(repo, 60)
    shutil.copy(default_directory() / "kinds.json", model)
    assert checks(repo, model)["model"].state == "fail" and "kinds.table" in checks(repo, model)["model"].found
    (model / "kinds.json").unlink()
    repo.git("config", "uploadpack.allowFilter", "true")
    repo.git("clone", "-q", "--filter=blob:none", "--no-checkout", f"file://{repo.path}", str(tmp_path / "partial"))
    found = checks(repo, model, tmp_path / "partial")
    assert found["contents"].state == "warn" and "git fetch --refetch --no-filter" in found["contents"].found
    repo.git("-C", str(tmp_path / "partial"), "fetch", "-q", "--refetch", "--no-filter")
    assert "contents" not in checks(repo, model, tmp_path / "partial")
    repo.write("z.py", "z = 1\n")
    repo.commit()
    tree = repo.git("rev-parse", "HEAD^{tree}").strip()
    (repo.path / ".git" / "objects" / tree[:2] / tree[2:]).unlink()
    found = checks(repo, model)
    assert found["history"].state == "fail" and "git fsck" in found["history"].found and "author" in found


def test_no_repository_is_a_failure_and_ends_the_examination(repo: Repo, model: Path, tmp_path: Path) -> None:
    found = checks(repo, model, tmp_path)
    assert found["repository"].state == "fail"
    assert "not inside a git repository" in found["repository"].found
    assert "history" not in found


def test_a_missing_model_is_a_failure_and_the_rest_is_still_looked_at(repo: Repo, tmp_path: Path) -> None:
    build(repo, 60)
    found = checks(repo, tmp_path / "nothing")
    assert found["model"].state == "fail"
    assert "model.json" in found["model"].found
    assert found["history"].state == "ok"


def test_a_model_of_ones_own_is_held_against_the_commit_and_mended_from_git(repo: Repo, capsys: pytest.CaptureFixture[str]) -> None:
    build(repo, 3)
    write_model(repo.path / "ci" / "models")
    repo.write(".codex-gate.yaml", "models: ci/models\n")
    before = call(capsys, "doctor", "-C", repo.path)
    assert before.code == 0 and "warn  model         ci/models is not committed: in CI the model is read from the base commit, which has none" in before.out
    repo.commit("model")
    assert "not committed" not in call(capsys, "doctor", "-C", repo.path).out
    (repo.path / "ci" / "models" / "risk.forest").write_bytes(b"")
    broken = call(capsys, "doctor", "-C", repo.path)
    assert broken.code == 2 and "restore it, or name another model" in broken.out and "install the package again" not in broken.out


def test_no_commits_are_a_warning(repo: Repo, model: Path) -> None:
    found = checks(repo, model)
    assert found["history"] == Check("warn", "history", "no commits yet: only `screen --staged` has something to look at")


@pytest.mark.parametrize(("n", "text"), [(1, "1 change on this branch"), (49, "49 changes on this branch")])
def test_few_commits_are_a_warning(repo: Repo, model: Path, n: int, text: str) -> None:
    build(repo, n)
    found = checks(repo, model)["history"]
    assert found.state == "warn"
    assert found.found.startswith(text)
    assert "levels need 50" in found.found


def test_a_shallow_clone_is_a_warning_with_the_cure(repo: Repo, model: Path, tmp_path: Path) -> None:
    build(repo, 60)
    repo.git("clone", "-q", "--depth", "2", f"file://{repo.path}", str(tmp_path / "clone"))
    found = checks(repo, model, tmp_path / "clone")
    assert found["history"].state == "warn"
    assert "git fetch --unshallow" in found["history"].found
    assert "fetch-depth: 0" in found["history"].found
    assert "index" not in found


def test_no_default_branch_is_a_warning(repo: Repo, model: Path) -> None:
    build(repo, 60)
    repo.git("branch", "-m", "main", "elsewhere")
    found = checks(repo, model)["default base"]
    assert found.state == "warn"
    assert "screen BASE..HEAD" in found.found


def test_a_damaged_index_is_a_warning(repo: Repo, model: Path) -> None:
    build(repo, 60)
    Screener(repo.open(), FakeModel()).commit("main", "x")
    path = repo.path / ".git" / "codex-gate" / f"history-{INDEX_FORMAT}.sqlite"
    db = sqlite3.connect(path)
    with db:
        db.execute("UPDATE meta SET crc = crc + 1")
    db.close()
    found = checks(repo, model)["index"]
    assert found.state == "warn"
    assert "damaged" in found.found
    assert "builds it again" in found.found


def test_an_index_that_cannot_be_kept_is_a_warning(repo: Repo, model: Path) -> None:
    build(repo, 60)
    (repo.path / ".git" / "codex-gate").write_text("in the way")
    found = checks(repo, model)["index"]
    assert found.state == "warn"
    assert "cannot be kept" in found.found


def test_no_author_is_a_warning(repo: Repo, model: Path) -> None:
    build(repo, 60)
    repo.git("config", "user.useConfigOnly", "true")
    for name in ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL"):
        repo.environ.pop(name)
    found = checks(repo, model)["author"]
    assert found.state == "warn"
    assert "user.email" in found.found


@pytest.mark.parametrize("script", ["echo --path-format=absolute", ""])
def test_an_old_git_or_none_is_a_failure_of_git(repo: Repo, model: Path, tmp_path: Path, script: str) -> None:
    build(repo, 60)
    (tmp_path / "bin").mkdir()
    if script:
        (tmp_path / "bin" / "git").write_text(f'#!/bin/sh\n[ "$1" = version ] && echo git version 2.17.1 || {script}\n')
        (tmp_path / "bin" / "git").chmod(0o755)
    found = checks(repo, model, PATH=str(tmp_path / "bin"))
    says = "git 2.31 or newer is needed, found git version 2.17.1" if script else "git was not found on PATH; install git 2.31 or newer"
    assert found["git"] == Check("fail", "git", says) and "repository" not in found


def test_without_numpy_it_says_that_none_is_needed(repo: Repo, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build(repo, 1)
    monkeypatch.setattr(doctor, "find_spec", lambda name: None)
    found = checks(repo, model)["numpy"]
    assert found.state == "ok"
    assert "codex-gate[onnx]" in found.found


def test_the_command_prints_a_line_for_each_and_fails_with_2(repo: Repo, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    build(repo, 60)
    said = call(capsys, "doctor", "-C", repo.path, "--model", model)
    assert (said.code, said.err) == (0, "")
    assert [line[:4].strip() for line in said.out.splitlines()] == ["ok"] * 11
    assert call(capsys, "doctor", "-C", tmp_path, "--model", model).code == 2
    assert call(capsys, "doctor", "-C", repo.path, "--model", tmp_path / "nothing").code == 2


def test_the_command_shows_what_hides_in_a_name(repo: Repo, model: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    build(repo, 1)
    monkeypatch.setenv("GIT_AUTHOR_NAME", "\x1b[31mEve\u202e")
    said = call(capsys, "doctor", "-C", repo.path, "--model", model)
    assert "Eve" in said.out
    assert "\x1b" not in said.out
    assert "\u202e" not in said.out


SHALLOW = """
on: pull_request
jobs:
  screen:
    permissions: {contents: read}
    steps:
      - uses: actions/checkout@v7
      - uses: owner/codex-gate@v1
"""


def test_what_a_workflow_lacks_is_said_with_the_yaml_to_paste(repo: Repo, model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    build(repo, 60)
    repo.write(".github/workflows/gate.yml", SHALLOW)
    repo.write(".github/workflows/other.yaml", "jobs: {}\n")
    said = call(capsys, "doctor", "-C", repo.path, "--model", model)
    assert said.code == 0
    assert ".github/workflows/gate.yml job screen lacks pull-requests: write" in said.out
    assert "fetches a shallow history" in said.out
    pasted = [line.removeprefix("      | ") for line in said.out.splitlines() if line.startswith("      | ")]
    assert "      pull-requests: write" in pasted and "          fetch-depth: 0" in pasted


def test_a_terminal_gets_lines_that_fit_and_a_pipe_one_line_each() -> None:
    check = Check("warn", "history", "word " * 40 + "\x1b[31m", "on:\n  pull_request:")
    told = doctor.written(check, 80).splitlines()
    assert max(map(len, told)) <= 80
    assert all(line.startswith(" " * 20 + "word") for line in told[1:3])
    assert told[-2:] == ["      | on:", "      |   pull_request:"]
    assert len(doctor.written(check, None).splitlines()) == 3
    assert "\x1b" not in doctor.written(check, 80) + doctor.written(check, None)


def test_what_the_configuration_holds_is_counted_by_place() -> None:
    sources = {"fail-on": ".codex-gate.yaml, line 5", "check": ".codex-gate.yaml, line 10", "comment": "CODEX_GATE_COMMENT"}
    assert doctor.configured(sources).found == "2 keys from .codex-gate.yaml; 1 key from CODEX_GATE_COMMENT; `codex-gate config` shows them"
    assert doctor.configured({}).found == "none: the defaults hold"


def test_the_configuration_says_what_a_workflow_needs(
    repo: Repo, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    build(repo, 60)
    repo.write(".github/workflows/gate.yml", SHALLOW)
    asked, lacks = ("doctor", "-C", repo.path, "--model", model), "lacks pull-requests: write"
    repo.write(".codex-gate.yaml", "comment: never\ncheck: false\n")
    assert lacks not in call(capsys, *asked).out
    repo.write(".codex-gate.yaml", "comment: [\n")
    assert lacks in call(capsys, *asked).out
    (tmp_path / "quiet.yaml").write_text("comment: never\ncheck: false\n")
    assert lacks not in call(capsys, *asked, "--config", tmp_path / "quiet.yaml").out
    monkeypatch.setenv("CODEX_GATE_CONFIG", str(tmp_path / "quiet.yaml"))
    assert lacks not in call(capsys, *asked).out


def test_a_sound_workflow_is_ok(repo: Repo, model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    build(repo, 60)
    call(capsys, "init", "-C", repo.path)
    assert checks(repo, model)["workflow"] == Check("ok", "workflow", "1 workflow with all that codex-gate needs")


def test_the_workflow_that_init_wrote_is_found_under_any_name(repo: Repo, model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    build(repo, 60)
    call(capsys, "init", "-C", repo.path, "--action", "acme/pr-risk@v1")
    assert checks(repo, model)["workflow"] == Check("ok", "workflow", "1 workflow with all that codex-gate needs")


def test_a_workflow_that_cannot_be_read_is_a_warning(repo: Repo, model: Path) -> None:
    build(repo, 60)
    repo.write(".github/workflows/a.yml", "a: [")
    assert checks(repo, model)["workflow"].state == "warn"
    (repo.path / ".github" / "workflows" / "a.yml").unlink()
    (repo.path / ".github" / "workflows" / "a.yml").mkdir()
    assert "cannot be read" in checks(repo, model)["workflow"].found


def test_a_step_without_a_token_is_told(repo: Repo, model: Path) -> None:
    build(repo, 60)
    found = checks(repo, model, GITHUB_ACTIONS="true")["token"]
    assert found.state == "warn" and "GITHUB_TOKEN: ${{ github.token }}" in found.paste
    assert "token" not in checks(repo, model, GITHUB_ACTIONS="true", GITHUB_TOKEN="x")
