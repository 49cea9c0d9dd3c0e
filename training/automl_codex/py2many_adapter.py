"""py2many's Rust back end as it is driven here: what is done to the Python before, and which of its gaps are filled.

It is told its settings by a real namespace (its own default is a mock whose every attribute is true, which switches on another mode), gets a new
transpiler for each program, and writes types as `typing` spells them. Beyond that: it has no tuples as types, and it writes casts without
the parentheses that they need. It evaluates names out of the program and imports the modules that the program imports, so it runs in a
process of its own with nothing to lose: see `py2many_worker.py`. Who changes its output raises `transpile.ADAPTER`.
"""

from __future__ import annotations

import argparse
import ast
from collections.abc import Callable
from pathlib import Path
from typing import Any

from py2many import cli, clike
from py2many.exceptions import AstErrorBase
from py2many.pyrs import inference, plugins, rust_ast, settings

from automl_codex import py2many_quick
from automl_codex.visitors import led

_SETTINGS = argparse.Namespace(extension=False, no_prologue=True, indent=4, typpete=False, llm=None)
_GENERICS = {"list": "List", "dict": "Dict", "set": "Set", "tuple": "Tuple"}
_CASTS = ("len", "int", "float", "floor")
_FOR_TYPES_ALONE = ("collections.abc", "typing", "__future__")  # modules whose names only annotate


class Unsupported(Exception):
    """py2many says that it does not translate this."""


class _Prepare(ast.NodeTransformer):
    """`list[int]` as `List[int]`; imports that serve annotations alone are left out, they would become crates."""

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.value, ast.Name) and node.value.id in _GENERICS:
            node.value.id = _GENERICS[node.value.id]
        return node

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST | None:
        return None if node.module in _FOR_TYPES_ALONE else node


def prepared(source: str) -> str:
    """The program as py2many wants to read it.

    Raises:
        SyntaxError: no Python.
    """
    tree = _Prepare().visit(ast.parse(source))
    return "from typing import Dict, List, Set, Tuple\n" + ast.unparse(tree)


def transpile(source: str) -> str:
    """The program as a Rust module of edition 2021.

    Raises:
        Unsupported: a construct that py2many refuses.
        Exception: anything else, where it breaks on the program.
    """
    _fill_gaps()
    try:
        (rust,), _ = cli._transpile([Path("program.py")], [prepared(source)], settings(_SETTINGS), _SETTINGS, _suppress_exceptions=None)
    except Exception as error:  # noqa: BLE001 - a refusal or a fault of py2many, told apart below
        refusal = error.__cause__ if isinstance(error, NotImplementedError) and error.__cause__ else error
        if isinstance(refusal, (AstErrorBase, NotImplementedError)):
            raise Unsupported(_first_line(error)) from None
        raise refusal from None
    return "\n".join(line for line in rust.splitlines() if not line.lstrip().startswith(("//!", "#![")) and line.strip()) + "\n"


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0][:200]


def _fill_gaps() -> None:
    """Change py2many's tables once; afterwards this does nothing."""
    if "Tuple" in inference.RUST_CONTAINER_TYPE_MAP:
        return
    py2many_quick.quicken()
    led(_Prepare)
    inference.RUST_CONTAINER_TYPE_MAP["Tuple"] = "Tuple"
    clike.CLikeTranspiler._combine_value_index = classmethod(_combined)
    for name in _CASTS:
        plugins.SMALL_DISPATCH_MAP[name] = _in_parentheses(plugins.SMALL_DISPATCH_MAP[name])
    rust_ast.RustTreeSitterNode.parse = classmethod(lambda cls, source: cls(source))  # it parses every fragment and looks at none


def _combined(cls: type, value_type: str, index_type: Any) -> str:
    inner = ", ".join(index_type) if isinstance(index_type, list) else index_type
    return f"({inner},)" if value_type == "Tuple" else f"{value_type}<{inner}>"


def _in_parentheses(write: Callable[..., str]) -> Callable[..., str]:
    return lambda node, arguments: f"({write(node, arguments)})"
