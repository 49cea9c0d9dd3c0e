"""Replays a repository's past changes: log → changes → screen with what was known then → fixes → whom they blame."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Final, NamedTuple

from codex_gate import levels, szz, watch
from codex_gate.backtest import DAY, Backtest, Change, Repair, Replayed
from codex_gate.errors import UsageError
from codex_gate.git import CommitMeta, Repository
from codex_gate.globs import Filter
from codex_gate.messages import title
from codex_gate.model import Model
from codex_gate.policy import Policy
from codex_gate.screen import Screener
from codex_gate.types import Finding, Notice, Progress, unheard

LATEST: Final = 253_402_300_799  # the last second that a calendar knows, 9999-12-31
EARLIEST: Final = 63_072_000  # 1972-01-01: the first version control of source text, SCCS, is of that year
LAST: Final = levels.N_RECENT
TRAINED_ON: Final = "training-manifest.txt"  # in a model directory: sha256 of each SHA that it learned from
LABELS: Final = "a change needed a fix when a later change says that it repairs a defect, and changes lines that this one brought beyond doubt (SZZ, variant {}): an estimate, not a verdict"


class Hindsight(NamedTuple):
    """Past changes with what became of them, and what else is known of each.

    Attributes:
        replayed: the changes whose files the configuration's paths keep.
        findings: what a screen said of each of them, in the same order.
        commits: what each brought in, itself included, by its SHA.
        older: changes on the line before the first of those looked at.
    """

    replayed: Replayed
    findings: tuple[Finding, ...]
    commits: Mapping[str, tuple[CommitMeta, ...]]
    older: int


def replay(
    repo: Repository,
    model: Model,
    policy: Policy,
    budget: float,
    last: int = LAST,
    since: date | None = None,
    progress: Progress = unheard,
    *,
    now: int | None = None,
) -> Backtest:
    """The last changes on HEAD's first-parent line as the model would have screened them, and which of them needed a fix.

    Args:
        policy: changes of which its paths keep no file are left out.
        budget: share of changes that may be flagged, in (0, 1).
        last: how many changes; all of them since `since`, when that is given.
        progress: told (what, done, of) now and then.
        now: as `look_back` has it.
    Raises:
        UsageError: a shallow or partial clone, or fewer than levels.MIN_CHANGES changes.
        GitError: no commits.
    """
    seen = look_back(repo, model, policy, last, since, progress, least=levels.MIN_CHANGES, now=now)
    watch.check_contents(seen.findings)
    found = seen.replayed
    return Backtest(found.repository, found.model_version, found.changes, found.labels, found.seen, found.notices, found.seconds, budget)


def look_back(
    repo: Repository,
    model: Model,
    policy: Policy,
    last: int,
    since: date | None,
    progress: Progress,
    *,
    least: int = 1,
    now: int | None = None,
) -> Hindsight:
    """The same without a budget, with what was measured of each change.

    Args:
        least: changes that there must be.
        now: Unix seconds; dates that no clock can have shown are set right then. None: they stay.
    Raises:
        UsageError: a shallow clone, or fewer than `least` changes.
        GitError: no commits.
    """
    started = time.perf_counter()
    if repo.is_shallow:
        raise UsageError(
            "this clone is shallow: past changes cannot be screened as they were, and blame would end at its edge; fetch with full depth (git fetch --unshallow)"
        )
    metas = repo.log(stdin=[repo.resolve("HEAD")])
    line = first_parents(metas)
    said = landed(repo, line[-1].sha)
    times = said if now is None else set_right(line, said, now)
    start = _start([times[meta.sha] for meta in line], last, since, least)
    found = {
        f.sha: f for f in Screener(repo, model, policy=policy).many([m.sha for m in line[start:]], lambda done, of: progress("commits measured", done, of))
    }
    owner = brought(metas, line)
    traced = repairs(repo, metas, [m.sha for m in line], owner, start, progress, policy.keep)
    inside = [(place, meta) for place, meta in enumerate(line[start:], start) if found[meta.sha].risk is not None]
    if len(inside) < least:
        raise UsageError(
            f"{len(inside)} of {len(found)} changes touch the paths that are looked at; at least {least} {'is' if least == 1 else 'are'} needed"
            f"{' to compare with' if least > 1 else ''}, take an earlier date or more changes, or other paths"
        )
    large = szz.too_large(repo, [(meta, found[meta.sha].features) for _, meta in inside], policy.keep)
    changes = tuple(_change(meta, times, found[meta.sha], meta.sha in large, traced.first.get(place), place in traced.doubtful) for place, meta in inside)
    notices = (*traced.notices, *clocks([m.sha for m in line[start:]], said, times))
    where = str(repo.top or repo.git_dir)
    judged = {place for place, _ in inside}
    learned = _learned(model, {sha: place for sha, place in owner.items() if place in judged})
    replayed = Replayed(where, model.version, changes, LABELS.format(szz.DEFAULT), learned, notices, time.perf_counter() - started)
    return Hindsight(replayed, tuple(found[meta.sha] for _, meta in inside), _commits(metas, owner, inside), start)


def first_parents(metas: Sequence[CommitMeta]) -> list[CommitMeta]:
    """The first-parent line that ends in the last of `metas` (parents before children), oldest first."""
    by_sha = {meta.sha: meta for meta in metas}
    line = [metas[-1]]
    while line[-1].parents and line[-1].parents[0] in by_sha:
        line.append(by_sha[line[-1].parents[0]])
    return line[::-1]


def brought(metas: Sequence[CommitMeta], line: Sequence[CommitMeta]) -> dict[str, int]:
    """For each commit the place on the first-parent line of the change that brought it in."""
    parents = {meta.sha: meta.parents for meta in metas}
    owner: dict[str, int] = {}
    for place, meta in enumerate(line):
        owner[meta.sha] = place
        branch = list(meta.parents[1:])
        while branch:
            sha = branch.pop()
            if sha not in owner and sha in parents:
                owner[sha] = place
                branch.extend(parents[sha])
    return owner


def landed(repo: Repository, tip: str) -> dict[str, int]:
    """When each change of the line came in: the committer's time, since an author's may be years older; at most LATEST, whatever a clock said."""
    flat = repo.rev_list("--timestamp", "--first-parent", tip)
    return {sha: min(int(when), LATEST) for sha, when in zip(flat[1::2], flat[::2], strict=True)}


def newest(repo: Repository, tip: str, now: int) -> int | None:
    """When the newest change of the line came in, of those with a date that a clock can have shown, in Unix seconds, at most `now`; None where none has one."""
    return next((min(when, now) for when in landed(repo, tip).values() if EARLIEST <= when <= now + DAY), None)


def set_right(line: Sequence[CommitMeta], said: Mapping[str, int], now: int) -> dict[str, int]:
    """The times of the line; in place of those before EARLIEST or after now that of the change before, at the old end of the first that can be. As they are where none can be."""
    possible = {meta.sha: said[meta.sha] for meta in line if EARLIEST <= said[meta.sha] <= now + DAY}
    if not possible:
        return dict(said)
    found, before = {}, next(iter(possible.values()))
    for meta in line:
        before = found[meta.sha] = possible.get(meta.sha, before)
    return found


def clocks(shas: Sequence[str], said: Mapping[str, int], times: Mapping[str, int]) -> list[Notice]:
    """That dates of these changes were set right, and how many."""
    n = sum(said[sha] != times[sha] for sha in shas)
    text = f"{n:,} of {len(shas):,} changes {'is' if n == 1 else 'are'} dated before 1972 or in the future{', and' if n == 1 else '; each is'} counted at the date of the change before it"
    if not n and all(said[sha] < EARLIEST for sha in shas):
        return [Notice("clock", "none of these changes has a date that can be: what is said of days and weeks means nothing")]
    return [Notice("clock", text)] if n else []


def _commits(metas: Sequence[CommitMeta], owner: Mapping[str, int], inside: Sequence[tuple[int, CommitMeta]]) -> dict[str, tuple[CommitMeta, ...]]:
    found: dict[int, list[CommitMeta]] = {place: [] for place, _ in inside}
    for meta in metas:
        if owner[meta.sha] in found:
            found[owner[meta.sha]].append(meta)
    return {meta.sha: tuple(found[place]) for place, meta in inside}


def _start(line: Sequence[int], last: int, since: date | None, least: int) -> int:
    """Where on the line, given by its times, the replay begins."""
    if since is None:
        start, asked = max(0, len(line) - last), f"the last {last:,}"
    else:
        start = next((i for i, when in enumerate(line) if datetime.fromtimestamp(when, UTC).date() >= since), len(line))
        asked = f"those since {since.isoformat()}"
    n = len(line) - start
    if n < least:
        raise UsageError(
            f"{n} {'change' if n == 1 else 'changes'} to replay ({asked} of {len(line):,} on the first-parent line of HEAD); at least {least} {'is needed' if least == 1 else 'are needed to compare with'}, "
            + ("take an earlier date or more changes" if len(line) >= least else "come back when the repository has grown")
        )
    return start


class Repairs(NamedTuple):
    """The first repair (commit, change that brought it) of each change by its place on the line; the changes whose lines were repaired, but
    only in doubt (`szz.Trace.doubt`); how many files of fixes could not be read.
    """

    first: Mapping[int, tuple[str, str]]
    doubtful: frozenset[int]
    unread: int

    @property
    def notices(self) -> list[Notice]:
        """What a reader must know of the gaps."""
        who = "1 file of a fix" if self.unread == 1 else f"{self.unread:,} files of fixes"
        text = f"{who} could not be blamed because objects are missing here or damaged; {'it accuses' if self.unread == 1 else 'they accuse'} nobody"
        return [Notice("unread", text)] if self.unread else []


def repairs(
    repo: Repository, metas: Sequence[CommitMeta], line: Sequence[str], owner: Mapping[str, int], start: int, progress: Progress, keep: Filter | None = None
) -> Repairs:
    """Which replayed changes later fixes blame.

    A fix on the branch of the very change that it repairs is none: it was made before the change came in. `keep` are the paths that are looked
    at: a repair elsewhere is none of what is measured.
    """
    edge = repo.metas([line[start]])[0].parents[:1]
    # A fix made right on the edge repairs what was there before, and git blames nothing whose own commit is cut off.
    fixes = [(fix.sha, fix.time) for fix in szz.find_fixes([meta for meta in metas if owner[meta.sha] > start and meta.parents != edge])]
    # Blame stops where the replay begins: what it would find before is left out anyway (redis, 294 fixes: 19 CPU seconds in place of 63, the same repairs).
    # At the first parent alone: cut at the branch of a merge too, blame would end at that branch's tip with lines that are much older.
    variant = szz.VARIANTS[szz.DEFAULT]
    variant = replace(variant, moves=(*variant.moves, *(f"^{parent}" for parent in edge)))
    progress("fixes traced", 0, len(fixes))
    found: dict[int, tuple[str, str]] = {}
    doubtful: set[int] = set()
    unread = 0
    with szz.quick(repo, len(fixes)) as quicker:
        for done, trace in enumerate(szz.trace(quicker, fixes, variant, keep), 1):
            unread += trace.unread
            place = owner[trace.fix]
            for blamed in {owner[sha] for sha in trace.touched}:
                if start <= blamed < place and trace.doubt:
                    doubtful.add(blamed)
                elif start <= blamed < place and (blamed not in found or place < owner[found[blamed][1]]):
                    found[blamed] = (trace.fix, line[place])
            progress("fixes traced", done, len(fixes))
    return Repairs(found, frozenset(doubtful - found.keys()), unread)


def headline(message: str) -> str:
    """The title of a change; of a forge's merge commit the title of the pull request, which stands below the first line."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    merged = (
        len(lines) > 1
        and lines[0].startswith(("Merge pull request ", "Merge branch ", "Merge remote-tracking "))
        and not lines[1].startswith(("Conflicts:", "#", "See merge request"))
    )
    return lines[1] if merged else title(message)


def _change(meta: CommitMeta, landed: Mapping[str, int], finding: Finding, large: bool, found: tuple[str, str] | None, doubtful: bool) -> Change:
    assert finding.risk is not None
    measures = finding.features
    lines = 0.0 if math.isnan(measures["la"]) else measures["la"]
    repair = Repair(*found, landed[found[1]]) if found else None
    return Change(meta.sha, headline(meta.message), landed[meta.sha], finding.risk, finding.level, lines, measures["code_files"] > 0, large, repair, doubtful)


def _learned(model: Model, owner: Mapping[str, int]) -> int:
    """How many of these changes hold a commit that the model learned from."""
    manifest = model.directory / TRAINED_ON
    if not manifest.exists():
        return 0
    known = set(manifest.read_text("ascii").split())
    return len({place for sha, place in owner.items() if hashlib.sha256(sha.encode("ascii")).hexdigest() in known})
