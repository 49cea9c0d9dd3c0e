"""Does codex-gate rank better than the other tools that score a commit, in repositories that it never saw?

python benchmarks/rivals.py --clones DIR --peers DIR      # → docs/rivals.md

The shipped recipe, learned without the repositories that it judges, beside added lines alone, repowise and big-code-analysis, on the same commits
drawn at random. --clones holds clones of training/corpus.yaml named OWNER+NAME, --peers the programs repowise and bca. Answers are kept below --work: a run that
was cut off goes on, and one with a larger --most asks only for what is new. A peer takes 0.1 to 4 s a commit.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import sys
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any, Final, NamedTuple

ROOT: Final = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "training")]

import numpy as np

from automl_codex import evaluate, metrics, mine, tables, train
from automl_codex.tables import Dataset
from benchmarks import peers
from benchmarks.bench import git
from benchmarks.measure import TIMED_OUT, Ran, checked, machine
from benchmarks.measure import run as process
from codex_gate.errors import GateError, UsageError
from codex_gate.intervals import Interval

MIN_ANSWERED: Final = 5  # of either label; with fewer an AUC says nothing (chosen)
MIN_BUGGY: Final = 10  # as in the tables of evaluate.compare
OURS: Final = "codex-gate"
LINES: Final = "LApredict (added lines)"
PROGRAM: Final = "added lines of program text"
JUDGES: Final = ("commits", "repositories", "both")


class Source(NamedTuple):
    """Where labels come from: what the page calls them, the protocol they are judged by, and whether the forests may learn from labels of that kind."""

    title: str
    scenario: evaluate.Scenario
    traced: bool

    def recipe(self, trees: int, seed: int) -> train.Recipe:
        shipped = replace(train.Recipe(), n_trees=trees, seed=seed)
        return shipped if self.traced else replace(shipped, outside=0.0)


SOURCES: Final = {
    "szz": Source("Labels of SZZ, later in time", evaluate.TIME_SAFE, traced=True),
    "apachejit": Source("Labels of ApacheJIT, from which nothing was learned", evaluate.ALL_TIMES, traced=False),
}


@dataclass(frozen=True, eq=False)
class Project:
    """The drawn commits of one project: labels (n,), and the scores (n,) of each tool by name, NaN where it gave none.

    `whole` are all commits that they were drawn from, with what needs no peer.
    """

    name: str
    y: np.ndarray
    scores: Mapping[str, np.ndarray]
    whole: Project | None = None

    def where(self, rows: np.ndarray | Sequence[int]) -> Project:
        return Project(self.name, self.y[rows], {name: score[rows] for name, score in self.scores.items()})

    def auc(self, name: str) -> float:
        return metrics.auc(self.y, self.scores[name])


class Gain(NamedTuple):
    """Mean AUC over projects of one tool (us) and of another, and their difference with 95 % intervals by what was drawn anew (JUDGES)."""

    ours: float
    other: float
    by: Mapping[str, Interval]
    n: int
    each: Mapping[str, float]  # the difference of each project


def parser() -> argparse.ArgumentParser:
    """The options."""
    made = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    made.add_argument("--clones", type=Path, required=True, metavar="DIR", help="clones named OWNER+NAME")
    made.add_argument("--peers", type=Path, required=True, metavar="DIR", help="where the programs repowise and bca lie")
    made.add_argument("--input", type=Path, default=ROOT / "training" / "data")
    made.add_argument("--corpus", type=Path, default=ROOT / "training" / "corpus.yaml")
    made.add_argument(
        "--results", type=Path, default=ROOT / "benchmarks" / "results.json", help="of benchmarks/run.py, for the project whose labels are not ours"
    )
    made.add_argument("--evaluation", type=Path, default=ROOT / "models" / "evaluation.json", help="of the shipped recipe")
    made.add_argument("--labels", choices=list(SOURCES), nargs="+", default=["szz"], help="whose labels are judged by (default: %(default)s)")
    made.add_argument("--only", nargs="+", metavar="NAME", help="these projects only, to see what it takes")
    made.add_argument("--most", type=int, default=50, metavar="N", help="commits of either label a project (default: %(default)s)")
    made.add_argument("--fewer", type=_limit, nargs="+", default=[], metavar="PEER=N", help="a slow peer is asked about so many of these only")
    made.add_argument("--kept", action="store_true", help="ask nobody: the page from the answers that earlier runs kept")
    made.add_argument("--trees", type=int, default=train.Recipe().n_trees, help="of the forests (default: %(default)s, as shipped)")
    made.add_argument("--peer-timeout-s", type=float, default=60, metavar="S", help="time limit of a peer's call (default: %(default)g)")
    made.add_argument("--resamples", type=int, default=evaluate.DRAWS)
    made.add_argument("--seed", type=int, default=42)
    made.add_argument("--work", type=Path, default=ROOT / "data" / "benchmarks" / "rivals", metavar="DIR", help="clones, scores and answers of earlier runs")
    made.add_argument("--output", type=Path, default=ROOT / "docs" / "rivals.md")
    return made


def main(argv: Sequence[str] | None = None) -> int:
    options = parser().parse_args(argv)
    try:
        return run(options)
    except GateError as error:
        print(f"rivals: {error}", file=sys.stderr)
        return 2


def _limit(text: str) -> tuple[str, int]:
    name, _, number = text.partition("=")
    if name not in (peer.name for peer in peers.PEERS) or not number.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=N with a name of {', '.join(peer.name for peer in peers.PEERS)}")
    return name, int(number)


def run(options: argparse.Namespace) -> int:
    options.fewer = dict(options.fewer)
    options.work = options.work.resolve()
    options.work.mkdir(parents=True, exist_ok=True)
    asked = Answers(options.work, options.peers.resolve(), options.peer_timeout_s, options.kept)
    corpus = evaluate.Corpus.of(mine.read_corpus(options.corpus))
    data, _ = corpus.split(tables.read(options.input))
    found = {name: list(projects(data, corpus, SOURCES[name], asked, options)) for name in options.labels}
    if empty := [SOURCES[name].title for name, drawn_of in found.items() if not drawn_of]:
        raise UsageError(f"no project has {evaluate.MIN_TEST_ROWS} commits in its clone, {MIN_BUGGY} of either label: {'; '.join(empty)}")
    if silent := [name for name, used in asked.used.items() if not used]:
        raise UsageError(f"{options.work} keeps no answer of {' and none of '.join(silent)} about these commits; run without --kept")
    evaluation, results = (json.loads(path.read_text("utf-8")) for path in (options.evaluation, options.results))
    options.output.write_text(page(found, asked, gaps_of(evaluation, corpus), results, options), "utf-8")
    print(f"{options.output} written", file=sys.stderr)
    return 0


# -- which commits ------------------------------------------------------------------------------------


def projects(data: Dataset, corpus: evaluate.Corpus, source: Source, asked: Answers, options: argparse.Namespace) -> Iterator[Project]:
    """The projects of a source with enough commits of either label, each with what every tool says of the commits drawn.

    Raises:
        UsageError: a clone is missing, or lacks the commit that was labelled from.
    """
    ours = scored(data, corpus, source, options)
    free = {OURS: ours, **{name: train.encode(data, (column,))[:, 0].astype(float) for name, column in ((LINES, "la"), (PROGRAM, "code_lines_added"))}}
    inside = (data.time >= source.scenario.test_from) & (data.time < source.scenario.test_to) & ~np.isnan(ours) & (data.traced() == source.traced)
    for entry in sorted(corpus.entries, key=lambda e: str(e["project"])):
        project = str(entry["project"])
        rows = np.flatnonzero(inside & (data.project == project))
        if not _is_enough(data.y[rows]) or (options.only and project not in options.only):
            continue
        where = clone(options.clones, str(entry["clone"]), str(entry["head"]), options.work)
        shas = {tables.hash_sha(sha): sha for sha in git(where, "rev-list", "--all", "HEAD").split()}
        there = [row for row in rows.tolist() if data.sha256[row] in shas]
        if not _is_enough(data.y[there]):
            continue
        seed = f"{options.seed} {project}"
        taken = drawn(there, data.y, options.most, seed)
        names = [shas[data.sha256[row]] for row in taken]
        few = {peer: {shas[data.sha256[row]] for row in drawn(there, data.y, most, seed)} for peer, most in options.fewer.items()}
        every = Project(project, data.y, free)
        chosen = every.where(taken)
        yield replace(chosen, scores={**chosen.scores, **asked.scores(where, project, names, few)}, whole=every.where(there))


def _is_enough(y: np.ndarray) -> bool:
    return len(y) >= evaluate.MIN_TEST_ROWS and MIN_BUGGY <= y.sum() <= len(y) - MIN_BUGGY


def drawn(rows: Sequence[int], y: np.ndarray, most: int, seed: str) -> list[int]:
    """At most so many rows of either label, in the order of the table; a larger `most` keeps those of a smaller one."""
    found: list[int] = []
    for label in (0, 1):
        among = [row for row in rows if y[row] == label]
        found += random.Random(f"{seed} {label}").sample(among, len(among))[:most]
    return sorted(found)


def scored(data: Dataset, corpus: evaluate.Corpus, source: Source, options: argparse.Namespace) -> np.ndarray:
    """Raw scores (n,) of models that never saw the repository; kept for the next run that would make the same."""
    recipe = source.recipe(options.trees, options.seed)
    key = f"{evaluate.scores_key(data, corpus, recipe)} {source.scenario.name}"
    kept: Path = options.work / f"scores-{hashlib.sha256(key.encode()).hexdigest()[:12]}.npy"
    if not kept.is_file():
        print(f"{source.title}: learning", file=sys.stderr)
        made = evaluate.out_of_project(data, corpus, source.scenario, evaluate.forest_entrant("forest", recipe))
        with kept.with_suffix(".new").open("wb") as stream:
            np.save(stream, made)
        kept.with_suffix(".new").replace(kept)
    return np.asarray(np.load(kept))


def clone(clones: Path, name: str, head: str, work: Path) -> Path:
    """A bare clone whose HEAD is the commit from whose history the labels were made; both peers answer in it as they do in a work tree.

    Raises:
        UsageError: there is nothing to clone from, or it lacks that commit.
    """
    found = mine.clone_of(name, clones)
    if found is None:
        raise UsageError(f"{clones / name.replace('/', '+')} is no clone; clone {name} there first")
    target = work / "clones" / name.replace("/", "+")
    if not (target / "HEAD").is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        checked(process(["git", "clone", "--quiet", "--bare", "--local", str(found.resolve()), str(target)]), f"git clone of {name}")
    if process(["git", "-C", str(target), "cat-file", "-e", f"{head}^{{commit}}"]).code:
        raise UsageError(f"{found} lacks {head}, the commit from which {name} was labelled; fetch it")
    git(target, "update-ref", "--no-deref", "HEAD", head)
    return target


# -- what the peers say -------------------------------------------------------------------------------


class Answers:
    """What each peer said of each commit, asked once and kept as a line of JSON under the peer's version and call."""

    def __init__(self, work: Path, binaries: Path, timeout_s: float, only_kept: bool = False) -> None:
        self.file, self.home, self.binaries, self.timeout_s, self.only_kept = work / "answers.jsonl", work / "home", binaries, timeout_s, only_kept
        self.peers = peers.installed(binaries)
        if missing := [peer.name for peer in peers.PEERS if peer not in self.peers]:
            raise UsageError(f"{binaries} holds no program {' and none '.join(missing)}; pip install repowise big-code-analysis-cli")
        self.versions = {peer.name: peer.version(binaries, peers.environment(self.home)) for peer in self.peers}
        lines = self.file.read_text("utf-8").splitlines() if self.file.is_file() else []
        self.kept = {tuple(line["key"]): line for line in map(json.loads, lines)}
        self.used: dict[str, list[dict[str, Any]]] = {peer.name: [] for peer in self.peers}
        self.open = {peer.name: 0 for peer in self.peers}  # commits that nobody has been asked about yet
        self.lacking: dict[str, int] = {}

    def scores(self, where: Path, project: str, shas: Sequence[str], few: Mapping[str, Collection[str]]) -> dict[str, np.ndarray]:
        """Scores (n,) of the commits by `PEER SCORE`, NaN where the peer gave none or, by `few`, was not asked."""
        found: dict[str, np.ndarray] = {}
        for peer in self.peers:
            meant = [sha for sha in shas if sha in few.get(peer.name, shas)]
            told = {sha: self.ask(peer, where, sha) for sha in meant if not self.only_kept or self.key(peer, where, sha) in self.kept}
            self.used[peer.name] += told.values()
            self.open[peer.name] += len(meant) - len(told)
            print(f"{project}: {peer.name} asked about {len(told)} commits", file=sys.stderr, flush=True)
            if not all(one["said"] for one in told.values()):
                self.lacking[project] = lacking(where)
            for score in peer.scores:
                values = {sha: one["said"].get(score) for sha, one in told.items()}
                found[f"{peer.name} {score}"] = np.array([np.nan if values.get(sha) is None else float(values[sha]) for sha in shas])
        return found

    @staticmethod
    @cache
    def head(where: Path) -> str:
        """What is checked out: recent changes are what repowise ranks by."""
        return git(where, "rev-parse", "HEAD").strip()

    def key(self, peer: peers.Peer, where: Path, sha: str) -> tuple[str, ...]:
        return (peer.shown(), self.versions[peer.name], where.name, self.head(where), sha)

    def ask(self, peer: peers.Peer, where: Path, sha: str) -> dict[str, Any]:
        key = self.key(peer, where, sha)
        if key not in self.kept:
            ran, said = peers.ask(peer, self.binaries, where, sha, self.home, self.timeout_s)
            self.kept[key] = {
                "key": list(key),
                "said": said,
                "seconds": round(ran.wall_s, 3),
                "cpu_s": round(ran.cpu_s, 3),
                "error": "" if said else _told(ran, where, sha),
            }
            with self.file.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(self.kept[key]) + "\n")
        return self.kept[key]


