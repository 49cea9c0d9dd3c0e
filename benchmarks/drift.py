"""How often drift is cried without any, how soon it is seen, and what real histories say: docs/drift.md.

nice python benchmarks/drift.py --clones DIR

The clones (OWNER+NAME, or OWNER+NAME/repo, any history of a few thousand changes) are read without labels: what the rules
predict for each change, its file type, its measures. Finished parts are kept in --json, observed histories beside it; a
run that was cut off goes on. With `pip install river` two detectors of River stand beside ours.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import pickle
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from random import Random
from statistics import median, quantiles
from typing import Any, Final, TypeVar

ROOT: Final = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "training")]

from automl_codex.files import whole
from benchmarks.measure import machine
from codex_gate import monitor, watch
from codex_gate.drift import LEVEL, MIX_LEVEL, RATE, RUN, SMOOTHING, SYMBOLS, UNCLASSIFIED, WINDOW, DriftDetector, Stream, compare
from codex_gate.errors import GateError, UsageError
from codex_gate.features import FEATURE_SCHEMA
from codex_gate.git import Repository
from codex_gate.intervals import Interval, wilson
from codex_gate.linear import Linear
from codex_gate.model import Model, default_directory
from codex_gate.policy import Policy
from codex_gate.replay import first_parents
from codex_gate.taxonomy import DefectCategory
from codex_gate.watch import Observation, judge

SHARES: Final = {
    "ASTTransform": 0.50, "OwnershipBorrow": 0.17, "StdlibMapping": 0.10, "SecurityVulnerabilities": 0.05, "MemorySafety": 0.05,
    "ComprehensionBugs": 0.05, "TypeErrors": 0.03, "ConcurrencyBugs": 0.03, "TraitBounds": 0.02,
}  # fmt: skip
FROM, TO = "ASTTransform", "SecurityVulnerabilities"
HISTORY: Final = 2000  # predictions of a baseline
SHIFTS: Final = (0.05, 0.10, 0.25, 0.40)  # of all predictions, moved; .25 is half of the largest category
WINDOWS: Final = (250, 500, 1000, 2000)
LATEST: Final = 1000  # predictions after a shift that are waited for
STABLE: Final = 100  # neighbours that stay together in a history that is made stable: twice a block, so that it is no copy of the test
STEP: Final = 100  # changes between two monitorings of a stable history
SLIDES: Final = 10  # monitorings, so that one covers 1,000 changes
TEAM: Final = 8
ORDERS: Final = 3  # stable histories of one stretch
PLANTED: Final = 300  # changes since a planted shift when the repository is monitored
SINCE: Final = (PLANTED, 600, 1000)  # the same where one kind of defect becomes another
RUNS: Final = 20_000  # draws of a window for the power of a test that is not known by enumeration
DRAWS: Final = 2000  # resamples of the histories for an interval

T = TypeVar("T")


def draw(shares: Mapping[str, float], n: int, rng: Random) -> list[str]:
    return rng.choices(list(shares), list(shares.values()), k=n)


def moved(by: float) -> dict[str, float]:
    return {**SHARES, FROM: SHARES[FROM] - by, TO: SHARES[TO] + by}


def fresh(made: DriftDetector) -> DriftDetector:
    """A calibrated detector with nothing in its window."""
    return DriftDetector(made.baseline, HISTORY, made.window_size, made.threshold, made.limits)


# -- the detector --------------------------------------------------------------------------------------


def without_drift(seeds: int) -> dict[str, Any]:
    """Alarms of calibrated detectors on drift-free runs of RUN sliding checks; a new baseline and calibration every 10 seeds."""
    checks = alarms = runs = 0
    made: DriftDetector | None = None
    for seed in range(seeds):
        rng = Random(f"null/{seed}")
        if made is None or seed % 10 == 0:
            made = DriftDetector.calibrated(draw(SHARES, HISTORY, rng), rng)
        detector = fresh(made)
        fired = [detector.detect_drift(p) is not None for p in draw(SHARES, WINDOW + RUN - 1, rng)][WINDOW - 1 :]
        checks, alarms, runs = checks + len(fired), alarms + sum(fired), runs + any(fired)
    return {"seeds": seeds, "checks": checks, "alarms": alarms, "runs": runs}


def power(seeds: int) -> list[dict[str, Any]]:
    """Delays until a shift is seen, in predictions, by window, size and threshold; runs that alarm before it are left out and counted."""
    rows = []
    for window in WINDOWS:
        rng = Random(f"power/{window}")
        calibrated = DriftDetector.calibrated(draw(SHARES, HISTORY, rng), rng, window)
        makers: dict[str, Callable[[], DriftDetector]] = {
            "calibrated": lambda calibrated=calibrated: fresh(calibrated),  # type: ignore[misc]
            "window alone": lambda calibrated=calibrated: DriftDetector(calibrated.baseline, HISTORY, calibrated.window_size, calibrated.threshold),  # type: ignore[misc]
            "KL .5": lambda calibrated=calibrated: DriftDetector(calibrated.baseline, HISTORY, calibrated.window_size),  # type: ignore[misc]
        }
        for by in SHIFTS:
            for name, make in makers.items():
                delays = [_delay(make(), window, by, Random(f"power/{window}/{by}/{seed}")) for seed in range(seeds)]
                rows.append({"window": window, "shift": by, "threshold": name} | _summary(delays))
    return rows


def _delay(detector: DriftDetector, window: int, by: float, rng: Random) -> float:
    """Predictions from the shift to the first alert; 0 when it came before, infinite when it did not come."""
    for prediction in draw(SHARES, window, rng):
        if detector.detect_drift(prediction):
            return 0
    return next((k for k, p in enumerate(draw(moved(by), LATEST, rng), 1) if detector.detect_drift(p)), math.inf)


def _summary(delays: Sequence[float]) -> dict[str, Any]:
    seen = [d for d in delays if d]
    middle = median(seen) if seen else math.inf
    within = {f"within_{n}": sum(d <= n for d in seen) for n in (150, 300, LATEST)}
    return {"runs": len(seen), "early": len(delays) - len(seen), "median": None if math.isinf(middle) else middle} | within


def rivals(seeds: int) -> list[dict[str, Any]] | None:
    """River's detectors on the same predictions; None where River is not installed. They learn from the baseline as a stream."""
    try:
        from river import __version__
        from river.drift import ADWIN, PageHinkley
    except ImportError:
        return None
    rng = Random("rivals")
    history = draw(SHARES, HISTORY, rng)
    made = DriftDetector.calibrated(history, rng)
    surprise = {name: -math.log(share) for name, share in SHARES.items()}

    def ours() -> Callable[[str], bool]:
        detector = fresh(made)
        return lambda p: detector.detect_drift(p) is not None

    def adwin(delta: float) -> Callable[[str], bool]:
        each = {name: ADWIN(delta=delta) for name in SHARES}

        def step(p: str) -> bool:
            for name, detector in each.items():
                detector.update(float(p == name))
            return any(detector.drift_detected for detector in each.values())

        for p in history:
            step(p)
        return step

    def page_hinkley(threshold: float) -> Callable[[str], bool]:
        detector = PageHinkley(threshold=threshold, mode="both")

        def step(p: str) -> bool:
            detector.update(surprise[p])
            return bool(detector.drift_detected)

        for p in history:
            step(p)
        return step

    makers = {
        "ours, calibrated": ours,
        f"River {__version__} ADWIN per category, delta .002": lambda: adwin(0.002),
        f"River {__version__} ADWIN per category, delta .002 / 9": lambda: adwin(0.002 / 9),
        f"River {__version__} Page-Hinkley on surprise, threshold 50": lambda: page_hinkley(50),
        f"River {__version__} Page-Hinkley on surprise, threshold 100": lambda: page_hinkley(100),
    }
    rows = []
    for name, make in makers.items():
        false = sum(_fires(make(), seed) for seed in range(seeds))
        delays = []
        for seed in range(seeds):
            rng, step = Random(f"rivals/{seed}"), make()
            early = max([step(p) for p in draw(SHARES, WINDOW, rng)])  # to the end: the detector has to learn all of it
            delays.append(0 if early else next((k for k, p in enumerate(draw(moved(0.25), LATEST, rng), 1) if step(p)), math.inf))
        rows.append({"name": name, "seeds": seeds, "false": false} | _summary(delays))
    return rows


