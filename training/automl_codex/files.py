"""Files that are there in full or not at all, whatever ends a run, and how a manifest lists them."""

from __future__ import annotations

import hashlib
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


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


def listed(data: bytes) -> dict[str, Any]:
    """How a manifest lists a file: its size in bytes and its hash, which `codex_gate.model.check_file` holds it to."""
    return {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
