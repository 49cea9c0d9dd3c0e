"""What drift monitoring says: observed changes → a report. Values alone; `monitor.py` brings them from a repository."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final, NamedTuple

from codex_gate import paths
from codex_gate.andon import ConceptDrift
from codex_gate.decks import BLOCKS
from codex_gate.drift import SYMBOLS, DriftRecommendation, Fit, Shift, Stream, block_size, compare, compare_mix, kl, shares
from codex_gate.errors import ConfigError, UsageError
from codex_gate.taxonomy import UNCLASSIFIED
from codex_gate.types import Finding, Notice

MIN_WINDOW: Final = 100  # changes in a window that nobody asked for, in blocks of 5; in smaller blocks one burst of work can pass for drift (chosen)
MAX_BLIND: Final = 0.01  # share of changes whose contents may be missing (chosen)
SEED: Final = 0  # of the reshuffling, so that two runs over the same changes say the same

CATEGORY: Final = "category"
DEFECT: Final = "kind of defect"
KIND: Final = "file type"
MEASURES: Final = {
    "fix": "speaks of a fix",
    "test_share": "share of tests",
    "doc_share": "share of documents",
    "code_share": "share of source files",
    "n_languages": "languages",
    "ns": "top-level directories",
    "nd": "directories",
    "nf": "files",
    "entropy": "spread over files",
    "la": "lines added",
    "ld": "lines deleted",
    "n_hunks": "hunks",
    "churn_max_share": "largest file's share",
}
"""Measures of the form of a change, with what people read in place of their names. Those of history (experience, ages, past touches) grow with the repository and would always
have drifted (docs/drift.md has the figures); of the author
two coarse ones remain, which do not: whether they are new here, and whether they touch the files for the first time."""

NEWCOMER: Final = "author is new"
STRANGER: Final = "first touch"
CALIBRATION: Final = "calibration"  # how risks fit later fixes, where it stands in a row with the streams
FEW: Final = (10, 50)  # earlier commits of a newcomer, and of somebody rather new, at most (chosen)


class Observation(NamedTuple):
    """One change: what was predicted for it, and what that rests on. A stream is watched when every observation has it.

    `defect` is the category, or where none was said of a repair the likeliest one.
    """

    sha: str
    time: int
    category: str
    kind: str | None = None
    measures: Mapping[str, float] | None = None
    defect: str | None = None


def observed(finding: Finding, when: int) -> Observation:
    """A screened change as it is watched; `when` it came in, in Unix seconds."""
    assert finding.sha is not None
    category, defect = (name if name in SYMBOLS else UNCLASSIFIED for name in (finding.top.category, finding.top.category or finding.likeliest))
    return Observation(finding.sha, when, category, kind(finding.paths), finding.features.values, defect)


def kind(changed: Sequence[str]) -> str:
    """What most files of a change are: a programming language, or a role (doc, config, data, other); "none" without files."""
    kinds = Counter(paths.language(path) or paths.role(path) for path in changed)
    return max(sorted(kinds), key=kinds.__getitem__) if kinds else "none"


def check_contents(found: Sequence[Finding]) -> None:
    """Refuse a partial clone: what is unknown there on one side alone would be called drift, and what cannot be blamed would pass for sound.

    Raises:
        UsageError: the contents of more than MAX_BLIND of the changes are missing.
    """
    refuse_blind(sum(f.lacks_contents for f in found), len(found), "changes", "neither their risk nor their fixes can be told")


def refuse_blind(blind: int, n: int, what: str, so: str) -> None:
    """Refuse a clone that lacks the contents of `blind` of `n` changes or commits, where these are too many; `what` they are, and what follows.

    Raises:
        UsageError: they are more than MAX_BLIND.
    """
    if blind > MAX_BLIND * n:
        raise UsageError(f"the contents of {blind:,} of {n:,} {what} are not in this clone, so {so}; fetch them (git fetch --refetch --no-filter)")


class Start(NamedTuple):
    """The change that a shift seems to have begun with."""

    sha: str
    time: int


@dataclass(frozen=True, slots=True)
class DriftReport:
    """Whether the newest changes are still like those before them.

    Attributes:
        kl_divergence: KL(baseline ‖ window) of the categories, in nats.
        threshold: what it would have to pass; given, or worked out from these changes (`calibrated`).
        drift: the verdict. With a given threshold the categories alone decide; calibrated, every stream and the fit do.
        is_foreign: whether the baseline comes from another place than the window, and not from before it.
        shifts: one for each stream, the categories first, then the kinds of defects among the changes that are about one; `starts` by name of the stream.
    """

    repository: str
    model_version: str
    n_baseline: int
    n_window: int
    periods: tuple[tuple[int, int], tuple[int, int]]
    kl_divergence: float
    threshold: float
    calibrated: bool
    drift: bool
    baseline: Mapping[str, float]
    current: Mapping[str, float]
    shifts: tuple[Shift, ...]
    starts: Mapping[str, Start]
    fit: Fit | None = None
    notices: tuple[Notice, ...] = ()
    seconds: float = 0.0
    is_foreign: bool = False

    @property
    def recommendation(self) -> DriftRecommendation | None:
        return DriftRecommendation.RETRAIN if self.drift else None

    @property
    def moved(self) -> list[Shift]:
        """The streams that drifted, the loudest first."""
        return sorted((s for s in self.shifts if s.drifted), key=lambda s: -s.ratio)


def checked(threshold: float, place: str) -> float:
    """A threshold that can be meant.

    Raises:
        ConfigError: not above 0, or no number.
    """
    if not 0 < threshold < math.inf:
        raise ConfigError(f"{place} is {threshold:g}; expected a KL divergence above 0, for example 0.5")
    return threshold


def event(report: DriftReport) -> ConceptDrift:
    """What the Andon handlers hear of drift. The gate is drift.kl_threshold where the divergence passed it, else the row that is furthest beyond its own."""
    rows = _passed(report)
    names = ", ".join(rows) or CATEGORY
    remedy = f"{names} moved; retrain on its history if that is here to stay"
    gate, passed = next(iter(rows.items()), ("drift.kl_threshold", "KL divergence of the categories in a newest part of the window"))
    if report.kl_divergence > report.threshold:
        gate, passed = "drift.kl_threshold", f"KL divergence {report.kl_divergence:.4f} against {report.threshold:.4f}"
    return ConceptDrift(report.kl_divergence, passed=passed, gate=gate, where=report.repository, remedy=remedy)


def called(stream: str) -> str:
    """A stream as people call it."""
    return MEASURES.get(stream, stream)


def _passed(report: DriftReport) -> dict[str, str]:
    """The rows that the verdict rests on beside the KL divergence, the loudest first: by the name that people read, how far each is beyond its threshold."""
    if not report.calibrated:
        return {}
    fit = report.fit if report.fit is not None and report.fit.drifted else None
    return {called(s.name): _beyond(s) for s in report.moved} | (
        {CALIBRATION: f"{CALIBRATION} {fit.quotient:.2f} times as before against {fit.threshold:.2f} either way"} if fit is not None else {}
    )


def _beyond(shift: Shift) -> str:
    if shift.divergence > shift.threshold:
        return f"{called(shift.name)} {shift.divergence:.3f} against {shift.threshold:.3f}"
    return f"{called(shift.name)} {shift.ratio:.2f} times its threshold in the newest {shift.length:,} changes"  # the window as a whole is not beyond its own


def fitting(window: int) -> int:
    """The window that is compared: a multiple of BLOCKS.

    Raises:
        UsageError: fewer than BLOCKS.
    """
    if window < BLOCKS:
        raise UsageError(f"the window must hold at least {BLOCKS} changes, got {window}")
    return window - window % BLOCKS


def judge(
    before: Sequence[Observation], window: Sequence[Observation], threshold: float | None, rng: Random, fit: Fit | None = None, *, authors: bool = False
) -> DriftReport:
    """Compare the newest changes with those before them.

    Args:
        before: the baseline, oldest first, at least one; what is over a whole number of blocks is left out at its old end.
        window: a number that `fitting` gives.
        threshold: KL divergence of the categories from which on there is drift; None: calibrated.
        fit: how risks fit later fixes, where that was looked at.
        authors: whether to watch who makes the changes: not where all authors are new because the repository is.
    """
    block = block_size(len(window))
    kept = before[len(before) % block :] or before
    every = [*kept, *window]
    one_way, first, *rest = compare(_streams(every, authors), len(window), rng)
    shifts = (first, compare_mix(DEFECT, _defects(every), SYMBOLS[:-1], len(window), rng), *rest)
    old, new = Counter(o.category for o in kept), Counter(o.category for o in window)
    baseline, current = shares(old, SYMBOLS), shares(new, SYMBOLS)
    divergence = kl([old[s] for s in SYMBOLS], [new[s] for s in SYMBOLS])
    calibrated = threshold is None
    limit = threshold if threshold is not None else one_way.threshold
    drift = divergence > limit if not calibrated else any(s.drifted for s in (one_way, *shifts)) or (fit is not None and fit.drifted)
    starts = {s.name: Start(window[s.since].sha, window[s.since].time) for s in shifts if s.since is not None}
    periods = (_period(kept), _period(window))
    return DriftReport("", "", len(kept), len(window), periods, divergence, limit, calibrated, drift, baseline, current, shifts, starts, fit)


def _period(observed: Sequence[Observation]) -> tuple[int, int]:
    times = [o.time for o in observed]
    return min(times), max(times)


def _defects(observed: Sequence[Observation]) -> list[str | None]:
    """The kind of defect of each change, None where it is about none: of the categories alone where not every observation knows more."""
    found = [o.defect for o in observed]
    known = [o.category for o in observed] if None in found else found
    return [name if name != UNCLASSIFIED else None for name in known]


def _streams(observed: Sequence[Observation], authors: bool) -> list[Stream]:
    """KL of the categories, then everything both ways."""
    categories = [o.category for o in observed]
    found = [Stream(CATEGORY, categories, SYMBOLS, one_way=True), Stream(CATEGORY, categories, SYMBOLS)]
    kinds = [o.kind for o in observed if o.kind is not None]
    if len(kinds) == len(observed):
        found.append(Stream(KIND, kinds))
    measures = [o.measures for o in observed if o.measures is not None]
    if len(measures) < len(observed):
        return found
    found += [Stream(name, [m[name] for m in measures]) for name in MEASURES]
    if authors:
        found.append(Stream(NEWCOMER, [_tenure(m["exp"]) for m in measures]))
        found.append(Stream(STRANGER, ["yes" if m["touches_sum"] > 0 and m["own_share"] <= 0 else "no" for m in measures]))
    return found


def _tenure(commits: float) -> str:
    """How many earlier commits an author has, coarsely."""
    return next((f"up to {few} commits" for few in FEW if commits <= few), f"more than {FEW[-1]} commits")
