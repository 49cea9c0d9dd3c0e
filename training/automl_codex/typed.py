"""Types and scope of a program's expressions, as far as they are plain to see: where one may stand in for another.

Types are texts such as `int`, `list[str]`, `dict[str, int]`, `tuple[int, str]`; "" is one that nobody can tell, and such an expression is left
alone. A wrong guess does no harm but costs a run: what is put into a program is run before it is kept.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from automl_codex.paths import callee

UNKNOWN = ""
_NUMBERS = ("bool", "int", "float")
_OF_STR = {
    **dict.fromkeys(("upper", "lower", "strip", "lstrip", "rstrip", "title", "capitalize", "swapcase", "replace", "zfill", "rjust", "ljust", "join"), "str"),
    **dict.fromkeys(("count", "find", "rfind"), "int"),
    **dict.fromkeys(("startswith", "endswith", "isalpha", "isalnum", "isupper", "islower", "isdigit"), "bool"),
    **dict.fromkeys(("split", "rsplit"), "list[str]"),
    **dict.fromkeys(("partition", "rpartition"), "tuple[str, str, str]"),
}
_CALLS = {
    "len": "int", "ord": "int", "int": "int", "pow": "int", "float": "float", "str": "str", "chr": "str", "repr": "str", "bool": "bool", "isinstance": "bool",
    "any": "bool", "all": "bool", "divmod": "tuple[int, int]", "range": "iter[int]",
}  # fmt: skip
_MATH = {"gcd": "int", "isqrt": "int", "floor": "int", "ceil": "int", "sqrt": "float", "fabs": "float"}
# Calls whose arguments are sizes, or a program's own count: another number there can make a program that does not end.
_SIZED = frozenset(("range", "pow", "zfill", "rjust", "ljust"))
_GROWING = (ast.Pow, ast.LShift)
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


@dataclass(frozen=True, slots=True)
class Place:
    """An expression of a known type that is read, what it stands in, and the variables with their types that are bound there for certain."""

    node: ast.expr
    parent: ast.AST
    kind: str
    names: Mapping[str, str]


def places(tree: ast.Module) -> Iterator[Place]:
    """Expressions that another of their type may replace, in the order of the text.

    Left out is what could make a program endless or huge: sizes, exponents, what a loop runs over or waits for, arguments of the program's own functions,
    and in a loop all but conditions, since a value that grows there grows each time. So are annotations, defaults and parts of f-strings.
    """
    returns = {node.name: _normal(node.returns) for node in tree.body if isinstance(node, ast.FunctionDef)}
    yield from _Walk(returns).block(tree.body, {}, looped=False)


class _Walk:
    """Goes through blocks in order, so that it knows which names are bound where."""

    def __init__(self, returns: Mapping[str, str]) -> None:
        self._returns = returns

    def block(self, body: Sequence[ast.stmt], names: dict[str, str], looped: bool) -> Iterator[Place]:
        for statement in body:
            yield from self._statement(statement, names, looped)

    def _statement(self, node: ast.stmt, names: dict[str, str], looped: bool) -> Iterator[Place]:
        if isinstance(node, _SCOPES):
            arguments = [] if isinstance(node, ast.ClassDef) else node.args.args
            yield from self.block(node.body, {a.arg: kind for a in arguments if (kind := _normal(a.annotation))}, looped=False)
            return
        loop = isinstance(node, ast.For | ast.While | ast.AsyncFor)
        known = dict(names)  # a place keeps what was bound before it
        for name, value in ast.iter_fields(node):
            if isinstance(value, ast.expr) and name not in ("annotation", "target", "iter") and not isinstance(node, ast.While):
                yield from (place for place in self._expression(value, node, known) if not looped or place.kind == "bool")
        inner = self._bound_in(node, names) if loop else names
        for name in ("body", "orelse", "finalbody"):
            yield from self.block(getattr(node, name, ()), dict(inner), looped or loop)
        for part in (*getattr(node, "handlers", ()), *getattr(node, "cases", ())):
            yield from self.block(part.body, dict(names), looped)
        self._bind(node, names)

    def _bound_in(self, node: ast.stmt, names: Mapping[str, str]) -> dict[str, str]:
        """The names at the start of a loop's body: those of before and its target; not what the body binds to another type."""
        found = dict(names)
        if isinstance(node, ast.For):
            found |= _targets(node.target, _element(self.type_of(node.iter, names)))
        return {name: kind for name, kind in found.items() if kind}

    def _bind(self, node: ast.stmt, names: dict[str, str]) -> None:
        """What a statement leaves bound: its own targets with their type; a name that a block inside rebinds is no longer trusted."""
        if isinstance(node, ast.Assign):
            kind = self.type_of(node.value, names)
            bound = {name: its for target in node.targets for name, its in _targets(target, kind).items()}
        elif isinstance(node, ast.AnnAssign):
            bound = _targets(node.target, _normal(node.annotation))
        elif isinstance(node, ast.AugAssign):
            value = ast.BinOp(node.target, node.op, node.value)
            bound = _targets(node.target, self.type_of(value, names))
        else:
            kept = isinstance(node, ast.For | ast.While | ast.If | ast.Expr)
            bound = {name: names.get(name, UNKNOWN) if kept else UNKNOWN for name in _stored(node)}
        names |= bound
        for name in [name for name, kind in names.items() if not kind]:
            del names[name]

    def _expression(self, node: ast.expr, parent: ast.AST, names: Mapping[str, str]) -> Iterator[Place]:
        """An expression and those inside it."""
        if not isinstance(getattr(node, "ctx", ast.Load()), ast.Load) or isinstance(node, ast.Lambda | ast.Await | ast.NamedExpr):
            return
        kind = self.type_of(node, names)
        if kind and not kind.startswith("iter["):
            yield Place(node, parent, kind, names)
        if isinstance(node, ast.JoinedStr):
            return
        if isinstance(node, ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp):
            yield from self._comprehension(node, names)
            return
        for child in self._free(node):
            yield from self._expression(child, node, names)

    def _free(self, node: ast.expr) -> list[ast.expr]:
        """The expressions directly inside one that may be another number or text without harm."""
        if isinstance(node, ast.BinOp):
            repeated = isinstance(node.op, ast.Mult) and (isinstance(node.left, ast.List | ast.Constant) or isinstance(node.right, ast.List | ast.Constant))
            return [node.left] if repeated or isinstance(node.op, _GROWING) else [node.left, node.right]
        if isinstance(node, ast.Call):
            if callee(node) in _SIZED or (isinstance(node.func, ast.Name) and node.func.id not in _CALLS and node.func.id not in _PURE):
                return []
            receiver = [node.func.value] if isinstance(node.func, ast.Attribute) else []
            return [*receiver, *(argument for argument in node.args if not isinstance(argument, ast.Starred))]
        if isinstance(node, ast.Slice):
            return []
        return [child for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr) and not isinstance(child, ast.Starred)]

    def _comprehension(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp, names: Mapping[str, str]) -> Iterator[Place]:
        inner = self._inside(node.generators, names)
        yield from self._expression(node.generators[0].iter, node.generators[0], names)
        for generator in node.generators:
            for test in generator.ifs:
                yield from self._expression(test, generator, inner)
        for element in (node.key, node.value) if isinstance(node, ast.DictComp) else (node.elt,):
            yield from self._expression(element, node, inner)

    def _inside(self, generators: Sequence[ast.comprehension], names: Mapping[str, str]) -> dict[str, str]:
        found = dict(names)
        for generator in generators:
            found |= _targets(generator.target, _element(self.type_of(generator.iter, found)))
        return {name: kind for name, kind in found.items() if kind}

    # -- types -------------------------------------------------------------------------------------

    def type_of(self, node: ast.expr, names: Mapping[str, str]) -> str:
        match node:
            case ast.Constant(value=value):
                return type(value).__name__ if type(value).__name__ in (*_NUMBERS, "str") else UNKNOWN
            case ast.Name(id=name):
                return names.get(name, UNKNOWN)
            case ast.JoinedStr():
                return "str"
            case ast.Compare() | ast.UnaryOp(op=ast.Not()):
                return "bool"
            case ast.UnaryOp(operand=operand):
                kind = self.type_of(operand, names)
                return {"bool": "int", "int": "int", "float": "float"}.get(kind, UNKNOWN)
            case ast.BoolOp(values=values):
                return _same([self.type_of(value, names) for value in values])
            case ast.IfExp(body=body, orelse=orelse):
                return _same([self.type_of(body, names), self.type_of(orelse, names)])
            case ast.BinOp(left=left, op=op, right=right):
                return _binary(self.type_of(left, names), op, self.type_of(right, names))
            case ast.List(elts=elts) | ast.Set(elts=elts):
                inner = _same([_element(self.type_of(e.value, names)) if isinstance(e, ast.Starred) else self.type_of(e, names) for e in elts])
                return f"{'list' if isinstance(node, ast.List) else 'set'}[{inner}]" if inner else UNKNOWN
            case ast.Tuple(elts=elts):
                kinds = [self.type_of(element, names) for element in elts]
                return f"tuple[{', '.join(kinds)}]" if kinds and all(kinds) else UNKNOWN
            case ast.Dict(keys=keys, values=values):
                key, value = _same([self.type_of(k, names) if k else "str" for k in keys]), _same([self.type_of(v, names) for k, v in zip(keys, values) if k])
                return f"dict[{key}, {value}]" if key and value else UNKNOWN
            case ast.Subscript(value=value, slice=index):
                return _indexed(self.type_of(value, names), index)
            case ast.ListComp(elt=elt, generators=generators) | ast.SetComp(elt=elt, generators=generators) | ast.GeneratorExp(elt=elt, generators=generators):
                inner = self.type_of(elt, self._inside(generators, names))
                form = {ast.ListComp: "list", ast.SetComp: "set"}.get(type(node), "iter")
                return f"{form}[{inner}]" if inner else UNKNOWN
            case ast.DictComp(key=k, value=v, generators=generators):
                inside = self._inside(generators, names)
                key, value = self.type_of(k, inside), self.type_of(v, inside)
                return f"dict[{key}, {value}]" if key and value else UNKNOWN
            case ast.Call():
                return self._call(node, names)
        return UNKNOWN

    def _call(self, node: ast.Call, names: Mapping[str, str]) -> str:
        name = callee(node)
        first = self.type_of(node.args[0], names) if node.args and not isinstance(node.args[0], ast.Starred) else UNKNOWN
        if isinstance(node.func, ast.Attribute):
            if isinstance(node.func.value, ast.Name) and node.func.value.id == "math":
                return _MATH.get(name, UNKNOWN)
            return _method(self.type_of(node.func.value, names), name)
        if name in self._returns:
            return self._returns[name]
        if name in _CALLS:
            return _CALLS[name]
        element = _element(first)
        if name in ("min", "max"):
            return element if len(node.args) == 1 else _same([self.type_of(argument, names) for argument in node.args])
        if name in ("abs", "round") and first in _NUMBERS:
            return "int" if first != "float" or (name == "round" and len(node.args) == 1) else "float"
        if name == "sum":
            return {"bool": "int", "int": "int", "float": "float"}.get(element, UNKNOWN)
        if name in ("sorted", "list") and element:
            return f"list[{element}]"
        if name == "set" and element:
            return f"set[{element}]"
        return f"iter[{element}]" if name == "reversed" and element else UNKNOWN


