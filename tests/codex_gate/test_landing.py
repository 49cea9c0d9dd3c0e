"""Where a pull request would land: whose configuration counts when its head alone was checked out, and whoever opened it chose where to branch off."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from codex_gate import deepen, event, landing
from codex_gate.errors import ConfigError, GateError, RangeError
from codex_gate.reporters.github import Parting
from tests.codex_gate.actions import LARGE, Step, payload, project, pull
from tests.conftest import DAY, START, Repo
from tests.github_double import Fault, GitHub

WEAK, STRICT = "models: models\nfail-on: never\n", "models: models\nfail-on: high\n"
LEVELS = "levels:\n- {paths: ['lib/**'], fail-on: high}\n"


class Landing:
    """Pull request 7 of acme/shop: branched off where nothing was gated, after which `now` was written into the base branch's configuration."""

    def __init__(self, repo: Repo, hub: GitHub, folder: Path, now: str) -> None:
        self.repo, self.hub, self.folder = repo, hub, folder
        project(repo)
        self.fork, self.head = pull(repo)
        repo.checkout("main")
        repo.write("f2.py", "x = 7\n")
        self.opened_at = repo.commit("later", date=START + 72 * DAY)
        repo.write(".codex-gate.yaml", now)
        self.tip = repo.commit("a gate", date=START + 73 * DAY)
        hub.partings[f"release/1...{self.head}"] = (self.tip, self.fork)

    def step(self, *clone: str, base: str = "", **inputs: str) -> Step:
        """A workflow that checks out the head, in a clone made with these options."""
        place = self.folder / "clone"
        self.repo.git("clone", "-q", *clone, "-b", "topic", f"file://{self.repo.path}", place)
        self.repo.git("-C", place, "checkout", "-q", "--detach")
        given = {f"INPUT_{name.upper()}": value for name, value in inputs.items()}
        environ = {"INPUT_WORKING_DIRECTORY": str(place), "GITHUB_BASE_REF": "release/1", **given}
        return Step(self.repo, self.hub, self.folder / "runner", payload(base or self.opened_at, self.head), environ)


Land = Callable[..., Landing]


@pytest.fixture
def land(repo: Repo, hub: GitHub, tmp_path: Path) -> Land:
    return lambda now=STRICT: Landing(repo, hub, tmp_path, now)


def report(step: Step) -> dict[str, object]:
    found: dict[str, object] = json.loads(Path(step.outputs["report-json"]).read_text("utf-8"))
    return found


@pytest.mark.parametrize("clone", [("--depth=1",), ("--single-branch",), ("--filter=blob:none", "--single-branch"), ()])
def test_the_newest_configuration_of_the_base_branch_counts_however_early_a_branch_began(land: Land, hub: GitHub, clone: tuple[str, ...]) -> None:
    """Fetched where it is not here; the base that the event names is older than the gate."""
    at = land()
    this = at.step(*clone)
    assert this.run() == 1
    assert any("level critical reaches fail-on high (.codex-gate.yaml of " + at.tip[:9] in line for line in this.log)
    assert (len(hub.comments), hub.checks[0]["head_sha"], hub.checks[0]["conclusion"]) == (1, at.head, "failure")


@pytest.mark.parametrize("may_fetch", [False, True])
def test_a_tip_that_is_here_is_the_base_and_is_not_fetched(land: Land, repo: Repo, monkeypatch: pytest.MonkeyPatch, may_fetch: bool) -> None:
    at = land()
    monkeypatch.setattr(landing, "_parting", lambda *_: Parting(at.tip, at.fork))
    monkeypatch.setattr(deepen, "bring", lambda *_: pytest.fail("it is here"))
    repo.git("checkout", "-q", "--detach", at.head)
    happened = event.Event("pull_request", "acme/shop", 7, at.opened_at, at.head, branch="release/1")
    run: Any = None  # nothing is asked of it
    assert landing.change(run, happened, repo.open(), may_fetch=may_fetch) == event.Change(at.tip, at.head, "#7")


def test_the_numbers_are_those_of_the_whole_clone(land: Land, hub: GitHub, repo: Repo, tmp_path: Path) -> None:
    at = land()
    this = at.step("--depth=1")
    this.run()
    repo.git("checkout", "-q", "--detach", "main")
    whole = Step(repo, hub, tmp_path / "whole", payload(at.fork, at.head), {"INPUT_BASE": at.fork, "INPUT_HEAD": at.head, "INPUT_TOKEN": ""})
    assert whole.run() == 0
    keys = ("risk", "level", "percentile", "features")
    assert [report(this)[key] for key in keys] == [report(whole)[key] for key in keys]


