"""The linear model of kinds at run time: scores worked out by hand on a small table, and the directories that it refuses."""

from __future__ import annotations

import hashlib
import json
import math
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest

from codex_gate.errors import ModelError
from codex_gate.linear import KINDS_MANIFEST, ROW, TABLE, ZERO, Linear, Tier, softmax, tiers
from codex_gate.taxonomy import KINDS

LEAK, NONE, LOGIC = KINDS.index("ResourceLeaks"), KINDS.index("none"), KINDS.index("LogicErrors")
BUCKETS = 1009
ANY = (True,) * 19
TIERS = {
    "1": {"weights": {"rules": 0.25, "linear": 0.75}, "threshold": 0.4},
    "2": {"weights": {"student": 1}, "threshold": 0.5},
    "3": {"weights": {"rules": 0, "linear": 0.5, "student": 0.5}, "threshold": 1},
}
# what each term's bucket holds: the weights of some kinds, and what it counts
TERMS: dict[str, tuple[dict[int, int], int]] = {
    "t:leak": ({LEAK: 100, NONE: -20}, 3),
    "t:fix": ({NONE: -50}, 4),
    "c:\udcff": ({LOGIC: 127}, 1),
    "t:quiet": ({}, 0),
}


def table(buckets: int = BUCKETS, rows: Mapping[str, tuple[dict[int, int], int]] = TERMS) -> bytes:
    data = bytearray(([ZERO] * 19 + [0]) * buckets)
    for term, (weights, count) in rows.items():
        place = crc32(term.encode("utf-8", "surrogatepass")) % buckets * ROW
        data[place + 19] = count
        for kind, weight in weights.items():
            data[place + kind] = ZERO + weight
    return bytes(data)


def write(folder: Path, data: bytes | None = None, **changes: Any) -> Path:
    """A directory with the biases 0 but 1 for none and scales of .1; `changes` go into its manifest."""
    data = table() if data is None else data
    folder.mkdir(parents=True, exist_ok=True)
    (folder / TABLE).write_bytes(data)
    files = {TABLE: {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}}
    manifest = {"format": 1, "version": "kinds-1-test", "kinds": list(KINDS), "buckets": BUCKETS, "bias": [0.0] * 18 + [1.0], "scale": [0.1] * 19, "tiers": TIERS,
                "student": "student-2-test", "files": files}  # fmt: skip
    (folder / KINDS_MANIFEST).write_text(json.dumps(manifest | changes))
    return folder


@pytest.fixture
def model(tmp_path: Path) -> Linear:
    found = Linear.load(write(tmp_path / "m"))
    assert found is not None
    return found


def test_a_directory_without_a_model_gives_none(tmp_path: Path) -> None:
    assert Linear.load(tmp_path) is None and Linear.load(tmp_path / "gone") is None


def test_what_the_manifest_says_is_kept(model: Linear) -> None:
    assert (model.version, model.buckets) == ("kinds-1-test", BUCKETS)


def test_tiers_with_a_student_hold_for_that_student_alone(tmp_path: Path) -> None:
    folder, first = write(tmp_path / "m"), {1: Tier({"rules": 0.25, "linear": 0.75}, 0.4)}
    assert tiers(folder) == tiers(folder, "student-2-other") == first
    assert tiers(folder, "student-2-test") == first | {2: Tier({"student": 1}, 0.5), 3: Tier({"rules": 0, "linear": 0.5, "student": 0.5}, 1)}
    assert tiers(write(tmp_path / "none", student=None), "student-2-test") == tiers(write(tmp_path / "none", student=None)) == first
    assert tiers(write(tmp_path / "one", tiers={"1": TIERS["1"]}), "student-2-test") == first
    assert tiers(tmp_path / "gone") == {}


def test_scores_are_those_worked_out_by_hand(model: Linear) -> None:
    found = model.scores(["t:leak", "t:fix"])  # √(3² + 4²) = 5
    assert found[LEAK] == pytest.approx(0.1 * 100 / 5) and found[NONE] == pytest.approx(1 + 0.1 * (-20 - 50) / 5)
    assert [score for kind, score in enumerate(found) if kind not in (LEAK, NONE)] == [0.0] * 17
    assert model.scores(["t:leak"])[LEAK] == pytest.approx(0.1 * 100 / 3)
    assert model.scores(["t:leak", "t:fix", "t:quiet", "t:never seen"]) == pytest.approx(found)  # what counts nothing moves nothing


