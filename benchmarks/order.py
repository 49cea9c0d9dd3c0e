"""What the order of `verify --budget` is worth, as docs/order.md: `python benchmarks/order.py --input DIR`, DIR being a finished output of verify.

The pairs of DIR are chosen again as under a budget, and their verdicts looked up; nothing is run. Planted failures need no DIR. Needs `.[synthetic]`, no network; about a minute of one core.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from random import Random
from statistics import mean
from typing import NamedTuple

from automl_codex import budget, grammar, labels, prioritise, stages, verify
from automl_codex.labels import Verdict
from automl_codex.prioritise import Beliefs, Open
from automl_codex.sampling import STRATEGIES
from automl_codex.types import LabelledTuple

SEEDS = range(5)
SHARES = (0.1, 0.2, 0.3, 0.5)
PLANTED = (("lambda", "and, or", "loop in a loop", "with"), ("chained comparison", "slice with a step", "assert", "raise", "loop with else"))
Arms = Sequence[tuple[str, ...]]


class Replay(NamedTuple):
    """Failures in the order in which they were met, one flag a run; CPU seconds that the choice took."""

    met: list[bool]
    seconds: float

    def found(self, share: float) -> float:
        """The share of the failures in the first runs."""
        return sum(self.met[: int(share * len(self.met))]) / sum(self.met)


def replay(arms: Arms, failing: Sequence[bool], seed: int, allowed: float = 0.3) -> Replay:
    """All pairs in the order of the module, in waves as a budget of `allowed` of them makes."""
    pool, beliefs, rng = Open(arms), Beliefs(), Random(seed)
    met: list[bool] = []
    began = time.process_time()
    while chosen := pool.choose(budget._size(int(allowed * len(arms)), len(arms)), beliefs, rng):
        for number in chosen:
            beliefs.learn(arms[number], failing[number])
            met.append(failing[number])
    return Replay(met, time.process_time() - began)


def by_chance(failing: Sequence[bool], seed: int) -> Replay:
    return Replay(Random(seed).sample(failing, len(failing)), 0.0)


def table(arms: Arms, failing: Sequence[Sequence[bool]]) -> str:
    """Shares found early, means over seeds; `failing` is one sequence for each seed."""
    ordered = [replay(arms, flags, seed) for seed, flags in zip(SEEDS, failing, strict=True)]
    chance = [by_chance(flags, seed) for seed, flags in zip(SEEDS, failing, strict=True)]
    failed = mean(map(sum, failing)) / len(arms)
    rows = ["| runs | found, lowest to highest | by chance | at best |", "| --- | --- | --- | --- |"]
    for share in SHARES:
        values = [one.found(share) for one in ordered]
        best = min(1.0, share / failed)
        rows.append(f"| {share:.0%} | {mean(values):.1%} ({min(values):.1%}–{max(values):.1%}) | {mean(one.found(share) for one in chance):.1%} | {best:.1%} |")
    cost = mean(one.seconds for one in ordered) / len(arms)
    return f"{len(arms):,} pairs, {failed:.1%} of them fail; to choose one takes {1000 * cost:.2f} ms.\n\n" + "\n".join(rows) + "\n"


def planted(names: Sequence[str], count: int) -> str:
    """Programs of the whole grammar at depth 2; one with a named arm fails in nine of ten cases, another in one of a hundred."""
    drafts = STRATEGIES["random"]().drafts(grammar.python(), Random(1), 0, 2)
    began = time.process_time()
    arms = [prioritise.arms_of(draft.source, "original", "", draft.parameters) for draft in islice(drafts, count)]
    cost = (time.process_time() - began) / count
    rng = Random(1)
    failing = [[rng.random() < (0.9 if set(names) & set(several) else 0.01) for several in arms] for _ in SEEDS]
    return f"What fails: {'; '.join(names)}. To write a program and its arms takes {1000 * cost:.1f} ms.\n\n{table(arms, failing)}"


def verified(folder: Path) -> str:
    """The pairs that a run has verified, all of them again."""
    manifest = stages.manifest_of(folder, "verify")
    rows = [row for part in manifest["partitions"] for row in stages.read(folder / part["name"], LabelledTuple) if verify.is_run(row)]
    arms = [prioritise.arms_of(row.source, row.kind, row.operator, row.parameters) for row in rows]
    failing = [labels.fails(Verdict(row.verdict)) for row in rows]
    return table(arms, [failing] * len(SEEDS))


def page(folder: Path, made_by: str, count: int) -> str:
    head = (
        "# The order under a budget in figures\n\nWritten by `python benchmarks/order.py`: what share of the failures stands in the first runs, means of seeds 0 to 4; `at best`, if all that fail came first.\n"
        f"Machine: {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, {datetime.now(UTC).date().isoformat()}. CPU time.\n"
    )
    parts = [f"## Planted failures, {len(names)} arms\n\n{planted(names, count)}" for names in PLANTED]
    parts.append(f"## Verdicts of py2many's Rust\n\n{made_by + chr(10) + chr(10) if made_by else ''}{verified(folder)}")
    return "\n".join([head, *parts])


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--input", type=Path, required=True, help="finished output of verify")
    parser.add_argument("--made-by", default="", help="how it was made, for the page")
    parser.add_argument("--count", type=int, default=1200, help="programs with planted failures (default: 1200)")
    parser.add_argument("--output", type=Path, default=Path("docs/order.md"))
    options = parser.parse_args(argv)
    options.output.write_text(page(options.input, options.made_by, options.count), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
