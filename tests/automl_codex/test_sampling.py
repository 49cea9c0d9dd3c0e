"""What each sampling strategy promises."""

from __future__ import annotations

import ast
from collections import Counter
from itertools import islice
from random import Random

import pytest

from automl_codex import grammar, paths, rules_python
from automl_codex.grammar import ALWAYS, Grammar
from automl_codex.sampling import STRATEGIES, ByWeight, Writer, edgy, exhaustive, expressions, levelled
from automl_codex.templates import EXPRESSION, Hole, compile_rule
from codex_gate.errors import InternalError, UsageError

TOY = Grammar.of(
    "toy",
    [
        ("int", 1.0, "core", "«=digit»", EXPRESSION),
        ("int", 1.0, "core", "«@int»", EXPRESSION),
        ("int", 1.0, "core", "«int» + «int»", EXPRESSION),
        ("int", 1.0, "core", "-«int»", EXPRESSION),
        ("int", 1.0, "core", "«int» if «bool» else «int»", EXPRESSION),
        ("bool", 1.0, "core", "«int» < «int»", EXPRESSION),
        ("bool", 1.0, "core", "not «bool»", EXPRESSION),
    ],
    {"digit": ("0", "1", "2")},
)


def closed_form(depth: int) -> tuple[int, int]:
    """Expressions of type int and bool of the toy grammar up to a depth: i(d) = 4 + i² + i + b·i², b(d) = i² + b, all at d - 1."""
    if depth == 0:
        return 4, 0
    i, b = closed_form(depth - 1)
    return 4 + i * i + i + b * i * i, i * i + b


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_exhaustive_count_equals_the_closed_form(depth: int) -> None:
    found = [text for text, _ in expressions(TOY, "int", depth, 0, at_most=True)]
    assert len(found) == closed_form(depth)[0]
    assert len({ast.dump(ast.parse(text)) for text in found}) == len(found)
    assert len(list(expressions(TOY, "bool", depth, 0, at_most=True))) == closed_form(depth)[1]


def test_exhaustive_programs_come_shallow_first_and_define_what_they_read() -> None:
    found = list(islice(exhaustive(grammar.python(), 2), 3000))
    assert len({draft.normal for draft in found}) > 2900
    for draft in found[::50]:
        names: dict[str, object] = {}
        compile(draft.source, "program", "exec")
        tree = ast.parse(draft.source)
        loaded = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and n.id.startswith("a_")}
        assert loaded == {f"a_{kind}" for kind in draft.parameters}
        assert not names


def test_random_follows_the_weights() -> None:
    """Chi-square of 20,000 choices among the integer expressions; the limit is the 99.9 % quantile by Wilson and Hilferty."""
    options = grammar.python().options("int", 9, (1 << 64) - 1)
    chooser = ByWeight(Random(11))
    counts = Counter(chooser.choose(options, (), -1).number for _ in range(20_000))
    total = options.sums[-1]
    expected = {rule.number: 20_000 * rule.weight / total for rule in options.rules}
    chi2 = sum((counts[number] - want) ** 2 / want for number, want in expected.items())
    k = len(expected) - 1
    assert k > 60
    assert chi2 < k * (1 - 2 / (9 * k) + 3.09 * (2 / (9 * k)) ** 0.5) ** 3


def test_coverage_finds_more_paths_than_random() -> None:
    found, sizes = {}, {}
    for strategy in ("random", "coverage"):
        trees = [ast.parse(d.source) for d in islice(STRATEGIES[strategy]().drafts(grammar.python(), Random(3), 0, 5), 400)]
        found[strategy] = len(set().union(*(paths.k_paths(tree, 4) for tree in trees)))
        sizes[strategy] = sum(map(paths.size, trees)) / len(trees)
    assert found["coverage"] > 1.25 * found["random"]
    assert sizes["coverage"] < 1.15 * sizes["random"]


def test_swarm_levels_its_features() -> None:
    features = sorted(grammar.python().features - ALWAYS)
    batches = list(islice(levelled(features, Random(4)), 40))
    assert all(len(batch) == len(set(batch)) == round(len(features) / 2) for batch in batches)
    for upto in (1, 7, 20, 40):
        counts = Counter(name for batch in batches[:upto] for name in batch)
        assert max(counts[name] for name in features) - min(counts[name] for name in features) <= 1


