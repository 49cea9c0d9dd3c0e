"""Types that are plain to see, names that are bound for certain, and places that are left alone because another value there could run for ever."""

from __future__ import annotations

import ast

import pytest

from automl_codex import mutate, paths, typed

HEAD = "import math\n\ndef g(n: int) -> str:\n    return str(n)\n\n\n"


def found(
    body: str, parameters: str = "a: int, b: float, s: str, xs: list[int], ss: list[str], d: dict[str, int], u: set[int], p: tuple[int, str]"
) -> dict[str, str]:
    """Texts of the places with their types, of a function with this body."""
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    return {ast.unparse(place.node): place.kind for place in typed.places(ast.parse(f"{HEAD}def f({parameters}):\n{lines}"))}


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("a + 1", "int"), ("a / 2", "float"), ("a + b", "float"), ("a < 2", "bool"), ("not a", "bool"), ("-a", "int"), ("xs or [1]", "list[int]"),
        ("a if b else 2", "int"), ("s + 'x'", "str"), ("f'{a}'", "str"), ("[*xs, a]", "list[int]"), ("(a, s)", "tuple[int, str]"), ("{s: a}", "dict[str, int]"),
        ("{a, 1}", "set[int]"), ("u | {1}", "set[int]"), ("xs[0]", "int"), ("xs[1:]", "list[int]"), ("d[s]", "int"), ("p[1]", "str"), ("d.get(s, 1)", "int"),
        ("sum(d.values())", "int"), ("s.upper()", "str"), ("s.split('-')", "list[str]"), ("xs.count(1)", "int"), ("math.gcd(a, 2)", "int"),
        ("math.sqrt(b)", "float"), ("max(a, 2)", "int"), ("min(ss)", "str"), ("sorted(u)", "list[int]"), ("set(xs)", "set[int]"), ("list(range(a))", "list[int]"),
        ("round(b)", "int"), ("round(b, 2)", "float"), ("sum(x for x in xs)", "int"), ("[len(t) for t in ss]", "list[int]"), ("{k: n for k, n in d.items()}", ""),
        ("{str(x): x for x in xs}", "dict[str, int]"), ("g(a)", "str"), ("unknown(a)", ""), ("s * a", "str"), ("xs - u", ""), ("[]", ""), ("[a, s]", ""),
        ("p[7]", ""), ("None", ""), ("a if b else s", ""),
    ],
)  # fmt: skip
def test_the_type_of_an_expression(text: str, kind: str) -> None:
    told = ast.unparse(ast.parse(text).body[0].value)  # type: ignore[attr-defined]
    assert found(f"return {text}").get(told, "") == kind


@pytest.mark.parametrize(
    ("body", "left_alone"),
    [
        ("return list(range(a + 7))", "a + 7"),  # a size
        ("return s.zfill(a + 7)", "a + 7"),
        ("return a ** (a + 7)", "a + 7"),  # an exponent
        ("return 1 << (a + 7)", "a + 7"),
        ("return s * 3", "3"),
        ("return g(a + 7)", "a + 7"),  # a program's own function may count with it
        ("for i in xs[:7]:\n    pass\nreturn a", "xs[:7]"),
        ("while a + 7 > 0:\n    a -= 1\nreturn a", "a + 7 > 0"),
        ("for i in xs:\n    a += i + 7\nreturn a", "i + 7"),  # grows each time
        ("return f'{a + 7}'", "a + 7"),  # no place of its own before Python 3.12
        ("return (lambda x: x + 7)(a)", "x + 7"),
    ],
)
def test_what_could_make_a_program_endless_is_no_place(body: str, left_alone: str) -> None:
    assert left_alone not in found(body)


def test_a_condition_in_a_loop_is_a_place() -> None:
    assert found("for i in xs:\n    if i > 7:\n        a += i\nreturn a")["i > 7"] == "bool"


def names(body: str, text: str) -> dict[str, str]:
    tree = ast.parse(f"{HEAD}def f(a: int, s: str):\n" + "".join(f"    {line}\n" for line in body.splitlines()))
    return next(dict(place.names) for place in typed.places(tree) if ast.unparse(place.node) == text)


def test_only_names_that_are_bound_for_certain_are_in_scope() -> None:
    assert names("early = a + 5\nreturn a", "a + 5") == {"a": "int", "s": "str"}
    assert names("early = a + 5\nlate = early + 6\nreturn late", "early + 6") == {"a": "int", "s": "str", "early": "int"}
    assert "inner" not in names("if a:\n    inner = 1\nreturn a + 5", "a + 5")
    assert "a" not in names("a = [g(1)][0].foo\nreturn s + 'x'", "s + 'x'")  # rebound to who knows what
    assert names("return [x + 5 for x in [a]]", "x + 5")["x"] == "int"
    assert "e" not in names("try:\n    e = 1\nexcept ValueError:\n    pass\nreturn a + 5", "a + 5")


def test_annotations_and_defaults_are_no_places() -> None:
    tree = ast.parse("def f(a: list[int] = [7]) -> int:\n    b: dict[str, int] = {'k': 8}\n    return 9\n")
    assert [ast.unparse(place.node) for place in typed.places(tree)] == ["{'k': 8}", "'k'", "8", "9"]


@pytest.mark.parametrize(("text", "name"), [("len(xs)", "len"), ("a.b.count(1)", "count"), ("f(1)(2)", ""), ("xs[0]()", "")])
def test_what_a_call_names_is_the_same_for_mutants(text: str, name: str) -> None:
    call = ast.parse(text, mode="eval").body
    assert isinstance(call, ast.Call)
    assert paths.callee(call) == mutate._callee(call) == name
