"""The report for a comment on a pull request or a step summary, in GitHub's dialect.

Everything that a stranger may have written stands in code spans, or word by word behind `hostile.prose`.
Too long a text is refused by GitHub as a whole, so sections are shed in this order until it fits: the table of
commits (its least risky rows first), notices and what was added, categories, files, reasons. The headline stays.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from codex_gate.reporters import wording
from codex_gate.reporters.hostile import address, cell, code, prose, shorten_path, shown, visible
from codex_gate.types import Classification, Evidence, Finding, Level, Report

LIMIT: Final = 65_000  # bytes; GitHub refuses a comment of more than 65,536 characters, and counts 65,535 bytes of a check run
_ROWS: Final = (250, 100, 40, 10, 0)  # commits shown, fewer each time the text is too long
_SHA: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_MAX_NOTICES: Final = 20

Section = list[str]


class Links(NamedTuple):
    """Where places lie on the forge: the address of the repository and the commit that was screened."""

    repository: str
    sha: str

    def to(self, path: str, line: int) -> str:
        """The address of a line; every character of the path that could end it is percent-encoded."""
        return f"{self.repository}/blob/{self.sha}/{address(path)}#L{line}"


def render(
    report: Report,
    links: Links | None = None,
    *,
    added: Sequence[Section] = (),
    last: Section | None = None,
    limit: int = LIMIT,
    rows: Sequence[int] = _ROWS,
    brief: bool = True,
) -> str:
    """The comment, or what a step summary holds; at most `limit` bytes of UTF-8 always.

    Args:
        links: makes the places to look first links.
        added: sections behind the categories.
        last: a section that is never shed.
        rows: commits shown, fewer each time the text is too long.
        brief: whether a change of low risk goes without reasons, places, kinds, commits and what was added.
    """
    n, brief = wording.digits(report), brief and report.change is not None and report.change.level is Level.LOW
    head, foot, last = _head(report, n, brief=brief), _foot(report, n, brief=brief), last or []
    why, files, seen, notices = _why(report.change), _files(report.change, links), _seen(report.change), _notices(report)
    if brief:
        why, files, seen, added = [], [], [], ()
    # Where there is no level, the notices say why, so they come first.
    early, late = (notices, []) if report.change is not None and report.change.level is Level.UNKNOWN else ([], notices)
    for count in rows:
        text = _join(head, early, why, files, seen, *added, late, [] if brief else _commits(report, count), last, foot)
        if _size(text) <= limit:
            return text
    short = ["Some sections are left out: the report was too long."]
    for kept in ((why, files, seen), (why, files), (why,), ()):
        text = _join(head, *kept, short, last, foot)
        if _size(text) <= limit:
            return text
    return _join(head, short, last)


def _size(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


def _join(*sections: Section) -> str:
    return "\n\n".join("\n".join(section) for section in sections if section) + "\n"


def _head(report: Report, n: int, *, brief: bool) -> Section:
    scope = code(shown(report.scope, 80))
    change = report.change
    if change is None:
        tally = f"{wording.count(len(report.commits), 'commit')}: {wording.tally(report.commits)}." if report.commits else "Nothing to screen."
        return [f"### codex-gate: {scope}", "", tally] if scope else ["### codex-gate", "", tally]
    standing = wording.standing(change, report.thresholds)
    lines = [f"### {_plain(wording.verdict(change, n))}", ""]
    sentences = [f"{standing[0].upper()}{standing[1:]}."] if standing else []
    if brief:
        about = wording.summary(report.commits)
        return [*lines, " ".join((*sentences, f"{_plain(about)}." if about else "")).strip()]
    if meant := wording.meaning(change, report.model_kind):
        sentences.append(meant)
    return [*lines, " ".join(sentences)] if sentences else lines[:1]


def _why(change: Finding | None) -> Section:
    if change is None or not change.reasons:
        return []
    return [
        "**Why** (points of risk)",
        "",
        *(
            f"- {f'{wording.mark(r.contribution)} {wording.points(r.contribution)}: ' if r.contribution else ''}{prose(shown(r.text, 400))}"
            for r in change.reasons
        ),
    ]


def _files(change: Finding | None, links: Links | None) -> Section:
    if change is None or not change.files:
        return []
    return ["**Look at first**", "", *(f"- {linked(f.path, f.line, links)}: {prose(shown(f.why))}" for f in change.files[: wording.MAX_FILES])]


def linked(path: str, line: int, links: Links | None) -> str:
    """A place as code, and as a link where it is a line that can be looked at."""
    # git knows no such part of a path; in a report that somebody forged it would lead out of the repository.
    if links is None or line < 1 or {"", ".", ".."} & set(path.split("/")):
        return _place(path, line)
    return f"[{_place(path, line)}]({links.to(path, line)})"


def _seen(change: Finding | None) -> Section:
    seen = wording.categories(change) if change is not None else []
    if not seen:
        return []
    return ["**What kind of defect**", "", *map(_category, seen[: wording.MAX_CATEGORIES])]


def _category(found: Classification) -> str:
    name = f"- **{prose(visible(str(found.category)))}** ({wording.percent(found.confidence)})"
    places = ", ".join(_evidence(*group) for group in wording.by_place(found.evidence[: wording.MAX_EVIDENCE]))
    more = len(found.evidence) - wording.MAX_EVIDENCE
    what = f"<br><sub>{_plain(about)}</sub>" if (about := wording.about(found)) else ""
    return name + (f": {places}" if places else "") + (f" and {wording.count(more, 'more place')}" if more > 0 else "") + what


def _evidence(evidence: Evidence, texts: Sequence[str]) -> str:
    where = "the message says" if wording.in_message(evidence) else _place(evidence.where, evidence.line)
    return " ".join(filter(None, (where, wording.told(evidence, ", ".join(code(shown(text, 80)) for text in texts)))))


def _place(path: str, line: int) -> str:
    return code(wording.place(shorten_path(path), line))


def _notices(report: Report) -> Section:
    found = wording.notices(report)
    lines = [f"> {prose(shown(notice.text, 600))}" for notice in found[:_MAX_NOTICES]]
    if len(found) > _MAX_NOTICES:
        lines.append(f"> and {wording.count(len(found) - _MAX_NOTICES, 'more notice')}")
    return ["> [!NOTE]", *"\n>\n".join(lines).split("\n")] if lines else []


def _commits(report: Report, limit: int) -> Section:
    commits = report.commits
    if not commits or (report.change is not None and len(commits) < 2):
        return []
    rows = wording.loudest_first(commits, limit)
    top = wording.highest(commits)
    about = wording.count(len(commits), "commit") + (f", the riskiest with {wording.percent(top.risk)}" if top is not None and top.risk is not None else "")
    table = ["| Commit | Risk | Level | Title |", "| --- | ---: | --- | --- |", *map(_row, rows)] if rows else []
    left = [f"and {len(commits) - len(rows):,} more, none of them riskier"] if len(rows) < len(commits) else []
    gap = [""] if table and left else []
    # GitHub reads Markdown inside HTML only after an empty line.
    return ["<details>", f"<summary>{_plain(about)}</summary>", "", *table, *gap, *left, "", "</details>"]


def _row(finding: Finding) -> str:
    # Bare, so that GitHub links it.
    sha = finding.sha[:10] if finding.sha is not None and _SHA.fullmatch(finding.sha) else code(visible(wording.short(finding.sha)))
    risk = "–" if finding.risk is None else wording.percent(finding.risk)
    return f"| {sha} | {_plain(risk)} | {finding.level.value} | {cell(code(shown(finding.title, 100)))} |"


def _foot(report: Report, n: int, *, brief: bool) -> Section:
    model = prose(shown(report.model_version, 40))
    made = " · ".join(filter(None, ("codex-gate", code(shown(report.scope, 80)), f"tier {report.tier}", f"model {model}", wording.duration(report.seconds))))
    levels = "" if brief or report.change is None else wording.levels(report.thresholds, n)
    return [f"<sub>{_plain(levels)}<br>{made}</sub>" if levels else f"<sub>{made}</sub>"]


def _plain(text: str) -> str:
    """Our own words; only "<1 %" among them could be read as HTML."""
    return text.replace("<", "&lt;").replace(">", "&gt;")
