"""A report read back from its JSON, which a stranger's job may have written: every field is checked, none is believed to be harmless.

Only what the schema names comes through, as values of our own types; whoever shows them escapes them as ever. A forged
report can lie about the commit of its own pull request and do nothing else.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from typing import Any, Final, TypeVar

from codex_gate.errors import UsageError
from codex_gate.taxonomy import DefectCategory
from codex_gate.types import Classification, CommitFeatures, Evidence, FileFocus, Finding, Level, ModelKind, Notice, Reason, Relief, Report, Thresholds

MAX_BYTES: Final = 16 << 20  # a report of 5,000 commits has about 10 (chosen)
_MAX_TEXT: Final = 4_096  # characters; a path has no more
_MAX_ITEMS: Final = 5_000
_SHA: Final = re.compile(r"[0-9a-f]{40}", re.ASCII)

T = TypeVar("T")


class _Mismatch(Exception):
    """A field that is not what the schema says."""


def report(raw: bytes) -> Report:
    """The report that this JSON holds.

    Raises:
        UsageError: it is no report of this version; the message names the first field that is wrong.
    """
    if len(raw) > MAX_BYTES:
        raise UsageError(f"the report is larger than {MAX_BYTES >> 20} MiB")
    try:
        data = json.loads(raw, parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        raise UsageError("the report is no JSON") from None
    try:
        return _report(_object(data, "it"))
    except _Mismatch as error:
        raise UsageError(f"the report is not what codex-gate writes: {error}") from None


def _report(data: dict[str, Any]) -> Report:
    if data.get("schema") != 1:
        raise _Mismatch(f"schema is {str(data.get('schema'))[:20]!r}, expected 1")
    limits = _object(data.get("thresholds"), "thresholds")
    at = _object(limits.get("at"), "at")
    change = data.get("change")
    tier = data.get("tier")
    if tier not in (1, 2, 3) or isinstance(tier, bool):
        raise _Mismatch("tier is not 1, 2 or 3")
    return Report(
        scope=_text(data, "scope"),
        change=None if change is None else _finding(change),
        commits=_list(data, "commits", _finding),
        thresholds=Thresholds(int(_number(limits, "n_changes", 1e9)), _number(limits, "base_rate"), {_level(name): _number(at, name) for name in at}),
        notices=_list(data, "notices", _notice),
        model_version=_text(data, "model_version"),
        seconds=_number(data, "seconds", 1e6),
        repository=_text(data, "repository"),
        tier=int(tier),
        model_kind=_model_kind(data.get("model_kind", ModelKind.GENERAL.value)),
    )


def _finding(value: object) -> Finding:
    row = _object(value, "a commit")
    sha = row.get("sha")
    if sha is not None and not (isinstance(sha, str) and _SHA.fullmatch(sha)):
        raise _Mismatch("sha is none")
    return Finding(
        sha=sha,
        title=_text(row, "title"),
        risk=_known(row, "risk"),
        level=_level(row.get("level")),
        percentile=_known(row, "percentile", 100),
        above=_known(row, "above", 100),
        classifications=_list(row, "categories", _category),
        features=CommitFeatures({}),
        reasons=_list(row, "reasons", lambda v: Reason(_text(v, "feature"), math.nan, _number(v, "contribution", least=-1), _text(v, "text"))),
        files=_list(row, "files", lambda v: FileFocus(_text(v, "path"), _line(v), _number(v, "score"), _text(v, "why"))),
        notices=_list(row, "notices", _notice),
        relief=_list(row, "lower", lambda v: Relief(_text(v, "path"), _number(v, "risk"))) if "lower" in row else None,
    )


def _category(value: dict[str, Any]) -> Classification:
    name = _text(value, "category")
    if name != "unclassified" and name not in [str(category) for category in DefectCategory]:
        raise _Mismatch(f"category is {name[:40]!r}, which is none")
    evidence = _list(value, "evidence", lambda v: Evidence(_text(v, "where"), _line(v), _text(v, "text"), _is_deleted(v)))
    return Classification(None if name == "unclassified" else name, _number(value, "confidence"), evidence)


def _is_deleted(value: dict[str, Any]) -> bool:
    side = value.get("side")
    if side not in (None, "deleted"):
        raise _Mismatch(f"side is {str(side)[:20]!r}, expected deleted or none")
    return side is not None


def _notice(value: dict[str, Any]) -> Notice:
    return Notice(_text(value, "code"), _text(value, "text"))


def _level(value: object) -> Level:
    if isinstance(value, str) and value in list(Level):
        return Level(value)
    raise _Mismatch(f"level is {str(value)[:20]!r}, which is none")


def _model_kind(value: object) -> ModelKind:
    if isinstance(value, str) and value in list(ModelKind):
        return ModelKind(value)
    raise _Mismatch(f"model_kind is {str(value)[:20]!r}, which is none")


def _object(value: object, name: str) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    raise _Mismatch(f"{name} is no object")


def _list(data: dict[str, Any], name: str, read: Callable[[dict[str, Any]], T]) -> tuple[T, ...]:
    items = data.get(name)
    if not isinstance(items, list) or len(items) > _MAX_ITEMS:
        raise _Mismatch(f"{name} is no list of at most {_MAX_ITEMS:,} items")
    return tuple(read(_object(item, f"an item of {name}")) for item in items)


def _text(data: dict[str, Any], name: str) -> str:
    value = data.get(name)
    if isinstance(value, str):
        return value[:_MAX_TEXT]
    raise _Mismatch(f"{name} is no text")


def _number(data: dict[str, Any], name: str, most: float = 1.0, least: float = 0.0) -> float:
    value = data.get(name)
    if isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= most:
        return float(value)
    raise _Mismatch(f"{name} is no number from {least:g} to {most:g}")


def _known(data: dict[str, Any], name: str, most: float = 1.0) -> float | None:
    return None if data.get(name) is None else _number(data, name, most)


def _line(data: dict[str, Any]) -> int:
    return 0 if data.get("line") is None else int(_number(data, "line", 1e9, 1))
