import math
import time
from collections.abc import Callable

import pytest

from codex_gate import complexity
from codex_gate.complexity import MAX_BYTES, MAX_FILES, MAX_TOTAL_BYTES, delta, measurable, total
from codex_gate.diffs import ZERO_ID
from codex_gate.types import FileChange
from tests.conftest import Repo

OLD, NEW = "1" * 40, "2" * 40


def change(path: str, status: str = "M", old_path: str | None = None, **other: object) -> FileChange:
    values = {"old_mode": 0o100644, "new_mode": 0o100644, "old_id": OLD, "new_id": NEW, "added": 1, "deleted": 1, "patch": b"", **other}
    if status == "A":
        values["old_id"], values["old_mode"] = ZERO_ID, 0
    if status == "D":
        values["new_id"], values["new_mode"] = ZERO_ID, 0
    return FileChange(path, old_path, status, **values)  # type: ignore[arg-type]


# McCabe: 1 for each function, 1 for each decision (if, loop, case, catch, && and ||)
CASES = {
    "python: an if and a loop more": (
        "a.py",
        "def f(x):\n    return x\n",
        "def f(x):\n    for y in x:\n        if y:\n            return y\n    return x\n",
        2,
    ),
    "python: a boolean operator counts": ("a.py", "def f(a, b):\n    return a\n", "def f(a, b):\n    return a and b\n", 1),
    "python: an elif chain taken away": (
        "a.py",
        "def f(x):\n    if x == 1:\n        return 1\n    elif x == 2:\n        return 2\n    elif x == 3:\n        return 3\n",
        "def f(x):\n    return x\n",
        -3,
    ),
    "java: a catch and an or": (
        "A.java",
        "class A { int f(int x) { return g(x); } }\n",
        "class A { int f(int x) { try { if (x > 0 || x < -9) { return g(x); } } catch (E e) { return 1; } return 0; } }\n",
        3,
    ),
    "javascript: a ternary and a loop": (
        "a.js",
        "function f(x) { return x; }\n",
        "function f(x) { while (x > 3) { x--; } return x ? 1 : 2; }\n",
        2,
    ),
    "go: two cases of a switch": (
        "a.go",
        "package a\n\nfunc f(x int) int {\n\treturn x\n}\n",
        "package a\n\nfunc f(x int) int {\n\tswitch x {\n\tcase 1:\n\t\treturn 2\n\tcase 2:\n\t\treturn 3\n\t}\n\treturn x\n}\n",
        2,
    ),
    "rust: an if and a for": (
        "a.rs",
        "fn f(x: i32) -> i32 {\n    x\n}\n",
        "fn f(x: i32) -> i32 {\n    for i in 0..x {\n        if i > 3 {\n            return i;\n        }\n    }\n    x\n}\n",
        2,
    ),
    "c: an if with and": ("a.c", "int f(int x) { return x; }\n", "int f(int x) { if (x && x > 2) { return 1; } return x; }\n", 2),
    "c: a new function": ("a.c", "int f(int x) { return x; }\n", "int f(int x) { return x; }\nint g(int x) { return x; }\n", 1),
    "a function that is left alone cancels out": (
        "a.py",
        "def f(x):\n    if x:\n        return 1\n\n\ndef g():\n    return 1\n",
        "def f(x):\n    if x:\n        return 1\n\n\ndef g():\n    return 2\n",
        0,
    ),
    "no functions at all": ("a.py", "x = 1\n", "x = 2\n", 0),
}


@pytest.mark.parametrize("name", ["a.py", "a\n.py", "a.PY", "dir.d/a\r\n b.py"])
def test_the_language_is_told_by_the_suffix_whatever_stands_before_it(name: str) -> None:
    assert total(name, b"def f(a):\n    return a or 1\n") == 2


@pytest.mark.parametrize(("path", "before", "after", "expected"), CASES.values(), ids=CASES)
def test_delta_worked_out_by_hand(path: str, before: str, after: str, expected: int) -> None:
    assert delta([change(path)], {OLD: before.encode(), NEW: after.encode()}) == expected
    assert delta([change(path)], {NEW: before.encode(), OLD: after.encode()}) == -expected


BRANCHY = b"def f(x):\n    if x:\n        return 1\n    return 2\n"


def test_an_added_file_counts_in_full_and_a_deleted_one_goes_in_full() -> None:
    assert delta([change("a.py", "A")], {NEW: BRANCHY}) == 2
    assert delta([change("a.py", "D")], {OLD: BRANCHY}) == -2


def test_a_renamed_file_is_compared_with_what_it_was() -> None:
    assert delta([change("b.py", "R", "a.py")], {OLD: BRANCHY, NEW: BRANCHY}) == 0
    # the old name decides how the old text is read
    assert delta([change("a.c", "R", "a.py")], {OLD: BRANCHY, NEW: b"int f(int x) { return x; }\n"}) == -1


def test_a_program_that_was_no_program_before_its_renaming_is_unknown() -> None:
    assert math.isnan(delta([change("a.py", "R", "notes.txt")], {OLD: b"if this reads like C {", NEW: BRANCHY}))


def test_several_files_add_up_and_other_text_does_not_disturb() -> None:
    files = [change("a.py", "A"), change("b.py", "A"), change("README.md", "A")]
    assert delta(files, {NEW: BRANCHY}) == 4


