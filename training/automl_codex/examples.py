"""Rows that a teacher and a student learn from: a change as text, whether it brings a defect, and which kind of defect it is about.

A row of `verify` tells of up to three changes, each built as a diff and read as at run time (`codex_gate.text`); one of `augment` of the first two:

- its Python as a change of its parent's: a mutant is a defect of its operator's category, a variant that keeps the meaning is none. A graft is neither: it
  does something else than its parent, and nobody says whether that is wrong;
- a mutant turned back into its parent, which repairs a defect of that category and brings none. Without it, the size of an edit would tell a mutant
  from a variant, and the direction of the change – the thing to learn – would tell nothing;
- its Rust as a new file, where the oracles themselves saw the defect, or none. A mutant whose Rust does what its Python does is left out: a new
  file cannot show what was meant.

A category of low confidence is not learned from; a variant is about no defect. All changes of one seed program stay in one part of the split.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from difflib import unified_diff
from itertools import accumulate
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from automl_codex import labels, stages
from automl_codex.files import whole
from automl_codex.split import TEST, TRAIN, VALIDATION, part_of
from automl_codex.types import BUGGY, CORRECT, LabelledTuple, Variant
from codex_gate import text
from codex_gate.errors import UsageError
from codex_gate.student import possible
from codex_gate.taxonomy import KINDS, NONE
from codex_gate.text import HunkText
from codex_gate.types import FileChange

ROWS: Final = "_rows.parquet"
FORMAT: Final = 3
GRAFT: Final = "smote"
_ORACLES = ("rustc", "runtime", "transpiler")
_MODE, _ID = 0o100644, "0" * 40


@dataclass(frozen=True, slots=True)
class Example:
    """A change with its labels.

    Attributes:
        row_id: unique in a data set. lineage: the seed program or repository; a split never parts it. part: TRAIN, VALIDATION or TEST.
        path, before, after, message: the change as `codex_gate.text` reads it; message is empty where there is none.
        defect: BUGGY where it brings one, CORRECT where it brings none, UNKNOWN. category: of the defect that it brings or repairs, NONE where it is about none, None where that is not known.
        second: another kind that can be defended; None where there is none.
    """

    row_id: str
    lineage: str
    part: str
    path: str
    before: str
    after: str
    message: str
    defect: str
    category: str | None
    second: str | None = None

    @property
    def hunk(self) -> HunkText:
        return HunkText(self.path, 0, self.before, self.after)

    @property
    def possible(self) -> tuple[bool, ...]:
        """Which of the 19 kinds can occur in the change's language."""
        return possible(self.hunk.language)


def read(folder: Path) -> list[Example]:
    """The examples of a folder of rows, or of a finished `augment` or `verify` stage without those whose text stands there twice with different labels.

    Raises:
        UsageError: none of them, or nothing in it to learn from.
    """
    if (folder / ROWS).is_file():
        return read_rows(folder / ROWS)
    manifest = stages.manifest_of(folder)
    if manifest["stage"] not in ("augment", "verify"):
        raise UsageError(f"{folder} holds the output of {manifest['stage']}; expected that of augment, of verify or of rows")
    parts, kind = [folder / part["name"] for part in manifest["partitions"]], stages.ROWS[manifest["stage"]]
    wanted = {parents[0] for part in parts for (parents,) in stages.columns(part, ["parents"]) if parents}
    sources = {name: source for part in parts for name, source in stages.columns(part, ["variant_id", "source"]) if name in wanted}
    rows = (row for part in parts for row in stages.read(part, kind))
    found = distinct(example for row in rows for example in of_row(row, sources.get(row.parents[0]) if row.parents else None))
    if not found:
        raise UsageError(f"{folder} holds no change that is labelled as a defect or as none; make more rows")
    return found


def of_row(row: Variant, parent: str | None) -> Iterator[Example]:
    """The changes that a row tells of; `parent` is the source of its parent, None where there is none."""
    if parent is not None and (row.label == BUGGY or (row.label == CORRECT and row.kind != GRAFT)):
        yield from _example(row, "python", "program.py", parent, row.source, row.label, row.category if row.label == BUGGY else NONE)
        if row.label == BUGGY:
            yield from _example(row, "back", "program.py", row.source, parent, CORRECT, row.category)
    if isinstance(row, LabelledTuple) and row.rust and (row.defect == CORRECT or (row.defect == BUGGY and row.label_source in _ORACLES)):
        known = row.defect == BUGGY and row.confidence != labels.LOW
        yield from _example(row, "rust", "program.rs", "", row.rust, row.defect, row.defect_category if known else NONE if row.defect == CORRECT else None)


