"""`automl-codex retrain`: a model that knows this repository, if it is no worse than the one in use.

    mine own history → try a blend in the order of time → compare on the later parts → build → swap the directory

What is younger than a year is left out: most of its bugs are not found yet. The comparison is with the shipped model and,
on changes that it did not learn from, with the model that lies in the output directory. The challenger is taken when a gain
is certain and no loss is; where that does not hold of its order, the base model's order with a calibration of this
repository is the second challenger. Neither is taken when labels that the model in use learned from have been lost: what the
later changes say of a challenger is too little to notice that it learned from wrong labels (docs/retraining.md).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from textwrap import fill
from typing import Any, Final, NamedTuple

import numpy as np

from automl_codex import blend, claims, evaluate, export, lines, metrics, mine, own_words, release, tables, train
from automl_codex.claims import Claims
from automl_codex.evaluation_report import day
from automl_codex.files import listed
from automl_codex.release import Release
from codex_gate import szz
from codex_gate.backtest import DAY
from codex_gate.errors import AGAIN, ModelError, UsageError
from codex_gate.features import FEATURE_SCHEMA, UNKNOWN
from codex_gate.forest import Forest
from codex_gate.git import Repository
from codex_gate.linear import KINDS_MANIFEST, TABLE, Linear
from codex_gate.model import FOREST_FILE, FORMAT, MANIFEST, STUDENT_MANIFEST, Model, check_file, default_directory, signed_off
from codex_gate.own_words import WORDS_FILE, OwnWords
from codex_gate.policy import Policy
from codex_gate.replay import TRAINED_ON, newest
from codex_gate.types import ModelKind

MAX_LOSS: Final = 0.01  # of AUC that the interval against another model may hold, and that may be lost on the newest part alone
MIN_KEPT: Final = 0.95  # of the changes that the model in use learned as having needed a fix; a fix is not unmade, so nearly all are kept (docs/retraining.md)
LABELS: Final = "training-labels.txt"  # in a retrained directory: sha256 of the SHA of each change that needed a fix
LABELLER: Final = f"{szz.DEFAULT}-{szz.LABELLER}"  # whose labels they are; those of another do not compare
NO_ONNX: Final = "left out: the runtime reads the flat forest, and the trees that were taken over exist in no other form"

EVERYTHING: Final = Policy()  # looks at every path

Progress = Callable[[str], None]
Scores = tuple[np.ndarray, np.ndarray]  # raw scores and probabilities, (n,) each


@dataclass(frozen=True)
class Asked:
    """What a run works on.

    `base` is the model that the own history is blended with, None for the shipped one; `work` keeps the mined table and the
    journal; `feedback` is what people said, as `codex-gate feedback` writes it; `policy` says which paths are looked at, as in a screen.
    """

    repo: Repository
    output: Path
    base: Path | None = None
    work: Path | None = None
    seed: int = 42
    feedback: Path | None = None
    policy: Policy = EVERYTHING

    @property
    def place(self) -> Path:
        """In the common git directory unless said otherwise: nothing of it is seen by git."""
        return self.work or self.repo.common_dir / "codex-gate" / "retrain"


def make(asked: Asked, today: date, progress: Progress) -> Release:
    """Mine, compare and build; nothing is written but the work directory.

    Raises:
        UsageError: a shallow or partial clone, a history that teaches nothing, too few changes to judge, a directory at `output` that is no whole model.
        ModelError: the base model cannot be used.
        InternalError: the forest that was put together does not score as its parts.
    """
    refuse_installed(asked.output)
    base = Model.load(asked.base or default_directory())
    if base.kind is ModelKind.RETRAINED and base.words is not None:
        raise UsageError(
            f"{base.directory} was retrained on a repository and reads its words; blend with the model that it was made of (without --base: the shipped one)"
        )
    held = in_use(asked.output)
    said = claims.read(asked.feedback) if asked.feedback else []  # before the work: a file that cannot be meant must not cost an hour
    data, head = history(asked, today, progress)
    heard = claims.found(said, asked.repo, head, data) if said else Claims.none(len(data))
    progress(f"{len(data)} changes can be learned from, {int(data.y.sum())} of them needed a fix; comparing in the order of time")
    found, report = _contest(asked, data, head, base, held, today)
    progress("growing the forest that ships")
    flat, words = _final(asked, data, base, found, heard)
    if asked.feedback:
        report["feedback"] = claims.report(heard, data) | _changed(asked, data, base, found, heard, flat, words)
    return Release(_files(asked, data, base, found, flat, words, report), report)


def _contest(asked: Asked, data: tables.Dataset, head: str, base: Model, held: Model | None, today: date) -> tuple[blend.Challenge, dict[str, Any]]:
    """The challenger and its report: the blend, or where that is refused the base model's order with an own calibration, if that is taken; else the blend."""
    found = blend.challenge(data, base, asked.seed)
    report = _report(asked, data, head, base, held, found, today)
    if not (found.weight or found.words) or taken(report["gates"]):
        return found, report
    second = blend.challenge(data, base, asked.seed, weight=0.0, words=0.0)
    other = _report(asked, data, head, base, held, second, today)
    if not taken(other["gates"]):
        return found, report | {"refused_too": {"gates": other["gates"]}}
    return second, other | {
        "refused_first": {"weight": found.weight, "words": found.words, "difference": report["judged"]["difference"], "gates": report["gates"]}
    }


