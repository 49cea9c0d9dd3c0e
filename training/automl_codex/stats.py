"""The funnel: what went into each stage, what came out, under which reason the rest was left out, and what variants are worth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from automl_codex import stages
from codex_gate.errors import UsageError

BANDS = {"eda": ".85–.95", "template": ".90–.98", "mutation": ".70–.85", "smote": ".80–.90"}  # quality by augmenter; the specification, §4.2
_OPERATOR, _LABELS = "mutation ", (": buggy", ": equivalent_unknown")
_SMOTE, _BALANCE = "smote ", ("samples", "grafts", "short of the largest")


def of(folder: Path) -> str:
    """The funnel of a stage's folder, or of all stages in the folders below one.

    Raises:
        UsageError: no stage data there.
    """
    if (folder / stages.MANIFEST).exists():
        return funnel(folder, stages.manifest_of(folder))
    found = sorted(path.parent for path in folder.glob(f"*/{stages.MANIFEST}"))
    if not found:
        raise UsageError(f"{folder} holds no stage data, nor does a folder in it; make some with: automl-codex generate --output {folder}/raw")
    manifests = {path: stages.manifest_of(path) for path in found}
    order = {name: place for place, name in enumerate(stages.ROWS)}
    return "\n".join(funnel(path, manifests[path]) for path in sorted(found, key=lambda path: order[manifests[path]["stage"]]))


def funnel(folder: Path, manifest: Mapping[str, Any]) -> str:
    """One stage's part of the funnel as text."""
    partitions = f"{len(manifest['partitions']):,}" + ("" if manifest["complete"] else f" of {manifest['partitions_wanted']:,}")
    lines = [f"{manifest['stage']}  {folder}  seed {manifest['seed']}  {manifest['rows']:,} rows in {partitions} partitions"]
    counts, rejects = manifest["counts"], manifest["rejects"]
    tabled = {f"{_OPERATOR}{name}{label}" for name in operators(counts) for label in _LABELS} | {
        f"{_SMOTE}{name}: {column}" for name in balance(counts) for column in _BALANCE
    }
    lines += [f"  {name:<52} {count:>12,}" for name, count in sorted(counts.items()) if name not in tabled]
    if rejects:
        lines.append("  left out:")
        lines += [f"    {reason:<50} {count:>12,}" for reason, count in sorted(rejects.items(), key=lambda item: -item[1])]
    if manifest["stage"] == "augment":
        lines += [*_survivors(counts), *_grafts(counts, rejects), *_quality(folder, manifest)]
    return "\n".join(lines) + "\n"


def operators(counts: Mapping[str, int]) -> dict[str, tuple[int, int]]:
    """Buggy mutants and survivors, which no input tells from their program, by mutation operator; most mutants first."""
    found: dict[str, tuple[int, int]] = {}
    for key in counts:
        if key.startswith(_OPERATOR):
            name = key.removeprefix(_OPERATOR).partition(":")[0]
            found[name] = (counts.get(f"{_OPERATOR}{name}: buggy", 0), counts.get(f"{_OPERATOR}{name}: equivalent_unknown", 0))
    return dict(sorted(found.items(), key=lambda item: (-sum(item[1]), item[0])))


def balance(counts: Mapping[str, int]) -> dict[str, tuple[int, int, int]]:
    """Mutants of the training part, grafts, and what is still short of the largest category, by category; most mutants first."""
    names = [key.removeprefix(_SMOTE).removesuffix(": samples") for key in counts if key.startswith(_SMOTE) and key.endswith(": samples")]
    found = {name: tuple(counts.get(f"{_SMOTE}{name}: {column}", 0) for column in _BALANCE) for name in names}
    return {name: (samples, grafts, short) for name, (samples, grafts, short) in sorted(found.items(), key=lambda item: (-item[1][0], item[0]))}


def acceptance(counts: Mapping[str, int], rejects: Mapping[str, int]) -> tuple[int, int]:
    """Grafts that were kept, and those that were judged."""
    kept = counts.get("smote: buggy", 0)
    return kept, kept + sum(count for reason, count in rejects.items() if reason.startswith("smote: "))


def _survivors(counts: Mapping[str, int]) -> Iterator[str]:
    found = operators(counts)
    if found:
        yield f"  {'mutants by operator':<36} {'buggy':>12} {'survivors':>14}"
    for name, (buggy, survivors) in found.items():
        yield f"    {name:<34} {buggy:>12,} {survivors:>7,} {100 * survivors / (buggy + survivors):>4.0f} %"


def _grafts(counts: Mapping[str, int], rejects: Mapping[str, int]) -> Iterator[str]:
    kept, judged = acceptance(counts, rejects)
    if judged:
        yield f"  grafts: {kept:,} of {judged:,} were accepted, {100 * kept / judged:.1f} %"
    found = balance(counts)
    if found:
        yield f"  {'mutants of the training part':<36} {'before':>12} {'after':>12} {'short':>12}"
    for name, (samples, grafts, short) in found.items():
        yield f"    {name:<34} {samples:>12,} {samples + grafts:>12,} {short:>12,}"


def _quality(folder: Path, manifest: Mapping[str, Any]) -> Iterator[str]:
    found: dict[str, list[float]] = {}
    for part in manifest["partitions"]:
        for kind, quality in stages.columns(folder / part["name"], ("kind", "quality")):
            found.setdefault(kind, []).append(quality)
    known = [name for name in BANDS if name in found]
    if known:
        yield f"  {'quality of variants':<36} {'median':>12} {'10 to 90 %':>12} {'specified':>12}"
    for name in known:
        middle, spread = band(found[name])
        yield f"    {name:<34} {middle:>12} {spread:>12} {BANDS[name]:>12}"


def band(qualities: Sequence[float]) -> tuple[str, str]:
    """The median, and between which two values the middle four fifths lie."""
    values = sorted(qualities)
    tenth = len(values) // 10
    return f"{median(values):.2f}", f"{values[tenth]:.2f}–{values[-1 - tenth]:.2f}"
