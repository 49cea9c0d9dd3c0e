"""Rows about whole histories: features, screening at mining speed, agreement with PyDriller."""

from __future__ import annotations

import hashlib
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from benchmarks.bench import WORKERS, Bench, Block, Figure, sample, times
from benchmarks.measure import Sample, ratio, run, spread

GATE: Final = "codex-gate features"
GIT: Final = "git log --numstat -M"
SCREEN: Final = "screen --commits"
NO_ONNX: Final = "screen --commits, no onnxruntime"
PLAIN: Final = "screen --commits, neither onnxruntime nor numpy"
PYDRILLER: Final = "PyDriller"


def features(bench: Bench) -> Block:
    """Full-history features against PyDriller and against git alone."""
    taken = _rounds(bench)
    against = ratio(_per_commit(taken, PYDRILLER), _per_commit(taken, GATE))
    cpu = ratio(_per_commit(taken, PYDRILLER, 1), _per_commit(taken, GATE, 1))
    floor = ratio(_per_commit(taken, GATE), _per_commit(taken, GIT))
    figures = (
        Figure("faster than PyDriller (files, churn, renames alone)", against.mid, times(against), 15, 20, "higher", "×"),
        Figure("the same in CPU time", cpu.mid, times(cpu)),
        Figure("time of `git log --numstat -M --no-merges`", floor.mid, times(floor), None, 1.3, "lower", "×"),
    )
    theirs = version("pydriller")
    how = (
        f"A fresh process each: `walk()` measures every commit of HEAD that is no merge, with all it needs of the history; PyDriller {theirs} gives path, old path, "
        f"added and deleted lines of {_population(taken)}; git prints its numstat to a pipe. The clock of the first two starts after their imports. "
        "Ratios are of seconds per commit, round by round."
    )
    return Block(figures, how, _spreads(taken, (GATE, GIT, PYDRILLER)), data={"rounds": taken})


def screening(bench: Bench) -> Block:
    """`screen --commits` over the whole history against the same PyDriller figure."""
    taken = _rounds(bench)
    figures = []
    for name, what in ((SCREEN, "all extras installed"), (NO_ONNX, "without onnxruntime"), (PLAIN, "without numpy too, as the default install")):
        against = ratio(_per_commit(taken, PYDRILLER), _per_commit(taken, name))
        figures.append(Figure(f"`screen --commits` faster than PyDriller, {what}", against.mid, times(against), 10, 15, "higher", "×"))
    how = (
        "`codex-gate screen --commits FILE --format jsonl`, the whole process into a pipe, over the same commits in the same rounds as above; "
        "in the second and third line onnxruntime and numpy cannot be imported. PyDriller's clock starts after its imports, ours before them."
    )
    return Block(tuple(figures), how, _spreads(taken, (SCREEN, NO_ONNX, PLAIN, PYDRILLER)))


def agreement(bench: Bench) -> Block:
    """Values per commit beside PyDriller's."""
    place = bench.options.repository
    _rounds(bench)  # leaves PyDriller's values behind, if they were not taken earlier
    if not _values(bench).is_file():
        _contestants(bench, bench.all_commits(place))[PYDRILLER]()
    ours_at = bench.work / "values-codex-gate.jsonl"
    bench.worker("walk", str(bench.clone(place)), str(ours_at))
    ours = dict(_lines(ours_at))
    theirs = dict(_lines(_values(bench)))
    found = compare(ours, theirs)
    n, differing = len(theirs), found["differing"]
    share = 100 * (1 - len(differing) / n)
    figure = Figure(
        "commits with equal (path, added, deleted) in every file", share, f"{share:.2f} % ({n - len(differing):,} of {n:,})", 99.5, 100, "higher", " %"
    )
    reasons = Counter(reason for entry in differing for reason in entry["reasons"])
    notes = [f"{count} commits differ: {reason}." for reason, count in reasons.most_common()]
    notes.append(
        f"In {found['binary']:,} commits with binary files PyDriller counts 0 lines where codex-gate says unknown; counted as equal. "
        f"Held to the letter, {found['strict']:,} of {n:,} commits are equal."
    )
    how = "Every file of every commit that is no merge, by path, added and deleted lines: `walk()` beside PyDriller's `ModifiedFile`. Each differing commit is listed with its reason in the JSON."
    return Block((figure,), how, notes=tuple(notes), data=found)


def compare(ours: dict[str, list[Any]], theirs: dict[str, list[Any]]) -> dict[str, Any]:
    """Commits of `theirs` whose files have other values in `ours`, each with the reasons that can be told.

    Both map a SHA to [path, added, deleted] triples; an unknown count (None) equals 0.
    """
    differing, binary, strict = [], 0, 0
    for sha, files in theirs.items():
        own = ours.get(sha)
        mine = Counter(map(tuple, own or []))
        other = Counter(map(tuple, files))
        strict += mine == other
        filled = Counter((path, added or 0, deleted or 0) for path, added, deleted in own or [])
        binary += mine != filled
        if own is None or filled != other:
            only_ours, only_theirs = sorted((filled - other).elements()), sorted((other - filled).elements())
            differing.append(
                {"sha": sha, "reasons": ["commit not walked"] if own is None else _reasons(only_ours, only_theirs), "ours": only_ours, "theirs": only_theirs}
            )
    return {"commits": len(theirs), "strict": strict, "binary": binary, "differing": differing}


