"""What drift looks like: for people at a terminal, as JSON or YAML, as Markdown and as one HTML page; each imported when it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from codex_gate.watch import DriftReport

FORMATS: Final = ("terminal", "json", "yaml", "markdown", "html")
SUFFIXES: Final = {".json": "json", ".yaml": "yaml", ".yml": "yaml", ".md": "markdown", ".html": "html"}


def render(name: str, report: DriftReport, *, width: int = 80, colour: bool = False, rich: bool = False) -> str:
    """The report in the format of that name, the last line end included; the options are for the terminal alone."""
    if name in ("json", "yaml"):
        from codex_gate.reporters.drift import machine

        return machine.render(name, report)
    if name == "markdown":
        from codex_gate.reporters.drift import markdown

        return markdown.render(report)
    if name == "html":
        from codex_gate.reporters.drift import html

        return html.render(report)
    from codex_gate.reporters import layout
    from codex_gate.reporters.drift import text

    return layout.written(text.layout(report, width), width, colour=colour, rich=rich)
