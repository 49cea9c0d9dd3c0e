"""What a long run has found so far, on disk: interrupted by anything, it goes on behind the last whole entry."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from automl_codex.files import named
from codex_gate.errors import UsageError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_SYNC_EVERY = 500  # entries between two syncs to disk: what a power cut costs; a killed process loses none of them


class Journal:
    """An append-only file of JSON lines; the first names the work that the rest belongs to.

    Entries are `[kind, value]`. A journal of other work, and what is behind the first damaged line, is dropped.

    Raises:
        UsageError: another process is writing it, or the place cannot be written to.
    """

    def __init__(self, path: Path, work: str) -> None:
        self.path = path
        self.entries: list[tuple[str, Any]] = []
        self._unsynced = 0
        self._is_empty = True
        self._made = [folder for folder in path.parents if not folder.exists()]
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("a+b")
        except OSError as error:
            raise UsageError(f"{path} cannot be written ({error.strerror}); give --output a folder that can") from error
        if fcntl is not None:
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                self._file.close()
                raise UsageError(f"{path} is being written by another run; wait for it, or give another --output") from None
        self._take_up(work)

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        """Close it; one that holds nothing to go on with goes away."""
        if self._is_empty:
            self.finish()
        self._file.close()

    def add(self, kind: str, value: Any) -> None:
        """Append an entry; it is with the operating system when this returns."""
        with named(self.path):
            self._file.write(json.dumps([kind, value], separators=(",", ":")).encode() + b"\n")
            self._file.flush()
        self._unsynced += 1
        self._is_empty = self._is_empty and kind == "work"
        if self._unsynced >= _SYNC_EVERY:
            os.fsync(self._file.fileno())
            self._unsynced = 0

    def of(self, kind: str) -> list[Any]:
        """The values of this kind that an earlier run left."""
        return [value for found, value in self.entries if found == kind]

    def finish(self) -> None:
        """The work is done and stored elsewhere, or nothing came of it: the journal goes away, and the folders that were made for it where nothing else lies in them."""
        with suppress(FileNotFoundError):
            self.path.unlink()
        with suppress(OSError):
            for folder in self._made:
                folder.rmdir()

    def _take_up(self, work: str) -> None:
        self._file.seek(0)
        end = 0
        for size, (kind, value) in _whole(self._file):
            if not end and (kind, value) != ("work", work):
                break
            end += size
            self.entries.append((kind, value))
        self._file.truncate(end)
        self.entries = self.entries[1:]
        self._is_empty = not self.entries
        if not end:
            self.add("work", work)


def _whole(stream: IO[bytes]) -> Iterator[tuple[int, tuple[str, Any]]]:
    """Entries with their size in bytes, up to the first that was not written whole."""
    for line in stream:
        try:
            kind, value = json.loads(line)
        except (ValueError, TypeError):
            return
        if not line.endswith(b"\n"):
            return
        yield len(line), (kind, value)
