"""Temporary files and directories, and what is said where there is no place for them."""

from __future__ import annotations

import errno
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from codex_gate.errors import GitError, UsageError
from codex_gate.stdio import FULL


def held(data: bytes) -> IO[bytes]:
    """A temporary file without a name that holds `data`, at its beginning.

    Raises:
        UsageError: there is no place for it.
    """
    with _named():
        file = tempfile.TemporaryFile()  # noqa: SIM115
        try:
            file.write(data)
            file.seek(0)  # which writes what is left
        except OSError:
            with suppress(OSError):
                file.close()
            raise
    return file


@contextmanager
def directory() -> Iterator[Path]:
    """A temporary directory, gone behind the block.

    Raises:
        UsageError: it cannot be made.
    """
    with _named():
        made = tempfile.TemporaryDirectory(prefix="codex-gate-")
    with made as name:
        yield Path(name)


def copy(source: Path, target: Path) -> Path:
    """`target`, in a temporary directory, as a copy of a file of git.

    Raises:
        UsageError: there is no place for it.
        GitError: `source` cannot be read, or is no file.
    """
    try:
        shutil.copyfile(source, target)
    except OSError as error:
        if error.errno in FULL:
            raise full(error.strerror) from error
        raise GitError(f"{source} cannot be read: {error.strerror or 'it is no file'}; expected a file that git wrote") from error
    return target


def full(why: str | None) -> UsageError:
    """The error that says where there is no place, and what to do."""
    return UsageError(
        f"the temporary directory{f' {tempfile.tempdir}' if tempfile.tempdir else ''} cannot be written: {why}; make room there, or name another by TMPDIR"
    )


@contextmanager
def _named() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in (*FULL, errno.ENOENT, errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR):
            raise  # too many open files, say: room would not help
        raise full(error.strerror or str(error)) from error
