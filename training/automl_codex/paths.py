"""What a program's syntax tree covers: k-paths, the text that is left when names are taken away, and what its calls name."""

from __future__ import annotations

import ast
from collections.abc import Iterator

Path = tuple[str, ...]

# Node types that say nothing of their own: Load or Store is told by the place, the operator stands in its node's label.
_SILENT = (ast.expr_context, ast.operator, ast.boolop, ast.unaryop, ast.cmpop)


def label(node: ast.AST) -> str:
    """The name of a node in a path: its type, with the operator folded in and a literal by its bucket.

    Buckets: `none`, `bool`, `0`, `1`, `small` (to 100), `big`, `float`, `empty`, `str`. Identifiers are dropped.
    """
    name = type(node).__name__
    if isinstance(node, ast.Constant):
        return f"{name}:{bucket(node.value)}"
    if isinstance(node, ast.BinOp | ast.AugAssign | ast.UnaryOp | ast.BoolOp):
        return f"{name}:{type(node.op).__name__}"
    if isinstance(node, ast.Compare):
        return f"{name}:{'+'.join(type(op).__name__ for op in node.ops)}"
    return name


def bucket(value: object) -> str:
    """The bucket of a literal; a negative number is no literal of Python's, its sign is a node of its own."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return str(value) if value in (0, 1) else "small" if value <= 100 else "big"
    if isinstance(value, float):
        return "float"
    return "str" if value else "empty"


def children(node: ast.AST) -> Iterator[ast.AST]:
    """Child nodes that have a label."""
    return (child for child in ast.iter_child_nodes(node) if not isinstance(child, _SILENT))


def k_paths(tree: ast.AST, k: int) -> set[Path]:
    """Chains of `k` labels down the tree, as in grammar coverage by k-paths (Havrikov and Zeller 2019), over the syntax tree."""
    found: set[Path] = set()
    todo: list[tuple[ast.AST, Path]] = [(tree, ())]
    while todo:
        node, above = todo.pop()
        here = (*above[-(k - 1) :], label(node)) if k > 1 else (label(node),)
        if len(here) == k:
            found.add(here)
        todo.extend((child, here) for child in children(node))
    return found


def size(tree: ast.AST) -> int:
    """Nodes with a label."""
    return sum(not isinstance(node, _SILENT) for node in ast.walk(tree))


def alpha_normal(source: str) -> str:
    """The program with every name that it binds replaced by a number in order of appearance.

    Two programs with one normal form differ at most in names and layout. Names are taken to mean one thing in the
    whole program, so two that differ only in which function reuses a name count as different: never too few.

    Raises:
        SyntaxError: no Python.
    """
    tree = ast.parse(source)
    bound = list(dict.fromkeys(bound_names(tree)))
    maps = {attribute: {name: f"v{place}" for place, (name, kind) in enumerate(bound) if kind == attribute} for attribute in (False, True)}
    methods = {id(node) for parent in ast.walk(tree) if isinstance(parent, ast.ClassDef) for node in parent.body}
    for node in ast.walk(tree):
        for field in _NAME_FIELDS.get(type(node), ()):
            names = maps[isinstance(node, ast.Attribute) or id(node) in methods]
            old = getattr(node, field)
            if isinstance(old, list):
                setattr(node, field, [names.get(name, name) for name in old])
            elif old in names:
                setattr(node, field, names[old])
    return ast.dump(tree)


# Where a syntax tree keeps identifiers that a program may choose. Keywords of calls are left: they are mostly those of the library.
_NAME_FIELDS: dict[type[ast.AST], tuple[str, ...]] = {
    ast.Name: ("id",),
    ast.arg: ("arg",),
    ast.Attribute: ("attr",),
    ast.FunctionDef: ("name",),
    ast.AsyncFunctionDef: ("name",),
    ast.ClassDef: ("name",),
    ast.ExceptHandler: ("name",),
    ast.Global: ("names",),
    ast.Nonlocal: ("names",),
}


def bound_names(tree: ast.AST) -> Iterator[tuple[str, bool]]:
    """Names that the program binds itself, in document order, with whether it is one behind a dot: an attribute or a method."""
    todo: list[tuple[ast.AST, bool]] = [(tree, False)]
    while todo:
        node, in_class = todo.pop()
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            yield node.id, False
        elif isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load):
            yield node.attr, True
        elif isinstance(node, ast.arg):
            yield node.arg, False
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            if not (node.name.startswith("__") and node.name.endswith("__")):
                yield node.name, in_class
        elif isinstance(node, ast.ExceptHandler) and node.name:
            yield node.name, False
        todo.extend((child, isinstance(node, ast.ClassDef)) for child in reversed(list(ast.iter_child_nodes(node))))


def callee(call: ast.Call) -> str:
    """The name that a call calls, of a method the one behind the dot; "" where what is called is no name.

    `mutate` has the same once more: its text is part of `labels.VERSION`, so without need it is not touched (a test holds the two together).
    """
    return call.func.id if isinstance(call.func, ast.Name) else call.func.attr if isinstance(call.func, ast.Attribute) else ""
