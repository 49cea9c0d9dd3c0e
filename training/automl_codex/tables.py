"""Tables of labelled commits as Parquet (`stages.py` and `logits.py` are the other homes of pyarrow).

One row a commit: project, sha256 of its SHA, author time, label, time of its first fix, the measures of
FEATURE_NAMES. No text of anybody is stored.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from automl_codex import said
from automl_codex.files import whole
from automl_codex.said import Said
from codex_gate.errors import UsageError
from codex_gate.features import FEATURE_NAMES, FEATURE_SCHEMA

_MANIFEST, _ROWS = "_manifest.json", "_rows.parquet"  # of `stages` and `examples`, which bring joblib and the student along


_BY_ROW: Final = ("X", "y", "time", "fix_time", "project", "sha256", "outside", "words")


def hash_sha(sha: str) -> str:
    """sha256 of the 40-hex SHA: enough to check that a commit was used, not to read it from."""
    return hashlib.sha256(sha.encode("ascii")).hexdigest()


@dataclass(frozen=True)
class LabelledRow:
    sha: str
    time: int
    buggy: bool
    fix_time: int | None
    features: Mapping[str, float]


@dataclass(frozen=True, eq=False)
class Dataset:
    """Labelled commits of several projects.

    `X` is (n, len(FEATURE_NAMES)) float32 with NaN for unknown; `y` (n,) of 0 and 1; `time` and `fix_time`
    (n,) Unix seconds, `fix_time` NaN when the label is clean or the source has no fix times. `outside` (n,) is true where the
    label came with a file (`mine --labels`) and is not SZZ's: what it means by "buggy" may be something else. None: nowhere.
    `words` (n,) of `codex_gate.own_words.Words` are those of each change, where somebody read it (`own_words.attach`); no table holds it.
    `said` is what their commits say in common words, where `words.npz.xz` lies beside the tables.
    """

    X: np.ndarray
    y: np.ndarray
    time: np.ndarray
    fix_time: np.ndarray
    project: np.ndarray
    sha256: np.ndarray
    outside: np.ndarray | None = None
    words: np.ndarray | None = None
    said: Said | None = None

    def __len__(self) -> int:
        return len(self.y)

    def where(self, mask: np.ndarray) -> Dataset:
        return replace(self, **{name: found[mask] for name in _BY_ROW if (found := getattr(self, name)) is not None})

    def traced(self) -> np.ndarray:
        """(n,) true where the label is SZZ's, and everywhere when none is."""
        return np.ones(len(self), bool) if self.outside is None or self.outside.all() else ~self.outside

    def columns(self, names: Sequence[str]) -> np.ndarray:
        """The columns `names` of X, in that order: (n, len(names))."""
        return np.asarray(self.X[:, [FEATURE_NAMES.index(name) for name in names]])


def write(path: Path, project: str, rows: Iterable[LabelledRow], recipe: str = "") -> int:
    """Write one project's rows in time order; returns how many. `recipe` says what they were made from, for `recipe_of`."""
    ordered = sorted(rows, key=lambda r: (r.time, r.sha))
    columns: dict[str, pa.Array] = {
        "project": pa.array([project] * len(ordered), pa.dictionary(pa.int8(), pa.string())),
        "sha256": pa.array([bytes.fromhex(hash_sha(r.sha)) for r in ordered], pa.binary(32)),
        "time": pa.array([r.time for r in ordered], pa.int64()),
        "buggy": pa.array([r.buggy for r in ordered], pa.bool_()),
        "fix_time": pa.array([r.fix_time for r in ordered], pa.int64()),
    }
    for name in FEATURE_NAMES:
        columns[name] = pa.array([None if r.features[name] != r.features[name] else r.features[name] for r in ordered], pa.float32())
    table = pa.table(columns).replace_schema_metadata({"feature_schema": str(FEATURE_SCHEMA)} | ({"recipe": recipe} if recipe else {}))
    with whole(path) as partial:
        # a seventh smaller than with dictionaries: all tables that are committed stay within 20 MB
        plain = {"use_dictionary": False, "use_byte_stream_split": list(FEATURE_NAMES), "write_statistics": False}
        pq.write_table(table, partial, compression="zstd", compression_level=22, **plain)
    return len(ordered)


