"""Timing of whole processes, and the little statistics that the figures rest on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from threading import Timer
from time import perf_counter
from typing import Any, Final, NamedTuple

TIMED_OUT: Final = 124  # exit code of a process that was ended at its time limit, as timeout(1) has it
_KIB: Final = 1024
_MB: Final = 1e6


class Ran(NamedTuple):
    """A finished process. `cpu_s` counts its children too, `peak_mb` is the largest process of the tree."""

    wall_s: float
    cpu_s: float
    peak_mb: float
    code: int
    out: bytes
    err: bytes


class Sample(NamedTuple):
    """One timing, in seconds."""

    wall_s: float
    cpu_s: float


class Ratio(NamedTuple):
    """Median of ratios that were taken pair by pair, with the smallest and the largest."""

    mid: float
    low: float
    high: float


def run(
    command: Sequence[str | os.PathLike[str]],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    stdin: Path | None = None,
    timeout_s: float | None = None,
) -> Ran:
    """Run a process to its end with standard output in a pipe, as a hook or a script would.

    At `timeout_s` its process group is ended and the code is TIMED_OUT.
    """
    with tempfile.TemporaryFile() as errors, (stdin or Path(os.devnull)).open("rb") as source:
        started = perf_counter()
        process = subprocess.Popen(command, cwd=cwd, env=env, stdin=source, stdout=subprocess.PIPE, stderr=errors, start_new_session=True)
        late = _Deadline(process.pid, timeout_s)
        assert process.stdout is not None
        with process.stdout, late:
            out = process.stdout.read()
            _, status, usage = os.wait4(process.pid, 0)
        wall_s = perf_counter() - started
        code = process.returncode = os.waitstatus_to_exitcode(status)
        errors.seek(0)
        err = errors.read()
    return Ran(wall_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * _KIB / _MB, TIMED_OUT if late.hit else code, out, err)


class _Deadline:
    """Ends a process group when its time is over; a context manager around the wait."""

    def __init__(self, group: int, seconds: float | None) -> None:
        self.hit = False
        self._group = group
        self._timer = Timer(seconds, self._end) if seconds is not None else None

    def _end(self) -> None:
        self.hit = True
        os.killpg(self._group, signal.SIGKILL)

    def __enter__(self) -> None:
        if self._timer:
            self._timer.start()

    def __exit__(self, *_: object) -> None:
        if self._timer:
            self._timer.cancel()


def checked(ran: Ran, what: str) -> Ran:
    """The same process when it ended well.

    Raises:
        SystemExit: it did not; the message holds the end of what it said.
    """
    if ran.code:
        sys.exit(f"benchmark: {what} ended with code {ran.code}: {ran.err.decode(errors='replace').strip()[-600:]}")
    return ran


def interleave(contestants: Mapping[str, Callable[[], Sample]], rounds: int) -> dict[str, list[Sample]]:
    """Time contestants in turn, A B A B, so that a slow minute of the machine falls on all of them."""
    times: dict[str, list[Sample]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, contest in contestants.items():
            times[name].append(contest())
    return times


def ratio(numerator: Sequence[float], denominator: Sequence[float]) -> Ratio:
    """`numerator` over `denominator`, pair by pair."""
    pairs = [a / b for a, b in zip(numerator, denominator, strict=True)]
    return Ratio(median(pairs), min(pairs), max(pairs))


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` of the values lie; the nearest one, no interpolation."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def spread(samples: Sequence[Sample]) -> dict[str, float]:
    """Median, smallest and largest wall time, and median CPU time, in seconds."""
    walls = [s.wall_s for s in samples]
    return {"wall_s": median(walls), "wall_min_s": min(walls), "wall_max_s": max(walls), "cpu_s": median(s.cpu_s for s in samples), "n": len(samples)}


def paired_difference(y: Sequence[int], ours: Sequence[float], other: Sequence[float], resamples: int, seed: int) -> dict[str, float]:
    """AUC of two scores on the same commits, and the 95 % percentile bootstrap interval of their difference.

    Commits are drawn with replacement, the same ones for both scores, `resamples` times.
    """
    import numpy as np

    from automl_codex.metrics import auc

    labels, a, b = np.asarray(y, float), np.asarray(ours, float), np.asarray(other, float)
    rng = np.random.default_rng(seed)
    differences: list[float] = []
    for _ in range(resamples):
        weight = np.bincount(rng.integers(0, len(labels), len(labels)), minlength=len(labels)).astype(float)
        differences.append(auc(labels, a, weight) - auc(labels, b, weight))
    low, high = np.nanpercentile(differences, [2.5, 97.5])
    return {"ours": auc(labels, a), "other": auc(labels, b), "difference": auc(labels, a) - auc(labels, b), "low": float(low), "high": float(high)}


def machine() -> dict[str, Any]:
    """Where the figures come from: CPU model, cores that this process may use, memory, Python, git."""
    cpu = _field(Path("/proc/cpuinfo"), "model name") or "unknown CPU"
    memory = _field(Path("/proc/meminfo"), "MemTotal")
    git = subprocess.run(["git", "--version"], capture_output=True, text=True, check=True).stdout.split()[-1]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {"cpu": cpu, "cores": cores, "memory_gb": round(int(memory.split()[0]) * _KIB / 1e9) if memory else None,
            "python": sys.version.split()[0], "git": git, "system": f"{os.uname().sysname} {os.uname().machine}"}  # fmt: skip


def _field(path: Path, name: str) -> str:
    if not path.is_file():
        return ""
    lines = (line.partition(":") for line in path.read_text(errors="replace").splitlines())
    return next((value.strip() for key, _, value in lines if key.strip() == name), "")
