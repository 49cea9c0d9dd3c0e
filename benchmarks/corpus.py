"""The synthetic corpus at full volume: its funnel as docs/funnel.md, and the sample of it that is committed.

python benchmarks/corpus.py funnel --input NAME=DIR   # DIR holds the finished folders of all four stages; may be repeated
python benchmarks/corpus.py sample --input NAME=DIR   # DIR is a finished output of verify; may be repeated → training/data/synthetic/NAME

A sample is a folder as verify writes it, which `automl-codex teach`, `logits`, `stats` and the audit read. It holds whole families – a program with all that was made of it – drawn by a seed, as many rows from each input, without the
inputs on which both sides agreed.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "training")]

from automl_codex import labels, stages, stats, verify
from automl_codex.types import LabelledTuple
from benchmarks import corpus_audit, reading
from codex_gate.errors import GateError, UsageError
from codex_gate.taxonomy import DefectCategory

DATA: Final = ROOT / "training" / "data"
ROWS: Final = 50_000
SEED: Final = 42
LIMIT: Final = 20_000_000  # bytes of everything below training/data
HONEST: Final = 50  # rows of a category that can be learned from
SPECIFIED: Final = {"generate": "100,000", "augment": "500,000", "transpile": "400,000", "verify": "350,000"}  # the specification, §10.1

Inputs = Sequence[tuple[str, Path]]


# -- the funnel --------------------------------------------------------------------------------------------


def funnel(inputs: Inputs, day: date, commits: Sequence[str] = ()) -> str:
    """docs/funnel.md, from the manifests and rows of finished folders alone.

    Args:
        commits: STAGE=COMMIT of the code that made a stage, where it is not today's.
    Raises:
        UsageError: a stage of an input is missing or not finished.
    """
    found = {name: _stages(folder) for name, folder in inputs}
    manifests = {name: {stage: manifest for stage, (_, manifest) in parts.items()} for name, parts in found.items()}
    verified = {name: parts["verify"][0] for name, parts in found.items()}
    made = f"Made by the code of: {', '.join(told.replace('=', ' ') for told in commits)}.\n" if commits else ""
    parts = [
        _HEAD.format(day=day),
        *filter(None, [made]),
        _volumes(manifests),
        _verdicts(manifests),
        _categories(verified),
        "## Left out\n",
        _rejects(manifests),
    ]
    for name, folder in inputs:
        parts.append(f"## Everything that was counted: {name}\n\n```text\n{stats.of(folder).replace(str(folder), name)}```\n")
    return "\n".join(parts)


_HEAD: Final = """# The synthetic corpus: its funnel

