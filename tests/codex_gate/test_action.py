"""The Action from event to comment, against a double of GitHub; nothing that GitHub refuses changes the verdict."""

from __future__ import annotations

import errno
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from codex_gate.errors import ConfigError, GateError
from codex_gate.reporters.comment import MARKER
from tests.codex_gate.actions import LARGE, SMALL, Step, payload, project, pull
from tests.codex_gate.samples import call
from tests.conftest import BOB, DAY, START, Repo
from tests.github_double import Fault, GitHub

Steps = Callable[..., Step]


@pytest.fixture
def step(repo: Repo, hub: GitHub, tmp_path: Path) -> Steps:
    """`step(changes, config=…, environ=…)`: a pull request that brings these changes to a project with this configuration."""

    def make(
        changes: dict[str | bytes, str | bytes] = LARGE,
        *,
        config: str = "",
        environ: dict[str, str] | None = None,
        message: str = "large",
        **pull_request: object,
    ) -> Step:
        project(repo, config)
        base, head = pull(repo, changes, message)
        return Step(repo, hub, tmp_path / "runner", payload(base, head, **pull_request), environ or {})

    return make


def test_a_loud_pull_request_gets_one_comment_a_check_and_outputs(step: Steps, hub: GitHub, repo: Repo) -> None:
    this = step(environ={"INPUT_LABELS": "true", "INPUT_SARIF": "true"})
    assert this.run() == 0
    head = repo.git("rev-parse", "topic")
    (comment,) = hub.comments
    assert comment["body"].startswith(MARKER)
    for words in (
        "risk – critical",
        "changes scored like this needed a fix",
        "**Why**",
        "**Look at first**",
        "**What would lower it**",
        "- [ ] This was not useful",
    ):
        assert words in comment["body"]
    assert re.search(rf"\[`lib/g\d\.py:\d+`\]\(https://github\.com/acme/shop/blob/{head}/lib/g\d\.py#L\d+\)", comment["body"])
    (check,) = hub.checks
    assert (check["head_sha"], check["conclusion"]) == (head, "neutral")
    assert [a["path"] for a in check["annotations"]] == ["lib/g0.py", "lib/g1.py", "lib/g2.py"]
    assert hub.labels == ["risk: critical"]
    assert (hub.sarifs[0]["commit_sha"], hub.sarifs[0]["ref"]) == (head, "refs/pull/7/head")
    outputs = this.outputs
    assert (outputs["level"], outputs["top-file"]) == ("critical", "lib/g0.py")
    report = json.loads(Path(outputs["report-json"]).read_text("utf-8"))
    assert f"{report['risk']:.4f}" == outputs["risk"]
    assert "lines" not in report["change"]
    assert "y0_0 = z0 + w0" in Path(outputs["report-html"]).read_text("utf-8")  # the changed lines themselves
    assert json.loads(Path(outputs["sarif"]).read_text("utf-8"))["version"] == "2.1.0"
    assert "\nxychart-beta\n" in this.summary
    assert not [line for line in this.log if line.startswith(("::warning", "::notice", "::error"))]  # the check has them


