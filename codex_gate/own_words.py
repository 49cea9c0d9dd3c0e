"""What the words of a change meant where a model learned them, in many projects or in the one that it was retrained on: a shift of the log-odds that its forest gives.

    risk.words.json   format; added: the weight of each word of program text that a change may bring in; path: of each word of its paths;
                      middle: the mean of what the changes say that they were learned from; range: of what they say, the last hundredth on either side left out

A change says the distinct words that it adds to program text and deletes nowhere (`content.read`), and the words of the paths of its files of
program text. With k of them known it says Σ weight / √k, held inside the range, so that whoever picks words moves a risk little further than words do;
in a retrained model middle and range lie halfway between those learned elsewhere and there. By how much that lies from the middle is the shift of its log-odds. A change without program text says nothing, and its
shift is 0. Words as they stand, not hashed: whoever keeps the repository can read what its model believes. Which words
a message holds moves nothing.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

from codex_gate.errors import AGAIN, ModelError
from codex_gate.paths import role
from codex_gate.types import FileChange

WORDS_FILE: Final = "risk.words.json"
FORMAT: Final = 1
LARGEST: Final = 50.0  # a weight beyond it is none: no odds are e^50
HELD: Final = 0.001  # a score is held this far from 0 and 1 before it is shifted: a forest's 0 is no certainty
_PATH_WORD: Final = re.compile(r"[^\W\d_]\w*")


class Words(NamedTuple):
    """The words of a change: those that it brings into program text, and those of its paths."""

    added: frozenset[bytes]
    path: frozenset[str]

    @classmethod
    def of(cls, files: Iterable[FileChange], added: Collection[bytes]) -> Words:
        """Of the files of a change and the words that `content.read` found new in it."""
        return cls(frozenset(added), frozenset(word for change in files if role(change.path) == "code" for word in _PATH_WORD.findall(change.path.lower())))


@dataclass(frozen=True)
class OwnWords:
    """The weights, in log-odds, of words of added program text and of paths; the middle and the range of what changes say (low ≤ middle, 0 ≤ high)."""

    added: Mapping[bytes, float]
    path: Mapping[str, float]
    middle: float
    low: float
    high: float

    @classmethod
    def read(cls, path: Path, found: Mapping[str, Any]) -> OwnWords:
        """Of the JSON object of a file that was held against its manifest.

        Raises:
            ModelError: another format, or weights that are no numbers.
        """
        if found.get("format") != FORMAT:
            raise ModelError(f"{path} has format {found.get('format')}, this version reads {FORMAT}; use a model made by this version")
        sides, middle, ends = [found.get("added"), found.get("path")], found.get("middle"), found.get("range")
        if not all(isinstance(side, dict) and _are_numbers(side.values()) for side in sides):
            raise ModelError(f"{path} holds no weights of words; {AGAIN}")
        numbers = [middle, *ends] if isinstance(ends, list) else []
        if len(numbers) != 3 or not _are_numbers(numbers) or not numbers[1] <= min(0, numbers[0]) <= max(0, numbers[0]) <= numbers[2]:
            raise ModelError(f"{path} has the middle {middle} and the range {ends}, expected a number and two around it and 0; {AGAIN}")
        return cls({word.encode("utf-8", "replace"): float(weight) for word, weight in found["added"].items()}, found["path"], *map(float, numbers))

    def as_json(self) -> dict[str, Any]:
        """What `read` takes; the words in their order."""
        added = {word.decode(): self.added[word] for word in sorted(self.added)}
        return {"format": FORMAT, "middle": self.middle, "range": [self.low, self.high], "added": added, "path": dict(sorted(self.path.items()))}

    def shift(self, words: Words) -> float:
        """By how much a change moves the log-odds, beside the others; 0.0 where it has no program text. The same in whatever order it says its words."""
        if not words.added and not words.path:
            return 0.0
        weights = [self.added[word] for word in self.added.keys() & words.added] + [self.path[word] for word in self.path.keys() & words.path]
        said = math.fsum(weights) / math.sqrt(len(weights)) if weights else 0.0
        return min(max(said, self.low), self.high) - self.middle

    def told(self, words: Words, most: int) -> list[str]:
        """The words of a change that move it most in the direction of its shift, strongest first; those of paths in small letters."""
        weights = [(self.added[word], word.decode()) for word in self.added.keys() & words.added]
        weights += [(self.path[word], word) for word in self.path.keys() & words.path]
        sign = 1 if self.shift(words) > 0 else -1
        best = sorted((-sign * weight, word) for weight, word in weights if sign * weight > 0)
        return list(dict.fromkeys(word for _, word in best))[:most]


def _are_numbers(found: Iterable[Any]) -> bool:
    return all(type(number) in (int, float) and abs(number) <= LARGEST for number in found)


def shifted(score: float, shift: float) -> float:
    """A score in [0, 1] with its log-odds moved, never against the shift; the same number where there is nothing to move by (0 or NaN)."""
    if not shift or shift != shift:
        return score
    held = min(max(score, HELD), 1 - HELD)
    moved = 1 / (1 + math.exp(-(math.log(held / (1 - held)) + shift)))
    return max(score, moved) if shift > 0 else min(score, moved)
