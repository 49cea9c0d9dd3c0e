"""Rules of a typed grammar, compiled from templates of the language itself.

A template is Python with holes between guillemets:

    «int»            an expression (or statement) of this symbol
    «int+x»          the same while the binding x is in scope
    «=small»         a literal of this pool
    «@int»           a variable of this type that is in scope
    «x:int»          a new variable; with «x!:int» it stays in scope behind the statement
    «x~int»          a variable in scope that may be changed, called x below
    «x»              the name of x again
    «$»              the name that whoever uses the rule gives

A template is an expression, one or more statements, or a parameter of a function; its `form` says which.

The template is parsed once with stand-ins in its holes. That gives each hole the labels of the nodes above it, so
that a generator knows the syntax-tree path of what it is about to write, and the binding strength that an expression
needs there to do without parentheses.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from automl_codex import paths
from codex_gate.errors import InternalError

Context = tuple[str, ...]  # labels of the nearest three nodes above, outermost first

EXPRESSION, STATEMENT, PARAMETER = "expression", "statement", "parameter"

_HOLE = re.compile("«([^»]*)»")
_STAND_IN = "hole{}_"

# Binding strength of expressions, loosest first, as in the table of operator precedence of Python's reference, §6.17.
_STRENGTH: dict[type[ast.AST], int] = {
    ast.NamedExpr: 0, ast.Yield: 0, ast.Lambda: 1, ast.IfExp: 2, ast.Compare: 6, ast.Starred: 7, ast.Await: 14,
}  # fmt: skip
_BINARY: dict[type[ast.AST], int] = {
    ast.Or: 3, ast.And: 4, ast.Not: 5, ast.BitOr: 7, ast.BitXor: 8, ast.BitAnd: 9, ast.LShift: 10, ast.RShift: 10, ast.Add: 11, ast.Sub: 11,
    ast.Mult: 12, ast.Div: 12, ast.FloorDiv: 12, ast.Mod: 12, ast.USub: 13, ast.UAdd: 13, ast.Invert: 13, ast.Pow: 14,
}  # fmt: skip
ATOM = 16
_PRIMARY = 15


@dataclass(frozen=True, slots=True, eq=False)
class Hole:
    """A place to fill: `kind` is one of symbol, pool, read, new, change, name, given; `want` the symbol, pool, type or binding.

    `scope` are the bindings that are visible in it, `level` how deep its line is indented within the template.
    """

    kind: str
    want: str
    key: str = ""
    scope: tuple[str, ...] = ()
    exported: bool = False
    level: int = 0
    strength: int = 0
    labels: tuple[str, ...] = ()
    following: dict[Context, Context] = field(default_factory=dict)

    def context(self, above: Context) -> Context:
        """The context of what fills this hole when the rule itself stands below `above`."""
        found = self.following.get(above)
        if found is None:
            found = self.following[above] = (above + self.labels)[-3:]
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """A production: what it expands, how often, for which feature; `parts` are text and holes in writing order.

    `strength` is how strongly the expression binds, `chains` the labels from the template's root down to each node
    that it brings itself, `needs` and `changes` the types of variables without which it cannot be used.
    """

    number: int
    symbol: str
    weight: float
    feature: str
    template: str
    parts: tuple[str | Hole, ...]
    strength: int
    chains: tuple[tuple[str, ...], ...]
    needs: frozenset[str]
    changes: frozenset[str]
    indented: dict[int, tuple[str | Hole, ...]] = field(default_factory=dict)

    @property
    def shape(self) -> tuple[object, ...]:
        """What it means for coverage: rules of one shape add the same labels and open the same places, as `min(…)` and `max(…)`."""
        return self.chains, tuple((part.labels, part.want) for part in self.parts if isinstance(part, Hole) and part.kind == "symbol")

    @property
    def symbols(self) -> tuple[str, ...]:
        """Symbols of its holes, in writing order."""
        return tuple(part.want for part in self.parts if isinstance(part, Hole) and part.kind == "symbol")

    def paths(self, above: Context) -> list[paths.Path]:
        """The k-paths, k = 2, 3, 4, that end in a node of the template itself when the rule stands below `above`."""
        found = []
        for own in self.chains:
            chain = above + own
            found += [chain[-4:], chain[-3:], chain[-2:]]  # of a chain that is too short the same again
        return [path for path in found if len(path) > 1]

    def at(self, level: int) -> tuple[str | Hole, ...]:
        """The parts with their lines indented by `level` steps more."""
        found = self.indented.get(level)
        if found is None:
            step = "\n" + "    " * level
            found = self.indented[level] = tuple(part.replace("\n", step) if isinstance(part, str) else part for part in self.parts)
        return found


def compile_rule(number: int, symbol: str, weight: float, feature: str, template: str, pools: Mapping[str, Sequence[str]], form: str = EXPRESSION) -> Rule:
    """A rule from its template; `pools` give the literals that a «=pool» hole stands for.

    Raises:
        InternalError: the template is no Python of that form, or a hole in it has no meaning.
    """
    pieces = _HOLE.split(template)
    specs = [_spec(text, template) for text in pieces[1::2]]
    bound = {spec.key for spec in specs if spec.kind in ("new", "change")}
    specs = [replace(s, kind="name") if s.kind == "symbol" and s.want in bound and not s.scope else s for s in specs]
    if unbound := {key for s in specs for key in s.scope} - bound:
        raise InternalError(f"{sorted(unbound)[0]} is bound nowhere in the template {template!r}")
    roots = _roots(template, specs, pools, form)
    chains, places = _walk(roots)
    parts: list[str | Hole] = []
    so_far = ""
    for place, text in enumerate(pieces):
        if place % 2:
            above, strength = places.get(place // 2, ((), 0))
            line = so_far.rpartition("\n")[2]
            level = (len(line) - len(line.lstrip(" "))) // 4
            parts.append(replace(specs[place // 2], labels=above, strength=strength, level=level, following={}))
            so_far += "x"
        elif text:
            parts.append(text)
            so_far += text
    needs, changes = (frozenset(s.want for s in specs if s.kind == kind) for kind in ("read", "change"))
    return Rule(number, symbol, weight, feature, template, tuple(parts), _own_strength(roots[0], form), chains, needs, changes)


def _spec(text: str, template: str) -> Hole:
    if text.startswith("="):
        return Hole("pool", text[1:])
    if text.startswith("@"):
        return Hole("read", text[1:])
    if text == "$":
        return Hole("given", "")
    head, *scope = text.split("+")
    for sign, kind in (("~", "change"), (":", "new")):
        key, found, want = head.partition(sign)
        if found:
            return Hole(kind, want, key.removesuffix("!"), (), key.endswith("!"))
    if not head:
        raise InternalError(f"a hole without a symbol in the template {template!r}")
    return Hole("symbol", head, "", tuple(scope))


def _roots(template: str, specs: Sequence[Hole], pools: Mapping[str, Sequence[str]], form: str) -> list[ast.AST]:
    """The top nodes of the template with stand-ins in its holes."""
    places = iter(enumerate(specs))

    def fill(_: re.Match[str]) -> str:
        place, spec = next(places)
        return pools[spec.want][0] if spec.kind == "pool" else _STAND_IN.format(place) if spec.kind == "symbol" else "name_"

    text = _HOLE.sub(fill, template)
    try:
        if form == EXPRESSION:
            return [ast.parse(text, mode="eval").body]
        if form == STATEMENT:
            return list(ast.parse(text).body)
        function = ast.parse(f"def name_({text}): pass").body[0]
    except SyntaxError as error:
        raise InternalError(f"a template that is no {form} of Python ({error.msg}): {text}") from None
    assert isinstance(function, ast.FunctionDef)
    return list(function.args.args)


def _hole_of(node: ast.AST) -> int | None:
    """The number of the hole that a node stands in for: an expression, a statement or a parameter."""
    if isinstance(node, ast.Expr):
        node = node.value
    name = node.id if isinstance(node, ast.Name) else node.arg if isinstance(node, ast.arg) else ""
    return int(name[4:-1]) if re.fullmatch(r"hole\d+_", name) else None


def _walk(roots: Sequence[ast.AST]) -> tuple[tuple[tuple[str, ...], ...], dict[int, tuple[tuple[str, ...], int]]]:
    """Chains of labels down to the template's own nodes; labels above each hole with the binding strength it asks for."""
    chains: list[tuple[str, ...]] = []
    places: dict[int, tuple[tuple[str, ...], int]] = {}
    todo: list[tuple[ast.AST, tuple[str, ...], int]] = [(node, (), 0) for node in roots]
    while todo:
        node, above, strength = todo.pop()
        place = _hole_of(node)
        if place is not None:
            places[place] = above, strength
            continue
        here = (*above, paths.label(node))
        chains.append(here)
        todo.extend((child, here, _asked(node, child)) for child in paths.children(node))
    return tuple(chains), places


