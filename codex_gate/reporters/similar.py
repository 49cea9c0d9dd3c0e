"""How alike programs are, for people at a terminal and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from codex_gate import __version__
from codex_gate.reporters.hostile import shorten_path, writable
from codex_gate.reporters.layout import MIN_WIDTH, Line, Span, fit, prose, stacked, written
from codex_gate.reporters.machine import encoded, number
from codex_gate.reporters.wording import count
from codex_gate.similar import FORMAT, MAX_TOKENS, Likeness, Program

FORMATS: Final = ("terminal", "json")
SCHEMA_VERSION: Final = 1
MAX_RANGES: Final = 8  # of lines that are listed of a file; JSON holds all
_TELLING: Final = 0.8  # likeness below which so much differs that no list of lines tells anything (chosen)

Object = dict[str, Any]


def render(name: str, found: Sequence[Likeness], *, width: int = 80, colour: bool = False, rich: bool = False) -> str:
    """The comparisons of one program with others, the most alike first, in the format of that name, the last line end included.

    The options are for the terminal alone.
    """
    ranked = sorted(found, key=lambda one: -one.value)  # stable: equals stay as they were given
    if name == "json":
        return encoded(as_object(ranked))
    return written(layout(ranked, width), width, colour=colour, rich=rich)


# -- words ---------------------------------------------------------------------------------------------


def percent(value: float) -> str:
    """Per cent without a digit behind the point, 100 and 0 for what is exactly so alone."""
    return f"{100 * value:.0f} %" if value in (0.0, 1.0) else f"{min(99, max(1, round(100 * value)))} %"


def verdict(found: Likeness) -> str:
    """What the figure rests on, as a sentence."""
    if found.same_bytes:
        return "the same bytes"
    if not found.second.lines:
        return "the second file holds no program text"
    if found.same_program:
        return "the same program but for names, layout, comments and the wording of texts"
    if found.value == 1:
        return "the same parts in another order"
    return f"structure {percent(found.structure)}, data flow {percent(found.flow)}"


def notices(found: Sequence[Likeness]) -> list[str]:
    """What makes the figures worth less than they look."""
    programs = list(dict.fromkeys((found[0].first, *(one.second for one in found))))
    said = [f"{_path(one)} is read up to its token {MAX_TOKENS:,}; what follows does not count" for one in programs if not one.whole]
    unknown = [_path(one) for one in programs if one.language is None and one.lines]
    if unknown:
        more = f" and {count(len(unknown) - 1, 'more file')}" if len(unknown) > 1 else ""
        said.append(f"the language of {unknown[0]}{more} is not known by its name: comments count as text, and a few words are taken for keywords")
    spoken = {one.language for one in programs if one.lines}
    if len(spoken) > 1:
        said.append(
            f"{', '.join(sorted(str(one or 'unknown') for one in spoken))}: words and signs of two languages differ, so the figures across them are low"
        )
    return said


def _path(program: Program) -> str:
    return shorten_path(program.path, 60)


# -- terminal ------------------------------------------------------------------------------------------


def layout(found: Sequence[Likeness], width: int) -> list[Line]:
    """The whole report, no line wider than `width` columns (at least MIN_WIDTH)."""
    width = max(MIN_WIDTH, width)
    foot = [line for notice in notices(found) for line in prose(f"! {notice}", width, "note")]
    if len(found) > 1:
        return stacked([_ranking(found, width), foot])
    (one,) = found
    head = (Span(percent(one.value), "strong"), Span(" alike as programs"))
    return stacked([[head, *prose(verdict(one), width), *_named(one, width)], _stretches(one, width), _alone(one, width), foot])


def _ranking(found: Sequence[Likeness], width: int) -> list[Line]:
    head: Line = (Span("Like ", "heading"), Span(shorten_path(found[0].first.path, width - 5), "place"))
    room = width - 9
    lines: list[Line] = [head]
    for one in found:
        lines.append((Span(f"{percent(one.value):>6}  ", "strong"), Span(fit(shorten_path(one.second.path, room), room), "place")))
        lines += prose(verdict(one), width, "dim", " " * 8)
    return lines


def _named(one: Likeness, width: int) -> list[Line]:
    return [(Span(f"  {name}  ", "dim"), Span(shorten_path(program.path, width - 5), "place")) for name, program in (("A", one.first), ("B", one.second))]


def _stretches(one: Likeness, width: int) -> list[Line]:
    if not one.stretches or one.same_bytes or one.same_program:
        return []
    rows = [(f"lines {_range(s.first)}", f"lines {_range(s.second)}", f"{s.n_tokens:,} tokens") for s in one.stretches]
    rooms = [max(len(row[column]) for row in rows) for column in range(3)]
    head = [(Span("Longest stretches alike but for names", "heading"),)]
    return [*head, *((Span(fit(f"  A {a:<{rooms[0]}}  B {b:<{rooms[1]}}  {c:>{rooms[2]}}", width)),) for a, b, c in rows)]


def _alone(one: Likeness, width: int) -> list[Line]:
    if one.same_program or one.value < _TELLING or not any(one.alone):
        return []
    head = [(Span("Names used otherwise than in the other file", "heading"),)]
    return [*head, *(line for name, lines in zip("AB", one.alone, strict=True) if lines for line in prose(f"{name} {_listed(lines)}", width, "", "  "))]


def _listed(lines: Sequence[int]) -> str:
    """Line numbers as ranges, MAX_RANGES at most."""
    ranges: list[tuple[int, int]] = []
    for line in lines:
        if ranges and line == ranges[-1][1] + 1:
            ranges[-1] = ranges[-1][0], line
        else:
            ranges.append((line, line))
    more = sum(last - first + 1 for first, last in ranges[MAX_RANGES:])
    return f"{'line' if len(lines) == 1 else 'lines'} {', '.join(map(_range, ranges[:MAX_RANGES]))}{f' and {more} more' if more else ''}"


def _range(lines: tuple[int, int]) -> str:
    return f"{lines[0]}–{lines[1]}" if lines[1] > lines[0] else str(lines[0])


# -- JSON ----------------------------------------------------------------------------------------------


def as_object(found: Sequence[Likeness]) -> Object:
    """The comparisons as plain values, valid against similar.schema.json; likenesses in [0, 1]."""
    return {
        "schema": SCHEMA_VERSION,
        "tool": {"name": "codex-gate", "version": __version__},
        "vector_format": FORMAT,
        "file": _file(found[0].first),
        "others": [_other(one) for one in found],
        "notices": [writable(notice) for notice in notices(found)],
    }


def _file(program: Program) -> Object:
    return {
        "path": writable(program.path),
        "sha256": program.sha256,
        "language": program.language,
        "n_tokens": len(program.lines),
        "whole": program.whole,
        "vector": [number(value, 5) for value in program.vector],
    }


def _other(one: Likeness) -> Object:
    return {
        "likeness": number(one.value, 6),
        "structure": number(one.structure, 6),
        "flow": number(one.flow, 6),
        "same_bytes": one.same_bytes,
        "same_program": one.same_program,
        "stretches": [{"file": list(s.first), "other": list(s.second), "n_tokens": s.n_tokens} for s in one.stretches],
        "alone": {"file": list(one.alone[0]), "other": list(one.alone[1])},
        **_file(one.second),
    }
