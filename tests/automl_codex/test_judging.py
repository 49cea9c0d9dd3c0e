"""Figures of who answers, and the baselines that everything is held against."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from automl_codex import judging
from automl_codex.examples import Example
from automl_codex.labels import UNKNOWN
from automl_codex.split import TRAIN
from automl_codex.types import BUGGY, CORRECT
from codex_gate.student import LABELS
from codex_gate.taxonomy import KINDS
from tests.automl_codex.learners import Oracle, examples

A, B, C, NONE = "ASTTransform", "LogicErrors", "ApiMisuse", "none"


def row(category: str | None, lineage: str, defect: str = BUGGY, text: str = "x") -> Example:
    return Example(f"{lineage}-{category}-{text}", lineage, TRAIN, "a.py", text, "y", "", defect, category)


def shares(**given: float) -> np.ndarray:
    found = np.zeros(20)
    for name, value in given.items():
        found[LABELS.index(name)] = value
    return found


def test_figures_worked_out_by_hand() -> None:
    rows = [row(A, "1"), row(A, "2"), row(B, "3"), row(C, "4"), row(B, "5", CORRECT), row(None, "6"), row(NONE, "7", CORRECT), row(NONE, "8", UNKNOWN),
            row(NONE, "9", UNKNOWN), row(None, "10", UNKNOWN)]  # fmt: skip
    said = np.array([
        shares(ASTTransform=0.9, defect=0.9), shares(LogicErrors=0.6, ASTTransform=0.4, defect=0.8), shares(LogicErrors=0.7, defect=0.7),
        shares(LogicErrors=0.5, ASTTransform=0.4, ApiMisuse=0.1, defect=0.3), shares(none=0.6, LogicErrors=0.3, ApiMisuse=0.1, defect=0.3), shares(defect=0.2),
        shares(none=0.9, LogicErrors=0.1, defect=0.3), shares(LogicErrors=0.9, none=0.1), shares(none=1.0, defect=1.0), shares(ApiMisuse=1.0, defect=1.0),
    ])  # fmt: skip
    found = judging.judge(rows, said, 1)
    assert (found.rows, found.categorised) == (10, 5)  # a repair of a known kind is one of them
    assert found.accuracy.value == 2 / 5  # to say "none" of the repair is wrong
    assert found.top2.value == 4 / 5  # but of the categories its own was the likeliest
    # ASTTransform: 1 right of 1 said and 2 true; LogicErrors: 1 right of 3 said and 2 true; ApiMisuse: never said; what is said of nothing is not counted here
    assert found.macro_f1.value == pytest.approx((2 / 3 + 2 / 5 + 0) / 3)
    assert found.none_said.value == 1 / 3  # of the three about no defect, whether that was known to bring one or not
    # five bring a defect (.9 .8 .7 .3 .2), two are known to bring none (.3 .3), the rest is not known: of ten pairs six are right, two are ties
    assert found.auc.value == pytest.approx((6 + 2 * 0.5) / 10)
    assert np.isnan(found.pairwise.value)


def test_what_is_not_known_is_minus_one_and_so_is_what_cannot_occur() -> None:
    rows = [row(A, "1"), row(NONE, "2", UNKNOWN), row(None, "3", CORRECT), row("OwnershipBorrow", "4"), replace(row("OwnershipBorrow", "5"), path="a.rs"),
            replace(row(NONE, "6", CORRECT), path="a.cobol")]  # fmt: skip
    kinds, defect = judging.truth(rows)
    assert kinds.tolist() == [KINDS.index(A), 18, -1, -1, KINDS.index("OwnershipBorrow"), 18]  # there is no borrowing in Python
    assert defect.tolist() == [1, -1, 0, 1, 1, 0]
    assert judging.masks(rows).shape == (6, 19) and judging.masks(rows)[:, -1].all()


def test_figures_of_what_does_not_occur_are_not_numbers() -> None:
    found = judging.judge([row(A, "1", UNKNOWN), row(B, "2", UNKNOWN)], np.array([shares(ASTTransform=1.0), shares(none=1.0)]), 1)
    assert (found.accuracy.value, found.categorised) == (0.5, 2)
    assert np.isnan([found.none_said.value, found.auc.value, found.pairwise.value]).all()
    silent = judging.judge([row(NONE, "1", CORRECT), row(NONE, "2", BUGGY)], np.array([shares(none=1.0), shares(none=1.0, defect=1.0)]), 1)
    assert (silent.none_said.value, silent.auc.value, silent.categorised) == (0.0, 1.0, 0)
    assert np.isnan([silent.accuracy.value, silent.macro_f1.value, silent.top2.value]).all()


def test_intervals_draw_whole_lineages() -> None:
    alike = [row(A if n < 50 else B, f"{'ab'[n >= 50]}", text=str(n)) for n in range(100)]  # two lineages, one always right, one never
    said = np.tile(shares(ASTTransform=1.0, defect=0.5), (100, 1))
    together = judging.judge(alike, said, 1).accuracy
    apart = judging.judge([replace(example, lineage=str(number)) for number, example in enumerate(alike)], said, 1).accuracy
    assert (together.value, together.low, together.high) == (0.5, 0.0, 1.0)
    assert apart.value == 0.5 and 0.38 < apart.low < 0.45 < 0.55 < apart.high < 0.62


def test_a_pair_is_a_defect_and_its_way_back() -> None:
    rows = examples(60)
    both = judging.pairs(rows)
    assert len(both) == 20 and all(
        rows[there].defect == BUGGY and rows[back].defect == CORRECT and rows[there].before == rows[back].after for there, back in both
    )
    assert judging.pairs(rows[:1]).shape == (0, 2)
    assert judging.pairs([rows[0], replace(rows[1], defect=UNKNOWN)]).shape == (0, 2)


@pytest.mark.parametrize(("forward", "expected"), [(0.9, 1.0), (0.5, 0.5), (0.1, 0.0)])
def test_pairwise_asks_which_way_is_the_defect(forward: float, expected: float) -> None:
    rows = [row(B, "1", text="x"), replace(row(None, "1", CORRECT), before="y", after="x", row_id="back")]
    found = judging.judge(rows, np.array([shares(defect=forward), shares(defect=0.5)]), 1)
    assert found.pairwise.value == expected


def test_whoever_knows_the_labels_is_right() -> None:
    rows = examples(200)
    logits = Oracle(sharpness=20.0).logits(rows)
    found = judging.judge(rows, np.hstack([logits[:, :-1], 1 / (1 + np.exp(-logits[:, -1:]))]), 1)
    assert found.accuracy.value == found.top2.value == found.macro_f1.value == found.auc.value == 1.0 and found.none_said.value == 0.0


def test_the_majority_says_the_same_of_all_but_what_cannot_occur() -> None:
    rows = examples(240)
    found = judging.majority([*rows, replace(rows[0], row_id="x", path="a.cobol")])
    assert len({tuple(row) for row in found[:-1]}) == 1
    assert found[0, [LABELS.index(name) for name in (B, C, NONE)]] == pytest.approx(1 / 3, abs=0.01) and found[0, :-1].sum() == pytest.approx(1.0)
    assert found[0, -1] == pytest.approx(1 / 3, abs=0.01)
    typed = [replace(row, path="a.ts", category="TypeAnnotationGaps") for row in rows]
    of_go = judging.majority([*typed, replace(typed[0], row_id="x", path="a.go")])[-1]
    assert of_go[:-1].sum() == 0.0 and judging.majority(typed)[0, :-1].sum() == 1.0


def test_the_majority_of_nothing_known_says_nothing() -> None:
    rows = [replace(example, defect=UNKNOWN, category=None) for example in examples(24)]
    assert (judging.majority(rows) == shares(defect=0.5)).all()
    known = [replace(row, defect=BUGGY if row.defect == BUGGY else UNKNOWN) for row in examples(24)]
    assert judging.majority(known)[0, -1] == 1.0  # of the rows whose defect is known, not of all


def test_tfidf_learns_from_no_row_that_nobody_labelled() -> None:
    rows = examples(240)
    more = [replace(row, row_id=f"{row.row_id}-unread", defect=UNKNOWN, category=None) for row in rows]
    said = judging.tfidf([*rows, *more], 1)
    assert said[:, :-1].sum(1) == pytest.approx(1.0)  # what is not known is no class of its own
    assert said[:, -1].mean() == pytest.approx(1 / 3, abs=0.05)  # a third of those that are known brings a defect
    found = judging.judge(rows, said[: len(rows)], 1)
    assert found.accuracy.value == 1.0 and found.none_said.value == 0.0 and found.auc.value > 0.95


def test_tfidf_learns_what_words_tell_on_lineages_that_it_has_not_seen() -> None:
    rows = examples(400)
    held = [number for number, example in enumerate(rows) if example.part == "test"]
    found = judging.judge([rows[number] for number in held], judging.tfidf(rows, 1)[held], 1)
    assert found.accuracy.value == 1.0 and found.none_said.value == 0.0 and found.auc.value > 0.95 and found.pairwise.value > 0.95


def test_tfidf_copes_with_a_single_class() -> None:
    rows = [replace(example, defect=BUGGY, category=B) for example in examples(100)]
    assert judging.tfidf(rows, 1)[:, [LABELS.index(B), -1]] == pytest.approx(1.0)


def test_the_table_has_a_row_for_each_and_says_what_is_not_known() -> None:
    text = judging.beside(examples(400), "oracle", Oracle().logits, 1)
    assert text.splitlines()[0] == "| | category accuracy | macro-F1 | top 2 | a category where there is none | defect AUC | pairwise |"
    assert [line.split(" | ")[0] for line in text.splitlines()[2:]] == ["| majority", "| TF-IDF + logistic regression", "| oracle"]
    assert "| oracle | 1.000 (1.000–1.000) | 1.000 (1.000–1.000) | 1.000 (1.000–1.000) | 0.000 (0.000–0.000) | 1.000 (1.000–1.000) |" in text
    assert " – |" in judging.table({"x": judging.judge([row(A, "1")], np.array([shares(ASTTransform=1.0)]), 1)})
    assert (
        judging.beside([example for example in examples(40) if example.part == TRAIN], "o", Oracle().logits, 1)
        == "no row falls into the validation part, so nothing was judged\n"
    )


def test_tfidf_is_fitted_only_where_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging, "tfidf", lambda *_: pytest.fail("it takes minutes"))
    text = judging.beside(examples(400), "oracle", Oracle().logits, 1, beside_tfidf=False)
    assert [line.split(" | ")[0] for line in text.splitlines()[2:]] == ["| majority", "| oracle"]
