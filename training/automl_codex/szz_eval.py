"""The labeller against what developers said: precision and recall of SZZ variants on the oracle of Rosa et al. 2021.

The oracle (github.com/grosa1/icse2021-szz-replication-package, bugfix_commits_all.json) maps a fix to the commits that its
developer named as the cause. A variant is judged over all fixes together, as in the paper: precision is the share of accused
commits that were named, recall the share of named commits that are accused.

Source: Rosa, Pascarella, Scalabrino, Tufano, Bavota, Lanza & Oliveto 2021, ICSE, "Evaluating SZZ Implementations Through a
Developer-informed Oracle".
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from automl_codex.mine import clone_of, off_limits
from codex_gate import szz
from codex_gate.errors import UsageError
from codex_gate.git import Repository
from codex_gate.intervals import Interval
from codex_gate.paths import language

Progress = Callable[[str], None]

SEED = 1  # of the split and of the bootstrap
N_RESAMPLES = 2000
# (precision, recall, F1) without a filter by issue dates, results/all-recall-precision.csv of the package: 1,115 fixes, RA 80 Java fixes.
PUBLISHED = {
    "B-SZZ": (0.39, 0.69, 0.50),
    "AG-SZZ": (0.45, 0.60, 0.52),
    "MA-SZZ": (0.36, 0.64, 0.46),
    "L-SZZ": (0.52, 0.45, 0.48),
    "R-SZZ": (0.66, 0.57, 0.61),
    "RA-SZZ (80 Java fixes)": (0.35, 0.45, 0.39),
}
HALVES = ("choice", "held out", "all")
_OUTPUTS = {"B-SZZ": "b", "AG-SZZ": "ag", "MA-SZZ": "ma", "L-SZZ": "l", "R-SZZ": "r"}
_DEFAULT = szz.VARIANTS[szz.DEFAULT]
# The default with one of its rules taken away or another put in.
ABLATIONS = {
    "all candidates": replace(_DEFAULT, pick="all"),
    "the largest candidate": replace(_DEFAULT, pick="largest"),
    "without the fall-back for fixes that only add": replace(_DEFAULT, fall_back=False),
    "every deleted line, comments and layout too": replace(_DEFAULT, cosmetic=False),
    "test files traced too": replace(_DEFAULT, tests=True),
    "without size limits": replace(_DEFAULT, size=False),
    "without looking through meta changes": replace(_DEFAULT, meta=False),
    "lines followed across files (-C)": replace(_DEFAULT, moves=("-C",)),
}


@dataclass(frozen=True)
class Case:
    """A fix of the oracle, the commits that were named as its cause, and the suffixes of the files that it changed."""

    repository: str
    fix: str
    named: frozenset[str]
    languages: frozenset[str]

    def spoken(self) -> set[str]:
        """Its programming languages."""
        return {name for suffix in self.languages if (name := language(f"x.{suffix}"))}

    def is_held_out(self) -> bool:
        """Whether its repository belongs to the half on which nothing was chosen."""
        return hashlib.sha256(f"{SEED}:{self.repository}".encode()).digest()[0] % 2 == 1


@dataclass(frozen=True)
class Score:
    """Precision, recall and F1 over fixes taken together; the intervals are over fixes."""

    n_fixes: int
    n_accused: int
    n_right: int
    precision: Interval
    recall: Interval
    f1: Interval


# -- the oracle -------------------------------------------------------------------------------------------


def read_oracle(path: Path) -> list[Case]:
    """The fixes of an oracle file.

    Raises:
        UsageError: no such file, or not of the package's form.
    """
    try:
        entries = json.loads(path.read_text("utf-8"))
        return [Case(e["repo_name"], e["fix_commit_hash"], frozenset(e["bug_commit_hash"]), frozenset(map(str.lower, e.get("language", ())))) for e in entries]
    except OSError as error:
        raise UsageError(f"{path} cannot be read ({error.strerror}); expected json-input-raw/bugfix_commits_all.json of the replication package") from error
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{path} is no oracle: expected a list of objects with repo_name, fix_commit_hash and bug_commit_hash") from error


def read_published(folder: Path) -> dict[str, dict[tuple[str, str], frozenset[str]]]:
    """What the package's own tools accused: by variant, by (repository, fix).

    Raises:
        UsageError: a file is missing or not of the package's form.
    """
    found = {}
    for name, short in _OUTPUTS.items():
        path = folder / f"bic_{short}_bugfix_commits_all.json"
        try:
            entries = json.loads(path.read_text("utf-8"))
            found[name] = {(e["repo_name"], e["fix_commit_hash"]): frozenset(e["inducing_commit_hash"]) for e in entries}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UsageError(f"{path} cannot be used; expected the unpacked json-output-raw/json-output.zip of the replication package") from error
    return found


def usable(cases: Sequence[Case], clones: Path, listing: Path) -> tuple[dict[str, Repository], list[Case], Counter[str]]:
    """Repositories at hand, the fixes that they hold with all named commits, and how many are left out for which reason."""
    repos: dict[str, Repository] = {}
    kept: list[Case] = []
    left = Counter[str]()
    by_repository: dict[str, list[Case]] = defaultdict(list)
    for case in cases:
        by_repository[case.repository].append(case)
    for name, some in by_repository.items():
        if off_limits(name, listing):
            left["repository off limits"] += len(some)
            continue
        path = clone_of(name, clones)
        if path is None:
            left["no clone at hand"] += len(some)
            continue
        repos[name] = Repository.discover(path, os.environ)
        present = set(repos[name].present_commits(sorted({sha for case in some for sha in (case.fix, *case.named)})))
        whole = [case for case in some if {case.fix, *case.named} <= present]
        left["a commit is missing in the clone"] += len(some) - len(whole)
        kept += whole
    return repos, kept, left


# -- measuring --------------------------------------------------------------------------------------------


def accused(repos: Mapping[str, Repository], cases: Sequence[Case], variant: szz.Variant, sure: bool = False) -> list[frozenset[str]]:
    """Whom the variant accuses for each fix, in the order of `cases`; with `sure` only where nothing makes it doubtful."""
    found: dict[tuple[str, str], frozenset[str]] = {}
    for name, repo in repos.items():
        fixes = [(meta.sha, meta.time) for meta in repo.metas([case.fix for case in cases if case.repository == name])]
        for trace in szz.trace(repo, fixes, variant):
            found[name, trace.fix] = frozenset() if sure and trace.doubt else frozenset(one.inducing for one in trace.induced)
    return [found[case.repository, case.fix] for case in cases]


def score(cases: Sequence[Case], found: Sequence[Collection[str]]) -> Score:
    """Precision, recall and F1 over all fixes together, with their intervals."""
    counts = _counts(cases, found)
    rng = np.random.default_rng(SEED)
    drawn = np.array([_measures(counts[rng.integers(0, len(counts), len(counts))].sum(axis=0)) for _ in range(N_RESAMPLES)])
    low, high = np.percentile(drawn, [2.5, 97.5], axis=0)
    right, n_accused, _ = counts.sum(axis=0)
    values = [Interval(v, float(a), float(b)) for v, a, b in zip(_measures(counts.sum(axis=0)), low, high, strict=True)]
    return Score(len(cases), int(n_accused), int(right), *values)


def margin(cases: Sequence[Case], ours: Sequence[Collection[str]], other: Sequence[Collection[str]]) -> Interval:
    """F1 of the first minus F1 of the second, with the interval of the difference on the same resamples."""
    a, b = _counts(cases, ours), _counts(cases, other)
    rng = np.random.default_rng(SEED)
    drawn = []
    for _ in range(N_RESAMPLES):
        at = rng.integers(0, len(a), len(a))
        drawn.append(_measures(a[at].sum(axis=0))[2] - _measures(b[at].sum(axis=0))[2])
    low, high = np.percentile(drawn, [2.5, 97.5])
    return Interval(_measures(a.sum(axis=0))[2] - _measures(b.sum(axis=0))[2], float(low), float(high))


def _counts(cases: Sequence[Case], found: Sequence[Collection[str]]) -> np.ndarray:
    """(n, 3): right, accused, named."""
    return np.array([(len(case.named & set(one)), len(one), len(case.named)) for case, one in zip(cases, found, strict=True)]).reshape(-1, 3)


def _measures(counts: np.ndarray) -> tuple[float, float, float]:
    right, n_accused, named = map(float, counts)
    return right / n_accused if n_accused else 0.0, right / named if named else 0.0, 2 * right / (n_accused + named) if n_accused + named else 0.0


@dataclass(frozen=True)
class Timing:
    """How long it took to label a whole history, in seconds; `cpu` counts every process and does not grow with the load of the machine."""

    repository: str
    n_commits: int
    n_fixes: int
    seconds: float
    cpu: float
    load: float


def timing(path: Path) -> Timing:
    """Label the history of a clone's HEAD by the default variant, all included."""
    repo = Repository.discover(path, os.environ)
    load, start, cpu = os.getloadavg()[0], perf_counter(), _cpu()
    metas = repo.log("HEAD")
    szz.label(repo, metas)
    seconds, cpu = perf_counter() - start, _cpu() - cpu
    return Timing((path.parent if path.name == "repo" else path).name.replace("+", "/"), len(metas), len(szz.find_fixes(metas)), seconds, cpu, load)


