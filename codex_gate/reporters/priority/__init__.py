"""What priorities look like: for people at a terminal, as JSON, as Markdown and as one HTML page; each imported when it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from codex_gate.priority import Priorities

FORMATS: Final = ("terminal", "json", "markdown", "html")
SUFFIXES: Final = {".json": "json", ".md": "markdown", ".html": "html"}
TOP: Final = 10


def tripped(found: Priorities, source: str) -> str:
    """Which files reach the score that fails, in a sentence; "" when none does."""
    from codex_gate.reporters.priority import words

    return words.tripped(found, source)


def render(name: str, found: Priorities, *, top: int = TOP, width: int = 80, colour: bool = False, rich: bool = False) -> str:
    """The priorities in the format of that name, the last line end included.

    Args:
        top: files that are listed; JSON holds all.
        width: for the terminal alone, as `colour` and `rich` are.
    """
    if name == "json":
        from codex_gate.reporters.priority import machine

        return machine.render(found)
    if name == "markdown":
        from codex_gate.reporters.priority import markdown

        return markdown.render(found, top)
    if name == "html":
        from codex_gate.reporters.priority import html

        return html.render(found, top)
    from codex_gate.reporters import layout
    from codex_gate.reporters.priority import text

    return layout.written(text.layout(found, width, top), width, colour=colour, rich=rich)
