"""Drift: whether predictions, or what they rest on, are still distributed as they were. Values and figures, the standard library alone.

Two questions, two tests:

- `DriftDetector` watches a stream of predictions against a baseline (specification §6.4): the divergence KL(baseline ‖ window), silent
  until the window is full. Its threshold is given (the specification's is .5, which misses most shifts) or calibrated: independent draws
  from distributions that may have given the baseline, until it is known how large a divergence a run of RUN checks reaches without drift.
  Calibrated, it also looks at the newest parts of the window, so that a shift need not fill all of it to be seen.
- `compare` looks at a finished window of a repository's history. Commits come in bursts, so independent draws would call every burst
  a drift; here the same commits are reshuffled in blocks of neighbours, and there is drift when hardly any reshuffling sets its end
  apart as much as the real order does. One level holds for all streams (categories, file types, measures) together. `compare_mix` does
  the same for a mix that not every change is part of, such as the kinds of defects: most changes are about none.

Divergences are in nats; both sides, of a mix the baseline alone, get SMOOTHING per symbol: one that a window lacks would make the divergence infinite.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from random import Random
from statistics import fmean, pstdev
from typing import Final, NamedTuple

from codex_gate.decks import BLOCKS, ENDS, NO_PART, SMOOTHING, Coded, Deck, MixDeck, smoothed
from codex_gate.errors import UsageError
from codex_gate.taxonomy import UNCLASSIFIED, DefectCategory

SYMBOLS: Final = (*map(str, DefectCategory), UNCLASSIFIED)
WINDOW: Final = 1000  # specification §6.4, as the next
THRESHOLD: Final = 0.5
RUN: Final = 1000  # sliding checks that the detector's rate is stated for
RATE: Final = 0.05  # of false alarms in a run
DRAWS: Final = 400  # runs that calibrate the detector (chosen: 2 s)
PARTS: Final = (0.05, 0.1, 0.2, 0.4)  # newest parts of the window that the detector looks at too (chosen; docs/drift.md)

SHUFFLES: Final = 999
LEVEL: Final = 0.002  # of false alarms in one comparison (measured for a run of 1,000 commits in docs/drift.md)
MIX_LEVEL: Final = 0.02  # the same of a mix for itself: the few changes that it rests on show little at less (chosen; docs/drift.md)
LEAST: Final = 0.05  # a divergence below this is no drift however sure it is (chosen: PSI calls less than .1 stable; of a mix it keeps thresholds above 0)
RARE: Final = 5  # symbols that the baseline holds less often are one
UNKNOWN: Final = "unknown"
RARER: Final = "rarer ones"  # no kind of file or defect is called so


class DriftRecommendation(StrEnum):
    """What an alert advises."""

    RETRAIN = "Retrain"


class Move(NamedTuple):
    """A symbol whose share changed: its share of the baseline and of the newest part, in [0, 1]."""

    name: str
    before: float
    now: float


@dataclass(frozen=True, slots=True)
class DriftAlert:
    """The window has left the baseline.

    `since` is the index of the first prediction, from 0, that the shift seems to have begun with; `length` the newest
    predictions that passed their `threshold`, of which `kl_divergence` speaks.
    """

    kl_divergence: float
    baseline: Mapping[str, float]
    current: Mapping[str, float]
    recommendation: DriftRecommendation
    threshold: float
    length: int
    since: int
    moved: tuple[Move, ...]


class DriftDetector:
    """KL(baseline ‖ window) of predicted categories, checked at every prediction once the window is full.

    Args:
        baseline: share or count by symbol; the symbols left out have none.
        size: predictions that the baseline rests on; None takes the sum of counts, or `window_size` for shares.
        window_size: newest predictions looked at.
        threshold: divergence in nats above which there is drift.
        parts: further thresholds by number of newest predictions.
        symbols: all that may be predicted.
    Raises:
        UsageError: a baseline without weight or with other symbols, a window or threshold that cannot be meant.
    Source: specification §6.4.
    """

    def __init__(
        self,
        baseline: Mapping[str, float],
        size: int | None = None,
        window_size: int = WINDOW,
        threshold: float = THRESHOLD,
        parts: Mapping[int, float] | None = None,
        symbols: Sequence[str] = SYMBOLS,
    ) -> None:
        if window_size < 1:
            raise UsageError(f"window_size must be >= 1, got {window_size}")
        if not threshold > 0:
            raise UsageError(f"the threshold of drift must be a KL divergence above 0, got {threshold:g}")
        self._place = {symbol: place for place, symbol in enumerate(symbols)}
        self.baseline = shares(baseline, symbols)
        total = math.fsum(baseline.values())
        n = size if size is not None else round(total) if total > 1.5 else window_size
        self._base = [(p * n + SMOOTHING) / (n + SMOOTHING * len(symbols)) for p in self.baseline.values()]
        self.window_size, self.threshold = window_size, threshold
        self.limits = {**{length: limit for length, limit in (parts or {}).items() if length < window_size}, window_size: threshold}
        self._window: deque[int] = deque(maxlen=window_size)
        self._counts = {length: _Divergence(self._base, length) for length in self.limits}
        self._seen = 0

    @classmethod
    def calibrated(
        cls, history: Sequence[str], rng: Random, window_size: int = WINDOW, rate: float = RATE, symbols: Sequence[str] = SYMBOLS, draws: int = DRAWS
    ) -> DriftDetector:
        """A detector for a baseline that is known by its predictions, with the thresholds that `rate` of drift-free runs of RUN checks pass.

        What the history comes from is known no better than it is long, so each run is drawn from another distribution
        that may have given it (Dirichlet, SMOOTHING added to each count); the history drawn again gives 7 % for a stated 5.
        """
        counts = Counter(history)
        shares(counts, symbols)
        lengths = [*sorted({max(1, round(part * window_size)) for part in PARTS} - {window_size}), window_size]
        peaks = [_peaks([counts[symbol] for symbol in symbols], rng, lengths) for _ in range(draws)]
        limits = _joint(peaks, rate)
        return cls(counts, len(history), window_size, limits[-1], dict(zip(lengths[:-1], limits[:-1], strict=True)), symbols)

    def detect_drift(self, prediction: str) -> DriftAlert | None:
        """Take a prediction; an alert when the window is full and it, or a newest part of it, has left the baseline.

        Raises:
            UsageError: a prediction that is none of the symbols.
        """
        place = self._place.get(prediction)
        if place is None:
            raise UsageError(f"{prediction!r} is no category that this baseline knows; expected one of {', '.join(self._place)}")
        window = self._window
        for length, counts in self._counts.items():
            counts.push(place, window[-length] if len(window) >= length else None)
        window.append(place)
        self._seen += 1
        if len(window) < self.window_size:
            return None
        over = [(counts.value() - self.limits[length], length) for length, counts in self._counts.items() if counts.value() > self.limits[length]]
        return self._alert(max(over)[1]) if over else None

    @property
    def divergence(self) -> float:
        """KL(baseline ‖ window) as it is now, over what the window holds."""
        return self._counts[self.window_size].value()

    def _alert(self, length: int) -> DriftAlert:
        names = list(self._place)
        recent = [names[place] for place in islice(self._window, self.window_size - length, None)]
        current = shares(Counter(names[place] for place in self._window), names)
        moved = moves(self.baseline, shares(Counter(recent), names), length)
        since = self._seen - self.window_size + change_point([*self._window], self._base)
        return DriftAlert(self._counts[length].value(), self.baseline, current, DriftRecommendation.RETRAIN, self.limits[length], length, since, moved)


class _Divergence:
    """KL(base ‖ newest `length`) kept up to date one prediction at a time."""

    def __init__(self, base: Sequence[float], length: int) -> None:
        self._base = base
        self._counts = [0] * len(base)
        self._n = 0
        self._logs = [math.log(k + SMOOTHING) for k in range(length + 1)]
        self._fixed = math.fsum(p * math.log(p) for p in base)
        self._sum = self._logs[0] * math.fsum(base)

    def push(self, new: int, old: int | None) -> None:
        counts, logs, base = self._counts, self._logs, self._base
        if old is None:
            self._n += 1
        elif old != new:
            counts[old] -= 1
            self._sum -= base[old] * (logs[counts[old] + 1] - logs[counts[old]])
        else:
            return
        self._sum += base[new] * (logs[counts[new] + 1] - logs[counts[new]])
        counts[new] += 1

    def value(self) -> float:
        return max(0.0, self._fixed + math.log(self._n + SMOOTHING * len(self._base)) - self._sum)


def _peaks(counts: Sequence[int], rng: Random, lengths: Sequence[int]) -> list[float]:
    """The largest divergence of each length in one drift-free run."""
    base = smoothed(counts)
    weights = [rng.gammavariate(count + SMOOTHING, 1) for count in counts]
    stream = rng.choices(range(len(counts)), weights, k=lengths[-1] + RUN - 1)
    found = []
    for length in lengths:
        kept, top = _Divergence(base, length), 0.0
        for code in stream[lengths[-1] - length : lengths[-1] - 1]:
            kept.push(code, None)
        kept.push(stream[lengths[-1] - 1], None)
        top = kept.value()
        for at in range(lengths[-1], len(stream)):
            if stream[at] != stream[at - length]:
                kept.push(stream[at], stream[at - length])
                top = max(top, kept.value())
        found.append(top)
    return found


def _joint(peaks: Sequence[Sequence[float]], rate: float) -> list[float]:
    """For each column the same rank, so high that at most `rate` of the rows exceed any of their columns' values."""
    columns = [sorted(column) for column in zip(*peaks, strict=True)]
    for rank in range(len(peaks) - 1):
        limits = [column[rank] for column in columns]
        if sum(any(value > limit for value, limit in zip(row, limits, strict=True)) for row in peaks) <= rate * len(peaks):
            return limits
    return [column[-1] for column in columns]


