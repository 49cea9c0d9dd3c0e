"""What moves the log-odds of the forest beside it: slopes on measures, with words or without."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path
from typing import Any

import pytest

from codex_gate.errors import ModelError
from codex_gate.features import FEATURE_NAMES, NAN, OWN_WORDS
from codex_gate.model import Model
from codex_gate.own_words import LARGEST, WORDS_FILE, OwnWords, shifted
from codex_gate.types import CommitFeatures
from tests.codex_gate.samples import write_model

SLOPES = {"la": [0.5, 2.0], "exp": [-0.25, 3.0]}


def change(**known: float) -> CommitFeatures:
    return CommitFeatures(dict.fromkeys(FEATURE_NAMES, 1.0) | {"la": 30.0, "exp": 50.0} | known)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return write_model(tmp_path / "models")


def with_slopes(directory: Path, slopes: Any) -> Model:
    path = directory / "model.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"slopes": slopes}))
    return Model.load(directory)


def with_words(directory: Path) -> None:
    data = json.dumps(OwnWords({b"lock": 0.8}, {}, 0.1, -1.0, 1.0).as_json()).encode()
    (directory / WORDS_FILE).write_bytes(data)
    manifest = json.loads((directory / "model.json").read_text())
    manifest["files"][WORDS_FILE] = {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    (directory / "model.json").write_text(json.dumps(manifest))


def test_a_slope_moves_the_log_odds_by_how_far_a_measure_lies_from_its_centre(directory: Path) -> None:
    bare = Model.load(directory).risk(change())
    found = with_slopes(directory, SLOPES).risk(change())
    assert found == pytest.approx(shifted(bare, 0.5 * (math.log(31) - 2) - 0.25 * (math.log(51) - 3)), abs=1e-12)
    assert with_slopes(directory, {}).risk(change()) == bare


def test_a_measure_of_zero_is_known_and_moves_the_log_odds(directory: Path) -> None:
    bare = Model.load(directory).risk(change(exp=0.0))
    assert with_slopes(directory, {"exp": [-0.25, 3.0]}).risk(change(exp=0.0)) == pytest.approx(shifted(bare, 0.75), abs=1e-12) != bare


def test_what_is_unknown_moves_nothing(directory: Path) -> None:
    bare = Model.load(directory).risk(change(la=NAN))
    assert with_slopes(directory, {"la": [0.5, 2.0]}).risk(change(la=NAN)) == bare
    with_words(directory)
    model = with_slopes(directory, {"la": [0.5, 2.0]})
    assert model.risk(change(la=NAN)) == model.risk(change(la=NAN, own_words=NAN)) == bare


def test_many_changes_have_the_risks_that_they_have_alone(directory: Path) -> None:
    model = with_slopes(directory, SLOPES)
    changes = [change(la=float(k), exp=float(k % 7)) for k in range(150)]
    assert model.risks(changes) == [model.risk(one) for one in changes]


@pytest.mark.parametrize("known", [{}, {"la": 3.0}, {"la": NAN}, {"la": 400.0, "exp": 0.0}, {"own_words": 0.6}, {"own_words": -0.6, "exp": NAN}])
def test_shares_add_up_to_the_risk(directory: Path, known: dict[str, float]) -> None:
    with_words(directory)
    model = with_slopes(directory, SLOPES)
    found = model.explain(change(**known))
    assert {c.feature for c in found} == {"la", "nf", "exp", OWN_WORDS}
    assert model.expected_risk + math.fsum(c.contribution for c in found) == pytest.approx(model.risk(change(**known)), abs=1e-12)


def test_a_slope_adds_to_the_share_of_its_measure(directory: Path) -> None:
    def share(model: Model) -> float:
        return next(c.contribution for c in model.explain(change(exp=50.0)) if c.feature == "exp")

    assert share(Model.load(directory)) == 0
    assert share(with_slopes(directory, {"exp": [0.5, 2.0]})) > 0.05
    assert share(with_slopes(directory, {"exp": [0.5, 5.0]})) < -0.05


def test_shares_that_cancel_out_stand_beside_each_other(directory: Path) -> None:
    bare, risk = {c.feature: c.contribution for c in Model.load(directory).explain(change())}, Model.load(directory).risk(change())
    model = with_slopes(directory, {"la": [1.0, math.log(31) - 1], "exp": [-1.0, math.log(51) - 1]})
    found = {c.feature: c.contribution for c in model.explain(change())}
    assert model.risk(change()) == pytest.approx(risk)
    assert found["la"] - bare["la"] == pytest.approx(-found["exp"]) and found["la"] - bare["la"] > 0.1


@pytest.mark.parametrize(
    ("slopes", "said"),
    [
        ({"ld": [1.0, 2.0]}, "has slopes of measures that it does not read, ld"),
        ({"la": [1.0]}, "has slopes that are no pairs of numbers"),
        ({"la": ["x", 2.0]}, "has slopes that are no pairs of numbers"),
        ([1.0], "has slopes that are no pairs of numbers"),
        ({"la": [math.nan, 2.0]}, "has slopes beyond"),
        ({"la": [1.0, LARGEST + 1]}, "has slopes beyond"),
    ],
)
def test_slopes_that_cannot_be_meant_are_refused(directory: Path, slopes: Any, said: str) -> None:
    with pytest.raises(ModelError, match=said):
        with_slopes(directory, slopes)


def test_the_model_that_ships_reads_slopes_and_words() -> None:
    from codex_gate.model import default_directory

    model = Model.load(default_directory())
    assert set(model.slopes) < set(model.feature_names)
    assert model.words is not None and model.words.middle == 0 and model.words.added and model.words.path
