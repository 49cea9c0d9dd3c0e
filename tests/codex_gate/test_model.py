import hashlib
import json
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from codex_gate.errors import ModelError
from codex_gate.features import FEATURE_NAMES, HISTORY_NAMES, MESSAGE_NAMES, NAN, OWN_WORDS, vector
from codex_gate.forest import Forest
from codex_gate.model import Calibration, Model, default_directory
from codex_gate.types import CommitFeatures, ModelKind

MODELS = Path(__file__).parents[2] / "models"


def change(size: float = 1.0, **known: float) -> CommitFeatures:
    """A plausible change; `size` scales what grows with it."""
    values = dict.fromkeys(FEATURE_NAMES, 1.0)
    values.update(la=30 * size, ld=10 * size, lt=400.0, la_max=20 * size, code_la=25 * size, nf=max(1.0, 2 * size), n_hunks=4 * size, entropy=0.8)
    values.update(code_share=0.8, test_share=0.1, doc_share=0.1, churn_max_share=0.6, own_share=0.4, top_share=0.5, age=60.0, touches_max=20.0, devs_max=4.0)
    return CommitFeatures(values | known)


@pytest.fixture(scope="module")
def model() -> Model:
    return Model.load(MODELS)


@pytest.fixture
def copy(tmp_path) -> Path:
    target = tmp_path / "models"
    shutil.copytree(MODELS, target)
    return target


def edit(directory: Path, **changes: object) -> None:
    path = directory / "model.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_shipped_directory_agrees_with_its_manifest() -> None:
    manifest = json.loads((MODELS / "model.json").read_text())
    for name, listed in manifest["files"].items():
        data = (MODELS / name).read_bytes()
        assert (len(data), hashlib.sha256(data).hexdigest()) == (listed["size"], listed["sha256"]), name
    assert sum(f.stat().st_size for f in MODELS.iterdir()) <= 25_000_000  # plain git blobs
    assert not set(manifest["feature_names"]) & (MESSAGE_NAMES | {"hour_of_day", "day_of_week"})
    assert not [f.name for f in MODELS.iterdir() if f.suffix in (".pkl", ".pickle", ".joblib")]


def test_shipped_documents_name_the_shipped_version(model: Model) -> None:
    assert model.version in (MODELS / "MODEL_CARD.md").read_text("utf-8")
    lines = (MODELS / "training-manifest.txt").read_text().split()
    assert lines == sorted(set(lines))
    assert all(len(line) == 64 for line in lines)
    assert len(lines) <= model.manifest["training_rows"]
    roles = {p["project"]: p["role"] for p in json.loads((MODELS / "training-sources.json").read_text())["projects"]}
    assert roles["jdt"] == "holdout"


def test_default_directory_is_the_checkout_here(model: Model) -> None:
    assert default_directory() == MODELS
    assert model.version.startswith("risk-1-")


def test_larger_change_is_riskier_and_risk_is_a_probability(model: Model) -> None:
    risks = [model.risk(change(size)) for size in (0.1, 1, 10, 50)]
    assert risks == sorted(risks)
    assert 0.0 <= risks[0] < risks[-1] <= 1.0


def test_more_added_lines_never_lower_the_risk(model: Model) -> None:
    for name in ("la", "code_la", "la_max", "n_hunks", "code_files"):
        risks = [model.risk(change(**{name: value})) for value in (0.0, 3.0, 10.0, 40.0, 200.0, 5000.0)]
        assert risks == sorted(risks), name


def test_message_and_clock_do_not_move_the_risk(model: Model) -> None:
    written = change()
    unwritten = change(fix=NAN, message_length=NAN, hour_of_day=23.0, day_of_week=6.0)
    assert model.risk(written) == model.risk(unwritten)


def test_unknown_history_gives_a_sane_risk(model: Model) -> None:
    bare = [model.risk(change(size, **dict.fromkeys(HISTORY_NAMES, NAN))) for size in (0.1, 1, 10, 50)]
    full = [model.risk(change(size)) for size in (0.1, 1, 10, 50)]
    assert all(math.isfinite(risk) for risk in bare)
    assert bare == sorted(bare)
    assert max(abs(a - b) for a, b in zip(bare, full)) < 0.35


