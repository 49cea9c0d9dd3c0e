"""The benchmark of shuffled labels: what is permuted and what is not, and a section of the page that both commands keep."""

from __future__ import annotations

import argparse
from collections import Counter
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from automl_codex import blend
from benchmarks import retrain, shuffled
from tests.automl_codex import synthetic
from tests.automl_codex.retraining import of

ROOT = Path(__file__).parents[1]
OPTIONS = argparse.Namespace(trees=8, min_commits=500, seeds=3, seed=1)
ROW = {"project": "alpha", "buggy": 30, "taken": "blend", "outcomes": Counter(nothing=2, calibration=1), "own": 0}
ROW |= {"changes": [(False, -0.02, 0.001), (False, -0.01, 0.002), (True, 0.0, -0.001)], "own_changes": [(-0.05, 0.002)] * 3}


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


def test_only_what_is_taken_with_right_labels_is_asked() -> None:
    corpus = synthetic.corpus()
    data, _ = corpus.split(synthetic.dataset())
    (case,) = retrain.cases(data, corpus, {"alpha"}, OPTIONS)
    assert list(shuffled.measure(case, OPTIONS)) == []  # the forest of the others is as good here
    (row,) = shuffled.measure(case._replace(knots=[(0.0, 0.001), (1.0, 0.01)]), OPTIONS)  # its probabilities are far too low
    assert row["project"] == "alpha" and row["taken"] != retrain.NOTHING
    assert row["outcomes"].total() == len(row["changes"]) == len(row["own_changes"]) == 3 and 0 <= row["own"] <= 3
    assert sum(taken for taken, *_ in row["changes"]) == 3 - row["outcomes"][retrain.NOTHING]
    assert np.mean([auc for auc, _ in row["own_changes"]]) < 0  # what learned from wrong labels ranks worse


def test_the_model_in_use_must_be_beaten_too() -> None:
    """The same challenger, asked against a model that is itself: no gain, so it is not taken, whatever the base."""
    corpus = synthetic.corpus()
    data, _ = corpus.split(synthetic.dataset())
    (case,) = retrain.cases(data, corpus, {"alpha"}, OPTIONS)
    challenge = blend.challenge(case.rows, case.shipped, case.names, 1)
    n = len(challenge.raw)
    poor = (np.zeros(n), np.full(n, 0.5))
    assert retrain.judgement(challenge, {"base": poor}, 1)
    assert not retrain.judgement(challenge, {"base": poor, "in_use": (challenge.raw, challenge.chance)}, 1)


def test_the_section_is_written_anew_and_the_rest_of_the_page_stays(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Retraining\n\n| a | b |\n")
    for day in (1, 2):
        page.write_text(shuffled.with_section(page.read_text(), shuffled.markdown([ROW], OPTIONS, date(2026, 1, day))))
    text = page.read_text()
    assert text.startswith("# Retraining\n\n| a | b |\n\n## Shuffled labels\n") and text.count("## Shuffled labels") == 1 and "2026-01-02" in text
    assert "| alpha | 30 | blend | 1 | " in text and "the goal of 0 is reached" in text and "None of them ranks worse" in text
    assert retrain.section(page) == text[text.index("\n## Shuffled labels") :]  # what the other command keeps
    assert len({line.count("|") for line in text[text.index("| repository") :].splitlines() if line.startswith("|")}) == 1


def test_the_page_in_the_repository_holds_the_section() -> None:
    assert f"\n{retrain.KEPT}\n\nWritten by `python benchmarks/shuffled.py`. " in (ROOT / "docs" / "retraining.md").read_text("utf-8")


def test_nothing_to_ask_is_said_in_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert shuffled.main(["--corpus", str(tmp_path / "corpus.yaml")]) == 2
    assert "corpus.yaml cannot be read" in capsys.readouterr().err
