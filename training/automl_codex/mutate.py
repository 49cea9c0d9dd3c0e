"""Mutation operators: one small fault at one place. Each operator is a function and a line in `OPERATORS`.

A function gets a node and what is known around it, and yields what may stand in its place: an expression, a list of
statements, or None to leave the node out. The text changes at that place alone, so that a mutant reads like a commit's diff.
Whether it is a defect is for a run to say: see `judge`.

Source: Jia and Harman 2011 for the operators by letters; BSR as in verificar; the defect-shaped ones are our own.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from codex_gate.taxonomy import DefectCategory

Replacement = ast.expr | list[ast.stmt] | None
_C = DefectCategory


@dataclass(frozen=True, slots=True)
class Around:
    """What an operator may ask about a place: the nodes above it, innermost first, and names by type bound before it in the function."""

    above: tuple[ast.AST, ...]
    names: Mapping[str, str]

    @property
    def parent(self) -> ast.AST:
        return self.above[0]

    def alike(self, name: str) -> list[str]:
        """Other names of the same known type."""
        kind = self.names.get(name)
        return [other for other, its in self.names.items() if kind and its == kind and other != name]


@dataclass(frozen=True, slots=True)
class Operator:
    name: str
    nodes: tuple[type[ast.AST], ...]
    make: Callable[[Any, Around], Iterator[Replacement]]
    category: DefectCategory
    about: str


@dataclass(frozen=True, slots=True)
class Mutant:
    """A mutated text with the operator and the place, "line:column" in the original (line from 1, column from 0).

    `depth` counts the expressions around the place: what lies deep is often hidden by what is around it.
    """

    source: str
    operator: str
    category: DefectCategory
    site: str
    depth: int


# -- operators by letters ------------------------------------------------------------------------------

_ARITHMETIC: dict[type[ast.operator], tuple[type[ast.operator], ...]] = {
    ast.Add: (ast.Sub, ast.Mult), ast.Sub: (ast.Add,), ast.Mult: (ast.Add, ast.FloorDiv), ast.FloorDiv: (ast.Mult, ast.Div), ast.Div: (ast.FloorDiv, ast.Mult),
    ast.Mod: (ast.FloorDiv, ast.Mult), ast.Pow: (ast.Mult,),
}  # fmt: skip
_BITWISE: dict[type[ast.operator], tuple[type[ast.operator], ...]] = {
    ast.BitAnd: (ast.BitOr, ast.BitXor), ast.BitOr: (ast.BitAnd, ast.BitXor), ast.BitXor: (ast.BitAnd, ast.BitOr),
    ast.LShift: (ast.RShift,), ast.RShift: (ast.LShift,),
}  # fmt: skip
_RELATIONAL: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.Gt), ast.LtE: (ast.Lt, ast.GtE), ast.Gt: (ast.GtE, ast.Lt), ast.GtE: (ast.Gt, ast.LtE), ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,),
    ast.In: (ast.NotIn,), ast.NotIn: (ast.In,), ast.Is: (ast.IsNot,), ast.IsNot: (ast.Is,),
}  # fmt: skip
_CONVERSIONS = ("int", "str", "float", "bool")


def aor(node: ast.BinOp | ast.AugAssign, around: Around) -> Iterator[Replacement]:
    yield from _with_operator(node, _ARITHMETIC)


def lor(node: ast.BinOp | ast.AugAssign, around: Around) -> Iterator[Replacement]:
    yield from _with_operator(node, _BITWISE)


def _with_operator(node: ast.BinOp | ast.AugAssign, table: Mapping[type[ast.operator], tuple[type[ast.operator], ...]]) -> Iterator[Replacement]:
    for operator in table.get(type(node.op), ()):
        if isinstance(node, ast.AugAssign):
            yield [ast.AugAssign(node.target, operator(), node.value)]
        else:
            yield ast.BinOp(node.left, operator(), node.right)


def ror(node: ast.Compare, around: Around) -> Iterator[Replacement]:
    for place, old in enumerate(node.ops):
        for operator in _RELATIONAL[type(old)]:
            yield ast.Compare(node.left, [*node.ops[:place], operator(), *node.ops[place + 1 :]], node.comparators)


def cor(node: ast.BoolOp | ast.UnaryOp, around: Around) -> Iterator[Replacement]:
    if isinstance(node, ast.BoolOp):
        yield ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)
    elif isinstance(node.op, ast.Not):
        yield node.operand


def uoi(node: ast.Name | ast.If | ast.While | ast.IfExp, around: Around) -> Iterator[Replacement]:
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and around.names.get(node.id) in ("int", "float"):
        yield ast.UnaryOp(ast.USub(), node)
    elif isinstance(node, ast.IfExp):
        yield ast.IfExp(ast.UnaryOp(ast.Not(), node.test), node.body, node.orelse)


def abs_(node: ast.Name | ast.BinOp, around: Around) -> Iterator[Replacement]:
    numeric = around.names.get(node.id) in ("int", "float") and isinstance(node.ctx, ast.Load) if isinstance(node, ast.Name) else isinstance(node.op, ast.Sub)
    if numeric and not (isinstance(around.parent, ast.Call) and _callee(around.parent) == "abs"):
        yield ast.Call(ast.Name("abs", ast.Load()), [node], [])


def sdl(node: ast.stmt, around: Around) -> Iterator[Replacement]:
    """Statements whose absence leaves every name bound: deleting another is a crash and not a subtle fault."""
    if (
        isinstance(node, ast.AugAssign | ast.Delete)
        or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call))
        or (isinstance(node, ast.Assign) and all(isinstance(t, ast.Name) and t.id in around.names for t in node.targets))
        or (isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript))
    ):
        yield None


def svr(node: ast.Name, around: Around) -> Iterator[Replacement]:
    if isinstance(node.ctx, ast.Load):
        yield from (ast.Name(other, ast.Load()) for other in around.alike(node.id))


def bsr(node: ast.Constant | ast.List, around: Around) -> Iterator[Replacement]:
    if isinstance(node, ast.List):
        if not node.elts and isinstance(node.ctx, ast.Load):
            yield ast.List([ast.Constant(0)], ast.Load())
    elif node.value == "" and isinstance(node.value, str):
        yield ast.Constant(" ")
    elif node.value == 0 and type(node.value) is int:
        yield ast.UnaryOp(ast.USub(), ast.Constant(1))


def crp(node: ast.Constant, around: Around) -> Iterator[Replacement]:
    if type(node.value) is int:
        yield ast.Constant(node.value + 1)
        if node.value > 0:
            yield ast.Constant(node.value - 1)
    elif isinstance(node.value, bool):
        yield ast.Constant(not node.value)
    elif isinstance(node.value, float):
        yield ast.Constant(node.value + 1.0)
    elif isinstance(node.value, str) and node.value:
        yield ast.Constant(node.value[:-1])


# -- shaped like defects -------------------------------------------------------------------------------


def range_bound(node: ast.Call, around: Around) -> Iterator[Replacement]:
    if _calls(node, "range") and 1 <= len(node.args) <= 2:
        *first, last = node.args
        for step in (ast.Sub(), ast.Add()):
            yield ast.Call(node.func, [*first, ast.BinOp(last, step, ast.Constant(1))], [])
        if not first:
            yield ast.Call(node.func, [ast.Constant(1), last], [])


def slice_bound(node: ast.Subscript, around: Around) -> Iterator[Replacement]:
    bounds = node.slice
    if not isinstance(bounds, ast.Slice) or not isinstance(node.ctx, ast.Load):
        return
    for name in ("lower", "upper"):
        bound = getattr(bounds, name)
        if isinstance(bound, ast.Constant) and type(bound.value) is int:
            for value in {max(bound.value - 1, 0), bound.value + 1} - {bound.value}:
                changed = ast.Slice(bounds.lower, bounds.upper, bounds.step)
                setattr(changed, name, ast.Constant(value))
                yield ast.Subscript(node.value, changed, node.ctx)


def swapped_arguments(node: ast.Call, around: Around) -> Iterator[Replacement]:
    symmetric = ("min", "max", "gcd", "isinstance", "add")
    if len(node.args) == 2 and _callee(node) not in symmetric and ast.dump(node.args[0]) != ast.dump(node.args[1]):
        yield ast.Call(node.func, node.args[::-1], node.keywords)


def missing_await(node: ast.Await, around: Around) -> Iterator[Replacement]:
    yield node.value


def missing_close(node: ast.Expr | ast.With, around: Around) -> Iterator[Replacement]:
    if isinstance(node, ast.Expr):
        if isinstance(node.value, ast.Call) and _callee(node.value) in ("close", "release", "shutdown", "unlock"):
            yield None
    elif len(node.items) == 1 and isinstance(node.items[0].optional_vars, ast.Name):
        name = node.items[0].optional_vars.id
        yield [ast.Assign([ast.Name(name, ast.Store())], node.items[0].context_expr), *node.body]


def mutable_default(node: ast.FunctionDef, around: Around) -> Iterator[Replacement]:
    """`p=None` with `if p is None: p = []` at the top becomes `p=[]`: one list for all calls."""
    guard = node.body[0]
    if not (
        isinstance(guard, ast.If) and isinstance(guard.test, ast.Compare) and isinstance(guard.test.ops[0], ast.Is) and isinstance(guard.body[0], ast.Assign)
    ):
        return
    value = guard.body[0].value
    if isinstance(value, ast.List | ast.Dict | ast.Set) and node.args.defaults and ast.unparse(node.args.defaults[-1]) == "None" and len(node.body) > 1:
        changed = copy.deepcopy(node)
        changed.args.defaults[-1] = value
        changed.body = changed.body[1:]
        yield [changed]


def comprehension_filter(node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp, around: Around) -> Iterator[Replacement]:
    for place, generator in enumerate(node.generators):
        if generator.ifs:
            for tests in ([], [ast.UnaryOp(ast.Not(), generator.ifs[0]), *generator.ifs[1:]]):
                changed = copy.deepcopy(node)
                changed.generators[place].ifs = list(tests)
                yield changed


def comprehension_element(node: ast.ListComp | ast.SetComp | ast.GeneratorExp, around: Around) -> Iterator[Replacement]:
    """The element itself instead of what was to be made of it."""
    target = node.generators[0].target
    if isinstance(target, ast.Name) and not isinstance(node.elt, ast.Name):
        changed = copy.deepcopy(node)
        changed.elt = ast.Name(target.id, ast.Load())
        yield changed


def precedence(node: ast.BinOp | ast.BoolOp, around: Around) -> Iterator[Replacement]:
    """The grouping that is read when the parentheses are left out: (a + b) * c becomes a + b * c."""
    if isinstance(node, ast.BinOp):
        left, right = node.left, node.right
        if isinstance(left, ast.BinOp) and _looser(left.op, node.op):
            yield ast.BinOp(left.left, left.op, ast.BinOp(left.right, node.op, right))
        if isinstance(right, ast.BinOp) and _looser(right.op, node.op):
            yield ast.BinOp(ast.BinOp(left, node.op, right.left), right.op, right.right)
    elif isinstance(node.op, ast.And):
        first, *rest = node.values
        if isinstance(first, ast.BoolOp) and isinstance(first.op, ast.Or):
            yield ast.BoolOp(ast.Or(), [*first.values[:-1], ast.BoolOp(ast.And(), [first.values[-1], *rest])])


def not_precedence(node: ast.UnaryOp, around: Around) -> Iterator[Replacement]:
    """`not (a or b)` becomes `not a or b`."""
    if isinstance(node.op, ast.Not) and isinstance(node.operand, ast.BoolOp):
        first, *rest = node.operand.values
        yield ast.BoolOp(node.operand.op, [ast.UnaryOp(ast.Not(), first), *rest])


def missing_none_check(node: ast.If | ast.IfExp, around: Around) -> Iterator[Replacement]:
    test = node.test
    if not (isinstance(test, ast.Compare) and len(test.ops) == 1 and ast.unparse(test.comparators[0]) == "None"):
        return
    if isinstance(node, ast.IfExp):
        yield node.orelse if isinstance(test.ops[0], ast.Is) else node.body
    elif isinstance(test.ops[0], ast.IsNot) and not node.orelse:
        yield node.body
    elif isinstance(test.ops[0], ast.Is):
        yield node.orelse or None


def dropped_base_case(node: ast.If, around: Around) -> Iterator[Replacement]:
    function = next((above for above in around.above if isinstance(above, ast.FunctionDef | ast.AsyncFunctionDef)), None)
    recursive = function is not None and any(isinstance(n, ast.Call) and _callee(n) == function.name for n in ast.walk(function))
    if recursive and not node.orelse and isinstance(node.body[-1], ast.Return):
        yield None


_CONFUSED = {
    "min": "max", "max": "min", "any": "all", "all": "any", "startswith": "endswith", "endswith": "startswith", "upper": "lower", "lower": "upper",
    "lstrip": "rstrip", "rstrip": "lstrip", "strip": "lstrip", "find": "rfind", "isalpha": "isalnum", "isupper": "islower", "append": "extend", "add": "discard",
    "rjust": "ljust", "ljust": "rjust", "partition": "rpartition", "split": "rsplit", "keys": "values", "values": "keys", "title": "capitalize",
    "capitalize": "title", "swapcase": "upper", "sqrt": "fabs", "floor": "ceil", "ceil": "floor", "isdigit": "isalpha", "insert": "index", "sum": "len",
    "abs": "float", "round": "int", "zfill": "ljust",
}  # fmt: skip


def wrong_function(node: ast.Call, around: Around) -> Iterator[Replacement]:
    """A function of the library next to the right one."""
    other = _CONFUSED.get(_callee(node))
    if other and isinstance(node.func, ast.Name):
        yield ast.Call(ast.Name(other, ast.Load()), node.args, node.keywords)
    elif other and isinstance(node.func, ast.Attribute):
        yield ast.Call(ast.Attribute(node.func.value, other, ast.Load()), node.args, node.keywords)


def dropped_conversion(node: ast.Call, around: Around) -> Iterator[Replacement]:
    if isinstance(node.func, ast.Name) and node.func.id in _CONVERSIONS and len(node.args) == 1 and not node.keywords:
        yield node.args[0]


def iterator_chain(node: ast.Call, around: Around) -> Iterator[Replacement]:
    """An adapter left out or fed in the wrong order."""
    name, args = _callee(node), node.args
    if name in ("reversed", "sorted") and len(args) == 1 and isinstance(node.func, ast.Name):
        yield args[0]
    elif name in ("map", "filter") and len(args) == 2:
        yield args[1]
    elif name == "zip" and len(args) == 2:
        yield ast.Call(node.func, args[::-1], [])
    elif name == "enumerate" and len(args) == 2:
        yield ast.Call(node.func, args[:1], [])
    elif name == "enumerate" and len(args) == 1:
        yield ast.Call(node.func, [*args, ast.Constant(1)], [])


def missing_copy(node: ast.Call, around: Around) -> Iterator[Replacement]:
    if isinstance(node.func, ast.Name) and node.func.id in ("list", "dict", "set") and len(node.args) == 1 and isinstance(node.args[0], ast.Name):
        yield node.args[0]


def wrong_exception(node: ast.ExceptHandler, around: Around) -> Iterator[Replacement]:
    """The wrong exception is caught: the right one goes on."""
    if isinstance(node.type, ast.Name):
        other = {"IndexError": "KeyError", "KeyError": "IndexError", "ZeroDivisionError": "OverflowError", "ValueError": "AttributeError"}.get(node.type.id)
        if other:
            yield ast.Name(other, ast.Load())


def lost_comparison(node: ast.Compare, around: Around) -> Iterator[Replacement]:
    if len(node.ops) > 1:
        yield ast.Compare(node.left, node.ops[:-1], node.comparators[:-1])
        yield ast.Compare(node.comparators[0], node.ops[1:], node.comparators[1:])


def break_continue(node: ast.Break | ast.Continue, around: Around) -> Iterator[Replacement]:
    yield [ast.Continue() if isinstance(node, ast.Break) else ast.Break()]


def dropped_else(node: ast.If, around: Around) -> Iterator[Replacement]:
    if node.orelse and all(isinstance(statement, ast.AugAssign | ast.Expr) for statement in node.orelse):
        yield [ast.If(node.test, node.body, [])]


_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
OPERATORS: Mapping[str, Operator] = {
    operator.name: operator
    for operator in (
        Operator("AOR", (ast.BinOp, ast.AugAssign), aor, _C.LogicErrors, "arithmetic operator replacement"),
        Operator("ROR", (ast.Compare,), ror, _C.LogicErrors, "relational operator replacement"),
        Operator("LOR", (ast.BinOp, ast.AugAssign), lor, _C.LogicErrors, "logical (bitwise) operator replacement"),
        Operator("COR", (ast.BoolOp, ast.UnaryOp), cor, _C.LogicErrors, "conditional operator replacement"),
        Operator("UOI", (ast.Name, ast.IfExp), uoi, _C.LogicErrors, "unary operator insertion"),
        Operator("ABS", (ast.Name, ast.BinOp), abs_, _C.LogicErrors, "absolute value insertion"),
        Operator("SDL", (ast.stmt,), sdl, _C.LogicErrors, "statement deletion"),
        Operator("SVR", (ast.Name,), svr, _C.LogicErrors, "scalar variable replacement"),
        Operator("BSR", (ast.Constant, ast.List), bsr, _C.LogicErrors, "boundary substitution"),
        Operator("CRP", (ast.Constant,), crp, _C.LogicErrors, "constant replacement"),
        Operator("range_bound", (ast.Call,), range_bound, _C.LogicErrors, "off by one in a range"),
        Operator("slice_bound", (ast.Subscript,), slice_bound, _C.LogicErrors, "off by one in a slice"),
        Operator("swapped_arguments", (ast.Call,), swapped_arguments, _C.ApiMisuse, "two arguments in the wrong order"),
        Operator("missing_await", (ast.Await,), missing_await, _C.ConcurrencyBugs, "a coroutine that is not awaited"),
        Operator("missing_close", (ast.Expr, ast.With), missing_close, _C.ResourceLeaks, "a resource that is not given back"),
        Operator("mutable_default", (ast.FunctionDef,), mutable_default, _C.LogicErrors, "a default shared by all calls"),
        Operator("comprehension_filter", _COMPREHENSIONS, comprehension_filter, _C.ComprehensionBugs, "a filter lost or turned round"),
        Operator("comprehension_element", (ast.ListComp, ast.SetComp, ast.GeneratorExp), comprehension_element, _C.ComprehensionBugs, "the wrong element"),
        Operator("precedence", (ast.BinOp, ast.BoolOp), precedence, _C.OperatorPrecedence, "parentheses left out"),
        Operator("not_precedence", (ast.UnaryOp,), not_precedence, _C.OperatorPrecedence, "parentheses left out behind not"),
        Operator("missing_none_check", (ast.If, ast.IfExp), missing_none_check, _C.TypeErrors, "None is not looked for"),
        Operator("dropped_base_case", (ast.If,), dropped_base_case, _C.LogicErrors, "a recursion without its end"),
        Operator("wrong_function", (ast.Call,), wrong_function, _C.LogicErrors, "the neighbour of the right function"),
        Operator("dropped_conversion", (ast.Call,), dropped_conversion, _C.TypeErrors, "a value of another type than was meant"),
        Operator("iterator_chain", (ast.Call,), iterator_chain, _C.IteratorChain, "an adapter left out or in the wrong order"),
        Operator("missing_copy", (ast.Call,), missing_copy, _C.LogicErrors, "the same object instead of a copy"),
        Operator("wrong_exception", (ast.ExceptHandler,), wrong_exception, _C.ApiMisuse, "the wrong exception is caught"),
        Operator("lost_comparison", (ast.Compare,), lost_comparison, _C.LogicErrors, "half of a chained comparison"),
        Operator("break_continue", (ast.Break, ast.Continue), break_continue, _C.LogicErrors, "break for continue and the other way round"),
        Operator("dropped_else", (ast.If,), dropped_else, _C.LogicErrors, "the other case forgotten"),
    )
}


_TAKES_OTHER, _REFUSES = (
    ("extend", "index"),
    ("len", "int"),
)  # instead of append and insert, whatever the argument; instead of sum and round, where it stops there


def category_of(operator: str, source: str, place: str, actual: str | None) -> DefectCategory | None:
    """The category of a mutant, from what is stored of it; None where no operator made it.

    It is the operator's, but for a wrong function: that one is LogicErrors as long as it takes what it is given, TypeErrors where it gives a value of another type, ApiMisuse where it
    is given what its contract does not allow.

    Args:
        source, place: the mutant's text, and where it was changed. actual: what it gave on its witness.
    """
    made = OPERATORS.get(operator)
    if made is None or operator != "wrong_function":
        return made.category if made else None
    calls = {_callee(node) for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call) and site(node) == place}
    if "float" in calls:
        return _C.TypeErrors
    refused = actual == "!TypeError" and not calls.isdisjoint(_REFUSES)
    return _C.ApiMisuse if refused or not calls.isdisjoint(_TAKES_OTHER) else made.category


def _callee(node: ast.Call) -> str:
    return node.func.id if isinstance(node.func, ast.Name) else node.func.attr if isinstance(node.func, ast.Attribute) else ""


def _calls(node: ast.Call, name: str) -> bool:
    return isinstance(node.func, ast.Name) and node.func.id == name


_LEVELS: dict[type[ast.operator], int] = {
    ast.BitOr: 0, ast.BitXor: 1, ast.BitAnd: 2, ast.LShift: 3, ast.RShift: 3, ast.Add: 4, ast.Sub: 4, ast.Mult: 5, ast.Div: 5, ast.FloorDiv: 5, ast.Mod: 5, ast.Pow: 6,
}  # fmt: skip


def _looser(inner: ast.operator, outer: ast.operator) -> bool:
    return _LEVELS.get(type(inner), 9) < _LEVELS.get(type(outer), 0)


# -- places and texts ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Proposal:
    """What an operator would put in a node's place, before there is a text; `depth` as in `Mutant`."""

    operator: Operator
    node: ast.AST
    replacement: Replacement
    parent: ast.AST
    depth: int


