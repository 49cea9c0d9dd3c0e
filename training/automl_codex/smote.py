"""SMOTE for code: categories that mutation planted rarely get more samples, up to the largest, by grafts between neighbours of the same category.

The specification's `DefectSMOTE` interpolates vectors and calls the result a text (§4.4). Here a sample is a mutant with its right program, a neighbour one of
the `k` mutants of the same category whose syntax tree has most 3-paths in common with it (Jaccard), and a step towards it a graft (`graft`) into
both texts. Only a run says what came of it: the input that told the mutant from its program must still tell them apart, in the same way.

Resampling belongs into the training part alone, so only seeds of that part (`split`) give and take: what is judged on later holds no graft, and no graft
joins two parts. A partition knows nothing of the others and is balanced for itself.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random

import numpy as np

from automl_codex import inputs, paths
from automl_codex.graft import Graft, Stock, site_of_fault
from automl_codex.quality import quality_score
from automl_codex.sandbox import Job, Sandbox
from automl_codex.split import TRAIN, part_of
from automl_codex.types import BUGGY, CORRECT, Variant

ROUNDS = 4  # tries at what is still short; chosen: after the fourth hardly anything is gained
K_PATH = 3  # length of the paths that neighbours share


@dataclass(frozen=True, slots=True)
class _Try:
    """A graft that is about to be run: into which sample, from which."""

    anchor: int
    neighbour: int
    made: Graft


@dataclass(frozen=True, slots=True)
class DefectSmote:
    """Balances the categories of a partition's mutants to the largest (the specification's sampling `auto`).

    `k_neighbors` is at least 1; `factor` the most grafts of one sample, so that a handful of mutants does not become hundreds; `quality_threshold` the least
    share of its anchor's tokens that a grafted text holds, in [0, 1].
    """

    k_neighbors: int = 5
    factor: int = 5
    quality_threshold: float = 0.75

    def balance(self, rows: Sequence[Variant], rng: Random, sandbox: Sandbox, counts: Counter[str], rejects: Counter[str]) -> list[Variant]:
        """Two rows for each graft: the grafted program, and the grafted mutant whose first parent it is.

        Args:
            rows: all of a partition, the originals among them. counts, rejects: what was found and done is added, by category.
        """
        originals = {row.variant_id: row for row in rows if row.kind == "original"}
        found: dict[str, list[Variant]] = {}
        for row in rows:
            if row.label == BUGGY and row.category and part_of(row.seed_id) == TRAIN:
                found.setdefault(row.category, []).append(row)
        if not found:
            counts["smote: partitions without a category"] += 1
        largest = max(map(len, found.values()), default=0)
        seen = {row.source for row in rows}
        made: list[Variant] = []
        for category, samples in sorted(found.items()):
            grown = self._grow(category, samples, largest - len(samples), originals, seen, rng, sandbox, counts, rejects) if len(samples) < largest else []
            grafts = len(grown) // 2
            counts[f"smote {category}: samples"] += len(samples)
            counts[f"smote {category}: grafts"] += grafts
            counts[f"smote {category}: short of the largest"] += largest - len(samples) - grafts
            made += grown
        counts["smote: correct"] += len(made) // 2
        counts["smote: buggy"] += len(made) // 2
        return made

    def _grow(
        self, category: str, samples: Sequence[Variant], wanted: int, originals: dict[str, Variant], seen: set[str],
        rng: Random, sandbox: Sandbox, counts: Counter[str], rejects: Counter[str],
    ) -> list[Variant]:  # fmt: skip
        """Grafts of one category, the samples in turn."""
        samples = [sample for sample in samples if not str(sample.actual).startswith("?")]  # each run of one that does not end costs half a second
        near = neighbours(samples, self.k_neighbors)
        if len(samples) <= self.k_neighbors:
            counts[f"smote {category}: partitions with fewer than k + 1 samples"] += 1
        if not any(near):
            counts[f"smote {category}: partitions without a neighbour"] += 1
            return []
        stocks: dict[int, Stock] = {}
        given: Counter[int] = Counter()
        made: list[Variant] = []
        order = [number for number, others in enumerate(near) if others]
        rng.shuffle(order)
        for _ in range(ROUNDS):
            short = wanted - len(made) // 2
            turns = [number for lap in range(self.factor) for number in order if given[number] + lap < self.factor][:short]
            tries: list[_Try] = []
            for number in turns:
                other = rng.choice(near[number])
                for which in (number, other):
                    if which not in stocks:
                        sample = samples[which]
                        stocks[which] = Stock(originals[sample.seed_id].source, sample.source, sample.operator, sample.site)
                grafted = stocks[number].take(stocks[other], rng)
                if grafted is None:
                    counts["smote: neighbours without a fitting subtree"] += 1
                elif {grafted.right, grafted.wrong} & seen:
                    counts["smote: grafts that stood there already"] += 1
                else:
                    seen |= {grafted.right, grafted.wrong}
                    tries.append(_Try(number, other, grafted))
            for tried, judged in zip(tries, self._judged(tries, samples, originals, sandbox), strict=True):
                if isinstance(judged, str):
                    rejects[f"smote: {judged}"] += 1
                    continue
                made += named(judged, samples[tried.anchor], samples[tried.neighbour], given[tried.anchor])
                given[tried.anchor] += 1
        return made

    def _judged(
        self, tries: Sequence[_Try], samples: Sequence[Variant], originals: dict[str, Variant], sandbox: Sandbox
    ) -> list[tuple[Variant, Variant] | str]:
        """Each graft as its two rows, or why it is rejected. What its text tells is looked at before it is run."""
        anchors = [samples[tried.anchor] for tried in tries]
        qualities = [
            (quality_score(tried.made.right, originals[anchor.seed_id].source), quality_score(tried.made.wrong, anchor.source))
            for tried, anchor in zip(tries, anchors, strict=True)
        ]
        good = [min(pair) >= self.quality_threshold for pair in qualities]
        jobs: list[Job] = []
        for tried, anchor, run in zip(tries, anchors, good, strict=True):
            if run:
                arguments = [inputs.parse(literal) for literal in (*anchor.inputs, str(anchor.witness))]
                jobs += [Job(text, anchor.entry, arguments) for text in (tried.made.right, tried.made.wrong)]
        outcomes = sandbox.run(jobs)
        found: list[tuple[Variant, Variant] | str] = []
        for tried, anchor, quality, run in zip(tries, anchors, qualities, good, strict=True):
            if not run:
                found.append(f"quality below {self.quality_threshold}")
                continue
            right, wrong = next(outcomes), next(outcomes)
            reason = refused(anchor, right, wrong)
            site = None if reason else site_of_fault(tried.made, anchor.operator)
            if reason or site is None:
                found.append(reason or "the operator makes another fault of it")
                continue
            program = replace(
                originals[anchor.seed_id], kind="smote", operator="graft", site=tried.made.place, source=tried.made.right,
                outcomes=tuple(right[:-1]), label=CORRECT, quality=quality[0],
            )  # fmt: skip
            mutant = replace(
                anchor, kind="smote", site=site, source=tried.made.wrong, outcomes=tuple(wrong[:-1]), expected=right[-1], actual=wrong[-1], quality=quality[1]
            )
            found.append((program, mutant))
        return found


def refused(anchor: Variant, right: Sequence[str], wrong: Sequence[str]) -> str | None:
    """Why the runs of a grafted program and of its grafted mutant do not confirm the anchor's label; None where they do.

    Args:
        right, wrong: an outcome for each input of the anchor and, last, for the one that told it from its program.
    """
    if any(outcome.startswith(("?", "!SyntaxError")) for outcome in (*right, *wrong)):
        return "it does not run in the sandbox"
    if all(outcome.startswith("!") for outcome in right[:-1]):
        return "an exception on every input"
    if right[-1] == wrong[-1]:
        return "the fault no longer shows on its input"
    if (_manner(right[-1]), _manner(wrong[-1])) != (_manner(str(anchor.expected)), _manner(str(anchor.actual))):
        return "the fault shows itself in another way"
    return None


def _manner(outcome: str) -> str:
    """How a run ended: which exception, or a value."""
    return outcome if outcome.startswith("!") else "a value"


def named(pair: tuple[Variant, Variant], anchor: Variant, neighbour: Variant, number: int) -> tuple[Variant, Variant]:
    """The two rows of a graft with names of their own and their lineage; the seed is the anchor's."""
    program = replace(pair[0], variant_id=f"{anchor.variant_id}-smote-{number}", parents=(anchor.seed_id, neighbour.variant_id))
    mutant = replace(pair[1], variant_id=f"{program.variant_id}-fault", parents=(program.variant_id, anchor.variant_id, neighbour.variant_id))
    return program, mutant


def neighbours(samples: Sequence[Variant], k: int) -> list[list[int]]:
    """For each sample the numbers of its up to `k` nearest of other seeds, nearest first; equally near ones in the order of the rows.

    Counts of 3-paths in common are whole numbers, exact in any order of addition, so every machine finds the same.
    """
    shapes = [paths.k_paths(ast.parse(sample.source), K_PATH) for sample in samples]
    columns = {path: column for column, path in enumerate(dict.fromkeys(path for shape in shapes for path in sorted(shape)))}
    table = np.zeros((len(samples), len(columns)), np.float32)
    for row, shape in enumerate(shapes):
        table[row, [columns[path] for path in shape]] = 1
    seeds = np.unique([sample.seed_id for sample in samples], return_inverse=True)[1]
    sizes = table.sum(axis=1)
    found = []
    for row in range(len(samples)):
        shared = table @ table[row]
        near = np.where(seeds == seeds[row], -1.0, shared / (sizes + sizes[row] - shared))
        found.append([int(other) for other in np.argsort(-near, kind="stable")[:k] if near[other] >= 0])
    return found
