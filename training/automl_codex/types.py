"""The values that flow through the synthetic stages."""

from __future__ import annotations

from dataclasses import dataclass

CORRECT, BUGGY, EQUIVALENT_UNKNOWN = "correct", "buggy", "equivalent_unknown"


@dataclass(frozen=True, slots=True)
class Program:
    """A generated program with inputs that it was run on.

    `inputs` are literals of argument tuples, `outcomes` what the sandbox saw for each: the `repr` of the result,
    `!Name` for an exception. At least one input ran without.
    """

    program_id: str
    source: str
    entry: str
    parameters: tuple[str, ...]
    inputs: tuple[str, ...]
    outcomes: tuple[str, ...]
    strategy: str


@dataclass(frozen=True, slots=True)
class Variant:
    """A program of stage 2 with its whole lineage.

    `kind` says who made it (`original` for the seed itself), `operator` and `site` ("line:column" in the parent) what was
    done. `label` is `correct`, `buggy` – then `witness` is an input on which it differs from its parent, with what the parent
    (`expected`) and it (`actual`) gave – or `equivalent_unknown`: a mutant that no input told from its parent.
    """

    variant_id: str
    seed_id: str
    parents: tuple[str, ...]
    kind: str
    operator: str
    site: str
    source: str
    entry: str
    parameters: tuple[str, ...]
    inputs: tuple[str, ...]
    outcomes: tuple[str, ...]
    label: str
    category: str | None
    witness: str | None
    expected: str | None
    actual: str | None
    quality: float


@dataclass(frozen=True, slots=True)
class TranspiledPair(Variant):
    """A variant of stage 3 with its Rust.

    `status` is `compiles`, `compile_error` or `transpile_crash`. Of a compile error `codes` are the compiler's, in the order of the source ("" for one of the
    grammar); `message` and `place` ("line:column" in `rust`) are the first one's. `transpiler`, `rustc` and `prelude` name what made and judged it.
    """

    transpiler: str
    prelude: str
    rustc: str
    rust: str
    status: str
    codes: tuple[str, ...]
    message: str
    place: str


@dataclass(frozen=True, slots=True)
class LabelledTuple(TranspiledPair):
    """A pair of stage 4 with what the oracles say.

    `verdict` is one of `Verdict`; `defect` is `correct`, `buggy` or `unknown`, and of a buggy one `defect_category` is one of the 18 or None where nobody can tell.
    `label_source` is who says so: `rustc`, `runtime`, `transpiler`, `mutation` or `` for none; `confidence` `high`, `medium` or `low`; `evidence` what was seen.
    `structure` and `flow` are shares of constructs and of def-use edges that correspond, in [0, 1]; None where that oracle was not asked or had nothing to compare.
    """

    python: str
    verdict: str
    defect: str
    defect_category: str | None
    label_source: str
    confidence: str
    evidence: str
    structure: float | None
    flow: float | None
