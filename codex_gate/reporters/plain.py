"""The terminal report without colour and without rich, whose import a git hook need not wait for."""

from __future__ import annotations

from typing import Final

from codex_gate.reporters.layout import layout, text
from codex_gate.types import Report

_ASCII: Final = str.maketrans({"–": "-", "—": "-", "…": "~", "↑": "^", "↓": "v", "−": "-", "·": "|", "’": "'"})


def render(report: Report, width: int = 80) -> str:
    """The report as lines of at most `width` columns."""
    return "".join(f"{text(line)}\n" for line in layout(report, width))


def writable_in(rendered: str, encoding: str) -> str:
    """The same text for a stream of that encoding: its marks in ASCII and the rest escaped where they cannot be written."""
    try:
        rendered.encode(encoding)
    except UnicodeEncodeError:
        return rendered.translate(_ASCII).encode(encoding, "backslashreplace").decode(encoding)
    return rendered
