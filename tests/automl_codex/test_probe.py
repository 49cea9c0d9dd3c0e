"""Which mutants change a value where they stand, told by one run of the program itself."""

from __future__ import annotations

import pytest

from automl_codex import mutate, probe
from automl_codex.sandbox import Sandbox


def changing(box: Sandbox, source: str, *arguments: tuple[object, ...]) -> dict[tuple[str, str], bool]:
    """By operator and the changed line: whether the mutant changes a value on these inputs, as far as can be seen."""
    text = mutate.Text(source)
    drawn = [(proposal, mutant) for proposal in mutate.proposals(source) if (mutant := mutate.mutant(text, proposal))]
    found = probe.infecting(source, "f", drawn, arguments, box)
    lines = source.splitlines()
    told: dict[tuple[str, str], bool] = {}
    for number, (_, mutant) in enumerate(drawn):
        line = next((new.strip() for new, old in zip(mutant.source.splitlines(), lines, strict=False) if new != old), "")
        told[mutant.operator, line] = number in found
    return told


def test_a_value_that_stays_is_seen_and_one_that_changes(box: Sandbox) -> None:
    found = changing(box, "def f(a: int) -> int:\n    return a * 1\n", (3,), (4,))
    assert not found["ABS", "return abs(a) * 1"]
    assert found["CRP", "return a * 2"] and found["AOR", "return a + 1"]


def test_a_change_that_the_rest_of_the_expression_swallows_is_none(box: Sandbox) -> None:
    source = "def f(a: int) -> int:\n    return min(a % 97, 3)\n"
    assert not changing(box, source, (200,), (2,))["CRP", "return min(a % 98, 3)"]
    assert changing(box, source, (97,))["CRP", "return min(a % 98, 3)"]


def test_what_no_input_reaches_changes_nothing(box: Sandbox) -> None:
    source = "def f(a: int) -> int:\n    if a > 100:\n        return a * 3\n    return a\n"
    found = changing(box, source, (1,), (2,))
    assert not found["AOR", "return a + 3"] and not found["CRP", "return a * 4"]
    assert changing(box, source, (1,), (101,))["AOR", "return a + 3"]


def test_an_exception_in_place_of_a_value_is_a_change(box: Sandbox) -> None:
    assert changing(box, "def f(a: list[int]) -> int:\n    return a[0]\n", ([7],))["CRP", "return a[1]"]


def test_what_is_used_up_by_a_look_is_compared_all_the_same(box: Sandbox) -> None:
    source = "def f(a: list[int]) -> int:\n    total = 0\n    for left, right in enumerate(a):\n        total += left * right\n    return total\n"
    assert changing(box, source, ([1, 2],))["iterator_chain", "for left, right in enumerate(a, 1):"]
    assert not changing(box, source, ([],))["iterator_chain", "for left, right in enumerate(a, 1):"]


@pytest.mark.parametrize("source", [
    "def f(a: list[int]) -> int:\n    a.append(a.pop() + 1)\n    return len(a)\n",
    "def f(a: list[int]) -> int:\n    return g(a[0] + 1)\n\ndef g(a: int) -> int:\n    return 0\n",
])  # fmt: skip
def test_what_must_not_be_done_twice_is_not_tried_around_a_call(source: str, box: Sandbox) -> None:
    found = changing(box, source, ([1, 2],))
    assert all(seen for (operator, line), seen in found.items() if operator == "AOR")  # the argument itself is evaluated; the call is not


def test_a_fault_of_identity_and_one_of_a_statement_are_not_judged(box: Sandbox) -> None:
    found = changing(box, "def f(a: list[int]) -> int:\n    b = list(a)\n    b.sort()\n    return b[0]\n", ([2, 1],))
    assert found["missing_copy", "b = a"] and all(seen for (operator, _), seen in found.items() if operator == "SDL")


def test_a_trial_that_does_not_end_says_nothing(box: Sandbox) -> None:
    source = "def f(a: int) -> int:\n    b = a % 3\n    while b < 5:\n        b += 0 if a > 0 else 1\n    return b\n"
    found = changing(box, source, (1,))
    assert found and all(found.values())
