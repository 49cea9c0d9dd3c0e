"""How much a search strategy is worth: TPE and SMAC against random and grid, on test functions and on real history.

python benchmarks/tuning.py --input training/data --projects zookeeper,zeppelin

Every strategy runs over the same seeds and starts from the same random points, so seeds are pairs. Finished
searches are kept in --json; a run that was cut off goes on. Writes docs/tuning.md.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from itertools import pairwise
from pathlib import Path
from statistics import median
from time import process_time
from typing import Any, Final, NamedTuple

ROOT: Final = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "training")]

import numpy as np
from sklearn.ensemble import RandomForestClassifier

from automl_codex import metrics, tables, train
from automl_codex.files import whole
from automl_codex.space import DEFAULT_DOMAINS, FOREST, BugPredictorParam, FloatRange, IntRange, SearchSpace, Value, forest_arguments
from automl_codex.tune import AutoMLConfig, tune
from benchmarks.measure import machine
from codex_gate.features import FEATURE_NAMES, UNKNOWN

STRATEGIES: Final = ("random", "tpe", "smac")
MARKS: Final = (10, 20, 50)  # trials behind which the best so far is shown
RESAMPLES: Final = 2000
PATIENCE: Final = 5


class Axis(StrEnum):
    """Coordinates of the test functions."""

    X1 = "x1"
    X2 = "x2"
    X3 = "x3"
    X4 = "x4"
    X5 = "x5"
    X6 = "x6"


@dataclass(frozen=True)
class Task:
    """Something to minimise: `objective` gives a loss, `lowest` is the least there is (None: not known), `data` the hash of the table behind it."""

    name: str
    space: SearchSpace
    objective: Callable[[dict[str, Value]], float]
    lowest: float | None
    grid_levels: int
    unit: str
    data: str = ""


def branin(params: Mapping[str, Value]) -> float:
    """Two coordinates, three equal minima of .397887. Source: Branin 1972; Dixon & Szegö 1978."""
    x, y = float(params["x1"]), float(params["x2"])
    return (y - 5.1 / (4 * math.pi**2) * x * x + 5 / math.pi * x - 6) ** 2 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10


_ALPHA: Final = np.array([1.0, 1.2, 3.0, 3.2])
_A: Final = np.array([[10, 3, 17, 3.5, 1.7, 8], [0.05, 10, 17, 0.1, 8, 14], [3, 3.5, 1.7, 10, 17, 8], [17, 8, 0.05, 10, 0.1, 14]])
_P: Final = 1e-4 * np.array(
    [[1312, 1696, 5569, 124, 8283, 5886], [2329, 4135, 8307, 3736, 1004, 9991], [2348, 1451, 3522, 2883, 3047, 6650], [4047, 8828, 8732, 5743, 1091, 381]]
)


def hartmann6(params: Mapping[str, Value]) -> float:
    """Six coordinates, one lowest of six minima, −3.32237. Source: Hartman 1973; Dixon & Szegö 1978."""
    x = np.array([float(params[axis]) for axis in Axis])
    return -float(_ALPHA @ np.exp(-(_A * (x - _P) ** 2).sum(axis=1)))


class Slices(NamedTuple):
    """A project's commits in time order: 60 % to fit, 20 % to tune on, the newest 20 % that no search sees, nor what became known by then."""

    fit: tuple[np.ndarray, np.ndarray]
    tune: tuple[np.ndarray, np.ndarray]
    test: tuple[np.ndarray, np.ndarray]


def slices(data: tables.Dataset) -> Slices:
    """Labels to fit and to tune on are those known when the next slice begins: a bug that was fixed later is clean there."""
    order = np.argsort(data.time, kind="stable")
    x = np.where(np.isnan(data.X), np.float32(UNKNOWN), data.X)[:, [i for i, name in enumerate(FEATURE_NAMES) if name != "complexity_delta"]]
    parts = np.split(order, [int(0.6 * len(order)), int(0.8 * len(order))])
    to_fit, to_tune = (train.labels_at(data, float(data.time[part[0]]))[before] for before, part in pairwise(parts))
    return Slices((x[parts[0]], to_fit), (x[parts[1]], to_tune), (x[parts[2]], data.y[parts[2]]))


