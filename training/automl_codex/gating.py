"""Judges what a stage counted, or what an evaluation measured, by the gates file: one call, one exit code.

    code = gating.settle(gating.of_stage(manifest, gates, str(folder)), gates, andon)

A broken gate is told to every Andon handler. It ends in exit code 1 when the team's own file holds the key and in 0
when only the specification asks for it; past a critical value the line stops (HaltedError, 4).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from codex_gate.andon import Andon, AndonEvent, DiversityCollapse, HighRejectionRate, ModelDegradation
from codex_gate.errors import ConfigError
from codex_gate.gates import Gates

TWIN = "the same as another but for names"  # as `generate` counts its rejects
ENDED = "the strategy has no further program"
DIFFERENT = "it behaves differently"  # as `augment` does, behind the name of the augmenter
CATEGORY = "category "  # before the name, in the counts of a stage that labels
KEPT = (": correct", ": buggy", ": equivalent_unknown")
PAIRED = ("compiles", "compile_error", "transpile_crash")  # as `transpile` counts its pairs; what the transpiler refuses is none
_OF_ROWS = {
    "min_auc": ("auc_roc", "AUC of the defect"),
    "min_f1": ("f1_score", "F1 of the defect"),
    "max_fpr": ("false_positive_rate", "false-positive rate of the defect"),
}
"""By key of the training section the measure of models of verified rows, and how it is called."""


def of_stage(manifest: Mapping[str, Any], gates: Gates, where: str) -> list[AndonEvent]:
    """The gates that a stage's counts break; none for a stage without candidates, or one that no gate speaks of."""
    counts, rejects = manifest["counts"], manifest["rejects"]
    match manifest["stage"]:
        case "generate":
            return _generated(counts, rejects, gates, where)
        case "augment":
            return _augmented(counts, rejects, gates, where)
        case "transpile":
            kept = sum(counts.get(status, 0) for status in PAIRED)
            remedy = "see why with automl-codex stats, then generate --grammar python-core or take another --transpiler"
            return _rejected(kept, kept + sum(rejects.values()), gates, where, remedy)
        case "verify":
            return _verified(counts, gates, where)
    return []


def _generated(counts: Mapping[str, int], rejects: Mapping[str, int], gates: Gates, where: str) -> list[AndonEvent]:
    made, wanted = counts.get("programs", 0), gates.generation
    lost = {reason: n for reason, n in rejects.items() if reason != ENDED}  # what was never made was not rejected
    candidates = made + sum(lost.values())
    if not candidates:
        return []
    found: list[AndonEvent] = []
    invalid = sum(n for reason, n in lost.items() if reason.startswith("SyntaxError")) / candidates
    if 1 - invalid < wanted.min_syntax_validity:
        found.append(
            HighRejectionRate(
                invalid, 1 - wanted.min_syntax_validity, gate="generation.min_syntax_validity", where=where,
                remedy="mend the production that writes what does not parse; the rejects stand in automl-codex stats",
            )
        )  # fmt: skip
    distinct = 1 - lost.get(TWIN, 0) / candidates
    if distinct < wanted.min_diversity_score:
        found.append(
            DiversityCollapse(
                distinct, wanted.min_diversity_score, gate="generation.min_diversity_score", where=where,
                remedy="ask for fewer programs, a greater --max-depth or another --strategy",
            )
        )  # fmt: skip
    return found + _rejected(made, candidates, gates, where)


def _augmented(counts: Mapping[str, int], rejects: Mapping[str, int], gates: Gates, where: str) -> list[AndonEvent]:
    kept = sum(n for name, n in counts.items() if name.endswith(KEPT) and not name.startswith("mutation "))
    found = _rejected(kept, kept + sum(rejects.values()), gates, where)
    same = sum(n for name, n in counts.items() if name.startswith("eda: ") and name.endswith(KEPT))
    other = rejects.get(f"eda: {DIFFERENT}", 0)
    least = gates.augmentation.min_semantic_similarity
    if same + other and same / (same + other) < least:
        found.append(
            HighRejectionRate(
                other / (same + other), 1 - least, gate="augmentation.min_semantic_similarity", where=where,
                remedy="variants that are to keep the meaning do not: lower the probabilities of EDA, or leave eda out of --strategy",
            )
        )  # fmt: skip
    return found


def _verified(counts: Mapping[str, int], gates: Gates, where: str) -> list[AndonEvent]:
    """Categories with fewer samples than the team's own file asks for before a training.

    A category that has none is one that this data cannot hold; it is named in the card, not invented.
    """
    least = gates.training.min_coverage_per_category
    found = {name.removeprefix(CATEGORY): n for name, n in counts.items() if name.startswith(CATEGORY)}
    if "training.min_coverage_per_category" not in gates.given:
        return []
    return [
        ModelDegradation(
            f"samples of {name}",
            n,
            least,
            gate="training.min_coverage_per_category",
            where=where,
            remedy="make or mine more of them, or leave the category out",
        )
        for name, n in sorted(found.items())
        if 0 < n < least
    ]


