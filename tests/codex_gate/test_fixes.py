"""Which messages label their commit as a fix."""

from __future__ import annotations

import time

import pytest

from codex_gate.fixes import fix_evidence, rearranges


@pytest.mark.parametrize(
    ("message", "evidence"),
    [
        ("fix a crash", ["fix", "crash"]),
        ("fix\n\nThis avoids a crash.", ["avoids a crash"]),
        ("fixed a bug", ["fixed", "bug"]),
        ("Fix #12: crash on start", ["Fix", "crash", "Fix #12"]),
        ("fix(parser): off by one", ["fix(parser):", "off by one"]),
        ("[FIX] off by one", ["[FIX]", "off by one"]),
        ("Handle an empty list\n\nFixes: #12", ["Fixes: #12"]),
        ("Handle an empty list\n\nFixes HBASE-123", ["Fixes HBASE-123"]),
        ("Handle an empty list\n\nResolves https://example.org/org/tool/issues/7", ["Resolves https://example.org/org/tool/issues/7"]),
        ("Check the pointer\n\nThis avoids a crash when the list is empty.", ["avoids a crash"]),
        ("Bug 1234: totals", ["Bug", "Bug 1234"]),
        ("memory leak in the pool, closes #3", ["leak"]),
        ("BUG/MINOR: quic: be quiet", ["BUG"]),
        ('Revert "Add a thing"\n\nThis reverts commit abc. It broke the list.', ['Revert "Add a thing"']),
        ('Revert "Add a thing"\n\nFixes #12', ['Revert "Add a thing"']),
        ("revert a change. fix a leak", ["revert a change. fix a leak"]),
        ("Fix a reference count", ["Fix"]),
        ("Remove a lock that is never released: fixes a deadlock", ["fixes", "deadlock"]),
        ("Add a check that was wrong", ["wrong"]),
        ("CVE-2021-44228", ["CVE-2021-44228"]),
        ("document: fix a bad comparison", ["fix"]),
        ("Fix compile-time checks of widths", ["Fix"]),
        ("Fix include tag when the file is missing", ["Fix"]),
    ],
)
def test_a_fix_comes_with_what_says_so(message: str, evidence: list[str]) -> None:
    assert [one.text for one in fix_evidence(message)] == evidence
    assert all(one.where == "message" for one in fix_evidence(message))


