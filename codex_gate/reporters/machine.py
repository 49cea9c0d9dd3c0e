"""The report for programs: one JSON object, or a row for each change; `report.schema.json` holds both forms.

Numbers are rounded, keys stand in a fixed order, unknown is null and never NaN. The output is ASCII: whatever
a path or a title holds is escaped by JSON, and bytes that were no UTF-8 read `\\xNN`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from codex_gate import __version__
from codex_gate.reporters import wording
from codex_gate.reporters.hostile import writable
from codex_gate.taxonomy import UNCLASSIFIED
from codex_gate.types import Classification, Finding, LineScore, ModelKind, Notice, Report

SCHEMA_VERSION: Final = 1
_PRECISION: Final = 4  # digits after the point of every probability
_FEATURE_PRECISION: Final = 6

_COUNTS: Final = {float(n): str(n) for n in range(1000)}
_PLACE: Final = "\0"  # where measures will be written; nothing that git gives holds a NUL
_PLACE_WRITTEN: Final = '"\\u0000"'
_COMPACT: Final = json.JSONEncoder(allow_nan=False, separators=(",", ":"))
_INDENTED: Final = json.JSONEncoder(allow_nan=False, indent=2)

Object = dict[str, Any]


def json_report(report: Report) -> str:
    """One indented object; its first fields are the verdict on the change, which `change` holds in full."""
    return encoded(report_object(report))


def jsonl(report: Report) -> str:
    """A row for the change of a single screen, else a row for each commit."""
    chosen = report.commits if report.change is None else (report.change,)
    return "".join(f"{jsonl_row(finding, report.tier, report.model_version)}\n" for finding in chosen)


def jsonl_row(finding: Finding, tier: int, model_version: str) -> str:
    """One line without its end, for callers that write findings as they come."""
    text = _encoded(_COMPACT, _row(finding, tier, model_version, _PLACE))
    return text.replace(_PLACE_WRITTEN, _written(finding.features.values), 1)  # no text of strangers stands before it


def report_object(report: Report) -> Object:
    """The report as plain values."""
    change = None if report.change is None else row(report.change, report.tier, report.model_version)
    verdict = change or {"sha": None, "risk": None, "level": "unknown", "percentile": None, "category": UNCLASSIFIED, "confidence": 0.0, "features": {}}
    return {
        "schema": SCHEMA_VERSION,
        "tool": {"name": "codex-gate", "version": __version__},
        "repository": writable(report.repository),
        "scope": writable(report.scope),
        **{name: verdict[name] for name in ("sha", "risk", "level", "percentile", "category", "confidence", "features")},
        "tier": report.tier,
        "model_version": writable(report.model_version),
        **({"model_kind": report.model_kind.value} if report.model_kind is not ModelKind.GENERAL else {}),
        "notices": _notices(wording.notices(report)),
        "thresholds": {
            "n_changes": report.thresholds.n_changes,
            "base_rate": number(report.thresholds.base_rate),
            "at": {level.value: number(at) for level, at in sorted(report.thresholds.at.items(), key=lambda item: item[0].rank)},
        },
        "seconds": number(report.seconds, 3),
        "change": change,
        "commits": [row(finding, report.tier, report.model_version) for finding in report.commits],
    }


def row(finding: Finding, tier: int, model_version: str) -> Object:
    """One finding as plain values, `#row` of the schema."""
    return _row(finding, tier, model_version, _measures(finding.features.values))


def _row(finding: Finding, tier: int, model_version: str, measures: Object | str) -> Object:
    top = finding.top
    found = {
        "sha": finding.sha,
        "risk": number(finding.risk),
        "level": finding.level.value,
        "percentile": number(finding.percentile, 2),
        "above": number(finding.above, 2),
        "category": UNCLASSIFIED if top.category is None else str(top.category),
        "confidence": number(top.confidence) or 0.0,
        "features": measures,
        "tier": tier,
        "model_version": writable(model_version),
        "notices": _notices([*dict.fromkeys((*finding.notices, *finding.features.notices))]),
        "title": writable(finding.title),
        "categories": [_classification(c) for c in finding.classifications],
        "reasons": [
            {"feature": r.feature, "value": measure(r.value), "contribution": number(r.contribution) or 0.0, "text": writable(r.text)} for r in finding.reasons
        ],
        "files": [{"path": writable(f.path), "line": f.line or None, "score": number(f.score) or 0.0, "why": writable(f.why)} for f in finding.files],
        **({"ignored": [{"path": writable(e.where), "line": e.line, "reason": writable(e.text)} for e in finding.ignored]} if finding.ignored else {}),
    }
    if finding.relief:
        found["lower"] = [{"path": writable(r.path), "risk": number(r.risk)} for r in finding.relief]
    if finding.lines is not None:
        found["lines"] = [line_object(line) for line in finding.lines]
    return found


def line_object(line: LineScore) -> Object:
    """One changed line, `line` of the schema."""
    return {"path": writable(line.path), "side": "added" if line.added else "deleted", "line": line.line, "score": number(line.score) or 0.0}


def encoded(value: Object) -> str:
    """The value as one indented object."""
    return _encoded(_INDENTED, value) + "\n"


def _classification(found: Classification) -> Object:
    return {
        "category": UNCLASSIFIED if found.category is None else str(found.category),
        "confidence": number(found.confidence) or 0.0,
        "source": found.source,
        "evidence": [
            {"where": writable(e.where), "line": e.line or None, "text": writable(e.text), **({"side": "deleted"} if e.deleted else {})} for e in found.evidence
        ],
    }


def _notices(notices: list[Notice]) -> list[Object]:
    return [{"code": notice.code, "text": writable(notice.text)} for notice in notices]


def number(value: float | None, digits: int = _PRECISION) -> float | None:
    """A rounded number; None for what is unknown or infinite."""
    # + 0.0 turns -0.0 into 0.0
    return round(float(value), digits) + 0.0 if value is not None and math.isfinite(value) else None


def _measures(values: Mapping[str, float]) -> Object:
    return {name: _number(value) for name, value in values.items()}


def _number(value: float) -> float | None:
    # value - value is 0 for what is finite alone
    return None if value - value != 0 else int(value) if value % 1 == 0 else round(value, _FEATURE_PRECISION)


def _written(values: Mapping[str, float]) -> str:
    """`_measures` as the encoder writes them. A bulk screen writes two hundred thousand, most of them small counts: this takes two thirds of the time."""
    count = _COUNTS.get
    return _template(tuple(values)) % tuple([count(value) or _text(value) for value in values.values()])


def _text(value: float) -> str:
    number = _number(value)
    return "null" if number is None else repr(number)


@lru_cache(maxsize=8)
def _template(names: tuple[str, ...]) -> str:
    return "{" + ",".join(_COMPACT.encode(name).replace("%", "%%") + ":%s" for name in names) + "}"


def measure(value: float) -> float | None:
    """A measure with whole numbers as such: counts read 3, not 3.0."""
    return _number(float(value))


def _encoded(encoder: json.JSONEncoder, value: Object) -> str:
    # `##[` commands a workflow runner wherever it stands in a line of the log; JSON can spell it otherwise.
    return encoder.encode(value).replace("##", "#\\u0023")
