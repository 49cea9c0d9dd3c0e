"""Stage 4: pairs to labelled tuples. The oracles `io`, `ast` and `dataflow`, joined by +, say what they see; one verdict and one label come of it.

io decides; where it sees no difference, a difference of shape that ast or dataflow sees is a verdict of its own without a category, until an input confirms it.
A fault that mutation planted keeps its category where the Rust does what the Python does. The label is worked out from the row as it is stored (`labelled`), so that a change of the
rules labels rows anew that lie there, and runs nothing.
"""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from automl_codex import causes, gaps, inputs, labels, mutate, oracle_io, oracle_shape, rust, stages, waves
from automl_codex.labels import Label, Verdict
from automl_codex.oracle_io import Judged, Seen
from automl_codex.oracle_shape import Compared
from automl_codex.sandbox import Job, Sandbox
from automl_codex.types import BUGGY, LabelledTuple, TranspiledPair
from codex_gate.errors import UsageError
from codex_gate.taxonomy import DefectCategory

TIMEOUT_MS = 5000  # verification.timeout_ms of the specification, §9.2
UNVERIFIED = "unverified"  # in the counts of a partition: pairs that a budget left for a later run
ENDLESS = "?timeout"  # the outcome of a program that used up its time
ENOUGH = 1.0  # share of constructs or edges below which a pair that runs alike is a mismatch of shape
ORACLES: Mapping[str, Callable[[str, str], Compared] | None] = {"io": None, "ast": oracle_shape.structure, "dataflow": oracle_shape.flow}

_OF_SEEN = {
    Seen.CRASH: Verdict.CRASH, Seen.TIMEOUT: Verdict.TIMEOUT, Seen.DIFFERENT: Verdict.IO_MISMATCH, Seen.LOST: Verdict.LOST_RESULT, Seen.RETURNED: Verdict.MISSING_EXCEPTION,
    Seen.OVERFLOW: Verdict.OVERFLOW_PANIC, Seen.INDEX: Verdict.INDEX_PANIC, Seen.UNWRAP: Verdict.UNWRAP_PANIC, Seen.PANIC: Verdict.OTHER_PANIC,
    Seen.FORMAT: Verdict.PASS_FORMAT, Seen.EQUAL: Verdict.PASS, Seen.BOTH_FAIL: Verdict.BOTH_FAIL, Seen.SKIPPED: Verdict.NOT_COMPARABLE,
}  # fmt: skip


class Case(NamedTuple):
    """An input of a pair, with what its Python gave when stage 2 ran it."""

    literal: str
    recorded: str


@dataclass(frozen=True, slots=True)
class Options:
    """Which oracles, and how long the Rust may take for an input.

    Raises:
        UsageError: an unknown oracle or one named twice, none that runs, a time limit below 1.
    """

    oracles: tuple[str, ...] = ("io", "ast")
    timeout_ms: int = TIMEOUT_MS

    def __post_init__(self) -> None:
        for name in self.oracles:
            if name not in ORACLES:
                raise UsageError(f"no oracle {name or '(empty)'}; there are {', '.join(ORACLES)}, joined by +")
        if len(set(self.oracles)) < len(self.oracles):
            raise UsageError(f"oracle {'+'.join(self.oracles)} names one twice; name each once")
        if "io" not in self.oracles:
            raise UsageError(f"oracle {'+'.join(self.oracles)} runs nothing; ast and dataflow join io, as in io+ast")
        if self.timeout_ms < 1:
            raise UsageError(f"timeout-ms must be >= 1, got {self.timeout_ms}")

    @classmethod
    def of(cls, oracle: str, timeout_ms: int) -> Options:
        return cls(tuple(oracle.split("+")), timeout_ms)

    def works(self, source: Path) -> list[stages.Work]:
        """One partition for each of the input's.

        Raises:
            UsageError: the input is no finished output of `transpile`.
        """
        return stages.parts(source, "transpile")

    def stage(self, folder: Path, seed: int) -> stages.Stage:
        told = {
            "oracles": list(self.oracles),
            "timeout_ms": self.timeout_ms,
            "rustc": rust.compiler().version,
            "prelude": rust.PRELUDE_VERSION,
            "gaps": gaps.VERSION,
        }
        return stages.Stage("verify", folder, seed, told, {"labels": labels.VERSION})


