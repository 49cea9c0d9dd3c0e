"""Rows about the model alone, memory, and what an installation weighs."""

from __future__ import annotations

import shutil
import sys
import venv
from functools import partial
from pathlib import Path
from typing import Final

from benchmarks.bench import ROOT, Bench, Block, Figure, SkipRow, milliseconds, sample
from benchmarks.measure import interleave, percentile, run, spread

_MB: Final = 1e6
_NOT_OURS: Final = ("pip", "setuptools", "_distutils_hack", "pkg_resources", "distutils-precedence")
_ROUNDS: Final = 20


def forest(bench: Bench) -> Block:
    """One row through the tier-1 model."""
    answer = bench.worker("one-row", str(bench.clone(bench.options.repository)), str(bench.options.calls))
    figures = []
    names = {"command": ("as the command takes it (encoding, forest without numpy, calibration)", 0.5), "onnxruntime": ("onnxruntime, session reused", 0.2)}
    for name, (what, aim) in names.items():
        if name in answer["seconds"]:
            p50, p99 = (1000 * percentile(answer["seconds"][name], share) for share in (0.5, 0.99))
            figures.append(Figure(f"{what}, p50", p50, f"{p50:.3f} ms", 1, aim, unit=" ms"))
            figures.append(Figure(f"{what}, p99", p99, f"{p99:.3f} ms", 3, unit=" ms"))
    bare = 1000 * percentile(answer["seconds"]["forest"], 0.5)
    how = (
        f"{bench.options.calls:,} calls one by one, each on the features of another commit, after 200 that are not counted; model {answer['model']}, "
        f"{answer['trees']} trees, {answer['nodes']:,} nodes."
    )
    notes = (f"The forest alone, without encoding and calibration: p50 {bare:.3f} ms.",)
    return Block(tuple(figures), how, notes=notes, data={"calls": bench.options.calls, "model": answer["model"]})


def memory(bench: Bench) -> Block:
    """The largest process of `screen --commits` over a long history."""
    place = bench.options.large
    if place is None:
        raise SkipRow("needs --large, a repository of 20,000 commits or more")
    facts, where, listed = bench.facts(place), bench.clone(place), bench.all_commits(place)
    command = [*bench.gate, "screen", "-C", str(where), "--commits", str(listed), "--format", "jsonl"]
    answer = bench.worker("peak", *command)
    if answer["code"]:
        sys.exit(f"benchmark: codex-gate screen --commits ended with code {answer['code']}")
    peak = answer["peak_kib"] * 1024 / _MB
    figure = Figure(f"`screen --commits` over {facts['non_merges']:,} commits, largest process", peak, f"{peak:.0f} MB", 600, 250, unit=" MB")
    by_process = ", ".join(f"{name} {kib * 1024 / _MB:.0f} MB" for name, kib in sorted(answer["by_process_kib"].items(), key=lambda kv: -kv[1]))
    how = "ru_maxrss of the whole process tree (its largest process), started from a process of 10 MB. MB are 1,000,000 bytes. A git process counts the parts of packs that it has mapped."
    notes = [
        f"By process, high-water marks: {by_process}.",
        f"It took {answer['wall_s']:.0f} s, {1000 * answer['wall_s'] / facts['non_merges']:.2f} ms a commit.",
    ]
    if facts["commits"] < 20000:
        notes.append(f"{place.name} has {facts['commits']:,} commits; the goal is set for 20,000.")
    return Block((figure,), how, notes=tuple(notes), data=answer)


def install(bench: Bench) -> Block:
    """What the default installation and the one with onnxruntime weigh, and how long they take to start."""
    default, onnx = (_environment(bench, extra) for extra in ("", "onnx"))
    light, heavy = (_weight(_site(where)) / _MB for where in (default, onnx))
    python, gate = str(default / "bin" / "python"), str(default / "bin" / "codex-gate")
    contestants = {
        "python -c pass": [python, "-c", "pass"],
        "import codex_gate.cli": [python, "-c", "import codex_gate.cli"],
        "codex-gate --version": [gate, "--version"],
    }
    taken = interleave({name: partial(_start, command) for name, command in contestants.items()}, _ROUNDS)
    spreads = {name: spread(samples) for name, samples in taken.items()}
    more = spreads["import codex_gate.cli"]["wall_s"] - spreads["python -c pass"]["wall_s"]
    figures = (
        Figure("site-packages, default install", light, f"{light:.0f} MB", 260, 60, unit=" MB"),
        Figure("site-packages, with `[onnx]`", heavy, f"{heavy:.0f} MB", 260, unit=" MB"),
        Figure("importing `codex_gate.cli`, more than an empty Python", more * 1000, milliseconds(more)),
        Figure(
            "`codex-gate --version`, whole process", spreads["codex-gate --version"]["wall_s"] * 1000, milliseconds(spreads["codex-gate --version"]["wall_s"])
        ),
    )
    largest = sorted(((_size(p), p.name) for p in _site(default).iterdir() if not p.name.startswith(_NOT_OURS)), reverse=True)[:5]
    how = "The checkout installed into two new environments; bytes of the files in site-packages, compiled ones too, without pip and setuptools. MB are 1,000,000 bytes."
    notes = ("Largest in the default install: " + ", ".join(f"{name} {size / _MB:.1f} MB" for size, name in largest) + ".",)
    return Block(figures, how, spreads, notes)


def _start(command: list[str]) -> object:
    return sample(run(command), "an installed program")


def _environment(bench: Bench, extra: str) -> Path:
    """A fresh virtual environment with this checkout in it."""
    where = bench.work / "environments" / (extra or "default")
    ready = where / f"ready-{bench.fingerprint}"
    if not ready.is_file():
        shutil.rmtree(where, ignore_errors=True)
        venv.create(where, with_pip=True)
        target = f"{ROOT}[{extra}]" if extra else str(ROOT)
        done = run([str(where / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input", target])
        if done.code:
            raise SkipRow("pip could not install the checkout; is a package index reachable?")
        ready.touch()
    return where


def _site(environment: Path) -> Path:
    return next((environment / "lib").glob("python3*/site-packages"))


def _weight(site: Path) -> int:
    return sum(_size(path) for path in site.iterdir() if not path.name.startswith(_NOT_OURS))


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else sum(p.stat().st_size for p in path.rglob("*") if p.is_file() and not p.is_symlink())