def taken(gates: Iterable[Mapping[str, Any]]) -> bool:
    """Whether a challenger takes the place of the model in use, by the gates that block."""
    return all(gate["met"] for gate in gates if gate["blocks"])


def _final(asked: Asked, data: tables.Dataset, base: Model, found: blend.Challenge, heard: Claims | None) -> tuple[bytes, OwnWords | None]:
    """The forest and the words that ship."""
    return blend.final_forest(data, base, found.weight, asked.seed, heard), blend.final_words(data, base, found.words, heard) or base.words


def _changed(asked: Asked, data: tables.Dataset, base: Model, found: blend.Challenge, heard: Claims, flat: bytes, words: OwnWords | None) -> dict[str, Any]:
    """What the claims changed in what ships: the mean risk of all rows and of those that they are about, with and without them; it learned from these rows."""
    if not bool((heard.emphasis(data.y) > 1).any()):
        return {"changed": False}
    parts = {"with": (flat, words), "without": _final(asked, data, base, found, None)}
    raw = {side: blend.scored(blend.Parts(Forest(forest), base.feature_names, base.slopes, said), data) for side, (forest, said) in parts.items()}
    risk = {side: train.apply(found.knots, one) for side, one in raw.items()}
    return {
        "changed": not np.array_equal(raw["with"], raw["without"]),
        "mean_risk": {side: float(one.mean()) for side, one in risk.items()},
        "mean_risk_of_claims": {side: float(one[heard.rows].mean()) for side, one in risk.items()},
    }


def refuse_installed(output: Path) -> None:
    """Refuse to write over the model that codex-gate came with.

    Raises:
        UsageError: it lies there.
    """
    if output.resolve() == default_directory().resolve():
        raise UsageError(
            f"{output} holds the model that codex-gate came with, which every repository uses; give --output a directory of yours, for example .codex-gate/models"
        )


def is_in_use(made: Release, output: Path) -> bool:
    """Whether the model that lies at `output` is the same, learned from the same labels and paths, so that nothing is to be written; the commit that it was retrained at aside."""
    if made.version != made.report["versions"].get("in_use") or copied_kinds(output):
        return False
    ours, theirs = (dict(json.loads(text).get("retrained", {}), head="") for text in (made.files[MANIFEST], (output / MANIFEST).read_bytes()))
    labels = output / LABELS
    return ours == theirs and labels.is_file() and labels.read_bytes() == made.files[LABELS]


def ship(made: Release, output: Path) -> Model:
    """Write the directory and load what was written; line ranker and notes of others come along, an ONNX form that no longer fits goes.

    What tells kinds of defects is not written: a directory without it leaves that to the models that ship. One of another version goes, and a copy of the shipped one.
    """
    export.write_directory(lines.carried(made.files, output, default_directory()), output, without=copied_kinds(output))
    return Model.load(output)


def copied_kinds(output: Path) -> tuple[str, ...]:
    """The files of a model of kinds that a directory need not hold: one of another version, or a copy of the one that ships, which would go stale.

    Beside a student they stay: the tiers of both were tuned together, and only a directory without either leaves kinds to what ships.
    """
    shipped = default_directory()
    if output.resolve() == shipped.resolve() or (output / STUDENT_MANIFEST).is_file():
        return ()
    try:
        own = Linear.load(output)
    except ModelError:
        return KINDS_MANIFEST, TABLE
    is_copy = own is not None and (output / KINDS_MANIFEST).read_bytes() == (shipped / KINDS_MANIFEST).read_bytes()
    return (KINDS_MANIFEST, TABLE) if is_copy else ()


