"""What labelled commits say, as counts of hashed terms: words of the message and of the paths, tokens of the added and of the deleted program text.

One `.npz` file for each table of `mine`, with the sha256 of each commit as there. Buckets and counts are all that is kept: no text of anybody can be read from them.
Source: Weinberger et al. 2009 (feature hashing); Kamei et al. 2013 and Pornprasit & Tantithamthavorn 2021 (JITLine) for tokens of a change as what it is judged by.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from zipfile import BadZipFile
from zlib import crc32

import numpy as np
from scipy import sparse  # type: ignore[import-untyped]

from automl_codex import mine, tables
from automl_codex.files import whole
from codex_gate.errors import UsageError
from codex_gate.git import Repository
from codex_gate.lines import words
from codex_gate.messages import TRAILER
from codex_gate.paths import role
from codex_gate.types import FileChange

BUCKETS: Final = 1 << 18
MAX_LINES: Final = 2000  # of either side are read
MAX_TOKEN: Final = 40  # characters; longer ones are texts and data
MAX_MESSAGE: Final = 2000  # characters
VERSION: Final = 1  # raise it whenever a term changes its meaning

_WORD = re.compile(r"[a-z][a-z0-9_]{1,23}")
Progress = Callable[[str], None]


def terms(message: str, files: Sequence[FileChange]) -> Counter[str]:
    """How often a change says each term: `m:` words of its message, `p:` of its paths, `+:` and `-:` tokens of its program text."""
    found: Counter[str] = Counter(f"m:{word}" for word in _WORD.findall(TRAILER.sub(" ", message[:MAX_MESSAGE]).lower()))
    left = {"+": MAX_LINES, "-": MAX_LINES}
    for change in files:
        found.update(f"p:{word}" for word in _WORD.findall(change.path.lower().replace("/", " ")))
        if role(change.path) != "code" or change.added is None:
            continue
        for hunk in change.hunks():
            for sign, lines in (("-", hunk.deleted), ("+", hunk.added)):
                for line in lines[: left[sign]]:
                    found.update(f"{sign}:{token}" for token in words(line) if len(token) <= MAX_TOKEN)
                left[sign] -= min(left[sign], len(lines))
    return found


def hashed(found: Counter[str]) -> dict[int, int]:
    """Counts by bucket."""
    counts: Counter[int] = Counter()
    for term, n in found.items():
        counts[crc32(term.encode("utf-8", "surrogatepass")) % BUCKETS] += n
    return dict(sorted(counts.items()))


def collect(corpus: Path, clones: Path, data: Path, output: Path, progress: Progress) -> None:
    """Write the terms of every commit of the tables in `data` that SZZ labelled; a file that has them all and was made from the same table is kept.

    Raises:
        UsageError: a clone is missing, or a repository is off limits.
    """
    output.mkdir(parents=True, exist_ok=True)
    for entry in mine.mined_of(corpus):
        table, target = data / f"{entry['project']}.parquet", output / f"{entry['project']}.npz"
        if not table.is_file():
            continue
        if "labels" in entry:
            progress(f"{entry['project']}: left out, its labels come from outside and the families that read text do not learn from them")
            continue
        made_from = f"{VERSION} {hashlib.sha256(table.read_bytes()).hexdigest()}"
        wanted = set(tables.read(table).sha256.tolist())
        if _made_from(target) == (made_from, len(wanted)):
            progress(f"{entry['project']}: kept, {target} was made from the same table")
            continue
        place = mine.clone_of(entry["clone"], clones)
        if place is None:
            raise UsageError(f"{clones / entry['clone'].replace('/', '+')} is no clone; clone {entry['clone']} there first")
        rows = list(_rows(Repository.discover(place, os.environ), entry.get("head"), wanted))
        _write(target, rows, made_from)
        progress(f"{entry['project']}: terms of {len(rows)} of {len(wanted)} commits")


def _made_from(target: Path) -> tuple[str, int] | None:
    """What a file of terms was made from and of how many commits it has them, None where there is none that is whole."""
    try:
        with target.open("rb") as stream, np.load(stream) as found:
            return str(found["made_from"]), len(found["sha256"])
    except (OSError, ValueError, KeyError, BadZipFile):
        return None


def _rows(repo: Repository, head: str | None, wanted: set[str]) -> Iterator[tuple[str, dict[int, int]]]:
    """The terms of each wanted commit that the clone has with its parent."""
    edge = repo.shallow_edge()
    metas = repo.log(*([head] if head else ["--all"]))
    named = [(name, meta) for meta in metas if (name := tables.hash_sha(meta.sha)) in wanted and meta.sha not in edge]
    diffs = repo.diffs([(meta.sha, meta.parents[0] if meta.parents else None) for _, meta in named])
    for (name, meta), files in zip(named, diffs, strict=True):
        yield name, hashed(terms(meta.message, files))


def _write(target: Path, rows: Sequence[tuple[str, dict[int, int]]], made_from: str) -> None:
    sizes = [len(counts) for _, counts in rows]
    with whole(target) as partial, partial.open("wb") as stream:
        np.savez_compressed(
            stream,
            made_from=made_from,
            sha256=np.array([name for name, _ in rows], "S64"),
            start=np.cumsum([0, *sizes]),
            bucket=np.array([b for _, counts in rows for b in counts], np.uint32),
            count=np.array([min(n, 65_535) for _, counts in rows for n in counts.values()], np.uint16),
        )


@dataclass(frozen=True, eq=False)
class Words:
    """Counts (n, BUCKETS) of commits by the sha256 of their SHA."""

    counts: sparse.csr_matrix
    place: dict[str, int]

    @classmethod
    def read(cls, folder: Path) -> Words:
        """All files of a folder.

        Raises:
            UsageError: there is none, or one is damaged.
        """
        parts, names = [], []
        for path in sorted(folder.glob("*.npz")):
            try:
                with path.open("rb") as stream, np.load(stream) as found:
                    names += [name.decode("ascii") for name in found["sha256"].tolist()]
                    shape = (len(found["sha256"]), BUCKETS)
                    parts.append(sparse.csr_matrix((found["count"].astype(np.float32), found["bucket"].astype(np.int32), found["start"]), shape))
            except (OSError, ValueError, KeyError, BadZipFile) as error:
                raise UsageError(f"{path} holds no terms of commits ({error}); remove it and run automl-codex words again") from error
        if not parts:
            raise UsageError(f"{folder} holds no terms of commits; make them with automl-codex words --output {folder}")
        return cls(sparse.vstack(parts).tocsr(), {name: row for row, name in enumerate(names)})

    def of(self, sha256: Sequence[str]) -> sparse.csr_matrix:
        """Rows (n, BUCKETS) of these commits; one that has no terms here says nothing."""
        rows = np.array([self.place.get(name, -1) for name in sha256])
        found = self.counts[np.maximum(rows, 0)]
        return sparse.diags((rows >= 0).astype(np.float32)) @ found
