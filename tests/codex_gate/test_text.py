"""Blocks of a diff as texts, and as token numbers of a student."""

from __future__ import annotations

import time

import pytest

from codex_gate import text
from codex_gate.text import HunkText, encode, fitted, of_all, of_change
from codex_gate.tokenise import FIXED, MESSAGE, NEW, OLD, START, Vocabulary
from codex_gate.types import FileChange

VOCABULARY = Vocabulary.of((*FIXED, *"abcdefghijklmnopqrstuvwxyz", *(f"##{letter}" for letter in "abcdefghijklmnopqrstuvwxyz")))


def change(patch: bytes, path: str = "src/a.py") -> FileChange:
    return FileChange(path, path, "M", 0o100644, 0o100644, "1" * 40, "2" * 40, 1, 1, patch)


def told(hunk: HunkText, limit: int = 99, message: str | None = None) -> str:
    return " ".join(VOCABULARY.tokens[i] for i in encode(hunk, message, VOCABULARY, limit))


def test_each_block_is_a_text_of_both_sides_with_its_context() -> None:
    patch = b"@@ -1,3 +1,3 @@\n a\n-b\n+c\n d\n@@ -9 +9,2 @@ def x():\n e\n+f\n\\ No newline at end of file"
    assert list(of_change(change(patch))) == [HunkText("src/a.py", 1, "a\nb\nd", "a\nc\nd"), HunkText("src/a.py", 9, "e", "e\nf")]
    assert next(of_change(change(patch))).language == "python"


def test_a_diff_made_by_git_is_read(make_repo) -> None:
    repo = make_repo()
    repo.write("a.py", "".join(f"x{i} = {i}\n" for i in range(20)))
    first = repo.commit("one")
    repo.write("a.py", "".join(f"x{i} = {i * (i != 7)}\n" for i in range(20)) + "y = 1\n")
    second = repo.commit("two")
    (files,) = list(repo.open().diffs([(second, first)]))
    assert [(hunk.line, hunk.before, hunk.after) for hunk in of_change(files[0])] == [
        (7, "x6 = 6\nx7 = 7\nx8 = 8", "x6 = 6\nx7 = 0\nx8 = 8"),
        (20, "x19 = 19", "x19 = 19\ny = 1"),
    ]


@pytest.mark.parametrize(
    "patch",
    [
        b"",  # binary, or an empty file
        b"@@ -1 +1 @@\n-a\n+a",  # nothing but the line end changed
        b"@@ -0,0 +1 @@\n+\0ELF",
        b"@@ -0,0 +1 @@\n+" + bytes(range(1, 9)) * 40,
        b"@@ -0,0 +1 @@\n+" + b"a=1;" * 1_300_000,  # minified, 5 MB in a line
        b"@@ -1 +1 @@\n-" + b"x" * 1001 + b"\n+x",
    ],
)
def test_what_nobody_reads_has_no_text(patch: bytes) -> None:
    began = time.process_time()
    assert list(of_change(change(patch))) == []
    assert time.process_time() - began < 1.0


def test_all_that_a_change_does_to_program_text_is_one_text_without_context() -> None:
    files = (
        change(b"@@ -1,3 +1,3 @@ def x():\n a\n-b\n+c\n d\n@@ -9 +9,2 @@\n e\n+f\n\\ No newline at end of file", "src/a.py"),
        change(b"@@ -1 +1,2 @@\n-g\n+longest of all\n+h", "src/b.rs"),
        change(b"@@ -1 +1 @@\n-t\n+u", "tests/test_a.py"),
        change(b"@@ -1 +1 @@\n-v\n+w", "README.md"),
    )
    assert of_all(files) == HunkText("src/b.rs", 0, "b\ng", "c\nf\nlongest of all\nh")
    assert of_all(files[:1]) == HunkText("src/a.py", 0, "b", "c\nf")
    assert of_all(files[2:]) is None and of_all(()) is None


def test_a_side_that_has_no_line_is_empty() -> None:
    added, deleted = change(b"@@ -0,0 +1 @@\n+a", "a.py"), change(b"@@ -1 +0,0 @@\n-b", "b.py")
    assert of_all((added,)) == HunkText("a.py", 0, "", "a")
    assert of_all((added, deleted)) == HunkText("a.py", 0, "b", "a")  # of files with as much the first