def test_everything_unknown_is_still_a_probability(model: Model) -> None:
    assert 0.0 <= model.risk(CommitFeatures(dict.fromkeys(FEATURE_NAMES, NAN))) <= 1.0


@pytest.mark.parametrize("features", [change(), change(40), change(0.1), change(3, **dict.fromkeys(HISTORY_NAMES, NAN))])
def test_reasons_add_up_to_the_risk(model: Model, features: CommitFeatures) -> None:
    reasons = model.explain(features)
    assert {r.feature for r in reasons} == {*model.feature_names, OWN_WORDS}
    assert model.expected_risk + math.fsum(r.contribution for r in reasons) == pytest.approx(model.risk(features), abs=1e-9)
    sizes = [abs(r.contribution) for r in reasons]
    assert sizes == sorted(sizes, reverse=True)


@pytest.mark.parametrize("n", [3, 40, 600])
def test_bulk_equals_single(model: Model, n: int) -> None:
    many = [change(1 + i % 17, age=float(i), **({"own_share": NAN} if i % 3 else {})) for i in range(n)]
    assert model.risks(many) == [model.risk(f) for f in many]


def test_onnx_equals_forest_with_unknown_values(model: Model) -> None:
    pytest.importorskip("onnxruntime")
    np = pytest.importorskip("numpy")
    many = [change(size, **dict.fromkeys(list(HISTORY_NAMES)[:k], NAN)) for size in (0.1, 1, 7, 90) for k in (0, 3, len(HISTORY_NAMES))]
    rows = [vector(f, model.feature_names) for f in many]
    (probabilities,) = model.session().run(["probabilities"], {"features": np.asarray(rows, np.float32)})
    assert probabilities[:, 1] == pytest.approx([model.forest.predict(row) for row in rows], abs=1e-5)
    assert model.session() is model.session()


def test_one_risk_needs_no_numerical_library() -> None:
    code = (
        "import sys; from codex_gate.model import Model, default_directory; from codex_gate.types import CommitFeatures;"
        "from codex_gate.features import FEATURE_NAMES as names;"
        "m = Model.load(default_directory()); f = CommitFeatures(dict.fromkeys(names, 1.0)); m.risk(f); m.explain(f); m.risks([f] * 30);"
        "print([n for n in ('numpy', 'onnxruntime', 'sklearn', 'pickle') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=MODELS.parent)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(("score", "risk"), [(0.0, 0.1), (0.2, 0.1), (0.3, 0.2), (0.4, 0.3), (0.6, 0.6), (0.8, 0.9), (1.0, 0.9)])
def test_calibration_interpolates_and_is_flat_beyond_its_ends(score: float, risk: float) -> None:
    assert Calibration((0.2, 0.4, 0.8), (0.1, 0.3, 0.9))(score) == pytest.approx(risk)


@pytest.mark.parametrize(
    ("name", "damage", "says"),
    [
        ("model.json", lambda p: p.unlink(), "cannot be read"),
        ("model.json", lambda p: p.write_text(p.read_text()[:40]), "not valid JSON"),
        ("model.json", lambda p: p.write_bytes(b"\xff\xfe\x00"), "not valid JSON"),
        ("model.json", lambda p: p.write_text("[]"), "no JSON object"),
        ("risk.forest", lambda p: p.unlink(), "cannot be read"),
        ("risk.forest", lambda p: p.write_bytes(p.read_bytes()[:-100]), "bytes, the manifest says"),
        ("risk.forest", lambda p: p.write_bytes(p.read_bytes()[:-1] + b"\x00\x00"[:1] if p.read_bytes()[-1] else p.read_bytes()[:-1] + b"\x01"), "sha256"),
    ],
)
def test_damage_is_refused_by_name(copy: Path, name: str, damage, says: str) -> None:
    damage(copy / name)
    with pytest.raises(ModelError, match=says) as caught:
        Model.load(copy)
    assert name in str(caught.value)
    assert caught.value.exit_code == 3


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"feature_schema": 99}, "feature schema 99"),
        ({"format": 2}, "manifest format 2"),
        ({"feature_names": ["la", "wit"]}, "asks for features that no model may read, wit;"),
        ({"feature_names": ["la", "complexity_delta"]}, "no model may read, complexity_delta;"),
        ({"feature_names": []}, "names no features"),
        ({"feature_names": ["la"]}, "takes"),
        ({"unknown": 0}, "encodes unknown values as 0"),
        ({"calibration": [[0.5, 0.9], [0.6, 0.1]]}, "out of order"),
        ({"calibration": []}, "out of order"),
        ({"calibration": [[0.5, "high"]]}, "no list of numbers"),
        ({"base_rate": 7}, r"outside \[0, 1\]"),
        ({"files": {}}, "not listed"),
        ({"files": []}, "not listed"),
    ],
)
def test_unfit_manifest_is_refused(copy: Path, changes: dict[str, object], says: str) -> None:
    edit(copy, **changes)
    with pytest.raises(ModelError, match=says) as caught:
        Model.load(copy)
    assert "model.json" in str(caught.value)


