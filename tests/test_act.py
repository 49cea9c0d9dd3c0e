"""The whole Action in a workflow, run by act without docker or network beyond the package index, against a double of GitHub."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import acting
from tests.acting import copied
from tests.codex_gate import drifting
from tests.codex_gate.actions import LARGE, SMALL, as_ours, examples, needs_examples, payload, project, pull
from tests.codex_gate.samples import write_model
from tests.conftest import DAY, START, Repo
from tests.github_double import GitHub

pytestmark = acting.needs_act
OWN = ("action", "action.yml", "codex_gate")
WORKFLOW = """
on: [pull_request, merge_group, workflow_dispatch]
permissions: {contents: read}
jobs:
  screen:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - uses: USES
        id: gate
        with: {INPUTS}
      - run: 'echo "found $LEVEL in $FILE"'
        env:
          LEVEL: ${{ steps.gate.outputs.level }}
          FILE: ${{ steps.gate.outputs.top-file }}
"""
CACHE = """
inputs: {path: {required: true}, key: {required: true}}
runs:
  using: composite
  steps: [{shell: bash, run: 'echo "cache asked for $KEY in $PLACE"', env: {KEY: "${{ inputs.key }}", PLACE: "${{ inputs.path }}"}}]
"""
TRAPS = ("json.py", "rich/__init__.py", "sitecustomize.py", "usercustomize.py", "pip/__init__.py", "venv.py", "hashlib.py", "urllib3.py", "lizard.py")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where act keeps the runner's tool cache: the first run fills it."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def act(repo: Repo, hub: GitHub, home: Path, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """`act(event, name, uses=…, inputs=…)` runs the workflow in the repository's work tree."""

    def run(event: object, name: str = "pull_request", *, uses: str = "acme/codex-gate@v1", inputs: str = "") -> subprocess.CompletedProcess[str]:
        flow = repo.write(".github/workflows/pr.yml", WORKFLOW.replace("USES", uses).replace("INPUTS", inputs))
        (asked,) = re.findall(r"uses: (actions/cache@\w+)", (acting.ROOT / "action.yml").read_text("utf-8"))
        local = {asked: acting.stand_in(tmp_path / "cache", CACHE)}
        if uses != "./":
            local[uses] = copied(tmp_path / "own", *OWN, "models")
        return acting.run(flow, event, name, repo=repo, home=home, scratch=tmp_path, url=hub.url, local=local)

    return run


def environments(home: Path, *, student: bool) -> list[Path]:
    """Those that runs have left in the tool cache, with what the student needs or without."""
    found = [path for path in home.rglob("codex-gate/*-*") if (path / "pyvenv.cfg").exists()]
    return [path for path in found if any(path.glob("lib/python*/site-packages/onnxruntime")) is student]


@pytest.mark.parametrize("uses", ["acme/codex-gate@v1", "./"])
def test_the_comment_is_there_after_a_run(repo: Repo, hub: GitHub, act: Callable[..., subprocess.CompletedProcess[str]], uses: str, tmp_path: Path) -> None:
    project(repo)
    trap = f"open({str(tmp_path / 'sprung')!r}, 'w')\n"  # nothing of the pull request may be imported
    base, head = pull(repo, {**LARGE, **dict.fromkeys(TRAPS, trap)})
    if uses == "./":
        copied(repo.path, *OWN)
    done = act(payload(base, head), uses=uses, inputs="labels: true, sarif: true")
    assert done.returncode == 0, done.stdout + done.stderr
    (comment,) = hub.comments
    assert "risk – critical" in comment["body"]
    assert f"https://github.com/acme/shop/blob/{head}/lib/g" in comment["body"]
    assert (hub.checks[0]["head_sha"], hub.labels, len(hub.sarifs)) == (head, ["risk: critical"], 1)
    assert "found critical in lib/g0.py" in done.stdout
    assert not (tmp_path / "sprung").exists()


def test_at_tier_3_the_student_has_read_what_the_comment_says(
    repo: Repo, hub: GitHub, act: Callable[..., subprocess.CompletedProcess[str]], home: Path
) -> None:
    """Its libraries are installed where they are asked for, into an environment of their own, which stays."""
    project(repo, "tier: 3\n")
    for name in ("kinds.json", "kinds.table", "student.json", "student.onnx", "vocabulary.json"):
        shutil.copy(acting.ROOT / "models" / name, repo.path / "models")
    repo.commit("models of kinds", date=START + 61 * DAY)
    base, head = pull(repo, dict.fromkeys(LARGE, "if password == None or user is None:\n    return open(path).read()\n" * 20), "fix crash when user is None")
    done = act(payload(base, head))
    assert done.returncode == 0, done.stdout + done.stderr
    (comment,) = hub.comments
    assert "risk – critical" in comment["body"] and "tier 3" in comment["body"] and "onnxruntime" not in comment["body"]
    assert "What kind of defect" in comment["body"]
    (made,) = environments(home, student=True)
    before = made.stat().st_mtime_ns
    assert "comment unchanged" in act(payload(base, head)).stdout
    assert environments(home, student=True) == [made] and made.stat().st_mtime_ns == before and len(hub.comments) == 1


