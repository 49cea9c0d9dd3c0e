"""Monitors a repository: the last changes of a branch against its own earlier window. Nothing is kept between runs."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random
from statistics import median
from typing import Final, Generic, TypeVar

from codex_gate import szz, watch
from codex_gate.decks import BLOCKS
from codex_gate.drift import WINDOW, Fit, compare_fit
from codex_gate.errors import UsageError
from codex_gate.git import CommitMeta, Repository, is_sha
from codex_gate.globs import Filter
from codex_gate.model import Model
from codex_gate.policy import Policy
from codex_gate.replay import brought, clocks, first_parents, landed, repairs, set_right
from codex_gate.screen import Screener
from codex_gate.types import Finding, Notice, Progress, unheard
from codex_gate.watch import MIN_WINDOW, SEED, DriftReport, Observation

BASELINE: Final = 2  # windows before the last one that it is compared with (chosen: more lie too far back)


def monitor(
    repo: Repository,
    model: Model,
    policy: Policy,
    last: int | None = None,
    threshold: float | None = None,
    branch: str = "HEAD",
    fixes: bool = False,
    progress: Progress = unheard,
    *,
    now: int | None = None,
) -> DriftReport:
    """The last changes on the first-parent line of a branch against the ones before them, or against those that the model was retrained on here.

    Args:
        policy: changes of which its paths keep no file are left out.
        last: changes in the window, less what is over a multiple of BLOCKS; None takes WINDOW, or half of a history that is shorter than two of them.
        threshold: a KL divergence in place of the calibrated threshold.
        fixes: also whether later fixes came as often as predicted, which asks blame about every fix.
        now: Unix seconds; dates that no clock can have shown are set right then. None: they stay.
    Raises:
        UsageError: a shallow or partial clone, or too little history for any window.
        GitError: no such branch, no commits.
    """
    started = time.perf_counter()
    if repo.is_shallow:
        raise UsageError("this clone is shallow: earlier changes to compare with are not here; fetch with full depth (git fetch --unshallow)")
    metas = repo.log(stdin=[repo.resolve(branch)])
    line = first_parents(metas)
    asked = _spans(line, last, _learned_at(model))
    found = _found(repo, model, policy, [*asked.before, *asked.window], progress)
    watch.check_contents(found)
    edge = {m.sha for m in asked.window}
    spans = _fitted(asked, [f for f in found if f.sha not in edge], [f for f in found if f.sha in edge])
    said = landed(repo, line[-1].sha)
    when = said if now is None else set_right(line, said, now)
    first = line.index(asked.before[0])
    fit, more = _fit(repo, metas, line, first, spans, when, progress, policy.keep) if fixes else (None, [])
    before, window = ([watch.observed(f, when[f.sha or ""]) for f in side] for side in (spans.before, spans.window))
    report = watch.judge(before, window, threshold, Random(SEED), fit, authors=first >= len(window))
    where = str(repo.top or repo.git_dir)
    notices = (*spans.notices, *more, *clocks([f.sha or "" for f in (*spans.before, *spans.window)], said, when))
    return replace(report, repository=where, model_version=model.version, notices=notices, seconds=time.perf_counter() - started)


def observe(repo: Repository, model: Model, now: int | None = None) -> tuple[list[Observation], list[Notice]]:
    """The changes on HEAD's first-parent line, oldest first, each with what the model's rules predict for it; and that dates were set right, where some were.

    Args:
        now: as in `monitor`.
    Raises:
        GitError: no commits.
    """
    line = first_parents(repo.log(stdin=[repo.resolve("HEAD")]))
    said = landed(repo, line[-1].sha)
    when = said if now is None else set_right(line, said, now)
    found = [watch.observed(f, when[f.sha or ""]) for f in _found(repo, model, Policy(), line, unheard)]
    return found, clocks([o.sha for o in found], said, when) if found else []


def _found(repo: Repository, model: Model, policy: Policy, chosen: Sequence[CommitMeta], progress: Progress) -> list[Finding]:
    screener = Screener(repo, model, thorough=False, policy=policy)
    return [f for f in screener.many([m.sha for m in chosen], lambda done, of: progress("commits measured", done, of)) if f.risk is not None]


T = TypeVar("T")


@dataclass(frozen=True)
class _Spans(Generic[T]):
    """What is compared, oldest first; `pinned` where the baseline ends at what the model learned from, and so stays where it is."""

    before: Sequence[T]
    window: Sequence[T]
    notices: tuple[Notice, ...] = ()
    pinned: bool = False


def _learned_at(model: Model) -> str | None:
    """The head of this repository's history that the model was retrained on; None for one that knows no repository."""
    retrained = model.manifest.get("retrained")
    head = retrained.get("head") if isinstance(retrained, Mapping) else None
    return head if isinstance(head, str) and is_sha(head) else None


