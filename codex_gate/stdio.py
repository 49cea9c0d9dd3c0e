"""The three standard streams at the start of a command; what may be imported before anything else is."""

from __future__ import annotations

import os
import sys


def open_closed() -> None:
    """Give a standard stream that was closed before the start (`>&-`) the device that holds nothing: the verdict is the exit code too."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):  # the lowest free number is the closed one
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115
