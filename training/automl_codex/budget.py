"""Stage 4 under a budget: the pairs that are likeliest to fail are verified first, the rest is left for a later run.

The budget counts pairs that have to be run. Pairs, not seconds: so what is verified depends on seed and data and not on the machine. Those that stage 3 has
judged are labelled in passing.

Pairs are chosen from all partitions of the run, in waves, since partitions are alike and the pairs within one are not; each wave is chosen from what the ones before it showed.
At the end every partition is written with what is known of it. A row is the same whenever it was made, so a folder whose last pair was verified, under however many budgets, is byte
for byte that of one run without.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from automl_codex import labels, prioritise, rust, stages, verify, waves
from automl_codex.labels import Verdict
from automl_codex.prioritise import Beliefs
from automl_codex.types import LabelledTuple, TranspiledPair
from codex_gate.errors import UsageError

LEARNS = 10  # waves that a budget is cut into at least, so that there is something to learn from; 50 where there are few pairs for it
WAVE = (50, 5000)  # pairs of a wave: below, a crate costs too much a program; above, nothing is learned for too long
JOURNAL = 20_000  # pairs in waves, before they are written into their partitions
Progress = Callable[[int, int, int], None]


@dataclass(frozen=True, slots=True)
class Done:
    """How a run under a budget ended: pairs that it ran, how many of them failed, how many still wait; and what it has learned of the arms."""

    run: int
    failed: int
    left: int
    beliefs: Beliefs

    def lines(self) -> Iterator[str]:
        """What to say at the end."""
        yield f"{self.run:,} pairs run, {self.failed:,} of them fail; {self.left:,} wait for a later run"
        if leading := self.beliefs.leading(5):
            yield "what fails most:"
            yield from (f"  {name:<30} {failed:>5,} of {of:,}" for name, failed, of in leading)


class Waiting(NamedTuple):
    """A pair that waits to be run: its partition, its place there, its arms."""

    work: stages.Work
    place: int
    arms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Run:
    """A run of a stage with at most `budget` pairs.

    Raises:
        UsageError: a budget below 1.
    """

    stage: stages.Stage
    works: Sequence[stages.Work]
    options: verify.Options
    source: Path
    budget: int
    engine: stages.Engine = stages.HERE
    shard: tuple[int, int] = (1, 1)

    def __post_init__(self) -> None:
        check(self.budget)

    def __call__(self, say: Callable[[str], None], surveyed: Progress, verified: Progress) -> tuple[dict[str, Any], Done]:
        """Verify what the budget allows; the manifest as it is then, and how it went. Progress is called as `stages.run` does, with partitions and with pairs.

        Raises:
            UsageError: as `stages.run`.
        """
        stages.begin(self.stage, self.works, self.engine, begun=True)
        stages.renew(self.stage, stages.share_of(self.works, self.shard), self._make, self.engine)
        beliefs = prioritise.load(self._order, say)
        touched = self._catch_up(beliefs)
        waiting = self._survey(surveyed)
        pool = prioritise.Open([pair.arms for pair in waiting])
        budget = min(self.budget, len(pool))
        size = _size(self.budget, len(pool))
        run = failed = journal = 0
        verified(0, budget, 0)
        while run < budget:
            rng = Random(f"{self.stage.seed}/{self._prefix}{beliefs.waves}")
            chosen = [waiting[number] for number in pool.choose(min(size, budget - run), beliefs, rng)]
            failed += self._wave(chosen, beliefs)
            touched |= {pair.work.number for pair in chosen}
            run, journal = run + len(chosen), journal + len(chosen)
            verified(run, budget, 0)
            if journal >= JOURNAL:
                self._settle(touched)
                journal = 0
        self._settle(touched)
        return stages.write_manifest(self.stage, self.works, begun=True), Done(run, failed, len(pool), beliefs)

    @property
    def _make(self) -> verify.Maker:
        return verify.Maker(self.options, self.source, self.stage, rest=False)

    # -- what lies there -----------------------------------------------------------------------------

    @property
    def _prefix(self) -> str:
        """Of the files of this shard's own."""
        return "" if self.shard == (1, 1) else f"{self.shard[0]}-of-{self.shard[1]}-"

    @property
    def _order(self) -> Path:
        return self.stage.folder / f"{stages.ORDER}{'-' + self._prefix.rstrip('-') if self._prefix else ''}.json"

    def _journal(self) -> list[Path]:
        return [path for path in waves.there(self.stage.folder, self._prefix) if self._number(path) is not None]

    def _number(self, path: Path) -> int | None:
        text = path.name.removeprefix(stages.WAVE + self._prefix).removesuffix(".parquet")
        return int(text) if text.isdecimal() else None

    def _catch_up(self, beliefs: Beliefs) -> set[int]:
        """Learn from the waves that a killed run has written and not learned from; the partitions of all waves."""
        touched: set[int] = set()
        for path in self._journal():
            touched |= waves.numbers(path)
            number = self._number(path) or 0
            if number >= beliefs.waves:
                for row in stages.read(path, LabelledTuple):
                    beliefs.learn(_arms(row), labels.fails(Verdict(row.verdict)))
                beliefs.waves = number + 1
        return touched

    def _survey(self, progress: Progress) -> list[Waiting]:
        """The pairs of this run's partitions that wait, in order."""
        mine = {work.number: work for work in stages.share_of(self.works, self.shard)}
        found: dict[int, list[tuple[int, tuple[str, ...]]]] = {}
        progress(0, len(mine), 0)
        for number, open_ in self.engine.run(partial(_open_of, self.stage, self._make), list(mine.values())):
            found[number] = open_
            progress(len(found), len(mine), 0)
        return [Waiting(mine[number], place, arms) for number in sorted(found) for place, arms in found[number]]

    # -- what is made --------------------------------------------------------------------------------

    def _wave(self, chosen: Sequence[Waiting], beliefs: Beliefs) -> int:
        """Verify the pairs, write them down, learn from them; how many failed."""
        pairs = self._read(chosen)
        pieces = [(at, pairs[at : at + rust.BATCH]) for at in range(0, len(pairs), rust.BATCH)]
        judged = dict(self.engine.run(partial(_judge, self._make), pieces))
        rows = [row for at, _ in pieces for row in judged[at]]
        waves.write(self.stage, f"{self._prefix}{beliefs.waves:05}", [(pair.work, row) for pair, row in zip(chosen, rows, strict=True)])
        failures = [labels.fails(Verdict(row.verdict)) for row in rows]
        for pair, failed in zip(chosen, failures, strict=True):
            beliefs.learn(pair.arms, failed)
        beliefs.waves += 1
        prioritise.save(self._order, beliefs)
        return sum(failures)

    def _read(self, chosen: Sequence[Waiting]) -> list[TranspiledPair]:
        """The pairs in the order in which they were chosen; each file is read once."""
        by_work: dict[int, list[int]] = {}
        for index, pair in enumerate(chosen):
            by_work.setdefault(pair.work.number, []).append(index)
        found: dict[int, TranspiledPair] = {}
        for indices in by_work.values():
            found |= zip(indices, self._make.pairs(chosen[indices[0]].work, [chosen[index].place for index in indices]), strict=True)
        return [found[index] for index in range(len(chosen))]

    def _settle(self, touched: set[int]) -> None:
        """Write the waves into their partitions, and partitions that are not there yet; then the waves may go."""
        mine = stages.share_of(self.works, self.shard)
        todo = [work for work in mine if work.number in touched or stages.left_of(self.stage, work) is None]
        for _ in self.engine.run(partial(stages.make_one, self.stage, self._make), todo):
            pass
        for path in self._journal():
            path.unlink()
        touched.clear()


def check(budget: int) -> None:
    """Nothing for a budget that can be meant.

    Raises:
        UsageError: it is below 1.
    """
    if budget < 1:
        raise UsageError(f"budget must be >= 1 pair, got {budget}")


def _size(budget: int, waiting: int) -> int:
    """Pairs of a wave."""
    least, most = WAVE
    return max(least, min(budget // LEARNS, waiting // (5 * LEARNS), most))


def _open_of(stage: stages.Stage, make: verify.Maker, work: stages.Work) -> tuple[int, list[tuple[int, tuple[str, ...]]]]:
    """Places and arms of the pairs of a partition that are to be run and were not."""
    if stages.left_of(stage, work) == 0:
        return work.number, []
    known = make.known(work)
    return work.number, [(place, _arms(pair)) for place, pair in enumerate(make.pairs(work)) if verify.is_run(pair) and pair.variant_id not in known]


def _arms(pair: TranspiledPair) -> tuple[str, ...]:
    return prioritise.arms_of(pair.source, pair.kind, pair.operator, pair.parameters)


def _judge(make: verify.Maker, piece: tuple[int, Sequence[TranspiledPair]]) -> tuple[int, list[LabelledTuple]]:
    at, pairs = piece
    return at, make.judge(pairs)
