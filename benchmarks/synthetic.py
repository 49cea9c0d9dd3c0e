"""Figures of the synthetic corpus, as docs/synthetic.md: `python benchmarks/synthetic.py`.

Needs `.[synthetic]`, rustc for the last section, no network and no data; about a quarter of an hour of one core. CPU seconds count the sandbox's processes.
`--scale .02` measures on fewer programs, to see whether the command works; `--output` takes another file.
"""

from __future__ import annotations

import argparse
import ast
import gc
import math
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

from automl_codex import augment, generate, grammar, inputs, judging, paths, pipeline, rust, stages, stats, transpile, verify
from automl_codex.derive import Draft, lines_of
from automl_codex.examples import Example, as_change
from automl_codex.sampling import STRATEGIES
from automl_codex.sandbox import Sandbox
from automl_codex.smote import DefectSmote
from automl_codex.split import TEST, TRAIN, part_of
from automl_codex.types import BUGGY, EQUIVALENT_UNKNOWN, Program, Variant
from codex_gate import text
from codex_gate.errors import UsageError
from codex_gate.intervals import Interval

SEEDS = (1, 2, 3, 4, 5)
SAMPLED = ("random", "coverage", "swarm", "boundary")
TIMEOUT_MS = 250  # for an input of the Rust; its Python may take 500 for all of them
KNOWN = {3: 20_700, 5: 42_400}  # distinct 4-paths of the strongest random generator known beforehand, 10,000 programs: the only figures not measured here

PASSED = "A pair passes where the Rust does what its Python does: a mutant that passes, of which there are none here, keeps the category of its fault, by `mutation`."


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
        values = [v.quality for v in every if v.kind == name]
        quality.append([name, f"{len(values):,}", *stats.band(values), stats.BANDS[name]])
    parts.append(table(("augmenter", "variants", "median quality", "10 to 90 %", "the specification's band"), quality))
    rejects = sum((counts for _, counts in measured.values()), Counter[str]())
    parts.append("Rejected: " + "; ".join(f"{reason} {n:,}" for reason, n in rejects.most_common()) + ".\n")
    return (
        f"Up to 5 variants by each augmenter of {count:,} programs for each strategy, depth 5, seed 7; mutants are judged on {augment.JUDGING_INPUTS} inputs.\n\n"
        + "\n".join(parts)
    )


def grafts(scale: float) -> str:
    """What smote makes of a partition: time, acceptance, balance, how far towards the neighbour, and what a classifier learns from it."""
    count = max(int(1_000 * scale), 30)
    made = generate.Options(strategy="coverage", count=count, seed=7)
    with TemporaryDirectory() as folder:
        raw = Path(folder) / "raw"
        stages.run(made.stage(raw), made.works(), generate.Maker(made))
        wanted = augment.Options.of("mutation", 5, augment.MIN_THRESHOLD)
        rows = [row for work in wanted.works(raw) for row in augment.Maker(wanted, raw, 7)(work).rows if isinstance(row, Variant)]
    counts, rejects = Counter[str](), Counter[str]()
    began = cpu_seconds()
    with Sandbox() as sandbox:
        added = DefectSmote().balance(rows, Random("7/smote/0"), sandbox, counts, rejects)
    kept, judged = stats.acceptance(counts, rejects)
    spent = 1000 * (cpu_seconds() - began) / max(kept, 1)
    balance = stats.balance(counts)
    names = list(balance)
    before, after = [balance[name][0] for name in names], [sum(balance[name][:2]) for name in names]
    parts = [
        table(
            ("category", "mutants", "with grafts", "short of the largest"),
            [[name, f"{b:,}", f"{a:,}", f"{balance[name][2]:,}"] for name, b, a in zip(names, before, after)],
        ),
        f"{kept:,} of {judged:,} grafts that were judged were accepted, {100 * kept / max(judged, 1):.1f} %; {spent:.1f} CPU ms for one that was kept, its runs and those of the rejected included. "
        f"The categories' entropy rises from {evenness(before):.2f} to {evenness(after):.2f} of that of even shares.\n",
        f"Rejected: {'; '.join(f'{reason} {n:,}' for reason, n in rejects.most_common())}. No subtree fitted in {counts['smote: neighbours without a fitting subtree']:,} "
        f"further tries; {counts['smote: grafts that stood there already']:,} made a text that stood there already.\n",
    ]
    middle, spread = stats.band([row.quality for row in added])
    nearer, share = towards(rows, added)
    parts.append(f"Quality {middle}, 10 to 90 %: {spread} (the specification's band: {stats.BANDS['smote']}). {nearer:.0f} % of the mutants have more in common with their neighbour after the graft "
                 f"than before it (Jaccard of 3-paths); the median graft goes {share:.1f} % of the way.\n")  # fmt: skip
    parts.append(oversampled(rows, added))
    return (
        f"{count:,} programs of the coverage strategy, depth 5, seed 7, up to 5 mutants of each; k = 5, at most 5 grafts of a mutant, the training part alone.\n\n"
        + "\n".join(parts)
    )


