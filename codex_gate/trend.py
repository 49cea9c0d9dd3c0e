"""A repository's past by month, quarter or year: each change screened as it came in, what it is, and whom later fixes blame. Nothing is kept between runs."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime

from codex_gate import szz, watch
from codex_gate.errors import UsageError
from codex_gate.fixes import fix_evidence
from codex_gate.git import CommitMeta, Repository
from codex_gate.model import Model
from codex_gate.periods import Trend, summarise
from codex_gate.policy import Policy
from codex_gate.replay import LAST, headline, look_back, newest
from codex_gate.types import Progress, unheard


def trend(
    repo: Repository,
    model: Model,
    policy: Policy,
    now: int,
    last: int = LAST,
    since: date | None = None,
    by: str | None = None,
    progress: Progress = unheard,
) -> Trend:
    """The last changes on HEAD's first-parent line by period.

    Args:
        policy: changes of which its paths keep no file are left out.
        now: Unix seconds; what is dated later, or before there was version control, is set right.
        last: how many changes; all of them since `since`, when that is given.
        by: one of periods.PERIODS; None lets their age and number decide.
        progress: told (what, done, of) now and then.
    Raises:
        UsageError: a shallow or partial clone, no change to look at, or none with a date that can be.
        GitError: no commits.
    """
    started = time.perf_counter()
    if newest(repo, repo.resolve("HEAD"), now) is None:
        today = datetime.fromtimestamp(now, UTC).date().isoformat()
        raise UsageError(f"no change has a date from 1972 to today ({today}): nothing can be set in time; look at the clock of this machine")
    seen = look_back(repo, model, policy, last, since, progress, now=now)
    watch.check_contents(seen.findings)
    changes = seen.replayed.changes
    observed = [watch.observed(finding, change.time) for finding, change in zip(seen.findings, changes, strict=True)]
    fixes = {sha for sha, commits in seen.commits.items() if _is_fix(commits)}
    found = summarise(seen.replayed, observed, fixes, by, seen.older)
    return replace(found, replayed=replace(seen.replayed, seconds=time.perf_counter() - started))


def _is_fix(commits: Sequence[CommitMeta]) -> bool:
    """Whether a change is a fix: at least half of the commits that it brought say so, or the title of what it merged.

    Args:
        commits: what it brought in, the change itself last.
    """
    own = [meta for meta in commits if len(meta.parents) < 2]
    merged = len(commits[-1].parents) > 1 and bool(fix_evidence(headline(commits[-1].message)))
    return merged or 0 < len(own) <= 2 * len(szz.find_fixes(own))
