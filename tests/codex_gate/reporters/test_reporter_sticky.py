"""One issue, whatever happens: found by its mark, updated, closed, and left alone where a person closed it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from codex_gate.reporters.github import Api, ApiError
from codex_gate.reporters.sticky import MAX_BODY, Sticky, tell
from tests.github_double import Fault, GitHub

EVE = {"login": "eve", "type": "User"}


@pytest.fixture
def hub() -> Iterator[GitHub]:
    with GitHub(per_page=2) as double:
        yield double
    assert double.invalid == []


@pytest.fixture
def api(hub: GitHub) -> Api:
    return connect(hub)


def connect(hub: GitHub, token: str = "ghs_x") -> Api:
    return Api(hub.url, token, sleep=lambda _: None)


def said(*about: str, key: str = "k", text: str = "text\n") -> Sticky:
    return Sticky("drift", "codex-gate: a title", text, frozenset(about), key)


def writes(hub: GitHub) -> list[str]:
    return [f"{call.method} {call.path.rpartition('/')[2]}" for call in hub.calls if call.method != "GET"]


def test_it_is_opened_once_updated_and_closed(hub: GitHub, api: Api) -> None:
    assert tell(api, "acme/shop", said("la")) == "#2 opened"
    assert hub.issues[0]["body"].startswith('<!-- codex-gate:drift {"key": "k", "about": ["la"]} -->\ntext')
    assert tell(api, "acme/shop", said("la")) == "#2 unchanged"
    assert tell(api, "acme/shop", said("la", "nf", key="other", text="more\n")) == "#2 updated"
    assert "more" in hub.issues[0]["body"]
    assert tell(api, "acme/shop", said(key="quiet")) == "#2 closed"
    assert (hub.issues[0]["state"], hub.issues[0]["state_reason"]) == ("closed", "completed")
    assert tell(api, "acme/shop", said(key="quiet")) == "none"
    assert writes(hub) == ["POST issues", "PATCH 2", "PATCH 2"]
    assert tell(api, "acme/shop", said("la")) == "#3 opened"  # it is back


def test_what_a_person_closed_stays_closed_until_something_else_moves(hub: GitHub, api: Api) -> None:
    tell(api, "acme/shop", said("la", "nf"))
    hub.issues[0]["state"] = "closed"
    assert tell(api, "acme/shop", said("nf", key="n")) == "none: #2 was closed by hand, and nothing else has moved"
    assert tell(api, "acme/shop", said("nf", "entropy", key="m")) == "#3 opened"


def test_only_our_own_issues_are_ours(hub: GitHub, api: Api) -> None:
    mark = said("la").body
    hub.issue(mark, EVE)
    hub.issue("see " + mark)
    hub.issue(mark, pull_request={"url": "x"})
    hub.issue(mark.replace("codex-gate:drift", "codex-gate:other"))
    assert tell(api, "acme/shop", said(key="quiet")) == "none"
    assert tell(api, "acme/shop", said("la")) == "#6 opened"


def test_a_persons_token_takes_its_owners_issues_alone() -> None:
    with GitHub(user=EVE) as hub:
        hub.issue(said("la", key="old").body)
        hub.issue(said("la", key="old").body, EVE)
        assert tell(connect(hub, "ghp_x"), "acme/shop", said("la")) == "#3 updated"


def test_of_two_that_a_race_made_the_younger_is_closed(hub: GitHub, api: Api) -> None:
    for _ in range(3):
        hub.issue(said("la").body)
    assert tell(api, "acme/shop", said("la")) == "#2 unchanged"
    assert [i["state"] for i in hub.issues] == ["open", "closed", "closed"]
    assert {i.get("state_reason") for i in hub.issues[1:]} == {"not_planned"}


def test_a_lost_answer_makes_no_second_issue(hub: GitHub, api: Api) -> None:
    hub.fail("POST", "/issues", Fault(0, done=True))
    assert tell(api, "acme/shop", said("la")) == "#2 opened"
    assert len(hub.issues) == 1
    hub.issues.clear()
    hub.fail("POST", "/issues", Fault(502))
    assert tell(api, "acme/shop", said("la")) == "#3 opened"
    assert len(hub.issues) == 1


def test_a_mark_that_somebody_spoiled_is_written_anew(hub: GitHub, api: Api) -> None:
    hub.issue("<!-- codex-gate:drift {broken} -->\nx")
    assert tell(api, "acme/shop", said("la")) == "#2 updated"
    hub.issues[0] |= {"state": "closed", "body": '<!-- codex-gate:drift {"about": 3} -->'}
    assert tell(api, "acme/shop", said("la")) == "#3 opened"


def test_a_text_that_is_too_long_is_cut_behind_its_mark(hub: GitHub, api: Api) -> None:
    tell(api, "acme/shop", said("la", text="ü" * 70_000))
    body = hub.issues[0]["body"]
    assert len(body) == MAX_BODY and body.startswith("<!-- codex-gate:drift ") and body.endswith("…")


def test_a_refusal_is_an_error_at_once() -> None:
    with GitHub(writable=False) as hub, pytest.raises(ApiError, match="403"):
        tell(connect(hub), "acme/shop", said("la"))