# -- distributions -------------------------------------------------------------------------------------


def shares(counts: Mapping[str, float], symbols: Sequence[str]) -> dict[str, float]:
    """Shares by symbol, which sum to 1.

    Raises:
        UsageError: symbols that are not among `symbols`, weights that are negative or no numbers, or none above 0.
    """
    strange = sorted(set(counts) - set(symbols))
    if strange:
        raise UsageError(f"the baseline holds {', '.join(map(repr, strange[:3]))}, which are no categories here; it is of another taxonomy, make it anew")
    if any(not math.isfinite(value) or value < 0 for value in counts.values()):
        raise UsageError("the baseline holds a share that is negative or no number; make it anew")
    total = math.fsum(counts.values())
    if not total:
        raise UsageError("the baseline is empty: there is nothing to compare with")
    return {symbol: counts.get(symbol, 0.0) / total for symbol in symbols}


def kl(baseline: Sequence[float], current: Sequence[float]) -> float:
    """KL(baseline ‖ current) of counts, smoothed, in nats."""
    return math.fsum(p * math.log(p / q) for p, q in zip(smoothed(baseline), smoothed(current), strict=True))


def moves(before: Mapping[str, float], now: Mapping[str, float], n: int, most: int = 4) -> tuple[Move, ...]:
    """The symbols whose share of n changed by more than chance explains (two standard errors), the largest change first."""
    found = [Move(name, before[name], now[name]) for name in before]
    sure = [m for m in found if abs(m.now - m.before) > 2 * math.sqrt(max(m.before * (1 - m.before), 1 / n) / n)]
    return tuple(sorted(sure, key=lambda m: -abs(m.now - m.before))[:most])


