"""Reading `git diff-tree -z --raw -p`: raw entries field by field, patches in their order, records by the SHA that must come next.

Nothing that a repository holds can imitate the start of a record: raw entries are read up to NUL, and no line of
a patch starts with forty hex digits.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import IO

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

from codex_gate.errors import GitError
from codex_gate.types import FileChange

ZERO_ID = "0" * 40
END = b"end of diffs"  # diff-tree --stdin echoes a line that names no object: the proof that it came to the end
_CHUNK = 1 << 20
_PIPE = 1 << 20  # bytes; the largest that Linux gives an ordinary user
_SECTION = b"\ndiff --git "
_HUNK = re.compile(rb"@@ -\d+(?:,\d+)? \+(\d+)")

Entry = tuple[str, str, str | None, tuple[int, int], str, str]


def pair_lines(pairs: Sequence[tuple[str, str | None]]) -> bytes:
    """Input of diff-tree: "new old" diffs new against old as its parent; a bare root commit diffs against nothing."""
    return "".join(f"{new} {old}\n" if old else f"{new}\n" for new, old in pairs).encode("ascii")


def blobs_of(entry: Entry) -> Iterator[str]:
    """Ids of the blobs that a diff of this entry has to read."""
    _, _, _, modes, old_id, new_id = entry
    if old_id != new_id:
        yield from (i for mode, i in zip(modes, (old_id, new_id), strict=True) if mode not in (0, 0o160000))


def parse_listings(raw: bytes, expected: Sequence[str]) -> list[list[Entry]]:
    """Output of `diff-tree --stdin -z --raw`: a SHA, then its entries.

    Raises:
        GitError: it says nothing about one that is expected.
    """
    listings, at = [], 0
    for sha in expected:
        if not raw.startswith(sha.encode("ascii") + b"\0", at):
            raise GitError(f"git diff-tree said nothing about {sha}")
        entries, at = parse_raw(raw, at + len(sha) + 1)
        listings.append(entries)
    return listings


def parse_raw(buf: bytes | bytearray, at: int) -> tuple[list[Entry], int]:
    """Raw entries from `at` on: ([(status, path, old path, modes, old id, new id)], position after the closing NUL).

    Fields are taken one after the other, so that a path may hold anything but NUL.
    """
    entries: list[Entry] = []
    while buf[at : at + 1] == b":":
        end = buf.index(0, at)
        old_mode, new_mode, old_id, new_id, status = buf[at + 1 : end].decode("ascii").split(" ")
        stop = buf.index(0, end + 1)
        path, old_path = buf[end + 1 : stop].decode("utf-8", "surrogateescape"), None
        if status[0] in "RC":
            end, stop = stop, buf.index(0, stop + 1)
            path, old_path = buf[end + 1 : stop].decode("utf-8", "surrogateescape"), path
        entries.append((status[0], path, old_path, (int(old_mode, 8), int(new_mode, 8)), old_id, new_id))
        at = stop + 1
    return entries, at + (buf[at : at + 1] == b"\0")


def parse_pair(raw: bytes) -> tuple[FileChange, ...]:
    entries, at = parse_raw(raw, 0)
    return _join(entries, raw[at:])


def _join(entries: list[Entry], patch: bytes) -> tuple[FileChange, ...]:
    """Give each raw entry its section of the patch: they come in the same order, a type change with two."""
    sections = (b"\n" + patch).split(_SECTION)[1:] if len(entries) > 1 else [patch]
    files, at = [], 0
    for status, path, old_path, (old_mode, new_mode), old_id, new_id in entries:
        if status == "T":
            parts = sections[at : at + 2] if len(entries) > 1 else patch.split(_SECTION)
            added, deleted, body = _lines_of(parts, old_id != new_id)
            at += 2
        else:
            added, deleted, body = _lines_of(sections[at : at + 1], old_id != new_id)
            at += 1
        files.append(FileChange(path, old_path, status, old_mode, new_mode, old_id, new_id, added, deleted, body))
    return tuple(files)


def _lines_of(parts: Sequence[bytes], differs: bool) -> tuple[int | None, int | None, bytes]:
    """Lines added and deleted in the sections of a file, and their hunks; no lines where git calls what differs binary."""
    bodies = []
    for part in parts:
        start = part.find(b"\n@@ ") + 1
        if start:
            bodies.append(part[start:-1] if part.endswith(b"\n") else part[start:])
        elif differs and b"\nBinary files " in part:
            return None, None, b""
    body = bodies[0] if len(bodies) == 1 else b"\n".join(bodies)
    return body.count(b"\n+"), body.count(b"\n-"), body


def count_lines(data: bytes) -> int:
    """Lines as a diff counts them: a last line without a line end is a line."""
    return data.count(b"\n") + (bool(data) and not data.endswith(b"\n"))


def line_after(patch: bytes, start: int) -> int:
    """The 1-based line of the new file where the line of the patch at `start` stands.

    For a deleted one it is the line that it stood before, the last one where it stood at the end, 1 in a file without lines; 0 outside of hunks.
    """
    hunk = patch.rfind(b"\n@@ -", 0, start) + 1
    mark = _HUNK.match(patch, hunk)
    if mark is None:
        return 0
    line = int(mark[1]) + patch.count(b"\n+", hunk, start) + patch.count(b"\n ", hunk, start)
    if patch[start] == 45:
        end = patch.find(b"\n@@ -", start)
        end = len(patch) if end < 0 else end
        if patch.find(b"\n+", start, end) < 0 and patch.find(b"\n ", start, end) < 0:  # one line of context stands behind it wherever there is one
            line -= 1
    return max(1, line)


def first_line(change: FileChange) -> int:
    """The 1-based line of the new file where its first change stands; 0 for a file that was deleted or has no lines to compare."""
    places = [at + 1 for at in map(change.patch.find, (b"\n+", b"\n-")) if at >= 0]
    return line_after(change.patch, min(places)) if places and change.status != "D" else 0


def widen(pipe: int) -> None:
    """Let git work ahead while its reader is busy with what came before; where a pipe's size is fixed, nothing happens."""
    size = getattr(fcntl, "F_SETPIPE_SZ", None)
    if size is not None:
        with suppress(OSError):  # above the user's limit
            fcntl.fcntl(pipe, size, _PIPE)