def _cpu() -> float:
    """Seconds of processor time of this process and of its children that have ended."""
    return sum(os.times()[:4])


# -- the whole measurement --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Result:
    """All figures of one measurement; scores by part (`all`, `choice`, `held out`, or files of a language) and by variant."""

    n_oracle: int
    n_repositories: int
    left_out: Mapping[str, int]
    scores: Mapping[str, Mapping[str, Score]]
    margins: Mapping[str, Interval]


def measure(oracle: Path, clones: Path, listing: Path, published: Path | None, progress: Progress) -> Result:
    """Judge every variant, published and our own, on the fixes that can be had.

    Raises:
        UsageError: the oracle cannot be read, or no fix of it can be had.
    """
    cases = read_oracle(oracle)
    repos, kept, left = usable(cases, clones, listing)
    if not kept:
        raise UsageError(f"none of the {len(cases)} fixes can be had from {clones}; put clones there, each named OWNER+NAME")
    progress(f"{len(kept)} of {len(cases)} fixes, in {len({case.repository for case in kept})} repositories")
    found: dict[str, list[frozenset[str]]] = {}
    for name, variant in {**szz.VARIANTS, **{f"{szz.DEFAULT}, {rule}": v for rule, v in ABLATIONS.items()}}.items():
        found[name] = accused(repos, kept, variant)
        progress(f"{name}: F1 {score(kept, found[name]).f1.value:.3f}")
    found[f"{szz.DEFAULT}, those beyond doubt"] = accused(repos, kept, szz.VARIANTS[szz.DEFAULT], sure=True)
    for name, outputs in (read_published(published) if published else {}).items():
        found[f"{name}, its authors' output"] = [outputs.get((case.repository, case.fix), frozenset()) for case in kept]
    parts = {name: [place for place, case in enumerate(kept) if test(case)] for name, test in _parts(kept).items()}
    return Result(
        len(cases),
        len({case.repository for case in kept}),
        dict(left),
        {part: {name: score(_take(kept, at), _take(one, at)) for name, one in found.items()} for part, at in parts.items()},
        {part: margin(_take(kept, parts[part]), _take(found[szz.DEFAULT], parts[part]), _take(found["b"], parts[part])) for part in HALVES if parts[part]},
    )


def _parts(cases: Sequence[Case]) -> dict[str, Callable[[Case], bool]]:
    def speaks(name: str) -> Callable[[Case], bool]:
        return lambda case: name in case.spoken()

    spoken = sorted({name for case in cases for name in case.spoken()})
    return {"all": lambda _: True, "choice": lambda case: not case.is_held_out(), "held out": Case.is_held_out, **{name: speaks(name) for name in spoken}}


def _take(values: Sequence[Any], places: Sequence[int]) -> list[Any]:
    return [values[place] for place in places]
