"""Blocks of neighbouring changes that can be laid in any order, and how far the newest of them then lie from the rest: what `drift.compare` reshuffles."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from itertools import accumulate
from struct import Struct
from typing import Final, NamedTuple

SMOOTHING: Final = 0.5  # added to every count (Krichevsky & Trofimov 1981)
BLOCKS: Final = 20  # of neighbours in a window; chosen: 50 commits of 1,000 are a few weeks
ENDS: Final = (4, 6, 8, 12, 20)  # blocks at the end that `compare` sets apart (chosen; docs/drift.md)
HALF: Final = 0.5  # of a symbol of a mix that may have become another: the shift that has to be found
_KEPT: Final = math.log1p(-HALF)
NO_PART: Final = -1


def smoothed(counts: Sequence[float]) -> list[float]:
    n = math.fsum(counts) + SMOOTHING * len(counts)
    return [(count + SMOOTHING) / n for count in counts]


class Coded(NamedTuple):
    """A stream with its symbols by their place in `labels`; NO_PART for a change that does not count."""

    name: str
    codes: list[int]
    labels: list[str]
    one_way: bool

    def counts(self, start: int, end: int) -> list[int]:
        """How often each label stands there."""
        found = Counter(self.codes[start:end])
        return [found[k] for k in range(len(self.labels))]


class Deck:
    """The blocks of neighbours, to be laid in any order, and how far the newest then lie from the rest.

    A block is one integer, a field of four bytes for each symbol of each stream, so that blocks are put together by one addition, and logarithms
    of counts come from a table: a comparison of 600 changes by 18 streams takes 0.2 CPU seconds (0.45 with lists of counts, 2026-11-25).
    """

    def __init__(self, coded: Sequence[Coded], block: int) -> None:
        length = len(coded[0].codes)
        self.blocks = [self._packed(coded, start, start + block) for start in range(0, length, block)]
        self._whole = sum(self.blocks)
        self._logs = [math.log(count + SMOOTHING) for count in range(length + 1)]
        sizes = [len(one.labels) for one in coded]
        ends = list(accumulate(sizes))
        self._parts = [slice(end - n, end) for end, n in zip(ends, sizes, strict=True)]
        self._one_way = [k for k, one in enumerate(coded) if one.one_way]
        self._fields = Struct(f"<{ends[-1]}I")
        # What one more change adds to a symbol's smoothed share, before the window and in each of its ends.
        self._before, *self._ends = (
            [1 / (n + SMOOTHING * size) for size in sizes for _ in range(size)] for n in (length - ENDS[-1] * block, *(end * block for end in ENDS))
        )

    @staticmethod
    def _packed(coded: Sequence[Coded], start: int, end: int) -> int:
        fields = [count for one in coded for count in one.counts(start, end)]
        return int.from_bytes(Struct(f"<{len(fields)}I").pack(*fields), "little")

    def distances(self, order: Sequence[int]) -> list[list[float]]:
        """For each stream the divergence of the last ENDS blocks of this order from those before the last BLOCKS."""
        packed, newer = [], 0
        for begin, end in zip((0, *ENDS), ENDS):
            newer += sum(self.blocks[at] for at in order[len(order) - end : len(order) - begin])
            packed.append(newer)
        before = self._read(self._whole - newer)
        logs = [self._logs[count] for count in before]
        old = [(count + SMOOTHING) * unit for count, unit in zip(before, self._before, strict=True)]
        return [
            list(row)
            for row in zip(*(self._apart(old, logs, fields, units) for fields, units in zip(map(self._read, packed), self._ends, strict=True)), strict=True)
        ]

    def _apart(self, old: Sequence[float], logs: Sequence[float], fields: Sequence[int], units: Sequence[float]) -> list[float]:
        """By stream the PSI, or KL, of smoothed shares `old`, whose counts have these logarithms, and counts. Shares sum to 1, so what logarithms of sizes add to PSI is 0."""
        known = self._logs
        terms = [(share - (count + SMOOTHING) * unit) * (log - known[count]) for share, log, count, unit in zip(old, logs, fields, units)]
        found = [math.fsum(terms[part]) for part in self._parts]
        for k in self._one_way:
            part = self._parts[k]
            gaps = (share * (log - known[count]) for share, log, count in zip(old[part], logs[part], fields[part]))
            found[k] = math.fsum(gaps) + math.log(self._before[part.start] / units[part.start])
        return found

    def _read(self, packed: int) -> tuple[int, ...]:
        return self._fields.unpack(packed.to_bytes(self._fields.size, "little"))


class MixDeck:
    """The same for a mix, which few changes are part of, asked twice: about any shift, and about the one that has to be found.

    PSI is of shares that are drawn towards those before the window, by one change for each symbol: a window with few changes of the mix would
    stand out by that alone otherwise. Evidence is how much likelier the newest changes are where half of one symbol has become another than where
    nothing has moved, the logarithm of the mean over all pairs of symbols; PSI, open to anything, feels such a shift later (docs/drift.md).
    """

    def __init__(self, one: Coded, block: int) -> None:
        self.blocks = [one.counts(start, start + block) for start in range(0, len(one.codes), block)]
        self._whole = [sum(column) for column in zip(*self.blocks, strict=True)]

    def distances(self, order: Sequence[int]) -> list[list[float]]:
        """Of the last ENDS blocks of this order against those before the last BLOCKS, as a row: the evidence of each, then the PSI of each."""
        ends = [[0] * len(self._whole)]
        for begin, end in zip((0, *ENDS), ENDS):
            parts = [self.blocks[at] for at in order[len(order) - end : len(order) - begin]]
            ends.append([sum(column) for column in zip(ends[-1], *parts, strict=True)])
        base = smoothed([whole - newer for whole, newer in zip(self._whole, ends[-1], strict=True)])
        seen = [k for k, count in enumerate(ends[-1]) if count]
        gains = [[math.log1p(share * HALF / base[k]) for k in seen] for share in base]
        return [[*(self._evidence(gains, seen, counts) for counts in ends[1:]), *(self._apart(base, counts) for counts in ends[1:])]]

    @staticmethod
    def _evidence(gains: Sequence[Sequence[float]], seen: Sequence[int], counts: Sequence[int]) -> float:
        """Of counts, nats. gains[a][i]: what one change of the symbol seen[i] speaks for a having half become it."""
        size, logs = len(counts), []
        if size < 2:
            return 0.0
        for a, row in enumerate(gains):
            kept = counts[a] * _KEPT
            logs += [kept + counts[k] * gain for k, gain in zip(seen, row, strict=True) if k != a]
            unseen = size - len(seen) - (a not in seen)
            if unseen:
                logs.append(kept + math.log(unseen))
        top = max(logs)
        return top + math.log(math.fsum(math.exp(value - top) for value in logs) / (size * (size - 1)))

    @staticmethod
    def _apart(base: Sequence[float], counts: Sequence[int]) -> float:
        size = len(base)
        n = sum(counts) + size
        return math.fsum((p - q) * math.log(p / q) for p, q in ((p, (count + size * p) / n) for p, count in zip(base, counts, strict=True)))