def mutants(source: str, operators: Mapping[str, Operator] = OPERATORS) -> Iterator[Mutant]:
    """Every mutant of a program, in the order of its text; each parses and differs from the program in its tree.

    Raises:
        SyntaxError: the program is none.
    """
    text = Text(source)
    for proposal in proposals(source, operators):
        made = mutant(text, proposal)
        if made is not None:
            yield made


def proposals(source: str, operators: Mapping[str, Operator] = OPERATORS) -> Iterator[Proposal]:
    """What could be a mutant: cheap to list, so that whoever wants a few of many looks at the texts of those alone.

    Raises:
        SyntaxError: the program is none.
    """
    by_type: dict[type[ast.AST], list[Operator]] = {}
    for node, around in _places(ast.parse(source)):
        found = by_type.get(type(node))
        if found is None:
            found = by_type[type(node)] = [operator for operator in operators.values() if isinstance(node, operator.nodes)]
        for operator in found:
            for replacement in operator.make(node, around):
                yield Proposal(operator, node, replacement, around.parent, sum(isinstance(above, ast.expr) for above in around.above))


def mutant(text: Text, proposal: Proposal) -> Mutant | None:
    """The mutant of a proposal for this text; None where the place holds no such thing, or nothing but the same."""
    changed = text.replaced(proposal.node, proposal.replacement, proposal.parent)
    if changed is None or not _differs(changed, text.shape):
        return None
    return Mutant(changed, proposal.operator.name, proposal.operator.category, site(proposal.node), proposal.depth)


