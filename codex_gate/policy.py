"""What a configuration means for the files of a change: which are looked at, what is said of them, when it stops the line.

Leaving out and ignoring differ. `paths` decides what is measured: a file that is left out counts for nothing,
neither in the change nor in the ones that it is compared with. `ignore` decides what is said: the risk stays.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from codex_gate.globs import Filter, compiled, literal
from codex_gate.types import BLIND, EDGE, UNREAD, Classification, Commit, Evidence, FileChange, Finding, Level, Notice

if TYPE_CHECKING:
    from datetime import date

    from codex_gate.config import Ignore, PathLevels, Settings

_OF_A_MODEL: Final = ("*.json", "*.forest", "*.table", "*.onnx", "*.md", "*.txt")  # no program text can hide there
_SHOWN: Final = 3  # ignored paths that a notice names
_UNREAD: Final = "program text of it cannot be read in lines; where that is meant, leave the file out with paths: exclude"
_LACKING: Final = "contents of it are not in this clone; fetch them (git fetch --refetch --no-filter)"
_NO_PAST: Final = "the history before it is not in this shallow clone; fetch with full depth (fetch-depth: 0)"


class Gate(NamedTuple):
    """Whether a gate stops a change, and why it does or could not be asked, in words; "" when there is nothing to say."""

    is_shut: bool
    text: str


OPEN: Final = Gate(False, "")


class Limits(NamedTuple):
    """From which level on a change is spoken about and fails; UNKNOWN means never."""

    comment: Level
    fail_on: Level

    def speaks(self, finding: Finding) -> bool:
        """Whether anything is to be said of a change: that it is loud enough, or that it hides program text, which must hush nothing."""
        return Level.UNKNOWN is not self.comment and (finding.level.rank >= self.comment.rank or finding.is_hidden)

    def fails(self, level: Level) -> bool:
        return Level.UNKNOWN is not self.fail_on and level.rank >= self.fail_on.rank


@dataclass(frozen=True)
class Policy:
    """Settings, ready to be asked about paths. Without settings everything is looked at and nothing is muted."""

    settings: Settings | None = None
    today: date | None = None

    @cached_property
    def keep(self) -> Filter | None:
        """Whether a path is looked at; None when every one is. The files of the repository's own model are not."""
        s = self.settings
        if s is None or not (s.include or s.exclude or s.models):
            return None
        own = tuple(f"/{literal(s.models)}/{name}" for name in _OF_A_MODEL) if s.models else ()
        return Filter(tuple(s.include), (*s.exclude, *own))

    @property
    def patterns(self) -> list[str]:
        """The paths that the configuration names (`Settings.paths`); none without settings."""
        return [] if self.settings is None else self.settings.paths

    @property
    def key(self) -> str:
        """Under what name the risks of filtered changes are kept beside those of whole ones; "" without a filter."""
        if self.keep is None:
            return ""
        patterns = "\0".join((*self.keep.include, "!", *self.keep.exclude))
        return "/" + hashlib.sha256(patterns.encode("utf-8", "surrogatepass")).hexdigest()[:12]

    @cached_property
    def shares(self) -> Mapping[Level, float]:
        """The noise budget: the share of recent changes, in (0, 1], that may reach each level."""
        from codex_gate.levels import SHARES

        return SHARES if self.settings is None else {level: percent / 100 for level, percent in self.settings.noise_budget.items()}

    @cached_property
    def _ignores(self) -> tuple[tuple[Ignore, Callable[[str], bool]], ...]:
        listed = self.settings.ignore if self.settings is not None else ()
        return tuple((entry, compiled(entry.paths)) for entry in listed if not self._is_over(entry))

    @cached_property
    def _levels(self) -> tuple[tuple[PathLevels, Callable[[str], bool]], ...]:
        listed = self.settings.levels if self.settings is not None else ()
        return tuple((entry, compiled(entry.paths)) for entry in listed)

    def _is_over(self, entry: Ignore) -> bool:
        return entry.until is not None and self.today is not None and entry.until < self.today

    def mutes(self, path: str, category: str | None = None) -> bool:
        """Whether nothing is to be said about this file, or nothing of this category."""
        return any((not entry.categories or category in entry.categories) and matches(path) for entry, matches in self._ignores)

    def spoken(self, found: Iterable[Classification], paths: Collection[str]) -> tuple[Classification, ...]:
        """The categories of a change of `paths`, without the evidence that is ignored.

        One is gone that loses all it had in files, whatever words of the message speak for it, or that only the message speaks for where it is ignored in all of the paths.
        """
        if not self._ignores:
            return tuple(found)
        kept = []
        for c in found:
            evidence = tuple(e for e in c.evidence if e.where == "message" or not self.mutes(e.where, c.category))
            before, after = (any(e.where != "message" for e in told) for told in (c.evidence, evidence))
            if after or not (before or (paths and all(self.mutes(path, c.category) for path in paths))):
                kept.append(c if len(evidence) == len(c.evidence) else Classification(c.category, c.confidence, evidence, c.source))
        return tuple(kept)

    def limits(self, paths: Sequence[str]) -> Limits:
        """From which level on a change of these files is spoken about and fails: the strictest of its files.

        For each file the last entry of `levels` that matches counts; one that is ignored asks for nothing.
        """
        if self.settings is None:
            return Limits(Level.MODERATE, Level.UNKNOWN)
        general = Limits(self.settings.comment, self.settings.fail_on)
        if not paths or not (self._levels or self._ignores):
            return general
        each = {self._of(path, general) for path in paths}
        return Limits(_strictest(one.comment for one in each), _strictest(one.fail_on for one in each))

    def gate(self, finding: Finding, *, is_shallow: bool) -> Gate:
        """What the gate of its files says of a change; open and without a word where none is set, or its level does not reach it.

        A change that has no level though it might does not pass: what could not be judged fails. A history of too few changes to compare
        with gives no level either, and lets it pass, which is said: nobody could mend that.

        Args:
            is_shallow: whether it was screened in a shallow clone.
        """
        limits = self.limits(finding.names)
        if limits.fail_on is Level.UNKNOWN or not (finding.level is Level.UNKNOWN or limits.fails(finding.level)):
            return OPEN
        source = self._who_asks(finding.names, limits.fail_on)
        name = f"--fail-on {limits.fail_on}" if source == "--fail-on" else f"fail-on {limits.fail_on} ({source})"
        if finding.level is not Level.UNKNOWN:
            return Gate(True, f"level {finding.level} reaches {name}")
        if why := _unjudged(finding, is_shallow):
            return Gate(True, f"no level could be told, and what could not be judged does not pass {name}: {why}")
        return Gate(False, f"{name} was not asked: there are too few earlier changes to compare with for a level") if finding.names else OPEN

    def _of(self, path: str, general: Limits) -> Limits:
        if self.mutes(path):
            return Limits(Level.UNKNOWN, Level.UNKNOWN)
        comment, fail_on = general
        for entry, matches in self._levels:
            if matches(path):
                comment, fail_on = entry.comment or comment, entry.fail_on or fail_on
        return Limits(comment, fail_on)

    def _who_asks(self, paths: Sequence[str], fail_on: Level) -> str:
        """Where the strictest gate of these files is written: the general setting, where one of them is under it and it asks for as much, or an entry of `levels`."""
        if self.settings is None:
            return "--fail-on"
        ruling = [next((entry for entry, matches in reversed(self._levels) if entry.fail_on and matches(path)), None) for path in paths if not self.mutes(path)]
        lines = [entry.line for entry in ruling if entry is not None and entry.fail_on is fail_on]
        if lines and not (None in ruling and self.settings.fail_on is fail_on):
            return f"{self.settings.sources.get('levels', 'levels').rpartition(', line ')[0]}, line {lines[0]}"
        return self.settings.sources.get("fail-on", "--fail-on")

    def notices(self, paths: Sequence[str]) -> list[Notice]:
        """Which of these files are ignored and why, and which entries have run out."""
        found = []
        for entry, matches in self._ignores:
            if hit := [path for path in paths if matches(path)]:
                what = f"{', '.join(entry.categories)} in " if entry.categories else ""
                names = ", ".join(hit[:_SHOWN]) + (f" and {len(hit) - _SHOWN:,} more" if len(hit) > _SHOWN else "")
                end = f", until {entry.until}" if entry.until else ""
                found.append(Notice("ignored", f"the configuration ignores {what}{names}: {entry.reason}{end}"))
        for entry in self.settings.ignore if self.settings is not None else ():
            if self._is_over(entry) and any(map(compiled(entry.paths), paths)):
                found.append(
                    Notice("ignore-expired", f"the configuration's ignore of {', '.join(entry.paths)} ended on {entry.until}; renew it or take it out")
                )
        return found


