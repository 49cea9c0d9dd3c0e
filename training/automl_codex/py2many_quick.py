"""The passes of py2many as they are, at a third of their time.

It goes through a program some forty times, and most of a pass is spent at nodes where it has nothing to do: at the context of a name, at an operator, in expressions where it looks
for statements. What a pass looks for its class tells, what can lie below a node the grammar of Python tells; so a pass is led past what it would leave as it is. Two passes that mark
every node are written anew, and what is looked up again and again by the same name is kept. What comes out is the same, byte for byte; a test compares the two.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from typing import Any

from py2many import ast_helpers, clike, context, rewriters, scope
from py2many.pyrs import rust_ast, transpiler

from automl_codex.visitors import Plan, Visit, children, dispatch, generic_change, led

_SCOPES = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.Lambda, ast.For, ast.If, ast.With)
_NAMED: Mapping[type, str] = {ast.Name: "id", ast.arg: "arg", ast.alias: "name", ast.FunctionDef: "name", ast.ClassDef: "name"}
_DEFINITIONS = (ast.FunctionDef, ast.ClassDef)


# -- marking every node --------------------------------------------------------------------------------


def _add_scopes(node: ast.AST, scopes: scope.ScopeList = scope.ScopeList()) -> ast.AST:  # noqa: B008 - the empty one
    """What `scope.add_scope_context` does, with one list for all nodes of a scope."""
    if node.__class__ in _SCOPES:
        scopes = scope.ScopeList([*scopes, node])
    node.scopes = scopes  # type: ignore[attr-defined]
    for child in children(node):
        _add_scopes(child, scopes)
    return node


def _in_scope(handler: Visit) -> Visit:
    """A handler of a visitor that keeps `scopes`, as `scope.ScopeMixin.enter_scope` does."""

    def visit(self: Any, node: Any) -> Any:
        self.scopes.append(node)
        try:
            return handler(self, node)
        finally:
            self.scopes.pop()

    return visit


def _quicken_scoped(visitor: type[ast.NodeVisitor]) -> None:
    """The same for a visitor whose `visit` enters the scope of a node and does nothing else of its own."""
    plan = Plan(visitor)
    plan.generic_visit = visitor.generic_visit = generic_change(plan)  # type: ignore[assignment, method-assign]
    for kind in _SCOPES:
        plan.handlers[kind] = _in_scope(plan.handlers[kind])
    visitor.visit = dispatch(plan)  # type: ignore[assignment, method-assign]


# -- looking up names --------------------------------------------------------------------------------------


def _get_id(var: Any) -> Any:
    """`ast_helpers.get_id`."""
    field = _NAMED.get(var.__class__)
    if field:
        return getattr(var, field)
    return f"{_get_id(var.value)}.{var.attr}" if var.__class__ is ast.Attribute else None


def _find(self: list[Any], lookup: Any) -> Any:
    """`scope.ScopeList.find`; of the statements of a body definitions alone have a name."""
    for one in reversed(self):
        for attribute in ("vars", "body_vars", "orelse_vars"):
            for var in getattr(one, attribute, ()):
                field = _NAMED.get(var.__class__)
                if (getattr(var, field) if field else _get_id(var)) == lookup:
                    return var
        body = getattr(one, "body", ())
        if body.__class__ is not list and not isinstance(body, Iterable):
            return None
        for statement in body:
            if statement.__class__ in _DEFINITIONS:
                if statement.name == lookup:
                    return statement
            elif lookup is None:
                return statement
    return None


def _kept(function: Callable[..., Any]) -> Callable[..., Any]:
    """`clike.class_for_typename`, which evaluates a name each time; without names of the program's own the answer is always the same."""
    known = cache(function)

    def class_for_typename(typename: Any, default_type: Any, locals: Any = None) -> Any:
        return function(typename, default_type, locals) if locals or not isinstance(typename, str) else known(typename, default_type)

    return class_for_typename


def _replace(old: Any, new: Any) -> None:
    """Put `new` wherever a module of py2many holds `old` under its own name."""
    name = str(old.__name__)
    for module in [module for path, module in sys.modules.items() if path.startswith("py2many")]:
        if getattr(module, name, None) is old:
            setattr(module, name, new)


def _getattribute(self: Any, name: str) -> Any:
    """`RustTranspiler.__getattribute__`, for the names that are most asked for without a look at what they hold."""
    found = object.__getattribute__(self, name)
    if not name.startswith(("visit_", "_visit_")) or not callable(found):
        return found

    def visit(*arguments: Any, **named: Any) -> Any:
        made = found(*arguments, **named)
        return rust_ast.RustNode(made) if isinstance(made, str) else made

    return visit


class _Statements(ast.NodeVisitor):
    """What is asked of the statements of a tree, for which py2many goes through expressions as well."""

    checker = returns_self = False

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        self.checker |= node.module == "py2many.spec" and any(alias.name == "CHECKER" for alias in node.names)

    def visit_Return(self, node: ast.Return) -> None:
        self.returns_self |= isinstance(node.value, ast.Name) and node.value.id == "self"


def _imports_checker(self: Any, tree: ast.AST) -> bool:
    """`rewriters.CheckerBlockRemover._is_checker_import_from_spec`."""
    return _asked(tree).checker


def _returns_self(node: ast.AST) -> bool:
    """`transpiler._returns_self`."""
    return _asked(node).returns_self


def _asked(node: ast.AST) -> _Statements:
    asked = _Statements()
    asked.visit(node)
    return asked


def _visitors(of: type[ast.NodeVisitor]) -> Iterator[type[ast.NodeVisitor]]:
    """All classes of py2many below one; a transpiler is none that looks for something."""
    for kind in of.__subclasses__():
        if kind.__module__.startswith("py2many") and not issubclass(kind, clike.CLikeTranspiler):
            yield kind
        yield from _visitors(kind)


def quicken() -> None:
    """Change py2many once; afterwards this does nothing."""
    if scope.ScopeList.find is _find:
        return
    with_own = (scope.ScopeTransformer, context.LHSAnnotationTransformer, context.VariableTransformer)
    for visitor in [*_visitors(ast.NodeVisitor), _Statements]:
        if visitor not in with_own:
            led(visitor)
    _quicken_scoped(context.VariableTransformer)
    scope.ScopeList.find = _find
    transpiler.RustTranspiler.__getattribute__ = _getattribute
    rewriters.CheckerBlockRemover._is_checker_import_from_spec = _imports_checker
    _replace(transpiler._returns_self, _returns_self)
    _replace(scope.add_scope_context, _add_scopes)
    _replace(context.add_assignment_context, lambda node: node)  # nobody reads what it writes
    _replace(ast_helpers.get_id, _get_id)
    _replace(clike.class_for_typename, _kept(clike.class_for_typename))
