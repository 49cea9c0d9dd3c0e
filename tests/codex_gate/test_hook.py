"""The hooks: what a push is, when they speak, that they stop nothing unless asked to."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from codex_gate.hook import push
from codex_gate.model import default_directory
from tests.codex_gate.samples import Said, call, write_model
from tests.conftest import BOB, DAY, START, Node, Repo

ROOT = Path(__file__).parents[2]
ZEROS = "0" * 40


@pytest.fixture
def project(make_repo: Callable[..., Repo], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repo:
    """Sixty small changes, one large change staged and then nothing; the model is a small one."""
    repo = make_repo()
    repo.build(Node({f"f{k % 5}.py": f"x = {k}\n"}, (k - 1,) if k else (), time=START + k * DAY) for k in range(60))
    repo.git("checkout", "-q", "-f", "main")
    monkeypatch.chdir(repo.path)
    monkeypatch.delenv("CI", raising=False)
    write_model(tmp_path / "model")
    return repo


@pytest.fixture
def hook(project: Repo, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    return lambda *args: call(capsys, "hook", *args, "--model", tmp_path / "model")


def large(repo: Repo) -> None:
    for k in range(6):
        repo.write(f"lib/g{k}.py", f"y = {k}\n" * 40)


def test_a_quiet_change_says_nothing(hook: Callable[..., Said], project: Repo) -> None:
    assert hook() == Said(0, "", "")
    project.write("f1.py", "x = 99\n")
    project.git("add", "-A")
    assert hook() == Said(0, "", "")


def test_a_loud_change_is_spoken_about_and_stops_nothing(hook: Callable[..., Said], project: Repo) -> None:
    large(project)
    project.git("add", "-A")
    project.write(".codex-gate.yaml", "fail-on: moderate\n")
    said = hook()
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith("staged changes\n")
    assert "risk – critical" in said.out


def test_a_gate_stops_when_it_is_configured_so(hook: Callable[..., Said], project: Repo) -> None:
    large(project)
    project.git("add", "-A")
    project.write(".codex-gate.yaml", "fail-on: moderate\nhook: gate\n")
    assert hook().code == 1
    project.write(".codex-gate.yaml", "fail-on: never\nhook: gate\ncomment: never\n")
    assert hook() == Said(0, "", "")


def test_the_gate_speaks_after_the_report_where_both_go_into_one_pipe(project: Repo, tmp_path: Path) -> None:
    large(project)
    project.git("add", "-A")
    project.write(".codex-gate.yaml", "fail-on: moderate\nhook: gate\n")
    command = [sys.executable, "-m", "codex_gate.cli", "hook", "--model", tmp_path / "model"]
    done = subprocess.run(command, cwd=project.path, env=project.environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)  # as pre-commit does
    assert done.returncode == 1
    assert done.stdout.startswith("staged changes\n")
    assert done.stdout.splitlines()[-1].startswith("codex-gate: level critical reaches fail-on moderate")


def test_an_error_stops_nothing_but_is_said_and_a_broken_configuration_stops(hook: Callable[..., Said], project: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRE_COMMIT_TO_REF", "nonsense")
    said = hook("--push")
    assert said.code == 0
    assert said.err.endswith("(the hook is advisory, nothing is stopped)\n")
    project.write(".codex-gate.yaml", "hook: gate\n")
    assert hook("--push").code == 2
    project.write(".codex-gate.yaml", "hooks: gate\n")
    assert hook() == Said(2, "", "codex-gate: .codex-gate.yaml, line 1: unknown key 'hooks'; did you mean hook?\n")


def test_a_push_is_the_range_that_pre_commit_names(hook: Callable[..., Said], project: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    project.branch("topic")
    large(project)
    project.commit("large", author=BOB, date=START + 70 * DAY)
    for name, value in (("FROM_REF", project.git("rev-parse", "main")), ("TO_REF", project.head()), ("REMOTE_BRANCH", "refs/heads/topic")):
        monkeypatch.setenv(f"PRE_COMMIT_{name}", value)
    said = hook("--push")
    assert said.code == 0
    assert said.out.startswith("push to topic  large\n")


@pytest.mark.parametrize("old", ["", ZEROS, "1" * 40])
def test_a_new_branch_is_compared_with_the_default_branch(project: Repo, old: str) -> None:
    project.branch("topic")
    project.write("a", "b")
    head = project.commit()
    found = push(project.open(), {"PRE_COMMIT_FROM_REF": old, "PRE_COMMIT_TO_REF": head})
    assert found is not None
    assert (found.base, found.head) == (project.git("rev-parse", "main"), head)
    assert found.scope == f"push to {head[:9]} against main"


def test_a_deletion_and_a_first_push_bring_nothing_to_compare(project: Repo, make_repo: Callable[..., Repo]) -> None:
    assert push(project.open(), {"PRE_COMMIT_FROM_REF": project.head(), "PRE_COMMIT_TO_REF": ZEROS}) is None
    assert push(project.open(), {}) is None  # main itself: nothing differs
    other = make_repo("other")
    assert push(other.open(), {}) is None
    other.git("checkout", "-q", "-b", "odd")
    other.write("a", "b")
    other.commit()
    assert push(other.open(), {}) is None


def test_the_manifest_offers_both_hooks_and_their_output_is_seen() -> None:
    hooks = {hook["id"]: hook for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))}
    assert {name: (hook["entry"], hook["stages"]) for name, hook in hooks.items()} == {
        "codex-gate": ("codex-gate hook", ["pre-commit"]),
        "codex-gate-push": ("codex-gate hook --push", ["pre-push"]),
    }
    # pre-commit hides what a passing hook says unless it is verbose
    assert all(hook["verbose"] and hook["always_run"] and not hook["pass_filenames"] for hook in hooks.values())


@pytest.mark.parametrize(("text", "code"), [("", 0), ("hook: gate\n", 3)])
def test_our_own_fault_stops_a_commit_only_where_the_hook_is_a_gate(
    hook: Callable[..., Said], project: Repo, monkeypatch: pytest.MonkeyPatch, text: str, code: int
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("no such luck")

    project.write(".codex-gate.yaml", text)
    monkeypatch.setattr("codex_gate.screen.Screener.staged", broken)
    said = hook()
    assert (said.code, said.out) == (code, "")
    assert said.err.startswith("codex-gate: internal error, RuntimeError: no such luck") and len(said.err.splitlines()) == 1


@pytest.mark.parametrize(("text", "code"), [("", 0), ("hook: gate\n", 2)])
@pytest.mark.parametrize("damage", ["cut", "gone"])
def test_a_model_that_cannot_be_used_stops_a_commit_only_where_the_hook_is_a_gate(
    project: Repo, capsys: pytest.CaptureFixture[str], text: str, code: int, damage: str
) -> None:
    if damage == "cut":
        shutil.copytree(default_directory(), project.path / "mine")
        (project.path / "mine" / "risk.forest").write_bytes(b"")
    project.write(".codex-gate.yaml", f"{text}models: mine\n")
    said = call(capsys, "hook")
    assert (said.code, said.out) == (code, "")
    assert ("the hook is advisory, nothing is stopped" in said.err) is not text.startswith("hook: gate")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize(("text", "codes"), [("fail-on: moderate\n", {0}), ("fail-on: moderate\nhook: gate\n", {2, 141})])
def test_output_that_goes_nowhere_stops_a_commit_only_where_the_hook_is_a_gate(project: Repo, tmp_path: Path, text: str, codes: set[int]) -> None:
    large(project)
    project.git("add", "-A")
    project.write(".codex-gate.yaml", text)
    command = [sys.executable, "-I", "-c", "import sys; from codex_gate.cli import main; sys.exit(main())", "hook", "--model", str(tmp_path / "model")]
    with open("/dev/full", "wb") as full:
        assert subprocess.run(command, cwd=project.path, env=project.environ, stdout=full, stderr=subprocess.PIPE, timeout=60).returncode in codes
    gone = subprocess.Popen(command, cwd=project.path, env=project.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert gone.stdout is not None and gone.stderr is not None
    gone.stdout.close()
    gone.stderr.read()
    gone.stderr.close()
    assert gone.wait(timeout=60) in codes
