"""Verified rows that stand in no partition yet: the journal of a run under a budget.

Such a run verifies pairs of many partitions at a time. What it found goes into one file, a wave, before anything else happens, so that a run that is killed loses the wave in
flight and no more; the partitions are written from the waves at its end. A row counts while its partition's key is the one that it was made under.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from automl_codex import stages
from automl_codex.types import LabelledTuple


def write(stage: stages.Stage, name: str, rows: Sequence[tuple[stages.Work, LabelledTuple]]) -> None:
    """Write a wave; `name` tells it from the others of its folder."""
    keys = {work.number: stage.key(work) for work in {work.number: work for work, _ in rows}.values()}
    told = {"keys": json.dumps(keys), "numbers": json.dumps([work.number for work, _ in rows])}
    stages.write(stage.folder / f"{stages.WAVE}{name}.parquet", [row for _, row in rows], LabelledTuple, told)


def of(stage: stages.Stage, work: stages.Work) -> Iterator[LabelledTuple]:
    """The rows of a partition in all waves that lie there."""
    for path in there(stage.folder, ""):
        keys, numbers = _told(path)
        if keys.get(str(work.number)) == stage.key(work):
            yield from stages.read(path, LabelledTuple, [place for place, number in enumerate(numbers) if number == work.number])


def numbers(path: Path) -> set[int]:
    """The partitions that a wave has rows of."""
    return set(_told(path)[1])


def there(folder: Path, prefix: str) -> list[Path]:
    """The waves whose name begins so, in order."""
    return sorted(folder.glob(f"{stages.WAVE}{prefix}*.parquet"))


def _told(path: Path) -> tuple[dict[str, str], list[int]]:
    """Keys by partition, and each row's partition; nothing for a wave that is damaged or was taken away meanwhile."""
    told = stages.told(path) or {}
    return json.loads(told.get("keys", "{}")), json.loads(told.get("numbers", "[]"))