def _own_strength(root: ast.AST, form: str) -> int:
    if form != EXPRESSION or not isinstance(root, ast.expr) or root.col_offset > 0:  # parenthesised in the template
        return ATOM
    return _strength(root)


def _strength(node: ast.AST) -> int:
    if isinstance(node, ast.BinOp | ast.BoolOp | ast.UnaryOp):
        return _BINARY[type(node.op)]
    return _STRENGTH.get(type(node), ATOM)


def _asked(parent: ast.AST, child: ast.AST) -> int:
    """What binding strength `child` needs below `parent` to stand there without parentheses."""
    own = _strength(parent)
    if isinstance(parent, ast.BinOp):
        groups_right = isinstance(parent.op, ast.Pow)
        return own + (child is (parent.left if groups_right else parent.right))
    if isinstance(parent, ast.BoolOp | ast.Compare | ast.Await):
        return own + 1
    if isinstance(parent, ast.UnaryOp | ast.Starred):
        return own
    if isinstance(parent, ast.IfExp):
        return own + (child is not parent.orelse)
    if isinstance(parent, ast.Attribute) or (isinstance(parent, ast.Subscript | ast.Call) and child is next(ast.iter_child_nodes(parent))):
        return _PRIMARY
    if isinstance(parent, ast.comprehension):
        return _STRENGTH[ast.IfExp] + 1
    return 1 if isinstance(parent, ast.expr | ast.keyword | ast.FormattedValue) else 0
