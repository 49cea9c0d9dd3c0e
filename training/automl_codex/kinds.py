"""The linear model of kinds (`codex_gate.linear`), fitted on commits that were read, and how the members of each tier are weighed.

Setting, weights and threshold of tier 1 are chosen by folds over repositories; those of the tiers with a student on the repositories that it and its
teachers were validated on (`commits.part_of`), with linear models that did not see them. Commits that nobody read are learned from too where teachers
answered on them: by what teachers, a first linear model and the rules say together.
Terms fall into buckets as at run time, a bucket counts the logarithm of how rare it is (IDF), and a multinomial logistic regression is fitted on rows of
unit length. Repositories of the test part are never looked at. Source: Spärck Jones 1972 (IDF); Weinberger et al. 2009 (feature hashing).
"""

from __future__ import annotations

import hashlib
import json
import math
import shutil
import warnings
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, Final
from zlib import crc32

import numpy as np
from scipy import sparse  # type: ignore[import-untyped]
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold

from automl_codex import commits, judging, mine
from automl_codex.examples import Example
from automl_codex.files import listed, whole
from automl_codex.logits import Answers
from automl_codex.split import TEST
from codex_gate import hybrid, rules, terms, text
from codex_gate.errors import UsageError
from codex_gate.hybrid import LINEAR, RULES, STUDENT, TIERS, Answering
from codex_gate.linear import FORMAT, KINDS_MANIFEST, ROW, TABLE, ZERO, Tier
from codex_gate.model import STUDENT_MANIFEST
from codex_gate.rule_table import Rule
from codex_gate.student import NETWORK as STUDENT_NETWORK
from codex_gate.student import VOCABULARY, Student
from codex_gate.student import probabilities as student_probabilities
from codex_gate.taxonomy import KINDS, NONE
from codex_gate.types import Commit, Evidence

BUCKETS: Final = 1 << 16
MIN_COMMITS: Final = 2  # that hold a term of a bucket; rarer ones weigh nothing
COUNT: Final = 16.0  # a bucket's count of 1 in the table
TAUGHT: Final = 25_000  # commits at most that are learned from by the answers of teachers
TAUGHT_WEIGHT: Final = 0.3  # of such a commit beside one that was read (chosen)
TAUGHT_FLOOR: Final = 0.08  # P(kind) below which an answer is not learned from (chosen)
TAUGHT_BY: Final = (0.45, 0.35, 0.2)  # shares of teachers, first linear model and rules (chosen)
SETTINGS: Final = ((3.0, 0.25), (10.0, 0.5))
"""C of the regression, and the power of the inverse share of a kind that its commits are weighted by: 0 leaves them alone, 1 makes all kinds equal."""
FOLDS: Final = 5
STEP: Final = 0.1  # of a weight
ITERATIONS: Final = 60
SILENCE: Final = 0.2  # share of commits about no defect that may be given a category; the threshold is chosen for it
MANIFEST: Final = "kinds-manifest.txt"
NONE_ID: Final = KINDS.index(NONE)

Setting = tuple[float, float]


@dataclass(frozen=True, eq=False)
class Read:
    """Commits that were read, with the repository and the kind of each: distinct buckets, which kinds can occur in it (n, 19), and what the rules say (n, 19)."""

    commits: tuple[Commit, ...]
    repositories: tuple[str, ...]
    kinds: np.ndarray
    buckets: tuple[np.ndarray, ...]
    possible: np.ndarray
    rules: np.ndarray

    @classmethod
    def of(cls, found: Sequence[tuple[Commit, str, str]]) -> Read:
        """Of commits, each with its repository and kind."""
        fired = [rules.fired(commit) for commit, _, _ in found]
        return cls(
            tuple(commit for commit, _, _ in found),
            tuple(name for _, name, _ in found),
            np.array([KINDS.index(kind) for _, _, kind in found]),
            tuple(buckets_of(commit, told) for (commit, _, _), told in zip(found, fired, strict=True)),
            np.array([hybrid.possible(commit) for commit, _, _ in found]),
            np.array([hybrid.of_rules(rules.weighed(told, commit)) for (commit, _, _), told in zip(found, fired, strict=True)]),
        )