@pytest.mark.parametrize("place", ["gone", "full"])
def test_a_verdict_is_told_where_no_files_can_be_kept(place: str, step: Steps, hub: GitHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(path: Path, *_: object) -> int:
        path.touch()
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    where = tmp_path / place
    this = step(environ={"RUNNER_TEMP": str(where), "INPUT_FAIL_ON": "moderate"})
    if place == "full":
        where.mkdir()
        monkeypatch.setattr(Path, "write_text", refused)
    assert this.run() == 1, "the gate holds"
    assert len(hub.comments) == 1 and this.outputs["level"] == "critical"
    assert {this.outputs[name] for name in ("report-json", "report-html", "sarif")} == {""}
    told = f"no files for later steps: {where} (RUNNER_TEMP) cannot be written: {os.strerror(errno.ENOENT if place == 'gone' else errno.ENOSPC)}"
    assert any(line.startswith("::notice") and told in line for line in this.log)
    assert "no files for later steps" in this.summary
    assert not where.exists() or not list(where.iterdir()), "half of a file is worse than none"


def test_a_quiet_pull_request_gets_no_comment_and_no_annotation(step: Steps, hub: GitHub) -> None:
    this = step(SMALL)
    assert this.run() == 0
    assert hub.comments == []
    assert hub.checks[0]["conclusion"] == "success"
    assert hub.checks[0]["annotations"] == []
    assert this.outputs["level"] == "low"


def test_the_summary_of_a_quiet_pull_request_holds_everything(step: Steps, hub: GitHub) -> None:
    this = step(SMALL)
    assert this.run() == 0
    for words in ("risk – low", "changes scored like this needed a fix", "**Why**", "**Look at first**", "\nxychart-beta\n", "Levels here"):
        assert words in this.summary
    assert "**Why**" not in hub.checks[0]["output"]["summary"]


def test_a_loud_commit_in_a_quiet_pull_request_makes_no_comment(repo: Repo, hub: GitHub, tmp_path: Path) -> None:
    """What the first commit brought the second takes away: a noise budget counts pull requests."""
    base = project(repo)
    repo.git("checkout", "-q", "-B", "topic", "main")
    for path, text in {**LARGE, **SMALL}.items():
        repo.write(path, text)
    repo.commit("large", author=BOB, date=START + 70 * DAY)
    for path in LARGE:
        repo.remove(str(path))
    head = repo.commit("back", author=BOB, date=START + 71 * DAY)
    repo.git("checkout", "-q", "--detach", "main")
    repo.merge("topic", date=START + 72 * DAY)
    this = Step(repo, hub, tmp_path / "runner", payload(base, head))
    assert this.run() == 0
    report = json.loads(Path(this.outputs["report-json"]).read_text("utf-8"))
    assert (report["level"], report["commits"][0]["level"]) == ("low", "critical")
    assert hub.comments == []


def test_a_second_push_with_the_same_verdict_sends_nothing(step: Steps, hub: GitHub) -> None:
    this = step()
    this.run()
    before = hub.comments[0]["body"]
    n = len(hub.calls)
    this.run()
    assert [call.method for call in hub.calls[n:] if "comments" in call.path] == ["GET"]
    assert [c["body"] for c in hub.comments] == [before]


def test_a_run_of_an_older_commit_does_not_speak_for_the_pull_request(step: Steps, hub: GitHub, repo: Repo) -> None:
    """An old run that somebody repeats, or that comes in late, finds its old event again."""
    this = step(environ={"INPUT_LABELS": "true"})
    hub.pulls = [{"number": 7, "state": "open", "head": {"sha": "d" * 40}}]
    assert this.run() == 0
    assert (hub.comments, hub.labels) == ([], [])
    assert hub.checks[0]["head_sha"] == repo.git("rev-parse", "topic")  # of its own commit it may speak
    assert "no comment and no label: the pull request is closed, or has newer commits" in this.summary
    hub.pulls[0]["head"]["sha"] = repo.git("rev-parse", "topic")
    assert this.run() == 0
    assert (len(hub.comments), hub.labels) == (1, ["risk: critical"])


def test_a_comment_shrinks_to_a_line_when_the_risk_has_gone(step: Steps, hub: GitHub, repo: Repo) -> None:
    this = step()
    this.run()
    base, head = pull(repo, SMALL)
    again = Step(repo, hub, this.folder, payload(base, head))
    again.run()
    (comment,) = hub.comments
    assert len(comment["body"].splitlines()) == 2
    assert "nothing to say about this change any more" in comment["body"]


@pytest.mark.parametrize(
    ("config", "environ", "code"), [("fail-on: high\n", {}, 1), ("", {"INPUT_FAIL_ON": "critical"}, 1), ("fail-on: high\n", {"INPUT_FAIL_ON": "never"}, 0)]
)
def test_the_gate_is_the_inputs_then_the_base_commits(step: Steps, hub: GitHub, config: str, environ: dict[str, str], code: int) -> None:
    this = step(config=config, environ=environ)
    assert this.run() == code
    assert hub.checks[0]["conclusion"] == ("failure" if code else "neutral")
    assert any(line.startswith("::error title=codex-gate::level critical reaches fail-on") for line in this.log) is bool(code)


def test_a_pull_request_cannot_loosen_its_own_gate(step: Steps) -> None:
    this = step({**LARGE, ".codex-gate.yaml": "fail-on: never\npaths: {exclude: ['**']}\n", "models/model.json": "{}"}, config="fail-on: high\n")
    assert this.run() == 1


def test_what_the_input_says_goes_before_the_variable_before_the_file(step: Steps, hub: GitHub) -> None:
    this = step(config="check: false\nlabels: true\ncomment: never\n", environ={"CODEX_GATE_LABELS": "false", "INPUT_COMMENT": "high"})
    this.run()
    assert (len(hub.comments), hub.checks, hub.labels) == (1, [], [])


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"INPUT_FAIL_ON": "hgh"}, "the input: fail-on: 'hgh'; expected"),
        ({"INPUT_DEEPEN": "perhaps"}, "input deepen"),
        ({"INPUT_CONFIG": "no.yaml"}, "no.yaml"),
        ({"INPUT_NAME": "<b> --> x"}, "the input: name: '<b> --> x'; expected"),
    ],
)
def test_an_input_that_cannot_be_meant_stops_and_is_named(step: Steps, environ: dict[str, str], words: str) -> None:
    this = step(environ=environ)
    with pytest.raises(ConfigError, match=words):
        this.run()
    assert "nothing was screened" in this.summary


