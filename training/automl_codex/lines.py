"""The line ranker: learned from changed lines with labels, judged on projects that it never saw, and put into a model directory.

Labels come from a table of changed lines (columns project, file, ctype, sha, line, label, idx). A line is
defective when a later fix of a defect changed it; a deleted line cannot be, so only added lines are learned from.
The order of the table's rows is not read: lines stand by `idx`, their place in the diff, and ties count as chance has it.
"""

from __future__ import annotations

import csv
import gzip
import json
import math
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.feature_extraction import FeatureHasher
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from automl_codex import export
from automl_codex.files import listed
from codex_gate.errors import UsageError
from codex_gate.lines import LINE_FEATURES, LINE_SCHEMA, ChangedLine, measure, words
from codex_gate.localise import BESIDE, LINES_FILE, LINES_FORMAT, LineRanker
from codex_gate.model import MANIFEST, read_manifest
from codex_gate.paths import role

COLUMNS: Final = ("project", "file", "ctype", "sha", "line", "label", "idx")
STRENGTHS: Final = (0.003, 0.01)  # inverse penalties that the inner folds choose from
PLACE: Final = ("place_in_file", "block_size", "place_in_block", "first_in_block", "last_in_block", "rank_block_size")
DELETED_SHARE: Final = 0.1  # a deleted line's score against an added one's (chosen: labels cannot speak of deleted lines)
INNER_FOLDS: Final = 3
MIN_PROJECTS: Final = 3
DRAWS: Final = 1000
_BAG: Final = 4096
SHIPPED: Final = "shipped (within commits, nested)"
MEASURES: Final = ("top_5", "top_10", "recall_at_20_percent", "ifa")


class Setting(NamedTuple):
    """What the inner folds choose: the inverse penalty, and the measures that get a weight."""

    strength: float
    columns: tuple[int, ...]


EVERY: Final = tuple(range(len(LINE_FEATURES)))
SETTINGS: Final = tuple(Setting(c, columns) for columns in (tuple(i for i in EVERY if LINE_FEATURES[i] not in PLACE), EVERY) for c in STRENGTHS)

Progress = Callable[[str], None]
Fit = Callable[["Lines", np.ndarray], Callable[["Lines"], np.ndarray]]
"""Learns from the rows of a mask; what comes back scores any rows."""


@dataclass(frozen=True, eq=False)
class Lines:
    """Changed lines of many commits: x (n, len(LINE_FEATURES)), y (n,) of 0 and 1, added, speaks, program, commit and project (n,).

    Rows of x are 0 where `speaks` is false: lines without program text are not measured. `program` is false in tests, documents and the like.
    """

    x: np.ndarray
    y: np.ndarray
    added: np.ndarray
    speaks: np.ndarray
    program: np.ndarray
    commit: np.ndarray
    project: np.ndarray
    text: list[bytes] = field(repr=False)

    def __len__(self) -> int:
        return len(self.y)

    @cached_property
    def tokens(self) -> list[list[str]]:
        """The tokens of each line."""
        return [words(text) for text in self.text]

    @cached_property
    def bags(self) -> Any:
        """Which of 4,096 hashed tokens each line holds: a sparse matrix (n, 4096) of 0 and 1."""
        return FeatureHasher(_BAG, input_type="string", alternate_sign=False).transform(sorted(set(tokens)) for tokens in self.tokens)

    def commits(self) -> list[np.ndarray]:
        """Row numbers of each commit."""
        order = np.argsort(self.commit, kind="stable")
        return np.split(order, np.nonzero(np.diff(self.commit[order]))[0] + 1)


