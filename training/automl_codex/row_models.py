"""Stage 5: the families of models that `automl-codex.yaml` names, trained on verified rows.

    rows → for each family a search on the validation part → the weights of all of them together, there too → figures on the test part

A family answers P(kind) over the 18 categories and none, and P(defect), as a teacher and the student do, so that one table holds them all. Trees read
TF-IDF of either side of a change; they ship as ONNX with their terms. `lora` is the teacher of `automl-codex teach`.
Source: specification, §3.3, §5 and §9.2.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from glob import escape
from importlib.util import find_spec
from itertools import product
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np

from automl_codex import examples as rows_of
from automl_codex import judging, metrics, tune
from automl_codex.examples import Example, of_part
from automl_codex.files import check_directory, swap, whole
from automl_codex.pipeline_config import METRICS
from automl_codex.space import DEFAULT_DOMAINS, BugPredictorParam, Domain, IntRange, Params, SearchSpace, forest_arguments
from automl_codex.split import TEST, TRAIN, VALIDATION
from codex_gate.errors import UsageError

REPORT: Final = "evaluation.json"
TRIALS: Final = "_trials-{}.db"  # the log of a search, which a run that was cut off goes on from
_SHOWN: Final = 12  # characters of a question's hash in the name of the folder beside the output
ENSEMBLE: Final = "ensemble"
TERMS: Final = 2_000  # of TF-IDF that trees may read, the most frequent ones (chosen)
LEVELS: Final = 5  # weights of a family in the ensemble that are tried: 0 to 1 in quarters
FLAG: Final = 0.5  # P(defect) above which a change counts as one
FALSE_POSITIVES: Final = "false_positive_rate"  # not in §9.2's list of metrics, but a gate of §8.1
FORMAT: Final = 2  # of the report
KEYS: Final = {"rank": "lora_rank", "alpha": "lora_alpha", "dropout": "lora_dropout"}  # of the file, where the search has another name

Say = Callable[[str], None]


@dataclass(frozen=True)
class Asked:
    """What is to be trained: by family the domain of each of its keys, the base model of `lora`, how a search is run, what is reported."""

    models: Mapping[str, Mapping[str, Domain]]
    base_model: str = ""
    automl: tune.AutoMLConfig = field(default_factory=tune.AutoMLConfig)
    metrics: tuple[str, ...] = METRICS
    seed: int = 42

    def key(self, rows: Sequence[Example]) -> str:
        """What the result depends on, as a hash."""
        spaces = {name: _space(domains).as_json() if domains else {} for name, domains in self.models.items()}
        told = [rows_of.hash_of(rows), spaces, self.base_model, asdict(self.automl), list(self.metrics), self.seed]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()


class Fitted(Protocol):
    """A trained member."""

    def answer(self, rows: Sequence[Example]) -> np.ndarray:
        """Probabilities (n, 20): the 19 kinds and the defect."""
        ...

    def put(self, folder: Path) -> None:
        """Write it down."""
        ...


class Family(Protocol):
    """Parameters → a trained member; made with the rows of the training part."""

    def fit(self, params: Params) -> Fitted: ...


# -- trees over TF-IDF ---------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class TreeModel:
    """Two classifiers over the same terms: of the kind, and of the defect; one that saw a single class is that class."""

    vectoriser: Any
    kind: tuple[Any, np.ndarray]
    defect: tuple[Any, np.ndarray]

    def answer(self, rows: Sequence[Example]) -> np.ndarray:
        x = self.vectoriser.transform(rows)
        found = np.zeros((len(rows), judging.N_KINDS + 1))
        found[:, self.kind[1]] = _chances(self.kind, x)
        found[:, -1] = _chances(self.defect, x) @ (self.defect[1] == 1)
        return judging.ruled_out(found, rows)

    def put(self, folder: Path) -> None:
        from automl_codex import export

        folder.mkdir(parents=True, exist_ok=True)
        terms = {term: int(place) for term, place in sorted(self.vectoriser.vocabulary_.items())}
        told = {"terms": terms, "idf": self.vectoriser.idf_.tolist(), "kinds": self.kind[1].tolist(), "defect": self.defect[1].tolist()}
        _write(folder / "terms.json", json.dumps(told).encode())
        for name, (model, _) in (("kind", self.kind), ("defect", self.defect)):
            if model is not None:
                _write(folder / f"{name}.onnx", export.to_onnx(model, len(terms)))


def _chances(model: tuple[Any, np.ndarray], x: Any) -> np.ndarray:
    classifier, classes = model
    return np.ones((x.shape[0], 1)) if classifier is None else np.asarray(classifier.predict_proba(x)).reshape(-1, len(classes))


@dataclass(frozen=True, eq=False)
class Trees:
    """A family of tree ensembles; `make` gives the classifier of some parameters."""

    rows: Sequence[Example]
    make: Callable[..., Any]
    seed: int

    def fit(self, params: Params) -> TreeModel:
        from sklearn.feature_extraction.text import TfidfVectorizer

        vectoriser = TfidfVectorizer(analyzer=judging.terms, min_df=2, max_features=TERMS, sublinear_tf=True, dtype=np.float32)
        try:
            x = vectoriser.fit_transform(self.rows)
        except ValueError:  # no term stands in two changes
            raise UsageError(f"the changes to train on, {len(self.rows):,} of them, have no word in common; generate more programs") from None
        kind, defect = (self._one(x, y, unknown, params) for y, unknown in zip(judging.truth(self.rows), (judging.N_KINDS - 1, 0), strict=True))
        return TreeModel(vectoriser, kind, defect)

    def _one(self, x: Any, y: np.ndarray, unknown: int, params: Params) -> tuple[Any, np.ndarray]:
        """A classifier with its classes; None with the only class there is, `unknown` where no row has one."""
        known = np.flatnonzero(y >= 0)
        classes = np.unique(y[known])
        if len(classes) < 2:
            return None, classes if len(classes) else np.array([unknown])
        return self.make(**params, random_state=self.seed).fit(x[known], y[known]), classes


def _forest(random_state: int, **params: Any) -> Any:
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(n_jobs=1, random_state=random_state, **forest_arguments(params, lambda _: None))  # `run` says what auto means


def _boosting(**arguments: Any) -> Any:
    from sklearn.ensemble import GradientBoostingClassifier

    return GradientBoostingClassifier(**arguments)


# -- the teacher ---------------------------------------------------------------------------------------

LIBRARIES: Final = ("torch", "transformers", "peft", "safetensors")  # of a teacher


def absent() -> list[str]:
    """The libraries of a teacher that are not installed."""
    return [name for name in LIBRARIES if find_spec(name) is None]


@dataclass(frozen=True, eq=False)
class TeacherModel:
    """A teacher, whose files lie where it was trained."""

    teacher: Any
    place: Path

    def answer(self, rows: Sequence[Example]) -> np.ndarray:
        from codex_gate.student import probabilities

        return probabilities(self.teacher.logits(rows), judging.masks(rows))

    def put(self, folder: Path) -> None:
        _write(folder / "chosen.json", json.dumps({"folder": self.place.name}).encode())


@dataclass(frozen=True, eq=False)
class Lora:
    """Teachers of one base model; each is trained in a folder of its own, so that a run that was cut off goes on."""

    rows: Sequence[Example]
    base_model: str
    folder: Path
    seed: int

    def fit(self, params: Params) -> TeacherModel:
        from automl_codex import lora

        given = {name: params[key] for name, key in KEYS.items() if key in params}
        recipe = lora.Recipe(self.base_model, **given, seed=self.seed)  # type: ignore[arg-type]
        place = self.folder / f"r{recipe.rank}-a{recipe.alpha}-d{recipe.dropout:g}"
        return TeacherModel(lora.train(self.rows, recipe, place, place.name), place)


FAMILIES: Final[Mapping[str, Callable[[Sequence[Example], Asked, Path], Family]]] = {
    "random_forest": lambda rows, asked, folder: Trees(rows, _forest, asked.seed),
    "gradient_boosting": lambda rows, asked, folder: Trees(rows, _boosting, asked.seed),
    "lora": lambda rows, asked, folder: Lora(rows, asked.base_model, folder / "lora", asked.seed),
}


# What `automl-codex train --models` searches where it is asked to (specification, §9.2, for lora An.3), and what it takes without a search.
DOMAINS: Final[Mapping[str, tuple[BugPredictorParam, ...]]] = {
    "random_forest": (BugPredictorParam.N_ESTIMATORS, BugPredictorParam.MAX_DEPTH),
    "gradient_boosting": (BugPredictorParam.N_ESTIMATORS, BugPredictorParam.LEARNING_RATE),
    "lora": (BugPredictorParam.LORA_RANK, BugPredictorParam.LORA_ALPHA, BugPredictorParam.LORA_DROPOUT),
}
MOST_BOOSTED: Final = IntRange(50, 200)


def named(names: str, base_model: str, search: tune.AutoMLConfig | None, seed: int) -> Asked:
    """The families of a comma-separated list: with the ranges of §9.2 where there is a search, else as their libraries have them.

    Raises:
        UsageError: a family that is none, or that stands twice.
    """
    asked = [name.strip() for name in names.split(",")]
    if strange := [name for name in asked if name not in FAMILIES]:
        raise UsageError(f"no family of models {strange[0]!r}; there are {', '.join(FAMILIES)}")
    if len(set(asked)) < len(asked):
        raise UsageError(f"--models names a family twice: {names}")
    ranges: dict[str, dict[str, Domain]] = {name: {str(key): DEFAULT_DOMAINS[key] for key in DOMAINS[name]} if search else {} for name in asked}
    if ranges.get("gradient_boosting"):
        ranges["gradient_boosting"][str(BugPredictorParam.N_ESTIMATORS)] = MOST_BOOSTED
    return Asked(ranges, base_model, search or tune.AutoMLConfig(), seed=seed)


# -- the run -------------------------------------------------------------------------------------------


def beside(rows: Sequence[Example], asked: Asked, folder: Path, say: Say) -> tuple[Mapping[str, Any], Path]:
    """Train beside `folder`, which stays as it is until `replace`; a run that was cut off goes on there.

    Returns:
        The report, and where its models lie: `folder` itself where it holds them already.
    Raises:
        UsageError: something else than a directory lies there, or as `run`. TrainingFailure: as `run`.
    """
    check_directory(folder)
    key = asked.key(rows)
    if (kept := _report(folder)) and kept["key"] == key:
        return run(rows, asked, folder, say), folder
    place = _beside(folder, key)
    for other in place.parent.glob(f".{escape(place.name[1:-_SHOWN])}*"):
        if other != place and (refused := _report(other)) and other == _beside(folder, refused["key"]):
            shutil.rmtree(other)  # the answer to a question that is no longer asked
    return run(rows, asked, place, say), place


def _beside(folder: Path, key: str) -> Path:
    """Where the answer to a question lies until it may replace `folder`: each has its own place, for none can go on from another's trials."""
    target = folder.resolve() if folder.is_symlink() or folder.name in ("", "..") else folder
    return target.with_name(f".{target.name}-{key[:_SHOWN]}")


