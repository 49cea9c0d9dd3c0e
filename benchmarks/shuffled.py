"""Whether a challenger that learned from wrong labels is taken: 30 % of them permuted among commits, 50 seeds, and the rule of `automl-codex retrain` asked.

python benchmarks/shuffled.py --input training/data --corpus training/corpus.yaml

Asked of the repositories in which that rule takes something when the labels are as they are: elsewhere a refusal says nothing.
The forests are those of benchmarks/retrain.py. Writes a section of docs/retraining.md; a quarter of an hour of one core.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "training")]

import numpy as np  # noqa: E402

from automl_codex import blend, evaluate, metrics, mine, tables  # noqa: E402
from automl_codex.tables import Dataset  # noqa: E402
from benchmarks.measure import machine  # noqa: E402
from benchmarks.retrain import KEPT, MIN_COMMITS, NOTHING, Case, Scores, cases, decided, judged, judgement, say, scored  # noqa: E402
from codex_gate.errors import GateError, UsageError  # noqa: E402
from codex_gate.intervals import wilson  # noqa: E402

SHARE: Final = 0.30  # of the labels
SEEDS: Final = 50
OWN: Final = (1.0,)  # the weight of the own trees when nothing else is to choose from
Row = dict[str, Any]


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--input", type=Path, default=ROOT / "training" / "data")
    parser.add_argument("--corpus", type=Path, default=ROOT / "training" / "corpus.yaml")
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "retraining.md", help="page whose section is written anew (default: %(default)s)")
    parser.add_argument("--trees", type=int, default=100, help="of the forests that stand for the shipped one (default: %(default)s)")
    parser.add_argument("--min-commits", type=int, default=MIN_COMMITS, help="of a repository that is judged (default: %(default)s)")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="permutations for each repository (default: %(default)s)")
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
    asked = cases(data, corpus, judged(entries), options)
    rows = [row for case in asked for row in measure(case, options)]
    if not rows:
        raise UsageError(f"in no repository of {options.corpus} with {options.min_commits:,} commits in {options.input} is anything taken; lower --min-commits")
    page = options.output.read_text("utf-8") if options.output.is_file() else ""
    options.output.write_text(with_section(page, markdown(rows, options, datetime.now(UTC).date())), "utf-8")
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
    """The row of a repository in which something is taken with the labels as they are; else none.

    In use is what was taken so. The newest part, which judges, is never shuffled.
    """
    try:
        pieces = blend.parts(case.rows)
    except UsageError as error:
        say(f"{case.project}: {error}")
        return
    first = blend.challenge(case.rows, case.shipped, case.names, options.seed)
    base = {"base": scored(case, first.newest)}
    taken, winner = decided(first, case, case.rows, base, options.seed)
    if taken == NOTHING:
        say(f"{case.project}: nothing is taken with the labels as they are")
        return
    own = blend.challenge(case.rows, case.shipped, case.names, options.seed, weights=OWN)
    outcomes: Counter[str] = Counter()
    changes, own_taken, own_changes = [], 0, []
    for seed in range(options.seeds):
        rows = shuffled(case.rows, pieces[:-1], np.random.default_rng(seed))
        challenge = blend.challenge(rows, case.shipped, case.names, options.seed)
        outcome, decided_on = decided(challenge, case, rows, base | {"in_use": (winner.raw, winner.chance)}, options.seed)
        outcomes[outcome] += 1
        changes.append((outcome != NOTHING, *change(decided_on, (winner.raw, winner.chance))))
        other = blend.challenge(rows, case.shipped, case.names, options.seed, weights=OWN)
        own_taken += judgement(other, {"base": (own.raw, own.chance)}, options.seed)
        own_changes.append(change(other, (own.raw, own.chance)))
    say(f"{case.project}: {taken} with the labels as they are; shuffled {dict(outcomes)}, own trees alone {own_taken} of {options.seeds}")
    buggy = int(first.newest.y.sum())
    yield {"project": case.project, "buggy": buggy, "taken": taken, "outcomes": outcomes, "changes": changes, "own": own_taken, "own_changes": own_changes}


def change(challenge: blend.Challenge, other: Scores) -> tuple[float, float]:
    """AUC and Brier score of a challenger minus those of another model, on the newest part."""
    y = challenge.newest.y
    brier = float(((challenge.chance - y) ** 2 - (other[1] - y) ** 2).mean())
    return metrics.auc(y, challenge.raw) - metrics.auc(y, other[0]), brier


def with_section(page: str, text: str) -> str:
    """The page with this text as its last section, in place of the one that was there."""
    return page.partition(f"\n{KEPT}\n")[0] + text


def markdown(rows: Sequence[Row], options: argparse.Namespace, today: date) -> str:
    """The section, with the blank line before it."""
    host, n = machine(), options.seeds
    total = len(rows) * n
    got = sum(n - row["outcomes"][NOTHING] for row in rows)
    blends = sum(row["outcomes"]["blend"] for row in rows)
    own = sum(row["own"] for row in rows)
    won = [gains[1:] for row in rows for gains in row["changes"] if gains[0]]
    where = ", ".join(f"{row['project']} {n - row['outcomes'][NOTHING]}" for row in rows if row["outcomes"][NOTHING] < n)
    worse = sum(auc < 0 or brier > 0 for auc, brier in won)
    parts = [
        "",
        KEPT,
        "",
        f"Written by `python benchmarks/shuffled.py`. {today.isoformat()}, {host['cpu']}, {host['cores']} cores, Python {host['python']}, forests of seed {options.seed}.",
        "",
        f"Is a worse challenger taken? {SHARE:.0%} of the labels of each older fifth are permuted among its commits, with {n} seeds; the newest fifth, which judges, stays as it is, and so do the seeds of the forests. "
        f"Asked of the {len(rows)} of the repositories above in which something is taken with the labels as they are: elsewhere a refusal would say little. What was taken so is in use when the shuffled challenger comes; "
        "it must hold against that and against the shipped recipe, by the rules of `automl-codex retrain`. *Own trees alone* are compared with own trees of the labels as they are and with nothing else: "
        "no weight, and no order of the shipped recipe, hides there what was learned from wrong labels. Differences are means over the seeds, on the newest fifth: shuffled minus not shuffled.",
        "",
        f"| repository | buggy, newest | labels as they are: taken | shuffled: taken of {n} | 95 % | AUC | Brier × 10,000 | own trees alone: taken of {n} | 95 % | AUC | Brier × 10,000 |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
        *(_line(row, n) for row in rows),
        f"| all | | | {got} of {total} | {_share(got, total)} | | | {own} of {total} | {_share(own, total)} | | |",
        "",
        f"Own trees that learned from shuffled labels are taken {own} times in {total}: the goal of 0 is {'reached' if not own else 'not reached'}. "
        + (
            f"Of what the whole command makes, {got} are taken ({where}): {blends} blends and {got - blends} times the shipped order with a calibration learned from shuffled labels. "
            f"{worse or 'None'} of them ranks worse on the newest fifth or has the greater Brier score: a calibration from labels that were shuffled in part is flatter, and where it is taken "
            "it fits what became of the newest changes better for certain than that of the right labels does."
            if got
            else f"Of what the whole command makes none is taken in {total}."
        )
        + " The intervals treat seeds as independent; they share the history and the changes that judge.",
        "",
    ]
    return "\n".join(parts)


def _line(row: Mapping[str, Any], n: int) -> str:
    got = n - row["outcomes"][NOTHING]
    auc, brier = np.array([gains[1:] for gains in row["changes"]]).mean(axis=0)
    own_auc, own_brier = np.array(row["own_changes"]).mean(axis=0)
    cells = [row["project"], row["buggy"], row["taken"], got, _share(got, n), f"{auc:+.3f}", f"{brier * 1e4:+.1f}"]
    cells += [row["own"], _share(row["own"], n), f"{own_auc:+.3f}", f"{own_brier * 1e4:+.1f}"]
    return f"| {' | '.join(map(str, cells))} |"


def _share(hits: int, n: int) -> str:
    found = wilson(hits, n)
    return f"{found.low:.1%} to {found.high:.1%}"


if __name__ == "__main__":
    sys.exit(main())