def test_swarm_leaves_features_out_of_a_batch() -> None:
    sources = [d.source for d in islice(STRATEGIES["swarm"]().drafts(grammar.python(), Random(8), 0, 4), 400)]
    batches = [sources[place : place + 20] for place in range(0, 400, 20)]
    with_loops = [any(isinstance(n, ast.For) for source in batch for n in ast.walk(ast.parse(source))) for batch in batches]
    assert any(with_loops) and not all(with_loops)


def test_boundary_prefers_edges() -> None:
    edges = {ast.literal_eval(text) for pool in rules_python.EDGE_POOLS.values() for text in pool}
    share = {}
    for strategy in ("random", "boundary"):
        literals = [
            node.value
            for d in islice(STRATEGIES[strategy]().drafts(grammar.python(), Random(9), 0, 4), 200)
            for node in ast.walk(ast.parse(d.source))
            if isinstance(node, ast.Constant) and node.value not in (None, True, False)
        ]
        share[strategy] = sum(value in edges and value not in (2, 1, 0) for value in literals) / len(literals)
    assert share["boundary"] > 0.3
    assert share["boundary"] > 5 * share["random"]


def test_boundary_grammar_is_the_same_but_for_weights_and_literals() -> None:
    plain, edge = grammar.python(), edgy(grammar.python())
    assert [r.template for group in plain.rules.values() for r in group] == [r.template for group in edge.rules.values() for r in group]


def test_unknown_feature_and_grammar_are_refused() -> None:
    with pytest.raises(UsageError, match="has no feature goto"):
        grammar.python().only({"goto"})
    with pytest.raises(UsageError, match="no grammar cobol; there are python, python-core"):
        grammar.named("cobol")


@pytest.mark.parametrize("features", [(), ("loop",), ("class", "async"), ("string", "slice", "comprehension")])
def test_any_subset_of_features_writes_programs(features: tuple[str, ...]) -> None:
    writer = Writer(grammar.python().only(features), ByWeight(Random(1)), Random(2), 4)
    for _ in range(40):
        compile(writer.write().source, "program", "exec")


@pytest.mark.parametrize("strategy", ["random", "coverage", "swarm", "boundary"])
def test_the_core_grammar_has_scalar_results_and_none_of_the_rest(strategy: str) -> None:
    core = grammar.named("python-core")
    for draft in islice(STRATEGIES[strategy]().drafts(core, Random(4), 0, 4), 60):
        tree = ast.parse(draft.source)
        assert not any(isinstance(node, ast.Slice | ast.Try | ast.ClassDef | ast.Yield | ast.GeneratorExp | ast.Lambda | ast.Await) for node in ast.walk(tree))
        main = next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == draft.entry)
        assert ast.unparse(main.returns or main) == "int" and set(draft.parameters) <= {"int", "ints", "float", "bool"}
        stored = {node.id for node in ast.walk(main) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
        assert not stored & {argument.arg for argument in main.args.args}


def test_symbol_that_never_ends_is_refused() -> None:
    with pytest.raises(InternalError, match="the symbol int of the grammar never ends"):
        Grammar.of("endless", [("int", 1.0, "core", "-«int»", EXPRESSION)], {})


@pytest.mark.parametrize("template", ["«int» +", "«»", "«int+x»"])
def test_template_that_cannot_be_is_refused(template: str) -> None:
    with pytest.raises(InternalError):
        compile_rule(0, "int", 1.0, "core", template, {})


@pytest.mark.parametrize(
    ("template", "strengths", "own"),
    [
        ("«int» + «int»", (11, 12), 11),
        ("«int» ** «int»", (15, 14), 14),
        ("-«int»", (13,), 13),
        ("«str».upper()", (15,), 16),
        ("«int» if «cond» else «int»", (3, 3, 2), 2),
        ("f(«int»)", (1,), 16),
        ("[«int» for _ in «ints»]", (1, 3), 16),
        ("«bool» and «bool»", (5, 5), 4),
        ("(«int» + «int»)", (11, 12), 16),
    ],
)
def test_binding_strengths(template: str, strengths: tuple[int, ...], own: int) -> None:
    rule = compile_rule(0, "int", 1.0, "core", template, {})
    assert tuple(part.strength for part in rule.parts if isinstance(part, Hole)) == strengths
    assert rule.strength == own