def replace(place: Path, folder: Path) -> None:
    """Swap what was trained beside `folder` for what lies there; of the latter stays what no training put there, and the folder itself: somebody may stand in it.

    The report goes first and comes last: where it is missing nothing is up to date, and the next call with the same question goes on.
    """
    if place == folder:
        return
    if not folder.is_dir():
        swap(place, folder.resolve())
        return
    (folder / REPORT).unlink(missing_ok=True)
    asked = json.loads((place / REPORT).read_bytes())["params"]
    for name in FAMILIES.keys() - asked.keys():
        for old in (name, TRIALS.format(name), f"{TRIALS.format(name)}.lock"):
            _remove(folder / old)
    for entry in sorted(place.iterdir(), key=lambda entry: entry.name == REPORT):
        _remove(folder / entry.name)
        shutil.move(entry, folder / entry.name)
    place.rmdir()


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def run(rows: Sequence[Example], asked: Asked, folder: Path, say: Say) -> Mapping[str, Any]:
    """Train every family and put all of it into `folder`; a result that is there and up to date is kept.

    Returns:
        The report, as `evaluation.json` holds it.
    Raises:
        UsageError: no change falls into one of the parts of the split, or a folder of another search.
        TrainingFailure: not one trial of a search has a score.
    """
    key = asked.key(rows)
    if (kept := _report(folder)) and kept["key"] == key:
        say(f"train: {folder} is up to date")
        return kept
    parts = {part: [rows[place] for place in of_part(rows, part)] for part in (TRAIN, VALIDATION, TEST)}
    for part, chosen in parts.items():
        if not chosen:
            raise UsageError(f"of {len(rows):,} verified changes none falls into the {part} part of the split; generate more programs")
    folder.mkdir(parents=True, exist_ok=True)
    members: dict[str, Fitted] = {}
    params: dict[str, dict[str, Any]] = {}
    for name, domains in asked.models.items():
        family = FAMILIES[name](parts[TRAIN], asked, folder)
        params[name] = _searched(name, family, domains, parts[VALIDATION], asked, folder / TRIALS.format(name), key, say)
        members[name] = family.fit(params[name])
        members[name].put(folder / name)
    weights = weighed([member.answer(parts[VALIDATION]) for member in members.values()], parts[VALIDATION])
    answers = {name: member.answer(parts[TEST]) for name, member in members.items()}
    said = {"majority": judging.majority(rows)[of_part(rows, TEST)]} | answers
    if len(members) > 1:
        said[ENSEMBLE] = _mean(list(answers.values()), weights)
    report = {
        "format": FORMAT, "kind": "rows", "key": key, "seed": asked.seed, "rows": {part: dict(found) for part, found in rows_of.counts(rows).items()},
        "params": params, "weights": dict(zip(members, weights, strict=True)), "answers": list(said)[-1],
        "judged": {name: _figures(judging.judge(parts[TEST], found, asked.seed)) for name, found in said.items()},
        "defect": {name: {metric: value for metric, value in of_defect(parts[TEST], found).items() if metric in asked.metrics} for name, found in said.items()},
        "measured": of_defect(parts[TEST], said[list(said)[-1]]),
    }  # fmt: skip
    _write(folder / REPORT, (json.dumps(report, indent=1, allow_nan=False) + "\n").encode())
    return report


