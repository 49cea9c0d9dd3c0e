"""The report for a terminal as lines of spans with roles, written plain here or painted by `terminal`.

All wrapping and cutting happens here, so that both say the same words in the same places. A plain text imports no rich,
for which a git hook need not wait.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from codex_gate.reporters import wording
from codex_gate.reporters.hostile import no_commands, shorten_path, shown, visible
from codex_gate.types import Evidence, Finding, Level, Report

MIN_WIDTH: Final = 40
MEASURE: Final = 100  # no sentence is wider, however wide the window: long lines are hard to read (chosen)
MAX_ROWS: Final = 40  # commits shown beside the change that they make up (chosen)
_GAP: Final = re.compile(r" (?!%)")  # where a sentence may break: never between a number and its per cent


class Span(NamedTuple):
    """Text with the role it plays: "", strong, dim, heading, place, up, down, note, or a level's name."""

    text: str
    role: str = ""


Line = tuple[Span, ...]


def layout(report: Report, width: int) -> list[Line]:
    """The whole report, no line wider than `width` columns (at least MIN_WIDTH)."""
    width = max(MIN_WIDTH, width)
    n = wording.digits(report)
    change, told, end = report.change, notices(report, width), foot(report, n, width)
    if change is None:
        blocks = [_many(report, width), [*told, *end]]
    elif change.level is Level.LOW:
        blocks = [[*_quiet(report, change, n, width), *told, *end]]
    else:
        # Where there is no level, the notices say why, so they come first.
        unknown = change.level is Level.UNKNOWN
        head = [*loud(report, change, n, width), *(told if unknown else [])]
        blocks = [head, why(change, width), _seen(change, width), _focus(change, width), _commits(report, width), [*([] if unknown else told), *end]]
    return stacked(blocks)


def stacked(blocks: Iterable[Sequence[Line]]) -> list[Line]:
    """The blocks that hold something with an empty line between them, no line a command to a workflow runner."""
    lines: list[Line] = []
    for block in filter(None, blocks):
        lines += [(), *block] if lines else block
    return [_guarded(line) for line in lines]


def written(lines: Iterable[Line], width: int, *, colour: bool = False, rich: bool = False) -> str:
    """The text of finished lines, the last line end included; `rich` paints them, in bold and dim alone without `colour`."""
    if rich or colour:
        from codex_gate.reporters import terminal

        return terminal.render_lines(lines, width, colour)
    return "".join(f"{text(line)}\n" for line in lines)


def prose(words: str, width: int, role: str = "", indent: str = "") -> list[Line]:
    """A sentence in lines of one role behind `indent`; none for an empty one."""
    return [(Span(indent + line, role),) for line in wrap(words, min(width, MEASURE) - len(indent))] if words else []


def text(line: Line) -> str:
    """The words of a line, without blanks at its end."""
    return "".join(span.text for span in line).rstrip()


def cells(text: str) -> int:
    """Columns that a terminal gives to the text: two for wide characters, none for combining marks."""
    if text.isascii():
        return len(text)
    from unicodedata import category, east_asian_width

    return sum(0 if category(c) in ("Mn", "Me") else 2 if east_asian_width(c) in "WF" else 1 for c in text)


def fit(text: str, room: int) -> str:
    """The text in at most `room` columns, an ellipsis in place of the rest."""
    if cells(text) <= room:
        return text
    kept, used = [], 1
    for char in text:
        used += cells(char)
        if used > room:
            break
        kept.append(char)
    return "".join(kept).rstrip() + "…"


def wrap(text: str, room: int) -> list[str]:
    """The text in lines of at most `room` columns, broken at blanks, inside a word only where it is too long."""
    lines = [""]
    for word in _GAP.split(text):
        joined = f"{lines[-1]} {word}" if lines[-1] else word
        if cells(joined) <= room:
            lines[-1] = joined
            continue
        for piece in _pieces(word, room):
            lines.append(piece)
    return [line for line in lines if line] or [""]


