"""The sentences about priorities that the terminal, Markdown and the page share."""

from __future__ import annotations

import math
from typing import Final

from codex_gate.priority import FREQUENT, MIN_TOLD, RARE, WEIGHTS, Frequency, HotFile, Priorities, Row
from codex_gate.reporters.backtest.words import day, share
from codex_gate.reporters.wording import count, folder, percent, short

CATEGORY_COLUMNS: Final = ("fixes", "share", "frequency", "severity", "priority")
FILE_COLUMNS: Final = ("complexity", "commits", "fixes", "main author")
MAX_NAMED: Final = 5  # files that are named where the gate trips (chosen)


def title(found: Priorities) -> str:
    return f"Priorities of {folder(found.repository)}"


def scope(found: Priorities) -> str:
    """What the matrix rests on."""
    span = f"{count(found.n_commits, 'commit')} from {day(max(0, found.since))} to {day(max(0, found.until))}, merges aside, up to {short(found.head)}"
    if not found.n_fixes:
        return f"{span}. No commit among them that touches what is looked at says that it repairs a defect."
    told = f"{found.n_told:,} of them tell a category" if found.n_fixes > 1 else f"it tells {'a' if found.n_told else 'no'} category"
    return f"{span}. {count(found.n_fixes, 'fix', 'fixes')} among them; {told}."


def doubt(found: Priorities) -> str:
    """That categories have no frequency; "" where they have one."""
    if found.is_known:
        return ""
    return f"Fewer than {MIN_TOLD:g} fixes tell a category, older ones counted less: how frequent each is cannot be said, so its priority is its severity."


def unseen(found: Priorities) -> str:
    """The categories that can occur here and were seen in no fix, with their priorities; "" without any."""
    names = ", ".join(f"{row.category.value} ({row.priority.value})" for row in found.rows if not row.n)
    return f"In none of these fixes: {names}." if names else ""


def absent(found: Priorities) -> str:
    """The categories that cannot occur here; "" without any."""
    names = ", ".join(category.value for category in found.absent)
    return f"Not of the languages here: {names}." if names else ""


NO_FILES: Final = "No file of program text to score here, or nothing to compare it with."


def category_cells(row: Row) -> tuple[str, ...]:
    """A row under CATEGORY_COLUMNS."""
    often = "–" if row.frequency is Frequency.UNKNOWN else row.frequency.value
    return f"{row.n:,}", share(row.share.value), often, row.severity.value, row.priority.value


def file_cells(file: HotFile) -> tuple[str, ...]:
    """A file under FILE_COLUMNS."""
    many = "–" if math.isnan(file.complexity) else f"{file.complexity:,.0f}"
    return many, f"{file.commits:,}", f"{file.fixes:,}", share(file.owner)


def score(file: HotFile) -> str:
    """The score, rounded down, so that what is shown as 95 has reached 95."""
    return f"{math.floor(file.score)}"


def method(found: Priorities) -> str:
    """How a priority comes about."""
    half = f"a fix counts half after {found.half_life:g} days"
    bands = f"frequent from {percent(FREQUENT)} of the fixes that tell a category, rare below {percent(RARE)} ({half})"
    return f"A category's priority is its severity, a step up where it is frequent, a step down where it is rare: {bands}."


def counted() -> str:
    """What a fix is here, beside what a screen counts."""
    return "Fixes are commits whose message says that they repair a defect, by a stricter rule than that of screen and explain, which count every commit that speaks of a fix."


def formula() -> str:
    """How a score comes about."""
    parts = ", ".join(WEIGHTS)
    return f"A file's score is the mean of {parts}, each the share of the other files here that have less, in per cent; what is unknown is left out."


def tripped(found: Priorities, source: str) -> str:
    """Which files reach the score that fails, and where that was asked for; "" when none does."""
    over = found.over
    if not over or found.limit is None:
        return ""
    names = ", ".join(f"{file.path} ({score(file)})" for file in over[:MAX_NAMED]) + (f" and {len(over) - MAX_NAMED:,} more" if len(over) > MAX_NAMED else "")
    asked = f"--fail-on-score {found.limit:g}" if source in ("", "--fail-on-score") else f"fail-on-score {found.limit:g} ({source})"
    return f"{count(len(over), 'file reaches', 'files reach')} {asked}: {names}"
