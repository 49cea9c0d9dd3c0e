"""A trend for programs: one JSON object, valid against trend.schema.json; unknown is null, never 0."""

from __future__ import annotations

import math
from typing import Any, Final

from codex_gate import __version__
from codex_gate.backtest import DAY
from codex_gate.intervals import Interval
from codex_gate.periods import Period, Trend
from codex_gate.reporters.backtest.words import day
from codex_gate.reporters.drift.machine import stream
from codex_gate.reporters.hostile import writable
from codex_gate.reporters.machine import encoded, number
from codex_gate.watch import DriftReport

SCHEMA_VERSION: Final = 1

Object = dict[str, Any]


def render(found: Trend) -> str:
    return encoded(as_object(found))


def as_object(found: Trend) -> Object:
    """The trend as plain values; shares and risks in [0, 1], divergences in nats."""
    past = found.replayed
    predicted, observed = past.fit()
    return {
        "schema": SCHEMA_VERSION,
        "tool": {"name": "codex-gate", "version": __version__},
        "repository": writable(past.repository),
        "model_version": writable(past.model_version),
        "labels": past.labels,
        "period": [day(min(c.time for c in past.changes)), day(max(c.time for c in past.changes))],
        "by": found.by,
        "n_changes": len(past.changes),
        "n_fixes": found.n_fixes,
        "n_judged": len(past.judged),
        "n_needed_a_fix": past.n_fixed,
        "n_learned_from": past.seen,
        "predicted": number(predicted),
        "needed_a_fix": number(observed),
        "ripening_days": number(past.ripening / DAY, 2),
        "periods": [_period(p) for p in found.periods],
        "notices": [{"code": n.code, "text": writable(n.text)} for n in past.notices],
        "seconds": number(past.seconds, 3),
    }


def _period(period: Period) -> Object:
    categories = None if period.categories is None else dict(sorted(period.categories.items()))
    return {
        "name": period.name,
        "n": period.n,
        "too_few": period.is_small,
        "mean_risk": number(period.mean_risk),
        "risk_90th_percentile": number(period.high_risk),
        "fixes": {"n": period.n_fixes, "share": _interval(period.fixes), "categories": categories},
        "calibration": {
            "judged": period.judged,
            "predicted": number(period.predicted),
            "needed_a_fix": _interval(period.observed),
            "in_equal_time": _interval(period.soon),
            "fits": period.fits,
        },
        "drift": None if period.drift is None else _drift(period.drift),
    }


def _drift(report: DriftReport) -> Object:
    streams = [stream(report, shift) for shift in report.shifts]
    return {"drift": report.drift, "n": report.n_window, "n_before": report.n_baseline, "since": day(report.periods[1][0]), "streams": streams}


def _interval(found: Interval) -> Object | None:
    return None if math.isnan(found.value) else {"value": number(found.value), "low": number(found.low), "high": number(found.high)}
