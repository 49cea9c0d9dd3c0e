"""Real commits as rows to learn from: those whose kind of defect somebody read off them, and unread ones beside them.

    repositories.csv   repository, part, head, until: where commits come from; a repository of the test part is never learned from
    commits.csv        repository, sha, drawn, kind, second, sure, reason: what the first reader said; one of the 19 kinds, a second one that can be defended, h, m or l
    reader-2.csv       repository, sha, kind, second, sure, reason: what another said of some of them

A commit tells of up to three changes, each the changed lines of its program text:

- with its message, as it is screened: about a defect of its kind, or none. Which way it goes is not said;
- without the message, where it is a repair: it brings no defect;
- the same backwards: it brings one. The message is left out, for it would tell.

An unread commit has no kind – teachers answer in its place – and is a repair where its message says so beyond doubt (`codex_gate.fixes`).
"""

from __future__ import annotations

import csv
import random
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

from automl_codex import mine
from automl_codex.examples import Example
from automl_codex.labels import UNKNOWN
from automl_codex.split import TEST, TRAIN, VALIDATION
from automl_codex.types import BUGGY, CORRECT
from codex_gate import paths, szz, text, walk
from codex_gate.errors import UsageError
from codex_gate.git import CommitMeta, Repository, is_sha
from codex_gate.taxonomy import KINDS, NONE
from codex_gate.types import Commit, FileChange

REPOSITORIES, COMMITS = "repositories.csv", "commits.csv"
SURE: Final = ("h", "m", "l")
MAX_FILES, MAX_LINES = 15, 150  # of a commit that is read: more tells of several things (chosen)
MAX_MESSAGE, MAX_SIDE = 700, 3000  # characters that are kept; a student sees a few hundred tokens
MAX_BACK: Final = 40  # changed lines of an unread repair that is turned round (chosen)
VALIDATION_SHARE: Final = 15  # percent of the repositories that are not for the test


@dataclass(frozen=True, slots=True)
class Source:
    """A repository, up to which commit and day it is used, and whether for training or for the test."""

    repository: str
    part: str
    head: str
    until: date


@dataclass(frozen=True, slots=True)
class Reading:
    """What a reader said of a commit; `drawn` says why it was shown: natural (a repair at random), plain (none), or one that a guess picked; `round` in which drawing, from 1."""

    repository: str
    sha: str
    drawn: str
    round: str
    kind: str
    second: str
    sure: str
    reason: str


# -- what was read -------------------------------------------------------------------------------------


def sources(folder: Path) -> dict[str, Source]:
    """The repositories of a folder by name.

    Raises:
        UsageError: a row that is none.
    """
    found = {}
    for where, row in _rows(folder / REPOSITORIES, [field.name for field in fields(Source)]):
        try:
            until = date.fromisoformat(row["until"])
        except ValueError:
            raise UsageError(f"{where}: until {row['until']!r} is no day; expected YYYY-MM-DD") from None
        if row["part"] not in (TRAIN, TEST) or not is_sha(row["head"]) or row["repository"] in found:
            raise UsageError(f"{where}: expected a repository named once, part {TRAIN} or {TEST} and a full SHA, got {', '.join(row.values())}")
        found[row["repository"]] = Source(row["repository"], row["part"], row["head"], until)
    return found


def readings(path: Path, known: Collection[str], drawn: bool = True) -> dict[str, Reading]:
    """What a reader said, by SHA; a file of a further reader has no columns `drawn` and `round`.

    Raises:
        UsageError: a commit of no known repository or read twice, or a kind or certainty that is none.
    """
    columns = [field.name for field in fields(Reading) if drawn or field.name not in ("drawn", "round")]
    found: dict[str, Reading] = {}
    for where, row in _rows(path, columns):
        if row["repository"] not in known or not is_sha(row["sha"]) or row["sha"] in found:
            raise UsageError(f"{where}: {row['sha'][:12]} of {row['repository']} is of no repository in {REPOSITORIES}, no full SHA, or read twice")
        if drawn and not row["round"].isdecimal():
            raise UsageError(f"{where}: round {row['round']!r} is no number")
        if row["kind"] not in KINDS or row["second"] not in ("", *KINDS) or row["sure"] not in SURE:
            raise UsageError(
                f"{where}: kind {row['kind']!r}, second {row['second']!r}, sure {row['sure']!r}; expected one of the 19 kinds, one or none, and h, m or l"
            )
        found[row["sha"]] = Reading(**{"drawn": "", "round": "", **row})
    return found


