"""Which pairs to verify first: Thompson sampling over features of the grammar.

An arm is something that a pair has: a construct of its Python, the kind of its augmenter, the operator that mutated it. Each keeps how often a pair that has it
failed. To choose a pair, a failure rate is drawn for every arm from what is known of it, the arm with the highest draw is pulled, and of a few pairs that have it the one is
taken whose further arms were drawn high too. So an arm that fails is pulled often, one that is hardly known now and then.

What was learned is kept in a file and outlives the pairs: other programs, or the same under another oracle, begin with it.

Source: Thompson 1933; Chapelle and Li 2011 for the batches, whose pairs are chosen from one posterior.
"""

from __future__ import annotations

import ast
import json
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from random import Random
from typing import Any

from automl_codex.files import whole

VERSION = 1  # of the file
PRIOR = 2.0  # pairs that the common failure rate stands for in an arm of which nothing is known
MEMORY = 1000.0  # pairs that an arm remembers; older ones fade, so that it follows a transpiler that got better
CANDIDATES = 8  # pairs of the pulled arm that are compared


@dataclass(frozen=True, slots=True)
class Arm:
    """A construct: it is there when one of the nodes of these types holds."""

    name: str
    nodes: tuple[type[ast.AST], ...]
    holds: Callable[[Any], bool] = lambda node: True


def _operator(*types: type[ast.AST]) -> Callable[[Any], bool]:
    return lambda node: isinstance(node.op, types)


def _calls(*names: str) -> Callable[[ast.Call], bool]:
    return lambda node: isinstance(node.func, ast.Name) and node.func.id in names


def _literal(*types: type) -> Callable[[ast.Constant], bool]:
    return lambda node: type(node.value) in types


def _recursive(node: ast.FunctionDef) -> bool:
    return any(isinstance(inner, ast.Call) and _calls(node.name)(inner) for inner in ast.walk(node))