def _reasons(ours: Iterable[tuple[str, int, int]], theirs: Iterable[tuple[str, int, int]]) -> list[str]:
    """Why two sets of files differ, as far as paths and counts tell."""
    by_path: dict[str, list[list[tuple[int, int]]]] = defaultdict(lambda: [[], []])
    for side, files in enumerate((ours, theirs)):
        for path, added, deleted in files:
            by_path[path][side].append((added, deleted))
    reasons = set()
    for path, (own, other) in by_path.items():
        if own and other:
            reasons.add("the same file, other line counts")
        elif any(ord(c) > 127 or c in '"\\\t\n' for c in path):
            reasons.add("a path that git quotes")
        else:
            reasons.add("a file that only codex-gate lists" if own else "a file that only PyDriller lists")
    return sorted(reasons)


# -- the rounds that the three share -------------------------------------------------------------------


def _rounds(bench: Bench) -> dict[str, Any]:
    """Interleaved rounds of all contestants; each finished round is kept, so that a cut-off run goes on."""
    place = bench.options.repository
    facts = bench.facts(place)
    listed = bench.all_commits(place)
    contestants = _contestants(bench, listed)
    chosen = _sampled(bench, listed)
    key = [bench.fingerprint, facts["head"], bench.options.pydriller_commits]
    rounds = [bench.cached("mining", [*key, i], partial(_one_round, contestants, warm_up=i == 0)) for i in range(bench.options.rounds)]
    counts = dict.fromkeys(contestants, facts["non_merges"])
    counts[PYDRILLER] = len(chosen.read_text("ascii").split()) if chosen else facts["non_merges"]
    return {"rounds": rounds, "commits": counts}


def _one_round(contestants: dict[str, Callable[[], Sample]], *, warm_up: bool) -> dict[str, Sample]:
    if warm_up:
        contestants[GIT]()  # blobs into the page cache
    return {name: contest() for name, contest in contestants.items()}


def _contestants(bench: Bench, listed: Path) -> dict[str, Callable[[], Sample]]:
    where = bench.clone(bench.options.repository)
    chosen = _sampled(bench, listed)
    many = ("screen", "-C", str(where), "--commits", str(listed), "--format", "jsonl")

    def worker(*arguments: str) -> Sample:
        answer = bench.worker(*arguments)
        return Sample(answer["wall_s"], answer["cpu_s"])

    def hidden(modules: str) -> Sample:
        return sample(run([sys.executable, WORKERS, "gate", modules, *many], env=bench.environ), "codex-gate screen --commits")

    return {
        GATE: partial(worker, "walk", str(where)),
        GIT: lambda: sample(run(["git", "-C", str(where), "log", "--numstat", "-M", "--no-merges"])),
        SCREEN: partial(hidden, ""),
        NO_ONNX: partial(hidden, "onnxruntime"),
        PLAIN: partial(hidden, "onnxruntime,numpy"),
        PYDRILLER: partial(worker, "pydriller", str(where), str(_values(bench)), *([str(chosen)] if chosen else [])),
    }


def _values(bench: Bench) -> Path:
    """Where PyDriller's values of these commits of this repository lie."""
    facts = bench.facts(bench.options.repository)
    digest = hashlib.sha256(json.dumps([facts["name"], facts["head"], bench.options.pydriller_commits]).encode()).hexdigest()[:12]
    return bench.work / f"values-pydriller-{digest}.jsonl"


def _sampled(bench: Bench, listed: Path) -> Path | None:
    """Every k-th commit, k such that about as many remain as were asked for; None for all."""
    shas = listed.read_text("ascii").split()
    wanted = bench.options.pydriller_commits
    if not wanted or wanted >= len(shas):
        return None
    return bench.listing("pydriller-sample", shas[:: -(-len(shas) // wanted)])


def _per_commit(taken: dict[str, Any], name: str, clock: int = 0) -> list[float]:
    """Seconds a commit in each round; clock 0 is wall time, 1 CPU time."""
    return [entry[name][clock] / taken["commits"][name] for entry in taken["rounds"]]


def _spreads(taken: dict[str, Any], names: Iterable[str]) -> dict[str, dict[str, float]]:
    return {name: {**spread([Sample(*entry[name]) for entry in taken["rounds"]]), "commits": taken["commits"][name]} for name in names}


def _population(taken: dict[str, Any]) -> str:
    of, n = taken["commits"][GATE], taken["commits"][PYDRILLER]
    return "the same commits" if n == of else f"{n:,} of the same {of:,} commits, evenly spaced (`get_commit`, without the cost of its traversal)"


def _lines(path: Path) -> Iterable[list[Any]]:
    with path.open(encoding="ascii") as lines:
        yield from map(json.loads, lines)
