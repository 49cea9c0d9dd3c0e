"""Every request that the Action makes, judged by prism against GitHub's own description."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from codex_gate import action
from codex_gate.delivery import Run
from codex_gate.reporters import github
from codex_gate.reporters.github import Target
from codex_gate.reporters.sticky import Sticky, tell
from codex_gate.reporters.workflow import Annotation
from tests.codex_gate.actions import SMALL, Step, payload, project, pull
from tests.conftest import Repo
from tests.github_double import GitHub
from tests.prism import Prism


@pytest.fixture
def prism(hub: GitHub, tmp_path: Path) -> Iterator[Prism]:
    with Prism(hub.url, tmp_path) as proxy:
        yield proxy
    assert proxy.violations == []


def run(this: Step, prism: Prism) -> int:
    (this.folder / "summary").unlink(missing_ok=True)
    return action.run(Run({**this.environ, "GITHUB_API_URL": prism.url}, this.log.append, lambda _, token: prism.api(token)), date(2026, 11, 26))


def test_the_life_of_a_pull_request_breaks_nothing_of_githubs_description(repo: Repo, hub: GitHub, tmp_path: Path, prism: Prism) -> None:
    project(repo, "labels: true\nsarif: true\n")
    base, head = pull(repo)
    this = Step(repo, hub, tmp_path / "runner", payload(base, head))
    assert run(this, prism) == 0
    assert (len(hub.comments), len(hub.checks), len(hub.sarifs), hub.labels) == (1, 1, 1, ["risk: critical"])
    base, head = pull(repo, SMALL)
    assert run(Step(repo, hub, tmp_path / "again", payload(base, head)), prism) == 0
    assert "nothing to say" in hub.comments[0]["body"] and hub.labels == ["risk: low"]
    api, target = prism.api("ghs_x"), Target("acme/shop", 7, head)
    github.check(api, target, "t", "s", "neutral", [Annotation("warning", f"a{k}.py", k, "text") for k in range(120)])
    assert len(hub.checks[-1]["annotations"]) == 120
    twin = hub.comment(hub.comments[0]["body"])
    github.say(api, target, hub.comments[0]["body"], loud=True)  # takes a twin back
    assert twin not in hub.comments
    assert [body for _, body in github.all_own_comments(api, "acme/shop")] == [hub.comments[0]["body"]]
    hub.partings[f"release/1...{head}"] = (base, base)
    hub.files[head, ".codex-gate.yaml"] = b"fail-on: high\n"
    assert github.parting(api, "acme/shop", "release/1", head).tip == base
    assert github.file_at(api, "acme/shop", head, ".codex-gate.yaml") == b"fail-on: high\n"
    for about in (frozenset({"file type"}), frozenset[str]()):  # an issue about drift is opened, then closed
        tell(api, "acme/shop", Sticky("drift", "Drift", "text", about, "k"))
    assert [issue["state"] for issue in hub.issues] == ["closed"]
    assert github.pull_of(api, "acme/shop", "eve:topic", head) == 0
    assert prism.seen > 20


def test_what_breaks_the_description_is_seen(tmp_path: Path) -> None:
    with GitHub() as double, Prism(double.url, tmp_path) as proxy:
        output = {"title": "t", "summary": "s"}
        proxy.api("ghs_x").call("POST", "/repos/acme/shop/check-runs", {"name": 5, "head_sha": "a" * 40, "conclusion": "success", "output": output})
        assert any("name" in violation for violation in proxy.violations)
        assert double.invalid  # and by the double too, where prism is not installed