def _unjudged(finding: Finding, is_shallow: bool) -> str:
    """Why a change has no level that might have one, and what to do; "" where nothing would give it one."""
    codes = {notice.code for notice in finding.notices}
    if UNREAD in codes:
        return _UNREAD
    if BLIND in codes:
        return _LACKING
    return _NO_PAST if is_shallow and (finding.names or EDGE in codes) else ""


def _strictest(found: Iterable[Level]) -> Level:
    return min((level for level in found if level is not Level.UNKNOWN), key=lambda level: level.rank, default=Level.UNKNOWN)


Heard = tuple[tuple[tuple[str, float, tuple[tuple[str, int, str, bool], ...], str], ...], tuple[tuple[str, int, str], ...], str | None]
"""Categories with confidence, evidence and source, marked lines with the reason, a repair's likeliest category: what is left of a diff, in plain values that fit through a pipe."""


def listener(directory: str) -> Callable[[Commit], Heard]:
    """What hears at tier 1 what changes speak for, by the models of a directory: `aside.named` hands it to a process of its own."""
    from codex_gate.hybrid import HybridClassifier  # 30 ms of patterns, for whoever asks about paths alone

    classifier = HybridClassifier.of(Path(directory), 1)
    return lambda commit: heard(commit, classifier.weigh)


