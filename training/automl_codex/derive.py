"""Writing a program out of the grammar: scopes, liveness, names. Which rule is taken is for a `Chooser` to say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Protocol

from automl_codex.grammar import Grammar, Options
from automl_codex.templates import Context, Hole, Rule

# Parameters of the function that a program is about, by how often each type is drawn. The first is an int: conditions and
# accumulators start from it; the second something to run over.
COLLECTIONS = ("ints", "ints", "ints", "str", "strs", "dict")
PARAMETER_TYPES = ("int", "int", "str", "str", "ints", "ints", "strs", "dict", "float", "bool")
NODES = (40, 90)  # a program stops growing at a size drawn from this range, in nodes of the syntax tree; gives 10 to 15 lines
UNITS = (0, 0, 0, 1, 1, 2)  # functions and classes beside the main function
OVERDRAFT = -100  # nodes that an expression may go beyond that before it has to end
MUTABLE = frozenset(("int", "str", "ints", "strs", "dict", "set", "float", "box"))  # types of which a rule may change a variable
CHANGEABLE_PARAMETERS = frozenset(("int", "str", "float"))  # changing another would change the caller's value
RETURNED = frozenset(("int", "float", "bool", "str", "ints", "strs", "dict", "set", "pair"))

# Symbols that have no rules of their own: the writer knows what stands there.
_SPECIAL = frozenset(("block0", "block1", "block2", "body_main", "body_int", "body_str", "parameters", "returned", "result", "results", "type", "types"))

_NAMES = {
    "int": ("count", "total", "size", "limit", "index", "score", "width", "level", "amount", "step", "offset", "value", "left", "right", "depth", "rank"),
    "float": ("ratio", "weight", "rate", "mean", "scale", "delta", "price"),
    "bool": ("found", "valid", "ready", "active", "done", "empty"),
    "str": ("name", "text", "word", "label", "line", "token", "title", "key", "prefix", "suffix"),
    "ints": ("values", "numbers", "items", "scores", "sizes", "data", "queue", "steps"),
    "strs": ("names", "words", "lines", "labels", "tokens", "parts"),
    "dict": ("counts", "table", "mapping", "stock", "lookup", "index_of"),
    "set": ("seen", "unique", "visited", "chosen", "ids"),
    "pair": ("pair", "entry", "record", "node"),
    "opt": ("match", "first", "candidate", "hit"),
    "box": ("box", "store", "cart", "pool"),
    "handle": ("handle", "session", "source", "stream"),
    "exception": ("error", "problem"),
    "cls_box": ("Box", "Store", "Cart", "Pool", "Ledger"),
    "cls_handle": ("Handle", "Session", "Source", "Stream"),
    "main": ("solve", "compute", "process", "evaluate", "summarise", "transform", "run", "measure", "combine", "analyse"),
}
_FUNCTION_NAMES = ("helper", "adjust", "merge", "scan", "update", "check", "reduce", "expand", "pick", "shift", "fold", "score_of", "make", "visit", "convert")


class Chooser(Protocol):
    """Takes one of several rules; `above` are the labels over the place, `parent` the number of the rule around it (-1: none)."""

    def choose(self, options: Options, above: Context, parent: int) -> Rule: ...

    def written(self, rule: Rule, above: Context, nodes: int) -> None:
        """A rule that was chosen now stands there with everything below it, of so many nodes."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A written program: its text, the same with numbered names, the entry function and its parameter types."""

    source: str
    normal: str
    entry: str
    parameters: tuple[str, ...]


