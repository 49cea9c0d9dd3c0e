"""Stage 1: programs of a grammar by a sampling strategy, each with inputs on which it ran."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from random import Random

from automl_codex import grammar, stages
from automl_codex.derive import Draft
from automl_codex.inputs import InputPool
from automl_codex.sampling import EXHAUSTIVE_STRIDE, STRATEGIES
from automl_codex.sandbox import Job, Sandbox
from automl_codex.types import Program
from codex_gate.errors import UsageError

INPUTS = 8  # inputs that each program is run on
BATCH = 100  # programs sent to the sandbox at once
PATIENCE = 20  # candidates for each program wanted, until a partition is given up as short
EDGE_SHARE = {"boundary": 0.7}  # of the inputs; elsewhere as InputPool has it


@dataclass(frozen=True, slots=True)
class Options:
    """What is to be generated.

    Raises:
        UsageError: an unknown strategy or grammar, a count below 1, a negative depth.
    """

    grammar: str = "python"
    strategy: str = "coverage"
    count: int = 100_000
    max_depth: int = 5
    seed: int = 42

    def __post_init__(self) -> None:
        if self.strategy not in STRATEGIES:
            raise UsageError(f"no strategy {self.strategy}; there are {', '.join(STRATEGIES)}")
        if self.count < 1:
            raise UsageError(f"count must be >= 1, got {self.count}")
        if self.max_depth < 0:
            raise UsageError(f"max-depth must be >= 0, got {self.max_depth}")
        grammar.named(self.grammar)

    def works(self) -> list[stages.Work]:
        """The partitions: stages.PARTITION programs each, the rest in the last."""
        sizes = [stages.PARTITION] * (self.count // stages.PARTITION) + [self.count % stages.PARTITION]
        return [stages.Work(number, {"programs": size}) for number, size in enumerate(size for size in sizes if size)]

    def stage(self, folder: Path) -> stages.Stage:
        return stages.Stage("generate", folder, self.seed, {"grammar": self.grammar, "strategy": self.strategy, "max_depth": self.max_depth})


@dataclass(frozen=True, slots=True)
class Maker:
    """Makes partitions of programs; each has its own random numbers, so that it matters nowhere where and when it is made."""

    options: Options

    def __call__(self, work: stages.Work) -> stages.Made:
        wanted = int(work.makes_it["programs"])
        rejects: Counter[str] = Counter()
        with Sandbox() as sandbox:
            rows = list(islice(self._programs(work, wanted, sandbox, rejects), wanted))
        if len(rows) < wanted:
            rejects["the strategy has no further program"] += wanted - len(rows)
        return stages.Made(rows, {"programs": len(rows), "candidates": len(rows) + rejects.total()}, dict(rejects))

    def _programs(self, work: stages.Work, wanted: int, sandbox: Sandbox, rejects: Counter[str]) -> Iterator[Program]:
        """Distinct programs that ran on an input; what is left out is counted in `rejects`."""
        rng = Random(f"{self.options.seed}/{self.options.strategy}/{work.number}")
        pool = InputPool(rng, EDGE_SHARE.get(self.options.strategy, 0.15))
        number = 0
        for batch in _batches(self._distinct(work, wanted, rng, rejects), min(BATCH, wanted)):
            drawn = [pool.draw(draft.parameters, INPUTS) for draft in batch]
            jobs = [Job(draft.source, draft.entry, values) for draft, (_, values) in zip(batch, drawn, strict=True)]
            for draft, (literals, _), outcomes in zip(batch, drawn, sandbox.run(jobs), strict=True):
                if reason := unfit(outcomes):
                    rejects[reason] += 1
                    continue
                name = f"{self.options.strategy}-{self.options.seed}-{work.number:05}-{number:03}"
                number += 1
                yield Program(name, draft.source, draft.entry, draft.parameters, literals, tuple(outcomes), self.options.strategy)

    def _distinct(self, work: stages.Work, wanted: int, rng: Random, rejects: Counter[str]) -> Iterator[Draft]:
        seen: set[str] = set()
        drafts = STRATEGIES[self.options.strategy]().drafts(grammar.named(self.options.grammar), rng, work.number, self.options.max_depth)
        if self.options.strategy == "exhaustive":
            drafts = islice(drafts, EXHAUSTIVE_STRIDE)
        for draft in islice(drafts, PATIENCE * wanted):
            if draft.normal in seen:
                rejects["the same as another but for names"] += 1
                continue
            seen.add(draft.normal)
            yield draft


def unfit(outcomes: Sequence[str]) -> str | None:
    """Why a program is not kept; None when it ended in time on every input and without an exception on at least one."""
    for outcome in outcomes:
        if outcome.startswith(("?", "!SyntaxError")):
            return outcome.partition(":")[0].removeprefix("?").removeprefix("!")
    return None if any(not outcome.startswith("!") for outcome in outcomes) else "an exception on every input"


def _batches(drafts: Iterator[Draft], size: int) -> Iterator[list[Draft]]:
    while batch := list(islice(drafts, size)):
        yield batch
        gc.collect(0)
