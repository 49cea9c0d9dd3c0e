"""The rows of the benchmark, in the order of the report: name, heading, function."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from os import getloadavg
from typing import Any, Final, NamedTuple

from benchmarks import accuracy, hook, mining, setup, single, size
from benchmarks.bench import Bench, Block, Place, SkipRow


class Row(NamedTuple):
    """A row: its heading, what measures it, and the options that name the repositories it runs on."""

    title: str
    measure: Callable[[Bench], Block]
    places: tuple[str, ...]


ROWS: Final[dict[str, Row]] = {
    "features": Row("Features of a whole history", mining.features, ("repository",)),
    "screening": Row("Screening a whole history", mining.screening, ("repository",)),
    "agreement": Row("Agreement with PyDriller", mining.agreement, ("repository",)),
    "staged": Row("Screening what is staged", single.staged, ("repository",)),
    "hook": Row("The hook under pre-commit", hook.hook, ("repository",)),
    "range": Row("Screening a pull request", single.change, ("repository",)),
    "setup": Row("From init to the first verdict", setup.setup, ("repository",)),
    "forest": Row("The tier-1 model, one row", size.forest, ("repository",)),
    "memory": Row("Memory", size.memory, ("large",)),
    "install": Row("Size of the installation", size.install, ()),
    "commit": Row("One commit, beside other tools", single.commit, ("labelled", "large", "repository")),
    "auc": Row("Ranking labelled commits, beside other tools", accuracy.auc, ("labelled",)),
}


def measure(name: str, bench: Bench) -> dict[str, Any]:
    """One row as plain values: figures with their verdicts, how they were taken, where and when."""
    row = ROWS[name]
    began: dict[str, Any] = {
        "title": row.title,
        "date": datetime.now(UTC).date().isoformat(),
        "load": round(getloadavg()[0], 1),
        "real_time": hasattr(os, "sched_getscheduler") and os.sched_getscheduler(0) in (os.SCHED_FIFO, os.SCHED_RR),
    }
    try:
        block = row.measure(bench)
    except SkipRow as reason:
        return {**began, "skipped": str(reason)}
    places = [getattr(bench.options, place) for place in row.places]
    return {
        **began,
        "repositories": [bench.facts(place) for place in dict.fromkeys(p for p in places if isinstance(p, Place))],
        "figures": [figure.as_json() for figure in block.figures],
        "how": block.how,
        "times": block.times,
        "notes": list(block.notes),
        "data": block.data,
    }


def tell(name: str, row: dict[str, Any]) -> None:
    """The row's figures on standard error, while the others are still to come."""
    said = [f"{f['what']}: {f['shown']}{' – ' if f['verdict'] else ''}{f['verdict']}" for f in row.get("figures", ())]
    print(f"{name}: " + ("; ".join(said) or f"skipped: {row['skipped']}"), file=sys.stderr, flush=True)
