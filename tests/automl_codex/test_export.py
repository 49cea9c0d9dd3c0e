import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import onnx
import pytest

from automl_codex import cli, evaluate, export, train, tune
from automl_codex.commands import models
from codex_gate.errors import InternalError, ModelError, UsageError
from codex_gate.features import HISTORY_NAMES
from codex_gate.forest import Forest, pack
from codex_gate.model import Model
from tests.automl_codex.synthetic import dataset

RECIPE = train.Recipe(n_trees=15, leaf_size=5)
FACTS = {"base_rate": 0.3}


@pytest.fixture(scope="module")
def fitted():
    data = dataset(200)
    return train.fit(data, data.y, RECIPE), train.encode(data, RECIPE.names)


def files_of(fitted, **texts: str) -> dict[str, bytes]:
    forest, x = fitted
    return export.build(forest, [(0.0, 0.1), (1.0, 0.9)], RECIPE, x[:50], FACTS, texts)


def test_three_forms_agree_on_rows_with_unknown_values(fitted) -> None:
    forest, x = fitted
    n = len(RECIPE.names)
    rng = np.random.default_rng(5)
    holes = np.where(rng.random(x.shape) < 0.3, np.float32(-1), x)
    probe = np.vstack(
        [x, np.where([name in HISTORY_NAMES for name in RECIPE.names], np.float32(-1), x), holes, np.full((1, n), -1, np.float32), np.zeros((1, n), np.float32)]
    )
    assert export.parity(forest, export.to_onnx(forest, n), export.to_flat(forest, n), probe) <= 1e-5
    assert (x[:, [i for i, name in enumerate(RECIPE.names) if name in HISTORY_NAMES]] == -1).any()


def test_rows_that_lie_on_a_threshold_agree(fitted) -> None:
    """Where float32 and float64 comparisons would part: rows built from the thresholds themselves."""
    forest, x = fitted
    n = len(RECIPE.names)
    rows = x[:400].copy()
    limits = np.concatenate([t.tree_.threshold[t.tree_.feature >= 0] for t in forest.estimators_])
    asked = np.concatenate([t.tree_.feature[t.tree_.feature >= 0] for t in forest.estimators_])
    for i in range(len(rows)):
        rows[i, asked[i % len(asked)]] = np.float32(limits[i % len(limits)])
    assert export.parity(forest, export.to_onnx(forest, n), export.to_flat(forest, n), rows) <= 1e-5


def test_contributions_add_up_on_a_trained_forest(fitted) -> None:
    forest, x = fitted
    flat = Forest(export.to_flat(forest, len(RECIPE.names)))
    for row in x[:40].tolist():
        base, shares = flat.contributions(row)
        assert base + sum(shares) == pytest.approx(flat.predict(row), abs=1e-9)


def test_bulk_paths_agree_on_a_trained_forest(fitted) -> None:
    forest, x = fitted
    flat = Forest(export.to_flat(forest, len(RECIPE.names)))
    for n in (5, 100, 800):
        assert flat.predict_many(x[:n].tolist()) == pytest.approx(train.score(forest, x[:n]).tolist(), abs=1e-6)


def test_graph_loads_where_old_runtimes_are(fitted) -> None:
    graph = onnx.load_from_string(export.to_onnx(fitted[0], len(RECIPE.names)))
    versions = [(entry.domain, entry.version) for entry in graph.opset_import]
    assert len(versions) == len({domain for domain, _ in versions})
    assert dict(versions).get("", 0) <= 18
    assert dict(versions)["ai.onnx.ml"] == 1
    assert graph.ir_version <= 10
    assert [o.name for o in graph.graph.output][-1] == "probabilities"


def test_disagreement_stops_the_build(fitted, monkeypatch) -> None:
    monkeypatch.setattr(export, "to_flat", lambda forest, n: pack([[(-1, 0.0, -1, -1, 0.5)]], n))
    with pytest.raises(InternalError, match="differ by"):
        files_of(fitted)


def test_version_follows_content(fitted) -> None:
    first, again = (json.loads(files_of(fitted)["model.json"])["version"] for _ in range(2))
    forest, x = fitted
    other = export.build(forest, [(0.0, 0.2), (1.0, 0.9)], RECIPE, x[:50], FACTS, {})
    assert first == again != json.loads(other["model.json"])["version"]


def test_written_directory_loads_and_texts_know_the_version(fitted, tmp_path) -> None:
    export.write_directory(files_of(fitted, **{"MODEL_CARD.md": "# {version}\n"}), tmp_path / "models")
    model = Model.load(tmp_path / "models")
    assert (tmp_path / "models" / "MODEL_CARD.md").read_text() == f"# {model.version}\n"
    assert model.feature_names == RECIPE.names
    assert [p.name for p in tmp_path.iterdir()] == ["models"]


