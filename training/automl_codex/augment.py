"""Stage 2: variants of programs. Augmenters that keep the meaning (EDA), that write another program (template) and that plant a fault (mutation);
and what balances the categories that mutation gave (smote), which needs the mutants of many programs and so is no augmenter of one.

Whatever an augmenter promises, a run decides: the variant and its parent are run on the same inputs. One that was to keep the meaning and
does not is rejected; one that was to break it and does not is `equivalent_unknown`, in neither class.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import asdict, dataclass, field, replace
from itertools import islice
from pathlib import Path
from random import Random
from typing import Protocol

from automl_codex import eda, inputs, mutate, probe, stages, template
from automl_codex.quality import diversity_score, quality_score
from automl_codex.sandbox import Job, Sandbox
from automl_codex.smote import DefectSmote
from automl_codex.types import BUGGY, CORRECT, EQUIVALENT_UNKNOWN, Program, Variant
from codex_gate.errors import UsageError
from codex_gate.gates import MAX_FACTOR

MIN_THRESHOLD = 0.75  # the specification refuses a lower quality threshold, Annotation 9
TRIES = 4  # places of an operator that are tried beside what stands there
SHALLOW = 0.2  # weight of a place for each expression around it; chosen: at 1 more of the mutants show on no input
JUDGING_EDGES = 0.25  # share of edges among the further inputs
JUDGING_INPUTS = 40  # inputs that a mutant is run on: those of its program and as many further ones


@dataclass(frozen=True, slots=True)
class Candidate:
    """A text that an augmenter proposes for a seed, before anything was run."""

    source: str
    operator: str
    site: str
    category: str | None = None


class SyntheticGenerator(Protocol):
    """The specification's trait: candidates for a seed, how near one is to it, how various a batch is."""

    @property
    def keeps_meaning(self) -> bool:
        """Whether a variant must do what its seed does."""

    def generate(self, seed: Program, count: int, rng: Random) -> Iterator[Candidate]:
        """At most some dozens of distinct candidates, of which up to `count` are wanted."""

    def quality_score(self, generated: str, seed: str) -> float: ...

    def diversity_score(self, batch: Sequence[str]) -> float: ...


class _Scores:
    """Scores that all augmenters share (specification §4.3, over alpha-normalised tokens)."""

    def quality_score(self, generated: str, seed: str) -> float:
        return quality_score(generated, seed)

    def diversity_score(self, batch: Sequence[str]) -> float:
        return diversity_score(batch)


@dataclass(frozen=True, slots=True)
class EdaAugmenter(_Scores):
    """Easy data augmentation: rename, insert, swap, delete; the meaning stays."""

    probabilities: eda.Probabilities = field(default_factory=eda.Probabilities)
    keeps_meaning: bool = True

    def generate(self, seed: Program, count: int, rng: Random) -> Iterator[Candidate]:
        for source, operators in eda.variants(seed.source, seed.entry, self.probabilities, rng, 6 * count):
            yield Candidate(source, "+".join(operators), "")


@dataclass(frozen=True, slots=True)
class TemplateAugmenter(_Scores):
    """The program as a template: other literals of the same kind in its places. Another program, right by definition."""

    keeps_meaning: bool = False

    def generate(self, seed: Program, count: int, rng: Random) -> Iterator[Candidate]:
        for source, sites in template.refilled(seed.source, rng, 4 * count):
            yield Candidate(source, "literals", sites)


@dataclass(frozen=True, slots=True)
class MutationAugmenter(_Scores):
    """One fault each, of operators drawn evenly, so that the many places of common operators do not drown the rare ones.

    Places deep inside an expression are drawn less often: more of the faults there show on no input. With a sandbox the program is run with what TRIES places of each operator
    would put there, and an operator takes the first that changes a value (`probe`); one of which none does comes last.
    """

    sandbox: Sandbox | None = None
    keeps_meaning: bool = False

    def generate(self, seed: Program, count: int, rng: Random) -> Iterator[Candidate]:
        by_operator: dict[str, list[mutate.Proposal]] = {}
        for proposal in mutate.proposals(seed.source):
            by_operator.setdefault(proposal.operator.name, []).append(proposal)
        names = sorted(by_operator)
        rng.shuffle(names)
        text = mutate.Text(seed.source)
        drawn = (_drawn(text, by_operator[name], rng, TRIES if self.sandbox else 1) for name in names)
        made: set[str] = set()
        for mutant in self._in_order(seed, drawn, 2 * count):
            if mutant.source not in made:  # two operators may write the same
                made.add(mutant.source)
                yield Candidate(mutant.source, mutant.operator, mutant.site, mutant.category)

    def _in_order(self, seed: Program, drawn: Iterator[list[probe.Drawn]], at_once: int) -> Iterator[mutate.Mutant]:
        """Of each operator one mutant, those that change a value first; `at_once` operators are tried in one run."""
        late: list[mutate.Mutant] = []
        while some := list(islice(drawn, at_once)):
            yield from self._changing(seed, some, late)
        yield from late

    def _changing(self, seed: Program, drawn: Sequence[list[probe.Drawn]], late: list[mutate.Mutant]) -> Iterator[mutate.Mutant]:
        """Of each operator's mutants the first that changes a value; of an operator without one the first of all goes to `late`."""
        flat = [pair for several in drawn for pair in several]
        arguments = [inputs.parse(literal) for literal in seed.inputs]
        changing = probe.infecting(seed.source, seed.entry, flat, arguments, self.sandbox) if self.sandbox else range(len(flat))
        number = 0
        for several in drawn:
            mutants = [mutant for place, (_, mutant) in enumerate(several, number) if place in changing]
            number += len(several)
            if mutants:
                yield mutants[0]
            elif several:
                late.append(several[0][1])


