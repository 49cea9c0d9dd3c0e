"""From answers of teachers to a student's directory that the runtime loads."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is of the extra [train]")
torch.set_num_threads(1)  # the bits of a sum depend on how it is shared out

from automl_codex import cli, distillation, judging, logits, row_models  # noqa: E402 - it imports torch
from automl_codex.distill import DistillationLoss  # noqa: E402
from automl_codex.distillation import Recipe, threshold_for  # noqa: E402
from automl_codex.types import BUGGY, CORRECT  # noqa: E402
from codex_gate.errors import UsageError  # noqa: E402
from codex_gate.student import LABELS, Student  # noqa: E402
from codex_gate.taxonomy import KINDS, NONE  # noqa: E402
from tests.automl_codex.learners import Oracle, examples, vocabulary  # noqa: E402

ROWS = examples(240)
TODAY = date(2026, 1, 2)
FAST = Recipe(kind="bag", limit=32, epochs=8, learning_rate=5e-3)


@pytest.fixture(scope="module", autouse=True)
def few_draws():
    """Intervals are not what is tested here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judging, "DRAWS", 10)
        yield


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("answers") / "logits"
    for teacher in (Oracle("one"), Oracle("two", 2.0)):
        logits.write(folder, ROWS, teacher)
    return folder


@pytest.fixture(scope="module")
def made(answers: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, distillation.Distilled]:
    folder = tmp_path_factory.mktemp("made") / "student"
    return folder, distillation.run(logits.read(answers), None, FAST, folder, TODAY)


def test_the_student_learns_what_its_teachers_know(made: tuple[Path, distillation.Distilled]) -> None:
    _, found = made
    assert list(found.judged) == [
        "majority",
        "TF-IDF + logistic regression",
        "teacher one",
        "teacher two",
        "teachers together",
        "student, int8",
    ]
    assert found.judged["teachers together"].accuracy.value == 1.0
    assert found.judged["student, int8"].accuracy.value > 0.9 > found.judged["majority"].accuracy.value
    assert found.judged["student, int8"].auc.value > 0.9


def test_the_runtime_loads_the_directory_and_says_the_same(made: tuple[Path, distillation.Distilled]) -> None:
    folder, found = made
    student = Student.load(folder)
    held = [row for row in ROWS if row.part == "test"]
    said = student.answer([row.hunk for row in held])
    about = [(answer, row) for answer, row in zip(said, held, strict=True) if row.category != NONE]
    right = sum(KINDS[int(np.argmax(answer.kinds))] == row.category for answer, row in about)
    assert right / len(about) == pytest.approx(found.judged["student, int8"].accuracy.value)
    assert student.threshold == found.report["threshold"] < 1


def test_the_report_says_on_what_and_how(made: tuple[Path, distillation.Distilled]) -> None:
    folder, found = made
    report = json.loads((folder / "distillation.json").read_text())
    assert report["date"] == "2026-01-02" and report["recipe"]["loss"] == {"temperature": 3.0, "alpha": 0.7}
    assert report["teachers"] == {"one": 0.5, "two": 0.5} and report["shape"]["dimensions"] == 256
    assert report["parity"]["fp32"] <= 1e-5 and report["bytes"]["int8"] == (folder / "student.onnx").stat().st_size
    assert sum(part["rows"] for part in report["rows"].values()) == len(ROWS)
    text = distillation.summary(found, folder)
    assert f"{report['parameters']:,} parameters" in text and "| student, int8 |" in text and max(map(len, text.split("\n\n")[0].splitlines()[1:])) <= 100


def test_a_run_that_was_cut_off_ends_with_the_same_student(made: tuple[Path, distillation.Distilled], answers: Path, tmp_path: Path) -> None:
    whole, _ = made

    def cut(step: int, of: int, kept: int, loss: float) -> None:
        if step == of - 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        distillation.run(logits.read(answers), None, replace(FAST, epochs=12), tmp_path / "cut", TODAY, cut)
    kept: set[int] = set()
    distillation.run(logits.read(answers), None, replace(FAST, epochs=12), tmp_path / "cut", TODAY, lambda *state: kept.add(state[2]))
    distillation.run(logits.read(answers), None, replace(FAST, epochs=12), tmp_path / "straight", TODAY)
    assert kept == {50}
    assert (tmp_path / "cut" / "student.onnx").read_bytes() == (tmp_path / "straight" / "student.onnx").read_bytes()
    assert (tmp_path / "cut" / "student.onnx").read_bytes() != (whole / "student.onnx").read_bytes()