def _differs(changed: str, original: str) -> bool:
    try:
        return ast.dump(ast.parse(changed)) != original
    except SyntaxError:
        return False


def _places(tree: ast.Module) -> Iterator[tuple[ast.AST, Around]]:
    """Nodes that may be mutated: no annotations, no parts of f-strings (they have no place of their own before Python 3.12)."""

    def visit(node: ast.AST, above: tuple[ast.AST, ...], names: dict[str, str]) -> Iterator[tuple[ast.AST, Around]]:
        if hasattr(node, "lineno"):
            yield node, Around(above, dict(names) if isinstance(node, ast.Name | ast.BinOp | ast.stmt) else {})
        inner = {} if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) else names
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            inner.update({a.arg: ast.unparse(a.annotation) for a in node.args.args if a.annotation})
        for name, value in ast.iter_fields(node):
            if name in ("annotation", "returns", "decorator_list") or isinstance(node, ast.JoinedStr):
                continue
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    yield from visit(child, (node, *above), inner)
        if isinstance(node, ast.Assign | ast.AnnAssign):
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            kind = ast.unparse(node.annotation) if isinstance(node, ast.AnnAssign) else _type_of(node.value, names)
            if isinstance(target, ast.Name) and kind:
                names[target.id] = kind

    yield from visit(tree, (), {})