def read(path: Path) -> Lines:
    """The labelled lines of a CSV, plain or gzip; rows without a label are left out, they have no place in the diff.

    Raises:
        UsageError: unreadable, columns missing, a label that is not 0 or 1, a place that is no number, or too few projects.
    """
    found: dict[tuple[str, str], list[tuple[str, float, bool, bytes, int]]] = {}
    try:
        with (gzip.open if path.suffix == ".gz" else open)(path, "rt", encoding="utf-8-sig", newline="") as stream:
            rows = csv.DictReader(stream)
            lacking = [name for name in COLUMNS if name not in (rows.fieldnames or ())]
            if lacking:
                raise UsageError(f"{path} lacks the columns {', '.join(lacking)}; expected {', '.join(COLUMNS)}")
            for number, row in enumerate(rows, 2):
                if row["label"]:
                    if any(row[name] is None for name in COLUMNS):
                        raise UsageError(f"{path} line {number} has fewer values than columns; expected {', '.join(COLUMNS)}")
                    label = _number(row["label"], path, number)
                    if label not in (0, 1):
                        raise UsageError(f"{path} line {number} has the label {row['label']!r}; expected 0 (clean) or 1 (defective)")
                    entry = (row["file"], _number(row["idx"], path, number), row["ctype"] == "added", row["line"].encode(), int(label))
                    found.setdefault((row["project"], row["sha"]), []).append(entry)
    except (OSError, UnicodeDecodeError, EOFError, zlib.error, csv.Error) as error:
        raise UsageError(f"{path} cannot be read ({error}); expected a CSV of labelled lines, plain or gzip") from error
    if not found:
        raise UsageError(f"{path} holds no labelled line; expected rows with a label of 0 or 1")
    lines = gather(found)
    taught = set(lines.project[telling(lines, np.ones(len(lines), bool))].tolist())
    if len(taught) < MIN_PROJECTS:
        raise UsageError(
            f"{path} has {len(taught)} project{'' if len(taught) == 1 else 's'} with a commit that added both defective and clean lines of program text; expected {MIN_PROJECTS} "
            "or more: one to judge on, one to learn from, and one to choose the setting on"
        )
    return lines


def _number(text: str, path: Path, number: int) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise UsageError(f"{path} line {number} holds {text!r} where a number is expected")
    return value


def gather(found: Mapping[tuple[str, str], Sequence[tuple[str, float, bool, bytes, int]]]) -> Lines:
    """Measure the lines of each (project, sha), given as (file, place in the diff, added, text, label) in any order."""
    x: list[list[float] | None] = []
    silent = [0.0] * len(LINE_FEATURES)
    y: list[int] = []
    added: list[bool] = []
    program: list[bool] = []
    commit: list[int] = []
    project: list[str] = []
    texts: list[bytes] = []
    for place, (name, _) in enumerate(sorted(found)):
        entries = sorted(found[name, _], key=lambda e: e[:4])
        x += measure([ChangedLine(path, path, side, 0, text) for path, _, side, text, _ in entries])
        y += [label for *_, label in entries]
        added += [side for _, _, side, _, _ in entries]
        texts += [text for _, _, _, text, _ in entries]
        program += [role(path) == "code" for path, *_ in entries]
        commit += [place] * len(entries)
        project += [name] * len(entries)
    speaks = np.array([row is not None for row in x])
    return Lines(np.array([row or silent for row in x]), np.array(y), np.array(added), speaks, np.array(program), np.array(commit), np.array(project), texts)


# -- what is learned ---------------------------------------------------------------------------------


def telling(lines: Lines, mask: np.ndarray) -> np.ndarray:
    """Rows of added lines of program text, of commits that have defective and clean ones."""
    rows = np.nonzero(mask & lines.added & lines.speaks & lines.program)[0]
    commit = lines.commit[rows]
    size = np.bincount(commit)
    bad = np.bincount(commit, lines.y[rows])
    return np.asarray(rows[(bad[commit] > 0) & (bad[commit] < size[commit])])