def test_labels_alone_and_teachers_alone_are_the_ends_of_alpha(answers: Path, tmp_path: Path) -> None:
    read = logits.read(answers)
    liar = {"liar": -read.logits["one"]}  # a teacher that says the opposite of everything
    for alpha, low, high in ((0.0, 0.9, 1.0), (1.0, 0.0, 0.1)):
        recipe = replace(FAST, loss=DistillationLoss(3.0, alpha))
        found = distillation.run(logits.Answers(read.examples, liar), None, recipe, tmp_path / str(alpha), TODAY)
        assert low <= found.judged["student, int8"].auc.value <= high


def test_rows_that_nobody_labelled_are_learned_from_teachers_but_not_which_way_they_go(answers: Path, tmp_path: Path) -> None:
    read = logits.read(answers)
    unread = [place for place, row in enumerate(read.examples) if row.part == "train" and place % 2]
    rows = tuple(replace(row, defect="unknown", category=None) if place in set(unread) else row for place, row in enumerate(read.examples))
    turned, silent = read.logits["one"].copy(), read.logits["one"].copy()
    turned[unread, -1] *= -1
    silent[unread, :-1] = 0.0
    given = {"asked": read.logits["one"], "turned": turned, "silent": silent}
    for name, array in given.items():
        distillation.run(logits.Answers(rows, {"one": array}), None, replace(FAST, epochs=1), tmp_path / name, TODAY, beside_tfidf=False)
    made = {name: (tmp_path / name / "student.onnx").read_bytes() for name in given}
    assert made["asked"] == made["turned"] != made["silent"]


def test_a_student_of_teachers_alone_knows_the_kinds(answers: Path, tmp_path: Path) -> None:
    read = logits.read(answers)
    rows = tuple(replace(row, defect="unknown", category=None) if row.part == "train" else row for row in read.examples)
    found = distillation.run(logits.Answers(rows, read.logits), None, replace(FAST, epochs=20), tmp_path / "s", TODAY, beside_tfidf=False)
    assert found.judged["student, int8"].accuracy.value > 0.9 and found.judged["student, int8"].none_said.value < 0.2  # one of six
    assert found.judged["majority"].accuracy.value == 0.0  # nothing was labelled that it could count
    assert "TF-IDF + logistic regression" not in found.judged


def test_a_label_that_cannot_occur_in_the_language_does_not_stop_the_training(answers: Path, tmp_path: Path) -> None:
    read = logits.read(answers)
    rows = tuple(replace(row, category="OwnershipBorrow") if row.category == "ApiMisuse" else row for row in read.examples)  # of Python
    found = distillation.run(logits.Answers(rows, read.logits), None, replace(FAST, epochs=20), tmp_path / "s", TODAY, beside_tfidf=False)
    about = sum(row.part == "test" and row.category == "LogicErrors" for row in rows)
    assert found.judged["student, int8"].categorised == about and found.judged["student, int8"].accuracy.value > 0.9


