"""Drift for a terminal, as lines of spans like those of the screen's report."""

from __future__ import annotations

from typing import Final

from codex_gate.drift import Shift
from codex_gate.reporters.drift import words
from codex_gate.reporters.hostile import shown
from codex_gate.reporters.layout import MIN_WIDTH, Line, Span, fit, prose, stacked
from codex_gate.reporters.wording import duration
from codex_gate.watch import DriftReport, called

_NAME: Final = 23  # the longest is "top-level directories"
_TIMES: Final = 16  # of words.COLUMNS, a blank in front


def layout(report: DriftReport, width: int) -> list[Line]:
    """The whole report, no line wider than `width` columns (at least MIN_WIDTH)."""
    width = max(MIN_WIDTH, width)
    blocks = [_head(report, width), _moved(report, width), _rest(report, width), _foot(report, width)]
    return stacked(blocks)


def _head(report: DriftReport, width: int) -> list[Line]:
    return [
        *prose(words.verdict(report), width, "high" if report.drift else "low"),
        *prose(words.scope(report), width),
        *prose(words.advice(report), width),
    ]


def _moved(report: DriftReport, width: int) -> list[Line]:
    if not report.moved:
        return []
    head = f"{'What moved':<{_NAME}}{words.COLUMNS[0]:>{_TIMES}}  {words.COLUMNS[1]}"
    return [(Span(fit(head, width), "heading"),), *(line for shift in report.moved for line in _row(report, shift, width))]


def _row(report: DriftReport, shift: Shift, width: int) -> list[Line]:
    figures = f"{words.times(shift):>{_TIMES}}  "
    name = f"  {fit(called(shift.name), _NAME - 2):<{_NAME - 2}}"
    room = width - len(name) - len(figures)
    since = fit(words.since(report, shift), room) if room > 4 else ""
    below = "; ".join(filter(None, (words.part(report, shift), shown(words.moved(shift), 400))))
    return [(Span(name, "strong"), Span(figures), Span(since, "dim")), *prose(below, width, "", "    ")]


def _rest(report: DriftReport, width: int) -> list[Line]:
    sentences = (words.steady(report), words.divergence(report), words.fit(report))
    return [line for sentence in sentences for line in prose(sentence, width)]


def _foot(report: DriftReport, width: int) -> list[Line]:
    notices = [line for notice in report.notices for line in prose(f"! {shown(notice.text, 600)}", width, "note")]
    method = prose(words.method(), width, "dim")
    made = f"model {shown(report.model_version, 40)} · {duration(report.seconds)}"
    return [*notices, *method, *prose(made, width, "dim")]
