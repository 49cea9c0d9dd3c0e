"""How much a repository's own history adds to the shipped model, measured in the order of time, and one forest out of both.

The history is cut into fifths by time. A forest of the repository's own rows scores each fifth from what was known at its
first commit; so does the shipped forest, which learned elsewhere. The weight of the own forest is the one that ranked the
middle fifths best, with labels as they were known when the newest fifth began. The newest fifth plays no part in any choice:
it judges the blend against the shipped model and against the model in use.

A mean of two forests is a forest: a weight of .75 is 150 own trees and 50 of the shipped 200. The runtime need not know.

Where the words of the rows are known, the repository's own past also tells what these mean beyond the shipped forest (`own_words`): half of that, or
nothing, is chosen together with the weight. All of it overstates what was learned.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from typing import Final, NamedTuple

import numpy as np
from sklearn.ensemble import RandomForestClassifier

from automl_codex import metrics, own_words, train
from automl_codex.claims import Claims
from automl_codex.export import nodes
from automl_codex.files import PARITY
from automl_codex.tables import Dataset
from codex_gate.errors import InternalError, UsageError
from codex_gate.forest import Forest, pack
from codex_gate.model import Model
from codex_gate.own_words import HELD, OwnWords, shifted

N_PARTS: Final = 5
MIN_ROWS: Final = 100  # of the newest part: fewer commits give an AUC of ± .1
MIN_OF_A_KIND: Final = 10  # buggy and clean ones there, as in the evaluation of the shipped model
WEIGHTS: Final = (0.0, 0.25, 0.5, 0.75, 1.0)
WORDS: Final = (0.0, 0.5)  # shares of what the words say
GAP: Final = 180 * 86_400  # commits of the last half year are not learned from: most of their bugs are not found yet (docs/retraining.md has none and a year)
CALIBRATED: Final = 400  # rows at least: base rates move, so the most recent serve best, and fewer are noise (docs/retraining.md)
LEAF_SIZE: Final = 20  # against 200 of the shipped forest, which has twenty times the rows
TRIAL_TREES: Final = 60  # for the choice of the weight alone


class Choice(NamedTuple):
    """A weight of the own forest, a share of what the words say, and the mean AUC of the middle parts with both."""

    weight: float
    words: float
    auc: float


@dataclass(frozen=True, eq=False)
class Challenge:
    """What the history says of a blend: `newest` are the rows that judge it, `raw` and `chance` (n,) its scores and probabilities there.

    `knots` is the calibration that ships: of the most recent scores out of time, the newest part's among them, with today's labels.
    """

    weight: float
    words: float
    tried: tuple[Choice, ...]
    newest: Dataset
    raw: np.ndarray
    chance: np.ndarray
    knots: tuple[tuple[float, float], ...]


def parts(data: Dataset) -> list[slice]:
    """Five parts of rows that are in the order of time; the newest holds at least MIN_ROWS of them.

    Raises:
        UsageError: too few rows, or too few of a kind in the newest part.
    """
    newest = max(len(data) // N_PARTS, MIN_ROWS)
    if len(data) < 2 * MIN_ROWS:
        raise UsageError(f"{len(data)} commits can be learned from, {2 * MIN_ROWS} are needed: half of them judge what the other half teaches; {REMEDY}")
    edges = [*np.linspace(0, len(data) - newest, N_PARTS).astype(int).tolist(), len(data)]
    buggy = int(data.y[edges[-2] :].sum())
    if not MIN_OF_A_KIND <= buggy <= newest - MIN_OF_A_KIND:
        raise UsageError(
            f"of the newest {newest} commits that can be judged {buggy} needed a fix; at least {MIN_OF_A_KIND} of each kind are needed to tell two models apart; {REMEDY}"
        )
    return [slice(start, end) for start, end in pairwise(edges)]


REMEDY: Final = "stay with the shipped model until there is more history, or move its probabilities to this repository (automl-codex adapt)"


def own_recipe(names: Sequence[str], n_trees: int, seed: int) -> train.Recipe:
    """How the own forest is grown: as the shipped one, on the same measures, with smaller leaves."""
    return train.Recipe(names=tuple(names), n_trees=n_trees, leaf_size=LEAF_SIZE, seed=seed)


def own_forest(data: Dataset, cut: float, recipe: train.Recipe, gap: float, claims: Claims | None) -> RandomForestClassifier | None:
    """The forest that could have been grown at `cut` (Unix seconds); None where too little of a kind was known."""
    if (found := _known(data, cut, gap, claims)) is None:
        return None
    usable, y, emphasis = found
    return train.fit(data.where(usable), y, recipe, emphasis)


def _known(data: Dataset, cut: float, gap: float, claims: Claims | None) -> tuple[np.ndarray, np.ndarray, np.ndarray | None] | None:
    """Which rows (mask) could be learned from at `cut`, their labels as known then, and what they count; None where too little of a kind was known."""
    y, usable = train.labels_at(data, cut), data.time < cut - gap
    if not MIN_OF_A_KIND <= y[usable].sum() <= usable.sum() - MIN_OF_A_KIND:
        return None
    return usable, y[usable], claims.emphasis(y)[usable] if claims else None


def challenge(
    data: Dataset,
    shipped: Forest,
    names: Sequence[str],
    seed: int,
    claims: Claims | None = None,
    weights: Sequence[float] = WEIGHTS,
    words: Sequence[float] = WORDS,
) -> Challenge:
    """Choose the weight and the share of the words on the middle parts of the history and try the blend on the newest.

    Args:
        data: one repository's rows in the order of time, all old enough to be judged.
        shipped: the forest to blend with, over the measures `names`.
        claims: what people said about the rows.
        weights, words: of the own forest, and shares of what the words say, to choose from; 0 alone leaves the order to the shipped one and
            learns the calibration. Of rows whose words are not known the share is 0.
    Raises:
        UsageError: too little history (see `parts`).
    """
    pieces = parts(data)
    base = predict(shipped, train.encode(data, names))
    own = out_of_time(data, pieces[1:-1], own_recipe(names, TRIAL_TREES, seed), GAP, claims) if any(weights) else np.full(len(data), np.nan)
    newest, cut = pieces[-1], float(data.time[pieces[-1].start])
    known = train.labels_at(data, cut)
    told = by_words(data, base, pieces[1:], claims) if any(words) and data.words is not None else None
    (weight, share), tried = choose(known, own, base, pieces[1:-1], weights, told, words if told is not None else (0.0,))
    raw = moved(mixed(own, base, weight), told, share)
    judges = data.where(_mask(data, newest))
    if weight:
        forest = own_forest(data, cut, own_recipe(names, round(weight * shipped.n_trees), seed), GAP, claims)
        assert forest is not None  # more was known at the last cut than at those that the weight was chosen on
        of_forest = predict(Forest(blended_bytes(forest, shipped)), train.encode(judges, names))
        raw[newest] = moved(of_forest, told[newest] if told is not None else None, share)
    before, latest = recent(pieces, newest.start), recent(pieces, newest.stop)
    chance = train.apply(calibrate(raw[before], known[before]), raw[newest])
    return Challenge(weight, share, tried, judges, raw[newest], chance, tuple(calibrate(raw[latest], data.y[latest])))


def out_of_time(data: Dataset, pieces: Sequence[slice], recipe: train.Recipe, gap: float = GAP, claims: Claims | None = None) -> np.ndarray:
    """Scores (n,) of each part by the own forest of its first moment; NaN elsewhere, and where there was none."""
    scores = np.full(len(data), np.nan)
    for piece in pieces:
        forest = own_forest(data, float(data.time[piece.start]), recipe, gap, claims)
        if forest is not None:
            scores[piece] = train.score(forest, train.encode(data.where(_mask(data, piece)), recipe.names))
    return scores


def by_words(data: Dataset, base: np.ndarray, pieces: Sequence[slice], claims: Claims | None = None) -> np.ndarray:
    """Shifts (n,) of each part by the words that could have been learned at its first moment, beside scores `base` (n,); 0 elsewhere, and where too little of a kind was known."""
    assert data.words is not None
    found = np.zeros(len(data))
    for piece in pieces:
        if (known := _known(data, float(data.time[piece.start]), GAP, claims)) is not None:
            usable, y, emphasis = known
            words = own_words.learn(data.words[usable].tolist(), metrics.log_odds(base[usable], HELD), y, emphasis)
            found[piece] = shifts(words, data.where(_mask(data, piece)))
    return found


def shifts(words: OwnWords, data: Dataset) -> np.ndarray:
    """By how much (n,) their words move the log-odds of rows whose words are known."""
    assert data.words is not None
    return np.array([words.shift(one) for one in data.words.tolist()])


def moved(score: np.ndarray, told: np.ndarray | None, share: float = 1.0) -> np.ndarray:
    """Scores (n,) with their log-odds moved by a share of what the words say, as the runtime moves them."""
    return score if told is None or not share else np.array([shifted(one, share * by) for one, by in zip(score.tolist(), told.tolist(), strict=True)])


def mixed(own: np.ndarray, base: np.ndarray, weight: float) -> np.ndarray:
    """Weighted mean of two forests' scores; the shipped one's alone where there was no own forest."""
    return np.asarray(np.where(np.isnan(own), base, weight * own + (1 - weight) * base))


def choose(
    y: np.ndarray,
    own: np.ndarray,
    base: np.ndarray,
    pieces: Sequence[slice],
    weights: Sequence[float] = WEIGHTS,
    told: np.ndarray | None = None,
    words: Sequence[float] = (0.0,),
) -> tuple[tuple[float, float], tuple[Choice, ...]]:
    """The weight and the share of the words with the highest AUC, averaged over the parts that have both kinds, and what each choice gave.

    Of equals the lowest; 0 and 0 where nothing tells.
    """
    tried = []
    usable = [p for p in pieces if not (any(weights) and np.isnan(own[p]).any()) and MIN_OF_A_KIND <= y[p].sum() <= p.stop - p.start - MIN_OF_A_KIND]
    if not usable:
        return (0.0, 0.0), ()
    sizes = [p.stop - p.start for p in usable]
    for weight, share in product(weights, words):
        raw = moved(mixed(own, base, weight), told, share)
        found = [metrics.auc(y[p], raw[p]) for p in usable]
        tried.append(Choice(weight, share, float(np.average(found, weights=sizes))))
    best = max(tried, key=lambda choice: choice.auc)
    return (best.weight, best.words), tuple(tried)


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


def final_forest(data: Dataset, shipped: Forest, names: Sequence[str], weight: float, seed: int, claims: Claims | None = None) -> bytes:
    """The blend that ships: the own part grown on all rows with the labels of today."""
    n_own = round(weight * shipped.n_trees)
    if not n_own:
        return pack(shipped.trees(), shipped.n_features)
    return blended_bytes(train.fit(data, data.y, own_recipe(names, n_own, seed), claims.emphasis(data.y) if claims else None), shipped)


def final_words(data: Dataset, shipped: Forest, names: Sequence[str], share: float, claims: Claims | None = None) -> OwnWords | None:
    """The words that ship, learned from all rows with the labels of today; None without a share of theirs."""
    if not share:
        return None
    assert data.words is not None
    base = metrics.log_odds(predict(shipped, train.encode(data, names)), HELD)
    return own_words.part(own_words.learn(data.words.tolist(), base, data.y, claims.emphasis(data.y) if claims else None), share)


def scored(model: Model, data: Dataset) -> np.ndarray:
    """Raw scores (n,) of a model; the words of the rows must be known where it reads them."""
    raw = predict(model.forest, train.encode(data, model.feature_names))
    return raw if model.words is None else moved(raw, shifts(model.words, data))


def predict(forest: Forest, x: np.ndarray) -> np.ndarray:
    """Raw scores (n,) of encoded rows."""
    return np.array(forest.predict_many(x.tolist())) if len(x) else np.zeros(0)


def _mask(data: Dataset, piece: slice) -> np.ndarray:
    mask = np.zeros(len(data), bool)
    mask[piece] = True
    return mask