# -- who may write -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("head", "actor"), [({"repo": {"full_name": "eve/shop"}}, "eve"), ({"repo": None}, "eve"), ({"repo": {"full_name": "acme/shop"}}, "dependabot[bot]")]
)
def test_a_read_only_token_is_not_tried_and_everything_is_in_the_summary(step: Steps, hub: GitHub, head: dict[str, object], actor: str) -> None:
    this = step(environ={"GITHUB_ACTOR": actor})
    event = json.loads((this.folder / "event.json").read_text())
    event["pull_request"]["head"].update(head)
    (this.folder / "event.json").write_text(json.dumps(event))
    assert this.run() == 0
    assert hub.calls == []
    assert "read-only token" in this.summary
    assert "**Look at first**" in this.summary
    assert [line.split(",")[0] for line in this.log if line.startswith("::warning")] == [f"::warning file=lib/g{k}.py" for k in range(3)]


def test_a_missing_permission_is_named_and_nothing_fails(step: Steps, hub: GitHub) -> None:
    hub.writable = False
    this = step(environ={"INPUT_LABELS": "true", "INPUT_SARIF": "true"})
    assert this.run() == 0
    for permission in ("pull-requests: write", "checks: write", "security-events: write"):
        assert permission in " ".join(this.log)
        assert permission in this.summary.replace("`", "")
    assert "Traceback" not in " ".join(this.log)
    assert [line.split(",")[0] for line in this.log if line.startswith("::warning")] == [f"::warning file=lib/g{k}.py" for k in range(3)]


@pytest.mark.parametrize(
    ("part", "fault"),
    [
        ("sarifs", Fault(403, message="Code scanning is not enabled for this repository.")),
        ("check-runs", Fault(403, {"Retry-After": "500"}, "You have exceeded a secondary rate limit.")),
        ("comments", Fault(403, message="Unable to create comment because issue is locked.")),
    ],
)
def test_a_refusal_for_another_reason_than_a_permission_says_that_reason(step: Steps, hub: GitHub, part: str, fault: Fault) -> None:
    hub.fail("POST", part, *[fault] * 3)
    this = step(environ={"INPUT_SARIF": "true"})
    assert this.run() == 0
    said = [line for line in this.log if line.startswith("::notice title=codex-gate::no ")]
    assert said and all(fault.message in line and "permission" not in line for line in said)


