"""How much a repository's own history adds to the shipped model, measured in the order of time, and one forest out of both.

The history is cut into fifths by time. At the first moment of each a forest is grown on the repository's own rows, as known then,
and blended with the shipped one, which learned elsewhere; the three latest fifths judge that against the shipped model and
against the model in use. Nothing is chosen on them, and nothing on the others: a quarter of own trees is what histories of all kinds of
labels bore best, and to choose anew in each took more than it gave (docs/retraining.md, docs/tried.md).

A mean of two forests is a forest: a weight of .25 is 50 own trees and 150 of the shipped 200. The runtime need not know.

Where the words of the rows are known, the repository's own past also tells what these mean beyond what many projects say (`own_words`): half of that
counts. All of it overstates what was learned.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, NamedTuple, Protocol

import numpy as np
from sklearn.ensemble import RandomForestClassifier

from automl_codex import metrics, own_words, train, within
from automl_codex.claims import Claims
from automl_codex.export import nodes
from automl_codex.files import PARITY
from automl_codex.general import moved
from automl_codex.tables import Dataset
from codex_gate.errors import InternalError, UsageError
from codex_gate.forest import Forest, pack
from codex_gate.model import Slope
from codex_gate.own_words import HELD, OwnWords

N_PARTS: Final = 5
N_JUDGES: Final = 3  # parts that judge, the latest: three times the fixes of the newest alone, where 10 to 39 cannot make a gain of .01 certain
MIN_ROWS: Final = 100  # of the newest part: fewer commits give an AUC of ± .1
MIN_OF_A_KIND: Final = 10  # buggy and clean ones of what is learned from, or has an AUC of its own, as in the evaluation of the shipped model
MIN_JUDGES: Final = 20  # of each kind in the parts that judge
WEIGHT: Final = 0.25  # of the own forest
WORDS: Final = 0.5  # share of what the words say
GAP: Final = 180 * 86_400  # commits of the last half year are not learned from: most of their bugs are not found yet (docs/retraining.md has none and a year)
CALIBRATED: Final = 400  # rows at least: base rates move, so the most recent serve best, and fewer are noise (docs/retraining.md)
LEAF_SIZE: Final = 20  # against 200 of the shipped forest, which has twenty times the rows


class Base(Protocol):
    """What a history is blended with: a `Model`, or `Parts` of one."""

    @property
    def forest(self) -> Forest: ...
    @property
    def feature_names(self) -> Sequence[str]: ...
    @property
    def slopes(self) -> Mapping[str, Slope]: ...
    @property
    def words(self) -> OwnWords | None: ...


class Parts(NamedTuple):
    """A model that lies in no directory."""

    forest: Forest
    feature_names: Sequence[str]
    slopes: Mapping[str, Slope] = {}
    words: OwnWords | None = None


@dataclass(frozen=True, eq=False)
class Challenge:
    """What the history says of a blend: `judges` are the rows that judge it, `part` (n,) the part of each from 0 on, `raw` and `chance` (n,) its scores and probabilities there.

    `knots` is the calibration that ships: of the most recent scores out of time, the newest part's among them, with today's labels.
    """

    weight: float
    words: float
    judges: Dataset
    part: np.ndarray
    raw: np.ndarray
    chance: np.ndarray
    knots: tuple[tuple[float, float], ...]

    @property
    def newest(self) -> np.ndarray:
        """Which of the judges (mask) are of the newest part."""
        return np.asarray(self.part == N_JUDGES - 1)


def parts(data: Dataset) -> list[slice]:
    """Five parts of rows that are in the order of time; the newest holds at least MIN_ROWS of them.

    Raises:
        UsageError: too few rows, or too few of a kind in the parts that judge.
    """
    newest = max(len(data) // N_PARTS, MIN_ROWS)
    if len(data) < 2 * MIN_ROWS:
        raise UsageError(
            f"{len(data)} commits can be learned from, {2 * MIN_ROWS} are needed beside those of the last year, whose bugs are not found yet: what comes first teaches, the rest judges; {REMEDY}"
        )
    edges = [*np.linspace(0, len(data) - newest, N_PARTS).astype(int).tolist(), len(data)]
    judges = data.y[edges[-1 - N_JUDGES] :]
    if not MIN_JUDGES <= (buggy := int(judges.sum())) <= len(judges) - MIN_JUDGES:
        raise UsageError(
            f"of the newest {len(judges)} commits that can be judged {buggy} needed a fix; at least {MIN_JUDGES} of each kind are needed to tell two models apart; {REMEDY}"
        )
    found = [slice(start, end) for start, end in pairwise(edges)]
    if all(len(set(data.y[piece].tolist())) == 1 for piece in found[-N_JUDGES:]):
        raise UsageError(f"in none of the {N_JUDGES} parts that judge some commits needed a fix and others did not, so no two can be compared; {REMEDY}")
    return found


REMEDY: Final = "stay with the shipped model until there is more history, or label commits drawn at random and move its probabilities by these (automl-codex adapt --labels FILE)"


def n_own(weight: float, shipped: Forest) -> int:
    """How many of the blend's trees are grown here: as many as the weight says, and one at least where it has any."""
    return max(1, round(weight * shipped.n_trees)) if weight else 0