def test_where_nothing_may_be_fetched_github_shows_the_configuration(land: Land, hub: GitHub) -> None:
    at = land("labels: true\ncomment: never\n")
    hub.files[at.tip, ".codex-gate.yaml"] = b"labels: true\ncomment: never\n"
    this = at.step("--single-branch", deepen="false", base="a" * 40)
    assert this.run() == 0
    assert (hub.comments, len(hub.labels), len(hub.checks)) == ([], 1, 1)
    assert hub.invalid == []


def test_a_base_branch_without_a_configuration_has_the_defaults(land: Land, hub: GitHub) -> None:
    this = land("").step("--single-branch", deepen="false", models="")
    assert this.run() == 0
    assert (len(hub.checks), hub.labels) == (1, [])


def test_a_file_that_was_named_must_be_there(land: Land, hub: GitHub) -> None:
    this = land("").step("--single-branch", deepen="false", config="gate.yaml")
    with pytest.raises(ConfigError, match=r"has no file gate\.yaml"):
        this.run()


@pytest.mark.parametrize("gated", [False, True])
@pytest.mark.parametrize(
    ("text", "fault", "words"),
    [
        (WEAK.encode(), None, "the models of the base branch"),
        (b"", Fault(403, message="Resource not accessible by integration"), "GitHub does not show it"),
        (b"", Fault(200), "no file of up to 1 MB"),
    ],
)
def test_what_cannot_be_had_of_the_base_branch_is_not_taken_from_where_the_author_branched_off(
    land: Land, hub: GitHub, text: bytes, fault: Fault | None, words: str, gated: bool
) -> None:
    at = land()
    hub.files[at.tip, ".codex-gate.yaml"] = text
    if fault is not None:
        hub.fail("GET", ".codex-gate.yaml", fault)
    this = at.step("--single-branch", deepen="false", fail_on="high" if gated else "")
    if gated:
        with pytest.raises(GateError, match=words):
            this.run()
    else:
        assert this.run() == 0
        assert this.log[-1].startswith("::warning") and words in this.log[-1]
    assert (hub.comments, hub.checks) == ([], [])


@pytest.mark.parametrize("text", [STRICT, "models: models\n" + LEVELS])
def test_a_gate_of_the_base_branch_whose_models_are_not_here_fails(land: Land, hub: GitHub, text: str) -> None:
    at = land()
    hub.files[at.tip, ".codex-gate.yaml"] = text.encode()
    with pytest.raises(RangeError, match="the models of the base branch"):
        at.step("--single-branch", deepen="false").run()


def test_where_github_cannot_be_asked_the_event_s_base_counts_and_the_report_says_so(land: Land, hub: GitHub) -> None:
    at = land()
    this = at.step(token="")
    assert this.run() == 0  # the event's base had no gate
    assert "GitHub could not be asked for the newest commit of the base branch" in this.summary
    assert hub.calls == []
    hub.partings.clear()
    this.environ["INPUT_TOKEN"] = "ghs_x"
    assert this.run() == 0
    assert "GitHub could not be asked" in this.summary


@pytest.mark.parametrize("named", ["", "a" * 40, "--output=x", "island"])
def test_what_github_says_of_a_base_is_taken_where_the_clone_bears_it_out_alone(land: Land, hub: GitHub, repo: Repo, named: str) -> None:
    at = land()
    this = at.step("--depth=1", base="b" * 40)
    if named == "island":  # a commit that is here, and has nothing to do with the head
        named = repo.git("commit-tree", repo.git("rev-parse", "main^{tree}"), "-m", "alone")
        repo.git("branch", "island", named)
        repo.git("-C", this.environ["INPUT_WORKING_DIRECTORY"], "fetch", "-q", "origin", "island")
    hub.partings[f"release/1...{at.head}"] = (named, named)
    assert this.run() == 0
    assert this.log[-1].startswith("::warning") and "fetch-depth: 0" in this.log[-1]
    assert hub.comments == []


def test_without_a_token_github_is_not_asked_for_a_base(land: Land, hub: GitHub) -> None:
    this = land().step("--depth=1", token="")
    assert this.run() == 0
    assert hub.calls == []
    assert "fetch-depth: 0" in this.log[-1]


