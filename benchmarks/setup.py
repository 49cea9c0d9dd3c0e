"""From `codex-gate init` to the first verdict in a repository that never saw it, with all downloads at hand."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from statistics import median

from benchmarks.bench import ROOT, Bench, Block, Figure, Place, git
from benchmarks.measure import Sample, checked, run, spread

_PIP = ("--disable-pip-version-check", "--no-input", "--quiet", "--no-cache-dir", "--isolated")
_CHANGE = 10  # commits of the pull request that gets the first verdict (chosen)


def setup(bench: Bench) -> Block:
    """`init` in a fresh clone, then what the workflow does at its first run: an environment, the installation, a screen without an index."""
    place = bench.options.repository
    wheels, gate = _wheels(bench.work / "setup"), bench.work / "setup" / "author" / "bin" / "codex-gate"
    _environment(gate.parent.parent, wheels)
    taken: dict[str, list[Sample]] = {}
    said = b""
    for _ in range(bench.options.rounds):
        parts, said = _once(bench, place, wheels, gate)
        for name, part in parts.items():
            taken.setdefault(name, []).append(part)
    mid = median(s.wall_s for s in taken["all of it"])
    figure = Figure(f"from `init` to the first verdict, {bench.facts(place)['commits']:,} commits, median", mid, f"{mid:.1f} s", 60, 20, unit=" s")
    how = (
        "A fresh clone each time. The clock starts at `codex-gate init` (installed already, as `pipx` would have it) and runs through what the workflow does at its first run: "
        f"`python -m venv`, `pip install` of the wheel and its libraries from a folder, `codex-gate screen HEAD~{_CHANGE}..HEAD` without an index. Cloning, the runner's queue and the network are left out."
    )
    return Block((figure,), how, {name: spread(samples) for name, samples in taken.items()}, (f"The verdict: {said.decode(errors='replace').splitlines()[1]}",))


def _once(bench: Bench, place: Place, wheels: Path, gate: Path) -> tuple[dict[str, Sample], bytes]:
    where, venv = bench.work / "setup" / "clone", bench.work / "setup" / "runner"
    for old in (where, venv):
        shutil.rmtree(old, ignore_errors=True)
    checked(run(["git", "clone", "--quiet", "--local", str(bench.clone(place)), str(where)]), "git clone")
    base = git(where, "rev-parse", f"HEAD~{_CHANGE}").strip()
    steps = {
        "codex-gate init": [str(gate), "init", "-C", str(where)],
        "python -m venv": [sys.executable, "-m", "venv", str(venv)],
        "pip install": [str(venv / "bin" / "python"), "-m", "pip", *_PIP, "install", "--no-index", "--find-links", str(wheels), "codex-gate"],
        "codex-gate screen, no index": [str(venv / "bin" / "codex-gate"), "screen", "-C", str(where), f"{base}..HEAD"],
    }
    parts: dict[str, Sample] = {}
    said = b""
    for name, command in steps.items():
        ran = checked(run(command), name)
        parts[name], said = Sample(ran.wall_s, ran.cpu_s), ran.out
    parts["all of it"] = Sample(sum(p.wall_s for p in parts.values()), sum(p.cpu_s for p in parts.values()))
    return parts, said


def _wheels(folder: Path) -> Path:
    """A folder with our wheel and those of its libraries: what a cache would hold."""
    shutil.rmtree(folder / "wheels", ignore_errors=True)
    checked(run([sys.executable, "-m", "pip", "--quiet", "wheel", "--wheel-dir", str(folder / "wheels"), str(ROOT)]), "pip wheel")
    return folder / "wheels"


def _environment(target: Path, wheels: Path) -> None:
    shutil.rmtree(target, ignore_errors=True)
    checked(run([sys.executable, "-m", "venv", str(target)]), "python -m venv")
    checked(run([str(target / "bin" / "python"), "-m", "pip", *_PIP, "install", "--no-index", "--find-links", str(wheels), "codex-gate"]), "pip install")
