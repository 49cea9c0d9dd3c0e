"""Stoplight's prism in front of the double: GitHub's own description of its interface, cut to the used paths, judges every request in a second implementation.

with Prism(hub.url, folder) as proxy:
    api = proxy.api("ghs_x")
    ...
    assert proxy.violations == []
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import urllib3

from codex_gate.reporters.github import Api
from tests.github_double import PATHS, ROOT, description

COMMAND = ROOT / ".venv" / "node" / "node_modules" / ".bin" / "prism"


def needed() -> dict[str, Any]:
    """The description with what its paths refer to and nothing else; the test is skipped where it, or prism, is not installed."""
    whole = description()
    if whole is None or not COMMAND.exists():
        pytest.skip("npm's @octokit/openapi or @stoplight/prism-cli is not installed (scripts/test puts them under .venv/node)")
    kept: dict[str, dict[str, Any]] = {}
    waiting = [json.dumps(whole["paths"])]
    while waiting:
        for kind, name in re.findall(r'"#/components/([\w-]+)/([\w.-]+)"', waiting.pop()):
            if name not in kept.setdefault(kind, {}):
                kept[kind][name] = whole["components"][kind][name]
                waiting.append(json.dumps(kept[kind][name]))
    return {"openapi": "3.0.3", "info": {"title": "GitHub", "version": "cut"}, "paths": {path: whole["paths"][path] for path in PATHS}, "components": kept}


class Prism:
    """The running proxy, and what it found wrong with the requests that came through it."""

    def __init__(self, upstream: str, folder: Path) -> None:
        self.upstream, self.folder = upstream, folder
        self.violations: list[str] = []
        self.seen = 0

    def __enter__(self) -> Prism:
        spec = self.folder / "github.json"
        spec.write_text(json.dumps(needed()), "utf-8")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        command = [COMMAND, "proxy", spec, self.upstream, "--port", str(self.port), "--host", "127.0.0.1"]
        with (self.folder / "prism.log").open("wb") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        end = time.monotonic() + 60
        while not self._listens():
            assert self._process.poll() is None and time.monotonic() < end, (self.folder / "prism.log").read_text("utf-8", "replace")[-2000:]
            time.sleep(0.1)
        return self

    def __exit__(self, *_: object) -> None:
        os.killpg(self._process.pid, signal.SIGTERM)
        self._process.wait(20)

    def _listens(self) -> bool:
        with socket.socket() as trial:
            return trial.connect_ex(("127.0.0.1", self.port)) == 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def api(self, token: str) -> Api:
        """The client as the Action has it, with its answers' headers looked at."""
        api = Api(self.url, token)
        api._pool = _Watched(api._pool, self)  # type: ignore[assignment]
        return api

    def note(self, headers: Mapping[str, str]) -> None:
        """Keep what prism says of a request; what it says of the double's short answers is no matter of ours."""
        self.seen += 1
        found = json.loads(headers.get("sl-violations", "[]"))
        self.violations += [json.dumps(one) for one in found if one["location"][0] == "request"]


class _Watched:
    def __init__(self, pool: urllib3.PoolManager, prism: Prism) -> None:
        self._pool, self._prism = pool, prism

    def request(self, *args: Any, **options: Any) -> Any:
        answer = self._pool.request(*args, **options)
        self._prism.note(answer.headers)
        return answer