def _pieces(word: str, room: int) -> Iterator[str]:
    piece, used = "", 0
    for char in word:
        if used + cells(char) > room:
            yield piece
            piece, used = "", 0
        piece, used = piece + char, used + cells(char)
    yield piece


def _guarded(line: Line) -> Line:
    whole = text(line)
    if not whole.lstrip().startswith("::"):
        return line
    return (Span(no_commands(whole)),)


def _paragraph(head: Sequence[Span], body: str, role: str, width: int, measure: int = MEASURE) -> list[Line]:
    """`body` wrapped behind `head`, its further lines indented to where it began."""
    indent = sum(cells(span.text) for span in head)
    first, *rest = wrap(body, min(width, measure) - indent)
    return [(*head, Span(first, role)), *((Span(" " * indent), Span(line, role)) for line in rest)]


def _pad(text: str, room: int) -> str:
    return text + " " * (room - cells(text))


# -- the parts ---------------------------------------------------------------------------------------


def verdict(report: Report, finding: Finding, n: int, width: int) -> list[Line]:
    head, rest = wording.verdict(finding, n), wording.standing(finding, report.thresholds)
    lines: list[Line] = []
    left = len(head)
    for line in wrap(f"{head}: {rest}" if rest else head, min(width, MEASURE)):
        spans = Span(line[:left], finding.level.value), Span(line[left:])
        lines.append(tuple(span for span in spans if span.text))
        left = max(0, left - len(line) - 1)  # less the blank where it was broken
    return lines


def _quiet(report: Report, finding: Finding, n: int, width: int) -> list[Line]:
    title = "" if finding.title == report.scope else shown(finding.title)
    about = ": ".join(filter(None, (shown(report.scope, 80), wording.summary(report.commits) or title)))
    loud = [f for f in report.commits if f.level.rank > Level.LOW.rank] if len(report.commits) > 1 else []
    return [*verdict(report, finding, n, width), *_paragraph((), about, "", width), *_rows(loud, width)]


def loud(report: Report, finding: Finding, n: int, width: int) -> list[Line]:
    scope, title = shown(report.scope, 80), shown(finding.title)
    room = width - cells(scope) - 2
    named = (Span(scope, "strong"), Span("  " + fit(title, room), "dim")) if title and title != scope and room > 8 else (Span(fit(scope, width), "strong"),)
    lines = [named, *verdict(report, finding, n, width)]
    if meant := wording.meaning(finding, report.model_kind):
        lines += _paragraph((), meant, "", width)
    return lines


def _many(report: Report, width: int) -> list[Line]:
    scope = shown(report.scope, 80)
    if not report.commits:
        return [(Span(fit(scope, width), "strong"),)]
    body = f"{wording.count(len(report.commits), 'commit')}: {wording.tally(report.commits)}"
    return [(Span(fit(scope, width), "strong"),), *_paragraph((), body, "", width), *_rows(report.commits, width)]


def why(finding: Finding, width: int) -> list[Line]:
    if not finding.reasons:
        return []
    lines: list[Line] = [(Span("Why", "heading"), Span(" (points of risk)", "dim"))]
    room = max(len(wording.points(r.contribution)) for r in finding.reasons)
    for reason in finding.reasons:
        way = "up" if reason.contribution > 0 else "down" if reason.contribution else "dim"
        head = (Span("  "), Span(f"{wording.mark(reason.contribution)} {wording.points(reason.contribution):>{room}}", way), Span("  "))
        lines += _paragraph(head, shown(reason.text, 400), "", width)
    return lines


