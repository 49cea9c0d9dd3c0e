"""The terminal report without colour and without rich, whose import a git hook need not wait for."""

from __future__ import annotations

from codex_gate.reporters.layout import layout, text
from codex_gate.types import Report


def render(report: Report, width: int = 80) -> str:
    """The report as lines of at most `width` columns."""
    return "".join(f"{text(line)}\n" for line in layout(report, width))
