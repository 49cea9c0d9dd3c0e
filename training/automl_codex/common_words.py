"""Which words the projects of a corpus share, read from its clones: `words.npz.xz` of `said`, for tables of `mine`.

Common is what could be learned of where all tables are learned from; of some of them no more words can be (`within.fit`), so a project that is left out
adds none.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from automl_codex import mine, own_words, tables
from automl_codex.said import Said, of_change
from automl_codex.within import MIN_COMMITS, MIN_PROJECTS
from codex_gate.errors import UsageError
from codex_gate.git import CommitMeta, Repository
from codex_gate.own_words import Words


def collect(corpus: Path, clones: Path, labels: Path | None, data: Path, progress: mine.Progress, words: Sequence[str] | None = None) -> Said:
    """What the commits of the tables in `data` say, read from the clones.

    Args:
        labels: folder with the label files that entries name: the commits that they label need not be in the history of `head`.
        words: those to keep; None for what MIN_PROJECTS projects say, in MIN_COMMITS commits.
    Raises:
        UsageError: a repository is off limits, a clone, the folder of labels or every table is missing, or no word is said by so many.
    """
    ids: dict[str, int] = {}
    found: dict[str, np.ndarray] = {}
    projects: list[np.ndarray] = []
    for entry in mine.mined_of(corpus):
        table = data / f"{entry['project']}.parquet"
        if not table.is_file():
            continue
        wanted, own = set(tables.labels_of(table)), list[np.ndarray]()
        for name, said in _read(entry, wanted, clones, labels):
            own.append(np.array([ids.setdefault(word, len(ids)) for word in of_change(said)], np.int64))
            found[name] = own[-1]
        projects.append(np.concatenate([np.zeros(0, np.int64), *own]))
        progress(f"{entry['project']}: words of {len(own)} of {len(wanted)} commits")
    if not found:
        raise UsageError(
            f"{data} holds no table of a project of {corpus} whose commits are in its clone; make them with automl-codex mine --corpus {corpus} --output {data}"
        )
    if words is None:
        counts, several = np.zeros(len(ids), int), np.zeros(len(ids), int)
        for project in projects:
            seen = np.bincount(project, minlength=len(ids))
            counts, several = counts + seen, several + (seen > 0)
        every = list(ids)
        words = [every[at] for at in np.flatnonzero((counts >= MIN_COMMITS) & (several >= MIN_PROJECTS)).tolist()]
        if not words:
            raise UsageError(f"no word is said in {MIN_COMMITS} commits of {MIN_PROJECTS} projects; common words are for a corpus of many projects")
    common = {ids[word]: word for word in words if word in ids}
    return Said.of({name: [common[at] for at in said.tolist() if at in common] for name, said in found.items()}, words)


def _read(entry: Mapping[str, Any], wanted: Collection[str], clones: Path, labels: Path | None) -> Iterator[tuple[str, Words]]:
    """What each wanted commit of a project says."""
    place = mine.clone_of(entry["clone"], clones)
    if place is None:
        raise UsageError(f"{clones / entry['clone'].replace('/', '+')} is no clone; clone {entry['clone']} there first")
    repo = Repository.discover(place, os.environ)
    return own_words.said(repo, wanted, _metas(repo, entry, labels))


def _metas(repo: Repository, entry: Mapping[str, Any], labels: Path | None) -> Sequence[CommitMeta]:
    """The commits that `mine` measured, and more."""
    if "labels" not in entry:
        return repo.log(entry["head"])
    if labels is None:
        raise UsageError(f"{entry['project']} has labels from {entry['labels']}; give the folder with label files with --labels DIR")
    return repo.metas(repo.present_commits(mine.read_labels(labels / entry["labels"], entry.get("labels_of", entry["project"]))))
