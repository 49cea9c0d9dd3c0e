"""The hooks entry in somebody's `.pre-commit-config.yaml`: put in and taken out as lines, so that every other byte stays.

The entry stands between two marks; the first holds a digest of the lines between, by which it is recognised while
nobody has changed it. An edit is made only where YAML then reads the same file with our entry more, or less.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from codex_gate import yaml_text
from codex_gate.errors import ConfigError

if TYPE_CHECKING:
    import yaml

FILE: Final = ".pre-commit-config.yaml"
_BEGIN: Final = re.compile(r"\s*# codex-gate init, begin ([0-9a-f]{12})\b")
_END: Final = re.compile(r"\s*# codex-gate init, end\s*$")


class Edit(NamedTuple):
    """The new text, None where nothing is to be written; why not, or what was found; whether it is left to be done by hand."""

    text: str | None
    why: str = ""
    by_hand: bool = False


def digest(lines: Sequence[str]) -> str:
    """What the lines are recognised by; their indent and line ends do not count."""
    return hashlib.sha256("\n".join(line.strip() for line in lines).encode("utf-8", "surrogatepass")).hexdigest()[:12]


def added(text: str, entry: str, repository: str) -> Edit:
    """The file with the entry at the end of its list of repositories.

    Args:
        text: the file as it is.
        entry: lines of a YAML list of one repository, not indented.
        repository: owner/name, to recognise an entry that somebody wrote by hand.
    Raises:
        ConfigError: the file is no YAML.
    """
    lines = text.splitlines(keepends=True)
    if (found := _marked(lines)) is not None:
        return Edit(None, "holds the entry already" if found.unchanged else "holds an entry that was changed since init wrote it; it is left as it is")
    old = yaml_text.values(text, FILE) or {}
    if not isinstance(old, dict):
        raise ConfigError(f"{FILE} holds no keys; expected `repos:` and what pre-commit's documentation lists")
    name = repository.rpartition("/")[2]
    if any(str(repo.get("repo", "")).removesuffix(".git").rpartition("/")[2] == name for repo in _repos(old)):
        return Edit(None, f"names {name} already; it is left as it is")
    place = _place(lines, yaml_text.parse(text, FILE))
    if place is None:
        return Edit(None, "writes `repos` in one line, in brackets, so the entry cannot be put in; add it by hand", by_hand=True)
    at, indent, with_key = place
    body = [*(["repos:"] if with_key else []), *(f"{' ' * indent}{line}" for line in entry.splitlines())]
    marks = (f"{' ' * indent}# codex-gate init, begin {digest(body)}: uninstall takes out what is unchanged", f"{' ' * indent}# codex-gate init, end")
    before, after = lines[:at], lines[at:]
    if before and not before[-1].endswith(("\n", "\r")):
        before[-1] += "\n"
    end = "\r\n" if "\r\n" in text else "\n"
    new = "".join((*before, *(f"{line}{end}" for line in (marks[0], *body, marks[1])), *after))
    ours = yaml_text.values(entry, FILE)
    if _repos(yaml_text.values(new, FILE)) != [*_repos(old), *ours] or _rest(yaml_text.values(new, FILE)) != _rest(old):
        return Edit(None, "is laid out in a way that the entry does not fit into; add it by hand", by_hand=True)
    return Edit(new)


def removed(text: str) -> Edit:
    """The file without the entry that `added` put in, "" where nothing else is left of it.

    Raises:
        ConfigError: the file is no YAML.
    """
    lines = text.splitlines(keepends=True)
    found = _marked(lines)
    if found is None:
        return Edit(None, "holds nothing that init wrote")
    if not found.unchanged:
        return Edit(None, "holds an entry that was changed since init wrote it; take it out by hand", by_hand=True)
    new = "".join((*lines[: found.first], *lines[found.last + 1 :]))
    old = yaml_text.values(text, FILE)
    try:
        rest = yaml_text.values(new, FILE)
        fits = len(_repos(rest)) == len(_repos(old)) - 1 and _rest(rest) == _rest(old)
    except ConfigError:
        fits = False
    if not fits:
        return Edit(None, "would be no list of hooks without the entry; take it out by hand", by_hand=True)
    return Edit(new if new.strip() else "")


class _Marked(NamedTuple):
    first: int
    last: int
    unchanged: bool


def _marked(lines: Sequence[str]) -> _Marked | None:
    """Where the marks stand, 0-based, the marks included."""
    for first, line in enumerate(lines):
        if mark := _BEGIN.match(line):
            last = next((k for k in range(first + 1, len(lines)) if _END.match(lines[k])), None)
            return _Marked(first, first if last is None else last, last is not None and digest(lines[first + 1 : last]) == mark[1])
    return None


def _place(lines: Sequence[str], root: yaml.Node | None) -> tuple[int, int, bool] | None:
    """The line before which the entry goes, its indent, whether the key is lacking; None where `repos` has no lines of its own."""
    import yaml

    pairs = root.value if isinstance(root, yaml.MappingNode) else []
    node = next((value for key, value in pairs if key.value == "repos"), None)
    if node is None:
        return len(lines), 0, True
    if isinstance(node, yaml.ScalarNode):  # `repos:` and nothing behind it
        return node.start_mark.line + 1, 0, False
    if not isinstance(node, yaml.SequenceNode) or node.flow_style:
        return None
    at = _last_line(node) + 1
    while at < len(lines) and re.match(r"\s+#", lines[at]):
        at += 1
    return at, node.start_mark.column, False


def _last_line(node: yaml.Node) -> int:
    """The line of the last thing in it: the end of a block itself lies behind the comments that follow."""
    import yaml

    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _last_line(last[1] if isinstance(last, tuple) else last)
    end: int = node.end_mark.line
    return end if node.end_mark.column or end == node.start_mark.line else end - 1


def _repos(whole: Any) -> list[dict[str, Any]]:
    found = whole.get("repos") if isinstance(whole, dict) else None
    return [repo for repo in found if isinstance(repo, dict)] if isinstance(found, list) else []


def _rest(whole: Any) -> dict[str, Any]:
    return {key: value for key, value in whole.items() if key != "repos"} if isinstance(whole, dict) else {}
