"""A repository checked out as a workflow finds it, and the variables that its runner sets."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from codex_gate import action
from codex_gate.delivery import Run
from codex_gate.reporters.github import Api
from tests.codex_gate.samples import add_ranker, write_model
from tests.conftest import BOB, DAY, START, Node, Repo
from tests.github_double import GitHub

LARGE = {f"lib/g{k}.py": "".join(f"y{k}_{n} = z{n} + w{k}\n" for n in range(40)) for k in range(6)}
SMALL = {"f1.py": "x = 99\n"}
EXAMPLES = Path(__file__).parents[2] / ".venv" / "node" / "node_modules" / "@octokit" / "webhooks-examples" / "api.github.com" / "index.json"
needs_examples = pytest.mark.skipif(not EXAMPLES.exists(), reason="npm's @octokit/webhooks-examples is not installed (scripts/test puts it under .venv/node)")


def project(repo: Repo, config: str = "") -> str:
    """Sixty small changes and a model in the repository, which the configuration names; the base commit."""
    repo.build(Node({f"f{k % 5}.py": f"x = {k}\n"}, (k - 1,) if k else (), time=START + k * DAY) for k in range(60))
    repo.git("checkout", "-q", "-f", "main")
    add_ranker(write_model(repo.path / "models"))
    repo.write(".codex-gate.yaml", f"models: models\n{config}")
    return repo.commit("configure", date=START + 60 * DAY)


def pull(repo: Repo, changes: Mapping[str | bytes, str | bytes] = LARGE, message: str = "large") -> tuple[str, str]:
    """A branch with one commit, and its merge checked out as refs/pull/7/merge; (base, head)."""
    base = repo.git("rev-parse", "main")
    repo.git("checkout", "-q", "-B", "topic", "main")
    for path, text in changes.items():
        repo.write(path, text)
    head = repo.commit(message, author=BOB, date=START + 70 * DAY)
    repo.git("checkout", "-q", "--detach", "main")
    repo.merge("topic", date=START + 71 * DAY)
    return base, head


@dataclass
class Step:
    """A step of a workflow, run in this process against a double of GitHub."""

    repo: Repo
    hub: GitHub
    folder: Path
    payload: object = None
    environ: dict[str, str] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "event.json").write_text(json.dumps(self.payload), "utf-8")
        self.environ = {
            **self.repo.environ,
            "CI": "true",
            "GITHUB_EVENT_NAME": "pull_request",
            "GITHUB_EVENT_PATH": str(self.folder / "event.json"),
            "GITHUB_REPOSITORY": "acme/shop",
            "GITHUB_REF": "refs/pull/7/merge",
            "GITHUB_API_URL": self.hub.url,
            "GITHUB_OUTPUT": str(self.folder / "output"),
            "GITHUB_STEP_SUMMARY": str(self.folder / "summary"),
            "RUNNER_TEMP": str(self.folder),
            "INPUT_TOKEN": "ghs_secret",
            "INPUT_WORKING_DIRECTORY": str(self.repo.path),
            **self.environ,
        }

    def run(self) -> int:
        """The exit code; log, outputs and summary are those of this run alone."""
        for name in ("output", "summary"):
            (self.folder / name).unlink(missing_ok=True)
        self.log.clear()
        return action.run(Run(self.environ, self.log.append, self._connect), date(2026, 11, 25))

    def _connect(self, url: str, token: str) -> Api:
        return Api(url, token, sleep=self.slept.append, clock=lambda: time.monotonic() + sum(self.slept))

    @property
    def summary(self) -> str:
        return (self.folder / "summary").read_text("utf-8")

    @property
    def outputs(self) -> dict[str, str]:
        """GITHUB_OUTPUT as the runner reads it."""
        found, lines = {}, iter((self.folder / "output").read_text("utf-8").split("\n"))
        for line in lines:
            if line:
                name, _, end = line.partition("<<")
                value: Sequence[str] = list(iter(lambda: next(lines), end))
                found[name] = "\n".join(value)
        return found


def payload(base: str, head: str, /, **more: Any) -> dict[str, Any]:
    """The event of pull request 7."""
    mine = {
        "number": 7,
        "state": "open",
        "body": None,
        "draft": False,
        "title": "t",
        "base": {"sha": base},
        "head": {"sha": head, "repo": {"full_name": "acme/shop"}},
    }
    return {"action": "synchronize", "number": 7, "pull_request": {**mine, **more}}


def examples() -> dict[str, list[dict[str, Any]]]:
    """GitHub's own examples of payloads, by the name of their event."""
    return {entry["name"]: entry["examples"] for entry in json.loads(EXAMPLES.read_bytes())}


def as_ours(example: dict[str, Any], base: str, head: str) -> dict[str, Any]:
    """An example of a pull request as the same event of acme/shop with these commits; all else stays as GitHub has it."""
    text = json.dumps(example)
    pull_request, name = example["pull_request"], example["repository"]["full_name"]
    for old, new in {pull_request["base"]["sha"]: base, pull_request["head"]["sha"]: head, name: "acme/shop"}.items():
        text = text.replace(old, new)
    made: dict[str, Any] = json.loads(text)
    return made
