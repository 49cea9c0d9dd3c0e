"""Visitors of programs that pass by what they would leave as it is.

A visitor goes through every node and has something to do at few: not at the context of a name or at an operator, and none in an expression that looks for statements. What a
visitor looks for its class tells, what can lie below a node the grammar of Python tells; `led` puts both together. What comes out is the same.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from typing import Any

_FIELD = re.compile(r"(\w+)[*?]? \w+")
_RETIRED = ("Num", "Str", "Bytes", "NameConstant", "Ellipsis")  # what `NodeVisitor.visit_Constant` still looks for
_MARKS = (ast.expr_context, ast.operator, ast.unaryop, ast.cmpop, ast.boolop)  # one object for the whole program; nobody asks them for anything
Visit = Callable[[Any, Any], Any]


# -- what can lie where ----------------------------------------------------------------------------------


class _Types(dict[type[ast.AST], dict[str, type[ast.AST]]]):
    """By the class of a node: its fields that hold nodes, with the class of these, as the grammar in its docstring has them."""

    def __missing__(self, kind: type[ast.AST]) -> dict[str, type[ast.AST]]:
        told = dict(zip(kind._fields, _FIELD.findall((kind.__doc__ or "").partition("(")[2]), strict=False))
        held = {field: getattr(ast, name, None) for field, name in told.items()}
        self[kind] = {field: found for field, found in held.items() if isinstance(found, type) and issubclass(found, ast.AST)}
        return self[kind]


class _Below(dict[type[ast.AST], frozenset[type[ast.AST]]]):
    """By the class of a node: the classes of all nodes that it can be or hold."""

    def __missing__(self, kind: type[ast.AST]) -> frozenset[type[ast.AST]]:
        found: set[type[ast.AST]] = set()
        todo = [kind]
        while todo:
            if (one := todo.pop()) not in found:
                found.add(one)
                todo += [*_TYPES[one].values(), *([] if one._fields else one.__subclasses__())]
        self[kind] = frozenset(found)
        return self[kind]


_TYPES, _BELOW = _Types(), _Below()


class Plan(dict[type[ast.AST], tuple[str, ...]]):
    """By the class of a node: the fields in which a visitor of one class finds work; `idle`, the classes of nodes where it finds none; `handlers`, what it does at a node."""

    def __init__(self, visitor: type[ast.NodeVisitor]) -> None:
        self.visitor = visitor
        self.handlers = _Handlers(self)
        self.generic_visit: Visit = visitor.generic_visit
        self._looks_for = {kind for kind in vars(ast).values() if isinstance(kind, type) and issubclass(kind, ast.AST) and _has_own(visitor, kind)}
        self.idle = frozenset(kind for kind in _BELOW[ast.mod] if self._finds_none(kind))

    def __missing__(self, kind: type[ast.AST]) -> tuple[str, ...]:
        self[kind] = tuple(field for field, held in _TYPES[kind].items() if not self._finds_none(held))
        return self[kind]

    def _finds_none(self, kind: type[ast.AST]) -> bool:
        return self._looks_for.isdisjoint(_BELOW[kind])


class _Handlers(dict[type[ast.AST], Visit]):
    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    def __missing__(self, kind: type[ast.AST]) -> Visit:
        visitor = self._plan.visitor
        self[kind] = getattr(visitor, f"visit_{kind.__name__}") if _has_own(visitor, kind) else self._plan.generic_visit
        return self[kind]


def _has_own(visitor: type, kind: type[ast.AST]) -> bool:
    """Whether a visitor does anything of its own at a node of this class."""
    own = getattr(visitor, f"visit_{kind.__name__}", None)
    if own is ast.NodeVisitor.visit_Constant:
        return any(hasattr(visitor, f"visit_{name}") for name in _RETIRED)
    return own is not None


# -- going through a program -------------------------------------------------------------------------------


def led(visitor: type[ast.NodeVisitor]) -> None:
    """Let a visitor with no `visit` of its own go only where it finds work."""
    plan = Plan(visitor)
    generic_visit = (generic_change if issubclass(visitor, ast.NodeTransformer) else _generic_look)(plan)
    plan.generic_visit = generic_visit
    visitor.generic_visit = generic_visit  # type: ignore[assignment, method-assign]
    visitor.visit = dispatch(plan)  # type: ignore[assignment, method-assign]


def dispatch(plan: Plan) -> Visit:
    """`NodeVisitor.visit`."""
    handlers = plan.handlers

    def visit(self: Any, node: Any) -> Any:
        return handlers[node.__class__](self, node)

    return visit


def generic_change(plan: Plan) -> Visit:
    """`NodeTransformer.generic_visit`."""
    idle, handlers = plan.idle, plan.handlers

    def generic_visit(self: Any, node: Any) -> Any:
        for field in plan[node.__class__]:
            old = getattr(node, field, None)
            if old.__class__ is list:
                found: list[Any] = []
                for item in old:
                    if item.__class__ in idle or not isinstance(item, ast.AST):
                        found.append(item)
                        continue
                    new = handlers[item.__class__](self, item)
                    if isinstance(new, ast.AST):
                        found.append(new)
                    elif new is not None:
                        found.extend(new)
                old[:] = found
            elif old.__class__ not in idle and isinstance(old, ast.AST):
                new = handlers[old.__class__](self, old)
                if new is None:
                    delattr(node, field)
                else:
                    setattr(node, field, new)
        return node

    return generic_visit


def _generic_look(plan: Plan) -> Visit:
    """`NodeVisitor.generic_visit`."""
    idle, handlers = plan.idle, plan.handlers

    def generic_visit(self: Any, node: Any) -> None:
        for field in plan[node.__class__]:
            held = getattr(node, field, None)
            for item in held if held.__class__ is list else (held,):
                if item.__class__ not in idle and isinstance(item, ast.AST):
                    handlers[item.__class__](self, item)

    return generic_visit


class _All(dict[type[ast.AST], tuple[str, ...]]):
    """By the class of a node: the fields that hold nodes which somebody may ask for something."""

    def __missing__(self, kind: type[ast.AST]) -> tuple[str, ...]:
        self[kind] = tuple(field for field, held in _TYPES[kind].items() if not issubclass(held, _MARKS))
        return self[kind]


_ALL = _All()


def children(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes right below a node, marks left out."""
    for field in _ALL[node.__class__]:
        held = getattr(node, field, None)
        for child in held if held.__class__ is list else (held,):
            if isinstance(child, ast.AST):
                yield child


def walk(root: ast.AST) -> list[ast.AST]:
    """All nodes of a tree, marks left out, in no order that means anything."""
    found = [root]
    for node in found:
        found += children(node)
    return found