def change_point(codes: Sequence[int], base: Sequence[float]) -> int:
    """The index from which on the codes are likeliest to come from another distribution than `base`. Source: Page 1955, Biometrika 42."""
    best, at = 0.0, len(codes) - 1
    counts = [0] * len(base)
    for n, index in enumerate(range(len(codes) - 1, -1, -1), 1):
        counts[codes[index]] += 1
        if n < 20 or (n % 5 and index):  # fewer say nothing
            continue
        gain = math.fsum(c * math.log(c / n / p) for c, p in zip(counts, base, strict=True) if c)
        if gain > best:
            best, at = gain, index
    return at


# -- a window of a history -----------------------------------------------------------------------------


class Stream(NamedTuple):
    """One thing that is watched, for each change of the baseline and the window, oldest first: symbols, or numbers (NaN where unknown).

    Without `symbols` they are those that the values hold, the rare ones together. `one_way` asks for KL(baseline ‖ window), which
    hardly feels what is new in the window, in place of PSI.
    """

    name: str
    values: Sequence[str | float]
    symbols: tuple[str, ...] = ()
    one_way: bool = False


@dataclass(frozen=True, slots=True)
class Shift:
    """How one stream's window differs from its baseline.

    Attributes:
        divergence: PSI of symbols, or of a measure by tenths of its baseline; KL(baseline ‖ window) where the stream asks for it; of a mix, the
            evidence that half of one symbol has become another, a logarithm of likelihoods, 0 where there is none; a mix can drift by its PSI too.
        threshold: what the whole window's divergence would have to pass.
        drifted: whether the window, or a newest part of it, passed its own threshold.
        length: newest changes that stand out most; `moved` speaks of them.
        ratio: how far these are on their way to being drift, as a share of their own threshold: above 1 with drift.
        since: index in the window of the change that the shift seems to have begun with; None without drift.
    """

    name: str
    divergence: float
    threshold: float
    drifted: bool
    length: int
    since: int | None
    moved: tuple[Move, ...]
    ratio: float


