"""A backtest for programs: one JSON object, valid against backtest.schema.json; unknown is null."""

from __future__ import annotations

import json
import math
from typing import Any, Final

from codex_gate import __version__
from codex_gate.backtest import DAY, Backtest, Change, Flags
from codex_gate.intervals import Interval
from codex_gate.reporters.backtest import words
from codex_gate.reporters.hostile import writable

SCHEMA_VERSION: Final = 1

Object = dict[str, Any]


def render(found: Backtest) -> str:
    # `##[` commands a workflow runner wherever it stands in a line of the log; JSON can spell it otherwise.
    return json.dumps(as_object(found), allow_nan=False, indent=2).replace("##", "#\\u0023") + "\n"


def as_object(found: Backtest) -> Object:
    """The backtest as plain values; shares, risks and areas in [0, 1]."""
    proposal = found.proposal()
    predicted, observed = found.fit()
    return {
        "schema": SCHEMA_VERSION,
        "tool": {"name": "codex-gate", "version": __version__},
        "repository": writable(found.repository),
        "model_version": writable(found.model_version),
        "labels": found.labels,
        "period": [words.day(min(c.time for c in found.changes)), words.day(max(c.time for c in found.changes))],
        "n_changes": len(found.changes),
        "n_judged": len(found.judged),
        "n_fixed": found.n_fixed,
        "n_learned_from": found.seen,
        "ripening_days": _number(found.ripening / DAY, 2),
        "weeks": _number(found.weeks, 2),
        "proposal": {
            "noise_budget": found.budget,
            "threshold": _number(proposal.threshold),
            "flags": _flags(proposal.flags),
            "largest_first": _flags(proposal.largest_first),
            "share_of_newer_half": _number(proposal.newer_half),
            "text": words.proposed(proposal, found),
        },
        "levels": [{"level": level.value, "flags": _flags(flags)} for level, flags in found.by_level()],
        "thresholds": [{"threshold": _number(limit), "flags": _flags(flags)} for limit, flags in found.by_threshold()],
        "calibration": {
            "mean_risk": _number(predicted),
            "observed": _number(observed),
            "bins": [{"n": b.n, "mean_risk": _number(b.mean_risk), "observed": _interval(b.observed)} for b in found.calibration()],
        },
        "auc": _interval(found.auc()),
        "auc_code_only": _interval(found.auc(code_only=True)),
        "over_time": [
            {"name": p.name, "n": p.n, "flagged": p.flagged, "mean_risk": _number(p.mean_risk), "judged": p.judged, "observed": _interval(p.observed)}
            for p in found.over_time()
        ],
        "missing": found.missing() or None,
        "notices": [{"code": n.code, "text": writable(n.text)} for n in found.notices],
        "seconds": _number(found.seconds, 3),
        "changes": [_change(c, found) for c in found.changes],
    }


def _change(change: Change, found: Backtest) -> Object:
    repair = change.repair
    return {
        "sha": change.sha,
        "title": writable(change.title),
        "time": change.time,
        "risk": _number(change.risk),
        "level": change.level.value,
        "judged": change.sha in found.judged,
        "repair": None if repair is None else {"sha": repair.sha, "change": repair.change, "time": repair.time},
    }


def _flags(flags: Flags) -> Object:
    figures = {"n": flags.n, "share": _number(flags.share), "per_week": _number(flags.per_week), "judged": flags.judged, "fixed": flags.fixed}
    return figures | {"precision": _interval(flags.precision), "recall": _number(flags.recall)}


def _interval(found: Interval) -> Object:
    return {"value": _number(found.value), "low": _number(found.low), "high": _number(found.high)}


def _number(value: float, digits: int = 4) -> float | None:
    return round(value, digits) + 0.0 if math.isfinite(value) else None
