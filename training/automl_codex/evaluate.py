"""Honest figures: whole repositories unseen, labels only as they were known, baselines in the same run.

Three scenarios. `selection` (cut-off 2015, test 2016–2017) is where measures and recipe are chosen; `time_safe`
(cut-off 2018, test from 2019) is the figure that counts, and no search sees it, though settings were looked
at there while measures were chosen (SELECTION_NOTE); `all_times` leaves repositories out but not time, so that
small and old projects are seen too, and gives the scores that the shipped calibration rests on.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import platform
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from automl_codex import general, metrics, train
from automl_codex.tables import Dataset
from codex_gate.content import CONTENT
from codex_gate.errors import UsageError
from codex_gate.features import FEATURE_NAMES, FEATURE_SCHEMA, FILE_HISTORY, HISTORY_NAMES, KAMEI, SHAPE

Progress = Callable[[str], None]
MIN_TEST_ROWS: Final = 100  # fewer commits give an AUC of ± .1 and are reported as too few
DRAWS: Final = 1000
ABLATION_TREES: Final = 30  # against 200 that ship: a seventh of the time
N_FOLDS: Final = 6  # parts of the repositories that are left out together; one by one would take eight times as long (chosen)
MIN_GAIN: Final = 0.04  # DESIGN §3, gates
MAX_ECE: Final = 0.10
DAY: Final = 86_400


@dataclass(frozen=True)
class Scenario:
    """A cut-off (Unix seconds, None: each project's end of labels) and a test window [start, end)."""

    name: str
    cut_off: float | None
    test_from: float
    test_to: float

    @property
    def window(self) -> str:
        """The test window in words, by its first and last day."""
        if math.isinf(self.test_from):
            return "all times"
        return f"{_day(self.test_from)} on" if math.isinf(self.test_to) else f"{_day(self.test_from)} to {_day(self.test_to - DAY)}"

    def as_json(self) -> dict[str, str | None]:
        """Days of a scenario with a cut-off; `of_json` gives the same scenario again."""
        assert self.cut_off is not None
        return {"cut_off": _day(self.cut_off), "test_from": _day(self.test_from), "test_to": None if math.isinf(self.test_to) else _day(self.test_to)}

    @classmethod
    def of_json(cls, name: str, found: Mapping[str, str | None]) -> Scenario:
        start, end, cut = (math.inf if (day := found[key]) is None else _midnight(day) for key in ("test_from", "test_to", "cut_off"))
        return cls(name, cut, start, end)


def _seconds(day: date | str) -> float:
    found = date.fromisoformat(day) if isinstance(day, str) else day
    return datetime(found.year, found.month, found.day, tzinfo=UTC).timestamp() + 86_399


def _midnight(day: str) -> float:
    found = date.fromisoformat(day)
    return datetime(found.year, found.month, found.day, tzinfo=UTC).timestamp()


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).date().isoformat()


def _start(year: int) -> float:
    return datetime(year, 1, 1, tzinfo=UTC).timestamp()


SELECTION: Final = Scenario("selection", _start(2015), _start(2016), _start(2018))
TIME_SAFE: Final = Scenario("time_safe", _start(2018), _start(2019), float("inf"))
ALL_TIMES: Final = Scenario("all_times", None, float("-inf"), float("inf"))


def _windows(data: Dataset) -> tuple[Scenario, Scenario]:
    """Windows for tables that do not reach into those of the calendar: of the commits that had a year to be found out the third quarter and the last, each with a cut-off a year before."""
    settled = data.time[data.time <= data.time.max() - train.YEAR]
    if not len(settled):
        return SELECTION, TIME_SAFE
    half, late, end = (math.floor(edge / DAY) * DAY for edge in np.quantile(settled, [0.5, 0.75, 1.0]))
    return (
        Scenario("selection", half - train.YEAR, half, late),
        Scenario("time_safe", late - train.YEAR, late, end + DAY),
    )


