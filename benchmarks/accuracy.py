"""The row about ranking: AUC on the same labelled commits, with paired intervals."""

from __future__ import annotations

import csv
import gzip
import json
import os
import random
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from math import sqrt
from pathlib import Path
from typing import Any, Final

from benchmarks import peers
from benchmarks.bench import ROOT, Bench, Block, Figure, Options, Place, SkipRow, checked
from benchmarks.measure import paired_difference, run

OURS: Final = "codex-gate"
LAPREDICT: Final = "LApredict (added lines)"
LINES: Final = "changed lines (la + ld)"
CARD: Final = " models/MODEL_CARD.md draws anew for the same difference, so the ends of its interval may differ in the last digit."


def auc(bench: Bench) -> Block:
    """codex-gate against counting lines on all labelled commits, and against the peers on a sample of them."""
    options = bench.options
    place = options.labelled
    if place is None or options.labels is None:
        raise SkipRow("needs --labelled, --labels and --project")
    labels = read_labels(options.labels, options.project)
    scored = _ours(bench, place, labels)
    shas = sorted(scored)
    asked = random.Random(options.seed).sample(shas, min(options.peer_scores, len(shas)))
    compare = partial(_compare, labels, options)
    risk = {sha: values["risk"] for sha, values in scored.items()}
    added = {sha: values["la"] for sha, values in scored.items()}
    found = {LAPREDICT: compare(risk, added), LINES: compare(risk, {sha: values["la"] + values["ld"] for sha, values in scored.items()})}
    figures = [_figure(LAPREDICT, found[LAPREDICT], goal=True), _figure(LINES, found[LINES], goal=False)]
    notes: list[str] = []
    for peer, score, given in _theirs(bench, place, asked):
        name = f"{peer.name} {score}"
        if len(given) < len(asked):
            notes.append(f"{name}: none for {len(asked) - len(given)} of {len(asked)} commits; these are left out of its line.")
        if len({labels[sha] for sha in given}) < 2:
            continue
        found[name] = compare(risk, given)
        figures.append(_figure(name, found[name], goal=score == next(iter(peer.scores))))
        beside = found[f"{name} − {LAPREDICT}"] = compare(given, added)
        notes.append(f"{name} against counting added lines on the same commits: {_difference(beside)}.")
        if score == next(iter(peer.scores)) and (bound := _bound(name, found[name], len(shas))):
            notes.append(bound)
    role, note = _roles().get(options.project, ("", ""))
    seen = {
        "train": "**the shipped model learnt from it**",
        "holdout": f"the shipped model never learned from it; {note}",
    }.get(role, "the shipped model never saw it")
    how = (
        f"{len(shas):,} labelled commits of {place.name} that the clone has ({sum(labels[sha] for sha in shas):,} buggy; {seen}); risk as `screen --commits` gives it, "
        f"each commit with only what was known before it. The peers score {len(asked)} of them, drawn at random (seed {options.seed}), and each is compared on the commits that it scored. "
        f"The figure is the difference of AUC with its paired 95 % bootstrap interval ({options.resamples:,} resamples); met means that the whole interval lies above 0. "
        f"LApredict is logistic regression on added lines alone, so its order is that of the added lines.{CARD if role == 'holdout' else ''}"
    )
    return Block(tuple(figures), how, notes=tuple(notes), data={"auc": found, "sample": asked})


def _roles() -> dict[str, tuple[str, str]]:
    """What each project was to the shipped model, trained on or held out, and what the corpus file notes of it."""
    sources = json.loads((ROOT / "models" / "training-sources.json").read_text("utf-8"))
    return {project["project"]: (project["role"], project.get("note", "")) for project in sources["projects"]}


def _compare(labels: Mapping[str, int], options: Options, ours: Mapping[str, float], other: Mapping[str, float]) -> dict[str, float]:
    """AUC of two scores on the commits that both have."""
    both = sorted(ours.keys() & other.keys())
    found = paired_difference([labels[s] for s in both], [ours[s] for s in both], [other[s] for s in both], options.resamples, options.seed)
    return {**found, "n": len(both)}


