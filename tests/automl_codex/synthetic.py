"""A small table of labelled commits in which size and churn truly matter, for tests of the training code."""

from dataclasses import replace
from datetime import UTC, date, datetime

import numpy as np

from automl_codex.evaluate import Corpus
from automl_codex.tables import Dataset, hash_sha
from codex_gate.features import FEATURE_NAMES, HISTORY_NAMES
from codex_gate.own_words import Words

PROJECTS = {"alpha": "org/alpha", "beta": "org/beta", "gamma-core": "org/gamma", "gamma-web": "org/gamma", "held": "org/held"}


def corpus() -> Corpus:
    until = date(2021, 12, 31)
    return Corpus.of(
        [
            {
                "project": p,
                "repository": r,
                "clone": r,
                "head": "0" * 40,
                "labels": "labels.csv",
                "until": until,
                "role": "holdout" if p == "held" else "train",
            }
            for p, r in PROJECTS.items()
        ]
    )


def dataset(per_project: int = 620, seed: int = 7) -> Dataset:
    """`per_project` commits of each project, 2012 to 2021; a fix takes about half a year; 5 % of histories unknown."""
    rng = np.random.default_rng(seed)
    n = per_project * len(PROJECTS)
    # Each measure is drawn for itself: a new one leaves the others, and so what tests ask of them, as they are.
    x = np.column_stack([np.random.default_rng([seed, *name.encode()]).lognormal(2, 1, n) for name in FEATURE_NAMES]).astype(np.float32)
    la = x[:, FEATURE_NAMES.index("la")]
    x[:, FEATURE_NAMES.index("code_la")] = la * rng.uniform(0.5, 1, n)
    logit = 1.2 * (np.log(la) - 2) + 0.8 * (np.log(x[:, FEATURE_NAMES.index("fixes_max")]) - 2) - 0.7
    y = (rng.random(n) < 1 / (1 + np.exp(-logit))).astype(np.int8)
    start, end = datetime(2012, 1, 1, tzinfo=UTC).timestamp(), datetime(2021, 12, 31, tzinfo=UTC).timestamp()
    time = rng.uniform(start, end, n).astype(np.int64)
    fix_time = np.where(y == 1, time + rng.exponential(180 * 86_400, n), np.nan)
    columns = [i for i, name in enumerate(FEATURE_NAMES) if name in HISTORY_NAMES]
    x[np.ix_(rng.random(n) < 0.05, columns)] = np.nan
    x[:, FEATURE_NAMES.index("complexity_delta")] = np.nan
    project = np.repeat(list(PROJECTS), per_project)
    fix_time[project == "held"] = np.nan
    return Dataset(x, y, time, fix_time, project, np.array([hash_sha(f"{i:040x}") for i in range(n)]))


def spoken(data: Dataset, seed: int = 3, tells: float = 0.8) -> Dataset:
    """The rows with words: twenty of forty that mean nothing, a path, and `danger` in a share `tells` of the buggy and a tenth of the clean."""
    rng = np.random.default_rng(seed)
    words = np.empty(len(data), object)
    for i, buggy in enumerate(data.y.tolist()):
        added = {b"w%d" % n for n in rng.choice(40, 20, replace=False)} | ({b"danger"} if rng.random() < (tells if buggy else 0.1) else set())
        words[i] = Words(frozenset(added), frozenset({"src", f"file{rng.integers(9)}"}))
    return replace(data, words=words)