def test_failed_write_leaves_the_old_directory(fitted, tmp_path) -> None:
    target = tmp_path / "models"
    export.write_directory(files_of(fitted), target)
    before = {f.name: f.read_bytes() for f in target.iterdir()}
    broken = files_of(fitted) | {"risk.forest": b"half"}
    with pytest.raises(ModelError, match="4 bytes"):
        export.write_directory(broken, target)
    assert {f.name: f.read_bytes() for f in target.iterdir()} == before
    assert [p.name for p in tmp_path.iterdir()] == ["models"]


def test_what_the_model_before_listed_goes_and_what_nobody_listed_stays(fitted, tmp_path) -> None:
    target = tmp_path / "models"
    export.write_directory(files_of(fitted, **{"OLD.md": "old"}), target)
    (target / "NOTES.md").write_text("mine")
    assert "OLD.md" in json.loads((target / "model.json").read_bytes())["files"]
    export.write_directory(files_of(fitted), target)
    assert not (target / "OLD.md").exists() and (target / "NOTES.md").read_text() == "mine"


def test_a_file_in_the_place_of_the_directory_is_refused_and_stays(fitted, tmp_path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "link").symlink_to("notes.txt")
    for target in (tmp_path / "notes.txt", tmp_path / "link"):
        with pytest.raises(UsageError, match=f"{target.name} is no directory; a model takes a directory of its own"):
            export.write_directory(files_of(fitted), target)
    assert (tmp_path / "notes.txt").read_text() == (tmp_path / "link").read_text() == "mine"
    assert len(list(tmp_path.iterdir())) == 2


def test_a_link_to_a_directory_stays_one_and_what_lies_there_is_kept(fitted, tmp_path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "notes.txt").write_text("mine")
    (tmp_path / "link").symlink_to("real")
    export.write_directory(files_of(fitted), tmp_path / "link")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "real" / "notes.txt").read_text() == "mine"
    assert Model.load(tmp_path / "real").version == Model.load(tmp_path / "link").version
    assert len(list(tmp_path.iterdir())) == 2


def test_files_of_other_tiers_are_kept(fitted, tmp_path) -> None:
    target = tmp_path / "models"
    target.mkdir()
    (target / "student.onnx").write_bytes(b"tier 2")
    export.write_directory(files_of(fitted), target)
    assert (target / "student.onnx").read_bytes() == b"tier 2"


def test_training_manifest_is_sorted_hashes() -> None:
    assert export.training_manifest(["b" * 64, "a" * 64, "b" * 64]) == "a" * 64 + "\n" + "b" * 64 + "\n"


def test_converter_error_is_short(monkeypatch, fitted) -> None:
    def fail(*args, **kwargs):
        raise ValueError("x" * 50_000)

    monkeypatch.setattr(export, "convert_sklearn", fail)
    with pytest.raises(InternalError) as caught:
        export.to_onnx(fitted[0], len(RECIPE.names))
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("--strategy tpe", ""),
        ("--strategy tpe --n-trials 50 --patience 5 --time-budget 60 --parallel 2", ""),
        ("--strategy smac --n-trials 40 --time-budget 300 --patience 20 --parallel 1", " --n-trials 40 --time-budget 300 --patience 20 --parallel 1"),
        ("--strategy tpe --time-budget 0.5", " --time-budget 0.5"),
    ],
)
def test_a_card_says_the_command_that_searches_again(typed: str, shown: str) -> None:
    options = cli._parser().parse_args(["train", "--input", "i", "--output", "o", *typed.split()])
    config = models._search_of(options)
    assert config is not None
    found = {**asdict(config), "n_jobs": tune.N_JOBS if options.parallel is None else options.parallel, "trials": 37}
    assert export._search(found) == f" --strategy {config.strategy}{shown}"
    again = cli._parser().parse_args(["train", "--input", "i", "--output", "o", *export._search(found).split()])
    assert models._search_of(again) == config
    assert export._search(None) == ""


def test_shipped_card_says_what_the_shipped_evaluation_says() -> None:
    models = Path(__file__).parents[2] / "models"
    version = json.loads((models / "model.json").read_text())["version"]
    report = json.loads((models / "evaluation.json").read_text())
    assert (models / "MODEL_CARD.md").read_text("utf-8") == export.card(report).replace("{version}", version)
    accepted = [gate["gate"] for gate in report["gates"] if gate.get("accepted")]
    assert report["gates"] == evaluate.gates(report["time_safe"], accepted), "written by another version: train again"
