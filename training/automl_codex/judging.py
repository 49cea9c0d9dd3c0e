"""How good an answerer of categories and defects is: figures with intervals over whole lineages, and TF-IDF with logistic regression beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np

from automl_codex import metrics
from automl_codex.examples import Example, of_part
from automl_codex.split import TRAIN, VALIDATION
from automl_codex.types import BUGGY, CORRECT
from codex_gate.intervals import Interval
from codex_gate.student import LABELS, probabilities
from codex_gate.taxonomy import KINDS
from codex_gate.tokenise import pieces

DRAWS: Final = 500  # of a bootstrap
STRENGTHS: Final = (1.0, 10.0)  # C of the logistic regressions; the best on the validation part is taken
N_KINDS: Final = len(KINDS)
N_CATEGORIES: Final = N_KINDS - 1
_DEFECTS: Final = {CORRECT: 0, BUGGY: 1}


@dataclass(frozen=True, slots=True)
class Judged:
    """Figures on some examples, each with its 95 % interval.

    `accuracy`, `top2` and `macro_f1` are over the `categorised` examples that are about a defect of a known category, macro over the categories that
    occur there; to say "none" of one is wrong, for `top2` only the two likeliest categories count. `none_said` is the share of the examples about no
    defect that are given a category. `auc` of the defect is over all of which it is known, NaN where only one class occurs. `pairwise` is the share of changes that are defects with their way back among the
    rows, in which the change is thought the likelier defect (ties count half); .5 by chance, whatever the size and place of an edit give away.
    """

    rows: int
    categorised: int
    accuracy: Interval
    macro_f1: Interval
    top2: Interval
    none_said: Interval
    auc: Interval
    pairwise: Interval


def truth(examples: Sequence[Example]) -> tuple[np.ndarray, np.ndarray]:
    """Kind (n,) as its number in KINDS and whether a defect (n,) as 0 and 1, each −1 where it is not known; a kind that cannot occur in the language is not known."""
    kinds = np.array([KINDS.index(example.category) if example.category else -1 for example in examples], np.int64)
    kinds[[kind >= 0 and not example.possible[kind] for example, kind in zip(examples, kinds, strict=True)]] = -1
    return kinds, np.array([_DEFECTS.get(example.defect, -1) for example in examples], np.int64)


def seconds(examples: Sequence[Example]) -> np.ndarray:
    """The second kind (n,) as its number in KINDS, −1 where there is none or it cannot occur in the language."""
    kinds = [KINDS.index(example.second) if example.second else -1 for example in examples]
    return np.array([kind if kind >= 0 and example.possible[kind] else -1 for example, kind in zip(examples, kinds, strict=True)], np.int64)


def masks(examples: Sequence[Example]) -> np.ndarray:
    """Which of the 19 kinds can occur (n, 19)."""
    return np.array([example.possible for example in examples], bool)


def judge(examples: Sequence[Example], probabilities: np.ndarray, seed: int) -> Judged:
    """Probabilities (n, 20) held against the labels; intervals by drawing whole lineages anew."""
    category, defect = truth(examples)
    lineage = np.unique([example.lineage for example in examples], return_inverse=True)[1]
    measure = _measure(category, defect, probabilities, pairs(examples))
    value = measure(np.ones(len(examples)))
    rng = np.random.default_rng(seed)
    n = int(lineage.max()) + 1
    draws = np.array([measure(np.bincount(rng.integers(0, n, n), minlength=n)[lineage].astype(float)) for _ in range(DRAWS)])
    found = [metrics.interval(float(v), column) if np.isfinite(v) else Interval(float("nan"), float("nan"), float("nan")) for v, column in zip(value, draws.T)]
    return Judged(len(examples), int(_is_about(category).sum()), *found)


def point(examples: Sequence[Example], probabilities: np.ndarray) -> tuple[float, float]:
    """Macro-F1 of the categories and AUC of the defect alone, without intervals; NaN for what the examples cannot tell."""
    found = _measure(*truth(examples), probabilities, pairs(examples))(np.ones(len(examples)))
    _, defect = truth(examples)
    return found[1], found[4] if len(np.unique(defect[defect >= 0])) > 1 else float("nan")


def pairs(examples: Sequence[Example]) -> np.ndarray:
    """The numbers of each defect and of the same change backwards that is none, (pairs, 2)."""
    backwards = {(example.path, example.after, example.before): row for row, example in enumerate(examples) if example.defect == CORRECT}
    found = [(row, backwards.get((example.path, example.before, example.after))) for row, example in enumerate(examples) if example.defect == BUGGY]
    return np.array([(row, back) for row, back in found if back is not None], np.int64).reshape(-1, 2)


def _is_about(kinds: np.ndarray) -> np.ndarray:
    """Which rows are about a defect of a known category."""
    return (kinds >= 0) & (kinds < N_CATEGORIES)


def _measure(category: np.ndarray, defect: np.ndarray, probabilities: np.ndarray, both: np.ndarray) -> Callable[[np.ndarray], tuple[float, ...]]:
    """Accuracy, macro-F1, top 2, what is said of nothing, AUC and pairwise as a function of how often each row counts."""
    known, silent, judged = np.flatnonzero(_is_about(category)), np.flatnonzero(category == N_CATEGORIES), np.flatnonzero(defect >= 0)
    order = np.argsort(-probabilities[known, :N_CATEGORIES], axis=1, kind="stable")
    wanted, said = category[known], probabilities[known, :N_KINDS].argmax(1)
    first, second = said == wanted, (order[:, :2] == wanted[:, None]).any(1)
    cells = wanted * N_KINDS + said
    loud = probabilities[silent, :N_KINDS].argmax(1) != N_CATEGORIES
    there, back = probabilities[both, -1].T
    above = (there > back) + (there == back) / 2

    def measure(weight: np.ndarray) -> tuple[float, ...]:
        w = weight[known]
        table = np.bincount(cells, w, N_KINDS**2).reshape(N_KINDS, N_KINDS)
        f1 = [2 * table[c, c] / (table[c].sum() + table[:, c].sum()) for c in range(N_CATEGORIES) if table[c].sum()]
        auc = metrics.auc(defect[judged], probabilities[judged, -1], weight[judged]) if len(judged) else float("nan")
        return (
            _mean(first, w),
            float(np.mean(f1)) if f1 else float("nan"),
            _mean(second, w),
            _mean(loud, weight[silent]),
            auc,
            _mean(above, weight[both[:, 0]]),
        )

    return measure


def _mean(hits: np.ndarray, weight: np.ndarray) -> float:
    """The weighted mean; NaN of nothing."""
    total = weight.sum()
    return float((hits * weight).sum() / total) if total else float("nan")


def table(rows: Mapping[str, Judged]) -> str:
    """The figures as a Markdown table."""
    head = ["| | category accuracy | macro-F1 | top 2 | a category where there is none | defect AUC | pairwise |", "|---|---|---|---|---|---|---|"]
    told = [" | ".join(_shown(found) for found in (j.accuracy, j.macro_f1, j.top2, j.none_said, j.auc, j.pairwise)) for j in rows.values()]
    return "\n".join([*head, *(f"| {name} | {figures} |" for name, figures in zip(rows, told, strict=True))]) + "\n"


def beside(examples: Sequence[Example], name: str, logits: Callable[[Sequence[Example]], np.ndarray], seed: int, beside_tfidf: bool = True) -> str:
    """The figures of someone who answers, on the validation part, beside the majority and, where it is asked for, TF-IDF."""
    rows = of_part(examples, VALIDATION)
    chosen = [examples[row] for row in rows]
    if not chosen:
        return "no row falls into the validation part, so nothing was judged\n"
    said = {"majority": majority(examples)[rows]}
    if beside_tfidf:
        said["TF-IDF + logistic regression"] = tfidf(examples, seed)[rows]
    said[name] = probabilities(logits(chosen), masks(chosen))
    return table({who: judge(chosen, p, seed) for who, p in said.items()})


def _shown(found: Interval) -> str:
    return f"{found.value:.3f} ({found.low:.3f}–{found.high:.3f})" if np.isfinite(found.value) else "–"


# -- what everything is held against -------------------------------------------------------------------


def majority(examples: Sequence[Example]) -> np.ndarray:
    """Probabilities (n, 20) of the shares in the training part, whatever the text says."""
    category, defect = truth([examples[row] for row in of_part(examples, TRAIN)])
    shares = np.bincount(category[category >= 0], minlength=N_KINDS) / max(1, (category >= 0).sum())
    bring = defect[defect >= 0].mean() if (defect >= 0).any() else 0.5
    return ruled_out(np.tile([*shares, bring], (len(examples), 1)), examples)


def tfidf(examples: Sequence[Example], seed: int) -> np.ndarray:
    """Probabilities (n, 20) by TF-IDF over tokens and pairs of tokens of either side, and logistic regression fitted on the training part."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    train, validation = of_part(examples, TRAIN), of_part(examples, VALIDATION)
    vectoriser = TfidfVectorizer(analyzer=terms, min_df=2, sublinear_tf=True)
    vectoriser.fit([examples[row] for row in train])
    x = vectoriser.transform(examples)
    category, defect = truth(examples)
    found = np.zeros((len(examples), len(LABELS)))
    classes, p = _regression(x, category, _known(category, train), _known(category, validation), seed)
    found[:, classes] = p
    classes, p = _regression(x, defect, _known(defect, train), _known(defect, validation), seed)
    found[:, -1] = p[:, list(classes).index(1)] if 1 in classes else 0.0
    return ruled_out(found, examples)


