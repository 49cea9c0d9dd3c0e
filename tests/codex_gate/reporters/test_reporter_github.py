"""The client against a double of GitHub: one comment, limits kept, every fault survived within the budget."""

from __future__ import annotations

import base64
import gzip
import json
import socket
import threading
from contextlib import suppress

import pytest
from example_reports import high

from codex_gate.errors import UsageError
from codex_gate.reporters import github, render
from codex_gate.reporters.comment import MARKER, TICK
from codex_gate.reporters.github import Api, ApiError, Target
from codex_gate.reporters.workflow import Annotation
from tests.github_double import Fault, GitHub, description

TARGET = Target("acme/shop", 7, "a" * 40)
FORBIDDEN = "Resource not accessible by integration"


class Clock:
    """A clock that moves when somebody sleeps, and notes how long."""

    def __init__(self) -> None:
        self.time = 1000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def api(hub: GitHub, clock: Clock) -> Api:
    return connect(hub, clock)


def connect(hub: GitHub, clock: Clock, token: str = "ghs_x", **more: float) -> Api:
    return Api(hub.url, token, clock=clock, sleep=clock.sleep, now=lambda: 5000.0, **more)  # type: ignore[arg-type]


def body(key: str, text: str = "text", part: str = "") -> str:
    return f'{MARKER}{{"key": "{key}", "level": "high", "part": "{part}"}} -->\n{text}\n- [ ] {TICK}\n'


def test_requests_are_held_against_githubs_own_description() -> None:
    if description() is None:
        pytest.skip("npm's @octokit/openapi is not installed: npm install --prefix .venv/node @octokit/openapi")
    with GitHub() as double:
        bad = connect(double, Clock())
        bad.call("POST", "/repos/acme/shop/issues/7/comments", {"body": "x"})
        assert double.invalid == []
        with pytest.raises(ApiError):
            bad.call("POST", "/repos/acme/shop/check-runs", {"name": "x", "head_sha": 1, "output": {"title": "t", "summary": "s", "annotations": [{}] * 51}})
    assert len(double.invalid) >= 2


def test_one_comment_is_made_then_updated_in_place(hub: GitHub, api: Api) -> None:
    assert github.say(api, TARGET, body("1"), loud=True) == "created"
    assert github.say(api, TARGET, body("2", "new"), loud=True) == "updated"
    assert [comment["body"] for comment in hub.comments] == [body("2", "new")]


def test_the_same_verdict_is_not_sent_again(hub: GitHub, api: Api) -> None:
    github.say(api, TARGET, body("1"), loud=True)
    assert github.say(api, TARGET, body("1", "links of another commit"), loud=True) == "unchanged"
    assert "PATCH" not in " ".join(hub.methods())


def test_parts_of_a_repository_have_comments_and_checks_of_their_own(hub: GitHub, api: Api) -> None:
    backend, frontend = TARGET._replace(part="backend"), TARGET._replace(part="front end")
    for target in (TARGET, backend, frontend):
        assert github.say(api, target, body("1", part=target.part), loud=True) == "created"
        github.check(api, target, "t", "s", "neutral", [])
    assert github.say(api, backend, body("2", part="backend"), loud=True) == "updated"
    assert [comment["body"] for comment in hub.comments] == [body("1"), body("2", part="backend"), body("1", part="front end")]
    assert [check["name"] for check in hub.checks] == ["codex-gate", "codex-gate (backend)", "codex-gate (front end)"]


def test_a_quiet_verdict_makes_no_comment_but_shrinks_a_former_one(hub: GitHub, api: Api) -> None:
    assert github.say(api, TARGET, body("1"), loud=False) == "none"
    assert hub.comments == []
    github.say(api, TARGET, body("1"), loud=True)
    assert github.say(api, TARGET, body("2", "nothing any more"), loud=False) == "updated"


@pytest.mark.parametrize(
    "planted",
    [
        (body("1"), {"login": "eve", "type": "User"}),  # anybody can write the marker
        (f"> {body('1')}", {"login": "github-actions[bot]", "type": "Bot"}),  # another action quotes it
    ],
)
def test_what_is_not_ours_is_left_alone(hub: GitHub, api: Api, planted: tuple[str, dict[str, str]]) -> None:
    hub.comment(*planted)
    assert github.say(api, TARGET, body("2"), loud=True) == "created"
    assert [comment["body"] for comment in hub.comments] == [planted[0], body("2")]


