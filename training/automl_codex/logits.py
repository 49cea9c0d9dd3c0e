"""Answers of teachers on disk: one folder, the rows once, and one Parquet file for each teacher.

    _rows.parquet       the examples: text, labels, part of the split
    TEACHER.parquet     row_id, teacher, logits (19 kinds + defect); its footer holds the label order, the hash of the rows and the
                        teacher's tokeniser
    _manifest.json      the same footers as one page, label order first

A teacher's file is written in pieces, so that an interrupted run goes on, and put together at the end: a file is whole or not there.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from automl_codex.examples import ROWS, Example, hash_of, read_rows, write_rows
from automl_codex.files import whole
from codex_gate.errors import UsageError
from codex_gate.student import LABELS

FORMAT: Final = 2
MANIFEST: Final = "_manifest.json"
PIECE: Final = 512  # rows that an interruption costs at most
_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,63}")
_AGAIN = "run automl-codex logits again"


class Teacher(Protocol):
    """Whoever answers: a name for its file, an id that changes with its weights, the hash of its tokeniser."""

    @property
    def name(self) -> str: ...
    @property
    def id(self) -> str: ...
    @property
    def tokeniser(self) -> str: ...

    def logits(self, examples: Sequence[Example]) -> np.ndarray:
        """Logits (n, 20) in the order of LABELS."""
        ...


@dataclass(frozen=True, eq=False)
class Answers:
    """What a folder holds: n rows, and the logits (n, 20) of each teacher by name."""

    examples: tuple[Example, ...]
    logits: dict[str, np.ndarray]


# -- writing -------------------------------------------------------------------------------------------


def write(folder: Path, examples: Sequence[Example], teacher: Teacher, progress: Callable[[int, int, int], None] = lambda done, of, kept: None) -> Path:
    """Let a teacher answer on all rows; goes on where a run was cut off, and does nothing where its file is there already.

    Args:
        progress: called with rows done, of how many, and how many of them an earlier run had made.
    Returns:
        The teacher's file.
    Raises:
        UsageError: the folder holds other rows, the name is no file's, or the teacher gives what are no logits.
    """
    if not _NAME.fullmatch(teacher.name):
        raise UsageError(f"a teacher's name becomes a file's: letters, digits, . _ - only, got {teacher.name!r}")
    rows = _put_rows(folder, examples)
    told = {"format": str(FORMAT), "labels": json.dumps(LABELS), "teacher": teacher.id, "tokeniser": teacher.tokeniser, "rows": rows}
    target, pieces = folder / f"{teacher.name}.parquet", folder / f".{teacher.name}.parts"
    if not _is_of(target, told):
        pieces.mkdir(exist_ok=True)
        starts = range(0, len(examples), PIECE)
        kept = sum(min(PIECE, len(examples) - start) for start in starts if _is_of(pieces / _piece(start), told))
        done = kept
        progress(done, len(examples), kept)
        for start in starts:
            if not _is_of(pieces / _piece(start), told):
                batch = examples[start : start + PIECE]
                _put(pieces / _piece(start), _table(batch, teacher, told))
                done += len(batch)
                progress(done, len(examples), kept)
        _put(target, pa.concat_tables([pq.read_table(pieces / _piece(start)) for start in starts]))
    shutil.rmtree(pieces, ignore_errors=True)
    _put_manifest(folder)
    return target


def _table(batch: Sequence[Example], teacher: Teacher, told: dict[str, str]) -> pa.Table:
    logits = np.asarray(teacher.logits(batch), np.float32)
    if logits.shape != (len(batch), len(LABELS)):
        raise UsageError(f"teacher {teacher.name} gave logits of shape {logits.shape} for {len(batch)} rows, expected ({len(batch)}, {len(LABELS)})")
    if not np.isfinite(logits).all():
        raise UsageError(f"teacher {teacher.name} gave logits that are no finite numbers; its training came to nothing, train it anew")
    columns = {"row_id": pa.array([row.row_id for row in batch]), "teacher": pa.array([teacher.id] * len(batch))}
    return pa.table(columns | {"logits": pa.array(list(logits), pa.list_(pa.float32()))}).replace_schema_metadata(told)


def _put_rows(folder: Path, examples: Sequence[Example]) -> str:
    """Write the rows where none lie yet; their hash."""
    found = hash_of(examples)
    path = folder / ROWS
    if path.exists():
        there = _footer(path).get("rows")
        if there != found:
            raise UsageError(f"{folder} holds the logits of other rows; choose another --output, or remove the folder")
        return found
    folder.mkdir(parents=True, exist_ok=True)
    write_rows(path, examples)
    return found


def _put(path: Path, table: pa.Table) -> None:
    with whole(path) as partial:
        pq.write_table(table, partial, compression="zstd")


def _put_manifest(folder: Path) -> None:
    teachers = {path.stem: {"file": path.name, **_footer(path)} for path in _files(folder)}
    for told in teachers.values():
        told.pop("labels", None)
    content = {"format": FORMAT, "labels": list(LABELS), "rows": _footer(folder / ROWS)["rows"], "teachers": teachers}
    with whole(folder / MANIFEST) as partial:
        partial.write_text(json.dumps(content, indent=1) + "\n", "utf-8")


def _piece(start: int) -> str:
    return f"{start:09}.parquet"


# -- reading -------------------------------------------------------------------------------------------


def read(folder: Path, num_teachers: int | None = None) -> Answers:
    """Rows and the answers of all teachers in a folder.

    Args:
        num_teachers: how many there must be; None for one or more.
    Raises:
        UsageError: a teacher is missing or half written, or a file holds other rows, another label order, or what are no logits.
    """
    if not (folder / ROWS).is_file():
        raise UsageError(f"{folder} holds no logits ({ROWS} is missing); make them with: automl-codex logits --output {folder}")
    examples = read_rows(folder / ROWS)
    half = sorted(path.name.removeprefix(".").removesuffix(".parts") for path in folder.glob(".*.parts"))
    if half:
        raise UsageError(f"{folder}: the logits of {', '.join(half)} are half written; {_AGAIN} to finish them")
    files = _files(folder)
    listed = _listed(folder)
    missing = sorted(set(listed) - {path.stem for path in files})
    if missing:
        raise UsageError(f"{folder}: the file of teacher {', '.join(missing)} is missing; {_AGAIN}, or make the folder anew without it")
    if not files or (num_teachers is not None and len(files) != num_teachers):
        wanted = "at least 1" if num_teachers is None else str(num_teachers)
        raise UsageError(f"{folder} holds {len(files)} teachers ({', '.join(path.stem for path in files) or 'none'}), expected {wanted}; {_AGAIN} for each")
    rows = _footer(folder / ROWS)["rows"]
    return Answers(tuple(examples), {path.stem: _logits(path, examples, rows) for path in files})


def _logits(path: Path, examples: Sequence[Example], rows: str) -> np.ndarray:
    footer = _footer(path)
    order = json.loads(footer.get("labels", "[]"))
    if footer.get("format") != str(FORMAT) or order != list(LABELS):
        strange = next((f"{there} where {here} stands here" for here, there in zip(LABELS, order) if here != there), f"{len(order)} labels")
        raise UsageError(f"{path} has another label order ({strange}); expected the {len(LABELS)} labels of this version, {_AGAIN}")
    table = _table_of(path)
    if footer.get("rows") != rows or table.num_rows != len(examples) or table["row_id"].to_pylist() != [row.row_id for row in examples]:
        raise UsageError(f"{path} holds {table.num_rows} answers on other rows than the {len(examples)} of {ROWS}; {_AGAIN}")
    lists = table["logits"].to_pylist()
    widths = {len(values) if values is not None else 0 for values in lists}
    if widths != {len(LABELS)}:
        raise UsageError(f"{path} has rows of {', '.join(map(str, sorted(widths)))} logits, expected {len(LABELS)}; {_AGAIN}")
    found = np.array(lists, np.float32)
    bad = np.flatnonzero(~np.isfinite(found).all(1))
    if len(bad):
        raise UsageError(f"{path} holds logits that are no finite numbers in {len(bad)} rows, the first is {examples[bad[0]].row_id}; {_AGAIN}")
    return found


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*.parquet") if not path.name.startswith((".", "_")))


def _listed(folder: Path) -> dict[str, Any]:
    """The teachers that the manifest names."""
    try:
        found = json.loads((folder / MANIFEST).read_text("utf-8"))["teachers"]
    except FileNotFoundError:
        raise UsageError(f"{folder / MANIFEST} is missing; {_AGAIN}") from None
    except (ValueError, LookupError, TypeError):
        found = None
    if not isinstance(found, dict):
        raise UsageError(f"{folder / MANIFEST} is no manifest of logits; {_AGAIN}")
    return found


def _table_of(path: Path) -> pa.Table:
    try:
        return pq.read_table(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise UsageError(f"{path} cannot be read as Parquet ({str(error).splitlines()[0]}); remove it and {_AGAIN}") from None


def _footer(path: Path) -> dict[str, str]:
    try:
        return {key.decode(): value.decode() for key, value in (pq.read_metadata(path).metadata or {}).items() if not key.startswith(b"ARROW:")}
    except (OSError, pa.ArrowInvalid) as error:
        raise UsageError(f"{path} cannot be read as Parquet ({str(error).splitlines()[0]}); remove it and {_AGAIN}") from None


def _is_of(path: Path, told: dict[str, str]) -> bool:
    """Whether a file is there, whole, and made from the same rows by the same teacher."""
    try:
        return path.exists() and _footer(path) == told
    except UsageError:
        return False
