"""Program text that a diff has no lines of, or lines that git does not part."""

from __future__ import annotations

import time

import pytest

from codex_gate.content import read
from codex_gate.types import Classification, CommitFeatures, FileChange, Finding, Level, Notice
from codex_gate.unread import MANY_BREAKS, notices, of_many, why

PLAIN = 0o100644
LS = "\u2028".encode()


def added(path: str, *lines: bytes, status: str = "A") -> FileChange:
    patch = b"@@ -0,0 +1,%d @@\n" % len(lines) + b"\n".join(b"+" + line for line in lines)
    return FileChange(path, None, status, 0, PLAIN, "0" * 40, "2" * 40, len(lines), 0, patch)


def binary(path: str, status: str = "A", old_mode: int = 0, new_mode: int = PLAIN, missing: bool = False) -> FileChange:
    return FileChange(path, None, status, old_mode, new_mode, "1" * 40, "2" * 40, None, None, b"", missing)


def code(n: int) -> list[bytes]:
    return [b"const a%d = f(%d);" % (k, k) for k in range(n)]


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


# -- a pointer in place of text ----------------------------------------------------------------------------


def test_program_text_that_git_lfs_keeps_is_unread() -> None:
    pointer = [b"version https://git-lfs.github.com/spec/v1", b"oid sha256:" + b"0" * 64, b"size 123456789"]
    assert why(added("src/a.py", *pointer)) == "pointer"
    assert why(added("logo.psd", *pointer)) == why(added("src/a.py", b"x = 'version https://git-lfs.github.com/spec/v1'")) == ""
    (notice,) = notices([added("src/a.py", *pointer)])
    assert "1 of 1 files could not be read (src/a.py): it is program text that git-lfs keeps elsewhere" in notice.text


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
        [line + b"\r" for line in code(40)],
        [line + b"\r\r" for line in code(40)],
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


@pytest.mark.parametrize("piece", [b"\r", b"a\r", b"\r\n", b"\xe2\x80\xa8", b"\xe2"])
def test_hostile_lines_take_linear_time(piece: bytes) -> None:
    line = piece * (1_000_000 // len(piece))
    start = time.perf_counter()
    for path in ("a.js", "a.lua", "a.py"):
        why(added(path, line))
        why(added(path, *[b"/* " + line] * 2))
    assert time.perf_counter() - start < 10  # .1 s alone; a quadratic one takes hours


# -- what is said --------------------------------------------------------------------------------------------


def test_each_reason_is_said_with_its_number() -> None:
    files = [binary("a.js"), binary("b.js"), binary("c.png"), added("e.js", b"// x\r" + b"y\r" * 40 + b"z")]
    assert [(n.code, n.text) for n in notices(files)] == [
        (
            "unread-files",
            "2 of 4 files could not be read (a.js, b.js): they are program text without lines for git (a NUL byte, UTF-16, or larger than the diff limit); "
            "so the risk rests on the rest and is not called low",
        ),
        (
            "unread-files",
            "1 of 4 files could not be read (e.js): it is program text with line ends that git does not take for any (a carriage return alone); "
            "so the risk rests on the rest and is not called low",
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