def recipe_of(path: Path) -> str | None:
    """What a table was made from, as it was given to `write`; None for no table, or one without a recipe."""
    try:
        metadata = pq.read_schema(path).metadata or {}
    except (FileNotFoundError, pa.ArrowInvalid):
        return None
    found = metadata.get(b"recipe")
    return found.decode() if found else None


def is_empty(path: Path) -> bool:
    """Whether a table that is there has no rows."""
    return bool(pq.read_metadata(path).num_rows == 0)


def labels_of(path: Path) -> dict[str, tuple[bool, int | None]]:
    """By the hash of the SHA: buggy or not, and the time of the first fix. The measures are not read, so that their schema may be any."""
    table = pq.read_table(path, columns=["sha256", "buggy", "fix_time"])
    return {row["sha256"].hex(): (row["buggy"], row["fix_time"]) for row in table.to_pylist()}


def _is_outside(recipe: bytes) -> bool:
    """Whether the recipe of a table (`mine.Job.recipe`) says that its labels came with a file."""
    try:
        found = json.loads(recipe)
    except ValueError:
        return False
    return isinstance(found, dict) and "labels" in found


def _stage_of(folder: Path) -> str:
    """The command whose rows lie in a folder, which are Parquet too; empty for none."""
    try:
        return str(json.loads((folder / _MANIFEST).read_bytes())["stage"])
    except (OSError, ValueError, LookupError, TypeError):
        return "rows" if (folder / _ROWS).is_file() else ""


def read(folder: Path) -> Dataset:
    """All `*.parquet` tables of a folder (or one file), project by project in name order.

    Raises:
        UsageError: nothing there, the output of a stage, damaged words, a file that is no Parquet, a table of another feature schema, or no row in all of them.
    """
    if stage := _stage_of(folder):
        raise UsageError(
            f"{folder} holds the output of {stage}; expected tables of automl-codex mine. "
            "Rows of augment, verify or rows are what train --models random_forest,gradient_boosting,lora learns from"
        )
    paths = [folder] if folder.is_file() else sorted(folder.glob("*.parquet"))
    if not paths:
        raise UsageError(f"{folder} holds no *.parquet tables; make them with: automl-codex mine REPO --output {folder}")
    tables, outside = [], []
    for path in paths:
        try:
            table = pq.read_table(path)
        except (pa.ArrowInvalid, OSError) as error:
            raise UsageError(f"{path} is no table that can be read ({str(error).splitlines()[0]}); mine it again") from error
        schema = (table.schema.metadata or {}).get(b"feature_schema", b"none").decode()
        if schema != str(FEATURE_SCHEMA):
            raise UsageError(f"{path} has feature schema {schema}, this version expects {FEATURE_SCHEMA}; mine it again")
        if missing := {"project", "sha256", "time", "buggy", "fix_time", *FEATURE_NAMES} - set(table.schema.names):
            raise UsageError(f"{path} lacks the column {min(missing)}; mine it again")
        tables.append(table)
        outside.append(np.full(len(table), _is_outside((table.schema.metadata or {}).get(b"recipe", b"{}"))))
    table = pa.concat_tables([t.cast(t.schema.set(0, pa.field("project", pa.string()))) for t in tables])
    if not len(table):
        raise UsageError(
            f"the tables in {folder} have no rows; mine them again, with labels of commits that the clone holds: automl-codex mine REPO --output {folder}"
        )

    def column(name: str) -> np.ndarray:
        return np.asarray(table[name].to_numpy(zero_copy_only=False))

    features = np.column_stack([column(name).astype(np.float32) for name in FEATURE_NAMES])
    return Dataset(
        features,
        column("buggy").astype(np.int8),
        column("time").astype(np.int64),
        column("fix_time").astype(np.float64),
        column("project").astype(str),
        np.array([b.as_py().hex() for b in table["sha256"]]),
        np.concatenate(outside),
        said=Said.read(spoken) if (spoken := (folder.parent if folder.is_file() else folder) / said.FILE).is_file() else None,
    )
