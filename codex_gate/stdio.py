"""The three standard streams of a command, before its work and when they fail; what may be imported before anything else is."""

from __future__ import annotations

import errno
import os
import sys
from contextlib import suppress

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG)  # a place that takes nothing more


def open_closed() -> None:
    """Give a standard stream that was closed before the start (`>&-`) the device that holds nothing: the verdict is the exit code too."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):  # the lowest free number is the closed one
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115


def close_output() -> None:
    """Let what is still to be written to standard output go nowhere."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
