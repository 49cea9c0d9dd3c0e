"""The order of steps, known here alone: diff → history → features → risk → level → categories → reasons."""

from __future__ import annotations

import math
import time
from bisect import bisect_right
from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import replace
from functools import cached_property
from itertools import islice
from typing import NamedTuple

from codex_gate import explain, levels, localise
from codex_gate.aside import called, kept
from codex_gate.content import read
from codex_gate.diffs import first_line
from codex_gate.errors import GitError, UsageError
from codex_gate.features import LineCount, extract
from codex_gate.git import CommitMeta, Repository, author_key, is_sha
from codex_gate.history import ChangePast, History
from codex_gate.hybrid import HybridClassifier
from codex_gate.index import HistoryIndex, IndexDamagedError, IndexRefusedError
from codex_gate.linecounts import LineCounts
from codex_gate.messages import title
from codex_gate.model import Model
from codex_gate.own_words import Words
from codex_gate.paths import role
from codex_gate.policy import OPEN, Gate, Heard, Policy, classifications, heard
from codex_gate.types import (
    EDGE,
    MIN_RELIEF,
    Classification,
    Commit,
    CommitFeatures,
    Evidence,
    Explanation,
    FileChange,
    FileFocus,
    Finding,
    Level,
    LineScore,
    Notice,
    Relief,
    Report,
    Share,
    Thresholds,
)
from codex_gate.walk import Row, as_commit, edge_features, walk
from codex_gate.windows import Windows, with_recent

_FAR_BEHIND = 32  # places where new commits leave the known history; more cost more than a walk from the root
_MAX_FOCUS = 200  # files that are scored one by one for the places to look first, of more those with most lines
_FOCUS_LINES = 2_000  # changed lines that are ranked for the place to look first; a larger change is ranked file by file (chosen: 0.2 s)
_OUTSIDE = -1.0  # in the index, in place of the risk of a change of which the configuration's paths keep no file
_SHOWN = 60  # changes before this one in the plot of a page (chosen)
_BATCH = 128  # changes that are scored at once: git works ahead meanwhile, as far as its pipe reaches

_LOOK = "codex_gate.policy:listener:{}"  # by name and directory of models: a long walk has another process look

ALL_LINES = -1
PastOf = Callable[[Commit], ChangePast | None]
_Ranked = tuple[tuple[LineScore, ...], tuple[Notice, ...]]

SHALLOW = Notice(
    "shallow",
    "this clone is shallow: what happened before is not known, so history measures are unknown and no level is given; fetch with full depth (fetch-depth: 0)",
)

OUTSIDE = Notice("outside-paths", "the paths that are looked at hold no changed file: there is nothing to screen")


class _Seen(NamedTuple):
    """What is left of a change when its diff is let go: its files and their names before, what it speaks for, which lines their author marked to be ignored, what a repair is likeliest about."""

    paths: tuple[str, ...]
    categories: tuple[Classification, ...] = ()
    ignored: tuple[Evidence, ...] = ()
    likeliest: str | None = None
    earlier: tuple[str, ...] = ()


