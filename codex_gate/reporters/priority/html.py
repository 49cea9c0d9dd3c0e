"""Priorities as one self-contained HTML page: the matrix as a heat map, the categories, the hot files tinted by their parts."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Final

from codex_gate import page, plots
from codex_gate.page import Html
from codex_gate.priority import WEIGHTS, Frequency, HotFile, Priorities, Row, priority
from codex_gate.reporters.backtest.words import between, share
from codex_gate.reporters.hostile import shorten_path, shown
from codex_gate.reporters.priority import words
from codex_gate.reporters.wording import count, duration
from codex_gate.taxonomy import HARMS, Severity

N_DOTS: Final = 1000  # files in the plot, the hottest (chosen: more only make the page heavy)
BANDS: Final = (Frequency.RARE, Frequency.OCCASIONAL, Frequency.FREQUENT)
STYLE: Final = """
:root{--heat:194 87 12;--low:.06;--moderate:.2;--high:.38;--critical:.58}
@media(prefers-color-scheme:dark){:root{--heat:255 140 70;--low:.06;--moderate:.16;--high:.3;--critical:.46}}
.matrix{table-layout:fixed;width:100%;max-width:52rem;border-collapse:separate;border-spacing:3px}
.matrix th{text-align:left;border:0;width:6.2rem;vertical-align:middle}.matrix thead th{width:auto;vertical-align:bottom}.matrix thead th:first-child{width:6.2rem}
.matrix td{border:0;border-radius:.35rem;text-align:left;white-space:normal;vertical-align:top;overflow-wrap:anywhere;padding:.4rem .5rem;height:4rem;background:rgb(var(--heat)/var(--s))}.matrix tbody tr:hover{background:none}
.matrix b{display:block;font-size:.75rem;font-weight:600}.matrix ul{list-style:none;margin:0;padding:0;font-size:.8125rem;line-height:1.3}.matrix li{margin:.15rem 0}
.s-low{--s:var(--low)}.s-moderate{--s:var(--moderate)}.s-high{--s:var(--high)}.s-critical{--s:var(--critical)}
.grade{border-radius:.3rem;padding:.05rem .4rem;background:rgb(var(--heat)/var(--s))}
.tint{display:block;margin:-.3rem -.7rem;padding:.3rem .7rem;background:rgb(var(--heat)/var(--s))}.file{white-space:normal;overflow-wrap:anywhere;display:block;min-width:9rem;font:.8125rem ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
.why{white-space:normal;display:block;min-width:24rem}
@media(max-width:30rem){.matrix{border-spacing:2px}.matrix th,.matrix thead th:first-child{width:3.7rem;padding:.2rem 0;font-size:.6875rem}.matrix td{padding:.2rem .15rem}.matrix ul{font-size:.6875rem}.tint{margin:-.3rem -.4rem;padding:.3rem .4rem}}
"""
_HUMP: Final = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def render(found: Priorities, top: int) -> str:
    """The whole page."""
    body = [
        page.paragraph(words.scope(found)),
        *(page.paragraph(text, "note") for text in (words.doubt(found),) if text),
        *(page.paragraph(shown(n.text, 600), "note") for n in found.notices),
        _tiles(found),
        page.heading("The matrix"),
        page.paragraph(words.method(found) if found.is_known else "Without frequencies each category stands in the middle.", "dim"),
        _matrix(found),
        page.heading("The categories"),
        _categories(found),
        *(page.paragraph(text, "dim") for text in (words.absent(found),) if text),
        page.heading("The hot files"),
        *_files(found, top),
    ]
    foot = f"codex-gate, {duration(found.seconds)}. {words.formula()} {words.counted()} Intervals are 95 %. This page asks the network for nothing."
    return page.document(shown(words.title(found)), body, foot, STYLE)


def _tiles(found: Priorities) -> Html:
    pressing = [row for row in found.rows if row.priority is Severity.CRITICAL and row.n]
    figures = [
        (f"{found.n_fixes:,}", "fixes in the window"),
        (f"{found.n_told:,}", "of them that tell a category"),
        (f"{len(pressing):,}", f"{'category' if len(pressing) == 1 else 'categories'} seen here whose findings are critical"),
        (f"{len(found.files):,}", "files scored"),
        (words.score(found.files[0]) if found.files else "–", "the highest score"),
    ]
    if found.limit is not None:
        figures.append((f"{len(found.over):,}", f"files at {found.limit:g} and above, which fails"))
    return page.tiles(figures)


# -- the matrix ----------------------------------------------------------------------------------------


def _matrix(found: Priorities) -> Html:
    """Severity downwards, frequency to the right, each cell in the colour of the priority that it gives."""
    head = "".join(f'<th scope="col">{page.text(name)}</th>' for name in ("", *(band.value for band in BANDS)))
    rows = [f'<tr><th scope="row">{grade.value}</th>{"".join(_cell(found, grade, band) for band in BANDS)}</tr>' for grade in reversed(Severity)]
    return Html(f'<table class="matrix"><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table>')


def _cell(found: Priorities, severity: Severity, band: Frequency) -> str:
    grade = priority(severity, band)
    inside = [row for row in found.rows if row.severity is severity and _band(row) is band]
    names = "".join(f"<li>{row.n:,} {_broken(row.category.value)}</li>" for row in inside)
    return f'<td class="s-{grade.value}"><b>{grade.value}</b>{f"<ul>{names}</ul>" if names else ""}</td>'


def _band(row: Row) -> Frequency:
    return Frequency.OCCASIONAL if row.frequency is Frequency.UNKNOWN else row.frequency


def _broken(name: str) -> str:
    """A category's name that may break at its humps."""
    return "<wbr>".join(page.text(part) for part in _HUMP.split(name))


# -- the categories ------------------------------------------------------------------------------------


def _categories(found: Priorities) -> Html:
    rows = [
        (row.category.value, f"{row.n:,}", between(row.share), words.category_cells(row)[2], row.severity.value, _grade(row.priority), _why(row))
        for row in found.rows
    ]
    return page.table(("category", *words.CATEGORY_COLUMNS, "why so severe"), rows, "", (0, 3, 4, 5, 6))


def _why(row: Row) -> Html:
    return Html(f'<span class="why">{page.text(HARMS[row.category].why)}</span>')


def _grade(severity: Severity) -> Html:
    return Html(f'<span class="grade s-{severity.value}">{severity.value}</span>')


# -- the files -----------------------------------------------------------------------------------------


def _files(found: Priorities, top: int) -> list[Html]:
    if not found.files:
        return [page.paragraph(words.NO_FILES)]
    rows = [_file(file) for file in found.files[:top]]
    about = "Cells are tinted by the part of the score: the share of the other files here that have less."
    more = f" {count(len(found.files) - top, 'file')} with lower scores left out." if len(found.files) > top else ""
    return [page.plots(_plot(found.files[:N_DOTS], top)), page.table(("score", "file", *words.FILE_COLUMNS), rows, about + more, (1,))]


def _file(file: HotFile) -> tuple[object, ...]:
    cells = zip(words.file_cells(file), WEIGHTS, strict=True)
    tinted = [_tint(text, file.parts[name]) for text, name in cells]
    return (_tint(words.score(file), file.score / 100), Html(f'<span class="file">{page.text(shorten_path(file.path))}</span>'), *tinted)


def _tint(text: str, part: float) -> Html:
    if math.isnan(part):
        return page.text(text)
    return Html(f'<span class="tint" style="--s:{0.5 * part * part:.2f}" title="{page.text(share(part))}">{page.text(text)}</span>')


def _plot(files: Sequence[HotFile], top: int) -> list[Html]:
    """Complexity against churn, both as parts; files of unknown complexity are not drawn."""
    drawn = [(place, file) for place, file in enumerate(files) if not math.isnan(file.parts["complexity"])]
    if len(drawn) < 2:
        return []

    def dots(chosen: list[HotFile], name: str, role: str) -> plots.Dots:
        tips = [f"{shorten_path(f.path)}: score {words.score(f)}" for f in chosen]
        return plots.Dots([(f.parts["churn"], f.parts["complexity"]) for f in chosen], tips, name, role)

    marks = [dots([f for place, f in drawn if place >= top], "other files", "base"), dots([f for place, f in drawn if place < top], "listed below", "b")]
    svg = plots.chart("Files", plots.share_axis("files with less churn"), plots.share_axis("files with less complexity"), marks)
    return [page.figure("Complexity and churn", svg, "Top right: complex and changed often. A dot tells its file when it is pointed at.", plots.legend(marks))]
