"""The benchmark on projects that nothing was chosen on, with small tables in which the truth is known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sklearn")

from automl_codex import evaluate, mine, tables, train
from benchmarks import fresh
from codex_gate.errors import UsageError
from tests.automl_codex.synthetic import corpus, dataset

SMALL = train.Recipe(n_trees=10, leaf_size=10)


@pytest.fixture
def rows():
    return corpus().split(dataset())[0]


def others(seed: int = 9):
    found = dataset(450, seed=seed)
    found = found.where(found.project == "alpha")
    return replace(found, project=np.full(len(found), "delta"), sha256=np.array([f"{k:064x}" for k in range(len(found))]))


def test_what_became_known_later_changes_no_score(rows) -> None:
    delta = others()
    score, chance = fresh.scored(rows, corpus(), delta, SMALL)
    cut = evaluate.TIME_SAFE.cut_off
    later = (rows.time >= cut - train.YEAR) | (rows.fix_time >= cut)
    turned = replace(rows, y=np.where(later, 1 - rows.y, rows.y).astype(np.int8), fix_time=np.where(later, cut + 1.0, rows.fix_time))
    again = fresh.scored(turned, corpus(), delta, SMALL)
    assert np.array_equal(score, again[0]) and np.array_equal(chance, again[1])
    early = replace(rows, y=np.where(later, rows.y, 1 - rows.y).astype(np.int8), fix_time=np.where(later, rows.fix_time, rows.time + 1.0))
    assert not np.array_equal(score, fresh.scored(early, corpus(), delta, SMALL)[0])


def test_the_calibration_rests_on_no_score_of_a_forest_that_learned_the_commit(rows, monkeypatch) -> None:
    """A forest that knows the commits that it learned from by heart gives the probabilities of one that does not."""

    def plain(asked) -> np.ndarray:
        return 1 / (1 + np.exp(2 - np.log1p(asked.columns(("la",))[:, 0])))

    def by_heart(data, y: np.ndarray):
        known = dict(zip(data.sha256.tolist(), y.tolist(), strict=True))
        return lambda asked: np.array([known.get(sha, score) for sha, score in zip(asked.sha256.tolist(), plain(asked).tolist(), strict=True)])

    found = []
    for fit in (lambda data, y: plain, by_heart):
        monkeypatch.setattr(evaluate, "forest_entrant", lambda name, recipe, fit=fit: evaluate.Entrant(name, fit))
        found.append(fresh.scored(rows, corpus(), others(), SMALL))
    assert np.array_equal(found[0][0], found[1][0]) and np.array_equal(found[0][1], found[1][1])


def test_a_score_that_tells_is_above_added_lines_and_old_commits_do_not_count() -> None:
    delta = others()
    late = delta.time >= evaluate.TIME_SAFE.test_from
    found = fresh.compare(delta, np.where(late, delta.y, 1 - delta.y).astype(float), np.full(len(delta), 0.3), 1)
    (row,) = found["rows"]
    assert row["forest"] == 1.0 and (row["n"], row["buggy"]) == (late.sum(), delta.y[late].sum()) and found["n"] == late.sum()
    assert found["gain"][fresh.LINES].value == pytest.approx(1.0 - row[fresh.LINES]) and found["gain"][fresh.LINES].low > 0
    with pytest.raises(UsageError, match="no project has 100 commits from 2019 on"):
        fresh.compare(delta.where(~late), np.zeros((~late).sum()), np.zeros((~late).sum()), 1)


def test_a_project_of_the_corpus_is_refused(rows) -> None:
    asked = corpus()
    with pytest.raises(UsageError, match="beta is of org/beta, which the corpus holds"):
        fresh.refuse_known(rows, corpus(), rows.where(rows.project == "beta"), asked)
    renamed = replace(asked, repository={**asked.repository, "delta": "org/delta"})
    twin = replace(others(), sha256=rows.sha256[: len(others())])
    with pytest.raises(UsageError, match="commits are in tables of the corpus too"):
        fresh.refuse_known(rows, corpus(), twin, renamed)
    fresh.refuse_known(rows, corpus(), others(), renamed)


def test_labels_of_two_kinds_stand_beside_each_other_on_the_same_commits(rows) -> None:
    ours = others()
    theirs = replace(ours.where(np.arange(len(ours)) % 2 == 0), outside=np.ones((len(ours) + 1) // 2, bool))
    theirs = replace(theirs, y=(1 - theirs.y).astype(np.int8))
    (one,) = found = fresh.labelled_twice(rows, corpus(), theirs, ours, SMALL)
    by = dict(one["rows"])
    assert (one["same"], one["agreed"], one["given"] + one["szz"]) == (len(theirs), 0, len(theirs))
    assert by[fresh.ALL]["n"] == len(ours) and by[fresh.SAME]["n"] == by[fresh.GIVEN]["n"] == len(theirs)
    assert by[fresh.GIVEN]["auc"] == pytest.approx(1 - by[fresh.SAME]["auc"]) and by[fresh.GIVEN]["lines"] == pytest.approx(1 - by[fresh.SAME]["lines"])
    assert f"blame {one['given']} of {one['same']}" in "".join(fresh._twice(found))
    assert fresh.labelled_twice(rows, corpus(), theirs, ours.where(ours.project == "none"), SMALL) == []


def test_the_page_says_what_was_measured(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(evaluate, "DRAWS", 20)
    entries = [*corpus().entries, {"project": "delta", "repository": "org/delta", "until": "2030-01-01", "role": "holdout"}]
    monkeypatch.setattr(mine, "read_corpus", lambda path: entries)
    monkeypatch.setattr(tables, "read", lambda path: others() if path.name == "t" else dataset())
    assert fresh.main(["--trees", "5", "--tables", str(tmp_path / "t"), "--output", str(tmp_path / "f.md")]) == 0
    page = (tmp_path / "f.md").read_text()
    assert "| delta | " in page and "Mean AUC of 1 projects" in page
    monkeypatch.setattr(tables, "read", lambda path: dataset().where(dataset().project != "held"))
    assert fresh.main(["--trees", "5", "--tables", str(tmp_path / "t"), "--output", str(tmp_path / "g.md")]) == 2
