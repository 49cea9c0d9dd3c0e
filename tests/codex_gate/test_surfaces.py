"""One change, one tier: the hooks, the command and the Action say the same of it, with the models of kinds that ship."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from codex_gate import hybrid
from codex_gate.model import default_directory
from tests.codex_gate.actions import Step, payload
from tests.codex_gate.samples import call, write_model
from tests.conftest import BOB, DAY, START, Node, Repo
from tests.github_double import GitHub

SHIPPED = default_directory()
TIERS = ("1", "2", "3")
MESSAGE = "Fix a race: the lock of the cache was released before its file was closed, so a reader could see half of it"
BROKEN = """\
import threading


class Cache:
    def __init__(self, path):
        self.path, self.lock = path, threading.Lock()

    def write(self, values):
        self.lock.acquire()
        stream = open(self.path, "w")
        for value in values:
            stream.write(value)
        self.lock.release()
        stream.close()
"""
MENDED = BROKEN.replace(
    BROKEN[BROKEN.index("        self.lock.acquire") :], "        with self.lock, open(self.path, 'w') as stream:\n            stream.writelines(values)\n"
)


@pytest.fixture
def project(repo: Repo) -> Repo:
    """Sixty small changes, and one that brought a fault in eight files; a small model of risk beside the models of kinds that ship."""
    nodes = [Node({f"f{k % 5}.py": f"x = {k}\n"}, (k - 1,) if k else (), time=START + k * DAY) for k in range(60)]
    nodes.append(Node({f"store/cache{k}.py": BROKEN for k in range(8)}, (59,), time=START + 60 * DAY))
    repo.build(nodes)
    repo.git("checkout", "-q", "-f", "main")
    write_model(repo.path / "models")
    for name in ("kinds.json", "kinds.table", "student.json", "student.onnx", "vocabulary.json"):
        shutil.copy(SHIPPED / name, repo.path / "models")
    return repo


def configured(repo: Repo, tier: str) -> str:
    """The base commit, which asks for the tier; a topic with a repair in eight files lies in the work tree."""
    repo.write(".codex-gate.yaml", f"models: models\ntier: {tier}\n")
    base = repo.commit("configure", date=START + 61 * DAY)
    repo.git("checkout", "-q", "-B", "topic")
    for k in range(8):
        repo.write(f"store/cache{k}.py", MENDED)
    return base


def kinds(found: dict[str, object]) -> object:
    return [found[name] for name in ("category", "confidence", "categories")]


def same(text: str) -> str:
    """A report for the terminal without the time that it took."""
    return re.sub(r"\d[\d.,]* (?:ms|s)\b", "", text)


@pytest.mark.parametrize("tier", TIERS)
def test_hook_command_and_action_say_the_same_at_each_tier(
    tier: str, project: Repo, hub: GitHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("onnxruntime")
    monkeypatch.chdir(project.path)
    monkeypatch.delenv("CI", raising=False)
    for name, value in {**project.environ, "GIT_AUTHOR_NAME": "Bob", "GIT_AUTHOR_EMAIL": "bob@example.org"}.items():
        monkeypatch.setenv(name, value)
    base = configured(project, tier)
    project.git("add", "-A")
    hook, staged = call(capsys, "hook"), json.loads(call(capsys, "screen", "--staged", "--format", "json").out)
    assert same(hook.out) == same(call(capsys, "screen", "--staged").out) and f"tier {tier}" in hook.out

    head = project.commit(MESSAGE, author=BOB, date=START + 62 * DAY)
    ranged = json.loads(call(capsys, "screen", f"main..{head}", "--format", "json").out)
    alone = json.loads(call(capsys, "screen", "--commit", head, "--format", "json").out)
    monkeypatch.setenv("PRE_COMMIT_FROM_REF", base)
    monkeypatch.setenv("PRE_COMMIT_TO_REF", head)
    pushed = call(capsys, "hook", "--push")

    project.git("checkout", "-q", "--detach", "main")
    project.merge("topic", date=START + 63 * DAY)
    this = Step(project, hub, tmp_path / "runner", payload(base, head))
    assert this.run() == 0
    acted = json.loads(Path(this.outputs["report-json"]).read_text("utf-8"))

    assert {report["tier"] for report in (staged, ranged, alone, acted)} == {int(tier)}
    numbers = [[report[name] for name in ("risk", "level", "percentile")] for report in (staged, ranged, alone, acted)]
    assert numbers == [numbers[0]] * 4  # the wording of a message moves nothing
    assert kinds(ranged["change"]) == kinds(alone["change"]) == kinds(acted["change"]) != ["unclassified", 0, []]
    assert this.outputs["category"] == acted["change"]["category"]
    words = acted["change"]["category"]
    assert words in pushed.out and words in hub.comments[0]["body"] and f"tier {tier}" in hub.comments[0]["body"]


def test_the_flag_goes_before_the_variable_before_the_file(project: Repo, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("onnxruntime")
    monkeypatch.chdir(project.path)
    monkeypatch.delenv("CI", raising=False)
    configured(project, "3")
    project.git("add", "-A")

    def tier(*flags: str) -> int:
        found: int = json.loads(call(capsys, "screen", "--staged", "--format", "json", *flags).out)["tier"]
        return found

    assert tier() == 3
    monkeypatch.setenv("CODEX_GATE_TIER", "2")
    assert tier() == 2
    assert (tier("--tier", "1"), tier("--tier", "auto")) == (1, 3)
    assert "--tier" in call(capsys, "hook", "--help").out and call(capsys, "hook", "--tier", "4").code == 2


def test_a_pull_request_does_not_choose_its_own_tier(project: Repo, hub: GitHub, tmp_path: Path) -> None:
    base = configured(project, "1")
    project.write(".codex-gate.yaml", "models: models\ntier: 3\n")
    head = project.commit(MESSAGE, author=BOB, date=START + 62 * DAY)
    project.git("checkout", "-q", "--detach", "main")
    project.merge("topic", date=START + 63 * DAY)
    this = Step(project, hub, tmp_path / "runner", payload(base, head))
    assert this.run() == 0
    assert json.loads(Path(this.outputs["report-json"]).read_text("utf-8"))["tier"] == 1


def test_a_tier_that_cannot_run_in_the_action_falls_to_the_first_and_says_so(
    project: Repo, hub: GitHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = configured(project, "1")
    head = project.commit(MESSAGE, author=BOB, date=START + 62 * DAY)
    project.git("checkout", "-q", "--detach", "main")
    project.merge("topic", date=START + 63 * DAY)
    monkeypatch.setattr(hybrid, "find_spec", lambda name: None)
    this = Step(project, hub, tmp_path / "runner", payload(base, head), {"INPUT_TIER": "3"})
    assert this.run() == 0
    assert json.loads(Path(this.outputs["report-json"]).read_text("utf-8"))["tier"] == 1
    assert all("onnxruntime is not installed" in text and "the input tier" in text for text in (this.summary, hub.comments[0]["body"]))
