"""What set a workflow off, from payloads that are whole, broken, missing or hostile; what it brings."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from codex_gate import event
from codex_gate.errors import RangeError
from codex_gate.event import Change, Event
from tests.codex_gate.actions import examples, needs_examples
from tests.conftest import Repo

ENVIRON = {"GITHUB_EVENT_NAME": "pull_request", "GITHUB_REPOSITORY": "acme/shop", "GITHUB_REF": "refs/pull/7/merge"}
A, B = "a" * 40, "b" * 40


def pull(**more: Any) -> dict[str, Any]:
    """A payload; `more` replaces parts of its pull request."""
    mine = {"number": 7, "state": "open", "base": {"sha": A}, "head": {"sha": B, "repo": {"full_name": "acme/shop"}}, "body": None, "draft": True}
    return {"number": 7, "pull_request": {**mine, **more}}


def read(payload: object, **environ: str) -> Event:
    return event.read({**ENVIRON, **environ}, payload if isinstance(payload, bytes | None) else json.dumps(payload).encode())


def test_a_pull_request_is_read() -> None:
    found = read(pull())
    assert (found.number, found.base, found.head, found.is_fork, found.is_closed, found.repository) == (7, A, B, False, False, "acme/shop")
    assert found.is_pull
    assert found.notices == ()


@pytest.mark.parametrize("repo", [None, {"full_name": "eve/shop"}, {}, "x", []])
def test_a_fork_and_a_deleted_head_are_read_only(repo: object) -> None:
    assert read(pull(head={"sha": B, "repo": repo})).is_fork


def test_a_pull_request_target_has_a_token_that_may_write() -> None:
    found = read(pull(head={"sha": B, "repo": None}), GITHUB_EVENT_NAME="pull_request_target", GITHUB_ACTOR="dependabot[bot]")
    assert found.is_pull and not found.is_fork


def test_dependabot_is_read_only() -> None:
    assert read(pull(), GITHUB_ACTOR="dependabot[bot]").is_fork


@pytest.mark.parametrize("payload", [None, b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 100_000, b'{"number": NaN'])
def test_a_payload_that_is_none_leaves_what_the_variables_say(payload: bytes | None) -> None:
    found = read(payload)
    assert (found.number, found.base, found.head, found.is_fork) == (7, None, None, False)
    assert [notice.code for notice in found.notices] == ["event"]


@pytest.mark.parametrize("odd", ["--upload-pack=x", "HEAD", A[:39], A + "\n", "0" * 40, 7, None, {}, ["x"]])
def test_what_is_no_sha_is_not_taken(odd: object) -> None:
    found = read(pull(base={"sha": odd}, head={"sha": odd}))
    assert (found.base, found.head) == (None, None)


@pytest.mark.parametrize("odd", ["7", True, -1, 0, 1 << 50, 7.5, {}])
def test_what_is_no_number_is_not_taken(odd: object) -> None:
    found = event.read({**ENVIRON, "GITHUB_REF": ""}, json.dumps({"number": odd, "pull_request": {"number": odd}}).encode())
    assert found.number is None


@pytest.mark.parametrize("name", ["acme", "acme/shop/x", "a b/c", "../..", "acme/shop\n", "-x/y"])
def test_what_is_no_repository_is_not_taken(name: str) -> None:
    assert read(pull(), GITHUB_REPOSITORY=name).repository == ""


@pytest.mark.parametrize("server", ["javascript:alert(1)", "https://x.example/)](y", "", "//x"])
def test_what_is_no_server_is_not_linked(server: str) -> None:
    assert read(pull(), GITHUB_SERVER_URL=server).server == "https://github.com"
    assert read(pull(), GITHUB_SERVER_URL="https://git.example.org:8443/").server == "https://git.example.org:8443"


def test_other_events_are_read() -> None:
    assert read({"before": A, "after": B}, GITHUB_EVENT_NAME="push").base == A
    assert read({"before": A, "after": "0" * 40, "deleted": True}, GITHUB_EVENT_NAME="push").is_deletion
    assert read({"merge_group": {"base_sha": A, "head_sha": B}}, GITHUB_EVENT_NAME="merge_group").head == B
    assert read({}, GITHUB_EVENT_NAME="schedule", GITHUB_SHA=A).head == A


# -- what it brings ------------------------------------------------------------------------------------


@pytest.fixture
def merged(repo: Repo) -> tuple[Repo, str, str, str]:
    """A checkout of refs/pull/7/merge: the repository, the old base, the base as it is now, the head."""
    repo.write("a", "1\n")
    old = repo.commit()
    repo.branch("topic")
    repo.write("b", "1\n")
    head = repo.commit()
    repo.checkout("main")
    repo.write("c", "1\n")
    new = repo.commit()
    repo.git("checkout", "-q", "--detach")
    repo.merge("topic")
    return repo, old, new, head


def test_the_merge_says_what_the_base_is_now_whatever_the_payload_says(merged: tuple[Repo, str, str, str]) -> None:
    repo, old, new, head = merged
    assert event.change(Event("pull_request", number=7, base=old, head=head), repo.open()) == Change(new, head, "#7")
    assert event.change(Event("pull_request"), repo.open()) == Change(new, head, "pull request")  # without a payload


def test_a_merge_of_something_else_is_not_taken_for_it(merged: tuple[Repo, str, str, str]) -> None:
    repo, old, _, head = merged
    repo.git("checkout", "-q", head)
    assert event.change(Event("pull_request", number=7, base=old, head=head), repo.open()) == Change(old, head, "#7")


def test_a_clone_of_depth_two_is_screened_as_it_would_land(merged: tuple[Repo, str, str, str], make_repo: Callable[..., Repo]) -> None:
    repo, old, new, head = merged
    merge = repo.head()
    clone = make_repo("clone")
    clone.git("fetch", "-q", "--depth=2", f"file://{repo.path}", merge)
    clone.git("checkout", "-q", "FETCH_HEAD")
    clone.path.joinpath(".git/shallow").write_text(f"{new}\n{head}\n")
    assert event.change(Event("pull_request", number=7, base=old, head=head), clone.open()) == Change(new, merge, "#7")


def test_a_pull_request_without_its_commits_says_what_to_do(repo: Repo) -> None:
    repo.write("a", "1\n")
    repo.commit()
    for name in ("pull_request", "pull_request_target"):
        with pytest.raises(RangeError, match="fetch-depth: 0"):
            event.change(Event(name, number=7, base=A, head=B), repo.open())


@pytest.mark.parametrize("number", [7, None])
def test_what_is_missing_of_a_pull_request_is_named(repo: Repo, number: int | None) -> None:
    repo.write("a", "1\n")
    repo.commit()
    name = "#7" if number else "the pull request"
    with pytest.raises(RangeError, match=f"^neither the merge nor the base of {name} is in this clone"):
        event.change(Event("pull_request", number=number, base=A, head=B), repo.open())
    with pytest.raises(RangeError, match=f"^the event's payload names no base of {name}, and what is checked out is no merge of {name}"):
        event.change(Event("pull_request", number=number), repo.open())
    with pytest.raises(RangeError, match=r"^the event's payload is missing or no JSON object, and .*fetch-depth: 0, or give the input base$"):
        event.change(read(None), repo.open())


def test_after_a_forced_push_what_the_old_tip_does_not_hold_is_judged_by_its_configuration(merged: tuple[Repo, str, str, str]) -> None:
    """With the newest commit alone, and its parent's configuration, whoever forces a push could loosen the gate or hide a loud commit below a quiet one."""
    repo, old, new, head = merged
    assert event.change(Event("push", base=new, head=old), repo.open()) == Change(new, old, f"{new[:9]}..{old[:9]}")  # taken back: nothing came
    assert event.change(Event("push", base=head, head=new), repo.open()) == Change(head, new, f"{head[:9]}..{new[:9]}")  # written anew


