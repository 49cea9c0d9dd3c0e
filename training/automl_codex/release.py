"""From tables to a model directory: the only place that knows the order of evaluate, fit, export."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from pathlib import Path
from time import process_time
from typing import Any, Final, NamedTuple

import numpy as np

from automl_codex import assess, blend, evaluate, export, general, lines, said, train
from automl_codex.evaluation_report import day
from automl_codex.files import put
from automl_codex.tables import Dataset
from codex_gate.errors import UsageError
from codex_gate.model import MANIFEST, Model, default_directory, read_manifest
from codex_gate.own_words import WORDS_FILE

SOURCES = "training-sources.json"
CHECK_TOLERANCE: Final = 0.0005  # half of the last digit that the card prints; another processor or library may differ in the last bits


@dataclass(frozen=True)
class Release:
    """A trained model that is not on disk yet: its files by name, its evaluation."""

    files: Mapping[str, bytes]
    report: Mapping[str, Any]

    @property
    def version(self) -> str:
        return str(json.loads(self.files[MANIFEST])["version"])


@dataclass(frozen=True, eq=False)
class Trained(Release):
    """One that was made of many repositories, with the rows (n,) of those that it may learn from and their time-safe raw scores (n,) out of project."""

    rows: Dataset
    scores: np.ndarray


def split(data: Dataset, corpus: evaluate.Corpus) -> tuple[Dataset, Dataset]:
    """Training rows and holdout rows.

    Raises:
        UsageError: fewer than three training repositories, or a table that the corpus does not name.
    """
    rows, holdout = corpus.split(data)
    if len(set(corpus.groups(rows).tolist())) < 3:
        raise UsageError("the tables hold fewer than three training repositories; leave-one-project-out needs three, mine more")
    return rows, holdout


def make(
    data: Dataset,
    corpus: evaluate.Corpus,
    recipe: train.Recipe,
    today: date,
    accepted: Sequence[str],
    progress: evaluate.Progress,
    tuning: Mapping[str, Any] | None = None,
    made_by: str = "--input training/data --corpus training/corpus.yaml --output models",
) -> Trained:
    """Evaluate the recipe, fit it on everything that may be trained on, and build the files.

    Args:
        made_by: the options of `automl-codex train` that name tables, corpus and target, for the card.
        tuning: how the recipe was found (`choose.Chosen.facts`), for manifest, evaluation and card; None where nothing was searched.
    Raises:
        UsageError: tables that do not reach for a scenario, or one that the corpus does not name.
        InternalError: the exported forms disagree.
    """
    started = process_time()
    rows, holdout = split(data, corpus)
    report, knots, scores = evaluate.report(rows, holdout, corpus, recipe, today, accepted, progress)
    labels, usable = evaluate.known(rows, corpus, evaluate.ALL_TIMES)
    used, y = rows.where(usable), labels[usable]
    evaluated = process_time()
    model = general.fit(used, y, recipe)
    report["made_by"] = made_by
    report["cpu_seconds"] = {"evaluation": round(evaluated - started, 2), "training": round(process_time() - evaluated, 2)}
    finals = {"forest": model.scores} | {e.name: e.fit(used, y) for e in evaluate.entrants(recipe)[1:]}
    report["external"] = evaluate.external(holdout, corpus, finals, lambda d: train.apply(knots, model.scores(d)), recipe.seed)
    period = [day(used.time.min()), day(used.time.max())]
    traced = used.traced()
    base_rate = float(np.average(y[traced], weights=evaluate.evenly(corpus.groups(used)[traced])))
    beside = {"slopes": [], "words": 0} if model.within is None else {"slopes": list(model.within.slopes), "words": model.within.n_words}
    report["final"] = {"rows": len(used), "share_buggy": float(y.mean()), "base_rate": base_rate, "period": period} | beside
    facts: dict[str, Any] = {
        "base_rate": base_rate,
        "training_rows": len(used),
        "training_period": period,
        "seed": recipe.seed,
        "data_sha256": report["data"]["sha256"],
        "trained": today.isoformat(),
    }
    if tuning:
        report["tuning"] = dict(tuning)
        facts["tuning"] = {key: value for key, value in tuning.items() if key != "table"}
    texts = {
        "evaluation.json": as_json(report),
        "MODEL_CARD.md": export.card(json.loads(as_json(report))),
        "training-manifest.txt": export.training_manifest(used.sha256.tolist()),
        SOURCES: export.training_sources(corpus.entries, _counts(used, y, holdout)),
    }
    return Trained(export.build(model.forest, knots, recipe, probe_rows(used, recipe), facts, texts, model.within), report, rows, scores)


def ship(release: Release, target: Path) -> Model:
    """Write the directory and load what was written; the line ranker of the old one, or of the package, comes along."""
    export.write_directory(lines.carried(release.files, target, default_directory()), target)
    return Model.load(target)


def judged(release: Trained, corpus: evaluate.Corpus, seed: int, today: date, say: evaluate.Progress) -> dict[str, Any]:
    """The EvaluationReport of the specification (§7.3) on the time-safe test commits, each by a model that saw neither its repository nor what was known later, with the whole evaluation beside it.

    Raises:
        InternalError: the files of the release cannot be read back.
    """
    with tempfile.TemporaryDirectory(prefix="automl-codex-") as place:
        export.write_directory(release.files, target := Path(place) / "model")
        found = assess.of_training(Model.load(target), release.rows, corpus, release.scores, seed, today, say)
    return found.to_object() | {"evaluation": _rounded(release.report)}


def reevaluate(directory: Path, data: Dataset, today: date, progress: evaluate.Progress) -> dict[str, Any]:
    """Recompute a model directory's evaluation from its recipe and sources; gates accepted then are accepted now.

    The external holdout is scored by the directory's own model.

    Raises:
        UsageError: a model that was retrained on one repository, which has no corpus, or tables that do not reach.
    """
    manifest, earlier, corpus = _recorded(directory)
    recipe = train.Recipe.from_json(manifest["recipe"])
    accepted = [gate["gate"] for gate in earlier["gates"] if gate.get("accepted")]
    rows, holdout = split(data, corpus)
    report = evaluate.report(rows, holdout, corpus, recipe, today, accepted, progress).report
    labels, usable = evaluate.known(rows, corpus, evaluate.ALL_TIMES)
    model = Model.load(directory)
    shipped = partial(blend.scored, model)
    used, y = rows.where(usable), labels[usable]
    finals = {"forest": shipped} | {e.name: e.fit(used, y) for e in evaluate.entrants(recipe)[1:]}
    report["external"] = evaluate.external(holdout, corpus, finals, lambda d: np.array([model.calibration(s) for s in shipped(d)]), recipe.seed)
    report["model"] = model.version
    report["same_data"] = report["data"]["sha256"] == manifest["data_sha256"]
    return report


class Check(NamedTuple):
    """Figures that were computed again, the largest difference to the recorded ones, and those that differ in words."""

    figures: int
    largest: float
    differences: list[str]


def check(directory: Path, data: Dataset, progress: evaluate.Progress) -> Check:
    """Compute the time-safe table of a model directory again from its recipe and sources, and hold it against its evaluation.json.

    Raises:
        UsageError: the directory has no evaluation, sources or recipe, a table is of a project that the sources do not name, or the tables do not reach.
    """
    manifest, earlier, corpus = _recorded(directory)
    recipe = train.Recipe.from_json(manifest["recipe"])
    rows, _ = split(data, corpus)
    found = evaluate.data_hash(rows)
    wrong = (
        [] if found == earlier["data"]["sha256"] else [f"data.sha256: recorded {earlier['data']['sha256'][:12]}…, found {found[:12]}…: these are other rows"]
    )
    if rows.said is None and WORDS_FILE in manifest["files"]:
        wrong.append(f"{said.FILE}: the model learned words, these tables hold none; make it with automl-codex common-words")
    table, _ = evaluate.compare(rows, corpus, corpus.time_safe, evaluate.entrants(recipe), recipe.seed, progress)
    recorded, again = dict(_leaves(earlier["time_safe"], "time_safe")), dict(_leaves(_rounded(table), "time_safe"))
    largest = 0.0
    for name in dict.fromkeys([*recorded, *again]):
        old, new = recorded.get(name), again.get(name)
        if isinstance(old, int | float) and isinstance(new, int | float):
            largest = max(largest, abs(old - new))
            if abs(old - new) <= CHECK_TOLERANCE:
                continue
        elif old == new:
            continue
        wrong.append(f"{name}: recorded {old}, found {new}")
    return Check(len(again), largest, wrong)


def refuse_one_repository(directory: Path) -> None:
    """Refuse to compute the evaluation of a model again that `automl-codex train` did not write.

    Raises:
        UsageError: it was retrained on one repository, or lacks what a computation would start from.
    """
    _recorded(directory)


def _recorded(directory: Path) -> tuple[dict[str, Any], dict[str, Any], evaluate.Corpus]:
    """Manifest, evaluation and sources of a model directory."""
    manifest = read_manifest(directory)
    if "retrained" in manifest:
        raise UsageError(f"{directory} was retrained on one repository; automl-codex retrain --repo REPO --output {directory} measures it anew")
    missing = [name for name in (SOURCES, "evaluation.json") if not (directory / name).is_file()]
    if missing or "recipe" not in manifest:
        raise UsageError(
            f"{directory} has no {', '.join(missing) or 'recipe in its manifest'}; only a model that automl-codex train wrote can be evaluated again"
        )
    try:
        sources = json.loads((directory / SOURCES).read_bytes())["projects"]
        corpus = evaluate.Corpus.of([{**entry, "until": entry["labels_until"]} for entry in sources])
        earlier = json.loads((directory / "evaluation.json").read_bytes())
        selection, time_safe = (evaluate.Scenario.of_json(name, earlier["windows"][name]) for name in ("selection", "time_safe"))
        return manifest, earlier, replace(corpus, selection=selection, time_safe=time_safe)
    except (ValueError, LookupError, TypeError) as error:
        raise UsageError(f"{directory}: {SOURCES} or evaluation.json is damaged ({error}); train the model again") from error


def _leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Every figure of a table with where it stands; a row of a list goes by its project, where it has one."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves(inner, f"{path}.{key}")
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            name = inner.get("project", i) if isinstance(inner, Mapping) else i
            yield from _leaves(inner, f"{path}[{name}]")
    else:
        yield path, value


def probe_rows(data: Dataset, recipe: train.Recipe, most: int = 1500) -> np.ndarray:
    """Encoded rows for the parity check: evenly spaced real ones, the same without history, and all unknown."""
    some = data.where(np.arange(len(data)) % max(1, len(data) // most) == 0)
    x = train.encode(some, recipe.names)
    return np.vstack([x, train.encode(train.without_history(some), recipe.names), np.full((1, x.shape[1]), -1, np.float32)])


def blocking_gates(report: Mapping[str, Any]) -> str:
    """A sentence on the gates that are missed and block, empty when there are none."""
    missed = [f"{g['gate']} is {g['value']:.3f}, must be {g['must']}" for g in report["gates"] if g["blocks"] and not g["met"]]
    return f"gate missed: {'; '.join(missed)} (--accept-missed NAME ships all the same)" if missed else ""


def as_json(report: Mapping[str, Any]) -> str:
    return json.dumps(_rounded(report), indent=1) + "\n"


def write_report(report: Mapping[str, Any], path: Path) -> None:
    """Write an evaluation as JSON.

    Raises:
        UsageError: it cannot be written.
    """
    put(path, as_json(report))


def _rounded(value: Any) -> Any:
    """Floats to six digits, NaN to None, all through a JSON value."""
    if isinstance(value, Mapping):
        return {key: _rounded(v) for key, v in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(v) for v in value]
    if isinstance(value, float):
        return round(value, 6) if value == value else None
    return value


def _counts(used: Dataset, y: np.ndarray, holdout: Dataset) -> dict[str, dict[str, Any]]:
    found = {}
    for data, labels in ((used, y), (holdout, holdout.y)):
        for project in np.unique(data.project).tolist():
            mine = data.project == project
            found[project] = {
                "commits": int(mine.sum()),
                "buggy": int(labels[mine].sum()),
                "period": [day(data.time[mine].min()), day(data.time[mine].max())],
            }
    return found
