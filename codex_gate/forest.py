"""A random forest as flat arrays in one file, mapped into memory and read with the standard library alone.

Importing numpy or onnxruntime costs a hook 100 ms and more; opening this file costs less than one. It holds
the same trees as `risk.onnx` and gives the same numbers to 1e-6 (a test compares them).

Layout, little-endian, sections without padding (the order keeps every array aligned to its own size):

    magic      8 bytes   b"CGFOREST"
    header     4 × u4    version, n_features, n_trees, n_nodes
    roots      n_trees × u4   index of each tree's root
    child      n_nodes × u4   index of the left child; the right one is child + 1. A leaf names itself
    threshold  n_nodes × f4   go left when x <= threshold. A leaf holds +inf: so it stays where it is
    value      n_nodes × f4   mean training probability at the node, inner nodes too
    feature    n_nodes × u1   index into the row; LEAF (255) marks a leaf

Rows are cast to float32 before comparing, and thresholds are rounded down to float32: for a float32 `x`,
`x <= t` and `x <= floor32(t)` agree, so does ONNX's TreeEnsemble. Rows hold no NaN: `features.vector()`
encodes unknown values.
"""

from __future__ import annotations

import math
import mmap
import struct
import sys
from array import array
from collections.abc import Sequence
from functools import cached_property
from importlib.util import find_spec
from itertools import compress
from operator import gt
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, Self

from codex_gate.errors import AGAIN, ModelError

if TYPE_CHECKING:
    import numpy as np

MAGIC: Final = b"CGFOREST"
VERSION: Final = 1
LEAF: Final = 255
_ASKS: Final = bytes(feature != LEAF for feature in range(256))  # by feature: whether such a node asks for one
_HEADER: Final = struct.Struct("<8s4I")
_NODE_BYTES: Final = 4 + 4 + 4 + 1
_BLOCK: Final = 128  # rows at a time: with 200 trees the indices stay in the cache (measured: 512 takes 1.4 times as long)
_VECTORISED_ROWS: Final = 1500  # below, importing numpy (100 ms) costs more than it saves (measured 2026-11-23)
_ARRAY_ROWS: Final = 20  # the same where it is imported already and the arrays have to be made (4 ms)
_NESTED_ROWS: Final = 100  # below, building nested trees (20 ms) costs more than it saves (0.1 ms a row; measured 2026-11-26)