class Writer:
    """Derives programs of one grammar; every program is a new `write()`."""

    def __init__(self, grammar: Grammar, chooser: Chooser, rng: Random, max_depth: int, nodes: tuple[int, int] = NODES, units: Sequence[int] = UNITS) -> None:
        self._nodes, self._unit_counts = nodes, units
        self._grammar, self._chooser, self._rng, self._random, self._max_depth = grammar, chooser, rng, rng.random, max_depth
        self._types, self._pools = grammar.types, grammar.pools

    def write(self) -> Draft:
        """One program: imports, up to three units (functions, classes), and the function that is run."""
        self._out: list[str] = []
        self._names: dict[str, str] = {}
        self._readable: dict[str, list[str]] = {}
        self._changeable: dict[str, list[str]] = {}
        self._unread: dict[str, str] = {}
        self._written_units: list[tuple[str, str]] = []
        self._mask = 0
        self._room = self._rng.randint(*self._nodes)
        above = ("Module",)
        for name in ("math", "Iterator"):
            if self._grammar.rules.get(f"import_{name}") and self._random() < 0.35:
                self._forced(f"import_{name}", above)
                self._out.append("\n")
                self._declare(name, name, changeable=False)
        if self._out:
            self._out.append("\n")
        self._units(above)
        parameters = self._main(above)
        names = self._final_names()
        entry = self._entry
        return Draft("".join([names.get(part, part) for part in self._out]) + "\n", "".join(self._out), names[entry], parameters)

    # -- parts of a program --------------------------------------------------------------------------------

    def _units(self, above: Context) -> None:
        wanted = self._rng.choice(self._unit_counts)
        written: set[int] = set()
        for _ in range(wanted):
            options = self._grammar.options("unit", self._max_depth, self._mask)
            options = _without(options, written | ({rule.number for rule in options.rules if "async" in rule.template}))
            if options.rules:
                written.add(self._unit(options, above))
        asynchronous = [rule for rule in self._grammar.rules.get("unit", ()) if "async" in rule.template]
        if asynchronous and self._random() < 0.08:
            self._unit(Options((asynchronous[0],), (1.0,)), above)

    def _unit(self, options: Options, above: Context) -> int:
        rule, exported = self._take(options, above, self._max_depth)
        self._out.append("\n\n\n")
        for name, want in exported:
            self._declare(name, want, changeable=False)
            self._written_units.append((name, want))
        self._unread.clear()
        return rule.number

    def _main(self, above: Context) -> tuple[str, ...]:
        first, others = (tuple(kind for kind in kinds if self._grammar.rules.get(f"parameter_{kind}")) for kinds in (COLLECTIONS, PARAMETER_TYPES))
        self._parameters = ("int", self._rng.choice(first), *(self._rng.choice(others) for _ in range(self._rng.choice((1, 1, 2, 2, 3)))))
        self._unread.clear()
        self._room = max(self._room, self._nodes[0])
        self._forced("main_async" if self._readable.get("f_async") else "main", above)
        return self._parameters

    def _forced(self, symbol: str, above: Context, given: str = "", level: int = 0) -> None:
        """Write one of the rules that a symbol has, whatever depth is left."""
        self._take(self._grammar.options(symbol, self._max_depth, self._mask), above, self._max_depth, level, given)

    def _take(
        self, options: Options, above: Context, depth: int, level: int = 0, given: str = "", strength: int = 0, parent: int = -1
    ) -> tuple[Rule, list[tuple[str, str]]]:
        """Choose a rule and write it with all below it; the rule, and the variables that stay in scope behind it."""
        rule = self._chooser.choose(options, above, parent)
        room = self._room
        exported = self._rule(rule, above, depth, level, given, strength)
        self._chooser.written(rule, above, room - self._room)
        return rule, exported

    def _special(self, hole: Hole, above: Context, level: int, scope: Sequence[tuple[str, str]]) -> None:
        """Write a symbol of `_SPECIAL`: a body, a block, parameters, results."""
        want = hole.want
        if want.startswith("block"):
            self._block(want[-1], above, level, scope)
        elif want.startswith("body_"):
            self._body(want, above, level, scope)
        elif want == "parameters":
            for place, kind in enumerate(self._parameters):
                name = self._new_name(kind)
                self._out.append(", " if place else "")
                self._forced(f"parameter_{kind}", above, name)
                self._declare(name, kind, changeable=kind in CHANGEABLE_PARAMETERS and not self._grammar.fixed_parameters)
                self._unread[name] = kind
        elif want == "returned":  # what is returned is known once the body stands
            self._returned_at, self._returned_above = len(self._out), above
        elif want in ("result", "type"):
            self._item(want, self._results[0], above)
        else:
            for place, item in enumerate(self._results[1:]):
                self._out.append(", " if place else "")
                self._item(want[:-1], item, above)

    def _item(self, what: str, item: tuple[str, str], above: Context) -> None:
        name, kind = item
        self._forced(f"{what}_{kind}", above, name)

    def _body(self, want: str, above: Context, level: int, scope: Sequence[tuple[str, str]]) -> None:
        """A function's statements and its return; nothing that was computed is lost."""
        for name, kind in scope:
            self._declare(name, kind, changeable=kind in CHANGEABLE_PARAMETERS and not self._grammar.fixed_parameters)
            self._unread[name] = kind
        main = want == "body_main"
        step = "\n" + "    " * level
        mine: list[tuple[str, str]] = []
        first = self._grammar.rules["stmt0"][0]  # an int that changes: what the rest can be folded into
        self._statement(Options((first,), (1.0,)), above, level, mine)
        count = self._rng.randint(3, 8) if main else self._rng.randint(0, 2)
        for _ in range(count):
            if self._room <= 0:
                break
            self._out.append(step)
            self._statement(self._statements("stmt0"), above, level, mine)
        if main:
            self._use_units(above, level, mine)
        several = main and self._grammar.rules.get("result_many")
        kept = {name for name, kind in mine if kind in RETURNED} if several else {mine[0][0]}
        for kind, names in list(self._changeable.items()):
            for name in set(names) - kept:
                self._forget(self._changeable, 2, name, kind)
        self._fold([item for item in self._unread.items() if item[0] not in kept], above, level)
        self._out.append(step)
        if main:
            self._return_main([item for item in mine if item[0] in kept], above, level)
        else:
            self._forced(f"return_{want[5:]}", above, mine[0][0], level)
        self._undeclare([*mine, *scope])

    def _use_units(self, above: Context, level: int, mine: list[tuple[str, str]]) -> None:
        """Call every unit where its result is sure to be returned: code that never runs holds no defect that a run could show."""
        for name, kind in self._written_units:
            if self._grammar.rules.get(f"use_{kind}"):
                group = self._readable[kind]
                others, group[:] = group[:], [name]
                self._out.append("\n" + "    " * level)
                self._statement(self._grammar.options(f"use_{kind}", self._max_depth, self._mask), above, level, mine)
                group[:] = others

    def _return_main(self, results: list[tuple[str, str]], above: Context, level: int) -> None:
        self._results = results
        self._forced("result_many" if len(results) > 1 else "result_one", above, "", level)
        body, self._out = self._out, []
        if len(results) > 1:
            self._forced("type_many", self._returned_above)
        else:
            self._forced(f"type_{results[0][1]}", self._returned_above)
        self._out = [*body[: self._returned_at], *self._out, *body[self._returned_at :]]

    def _block(self, loops: str, above: Context, level: int, scope: Sequence[tuple[str, str]]) -> None:
        """One to three statements; what they leave unread is folded into a variable from outside."""
        step = "\n" + "    " * level
        for name, kind in scope:
            self._declare(name, kind, changeable=False)
            self._unread[name] = kind
        mine: list[tuple[str, str]] = []
        for place in range(self._rng.choice((1, 1, 2, 2, 3))):
            if place and self._room <= 0:
                break
            if place:
                self._out.append(step)
            self._statement(self._statements(f"stmt{loops}"), above, level, mine)
        self._fold([*scope, *mine], above, level)
        self._undeclare([*scope, *mine])

    def _fold(self, items: Sequence[tuple[str, str]], above: Context, level: int) -> None:
        """Fold what nobody has read into a variable that stays; the items themselves are at their end and change no more."""
        for name, kind in items:
            self._forget(self._changeable, 2, name, kind)
        for name, kind in items:
            if name in self._unread and self._grammar.options(f"sink_{kind}", 0, self._mask).rules:
                self._out.append("\n" + "    " * level)
                self._forced(f"sink_{kind}", above, name, level)
                self._unread.pop(name, None)

    def _statements(self, symbol: str) -> Options:
        return self._grammar.options(symbol, max(self._max_depth if self._room > 0 else 0, 1), self._mask)

    def _statement(self, options: Options, above: Context, level: int, mine: list[tuple[str, str]]) -> None:
        for name, kind in self._take(options, above, self._max_depth, level)[1]:
            self._declare(name, kind, changeable=kind in MUTABLE)
            self._unread[name] = kind
            mine.append((name, kind))

    # -- rules ---------------------------------------------------------------------------------------------

    def _rule(self, rule: Rule, above: Context, depth: int, level: int, given: str = "", strength: int = 0) -> list[tuple[str, str]]:
        """Write a rule; returns the variables that stay in scope behind it."""
        self._room -= len(rule.chains)
        out = self._out
        keys: dict[str, tuple[str, str]] = {}
        changed: list[tuple[str, str]] = []
        exported: list[tuple[str, str]] = []
        alone = len(rule.parts) == 1  # «cond» for a bool: what stands there must bind as strongly as asked of the rule
        weak = rule.strength < strength
        if weak:
            out.append("(")
        for part in rule.at(level) if level else rule.parts:
            if isinstance(part, str):
                self._out.append(part)
            elif part.kind == "symbol":
                self._hole(part, rule, above, depth, level, keys, strength if alone else 0)
            elif part.kind == "pool":
                pool = self._pools[part.want]
                self._out.append(pool[int(self._random() * len(pool))])
            elif part.kind == "read":
                self._out.append(self._read(part.want))
            elif part.kind == "name":
                name = self._binding(part.want, rule, keys)
                self._unread.pop(name, None)
                self._out.append(name)
            elif part.kind == "given":
                self._out.append(given)
            else:
                if part.kind == "new":
                    name = self._binding(part.key, rule, keys)
                    if part.exported:
                        exported.append((name, part.want))
                else:
                    group = self._changeable[part.want]
                    name = group[int(self._random() * len(group))]
                    changed.append((name, part.want))
                    keys[part.key] = (name, part.want)
                self._out.append(name)
        if weak:
            self._out.append(")")
        for name, kind in changed:
            self._unread[name] = kind
        return exported

    def _hole(self, hole: Hole, rule: Rule, above: Context, depth: int, level: int, keys: dict[str, tuple[str, str]], strength: int) -> None:
        scope = self._scope(hole, rule, keys) if hole.scope else []
        context = hole.context(above)
        if hole.want in _SPECIAL:
            self._special(hole, context, level + hole.level, scope)
            return
        for name, kind in scope:
            self._declare(name, kind, changeable=False)
            self._unread[name] = kind
        options = self._grammar.options(hole.want, depth - 1 if self._room > OVERDRAFT else 0, self._mask)
        self._take(options, context, depth - 1, 0, "", max(hole.strength, strength), rule.number)
        for name, _ in scope:
            self._unread.pop(name, None)
        self._undeclare(scope)

    def _scope(self, hole: Hole, rule: Rule, keys: dict[str, tuple[str, str]]) -> list[tuple[str, str]]:
        for key in hole.scope:
            self._binding(key, rule, keys)
        return [keys[key] for key in hole.scope]

    def _binding(self, key: str, rule: Rule, keys: dict[str, tuple[str, str]]) -> str:
        """The variable that stands for a key of the rule; in a comprehension its use comes before the text that introduces it."""
        if key not in keys:
            want = next(part.want for part in rule.parts if isinstance(part, Hole) and part.kind == "new" and part.key == key)
            keys[key] = (self._new_name(want), want)
        return keys[key][0]

    # -- variables -----------------------------------------------------------------------------------------

    def _read(self, want: str) -> str:
        """A variable of a type, one that nobody has read yet more often than others."""
        group = self._readable[want]
        name = group[int(self._random() * len(group))]
        if self._random() < 0.7:
            name = next((other for other in reversed(group) if other in self._unread), name)
        self._unread.pop(name, None)
        return name

    def _new_name(self, want: str) -> str:
        name = f"v{len(self._names)}_"
        self._names[name] = want
        if want == "main":
            self._entry = name
        return name

    def _declare(self, name: str, want: str, *, changeable: bool) -> None:
        place = self._types.get(want)
        if place is None:
            return
        self._readable.setdefault(want, []).append(name)
        self._mask |= 1 << 2 * place
        if changeable:
            self._changeable.setdefault(want, []).append(name)
            self._mask |= 2 << 2 * place

    def _undeclare(self, items: Sequence[tuple[str, str]]) -> None:
        for name, want in items:
            self._forget(self._readable, 1, name, want)
            self._forget(self._changeable, 2, name, want)
            self._unread.pop(name, None)

    def _forget(self, groups: dict[str, list[str]], bit: int, name: str, want: str) -> None:
        group = groups.get(want)
        if group and name in group:
            group.remove(name)
            if not group:
                self._mask &= ~(bit << 2 * self._types[want])

    def _final_names(self) -> dict[str, str]:
        """Readable names for the numbered ones, each used once in the program."""
        names: dict[str, str] = {}
        taken: set[str] = set()
        for numbered, want in self._names.items():
            pool = _NAMES.get(want, _FUNCTION_NAMES)
            name = pool[int(self._random() * len(pool))]
            for _ in range(3):
                name = name if name not in taken else pool[int(self._random() * len(pool))]
            if name in taken:
                name = f"{name}{len(taken)}"
            taken.add(name)
            names[numbered] = name
        return names


def _without(options: Options, numbers: set[int]) -> Options:
    kept = [rule for rule in options.rules if rule.number not in numbers]
    sums: list[float] = []
    for rule in kept:
        sums.append((sums[-1] if sums else 0.0) + rule.weight)
    return Options(tuple(kept), tuple(sums))


def lines_of(source: str) -> Iterator[str]:
    """Lines that hold something."""
    return (line for line in source.splitlines() if line.strip())
