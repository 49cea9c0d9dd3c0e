"""A graft fits by type and scope, goes into both texts alike, and leaves the fault as it is."""

from __future__ import annotations

import ast
from random import Random

import pytest

from automl_codex import graft, mutate

RIGHT = """import math


def solve(count: int, words: list[str]) -> tuple[int, str]:
    total = pow(count + 12, 3) * 5
    label = str(abs(count) + 40)
    return (total, label)
"""
GIVER = """def other(size: int, tags: list[str]) -> int:
    first = size * 70 + len(tags)
    return first - pow(size, 2)
"""


def stock(source: str, operator: str, number: int = 0) -> graft.Stock:
    mutant = list(mutate.mutants(source, {operator: mutate.OPERATORS[operator]}))[number]
    return graft.Stock(source, mutant.source, operator, mutant.site)


def grafts(right: str, giver: str, operator: str = "swapped_arguments", times: int = 200) -> list[graft.Graft]:
    taker, gives, rng = stock(right, operator), stock(giver, "swapped_arguments"), Random(4)
    return [made for _ in range(times) if (made := taker.take(gives, rng))]


@pytest.mark.parametrize("operator", ["swapped_arguments", "AOR", "CRP", "SVR", "ABS"])
def test_both_texts_change_alike_and_the_fault_stays(operator: str) -> None:
    source = RIGHT.replace("total = ", "more = count + 1\n    total = ")
    for made in grafts(source, GIVER, operator, 60):
        assert ast.dump(ast.parse(made.right)) != ast.dump(ast.parse(source))
        site = graft.site_of_fault(made, operator)
        assert site is not None
        only = {operator: mutate.OPERATORS[operator]}
        assert made.wrong in {m.source for m in mutate.mutants(made.right, only) if m.site == site}


def test_a_graft_comes_from_the_giver_with_names_of_the_taker() -> None:
    made = grafts(RIGHT, GIVER)
    texts = {made.right for made in made}
    assert len(texts) > 5
    for text in texts:
        assert "size" not in text and "tags" not in text and "first" not in text
        names = {node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)}
        assert names <= {"count", "words", "total", "label", "int", "str", "list", "tuple", "abs", "len", "pow"}
    assert any("count * 70" in text or "total * 70" in text for text in texts)
    assert any("len(words)" in text for text in texts)


def test_what_the_fault_touches_neither_takes_nor_gives() -> None:
    source = "def f(a: int, b: int) -> int:\n    return pow(a + 10, b + 20)\n"
    assert grafts(source, GIVER) == []  # the mutated call is all there is
    taker = stock(RIGHT, "swapped_arguments")
    assert taker.take(stock(source, "swapped_arguments"), Random(1)) is None


def test_a_function_or_an_import_that_the_taker_lacks_is_not_taken() -> None:
    giver = "import math\n\ndef h(n: int) -> int:\n    return n\n\ndef f(n: int) -> int:\n    return math.gcd(n, 8) + h(n) - pow(n, 2)\n"
    without = RIGHT.replace("import math\n\n\n", "")
    assert grafts(without, giver) == []
    made = grafts(RIGHT, giver)
    assert made and all("math.gcd(" in m.right and "h(" not in m.right for m in made)


def test_a_variable_is_not_caught_by_a_comprehension_of_the_graft() -> None:
    giver = "def f(n: int, xs: list[int]) -> int:\n    return sum([n + count for count in xs]) + pow(n, 2)\n"
    taker = "def f(count: int, xs: list[int]) -> int:\n    return len(xs) * 70 - pow(count, 2)\n"
    for made in grafts(taker, giver):
        assert "count + count for count" not in made.right
    with_another = taker.replace("count: int,", "count: int, other: int,")
    assert any("other + count for count in xs" in made.right for made in grafts(with_another, giver))


def test_a_graft_is_deterministic() -> None:
    assert grafts(RIGHT, GIVER, "AOR") == grafts(RIGHT, GIVER, "AOR")
    assert grafts(RIGHT, GIVER, "AOR")


def test_another_operator_does_not_make_the_fault() -> None:
    made = grafts(RIGHT, GIVER, "AOR")[0]
    assert graft.site_of_fault(made, "AOR") and graft.site_of_fault(made, "ROR") is None


def test_a_graft_stands_beside_the_fault_where_one_fits_there() -> None:
    far = "def f(count: int, words: list[str]) -> int:\n    a = count + 10\n    b = a * 2\n    c = b + 30\n    d = c - 4\n    return pow(d, 2) + count * 50\n"
    beside = grafts(far, GIVER)
    assert beside and {made.place.partition(":")[0] for made in beside} == {"5", "6"}
    nothing_there = far.replace("return pow(d, 2) + count * 50", "e = words.foo\n    return str(pow(words, e)) + e.foo").replace("d = c - 4", "d = words.foo")
    assert {made.place.partition(":")[0] for made in grafts(nothing_there, GIVER)} == {"2", "3", "4"}