class Forest:
    """Trees of a binary classifier over rows of `n_features` numbers; the score is the mean over trees."""

    def __init__(self, data: bytes | mmap.mmap, name: str = "forest") -> None:
        """Read the arrays out of `data` without copying them.

        Raises:
            ModelError: not a forest, of another version, or truncated. What the arrays hold is vouched for by
                the manifest's sha256, which `model.py` checks first, and where anybody can write both, by `check`.
        """
        self._data = data
        if len(data) < _HEADER.size or data[:8] != MAGIC:
            raise ModelError(f"{name} is no forest file: it does not begin with {MAGIC.decode()}; {AGAIN}")
        _, version, self.n_features, self.n_trees, self.n_nodes = _HEADER.unpack(data[: _HEADER.size])
        if version != VERSION:
            raise ModelError(f"{name} has forest format {version}, this version reads {VERSION}; install matching versions of package and model")
        expected = _HEADER.size + 4 * self.n_trees + _NODE_BYTES * self.n_nodes
        if len(data) != expected or not self.n_trees:
            raise ModelError(f"{name} has {len(data)} bytes, its header promises {expected}; it was truncated or damaged, {AGAIN}")
        starts = _starts(self.n_trees, self.n_nodes)
        self._roots = self._section("I", starts[0], starts[1])
        self._child = self._section("I", starts[1], starts[2])
        self._threshold = self._section("f", starts[2], starts[3])
        self._value = self._section("f", starts[3], starts[4])
        self._feature = self._section("B", starts[4], len(data))

    @classmethod
    def open(cls, path: Path) -> Self:
        """Map a forest file into memory.

        Raises:
            ModelError: missing, unreadable, empty, or damaged (see `__init__`).
        """
        try:
            with path.open("rb") as stream:
                data = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as error:
            raise ModelError(f"{path} cannot be read ({error}); {AGAIN}") from error
        return cls(data, str(path))

    def check(self, name: str) -> None:
        """That a walk through it ends, inside of it and at a number: for a forest that somebody else made (100,000 nodes: 9 ms, measured 2026-11-27).

        Raises:
            ModelError: children stand before their node or beyond the end, a feature or a value is none, a root is no node.
        """
        n, features = self.n_nodes, bytes(self._feature)
        asks = features.translate(_ASKS)
        children = list(compress(self._child, asks))
        downwards = all(map(gt, children, compress(range(n), asks))) and max(children, default=0) < n - 1  # to a pair behind the node
        known = max(set(features) - {LEAF}, default=0) < self.n_features
        if not (downwards and known and max(self._roots) < n and math.isfinite(sum(self._value))):
            raise ModelError(f"{name} is no sound forest: its nodes do not lead down to leaves; {AGAIN}")

    def _section(self, code: Literal["I", "f", "B"], start: int, end: int) -> Any:
        view = memoryview(self._data)[start:end]
        if sys.byteorder == "little":
            return view.cast(code)
        swapped = array(code, view.tobytes())
        swapped.byteswap()
        return swapped

    def predict(self, row: Sequence[float]) -> float:
        """Raw score in [0, 1] of one row of `n_features` numbers: mean over trees of the leaf's probability."""
        x = self._row(row)
        feature, threshold, child, value = self._feature, self._threshold, self._child, self._value
        total = 0.0
        for node in self._roots:
            f = feature[node]
            while f != 255:
                node = child[node] + (x[f] > threshold[node])
                f = feature[node]
            total += value[node]
        return float(total / self.n_trees)

    def predict_many(self, rows: Sequence[Sequence[float]], expected: int = 0) -> list[float]:
        """Raw scores of many rows, bit for bit those of `predict`; numpy speeds it up where it is installed.

        Args:
            expected: how many rows will come in all calls together, when this is one of several.
        """
        n = max(len(rows), expected)
        if rows and self._pays_array(n):
            return self._predict_array(rows)
        if n < _NESTED_ROWS:
            return [self.predict(row) for row in rows]
        return self._predict_nested(rows)

    def ready(self, expected: int) -> None:
        """Load what `predict_many` will need for so many rows: for whoever has to wait for something else anyway."""
        if self._pays_array(expected):
            self._arrays  # noqa: B018 - worked out once

    def _pays_array(self, rows: int) -> bool:
        return rows >= (_ARRAY_ROWS if "numpy" in sys.modules else _VECTORISED_ROWS) and find_spec("numpy") is not None

    def contributions(self, row: Sequence[float]) -> tuple[float, list[float]]:
        """What each feature adds to the raw score of one row.

        A step from a node to its child moves the mean probability by value[child] − value[node]; that
        difference is credited to the feature that was asked. Averaged over trees.

        Returns:
            (base, shares): the forest's mean root value, and `n_features` numbers; base + sum == `predict`.
        Source: Saabas 2014, "Interpreting random forests"; Palczewska et al. 2013, arXiv:1312.1121.
        """
        x = self._row(row)
        feature, threshold, child, value = self._feature, self._threshold, self._child, self._value
        shares = [0.0] * self.n_features
        base = 0.0
        for node in self._roots:
            here = value[node]
            base += here
            f = feature[node]
            while f != LEAF:
                node = child[node] + (x[f] > threshold[node])
                there = value[node]
                shares[f] += there - here
                here = there
                f = feature[node]
        return base / self.n_trees, [share / self.n_trees for share in shares]

    def root_values(self) -> list[float]:
        """Mean training probability at each tree's root."""
        return [self._value[root] for root in self._roots]

    def trees(self) -> list[list[tuple[int, float, int, int, float]]]:
        """The trees as `pack` takes them: nodes (feature or −1, threshold, left, right, value), root first, indices within the tree."""
        ends = [*self._roots[1:], self.n_nodes]
        return [[self._node(at, root) for at in range(root, end)] for root, end in zip(self._roots, ends, strict=True)]

    def _node(self, at: int, root: int) -> tuple[int, float, int, int, float]:
        if self._feature[at] == LEAF:
            return -1, math.inf, -1, -1, self._value[at]
        left = self._child[at] - root
        return self._feature[at], self._threshold[at], left, left + 1, self._value[at]

    def _row(self, row: Sequence[float]) -> list[float]:
        if len(row) != self.n_features:
            raise ModelError(f"the forest takes {self.n_features} features, got {len(row)}; package and model do not match")
        return array("f", row).tolist()

    def _predict_nested(self, rows: Sequence[Sequence[float]]) -> list[float]:
        """Tree by tree over tuples in tuples: a step is one comparison and one unpacking, and each tree stays in cache."""
        vectors = [self._row(row) for row in rows]
        totals = [0.0] * len(vectors)
        for root in self._nested:
            for i, x in enumerate(vectors):
                feature, number, left, right = root
                while left is not None:
                    feature, number, left, right = left if x[feature] <= number else right
                totals[i] += number
        return [total / self.n_trees for total in totals]

    @cached_property
    def _nested(self) -> list[Any]:
        """Each tree's root as (feature, threshold, left, right), where left and right are the same again; a leaf is (LEAF, value, None, None)."""
        features, thresholds, children, values = self._feature.tolist(), self._threshold.tolist(), self._child.tolist(), self._value.tolist()
        nodes: list[Any] = [None] * self.n_nodes
        for at in range(self.n_nodes - 1, -1, -1):  # children stand behind their node
            child = children[at]
            nodes[at] = (LEAF, values[at], None, None) if features[at] == LEAF else (features[at], thresholds[at], nodes[child], nodes[child + 1])
        return [nodes[root] for root in self._roots]

    def _predict_array(self, rows: Sequence[Sequence[float]]) -> list[float]:
        import numpy as np

        x = np.asarray(rows, dtype=np.float32)
        if x.ndim != 2 or x.shape[1] != self.n_features:
            raise ModelError(f"the forest takes {self.n_features} features, got {x.shape[1:]}; package and model do not match")
        scores: list[float] = self._walk_array(np.ascontiguousarray(x)).tolist()
        return scores

    @cached_property
    def _arrays(self) -> tuple[Any, ...]:
        """Feature, threshold, child, value and roots as arrays, so that a step from a leaf leads to itself, and the steps to the lowest leaf."""
        import numpy as np

        is_leaf = np.asarray(self._feature) == LEAF
        feature = np.where(is_leaf, 0, self._feature).astype(np.int32)
        threshold = np.where(is_leaf, np.float32(np.inf), self._threshold).astype(np.float32)
        child = np.where(is_leaf, np.arange(len(feature)), self._child).astype(np.int32)
        roots = np.asarray(self._roots, dtype=np.int32)
        depth, inner = 0, roots[~is_leaf[roots]]
        while inner.size:
            below = np.concatenate((child[inner], child[inner] + 1))
            depth, inner = depth + 1, below[~is_leaf[below]]
        return feature, threshold, child, np.asarray(self._value), roots, depth

    def _walk_array(self, x: np.ndarray) -> np.ndarray:
        """Scores of x (n, n_features): every (tree, row) takes one step a turn; leaves lead to themselves. Rows of one tree lie side by side, so that it stays in cache."""
        import numpy as np

        n, width = x.shape
        feature, threshold, child, value, roots, depth = self._arrays
        scores = np.empty(n)
        for start in range(0, n, _BLOCK):
            block = x[start : start + _BLOCK].ravel()
            size = len(block) // width
            first = np.tile(np.arange(size, dtype=np.int32) * width, len(roots))
            node = np.repeat(roots, size)
            for _ in range(depth):
                node = child.take(node) + (block.take(first + feature.take(node)) > threshold.take(node))
            total = np.zeros(size)
            for tree in value.take(node).reshape(-1, size):  # in the order of predict(), so that the sums are equal to the bit
                total += tree
            scores[start : start + _BLOCK] = total / self.n_trees
        return scores


