"""The grammar as values: rules by symbol, and which of them may be used with the depth and the variables at hand."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import accumulate

from automl_codex import rules_core, rules_python
from automl_codex.templates import EXPRESSION, PARAMETER, STATEMENT, Hole, Rule, compile_rule
from codex_gate.errors import InternalError, UsageError

FALLBACK = "fallback"  # the feature of productions that are used only where no other can be
ALWAYS = frozenset(("core", FALLBACK))
Line = tuple[str, float, str, str, str]  # symbol, weight, feature, template, form


@dataclass(frozen=True, slots=True, eq=False)
class Options:
    """Rules that may be chosen at a place, with their running sums of weights."""

    rules: tuple[Rule, ...]
    sums: tuple[float, ...]

    @property
    def weights(self) -> tuple[float, ...]:
        return tuple(rule.weight for rule in self.rules)


@dataclass(frozen=True, eq=False)
class Grammar:
    """Rules by symbol, literals by pool. `features` are those switched on; a rule of another feature is not used; with `fixed_parameters` no parameter is assigned to."""

    name: str
    rules: Mapping[str, tuple[Rule, ...]]
    pools: Mapping[str, Sequence[str]]
    features: frozenset[str]
    types: Mapping[str, int] = field(default_factory=dict)
    heights: Mapping[str, int] = field(default_factory=dict)
    fixed_parameters: bool = False
    _options: dict[tuple[str, int, int], Options] = field(default_factory=dict)
    _wanted: dict[str, tuple[int, list[tuple[Rule, int, int]]]] = field(default_factory=dict)

    @classmethod
    def of(cls, name: str, lines: Iterable[Line], pools: Mapping[str, Sequence[str]]) -> Grammar:
        """Compile a table of productions.

        Raises:
            InternalError: a template that is no Python, a symbol without rules, or one that never ends.
        """
        rules: dict[str, list[Rule]] = {}
        for number, (symbol, weight, feature, template, form) in enumerate(lines):
            rules.setdefault(symbol, []).append(compile_rule(number, symbol, weight, feature, template, pools, form))
        every = [rule for group in rules.values() for rule in group]
        types = {want: place for place, want in enumerate(sorted({want for rule in every for want in (*rule.needs, *rule.changes)}))}
        frozen = {symbol: tuple(group) for symbol, group in rules.items()}
        return cls(name, frozen, pools, frozenset(rule.feature for rule in every), types, _heights(frozen))

    def only(self, features: Collection[str]) -> Grammar:
        """The grammar with no features but these and those that are always on.

        Raises:
            UsageError: a feature that it does not have.
        """
        if unknown := sorted(frozenset(features) - self.features):
            raise UsageError(f"the grammar {self.name} has no feature {unknown[0]}; it has {', '.join(sorted(self.features))}")
        kept = frozenset(features) | ALWAYS
        rules = {symbol: tuple(rule for rule in group if rule.feature in kept) for symbol, group in self.rules.items()}
        return Grammar(self.name, rules, self.pools, kept, self.types, _heights(rules), self.fixed_parameters)

    def with_weights(self, factors: Mapping[str, float], pools: Mapping[str, Sequence[str]]) -> Grammar:
        """The grammar with the weights of some features multiplied and some pools replaced."""
        lines = [
            (rule.symbol, rule.weight * factors.get(rule.feature, 1.0), rule.feature, rule.template, form_of(rule.symbol))
            for rule in sorted((rule for group in self.rules.values() for rule in group), key=lambda rule: rule.number)
        ]
        return replace(Grammar.of(self.name, lines, {**self.pools, **pools}), fixed_parameters=self.fixed_parameters)

    def options(self, symbol: str, depth: int, variables: int) -> Options:
        """Rules for a symbol of which no branch needs more than `depth` further steps; the shallowest if there is none.

        `variables` is a bit mask: bit 2·t for a readable variable of type number t, bit 2·t + 1 for one that may be changed.
        """
        wanted, entries = self._wanted.get(symbol) or self._prepare(symbol)
        key = (symbol, depth, variables & wanted)
        found = self._options.get(key)
        if found is None:
            usable = [(rule, height) for rule, missing, height in entries if not missing & ~variables]
            limit = max(depth, min((height for _, height in usable), default=0))
            near = [rule for rule, height in usable if height <= limit]
            rules = tuple([rule for rule in near if rule.feature != FALLBACK] or near)
            found = self._options[key] = Options(rules, tuple(accumulate(rule.weight for rule in rules)))
        return found

    def _prepare(self, symbol: str) -> tuple[int, list[tuple[Rule, int, int]]]:
        """For a symbol: bits of all variables that its rules ask about; each rule with its own and its height."""
        entries = [(rule, self._missing(rule), _height(rule, self.heights)) for rule in self.rules.get(symbol, ())]
        wanted = 0
        for _, missing, _ in entries:
            wanted |= missing
        self._wanted[symbol] = wanted, entries
        return wanted, entries

    def _missing(self, rule: Rule) -> int:
        return sum(1 << 2 * self.types[want] for want in rule.needs) | sum(2 << 2 * self.types[want] for want in rule.changes)


def form_of(symbol: str) -> str:
    """What a symbol of the Python grammar stands for: a statement, a parameter, or else an expression."""
    if symbol.startswith("parameter_"):
        return PARAMETER
    return STATEMENT if symbol in _statement_symbols() else EXPRESSION


def _height(rule: Rule, heights: Mapping[str, int]) -> int:
    return max((heights.get(symbol, 0) + 1 for symbol in rule.symbols), default=0)


def _heights(rules: Mapping[str, Sequence[Rule]]) -> dict[str, int]:
    """Fewest steps in which each symbol surely ends: by rules that need no variable to be in scope.

    A symbol whose every rule needs one, as a statement may, counts by those. Symbols that the generator expands itself count 0.
    """
    free = {symbol: [rule for rule in group if not rule.needs and not rule.changes] or list(group) for symbol, group in rules.items() if group}
    never = len(rules) + 1
    heights = dict.fromkeys(free, never)
    changed = True
    while changed:
        changed = False
        for symbol in heights:
            low = min(_height(rule, heights) for rule in free[symbol])
            if low < heights[symbol]:
                heights[symbol], changed = low, True
    if endless := sorted(symbol for symbol, height in heights.items() if height >= never):
        raise InternalError(f"the symbol {endless[0]} of the grammar never ends")
    return heights


def _table(text: str, form: str) -> Iterable[Line]:
    """Lines of a table of one-line productions, or of heads with an indented block below each."""
    blocks: list[tuple[str, list[str]]] = []
    for line in text.strip("\n").splitlines():
        if line.startswith("    ") or not line:
            blocks[-1][1].append(line[4:])
        else:
            blocks.append((line, []))
    for head, body in blocks:
        symbols, weight_feature, *inline = (cell.strip() for cell in head.split(" | ", 2))
        weight, feature = weight_feature.split()
        for symbol in symbols.split():
            yield symbol, float(weight), feature, inline[0] if inline else "\n".join(body).rstrip(), form


@cache
def _statement_symbols() -> frozenset[str]:
    return frozenset(line[0] for line in _table(rules_python.STATEMENTS, STATEMENT))


@cache
def python() -> Grammar:
    """The typed Python grammar, with every feature."""
    tables = ((rules_python.EXPRESSIONS, EXPRESSION), (rules_python.STATEMENTS, STATEMENT), (rules_python.PARAMETERS, PARAMETER))
    return Grammar.of("python", [line for text, form in tables for line in _table(text, form)], rules_python.POOLS)


@cache
def python_core() -> Grammar:
    """The part of the grammar whose Rust compiles, with one whole number as the result."""
    whole = python()
    kept = [(rule.symbol, rule.weight, rule.feature, rule.template, form_of(rule.symbol)) for group in whole.rules.values() for rule in group if _in_core(rule)]
    return replace(Grammar.of("python-core", [*kept, *_table(rules_core.EXPRESSIONS, EXPRESSION)], whole.pools), fixed_parameters=True)


def _in_core(rule: Rule) -> bool:
    typed = [part.want for part in rule.parts if isinstance(part, Hole) and part.kind not in ("pool", "name", "given")]
    known = rule.feature in rules_core.FEATURES and rules_core.PLACES.issuperset((rule.symbol, *typed))
    return known and not any(form in rule.template for form in rules_core.FORMS)


GRAMMARS = {"python": python, "python-core": python_core}


def named(name: str) -> Grammar:
    """A grammar by its name.

    Raises:
        UsageError: there is none of that name.
    """
    if name not in GRAMMARS:
        raise UsageError(f"no grammar {name}; there are {', '.join(sorted(GRAMMARS))}")
    return GRAMMARS[name]()