@pytest.mark.parametrize(
    "patch", [b"", b"@@ -0,0 +1 @@\n+\0ELF", b"@@ -0,0 +1 @@\n+" + b"a=1;" * 1_300_000, b"@@ -1 +1 @@\n-" + b"x" * 1001 + b"\n+x", b"@@ -1 +1 @@\n+"]
)
def test_a_file_that_nobody_reads_is_left_out_of_it(patch: bytes) -> None:
    began = time.process_time()
    assert of_all((change(patch, "a.py"),)) is None
    assert of_all((change(patch, "a.py"), change(b"@@ -1 +1 @@\n-b\n+c", "b.py"))) == HunkText("b.py", 0, "b", "c")
    assert time.process_time() - began < 1.0


def test_all_of_a_large_change_is_read_in_part_and_its_bytes_are_any() -> None:
    lines = b"@@ -0,0 +1,9000 @@\n" + b"+a\xef\n" * 9000
    found = of_all([change(lines, f"{name}.py") for name in "abcdefgh"])
    assert found is not None and found.path == "a.py" and found.after.startswith("a\ufffd\na\ufffd")
    assert text.MAX_BLOCK // 2 < len(found.after) < text.MAX_BLOCK


def test_bytes_that_are_no_utf8_are_read_all_the_same() -> None:
    (hunk,) = of_change(change(b"@@ -0,0 +1 @@\n+na\xefve"))
    assert hunk.after == "na�ve" and hunk.before == ""


def test_a_large_block_is_read_in_part() -> None:
    (hunk,) = of_change(change(b"@@ -0,0 +1,40000 @@\n" + b"+abc\n" * 40_000))
    assert len(hunk.after) < text.MAX_BLOCK


def test_tokens_name_the_sides() -> None:
    hunk = HunkText("a.py", 1, "a", "a\n  b")
    assert told(hunk) == f"{START} {OLD} [I0] a {NEW} [I0] a [I2] b"
    assert told(hunk, message="x") == f"{START} {MESSAGE} [I0] x {OLD} [I0] a {NEW} [I0] a [I2] b"


def test_room_is_shared_and_what_one_side_does_not_need_is_the_others() -> None:
    letters, others = " ".join("abcdefghijklmnop"), " ".join("zyxwvutsrqponmlk")
    assert told(HunkText("a.py", 1, letters, others), 11) == f"{START} {OLD} [I0] a b c {NEW} [I0] z y x"
    assert told(HunkText("a.py", 1, "", letters), 11) == f"{START} {OLD} {NEW} [I0] a b c d e f g"
    assert told(HunkText("a.py", 1, letters, "z"), 11) == f"{START} {OLD} [I0] a b c d e {NEW} [I0] z"


def test_what_differs_stays_in_view_behind_a_long_common_beginning() -> None:
    same = " ".join("abcdefghijklmnopqrstuvwxyz" * 3)
    found = told(HunkText("a.py", 1, f"{same} a b", f"{same} c b"), 23)
    assert found == f"{START} {OLD} s t u v w x y z a b {NEW} s t u v w x y z c b"
    assert told(HunkText("a.py", 1, same, same + " a"), 27).endswith("x y z a")


def test_nothing_is_dropped_where_both_sides_fit() -> None:
    assert fitted([1, 2, 3], [1, 2, 4], 6) == ([1, 2, 3], [1, 2, 4])
    assert fitted(list(range(50)), [*range(49), 99], 100) == (list(range(50)), [*range(49), 99])
    assert fitted([1, 2], [3, 4], 0) == ([], [])


@pytest.mark.parametrize("limit", [8, 33, 128])
def test_the_limit_holds_and_a_message_takes_half_at_most(limit: int) -> None:
    letters = " ".join("abcdefghijklmnop" * 20)
    found = encode(HunkText("a.py", 1, letters, letters), letters, VOCABULARY, limit)
    assert limit - 1 <= len(found) <= limit
    assert found.index(VOCABULARY.id(OLD)) == 2 + limit // 2
