"""The model that ships: forest and regression together, learned, exported and read again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from automl_codex import blend, cli, evaluate, export, general, train, within
from automl_codex.said import Said
from automl_codex.tables import Dataset
from codex_gate.features import FEATURE_NAMES, OWN_WORDS
from codex_gate.model import Model
from codex_gate.own_words import WORDS_FILE, Words
from codex_gate.types import CommitFeatures
from tests.automl_codex.retraining import command, of
from tests.automl_codex.synthetic import dataset, spoken

RECIPE = train.Recipe(n_trees=10, leaf_size=20)


def talking(data: Dataset, monkeypatch: pytest.MonkeyPatch | None = None) -> Dataset:
    """The rows with common words: `danger` in most of the buggy and some of the clean, `calm` in the rest."""
    rng = np.random.default_rng(4)
    found = {
        name: ["+danger"] if rng.random() < (0.8 if buggy else 0.2) else ["+calm", "/src"]
        for name, buggy in zip(data.sha256.tolist(), data.y.tolist(), strict=True)
    }
    return replace(data, said=Said.of(found, ["+danger", "+calm", "/src"]))


@pytest.fixture
def rows(monkeypatch: pytest.MonkeyPatch) -> Dataset:
    monkeypatch.setattr(general.within, "MIN_PROJECTS", 1)
    return talking(dataset(300))


def words_of(data: Dataset) -> np.ndarray:
    assert data.said is not None
    found = np.empty(len(data), object)
    for row, name in enumerate(data.sha256.tolist()):
        said = [data.said.words[at] for at in data.said.row(name).tolist()]
        found[row] = Words(frozenset(word[1:].encode() for word in said if word[0] == "+"), frozenset(word[1:] for word in said if word[0] == "/"))
    return found


def shipped(rows: Dataset, target: Path, y: np.ndarray | None = None) -> tuple[general.General, Model]:
    model = general.fit(rows, rows.y if y is None else y, RECIPE)
    probe = train.encode(rows, RECIPE.names)[:50]
    files = export.build(model.forest, train.calibrate(model.scores(rows), rows.y), RECIPE, probe, {"base_rate": 0.3}, {}, model.within)
    export.write_directory(files, target)
    return model, Model.load(target)


def test_the_regression_moves_what_the_forest_says(rows: Dataset) -> None:
    both, forest, wordless = (general.fit(rows, rows.y, replace(RECIPE, **off)) for off in ({}, {"within": False}, {"words": False}))
    alone = train.score(forest.forest, train.encode(rows, RECIPE.names))
    assert np.array_equal(forest.scores(rows), alone) and forest.within is None
    assert both.within is not None and wordless.within is not None and both.within.words and not wordless.within.words
    assert both.scores(rows) == pytest.approx(general.moved(alone, both.within.log_odds(rows)))
    assert not np.allclose(both.scores(rows), wordless.scores(rows))


def test_what_ships_scores_as_what_was_judged(rows: Dataset, tmp_path: Path) -> None:
    model, read = shipped(rows, tmp_path / "models")
    expected = model.scores(rows)
    assert blend.scored(read, rows) == pytest.approx(expected, abs=1e-6)
    spoken_rows = replace(rows, words=words_of(rows), said=None)
    assert blend.scored(read, spoken_rows) == pytest.approx(expected, abs=1e-6), "by the words themselves as by common words"
    assert not np.allclose(blend.scored(read, replace(rows, said=None)), expected), "without words it says less"
    for row, words, score in zip(rows.X[:40].tolist(), spoken_rows.words[:40].tolist(), expected[:40].tolist(), strict=True):
        features = CommitFeatures(dict(zip(FEATURE_NAMES, row, strict=True)) | {OWN_WORDS: read.words.shift(words)})
        assert read.risk(features) == pytest.approx(read.calibration(score), abs=1e-5)


def test_another_slope_or_word_is_another_version(rows: Dataset, tmp_path: Path) -> None:
    model, read = shipped(rows, tmp_path / "models")
    probe, knots = train.encode(rows, RECIPE.names)[:50], [(0.0, 0.1), (1.0, 0.9)]

    def version(regression: object) -> str:
        export.write_directory(export.build(model.forest, knots, RECIPE, probe, {"base_rate": 0.3}, {}, regression), tmp_path / "other")  # type: ignore[arg-type]
        return Model.load(tmp_path / "other").version

    assert model.within is not None
    versions = {
        version(other)
        for other in (
            None,
            model.within,
            replace(model.within, words=None),
            replace(model.within, slopes={name: slope._replace(weight=2 * slope.weight) for name, slope in model.within.slopes.items()}),
        )
    }
    assert len(versions) == 4
    version(None)
    assert WORDS_FILE in read.manifest["files"] and WORDS_FILE not in Model.load(tmp_path / "other").manifest["files"], "the words of the model that goes, go"


def test_a_retrained_model_keeps_the_slopes_and_learns_words_of_its_own(begun, known, rows: Dataset, tmp_path: Path) -> None:
    beta = rows.where(rows.project == "beta")
    _, base = shipped(beta, tmp_path / "base", np.where(np.arange(len(beta)) % 3 == 0, 1 - beta.y, beta.y).astype(np.int8))  # there is something left to learn
    data = known(spoken(of("alpha", 1500)))
    assert cli.main(command(begun, tmp_path / "models", tmp_path / "base")) == 0
    found = Model.load(tmp_path / "models")
    assert found.slopes == base.slopes and found.words is not None and found.words != base.words
    assert found.words == blend.final_words(data, base, 0.5)
    bare = blend.Parts(base.forest, base.feature_names)
    assert found.words != blend.final_words(data, bare, 0.5), "beside the slopes, not in their place"


def test_without_words_of_its_own_a_retrained_model_keeps_the_common_ones(begun, known, rows: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    beta = rows.where(rows.project == "beta")
    _, base = shipped(beta, tmp_path / "base", np.where(np.arange(len(beta)) % 3 == 0, 1 - beta.y, beta.y).astype(np.int8))
    data = known(spoken(of("alpha", 1500), tells=0.1))
    monkeypatch.setattr(blend, "by_words", lambda data, *_: np.zeros(len(data)))
    assert cli.main(command(begun, tmp_path / "models", tmp_path / "base")) == 0
    found = Model.load(tmp_path / "models")
    assert base.words is not None and found.words == base.words and found.manifest["retrained"]["words"] == 0
    judged = blend.challenge(data, base, 42)
    bare = blend.challenge(data, blend.Parts(base.forest, base.feature_names, base.slopes), 42)
    assert judged.raw == pytest.approx(general.moved(bare.raw, blend.shifts(base.words, judged.judges)))


def test_slopes_move_what_a_challenger_is_judged_by(rows: Dataset, tmp_path: Path) -> None:
    _, base = shipped(rows, tmp_path / "base")
    data = of("alpha", 1500)
    for weight in (0.0, 0.25):
        bare, found = (blend.challenge(data, blend.Parts(base.forest, base.feature_names, slopes), 1, weight=weight, words=0.0) for slopes in ({}, base.slopes))
        assert found.raw == pytest.approx(general.moved(bare.raw, within.by_slopes(base.slopes, found.judges))), "the forest's scores, moved"


def test_kept_scores_are_of_the_words_too(rows: Dataset) -> None:
    corpus = evaluate.Corpus.of_tables(rows)
    key = evaluate.scores_key(rows, corpus, RECIPE)
    assert rows.said is not None
    other = replace(rows, said=Said.of({name: ["+calm"] for name in rows.sha256.tolist()}, rows.said.words))
    assert len({key, evaluate.scores_key(other, corpus, RECIPE), evaluate.scores_key(replace(rows, said=None), corpus, RECIPE)}) == 3
    assert evaluate.scores_key(rows.where(np.ones(len(rows), bool)), corpus, RECIPE) == key
