"""Files that are there in full or not at all, whatever ends a run; how a manifest lists them, and how far forms of one model may lie apart."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import socket
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from codex_gate.errors import UsageError
from codex_gate.model import MANIFEST
from codex_gate.streams import STDOUT, sink

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


def check_report(target: Path | None) -> None:
    """A report can be written to `target`, as far as that can be said before the work; None and "-" are standard output.

    Raises:
        UsageError: a directory lies there, a device that takes nothing, or the folder around it cannot be made or written to.
    """
    if target is None or str(target) == STDOUT:
        return
    try:
        found = target.stat().st_mode
    except OSError:
        _check_around(target)
        return
    if stat.S_ISDIR(found):
        raise UsageError(f"{target} is a directory; a report takes a file")
    if stat.S_ISREG(found):
        _check_around(target.resolve())
    elif stat.S_ISCHR(found):
        _probe(target)


def _probe(target: Path) -> None:
    """Write nothing to a device: one that is full says so even then."""
    try:
        with target.open("wb", buffering=0) as stream:
            stream.write(b"")
    except OSError as error:
        raise UsageError(f"{target} cannot be written: {error.strerror}") from error


def check_directory(target: Path) -> None:
    """A model directory can be written to `target`: one lies there, or nothing does, and the folder around it, where it is made first, can be written to.

    Raises:
        UsageError: something else lies there, which would be lost, or the folder around it cannot be made or written to.
    """
    if target.exists() and not target.is_dir():
        raise UsageError(f"{target} is no directory; a model takes a directory of its own, and what lies there would be lost: give another --output")
    _check_around(target.resolve())


def check_folder(target: Path) -> None:
    """A folder that files are put into one by one lies at `target`, or can be made.

    Raises:
        UsageError: something else lies there, or it cannot be made or written to.
    """
    if target.exists() and not target.is_dir():
        raise UsageError(f"{target} is no folder; give another --output")
    _check_around(target.resolve() / "x")


def _check_around(target: Path) -> None:
    """The nearest folder above `target` that is there can be written to."""
    try:
        above = next(folder for folder in target.parents if folder.exists())
        fits = above.is_dir()
    except OSError as error:
        raise UsageError(f"{target} cannot be written: {error.strerror}") from error
    if not fits:
        raise UsageError(f"{target} cannot be written: {above} is no folder")
    if not os.access(above, os.W_OK | os.X_OK):
        raise UsageError(f"{target} cannot be written: the folder {above} takes no files of yours")


def swap(fresh: Path, target: Path) -> None:
    """Put a directory in the place of another beside it, or of none: readers see the old one or the new one.

    One that cannot be moved, such as a volume that is mounted there, is filled anew in place: readers then see the old one, none, or the new one.
    """
    old = target.with_name(f"{fresh.name}-old")
    if target.exists():
        try:
            target.rename(old)
        except OSError as error:
            if error.errno not in _IMMOVABLE:
                raise
            _refill(fresh, target)
            return
    try:
        fresh.rename(target)
    except OSError:
        if old.exists():
            old.rename(target)
        raise
    shutil.rmtree(old, ignore_errors=True)


_IMMOVABLE: Final = (errno.EBUSY, errno.EXDEV)  # a mount point; a folder of a lower layer of an overlay, as in a container


def _refill(fresh: Path, target: Path) -> None:
    """Make `target` hold what `fresh` does, and nothing else.

    All is copied into the target first, so that a full disk changes nothing. Then the old manifest goes, and the new one comes last: in between there
    is no model to be loaded, whatever ends the run.
    """
    inside = Path(tempfile.mkdtemp(prefix=f"{fresh.name}-", dir=target))
    try:
        with named(target):
            shutil.copytree(fresh, inside, dirs_exist_ok=True)
        (target / MANIFEST).unlink(missing_ok=True)
        coming = sorted(os.listdir(inside), key=lambda name: name == MANIFEST)
        for entry in list(target.iterdir()):
            is_folder = entry.is_dir() and not entry.is_symlink()
            if is_folder and entry != inside:
                shutil.rmtree(entry)
            elif not is_folder and entry.name not in coming:
                entry.unlink()
        for name in coming:
            (inside / name).replace(target / name)
    finally:
        shutil.rmtree(inside, ignore_errors=True)


def listed(data: bytes) -> dict[str, Any]:
    """How a manifest lists a file: its size in bytes and its hash, which `codex_gate.model.check_file` holds it to."""
    return {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