def parse_stream(pipe: IO[bytes], expected: Sequence[str]) -> Iterator[tuple[FileChange, ...]]:
    """Split the output of `diff-tree --stdin -z --raw -p` at the SHAs that must come next.

    No line of a patch starts with 40 hex digits, and raw entries are read field by field, so nothing in
    a repository can imitate the start of a record, nor its end. Ends early when git died.
    """
    buf = bytearray()

    def fill() -> bool:
        more = pipe.read(_CHUNK)
        buf.extend(more)
        return bool(more)

    for place, sha in enumerate(expected):
        head = sha.encode("ascii") + b"\0"
        while len(buf) < len(head) and fill():
            pass
        if not buf.startswith(head):
            return
        following = expected[place + 1].encode("ascii") + b"\0" if place + 1 < len(expected) else END + b"\n"
        at = len(head)
        while True:  # the raw part must be whole before it can be parsed
            try:
                if at >= len(buf):
                    raise ValueError
                entries, begin = parse_raw(buf, at)
                if begin >= len(buf) and entries:
                    raise ValueError
                break
            except ValueError:
                if not fill():
                    return
        if not entries:
            del buf[:at]
            yield ()
            continue
        end = _record_end(buf, begin, following, fill)
        if end < 0:
            return
        files = _join(entries, bytes(buf[begin:end]))
        del buf[:end]
        yield files


def _record_end(buf: bytearray, begin: int, following: bytes, fill: Callable[[], bool]) -> int:
    """Where the patch that starts at `begin` ends, or -1 when git died before its end."""
    mark, seen = b"\n" + following, begin - 1
    while True:
        found = buf.find(mark, max(seen, 0))
        if found >= 0:
            return found + 1
        seen = max(begin - 1, len(buf) - len(mark))
        if not fill():
            return -1
