"""Labels: each rule of the tables, and what no rule may say."""

from __future__ import annotations

import pytest

from automl_codex import gaps, labels, oracle_io
from automl_codex.labels import Verdict
from automl_codex.types import BUGGY, CORRECT


@pytest.mark.parametrize(
    ("codes", "message", "category"),
    [
        (("E0382", "E0308"), "use of moved value", "OwnershipBorrow"),
        (("E0308",), "mismatched types", "TypeErrors"),
        (("E0282",), "type annotations needed", "TypeAnnotationGaps"),
        (("E0277",), "the trait bound `T: Hash` is not satisfied", "TraitBounds"),
        (("E0277",), "the trait bound `bool: Magnitude` is not satisfied", "TypeErrors"),
        (("E0277",), "the trait bound `&str: Borrow<String>` is not satisfied", "TypeErrors"),
        (("E0277",), "cannot multiply `i32` by `f64`", "TypeErrors"),
        (("E0277",), "`i32` is not an iterator", "IteratorChain"),
        (("E0277",), "something new about a trait", None),
        (("E0425",), "cannot find type `Set` in this scope", "ASTTransform"),
        (("E0425",), "cannot find type `HashMap` in this scope", "ASTTransform"),
        (("E0433",), "failed to resolve: use of undeclared type `HashMap`", "ASTTransform"),
        (("E0433",), "failed to resolve: use of undeclared crate or module `math`", "StdlibMapping"),
        (("E0425",), "cannot find function `divmod` in this scope", "StdlibMapping"),
        (("E0425",), "cannot find value `total` in this scope", "ASTTransform"),
        (("E0599",), "no method named `append` found for struct `Vec<T>`", "StdlibMapping"),
        (("E0599",), "no method named `contains` found for struct `HashMap<K, V, S, A>` in the current scope", "StdlibMapping"),
        (("E0599",), "no method named `iter` found for struct `Map<I, F>` in the current scope", "IteratorChain"),
        (("E0599",), "no method named `wobble` found for struct `Vec<T>`", "ASTTransform"),
        (("E0618",), "expected function, found `Option<_>`", "ASTTransform"),
        (("",), "expected identifier, found `(`", "ASTTransform"),
        (("E9999",), "something new", None),
    ],
)
def test_codes_and_messages_become_categories(codes: tuple[str, ...], message: str, category: str | None) -> None:
    assert labels.of_compile_error(codes, message, "", 0).category == category


@pytest.mark.parametrize(
    ("code", "message", "line", "category"),
    [
        ("E0061", "this function takes 2 arguments but 3 arguments were supplied", "let a = pow(2, 3, 71);", "StdlibMapping"),
        ("E0061", "this function takes 2 arguments but 3 arguments were supplied", "let a = shape(2, 3, 71);", None),
        ("E0599", "`&str` is not an iterator", 'let a = count("n");', "StdlibMapping"),
        ("E0599", "`Foo` is not an iterator", "let a = zipped(b);", "IteratorChain"),
    ],
)
def test_a_function_of_pythons_library_under_the_same_name_is_a_mapping_of_the_library(code: str, message: str, line: str, category: str | None) -> None:
    assert labels.of_compile_error((code,), message, line, len("let a = ")).category == category


def test_an_error_within_a_comprehension_is_not_the_comprehensions() -> None:
    line = "return items.iter().map(|x| total).collect::<Vec<_>>();"
    assert labels.of_compile_error(("E0425",), "cannot find value `total` in this scope", line, line.index("total")).category == "ASTTransform"


def test_a_tuple_with_brackets_is_of_two_categories_and_not_learned_from() -> None:
    one, other = (labels.of_compile_error(("E0608",), f"cannot index into a value of type `{kind}`", "", 0) for kind in ("(i32, &str)", "bool"))
    assert one.confidence == labels.LOW and other == ("TypeErrors", "rustc", labels.MEDIUM)


def told(note: str = "", python: str = "4", rust: str = "=3") -> oracle_io.Told:
    return oracle_io.told(f"(7,): Python {python} | Rust {rust}{note}")


def test_results_that_differ_have_the_category_of_the_single_gap_that_explains_them() -> None:
    found = {name: labels.of_run(Verdict.IO_MISMATCH, "", told(f" | as with {name}")).category for name, gap in gaps.GAPS.items() if gap.explains}
    assert found == {
        "division": "LogicErrors",
        "chain": "ASTTransform",
        "grouping": "OperatorPrecedence",
        "loop_else": "ASTTransform",
        "narrowed": "TypeErrors",
    }


@pytest.mark.parametrize("note", ["", " | as with chain, division"])
@pytest.mark.parametrize("verdict", [Verdict.IO_MISMATCH, Verdict.TIMEOUT, Verdict.MISSING_EXCEPTION, Verdict.OTHER_PANIC])
def test_what_no_gap_explains_or_several_do_has_no_category(verdict: Verdict, note: str) -> None:
    assert labels.of_run(verdict, "", told(note)).category is None


def test_a_clock_alone_says_nothing_of_performance() -> None:
    assert labels.of_run(Verdict.TIMEOUT, "", told(" | as with grouping", rust="?timeout")).category == "OperatorPrecedence"


@pytest.mark.parametrize(
    ("python", "rust", "category"),
    [
        ("17.0", "=17", "TypeErrors"),
        ("(1, [2.0])", "=(1, [2, ], )", "TypeErrors"),
        ("'2.0'", '="2"', "StdlibMapping"),
        ("0.3", "=0.30000000000000004", None),
        ("[1, 2", "=[1, 2", None),
    ],
)
def test_another_form_is_another_type_or_another_text(python: str, rust: str, category: str | None) -> None:
    assert labels.of_run(Verdict.PASS_FORMAT, "", told(python=python, rust=rust)).category == category


def test_panics_and_crashes_keep_their_tables() -> None:
    assert labels.of_run(Verdict.OVERFLOW_PANIC, "", told(rust="!attempt to add with overflow")).category == "TypeErrors"
    assert labels.of_run(Verdict.INDEX_PANIC, "return a[-1]", told()).category == "ASTTransform"
    assert labels.of_run(Verdict.INDEX_PANIC, "return b in [-1, 2]", told()).category == "LogicErrors"  # a list that begins with a number below zero
    assert labels.of_run(Verdict.CRASH, "", told(rust="?signal 11")).category == "MemorySafety"


def test_a_pass_that_an_untried_input_would_end_is_neither_right_nor_wrong() -> None:
    assert labels.defect(Verdict.PASS, CORRECT, "(-7,)") == labels.UNKNOWN
    assert labels.defect(Verdict.PASS, CORRECT) == CORRECT
    assert labels.defect(Verdict.PASS, BUGGY, "(-7,)") == BUGGY  # the fault that was planted stays


def test_the_evidence_of_a_run_is_read_back() -> None:
    judged = oracle_io.Judged(oracle_io.Seen.DIFFERENT, "('a: b | c', 2,)", "4", "=3", " | as with chain, division")
    assert oracle_io.told(judged.evidence) == ("4", "=3", ("chain", "division"), "")
    assert oracle_io.plain(judged.evidence) == "('a: b | c', 2,): Python 4 | Rust =3"
    assert oracle_io.told(judged._replace(note=" | untried (-1,)").evidence).untried == "(-1,)"
    assert oracle_io.told("E0308 at 1:12: mismatched types") == ("", "", (), "") == oracle_io.told("(5,): right 10 | wrong 15")
    assert len(judged._replace(literal="x" * 900, python="y" * 900, rust="z" * 900).evidence) < 1000  # what is cut is never the note