def forest_loss(params: dict[str, Value], fit: tuple[np.ndarray, np.ndarray], judged: tuple[np.ndarray, np.ndarray]) -> float:
    """1 − AUC of a forest on the slice that it is judged on."""
    forest = RandomForestClassifier(random_state=0, n_jobs=1, **forest_arguments(params, lambda _: None)).fit(*fit)
    return 1 - metrics.auc(judged[1], forest.predict_proba(judged[0])[:, 1])


def tasks(folder: Path, projects: Sequence[str]) -> list[Task]:
    """The two functions, and a forest of §5.1's parameters for each project, with fewer trees for the time it takes."""
    two = SearchSpace(Axis, {Axis.X1: FloatRange(-5.0, 10.0), Axis.X2: FloatRange(0.0, 15.0)})
    six = SearchSpace(Axis, {axis: FloatRange(0.0, 1.0) for axis in Axis})
    forest = SearchSpace(BugPredictorParam, {key: DEFAULT_DOMAINS[key] for key in FOREST} | {BugPredictorParam.N_ESTIMATORS: IntRange(20, 100)})
    found = [Task("Branin", two, branin, 0.397887, 22, "regret"), Task("Hartmann6", six, hartmann6, -3.32237, 3, "regret")]
    for project in projects:
        table = folder / f"{project}.parquet"
        parts = slices(tables.read(table))
        loss = partial(forest_loss, fit=parts.fit, judged=parts.tune)
        data = hashlib.sha256(b"tuned by labels as known\n" + table.read_bytes()).hexdigest()
        found.append(Task(f"forest on {project}", forest, loss, None, 3, "1 − AUC, tuning slice", data))
    return found


def search(task: Task, strategy: str, seed: int, n_trials: int) -> dict[str, Any]:
    """One search: the losses in order, the best parameters, CPU seconds of everything but the objective."""
    inside = 0.0

    def timed(params: dict[str, Value]) -> float:
        nonlocal inside
        started = process_time()
        loss = task.objective(params)
        inside += process_time() - started
        return loss

    started = process_time()
    found = tune(timed, task.space, AutoMLConfig(strategy, n_trials, early_stopping_patience=None, time_budget_minutes=None), seed=seed, direction="minimize")
    return {"losses": [result.score for result in found.trials], "params": dict(found.params), "strategy_s": process_time() - started - inside}


def grid_losses(task: Task) -> list[float]:
    """The loss at every point of the task's grid."""
    return [task.objective(task.space.grid_point(task.grid_levels, index)) for index in range(task.space.grid_size(task.grid_levels))]


def best_so_far(losses: Sequence[float]) -> list[float]:
    """The lowest loss behind each trial."""
    return np.minimum.accumulate(losses).tolist()


def stops_at(losses: Sequence[float], patience: int = PATIENCE) -> int:
    """How many trials early stopping lets run: until `patience` in a row brought no new best."""
    best, since = math.inf, 0
    for n, loss in enumerate(losses, 1):
        best, since = (loss, 0) if loss < best else (best, since + 1)
        if since >= patience:
            return n
    return len(losses)


def with_interval(values: Sequence[float], digits: int = 4) -> str:
    """Median with the 95 % percentile bootstrap interval of the median, over seeds."""
    drawn = np.random.default_rng(1).choice(np.asarray(values), (RESAMPLES, len(values)))
    low, high = np.percentile(np.median(drawn, axis=1), [2.5, 97.5])
    return f"{median(values):.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"


def measure(all_tasks: Sequence[Task], seeds: int, n_trials: int, kept: dict[str, Any], save: Callable[[], None]) -> None:
    """Fill `kept` with every search and grid that it does not hold yet; what was made of another table, or with another number of trials, goes."""
    for task in all_tasks:
        made_from = {"data": task.data, "trials": n_trials}
        if kept.get(task.name, {}).get("made_from") != made_from:
            kept[task.name] = {"made_from": made_from, "grid": [], "searches": {}}
        found = kept[task.name]
        for strategy in STRATEGIES:
            done = found["searches"].setdefault(strategy, [])
            while len(done) < seeds:
                done.append(search(task, strategy, len(done), n_trials))
                save()
            print(f"{task.name}: {strategy} {with_interval([min(one['losses']) for one in done])}", file=sys.stderr, flush=True)
        found["grid"] = found["grid"] or grid_losses(task)
        save()


