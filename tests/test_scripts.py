"""The shell behind the two quick-start commands: what it says when an installation fails."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

LIB = Path(__file__).resolve().parents[1] / "scripts" / "lib.sh"


@pytest.mark.parametrize(
    ("pip_says", "why"),
    [
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "the disk is full; free some space and run this again"),
        ("ERROR: No matching distribution found for hatchling", "is a package index reachable?"),
    ],
)
def test_a_failed_installation_says_why_and_where_the_log_is(tmp_path: Path, pip_says: str, why: str) -> None:
    python = tmp_path / "bin" / "python"
    python.parent.mkdir()
    python.write_text(f"#!/bin/sh\necho '{pip_says}' >&2\nexit 1\n")
    python.chmod(0o755)
    done = subprocess.run(["sh", "-c", f'. "{LIB}"; install "{tmp_path}" one two'], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.splitlines() == [pip_says, f"error: pip could not install one two; {why} (the whole log: {tmp_path}/install.log)"]