@dataclass(frozen=True)
class Corpus:
    """What the corpus file says of each project: repository (the unit that is left out), end of labels, role; and the windows that it is judged in."""

    repository: Mapping[str, str]
    until: Mapping[str, float]
    role: Mapping[str, str]
    entries: tuple[Mapping[str, Any], ...]
    selection: Scenario = SELECTION
    time_safe: Scenario = TIME_SAFE

    @classmethod
    def of(cls, entries: Sequence[Mapping[str, Any]]) -> Corpus:
        return cls(
            {e["project"]: e["repository"] for e in entries},
            {e["project"]: _seconds(e["until"]) for e in entries},
            {e["project"]: e["role"] for e in entries},
            tuple(entries),
        )

    @classmethod
    def of_tables(cls, data: Dataset) -> Corpus:
        """Without a corpus file: every project is a repository of its own, to be trained on up to its newest row, and judged where the tables reach."""
        newest = {project: data.time[data.project == project].max() for project in np.unique(data.project).tolist()}
        days = {project: datetime.fromtimestamp(int(seconds), UTC).date() for project, seconds in newest.items()}
        corpus = cls.of([{"project": p, "repository": p, "until": day.isoformat(), "role": "train"} for p, day in days.items()])
        try:
            refuse_short(data, corpus)
        except UsageError:
            selection, time_safe = _windows(data)
            return replace(corpus, selection=selection, time_safe=time_safe)
        return corpus

    def split(self, data: Dataset) -> tuple[Dataset, Dataset]:
        """Training rows and holdout rows; only commits up to the project's `until`.

        Raises:
            UsageError: a table of a project that the corpus does not name.
        """
        data = self.within(data)
        is_train = np.array([self.role[p] == "train" for p in data.project])
        return data.where(is_train), data.where(~is_train)

    def within(self, data: Dataset) -> Dataset:
        """The rows up to the end of their project's labels.

        Raises:
            UsageError: a table of a project that the corpus does not name.
        """
        strange = sorted(set(data.project.tolist()) - set(self.role))
        if strange:
            raise UsageError(f"the tables hold {', '.join(strange)}, which the corpus file does not name; add them there or remove the tables")
        return data.where(data.time <= self.ends(data))

    def ends(self, data: Dataset) -> np.ndarray:
        """End of labels of each row's project, Unix seconds (n,)."""
        return np.array([self.until[p] for p in data.project])

    def groups(self, data: Dataset) -> np.ndarray:
        """Repository of each row (n,): projects of one repository are left out together."""
        return np.array([self.repository[p] for p in data.project])


@dataclass(frozen=True)
class Fold:
    """Some repositories left out, in whole: masks (n,) of their rows, of the training rows of others, of their test rows."""

    left_out: np.ndarray
    train: np.ndarray
    test: np.ndarray


def known(data: Dataset, corpus: Corpus, scenario: Scenario) -> tuple[np.ndarray, np.ndarray]:
    """(labels, usable) at the scenario's cut-off: what may be trained on, before any project is left out."""
    cut_off: np.ndarray | float = corpus.ends(data) if scenario.cut_off is None else scenario.cut_off
    return train.labels_at(data, cut_off), train.trainable(data, cut_off)


def folds(data: Dataset, corpus: Corpus, scenario: Scenario) -> list[Fold]:
    """The repositories in N_FOLDS parts of about equal size (one by one where there are no more), each left out once.

    A part without test rows gives no fold.
    """
    _, usable = known(data, corpus, scenario)
    groups = corpus.groups(data)
    window = (data.time >= scenario.test_from) & (data.time < scenario.test_to)
    names, size = np.unique(groups, return_counts=True)
    ordered = names[np.argsort(-size, kind="stable")]
    parts = [np.isin(groups, ordered[k::N_FOLDS]) for k in range(min(N_FOLDS, len(ordered)))]
    found = [Fold(part, usable & ~part, window & part) for part in parts]
    return [fold for fold in found if fold.test.any() and fold.train.any()]


@dataclass(frozen=True)
class Entrant:
    """A model in the comparison: `fit(data, labels)` gives a function from a Dataset to raw scores."""

    name: str
    fit: Callable[[Dataset, np.ndarray], Callable[[Dataset], np.ndarray]]


def forest_entrant(name: str, recipe: train.Recipe) -> Entrant:
    def fit(data: Dataset, y: np.ndarray) -> Callable[[Dataset], np.ndarray]:
        return general.fit(data, y, recipe).scores

    return Entrant(name, fit)


def masked_forest_entrant(name: str, recipe: train.Recipe) -> Entrant:
    """The same model, asked with all history unknown as in a shallow clone."""

    def fit(data: Dataset, y: np.ndarray) -> Callable[[Dataset], np.ndarray]:
        model = general.fit(data, y, recipe)
        return lambda rows: model.scores(train.without_history(rows))

    return Entrant(name, fit)


