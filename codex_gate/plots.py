"""Small plots as SVG text for the HTML reports: no library, no script, nothing fetched.

    plots.chart("ROC", plots.share_axis("false alarms"), plots.share_axis("found"), [plots.Line(points, "model", "a")])

A plot is drawn 360 units wide, so that its letters keep their size on a phone, and grows with its column. Colours are
classes (`a` to `e`, `base`) that codex_gate.page gives a value for light and for dark. A mark tells its numbers in a
<title>, which a browser shows when it is pointed at. All text that comes in is escaped here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from typing import Final, NamedTuple

WIDTH: Final = 360
HEIGHT: Final = 270
_LEFT, _RIGHT, _TOP, _BOTTOM = 48, 20, 12, 42
_ROW: Final = 24  # height of a row of horizontal bars
_CELL: Final = 44  # height of a cell of a heat map
_STRIP: Final = 17  # height of a row of strips
_LETTER: Final = 6.6  # mean width of a letter at 11 units, to keep labels apart (measured in Chromium)

MANY_MONTHS: Final = 36  # a longer time is shown by quarters, one of more than MANY_QUARTERS by years (chosen)
MANY_QUARTERS: Final = 40

Point = tuple[float, float]


class Axis(NamedTuple):
    """A linear axis from `low` to `high` with labelled ticks."""

    label: str
    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]

    def place(self, value: float, size: float) -> float:
        """Where the value lies on `size` units, values outside at the nearer end."""
        share = (value - self.low) / (self.high - self.low)
        return min(1.0, max(0.0, share)) * size


class Line(NamedTuple):
    """A line through points, with a name in the legend; `dashed` for what it is compared with."""

    points: Sequence[Point]
    name: str = ""
    role: str = "a"
    dashed: bool = False


class Dots(NamedTuple):
    """Points with a tip each (what a browser shows when one is pointed at)."""

    points: Sequence[Point]
    tips: Sequence[str] = ()
    name: str = ""
    role: str = "a"


class Whiskers(NamedTuple):
    """Vertical intervals (x, low, high), drawn thin behind the dots that they belong to."""

    spans: Sequence[tuple[float, float, float]]
    role: str = "a"


class Bars(NamedTuple):
    """Upright bars (from x, to x, height) on the floor of the plot, with a tip each."""

    bars: Sequence[tuple[float, float, float]]
    tips: Sequence[str] = ()
    name: str = ""
    role: str = "base"


Mark = Line | Dots | Whiskers | Bars


def share_axis(label: str, high: float = 1.0) -> Axis:
    """An axis of shares from 0 to `high`, in per cent."""
    step = _nice(high / 4)
    return Axis(label, 0.0, high, tuple((i * step, f"{100 * i * step:g} %") for i in range(int(high / step + 1e-9) + 1)))


def share_top(values: Iterable[float], least: float = 0.1) -> float:
    """A round end for a share axis that holds all the values; at most 1."""
    top = max([least, *values])
    return min(1.0, math.ceil(top / _nice(top / 4) - 1e-9) * _nice(top / 4))


def place_axis(label: str, names: Sequence[str]) -> Axis:
    """An axis with one place (0, 1, 2 …) for each name; as many names are written as there is room for."""
    room = max((len(name) for name in names), default=1) * _LETTER + 8
    every = max(1, math.ceil(len(names) * room / (WIDTH - _LEFT - _RIGHT)))
    return Axis(label, -0.5, max(0.5, len(names) - 0.5), tuple((float(i), name) for i, name in enumerate(names) if i % every == 0))


def period_names(times: Sequence[float], by: str | None = None) -> list[str]:
    """For each time (Unix seconds) its month, quarter or year: what `by` says, else whichever gives no more than MANY_MONTHS or MANY_QUARTERS places in a row."""
    days = [datetime.fromtimestamp(int(t), UTC) for t in times]
    return [_PERIODS[by or _fitting(min(days), max(days))](d) for d in days]


def _fitting(first: datetime, last: datetime) -> str:
    months = (last.year - first.year) * 12 + last.month - first.month + 1
    return "month" if months <= MANY_MONTHS else "quarter" if months <= 3 * MANY_QUARTERS else "year"


_PERIODS: Final[Mapping[str, Callable[[datetime], str]]] = {
    "month": lambda d: f"{d.year}-{d.month:02}",
    "quarter": lambda d: f"{d.year}-Q{(d.month + 2) // 3}",
    "year": lambda d: f"{d.year}",
}


def every_period(names: Sequence[str]) -> list[str]:
    """All months, quarters or years from the first to the last of these, which `period_names` gave, in order."""
    first, last = min(names), max(names)
    if "Q" in first:
        return [f"{k // 4}-Q{k % 4 + 1}" for k in range(_quarter(first), _quarter(last) + 1)]
    if "-" in first:
        return [f"{k // 12}-{k % 12 + 1:02}" for k in range(_month(first), _month(last) + 1)]
    return [f"{k}" for k in range(int(first), int(last) + 1)]


def _quarter(name: str) -> int:
    return int(name[:4]) * 4 + int(name[-1]) - 1


def _month(name: str) -> int:
    return int(name[:4]) * 12 + int(name[-2:]) - 1


def _nice(step: float) -> float:
    """The step 1, 2, 2.5 or 5 times a power of ten next above `step`."""
    scale = 10.0 ** math.floor(math.log10(step))
    return next(scale * k for k in (1, 2, 2.5, 5, 10) if scale * k >= step * (1 - 1e-9))


def chart(title: str, x: Axis, y: Axis, marks: Sequence[Mark]) -> str:
    """A plot with two axes; marks are drawn in their order."""
    width, height = WIDTH - _LEFT - _RIGHT, HEIGHT - _TOP - _BOTTOM
    frame = [*_grid(x, y, width, height), *(part for mark in marks for part in _drawn(mark, x, y, width, height))]
    return _svg(title, HEIGHT, f'<g transform="translate({_LEFT},{_TOP})">{"".join(frame)}</g>')


def legend(marks: Sequence[Mark]) -> str:
    """The names of the marks with a sample of each, as an HTML list; "" where none has a name."""
    named = [mark for mark in marks if not isinstance(mark, Whiskers) and mark.name]
    return f'<ul class="legend">{"".join(f"<li>{_sample(mark)} {escape(mark.name)}</li>" for mark in named)}</ul>' if named else ""


def broken(points: Sequence[Point], tips: Sequence[str], name: str = "", role: str = "a", dashed: bool = False) -> list[Mark]:
    """A line with a dot at each point, broken where a value is NaN; the gap stays open, and a point between two gaps is seen."""
    runs: list[list[Point]] = [[]]
    for point in points:
        if not math.isnan(point[1]):
            runs[-1].append(point)
        elif runs[-1]:
            runs.append([])
    known = [(point, tip) for point, tip in zip(points, tips, strict=True) if not math.isnan(point[1])]
    lines: list[Mark] = [Line(run, "" if k else name, role, dashed) for k, run in enumerate(runs)]
    return [*lines, Dots([point for point, _ in known], [tip for _, tip in known], "", role)]


def strips(title: str, rows: Sequence[str], columns: Axis, cells: Sequence[Sequence[tuple[float, str] | None]], limit: float = 1.0) -> str:
    """A row of small tinted cells for each name, one for each place of the axis: (strength, tip), None for a gap; those above `limit` in another colour."""
    left = min(150.0, max(len(name) for name in rows) * _LETTER + 8)
    label = max((len(text) for _, text in columns.ticks), default=1) * _LETTER
    width, every = WIDTH - left - max(_RIGHT / 2, label / 2), columns.high - columns.low  # the last label is written around its place
    parts = []
    for i, (name, row) in enumerate(zip(rows, cells, strict=True)):
        top = i * _STRIP
        parts.append(f'<text x="{_n(left - 6)}" y="{top + 12}" class="end">{escape(name)}</text>')
        for j, cell in enumerate(row):
            if cell is None:
                continue
            strength, tip = cell
            role, opacity = ("b", 1.0) if strength > limit else ("a", 0.1 + 0.6 * max(0.0, strength / limit))
            parts.append(
                f'<rect x="{_n(left + j * width / every)}" y="{top + 1}" width="{_n(max(0.8, width / every - 1))}" height="{_STRIP - 2}" class="fill {role}" '
                f'fill-opacity="{opacity:.2f}">{_tip(tip)}</rect>'
            )
    floor = len(rows) * _STRIP
    room = label + 8
    apart = (columns.ticks[1][0] - columns.ticks[0][0]) * width / every if len(columns.ticks) > 1 else room
    written = columns.ticks[:: max(1, math.ceil(room / apart))]  # the names left less room than the axis was made for
    parts += [f'<text x="{_n(left + columns.place(value, width))}" y="{floor + 14}" class="mid faint">{escape(text)}</text>' for value, text in written]
    return _svg(title, floor + 20, "".join(parts))


def bars(title: str, rows: Sequence[tuple[str, float, str]], role: str = "a") -> str:
    """Horizontal bars: (label, value ≥ 0, text behind the bar), in the order given."""
    name_width = min(170.0, max((len(label) for label, _, _ in rows), default=0) * _LETTER + 8)
    text_width = max((len(text) for _, _, text in rows), default=0) * _LETTER + 6
    room = WIDTH - name_width - text_width
    top = max([value for _, value, _ in rows], default=0.0) or 1.0
    parts = []
    for i, (label, value, text) in enumerate(rows):
        length, at = max(0.0, value) / top * room, i * _ROW
        shown = label if len(label) * _LETTER <= name_width else label[: int(name_width / _LETTER) - 1] + "…"
        parts.append(
            f'<g><title>{escape(f"{label}: {text}")}</title><text x="{_n(name_width - 6)}" y="{at + 16}" class="end">{escape(shown)}</text>'
            f'<rect x="{_n(name_width)}" y="{at + 4}" width="{_n(max(length, 0.8))}" height="{_ROW - 8}" class="fill {role}"/>'
            f'<text x="{_n(name_width + length + 5)}" y="{at + 16}" class="faint">{escape(text)}</text></g>'
        )
    return _svg(title, max(1, len(rows)) * _ROW + 4, "".join(parts))


def heat(title: str, rows: Sequence[str], columns: Sequence[str], cells: Sequence[Sequence[tuple[float, str]]], role: str = "a") -> str:
    """A table of tinted cells: (strength in [0, 1], text) for each row and column; a line break in a text is `|`."""
    left = min(130.0, max(len(name) for name in rows) * _LETTER + 10)
    width = (WIDTH - left) / len(columns)
    parts = [f'<text x="{_n(left + (j + 0.5) * width)}" y="14" class="mid">{escape(name)}</text>' for j, name in enumerate(columns)]
    for i, name in enumerate(rows):
        top = 22 + i * _CELL
        parts.append(f'<text x="{_n(left - 8)}" y="{top + _CELL / 2 + 4:g}" class="end">{escape(name)}</text>')
        for j, (strength, text) in enumerate(cells[i]):
            at = left + j * width
            first, _, second = text.partition("|")
            parts.append(
                f'<rect x="{_n(at + 1)}" y="{top + 1}" width="{_n(width - 2)}" height="{_CELL - 2}" rx="3" class="fill {role}" fill-opacity="{0.08 + 0.6 * min(1.0, max(0.0, strength)):.2f}"/>'
                f'<text x="{_n(at + width / 2)}" y="{top + (19 if second else 26)}" class="mid strong">{escape(first)}</text>'
                + (f'<text x="{_n(at + width / 2)}" y="{top + 34}" class="mid">{escape(second)}</text>' if second else "")
            )
    return _svg(title, 22 + len(rows) * _CELL + 4, "".join(parts))


def span(value: float, low: float, high: float, axis: Axis, reference: float | None = None) -> str:
    """A value with its interval on a thin line, for a table cell; a stroke at `reference`, to compare with."""
    width, height = 120, 16
    at, begin, end = (axis.place(v, width - 8) + 4 for v in (value, low, high))
    mark = (
        f'<line x1="{_n(axis.place(reference, width - 8) + 4)}" x2="{_n(axis.place(reference, width - 8) + 4)}" y1="0" y2="{height}" class="grid strong"/>'
        if reference is not None
        else ""
    )
    return (
        f'<svg viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" aria-label="{escape(f"{value:.3f}, {low:.3f} to {high:.3f}")}">{mark}'
        f'<line x1="{_n(begin)}" x2="{_n(end)}" y1="8" y2="8" class="stroke a"/><circle cx="{_n(at)}" cy="8" r="3.5" class="fill a"/></svg>'
    )


# -- drawing -----------------------------------------------------------------------------------------


def _svg(title: str, height: float, inside: str) -> str:
    return f'<svg viewBox="0 0 {WIDTH} {height:g}" role="img" aria-label="{escape(title)}">{inside}</svg>'


def _grid(x: Axis, y: Axis, width: float, height: float) -> list[str]:
    parts = []
    for value, text in y.ticks:
        at = height - y.place(value, height)
        parts.append(
            f'<line x1="0" x2="{_n(width)}" y1="{_n(at)}" y2="{_n(at)}" class="grid"/><text x="-6" y="{_n(at + 4)}" class="end faint">{escape(text)}</text>'
        )
    for value, text in x.ticks:
        at = x.place(value, width)
        parts.append(
            f'<line x1="{_n(at)}" x2="{_n(at)}" y1="{_n(height)}" y2="{_n(height + 4)}" class="grid"/><text x="{_n(at)}" y="{_n(height + 17)}" class="mid faint">{escape(text)}</text>'
        )
    parts.append(f'<text x="{_n(width / 2)}" y="{_n(height + 35)}" class="mid">{escape(x.label)}</text>')
    parts.append(f'<text transform="translate(-39,{_n(height / 2)}) rotate(-90)" class="mid">{escape(y.label)}</text>' if y.label else "")
    return parts


def _drawn(mark: Mark, x: Axis, y: Axis, width: float, height: float) -> list[str]:
    def at(px: float, py: float) -> str:
        return f"{_n(x.place(px, width))},{_n(height - y.place(py, height))}"

    if isinstance(mark, Line):
        path = " ".join(at(*point) for point in mark.points)
        return [f'<polyline points="{path}" class="stroke {mark.role}{" dashed" if mark.dashed else ""}"/>'] if mark.points else []
    if isinstance(mark, Whiskers):
        return [f'<polyline points="{at(px, low)} {at(px, high)}" class="stroke thin {mark.role}"/>' for px, low, high in mark.spans]
    tips = [*mark.tips, *[""] * (len(mark.points if isinstance(mark, Dots) else mark.bars) - len(mark.tips))]
    if isinstance(mark, Dots):
        return [
            f'<circle cx="{_n(x.place(px, width))}" cy="{_n(height - y.place(py, height))}" r="3.5" class="fill {mark.role}">{_tip(tip)}</circle>'
            for (px, py), tip in zip(mark.points, tips, strict=True)
        ]
    found = []
    for (begin, end, value), tip in zip(mark.bars, tips, strict=True):
        left, size = x.place(begin, width), y.place(value, height)
        wide = max(0.5, x.place(end, width) - left - 1)
        found.append(f'<rect x="{_n(left + 0.5)}" y="{_n(height - size)}" width="{_n(wide)}" height="{_n(size)}" class="fill {mark.role}">{_tip(tip)}</rect>')
    return found


def _tip(text: str) -> str:
    return f"<title>{escape(text)}</title>" if text else ""


def _sample(mark: Mark) -> str:
    if isinstance(mark, Line):
        inside = f'<line x1="0" x2="22" y1="6" y2="6" class="stroke {mark.role}{" dashed" if mark.dashed else ""}"/>'
    elif isinstance(mark, Dots):
        inside = f'<circle cx="11" cy="6" r="3.5" class="fill {mark.role}"/>'
    else:
        inside = f'<rect x="5" y="1" width="12" height="10" class="fill {mark.role}"/>'
    return f'<svg viewBox="0 0 22 12" width="22" height="12" aria-hidden="true">{inside}</svg>'


def _n(value: float) -> str:
    """A coordinate with at most one digit after the point."""
    return f"{value:.1f}".removesuffix(".0")
