"""The five sampling strategies: which programs of the grammar are written next."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, partial
from itertools import accumulate, islice
from random import Random
from typing import Protocol
from zlib import crc32

from automl_codex import rules_python
from automl_codex.derive import Draft, Writer
from automl_codex.grammar import ALWAYS, Grammar, Options
from automl_codex.inputs import ANNOTATIONS
from automl_codex.templates import Context, Hole, Rule

SWARM_BATCH = 20  # programs that share one subset of features
SWARM_SHARE = 0.5  # of the features are in each subset (Groce et al. 2012: a coin for each)


class SamplingStrategy(Protocol):
    """Endless drafts for one partition; `partition` and `rng` alone decide which, so that partitions can be made anywhere."""

    def drafts(self, grammar: Grammar, rng: Random, partition: int, max_depth: int) -> Iterator[Draft]: ...


class ByWeight:
    """Each rule as often as its weight says."""

    def __init__(self, rng: Random) -> None:
        self._random = rng.random

    def choose(self, options: Options, above: Context, parent: int) -> Rule:
        sums = options.sums
        return options.rules[bisect(sums, self._random() * sums[-1])]

    def written(self, rule: Rule, above: Context, nodes: int) -> None:
        """Nothing is learnt."""


class ByCoverage:
    """Rules by their energy, which is high where new syntax-tree paths were found of late.

    What a rule adds below given three labels is fixed: the k-paths (k = 2, 3, 4) that end in its own nodes. So the coverage map
    costs no walk over trees: it grows when a (labels above, shape of rule) is met for the first time. Rules of one shape – the same labels,
    the same places below – count as one, and are taken by weight. The energy of a shape below given labels is a moving average of the squared
    rate of new paths per node in what was written there; a shape not yet met there has a high one, of a height that
    depends on the partition: it is low for nine tenths of all places, which are other partitions' territory, and what is found there brings nothing. So partitions
    that know nothing of each other go different ways.

    Compared with a corpus whose inputs are spliced (Aschermann et al. 2019, NAUTILUS), the feedback comes at every choice, not once a program.
    """

    def __init__(self, rng: Random, partition: int = 0) -> None:
        self._random = rng.random
        self._energies: dict[Context, dict[int, float]] = {}
        self._places: dict[Context, int] = {}
        self._own = partition % TERRITORIES
        self._hopes = [HOPE if place == self._own else STRAY for place in range(TERRITORIES)]
        self._shapes: dict[tuple[object, ...], int] = {}
        self._salts: list[int] = []
        self._shape_of: dict[int, int] = {}
        self._groups: dict[int, tuple[Options, list[tuple[int, float]], list[Options]]] = {}
        self._visited: set[tuple[Context, int]] = set()
        self._marks: list[int] = []
        self._found = 0
        self.paths: set[Context] = set()

    def choose(self, options: Options, above: Context, parent: int) -> Rule:
        below = self._energies.get(above)
        if below is None:
            below = self._energies[above] = {}
            self._places[above] = crc32("/".join(above).encode())
        _, shapes, rules = self._groups.get(id(options)) or self._group(options)
        place = 0
        here = self._places[above]
        if len(shapes) > 1:
            get, hopes, salts, count = below.get, self._hopes, self._salts, TERRITORIES
            sums = list(accumulate([(get(shape) or hopes[(here + salts[shape]) % count]) * prior for shape, prior in shapes]))
            place = bisect(sums, self._random() * sums[-1])
        shape, alike = shapes[place][0], rules[place]
        rule = alike.rules[0] if len(alike.rules) == 1 else alike.rules[bisect(alike.sums, self._random() * alike.sums[-1])]
        self._marks.append(self._found)
        if (above, shape) not in self._visited:
            self._visited.add((above, shape))
            known = len(self.paths)
            self.paths.update(rule.paths(above))
            if (here + self._salts[shape]) % TERRITORIES == self._own:
                self._found += len(self.paths) - known
        return rule

    def written(self, rule: Rule, above: Context, nodes: int) -> None:
        """Move the energy of what was chosen towards the rate of new paths that it led to."""
        rate = (self._found - self._marks.pop()) / max(nodes, 1)
        below, shape = self._energies[above], self._shape_of[rule.number]
        fresh = rate * rate + FLOOR
        old = below.get(shape)
        below[shape] = fresh if old is None else old + PACE * (fresh - old)

    def _group(self, options: Options) -> tuple[Options, list[tuple[int, float]], list[Options]]:
        groups: dict[int, list[Rule]] = {}
        for rule in options.rules:
            shape = self._shapes.get(rule.shape)
            if shape is None:
                shape = self._shapes[rule.shape] = len(self._salts)
                self._salts.append(crc32(repr(rule.shape).encode()))
            self._shape_of[rule.number] = shape
            groups.setdefault(shape, []).append(rule)
        alike = [Options(tuple(rules), tuple(accumulate(rule.weight for rule in rules))) for rules in groups.values()]
        found = self._groups[id(options)] = (
            options,
            [(shape, group.sums[-1] ** PRIOR) for shape, group in zip(groups, alike, strict=True)],
            alike,
        )  # holds the options, so that the id stays theirs
        return found


# Chosen on 2,000 to 10,000 programs at depth 5. PRIOR trades paths for mutants that show: at 1 fewer of both paths and survivors, at .5 more.
HOPE, STRAY, FLOOR, PACE = 3.0, 0.1, 0.0003, 0.6
TERRITORIES = 10
PRIOR = 0.7  # power of a shape's weight in the grammar: without it a literal would stand as often as a variable, and a fault in it would not show
COVERAGE_UNITS = (0, 0, 0, 1, 2)  # what stands in them is mostly the same labels again
COVERAGE_NODES = (30, 72)  # its expressions are deeper, so that fewer statements give the size that the others have


class RandomStrategy:
    """Sampling by the weights of the grammar: the baseline."""

    def drafts(self, grammar: Grammar, rng: Random, partition: int, max_depth: int) -> Iterator[Draft]:
        writer = Writer(ordinary(grammar), ByWeight(rng), rng, max_depth)
        while True:
            yield writer.write()


class CoverageStrategy:
    """Rules by energy; the map is that of one partition, so that partitions can be made anywhere and in any order."""

    def drafts(self, grammar: Grammar, rng: Random, partition: int, max_depth: int) -> Iterator[Draft]:
        writer = Writer(ordinary(grammar), ByCoverage(rng, partition), rng, max_depth, COVERAGE_NODES, COVERAGE_UNITS)
        while True:
            yield writer.write()


class SwarmStrategy:
    """A subset of the grammar's features for each batch (Groce et al. 2012), levelled: over the batches each feature is on equally often."""

    def drafts(self, grammar: Grammar, rng: Random, partition: int, max_depth: int) -> Iterator[Draft]:
        for features in levelled(sorted(grammar.features - ALWAYS), rng):
            part = grammar.only(features)
            writer = Writer(part, ByWeight(rng), rng, max_depth)
            for _ in range(SWARM_BATCH):
                yield writer.write()


