"""Priorities for a terminal, as lines of spans like those of the screen's report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from codex_gate.priority import HotFile, Priorities, Row
from codex_gate.reporters.hostile import shorten_path, shown
from codex_gate.reporters.layout import MIN_WIDTH, Line, Span, cells, fit, prose, stacked
from codex_gate.reporters.priority import words
from codex_gate.reporters.wording import count, duration

_NAME: Final = 25  # the longest category has 23 letters
_CATEGORY_ROOM: Final = (7, 7, 13, 11, 11)  # of words.CATEGORY_COLUMNS, two blanks in front
_CATEGORY_WORTH: Final = (4, 0, 1, 3, 2)  # the most telling column first
_FILE_ROOM: Final = (12, 9, 7, 13)  # of words.FILE_COLUMNS
_FILE_WORTH: Final = (0, 2, 1, 3)
_LEAST_PATH: Final = 20


def layout(found: Priorities, width: int, top: int) -> list[Line]:
    """The whole report, no line wider than `width` columns (at least MIN_WIDTH)."""
    width = max(MIN_WIDTH, width)
    return stacked([_head(found, width), _categories(found, width), _files(found, width, top), _foot(found, width)])


def _head(found: Priorities, width: int) -> list[Line]:
    doubt = prose(words.doubt(found), width, "note")
    return [(Span(fit(shown(words.title(found)), width), "strong"),), *prose(words.scope(found), width), *doubt]


def _chosen(room: Sequence[int], worth: Sequence[int], width: int) -> list[int]:
    """The columns that there is room for, the least telling left out."""
    kept = list(worth)
    while sum(room[i] for i in kept) > width and len(kept) > 1:
        kept.pop()
    return sorted(kept)


def _categories(found: Priorities, width: int) -> list[Line]:
    columns = _chosen(_CATEGORY_ROOM, _CATEGORY_WORTH, width - _NAME)
    lines: list[Line] = [_row("Categories", words.CATEGORY_COLUMNS, columns, "heading")]
    lines += [_row(f"  {row.category.value}", words.category_cells(row), columns, "", row) for row in found.rows if row.n]
    below = " ".join(filter(None, (words.unseen(found), words.absent(found))))
    return [*(lines if len(lines) > 1 else []), *prose(below, width, "dim")]


def _row(name: str, values: Sequence[str], columns: Sequence[int], role: str, row: Row | None = None) -> Line:
    spans = [Span(f"{name:<{_NAME}}", role)]
    for i in columns:
        text = f"{values[i]:>{_CATEGORY_ROOM[i] - 2}}" if i < 2 else f"{values[i]:<{_CATEGORY_ROOM[i] - 2}}"
        spans += [Span("  "), Span(text.rstrip() if row and i == 4 else text, row.priority.value if row and i == 4 else role and "dim")]
    return tuple(spans)


def _files(found: Priorities, width: int, top: int) -> list[Line]:
    if not found.files:
        return prose(words.NO_FILES, width)
    chosen = found.files[:top]
    columns = _chosen(_FILE_ROOM, _FILE_WORTH, width - 7 - _LEAST_PATH)
    room = max(_LEAST_PATH, width - 7 - sum(_FILE_ROOM[i] for i in columns))
    paths = [fit(shorten_path(file.path, room), room) for file in chosen]
    room = max(cells(path) for path in (*paths, "x" * _LEAST_PATH))
    head = (Span("Hot files".ljust(room + 7), "heading"), Span(_figures(words.FILE_COLUMNS, columns), "dim"))
    rows = [_file(file, path + " " * (room - cells(path)), columns, found.limit) for file, path in zip(chosen, paths, strict=True)]
    more = [(Span(f"  and {count(len(found.files) - top, 'file')} with lower scores", "dim"),)] if len(found.files) > top else []
    return [head, *rows, *more]


def _file(file: HotFile, path: str, columns: Sequence[int], limit: float | None) -> Line:
    over = limit is not None and file.score >= limit
    return (Span(f"  {words.score(file):>3}  ", "high" if over else "strong"), Span(path, "place"), Span(_figures(words.file_cells(file), columns)))


def _figures(values: Sequence[str], columns: Sequence[int]) -> str:
    return "".join(f"{values[i]:>{_FILE_ROOM[i]}}" for i in columns)


def _foot(found: Priorities, width: int) -> list[Line]:
    notices = [line for notice in found.notices for line in prose(f"! {shown(notice.text, 600)}", width, "note")]
    how = " ".join((*((words.method(found),) if found.is_known else ()), words.formula(), words.counted()))
    return [*notices, *prose(how, width, "dim"), *prose(duration(found.seconds), width, "dim")]
