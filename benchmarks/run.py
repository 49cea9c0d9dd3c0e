"""Measure the table of speed, size and accuracy, and write docs/benchmarks.md and results.json.

python benchmarks/run.py --repository NAME=DIR --large NAME=DIR --labelled NAME=DIR --labels FILE.csv.gz --project NAME --peers DIR
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parents[1] / "training")]

from benchmarks import report, rows
from benchmarks.bench import ROOT, Bench, Options, Place
from benchmarks.measure import machine


def parser() -> argparse.ArgumentParser:
    """The options; their names become the fields of `Options`."""
    made = argparse.ArgumentParser(prog="python benchmarks/run.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--repository", type=Place.parse, required=True, metavar="[NAME=]DIR", help="a repository of 3,000 to 10,000 commits")
    made.add_argument("--large", type=Place.parse, metavar="[NAME=]DIR", help="one of 20,000 commits or more, for memory")
    made.add_argument("--labelled", type=Place.parse, metavar="[NAME=]DIR", help="one with labels, of 12,000 commits or more, that the model never saw")
    made.add_argument("--labels", type=Path, metavar="CSV", help="columns project, sha, buggy; may be gzipped")
    made.add_argument("--project", default="", metavar="NAME", help="the project's name in the labels")
    made.add_argument("--peers", type=Path, metavar="DIR", help="where the programs repowise and bca lie")
    made.add_argument("--gate", type=Path, metavar="FILE", help="the codex-gate to time as a process (default: the one beside this Python)")
    made.add_argument("--only", metavar="NAME,…", help=f"some rows only, the others keep their results: {', '.join(rows.ROWS)}")
    made.add_argument("--rounds", type=int, default=5, help="interleaved rounds (default 5)")
    made.add_argument("--pydriller-commits", type=int, default=0, metavar="N", help="PyDriller on about N evenly spaced commits (default: on all)")
    made.add_argument("--calls", type=int, default=5000, metavar="N", help="single predictions (default 5,000)")
    made.add_argument("--peer-timings", type=int, default=20, metavar="N", help="commits that every tool is timed on (default 20)")
    made.add_argument("--peer-scores", type=int, default=200, metavar="N", help="labelled commits that the peers score (default 200)")
    made.add_argument("--peer-timeout-s", type=float, default=60, metavar="S", help="time limit of a peer's call (default 60)")
    made.add_argument("--resamples", type=int, default=2000, help="bootstrap resamples (default 2,000)")
    made.add_argument("--seed", type=int, default=20261123)
    made.add_argument(
        "--work", type=Path, default=ROOT / "data" / "benchmarks", metavar="DIR", help="clones and finished parts; a run that was cut off goes on"
    )
    made.add_argument("--json", type=Path, default=ROOT / "benchmarks" / "results.json", metavar="FILE")
    made.add_argument("--output", type=Path, default=ROOT / "docs" / "benchmarks.md", metavar="FILE")
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Measure the rows asked for; each is written as soon as it is known."""
    taken = parser().parse_args(argv)
    names = taken.only.split(",") if taken.only else list(rows.ROWS)
    unknown = [name for name in names if name not in rows.ROWS]
    if unknown:
        sys.exit(f"benchmark: no row is called {', '.join(unknown)}; there are {', '.join(rows.ROWS)}")
    fields = {name: value.resolve() if isinstance(value, Path) else value for name, value in vars(taken).items()}
    options = Options(**{name: fields[name] for name in Options.__dataclass_fields__})
    bench = Bench(options)
    for name in names:
        row = rows.measure(name, bench)
        rows.tell(name, row)
        _write(taken.json, taken.output, name, {**row, "command": shown(options, name)})
    return 0


def _write(json_file: Path, output: Path, name: str, row: dict[str, Any]) -> None:
    """Put a row into the results, and the results into the document."""
    results = json.loads(json_file.read_text("utf-8")) if json_file.is_file() else {"rows": {}}
    results["machine"] = machine()
    results["rows"][name] = row
    for path, text in ((json_file, json.dumps(results, indent=1) + "\n"), (output, report.markdown(results))):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")


def shown(options: Options, name: str) -> str:
    """The command of one row, with names in place of this machine's directories."""
    words = ["python benchmarks/run.py", f"--repository {options.repository.name}"]
    words += [f"--{flag} {place.name}" for flag, place in (("large", options.large), ("labelled", options.labelled)) if place]
    words += [f"--labels {options.labels.name} --project {options.project}"] if options.labels else []
    words += ["--peers DIR"] if options.peers else []
    plain = parser()
    for flag in ("rounds", "pydriller_commits", "calls", "peer_timings", "peer_scores", "peer_timeout_s", "resamples", "seed"):
        value = getattr(options, flag)
        if value != plain.get_default(flag):
            words.append(f"--{flag.replace('_', '-')} {value:g}" if isinstance(value, float) else f"--{flag.replace('_', '-')} {value}")
    return " ".join([*words, f"--only {name}"])


if __name__ == "__main__":
    sys.exit(main())
