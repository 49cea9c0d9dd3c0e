"""SZZ: from a fix commit, by the lines that it deleted, back to the commits that brought them in.

A variant is a set of switches; `VARIANTS` names the published ones and the one that labels by default. What each is
worth against what developers said is measured in docs/labels.md.

Sources: Sliwerski, Zimmermann & Zeller 2005 (MSR): the algorithm. Kim et al. 2006 (ASE): blank, comment and format changes
skipped (AG). da Costa et al. 2017 (TSE): meta changes skipped (MA). Davies et al. 2014 (JSEP): one candidate, the largest (L)
or the most recent (R). Rosa et al. 2021 (ICSE): all of them compared.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

from codex_gate.aside import kept
from codex_gate.blame import Blamed, blame
from codex_gate.comments import code_lines
from codex_gate.errors import GitError, LostError, UsageError
from codex_gate.fixes import fix_evidence, rearranges
from codex_gate.git import CommitMeta, Repository
from codex_gate.globs import Filter
from codex_gate.origin import Origin, Tokens, taken
from codex_gate.paths import language, role
from codex_gate.types import CommitFeatures, Evidence, FileChange, Hunk

Progress = Callable[[str], None]
_Way = Callable[[FileChange, bytes | None], tuple[int, ...]]

MAX_FILES = 100  # code files; a larger commit is neither a change nor a repair that anybody reviews (McIntosh & Kamei 2018, TSE 44(5))
MAX_LINES = 10_000  # changed lines of code; the same source
SURE_LINES = 30  # changed lines of code of a fix; of a larger one nobody can tell which lines were the repair (docs/labels.md)
SURE_FILES = 1  # code files of a fix; read by eye, accusations of fixes over several were right in 34 of 56 readings, the others in 246 of 312 (docs/DESIGN.md)
SURE_DAYS = 365  # between an accused commit and its fix; read by eye, what was repaired within a year was the accused one's fault in 80 % of 467 pairs, later in 55 % of 43 (docs/DESIGN.md)
LABELLER = 6  # raise it whenever labels change: tables made by another are mined again
_QUICK_FROM = 200  # fixes from which writing a commit-graph pays (measured: for 300 it saves a quarter of the time in 11,000 commits, a tenth in 5,500)
_INDENTED = ("python", "haskell")
_WORD = re.compile(rb"\w")  # a line of brackets alone has been brought by whoever closed a block there last
_WORKERS = 2  # git processes at a time
_CHUNK = 200  # fixes whose blames are in flight together


@dataclass(frozen=True, slots=True)
class Variant:
    """What a variant does beyond blaming deleted lines.

    Attributes:
        tests: files of tests are traced too.
        cosmetic: lines that are blank, comment or brackets alone are not traced, nor hunks that are only laid out anew.
        meta: an inducing commit that changed no text (merge, rename, layout) is looked through.
        size: fixes and inducing commits above MAX_FILES or MAX_LINES are left out, and imports of a whole tree.
        fall_back: with `cosmetic`, a fix without such lines is traced by what it laid out anew, or else by the lines beside those that it adds.
        pick: `all` candidates of a fix, the most `recent`, or the `largest` (most blamed lines).
        moves: further options of git blame, to follow lines that moved.
        doubt: accusations that rest on little are told from those that do not (see Trace.doubt); they give no label.
    """

    tests: bool = False
    cosmetic: bool = False
    meta: bool = False
    size: bool = False
    fall_back: bool = False
    pick: str = "all"
    moves: tuple[str, ...] = ()
    doubt: bool = False


VARIANTS: dict[str, Variant] = {
    "b": Variant(tests=True),
    "ag": Variant(tests=True, cosmetic=True),
    "ma": Variant(tests=True, cosmetic=True, meta=True),
    "l": Variant(tests=True, cosmetic=True, meta=True, pick="largest"),
    "r": Variant(tests=True, cosmetic=True, meta=True, pick="recent"),
    "recent": Variant(cosmetic=True, meta=True, size=True, fall_back=True, pick="recent", doubt=True),
}
DEFAULT = "recent"


@dataclass(frozen=True, slots=True)
class Fix:
    """A commit that says that it repairs a defect: its author time (Unix seconds) and the words that say so."""

    sha: str
    time: int
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class Induced:
    """One accusation: `fix` repaired `n_lines` lines that `inducing` brought, the first at `line` of `path` as it was then.

    `deleted` is False where the fix deleted nothing and the lines stand beside those that it added.
    """

    fix: str
    inducing: str
    path: str
    line: int
    n_lines: int
    deleted: bool = True


@dataclass(frozen=True, slots=True)
class Label:
    """Whether a commit induced a defect, the author time (Unix seconds) of its first fix, and all fixes, the first first; without doubtful ones."""

    buggy: bool
    fix_time: int | None = None
    fixes: tuple[str, ...] = ()


class Target(NamedTuple):
    """Lines (1-based) of a file in the parent of a fix whose origin is asked for, and what the fix took out of each where it deleted them (`origin.taken`).

    `layout`: the fix only laid them out anew.
    """

    path: str
    lines: tuple[int, ...]
    deleted: bool = True
    taken: tuple[Tokens | None, ...] = ()
    layout: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """What decides whether a commit can be blamed: its place and the size of its change of program text."""

    n_parents: int
    time: int
    n_files: int
    n_lines: int
    textless: bool

    @property
    def is_large(self) -> bool:
        """Whether it is above MAX_FILES or MAX_LINES."""
        return _is_large(self.n_files, self.n_lines)


# -- which commits are fixes -----------------------------------------------------------------------------


def find_fixes(metas: Iterable[CommitMeta]) -> list[Fix]:
    """The commits whose message says that they repair a defect; merges and roots are none."""
    found = ((meta, fix_evidence(meta.message)) for meta in metas if len(meta.parents) == 1)
    return [Fix(meta.sha, meta.time, evidence) for meta, evidence in found if evidence]


# -- which lines of a fix are traced ---------------------------------------------------------------------


def is_code(change: FileChange, tests: bool) -> bool:
    """Whether the file holds program text that counts: no test (unless asked), document, configuration, data or link."""
    return role(change.path) in (("code", "test") if tests else ("code",)) and not change.is_submodule and not change.is_symlink


def targets(repo: Repository, files: Sequence[FileChange], variant: Variant) -> list[Target]:
    """The lines to trace for one fix; nothing when the fix is too large or changes no program text."""
    changed = [f for f in files if is_code(f, variant.tests) and f.status in "MRDT" and f.deleted is not None]
    if variant.size and _is_large(*_size(files)):
        return []
    texts = repo.blobs(f.old_id for f in changed) if variant.cosmetic else {}
    for way in _WAYS[: None if variant.fall_back else 1] if variant.cosmetic else (_any_deleted,):
        found = [_target(f, lines, way, variant.doubt) for f in changed if (lines := way(f, texts.get(f.old_id)))]
        if found:
            return found
    return []


def _target(change: FileChange, lines: tuple[int, ...], way: _Way, doubt: bool) -> Target:
    path, deleted, layout = change.old_path or change.path, way is not _beside, way is _laid_out
    if not doubt:
        return Target(path, lines, deleted, layout=layout)
    known = {hunk.old_start + place: one for hunk in change.hunks() for place, one in enumerate(taken(hunk, language(path)))} if deleted else {}
    return Target(path, lines, deleted, tuple(known[line] for line in lines) if deleted else (Counter(),) * len(lines), layout)


def _any_deleted(change: FileChange, text: bytes | None) -> tuple[int, ...]:
    return tuple(hunk.old_start + place for hunk in change.hunks() for place in range(len(hunk.deleted)))


def _laid_out(change: FileChange, text: bytes | None) -> tuple[int, ...]:
    """Deleted lines with a word of program text, those of hunks that are only laid out anew among them."""
    return _deleted(change, text, layout=True)


def _deleted(change: FileChange, text: bytes | None, layout: bool = False) -> tuple[int, ...]:
    """Deleted lines with a word of program text; without `layout` none of a hunk that is only laid out anew."""
    spoken = language(change.path)
    code = code_lines(text, spoken) if text is not None else None
    hunks = [hunk for hunk in change.hunks() if layout or not is_layout(hunk, spoken)]
    lines = ((hunk.old_start + place, line) for hunk in hunks for place, line in enumerate(hunk.deleted))
    return tuple(number for number, line in lines if _WORD.search(line) and (code is None or number in code))


def is_layout(hunk: Hunk, spoken: str | None) -> bool:
    """Whether a hunk changes white space and line breaks alone; where indentation has a meaning, it is text."""
    return _squeezed(hunk.deleted, spoken) == _squeezed(hunk.added, spoken)


def _squeezed(lines: Sequence[bytes], spoken: str | None) -> bytes:
    if spoken in _INDENTED:
        return b"\n".join(line[: len(line) - len(line.lstrip())] + b"".join(line.split()) for line in lines if line.strip())
    return b"".join(b"".join(line.split()) for line in lines)


def _beside(change: FileChange, text: bytes | None) -> tuple[int, ...]:
    """The nearest line of program text on either side of each place where the fix adds some."""
    if text is None:
        return ()
    code = code_lines(text, language(change.path))
    last = text.count(b"\n") + 1
    found: set[int] = set()
    for hunk in change.hunks():
        if not code_lines(b"\n".join(hunk.added), language(change.path)):
            continue
        above = next((n for n in range(hunk.old_start - 1, 0, -1) if n in code), None)
        below = next((n for n in range(hunk.old_start + len(hunk.deleted), last + 1) if n in code), None)
        found.update(n for n in (above, below) if n is not None)
    return tuple(sorted(found))


_WAYS: tuple[_Way, ...] = (_deleted, _laid_out, _beside)


def _is_large(n_files: int, n_lines: int) -> bool:
    return n_files > MAX_FILES or n_lines > MAX_LINES


def _size(files: Sequence[FileChange]) -> tuple[int, int]:
    code = [f for f in files if is_code(f, False)]
    return len(code), sum((f.added or 0) + (f.deleted or 0) for f in code)


# -- who brought these lines -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Trace:
    """What tracing a fix gave; `unread` counts files that git could not blame (an object is missing or damaged).

    `doubt` says why the accusation rests on little, None where it does not: the fix is `large` (more than SURE_LINES lines of code or SURE_FILES files),
    its lines come from `several` commits (`others` are those that are not accused), it only adds `beside` them, it only laid them out anew (`layout`), the accused commit is `old` (SURE_DAYS),
    says that it `moved` text, or only `edited` lines whose fault was there before.
    """

    fix: str
    induced: tuple[Induced, ...]
    unread: int = 0
    doubt: str | None = None
    others: tuple[str, ...] = ()

    @property
    def touched(self) -> set[str]:
        """Whose lines the fix repaired: the accused, and the others where several are blamed."""
        return {i.inducing for i in self.induced}.union(self.others)

    def plain(self) -> list[Any]:
        """The same in JSON's types; `of` turns it back."""
        return [self.fix, self.unread, self.doubt, list(self.others), [[i.inducing, i.path, i.line, i.n_lines, i.deleted] for i in self.induced]]

    @classmethod
    def of(cls, plain: Sequence[Any]) -> Trace:
        fix, unread, doubt, others, induced = plain
        return cls(fix, tuple(Induced(fix, *fields) for fields in induced), unread, doubt, tuple(others))


