"""Small labelled changes and a teacher without a network, for the tests of teacher, logits and student."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

import numpy as np

from automl_codex.examples import Example
from automl_codex.split import part_of
from automl_codex.types import BUGGY, CORRECT
from codex_gate.student import LABELS
from codex_gate.taxonomy import NONE
from codex_gate.tokenise import Vocabulary


def examples(n: int = 40, seed: int = 5) -> list[Example]:
    """Changes of one operator in a line: `+` to `-` is LogicErrors, `f(x)` to `f(x, x)` ApiMisuse, both back a repair; a comment that goes and comes is no defect's."""
    rng = Random(seed)
    found = []
    names = [rng.choice(["total", "price", "depth", "index"]) for _ in range(n)]
    for number in range(n):
        name, value = names[number // 2], number // 2  # two rows are a change and its way back
        words, bare = f"{name} = {value}  # {name}", f"{name} = {value}"
        plus, minus = f"{name} = {name} + {value}", f"{name} = {name} - {value}"
        one, two = f"{name} = f({value})", f"{name} = f({value}, {value})"
        before, after, defect, category = (
            (plus, minus, BUGGY, "LogicErrors"),
            (minus, plus, CORRECT, "LogicErrors"),
            (one, two, BUGGY, "ApiMisuse"),
            (two, one, CORRECT, "ApiMisuse"),
            (words, bare, CORRECT, NONE),
            (bare, words, CORRECT, NONE),
        )[number % 6]
        lineage = f"seed-{number // 6}"
        found.append(Example(f"row-{number}", lineage, part_of(lineage), "a.py", before, after, "", defect, category))
    return found


def vocabulary() -> Vocabulary:
    from automl_codex import vocabulary

    return vocabulary.grow([f"{e.before}\n{e.after}" for e in examples(200)], 1000).vocabulary


@dataclass
class Oracle:
    """A teacher that knows the labels; counts what it was asked."""

    name: str = "oracle"
    sharpness: float = 4.0
    asked: list[int] = field(default_factory=list)
    fail_after: int | None = None

    @property
    def id(self) -> str:
        return hashlib.sha256(f"{self.name}{self.sharpness}".encode()).hexdigest()

    @property
    def tokeniser(self) -> str:
        return "0" * 64

    def logits(self, batch: Sequence[Example]) -> np.ndarray:
        if self.fail_after is not None and len(self.asked) >= self.fail_after:
            raise KeyboardInterrupt
        self.asked.append(len(batch))
        found = np.zeros((len(batch), len(LABELS)), np.float32)
        for row, example in zip(found, batch, strict=True):
            row[-1] = {BUGGY: self.sharpness, CORRECT: -self.sharpness}.get(example.defect, 0.0)
            if example.category:
                row[LABELS.index(example.category)] = self.sharpness
        return found
