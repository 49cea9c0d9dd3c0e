"""Program text that a diff has no lines of, or whose lines the measures take for comments."""

from __future__ import annotations

import time

import pytest

from codex_gate.content import read
from codex_gate.types import Classification, CommitFeatures, FileChange, Finding, Level, Notice
from codex_gate.unread import MANY_BEHIND, MANY_BREAKS, notices, of_many, why

PLAIN = 0o100644
LS = "\u2028".encode()


def added(path: str, *lines: bytes, status: str = "A") -> FileChange:
    patch = b"@@ -0,0 +1,%d @@\n" % len(lines) + b"\n".join(b"+" + line for line in lines)
    return FileChange(path, None, status, 0, PLAIN, "0" * 40, "2" * 40, len(lines), 0, patch)


def binary(path: str, status: str = "A", old_mode: int = 0, new_mode: int = PLAIN, missing: bool = False) -> FileChange:
    return FileChange(path, None, status, old_mode, new_mode, "1" * 40, "2" * 40, None, None, b"", missing)


def code(n: int, before: bytes = b"/**/ ") -> list[bytes]:
    return [before + b"const a%d = f(%d);" % (k, k) for k in range(n)]


# -- without lines ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("change", [binary("src/a.js"), binary("src/a.py", "M", PLAIN), binary("a.c", "R", PLAIN), binary("a.c", "T", 0o120000)])
def test_program_text_without_lines_is_unread(change: FileChange) -> None:
    assert why(change) == "binary"


@pytest.mark.parametrize(
    "change",
    [
        binary("logo.png"), binary("lib/a.jar"), binary("a.pyc"), binary("tests/test_a.py"), binary("data.json"),  # what is no program text, or a test
        binary("src/a.js", "D", PLAIN, 0),
        binary("src/a.js", "T", PLAIN, 0o120000),  # a link is a path
        binary("src/a.js", missing=True),  # has a notice of its own
        FileChange("b.js", "a.js", "R", PLAIN, PLAIN, "1" * 40, "1" * 40, 0, 0, b""),
    ],
)  # fmt: skip
def test_what_is_binary_by_nature_or_has_nothing_to_read_is_not(change: FileChange) -> None:
    assert why(change) == ""


# -- breaks inside of lines --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "lines",
    [
        [b"// x\r" + b"\r".join(code(MANY_BREAKS))],
        [b"// x" + LS + LS.join(code(MANY_BREAKS))],
        [b"// x\r" + line for line in code(MANY_BREAKS)],  # one in each line hides as well
        [b"// x\r" + line + b"\r" for line in code(MANY_BREAKS)],
    ],
)
def test_line_ends_that_git_does_not_know_are_unread(lines: list[bytes]) -> None:
    change = added("a.js", *lines)
    assert read([change])[0]["code_lines_added"] == 0, "the measures see comments alone"
    assert why(change) == "breaks"


@pytest.mark.parametrize(
    "lines",
    [
        [line + b"\r" for line in code(40, b"")],
        [line + b"\r\r" for line in code(40, b"")],
        [b'x = "a\rb"' for _ in range(MANY_BREAKS - 1)],
        ["naïve – “quoted”".encode() for _ in range(40)],
    ],
)
def test_windows_line_ends_and_a_few_in_literals_are_read(lines: list[bytes]) -> None:
    assert why(added("a.py", *lines)) == ""
    assert why(added("README.md", b"a\r" * 40 + b"b")) == ""


def test_deleted_breaks_are_nothing_that_is_added() -> None:
    change = added("a.js", b"x = 1;")
    assert why(change._replace(patch=change.patch + b"\n-" + b"a\r" * 40 + b"b", deleted=1)) == ""