def test_a_push_is_a_range_or_its_newest_commit(merged: tuple[Repo, str, str, str]) -> None:
    repo, old, new, _ = merged
    assert event.change(Event("push", base=old, head=new), repo.open()) == Change(old, new, f"{old[:9]}..{new[:9]}")
    assert event.change(Event("push", base=A, head=new), repo.open()) == Change(None, new, f"commit {new[:9]}")  # forced over
    assert event.change(Event("schedule", head=B), repo.open()) == Change(None, repo.head(), f"commit {repo.head()[:9]}")


@needs_examples
def test_githubs_own_examples_are_read() -> None:
    listed = examples()
    assert len(listed["pull_request"]) > 20
    for example in listed["pull_request"]:
        found = read(example, GITHUB_REPOSITORY=example["repository"]["full_name"])
        pull_request = example["pull_request"]
        assert (found.number, found.base, found.head) == (example["number"], pull_request["base"]["sha"], pull_request["head"]["sha"])
        assert found.is_closed is (pull_request["state"] == "closed")
        assert found.is_fork is (pull_request["head"]["repo"]["full_name"] != example["repository"]["full_name"])
    for example in listed["push"]:
        assert read(example, GITHUB_EVENT_NAME="push").is_deletion is example["deleted"]
    for example in listed["merge_group"]:
        assert read(example, GITHUB_EVENT_NAME="merge_group").head == example["merge_group"]["head_sha"]
    for example in listed["workflow_run"]:
        run = example["workflow_run"]
        found = read(example, GITHUB_EVENT_NAME="workflow_run")
        assert found.head == run["head_sha"]
        assert bool(found.source) is (run["event"] == "pull_request")
