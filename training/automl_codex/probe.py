"""Which mutants change anything where they stand: one run of the program tries what each would put in an expression's place beside what stands there.

A mutant shows only where its place is reached, the value there becomes another, and that one is passed on to the result (reach, infect, propagate). The first two are seen without
making the mutant, so that most of those that no input can tell apart are not drawn; whether the third holds is left to the run that judges it.

Source: reachability, infection, propagation as in Voas 1992, "PIE: a dynamic failure-based technique"; weak mutation as in Howden 1982.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from automl_codex.mutate import Mutant, Proposal
from automl_codex.paths import callee
from automl_codex.sandbox import Job, Sandbox

_ENTRY = "_probed"
_PURE = frozenset((
    "abs", "all", "any", "bool", "chr", "dict", "divmod", "enumerate", "filter", "float", "int", "len", "list", "map", "max", "min", "ord", "pow",
    "range", "repr", "reversed", "round", "set", "sorted", "str", "sum", "tuple", "zip",
    "ceil", "fabs", "floor", "gcd", "isqrt", "sqrt",
    "capitalize", "count", "endswith", "find", "get", "index", "isalpha", "isdigit", "islower", "isspace", "isupper", "items", "join", "keys",
    "lower", "lstrip", "replace", "rstrip", "split", "startswith", "strip", "title", "upper", "values",
))  # fmt: skip
_LAZY = ("enumerate", "filter", "map", "reversed", "zip")
_STATE = (ast.Await, ast.Yield, ast.YieldFrom, ast.NamedExpr)
_BY_IDENTITY = ("missing_copy",)  # the value is the same, and the fault that it is the same object
Drawn = tuple[Proposal, Mutant]
_HELPERS = """

_seen = set()
_plain = (int, float, complex, bool, str, bytes, list, tuple, dict, set, frozenset, range, type(None))


def _probe(value, *others):
    for number, other in others:
        if number in _seen:
            continue
        try:
            found = other()
            if type(found) is not type(value) or type(value) not in _plain or found != value:
                _seen.add(number)
        except Exception:
            _seen.add(number)
    return value


def _probe_lazy(value, itself, *others):
    _probe(itself(), *others)
    return value


def _probed(*arguments):
    _seen.clear()
    try:
        result = {entry}(*arguments)
        if type(result).__name__ == "coroutine":
            result.send(None)
    except Exception:
        pass
    return sorted(_seen)
