"""The funnel: what went into each stage, what came out, and under which reason the rest was left out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from automl_codex import stages
from codex_gate.errors import UsageError


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
    lines += [f"  {name:<52} {count:>12,}" for name, count in sorted(manifest["counts"].items())]
    rejects = manifest["rejects"]
    if rejects:
        lines.append("  left out:")
        lines += [f"    {reason:<50} {count:>12,}" for reason, count in sorted(rejects.items(), key=lambda item: -item[1])]
    return "\n".join(lines) + "\n"
