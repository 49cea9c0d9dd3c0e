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
