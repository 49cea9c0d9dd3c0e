"""The benchmark of shuffled labels: what is permuted and what is not, and a section of the page that both commands keep."""

from __future__ import annotations

import argparse
from collections import Counter
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from automl_codex import blend
from benchmarks import retrain, shuffled
from tests.automl_codex import synthetic
from tests.automl_codex.retraining import of, with_another_future
from tests.automl_codex.test_retrain import long_history

ROOT = Path(__file__).parents[1]
OPTIONS = argparse.Namespace(trees=8, min_commits=500, seeds=3, later_seeds=2, seed=1, clones=Path("clones"))
CLONE = retrain.Clone(Path("clone"), "HEAD")
ROW = {"project": "alpha", "buggy": 30, "taken": "blend", "outcomes": Counter(nothing=2, calibration=1), "own": [False, True, False]}
ROW |= {
    "changes": [(False, -0.02, 0.001), (False, -0.01, 0.002), (True, 0.0, -0.001)],
    "own_changes": [(-0.05, 0.002)] * 3,
    "refused": [True] * 3,
}
GAIN = {"value": -0.01, "low": -0.03, "high": 0.01, "brier": {"value": 0.002, "low": 0.001, "high": 0.003}}
LATER = {"project": "alpha", "buggy": 30, "taken": "blend", "gains": [GAIN, GAIN | {"value": 0.02, "low": 0.01, "high": 0.03}], "stopped": [True, True]}
LOST = {"project": "alpha", "days": 31, "known": 60, "here": 59, "kept": 58}


@pytest.fixture(autouse=True)
def silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """No clone is there to read words from."""
    monkeypatch.setattr(retrain, "worded", lambda rows, clone: rows)


@pytest.mark.parametrize("seed", range(3))
def test_three_in_ten_labels_change_hands_within_their_part_and_the_newest_keeps_its_own(seed: int) -> None:
    rows = of("alpha", 1000)
    pieces = blend.parts(rows)
    found = shuffled.shuffled(rows, pieces[:-1], np.random.default_rng(seed))
    for piece in pieces[:-1]:
        n = piece.stop - piece.start
        moved = int((np.nan_to_num(found.fix_time[piece]) != np.nan_to_num(rows.fix_time[piece])).sum())
        assert 0 < moved <= round(shuffled.SHARE * n)
        assert found.y[piece].sum() == rows.y[piece].sum()
        before, after = (np.sort((data.fix_time - data.time)[piece]) for data in (rows, found))
        np.testing.assert_allclose(before, after)  # a fix comes as late as before, at another commit
    assert (np.isnan(found.fix_time) == (found.y == 0)).all()
    assert (found.y[pieces[-1]] == rows.y[pieces[-1]]).all() and (found.X is rows.X)


def test_a_first_retraining_and_what_was_taken_with_right_labels_are_asked() -> None:
    corpus = synthetic.corpus()
    data, _ = corpus.split(synthetic.dataset())
    (case,) = retrain.cases(data, corpus, {"alpha": CLONE}, OPTIONS)
    (first,) = shuffled.measure(case, OPTIONS)  # the forest of the others is as good here
    assert first["taken"] == retrain.NOTHING and shuffled.stopped_by_labels(first) == [False] * 3  # it has no labels of this repository to lose
    assert first["outcomes"].total() == len(first["changes"]) == 3
    (row,) = shuffled.measure(case._replace(knots=[(0.0, 0.001), (1.0, 0.01)]), OPTIONS)  # its probabilities are far too low
    assert row["project"] == "alpha" and row["taken"] != retrain.NOTHING
    assert row["outcomes"].total() == len(row["changes"]) == len(row["own_changes"]) == len(row["own"]) == 3
    assert shuffled.stopped_by_labels(row) == row["refused"] == [True] * 3  # three labels in ten that change hands are seen, whatever the figures say
    assert sum(taken for taken, *_ in row["changes"]) == 3 - row["outcomes"][retrain.NOTHING]
    assert np.mean([auc for auc, _ in row["own_changes"]]) < 0  # what learned from wrong labels ranks worse


