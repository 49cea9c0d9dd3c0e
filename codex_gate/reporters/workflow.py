"""What a workflow runner reads: commands in the log, outputs.

A runner shows ten warnings and ten notices of a step and drops the rest without a word, so the riskiest come first
and no more are printed. Whatever a stranger may have written is escaped, or stands between `stop-commands` and its token.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from codex_gate.reporters import wording
from codex_gate.reporters.hostile import shown, visible, writable
from codex_gate.types import Finding, Level

MAX_COMMANDS: Final = 10  # of one kind in one step


class Annotation(NamedTuple):
    """Something to say at a line: how loudly (`warning` or `notice`), where (line 0: the file), what."""

    kind: str
    path: str
    line: int
    text: str


def points(change: Finding, limit: int) -> list[Annotation]:
    """At most `limit` of them, riskiest first: the places to look first, then what speaks for a kind of defect, no place twice, none in a deleted file."""
    kind = "warning" if change.level.rank >= Level.HIGH.rank else "notice"
    found: dict[tuple[str, int], Annotation] = {}
    for path, line, text in _places(change):
        if _is_addressable(path):
            found.setdefault((path, line), Annotation(kind, path, line, text))
    return list(found.values())[:limit]


def _is_addressable(path: str) -> bool:
    """Whether a path can stand in a request as it is: bytes that are no UTF-8 or cannot be seen name no file there."""
    return visible(path) == path


def _places(change: Finding) -> Iterator[tuple[str, int, str]]:
    for file in change.files:
        if file.line:
            yield file.path, file.line, f"One of the places to look first: {shown(file.why)}."
    for seen in wording.categories(change):
        for evidence in seen.evidence:
            if not wording.in_message(evidence) and not evidence.is_gone:
                matched = wording.told(evidence, shown(wording.matched(evidence), 80))
                yield evidence.where, evidence.line, f"{visible(str(seen.category))} ({wording.percent(seen.confidence)})" + (f": {matched}" if matched else "")


def commands(found: Sequence[Annotation]) -> list[str]:
    """Workflow commands, one a line."""
    return [f"::{a.kind} file={_property(a.path)},line={max(1, a.line)},title=codex-gate::{_data(visible(a.text))}" for a in found[:MAX_COMMANDS]]


def command(kind: str, text: str) -> str:
    """One command without a place: `notice`, `warning` or `error`."""
    return f"::{kind} title=codex-gate::{_data(visible(text))}"


def fenced(text: str, token: str) -> str:
    """Text in which no line can be a command; `token` is random."""
    return f"::stop-commands::{token}\n{writable(text).rstrip()}\n::{token}::"


def outputs(values: Mapping[str, str], delimiter: str) -> str:
    """Lines for GITHUB_OUTPUT; `delimiter` is random, and no value can end its own entry."""
    return "".join(f"{name}<<{delimiter}\n{visible(value).replace(delimiter, '')}\n{delimiter}\n" for name, value in values.items())


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