def trace(repo: Repository, fixes: Sequence[tuple[str, int]], variant: Variant, keep: Filter | None = None) -> Iterator[Trace]:
    """The commits that each fix, given as (SHA, time), accuses.

    Args:
        keep: paths that are looked at; what a fix changes elsewhere accuses nobody, and does not make it large.
    Yields:
        A Trace for each fix, in order.
    Raises:
        GitError: the repository is shallow, so lines would be blamed on the edge of what was fetched.
    """
    if repo.is_shallow:
        raise GitError(f"{repo.git_dir} is a shallow clone: blame would accuse the oldest commit it has; fetch the whole history (git fetch --unshallow)")
    with ThreadPoolExecutor(_WORKERS) as pool:
        for at in range(0, len(fixes), _CHUNK):
            yield from _trace_chunk(repo, fixes[at : at + _CHUNK], variant, pool, keep)


def _trace_chunk(repo: Repository, fixes: Sequence[tuple[str, int]], variant: Variant, pool: ThreadPoolExecutor, keep: Filter | None) -> Iterator[Trace]:
    parents = {meta.sha: meta.parents for meta in repo.metas([sha for sha, _ in fixes])}
    pairs = [(sha, parents[sha][0]) for sha, _ in fixes if parents[sha]]
    asked: list[tuple[str, str, Target]] = []
    large: set[str] = set()
    for (sha, parent), every in zip(pairs, repo.diffs(pairs), strict=True):
        files = kept(every, keep)
        n_files, n_lines = _size(files)
        if n_files > SURE_FILES or n_lines > SURE_LINES:
            large.add(sha)
        # Of a large fix nobody asks what it took out of each line, which takes a millisecond a line.
        asked += [(sha, parent, target) for target in targets(repo, files, replace(variant, doubt=False) if sha in large else variant)]
    answers = list(pool.map(lambda ask: _blame(repo, ask[1], ask[2], variant), asked))
    known = facts(repo, {run.sha for runs in answers for run in runs or ()}) if variant.meta or variant.size or variant.pick == "recent" else {}
    if variant.meta:
        again = partial(_look_through, repo, variant, known)
        answers = list(pool.map(lambda pair: again(*pair), zip(asked, answers, strict=True)))
        known |= facts(repo, {run.sha for runs in answers for run in runs or ()} - known.keys())
    by_fix: dict[str, list[tuple[Target, list[Blamed] | None]]] = defaultdict(list)
    for (sha, _, target), runs in zip(asked, answers, strict=True):
        by_fix[sha].append((target, runs))
    accused = {sha: _accuse(sha, when, [(t, run) for t, runs in by_fix[sha] for run in runs or ()], variant, known) for sha, when in fixes}
    doubts = _doubts(repo, fixes, accused, by_fix, large, known) if variant.doubt else {}
    for sha, _ in fixes:
        doubt = doubts.get(sha)
        others = {run.sha for _, runs in by_fix[sha] for run in runs or ()} - {i.inducing for i in accused[sha]} if doubt == "several" else set()
        yield Trace(sha, accused[sha], sum(runs is None for _, runs in by_fix[sha]), doubt, tuple(sorted(others)))