def levelled(features: Sequence[str], rng: Random) -> Iterator[list[str]]:
    """Endless subsets of SWARM_SHARE of the features, dealt from shuffled decks: no feature is ever more than one batch ahead of another."""
    size = max(1, round(len(features) * SWARM_SHARE))
    deck: list[str] = []
    while True:
        hand: list[str] = []
        if len(deck) < size:
            hand, rest = deck, list(features)
            rng.shuffle(rest)
            deck = [name for name in rest if name not in hand] + [name for name in rest if name in hand]
        while len(hand) < size:
            hand.append(deck.pop(0))
        yield hand


class BoundaryStrategy:
    """Sampling by weight with edge values in place of ordinary literals, and the productions that deal with edges preferred."""

    def drafts(self, grammar: Grammar, rng: Random, partition: int, max_depth: int) -> Iterator[Draft]:
        writer = Writer(edgy(grammar), ByWeight(rng), rng, max_depth)
        while True:
            yield writer.write()


@cache
def ordinary(grammar: Grammar) -> Grammar:
    """The grammar without the productions about edges, which have a strategy of their own: a huge constant in a sum hides what else is in it."""
    return grammar.only(grammar.features - ALWAYS - {"boundary", "risky"})


@cache
def edgy(grammar: Grammar) -> Grammar:
    """The grammar of the boundary strategy."""
    pools = {name: edges for name, edges in rules_python.EDGE_POOLS.items() if name in grammar.pools}
    return grammar.with_weights({"boundary": 30.0}, pools)


