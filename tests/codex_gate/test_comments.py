"""Which lines are program text, language by language."""

from __future__ import annotations

import time

import pytest

from codex_gate.comments import SYNTAX, code_lines, told
from codex_gate.paths import LANGUAGES


@pytest.mark.parametrize(
    ("language", "text", "code"),
    [
        ("python", '"""doc\nmore\n"""\nx = 1  # why\n# comment\n\ny = "# no"\n', {4, 7}),
        ("python", 'x = """\n# text of x\n"""\n', {1, 2, 3}),
        ("python", "def f():\n    '''doc'''\n    return 1\n", {1, 3}),
        ("python", '"""doc"""  # noqa\nx = 1\n"""more"""\ny = 2\n', {2, 4}),
        ("python", '"""text""" + x\n# y\n"""never closed\nz\n', {1, 3, 4}),
        ("javascript", 'a = /\\/\\/x/;\nb = /\\"/; // c\n// d\n', {1, 2}),
        ("c", "/* a\n b */\n#include <x>\nint x; /* y */\n// z\n", {3, 4}),
        ("c", 'char *u = "http://x"; \n', {1}),
        ("c", "int a; /* never\nclosed\n", {1}),
        ("java", "/**\n * doc\n */\nclass A {\n  // b\n}\n", {4, 6}),
        ("javascript", "const a = `\n// text\n`;\n// gone\n", {1, 2, 3}),
        ("typescript", "let u = '/* no */';\n/* yes */\n", {1}),
        ("go", "// Package x\npackage x\n", {2}),
        ("rust", "/// doc\nfn f<'a>(x: &'a str) {} // tail\n", {2}),
        ("php", "<?php\n# old\n#[Attribute]\n// new\n", {1, 3}),
        ("ruby", '=begin\ntext\n=end\nputs "#{x}" # y\n# z\n', {4}),
        ("perl", "=pod\n\ntext\n\n=cut\nmy $#a = 1;\n", {6}),
        ("shell", "#!/bin/sh\necho ${#x} $# # y\n", {2}),
        ("lua", "--[[ a\nb ]]\nx = 1 -- c\n", {3}),
        ("sql", "-- a\nselect 1;\n", {2}),
        ("haskell", "{- a\n-}\nmain = x -- y\n", {3}),
        (None, "a\n\n# b\n", {1, 3}),
        ("dart", "\xff\xfe bytes\n", {1}),
    ],
)
def test_lines_of_program_text(language: str | None, text: str, code: set[int]) -> None:
    assert code_lines(text.encode("latin-1"), language) == code


def test_a_hostile_line_costs_little_to_tell() -> None:
    started = time.process_time()
    for unit in (b"x#", b"x//", b"##", b'"a" ', b"'\\", b"a /*"):
        for language in SYNTAX:
            told(unit * 50_000, language)
    assert time.process_time() - started < 20  # about 1 s; in quadratic time minutes


def test_every_language_of_a_path_has_its_syntax() -> None:
    assert set(LANGUAGES.values()) == set(SYNTAX)


def test_carriage_returns_and_no_last_line_end_do_not_matter() -> None:
    assert code_lines(b"// a\r\n\r\nint x;", "c") == {3}


def test_a_hostile_file_takes_linear_time() -> None:
    started = time.process_time()
    for text in (b"/*" * 50_000, b'"""' * 30_000, b"'" * 100_000, b"\\" * 100_000, b"=begin\n" * 20_000, b'x\\"' * 100_000, b'"""a"""  # b\n' * 20_000):
        for language in ("c", "python", "ruby", "perl", "javascript"):
            code_lines(text, language)
    assert time.process_time() - started < 20  # about 1 s; in quadratic time minutes
