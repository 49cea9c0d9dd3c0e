"""A repository that changes its ways, and the report that monitoring it gives.

300 changes of Python and documents, then 100 of which most are Rust: told with no more than names and dates.
"""

from __future__ import annotations

from random import Random

from codex_gate.drift import SYMBOLS, Fit, Move, Shift, shares
from codex_gate.types import Notice
from codex_gate.watch import DriftReport, Start
from tests.conftest import ADA, BOB, DAY, START, Node

N_OLD, N_NEW = 300, 100
HOSTILE = '<script>alert(1)</script> \u202eevil ##[error]x " & 50 %'


def nodes(n_old: int = N_OLD, n_new: int = N_NEW, seed: int = 0) -> list[Node]:
    rng = Random(seed)
    found = []
    for k in range(n_old + n_new):
        old = rng.choice(("src/a{}.py", "src/b{}.py", "docs/c{}.md"))
        path = (old if k < n_old or rng.random() < 0.2 else "src/d{}.rs").format(k)
        lines = "".join(f"x{i} = {i}\n" for i in range(rng.randrange(1, 9)))
        found.append(Node({path: lines}, (k - 1,) if k else (), rng.choice((ADA, BOB)), START + k * DAY, f"change {k}"))
    return found


def report(**changes: object) -> DriftReport:
    """A report with drift of two streams."""
    baseline = shares({"LogicErrors": 30, "unclassified": 70}, SYMBOLS)
    current = shares({"LogicErrors": 60, "unclassified": 40}, SYMBOLS)
    shifts = (
        Shift("category", 0.21, 0.05, True, 100, 3, (Move("LogicErrors", 0.3, 0.6), Move("unclassified", 0.7, 0.4)), 4.2),
        Shift("file type", 0.09, 0.1, True, 20, 80, (Move("rust", 0.0, 0.55),), 1.5),
        Shift("la", 0.02, 0.1, False, 20, None, (), 0.4),
    )
    starts = {"category": Start("a" * 40, START), "file type": Start("b" * 40, START + 80 * DAY)}
    values: dict[str, object] = {
        "repository": "/x/repo", "model_version": "risk-1", "n_baseline": 200, "n_window": 100, "periods": ((START - 200 * DAY, START - DAY), (START, START + 99 * DAY)),
        "kl_divergence": 0.21, "threshold": 0.05, "calibrated": True, "drift": True, "baseline": baseline, "current": current, "shifts": shifts, "starts": starts,
        "fit": Fit(150, 0.8, 60, 0.3, 1.6), "notices": (Notice("x", "a notice"),), "seconds": 1.5,
    }  # fmt: skip
    return DriftReport(**(values | changes))  # type: ignore[arg-type]