def _told(ran: Ran, where: Path, sha: str) -> str:
    """Why a call gave no score, in the peer's words where it has any, without what names this machine or the commit."""
    lines = ran.err.decode(errors="replace").replace(str(where), "DIR").replace(sha, "SHA").strip().splitlines()
    return "time limit" if ran.code == TIMED_OUT else lines[-1] if lines else f"exit code {ran.code}"


def lacking(where: Path) -> int:
    """How many objects of its history a clone lacks, as one that was made without large files does."""
    return sum(line.startswith("?") for line in git(where, "rev-list", "--objects", "--missing=print", "HEAD").splitlines())


# -- who ranks better ---------------------------------------------------------------------------------


def answered(found: Iterable[Project], names: Collection[str]) -> list[Project]:
    """The commits of which each of the tools said something, of the projects that still have MIN_ANSWERED of either label."""
    kept = [one.where(~np.isnan(np.column_stack([one.scores[name] for name in names])).any(axis=1)) for one in found]
    return [one for one in kept if MIN_ANSWERED <= one.y.sum() <= len(one.y) - MIN_ANSWERED]


def gain(found: Sequence[Project], other: str, resamples: int, seed: int, one: str = OURS) -> Gain:
    """One tool against another on the commits that both scored: per project the difference of AUC, then its mean.

    *commits*: the projects stay, within each as many buggy and as many clean commits as there are are drawn anew. *repositories*: whole projects are drawn anew and
    keep their commits. *both*: projects, and commits within them.
    """
    kept = answered(found, (one, other))
    first, second = (np.array([project.auc(name) for project in kept]) for name in (one, other))
    rng = np.random.default_rng(seed)
    within = np.array([_differences(project, (one, other), resamples, rng) for project in kept])
    places = rng.integers(0, len(kept), (len(kept), resamples))
    draws = {
        "commits": within.mean(axis=0),
        "repositories": (first - second)[places].mean(axis=0),
        "both": within[places, rng.integers(0, resamples, places.shape)].mean(axis=0),
    }
    value = float((first - second).mean())
    by = {name: metrics.interval(value, draws[name]) for name in JUDGES}
    each = dict(zip([project.name for project in kept], (first - second).tolist(), strict=True))
    return Gain(float(first.mean()), float(second.mean()), by, sum(len(project.y) for project in kept), each)


