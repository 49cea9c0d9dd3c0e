import math
import random
import struct
from importlib.util import find_spec

import pytest

from codex_gate import forest as module
from codex_gate.errors import ModelError
from codex_gate.forest import LEAF, MAGIC, Forest, floor32, pack

# Two stumps and a leaf over two features: worked out by hand below.
STUMP = [(0, 10.0, 1, 2, 0.5), (-1, 0.0, -1, -1, 0.2), (1, 3.0, 3, 4, 0.8), (-1, 0.0, -1, -1, 0.6), (-1, 0.0, -1, -1, 1.0)]
LONE = [(-1, 0.0, -1, -1, 0.25)]


def small() -> Forest:
    return Forest(pack([STUMP, LONE], 2))


@pytest.mark.parametrize(
    ("row", "leaf"),
    [([10.0, 99.0], 0.2), ([-1.0, -1.0], 0.2), ([10.5, 3.0], 0.6), ([10.5, 3.5], 1.0)],
)
def test_score_is_the_mean_of_the_leaves(row: list[float], leaf: float) -> None:
    assert small().predict(row) == pytest.approx((leaf + 0.25) / 2, abs=1e-7)


def test_contributions_follow_the_path_and_add_up() -> None:
    base, shares = small().contributions([11.0, 5.0])
    assert base == pytest.approx((0.5 + 0.25) / 2)
    assert shares == pytest.approx([(0.8 - 0.5) / 2, (1.0 - 0.8) / 2])


def grown(seed: int, n_trees: int = 30, n_features: int = 6) -> Forest:
    """A forest with random splits: deep enough that a wrong link would show."""
    rng = random.Random(seed)

    def grow(nodes: list[tuple[int, float, int, int, float]], depth: int) -> int:
        own = len(nodes)
        nodes.append((-1, 0.0, -1, -1, rng.random()))
        if depth and rng.random() < 0.9:
            left, right = grow(nodes, depth - 1), grow(nodes, depth - 1)
            nodes[own] = (rng.randrange(n_features), rng.uniform(-1, 100), left, right, nodes[own][4])
        return own

    trees: list[list[tuple[int, float, int, int, float]]] = [[] for _ in range(n_trees)]
    for tree in trees:
        grow(tree, 8)
    return Forest(pack(trees, n_features))


def rows_of(seed: int, n: int, n_features: int = 6) -> list[list[float]]:
    rng = random.Random(seed)
    return [[rng.choice([-1.0, rng.uniform(0, 100)]) for _ in range(n_features)] for _ in range(n)]


@pytest.mark.parametrize("n", [0, 1, 19, 60, 700])
@pytest.mark.parametrize("numpy_is_there", [True, False])
def test_bulk_equals_single(n: int, numpy_is_there: bool, monkeypatch) -> None:
    """Every way of scoring many rows: one by one, over nested trees, and with numpy where it is installed; announced or not, made ready or not."""
    monkeypatch.setattr(module, "find_spec", lambda name: find_spec(name) if numpy_is_there else None)
    monkeypatch.setattr(module, "_VECTORISED_ROWS", 150)
    forest, rows = grown(1), rows_of(2, n)
    expected = [forest.predict(row) for row in rows]
    assert forest.predict_many(rows) == expected
    forest.ready(200)
    assert ("_arrays" in vars(forest)) == numpy_is_there
    assert forest.predict_many(rows, 200) == expected


def test_a_tree_that_is_a_leaf_is_scored_in_bulk(monkeypatch) -> None:
    forest = Forest(pack([[(-1, 0.0, -1, -1, 0.25)], [(0, 1.0, 1, 2, 0.5), (-1, 0, -1, -1, 0.0), (-1, 0, -1, -1, 1.0)]], 1))
    assert forest.predict_many([[0.0], [2.0]] * 100) == [0.125, 0.625] * 100
    monkeypatch.setattr(module, "find_spec", lambda _: None)
    assert forest.predict_many([[0.0], [2.0]] * 100) == [0.125, 0.625] * 100


def test_contributions_add_up_on_random_forests() -> None:
    forest = grown(3)
    for row in rows_of(4, 50):
        base, shares = forest.contributions(row)
        assert base + math.fsum(shares) == pytest.approx(forest.predict(row), abs=1e-9)