def _spans(line: Sequence[CommitMeta], last: int | None, learned: str | None) -> _Spans[CommitMeta]:
    """The changes to compare: the last ones with those before them, or with those that the model was retrained on here."""
    why: tuple[Notice, ...] = ()
    if learned is not None:
        older = next((k for k, meta in enumerate(line, 1) if meta.sha == learned), 0)
        newer = len(line) - older
        most = min(WINDOW, newer, older)
        window = watch.fitting(last) if last is not None else most - most % BLOCKS
        if MIN_WINDOW <= window <= min(newer, older):
            known = min(BASELINE * window, older)
            before = line[older - known + known % (window // BLOCKS) : older]
            text = f"the model was retrained here at {learned[:9]}: the baseline is the {len(before):,} changes up to there"
            return _Spans(before, line[-window:], (Notice("retrained-baseline", text), *_rounded(window, last)), pinned=True)
        if not older:
            lost = "that is no longer on this branch"
        elif last is not None and window < MIN_WINDOW:
            lost = f"a window of {window:,} changes is too small to be held against that"
        else:
            few, where = min((newer, "came since"), (older, "lie up to there"))
            lost = f"{few:,} {'change' if few == 1 else 'changes'} {where}, too few for a window"
        why = (Notice("retrained-baseline", f"the model was retrained here at {learned[:9]}, but {lost}: the baseline is the changes before the window"),)
    window, notices = _window(len(line), last)
    chosen = line[-(1 + BASELINE) * window :]
    return _Spans(chosen[:-window], chosen[-window:], (*why, *notices))


def _fitted(asked: _Spans[CommitMeta], before: Sequence[Finding], window: Sequence[Finding]) -> _Spans[Finding]:
    """What was measured of the changes to compare; the configured paths may leave some out."""
    size, every = len(asked.window), [*before, *window]
    there = min(len(before), len(window)) if asked.pinned else size if len(every) >= 2 * size else len(every) // 2
    if there < min(size, MIN_WINDOW):
        where = f" ({len(window):,} of them in the window)" if asked.pinned else ""
        raise UsageError(
            f"of the {len(asked.before) + size:,} changes that are compared {len(every):,}{where} touch the paths that are looked at, too few to tell drift from chance: "
            f"at least {2 * min(size, MIN_WINDOW)} are needed, half of them in the window; take more changes (--last N) or wider paths"
        )
    n = watch.fitting(there)
    before, window = (before[-BASELINE * n :], window[-n:]) if asked.pinned else (every[:-n], every[-n:])
    small = Notice("small-window", f"{len(every):,} changes touch the paths that are looked at: the window holds {n:,}")
    return _Spans(before, window, (*asked.notices, *((small,) if n < size else ())), asked.pinned)


def _window(available: int, last: int | None) -> tuple[int, tuple[Notice, ...]]:
    if last is not None:
        window = watch.fitting(last)
        if 2 * window > available:
            raise UsageError(
                f"a window of {last:,} changes needs as many before it, and this branch has {available:,} in all; take --last {available // 2} or less"
            )
        return window, (*_rounded(window, last), *_small(window))
    if available >= 2 * WINDOW:
        return WINDOW, ()
    window = watch.fitting(_enough(available // 2, available))
    text = f"this branch has {available:,} changes, fewer than two windows of {WINDOW:,}: the last {window:,} are compared with those before them"
    return window, (Notice("small-window", text),)


def _rounded(window: int, last: int | None) -> tuple[Notice, ...]:
    if last is None or window == last:
        return ()
    return (Notice("rounded-window", f"a window holds a multiple of {BLOCKS} changes: {window:,} in place of the {last:,} that were asked for"),)


def _small(window: int) -> tuple[Notice, ...]:
    if window >= MIN_WINDOW:
        return ()
    return (Notice("few-changes", f"a window of {window:,} changes is small: below {MIN_WINDOW} one burst of work can pass for drift"),)


def _enough(window: int, available: int) -> int:
    if window < MIN_WINDOW:
        raise UsageError(
            f"{available:,} {'change is' if available == 1 else 'changes are'} too few to tell drift from chance; at least {2 * MIN_WINDOW} are needed"
        )
    return window


def _fit(
    repo: Repository,
    metas: Sequence[CommitMeta],
    line: Sequence[CommitMeta],
    start: int,
    spans: _Spans[Finding],
    when: Mapping[str, int],
    progress: Progress,
    keep: Filter | None,
) -> tuple[Fit | None, list[Notice]]:
    """Whether as many changes were fixed, within the same time, for each that was predicted.

    A change that came in later had less time to be found out, so all get the same: the median time to a fix here.
    """
    traced = repairs(repo, metas, [m.sha for m in line], brought(metas, line), start, progress, keep)
    after = {line[place].sha: when[change] - when[line[place].sha] for place, (_, change) in traced.first.items()}
    doubtful, meant = {line[place].sha for place in traced.doubtful}, {meta.sha: meta for meta in line}
    notices = traced.notices
    ripe = median(after.values()) if after else 0
    newest = when[line[-1].sha]
    large = szz.too_large(repo, [(meant[f.sha or ""], f.features) for side in (spans.before, spans.window) for f in side], keep)
    before, now = (
        [
            (f.risk or 0.0, after.get(f.sha or "", ripe + 1) <= ripe)
            for f in side
            if newest - when[f.sha or ""] >= ripe and f.sha not in large and f.sha not in doubtful
        ]
        for side in (spans.before, spans.window)
    )
    fit = compare_fit(before, now, Random(SEED))
    if fit is None:
        notices.append(Notice("few-fixes", "fewer than 20 changes with a fix in the window or before it: whether the risks still fit cannot be said"))
    return fit, notices