_Answers = Sequence[tuple[Target, list[Blamed] | None]]


def _doubts(
    repo: Repository,
    fixes: Sequence[tuple[str, int]],
    accused: Mapping[str, tuple[Induced, ...]],
    answers: Mapping[str, _Answers],
    large: Collection[str],
    known: Mapping[str, Facts],
) -> dict[str, str]:
    """Why the accusation of a fix rests on little, by fix."""
    found: dict[str, str] = {}
    left: list[tuple[str, str]] = []
    for fix, when in fixes:
        if not accused[fix]:
            continue
        one = accused[fix][0].inducing
        if fix in large:
            found[fix] = "large"
        elif len({run.sha for _, runs in answers[fix] for run in runs or ()}) > 1:
            found[fix] = "several"
        elif not accused[fix][0].deleted:
            found[fix] = "beside"
        elif any(target.layout for target, _ in answers[fix]):
            found[fix] = "layout"
        elif when - known[one].time > SURE_DAYS * 86400:
            found[fix] = "old"
        else:
            left.append((fix, one))
    metas = repo.metas(sorted({one for _, one in left}))
    parents = {meta.sha: meta.parents[0] if meta.parents else None for meta in metas if not rearranges(meta.message)}
    found |= {fix: "moved" for fix, one in left if one not in parents}
    asked: dict[str, list[str]] = defaultdict(list)
    for fix, one in left:
        asked[one].append(fix)
    for (one, _), files in zip(parents.items(), repo.diffs(list(parents.items())), strict=True):
        origin = Origin(files)
        found |= {fix: "edited" for fix in asked[one] if not any(_brought(origin, target, run) for target, runs in answers[fix] for run in runs or ())}
    return found


