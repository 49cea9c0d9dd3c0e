"""Into which commit a pull request would land: whose configuration and models count, also where the clone does not hold it.

Where GitHub's merge was checked out, its first parent is the base as it is now. Where the head alone was, nothing in the clone can be asked: the
payload's `base.sha` is old, and where the head parted from its base is up to whoever opened the pull request, who could branch off before a gate
was set. So GitHub names the newest commit of the base branch; it is used where it is here or can be fetched, by its SHA, from whatever remote.
Else the range begins where GitHub says that they parted, the configuration is asked of GitHub, and models that a repository keeps are refused.
What a push brings is found here too: the tip before a forced one is in no fresh clone.

Where nothing can be screened, a gate fails. Whether one is set the base branch says, as GitHub or the clone has it; where neither has its configuration,
what is checked out is asked: that may be the pull request's own, which decides there whether nothing screened is a warning or a failure.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from codex_gate import config, deepen, event
from codex_gate.errors import GateError, RangeError
from codex_gate.git import Repository, is_sha
from codex_gate.types import Level, Notice

if TYPE_CHECKING:
    from codex_gate.delivery import Run
    from codex_gate.reporters.github import Parting

LOOK_UP_S: Final = 30.0  # for all that is asked before the screen (chosen: without an answer there is still something to screen, or a sentence)

UNASKED: Final = Notice(
    "base-of-event",
    "GitHub could not be asked for the newest commit of the base branch: configuration and models are those of the base that the event names, which may be older",
)

LOST: Final = Notice(
    "push-base",
    "the tip before this forced push is not in this clone and cannot be fetched: what the default branch does not hold was screened, by its configuration",
)
NEWEST: Final = Notice(
    "push-base",
    "what stood before this push is not in this clone, nor a default branch to compare with: its newest commit alone was screened, by its parent's configuration; check out with fetch-depth: 0",
)


def change(this: Run, happened: event.Event, repo: Repository, *, may_fetch: bool) -> event.Change:
    """What the pull request brings, from the base branch as it is now.

    Raises:
        RangeError: neither merge nor base is here, nor can be had.
    """
    if (merge := event.merged(happened, repo)) is not None:
        return merge
    parting = _parting(this, happened, repo)
    if parting is None or happened.head is None:
        found = event.change(happened, repo)
        return found._replace(notices=(UNASKED,))
    name = event.called(happened)
    if _holds(repo, parting.tip, happened.head) or (may_fetch and not deepen.bring(repo, parting.tip) and _holds(repo, parting.tip, happened.head)):
        return event.Change(parting.tip, happened.head, name)
    if _holds(repo, parting.fork, happened.head):
        return event.Change(parting.fork, happened.head, name, parting.tip)
    return event.change(happened, repo)._replace(tip=parting.tip)


def pushed(happened: event.Event, repo: Repository, *, may_fetch: bool) -> event.Change:
    """What a push brings: what the tip before it does not hold, and where there was none, or it cannot be had, what the default branch does not hold.

    A fresh checkout lacks the tip that a forced push has left; GitHub still gives it by its SHA.
    """
    found = event.change(happened, repo)
    if found.base is not None or happened.name != "push":
        return found
    if (old := happened.base) and may_fetch and not deepen.bring(repo, old) and _holds(repo, old, found.head):
        return event.Change(old, found.head, f"{old[:9]}..{found.head[:9]}")
    default = _tracked(repo, happened.branch) if happened.branch and happened.ref != f"refs/heads/{happened.branch}" else ""
    if default and _holds(repo, default, found.head):
        return event.Change(default, found.head, f"{deepen.REMOTE}/{happened.branch}..{found.head[:9]}", notices=(LOST,) if old else ())
    return found._replace(notices=(NEWEST,))


def _tracked(repo: Repository, branch: str) -> str:
    """The tip of a branch of the remote as this clone knows it, "" where it does not."""
    return repo.run("rev-parse", "--verify", "--quiet", f"refs/remotes/{deepen.REMOTE}/{branch}^{{commit}}", check=False).decode("ascii").strip()


def _holds(repo: Repository, base: str, head: str) -> bool:
    """Whether this clone holds the commit and the way from there to the head."""
    return bool(repo.present_commits([base])) and event.shares_history(repo, base, head)


def _parting(this: Run, happened: event.Event, repo: Repository) -> Parting | None:
    """The tip of the base branch and where the head parted from it, by GitHub's word; None where GitHub says neither."""
    base, head, token = happened.branch or happened.base, happened.head, this.given("token")
    if not (base and head and token and happened.repository and repo.present_commits([head])):
        return None
    try:
        api = replace(this.api(), budget_s=LOOK_UP_S)
        from codex_gate.reporters.github import parting

        found = parting(api, happened.repository, base, head)
    except GateError:  # no library, no answer, no permission: what is missing here is said instead
        return None
    return found if is_sha(found.tip) and is_sha(found.fork) else None


