"""The benchmark of the regression within projects, with small tables, a clone and labels of its own."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("sklearn")

from automl_codex import evaluate, train
from benchmarks import within
from tests.automl_codex.synthetic import corpus, dataset
from tests.test_benchmark_fresh import others

SMALL = train.Recipe(n_trees=10, leaf_size=10)


@pytest.fixture
def rows():
    return corpus().split(dataset())[0]


def test_rows_are_sums_of_what_their_parts_say(rows) -> None:
    made = {one.name: one.fit(rows, rows.y)(rows) for one in within.entrants(SMALL)}
    assert list(made) == list(within.NAMES)
    odds = {name: np.log(score / (1 - score)) for name, score in made.items()}
    assert odds[within.WITH_MEASURES] == pytest.approx(odds[within.FOREST] + odds[within.MEASURES], abs=1e-6)
    assert odds[within.WITH_BOTH] == pytest.approx(odds[within.FOREST] + odds[within.WORDS], abs=1e-6)
    assert made[within.FOREST] == pytest.approx(evaluate.forest_entrant("f", replace(SMALL, within=False)).fit(rows, rows.y)(rows), abs=1e-4)


def test_other_labels_are_learned_anew(rows) -> None:
    forest = within.entrants(SMALL)[0]
    assert not np.array_equal(forest.fit(rows, rows.y)(rows), forest.fit(rows, (1 - rows.y).astype(np.int8))(rows))


def test_gains_elsewhere_are_over_added_lines_and_small_projects_are_left_out(rows) -> None:
    held = dataset(450, seed=9)
    few = np.flatnonzero(held.project == "beta")[:50]
    asked = held.where((held.project == "alpha") | np.isin(np.arange(len(held)), few))
    perfect = evaluate.Entrant(within.FOREST, lambda data, y: lambda found: found.y.astype(float))
    found = within.elsewhere(rows, rows.y, asked, [perfect, evaluate.logistic_entrant(within.LINES, ("la",))], 1)
    assert found["projects"] == ["alpha"]
    assert found["auc"][within.FOREST]["alpha"] == 1.0
    assert found["gain"][within.FOREST]["value"] == pytest.approx(1.0 - found["auc"][within.LINES]["alpha"]) and found["gain"][within.FOREST]["low"] > 0
    assert found["gain"][within.LINES] == {"value": 0.0, "low": 0.0, "high": 0.0}


def test_what_came_before_the_test_window_judges_nothing_elsewhere(rows, tmp_path: Path, monkeypatch) -> None:
    spoken = SimpleNamespace(words=("word",))
    held, new = (replace(found, said=spoken) for found in (dataset(), others()))
    early = new.time < evaluate.TIME_SAFE.test_from
    turned = replace(new, y=np.where(early, 1 - new.y, new.y).astype(np.int8), X=np.where(early[:, None], new.X[::-1], new.X))
    lines = [evaluate.logistic_entrant(name, ("la",)) for name in (within.FOREST, within.LINES)]
    monkeypatch.setattr(evaluate, "DRAWS", 20)
    monkeypatch.setattr(within, "entrants", lambda recipe: lines)
    monkeypatch.setattr(within, "chosen", lambda *_: {})
    monkeypatch.setattr(within.within, "fit", lambda *_: SimpleNamespace(n_words=1))
    entry = {"project": "delta", "repository": "org/delta", "until": "2030-01-01", "role": "holdout"}
    monkeypatch.setattr(within.mine, "read_corpus", lambda path: [entry] if path.name == "fresh.yaml" else list(corpus().entries))
    found: list[object] = []
    monkeypatch.setattr(within, "page", lambda told, options: found.append(told["fresh"]) or "")
    for asked in (new, turned):
        monkeypatch.setattr(within.tables, "read", lambda path, asked=asked: asked if path.name == "t" else held)
        assert within.main(["--tables", str(tmp_path / "t"), "--output", str(tmp_path / "w.md")]) == 0
    assert early.any() and found[0] == found[1]


def test_page_says_what_was_found(rows, tmp_path: Path) -> None:
    contenders = within.entrants(SMALL)
    safe, _ = evaluate.compare(rows, corpus(), evaluate.TIME_SAFE, contenders, 1, lambda _: None)
    held = corpus().split(dataset())[1]
    found = within.elsewhere(rows, rows.y, replace(held, fix_time=held.fix_time), contenders, 1)
    choice = dict.fromkeys(within.NAMES, (0.7, float("nan")))
    text = within.page({"choice": choice, "safe": safe, "fresh": found, "holdout": found, "words": 12}, argparse.Namespace(trees=10, seed=1))
    (row,) = [line for line in text.splitlines() if line.startswith(f"| {within.NAMES[within.WITH_BOTH]} |")]
    gain = safe["difference_to_lapredict"][within.WITH_BOTH]["value"]
    assert f"| {safe['mean'][within.WITH_BOTH]['auc']:.3f} | {gain:+.3f} (" in row and row.endswith(
        f"| {found['auc'][within.WITH_BOTH]['held'] - found['auc'][within.LINES]['held']:+.3f} |"
    )
    assert "(12 words; new ones of the program text" in text
