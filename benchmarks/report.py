"""docs/benchmarks.md, written from the results alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from benchmarks.rows import ROWS

_HEAD: Final = """# Benchmarks

Written by `python benchmarks/run.py` from `benchmarks/results.json`; nothing here is typed by hand. Ratios are medians of pairs taken in turn, the smallest
and the largest in brackets; times are medians of whole processes unless said otherwise, CPU time counts child processes. The verdict is worked out from the
figure. How to run it: [benchmarks/README.md](../benchmarks/README.md).
"""
_SEE: Final = {"auc": "On more projects, each left out of the forest that judges it, with labels of the kind that it learns from: [rivals.md](rivals.md).\n"}


def markdown(results: Mapping[str, Any]) -> str:
    """The whole document."""
    rows = results["rows"]
    parts = [_HEAD, _machine(results["machine"]), _repositories(rows.values())]
    parts += [part for name in ROWS if name in rows for part in (_block(rows[name]), _SEE.get(name, ""))]
    return "\n".join(part for part in parts if part)


def _machine(machine: Mapping[str, Any]) -> str:
    memory = f", {machine['memory_gb']} GB memory" if machine["memory_gb"] else ""
    return f"Machine: {machine['cpu']}, {machine['cores']} cores{memory}, {machine['system']}, Python {machine['python']}, git {machine['git']}.\n"


def _repositories(rows: Iterable[Mapping[str, Any]]) -> str:
    known = {place["name"]: place for row in rows for place in row.get("repositories", ())}
    if not known:
        return ""
    lines = [(p["name"], f"`{p['head'][:12]}`", f"{p['commits']:,}", f"{p['non_merges']:,}") for p in known.values()]
    return _table(("repository", "head", "commits", "without merges"), lines)


def _block(row: Mapping[str, Any]) -> str:
    head = f"## {row['title']}\n"
    if "skipped" in row:
        return f"{head}\nNot measured: {row['skipped']}.\n"
    figures = [(f["what"], f["shown"], f["must"], f["aim"], f["verdict"]) for f in row["figures"]]
    where = ", ".join(place["name"] for place in row["repositories"])
    when = f"{row['date']}{', ' + where if where else ''}, load {row['load']:.1f} before it began"
    when += "; at real-time priority, so that other work had to wait" if row.get("real_time") else ""
    parts = [head, _table(("what", "figure", "must", "aim", "verdict"), figures), row["how"] + f" ({when}.)\n", *(f"- {note}" for note in row["notes"])]
    parts += [""] if row["notes"] else []
    parts += [_times(row["times"])] if row["times"] else []
    return "\n".join([*parts, f"Made by `{row['command']}`.\n"])


def _times(times: Mapping[str, Mapping[str, float]]) -> str:
    per_commit = any("commits" in t for t in times.values())
    lines = []
    for name, t in times.items():
        each = (f"{1000 * t['wall_s'] / t['commits']:.2f}" if "commits" in t else "",) if per_commit else ()
        lines.append((name, _seconds(t["wall_s"]), f"{_seconds(t['wall_min_s'])}–{_seconds(t['wall_max_s'])}", _seconds(t["cpu_s"]), *each, f"{t['n']:.0f}"))
    return _table(("measured", "wall, s", "min–max", "CPU, s", *(("ms a commit",) if per_commit else ()), "runs"), lines)


def _seconds(value: float) -> str:
    return f"{value:.3f}" if value < 1 else f"{value:.2f}" if value < 10 else f"{value:.1f}"


def _table(head: tuple[str, ...], lines: Iterable[tuple[str, ...]]) -> str:
    rows = [head, ("---",) * len(head), *lines]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows) + "\n"
