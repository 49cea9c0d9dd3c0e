"""Stage 5 on small labelled changes: families that are searched, weighed, judged and kept; what cannot be trained is a sentence."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from automl_codex import examples as rows_of
from automl_codex import gating, judging, row_models, tune
from automl_codex.cli import main
from automl_codex.examples import of_part
from automl_codex.row_models import Asked
from automl_codex.space import Choice, FloatRange, IntRange
from automl_codex.split import TEST, TRAIN, VALIDATION
from automl_codex.types import CORRECT
from codex_gate.errors import UsageError
from tests.automl_codex.learners import examples

ROWS = examples(240)
SEARCH = tune.AutoMLConfig("random", 3, 2)
FOREST = {"n_estimators": IntRange(5, 10), "max_depth": IntRange(3, 6)}
BOOSTING = {"n_estimators": Choice((5,)), "learning_rate": Choice((0.3,))}
ASKED = Asked({"random_forest": FOREST, "gradient_boosting": BOOSTING}, automl=SEARCH, seed=3)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Mapping[str, Any], list[str]]:
    folder, said = tmp_path_factory.mktemp("models"), []
    return folder, row_models.run(ROWS, ASKED, folder, said.append), said


def test_every_family_is_searched_where_there_is_something_to_search(made: tuple[Path, Mapping[str, Any], list[str]]) -> None:
    _, report, said = made
    assert 5 <= report["params"]["random_forest"]["n_estimators"] <= 10 and report["params"]["gradient_boosting"] == {"n_estimators": 5, "learning_rate": 0.3}
    assert sum("train, random_forest: trial" in line for line in said) == 3 and not any("gradient_boosting: trial" in line for line in said)
    assert "all 3 trials are done" in said[-1]


def test_the_ensemble_is_weighed_on_the_validation_part_and_judged_on_the_test_part(made: tuple[Path, Mapping[str, Any], list[str]]) -> None:
    folder, report, _ = made
    assert list(report["judged"]) == ["majority", "random_forest", "gradient_boosting", "ensemble"] and report["answers"] == "ensemble"
    assert sum(report["weights"].values()) == 1 and report["judged"]["ensemble"]["rows"] == len(of_part(ROWS, TEST))
    assert report["judged"]["ensemble"]["auc"]["value"] > report["judged"]["majority"]["auc"]["value"] == 0.5
    assert json.loads((folder / row_models.REPORT).read_bytes()) == report
    text = row_models.summary(report, folder)
    assert f"train {report['rows'][TRAIN]['rows']}, " in text and "  ensemble: macro-F1 " in text and "random_forest (weight " in text


def test_what_is_written_answers_as_what_was_trained(made: tuple[Path, Mapping[str, Any], list[str]]) -> None:
    """Terms and ONNX are all that another program needs."""
    folder, report, _ = made
    train, judges = ([ROWS[row] for row in of_part(ROWS, part)] for part in (TRAIN, TEST))
    for name in ASKED.models:
        fitted = row_models.FAMILIES[name](train, ASKED, folder).fit(report["params"][name])
        expected = fitted.answer(judges)
        told = json.loads((folder / name / "terms.json").read_bytes())
        x = fitted.vectoriser.transform(judges).toarray().astype(np.float32)  # type: ignore[attr-defined]
        assert told["terms"] == fitted.vectoriser.vocabulary_ and len(told["idf"]) == x.shape[1]  # type: ignore[attr-defined]
        for which, columns in (("kind", told["kinds"]), ("defect", [-1])):
            session = onnxruntime.InferenceSession(str(folder / name / f"{which}.onnx"), providers=["CPUExecutionProvider"])
            (by_onnx,) = session.run(["probabilities"], {"features": x})
            by_onnx = by_onnx if which == "kind" else by_onnx[:, [told["defect"].index(1)]]
            masked = judging.masks(judges)[:, columns] if which == "kind" else True
            np.testing.assert_allclose(np.where(masked, by_onnx, 0), expected[:, columns], atol=1e-5)


def test_a_result_that_is_up_to_date_is_kept_and_another_question_is_answered_anew(
    made: tuple[Path, Mapping[str, Any], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, report, _ = made
    said: list[str] = []
    with monkeypatch.context() as patch:
        patch.setattr(row_models, "FAMILIES", {})
        assert row_models.run(ROWS, ASKED, folder, said.append) == report and said == [f"train: {folder} is up to date"]
    keys = {ASKED.key(ROWS), ASKED.key(ROWS[1:]), replace(ASKED, seed=4).key(ROWS), replace(ASKED, models={"random_forest": FOREST}).key(ROWS)}
    assert len(keys) == 4 and report["key"] in keys


def test_of_equal_weights_the_most_even_are_taken() -> None:
    judges = [ROWS[row] for row in of_part(ROWS, VALIDATION)]
    right, wrong = np.full((len(judges), 20), 1e-3), np.full((len(judges), 20), 0.05)
    for row, example in enumerate(judges):
        right[row, judging.truth([example])[0][0]] = right[row, -1] = 0.9
        right[row, -1] = float(example.defect != CORRECT)
    assert row_models.weighed([right, right], judges) == (0.5, 0.5)
    assert row_models.weighed([right, wrong[:, ::-1]], judges)[0] > 0


def test_metrics_of_the_defect_by_hand() -> None:
    judges = [replace(ROWS[0], defect=defect) for defect in ("buggy", "buggy", "correct", "unknown")]
    answers = np.zeros((4, 20))
    answers[:, -1] = 0.9, 0.4, 0.6, 0.7
    expected = {"auc_roc": 0.5, "auc_pr": pytest.approx(5 / 6), "f1_score": 0.5, "precision": 0.5, "recall": 0.5, "false_positive_rate": 1.0}
    assert row_models.of_defect(judges, answers) == expected
    answers[2, -1] = 0.5  # not above it
    assert row_models.of_defect(judges, answers)["false_positive_rate"] == 0.0
    assert set(row_models.of_defect(judges[:2], answers[:2]).values()) == {None}


def test_a_least_value_that_is_missed_is_an_event_and_what_cannot_be_told_is_none() -> None:
    measured = {"auc_roc": 0.7, "f1_score": None, "false_positive_rate": 0.2}
    (event,) = gating.of_rows(measured, {"min_auc": 0.8, "min_f1": 0.75}, "data/models", "c.yaml")
    assert (event.gate, event.actual, event.baseline) == ("evaluation.min_auc", 0.7, 0.8)  # type: ignore[union-attr]
    assert "change the key in c.yaml" in event.remedy
    assert gating.of_rows(measured, {}, "data/models", "c.yaml") == []
    (event,) = gating.of_rows(measured, {"max_fpr": 0.1}, "data/models", "q.toml", "training")
    assert (event.gate, event.actual, event.baseline) == ("training.max_fpr", 0.2, 0.1)  # type: ignore[union-attr]
    assert gating.of_rows(measured, {"max_fpr": 0.2}, "data/models", "q.toml", "training") == []


def test_only_listed_metrics_are_told_and_a_least_value_counts_all_the_same(tmp_path: Path) -> None:
    report = row_models.run(ROWS, Asked({"gradient_boosting": BOOSTING}, automl=SEARCH, seed=3, metrics=("f1_score",)), tmp_path, lambda _: None)
    assert {name: set(told) for name, told in report["defect"].items()} == {"majority": {"f1_score"}, "gradient_boosting": {"f1_score"}}
    (event,) = gating.of_rows(report["measured"], {"min_auc": 1.01}, "data/models", "c.yaml")
    assert event.gate == "evaluation.min_auc"  # type: ignore[union-attr]


def test_features_and_bootstrap_of_the_forest_are_searched_and_auto_means_sqrt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sklearn.ensemble

    fitted: list[tuple[Any, Any]] = []

    class Forest(sklearn.ensemble.RandomForestClassifier):  # type: ignore[misc]
        def fit(self, *data: Any) -> Any:
            fitted.append((self.max_features, self.bootstrap))
            return super().fit(*data)

    monkeypatch.setattr(sklearn.ensemble, "RandomForestClassifier", Forest)
    domains = {"n_estimators": Choice((3,)), "max_features": Choice(("auto", "log2")), "bootstrap": Choice((True, False))}
    said: list[str] = []
    monkeypatch.setattr("automl_codex.export.to_onnx", lambda *_: b"")
    report = row_models.run(ROWS, Asked({"random_forest": domains}, automl=tune.AutoMLConfig("grid", 4, 2), seed=3), tmp_path, said.append)
    assert set(fitted) == {("sqrt", True), ("sqrt", False), ("log2", True), ("log2", False)}
    assert said[0] == "train, random_forest: max_features auto means sqrt: scikit-learn dropped the name in 1.3" and sum("auto" in line for line in said) == 1
    assert report["params"]["random_forest"].keys() == domains.keys()


def test_a_part_without_rows_and_words_that_nobody_shares_are_sentences(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"of 2 verified changes none falls into the (train|validation|test) part of the split; generate more programs"):
        row_models.run(ROWS[:2], ASKED, tmp_path, print)
    with pytest.raises(UsageError, match="the changes to train on, 1 of them, have no word in common"):
        row_models.FAMILIES["random_forest"](ROWS[:1], ASKED, tmp_path).fit({})


def test_one_class_alone_is_what_is_always_said(tmp_path: Path) -> None:
    same = [row for row in ROWS if row.category == "LogicErrors" and row.defect == "buggy"]
    fitted = row_models.FAMILIES["random_forest"](same, ASKED, tmp_path).fit({"n_estimators": 3})
    answers = fitted.answer(same)
    assert (answers[:, -1] == 1).all() and (answers.argmax(1) == judging.truth(same)[0][0]).all()
    nobody = row_models.FAMILIES["random_forest"]([replace(row, category=None, defect="unknown") for row in same], ASKED, tmp_path).fit({"n_estimators": 3})
    assert (nobody.answer(same)[:, -1] == 0).all() and (nobody.answer(same).argmax(1) == judging.N_KINDS - 1).all()
    fitted.put(tmp_path / "one")
    assert {path.name for path in (tmp_path / "one").iterdir()} == {"terms.json"}


def test_a_teacher_is_a_family_too(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="torch is of the extra [train]")
    from tests.automl_codex.test_lora import a_tiny_encoder

    asked = Asked({"lora": {"rank": Choice((2, 4)), "alpha": Choice((8,)), "dropout": FloatRange(0.0, 0.3)}}, str(a_tiny_encoder(tmp_path / "tiny")), SEARCH)
    few = examples(120)
    report = row_models.run(few, asked, tmp_path / "models", lambda _: None)
    params = report["params"]["lora"]
    assert params["lora_rank"] in (2, 4) and 0 < params["lora_dropout"] < 0.3 and list(report["judged"]) == ["majority", "lora"] and report["answers"] == "lora"
    lora = tmp_path / "models" / "lora"
    chosen = json.loads((lora / "chosen.json").read_bytes())["folder"]
    assert chosen == f"r{params['lora_rank']}-a8-d{params['lora_dropout']:g}" and (lora / chosen / "adapter_model.safetensors").is_file()
    assert json.loads((lora / chosen / "teacher.json").read_bytes())["recipe"]["dropout"] == params["lora_dropout"]
    assert rows_of.hash_of(few) and report["judged"]["lora"]["rows"] == len(of_part(few, TEST))


# -- automl-codex train --models ----------------------------------------------------------------------


def test_families_by_name_have_the_specifications_ranges_in_a_search_alone() -> None:
    plain, searched = (row_models.named("random_forest, gradient_boosting", "x", search, 1) for search in (None, SEARCH))
    assert plain.models == {"random_forest": {}, "gradient_boosting": {}}
    assert searched.models["gradient_boosting"]["n_estimators"] == IntRange(50, 200) and searched.models["random_forest"]["n_estimators"] == IntRange(50, 500)
    assert set(searched.models["random_forest"]) == {"n_estimators", "max_depth"} and searched.automl == SEARCH
    assert row_models.named("lora", "x", SEARCH, 1).models == {
        "lora": {"lora_rank": Choice((4, 8, 16, 32)), "lora_alpha": Choice((8, 16, 32, 64)), "lora_dropout": FloatRange(0.0, 0.3)}
    }


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--models", "forest"], "no family of models 'forest'; there are random_forest, gradient_boosting, lora"),
        (["--models", "lora,lora"], "--models names a family twice"),
        (["--models", "random_forest", "--family", "stack"], "leave out --family"),
    ],
)
def test_families_that_cannot_be_meant_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str) -> None:
    assert main(["train", "--input", str(tmp_path), "--output", str(tmp_path / "out"), *arguments]) == 2
    assert said in capsys.readouterr().err and not (tmp_path / "out").exists()


def test_without_its_base_model_lora_is_left_out_and_the_exit_code_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("peft", reason="peft is of the extra [train]")
    rows_of.write_rows(tmp_path / "rows" / rows_of.ROWS, ROWS)
    (tmp_path / "half").mkdir()
    asked = ["train", "--input", str(tmp_path / "rows"), "--output", str(tmp_path / "out"), "--base-model", str(tmp_path / "half"), "--models"]
    assert main([*asked, "lora"]) == 2 and not (tmp_path / "out").exists()
    assert main([*asked, "lora,random_forest", "--eval-report", str(tmp_path / "report.json")]) == 5
    told = capsys.readouterr()
    assert "it was not fetched whole, fetch it again" in told.err and "lora is left out, the others are trained" in told.err
    assert "  random_forest: macro-F1 " in told.out
    assert set(json.loads((tmp_path / "report.json").read_text())["params"]) == {"random_forest"}
    assert main([*asked, "random_forest"]) == 0 and "lora" not in capsys.readouterr().err


def turned(folder: Path) -> list[str]:
    """A training on changes whose test part says the opposite of what is to be learned, so that every gate of the defect is missed; where it goes is left open."""
    rows = [replace(row, defect={"buggy": "correct", "correct": "buggy"}[row.defect]) if row.part == TEST else row for row in ROWS]
    rows_of.write_rows(folder / "rows" / rows_of.ROWS, rows)
    return ["train", "--input", str(folder / "rows"), "--models", "random_forest", "--andon-log", str(folder / "andon.jsonl")]


@pytest.mark.parametrize(("key", "said"), [("min_auc = 0.9", "AUC of the defect"), ("max_fpr = 0.01", "false-positive rate of the defect")])
def test_families_by_name_are_held_against_the_teams_gates(key: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    gates = tmp_path / "gates.toml"
    gates.write_text(f"[training]\n{key}\n", "utf-8")
    assert main([*turned(tmp_path), "--output", str(tmp_path / "out"), "--gates", str(gates)]) == 4
    told = capsys.readouterr().err
    assert said in told and f"{tmp_path / 'out'} was not written, what was trained lies in {tmp_path / '.out-'}" in told and not (tmp_path / "out").exists()
    assert f"training.{key.partition(' ')[0]}" in (tmp_path / "andon.jsonl").read_text("utf-8")


def test_a_missed_gate_leaves_the_models_as_they_are_and_its_report_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    asked, gates, report = [*turned(tmp_path), "--output", "out"], tmp_path / "gates.toml", tmp_path / "e" / "report.json"
    assert main([*asked, "--seed", "1"]) == 0
    (tmp_path / "out" / "notes.txt").write_text("of a person", "utf-8")
    (tmp_path / "out" / "lora").mkdir()  # of a model before
    before, place = held(tmp_path / "out"), (tmp_path / "out").stat().st_ino

    gates.write_text("[training]\nmin_auc = 0.9\nmax_fpr = 0.01\n", "utf-8")
    assert main([*asked, "--seed", "2", "--gates", "gates.toml", "--eval-report", "out/evaluation.json"]) == 4
    assert "; out was left as it is, what was trained lies in .out-" in capsys.readouterr().err and held(tmp_path / "out") == before
    assert main([*asked, "--seed", "3", "--gates", "gates.toml", "--eval-report", str(report)]) == 4
    assert json.loads(report.read_bytes())["seed"] == 3 and held(tmp_path / "out") == before
    assert len(list(tmp_path.glob(".out-*"))) == 1  # what answers the question before is gone

    gates.unlink()
    capsys.readouterr()
    assert main([*asked, "--seed", "3"]) == 0 and "is up to date" in capsys.readouterr().err
    assert json.loads((tmp_path / "out" / "evaluation.json").read_bytes())["seed"] == 3
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"evaluation.json", "notes.txt", "random_forest"} and not list(tmp_path.glob(".out-*"))
    assert (tmp_path / "out").stat().st_ino == place, "somebody may stand in it"


def test_a_swap_that_was_cut_off_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows_of.write_rows(tmp_path / "rows" / rows_of.ROWS, ROWS)
    asked = ["train", "--input", str(tmp_path / "rows"), "--output", str(tmp_path / "out"), "--andon-log", str(tmp_path / "a"), "--models"]
    assert main([*asked, "random_forest,gradient_boosting"]) == 0
    move, left = row_models.shutil.move, [1]

    def cut(source: Path, target: Path) -> object:
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        return move(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(row_models.shutil, "move", cut)
        assert main([*asked, "random_forest", "--seed", "2"]) == 130
    assert not (tmp_path / "out" / "evaluation.json").exists()  # what lies there is no whole answer
    assert main([*asked, "random_forest", "--seed", "2"]) == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"evaluation.json", "random_forest"} and any((tmp_path / "out" / "random_forest").iterdir())
    assert not list(tmp_path.glob(".out-*"))


def held(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