# -- behind comments -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "before"),
    [
        ("a.js", b"/**/"), ("a.c", b"  /* x */ /* y */ "), ("a.c", b"*/"), ("a.java", b" * x */ "), ("a.vue", b"<!-- x --> "),
        ("a.jl", b"#= x =# "), ("a.lua", b"--[[ x ]] "), ("a.lua", b"--[=[ x ]=] "), ("a.c", b"/**/ *"),
    ],
)  # fmt: skip
def test_program_text_behind_closed_comments_is_unread(path: str, before: bytes) -> None:
    change = added(path, *code(MANY_BEHIND, before))
    assert read([change])[0]["code_lines_added"] == 0, "the measures see comments alone"
    assert why(change) == "behind"
    assert why(added(path, *code(MANY_BEHIND - 1, before))) == ""
    padded = added(path, *code(MANY_BEHIND, before), *[{"a.jl": b"#", "a.lua": b"--"}.get(path, b"//") + b" word"] * 500)
    assert why(padded) == "behind", "comments by the hundred do not hide it either"


@pytest.mark.parametrize(
    "lines",
    [
        [b"/** @type {number} */ const a = f(1);", b"// why", *code(30, b"")],
        [*code(MANY_BEHIND, b"/** @type {X} */ "), *[b" * @returns {X} what"] * 30, *code(40, b"")],  # casts now and then
        [b"/** what it is */", *code(1, b"")] * 40,
        [b"/* a */ // b", b"/* a */ /* b", b" * a */ "] * 40,
        [b"*p = 5; /* x */ f();"] * 40,  # is read
        [b"// a */ b"] * 40,
    ],
)
def test_comments_that_close_before_program_text_now_and_then_are_read(lines: list[bytes]) -> None:
    assert why(added("a.js", *lines)) == ""


@pytest.mark.parametrize("piece", [b"/**/", b"*/", b"/* ", b"*/ \t", b"\r", b"a\r", b"<!-- -->", b"--[[ ]]", b"\xe2\x80\xa8", b"-->"])
def test_hostile_lines_take_linear_time(piece: bytes) -> None:
    line = piece * (1_000_000 // len(piece))
    start = time.perf_counter()
    for path in ("a.js", "a.lua", "a.py"):
        why(added(path, line))
        why(added(path, *[b"/* " + line] * 2))
    assert time.perf_counter() - start < 10  # .1 s alone; a quadratic one takes hours


# -- what is said --------------------------------------------------------------------------------------------


def test_each_reason_is_said_with_its_number() -> None:
    files = [binary("a.js"), binary("b.js"), binary("c.png"), added("d.js", *code(MANY_BEHIND)), added("e.js", b"// x\r" + b"y\r" * 40 + b"z")]
    assert [(n.code, n.text) for n in notices(files)] == [
        (
            "unread-files",
            "2 of 5 files could not be read (a.js, b.js): they are program text without lines for git (a NUL byte, UTF-16, or larger than the diff limit); "
            "so the risk rests on the rest and is not called low",
        ),
        (
            "unread-files",
            "1 of 5 files could not be read (e.js): it is program text with line ends that git does not take for any (a carriage return alone); "
            "so the risk rests on the rest and is not called low",
        ),
        (
            "unread-files",
            "1 of 5 files could not be read (d.js): it is program text behind comments that close on the same line; so the risk rests on the rest and is not called low",
        ),
    ]
    assert notices([binary("c.png")]) == []
    assert "4 of 4 files could not be read (a0.js, a1.js, a2.js and more): they" in notices([binary(f"a{k}.js") for k in range(4)])[0].text


def test_of_many_commits_those_that_a_fetch_would_mend_are_told_apart() -> None:
    def found(*codes: str) -> Finding:
        return Finding(None, "t", 0.1, Level.UNKNOWN, None, (Classification(None, 0.0),), CommitFeatures({}), notices=tuple(Notice(c, "") for c in codes))

    many = [found("missing-blobs", "unread-files"), found("unread-files"), found("binary-files"), found()]
    assert [finding.is_blind for finding in many] == [True, True, False, False]
    assert [(n.code, n.text.partition(":")[0]) for n in of_many(many)] == [
        ("missing-blobs", "the contents of 1 of 4 commits are not in this clone"),
        ("unread-files", "program text of 1 of 4 commits could not be read in lines"),
    ]
    assert of_many(many[2:]) == ()
