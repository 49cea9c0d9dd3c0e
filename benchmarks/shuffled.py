"""Whether a challenger that learned from wrong labels is taken: 30 % of them permuted among commits, 25 seeds, and the rule of `automl-codex retrain` asked.

python benchmarks/shuffled.py --clones DIR

Asked of every repository whose history can tell two models apart: where that rule takes something with the labels as they are, that is in use when the
shuffled challenger comes, elsewhere the shipped recipe, and the challenger is a first retraining. Once with the latest fifths as judges, and once with what was known a fifth earlier, so that the newest one tells what became of what was taken; and
how many labels a history loses by itself. The forests are those of benchmarks/retrain.py. Writes a section of
docs/retraining.md; three quarters of an hour of one core.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "training")]

import numpy as np

from automl_codex import blend, evaluate, metrics, mine, retrain, tables, train
from automl_codex.retrain import Scores
from automl_codex.tables import Dataset
from benchmarks.measure import machine
from benchmarks.retrain import KEPT, MIN_COMMITS, NOTHING, Case, a_fifth_earlier, as_shipped, cases, decided, judged, judgement, say, scored
from codex_gate import szz
from codex_gate.errors import GateError, UsageError
from codex_gate.git import Repository
from codex_gate.intervals import wilson

SHARE: Final = 0.30  # of the labels
SEEDS: Final = 25
LATER_SEEDS: Final = 10  # where it is asked what became of what was taken: its answer lies in many changes, not in many permutations
DAYS: Final = (31, 365)  # between two retrainings
Row = dict[str, Any]


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--input", type=Path, default=ROOT / "training" / "data")
    parser.add_argument("--corpus", type=Path, default=ROOT / "training" / "corpus.yaml")
    parser.add_argument(
        "--clones", type=Path, required=True, metavar="DIR", help="folder of clones, named OWNER+NAME, for words, and to see what labels are lost by themselves"
    )
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "retraining.md", help="page whose section is written anew (default: %(default)s)")
    parser.add_argument("--trees", type=int, default=100, help="of the forests that stand for the shipped one (default: %(default)s)")
    parser.add_argument("--min-commits", type=int, default=MIN_COMMITS, help="of a repository that is judged (default: %(default)s)")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="permutations for each repository (default: %(default)s)")
    parser.add_argument("--later-seeds", type=int, default=LATER_SEEDS, help="the same, a fifth earlier (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=42, help="of the forests, shuffled or not (default: %(default)s)")
    options = parser.parse_args(argv)
    try:
        return run(options)
    except GateError as error:
        print(f"shuffled: {error}", file=sys.stderr)
        return 2


def run(options: argparse.Namespace) -> int:
    """Measure and write the section."""
    entries = mine.read_corpus(options.corpus)
    corpus = evaluate.Corpus.of(entries)
    data = corpus.split(tables.read(options.input))[0]
    asked = list(cases(data, corpus, judged(entries, options.clones), options))
    rows = [row for case in asked for row in measure(case, options)]
    if not rows:
        raise UsageError(
            f"no repository of {options.corpus} has {options.min_commits:,} commits in {options.input} and fixes enough to tell two models apart; lower --min-commits"
        )
    later = [row for case in asked for row in afterwards(case, options)]
    named = {row["project"] for row in rows}
    lost = [row for entry in entries if entry["project"] in named for row in natural(entry, options.clones)]
    page = options.output.read_text("utf-8") if options.output.is_file() else ""
    options.output.write_text(with_section(page, markdown(rows, later, lost, options, datetime.now(UTC).date())), "utf-8")
    return 0


def shuffled(rows: Dataset, pieces: Sequence[slice], rng: np.random.Generator) -> Dataset:
    """The rows with SHARE of the labels of each part permuted among its commits, each with the time from commit to fix; other rows stay.

    Within a part, so that the share of changes that need a fix stays what it was in each period.
    """
    y, fix, delay = rows.y.copy(), rows.fix_time.copy(), rows.fix_time - rows.time
    for piece in pieces:
        n = piece.stop - piece.start
        places = piece.start + rng.choice(n, round(SHARE * n), replace=False)
        given = rng.permutation(places)
        y[places], fix[places] = rows.y[given], rows.time[places] + delay[given]
    return replace(rows, y=y, fix_time=fix)


def measure(case: Case, options: argparse.Namespace) -> Iterator[Row]:
    """The row of a repository whose history can tell two models apart; else none.

    In use is what was taken with the labels as they are, or the shipped recipe. The newest part is never shuffled; on it stand the differences. `refused` says for each
    seed whether the rule on lost labels alone refuses a challenger of what was learned here: own trees always, what is in use by `stopped_by_labels`.
    """
    if (first := in_use(case, case.rows, options.seed)) is None:
        return
    taken, winner, rivals = first
    pieces, learned = blend.parts(case.rows), buggy(case.rows)
    own = blend.challenge(case.rows, case.shipped, options.seed, weight=1.0, words=0.0)
    outcomes: Counter[str] = Counter()
    changes, own_taken, own_changes, refused = [], [], [], []
    for seed in range(options.seeds):
        rows = shuffled(case.rows, pieces[:-1], np.random.default_rng(seed))
        refused.append(refuses(learned, rows))
        challenge = blend.challenge(rows, case.shipped, options.seed)
        outcome, decided_on = decided(challenge, case, rows, rivals, options.seed)
        outcomes[outcome] += 1
        changes.append((outcome != NOTHING, *change(decided_on, winner)))
        other = blend.challenge(rows, case.shipped, options.seed, weight=1.0, words=0.0)
        own_taken.append(judgement(other, {"base": (own.raw, own.chance)}, options.seed))
        own_changes.append(change(other, own))
    say(
        f"{case.project}: {taken} with the labels as they are; shuffled {dict(outcomes)}, own trees alone {sum(own_taken)}, labels lost {sum(refused)} of {options.seeds}"
    )
    yield {
        "project": case.project,
        "buggy": int(winner.judges.y.sum()),
        "taken": taken,
        "outcomes": outcomes,
        "changes": changes,
        "own": own_taken,
        "own_changes": own_changes,
        "refused": refused,
    }


def stopped_by_labels(row: Mapping[str, Any]) -> list[bool]:
    """For each seed whether lost labels stop the challenger: never where nothing was taken, for a shipped model has no labels of this repository."""
    return [row["taken"] != NOTHING and lost for lost in row["refused"]]


def afterwards(case: Case, options: argparse.Namespace) -> Iterator[Row]:
    """The same with what was known when the newest part began: on this, which judges nothing then, what is taken is held against what is in use, each as it would ship."""
    try:
        early, late = a_fifth_earlier(case.rows)
    except UsageError:
        return
    if (first := in_use(case, early, options.seed)) is None:
        return
    taken, winner, rivals = first
    pieces, learned = blend.parts(early), buggy(early)
    held = scored(case, late) if taken == NOTHING else as_shipped(winner, early, case, late, options.seed)
    gains, stopped = [], []
    for seed in range(options.later_seeds):
        rows = shuffled(early, pieces[:-1], np.random.default_rng(seed))
        outcome, decided_on = decided(blend.challenge(rows, case.shipped, options.seed), case, rows, rivals, options.seed)
        if outcome != NOTHING:
            raw, chance = as_shipped(decided_on, rows, case, late, options.seed)
            order = retrain.in_order(late.y, np.zeros(len(late)), raw, held[0], options.seed)
            gains.append(order | {"brier": retrain.in_probability(late.y, chance, held[1], options.seed)})
            stopped.append(taken != NOTHING and refuses(learned, rows))
    say(
        f"{case.project}, a fifth earlier: {taken}; shuffled {len(gains)} of {options.later_seeds} taken by the figures, {sum(stopped)} of them refused for lost labels"
    )
    yield {"project": case.project, "buggy": int(late.y.sum()), "taken": taken, "gains": gains, "stopped": stopped}


def in_use(case: Case, rows: Dataset, seed: int) -> tuple[str, blend.Challenge, dict[str, Scores]] | None:
    """What is taken with the labels as they are, the challenger that was judged, and whom the next one must hold against; None where that cannot be told."""
    try:
        first = blend.challenge(rows, case.shipped, seed)
    except UsageError as error:
        say(f"{case.project}: {error}")
        return None
    base = {"base": scored(case, first.judges)}
    taken, winner = decided(first, case, rows, base, seed)
    return taken, winner, base if taken == NOTHING else base | {"in_use": (winner.raw, winner.chance)}


def buggy(rows: Dataset) -> frozenset[str]:
    return frozenset(rows.sha256[rows.y == 1].tolist())


def refuses(learned: Collection[str], rows: Dataset) -> bool:
    """Whether `automl-codex retrain` refuses these rows for the labels that were lost, whatever the figures say."""
    labels = retrain.kept(learned, rows)
    return labels is not None and labels.share < retrain.MIN_KEPT


def natural(entry: Mapping[str, Any], clones: Path) -> list[Row]:
    """How many changes that counted as buggy some days before the head still do at the head, by today's labeller; nothing where there is no clone."""
    where = mine.clone_of(entry["clone"], clones)
    if where is None:
        say(f"{entry['project']}: no clone in {clones}")
        return []
    repo = Repository.discover(where, os.environ)
    metas = repo.log(repo.resolve(entry["head"]))
    line = repo.log("--first-parent", metas[-1].sha)  # by time alone the last one may lie on a history that was merged
    traces: dict[str, szz.Trace] = {}
    now = szz.label(repo, metas, store=lambda found: traces.__setitem__(found.fix, found))
    rows = []
    for days in DAYS:
        last = [meta for meta in line if meta.time <= metas[-1].time - days * 86_400][-1]
        then = repo.log(last.sha)
        old, times = szz.label(repo, then, traced=traces), {meta.sha: meta.time for meta in then}
        known = [sha for sha, label in old.items() if label.buggy and times[sha] <= last.time - train.YEAR]
        here = [sha for sha in known if sha in now]
        rows.append({"project": entry["project"], "days": days, "known": len(known), "here": len(here), "kept": sum(now[sha].buggy for sha in here)})
    say(f"{entry['project']}: " + ", ".join(f"{row['kept']} of {row['here']} labels kept in {row['days']} days" for row in rows))
    return rows