def _fires(step: Callable[[str], bool], seed: int) -> bool:
    return any(step(p) for p in draw(SHARES, WINDOW + RUN - 1, Random(f"null/{seed}")))


# -- real histories ------------------------------------------------------------------------------------


def places(clones: Path) -> dict[str, Repository]:
    """Every clone of a folder by its name."""
    folders = [folder for folder in sorted(clones.iterdir()) if folder.is_dir()]
    return {folder.name: Repository.discover(folder / "repo" if (folder / "repo").is_dir() else folder, os.environ) for folder in folders}


def observers() -> list[str]:
    """The versions of what is said of a change: of its measures, and of what tells kinds. Its risk is not observed."""
    kinds = Linear.load(default_directory())
    return [f"features-{FEATURE_SCHEMA}", kinds.version if kinds else "rules"]


def observed_from(clones: Path) -> list[Any]:
    """What the figures of real histories were made from: who observed, and the head of each clone."""
    return [observers(), {name: repo.resolve("HEAD") for name, repo in places(clones).items()}]


def histories(clones: Path, cache: Path) -> dict[str, list[Observation]]:
    """The observed changes of every clone, read once for each head."""
    model, by = Model.load(default_directory()), ".".join(observers())
    found = {}
    for name, repo in places(clones).items():
        kept = cache / f"{name}.{repo.resolve('HEAD')[:12]}.{by}.defects.pickle"
        if not kept.exists():
            rows, _ = monitor.observe(repo, model)
            with whole(kept) as partial:
                partial.write_bytes(pickle.dumps([(o.sha, o.time, o.category, o.kind, dict(o.measures or {}), o.defect) for o in rows]))
            print(f"{name}: {len(rows):,} changes", file=sys.stderr, flush=True)
        observed = [Observation(*row) for row in pickle.loads(kept.read_bytes())]  # noqa: S301 – written by this very function
        if len(observed) > 3 * WINDOW:
            found[name] = observed
    return found


def each(work: Callable[[str, Sequence[Observation]], T], found: Mapping[str, Sequence[Observation]], jobs: int = 1) -> dict[str, T]:
    """What is made of each history and its name, in so many processes at once, the longest first."""
    if jobs <= 1:
        return {name: work(name, history) for name, history in found.items()}
    longest = sorted(found, key=lambda name: -len(found[name]))
    with ProcessPoolExecutor(jobs, get_context("spawn")) as pool:
        made = dict(zip(longest, pool.map(work, longest, [found[name] for name in longest]), strict=True))
    return {name: made[name] for name in found}


