"""Figures of the synthetic corpus, as docs/synthetic.md: `python benchmarks/synthetic.py`.

Needs `.[synthetic]`, rustc for the last section, no network and no data; about a quarter of an hour of one core. CPU seconds count the sandbox's processes.
`--scale .02` measures on fewer programs, to see whether the command works; `--output` takes another file.
"""

from __future__ import annotations

import argparse
import ast
import gc
import os
import platform
import resource
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import islice
from pathlib import Path
from random import Random
from statistics import mean, median
from tempfile import TemporaryDirectory

from automl_codex import augment, generate, grammar, inputs, paths, pipeline, rust, stages, transpile, verify
from automl_codex.derive import Draft, lines_of
from automl_codex.sampling import STRATEGIES
from automl_codex.sandbox import Sandbox
from automl_codex.types import EQUIVALENT_UNKNOWN, Program, Variant
from codex_gate.errors import UsageError

SEEDS = (1, 2, 3, 4, 5)
SAMPLED = ("random", "coverage", "swarm", "boundary")
KNOWN = {3: 20_700, 5: 42_400}  # distinct 4-paths of the strongest random generator known beforehand, 10,000 programs: the only figures not measured here
BANDS = {"eda": ".85–.95", "mutation": ".70–.85", "template": ".90–.98"}  # the specification, §4.2


