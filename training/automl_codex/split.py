"""Which part of the split a seed program or a repository belongs to: said once, for those who learn and for those who make rows for the training part alone."""

from __future__ import annotations

import hashlib

TRAIN, VALIDATION, TEST = "train", "validation", "test"
TRAIN_SHARE, VALIDATION_SHARE = 70, 15  # percent; the specification, §7.2


def part_of(lineage: str) -> str:
    """The part of the split that a lineage belongs to, by its hash: the same in every data set and every run."""
    place = int(hashlib.sha256(lineage.encode()).hexdigest()[:8], 16) % 100
    return TRAIN if place < TRAIN_SHARE else VALIDATION if place < TRAIN_SHARE + VALIDATION_SHARE else TEST