def _figure(name: str, values: Mapping[str, float], *, goal: bool) -> Figure:
    """The lower end of the interval decides; where there is a goal it has to lie above 0."""
    return Figure(f"AUC, codex-gate − {name}", values["low"], _difference(values), 0 if goal else None, None, "above", " at the lower end")


def _bound(name: str, values: Mapping[str, float], labelled: int) -> str:
    """What keeps an interval from lying above 0, in words; empty where it does."""
    if values["low"] > 0:
        return ""
    half, n = (values["high"] - values["low"]) / 2, values["n"]
    text = (
        f"{name}: the interval reaches {half:.3f} to either side on {n:,.0f} commits and shrinks with the root of their number. Were all {labelled:,} labelled commits scored, "
        f"it would reach about {half * sqrt(n / labelled):.3f}"
    )
    if values["difference"] <= 0:
        return f"{text}; the difference is not above 0, so more commits would not help."
    needed = n * (half / values["difference"]) ** 2
    return f"{text}; a difference of {values['difference']:+.3f} would need about {float(f'{needed:.1g}'):,.0f}. The labels bound it, not the time that the peer takes: only a better order would."


def _difference(values: Mapping[str, float]) -> str:
    interval = f"{values['difference']:+.3f} ({values['low']:+.3f} to {values['high']:+.3f})"
    return f"{values['ours']:.3f} − {values['other']:.3f} = {interval}, n = {values['n']:,}"


def read_labels(path: Path, project: str) -> dict[str, int]:
    """1 for a commit of `project` that brought a defect, 0 for one that did not, by SHA; CSV, gzipped or not."""
    data = path.read_bytes()
    text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf-8")
    return {row["sha"]: int(float(row["buggy"])) for row in csv.DictReader(text.splitlines()) if row["project"] == project}


def _ours(bench: Bench, place: Place, labels: Mapping[str, int]) -> dict[str, dict[str, float]]:
    """Risk, added and deleted lines of every labelled commit that the clone has."""
    where = bench.clone(place)
    asked = bench.work / "labelled.txt"
    asked.write_text("".join(f"{sha}\n" for sha in sorted(labels)), "ascii")
    told = checked(run(["git", "-C", str(where), "cat-file", "--batch-check=%(objectname) %(objecttype)"], stdin=asked), "git cat-file").out.decode("ascii")
    have = [line.split()[0] for line in told.splitlines() if line.endswith(" commit")]
    if not have:
        raise SkipRow(f"none of the {len(labels):,} labelled commits is in {place.name}")

    def score() -> dict[str, dict[str, float]]:
        out = bench.run_gate("--commits", str(bench.listing("labelled-present", have)), "--format", "jsonl", repository=where).out
        rows = map(json.loads, out.splitlines())
        return {row["sha"]: {"risk": row["risk"], "la": row["features"]["la"], "ld": row["features"]["ld"]} for row in rows if row["risk"] is not None}

    found: dict[str, dict[str, float]] = bench.cached("labelled", [bench.fingerprint, bench.facts(place)["head"], have], score)
    return {sha: values for sha, values in found.items() if None not in values.values()}


def _theirs(bench: Bench, place: Place, asked: Sequence[str]) -> Iterator[tuple[peers.Peer, str, dict[str, float]]]:
    """(peer, name of a score, the score of each commit that has one) for every score of every peer installed.

    Each answer is kept under the peer's version, whatever becomes of our own code.
    """
    where, options = bench.clone(place), bench.options
    home = bench.work / "home"
    for peer in peers.installed(options.peers):
        assert options.peers is not None
        key = [peer.name, peer.arguments, peer.version(options.peers, peers.environment(home)), bench.facts(place)["head"]]

        def ask(sha: str, peer: peers.Peer = peer, binaries: Path = options.peers, key: list[Any] = key) -> dict[str, Any]:
            call = partial(peers.ask, peer, binaries, where, sha, home, options.peer_timeout_s)
            said: dict[str, Any] = bench.cached(f"score-{peer.name}", [*key, sha], lambda: call()[1])
            return said

        with ThreadPoolExecutor(os.cpu_count()) as pool:  # nothing is timed here
            said = dict(zip(asked, pool.map(ask, asked), strict=True))
        for score in peer.scores:
            yield peer, score, {sha: values[score] for sha, values in said.items() if values.get(score) is not None}
