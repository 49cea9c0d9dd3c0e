"""Whether hot files are the ones that need the next fixes, and how long `codex-gate priority` takes: docs/priority.md.

nice python benchmarks/priority.py --clones DIR

For each clone (OWNER+NAME, or OWNER+NAME/repo) and each of the last YEARS years, the files are scored by what was known when that year began; the year's
fixes then say which files needed one. Nothing is fitted. The intervals are over projects, whose years are averaged before. A clone that training/off-limits.txt
names ends the run: its fixes are not to be looked at.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from random import Random
from statistics import fmean
from time import perf_counter
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "training")]

from automl_codex.mine import refuse_off_limits
from benchmarks.measure import machine
from codex_gate import intervals, szz
from codex_gate.diffs import count_lines
from codex_gate.errors import GateError, UsageError
from codex_gate.git import CommitMeta, Repository
from codex_gate.model import default_directory
from codex_gate.policy import Policy
from codex_gate.priority import WEIGHTS, Priorities
from codex_gate.reporters.wording import count
from codex_gate.survey import survey

YEARS: Final = 3
YEAR: Final = 365 * 86_400
MIN_FIXED: Final = 10  # files with a fix in a year, and without one: fewer tell nothing (chosen)
FIRST: Final = 0.1  # share of the files that a reader looks at first (chosen)
RESAMPLES: Final = 10_000


class Year(NamedTuple):
    """Files in their order by name of the ranking (greater is hotter), and those that were fixed in the year after."""

    ranks: Mapping[str, Mapping[str, float]]
    fixed: frozenset[str]


class Measured(NamedTuple):
    """Of one ranking: the AUC, and the share of the fixed files among the first tenth."""

    auc: float
    first: float


def years(repo: Repository) -> list[Year]:
    """The last YEARS years, each scored at its beginning."""
    head = repo.resolve("HEAD")
    metas = repo.log(stdin=[head])
    line = repo.log("--first-parent", stdin=[head])
    newest = line[-1].time
    found = []
    for back in range(1, YEARS + 1):
        begin = newest - back * YEAR
        then = next((meta for meta in reversed(line) if meta.time <= begin), None)
        if then is None:
            continue
        known = set(repo.rev_list(then.sha))
        after = [meta for meta in metas if meta.sha not in known and begin < meta.time <= begin + YEAR]
        found.append(Year(rankings(repo, then.sha, begin), fixed(repo, after)))
    return found


def fixed(repo: Repository, metas: Sequence[CommitMeta]) -> frozenset[str]:
    """The files that fixes among these commits touch, by the names that they had before."""
    parents = {meta.sha: meta.parents[0] for meta in metas if len(meta.parents) == 1}
    found: set[str] = set()
    for files in repo.touches([(fix.sha, parents[fix.sha]) for fix in szz.find_fixes(metas)]):
        code = [f for f in files if szz.is_code(f, False)]
        if len(code) <= szz.MAX_FILES:
            found.update(f.old_path or f.path for f in code)
    return frozenset(found)


def rankings(repo: Repository, sha: str, now: int) -> dict[str, dict[str, float]]:
    """The score, its parts, the score without each of them, and the plain length, of each file of a commit."""
    hot = survey(repo, default_directory(), Policy(), now, branch=sha).files
    found = {"score": {f.path: f.score for f in hot}}
    for name in WEIGHTS:
        found[name] = {f.path: 0.0 if math.isnan(f.parts[name]) else f.parts[name] for f in hot}
        found[f"score without {name}"] = {f.path: _without(f.parts, name) for f in hot}
    tree = repo.files_below(sha, "", deep=True)
    texts = repo.blobs(tree[f.path] for f in hot)
    return found | {"lines of text": {f.path: float(count_lines(texts.get(tree[f.path], b""))) for f in hot}}


def _without(parts: Mapping[str, float], name: str) -> float:
    known = [part for other, part in parts.items() if other != name and not math.isnan(part)]
    return fmean(known) if known else 0.0


def judged(ranks: Mapping[str, float], fixed: frozenset[str]) -> Measured | None:
    """How well a ranking tells the fixed files; None where there are too few on a side."""
    hits = [value for path, value in ranks.items() if path in fixed]
    others = [value for path, value in ranks.items() if path not in fixed]
    if min(len(hits), len(others)) < MIN_FIXED:
        return None
    first = sorted(ranks, key=lambda path: (-ranks[path], path))[: max(1, round(FIRST * len(ranks)))]
    return Measured(intervals.auc(hits, others).value, sum(path in fixed for path in first) / len(hits))


def over_projects(values: Sequence[float], rng: Random) -> str:
    """The mean with its 95 % interval, projects resampled."""
    means = sorted(fmean(rng.choices(values, k=len(values))) for _ in range(RESAMPLES))
    return f"{fmean(values):.3f} ({means[int(0.025 * RESAMPLES)]:.3f} to {means[int(0.975 * RESAMPLES)]:.3f})"


def timed(repo: Repository) -> tuple[Priorities, float]:
    started = perf_counter()
    found = survey(repo, default_directory(), Policy(), 2**40)
    return found, perf_counter() - started


def main(argv: Sequence[str] | None = None, say: Callable[[str], None] = print) -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clones", type=Path, required=True, help="a directory with clones, OWNER+NAME or OWNER+NAME/repo")
    parser.add_argument("--only", default="", help="names of clones, separated by commas (default: all)")
    parser.add_argument("--seed", type=int, default=0, help="of the resampling (default: 0)")
    options = parser.parse_args(argv)
    try:
        return run(options, say)
    except (GateError, OSError) as error:
        print(f"priority: {error}", file=sys.stderr)
        return 2


def run(options: argparse.Namespace, say: Callable[[str], None]) -> int:
    """Measure and print.

    Raises:
        UsageError: no clone is there, or off-limits.txt names one.
        GitError: what is named as a clone is none.
    """
    named = [path for path in sorted(options.clones.iterdir()) if path.is_dir() and "+" in path.name]
    chosen = [path for path in named if not options.only or path.name in options.only.split(",")]
    if not chosen:
        raise UsageError(f"none of the {len(named)} clones in {options.clones} is asked for; expected folders named OWNER+NAME")
    refuse_off_limits([path.name.replace("+", "/") for path in chosen], ROOT / "training" / "off-limits.txt")
    say(f"{machine()}\n\n| project | commits | fixes | files | seconds |\n| --- | ---: | ---: | ---: | ---: |")
    projects: dict[str, list[Year]] = {}
    for path in chosen:
        repo = Repository.discover(path / "repo" if (path / "repo").is_dir() else path, os.environ)
        found, seconds = timed(repo)
        n_all = len(repo.rev_list("HEAD"))
        say(f"| {path.name} | {n_all:,} | {found.n_fixes:,} | {len(found.files):,} | {seconds:.1f} |")
        projects[path.name] = years(repo)
    tell(projects, Random(options.seed), say)
    return 0


def tell(projects: Mapping[str, Sequence[Year]], rng: Random, say: Callable[[str], None]) -> None:
    """The rankings beside each other; of a project the mean of its years."""
    names = ["score", *WEIGHTS, *(f"score without {name}" for name in WEIGHTS), "lines of text"]
    each: dict[str, dict[str, list[Measured]]] = {}
    for project, found in projects.items():
        kept = [year for year in found if judged(year.ranks["score"], year.fixed) is not None]
        if kept:
            each[project] = {name: [one for year in kept if (one := judged(year.ranks[name], year.fixed)) is not None] for name in names}
    say(f"\n{count(len(each), 'project')}, {count(sum(len(m['score']) for m in each.values()), 'year')}\n")
    say("| ranking | AUC | score − it | fixed files in the first tenth |\n| --- | --- | --- | --- |")
    if not each:
        return
    score = [fmean(one.auc for one in measured["score"]) for measured in each.values()]
    for name in names:
        auc = [fmean(one.auc for one in measured[name]) for measured in each.values()]
        first = [fmean(one.first for one in measured[name]) for measured in each.values()]
        apart = "" if name == "score" else over_projects([s - a for s, a in zip(score, auc, strict=True)], rng)
        say(f"| {name} | {over_projects(auc, rng)} | {apart} | {over_projects(first, rng)} |")


if __name__ == "__main__":
    sys.exit(main())
