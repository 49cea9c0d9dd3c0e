"""The order in which pairs are verified: arms that are there where their construct is, failures that are found early, knowledge that outlives a run."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path
from random import Random

import pytest

from automl_codex import grammar, prioritise
from automl_codex.prioritise import ARMS, Beliefs, Open, arms_of
from automl_codex.sampling import STRATEGIES

PLAIN = "def f(a):\n    return a\n"
EXAMPLES = {
    "addition": "a + 1", "subtraction": "a - 1", "multiplication": "a * 1", "division": "a / 1", "floor division": "a // 1", "modulo": "a % 1", "power": "a ** 2",
    "shift": "a << 1", "bitwise operator": "a ^ 1", "negation": "-a", "complement": "~a", "not": "not a", "and, or": "a or 1", "comparison of order": "a < 1",
    "comparison of equality": "a == 1", "chained comparison": "0 < a < 1", "membership": "a in b", "conditional expression": "1 if a else 2",
    "augmented assignment": "a += 1", "unpacking": "a, b = c", "if": "if a:\n    b", "else": "if a:\n    b\nelse:\n    c", "for": "for a in b:\n    c",
    "for over a range": "for a in range(3):\n    c", "while": "while a:\n    b", "loop with else": "while a:\n    b\nelse:\n    c",
    "loop in a loop": "for a in b:\n    while c:\n        d", "break, continue": "while a:\n    break", "try": "try:\n    a\nexcept E:\n    b", "raise": "raise E",
    "assert": "assert a", "with": "with a:\n    b", "coroutine": "async def f():\n    pass", "generator": "def f():\n    yield 1", "class": "class C:\n    pass",
    "lambda": "lambda: 1", "inner function": "def f():\n    def g():\n        pass", "recursion": "def f():\n    return f()", "default of a parameter": "def f(a=1):\n    pass",
    "comprehension of a list": "[a for a in b]", "comprehension of a set or dict": "{a: 1 for a in b}", "generator expression": "s(a for a in b)",
    "filter in a comprehension": "[a for a in b if c]", "subscript": "a[0]", "negative index": "a[-1]", "slice": "a[1:]", "slice with a step": "a[::2]",
    "method": "a.b()", "min, max": "max(a, b)", "abs, pow, round, divmod": "abs(a)", "conversion": "int(a)", "len": "len(a)", "sum, any, all": "any(a)",
    "sorted, reversed": "sorted(a)", "enumerate, zip, map, filter": "zip(a, b)", "f-string": "f'{a}'", "literal of text": "'x'", "literal of float": "0.5",
    "literal of bool": "True", "large literal": "65536", "dict": "{1: 2}", "set": "{1}", "list": "[1]",
}  # fmt: skip


def test_every_arm_is_there_where_its_construct_is_and_in_no_plain_program() -> None:
    assert len(ARMS) >= 20 and [arm.name for arm in ARMS] == list(EXAMPLES)
    for name, text in EXAMPLES.items():
        assert name in arms_of(text, "original", "", ()), name
    assert arms_of(PLAIN, "original", "", ("int",)) == ("kind original", "parameter int")


def test_neighbours_of_a_construct_do_not_pull_its_arm() -> None:
    for text, absent in (("a < 1", "chained comparison"), ("a[0]", "negative index"), ("a[1:]", "slice with a step"), ("for a in b:\n    c", "for over a range"),
                         ("def f():\n    return g()", "recursion"), ("if a:\n    b", "else"), ("255", "large literal"), ("1", "literal of bool")):  # fmt: skip
        assert absent not in arms_of(text, "original", "", ())


def test_who_made_a_pair_is_an_arm_too() -> None:
    assert arms_of(PLAIN, "mutation", "AOR", ()) == ("kind mutation", "operator AOR")
    assert arms_of(PLAIN, "eda", "SR+RI", ("float", "str")) == ("kind eda", "parameter float", "parameter str")


# -- planted failures ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def arms() -> list[tuple[str, ...]]:
    """The arms of 1,200 programs of the whole grammar."""
    drafts = STRATEGIES["random"]().drafts(grammar.python(), Random(1), 0, 2)
    return [arms_of(draft.source, "original", "", draft.parameters) for draft in islice(drafts, 1200)]


def planted(arms: list[tuple[str, ...]], names: set[str], seed: int, caught: float = 0.9, noise: float = 0.01) -> list[bool]:
    """A pair with one of the arms fails mostly, another hardly ever."""
    rng = Random(seed)
    return [rng.random() < (caught if names & set(several) else noise) for several in arms]


def found_early(arms: list[tuple[str, ...]], failing: list[bool], seed: int, beliefs: Beliefs | None = None, share: float = 0.3, wave: int = 60) -> float:
    """The share of the failures among the first `share` of the runs."""
    pool, rng, beliefs = Open(arms), Random(seed), beliefs or Beliefs()
    budget, found = int(share * len(arms)), 0
    while budget:
        for number in (chosen := pool.choose(min(wave, budget), beliefs, rng)):
            beliefs.learn(arms[number], failing[number])
            found += failing[number]
        budget -= len(chosen)
    return found / sum(failing)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    "names", [{"lambda", "and, or", "loop in a loop", "with"}, {"chained comparison", "slice with a step", "assert", "raise", "loop with else"}]
)
def test_four_fifths_of_planted_failures_are_found_in_the_first_three_tenths_of_runs(arms: list[tuple[str, ...]], names: set[str], seed: int) -> None:
    failing = planted(arms, names, seed)
    assert sum(failing) < 0.25 * len(arms)
    at_random = Random(seed).sample(failing, int(0.3 * len(arms)))
    assert 0.2 < sum(at_random) / sum(failing) < 0.4
    assert found_early(arms, failing, seed) >= 0.8


def test_where_nothing_tells_failures_apart_the_order_is_no_worse_than_chance(arms: list[tuple[str, ...]]) -> None:
    assert 0.2 < found_early(arms, planted(arms, set(), 3, noise=0.2), 3) < 0.4


def test_what_a_run_has_learned_serves_the_next(arms: list[tuple[str, ...]], tmp_path: Path) -> None:
    names = {"lambda", "with", "assert", "raise"}
    learned = Beliefs()
    found_early(arms[:600], planted(arms[:600], names, 1), 1, learned)
    prioritise.save(tmp_path / "order.json", learned)
    again = prioritise.load(tmp_path / "order.json", pytest.fail)
    assert again == learned
    rest, failing = arms[600:], planted(arms[600:], names, 2)
    assert found_early(rest, failing, 2, again, share=0.15) > found_early(rest, failing, 2, share=0.15) + 0.1


def test_an_arm_that_was_repaired_is_forgotten(arms: list[tuple[str, ...]]) -> None:
    beliefs = Beliefs()
    for _ in range(20_000):
        beliefs.learn(("while",), True)
    assert sum(beliefs.arms["while"]) == pytest.approx(prioritise.MEMORY)
    for _ in range(3000):
        beliefs.learn(("while",), False)
    assert beliefs.draw("while", Random(1)) < 0.1


def test_every_pair_is_chosen_once_and_the_same_seed_chooses_the_same(arms: list[tuple[str, ...]]) -> None:
    def order(seed: int) -> list[int]:
        pool, beliefs, rng = Open(arms[:300]), Beliefs(), Random(seed)
        found = [number for size in (100, 150, 100) for number in pool.choose(size, beliefs, rng)]
        assert len(pool) == 0 and pool.choose(5, beliefs, rng) == []
        return found

    assert sorted(order(1)) == list(range(300)) and order(1) == order(1) != order(2)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"version": 1, "arms": {"if": [1, 2]', "is damaged; the order is learned afresh"),
        ("[]", "is damaged"),
        ('{"version": 1, "waves": 1, "overall": [1, 2], "arms": {"if": [1, -2]}}', "is damaged"),
        ('{"version": 1, "waves": 1, "overall": [1, NaN], "arms": {}}', "is damaged"),
        ('{"version": 1, "waves": "1", "overall": [1, 2], "arms": {}}', "is damaged"),
        ('{"version": 2}', "has version 2, this version reads 1; the order is learned afresh"),
    ],
)
def test_a_state_that_cannot_be_read_is_said_and_learned_afresh(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "order.json").write_text(text)
    notices: list[str] = []
    assert prioritise.load(tmp_path / "order.json", notices.append) == Beliefs()
    assert len(notices) == 1 and said in notices[0]
    assert prioritise.load(tmp_path / "none.json", pytest.fail) == Beliefs()


def test_the_leading_arms_are_those_that_fail_most_and_are_known() -> None:
    beliefs = Beliefs({"if": (9.0, 3.0), "for": (3.0, 9.0), "try": (5.0, 0.0)}, (17.0, 12.0))
    assert beliefs.leading(5) == [("if", 9, 12), ("for", 3, 12)]
    assert json.dumps(beliefs.leading(1)) == '[["if", 9, 12]]'
