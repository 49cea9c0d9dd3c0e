"""What `codex-gate explain` says about one commit: every measure's share in the risk, the riskiest hunks and lines."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from codex_gate.reporters import layout, machine, wording
from codex_gate.reporters.hostile import shown, writable
from codex_gate.reporters.layout import Line, Span
from codex_gate.types import Explanation, LineScore, Share

MAX_HUNKS: Final = 5
MAX_LINES: Final = 10
_SHOWN_SHARE: Final = 0.005  # a measure below half a point is counted with the others
_PRECISION: Final = 9  # digits: rounded shares still add up to the risk within its four


def as_json(found: Explanation) -> str:
    """One indented object, `#explanation` of the schema."""
    report = machine.report_object(found.report)
    row = report["change"]
    kept = {name: row[name] for name in ("sha", "title", "risk", "level", "percentile", "category", "confidence", "tier", "model_version", "reasons")}
    return machine.encoded(
        {
            "schema": machine.SCHEMA_VERSION,
            **{name: report[name] for name in ("tool", "repository")},
            **kept,
            "notices": report["notices"],
            "base": round(found.base, _PRECISION),
            "contributions": [_share(share) for share in found.shares],
            "hunks": [
                {
                    "path": writable(h.path),
                    "side": "added" if h.added else "deleted",
                    "first": h.first,
                    "last": h.last,
                    "score": round(h.score, 4),
                    "category": h.kind.category if h.kind else None,
                    "confidence": h.kind.confidence if h.kind else None,
                }
                for h in found.hunks
            ],
            "lines": [{**machine.line_object(line), "text": writable(_text(line))} for line in found.lines],
        }
    )


def _share(share: Share) -> machine.Object:
    return {"feature": share.feature, "value": machine.measure(share.value), "contribution": round(share.contribution, _PRECISION) + 0.0}


def _text(line: LineScore) -> str:
    """The line as text, a long one cut; bytes that are no UTF-8 come as surrogates, which `writable` and `visible` show."""
    return line.text[:1000].decode("utf-8", "surrogateescape")[:200].removesuffix("\r")


def as_text(found: Explanation, width: int, *, colour: bool = False, rich: bool = False) -> str:
    """For people, `width` columns wide; `rich` paints it, as for a report."""
    return layout.written(_layout(found, max(layout.MIN_WIDTH, width)), width, colour=colour, rich=rich)


def _layout(found: Explanation, width: int) -> list[Line]:
    report = found.report
    finding = report.change
    assert finding is not None
    n = wording.digits(report)
    blocks = [layout.loud(report, finding, n, width), layout.why(finding, width), _measures(found, width), _hunks(found, width), _lines(found, width)]
    blocks.append([*layout.notices(report, width), *layout.foot(report, n, width)])
    return layout.stacked(blocks)


def _measures(found: Explanation, width: int) -> list[Line]:
    """The shares as a sum: where the forest begins, each measure, the rest, the risk; it holds for the printed numbers."""
    shown = [share for share in found.shares if abs(share.contribution) >= _SHOWN_SHARE]
    rest = [share.contribution for share in found.shares if abs(share.contribution) < _SHOWN_SHARE]
    risk = found.base + sum(share.contribution for share in found.shares)
    base, *parts, total = _tenths([found.base, *(share.contribution for share in shown), *([sum(rest)] if rest else [])], risk)
    lines: list[Line] = [(Span("Measures", "heading"), Span(" (one by one, in points of risk)", "dim"))]
    first, *more = layout.wrap("where the forest begins: the mean of what it learned from", width - 10)
    lines += [_term(base, first, "dim", sign=False), *((Span(f"{' ' * 10}{part}"),) for part in more)]
    for share, part in zip(shown, parts, strict=False):
        value = "unknown" if share.value != share.value else f"{share.value:,.6g}"
        lines.append(_term(part, layout.fit(f"{share.feature} = {value}", width - 12), "up" if share.contribution > 0 else "down"))
    if rest:
        lines.append(_term(parts[-1], f"{wording.count(len(rest), 'other measure')} together", "dim"))
    return [*lines, _term(total, "the risk", "strong", sign=False)]


def _tenths(terms: Sequence[float], total: float) -> list[int]:
    """Terms of a sum in [0, 1], and the sum, in tenths of a point; the terms with the largest remainders are rounded up until all add up to the rounded sum."""
    whole = [math.floor(1000 * term) for term in terms]
    rounded = round(10 * round(100 * total, 1))
    by_remainder = sorted(range(len(terms)), key=lambda i: whole[i] - 1000 * terms[i])
    for i in by_remainder[: rounded - sum(whole)]:
        whole[i] += 1
    return [*whole, rounded]


def _term(tenths: int, what: str, role: str, *, sign: bool = True) -> Line:
    number = f"{tenths / 10:+.1f}" if sign else f"{tenths / 10:.1f}"
    return (Span("  "), Span(f"{number.replace('-', '−'):>6}", role), Span(f"  {what}"))


def _hunks(found: Explanation, width: int) -> list[Line]:
    if not found.hunks:
        return []
    note = "(the scores only compare within this change)"
    lines: list[Line] = [(Span("Riskiest hunks", "heading"), Span(f" {note}", "dim"))]
    if width < layout.cells(layout.text(lines[0])):
        lines = [(Span("Riskiest hunks", "heading"),), *layout.prose(note, width, "dim")]
    for hunk in found.hunks[:MAX_HUNKS]:
        span = f"{hunk.first}" if hunk.first == hunk.last else f"{hunk.first}–{hunk.last}"
        side = "" if hunk.added else " (deleted)"
        where = layout.place(hunk.path, 0, width - len(span) - len(side) - 11)
        lines.append((Span(f"  {hunk.score:.3f}  "), Span(f"{where}:{span}", "place"), Span(side, "dim")))
        if hunk.kind is not None:
            lines.append((Span(layout.fit(f"         {hunk.kind.category}, confidence {hunk.kind.confidence:.2f}", width), "dim"),))
    return [*lines, *_more(len(found.hunks) - MAX_HUNKS, "hunk")]


def _lines(found: Explanation, width: int) -> list[Line]:
    if not found.lines:
        return []
    lines: list[Line] = [(Span("Riskiest lines", "heading"),)]
    told = wording.alike(found.lines)[:MAX_LINES]
    for group in told:
        line, others = group[0], wording.like_it(group)
        mark, role = ("+", "down") if line.added else ("-", "up")
        lines.append((Span(f"  {line.score:.3f}  "), Span(layout.place(line.path, line.line, width - 9 - len(others)), "place"), Span(others, "dim")))
        lines.append((Span("         "), Span(f"{mark} {layout.fit(shown(_text(line)), width - 11)}", role)))
    return [*lines, *_more(len(found.lines) - sum(map(len, told)), "line")]


def _more(n: int, one: str) -> list[Line]:
    return [(Span(f"  and {wording.count(n, f'more {one}')}", "dim"),)] if n > 0 else []