def _brought(origin: Origin, target: Target, run: Blamed) -> bool:
    """Whether a commit brought the fault of one of these lines with it."""
    repaired = dict(zip(target.lines, target.taken, strict=True))
    lines = ((run.old_line + n, repaired.get(run.line + n)) for n in range(run.n_lines))
    return any(one is not None and origin.brought(run.path, line, one) for line, one in lines)


def _blame(repo: Repository, parent: str, target: Target, variant: Variant, ignored: Iterable[str] = ()) -> list[Blamed] | None:
    try:
        return blame(repo, parent, target.path, target.lines, ignored, variant.moves)
    except LostError:
        return None


def _look_through(
    repo: Repository, variant: Variant, known: Mapping[str, Facts], ask: tuple[str, str, Target], runs: list[Blamed] | None
) -> list[Blamed] | None:
    """Blame again, past the commits that changed no text."""
    _, parent, target = ask
    ignored = sorted({run.sha for run in runs or () if _is_meta(known[run.sha])})
    return _blame(repo, parent, target, variant, ignored) if ignored else runs


def _is_meta(commit: Facts) -> bool:
    return commit.n_parents > 1 or commit.textless


def facts(repo: Repository, shas: Iterable[str], keep: Filter | None = None) -> dict[str, Facts]:
    """Facts of commits, or of what they change in the paths that are looked at, read in one stream of diffs."""
    metas = repo.metas(sorted(shas))
    diffs = repo.diffs([(meta.sha, meta.parents[0] if meta.parents else None) for meta in metas])
    return {meta.sha: _facts(meta, kept(files, keep)) for meta, files in zip(metas, diffs, strict=True)}


