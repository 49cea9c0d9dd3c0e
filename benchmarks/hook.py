"""What the hook adds to a commit: pre-commit with our hook beside pre-commit with one that does nothing, in turn."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.bench import Bench, Block, Figure, SkipRow, git, milliseconds
from benchmarks.measure import Sample, interleave, run, spread
from benchmarks.single import MIN_ROUNDS, stage

_LOUD: Final = 120  # lines added to each of the three files, so that the hook speaks (chosen)
_ENTRY: Final = (
    "  - {{id: {name}, name: {name}, entry: {entry}, language: system, pass_filenames: false, always_run: true, verbose: true, stages: [pre-commit]}}\n"
)


def hook(bench: Bench) -> Block:
    """`codex-gate hook` of three staged files with a warm index, beyond pre-commit's own time."""
    command = Path(sys.executable).with_name("pre-commit")
    if not command.exists():
        raise SkipRow("pre-commit is not installed: pip install --group surfaces")
    where, config = bench.clone(bench.options.repository), bench.work / "hook.yaml"
    entries = {"gate": shlex.join([*bench.gate, "hook"]), "nothing": "true"}
    config.write_text("repos:\n- repo: local\n  hooks:\n" + "".join(_ENTRY.format(name=n, entry=f"'{e}'") for n, e in entries.items()), "utf-8")

    def committed(name: str) -> Sample:
        ran = run([command, "run", "--config", str(config), name], cwd=where, env={**bench.environ, "PRE_COMMIT_HOME": str(bench.work / "pre-commit")})
        if ran.code:
            sys.exit(f"benchmark: pre-commit ended with code {ran.code}: {(ran.out + ran.err).decode(errors='replace')[-600:]}")
        spoken.setdefault(name, ran.out.decode(errors="replace"))
        return Sample(ran.wall_s, ran.cpu_s)

    taken, beyond, notes = dict[str, list[Sample]](), dict[str, Sample](), list[str]()
    for kind, lines in (("quiet", 1), ("loud", _LOUD)):
        spoken: dict[str, str] = {}
        paths = stage(where, lines)
        try:
            committed("gate")  # the index is warm from here on
            found = interleave({name: lambda name=name: committed(name) for name in entries}, max(MIN_ROUNDS, bench.options.rounds))  # type: ignore[misc]
        finally:
            git(where, "reset", "--quiet", "--hard")
        pairs = list(zip(found["gate"], found["nothing"], strict=True))
        beyond[kind] = Sample(median(a.wall_s - b.wall_s for a, b in pairs), median(a.cpu_s - b.cpu_s for a, b in pairs))
        taken |= {f"pre-commit with {'our hook' if name == 'gate' else 'a hook that does nothing'}, {kind}": samples for name, samples in found.items()}
        said = next((line for line in spoken["gate"].splitlines() if "% risk" in line), "nothing")
        notes.append(f"{kind}: {lines} {'line' if lines == 1 else 'lines'} more in each file; the hook says {said}")
    figures = []
    for kind, value in beyond.items():
        what = f"beyond pre-commit's own time, 3 files, {kind}, median of pairs"
        figures.append(Figure(what, value.wall_s * 1000, milliseconds(value.wall_s), 600, 300, unit=" ms"))
        figures.append(Figure(f"the same in CPU time, {kind}", value.cpu_s * 1000, milliseconds(value.cpu_s), unit=" ms"))
    how = f"`pre-commit run` with `codex-gate hook`, less `pre-commit run` with a hook that does nothing, in turn; staged are {', '.join(f'`{p}`' for p in paths)}."
    return Block(tuple(figures), how, {name: spread(samples) for name, samples in taken.items()}, tuple(notes))