@needs_examples
def test_events_as_github_sends_them_are_understood(repo: Repo, hub: GitHub, act: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    """A pull request's life in GitHub's own examples: opened, pushed to, closed; theirs has the number 2."""
    project(repo)
    base, head = pull(repo)
    first = {example["action"]: example for example in reversed(examples()["pull_request"])}
    opened, pushed, closed = (as_ours(first[action], base, head) for action in ("opened", "synchronize", "closed"))
    done = act(opened)
    assert done.returncode == 0, done.stdout + done.stderr
    (comment,) = hub.comments
    assert "risk – critical" in comment["body"] and "**Look at first**" in comment["body"]
    assert f"https://github.com/acme/shop/blob/{head}/lib/g" in comment["body"]
    assert hub.checks[0]["head_sha"] == head
    assert {call.path for call in hub.calls if call.method == "POST"} == {"/repos/acme/shop/issues/2/comments", "/repos/acme/shop/check-runs"}
    before, n = comment["body"], len(hub.calls)
    assert "comment unchanged" in act(pushed).stdout
    assert [call.method for call in hub.calls[n:] if "comments" in call.path] == ["GET"]
    pull(repo, SMALL)
    hub.calls.clear()
    assert "The pull request is closed" in act(closed).stdout
    assert (hub.calls, hub.comments[0]["body"]) == ([], before)


def test_the_cache_is_asked_where_the_environment_is_not_there(repo: Repo, act: Callable[..., subprocess.CompletedProcess[str]], home: Path) -> None:
    project(repo)
    event = payload(*pull(repo, {"f1.py": "x = 1\n"}), state="closed")
    act(event)
    assert "cache asked for" not in act(event).stdout
    (made,) = environments(home, student=False)
    made.rename(made.with_name("away"))
    try:
        asked = re.search(r"cache asked for codex-gate-(\S+) in (\S+)", act(event).stdout)
        assert asked is not None
        assert asked[1] == made.name and asked[2].endswith(f"/codex-gate/{made.name}")
        assert made.is_dir()
    finally:
        shutil.rmtree(made, ignore_errors=True)
        made.with_name("away").rename(made)


def test_a_gate_fails_the_job(repo: Repo, hub: GitHub, act: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    project(repo)
    done = act(payload(*pull(repo)), inputs="fail-on: high")
    assert done.returncode == 1
    assert "level critical reaches fail-on high" in done.stdout
    assert hub.checks[0]["conclusion"] == "failure"


def test_a_fork_gets_everything_in_the_summary(repo: Repo, hub: GitHub, act: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    project(repo)
    base, head = pull(repo)
    done = act(payload(base, head, head={"sha": head, "repo": None}))
    assert done.returncode == 0, done.stdout
    assert hub.calls == []
    assert "**Look at first**" in done.stdout and "not accessible" not in done.stdout


def test_a_merge_group_ends_well(repo: Repo, hub: GitHub, act: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    base = project(repo)
    done = act({"action": "checks_requested", "merge_group": {"base_sha": base, "head_sha": base}}, "merge_group")
    assert done.returncode == 0, done.stdout
    assert "nothing to do" in done.stdout
    assert (hub.checks[0]["head_sha"], hub.checks[0]["conclusion"]) == (base, "success")  # the queue may wait for it


def test_drift_on_a_schedule_has_its_issue_and_fails_the_job(repo: Repo, hub: GitHub, act: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    repo.build(drifting.nodes())
    repo.git("checkout", "-q", "-f", "main")
    write_model(repo.path / "models")
    repo.write(".codex-gate.yaml", "models: models\n")
    repo.write("automl-codex-quality.toml", "[drift]\nmonitoring_window = 120\n")
    repo.commit("configure")
    done = act({}, "workflow_dispatch", inputs="monitor: true")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "issue #2 opened" in done.stdout and "| file type |" in hub.issues[0]["body"]


def test_a_change_of_five_hundred_lines_in_twenty_files_is_commented_in_time(
    repo: Repo, hub: GitHub, act: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    """With the environment there, which the tests above have made; 15 s is what must hold, on two cores it takes about one."""
    project(repo)
    event = payload(*pull(repo, {f"lib/g{k}.py": "".join(f"y{i} = {k} + {i}\n" for i in range(25)) for k in range(20)}))
    act({"pull_request": {"state": "closed"}})
    began = time.perf_counter()
    done = act(event)
    assert time.perf_counter() - began < 15
    assert done.returncode == 0, done.stdout
    assert "500 lines added" in hub.comments[0]["body"]