def test_a_personal_token_finds_its_own_comments_alone(clock: Clock) -> None:
    with GitHub(user={"login": "ada", "type": "User"}) as double:
        double.comment(body("1"), {"login": "other[bot]", "type": "Bot"})
        api = connect(double, clock, "ghp_x")
        assert github.say(api, TARGET, body("2"), loud=True) == "created"
        assert github.say(api, TARGET, body("3"), loud=True) == "updated"
        assert [comment["user"]["login"] for comment in double.comments] == ["other[bot]", "ada"]
    assert double.invalid == []


def test_our_comment_is_found_on_the_last_page(clock: Clock) -> None:
    with GitHub(per_page=3) as double:
        for k in range(8):
            double.comment(f"talk {k}", {"login": "ada", "type": "User"})
        double.comment(body("1"))
        assert github.say(connect(double, clock), TARGET, body("2"), loud=True) == "updated"
    assert len(double.comments) == 9


def test_a_tick_stays(hub: GitHub, api: Api) -> None:
    hub.comment(body("1").replace("- [ ]", "- [x]").replace("\n", "\r\n"))  # as the web page sends it
    github.say(api, TARGET, body("2"), loud=True)
    assert f"- [x] {TICK}" in hub.comments[0]["body"]


def test_a_comment_that_is_deleted_meanwhile_is_made_anew(hub: GitHub, api: Api) -> None:
    hub.comment(body("1"))
    hub.fail("PATCH", "", Fault(404, message="Not Found"))
    assert github.say(api, TARGET, body("2"), loud=True) == "created"


def test_two_runs_that_raced_leave_one_comment(hub: GitHub, api: Api) -> None:
    first = hub.comment(body("1"))
    hub.comment(body("1"))
    assert github.say(api, TARGET, body("2"), loud=True) == "updated"
    assert [comment["id"] for comment in hub.comments] == [first["id"]]