@pytest.mark.parametrize("path", ["README.md", "a.unknown", "Makefile", "a.hs", "no_suffix"])
def test_a_language_that_is_not_parsed_is_unknown_not_zero(path: str) -> None:
    assert measurable([change(path)]) == []
    assert math.isnan(delta([change(path)], {OLD: BRANCHY, NEW: BRANCHY}))


def test_no_files_is_unknown() -> None:
    assert math.isnan(delta([], {}))


@pytest.mark.parametrize(
    "other",
    [{"added": None, "deleted": None}, {"new_mode": 0o120000}, {"new_mode": 0o160000}],
    ids=["binary", "symlink", "submodule"],
)
def test_what_has_no_program_text_is_not_measured(other: dict[str, int | None]) -> None:
    assert measurable([change("a.py", **other)]) == []
    assert math.isnan(delta([change("a.py", **other)], {OLD: BRANCHY, NEW: BRANCHY}))


def test_a_missing_blob_is_unknown() -> None:
    assert math.isnan(delta([change("a.py")], {OLD: BRANCHY}))


def test_a_huge_file_is_unknown_and_not_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[str] = []
    import lizard

    whole = lizard.analyze_file.analyze_source_code
    monkeypatch.setattr(lizard.analyze_file, "analyze_source_code", lambda path, text: parsed.append(path) or whole(path, text))
    assert math.isnan(delta([change("a.py", "A")], {NEW: b"x = 1\n" * (MAX_BYTES // 6 + 1)}))
    assert parsed == []
    assert delta([change("a.py", "A")], {NEW: BRANCHY}) == 2
    assert parsed == ["text.py"]


def test_a_change_of_very_many_files_is_unknown() -> None:
    assert delta([change(f"{k}.py", "A") for k in range(MAX_FILES)], {NEW: BRANCHY}) == 2 * MAX_FILES
    assert math.isnan(delta([change(f"{k}.py", "A") for k in range(MAX_FILES + 1)], {NEW: BRANCHY}))


def test_a_change_of_very_much_text_is_unknown() -> None:
    text = b"# filling\n" * 20_000
    n = MAX_TOTAL_BYTES // len(text)
    assert math.isnan(delta([change(f"{k}.py", "A") for k in range(n + 1)], {NEW: text}))


NO_PROGRAM = {
    "random bytes": bytes(range(256)) * 40,
    "brackets that open only": b"{([" * 80,
    "brackets that close only": b"})]" * 400,
    "an open string": b"def f(x):\n    '''never closed\n" * 30,
    "one endless line": b"if x and y or z: " * 200,
    "an empty file": b"",
    "zero bytes": b"\0" * 1000,
    "template brackets": b"template<" * 300,
    "macros": b"#if A\nint f() {\n#else\nint g() {\n#endif\n" * 50,
}
SUFFIXES = ["py", "java", "js", "ts", "tsx", "go", "rs", "c", "cpp", "rb", "php", "swift", "kt", "cs", "lua", "pl", "erl", "zig", "f90", "r", "m", "scala"]


@pytest.mark.parametrize("text", NO_PROGRAM.values(), ids=NO_PROGRAM)
def test_text_that_is_no_program_gives_a_number_or_unknown(text: bytes) -> None:
    for suffix in SUFFIXES:
        found = delta([change(f"a.{suffix}", "A")], {NEW: text})
        assert math.isnan(found) or (math.isfinite(found) and found >= 0), suffix


@pytest.mark.parametrize("path", ["a.java", "a.cpp", "a.js", "a.rb", "a.go"])
def test_deep_nesting_is_unknown_and_costs_no_time(path: str, capfd: pytest.CaptureFixture[str]) -> None:
    start = time.perf_counter()
    assert math.isnan(delta([change(path, "A")], {NEW: b"void f() {" + b"if(x){" * 40_000}))
    assert time.perf_counter() - start < 2  # lizard alone takes minutes
    assert capfd.readouterr() == ("", "")


def test_a_file_that_the_parser_gave_up_half_way_is_unknown_and_says_nothing(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(complexity, "MAX_DEPTH", 10**6)
    assert math.isnan(delta([change("a.rb", "A")], {NEW: BRANCHY + b"{([" * 4000}))
    assert capfd.readouterr() == ("", "")


def test_vue_templates_are_not_parsed() -> None:
    assert measurable([change("a.vue")]) == []


@pytest.mark.parametrize(
    "error", [RecursionError, IndexError, KeyError, ValueError, AttributeError, TypeError, AssertionError, StopIteration, UnboundLocalError]
)
def test_a_parser_that_stumbles_makes_the_measure_unknown(monkeypatch: pytest.MonkeyPatch, error: type[Exception]) -> None:
    import lizard

    def stumble(path: str, text: str) -> None:
        raise error("lizard")

    monkeypatch.setattr(lizard.analyze_file, "analyze_source_code", stumble)
    assert math.isnan(delta([change("a.py", "A")], {NEW: BRANCHY}))


def test_a_real_commit_is_measured_through_git(make_repo: Callable[..., Repo]) -> None:
    repo = make_repo()
    repo.write("a.py", BRANCHY)
    first = repo.commit()
    repo.mv("a.py", "src/b.py")
    repo.write("src/b.py", BRANCHY + b"\n\ndef g(y):\n    return [z for z in y if z]\n")
    second = repo.commit()
    gate = repo.open()
    for new, old, expected in ((first, None, 2), (second, first, 3)):
        (files,) = gate.diffs([(new, old)])
        assert delta(files, gate.blobs({i for f in files for i in (f.old_id, f.new_id)}, complexity.MAX_BYTES)) == expected
