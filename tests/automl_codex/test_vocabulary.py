"""A vocabulary that is grown from program text."""

from __future__ import annotations

import random
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from automl_codex import cli, vocabulary
from codex_gate.errors import UsageError
from codex_gate.tokenise import FIXED, UNKNOWN, Vocabulary

TEXT = "def parse_header(header, parser):\n    return parser.parse(header)\n" * 5


def naive(words: dict[str, int], wanted: int) -> list[str]:
    """Merges by counting every pair anew each time."""
    spelled = {word: vocabulary.symbols(word) for word in words}
    made: list[str] = []
    while len(made) < wanted:
        counts: Counter[tuple[str, str]] = Counter()
        for word, count in words.items():
            for pair in pairwise(spelled[word]):
                counts[pair] += count
        if not counts or max(counts.values()) < vocabulary.MIN_PAIR:
            return made
        best = min(counts, key=lambda pair: (-counts[pair], pair))
        token = best[0] + best[1].removeprefix("##")
        spelled = {word: vocabulary._joined(symbols, best, token) for word, symbols in spelled.items()}
        if token not in made:
            made.append(token)
    return made


def test_merges_are_those_of_counting_anew_each_time() -> None:
    rng = random.Random(3)
    words = {("##" if rng.random() < 0.5 else "") + "".join(rng.choices("abc", k=rng.randint(1, 9))): rng.randint(1, 40) for _ in range(120)}
    assert list(vocabulary._merges(words, set(), 150)) == naive(words, 150)


def test_the_commonest_names_are_one_token() -> None:
    grown = vocabulary.grow([TEXT], 1000)
    tokens = [grown.vocabulary.tokens[i] for i in grown.vocabulary.encode("parser.parse_header", 99)]
    assert tokens == ["[I0]", "parser", ".", "parse", "##_header"]
    assert grown.vocabulary.tokens[: len(FIXED)] == FIXED and grown.texts == 1
    assert UNKNOWN not in {grown.vocabulary.tokens[i] for i in grown.vocabulary.encode("hader_paser", 99)}


def test_rare_characters_get_no_token() -> None:
    tokens = vocabulary.grow([TEXT + "名 = 1\n"], 1000).vocabulary.tokens
    assert "名" not in tokens and "p" in tokens


def test_the_size_is_a_limit() -> None:
    rng = random.Random(1)
    names = " ".join("".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=8)) for _ in range(2000))
    assert len(vocabulary.grow([names, names], 1000).vocabulary) == 1000


@pytest.mark.parametrize(
    ("texts", "size", "said"), [([TEXT], 999, "size must be 1000 to 60000, got 999"), ([], 1000, "no program text"), (["()"], 1000, "no program")]
)
def test_what_gives_no_vocabulary_is_refused(texts: list[str], size: int, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        vocabulary.grow(texts, size)


def test_the_command_counts_a_clone_and_gives_the_same_file_each_time(make_repo, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    repo = make_repo()
    repo.write("deep/in/a.py", TEXT)
    repo.write("notes.txt", "wobble " * 50)
    repo.write("b.py", b"\0" + b"garble " * 50)
    repo.commit("all")
    for name in ("one", "two"):
        assert cli.main(["vocabulary", str(repo.path), "--size", "1000", "--output", str(tmp_path / name / "v.json")]) == 0
    assert (tmp_path / "one/v.json").read_bytes() == (tmp_path / "two/v.json").read_bytes()
    found = Vocabulary.read(tmp_path / "one/v.json")
    assert "parse" in found.tokens and not {"wobble", "garble"} & set(found.tokens)
    said = capsys.readouterr().out
    assert f"{len(found):,} tokens of 1,000 asked for: the texts hold no more pairs" in said and found.sha256 in said


def test_a_stage_is_counted_too(tmp_path: Path) -> None:
    assert cli.main(["generate", "--count", "5", "--output", str(tmp_path / "raw")]) == 0
    assert cli.main(["vocabulary", "--input", str(tmp_path / "raw"), "--size", "1000", "--output", str(tmp_path / "v.json")]) == 0
    assert {"return", "def"} <= set(Vocabulary.read(tmp_path / "v.json").tokens)


def test_nothing_to_count_is_wrong_use(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["vocabulary", "--output", str(tmp_path / "v.json")]) == 2
    assert "no program text to count in" in capsys.readouterr().err