def _example(row: Variant, name: str, path: str, before: str, after: str, defect: str, category: str | None) -> Iterator[Example]:
    """The largest block of a change; nothing where the two sides are the same text."""
    blocks = list(text.of_change(as_change(path, before, after)))
    if blocks:
        block = max(blocks, key=lambda block: len(block.before) + len(block.after))
        yield Example(f"{row.variant_id}:{name}", row.seed_id, part_of(row.seed_id), path, block.before, block.after, "", defect, category)


def as_change(path: str, before: str, after: str) -> FileChange:
    """Two texts as the change of a file, with a line of context as git's diff has it here; a file without text before is new."""
    lines = list(unified_diff(before.splitlines(), after.splitlines(), n=1, lineterm=""))[2:]
    added, deleted = (sum(line[:1] == sign for line in lines) for sign in "+-")
    return FileChange(path, None if not before else path, "M" if before else "A", _MODE, _MODE, _ID, _ID, added, deleted, "\n".join(lines).encode())


def distinct(examples: Iterable[Example]) -> list[Example]:
    """Each text once; texts that stand there with different labels not at all, for one of them is wrong."""
    seen: dict[tuple[str, str, str, str], Example] = {}
    torn: set[tuple[str, str, str, str]] = set()
    for example in examples:
        key = (example.path, example.before, example.after, example.message)
        first = seen.setdefault(key, example)
        if (first.defect, first.category) != (example.defect, example.category):
            torn.add(key)
    return [example for key, example in seen.items() if key not in torn]


def drawn(found: Sequence[Example], most: int, seed: int) -> list[Example]:
    """At most so many examples, kinds alike as far as they go: the rarest whole, of the others what is left shared out; a change and its way back stay together."""
    rng = random.Random(seed)
    units: dict[str, list[Example]] = {}
    for example in found:
        units.setdefault(example.row_id.rpartition(":")[0], []).append(example)
    by_kind: dict[str, list[list[Example]]] = {}
    for unit in units.values():
        by_kind.setdefault(unit[0].category or "", []).append(unit)
    chosen: list[Example] = []
    kinds = sorted(by_kind, key=lambda kind: (sum(map(len, by_kind[kind])), kind))
    for place, kind in enumerate(kinds):
        share = (most - len(chosen)) // (len(kinds) - place)
        rng.shuffle(by_kind[kind])
        ends = accumulate(map(len, by_kind[kind]))
        chosen += [example for unit, end in zip(by_kind[kind], ends, strict=True) if end <= share for example in unit]
    return chosen


# -- on disk -------------------------------------------------------------------------------------------


def write_rows(path: Path, examples: Sequence[Example]) -> None:
    """Rows as one Parquet file; its footer holds their hash."""
    columns = {field.name: pa.array([getattr(row, field.name) for row in examples], pa.string()) for field in fields(Example)}
    with whole(path) as partial:
        pq.write_table(pa.table(columns).replace_schema_metadata({"format": str(FORMAT), "rows": hash_of(examples)}), partial, compression="zstd")


def read_rows(path: Path) -> list[Example]:
    """The rows of a file that `write_rows` wrote.

    Raises:
        UsageError: unreadable, altered, or of another format.
    """
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise UsageError(f"{path} cannot be read as Parquet ({str(error).splitlines()[0]}); make the folder anew") from None
    told = {key.decode(): value.decode() for key, value in (table.schema.metadata or {}).items()}
    if set(table.column_names) != {field.name for field in fields(Example)} or told.get("format") != str(FORMAT):
        raise UsageError(f"{path} does not hold the rows of this version (format {FORMAT}); make the folder anew")
    found = [Example(**row) for row in table.to_pylist()]
    if not found or hash_of(found) != told.get("rows"):
        raise UsageError(f"{path} was altered: its rows are not those of its footer; make the folder anew")
    for row in found:
        if (
            row.defect not in (BUGGY, CORRECT, labels.UNKNOWN)
            or row.part not in (TRAIN, VALIDATION, TEST)
            or row.category not in (None, *KINDS)
            or row.second not in (None, *KINDS)
        ):
            raise UsageError(
                f"{path}: row {row.row_id} has defect {row.defect}, part {row.part}, category {row.category}, second {row.second}; make the folder anew"
            )
    return found


def hash_of(examples: Sequence[Example]) -> str:
    """The hash of rows in their order."""
    digest = hashlib.sha256()
    for example in examples:
        digest.update(json.dumps(list(asdict(example).values())).encode())
    return digest.hexdigest()


def of_part(examples: Sequence[Example], part: str) -> list[int]:
    """The numbers of the examples of a part of the split."""
    return [number for number, example in enumerate(examples) if example.part == part]


def counts(examples: Sequence[Example]) -> Mapping[str, Mapping[str, int]]:
    """How many of each defect and category, by part of the split."""
    found: dict[str, Counter[str]] = {part: Counter() for part in (TRAIN, VALIDATION, TEST)}
    for example in examples:
        found[example.part].update(["rows", example.defect, *([example.category] if example.category else [])])
    return found
