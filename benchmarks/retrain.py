"""What retraining on a repository's own history is worth: added lines alone, the shipped recipe without it, own trees, the blend without and with words.

python benchmarks/retrain.py --clones DIR

No model that ships is judged here: each repository is blended with a model of the shipped recipe that learned without it, on
the other repositories of the corpus. Then everything goes as in `automl-codex retrain`. Writes docs/retraining.md; some minutes.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from time import perf_counter
from typing import Any, Final, NamedTuple

ROOT: Final = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "training")]

import numpy as np

from automl_codex import blend, evaluate, export, general, metrics, mine, own_words, retrain, tables, train, within
from automl_codex.retrain import Scores
from automl_codex.tables import Dataset
from benchmarks.measure import machine
from codex_gate.errors import GateError, UsageError
from codex_gate.forest import Forest
from codex_gate.git import Repository

FOLDS: Final = 4  # repositories left out together
MIN_COMMITS: Final = 2_500  # of a repository that is judged
GAPS: Final = (0, 180, 365)  # days
WEIGHTS: Final = (0.0, 0.25, 0.5, 0.75, 1.0)  # of own trees
SHARES: Final = (0.25, 0.5, 1.0)  # of what the words say
MODELS: Final = {
    "lapredict": "added lines alone",
    "shipped": "shipped recipe",
    "own": "own trees alone",
    "trees": "blend of trees",
    "blend": "blend with words",
    "left": "what is in use then",
    "before": "in use, decided a fifth earlier",
}
DECISIONS: Final = ("left", "before")  # those of MODELS that follow from a decision
NOTHING: Final = "nothing"  # is taken
KEPT: Final = "## Shuffled labels"  # the section of the page that benchmarks/shuffled.py writes; the last
Row = dict[str, Any]


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--input", type=Path, default=ROOT / "training" / "data")
    parser.add_argument("--corpus", type=Path, default=ROOT / "training" / "corpus.yaml")
    parser.add_argument("--clones", type=Path, required=True, metavar="DIR", help="folder of clones, named OWNER+NAME, for the words of the changes")
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "retraining.md")
    parser.add_argument("--trees", type=int, default=100, help="of the forests that stand for the shipped one (default: %(default)s)")
    parser.add_argument("--min-commits", type=int, default=MIN_COMMITS, help="of a repository that is judged (default: %(default)s)")
    parser.add_argument("--time", type=Path, action="append", default=[], metavar="CLONE", help="also time the whole command on this clone; may be repeated")
    parser.add_argument("--seed", type=int, default=42)
    options = parser.parse_args(argv)
    try:
        return run(options)
    except GateError as error:
        print(f"retrain: {error}", file=sys.stderr)
        return 2


def run(options: argparse.Namespace) -> int:
    """Measure and write the page."""
    times = [timed(path, options.seed) for path in options.time]
    entries = mine.read_corpus(options.corpus)
    corpus = evaluate.Corpus.of(entries)
    rows = measure(corpus.split(tables.read(options.input))[0], corpus, judged(entries, options.clones), options)
    if not any("auc" in row for row in rows):
        raise UsageError(
            f"no repository of {options.corpus} that SZZ labelled has {options.min_commits:,} commits in {options.input} and fixes enough to tell; lower --min-commits"
        )
    kept = section(options.output)
    options.output.write_text(markdown(rows, times, options, datetime.now(UTC).date()) + kept, "utf-8")
    return 0


def section(page: Path) -> str:
    """The section of another command that the page holds, with the blank line before it; empty where it holds none."""
    _, head, rest = page.read_text("utf-8").partition(f"\n{KEPT}\n") if page.is_file() else ("", "", "")
    return head + rest


def timed(clone: Path, seed: int) -> Row:
    """The whole of `automl-codex retrain` on one clone, from an empty work directory to the files that it would write."""
    repo = Repository.discover(clone, os.environ)
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        wall, cpu = perf_counter(), os.times()
        made = retrain.make(retrain.Asked(repo, Path(folder) / "models", work=Path(folder), seed=seed), datetime.now(UTC).date(), say)
        wall, after = perf_counter() - wall, os.times()
    used = sum(after[:4]) - sum(cpu[:4])
    return {"name": mine.name_of(repo), "commits": len(repo.log("HEAD")), "rows": made.report["data"]["commits"], "wall": wall, "cpu": used, "load": load}


def judged(entries: Sequence[Mapping[str, Any]], clones: Path) -> dict[str, Clone | None]:
    """Projects that were labelled by this package, what `retrain` would see in them, each with its clone, if there is one."""
    return {
        entry["project"]: Clone(where, entry["head"]) if (where := mine.clone_of(entry["clone"], clones)) else None
        for entry in entries
        if "labels" not in entry and entry["role"] == "train"
    }


class Clone(NamedTuple):
    """Where a repository lies, and the SHA of the head that was labelled."""

    where: Path
    head: str


class Case(NamedTuple):
    """A repository to judge on: its rows with their words in the order of time, the model that did not see it, and its calibration."""

    project: str
    rows: Dataset
    shipped: blend.Parts
    knots: Sequence[tuple[float, float]]


def measure(data: Dataset, corpus: evaluate.Corpus, wanted: Mapping[str, Clone | None], options: argparse.Namespace) -> list[Row]:
    """A row for each judged repository."""
    found = []
    for case in cases(data, corpus, wanted, options):
        try:
            found.append({"project": case.project} | one(case, options))
        except UsageError as error:
            found.append({"project": case.project, "refused": str(error)})
            say(f"{case.project}: {error}")
            continue
        say(f"{case.project}: " + ", ".join(f"{MODELS[name]} {found[-1]['auc'][name]:.3f}" for name in MODELS))
    return found


def cases(data: Dataset, corpus: evaluate.Corpus, wanted: Mapping[str, Clone | None], options: argparse.Namespace) -> Iterator[Case]:
    """The wanted repositories that are large enough, each with the forest and the calibration of repositories that it is not among.

    Raises:
        UsageError: there is no clone of one of them.
    """
    groups, (labels, usable) = corpus.groups(data), evaluate.known(data, corpus, evaluate.ALL_TIMES)
    names, size = np.unique(groups, return_counts=True)
    ordered = names[np.argsort(-size, kind="stable")]
    recipe = train.Recipe(n_trees=options.trees, seed=options.seed)
    fold = np.array([list(ordered).index(group) % FOLDS for group in groups])
    scores, models = np.full(len(data), np.nan), []
    for k in range(min(FOLDS, len(ordered))):
        seen = usable & (fold != k)
        models.append(general.fit(data.where(seen), labels[seen], recipe))
        scores[fold == k] = models[k].scores(data.where(fold == k))
        say(f"model {k + 1} of {FOLDS} learned from {int(seen.sum())} commits")
    for project in sorted(wanted):
        place = np.flatnonzero(data.project == project)
        if len(place) < options.min_commits:
            continue
        if (clone := wanted[project]) is None:
            raise UsageError(f"{options.clones} holds no clone of {project}, and words are read from it; clone it there as OWNER+NAME")
        k = int(fold[place[0]])
        others = usable & (fold != k) & data.traced()  # as the shipped calibration (evaluate.report)
        knots = train.calibrate(scores[others], labels[others], evaluate.evenly(groups[others]))
        rows = data.where(data.project == project)
        rows = worded(rows.where(np.argsort(rows.time, kind="stable")), clone)
        regression = models[k].within
        beside = () if regression is None else (regression.slopes, regression.words)
        yield Case(project, rows, blend.Parts(Forest(export.to_flat(models[k].forest, len(recipe.names))), recipe.names, *beside), knots)


def worded(rows: Dataset, clone: Clone) -> Dataset:
    """The rows with what their changes say."""
    return own_words.attach(Repository.discover(clone.where, os.environ), rows, clone.head)


def one(case: Case, options: argparse.Namespace) -> Row:
    """One repository: everything on its newest fifth, the blend as `automl-codex retrain` makes it.

    Raises:
        UsageError: nothing can be told there.
    """
    rows, names = case.rows, case.shipped.feature_names
    started = perf_counter()
    challenge = blend.challenge(rows, case.shipped, options.seed)
    seconds = perf_counter() - started
    newest, piece = challenge.newest, blend.parts(rows)[-1]
    late = challenge.judges.where(newest)
    y = late.y
    if not blend.tells(y):
        raise UsageError(f"{int(y.sum())} of the newest {len(y)} commits needed a fix, too few to compare two models on them alone")
    raw, shipped_chance = scored(case, challenge.judges)
    base = raw[newest]
    of_forest, by = blend.predict(case.shipped.forest, train.encode(rows, names)), within.by_slopes(case.shipped.slopes, rows)
    recipe = blend.own_recipe(names, options.trees, options.seed)
    own = {gap: blend.out_of_time(rows, [piece], recipe, gap * 86_400)[piece] for gap in GAPS}
    alone = own[round(blend.GAP / 86_400)]
    trees = blend.challenge(rows, case.shipped, options.seed, words=0.0)
    beside = blend.moved(of_forest, by)
    told = {share: blend.by_words(rows, beside, [piece], share, case.shipped.words)[piece] for share in SHARES}
    of_forest, by, common = of_forest[piece], by[piece], blend.by_words_of(case.shipped, late)
    scores = {
        "lapredict": train.encode(late, ("la",))[:, 0].astype(float),
        "shipped": base,
        "own": alone,
        "trees": trees.raw[newest],
        "blend": challenge.raw[newest],
    }
    taken, winner = decided(challenge, case, rows, {"base": (raw, shipped_chance)}, options.seed)
    taken_before, before = decided_before(case, options.seed)
    left = (raw, shipped_chance) if taken == NOTHING else (winner.raw, winner.chance)
    scores |= {"left": left[0][newest], "before": before[0]}
    chances = {"shipped": shipped_chance[newest], "blend": challenge.chance[newest], "left": left[1][newest], "before": before[1]}
    return {
        "commits": len(y),
        "buggy": int(y.sum()),
        "judges": int(challenge.judges.y.sum()),
        "y": y,
        "scores": scores,
        "auc": {name: metrics.auc(y, score) for name, score in scores.items()},
        "ece": {name: metrics.ece(y, chance) for name, chance in chances.items()},
        "taken": taken,
        "taken_before": taken_before,
        "fixed": {weight: metrics.auc(y, blend.moved(mixed(alone, of_forest, weight), by + common)) for weight in WEIGHTS},
        "said": {share: metrics.auc(y, blend.moved(of_forest, by + blend.by_either(told[share], common))) for share in SHARES},
        "gaps": {gap: metrics.auc(y, mixed(score, of_forest, 1.0)) for gap, score in own.items()},
        "seconds": seconds,
    }


def mixed(own: np.ndarray, base: np.ndarray, weight: float) -> np.ndarray:
    """Weighted mean of two forests' scores; the shipped one's alone where there was no own forest."""
    return np.asarray(np.where(np.isnan(own), base, weight * own + (1 - weight) * base))


def scored(case: Case, rows: Dataset) -> Scores:
    """What the model that did not see the repository says of some of its rows."""
    raw = blend.scored(case.shipped, rows)
    return raw, train.apply(case.knots, raw)


def decided(challenge: blend.Challenge, case: Case, rows: Dataset, others: Mapping[str, Scores], seed: int) -> tuple[str, blend.Challenge]:
    """What `automl-codex retrain` takes on these rows of the case, and the challenger that it was decided on.

    Args:
        challenge: the blend, made of `rows`. others: the models whose place it would take, "base" and, where it is another, "in_use".
    """
    if judgement(challenge, others, seed):
        return "blend" if challenge.weight or challenge.words else "calibration", challenge
    if not (challenge.weight or challenge.words):
        return NOTHING, challenge
    second = blend.challenge(rows, case.shipped, seed, weight=0.0, words=0.0)
    return ("calibration", second) if judgement(second, others, seed) else (NOTHING, challenge)


def decided_before(case: Case, seed: int) -> tuple[str, Scores]:
    """What would have been taken when the newest fifth began, and what is in use then says of this fifth, as it would have shipped."""
    early, late = a_fifth_earlier(case.rows)
    shipped = scored(case, late)
    try:
        first = blend.challenge(early, case.shipped, seed)
    except UsageError:  # too few to tell then
        return NOTHING, shipped
    taken, winner = decided(first, case, early, {"base": scored(case, first.judges)}, seed)
    return taken, shipped if taken == NOTHING else as_shipped(winner, early, case, late, seed)


def a_fifth_earlier(rows: Dataset) -> tuple[Dataset, Dataset]:
    """What `automl-codex retrain` would have had when the newest part began, and that part, with the labels of today.

    It would have had the changes that were a year old then, with the labels of then: a fix that came later is unknown.

    Raises:
        UsageError: too few rows for parts.
    """
    newest = np.arange(len(rows)) >= blend.parts(rows)[-1].start
    began = float(rows.time[newest][0])
    y = train.labels_at(rows, began)
    then = replace(rows, y=y, fix_time=np.where(y == 1, rows.fix_time, np.nan))
    return then.where(train.trainable(then, began)), rows.where(newest)


def as_shipped(found: blend.Challenge, rows: Dataset, case: Case, late: Dataset, seed: int) -> Scores:
    """What a challenger made of `rows` says of later ones, as it would ship: grown on all rows, with its newest calibration."""
    words = blend.final_words(rows, case.shipped, found.words) or case.shipped.words
    raw = blend.scored(case.shipped._replace(forest=Forest(blend.final_forest(rows, case.shipped, found.weight, seed)), words=words), late)
    return raw, train.apply(found.knots, raw)


def judgement(challenge: blend.Challenge, others: Mapping[str, Scores], seed: int) -> bool:
    """Whether `automl-codex retrain` would take the challenger in place of models with these scores and probabilities (n,) of the rows that judge."""
    y, base = challenge.judges.y, others["base"]
    gains = {name: retrain.against(challenge, other, seed) for name, other in others.items()}
    ece = retrain.calibration(challenge, base[1], seed)
    return retrain.taken(retrain.gates(gains, ece, metrics.auc_within(y, challenge.raw, challenge.part), metrics.f1_at_fpr(y, challenge.raw)[0]))


def markdown(rows: Sequence[Row], times: Sequence[Row], options: argparse.Namespace, today: date) -> str:
    """The whole page."""
    host = machine()
    rows, unjudged = [row for row in rows if "auc" in row], [row["project"] for row in rows if "auc" not in row]
    few = f" In {', '.join(unjudged)} too few changes of it needed a fix to say anything." if unjudged else ""
    parts = [
        "# Retraining",
        "",
        f"Written by `python benchmarks/retrain.py`; nothing here is typed by hand. {today.isoformat()}, {host['cpu']}, {host['cores']} cores, Python {host['python']}, seed {options.seed}.",
        "",
        f"{len(rows)} repositories of `training/corpus.yaml` with at least {options.min_commits:,} labelled commits in `training/data` (of larger ones a draw of 4,000), labelled by this package. Figures are of the newest fifth of each: "
        "labels for learning as known when that fifth began, labels for judging as known at the head that was labelled, eighteen months or more later. *Shipped recipe* is "
        f"a forest of {options.trees} trees and the regression beside it, learned as those that ship from the other repositories of the corpus ({FOLDS} parts, each left out in turn): the model that ships has seen these repositories and cannot be judged on them. "
        f"It learned from its repositories at all times, also later ones, which favours it.{few} *Blend* is what `automl-codex retrain` makes: {blend.WEIGHT:g} of the trees are own ones, and {blend.WORDS:g} of what its own past says of words beyond what many projects say counts. "
        f"It decides by the latest {blend.N_JUDGES} fifths, in which *judges* counts the changes that needed a fix; s are the seconds of its comparison, without mining.",
        "",
        "## Ranking and calibration",
        "",
        f"| repository | commits | buggy | judges | {' | '.join(said for name, said in MODELS.items() if name not in DECISIONS)} | blend − shipped | ECE shipped | ECE blend | taken | s |",
        "|" + "---|" * 14,
        *(_line(row) for row in rows),
        "",
        *_totals(rows, options.seed),
        "",
        "## What did not matter much",
        "",
        "Mean AUC on the newest fifth if the weight of the own trees were the same everywhere: "
        + ", ".join(f"{_mean(rows, 'fixed', w):.4f} at {w:g}" for w in WEIGHTS)
        + f"; as it is there, with as many of the shipped trees as are left beside the own ones, {_mean(rows, 'auc', 'trees'):.4f}. The shipped recipe with a share of what the words say, the same everywhere: "
        + ", ".join(f"{_mean(rows, 'said', share):.4f} at {share:g}" for share in SHARES)
        + f"; trees and words as they are there, {_mean(rows, 'auc', 'blend'):.4f}. "
        "Own trees alone, leaving out commits of the last days before the cut, whose bugs are mostly not found yet: "
        + ", ".join(f"{_mean(rows, 'gaps', gap):.4f} with {gap} days" for gap in GAPS)
        + ".",
        "",
        "The calibration (on the part before the newest, not on all earlier ones), the leaf size of the own trees, rules that choose their weight, forms of the words, and the rule that decides "
        "were looked at on the newest fifths of these same repositories, in rougher runs, weight and words on repositories with labels of others too (tried.md): the gains here are a little flattered.",
        "",
        *_times(times),
    ]
    return "\n".join(parts)


def _line(row: Row) -> str:
    auc, ece = row["auc"], row["ece"]
    cells = [
        row["project"],
        row["commits"],
        row["buggy"],
        row["judges"],
        *(f"{auc[name]:.3f}" for name in MODELS if name not in DECISIONS),
        f"{auc['blend'] - auc['shipped']:+.3f}",
    ]
    cells += [f"{ece['shipped']:.3f}", f"{ece['blend']:.3f}", row["taken"], f"{row['seconds']:.0f}"]
    return f"| {' | '.join(map(str, cells))} |"


def _times(times: Sequence[Row]) -> list[str]:
    if not times:
        return []
    lines = [f"| {t['name']} | {t['commits']:,} | {t['rows']:,} | {t['wall']:.0f} | {t['cpu']:.0f} | {t['load']:.1f} |" for t in times]
    head = ["| clone | commits | labelled and old enough | wall, s | CPU, s | load before |", "|---|---|---|---|---|---|"]
    return ["## Time", "", "The whole command, from an empty work directory: labelling, measuring, comparing, growing.", "", *head, *lines, ""]


def _totals(rows: Sequence[Row], seed: int) -> list[str]:
    """Means over repositories with paired intervals, and how often the blend was better or worse."""
    labels = {row["project"]: row["y"] for row in rows}
    draws = metrics.bootstrap_means(
        labels, [{row["project"]: row["scores"][name] for row in rows} for name in MODELS], np.random.default_rng(seed), evaluate.DRAWS
    )
    place = {name: i for i, name in enumerate(MODELS)}

    def gain(name: str, other: str) -> str:
        found = metrics.interval(_mean(rows, "auc", name) - _mean(rows, "auc", other), draws[place[name]] - draws[place[other]])
        return f"{found.value:+.3f} ({found.low:+.3f} to {found.high:+.3f})"

    lines = ["| mean over repositories | AUC | 95 % | against added lines | against the shipped recipe | mean ECE |", "|---|---|---|---|---|---|"]
    for name, said in MODELS.items():
        found = metrics.interval(_mean(rows, "auc", name), draws[place[name]])
        ece = f"{_mean(rows, 'ece', name):.3f}" if name in rows[0]["ece"] else "–"
        cells = (
            f"{found.value:.3f}",
            f"{found.low:.3f} to {found.high:.3f}",
            gain(name, "lapredict") if name != "lapredict" else "–",
            gain(name, "shipped") if name != "shipped" else "–",
            ece,
        )
        lines.append(f"| {said} | {' | '.join(cells)} |")
    better, worse = (sum(sign * (r["auc"]["blend"] - r["auc"]["shipped"]) > 0 for r in rows) for sign in (1, -1))
    far = sum(r["auc"]["blend"] - r["auc"]["shipped"] < -retrain.MAX_LOSS for r in rows)
    calmer = sum(r["ece"]["blend"] < r["ece"]["shipped"] for r in rows)
    taken, before = (Counter(r[when] for r in rows) for when in ("taken", "taken_before"))
    little = abs(_mean(rows, "auc", "blend") - _mean(rows, "auc", "shipped")) < retrain.MAX_LOSS < _mean(rows, "ece", "shipped") - _mean(rows, "ece", "blend")
    meaning = ": what retraining brings here is the repository's own base rate rather than another order" if little else ""
    reached = {name: _mean(rows, "auc", name) - _mean(rows, "auc", "lapredict") >= evaluate.MIN_GAIN for name in ("blend", *DECISIONS)}
    goal = [
        f"{'reached' if reached[name] else 'missed'} {said}"
        for name, said in (
            ("blend", "by the blend"),
            ("left", "with what is in use then"),
            ("before", "with what was decided a fifth earlier"),
        )
    ]
    return [
        *lines,
        "",
        f"The blend ranks better than the shipped recipe in {better} of {len(rows)}, worse in {worse}, worse by more than {retrain.MAX_LOSS} in {far}; its probabilities are nearer in {calmer}. "
        f"By the rules of `automl-codex retrain` the blend is taken in {taken['blend']}, the shipped order with an own calibration in {taken['calibration']}, nothing in {taken['nothing']}; "
        f"with what is in use then the mean AUC is {_mean(rows, 'auc', 'left'):.3f}, the mean calibration error {_mean(rows, 'ece', 'left'):.3f}. "
        "The newest fifth is one of those that decide, which favours what is taken; *decided a fifth earlier* asks the same of what was known when it began: the changes that were a year old then, with the labels of then, cut into fifths anew; what is taken stands there as it would have shipped. "
        f"So the blend is taken in {before['blend']}, the shipped order with an own calibration in {before['calibration']}, nothing in {before['nothing']}, also where too few changes had needed a fix to tell.",
        "",
        "The rule looks at the AUC and at the Brier score, each with a 95 % interval of its own, takes a gain that is certain in either, and where it refuses the blend asks the same of the shipped order with an own calibration. "
        "No interval is made wider for these looks, up to four, so chance passes more often than the 5 % of one look say; what may not be lost is asked beside it and stops some of that. "
        "How often all of it lets through a challenger that learned from wrong labels is counted under [Shuffled labels](#shuffled-labels), first retrainings apart.",
        "",
        f"The goal of + {evaluate.MIN_GAIN} over added lines is {', '.join(goal)}. "
        f"Between shipped recipe and blend the mean AUC goes from {_mean(rows, 'auc', 'shipped'):.3f} to {_mean(rows, 'auc', 'blend'):.3f}, the mean calibration error from "
        f"{_mean(rows, 'ece', 'shipped'):.3f} to {_mean(rows, 'ece', 'blend'):.3f}{meaning}.",
    ]


def _mean(rows: Sequence[Row], kind: str, name: Any) -> float:
    return float(np.mean([row[kind][name] for row in rows]))


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
