"""What people said about verdicts, held against what became of the changes.

A dispute ("this was not useful") and a mark (`codex-gate: ignore[why]`) are claims that a change is harmless. History answers:
a later fix refutes a claim, none within a year bears it out. A refuted claim makes its row count twice when the own trees are
grown, because that is where people and the model were both wrong. A claim that was borne out changes nothing: the row is clean
already. No claim says when it was made, so the models that are judged, each of an earlier moment, know none of them. So nobody lowers a risk by ticking or marking, least of all their own; only a history without fixes does.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from automl_codex.tables import Dataset, hash_sha
from codex_gate.blame import Blamed, blame
from codex_gate.errors import GitError, UsageError
from codex_gate.git import CommitMeta, Repository
from codex_gate.messages import title
from codex_gate.replay import brought, first_parents
from codex_gate.types import Dispute, Mark

MAX_BYTES: Final = 16 << 20  # a hundred thousand claims
TWICE: Final = 2.0  # how much the row of a refuted claim counts (chosen)
_COMMENT: Final = b"#/*;%<!-"  # what begins a comment somewhere
_NUMBER: Final = re.compile(r"Merge pull request #(\d{1,9}) |.*\(#(\d{1,9})\)$")  # how GitHub names the pull request in a merge and in a squash


@dataclass(frozen=True, eq=False)
class Claims:
    """Which rows (masks, (n,)) somebody called harmless by a dispute or by a mark; `lost` claims are about no row that is learned from."""

    disputed: np.ndarray
    marked: np.ndarray
    n_disputes: int = 0
    n_marks: int = 0
    lost: int = 0

    @classmethod
    def none(cls, n: int) -> Claims:
        return cls(np.zeros(n, bool), np.zeros(n, bool))

    @property
    def rows(self) -> np.ndarray:
        return np.asarray(self.disputed | self.marked)

    def emphasis(self, y: np.ndarray) -> np.ndarray:
        """How much each row counts (n,), by the labels (n,) as far as they are known: TWICE where a fix refuted a claim, else 1."""
        return np.where(self.rows & (y == 1), TWICE, 1.0)


def read(path: Path) -> list[Dispute | Mark]:
    """The claims of a file of `codex-gate feedback`.

    Raises:
        UsageError: the file cannot be read, or a line is no claim.
    """
    try:
        with path.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise UsageError(f"the feedback {path} cannot be read: {error.strerror or error}; make it with codex-gate feedback --output {path}") from error
    if len(raw) > MAX_BYTES:
        raise UsageError(f"the feedback {path} is larger than {MAX_BYTES >> 20} MiB; that is no list of what people said")
    lines = raw.decode("utf-8", "replace").splitlines()
    return [_claim(line, f"{path}, line {number}") for number, line in enumerate(lines, 1) if line.strip()]


def _claim(line: str, place: str) -> Dispute | Mark:
    try:
        row = json.loads(line)
        kind = row["kind"]
        if kind == "dispute" and isinstance(row["pull"], int):
            return Dispute(row["pull"], str(row["sha"]), str(row["level"]), None)
        if kind == "mark" and isinstance(row["line"], int) and row["line"] > 0:
            return Mark(str(row["path"]), row["line"], str(row["reason"]))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise UsageError(f"{place}: no claim as codex-gate feedback writes it ({type(error).__name__}: {str(error)[:80]})") from None
    raise UsageError(f"{place}: no claim as codex-gate feedback writes it; expected kind dispute with a pull request, or kind mark with a line")


def found(said: Sequence[Dispute | Mark], repo: Repository, head: str, data: Dataset) -> Claims:
    """Which rows of the table the claims are about: the commits of a disputed pull request, and those that brought the marked lines."""
    disputes = [claim for claim in said if isinstance(claim, Dispute)]
    marks = [claim for claim in said if isinstance(claim, Mark)]
    about = [(True, shas) for shas in _of_disputes(disputes, repo, head)] + [(False, shas) for shas in _of_marks(marks, repo, head)]
    place = {sha: k for k, sha in enumerate(data.sha256.tolist())}
    disputed, marked = np.zeros(len(data), bool), np.zeros(len(data), bool)
    lost = len(marks) + len(disputes) - len(about)
    for is_dispute, shas in about:
        rows = [place[hashed] for hashed in map(hash_sha, shas) if hashed in place]
        (disputed if is_dispute else marked)[rows] = True
        lost += not rows
    return Claims(disputed, marked, len(disputes), len(marks), lost)


def _of_disputes(disputes: Sequence[Dispute], repo: Repository, head: str) -> list[set[str]]:
    """The commits that each disputed pull request brought: by the commit that was screened, after a squash by the number in the title."""
    if not disputes:
        return []
    metas = repo.log(stdin=[head])
    line = first_parents(metas)
    owner = brought(metas, line)
    by_number = _numbers(line)
    commits: defaultdict[int, set[str]] = defaultdict(set)
    for sha, at in owner.items():
        commits[at].add(sha)
    places = [owner.get(d.sha, by_number.get(d.pull)) for d in disputes]
    return [commits[at] if at is not None else set() for at in places]


def _numbers(line: Iterable[CommitMeta]) -> dict[int, int]:
    matches = ((at, _NUMBER.match(title(meta.message))) for at, meta in enumerate(line))
    return {int(match[1] or match[2]): at for at, match in matches if match}


def _of_marks(marks: Sequence[Mark], repo: Repository, head: str) -> list[set[str]]:
    """The commits that brought the marked lines, as far as the files are still there; who only put a mark behind a line did not bring it."""
    lines: defaultdict[str, set[int]] = defaultdict(set)
    for mark in marks:
        lines[mark.path].add(mark.line)
    by: dict[tuple[str, int], str] = {}
    for path, numbers in lines.items():
        try:
            runs = blame(repo, head, path, numbers)
        except GitError:  # the file or the line is gone
            continue
        for run in runs:
            by |= {(path, run.line + k): _brought(repo, head, path, run, k) for k in range(run.n_lines)}
    return [{by[mark.path, mark.line]} if (mark.path, mark.line) in by else set() for mark in marks]


def _brought(repo: Repository, head: str, path: str, run: Blamed, place: int) -> str:
    """Who brought a line: the blamed commit, or where that only put a mark behind a line that was there, or put it anew, whom git blames for that."""
    found, ignored = run._replace(old_line=run.old_line + place, line=run.line + place), list[str]()
    while found.sha not in ignored and _only_marks(repo, found):
        ignored.append(found.sha)
        found = blame(repo, head, path, [found.line], ignored)[0]
    return found.sha


def _only_marks(repo: Repository, run: Blamed) -> bool:
    """Whether a commit left of a line all but a mark as it was."""
    parents = repo.metas([run.sha])[0].parents
    files = next(iter(repo.diffs([(run.sha, parents[0] if parents else None)])))
    for hunk in (hunk for change in files if change.path == run.path for hunk in change.hunks()):
        if hunk.new_start <= run.old_line < hunk.new_start + len(hunk.added):
            text = hunk.added[run.old_line - hunk.new_start]
            return b"codex-gate:" in text and _unmarked(text) in map(_unmarked, hunk.deleted)
    return False


def _unmarked(text: bytes) -> bytes:
    """A line without white space, its mark and the signs that begin a comment."""
    return b"".join(text.split()).partition(b"codex-gate:")[0].rstrip(_COMMENT)


def report(claims: Claims, data: Dataset) -> dict[str, Any]:
    """What became of the claims, as counts of rows."""
    y = data.y == 1
    return {
        "disputes": claims.n_disputes,
        "marks": claims.n_marks,
        "about_no_row": claims.lost,
        "rows": int(claims.rows.sum()),
        "refuted": int((claims.rows & y).sum()),
        "borne_out": int((claims.rows & ~y).sum()),
    }
