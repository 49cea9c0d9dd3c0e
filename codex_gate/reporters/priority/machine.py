"""Priorities for programs: one JSON object, valid against priority.schema.json; unknown is null."""

from __future__ import annotations

from typing import Any, Final

from codex_gate import __version__
from codex_gate.priority import HotFile, Priorities, Row
from codex_gate.reporters.backtest.words import day
from codex_gate.reporters.hostile import writable
from codex_gate.reporters.machine import encoded, number
from codex_gate.taxonomy import HARMS

SCHEMA_VERSION: Final = 1

Object = dict[str, Any]


def render(found: Priorities) -> str:
    return encoded(as_object(found))


def as_object(found: Priorities) -> Object:
    """The priorities as plain values; shares and parts in [0, 1], scores in [0, 100]."""
    return {
        "schema": SCHEMA_VERSION,
        "tool": {"name": "codex-gate", "version": __version__},
        "repository": writable(found.repository),
        "head": found.head,
        "period": [day(max(0, found.since)), day(max(0, found.until))],
        "half_life_days": found.half_life,
        "n_commits": found.n_commits,
        "n_fixes": found.n_fixes,
        "n_told": found.n_told,
        "categories": [_row(row) for row in found.rows],
        "absent": [category.value for category in found.absent],
        "limit": found.limit,
        "over": [writable(file.path) for file in found.over],
        "files": [_file(file) for file in found.files],
        "notices": [{"code": n.code, "text": writable(n.text)} for n in found.notices],
        "seconds": round(found.seconds, 3),
    }


def _row(row: Row) -> Object:
    share = {name: number(value) for name, value in zip(("value", "low", "high"), row.share, strict=True)}
    grades = {"frequency": row.frequency.value, "severity": row.severity.value, "why": HARMS[row.category].why, "priority": row.priority.value}
    return {"category": row.category.value, "fixes": row.n, "share": share, **grades}


def _down(score: float) -> float:
    """The score with two digits, rounded down: what is given as 95 has reached 95."""
    n = round(100 * score)
    return n / 100 if n / 100 <= score else (n - 1) / 100


def _file(file: HotFile) -> Object:
    parts = {name: number(part) for name, part in file.parts.items()}
    facts = {"complexity": number(file.complexity), "commits": file.commits, "fixes": file.fixes, "authors": file.authors, "owner": number(file.owner)}
    return {"path": writable(file.path), "score": _down(file.score), "parts": parts, **facts}
