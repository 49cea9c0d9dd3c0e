"""Correcting a model's probabilities for a repository that it never saw: one shift of their log-odds, from how often its messages say "fix", or from some labels.

The order of changes stays; only the base rate is brought in. Without labels the shift follows the share of fixes, as it did in other repositories; labels move it from there,
under a heavy-tailed prior: shifts as other repositories have them are believed at once, a far one – labels that mean something else by "buggy" – once enough labels ask for it.

Source: Saerens, Latinne & Decaestecker 2002 (Neural Computation 14(1)): adjusting outputs to new a priori probabilities. What both are worth: docs/calibration.md.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from scipy.stats import poisson  # type: ignore[import-untyped]

from automl_codex import blend, export, metrics, mine, own_words, retrain, tables
from automl_codex.files import listed
from codex_gate.aside import kept
from codex_gate.errors import UsageError
from codex_gate.git import Repository
from codex_gate.globs import Filter
from codex_gate.messages import is_fix
from codex_gate.model import MANIFEST, Model, signed_off
from codex_gate.paths import role

SHIFTS: Final = np.linspace(-6.0, 6.0, 1201)  # those that are tried, all of them since two may be likely; 6 takes a base rate of .04 to .94
NEWEST: Final = 1000  # changes whose messages are counted
SHARES: Final = (
    0.075,
    0.75,
)  # of fixes: the repositories that LEARNED was fitted to had .076 (automapper's newest) to .745 (eslint, all of it); one outside them has another way with messages
MIN_CHANGES: Final = 50  # fewer say nothing of how often a repository fixes
SURPRISE: Final = 0.01  # the chance of so many buggy labels from which on it is asked how they were drawn (chosen)
MIN_LABELS: Final = 20  # with the two or three bugs among fewer the prior says all there is to say (chosen)


def says_something(share: float) -> bool:
    """Whether a share of fixes is one of those that the correction was learned on."""
    return SHARES[0] <= share <= SHARES[1]


class Prior(NamedTuple):
    """What other repositories say of a new one: shift = at_even + slope · log-odds(share of fixes), with `spread` around it, all in log-odds."""

    at_even: float
    slope: float
    spread: float

    def shift(self, share: float) -> float:
        """The shift of a repository where a `share` in (0, 1) of the changes says that it fixes something."""
        return self.at_even + self.slope * float(metrics.log_odds(np.array([share]))[0])


CARD: Final = "MODEL_CARD.md"
LEARNED: Final = Prior(0.355, 0.683, 0.552)
"""Of the model that ships, as `python benchmarks/calibration.py` prints it."""


def shifted(p: np.ndarray, by: float | np.ndarray) -> np.ndarray:
    """Probabilities with their log-odds moved by `by`."""
    return np.asarray(1 / (1 + np.exp(-(metrics.log_odds(p) + by))))


def fix_share(n_fixes: float, n: int) -> float:
    """The share of fixes among n changes, held inside (0, 1) by one change of either kind."""
    return (n_fixes + 1) / (n + 2)


def from_labels(p: np.ndarray, y: np.ndarray, centre: float = 0.0, spread: float = float("inf")) -> float:
    """The shift that makes labels y (n,) most likely under probabilities p (n,), weighed against a Cauchy prior around `centre`; a spread of inf is no prior."""

    risk = shifted(p[:, None], SHIFTS)
    likely = np.log(np.where(np.asarray(y)[:, None] == 1, risk, 1 - risk)).sum(axis=0)
    return float(SHIFTS[np.argmax(likely - np.log1p(((SHIFTS - centre) / spread) ** 2))])


def surprises(n_buggy: int, expected: float) -> bool:
    """Whether more labels are buggy than chance explains where so many are expected (Poisson); labels that were picked hold too many, never too few."""
    return bool(poisson.sf(n_buggy - 1, expected) < SURPRISE)


def learn(shifts: Sequence[float], shares: Sequence[float], today: Sequence[float]) -> Prior:
    """The prior of repositories whose best shift is known; a ridge of one keeps the slope small where repositories are few.

    Messages say "fix" more often from year to year, while no more needs one. So the shares that go with the shifts tell the slope alone; the middle is
    where repositories stand `today`, by their shares now, for which no label is needed.
    """
    odds = metrics.log_odds(np.array(shares))
    a = np.column_stack([np.ones(len(odds)), odds])
    at_even, slope = np.linalg.solve(a.T @ a + np.diag([0.0, 1.0]), a.T @ np.array(shifts))
    spread = max(0.1, float(np.std(np.array(shifts) - a @ [at_even, slope])))
    return Prior(float(np.mean(shifts) - slope * metrics.log_odds(np.array(today)).mean()), float(slope), spread)


# -- one repository -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Adapted:
    """A model directory's files with shifted probabilities, and what the shift rests on: changes counted, share of fixes among them, labels and those of them that are buggy.

    `expected`: how many of them would be buggy by what is said without labels. `before` and `after`: the mean risk of the labelled, 0 without any.
    """

    files: dict[str, bytes]
    shift: float
    counted: int
    share: float
    labels: int
    buggy: int
    expected: float = 0.0
    before: float = 0.0
    after: float = 0.0


def adapt(repo: Repository, model: Model, labels: Path | None, work: Path, progress: mine.Progress, keep: Filter | None = None) -> Adapted:
    """The model with its probabilities moved to this repository.

    Args:
        labels: a CSV of labels from outside, as `mine --labels` takes it; None to go by the messages alone.
        work: folder for the table of labelled commits.
        keep: the paths that are looked at, as in a screen.
    Raises:
        UsageError: too few changes or labels, a share of fixes that says nothing and no labels, labels that are all of buggy commits or ask for
            more than SHIFTS holds, or a file of labels that cannot be meant.
        ModelError: a file of the model is missing or altered.
    """
    if kind := next((kind for kind in ("retrained", "adapted") if kind in model.manifest), ""):
        raise UsageError(
            f"{model.directory} holds a model that was {kind} for one repository: its probabilities are of that one already; give --model one that was not (default: the shipped one)"
        )
    counted, share = _fixes(repo, keep)
    if labels is None:
        _refuse_speechless(counted, share)
        by = LEARNED.shift(share)
        return Adapted(_files(model, by, _facts(model, by, counted, share), _moved(model.base_rate, by)), by, counted, share, 0, 0)
    centre = LEARNED.shift(share) if says_something(share) else 0.0
    p, y = _labelled(repo, model, labels, work, progress, keep)
    by = from_labels(p, y, centre, LEARNED.spread)
    n, buggy, before, after = len(y), int(y.sum()), float(p.mean()), float(shifted(p, by).mean())
    if buggy == n or abs(by) >= SHIFTS[-1]:
        raise UsageError(
            f"{buggy} of the {n} labelled commits are buggy, where the model gives them a mean risk of {before:.3f}: no base rate can be told from that; "
            "label commits drawn at random, those that turned out clean too"
        )
    facts = _facts(model, by, counted, share) | {"labels": n, "buggy": buggy}
    return Adapted(_files(model, by, facts, after), by, counted, share, n, buggy, float(shifted(p, centre).sum()), before, after)


def _refuse_speechless(counted: int, share: float) -> None:
    """Refuse to go by messages that hold to no convention which the correction knows.

    Raises:
        UsageError: the share of fixes lies outside SHARES.
    """
    if not says_something(share):
        low, high = SHARES
        raise UsageError(
            f"{share:.0%} of the newest {counted:,} changes of program text say that they fix something; where the correction was learned it was {low:.1%} to {high:.0%}, "
            f"so that here it tells nothing of how many need a fix: label commits drawn at random, {MIN_LABELS} or more (automl-codex adapt --labels FILE), or stay with the shipped model"
        )


def _labelled(repo: Repository, model: Model, labels: Path, work: Path, progress: mine.Progress, keep: Filter | None) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities (n,) of the labelled commits by the model as it is, and their labels (n,)."""
    job = mine.Job(mine.name_of(repo), repo, "", labels, keep=keep, passing=True)
    mine.run(job, work, progress)
    data = tables.read(work / f"{job.project}.parquet")
    if len(data) < MIN_LABELS:
        raise UsageError(
            f"{labels} has labels of {len(data)} commits of this repository; {MIN_LABELS} are needed, or leave --labels out and go by the messages alone"
        )
    if model.words is not None:
        data = own_words.spoken(repo, data, repo.metas(repo.present_commits(mine.read_labels(labels, job.labels_project))), "HEAD", keep)
    return np.array([model.calibration(score) for score in blend.scored(model, data).tolist()]), data.y