def _differences(project: Project, names: tuple[str, str], resamples: int, rng: np.random.Generator) -> np.ndarray:
    """Differences of AUC (resamples,) when as many commits of either label are drawn anew, the same ones for both tools."""
    buggy, clean = np.flatnonzero(project.y == 1), np.flatnonzero(project.y == 0)
    outranks = []  # (buggy, clean): 1 where the buggy commit has the higher score, 1/2 where both have the same
    for name in names:
        high, low = project.scores[name][buggy, None], project.scores[name][None, clean]
        outranks.append((high > low) + (high == low) / 2)
    drawn_buggy, drawn_clean = (rng.multinomial(len(rows), np.full(len(rows), 1 / len(rows)), resamples) for rows in (buggy, clean))
    return np.asarray((drawn_buggy @ (outranks[0] - outranks[1]) * drawn_clean).sum(axis=1) / (len(buggy) * len(clean)))


# -- the page -----------------------------------------------------------------------------------------


def page(
    found: Mapping[str, Sequence[Project]], asked: Answers, gaps: Sequence[tuple[bool, float]], results: Mapping[str, Any], options: argparse.Namespace
) -> str:
    """docs/rivals.md."""
    lines = _head(asked, options)
    for name, drawn_of in found.items():
        lines += _section(SOURCES[name], drawn_of, options)
    return "\n".join([*lines, *_home(found, gaps, results), *_taken(asked)]) + "\n"


