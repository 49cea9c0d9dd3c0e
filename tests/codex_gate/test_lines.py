"""What is measured of a changed line: its kind, its words, its place – and that only what belongs to the change counts."""

from __future__ import annotations

import math
import random
import subprocess
import sys
from pathlib import Path

import pytest

from codex_gate.lines import LINE_FEATURES, MAX_CHARS, SILENT, ChangedLine, changed_lines, measure, words
from codex_gate.types import FileChange


def line(text: str, file: str = "a.py", added: bool = True, number: int = 1) -> ChangedLine:
    return ChangedLine(file, file, added, number, text.encode())


def row(lines: list[ChangedLine], at: int = 0) -> dict[str, float]:
    found = measure(lines)[at]
    assert found is not None
    return dict(zip(LINE_FEATURES, found, strict=True))


def change(patch: bytes, path: str = "a.py", old_path: str | None = None, status: str = "M", mode: int = 0o100644) -> FileChange:
    added, deleted = patch.count(b"\n+") + patch.startswith(b"+"), patch.count(b"\n-") + patch.startswith(b"-")
    return FileChange(path, old_path, status, mode, mode, "1" * 40, "2" * 40, added, deleted, patch)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("import os", "import"),
        ("#include <stdio.h>", "import"),
        ("use std::fmt;", "import"),
        ("@Override", "annotation"),
        ("if (x == null) {", "condition"),
        ("    elif x:", "condition"),
        ("} else if (y) {", "condition"),
        ("} else {", "flow"),
        ("try:", "flow"),
        ("return x", "return"),
        ("throw new IOException(e);", "failure"),
        ("raise ValueError(x)", "failure"),
        ("def f(a, b=1):", "signature"),
        ("public int size() {", "signature"),
        ("fn main() {", "signature"),
        ("class A:", "type"),
        ("pub struct Point {", "type"),
        ("private int n = f();", "declaration"),
        ("let x = g(1);", "declaration"),
        ("total += price * 2", "assignment"),
        ("x := 1", "assignment"),
        ("run(job)", "call"),
        ("first, second,", "other"),
    ],
)
def test_kind_of_line_in_any_language(text: str, kind: str) -> None:
    found = row([line(text)])
    assert [name for name in LINE_FEATURES if name.startswith("kind_") and found[name]] == [f"kind_{kind}"]


@pytest.mark.parametrize("text", ["", "  \t", "// words", "# words", "/* words", " * words", "*/", "<!-- x -->", '"""Words."""', "}", "  });", "--------"])
def test_line_without_program_text_is_not_measured(text: str) -> None:
    assert measure([line(text)]) == [None]


@pytest.mark.parametrize("text", ["#define N 3", "*p = 1;", "#[derive(Debug)]", "-x"])
def test_line_that_looks_like_a_comment_is_measured(text: str) -> None:
    assert measure([line(text)]) != [None]


def test_lines_without_program_text_are_no_part_of_the_change() -> None:
    bare = [line("x = f(1)"), line("y = f(2)")]
    padded = [line("# why"), bare[0], line(""), bare[1], line("}")]
    assert [r for r in measure(padded) if r is not None] == measure(bare)


def test_counts_of_a_line_by_itself() -> None:
    found = row([line('    total = self.price(a, 2) + other.get("key", None) if n >= 10 else 0')])
    expected = {"indent": 4, "strings": 1, "numbers": 3, "comparisons": 1, "arithmetic": 1, "assignments": 1, "calls": 2, "members": 2, "commas": 2}
    assert {name: found[name] for name in expected} == expected
    assert found["nothing"] == 1 and found["unbalanced"] == 0 and found["names"] == 6
    assert found["length"] == pytest.approx(math.log1p(67))


def test_names_against_the_rest_of_the_change() -> None:
    found = row([line("old = value", added=False), line("value = fresh")], 1)
    assert found["new_names"] == 0.5  # fresh; value stood in the deleted line
    assert found["lone_names"] == 0.5  # fresh occurs once
    assert found["rarity"] == pytest.approx((math.log(3 / 1) + math.log(3 / 2)) / 2)
    assert found["shared_names"] == pytest.approx(1 / 2)


def test_moved_and_repeated_lines_are_known() -> None:
    lines = [line("x = 1", added=False), line("y = 2"), line("x = 1"), line("y = 2")]
    assert [row(lines, k)["moved"] for k in range(4)] == [1, 0, 1, 0]
    assert [row(lines, k)["repeated"] for k in range(4)] == pytest.approx([math.log(2)] * 4)


