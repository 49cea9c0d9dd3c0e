"""Figures of who answers, and the baselines that everything is held against."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from automl_codex import judging
from automl_codex.examples import Example
from automl_codex.split import TRAIN
from automl_codex.types import BUGGY, CORRECT
from codex_gate.student import LABELS
from tests.automl_codex.learners import Oracle, examples

A, B, C = "ASTTransform", "LogicErrors", "ApiMisuse"


def row(category: str | None, lineage: str, defect: str = BUGGY, text: str = "x") -> Example:
    return Example(f"{lineage}-{category}-{text}", lineage, TRAIN, "a.py", text, "y", "", defect, category)


def shares(**given: float) -> np.ndarray:
    found = np.zeros(19)
    for name, value in given.items():
        found[LABELS.index(name)] = value
    return found


def test_figures_worked_out_by_hand() -> None:
    rows = [row(A, "1"), row(A, "2"), row(B, "3"), row(C, "4"), row(None, "5"), row(None, "6", CORRECT)]
    said = np.array([
        shares(ASTTransform=0.9, defect=0.9), shares(LogicErrors=0.6, ASTTransform=0.4, defect=0.8), shares(LogicErrors=0.7, defect=0.7),
        shares(LogicErrors=0.5, ASTTransform=0.4, ApiMisuse=0.1, defect=0.3), shares(defect=0.2), shares(defect=0.3),
    ])  # fmt: skip
    found = judging.judge(rows, said, 1)
    assert (found.rows, found.categorised) == (6, 4)
    assert found.accuracy.value == 2 / 4 and found.top2.value == 3 / 4
    # ASTTransform: 1 right of 1 said and 2 true; LogicErrors: 1 right of 3 said and 1 true; ApiMisuse: never said
    assert found.macro_f1.value == pytest.approx((2 / 3 + 1 / 2 + 0) / 3)
    assert found.auc.value == pytest.approx((3 + 0.5) / 5)  # of five pairs with the one that is no defect, one is a tie and one lost
    assert np.isnan(found.pairwise.value)


def test_intervals_draw_whole_lineages() -> None:
    alike = [row(A if n < 50 else B, f"{'ab'[n >= 50]}", text=str(n)) for n in range(100)]  # two lineages, one always right, one never
    said = np.tile(shares(ASTTransform=1.0, defect=0.5), (100, 1))
    together = judging.judge(alike, said, 1).accuracy
    apart = judging.judge([replace(example, lineage=str(number)) for number, example in enumerate(alike)], said, 1).accuracy
    assert (together.value, together.low, together.high) == (0.5, 0.0, 1.0)
    assert apart.value == 0.5 and 0.38 < apart.low < 0.45 < 0.55 < apart.high < 0.62


def test_a_pair_is_a_defect_and_its_way_back() -> None:
    rows = examples(40)
    both = judging.pairs(rows)
    assert len(both) == 20 and all(
        rows[there].defect == BUGGY and rows[back].defect == CORRECT and rows[there].before == rows[back].after for there, back in both
    )
    assert judging.pairs(rows[:1]).shape == (0, 2)


@pytest.mark.parametrize(("forward", "expected"), [(0.9, 1.0), (0.5, 0.5), (0.1, 0.0)])
def test_pairwise_asks_which_way_is_the_defect(forward: float, expected: float) -> None:
    rows = [row(B, "1", text="x"), replace(row(None, "1", CORRECT), before="y", after="x", row_id="back")]
    found = judging.judge(rows, np.array([shares(defect=forward), shares(defect=0.5)]), 1)
    assert found.pairwise.value == expected


def test_whoever_knows_the_labels_is_right() -> None:
    rows = examples(200)
    logits = Oracle(sharpness=20.0).logits(rows)
    found = judging.judge(rows, np.hstack([logits[:, :-1], 1 / (1 + np.exp(-logits[:, -1:]))]), 1)
    assert found.accuracy.value == found.top2.value == found.macro_f1.value == found.auc.value == 1.0


def test_the_majority_says_the_same_of_all_but_what_cannot_occur() -> None:
    rows = examples(200)
    found = judging.majority([*rows, replace(rows[0], row_id="x", path="a.cobol")])
    assert len({tuple(row) for row in found[:-1]}) == 1
    assert set(np.flatnonzero(found[0, :-1])) == {LABELS.index(B), LABELS.index(C)} and 0.4 < found[0, -1] < 0.6
    only_rust = judging.majority([replace(row, category="OwnershipBorrow") if row.category else row for row in rows])
    assert only_rust[0, :-1].sum() == 0.0


def test_tfidf_learns_what_words_tell_on_lineages_that_it_has_not_seen() -> None:
    rows = examples(400)
    held = [number for number, example in enumerate(rows) if example.part == "test"]
    found = judging.judge([rows[number] for number in held], judging.tfidf(rows, 1)[held], 1)
    assert found.accuracy.value == 1.0 and found.auc.value > 0.95 and found.pairwise.value > 0.95


def test_tfidf_copes_with_a_single_class() -> None:
    rows = [replace(example, defect=BUGGY, category=B) for example in examples(100)]
    assert judging.tfidf(rows, 1)[:, [LABELS.index(B), -1]] == pytest.approx(1.0)


def test_the_table_has_a_row_for_each_and_says_what_is_not_known() -> None:
    text = judging.beside(examples(400), "oracle", Oracle().logits, 1)
    assert text.splitlines()[0] == "| | category accuracy | macro-F1 | top 2 | defect AUC | pairwise |"
    assert [line.split(" | ")[0] for line in text.splitlines()[2:]] == ["| majority", "| TF-IDF + logistic regression", "| oracle"]
    assert "| oracle | 1.000 (1.000–1.000) |" in text
    assert " – |" in judging.table({"x": judging.judge([row(A, "1")], np.array([shares(ASTTransform=1.0)]), 1)})
    assert (
        judging.beside([example for example in examples(40) if example.part == TRAIN], "o", Oracle().logits, 1)
        == "no row falls into the validation part, so nothing was judged\n"
    )
