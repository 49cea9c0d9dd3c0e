"""Two oracles that run nothing: whether the constructs of a program are there in its Rust, and whether the same names flow into the same names.

Both compare the functions of the program by name, under the transpiler's renaming (a name that Rust reserves gets `_` at its end). Rust is read by
tree-sitter, so that text that no compiler takes is read as well.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator, Set
from dataclasses import dataclass
from functools import cache
from typing import Any

from automl_codex import visitors

Edge = tuple[str, str]
RESULT, CONDITION = "→ result", "→ condition"


@dataclass(frozen=True, slots=True)
class Compared:
    """Share of what corresponds, in [0, 1], and what does not, as sentences' parts."""

    share: float
    differing: tuple[str, ...]


@cache
def _parser() -> Any:
    import tree_sitter
    import tree_sitter_rust

    return tree_sitter.Parser(tree_sitter.Language(tree_sitter_rust.language()))


# -- structure -----------------------------------------------------------------------------------------

_PYTHON_KINDS: dict[type[ast.AST], str] = {
    ast.FunctionDef: "functions", ast.AsyncFunctionDef: "functions", ast.ClassDef: "classes", ast.If: "conditions", ast.IfExp: "conditions",
    ast.For: "loops", ast.While: "loops", ast.comprehension: "loops", ast.Return: "returns", ast.Break: "breaks", ast.Continue: "continues",
    ast.AugAssign: "updates", ast.Lambda: "closures",
}  # fmt: skip
_RUST_KINDS = {
    "function_item": "functions", "struct_item": "classes", "if_expression": "conditions", "for_expression": "loops", "while_expression": "loops",
    "loop_expression": "loops", "return_expression": "returns", "break_expression": "breaks", "continue_expression": "continues",
    "compound_assignment_expr": "updates", "closure_expression": "closures",
}  # fmt: skip
_ITERATING = ("map", "flat_map")
_COMPARING = ("==", "!=", "<", "<=", ">", ">=")
_LOGICAL = ("&&", "||")
_BY_METHOD = ("contains", "contains_key", "any", "all")
KINDS = ("functions", "conditions", "loops", "returns", "breaks", "continues", "updates", "comparisons", "connectives")


def structure(python: str, rust: str) -> Compared:
    """Constructs of a program and of its Rust, counted: each kind of `KINDS` should be there as often.

    Raises:
        SyntaxError: no Python.
    """
    wanted, found = _python_constructs(ast.parse(python)), _rust_constructs(_parser().parse(rust.encode()).root_node)
    differing = tuple(f"{kind}: {wanted[kind]} in Python, {found[kind]} in Rust" for kind in KINDS if wanted[kind] != found[kind])
    most = sum(max(wanted[kind], found[kind]) for kind in KINDS)
    apart = sum(abs(wanted[kind] - found[kind]) for kind in KINDS)
    return Compared(1 - apart / most if most else 1.0, differing)


def _python_constructs(tree: ast.AST) -> Counter[str]:
    found: Counter[str] = Counter()
    for node in visitors.walk(tree):
        if isinstance(node, ast.Compare):
            found["comparisons"] += len(node.ops)
        elif isinstance(node, ast.BoolOp):
            found["connectives"] += len(node.values) - 1
        elif kind := _PYTHON_KINDS.get(type(node)):
            found[kind] += 1
    return found


def _rust_constructs(root: Any) -> Counter[str]:
    found: Counter[str] = Counter()
    for node in _walk(root):
        kind = _RUST_KINDS.get(node.type)
        if node.type == "binary_expression":
            operator = node.child_by_field_name("operator").type
            kind = "comparisons" if operator in _COMPARING else "connectives" if operator in _LOGICAL else None
        elif node.type == "call_expression" and (name := _method(node)):
            kind = "loops" if name in _ITERATING else "comparisons" if name in _BY_METHOD else None
        if kind:
            found[kind] += 1
    return found


def _method(call: Any) -> str:
    function = call.child_by_field_name("function")
    field = function.child_by_field_name("field") if function is not None and function.type == "field_expression" else None
    return _text(field) if field is not None else ""


def _walk(root: Any) -> Iterator[Any]:
    rest = [root]
    while rest:
        node = rest.pop()
        yield node
        rest += reversed(node.named_children)


def _text(node: Any) -> str:
    return str(node.text.decode("utf-8", "replace"))


# -- data flow -----------------------------------------------------------------------------------------