def test_an_interface_that_stalls_is_not_waited_for_long(land: Land, hub: GitHub) -> None:
    hub.fail("GET", "", *[Fault(429, {"Retry-After": "20"})] * 9)
    this = land().step(comment="never")
    assert this.run() == 0
    assert "GitHub could not be asked" in this.summary
    assert sum(this.slept) <= landing.LOOK_UP_S


def test_a_configuration_that_a_partial_clone_has_left_out_is_not_taken_for_none(repo: Repo, hub: GitHub, tmp_path: Path) -> None:
    """The pull request rewrites the file, so the base's text is in no tree that was checked out."""
    project(repo, "fail-on: high\n")
    base, head = pull(repo, {**LARGE, ".codex-gate.yaml": "models: models\n"})
    place = tmp_path / "clone"
    merge = repo.git("rev-parse", "HEAD")
    repo.git("branch", "-q", "merge", merge)
    for name, value in {"uploadpack.allowFilter": "true", "uploadpack.allowAnySHA1InWant": "true"}.items():
        repo.git("config", name, value)
    repo.git("clone", "-q", "--filter=blob:none", "-b", "merge", f"file://{repo.path}", place)
    repo.git("-C", place, "checkout", "-q", "--detach", merge)
    this = Step(repo, hub, tmp_path / "runner", payload(base, head), {"INPUT_WORKING_DIRECTORY": str(place), "INPUT_DEEPEN": "false"})
    with pytest.raises(ConfigError, match=r"the configuration cannot be read: the contents of \.codex-gate\.yaml"):
        this.run()
    this.environ["INPUT_DEEPEN"] = "true"
    assert this.run() == 1


# -- where nothing can be screened -----------------------------------------------------------------------


Lost = Callable[..., Step]


@pytest.fixture
def lost(repo: Repo, hub: GitHub, tmp_path: Path) -> Lost:
    """`lost(base, own)`: a pull request that writes `own` over the base's configuration, its merge checked out alone, which nothing may deepen."""

    def make(base: str, own: str | None = None, *clone: str, **environ: str) -> Step:
        project(repo, base)
        _, head = pull(repo, LARGE if own is None else {**LARGE, ".codex-gate.yaml": own})
        repo.git("branch", "-q", "merge")
        place = tmp_path / "clone"
        repo.git("clone", "-q", *(clone or ("--depth=1",)), "-b", "merge", f"file://{repo.path}", place)
        repo.git("-C", place, "checkout", "-q", "--detach")
        given = {"INPUT_WORKING_DIRECTORY": str(place), "INPUT_DEEPEN": "false", "GITHUB_BASE_REF": "main", **environ}
        return Step(repo, hub, tmp_path / "runner", payload("a" * 40, head), given)

    return make


@pytest.mark.parametrize("gate", ["fail-on: moderate\n", LEVELS])
def test_a_gate_of_the_base_branch_fails_what_could_not_be_found(lost: Lost, hub: GitHub, gate: str) -> None:
    """GitHub shows it, and the pull request cannot take it away."""
    this = lost(gate, "fail-on: never\n")
    hub.files["main", ".codex-gate.yaml"] = gate.encode()
    with pytest.raises(
        RangeError, match=r"fetch-depth: 0; a gate is set \(\.codex-gate\.yaml of the base branch, line 1\), and what could not be judged fails it"
    ):
        this.run()
    assert "a gate is set" in this.summary and hub.invalid == []


@pytest.mark.parametrize("token", ["", "ghs_x"])
def test_where_the_base_branch_cannot_be_read_a_gate_that_is_checked_out_counts(lost: Lost, repo: Repo, token: str) -> None:
    this = lost("fail-on: moderate\n", INPUT_TOKEN=token)
    with pytest.raises(RangeError, match=rf"a gate is set \(\.codex-gate\.yaml of {repo.git('rev-parse', 'merge')[:9]}, line 2\)") as raised:
        this.run()
    assert raised.value.exit_code == 2


def test_an_origin_that_cannot_be_reached_is_no_way_round_a_gate(lost: Lost, repo: Repo) -> None:
    this = lost("fail-on: moderate\n", INPUT_DEEPEN="true")
    repo.git("-C", this.environ["INPUT_WORKING_DIRECTORY"], "remote", "set-url", "origin", "file:///nowhere")
    with pytest.raises(RangeError, match="a gate is set"):
        this.run()


