"""A backtest for programs: one JSON object, valid against backtest.schema.json; unknown is null."""

from __future__ import annotations

from typing import Any, Final

from codex_gate import __version__
from codex_gate.backtest import DAY, Backtest, Change, Flags
from codex_gate.intervals import Interval
from codex_gate.reporters.backtest import words
from codex_gate.reporters.hostile import writable
from codex_gate.reporters.machine import encoded, number

SCHEMA_VERSION: Final = 1

Object = dict[str, Any]


def render(found: Backtest) -> str:
    return encoded(as_object(found))


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
        "n_doubtful": found.n_doubtful,
        "n_learned_from": found.seen,
        "ripening_days": number(found.ripening / DAY, 2),
        "weeks": number(found.weeks, 2),
        "proposal": {
            "noise_budget": found.budget,
            "threshold": number(proposal.threshold),
            "flags": _flags(proposal.flags),
            "largest_first": _flags(proposal.largest_first),
            "share_of_newer_half": number(proposal.newer_half),
            "text": words.proposed(proposal, found),
        },
        "levels": [{"level": level.value, "flags": _flags(flags)} for level, flags in found.by_level()],
        "thresholds": [{"threshold": number(limit), "flags": _flags(flags)} for limit, flags in found.by_threshold()],
        "calibration": {
            "mean_risk": number(predicted),
            "observed": number(observed),
            "bins": [{"n": b.n, "mean_risk": number(b.mean_risk), "observed": _interval(b.observed)} for b in found.calibration()],
        },
        "auc": _interval(found.auc()),
        "auc_code_only": _interval(found.auc(code_only=True)),
        "over_time": [
            {"name": p.name, "n": p.n, "flagged": p.flagged, "mean_risk": number(p.mean_risk), "judged": p.judged, "observed": _interval(p.observed)}
            for p in found.over_time()
        ],
        "missing": found.missing() or None,
        "notices": [{"code": n.code, "text": writable(n.text)} for n in found.notices],
        "seconds": number(found.seconds, 3),
        "changes": [_change(c, found) for c in found.changes],
    }


def _change(change: Change, found: Backtest) -> Object:
    repair = change.repair
    return {
        "sha": change.sha,
        "title": writable(change.title),
        "time": change.time,
        "risk": number(change.risk),
        "level": change.level.value,
        "judged": change.sha in found.judged,
        "doubtful": change.doubtful,
        "repair": None if repair is None else {"sha": repair.sha, "change": repair.change, "time": repair.time},
    }


def _flags(flags: Flags) -> Object:
    figures = {"n": flags.n, "share": number(flags.share), "per_week": number(flags.per_week), "judged": flags.judged, "fixed": flags.fixed}
    return figures | {"precision": _interval(flags.precision), "recall": number(flags.recall), "doubtful": flags.doubtful}


def _interval(found: Interval) -> Object:
    return {"value": number(found.value), "low": number(found.low), "high": number(found.high)}