def block_size(window: int) -> int:
    """Neighbours that stay together when a window of this size is reshuffled."""
    return window // BLOCKS


def compare(streams: Sequence[Stream], window: int, rng: Random, level: float = LEVEL, shuffles: int = SHUFFLES) -> list[Shift]:
    """Each stream's newest `window` values against all before them.

    Args:
        streams: equally long, a multiple of `block_size(window)`.
        window: a multiple of BLOCKS.
        level: share of comparisons without drift in which any stream may be called drifted.
    Returns:
        A Shift for each stream, in their order.
    """
    coded = [_coded(stream, len(stream.values) - window) for stream in streams]
    return _compared(coded, Deck(coded, block_size(window)), window, rng, level, shuffles)


def compare_mix(
    name: str, values: Sequence[str | None], symbols: Sequence[str], window: int, rng: Random, level: float = MIX_LEVEL, shuffles: int = SHUFFLES
) -> Shift:
    """The mix of symbols among those of the newest `window` changes that have one against the mix before them.

    Args:
        values: of each change, oldest first, a multiple of `block_size(window)`; None where it has no symbol and so does not count.
        window: a multiple of BLOCKS.
        level: share of comparisons without drift in which the mix may be called drifted.
    """
    place = {symbol: k for k, symbol in enumerate(symbols)}
    one = Coded(name, [NO_PART if value is None else place[value] for value in values], list(symbols), False)
    return _compared([one], MixDeck(one, block_size(window)), window, rng, level, shuffles)[0]


def _compared(coded: Sequence[Coded], deck: Deck | MixDeck, window: int, rng: Random, level: float, shuffles: int) -> list[Shift]:
    block = block_size(window)
    order = list(range(len(deck.blocks)))
    real = deck.distances(order)
    shuffled: list[list[list[float]]] = [[] for _ in coded]
    for _ in range(shuffles):
        rng.shuffle(order)
        for kept, one in zip(shuffled, deck.distances(order), strict=True):
            kept.append(one)
    scales = [[(fmean(column), pstdev(column) or 1.0) for column in zip(*found, strict=True)] for found in shuffled]
    tops = sorted(
        max((value - middle) / spread for found, scale in zip(shuffled, scales, strict=True) for value, (middle, spread) in zip(found[i], scale, strict=True))
        for i in range(shuffles)
    )
    limit = tops[min(shuffles - 1, math.ceil((1 - level) * (shuffles + 1)) - 1)]
    return [_shift(one, found, scale, limit, window, block) for one, found, scale in zip(coded, real, scales, strict=True)]


def _shift(one: Coded, found: Sequence[float], scale: Sequence[tuple[float, float]], limit: float, window: int, block: int) -> Shift:
    limits = [max(LEAST, middle + limit * spread) for middle, spread in scale]
    ratios = [value / limit for value, limit in zip(found, limits, strict=True)]
    ratio = max(0.0, *ratios)
    drifted, length = ratio > 1, ENDS[ratios.index(max(ratios)) % len(ENDS)] * block
    divergence, threshold = max(0.0, found[len(ENDS) - 1]), limits[len(ENDS) - 1]
    if not drifted:
        return Shift(one.name, divergence, threshold, drifted, length, None, (), ratio)
    base, recent = one.counts(0, len(one.codes) - window), one.counts(len(one.codes) - length, len(one.codes))
    old, new = (dict(zip(one.labels, (count / (sum(counts) or 1) for count in counts), strict=True)) for counts in (base, recent))
    inside = [(at, code) for at, code in enumerate(one.codes[-window:]) if code != NO_PART]
    since = inside[change_point([code for _, code in inside], smoothed(base))][0]
    return Shift(one.name, divergence, threshold, drifted, length, since, moves(old, new, sum(recent)), ratio)