def _facts(model: Model, by: float, counted: int, share: float) -> dict[str, Any]:
    return {"base": model.version, "shift": round(by, 4), "changes": counted, "share_of_fixes": round(share, 4), "labels": 0, "buggy": 0}


def _moved(p: float, by: float) -> float:
    return float(shifted(np.array([p]), by)[0])


def _fixes(repo: Repository, keep: Filter | None) -> tuple[int, float]:
    """How many of the newest changes of program text were counted, and the share of fixes among them."""
    if repo.is_shallow:
        raise UsageError("this clone is shallow: how often it fixes cannot be counted; fetch with full depth (git fetch --unshallow)")
    metas = [meta for meta in repo.log(repo.resolve("HEAD"), f"--max-count={NEWEST * 2}", "--no-merges") if meta.parents]
    touched = repo.touches([(meta.sha, meta.parents[0]) for meta in metas])
    spoken = [is_fix(meta.message) for meta, files in zip(metas, touched, strict=True) if any(role(f.path) == "code" for f in kept(files, keep))][-NEWEST:]
    if len(spoken) < MIN_CHANGES:
        raise UsageError(f"{len(spoken)} of the newest changes touch program text; {MIN_CHANGES} are needed to tell how often this repository fixes something")
    return len(spoken), fix_share(sum(spoken), len(spoken))


