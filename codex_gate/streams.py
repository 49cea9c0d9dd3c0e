"""What a command reads and writes: a list of commits, the place of a report."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from codex_gate.errors import UsageError


@contextmanager
def sink(target: Path | None) -> Iterator[IO[str]]:
    """Where the report goes, None for standard output; a file appears when it is whole, and what it held before stays when it does not come to that.

    Raises:
        UsageError: the file cannot be written.
    """
    if target is None:
        yield sys.stdout
        return
    replaced, part = False, target
    try:  # around the opening too: an interrupt right behind it must not leave the part
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            replaced = target.is_file() or not target.exists()  # not /dev/stdout, not a pipe
            if replaced:
                part = target.resolve().with_name(target.name + f".{os.getpid()}.part")
            stream = part.open("w", encoding="utf-8", newline="\n")
        except OSError as error:
            raise UsageError(f"{target} cannot be written: {error.strerror}") from error
        with stream:
            yield stream
        if replaced:
            part.replace(target.resolve())
    except BaseException:
        if part != target:
            with suppress(OSError):
                part.unlink()
        raise


def commit_list(name: str, read: Callable[[Iterable[str]], list[str]]) -> list[str]:
    """What a list of commits holds, - for standard input.

    Raises:
        UsageError: it cannot be read.
    """
    if name == "-":
        return read(sys.stdin)
    try:
        with open(name, encoding="utf-8", errors="replace") as lines:  # a pipe too: --commits <(git rev-list …)
            return read(lines)
    except (OSError, ValueError) as error:
        raise UsageError(
            f"{name} cannot be read ({getattr(error, 'strerror', error)}); expected a file with one SHA a line, or - for standard input"
        ) from error


def width(to_terminal: bool) -> int:
    """Columns to write in: those of the terminal, at least 40, else 80."""
    import shutil

    return max(40, shutil.get_terminal_size((80, 24)).columns) if to_terminal else 80
