"""What a change says, as a set of terms, for the linear classifier of categories: words of its message, rules that fired, names and operators that came or went.

Work is bounded: at most MAX_MESSAGE characters of message, the paths of MAX_FILES files and MAX_BYTES of the patches of program text are read, MAX_CODE distinct names and operators are kept.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from itertools import chain, islice, pairwise
from typing import Final

from codex_gate import paths
from codex_gate.messages import TRAILER
from codex_gate.types import Commit, FileChange

MAX_MESSAGE: Final = 2000
MAX_BYTES: Final = 1 << 14
MAX_CODE: Final = 400
MAX_FILES: Final = 200
MAX_WORD: Final = 24  # characters of a word; what is longer is no word

_WORD = re.compile(r"[a-z][a-z0-9+_'-]*[a-z0-9+]|[a-z]")
_PART = re.compile(rb"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[-+*/%&|^=<>!?:.]{1,3}|[()\[\]{};,@#\"'~$\\]")
_ADDED, _DELETED = (re.compile(b"^" + sign + b"(.*)", re.MULTILINE) for sign in (rb"\+", b"-"))
_APART = str.maketrans("/_-.", "    ")
_SIZES: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256)


def of(commit: Commit, fired: Iterable[str]) -> list[str]:
    """The distinct terms of a change, in a fixed order; `fired` are the names of the rules that matched."""
    return list(dict.fromkeys([*_of_message(commit.message or ""), *(f"r:{name}" for name in fired), *_of_files(commit.files)]))


def _of_message(message: str) -> list[str]:
    text = TRAILER.sub(" ", message[:MAX_MESSAGE]).strip().lower()
    title, _, body = text.partition("\n")
    words = [word for word in _WORD.findall(title) if len(word) <= MAX_WORD]
    said = dict.fromkeys(word for word in _WORD.findall(body) if len(word) <= MAX_WORD) if body else {}
    return [*(f"t:{word}" for word in words), *(f"t:{one} {two}" for one, two in pairwise(words)), *(f"m:{word}" for word in said)]


def _of_files(files: tuple[FileChange, ...]) -> list[str]:
    code = [change for change in files if paths.role(change.path) == "code"]
    added, deleted = sum(change.added or 0 for change in code), sum(change.deleted or 0 for change in code)
    shape = [f"a:{_bucket(added)}", f"d:{_bucket(deleted)}", f"n:{_bucket(len(code))}"]
    return [*chain.from_iterable(_of_path(change.path) for change in files[:MAX_FILES]), *shape, *_of_code(code)]


@lru_cache(maxsize=65536)
def _of_path(path: str) -> tuple[str, ...]:
    """What kind of file it is, its language where it is program text, and the words of its path."""
    role = paths.role(path)
    spoken = (f"f:{role}", f"l:{paths.language(path)}") if role == "code" else (f"f:{role}",)
    return (*spoken, *(f"p:{word}" for word in _WORD.findall(path.lower().translate(_APART))))


def _bucket(number: int) -> int:
    return sum(number >= size for size in _SIZES)


def _of_code(code: list[FileChange]) -> list[str]:
    """Names and operators that there are more or fewer of after the change, and all that it touches."""
    patches, left = [], MAX_BYTES
    for change in code:
        patches.append(change.patch[:left])
        left -= min(left, len(change.patch))
    whole = b"\n".join(patches)
    came, gone = (Counter(_PART.findall(b"\n".join(lines.findall(whole)))) for lines in (_ADDED, _DELETED))
    found: list[str] = []
    for part in islice(came | gone, MAX_CODE):
        touched, more, fewer = _as_terms(part)
        found.append(touched)
        if (change_of := came[part] - gone[part]) != 0:
            found.append(more if change_of > 0 else fewer)
    return [term for term in found if term]


@lru_cache(maxsize=65536)
def _as_terms(part: bytes) -> tuple[str, str, str]:
    """The terms of a name or an operator, in small letters: that it is touched, that there are more of it, and fewer; "" for one that is too long to be a word."""
    if len(part) > MAX_WORD:
        return "", "", ""
    word = part.decode().lower()
    return f"c:{word}", f"+{word}", f"-{word}"
