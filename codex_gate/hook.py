"""What the hooks screen and whether they have something to say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from codex_gate.errors import RangeError
from codex_gate.git import Repository, is_sha
from codex_gate.policy import Policy
from codex_gate.types import Report


class Push(NamedTuple):
    """A push as a range: what the other side has, what it gets, how to call it."""

    base: str
    head: str
    scope: str


def push(repo: Repository, environ: Mapping[str, str]) -> Push | None:
    """What a push brings, from the variables that pre-commit sets; None when nothing can be screened.

    Without variables (pre-commit leaves them out when a whole history is new) HEAD is compared with the upstream
    or default branch, as it is where the other side has nothing (zeros) or something that is not here (a forced push
    over work of others). A deletion brings nothing, nor does the first push of a repository.
    """
    old, new = environ.get("PRE_COMMIT_FROM_REF", ""), environ.get("PRE_COMMIT_TO_REF", "HEAD") or "HEAD"
    if _is_nothing(new) or (new == "HEAD" and repo.is_unborn()):
        return None
    head = repo.resolve(new)
    name = environ.get("PRE_COMMIT_REMOTE_BRANCH", "").removeprefix("refs/heads/") or new[:9]
    if old and not _is_nothing(old) and (not is_sha(old) or repo.present_commits([old])):
        return Push(repo.resolve(old), head, f"push to {name}")
    try:
        default, base = repo.default_base()
    except RangeError:
        return None
    return Push(base, head, f"push to {name} against {default}") if base != head else None


def _is_nothing(name: str) -> bool:
    return len(name) >= 40 and not name.strip("0")


def speaks(report: Report, policy: Policy) -> bool:
    """Whether the change, or one of its commits, is loud enough for its files."""
    spoken = [report.change, *report.commits]
    return any(finding is not None and policy.limits(finding.names).speaks(finding) for finding in spoken)
