"""A stage 2 folder of hand-written programs, each with what stages 3 and 4 must say of it."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from automl_codex import inputs, rust, stages
from automl_codex.sandbox import Job, Sandbox
from automl_codex.types import CORRECT, Variant
from codex_gate.errors import UsageError

if (found := shutil.which("rustc")) and (toolchains := Path(found).absolute().parents[2] / ".rustup").is_dir():
    os.environ.setdefault("RUSTUP_HOME", str(toolchains))  # the tests run with a home of their own, where rustup finds no toolchain


def _works() -> bool:
    try:
        return bool(rust.compiler())
    except UsageError:
        return False


needs_rustc = pytest.mark.skipif(not _works(), reason="there is no rustc on PATH that tells its version")

# name: source, parameters, inputs
PROGRAMS: dict[str, tuple[str, tuple[str, ...], tuple[str, ...]]] = {
    "alike": ("def f(a: int, b: int) -> int:\n    c = a * 2\n    if c > b:\n        c += b\n    return c\n", ("int", "int"), ("(1, 2,)", "(9, 4,)")),
    "list": ("def f(items: list[int]) -> int:\n    total = 0\n    for item in items:\n        total += item\n    return total\n", ("ints",), ("([1, 2, 3],)", "([],)")),
    "bounded": ("def f(a: int) -> int:\n    return (a & 255) * 2\n", ("int",), ("(1,)", "(-9,)")),
    "floor": ("def f(a: int) -> int:\n    return a // 2\n", ("int",), ("(4,)", "(-7,)")),
    "chained": ("def f(a: int) -> int:\n    if 0 < a < 5:\n        return 1\n    return 0\n", ("int",), ("(3,)", "(9,)")),
    "lost_but_unseen": ("def f(a: int) -> int:\n    if 0 < a < 5:\n        return 1\n    return 0\n", ("int",), ("(3,)", "(-9,)")),
    "overflow": ("def f(a: int) -> int:\n    return a * a\n", ("int",), ("(2147483647,)",)),
    "zero": ("def f(a: int) -> int:\n    return 8 // a\n", ("int",), ("(0,)", "(2,)")),
    "index": ("def f(items: list[int]) -> int:\n    return items[0]\n", ("ints",), ("([4],)", "([],)")),
    "float_form": ("def f(a: float) -> float:\n    return a / 0.5\n", ("float",), ("(2.5,)",)),
    "mean": ("def f(items: list[int], a: int) -> float:\n    return float(a) / float(len(items))\n", ("ints", "int"), ("([1, 2], 3,)", "([], 3,)")),
    "mean_of_some": ("def f(items: list[int], a: int) -> float:\n    return float(a) / float(len(items))\n", ("ints", "int"), ("([1, 2], 3,)", "([4], 3,)")),
    "unfit": ("def f(a: int) -> int:\n    return a\n", ("int",), ("(9223372036854775808,)",)),
    "hangs": ("def f(a: int) -> int:\n    b = a\n    while b > 10:\n        b = b - b // -2 - b\n    return b\n", ("int",), ("(3,)", "(11,)")),
    "text": ('def f(a: str) -> int:\n    return a.wobble("x")\n', ("str",), ("('q',)",)),
    "syntax": ("def f(a: list[int]) -> list[int]:\n    yield a\n", ("ints",), ("([1],)",)),
    "refused": ("def f(a: int) -> int:\n    try:\n        return 1 // a\n    except ZeroDivisionError:\n        return 0\n", ("int",), ("(1,)",)),
}  # fmt: skip


@dataclass(frozen=True)
class _Given:
    """A maker that hands out rows; it stands in for stage 2."""

    rows: tuple[Variant, ...]

    def __call__(self, work: stages.Work) -> stages.Made:
        return stages.Made(self.rows, {"original": len(self.rows)}, {})


def variant(name: str, outcomes: tuple[str, ...] | None = None, **changes: object) -> Variant:
    source, parameters, literals = PROGRAMS[name]
    if outcomes is None:
        with Sandbox() as sandbox:
            outcomes = tuple(next(sandbox.run([Job(source, "f", [inputs.parse(literal) for literal in literals])])))
    values = {
        "variant_id": name, "seed_id": name, "parents": (), "kind": "original", "operator": "", "site": "", "source": source, "entry": "f", "parameters": parameters,
        "inputs": literals, "outcomes": outcomes, "label": CORRECT, "category": None, "witness": None, "expected": None, "actual": None, "quality": 1.0,
    }  # fmt: skip
    return Variant(**{**values, **changes})  # type: ignore[arg-type]


def stage2(folder: Path, rows: tuple[Variant, ...]) -> Path:
    stage = stages.Stage("augment", folder, 7, {})
    stages.run(stage, [stages.Work(0, {"rows": [row.variant_id for row in rows]})], _Given(rows))
    return folder
