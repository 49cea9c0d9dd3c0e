"""Generated programs: well formed, alive in every part, distinct; their paths are known before they are written."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator
from itertools import islice
from random import Random

import pytest

from automl_codex import grammar, paths
from automl_codex.derive import Draft, Writer, lines_of
from automl_codex.sampling import STRATEGIES, ByCoverage, ByWeight

SAMPLED = ("random", "coverage", "swarm", "boundary")


def drafts(strategy: str, count: int, depth: int = 5, partition: int = 0) -> list[Draft]:
    found = STRATEGIES[strategy]().drafts(grammar.python(), Random(f"{strategy}-{partition}"), partition, depth)
    return list(islice(found, count))


@pytest.fixture(scope="module")
def programs() -> dict[str, list[Draft]]:
    return {strategy: drafts(strategy, 150) for strategy in SAMPLED}


@pytest.mark.parametrize("strategy", SAMPLED)
@pytest.mark.parametrize("depth", [0, 1, 5])
def test_every_program_compiles(strategy: str, depth: int) -> None:
    for draft in drafts(strategy, 60, depth):
        compile(draft.source, "program", "exec")


def test_programs_are_of_the_size_and_variety_that_is_asked_for(programs: dict[str, list[Draft]]) -> None:
    every = [draft.source for group in programs.values() for draft in group]
    assert sum(len(list(lines_of(source))) for source in every) / len(every) >= 10
    assert len({type(node).__name__ for source in every for node in ast.walk(ast.parse(source))}) >= 60
    assert len({paths.alpha_normal(source) for source in every}) == len(every)


def test_the_paths_of_a_program_are_known_before_it_is_written() -> None:
    """Exact to the path, so what stands in the text also groups as the grammar meant it: a missing parenthesis would add others."""
    chooser = ByCoverage(Random(5))
    writer = Writer(grammar.python(), chooser, Random(6), 5)
    seen: set[paths.Path] = set()
    for _ in range(120):
        tree = ast.parse(writer.write().source)
        for k in (2, 3, 4):
            seen |= paths.k_paths(tree, k)
    assert chooser.paths == seen


def test_every_function_is_annotated(programs: dict[str, list[Draft]]) -> None:
    for group in programs.values():
        for draft in group:
            for node in ast.walk(ast.parse(draft.source)):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    assert node.returns is not None, draft.source
                    assert all(argument.annotation for argument in node.args.args if argument.arg != "self"), draft.source


def stores_and_loads(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[tuple[str, bool]]:
    yield from ((argument.arg, True) for argument in function.args.args)
    for node in ast.walk(function):
        if isinstance(node, ast.Name):
            yield node.id, not isinstance(node.ctx, ast.Load)


@pytest.mark.parametrize("strategy", SAMPLED)
def test_every_local_is_read(strategy: str, programs: dict[str, list[Draft]]) -> None:
    """Names bound in comprehensions and lambdas apart: they are there to iterate."""
    for draft in programs[strategy]:
        main = next(n for n in ast.parse(draft.source).body if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef) and n.name == draft.entry)
        inner = {name.id for node in ast.walk(main) if isinstance(node, ast.comprehension) for name in ast.walk(node.target) if isinstance(name, ast.Name)} | {
            argument.arg for node in ast.walk(main) if isinstance(node, ast.Lambda) for argument in node.args.args
        }
        found = list(stores_and_loads(main))
        stored = {name for name, store in found if store} - inner
        loaded = {name for name, store in found if not store}
        assert stored <= loaded, f"{sorted(stored - loaded)}\n{draft.source}"


def test_the_reader_of_locals_finds_a_dead_one() -> None:
    tree = ast.parse("def f(a: int) -> int:\n    b = a\n    return a\n").body[0]
    assert isinstance(tree, ast.FunctionDef)
    found = list(stores_and_loads(tree))
    assert {name for name, store in found if store} - {name for name, store in found if not store} == {"b"}


@pytest.mark.parametrize("strategy", SAMPLED)
def test_no_condition_is_constant(strategy: str, programs: dict[str, list[Draft]]) -> None:
    """A condition holds a variable; `while True` stands only where a break ends it."""
    for draft in programs[strategy]:
        for node in ast.walk(ast.parse(draft.source)):
            if isinstance(node, ast.While) and isinstance(node.test, ast.Constant):
                assert any(isinstance(inner, ast.Break) for inner in ast.walk(node))
            elif isinstance(node, ast.If | ast.While | ast.IfExp):
                names = {name.id for name in ast.walk(node.test) if isinstance(name, ast.Name)} - set(vars(builtins))
                assert names, f"{ast.unparse(node.test)}\n{draft.source}"


@pytest.mark.parametrize("strategy", [*SAMPLED, "exhaustive"])
def test_the_same_seed_gives_the_same_programs(strategy: str) -> None:
    assert drafts(strategy, 20) == drafts(strategy, 20)


@pytest.mark.parametrize("strategy", SAMPLED)
def test_another_partition_gives_other_programs(strategy: str) -> None:
    assert not {d.normal for d in drafts(strategy, 20)} & {d.normal for d in drafts(strategy, 20, partition=1)}


def test_names_are_used_once_in_a_program() -> None:
    writer = Writer(grammar.python(), ByWeight(Random(1)), Random(2), 3)
    for _ in range(50):
        draft = writer.write()
        assert paths.alpha_normal(draft.source) == paths.alpha_normal(draft.normal)


def test_names_do_not_count_for_the_normal_form() -> None:
    assert paths.alpha_normal("def f(a):\n    b = a\n    return b\n") == paths.alpha_normal("def g(x):\n    y = x\n    return y\n")
    assert paths.alpha_normal("def f(a, b):\n    return a - b\n") != paths.alpha_normal("def f(a, b):\n    return b - a\n")
    assert paths.alpha_normal("def f(a):\n    return len(a)\n") != paths.alpha_normal("def f(a):\n    return sum(a)\n")


def test_k_paths_worked_out_by_hand() -> None:
    tree = ast.parse("x = -a + 200 < 0")
    assert paths.k_paths(tree, 3) == {
        ("Module", "Assign", "Name"),
        ("Module", "Assign", "Compare:Lt"),
        ("Assign", "Compare:Lt", "BinOp:Add"),
        ("Assign", "Compare:Lt", "Constant:0"),
        ("Compare:Lt", "BinOp:Add", "UnaryOp:USub"),
        ("Compare:Lt", "BinOp:Add", "Constant:big"),
        ("BinOp:Add", "UnaryOp:USub", "Name"),
    }
    assert paths.size(tree) == 9
    assert [paths.bucket(v) for v in (None, True, 0, 1, 100, 101, 0.0, "", "a")] == ["none", "bool", "0", "1", "small", "big", "float", "empty", "str"]