_BINARY = (ast.BinOp, ast.AugAssign)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_LOOPS = (ast.For, ast.While)
ARMS: Sequence[Arm] = (
    Arm("addition", _BINARY, _operator(ast.Add)),
    Arm("subtraction", _BINARY, _operator(ast.Sub)),
    Arm("multiplication", _BINARY, _operator(ast.Mult)),
    Arm("division", _BINARY, _operator(ast.Div)),
    Arm("floor division", _BINARY, _operator(ast.FloorDiv)),
    Arm("modulo", _BINARY, _operator(ast.Mod)),
    Arm("power", _BINARY, _operator(ast.Pow)),
    Arm("shift", _BINARY, _operator(ast.LShift, ast.RShift)),
    Arm("bitwise operator", _BINARY, _operator(ast.BitAnd, ast.BitOr, ast.BitXor)),
    Arm("negation", (ast.UnaryOp,), _operator(ast.USub)),
    Arm("complement", (ast.UnaryOp,), _operator(ast.Invert)),
    Arm("not", (ast.UnaryOp,), _operator(ast.Not)),
    Arm("and, or", (ast.BoolOp,)),
    Arm("comparison of order", (ast.Compare,), lambda node: any(isinstance(op, ast.Lt | ast.LtE | ast.Gt | ast.GtE) for op in node.ops)),
    Arm("comparison of equality", (ast.Compare,), lambda node: any(isinstance(op, ast.Eq | ast.NotEq) for op in node.ops)),
    Arm("chained comparison", (ast.Compare,), lambda node: len(node.ops) > 1),
    Arm("membership", (ast.Compare,), lambda node: any(isinstance(op, ast.In | ast.NotIn) for op in node.ops)),
    Arm("conditional expression", (ast.IfExp,)),
    Arm("augmented assignment", (ast.AugAssign,)),
    Arm("unpacking", (ast.Tuple,), lambda node: isinstance(node.ctx, ast.Store)),
    Arm("if", (ast.If,)),
    Arm("else", (ast.If,), lambda node: bool(node.orelse)),
    Arm("for", (ast.For,)),
    Arm("for over a range", (ast.For,), lambda node: isinstance(node.iter, ast.Call) and _calls("range")(node.iter)),
    Arm("while", (ast.While,)),
    Arm("loop with else", _LOOPS, lambda node: bool(node.orelse)),
    Arm("loop in a loop", _LOOPS, lambda node: any(isinstance(inner, _LOOPS) for statement in node.body for inner in ast.walk(statement))),
    Arm("break, continue", (ast.Break, ast.Continue)),
    Arm("try", (ast.Try,)),
    Arm("raise", (ast.Raise,)),
    Arm("assert", (ast.Assert,)),
    Arm("with", (ast.With, ast.AsyncWith)),
    Arm("coroutine", (ast.AsyncFunctionDef,)),
    Arm("generator", (ast.Yield, ast.YieldFrom)),
    Arm("class", (ast.ClassDef,)),
    Arm("lambda", (ast.Lambda,)),
    Arm("inner function", (ast.FunctionDef,), lambda node: any(isinstance(inner, ast.FunctionDef) for inner in ast.walk(node) if inner is not node)),
    Arm("recursion", (ast.FunctionDef,), _recursive),
    Arm("default of a parameter", (ast.arguments,), lambda node: bool(node.defaults)),
    Arm("comprehension of a list", (ast.ListComp,)),
    Arm("comprehension of a set or dict", (ast.SetComp, ast.DictComp)),
    Arm("generator expression", (ast.GeneratorExp,)),
    Arm("filter in a comprehension", _COMPREHENSIONS, lambda node: any(part.ifs for part in node.generators)),
    Arm("subscript", (ast.Subscript,), lambda node: not isinstance(node.slice, ast.Slice)),
    Arm("negative index", (ast.Subscript,), lambda node: isinstance(node.slice, ast.UnaryOp)),
    Arm("slice", (ast.Slice,)),
    Arm("slice with a step", (ast.Slice,), lambda node: node.step is not None),
    Arm("method", (ast.Call,), lambda node: isinstance(node.func, ast.Attribute)),
    Arm("min, max", (ast.Call,), _calls("min", "max")),
    Arm("abs, pow, round, divmod", (ast.Call,), _calls("abs", "pow", "round", "divmod")),
    Arm("conversion", (ast.Call,), _calls("int", "float", "str", "bool")),
    Arm("len", (ast.Call,), _calls("len")),
    Arm("sum, any, all", (ast.Call,), _calls("sum", "any", "all")),
    Arm("sorted, reversed", (ast.Call,), _calls("sorted", "reversed")),
    Arm("enumerate, zip, map, filter", (ast.Call,), _calls("enumerate", "zip", "map", "filter")),
    Arm("f-string", (ast.JoinedStr,)),
    Arm("literal of text", (ast.Constant,), _literal(str)),
    Arm("literal of float", (ast.Constant,), _literal(float)),
    Arm("literal of bool", (ast.Constant,), _literal(bool)),
    Arm("large literal", (ast.Constant,), lambda node: type(node.value) is int and node.value > 0x7FFF),
    Arm("dict", (ast.Dict,)),
    Arm("set", (ast.Set,)),
    Arm("list", (ast.List,)),
)
_BY_NODE: dict[type[ast.AST], list[Arm]] = {}
for _arm in ARMS:
    for _type in _arm.nodes:
        _BY_NODE.setdefault(_type, []).append(_arm)


def arms_of(source: str, kind: str, operator: str, parameters: Iterable[str]) -> tuple[str, ...]:
    """The arms of a pair: constructs of its Python, types of its parameters, who made it, and of a mutant by which operator.

    Raises:
        SyntaxError: no Python.
    """
    found = {arm.name for node in ast.walk(ast.parse(source)) for arm in _BY_NODE.get(type(node), ()) if arm.holds(node)}
    found |= {f"parameter {name}" for name in parameters} | {f"kind {kind}"}
    return tuple(sorted(found | {f"operator {operator}"} if kind == "mutation" else found))