def _head(asked: Answers, options: argparse.Namespace) -> list[str]:
    where = machine()
    tools = " and ".join(f"{peer.name} {asked.versions[peer.name]} (`{peer.shown()}`)" for peer in asked.peers)
    given = [*(["--labels", *options.labels] if options.labels != ["szz"] else ()), *(["--most", str(options.most)] if options.most != 50 else ())]
    given += ["--kept"] if options.kept else []
    given += ["--fewer", *(f"{peer}={most}" for peer, most in options.fewer.items())] if options.fewer else []
    fewer = "".join(f", for {peer} {most} and {most} of these" for peer, most in options.fewer.items())
    return [
        "# Beside other tools, on repositories that the model never saw",
        "",
        f"Written by `{' '.join(['python benchmarks/rivals.py --clones DIR --peers DIR', *given])}`; nothing here is typed by hand. {datetime.now(UTC).date().isoformat()}, {where['cpu']}, "
        f"{where['cores']} cores, Python {where['python']}, seed {options.seed}.",
        "",
        f"{tools}: called as their users call them, in a clone with the whole history, bare, its HEAD the commit from whose history the labels were made; both answer the same in a work tree. Ours: the recipe that ships, a forest of "
        f"{options.trees} trees and the regression beside it ([within.md](within.md)), learned in {evaluate.N_FOLDS} parts without the repositories that they judge, asked with what the ancestors of a commit knew. LApredict is a logistic regression on added lines alone, so its order "
        "is theirs.",
        "",
        f"Of each project at most {options.most} buggy and {options.most} clean commits are drawn{fewer}; AUC does not depend on the share of either. Each tool is compared on the commits of which it gave a score, project by project; "
        f"the figures are means over the projects. 95 % bootstrap intervals of the difference, {options.resamples:,} draws, the same ones for both tools: *commits* – the projects stay, the commits within them are drawn anew; "
        "*repositories* – whole projects are drawn anew and keep their commits; *both* – projects, and commits within them. *Both* is the widest, and the verdict is its.",
        "",
    ]