"""


@dataclass(frozen=True, slots=True)
class Place:
    """An expression of a program: where it stands in the tree, and itself."""

    path: tuple[tuple[str, int | None], ...]
    node: ast.expr


def infecting(source: str, entry: str, drawn: Sequence[Drawn], arguments: Sequence[tuple[Any, ...]], sandbox: Sandbox) -> set[int]:
    """The numbers of those mutants that change the value of the expression around their place on some input, or of which that cannot be seen."""
    tree = ast.parse(source)
    places = _places(tree)
    asked: dict[int, list[tuple[int, ast.expr]]] = {}
    unseen: set[int] = set()
    for number, (proposal, mutant) in enumerate(drawn):
        around = _around(proposal, places)
        other = _at(ast.parse(mutant.source), around.path) if around else None
        if around and isinstance(other, ast.expr) and _leaves_nothing(other):
            asked.setdefault(id(around.node), []).append((number, other))
        else:
            unseen.add(number)
    if not asked:
        return unseen
    probed = ast.unparse(_Insert(asked).visit(tree)) + _HELPERS.replace("{entry}", entry)
    (told,) = sandbox.run([Job(probed, _ENTRY, arguments)])
    if any(not outcome.startswith("[") for outcome in told):  # it ran out of time or memory over what it tried: nobody knows
        return set(range(len(drawn)))
    return unseen.union(*map(ast.literal_eval, told))


def _places(tree: ast.AST) -> dict[tuple[Any, ...], list[Place]]:
    """By what a node is and where its text stands: the expressions that it lies in and that can be evaluated twice, from itself outwards."""
    found: dict[tuple[Any, ...], list[Place]] = {}

    def visit(node: ast.AST, path: tuple[tuple[str, int | None], ...], around: list[Place]) -> bool:
        """Whether all of the node can be evaluated twice."""
        inner = [Place(path, node), *around] if isinstance(node, ast.expr) else around if isinstance(node, ast.comprehension | ast.keyword) else []
        pure = [visit(child, (*path, step), inner) for step, child in _below(node)]
        can = all(pure) and not isinstance(node, _STATE) and not (isinstance(node, ast.Call) and not _is_pure(node))
        found[_place(node)] = inner if can else []
        return can

    visit(tree, (), [])
    return found


def _below(node: ast.AST) -> Iterator[tuple[tuple[str, int | None], ast.AST]]:
    for name, value in ast.iter_fields(node):
        if isinstance(value, list):
            yield from (((name, number), item) for number, item in enumerate(value) if isinstance(item, ast.AST))
        elif isinstance(value, ast.AST):
            yield (name, None), value


def _around(proposal: Proposal, places: dict[tuple[Any, ...], list[Place]]) -> Place | None:
    """The widest expression around a proposal that can be evaluated a second time beside itself; None where there is none."""
    if proposal.operator.name in _BY_IDENTITY:
        return None
    widest = None
    for place in places.get(_place(proposal.node), ()):
        if not places[_place(place.node)] or isinstance(getattr(place.node, "ctx", None), ast.Store | ast.Del):
            break
        if not isinstance(place.node, ast.Lambda | ast.Starred):  # two functions are never the same
            widest = place
    return widest


def _at(tree: ast.AST, path: Sequence[tuple[str, int | None]]) -> ast.AST | None:
    node: Any = tree
    for name, number in path:
        node = getattr(node, name, None)
        if number is not None:
            node = node[number] if isinstance(node, list) and number < len(node) else None
    return node if isinstance(node, ast.AST) else None


def _leaves_nothing(node: ast.AST) -> bool:
    """Whether an expression can be evaluated a second time."""
    return not any(isinstance(inner, _STATE) or (isinstance(inner, ast.Call) and not _is_pure(inner)) for inner in ast.walk(node))


def _is_pure(call: ast.Call) -> bool:
    name = callee(call)
    return name in _PURE or (name == "next" and bool(call.args) and isinstance(call.args[0], ast.GeneratorExp))


class _Insert(ast.NodeTransformer):
    """Puts `_probe(expression, (number, lambda: other), ...)` around the expressions that are asked about."""

    def __init__(self, asked: Mapping[int, Sequence[tuple[int, ast.expr]]]) -> None:
        self._asked = asked

    def visit(self, node: ast.AST) -> Any:
        others = self._asked.get(id(node))
        if not others or not isinstance(node, ast.expr):
            return self.generic_visit(node)
        whole: ast.expr = copy.deepcopy(node)
        found: Any = self.generic_visit(node)
        itself = [_later(_listed(whole))] if _is_lazy(node) else []
        tried = [ast.Tuple([ast.Constant(number), _later(_listed(other) if itself else other)], ast.Load()) for number, other in others]
        return ast.Call(ast.Name("_probe_lazy" if itself else "_probe", ast.Load()), [found, *itself, *tried], [])


def _later(node: ast.expr) -> ast.expr:
    return ast.Lambda(ast.arguments([], [], None, [], [], None, []), node)


def _listed(node: ast.expr) -> ast.expr:
    return ast.Call(ast.Name("list", ast.Load()), [node], [])


def _is_lazy(node: ast.AST) -> bool:
    """Whether a value is used up by looking at it."""
    return isinstance(node, ast.GeneratorExp) or (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _LAZY)


def _place(node: ast.AST) -> tuple[Any, ...]:
    return (type(node), *(getattr(node, name, None) for name in ("lineno", "col_offset", "end_lineno", "end_col_offset")))
