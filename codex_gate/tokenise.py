"""Program text as numbers, for the student: case, identifiers, operators and indentation are kept, in any language, without a library.

A line begins with a token for its indentation. An identifier is split where its case or an underscore does (`parseHTTPHeader` → `parse`, `##HTTP`,
`##Header`; `##` joins to what stands before), and each part into the longest pieces that the vocabulary holds. The work is bounded by the limit on
tokens, not by the text, so that a line of megabytes costs what its first tokens cost.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from codex_gate.errors import ModelError

FORMAT: Final = 1
SPLITTER: Final = 1  # to be raised with every change of what `pieces` gives: a vocabulary is of one splitter
PAD, UNKNOWN, START, MESSAGE, OLD, NEW = "[PAD]", "[UNK]", "[CLS]", "[MSG]", "[OLD]", "[NEW]"
SPECIALS: Final = (PAD, UNKNOWN, START, MESSAGE, OLD, NEW)
TAB: Final = 4  # columns (chosen)
MAX_INDENT: Final = 40  # columns; deeper is as deep
INDENTS: Final = tuple(f"[I{columns}]" for columns in range(0, MAX_INDENT + 1, 2))
JOIN: Final = "##"
MAX_PIECE: Final = 64  # characters of a part of an identifier; a longer one is no name
MAX_BYTES: Final = 4 << 20  # of a vocabulary file
OPERATORS: Final = (
    ">>>=", "===", "!==", "**=", "//=", ">>=", "<<=", ">>>", "...", "..=", "<=>", "&&=", "||=", "??=", "->", "=>", "<-", ":=", "::", "==", "!=", "<=", ">=",
    "&&", "||", "??", "?.", "++", "--", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "**", "//", "<<", ">>", "..", "/*", "*/", "#[", "</",
)  # fmt: skip
PUNCTUATION: Final = tuple("!\"#$%&'()*+,-./:;<=>?@[\\]^`{|}~")
FIXED: Final = (*SPECIALS, *INDENTS, *OPERATORS, *PUNCTUATION)
"""What every vocabulary begins with, in this order."""

_TOKEN = re.compile(r"(?P<line>\n[ \t]*+(?=\S))|(?P<name>\w+)|(?P<operator>" + "|".join(map(re.escape, OPERATORS)) + r"|[^\w\s])")
_PART = re.compile(r"_*(?:[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_A-Za-z]+)|_+")


def pieces(text: str) -> Iterator[str]:
    """Indentations, parts of identifiers and operators of a text, in order; lazily, so that nobody pays for what is not taken."""
    for found in _TOKEN.finditer("\n" + text):
        if found.lastgroup == "name":
            for number, part in enumerate(_PART.finditer(found[0])):
                yield part[0] if number == 0 else JOIN + part[0]
        elif found.lastgroup == "line":
            columns = sum(TAB if character == "\t" else 1 for character in found[0][1:])
            yield INDENTS[min(columns, MAX_INDENT) // 2]
        else:
            yield found[0]


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """The tokens of a student by their number; make one with `of` or `read`."""

    tokens: tuple[str, ...]
    sha256: str
    _ids: dict[str, int] = field(repr=False)
    _seen: dict[str, tuple[int, ...]] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, tokens: Sequence[str]) -> Vocabulary:
        """A vocabulary of these tokens.

        Raises:
            ModelError: they do not begin with FIXED, or one stands twice.
        """
        ids = {token: number for number, token in enumerate(tokens)}
        if tuple(tokens[: len(FIXED)]) != FIXED or len(ids) != len(tokens) or not all(ids):
            raise ModelError(f"a vocabulary begins with {len(FIXED)} fixed tokens and names none twice; make it with automl-codex vocabulary")
        told = json.dumps([FORMAT, SPLITTER, list(tokens)], ensure_ascii=False, separators=(",", ":"))
        return cls(tuple(tokens), hashlib.sha256(told.encode()).hexdigest(), ids)

    @classmethod
    def read(cls, path: Path) -> Vocabulary:
        """The vocabulary of a file.

        Raises:
            ModelError: missing, no vocabulary, or of another format or splitter.
        """
        try:
            data = path.read_bytes()
            found = json.loads(data) if len(data) <= MAX_BYTES else None
        except OSError as error:
            raise ModelError(f"{path} cannot be read ({error.strerror or error}); make it with automl-codex vocabulary") from error
        except ValueError:
            found = None
        if not isinstance(found, dict) or not isinstance(found.get("tokens"), list) or not all(isinstance(token, str) for token in found["tokens"]):
            raise ModelError(f"{path} is no vocabulary; make it with automl-codex vocabulary")
        if (found.get("format"), found.get("splitter")) != (FORMAT, SPLITTER):
            made = f"format {found.get('format')} and splitter {found.get('splitter')}"
            raise ModelError(f"{path} is a vocabulary of {made}, this version reads {FORMAT} and {SPLITTER}; use one made by this version")
        vocabulary = cls.of(found["tokens"])
        if found.get("sha256") != vocabulary.sha256:
            raise ModelError(f"{path} holds other tokens than its sha256 {found.get('sha256')} says; it was altered, take the original")
        return vocabulary

    def write(self, path: Path) -> None:
        """Write the file that `read` reads."""
        content = {"format": FORMAT, "splitter": SPLITTER, "sha256": self.sha256, "tokens": list(self.tokens)}
        path.write_text(json.dumps(content, ensure_ascii=False, indent=0) + "\n", "utf-8")

    def __len__(self) -> int:
        return len(self.tokens)

    def id(self, token: str) -> int:
        """The number of a token that is there."""
        return self._ids[token]

    def encode(self, text: str, limit: int) -> list[int]:
        """At most `limit` token numbers of the beginning of a text."""
        found: list[int] = []
        for piece in pieces(text):
            if len(found) >= limit:
                break
            found += self._of_piece(piece)
        return found[:limit]

    def _of_piece(self, piece: str) -> tuple[int, ...]:
        known = self._seen.get(piece)
        if known is None:
            if len(self._seen) >= 1 << 16:
                self._seen.clear()
            known = self._seen[piece] = self._match(piece)
        return known

    def _match(self, piece: str) -> tuple[int, ...]:
        """The longest tokens that a piece begins with, one after the other; UNKNOWN alone where one is missing."""
        if piece in self._ids:
            return (self._ids[piece],)
        prefix, rest = (JOIN, piece.removeprefix(JOIN)) if piece.startswith(JOIN) else ("", piece)
        found: list[int] = []
        while rest and len(piece) <= MAX_PIECE:
            end = next((end for end in range(len(rest), 0, -1) if prefix + rest[:end] in self._ids), 0)
            if not end:
                break
            found.append(self._ids[prefix + rest[:end]])
            prefix, rest = JOIN, rest[end:]
        return tuple(found) if found and not rest else (self._ids[UNKNOWN],)