def _section(source: Source, found: Sequence[Project], options: argparse.Namespace) -> list[str]:
    """A source of labels: the table of differences, the verdict, the projects."""
    every = [one.whole for one in found if one.whole]
    gains = {name: gain(found, name, options.resamples, options.seed) for name in found[0].scores if name != OURS}
    on_all = {name: gain(every, name, options.resamples, options.seed) for name in (LINES, PROGRAM)}
    rows = [_row(name, g) for name, g in gains.items()] + [_row(f"{name}, on all commits", g) for name, g in on_all.items()]
    each = [
        f"| {one.name} | {int(one.y.sum())} of {int(whole.y.sum()):,} | {int((1 - one.y).sum())} of {int((1 - whole.y).sum()):,} | {one.auc(OURS):.3f} | "
        + " | ".join(f"{g.each[one.name]:+.3f}" if one.name in g.each else "–" for g in gains.values())
        + " |"
        for one, whole in zip(found, every, strict=True)
    ]
    common = answered(found, list(found[0].scores))
    peers_too = [name for name in gains if name not in (LINES, PROGRAM)]
    return [
        f"## {source.title}",
        "",
        f"{sum(len(one.y) for one in found):,} commits of {len(found)} projects, {sum(int(one.y.sum()) for one in found):,} of them buggy; drawn from {sum(len(one.y) for one in every):,}.",
        "",
        "| codex-gate beside | mean AUC | difference | commits | repositories | both | n |",
        "|---|---|---:|---|---|---|---:|",
        *rows,
        "",
        verdict({name: g.by["both"] for name, g in {**gains, LINES: on_all[LINES]}.items() if name != PROGRAM}),
        "",
        f"On the {sum(len(one.y) for one in common):,} commits of {len(common)} projects of which all gave a score: "
        + ", ".join(f"{name} {np.mean([one.auc(name) for one in common]):.3f}" for name in found[0].scores)
        + ".",
        "",
        *(f"- {_beside(name, gain(found, LINES, options.resamples, options.seed, name))}" for name in peers_too),
        "",
        "| project | buggy | clean | codex-gate | " + " | ".join(f"− {name}" for name in gains) + " |",
        "|---|---:|---:|---:|" + "---:|" * len(gains),
        *each,
        "",
    ]