_PURE = frozenset(("abs", "round", "min", "max", "sum", "sorted", "list", "set", "reversed", "enumerate", "zip"))


def _normal(annotation: ast.expr | None) -> str:
    """The type that an annotation gives; unknown where it may be several."""
    text = ast.unparse(annotation) if annotation else UNKNOWN
    return text if text.split("[")[0] in (*_NUMBERS, "str", "list", "dict", "set", "tuple") and "|" not in text else UNKNOWN


def _same(kinds: Sequence[str]) -> str:
    return kinds[0] if kinds and len(set(kinds)) == 1 else UNKNOWN


def _arguments(kind: str) -> list[str]:
    """What stands between the brackets of a type: ["str", "int"] of dict[str, int]."""
    return kind.partition("[")[2].removesuffix("]").split(", ") if "[" in kind else []


def _element(kind: str) -> str:
    """What a loop over a value of this type gives; types in types are not looked into."""
    if kind == "str":
        return "str"
    return _arguments(kind)[0] if kind.startswith(("list[", "set[", "dict[", "iter[")) and kind.count("[") == 1 else UNKNOWN


def _targets(target: ast.expr, kind: str) -> dict[str, str]:
    """The names that a target binds, with their types."""
    if isinstance(target, ast.Name):
        return {target.id: kind}
    if not isinstance(target, ast.Tuple | ast.List):
        return {}
    kinds = _arguments(kind) if kind.startswith("tuple[") and kind.count("[") == 1 else []
    kinds = kinds if len(kinds) == len(target.elts) else [UNKNOWN] * len(target.elts)
    return {name: its for element, inner in zip(target.elts, kinds) for name, its in _targets(element, inner).items()}


