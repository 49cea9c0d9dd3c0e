"""The three standard streams of a command, before its work and when they fail; what may be imported before anything else is."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG)  # a place that takes nothing more


def open_closed() -> None:
    """Give a standard stream that was closed before the start (`>&-`) the device that holds nothing: the verdict is the exit code too."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):  # the lowest free number is the closed one
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115


def close_output(name: str = "stdout") -> None:
    """Let what is still to be written to standard output (or that other stream) go nowhere."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), getattr(sys, name).fileno())


def say(text: str) -> None:
    """A line on standard error, seen at once; where nobody can take it – a full disk, a reader that is gone – it is lost, and the exit code stays what it is."""
    with suppress(OSError, ValueError):
        print(text, file=sys.stderr)
    settle()


def settle() -> None:
    """Let standard error hold nothing back: at its end the interpreter would try again, and change the exit code."""
    try:
        sys.stderr.flush()
    except (OSError, ValueError):
        close_output("stderr")


@contextmanager
def settled() -> Iterator[None]:
    """Standard error is settled behind the block, whoever wrote to it."""
    try:
        yield
    finally:
        settle()