@pytest.mark.parametrize(
    "message",
    [
        "",
        "\n \n",
        "Add a thing",
        "docs: fix the example",
        "chore(deps): fix versions",
        "fix(ci): a job",
        "feat: fix the width on request",
        "Fix a typo",
        "Fix the failing tests",
        "Fix unit tests on Windows",
        "fix build on ARM",
        "Fix clippy warnings",
        "Fix merge conflicts",
        "Add an option to quote (fixes #12)",
        "New: a rule (fixes #12)",
        "Support symbolic links\n\nFixes #12",
        "Always use colours, closes #46",
        "the request fails behind a proxy",
        "correct the wording",
        'Revert "Revert "Add a thing""',
        'Revert "Add a thing"\n\nThis reverts commit abc.',
        'Revert "fix a crash"',
        "revert",
        "fix",
        "Minor fixes",
        "some more small fixes",
        "Fix offenses",
        "Fix line length",
        "Fix broken docs",
        "fix up docs for the list",
        "fix the settings reference",
        "Sphinx docs sys.path config fix.",
        "fix: Remove unnecessary collection into a vec.",
        "fix: run cargo fmt",
        "Fix the message to mention the list",
        "Update dependencies, fix the types",
        "Improve --fixed-strings, closes #627",
        "Use another map in test-regression",
        "Handle it\n\nSigned-off-by: Fix It <fix@example.org>",
        "Use another pool\n\nThe old one had bugs.",
        "Add debugging output",
        "prefix the fixtures",
        "Whitespace fix",
        "Checkstyle fixes.",
        "Rubocop fixes for lib/url.rb",
        "Fix 'errcheck' linter warnings (#2093)",
        "Fix `clippy::needless_borrow` warnings",
        "fix fscanf() -Wunused-result warning",
        "[docs] fixed the argument count",
        "readme: fix the example",
        "go.mod: take v2, which fixes a race",
        "Update history to reflect the fix of #12",
        "2014.08.08, Version 0.11.28 (Unstable)\n\n* fixes a crash",
        "Now working on version 1.2.3\n\nFixes: #12",
        "Add a regression test for the crash",
        "Add failing test for the layout bug",
        "Document that the fix does not apply here",
        "rule: fix unclear description of the option",
        "Fixed error messages",
        "Fixes #374: convert the extension",
        "PR #102 followed suggestions",
        'Revert "fix the failing tests"',
        'Revert "docs: a word"',
        "Fix some errors",
        "fixed several small issues",
        "minor bugs fixed",
        "Fixed coverage issues",
        "+ fixed documentation bugs",
        "Fix CS",
        "Replace std::forward for clang-tidy, fixes #12",
        "unix: fix 'comparison between signed and unsigned integer expressions'",
        "fix: remove unneeded reference",
        "tpl: Improve the panic error message",
        "Fix res.send to mention res.sendStatus",
        "Fix function prototype in the parser",
        "fix the type annotations of the router",
        "fixed package.html",
        "Fixed unused variables",
        "Fixed else branch with `cargo fmt`",
        "Fix the notice to mention the new function",
        "fix: clippy lint warning - name change",
        "fix: no-console documentation example (#12)",
        "fix(help): Clarify that the command accepts several",
        "fix(mock): adjust the connector to compile",
        "fix: correct type hints of the router",
    ],
)
def test_what_labels_do_not_take_for_a_fix(message: str) -> None:
    assert fix_evidence(message) == ()


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("Refactor the reader", True),
        ("net: split up loop.c", True),
        ("Break main into separate modules", True),
        ("Move the pool to a file of its own", True),
        ("rubocop: fix code style", True),
        ("style: rustfmt everything", True),
        ("Format the source code", True),
        ("Organize the files a bit better", True),
        ('Revert "Remove the old path"', True),
        ("clean-up", True),
        ("", False),
        ("Add the move command", False),
        ("Print dates in the JSON format", False),
        ("Rewrite the scanner", False),
        ("Let the cursor move by words", False),
        ("Add a list\n\nAlso a refactoring.", False),
    ],
)
def test_which_titles_say_that_text_was_only_rearranged(message: str, expected: bool) -> None:
    assert rearranges(message) is expected


@pytest.mark.parametrize(
    "message",
    [
        "Fix bug in the loop",
        "Fixed a problem",
        "fix errors of the parser",
        "fix: correctly resolve type annotation of a function",
        "Fix: allow type annotations in brackets",
        "Fix undetected unused stubbing",
        "fix(compiler): check lang before attempt to compile script",
        "Fix documentation search crash",
        "Fix reading of a binary metadata file",
        "fix: objects with a prototype are cloned",
    ],
)
def test_words_that_look_like_prose_or_style_do_not_hide_a_repair(message: str) -> None:
    assert fix_evidence(message)


def test_evidence_names_its_line() -> None:
    found = fix_evidence("\n\nHandle it\n\ntext\nfixes #9 and fixes #10\n")
    assert [(one.line, one.text) for one in found] == [(6, "fixes #9"), (6, "fixes #10")]


def test_evidence_of_a_hostile_message_takes_linear_time() -> None:
    start = time.process_time()
    for text in (
        "fix " * 2000,
        "fix (" * 2000,
        "a" * 100_000,
        "fix the " + "a/" * 5000,
        "https://" * 1000,
        "[" * 5000,
        "fix\n" * 3000,
        "prevents " * 2000,
        "break " * 2000,
        "update " * 2000,
        "docs " * 2000,
        "fix" + " " * 3990 + "x",
        "close" + " \t" * 1990 + "x",
        "bug" + " " * 3990 + "x",
        "a\nfix" + " " * 3990 + "x",
        "quick-fix " * 390 + "now",
        "fix minor " * 390 + "now",
        "net:    " * 490 + "zz",
        "a - b, c/d: " * 300 + "zz",
        "-" * 3990 + "zz",
        "." * 60_000 + "zz",
        "./" * 30_000 + "md",
        "fix type " * 440,
        "fix function " * 300 + "x",
        "fix a wrong " * 330 + "type",
        "improve " * 490 + "message",
        "fix: " + "a " * 1990 + "to compile it",
    ):
        fix_evidence(text)
        fix_evidence("title\n\n" + text)
        fix_evidence('Revert "' + text)
        rearranges(text)
    assert time.process_time() - start < 2