def evenness(sizes: Sequence[int]) -> float:
    """Shannon entropy of shares divided by its maximum, in [0, 1]."""
    total = sum(sizes)
    return -sum(n / total * math.log(n / total) for n in sizes if n) / math.log(max(len(sizes), 2))


def towards(rows: Sequence[Variant], added: Sequence[Variant]) -> tuple[float, float]:
    """Percent of grafted mutants that came nearer to their neighbour, and the median percentage of the way d(x, z) / (d(x, z) + d(z, y))."""
    sources = {row.variant_id: row.source for row in rows}

    def apart(one: str, other: str) -> float:
        a, b = (paths.k_paths(ast.parse(source), 3) for source in (one, other))
        return 1 - len(a & b) / len(a | b)

    ways, nearer = [], 0
    for mutant in (row for row in added if row.label == BUGGY):
        anchor, neighbour = (sources[name] for name in mutant.parents[1:])
        gone, left = apart(anchor, mutant.source), apart(mutant.source, neighbour)
        ways.append(gone / (gone + left) if gone + left else 0.0)
        nearer += left < apart(anchor, neighbour)
    return 100 * nearer / max(len(ways), 1), 100 * median(ways or [0.0])


def oversampled(rows: Sequence[Variant], added: Sequence[Variant]) -> str:
    """Categories by TF-IDF and logistic regression, learned from the mutants as they are, with copies drawn at random, and with grafts; judged on mutants alone."""
    sources = {row.variant_id: row.source for row in (*rows, *added)}
    mutants = [change(row, sources) for row in rows if row.label == BUGGY]
    grafted = [change(row, sources) for row in added if row.label == BUGGY]
    rng, drawn = Random(7), list[Example]()
    for category, n in sorted(Counter(str(example.category) for example in grafted).items()):
        drawn += rng.choices([example for example in mutants if example.category == category and example.part == TRAIN], k=n)
    cells = []
    for name, more in (("as they are", []), ("with random copies", drawn), ("with grafts", grafted)):
        examples = [*mutants, *more]
        chosen = [number for number, example in enumerate(examples) if example.part == TEST]
        found = judging.judge([examples[number] for number in chosen], judging.tfidf(examples, 7)[chosen], 7)
        cells.append([name, f"{sum(example.part == TRAIN for example in examples):,}", *map(shown, (found.accuracy, found.macro_f1))])
    tested = sum(example.part == TEST for example in mutants)
    known = {(example.before, example.after) for example in mutants}
    new = len({(example.before, example.after) for example in grafted} - known)
    return (
        f"Of {len(grafted):,} grafted mutants {new:,} are changes of their own; in the others the graft lies outside the lines that the change shows.\n\n"
        f"Categories told by TF-IDF and logistic regression (`judging.tfidf`), judged on {tested:,} mutants of other seeds, none of them grafted:\n\n"
        + table(("learned from mutants", "of them", "accuracy", "macro-F1"), cells)
    )


def change(row: Variant, sources: dict[str, str]) -> Example:
    """A mutant as the change of its program."""
    blocks = text.of_change(as_change("program.py", sources[row.parents[0]], row.source))
    block = max(blocks, key=lambda block: len(block.before) + len(block.after))
    return Example(row.variant_id, row.seed_id, part_of(row.seed_id), "program.py", block.before, block.after, "", BUGGY, row.category)