def pack(trees: Sequence[Sequence[tuple[int, float, int, int, float]]], n_features: int) -> bytes:
    """The file's bytes for trees given as nodes (feature or −1, threshold, left, right, value), root first.

    Left and right are indices within the tree. Children are laid out in pairs, breadth first.

    Raises:
        ModelError: more features than an unsigned byte can name.
    """
    if n_features >= LEAF:
        raise ModelError(f"a forest file holds at most {LEAF - 1} features, got {n_features}")
    roots, child, feature = array("I"), array("I"), array("B")
    threshold, value = array("f"), array("f")
    for nodes in trees:
        start = len(child)
        roots.append(start)
        order = [0]
        for own in order:  # grows while it is read: breadth first
            split, limit, left, right, mean = nodes[own]
            leaf = split < 0
            child.append(len(child) if leaf else start + len(order))
            if not leaf:
                order += (left, right)
            feature.append(LEAF if leaf else split)
            threshold.append(math.inf if leaf else floor32(limit))
            value.append(mean)
    if sys.byteorder != "little":
        for values in (roots, child, threshold, value):
            values.byteswap()
    header = _HEADER.pack(MAGIC, VERSION, n_features, len(roots), len(child))
    return header + b"".join(a.tobytes() for a in (roots, child, threshold, value, feature))


def floor32(number: float) -> float:
    """The largest float32 that is not above `number`."""
    rounded: float = array("f", [number])[0]
    if rounded <= number or math.isinf(rounded):
        return rounded
    (bits,) = struct.unpack("<i", struct.pack("<f", rounded))
    below: float = struct.unpack("<f", struct.pack("<i", bits - 1 if rounded > 0 else bits + 1 if rounded < 0 else -0x7FFFFFFF))[0]
    return below


def _starts(n_trees: int, n_nodes: int) -> tuple[int, int, int, int, int]:
    roots = _HEADER.size
    child = roots + 4 * n_trees
    threshold = child + 4 * n_nodes
    value = threshold + 4 * n_nodes
    return roots, child, threshold, value, value + 4 * n_nodes
