import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from automl_codex import assess, blend, cli, evaluate, release, tables, train
from automl_codex.mine import Label
from automl_codex.tables import Dataset, hash_sha
from codex_gate.errors import UsageError
from codex_gate.features import FEATURE_NAMES
from codex_gate.model import Model
from codex_gate.types import CommitFeatures
from tests.automl_codex.synthetic import corpus, dataset
from tests.automl_codex.test_evaluate import write_tables
from tests.automl_codex.test_evaluation_report import SCHEMA

TODAY = date(2026, 1, 2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with tables, a corpus file and a model that was trained on them, few trees and few draws."""
    where = tmp_path_factory.mktemp("assess")
    write_tables(where)
    with pytest.MonkeyPatch.context() as patch:
        quick(patch)
        from automl_codex import mine, tables

        found = evaluate.Corpus.of(mine.read_corpus(where / "corpus.yaml"))
        made = release.make(tables.read(where / "data"), found, train.Recipe(n_trees=8, leaf_size=10), TODAY, [], lambda _: None)
    release.ship(made, where / "models")
    return where


def quick(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(evaluate, "DRAWS", 20)
    patch.setattr(evaluate, "ABLATION_TREES", 2)
    patch.setattr(evaluate, "entrants", lambda recipe: [evaluate.forest_entrant("forest", recipe), evaluate.logistic_entrant("lapredict", ("la",))])


@pytest.fixture
def model(folder: Path) -> Model:
    return Model.load(folder / "models")


def judged(model: Model, data: Dataset, **more: bool):
    return assess.assess(model, data, "data", 0.5, 1, TODAY, lambda _: None, **more)


def fresh(n: int = 120) -> Dataset:
    """Commits that no model has seen."""
    data = dataset(n, seed=99)
    return replace(data, sha256=np.array([hash_sha(f"{i + 10**6:040x}") for i in range(len(data))]))


def test_the_command_writes_both_reports_and_says_what_the_model_has_seen(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    json_file, html_file = folder / "out" / "r.json", folder / "out" / "r.html"
    command = ["evaluate", "--model", str(folder / "models"), "--input", str(folder / "data")]
    assert cli.main([*command, "--report", str(json_file), "--html", str(html_file)]) == 0
    found = json.loads(json_file.read_text())
    jsonschema.validate(found, SCHEMA)
    used = set((folder / "models" / "training-manifest.txt").read_text().split())
    from automl_codex import tables

    data = tables.read(folder / "data")
    n_seen = int(np.isin(data.sha256, list(used)).sum())
    assert 0 < n_seen == found["seen_in_training"] < found["n"] == len(data)
    words = f"The model learned from {n_seen:,} of these commits"
    said = capsys.readouterr().out
    assert words in found["data"] and words in html_file.read_text("utf-8") and words in said.replace("\n", " ")
    assert max(map(len, said.splitlines())) <= 80
    names = {"accuracy", "precision", "recall", "f1_score", "auc_roc", "auc_pr", "avg_latency_ms", "throughput_per_sec"}
    assert all(found[name] is not None for name in names)
    assert {i["feature"] for i in found["feature_importance"]} == set(Model.load(folder / "models").feature_names)
    assert assess.LAPREDICT in found["ranking"] and found["ablation"] and found["cpu_seconds"]["training"] > 0


def test_unseen_leaves_out_what_the_model_learned_from(folder: Path, model: Model) -> None:
    from automl_codex import tables

    data = tables.read(folder / "data")
    seen = assess.seen_in_training(data, folder / "models")
    assert seen is not None
    report = judged(model, data, unseen=True)
    assert (report.n, report.seen_in_training) == (int((~seen).sum()), 0)
    assert "None of them is among those that the model learned from, but other commits of 4 of these projects are" in report.origin.data
    stranger = fresh(40)
    stranger = replace(stranger, project=np.full(len(stranger), "elsewhere"))
    assert judged(model, stranger).origin.data.endswith("None of them is among those that the model learned from.")
    with pytest.raises(UsageError, match="the model learned from all"):
        judged(model, data.where(seen), unseen=True)


def test_a_model_that_does_not_say_what_it_learned_from(folder: Path, model: Model, tmp_path: Path) -> None:
    bare = replace(model, directory=tmp_path)
    report = judged(bare, fresh())
    assert report.seen_in_training is None and "is not recorded" in report.origin.data
    assert (report.ablation, set(report.cpu_seconds)) == ((), {"scoring", "this evaluation"})
    with pytest.raises(UsageError, match="nobody can tell"):
        judged(bare, fresh(), unseen=True)


def test_scores_are_those_of_a_screen(model: Model) -> None:
    data = fresh(10)
    found = blend.scored(model, data)
    for row, score in zip(data.X.tolist(), found.tolist(), strict=True):
        assert model.calibration(score) == pytest.approx(model.risk(CommitFeatures(dict(zip(FEATURE_NAMES, row, strict=True)))), abs=1e-12)


def test_what_matters_is_important_and_what_is_constant_is_not(model: Model) -> None:
    data = fresh()
    column = FEATURE_NAMES.index("nd")
    data.X[:, column] = 3
    found = dict(assess.importance(model, data, np.random.default_rng(0)))
    assert found["nd"] == 0
    assert max(found, key=lambda name: found[name]) in ("la", "code_la", "fixes_max")
    assert found == dict(assess.importance(model, data, np.random.default_rng(0)))


def test_nothing_is_important_where_one_class_is_missing(model: Model) -> None:
    data = fresh(10)
    assert assess.importance(model, replace(data, y=np.zeros(len(data), np.int8)), np.random.default_rng(0)) == []


def test_auc_within_projects_does_not_profit_from_telling_them_apart() -> None:
    data = dataset(40)
    y = np.array([0, 1] * 20 * 5, np.int8)
    data = replace(data, y=y)
    by_project = np.unique(data.project, return_inverse=True)[1].astype(float)
    assert assess.within_auc(data, by_project) == 0.5
    assert assess.within_auc(data, y.astype(float)) == 1.0


def test_labels_from_outside_take_the_place_of_the_tables(tmp_path: Path) -> None:
    data = dataset(10)
    found = assess.relabelled(data, {f"{0:040x}": Label(True, 5), f"{3:040x}": Label(False, None), "f" * 40: Label(True, None)})
    assert found.sha256.tolist() == data.sha256[[0, 3]].tolist()
    assert found.y.tolist() == [1, 0] and found.fix_time[0] == 5 and np.isnan(found.fix_time[1])
    with pytest.raises(UsageError, match="none of the 1 labels is of a commit in the tables"):
        assess.relabelled(data, {"f" * 40: Label(True, None)})


def test_check_finds_the_recorded_figures_again_and_names_what_differs(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    quick(monkeypatch)
    command = ["evaluate", "--model", str(folder / "models"), "--input", str(folder / "data"), "--check"]
    assert cli.main(command) == 0
    assert "all as recorded; largest difference 0.000000" in capsys.readouterr().out
    path = folder / "models" / "evaluation.json"
    kept = path.read_text()
    found = json.loads(kept)
    found["time_safe"]["projects"][0]["models"]["forest"]["auc"] += 0.01
    path.write_text(json.dumps(found))
    try:
        assert cli.main(command) == 1
    finally:
        path.write_text(kept)
    said = capsys.readouterr().out
    assert said.startswith("time_safe.projects[alpha].models.forest.auc: recorded ") and "1 of them differ; largest difference 0.010000" in said


def test_check_says_that_the_tables_lack_the_words_that_were_learned(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    quick(monkeypatch)
    data, manifest = tables.read(folder / "data"), json.loads((folder / "models" / "model.json").read_text())
    named = [line for line in release.check(folder / "models", data, lambda _: None).differences if line.startswith("words.npz.xz: ")]
    assert named == []
    monkeypatch.setattr(release, "read_manifest", lambda _: manifest | {"files": {**manifest["files"], "risk.words.json": {}}})
    named = [line for line in release.check(folder / "models", data, lambda _: None).differences if line.startswith("words.npz.xz: ")]
    assert named == ["words.npz.xz: the model learned words, these tables hold none; make it with automl-codex common-words"]


def test_check_says_that_the_tables_are_others(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    quick(monkeypatch)
    data = tables.read(folder / "data")
    found = release.check(folder / "models", data.where(np.arange(len(data)) > 0), lambda _: None)
    assert found.differences[0].startswith("data.sha256: recorded ")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--check", "--report", "r.json"], "take one of the three at a time"),
        (["--unseen"], "--unseen shapes the report of a model; say where it goes with --report FILE or --html FILE"),
        (["--threshold", "0.4", "--seed", "3", "--check"], "--threshold, --seed shape the report of a model"),
        (["--report", "r.json", "--threshold", "2"], "must lie in [0, 1]"),
    ],
)
def test_wrong_use_is_one_sentence(options: list[str], words: str, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = [str(tmp_path / "r.json") if word == "r.json" else word for word in options]
    assert cli.main(["evaluate", "--model", str(folder / "models"), "--input", str(folder / "data"), *options]) == 2
    assert words in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_directory_without_its_evaluation_cannot_be_checked(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "model.json").write_bytes((folder / "models" / "model.json").read_bytes())
    with pytest.raises(UsageError, match=r"has no training-sources.json, evaluation.json; only a model that automl-codex train wrote"):
        release.check(tmp_path, dataset(10), lambda _: None)


def test_end_of_labels_is_kept_where_a_corpus_says_it() -> None:
    data = dataset(50)
    late = replace(data, time=np.where(np.arange(len(data)) % 2 == 0, data.time + 10**9, data.time))
    assert len(corpus().within(late)) == int((late.time <= corpus().ends(late)).sum()) < len(late)


def test_what_cannot_be_said_is_a_dash_in_the_terminal(model: Model) -> None:
    data = fresh()
    text = assess.summary(judged(model, replace(data, y=np.zeros_like(data.y), fix_time=np.full(len(data), np.nan))))
    assert "nan" not in text
    assert "pooled  –, – (0.000 by chance)" in text and "recall –, F1 –" in text
