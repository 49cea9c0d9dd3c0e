"""Monitors a repository: the last changes of a branch against its own earlier window. Nothing is kept between runs."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from random import Random
from statistics import median
from typing import Final

from codex_gate import paths, szz, watch
from codex_gate.drift import SYMBOLS, UNCLASSIFIED, WINDOW, Fit, compare_fit
from codex_gate.errors import UsageError
from codex_gate.git import CommitMeta, Repository
from codex_gate.model import Model
from codex_gate.policy import Policy
from codex_gate.replay import brought, first_parents, landed, repairs
from codex_gate.screen import Screener
from codex_gate.types import Finding, Notice
from codex_gate.watch import DriftReport, Observation

BASELINE: Final = 2  # windows before the last one that it is compared with (chosen: more lie too far back)
MIN_WINDOW: Final = 100  # blocks of 5 changes: fewer say nothing (chosen)
SEED: Final = 0  # of the reshuffling, so that two runs over the same changes say the same

Progress = Callable[[str, int, int], None]


def monitor(
    repo: Repository,
    model: Model,
    policy: Policy,
    last: int | None = None,
    threshold: float | None = None,
    branch: str = "HEAD",
    fixes: bool = False,
    progress: Progress = lambda what, done, of: None,
) -> DriftReport:
    """The last changes on the first-parent line of a branch against the ones before them.

    Args:
        policy: changes of which its paths keep no file are left out.
        last: changes in the window; None takes WINDOW, or half of a history that is shorter than two of them.
        threshold: a KL divergence in place of the calibrated threshold.
        fixes: also whether later fixes came as often as predicted, which asks blame about every fix.
    Raises:
        UsageError: a shallow clone, or too little history for any window.
        GitError: no such branch, no commits.
    """
    started = time.perf_counter()
    if repo.is_shallow:
        raise UsageError("this clone is shallow: earlier changes to compare with are not here; fetch with full depth (git fetch --unshallow)")
    metas = repo.log(stdin=[repo.resolve(branch)])
    line = first_parents(metas)
    window, notices = _window(len(line), last)
    chosen = line[-(1 + BASELINE) * window :]
    found = _found(repo, model, policy, chosen, progress)
    if len(found) < 2 * window:  # the configured paths leave changes out
        window = watch.fitting(_enough(len(found) // 2, len(found)))
        notices = [Notice("small-window", f"{len(found):,} changes touch the paths that the configuration names: the window holds {window:,}")]
    when = landed(repo, line[-1].sha)
    observed = [_observed(f, when) for f in found]
    fit, more = _fit(repo, metas, line, chosen, found, window, when, progress) if fixes else (None, [])
    report = watch.judge(observed[:-window], observed[-window:], threshold, Random(SEED), fit, authors=len(line) - len(chosen) >= window)
    where = str(repo.top or repo.git_dir)
    return replace(report, repository=where, model_version=model.version, notices=(*notices, *more), seconds=time.perf_counter() - started)


def observe(repo: Repository, model: Model, last: int | None = None, progress: Progress = lambda what, done, of: None) -> list[Observation]:
    """The last changes on HEAD's first-parent line (None: all), oldest first, each with what the model's rules predict for it.

    Raises:
        GitError: no commits.
    """
    line = first_parents(repo.log(stdin=[repo.resolve("HEAD")]))
    chosen = line if last is None else line[-last:]
    when = landed(repo, line[-1].sha)
    return [_observed(f, when) for f in _found(repo, model, Policy(), chosen, progress)]


def _found(repo: Repository, model: Model, policy: Policy, chosen: Sequence[CommitMeta], progress: Progress) -> list[Finding]:
    screener = Screener(repo, model, thorough=False, policy=policy)
    return [f for f in screener.many([m.sha for m in chosen], lambda done, of: progress("commits measured", done, of)) if f.risk is not None]


def _window(available: int, last: int | None) -> tuple[int, list[Notice]]:
    if last is not None:
        window = watch.fitting(last)
        if 2 * window > available:
            raise UsageError(
                f"a window of {last:,} changes needs as many before it, and this branch has {available:,} in all; take --last {available // 2} or less"
            )
        return window, []
    if available >= 2 * WINDOW:
        return WINDOW, []
    window = watch.fitting(_enough(available // 2, available))
    text = f"this branch has {available:,} changes, fewer than two windows of {WINDOW:,}: the last {window:,} are compared with those before them"
    return window, [Notice("small-window", text)]


def _enough(window: int, available: int) -> int:
    if window < MIN_WINDOW:
        raise UsageError(f"{available:,} changes are too few to tell drift from chance; at least {2 * MIN_WINDOW} are needed")
    return window


def _observed(finding: Finding, when: Mapping[str, int]) -> Observation:
    assert finding.sha is not None
    category = finding.top.category or UNCLASSIFIED
    return Observation(finding.sha, when[finding.sha], category if category in SYMBOLS else UNCLASSIFIED, kind(finding.paths), finding.features.values)


def kind(changed: Sequence[str]) -> str:
    """What most files of a change are: a programming language, or a role (doc, config, data, other); "none" without files."""
    kinds = Counter(paths.language(path) or paths.role(path) for path in changed)
    return max(sorted(kinds), key=kinds.__getitem__) if kinds else "none"


def _fit(
    repo: Repository,
    metas: Sequence[CommitMeta],
    line: Sequence[CommitMeta],
    chosen: Sequence[CommitMeta],
    found: Sequence[Finding],
    window: int,
    when: Mapping[str, int],
    progress: Progress,
) -> tuple[Fit | None, list[Notice]]:
    """Whether as many changes were fixed, within the same time, for each that was predicted.

    A change that came in later had less time to be found out, so all get the same: the median time to a fix here.
    """
    start = len(line) - len(chosen)
    traced = repairs(repo, metas, [m.sha for m in line], brought(metas, line), start, progress)
    after = {line[place].sha: when[change] - when[line[place].sha] for place, (_, change) in traced.first.items()}
    notices = (
        [Notice("unread", f"{traced.unread} files of fixes could not be blamed because objects are missing here; they accuse nobody")] if traced.unread else []
    )
    ripe = median(after.values()) if after else 0
    newest = when[line[-1].sha]
    rows = [
        (at, (f.risk or 0.0, after.get(f.sha or "", ripe + 1) <= ripe))
        for at, f in enumerate(found)
        if newest - when[f.sha or ""] >= ripe and _blamable(f) and start + at not in traced.doubtful
    ]
    edge = len(found) - window
    fit = compare_fit([row for at, row in rows if at < edge], [row for at, row in rows if at >= edge], Random(SEED))
    if fit is None:
        notices.append(Notice("few-fixes", "fewer than 20 changes with a fix in the window or before it: whether the risks still fit cannot be said"))
    return fit, notices


def _blamable(finding: Finding) -> bool:
    """Whether SZZ would look at it: not where it is too large."""
    measures = finding.features
    lines = measures["code_share"] * (measures["la"] + measures["ld"])
    return not (measures["code_files"] > szz.MAX_FILES or lines > szz.MAX_LINES)
