"""The student's vocabulary: byte-pair merges over the parts of identifiers, counted in program text.

Merges are chosen by how often a pair stands together, ties by the text of the pair, so that the same text gives the same file. Deterministic, pure
Python, no library; some 20,000 merges over the parts of 40 MB of code take about a minute.
Source: Sennrich, Haddow & Birch 2016, "Neural machine translation of rare words with subword units"; the marks of continuation are WordPiece's.
"""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

from automl_codex import stages
from codex_gate import paths
from codex_gate.errors import UsageError
from codex_gate.git import Repository
from codex_gate.tokenise import FIXED, JOIN, MAX_PIECE, Vocabulary, pieces

SIZE: Final = 24_000  # at 256 dimensions 6.1 M of a student's 10 M parameters
MIN_SIZE, MAX_SIZE = 1_000, 60_000
MIN_CHARACTER: Final = 5  # occurrences of a character that gets a token of its own
MIN_PAIR: Final = 2  # occurrences of a pair that is still merged
FILE_BYTES: Final = 200_000  # a larger file is mostly data
REPOSITORY_BYTES: Final = 8_000_000  # of each repository, so that a large one does not drown the others

Symbols = list[str]


@dataclass(frozen=True, slots=True)
class Grown:
    """A vocabulary with what it was counted from."""

    vocabulary: Vocabulary
    texts: int
    parts: int
    distinct: int


def grow(texts: Iterable[str], size: int = SIZE) -> Grown:
    """A vocabulary of at most `size` tokens; fewer where the texts hold no more pairs.

    Raises:
        UsageError: a size outside its range, or no text.
    """
    if not MIN_SIZE <= size <= MAX_SIZE:
        raise UsageError(f"size must be {MIN_SIZE} to {MAX_SIZE}, got {size}")
    counted: Counter[str] = Counter()
    number = 0
    for text in texts:
        counted.update(pieces(text))
        number += 1
    words = {word: count for word, count in counted.items() if word not in FIXED and len(word) <= MAX_PIECE}
    if not words:
        raise UsageError("there is no program text to count in; give --input a stage's folder, or name clones that hold some")
    tokens = [*FIXED, *_characters(words)]
    tokens += _merges(words, set(tokens), size - len(tokens))
    return Grown(Vocabulary.of(tokens[:size]), number, sum(words.values()), len(words))


def summary(grown: Grown, path: Path, asked: int) -> str:
    """What was counted and what came of it, in a few lines."""
    found = len(grown.vocabulary)
    few = "" if found == asked else f" of {asked:,} asked for: the texts hold no more pairs"
    return f"""vocabulary  {path}  {found:,} tokens{few}
  texts                        {grown.texts:>12,}
  parts of identifiers         {grown.parts:>12,}
  distinct                     {grown.distinct:>12,}
  sha256  {grown.vocabulary.sha256}
"""


def symbols(word: str) -> Symbols:
    """A part of an identifier, character by character; each but a first one that begins a name with the mark of continuation."""
    joined = word.startswith(JOIN)
    letters = word.removeprefix(JOIN)
    return [letter if number == 0 and not joined else JOIN + letter for number, letter in enumerate(letters)]


def _characters(words: Mapping[str, int]) -> list[str]:
    """Every character that is not rare, both as a beginning and as a continuation, so that what is spelled with them is never unknown."""
    seen: Counter[str] = Counter()
    for word, count in words.items():
        for letter in word.removeprefix(JOIN):
            seen[letter] += count
    common = sorted(letter for letter, count in seen.items() if count >= MIN_CHARACTER)
    return [*common, *(JOIN + letter for letter in common)]


def _merges(words: Mapping[str, int], known: set[str], wanted: int) -> Iterator[str]:
    """The tokens that the commonest pairs make, the commonest first."""
    spelled = [(symbols(word), count) for word, count in sorted(words.items())]
    counts: Counter[tuple[str, str]] = Counter()
    where: defaultdict[tuple[str, str], set[int]] = defaultdict(set)
    for number, (word, count) in enumerate(spelled):
        for pair in pairwise(word):
            counts[pair] += count
            where[pair].add(number)
    heap = [(-count, pair) for pair, count in counts.items()]
    heapq.heapify(heap)
    while heap and wanted > 0:
        count, pair = heapq.heappop(heap)
        if -count != counts[pair]:  # an old entry; the pair stands further down with its count of now
            continue
        if -count < MIN_PAIR:
            return
        made = pair[0] + pair[1].removeprefix(JOIN)
        for changed in _merge(pair, made, spelled, counts, where):
            if counts[changed] > 0:
                heapq.heappush(heap, (-counts[changed], changed))
        if made not in known:  # two ways to spell the same token
            known.add(made)
            wanted -= 1
            yield made


def _merge(
    pair: tuple[str, str], made: str, spelled: list[tuple[Symbols, int]], counts: Counter[tuple[str, str]], where: dict[tuple[str, str], set[int]]
) -> set[tuple[str, str]]:
    """Put one symbol in place of a pair in every word that holds it; the pairs whose counts moved."""
    moved: set[tuple[str, str]] = set()
    for number in where.pop(pair):
        word, count = spelled[number]
        for old in pairwise(word):
            counts[old] -= count
            moved.add(old)
        joined = _joined(word, pair, made)
        spelled[number] = (joined, count)
        for new in pairwise(joined):
            counts[new] += count
            where[new].add(number)
            moved.add(new)
    counts[pair] = 0
    return moved


def _joined(word: Symbols, pair: tuple[str, str], made: str) -> Symbols:
    found: Symbols = []
    place = 0
    while place < len(word):
        if place + 1 < len(word) and (word[place], word[place + 1]) == pair:
            found.append(made)
            place += 2
        else:
            found.append(word[place])
            place += 1
    return found


# -- where the text comes from -------------------------------------------------------------------------


def of_repository(repo: Repository, revision: str = "HEAD") -> Iterator[str]:
    """Program text of a commit's tree, smallest blob names first, up to REPOSITORY_BYTES."""
    blobs = {blob for path, blob in repo.files_below(revision, "", deep=True).items() if paths.language(path)}
    left = REPOSITORY_BYTES
    for _, content in sorted(repo.blobs(blobs, FILE_BYTES).items()):
        if b"\0" in content:
            continue
        left -= len(content)
        if left < 0:
            return
        yield content.decode("utf-8", "replace")


def of_stage(folder: Path) -> Iterator[str]:
    """The programs of a stage's folder, and their Rust where it holds some.

    Raises:
        UsageError: no finished stage.
    """
    manifest = stages.manifest_of(folder)
    for partition in manifest["partitions"]:
        for row in stages.read(folder / partition["name"], stages.ROWS[manifest["stage"]]):
            yield row.source
            if getattr(row, "rust", ""):
                yield row.rust