def test_without_a_term_that_counts_a_score_is_the_bias(model: Linear) -> None:
    assert model.scores([]) == model.scores(["t:quiet"]) == model.scores(["t:never seen"] * 9) == (0.0,) * 18 + (1.0,)


def test_bytes_of_a_path_that_are_no_text_have_a_bucket_too(model: Linear) -> None:
    assert model.scores(["c:\udcff"])[LOGIC] == pytest.approx(12.7)


def test_terms_that_share_a_bucket_count_each(tmp_path: Path) -> None:
    folder = write(tmp_path / "m", table(1, {"x": ({LEAK: 10}, 2)}), buckets=1, bias=[0.0] * 19)
    model = Linear.load(folder)
    assert model is not None
    assert model.scores(["one", "two"])[LEAK] == pytest.approx(0.1 * 20 / math.sqrt(8))
    assert [kind for kind, score in enumerate(model.scores(["one", "two"])) if score] == [LEAK]


def test_probabilities_are_the_softmax_of_what_is_possible(model: Linear) -> None:
    told = ["t:leak", "t:fix"]
    every = model.probabilities(told, ANY)
    assert len(every) == 19 and math.fsum(every) == pytest.approx(1.0)
    assert every[LEAK] == pytest.approx(math.exp(2) / (math.exp(2) + math.exp(-0.4) + 17))
    two = model.probabilities(told, [kind in (LEAK, NONE) for kind in range(19)])
    assert two[LEAK] == pytest.approx(1 / (1 + math.exp(-2.4))) and math.fsum(two) == pytest.approx(1.0)
    assert [share for kind, share in enumerate(two) if kind not in (LEAK, NONE)] == [0.0] * 17
    assert model.probabilities(told, [kind == NONE for kind in range(19)]) == (0.0,) * 18 + (1.0,)


def test_probabilities_hold_at_any_score() -> None:
    assert softmax([1e308, -1e308, 1e308], [True] * 3) == (0.5, 0.0, 0.5)
    assert softmax([1e308, -1e308, 0.0], [False, True, False]) == (0.0, 1.0, 0.0)
    with pytest.raises(ValueError, match="zip"):
        softmax([0.0, 0.0], [True])


def test_a_weight_says_for_which_kind_a_term_speaks_most(model: Linear) -> None:
    assert [model.weights(["t:leak"], kind) for kind in (LEAK, LOGIC, NONE)] == [[100], [0], [-20]]
    assert model.weights(["c:\udcff", "t:never seen"], LOGIC) == [127, 0]


def test_no_library_is_needed() -> None:
    script = "import sys, codex_gate.linear; assert not {'numpy', 'onnxruntime', 'sklearn', 'scipy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", script], check=True)


LACKS = r"lacks numbers where 19 biases and scales, weights and a threshold for each tier, buckets and a table are expected; install the package again"

# -- what is refused -----------------------------------------------------------------------------------


def test_a_missing_table_is_refused(tmp_path: Path) -> None:
    folder = write(tmp_path / "m")
    (folder / TABLE).unlink()
    with pytest.raises(ModelError, match=r"kinds.table cannot be read \(No such file or directory\)"):
        Linear.load(folder)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda data: data[:-1] + b"x", "kinds.table has sha256 .*; it was altered"),
        (lambda data: data[:-ROW], f"kinds.table has {(BUCKETS - 1) * ROW} bytes, the manifest says {BUCKETS * ROW}; it was truncated or altered"),
        (lambda data: b"", "kinds.table has 0 bytes"),
    ],
)
def test_an_altered_table_is_refused(tmp_path: Path, spoil: Callable[[bytes], bytes], said: str) -> None:
    folder = write(tmp_path / "m")
    (folder / TABLE).write_bytes(spoil((folder / TABLE).read_bytes()))
    with pytest.raises(ModelError, match=said):
        Linear.load(folder)


@pytest.mark.parametrize("buckets", [1, BUCKETS - 1, BUCKETS + 1, 10**15])
def test_a_table_of_another_size_than_its_buckets_take_is_refused(tmp_path: Path, buckets: int) -> None:
    with pytest.raises(ModelError, match=f"lists a table of {BUCKETS * ROW} bytes, {buckets} buckets take {buckets * ROW}; install the package again"):
        Linear.load(write(tmp_path / "m", buckets=buckets))