def own_recipe(names: Sequence[str], n_trees: int, seed: int) -> train.Recipe:
    """How the own forest is grown: as the shipped one, on the same measures, with smaller leaves; no regression is learned beside it."""
    return train.Recipe(names=tuple(names), n_trees=n_trees, leaf_size=LEAF_SIZE, within=False, words=False, seed=seed)


def own_forest(data: Dataset, cut: float, recipe: train.Recipe, gap: float) -> RandomForestClassifier | None:
    """The forest that could have been grown at `cut` (Unix seconds); None where too little of a kind was known."""
    if (found := _known(data, cut, gap)) is None:
        return None
    usable, y = found
    return train.fit(data.where(usable), y, recipe)


def _known(data: Dataset, cut: float, gap: float) -> tuple[np.ndarray, np.ndarray] | None:
    """Which rows (mask) could be learned from at `cut`, and their labels as known then; None where too little of a kind was known."""
    y, usable = train.labels_at(data, cut), data.time < cut - gap
    if not MIN_OF_A_KIND <= y[usable].sum() <= usable.sum() - MIN_OF_A_KIND:
        return None
    return usable, y[usable]


def challenge(data: Dataset, base: Base, seed: int, weight: float = WEIGHT, words: float = WORDS) -> Challenge:
    """Try the blend on the parts that judge, each as it could have been made at its first moment.

    Args:
        data: one repository's rows in the order of time, all old enough to be judged.
        base: the model to blend with.
        weight, words: of the own forest, and the share of what the words say; both 0 leave the order to the base and learn the calibration.
            Of rows whose words are not known, or say nothing where they are judged, the share is 0; both are where too little of a kind was known when the newest part began.
    Raises:
        UsageError: too little history (see `parts`).
    """
    pieces = parts(data)
    of_forest, by, share = (
        predict(base.forest, train.encode(data, base.feature_names)),
        within.by_slopes(base.slopes, data),
        words if data.words is not None else 0.0,
    )
    if _known(data, float(data.time[pieces[-1].start]), GAP) is None:
        weight = share = 0.0  # what could be judged nowhere does not ship
    recipe = own_recipe(base.feature_names, n_own(weight, base.forest), seed)
    blended = out_of_time(data, pieces[1:], recipe, GAP, base.forest) if weight else of_forest
    raw = np.where(np.isnan(blended), of_forest, blended)
    judging, chance = pieces[-N_JUDGES:], np.empty(len(data))
    told = by_words(data, moved(of_forest, by), pieces[1:], share, base.words) if share else np.zeros(len(data))
    common = by_words_of(base, data)
    beside = by_either(told, common)
    share = share if (beside != common)[judging[0].start :].any() else 0.0
    raw = moved(raw, by + beside)
    for piece in judging:
        before = recent(pieces, piece.start)
        known = train.labels_at(data, float(data.time[piece.start]))
        chance[piece] = train.apply(calibrate(raw[before], known[before]), raw[piece])
    places = slice(judging[0].start, None)
    part = np.repeat(np.arange(N_JUDGES), [piece.stop - piece.start for piece in judging])
    latest = recent(pieces, len(data))
    knots = tuple(calibrate(raw[latest], data.y[latest]))
    return Challenge(weight, share, data.where(_mask(data, places)), part, raw[places], chance[places], knots)


def out_of_time(data: Dataset, pieces: Sequence[slice], recipe: train.Recipe, gap: float = GAP, shipped: Forest | None = None) -> np.ndarray:
    """Scores (n,) of each part by the own forest of its first moment, blended with the `shipped` one if there is one; NaN elsewhere, and where there was none."""
    scores = np.full(len(data), np.nan)
    for piece in pieces:
        forest = own_forest(data, float(data.time[piece.start]), recipe, gap)
        if forest is not None:
            x = train.encode(data.where(_mask(data, piece)), recipe.names)
            scores[piece] = train.score(forest, x) if shipped is None else predict(Forest(blended_bytes(forest, shipped)), x)
    return scores


def by_words(data: Dataset, base: np.ndarray, pieces: Sequence[slice], share: float = WORDS, before: OwnWords | None = None) -> np.ndarray:
    """Shifts (n,) of each part by a share of the words that could have been learned at its first moment, beside scores `base` (n,) and upon the words of `before`;
    0 elsewhere, and where too little of a kind was known."""
    assert data.words is not None
    found, prior = np.zeros(len(data)), before or own_words.NONE
    for piece in pieces:
        if (known := _known(data, float(data.time[piece.start]), GAP)) is not None:
            usable, y = known
            words = own_words.learn(data.words[usable].tolist(), metrics.log_odds(base[usable], HELD), y, None, prior)
            found[piece] = shifts(own_words.part(words, share, prior), data.where(_mask(data, piece)))
    return found


