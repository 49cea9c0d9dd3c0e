"""The other tools that score a commit, called as their users call them.

repowise (PyPI): `repowise risk SHA --format json` reads git alone; `repowise init` builds an index only for its
other commands. big-code-analysis (PyPI big-code-analysis-cli): `bca vcs commit SHA`; `bca vcs jit` is the old
name of the same and prints a warning. Both run without a step before, both without telemetry and with a home
directory of their own, so that what they cache is kept from call to call.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.measure import Ran, run


@dataclass(frozen=True)
class Peer:
    """A tool: how it is called, and where in its JSON the score of a commit stands (higher means riskier)."""

    name: str
    binary: str
    arguments: tuple[str, ...]  # {sha} stands for the commit
    scores: Mapping[str, Callable[[Any], Any]]  # the first is the one that is compared
    lines_added: Callable[[Any], Any]

    def command(self, binaries: Path, sha: str) -> list[str]:
        return [str(binaries / self.binary), *(a.format(sha=sha) for a in self.arguments)]

    def shown(self) -> str:
        return " ".join([self.binary, *(a.format(sha="SHA") for a in self.arguments)])

    def version(self, binaries: Path, environ: Mapping[str, str]) -> str:
        words = run([binaries / self.binary, "--version"], env=environ, timeout_s=60).out.decode(errors="replace").split()
        return next((w for w in reversed(words) if w[:1].isdigit()), "unknown")

    def read(self, out: bytes) -> dict[str, Any]:
        """Scores by name and `la` from what a call printed; empty when it printed no such JSON."""
        try:
            said = json.loads(out)
            return {**{name: take(said) for name, take in self.scores.items()}, "la": self.lines_added(said)}
        except (ValueError, KeyError, TypeError):
            return {}


PEERS: tuple[Peer, ...] = (
    Peer(
        "repowise",
        "repowise",
        ("risk", "{sha}", "--format", "json"),
        {"score": lambda said: said["score"], "risk_percentile": lambda said: said["risk_percentile"]},
        lambda said: said["features"]["la"],
    ),
    Peer(
        "bca",
        "bca",
        ("vcs", "commit", "{sha}"),
        {"risk_score": lambda said: said["risk_score"]},
        lambda said: said["features"]["size"]["lines_added"],
    ),
)


def installed(binaries: Path | None) -> list[Peer]:
    """Those of the peers whose program lies in `binaries`."""
    return [peer for peer in PEERS if binaries is not None and (binaries / peer.binary).is_file()]


def environment(home: Path) -> dict[str, str]:
    """Variables for a peer: its own home, no telemetry, no questions."""
    home.mkdir(parents=True, exist_ok=True)
    kept = {k: v for k, v in os.environ.items() if k in ("PATH", "LANG", "LC_ALL", "TZ")}
    return {**kept, "HOME": str(home), "DO_NOT_TRACK": "1", "REPOWISE_TELEMETRY_DISABLED": "1", "GIT_TERMINAL_PROMPT": "0"}


def ask(peer: Peer, binaries: Path, repository: Path, sha: str, home: Path, timeout_s: float) -> tuple[Ran, dict[str, Any]]:
    """One call in the repository's directory, and what it said of the commit."""
    ran = run(peer.command(binaries, sha), cwd=repository, env=environment(home), timeout_s=timeout_s)
    return ran, peer.read(ran.out)