def test_filling_in_comes_first_and_goes_on_where_it_was_cut_off(answers: Path, tmp_path: Path) -> None:
    read, recipe = logits.read(answers), Recipe(layers=1, limit=32, epochs=1, fill_epochs=2)
    batches = -(-sum(row.part == "train" for row in read.examples) // recipe.batch_size)
    told: list[tuple[int, int]] = []

    def cut(step: int, of: int, kept: int, loss: float) -> None:
        told.append((step, of))
        if len(told) == 2 * batches + 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        distillation.run(read, None, recipe, tmp_path / "cut", TODAY, cut, beside_tfidf=False)
    assert told == [*((step + 1, 2 * batches) for step in range(2 * batches)), (1, batches)]
    assert not (tmp_path / "cut" / "student.json").exists()
    again: list[tuple[int, int]] = []
    distillation.run(read, None, recipe, tmp_path / "cut", TODAY, lambda step, of, *_: again.append((step, of)), beside_tfidf=False)
    assert again == [(step + 1, batches) for step in range(batches)]  # not filled in again
    for name, other in (("straight", recipe), ("unfilled", replace(recipe, fill_epochs=0))):
        distillation.run(read, None, other, tmp_path / name, TODAY, beside_tfidf=False)
    made = {name: (tmp_path / name / "student.onnx").read_bytes() for name in ("cut", "straight", "unfilled")}
    assert made["cut"] == made["straight"] != made["unfilled"]


def test_a_recipe_is_refused_before_the_work() -> None:
    for changes, said in (({"epochs": 0}, "epochs must be >= 1"), ({"batch_size": 0}, "batch-size must be >= 1"), ({"learning_rate": -1.0}, "learning-rate")):
        with pytest.raises(UsageError, match=said):
            Recipe(**changes)
    for kind, epochs in (("transformer", -1), ("bag", 1)):
        with pytest.raises(UsageError, match=f"fill-epochs must be >= 0, and 0 for a student of kind {kind} that knows no order, got {epochs}"):
            Recipe(kind=kind, fill_epochs=epochs)
    assert Recipe(kind="bag", fill_epochs=0).fill_epochs == 0


def test_weights_are_one_for_each_teacher() -> None:
    assert Recipe(weights=(1.0, 3.0)).ensemble(2).weights == (0.25, 0.75)
    assert Recipe().ensemble(3).weights == pytest.approx((1 / 3,) * 3)
    with pytest.raises(UsageError, match="1 weights for 2 teachers"):
        Recipe(weights=(1.0,)).ensemble(2)


def test_a_split_without_a_part_and_a_folder_of_other_things_are_refused(answers: Path, tmp_path: Path) -> None:
    read = logits.read(answers)
    rows = tuple(replace(row, part="train") for row in read.examples)
    with pytest.raises(UsageError, match="no row falls into the validation part"):
        distillation.run(logits.Answers(rows, read.logits), None, FAST, tmp_path / "x", TODAY)
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match="holds other files; choose an empty folder"):
        distillation.run(read, None, FAST, tmp_path, TODAY)


# -- the threshold -------------------------------------------------------------------------------------


def shares(rows: list[tuple[float, float]]) -> np.ndarray:
    """(P(LogicErrors), P(defect)) as (n, 20); the rest of the probability is that of no defect."""
    found = np.zeros((len(rows), 20))
    for place, (category, defect) in enumerate(rows):
        found[place, LABELS.index("LogicErrors")], found[place, LABELS.index(NONE)], found[place, -1] = category, 1 - category, defect
    return found


def test_the_threshold_is_the_lowest_that_keeps_the_precision() -> None:
    row = ROWS[0]
    right, wrong = replace(row, defect=BUGGY, category="LogicErrors"), replace(row, defect=CORRECT, category=NONE)
    rows = [right] * 24 + [wrong] * 6 + [right] * 10
    confidences = [(0.9, 1.0)] * 24 + [(0.8, 1.0)] * 6 + [(0.5, 1.0)] * 10
    assert threshold_for(rows, shares(confidences), 0.8) == 0.0  # 24 of 30, then 34 of 40
    assert threshold_for(rows, shares(confidences), 0.9) == 0.8  # above .8 stand the 24
    assert threshold_for(rows[24:], shares(confidences[24:]), 0.9) == 1.0
    assert threshold_for(rows[:10], shares(confidences[:10]), 0.5) == 1.0  # too few for any


def test_rows_of_equal_confidence_are_said_together_and_unknown_categories_not_counted() -> None:
    row = ROWS[0]
    right, wrong, unknown = (replace(row, defect=d, category=c) for d, c in ((BUGGY, "LogicErrors"), (CORRECT, NONE), (BUGGY, None)))
    assert threshold_for([right] * 20 + [wrong] * 20, shares([(0.9, 1.0)] * 40), 0.6) == 1.0
    assert threshold_for([right] * 20 + [unknown] * 200, shares([(0.9, 1.0)] * 20 + [(0.95, 1.0)] * 200), 0.9) == 0.0