def learned(lines: Lines, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(rows, weights) that a ranker learns from: added lines of program text, of commits that have defective and clean ones.

    In every commit the defective lines weigh as much as the clean ones, together as the root of their number: what is
    learned is what sets a line apart from the others of its change, not one change from another. Weights have mean 1.
    """
    rows = telling(lines, mask)
    commit = lines.commit[rows]
    size = np.bincount(commit)
    bad = np.bincount(commit, lines.y[rows])
    w = np.sqrt(size[commit]) / np.where(lines.y[rows] == 1, bad[commit], size[commit] - bad[commit])
    return rows, w / w.mean()


def conditional(strength: float, columns: Sequence[int]) -> Fit:
    """Logistic regression within commits, on the measures `columns`."""
    chosen = list(columns)

    def fit(lines: Lines, mask: np.ndarray) -> Callable[[Lines], np.ndarray]:
        w, bias = coefficients(lines, mask, strength, chosen)
        return lambda others: 1 / (1 + np.exp(-(others.x[:, chosen] @ w + bias)))

    return fit


def coefficients(lines: Lines, mask: np.ndarray, strength: float, columns: Sequence[int]) -> tuple[np.ndarray, float]:
    """(weights, bias) over the raw measures `columns`.

    Measures are standardised and counted from their commit's mean, which takes out all that a commit's lines share; the
    order of its lines is the same with and without. The bias gives a mean line the share of defective lines.
    """
    rows, weight = learned(lines, mask)
    scale = StandardScaler().fit(lines.x[rows][:, columns])
    x = scale.transform(lines.x[rows][:, columns])
    _, group = np.unique(lines.commit[rows], return_inverse=True)
    means = np.zeros((group.max() + 1, x.shape[1]))
    np.add.at(means, group, x)
    x -= (means / np.bincount(group)[:, None])[group]
    model = LogisticRegression(C=strength, max_iter=500).fit(x, lines.y[rows], sample_weight=weight)
    w = model.coef_[0] / scale.scale_
    share = lines.y[rows].mean()
    return w, float(np.log(share / (1 - share)) - w @ scale.mean_)


def pooled(lines: Lines, mask: np.ndarray) -> Callable[[Lines], np.ndarray]:
    """Logistic regression over the lines of all commits together, for comparison."""
    rows, _ = learned(lines, mask)
    model = make_pipeline(StandardScaler(), LogisticRegression(C=STRENGTHS[0], max_iter=500)).fit(lines.x[rows], lines.y[rows])
    return lambda others: np.asarray(model.predict_proba(others.x)[:, 1])


def trees(lines: Lines, mask: np.ndarray) -> Callable[[Lines], np.ndarray]:
    """Gradient boosted trees, for comparison; 60 rounds of at most 6 leaves."""
    rows, weight = learned(lines, mask)
    model = HistGradientBoostingClassifier(max_iter=60, learning_rate=0.06, max_leaf_nodes=6, min_samples_leaf=60, l2_regularization=10, random_state=0)
    model.fit(lines.x[rows], lines.y[rows], sample_weight=weight)
    return lambda others: np.asarray(model.predict_proba(others.x)[:, 1])


def lambda_mart(lines: Lines, mask: np.ndarray) -> Callable[[Lines], np.ndarray]:
    """Boosted trees that learn the order within a commit (LambdaMART, Burges 2010), for comparison."""
    import lightgbm  # here alone: whoever carries a ranker along needs none

    rows, _ = learned(lines, mask)
    data = lightgbm.Dataset(lines.x[rows], lines.y[rows], group=np.unique(lines.commit[rows], return_counts=True)[1])
    settings = {"objective": "lambdarank", "num_leaves": 7, "learning_rate": 0.05, "min_data_in_leaf": 50, "lambda_l2": 10, "feature_fraction": 0.4}
    settings |= {
        "bagging_fraction": 0.7,
        "bagging_freq": 1,
        "lambdarank_truncation_level": 10,
        "num_threads": 1,
        "seed": 0,
        "deterministic": True,
        "verbosity": -1,
    }
    model = lightgbm.train(settings, data, 80)
    return lambda others: np.asarray(model.predict(others.x, num_threads=1))


def bag_of_tokens(lines: Lines, mask: np.ndarray) -> Callable[[Lines], np.ndarray]:
    """Logistic regression on hashed tokens alone, for comparison (the idea of JITLine, Pornprasit & Tantithamthavorn 2021, with labels of lines)."""
    rows, weight = learned(lines, mask)
    model = LogisticRegression(C=0.05, solver="liblinear", max_iter=300)
    model.fit(lines.bags[rows], lines.y[rows], sample_weight=weight)
    return lambda others: np.asarray(model.decision_function(others.bags))


def surprise(lines: Lines, mask: np.ndarray) -> Callable[[Lines], np.ndarray]:
    """Mean surprise of a line's tokens under the other projects' clean lines, in nats; nothing is learned from labels but which lines are clean."""
    rows = np.nonzero(mask & lines.added & (lines.y == 0))[0]
    seen: dict[str, int] = {}
    for i in rows:
        for token in lines.tokens[i]:
            seen[token] = seen.get(token, 0) + 1
    total = sum(seen.values()) + len(seen) + 1
    return lambda others: np.array([_surprise(tokens, seen, total) for tokens in others.tokens])


def _surprise(tokens: Sequence[str], seen: Mapping[str, int], total: int) -> float:
    return float(-np.mean([np.log((seen.get(token, 0) + 1) / total) for token in tokens])) if tokens else 0.0


def one_measure(name: str) -> Fit:
    """A single measure as the score: nothing is learned."""
    at = LINE_FEATURES.index(name)
    return lambda _lines, _mask: lambda others: others.x[:, at]


# -- how it is judged --------------------------------------------------------------------------------


def left_out(lines: Lines, fit: Fit) -> np.ndarray:
    """Scores (n,) of each project by a model that saw all the others and nothing of it."""
    scores = np.empty(len(lines))
    for train, test in folds(lines):
        scores[test] = fit(lines, train)(lines)[test]
    return silenced(lines, scores)


def silenced(lines: Lines, scores: np.ndarray) -> np.ndarray:
    """The scores with lines without program text behind all others of their commit, as at run time."""
    return np.where(lines.speaks, scores, -np.inf)


def folds(lines: Lines) -> list[tuple[np.ndarray, np.ndarray]]:
    """(training rows, test rows) as masks, one pair for each project left out."""
    return [(lines.project != name, lines.project == name) for name in sorted(set(lines.project.tolist()))]


def choose(lines: Lines, mask: np.ndarray) -> Setting:
    """The setting with the best top-10 and recall among the projects of the mask alone, by inner folds over whole projects."""
    every = sorted(set(lines.project[mask].tolist()))
    taught = sorted(set(lines.project[telling(lines, mask)].tolist()))
    names = [*taught, *sorted(set(every) - set(taught))]  # those that teach something are spread over the folds, so that each of them leaves some
    inner = [np.isin(lines.project, names[k::INNER_FOLDS]) & mask for k in range(min(INNER_FOLDS, len(taught)))]
    inner[0] |= mask & ~np.any(inner, axis=0)
    best = {}
    for setting in SETTINGS:
        scores = np.zeros(len(lines))
        for test in inner:
            scores[test] = silenced(lines, conditional(setting.strength, setting.columns)(lines, mask & ~test)(lines))[test]
        best[setting] = float(np.mean([row["top_10"] + row["recall_at_20_percent"] for row in judged(lines, scores, mask & lines.added)]))
    return max(SETTINGS, key=lambda s: best[s])


def nested(lines: Lines, mask: np.ndarray) -> Callable[[Lines], np.ndarray]:
    """The ranker as it ships: its setting is chosen inside the training projects."""
    setting = choose(lines, mask)
    return conditional(setting.strength, setting.columns)(lines, mask)


def judged(lines: Lines, scores: np.ndarray, mask: np.ndarray, least: int = 1) -> list[dict[str, float]]:
    """Measures of every commit that has a defective line and at least `least` lines inside the mask."""
    found = []
    for rows in lines.commits():
        inside = rows[mask[rows]]
        if len(inside) >= least and lines.y[inside].any():
            found.append(of_commit(lines.y[inside], scores[inside]))
    return found


def of_commit(y: np.ndarray, scores: np.ndarray) -> dict[str, float]:
    """What a reader meets who goes through one commit by falling score; equal scores in random order (expected values).

    top_k: share of defective lines among the first min(k, n); recall_at_20_percent: share of the defective lines among the
    first ⌊n / 5⌋; ifa: clean lines before the first defective one.
    Args:
        y: (n,) of 0 and 1, at least one 1.
    Source: Ni et al. 2022 (JIT-Fine), Pornprasit & Tantithamthavorn 2021 (JITLine).
    """
    n = len(y)
    _, group = np.unique(-scores, return_inverse=True)
    size, bad = np.bincount(group), np.bincount(group, y)
    before = np.cumsum(size) - size

    def hits(k: int) -> float:
        return float((bad * np.clip((k - before) / size, 0.0, 1.0)).sum())

    first = int(np.nonzero(bad)[0][0])
    ifa = before[first] + (size[first] - bad[first]) / (bad[first] + 1)
    return {"top_5": hits(min(5, n)) / min(5, n), "top_10": hits(min(10, n)) / min(10, n), "recall_at_20_percent": hits(n // 5) / y.sum(), "ifa": float(ifa)}


def summary(rows: Sequence[Mapping[str, float]], rng: np.random.Generator) -> dict[str, list[float]]:
    """Mean over commits with its 95 % bootstrap interval over commits: [value, low, high] by measure."""
    table = np.array([[row[name] for name in MEASURES] for row in rows])
    draws = np.array([table[rng.integers(0, len(table), len(table))].mean(axis=0) for _ in range(DRAWS)])
    low, high = np.percentile(draws, [2.5, 97.5], axis=0)
    return {name: [float(table[:, i].mean()), float(low[i]), float(high[i])] for i, name in enumerate(MEASURES)}


def entrants() -> dict[str, Fit]:
    """Every ranker of the table: the one that ships first, then what it is compared with."""
    names = ("new_names", "lone_names", "rarity", "shared_names", "rank_rarity", "rank_shared_names")
    file = ("file_share", "file_added", "file_deleted_share", "rank_file_added")
    without = {
        "all measures": [],
        "without place in file and block": PLACE,
        "without ranks within the change": [name for name in LINE_FEATURES if name.startswith("rank_")],
        "without kinds of line": [name for name in LINE_FEATURES if name.startswith("kind_")],
        "without names in the change": names,
        "without likeness and repetition": ("repeated", "moved", "like_other_side", "replaces"),
        "without the file's share": file,
    }
    return {
        SHIPPED: nested,
        "logistic regression over all commits": pooled,
        "boosted trees": trees,
        "LambdaMART": lambda_mart,
        "bag of tokens": bag_of_tokens,
        "token surprise": surprise,
        "line length": one_measure("length"),
        "rarity of names": one_measure("rarity"),
        **{name: conditional(STRENGTHS[1], [i for i in EVERY if LINE_FEATURES[i] not in gone]) for name, gone in without.items()},
    }


SEEN: Final[Mapping[str, Fit]] = {"no test: shipped, learned from these very lines": nested, "no test: boosted trees, likewise": trees}
"""What the measures can tell at best: rankers of the same families that have seen what they are judged on."""


def report(lines: Lines, seed: int, progress: Progress) -> dict[str, Any]:
    """All entrants, whole projects left out: over added lines, and over all lines with deleted ones at their share."""
    by_name = {"random": np.zeros(len(lines))}
    for name, fit in entrants().items():
        progress(f"{name}: {len(set(lines.project.tolist()))} projects, each left out once")
        by_name[name] = left_out(lines, fit)
    everything = np.ones(len(lines), bool)
    for name, fit in SEEN.items():
        by_name[name] = silenced(lines, fit(lines, everything)(lines))
    views: dict[str, tuple[np.ndarray, int]] = {
        "all changed lines": (everything, 1),
        "added lines": (lines.added, 1),
        "added lines, 5 or more": (lines.added, 5),
    }
    tables: dict[str, Any] = {}
    for view, (mask, least) in views.items():
        ranked = {name: _behind(lines, scores) if view == "all changed lines" and name != "random" else scores for name, scores in by_name.items()}
        if view == "all changed lines":
            ranked["only: deleted lines last"] = lines.added.astype(float)
            ranked["shipped, deleted lines not put behind"] = by_name[SHIPPED]
        ranked["ceiling"] = lines.y.astype(float)
        rows = {name: judged(lines, scores, mask, least) for name, scores in ranked.items()}
        tables[view] = {"commits": len(rows["random"]), "rows": {name: summary(found, np.random.default_rng(seed)) for name, found in rows.items()}}
    return {
        "projects": len(set(lines.project.tolist())),
        "commits": len(lines.commits()),
        "lines": len(lines),
        "added": int(lines.added.sum()),
        "defective": int(lines.y.sum()),
        "defective_deleted": int(lines.y[~lines.added].sum()),
        "tables": tables,
    }


def _behind(lines: Lines, scores: np.ndarray) -> np.ndarray:
    """Scores as the runtime gives them: in [0, 1], deleted lines at DELETED_SHARE of theirs, 0 without program text."""
    heard = scores[lines.speaks]
    low, high = (0.0, 1.0) if heard.min() >= 0 and heard.max() <= 1 else (heard.min(), heard.max())
    share = np.where(lines.added, 1.0, DELETED_SHARE) * np.where(lines.program, 1.0, BESIDE)
    return np.where(lines.speaks, share * (np.where(lines.speaks, scores, low) - low) / (high - low), 0.0)


# -- what ships --------------------------------------------------------------------------------------


def build(lines: Lines, facts: Mapping[str, Any]) -> bytes:
    """The file `lines.json`: learned from every project, its setting chosen by folds over them."""
    everything = np.ones(len(lines), bool)
    setting = choose(lines, everything)
    w = np.zeros(len(LINE_FEATURES))
    w[list(setting.columns)], bias = coefficients(lines, everything, setting.strength, setting.columns)
    found = {
        "format": LINES_FORMAT,
        "line_schema": LINE_SCHEMA,
        "features": list(LINE_FEATURES),
        "weights": [float(f"{value:.6g}") for value in w],
        "bias": float(f"{bias:.6g}"),
        "deleted_share": DELETED_SHARE,
        "strength": setting.strength,
        **facts,
    }
    data = (json.dumps(found, indent=1) + "\n").encode()
    LineRanker.parse(data, LINES_FILE)
    return data


def install(data: bytes, directory: Path) -> None:
    """Put the ranker into a model directory and its manifest; readers see the directory before or after, nothing between.

    Raises:
        ModelError: the directory holds no model, or would not load with the ranker; it stays as it was.
    """
    manifest = read_manifest(directory)
    export.write_directory({LINES_FILE: data, MANIFEST: _listed(manifest, data)}, directory)


def carried(files: Mapping[str, bytes], *directories: Path) -> dict[str, bytes]:
    """The files of a new model with the line ranker of the first directory that has a sound one, listed in the new manifest.

    The ranker reads no measure of the risk model, so it serves any of them.
    Raises:
        ModelError: a directory lists a ranker that is altered or of another schema.
    """
    for directory in directories:
        if (directory / MANIFEST).is_file():
            held = json.loads((directory / MANIFEST).read_bytes())
            if LineRanker.load(directory, held) is not None:
                data = (directory / LINES_FILE).read_bytes()
                return {**files, LINES_FILE: data, MANIFEST: _listed(json.loads(files[MANIFEST]), data)}
    return dict(files)


def _listed(manifest: Mapping[str, Any], data: bytes) -> bytes:
    files = dict(sorted({**manifest["files"], LINES_FILE: listed(data)}.items()))
    return (json.dumps({**manifest, "files": files}, indent=1) + "\n").encode()