def _rows(path: Path, columns: Sequence[str]) -> Iterator[tuple[str, dict[str, str]]]:
    if not path.is_file():
        raise UsageError(f"{path} is missing; expected a CSV file with the columns {', '.join(columns)}")
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream)
            names, rows = list(reader.fieldnames or ()), list(reader)
    except (UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{path} cannot be read as CSV ({error}); expected UTF-8 with the columns {', '.join(columns)}") from None
    if names != list(columns):
        raise UsageError(f"{path} has columns {', '.join(names) or 'none'}; expected {', '.join(columns)}")
    for line, row in enumerate(rows, 2):
        if None in row or None in row.values():
            raise UsageError(f"{path}, line {line}: expected {len(columns)} fields")
        yield f"{path}, line {line}", row


# -- as commits ----------------------------------------------------------------------------------------


def opened(clones: Path, repository: str, environ: Mapping[str, str]) -> Repository:
    """The clone of a repository, named OWNER+NAME below `clones`.

    Raises:
        UsageError: there is none.
    """
    folder = clones / repository.replace("/", "+")
    folder = folder / "repo" if (folder / "repo").is_dir() else folder
    if not folder.is_dir():
        raise UsageError(f"{folder} is missing; clone {repository} there")
    return Repository.discover(folder, environ)


def read_commits(repo: Repository, shas: Sequence[str]) -> Iterator[Commit]:
    """These commits with their diffs against the first parent, the first of all against nothing."""
    metas = {meta.sha: meta for meta in repo.metas(shas)}
    chosen = [metas[sha] for sha in shas]
    for meta, files in zip(chosen, repo.diffs([(meta.sha, meta.parents[0] if meta.parents else None) for meta in chosen]), strict=True):
        yield walk.as_commit(meta, files)


def is_readable(files: Sequence[FileChange]) -> bool:
    """Whether a commit touches program text outside tests, and not more than somebody would read."""
    lines = sum((change.added or 0) + (change.deleted or 0) for change in files if paths.role(change.path) == "code")
    return len(files) <= MAX_FILES and 1 <= lines <= MAX_LINES


def unread(repo: Repository, source: Source, known: Collection[str], most: int, seed: int) -> Iterator[tuple[Commit, bool]]:
    """Up to `most` readable commits that nobody read, two thirds repairs where there are as many, each with whether it is one; in a shuffled order."""
    end = datetime.combine(source.until, datetime.max.time(), UTC).timestamp()
    metas = [meta for meta in repo.log(source.head) if meta.time <= end and len(meta.parents) == 1 and meta.sha not in known]
    repairs = {fix.sha for fix in szz.find_fixes(metas)}
    rng = random.Random(f"{seed} {source.repository}")
    rng.shuffle(metas)
    fixes, others = ([meta for meta in metas if (meta.sha in repairs) is wanted] for wanted in (True, False))
    chosen: list[CommitMeta] = fixes[: round(most * 2 / 3)] + others[: round(most / 3)]
    for commit in read_commits(repo, [meta.sha for meta in chosen]):
        if is_readable(commit.files):
            yield commit, commit.sha in repairs


# -- as rows -------------------------------------------------------------------------------------------


def part_of(source: Source) -> str:
    """The part of the split that a repository belongs to: as the list says, and of the rest a share, by its hash, for validation."""
    if source.part == TEST:
        return TEST
    return VALIDATION if random.Random(source.repository).random() * 100 < VALIDATION_SHARE else TRAIN


def of_commit(commit: Commit, source: Source, kind: str | None, is_repair: bool, second: str | None = None) -> Iterator[Example]:
    """The changes that a commit tells of; `kind` is None where nobody read it, `second` where no other kind can be defended."""
    hunk = text.of_all(commit.files)
    if hunk is None:
        return
    before, after, part, name = hunk.before[:MAX_SIDE], hunk.after[:MAX_SIDE], part_of(source), f"{source.repository}@{commit.sha}"
    if commit.message:
        yield Example(f"{name}:said", source.repository, part, hunk.path, before, after, commit.message[:MAX_MESSAGE], UNKNOWN, kind, second)
    if is_repair and before != after:
        yield Example(f"{name}:code", source.repository, part, hunk.path, before, after, "", CORRECT, kind, second)
        yield Example(f"{name}:back", source.repository, part, hunk.path, after, before, "", BUGGY, kind, second)
    elif kind == NONE:
        yield Example(f"{name}:code", source.repository, part, hunk.path, before, after, "", UNKNOWN, kind, second)


def read(folder: Path, clones: Path, most_unread: int, seed: int, environ: Mapping[str, str], off_limits: Path) -> Iterator[Example]:
    """The rows of all commits that were read, and of up to `most_unread` more of each repository that is not for the test.

    Raises:
        UsageError: a file that is none, a missing clone, or a repository that is off limits.
    """
    known = sources(folder)
    mine.refuse_off_limits(list(known), off_limits)
    said = readings(folder / COMMITS, known)
    for name, source in known.items():
        repo = opened(clones, name, environ)
        its = {sha: reading for sha, reading in said.items() if reading.repository == name}
        for commit in read_commits(repo, list(its)):
            reading = its[str(commit.sha)]
            yield from of_commit(commit, source, reading.kind, reading.kind != NONE, reading.second or None)
        if source.part != TEST and most_unread:
            for commit, is_repair in unread(repo, source, said.keys(), most_unread, seed):
                yield from of_commit(commit, source, None, is_repair and _is_small(commit.files))


def _is_small(files: Iterable[FileChange]) -> bool:
    return sum((change.added or 0) + (change.deleted or 0) for change in files if paths.role(change.path) == "code") <= MAX_BACK