@dataclass(frozen=True, slots=True)
class Maker:
    """Makes a partition of labelled tuples from a partition of pairs.

    With a stage, what was verified for its partition before, under a budget, is kept. Without `rest` nothing further is run: pairs that stage 3 judged are labelled, those
    that are still to be run are left.
    """

    options: Options
    source: Path
    stage: stages.Stage | None = None
    rest: bool = True

    def __call__(self, work: stages.Work) -> stages.Made:
        pairs = self.pairs(work)
        known = self.known(work)
        todo = [pair for pair in pairs if pair.variant_id not in known and (self.rest or not is_run(pair))]
        known |= {row.variant_id: row for row in self.judge(todo)}
        rows = [known[pair.variant_id] for pair in pairs if pair.variant_id in known]
        return _made(rows, len(pairs) - len(rows))

    def renewed(self, rows: Sequence[LabelledTuple], left: int) -> stages.Made:
        """A partition that lies there with the labels of today's rules."""
        return _made([labelled(row) for row in rows], left)

    def pairs(self, work: stages.Work, places: Sequence[int] | None = None) -> list[TranspiledPair]:
        """The pairs of a partition; with `places`, those there."""
        return list(stages.read(self.source / str(work.makes_it["input"]), TranspiledPair, places))

    def known(self, work: stages.Work) -> dict[str, LabelledTuple]:
        """What was verified of a partition that is begun, by `variant_id`."""
        if self.stage is None:
            return {}
        begun = stages.read(self.stage.folder / work.name, LabelledTuple) if stages.left_of(self.stage, work) is not None else ()
        return {row.variant_id: labelled(row) for row in (*begun, *waves.of(self.stage, work))}

    def judge(self, pairs: Sequence[TranspiledPair]) -> list[LabelledTuple]:
        """The label of each pair, in order; none depends on the others."""
        rustc = rust.compiler()
        seen = self._run([pair for pair in pairs if is_run(pair)], rustc)
        return [labelled(self._row(pair, seen.get(pair.variant_id))) for pair in pairs]

    # -- the oracle that runs ----------------------------------------------------------------------

    def _run(self, pairs: Sequence[TranspiledPair], rustc: rust.Compiler) -> dict[str, Judged | Verdict]:
        """What the inputs of each pair showed, or a verdict where none could be tried."""
        found: dict[str, Judged | Verdict] = {}
        with Sandbox() as sandbox:
            for at in range(0, len(pairs), rust.BATCH):
                found |= self._run_batch(pairs[at : at + rust.BATCH], sandbox, rustc)
        return found

    def _run_batch(self, pairs: Sequence[TranspiledPair], sandbox: Sandbox, rustc: rust.Compiler) -> dict[str, Judged | Verdict]:
        found: dict[str, Judged | Verdict] = {}
        judged: list[tuple[TranspiledPair, Judged]] = []
        cases = [list(_cases(pair)) for pair in pairs]
        arguments = [[_parsed(case.literal) for case in _ending(several)] for several in cases]
        ran = sandbox.run([Job(pair.source, pair.entry, given) for pair, given in zip(pairs, arguments, strict=True)])
        python = [now if len(given) == len(several) else [*now[: len(given)], *[ENDLESS] * (len(several) - len(given))]
                  for now, several, given in zip(ran, cases, arguments, strict=True)]  # fmt: skip
        with rust.Crate([pair.rust + _caller(pair) for pair in pairs], rustc) as crate:
            executable = crate.build()
            todo = [
                rust.Case(p, c, oracle_io.encoded(given)) for p, several in enumerate(arguments) if p not in crate.errors for c, given in enumerate(several)
            ]
            outcomes = rust.run(executable, todo, self.options.timeout_ms) if executable else {}
        for number, (pair, several, now) in enumerate(zip(pairs, cases, python, strict=True)):
            if number in crate.errors:
                found[pair.variant_id] = Verdict.NOT_CALLABLE
            elif any(case.recorded != outcome for case, outcome in zip(several, now, strict=False)) and not any(o.startswith("?") for o in now):
                found[pair.variant_id] = Verdict.UNSTABLE
            else:
                literals = [case.literal for case in several]
                judged.append((pair, oracle_io.judge(literals, _filled(now, len(several)), [outcomes.get((number, c)) for c in range(len(several))])))
        told = zip(judged, causes.noted(judged, sandbox), strict=True)
        return found | {pair.variant_id: judged for (pair, _), judged in told}

    def _row(self, pair: TranspiledPair, seen: Judged | Verdict | None) -> LabelledTuple:
        """The pair with what the oracles saw, before anybody says what that means."""
        shapes = {name: compare(pair.source, pair.rust) for name, compare in ORACLES.items() if compare and name in self.options.oracles and pair.rust}
        verdict, evidence = _verdict(pair, seen, shapes)
        values = {field.name: getattr(pair, field.name) for field in fields(TranspiledPair)}
        structure, flow = shapes.get("ast"), shapes.get("dataflow")
        return LabelledTuple(
            **values, python=_python_version(), verdict=verdict, defect="", defect_category=None, label_source="", confidence="",
            evidence=evidence[:1000], structure=structure.share if structure else None, flow=flow.share if flow else None,
        )  # fmt: skip