def asked(kept: Mapping[str, Any], all_tasks: Sequence[Task], seeds: int) -> dict[str, Any]:
    """What the page is about: these tasks, and of their searches as many seeds as were asked for."""
    return {
        task.name: {**kept[task.name], "searches": {strategy: runs[:seeds] for strategy, runs in kept[task.name]["searches"].items()}} for task in all_tasks
    }


def judged_again(kept: Mapping[str, Any], folder: Path, projects: Sequence[str]) -> dict[str, dict[str, list[float]]]:
    """AUC on the newest slice of each project: forests with scikit-learn's defaults, and with what each search found."""
    answer: dict[str, dict[str, list[float]]] = {}
    for project in projects:
        parts = slices(tables.read(folder / f"{project}.parquet"))
        rows = answer.setdefault(project, {})
        rows["defaults"] = [1 - forest_loss({"n_estimators": 100}, parts.fit, parts.test)]
        for strategy, runs in kept[f"forest on {project}"]["searches"].items():
            rows[strategy] = [1 - forest_loss(one["params"], parts.fit, parts.test) for one in runs]
    return answer


def curve_rows(task: Task, found: Mapping[str, Any]) -> list[str]:
    """Best so far at each mark, and the pairs that a strategy wins against random, for one task."""
    lines = []
    least = task.lowest or 0.0
    plain = [min(one["losses"]) for one in found["searches"]["random"]]
    for strategy, runs in found["searches"].items():
        curves = [best_so_far(one["losses"]) for one in runs]
        cells = [with_interval([curve[min(mark, len(curve)) - 1] - least for curve in curves]) for mark in MARKS]
        last = [curve[-1] for curve in curves]
        wins = sum(a < b for a, b in zip(last, plain, strict=True))
        draws = sum(a == b for a, b in zip(last, plain, strict=True))
        against = "–" if strategy == "random" else f"{wins} : {len(last) - wins - draws}" + (f" ({draws} even)" if draws else "")
        gain = "–" if strategy == "random" else with_interval([b - a for a, b in zip(last, plain, strict=True)])
        cost = median(one["strategy_s"] / len(one["losses"]) for one in runs)
        lines.append(f"| {task.name} | {strategy} | {' | '.join(cells)} | {gain} | {against} | {1000 * cost:.0f} ms |")
    return lines


