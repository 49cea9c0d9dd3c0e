"""What a workflow lacks is found, what it has is not, and the YAML to paste mends it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from codex_gate import yaml_text
from codex_gate.errors import ConfigError
from codex_gate.scaffold import PIECES, written
from codex_gate.workflows import Lack, Switches, lacks

SOUND = """
on: [pull_request, merge_group]
permissions: {contents: read}
jobs:
  screen:
    permissions: {contents: read, pull-requests: write, checks: write}
    steps:
      - uses: actions/checkout@v7
        with: {fetch-depth: 0}
      - uses: owner/codex-gate@v1
"""


def found(text: str, **more: Any) -> dict[str, Lack]:
    lacking = lacks(text, "x.yml", **more)
    assert lacking is not None
    return {lack.what: lack for lack in lacking}


def test_a_sound_workflow_lacks_nothing() -> None:
    assert lacks(SOUND, "x.yml") == []


@pytest.mark.parametrize(
    "text", ["", "name: x\n", "jobs: []\n", "jobs: {a: {steps: [{run: echo codex-gate}]}}\n", "- a\n", SOUND.replace("owner/codex-gate@v1", "owner/other@v1")]
)
def test_a_workflow_of_others_is_none_of_ours(text: str) -> None:
    assert lacks(text, "x.yml") is None


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("checks: write", "checks: read", ["checks: write"]),
        (", pull-requests: write, checks: write", "", ["pull-requests: write", "checks: write"]),
        ("    permissions: {contents: read, pull-requests: write, checks: write}\n", "", ["pull-requests: write", "checks: write"]),
        ("{contents: read, pull-requests: write, checks: write}", "read-all", ["pull-requests: write", "checks: write"]),
        ("{contents: read, pull-requests: write, checks: write}", "{}", ["contents: read", "pull-requests: write", "checks: write"]),
        ("codex-gate@v1", "codex-gate@v1\n        with: {sarif: true}", ["security-events: write"]),
        ("codex-gate@v1", "codex-gate@v1\n        with: {monitor: true}", ["issues: write"]),
    ],
)
def test_a_missing_permission_is_named_and_the_paste_mends_it(old: str, new: str, words: list[str]) -> None:
    text = SOUND.replace(old, new)
    assert text != SOUND
    lack = found(text)["permissions"]
    for word in words:
        assert word in lack.text and word in lack.paste
    pasted = yaml_text.values(lack.paste, "paste")["jobs"]["screen"]["permissions"]
    whole = yaml_text.values(text, "x")
    whole["jobs"]["screen"]["permissions"] = pasted
    import json

    assert lacks(json.dumps(whole), "x.yml") == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("{contents: read, pull-requests: write, checks: write}", "write-all"),
        (", checks: write}", "}\n    x: y"),
        (", pull-requests: write", ""),
    ],
)
def test_what_an_input_switches_off_needs_no_permission(old: str, new: str) -> None:
    text = SOUND.replace(old, new).replace("codex-gate@v1", "codex-gate@v1\n        with: {comment: 'false', check: false}")
    assert "permissions" not in found(text)


def test_what_the_configuration_switches_counts_where_no_input_does() -> None:
    quiet = SOUND.replace(", pull-requests: write, checks: write", "")
    assert lacks(quiet, "x.yml", switches=Switches(comment=False, check=False)) == []
    assert "security-events: write" in found(SOUND, switches=Switches(sarif=True))["permissions"].text
    loud = quiet.replace("codex-gate@v1", "codex-gate@v1\n        with: {check: true}")
    assert "checks: write" in found(loud, switches=Switches(comment=False, check=False))["permissions"].text


def test_no_permissions_at_all_is_said() -> None:
    text = SOUND.replace("    permissions: {contents: read, pull-requests: write, checks: write}\n", "").replace("permissions: {contents: read}\n", "")
    assert "states no permissions" in found(text)["permissions"].text


@pytest.mark.parametrize("depth", ["", "        with: {fetch-depth: 2}\n", "        with: {ref: main}\n"])
def test_a_shallow_checkout_is_found(depth: str) -> None:
    text = SOUND.replace("        with: {fetch-depth: 0}\n", depth)
    lack = found(text)["history"]
    assert "shallow" in lack.text and "fetch-depth: 0" in lack.paste and "actions/checkout@v7" in lack.paste


def test_no_checkout_is_found() -> None:
    text = SOUND.replace("      - uses: actions/checkout@v7\n        with: {fetch-depth: 0}\n", "")
    assert "checks nothing out" in found(text)["checkout"].text


@pytest.mark.parametrize(
    ("token", "words"),
    [("", "empty token"), ("${{ secrets.PAT }}", "from a secret"), ("${{ github.token }}", ""), ("${{ secrets.GITHUB_TOKEN }}", "")],
)
def test_a_token_that_will_not_do_is_found(token: str, words: str) -> None:
    lacking = found(SOUND.replace("codex-gate@v1", f'codex-gate@v1\n        with: {{token: "{token}"}}'))
    assert (words in lacking["token"].text) if words else lacking == {}


def test_pull_request_target_is_warned_of() -> None:
    assert "stranger's code" in found(SOUND.replace("[pull_request, merge_group]", "{pull_request_target: {}}"))["event"].text
    assert "does not run on pull requests" in found(SOUND.replace("[pull_request, merge_group]", "release"))["event"].text


def test_a_run_step_counts_and_needs_to_write_nothing() -> None:
    text = SOUND.replace("- uses: owner/codex-gate@v1", "- run: pip install codex-gate && codex-gate screen").replace(
        ", pull-requests: write, checks: write", ""
    )
    assert lacks(text, "x.yml") == []
    assert list(found(text.replace("{fetch-depth: 0}", "{}"))) == ["history"]


def test_a_job_that_shows_the_report_of_another_run_needs_no_history() -> None:
    text = SOUND.replace("      - uses: actions/checkout@v7\n        with: {fetch-depth: 0}\n", "").replace(
        "codex-gate@v1", "codex-gate@v1\n        with: {report: x.json}"
    )
    assert "actions: read" in found(text)["permissions"].text
    assert lacks(text.replace("{contents: read, pull", "{actions: read, pull"), "x.yml") == []


def test_its_own_repository_runs_it_by_path() -> None:
    text = SOUND.replace("owner/codex-gate@v1", "./")
    assert lacks(text, "x.yml") is None
    assert lacks(text, "x.yml", own_action=True) == []


def test_on_is_a_word_and_an_anchor_is_followed() -> None:
    text = SOUND.replace("permissions: {contents: read}\n", "permissions: &none {}\n").replace("{contents: read, pull-requests: write, checks: write}", "*none")
    assert "contents: read" in found(text)["permissions"].text


@pytest.mark.parametrize("text", ["a: [", "{" * 300 + "}" * 300, "x" * (yaml_text.MAX_CHARACTERS + 1), "? [a]\n: b\n", "\x00"])
def test_no_yaml_is_one_sentence(text: str) -> None:
    with pytest.raises(ConfigError, match=r"^x\.yml"):
        lacks(text, "x.yml")


def test_a_tree_that_holds_itself_is_no_yaml_for_us() -> None:
    with pytest.raises(ConfigError, match="or for themselves"):
        lacks("jobs: &a {b: {steps: [*a]}}\n", "x.yml")


def test_few_lines_that_stand_for_a_billion_values_are_not_written_out() -> None:
    """A step's `run` is taken as text: nine times nine times … of it would fill the memory."""
    lines = ["x0: &x0 [a, a, a, a, a, a, a, a, a]", *(f"x{k}: &x{k} [{', '.join([f'*x{k - 1}'] * 9)}]" for k in range(1, 9))]
    steps = "jobs:\n  a:\n    steps:\n      - run: *x8\n"
    with pytest.raises(ConfigError, match=r"^x\.yml holds aliases that stand for more than"):
        lacks("\n".join((*lines, steps)), "x.yml")
    assert lacks("\n".join((*lines[:3], steps.replace("x8", "x2"))), "x.yml") is None