@dataclass(frozen=True, eq=False)
class Taught:
    """Commits that nobody read, with the repository of each: distinct buckets, and P(kind) (n, 19) by teachers and by the rules."""

    shas: tuple[str, ...]
    repositories: np.ndarray
    buckets: tuple[np.ndarray, ...]
    teachers: np.ndarray
    rules: np.ndarray

    def without(self, repositories: Collection[str]) -> Taught:
        """Those of other repositories."""
        rows = [row for row, name in enumerate(self.repositories) if name not in repositories]
        kept = tuple(self.buckets[row] for row in rows)
        return Taught(tuple(self.shas[row] for row in rows), self.repositories[rows], kept, self.teachers[rows], self.rules[rows])


@dataclass(frozen=True, eq=False)
class Fitted:
    """A model of kinds in floating point: weights (19, buckets), biases (19,), and what each bucket counts (buckets,)."""

    weights: np.ndarray
    bias: np.ndarray
    counts: np.ndarray


def read(folder: Path, clones: Path, environ: Mapping[str, str], off_limits: Path) -> Read:
    """The commits of the training part of a folder that `commits` describes.

    Raises:
        UsageError: a file that is none, a missing clone, a repository that is off limits, or too few commits.
    """
    known = commits.sources(folder)
    mine.refuse_off_limits(list(known), off_limits)
    said = commits.readings(folder / commits.COMMITS, known)
    found: list[tuple[Commit, str, str]] = []
    for name, source in known.items():
        own = [reading for reading in said.values() if reading.repository == name]
        if source.part != TEST and own:
            repo = commits.opened(clones, name, environ)
            found += [(commit, name, said[str(commit.sha)].kind) for commit in commits.read_commits(repo, [reading.sha for reading in own])]
    if len({name for _, name, _ in found}) < FOLDS or len({kind for _, _, kind in found}) < 2:
        raise UsageError(f"{folder} holds {len(found)} commits to learn from; expected at least {FOLDS} repositories and two kinds")
    return Read.of(found)


def buckets_of(commit: Commit, fired: Sequence[tuple[Rule, Evidence]]) -> np.ndarray:
    """The buckets that the terms of a change fall into, one for each term."""
    told = terms.of(commit, dict.fromkeys(rule.name for rule, _ in fired))
    return np.array([crc32(term.encode("utf-8", "surrogatepass")) % BUCKETS for term in told], np.int64)


def taught(answers: Answers, known: Collection[str], clones: Path, environ: Mapping[str, str], seed: int) -> Taught:
    """Up to TAUGHT unread commits that teachers answered on, drawn at random.

    Args:
        answers: rows of `commits.read` with their logits. known: SHAs that somebody read; they are left out.
    Raises:
        UsageError: a missing clone, or no such row.
    """
    said = [row for row, one in enumerate(answers.examples) if one.row_id.endswith(":said") and one.part != TEST and _sha(one) not in known]
    if not said:
        raise UsageError("no row of a commit that nobody read has an answer; make rows with --unread, and logits of them")
    chosen = sorted(said, key=lambda row: hashlib.sha256(f"{seed} {answers.examples[row].row_id}".encode()).digest())[:TAUGHT]
    mean = np.mean([logits[chosen] for logits in answers.logits.values()], axis=0)
    shares = student_probabilities(mean, judging.masks([answers.examples[row] for row in chosen]))[:, : len(KINDS)]
    by_name: dict[str, list[int]] = {}
    for place, row in enumerate(chosen):
        by_name.setdefault(answers.examples[row].lineage, []).append(place)
    found: list[tuple[str, str, np.ndarray, Sequence[float], int]] = []
    for name, places in by_name.items():
        repo = commits.opened(clones, name, environ)
        for commit, place in zip(commits.read_commits(repo, [_sha(answers.examples[chosen[place]]) for place in places]), places, strict=True):
            fired = rules.fired(commit)
            found.append((str(commit.sha), name, buckets_of(commit, fired), hybrid.of_rules(rules.weighed(fired, commit)), place))
    order = [place for *_, place in found]
    return Taught(
        tuple(sha for sha, *_ in found), np.array([name for _, name, *_ in found]), tuple(row for _, _, row, _, _ in found), shares[order],
        np.array([row for _, _, _, row, _ in found]),
    )  # fmt: skip


def _sha(example: Example) -> str:
    return example.row_id.rpartition(":")[0].rpartition("@")[2]


# -- fitting -------------------------------------------------------------------------------------------


