"""Where the commands read from and write to."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Final, TypedDict

from codex_gate.errors import UsageError

STDOUT: Final = "-"  # as a name of a file


class Look(TypedDict):
    """What a report for a terminal asks to know: columns, whether to paint it, and whether in colour."""

    width: int
    colour: bool
    rich: bool


def look(target: Path | None, environ: Mapping[str, str]) -> Look:
    """How a report that goes to `target` may look; a pipe and a file get 80 plain columns, a terminal that calls itself dumb plain text in its own width."""
    to_terminal = (target is None or str(target) == STDOUT) and sys.stdout.isatty()
    width = max(40, shutil.get_terminal_size((80, 24)).columns) if to_terminal else 80
    paints = to_terminal and environ.get("TERM") != "dumb"
    return {"width": width, "colour": paints and not environ.get("NO_COLOR"), "rich": paints}


@contextmanager
def sink(target: Path | None) -> Iterator[IO[str]]:
    """Where a report goes: standard output without a target or for "-"; a file appears when it is whole, and what it held before stays when it does not come to that.

    Raises:
        UsageError: the target cannot be written.
    """
    if target is None or str(target) == STDOUT:
        yield sys.stdout
        return
    replaced, part = False, target
    try:  # around the opening too: an interrupt right behind it must not leave the part
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            replaced = target.is_file() or not target.exists()  # not /dev/stdout, not a pipe
            if replaced:
                part = target.resolve().with_name(target.name + f".{os.getpid()}.part")
            opened = part.open("w", encoding="utf-8", newline="\n")
            if replaced and target.exists():
                shutil.copymode(target, part)
        except OSError as error:
            raise UsageError(f"{target} cannot be written: {error.strerror}") from error
        with opened:
            yield opened
        if replaced:
            part.replace(target.resolve())
    except BaseException:
        if part != target:
            with suppress(OSError):
                part.unlink()
        raise


def read_shas_of(name: str, stdin: Iterable[str]) -> list[str]:
    """The commits that a file lists, one a line; - names standard input.

    Raises:
        UsageError: the file cannot be read.
    """
    if name == "-":
        return read_shas(stdin)
    try:
        with open(name, encoding="utf-8", errors="replace") as lines:  # a pipe too: --commits <(git rev-list …)
            return read_shas(lines)
    except (OSError, ValueError) as error:
        raise UsageError(
            f"{name} cannot be read ({getattr(error, 'strerror', error)}); expected a file with one SHA a line, or - for standard input"
        ) from error


def read_shas(lines: Iterable[str]) -> list[str]:
    """Revisions from a file: one a line, blank lines and `#` comments skipped.

    Raises:
        UsageError: a line holds more than one word.
    """
    found = []
    for number, line in enumerate(lines, 1):
        word = line.removeprefix("\ufeff").split("#", 1)[0].strip()
        if not word:
            continue
        if len(word.split()) > 1:
            raise UsageError(f"line {number} of the commit list holds {line.strip()!r}; expected one SHA a line")
        found.append(word)
    return found