def _searched(
    name: str, family: Family, domains: Mapping[str, Domain], judges: Sequence[Example], asked: Asked, log: Path, subject: str, say: Say
) -> dict[str, Any]:
    """The parameters of a family: those of its best trial, or the only ones that there are."""
    if not domains:
        return {}
    if (features := domains.get("max_features")) and not features.fault("auto"):
        forest_arguments({"max_features": "auto"}, lambda text: say(f"train, {name}: {text}"))
    space = _space(domains)
    if space.grid_size(2) == 1:
        return space.grid_point(1, 0)

    def objective(params: Params) -> float:
        return score(judges, family.fit(params).answer(judges))

    callbacks = [tune.Progress(lambda text: say(f"train, {name}: {text}"))]
    found = tune.tune(objective, space, asked.automl, seed=asked.seed, storage=log, subject=subject, callbacks=callbacks)
    say(f"train, {name}: {found.stopped}; trial {found.best.trial.number} is taken")
    return dict(found.params)


def _space(domains: Mapping[str, Domain]) -> SearchSpace:
    return SearchSpace(BugPredictorParam, {KEYS.get(key, key): domain for key, domain in domains.items()})


def score(rows: Sequence[Example], answers: np.ndarray) -> float:
    """What a search and the weights go by: the mean of the macro-F1 of the categories and the AUC of the defect, or the one of them that the rows can tell; 0 where neither."""
    known = [value for value in judging.point(rows, answers) if np.isfinite(value)]
    return float(np.mean(known)) if known else 0.0


