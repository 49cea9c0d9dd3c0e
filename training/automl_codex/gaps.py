"""What a transpiler is known to do otherwise than Python, written as Python: the program with one such gap, to see whether it then gives what the Rust gave.

A difference that two sides show has a cause that nobody reads off their texts: most programs divide, and many of those that lose a comparison as well differ by the division alone.
Each gap is a rewriting of the tree and a line in `GAPS`; which category it is stands in `labels`. Those here are py2many's. Some explain nothing and are asked of a pair that passes
alone: whether an input that was not tried would end that. The text of this file is part of the key of every
partition that is made with it.
"""

from __future__ import annotations

import ast
import copy
import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final, NamedTuple

VERSION: Final = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:16]
_HELPERS = """

def _gap_quotient(a, b):
    if not (isinstance(a, int) and isinstance(b, int)):
        return a / b
    found = abs(a) // abs(b)
    return found if (a >= 0) == (b >= 0) else -found


def _gap_remainder(a, b):
    if isinstance(a, int) and isinstance(b, int):
        return a - b * _gap_quotient(a, b)
    if isinstance(a, str):
        return a % b
    found = abs(a) % abs(b)
    return found if a >= 0 else -found


def _gap_narrowed(a, *more):
    if more or not isinstance(a, float):
        return int(a, *more)
    return 0 if a != a else int(min(max(a, -(2.0**31)), 2.0**31 - 1))


def _gap_whole(a, b):
    if isinstance(a, int) and isinstance(b, int):
        return float(_gap_quotient(a, b))
    return a / b if b else a * float(str(float(b)).replace("0.0", "inf"))


def _gap_held(a):
    if isinstance(a, int) and not -(2**31) <= a < 2**31:
        raise OverflowError
    return a
"""


class Gap(NamedTuple):
    """Which nodes have it, a rewriting, made anew for each program, what the Rust has there, and whether it is the cause of a difference that comes of it.

    It is not where the run says so itself, or where two readers did not agree on the category.
    """

    has: Callable[[ast.AST], bool]
    make: Callable[[], ast.NodeTransformer]
    about: str
    explains: bool = True


class _Operation(ast.NodeTransformer, ABC):
    """Binary operations in both forms, as calls."""

    @abstractmethod
    def call(self, op: ast.operator, left: ast.expr, right: ast.expr) -> ast.expr | None:
        """What stands for an operation; None where it stays."""

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        self.generic_visit(node)
        return self.call(node.op, node.left, node.right) or node

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.stmt:
        self.generic_visit(node)
        read = copy.deepcopy(node.target)
        read.ctx = ast.Load()
        found = self.call(node.op, read, node.value)
        return ast.Assign([node.target], found, lineno=node.lineno) if found else node


class _Division(_Operation):
    NAMES: Mapping[type[ast.operator], str] = {ast.FloorDiv: "_gap_quotient", ast.Mod: "_gap_remainder"}

    def call(self, op: ast.operator, left: ast.expr, right: ast.expr) -> ast.expr | None:
        name = self.NAMES.get(type(op))
        return _calling(name, left, right) if name else None


class _Whole(_Operation):
    def call(self, op: ast.operator, left: ast.expr, right: ast.expr) -> ast.expr | None:
        return _calling("_gap_whole", left, right) if isinstance(op, ast.Div) else None


class _Held(_Operation):
    GROWS = (ast.Add, ast.Sub, ast.Mult, ast.Pow, ast.LShift)
    CALLS = ("abs", "sum", "pow")

    def call(self, op: ast.operator, left: ast.expr, right: ast.expr) -> ast.expr | None:
        return _calling("_gap_held", ast.BinOp(left, op, right)) if isinstance(op, self.GROWS) else None

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        self.generic_visit(node)
        return _calling("_gap_held", node) if isinstance(node.op, ast.USub) else node

    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        return _calling("_gap_held", node) if isinstance(node.func, ast.Name) and node.func.id in self.CALLS else node


