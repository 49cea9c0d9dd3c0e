import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from automl_codex import choose, cli, evaluate, train, tune
from codex_gate.errors import UsageError
from tests.automl_codex.synthetic import corpus, dataset
from tests.automl_codex.test_evaluate import with_few_trees, write_tables

SMALL = train.Recipe(n_trees=8, leaf_size=40)
POINT = {"max_depth": 6, "min_samples_leaf": 60, "max_features": "log2", "bootstrap": False}


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choose, "TRIAL_TREES", 3)


def test_a_trial_changes_what_is_searched_and_nothing_else() -> None:
    found = choose.recipe_of(POINT, SMALL)
    assert found == replace(SMALL, max_depth=6, leaf_size=60, max_features="log2", bootstrap=False)
    assert train.Recipe.from_json(json.loads(json.dumps(found.as_json()))) == found


def test_every_parameter_of_the_space_reaches_the_forest() -> None:
    rows = corpus().split(dataset(150))[0]
    forest = train.fit(rows, rows.y, choose.recipe_of(POINT, SMALL))
    assert set(POINT) == set(choose.SPACE.domains)
    assert {name: getattr(forest, name) for name in POINT} == POINT


def test_the_recipe_that_ships_lies_in_the_space() -> None:
    recipe, domains = train.Recipe(), choose.SPACE.domains
    assert recipe.max_features in domains["max_features"].options and recipe.bootstrap in domains["bootstrap"].options
    assert domains["min_samples_leaf"].low <= recipe.leaf_size <= domains["min_samples_leaf"].high
    assert domains["max_depth"].low <= recipe.max_depth <= domains["max_depth"].high


@pytest.mark.usefixtures("quick")
def test_no_trial_sees_a_commit_after_the_selection_window() -> None:
    rows = corpus().split(dataset())[0]
    late = rows.time >= evaluate.SELECTION.test_to
    turned = replace(rows, y=np.where(late, 1 - rows.y, rows.y), X=np.where(late[:, None], 0, rows.X).astype(np.float32))
    before, after = (choose.Objective.of(found, corpus(), SMALL) for found in (rows, turned))
    assert late.any() and (before.rows.time < evaluate.TIME_SAFE.test_from).all()
    assert before(POINT) == after(POINT) and before.subject() == after.subject()


@pytest.mark.usefixtures("quick")
def test_another_search_has_another_subject() -> None:
    rows = corpus().split(dataset())[0]
    first = choose.Objective.of(rows, corpus(), SMALL).subject()
    assert choose.Objective.of(rows, corpus(), replace(SMALL, balanced=False)).subject() != first
    assert choose.Objective.of(rows.where(rows.time > rows.time.min()), corpus(), SMALL).subject() != first