class Screener:
    """Screens changes of one repository with one model.

    With `thorough` a change is measured in full whatever comes out; without it what a report in words would
    not show anyway is left out, which a hook feels: what would lower the risk, and at level low reasons, complexity and files.
    `policy` says which paths are looked at, what is said about them, and the noise budget.
    With `lines` every finding holds its so many riskiest changed lines, riskiest first, or with ALL_LINES every
    one in the order of the diff. `with_diff` does the latter for the change alone, where the model can rank lines.
    `tier` says who tells kinds of defects, 1 to 3; None is the highest that can run, for many commits 1.

    Raises:
        UsageError: `lines` of a model that has no line ranker.
    """

    def __init__(
        self,
        repo: Repository,
        model: Model,
        *,
        thorough: bool = True,
        lines: int | None = None,
        policy: Policy | None = None,
        with_diff: bool = False,
        tier: int | None = 1,
    ) -> None:
        self.thorough = thorough
        self.lines = lines
        self.with_diff = with_diff
        self.tier = tier
        self.repo = repo
        self.model = model
        self.policy = policy or Policy()
        self._version = model.version + self.policy.key
        self.started = time.perf_counter()
        if lines is not None and self._ranker is None:
            raise UsageError(f"the model {model.version} has no line ranker; use the one that ships, or install one with: automl-codex lines --output DIR")

    # -- what can be asked ---------------------------------------------------------------------------

    def range(self, base: str, head: str, scope: str) -> Report:
        """The change from the merge base of `base` and `head` to `head`, as it would land, and each commit of it that `base` does not have.

        Raises:
            GitError: an unknown revision.
            RangeError: no common history.
        """
        tip, new = self.repo.resolve(base), self.repo.resolve(head)
        old = self.repo.merge_base(tip, new)
        metas = self.repo.log(stdin=[new, f"^{old}"])
        # Where both were merged into each other there are several merge bases, and behind one lie commits that the base has by another.
        inside = {meta.sha for meta in metas} if tip == old else set(self.repo.rev_list(stdin=[new, f"^{tip}"]))
        own = [meta for meta in metas if meta.sha in inside]
        if not metas:
            return self._nothing(scope, Notice("empty-range", f"{scope} holds no commits: there is nothing to screen"))

        def run(index: HistoryIndex | None) -> Report:
            recent = self._recent(index, old)
            limits = self._limits(recent)
            last = metas[-1]
            files = self._files(new, old)
            if not files and self.policy.keep is not None:
                return self._nothing(scope, OUTSIDE)
            message = "\n\n".join(meta.message for meta in own if len(meta.parents) < 2)
            whole = Commit(new, (old,), last.author, last.time, last.utc_offset, message, files)
            change = self._finding(whole, lambda commit: self._past(index, commit, old), recent, limits, _headline(own))
            rows = (row for row in self._walk_on(index, metas, patches=True) if row.commit.sha in inside and not self._is_outside(row.commit))
            commits = tuple(
                _with_lines(
                    self._brief(r.commit, r.features, self._seen(r.commit), self.model.risk(r.features), recent, limits), self._rank(r.commit, self.lines)
                )
                for r in rows
            )
            return self._report(scope, change, commits, limits, self._notices(index))

        return self._with_index(run, old)

    def commit(self, revision: str, scope: str) -> Report:
        """One commit with what was known before it; a merge as the change that it brought."""
        sha = self.repo.resolve(revision)
        meta = self.repo.metas([sha])[0]
        parent = meta.parents[0] if meta.parents else None
        if sha in self.repo.shallow_edge():
            commit = as_commit(meta, ())
            features = edge_features(extract(commit, None, lambda _: None, self.model.words))
            finding = Finding(sha, title(meta.message), None, Level.UNKNOWN, None, (), features, notices=features.notices)
            return self._report(scope, finding, (), Thresholds(0, self.model.base_rate), [SHALLOW])

        def run(index: HistoryIndex | None) -> Report:
            recent = self._recent(index, parent)
            limits = self._limits(recent)
            author = self.repo.metas([meta.parents[1]])[0].author if len(meta.parents) > 1 else None
            commit = as_commit(meta, self._files(sha, parent), author)
            if self._is_outside(commit):
                return self._nothing(scope, OUTSIDE)
            finding = self._finding(commit, lambda commit: self._past(index, commit, parent), recent, limits, title(meta.message))
            return self._report(scope, finding, (), limits, self._notices(index))

        return self._with_index(run, parent)

    def explain(self, revision: str) -> Explanation:
        """One commit with what every measure adds to its risk, and its hunks and lines, riskiest first.

        Raises:
            UsageError: the commit lies at the edge of a shallow clone, so its diff is not known; or the configuration's paths keep nothing of it.
        """
        report = self.commit(revision, f"commit {revision}")
        finding = report.change
        if finding is None:
            raise UsageError(f"{report.scope}: the paths that are looked at hold no changed file, so there is nothing to explain")
        assert finding.sha is not None
        if finding.risk is None:
            raise UsageError(f"{finding.sha} lies at the edge of a shallow clone: what it changed is not known here; fetch with full depth (fetch-depth: 0)")
        meta = self.repo.metas([finding.sha])[0]
        files = self._files(finding.sha, meta.parents[0] if meta.parents else None)
        scored = self._ranker.rank(files) if self._ranker is not None else []
        shares = tuple(Share(*share) for share in self.model.explain(finding.features))
        hunks = tuple(localise.hunks(files, scored, lambda texts: self._classifier.of_hunks(texts, meta.message)))
        return Explanation(report, self.model.expected_risk, shares, hunks, tuple(localise.top(scored, len(scored))))

    def staged(self, identity: tuple[str, str, int, int] | None, now: int) -> Report:
        """The index against HEAD, as the commit that it would become; its message is not known yet.

        Args:
            identity: (name, e-mail, Unix seconds, zone in minutes) of who would commit; None when unknown.
            now: Unix seconds, the time of the change when `identity` is None.
        """
        head = self.repo.head()
        staged = self.repo.staged(head)
        files = self._kept(staged)
        if staged and not files:
            return self._nothing("staged changes", OUTSIDE)
        if not files:
            return self._nothing("staged changes", Notice("empty-range", "nothing is staged: there is nothing to screen"))
        name, email, when, zone = identity or ("", "", now, 0)

        def run(index: HistoryIndex | None) -> Report:
            recent = self._recent(index, head)
            limits = self._limits(recent)
            commit = Commit(None, (head,) if head else (), author_key(name, email), when, zone, None, files)
            finding = self._finding(commit, lambda commit: self._past(index, commit, head), recent, limits, "staged changes")
            notices = self._notices(index)
            if identity is None:
                notices.append(Notice("no-identity", "git knows no author (user.email is not set): experience measures are those of a newcomer"))
            return self._report("staged changes", finding, (), limits, notices)

        return self._with_index(run, head)

    def many(self, shas: Sequence[str], progress: Callable[[int, int], None] = lambda done, of: None) -> Iterator[Finding]:
        """Each of these commits with only what was known before it, in history order, at mining speed.

        Levels and percentiles compare with the changes on the first-parent line before each commit.
        """
        asked = set(shas)
        classifier = self.of_many
        reads = self.lines is not None or classifier.student is not None  # the student runs in this process
        look = _LOOK.format(self.model.directory) if classifier.student is None else None
        helper = None if reads else called(self.repo, len(asked), look)
        with helper or nullcontext():
            metas = self.repo.log(stdin=sorted(asked), meanwhile=lambda: self.model.ready(len(asked))) if asked else []
            needed = with_recent(metas, asked)
            noted = self._noted(needed - asked)
            history, unknown, words = History(), needed - noted.keys(), self.model.words
            walked = walk(self.repo, metas, unknown, history, keep=self.policy.keep, patches=reads, look=look, looked_at=asked, helper=helper, words=words)
            scored = yield from self._each([meta for meta in metas if meta.sha in needed], walked, noted, asked, progress)
            if not history.is_partial:
                self._note(scored)

    def _each(
        self, line: Sequence[CommitMeta], walked: Iterator[Row], noted: Mapping[str, float], asked: Collection[str], progress: Callable[[int, int], None]
    ) -> Generator[Finding, None, dict[str, float]]:
        """The findings on those of a line of commits that were asked for, from what was walked of it and what an earlier run noted of the others; all risks."""
        windows = Windows(line)
        of = len(line) - len(noted)
        rows, behind = self._classified(walked, asked), iter(line)
        scored: dict[str, float] = {}
        while batch := list(islice(rows, _BATCH)):
            risks = self.model.risks([features for _, features, *_ in batch], of)
            for (commit, features, seen, lines), scored_risk in zip(batch, risks, strict=True):
                outside = self.policy.keep is not None and not seen.paths
                risk = _OUTSIDE if outside else scored_risk
                for meta in behind:  # those before this one whose risk was noted by an earlier run
                    if meta.sha == commit.sha:
                        break
                    windows.add(meta.sha, meta.parents, noted[meta.sha])
                assert commit.sha is not None
                if commit.sha in asked:
                    recent: Sequence[float] = () if self.repo.is_shallow else windows.before(commit.parents)
                    recent = recent[bisect_right(recent, _OUTSIDE) :] if self.policy.keep is not None else recent
                    known = None if outside or any(n.code == EDGE for n in features.notices) else risk
                    found = _with_lines(self._brief(commit, features, seen, known, recent, self._limits(recent)), lines)
                    more = (*(OUTSIDE,) * outside, *self.of_many.notices, *(SHALLOW,) * self.repo.is_shallow)
                    yield replace(found, notices=(*found.notices, *more)) if more else found
                windows.add(commit.sha, commit.parents, risk)
                scored[commit.sha] = risk
            progress(len(scored), of)
        return scored

    def _classified(self, rows: Iterator[Row], asked: Collection[str]) -> Iterator[tuple[Commit, CommitFeatures, _Seen, _Ranked | None]]:
        """The measured rows with what was seen in place of their diffs, which are let go."""
        for commit, features, found in rows:
            wanted = commit.sha in asked
            # Nobody looked where it was not asked for, or where its diff is not known.
            seen = self._spoken(commit, found) if found is not None else self._seen(commit, self.of_many) if wanted else _Seen(commit.paths)
            lines = self._rank(commit, self.lines) if wanted else None
            yield Commit(commit.sha, commit.parents, commit.author, commit.time, commit.utc_offset, commit.message), features, seen, lines

    def _noted(self, shas: Collection[str]) -> dict[str, float]:
        """Risks that the index knows; none where it cannot be used: bulk screening works without it."""
        if self.repo.is_shallow or not shas:
            return {}
        try:
            with HistoryIndex(self.repo) as index:
                return index.risks(self._version, sorted(shas))
        except (IndexDamagedError, IndexRefusedError):
            return {}

    def _note(self, scored: Mapping[str, float]) -> None:
        if self.repo.is_shallow or not scored:
            return
        with suppress(IndexDamagedError, IndexRefusedError), HistoryIndex(self.repo) as index:
            index.note_risks(self._version, scored)

    def gate(self, finding: Finding | None) -> Gate:
        """What the gate of its files says of a change that was screened here (`Policy.gate`), of none that it passes."""
        return self.policy.gate(finding, is_shallow=self.repo.is_shallow) if finding is not None else OPEN

    # -- steps ---------------------------------------------------------------------------------------

    def _with_index(self, run: Callable[[HistoryIndex | None], Report], before: str | None) -> Report:
        """The report; where a page is made of it, with the risks of the changes up to `before`, as far as they are known."""
        report = self._indexed(run)
        line = self.repo.rev_list("--first-parent", "-n", str(_SHOWN), before) if self.with_diff and before else []
        noted = self._noted(line)
        return replace(report, recent=tuple(noted[sha] for sha in reversed(line) if noted.get(sha, _OUTSIDE) != _OUTSIDE))

    def _indexed(self, run: Callable[[HistoryIndex | None], Report]) -> Report:
        """Run with the history index; one that is damaged is thrown away and built again, one that cannot be used is left alone."""
        if self.repo.is_shallow:
            return run(None)
        why = ""
        for fresh in (False, True):
            try:
                with HistoryIndex(self.repo, fresh=fresh) as index:
                    return run(index)
            except IndexRefusedError as error:
                why = str(error)
                break
            except IndexDamagedError as error:
                why = str(error)
        try:
            with HistoryIndex(self.repo, without=why) as index:
                return run(index)
        except IndexDamagedError as error:  # nothing of an index is left to be damaged
            raise GitError(f"git tells this history in two ways ({error}); look at it with git commit-graph verify and git fsck") from error

    def _files(self, new: str, old: str | None) -> tuple[FileChange, ...]:
        return self._kept(next(iter(self.repo.diffs([(new, old)])), ()))

    def _kept(self, files: tuple[FileChange, ...]) -> tuple[FileChange, ...]:
        return kept(files, self.policy.keep)

    def _is_outside(self, commit: Commit) -> bool:
        """Whether the configuration's paths keep nothing of it; a commit that changes no file counts as outside too."""
        return self.policy.keep is not None and not commit.files

    def _limits(self, recent: Sequence[float]) -> Thresholds:
        return levels.thresholds(recent, self.model.base_rate, self.policy.shares)

    def _nothing(self, scope: str, why: Notice) -> Report:
        return self._report(scope, None, (), Thresholds(0, self.model.base_rate), [why])

    def _past(self, index: HistoryIndex | None, commit: Commit, before: str | None) -> ChangePast | None:
        """What was known when `before` was the newest commit; None in a shallow clone."""
        return index.history.before(commit.author, commit.time, commit.files, index.past(before)) if index is not None else None

    def _recent(self, index: HistoryIndex | None, tip: str | None) -> list[float]:
        """Risks of the last changes on the first-parent line that ends in `tip`, ascending; the index catches up."""
        if index is None or tip is None:
            return []
        line = self.repo.rev_list("--first-parent", "-n", str(levels.N_RECENT), tip)
        version = self._version
        known = index.risks(version, line)
        lacking = {sha for sha in line if sha not in known}
        metas = index.missing(tip)
        fresh = {meta.sha for meta in metas}
        if metas:
            scored = self._score(self._walk_on(index, metas, lacking & fresh))
            index.add(metas, tip)
            index.note_risks(version, scored)
            known |= scored
        unscored = lacking - fresh
        if unscored:
            scored = self._score(self._again(index, line, unscored))
            index.note_risks(version, scored)
            known |= scored
        if lost := set(line).difference(known):
            raise IndexDamagedError(f"no walk comes to {min(lost)}, which lies on this line")
        return sorted(known[sha] for sha in line if known[sha] != _OUTSIDE)

    def _score(self, rows: Iterator[Row]) -> dict[str, float]:
        """Risks of the measured ones by SHA; the diffs are let go at once."""
        scored: dict[str, float] = {}
        source = ((row.commit.sha, row.features, self._is_outside(row.commit)) for row in rows if row.commit.sha is not None)
        while batch := list(islice(source, _BATCH)):
            risks = self.model.risks([features for _, features, _ in batch])
            scored.update((sha, _OUTSIDE if outside else risk) for (sha, _, outside), risk in zip(batch, risks, strict=True))
        return scored

    def _again(self, index: HistoryIndex, line: Sequence[str], unscored: Collection[str]) -> Iterator[Row]:
        """Measure changes of a first-parent line (newest first) that the index holds without a risk."""
        oldest = max(k for k, sha in enumerate(line) if sha in unscored)
        parents = self.repo.metas([line[oldest]])[0].parents
        before = parents[0] if parents else None
        metas = self.repo.log(stdin=[line[0], *([f"^{before}"] if before else [])])
        inside = {meta.sha for meta in metas}
        # What these commits grow from lies before `before`, so its past is that of the line wherever a branch comes in.
        base = {root: index.past(before) for root in {parent for meta in metas for parent in meta.parents} - inside}
        return walk(self.repo, metas, unscored, index.history, base, index.size, index.ordinals(inside), self.policy.keep, words=self.model.words)

    def _walk_on(
        self, index: HistoryIndex | None, metas: Sequence[CommitMeta], wanted: Collection[str] | None = None, *, patches: bool = False
    ) -> Iterator[Row]:
        """Walk commits that grow from what the index holds; its history learns them, the file does not yet."""
        if index is None:
            yield from walk(self.repo, metas, wanted, History(), keep=self.policy.keep, patches=patches, words=self.model.words)
            return
        inside = {meta.sha for meta in metas}
        roots = {parent for meta in metas for parent in meta.parents} - inside
        if len(roots) > _FAR_BEHIND and wanted is not None:
            raise IndexDamagedError("the index is far behind; a walk from the root is quicker")
        yield from walk(
            self.repo, metas, wanted, index.history, index.pasts(roots, len(metas)), index.size, keep=self.policy.keep, patches=patches, words=self.model.words
        )

    def _finding(self, commit: Commit, past_of: PastOf, recent: Sequence[float], limits: Thresholds, heading: str) -> Finding:
        """The full verdict on one change: with complexity, reasons, the files to look at first and what would lower the risk."""
        past = past_of(commit)
        with LineCounts(self.repo) as line_count:
            features = extract(commit, past, line_count, self.model.words)
            finding = self._brief(commit, features, self._seen(commit), self.model.risk(features), recent, limits)
            finding = replace(_with_lines(finding, self._rank(commit, ALL_LINES if self.with_diff else self.lines)), title=heading)
            if finding.level is Level.LOW and not self.thorough:
                return finding
            measured = {**finding.features.values, "complexity_delta": self._complexity(commit)}
            features = CommitFeatures(measured, finding.features.notices)
            why = explain.reasons(self.model.explain(features), features, self._told(commit))
            files = self._focus(commit, past, line_count)
            relief = (
                self._relief(commit, self.model.risk(features), files, past_of, line_count) if self.thorough and not finding.is_blind else None
            )  # what cannot be read would look harmless
            return replace(finding, features=features, reasons=why, files=files, relief=relief)

    def _relief(self, commit: Commit, risk: float, files: Sequence[FileFocus], past_of: PastOf, line_count: LineCount) -> tuple[Relief, ...] | None:
        """What the change would score without each of the files to look at first, where that is less; measured, not guessed, and of a large change neither."""
        if len(commit.files) > _MAX_FOCUS:
            return None
        rests = [(f.path, replace(commit, files=tuple(c for c in commit.files if c.path != f.path))) for f in files]
        measured = [(path, extract(rest, past_of(rest), line_count, self.model.words)) for path, rest in rests if rest.files]
        found = [Relief(path, left) for (path, _), left in zip(measured, self.model.risks([f for _, f in measured]), strict=True) if left <= risk - MIN_RELIEF]
        return tuple(sorted(found, key=lambda relief: relief.risk))

    def _told(self, commit: Commit) -> Sequence[str]:
        """The words of a change that move its risk most, where the model reads words."""
        words = self.model.words
        return words.told(Words.of(commit.files, read(commit.files)[1]), explain.MAX_WORDS) if words is not None else ()

    def _complexity(self, commit: Commit) -> float:
        from codex_gate import complexity

        chosen = complexity.measurable(commit.files)
        if not chosen or len(chosen) > complexity.MAX_FILES:
            return math.nan
        return complexity.delta(chosen, self.repo.blobs({i for f in chosen for i in (f.old_id, f.new_id)}, complexity.MAX_BYTES))

    def _seen(self, commit: Commit, classifier: HybridClassifier | None = None) -> _Seen:
        """What the classifier sees and nobody ignores."""
        return self._spoken(commit, heard(commit, (classifier or self._classifier).weigh))

    def _spoken(self, commit: Commit, told: Heard) -> _Seen:
        """The same from what was heard in its diff."""
        found, changed, earlier, likeliest = classifications(told), commit.paths, commit.earlier, told[2]
        if likeliest and not self.policy.spoken([Classification(likeliest, 0.0)], changed + earlier):
            likeliest = None
        return _Seen(changed, self.policy.spoken(found, changed + earlier), tuple(Evidence(*mark) for mark in told[1]), likeliest, earlier)

    def _brief(
        self,
        commit: Commit,
        features: CommitFeatures,
        seen: _Seen,
        risk: float | None,
        recent: Sequence[float],
        limits: Thresholds,
    ) -> Finding:
        """The verdict in short."""
        notices = [*features.notices, *self.policy.notices(seen.paths)]
        if seen.ignored:
            them = "it" if len(seen.ignored) == 1 else "them"
            text = f"{explain.count(len(seen.ignored), 'line')} marked codex-gate: ignore by the author: nothing is said about {them}, the risk stays"
            notices.append(Notice("marked", text))
        level = levels.level(risk, limits)
        if level is Level.LOW and features.is_blind:
            level = Level.UNKNOWN  # what could not be read may be the risky part; where the rest alone stands out, it does
        others = recent if level is not Level.UNKNOWN else ()
        return Finding(
            sha=commit.sha,
            title=title(commit.message) if commit.message is not None else "staged changes",
            risk=risk,
            level=level,
            percentile=None if risk is None else levels.percentile(risk, others),
            classifications=seen.categories,
            features=features,
            notices=tuple(notices),
            paths=seen.paths,
            ignored=seen.ignored,
            likeliest=seen.likeliest,
            earlier=seen.earlier,
            above=None if risk is None else levels.above(risk, others),
        )

    def _focus(self, commit: Commit, past: ChangePast | None, line_count: LineCount) -> tuple[FileFocus, ...]:
        """The files to look at first: each scored as if it were the whole change, program text before the rest."""
        measured = [(f, k) for k, f in enumerate(commit.files) if f.added is not None and (f.added or f.deleted) and not self.policy.mutes(f.path)]
        measured.sort(key=lambda entry: (role(entry[0].path) != "code", -(entry[0].added or 0), -(entry[0].deleted or 0), entry[0].path))
        chosen = measured[:_MAX_FOCUS]
        alone = [extract(replace(commit, files=(f,)), past.only(k, commit.time) if past else None, line_count, self.model.words) for f, k in chosen]
        scored = [(risk, f, k) for risk, (f, k) in zip(self.model.risks(alone), chosen, strict=True)]
        scored.sort(key=lambda entry: (role(entry[1].path) != "code", -entry[0], entry[1].path))
        first = self._first_lines(commit.files, [f for _, f, _ in scored[:3]])
        return tuple(
            FileFocus(f.path, line, risk, explain.focus(f, past.files[k] if past else None)) for line, (risk, f, k) in zip(first, scored[:3], strict=True)
        )

    def _first_lines(self, files: Sequence[FileChange], chosen: Sequence[FileChange]) -> list[int]:
        """Where to look first in each of the chosen files: the riskiest line that is still there, the first changed one where none is ranked."""
        if self._ranker is None:
            return [first_line(f) for f in chosen]
        size = sum((f.added or 0) + (f.deleted or 0) for f in files)
        best: dict[str, LineScore] = {}
        for part in [files] if size <= _FOCUS_LINES else [[f] for f in chosen]:
            for line in self._ranker.rank(part, _FOCUS_LINES):
                if line.added and (line.path not in best or line.score > best[line.path].score):
                    best[line.path] = line
        return [best[f.path].line if f.path in best else first_line(f) for f in chosen]

    @cached_property
    def _classifier(self) -> HybridClassifier:
        """Of one change, and of its commits: at `tier`, the highest that can run for None; many commits have tier 1 then (`many`)."""
        return HybridClassifier.of(self.model.directory, self.tier)

    @cached_property
    def of_many(self) -> HybridClassifier:
        """The classifier of `many`; its tier is the first where the one that was asked for cannot run."""
        return HybridClassifier.of(self.model.directory, 1) if self.tier is None else self._classifier

    @cached_property
    def _ranker(self) -> localise.LineRanker | None:
        return localise.LineRanker.load(self.model.directory, self.model.manifest)

    def _rank(self, commit: Commit, wanted: int | None) -> _Ranked | None:
        """The lines that were asked for, and a notice where some of the change's lines were not looked at."""
        if wanted is None or self._ranker is None:
            return None
        scored = self._ranker.rank(commit.files)
        size = sum((f.added or 0) + (f.deleted or 0) for f in commit.files)
        shown = scored if wanted == ALL_LINES else localise.top(scored, wanted)
        capped = len(scored) >= localise.MAX_LINES < size
        return tuple(shown), (Notice("lines-cut", f"the first {localise.MAX_LINES:,} of {size:,} changed lines are ranked"),) if capped else ()

    def _notices(self, index: HistoryIndex | None) -> list[Notice]:
        if index is None:
            return [SHALLOW]
        return [Notice("index", index.problem)] if index.problem else []

    def _report(self, scope: str, change: Finding | None, commits: tuple[Finding, ...], limits: Thresholds, notices: list[Notice]) -> Report:
        if change is not None and not limits.at and not self.repo.is_shallow:
            settings = self.policy.settings
            where = "in these paths" if settings is not None and (settings.include or settings.exclude) else "on this branch"
            text = f"{explain.count(limits.n_changes, 'earlier change')} {where}: fewer than {levels.MIN_CHANGES} cannot be compared with, so no level is given"
            notices = [*notices, Notice("little-history", text)]
        notices = [*notices, *self._classifier.notices]
        where, tier = str(self.repo.top or self.repo.git_dir), self._classifier.tier
        return Report(
            scope, change, commits, limits, tuple(notices), self.model.version, time.perf_counter() - self.started, where, tier, model_kind=self.model.kind
        )


def _with_lines(finding: Finding, ranked: _Ranked | None) -> Finding:
    return finding if ranked is None else replace(finding, lines=ranked[0], notices=(*finding.notices, *ranked[1]))


def _headline(metas: Sequence[CommitMeta]) -> str:
    own = [meta for meta in metas if len(meta.parents) < 2]
    if len(own) == 1:
        return title(own[0].message)
    return f"{len(own)} commits, the last: {title(own[-1].message)}" if own else title(metas[-1].message)


def pick(revisions: Sequence[str], repo: Repository) -> list[str]:
    """SHAs of the revisions that a list names.

    Raises:
        UsageError: one is no commit here; all unknown ones are counted.
    """
    full = [r for r in revisions if is_sha(r)]
    present = set(repo.present_commits(full))
    lost = [r for r in full if r not in present]
    if lost:
        raise UsageError(f"{len(lost)} of {len(revisions)} commits are not in this repository, the first is {lost[0]}; fetch them or take them out of the list")
    short = [r for r in revisions if not is_sha(r)]
    named = dict(zip(short, repo.resolve_all(short), strict=True))
    return [named.get(r, r) for r in revisions]