def fit(rows: Sequence[np.ndarray], kinds: np.ndarray, setting: Setting, seed: int, beside: Taught | None = None) -> Fitted:
    """A model of these commits, and of those that teachers answered on; `setting` is (C, balance).

    Raises:
        UsageError: only one kind to learn from.
    """
    first = _fit(rows, kinds, np.ones(len(rows)), setting, seed)
    if beside is None or not beside.buckets:
        return first
    own = probabilities(first, beside.buckets, np.ones((len(beside.buckets), len(KINDS)), bool))
    shares = sum(weight * part for weight, part in zip(TAUGHT_BY, (beside.teachers, own, beside.rules), strict=True))
    place, kind = np.nonzero(np.asarray(shares) >= TAUGHT_FLOOR)
    weights = np.concatenate([np.ones(len(rows)), TAUGHT_WEIGHT * np.asarray(shares)[place, kind]])
    return _fit([*rows, *(beside.buckets[row] for row in place)], np.concatenate([kinds, kind]), weights, setting, seed)


def _fit(rows: Sequence[np.ndarray], kinds: np.ndarray, weights: np.ndarray, setting: Setting, seed: int) -> Fitted:
    counts = counts_of(rows)
    return regress(matrix(rows, counts), kinds, weights, counts, setting, seed)


def counts_of(rows: Sequence[np.ndarray]) -> np.ndarray:
    """What each bucket counts (buckets,): the logarithm of how rare it is, 0 where fewer than MIN_COMMITS hold it."""
    seen = np.bincount(np.concatenate([np.unique(row) for row in rows]), minlength=BUCKETS)
    counts = np.where(seen >= MIN_COMMITS, np.log((1 + len(rows)) / (1 + seen)) + 1, 0.0)
    return np.asarray(np.round(counts * COUNT) / COUNT)