def _seen(finding: Finding, width: int) -> list[Line]:
    seen = wording.categories(finding)
    if not seen:
        return []
    lines: list[Line] = [(Span("What kind of defect", "heading"),)]
    names = [f"{visible(str(c.category))} {wording.percent(c.confidence)}" for c in seen[: wording.MAX_CATEGORIES]]
    room = max(map(cells, names))
    for name, found in zip(names, seen, strict=False):
        groups = wording.by_place(found.evidence[: wording.MAX_EVIDENCE])
        for i in range(max(1, len(groups))):
            head = (Span("  "), Span(_pad("" if i else name, room), "strong"), Span("  "))
            lines.append((*head, *_evidence(*groups[i], width - room - 4)) if groups else head)
        if (more := len(found.evidence) - wording.MAX_EVIDENCE) > 0:
            lines.append((Span(" " * (room + 4)), Span(fit(f"and {wording.count(more, 'more place')}", width - room - 4), "dim")))
    if len(seen) > wording.MAX_CATEGORIES:
        lines.append((Span(f"  and {wording.count(len(seen) - wording.MAX_CATEGORIES, 'more category', 'more categories')}", "dim"),))
    return lines


def _evidence(evidence: Evidence, texts: Sequence[str], room: int) -> Line:
    matched = wording.told(evidence, ", ".join(map(shown, texts)))
    share = room * 2 // 3 if matched else room
    where = Span("message", "dim") if wording.in_message(evidence) else Span(place(evidence.where, evidence.line, share), "place")
    rest = room - cells(where.text) - 2
    return (where, Span("  " + fit(matched, rest))) if rest > 4 and matched else (where,)


def place(path: str, line: int, room: int) -> str:
    suffix = f":{line}" if line > 0 else ""
    return fit(shorten_path(path, max(8, room - len(suffix))), room - len(suffix)) + suffix


def _focus(finding: Finding, width: int) -> list[Line]:
    files = finding.files[: wording.MAX_FILES]
    if not files:
        return []
    places = [place(f.path, f.line, width // 2) for f in files]
    room = max(map(cells, places))
    lines: list[Line] = [(Span("Look at first", "heading"),)]
    for file, where in zip(files, places, strict=True):
        head = (Span("  "), Span(where, "place"), Span(" " * (room - cells(where) + 2)))
        lines += _paragraph(head, shown(file.why), "", width, width)
    return lines


def _commits(report: Report, width: int) -> list[Line]:
    if len(report.commits) < 2:  # a single one is the change itself
        return []
    rows = wording.loudest_first(report.commits, MAX_ROWS)
    lines: list[Line] = [(Span("Commits", "heading"),), *_rows(rows, width)]
    if len(rows) < len(report.commits):
        lines.append((Span(f"  and {len(report.commits) - len(rows):,} more", "dim"),))
    return lines


def _rows(findings: Iterable[Finding], width: int) -> list[Line]:
    lines: list[Line] = []
    for finding in findings:
        risk = "–" if finding.risk is None else wording.percent(finding.risk)
        head = f"  {wording.short(finding.sha):<9}  "
        level = finding.level.value
        gap = " " * (len(Level.MODERATE) - len(level) + 2)
        room = width - len(head) - 5 - len(Level.MODERATE) - 4
        title = fit(shown(finding.title, room + 1), room)
        lines.append((Span(head, "dim"), Span(f"{risk:>5}  "), Span(level, level), Span(gap + title)))
    return lines


def notices(report: Report, width: int) -> list[Line]:
    lines: list[Line] = []
    for notice in wording.notices(report):
        lines += _paragraph((Span("! ", "note"),), shown(notice.text, 600), "note", width)
    return lines


def foot(report: Report, n: int, width: int) -> list[Line]:
    lines: list[Line] = []
    loud = report.change is None or report.change.level.rank > Level.LOW.rank
    if loud and report.change is not None and report.thresholds.at:
        lines += _paragraph((), wording.levels(report.thresholds, n), "dim", width)
    made = " · ".join((f"tier {report.tier}", f"model {shown(report.model_version, 40)}", wording.duration(report.seconds)))
    return [*lines, *_paragraph((), made, "dim", width)]