def stretches(history: Sequence[Observation], n: int) -> Iterator[Sequence[Observation]]:
    """The parts of n changes that fit into a history, the newest first."""
    for end in range(len(history), n - 1, -n):
        yield history[end - n : end]


def stable(history: Sequence[Observation], rng: Random) -> list[Observation]:
    """The same changes without long-term drift: runs of STABLE neighbours in another order, times as they were."""
    first = rng.randrange(STABLE)
    parts = [history[max(0, start) : start + STABLE] for start in range(first - STABLE, len(history), STABLE)]
    rng.shuffle(parts)
    return [o._replace(time=at.time) for o, at in zip((o for part in parts for o in part), history, strict=True)]


def verdict(observed: Sequence[Observation]) -> list[str]:
    """The streams that drifted in the last WINDOW of these changes."""
    return [s.name for s in judge(observed[:-WINDOW], observed[-WINDOW:], None, Random(0), authors=True).moved]


def calm(name: str, history: Sequence[Observation]) -> dict[str, Any]:
    """Monitoring of stable histories every STEP changes: alarms by check, and alarms that begin, by year."""
    checks = alarms = begun = runs = 0
    years = 0.0
    streams: Counter[str] = Counter()
    for number, part in enumerate(stretches(history, (3 * WINDOW) + (SLIDES - 1) * STEP)):
        rows = stable(part, Random(f"{name}/{number}"))
        fired = [verdict(rows[k * STEP : 3 * WINDOW + k * STEP]) for k in range(SLIDES)]
        streams.update(stream for names in fired for stream in names)
        checks, alarms = checks + len(fired), alarms + sum(map(bool, fired))
        begins = sum(bool(now) and not before for before, now in zip([[], *fired], fired))
        begun, runs = begun + begins, runs + bool(begins)
        years += (part[-1].time - part[3 * WINDOW - STEP].time) / (365.25 * 86_400)
        print(f"stable {name} {number}: {begins}", file=sys.stderr, flush=True)
    return {"stretches": checks // SLIDES, "checks": checks, "alarms": alarms, "begun": begun, "runs": runs, "years": years, "streams": streams}


def becomes(rows: Sequence[Observation], what: str) -> tuple[str, str]:
    """The category that is planted into another one, and that other: the next commonest, or the first of the list, which few histories know."""
    told = Counter(o.category if what == "said" else o.defect for o in rows)
    ranked = [str(name) for name, _ in told.most_common() if name not in (UNCLASSIFIED, None)]
    category = ranked[0] if ranked else UNCLASSIFIED
    return category, ranked[1] if what == "next" and len(ranked) > 1 else next(str(one) for one in DefectCategory if str(one) != category)


def plant(rows: Sequence[Observation], what: str, rng: Random, since: int = PLANTED) -> list[Observation]:
    """The last `since` changes made into something else."""
    old, new = list(rows[:-since]), list(rows[-since:])
    category, other = becomes(old, what)
    others = [str(one) for one in DefectCategory if str(one) != category]
    if what in ("any", "third"):
        other = rng.choice(others)
    part = 1 / 3 if what == "third" else 0.5
    kind = Counter(o.kind for o in old).most_common(1)[0][0]

    commits: Counter[int] = Counter()

    def changed(o: Observation) -> Observation:
        measures = dict(o.measures or {})
        if what in ("any", "category", "next", "third", "spread"):
            if o.defect != category or rng.random() >= part:
                return o
            into = rng.choice(others) if what == "spread" else other
            return o._replace(category=o.category if o.category == UNCLASSIFIED else into, defect=into)
        if what == "said":
            return o._replace(category=other, defect=other) if o.category == category and rng.random() < 0.5 else o
        if what == "silence":
            return o._replace(category="LogicErrors", defect="LogicErrors") if o.category == UNCLASSIFIED and rng.random() < 0.5 else o
        if what == "file type":
            return o._replace(kind="another language") if o.kind == kind and rng.random() < 0.5 else o
        if what == "reformatting":
            if rng.random() >= 0.3:
                return o
            files = max(10.0, 8 * measures["nf"])
            measures |= {"nf": files, "nd": max(measures["nd"], files / 4), "la": 40 * files, "ld": 40 * files, "n_hunks": 6 * files, "entropy": 0.9}
            return o._replace(measures=measures | {"churn_max_share": 0.15, "fix": 0.0})
        if rng.random() >= 0.7:
            return o
        person = rng.randrange(TEAM)
        commits[person] += 1
        return o._replace(measures=measures | {"exp": commits[person] - 1.0, "own_share": 0.0 if rng.random() < 0.8 else measures["own_share"]})

    return [*old, *map(changed, new)]


LOOKED_AT: Final = frozenset({
    "bat", "cobra", "curl", "django-rest-framework", "express", "fmt", "gin", "gunicorn", "hyper", "jekyll", "json", "libuv",
    "mocha", "mockito", "okhttp", "pytest", "redis", "restic", "ripgrep", "sphinx", "tmux", "tokio", "typeorm", "urllib3", "werkzeug",
})  # fmt: skip
"""Histories on which the blocks, PSI in place of KL, the watched measures and the groups of authors were chosen (2026-11-25); on those of them that
have more than three windows the parts of the window and that the mix of kinds is a row of its own (2026-11-26). Of what is found on others the level of the mix and its statistic were chosen."""
LOOKED, FRESH = "looked at", "fresh"

PLANTS: Final = {
    "any": "half of the changes about the commonest kind of defect are about another, drawn from the others",
    "category": "the same, and the other is rare here",
    "next": "the same, and the other is the next commonest",
    "said": "half of those that the commonest category is said of get another; those that it is likeliest for unsaid stay",
    "third": "a third of the changes about the commonest kind of defect are about another, drawn from the others",
    "spread": "half of them are about others, each drawn for itself",
    "silence": "half of the changes without a category get one",
    "file type": "half of the changes of the commonest file type become another",
    "reformatting": "three changes in ten are a mass reformatting",
    "new team": f"seven changes in ten by {TEAM} people who are new, most in files that they never touched",
}
NOTHING: Final = "nothing"  # the same rows as they are, the control of every shift
UNASKED: Final = frozenset({"third", "spread"})  # planted to see what the mix, whose likelihood is of half of a kind becoming one other, shows of another shift


def by_group(found: Mapping[str, T]) -> dict[str, dict[str, T]]:
    """What is known of the histories that something was chosen on, and of the others; a group without any is left out."""
    groups: dict[str, dict[str, T]] = {LOOKED: {}, FRESH: {}}
    for name, known in found.items():
        groups[LOOKED if name.partition("+")[2] in LOOKED_AT else FRESH][name] = known
    return {group: part for group, part in groups.items() if part}


def planted(name: str, history: Sequence[Observation]) -> dict[str, list[list[str]]]:
    """The streams that the monitor names in stable histories PLANTED changes after each shift, and with nothing planted."""
    named: dict[str, list[list[str]]] = {what: [] for what in (NOTHING, *PLANTS)}
    for number, order, part in _orders(history):
        rows = stable(part, Random(f"{name}/{number}/{order}"))
        named[NOTHING].append(verdict(rows))
        for what in PLANTS:
            named[what].append(verdict(plant(rows, what, Random(f"{name}/{number}/{order}/{what}"))))
    hits = {what: detected(named[what], named[NOTHING]) for what in PLANTS}
    print(f"planted {name}: {len(named[NOTHING])} {hits}", file=sys.stderr, flush=True)
    return named


def detected(named: Sequence[Sequence[str]], without: Sequence[Sequence[str]]) -> int:
    """In how many of the same rows a stream is named that is not named of them with nothing planted."""
    return sum(bool(set(streams) - set(known)) for streams, known in zip(named, without, strict=True))


def alarming(named: Sequence[Sequence[str]]) -> int:
    """In how many any stream is named."""
    return sum(map(bool, named))


def kinds_in_time(name: str, history: Sequence[Observation], seen: Mapping[str, Mapping[str, Sequence[Sequence[str]]]]) -> list[dict[str, Any]]:
    """Half of one kind of defect becomes another, so many changes ago; `seen` has by history what `planted` found."""
    asked = [("said", PLANTED), *((what, since) for what in ("category", "next") for since in SINCE)]
    return [kinds_row(name, history, what, since, seen[name]) for what, since in asked]


def kinds_row(name: str, history: Sequence[Observation], what: str, since: int, seen: Mapping[str, Sequence[Sequence[str]]]) -> dict[str, Any]:
    """How many changes that is, how often it is detected, and what the best tests would see.

    Args:
        seen: the streams that are named with nothing planted, and PLANTED changes after the shift.
    """
    moved, named, best = [], [], []
    for number, order, part in _orders(history):
        before = stable(part, Random(f"{name}/{number}/{order}"))
        after = plant(before, what, Random(f"{name}/{number}/{order}/{what}"), since)
        moved.append(sum(a.defect != b.defect for a, b in zip(before, after, strict=True)))
        if since != PLANTED:
            named.append(verdict(after))
        if not order:
            best.append(bounds(part, what, since))
    row = {"what": what, "since": since, "moved": moved, "hits": detected(named or seen[what], seen[NOTHING]), "n": len(moved), "best": best}
    print(f"kinds {name} {row}", file=sys.stderr, flush=True)
    return row


def _orders(history: Sequence[Observation]) -> Iterator[tuple[int, int, Sequence[Observation]]]:
    for number, part in enumerate(stretches(history, 3 * WINDOW)):
        yield from ((number, order, part) for order in range(ORDERS))


def bounds(rows: Sequence[Observation], what: str, n: int) -> tuple[float, float]:
    """What the best tests at MIX_LEVEL detect of a planted shift in n changes that are drawn independently with the shares of these rows.

    Returns:
        Power in [0, 1] of the likelihood-ratio test that knows both categories, which no test at that level exceeds, and of the one that knows the
        first alone: its likelihood is the mean over the categories that it may become, so no test has a greater mean power over them.
    Source: Neyman & Pearson 1933, Phil. Trans. A 231.
    """
    counts = Counter(o.category if what == "said" else o.defect for o in rows)
    shares = [(counts[s] + SMOOTHING) / (len(rows) + SMOOTHING * len(SYMBOLS)) for s in SYMBOLS]
    one, other = (SYMBOLS.index(name) for name in becomes(rows, what))
    return _known(n, shares[one], shares[other]), _half_known(n, shares, one, other)


def _known(n: int, one: float, other: float) -> float:
    """The windows by how likely they are with the shift against without, the likeliest first, until MIX_LEVEL is spent."""
    calm_, shifted = _pairs(n, one, other), _pairs(n, one / 2, other + one / 2)
    gain = math.log((other + one / 2) / other)
    spent = power_ = 0.0
    for pair in sorted(calm_.keys() | shifted.keys(), key=lambda pair: pair[0] * math.log(2) - pair[1] * gain):
        alike, apart = calm_.get(pair, 0.0), shifted.get(pair, 0.0)
        if spent + alike > MIX_LEVEL:
            return power_ + apart * (MIX_LEVEL - spent) / alike
        spent, power_ = spent + alike, power_ + apart
    return power_


def _pairs(n: int, one: float, other: float) -> dict[tuple[int, int], float]:
    """P(a of n are of one, b of the other), for all a and b that matter."""
    logs, rest = [math.lgamma(k + 1) for k in range(n + 1)], math.log(1 - one - other)
    most = [min(n, int(n * share_ + 12 * math.sqrt(n * share_) + 40)) for share_ in (one, other)]
    return {
        (a, b): math.exp(logs[n] - logs[a] - logs[b] - logs[n - a - b] + a * math.log(one) + b * math.log(other) + (n - a - b) * rest)
        for a in range(most[0] + 1)
        for b in range(min(most[1], n - a) + 1)
    }


def _half_known(n: int, shares: Sequence[float], one: int, other: int) -> float:
    import numpy as np

    rng, p = np.random.default_rng(0), np.array(shares)
    into = [k for k in range(len(p) - 1) if k != one]
    gains = np.log((p[into] + p[one] / 2) / p[into])

    def score(counts: Any) -> Any:
        return np.logaddexp.reduce(counts[:, into] * gains, axis=1) - counts[:, one] * math.log(2)

    limit = np.quantile(score(rng.multinomial(n, p, RUNS)), 1 - MIX_LEVEL, method="higher")
    shifted = p.copy()
    shifted[one], shifted[other] = p[one] / 2, p[other] + p[one] / 2
    return float((score(rng.multinomial(n, shifted, RUNS)) > limit).mean())


def as_they_were(_: str, history: Sequence[Observation]) -> dict[str, Any]:
    """Monitoring of a history as it is, once every WINDOW changes: how often something moved, and what."""
    named = [verdict(history[end - 3 * WINDOW : end]) for end in range(len(history), 3 * WINDOW - 1, -WINDOW)]
    years = (history[-1].time - history[0].time) / (365.25 * 86_400)
    return {"n": len(named), "moved": alarming(named), "streams": Counter(s for names in named for s in names), "years": years, "changes": len(history)}


def together(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The counts of several histories in one."""
    return {key: sum((Counter(row[key]) for row in rows), Counter()) if key == "streams" else sum(row[key] for row in rows) for key in rows[0]}


def speed(clones: Path, found: Mapping[str, Sequence[Observation]]) -> dict[str, Any]:
    """Seconds of a monitoring of the history that is nearest to 5,000 changes."""
    name = min(found, key=lambda name: abs(len(found[name]) - 5000))
    return timed(clones / name / "repo" if (clones / name / "repo").is_dir() else clones / name)


def timed(clone: Path) -> dict[str, Any]:
    """Seconds of two monitorings of a clone; in the second the index knows the risks. `load` is the machine's before them, over a minute."""
    repo, model = Repository.discover(clone, os.environ), Model.load(default_directory())
    load = os.getloadavg()[0]
    seconds, cpu = [], []
    for _ in range(2):
        begun = os.times()
        seconds.append(monitor.monitor(repo, model, Policy()).seconds)
        cpu.append(sum(os.times()[:4]) - sum(begun[:4]))
    metas = repo.log(stdin=[repo.resolve("HEAD")])
    name = clone.parent.name if clone.name == "repo" else clone.name
    return {"name": name.replace("+", "/", 1), "changes": len(first_parents(metas)), "commits": len(metas), "seconds": seconds, "cpu": cpu, "load": load}


def growth(found: Mapping[str, Sequence[Observation]]) -> dict[str, float]:
    """The median PSI of every measure between a window and the two before it, as the histories are."""
    values: dict[str, list[float]] = {}
    for history in found.values():
        for part in stretches(history, 3 * WINDOW):
            streams = [Stream(name, [(o.measures or {})[name] for o in part]) for name in part[0].measures or {}]
            for shift in compare(streams, WINDOW, Random(0), shuffles=1):  # for its divergence alone
                values.setdefault(shift.name, []).append(shift.divergence)
    return {name: median(found_) for name, found_ in values.items()}


# -- the page ------------------------------------------------------------------------------------------


INTERVALS: Final = (
    "Intervals are 95 %: Wilson's where draws are independent (simulated streams, River). Stretches and orders of one history are not, so in real histories whole histories are resampled, "
    f"{DRAWS:,} times; where all of them have the same share, as none or all, no resample differs and the interval is Wilson's of one draw for each history."
)


def share(found: Interval) -> str:
    return f"{100 * found.value:.1f} % ({100 * found.low:.1f}–{100 * found.high:.1f})"


def resampled(parts: Sequence[tuple[int, int]]) -> Interval:
    """A share over histories with its 95 % interval.

    Args:
        parts: hits and tries of each history; one without a try says nothing.
    Returns:
        The interval that holds the middle of DRAWS resamples of whole histories; Wilson's of one draw for each history where all have the same share.
    Source: Efron & Tibshirani 1993, An Introduction to the Bootstrap, chapter 13 (percentiles).
    """
    tried = [(hits, n) for hits, n in parts if n]
    if len({hits / n for hits, n in tried}) < 2:
        return wilson(len(tried) * sum(hits for hits, _ in tried) / max(1, sum(n for _, n in tried)), len(tried))
    rng = Random(0)
    drawn = [_of_all(rng.choices(tried, k=len(tried))) for _ in range(DRAWS)]
    low, *_, high = quantiles(drawn, n=40, method="inclusive")
    return Interval(_of_all(tried), low, high)


def _of_all(parts: Sequence[tuple[int, int]]) -> float:
    return sum(hits for hits, _ in parts) / sum(n for _, n in parts)


def met(value: float, must: float, aim: float) -> str:
    return "met, aim too" if value >= max(must, aim) else "met, aim missed" if value >= must else "**missed**"


def page(kept: Mapping[str, Any], where: str, command: str) -> str:
    parts = [
        "# Drift",
        f"Written by `{command}`; nothing here is typed by hand but these sentences. {where}. {INTERVALS}",
        _null_part(kept["null"]),
        _power_part(kept["power"]),
        _rivals_part(kept["rivals"]),
        _natural_part(kept),
        _growth_part(kept["growth"]),
        _speed_part(kept["speed"]),
    ]
    return "\n\n".join(parts) + "\n"


def _null_part(null: Mapping[str, Any]) -> str:
    per_check, per_run = null["alarms"] / null["checks"], null["runs"] / null["seeds"]
    return (
        f"## Without drift\n\nThe calibrated detector on {null['seeds']:,} drift-free streams, a new baseline of {HISTORY:,} predictions every 10; stated is {100 * RATE:g} % of runs of {RUN:,} sliding checks.\n\n"
        "| false alarms | measured | must | verdict |\n|---|---|---|---|\n"
        f"| of the checks | {100 * per_check:.2f} % of {null['checks']:,} | ≤ 1 % | {'met' if per_check <= 0.01 else '**missed**'} |\n"
        f"| of the runs | {share(wilson(null['runs'], null['seeds']))} | ≤ 5 % | {'met' if per_run <= 0.05 else 'within its interval' if wilson(null['runs'], null['seeds']).low <= 0.05 else '**missed**'} |"
    )


def _power_part(rows: Sequence[Mapping[str, Any]]) -> str:
    half = next(r for r in rows if r["window"] == WINDOW and r["shift"] == 0.25 and r["threshold"] == "calibrated")
    lines = [
        "## Power",
        "",
        f"So many points of all predictions go from a category with 50 % to one with 5 %, at once, when the window is full. Seen within 150, 300 and {LATEST:,} predictions, median delay; runs that alarmed before are left out. "
        "*Calibrated* looks at newest parts of the window too, *window alone* at the whole window with its calibrated threshold, *KL .5* at the whole window with the specification's.",
        "",
        f"Half of the largest category, window {WINDOW:,}, calibrated: {100 * half['within_300'] / half['runs']:.0f} % within 300 (must 90 %, aim 99 %: {met(half['within_300'] / half['runs'], 0.9, 0.99)}), "
        f"{100 * half['within_150'] / half['runs']:.0f} % within 150 (must 40 %, aim 70 %: {met(half['within_150'] / half['runs'], 0.4, 0.7)}).",
        "",
        "| window | points moved | threshold | within 150 | within 300 | within 1,000 | median delay | runs |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for r in rows:
        seen = [f"{100 * r[f'within_{n}'] / r['runs']:.0f} %" if r["runs"] else "–" for n in (150, 300, LATEST)]
        delay = "–" if r["median"] is None else f"{r['median']:.0f}"
        lines.append(f"| {r['window']:,} | {100 * r['shift']:.0f} | {r['threshold']} | {' | '.join(seen)} | {delay} | {r['runs']} |")
    return "\n".join(lines)


def _rivals_part(rows: Sequence[Mapping[str, Any]] | None) -> str:
    if rows is None:
        return "## Beside River\n\nRiver was not installed."
    lines = [
        "## Beside River",
        "",
        f"The same shift of 25 points; River's detectors are fed the baseline first, then the same predictions. False alarms: drift-free runs of {WINDOW + RUN - 1:,} predictions with one or more.",
        "",
        "| detector | runs with a false alarm | within 150 | within 300 | median delay | alarmed before the shift |",
        "|---|---|---|---|---|---|",
    ]
    for r in rows:
        seen = [f"{100 * r[f'within_{n}'] / r['runs']:.0f} %" if r["runs"] else "–" for n in (150, 300)]
        delay = "–" if r["median"] is None else f"{r['median']:.0f}"
        lines.append(f"| {r['name']} | {share(wilson(r['false'], r['seeds']))} | {' | '.join(seen)} | {delay} | {r['early']} of {r['seeds']} |")
    return "\n".join(lines)


def _natural_part(kept: Mapping[str, Any]) -> str:
    calm_, natural = together([*kept["calm"].values()]), together([*kept["natural"].values()])
    alarms, runs = ([(row[hits], row[n]) for row in kept["calm"].values()] for hits, n in (("alarms", "checks"), ("runs", "stretches")))
    by_year = calm_["begun"] / calm_["years"]
    looked_at = [name for name in kept["names"] if name.partition("/")[2] in LOOKED_AT]
    lines = [
        "## Real histories",
        "",
        f"`codex-gate monitor` on {len(kept['names'])} public repositories with more than {3 * WINDOW:,} changes, {natural['changes']:,} in all, over {natural['years']:.0f} years: {', '.join(kept['names'])}. "
        f"No labels are read. Blocks, PSI in place of KL, the watched measures, the groups of authors, the parts of the window and the mix of kinds were chosen on {len(LOOKED_AT)} histories. "
        f"{len(looked_at)} of these are among them and flatter the figures, *{LOOKED}*: {', '.join(looked_at) or 'none'}. Nothing of it was chosen on the others, *{FRESH}*; "
        f"but the level of the mix, {100 * MIX_LEVEL:g} %, and its statistic, a likelihood ratio beside PSI, were chosen with the figures of all of them in view.",
        "",
        f"**Stable** histories are made of real ones: runs of {STABLE} neighbours in random order, so bursts stay and long-term drift goes. Monitored every {STEP} changes over {SLIDES * STEP:,}, "
        f"{calm_['stretches']} stretches, {calm_['years']:.0f} years:",
        "",
        "| false alarms | measured | must | verdict |",
        "|---|---|---|---|",
        f"| that begin, by stable year | {by_year:.2f} ({calm_['begun']} in {calm_['years']:.0f} years) | ≤ 1 | {'met' if by_year <= 1 else '**missed**'} |",
        f"| of the checks | {share(resampled(alarms))} | {100 * LEVEL:g} % stated, and {100 * MIX_LEVEL:g} % of the mix of kinds | {'met' if calm_['alarms'] / calm_['checks'] <= LEVEL + MIX_LEVEL else 'above what is stated: neighbours further apart than a block are alike too'} |",
        f"| of the runs of {SLIDES * STEP:,} changes | {share(resampled(runs))} |  |  |",
        "",
        *_planted_lines(kept["planted"]),
        "",
        *_kinds_lines(by_group(kept["kinds"])),
        "",
        f"**As they were**, monitored once every {WINDOW:,} changes: something had moved in {natural['moved']} of {natural['n']} windows. Nobody knows which of these are false; what moved most often: "
        + ", ".join(f"{name} {n}" for name, n in sorted(natural["streams"].items(), key=lambda item: -item[1])[:6])
        + ".",
    ]
    return "\n".join(lines)


def _planted_lines(found: Mapping[str, Mapping[str, Sequence[Sequence[str]]]]) -> list[str]:
    groups = [*by_group(found).items(), ("all", found)]
    sizes = [f"{group} ({sum(len(named[NOTHING]) for named in part.values())})" for group, part in groups]
    n = sum(len(named[NOTHING]) for named in found.values())
    lines = [
        f"**Planted shifts** in the last {PLANTED} changes of {n} stable histories, {ORDERS} orders of {n // ORDERS} stretches, monitored at their end. "
        "A shift is detected where a stream is named that is not named of the same changes with nothing planted, so one that drifts anyway detects nothing. *Any alarm* counts that too, "
        "as the row with nothing planted does. The verdict is on what is detected in all; without one stand two shifts that the likelihood of the mix is not about:",
        "",
        f"| shift | {' | '.join(sizes)} | any alarm | must | verdict |",
        f"|---|{'---|' * len(sizes)}---|---|---|",
    ]
    for what, words in {NOTHING: "nothing planted", **PLANTS}.items():
        any_ = resampled([_counted(named, what, any_alarm=True) for named in found.values()])
        shares = [resampled([_counted(named, what, any_alarm=what == NOTHING) for named in part.values()]) for _, part in groups]
        judged = "| | |" if what in (NOTHING, *UNASKED) else f"| ≥ 90 % | {'met' if shares[-1].value >= 0.9 else '**missed**'} |"
        lines.append(f"| {words} | {' | '.join(map(share, shares))} | {share(any_)} {judged}")
    return lines


def _counted(named: Mapping[str, Sequence[Sequence[str]]], what: str, *, any_alarm: bool) -> tuple[int, int]:
    """Hits and tries of one history."""
    return alarming(named[what]) if any_alarm else detected(named[what], named[NOTHING]), len(named[what])


def _kinds_lines(groups: Mapping[str, Mapping[str, Sequence[Mapping[str, Any]]]]) -> list[str]:
    into = {"said": "a rare one, where it is said alone", "category": "a rare one", "next": "the next commonest"}
    return [
        "**Half of one kind of defect becomes another**, so many changes before the monitoring. *Best*: the likelihood-ratio test at the same "
        f"{100 * MIX_LEVEL:g} % of false alarms on independent draws with the shares of each stretch, once with both kinds known to it and once with the first alone. "
        "It knows when the shift began and has no bursts to allow for, so a monitor sees less. The rare one is the first of the list of categories, which few histories know. "
        "What is planted is what the model says, as if it told the new kind as well as the old one. *Detected* is as above.",
        "",
        "| histories | becomes | changes since | of them moved, median | detected | best, both known | best, the first known |",
        "|---|---|---|---|---|---|---|",
        *(
            f"| {group} | {into[rows[0]['what']]} | {rows[0]['since']:,} | {_kinds_cells(rows)} |"
            for group, part in groups.items()
            for rows in zip(*part.values(), strict=True)
        ),
    ]


def _kinds_cells(rows: Sequence[Mapping[str, Any]]) -> str:
    """Of the same shift in several histories."""
    moved, best = ([one for row in rows for one in row[key]] for key in ("moved", "best"))
    known, half = (sum(column) / len(best) for column in zip(*best, strict=True))
    return f"{median(moved):g} | {share(resampled([(row['hits'], row['n']) for row in rows]))} | {100 * known:.1f} % | {100 * half:.1f} %"


def _growth_part(values: Mapping[str, float]) -> str:
    watched = set(watch.MEASURES)
    ranked = sorted(values.items(), key=lambda item: item[1])
    told = [f"{name} {value:.2f}" for name, value in ranked]
    return (
        "## Which measures are watched\n\nMedian PSI of a window against the two before it in the same histories as they were, smallest first; above .25 is called a shift. "
        f"Watched are {', '.join(name for name, _ in ranked if name in watched)}; of experience and of earlier touches two coarse ones remain (is the author new, are the files new to the author).\n\n"
        + ", ".join(told)
        + "."
    )


def _speed_part(kept: Mapping[str, Any]) -> str:
    cold, warm = kept["seconds"]
    how = f"{warm:.1f} s wall and {kept['cpu'][1]:.1f} s of the processors in the second run ({cold:.1f} and {kept['cpu'][0]:.1f} in the first), {kept['load']:.1f} processes ready to run before it"
    return (
        f"## Speed\n\nThe last {WINDOW:,} changes of {kept['name']} ({kept['commits']:,} commits, {kept['changes']:,} changes) against the {monitor.BASELINE * WINDOW:,} before them: "
        f"{how}. Must be ≤ 20 s, aim 5 s: {met(-warm, -20, -5)}."
    )


def renewed(text: str, section: str, how: str) -> str:
    """The page with this section in place of the one with its heading, and how it was measured below it."""
    head = section.partition("\n")[0]
    before, found, rest = text.partition(f"{head}\n")
    if not found:
        raise UsageError(f"the page has no section {head}; write it whole with --clones DIR first")
    _, mark, after = rest.partition("\n## ")
    return before + section.rstrip("\n") + f"\n\n{how}\n" + (mark + after if mark else "")


def main(argv: Sequence[str] | None = None) -> int:
    """Run what is missing and write the page."""
    parser = argparse.ArgumentParser(prog="python benchmarks/drift.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--clones", type=Path, metavar="DIR", help="folder with clones, named OWNER+NAME")
    what.add_argument("--speed", type=Path, metavar="CLONE", help="measure the speed on this clone alone, and write that section anew")
    parser.add_argument("--histories", action="store_true", help="with --clones: what is measured on real histories alone, and write those sections anew")
    parser.add_argument("--seeds", type=int, default=1000, help="drift-free streams (default: 1000)")
    parser.add_argument("--runs", type=int, default=100, help="shifted streams for each cell of the power table (default: 100)")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="histories that are measured at once (default: 1)")
    parser.add_argument(
        "--json", type=Path, default=ROOT / "data" / "benchmarks" / "drift.json", metavar="FILE", help="finished parts; remove it to begin anew"
    )
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "drift.md", metavar="FILE")
    options = parser.parse_args(argv)
    try:
        return run(options)
    except GateError as error:
        print(f"drift: {error}", file=sys.stderr)
        return 2


def run(options: argparse.Namespace) -> int:
    """Measure and write.

    Raises:
        UsageError: the page lacks a section that is to be written anew.
    """
    here, day = machine(), datetime.now(UTC).date().isoformat()
    place = f"{here['cpu']}, {here['cores']} cores, Python {here['python']}, {day}"
    if options.speed:
        how = f"This section by `python benchmarks/drift.py --speed CLONE`, {place}."
        options.output.write_text(renewed(options.output.read_text("utf-8"), _speed_part(timed(options.speed)), how), "utf-8")
        return 0
    kept: dict[str, Any] = json.loads(options.json.read_text("utf-8")) if options.json.is_file() else {}
    found: dict[str, list[Observation]] = {}

    def is_kept(name: str, made_from: Any) -> bool:
        return name in kept and kept.get("made_from", {}).get(name) == made_from

    def part(name: str, made_from: Any, make: Callable[[], Any]) -> None:
        if is_kept(name, made_from):
            return
        begun = sum(os.times()[:4])
        kept[name] = make()
        kept.setdefault("made_from", {})[name] = made_from
        kept.setdefault("cpu_s", {})[name] = sum(os.times()[:4]) - begun
        with whole(options.json) as partial:
            partial.write_text(json.dumps(kept), "utf-8")

    if not options.histories:
        part("null", options.seeds, lambda: without_drift(options.seeds))
        part("rivals", options.runs, lambda: rivals(options.runs))
        part("power", options.runs, lambda: power(options.runs))
    real = observed_from(options.clones)
    if not all(is_kept(name, real) for name in ("natural", "calm", "planted", "kinds", "growth", *(() if options.histories else ("speed",)))):
        found = histories(options.clones, options.json.with_suffix(""))
        kept["names"] = [name.replace("+", "/", 1) for name in found]
    part("planted", real, lambda: each(planted, found, options.jobs))
    part("kinds", real, lambda: each(partial(kinds_in_time, seen=kept["planted"]), found, options.jobs))
    part("calm", real, lambda: each(calm, found, options.jobs))
    part("natural", real, lambda: each(as_they_were, found, options.jobs))
    part("growth", real, lambda: growth(found))
    if options.histories:
        text = options.output.read_text("utf-8")
        for section in (_natural_part(kept), _growth_part(kept["growth"])):
            text = renewed(text, section, f"This section by `python benchmarks/drift.py --clones DIR --histories`, {place}.")
        options.output.write_text(text, "utf-8")
        return 0
    part("speed", real, lambda: speed(options.clones, found))
    seconds = sum(kept["cpu_s"].values())
    where = f"{place}; streams 0 to {options.seeds - 1} and {options.runs} for each cell; {seconds:,.0f} CPU seconds"
    options.output.write_text(page(kept, where, "python benchmarks/drift.py --clones DIR"), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
