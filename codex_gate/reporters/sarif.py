"""SARIF 2.1.0 for code scanning: the risk of the change at the place to look first, and what kind of defect it speaks of.

A result needs a place, or GitHub refuses the whole file; what has none (a change of deleted files, what speaks in one, notices)
goes into the run's notifications. `primaryLocationLineHash` is left to the uploader, which has the sources.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, Final

from codex_gate import __version__
from codex_gate.reporters import wording
from codex_gate.reporters.hostile import address, message, shown, visible
from codex_gate.types import Classification, Evidence, Finding, Level, Report

SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
RISK_RULE: Final = "codex-gate/risk"
MAX_RESULTS: Final = 5000  # GitHub keeps no more of a run
_LEVELS: Final = {Level.UNKNOWN: "note", Level.MODERATE: "note", Level.HIGH: "warning", Level.CRITICAL: "warning"}

Object = dict[str, Any]


def render(report: Report) -> str:
    """The SARIF log; a change of low risk has no results, as it has no comment."""
    n = wording.digits(report)
    spoken = sorted((f for f in _subjects(report) if f.level is not Level.LOW), key=lambda f: -f.level.rank)
    results = [result for finding in spoken for result in _results(report, finding, n)]
    notes = [_notification(notice.code, notice.text) for notice in wording.notices(report)]
    notes += [_notification("no-place", text) for finding in spoken for text in _placeless(report, finding, n)]
    if len(results) > MAX_RESULTS:
        cut = len(results) - MAX_RESULTS
        notes.append(_notification("results-cut", f"{wording.count(cut, 'result')} of the least risky commits {'is' if cut == 1 else 'are'} left out."))
        results = results[:MAX_RESULTS]
    rules = [
        _rule(identifier) for identifier in sorted({RISK_RULE, *(f"codex-gate/{name}" for name in _definitions()), *(result["ruleId"] for result in results)})
    ]
    index = {rule["id"]: i for i, rule in enumerate(rules)}
    _fingerprint(results)
    run = {
        "tool": {"driver": {"name": "codex-gate", "version": __version__, "semanticVersion": __version__, "rules": rules}},
        "automationDetails": {"id": "codex-gate/"},
        "columnKind": "unicodeCodePoints",
        "invocations": [{"executionSuccessful": True, "toolExecutionNotifications": notes}],
        "results": [{"ruleId": result["ruleId"], "ruleIndex": index[result["ruleId"]], **result} for result in results],
        "properties": {"scope": visible(report.scope), "modelVersion": visible(report.model_version), "tier": report.tier},
    }
    text = json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, allow_nan=False)
    return text.replace("##", "#\\u0023") + "\n"


def _subjects(report: Report) -> tuple[Finding, ...]:
    return report.commits if report.change is None else (report.change,)


def _results(report: Report, finding: Finding, n: int) -> Iterator[Object]:
    level = _LEVELS[finding.level]
    if finding.level.rank >= Level.MODERATE.rank and (place := _place(finding)):
        yield _result(RISK_RULE, level, _risk_text(report, finding, n), *place, "")
    for found in wording.categories(finding):
        for evidence in found.evidence:
            if not wording.in_message(evidence) and not evidence.is_gone:
                yield _result(_identifier(found), level, _category_text(found, evidence), evidence.where, evidence.line, evidence.text)


def _placeless(report: Report, finding: Finding, n: int) -> Iterator[str]:
    """What would be a result if what it is about were still there."""
    if finding.level.rank >= Level.MODERATE.rank and _place(finding) is None:
        yield _risk_text(report, finding, n)
    for found in wording.categories(finding):
        for evidence in found.evidence:
            if evidence.is_gone:
                yield _category_text(found, evidence)


def _place(finding: Finding) -> tuple[str, int] | None:
    """Where to look first: the first of its files that is there, or of many commits, whose files are not ranked, the riskiest added line; None for a change of deleted lines."""
    if finding.files:
        return next(((file.path, file.line) for file in finding.files if file.line), None)
    return next(((line.path, line.line) for line in finding.lines or () if line.added), None)


def _result(rule: str, level: str, text: str, path: str, line: int, matched: str) -> Object:
    """A result; `matched` goes into its fingerprint instead of the line, so that it survives moves."""
    place = {"artifactLocation": {"uri": address(path), "uriBaseId": "%SRCROOT%"}, "region": {"startLine": max(1, line)}}
    known = hashlib.sha256("\0".join((rule, path, matched)).encode("utf-8", "surrogatepass"))
    return {
        "ruleId": rule,
        "level": level,
        "message": {"text": message(text)},
        "locations": [{"physicalLocation": place}],
        "partialFingerprints": {"codexGate/v1": known.hexdigest()[:32]},
    }


def _fingerprint(results: Iterable[Object]) -> None:
    """Number the results that are alike, so that each has a fingerprint of its own."""
    seen: Counter[str] = Counter()
    for result in results:
        alike = result["partialFingerprints"]["codexGate/v1"]
        seen[alike] += 1
        result["partialFingerprints"]["codexGate/v1"] = f"{alike}:{seen[alike]}"


def _risk_text(report: Report, finding: Finding, n: int) -> str:
    parts = [wording.verdict(finding, n)]
    if report.change is None:
        parts = [f"Commit {wording.short(finding.sha)}: {parts[0]}"]
    if standing := wording.standing(finding, report.thresholds):
        parts = [f"{parts[0]}, {standing}"]
    if meant := wording.meaning(finding, report.model_kind):
        parts.append(meant.rstrip("."))
    reasons = [f"{shown(r.text, 300)} ({wording.points(r.contribution)} points)" for r in finding.reasons if r.contribution > 0][:3]
    if reasons:
        parts.append("Why: " + "; ".join(reasons))
    return ". ".join(parts) + "."


def _category_text(found: Classification, evidence: Evidence) -> str:
    text = shown(wording.matched(evidence), 120)
    matched = f' at "{text}"' if text else " in the name of the file"
    if evidence.is_gone:
        matched += f"{' in' if text else ''} {shown(evidence.where)}, which was deleted"
    elif evidence.deleted:
        matched += ", which was deleted here"
    return f"It speaks of {visible(str(found.category))} ({wording.percent(found.confidence)}){matched}."


def _notification(code: str, text: str) -> Object:
    return {"descriptor": {"id": code}, "level": "note", "message": {"text": message(shown(text, 1000))}}


def _identifier(found: Classification) -> str:
    return f"codex-gate/{visible(str(found.category))}"


def _rule(identifier: str) -> Object:
    name = identifier.partition("/")[2]
    if identifier == RISK_RULE:
        name, short = "ChangeRisk", "Calibrated probability that the change will need a fix."
        full = f"{short} A result appears when it stands out among this repository's recent changes."
    else:
        short, full = _definitions().get(name, (f"Defects of the category {name}.",) * 2)
    return {
        "id": identifier,
        "name": name,
        "shortDescription": {"text": message(short)},
        "fullDescription": {"text": message(full)},
        "help": {"text": message(full)},
        "defaultConfiguration": {"level": "note"},
        "properties": {"tags": ["defect-prediction"]},
    }


def _definitions() -> dict[str, tuple[str, str]]:
    """What each category is, in a sentence and in full."""
    from codex_gate.taxonomy import DEFINITIONS

    return {category.value: (definition.is_a, definition.text) for category, definition in DEFINITIONS.items()}
