import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse

pytest.importorskip("lightgbm")

import lightgbm

from automl_codex import cli, evaluate, export, families, train
from automl_codex.words import BUCKETS, Words
from codex_gate.errors import UsageError
from tests.automl_codex.synthetic import corpus, dataset

SMALL = train.Recipe(n_trees=10, leaf_size=10)


@pytest.fixture(scope="module")
def rows():
    return corpus().split(dataset(620))[0]


def words_of(rows, seed: int = 3) -> Words:
    """Every commit says three of forty terms; a buggy one mostly says term 7."""
    rng = np.random.default_rng(seed)
    counts = np.zeros((len(rows), 40), np.float32)
    for k in range(len(rows)):
        counts[k, rng.integers(8, 40, 3)] += 1
        counts[k, 7] = float(rng.random() < (0.7 if rows.y[k] else 0.2)) * 2
    wide = sparse.hstack([sparse.csr_matrix(counts), sparse.csr_matrix((len(rows), BUCKETS - 40), dtype=np.float32)]).tocsr()
    return Words(wide, {name: k for k, name in enumerate(rows.sha256.tolist())})


def test_tfidf_is_of_length_one_and_rare_terms_count_more() -> None:
    counts = sparse.csr_matrix(np.array([[1, 1, 0], [3, 0, 0], [0, 0, 0]], np.float32))
    found = families.tfidf(counts, np.array([0, 1]), np.array([1.0, 2.0])).toarray()
    assert found[0] == pytest.approx([1 / 5**0.5, 2 / 5**0.5])
    assert found[1].tolist() == [1, 0]
    assert found[2].tolist() == [0, 0], "a commit that says nothing has no length"


def test_boosting_learns_the_term_that_tells(rows) -> None:
    words = words_of(rows)
    half = np.arange(len(rows)) % 2 == 0
    found = families.Boosting.fit(words.of(rows.sha256[half].tolist()), rows.y[half], np.ones(half.sum()), 1)
    left = words.of(rows.sha256[~half].tolist())
    said = left[:, 7].toarray().ravel() > 0
    scores = found.scores(left)
    assert scores[said].mean() > scores[~said].mean() + 0.2
    assert 7 in found.columns.tolist()
    again = families.Boosting.fit(words.of(rows.sha256[half].tolist()), rows.y[half], np.ones(half.sum()), 1)
    assert np.array_equal(again.scores(left), scores)


def test_one_change_is_scored_in_five_milliseconds(rows) -> None:
    words = words_of(rows)
    counts = words.of(rows.sha256.tolist())
    found = families.Boosting.fit(counts, rows.y, np.ones(len(rows)), 1)
    assert families.speed(found, counts[:200]) < 5


@pytest.mark.parametrize("family", families.FAMILIES)
def test_a_family_never_sees_the_project_that_it_is_judged_on(rows, family: str) -> None:
    words = words_of(rows)
    out = rows.project == "beta"
    first = families.entrant(family, SMALL, words).fit(rows.where(~out), rows.y[~out])(rows.where(out))
    turned = np.where(out, 1 - rows.y, rows.y).astype(np.int8)
    other = families.entrant(family, SMALL, words).fit(rows.where(~out), turned[~out])(replace(rows, y=turned).where(out))
    assert np.array_equal(first, other)
    assert ((first >= 0) & (first <= 1)).all()
    assert len(set(first.tolist())) > 10


def test_the_stack_counts_a_member_that_knows_nothing_for_little(rows) -> None:
    noise = words_of(replace(rows, y=np.random.default_rng(5).permutation(rows.y)))
    forest, boosting = np.abs(families.stacked(rows, rows.y, SMALL, noise).coef_[0])
    assert forest > 3 * boosting


def test_commits_without_terms_are_told(rows) -> None:
    with pytest.raises(UsageError, match="hardly two of these commits say the same"):
        families.Boosting.fit(sparse.csr_matrix((len(rows), BUCKETS), dtype=np.float32), rows.y, np.ones(len(rows)), 1)


def command(folder: Path, family: str, *more: str) -> list[str]:
    return ["train", "--input", str(folder), "--family", family, "--output", str(folder / "out"), *more]


@pytest.fixture
def prepared(rows, monkeypatch):
    monkeypatch.setattr(evaluate, "DRAWS", 20)
    monkeypatch.setattr(train, "Recipe", lambda seed: SMALL)
    monkeypatch.setattr("automl_codex.tables.read", lambda path: rows)
    monkeypatch.setattr(evaluate.Corpus, "of_tables", classmethod(lambda cls, data: corpus()))
    monkeypatch.setattr(Words, "read", classmethod(lambda cls, folder: words_of(rows)))


