"""The steps of the retraining workflow, run by bash beside doubles of `automl-codex` and `gh`: one branch, one pull request, or a reason."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from codex_gate import yaml_text
from codex_gate.scaffold import PIECES, written
from tests.conftest import Repo

(JOB,) = yaml_text.values(written(PIECES["retrain"]), "retrain.yml")["jobs"].values()
MONITOR, LEARN, PROPOSE = (step["run"] for step in JOB["steps"][-3:])

LEARNER = """#!/bin/sh
echo "comparison of $ROUND"; echo "a sentence of $ROUND" >&2
[ "$CODE" = 0 ] || exit "$CODE"
mkdir -p .codex-gate/models && echo "card of $ROUND" > .codex-gate/models/MODEL_CARD.md
"""
GATE = """#!/bin/sh
if [ "$1" = config ] && grep -qs broken .codex-gate.yaml; then echo "line 1: no" >&2; exit 2; fi
[ "$1" = config ]
"""
FORGE = """#!/bin/sh
echo "$*" >> "$RUNNER_TEMP/gh.log"
case "$2" in list) [ -e "$RUNNER_TEMP/open" ] && echo 7 ;; create) touch "$RUNNER_TEMP/open" ;; esac
exit 0
"""


class Runner:
    """A clone and its forge; `month` runs the job as the schedule would."""

    def __init__(self, origin: Repo, folder: Path) -> None:
        self.folder, self.origin = folder, origin
        tools = folder / "bin"
        tools.mkdir()
        for name, text in (("automl-codex", LEARNER), ("codex-gate", GATE), ("gh", FORGE)):
            (tools / name).write_text(text)
            (tools / name).chmod(0o755)
        address = "https://x-access-token:token@git.example.org/owner/tool"  # GitHub Enterprise has a server of its own
        self.environ = origin.environ | {
            "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
            "RUNNER_TEMP": str(folder), "GITHUB_SERVER_URL": "https://git.example.org", "GITHUB_REPOSITORY": "owner/tool", "GH_TOKEN": "token", "BRANCH": JOB["env"]["BRANCH"],
            "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": f"url.{origin.path}.insteadOf", "GIT_CONFIG_VALUE_0": address,
        }  # fmt: skip

    def month(self, name: str, code: int = 0) -> int:
        clone, outputs = self.folder / name, self.folder / f"{name}.outputs"
        subprocess.run(["git", "clone", "-q", str(self.origin.path), str(clone)], check=True, env=self.environ)
        environ = self.environ | {"GITHUB_OUTPUT": str(outputs), "GITHUB_STEP_SUMMARY": str(self.folder / f"{name}.md"), "ROUND": name, "CODE": str(code)}
        outputs.touch()
        done = subprocess.run(["bash", "-e", "-c", LEARN], cwd=clone, env=environ, capture_output=True, text=True)
        self.said = done.stdout
        if done.returncode == 0 and "changed=true" in outputs.read_text():
            subprocess.run(["bash", "-e", "-c", PROPOSE], cwd=clone, env=environ, capture_output=True, check=True)
        return done.returncode

    def calls(self) -> list[str]:
        log = self.folder / "gh.log"
        return [" ".join(line.split()[:2]) for line in log.read_text().splitlines()] if log.exists() else []


@pytest.fixture
def runner(make_repo: Callable[..., Repo], tmp_path: Path) -> Runner:
    origin = make_repo("origin")
    origin.write("a.c", "int a;\n")
    origin.commit("start")
    folder = tmp_path / "runner"
    folder.mkdir()
    return Runner(origin, folder)


def test_the_first_month_opens_a_pull_request_and_the_next_updates_it(runner: Runner) -> None:
    assert runner.month("may") == 0
    assert runner.calls() == ["pr list", "pr create"]
    assert runner.month("june") == 0
    assert runner.calls() == ["pr list", "pr create", "pr list", "pr edit"]
    assert runner.origin.git("show", "codex-gate/models:.codex-gate/models/MODEL_CARD.md") == "card of june"
    assert runner.origin.git("rev-list", "--count", "main..codex-gate/models") == "1"
    assert runner.origin.git("diff", "--name-only", "main", "codex-gate/models") == ".codex-gate/models/MODEL_CARD.md"
    body = (runner.folder / "body.md").read_text()
    assert body.startswith("comparison of june\n") and "Add `models: .codex-gate/models`" in body and body.endswith("card of june\n")


def test_a_configuration_that_names_the_model_is_not_asked_for_again(runner: Runner) -> None:
    runner.origin.write(".codex-gate.yaml", "models: .codex-gate/models\n")
    runner.origin.commit("use it")
    assert runner.month("may") == 0
    assert "Add `models" not in (runner.folder / "body.md").read_text()


def test_a_refused_model_opens_nothing_and_the_summary_says_why(runner: Runner) -> None:
    assert runner.month("may", code=4) == 0
    assert runner.calls() == [] and "codex-gate/models" not in runner.origin.git("branch")
    assert "::notice title=codex-gate::the retrained model was refused" in runner.said
    summary = (runner.folder / "may.md").read_text()
    assert "comparison of may" in summary and "a sentence of may" in summary


def test_a_month_without_news_opens_nothing(runner: Runner) -> None:
    runner.origin.write(".codex-gate/models/MODEL_CARD.md", "card of may\n")
    runner.origin.commit("merged")
    assert runner.month("may") == 0
    assert runner.calls() == []


def test_a_history_that_teaches_too_little_is_a_warning_each_month_and_no_red_job(runner: Runner) -> None:
    assert runner.month("may", code=2) == 0
    assert "::warning title=codex-gate::nothing could be learned" in runner.said
    assert runner.calls() == [] and "a sentence of may" in (runner.folder / "may.md").read_text()


def test_a_configuration_that_cannot_be_meant_fails_the_job(runner: Runner) -> None:
    runner.origin.write(".codex-gate.yaml", "broken\n")
    runner.origin.commit("configure")
    assert runner.month("may") == 2 and runner.calls() == []


@pytest.mark.parametrize("code", [1, 3, 130])
def test_any_other_end_fails_the_job_and_still_says_why(runner: Runner, code: int) -> None:
    assert runner.month("may", code=code) == code
    assert runner.calls() == [] and "a sentence of may" in (runner.folder / "may.md").read_text()


WATCHER = """#!/bin/sh
echo "said of $CODE" >&2
[ "$CODE" -gt 1 ] || echo "report of $CODE" > "$RUNNER_TEMP/drift.md"
exit "$CODE"
"""


@pytest.mark.parametrize(
    ("code", "day", "name", "due"),
    [(0, 8, "schedule", ""), (0, 7, "schedule", "once a month"), (1, 20, "schedule", "the changes have drifted"), (2, 20, "schedule", ""), (2, 20, "workflow_dispatch", "asked for")],
)  # fmt: skip
def test_it_is_due_with_drift_once_a_month_and_on_request(code: int, day: int, name: str, due: str, tmp_path: Path) -> None:
    done, outputs, summary = monitored(tmp_path, code, day, name)
    assert done.returncode == 0, done.stderr
    assert outputs == ("due=true\n" if due else "") and f"Retraining: {due or 'not due'}" in summary
    assert ("report of" if code < 2 else "said of 2") in summary  # the report, or why there is none
    assert ("not due: no known drift" in summary) == (code == 2 and not due)


def test_a_fault_of_the_monitor_fails_the_job(tmp_path: Path) -> None:
    done, outputs, summary = monitored(tmp_path, 3, 1, "schedule")
    assert done.returncode == 3 and outputs == "" and "said of 3" in summary


def monitored(folder: Path, code: int, day: int, name: str) -> tuple[subprocess.CompletedProcess[str], str, str]:
    """The step that decides, with its outputs and the step summary."""
    tools = folder / "bin"
    tools.mkdir()
    for tool, text in (("codex-gate", WATCHER), ("date", f"#!/bin/sh\necho {day}\n")):
        (tools / tool).write_text(text)
        (tools / tool).chmod(0o755)
    files = {"GITHUB_OUTPUT": folder / "outputs", "GITHUB_STEP_SUMMARY": folder / "summary"}
    environ = {"PATH": f"{tools}{os.pathsep}{os.environ['PATH']}", "RUNNER_TEMP": str(folder), "GITHUB_EVENT_NAME": name, "CODE": str(code)}
    for path in files.values():
        path.touch()
    done = subprocess.run(["bash", "-e", "-c", MONITOR], env=environ | {key: str(path) for key, path in files.items()}, capture_output=True, text=True)
    return done, files["GITHUB_OUTPUT"].read_text(), files["GITHUB_STEP_SUMMARY"].read_text()
