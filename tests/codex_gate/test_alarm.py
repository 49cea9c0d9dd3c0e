"""Drift reaches people by every way that is left: log, file, issue, exit code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from codex_gate.errors import ConfigError
from tests.codex_gate import drifting
from tests.codex_gate.actions import Step
from tests.codex_gate.samples import call, write_model
from tests.conftest import START, Repo
from tests.github_double import Fault, GitHub


@pytest.fixture(scope="module")
def drifted(tmp_path_factory: pytest.TempPathFactory, git_environ: dict[str, str]) -> tuple[Repo, list[str]]:
    repo = Repo(tmp_path_factory.mktemp("drifted") / "repo", git_environ)
    shas = repo.build(drifting.nodes())
    repo.git("checkout", "-q", "-f", "main")
    write_model(repo.path / "models")
    repo.write(".codex-gate.yaml", "models: models\n")
    repo.write("automl-codex-quality.toml", "[drift]\nmonitoring_window = 120\n")
    return repo, [*shas, repo.commit("configure", date=START + 400 * 86_400)]


@pytest.fixture
def token(hub: GitHub, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("GITHUB_TOKEN", "ghs_x"), ("GITHUB_REPOSITORY", "acme/shop"), ("GITHUB_API_URL", hub.url)):
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("codex_gate.reporters.github.MAX_FAILURES", 0)


@pytest.fixture
def command(drifted: tuple[Repo, list[str]]) -> list[str]:
    return ["monitor", "-C", str(drifted[0].path), "--issue"]


@pytest.fixture
def quiet(drifted: tuple[Repo, list[str]]) -> list[str]:
    """A branch on which nothing has moved."""
    return ["--branch", drifted[1][drifting.N_OLD - 1]]


# -- the command -----------------------------------------------------------------------------------------


@pytest.mark.usefixtures("token")
def test_drift_opens_the_issue_and_its_end_closes_it(command: list[str], quiet: list[str], hub: GitHub, capsys: pytest.CaptureFixture[str]) -> None:
    said = call(capsys, *command)
    assert said.code == 1 and "issue #2 opened" in said.err
    (issue,) = hub.issues
    assert issue["title"].startswith("codex-gate: drift: file type") and "| file type |" in issue["body"]
    said = call(capsys, *command)
    assert said.code == 1 and "issue #2 unchanged" in said.err  # the time it took is no news
    said = call(capsys, *command, *quiet)
    assert said.code == 0 and "issue #2 closed" in said.err
    assert (issue["state"], issue["title"]) == ("closed", "codex-gate: no drift any more")
    assert call(capsys, *command, *quiet).err.endswith("issue none\n")


@pytest.mark.usefixtures("token")
@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Fault(503), "503"),
        (Fault(0), "no answer"),
        (Fault(403, message="Resource not accessible by integration"), "give the job the permission issues: write"),
        (Fault(410, message="Issues are disabled"), "and the repository its issues"),
        (Fault(401), "401"),
    ],
)
def test_the_alert_survives_a_forge_that_fails(
    fault: Fault, words: str, command: list[str], hub: GitHub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hub.fail("GET", "/issues", fault)
    said = call(capsys, *command, "--output", str(tmp_path / "alerts" / "drift.json"), "--andon-log", str(tmp_path / "andon.jsonl"))
    assert said.code == 1
    assert "alert, ConceptDrift: " in said.err and "PostHandler could not pass on a ConceptDrift: " in said.err and words in said.err
    assert "Traceback" not in said.err
    assert json.loads((tmp_path / "alerts" / "drift.json").read_text())["drift"] is True
    assert json.loads((tmp_path / "andon.jsonl").read_text())["event"] == "ConceptDrift"


@pytest.mark.usefixtures("token")
def test_a_file_that_cannot_be_written_keeps_the_issue(command: list[str], hub: GitHub, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    said = call(capsys, *command, "--output", str(tmp_path / "file" / "drift.yaml"))
    assert said.code == 2 and "drift.yaml cannot be written" in said.err and "issue #2 opened" in said.err
    assert len(hub.issues) == 1


@pytest.mark.usefixtures("token")
def test_where_drift_is_no_alert_nothing_is_posted(command: list[str], hub: GitHub, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    gates = tmp_path / "q.toml"
    gates.write_text("[drift]\nalert_on_drift = false\nmonitoring_window = 120\n")
    said = call(capsys, *command, "--gates", str(gates))
    assert said.code == 0 and said.out.startswith("Drift: ") and hub.calls == []


@pytest.mark.usefixtures("token")
def test_an_issue_that_cannot_be_closed_halts_nothing(command: list[str], quiet: list[str], hub: GitHub, capsys: pytest.CaptureFixture[str]) -> None:
    hub.fail("GET", "/issues", Fault(500))
    said = call(capsys, *command, *quiet)
    assert said.code == 0 and "an issue about drift could not be looked for and closed: GET /repos/acme/shop/issues: 500" in said.err


@pytest.mark.parametrize("missing", ["GITHUB_TOKEN", "GITHUB_REPOSITORY"])
@pytest.mark.usefixtures("token")
def test_an_issue_without_a_place_is_wrong_use_before_the_work(
    missing: str, command: list[str], hub: GitHub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(missing, "")
    monkeypatch.setattr("codex_gate.monitor.monitor", lambda *_: pytest.fail("worked for nothing"))
    said = call(capsys, *command)
    assert (
        said.code == 2
        and "an issue needs a token (GITHUB_TOKEN; the Action's input token) and the repository (OWNER/NAME in GITHUB_REPOSITORY)" in said.err
        and hub.calls == []
    )


# -- the Action ------------------------------------------------------------------------------------------


def step(drifted: tuple[Repo, list[str]], hub: GitHub, tmp_path: Path, **environ: str) -> Step:
    scheduled = {"GITHUB_EVENT_NAME": "schedule", "GITHUB_REF": "refs/heads/main", "INPUT_MONITOR": "true"}
    return Step(drifted[0], hub, tmp_path / "runner", {"schedule": "0 5 * * 1"}, {**scheduled, **environ})


def test_the_action_monitors_on_schedule(drifted: tuple[Repo, list[str]], hub: GitHub, tmp_path: Path) -> None:
    run = step(drifted, hub, tmp_path)
    assert run.run() == 1
    assert hub.issues[0]["title"].startswith("codex-gate: drift: file type")
    assert "### Drift: file type" in run.summary and any("Drift: file type" in line for line in run.log)
    assert run.outputs["drift"] == "true" and json.loads(Path(run.outputs["report-json"]).read_text())["n_window"] == 120
    assert "<h1>Drift: file type" in Path(run.outputs["report-html"]).read_text()
    assert "codex-gate: issue #2 opened" in run.log


def test_the_action_tells_of_drift_where_no_files_can_be_kept(drifted: tuple[Repo, list[str]], hub: GitHub, tmp_path: Path) -> None:
    run = step(drifted, hub, tmp_path, RUNNER_TEMP=str(tmp_path / "gone"))
    assert run.run() == 1
    assert (run.outputs["drift"], run.outputs["report-json"], run.outputs["report-html"]) == ("true", "", "")
    assert any(line.startswith("::warning") and "no files for later steps: " in line for line in run.log)
    assert "### Drift: file type" in run.summary and "no files for later steps" in run.summary


@pytest.mark.parametrize(("environ", "words"), [({"INPUT_TOKEN": ""}, "an issue needs a token"), ({}, "permission issues: write")])
def test_the_action_keeps_the_alert_without_an_issue(environ: dict[str, str], words: str, drifted: tuple[Repo, list[str]], hub: GitHub, tmp_path: Path) -> None:
    hub.writable = False
    run = step(drifted, hub, tmp_path, **environ)
    assert run.run() == 1 and hub.issues == []
    assert any(line.startswith("::warning") and words in line for line in run.log)
    assert "> [!WARNING]" in run.summary and "### Drift: file type" in run.summary


@pytest.mark.parametrize("name", ["pull_request", "workflow_run", "pull_request_target"])
def test_the_action_does_not_trust_what_a_pull_request_checked_out(name: str, drifted: tuple[Repo, list[str]], hub: GitHub, tmp_path: Path) -> None:
    run = step(drifted, hub, tmp_path, GITHUB_EVENT_NAME=name)
    with pytest.raises(ConfigError, match=f"input monitor: {name} screens a change; monitor on schedule"):
        run.run()
    assert hub.calls == []


def test_the_action_says_in_a_young_repository_that_nothing_can_be_compared(repo: Repo, hub: GitHub, tmp_path: Path) -> None:
    repo.build(drifting.nodes(60, 0))
    run = step((repo, []), hub, tmp_path)
    assert run.run() == 0
    assert "nothing was compared: 60 changes are too few to tell drift from chance" in run.summary and hub.calls == []


def test_a_screen_without_the_monitor_says_what_failed(repo: Repo, hub: GitHub, tmp_path: Path) -> None:
    repo.build(drifting.nodes(3, 0))
    run = step((repo, []), hub, tmp_path, INPUT_MONITOR="false", INPUT_HEAD="nowhere")
    with pytest.raises(ConfigError, match="input head: 'nowhere' is not a commit"):
        run.run()
    assert "nothing was screened: input head: 'nowhere' is not a commit" in run.summary


def test_an_input_that_means_neither_yes_nor_no(drifted: tuple[Repo, list[str]], hub: GitHub, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="input monitor"):
        step(drifted, hub, tmp_path, INPUT_MONITOR="maybe").run()