def test_the_slower_of_two_first_runs_takes_its_comment_back(hub: GitHub, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    real, seen = github.own_comments, iter([iter(())])  # the list was empty when it was asked for
    monkeypatch.setattr(github, "own_comments", lambda *args: next(seen, None) or real(*args))
    first = hub.comment(body("1"))
    assert github.say(api, TARGET, body("1"), loud=True) == "created"
    assert hub.comments == [first]


def test_of_two_first_runs_the_later_one_has_the_last_word(hub: GitHub, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    real, seen = github.own_comments, iter([iter(())])
    monkeypatch.setattr(github, "own_comments", lambda *args: next(seen, None) or real(*args))
    first = hub.comment(body("old", "of an older commit"))
    assert github.say(api, TARGET, body("new", "of the newest"), loud=True) == "created"
    assert hub.comments == [{**first, "body": body("new", "of the newest")}]


@pytest.mark.parametrize(
    ("pull", "past"),
    [
        ({"state": "open", "head": {"sha": "a" * 40}}, False),
        ({"state": "open", "head": {"sha": "b" * 40}}, True),
        ({"state": "closed", "head": {"sha": "a" * 40}}, True),
        ({"state": "open", "head": None}, False),
    ],
)
def test_a_pull_request_that_moved_on_is_known(hub: GitHub, api: Api, pull: dict[str, object], past: bool) -> None:
    assert github.is_past(api, TARGET) is False  # nobody knows of it
    hub.pulls = [{"number": 7, **pull}]
    assert github.is_past(api, TARGET) is past


@pytest.mark.parametrize("done", [True, False])
@pytest.mark.parametrize("status", [0, 502])
def test_a_lost_answer_never_makes_two_comments(hub: GitHub, api: Api, status: int, done: bool) -> None:
    hub.fail("POST", "/comments", Fault(status, done=done))
    assert github.say(api, TARGET, body("1"), loud=True) == "created"
    assert len(hub.comments) == 1


@pytest.mark.parametrize(
    ("fault", "slept"),
    [
        (Fault(429, {"Retry-After": "7"}), [7.0]),
        (Fault(403, {"Retry-After": "72"}, "You have exceeded a secondary rate limit"), [72.0]),
        (Fault(403, {}, "You have exceeded a secondary rate limit"), [60.0]),
        (Fault(403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "5030"}, "API rate limit exceeded"), [30.0]),
        (Fault(502), [1.0]),
        (Fault(0), [1.0]),
    ],
)
def test_limits_and_faults_are_waited_for(hub: GitHub, api: Api, clock: Clock, fault: Fault, slept: list[float]) -> None:
    hub.fail("GET", "/comments", fault)
    assert github.say(api, TARGET, body("1"), loud=True) == "created"
    assert clock.slept == slept


@pytest.mark.parametrize("status", [401, 403, 404, 422])
def test_a_refusal_is_not_tried_again(hub: GitHub, api: Api, clock: Clock, status: int) -> None:
    hub.fail("POST", "/comments", Fault(status, message=FORBIDDEN))
    with pytest.raises(ApiError, match=f"{status} {FORBIDDEN}"):
        github.say(api, TARGET, body("1"), loud=True)
    assert clock.slept == []


def test_one_budget_holds_for_all_calls(hub: GitHub, api: Api, clock: Clock) -> None:
    hub.fail("GET", "/comments", *[Fault(429, {"Retry-After": "50"})] * 9)
    with pytest.raises(ApiError):
        github.say(api, TARGET, body("1"), loud=True)
    assert clock.slept == [50.0, 50.0]
    n = len(hub.calls)
    with pytest.raises(ApiError):  # given up
        github.check(api, TARGET, "t", "s", "neutral", [])
    assert len(hub.calls) == n


def test_a_server_that_is_down_costs_seconds(clock: Clock) -> None:
    with GitHub() as gone:
        address = gone.url
    api = Api(address, "ghs_x", clock=clock, sleep=clock.sleep)
    for _ in range(3):
        with pytest.raises(ApiError, match="no answer"):
            github.say(api, TARGET, body("1"), loud=True)
    assert clock.slept == [1.0, 2.0, 4.0]


def test_a_limit_without_a_time_is_waited_for_longer_each_time(hub: GitHub, clock: Clock) -> None:
    api = connect(hub, clock, budget_s=300)
    hub.fail("GET", "/comments", *[Fault(429)] * 2)
    assert github.say(api, TARGET, body("1"), loud=True) == "created"
    assert clock.slept == [60.0, 120.0]


def test_an_answer_that_never_ends_is_given_up(clock: Clock) -> None:
    """A byte at a time would outlive every timeout of a single read."""

    def drip(server: socket.socket) -> None:
        peer, _ = server.accept()
        with peer, suppress(OSError):  # the other side has had enough
            peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
            while True:
                peer.sendall(b" ")
                clock.time += 5

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=drip, args=(server,))
        thread.start()
        api = Api(f"http://127.0.0.1:{server.getsockname()[1]}", "ghs_x", clock=clock, sleep=clock.sleep)
        with pytest.raises(ApiError, match="no answer"):
            api.call("POST", "/x", {}, again=False)
        thread.join(5)
    assert not thread.is_alive()


def test_a_server_that_does_not_answer_is_given_up(hub: GitHub, clock: Clock) -> None:
    api = connect(hub, clock, read_s=0.1)
    hub.fail("GET", "/comments", *[Fault(200, wait_s=0.5)] * 4)
    with pytest.raises(ApiError, match="no answer"):
        github.say(api, TARGET, body("1"), loud=True)


def test_annotations_come_fifty_at_a_time_and_are_appended(hub: GitHub, api: Api) -> None:
    places = [Annotation("warning", f"src/f{k}.py", k, f"text {k}") for k in range(120)]
    github.check(api, TARGET, "63 % risk", "–" * 70_000, "failure", places)  # three bytes each
    (check,) = hub.checks
    assert [a["path"] for a in check["annotations"]] == [f"src/f{k}.py" for k in range(120)]
    assert check["annotations"][0]["start_line"] == 1  # GitHub counts from one
    assert (check["head_sha"], check["conclusion"], check["name"]) == ("a" * 40, "failure", "codex-gate")
    assert hub.methods() == ["POST check-runs", f"PATCH {check['id']}", f"PATCH {check['id']}"]


def test_annotations_that_cannot_be_appended_are_counted(hub: GitHub, api: Api) -> None:
    hub.fail("POST", "/check-runs", Fault(201))  # an answer without a number
    with pytest.raises(ApiError, match="names no number: 70 annotations are left out"):
        github.check(api, TARGET, "t", "s", "neutral", [Annotation("notice", "f.py", 1, "text")] * 120)
    assert hub.methods() == ["POST check-runs"]


