"""What a repository's own past says of the words of a change: a logistic regression on top of what a forest says, for `retrain`.

Terms are those of `codex_gate.own_words`: words that a change brings into program text and words of its paths, none of its message. A row is 1/√k in
each of its k known terms. The regression (L2, inverse strength 1) has the log-odds of the forest as an offset, so it learns only what these leave
over; what a model learned of words elsewhere is where their weights start, and the penalty is on what they move from there (a Gaussian prior with that mean).
Sources: Pornprasit & Tantithamthavorn 2021 (JITLine) for words of a change as what it is judged by; Chelba & Acero 2004 (EMNLP, section 4) for weights from
elsewhere as the mean of the prior. What it is worth: docs/retraining.md.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from typing import Final

import numpy as np
from scipy import sparse  # type: ignore[import-untyped]
from scipy.optimize import minimize  # type: ignore[import-untyped]

from automl_codex.said import LETTERS, is_word
from automl_codex.tables import Dataset, hash_sha
from codex_gate.aside import kept
from codex_gate.content import read
from codex_gate.errors import UsageError
from codex_gate.git import CommitMeta, Repository
from codex_gate.globs import Filter
from codex_gate.own_words import OwnWords, Words

MIN_CHANGES: Final = 10  # that say a term: of fewer nothing is learned (5 and 20 do about as well)
COMMONEST: Final = 0.5  # share of the changes: what more of them say tells none from another
MOST: Final = 5000  # terms, those that most changes say
INNER: Final = (0.01, 0.99)  # quantiles of what the changes say, beyond which no words move a risk
NONE: Final = OwnWords({}, {}, 0.0, 0.0, 0.0)
DIGITS: Final = 4  # of a weight that ships; a later one is where the search for them stops


def attach(repo: Repository, data: Dataset, head: str, keep: Filter | None = None) -> Dataset:
    """The rows with what each change says, in the paths that are looked at, read from the history of `head`.

    Raises:
        UsageError: a row is of no commit there.
    """
    return spoken(repo, data, repo.log(head), head, keep)


def spoken(repo: Repository, data: Dataset, commits: Sequence[CommitMeta], where: str, keep: Filter | None = None) -> Dataset:
    """The rows with what each change says, of `commits`, which are called `where`.

    Raises:
        UsageError: a row is of none of them.
    """
    wanted = set(data.sha256.tolist())
    found = dict(said(repo, wanted, commits, keep))
    if lost := len(wanted - found.keys()):
        raise UsageError(
            f"{lost} of {len(wanted)} labelled commits are not in the history of {where[:12]} here, so what they say cannot be read; fetch it whole, or label it again"
        )
    words = np.empty(len(data), object)
    words[:] = [found[name] for name in data.sha256.tolist()]
    return replace(data, words=words)


def said(repo: Repository, wanted: Collection[str], commits: Sequence[CommitMeta], keep: Filter | None = None) -> Iterator[tuple[str, Words]]:
    """What each of the commits whose hashes are wanted says, with its hash."""
    metas = [(name, meta) for meta in commits if (name := hash_sha(meta.sha)) in wanted]
    diffs = repo.diffs([(meta.sha, meta.parents[0] if meta.parents else None) for _, meta in metas])
    for (name, _), files in zip(metas, diffs, strict=True):
        looked_at = kept(files, keep)
        yield name, Words.of(looked_at, read(looked_at)[1])


def learn(words: Sequence[Words], base: np.ndarray, y: np.ndarray, weights: np.ndarray | None = None, prior: OwnWords = NONE) -> OwnWords:
    """The weights of the words of changes that needed a fix (y 1) or not, (n,) each, beyond what the log-odds `base` (n,) say; the prior where no term is common enough."""
    keys = [[*filter(is_word, one.added), *(word for word in one.path if len(word) in LETTERS)] for one in words]
    seen = Counter(chain.from_iterable(keys))
    common = sorted((term for term, n in seen.items() if MIN_CHANGES <= n <= COMMONEST * len(words)), key=lambda term: (-seen[term], str(term)))[:MOST]
    if not common:
        return prior
    start: dict[object, float] = {term: weight for side in (prior.added, prior.path) for term, weight in side.items()}
    place = {term: i for i, term in enumerate(dict.fromkeys([*common, *start]))}
    rows = [sorted(place[term] for term in row if term in place) for row in keys]
    values = np.repeat([1 / np.sqrt(max(len(row), 1)) for row in rows], [len(row) for row in rows])
    x = sparse.csr_matrix((values, np.fromiter(chain.from_iterable(rows), int), np.cumsum([0, *map(len, rows)])), (len(rows), len(place)))
    begun = np.array([start.get(term, 0.0) for term in place])
    found = _fit(x, base + x @ begun, y, np.ones(len(y)) if weights is None else weights)
    of = {term: round(float(w), DIGITS) for term, w in zip(place, begun + found, strict=True)}
    middle = round(prior.middle + float(np.mean(x @ found)), DIGITS)
    return OwnWords(
        {term: w for term, w in of.items() if isinstance(term, bytes)},
        {term: w for term, w in of.items() if isinstance(term, str)},
        middle,
        *ends(x @ (begun + found), middle, DIGITS),
    )


def ends(said: np.ndarray, middle: float, digits: int) -> tuple[float, float]:
    """The range that holds what words say: that of what the changes (n,) say that they were learned from, without the last hundredth on either side; 0 and the middle lie in it."""
    low, high = (round(float(end), digits) for end in np.quantile(said, INNER))
    return min(low, middle, 0.0), max(high, middle, 0.0)


def part(words: OwnWords, share: float, prior: OwnWords = NONE) -> OwnWords:
    """So much of the way from the prior to what was learned upon it."""

    def between(before: float, after: float) -> float:
        return round((1 - share) * before + share * after, DIGITS)

    return OwnWords(
        {word: between(prior.added.get(word, 0.0), weight) for word, weight in words.added.items()},
        {word: between(prior.path.get(word, 0.0), weight) for word, weight in words.path.items()},
        between(prior.middle, words.middle),
        between(prior.low, words.low),
        between(prior.high, words.high),
    )


def _fit(x: sparse.csr_matrix, base: np.ndarray, y: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The weights of the columns of x (n, k); the intercept costs nothing and is left out, since a calibration follows."""

    def loss(found: np.ndarray) -> tuple[float, np.ndarray]:
        z = base + found[0] + x @ found[1:]
        off = weights * (1 / (1 + np.exp(-z)) - y)
        return float(weights @ (np.logaddexp(0, z) - y * z) + found[1:] @ found[1:] / 2), np.concatenate([[off.sum()], x.T @ off + found[1:]])

    return np.asarray(minimize(loss, np.zeros(x.shape[1] + 1), jac=True, method="L-BFGS-B", options={"maxiter": 500, "ftol": 1e-12, "gtol": 1e-6}).x[1:])