def change(challenge: blend.Challenge, other: blend.Challenge) -> tuple[float, float]:
    """AUC and Brier score of a challenger minus those of another on the newest part, whose labels are the same for both."""
    y = challenge.judges.y[challenge.newest]
    (raw, chance), (raw_of_other, chance_of_other) = ((one.raw[one.newest], one.chance[one.newest]) for one in (challenge, other))
    return metrics.auc(y, raw) - metrics.auc(y, raw_of_other), float(((chance - y) ** 2 - (chance_of_other - y) ** 2).mean())


def with_section(page: str, text: str) -> str:
    """The page with this text as its last section, in place of the one that was there."""
    return page.partition(f"\n{KEPT}\n")[0] + text


def markdown(rows: Sequence[Row], later: Sequence[Row], lost: Sequence[Row], options: argparse.Namespace, today: date) -> str:
    """The section, with the blank line before it."""
    host, n = machine(), options.seeds
    total = len(rows) * n
    got, blends = sum(n - row["outcomes"][NOTHING] for row in rows), sum(row["outcomes"]["blend"] for row in rows)
    own = sum(sum(row["own"]) for row in rows)
    let = [sum(taken and not stop for (taken, *_), stop in zip(row["changes"], stopped_by_labels(row), strict=True)) for row in rows]
    own_let = sum(
        taken and not stop for row in rows for taken, stop in zip(row["own"], row["refused"], strict=True)
    )  # held against own trees, which have labels
    first = [row for row in rows if row["taken"] == NOTHING]
    let_first = sum(count for row, count in zip(rows, let, strict=True) if row in first)
    head = "| repository | judges | labels as they are: taken | shuffled: figures alone | 95 % | AUC | Brier × 10,000 | own trees: figures alone | 95 % | AUC | Brier × 10,000 | labels lost | taken |"
    parts = [
        "",
        KEPT,
        "",
        f"Written by `python benchmarks/shuffled.py`. {today.isoformat()}, {host['cpu']}, {host['cores']} cores, Python {host['python']}, forests of seed {options.seed}.",
        "",
        f"Is a worse challenger taken? {SHARE:.0%} of the labels of each older fifth are permuted among its commits, with {n} seeds; the newest fifth stays as it is, and so do the seeds of the forests; of the {blend.N_JUDGES} fifths that judge (*judges*: changes in them that needed a fix) it is the only one with right labels. "
        f"Asked of the {len(rows)} repositories whose history can tell two models apart. In {len(rows) - len(first)} of them something is taken with the labels as they are; that is in use when the shuffled challenger comes, "
        "which must hold against it and against the shipped recipe, by the rules of `automl-codex retrain`. In the others the shipped recipe is in use and the challenger is a first retraining. *Figures alone* are those rules without the one on labels. "
        "*Own trees* are compared with own trees of the labels as they are and with nothing else: "
        "no weight, and no order of the shipped recipe, hides there what was learned from wrong labels. Differences are means over the seeds, on the newest fifth: shuffled minus not shuffled. "
        f"*Labels lost*: seeds in which fewer than {retrain.MIN_KEPT:.0%} of the changes that the model in use learned as having needed a fix still count so; a challenger is refused then; a shipped model has none (–). *Taken* is by all rules.",
        "",
        head,
        "|" + "---|" * (head.count("|") - 1),
        *(_line(row, taken, n) for row, taken in zip(rows, let, strict=True)),
        f"| all | | | {got} of {total} | {_share(got, total)} | | | {own} of {total} | {_share(own, total)} | | | {sum(sum(stopped_by_labels(row)) for row in rows)} of {total - len(first) * n} | {sum(let)} of {total} |",
        "",
        f"By all rules {sum(let)} of {total} challengers from shuffled labels are taken, {let_first} of {len(first) * n} of them as a first retraining and {sum(let) - let_first} of {total - len(first) * n} against a model that was retrained here; "
        f"{own_let} of {total} where own trees alone are asked: the goal of 0 is {'not reached' if sum(let) or own_let else 'reached'}. By the figures alone {got} would be taken ({blends} {'blend' if blends == 1 else 'blends'} and {got - blends} times the shipped order "
        f"with another calibration) and {own} of own trees. The rule on labels was set with this question in view; it needs a model that was retrained here, with its labels beside it, and does not notice wrong labels that are only added. "
        "A first retraining has none: what the figures let through then is better than the shipped model for certain, on the changes that judge. "
        + (
            f"Nor is the rule corrected for looking several times, at two measures of two challengers: {let_first} of {len(first) * n}, {let_first / (len(first) * n):.1%}, is what it lets through of first retrainings. "
            if first
            else ""
        )
        + "The intervals treat seeds as independent; they share the history and the changes that judge.",
        "",
        *_later(later, [row["project"] for row in rows], options.later_seeds),
        *_lost(lost),
    ]
    return "\n".join(parts)


