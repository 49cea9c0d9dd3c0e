"""Cyclomatic complexity before and after a change (the sole importer of lizard)."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from contextlib import redirect_stderr
from io import StringIO
from posixpath import splitext
from typing import Final

from codex_gate.diffs import ZERO_ID
from codex_gate.paths import language
from codex_gate.types import FileChange

MAX_BYTES: Final = 256 << 10  # lizard's time can grow with the square of the file; larger ones are generated more often than not (chosen)
MAX_TOTAL_BYTES: Final = 2 << 20  # both sides of all files; about 2 s (measured)
MAX_DEPTH: Final = 300  # open brackets; 25,000 of them take minutes, and no person writes 300 (chosen)
MAX_FILES: Final = 100  # two parses of 2 ms each a file; a larger change has unknown complexity
MEASURED: Final = frozenset({"python", "java", "kotlin", "scala", "javascript", "typescript", "go", "rust", "c", "cpp", "objc", "csharp", "ruby", "php",
                             "swift", "lua", "perl", "erlang", "r", "fortran", "zig"})  # fmt: skip
"""Languages that lizard parses."""


def measurable(files: Sequence[FileChange]) -> list[FileChange]:
    """The files whose complexity can be measured."""
    return [f for f in files if _parsed(f.path) and f.added is not None and not f.is_symlink and not f.is_submodule]


def _parsed(path: str) -> bool:
    return language(path) in MEASURED and not path.endswith(".vue")  # for its tags lizard needs quadratic time: 10 s for 50 kB


def delta(files: Sequence[FileChange], blobs: Mapping[str, bytes]) -> float:
    """Change of summed cyclomatic complexity of the functions that the change touches.

    Functions that the change leaves alone cancel out. NaN when no file is in a known
    language, when one cannot be read or parsed, or when there is more of it than the limits above.

    Source: McCabe 1976, TSE SE-2(4), as lizard counts it; specification §6.2.
    """
    chosen = measurable(files)
    if not chosen or len(chosen) > MAX_FILES:
        return math.nan
    if sum(len(blobs.get(i, b"")) for f in chosen for i in (f.old_id, f.new_id)) > MAX_TOTAL_BYTES:
        return math.nan
    changed = 0
    for change in chosen:
        before = _complexity(change.old_path or change.path, change.old_id, blobs)
        after = _complexity(change.path, change.new_id, blobs)
        if before is None or after is None:
            return math.nan
        changed += after - before
    return float(changed)


def _complexity(path: str, blob_id: str, blobs: Mapping[str, bytes]) -> int | None:
    if blob_id == ZERO_ID:
        return 0
    data = blobs.get(blob_id)
    return None if data is None else total(path, data)


def total(path: str, data: bytes) -> int | None:
    """Summed complexity of a file's functions; None in an unknown language, when it is too large or cannot be parsed.

    Source: McCabe 1976, TSE SE-2(4), as lizard counts it.
    """
    if not _parsed(path) or len(data) > MAX_BYTES or _depth(data) > MAX_DEPTH:
        return None
    import lizard

    try:
        with redirect_stderr(StringIO()) as said:
            # By the suffix alone: lizard finds no language in a name that holds a line break, or a suffix in capitals, and counts nothing.
            info = lizard.analyze_file.analyze_source_code("text" + splitext(path)[1].lower(), data.decode("utf-8", "replace"))
    except Exception:  # noqa: BLE001 - lizard fails in many ways on text that is no program
        return None
    if said.getvalue():  # lizard gave up half-way: what it counted so far is no measure
        return None
    found: int = sum(function.cyclomatic_complexity for function in info.function_list)
    return found


def _depth(data: bytes) -> int:
    """The most brackets that are open at once; in strings and comments too, a bound is all that is wanted."""
    depth = deepest = 0
    for bracket in re.findall(rb"[][(){}]", data):
        if bracket in b"([{":
            depth += 1
            deepest = max(deepest, depth)
        elif depth:
            depth -= 1
    return deepest