def logistic_entrant(name: str, names: Sequence[str], balanced: bool = False) -> Entrant:
    """Logistic regression on log1p of the measures; LApredict when `names` is la alone (Zeng et al. 2021)."""

    def logs(rows: Dataset) -> np.ndarray:
        return np.asarray(np.log1p(np.clip(train.encode(rows, names), 0, None).astype(float)))

    def fit(data: Dataset, y: np.ndarray) -> Callable[[Dataset], np.ndarray]:
        w = train.weights(y, data.project, data.time) if balanced else None
        model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
        model.fit(logs(data), y, logisticregression__sample_weight=w)
        return lambda rows: np.asarray(model.predict_proba(logs(rows))[:, 1])

    return Entrant(name, fit)


def kamei_forest_entrant(seed: int) -> Entrant:
    """A plain random forest of the same size on Kamei's fourteen: no weights, no constraints."""

    def fit(data: Dataset, y: np.ndarray) -> Callable[[Dataset], np.ndarray]:
        model = RandomForestClassifier(200, max_depth=15, min_samples_leaf=20, n_jobs=2, random_state=seed)
        model.fit(train.encode(data, KAMEI), y)
        return lambda rows: np.asarray(model.predict_proba(train.encode(rows, KAMEI))[:, 1])

    return Entrant("forest_kamei14", fit)


def entrants(recipe: train.Recipe) -> list[Entrant]:
    """The shipped recipe first, then the baselines of every table."""
    return [
        forest_entrant("forest", recipe),
        logistic_entrant("lapredict", ("la",)),
        logistic_entrant("logistic_kamei14", KAMEI),
        logistic_entrant("logistic_kamei14_balanced", KAMEI, balanced=True),
        kamei_forest_entrant(recipe.seed),
    ]


def out_of_project(data: Dataset, corpus: Corpus, scenario: Scenario, entrant: Entrant) -> np.ndarray:
    """Raw scores (n,) of every row by the model that did not see its repository; NaN where there is no fold."""
    labels, _ = known(data, corpus, scenario)
    scores = np.full(len(data), np.nan)
    for fold in folds(data, corpus, scenario):
        predict = entrant.fit(data.where(fold.train), labels[fold.train])
        scores[fold.left_out] = predict(data.where(fold.left_out))
    return scores


def scores_key(data: Dataset, corpus: Corpus, recipe: train.Recipe) -> str:
    """sha256 of all that `out_of_project` scores of a recipe depend on beside the scenario: rows, their common words, repositories and ends of labels, recipe."""
    ends = sorted({(p, str(group), float(end)) for p, group, end in zip(data.project.tolist(), corpus.groups(data), corpus.ends(data), strict=True)})
    return hashlib.sha256(json.dumps([data_hash(data), recipe.as_json(), ends]).encode()).hexdigest()


def evenly(groups: np.ndarray) -> np.ndarray:
    """Weights (n,) that give every repository the same say: whoever installs the model is a draw from repositories, not from commits."""
    _, place, size = np.unique(groups, return_inverse=True, return_counts=True)
    return np.asarray(1.0 / size[place])


def calibrated_elsewhere(data: Dataset, corpus: Corpus, scenario: Scenario, scores: np.ndarray) -> np.ndarray:
    """Probabilities (n,): each part of the repositories calibrated on the out-of-project scores of the others, on labels known at the cut-off."""
    labels, groups, p = known(data, corpus, scenario)[0], corpus.groups(data), np.full(len(data), np.nan)
    for fold, others in _elsewhere(data, corpus, scenario, scores):
        p[fold.left_out] = train.apply(train.calibrate(scores[others], labels[others], evenly(groups[others])), scores[fold.left_out])
    return p


def constant(data: Dataset, corpus: Corpus, scenario: Scenario, scores: np.ndarray) -> np.ndarray:
    """Probabilities (n,) of whoever says the same of every commit: the share of buggy ones among those that `calibrated_elsewhere` fits on, each repository counted alike."""
    labels, groups, p = known(data, corpus, scenario)[0], corpus.groups(data), np.full(len(data), np.nan)
    for fold, others in _elsewhere(data, corpus, scenario, scores):
        p[fold.left_out] = np.average(labels[others], weights=evenly(groups[others]))
    return p


def _elsewhere(data: Dataset, corpus: Corpus, scenario: Scenario, scores: np.ndarray) -> Iterator[tuple[Fold, np.ndarray]]:
    """Each fold with the rows (mask) of the other repositories that a calibration may rest on: scored, and labelled by SZZ where any of them is."""
    _, usable = known(data, corpus, scenario)
    for fold in folds(data, corpus, scenario):
        others = usable & ~fold.left_out & ~np.isnan(scores)
        yield fold, others & data.traced() if (others & data.traced()).any() else others