def _line(row: Mapping[str, Any], let: int, n: int) -> str:
    got, own = n - row["outcomes"][NOTHING], sum(row["own"])
    auc, brier = np.array([gains[1:] for gains in row["changes"]]).mean(axis=0)
    own_auc, own_brier = np.array(row["own_changes"]).mean(axis=0)
    cells = [row["project"], row["buggy"], row["taken"], got, _share(got, n), f"{auc:+.3f}", f"{brier * 1e4:+.1f}"]
    cells += [own, _share(own, n), f"{own_auc:+.3f}", f"{own_brier * 1e4:+.1f}", "–" if row["taken"] == NOTHING else sum(row["refused"]), let]
    return f"| {' | '.join(map(str, cells))} |"


def _later(rows: Sequence[Row], asked: Sequence[str], n: int) -> list[str]:
    """What became of what the figures alone let through, on changes that judged nothing; `asked` are the repositories of the first table."""
    if not rows:
        return []
    gains = [gain for row in rows for gain in row["gains"]]
    let = sum(not stop for row in rows for stop in row["stopped"])
    untold = sorted(set(asked) - {row["project"] for row in rows})
    few = f" In {', '.join(untold)} too few changes had needed a fix by then to tell two models apart." if untold else ""
    head = f"| repository | buggy, newest | labels as they are: taken | figures alone: taken of {n} | AUC lower | Brier greater | worse for certain | better for certain | AUC | Brier × 10,000 | taken |"
    return [
        "**Is what they let through worse?** The rule looks at the changes that judge, so on these nothing that it takes can look worse. The same again a fifth earlier, with what was known when the newest fifth began: the changes that were a year old then, with the labels of then, cut into fifths anew. "
        f"The newest fifth judges nothing and teaches nothing, and there what is taken ({n} seeds for each repository) stands beside what is in use, each as it would ship.{few} *Worse* and *better for certain*: the 95 % interval of the difference of the AUC or of the Brier score lies on that side of 0.",
        "",
        head,
        "|" + "---|" * (head.count("|") - 1),
        *(_after(row) for row in rows),
        "",
        f"Of {len(gains)} that the figures alone let through {sum(map(_is_worse, gains))} are worse for certain on changes that nobody had seen, {sum(map(_is_better, gains))} better; "
        f"in {sum(gain['value'] < 0 for gain in gains)} the AUC is lower, in {sum(gain['brier']['value'] > 0 for gain in gains)} the Brier score greater, whatever chance explains. By all rules {let} of {len(rows) * n} are taken.",
        "",
    ]