def test_a_family_above_the_gate_is_written_with_its_report(prepared, tmp_path: Path, capsys) -> None:
    report = tmp_path / "report.json"
    assert cli.main(command(tmp_path, "blend", "--words", "w", "--eval-report", str(report))) == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"boosting.txt", "risk.forest", "evaluation.json", "family.json"}
    found = json.loads((tmp_path / "out" / "family.json").read_text())
    assert found["weights"] == {"forest": 0.5, "boosting": 0.5}
    trees = lightgbm.Booster(model_file=str(tmp_path / "out" / "boosting.txt"))
    assert trees.num_feature() == len(found["columns"]) == len(found["idf"])
    told = json.loads(report.read_text())
    assert set(told["time_safe"]["mean"]) == {"blend", "forest", "lapredict", families.SHIPPED}
    assert told["p50_ms"] > 0
    assert "the runtime does not read it" in capsys.readouterr().err


def test_the_directory_of_a_risk_model_is_refused_before_any_training(prepared, tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(families, "compare", lambda *_: pytest.fail("the work began"))
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "model.json").write_text("{}")
    (tmp_path / "out" / "risk.forest").write_bytes(b"the forest")
    assert cli.main(command(tmp_path, "boosting", "--words", "w")) == 2
    assert "out holds a risk model (model.json), whose forest a family would overwrite; give another --output" in capsys.readouterr().err
    assert (tmp_path / "out" / "risk.forest").read_bytes() == b"the forest"


def test_a_family_that_cannot_be_written_whole_leaves_the_one_before(prepared, tmp_path: Path, monkeypatch) -> None:
    files = {name: name.encode() for name in ("boosting.txt", "risk.forest", "evaluation.json", "family.json")}
    export.replace_directory({**files, "risk.forest": b"old"}, tmp_path / "out")
    (tmp_path / "out" / "notes.txt").write_text("mine")
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    write = Path.write_bytes

    def dies(path: Path, data: bytes) -> int:
        if path.name == "family.json":
            raise KeyboardInterrupt
        return write(path, data)

    monkeypatch.setattr(Path, "write_bytes", dies)
    assert cli.main(command(tmp_path, "blend", "--words", "w")) == 130
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before
    monkeypatch.undo()
    export.replace_directory(files, tmp_path / "out")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {*files, "notes.txt"}


def test_a_family_below_the_gate_is_reported_and_not_written(prepared, tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(evaluate, "MIN_GAIN", 0.9)
    report = tmp_path / "report.json"
    assert cli.main(command(tmp_path, "boosting", "--words", "w", "--eval-report", str(report))) == 4
    assert "AUC above added lines alone, must be +0.90; nothing was written" in capsys.readouterr().err
    assert "refused" in json.loads(report.read_text())
    assert not (tmp_path / "out").exists()


def test_too_few_test_commits_are_told_before_any_training(prepared, tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(evaluate, "MIN_TEST_ROWS", 10_000)
    assert cli.main(command(tmp_path, "stack", "--words", "w")) == 2
    assert "mine longer histories, or more of them" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--family", "stack"], "give the output of automl-codex words with --words DIR"),
        (["--words", "w"], "--words is read by the families boosting, stack and blend"),
        (["--family", "stack", "--words", "w", "--strategy", "tpe"], "--strategy is of the forest, which ships; leave it out for --family stack"),
        *(
            (["--family", "stack", "--words", "w", option, value], f"{option} is of the forest, which ships; leave it out for --family stack")
            for option, value in (
                ("--n-trials", "3"),
                ("--time-budget", "3"),
                ("--patience", "3"),
                ("--parallel", "3"),
                ("--trials", "t.db"),
                ("--gates", "none.toml"),
                ("--accept-missed", "pooled_ece"),
            )
        ),
        (["--family", "stack", "--words", "w", "--n-trials", "3", "--parallel", "3"], "--n-trials, --parallel are of the forest, which ships; leave them out"),
        (["--base-model", "tiny"], "--base-model is what lora starts from; name that family with --models lora, or leave it out"),
        (["--family", "stack", "--words", "w", "--base-model", "tiny"], "name that family with --models lora, or leave it out"),
    ],
)
def test_options_that_do_not_fit_are_refused_before_any_work(more: list[str], said: str, tmp_path: Path, capsys) -> None:
    assert cli.main(["train", "--input", str(tmp_path), "--output", str(tmp_path / "out"), *more]) == 2
    assert said in capsys.readouterr().err
