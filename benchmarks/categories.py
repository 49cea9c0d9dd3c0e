"""Which kind of defect real commits repair: the models that ship, asked as at run time, on commits of repositories that nothing was learned from.

python benchmarks/categories.py --clones DIR --models models    # training/categories → docs/categories.md
"""

from __future__ import annotations

import argparse
import csv
import os
import platform
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "training")]

import numpy as np

from automl_codex import commits, metrics, mine
from automl_codex.split import TEST
from codex_gate import rules
from codex_gate.errors import GateError
from codex_gate.hybrid import HybridClassifier
from codex_gate.intervals import Interval
from codex_gate.taxonomy import KINDS, NONE
from codex_gate.types import Classification, Commit

FOLDER: Final = ROOT / "training" / "categories"
DRAWS: Final = 1000
SEED: Final = 42
GOALS: Final = {"accuracy": (0.40, 0.55), "macro-F1": (0.33, 0.48), "top 2": (0.55, 0.70), "a category where there is none": (0.30, 0.15)}
HEAD: Final = ("| | accuracy | macro-F1 | top 2 | a category where there is none | right of what is said | CPU ms a commit |", "|---|---|---|---|---|---|---|")
_NONE: Final = KINDS.index(NONE)


@dataclass(frozen=True, eq=False)
class Answered:
    """What somebody says of n commits: up to two categories each as numbers in KINDS, −1 where nothing more is said."""

    first: np.ndarray
    second: np.ndarray


def answered(said: Sequence[Sequence[str]]) -> Answered:
    """Of the names that are said of each commit, best first; `none` is nothing said."""
    places = [[*[KINDS.index(name) for name in names if name != NONE][:2], -1, -1] for names in said]
    return Answered(np.array([place[0] for place in places]), np.array([place[1] for place in places]))


def figures(kinds: np.ndarray, found: Answered, weight: np.ndarray) -> dict[str, float]:
    """Accuracy, macro-F1 and top 2 over the commits about a defect – nothing said is wrong –, the share of the others that are given a category, and how much of all that is said is right."""
    about, said = kinds != _NONE, found.first >= 0
    hit = found.first == kinds
    either = hit | (found.second == kinds)
    f1 = []
    for kind in np.unique(kinds[about]):
        wanted, given = about & (kinds == kind), about & (found.first == kind)
        total = weight[wanted].sum() + weight[given].sum()
        if weight[wanted].sum():
            f1.append(2 * weight[wanted & given].sum() / total)
    return {
        "accuracy": _mean(hit[about], weight[about]),
        "macro-F1": float(np.mean(f1)) if f1 else float("nan"),
        "top 2": _mean(either[about], weight[about]),
        "a category where there is none": _mean(said[~about], weight[~about]),
        "right of what is said": _mean(hit[said], weight[said]),
    }


def _mean(values: np.ndarray, weight: np.ndarray) -> float:
    return float((values * weight).sum() / weight.sum()) if weight.sum() else float("nan")


def intervals(kinds: np.ndarray, found: Answered, repositories: Sequence[str]) -> dict[str, Interval]:
    """The figures with 95 % intervals; repositories are drawn anew as a whole."""
    groups = np.unique(list(repositories), return_inverse=True)[1]
    n, rng = int(groups.max()) + 1, np.random.default_rng(SEED)
    draws = [figures(kinds, found, np.bincount(rng.integers(0, n, n), minlength=n)[groups].astype(float)) for _ in range(DRAWS)]
    value = figures(kinds, found, np.ones(len(kinds)))
    return {name: metrics.interval(value[name], np.array([draw[name] for draw in draws])) for name in value}


def gains(kinds: np.ndarray, one: Answered, other: Answered, repositories: Sequence[str]) -> dict[str, Interval]:
    """How much more of each figure the first has than the second, in the same draws."""
    groups = np.unique(list(repositories), return_inverse=True)[1]
    n, rng = int(groups.max()) + 1, np.random.default_rng(SEED)
    weights = [np.ones(len(kinds)), *(np.bincount(rng.integers(0, n, n), minlength=n)[groups].astype(float) for _ in range(DRAWS))]
    both = [(figures(kinds, one, weight), figures(kinds, other, weight)) for weight in weights]
    value, *draws = [{name: first[name] - second[name] for name in first} for first, second in both]
    return {name: metrics.interval(value[name], np.array([draw[name] for draw in draws])) for name in value}


# -- the commits ---------------------------------------------------------------------------------------


