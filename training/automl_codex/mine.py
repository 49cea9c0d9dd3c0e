"""Labelled commits from real history: labels from outside, features by the runtime's own walk."""

from __future__ import annotations

import csv
import gzip
import os
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from automl_codex import tables
from codex_gate.errors import UsageError
from codex_gate.git import Repository, is_sha
from codex_gate.walk import walk

Progress = Callable[[str], None]


class Label(NamedTuple):
    """Whether a commit induced a defect, and when its first fix was made (Unix seconds, None if unknown)."""

    buggy: bool
    fix_time: int | None


def read_labels(path: Path, project: str | None = None) -> dict[str, Label]:
    """Labels by SHA from a CSV, gzipped or not, with columns sha, buggy and, if there, fix_time and project.

    Raises:
        UsageError: no such file, a column missing, a value that is none, or labels that contradict.
    """
    if not path.exists():
        raise UsageError(f"{path} does not exist; expected a CSV with columns sha, buggy and optionally fix_time")
    labels: dict[str, Label] = {}
    with gzip.open(path, "rt", newline="") if path.suffix == ".gz" else path.open(newline="") as stream:
        reader = csv.DictReader(stream)
        columns = reader.fieldnames or []
        for needed in ("sha", "buggy"):
            if needed not in columns:
                raise UsageError(f"{path} has columns {', '.join(columns) or 'none'}; expected sha and buggy")
        if project is not None and "project" not in columns:
            raise UsageError(f"{path} has no column project, so --project {project} selects nothing")
        when = next((c for c in ("fix_time", "first_fix_time") if c in columns), None)
        for number, row in enumerate(reader, 2):
            if project is not None and row["project"] != project:
                continue
            label = _label(row, when, f"{path}, line {number}")
            sha = row["sha"].strip().lower()
            if labels.get(sha, label).buggy != label.buggy:
                raise UsageError(f"{path}, line {number}: {sha} was labelled both ways; keep one")
            labels[sha] = label
    if not labels:
        raise UsageError(f"{path} holds no labels" + (f" for project {project}" if project else ""))
    return labels


def _label(row: dict[str, str], when: str | None, where: str) -> Label:
    text = row["buggy"].strip().lower()
    if text not in ("0", "1", "true", "false") or not is_sha(row["sha"].strip().lower()):
        raise UsageError(f"{where}: sha {row['sha']!r}, buggy {row['buggy']!r}; expected 40 hex digits and 0 or 1")
    value = (row[when] or "").strip() if when else ""
    try:
        return Label(text in ("1", "true"), int(float(value)) if value else None)
    except ValueError:
        raise UsageError(f"{where}: {when} {value!r} is no Unix time") from None


def mine(repo: Repository, labels: dict[str, Label], until: int | None = None, progress: Progress = lambda _: None) -> Iterator[tables.LabelledRow]:
    """Features of the labelled commits that the repository has, each with what its ancestors knew.

    Args:
        until: author time (Unix seconds) after which labels are not used; None for no limit.
    """
    have = set(repo.present_commits(labels))
    if len(have) < len(labels):
        progress(f"{len(labels) - len(have)} of {len(labels)} labelled commits are not in this clone; they are left out")
    metas = repo.log(stdin=sorted(have))
    wanted = {m.sha for m in metas if m.sha in have and (until is None or m.time <= until)}
    progress(f"{len(metas)} commits to walk, {len(wanted)} of them labelled")
    for done, row in enumerate(walk(repo, metas, wanted), 1):
        if done % 5000 == 0:
            progress(f"{done} of {len(wanted)} labelled commits")
        if row.commit.sha is not None:
            label = labels[row.commit.sha]
            yield tables.LabelledRow(row.commit.sha, row.commit.time, label.buggy, label.fix_time, row.features.values)


def mine_corpus(corpus: Path, clones: Path, labels: Path, output: Path, progress: Progress) -> None:
    """Rebuild the tables of a corpus file; projects whose table is newer than the corpus file are kept.

    Raises:
        UsageError: the corpus names a repository of the off-limits list beside it, or a clone is missing.
    """
    entries = read_corpus(corpus)
    for entry in entries:
        refuse_off_limits([entry["repository"], entry["clone"]], corpus.parent / "off-limits.txt")
    for entry in entries:
        target = output / f"{entry['project']}.parquet"
        if target.exists() and target.stat().st_mtime > corpus.stat().st_mtime:
            progress(f"{entry['project']}: kept, {target} is newer than {corpus}")
            continue
        path = clones / entry["clone"].replace("/", "+")
        found = next((p for p in (path, path / "repo") if (p / ".git").exists() or (p / "HEAD").exists()), None)
        if found is None:
            raise UsageError(f"{path} is no clone; clone {entry['clone']} there first")
        repo = Repository.discover(found, os.environ)
        rows = mine(repo, read_labels(labels / entry["labels"], entry["project"]), _end_of(entry["until"]), _of(entry["project"], progress))
        progress(f"{entry['project']}: {tables.write(target, entry['project'], rows)} rows in {target}")


def read_corpus(corpus: Path) -> list[dict[str, Any]]:
    """The projects of a corpus file."""
    projects: list[dict[str, Any]] = yaml.safe_load(corpus.read_text("utf-8"))["projects"]
    return projects


def refuse_off_limits(names: list[str], listing: Path) -> None:
    """Stop when a repository must not feed a model that ships.

    Raises:
        UsageError: a name matches the list, or there is no list.
    """
    if not listing.exists():
        raise UsageError(f"{listing} is missing; without it nothing is mined for a model that ships")
    patterns = [line.strip().lower() for line in listing.read_text("utf-8").splitlines() if line.strip() and not line.startswith("#")]
    for name in names:
        hit = next((p for p in patterns if fnmatchcase(name.lower(), p)), None)
        if hit:
            raise UsageError(f"{name} is off limits ({hit} in {listing}); take it out of the corpus")


def _of(project: str, progress: Progress) -> Progress:
    return lambda text: progress(f"{project}: {text}")


def _end_of(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, 23, 59, 59, tzinfo=UTC).timestamp())
