"""What people said about verdicts: ticked boxes in comments on pull requests, lines marked to be ignored.

One JSON object a line, so that a retraining, or a person, can read it: a dispute names the change that was screened, a
mark the line and the reason. Who ticked is not kept.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from codex_gate.delivery import Run
from codex_gate.git import Repository
from codex_gate.policy import marked
from codex_gate.reporters.hostile import writable
from codex_gate.types import Dispute, Mark

if TYPE_CHECKING:
    from codex_gate.reporters.github import Api

# Colours, columns and submodules are what a user's settings may turn on.
_GREP = ("grep", "-I", "-n", "-z", "-F", "--full-name", "--no-color", "--no-column", "--no-recurse-submodules")


def collected(repo: Repository, environ: Mapping[str, str]) -> tuple[str, str]:
    """The lines of all that was said, and what they lack in words, "" for nothing.

    Args:
        environ: GITHUB_TOKEN and GITHUB_REPOSITORY say where the comments are.
    Raises:
        ApiError: GitHub refuses or does not answer.
    """
    rows: list[Dispute | Mark] = list(marks(repo, "HEAD"))
    token, name = environ.get("GITHUB_TOKEN", ""), environ.get("GITHUB_REPOSITORY", "")
    if token and name:
        rows += disputes(Run({**environ, "INPUT_TOKEN": token}, lambda _: None).api(), name)
    lines = "".join(f"{row(found)}\n" for found in rows)
    return lines, "" if token and name else "ticked comments need GITHUB_TOKEN and GITHUB_REPOSITORY (OWNER/NAME)"


def disputes(api: Api, repository: str) -> Iterator[Dispute]:
    """The verdicts whose box was ticked, by the newest comment first; what was said stays when a comment is updated or shrinks to a line.

    Raises:
        ApiError: GitHub refuses or does not answer.
    """
    from codex_gate.reporters.comment import disputed
    from codex_gate.reporters.github import all_own_comments

    for number, body in all_own_comments(api, repository):
        verdict = disputed(body)
        if verdict is not None:
            yield Dispute(number, *verdict)


def marks(repo: Repository, revision: str) -> list[Mark]:
    """The marked lines of a commit's tree, by path and line."""
    sha = repo.resolve(revision)
    raw = repo.run(*_GREP, "-e", "codex-gate:", sha, "--", fine=(0, 1))  # 1: no line
    lines: dict[str, list[tuple[int, bytes]]] = {}
    for found in re.finditer(rb"(?:\A|\n)" + sha.encode() + rb":([^\0]*)\0(\d+)\0([^\n]*)", raw):  # a name may hold a line break, a line another NUL
        lines.setdefault(found[1].decode("utf-8", "surrogateescape"), []).append((int(found[2]), found[3]))
    return sorted(Mark(path, line, reason) for (path, line), reason in marked(list(lines.items())).items())


def row(found: Dispute | Mark) -> str:
    """One line of JSON without its end."""
    values = {name: writable(value) if isinstance(value, str) else value for name, value in found._asdict().items()}
    return json.dumps({"kind": type(found).__name__.lower(), **values}).replace("##", "#\\u0023")
