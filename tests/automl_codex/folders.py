"""What tests of the stages do with their folders: run a command, read the rows, compare what two runs left."""

from __future__ import annotations

import hashlib
from pathlib import Path

from automl_codex import cli, stages
from automl_codex.types import Variant


def run(*arguments: str | int | Path) -> int:
    return cli.main([str(argument) for argument in arguments])


def variants(folder: Path) -> list[Variant]:
    return [row for path in sorted(folder.glob("part-*")) for row in stages.read(path, Variant)]


def contents(folder: Path) -> dict[str, str]:
    """The files of a folder by name, each as a hash, so that a difference is a short line."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}