def _drawn(text: mutate.Text, proposals: list[mutate.Proposal], rng: Random, count: int) -> list[probe.Drawn]:
    """Up to `count` mutants drawn from proposals; those that are none are taken out. To look at all of them would cost twenty times as much."""
    found: list[probe.Drawn] = []
    while proposals and len(found) < count:
        (place,) = rng.choices(range(len(proposals)), [SHALLOW**proposal.depth for proposal in proposals])
        proposal = proposals.pop(place)
        mutant = mutate.mutant(text, proposal)
        if mutant is not None:
            found.append((proposal, mutant))
    return found


AUGMENTERS: Mapping[str, Callable[[], SyntheticGenerator]] = {"eda": EdaAugmenter, "template": TemplateAugmenter, "mutation": MutationAugmenter}
SMOTE = "smote"
STRATEGIES = (*AUGMENTERS, SMOTE)
K_NEIGHBORS = DefectSmote().k_neighbors


@dataclass(frozen=True, slots=True)
class Options:
    """What is to be made of each program.

    Raises:
        UsageError: an unknown strategy, a factor outside 1 to MAX_FACTOR, a threshold outside MIN_THRESHOLD to 1, a `smote_k` below 1 or without smote.
    """

    strategies: tuple[str, ...] = ("eda", "mutation")
    factor: int = 5
    quality_threshold: float = MIN_THRESHOLD
    probabilities: eda.Probabilities = field(default_factory=eda.Probabilities)
    smote_k: int = K_NEIGHBORS

    @classmethod
    def of(cls, strategy: str, factor: int, quality_threshold: float, smote_k: int | None = None) -> Options:
        """The options of names and numbers as they are typed; `strategy` is joined by +, `smote_k` None where it was not given.

        Raises:
            UsageError: an unknown strategy, one named twice, or a number out of its range.
        """
        names = tuple(strategy.split("+"))
        for name in names:
            if name == "mixup":
                raise UsageError(
                    "mixup blends vectors and their labels and makes no text, so augment has nothing to do for it, and no training takes it; leave it out"
                )
            if name not in STRATEGIES:
                raise UsageError(f"no augmentation strategy {name or '(empty)'}; there are {', '.join(STRATEGIES)}, joined by +")
        if len(set(names)) < len(names):
            raise UsageError(f"strategy {strategy} names one twice; name each once")
        if not 1 <= factor <= MAX_FACTOR:
            raise UsageError(f"eda-factor must be from 1 to {MAX_FACTOR} (max_augmentation_factor), got {factor}")
        if not MIN_THRESHOLD <= quality_threshold <= 1:
            raise UsageError(f"quality-threshold must be from {MIN_THRESHOLD} to 1, got {quality_threshold}")
        if smote_k is not None and SMOTE not in names:
            raise UsageError(f"smote-k is {smote_k}, and strategy {strategy} holds no smote; leave it out or add +smote")
        if smote_k is not None and smote_k < 1:
            raise UsageError(f"smote-k must be >= 1, got {smote_k}")
        return cls(names, factor, quality_threshold, smote_k=K_NEIGHBORS if smote_k is None else smote_k)

    def told(self) -> Iterator[str]:
        """What to say before the start."""
        if SMOTE in self.strategies and "mutation" not in self.strategies:
            yield (
                "smote balances the categories of mutants, and without mutation there are none: it adds nothing here; "
                f"take --strategy {'+'.join(name for name in self.strategies if name != SMOTE) or 'eda'}+mutation+smote"
            )

    def works(self, source: Path) -> list[stages.Work]:
        """One partition for each of the input's.

        Raises:
            UsageError: the input is no finished output of `generate`.
        """
        return stages.parts(source, "generate")

    def stage(self, folder: Path, seed: int) -> stages.Stage:
        told = {"strategies": list(self.strategies), "factor": self.factor, "quality_threshold": self.quality_threshold}
        if self.probabilities != eda.Probabilities():  # the usual ones are not told, so that folders made before there were others stay as they are
            told["probabilities"] = asdict(self.probabilities)
        if SMOTE in self.strategies:
            told["smote_k"] = self.smote_k
        return stages.Stage("augment", folder, seed, told)