def configuration(this: Run, repository: str, tip: str, named: str | None) -> config.Source | None:
    """The configuration of a commit that is not in this clone, as GitHub has it; None where that has none.

    Raises:
        ConfigError: a file that was named is not there, or it is too large.
        RangeError: GitHub does not say.
    """
    path = config.in_tree(named)
    try:
        api = replace(this.api(), budget_s=LOOK_UP_S)
        from codex_gate.reporters.github import file_at

        text = file_at(api, repository, tip, path)
    except GateError as error:
        raise RangeError(
            f"the configuration of the base branch ({tip[:9]}) is not in this clone, and GitHub does not show it ({error}); check out with fetch-depth: 0"
        ) from error
    return config.of_commit(tip, path, text, is_named=named is not None)


def gate(settings: config.Settings) -> str:
    """Where a gate is set, for all files or for some; "" where none is."""
    if settings.fail_on is not Level.UNKNOWN:
        return settings.sources.get("fail-on", "fail-on")
    return settings.sources.get("levels", "levels") if any(entry.fail_on not in (None, Level.UNKNOWN) for entry in settings.levels) else ""


def gate_all_the_same(this: Run, happened: event.Event, repo: Repository | None, named: str | None, *, may_ask: bool, may_fetch: bool) -> str:
    """That a gate is set where what is to be screened cannot be found, in words; "" where none is.

    The first configuration that is found decides.

    Args:
        repo: the clone, None where there is none.
        named: the file in place of `.codex-gate.yaml`.
        may_ask: whether GitHub may be asked.
    Raises:
        GateError: a configuration is there, and what it says cannot be told.
    """
    for source in _configurations(this, happened, repo, named, may_ask=may_ask, may_fetch=may_fetch):
        place = gate(config.load(source, {}, {}))
        return f"a gate is set ({place}), and what could not be judged fails it" if place else ""
    return ""


def _configurations(this: Run, happened: event.Event, repo: Repository | None, named: str | None, *, may_ask: bool, may_fetch: bool) -> Iterator[config.Source]:
    """The configurations that may count, the most trusted first: those of the base branch, then that of the commit that is checked out."""
    branch = happened.branch or happened.base
    if may_ask and happened.is_pull and branch and happened.repository and this.given("token"):
        shown = None
        with suppress(RangeError):  # GitHub does not say
            shown = configuration(this, happened.repository, branch, named)
        if shown is not None:
            yield shown._replace(name=f"{config.in_tree(named)} of the base branch")
    head = repo.head() if repo is not None else None
    if repo is None or head is None:
        return
    merge = event.merged(happened, repo) if happened.is_pull else None
    bases = [merge.base if merge is not None else None, _tracked(repo, happened.branch), happened.base] if happened.is_pull else []
    for sha in (*repo.present_commits(filter(None, bases)), head):
        if may_fetch:
            deepen.files(repo, sha, config.in_tree(named))
        if (found := config.find(repo, sha, named)) is not None:
            yield found