def compare(
    data: Dataset, corpus: Corpus, scenario: Scenario, contenders: Sequence[Entrant], seed: int, progress: Progress
) -> tuple[dict[str, Any], np.ndarray]:
    """The table of one scenario, and the raw out-of-project scores (n,) of the first contender.

    Raises:
        UsageError: the tables do not reach (`refuse_unscorable`).
    """
    refuse_unscorable(data, corpus, scenario)
    scores = {}
    for entrant in contenders:
        scores[entrant.name] = out_of_project(data, corpus, scenario, entrant)
        progress(f"{scenario.name}: {entrant.name} done")
    chances = {name: calibrated_elsewhere(data, corpus, scenario, found) for name, found in scores.items()}
    tested = (data.time >= scenario.test_from) & (data.time < scenario.test_to)
    rows, left_out = [], []
    for project in np.unique(data.project).tolist():
        mask = tested & (data.project == project)
        n_buggy = int(data.y[mask].sum())
        head = {"project": project, "commits": int(mask.sum()), "buggy": n_buggy}
        if mask.sum() < MIN_TEST_ROWS or not 10 <= n_buggy <= mask.sum() - 10:
            left_out.append(head | {"mean_risk": _mean(chances[contenders[0].name][mask])})
            continue
        rows.append(head | {"models": {name: metrics.summary(data.y[mask], scores[name][mask], chances[name][mask]) for name in scores}})
    report = {"too_few_test_commits": left_out, "projects": rows, **_totals(data, tested, scores, chances, [r["project"] for r in rows], seed)}
    first = contenders[0].name
    same = constant(data, corpus, scenario, scores[first])
    return report | {"constant": _beside_constant(data, tested, same, chances[first])}, scores[first]


def _beside_constant(data: Dataset, tested: np.ndarray, same: np.ndarray, p: np.ndarray) -> dict[str, Any]:
    """Figures of the probability `same` for all, and by what share of its Brier score the probabilities `p` are better, over all test commits.

    Where few commits are buggy a constant has a low calibration error too: only the Brier score tells whether the probabilities say more.
    """
    rows = tested & ~np.isnan(same) & ~np.isnan(p)
    brier = metrics.brier(data.y[rows], same[rows])
    return {
        "pooled": {"brier": brier, "ece": metrics.ece(data.y[rows], same[rows])},
        "mean_ece": mean_ece(data.y, same, large(data.project, tested)),
        "brier_skill": 1 - metrics.brier(data.y[rows], p[rows]) / brier if brier else math.nan,
    }


def _totals(
    data: Dataset, tested: np.ndarray, scores: Mapping[str, np.ndarray], chances: Mapping[str, np.ndarray], projects: Sequence[str], seed: int
) -> dict[str, Any]:
    """Means over projects with intervals, differences to LApredict, and pooled figures.

    What is pooled is every test commit, and the mean calibration error is of every project with MIN_TEST_ROWS of them: to leave out those with few buggy
    commits, which an AUC has to, would be to choose by the outcome.
    """
    names = list(scores)
    masks = {p: tested & (data.project == p) for p in projects}
    labels = {p: data.y[m] for p, m in masks.items()}
    draws = metrics.bootstrap_means(labels, [{p: scores[n][m] for p, m in masks.items()} for n in names], np.random.default_rng(seed), DRAWS)
    mean_auc = [float(np.mean([metrics.auc(labels[p], scores[n][masks[p]]) for p in projects])) for n in names]
    many = large(data.project, tested)
    base = names.index("lapredict")
    report: dict[str, Any] = {"mean": {}, "difference_to_lapredict": {}, "pooled": {}}
    for i, name in enumerate(names):
        each = [metrics.summary(labels[p], scores[name][masks[p]], chances[name][masks[p]]) for p in projects]
        report["mean"][name] = {k: float(np.mean([e[k] for e in each])) for k in each[0]} | {
            "ece": mean_ece(data.y, chances[name], many),
            "auc_interval": list(metrics.interval(mean_auc[i], draws[i])[1:]),
        }
        report["difference_to_lapredict"][name] = metrics.interval(mean_auc[i] - mean_auc[base], draws[i] - draws[base])._asdict()
        every = tested & ~np.isnan(chances[name])
        y, p = data.y[every], chances[name][every]
        f1, fpr = metrics.f1_at_fpr(y, p)
        report["pooled"][name] = {
            "commits": len(y),
            "auc": metrics.auc(y, p),
            "brier": metrics.brier(y, p),
            "ece": metrics.ece(y, p),
            "f1_at_fpr_10_percent": f1,
            "fpr": fpr,
        }
    return report | {"mean_ece_of": {"projects": len(many), "test_commits_each": MIN_TEST_ROWS}}


