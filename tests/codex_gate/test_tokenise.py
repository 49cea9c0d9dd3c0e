"""The student's tokeniser: what it keeps, what it costs, and which vocabularies it refuses."""

from __future__ import annotations

import json
import time
from itertools import islice
from pathlib import Path

import pytest

from codex_gate import tokenise
from codex_gate.errors import ModelError
from codex_gate.tokenise import FIXED, UNKNOWN, Vocabulary, pieces

LETTERS = tuple("abcdefghijklmnopqrstuvwxyzHP")
TOKENS = (*FIXED, *LETTERS, *(f"##{letter}" for letter in (*LETTERS, "_")), "parse", "##HT", "##TP", "##er", "##H", "##Head", "##1", "##12")[:]
TOKENS = tuple(dict.fromkeys(TOKENS))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("parseHTTPHeader", "[I0] parse ##HTTP ##Header"),
        ("snake_case_2", "[I0] snake ##_case ##_2"),
        ("__init__", "[I0] __init ##__"),
        ("XMLHttp ABC Abc aBC", "[I0] XML ##Http ABC Abc a ##BC"),
        ("x1y22", "[I0] x ##1 ##y ##22"),
        ("Größe = 名前", "[I0] Gr ##öß ##e = 名前"),
        ("a<=b>>=c->d::e", "[I0] a <= b >>= c -> d :: e"),
        ("a ===b!==c", "[I0] a === b !== c"),
        ("if x:\n    y\n\t\tz\n   w", "[I0] if x : [I4] y [I8] z [I2] w"),
        ("a\n\n   \nb", "[I0] a [I0] b"),
        ("a\r\n  b\r\n", "[I0] a [I2] b"),
        (" " * 90 + "deep", "[I40] deep"),
        ("", ""),
        (" \n\t\n", ""),
        ("'it''s'", "[I0] ' it ' ' s '"),
    ],
)
def test_case_names_operators_and_indentation_are_kept(text: str, expected: str) -> None:
    assert list(pieces(text)) == expected.split()


def test_two_programs_that_differ_in_case_indentation_or_operator_differ() -> None:
    texts = ["if a:\n  b\n  c", "if a:\n  b\nc", "if A:\n  b\n  c", "if a :=\n  b\n  c"]
    assert len({tuple(pieces(text)) for text in texts}) == 4


def test_the_longest_tokens_are_taken_from_the_left() -> None:
    vocabulary = Vocabulary.of(TOKENS)
    assert [vocabulary.tokens[i] for i in vocabulary.encode("parseHTTPHeader x12", 99)] == ["[I0]", "parse", "##HT", "##TP", "##Head", "##er", "x", "##12"]


def test_a_part_that_cannot_be_spelled_is_unknown_as_a_whole() -> None:
    vocabulary = Vocabulary.of(TOKENS)
    assert [vocabulary.tokens[i] for i in vocabulary.encode("ab名 名 é " + "q" * 65, 99)] == ["[I0]", "a", "##b", UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN]


def test_the_limit_on_tokens_holds_within_a_part_too() -> None:
    vocabulary = Vocabulary.of(TOKENS)
    assert len(vocabulary.encode("zzzzzz zzzzzz", 4)) == 4
    assert vocabulary.encode("zzzzzz", 0) == []


@pytest.mark.parametrize("text", ["a=1;" * 1_300_000, "x" * 5_200_000, " " * 5_200_000, "\n" * 5_200_000 + "x"])
def test_a_line_of_five_megabytes_costs_what_its_first_tokens_cost(text: str) -> None:
    vocabulary = Vocabulary.of(TOKENS)
    began = time.process_time()
    assert len(vocabulary.encode(text, 128)) <= 128
    assert time.process_time() - began < 2.0


def test_pieces_are_made_as_they_are_taken() -> None:
    assert list(islice(pieces("a b c"), 2)) == ["[I0]", "a"]


def test_a_vocabulary_survives_its_file(tmp_path: Path) -> None:
    made = Vocabulary.of(TOKENS)
    made.write(tmp_path / "v.json")
    found = Vocabulary.read(tmp_path / "v.json")
    assert found.tokens == made.tokens and found.sha256 == made.sha256 and len(found) == len(TOKENS)
    assert [found.id(token) for token in found.tokens] == list(range(len(found)))


def test_the_hash_tells_tokens_order_and_splitter_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = {Vocabulary.of(TOKENS).sha256, Vocabulary.of(TOKENS[:-1]).sha256, Vocabulary.of((*TOKENS[:-2], TOKENS[-1], TOKENS[-2])).sha256}
    monkeypatch.setattr(tokenise, "SPLITTER", 2)
    assert len(seen | {Vocabulary.of(TOKENS).sha256}) == 4


def content(**changes: object) -> str:
    return json.dumps({"format": 1, "splitter": 1, "sha256": Vocabulary.of(TOKENS).sha256, "tokens": list(TOKENS)} | changes)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "cannot be read"),
        ("{", "is no vocabulary"),
        ("[]", "is no vocabulary"),
        (content(tokens=[1]), "is no vocabulary"),
        (content(splitter=2), "of format 1 and splitter 2, this version reads 1 and 1"),
        (content(format=9), "of format 9"),
        (content(tokens=["a"]), "begins with"),
        (content(tokens=[*TOKENS, "a"]), "names none twice"),
        (content(tokens=[*TOKENS, ""]), "begins with"),
        (content(sha256="0" * 64), "holds other tokens than its sha256 000"),
    ],
)
def test_a_file_that_is_no_vocabulary_of_this_version_is_refused(tmp_path: Path, text: str | None, said: str) -> None:
    path = tmp_path / "v.json"
    if text is not None:
        path.write_text(text, "utf-8")
    with pytest.raises(ModelError) as error:
        Vocabulary.read(path)
    assert said in str(error.value)