def _facts(meta: CommitMeta, files: Sequence[FileChange]) -> Facts:
    return Facts(len(meta.parents), meta.time, *_size(files), all(is_layout(h, language(f.path)) for f in files for h in f.hunks()))


def _accuse(fix: str, when: int, found: Sequence[tuple[Target, Blamed]], variant: Variant, known: Mapping[str, Facts]) -> tuple[Induced, ...]:
    groups: dict[tuple[str, str, bool], list[Blamed]] = defaultdict(list)
    for target, run in found:
        if not known or _can_be_blamed(known[run.sha], when, variant):
            groups[run.sha, run.path, target.deleted].append(run)
    accused = [Induced(fix, sha, path, min(r.old_line for r in runs), sum(r.n_lines for r in runs), deleted) for (sha, path, deleted), runs in groups.items()]
    if variant.pick != "all" and accused:
        weight = Counter({i.inducing: 0 for i in accused})
        for i in accused:
            weight[i.inducing] += i.n_lines
        chosen = max(weight, key=lambda sha: (known[sha].time if variant.pick == "recent" else weight[sha], weight[sha], sha))
        accused = [i for i in accused if i.inducing == chosen]
    return tuple(sorted(accused, key=lambda i: (-i.n_lines, i.inducing, i.path, i.line)))


def _can_be_blamed(commit: Facts, fix_time: int, variant: Variant) -> bool:
    if variant.meta and _is_meta(commit):
        return False
    if variant.size and (not commit.n_parents or commit.is_large):
        return False
    return commit.time <= fix_time


# -- labels ----------------------------------------------------------------------------------------------


def too_large(repo: Repository, changes: Iterable[tuple[CommitMeta, CommitFeatures]], keep: Filter | None = None) -> set[str]:
    """The changes that are too large for a variant that looks at size to blame them; a merge never is, for its commits are blamed one by one.

    Args:
        changes: each with its measures, which tell the few that are looked at again.
        keep: the paths that were measured; with them all are looked at, for what is blamed is a commit with all its files.
    """
    near = [meta.sha for meta, measures in changes if len(meta.parents) < 2 and (keep is not None or _may_be_large(measures))]
    return {sha for sha, found in facts(repo, near).items() if found.is_large} if near else set()


