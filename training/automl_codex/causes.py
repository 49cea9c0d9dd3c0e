"""Why a Rust does otherwise than its Python, told by further runs of the Python: with a known gap of the transpiler it gives what the Rust gave, or it does not.

Two questions. Of a pair that differs: which single gap explains the outcome? Of one that passes: does an input that the Rust was not run on tell the Python from the same with all gaps?
Then that it passes says nothing. Both answers are noted behind the evidence, so that a label can be worked out again without a run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from random import Random
from typing import Any

from automl_codex import gaps, inputs, oracle_io
from automl_codex.oracle_io import Judged, Seen
from automl_codex.sandbox import Job, Sandbox
from automl_codex.types import TranspiledPair
from automl_codex.visitors import led

EXPLAINED = (Seen.DIFFERENT, Seen.TIMEOUT, Seen.RETURNED, Seen.INDEX, Seen.PANIC)
_AGREES = (Seen.EQUAL, Seen.FORMAT, Seen.BOTH_FAIL)
UNTRIED = 40  # inputs that a pair that passes is asked about beside the edges, as many as a mutant is judged on
_LIMIT = 2**31  # of an integer in py2many's Rust

for _gap in gaps.GAPS.values():  # they rewrite every pair that differs; each looks for a node or two
    if isinstance(_gap.make, type):
        led(_gap.make)


def noted(seen: Sequence[tuple[TranspiledPair, Judged]], sandbox: Sandbox) -> list[Judged]:
    """What was seen of each pair, with the note that belongs to it."""
    asked = [list(_asked(pair, judged)) for pair, judged in seen]
    outcomes = sandbox.run([job for several in asked for _, job in several])
    return [
        judged._replace(note=_note(judged, [(name, next(outcomes), job) for name, job in several])) for (_, judged), several in zip(seen, asked, strict=True)
    ]


def _asked(pair: TranspiledPair, judged: Judged) -> Iterator[tuple[str, Job]]:
    """What is to be run for a pair, by the gap in it."""
    if judged.seen in EXPLAINED:
        for name in filter(_explains, gaps.found(pair.source)):
            yield name, Job(gaps.rewritten(pair.source, (name,)), pair.entry, [inputs.parse(judged.literal)])
    elif judged.seen is Seen.EQUAL and (names := gaps.found(pair.source)):
        arguments = [given for given in _untried(pair) if _fits(given)]
        yield "", Job(pair.source, pair.entry, arguments)
        yield "with gaps", Job(gaps.rewritten(pair.source, names), pair.entry, arguments)


def _explains(name: str) -> bool:
    return gaps.GAPS[name].explains


def _untried(pair: TranspiledPair) -> Iterator[tuple[Any, ...]]:
    """Ordinary inputs, and each edge of each parameter among ordinary others."""
    drawn = inputs.InputPool(Random(pair.variant_id)).draw(pair.parameters, UNTRIED)[1]
    yield from drawn
    for place, kind in enumerate(pair.parameters):
        for edge, given in zip(inputs.EDGES[kind], drawn, strict=False):
            yield *given[:place], edge, *given[place + 1 :]


def _note(judged: Judged, ran: Sequence[tuple[str, list[str], Job]]) -> str:
    if judged.seen in EXPLAINED:
        found = [name for name, outcomes, _ in ran if _agree(outcomes[0], judged.rust)]
        return oracle_io.AS_WITH + ", ".join(found) if found else ""
    if not ran:
        return ""
    (_, right, job), (_, wrong, _) = ran
    told = next((given for given, one, other in zip(job.arguments, right, wrong, strict=False) if one != other), None)
    return oracle_io.UNTRIED + repr(told) if told is not None else ""


def _agree(python: str, rust: str) -> bool:
    return python == rust == "?timeout" or oracle_io.seen(python, rust) in _AGREES


def _fits(value: Any) -> bool:
    """Whether an input fits the types of the Rust: what it cannot be given says nothing about it."""
    if isinstance(value, int):
        return -_LIMIT <= value < _LIMIT
    members: Iterable[Any] = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    return all(map(_fits, members))
