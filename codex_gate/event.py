"""What set a workflow off: a GitHub event as plain values, read from variables and a payload that may be missing or broken."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from codex_gate.errors import RangeError
from codex_gate.git import Repository, is_sha
from codex_gate.types import Notice

MAX_PAYLOAD: Final = 32 << 20  # bytes; GitHub sends at most 25 MB
_NAME: Final = re.compile(r"[A-Za-z0-9][\w.-]{0,99}/[\w.-]{1,100}", re.ASCII)
_SERVER: Final = re.compile(r"https?://[\w.-]+(?::\d+)?(?:/[\w./-]*)?", re.ASCII)
_BOTS: Final = ("dependabot[bot]",)  # their pull requests get a read-only token, as those of forks


@dataclass(frozen=True, slots=True)
class Event:
    """An event; `base` and `head` are SHAs that the payload named, None where it named none that can be one.

    `repository` is OWNER/NAME, "" when unknown. `number` is the pull request's. `is_fork` says that its head lies elsewhere
    (or is deleted), where the token of a `pull_request` is read-only whatever the workflow asks for. `branch` is the one that a pull request is to be
    merged into, of a push the default branch, "" when unknown. `source` is OWNER:BRANCH of the pull request
    whose workflow has ended (`workflow_run`).
    """

    name: str
    repository: str = ""
    number: int | None = None
    base: str | None = None
    head: str | None = None
    is_fork: bool = False
    is_closed: bool = False
    is_deletion: bool = False
    source: str = ""
    branch: str = ""
    ref: str = ""
    server: str = "https://github.com"
    notices: tuple[Notice, ...] = ()

    @property
    def is_pull(self) -> bool:
        return self.name in ("pull_request", "pull_request_target")


class Change(NamedTuple):
    """What is to be screened: two SHAs, or the newest commit alone where `base` is None; how to call it.

    `tip` is the newest commit of the base branch where that is not here, so that its configuration must be asked of GitHub; "" where `base` counts.
    """

    base: str | None
    head: str
    scope: str
    tip: str = ""
    notices: tuple[Notice, ...] = ()


def read(environ: Mapping[str, str], payload: bytes | None) -> Event:
    """The event of this run.

    Args:
        environ: the runner's variables (GITHUB_EVENT_NAME, GITHUB_REPOSITORY, GITHUB_REF, …).
        payload: what GITHUB_EVENT_PATH holds; None when it cannot be read.
    """
    data, notices = _payload(payload)
    name, repository = environ.get("GITHUB_EVENT_NAME", ""), environ.get("GITHUB_REPOSITORY", "")
    server = environ.get("GITHUB_SERVER_URL", "").rstrip("/")
    known: dict[str, Any] = {
        "name": name,
        "repository": repository if _NAME.fullmatch(repository) else "",
        "branch": environ.get("GITHUB_BASE_REF", ""),
        "ref": environ.get("GITHUB_REF", ""),
        "server": server if _SERVER.fullmatch(server) else "https://github.com",
        "notices": notices,
    }
    if name in ("pull_request", "pull_request_target"):
        return Event(**known, **_pull(data, environ, reads_only=name == "pull_request"))
    if name == "merge_group":
        group = _object(data, "merge_group")
        return Event(**known, base=_sha(group.get("base_sha")), head=_sha(group.get("head_sha")))
    if name == "push":
        default = _object(data, "repository").get("default_branch")
        known["branch"] = default if isinstance(default, str) else ""
        return Event(**known, base=_sha(data.get("before")), head=_sha(data.get("after")), is_deletion=data.get("deleted") is True)
    if name == "workflow_run":
        return Event(**known, **_ended(_object(data, "workflow_run")))
    return Event(**known, head=_sha(environ.get("GITHUB_SHA")))


def _ended(run: Mapping[str, Any]) -> dict[str, Any]:
    owner, branch = _object(_object(run, "head_repository"), "owner").get("login"), run.get("head_branch")
    is_pull = run.get("event") == "pull_request" and isinstance(owner, str) and isinstance(branch, str)
    return {"head": _sha(run.get("head_sha")), "source": f"{owner}:{branch}" if is_pull else ""}


def _pull(data: Mapping[str, Any], environ: Mapping[str, str], *, reads_only: bool) -> dict[str, Any]:
    pull = _object(data, "pull_request")
    source = _object(_object(pull, "head"), "repo").get("full_name")
    number = data.get("number") or pull.get("number") or _number(environ.get("GITHUB_REF", ""))
    return {
        "number": number if isinstance(number, int) and not isinstance(number, bool) and 0 < number < 1 << 40 else None,
        "base": _sha(_object(pull, "base").get("sha")),
        "head": _sha(_object(pull, "head").get("sha")),
        # without a payload nothing is known of the head; a refused call says it better than we can guess
        "is_fork": reads_only and bool(pull) and (source != environ.get("GITHUB_REPOSITORY", "") or environ.get("GITHUB_ACTOR") in _BOTS),
        "is_closed": pull.get("state") == "closed",
    }


def _number(ref: str) -> int | None:
    found = re.fullmatch(r"refs/pull/(\d{1,12})/\w+", ref, re.ASCII)
    return int(found[1]) if found else None


def _payload(raw: bytes | None) -> tuple[dict[str, Any], tuple[Notice, ...]]:
    try:
        data = json.loads(raw or b"", parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        data = None
    if isinstance(data, dict):
        return data, ()
    return {}, (Notice("event", "the event's payload is missing or no JSON object: what set this run off is known in part only"),)


def _object(data: Mapping[str, Any], key: str) -> dict[str, Any]:
    found = data.get(key)
    return found if isinstance(found, dict) else {}


def _sha(value: object) -> str | None:
    return value if isinstance(value, str) and is_sha(value) and value.strip("0") else None


def change(event: Event, repo: Repository) -> Change:
    """What this event brings.

    A pull request is checked out as its merge into the base as that is now: HEAD^1 is this base, while the payload's
    `base.sha` may be old. It is screened from the merge base to its head, so that hook, command line and Action give one
    number; where a shallow clone does not hold the merge base, HEAD^1..HEAD is what would land.

    Raises:
        RangeError: a pull request of which neither merge nor base is here.
    """
    head = repo.resolve("HEAD")
    if event.is_pull:
        if (merge := merged(event, repo)) is not None:
            return merge
        theirs = event.head if event.head and repo.present_commits([event.head]) else None
        if event.base and repo.present_commits([event.base]) and (theirs or event.name == "pull_request"):
            return Change(event.base, theirs or head, called(event))
        raise RangeError(_missing(event))
    if event.base and event.head and len(repo.present_commits([event.base, event.head])) == 2:
        return Change(event.base, event.head, f"{event.base[:9]}..{event.head[:9]}")
    here = event.head if event.head and repo.present_commits([event.head]) else head
    return Change(None, here, f"commit {here[:9]}")


def _missing(event: Event) -> str:
    """What of a pull request cannot be found, and what to do."""
    name = f"#{event.number}" if event.number else "the pull request"
    if event.base is None:
        payload = "the event's payload " + ("is missing or no JSON object" if event.notices else f"names no base of {name}")
        return (
            f"{payload}, and what is checked out is no merge of {name} with both its parents; check out the merge with fetch-depth: 0, or give the input base"
        )
    return f"neither the merge nor the base of {name} is in this clone; check out the pull request with fetch-depth: 0"


def called(event: Event) -> str:
    """How a report calls a pull request."""
    return f"#{event.number}" if event.number else "pull request"


def merged(event: Event, repo: Repository) -> Change | None:
    """What a pull request brings where its merge into the base as that is now is checked out; None where it is not."""
    head = repo.resolve("HEAD")
    parents = repo.metas([head])[0].parents
    if len(parents) != 2 or event.head not in (None, parents[1]) or len(repo.present_commits(parents)) != 2:
        return None
    return Change(parents[0], parents[1] if shares_history(repo, *parents) else head, called(event))


def shares_history(repo: Repository, one: str, other: str) -> bool:
    """Whether this clone holds a common ancestor of the two."""
    try:
        return bool(repo.merge_base(one, other))
    except RangeError:
        return False