@dataclass(frozen=True, slots=True)
class Maker:
    """Makes a partition of variants from a partition of programs."""

    options: Options
    source: Path
    seed: int

    def __call__(self, work: stages.Work) -> stages.Made:
        rows: list[Variant] = []
        counts: Counter[str] = Counter()
        rejects: Counter[str] = Counter()
        rng = Random(f"{self.seed}/augment/{work.number}")
        pool = inputs.InputPool(rng, JUDGING_EDGES)
        with Sandbox() as sandbox:
            for program in stages.read(self.source / str(work.makes_it["input"]), Program):
                rows.append(original(program))
                counts["original"] += 1
                there = {program.source}
                for name in self.options.strategies:
                    if name in AUGMENTERS:
                        made = self.variants(name, program, rng, pool, sandbox, counts, rejects, there)
                        there |= {variant.source for variant in made}
                        rows += made
            if SMOTE in self.options.strategies:  # last, whatever its place among the strategies: it needs their mutants
                balanced = DefectSmote(self.options.smote_k, self.options.factor, self.options.quality_threshold)
                rows += balanced.balance(rows, Random(f"{self.seed}/smote/{work.number}"), sandbox, counts, rejects)
        return stages.Made(rows, dict(counts), dict(rejects))

    def variants(
        self,
        name: str,
        program: Program,
        rng: Random,
        pool: inputs.InputPool,
        sandbox: Sandbox,
        counts: Counter[str],
        rejects: Counter[str],
        there: Set[str] = frozenset(),
    ) -> list[Variant]:
        """Up to `factor` variants by one augmenter; none is a text that is `there` already: what a template writes may be what a mutation does."""
        augmenter = EdaAugmenter(self.options.probabilities) if name == "eda" else MutationAugmenter(sandbox) if name == "mutation" else AUGMENTERS[name]()
        candidates = (candidate for candidate in augmenter.generate(program, self.options.factor, rng) if candidate.source not in there)
        further, values = pool.draw(program.parameters, JUDGING_INPUTS - len(program.inputs)) if name == "mutation" else ((), [])
        literals = (*program.inputs, *further)
        arguments = [*map(inputs.parse, program.inputs), *values]
        (expected,) = sandbox.run([Job(program.source, program.entry, arguments)])
        kept: list[Variant] = []
        judged = 0
        while len(kept) < self.options.factor and (batch := list(islice(candidates, self.options.factor - len(kept)))):
            judged += len(batch)
            for candidate, actual in zip(batch, sandbox.run([Job(c.source, program.entry, arguments) for c in batch]), strict=True):
                variant = replace(
                    _variant(program, name, candidate),
                    variant_id=f"{program.program_id}-{name}-{len(kept)}",
                    quality=augmenter.quality_score(candidate.source, program.source),
                    outcomes=tuple(actual[: len(program.inputs)]),
                )
                found = _judge(variant, augmenter, name, literals, expected, actual, self.options.quality_threshold)
                if isinstance(found, str):
                    rejects[f"{name}: {found}"] += 1
                    continue
                counts[f"{name}: {found.label}"] += 1
                if name == "mutation":
                    counts[f"mutation {candidate.operator}: {found.label}"] += 1
                kept.append(found)
        if len(kept) < self.options.factor:
            reason = "the others were rejected" if judged > len(kept) else "no further ones exist"
            counts[f"{name}: programs with fewer, {reason}"] += 1
        return kept


def _judge(
    variant: Variant, augmenter: SyntheticGenerator, name: str, literals: Sequence[str], expected: Sequence[str], actual: Sequence[str], threshold: float
) -> Variant | str:
    """The variant with its label, or why it is rejected."""
    if variant.quality < threshold:
        return f"quality below {threshold}"
    if any(outcome.startswith(("?refused", "?crash", "!SyntaxError")) for outcome in actual):
        return "it does not run in the sandbox"
    if augmenter.keeps_meaning:
        return variant if list(actual) == list(expected) else "it behaves differently"
    if name == "mutation":
        return judge(variant, literals, expected, actual)
    if all(outcome.startswith(("!", "?")) for outcome in actual):
        return "an exception on every input"
    return variant


def judge(variant: Variant, literals: Sequence[str], expected: Sequence[str], actual: Sequence[str]) -> Variant:
    """A mutant is buggy with an input that tells it from its parent, which is stored; else nobody knows, and it is in neither class."""
    for literal, right, wrong in zip(literals, expected, actual, strict=True):
        if right != wrong and not right.startswith("?"):
            category = mutate.category_of(variant.operator, variant.source, variant.site, wrong)
            return replace(variant, label=BUGGY, category=category, witness=literal, expected=right, actual=wrong)
    return replace(variant, label=EQUIVALENT_UNKNOWN)


def original(program: Program) -> Variant:
    """The seed itself, which goes on to the next stage beside its variants."""
    return replace(_variant(program, "original", Candidate(program.source, "", "")), variant_id=program.program_id, parents=(), quality=1.0)


def _variant(program: Program, kind: str, candidate: Candidate) -> Variant:
    return Variant(
        "", program.program_id, (program.program_id,), kind, candidate.operator, candidate.site, candidate.source, program.entry, program.parameters,
        program.inputs, program.outcomes, CORRECT, candidate.category, None, None, None, 0.0,
    )  # fmt: skip
