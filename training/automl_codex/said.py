"""Which words that many projects share each labelled commit says: of program text that it brings in, and of its paths; none of its message.

    words.npz.xz   beside mined tables, arrays: words (w,) in order, `+word` of program text and `/word` of a path; sha256 (n, 6) of the SHA of each commit, the first bytes;
                count (n,) of its words, and word (k,): those of all commits one after another, as places in `words`

Only words that many projects say (`common_words`), each of them a single word of a programming vocabulary: no text of anybody can be read from the file.
What a change says is what `codex_gate.own_words` takes from it at run time.
"""

from __future__ import annotations

import io
import lzma
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self
from zipfile import BadZipFile

import numpy as np
from scipy import sparse  # type: ignore[import-untyped]

from automl_codex.files import whole
from codex_gate.errors import UsageError
from codex_gate.own_words import Words

FILE: Final = "words.npz.xz"
KEY: Final = 12  # hexadecimal digits of a hash that tell commits apart here
LETTERS: Final = range(2, 41)  # of a word; longer ones are data


def is_word(word: bytes) -> bool:
    """Whether it may be kept: of some letters that can be seen, in UTF-8, and no number."""
    try:
        text = word.decode()
    except UnicodeDecodeError:
        return False
    return len(text) in LETTERS and text.isprintable() and not text[0].isdigit()


def of_change(words: Words) -> list[str]:
    """What a change says, as in `words.npz.xz`; what is no word of a language is left out."""
    return ["+" + word.decode() for word in words.added if is_word(word)] + ["/" + word for word in words.path if len(word) in LETTERS]


@dataclass(frozen=True, eq=False)
class Said:
    """The known words, and for each commit, by the first KEY digits of the sha256 of its SHA, their places."""

    words: tuple[str, ...]
    place: Mapping[str, int]
    start: np.ndarray
    word: np.ndarray

    @classmethod
    def of(cls, found: Mapping[str, Sequence[str]], words: Sequence[str]) -> Self:
        """Of the words of each commit; those that are not among `words` are left out."""
        known = {word: at for at, word in enumerate(sorted(words))}
        told = [np.array(sorted(known[word] for word in said if word in known), np.uint32) for said in found.values()]
        return cls(
            tuple(known), {name[:KEY]: row for row, name in enumerate(found)}, np.cumsum([0, *map(len, told)]), np.concatenate([*told, np.zeros(0, np.uint32)])
        )

    @classmethod
    def read(cls, path: Path) -> Self:
        """A file of `write`.

        Raises:
            UsageError: there is none, or it is damaged.
        """
        try:
            with np.load(io.BytesIO(lzma.decompress(path.read_bytes()))) as found:
                names = [bytes(name).hex() for name in found["sha256"]]
                return cls(
                    tuple(found["words"].tolist()), {name: row for row, name in enumerate(names)}, np.cumsum([0, *found["count"].tolist()]), found["word"]
                )
        except (OSError, ValueError, KeyError, EOFError, lzma.LZMAError, BadZipFile) as error:
            raise UsageError(f"{path} holds no words of commits ({error}); make it with automl-codex common-words") from error

    def write(self, path: Path) -> None:
        """Put it into a file, as a whole or not at all."""
        names = np.frombuffer(bytes.fromhex("".join(self.place)), np.uint8).reshape(-1, KEY // 2)
        arrays = io.BytesIO()
        np.savez(arrays, words=np.array(self.words), sha256=names, count=_small(np.diff(self.start)), word=_small(self.word))
        with whole(path) as partial:
            partial.write_bytes(lzma.compress(arrays.getvalue(), preset=9 | lzma.PRESET_EXTREME))

    def matrix(self, sha256: Sequence[str], known: np.ndarray) -> sparse.csr_matrix:
        """(n, k): 1/√j in each of the j of the k known words (places, sorted) that a commit says; one that is not here says nothing."""
        column = np.full(len(self.words) + 1, -1)
        column[known] = np.arange(len(known))
        told = [row[row >= 0] for name in sha256 for row in [column[self.row(name)]]]
        sizes = np.array([len(row) for row in told], int)
        values = np.repeat(1 / np.sqrt(np.maximum(sizes, 1)), sizes)
        return sparse.csr_matrix((values, np.concatenate([*told, np.zeros(0, int)]), np.cumsum([0, *sizes])), (len(told), len(known)))

    def row(self, name: str) -> np.ndarray:
        """The places of the words of a commit."""
        at = self.place.get(name[:KEY], -1)
        return self.word[:0] if at < 0 else self.word[self.start[at] : self.start[at + 1]]

    def shared(self, sha256: np.ndarray, project: np.ndarray, projects: int, commits: int) -> np.ndarray:
        """The places, sorted, of the words that so many projects of these rows (n,) say or more, in so many of the rows or more."""
        n = len(self.words)
        seen = [np.bincount(np.concatenate([self.word[:0], *map(self.row, sha256[project == one].tolist())]), minlength=n) for one in np.unique(project)]
        found = np.array(seen).reshape(len(seen), n)
        return np.flatnonzero(((found > 0).sum(axis=0) >= projects) & (found.sum(axis=0) >= commits))


def _small(numbers: np.ndarray) -> np.ndarray:
    """Whole numbers from 0 on in the smallest type that holds them."""
    return numbers.astype(np.min_scalar_type(int(numbers.max(initial=0))))