def _rejected(
    kept: int, candidates: int, gates: Gates, where: str, remedy: str = "see why with automl-codex stats, then change the strategy or its options"
) -> list[AndonEvent]:
    limit = gates.generation.max_rejection_rate
    share = 1 - kept / candidates if candidates else 0.0
    if share <= limit:
        return []
    return [HighRejectionRate(share, limit, gate="generation.max_rejection_rate", where=where, remedy=remedy)]


def check_options(gates: Gates, factor: int, quality_threshold: float) -> None:
    """Hold the options of `augment` against the gates, before it starts.

    Raises:
        ConfigError: a greater factor or a lower quality threshold than the gates file allows.
    """
    asked = gates.augmentation
    if factor > asked.max_augmentation_factor:
        raise ConfigError(f"eda-factor is {factor}, {_source(gates)} allows max_augmentation_factor {asked.max_augmentation_factor}; ask for fewer variants")
    if quality_threshold < asked.min_quality_score:
        raise ConfigError(f"quality-threshold is {quality_threshold:g}, {_source(gates)} asks for min_quality_score {asked.min_quality_score:g}; raise it")


def _source(gates: Gates) -> str:
    return gates.source or "the specification (§8.1)"


def of_evaluation(report: Mapping[str, Any], gates: Gates, where: str) -> list[AndonEvent]:
    """The gates that an evaluation misses and that block: its own, and those of the team's gates file.

    F1 is the best where at most 10 % of what is clean is flagged, and the false-positive rate that of the same threshold.
    """
    values = {gate["gate"]: gate["value"] for gate in report["gates"]}
    fpr = next((gate["fpr"] for gate in report["gates"] if gate.get("fpr") is not None), None)
    own = [gate for gate in report["gates"] if gate["blocks"] and not gate["met"]]
    found: list[AndonEvent] = [
        ModelDegradation(
            gate["gate"], gate["value"], float(gate["must"].split()[1]), gate=gate["gate"], where=where,
            remedy=f"it must be {gate['must']}{_once(own, k)}",
        )
        for k, gate in enumerate(own)
    ]  # fmt: skip
    auc, f1 = values["spec_auc"], values["spec_f1_at_fpr_10_percent"]
    rows = [
        ("min_auc", "AUC", auc, auc < gates.training.min_auc),
        ("min_f1", "best F1 at a false-positive rate of at most 10 %", f1, f1 < gates.training.min_f1),
        ("max_fpr", "false-positive rate where F1 is best", fpr, fpr is not None and fpr > gates.training.max_fpr),
    ]
    remedy = f"train on more history, or change the key in {gates.source}"
    return found + [
        ModelDegradation(metric, value, getattr(gates.training, key), gate=f"training.{key}", where=where, remedy=remedy)
        for key, metric, value, broken in rows
        if broken and f"training.{key}" in gates.given
    ]


def _once(gates: Sequence[Mapping[str, Any]], k: int) -> str:
    """What to do about the k-th of these gates, where no later one says the same."""
    remedies = [gate.get("remedy") or f"--accept-missed {gate['gate']} ships all the same" for gate in gates]
    return "" if any(later.endswith(remedies[k]) for later in remedies[k + 1 :]) else f"; {remedies[k]}"


def given_training(gates: Gates) -> dict[str, float]:
    """The measures of a model that the team's own gates file asks for."""
    return {key: getattr(gates.training, key) for key in _OF_ROWS if f"training.{key}" in gates.given}


def of_rows(measured: Mapping[str, float | None], wanted: Mapping[str, Any], where: str, source: str, section: str = "evaluation") -> list[AndonEvent]:
    """The least and greatest values of a section that models of verified rows miss; what the test part cannot tell breaks nothing.

    Args:
        measured: `row_models.of_defect` on the test part. wanted: that section. source: the file that it stands in.
    """
    found: list[AndonEvent] = []
    for key, (name, said) in _OF_ROWS.items():
        value = measured[name]
        if key in wanted and value is not None and (value > wanted[key] if key.startswith("max_") else value < wanted[key]):
            remedy = f"generate more programs, or change the key in {source}"
            found.append(ModelDegradation(said, value, wanted[key], gate=f"{section}.{key}", where=where, remedy=remedy))
    return found


def settle(events: Sequence[AndonEvent], gates: Gates, andon: Andon) -> int:
    """Tell the handlers of every event; 1 when a key of the team's own file is broken, else 0.

    Raises:
        HaltedError: a handler halts.
    """
    andon.check(events)
    return int(any(event.gate in gates.given for event in events))