def shifts(words: OwnWords, data: Dataset) -> np.ndarray:
    """By how much (n,) their words move the log-odds of rows whose words are known."""
    assert data.words is not None
    return np.array([words.shift(one) for one in data.words.tolist()])


def by_either(own: np.ndarray, common: np.ndarray) -> np.ndarray:
    """By how much (n,) words move the log-odds: by what was learned here, and where that is nothing, for nothing was, by those of the base."""
    return np.where(own != 0, own, common)


def recent(pieces: Sequence[slice], end: int) -> slice:
    """The rows that a calibration before row `end` rests on: as many as a part has or CALIBRATED, of those that were scored out of time."""
    size = max(CALIBRATED, pieces[-2].stop - pieces[-2].start)
    return slice(max(pieces[1].start, end - size), end)


def calibrate(raw: np.ndarray, y: np.ndarray) -> list[tuple[float, float]]:
    """`train.calibrate` with bins of 25 rows, at most the 48 of the shipped model."""
    return train.calibrate(raw, y, most=max(4, min(48, len(raw) // 25)))


def tells(y: np.ndarray) -> bool:
    """Whether there are enough rows of both kinds for an AUC or a calibration."""
    return len(y) >= MIN_ROWS and MIN_OF_A_KIND <= int(y.sum()) <= len(y) - MIN_OF_A_KIND


def blended_bytes(own: RandomForestClassifier, shipped: Forest) -> bytes:
    """One flat forest of as many trees as the shipped one has: all trees of `own`, the rest drawn evenly from the shipped.

    Raises:
        InternalError: it does not score as the weighted mean of the two (conversion gone wrong).
    """
    n_shipped = shipped.n_trees - len(own.estimators_)
    places = (np.arange(n_shipped) * shipped.n_trees / max(n_shipped, 1)).astype(int).tolist()
    every = shipped.trees()
    kept = [every[place] for place in places]
    flat = pack([*(nodes(tree) for tree in own.estimators_), *kept], shipped.n_features)
    probe = np.random.default_rng(0).lognormal(2, 2, (200, shipped.n_features)).astype(np.float32)
    total = len(own.estimators_) * train.score(own, probe)
    if kept:
        total += n_shipped * predict(Forest(pack(kept, shipped.n_features)), probe)
    worst = float(np.abs(predict(Forest(flat), probe) - total / shipped.n_trees).max())
    if worst > PARITY:
        raise InternalError(f"the blended forest differs from the mean of its parts by {worst:.2g}, expected at most {PARITY}; nothing was written")
    return flat


def final_forest(data: Dataset, base: Base, weight: float, seed: int, claims: Claims | None = None) -> bytes:
    """The blend that ships: the own part grown on all rows with the labels of today, and with what people said of them, which has no time and so judges nothing."""
    if not weight:
        return pack(base.forest.trees(), base.forest.n_features)
    recipe = own_recipe(base.feature_names, n_own(weight, base.forest), seed)
    return blended_bytes(train.fit(data, data.y, recipe, claims.emphasis(data.y) if claims else None), base.forest)


def final_words(data: Dataset, base: Base, share: float, claims: Claims | None = None) -> OwnWords | None:
    """The words that ship, learned from all rows with the labels of today upon those of the base; None without a share of theirs."""
    if not share:
        return None
    assert data.words is not None
    said = metrics.log_odds(scored(Parts(base.forest, base.feature_names, base.slopes), data), HELD)
    prior = base.words or own_words.NONE
    return own_words.part(own_words.learn(data.words.tolist(), said, data.y, claims.emphasis(data.y) if claims else None, prior), share, prior)


def scored(model: Base, data: Dataset) -> np.ndarray:
    """Raw scores (n,) of a model."""
    return moved(predict(model.forest, train.encode(data, model.feature_names)), within.by_slopes(model.slopes, data) + by_words_of(model, data))


def by_words_of(model: Base, data: Dataset) -> np.ndarray:
    """By how much (n,) its words move the log-odds: by those of the rows, or the common ones that their commits say, or by none where neither is known."""
    if model.words is not None and data.words is not None:
        return shifts(model.words, data)
    return within.by_words(model.words, data) if model.words is not None and data.said is not None else np.zeros(len(data))


def predict(forest: Forest, x: np.ndarray) -> np.ndarray:
    """Raw scores (n,) of encoded rows."""
    return np.array(forest.predict_many(x.tolist())) if len(x) else np.zeros(0)


def _mask(data: Dataset, piece: slice) -> np.ndarray:
    mask = np.zeros(len(data), bool)
    mask[piece] = True
    return mask
