"""How long a student takes, as docs/students.md: `python benchmarks/student.py --output FILE` (default: print).

One block and 32 blocks at once, full to their limit of tokens, by onnxruntime with one thread, in fp32 and int8; what it takes does not depend on the
weights, so they are fresh. `--model DIR` measures a student that was distilled, and the way from a diff to its answer; with `--pull CLONE BASE..HEAD` also how long the kinds of a whole
pull request take, and of each of its commits, by tier 1 and by tier 3 of that directory, models loaded and diffs at hand. Needs `.[train]`, no network and no
data; a minute of one core. Beside the time that passed stands that of the processor, which a busy machine leaves alone.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from math import prod
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import NamedTuple

import numpy as np
import onnx

from automl_codex import fitting, student
from automl_codex.distillation import session
from codex_gate.git import Repository
from codex_gate.hybrid import HybridClassifier
from codex_gate.student import Student
from codex_gate.text import HunkText
from codex_gate.walk import as_commit

VOCABULARY = 24_000
SHAPES = (("bag", 1), ("transformer", 1), ("transformer", 2), ("transformer", 3))
SIZES = (1, 32)
PROGRAM = "def total(items: list[int], limit: int) -> int:\n    found = 0\n    for item in items:\n        if item < limit:\n            found += item * 2\n    return found\n"


class Taken(NamedTuple):
    """Milliseconds, the median of all calls."""

    passed: float
    processor: float

    def __str__(self) -> str:
        return f"{self.passed:.2f} ({self.processor:.2f})"


def timed(call: Callable[[], object], times: int) -> Taken:
    """The median of so many calls, behind one that is not counted."""
    call()
    passed, processor = [], []
    for _ in range(times):
        began, worked = perf_counter(), process_time()
        call()
        passed.append(perf_counter() - began)
        processor.append(process_time() - worked)
    return Taken(1000 * median(passed), 1000 * median(processor))


def networks(limit: int, calls: int) -> list[list[str]]:
    """A row for each shape and form."""
    rng = np.random.default_rng(1)
    rows = []
    for kind, layers in SHAPES:
        model = student.make(student.Shape(VOCABULARY, kind, layers, limit), 1)
        plain = student.to_onnx(model)
        for form, data in (("fp32", plain), ("int8", student.to_int8(plain))):
            run = session(data)
            ids = [rng.integers(30, VOCABULARY, (size, limit)) for size in SIZES]
            found = [timed(partial(run, given), max(3, calls // len(given))) for given in ids]
            name = kind if kind == "bag" else f"{layers} layer{'s' if layers > 1 else ''}"
            rows.append([name, form, f"{student.parameters(model) / 1e6:.1f}", f"{len(data) / 1e6:.1f}", *map(str, found)])
    return rows


def distilled(folder: Path, calls: int) -> list[list[str]]:
    """A row for a student as the runtime uses it: text in, answer out."""
    made = Student.load(folder)
    hunk = HunkText("a.py", 1, PROGRAM * 4, PROGRAM.replace("<", "<=") * 4)
    found = [timed(partial(made.answer, [hunk] * size), max(3, calls // size)) for size in SIZES]
    size = f"{parameters(folder / 'student.onnx') / 1e6:.1f}"
    return [[f"{folder.name}, text to answer", "int8", size, f"{(folder / 'student.onnx').stat().st_size / 1e6:.1f}", *map(str, found)]]


def parameters(network: Path) -> int:
    """How many numbers a rounded network holds, the scales of its rows left out."""
    found = onnx.load(network).graph.initializer
    return sum(prod(tensor.dims) for tensor in found if not tensor.name.endswith(".scale"))


def pull(folder: Path, clone: Path, span: str, calls: int) -> str:
    """A sentence: how long the kinds of a pull request and of its commits take, by tiers 1 and 3."""
    repo = Repository.discover(clone, os.environ)
    base, _, head = span.partition("..")
    metas = repo.log(stdin=[repo.resolve(head), f"^{repo.resolve(base)}"])
    (files,) = repo.diffs([(metas[-1].sha, repo.resolve(base))])
    whole = replace(as_commit(metas[-1], files), message="\n\n".join(meta.message for meta in metas))
    every = [whole, *(commit for meta in metas for commit in [as_commit(meta, *repo.diffs([(meta.sha, meta.parents[0])]))])]
    found = []
    for tier in (1, 3):
        classifier = HybridClassifier.of(folder, tier)
        found.append(timed(lambda classifier=classifier: [classifier.classify(commit) for commit in every], calls))  # type: ignore[misc]
    return f"Kinds of a pull request of {len(files)} files and of its {len(metas)} commits: tier 1 {found[0]} ms, tier 3 {found[1]} ms, models loaded.\n"


def page(rows: list[list[str]], limit: int, calls: int) -> str:
    """The table with how it was made."""
    head = ["student", "form", "parameters, M", "MB", f"1 block of {limit} tokens, ms", f"{SIZES[-1]} blocks, ms"]
    table = "\n".join("| " + " | ".join(cells) + " |" for cells in (head, ["---"] * len(head), *rows))
    machine = f"{platform.machine()}, {platform.system()}, Python {platform.python_version()}, {datetime.now(UTC).date()}"
    return f"{table}\n\nMedian of {calls} calls (fewer for {SIZES[-1]} blocks), one thread; time that passed, in brackets the processor's. {machine}.\n"


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, action="append", default=[], help="a student to measure too; may be repeated")
    parser.add_argument("--limit", type=int, default=128, help="tokens of a block (default: 128)")
    parser.add_argument("--calls", type=int, default=200, help="calls of one block (default: 200)")
    parser.add_argument("--output", type=Path, help="write the table here")
    parser.add_argument("--pull", nargs=2, metavar=("CLONE", "BASE..HEAD"), help="time the kinds of this change too; needs one --model")
    options = parser.parse_args(argv)
    if options.pull and len(options.model) != 1:
        parser.error("--pull needs one --model, a whole directory of models")
    fitting.use_threads(1)
    rows = [*networks(options.limit, options.calls), *(row for folder in options.model for row in distilled(folder, options.calls))]
    text = page(rows, options.limit, options.calls)
    if options.pull:
        text += "\n" + pull(options.model[0], Path(options.pull[0]), options.pull[1], max(3, options.calls // 10))
    if options.output:
        options.output.write_text(text, "utf-8")
    else:
        print(text, end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