@pytest.mark.usefixtures("quick")
def test_a_search_that_was_cut_off_goes_on_as_it_would_have_gone(tmp_path: Path) -> None:
    rows = corpus().split(dataset())[0]

    def search(n: int, log: Path) -> choose.Chosen:
        return choose.choose(rows, corpus(), SMALL, tune.AutoMLConfig("random", n_trials=n, early_stopping_patience=None), log, said.append, n_jobs=1)

    said: list[str] = []
    whole = search(3, tmp_path / "whole.db")
    search(2, tmp_path / "cut.db")
    said.clear()
    rest = search(3, tmp_path / "cut.db")
    assert [text.split(":")[1] for text in said if " trial " in text and "taken" not in text] == [" trial 2"]
    assert rest.recipe == whole.recipe
    assert [(t["params"], t["score"]) for t in rest.trials] == [(t["params"], t["score"]) for t in whole.trials]


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(("best", "taken"), [(0.99, "best trial"), (0.01, "untuned recipe")])
def test_the_untuned_recipe_stays_unless_a_trial_is_better(best: float, taken: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = corpus().split(dataset())[0]
    monkeypatch.setattr(choose.Objective, "__call__", lambda self, params: best)
    config = tune.AutoMLConfig("random", n_trials=2)
    found = choose.choose(rows, corpus(), SMALL, config, tmp_path / "t.db", lambda _: None, n_jobs=1)
    assert found.facts["taken"] == taken
    assert (found.recipe == SMALL) == (taken == "untuned recipe")
    assert found.recipe.n_trees == SMALL.n_trees, "only trials have few trees"
    assert (found.facts["trials"], found.facts["best_auc"], len(found.trials)) == (2, best, 2)


def test_too_little_history_is_said_before_the_search(tmp_path: Path) -> None:
    rows = corpus().split(dataset(20))[0]
    with pytest.raises(UsageError, match="no project has 100 commits in the test window of selection"):
        choose.choose(rows, corpus(), SMALL, tune.AutoMLConfig(), tmp_path / "t.db", lambda _: None)
    assert not list(tmp_path.iterdir())


def test_too_little_history_for_the_figures_is_said_before_the_search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    data = dataset()
    monkeypatch.setattr("automl_codex.tables.read", lambda _: data.where(data.time < evaluate.SELECTION.test_to))
    monkeypatch.setattr(choose, "choose", lambda *_: pytest.fail("the search began"))
    monkeypatch.chdir(tmp_path)
    assert cli.main(["train", "--input", "data", "--output", "m", "--strategy", "random"]) == 2
    assert "no project has 100 commits in the test window of" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--strategy", "tpe", "--time-budget", "0"], "the time budget must be above 0 minutes, got 0: no trial would run"),
        (["--strategy", "tpe", "--n-trials", "0"], "n_trials must be a whole number >= 1, got 0"),
        (["--strategy", "tpe", "--parallel", "0"], "--parallel must be >= 1, got 0"),
        (["--n-trials", "5"], "are of a search; name one with --strategy"),
        (["--trials", "x.db"], "are of a search; name one with --strategy"),
    ],
)
def test_wrong_use_is_one_sentence_before_anything_is_read(options: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["train", "--input", str(tmp_path / "none"), "--output", str(tmp_path / "m"), *options]) == 2
    said = capsys.readouterr().err
    assert words in said and said.count("\n") == 1


@pytest.mark.usefixtures("quick")
def test_the_command_of_the_specification_searches_and_ships_the_winner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_tables(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(evaluate, "DRAWS", 20)
    monkeypatch.setattr(evaluate, "ABLATION_TREES", 2)
    monkeypatch.setattr(evaluate, "entrants", lambda recipe: [evaluate.forest_entrant("forest", recipe), evaluate.logistic_entrant("lapredict", ("la",))])
    monkeypatch.setattr(train.Recipe, "__init__", with_few_trees(train.Recipe.__init__))
    command = "train --input data --strategy tpe --n-trials 2 --time-budget 60 --output models/ --eval-report reports/evaluation.json --parallel 1"
    accepted = ["--accept-missed", "auc_over_lapredict", "--accept-missed", "pooled_ece"]
    assert cli.main([*command.split(), *accepted]) == 0
    manifest = json.loads((tmp_path / "models" / "model.json").read_text())
    report = json.loads((tmp_path / "reports" / "evaluation.json").read_text())["evaluation"]
    assert (manifest["tuning"]["trials"], manifest["tuning"]["strategy"], manifest["tuning"]["n_jobs"]) == (2, "tpe", 1)
    assert "--seed 42 --strategy tpe --n-trials 2 --parallel 1 --accept-missed" in (tmp_path / "models" / "MODEL_CARD.md").read_text("utf-8")
    assert {*manifest["tuning"], "table"} == set(report["tuning"])
    best = max(report["tuning"]["table"], key=lambda row: row["score"])
    assert best["params"] == report["tuning"]["params"]
    depth = best["params"]["max_depth"] if report["tuning"]["taken"] == "best trial" else train.Recipe().max_depth
    assert manifest["recipe"]["max_depth"] == report["recipe"]["max_depth"] == depth
    assert "## How the recipe was chosen" in (tmp_path / "models" / "MODEL_CARD.md").read_text("utf-8")
    assert len(list((tmp_path / "reports" / "tuning").glob("tpe-42-*.db"))) == 1


def test_the_command_offers_every_strategy() -> None:
    (commands,) = (a for a in cli._parser()._actions if a.dest == "command")
    (strategy,) = (a for a in commands.choices["train"]._actions if a.dest == "strategy")  # type: ignore[index, union-attr]
    assert set(strategy.choices) == set(tune.STRATEGIES)
