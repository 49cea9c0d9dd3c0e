"""Files that are there in full or not at all, whatever ends a run."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Where to write what becomes `path` at the end of the block; an exception leaves `path` as it was, and nothing beside it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{socket.gethostname()}.{os.getpid()}.tmp")  # two machines may share a folder, and a number of a process
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