def test_threshold_is_compared_in_float32() -> None:
    forest = Forest(pack([[(0, 0.1, 1, 2, 0.5), (-1, 0, -1, -1, 0.0), (-1, 0, -1, -1, 1.0)]], 1))
    # float32(0.1) is above 0.1, so scikit-learn (which compares with the float64 threshold) sends it right.
    assert forest.predict([0.1]) == 1.0
    assert forest.predict([floor32(0.1)]) == 0.0


@pytest.mark.parametrize("number", [0.1, -0.1, 1e-60, -1e-60, 0.0, 2.5, 16777217.0, 1e39, -3.3e-40])
def test_floor32_is_the_nearest_from_below(number: float) -> None:
    numpy = pytest.importorskip("numpy")
    found = floor32(number)
    if math.isfinite(found):
        assert found <= number < float(numpy.nextafter(numpy.float32(found), numpy.float32(numpy.inf)))
    assert struct.unpack("<f", struct.pack("<f", found))[0] == found


def test_opened_from_a_file(tmp_path) -> None:
    path = tmp_path / "risk.forest"
    path.write_bytes(pack([STUMP, LONE], 2))
    forest = Forest.open(path)
    assert (forest.n_features, forest.n_trees, forest.n_nodes) == (2, 2, 6)
    assert forest.predict([10.0, 0.0]) == pytest.approx(0.225)


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda b: b"", "cannot be read"),
        (lambda b: b[:10], "no forest file"),
        (lambda b: b"X" + b[1:], "no forest file"),
        (lambda b: b[:-1], "truncated"),
        (lambda b: b + b"\0", "truncated"),
        (lambda b: b[:8] + struct.pack("<I", 9) + b[12:], "format 9"),
        (lambda b: MAGIC + struct.pack("<4I", 1, 2, 0, 0), "truncated"),
    ],
)
def test_damaged_file_is_refused_by_name(tmp_path, damage, says: str) -> None:
    path = tmp_path / "risk.forest"
    path.write_bytes(damage(pack([STUMP, LONE], 2)))
    with pytest.raises(ModelError, match=says) as caught:
        Forest.open(path)
    assert str(path) in str(caught.value)


def test_missing_file_is_named(tmp_path) -> None:
    with pytest.raises(ModelError, match=r"nowhere\.forest cannot be read"):
        Forest.open(tmp_path / "nowhere.forest")


@pytest.mark.parametrize("row", [[1.0], [1.0, 2.0, 3.0]])
def test_row_of_another_width_is_refused(row: list[float]) -> None:
    for call in (small().predict, small().contributions):
        with pytest.raises(ModelError, match="takes 2 features"):
            call(row)


def test_too_many_features_are_refused() -> None:
    with pytest.raises(ModelError, match="at most 254"):
        pack([LONE], LEAF)


def test_trees_read_out_pack_into_the_same_file() -> None:
    forest = grown(3)
    again = Forest(pack(forest.trees(), forest.n_features))
    assert bytes(again._data) == bytes(forest._data)


@pytest.mark.parametrize(
    ("array", "node", "value"),
    [
        ("_child", 0, 0),  # a node that leads to itself
        ("_child", 2, 1),  # back up
        ("_child", 2, 5),  # the second of its pair lies beyond the end
        ("_child", 2, 10**6),
        ("_feature", 0, 2),  # of two features
        ("_value", 3, math.nan),
        ("_roots", 1, 6),
    ],
)
def test_a_forest_that_does_not_lead_down_is_refused(array: str, node: int, value: float) -> None:
    sound = small()
    sound.check("x")
    broken = bytearray(sound._data)
    view = getattr(Forest(broken), array)  # type: ignore[arg-type]
    view[node] = value
    with pytest.raises(ModelError, match=r"mine\.forest is no sound forest"):
        Forest(bytes(broken)).check("mine.forest")


def test_a_leaf_makes_up_for_no_node_that_leads_to_itself() -> None:
    broken = bytearray(small()._data)
    child = Forest(broken)._child  # type: ignore[arg-type]
    child[1], child[2] = 3, 2
    with pytest.raises(ModelError, match="no sound forest"):
        Forest(bytes(broken)).check("x")