def _type_of(value: ast.expr | None, names: Mapping[str, str]) -> str:
    """The type of an expression where it is plain to see, else ""."""
    if isinstance(value, ast.Constant):
        return type(value.value).__name__
    if isinstance(value, ast.Name):
        return names.get(value.id, "")
    if isinstance(value, ast.JoinedStr):
        return "str"
    if isinstance(value, ast.Compare):
        return "bool"
    if isinstance(value, ast.BinOp):
        left = _type_of(value.left, names)
        return left if left and left == _type_of(value.right, names) and not isinstance(value.op, ast.Div) else ""
    if isinstance(value, ast.Call):
        return {"len": "int", "sum": "int", "abs": "int", "int": "int", "str": "str", "float": "float", "bool": "bool"}.get(_callee(value), "")
    return "list[int]" if isinstance(value, ast.List) and value.elts and all(_type_of(e, names) == "int" for e in value.elts) else ""


def site(node: ast.AST) -> str:
    """Where a node begins: line from 1, column from 0."""
    return f"{getattr(node, 'lineno', 0)}:{getattr(node, 'col_offset', 0)}"


class Text:
    """The program as bytes, since Python counts columns in bytes of UTF-8."""

    def __init__(self, source: str) -> None:
        self._data = source.encode()
        self._starts = [0]
        for line in self._data.splitlines(keepends=True):
            self._starts.append(self._starts[-1] + len(line))

    @cached_property
    def shape(self) -> str:
        """The tree, to tell whether another text has it too."""
        return ast.dump(ast.parse(self._data))

    def span(self, node: Any) -> tuple[int, int]:
        """Where a node's text begins and ends, in bytes."""
        return self._starts[node.lineno - 1] + node.col_offset, self._starts[node.end_lineno - 1] + node.end_col_offset

    def replaced(self, node: Any, replacement: Replacement, parent: ast.AST) -> str | None:
        """The program with the node's text replaced; None where the place holds no such thing."""
        if isinstance(node, ast.ExceptHandler):
            node = node.type
        start, end = self.span(node)
        if isinstance(replacement, ast.expr):
            text = ast.unparse(ast.fix_missing_locations(replacement))
            if (
                isinstance(parent, ast.expr)
                and not isinstance(parent, ast.Call | ast.List | ast.Tuple | ast.Set | ast.Dict | ast.Subscript)
                and compound(replacement)
            ):
                text = f"({text})"
        elif isinstance(node, ast.stmt):
            indent = "\n" + " " * node.col_offset
            lines = [ast.unparse(ast.fix_missing_locations(statement)) for statement in replacement or [ast.Pass()]]
            text = indent.join(line for block in lines for line in block.splitlines())
            if self._data[self._starts[node.lineno - 1] : start].strip():  # not at the start of its line, as behind a semicolon
                return None
        else:
            return None
        return (self._data[:start] + text.encode() + self._data[end:]).decode()


def compound(node: ast.expr) -> bool:
    """Whether an expression needs parentheses to stand inside another."""
    return isinstance(node, ast.BinOp | ast.BoolOp | ast.UnaryOp | ast.Compare | ast.IfExp | ast.Lambda | ast.NamedExpr | ast.Await)
