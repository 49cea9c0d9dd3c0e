"""Files that are there in full or not at all, whatever ends a run; how a manifest lists them, and how far forms of one model may lie apart."""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from codex_gate.errors import UsageError
from codex_gate.streams import sink

PARITY: Final = 1e-5  # largest difference of scores or probabilities that is let through between two forms of one model


@contextmanager
def named(path: Path) -> Iterator[None]:
    """Gives an OSError of the block that names no file the name of `path`: a write to a full disk says nothing of where."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = str(path)
        raise


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Where to write what becomes `path` at the end of the block; an exception leaves `path` as it was, and nothing beside it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{socket.gethostname()}.{os.getpid()}.tmp")  # two machines may share a folder, and a number of a process
    try:
        with named(path):
            yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def put(path: Path | None, text: str) -> None:
    """Write a report: on standard output without a path; a file is there in full, or as it was.

    Raises:
        UsageError: it cannot be written.
    """
    try:
        with sink(path) as out:
            out.write(text)
    except OSError as error:
        if path is None:
            raise
        raise UsageError(f"{path} cannot be written: {os.strerror(error.errno) if error.errno else error}") from error


def check_directory(target: Path) -> None:
    """A directory can be written to `target`: one lies there, or nothing does.

    Raises:
        UsageError: something else lies there, which would be lost.
    """
    if target.exists() and not target.is_dir():
        raise UsageError(f"{target} is no directory; a model takes a directory of its own, and what lies there would be lost: give another --output")


def swap(fresh: Path, target: Path) -> None:
    """Put a directory in the place of another beside it, or of none: readers see the old one or the new one."""
    old = target.with_name(f"{fresh.name}-old")
    if target.exists():
        target.rename(old)
    try:
        fresh.rename(target)
    except OSError:
        if old.exists():
            old.rename(target)
        raise
    shutil.rmtree(old, ignore_errors=True)


def listed(data: bytes) -> dict[str, Any]:
    """How a manifest lists a file: its size in bytes and its hash, which `codex_gate.model.check_file` holds it to."""
    return {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