def _coded(stream: Stream, n_before: int) -> Coded:
    """Symbols by their place, the rare ones as one; numbers by the tenth of the baseline that they lie in."""
    names = [value for value in stream.values if isinstance(value, str)]
    if stream.symbols:
        fixed = {symbol: k for k, symbol in enumerate(stream.symbols)}
        return _counted(stream, [fixed[name] for name in names], list(stream.symbols))
    if names:
        known = [name for name, n in sorted(Counter(names[:n_before]).items(), key=lambda item: (-item[1], item[0])) if n >= RARE]
        place = {name: k for k, name in enumerate(known)}
        new = [name for name, n in sorted(Counter(names[n_before:]).items()) if name not in place and n >= RARE]
        place |= {name: len(place) + k for k, name in enumerate(new)}
        return _counted(stream, [place.get(name, len(place)) for name in names], [*place, RARER])
    numbers = [float(value) for value in stream.values]
    cuts, labels = _bins([value for value in numbers[:n_before] if value == value])
    codes = [len(labels) if value != value else bisect_right(cuts, value) for value in numbers]
    return _counted(stream, codes, [*labels, UNKNOWN])


def _counted(stream: Stream, codes: list[int], labels: list[str]) -> Coded:
    return Coded(stream.name, codes, labels, stream.one_way)


def _bins(values: Iterable[float]) -> tuple[list[float], list[str]]:
    """Where the tenths of the values begin, and names for the bins between; a value that is a tenth of all by itself has a bin of its own.

    Without that a measure that is nearly always 0 would have one bin, and nothing could move.
    """
    ordered = sorted(values)
    edges = sorted({ordered[len(ordered) * k // 10] for k in range(10)}) if ordered else []
    cuts: list[float] = []
    labels: list[str] = []
    below = ""
    for edge in edges:
        shown = f"{edge:.3g}"
        alone = bisect_right(ordered, edge) - bisect_left(ordered, edge) >= len(ordered) / 10
        labels.append(f"{below} to {shown}" if below else f"below {shown}")
        cuts.append(edge)
        if alone:
            labels.append(shown)
            cuts.append(math.nextafter(edge, math.inf))
        below = f"over {shown}" if alone else shown
    last = below if below.startswith("over") else f"{below} or more"
    return cuts, [*labels, last if below else "any"]


# -- calibration ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Fit:
    """How predicted risk fits what was later fixed, before and in the window; ratios are fixed / predicted.

    `threshold` is the quotient of the two ratios, above 1, that would be drift in either direction.
    """

    n_before: int
    ratio_before: float
    n_now: int
    ratio_now: float
    threshold: float

    @property
    def quotient(self) -> float:
        return self.ratio_now / self.ratio_before

    @property
    def drifted(self) -> bool:
        return max(self.quotient, 1 / self.quotient) > self.threshold if self.quotient else True


def compare_fit(
    before: Sequence[tuple[float, bool]], now: Sequence[tuple[float, bool]], rng: Random, level: float = LEVEL, shuffles: int = SHUFFLES
) -> Fit | None:
    """Whether risks mean what they meant, by the same reshuffling as `compare`; None with fewer than 20 fixes on either side, or before less than half of now.

    Args:
        before, now: (risk, whether a fix came within the same time), oldest first.
    """
    block = max(1, len(now) // BLOCKS)
    before, now = before[len(before) % block :], now[len(now) % block :]
    if 2 * len(before) < len(now) or min(sum(fixed for _, fixed in before), sum(fixed for _, fixed in now)) < 20:
        return None
    rows = [*before, *now]
    parts = [rows[start : start + block] for start in range(0, len(rows), block)]
    sums = [(math.fsum(risk for risk, _ in part), sum(fixed for _, fixed in part)) for part in parts]
    n_now = len(now) // block
    order = list(range(len(sums)))
    ratio_before, ratio_now = _ratios([sums[at] for at in order], n_now)
    found = []
    for _ in range(shuffles):
        rng.shuffle(order)
        one, other = _ratios([sums[at] for at in order], n_now)
        found.append(abs(math.log(max(other, 1e-9) / max(one, 1e-9))))
    limit = sorted(found)[min(shuffles - 1, math.ceil((1 - level) * (shuffles + 1)) - 1)]
    return Fit(len(before), ratio_before, len(now), ratio_now, max(math.exp(limit), 1 + LEAST))


def _ratios(sums: Sequence[tuple[float, int]], n_now: int) -> tuple[float, float]:
    older, newer = sums[:-n_now], sums[-n_now:]
    return tuple(sum(fixed for _, fixed in part) / max(math.fsum(risk for risk, _ in part), 1e-9) for part in (older, newer))  # type: ignore[return-value]
