"""A backtest for a terminal, as lines of spans like those of the screen's report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from codex_gate.backtest import Backtest, Change
from codex_gate.reporters.backtest import words
from codex_gate.reporters.hostile import shown
from codex_gate.reporters.layout import MIN_WIDTH, Line, Span, cells, fit, prose, stacked
from codex_gate.reporters.wording import duration, percent, short

N_LOUDEST: Final = 8  # changes that are listed (chosen: what fits on a screen beside the rest)
_ROOM: Final = (7, 5, 6, 6, 15, 5)  # of words.COLUMNS


def layout(found: Backtest, width: int) -> list[Line]:
    """The whole backtest, no line wider than `width` columns (at least MIN_WIDTH)."""
    width = max(MIN_WIDTH, width)
    blocks = [
        _head(found, width),
        _proposal(found, width),
        _levels(found, width),
        _thresholds(found, width),
        _fit(found, width),
        _loudest(found, width),
        _foot(found, width),
    ]
    return stacked(blocks)


def _head(found: Backtest, width: int) -> list[Line]:
    name = (Span("Backtest", "strong"), Span("  " + fit(words.scope(found), width - 10), "dim"))
    return [name, *prose(words.judgement(found), width), *prose(words.learned(found), width, "note")]


def _proposal(found: Backtest, width: int) -> list[Line]:
    proposal = found.proposal()
    first, *rest = prose(words.proposed(proposal, found), width)
    level, _, command = words.nearest(found).partition(": ")  # the command on a line of its own, to be copied
    ready = [*prose(f"{level}:", width), (Span(f"  {command}", "place"),)] if command else []
    return [(Span(first[0].text, "strong"),), *rest, *prose(words.compared(proposal), width), *ready]


def _table(head: str, rows: Sequence[tuple[str, Sequence[str], str]], width: int) -> list[Line]:
    """Rows of (name, cells under words.COLUMNS, role); where there is no room the least telling columns are left out."""
    columns = [4, 0, 5, 1, 2, 3]  # the most telling first
    name_room = max(cells(name) for name in (head, *(name for name, _, _ in rows))) + 2
    while sum(_ROOM[i] + 2 for i in columns) + name_room > width and len(columns) > 1:
        columns.pop()
    chosen = sorted(columns)

    def line(name: str, values: Sequence[str], role: str) -> Line:
        return (
            Span(fit(name, name_room) + " " * max(0, name_room - cells(name)), role),
            Span("".join(f"{values[i]:>{_ROOM[i] + 2}}" for i in chosen), role and "dim" if role == "heading" else role),
        )

    return [line(head, words.COLUMNS, "heading"), *(line(*row) for row in rows)]


def _levels(found: Backtest, width: int) -> list[Line]:
    rows = [(f"  {words.NAMES[level]}", words.cells(flags), "") for level, flags in found.by_level()]
    return _table("By level", [*rows, ("  all changes", words.cells(found.flags(lambda _: True)), "dim")], width)


def _thresholds(found: Backtest, width: int) -> list[Line]:
    mine = found.threshold(found.budget)
    return _table(
        "By risk",
        [
            (f"{'→' if limit == mine else ' '} {words.limit(limit, found)}", words.cells(flags), "strong" if limit == mine else "")
            for limit, flags in found.by_threshold()
        ],
        width,
    )


def _fit(found: Backtest, width: int) -> list[Line]:
    sentence = words.fit(found)
    return [(Span("Probabilities", "heading"),), *prose(sentence, width)] if sentence else []


def _loudest(found: Backtest, width: int) -> list[Line]:
    return [(Span("The riskiest", "heading"),), *(_row(change, found, width) for change in found.loudest(N_LOUDEST))]


def _row(change: Change, found: Backtest, width: int) -> Line:
    outcome = words.outcome(change, found)
    head = f"  {short(change.sha):<9}  {percent(change.risk):>5}  "
    role = "up" if change.repair else "dim"
    title = fit(shown(change.title), width - len(head) - 22) if width - len(head) - 22 > 4 else ""
    return (Span(head, "dim"), Span(f"{outcome:<20}  ", role), Span(title))


def _foot(found: Backtest, width: int) -> list[Line]:
    notices = [line for notice in found.notices for line in prose(f"! {shown(notice.text, 600)}", width, "note")]
    made = f"model {shown(found.model_version, 40)} · {duration(found.seconds)}"
    return [*notices, *prose(words.method(found), width, "dim"), *prose(made, width, "dim")]
