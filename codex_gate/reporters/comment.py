"""The comment on a pull request: the report in Markdown with links, a marker to find it by, and what would lower the risk.

The marker is the first line and never shed. It holds a hash of what a reader sees, so that a verdict that did not
change is not sent again, and the figures that a dispute ("this was not useful", a box to tick) is about.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple

from codex_gate.reporters import markdown, wording
from codex_gate.reporters.hostile import code, prose, shorten_path, shown
from codex_gate.reporters.markdown import Links, Section
from codex_gate.types import MIN_RELIEF, Finding, Report

MARKER: Final = "<!-- codex-gate:verdict "
TICK: Final = "This was not useful"
_MARKED: Final = re.compile(re.escape(MARKER) + r"(\{[^{}<>]{0,400}\}) -->")
_BOX: Final = re.compile(rf"^- \[([ xX])\] {TICK}", re.MULTILINE)
_DISPUTED: Final = "disputed"  # the name of a verdict in the mark
_ROOM: Final = 64_500  # bytes for the report, the rest of 65,000 is the marker's
_MAX_PLOT: Final = 40  # changes that a plot shows; more make its line unreadable (chosen)
# The default colour of a line can hardly be seen on white (looked at in a browser, 2026-11-25); this one is seen on black too.
_LOOK: Final = '%%{init: {"xyChart": {"height": 260}, "themeVariables": {"xyChart": {"plotColorPalette": "#bc4c00"}}}}%%'
_SUMMARY: Final = 900_000  # bytes of the report in a step summary, which may hold 1 MiB with what could not be done
_SUMMARY_ROWS: Final = (1_500, 250, 40, 0)


class Trust(NamedTuple):
    """How far the number can be trusted: by how many points (of 1) it was off in repositories that the model had not
    seen, None when unknown; how many of the model's measures are unknown here."""

    error: float | None
    unknown: int
    measures: int


class Mark(NamedTuple):
    """What a comment says of itself: the hash of its verdict, what it was about, the part of the repository."""

    key: str
    sha: str
    level: str
    risk: float | None
    part: str = ""


class Verdict(NamedTuple):
    """What was said of a change: its commit, level and risk, None where that is unknown."""

    sha: str
    level: str
    risk: float | None


def loud(report: Report, links: Links, trust: Trust, part: str = "") -> str:
    """The comment on a change that stands out; `part` names the part of the repository that it is about, "" for all of it."""
    added = (_relief(report.change), _sure(report.change, trust))
    body = markdown.render(report, links, added=added, last=[f"- [ ] {TICK}"], limit=_ROOM)
    return f"{_marker(report, links, trust, part)}\n{body}"


def quiet(report: Report, links: Links, trust: Trust, part: str = "") -> str:
    """What is left of a comment when there is nothing to say any more: one line."""
    n = wording.digits(report)
    verdict = wording.verdict(report.change, n) if report.change is not None else "nothing to screen"
    about = f"{prose(part)}: {prose(verdict)}" if part else prose(verdict)
    return f"{_marker(report, links, trust, part, 'quiet-')}\ncodex-gate has nothing to say about this change any more ({about}).\n"


def summary(report: Report, links: Links | None, trust: Trust, said: Sequence[str]) -> str:
    """The step summary: everything, of a change of low risk too, with the risks of the repository's recent changes, and what could not be done.

    Args:
        said: sentences about what was left undone.
    """
    added = (_relief(report.change), _sure(report.change, trust), _plot(report))
    body = markdown.render(report, links, added=added, limit=_SUMMARY, rows=_SUMMARY_ROWS, brief=False)
    notes = [f"> {prose(shown(text, 600))}" for text in said[:20]]
    return body + ("\n> [!NOTE]\n" + "\n>\n".join(notes) + "\n" if notes else "")


def failure(text: str) -> str:
    """The step summary of a run that came to nothing."""
    return f"### codex-gate\n\n> [!WARNING]\n> {prose(shown(text, 1000))}\n"


def mark_of(body: str) -> Mark | None:
    """The mark of a comment that begins with one."""
    data = _figures(body)
    if data is None:
        return None
    key, sha, level, part = (str(data.get(name, "")) for name in ("key", "sha", "level", "part"))
    return Mark(key, sha, level, _risk(data.get("risk")), part)


