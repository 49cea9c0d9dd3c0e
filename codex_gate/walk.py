"""Features of many commits in one walk over a history, each with only what its ancestors knew."""

from __future__ import annotations

import subprocess
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Final, NamedTuple

from codex_gate.features import extract
from codex_gate.git import MAX_DIFF_MB, CommitMeta, Repository, count_lines, object_name
from codex_gate.history import History, Past
from codex_gate.messages import is_fix
from codex_gate.types import Commit, CommitFeatures, FileChange, Notice

_PLAIN: Final = (0o100644, 0o100755)
_SUBMODULE: Final = 0o160000
_AHEAD: Final = 16  # commits whose files are looked at early; more would hold more patches in memory (chosen)
_MAX_ASKED: Final = 500  # blobs in flight: 41 bytes each stay below a pipe's 64 KiB, so neither side can block the other


class Row(NamedTuple):
    """A walked commit with its measures."""

    commit: Commit
    features: CommitFeatures


class LineCounts:
    """Lines of blobs by id.

    The lines of a blob follow from the diff that made it (lines before + added − deleted), so a walk from
    the root on reads hardly any. The others are asked of one `git cat-file --batch` that stays open, ahead
    of their use where the walk knows what comes.
    """

    def __init__(self, repo: Repository) -> None:
        self._repo = repo
        # Lines; None where there are none to count; (blob that is being read, lines more than it has).
        self._known: dict[int, int | tuple[int, int] | None] = {}
        self._asked: deque[tuple[int, str]] = deque()
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> LineCounts:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def expect(self, files: Sequence[FileChange]) -> None:
        """Ask for what is unknown about the files before this diff, and note what it implies about those after."""
        known = self._known
        for change in files:
            if change.added is None or change.deleted is None or change.status == "T":
                continue
            if change.status == "A":
                lines: int | tuple[int, int] | None = change.added
            else:
                old = _key(change.old_id)
                if old not in known:
                    if change.old_mode == _SUBMODULE:
                        continue
                    self._ask(old, change.old_id)
                lines = known[old]
                if lines is not None:
                    more = change.added - change.deleted
                    lines = (lines[0], lines[1] + more) if isinstance(lines, tuple) else lines + more
            if change.new_mode in _PLAIN and lines is not None:
                known.setdefault(_key(change.new_id), lines)
        self._flush()

    def __call__(self, blob_id: str) -> int | None:
        key = _key(blob_id)
        if key not in self._known:
            self._ask(key, blob_id)
            self._flush()
        found = self._known[key]
        if isinstance(found, tuple):
            root, more = found
            while isinstance(self._known[root], tuple):
                self._receive()
            base = self._known[root]
            assert not isinstance(base, tuple)
            found = self._known[key] = None if base is None else base + more
        return found

    def _ask(self, key: int, blob_id: str) -> None:
        while len(self._asked) >= _MAX_ASKED:
            self._flush()
            self._receive()
        if self._process is None:
            self._process = self._repo.start_cat_file()
        assert self._process.stdin is not None
        self._known[key] = (key, 0)
        self._asked.append((key, blob_id))
        with suppress(BrokenPipeError):  # it died; _receive finds out and starts another
            self._process.stdin.write(blob_id.encode("ascii") + b"\n")

    def _flush(self) -> None:
        if self._process is not None and self._process.stdin is not None:
            with suppress(BrokenPipeError):
                self._process.stdin.flush()

    def _receive(self) -> None:
        """Take the next answer."""
        assert self._process is not None and self._process.stdout is not None
        key, blob_id = self._asked.popleft()
        head = self._process.stdout.readline().split()
        self._known[key] = None
        if not head:  # it died on this one: the blob is promised by a remote that is not asked
            self._start_again()
        elif len(head) == 3:
            data = self._process.stdout.read(int(head[2]) + 1)[:-1]
            if object_name(head[1], data) != blob_id:  # damaged: git announces more bytes than it sends, and is out of step
                self._start_again()
            # As git tells binary from text.
            elif head[1] == b"blob" and len(data) <= MAX_DIFF_MB << 20 and b"\0" not in data[:8000]:
                self._known[key] = count_lines(data)

    def _start_again(self) -> None:
        """Ask another process for what is still open."""
        self._stop()
        rest, self._asked = self._asked, deque()
        for key, blob_id in rest:
            self._ask(key, blob_id)
        self._flush()

    def _stop(self) -> None:
        if self._process is not None:
            assert self._process.stdin is not None and self._process.stdout is not None
            with suppress(BrokenPipeError):
                self._process.stdin.close()
            self._process.stdout.close()
            self._process.wait()
            self._process = None


def _key(blob_id: str) -> int:
    return int(blob_id[:15], 16)  # 60 bits: half the memory of the text


def _ahead(diffs: Iterator[tuple[FileChange, ...]], line_count: LineCounts) -> Iterator[tuple[FileChange, ...]]:
    """The same diffs, a few commits late, so that what they need is read while others are measured."""
    waiting: deque[tuple[FileChange, ...]] = deque()
    for files in diffs:
        line_count.expect(files)
        waiting.append(files)
        if len(waiting) > _AHEAD:
            yield waiting.popleft()
    yield from waiting


