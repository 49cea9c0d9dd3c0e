"""The benchmark of calibration on small tables, in which the truth is known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from automl_codex import evaluate, mine, prior, tables, train
from benchmarks import calibration
from tests.automl_codex.synthetic import corpus, dataset

SMALL = train.Recipe(n_trees=10, leaf_size=10)


@pytest.fixture(scope="module")
def rows():
    return corpus().split(dataset())[0]


def test_pull_requests_are_scored_by_models_that_never_saw_their_repository(rows) -> None:
    pulls = dataset(200, seed=9)
    pulls = pulls.where(pulls.project != "held")
    found = calibration.screened(rows, pulls, corpus(), SMALL)
    assert (found.rows.time >= evaluate.TIME_SAFE.test_from).all()
    beta = rows.project == "beta"
    turned = replace(rows, y=np.where(beta, 1 - rows.y, rows.y).astype(np.int8), fix_time=np.where(beta, rows.time + 1.0, rows.fix_time))
    other = calibration.screened(turned, pulls, corpus(), SMALL)
    own = found.rows.project == "beta"
    assert np.array_equal(found.score[own], other.score[own])
    assert not np.array_equal(found.score[~own], other.score[~own]), "elsewhere its labels count"


def test_pull_requests_are_calibrated_by_repositories_other_than_theirs(rows, monkeypatch) -> None:
    """Scores that no label moves stand in, for those of the other repositories do see these labels."""
    fixed = evaluate.Entrant("fixed", lambda data, y: lambda asked: 1 / (1 + np.exp(2 - np.log1p(asked.columns(("la",))[:, 0]))))
    monkeypatch.setattr(evaluate, "forest_entrant", lambda name, recipe: fixed)
    pulls = dataset(200, seed=9)
    pulls = pulls.where(pulls.project != "held")
    beta = rows.project == "beta"
    turned = replace(rows, y=np.where(beta, 1 - rows.y, rows.y).astype(np.int8), fix_time=np.where(beta, rows.time + 1.0, rows.fix_time))
    found, other = (calibration.screened(one, pulls, corpus(), SMALL) for one in (rows, turned))
    own = found.rows.project == "beta"
    assert np.array_equal(found.chance[own], other.chance[own]) and not np.array_equal(found.chance[~own], other.chance[~own])


def test_the_labelled_commits_do_not_judge() -> None:
    one, teachers = unseen(0.5, 40), [unseen(0.3 * (k % 5 - 2), k) for k in range(12)]
    today = {other.name: other.share for other in teachers}
    first = np.arange(len(one.y)) < calibration.N_LABELS
    found, other = (calibration.corrections([each], teachers, today, 1) for each in (one, one._replace(y=np.where(first, 1 - one.y, one.y))))
    assert found["as it is"] == other["as it is"] and found["messages"] == other["messages"]
    assert found["first"] != other["first"]


def unseen(moved: float, seed: int, n: int = 1200) -> calibration.Unseen:
    rng = np.random.default_rng(seed)
    p = 1 / (1 + np.exp(-rng.normal(-3, 1, n)))
    return calibration.Unseen(
        f"p{seed}", p, (rng.random(n) < prior.shifted(p, moved)).astype(np.int8), share := float(np.clip(0.3 + 0.1 * moved, 0.02, 0.98)), share
    )


def test_labels_correct_a_repository_with_another_idea_of_a_defect_and_its_own_labels_teach_no_prior() -> None:
    near = [unseen(0.3 * (k % 5 - 2), k) for k in range(12)]
    strange = [unseen(3.0, 40)]
    today = {one.name: one.share for one in near}
    found = calibration.corrections(strange, near, today, 1)
    assert found["as it is"]["mean"] > 0.2
    assert found["drawn"]["mean"] < 0.4 * found["as it is"]["mean"]
    own = calibration.corrections(near[:3], near, today, 1)
    turned = [one._replace(y=1 - one.y) if one.name == "p0" else one for one in near]
    assert calibration.corrections(near[:1], turned, today, 1) == calibration.corrections(near[:1], near, today | {"p0": 0.9}, 1), (
        "a repository does not teach the prior that it is judged with"
    )
    assert own["drawn"]["mean"] < own["as it is"]["mean"] + 0.02


def test_bins_hold_every_change_once() -> None:
    p = np.array([0.0, 0.019, 0.02, 0.3, 1.0])
    found = list(calibration.bins(np.array([0, 0, 1, 0, 1]), p))
    assert [(name, n) for name, n, _, _ in found] == [("0.00 to 0.02", 2), ("0.02 to 0.05", 1), ("0.20 to 0.40", 1), ("0.40 to 1.00", 1)]


def test_the_page_says_what_was_measured(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(evaluate, "DRAWS", 20)
    monkeypatch.setattr(calibration, "DRAWS", 2)
    monkeypatch.setattr(mine, "read_corpus", lambda path: list(corpus().entries))
    apache = dataset()
    data = replace(apache, outside=apache.project == "beta")
    pulls = dataset(450, seed=9)
    monkeypatch.setattr(tables, "read", lambda path: pulls.where(pulls.project != "held") if path.name == "pulls" else data)
    assert calibration.main(["--trees", "5", "--output", str(tmp_path / "c.md"), "--pulls", str(tmp_path / "pulls"), "--scores", str(tmp_path / "s.npz")]) == 0
    page = (tmp_path / "c.md").read_text()
    assert "| alpha |" in page and "| all times, labels of ApacheJIT | 1 | 50 labels, drawn |" in page
    assert "Prior(at_even=" in capsys.readouterr().err
    monkeypatch.setattr(evaluate, "out_of_project", None)
    assert calibration.main(["--trees", "5", "--output", str(tmp_path / "d.md"), "--pulls", str(tmp_path / "pulls"), "--scores", str(tmp_path / "s.npz")]) == 0
    assert (tmp_path / "d.md").read_text() == page, "kept scores give the same page"


def test_kept_scores_are_those_of_the_same_rows_recipe_ends_and_repositories(rows, tmp_path: Path, monkeypatch) -> None:
    made: list[str] = []
    monkeypatch.setattr(evaluate, "out_of_project", lambda data, corpus, scenario, entrant: (made.append(scenario.name), np.zeros(len(data)))[1])
    kept = tmp_path / "s.npz"
    with kept.open("wb") as stream:  # as an older version wrote it
        np.savez_compressed(stream, time_safe=np.ones(len(rows)), all_times=np.ones(len(rows)), trees=np.array(10))
    known = corpus()
    ends = replace(known, until={**known.until, "beta": known.until["beta"] - 1})
    groups = replace(known, repository={**known.repository, "beta": "org/alpha"})
    asked = [(known, SMALL), (known, replace(SMALL, seed=7)), (known, replace(SMALL, leaf_size=11)), (ends, SMALL), (groups, SMALL)]
    for n, (told, recipe) in enumerate(asked, 1):
        for _ in range(2):
            assert calibration.commits(rows, told, recipe, kept)["time_safe"].sum() == 0
            assert len(made) == 2 * n
    assert [path.name for path in tmp_path.iterdir()] == ["s.npz"]
    with np.load(kept) as found:  # benchmarks/refine.py goes by it
        told, recipe = asked[-1]
        assert str(found["made_from"]) == evaluate.scores_key(rows, told, replace(recipe, n_trees=int(found["trees"]), seed=int(found["seed"])))


def test_what_teaches_a_prior_then_is_what_was_known_then(rows) -> None:
    """Labels of the window that is judged, and of fixes made after the cut-off, may be anything."""
    scores = np.random.default_rng(1).random(len(rows))
    cut = evaluate.TIME_SAFE.cut_off
    then = calibration.known_rows(rows, corpus(), evaluate.TIME_SAFE, scores, True, then=True)
    assert then and sum(len(one.y) for one in then) == (rows.time < cut - train.YEAR).sum()
    later = (rows.time >= cut - train.YEAR) | (rows.fix_time >= cut)
    turned = replace(rows, y=np.where(later, 1 - rows.y, rows.y).astype(np.int8), fix_time=np.where(later, cut + 1.0, rows.fix_time))
    other = calibration.known_rows(turned, corpus(), evaluate.TIME_SAFE, scores, True, then=True)
    assert all(np.array_equal(a.y, b.y) and np.array_equal(a.p, b.p) and a.share == b.share for a, b in zip(then, other, strict=True))
    early = rows.fix_time < cut
    gone = replace(rows, y=np.where(early, 0, rows.y).astype(np.int8), fix_time=np.where(early, np.nan, rows.fix_time))
    assert not calibration.known_rows(gone, corpus(), evaluate.TIME_SAFE, scores, True, then=True), "labels known by then do count"


def test_too_few_pull_requests_are_told(rows) -> None:
    few = calibration.Pulls(rows.where(np.arange(len(rows)) < 30), np.zeros(30), np.zeros(30))
    with pytest.raises(evaluate.UsageError, match="no repository has 100 pull requests"):
        calibration.per_pull(few, 1)