def disputed(body: str) -> Verdict | None:
    """The verdict of which someone has said "this was not useful", None where nobody has, or the tick was taken back.

    It is the one that stood beside the box when it was ticked: later ones are newer than what was said, and a line has no box.
    """
    data = _figures(body)
    boxes = _BOX.findall(body)
    if data is None or " " in boxes:
        return None
    match data.get(_DISPUTED):
        case [str(sha), str(level), risk]:
            return Verdict(sha, level, _risk(risk))
    return Verdict(str(data.get("sha", "")), str(data.get("level", "")), _risk(data.get("risk"))) if boxes else None


def keeping_dispute(body: str, old: str) -> str:
    """The new body with the box as it was in the old one, and with the verdict that was disputed."""
    verdict, data = disputed(old), _figures(body)
    if verdict is None or data is None:
        return body
    marker = f"{MARKER}{json.dumps({**data, _DISPUTED: verdict})} -->"
    return _MARKED.sub(lambda _: marker, body, count=1).replace(f"- [ ] {TICK}", f"- [x] {TICK}")


def _figures(body: str) -> dict[str, Any] | None:
    found = _MARKED.match(body)
    try:
        data = json.loads(found[1]) if found else None
    except ValueError:
        return None
    return data if isinstance(data, dict) else None


def _risk(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _marker(report: Report, links: Links, trust: Trust, part: str, kind: str = "") -> str:
    change = report.change
    figures = {
        "key": kind + _key(report, trust),
        "sha": links.sha,
        "level": change.level.value if change else "",
        "risk": round(change.risk, 4) if change and change.risk is not None else None,
        **({"part": part} if part else {}),
    }
    return f"{MARKER}{json.dumps(figures)} -->"


def _key(report: Report, trust: Trust) -> str:
    """A hash of what a reader sees, the time it took and the names of commits left out."""
    still = replace(report, seconds=0.0, scope="", commits=tuple(replace(commit, sha=None) for commit in report.commits))
    seen = markdown.render(still, added=(_relief(report.change), _sure(report.change, trust)))
    return hashlib.sha256(seen.encode("utf-8", "replace")).hexdigest()[:16]


def _relief(change: Finding | None) -> Section:
    """What would lower the risk: files in a change of their own, as far as that was measured."""
    if change is None or change.risk is None or change.relief is None:
        return []
    alone = {f.path: f.score for f in change.files}
    lines = [
        f"- {_file(r.path)} in a change of its own: {_percent(r.risk)} for the rest" + (f", {_percent(alone[r.path])} for it" if r.path in alone else "")
        for r in change.relief[: wording.MAX_FILES]
    ]
    top = max(change.files, key=lambda f: f.score, default=None)
    if not lines and top is not None and len(change.paths) > 1 and top.score < change.risk:
        least, tried = f"{100 * MIN_RELIEF:g} points", len(change.files)
        none = f"none of the {tried} files" if tried > 1 else "not even the file"
        riskiest = f"the riskiest of them, {_file(top.path)}," if tried > 1 else "it"
        lines = [f"- smaller changes: {none} above lowers it by {least} in a change of its own, but alone {riskiest} scores {_percent(top.score)}"]
    return ["**What would lower it**", "", *lines] if lines else []


def _percent(share: float) -> str:
    return wording.percent(share).replace("<", "&lt;").replace(">", "&gt;")


def _file(path: str) -> str:
    return code(shorten_path(path))


def _sure(change: Finding | None, trust: Trust) -> Section:
    """How far the percentage can be trusted; nothing where there is none."""
    if change is None or change.risk is None:
        return []
    parts = []
    if trust.error is not None and not change.is_blind:
        parts.append(
            f"in repositories that the model had not seen, its percentage was off by {wording.count(round(100 * trust.error), 'point')} on average, so trust the order of changes before the number"
        )
    if trust.unknown:
        parts.append(f"{trust.unknown} of {wording.count(trust.measures, 'measure')} {'is' if trust.unknown == 1 else 'are'} unknown here")
    return [f"**How sure is this**: {'; '.join(parts)}."] if parts else []


def _plot(report: Report) -> Section:
    """The risks of recent changes as a line, this one at its end."""
    change = report.change
    if change is None or change.risk is None or len(report.recent) < 2:
        return []
    points = [f"{100 * risk:.0f}" for risk in (*report.recent[-_MAX_PLOT:], change.risk)]
    return [
        "```mermaid",
        _LOOK,
        "xychart-beta",
        f'    title "Risk of the last {len(points) - 1} changes, and this one"',
        f'    x-axis "changes, oldest first" 1 --> {len(points)}',
        '    y-axis "risk in %" 0 --> 100',
        f"    line [{', '.join(points)}]",
        "```",
    ]