@dataclass(slots=True)
class Beliefs:
    """What is known of each arm: pairs that failed, and pairs that did not. `overall` is the same of all pairs, each counted once; `waves` how often was learned."""

    arms: dict[str, tuple[float, float]] = field(default_factory=dict)
    overall: tuple[float, float] = (0.0, 0.0)
    waves: int = 0

    def learn(self, arms: Iterable[str], failed: bool) -> None:
        """Count the outcome of a pair in all its arms."""
        self.overall = _counted(self.overall, failed)
        for name in arms:
            self.arms[name] = _counted(self.arms.get(name, (0.0, 0.0)), failed)

    def draw(self, name: str, rng: Random) -> float:
        """A failure rate of an arm, in (0, 1), from the Beta distribution over it. An arm of which little is known leans on the common rate."""
        failed, passed = self.arms.get(name, (0.0, 0.0))
        common = (self.overall[0] + 1) / (sum(self.overall) + 2)
        return rng.betavariate(failed + PRIOR * common, passed + PRIOR * (1 - common))

    def leading(self, count: int) -> list[tuple[str, int, int]]:
        """The arms with the highest failure rates, with how many of how many pairs failed, as far as they are remembered; arms with fewer than ten pairs left out."""
        known = [(name, failed, failed + passed) for name, (failed, passed) in self.arms.items() if failed + passed >= 10]
        return [(name, round(failed), round(of)) for name, failed, of in sorted(known, key=lambda row: (-row[1] / row[2], row[0]))[:count]]


def load(path: Path, say: Callable[[str], None]) -> Beliefs:
    """What was learned before; nothing where there is no file, or none that can be read, which is said."""
    if not path.exists():
        return Beliefs()
    try:
        found = json.loads(path.read_text("utf-8"))
        if (version := found["version"]) != VERSION:
            say(f"{path} has version {version}, this version reads {VERSION}; the order is learned afresh")
            return Beliefs()
        waves = found["waves"]
        if type(waves) is not int or waves < 0:
            raise ValueError
        return Beliefs({str(name): _pair(counts) for name, counts in found["arms"].items()}, _pair(found["overall"]), waves)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        say(f"{path} is damaged; the order is learned afresh")
        return Beliefs()


def _pair(counts: Any) -> tuple[float, float]:
    failed, passed = map(float, counts)
    if not (isfinite(failed) and isfinite(passed) and failed >= 0 and passed >= 0):
        raise ValueError
    return failed, passed


def save(path: Path, beliefs: Beliefs) -> None:
    """Write what was learned, for `load`."""
    told = {"version": VERSION, "waves": beliefs.waves, "overall": beliefs.overall, "arms": beliefs.arms}
    with whole(path) as partial:
        partial.write_text(json.dumps(told, indent=1, sort_keys=True) + "\n", "utf-8")


def _counted(counts: tuple[float, float], failed: bool) -> tuple[float, float]:
    """One outcome more; beyond MEMORY the older ones fade in proportion."""
    now = (counts[0] + failed, counts[1] + (not failed))
    fade = min(1.0, MEMORY / sum(now))
    return now[0] * fade, now[1] * fade


class Open:
    """Pairs that wait, by number, with their arms; `choose` takes some out."""

    def __init__(self, arms: Sequence[Sequence[str]]) -> None:
        self._arms = arms
        self._waits = bytearray(b"\1") * len(arms)
        self._by_arm: dict[str, array[int]] = {}
        for number, several in enumerate(arms):
            for name in several:
                self._by_arm.setdefault(name, array("I")).append(number)
        self._left = len(arms)

    def __len__(self) -> int:
        return self._left

    def choose(self, count: int, beliefs: Beliefs, rng: Random) -> list[int]:
        """Up to `count` pairs, the most promising first."""
        return [self._one(beliefs, rng) for _ in range(min(count, self._left))]

    def _one(self, beliefs: Beliefs, rng: Random) -> int:
        rates = {name: beliefs.draw(name, rng) for name in self._by_arm}
        candidates: list[int] = []
        while not candidates:
            pulled = max(rates, key=lambda name: rates[name])
            candidates = list(self._candidates(pulled, rng))
            if not candidates:
                del self._by_arm[pulled], rates[pulled]
        chosen = max(candidates, key=lambda number: sum(rates.get(name, 0.0) for name in self._arms[number]) / len(self._arms[number]))
        self._waits[chosen] = 0
        self._left -= 1
        return chosen

    def _candidates(self, arm: str, rng: Random) -> Iterator[int]:
        """Some pairs of an arm that still wait; those that do not are dropped where they are met."""
        numbers, found = self._by_arm[arm], 0
        while numbers and found < CANDIDATES:
            place = rng.randrange(len(numbers))
            if self._waits[numbers[place]]:
                found += 1
                yield numbers[place]
            else:
                numbers[place] = numbers[-1]
                numbers.pop()
