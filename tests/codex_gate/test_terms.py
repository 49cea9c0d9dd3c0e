"""What a change says as a set of terms: which, in which order, and how little of a hostile one is read."""

from __future__ import annotations

import math
import time

import pytest

from codex_gate import terms
from codex_gate.linear import ROW, ZERO, Linear
from codex_gate.taxonomy import KINDS
from codex_gate.types import Commit, FileChange


def change(path: str = "a.py", patch: bytes = b"", added: int | None = 1, deleted: int | None = 1) -> FileChange:
    return FileChange(path, path, "M", 0o100644, 0o100644, "1" * 40, "2" * 40, added, deleted, patch)


def told(message: str | None, *files: FileChange, fired: tuple[str, ...] = ()) -> list[str]:
    return terms.of(Commit("0" * 40, ("1" * 40,), "ada", 1, 0, message, files), fired)


MESSAGE = "Fix off-by-one in parser's loop\n\nThe index's end was wrong.\nSigned-off-by: A <a@b>"
PATCH = b"@@ -1,2 +1,2 @@ def f\n-  if i <= len(self.Items):\n+  if i < len(self.Items) and ok:\n x = 3"
OF_MESSAGE = ["t:fix", "t:off-by-one", "t:in", "t:parser's", "t:loop", "t:fix off-by-one", "t:off-by-one in", "t:in parser's", "t:parser's loop"]
WORKED_OUT = """m:the m:index's m:end m:was m:wrong r:b r:a
f:code l:python p:src p:net p:http p:parser p:py f:test p:tests p:test p:a f:doc p:readme p:md a:1 d:1 n:1"""


def test_every_term_stands_once_in_the_order_of_message_rules_and_files() -> None:
    found = told(MESSAGE, change("src/net/http_parser.py", PATCH), change("tests/test_a.py", b"@@\n+unseen"), change("README.md"), fired=("b", "a", "b"))
    assert found == OF_MESSAGE + WORKED_OUT.split()


def test_a_change_without_message_or_files_says_only_its_size() -> None:
    assert told(None) == told("") == told(" \n\n ") == ["a:0", "d:0", "n:0"]


def test_the_title_is_the_first_line_with_words_and_what_a_trailer_says_is_no_message() -> None:
    found = told("\n\n Title here \nbody here\nCc: somebody\nReviewed-by: Eve\nChange-Id: I123")
    assert found == ["t:title", "t:here", "t:title here", "m:body", "m:here", "a:0", "d:0", "n:0"]


@pytest.mark.parametrize(("lines", "step"), [(None, 0), (0, 0), (1, 1), (2, 2), (3, 2), (4, 3), (255, 8), (256, 9), (10**9, 9)])
def test_sizes_are_steps_of_powers_of_two(lines: int | None, step: int) -> None:
    found = told(None, change("a.py", added=lines, deleted=0), change("tests/test_a.py", added=500, deleted=500))
    assert [term for term in found if term[:2] in ("a:", "d:", "n:")] == [f"a:{step}", "d:0", "n:1"]  # tests are no program text


def test_the_lines_themselves_are_left_to_the_rules() -> None:
    assert told("fix", change(patch=b"@@\n-a == b\n+b == a")) == told("fix", change(patch=b"@@\n-x()\n+y()"))


def test_a_word_that_is_too_long_is_none() -> None:
    long, most = "x" * (terms.MAX_WORD + 1), "y" * terms.MAX_WORD
    assert told(f"one {long} {most}\n{long} two") == ["t:one", f"t:{most}", f"t:one {most}", "m:two", "a:0", "d:0", "n:0"]


# -- bounds --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("message", ["a'" * 2_500_000, "cc\n" * 1_700_000, "a" + "'" * 5_000_000, "cc" + " " * 5_000_000, "\n" * 5_000_000, "İ" * 2_500_000])
def test_of_a_message_of_five_megabytes_little_is_read(message: str) -> None:
    began = time.process_time()
    found = told(message + " unread")
    assert time.process_time() - began < 0.5
    assert len(found) < 10 and not any("unread" in term for term in found)


def test_a_message_is_read_up_to_its_bound() -> None:
    body = "x " * ((terms.MAX_MESSAGE - len("title\nend")) // 2)
    assert "m:end" in told(f"title\n{body}end more") and "m:more" not in told(f"title\n{body}end more")


def test_of_many_files_the_paths_of_some_are_read() -> None:
    files = [change(f"src/f{number}x.py") for number in range(3000)]
    found = told(None, *files)
    assert f"p:f{terms.MAX_FILES - 1}x" in found and f"p:f{terms.MAX_FILES}x" not in found and found[-1] == "n:9"


def test_no_more_terms_are_told_of_long_paths_than_the_sums_of_the_model_have_room_for() -> None:
    long = [change("/".join(f"w{number:x}y{word:x}" for word in range(560)) + ".py") for number in range(terms.MAX_FILES)]
    found, short = told("fix crash", *long), told("fix crash", *long[:100])
    assert len(found) == terms.MAX_TERMS > len(short) and found[: len(short) - 3] == short[:-3] and short[-3:] == ["a:7", "d:7", "n:7"]
    most = Linear("1", (0.0,) * len(KINDS), (1.0,) * len(KINDS), 1, b"\xff" * ROW)  # all terms in one bucket of the largest numbers
    assert most.scores(found) == pytest.approx([(255 - ZERO) * terms.MAX_TERMS / math.sqrt(255**2 * terms.MAX_TERMS)] * len(KINDS))


def test_bytes_and_surrogates_that_are_no_text_are_passed_over() -> None:
    found = told("f\udcff \ud800x", change("src/\udcff\udcfex.py", b"@@\n+\xff\xfename\xe2\x82"))
    assert found == ["t:f", "t:x", "t:f x", "f:code", "l:python", "p:src", "p:x", "p:py", "a:1", "d:1", "n:1"]
