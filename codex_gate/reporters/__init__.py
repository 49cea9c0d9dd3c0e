"""What a report looks like: one reporter for each format, imported when it is asked for.

    REPORTERS["json"].render(report)
    render("terminal", report, width=120, colour=True)

Importing this package imports no reporter, so that `codex-gate --version` and the hook pay for none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

if TYPE_CHECKING:
    from codex_gate.types import Report


class Reporter(Protocol):
    """Turns a report into the whole text of one format, the last line end included."""

    def render(self, report: Report) -> str: ...


class Terminal(NamedTuple):
    """For people, `width` columns wide. `rich` paints it, in colours where `colour` says so and in bold and dim
    alone where it does not; without it the same words come plain, and rich is not imported."""

    width: int = 80
    colour: bool = False
    rich: bool = False

    def render(self, report: Report) -> str:
        from codex_gate.reporters import layout

        return layout.written(layout.layout(report, self.width), self.width, colour=self.colour, rich=self.rich)


class Json:
    """One object, valid against report.schema.json."""

    def render(self, report: Report) -> str:
        from codex_gate.reporters import machine

        return machine.json_report(report)


class JsonLines:
    """A row for each commit, or one for the change of a single screen; `#row` of report.schema.json."""

    def render(self, report: Report) -> str:
        from codex_gate.reporters import machine

        return machine.jsonl(report)


class Markdown:
    """For a comment on a pull request or a step summary, GitHub's dialect, at most 65,000 bytes."""

    def render(self, report: Report) -> str:
        from codex_gate.reporters import markdown

        return markdown.render(report)


class Sarif:
    """SARIF 2.1.0, as code scanning takes it."""

    def render(self, report: Report) -> str:
        from codex_gate.reporters import sarif

        return sarif.render(report)


class Page:
    """One self-contained HTML page, with the changed lines where the findings hold them."""

    def render(self, report: Report) -> str:
        from codex_gate.reporters import html

        return html.render(report)


REPORTERS: Final[Mapping[str, Reporter]] = {
    "terminal": Terminal(),
    "json": Json(),
    "jsonl": JsonLines(),
    "markdown": Markdown(),
    "sarif": Sarif(),
    "html": Page(),
}


def render(name: str, report: Report, *, width: int = 80, colour: bool = False, rich: bool = False) -> str:
    """The report in the format of that name; the options are for the terminal and leave the other formats alone.

    Raises:
        KeyError: no format has this name.
    """
    reporter = Terminal(width, colour, rich) if name == "terminal" else REPORTERS[name]
    return reporter.render(report)