def labelled(row: LabelledTuple) -> LabelledTuple:
    """The row with the labels that `labels` and the mutation operators give it today, from what it stores and no run."""
    row = replace(row, category=mutate.category_of(row.operator, row.source, row.site, row.actual))
    told = oracle_io.told(row.evidence)
    defect, label = labels.defect(Verdict(row.verdict), row.label, told.untried), _label(row, told)
    evidence = row.evidence
    if defect == BUGGY and row.verdict in _AS_GOOD:
        evidence = f"{row.witness}: right {row.expected}{oracle_io.SEPARATOR}wrong {row.actual}"[:1000]
    return replace(row, defect=defect, defect_category=label.category, label_source=label.source, confidence=label.confidence, evidence=evidence)


_AS_GOOD = (Verdict.PASS, Verdict.BOTH_FAIL)


def _label(row: LabelledTuple, told: oracle_io.Told) -> Label:
    verdict = Verdict(row.verdict)
    if verdict == Verdict.TRANSPILE_CRASH:
        return Label(DefectCategory.ASTTransform, "transpiler", labels.MEDIUM)
    if verdict == Verdict.COMPILE_ERROR:
        line, column = map(int, row.place.split(":"))
        return labels.of_compile_error(row.codes, row.message, (row.rust.splitlines() or [""])[min(line, row.rust.count("\n") - 1)], column)
    if verdict in _AS_GOOD and row.label == BUGGY and row.category:
        return Label(DefectCategory(row.category), "mutation", labels.HIGH)
    if verdict in _AS_GOOD or verdict in labels.SILENT:
        return Label(None, "", "")
    return labels.of_run(verdict, row.source, told)


def is_run(pair: TranspiledPair) -> bool:
    """Whether stage 4 has to run the pair; of the others stage 3 has said what there is to say."""
    return pair.status == "compiles"


def _made(rows: Sequence[LabelledTuple], left: int) -> stages.Made:
    return stages.Made(rows, counts(rows) | ({UNVERIFIED: left} if left else {}), {}, left)


def counts(rows: Sequence[LabelledTuple]) -> dict[str, int]:
    """What a partition's footer counts: verdicts, labels, categories, and which operators' mutants were caught."""
    found: Counter[str] = Counter()
    for row in rows:
        found[f"verdict {row.verdict}"] += 1
        found[f"defect {row.defect}"] += 1
        if row.defect == BUGGY:
            found[f"category {row.defect_category}" if row.defect_category else "buggy without a category"] += 1
            found[f"label by {row.label_source}"] += 1
        if row.kind == "mutation":
            found[f"survivor of {row.operator}" if row.label != BUGGY else f"caught of {row.operator}"] += 1
    return dict(found)


def _cases(pair: TranspiledPair) -> Iterator[Case]:
    """The inputs of the pair, and the one that told a mutant from its parent."""
    yield from map(Case, pair.inputs, pair.outcomes)
    if pair.witness is not None and pair.witness not in pair.inputs and pair.actual is not None:
        yield Case(pair.witness, pair.actual)


def _ending(cases: Sequence[Case]) -> Sequence[Case]:
    """The cases before the first on which the program is known to use up its time: with that one it is given up, whatever comes behind it."""
    return cases[: next((place for place, case in enumerate(cases) if case.recorded == ENDLESS), len(cases))]


@lru_cache(10_000)
def _parsed(literal: str) -> tuple[Any, ...]:
    """The arguments of a case, which the variants of a program share; nothing changes them."""
    return inputs.parse(literal)


def _filled(outcomes: Sequence[str], count: int) -> list[str]:
    """One outcome for each input: a program that ended its worker has a single one."""
    return [*outcomes, *[outcomes[-1]] * (count - len(outcomes))]


def _caller(pair: TranspiledPair) -> str:
    """What calls the entry function; the types of its parameters decide how the arguments are read."""
    arguments = ", ".join(["case.argument()"] * len(pair.parameters))
    return f"\npub fn run_case(case: &mut Case) -> String {{\n    show(&{pair.entry}({arguments}))\n}}\n"


def _verdict(pair: TranspiledPair, seen: Judged | Verdict | None, shapes: Mapping[str, Compared]) -> tuple[Verdict, str]:
    if pair.status == "transpile_crash":
        return Verdict.TRANSPILE_CRASH, pair.message
    if pair.status == "compile_error":
        verdict = Verdict.NEEDS_CRATE if labels.NEEDS_CRATE.search(pair.message) else Verdict.COMPILE_ERROR
        return verdict, f"{pair.codes[0] or 'syntax'} at {pair.place}: {pair.message}"
    if not isinstance(seen, Judged):
        return seen or Verdict.NOT_COMPARABLE, ""
    verdict = _OF_SEEN[seen.seen]
    if verdict == Verdict.PASS:
        for name, mismatch in (("ast", Verdict.STRUCTURE_MISMATCH), ("dataflow", Verdict.FLOW_MISMATCH)):
            if name in shapes and shapes[name].share < ENOUGH:
                return mismatch, "; ".join(shapes[name].differing)
    return verdict, seen.evidence


def _python_version() -> str:
    return platform.python_version()