@pytest.mark.parametrize("key", ["format", "version", "kinds", "buckets", "bias", "scale", "tiers", "files"])
def test_a_missing_key_is_named(tmp_path: Path, key: str) -> None:
    folder = write(tmp_path / "m")
    manifest = json.loads((folder / KINDS_MANIFEST).read_text())
    del manifest[key]
    (folder / KINDS_MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(ModelError, match=f"kinds.json lacks {key}; install the package again, or make it anew"):
        Linear.load(folder)


@pytest.mark.parametrize(
    "changes",
    [{"format": 2}, {"format": "1"}, {"kinds": list(KINDS[::-1])}, {"kinds": list(KINDS[:-1])}, {"kinds": [*KINDS[:-1], "Others"]}, {"kinds": "none"}],
)
def test_other_kinds_or_another_format_are_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(ModelError, match=f"is of format {changes.get('format', 1)}, or its kinds are not the 19 of this version"):
        Linear.load(write(tmp_path / "m", **changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"bias": [0.0] * 18}, {"bias": [0.0] * 20}, {"bias": ["0"] * 19}, {"bias": None}, {"bias": [math.nan] + [0.0] * 18}, {"scale": [math.inf] + [0.1] * 18},
        {"scale": {}}, {"scale": [-1e101] + [0.1] * 18}, {"bias": [10**400] + [0.0] * 18}, {"buckets": 0}, {"buckets": -1}, {"buckets": True}, {"buckets": 1009.0},
        {"version": 1}, {"files": {}}, {"files": []}, {"files": {TABLE: "x"}},
    ],
)  # fmt: skip
def test_what_is_no_number_where_one_is_expected_is_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(ModelError, match=LACKS):
        Linear.load(write(tmp_path / "m", **changes))


@pytest.mark.parametrize(
    "changed",
    [
        [], {}, {"2": TIERS["2"]}, {"1": TIERS["1"], "4": TIERS["1"]}, {"1": []}, {"1": {"threshold": 0.4}}, {"1": {"weights": [1.0], "threshold": 0.4}},
        {"1": {"weights": {}, "threshold": 0.4}}, {"1": {"weights": {"rules": 0.0, "linear": 0}, "threshold": 0.4}},
        {"1": {"weights": {"rules": -0.1, "linear": 1.1}, "threshold": 0.4}}, {"1": {"weights": {"rules": "1", "linear": 1}, "threshold": 0.4}},
        {"1": {"weights": {"linear": math.nan}, "threshold": 0.4}}, {"1": {"weights": {"linear": 10**400}, "threshold": 0.4}}, {"1": {"weights": {"linear": 1}}},
        {"1": {"weights": {"linear": 1}, "threshold": "0.4"}}, {"1": {"weights": {"linear": 1}, "threshold": 1.5}},
        {"1": {"weights": {"linear": 1}, "threshold": -0.1}}, {"1": {"weights": {"linear": 1}, "threshold": math.nan}},
        {"1": TIERS["1"], "2": {"weights": {"student": 1}, "threshold": 10**400}},
    ],
)  # fmt: skip
def test_tiers_that_are_none_are_refused(tmp_path: Path, changed: Any) -> None:
    folder = write(tmp_path / "m", tiers=changed)
    for load in (Linear.load, tiers):
        with pytest.raises(ModelError, match=LACKS):
            load(folder)


def test_the_largest_numbers_that_are_taken_give_numbers(tmp_path: Path) -> None:
    model = Linear.load(write(tmp_path / "m", bias=[9e99, -9e99] + [0.0] * 17, scale=[9e99] * 19))
    assert model is not None and math.fsum(model.probabilities(TERMS, ANY)) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("content", "said"), [(b"{", "is not valid JSON"), (b"\xff\xfe\xff", "is not valid JSON"), (b"[]", "holds no JSON object"), (b"", "is not valid JSON")]
)
def test_a_manifest_that_is_none_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    folder = write(tmp_path / "m")
    (folder / KINDS_MANIFEST).write_bytes(content)
    with pytest.raises(ModelError, match=f"kinds.json {said}.*; install the package again"):
        Linear.load(folder)
