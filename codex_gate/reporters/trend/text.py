"""A trend for a terminal, as lines of spans like those of the screen's report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from codex_gate.periods import Period, Trend
from codex_gate.reporters.hostile import shown
from codex_gate.reporters.layout import MIN_WIDTH, Line, Span, fit, prose, stacked
from codex_gate.reporters.trend import words
from codex_gate.reporters.wording import count, duration

N_PERIODS: Final = 20  # the newest that are listed (chosen: what fits on a screen beside the rest); page and JSON hold all
_NAME: Final = 7
_ROOM: Final = (7, 5, 7, 10, 9, 12, 23)  # of words.COLUMNS; the longest name of what drifted has 21 letters
_FIRST: Final = (1, 3, 5, 6, 4, 0, 2)  # the most telling columns first: what there is no room for is left out
_HIGH: Final = 2
_DRIFT: Final = 6
_LEAST: Final = 10  # columns for what drifted, cut where it is longer


def layout(found: Trend, width: int) -> list[Line]:
    """The whole trend, no line wider than `width` columns (at least MIN_WIDTH)."""
    width = max(MIN_WIDTH, width)
    listed = found.periods[-N_PERIODS:]
    cells = [words.cells(p) for p in listed]
    columns = _columns(width, [max(room, *(len(row[i]) for row in cells)) if i != _DRIFT else room for i, room in enumerate(_ROOM)])
    rows = [_row(p.name, row, columns, _role(p)) for p, row in zip(listed, cells, strict=True)]
    return stacked([_head(found, width), _table(found, rows, columns, width), _foot(found, columns, width)])


def _head(found: Trend, width: int) -> list[Line]:
    first = (Span("Trend", "strong"), Span("  " + fit(words.scope(found), width - 7), "dim"))
    said = [line for sentence in (words.fixes(found), words.calibration(found), words.drift(found)) for line in prose(sentence, width)]
    return [first, *said, *prose(words.flattered(found), width, "note")]


def _table(found: Trend, rows: Sequence[Line], columns: Mapping[int, int], width: int) -> list[Line]:
    earlier = len(found.periods) - len(rows)
    more = f"{count(earlier, 'earlier ' + found.by)}: --html FILE or --format json shows all" if earlier else ""
    return [_row(found.by.capitalize(), words.COLUMNS, columns, "heading"), *rows, *prose(more, width, "dim")]


def _columns(width: int, rooms: Sequence[int]) -> dict[int, int]:
    """The columns that there is room for, in their order, and how much each has."""
    chosen: dict[int, int] = {}
    left = width - _NAME
    for column in _FIRST:
        need = _LEAST if column == _DRIFT else rooms[column] + 1
        if need > left:
            break
        chosen[column] = need
        left -= need
    if _DRIFT in chosen:
        chosen[_DRIFT] = min(rooms[_DRIFT], _LEAST + left)
    return dict(sorted(chosen.items()))


def _row(name: str, values: Sequence[str], columns: Mapping[int, int], role: str) -> Line:
    figures = "".join(f"{values[i]:>{room}}" for i, room in columns.items() if i != _DRIFT)
    said = f"  {fit(values[_DRIFT], columns[_DRIFT] - 2)}" if _DRIFT in columns else ""
    return (Span(f"{name:<{_NAME}}", role), Span(figures, role if role == "dim" else "heading" if role == "heading" else ""), Span(said, role))


def _role(period: Period) -> str:
    return "dim" if period.is_small else "up" if period.drift is not None and period.drift.drift else ""


def _foot(found: Trend, columns: Mapping[int, int], width: int) -> list[Line]:
    notices = [line for notice in found.replayed.notices for line in prose(f"! {shown(notice.text, 600)}", width, "note")]
    made = f"model {shown(found.replayed.model_version, 40)} · {duration(found.replayed.seconds)}"
    method = words.method(found, lacks=_HIGH not in columns)
    return [*notices, *prose(words.gaps(found), width, "dim"), *prose(method, width, "dim"), *prose(made, width, "dim")]
