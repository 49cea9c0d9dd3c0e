"""What a repository's past says of words: learned from what was known, beside what the forest says, and taken only where it ranks better."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from automl_codex import assess, blend, cli, export, own_words, prior, retrain, tables, train
from automl_codex.tables import Dataset
from codex_gate.errors import UsageError
from codex_gate.forest import Forest
from codex_gate.model import Model
from codex_gate.own_words import HELD, WORDS_FILE, OwnWords, Words, shifted
from tests.automl_codex import synthetic
from tests.automl_codex.retraining import command, of
from tests.automl_codex.test_retrain import long_history
from tests.conftest import START, YEAR

NAMES = ("la", "fixes_max", "nf")


@pytest.fixture(scope="module")
def good() -> Forest:
    data = of("gamma-core", 2000)
    return Forest(export.to_flat(train.fit(data, data.y, train.Recipe(names=NAMES, n_trees=20, leaf_size=20)), len(NAMES)))


def rows(n: int, rng: np.random.Generator) -> tuple[list[Words], np.ndarray]:
    """Changes of which those that say `danger` need a fix in three of four cases, the others in one of four; all have `src` in their path."""
    says = rng.random(n) < 0.45
    y = (rng.random(n) < np.where(says, 0.75, 0.25)).astype(np.int8)
    return [
        Words(frozenset({b"danger"} if one else {b"calm"} if rng.random() < 0.8 else {b"x"}), frozenset({"src", "lib"} if rng.random() < 0.3 else {"src"}))
        for one in says
    ], y


def test_a_word_that_goes_with_fixes_gets_a_weight_and_what_is_rare_gets_none() -> None:
    words, y = rows(2000, np.random.default_rng(1))
    words[:9] = [Words(one.added | {b"rare", b"x" * 41, b"\xff\xff"}, one.path) for one in words[:9]]
    words[9:30] = [Words(one.added | {b"y" * 41, b"\xfe\xff", b"42", b"7z", "hid\u202eden".encode()}, one.path) for one in words[9:30]]
    found = own_words.learn(words, np.zeros(2000), y)
    assert set(found.added) == {b"danger", b"calm"} and set(found.path) == {"lib"}  # all say src, one letter is no word
    assert found.added[b"danger"] > 0.5 > 0 > found.added[b"calm"]
    every = [found.shift(one) for one in words]
    assert (min(every), max(every)) == pytest.approx((found.low - found.middle, found.high - found.middle), abs=1e-3)
    assert np.mean(every) == pytest.approx(0.0, abs=1e-3)  # held against the others


def test_what_the_forest_says_already_is_not_learned_again() -> None:
    words, y = rows(2000, np.random.default_rng(2))
    base = np.array([np.log(3) if b"danger" in one.added else -np.log(3) for one in words])
    beside, alone = own_words.learn(words, base, y), own_words.learn(words, np.zeros(2000), y)
    assert abs(beside.added[b"danger"]) < alone.added[b"danger"] / 5


def test_emphasis_counts_as_more_rows() -> None:
    words, y = rows(400, np.random.default_rng(3))
    twice = own_words.learn([*words, *words], np.zeros(800), np.concatenate([y, y]))
    weighed = own_words.learn(words, np.zeros(400), y, np.full(400, 2.0))
    assert weighed.added[b"danger"] == pytest.approx(twice.added[b"danger"], abs=1e-3)


def test_nothing_common_gives_no_words() -> None:
    found = own_words.learn([Words(frozenset({b"a%d" % n}), frozenset()) for n in range(30)], np.zeros(30), np.zeros(30))
    assert not found.added and not found.path


def test_a_part_of_them_moves_by_that_part() -> None:
    words, y = rows(500, np.random.default_rng(4))
    found = own_words.learn(words, np.zeros(500), y)
    assert own_words.part(found, 0.5).shift(words[0]) == pytest.approx(found.shift(words[0]) / 2, abs=1e-3)


def test_words_start_where_many_projects_left_them() -> None:
    words, y = rows(2000, np.random.default_rng(5))
    base = np.zeros(2000)
    many = OwnWords({b"danger": 1.5, b"calm": -1.5, b"unheard": 0.7}, {"elsewhere": -0.3}, 0.0, -2.0, 2.0)
    alone, upon = own_words.learn(words, base, y), own_words.learn(words, base, y, prior=many)
    assert (upon.added[b"unheard"], upon.path["elsewhere"]) == (0.7, -0.3)  # nothing here moves them
    assert set(upon.added) == {*alone.added, b"unheard"} and set(upon.path) == {*alone.path, "elsewhere"}
    few = slice(0, 40)  # too few to unlearn it
    early = own_words.learn(words[few], base[few], y[few], prior=many)
    assert abs(early.added[b"danger"] - 1.5) < abs(own_words.learn(words[few], base[few], y[few]).added[b"danger"] - 1.5)
    wrong = replace(many, added={b"danger": -1.5, b"calm": 1.5})
    assert own_words.learn(words, base, y, prior=wrong).added[b"danger"] > 0.5  # many do
    half = own_words.part(upon, 0.5, many)
    assert half.added[b"danger"] == pytest.approx((upon.added[b"danger"] + 1.5) / 2, abs=1e-4) and half.added[b"unheard"] == 0.7
    assert (half.low, half.high) == pytest.approx(((upon.low - 2.0) / 2, (upon.high + 2.0) / 2), abs=1e-4)
    assert own_words.learn([Words(frozenset(), frozenset())] * 30, np.zeros(30), np.zeros(30), prior=many) == many


def test_words_are_read_from_the_repository_and_a_row_of_no_commit_is_refused(begun) -> None:
    begun.write("src/lib/a.c", "int retry(int lock);\n")
    sha = begun.commit("say it", date=START + 1)
    data = of("alpha").where(np.arange(620) < 2)
    there = replace(data.where(np.arange(2) < 1), sha256=np.array([tables.hash_sha(sha)]))
    found = own_words.attach(begun.open(), there, "HEAD").words
    assert found is not None
    assert found.tolist() == [Words(frozenset({b"int", b"retry", b"lock"}), frozenset({"src", "lib", "a", "c"}))]
    with pytest.raises(UsageError, match="1 of 2 labelled commits are not in the history of HEAD here"):
        own_words.attach(begun.open(), replace(data, sha256=np.array([tables.hash_sha(sha), "0" * 64])), "HEAD")


# -- in a challenge -------------------------------------------------------------------------------------------


def test_words_rank_better_where_they_tell_and_hardly_matter_where_they_mean_nothing(good: Forest) -> None:
    telling, silent = synthetic.spoken(of("alpha", 1500)), synthetic.spoken(of("alpha", 1500), tells=0.1)
    with_words, without, nothing = (blend.challenge(data, blend.Parts(good, NAMES), 1) for data in (telling, of("alpha", 1500), silent))
    assert (with_words.words, without.words, nothing.words) == (blend.WORDS, 0.0, blend.WORDS)
    told, untold, moot = (blend.metrics.auc_within(one.judges.y, one.raw, one.part) for one in (with_words, without, nothing))
    assert told > untold + 0.05 and abs(moot - untold) < 0.02
    assert blend.challenge(telling, blend.Parts(good, NAMES), 1, words=0.0).words == 0.0


def test_a_part_is_moved_by_what_was_known_at_its_first_moment(good: Forest) -> None:
    data = synthetic.spoken(of("alpha", 1500))
    piece = blend.parts(data)[3]
    cut = float(data.time[piece.start])
    base = blend.predict(good, train.encode(data, NAMES))
    before = blend.by_words(data, base, [piece])
    turned = data.y.copy()
    turned[(data.time >= cut) | (data.fix_time >= cut)] = 0
    assert np.array_equal(before, blend.by_words(replace(data, y=turned), base, [piece]))
    assert not before[: piece.start].any() and not before[piece.stop :].any() and before[piece].any()
    for old, counts in ((data.time < cut - blend.GAP, True), (data.time >= cut - blend.GAP, False)):  # the half year before is not learned from
        turned = np.where(old & (data.time < cut), 1 - data.y, data.y).astype(np.int8)
        other = replace(data, y=turned, fix_time=np.where(turned == data.y, data.fix_time, np.where(turned == 1, 0.0, np.nan)))
        assert np.array_equal(before[piece], blend.by_words(other, base, [piece])[piece]) != counts


def test_scores_move_as_the_runtime_moves_them() -> None:
    score, told = np.array([0.0, 0.2, 1.0]), np.array([1.0, -2.0, 0.0])
    assert blend.moved(score, 0.5 * told).tolist() == [shifted(0.0, 0.5), shifted(0.2, -1.0), 1.0]
    assert blend.moved(score, 0 * told).tolist() == score.tolist()


# -- in the command -------------------------------------------------------------------------------------------


def retrained(begun, known, shipped: Path, output: Path, *more: str) -> tuple[Dataset, Model]:
    data = known(synthetic.spoken(of("alpha", 1500)))
    assert cli.main(command(begun, output, shipped, *more)) == 0
    return data, Model.load(output)


def test_a_retrained_model_holds_the_words_and_scores_as_it_was_judged(begun, known, shipped: Path, tmp_path: Path, capsys) -> None:
    output = tmp_path / "models"
    data, model = retrained(begun, known, shipped, output)
    report = json.loads((output / "evaluation.json").read_text())
    assert report["words"] == model.manifest["retrained"]["words"] == 0.5 and WORDS_FILE in model.manifest["signed_off"]["files"]
    assert model.words is not None and max(model.words.added, key=lambda word: model.words.added[word]) == b"danger"
    assert "share of what its words say: 0.5." in capsys.readouterr().out
    assert f"they stand in {WORDS_FILE}" in (output / "MODEL_CARD.md").read_text()
    raw = blend.scored(model, data)
    says = np.array([b"danger" in one.added for one in data.words.tolist()])
    assert (raw - blend.predict(model.forest, train.encode(data, model.feature_names)))[says].mean() > 0.05
    shipped_forest = Model.load(shipped)
    base = blend.metrics.log_odds(blend.predict(shipped_forest.forest, train.encode(data, shipped_forest.feature_names)), HELD)
    assert model.words == own_words.part(own_words.learn(data.words.tolist(), base, data.y), 0.5)  # half, beside the forest, of all rows
    assert retrain._scored(model, data)[0] == pytest.approx(raw)  # as the model in use it is judged with its words


def test_another_word_is_another_version(begun, known, shipped: Path, tmp_path: Path) -> None:
    """The index keeps risks by version."""
    data = known(synthetic.spoken(of("alpha", 1500)))
    asked = retrain.Asked(begun.open(), tmp_path / "models", shipped)
    one = retrain.make(asked, retrain.date(2026, 1, 1), lambda _: None)
    renamed = data.words.copy()
    renamed[:] = [Words(frozenset(b"peril" if word == b"danger" else word for word in said.added), said.path) for said in data.words.tolist()]
    known(replace(data, words=renamed))
    other = retrain.make(asked, retrain.date(2026, 1, 1), lambda _: None)
    assert one.files["risk.forest"] == other.files["risk.forest"] and one.version != other.version


def test_what_people_disputed_weighs_in_words_too(good: Forest) -> None:
    data = synthetic.spoken(of("alpha", 1500))
    loud = SimpleNamespace(emphasis=lambda y: np.where(np.asarray(y) == 1, 3.0, 1.0))
    assert blend.final_words(data, blend.Parts(good, NAMES), 0.5) != blend.final_words(data, blend.Parts(good, NAMES), 0.5, loud)


def test_a_refused_blend_has_a_second_challenger_without_words(begun, known, shipped: Path, tmp_path: Path, monkeypatch) -> None:
    known(synthetic.spoken(of("alpha", 1500)))
    asked: list[int] = []
    judge = retrain.gates

    def second_passes(*args: object) -> list[dict[str, object]]:
        asked.append(1)
        return [{**gate, "met": len(asked) > 1} for gate in judge(*args)]

    monkeypatch.setattr(retrain, "gates", second_passes)
    found = retrain.make(retrain.Asked(begun.open(), tmp_path / "models", shipped), retrain.date(2026, 1, 1), lambda _: None)
    assert found.report["refused_first"]["words"] == 0.5 and found.report["words"] == 0.0 and WORDS_FILE not in found.files


def test_words_of_the_model_before_do_not_stay(begun, known, shipped: Path, tmp_path: Path) -> None:
    output = tmp_path / "models"
    data, _ = retrained(begun, known, shipped, output)
    silent = np.empty(len(data), object)
    silent[:] = [Words(frozenset(), frozenset())] * len(data)
    known(replace(data, words=silent))
    made = retrain.make(retrain.Asked(begun.open(), output, shipped), retrain.date(2026, 1, 1), lambda _: None)
    assert made.report["words"] == 0 and WORDS_FILE not in made.files
    assert retrain.ship(made, output).words is None and not (output / WORDS_FILE).exists()


def test_a_model_with_words_of_its_own_is_no_base(begun, known, shipped: Path, tmp_path: Path, capsys) -> None:
    output = tmp_path / "models"
    retrained(begun, known, shipped, output)
    assert cli.main(command(begun, tmp_path / "again", output)) == 2
    assert "was retrained on a repository and reads its words; blend with the model that it was made of" in capsys.readouterr().err
    assert not (tmp_path / "again").exists()


def test_an_evaluation_on_tables_says_that_words_are_missing(begun, known, shipped: Path, tmp_path: Path) -> None:
    _, model = retrained(begun, known, shipped, tmp_path / "models")
    report = assess.assess(model, of("beta"), "x", 0.5, 1, retrain.date(2026, 1, 1), lambda _: None)
    assert "reads words too, which these tables do not hold" in report.origin.data
    bare = assess.assess(Model.load(shipped), of("beta"), "x", 0.5, 1, retrain.date(2026, 1, 1), lambda _: None)
    assert "words" not in bare.origin.data


def test_a_real_history_brings_its_words(make_repo, shipped: Path, tmp_path: Path) -> None:
    history = make_repo()
    history.build(long_history(320, start=START - 3 * YEAR))
    asked = retrain.Asked(history.open(), tmp_path / "models", shipped, work=tmp_path / "work")
    data, _ = retrain.history(asked, retrain.date(2025, 1, 1), lambda _: None)
    assert data.words is not None and sum(bool(one.added) for one in data.words.tolist()) > len(data) / 2
    assert all(one.path for one in data.words.tolist())


def test_a_table_holds_no_words(tmp_path: Path) -> None:
    row = tables.LabelledRow("a" * 40, 1, True, 2, dict.fromkeys(tables.FEATURE_NAMES, 1.0))
    tables.write(tmp_path / "x.parquet", "x", [row])
    assert tables.read(tmp_path / "x.parquet").words is None


def test_the_installed_model_is_not_written_over(begun, shipped: Path, monkeypatch, capsys) -> None:
    before = {path.name: path.read_bytes() for path in shipped.iterdir()}
    for module in (retrain, prior):
        monkeypatch.setattr(module, "default_directory", lambda: shipped, raising=False)
    for told in (command(begun, shipped / "x" / "..", shipped), ["adapt", "--repo", str(begun.path), "--output", str(shipped)]):
        assert cli.main(told) == 2
        assert "holds the model that codex-gate came with, which every repository uses; give --output a directory of yours" in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in shipped.iterdir()} == before


def test_a_folder_that_is_no_model_is_not_called_a_broken_one(begun, shipped: Path, capsys) -> None:
    assert cli.main(command(begun, begun.path / "src", shipped)) == 2
    assert "src is no model directory (it holds no model.json); name one that is new or empty, or that holds a model" in capsys.readouterr().err
    assert (begun.path / "src" / "a.c").exists()


def test_what_is_of_one_repository_is_neither_adapted_nor_replaced_by_an_adapted_one(begun, known, shipped: Path, tmp_path: Path, capsys) -> None:
    output = tmp_path / "models"
    retrained(begun, known, shipped, output)
    held = (output / "model.json").read_bytes()
    assert cli.main(["adapt", "--repo", str(begun.path), "--model", str(output), "--output", str(tmp_path / "adapted")]) == 2
    assert "holds a model that was retrained for one repository: its probabilities are of that one already" in capsys.readouterr().err
    assert cli.main(["adapt", "--repo", str(begun.path), "--model", str(shipped), "--output", str(output)]) == 2
    assert "holds a retrained model, which knows more of its repository than an adapted one" in capsys.readouterr().err
    assert (output / "model.json").read_bytes() == held


def test_after_success_it_is_said_how_to_use_it(begun, known, shipped: Path, tmp_path: Path, capsys) -> None:
    retrained(begun, known, shipped, begun.path / ".codex-gate" / "models")
    assert "models: .codex-gate/models in .codex-gate.yaml puts it to use, in CI once both are on the base branch" in capsys.readouterr().err
    retrained(begun, known, shipped, tmp_path / "elsewhere")
    assert f"codex-gate screen --model {tmp_path / 'elsewhere'} uses it" in capsys.readouterr().err
