"""Priorities for an issue or a step summary, in GitHub's dialect."""

from __future__ import annotations

from codex_gate.priority import Priorities
from codex_gate.reporters.hostile import cell, code, prose, shorten_path, shown
from codex_gate.reporters.priority import words
from codex_gate.reporters.wording import count, duration
from codex_gate.taxonomy import HARMS


def render(found: Priorities, top: int) -> str:
    """The whole report."""
    parts = [f"### {prose(shown(words.title(found)))}", words.scope(found), words.doubt(found), _categories(found), words.unseen(found), words.absent(found)]
    parts += [_files(found, top), *(f"> {prose(shown(n.text, 600))}" for n in found.notices)]
    how = " ".join((*((words.method(found),) if found.is_known else ()), words.formula(), words.counted()))
    return "\n\n".join(filter(None, (*parts, f"<sub>{how} {duration(found.seconds)}.</sub>"))) + "\n"


def _categories(found: Priorities) -> str:
    seen = [row for row in found.rows if row.n]
    rows = [f"| {row.category.value} | {' | '.join(words.category_cells(row))} | {HARMS[row.category].why} |" for row in seen]
    head = [f"| category | {' | '.join(words.CATEGORY_COLUMNS)} | why so severe |", "| --- | ---: | ---: | --- | --- | --- | --- |"]
    return "\n".join([*head, *rows]) if rows else ""


def _files(found: Priorities, top: int) -> str:
    if not found.files:
        return words.NO_FILES
    rows = [f"| {words.score(f)} | {cell(code(shorten_path(f.path)))} | {' | '.join(words.file_cells(f))} |" for f in found.files[:top]]
    head = [f"| score | file | {' | '.join(words.FILE_COLUMNS)} |", "| ---: | --- | ---: | ---: | ---: | ---: |"]
    more = f"\n\nAnd {count(len(found.files) - top, 'file')} with lower scores." if len(found.files) > top else ""
    return "\n".join([*head, *rows]) + more