def test_sarif_is_packed_as_code_scanning_takes_it(hub: GitHub, api: Api) -> None:
    written = render("sarif", high())
    github.upload(api, TARGET, written, "refs/pull/7/head")
    github.upload(api, TARGET._replace(part="backend"), written, "refs/pull/7/head")
    (sent, part) = hub.sarifs
    (run,), (other,) = (json.loads(gzip.decompress(base64.b64decode(one["sarif"])))["runs"] for one in (sent, part))
    assert (run["automationDetails"]["id"], other["automationDetails"]["id"]) == ("codex-gate/", "codex-gate/backend/")
    hashes = [result["partialFingerprints"]["primaryLocationLineHash"] for result in run["results"]]
    assert len(set(hashes)) == len(hashes) >= 2  # without it GitHub knows no alert again when lines move
    assert (sent["commit_sha"], sent["ref"]) == ("a" * 40, "refs/pull/7/head")


def test_a_label_takes_the_place_of_former_ones(hub: GitHub, api: Api) -> None:
    hub.labels = ["bug", "risk: low", "risk: high"]
    github.label(api, TARGET, "critical")
    assert hub.labels == ["bug", "risk: critical"]
    github.label(api, TARGET, "unknown")
    assert hub.labels == ["bug"]
    hub.labels = ["risk: low"]
    hub.fail("DELETE", "", Fault(404))  # somebody was quicker
    github.label(api, TARGET, "high")
    assert "risk: high" in hub.labels


def test_pages_of_another_host_are_not_followed(hub: GitHub, api: Api) -> None:
    hub.fail("GET", "/comments", Fault(200, {"Link": '<http://evil.example/x>; rel="next"'}))
    with pytest.raises(ApiError, match="another host"):
        list(api.pages("/repos/acme/shop/issues/7/comments"))
    with pytest.raises(ApiError, match="another host"):
        api.call("GET", "http://evil.example/x")


def test_the_token_is_not_shown(api: Api) -> None:
    assert "ghs_x" not in repr(api)


@pytest.mark.parametrize(
    ("environ", "proxy"),
    [
        ({}, None),
        ({"https_proxy": "http://p:1"}, "http://p:1"),
        ({"HTTPS_PROXY": "http://p:1", "no_proxy": "example.org"}, "http://p:1"),
        ({"https_proxy": "http://p:1", "NO_PROXY": "x, .github.com"}, None),
        ({"https_proxy": "http://p:1", "no_proxy": "*"}, None),
    ],
)
def test_the_environments_proxy_is_used(environ: dict[str, str], proxy: str | None) -> None:
    assert github.proxy_for("https://api.github.com", environ) == proxy


@pytest.mark.parametrize(("scheme", "auth", "sent"), [("http://", "", None), ("", "ada:p%40ss@", "Basic YWRhOnBAc3M=")])
def test_a_proxy_gets_the_request_and_its_own_password(scheme: str, auth: str, sent: str | None, clock: Clock) -> None:
    heard: list[bytes] = []

    def proxy(server: socket.socket) -> None:
        peer, _ = server.accept()
        with peer:
            heard.append(peer.recv(1 << 16))
            peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]")

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=proxy, args=(server,))
        thread.start()
        api = Api("http://api.example.org", "ghs_x", f"{scheme}{auth}127.0.0.1:{server.getsockname()[1]}", clock=clock, sleep=clock.sleep)
        assert api.call("GET", "/x").data == []
        thread.join(5)
    head = heard[0].decode("ascii")
    assert head.startswith("GET http://api.example.org/x HTTP/1.1\r\n")
    assert (f"Proxy-Authorization: {sent}\r\n" if sent else "Bearer ghs_x\r\n").lower() in head.lower()


@pytest.mark.parametrize("proxy", ["socks5://p:1", "http://p:port", "://"])
def test_what_is_no_proxy_is_a_sentence_without_its_password(proxy: str) -> None:
    with pytest.raises(UsageError, match="the proxy that the environment names cannot be used") as error:
        Api("https://api.github.com", "ghs_x", proxy.replace("://", "://u:secret@"))
    assert "secret" not in str(error.value)
