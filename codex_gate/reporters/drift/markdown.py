"""Drift for an issue, a comment or a step summary, in GitHub's dialect."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

from codex_gate.reporters.drift import words
from codex_gate.reporters.hostile import cell, code, prose, shown
from codex_gate.reporters.wording import duration
from codex_gate.watch import DriftReport, called

if TYPE_CHECKING:
    from codex_gate.reporters.sticky import Sticky


def issue(report: DriftReport) -> Sticky:
    """The report as an issue of the repository; its key does not depend on how long it took."""
    from codex_gate.reporters.sticky import Sticky

    about = frozenset(words.drifted(report)) if report.drift else frozenset()
    seen = hashlib.sha256(render(replace(report, seconds=0.0)).encode("utf-8", "replace")).hexdigest()[:16]
    title = words.verdict(report) if report.drift else "no drift any more"
    return Sticky("drift", f"codex-gate: {title[0].lower()}{title[1:]}", render(report), about, seen)


def render(report: DriftReport) -> str:
    """The whole report."""
    parts = [f"### {words.verdict(report)}", words.scope(report), words.advice(report), _table(report)]
    parts += [words.steady(report), words.divergence(report), words.fit(report)]
    parts += [f"> {prose(shown(n.text, 600))}" for n in report.notices]
    parts.append(f"<sub>{words.method()} Model {prose(shown(report.model_version, 40))}, {duration(report.seconds)}.</sub>")
    return "\n\n".join(filter(None, parts)) + "\n"


def _table(report: DriftReport) -> str:
    if not report.moved:
        return ""
    rows = ["| what moved | times its threshold | where | since | shares |", "| --- | ---: | --- | --- | --- |"]
    for shift in report.moved:
        shares = cell(code(shown(words.moved(shift), 300)))
        rows.append(f"| {called(shift.name)} | {words.times(shift)} | {words.part(report, shift)} | {code(words.since(report, shift))} | {shares} |")
    return "\n".join(rows)
