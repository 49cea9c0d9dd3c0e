"""Which kind of defect a change is about, or none, by a linear model over what it says: a memory-mapped table of small numbers, no library.

    kinds.json      format, version, kinds in their order, buckets, bias and scale of each kind, files with size and sha256; the weights
                    and the threshold of each tier, and the version of the student that they were chosen with, null for none
    kinds.table     a row of 20 bytes for each bucket: the weights of the 19 kinds, each 128 more than it is, and what a term of this bucket counts

A term of `terms.of` falls into the bucket of its CRC-32. With q of a term what its bucket counts, the score of a kind is

    bias + scale · Σ weight / √ Σ q²,

the sums going over the distinct terms of a change, and the softmax over the scores gives probabilities.
"""

from __future__ import annotations

import math
import mmap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress
from math import exp
from pathlib import Path
from struct import Struct
from typing import Any, Final, NamedTuple
from zlib import crc32

from codex_gate.errors import AGAIN, ModelError
from codex_gate.model import check_file, check_keys, json_object
from codex_gate.taxonomy import KINDS

KINDS_MANIFEST: Final = "kinds.json"
TABLE: Final = "kinds.table"
FORMAT: Final = 1
ROW: Final = len(KINDS) + 1  # bytes
_REMEDY: Final = f"{AGAIN}, or make it anew with automl-codex kinds"
KEPT: Final = 1 << 16  # terms whose rows are at hand
_SIDE_BY_SIDE: Final = Struct(f"<{ROW}I")  # 32 bits for each number: room for the sum over the 65,000 terms that `terms.of` gives at most
ZERO: Final = 128  # what stands for a weight of 0
LARGEST: Final = 1e100  # a bias or a scale that is no smaller is none; of numbers below it every score is finite


class Tier(NamedTuple):
    """What was chosen for the members of a tier together: their weights by name, and the confidence in [0, 1] above which a category is said."""

    weights: Mapping[str, float]
    threshold: float


@dataclass(frozen=True, eq=False)
class Linear:
    """A loaded model; make one with `load`."""

    version: str
    bias: tuple[float, ...]
    scale: tuple[float, ...]
    buckets: int
    _table: Any = field(repr=False)
    _rows: dict[str, int] = field(default_factory=dict, repr=False)

    @classmethod
    def load(cls, directory: Path) -> Linear | None:
        """The model of a directory, None where it holds none.

        Raises:
            ModelError: a file is missing, altered, unreadable or of another version.
        """
        path = directory / KINDS_MANIFEST
        if not path.is_file():
            return None
        found = _manifest(path)
        check_file(directory, found, TABLE)
        with (directory / TABLE).open("rb") as stream:
            table = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
        return cls(found["version"], tuple(found["bias"]), tuple(found["scale"]), found["buckets"], table)

    def probabilities(self, terms: Iterable[str], possible: Sequence[bool]) -> tuple[float, ...]:
        """P(kind) in the order of KINDS, each in [0, 1], 0 for one that is not possible; they sum to 1."""
        return softmax(self.scores(terms), possible)

    def scores(self, terms: Iterable[str]) -> tuple[float, ...]:
        """The score of each kind, in the order of KINDS."""
        at_hand = self._rows.get
        rows = [at_hand(term) or self._row(term) for term in terms]
        *weights, counts = _SIDE_BY_SIDE.unpack(sum(rows).to_bytes(_SIDE_BY_SIDE.size, "little"))
        norm, zero = math.sqrt(counts) or 1.0, ZERO * len(rows)
        return tuple([bias + scale * (weight - zero) / norm for bias, scale, weight in zip(self.bias, self.scale, weights, strict=True)])

    def weights(self, terms: Sequence[str], kind: int) -> list[int]:
        """What each term says for a kind, -128 to 127; the weights of a term add up to about 0, so the order among the terms of a change means something."""
        place, at_hand = _SIDE_BY_SIDE.size // ROW * 8 * kind, self._rows.get
        return [((at_hand(term) or self._row(term)) >> place & 0xFF) - ZERO for term in terms]

    def _row(self, term: str) -> int:
        """A row of the table with its numbers side by side in one integer, so that a sum over terms is one addition for each."""
        row = self._rows.get(term)
        if row is None:
            if len(self._rows) >= KEPT:
                self._rows.clear()
            place = crc32(term.encode("utf-8", "surrogatepass")) % self.buckets * ROW
            *weights, count = self._table[place : place + ROW]
            row = self._rows[term] = int.from_bytes(_SIDE_BY_SIDE.pack(*weights, count * count), "little")
        return row


def tiers(directory: Path, student: str | None = None) -> dict[int, Tier]:
    """What a directory was tuned to, by tier; the tiers with a student only where it is this one (its version).

    Raises:
        ModelError: the manifest is none.
    """
    path = directory / KINDS_MANIFEST
    if not path.is_file():
        return {}
    found = _manifest(path)
    is_its = student is not None and found.get("student") == student
    return {int(name): Tier(tier["weights"], tier["threshold"]) for name, tier in found["tiers"].items() if name == "1" or is_its}


def softmax(scores: Sequence[float], possible: Sequence[bool]) -> tuple[float, ...]:
    """Probabilities of scores, 0 where something is not possible."""
    top = max(compress(scores, possible))
    powers = [exp(score - top) if can else 0.0 for score, can in zip(scores, possible, strict=True)]
    total = sum(powers)
    return tuple([power / total for power in powers])


def _manifest(path: Path) -> Mapping[str, Any]:
    remedy = _REMEDY
    found = json_object(path, remedy, lost=remedy)
    check_keys(found, ("format", "version", "kinds", "buckets", "bias", "scale", "tiers", "files"), path, remedy)
    if found["format"] != FORMAT or found["kinds"] != list(KINDS):
        raise ModelError(f"{path} is of format {found['format']}, or its kinds are not the {len(KINDS)} of this version; {remedy}")
    numbers = [*_numbers(found["bias"]), *_numbers(found["scale"])]
    listed = found["files"].get(TABLE) if isinstance(found["files"], dict) else None
    buckets = found["buckets"]
    if (
        len(numbers) != 2 * len(KINDS)
        or not _are_tiers(found["tiers"])
        or not isinstance(found["version"], str)
        or type(buckets) is not int
        or buckets < 1
        or not isinstance(listed, dict)
    ):
        raise ModelError(
            f"{path} lacks numbers where {len(KINDS)} biases and scales, weights and a threshold for each tier, buckets and a table are expected; {remedy}"
        )
    if listed.get("size") != buckets * ROW:
        raise ModelError(f"{path} lists a table of {listed.get('size')} bytes, {buckets} buckets take {buckets * ROW}; {remedy}")
    return found


def _are_tiers(found: Any) -> bool:
    """Whether tier 1, and maybe 2 and 3, have weights >= 0 that do not vanish together and a threshold in [0, 1]."""
    if not isinstance(found, dict) or "1" not in found or not set(found) <= {"1", "2", "3"}:
        return False
    for tier in found.values():
        if not isinstance(tier, dict) or not isinstance(tier.get("weights"), dict):
            return False
        weights, threshold = _numbers(list(tier["weights"].values())), _numbers([tier.get("threshold")])
        if len(weights) != len(tier["weights"]) or min(weights, default=-1) < 0 or sum(weights) <= 0 or not threshold or not 0 <= threshold[0] <= 1:
            return False
    return True


def _numbers(values: Any) -> list[float]:
    return [value for value in values if isinstance(value, int | float) and abs(value) < LARGEST] if isinstance(values, list) else []