@pytest.mark.parametrize("fault", [Fault(403), Fault(200)])
def test_where_github_does_not_show_the_base_s_configuration_the_clone_s_counts(lost: Lost, hub: GitHub, fault: Fault) -> None:
    """A base that is in no clone: the pull request has taken the gate out."""
    this = lost("fail-on: moderate\n", "fail-on: never\n", "--no-single-branch", INPUT_BASE="e" * 40)
    hub.fail("GET", ".codex-gate.yaml", fault)
    with pytest.raises(RangeError, match=r"'e{40}' is not a commit.*; a gate is set"):
        this.run()


def test_of_a_branch_that_is_in_the_clone_the_configuration_counts_without_github(lost: Lost, repo: Repo) -> None:
    """The head alone is checked out, and of the base that the event names nothing is here."""
    this = lost("fail-on: moderate\n", "fail-on: never\n", "--no-single-branch", INPUT_TOKEN="")
    repo.git("-C", this.environ["INPUT_WORKING_DIRECTORY"], "checkout", "-q", "--detach", "HEAD^2")
    with pytest.raises(RangeError, match=rf"a gate is set \(\.codex-gate\.yaml of {repo.git('rev-parse', 'main')[:9]}, line 2\)"):
        this.run()


def test_without_a_clone_github_says_whether_a_gate_is_set(lost: Lost, hub: GitHub, tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    this = lost("", INPUT_WORKING_DIRECTORY=str(tmp_path / "nothing"))
    assert this.run() == 0
    hub.files["main", ".codex-gate.yaml"] = b"fail-on: high\n"
    with pytest.raises(RangeError, match="a gate is set"):
        this.run()


@pytest.mark.parametrize("own", ["fail-on: high\n", "[", None])
def test_a_base_branch_that_sets_no_gate_is_believed_whatever_the_pull_request_says(lost: Lost, hub: GitHub, own: str | None) -> None:
    this = lost("", own)
    hub.files["main", ".codex-gate.yaml"] = b"fail-on: never\n"
    assert this.run() == 0
    assert this.log[-1].startswith("::warning") and "fetch-depth: 0" in this.log[-1]


@pytest.mark.parametrize("told", ["INPUT_FAIL_ON", "CODEX_GATE_FAIL_ON"])
def test_who_wants_no_gate_has_none_and_nothing_is_asked(lost: Lost, hub: GitHub, told: str) -> None:
    assert lost("fail-on: moderate\n", **{told: "never"}).run() == 0
    assert hub.calls == []


@pytest.mark.parametrize(("own", "config", "words"), [("fail-no: high\n", "", "unknown key 'fail-no'"), ("", "gate.yaml", "has no file gate.yaml")])
def test_a_configuration_that_cannot_be_understood_is_taken_for_no_way_out(lost: Lost, own: str, config: str, words: str) -> None:
    this = lost("", own, INPUT_TOKEN="", INPUT_CONFIG=config)
    with pytest.raises(RangeError, match=rf"fetch-depth: 0; and whether a gate is set cannot be told: .*{words}"):
        this.run()


def test_what_a_link_in_the_pull_request_leads_to_is_not_read(lost: Lost, repo: Repo, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("hunter2: x\n", "utf-8")
    this = lost("", INPUT_TOKEN="")
    place = Path(this.environ["INPUT_WORKING_DIRECTORY"])
    (place / ".codex-gate.yaml").unlink()
    (place / ".codex-gate.yaml").symlink_to(tmp_path / "secret")
    repo.git("-C", place, "commit", "-q", "-a", "--amend", "-m", "link")
    with pytest.raises(RangeError, match="symbolic link") as raised:
        this.run()
    assert "hunter2" not in f"{raised.value}{this.summary}{this.log}"


@pytest.mark.parametrize("gate", ["", "fail-on: high\n"])
def test_a_push_whose_base_cannot_be_found_has_the_gate_of_what_is_checked_out(lost: Lost, gate: str) -> None:
    this = lost(gate, INPUT_BASE="e" * 40, GITHUB_EVENT_NAME="push")
    if gate:
        with pytest.raises(RangeError, match=r"'e{40}' is not a commit.*; a gate is set"):
            this.run()
    else:
        assert this.run() == 0