def _calling(name: str, *arguments: ast.expr) -> ast.expr:
    return ast.Call(ast.Name(name, ast.Load()), list(arguments), [])


class _Chain(ast.NodeTransformer):
    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        self.generic_visit(node)
        return ast.Compare(node.left, node.ops[:1], node.comparators[:1])


class _Grouping(ast.NodeTransformer):
    def visit_BoolOp(self, node: ast.BoolOp) -> ast.expr:
        """The operands as they are read without parentheses: `and` binds tighter."""
        self.generic_visit(node)
        groups: list[list[ast.expr]] = [[]]
        for value in node.values:
            first, *more = [[inner] for inner in value.values] if isinstance(value, ast.BoolOp) and isinstance(value.op, ast.Or) else [_operands(value)]
            if isinstance(node.op, ast.Or) and groups[-1]:
                groups.append([])
            groups[-1] += first
            groups += more
        parts = [group[0] if len(group) == 1 else ast.BoolOp(ast.And(), group) for group in groups]
        return parts[0] if len(parts) == 1 else ast.BoolOp(ast.Or(), parts)


def _operands(node: ast.expr) -> list[ast.expr]:
    return list(node.values) if isinstance(node, ast.BoolOp) else [node]


class _LoopElse(ast.NodeTransformer):
    def visit_For(self, node: ast.For) -> list[ast.stmt]:
        return self._split(node)

    def visit_While(self, node: ast.While) -> list[ast.stmt]:
        return self._split(node)

    def _split(self, node: ast.For | ast.While) -> list[ast.stmt]:
        self.generic_visit(node)
        behind, node.orelse = node.orelse, []
        return [node, *behind]


class _Narrowed(ast.NodeTransformer):
    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        return _calling("_gap_narrowed", *node.args) if _is_int(node) else node


def _is_int(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "int" and bool(node.args) and not node.keywords


def _groups(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.BoolOp)
        and isinstance(node.op, ast.And)
        and any(isinstance(inner, ast.BoolOp) and isinstance(inner.op, ast.Or) for inner in node.values)
    )


def _grows(node: ast.AST) -> bool:
    return isinstance(node, (*_Held.GROWS, ast.USub)) or (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _Held.CALLS)


GAPS: Mapping[str, Gap] = {
    "division": Gap(
        lambda node: isinstance(node, ast.FloorDiv | ast.Mod),
        _Division,
        "`/` and `%`, which cut off towards zero, for `//` and `%`, which round down",
    ),
    "chain": Gap(lambda node: isinstance(node, ast.Compare) and len(node.ops) > 1, _Chain, "a chained comparison that ends after its first part"),
    "grouping": Gap(_groups, _Grouping, "the parentheses around `or` inside `and` left out"),
    "loop_else": Gap(lambda node: isinstance(node, ast.For | ast.While) and bool(node.orelse), _LoopElse, "`else` of a loop that runs behind a `break` too"),
    "narrowed": Gap(_is_int, _Narrowed, "`int()` of a float held to 32 bits"),
    "whole": Gap(lambda node: isinstance(node, ast.Div), _Whole, "`/` of two integers cut off towards zero, of a float by zero infinite", explains=False),
    "overflow": Gap(_grows, _Held, "integers of 32 bits: arithmetic that leaves them stops the program", explains=False),
}


def found(source: str) -> tuple[str, ...]:
    """The names of the gaps that have a place in a program.

    Raises:
        SyntaxError: the program is none.
    """
    nodes = list(ast.walk(ast.parse(source)))
    return tuple(name for name, gap in GAPS.items() if any(map(gap.has, nodes)))


def rewritten(source: str, names: Iterable[str]) -> str:
    """The program with these gaps.

    Raises:
        SyntaxError: the program is none.
    """
    tree = ast.parse(source)
    for name in names:
        tree = GAPS[name].make().visit(tree)
    return ast.unparse(tree) + _HELPERS