def test_commits(clones: Path) -> list[tuple[Commit, commits.Reading]]:
    """The commits of the test repositories with what the first reader said.

    Raises:
        UsageError: a file that is none, a missing clone, a repository that is off limits.
    """
    known = commits.sources(FOLDER)
    mine.refuse_off_limits(list(known), ROOT / "training" / "off-limits.txt")
    said = commits.readings(FOLDER / commits.COMMITS, known)
    found: list[tuple[Commit, commits.Reading]] = []
    for name, source in known.items():
        own = [reading for reading in said.values() if reading.repository == name]
        if source.part == TEST and own:
            repo = commits.opened(clones, name, os.environ)
            found += [(commit, said[str(commit.sha)]) for commit in commits.read_commits(repo, [reading.sha for reading in own])]
    return found


def by_everyone(found: Sequence[tuple[Commit, commits.Reading]], models: Path) -> tuple[dict[str, list[list[str]]], dict[str, float]]:
    """The categories that each says of each commit, and the processor's milliseconds for one commit."""
    most = Counter(reading.kind for _, reading in found if reading.kind != NONE).most_common(1)[0][0]
    known = commits.sources(FOLDER)
    other = commits.readings(FOLDER / "reader-2.csv", known, drawn=False)
    said = {"majority": [[most]] * len(found), "a second reader": [_said(other[reading.sha]) for _, reading in found]}
    ways: dict[str, Callable[[Commit], Sequence[Classification]]] = {"rules alone": rules.classify}
    for tier in (1, 2, 3):
        classifier = HybridClassifier.of(models, tier)
        if classifier.tier == tier:
            ways[f"tier {tier}"] = classifier.classify
    cost = {}
    for name, way in ways.items():
        began = time.process_time()
        said[name] = [[one.category or NONE for one in way(commit)] for commit, _ in found]
        cost[name] = (time.process_time() - began) / len(found) * 1000
    return said, cost


def _said(reading: commits.Reading) -> list[str]:
    return [] if reading.kind == NONE else [reading.kind, reading.second or NONE]


def by_round(
    readings: Sequence[commits.Reading], said: Mapping[str, list[list[str]]]
) -> tuple[dict[str, list[commits.Reading]], dict[str, dict[str, list[list[str]]]]]:
    """What was read, and what everyone says of it, for each round of drawing."""
    places = {number: [place for place, reading in enumerate(readings) if reading.round == number] for number in {reading.round for reading in readings}}
    return (
        {number: [readings[place] for place in own] for number, own in places.items()},
        {number: {name: [names[place] for place in own] for name, names in said.items()} for number, own in places.items()},
    )


# -- the document --------------------------------------------------------------------------------------


def document(
    rounds: Mapping[str, Sequence[commits.Reading]], answers: Mapping[str, Mapping[str, list[list[str]]]], cost: Mapping[str, float], day: date
) -> str:
    """docs/categories.md: the newest round at length, the earlier ones in a table each."""
    *before, newest = sorted(rounds, key=int)
    earlier = {number: (len(rounds[number]), judged(rounds[number], answers[number])) for number in before}
    readings, said = rounds[newest], answers[newest]
    kinds = np.array([KINDS.index(reading.kind) for reading in readings])
    repositories = [reading.repository for reading in readings]
    told = judged(readings, said)
    best = max((name for name in told if name.startswith("tier")), default="rules alone")
    counts = Counter(reading.kind for reading in readings)
    parts = [
        "# Which kind of defect: on commits that were read",
        "",
        "Written by `python benchmarks/categories.py`; nothing is typed by hand but the reader's labels in `training/categories/`. "
        f"{day}, {platform.machine()}, Python {platform.python_version()}.",
        "",
        f"{len(readings)} commits of {len(set(repositories))} repositories that no model was trained on and no threshold or weight fitted to: {len(readings) - counts[NONE]} repair a defect, "
        f"{counts[NONE]} are about none. Drawn: {', '.join(f'{number} {name}' for name, number in Counter(r.drawn for r in readings).most_common())} "
        "(natural: repairs at random; plain: other commits at random; rules: repairs drawn evenly over what the rules guess, so rare kinds are more frequent than in life and the rules look better than they are).",
        "",
        "They were drawn and read after every choice of what the tiers hear and how silent they are. The student was trained anew once since they were first judged, with rounded weights and on more generated programs; nothing of that was chosen by them, but they are no longer untouched. Commits of an earlier round, with whose figures in view three such choices were made, stand below.",
        "",
        "**The readers are language models**, each commit read blind from message and diff by the guide below, which was written first; no maintainer was asked. The second reader is another run of the "
        "same, so their agreement says how steady the labels are and not that they are right.",
        "",
        *HEAD,
        *(_row(name, told[name], cost.get(name)) for name in told),
        "",
        "Must and aim: accuracy .40 / .55, macro-F1 .33 / .48, top 2 .55 / .70, a category where there is none at most .30 / .15. To say nothing of a repair is wrong in the first three. In brackets: 95 % "
        "intervals, repositories drawn anew.",
        "",
        *(_verdict(name, told[best][name]) for name in GOALS),
        "",
        *_above(kinds, said, best, repositories),
        *_before(earlier),
        f"## By category ({best})",
        "",
        *_by_category(kinds, answered(said[best])),
        "",
        f"## Confusion ({best})",
        "",
        *_confusion(kinds, answered(said[best])),
        "",
        (FOLDER / "GUIDE.md").read_text("utf-8").replace("# Guide", "## Guide").rstrip(),
    ]
    return "\n".join(parts) + "\n"