def test_a_repair_has_a_category_and_whether_a_change_brings_a_defect_plays_no_part() -> None:
    repair = replace(ROWS[0], defect=CORRECT, category="LogicErrors")
    other = replace(repair, category="ApiMisuse")
    rows, said = [repair] * 30 + [other] * 10, [0.9] * 30 + [0.6] * 10
    for defect in (0.0, 0.5, 1.0):
        assert threshold_for(rows, shares([(share, defect) for share in said]), 0.8) == 0.6
    assert threshold_for([replace(row, defect="unknown") for row in rows], shares([(share, 0.0) for share in said]), 0.8) == 0.6


def test_a_category_that_cannot_occur_is_not_counted_against_the_student() -> None:
    right, odd = replace(ROWS[0], category="LogicErrors"), replace(ROWS[0], category="OwnershipBorrow")  # of Python
    assert threshold_for([right] * 20 + [odd] * 200, shares([(0.9, 1.0)] * 20 + [(0.95, 1.0)] * 200), 0.9) == 0.0


def test_rows_that_no_teacher_was_asked_about_teach_by_their_labels(answers: Path, tmp_path: Path) -> None:
    read = logits.read(answers)
    away = [row for row in read.examples if row.category == "ApiMisuse"]  # teachers never see this kind
    kept = [number for number, row in enumerate(read.examples) if row.category != "ApiMisuse"]
    some = logits.Answers(tuple(read.examples[number] for number in kept), {name: found[kept] for name, found in read.logits.items()})
    found = distillation.run(some, vocabulary(), replace(FAST, epochs=20), tmp_path / "s", TODAY, beside_tfidf=False, labelled=away)
    assert found.beside is not None and found.beside.accuracy.value > 0.9 and found.beside.rows == sum(row.part == "test" for row in away)
    assert found.judged["student, int8"].accuracy.value > 0.9
    report = json.loads((tmp_path / "s" / distillation.REPORT).read_text("utf-8"))
    assert report["labelled"]["train"]["ApiMisuse"] == sum(row.part == "train" for row in away)
    assert report["judged on labelled"]["rows"] == found.beside.rows
    assert "On rows that no teacher was asked about:" in distillation.summary(found, tmp_path / "s")


# -- the command ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--temperature", "0"], "temperature must be a number > 0, got 0.0"),
        (["--alpha", "1.5"], "alpha must be in [0, 1], got 1.5"),
        (["--num-teachers", "3"], "holds 2 teachers (one, two), expected 3"),
        (["--weights", "1"], "1 weights for 2 teachers"),
        (["--kind", "lstm"], "no student lstm"),
        (["--layers", "9"], "layers must be 1 to 6, got 9"),
        (["--epochs", "0"], "epochs must be >= 1, got 0"),
        (["--fill-epochs", "-1"], "fill-epochs must be >= 0"),
        (["--fill-epochs", "1", "--kind", "bag"], "fill-epochs must be >= 0, and 0 for a student of kind bag that knows no order, got 1"),
        (["--threads", "0"], "threads must be >= 1, got 0"),
    ],
)
def test_wrong_use_is_one_sentence_and_exit_code_2(answers: Path, tmp_path: Path, flags: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["distill", "--input", str(answers), "--output", str(tmp_path / "s"), *flags]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "s").exists()


def test_both_examples_of_the_specification_run(answers: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    common = ["distill", "--input", str(answers), "--kind", "bag", "--limit", "32"]
    assert cli.main([*common, "--output", str(tmp_path / "one"), "--temperature", "3.0", "--alpha", "0.7", "--epochs", "1"]) == 0
    assert cli.main([*common, "--output", str(tmp_path / "many"), "--num-teachers", "2", "--temperature", "6.0", "--alpha", "0.8", "--epochs", "1"]) == 0
    told = capsys.readouterr()
    assert "temperature 6 is outside the typical 2 to 5" in told.err and "[########################]" in told.err
    assert told.out.count("| student, int8 |") == 2
    assert Student.load(tmp_path / "many").limit == 32


def test_without_the_extra_the_command_names_what_is_missing(
    answers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = row_models.find_spec
    monkeypatch.setattr(row_models, "find_spec", lambda name: None if name in ("torch", "peft") else found(name))
    assert cli.main(["distill", "--input", str(answers), "--output", str(tmp_path / "s")]) == 2
    assert "distill needs torch, peft, which the extra [train] brings: pip install 'codex-gate[train]'" in capsys.readouterr().err
