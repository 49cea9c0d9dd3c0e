"""Drift for an issue, a comment or a step summary, in GitHub's dialect."""

from __future__ import annotations

from codex_gate.reporters.drift import words
from codex_gate.reporters.hostile import cell, code, prose, shown
from codex_gate.reporters.wording import duration
from codex_gate.watch import DriftReport

MARK = "<!-- codex-gate:drift -->"  # whoever posts it finds the issue that it wrote by this


def render(report: DriftReport) -> str:
    """The whole report."""
    parts = [MARK, f"### {words.verdict(report)}", words.scope(report), words.advice(report), _table(report)]
    parts += [words.steady(report), words.divergence(report), words.fit(report)]
    parts += [f"> {prose(shown(n.text, 600))}" for n in report.notices]
    parts.append(f"<sub>{words.method()} Model {prose(shown(report.model_version, 40))}, {duration(report.seconds)}.</sub>")
    return "\n\n".join(filter(None, parts)) + "\n"


def _table(report: DriftReport) -> str:
    if not report.moved:
        return ""
    rows = ["| what moved | divergence | threshold | since | shares |", "| --- | ---: | ---: | --- | --- |"]
    for shift in report.moved:
        shares = ", ".join(filter(None, (words.part(report, shift), cell(code(shown(words.moved(shift), 300))))))
        rows.append(f"| {shift.name} | {shift.divergence:.3f} | {shift.threshold:.3f} | {code(words.since(report, shift))} | {shares} |")
    return "\n".join(rows)
