"""The terminal report in colour; the only importer of rich."""

from __future__ import annotations

from collections.abc import Iterable
from io import StringIO
from typing import Final

from rich.console import Console
from rich.text import Text

from codex_gate.reporters.layout import Line
from codex_gate.types import Level

# The sixteen colours that every terminal theme defines, so that a light and a dark background both read well.
STYLES: Final = {
    "": "",
    "strong": "bold",
    "dim": "dim",
    "heading": "bold",
    "place": "cyan",
    "up": "red",
    "down": "green",
    "note": "yellow",
    Level.UNKNOWN.value: "yellow",
    Level.LOW.value: "green",
    Level.MODERATE.value: "bold yellow",
    Level.HIGH.value: "bold red",
    Level.CRITICAL.value: "bold white on red",
}


def paint(lines: Iterable[Line]) -> Text:
    """The lines, each span in the style of its role; no markup is interpreted."""
    whole = Text(no_wrap=True, overflow="ignore", end="")
    for line in lines:
        painted = Text()
        for span in line:
            painted.append(span.text, STYLES[span.role])
        painted.rstrip()
        whole.append_text(painted).append("\n")
    return whole


def render_lines(lines: Iterable[Line], width: int, colour: bool) -> str:
    """Finished lines with ANSI styles, whatever the environment says: whether to paint is the caller's decision.

    Without `colour` only bold and dim remain, as NO_COLOR asks.
    """
    stream = StringIO()
    console = Console(file=stream, width=max(width, 1), color_system="standard", force_terminal=True, legacy_windows=False, no_color=not colour, _environ={})
    console.print(paint(lines), soft_wrap=True, highlight=False, end="")
    return stream.getvalue()
