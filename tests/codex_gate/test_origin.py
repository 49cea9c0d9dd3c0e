"""Who brought a fault: lines told apart that are new, edited or moved."""

from __future__ import annotations

from collections import Counter

import pytest

from codex_gate.origin import Origin, taken, tokens
from codex_gate.types import FileChange, Hunk


def change(patch: str, path: str = "a.c", old_path: str | None = None) -> FileChange:
    lines = patch.encode().split(b"\n")
    added, deleted = (sum(line.startswith(sign) for line in lines) for sign in (b"+", b"-"))
    return FileChange(path, old_path, "M", 0o100644, 0o100644, "1" * 40, "2" * 40, added, deleted, patch.encode())


@pytest.mark.parametrize(
    ("deleted", "added", "expected"),
    [
        (["if (n < max) go();"], ["if (n <= max) go();"], [{}]),
        (["if (n <= max) go();"], ["if (n < max) go();"], [{"=": 1}]),
        (["copy(from, size);"], ["copy(from, length);"], [{"size": 1}]),
        (["drop(everything);"], [], [{}]),
        (["drop(everything);"], ["while True do x"], [{}]),
        (["call(a);"], ["if (a) {", "  call(a);", "}"], [None]),
        (["call(a);", "call(a);"], ["call(a);"], [None, {}]),
        (["one(a, b);", "two(c, d);"], ["two(c, e);", "one(a, f);"], [{"b": 1}, {"d": 1}]),
    ],
)
def test_what_a_fix_took_out_of_each_deleted_line(deleted: list[str], added: list[str], expected: list[dict[str, int] | None]) -> None:
    hunk = Hunk(1, 1, tuple(line.encode() for line in deleted), tuple(line.encode() for line in added))
    assert taken(hunk, "c") == [None if one is None else Counter({word.encode(): n for word, n in one.items()}) for one in expected]


def test_a_line_is_new_where_nothing_like_it_was_taken_away() -> None:
    files = [change("@@ -1,2 +1,3 @@\n first();\n+second(a, b);\n third();")]
    assert Origin(files).earlier("a.c", 2) is None
    assert Origin(files).earlier("a.c", 1) is None  # not changed at all
    assert Origin(files).earlier("b.c", 2) is None
    assert Origin(files).brought("a.c", 2, Counter())


def test_an_edited_line_has_its_earlier_version() -> None:
    files = [change("@@ -1,2 +1,2 @@\n-open(path, mode);\n-read(path, size);\n+read(file, size);\n+open(file, mode);")]
    assert Origin(files).earlier("a.c", 1) == b"read(path, size);"
    assert Origin(files).earlier("a.c", 2) == b"open(path, mode);"


def test_an_edit_that_carried_the_fault_on_did_not_bring_it() -> None:
    renamed = [change("@@ -1 +1 @@\n-if (count <= max) go(count);\n+if (n <= max) go(n);")]
    assert not Origin(renamed).brought("a.c", 1, tokens(b"=", "c"))  # the fix made it n < max
    assert not Origin(renamed).brought("a.c", 1, Counter())  # the fix put something in, which lacked before too


def test_an_edit_that_put_in_what_the_fix_took_out_brought_it() -> None:
    edited = [change("@@ -1 +1 @@\n-if (n < max) go(n);\n+if (n <= max) go(n);")]
    assert Origin(edited).brought("a.c", 1, tokens(b"=", "c"))


def test_a_line_that_moved_between_files_is_not_new() -> None:
    files = [change("@@ -1,2 +1,1 @@\n-  send(all, of, it);\n keep();", "old.c"), change("@@ -0,0 +1,2 @@\n+begin();\n+send(all, of, it);", "new.c")]
    assert Origin(files).earlier("new.c", 2) == b"  send(all, of, it);"
    assert Origin(files).earlier("new.c", 1) is None


def test_short_lines_are_alike_everywhere_and_have_not_moved() -> None:
    files = [change("@@ -1,2 +1,1 @@\n-return 0;\n keep();", "old.c"), change("@@ -0,0 +1,1 @@\n+return 0;", "new.c")]
    assert Origin(files).earlier("new.c", 1) is None


def test_a_short_line_moved_where_the_lines_around_it_did() -> None:
    files = [
        change("@@ -1,4 +1,1 @@\n-try:\n-    found = read(path, size)\n-except Missing:\n-    raise\n keep()", "old.py"),
        change("@@ -0,0 +1,4 @@\n+try:\n+    found = read(path, size)\n+except Missing:\n+    raise", "new.py"),
    ]
    assert Origin(files).earlier("new.py", 3) == b"except Missing:"
    assert not Origin(files).brought("new.py", 3, tokens(b"Missing", "c"))


def test_a_comment_behind_a_line_is_none_of_its_fault() -> None:
    noted = [change("@@ -1 +1 @@\n-return parse(value);\n+return parse(value); // the driver does not")]
    (one,) = taken(Hunk(1, 1, (b"return parse(value); // the driver does not",), (b"if (known) return parse(value);",)), "c")
    assert one is not None and not Origin(noted).brought("a.c", 1, one)


@pytest.mark.parametrize(
    ("spoken", "line", "left"),
    [
        ("c", "return parse(value); // why", "return parse(value);"),
        ("c", "// a comment alone", "// a comment alone"),
        ("c", "go(1, /* all */ 2); // why", "go(1, 2);"),
        ("c", 'open("http://a // b");', 'open("http://a // b");'),
        ("python", "half = size // 2  # rounds down", "half = size // 2"),
        ("python", "color = ' # no comment'", "color = ' # no comment'"),
        ("ruby", 'say "#{a} # b" # c', 'say "#{a} # b"'),
        ("shell", "name=${path##*/} # the last part", "name=${path##*/}"),
        ("shell", "curl http://x/#a", "curl http://x/#a"),
        ("javascript", "<p>See http://a.b/{id} now</p>", "<p>See http://a.b/{id} now</p>"),
        ("php", "<a href=/x#top class=a>", "<a href=/x#top class=a>"),
        (None, "left as // it is", "left as // it is"),
    ],
)
def test_what_is_a_comment_behind_a_line_is_told_by_its_language(spoken: str | None, line: str, left: str) -> None:
    assert tokens(line.encode(), spoken) == tokens(left.encode(), None)


def test_the_language_of_a_line_is_that_of_its_file() -> None:
    python, c = (change("@@ -1 +1 @@\n-half = size // 2\n+half = width // 2", path) for path in ("a.py", "a.c"))
    repaired = tokens(b"2", None)
    assert not Origin([python]).brought("a.py", 1, repaired)  # the 2 was there before
    assert Origin([c]).brought("a.c", 1, repaired)  # in a comment it was not


def test_brackets_that_come_and_go_do_not_say_who_brought_a_fault() -> None:
    sorted_only = [change("@@ -1 +1 @@\n-return names\n+return sorted(names)")]
    assert not Origin(sorted_only).brought("a.c", 1, tokens(b"names)", "c"))  # the fix goes on to filter the names
    assert Origin(sorted_only).brought("a.c", 1, tokens(b"sorted(", "c"))
    assert not Origin(sorted_only).brought("a.c", 1, tokens(b") {", "c"))
