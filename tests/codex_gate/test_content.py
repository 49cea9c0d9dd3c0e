"""How much program text a change holds, counted by words."""

from __future__ import annotations

import time

import pytest

from codex_gate.content import CONTENT, read
from codex_gate.types import FileChange


def change(path: str, *lines: str) -> FileChange:
    """A patch of the given lines, each with its sign."""
    added, deleted = (sum(line.startswith(sign) for line in lines) for sign in "+-")
    patch = b"@@ -1,9 +1,9 @@ def around():\n" + "\n".join(lines).encode()
    return FileChange(path, None, "M", 0o100644, 0o100644, "1" * 40, "2" * 40, added, deleted, patch)


def some(found: dict[str, float]) -> dict[str, float]:
    """The measures that are not zero."""
    return {name: value for name, value in found.items() if value}


def measure(files: list[FileChange]) -> dict[str, float]:
    return read(files)[0]


def test_new_words_are_those_that_no_deleted_line_holds() -> None:
    moved = [change("a.go", "-call(one)", "+two"), change("b.go", "+call(one, three)"), change("README.md", "+prose"), change("tests/a_test.go", "+four")]
    assert read(moved)[1] == {b"two", b"three"}


def test_lines_words_and_names() -> None:
    found = measure(
        [
            change(
                "a.py", " before", "-    return old(x)", "+    if x is None:", "+        return new(x)", "+    for y in x: f(y)", "\\ No newline at end of file"
            )
        ]
    )
    assert tuple(found) == CONTENT
    assert some(found) == {
        "code_lines_added": 3, "code_lines_deleted": 1,
        "words_added": 13,  # if x is None, return new x, for y in x f y
        "words_deleted": 3,
        "names_added": 10,  # x three times, y twice
        "names_new": 8,  # not return, not x
        "pairs_new": 12,  # each of the twelve pairs once; of the deleted ones, return old and old x, none is among them
    }  # fmt: skip


@pytest.mark.parametrize(
    ("path", "line", "counts"),
    [
        ("a.py", "+# a comment", False),
        ("a.py", "+    # a comment further in", False),
        ("a.py", "+x = 1  # a comment behind text", True),
        ("a.c", "+#include <stdio.h>", True),
        ("a.c", "+  // a comment", False),
        ("a.c", "+  /* a comment", False),
        ("a.c", "+   * its next line", False),
        ("a.c", "+   *p = 1;", True),
        ("a.sql", "+-- a comment", False),
        ("a.sql", "+select 1", True),
        ("a.js", "+-- i", True),
        ("a.js", "+    });", False),
        ("a.js", "+", False),
        ("a.rb", "+\t\tend\r", True),
        ("README.md", "+prose", False),
        ("tests/test_a.py", "+assert f() == 1", False),
        ("a.bin", "+x", False),
        ("a.c", "+ /* a comment */", False),
        ("a.c", "+ /* one */ /* and the next", False),
        ("a.c", "+ /* one */ // and the next", False),
        ("a.c", "+ * the last line of one */", False),
        ("a.c", "+*p = 5; /* a comment */ f();", True),
        ("a.vue", "+<!-- a comment -->", False),
        ("a.jl", "+#= a comment =#", False),
        ("a.jl", "+#= a comment", False),
        ("a.py", "+#= x =# y", False),
        ("a.lua", "+--[[ a comment ]]", False),
        ("a.lua", "+-- a comment ]] y", False),
        ("a.sql", "+--[[ x ]] y", False),
    ],
)
def test_only_program_text_counts(path: str, line: str, counts: bool) -> None:
    assert measure([change(path, line)])["code_lines_added"] == counts


@pytest.mark.parametrize(
    ("path", "before"),
    [
        ("a.js", "/**/"), ("a.js", "/** @type {X} */ "), ("a.c", "  /* x */ /* y */ "), ("a.c", "*/"), ("a.java", " * x */ "), ("a.vue", "<!-- x --> "),
        ("a.jl", "#= x =# "), ("a.lua", "--[[ x ]] "), ("a.lua", "--[=[ x ]=] "), ("a.c", "/***/ *"), ("a.c", "/*/ x */"), ("a.c", "/* a * b - c */\t"),
    ],
)  # fmt: skip
def test_program_text_behind_closed_comments_counts_without_them(path: str, before: str) -> None:
    for sign, side in (("+", "added"), ("-", "deleted")):
        found = measure([change(path, f"{sign}{before}a = f(1, b);")])
        assert (found[f"code_lines_{side}"], found[f"words_{side}"]) == (1, 4)


def test_letters_beyond_ascii_are_part_of_a_word() -> None:
    assert measure([change("a.py", "+größe = straße2")])["words_added"] == 2


def test_files_add_up_and_a_moved_line_brings_no_new_name() -> None:
    found = measure([change("a.go", "-call(one)"), change("b.go", "+call(one, two)")])
    assert (found["names_added"], found["names_new"], found["code_lines_deleted"]) == (3, 1, 1)
    assert found["pairs_new"] == 1  # one two: call one stood there before


def test_the_same_words_in_another_order_are_new_pairs() -> None:
    found = measure([change("a.go", "-f(a, b)", "+f(b, a)", "+f(b, a)")])
    assert (found["names_new"], found["pairs_new"]) == (0, 3)  # f b, b a, and a f from the end of a line to the next
    over_files = measure([change("a.go", "+one"), change("b.go", "+two")])
    assert over_files["pairs_new"] == 1  # and from the end of a file to the next


def test_a_file_without_lines_adds_nothing() -> None:
    binary = change("a.py")._replace(added=None, deleted=None, patch=b"")
    assert some(measure([binary])) == {}


def test_a_line_of_megabytes_takes_no_second() -> None:
    started = time.process_time()
    measure([change("a.js", "+" + "a(b);" * 400_000, "+" + " " * 2_000_000 + "//", "+" + "(" * 2_000_000)])
    assert time.process_time() - started < 2  # linear: 0.2 s here; what tries again at every place takes hours


@pytest.mark.parametrize("piece", ["/**/", "*/", "/* ", "*/ \t", "/*", "*", "<!-- -->", "<!--", "--[[ ]]", "--[[", "-->", "#==#", "#="])
def test_hostile_comments_take_linear_time(piece: str) -> None:
    line = piece * (1_000_000 // len(piece))
    started = time.process_time()
    for path in ("a.js", "a.lua", "a.jl"):
        measure([change(path, "+" + line, "+/* " + line, "-" + line + "x")])
    assert time.process_time() - started < 10  # .2 s here; a quadratic one takes hours