def shown(found: Interval) -> str:
    return f"{found.value:.3f} ({found.low:.3f}–{found.high:.3f})"


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
    told = f"{count:,} programs of depth 5, seed 7, with one eda variant each; py2many and rustc {rustc.version}, oracles io+ast. {PASSED}\n\n"
    return told + table(
        ("grammar", "strategy", "programs and variants", "refused by py2many", "programs that compile", "variants that compile", "verdicts"), rows
    )


def pairs(scale: float) -> str:
    """Stages 3 and 4 of the core grammar: pairs per CPU second, those of py2many, of rustc and of both sandboxes counted."""
    try:
        rustc = rust.compiler()
    except UsageError as error:
        return f"Not measured: {error}.\n"
    count = max(int(400 * scale), 5)
    made = generate.Options("python-core", "coverage", count, 5, 7)
    wanted = (
        augment.Options.of("eda+mutation", 2, augment.MIN_THRESHOLD),
        transpile.Options.of("py2many", transpile.TIMEOUT_MS),
        verify.Options(timeout_ms=TIMEOUT_MS),
    )
    rows, spent, read = [], 0.0, 0
    with TemporaryDirectory() as folder:
        plan = pipeline.Plan(made, *wanted, dict.fromkeys(pipeline.FOLDERS, 1), Path(folder), ())
        for step in plan.steps():
            began = cpu_seconds()
            found = stages.run(step.stage, step.works, step.make, stages.Local(step.parallel))
            if step.stage.name in ("transpile", "verify"):
                took = cpu_seconds() - began
                spent += took
                read = read or found["rows"] + sum(found["rejects"].values())
                rows.append([step.stage.name, f"{took:.1f}", f"{1000 * took / read:.1f}", ""])
    rows.append(["together", f"{spent:.1f}", f"{1000 * spent / read:.1f}", f"{read / spent:.1f} – {verdict(read / spent, 25, 45)}"])
    return (
        f"{count:,} programs of python-core by coverage, depth 5, seed 7, with up to 2 variants by eda and by mutation each: {read:,} pairs; py2many, rustc {rustc.version}, oracles io+ast, "
        f"{TIMEOUT_MS} ms for an input of the Rust.\n\n"
    ) + table(("stage", "CPU seconds", "CPU ms a pair", "pairs per CPU second (≥ 25, aim 45)"), rows)


SECTIONS: dict[str, Callable[[float], str]] = {
    "Paths: coverage against random": coverage,
    "Speed, size and whether they run": rates,
    "Distinct programs": distinct,
    "Mutants and variants": augmentation,
    "Grafts between neighbours (smote)": grafts,
    "Transpiled and verified": translation,
    "Pairs per CPU second": pairs,
}


def machine(today: date) -> str:
    names = [line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return f"{names[0] if names else platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, {today.isoformat()}"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--output", type=Path, default=Path(__file__).parents[1] / "docs" / "synthetic.md")
    parser.add_argument("--only", choices=tuple(SECTIONS), help="measure this section alone; the others stay as they are")
    options = parser.parse_args(arguments)
    if options.scale <= 0:
        parser.error("--scale must be above 0")
    parts = [
        "# The synthetic corpus in figures\n",
        f"Written by `python benchmarks/synthetic.py`; nothing here is typed by hand but the two counts known before. Machine: {machine(datetime.now(UTC).date())}.",
    ]
    parts.append("A verdict is worked out from its figure.\n")
    there = sections(options.output) if options.only else {}
    if options.only:
        parts = [there.pop("")]
    for title, section in SECTIONS.items():
        if options.only not in (None, title):
            parts += [f"## {title}\n{there[title]}"] if title in there else []
            continue
        began, clock = cpu_seconds(), time.monotonic()
        found = section(options.scale)
        on = f" {machine(datetime.now(UTC).date())}." if options.only else ""
        parts.append(f"## {title}\n\n{found}\n{cpu_seconds() - began:.0f} CPU seconds.{on}\n")
        print(f"{title}: {time.monotonic() - clock:.0f} s", file=sys.stderr, flush=True)
    options.output.write_text("\n".join(parts), "utf-8")
    return 0


def sections(page: Path) -> dict[str, str]:
    """What a page says by title, each without the empty lines behind it; its head under the empty title."""
    head, *found = page.read_text("utf-8").split("\n## ")
    return {"": head.rstrip() + "\n"} | {title: told.rstrip() + "\n" for title, _, told in (part.partition("\n") for part in found)}


if __name__ == "__main__":
    sys.exit(main())
