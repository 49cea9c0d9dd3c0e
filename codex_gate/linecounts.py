"""Lines of files before a change, from the diffs that made them or from one git process that stays open."""

from __future__ import annotations

import subprocess
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Final

from codex_gate.diffs import count_lines
from codex_gate.git import MAX_DIFF_MB, Repository, object_name
from codex_gate.types import FileChange

_PLAIN: Final = (0o100644, 0o100755)
_SUBMODULE: Final = 0o160000
_AHEAD: Final = 16  # commits whose files are looked at early; more would hold more patches in memory (chosen)
_MAX_ASKED: Final = 500  # blobs in flight: 41 bytes each stay below a pipe's 64 KiB, so neither side can block the other
_MAX_BYTES: Final = MAX_DIFF_MB << 20  # a larger blob is binary to git, and only its size is asked for: one that is renamed may have any


class LineCounts:
    """Lines of blobs by id.

    The lines of a blob follow from the diff that made it (lines before + added − deleted), so a walk from
    the root on reads hardly any. The others are asked of one `git cat-file --batch` that stays open, ahead
    of their use where the walk knows what comes, once another has said that they are small enough to be read.
    """

    def __init__(self, repo: Repository) -> None:
        self._repo = repo
        # Lines; None where there are none to count; (blob that is being read, lines more than it has).
        self._known: dict[int, int | tuple[int, int] | None] = {}
        self._wanted: list[tuple[int, str]] = []  # since the last flush
        self._asked: deque[tuple[int, str]] = deque()
        self._process: subprocess.Popen[bytes] | None = None
        self._sizes: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> LineCounts:
        return self

    def __exit__(self, *_: object) -> None:
        for process in (self._process, self._sizes):
            _stop(process)
        self._process = self._sizes = None

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
        self._known[key] = (key, 0)
        self._wanted.append((key, blob_id))
        if len(self._wanted) >= _MAX_ASKED:
            self._flush()

    def _flush(self) -> None:
        """Have those read that were asked for and are not too large."""
        wanted, self._wanted = self._wanted, []
        for (key, blob_id), size in zip(wanted, self._bytes([blob_id for _, blob_id in wanted]), strict=True):
            if size is None or size > _MAX_BYTES:
                self._known[key] = None
            else:
                self._send(key, blob_id)
        self._push()

    def _bytes(self, ids: Sequence[str]) -> list[int | None]:
        """The sizes of blobs; 0 for what is missing or no blob, as reading it will tell, None where git cannot go on."""
        found: list[int | None] = []
        while len(found) < len(ids):
            if self._sizes is None:
                self._sizes = self._repo.start_cat_file("--batch-check=%(objecttype) %(objectsize)")
            assert self._sizes.stdin is not None and self._sizes.stdout is not None
            with suppress(BrokenPipeError):  # it died, which reading finds out
                self._sizes.stdin.write("".join(f"{blob_id}\n" for blob_id in ids[len(found) :]).encode("ascii"))
                self._sizes.stdin.flush()
            while len(found) < len(ids):
                words = self._sizes.stdout.readline().split()
                found.append((int(words[1]) if words[0] == b"blob" else 0) if words else None)
                if not words:  # it died on this one: the blob is promised by a remote that is not asked
                    _stop(self._sizes)
                    self._sizes = None
                    break
        return found

    def _send(self, key: int, blob_id: str) -> None:
        while len(self._asked) >= _MAX_ASKED:
            self._push()
            self._receive()
        if self._process is None:
            self._process = self._repo.start_cat_file()
        assert self._process.stdin is not None
        self._asked.append((key, blob_id))
        with suppress(BrokenPipeError):  # it died; _receive finds out and starts another
            self._process.stdin.write(blob_id.encode("ascii") + b"\n")

    def _push(self) -> None:
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
            elif head[1] == b"blob" and b"\0" not in data[:8000]:
                self._known[key] = count_lines(data)

    def _start_again(self) -> None:
        """Ask another process for what is still open."""
        _stop(self._process)
        self._process = None
        rest, self._asked = self._asked, deque()
        for key, blob_id in rest:
            self._send(key, blob_id)
        self._push()


def _stop(process: subprocess.Popen[bytes] | None) -> None:
    if process is not None:
        assert process.stdin is not None and process.stdout is not None
        with suppress(BrokenPipeError):
            process.stdin.close()
        process.stdout.close()
        process.wait()


def _key(blob_id: str) -> int:
    return int(blob_id[:15], 16)  # 60 bits: half the memory of the text


def ahead(diffs: Iterator[tuple[FileChange, ...]], line_count: LineCounts) -> Iterator[tuple[FileChange, ...]]:
    """The same diffs, a few commits late, so that what they need is read while others are measured."""
    waiting: deque[tuple[FileChange, ...]] = deque()
    for files in diffs:
        line_count.expect(files)
        waiting.append(files)
        if len(waiting) > _AHEAD:
            yield waiting.popleft()
    yield from waiting
