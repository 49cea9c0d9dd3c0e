"""A change as what the student and its teachers read: one text for each block of a diff, or one for all of it, before and after, with the message where one is wanted.

What no one can read – binary content, whatever the name says; minified code; an empty block – has no text, and so gets no category.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Final, NamedTuple

from codex_gate import paths
from codex_gate.tokenise import MESSAGE, NEW, OLD, START, Vocabulary
from codex_gate.types import FileChange

MAX_LINE: Final = 1000  # bytes; nobody writes longer lines of program text by hand (chosen)
MAX_BLOCK: Final = 64 << 10  # bytes of a block that are read; the student sees its first few hundred tokens
MAX_CONTROL: Final = 0.02  # share of control characters above which bytes are no text (chosen)
MAX_TOKENS: Final = 2048  # of a side; what differs behind them is not seen
CONTEXT: Final = 8  # tokens of a common beginning that stay before the first difference (chosen)
MESSAGE_SHARE: Final = 2  # a message takes at most 1 / MESSAGE_SHARE of the tokens

_HEADER = re.compile(rb"^@@ -\d+(?:,\d+)? \+(\d+)(?:,\d+)? @@[^\n]*\n?", re.MULTILINE)
_CONTROL = bytes(byte for byte in range(32) if byte not in b"\t\n\r\f\x1b")


class HunkText(NamedTuple):
    """A block of changed lines with a line of context around it; `line` is its first line in the new file (1-based, 0 where that has none)."""

    path: str
    line: int
    before: str
    after: str

    @property
    def language(self) -> str | None:
        return paths.language(self.path)


def of_change(change: FileChange) -> Iterator[HunkText]:
    """The readable blocks of a changed file, in its order."""
    marks = list(_HEADER.finditer(change.patch))
    for mark, following in zip_longest(marks, marks[1:]):
        end = following.start() if following else len(change.patch)
        lines = change.patch[mark.end() : min(end, mark.end() + MAX_BLOCK)].split(b"\n")
        before, after = _side(lines, b"-"), _side(lines, b"+")
        if before != after and _readable(before) and _readable(after):
            yield HunkText(change.path, int(mark[1]), before.decode("utf-8", "replace"), after.decode("utf-8", "replace"))


def of_all(files: Sequence[FileChange]) -> HunkText | None:
    """The changed lines of all readable program text outside tests as one text, without context, named by the file that holds most of it; None where there is none."""
    before: list[str] = []
    after: list[str] = []
    most, path, left = 0, "", MAX_BLOCK
    for change in files:
        if left <= 0 or paths.role(change.path) != "code":
            continue
        lines = change.patch[:left].split(b"\n")
        old, new = (b"\n".join(line[1:] for line in lines if line[:1] == sign) for sign in (b"-", b"+"))
        if not (old or new) or not (_readable(old) and _readable(new)):
            continue
        left -= len(old) + len(new)
        before += [old.decode("utf-8", "replace")] * bool(old)
        after += [new.decode("utf-8", "replace")] * bool(new)
        if len(old) + len(new) > most:
            most, path = len(old) + len(new), change.path
    return HunkText(path, 0, "\n".join(before), "\n".join(after)) if path else None


def _side(lines: list[bytes], sign: bytes) -> bytes:
    return b"\n".join(line[1:] for line in lines if line[:1] in (b" ", sign))


def _readable(text: bytes) -> bool:
    if b"\0" in text or len(text) - len(text.translate(None, _CONTROL)) > MAX_CONTROL * len(text):
        return False
    return max(map(len, text.split(b"\n"))) <= MAX_LINE


def batches(rows: Sequence[Sequence[int]], size: int) -> Iterator[list[int]]:
    """The numbers of all rows, at most `size` at a time, those of like length together, so that little has to be padded."""
    order = sorted(range(len(rows)), key=lambda row: len(rows[row]))
    yield from (order[start : start + size] for start in range(0, len(order), size))


def encode(hunk: HunkText, message: str | None, vocabulary: Vocabulary, limit: int) -> list[int]:
    """At most `limit` token numbers: START, the message if there is one, OLD and the lines before, NEW and those after."""
    found = [vocabulary.id(START)]
    if message:
        found += [vocabulary.id(MESSAGE), *vocabulary.encode(message, limit // MESSAGE_SHARE)]
    before, after = fitted(vocabulary.encode(hunk.before, MAX_TOKENS), vocabulary.encode(hunk.after, MAX_TOKENS), limit - len(found) - 2)
    return [*found, vocabulary.id(OLD), *before, vocabulary.id(NEW), *after]


def fitted(before: Sequence[int], after: Sequence[int], room: int) -> tuple[Sequence[int], Sequence[int]]:
    """Both sides within `room` tokens together, with what differs in view.

    Of a long common beginning the part next to the first difference is kept; then each side gets half of the room, and what one does not need is the other's.
    """
    same = next((place for place, (old, new) in enumerate(zip(before, after)) if old != new), min(len(before), len(after)))
    over = (len(before) + len(after) - room + 1) // 2
    skipped = max(0, min(same - CONTEXT, over))
    before, after = before[skipped:], after[skipped:]
    n_before = min(len(before), max(room // 2, room - len(after)))
    return before[:n_before], after[: max(0, room - n_before)]