def cpu_seconds() -> float:
    """CPU time of this process and of those it has waited for."""
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def drafts(strategy: str, seed: int, depth: int, count: int) -> list[Draft]:
    """Drafts in partitions, as the stage makes them."""
    found: list[Draft] = []
    for partition in range(-(-count // stages.PARTITION)):
        size = min(stages.PARTITION, count - len(found))
        rng = Random(f"{seed}/{strategy}/{partition}")
        found += islice(STRATEGIES[strategy]().drafts(grammar.python(), rng, partition, depth), size)
    return found


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (head, ["---"] * len(head), *rows)) + "\n"


def verdict(value: float, must: float, aim: float, at_least: bool = True) -> str:
    met = [value >= bound if at_least else value <= bound for bound in (must, aim)]
    return "met, aim too" if all(met) else "met, aim missed" if met[0] else "**missed**"


@dataclass(frozen=True)
class Paths:
    distinct: int
    nodes: float


def measure_paths(found: Sequence[Draft]) -> Paths:
    seen: set[paths.Path] = set()
    nodes = 0
    for draft in found:
        tree = ast.parse(draft.source)
        seen |= paths.k_paths(tree, 4)
        nodes += paths.size(tree)
    return Paths(len(seen), nodes / len(found))


def coverage(scale: float) -> str:
    """4-paths of the coverage strategy beside those of the random one."""
    count = int(10_000 * scale)
    rows = []
    for depth in (3, 5):
        measured = {name: [measure_paths(drafts(name, seed, depth, count)) for seed in SEEDS] for name in ("random", "coverage")}
        ratios = [c.distinct / r.distinct for c, r in zip(measured["coverage"], measured["random"], strict=True)]
        rows.append([
            str(depth),
            *(f"{mean(m.distinct for m in measured[name]):,.0f} ({mean(m.nodes for m in measured[name]):.0f})" for name in ("random", "coverage")),
            f"{KNOWN[depth]:,}",
            f"{mean(ratios):.2f}× ({min(ratios):.2f}–{max(ratios):.2f})",
            verdict(mean(ratios), 1.25, 2.0),
        ])  # fmt: skip
    head = ("depth", "random (nodes)", "coverage (nodes)", "random known before", "coverage / random", "≥ 1.25×, aim 2×")
    return f"Distinct 4-paths of {count:,} programs, mean of seeds {SEEDS[0]} to {SEEDS[-1]}, mean size in labelled nodes beside them.\n\n" + table(head, rows)


def rates(scale: float) -> str:
    """Programs per CPU second, and the share that runs."""
    count = int(4_000 * scale)
    rows = []
    for strategy in SAMPLED:
        gc.disable()
        began = cpu_seconds()
        found = drafts(strategy, 42, 5, count)
        for draft in found:
            ast.parse(draft.source)
        written = count / (cpu_seconds() - began)
        gc.enable()
        began, counts = cpu_seconds(), Counter[str]()
        wanted = generate.Options(strategy=strategy, count=count)
        for work in wanted.works():
            counts.update(generate.Maker(wanted)(work).counts)
        ran = counts["programs"] / (cpu_seconds() - began)
        share = 100 * counts["programs"] / counts["candidates"]
        lines = mean(len(list(lines_of(draft.source))) for draft in found)
        types = len({type(node).__name__ for draft in found for node in ast.walk(ast.parse(draft.source))})
        rows.append(
            [strategy, f"{written:,.0f}", verdict(written, 2000, 5000), f"{ran:,.0f}", f"{share:.1f} %", verdict(share, 85, 95), f"{lines:.1f}", str(types)]
        )
    head = ("strategy", "written and parsed", "≥ 2,000, aim 5,000", "also run on 8 inputs", "runs on ≥ 1 input", "≥ 85 %, aim 95 %", "lines", "node types")
    return f"Programs per CPU second over {count:,} programs at depth 5, seed 42; every one parses.\n\n" + table(head, rows)


def distinct(scale: float) -> str:
    """Distinct programs after alpha-normalisation, by a normaliser that knows nothing of how they were written."""
    count = int(100_000 * scale)
    forms = {hash(paths.alpha_normal(draft.source)) for draft in drafts("coverage", 42, 5, count)}
    share = 100 * len(forms) / count
    return f"Of {count:,} programs of the coverage strategy (depth 5, seed 42) {len(forms):,} are distinct after alpha-normalisation: {share:.2f} % – {verdict(share, 99, 99.9)} (≥ 99 %, aim 99.9 %).\n"


def variants(strategy: str, count: int) -> tuple[list[Variant], Counter[str]]:
    """Variants by every augmenter of programs of one strategy."""
    wanted = generate.Options(strategy=strategy, count=count, seed=7)
    programs = [row for work in wanted.works() for row in generate.Maker(wanted)(work).rows if isinstance(row, Program)]
    maker = augment.Maker(augment.Options(tuple(augment.AUGMENTERS)), Path(), 7)
    rng = Random(7)
    pool = inputs.InputPool(rng, augment.JUDGING_EDGES)
    rejects: Counter[str] = Counter()
    found: list[Variant] = []
    with Sandbox() as sandbox:
        for program in programs:
            for name in augment.AUGMENTERS:
                found += maker.variants(name, program, rng, pool, sandbox, Counter(), rejects)
    return found, rejects


def augmentation(scale: float) -> str:
    """Mutants that no input tells from their program, by strategy and operator; quality by augmenter."""
    count = max(int(400 * scale), 5)
    measured = {strategy: variants(strategy, count) for strategy in SAMPLED}
    rows = []
    for strategy, (found, _) in measured.items():
        mutants = [v for v in found if v.kind == "mutation"]
        share = 100 * sum(v.label == EQUIVALENT_UNKNOWN for v in mutants) / len(mutants)
        rows.append([strategy, f"{len(mutants):,}", f"{share:.1f} %", verdict(share, 25, 10, at_least=False)])
    parts = [table(("strategy", "mutants", "no input tells apart", "≤ 25 %, aim 10 %"), rows)]
    every = [variant for found, _ in measured.values() for variant in found]
    made, survived = Counter(v.operator for v in every if v.kind == "mutation"), Counter(v.operator for v in every if v.label == EQUIVALENT_UNKNOWN)
    parts.append(table(("operator", "mutants", "survivors"), [[name, f"{n:,}", f"{100 * survived[name] / n:.0f} %"] for name, n in made.most_common()]))
    quality = []
    for name in augment.AUGMENTERS:
        values = sorted(v.quality for v in every if v.kind == name)
        quality.append(
            [name, f"{len(values):,}", f"{median(values):.2f}", f"{values[len(values) // 10]:.2f}–{values[-1 - len(values) // 10]:.2f}", BANDS[name]]
        )
    parts.append(table(("augmenter", "variants", "median quality", "10 to 90 %", "the specification's band"), quality))
    rejects = sum((counts for _, counts in measured.values()), Counter[str]())
    parts.append("Rejected: " + "; ".join(f"{reason} {n:,}" for reason, n in rejects.most_common()) + ".\n")
    return (
        f"Up to 5 variants by each augmenter of {count:,} programs for each strategy, depth 5, seed 7; mutants are judged on {augment.JUDGING_INPUTS} inputs.\n\n"
        + "\n".join(parts)
    )


def translation(scale: float) -> str:
    """What stages 3 and 4 make of programs of the whole grammar, and of its core."""
    try:
        rustc = rust.compiler()
    except UsageError as error:
        return f"Not measured: {error}.\n"
    count = max(int(100 * scale), 5)
    rows = []
    for name in grammar.GRAMMARS:
        for strategy in ("random", "coverage"):
            with TemporaryDirectory() as folder:
                made = generate.Options(name, strategy, count, 5, 7)
                wanted = augment.Options.of("eda", 1, augment.MIN_THRESHOLD), transpile.Options.of("py2many", transpile.TIMEOUT_MS), verify.Options()
                plan = pipeline.Plan(made, *wanted, dict.fromkeys(pipeline.FOLDERS, 1), Path(folder), ())
                found = {step.stage.name: stages.run(step.stage, step.works, step.make, stages.Local(step.parallel)) for step in plan.steps()}
            pairs = found["augment"]["rows"]
            made_of = {kind: found["augment"]["counts"].get(counted, 0) for kind, counted in (("original", "original"), ("eda", "eda: correct"))}
            compiled = [f"{100 * found['transpile']['counts'].get(f'{kind}: {transpile.COMPILES}', 0) / max(n, 1):.1f} %" for kind, n in made_of.items()]
            verdicts = Counter({key.removeprefix("verdict "): n for key, n in found["verify"]["counts"].items() if key.startswith("verdict ")})
            shown = ", ".join(f"{verdict} {n:,}" for verdict, n in verdicts.most_common())
            rows.append([name, strategy, f"{pairs:,}", f"{sum(found['transpile']['rejects'].values()):,}", *compiled, shown])
    return (
        f"{count:,} programs of depth 5, seed 7, with one eda variant each; py2many and rustc {rustc.version}, oracles io+ast. {machine(datetime.now(UTC).date())}.\n\n"
        + table(("grammar", "strategy", "programs and variants", "refused by py2many", "programs that compile", "variants that compile", "verdicts"), rows)
    )


SECTIONS: dict[str, Callable[[float], str]] = {
    "Paths: coverage against random": coverage,
    "Speed, size and whether they run": rates,
    "Distinct programs": distinct,
    "Mutants and variants": augmentation,
    "Transpiled and verified": translation,
}


def machine(today: date) -> str:
    names = [line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return f"{names[0] if names else platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, {today.isoformat()}"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--output", type=Path, default=Path(__file__).parents[1] / "docs" / "synthetic.md")
    parser.add_argument("--only", choices=tuple(SECTIONS)[-1:], help="measure the last section alone; the others stay as they are")
    options = parser.parse_args(arguments)
    if options.scale <= 0:
        parser.error("--scale must be above 0")
    parts = [
        "# The synthetic corpus in figures\n",
        f"Written by `python benchmarks/synthetic.py`; nothing here is typed by hand but the two counts known before. Machine: {machine(datetime.now(UTC).date())}.",
    ]
    parts.append("A verdict is worked out from its figure.\n")
    if options.only:
        parts = [options.output.read_text("utf-8").partition(f"## {options.only}\n")[0].rstrip() + "\n"]
    for title, section in SECTIONS.items():
        if options.only not in (None, title):
            continue
        began, clock = cpu_seconds(), time.monotonic()
        text = section(options.scale)
        parts.append(f"## {title}\n\n{text}\n{cpu_seconds() - began:.0f} CPU seconds.\n")
        print(f"{title}: {time.monotonic() - clock:.0f} s", file=sys.stderr, flush=True)
    options.output.write_text("\n".join(parts), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