def _mean(values: np.ndarray) -> float | None:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else None


def large(project: np.ndarray, tested: np.ndarray) -> list[np.ndarray]:
    """Masks (n,) of the tested rows (mask) of each project that has MIN_TEST_ROWS of them, whatever their labels."""
    return [mask for name in np.unique(project) if (mask := tested & (project == name)).sum() >= MIN_TEST_ROWS]


def mean_ece(y: np.ndarray, p: np.ndarray, masks: Sequence[np.ndarray]) -> float:
    """Mean expected calibration error of probabilities p (n,) over projects (masks); NaN where none has any."""
    found = [metrics.ece(y[known], p[known]) for mask in masks if (known := mask & ~np.isnan(p)).any()]
    return float(np.mean(found)) if found else math.nan


def ablation(data: Dataset, corpus: Corpus, recipe: train.Recipe, progress: Progress) -> list[dict[str, Any]]:
    """Mean AUC over projects on the selection window for each set of measures and each choice of the recipe, in all and by where the labels come from."""
    quick = replace(recipe, n_trees=ABLATION_TREES)

    def without(left_out: Iterable[str]) -> train.Recipe:
        return replace(quick, names=tuple(n for n in quick.names if n not in left_out))

    alone = replace(quick, within=False)
    sets: dict[str, train.Recipe] = {
        "shipped": quick,
        "shipped − words": replace(quick, words=False),
        "the forest alone": alone,
        "the forest alone, Kamei's 14": replace(alone, names=KAMEI),
        "the forest alone, Kamei's 14 + file history": replace(alone, names=(*KAMEI, *FILE_HISTORY)),
        "shipped − program text": replace(without(CONTENT), words=False),
        "shipped − file history": without(HISTORY_NAMES),
        "shipped − shape": without(SHAPE),
        "every measure that does not grow with a repository": replace(quick, names=train.PLAIN),
        "shipped + measures that grow with a repository": replace(quick, names=(*quick.names, *sorted(train.ABSOLUTE_SCALE))),
        "shipped + message (fix, message_length)": replace(quick, names=(*quick.names, "fix", "message_length")),
        "shipped + clock (hour_of_day, day_of_week)": replace(quick, names=(*quick.names, "hour_of_day", "day_of_week")),
        "shipped, a split chooses among the root of the measures": replace(quick, max_features="sqrt"),
        "shipped, a split chooses among all measures": replace(quick, max_features=1.0),
        "shipped, rows not balanced": replace(quick, balanced=False),
        "shipped, projects weighted by their rows": replace(quick, rooted=False),
        "shipped, labels from outside weighted like those of SZZ": replace(quick, outside=1.0),
        "shipped, labels from outside weighted a tenth": replace(quick, outside=0.1),
        "shipped, no labels from outside": replace(quick, outside=0.0),
        "shipped, no monotonic constraints": replace(quick, monotone=False),
        "shipped, no masked copies": replace(quick, mask_share=0.0),
    }
    found = [_ablated(data, corpus, "la alone (LApredict)", 1, train.encode(data, ("la",))[:, 0])]
    for name, variant in sets.items():
        found.append(_ablated(data, corpus, name, len(variant.names), out_of_project(data, corpus, corpus.selection, forest_entrant(name, variant))))
        progress(f"ablation: {name}: {found[-1]['mean_auc']:.4f}")
    return found


def _ablated(data: Dataset, corpus: Corpus, name: str, n_features: int, scores: np.ndarray) -> dict[str, Any]:
    """A row of the ablation: mean AUC over all projects, over those that SZZ labelled and over the others (NaN where there are none)."""
    every = judged(data, corpus.selection)
    szz, outside = by_labels(data, every)
    means = {"mean_auc": every, "mean_auc_szz": szz, "mean_auc_outside": outside}
    return {"measures": name, "n_features": n_features} | {key: _mean_auc(data, masks, scores) for key, masks in means.items()}


def mean_auc(data: Dataset, scenario: Scenario, scores: np.ndarray) -> float:
    """Mean AUC over the projects that `judged` finds, of raw scores (n,)."""
    return _mean_auc(data, judged(data, scenario), scores)


def _mean_auc(data: Dataset, masks: Sequence[np.ndarray], scores: np.ndarray) -> float:
    return float(np.mean([metrics.auc(data.y[m], scores[m]) for m in masks])) if masks else math.nan


