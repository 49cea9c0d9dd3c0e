"""A line that tells how far a stage is: rewritten in place on a terminal, one line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TextIO


class Bar:
    """Called with partitions (or another unit) done, of how many, and how many were kept; writes to standard error."""

    def __init__(self, name: str, stream: TextIO | None = None, now: Callable[[], float] = time.monotonic, unit: str = "partitions") -> None:
        self._name, self._stream, self._now, self._unit = name, stream or sys.stderr, now, unit
        self._began, self._said = now(), float("-inf")

    def __call__(self, done: int, of: int, kept: int) -> None:
        terminal = self._stream.isatty()
        if done < of and self._now() - self._said < (0.2 if terminal else 10.0):
            return
        self._said = self._now()
        text = self.text(done, of, kept)
        if terminal:
            self._stream.write(f"\r\x1b[K{text}" + ("\n" if done == of else ""))
        else:
            self._stream.write(text + "\n")
        self._stream.flush()

    def text(self, done: int, of: int, kept: int) -> str:
        """One line of at most 80 columns for names of up to 10."""
        width = 24
        full = width * done // of if of else width
        seconds = self._now() - self._began
        made = done - kept
        left = f", {_minutes(seconds * (of - done) / made)} left" if made > 0 and done < of else ""
        was = f", {kept} kept" if kept else ""
        return f"{self._name} [{'#' * full}{'.' * (width - full)}] {done}/{of} {self._unit}{was}{left}"


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"