def _known(truth: np.ndarray, rows: Sequence[int]) -> list[int]:
    return [row for row in rows if truth[row] >= 0]


def _regression(x: Any, y: np.ndarray, train: Sequence[int], validation: Sequence[int], seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Classes, and the probability of each for every row, by the strength that is right most often on the validation part."""
    from sklearn.linear_model import LogisticRegression

    if len(set(y[list(train)])) < 2:
        return np.unique(y[list(train)]), np.ones((x.shape[0], len(set(y[list(train)]))))
    fitted = [LogisticRegression(C=c, max_iter=2000, random_state=seed).fit(x[list(train)], y[list(train)]) for c in STRENGTHS]
    best = max(fitted, key=lambda model: float((model.predict(x[list(validation)]) == y[list(validation)]).mean()) if len(validation) else 0.0)
    return best.classes_, best.predict_proba(x)


def terms(example: Example) -> list[str]:
    """What TF-IDF counts in a change: tokens and pairs of tokens, by side."""
    found = []
    for side, text in (("-", example.before), ("+", example.after), ("m", example.message)):
        told = [side + piece for piece in pieces(text)]
        found += [*told, *(f"{one} {two}" for one, two in pairwise(told))]
    return found


def ruled_out(probabilities: np.ndarray, examples: Sequence[Example]) -> np.ndarray:
    """The same with 0 for categories that cannot occur in a change's language."""
    return np.hstack([np.where(masks(examples), probabilities[:, :N_KINDS], 0.0), probabilities[:, N_KINDS:]])