def _stored(node: ast.AST) -> list[str]:
    return [n.id for n in ast.walk(node) if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Load)]


def _binary(left: str, op: ast.operator, right: str) -> str:
    if left in _NUMBERS and right in _NUMBERS:
        if isinstance(op, ast.Div) or "float" in (left, right):
            return "float"
        return "bool" if left == right == "bool" and isinstance(op, ast.BitAnd | ast.BitOr | ast.BitXor) else "int"
    if isinstance(op, ast.Mult) and right == "int" and left.startswith(("str", "list[")):
        return left
    if left != right:
        return UNKNOWN
    return left if isinstance(op, _JOINING.get(left.partition("[")[0], ())) else UNKNOWN


_JOINING: dict[str, tuple[type[ast.operator], ...]] = {
    "str": (ast.Add,), "list": (ast.Add,), "set": (ast.BitAnd, ast.BitOr, ast.BitXor, ast.Sub), "dict": (ast.BitOr,),
}  # fmt: skip


def _indexed(kind: str, index: ast.expr) -> str:
    if kind == "str" or (kind.startswith("list[") and isinstance(index, ast.Slice)):
        return kind
    if kind.startswith("tuple[") and kind.count("[") == 1 and isinstance(index, ast.Constant) and isinstance(index.value, int):
        inner = _arguments(kind)
        return inner[index.value] if -len(inner) <= index.value < len(inner) else UNKNOWN
    return _arguments(kind)[-1] if kind.startswith(("list[", "dict[")) and kind.count("[") == 1 and not isinstance(index, ast.Slice) else UNKNOWN


def _method(kind: str, name: str) -> str:
    if kind == "str":
        return _OF_STR.get(name, UNKNOWN)
    if kind.startswith("list["):
        return "int" if name in ("count", "index") else UNKNOWN
    if kind.startswith("dict[") and kind.count("[") == 1:
        key, value = _arguments(kind)
        return {"get": value, "values": f"iter[{value}]", "keys": f"iter[{key}]"}.get(name, UNKNOWN)
    return UNKNOWN