def in_use(output: Path) -> Model | None:
    """The model that lies at `output`; None for none, or one of an older feature schema, which no longer serves anybody.

    Raises:
        UsageError: something lies there that is no whole model.
    """
    if not output.exists() or (output.is_dir() and not any(output.iterdir())):
        return None
    try:
        return Model.load(output)
    except ModelError as error:
        if _outdated(output):
            return None
        if not (output / MANIFEST).exists():
            raise UsageError(f"{output} is no model directory (it holds no {MANIFEST}); name one that is new or empty, or that holds a model") from error
        raise UsageError(
            f"{output} holds no whole model ({_without_remedy(error)}); restore it (git checkout -- {output}), remove it, or give another --output"
        ) from error


def _without_remedy(error: ModelError) -> str:
    """What is wrong with a model directory, without the remedy for the one that ships."""
    return str(error).replace(f"; {AGAIN}", "").replace(f", {AGAIN}", "")


def _outdated(output: Path) -> bool:
    try:
        manifest = json.loads((output / MANIFEST).read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(manifest, dict) and manifest.get("format") == FORMAT and manifest.get("feature_schema") not in (None, FEATURE_SCHEMA)


def history(asked: Asked, today: date, progress: Progress) -> tuple[tables.Dataset, str]:
    """The repository's own labelled rows, those a year older than its head, in the order of time; and the head's SHA.

    Raises:
        UsageError: a shallow or partial clone, or a history that teaches nothing.
    """
    repo = asked.repo
    mine.refuse_shallow(repo)
    head = repo.resolve("HEAD")
    now = int(datetime(today.year, today.month, today.day, tzinfo=UTC).timestamp()) + DAY
    last = newest(repo, head, now) or now  # when it came in: a picked commit was written earlier, and a clock can be wrong
    keep = asked.policy.keep
    until = last - train.YEAR
    period = f"from before {day(until)} (the last year is left out, since most of its bugs are not found yet)"
    job = mine.Job(mine.name_of(repo), repo, head, until=until, remedy=blend.REMEDY, longer=blend.REMEDY, period=period, keep=keep)
    if paths := asked.policy.patterns:
        progress(f"looking at the paths of the configuration alone: {_listed(paths)}")
    mine.run(job, asked.place, progress)
    progress("reading what the changes say")
    return own_words.attach(repo, tables.read(asked.place / f"{job.project}.parquet"), head, keep), head


# -- what was measured ------------------------------------------------------------------------------------


def _report(asked: Asked, data: tables.Dataset, head: str, base: Model, held: Model | None, found: blend.Challenge, today: date) -> dict[str, Any]:
    """Everything that `evaluation.json` holds."""
    judges = found.judges
    y = judges.y
    models = {"retrained": (found.raw, found.chance), "base": _scored(base, judges)}
    models["lapredict"] = (train.encode(judges, ("la",))[:, 0].astype(float), np.full(len(y), float(data.y.mean())))
    compared = {"base": np.ones(len(y), bool)}
    fresh = _not_learned(held, judges) if held and held.version != base.version else None
    if held and fresh is not None:
        models["in_use"] = _scored(held, judges)
        told = blend.tells(y[fresh]) and not np.isnan(metrics.auc_within(y[fresh], found.raw[fresh], found.part[fresh]))
        compared |= {"in_use": fresh} if told else {}
    table = _table(found, models, asked.seed)
    gains = {name: against(found, models[name], asked.seed, rows) for name, rows in compared.items()}
    newest = found.newest
    alone = {name: metrics.auc(y[newest], raw[newest]) for name, (raw, _) in models.items()} if blend.tells(y[newest]) else {}
    report: dict[str, Any] = {
        "format": 2,
        "kind": "retrained",
        "date": today.isoformat(),
        "machine": evaluate.machine(),
        "seed": asked.seed,
        "feature_schema": FEATURE_SCHEMA,
        "head": head,
        "paths": asked.policy.patterns,
        "data": {"sha256": evaluate.data_hash(data), "commits": len(data), "buggy": int(data.y.sum()), "period": _period(data)},
        "versions": {"base": base.version} | ({"in_use": held.version} if held else {}),
        "learned_before": {name: int((~_not_learned(model, judges)).sum()) for name, model in (("base", base), ("in_use", held)) if model},
        "protocol": _protocol(found),
        "weight": found.weight,
        "words": found.words,
        "judged": {"commits": len(y), "buggy": int(y.sum()), "period": _period(judges), "parts": blend.N_JUDGES, "models": table, "difference": gains},
        "newest": {"commits": int(newest.sum()), "buggy": int(y[newest].sum()), "period": _period(judges.where(newest)), "auc": alone},
    }
    calibrated = calibration(found, models["base"][1], asked.seed)
    f1, fpr = metrics.f1_at_fpr(y, found.raw)
    learned = learned_as_buggy(held, asked.policy.patterns) if held else None
    labels = kept(learned, data) if learned is not None else None
    report |= {"labels": labels._asdict()} if labels else {}
    return report | {"ece": calibrated, "gates": gates(gains, calibrated, table["retrained"]["auc"], f1, labels, fpr)}


class Kept(NamedTuple):
    """Of the changes that the model in use learned as having needed a fix and that still have a label: how many, and how many still have this one."""

    known: int
    kept: int

    @property
    def share(self) -> float:
        return self.kept / self.known


def learned_as_buggy(held: Model, paths: Sequence[str] = ()) -> frozenset[str] | None:
    """The hashes of the changes that a model learned as having needed a fix; None where it does not say so, or another labeller said it, or of other paths.

    Raises:
        ModelError: the list was altered or taken away.
    """
    learned = held.manifest.get("retrained", {})
    if LABELS not in held.manifest["files"] or (learned.get("labeller"), learned.get("paths", [])) != (LABELLER, list(paths)):
        return None
    check_file(held.directory, held.manifest, LABELS)
    return frozenset((held.directory / LABELS).read_text("ascii").split())


def kept(learned: Collection[str], data: tables.Dataset) -> Kept | None:
    """What became of these labels; None where too few of the changes are here to say."""
    still = data.y[np.isin(data.sha256, list(learned))]
    return Kept(len(still), int(still.sum())) if len(still) >= blend.MIN_OF_A_KIND else None


def ece_by_chance(chance: np.ndarray, rng: np.random.Generator) -> float:
    """The expected calibration error that 95 of 100 such samples stay below when every probability (n,) is right: 100 changes alone may give .15."""
    return float(np.quantile([metrics.ece((rng.random(len(chance)) < chance).astype(np.int8), chance) for _ in range(evaluate.DRAWS)], 0.95))


def calibration(found: blend.Challenge, base: np.ndarray, seed: int) -> dict[str, float]:
    """The expected calibration error of a challenger and of probabilities `base` (n,), and what chance explains, on the newest part."""
    rows = found.newest
    y, chance = found.judges.y[rows], found.chance[rows]
    by_chance = ece_by_chance(chance, np.random.default_rng(seed))
    return {"commits": len(y), "retrained": metrics.ece(y, chance), "base": metrics.ece(y, base[rows]), "by_chance": by_chance}


def _scored(model: Model, rows: tables.Dataset) -> Scores:
    raw = blend.scored(model, rows)
    return raw, np.array([model.calibration(score) for score in raw.tolist()])


def _not_learned(model: Model, rows: tables.Dataset) -> np.ndarray:
    """Which rows (mask) the model did not learn from, by its training manifest; all where it has none."""
    listing = model.directory / TRAINED_ON
    known = set(listing.read_text("ascii").split()) if listing.is_file() else set()
    return np.array([sha not in known for sha in rows.sha256.tolist()], bool)


def _table(found: blend.Challenge, models: Mapping[str, Scores], seed: int) -> dict[str, Any]:
    """The measures of each model on the rows that judge; AUC within their parts."""
    y, rng = found.judges.y, np.random.default_rng(seed)
    draws = metrics.bootstrap_within(y, [raw for raw, _ in models.values()], found.part, rng, evaluate.DRAWS)
    table: dict[str, dict[str, Any]] = {}
    for (name, (raw, chance)), row in zip(models.items(), draws, strict=True):
        within = metrics.interval(metrics.auc_within(y, raw, found.part), row)
        table[name] = metrics.summary(y, raw, chance) | {"auc": within.value, "auc_interval": list(within[1:])}
    del table["lapredict"]["brier"], table["lapredict"]["ece"]  # it gives an order, no probability
    return table


def against(found: blend.Challenge, theirs: Scores, seed: int, where: np.ndarray | None = None) -> dict[str, Any]:
    """What a challenger gains over another model whose scores and probabilities (n,) these are, on the rows that judge or some of them (mask).

    The order is compared within all parts, for an AUC needs many fixes; the probabilities on the newest, whose rate of fixes is the one that they must fit.
    `newest`: its commits and the difference of its own AUC, None where it tells nothing.
    """
    y, raw, chance = found.judges.y, found.raw, found.chance
    rows = np.ones(len(raw), bool) if where is None else where
    late = rows & found.newest
    latest = late if late.any() else rows
    told = metrics.auc(y[late], raw[late]) - metrics.auc(y[late], theirs[0][late]) if blend.tells(y[late]) else None
    return (
        {"commits": int(rows.sum())}
        | in_order(y[rows], found.part[rows], raw[rows], theirs[0][rows], seed)
        | {"newest": {"commits": int(latest.sum()), "value": told}, "brier": in_probability(y[latest], chance[latest], theirs[1][latest], seed)}
    )


def in_order(y: np.ndarray, part: np.ndarray, ours: np.ndarray, theirs: np.ndarray, seed: int) -> dict[str, float | None]:
    """AUC within parts (n,) of scores (n,) minus that of others, with the paired 95 % interval; all None where no part has both kinds."""
    value = metrics.auc_within(y, ours, part) - metrics.auc_within(y, theirs, part)
    if np.isnan(value):
        return dict.fromkeys(("value", "low", "high"))
    draws = metrics.bootstrap_within(y, [ours, theirs], part, np.random.default_rng(seed), evaluate.DRAWS)
    return dict(metrics.interval(value, draws[0] - draws[1])._asdict())


def in_probability(y: np.ndarray, ours: np.ndarray, theirs: np.ndarray, seed: int) -> dict[str, float]:
    """Brier score of probabilities (n,) minus that of others, with the paired 95 % interval."""
    off = (ours - y) ** 2 - (theirs - y) ** 2
    draws = np.random.default_rng(seed).choice(off, (evaluate.DRAWS, len(off))).mean(axis=1)
    return dict(metrics.interval(float(off.mean()), draws)._asdict())


def gates(
    gains: Mapping[str, Any], ece: Mapping[str, float], auc: float, f1: float, labels: Kept | None = None, fpr: float | None = None
) -> list[dict[str, Any]]:
    """What must hold for the challenger to take the place of another model; the specification's own values are told of.

    It may lose nothing in order, and its probabilities may not be worse for certain on the newest part; one of the two must have gained for
    certain; the interval of the order's loss, and the loss on the newest part alone, may reach MAX_LOSS. Its probabilities may be off by .10 (`ece` is
    `calibration`), by as much as the base model's are, or by what chance explains in so small a sample. `labels` are those that the model in use learned from: hardly any may be lost. `f1` is the best at a false-positive rate of at most 10 %, `fpr` the rate there.
    """
    limit = max(evaluate.MAX_ECE, ece["base"], ece["by_chance"])
    rows: list[tuple[str, float, str, float, str]] = []
    for name, gain in gains.items():
        rows += verdicts(name, gain)
    rows.append(("ece", ece["retrained"], "<=", limit, STAYS))
    rows += [("labels_kept", labels.share, ">=", MIN_KEPT, _LOST)] if labels else []
    rows += [("spec_auc", auc, ">=", 0.80, ""), ("spec_f1_at_fpr_10_percent", f1, ">=", 0.75, "")]
    return [
        {"gate": gate, "value": value, "must": f"{sign} {bound:g}", "met": HOLDS[sign](value, bound), "blocks": bool(remedy)}
        | ({"remedy": remedy} if remedy else {})
        | ({"fpr": fpr} if gate == "spec_f1_at_fpr_10_percent" and fpr is not None else {})
        for gate, value, sign, bound, remedy in rows
    ]


def verdicts(name: str, gain: Mapping[str, Any]) -> list[tuple[str, float, str, float, str]]:
    """(gate, value, sign, bound, what to do) of one comparison: not worse, not uncertain, better in something."""
    certain = max(gain["low"], -gain["brier"]["high"])
    newest = gain["newest"]["value"]
    return [
        (f"auc_against_{name}", gain["value"], ">=", 0.0, STAYS),
        (f"auc_against_{name}_at_worst", gain["low"], ">=", -MAX_LOSS, STAYS),
        *([(f"auc_against_{name}_newest", newest, ">=", -MAX_LOSS, STAYS)] if newest is not None else []),
        (f"brier_against_{name}_newest_at_best", gain["brier"]["low"], "<=", 0.0, STAYS),
        (f"certain_gain_over_{name}", certain, ">", 0.0, f"neither order nor probabilities are better for certain (95 % interval); {STAYS}"),
    ]


HOLDS: Final[Mapping[str, Callable[[float, float], bool]]] = {
    ">=": lambda value, bound: bool(value >= bound),
    "<=": lambda value, bound: bool(value <= bound),
    ">": lambda value, bound: bool(value > bound),
}
STAYS: Final = "the model in use stays; try again when there is more history"
_LOST: Final = (
    "changes that the model in use learned as having needed a fix count as clean now, which no later commit can bring about; "
    "the model in use stays: find out what changed the labels, or remove it to begin anew"
)


PROTOCOL: Final = {
    "unit": "commit that changes program text; merges, the root and what is too large for a review are left out",
    "labels": "SZZ by this package on the repository's own history, commits of the last year left out because most of their bugs are not found yet",
    "order": f"five parts by time, the newest of at least {blend.MIN_ROWS} commits; a part is scored by what could be made at its first moment (labels as known then, the half year before it left out), and the latest {blend.N_JUDGES} judge; AUC is that of pairs within a part",
    "weight": f"{blend.WEIGHT:g} of the trees are grown on this repository; the same everywhere, nothing is chosen (docs/retraining.md)",
    "words": f"a logistic regression on the words that a change adds to program text and on those of its paths, beside the log-odds of the base model, whose words are where it starts, learned as the own forest is; {blend.WORDS:g} of what it moves them counts",
    "calibration": f"judged with knots fitted on the part before, or the {blend.CALIBRATED} commits before it, with the labels known then; the knots that ship are fitted likewise on the most recent scores, with today's labels",
    "final": "the own trees that ship are grown, and the words learned, on all commits, those that judged too, so they are not the ones that were judged but their successors",
    "decision": f"taken when the AUC is not lower, its interval (95 %) stays above -{MAX_LOSS:g} and so does the difference on the newest part alone (where it holds {blend.MIN_OF_A_KIND} of each kind), the Brier score of the newest part is not worse for certain, the calibration error there is at most {evaluate.MAX_ECE:g}, that of the base model or what chance explains, and one of the two is better for certain; where a blend is refused so, the base model's order with this repository's calibration is tried; no interval is made wider for looking so often (docs/retraining.md)",
    "labels kept": f"of the changes that the model in use learned as having needed a fix {MIN_KEPT:.0%} must still count so, where the same labeller says it of the same paths and {blend.MIN_OF_A_KIND} of them are still here",
    "comparison": "with the base model on all that judges, also where it learned from some of it (that favours it); with the model in use on commits that it did not learn from, if those are enough to tell",
}


def _protocol(found: blend.Challenge) -> dict[str, str]:
    """PROTOCOL, as far as this challenger has own trees and words."""
    none = {"weight": "no trees of this repository", "words": "no words of this repository"}
    left = {name: text for name, text in none.items() if not getattr(found, name)}
    return PROTOCOL | left | ({"final": "what ships is what was judged, with the newest calibration"} if len(left) == len(none) else {})


# -- what is written --------------------------------------------------------------------------------------


def _files(
    asked: Asked, data: tables.Dataset, base: Model, found: blend.Challenge, flat: bytes, words: OwnWords | None, report: Mapping[str, Any]
) -> dict[str, bytes]:
    rounded = [[round(x, 7), round(p, 7)] for x, p in found.knots]
    told = {WORDS_FILE: export.words_file(words)} if words else {}
    slopes = {"slopes": base.manifest["slopes"]} if base.slopes else {}
    content = hashlib.sha256(b"".join([flat, *told.values()]) + json.dumps([rounded, list(base.feature_names), FEATURE_SCHEMA, *slopes.values()]).encode())
    version = f"risk-{FORMAT}-{content.hexdigest()[:8]}"
    evaluation = release.as_json(report)
    texts = {
        "evaluation.json": evaluation,
        "MODEL_CARD.md": card(json.loads(evaluation), version),
        TRAINED_ON: export.training_manifest([*data.sha256.tolist(), *_learned_here(asked.repo, base)]),
        LABELS: export.training_manifest(data.sha256[data.y == 1].tolist()),
    }
    files = {FOREST_FILE: flat} | told | {name: text.encode() for name, text in texts.items()}
    n_own = blend.n_own(found.weight, base.forest)
    manifest = {
        "format": FORMAT,
        "version": version,
        "feature_schema": FEATURE_SCHEMA,
        "feature_names": list(base.feature_names),
        "unknown": UNKNOWN,
        "calibration": rounded,
        **slopes,
        "base_rate": float(data.y.mean()),
        "training_rows": len(data),
        "training_period": _period(data),
        "seed": asked.seed,
        "data_sha256": report["data"]["sha256"],
        "trained": report["date"],
        "retrained": {
            "head": report["head"],
            "base": base.version,
            "own_trees": n_own,
            "base_trees": base.forest.n_trees - n_own,
            "weight": found.weight,
            "words": found.words,
            "labeller": LABELLER,
            "paths": asked.policy.patterns,
        },
        "onnx": NO_ONNX,
        "recipe": blend.own_recipe(base.feature_names, n_own, asked.seed).as_json(),
        "files": {name: listed(text) for name, text in sorted(files.items())},
    }
    met = [gate["gate"] for gate in report["gates"] if gate["blocks"] and gate["met"]]
    manifest["signed_off"] = signed_off(manifest, "automl-codex retrain", met)
    return files | {MANIFEST: (json.dumps(manifest, indent=1) + "\n").encode()}


def _learned_here(repo: Repository, base: Model) -> list[str]:
    """Hashes of this repository's commits that the base model learned from, so that `backtest` can call them out."""
    listing = base.directory / TRAINED_ON
    if not listing.is_file():
        return []
    known = set(listing.read_text("ascii").split())
    return [hashed for hashed in (tables.hash_sha(meta.sha) for meta in repo.log("HEAD")) if hashed in known]


def _period(data: tables.Dataset) -> list[str]:
    return [day(t) for t in (data.time.min(), data.time.max())]


# -- what is said -----------------------------------------------------------------------------------------

NAMES: Final = {"lapredict": "added lines alone", "base": "base model", "in_use": "model in use", "retrained": "retrained"}


def summary(report: Mapping[str, Any]) -> str:
    """The comparison as a Markdown table that also reads well in a terminal, with sentences below."""
    judged, newest = report["judged"], report["newest"]
    head = (
        f"Judged on the {judged['parts']} latest of five parts: {judged['commits']} changes, {judged['period'][0]} to\n{judged['period'][1]}, {judged['buggy']} of them needed a fix.\n"
        f"Weight of this repository's own trees: {report['weight']:g}; share of what its words say: {report['words']:g}.\n"
    )
    rows = [
        f"| {NAMES[name]:17} | {m['auc']:.3f} | {m['auc_interval'][0]:.3f} to {m['auc_interval'][1]:.3f} | {m['average_precision']:.3f} | "
        + (f"{m['ece']:.3f} |" if "ece" in m else "    – |")
        for name, m in ((name, judged["models"][name]) for name in NAMES if name in judged["models"])
    ]
    table = ["| model             |  AUC  |           95 % |  AP   |  ECE  |", "|---|---|---|---|---|", *rows]
    alone = ", ".join(f"{NAMES[name]} {newest['auc'][name]:.3f}" for name in NAMES if name in newest["auc"])
    ece = ", ".join(f"{NAMES[name]} {report['ece'][name]:.3f}" for name in ("base", "retrained"))
    said = f"On the newest part alone, {newest['commits']} changes of which {newest['buggy']} needed a fix: AUC {alone or 'not told by so few'}; ECE {ece}."
    notes = [fill(f"- {note}", 79, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False) for note in (*_notes(report), said)]
    return "\n".join([head, *table, "", *notes]) + "\n"


def _notes(report: Mapping[str, Any]) -> list[str]:
    gains = report["judged"]["difference"]
    said = [_against(NAMES[name], found) for name, found in gains.items()]
    for name, n in report["learned_before"].items():
        if n and name == "base":
            said.append(f"The base model learned from {n} of these changes, so its figures are too good.")
        if n and name == "in_use":
            few = "" if "in_use" in gains else "; the rest are too few to compare the two"
            said.append(f"The model in use learned from {n} of these changes, so its figures are too good{few}.")
    if labels := report.get("labels"):
        said.append(
            f"{labels['kept']} of the {labels['known']} changes that the model in use learned as having needed a fix, and that are still here, count so now."
        )
    if not report["weight"] and "refused_first" not in report:
        said.append(
            f"When the newest part began, fewer than {blend.MIN_OF_A_KIND} of the changes that could be learned from were known to have needed a fix, or not to: so there are no trees and no words "
            "of this repository, and what was tried is the base model's order with a calibration of this repository."
        )
    if first := report.get("refused_first"):
        said.append(
            f"A blend with weight {first['weight']:g} and words {first['words']:g} was refused ({_missed(first['gates'])}), so the base model's order stands, with a calibration of this repository."
        )
    if "refused_too" in report:
        said.append("The base model's order with a calibration of this repository alone was tried too and refused as well.")
    if not taken(report["gates"]):
        said.append(f"Refused: {_missed(report['gates'])}.")
    return said + ([_heard(report["feedback"])] if "feedback" in report else [])


def _missed(gates: Iterable[Mapping[str, Any]]) -> str:
    """The gates that a challenger missed."""
    return "; ".join(f"{gate['gate']} {gate['value']:+.4f}, must be {gate['must']}" for gate in gates if gate["blocks"] and not gate["met"])


def _against(name: str, gain: Mapping[str, Any]) -> str:
    brier = gain["brier"]
    return (
        f"Retrained against the {name}, {gain['commits']} changes: AUC {gain['value']:+.3f} ({gain['low']:+.3f} to {gain['high']:+.3f}), "
        f"Brier score of the newest {gain['newest']['commits']} {brier['value']:+.4f} ({brier['low']:+.4f} to {brier['high']:+.4f}; lower is better)."
    )


def _heard(found: Mapping[str, Any]) -> str:
    """What people said, what became of it, what it changed."""
    text = (
        f"Said by people: {found['disputes']} disputes and {found['marks']} marks, {found['about_no_row']} about no change that is learned from; of the {found['rows']} changes that they are about "
        f"{found['refuted']} needed a fix all the same and count twice, {found['borne_out']} did not and count once."
    )
    if not found["changed"]:
        return f"{text} So nothing changed."
    about, every = found["mean_risk_of_claims"], found["mean_risk"]
    return (
        f"{text} That moved the mean risk of these changes from {about['without']:.4f} to {about['with']:.4f} and that of all from {every['without']:.4f} to {every['with']:.4f}, "
        "in what ships, which learned from them; no claim says when it was made, so none counts in what was judged."
    )


def _words_read(report: Mapping[str, Any]) -> str:
    if not report["words"]:
        return "It learned no words of this repository."
    return (
        "The words that a change brings into program text and those of its paths move the score by what they meant in this history "
        f"beyond what they meant in many projects (share {report['words']:g}); they stand in {WORDS_FILE} as anybody can read them."
    )


def _looked_at(paths: list[str]) -> list[str]:
    """That some paths alone were learned from, as a paragraph of the card."""
    return (
        ["", f"Measures and labels are of the paths that the configuration looks at, `!` leaves out: {_listed(paths)}. Screen with the same."] if paths else []
    )


def _listed(paths: Iterable[str]) -> str:
    """Patterns for a reader, with what cannot be seen in them escaped."""
    return ", ".join(json.dumps(pattern) for pattern in paths)


def card(report: Mapping[str, Any], version: str) -> str:
    """MODEL_CARD.md of a retrained model."""
    data, versions = report["data"], report["versions"]
    parts = [
        f"# Model card: {version}",
        "",
        "Written by `automl-codex retrain` from `evaluation.json`; do not edit.",
        "",
        "## What it is",
        "",
        f"A random forest that gives the calibrated probability that a change of this repository will need a fix later: {versions['base']} blended with trees grown on this repository's own history "
        f"(weight {report['weight']:g}). It reads the same measures as that model, no message and no clock. {_words_read(report)}",
        "",
        "## Data",
        "",
        f"{data['commits']} commits up to {report['head'][:12]}, {data['period'][0]} to {data['period'][1]}, {data['buggy']} of them needed a fix. {PROTOCOL['labels'][0].upper()}{PROTOCOL['labels'][1:]}.",
        *_looked_at(report["paths"]),
        "",
        "## How good it is",
        "",
        summary(report),
        *export.gates_section(report["gates"]),
        "## How it was measured",
        "",
        *(f"- {name}: {text}." for name, text in report["protocol"].items()),
        "",
        "## Limits",
        "",
        "- SZZ labels are noisy: they blame lines that a fix deleted, and know a fix by the words of its message.",
        f"- The ONNX form is {NO_ONNX}.",
        *(
            [
                f"- Words can be picked; what they say is held inside the range in {WORDS_FILE}, halfway between that of the base model and that of this history, the last hundredth on either side left out."
            ]
            if report["words"]
            else []
        ),
        "- What judges in one repository is a small sample: read the intervals before the figures.",
        "",
        f"Made on {report['date']}, {report['machine']['processor']}, {report['machine']['cores']} cores, Python {report['machine']['python']}, seed {report['seed']}.",
    ]
    return "\n".join(parts) + "\n"