def judged(readings: Sequence[commits.Reading], said: Mapping[str, list[list[str]]]) -> dict[str, dict[str, Interval]]:
    """The figures of everyone who answers on these commits."""
    kinds = np.array([KINDS.index(reading.kind) for reading in readings])
    return {name: intervals(kinds, answered(names), [reading.repository for reading in readings]) for name, names in said.items()}


def _before(earlier: Mapping[str, tuple[int, Mapping[str, Mapping[str, Interval]]]]) -> list[str]:
    lines = []
    for number, (size, told) in earlier.items():
        lines += [f"## Round {number}, {size} commits", "", *HEAD, *(_row(name, told[name], None) for name in told), ""]
    return lines


def _above(kinds: np.ndarray, said: Mapping[str, list[list[str]]], best: str, repositories: Sequence[str]) -> list[str]:
    """What the highest tier has over the first; nothing where it is the first."""
    if "tier 1" not in said or best == "tier 1":
        return []
    found = gains(kinds, answered(said[best]), answered(said["tier 1"]), repositories)
    told = ", ".join(f"{name} {one.value:+.3f} ({one.low:+.3f} to {one.high:+.3f})" for name, one in found.items())
    return [f"{best[0].upper()}{best[1:]} above tier 1, in the same draws: {told}.", ""]


def _row(name: str, told: Mapping[str, Interval], cost: float | None) -> str:
    cells = [f"{one.value:.3f} ({one.low:.3f}–{one.high:.3f})" if np.isfinite(one.value) else "–" for one in told.values()]
    return f"| {name} | {' | '.join(cells)} | {'–' if cost is None else f'{cost:.2f}'} |"


def _verdict(name: str, found: Interval) -> str:
    must, aim = GOALS[name]
    sign = 1 if must < aim else -1
    state = "aim met" if sign * found.value >= sign * aim else "must met, aim missed" if sign * found.value >= sign * must else "**must missed**"
    return f"- {name}: {found.value:.3f} – {state}"


def _by_category(kinds: np.ndarray, found: Answered) -> list[str]:
    lines = ["| category | commits | said of repairs | right | precision | recall | F1 |", "|---|---|---|---|---|---|---|"]
    about = kinds != _NONE
    for kind, name in enumerate(KINDS[:_NONE]):
        wanted, given = int((kinds == kind).sum()), int((found.first[about] == kind).sum())
        right = int(((kinds == kind) & (found.first == kind)).sum())
        cells = [
            f"{right / given:.2f}" if given else "–",
            f"{right / wanted:.2f}" if wanted else "–",
            f"{2 * right / (wanted + given):.2f}" if wanted + given else "–",
        ]
        lines.append(f"| {name} | {wanted} | {given} | {right} | {' | '.join(cells)} |")
    return lines


def _confusion(kinds: np.ndarray, found: Answered) -> list[str]:
    """Rows are what the reader said, columns what the model says; `–` is nothing said."""
    short = ["".join(letter for letter in name if letter.isupper()) or name for name in KINDS[:_NONE]]
    lines = [
        f"Rows: the reader; columns: the model, by the capitals of the names ({', '.join(f'{s} {n}' for s, n in zip(short, KINDS, strict=False))}); last column: nothing said.",
        "",
    ]
    lines += ["| | " + " | ".join([*short, "–"]) + " |", "|---" * (len(short) + 2) + "|"]
    for kind, name in enumerate(KINDS):
        cells = [int(((kinds == kind) & (found.first == said)).sum()) for said in (*range(_NONE), -1)]
        lines.append(f"| {name} | " + " | ".join(str(cell) if cell else "" for cell in cells) + " |")
    return lines


def main(argv: Sequence[str] | None = None) -> int:
    """Write the document; 2 when something asked for is not as expected."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--clones", type=Path, required=True, metavar="DIR", help="clones named OWNER+NAME")
    parser.add_argument("--models", type=Path, default=ROOT / "models", metavar="DIR")
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "categories.md")
    options = parser.parse_args(argv)
    try:
        found = test_commits(options.clones)
        said, cost = by_everyone(found, options.models)
        rounds, answers = by_round([reading for _, reading in found], said)
        options.output.write_text(document(rounds, answers, cost, date.today()), "utf-8")
    except (GateError, csv.Error) as error:
        print(f"categories: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