def _row(name: str, g: Gain) -> str:
    spans = " | ".join(f"{found.low:+.3f} to {found.high:+.3f}" for found in (g.by[judge] for judge in JUDGES))
    return f"| {name} | {g.ours:.3f} − {g.other:.3f} | **{g.by['both'].value:+.3f}** | {spans} | {g.n:,} |"


def _beside(name: str, g: Gain) -> str:
    both = g.by["both"]
    return f"{name} beside added lines: {g.ours:.3f} − {g.other:.3f} = {both.value:+.3f} ({both.low:+.3f} to {both.high:+.3f})"


def verdict(gains: Mapping[str, Interval]) -> str:
    """Which tools codex-gate is above, by the intervals alone."""
    above = [name for name, g in gains.items() if g.low > 0]
    below = [name for name, g in gains.items() if g.high < 0]
    unsure = [name for name in gains if name not in (*above, *below)]
    told = [f"{how} {', '.join(names)}" for how, names in (("above", above), ("below", below), ("no difference shown to", unsure)) if names]
    return f"Verdict: codex-gate is {'; '.join(told)}." if above or below else f"Verdict: {told[0]}."


def _home(found: Mapping[str, Sequence[Project]], gaps: Sequence[tuple[bool, float]], results: Mapping[str, Any]) -> list[str]:
    """Whose ground this is, and what other ground says."""
    lines = [
        "## Whose ground this is",
        "",
        "What SZZ labelled here it labelled by this package, and ours learned from labels of the same kind, made on other repositories; neither peer did (repowise says of its score that it was calibrated on 4,102 commits "
        "of 7 repositories with labels of another SZZ). That is an advantage at home, not a leak: no label of a judged repository was learned from, none that was not known on 2018-01-01, and no measure looks ahead.",
        "",
    ]
    if "szz" in found:
        every = [one.whole for one in found["szz"] if one.whole]
        ours, program = (float(np.mean([one.auc(name) - one.auc(LINES) for one in every])) for name in (OURS, PROGRAM))
        lines += [
            f"How large it may be: this SZZ blames program text alone, so lines of program text, counted with no model at all, rank {program:+.3f} above all added lines, where the recipe that ships has {ours:+.3f}. Whoever counts lines of tests "
            "and documents like those of the program is at a disadvantage by construction.",
            "",
        ]
    gains = {own: [gap for labelled, gap in gaps if labelled is own] for own in (True, False)}
    told = [
        f"{np.mean(found):+.3f} on the {len(found)} projects that {who} labelled"
        for found, who in ((gains[True], "this SZZ"), (gains[False], "somebody else"))
        if found
    ]
    row = results["rows"]["auc"]
    return [
        *lines,
        f"The recipe beside added lines with all times judged, whole repositories unseen (models/evaluation.json): {', '.join(told)}. There the peers were not asked.",
        "",
        f"They were on {row['repositories'][0]['name']}, whose labels are not ours, with the shipped model, which did not learn from it, though its AUC was in view while measures were chosen (figures and intervals are those of [benchmarks.md](benchmarks.md); the model card draws anew for its own):",
        "",
        *(f"- {figure['what']}: {figure['shown']}" for figure in row["figures"] if figure["must"]),
        "",
    ]


