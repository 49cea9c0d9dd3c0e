"""Drift for programs: one object as JSON, or the same as YAML; unknown is null.

The YAML is the part of YAML 1.2 that JSON does not already cover: block mappings and lists, with every scalar as JSON
writes it. So no YAML package is needed to write it, and any reads it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from codex_gate import __version__
from codex_gate.drift import Shift
from codex_gate.reporters.backtest.words import day
from codex_gate.reporters.hostile import writable
from codex_gate.watch import DriftReport

SCHEMA_VERSION: Final = 1
_PLAIN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_WORDS: Final = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})  # which YAML takes for something else

Object = dict[str, Any]


def render(name: str, report: DriftReport) -> str:
    found = as_object(report)
    if name == "yaml":
        return "".join(f"{line}\n" for line in _yaml(found, ""))
    return _safe(json.dumps(found, allow_nan=False, indent=2)) + "\n"


def as_object(report: DriftReport) -> Object:
    """The report as plain values; shares in [0, 1], divergences in nats."""
    fit = report.fit
    return {
        "schema": SCHEMA_VERSION,
        "tool": {"name": "codex-gate", "version": __version__},
        "repository": writable(report.repository),
        "model_version": writable(report.model_version),
        "kl_divergence": round(report.kl_divergence, 6),
        "threshold": round(report.threshold, 6),
        "threshold_is": "calibrated" if report.calibrated else "given",
        "drift": report.drift,
        "drift_score": round(report.kl_divergence, 6),
        "retraining_signal": report.recommendation is not None,
        "recommendation": str(report.recommendation) if report.recommendation else None,
        "n_baseline": report.n_baseline,
        "n_window": report.n_window,
        "baseline_period": [_day(t) for t in report.periods[0]],
        "window_period": [_day(t) for t in report.periods[1]],
        "baseline": {name: round(share, 6) for name, share in report.baseline.items()},
        "current": {name: round(share, 6) for name, share in report.current.items()},
        "streams": [stream(report, shift) for shift in report.shifts],
        "calibration": None
        if fit is None
        else {
            "drift": fit.drifted,
            "n_before": fit.n_before,
            "fixed_per_predicted_before": round(fit.ratio_before, 4),
            "n_now": fit.n_now,
            "fixed_per_predicted_now": round(fit.ratio_now, 4),
            "threshold": round(fit.threshold, 4),
        },
        "notices": [{"code": n.code, "text": writable(n.text)} for n in report.notices],
        "seconds": round(report.seconds, 3),
    }


def stream(report: DriftReport, shift: Shift) -> Object:
    """One thing that is watched, the same object in a trend."""
    start = report.starts.get(shift.name)
    return {
        "name": shift.name,
        "divergence": round(shift.divergence, 6),
        "threshold": round(shift.threshold, 6),
        "ratio": round(shift.ratio, 6),
        "drift": shift.drifted,
        "newest": shift.length if shift.drifted else None,
        "since": None if start is None else {"sha": writable(start.sha), "day": _day(start.time)},
        "moved": [{"name": writable(m.name), "before": round(m.before, 4), "now": round(m.now, 4)} for m in shift.moved],
    }


def _day(seconds: int) -> str | None:
    return day(seconds) if seconds else None


def _yaml(value: Any, indent: str) -> Iterator[str]:
    """The lines of a mapping or a list that is not empty."""
    pairs = value.items() if isinstance(value, Mapping) else ((None, item) for item in value)
    for key, item in pairs:
        head = f"{indent}-" if key is None else f"{indent}{_key(key)}:"
        if not isinstance(item, Mapping | list) or not item:
            yield f"{head} {_scalar(item)}"
        elif key is None:
            first, *rest = _yaml(item, f"{indent}  ")
            yield f"{head} {first[len(indent) + 2 :]}"
            yield from rest
        else:
            yield head
            yield from _yaml(item, f"{indent}  ")


def _key(key: str) -> str:
    return key if _PLAIN.fullmatch(key) and key.lower() not in _WORDS else _scalar(key)


def _scalar(value: Any) -> str:
    if isinstance(value, float):  # never 1e-05, which YAML 1.1 takes for text
        return f"{value:.6f}".rstrip("0") + ("0" if value == int(value) else "")
    return _safe(json.dumps(value, allow_nan=False))


def _safe(text: str) -> str:
    """`##[` commands a workflow runner wherever it stands in a line of the log; JSON and YAML can spell it otherwise."""
    return text.replace("##", "#\\u0023")
