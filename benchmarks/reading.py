"""What the audits of labels by eye share: files of verdicts, two readers side by side, shares and tables."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from codex_gate.errors import UsageError
from codex_gate.intervals import wilson


def rows(path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """The lines of a CSV file with exactly these columns.

    Raises:
        UsageError: it is not there, or has others.
    """
    if not path.exists():
        raise UsageError(f"{path} does not exist; make it first (see benchmarks/README.md)")
    with path.open(encoding="utf-8", newline="") as stream:
        reader = csv.DictReader(stream)
        if list(reader.fieldnames or ()) != list(columns):
            raise UsageError(f"{path} has columns {', '.join(reader.fieldnames or ()) or 'none'}; expected {', '.join(columns)}")
        return list(reader)


class Compared(NamedTuple):
    """A further reader beside the first one, on the numbers that both judged.

    `numbers` judged by both, pairs and decoys, the `same` of them by both (right or not), `kappa` that agreement beyond chance (Cohen);
    of the `pairs` among them the `right` ones by this reader, `first` by the first; `decoys` among them, `caught` by this reader.
    """

    numbers: int
    same: int
    kappa: float
    pairs: int
    right: int
    first: int
    decoys: int
    caught: int


def compared(real: Mapping[int, bool], one: Mapping[int, bool], other: Mapping[int, bool]) -> Compared:
    """Two readers' verdicts side by side; `real` tells pairs from decoys, the others say whether a number was called right."""
    both = [(real[number], one[number], right) for number, right in other.items() if number in one]
    n, same = len(both), sum(a == b for _, a, b in both)
    p, q = (sum(row[k] for row in both) / n if n else 0.0 for k in (1, 2))
    chance = p * q + (1 - p) * (1 - q)
    pairs, decoys = ([(a, b) for is_pair, a, b in both if is_pair == wanted] for wanted in (True, False))
    return Compared(
        n,
        same,
        (same / n - chance) / (1 - chance) if n and chance < 1 else 1.0,
        len(pairs),
        sum(b for _, b in pairs),
        sum(a for a, _ in pairs),
        len(decoys),
        sum(not b for _, b in decoys),
    )


def share(hits: int, n: int) -> str:
    """A share with its 95 % interval, and the counts: two cells of a table."""
    found = wilson(hits, n)
    return f"{found.value:.0%} [{found.low:.0%}, {found.high:.0%}] | {hits} of {n}" if n else "– | 0 of 0"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (head, ["---"] * len(head), *rows)) + "\n"