class Pasts:
    """The ancestors of each commit while the walk still needs them."""

    def __init__(self, metas: Sequence[CommitMeta], size: int, base: dict[str, Past] | None = None) -> None:
        self._size = size  # ordinals in all
        self._waiting = Counter(p for meta in metas for p in meta.parents)
        self._pasts = dict(base or {})

    def of_parent(self, meta: CommitMeta) -> Past:
        """What lies before the commit: its first parent and all that it knew."""
        return self._pasts[meta.parents[0]] if meta.parents and meta.parents[0] in self._pasts else Past(bytearray(self._size))

    def close(self, meta: CommitMeta, ordinal: int) -> None:
        """Work out the past that the commit's children see, reusing the parent's when nobody else needs it."""
        merged: Past | None = None
        for parent in meta.parents:
            self._waiting[parent] -= 1
            found = self._pasts.get(parent)
            if found is None:
                continue
            if not self._waiting[parent]:
                del self._pasts[parent]
            if merged is None:
                merged = found if not self._waiting[parent] else found.copy()
            else:
                merged.union(found)
        if self._waiting[meta.sha]:
            merged = merged or Past(bytearray(self._size))
            merged.add(ordinal)
            self._pasts[meta.sha] = merged


def as_commit(meta: CommitMeta, files: tuple[FileChange, ...], author: str | None = None) -> Commit:
    """A commit's plain value; a merge stands for what it brought and is credited to that branch's `author`."""
    return Commit(meta.sha, meta.parents, author or meta.author, meta.time, meta.utc_offset, meta.message, files)


def walk(
    repo: Repository,
    metas: Sequence[CommitMeta],
    wanted: Collection[str] | None,
    history: History | None = None,
    base: dict[str, Past] | None = None,
    offset: int = 0,
    recorded: Mapping[str, int] | None = None,
    keep: Callable[[str], bool] | None = None,
) -> Iterator[Row]:
    """Record `metas` (parents before children) into a history and measure the wanted ones on the way.

    Args:
        wanted: SHAs to measure; None for every commit that is no merge. A merge is measured as the
            change it brought: its diff against the first parent, credited to the merged branch's author.
        history: the history so far, which is extended; empty when None.
        base: the pasts of commits that `metas` grow from, sized for offset + len(metas) ordinals.
        offset: ordinal of the first of `metas`.
        recorded: ordinals of `metas` when the history holds them already; nothing is recorded then.
        keep: paths that are measured; the history learns about all of them.
    Yields:
        A Row for each wanted commit, in order.
    """
    history = history if history is not None else History()
    edge = repo.shallow_edge()
    chosen = {m.sha for m in metas if (len(m.parents) < 2 if wanted is None else m.sha in wanted)}
    authors = _branch_authors(repo, [m for m in metas if len(m.parents) > 1 and m.sha in chosen], metas)
    pairs = [(m.sha, m.parents[0] if m.parents else None) for m in metas if m.sha not in edge]
    measured = repo.diffs([pair for pair in pairs if pair[0] in chosen])
    merges = {m.sha for m in metas if len(m.parents) > 1}
    others = repo.touches([pair for pair in pairs if pair[0] not in chosen and pair[0] not in merges and recorded is None])
    pasts = Pasts(metas, offset + len(metas) if recorded is None else offset, base)
    with LineCounts(repo) as line_count:
        diffs = _ahead(measured, line_count)
        for ordinal, meta in enumerate(metas, offset):
            at_edge, asked = meta.sha in edge, meta.sha in chosen
            files: tuple[FileChange, ...] = ()
            if asked:
                files = () if at_edge else next(diffs)
                commit = as_commit(meta, files if keep is None else kept(files, keep), authors.get(meta.sha))
                known = None if repo.is_shallow else history.before(commit.author, commit.time, commit.files, pasts.of_parent(meta))
                features = extract(commit, known, line_count)
                yield Row(commit, edge_features(features) if at_edge else features)
            if recorded is None:
                if meta.sha not in merges:
                    files = files if asked or at_edge else next(others)
                    history.record(ordinal, meta.author, meta.time, is_fix(meta.message), files)
                pasts.close(meta, ordinal)
            else:
                pasts.close(meta, recorded[meta.sha])


def kept(files: Sequence[FileChange], keep: Callable[[str], bool]) -> tuple[FileChange, ...]:
    """The files whose path, before or after the change, is looked at."""
    return tuple(f for f in files if keep(f.path) or (f.old_path is not None and keep(f.old_path)))


def _branch_authors(repo: Repository, merges: Sequence[CommitMeta], metas: Sequence[CommitMeta]) -> dict[str, str]:
    """The author of the newest commit that each merge brought, by the merge's SHA."""
    if not merges:
        return {}
    authors = {meta.sha: meta.author for meta in metas}
    beyond = sorted({m.parents[1] for m in merges} - authors.keys())  # tips that an earlier walk recorded
    authors |= {meta.sha: meta.author for meta in repo.metas(beyond)}
    return {m.sha: authors[m.parents[1]] for m in merges}


def edge_features(features: CommitFeatures) -> CommitFeatures:
    """Measures of a commit at the edge of a shallow clone: its diff is not known, so nothing else is."""
    kept = ("fix", "message_length", "hour_of_day", "day_of_week")
    values = {name: value if name in kept else float("nan") for name, value in features.values.items()}
    return CommitFeatures(
        values,
        (Notice("shallow-edge", "this commit lies at the edge of a shallow clone: what it changed is not known here; fetch with full depth (fetch-depth: 0)"),),
    )
