"""Brings the priorities of a repository: log → fixes and which kind of defect each is about → who touched which file → complexity as it is now.

Nothing is kept between runs: the same commit and the same models give the same report, with or without an index. The kind of a fix is what
`screen` says of it at tier 1, so the two do not contradict each other.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

from codex_gate import complexity, paths, szz
from codex_gate.aside import kept
from codex_gate.errors import UsageError
from codex_gate.git import CommitMeta, Repository
from codex_gate.history import History
from codex_gate.policy import Heard, Policy, classifications, listener
from codex_gate.priority import DAY, HALF_LIFE, WINDOW, FileFacts, PastFix, Priorities, matrix, scored
from codex_gate.replay import landed, newest
from codex_gate.taxonomy import DefectCategory
from codex_gate.types import BLIND, Commit, FileChange, Notice, Progress, unheard

MAX_BYTES: Final = 6 << 20  # of program text that is measured, the most touched files first (redis: 343 of 548 files, 7 s in all, 2026-11-25)
_AT_ONCE: Final = 64  # blobs in memory together; each is at most complexity.MAX_BYTES, or is not measured


def survey(
    repo: Repository,
    models: Path,
    policy: Policy,
    now: int,
    since: date | None = None,
    half_life: float = HALF_LIFE,
    branch: str = "HEAD",
    progress: Progress = unheard,
) -> Priorities:
    """The priorities as they are at the last commit of a branch, worked out of its ancestors alone.

    Args:
        models: a model directory, whose rules and linear model tell the kinds of fixes.
        policy: its paths leave files out; of files that it ignores nothing is said.
        now: Unix seconds; a commit with a later date counts as of now.
        since: the first day that counts; WINDOW days before the last commit by default.
        half_life: days after which a commit counts half.
    Raises:
        UsageError: a shallow clone, a window without commits, or paths that hold nothing.
        GitError: no such branch, no commits.
        ModelError: the linear model cannot be used.
    """
    started = time.perf_counter()
    head = repo.resolve(branch)
    if repo.is_shallow:
        raise UsageError("this clone is shallow: past fixes and who touched the files are not here; fetch with full depth (git fetch --unshallow)")
    until = newest(repo, head, now) or min(landed(repo, head)[head], now)
    start = _start(since, until)
    metas = [meta for meta in repo.log(stdin=[head]) if meta.time >= start and len(meta.parents) < 2]
    if not metas:
        raise UsageError(f"no commit, merges aside, was made since {_day(start)}, and the last one here is of {_day(until)}; take an earlier day for --since")
    fixes, notices = _fixes(repo, metas, listener(str(models)), policy, progress)
    facts, unread, n_commits = _files(repo, head, metas, {sha for sha, (_, size) in fixes.items() if size <= szz.MAX_FILES}, policy, progress)
    if policy.keep is not None and not facts and not fixes:
        raise UsageError(
            f"no file of program text in the tree of {head[:9]} and no fix since {_day(start)} lies in the paths that were asked for; look at --path and at paths in the configuration"
        )
    languages = {paths.language(file.path) or "" for file in facts}
    past = [fix for fix, _ in fixes.values()]
    rows, absent = matrix(past, languages, until, half_life)
    hot = scored(facts, until, half_life)
    said = tuple(file for file in hot if not policy.mutes(file.path))
    limit = policy.settings.fail_on_score if policy.settings is not None else None
    return Priorities(
        str(repo.top or repo.git_dir), head, max(start, min(meta.time for meta in metas)), until, half_life, n_commits, len(past), sum(fix.category is not None for fix in past), rows, absent, said,
        limit, (*notices, *unread, *policy.notices([file.path for file in hot])), time.perf_counter() - started,
    )  # fmt: skip


def _start(since: date | None, until: int) -> int:
    if since is None:
        return max(0, until - WINDOW * DAY)
    return int(datetime(since.year, since.month, since.day, tzinfo=UTC).timestamp())


def _day(seconds: int) -> str:
    return datetime.fromtimestamp(max(0, seconds), UTC).date().isoformat()


# -- the fixes -----------------------------------------------------------------------------------------


def _fixes(
    repo: Repository, metas: Sequence[CommitMeta], listen: Callable[[Commit], Heard], policy: Policy, progress: Progress
) -> tuple[dict[str, tuple[PastFix, int]], list[Notice]]:
    """Each fix by its SHA, with the number of files of program text that it touches, and what could not be read of them."""
    by_sha = {meta.sha: meta for meta in metas}
    asked = [by_sha[fix.sha] for fix in szz.find_fixes(metas)]
    found: dict[str, tuple[PastFix, int]] = {}
    missing = 0
    for done, (meta, files) in enumerate(zip(asked, repo.diffs([(meta.sha, meta.parents[0]) for meta in asked]), strict=True), 1):
        chosen = kept(files, policy.keep)
        if chosen:
            found[meta.sha] = (PastFix(meta.time, _category(meta, chosen, listen, policy)), sum(szz.is_code(f, False) for f in chosen))
        missing += any(f.missing for f in chosen)
        if done % 100 == 0 or done == len(asked):
            progress("fixes read", done, len(asked))
    text = f"the contents of {missing:,} of {len(asked):,} fixes are not in this clone: what kind of defect they are about rests on messages and paths alone"
    return found, [Notice(BLIND, text)] if missing else []


def _category(meta: CommitMeta, files: tuple[FileChange, ...], listen: Callable[[Commit], Heard], policy: Policy) -> DefectCategory | None:
    seen = policy.spoken(
        classifications(listen(Commit(meta.sha, meta.parents, meta.author, meta.time, meta.utc_offset, meta.message, files))), [change.path for change in files]
    )
    return DefectCategory(seen[0].category) if seen and seen[0].category else None


# -- the files -----------------------------------------------------------------------------------------


def _files(
    repo: Repository,
    head: str,
    metas: Sequence[CommitMeta],
    fixes: set[str],
    policy: Policy,
    progress: Progress,
) -> tuple[list[FileFacts], list[Notice], int]:
    """The files of program text in the tree of `head`, tests and vendored ones aside, and how many of the commits touch paths that are looked at."""
    tree = {path: blob for path, blob in repo.files_below(head, "", deep=True).items() if _counts(path, policy)}
    history = History()
    pairs = [(meta.sha, meta.parents[0] if meta.parents else None) for meta in metas]
    inside = 0
    for ordinal, (meta, files) in enumerate(zip(metas, repo.touches(pairs), strict=True)):
        inside += policy.keep is None or bool(kept(files, policy.keep))
        history.record(ordinal, meta.author, meta.time, meta.sha in fixes, files)
    touches = {path: tuple(history.lifetime(path)) for path in tree}
    measured, notices = _complexities(repo, tree, sorted(tree, key=lambda path: (-len(touches[path]), path)), progress)
    return [FileFacts(path, measured.get(path, math.nan), touches[path]) for path in tree], notices, inside


def _counts(path: str, policy: Policy) -> bool:
    return paths.role(path) == "code" and not paths.is_foreign(path) and (policy.keep is None or policy.keep(path))


def _complexities(repo: Repository, tree: Mapping[str, str], order: Sequence[str], progress: Progress) -> tuple[dict[str, float], list[Notice]]:
    """Complexity by path, of as many files as MAX_BYTES of text allow, and how many that leaves out."""
    found: dict[str, float] = {}
    spent, unread = 0, Counter[str]()
    candidates = [path for path in order if paths.language(path) in complexity.MEASURED]
    for at in range(0, len(candidates), _AT_ONCE):
        part = candidates[at : at + _AT_ONCE]
        blobs = repo.blobs((tree[path] for path in part), complexity.MAX_BYTES) if spent <= MAX_BYTES else {}
        for path in part:
            text = blobs.get(tree[path])
            spent += len(text or b"")
            value = complexity.total(path, text) if text is not None and spent <= MAX_BYTES else None
            if value is not None:
                found[path] = float(value)
            else:
                unread["budget" if spent > MAX_BYTES else "text"] += 1
        progress("files measured", min(at + _AT_ONCE, len(candidates)), len(candidates))
    return found, _unread(unread, len(order) - len(candidates))


def _unread(unread: Mapping[str, int], foreign: int) -> list[Notice]:
    text, budget = (
        f"larger than {complexity.MAX_BYTES >> 10} KiB, missing here or cannot be parsed",
        f"left out after {MAX_BYTES >> 20} MiB of text, the least touched",
    )
    why = (
        (foreign, "is in a language that is not measured", "are in a language that is not measured"),
        (unread["text"], f"is {text}", f"are {text}"),
        (unread["budget"], f"was {budget}", f"were {budget}"),
    )
    texts = [f"{n:,} {one if n == 1 else many}" for n, one, many in why if n]
    return [Notice("unmeasured", f"files of unknown complexity, whose score rests on the rest: {'; '.join(texts)}")] if texts else []
