"""The values that flow: Commit → CommitFeatures → Classification → Finding → Report."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NamedTuple

MIN_RELIEF: Final = 0.02  # what taking a file out must lower the risk by to be worth a word (chosen)
BLIND: Final = "missing-blobs"  # the code of the notice that contents of files are missing in this clone
UNREAD: Final = "unread-files"  # of the one that program text is here and cannot be read in lines
EDGE: Final = "shallow-edge"  # of the one that a commit lies at the edge of a shallow clone, so that what it changed is not known

Progress = Callable[[str, int, int], None]  # told (what, done, of) now and then

_HUNK = re.compile(rb"@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@")


def unheard(what: str, done: int, of: int) -> None:
    """A Progress that tells nobody."""


class Hunk(NamedTuple):
    """One block of a diff without context lines.

    `old_start` and `new_start` are 1-based line numbers of the two sides – of the line that follows
    where a side has none in this hunk, 0 where its file has no lines at all; `deleted` and `added` hold
    the lines as bytes without their line ends.
    """

    old_start: int
    new_start: int
    deleted: tuple[bytes, ...]
    added: tuple[bytes, ...]


class FileChange(NamedTuple):
    """One file of a change, as git's raw diff and patch give it.

    `status` is one of A M D R T. `added` and `deleted` count lines as `git diff --numstat` does (a
    submodule is one line, its commit); None where there are no lines to count (binary, larger than the
    diff limit, blob missing). `patch` is the hunk text of `diff -U1` from the first `@@` on, without the
    last line end. Paths are UTF-8 with surrogate escapes.
    """

    path: str
    old_path: str | None
    status: str
    old_mode: int
    new_mode: int
    old_id: str
    new_id: str
    added: int | None
    deleted: int | None
    patch: bytes
    missing: bool = False

    @property
    def is_submodule(self) -> bool:
        return 0o160000 in (self.old_mode, self.new_mode)

    @property
    def is_symlink(self) -> bool:
        return 0o120000 in (self.old_mode, self.new_mode)

    def hunks(self) -> tuple[Hunk, ...]:
        """The patch, parsed: one Hunk for each run of changed lines, in file order."""
        found: list[Hunk] = []
        deleted: list[bytes] = []
        added: list[bytes] = []
        old = new = 0

        def close() -> None:
            if deleted or added:
                found.append(Hunk(old - len(deleted), new - len(added), tuple(deleted), tuple(added)))
                deleted.clear()
                added.clear()

        for line in self.patch.split(b"\n"):
            kind = line[:1]
            if kind == b"-":
                if added:
                    close()
                deleted.append(line[1:])
                old += 1
            elif kind == b"+":
                added.append(line[1:])
                new += 1
            elif kind == b"@":
                close()
                mark = _HUNK.match(line)
                assert mark is not None
                old, new = int(mark[1]), int(mark[2])
            elif kind == b" ":
                close()
                old, new = old + 1, new + 1
        close()
        return tuple(found)


@dataclass(frozen=True, slots=True)
class Commit:
    """A change before → after, as plain values: a commit, a squashed range, the index, or a synthetic pair.

    `sha` is None for the index. `author` identifies a person: the e-mail in lower case, the name where
    there is no e-mail. `time` is author time in Unix seconds, `utc_offset` the author's zone in minutes.
    `message` is None where it is not written yet.
    """

    sha: str | None
    parents: tuple[str, ...]
    author: str
    time: int
    utc_offset: int
    message: str | None
    files: tuple[FileChange, ...] = ()

    @property
    def paths(self) -> tuple[str, ...]:
        """The changed files."""
        return tuple([change.path for change in self.files])

    @property
    def earlier(self) -> tuple[str, ...]:
        """The names that renamed ones among them had before."""
        return tuple([change.old_path for change in self.files if change.old_path is not None])


class Notice(NamedTuple):
    """Something the reader must know about a result: a short code and a sentence."""

    code: str
    text: str


@dataclass(frozen=True, slots=True)
class CommitFeatures:
    """Named measures of one change; NaN where a measure is unknown, never a silent zero."""

    values: Mapping[str, float]
    notices: tuple[Notice, ...] = ()

    def __getitem__(self, name: str) -> float:
        return self.values[name]

    @property
    def is_blind(self) -> bool:
        """Whether files could not be read – contents that are missing in this clone, program text without lines –, so that the risk rests on the rest."""
        return any(notice.code in (BLIND, UNREAD) for notice in self.notices)

    def known(self) -> dict[str, float | None]:
        """The measures with None in place of NaN, as JSON wants them."""
        return {name: None if math.isnan(value) else value for name, value in self.values.items()}


class Level(StrEnum):
    """How loudly to speak; ordered from silence to alarm."""

    UNKNOWN = "unknown"
    LOW = "low"
    MODERATE = "moderate"
    HIGH = "high"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        return list(Level).index(self)


class ModelKind(StrEnum):
    """Whose changes a model's probabilities are of: of the projects that it learned from, moved to a repository's base rate, or of the repository that it was retrained on."""

    GENERAL = "general"
    ADAPTED = "adapted"
    RETRAINED = "retrained"


class Evidence(NamedTuple):
    """What made a rule speak: where (`message` or a path), the line (1-based, 0 for none), the matched text.

    The line is one of the file after the change. What was `deleted` stands no more at the line that is named: that is the one
    which it stood before, the last one where it stood at the end. In a file that was deleted there is no line.
    """

    where: str
    line: int
    text: str
    deleted: bool = False

    @property
    def is_gone(self) -> bool:
        """Whether the file itself was deleted, so that no place after the change can be shown."""
        return self.deleted and not self.line


@dataclass(frozen=True, slots=True)
class Classification:
    """A defect category with its confidence in [0, 1]; `category` is None when nothing spoke."""

    category: str | None
    confidence: float
    evidence: tuple[Evidence, ...] = ()
    source: str = "rules"


@dataclass(frozen=True, slots=True)
class Reason:
    """Why the risk is what it is: a sentence that pools some measures, what they add to the risk together, and the one that adds most, with its value."""

    feature: str
    value: float
    contribution: float
    text: str


@dataclass(frozen=True, slots=True)
class FileFocus:
    """A file of the change worth a look first, with the line in it (1-based, 0 where the file was deleted) and why."""

    path: str
    line: int
    score: float
    why: str


class Relief(NamedTuple):
    """What is left of the risk, in [0, 1], when a file goes into a change of its own."""

    path: str
    risk: float


class LineScore(NamedTuple):
    """A changed line and how much it deserves a look, [0, 1]; only the order within one change means something.

    `path` and `line` (1-based) name it in the file of its side: the old one where it was deleted.
    `file` is the path of the changed file, the new one; "" where it is the same.
    """

    path: str
    added: bool
    line: int
    score: float
    text: bytes
    file: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """The verdict on one change.

    `risk` is the calibrated probability in [0, 1] that the change will need a fix, None where it cannot
    be said (a commit at the edge of a shallow clone). `percentile` is the share, in percent, of the
    repository's recent changes with a lower risk, ties counted half, `above` the same with ties left out; None where there are too few. `paths` are the files that
    were looked at, `earlier` the names that some of them had before; `ignored` the lines that the author marked with `codex-gate: ignore[reason]`, the reason as text.
    `lines` are the changed lines with their scores, None where nobody asked for them. `relief` says what would lower the risk, the most first,
    None where it was not measured: each of `files` in a change of its own, where that takes off MIN_RELIEF or more.
    `likeliest` is the category that a repair is likeliest about, however unsure: for counts over many changes, never to be said of one.
    """

    sha: str | None
    title: str
    risk: float | None
    level: Level
    percentile: float | None
    classifications: tuple[Classification, ...]
    features: CommitFeatures
    reasons: tuple[Reason, ...] = ()
    files: tuple[FileFocus, ...] = ()
    notices: tuple[Notice, ...] = ()
    paths: tuple[str, ...] = ()
    ignored: tuple[Evidence, ...] = ()
    lines: tuple[LineScore, ...] | None = None
    relief: tuple[Relief, ...] | None = None
    likeliest: str | None = None
    earlier: tuple[str, ...] = ()
    above: float | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """What settings for paths are asked about: the files under both names, so that a file which is moved takes its gate along."""
        return self.paths + self.earlier

    @property
    def is_blind(self) -> bool:
        """The same, of a finding that was read back too, whose measures have no notices."""
        return any(notice.code in (BLIND, UNREAD) for notice in self.notices)

    @property
    def is_hidden(self) -> bool:
        """Whether program text that is here cannot be read in lines, so that there is no level."""
        return self.level is Level.UNKNOWN and any(notice.code == UNREAD for notice in self.notices)

    @property
    def lacks_contents(self) -> bool:
        """Whether it is for contents that are missing, which a fetch would bring."""
        return any(notice.code == BLIND for notice in self.notices)

    @property
    def top(self) -> Classification:
        return self.classifications[0] if self.classifications else Classification(None, 0.0)


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Risks at which levels begin in this repository, and how many recent changes they rest on."""

    n_changes: int
    base_rate: float
    at: Mapping[Level, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Report:
    """What a screen says: the change as it would land, a finding for each commit, and how it was made.

    `recent` holds risks of the changes before it, oldest first, as far as they are known and somebody draws them.
    """

    scope: str
    change: Finding | None
    commits: tuple[Finding, ...]
    thresholds: Thresholds
    notices: tuple[Notice, ...]
    model_version: str
    seconds: float
    repository: str
    tier: int = 1
    recent: tuple[float, ...] = ()
    model_kind: ModelKind = ModelKind.GENERAL


class Share(NamedTuple):
    """What one measure (its value NaN where unknown) adds to the risk, in [-1, 1]."""

    feature: str
    value: float
    contribution: float


class HunkScore(NamedTuple):
    """A run of changed lines with the score of its riskiest one.

    `path`, `first` and `last` (1-based) name the lines that the change left there; those of the old file where it left none.
    `kind` is what the student says that it is about, None where it is not sure or is not asked.
    """

    path: str
    added: bool
    first: int
    last: int
    score: float
    kind: Classification | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a commit got its risk: `base` + the sum of `shares` is the risk; hunks and lines, riskiest first."""

    report: Report
    base: float
    shares: tuple[Share, ...]
    hunks: tuple[HunkScore, ...]
    lines: tuple[LineScore, ...]


class Dispute(NamedTuple):
    """A verdict that somebody found of no use: the pull request, the commit that was screened, what was said."""

    pull: int
    sha: str
    level: str
    risk: float | None


class Mark(NamedTuple):
    """A line that its author marked with `codex-gate: ignore[reason]`."""

    path: str
    line: int
    reason: str
