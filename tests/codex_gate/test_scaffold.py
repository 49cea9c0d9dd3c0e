"""`codex-gate init` writes what is missing, overwrites nothing of others, and `uninstall` takes back exactly what it wrote."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from codex_gate import config, scaffold, workflows, yaml_text
from codex_gate.errors import UsageError
from codex_gate.scaffold import PIECES, WORKFLOW, plan, removal, written
from tests.codex_gate.samples import call
from tests.conftest import Repo

ALL = tuple(PIECES)


def tree(top: Path) -> dict[str, bytes]:
    return {p.relative_to(top).as_posix(): p.read_bytes() for p in sorted(top.rglob("*")) if p.is_file() and ".git" not in p.relative_to(top).parts}


def carried(top: Path, *wanted: str) -> dict[str, str]:
    steps = plan(top, wanted or ALL)
    scaffold.carry_out(top, steps)
    return {step.path: step.verb for step in steps}


def removed(top: Path) -> dict[str, str]:
    steps = removal(top)
    scaffold.carry_out(top, steps)
    return {step.path: step.verb for step in steps}


def test_init_writes_and_uninstall_leaves_nothing(tmp_path: Path) -> None:
    every = [WORKFLOW, ".codex-gate.yaml", ".github/workflows/codex-gate-retrain.yml", ".pre-commit-config.yaml"]
    assert carried(tmp_path) == dict.fromkeys(every, "write")
    assert sorted(tree(tmp_path)) == sorted(every)
    assert set(removed(tmp_path).values()) == {"remove"}
    assert list(tmp_path.iterdir()) == []


def test_a_second_init_changes_no_byte(tmp_path: Path) -> None:
    carried(tmp_path)
    before = tree(tmp_path)
    assert set(carried(tmp_path).values()) == {"keep"}
    assert tree(tmp_path) == before


def test_a_place_that_was_not_asked_for_is_no_hindrance(repo: Repo, capsys: pytest.CaptureFixture[str]) -> None:
    (repo.path / PIECES["pre-commit"].path).symlink_to("elsewhere.yaml")
    said = call(capsys, "init", "-C", repo.path)
    assert (said.code, said.err) == (0, "") and (repo.path / WORKFLOW).is_file() and (repo.path / PIECES["pre-commit"].path).is_symlink()


def test_what_was_there_stays_and_is_not_removed(tmp_path: Path) -> None:
    for name in (WORKFLOW, ".codex-gate.yaml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("name: mine\n")
    (tmp_path / ".github" / "workflows" / "other.yml").write_text("name: other\n")
    before = tree(tmp_path)
    assert set(carried(tmp_path, "workflow", "config").values()) == {"keep"}
    assert set(removed(tmp_path).values()) == {"keep"}
    assert tree(tmp_path) == before


@pytest.mark.parametrize("name", ["workflow", "config", "retrain", "pre-commit"])
def test_a_changed_file_is_neither_renewed_nor_removed(tmp_path: Path, name: str) -> None:
    carried(tmp_path, name)
    path = tmp_path / PIECES[name].path
    path.write_text(path.read_text() + "# ours now\n")
    before = tree(tmp_path)
    for steps in (plan(tmp_path, (name,)), removal(tmp_path)):
        assert [step.verb for step in steps] == ["keep"]
        assert "was changed since init wrote it" in steps[0].note
        scaffold.carry_out(tmp_path, steps)
    assert tree(tmp_path) == before


def test_an_unchanged_file_of_another_version_is_renewed_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    carried(tmp_path, "workflow")
    (step,) = plan(tmp_path, ("workflow",), "elsewhere/codex-gate@v2")
    assert step.verb == "renew" and step.text is not None and "uses: elsewhere/codex-gate@v2" in step.text
    monkeypatch.setattr(scaffold, "__version__", "9.9.9")
    assert plan(tmp_path, ("workflow",))[0].verb == "keep"  # the version in the head alone is no reason


def test_the_action_that_was_chosen_stays_without_the_option(repo: Repo, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(capsys, "init", "-C", repo.path, "--action", "acme/pr-risk@v1").code == 0
    before = (repo.path / WORKFLOW).read_bytes()
    said = call(capsys, "init", "-C", repo.path, "--pre-commit", "--retrain-workflow")
    assert said.code == 0 and (repo.path / WORKFLOW).read_bytes() == before
    (job,) = yaml_text.values((repo.path / PIECES["retrain"].path).read_text(), "x")["jobs"].values()
    assert (job["steps"][1]["with"]["repository"], job["steps"][1]["with"]["ref"]) == ("acme/pr-risk", "v1")
    (hooks,) = yaml_text.values((repo.path / PIECES["pre-commit"].path).read_text(), "x")["repos"]
    assert (hooks["repo"], hooks["rev"]) == ("https://github.com/acme/pr-risk", "v1")  # it has no tag of our version
    (repo.path / WORKFLOW).unlink()  # the retraining workflow still says which
    call(capsys, "init", "-C", repo.path)
    assert (repo.path / WORKFLOW).read_bytes() == before
    said = call(capsys, "init", "-C", repo.path, "--action", scaffold.ACTION)
    assert f"uses: {scaffold.ACTION}" in (repo.path / WORKFLOW).read_text()
    assert "acme" not in "".join((repo.path / PIECES[name].path).read_text() for name in ("retrain", "pre-commit")) and said.out.count("renewed") == 3


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ("# ours now\n", "acme/pr-risk@v1"),
        ("      - uses: actions/upload-artifact@v4\n", "acme/pr-risk@v1"),
        ("      - uses: stranger/harden@v2\n", scaffold.ACTION),  # one of the two, and nothing says which
        ("a: [\n", scaffold.ACTION),
    ],
)
def test_a_changed_workflow_names_its_action_where_that_is_certain(tmp_path: Path, more: str, expected: str) -> None:
    scaffold.carry_out(tmp_path, plan(tmp_path, ("workflow",), "acme/pr-risk@v1"))
    with (tmp_path / WORKFLOW).open("a") as stream:
        stream.write(more)
    (step,) = plan(tmp_path, ("pre-commit",))
    assert step.text is not None and f"repo: https://github.com/{expected.partition('@')[0]}\n" in step.text


def test_the_action_of_an_older_version_becomes_that_of_this_one_and_a_pinned_one_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pinned = f"{scaffold.REPOSITORY}@{'a' * 40}"
    with monkeypatch.context() as patch:
        patch.setattr(scaffold, "__version__", "7.1.0")
        scaffold.carry_out(tmp_path, plan(tmp_path, ("workflow",), f"{scaffold.REPOSITORY}@v7"))
    (step,) = plan(tmp_path, ("workflow",))
    assert step.verb == "renew" and step.text is not None and f"uses: {scaffold.ACTION}" in step.text
    scaffold.carry_out(tmp_path, plan(tmp_path, ("workflow",), pinned))
    assert [step.verb for step in plan(tmp_path, ("workflow",))] == ["keep"]
    assert f"rev: {'a' * 40}\n" in (plan(tmp_path, ("pre-commit",))[0].text or "")
    assert f"rev: v{scaffold.__version__}\n" in written(PIECES["pre-commit"])  # a tag that stays, for the action that is published


def test_line_ends_of_another_platform_are_no_change(tmp_path: Path) -> None:
    carried(tmp_path)
    for path in PIECES.values():
        target = tmp_path / path.path
        target.write_bytes(target.read_bytes().replace(b"\n", b"\r\n"))
    assert set(carried(tmp_path).values()) == {"keep"}
    assert set(removed(tmp_path).values()) == {"remove"}


def test_the_configuration_that_init_writes_holds_the_defaults() -> None:
    text = written(PIECES["config"]).encode()
    found = config.load(config.Source(config.FILE, text), {}, {})
    assert replace(found, sources={}) == config.Settings()
    assert found.sources.keys() >= {"fail-on", "comment", "hook", "noise-budget", "annotations", "check", "sarif", "labels", "tier"}
    spelled = [line.removeprefix("# ") for line in text.decode().splitlines()]
    at = spelled.index("paths: # what is left out counts for nothing, also in the changes that are compared with")
    shown = config.load(config.Source(config.FILE, "\n".join(spelled[at:]).encode()), {}, {})  # what is commented out is valid too
    assert shown.exclude and shown.levels and shown.ignore


def test_the_workflow_that_init_writes_lacks_nothing_and_runs_the_action() -> None:
    text = written(PIECES["workflow"])
    assert workflows.lacks(text, WORKFLOW) == []
    (job,) = yaml_text.values(text, WORKFLOW)["jobs"].values()
    assert job["steps"][1]["uses"] == scaffold.ACTION


def test_the_retraining_workflow_installs_the_version_that_the_gate_runs() -> None:
    (job,) = yaml_text.values(written(PIECES["retrain"], "elsewhere/codex-gate@v2"), "x")["jobs"].values()
    assert (job["steps"][1]["with"]["repository"], job["steps"][1]["with"]["ref"]) == ("elsewhere/codex-gate", "v2")


def test_the_entry_names_hooks_that_exist() -> None:
    (repo,) = yaml_text.values(written(PIECES["pre-commit"]), "x")["repos"]
    offered = yaml_text.values((Path(__file__).parents[2] / ".pre-commit-hooks.yaml").read_text(), "hooks")
    assert [hook["id"] for hook in repo["hooks"]] == [hook["id"] for hook in offered]


def test_init_works_in_a_subdirectory_a_worktree_and_without_a_remote(
    make_repo: Callable[..., Repo], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    repo = make_repo()
    repo.write("deep/er/a.py", "x = 1\n")
    repo.commit("a")
    said = call(capsys, "init", "-C", repo.path / "deep" / "er")
    assert set(tree(repo.path)) == {WORKFLOW, ".codex-gate.yaml", "deep/er/a.py"}  # the rest comes when it is asked for
    assert said.code == 0 and (repo.path / WORKFLOW).is_file() and not (repo.path / "deep" / "er" / ".github").exists()
    assert "has no remote yet" in said.out and f"git add :/{WORKFLOW} :/.codex-gate.yaml" in said.out
    repo.git("worktree", "add", "-q", str(tmp_path / "tree"), "-b", "side")
    repo.git("remote", "add", "origin", "https://example.org/x.git")
    said = call(capsys, "init", "-C", tmp_path / "tree")
    assert said.code == 0 and (tmp_path / "tree" / WORKFLOW).is_file()
    assert "no remote" not in said.out and f"git add {WORKFLOW}" in said.out


def test_a_dry_run_shows_all_and_writes_nothing(repo: Repo, capsys: pytest.CaptureFixture[str]) -> None:
    said = call(capsys, "init", "-C", repo.path, "--dry-run", "--pre-commit", "--retrain-workflow")
    assert said.code == 0 and tree(repo.path) == {}
    for piece in PIECES.values():
        assert f"would write  {piece.path}" in said.out
        assert written(piece) in said.out
    call(capsys, "init", "-C", repo.path)
    said = call(capsys, "uninstall", "-C", repo.path, "--dry-run")
    assert f"would remove  {WORKFLOW}" in said.out and (repo.path / WORKFLOW).is_file()


def test_the_command_says_what_it_did(repo: Repo, capsys: pytest.CaptureFixture[str]) -> None:
    said = call(capsys, "init", "-C", repo.path, "--pre-commit", "--retrain-workflow")
    assert [line.split()[:2] for line in said.out.splitlines()[:4]] == [["wrote", piece.path] for piece in PIECES.values()]
    assert "pre-commit install --hook-type pre-commit --hook-type pre-push" in said.out
    assert max(len(line) for line in said.out.splitlines() if not line.startswith("  git add")) <= 100
    assert "kept" in call(capsys, "init", "-C", repo.path).out
    assert call(capsys, "uninstall", "-C", repo.path).out.count("removed") == 4
    assert call(capsys, "uninstall", "-C", repo.path).out == "nothing that init writes is here\n"


def test_a_bare_repository_is_refused(make_repo: Callable[..., Repo], capsys: pytest.CaptureFixture[str]) -> None:
    said = call(capsys, "init", "-C", make_repo("bare", bare=True).path)
    assert said.code == 2 and "has no work tree" in said.err


@pytest.mark.parametrize("action", ["codex-gate", "a/b", "a/b@v1; rm", "a/b@v1\nx: y", "@v1", "../x@v1 "])
def test_what_names_no_action_is_refused(tmp_path: Path, action: str) -> None:
    with pytest.raises(UsageError, match="expected OWNER/NAME@REF"):
        plan(tmp_path, ALL, action)


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    top = tmp_path / "top"
    top.mkdir()
    (top / ".github").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UsageError, match="outside of the repository"):
        plan(top, ("workflow",))
    (top / ".codex-gate.yaml").symlink_to(tmp_path / "victim")
    with pytest.raises(UsageError, match="is a symbolic link"):
        plan(top, ("config",))
    assert not (tmp_path / "victim").exists()


def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / ".github").write_text("a file in the way")
    with pytest.raises(UsageError, match="cannot be"):
        scaffold.carry_out(tmp_path, plan(tmp_path, ("workflow",)))
    (tmp_path / ".codex-gate.yaml").mkdir()
    with pytest.raises(UsageError, match="cannot be read"):
        plan(tmp_path, ("config",))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_tree_is_one_sentence(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(UsageError, match="cannot be written: Permission denied"):
        scaffold.carry_out(tmp_path, plan(tmp_path, ("config",)))
    tmp_path.chmod(0o700)