class ExhaustiveStrategy:
    """Every expression of the grammar up to the depth, shallow ones first, each in a function of its own; partitions take turns."""

    def drafts(self, grammar: Grammar, rng: Random, partition: int, max_depth: int) -> Iterator[Draft]:
        """Drafts from the place on where this partition begins; the first partitions hold the shallowest programs."""
        return islice(exhaustive(grammar, max_depth), partition * EXHAUSTIVE_STRIDE, None)


EXHAUSTIVE_STRIDE = 500


def exhaustive(grammar: Grammar, max_depth: int) -> Iterator[Draft]:
    """Functions that return one expression each: all of depth 0, then all of depth 1, and so on."""
    for depth in range(max_depth + 1):
        for kind in (kind for kind in ANNOTATIONS if grammar.rules.get(kind)):
            for text, read in expressions(grammar, kind, depth, 0):
                yield _in_function(kind, text, read)


def expressions(grammar: Grammar, symbol: str, depth: int, strength: int, *, at_most: bool = False) -> Iterator[tuple[str, frozenset[str]]]:
    """All expressions of a symbol whose depth is exactly `depth` (or at most), with the parameters they read, in the order of the rules."""
    for level in range(depth + 1) if at_most else (depth,):
        for rule in grammar.rules.get(symbol, ()):
            yield from _of_rule(grammar, rule, level, strength)


def _of_rule(grammar: Grammar, rule: Rule, depth: int, strength: int) -> Iterator[tuple[str, frozenset[str]]]:
    holes = [part for part in rule.parts if isinstance(part, Hole)]
    nested = [hole for hole in holes if hole.kind == "symbol"]
    if any(hole.kind in ("new", "change", "name") for hole in holes) or any(want not in ANNOTATIONS for want in rule.needs) or bool(nested) != bool(depth):
        return
    # Exactly this deep: the first hole that reaches depth - 1, those before it stay below, those behind it may reach it too.
    for deepest in range(len(nested)) if nested else (None,):
        spans = [depth - 2 if deepest is not None and place < deepest else depth - 1 for place in range(len(nested))]
        fillings: list[Callable[[], Iterator[tuple[str, frozenset[str]]]]] = []
        order = iter(range(len(nested)))
        for hole in holes:
            if hole.kind == "symbol":
                place = next(order)
                exact = place == deepest
                below = max(hole.strength, strength if len(rule.parts) == 1 else 0)
                fillings.append(partial(expressions, grammar, hole.want, spans[place], below, at_most=not exact))
            elif hole.kind == "pool":
                fillings.append(partial(_literals, grammar.pools[hole.want]))
            else:
                fillings.append(partial(_parameter, hole.want))
        for chosen in _product(fillings):
            texts = iter(text for text, _ in chosen)
            text = "".join(part if isinstance(part, str) else next(texts) for part in rule.parts)
            yield f"({text})" if rule.strength < strength else text, frozenset().union(*(read for _, read in chosen))


def _literals(pool: Sequence[str]) -> Iterator[tuple[str, frozenset[str]]]:
    return ((text, frozenset()) for text in pool)


def _parameter(kind: str) -> Iterator[tuple[str, frozenset[str]]]:
    return iter([(f"a_{kind}", frozenset((kind,)))])


def _product(fillings: Sequence[Callable[[], Iterator[tuple[str, frozenset[str]]]]]) -> Iterator[tuple[tuple[str, frozenset[str]], ...]]:
    """The Cartesian product without holding any factor in memory."""
    if not fillings:
        yield ()
        return
    for first in fillings[0]():
        for rest in _product(fillings[1:]):
            yield (first, *rest)


def _in_function(kind: str, text: str, read: frozenset[str]) -> Draft:
    kinds = tuple(name for name in ANNOTATIONS if name in read)
    parameters = ", ".join(f"a_{name}: {ANNOTATIONS[name]}" for name in kinds)
    source = f"def f({parameters}) -> {ANNOTATIONS[kind]}:\n    return {text}\n"
    return Draft(source, source, "f", kinds)


STRATEGIES: Mapping[str, Callable[[], SamplingStrategy]] = {
    "exhaustive": ExhaustiveStrategy,
    "random": RandomStrategy,
    "coverage": CoverageStrategy,
    "swarm": SwarmStrategy,
    "boundary": BoundaryStrategy,
}