def regress(x: Any, kinds: np.ndarray, weights: np.ndarray, counts: np.ndarray, setting: Setting, seed: int) -> Fitted:
    """A model of vectors (n, buckets), each of a kind and with a weight.

    Raises:
        UsageError: only one kind to learn from.
    """
    if len(np.unique(kinds)) < 2:
        raise UsageError("all commits that are left to learn from are of one kind; add repositories with other kinds")
    strength, balance = setting
    share = np.bincount(kinds, weights, minlength=len(KINDS)) / weights.sum()
    balanced = weights * np.array([(1 / share[kind]) ** balance for kind in kinds])
    model = LogisticRegression(C=strength, max_iter=ITERATIONS, tol=1e-3, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # what is left to gain is far below what the folds can tell
        model.fit(x, kinds, sample_weight=balanced)
    coefficients, bias = np.zeros((len(KINDS), BUCKETS)), np.full(len(KINDS), -1e3)
    coefficients[model.classes_], bias[model.classes_] = (
        (model.coef_, model.intercept_) if len(model.classes_) > 2 else (np.vstack([-model.coef_, model.coef_]) / 2, np.array([-1, 1]) * model.intercept_ / 2)
    )
    return Fitted(coefficients * counts, bias, counts)


def matrix(rows: Sequence[np.ndarray], counts: np.ndarray) -> Any:
    """Rows of unit length (n, buckets)."""
    start = np.cumsum([0, *map(len, rows)])
    places = np.concatenate(rows) if len(rows) else np.zeros(0, np.int64)
    x = sparse.csr_matrix((counts[places], places, start), (len(rows), BUCKETS))
    norm = np.sqrt([np.square(counts[row]).sum() for row in rows])
    return sparse.diags(1 / np.where(norm > 0, norm, 1.0)) @ x


def probabilities(model: Fitted, rows: Sequence[np.ndarray], possible: np.ndarray) -> np.ndarray:
    """P(kind) (n, 19)."""
    scores = np.where(possible, _scores(model, rows), -np.inf)
    powers = np.exp(scores - scores.max(1, keepdims=True))
    return np.asarray(powers / powers.sum(1, keepdims=True))


def _scores(model: Fitted, rows: Sequence[np.ndarray]) -> np.ndarray:
    found = np.tile(model.bias, (len(rows), 1))
    for number, row in enumerate(rows):
        norm = np.sqrt(np.square(model.counts[row]).sum()) or 1.0
        found[number] += model.weights[:, row].sum(1) / norm
    return found


@dataclass(frozen=True, eq=False)
class Chosen:
    """What was chosen: the setting of the linear model, weights and threshold of each tier by its number, and the figures that they had where they were chosen."""

    setting: Setting
    tiers: Mapping[int, Tier]
    figures: Mapping[int, Mapping[str, float]]


def choose(
    found: Read,
    beside: Taught | None,
    student: Answering | None,
    validation: Collection[str],
    seed: int,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> Chosen:
    """The setting by the mean of accuracy and macro-F1 over folds of repositories, then weights and thresholds of the tiers by the same.

    Args:
        beside: unread commits to learn from too, never of a repository that is judged on. student: None for tier 1 alone.
        validation: the repositories that it was validated on.
    """
    folds = list(GroupKFold(FOLDS).split(np.zeros(len(found.kinds)), groups=found.repositories))
    held_out: dict[Setting, np.ndarray] = {}
    for number, setting in enumerate(SETTINGS):
        shares = np.zeros((len(found.kinds), len(KINDS)))
        for place, (train, held) in enumerate(folds):
            shares[held] = _elsewhere(found, beside, train, held, setting, seed)
            progress(number * FOLDS + place + 1, len(SETTINGS) * FOLDS)
        held_out[setting] = shares
    weighed = {setting: weigh(found.kinds, {RULES: found.rules, LINEAR: shares}) for setting, shares in held_out.items()}
    setting = max(weighed, key=lambda setting: _mean(weighed[setting][1]))
    tiers, figured = {1: weighed[setting][0]}, {1: weighed[setting][1]}
    rows = [row for row, name in enumerate(found.repositories) if name in validation]
    if student is not None and rows:
        others = [row for row, name in enumerate(found.repositories) if name not in validation]
        members = {
            RULES: found.rules[rows],
            LINEAR: _elsewhere(found, beside, others, rows, setting, seed),
            STUDENT: _asked(student, [found.commits[row] for row in rows]),
        }
        for tier in (2, 3):
            tiers[tier], figured[tier] = weigh(found.kinds[rows], {name: members[name] for name in TIERS[tier]})
    return Chosen(setting, tiers, figured)


def _elsewhere(found: Read, beside: Taught | None, train: Sequence[int], held: Sequence[int], setting: Setting, seed: int) -> np.ndarray:
    """P(kind) of some commits by a model of others, of other repositories."""
    others = beside.without({found.repositories[row] for row in held}) if beside is not None else None
    model = fit([found.buckets[row] for row in train], found.kinds[train], setting, seed, others)
    return probabilities(model, [found.buckets[row] for row in held], found.possible[held])


def _asked(student: Answering, found: Sequence[Commit]) -> np.ndarray:
    """P(kind) by a student, each change asked for as at run time; none where it has no text."""
    shares = np.zeros((len(found), len(KINDS)))
    for row, commit in enumerate(found):
        hunk = text.of_all(commit.files)
        shares[row] = student.answer([hunk], commit.message)[0].kinds if hunk is not None else np.eye(len(KINDS))[NONE_ID]
    return shares


def weigh(kinds: np.ndarray, members: Mapping[str, np.ndarray]) -> tuple[Tier, dict[str, float]]:
    """The weights, in steps of STEP, whose mean P(kind) has the best mean of accuracy and macro-F1 at the threshold for SILENCE; with these figures."""
    best: tuple[Tier, dict[str, float]] | None = None
    steps = round(1 / STEP)
    for parts in product(range(steps + 1), repeat=len(members) - 1):
        if sum(parts) > steps:
            continue
        weights = [*(part * STEP for part in parts), 1 - sum(parts) * STEP]
        shares = sum(weight * own for weight, own in zip(weights, members.values(), strict=True))
        threshold = threshold_for(kinds, np.asarray(shares))
        told = figures(kinds, np.asarray(shares), threshold)
        if best is None or _mean(told) > _mean(best[1]):
            best = Tier({name: round(weight, 3) for name, weight in zip(members, weights, strict=True)}, threshold), told
    assert best is not None
    return best


def _mean(told: Mapping[str, float]) -> float:
    return (told["accuracy"] + told["macro_f1"]) / 2


def threshold_for(kinds: np.ndarray, shares: np.ndarray) -> float:
    """The confidence that at most SILENCE of the commits about no defect exceed."""
    loudest = np.sort(shares[kinds == NONE_ID, :NONE_ID].max(1))[::-1]
    return math.ceil(loudest[int(SILENCE * len(loudest))] * 1e4) / 1e4 if len(loudest) else 0.0  # up: else the one that it was taken from is said as well


def figures(kinds: np.ndarray, shares: np.ndarray, threshold: float) -> dict[str, float]:
    """Accuracy, macro-F1 and top 2 over commits about a defect, what is said of the others, and how much of what is said is right."""
    said, category = shares[:, :NONE_ID].max(1) > threshold, shares[:, :NONE_ID].argmax(1)
    about = kinds != NONE_ID
    hit = said & (category == kinds)
    second = np.argsort(-shares[:, :NONE_ID], axis=1, kind="stable")[:, :2]
    f1 = []
    for kind in np.unique(kinds[about]):
        wanted, given = about & (kinds == kind), about & said & (category == kind)
        f1.append(2 * (wanted & given).sum() / (wanted.sum() + given.sum()))
    return {
        "accuracy": float(hit[about].mean()),
        "macro_f1": float(np.mean(f1)),
        "top2": float((second == kinds[:, None]).any(1)[about].mean()),
        "none_said": float(said[~about].mean()) if (~about).any() else float("nan"),
        "precision": float(hit[said].mean()) if said.any() else float("nan"),
    }


# -- writing -------------------------------------------------------------------------------------------


def write(folder: Path, model: Fitted, chosen: Chosen, found: Read, beside: Taught | None, student: str | None, facts: Mapping[str, Any]) -> str:
    """The files that `codex_gate.linear` loads, and the manifest of what was learned from; the version."""
    table = np.full((BUCKETS, ROW), ZERO, np.uint8)
    scale = np.abs(model.weights).max(1) / (ZERO - 1)
    scale = np.where(scale > 0, scale, 1.0)
    table[:, :-1] = np.round(model.weights.T / scale) + ZERO
    table[:, -1] = np.round(model.counts * COUNT)
    data, sources = table.tobytes(), _sources(found, beside)
    files = {TABLE: listed(data), MANIFEST: listed(sources)}
    version = f"kinds-{FORMAT}-{files[TABLE]['sha256'][:8]}"
    told = {"format": FORMAT, "version": version, "kinds": list(KINDS), "buckets": BUCKETS, "bias": [round(float(value), 6) for value in model.bias],
            "scale": [float(value) * COUNT for value in scale], "tiers": {str(number): tier._asdict() for number, tier in chosen.tiers.items()}, "student": student if len(chosen.tiers) > 1 else None, "files": files,
            "chosen": {"setting": chosen.setting, "figures": {str(number): told for number, told in chosen.figures.items()}}, **facts}  # fmt: skip
    for name, content in ((TABLE, data), (MANIFEST, sources), (KINDS_MANIFEST, (json.dumps(told, indent=1) + "\n").encode())):
        with whole(folder / name) as partial:
            partial.write_bytes(content)
    return version


def opened_student(folder: Path, output: Path) -> Student:
    """The student of a folder, once its files lie in `output` too.

    Raises:
        ModelError: it cannot be used.
    """
    student = Student.load(folder)
    if folder.resolve() != output.resolve():
        output.mkdir(parents=True, exist_ok=True)
        for name in (STUDENT_NETWORK, VOCABULARY, STUDENT_MANIFEST):
            with whole(output / name) as partial:
                shutil.copyfile(folder / name, partial)
    return student


def summary(version: str, found: Read, chosen: Chosen, folder: Path) -> str:
    """What was chosen and what it is worth where it was chosen, as a Markdown table below a line."""
    strength, balance = chosen.setting
    lines = [
        f"{version}  {folder}  {len(found.commits):,} commits of {len(set(found.repositories))} repositories; C {strength:g}, balance {balance:g}",
        "",
        "| tier | weights | threshold | accuracy | macro-F1 | top 2 | a category where there is none | right of what is said |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for number, tier in chosen.tiers.items():
        told = chosen.figures[number]
        weights = ", ".join(f"{name} {weight:g}" for name, weight in tier.weights.items())
        shown = " | ".join(f"{told[key]:.3f}" for key in ("accuracy", "macro_f1", "top2", "none_said", "precision"))
        lines.append(f"| {number} | {weights} | {tier.threshold:.3f} | {shown} |")
    return "\n".join(lines) + "\n"


def _sources(found: Read, beside: Taught | None) -> bytes:
    """The hash of every SHA that was learned from, below the name of its repository."""
    used = [*zip(found.repositories, (str(commit.sha) for commit in found.commits), strict=True)]
    used += [*zip(beside.repositories.tolist(), beside.shas, strict=True)] if beside is not None else []
    hashes: dict[str, set[str]] = {}
    for name, sha in used:
        hashes.setdefault(name, set()).add(hashlib.sha256(sha.encode()).hexdigest())
    return "".join(f"{name}\n" + "".join(f"  {one}\n" for one in sorted(hashes[name])) for name in sorted(hashes)).encode()
