"""Choosing the forest's recipe by a search, scored where recipes are chosen: whole repositories unseen, the selection window.

A trial never holds a commit from the end of that window on, so the figures that count (time-safe) cannot steer it. The
recipe without tuning is scored the same way and stays unless a trial is better.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

from automl_codex import evaluate, train, tune
from automl_codex.space import DEFAULT_DOMAINS, BugPredictorParam, Choice, IntRange, Params, SearchSpace, forest_arguments
from automl_codex.tables import Dataset
from codex_gate.features import FEATURE_SCHEMA

Say = Callable[[str], None]
TRIAL_TREES: Final = evaluate.ABLATION_TREES
SPACE: Final = SearchSpace(
    BugPredictorParam,
    {
        BugPredictorParam.MAX_DEPTH: DEFAULT_DOMAINS[BugPredictorParam.MAX_DEPTH],
        # §5.1 has 1 to 10, which is for small tables: on a hundred thousand commits such a forest would be many times the wheel's 25 MB
        BugPredictorParam.MIN_SAMPLES_LEAF: IntRange(40, 400, log=True),
        # §5.1 has names alone, and the largest is 4 of 20 measures: half of them rank better (evaluation.json)
        BugPredictorParam.MAX_FEATURES: Choice(("sqrt", 0.35, 0.5, 0.75, 1.0)),
        BugPredictorParam.BOOTSTRAP: DEFAULT_DOMAINS[BugPredictorParam.BOOTSTRAP],
    },
)
"""Not searched: the number of trees, of which more never rank worse, and the smallest split (2 to 20), which cannot bind under leaves of 40."""


def recipe_of(params: Params, recipe: train.Recipe, say: Say = lambda _: None) -> train.Recipe:
    """`recipe` with the parameters of a trial."""
    found = forest_arguments(params, say)
    return replace(recipe, max_depth=found["max_depth"], leaf_size=found["min_samples_leaf"], max_features=found["max_features"], bootstrap=found["bootstrap"])


@dataclass(frozen=True)
class Objective:
    """Parameters → mean AUC over projects on the selection window, each by a forest of TRIAL_TREES trees that did not see its repository.

    Make one with `of`, which leaves out every row from the end of that window on.
    """

    rows: Dataset
    corpus: evaluate.Corpus
    recipe: train.Recipe

    @classmethod
    def of(cls, rows: Dataset, corpus: evaluate.Corpus, recipe: train.Recipe) -> Objective:
        return cls(rows.where(rows.time < corpus.selection.test_to), corpus, replace(recipe, n_trees=TRIAL_TREES))

    def __call__(self, params: Params) -> float:
        return self.score(recipe_of(params, self.recipe))

    def score(self, recipe: train.Recipe) -> float:
        """Mean AUC of a recipe.

        Raises:
            UsageError: no project has enough commits in the window.
        """
        window = self.corpus.selection
        evaluate.judged(self.rows, window)  # before an hour of fitting
        scores = evaluate.out_of_project(self.rows, self.corpus, window, evaluate.forest_entrant("trial", recipe))
        return evaluate.mean_auc(self.rows, window, scores)

    def subject(self) -> str:
        """What a trial's score depends on beside its parameters, as a hash: a log of other trials is not gone on with."""
        asked = [evaluate.data_hash(self.rows), FEATURE_SCHEMA, self.recipe.as_json(), sorted(self.corpus.repository.items())]
        return hashlib.sha256(json.dumps(asked).encode()).hexdigest()


@dataclass(frozen=True)
class Chosen:
    """The recipe that is evaluated and shipped, and how it was found: `facts` for the manifest, `trials` one row each."""

    recipe: train.Recipe
    facts: dict[str, Any]
    trials: list[dict[str, Any]]


def choose(
    rows: Dataset, corpus: evaluate.Corpus, recipe: train.Recipe, config: tune.AutoMLConfig, log: Path | None, say: Say, n_jobs: int = tune.N_JOBS
) -> Chosen:
    """Search SPACE for the best recipe.

    Args:
        rows: training rows; the holdout must not be among them.
        log: the file of trials, or None for the default one of this search below reports/tuning; a run that was cut off goes on from it.
        n_jobs: trials at once; another number suggests other points.
    Raises:
        UsageError: too few commits in the selection window, or a log of another search.
        TrainingFailure: not one trial has a score.
    """
    objective = Objective.of(rows, corpus, recipe)
    untuned = objective.score(objective.recipe)
    say(f"tuning: without a search {untuned:.4f} mean AUC on the selection window")
    storage = log or Path("reports/tuning") / f"{config.strategy}-{recipe.seed}-{objective.subject()[:12]}.db"
    found = tune.tune(
        objective,
        SPACE,
        config,
        seed=recipe.seed,
        storage=storage,
        subject=objective.subject(),
        n_jobs=n_jobs,
        callbacks=[tune.Progress(lambda text: say(f"tuning: {text}"))],
    )
    best = found.best.score if found.best.score is not None else float("-inf")
    better = best > untuned
    say(f"tuning: {found.stopped}; {'trial ' + str(found.best.trial.number) if better else 'no trial is better, the untuned recipe'} is taken")
    facts = {
        **asdict(config),
        "n_jobs": n_jobs,
        "seed": recipe.seed,
        "window": f"cut-off {corpus.selection.as_json()['cut_off']}, test {corpus.selection.window}",
        "trees": TRIAL_TREES,
        "trials": len(found.trials),
        "failed": sum(result.score is None for result in found.trials),
        "stopped": found.stopped,
        "untuned_auc": untuned,
        "best_auc": best,
        "best_trial": found.best.trial.number,
        "params": dict(found.params),
        "taken": "best trial" if better else "untuned recipe",
    }
    return Chosen(recipe_of(found.params, recipe, lambda text: say(f"tuning: {text}")) if better else recipe, facts, found.table())