def flow(python: str, rust: str) -> Compared:
    """Def-use edges of a program and of its Rust: name → name that is computed from it, → result, → condition.

    Names inside lambdas and comprehensions count as what their elements come from, and only names that both sides bind are asked about.

    Raises:
        SyntaxError: no Python.
    """
    wanted = {function.name: python_edges(function) for function in ast.walk(ast.parse(python)) if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)}
    found = {_named(node): rust_edges(node) for node in _walk(_parser().parse(rust.encode()).root_node) if node.type == "function_item"}
    missing = [f"{name}: {a} {_arrow(b)} only in Python" for name in sorted(wanted) for a, b in sorted(wanted[name] - found.get(name, frozenset()))]
    added = [f"{name}: {a} {_arrow(b)} only in Rust" for name in sorted(found) for a, b in sorted(found[name] - wanted.get(name, frozenset()))]
    common = sum(len(wanted[name] & found[name]) for name in wanted.keys() & found.keys())
    total = common + len(missing) + len(added)
    return Compared(common / total if total else 1.0, (*missing, *added))


def _arrow(target: str) -> str:
    return target if target.startswith("→") else f"→ {target}"


def python_edges(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Set[Edge]:
    """Edges of one function."""
    own = {argument.arg for argument in ast.walk(function.args) if isinstance(argument, ast.arg)}
    own |= {node.id for node in ast.walk(function) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    own |= {argument.arg for node in ast.walk(function) if isinstance(node, ast.Lambda) for argument in node.args.args}
    edges: set[Edge] = set()
    for node in ast.walk(function):
        match node:
            case ast.Assign(targets=targets, value=value):
                edges |= {(a, b) for target in targets for b in _stored(target) for a in _python_uses(value, own)}
            case ast.AnnAssign(target=target, value=value) if value is not None:
                edges |= {(a, b) for b in _stored(target) for a in _python_uses(value, own)}
            case ast.AugAssign(target=target, value=value):
                edges |= {(a, b) for b in _stored(target) for a in {*_python_uses(value, own), b}}
            case ast.For(target=target, iter=value) | ast.comprehension(target=target, iter=value):
                edges |= {(a, b) for b in _stored(target) for a in _python_uses(value, own)}
            case ast.If(test=test) | ast.While(test=test) | ast.IfExp(test=test):
                edges |= {(a, CONDITION) for a in _python_uses(test, own)}
            case ast.Return(value=value) if value is not None:
                edges |= {(a, RESULT) for a in _python_uses(value, own)}
    return edges


def _stored(target: ast.AST) -> set[str]:
    return {node.id for node in ast.walk(target) if isinstance(node, ast.Name)}


def _python_uses(node: ast.AST, own: Set[str]) -> set[str]:
    return {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name) and inner.id in own}


def rust_edges(function: Any) -> Set[Edge]:
    """Edges of one function item."""
    own = {name for node in _walk(function) if node.type in ("parameter", "let_declaration", "for_expression") for name in _pattern(node)}
    own |= {name for node in _walk(function) if node.type == "closure_parameters" for name in _identifiers(node)}
    edges: set[Edge] = set()
    for node in _walk(function):
        value, targets = node.child_by_field_name("value"), _pattern(node)
        if node.type in ("let_declaration", "for_expression") and value is not None:
            edges |= {(a, b) for b in targets for a in _identifiers(value) & own}
        elif node.type in ("assignment_expression", "compound_assignment_expr"):
            left = _identifiers(node.child_by_field_name("left")) & own
            uses = _identifiers(node.child_by_field_name("right")) & own
            edges |= {(a, b) for b in left for a in (uses | {b} if node.type == "compound_assignment_expr" else uses)}
        elif node.type in ("if_expression", "while_expression"):
            edges |= {(a, CONDITION) for a in _identifiers(node.child_by_field_name("condition")) & own}
        elif node.type == "return_expression":
            edges |= {(a, RESULT) for a in _identifiers(node) & own}
        elif node.type == "call_expression" and (closure := _closure_of(node)) is not None:
            source = node.child_by_field_name("function").child_by_field_name("value")
            edges |= {(a, b) for b in _identifiers(closure) for a in _identifiers(source) & own if b not in _identifiers(source)}
    return edges


def _pattern(node: Any) -> set[str]:
    pattern = node.child_by_field_name("pattern")
    return _identifiers(pattern) if pattern is not None else set()


def _closure_of(call: Any) -> Any:
    """The parameters of the closure that a chain's `map` or `filter` gets."""
    if _method(call) not in (*_ITERATING, "filter"):
        return None
    arguments = call.child_by_field_name("arguments")
    closures = [child for child in arguments.named_children if child.type == "closure_expression"] if arguments is not None else []
    return closures[0].child_by_field_name("parameters") if closures else None


def _identifiers(node: Any) -> set[str]:
    return {_text(inner).removesuffix("_") for inner in _walk(node) if inner.type == "identifier"} if node is not None else set()


def _named(function: Any) -> str:
    return _text(function.child_by_field_name("name"))