def grid_rows(all_tasks: Sequence[Task], kept: Mapping[str, Any]) -> list[str]:
    """A full grid beside TPE with a tenth of its trials."""
    lines = []
    for task in all_tasks:
        grid, runs = kept[task.name]["grid"], kept[task.name]["searches"]["tpe"]
        n = min(len(grid) // 10, len(runs[0]["losses"]))
        reached = [best_so_far(one["losses"])[n - 1] for one in runs]
        as_good = sum(value <= min(grid) for value in reached)
        least = task.lowest or 0.0
        lines.append(
            f"| {task.name} | {len(grid)} | {min(grid) - least:.4f} | {n} | {with_interval([r - least for r in reached])} | {as_good} of {len(reached)} |"
        )
    return lines


def stopping_rows(all_tasks: Sequence[Task], kept: Mapping[str, Any]) -> list[str]:
    """What early stopping would have saved and cost in the searches by TPE."""
    lines = []
    for task in all_tasks:
        runs = [one["losses"] for one in kept[task.name]["searches"]["tpe"]]
        ends = [stops_at(run) for run in runs]
        least = task.lowest or 0.0
        saved = with_interval([100 * (1 - end / len(run)) for end, run in zip(ends, runs, strict=True)], 0)
        gained = [share_of_gain(run, end) for end, run in zip(ends, runs, strict=True)]
        row = [task.name, saved, with_interval([100 * g for g in gained], 0), f"{sum(end <= 10 for end in ends)} of {len(ends)}"]
        row += [with_interval([min(run[:end]) - least for end, run in zip(ends, runs, strict=True)]), with_interval([min(run) - least for run in runs])]
        lines.append(f"| {' | '.join(row)} |")
    return lines


def share_of_gain(losses: Sequence[float], end: int) -> float:
    """How much of what a whole search gains over its first trial is there behind trial `end`; 1 where nothing was to gain."""
    whole = losses[0] - min(losses)
    return (losses[0] - min(losses[:end])) / whole if whole else 1.0


def markdown(all_tasks: Sequence[Task], kept: Mapping[str, Any], tested: Mapping[str, Mapping[str, Sequence[float]]], command: str, where: str) -> str:
    """The page, from the searches that were kept."""
    seeds = len(kept[all_tasks[0].name]["searches"]["random"])
    parts = [
        "# Tuning",
        f"Written by `{command}`; nothing here is typed by hand. {where}.",
        f"Medians over {seeds} seeds with 95 % bootstrap intervals of the median ({RESAMPLES:,} resamples of seeds). Losses: lower is better. For the functions the distance "
        "from the known minimum; for the forests 1 − AUC on the slice that is tuned on: fitted on a project's first 60 % of commits with the labels known then, "
        "tuned on the next 20 % with those known when the last 20 % begin. The strategies share their first ten points, seed by seed, so *better : worse* counts pairs at the last trial.",
        "## Best so far",
        "| task | strategy | " + " | ".join(f"{mark} trials" for mark in MARKS) + " | gain over random | better : worse | a suggestion costs |",
        "|---|---|" + "---|" * (len(MARKS) + 3),
    ]
    page = "\n\n".join(parts[:4]) + "\n\n" + "\n".join([*parts[4:], *(row for task in all_tasks for row in curve_rows(task, kept[task.name]))])
    page += "\n\n## A full grid against TPE with a tenth of the trials\n\n"
    page += "\n".join(
        [
            "| task | grid points | best of the grid | trials of TPE | best of TPE | as good as the grid |",
            "|---|---|---|---|---|---|",
            *grid_rows(all_tasks, kept),
        ]
    )
    page += f"\n\n## Early stopping after {PATIENCE} trials without a new best\n\nReplayed on the searches by TPE. The gain is over the first trial.\n\n"
    head = "| task | trials saved, % | gain kept, % | ended before the model was asked | loss at the end | loss of the whole search |"
    page += "\n".join([head, "|---|---|---|---|---|---|", *stopping_rows(all_tasks, kept)])
    page += "\n\n## What tuning is worth on commits that no search saw\n\nAUC on the newest 20 % of each project; higher is better.\n\n"
    page += "\n".join(["| project | scikit-learn's defaults | random | tpe | smac |", "|---|---|---|---|---|"])
    for project, rows in tested.items():
        page += f"\n| {project} | {rows['defaults'][0]:.4f} | " + " | ".join(with_interval(rows[strategy]) for strategy in STRATEGIES) + " |"
    return page + "\n"


def main(argv: Sequence[str] | None = None) -> int:
    """Run what is missing and write the page."""
    parser = argparse.ArgumentParser(prog="python benchmarks/tuning.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--input", type=Path, required=True, metavar="DIR", help="folder with mined tables")
    parser.add_argument("--projects", default="zookeeper,zeppelin", metavar="NAME,…", help="small projects to tune a forest on")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--trials", type=int, default=50)
    parser.add_argument(
        "--json", type=Path, default=ROOT / "data" / "benchmarks" / "tuning.json", metavar="FILE", help="finished searches; remove it to begin anew"
    )
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "tuning.md", metavar="FILE")
    options = parser.parse_args(argv)
    projects = options.projects.split(",")
    kept: dict[str, Any] = json.loads(options.json.read_text("utf-8")) if options.json.is_file() else {}

    def save() -> None:
        with whole(options.json) as partial_file:
            partial_file.write_text(json.dumps(kept), "utf-8")

    all_tasks = tasks(options.input, projects)
    measure(all_tasks, options.seeds, options.trials, kept, save)
    shown = asked(kept, all_tasks, options.seeds)
    command = f"python benchmarks/tuning.py --input training/data --projects {options.projects}"
    command += "".join(f" --{name} {value}" for name, value in (("seeds", options.seeds), ("trials", options.trials)) if value != parser.get_default(name))
    here = machine()
    where = f"{here['cpu']}, {here['cores']} cores, {here['system']}, Python {here['python']}; seeds 0 to {options.seeds - 1}, {options.trials} trials each"
    options.output.write_text(markdown(all_tasks, shown, judged_again(shown, options.input, projects), command, where), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
