"""A repository whose priorities are known, and a report of fixed values, for the tests of `codex-gate priority`.

Forty commits, one a day: `core.py` is complex, changed by three people and repaired often; `once.py` is renamed from `first.py` on the way; `plain.py` is touched
once; `tool.sh` is of a language whose complexity is not measured. Tests, documents and a vendored copy are touched as often as the core.
"""

from __future__ import annotations

import math
from dataclasses import replace

from codex_gate.intervals import Interval
from codex_gate.priority import Frequency, HotFile, Priorities, Row
from codex_gate.taxonomy import DefectCategory, Severity
from codex_gate.types import Notice
from tests.conftest import ADA, BOB, DAY, EVE, START, Node

N = 40
HOSTILE = '<script>alert(1)</script> ‮evil ##[error]x|`y` " & 50 %'
_BRANCHES = "".join(f"    if a == {k}:\n        return {k}\n" for k in range(12))


def core(step: int) -> str:
    """A function of complexity 13, another text at each step."""
    return f"def core(a):\n{_BRANCHES}    return {step}\n"


def nodes() -> list[Node]:
    found = []
    for k in range(N):
        changes: dict[str, bytes | str | tuple[str, str] | None] = {
            "src/core.py": core(k),
            "tests/test_core.py": f"def test():\n    assert {k}\n",
            "README.md": f"# {k}\n",
            "vendor/copy.py": core(k),
        }
        message = "extend the core"
        if k == 0:
            changes |= {"src/first.py": "def once(a):\n    return a or 1\n", "src/plain.py": "x = 1\n", "tool.sh": "echo 1\n"}
        elif k == 10:
            changes = {"src/once.py": ("R", "src/first.py")}
            message = "rename first"
        elif k == 11:
            changes = {"src/once.py": "def once(a):\n    return a or 2\n"}
            message = "fix: wrong result where a is empty"
        elif k >= 15:
            message = "fix: deadlock between two threads in the core" if k % 5 else "fix: memory leak, the socket is never closed"
        found.append(Node(changes, (k - 1,) if k else (), ADA if k in (10, 11) else (ADA, BOB, EVE)[k % 3], START + k * DAY, message))
    return found


def row(category: DefectCategory, n: int, share: float, often: Frequency, severity: Severity, grade: Severity) -> Row:
    return Row(category, n, Interval(share, max(0.0, share - 0.1), min(1.0, share + 0.1)), often, severity, grade)


def file(path: str, score: float, complexity: float = 12.0) -> HotFile:
    unknown = math.isnan(complexity)
    return HotFile(path, score, {"complexity": math.nan if unknown else 0.9, "churn": 1.0, "fixes": 0.5, "ownership": 0.0}, complexity, 1234, 56, 3, 0.61)


REPORT = Priorities(
    "/srv/shop", "a" * 40, START, START + 400 * DAY, 730.0, 4321, 210, 120,
    (
        row(DefectCategory.SecurityVulnerabilities, 40, 0.31, Frequency.FREQUENT, Severity.CRITICAL, Severity.CRITICAL),
        row(DefectCategory.LogicErrors, 75, 0.66, Frequency.FREQUENT, Severity.MODERATE, Severity.HIGH),
        row(DefectCategory.TypeAnnotationGaps, 5, 0.03, Frequency.OCCASIONAL, Severity.LOW, Severity.LOW),
        row(DefectCategory.StdlibMapping, 0, 0.0, Frequency.RARE, Severity.MODERATE, Severity.LOW),
    ),
    (DefectCategory.OwnershipBorrow,),
    (file("src/shop/cart.py", 97.96), file("src/shop/" + "deep/" * 30 + "x.py", 95.0), file("bin/run.sh", 40.0, math.nan)),
    None, (Notice("unmeasured", "files of unknown complexity, whose score rests on the rest: 1 is in a language that is not measured"),), 1.25,
)  # fmt: skip
GATED = replace(REPORT, limit=95.0)
YOUNG = replace(
    REPORT, n_fixes=0, n_told=0, files=(), notices=(),
    rows=tuple(row._replace(n=0, share=Interval(math.nan, 0.0, 1.0), frequency=Frequency.UNKNOWN, priority=row.severity) for row in REPORT.rows),
)  # fmt: skip
STRANGE = replace(REPORT, repository=f"/x/{HOSTILE}", notices=(Notice("x", HOSTILE),), files=(file(f"::error::{HOSTILE}/\udcff\n.py", 99.0), file("b.py", 1.0)))
