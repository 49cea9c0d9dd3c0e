"""Typed inputs for generated programs: ordinary values and edges, as values and as literals that read back the same."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from random import Random
from typing import Any

_WORDS = ("", "a", "abc", "Hello", "x1", "north-east", "12", "TOTAL", "e e", "otter, tea", "été", "日本", "aaa", "Zn", " pad ", "7")
EDGES: dict[str, tuple[Any, ...]] = {
    "int": (0, 1, -1, 2**31 - 1, -(2**31), 2**63),
    "float": (0.0, -0.0, 1e308, -1e-9, 0.1),
    "bool": (True, False),
    "str": ("", " ", "été", "日本語", "\n", "ß"),
    "ints": ([], [0], [-1], [2**31 - 1, 1], [3, 3, 3]),
    "strs": ([], [""], ["a", "a"]),
    "dict": ({}, {"": 0}, {"key": -1}),
}
ANNOTATIONS = {
    "int": "int", "float": "float", "bool": "bool", "str": "str", "ints": "list[int]", "strs": "list[str]", "dict": "dict[str, int]",
}  # fmt: skip
POOL = 48  # values of each type that one partition draws from


def value(kind: str, rng: Random) -> Any:
    """An ordinary value of a type: small numbers, short texts and lists."""
    if kind == "int":
        return rng.randint(-25, 25) if rng.random() < 0.85 else rng.randint(-2000, 2000)
    if kind == "float":
        return round(rng.uniform(-20, 60), rng.choice((1, 2, 3)))
    if kind == "bool":
        return rng.random() < 0.5
    if kind == "str":
        return rng.choice(_WORDS) + (rng.choice(_WORDS) if rng.random() < 0.4 else "")
    if kind == "ints":
        return [value("int", rng) for _ in range(rng.randint(0, 6))]
    if kind == "strs":
        return [value("str", rng) for _ in range(rng.randint(0, 4))]
    return {value("str", rng): value("int", rng) for _ in range(rng.randint(0, 4))}


class InputPool:
    """Values of every type with their literals, drawn once, so that inputs of many programs cost a look-up each.

    Args:
        edges: share of the values that are edges.
    """

    def __init__(self, rng: Random, edges: float = 0.15) -> None:
        self._rng = rng
        self._pools = {kind: [self._pair(kind, rng, edges) for _ in range(POOL)] for kind in EDGES}

    @staticmethod
    def _pair(kind: str, rng: Random, edges: float) -> tuple[str, Any]:
        found = rng.choice(EDGES[kind]) if rng.random() < edges else value(kind, rng)
        return repr(found), found

    def draw(self, kinds: Sequence[str], count: int) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
        """`count` inputs for these parameter types: as literals of tuples, and as values."""
        random = self._rng.random
        literals, values = [], []
        pools = [self._pools[kind] for kind in kinds]
        for _ in range(count):
            drawn = [pool[int(random() * POOL)] for pool in pools]
            literals.append(f"({', '.join([text for text, _ in drawn])},)" if drawn else "()")
            values.append(tuple([item for _, item in drawn]))
        return tuple(literals), values


def parse(literal: str) -> tuple[Any, ...]:
    """The arguments that a stored input stands for."""
    found = ast.literal_eval(literal)
    assert isinstance(found, tuple)
    return found
