"""Workflows of this repository and in examples/: valid, pinned, with no more rights than they use; what they run exists."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from codex_gate import cli, scaffold, workflows, yaml_text
from codex_gate.scaffold import PIECES, written
from tests.codex_gate import surveyed
from tests.conftest import Repo

ROOT = Path(__file__).parents[1]
OWN = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
EXAMPLES = sorted((ROOT / "examples").rglob("*.yml"))
FILES = [*OWN, *EXAMPLES]
NAMES = [path.relative_to(ROOT).as_posix() for path in FILES]


def tool(name: str) -> str:
    """A program of the test environment, or the test is skipped."""
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.is_file() else shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed (the group of optional test tools); the workflows are not validated by it")
    return found


def loaded(path: Path) -> Any:
    return yaml_text.values(path.read_text("utf-8"), path.name)


def steps(path: Path) -> list[dict[str, Any]]:
    return [step for job in loaded(path)["jobs"].values() for step in job["steps"]]


def test_they_are_all_there() -> None:
    assert {path.name for path in OWN} >= {"test.yml", "codex-gate.yml", "retrain.yml", "release.yml"}
    assert {"examples/forks/screen.yml", "examples/forks/comment.yml", "examples/codex-gate.yml"} <= set(NAMES)


def test_they_are_valid_by_githubs_schema() -> None:
    done = subprocess.run([tool("check-jsonschema"), "--builtin-schema", "vendor.github-workflows", *map(str, FILES)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_zizmor_finds_nothing_of_weight(tmp_path: Path) -> None:
    """What init writes as well; below medium it advises, for example a newer spelling of `./`."""
    written_one = tmp_path / "codex-gate.yml"
    written_one.write_text(written(PIECES["workflow"]), "utf-8")
    command = [tool("zizmor"), "--offline", "--no-progress", "--min-severity", "medium", *map(str, FILES), str(written_one)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_ignore_has_its_reason() -> None:
    for path in FILES:
        for mark in re.findall(r"zizmor: ignore\[[\w-]+\](.*)", path.read_text("utf-8")):
            assert len(mark.split()) >= 4, path.name


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_actions_of_others_are_pinned_and_ours_is_named_by_one_constant(path: Path) -> None:
    for line in path.read_text("utf-8").splitlines():
        if uses := re.search(r"uses: (\S+)(.*)", line):
            name, comment = uses.groups()
            assert name in ("./", scaffold.ACTION) or (re.fullmatch(r"actions/[\w-]+@[0-9a-f]{40}", name) and re.match(r" # v\d+\.\d+\.\d+$", comment)), line


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_rights_are_given_to_jobs_alone_and_time_is_bounded(path: Path) -> None:
    whole = loaded(path)
    assert whole["permissions"] == {} and "concurrency" in whole
    for job in whole["jobs"].values():
        assert job["permissions"] and int(job["timeout-minutes"]) <= 60
    for step in steps(path):
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] == "false"


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_no_expression_stands_in_a_script(path: Path) -> None:
    for step in steps(path):
        script = step.get("run", "")
        assert "${{" not in script
        done = subprocess.run(["bash", "-n"], input=script.encode(), capture_output=True)
        assert done.returncode == 0, done.stderr.decode()


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_doctor_finds_nothing_missing(path: Path) -> None:
    found = workflows.lacks(path.read_text("utf-8"), path.name, own_action=True)
    assert not found


def test_commands_in_the_workflows_exist(capsys: pytest.CaptureFixture[str]) -> None:
    from automl_codex import cli as training

    ran = 0
    for path in FILES:
        for program, parser in (("codex-gate", cli._parser()), ("automl-codex", training._parser())):
            for call in re.findall(rf"(?m)(?:^\s*|; |&& ){program} ([^>|;&\n`]+)", "\n".join(step.get("run", "") for step in steps(path))):
                try:
                    parser.parse_args(call.split())
                except SystemExit:
                    pytest.fail(f"{path.name}: {program} {call}: {capsys.readouterr().err}")
                ran += 1
    assert ran >= 3


def test_two_examples_are_what_init_writes() -> None:
    for example, piece in (("codex-gate.yml", "workflow"), ("retrain.yml", "retrain")):
        assert (ROOT / "examples" / example).read_text("utf-8") == written(PIECES[piece]).partition("\n")[2]


def test_the_example_says_of_the_merge_queue_what_is_done() -> None:
    """An entry passes at once: tests/codex_gate/test_action.py::test_a_merge_group_passes_its_check_at_once."""
    first = (ROOT / "examples" / "codex-gate.yml").read_text("utf-8").partition("\n")[0]
    assert first.startswith("# Screens each pull request; an entry of the merge queue passes at once, since its pull requests were screened. ")


@pytest.mark.parametrize(("limit", "code"), [("100", 1), ("never", 0)])
def test_the_priority_example_fails_with_the_file_that_reaches_the_score_and_writes_its_summary_all_the_same(
    make_repo: Callable[..., Repo], tmp_path: Path, limit: str, code: int
) -> None:
    """Its own script in a repository where one file has the score 100, with this very code as the installed command."""
    repo = make_repo("surveyed")
    repo.build(surveyed.nodes())
    repo.git("checkout", "-q", "-f", "main")
    (script,) = [step["run"] for step in steps(ROOT / "examples" / "priority.yml") if "codex-gate priority" in step.get("run", "")]
    assert "--fail-on-score 99 " in script
    command = tmp_path / "bin" / "codex-gate"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m codex_gate.cli "$@"\n')
    command.chmod(0o755)
    summary = tmp_path / "summary.md"
    environ = {**os.environ, "PATH": f"{command.parent}{os.pathsep}{os.environ['PATH']}", "GITHUB_STEP_SUMMARY": str(summary), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(["bash", "-e", "-c", script.replace("99", limit)], cwd=repo.path, env=environ, capture_output=True, text=True)
    assert done.returncode == code, done.stderr
    assert ("1 file reaches --fail-on-score 100: src/core.py (100)" in done.stderr) == bool(code)
    assert "src/core.py" in summary.read_text("utf-8") and (repo.path / "priority.html").read_text("utf-8").lower().startswith("<!doctype html>")


@pytest.mark.parametrize("path", EXAMPLES, ids=[path.name for path in EXAMPLES])
def test_no_example_pushes_to_github_com_alone(path: Path) -> None:
    """GitHub Enterprise has a server of its own, which the runner names."""
    assert not [line for step in steps(path) for line in step.get("run", "").splitlines() if "github.com/" in line]


def test_the_second_half_for_forks_runs_where_the_first_has_left_a_file() -> None:
    """What a newer push cancels leaves none, and a job that fails over it each time is noise."""
    document = (ROOT / "docs" / "action.md").read_text("utf-8")
    (block,) = [text for text in re.findall(r"^```yaml\n(.*?)^```", document, re.MULTILINE | re.DOTALL) if "workflow_run:" in text]
    example = (ROOT / "examples" / "forks" / "comment.yml").read_text("utf-8")
    asked = [yaml_text.values(text, "one")["jobs"]["comment"]["if"] for text in (example, block)]
    assert asked[0] == asked[1]
    assert re.findall(r"workflow_run\.(event|head_repository|conclusion)\b", asked[0]) == ["event", "head_repository", "conclusion"]


def test_the_recipe_is_that_of_the_shipped_model() -> None:
    script = (ROOT / ".github" / "workflows" / "retrain.yml").read_text("utf-8")
    (call,) = re.findall(r"automl-codex train [^>\n]+", script)
    assert f"`{call.strip()}`" in (ROOT / "models" / "MODEL_CARD.md").read_text("utf-8")


# -- the release ---------------------------------------------------------------------------------------


def test_a_release_needs_its_version_and_its_section(tmp_path: Path) -> None:
    sys.path.insert(0, str(ROOT / "scripts"))
    try:
        import release
    finally:
        sys.path.pop(0)
    (tmp_path / "codex_gate").mkdir()
    (tmp_path / "codex_gate" / "__init__.py").write_text('__version__ = "1.2.3"\n')
    (tmp_path / "CHANGELOG.md").write_text("# Changelog\n\n## Unreleased\n\n- new\n\n## 1.2.3 (2030-01-01)\n\n- done\n\n## 1.2.2\n\n- old\n")
    assert release.faults(tmp_path, "v1.2.3") == []
    assert release.notes(tmp_path, "v1.2.3") == "- done"
    assert [fault.split()[0] for fault in release.faults(tmp_path, "v9.9.9")] == ["the", "CHANGELOG.md"]
    assert release.main(["check"]) == 2 and release.main(["check", "v999.0.0"]) == 2
    assert release.version(ROOT) == scaffold.__version__


def test_inputs_and_outputs_in_the_examples_are_those_of_the_action() -> None:
    path = ROOT / "action.yml"
    if not path.is_file():
        pytest.skip("there is no action.yml in this tree, so its inputs cannot be compared")
    action, used = loaded(path), 0
    for file in FILES:
        for step in steps(file):
            if step.get("uses") in ("./", scaffold.ACTION):
                assert set(step.get("with", {})) <= set(action["inputs"]), file.name
                used += len(step.get("with", {}))
        assert set(re.findall(r"steps\.gate\.outputs\.([\w-]+)", file.read_text("utf-8"))) <= set(action["outputs"]), file.name
    assert used >= 5
