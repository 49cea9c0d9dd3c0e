"""What a change says, as a set of terms, for the linear model of kinds: words of its message, rules that fired, paths, languages and sizes.

Names and operators of the changed lines are left to the rules and to the student: as terms they were worth nothing (docs/ablations.md), and cost more than the rest.

Work is bounded: at most MAX_MESSAGE characters of message and the paths of MAX_FILES files are read, and of long paths the first MAX_TERMS terms are kept.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable
from functools import lru_cache
from itertools import chain, pairwise
from typing import Final

from codex_gate import paths
from codex_gate.messages import TRAILER
from codex_gate.types import Commit, FileChange

MAX_MESSAGE: Final = 2000
MAX_FILES: Final = 200
MAX_TERMS: Final = 65_000  # what the 32 bits of a sum in `linear` have room for: each adds at most 255²
MAX_WORD: Final = 24  # characters of a word; what is longer is no word

_WORD = re.compile(r"[a-z][a-z0-9+_'-]*[a-z0-9+]|[a-z]")
_APART = str.maketrans("/_-.", "    ")
_SIZES: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256)


def of(commit: Commit, fired: Iterable[str]) -> list[str]:
    """The distinct terms of a change, at most MAX_TERMS, in a fixed order; `fired` are the names of the rules that matched."""
    return list(dict.fromkeys([*_of_message(commit.message or ""), *[f"r:{name}" for name in fired], *_of_files(commit.files)]))[:MAX_TERMS]


def _of_message(message: str) -> list[str]:
    text = TRAILER.sub(" ", message[:MAX_MESSAGE]).strip().lower()
    title, _, body = text.partition("\n")
    words = [word for word in _WORD.findall(title) if len(word) <= MAX_WORD]
    said = dict.fromkeys(word for word in _WORD.findall(body) if len(word) <= MAX_WORD) if body else {}
    return [*[f"t:{word}" for word in words], *[f"t:{one} {two}" for one, two in pairwise(words)], *[f"m:{word}" for word in said]]


def _of_files(files: tuple[FileChange, ...]) -> list[str]:
    n = added = deleted = 0
    for change in files:
        if paths.role(change.path) == "code":
            n, added, deleted = n + 1, added + (change.added or 0), deleted + (change.deleted or 0)
    shape = [f"a:{_bucket(added)}", f"d:{_bucket(deleted)}", f"n:{_bucket(n)}"]
    return [*chain.from_iterable([_of_path(change.path) for change in files[:MAX_FILES]]), *shape]


@lru_cache(maxsize=65536)
def _of_path(path: str) -> tuple[str, ...]:
    """What kind of file it is, its language where it is program text, and the words of its path."""
    role = paths.role(path)
    spoken = (f"f:{role}", f"l:{paths.language(path)}") if role == "code" else (f"f:{role}",)
    return (*spoken, *(f"p:{word}" for word in _WORD.findall(path.lower().translate(_APART))))


def _bucket(number: int) -> int:
    return bisect_right(_SIZES, number)
