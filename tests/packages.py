"""The package index, for what installs into an environment of its own: a runner's, a hook's."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def index_settings() -> dict[str, str]:
    """How pip finds its index here, for a process with a home of its own."""
    own = Path.home() / ".config" / "pip" / "pip.conf"
    found = {key: value for key, value in os.environ.items() if key.startswith(("PIP_", "SSL_", "HTTP", "http", "NO_PROXY", "no_proxy"))}
    return {**({"PIP_CONFIG_FILE": str(own)} if own.is_file() else {}), **found}


def offline(folder: Path, environ: dict[str, str]) -> dict[str, str]:
    """Settings by which pip builds and installs this package out of `folder` alone; the test is skipped where its wheels cannot be had."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    needed = [*project["build-system"]["requires"], *project["project"]["dependencies"]]
    command = [sys.executable, "-m", "pip", "download", "-q", "-d", folder, *needed]
    done = subprocess.run(command, env=environ, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"no package index: {done.stderr.strip().splitlines()[-1]}")
    return {"PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(folder)}