def _files(model: Model, by: float, facts: dict[str, Any], base_rate: float) -> dict[str, bytes]:
    """The files of the moved model; no level begins below `base_rate`, which is the mean risk of commits drawn here where there are some."""
    moved = shifted(np.array(model.calibration.risks), by)
    knots = [[raw, round(float(risk), 7)] for raw, risk in zip(model.calibration.scores, moved, strict=True)]
    name = hashlib.sha256(json.dumps([model.manifest["files"], knots], sort_keys=True).encode()).hexdigest()[:8]
    version, listing = f"risk-{model.manifest['format']}-{name}", dict(model.manifest["files"])
    held = {name: (model.directory / name).read_bytes() for name in listing}
    if CARD in held:
        note = f"> **{version}**: the model below with its log-odds moved by {by:+.2f} for one repository (`automl-codex adapt`). All that follows is of the model before.\n\n"
        held[CARD] = note.encode() + held[CARD]
        listing[CARD] = listed(held[CARD])
    manifest = {**model.manifest, "version": version, "calibration": knots, "base_rate": base_rate, "adapted": facts, "files": listing}
    manifest["signed_off"] = signed_off(manifest, "automl-codex adapt", [])
    return held | {MANIFEST: (json.dumps(manifest, indent=1) + "\n").encode()}


def refuse_retrained(output: Path) -> None:
    """Refuse to put an adapted model in the place of a retrained one, which knows more.

    Raises:
        UsageError: one lies at `output`.
    """
    held = retrain.in_use(output)
    if held is not None and "retrained" in held.manifest:
        raise UsageError(f"{output} holds a retrained model, which knows more of its repository than an adapted one; give another --output, or remove it first")


def ship(made: Adapted, output: Path) -> Model:
    """Write the directory and load what was written; kinds of defects are left to the models that ship."""
    export.write_directory(made.files, output, without=retrain.copied_kinds(output))
    return Model.load(output)
