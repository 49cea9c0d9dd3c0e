"""Known gaps of a transpiler: each as a rewriting of the Python, and what two sides that differ are told by them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import pytest

from automl_codex import causes, gaps
from automl_codex.oracle_io import Judged, Seen
from automl_codex.sandbox import Job, Sandbox
from automl_codex.types import TranspiledPair


def run(source: str, names: Sequence[str], *inputs: tuple[Any, ...]) -> list[str]:
    """What a program with these gaps gives for each input, as the sandbox writes it."""
    with Sandbox() as sandbox:
        (found,) = sandbox.run([Job(gaps.rewritten(source, names), "f", inputs)])
    return found


@pytest.mark.parametrize(("a", "b", "quotient", "remainder"), [(7, 2, 3, 1), (-7, 2, -3, -1), (7, -2, -3, 1), (-7, -2, 3, -1), (6, 3, 2, 0), (-6, 3, -2, 0)])
def test_division_cuts_off_towards_zero(a: int, b: int, quotient: int, remainder: int) -> None:
    assert run("def f(a, b):\n    return a // b, a % b\n", ["division"], (a, b)) == [str((quotient, remainder))]
    assert run("def f(a, b):\n    c = [a]\n    c[0] //= b\n    a %= b\n    return c[0], a\n", ["division"], (a, b)) == [str((quotient, remainder))]


def test_division_of_floats_is_rusts_and_a_text_is_left_alone() -> None:
    assert run("def f(a):\n    return a // 2, a % 2\n", ["division"], (-7.0,)) == ["(-3.5, -1.0)"]
    assert run("def f(a):\n    return 'n%s' % a\n", ["division"], (5,)) == ["'n5'"]


GROUPED = [("(a or b) and c", "a or b and c"), ("a and (b or c)", "a and b or c"), ("(a or b) and (c or d)", "a or b and c or d"), ("(a or (b and c)) and d", "a or b and c and d"),
           ("a and (b or c) and d", "a and b or c and d"), ("a or (b or c) and d", "a or b or c and d")]  # fmt: skip


@pytest.mark.parametrize(("meant", "read"), GROUPED)
def test_grouping_is_what_is_read_without_the_parentheses(meant: str, read: str) -> None:
    source = f"def f(a, b, c, d):\n    return bool({meant})\n"
    assert gaps.found(source) == ("grouping",)
    values = list(itertools.product((False, True), repeat=4))
    assert run(source, ["grouping"], *values) == run(source.replace(meant, read), [], *values)


def test_a_chain_ends_early_an_else_runs_always_and_an_integer_is_held() -> None:
    assert run("def f(a):\n    return 0 < a < 5\n", ["chain"], (9,)) == ["True"]
    assert run("def f(a):\n    for b in [1]:\n        break\n    else:\n        a += 1\n    return a\n", ["loop_else"], (1,)) == ["2"]
    held = "def f(a):\n    return int(a)\n"
    assert run(held, ["narrowed"], (1e300,), (-1e300,), (float("nan"),), (2.9,), ("7",)) == ["2147483647", "-2147483648", "0", "2", "7"]


def test_integers_are_divided_whole_and_floats_are_not() -> None:
    assert run("def f(a, b):\n    return a / b\n", ["whole"], (7, 2), (-7, 2), (7.0, 2), (7, 0)) == ["3.0", "-3.0", "3.5", "!ZeroDivisionError"]


def test_a_float_by_zero_is_infinite_with_the_signs_of_both_or_no_number() -> None:
    found = run("def f(a, b):\n    return a / b\n", ["whole"], (7.0, 0.0), (7.0, -0.0), (-7.0, 0.0), (-7.0, 0), (0.0, 0.0))
    assert found == ["inf", "-inf", "-inf", "-inf", "nan"]


EDGE = 2**31 - 1


@pytest.mark.parametrize(
    ("body", "fits", "leaves"),
    [("a + 1", EDGE - 1, EDGE), ("a - 1", -EDGE, -EDGE - 1), ("a * 2", 2**30 - 1, 2**30), ("a << 1", 2**30 - 1, 2**30), ("a ** 2", 46340, 46341), ("-a", -EDGE, -EDGE - 1),
     ("abs(a)", -EDGE, -EDGE - 1), ("sum([a, 1])", EDGE - 1, EDGE), ("pow(a, 2)", 46340, 46341)],
)  # fmt: skip
def test_arithmetic_stops_where_it_leaves_32_bits(body: str, fits: int, leaves: int) -> None:
    source = f"def f(a):\n    return {body}\n"
    held = run(source, ["overflow"], (fits,), (leaves,))
    assert held == [run(source, [], (fits,))[0], "!OverflowError"]


def test_a_float_a_text_and_an_assignment_are_held_too_or_left_alone() -> None:
    assert run("def f(a):\n    b = a\n    b += a\n    return b\n", ["overflow"], (EDGE,), (3e9,), ("x",)) == ["!OverflowError", "6000000000.0", "'xx'"]


@pytest.mark.parametrize("text", ["a < 5", "a or b and c", "not (a or b) and c", "a & b ^ a", "float(a)", "int('7', base=8)", "len(a)"])
def test_a_program_without_a_gap_has_none(text: str) -> None:
    assert gaps.found(f"def f(a, b, c):\n    for d in [a]:\n        b = d\n    return {text}\n") == ()


def test_every_gap_says_what_it_is() -> None:
    assert all(gap.about for gap in gaps.GAPS.values())


# -- causes ------------------------------------------------------------------------------------------------


def pair(body: str, name: str = "p") -> TranspiledPair:
    values: dict[str, Any] = {field.name: () if str(field.type).startswith("tuple") else "" for field in fields(TranspiledPair)}
    return TranspiledPair(
        **values | {"variant_id": name, "source": f"def f(a: int) -> int:\n    return {body}\n", "entry": "f", "parameters": ("int",), "quality": 1.0}
    )


def note(body: str, seen: Seen, literal: str, python: str, rust: str) -> str:
    with Sandbox() as sandbox:
        (found,) = causes.noted([(pair(body), Judged(seen, literal, python, rust))], sandbox)
    return found.note


def test_the_gap_that_gives_what_the_rust_gave_is_the_cause_and_another_that_lies_there_is_not() -> None:
    both = "(a // 2 if 0 < a < 5 else a % 3)"
    assert note(both, Seen.DIFFERENT, "(-7,)", "2", "=-1") == " | as with division"
    assert note(both, Seen.DIFFERENT, "(9,)", "0", "=4") == " | as with chain"
    assert note(both, Seen.DIFFERENT, "(9,)", "0", "=77") == ""


def test_gaps_that_each_explain_are_all_named() -> None:
    assert note("(-1) % 2 if not 0 < a < 5 else -1", Seen.DIFFERENT, "(9,)", "1", "=-1") == " | as with division, chain"


def test_a_panic_is_explained_by_an_exception_and_a_lost_exception_by_a_value() -> None:
    assert note("7 // (a % 3 + 1)", Seen.PANIC, "(-7,)", "2", "!attempt to divide by zero") == " | as with division"
    assert note("[1, 2, 3][a % 3]", Seen.INDEX, "(-7,)", "3", "!index out of bounds") == ""  # Python takes -1
    assert note("[1, 2][a + 2]", Seen.INDEX, f"({-2},)", "1", "!index out of bounds") == ""
    assert note("7 // (a % 3 - 1)", Seen.RETURNED, "(-5,)", "!ZeroDivisionError", "=-2") == " | as with division"


def test_a_pass_is_noted_where_an_input_that_the_rust_can_be_given_would_tell() -> None:
    told = note("a // 2", Seen.EQUAL, "(4,)", "2", "=2")
    assert told.startswith(" | untried (-")
    assert note("(a & 255) // 2", Seen.EQUAL, "(4,)", "2", "=2") == "" == note("(a & 255) + 2", Seen.EQUAL, "(4,)", "6", "=6")
    assert note("int(float(a))", Seen.EQUAL, "(4,)", "4", "=4") == ""  # it would differ beyond 32 bits alone


@pytest.mark.parametrize("body", ["a + 1", "a - 1", "3 * a", "-a", "abs(a)"])
def test_a_pass_is_noted_where_arithmetic_leaves_32_bits_at_an_edge_whatever_was_drawn(body: str) -> None:
    with Sandbox() as sandbox:
        judged = Judged(Seen.EQUAL, "(4,)", "", "")
        found = causes.noted([(pair(body, f"p{n}"), judged) for n in range(8)], sandbox)
    assert all(one.note in (f" | untried ({2**31 - 1},)", f" | untried ({-(2**31)},)") for one in found)


def test_what_explains_nothing_is_not_asked_of_a_difference() -> None:
    assert note("a / 2 * 1.0", Seen.DIFFERENT, "(7,)", "3.5", "=3.0") == ""
    assert note("7 // (a - 1)", Seen.PANIC, f"({-(2**31)},)", "-1", "!attempt to subtract with overflow") == ""


def test_what_was_noted_does_not_depend_on_the_other_pairs() -> None:
    several = [(pair("a // 2", f"p{n}"), Judged(Seen.EQUAL, "(4,)", "2", "=2")) for n in range(4)]
    with Sandbox() as sandbox:
        assert causes.noted(several, sandbox)[3] == causes.noted(several[3:], sandbox)[0]
        assert causes.noted([(pair("a // 2"), Judged(Seen.SKIPPED, "", "", ""))], sandbox)[0].note == ""
