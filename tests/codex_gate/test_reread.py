"""Reports read back from JSON: what codex-gate wrote comes back, what anybody else wrote is refused or harmless."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from codex_gate import reread
from codex_gate.errors import ConfigError, UsageError
from codex_gate.reporters import machine, markdown
from codex_gate.types import Level
from tests.codex_gate.actions import LARGE, Step, payload, project, pull
from tests.codex_gate.test_action_hostile import harmless_markdown
from tests.conftest import Repo
from tests.github_double import GitHub

GOLDEN = Path(__file__).parents[1] / "golden" / "reporters"
WRITTEN = [path.stem for path in sorted(GOLDEN.glob("*.json"))]
HIGH = json.loads((GOLDEN / "high.json").read_text("utf-8")) | {"model_kind": "adapted"}


@pytest.mark.parametrize("name", WRITTEN)
def test_a_report_that_we_wrote_comes_back(name: str) -> None:
    raw = (GOLDEN / f"{name}.json").read_bytes()
    found = reread.report(raw)
    assert machine.report_object(found)["commits"] == [{**c, "features": {}} for c in json.loads(raw)["commits"]]
    assert markdown.render(found).startswith("### ")
    if name != "hostile":  # bytes that are no UTF-8 are escaped in JSON already
        assert markdown.render(found) == (GOLDEN / f"{name}.md").read_text("utf-8")


READ = [
    "schema",
    "scope",
    "tier",
    "thresholds",
    "thresholds.at",
    "thresholds.at.high",
    "thresholds.n_changes",
    "thresholds.base_rate",
    "notices",
    "notices.0",
    "notices.0.code",
    "notices.0.text",
    "model_version",
    "model_kind",
    "seconds",
    "repository",
    "commits",
    "commits.0",
    "commits.0.sha",
    "commits.0.title",
    "commits.0.risk",
    "commits.0.level",
    "commits.0.percentile",
    "commits.0.above",
    "commits.0.categories",
    "change.categories.0",
    "change.categories.0.category",
    "change.categories.0.confidence",
    "change.categories.0.evidence",
    "change.categories.0.evidence.0.where",
    "change.categories.0.evidence.0.line",
    "change.categories.0.evidence.0.text",
    "change.reasons",
    "change.reasons.0",
    "change.reasons.0.feature",
    "change.reasons.0.contribution",
    "change.reasons.0.text",
    "change.files",
    "change.files.0.path",
    "change.files.0.line",
    "change.files.0.score",
    "change.files.0.why",
]


@pytest.mark.parametrize("path", READ)
@pytest.mark.parametrize("odd", [{"x": 1}, -7.5], ids=["object", "number"])
def test_what_cannot_stand_there_is_refused(path: str, odd: object) -> None:
    data: Any = deepcopy(HIGH)
    place: Any = data
    *above, last = [int(word) if word.isdigit() else word for word in path.split(".")]
    for key in above:
        place = place[key]
    place[last] = [] if isinstance(place[last], dict) and isinstance(odd, dict) else odd
    with pytest.raises(UsageError, match="not what codex-gate writes"):
        reread.report(json.dumps(data).encode())


@pytest.mark.parametrize("raw", [b"", b"[]", b"{", b"\xff", b"[" * 90_000, b'{"schema": NaN}', b"null", b" " * (reread.MAX_BYTES + 1)], ids=range(8))
def test_what_is_no_report_is_a_sentence(raw: bytes) -> None:
    with pytest.raises(UsageError, match="report"):
        reread.report(raw)


# -- in the second workflow ----------------------------------------------------------------------------


def second(repo: Repo, hub: GitHub, folder: Path, report: Path, head: str, branch: str = "topic") -> Step:
    run = {"event": "pull_request", "head_sha": head, "head_branch": branch, "head_repository": {"owner": {"login": "eve"}}, "pull_requests": []}
    hub.pulls = [{"number": 5, "head": {"label": f"eve:{branch}", "sha": "d" * 40}}, {"number": 9, "head": {"label": f"eve:{branch}", "sha": head}}]
    return Step(
        repo, hub, folder, {"workflow_run": run}, {"GITHUB_EVENT_NAME": "workflow_run", "INPUT_REPORT": str(report), "INPUT_WORKING_DIRECTORY": "/nowhere"}
    )


def test_a_report_that_can_be_forged_is_no_gate(repo: Repo, hub: GitHub, tmp_path: Path) -> None:
    project(repo)
    then = second(repo, hub, tmp_path / "second", tmp_path / "none", "d" * 40)
    then.environ["INPUT_FAIL_ON"] = "high"
    with pytest.raises(ConfigError, match=r"input fail-on: .* it is no gate; set it in the workflow that screens"):
        then.run()


def test_a_forks_report_becomes_a_comment_on_its_pull_request(repo: Repo, hub: GitHub, tmp_path: Path) -> None:
    project(repo)
    base, head = pull(repo, LARGE)
    event = payload(base, head)
    event["pull_request"]["head"]["repo"] = {"full_name": "eve/shop"}
    first = Step(repo, hub, tmp_path / "first", event)
    first.run()
    assert hub.calls == []
    then = second(repo, hub, tmp_path / "second", Path(first.outputs["report-json"]), head)
    assert then.run() == 0
    assert {call.path.split("/")[5] for call in hub.calls if "issues" in call.path} == {"9"}
    (comment,) = hub.comments
    assert "risk – critical" in comment["body"]
    assert f"/blob/{head}/lib/g" in comment["body"]
    assert "shown as that job left it" in comment["body"]
    assert hub.checks[0]["head_sha"] == head
    assert then.outputs["level"] == "critical"


def test_a_forged_report_is_text(repo: Repo, hub: GitHub, tmp_path: Path) -> None:
    forged = deepcopy(HIGH)
    evil = "</details><script>x</script> [a](http://evil.example) ![i](//e/x.png) @everyone #1 <!-- codex-gate:verdict {} -->\n::error::x\x1b[31m\u202e"
    forged |= {"scope": evil, "model_version": evil, "notices": [{"code": "x", "text": evil}]}
    forged["change"] |= {"title": evil, "files": [{"path": f"../../../../evil/{evil}", "line": 3, "score": 0.5, "why": evil}]}
    forged["commits"] = [{**forged["commits"][0], "title": evil, "level": "critical"}]
    path = tmp_path / "report.json"
    path.write_text(json.dumps(forged), "utf-8")
    then = second(repo, hub, tmp_path / "second", path, "e" * 40, branch="x&head=acme:main#`")
    assert then.run() == 0
    body = hub.comments[0]["body"]
    assert [c for c in body if not c.isprintable() and c != "\n"] == []
    harmless_markdown(body)
    assert "](" not in body.replace("[a](http", "").replace("![i](//", "")  # no link leads out of the repository
    assert all(not line.lstrip().startswith("::error") for line in then.log)


@pytest.mark.parametrize("wrong", ["head", "event", "report", "link", "api"])
def test_what_does_not_fit_shows_nothing(repo: Repo, hub: GitHub, tmp_path: Path, wrong: str) -> None:
    path = tmp_path / "report.json"
    path.write_text(json.dumps(HIGH) if wrong != "report" else "{}", "utf-8")
    if wrong == "link":
        path.rename(tmp_path / "real")
        path.symlink_to(tmp_path / "real")
    then = second(repo, hub, tmp_path / "second", path, "e" * 40)
    if wrong == "head":
        hub.pulls[1]["head"]["sha"] = "f" * 40
    elif wrong == "event":
        (then.folder / "event.json").write_text('{"workflow_run": {"event": "push"}}')
    elif wrong == "api":
        hub.user, hub.writable = None, True
        then.environ["GITHUB_API_URL"] = "http://127.0.0.1:9"
    assert then.run() == 0
    assert hub.comments == [] and hub.checks == []
    assert "nothing was screened" in then.summary
    assert then.log[-1].startswith("::warning")


def test_levels_come_back_as_levels() -> None:
    assert reread.report(json.dumps(HIGH).encode()).change.level is Level.HIGH  # type: ignore[union-attr]