def gaps_of(evaluation: Mapping[str, Any], corpus: evaluate.Corpus) -> list[tuple[bool, float]]:
    """(labelled by our SZZ, AUC of the shipped recipe less that of added lines) of each project, over all times."""
    own = {str(entry["project"]): "labels" not in entry for entry in corpus.entries}
    rows = evaluation["all_times"]["projects"]
    return [(own[row["project"]], row["models"]["forest"]["auc"] - row["models"]["lapredict"]["auc"]) for row in rows]


def _taken(asked: Answers) -> list[str]:
    """How many answers each peer gave, why it gave none, and what they took."""
    rows, reasons = [], []
    for peer in asked.peers:
        used = asked.used[peer.name]
        none = Counter(one["error"] or "an answer without a score" for one in used if one["said"].get(next(iter(peer.scores))) is None)
        cpu = [one["cpu_s"] for one in used]
        rows.append(
            f"| {peer.name} {asked.versions[peer.name]} | {len(used):,} of {len(used) + asked.open[peer.name]:,} | {none.total():,} | {median(cpu):.2f} | {max(cpu):.2f} | {sum(cpu) / 60:.0f} |"
        )
        reasons += [f"{peer.name} said: " + "; ".join(f"{text} ({count})" for text, count in none.most_common(3)) + "."] if none else []
    poor = [f"{name} {count}" for name, count in sorted(asked.lacking.items()) if count]
    return [
        "## What the peers took",
        "",
        f"A cold process a commit, ended after {asked.timeout_s:g} s. A commit without a score is left out of that peer's comparison."
        + (
            f" Clones here that lack files of their history, large ones that the stored copy left out: {', '.join(poor)}; what a peer cannot read for that is not its fault."
            if poor
            else ""
        ),
        "",
        "| peer | asked about | no score | CPU seconds, median | most | CPU minutes in all |",
        "|---|---:|---:|---:|---:|---:|",
        *rows,
        *(["", *reasons] if reasons else []),
    ]


if __name__ == "__main__":
    sys.exit(main())