def by_labels(data: Dataset, masks: Sequence[np.ndarray]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Masks (n,) of projects apart: those that SZZ labelled, and those whose labels came with a file."""
    traced = data.traced()
    return [m for m in masks if traced[m].all()], [m for m in masks if not traced[m].all()]


def judged(data: Dataset, scenario: Scenario) -> list[np.ndarray]:
    """Masks (n,) of the test rows of each project that has enough of them, and of both kinds.

    Raises:
        UsageError: no project has.
    """
    tested = (data.time >= scenario.test_from) & (data.time < scenario.test_to)
    masks = [tested & (data.project == p) for p in np.unique(data.project)]
    if enough := [m for m in masks if m.sum() >= MIN_TEST_ROWS and 10 <= data.y[m].sum() <= m.sum() - 10]:
        return enough
    raise UsageError(
        f"no project has {MIN_TEST_ROWS} commits in the test window of {scenario.name} ({scenario.window}), 10 of them buggy and 10 clean; "
        "mine longer histories, or more of them; one repository alone is for automl-codex retrain"
    )


def refuse_unscorable(data: Dataset, corpus: Corpus, scenario: Scenario, calibrated: bool = True) -> None:
    """Every project with test rows can be scored by a model that did not see its repository, and calibrated on others where that is asked.

    Raises:
        UsageError: no project is judged, or for one there is nothing to learn from, or nothing to be calibrated on.
    """
    masks = judged(data, scenario)
    labels, usable = known(data, corpus, scenario)
    parts = folds(data, corpus, scenario)
    scored = np.any([np.zeros(len(data), bool), *(fold.left_out for fold in parts)], axis=0)
    untaught = [mask & ~scored for mask in masks] + [fold.test for fold in parts if len(np.unique(labels[fold.train])) < 2]
    bare = [fold.test for fold in parts if calibrated and not (usable & scored & ~fold.left_out).any()]
    end = "the end of their labels" if scenario.cut_off is None else datetime.fromtimestamp(scenario.cut_off, UTC).date().isoformat()
    for rows, lacking in ((untaught, "both buggy and clean as was known then, to learn from"), (bare, "with scores, to calibrate on")):
        for mask in rows:
            if mask.any():
                raise UsageError(
                    f"{data.project[mask][0]} cannot be judged in {scenario.name}: the other repositories hold no commits of a year before {end}, {lacking}; "
                    "mine more of them, or longer histories"
                )


def refuse_short(data: Dataset, corpus: Corpus) -> None:
    """The tables reach for everything that `report` computes.

    Raises:
        UsageError: not for one of the scenarios, or SZZ's labels not for the calibration that ships.
    """
    refuse_unscorable(data, corpus, corpus.selection, calibrated=False)
    for scenario in (corpus.time_safe, ALL_TIMES):
        refuse_unscorable(data, corpus, scenario)
    if not (known(data, corpus, ALL_TIMES)[1] & data.traced()).any():
        raise UsageError(
            "no commit that SZZ labelled is a year older than the end of its project's labels, so nothing can be calibrated; mine longer histories"
        )


def without_history(data: Dataset, corpus: Corpus, recipe: train.Recipe) -> dict[str, float]:
    """The shipped recipe asked with all history unknown (shallow clone), time-safe: mean AUC, mean and pooled ECE."""
    safe = corpus.time_safe
    scores = out_of_project(data, corpus, safe, masked_forest_entrant("masked", recipe))
    p = calibrated_elsewhere(data, corpus, safe, scores)
    tested = (data.time >= safe.test_from) & (data.time < safe.test_to) & ~np.isnan(p)
    return {
        "mean_auc": mean_auc(data, safe, scores),
        "mean_ece": mean_ece(data.y, p, large(data.project, tested)),
        "pooled_ece": metrics.ece(data.y[tested], p[tested]),
    }


def external(
    rows: Dataset, corpus: Corpus, models: Mapping[str, Callable[[Dataset], np.ndarray]], chance: Callable[[Dataset], np.ndarray], seed: int
) -> list[dict[str, Any]]:
    """Holdout projects, never trained on, by the final models; AUC with intervals, ECE of the shipped one, and what the corpus file notes of each."""
    found = []
    notes = {entry["project"]: {"note": str(entry["note"])} for entry in corpus.entries if "note" in entry}
    for project in np.unique(rows.project).tolist():
        part = rows.where(rows.project == project)
        labels = {project: part.y}
        scores = {name: predict(part) for name, predict in models.items()}
        draws = metrics.bootstrap_means(labels, [{project: s} for s in scores.values()], np.random.default_rng(seed), DRAWS)
        values = [metrics.auc(part.y, s) for s in scores.values()]
        base = list(scores).index("lapredict")
        table = {name: metrics.interval(values[i], draws[i])._asdict() for i, name in enumerate(scores)}
        gains = {name: metrics.interval(values[i] - values[base], draws[i] - draws[base])._asdict() for i, name in enumerate(scores)}
        p = chance(part)
        figures = {
            "commits": len(part),
            "buggy": int(part.y.sum()),
            "mean_risk": float(p.mean()),
            "ece": metrics.ece(part.y, p),
            "brier": metrics.brier(part.y, p),
        }
        found.append({"project": project} | figures | {"auc": table, "difference_to_lapredict": gains} | notes.get(project, {}))
    return found


def gates(time_safe: Mapping[str, Any], accepted: Sequence[str]) -> list[dict[str, Any]]:
    """The project's own gates, which block unless accepted by name, and the specification's, which are only reported."""
    gain = time_safe["difference_to_lapredict"]["forest"]["value"]
    pooled = time_safe["pooled"]["forest"]
    mean_auc = time_safe["mean"]["forest"]["auc"]
    rows = [
        ("auc_over_lapredict", gain, ">=", MIN_GAIN, True),
        ("pooled_ece", pooled["ece"], "<=", MAX_ECE, True),
        ("brier_skill", time_safe["constant"]["brier_skill"], ">=", 0.0, True),
        ("spec_auc", mean_auc, ">=", 0.80, False),
        ("spec_f1_at_fpr_10_percent", pooled["f1_at_fpr_10_percent"], ">=", 0.75, False),
    ]
    return [
        {
            "gate": name,
            "value": value,
            "must": f"{sign} {limit:g}",
            "met": bool(value >= limit if sign == ">=" else value <= limit),
            "blocks": blocks and name not in accepted,
        }
        | ({"accepted": True} if name in accepted else {})
        | ({"fpr": pooled["fpr"]} if name == "spec_f1_at_fpr_10_percent" else {})
        for name, value, sign, limit, blocks in rows
    ]


def data_hash(data: Dataset) -> str:
    """sha256 over the rows' content in order: project, commit, time, label, fix time, features, where the label comes from, and the common words, if there are any."""
    found, outside = hashlib.sha256(), np.zeros(len(data), bool) if data.outside is None else data.outside
    for array in (data.project.astype("U64"), data.sha256.astype("U64"), data.time, data.y, data.fix_time, np.ascontiguousarray(data.X), outside):
        found.update(array.tobytes())
    if data.said is not None:
        found.update(json.dumps([data.said.words, [data.said.row(name).tolist() for name in data.sha256.tolist()]]).encode())
    return found.hexdigest()


def machine() -> dict[str, Any]:
    """What the figures were computed on; no host name."""
    return {"processor": _processor(), "cores": os.cpu_count(), "python": platform.python_version(), "system": platform.system()}


def _processor() -> str:
    listing = Path("/proc/cpuinfo")
    if listing.exists():
        for line in listing.read_text("utf-8", "replace").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


class Evaluated(NamedTuple):
    """What `evaluation.json` holds but the external holdout, the calibration knots that ship, and the time-safe raw scores (n,) out of project."""

    report: dict[str, Any]
    knots: list[tuple[float, float]]
    scores: np.ndarray


def report(data: Dataset, holdout: Dataset, corpus: Corpus, recipe: train.Recipe, today: date, accepted: Sequence[str], progress: Progress) -> Evaluated:
    """Compute it all.

    Raises:
        UsageError: the tables do not reach for it; no forest was grown.
    """
    refuse_short(data, corpus)
    if n := int(((data.y == 1) & np.isnan(data.fix_time)).sum()):
        progress(f"{n} buggy commits have no time of their fix; they count as known to be so a year after they were made")
    contenders = entrants(recipe)
    table = ablation(data, corpus, recipe, progress)
    time_safe, scores = compare(data, corpus, corpus.time_safe, contenders, recipe.seed, progress)
    all_times, raw = compare(data, corpus, ALL_TIMES, contenders, recipe.seed, progress)
    labels, usable = known(data, corpus, ALL_TIMES)
    usable &= ~np.isnan(raw) & data.traced()
    knots = train.calibrate(raw[usable], labels[usable], evenly(corpus.groups(data)[usable]))
    found = {
        "format": 1,
        "date": today.isoformat(),
        "machine": machine(),
        "seed": recipe.seed,
        "feature_schema": FEATURE_SCHEMA,
        "data": {
            "sha256": data_hash(data),
            "commits": len(data),
            "buggy": int(data.y.sum()),
            "projects": sorted(set(data.project.tolist())),
            "holdout": sorted(set(holdout.project.tolist())),
            "labelled_outside": int((~data.traced()).sum()),
        },
        "windows": {scenario.name: scenario.as_json() for scenario in (corpus.selection, corpus.time_safe)},
        "protocol": protocol(corpus),
        "recipe": recipe.as_json(),
        "left_out_measures": [name for name in FEATURE_NAMES if name not in recipe.names],
        "ablation": {
            "window": f"cut-off {corpus.selection.as_json()['cut_off']}, test {corpus.selection.window}",
            "trees": ABLATION_TREES,
            "tried": len(table),
            "rows": table,
        },
        "time_safe": time_safe,
        "without_history": without_history(data, corpus, recipe),
        "all_times": all_times,
    }
    return Evaluated(found | {"gates": gates(time_safe, accepted)}, knots, scores)


SELECTION_NOTE: Final = (
    "measures and recipe are chosen on the selection window. While exploring, about 90 settings were looked at in the first round: about 40 on all times of 12 of the repositories (boosted trees, forests and "
    "logistic regressions on the old measures, on words, on ranks within the last 1,000 changes), about 50 on the selection window; 23 of these (boosted trees and logistic regressions with words, hashed "
    "words and ranks) on the time-safe window too, where none was more than .0003 better than boosted trees on the measures as they are. In a second round, on news in the program text, some 150 more were looked "
    "at on the selection window, about 60 of them on the external holdout and 30 on the time-safe window as well. The choice weighed two means against each other, over the projects that SZZ labelled "
    "and over the others, so that neither idea of a defect decides alone. In a third round, on a regression within projects beside the forest, some 250 more were looked at on the selection window, and more than a thousand mixtures of two of them; "
    "about 50 of all these on the time-safe window and on the external holdout too, about 35 on the fresh projects of docs/fresh.md. What was taken is about the best by the mean of both means there, and the simplest that the runtime could read already"
)

PROTOCOL: Final = {
    "unit": "commit",
    "left_out": f"whole repositories, in {N_FOLDS} parts (projects of one repository stay together); means are over projects",
    "training_labels": "a commit counts as buggy only if its first fix was made (by its author's date) before the cut-off, else it is clean, as it was for anybody then; commits of the year before the cut-off are not trained on; a label that says no time of its fix counts as known a year after the commit",
    "doubt": "commits that only doubtful fixes accuse (docs/labels.md) are in no table, whenever these fixes were made: neither learned from nor judged. So what is left is easier to tell apart than all that comes in: judged as buggy with the others, where it was tried by hand, they halve the gain over added lines (docs/tried.md, doubtful accusations)",
    "test_labels": "as known at the head that was labelled, so that every test commit had eighteen months or more to be found out",
    "time_safe": "cut-off 2018-01-01, a gap of a year, test on commits from 2019-01-01 to the end of labels",
    "all_times": "cut-off at each project's end of labels; not time-safe, shown because it holds every project in full",
    "selection": SELECTION_NOTE,
    "calibration": "each part's probabilities come from knots fitted on the out-of-project scores of the others that SZZ labelled, on labels known at the cut-off, each repository with the same weight",
    "intervals": f"95 %, {DRAWS} bootstrap draws of projects and of commits within them, paired across models",
    "constant": "what the same probability for every commit would reach, the share of buggy ones where the calibration was fitted; brier_skill is by what share of its Brier score the model is better, pooled",
    "gates": f"pooled_ece is over all test commits, also of projects with too few buggy ones for an AUC; the mean over projects with {MIN_TEST_ROWS} test commits, whose base rates differ, is larger and stands beside it",
}


def protocol(corpus: Corpus) -> dict[str, str]:
    """The protocol in words; of tables without a corpus file in theirs."""
    if (corpus.selection, corpus.time_safe) == (SELECTION, TIME_SAFE):
        return PROTOCOL
    safe = corpus.time_safe
    return PROTOCOL | {
        "test_labels": "as known at the head that was labelled; every test commit had a year or more to be found out",
        "time_safe": f"cut-off {safe.as_json()['cut_off']}, a gap of a year, test on commits of {safe.window}: these tables do not reach into the windows of the calendar",
        "selection": f"a search, where one was asked for, is scored on commits of {corpus.selection.window}; the recipe that it starts from is that of the model that ships, whose card says how it was chosen",
    }
