"""What every row is given: options, clones to work in, cached slow parts, and the shape of a result."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from benchmarks.measure import Ran, Ratio, Sample, checked, run

ROOT: Final = Path(__file__).resolve().parents[1]
WORKERS: Final = ROOT / "benchmarks" / "workers.py"


class SkipRow(Exception):
    """A row cannot be measured here; the text says why, for the report."""


@dataclass(frozen=True)
class Place:
    """A repository that was named on the command line: the name to print, and where it lies."""

    name: str
    path: Path

    @classmethod
    def parse(cls, text: str) -> Place:
        """`NAME=DIR`, or DIR, which is then called by its last part."""
        name, equals, directory = text.partition("=")
        path = Path(directory if equals else text).resolve()
        return cls(name if equals else path.name, path)


@dataclass(frozen=True)
class Options:
    """The command line."""

    repository: Place
    large: Place | None
    labelled: Place | None
    labels: Path | None
    project: str
    peers: Path | None
    gate: Path | None
    work: Path
    rounds: int
    pydriller_commits: int
    calls: int
    peer_timings: int
    peer_scores: int
    peer_timeout_s: float
    resamples: int
    seed: int


@dataclass(frozen=True)
class Figure:
    """One line of a block: what was measured, the number, how it is printed, and what was asked of it.

    `better` is "higher" (≥ the goal), "above" (> it) or "lower" (≤ it); a figure without `must` and `aim` is context.
    """

    what: str
    value: float
    shown: str
    must: float | None = None
    aim: float | None = None
    better: str = "lower"
    unit: str = ""

    def verdict(self) -> str:
        """Worked out from the figures alone."""
        if self.must is None and self.aim is None:
            return ""
        if self.must is not None and not self._reaches(self.must):
            return "**missed**"
        if self.aim is None:
            return "met"
        return "met, aim too" if self._reaches(self.aim) else "met, aim missed" if self.must is not None else "aim missed"

    def _reaches(self, goal: float) -> bool:
        return {"higher": self.value >= goal, "above": self.value > goal, "lower": self.value <= goal}[self.better]

    def goal(self, number: float | None) -> str:
        sign = {"higher": "≥", "above": ">", "lower": "≤"}[self.better]
        return "" if number is None else f"{sign} {number:g}{self.unit}"

    def as_json(self) -> dict[str, Any]:
        return {
            "what": self.what,
            "value": self.value,
            "shown": self.shown,
            "must": self.goal(self.must),
            "aim": self.goal(self.aim),
            "verdict": self.verdict(),
        }


@dataclass(frozen=True)
class Block:
    """A finished row of the report."""

    figures: tuple[Figure, ...]
    how: str
    times: dict[str, dict[str, float]] = field(default_factory=dict)  # contestant → measure.spread
    notes: tuple[str, ...] = ()
    data: dict[str, Any] = field(default_factory=dict)


class Bench:
    """Options, clones and cache of one run of the command."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.work = options.work
        self.work.mkdir(parents=True, exist_ok=True)

    # -- the command that is measured ----------------------------------------------------------------

    @cached_property
    def gate(self) -> list[str]:
        """How codex-gate is called: the program given, the one beside this Python, or this checkout as a module."""
        if self.options.gate:
            return [str(self.options.gate)]
        beside = Path(sys.executable).parent / "codex-gate"
        return [str(beside)] if beside.is_file() else [sys.executable, "-m", "codex_gate.cli"]

    @property
    def environ(self) -> dict[str, str]:
        """The caller's variables, this checkout importable, and an author for what is staged."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
        identity = {"GIT_AUTHOR_NAME": "Bench", "GIT_AUTHOR_EMAIL": "bench@example.org"}
        path = os.pathsep.join(filter(None, (str(ROOT), kept.get("PYTHONPATH", ""))))
        return {**kept, **identity, **({} if self.options.gate else {"PYTHONPATH": path})}

    def run_gate(self, *arguments: str, repository: Path, allowed: Sequence[int] = (0,)) -> Ran:
        """`codex-gate screen` in a repository, as a whole process."""
        ran = run([*self.gate, "screen", "-C", str(repository), *arguments], env=self.environ)
        return ran if ran.code in allowed else checked(ran, f"codex-gate screen {' '.join(arguments)}")

    def worker(self, *arguments: str) -> Any:
        """What a task of workers.py answers."""
        env = {**self.environ, "PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH", ""))))}
        ran = checked(run([sys.executable, str(WORKERS), *arguments], env=env), f"worker {arguments[0]}")
        return json.loads(ran.out)

    @cached_property
    def fingerprint(self) -> str:
        """Changes whenever the code or the model that is measured does, so that no old figure is taken for a new one."""
        files = [*sorted((ROOT / "codex_gate").rglob("*.py")), ROOT / "models" / "model.json", *sorted((ROOT / "benchmarks").glob("*.py"))]
        digest = hashlib.sha256(str(self.options.gate).encode())
        for path in files:
            digest.update(path.read_bytes() if path.is_file() else b"")
        return digest.hexdigest()[:16]

    # -- repositories --------------------------------------------------------------------------------

    def clone(self, place: Place) -> Path:
        """A clone with a work tree of its own: what is measured writes an index and stages files."""
        target = self.work / "clones" / place.name
        if not (target / ".git" / "HEAD").is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            checked(run(["git", "clone", "--quiet", "--local", str(place.path), str(target)]), f"git clone of {place.name}")
        return target

    def shallow(self, place: Place) -> Path:
        """A clone of depth 1, as actions/checkout makes it."""
        target = self.work / "clones" / f"{place.name}-depth1"
        if not (target / ".git" / "HEAD").is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            checked(run(["git", "clone", "--quiet", "--depth", "1", f"file://{self.clone(place)}", str(target)]), f"shallow clone of {place.name}")
        return target

    def early(self, place: Place, tip: str) -> tuple[Path, str]:
        """A clone of the history up to `tip` alone."""
        target = self.work / "clones" / f"{place.name}-early"
        if not (target / ".git" / "HEAD").is_file():
            git(self.clone(place), "branch", "--force", "bench-early", tip)
            source = f"file://{self.clone(place)}"
            checked(
                run(["git", "clone", "--quiet", "--single-branch", "--branch", "bench-early", source, str(target)]), f"clone of the oldest part of {place.name}"
            )
        return target, tip

    def facts(self, place: Place) -> dict[str, Any]:
        """Name, head and size of a repository, for the report."""
        where = self.clone(place)
        return {"name": place.name, "head": git(where, "rev-parse", "HEAD").strip(), "commits": int(git(where, "rev-list", "--count", "HEAD")),
                "non_merges": int(git(where, "rev-list", "--count", "--no-merges", "HEAD"))}  # fmt: skip

    def all_commits(self, place: Place) -> Path:
        """A file that lists every commit of HEAD that is no merge, oldest first."""
        return self.listing(f"{_safe(place.name)}-all", git(self.clone(place), "rev-list", "--no-merges", "--reverse", "HEAD").split())

    def listing(self, name: str, shas: Sequence[str]) -> Path:
        path = self.work / f"{name}.txt"
        path.write_text("".join(f"{sha}\n" for sha in shas), "ascii")
        return path

    # -- resuming ------------------------------------------------------------------------------------

    def cached(self, name: str, key: Sequence[Any], compute: Callable[[], Any]) -> Any:
        """A JSON value from an earlier, cut-off run with the same key, else computed and kept."""
        digest = hashlib.sha256(json.dumps(key, default=str).encode()).hexdigest()[:12]
        path = self.work / "cache" / f"{name}-{digest}.json"
        if path.is_file():
            return json.loads(path.read_text("utf-8"))
        value = compute()
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(".new")
        fresh.write_text(json.dumps(value), "utf-8")
        fresh.replace(path)
        return value


def git(where: Path, *arguments: str) -> str:
    """Standard output of a git command."""
    return subprocess.run(["git", "-C", str(where), *arguments], check=True, capture_output=True, text=True, errors="surrogateescape").stdout


def sample(ran: Ran, what: str = "a measured command") -> Sample:
    ran = checked(ran, what)
    return Sample(ran.wall_s, ran.cpu_s)


def times(value: Ratio) -> str:
    """A ratio as the report prints it."""
    return f"{value.mid:.1f}× ({value.low:.1f}–{value.high:.1f})"


def milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds >= 0.01 else f"{seconds * 1000:.2f} ms"


def _safe(name: str) -> str:
    return name.replace("/", "+")