def weighed(answers: Sequence[np.ndarray], rows: Sequence[Example]) -> tuple[float, ...]:
    """The weights of members, which sum to 1, whose weighted mean scores best on these rows; of equals the most even ones."""
    grid = [tuple(w / (LEVELS - 1) for w in found) for found in product(range(LEVELS), repeat=len(answers)) if sum(found) == LEVELS - 1]
    return max(sorted(grid, key=lambda weights: sum(w * w for w in weights)), key=lambda weights: score(rows, _mean(answers, weights)))


def _mean(answers: Sequence[np.ndarray], weights: Sequence[float]) -> np.ndarray:
    return np.asarray(sum(weight * found for weight, found in zip(weights, answers, strict=True)))


def of_defect(rows: Sequence[Example], answers: np.ndarray) -> dict[str, float | None]:
    """The specification's metrics of P(defect) on the rows of which the defect is known, and its false-positive rate; None for what they cannot tell."""
    _, defect = judging.truth(rows)
    y, chance = defect[defect >= 0], answers[defect >= 0, -1]
    if len(np.unique(y)) < 2:
        return dict.fromkeys((*METRICS, FALSE_POSITIVES))
    flagged = chance > FLAG
    hits = int((flagged & (y == 1)).sum())
    precision, recall = hits / max(1, int(flagged.sum())), hits / int((y == 1).sum())
    f1 = 2 * precision * recall / (precision + recall) if hits else 0.0
    found: dict[str, float | None] = dict(zip(METRICS, (metrics.auc(y, chance), metrics.average_precision(y, chance), f1, precision, recall), strict=True))
    return found | {FALSE_POSITIVES: int((flagged & (y == 0)).sum()) / int((y == 0).sum())}


