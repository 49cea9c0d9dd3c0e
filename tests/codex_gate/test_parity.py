"""One change, one verdict: in the hooks, on the command line and in the Action."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from codex_gate.features import MESSAGE_NAMES
from tests.codex_gate.actions import LARGE, SMALL, Step, payload, project
from tests.codex_gate.samples import call
from tests.conftest import BOB, DAY, START, Repo
from tests.github_double import GitHub

WHEN = START + 70 * DAY


def core(report: dict[str, Any]) -> dict[str, Any]:
    """What must not depend on where it was asked: the message is the one thing that the index does not know."""
    features = {name: value for name, value in report["features"].items() if name not in MESSAGE_NAMES}
    change = report["change"]
    return {
        **{name: report[name] for name in ("risk", "level", "percentile", "tier", "model_version", "thresholds")},
        "features": features,
        "files": change["files"],
        "lower": change.get("lower"),
        "reasons": [r for r in change["reasons"] if r["feature"] not in MESSAGE_NAMES],
        "categories": [c for c in change["categories"] if not any(e["where"] == "message" for e in c["evidence"])],
    }


@pytest.mark.parametrize("shipped", [True, False])
@pytest.mark.parametrize("changes", [LARGE, SMALL], ids=["loud", "quiet"])
def test_hook_command_and_action_give_one_verdict(
    repo: Repo,
    hub: GitHub,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    changes: dict[str | bytes, str | bytes],
    shipped: bool,
) -> None:
    project(repo)
    if shipped:
        repo.write(".codex-gate.yaml", "")
        repo.commit("the model that ships", date=START + 61 * DAY)
    base = repo.head()
    repo.branch("topic")
    for path, text in changes.items():
        repo.write(path, text)
    repo.git("add", "-A")
    for name, value in repo.identity(BOB, WHEN).items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(repo.path)

    staged = json.loads(call(capsys, "screen", "--staged", "--format", "json").out)
    hook = call(capsys, "hook").out
    head = repo.commit("add more", author=BOB, date=WHEN)
    on_branch = json.loads(call(capsys, "screen", "main..topic", "--format", "json").out)
    alone = json.loads(call(capsys, "screen", "--commit", "HEAD", "--format", "json").out)
    monkeypatch.setenv("PRE_COMMIT_FROM_REF", base)
    monkeypatch.setenv("PRE_COMMIT_TO_REF", head)
    push = call(capsys, "hook", "--push").out
    repo.git("checkout", "-q", "--detach", "main")
    repo.merge("topic", date=WHEN + DAY)
    step = Step(repo, hub, tmp_path / "runner", payload(base, head))
    assert step.run() == 0
    action = json.loads(Path(step.outputs["report-json"]).read_text("utf-8"))

    assert core(staged) == core(on_branch) == core(alone) == core(action)
    said = [line.partition(":")[0] for text in (hook, push, "\n".join(step.log)) for line in text.splitlines() if "% risk – " in line]
    assert len(said) == (1 if changes is SMALL else 3)  # the hooks are silent about a quiet change
    assert len(set(said)) == 1
    if hub.comments:
        assert said[0] in hub.comments[0]["body"]
    assert bool(hub.comments) is (changes is LARGE)