def heard(commit: Commit, weigh: Callable[[Commit], tuple[tuple[Classification, ...], str | None]]) -> Heard:
    """What a classifier hears in a change from the lines that its author did not mark to be ignored, the marked lines, and the likeliest category."""
    marks = {place: why for f in commit.files if b"codex-gate:" in f.patch for place, why in _marks(f).items()}  # hardly ever any
    found, likeliest = weigh(replace(commit, files=tuple(_without(f, marks) for f in commit.files)) if marks else commit)
    ignored = tuple([(path, line, why) for (path, line), why in marks.items()])
    return tuple([(c.category or "", c.confidence, tuple([(*e,) for e in c.evidence]), c.source) for c in found]), ignored, likeliest


def classifications(told: Heard) -> list[Classification]:
    """The categories of what was heard."""
    return [Classification(category, confidence, tuple(Evidence(*e) for e in evidence), source) for category, confidence, evidence, source in told[0]]


def _marks(change: FileChange) -> dict[tuple[str, int], str]:
    """The marks in lines that the change adds to a file, and those that stood alone above one before it: git shows one line of context."""
    added, context = dict[int, bytes](), dict[int, bytes]()
    for number, line in _numbered(change.patch):
        if line[:1] in (b"+", b" "):
            (added if line[:1] == b"+" else context)[number] = line[1:]
    stood = marked([(change.path, context.items())])
    return {place: why for place, why in stood.items() if place[1] in added} | marked([(change.path, added.items())])


def _numbered(patch: bytes) -> Iterator[tuple[int, bytes]]:
    """Each line of a patch, with its number in the new file where it has one."""
    number = 0
    for line in patch.split(b"\n"):
        if line[:1] == b"@":
            number = int(line.split(b" ")[2].partition(b",")[0])  # @@ -3,2 +3,4 @@
        yield number, line
        number += line[:1] in (b"+", b" ")


def _without(change: FileChange, marks: Collection[tuple[str, int]]) -> FileChange:
    """The change with marked lines that it adds left blank, so that nothing can be heard in them and every other line keeps its place."""
    if not any(path == change.path for path, _ in marks):
        return change
    rest = (b"+" if line[:1] == b"+" and (change.path, number) in marks else line for number, line in _numbered(change.patch))
    return change._replace(patch=b"\n".join(rest))


def marked(files: Collection[tuple[str, Iterable[tuple[int, bytes]]]]) -> dict[tuple[str, int], str]:
    """Lines that their author has marked with `codex-gate: ignore[reason]`, with the reason.

    Args:
        files: (path, (line number, text) of each added line).
    Returns:
        (path, line) → reason; a mark on a line of its own stands for the line below it.
    """
    import re

    mark = re.compile(rb"codex-gate:\s*ignore\[([^\]\r\n]{1,300})\]")
    alone = re.compile(rb"[\s#/*;%<!-]*$")
    found = {}
    for path, lines in files:
        for number, text in lines:
            if match := mark.search(text):
                own = bool(alone.match(text[: match.start()]))
                found[path, number + own] = match[1].decode("utf-8", "replace").strip()
    return found
