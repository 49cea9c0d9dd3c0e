"""Tokens of a kind: what is program text, what layout says where it says something, and which words belong to the language."""

from __future__ import annotations

import pytest

from codex_gate.lexing import LAYOUT, LITERAL, NAME, SIGN, WORD, Token, tokens, words
from codex_gate.paths import LANGUAGES


def texts(text: str, language: str | None) -> str:
    return " ".join(token.text for token in tokens(text, language, 1000)[0])


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("python", "if a:\n    b('x')  # c\n    '''d'''\ne\n", 'if a : ; > b ( "c" ) ; < e ;'),
        ("python", "f(a,\n  b)\nc = \\\n  d\n", "f ( a , b ) ; c = d ;"),
        ("python", 'x = r"a" + f\'\' + b"cd"\n', 'x = "c" + "" + "text" ;'),
        ("python", "x = '''a\n'b\n''' + y\n", 'x = "text" + y ;'),
        ("c", "a/*b*/+ 0x1F; // c\n", "a + 0x1f ;"),
        ("javascript", "`a\n${b}` ?? c?.d", '"text" ?? c ?. d'),
        ("rust", "fn f<'a>(x: &'a str) { 'b' }", "fn f < 'a > ( x : & 'a str ) { \"c\" }"),
        ("php", "$a = $b->c; # d", "$a = $b -> c ;"),
        ("sql", "SELECT a FROM b -- c", "select a from b"),
        ("lua", "--[[ a\nb ]] c = 1e-5", "c = 1e-5"),
        (None, "it's not 'so' \"bad\"", 'it \' s not "text" "text"'),
    ],
)
def test_what_is_read(language: str | None, text: str, expected: str) -> None:
    assert texts(text, language) == expected


def test_a_token_knows_its_kind_its_line_and_the_indentation_of_that_line() -> None:
    found, whole = tokens("if (a) {\n\treturn 'b';\n}", "java", 100)
    assert whole and [token.kind for token in found] == [WORD, SIGN, NAME, SIGN, SIGN, WORD, LITERAL, SIGN, SIGN]
    assert found[5] == Token(WORD, "return", 2, 4) and found[-1] == Token(SIGN, "}", 3, 0)
    assert tokens("a\n", "python", 100)[0][-1].kind == LAYOUT


def test_lines_are_counted_through_comments_and_texts() -> None:
    assert [token.line for token in tokens('a /* b\n\n */ c\n"d\\\ne" f', "c", 100)[0]] == [1, 3, 4, 5]


def test_no_more_is_read_than_asked_for_and_that_is_said() -> None:
    assert tokens("a b c", "c", 3)[1] is False  # the line's beginning counts
    assert [token.text for token in tokens("a b c", "c", 3)[0]] == ["a", "b"]
    assert tokens("a b c", "c", 4)[1] is True


@pytest.mark.parametrize("language", sorted(set(LANGUAGES.values())))
def test_every_language_has_words_of_its_own(language: str) -> None:
    assert words(language) != words(None) and len(words(language)) >= 8