def _may_be_large(measures: CommitFeatures) -> bool:
    """Measures count links and submodules too, and a share of lines is rounded: no less than what counts here."""
    return measures["code_files"] > MAX_FILES or measures["code_share"] * (measures["la"] + measures["ld"]) > MAX_LINES - 1


def label(
    repo: Repository,
    metas: Sequence[CommitMeta],
    variant: str = DEFAULT,
    traced: Mapping[str, Trace] | None = None,
    store: Callable[[Trace], None] = lambda _: None,
    progress: Progress = lambda _: None,
    remedy: str = "nothing can be learnt here without labels from outside",
    keep: Filter | None = None,
) -> dict[str, Label]:
    """Labels of the commits in `metas` that change program text.

    Merges, roots, commits without a line of code (by `paths.role`), those above MAX_FILES or MAX_LINES and those whose lines
    doubtful fixes alone repaired get none: neither "buggy" nor "clean" could be said of them. A fix may itself be labelled. Fixes count up to the last of `metas`.

    Args:
        metas: a history, parents before children.
        variant: a name in VARIANTS.
        traced: what an earlier run found, by fix; these are not traced again.
        store: called with each new trace.
        remedy: what to do where there are no fixes, for the sentence.
        keep: paths that are looked at, in fixes and in what they repair.
    Raises:
        UsageError: no such variant, or no commit says that it is a fix.
        GitError: a shallow clone.
    """
    if variant not in VARIANTS:
        raise UsageError(f"there is no SZZ variant {variant!r}; expected one of {', '.join(VARIANTS)}")
    fixes = find_fixes(metas)
    if not fixes:
        raise UsageError(f"none of {len(metas)} commits says that it repairs a defect; {remedy}")
    traces = {fix.sha: traced[fix.sha] for fix in fixes if fix.sha in traced} if traced else {}
    rest = [(fix.sha, fix.time) for fix in fixes if fix.sha not in traces]
    progress(f"{len(fixes)} of {len(metas)} commits are fixes" + (f", {len(traces)} of them traced before" if traces else ""))
    with quick(repo, len(rest)) as quicker:
        for done, found in enumerate(trace(quicker, rest, VARIANTS[variant], keep), 1):
            store(found)
            traces[found.fix] = found
            if done % 1000 == 0:
                progress(f"{done} of {len(rest)} fixes traced")
    unread = sum(t.unread for t in traces.values())
    if unread:
        one = unread == 1
        progress(
            f"{unread} {'file' if one else 'files'} could not be blamed because objects are missing or damaged; {'it accuses' if one else 'they accuse'} nobody"
        )
    return _labels(repo, metas, fixes, traces, keep)


def quick(repo: Repository, n_fixes: int) -> AbstractContextManager[Repository]:
    """The repository made quicker where enough is to be blamed for that to pay."""
    return repo.quickened() if n_fixes >= _QUICK_FROM else nullcontext(repo)


def _labels(repo: Repository, metas: Sequence[CommitMeta], fixes: Sequence[Fix], traces: Mapping[str, Trace], keep: Filter | None) -> dict[str, Label]:
    by_commit: dict[str, list[str]] = defaultdict(list)
    doubtful: set[str] = set()
    for fix in sorted(fixes, key=lambda f: (f.time, f.sha)):
        trace = traces[fix.sha]
        if trace.doubt is None:
            for sha in trace.touched:
                by_commit[sha].append(fix.sha)
        else:
            doubtful |= trace.touched
    times = {fix.sha: fix.time for fix in fixes}
    known = facts(repo, [meta.sha for meta in metas if len(meta.parents) == 1], keep)
    doubtful -= by_commit.keys()
    eligible = [meta.sha for meta in metas if meta.sha in known and meta.sha not in doubtful and known[meta.sha].n_lines and not known[meta.sha].is_large]
    return {sha: Label(True, times[found[0]], tuple(found)) if (found := by_commit.get(sha)) else Label(False) for sha in eligible}
