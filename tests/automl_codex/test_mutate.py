"""Operators: for each, what it makes of a text and what it leaves alone."""

from __future__ import annotations

import ast
import importlib.util
from itertools import islice
from pathlib import Path
from random import Random

import pytest

from automl_codex import grammar, mutate
from automl_codex.sampling import STRATEGIES
from codex_gate.taxonomy import DefectCategory

CASES = Path(__file__).parents[1] / "cases" / "mutations"
FILES = sorted(CASES.glob("*.py"))


def cases(path: Path) -> list[tuple[str, list[str]]]:
    spec = importlib.util.spec_from_file_location(f"mutations_{path.stem}", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return list(module.CASES)


def test_every_operator_has_a_file_of_cases_with_a_twin_that_it_leaves_alone() -> None:
    assert {path.stem for path in FILES} == set(mutate.OPERATORS)
    for path in FILES:
        found = cases(path)
        assert any(expected for _, expected in found), path.stem
        if path.stem not in ("missing_close", "break_continue"):  # break and continue are all that there is
            assert any(not expected for _, expected in found), path.stem


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_operator_makes_what_its_cases_say(path: Path) -> None:
    operator = {path.stem: mutate.OPERATORS[path.stem]}
    for original, expected in cases(path):
        assert [mutant.source for mutant in mutate.mutants(original, operator)] == expected, original


def test_mutants_of_generated_programs_parse_and_differ_at_their_place_alone() -> None:
    programs = list(islice(STRATEGIES["swarm"]().drafts(grammar.python(), Random(2), 0, 4), 25))
    seen = set()
    for draft in programs:
        tree = ast.dump(ast.parse(draft.source))
        for mutant in mutate.mutants(draft.source):
            assert ast.dump(ast.parse(mutant.source)) != tree
            line, column = map(int, mutant.site.split(":"))
            before, after = draft.source.splitlines(), mutant.source.splitlines()
            assert before[: line - 1] == after[: line - 1], mutant
            assert before[line - 1][:column] == after[line - 1][:column], mutant
            seen.add(mutant.operator)
    assert len(seen) >= 20


def test_the_table_is_whole() -> None:
    letters = {"AOR", "ROR", "LOR", "COR", "UOI", "ABS", "SDL", "SVR", "BSR", "CRP"}
    assert letters < set(mutate.OPERATORS)
    assert all(isinstance(operator.category, DefectCategory) and operator.about for operator in mutate.OPERATORS.values())
    assert len({operator.category for operator in mutate.OPERATORS.values()}) >= 8


def test_columns_are_counted_in_bytes() -> None:
    found = [m.source for m in mutate.mutants('x = "é" + f(a, b)\n', {"swapped_arguments": mutate.OPERATORS["swapped_arguments"]})]
    assert found == ['x = "é" + f(b, a)\n']


@pytest.mark.parametrize(
    ("before", "after", "actual", "category"),
    [
        ("max(a, b)", "min(a, b)", "3", "LogicErrors"),
        ("c.keys()", "c.values()", "3", "LogicErrors"),
        ("abs(a)", "float(a)", "3.0", "TypeErrors"),
        ("abs(a)", "float(a)", "!TypeError", "TypeErrors"),
        ("sum(c)", "len(c)", "3", "LogicErrors"),
        ("sum(d for d in c)", "len((d for d in c))", "!TypeError", "ApiMisuse"),
        ("c.append(a)", "c.extend(a)", "!TypeError", "ApiMisuse"),
        ("c.insert(0, a)", "c.index(0, a)", "!ValueError", "ApiMisuse"),
    ],
)
def test_a_wrong_function_is_misuse_where_its_contract_is_broken_and_a_wrong_type_where_it_gives_one(
    before: str, after: str, actual: str, category: str
) -> None:
    operator = {"wrong_function": mutate.OPERATORS["wrong_function"]}
    (mutant,) = mutate.mutants(f"def f(a, b, c):\n    return len(str({before}))\n", operator)
    assert mutant.source == f"def f(a, b, c):\n    return len(str({after}))\n"
    assert mutate.category_of(mutant.operator, mutant.source, mutant.site, actual) == category


def test_a_mutants_category_is_its_operators_and_nothing_else_has_one() -> None:
    assert mutate.category_of("swapped_arguments", "", "1:0", "3") == "ApiMisuse"
    assert mutate.category_of("precedence", "", "1:0", None) == "OperatorPrecedence"
    assert mutate.category_of("graft", "", "1:0", None) is None is mutate.category_of("SR+SI", "", "", None)
