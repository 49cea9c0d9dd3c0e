"""What a commit message says about itself."""

from __future__ import annotations

import random
import time

import pytest

from codex_gate.messages import _CLOSES, _REPAIR, _STEM, TRAILER, is_fix, title

FIXES = [
    "fix",
    "Fix #12: crash on start",
    "fixes a crash",
    "FIXED: wrong total",
    "fixing the parser",
    "fixup! add a thing",
    "fix(parser): off by one",
    "fix!: off by one",
    "[FIX] off by one",
    "hotfix for 2.1",
    "hot-fix for 2.1",
    "bugfix",
    "bug-fix: totals",
    "bug 1234: totals",
    "work around a bug in libfoo",
    "squash two bugs",
    "repair the index after a power cut",
    "memory leak in the pool",
    "plug leaks",
    "deadlock between reader and writer",
    "segfault on ARM",
    "NPE in the parser",
    "NullPointerException when the list is empty",
    "correct the off-by-one",
    "corrected rounding",
    "handle wrong input",
    "the login was broken by 1a2b3c4",
    "broke the build with the last one",
    "a request fails behind a proxy",
    "failing on Windows",
    "a fault in the scheduler",
    "CVE-2021-44228",
    "vulnerabilities in the template engine",
    "regression since 2.0",
    "a defect in rounding",
    "Closes #12",
    "closed: #12",
    "resolves owner/some-repo.py#12",
    "Resolve gh-12",
    'Revert "add a thing"',
    "revert: add a thing",
    "fix crash and typo",
    "fix typo that crashes the parser",
    "tidy up\n\nand fix a race on the way",
]

NO_FIXES = [
    "",
    "\n\n",
    "fix typo",
    "Fix typos in README",
    "fixed a small typo in the docs",
    "fix some spelling",
    "fix docs",
    "fix docstrings of the parser",
    "fix comment",
    "fix lint",
    "fix the formatting of all imports",
    "fix ci",
    "fix links",
    "no bug",
    "not a bug",
    "without regressions",
    "non-bug cleanup",
    "no fix needed",
    "prefix",
    "suffix the names",
    "affix",
    "add fixtures",
    "a test fixture",
    "debug output",
    "debugging helpers",
    "make it faster",
    "default to UTF-8",
    "defective-pixel table",
    "dispatch events",
    "patch release",
    "failover to the second node",
    "fail-over",
    "fail fast",
    "a fail-safe default",
    "fault-tolerant storage",
    "fixed-size buffers",
    "fixed width columns",
    "fixed-point arithmetic",
    "bug tracker link",
    "bug report template",
    "bugzilla link",
    "leakproof lids",
    "unbroken line",
    "correctness proof",
    "incorrectness logic",
    "crashlytics",
    "FIXME added",
    "see #12",
    "part of #12",
    "reverted polarity of the plug",
    "reverse the list",
    "error handling",
    "add a thing\n\nReviewed-by: Bug Hunter <bug@example.org>\nSigned-off-by: Fix It <fix@example.org>",
]


@pytest.mark.parametrize("message", FIXES)
def test_a_repair_is_seen(message: str) -> None:
    assert is_fix(message)
    assert is_fix(message.upper())


@pytest.mark.parametrize("message", NO_FIXES)
def test_no_repair_is_seen_where_there_is_none(message: str) -> None:
    assert not is_fix(message)


def test_the_tables_are_large_and_apart() -> None:
    assert len(FIXES) + len(NO_FIXES) >= 40
    assert not {*FIXES} & {*NO_FIXES}


def test_only_the_beginning_of_a_message_counts() -> None:
    assert is_fix("x" * 3990 + " fix a")
    assert not is_fix("x " * 2500 + "fix the crash")


@pytest.mark.parametrize(
    "message", ["fix " * 100_000, "no " * 100_000, "fix the a an some " * 30_000, "cc: " + "x" * 300_000, " " * 300_000 + "fix", "#1 closes" * 40_000]
)
def test_long_messages_take_no_time(message: str) -> None:
    begin = time.process_time()
    is_fix(message)
    assert time.process_time() - begin < 0.25


@pytest.mark.parametrize(
    ("message", "first"),
    [("subject\n\nbody", "subject"), ("\n \n  subject  \nbody", "subject"), ("", ""), (" \n\t\n", ""), ("one\r\ntwo", "one"), ("a\x00b", "a\x00b")],
)
def test_title(message: str, first: str) -> None:
    assert title(message) == first


# -- evidence for labels ---------------------------------------------------------------------------------


def test_a_message_without_a_stem_tells_of_no_repair() -> None:
    """The quick look leaves out nothing that the words would find, whatever the case of the letters and whatever else stands there."""
    rng = random.Random(3)
    words = [
        *" ".join(FIXES + NO_FIXES).split(),
        "resolve",
        "#12",
        "\u017fegfault",
        "fi\u0131x",
        "\u212anull",
        "gh-3",
        "owner/name#4",
        "closes",
        "broke",
        "cc:",
        "\n",
    ]
    found = set()
    for _ in range(4000):
        message = " ".join(rng.choice((str.lower, str.upper, str.title))(rng.choice(words)) for _ in range(rng.randrange(1, 5)))
        text = TRAILER.sub(" ", message)
        if _REPAIR.search(text) or _CLOSES.search(text):
            found.add(message)
            assert not message.isascii() or _STEM.search(message.lower()), message
    assert len(found) > 1000