def test_block_is_a_run_of_deleted_lines_with_the_added_ones_behind() -> None:
    lines = [line("a = 1", added=False), line("b = 1"), line("c = 1"), line("d = 1", added=False), line("e = 1"), line("f = 1", file="b.py")]
    assert [row(lines, k)["replaces"] for k in range(6)] == [1, 1, 1, 1, 1, 0]
    assert [row(lines, k)["block_size"] for k in range(6)] == pytest.approx([math.log(2), math.log(3), math.log(3)] + [math.log(2)] * 3)
    assert [row(lines, k)["first_in_block"] for k in range(6)] == [1, 1, 0, 1, 1, 1]
    assert [row(lines, k)["last_in_block"] for k in range(6)] == [1, 0, 1, 1, 1, 1]
    assert row(lines, 1)["like_other_side"] == pytest.approx(2 / 4)  # = and 1 of a, b, =, 1


def test_ranks_are_mid_ranks_in_the_change() -> None:
    lines = [line("a"), line("bbb"), line("bbb"), line("ccccc")]
    assert [row(lines, k)["rank_length"] for k in range(4)] == [0.125, 0.5, 0.5, 0.875]


def test_every_measure_is_finite_whatever_a_line_holds() -> None:
    rng = random.Random(1)
    texts = [bytes(rng.randrange(256) for _ in range(rng.randrange(40))).replace(b"\n", b"") for _ in range(400)]
    lines = [ChangedLine("a", "a", rng.random() < 0.6, n, text) for n, text in enumerate(texts)]
    rows = [r for r in measure(lines) if r is not None]
    assert len(rows) > 200
    assert all(len(r) == len(LINE_FEATURES) and all(map(math.isfinite, r)) for r in rows)
    assert measure([]) == []


def test_only_the_start_of_a_long_line_is_read() -> None:
    text = "f(x);" * 1000
    assert len(words(text.encode())) == MAX_CHARS // 5 * 5
    assert row([line(text)])["calls"] == MAX_CHARS // 5
    assert row([line(text)])["length"] == pytest.approx(math.log1p(5000))


def test_changed_lines_carry_the_number_on_their_side() -> None:
    patch = b"@@ -2,3 +2,4 @@\n a\n-b\n+B\n+B2\n c\n@@ -9 +10,0 @@\n-last\n\\ No newline at end of file"
    found = changed_lines([change(patch, "new.py", "old.py", "R")], 100)
    assert [(x.file, x.path, x.added, x.number, x.text) for x in found] == [
        ("new.py", "old.py", False, 3, b"b"),
        ("new.py", "new.py", True, 3, b"B"),
        ("new.py", "new.py", True, 4, b"B2"),
        ("new.py", "old.py", False, 9, b"last"),
    ]


def test_files_stand_in_the_order_of_their_paths_and_those_without_lines_are_left_out() -> None:
    one, two = change(b"@@ -0,0 +1 @@\n+x = 1", "b.py"), change(b"@@ -0,0 +1 @@\n+x = 2", "a.py")
    binary = FileChange("a.bin", None, "M", 0o100644, 0o100644, "1" * 40, "2" * 40, None, None, b"")
    module = change(b"@@ -1 +1 @@\n-Subproject commit 1\n+Subproject commit 2", "sub", mode=0o160000)
    assert [x.path for x in changed_lines([one, binary, module, two], 9)] == ["a.py", "b.py"]
    assert [x.path for x in changed_lines([one, two], 1)] == ["a.py"]


@pytest.mark.parametrize(
    ("line", "is_silent"), [("end", True), ("  end)", True), ("fi", True), ("done;", True), ("end.freeze", False), ("end if x", False), ("ended", False)]
)
def test_a_word_that_only_closes_is_no_program_text(line: str, is_silent: bool) -> None:
    found = changed_lines([change(f"@@ -0,0 +1,2 @@\n+x = call(y)\n+{line}".encode(), "a.rb")], 9)
    assert (measure(found)[1] is None) == is_silent


def test_silent_kinds_are_no_measure() -> None:
    assert not {f"kind_{kind}" for kind in SILENT} & set(LINE_FEATURES)
    assert len(set(LINE_FEATURES)) == len(LINE_FEATURES)


def test_the_same_lines_have_the_same_measures_in_every_process() -> None:
    """Names are held in sets, whose order changes with the seed of Python's hashes; a last bit that follows it decides between equal lines."""
    code = (
        "from codex_gate.lines import ChangedLine, measure\n"
        "texts = [f'def f{i}(a, b, c): return a if a > {i} else evaluate(b, c, limit, other)' for i in range(40)]\n"
        "print(measure([ChangedLine('a.py', 'a.py', True, i, text.encode()) for i, text in enumerate(texts)]))"
    )
    root = str(Path(__file__).parents[2])
    runs = [
        subprocess.run([sys.executable, "-c", code], env={"PYTHONHASHSEED": str(seed), "PYTHONPATH": root}, capture_output=True, check=True).stdout
        for seed in range(5)
    ]
    assert len(set(runs)) == 1