def test_manifest_without_a_key_is_refused(copy: Path) -> None:
    path = copy / "model.json"
    manifest = json.loads(path.read_text())
    del manifest["calibration"]
    path.write_text(json.dumps(manifest))
    with pytest.raises(ModelError, match=r"model\.json lacks calibration"):
        Model.load(copy)


@pytest.mark.parametrize(
    ("changes", "kind", "measured"),
    [
        ({}, ModelKind.GENERAL, True),
        ({"adapted": {"shift": 1.0}}, ModelKind.ADAPTED, False),  # the evaluation beside it is that of the model before
        ({"retrained": {"head": "a" * 40}, "adapted": {}}, ModelKind.RETRAINED, True),
    ],
)
def test_the_manifest_says_what_the_probabilities_were_fitted_to(copy: Path, changes: dict[str, object], kind: ModelKind, measured: bool) -> None:
    edit(copy, **changes)
    model = Model.load(copy)
    assert model.kind is kind and (model.typical_error is not None) == measured


@pytest.mark.parametrize("name", ["model.json", "evaluation.json"])
@pytest.mark.parametrize("kind", ["device", "pipe"])
def test_what_never_ends_or_never_begins_is_not_read(copy: Path, name: str, kind: str) -> None:
    """A branch that was checked out may hold such links, and the hook reads its models."""
    (copy / name).unlink()
    if kind == "device":
        (copy / name).symlink_to("/dev/zero")
    else:
        os.mkfifo(copy / name)
    if name == "model.json":
        with pytest.raises(ModelError, match=r"model\.json cannot be read \(no plain file\)"):
            Model.load(copy)
    else:
        assert Model.load(copy).typical_error is None


def test_a_forest_that_leads_in_circles_is_refused_though_its_hash_fits(copy: Path) -> None:
    broken = bytearray((copy / "risk.forest").read_bytes())
    Forest(broken)._child[0] = 0  # type: ignore[arg-type]
    (copy / "risk.forest").write_bytes(broken)
    manifest = json.loads((copy / "model.json").read_text())
    manifest.pop("signed_off", None)
    manifest["files"]["risk.forest"]["sha256"] = hashlib.sha256(broken).hexdigest()
    (copy / "model.json").write_text(json.dumps(manifest))
    with pytest.raises(ModelError, match=r"risk\.forest is no sound forest"):
        Model.load(copy)


def test_altered_onnx_is_refused_only_where_it_is_used(copy: Path) -> None:
    (copy / "risk.onnx").write_bytes(b"not a graph")
    model = Model.load(copy)
    assert 0 <= model.risk(change()) <= 1
    with pytest.raises(ModelError, match=r"risk\.onnx has 11 bytes"):
        model.session()


def test_graph_that_onnxruntime_refuses_is_named(copy: Path) -> None:
    pytest.importorskip("onnxruntime")
    data = b"not a graph"
    (copy / "risk.onnx").write_bytes(data)
    files = json.loads((copy / "model.json").read_text())["files"]
    edit(copy, files=files | {"risk.onnx": {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}})
    with pytest.raises(ModelError, match=r"risk\.onnx was refused by onnxruntime"):
        Model.load(copy).session()
