"""A visitor that is led gives what it gives by itself."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from random import Random

import pytest

from automl_codex import grammar, visitors
from automl_codex.sampling import STRATEGIES


def programs(count: int = 25) -> Iterator[str]:
    for name in grammar.GRAMMARS:
        for draft in islice(STRATEGIES["coverage"]().drafts(grammar.named(name), Random(3), 0, 4), count):
            yield draft.source
    yield "@a(b)\nclass C(D, e=f):\n    x: int = 1\n    async def g(self, *h, i: j = k, **l) -> m:\n        async with n as o, p: await q\n        try: raise r from s\n        except t as u: del v[w:x]\n        else: global y\n"
    yield "match a:\n    case [B(c=1), *d] if e: f = lambda g, h=1: (yield)\n    case {'i': j, **k}: assert l, m\nnonlocal_ = {n: o for p in q if r for s in t}, f'{u!r:>{v}}', (w := 1)\n"


def _upper(base: type[ast.NodeTransformer]) -> type[ast.NodeTransformer]:
    class Upper(base):  # type: ignore[valid-type, misc]
        def visit_Name(self, node: ast.Name) -> ast.AST:
            node.id = node.id.upper()
            return node

        def visit_Constant(self, node: ast.Constant) -> ast.AST:
            return ast.Name("NUMBER", ast.Load()) if isinstance(node.value, int) else node

    return Upper


def _statements(base: type[ast.NodeTransformer]) -> type[ast.NodeTransformer]:
    class Statements(base):  # type: ignore[valid-type, misc]
        def visit_AugAssign(self, node: ast.AugAssign) -> None:
            return None

        def visit_Assign(self, node: ast.Assign) -> list[ast.stmt]:
            return [node, ast.Pass()]

        def visit_If(self, node: ast.If) -> ast.AST:
            self.generic_visit(node)
            return ast.While(node.test, node.body or [ast.Pass()], node.orelse)

        def visit_Return(self, node: ast.Return) -> ast.AST:
            return ast.Return(None)

    return Statements


def _dropped(base: type[ast.NodeTransformer]) -> type[ast.NodeTransformer]:
    class Dropped(base):  # type: ignore[valid-type, misc]
        def visit_keyword(self, node: ast.keyword) -> None:
            return None

        def visit_Lambda(self, node: ast.Lambda) -> ast.AST:
            return self.generic_visit(node)

        def visit_Add(self, node: ast.Add) -> ast.AST:
            return ast.Sub()

    return Dropped


@pytest.mark.parametrize("make", [_upper, _statements, _dropped])
def test_a_transformer_changes_the_same(make: type[ast.NodeTransformer]) -> None:
    plain, led = make(ast.NodeTransformer), make(ast.NodeTransformer)
    visitors.led(led)
    changed = 0
    for source in programs():
        one, other = (ast.dump(kind().visit(ast.parse(source))) for kind in (plain, led))
        assert one == other
        changed += one != ast.dump(ast.parse(source))
    assert changed > 20


def test_a_visitor_sees_the_same_in_the_same_order() -> None:
    def sees() -> type[ast.NodeVisitor]:
        class Sees(ast.NodeVisitor):
            def __init__(self) -> None:
                self.seen: list[str] = []

            def visit_Call(self, node: ast.Call) -> None:
                self.seen.append(ast.dump(node))
                self.generic_visit(node)

            def visit_For(self, node: ast.For) -> None:
                self.seen.append(ast.dump(node))

        return Sees

    plain, led = sees(), sees()
    visitors.led(led)
    for source in programs():
        one, other = plain(), led()
        for visitor in (one, other):
            visitor.visit(ast.parse(source))
        assert one.seen == other.seen  # type: ignore[attr-defined]


def test_a_visitor_of_old_constants_still_gets_them() -> None:
    found: list[str] = []

    class Texts(ast.NodeVisitor):
        def visit_Str(self, node: ast.Constant) -> None:
            found.append(node.value)

    visitors.led(Texts)
    with pytest.warns(DeprecationWarning, match="visit_Str"):
        Texts().visit(ast.parse("a = 'b' + c(1, 'd')"))
    assert found == ["b", "d"]


def test_a_walk_leaves_out_marks_alone() -> None:
    marks = (ast.expr_context, ast.operator, ast.unaryop, ast.cmpop, ast.boolop)
    for source in programs():
        tree = ast.parse(source)
        assert Counter(map(id, visitors.walk(tree))) == Counter(id(node) for node in ast.walk(tree) if not isinstance(node, marks))