Written by `python benchmarks/corpus.py funnel` from the manifests of finished folders and their rows, {day}; no figure is typed by hand. How right the labels are stands in [corpus-audit.md](corpus-audit.md).
"""


def _stages(folder: Path) -> dict[str, tuple[Path, dict[str, Any]]]:
    """Folder and manifest by stage."""
    found = {}
    for path in sorted(folder.glob(f"*/{stages.MANIFEST}")):
        manifest = stages.manifest_of(path.parent)
        found[manifest["stage"]] = path.parent, manifest
    missing = [stage for stage in stages.ROWS if stage not in found]
    if missing:
        raise UsageError(f"{folder} holds no finished output of {', '.join(missing)} in a folder of its own; make it with: automl-codex run --output {folder}")
    return found


def _volumes(manifests: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> str:
    """Rows by stage beside those of the specification; those of verify are labelled ones."""
    rows = [
        (stage, *(f"{size(m[stage]):,}" for m in manifests.values()), f"{sum(size(m[stage]) for m in manifests.values()):,}", SPECIFIED[stage])
        for stage in stages.ROWS
    ]
    options = "\n".join(f"- {name}, seed {m['generate']['seed']}: {_told(m)}" for name, m in manifests.items())
    tools = sorted(
        {
            f"Python {p['tools']['python']}, pyarrow {p['tools']['pyarrow']}, automl-codex {p['tools']['automl-codex']}"
            for m in manifests.values()
            for p in m.values()
        }
    )
    said = f"Rows of each stage; of verify those that are labelled as a defect or as none. {'; '.join(tools)}.\n\n{options}\n"
    return f"## Volume\n\n{said}\n" + reading.table(("stage", *manifests, "together", "specified (§10.1)"), rows)


def size(manifest: Mapping[str, Any]) -> int:
    """Rows of a stage; of verify those with a label."""
    unknown = manifest["counts"].get(f"defect {labels.UNKNOWN}", 0) if manifest["stage"] == "verify" else 0
    return int(manifest["rows"]) - unknown


def _told(manifests: Mapping[str, Mapping[str, Any]]) -> str:
    """The options of each stage."""
    return "; ".join(f"{stage} {', '.join(f'{key} {_plain(value)}' for key, value in sorted(manifests[stage]['options'].items()))}" for stage in stages.ROWS)


def _plain(value: Any) -> str:
    return "+".join(map(str, value)) if isinstance(value, list) else str(value)


def _verdicts(manifests: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> str:
    counts = Counter[str]()
    for parts in manifests.values():
        counts.update({key.removeprefix("verdict "): n for key, n in parts["verify"]["counts"].items() if key.startswith("verdict ")})
    total = counts.total()
    often = sum(count >= 0.01 * total for count in counts.values())
    mismatch = counts[labels.Verdict.IO_MISMATCH] / total
    said = f"Verdicts that are at least 1 %: {often} (must 6, aim 8). I/O mismatch: {mismatch:.1%} (must 5 %, aim 10 %).\n"
    return f"## Verdicts\n\n{said}\n" + reading.table(("verdict", "rows", "share"), [(name, f"{n:,}", f"{n / total:.1%}") for name, n in counts.most_common()])


def _categories(folders: Mapping[str, Path]) -> str:
    """Labels that are learned from, by category and by who gave them."""
    counts = Counter((claim.category, claim.source) for name, folder in folders.items() for claim in corpus_audit.Corpus(name, folder).claims())
    sources = [source for source in corpus_audit.SOURCES if any(of == source for _, of in counts)]
    total = Counter[str]()
    for (category, _), n in counts.items():
        total[category] += n
    rows = [(category, *(f"{counts[category, source]:,}" for source in sources), f"{n:,}") for category, n in total.most_common()]
    honest = sum(total[category] >= HONEST for category in DefectCategory)
    without = ", ".join(category for category in DefectCategory if not total[category])
    said = f"Labels that are learned from, each a change of Python or a Rust. Categories with at least {HONEST}: {honest} of {len(DefectCategory)} (must 9, aim 11). "
    said += f"None of {without}: no run and no compiler shows them here, they need real commits.\n" if without else "\n"
    return f"## Categories\n\n{said}\n" + reading.table(("category", *sources, "together"), rows)


def _rejects(manifests: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> str:
    rows = [
        (name, stage, reason.replace("|", "\\|"), f"{count:,}")
        for name, parts in manifests.items()
        for stage, manifest in parts.items()
        for reason, count in sorted(manifest["rejects"].items(), key=lambda item: (-item[1], item[0]))[:TOLD]
    ]
    return f"The {TOLD} most frequent reasons of each stage; all stand below.\n\n" + reading.table(("corpus", "stage", "reason", "rows"), rows)


TOLD: Final = 6


# -- the sample --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Drawn:
    """Makes the one partition of a sample."""

    source: Path
    seeds: frozenset[str]

    def __call__(self, work: stages.Work) -> stages.Made:
        """Rows of the families that were drawn, a family together, with the counts that verify would give."""
        rows = [row for part in parts_of(self.source) for row in stages.read(part, LabelledTuple) if row.seed_id in self.seeds]
        rows.sort(key=lambda row: row.seed_id)
        return stages.Made([replace(row, inputs=(), outcomes=()) for row in rows], verify.counts(rows), {})


def parts_of(folder: Path) -> Iterator[Path]:
    """The partitions of a finished output of verify.

    Raises:
        UsageError: the folder is none.
    """
    yield from (folder / part["name"] for part in stages.manifest_of(folder, "verify")["partitions"])


def families(inputs: Inputs, rows: int, rng: random.Random) -> dict[str, frozenset[str]]:
    """The seed programs whose families are drawn, by input, until there are `rows` rows; as many from each input as far as it goes, for the smaller may hold what is rare.

    Raises:
        UsageError: the inputs hold fewer, or less than one is asked for.
    """
    if rows < 1:
        raise UsageError(f"rows must be >= 1, got {rows}")
    sizes = Counter((name, seed) for name, folder in inputs for part in parts_of(folder) for (seed,) in stages.columns(part, ("seed_id",)))
    if sizes.total() < rows:
        raise UsageError(f"the input holds {sizes.total()} rows; expected at least {rows}: give more input or draw fewer (--rows)")
    found: dict[str, frozenset[str]] = {}
    by_size = sorted(inputs, key=lambda given: (sum(size for (name, _), size in sizes.items() if name == given[0]), given[0]))
    for place, (name, _) in enumerate(by_size):
        share = -(-rows // (len(by_size) - place))
        order = sorted(seed for one, seed in sizes if one == name)
        rng.shuffle(order)
        taken: list[str] = []
        while order and share > 0:
            taken.append(order.pop())
            share -= sizes[name, taken[-1]]
        found[name] = frozenset(taken)
        rows -= sum(sizes[name, seed] for seed in taken)
    return found


def sample(inputs: Inputs, rows: int, data: Path) -> str:
    """Draw and write; what there is then.

    Raises:
        UsageError: as `families`, or the data would weigh more than LIMIT.
    """
    told = []
    for name, seeds in families(inputs, rows, random.Random(SEED)).items():
        source = dict(inputs)[name]
        manifest = stages.manifest_of(source, "verify")
        options = {**manifest["options"], "drawn_of_rows": manifest["rows"], "draw": SEED, "families": len(seeds), "without": ["inputs", "outcomes"]}
        stage = stages.Stage("verify", data / "synthetic" / name, manifest["seed"], options, {"labels": labels.VERSION}, dense=True)
        work = stages.Work(0, {"sha256": [part["sha256"] for part in manifest["partitions"]], "rows": rows})
        made = stages.run(stage, [work], Drawn(source, seeds))
        told.append(f"{name}: {made['rows']:,} of {manifest['rows']:,} rows in {len(seeds):,} families")
    weight = sum(path.stat().st_size for path in data.rglob("*") if path.is_file())
    if weight > LIMIT:
        raise UsageError(f"{data} weighs {weight / 1e6:.1f} MB with the sample; expected at most {LIMIT / 1e6:.0f}: remove it and draw fewer (--rows)")
    return "\n".join([*told, f"{data} weighs {weight / 1e6:.1f} MB of at most {LIMIT / 1e6:.0f}"])


# -- commands ----------------------------------------------------------------------------------------------


def _write(options: argparse.Namespace) -> str:
    options.output.write_text(funnel(options.input, options.day, options.commit), "utf-8")
    return f"{options.output} written"


def main(argv: Sequence[str] | None = None) -> int:
    """Run one of the two commands; 2 when something asked for is not as expected."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    commands = parser.add_subparsers(required=True)
    one, two = commands.add_parser("funnel", help="write the document"), commands.add_parser("sample", help="draw the rows that are committed")
    one.add_argument("--output", type=Path, default=ROOT / "docs" / "funnel.md")
    one.add_argument("--day", type=date.fromisoformat, required=True, help="when the corpus was made")
    one.add_argument("--commit", action="append", default=[], metavar="STAGE=COMMIT", help="the code that made a stage; may be repeated")
    two.add_argument("--rows", type=int, default=ROWS, metavar="N", help="at least so many rows (default: %(default)s)")
    two.add_argument("--data", type=Path, default=DATA, metavar="DIR", help=f"what may weigh {LIMIT / 1e6:.0f} MB in all (default: training/data)")
    for command in (one, two):
        command.add_argument("--input", type=corpus_audit.named, action="append", required=True, metavar="NAME=DIR", help="a corpus; may be repeated")
    one.set_defaults(command=_write)
    two.set_defaults(command=lambda options: sample(options.input, options.rows, options.data))
    options = parser.parse_args(argv)
    try:
        print(options.command(options))
    except GateError as error:
        print(f"corpus: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