def summary(report: Mapping[str, Any], folder: Path) -> str:
    """What came of it: rows, weights, and a line for each who answers."""
    counts = ", ".join(f"{part} {found.get('rows', 0):,}" for part, found in report["rows"].items())
    return "\n".join([f"train  {folder}  {counts}", *_lines(report)]) + "\n"


def _lines(report: Mapping[str, Any]) -> Iterator[str]:
    for name, found in report["judged"].items():
        figures = {"macro-F1": (found["macro_f1"] or {}).get("value"), **report["defect"][name]}
        shown = ", ".join(f"{metric} {value:.3f}" for metric, value in figures.items() if value is not None)
        weight = f" (weight {report['weights'][name]:g})" if name in report["weights"] and ENSEMBLE in report["judged"] else ""
        yield f"  {name}{weight}: {shown or 'the test part cannot tell'}"


def _figures(judged: judging.Judged) -> dict[str, Any]:
    """The figures with their intervals; None where they are unknown."""
    found = {name: getattr(judged, name) for name in ("accuracy", "macro_f1", "top2", "none_said", "auc", "pairwise")}
    told = {name: figure._asdict() if np.isfinite(figure.value) else None for name, figure in found.items()}
    return {"rows": judged.rows, "categorised": judged.categorised, **told}


def _report(folder: Path) -> Mapping[str, Any] | None:
    try:
        found = json.loads((folder / REPORT).read_bytes())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and (found.get("format"), found.get("kind")) == (FORMAT, "rows") and "key" in found else None


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole(path) as partial:
        partial.write_bytes(data)
