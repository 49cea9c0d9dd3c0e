"""What a trend looks like: for people at a terminal, as JSON, and as one HTML page; each imported when it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from codex_gate.periods import Trend

FORMATS: Final = ("terminal", "json", "html")


def render(name: str, found: Trend, *, width: int = 80, colour: bool = False, rich: bool = False) -> str:
    """The trend in the format of that name, the last line end included; the options are for the terminal alone."""
    if name == "json":
        from codex_gate.reporters.trend import machine

        return machine.render(found)
    if name == "html":
        from codex_gate.reporters.trend import html

        return html.render(found)
    from codex_gate.reporters import layout
    from codex_gate.reporters.trend import text

    return layout.written(text.layout(found, width), width, colour=colour, rich=rich)