def test_the_model_in_use_must_be_beaten_too() -> None:
    """The same challenger, asked against a model that is itself: no gain, so it is not taken, whatever the base."""
    corpus = synthetic.corpus()
    data, _ = corpus.split(synthetic.dataset())
    (case,) = retrain.cases(data, corpus, {"alpha": CLONE}, OPTIONS)
    challenge = blend.challenge(case.rows, case.shipped, 1)
    n = len(challenge.raw)
    poor = (np.zeros(n), np.full(n, 0.5))
    assert retrain.judgement(challenge, {"base": poor}, 1)
    assert not retrain.judgement(challenge, {"base": poor, "in_use": (challenge.raw, challenge.chance)}, 1)


def test_the_section_is_written_anew_and_the_rest_of_the_page_stays(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Retraining\n\n| a | b |\n")
    for day in (1, 2):
        page.write_text(shuffled.with_section(page.read_text(), shuffled.markdown([ROW], [LATER], [LOST], OPTIONS, date(2026, 1, day))))
    text = page.read_text()
    assert text.startswith("# Retraining\n\n| a | b |\n\n## Shuffled labels\n") and text.count("## Shuffled labels") == 1 and "2026-01-02" in text
    assert (
        "| alpha | 30 | blend | 1 | " in text
        and "the goal of 0 is reached" in text
        and "By all rules 0 of 3 challengers from shuffled labels are taken, 0 of 0 of them as a first retraining and 0 of 3 against a model that was retrained here; 0 of 3"
        in text
    )
    assert "| alpha | 30 | blend | 2 | 1 | 2 | 2 | 1 | +0.005 | +20.0 | 0 |" in text  # one of the two has the higher AUC, both the greater Brier score
    assert "| alpha | 31 | 60 | 59 | 58 |" in text and "58 of 59 labels are kept" in text and "1 changes have none any more" in text
    assert retrain.section(page) == text[text.index("\n## Shuffled labels") :]  # what the other command keeps
    for table in text[text.index("## Shuffled") :].split("\n\n"):
        assert len({line.count("|") for line in table.splitlines()}) == 1 or not table.startswith("|")


def test_a_challenger_that_is_taken_is_not_stopped_where_labels_were_kept() -> None:
    text = shuffled.markdown([ROW | {"refused": [True, True, False]}], [], [], OPTIONS, date(2026, 1, 1))
    assert "By all rules 1 of 3 challengers" in text and "0 of 3 where own trees alone are asked: the goal of 0 is not reached" in text


def test_a_first_retraining_has_no_labels_that_could_stop_it() -> None:
    first = ROW | {"project": "beta", "taken": retrain.NOTHING}
    text = shuffled.markdown([ROW, first], [], [], OPTIONS, date(2026, 1, 1))
    assert "Asked of the 2 repositories whose history can tell two models apart. In 1 of them something is taken" in text
    assert (
        "By all rules 1 of 6 challengers from shuffled labels are taken, 1 of 3 of them as a first retraining and 0 of 3 against a model that was retrained here; 0 of 6"
        in text
    )
    (row,) = [line for line in text.splitlines() if line.startswith("| beta | 30 | nothing | 1 | ")]
    assert row.endswith(" | – | 1 |")
    assert "| 3 of 3 | 1 of 6 |" in text


def test_what_is_taken_a_fifth_earlier_is_held_against_the_newest_fifth() -> None:
    corpus = synthetic.corpus()
    data, _ = corpus.split(synthetic.dataset())
    (case,) = retrain.cases(data, corpus, {"alpha": CLONE}, OPTIONS)
    poor = case._replace(knots=[(0.0, 0.001), (1.0, 0.01)])
    (row,) = shuffled.afterwards(poor, OPTIONS)
    early, late = retrain.a_fifth_earlier(case.rows)
    assert row["buggy"] == late.y.sum() and len(row["gains"]) == len(row["stopped"]) <= 2 and all(gain["commits"] == len(late) for gain in row["gains"])
    found = blend.challenge(early, case.shipped, 1, weight=0.0, words=0.0)
    raw, chance = retrain.as_shipped(found, early, case, late, 1)
    assert (raw == blend.scored(case.shipped, late)).all() and 0 < chance.mean() < 1


def test_what_nobody_knew_a_fifth_earlier_changes_nothing_there() -> None:
    corpus = synthetic.corpus()
    (case,) = retrain.cases(corpus.split(synthetic.dataset())[0], corpus, {"alpha": CLONE}, OPTIONS)
    poor = case._replace(knots=[(0.0, 0.001), (1.0, 0.01)])
    other = poor._replace(rows=with_another_future(poor.rows, float(poor.rows.time[blend.parts(poor.rows)[-1].start])))
    (row,) = shuffled.afterwards(poor, OPTIONS)
    assert row["taken"] == "calibration" and [row] == list(shuffled.afterwards(other, OPTIONS))


def test_a_repository_that_knew_too_few_fixes_then_is_named() -> None:
    corpus = synthetic.corpus()
    (case,) = retrain.cases(corpus.split(synthetic.dataset())[0], corpus, {"alpha": CLONE}, OPTIONS)
    began = case.rows.time[blend.parts(case.rows)[-1].start]
    late = np.where(case.rows.y == 1, np.maximum(case.rows.fix_time, began), np.nan)
    assert list(shuffled.afterwards(case._replace(rows=replace(case.rows, fix_time=late)), OPTIONS)) == []
    text = shuffled.markdown([ROW, ROW | {"project": "beta"}], [LATER], [], OPTIONS, date(2026, 1, 1))
    assert " In beta too few changes had needed a fix by then to tell two models apart. " in text and "By all rules 0 of 2 are taken" in text
    assert "had needed a fix by then" not in shuffled.markdown([ROW], [LATER], [], OPTIONS, date(2026, 1, 1))


def test_words_come_along_with_what_ships() -> None:
    rows = synthetic.spoken(of("alpha", 1000))
    (case,) = retrain.cases(synthetic.corpus().split(synthetic.dataset())[0], synthetic.corpus(), {"alpha": CLONE}, OPTIONS)
    found = blend.challenge(rows, case.shipped, 1)
    assert found.words == 0.5
    with_words, _ = retrain.as_shipped(found, rows, case, rows, 1)
    without, _ = retrain.as_shipped(replace(found, words=0.0), rows, case, rows, 1)
    said = np.array([b"danger" in one.added for one in rows.words.tolist()])
    assert (with_words > without)[said].mean() > 0.9


def test_labels_that_a_history_loses_by_itself_are_counted(make_repo, tmp_path: Path) -> None:
    repo = make_repo("owner+name")
    repo.build(long_history(200))
    entry = {"project": "name", "clone": "owner/name", "head": "main"}
    month, year = shuffled.natural(entry, repo.path.parent)
    assert (month["days"], year["days"]) == shuffled.DAYS and month["known"] == month["here"] == month["kept"] > 0
    assert shuffled.natural(entry, tmp_path / "nowhere") == []


def test_the_page_in_the_repository_holds_the_section() -> None:
    assert f"\n{retrain.KEPT}\n\nWritten by `python benchmarks/shuffled.py`. " in (ROOT / "docs" / "retraining.md").read_text("utf-8")


def test_nothing_to_ask_is_said_in_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert shuffled.main(["--corpus", str(tmp_path / "corpus.yaml"), "--clones", str(tmp_path)]) == 2
    assert "corpus.yaml cannot be read" in capsys.readouterr().err
