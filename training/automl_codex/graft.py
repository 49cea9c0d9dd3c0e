"""A subtree of one program in another: SMOTE's step towards a neighbour, for text (specification §4.4).

There is no text between two programs. What comes nearest is an expression of the neighbour in a place of its type, its variables renamed to those that
are bound there: known from genetic programming as a typed crossover. The same graft goes into a mutant and into the right program that it came from, and
never touches the fault, so what comes of it is a (right, faulty) pair again – which is for a run, and for the operator, to confirm.
"""

from __future__ import annotations

import ast
import builtins
import copy
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import NamedTuple

from automl_codex import mutate, paths, typed

LEAST = 3  # labelled nodes of a graft; with less, hardly more than a name goes over
DRAWS = 12  # places and subtrees looked at until names fit
CONTEXT = 1  # lines of context of a change, as `examples` builds it
_BUILTINS = frozenset(dir(builtins))
_BINDING = (ast.Lambda, ast.NamedExpr, ast.Await, ast.Yield, ast.YieldFrom)


@dataclass(frozen=True, slots=True)
class Graft:
    """The right program and the mutant after one graft, and the place of the graft in the right one before ("line:column")."""

    right: str
    wrong: str
    place: str


@dataclass(frozen=True, slots=True)
class _Gift:
    """An expression that another program may take: its type, the types of the variables that it reads, names that it binds itself, imports that it needs."""

    node: ast.expr
    reads: Mapping[str, str]
    own: frozenset[str]
    needs: frozenset[str]


class _Entry(NamedTuple):
    """A place with its span in bytes and its labelled nodes."""

    place: typed.Place
    span: tuple[int, int]
    size: int


class Stock:
    """A mutant beside its right program, ready to take a graft and to give one; both without what the fault touches.

    Args:
        right, wrong: the two texts, which differ at one place. operator, site: what the fault is, and where in the right one.
    """

    def __init__(self, right: str, wrong: str, operator: str, site: str) -> None:
        tree, text = ast.parse(right), mutate.Text(right)
        self._right, self._wrong = right.encode(), wrong.encode()
        self._fault = self._span_of_fault(tree, text, mutate.OPERATORS[operator], site)
        self._imports = {alias.asname or alias.name for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom) for alias in node.names}
        found = [_Entry(p, text.span(p.node), paths.size(p.node)) for p in typed.places(tree) if p.node.lineno == p.node.end_lineno]
        self._places = [entry for entry in found if entry.span[1] <= self._fault[0] or entry.span[0] >= self._fault[1]]
        self.gifts: dict[str, list[_Gift]] = {}
        for entry in self._places:
            gift = self._gift(entry.place) if entry.size >= LEAST else None
            if gift:
                self.gifts.setdefault(entry.place.kind, []).append(gift)

    def _span_of_fault(self, tree: ast.AST, text: mutate.Text, operator: mutate.Operator, site: str) -> tuple[int, int]:
        """The node that was mutated; where it is not found, the bytes that differ."""
        right, wrong = self._right, self._wrong
        before = _alike(right, wrong)
        behind = _alike(right[before:][::-1], wrong[before:][::-1])
        changed = before, len(right) - behind
        nodes = (node for node in ast.walk(tree) if isinstance(node, operator.nodes) and mutate.site(node) == site)
        around = [span for span in map(text.span, nodes) if span[0] <= changed[0] and changed[1] <= span[1]]
        return min(around, key=lambda span: span[1] - span[0], default=changed)

    def _gift(self, place: typed.Place) -> _Gift | None:
        nodes = list(ast.walk(place.node))
        if any(isinstance(node, _BINDING) for node in nodes):
            return None
        names = [node for node in nodes if isinstance(node, ast.Name)]
        own = frozenset(name.id for name in names if not isinstance(name.ctx, ast.Load))
        read = dict.fromkeys(name.id for name in names if name.id not in own)
        reads = {name: place.names[name] for name in read if name in place.names}
        needs = frozenset(read) - reads.keys() - _BUILTINS
        return _Gift(place.node, reads, own, needs) if needs <= self._imports else None  # a function of the giver's is not there

    def take(self, giver: Stock, rng: Random) -> Graft | None:
        """Both texts with one subtree of the giver; None where none fits by type and scope.

        A place beside the fault comes first: who reads the change alone, as a reviewer does and the student, sees no graft that is further away.
        """
        fitting = [entry for entry in self._places if entry.place.kind in giver.gifts]
        for beside in (True, False):
            drawn = [entry for entry in fitting if self._beside(entry.place.node) == beside]
            weights = [entry.size for entry in drawn]  # large places are drawn more often: most places are single names
            for place, (start, end), _ in rng.choices(drawn, weights, k=DRAWS) if drawn else ():
                text = self._fitted(place, rng.choice(giver.gifts[place.kind]), rng)
                if text is not None and text != self._right[start:end]:
                    return self._with(text, (start, end), mutate.site(place.node))
        return None

    def _beside(self, node: ast.expr) -> bool:
        """Whether a change of the fault alone shows a node: on its lines, or on the line before or after."""
        first, last = (self._right[:end].count(b"\n") + 1 for end in self._fault)
        return first - CONTEXT <= node.lineno <= last + CONTEXT

    def _fitted(self, place: typed.Place, gift: _Gift, rng: Random) -> bytes | None:
        """The gift's text with its variables renamed to variables of the place; the own name is kept where it has the right type there."""
        if not gift.needs <= self._imports:
            return None
        renamed: dict[str, str] = {}
        for name, kind in gift.reads.items():
            bound = [other for other, its in place.names.items() if its == kind and other not in gift.own]
            if not bound:
                return None
            renamed[name] = name if name in bound else rng.choice(bound)
        node = copy.deepcopy(gift.node)
        for inner in ast.walk(node):
            if isinstance(inner, ast.Name) and inner.id in renamed:
                inner.id = renamed[inner.id]
        text = ast.unparse(node)
        return (f"({text})" if mutate.compound(node) and not _stands_alone(place) else text).encode()

    def _with(self, text: bytes, span: tuple[int, int], place: str) -> Graft:
        start, end = span
        shift = 0 if end <= self._fault[0] else len(self._wrong) - len(self._right)
        right = self._right[:start] + text + self._right[end:]
        wrong = self._wrong[: start + shift] + text + self._wrong[end + shift :]
        return Graft(right.decode(), wrong.decode(), place)


def site_of_fault(graft: Graft, operator: str) -> str | None:
    """Where the operator makes the grafted mutant of the grafted program; None where it does not, so that the fault is no longer of its category."""
    only = {operator: mutate.OPERATORS[operator]}
    return next((mutant.site for mutant in mutate.mutants(graft.right, only) if mutant.source == graft.wrong), None)


def _alike(one: bytes, other: bytes) -> int:
    """How many bytes the two have in common from their start on."""
    return next((place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _stands_alone(place: typed.Place) -> bool:
    """Whether what stands in the place is held apart by brackets, commas or the statement."""
    parent = place.parent
    return isinstance(parent, ast.stmt | ast.List | ast.Set) or (isinstance(parent, ast.Call) and place.node in parent.args)