def test_a_file_that_init_wrote_is_ours_whatever_its_action_is_called() -> None:
    text = written(PIECES["workflow"], "acme/pr-risk@v1")
    assert lacks(text, "x.yml") == []
    assert list(found(text.replace("checks: write", "checks: read"))) == ["permissions"]
    assert lacks(text.partition("\n")[2], "x.yml") is None  # without its head it is one of others
    assert lacks(written(PIECES["retrain"], "acme/pr-risk@v1"), "x.yml") == []


@pytest.mark.parametrize(
    ("command", "ours"),
    [
        *((f"codex-gate {name}", True) for name in ("screen", "action", "backtest", "monitor", "priority --top 3", "trend", "explain HEAD")),
        ("automl-codex retrain --repo .", True),
        *((command, False) for command in ("codex-gate schema", "codex-gate config", "automl-codex mine", "echo codex-gate-monitor")),
    ],
)
def test_a_command_that_reads_the_history_needs_all_of_it(command: str, ours: bool) -> None:
    text = (
        SOUND.replace("- uses: owner/codex-gate@v1", f"- run: {command}").replace(", pull-requests: write, checks: write", "").replace("{fetch-depth: 0}", "{}")
    )
    assert [lack.what for lack in lacks(text, "x.yml") or ()] == ["history"] * ours


def test_what_people_said_stands_in_the_files_and_drift_in_an_issue() -> None:
    text = SOUND.replace("- uses: owner/codex-gate@v1", "- run: codex-gate feedback").replace(", pull-requests: write, checks: write", "")
    assert lacks(text.replace("{fetch-depth: 0}", "{}"), "x.yml") == []
    assert list(found(text.replace("actions/checkout@v7", "actions/cache@v4"))) == ["checkout"]
    posts = text.replace("- run: codex-gate feedback", "- run: |\n          codex-gate monitor \\\n            --issue --output drift.md\n")
    assert "issues: write" in found(posts)["permissions"].text
    assert lacks(posts.replace("--issue", "--fixes"), "x.yml") == []


@pytest.mark.parametrize("path", sorted((Path(__file__).parents[2] / "examples").glob("*.yml")), ids=lambda path: path.name)
def test_every_example_runs_codex_gate_and_lacks_nothing(path: Path) -> None:
    assert lacks(path.read_text("utf-8"), path.name) == []


def test_a_job_that_somebody_put_behind_inits_is_his_own() -> None:
    head = "# codex-gate init 0.1.0 wrote this file (0123456789ab)\n"
    screen = "  screen:\n    runs-on: ubuntu-latest\n    steps:\n      - uses: me/screener@v1\n"
    lint = "  lint:\n    runs-on: ubuntu-latest\n    steps:\n      - uses: reviewdog/action-lint@v1\n"
    alone = lacks(f"{head}on: pull_request\njobs:\n{screen}", "w.yml")
    assert alone and alone == lacks(f"{head}on: pull_request\njobs:\n{screen}{lint}", "w.yml")