def _is_worse(gain: Mapping[str, Any]) -> bool:
    return bool(gain["high"] < 0 or gain["brier"]["low"] > 0)


def _is_better(gain: Mapping[str, Any]) -> bool:
    return bool(gain["low"] > 0 or gain["brier"]["high"] < 0)


def _after(row: Mapping[str, Any]) -> str:
    gains = row["gains"]
    mean = [f"{np.mean([g['value'] for g in gains]):+.3f}", f"{np.mean([g['brier']['value'] for g in gains]) * 1e4:+.1f}"] if gains else ["–", "–"]
    counts = [sum(g["value"] < 0 for g in gains), sum(g["brier"]["value"] > 0 for g in gains), sum(map(_is_worse, gains)), sum(map(_is_better, gains))]
    cells = [row["project"], row["buggy"], row["taken"], len(gains), *counts, *mean, sum(not stop for stop in row["stopped"])]
    return f"| {' | '.join(map(str, cells))} |"


def _lost(rows: Sequence[Row]) -> list[str]:
    """How many labels histories lose by themselves."""
    if not rows:
        return []
    known, here, held = (sum(row[key] for row in rows) for key in ("known", "here", "kept"))
    return [
        "**Would a good challenger be refused for its labels?** The same histories, labelled at the head of `training/corpus.yaml` and at the last commit of some days before; of the changes that counted as having needed a fix then, and were a year old then.",
        "",
        "| repository | days before | needed a fix then | have a label now | still needed a fix |",
        "|---|---|---|---|---|",
        *(f"| {row['project']} | {row['days']} | {row['known']} | {row['here']} | {row['kept']} |" for row in rows),
        "",
        f"{held} of {here} labels are kept ({_share(held, here)}), {known - here} changes have none any more. A fix is not unmade; labels are lost when the labeller changes, and then they are not compared.",
        "",
    ]


def _share(hits: int, n: int) -> str:
    found = wilson(hits, n)
    return f"{found.low:.1%} to {found.high:.1%}"


if __name__ == "__main__":
    sys.exit(main())