@pytest.mark.parametrize("fault", [Fault(401), Fault(422), Fault(502), Fault(0), Fault(429, {"Retry-After": "500"}), Fault(301), Fault(204)])
def test_an_interface_that_is_down_all_along_changes_nothing(step: Steps, hub: GitHub, fault: Fault) -> None:
    for method in ("GET", "POST", "PATCH"):
        hub.fail(method, "", *[fault] * 40)
    this = step(config="fail-on: high\n")
    assert this.run() == 1
    assert "no comment: " in this.summary or fault.status == 204  # it seemed to work
    assert "**Look at first**" in this.summary
    assert sum(this.slept) <= 120
    assert this.outputs["level"] == "critical"


def test_no_token_and_no_library_are_sentences(step: Steps, monkeypatch: pytest.MonkeyPatch) -> None:
    this = step(environ={"INPUT_TOKEN": ""})
    assert this.run() == 0
    assert "the input token is empty" in this.summary
    this.environ["INPUT_TOKEN"] = "ghs_x"
    monkeypatch.setitem(sys.modules, "codex_gate.reporters.github", None)
    monkeypatch.delattr("codex_gate.reporters.github", raising=False)
    assert this.run() == 0
    assert "codex-gate[github]" in this.summary


def test_without_a_token_no_socket_is_opened(step: Steps, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a socket was opened")

    this = step(environ={"INPUT_TOKEN": ""})
    monkeypatch.setattr("socket.socket", refuse)
    assert this.run() == 0
    assert this.outputs["level"] == "critical"


def test_the_token_is_nowhere(step: Steps, hub: GitHub) -> None:
    this = step()
    this.run()
    written = "".join(path.read_text("utf-8") for path in this.folder.rglob("*") if path.is_file())
    assert "ghs_secret" not in written + "".join(this.log) + json.dumps(hub.comments)


# -- other events --------------------------------------------------------------------------------------


@pytest.mark.parametrize("environ", [{"GITHUB_EVENT_NAME": "push"}, {}])
def test_what_needs_no_screen_ends_at_once(repo: Repo, hub: GitHub, tmp_path: Path, environ: dict[str, str]) -> None:
    event = {"deleted": True, "pull_request": {"state": "closed", "head": {"repo": {"full_name": "acme/shop"}}}}
    this = Step(repo, hub, tmp_path / "runner", event, {**environ, "INPUT_WORKING_DIRECTORY": "/nowhere"})  # not even the repository is looked at
    assert this.run() == 0
    assert "nothing to do" in this.summary
    assert hub.calls == []


@pytest.mark.parametrize(("place", "config", "checks"), [("/nowhere", "", 1), ("", "", 1), ("", "check: false\n", 0), ("", "chekc: false\n", 1)])
def test_a_merge_group_passes_its_check_at_once(repo: Repo, hub: GitHub, tmp_path: Path, place: str, config: str, checks: int) -> None:
    """A queue drops what a required check says nothing about; what the configuration of the base holds wrong is no reason to stop it."""
    base = project(repo, config)
    event = {"merge_group": {"base_sha": base, "head_sha": base}}
    this = Step(
        repo, hub, tmp_path / "runner", event, {"GITHUB_EVENT_NAME": "merge_group", "INPUT_WORKING_DIRECTORY": place or str(repo.path), "INPUT_SARIF": "true"}
    )
    assert this.run() == 0
    assert "nothing to do" in this.summary
    assert [(check["head_sha"], check["conclusion"]) for check in hub.checks] == [(base, "success")] * checks
    assert (hub.comments, hub.sarifs) == ([], [])


def test_two_jobs_for_two_parts_do_not_overwrite_each_other(step: Steps, hub: GitHub) -> None:
    this = step({**LARGE, **{path.replace("lib", "web"): text for path, text in LARGE.items()}})
    for part in ("lib", "web"):
        this.environ |= {"INPUT_NAME": part, "INPUT_PATHS": f"{part}/**\nf?.py", "INPUT_COMMENT": "moderate", "INPUT_SARIF": "true"}
        assert this.run() == 0
    assert [f"#7, {part}" in c["body"] for part, c in zip(("lib", "web"), hub.comments, strict=True)] == [True, True]
    assert [check["name"] for check in hub.checks] == ["codex-gate (lib)", "codex-gate (web)"]
    n = len(hub.calls)
    this.run()
    assert [call.method for call in hub.calls[n:] if "comments" in call.path] == ["GET"]  # the same verdict, nothing is sent


def test_a_merge_group_of_which_nothing_is_known_ends_well(repo: Repo, hub: GitHub, tmp_path: Path) -> None:
    this = Step(repo, hub, tmp_path / "runner", {}, {"GITHUB_EVENT_NAME": "merge_group"})
    assert this.run() == 0
    assert hub.calls == []


def test_a_push_is_screened_and_checked_but_not_commented(repo: Repo, hub: GitHub, tmp_path: Path) -> None:
    before = project(repo)
    for path, text in LARGE.items():
        repo.write(path, text)
    after = repo.commit("large", author=BOB, date=START + 70 * DAY)
    this = Step(
        repo,
        hub,
        tmp_path / "runner",
        {"before": before, "after": after},
        {"GITHUB_EVENT_NAME": "push", "GITHUB_REF": "refs/heads/main", "INPUT_SARIF": "true"},
    )
    assert this.run() == 0
    assert (hub.comments, hub.checks[0]["head_sha"]) == ([], after)
    assert (hub.sarifs[0]["ref"], hub.sarifs[0]["commit_sha"]) == ("refs/heads/main", after)


@pytest.mark.parametrize("again", [False, True])
def test_after_a_forced_push_what_the_old_tip_does_not_hold_is_screened(repo: Repo, hub: GitHub, tmp_path: Path, again: bool) -> None:
    """Whether the branch was taken back, so that nothing came, or written anew, while another branch keeps what was there before."""
    project(repo)
    _, after = pull(repo)
    repo.git("checkout", "-q", "-B", "kept", "main" if again else "topic")
    repo.write("f2.py", "x = 7\n")
    before = repo.commit("kept", date=START + 72 * DAY)
    repo.checkout("topic")
    environ = {"GITHUB_EVENT_NAME": "push", "GITHUB_REF": "refs/heads/topic", "INPUT_FAIL_ON": "moderate"}
    this = Step(repo, hub, tmp_path / "runner", {"before": before, "after": after, "forced": True}, environ)
    assert this.run() == (1 if again else 0)
    assert (f"{before[:9]}..{after[:9]}" if again else "Nothing to screen") in this.summary


def test_a_forced_push_does_not_loosen_the_gate_that_it_comes_to(repo: Repo, hub: GitHub, tmp_path: Path) -> None:
    """The configuration of the old tip counts, not that of a commit which came with the push, and no loud commit hides below a quiet one."""
    project(repo)
    pull(repo)
    repo.git("checkout", "-q", "-B", "kept", "main")
    repo.write(".codex-gate.yaml", "fail-on: moderate\n")
    before = repo.commit("a gate", date=START + 72 * DAY)
    repo.checkout("topic")
    repo.write(".codex-gate.yaml", "fail-on: never\n")
    repo.commit("no gate", date=START + 73 * DAY)
    repo.write("f2.py", "x = 7\n")
    after = repo.commit("quiet", date=START + 74 * DAY)
    this = Step(
        repo, hub, tmp_path / "runner", {"before": before, "after": after, "forced": True}, {"GITHUB_EVENT_NAME": "push", "GITHUB_REF": "refs/heads/topic"}
    )
    assert this.run() == 1
    assert f"{before[:9]}..{after[:9]}" in this.summary


@pytest.mark.parametrize("place", ["fetched", "default", "nowhere"])
def test_a_push_whose_old_tip_is_in_no_clone_is_a_range_all_the_same(repo: Repo, hub: GitHub, tmp_path: Path, place: str) -> None:
    """A fresh checkout lacks the tip that a forced push left: with the newest commit alone a loud one hides below a quiet one."""
    project(repo)
    pull(repo)
    repo.checkout("topic")
    repo.write("f2.py", "x = 7\n")
    after = repo.commit("quiet", date=START + 73 * DAY)
    repo.git("checkout", "-q", "-B", "kept", "main")
    repo.write("f2.py", "x = 8\n")
    before = repo.commit("gone", date=START + 74 * DAY)
    repo.git("config", "uploadpack.allowAnySHA1InWant", "true")
    repo.checkout("main")
    repo.git("branch", "-q", "-D", "kept")
    clone = tmp_path / "clone"
    repo.git("clone", "-q", "--branch=topic", f"file://{repo.path}", clone)
    assert subprocess.run(["git", "-C", clone, "cat-file", "-e", before], stderr=subprocess.DEVNULL).returncode
    if place != "fetched":
        repo.git("-C", str(clone), "remote", "set-url", "origin", "file:///nowhere")
    if place == "nowhere":
        repo.git("-C", str(clone), "update-ref", "-d", "refs/remotes/origin/main")
    event = {"before": before, "after": after, "forced": True, "repository": {"default_branch": "main"}}
    environ = {"GITHUB_EVENT_NAME": "push", "GITHUB_REF": "refs/heads/topic", "INPUT_FAIL_ON": "moderate", "INPUT_WORKING_DIRECTORY": str(clone)}
    this = Step(repo, hub, tmp_path / "runner", event, environ)
    assert this.run() == (0 if place == "nowhere" else 1)
    said = this.summary
    assert {"fetched": f"{before[:9]}..{after[:9]}", "default": f"origin/main..{after[:9]}", "nowhere": f"commit {after[:9]}"}[place] in said
    assert {"fetched": "", "default": "what the default branch does not hold was screened", "nowhere": "its newest commit alone was screened"}[place] in said


def test_a_new_branch_is_what_the_default_branch_does_not_hold(repo: Repo, hub: GitHub, tmp_path: Path) -> None:
    project(repo)
    pull(repo)
    repo.checkout("topic")
    repo.write("f2.py", "x = 7\n")
    after = repo.commit("quiet", date=START + 73 * DAY)
    repo.git("update-ref", "refs/remotes/origin/main", "main~1")
    event = {"before": "0" * 40, "after": after, "repository": {"default_branch": "main"}}
    this = Step(repo, hub, tmp_path / "runner", event, {"GITHUB_EVENT_NAME": "push", "GITHUB_REF": "refs/heads/topic", "INPUT_FAIL_ON": "moderate"})
    assert this.run() == 1 and f"origin/main..{after[:9]}" in this.summary and "push-base" not in this.summary
    this.environ["GITHUB_REF"] = "refs/heads/main"  # the first push of all
    this.run()
    assert f"commit {after[:9]}" in this.summary and "its newest commit alone was screened" in this.summary


@pytest.mark.parametrize("given", [{"BASE": "mian"}, {"HEAD": "--help"}, {"WORKING_DIRECTORY": "/nowhere"}])
def test_an_input_that_names_nothing_is_no_warning(step: Steps, given: dict[str, str]) -> None:
    this = step(environ={f"INPUT_{name}": value for name, value in given.items()})
    ((name, value),) = given.items()
    with pytest.raises(ConfigError, match=f"input {name.lower().replace('_', '-')}: .*{value}"):
        this.run()
    this.environ |= {f"INPUT_{name}": "" if name == "WORKING_DIRECTORY" else "e" * 40}
    if name != "WORKING_DIRECTORY":
        assert this.run() == 0  # a SHA may lie beyond what was fetched


@pytest.mark.parametrize("name", ["schedule", "workflow_dispatch"])
def test_a_run_without_a_change_looks_at_the_newest_one_or_what_the_inputs_name(repo: Repo, hub: GitHub, tmp_path: Path, name: str) -> None:
    base = project(repo)
    _, head = pull(repo)
    repo.checkout("topic")
    this = Step(repo, hub, tmp_path / "runner", {}, {"GITHUB_EVENT_NAME": name, "GITHUB_REF": "refs/heads/topic"})
    assert this.run() == 0
    assert this.outputs["level"] == "critical"
    assert hub.calls == []
    this.environ |= {"INPUT_BASE": "main~1", "INPUT_HEAD": base}
    assert this.run() == 0
    assert this.outputs["level"] != "critical"
    this.environ |= {"INPUT_BASE": "", "INPUT_HEAD": head}
    this.run()
    assert this.outputs["level"] == "critical"


def test_an_empty_change_says_so(repo: Repo, hub: GitHub, tmp_path: Path) -> None:
    base = project(repo)
    this = Step(repo, hub, tmp_path / "runner", payload(base, base), {"INPUT_BASE": base})
    assert this.run() == 0
    assert (this.outputs["risk"], this.outputs["level"], this.outputs["top-file"]) == ("", "unknown", "")
    assert "holds no commits" in this.summary
    assert "How sure is this" not in this.summary


# -- what goes wrong -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("fail_on", "stops"), [("", False), ("never", False), ("high", True)])
def test_what_cannot_be_screened_stops_a_gate_alone(repo: Repo, hub: GitHub, tmp_path: Path, fail_on: str, stops: bool) -> None:
    project(repo)
    this = Step(repo, hub, tmp_path / "runner", payload("a" * 40, "b" * 40), {"INPUT_FAIL_ON": fail_on})
    if stops:
        with pytest.raises(GateError, match="fetch-depth: 0"):
            this.run()
    else:
        assert this.run() == 0
        assert this.log[-1].startswith("::warning title=codex-gate::nothing was screened")
    assert "nothing was screened" in this.summary


def test_a_broken_payload_still_gives_a_verdict_and_a_comment(step: Steps, hub: GitHub) -> None:
    this = step()
    (this.folder / "event.json").write_bytes(b"{\xff")
    assert this.run() == 0
    assert len(hub.comments) == 1  # the number stands in GITHUB_REF
    assert "payload is missing or no JSON object" in this.summary.replace("`", "")


@pytest.mark.parametrize("more", [{"draft": True, "body": None}, {"user": None, "title": None, "mergeable": None}, {"labels": None, "number": None}])
def test_a_draft_and_fields_that_are_null_change_nothing(step: Steps, hub: GitHub, more: dict[str, object]) -> None:
    this = step(**more)
    assert this.run() == 0
    assert (len(hub.comments), this.outputs["level"]) == (1, "critical")
    assert {call.path for call in hub.calls if call.method == "POST" and "issues" in call.path} == {"/repos/acme/shop/issues/7/comments"}


def test_a_shallow_clone_that_may_not_be_deepened_says_so(step: Steps, hub: GitHub, tmp_path: Path, repo: Repo) -> None:
    this = step()
    shallow = tmp_path / "shallow"
    repo.git("clone", "-q", "--depth=3", f"file://{repo.path}", shallow)
    this.environ |= {"INPUT_WORKING_DIRECTORY": str(shallow), "INPUT_DEEPEN": "false"}
    assert this.run() == 0
    assert this.outputs["level"] == "unknown"
    assert "fetch-depth" in this.summary
    this.environ["INPUT_FAIL_ON"] = "critical"
    assert this.run() == 1, "what could not be judged does not pass"
    assert hub.checks[-1]["conclusion"] == "failure"
    for said in (this.log[-1], this.summary, hub.checks[-1]["output"]["summary"]):
        assert "no level could be told, and what could not be judged does not pass" in said.replace("\\", "")
    this.environ |= {"INPUT_DEEPEN": "true", "INPUT_FAIL_ON": ""}
    assert this.run() == 0
    assert this.outputs["level"] == "critical"


def test_where_the_merge_was_screened_the_check_stands_at_the_head_all_the_same(step: Steps, hub: GitHub, tmp_path: Path, repo: Repo) -> None:
    """Of a merge commit's checks a pull request shows nothing."""
    this = step(environ={"INPUT_SARIF": "true"})
    shallow = tmp_path / "shallow"
    repo.git("clone", "-q", "--depth=2", f"file://{repo.path}", shallow)
    this.environ |= {"INPUT_WORKING_DIRECTORY": str(shallow), "INPUT_DEEPEN": "false"}
    assert this.run() == 0
    head = repo.git("rev-parse", "topic")
    assert (hub.checks[0]["head_sha"], hub.sarifs[0]["commit_sha"]) == (head, head)


def test_a_checkout_of_one_commit_is_deepened_or_says_what_to_do(step: Steps, tmp_path: Path, repo: Repo) -> None:
    """What actions/checkout gives without fetch-depth: the merge alone."""
    this = step()
    shallow = tmp_path / "shallow"
    repo.git("clone", "-q", "--depth=1", f"file://{repo.path}", shallow)
    this.environ |= {"INPUT_WORKING_DIRECTORY": str(shallow), "INPUT_DEEPEN": "false"}
    assert this.run() == 0
    assert "fetch-depth: 0" in this.log[-1] and this.log[-1].startswith("::warning")
    repo.git("-C", str(shallow), "remote", "set-url", "origin", "file:///nowhere")
    this.environ["INPUT_DEEPEN"] = ""
    assert this.run() == 0
    assert "fetch-depth: 0; the history could not be fetched: " in this.log[-1] and "nowhere" in this.log[-1]
    repo.git("-C", str(shallow), "remote", "set-url", "origin", f"file://{repo.path}")
    this.environ["INPUT_DEEPEN"] = ""
    assert this.run() == 0
    assert this.outputs["level"] == "critical"
    assert "fetch-depth" not in this.summary


@pytest.mark.parametrize("below", ["", "lib"])
def test_a_checkout_of_another_user_is_trusted(step: Steps, repo: Repo, below: str) -> None:
    this = step()
    this.environ["INPUT_WORKING_DIRECTORY"] = str(repo.path / below)
    this.environ["GIT_TEST_ASSUME_DIFFERENT_OWNER"] = "1"
    assert this.run() == 0
    assert this.outputs["level"] == "critical"


def test_the_command_runs_it_and_an_internal_error_stops_a_gate_alone(step: Steps, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    this = step(environ={"INPUT_TOKEN": ""})
    for name, value in this.environ.items():
        monkeypatch.setenv(name, value)
    said = call(capsys, "action")
    assert said.code == 0
    assert said.out.startswith("::stop-commands::")

    def broken(*_: object) -> None:
        raise RuntimeError("no such luck")

    monkeypatch.setattr("codex_gate.screen.Screener.range", broken)
    said = call(capsys, "action")
    assert said.code == 0 and "::warning" in said.out and "nothing was screened, by a fault of codex-gate: RuntimeError" in said.out
    assert "by a fault of codex-gate" in this.summary
    monkeypatch.setenv("INPUT_FAIL_ON", "high")
    assert call(capsys, "action").code == 3


def test_the_http_library_is_imported_where_github_is_asked_alone() -> None:
    code = "import sys, codex_gate.action, codex_gate.feedback; print('urllib3' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
