"""Stage files: Parquet partitions and a manifest in one folder. (pyarrow has three homes: here, `tables.py` for mined tables, `logits.py` for answers of teachers.)

A partition is the unit of work, of parallelism and of repair. Its file carries the key of what it was made from; a run makes
those anew whose key differs, and no others. Files come into being under a temporary name and are renamed, so that
whatever ends a run, a partition is there in full or not at all. The manifest is worked out from the partitions that lie
there, by whoever finishes last.
"""

from __future__ import annotations

import hashlib
import json
import platform
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import joblib
import pyarrow as pa
import pyarrow.parquet as pq

from automl_codex.files import whole
from automl_codex.types import LabelledTuple, Program, TranspiledPair, Variant
from codex_gate import __version__
from codex_gate.errors import UsageError

SCHEMA_VERSION = 1
MANIFEST = "_manifest.json"
WAVE = ".wave-"  # what a run under a budget has made of no partition yet (`waves.py`)
ORDER = "_order"  # what such runs have learned
BEGUN = "/"  # behind the key of a partition, before the number of rows that are still to be made
PARTITION = 1000  # programs; the issue asks for 200 to 1,000
_KINDS: dict[str, pa.DataType] = {
    "str": pa.string(), "str | None": pa.string(), "float": pa.float32(), "float | None": pa.float32(), "tuple[str, ...]": pa.list_(pa.string()),
}  # fmt: skip
ROWS: dict[str, type[Program] | type[Variant]] = {"generate": Program, "augment": Variant, "transpile": TranspiledPair, "verify": LabelledTuple}


@dataclass(frozen=True, slots=True)
class Work:
    """What a partition is made from: its number, and everything that decides its content, as JSON values."""

    number: int
    makes_it: Mapping[str, Any]

    @property
    def name(self) -> str:
        return f"part-{self.number:05}.parquet"


@dataclass(frozen=True, slots=True)
class Made:
    """The rows of a partition, and how many candidates were counted or rejected under which reason.

    `left` rows are still to be made by a later run: such a partition is begun, and what it holds is kept.
    """

    rows: Sequence[Program | Variant]
    counts: Mapping[str, int]
    rejects: Mapping[str, int]
    left: int = 0


class Maker(Protocol):
    """Makes one partition; called in any process, so it may use nothing but its own fields and the work."""

    def __call__(self, work: Work) -> Made: ...


@runtime_checkable
class Renewer(Protocol):
    """A maker of rows with columns that what is told `beside` decides and no key: they are worked out anew from the row itself."""

    def renewed(self, rows: Sequence[Any], left: int) -> Made:
        """A partition of these rows, with `left` still to be made, and with those columns as they are today."""


class Engine(Protocol):
    """Where partitions are made: in this process, in others of this machine, on other machines. Which one it is decides no byte of them."""

    def share(self, path: Path) -> None:
        """Make sure that what makes partitions there sees this file.

        Raises:
            UsageError: it does not.
        """

    def run(self, function: Callable[[Any], Any], items: Sequence[Any]) -> Iterator[Any]:
        """What the function gives for each item, as it comes in; what it raises is raised here."""


@dataclass(frozen=True, slots=True)
class Local:
    """This process, or `parallel` others of this machine.

    Raises:
        UsageError: fewer than one.
    """

    parallel: int = 1

    def __post_init__(self) -> None:
        if self.parallel < 1:
            raise UsageError(f"parallel must be >= 1, got {self.parallel}")

    def share(self, path: Path) -> None:
        """Processes of one machine see the same files."""

    def run(self, function: Callable[[Any], Any], items: Sequence[Any]) -> Iterator[Any]:
        if self.parallel == 1:
            return map(function, items)
        found: Iterator[Any] = joblib.Parallel(n_jobs=self.parallel, return_as="generator_unordered")(joblib.delayed(function)(item) for item in items)
        return found


HERE = Local()


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage with the options that decide its content, in a folder.

    `beside` is told in the footer of each partition and is no part of its key: a partition with another is kept and renewed (`Renewer`). A `dense` one is packed for a repository.
    """

    name: str
    folder: Path
    seed: int
    options: Mapping[str, Any]
    beside: Mapping[str, str] = field(default_factory=dict)
    dense: bool = False

    def key(self, work: Work) -> str:
        """sha256 over all that decides a partition's content."""
        told = [self.name, SCHEMA_VERSION, __version__, self.seed, dict(self.options), work.number, dict(work.makes_it)]
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def shard_of(text: str) -> tuple[int, int]:
    """(i, n) from "i/n".

    Raises:
        UsageError: not two numbers with 1 <= i <= n.
    """
    first, found, of = text.partition("/")
    if not (found and first.isdecimal() and of.isdecimal() and 1 <= int(first) <= int(of)):
        raise UsageError(f"shard must be I/N with 1 <= I <= N, got {text}")
    return int(first), int(of)


def run(
    stage: Stage,
    works: Sequence[Work],
    make: Maker,
    engine: Engine = HERE,
    shard: tuple[int, int] = (1, 1),
    progress: Callable[[int, int, int], None] = lambda done, of, kept: None,
) -> dict[str, Any]:
    """Make the partitions that are missing or out of date; the manifest as it is then.

    Args:
        shard: (i, n): this run makes every n-th partition from the i-th on; the union of all shards is the whole.
        progress: called with partitions done, partitions of this run, and how many of them were kept as they were.
    Raises:
        UsageError: the folder holds another stage, or data of another seed.
    """
    there = {partition["name"] for partition in begin(stage, works, engine)["partitions"]}
    mine = share_of(works, shard)
    renew(stage, mine, make, engine)
    todo = [work for work in mine if work.name not in there]
    done = kept = len(mine) - len(todo)
    progress(done, len(mine), kept)
    for _ in engine.run(partial(make_one, stage, make), todo):
        done += 1
        progress(done, len(mine), kept)
    if shard == (1, 1):
        _remove_surplus(stage, works)
    return write_manifest(stage, works)


def begin(stage: Stage, works: Sequence[Work], engine: Engine, begun: bool = False) -> dict[str, Any]:
    """The manifest as the partitions lie there, once the folder is made and the engine sees it; with `begun`, those that are begun are listed too.

    Raises:
        UsageError: the folder holds something else, or the engine does not see it.
    """
    _check_target(stage)
    stage.folder.mkdir(parents=True, exist_ok=True)
    manifest = write_manifest(stage, works, begun)
    engine.share(stage.folder / MANIFEST)
    return manifest


def share_of(works: Sequence[Work], shard: tuple[int, int]) -> list[Work]:
    """The partitions of shard (i, n): every n-th from the i-th on."""
    return [work for work in works if work.number % shard[1] == shard[0] - 1]


def make_one(stage: Stage, make: Maker, work: Work) -> None:
    """Make a partition and write its file."""
    _write_partition(stage, work, make(work))


def renew(stage: Stage, works: Sequence[Work], make: Maker, engine: Engine) -> None:
    """Bring the partitions that lie there, begun ones too, to what is told beside them today."""
    if isinstance(make, Renewer):
        old = [work for work in works if left_of(stage, work) is not None and not _is_of_today(stage, work)]
        for _ in engine.run(partial(_renew_one, stage, make), old):
            pass


def _is_of_today(stage: Stage, work: Work) -> bool:
    return dict(stage.beside).items() <= (told(stage.folder / work.name) or {}).items()


def _renew_one(stage: Stage, make: Renewer, work: Work) -> None:
    rows = list(read(stage.folder / work.name, ROWS[stage.name]))
    _write_partition(stage, work, make.renewed(rows, left_of(stage, work) or 0))


def _write_partition(stage: Stage, work: Work, made: Made) -> None:
    key = stage.key(work) + (f"{BEGUN}{made.left}" if made.left else "")
    told = {"stage": stage.name, "key": key, "seed": str(stage.seed), "counts": json.dumps(made.counts), "rejects": json.dumps(made.rejects), **stage.beside}
    write(stage.folder / work.name, made.rows, ROWS[stage.name], told, stage.dense)


_TEXTS = ("source", "rust", "inputs", "outcomes", "evidence", "message", "witness", "expected", "actual", "variant_id", "seed_id", "parents")


def write(path: Path, rows: Sequence[Any], kind: type[Any], told: Mapping[str, str], dense: bool = False) -> None:
    """Write rows of `kind` as one file, with what is told beside them; `dense` takes half the bytes and twenty times the time."""
    schema = pa.schema([(field.name, _KINDS[str(field.type)]) for field in fields(kind)], dict(told))
    columns = [[getattr(row, field.name) for row in rows] for field in fields(kind)]
    table = pa.table([pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)], schema=schema)
    with whole(path) as partial_file:
        pq.write_table(table, partial_file, compression="zstd", **(_packed(table) if dense else {}))


def _packed(table: pa.Table) -> dict[str, Any]:
    """One page for each column, so that a text is told by one far before it."""
    words = [name for name in table.column_names if name not in _TEXTS]
    return {"compression_level": 19, "use_dictionary": words, "row_group_size": max(1, table.num_rows), "data_page_size": 1 << 28, "write_statistics": False}


def _remove_surplus(stage: Stage, works: Sequence[Work]) -> None:
    """Partitions that a smaller run no longer asks for, and what a killed run left behind."""
    wanted = {work.name for work in works}
    for path in stage.folder.glob("part-*.parquet"):
        if path.name not in wanted:
            path.unlink()
    for pattern in (".part-*.tmp", f"{WAVE}*"):
        for path in stage.folder.glob(pattern):
            path.unlink()


# -- the manifest --------------------------------------------------------------------------------------


def write_manifest(stage: Stage, works: Sequence[Work], begun: bool = False) -> dict[str, Any]:
    """Write the manifest from the partitions that lie there; again while others are being finished. With `begun`, those that are begun count too."""
    present = _up_to_date(stage, works, begun)
    while True:
        manifest = _manifest(stage, works, present)
        with whole(stage.folder / MANIFEST) as partial:
            partial.write_text(json.dumps(manifest, indent=1, sort_keys=True) + "\n", "utf-8")
        listed, present = present, _up_to_date(stage, works, begun)
        if present == listed:
            return manifest


def _up_to_date(stage: Stage, works: Sequence[Work], begun: bool) -> list[Work]:
    return [work for work in works if left_of(stage, work) == 0 or (begun and left_of(stage, work) is not None)]


def left_of(stage: Stage, work: Work) -> int | None:
    """How many rows are still to be made of a partition that lies there: 0 when it is whole; None when it is missing, damaged or of something else."""
    key, _, left = (_key_of(stage.folder / work.name) or "").partition(BEGUN)
    return int(left or 0) if key == stage.key(work) else None


def missing(stage: Stage, works: Sequence[Work]) -> int:
    """How many partitions are not there, or not whole."""
    return sum(left_of(stage, work) != 0 for work in works)


def _manifest(stage: Stage, works: Sequence[Work], present: Sequence[Work]) -> dict[str, Any]:
    partitions = [_describe(stage, work) for work in present]
    counts, rejects = Counter[str](), Counter[str]()
    for partition in partitions:
        counts.update(partition["counts"])
        rejects.update(partition["rejects"])
    return {
        "stage": stage.name,
        "schema_version": SCHEMA_VERSION,
        "seed": stage.seed,
        "options": dict(stage.options),
        "complete": len(present) == len(works),
        "partitions_wanted": len(works),
        "partitions": partitions,
        "rows": sum(partition["rows"] for partition in partitions),
        "counts": dict(counts),
        "rejects": dict(rejects),
        "tools": {"python": platform.python_version(), "automl-codex": __version__, "pyarrow": pa.__version__},
    }


def _describe(stage: Stage, work: Work) -> dict[str, Any]:
    path = stage.folder / work.name
    metadata, rows = _metadata(path)
    return {
        "name": work.name,
        "key": metadata["key"],
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "rows": rows,
        "counts": json.loads(metadata["counts"]),
        "rejects": json.loads(metadata["rejects"]),
    }


def told(path: Path) -> dict[str, str] | None:
    """What was told beside the rows of a file; None for one that is missing or damaged."""
    try:
        return _metadata(path)[0]
    except (OSError, pa.ArrowInvalid):
        return None


def _metadata(path: Path) -> tuple[dict[str, str], int]:
    footer = pq.read_metadata(path)
    return {key.decode(): value.decode() for key, value in (footer.metadata or {}).items()}, footer.num_rows


def _key_of(path: Path) -> str | None:
    """The key that a partition was made with; None for one that is missing or damaged."""
    return (told(path) or {}).get("key")


def _check_target(stage: Stage) -> None:
    if stage.folder.exists() and not stage.folder.is_dir():
        raise UsageError(f"{stage.folder} is a file; --output takes a folder")
    path = stage.folder / MANIFEST
    if not path.exists():
        if stage.folder.is_dir() and any(not entry.name.startswith((".part-", "part-", "._", WAVE, ORDER)) for entry in stage.folder.iterdir()):
            raise UsageError(f"{stage.folder} holds other files and no {MANIFEST}; choose an empty folder for --output")
        return
    found = _load(path)
    if found["stage"] != stage.name:
        raise UsageError(f"{stage.folder} holds the output of {found['stage']}, not of {stage.name}; choose another --output")
    if found["seed"] != stage.seed:
        raise UsageError(f"{stage.folder} holds data of seed {found['seed']}, asked for was seed {stage.seed}; choose another --output or remove the folder")


def _load(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text("utf-8"))
        version = found["schema_version"]
    except (OSError, ValueError, KeyError, TypeError):
        raise UsageError(f"{path} is no manifest of a stage; make the folder anew") from None
    if version != SCHEMA_VERSION:
        raise UsageError(f"{path} has schema version {version}, this version reads {SCHEMA_VERSION}; make the folder anew")
    return dict(found)


# -- reading -------------------------------------------------------------------------------------------


def manifest_of(folder: Path, stage: str | None = None, seed: int | None = None) -> dict[str, Any]:
    """The manifest of a finished stage.

    Args:
        stage: the stage it must be of; None for any. seed: the seed it must be of; None for any.
    Raises:
        UsageError: nothing there, another stage, schema or seed, or a stage that was not finished or was damaged.
    """
    path = folder / MANIFEST
    if not path.exists():
        raise UsageError(f"{folder} holds no stage data ({MANIFEST} is missing)" + (f"; make it with: automl-codex {stage} --output {folder}" if stage else ""))
    found = _load(path)
    if stage and found["stage"] != stage:
        raise UsageError(f"{folder} holds the output of {found['stage']}; expected that of {stage}")
    if seed is not None and found["seed"] != seed:
        raise UsageError(f"{folder} was made with seed {found['seed']}, not {seed}; leave --seed away or make it anew")
    present = [p for p in found["partitions"] if (folder / p["name"]).exists()]
    if not found["complete"] or len(present) < len(found["partitions"]):
        raise UsageError(
            f"{folder} is half written: {len(present)} of {found['partitions_wanted']} partitions; run automl-codex {found['stage']} again to finish it"
        )
    for partition in present:
        if _key_of(folder / partition["name"]) != partition["key"]:
            raise UsageError(f"{folder / partition['name']} is damaged or of another run; run automl-codex {found['stage']} again to mend it")
    return found


def read(path: Path, kind: type[Any], only: Sequence[int] | None = None) -> Iterator[Any]:
    """The rows of one partition as values of `kind`, one of `ROWS`; with `only` those at these places, in their order.

    Raises:
        UsageError: its footer is whole, what stands before is not.
    """
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise UsageError(f"{path} is damaged ({str(error).splitlines()[0]}); remove it and run its stage again") from error
    lists = {field.name for field in fields(kind) if str(field.type) == "tuple[str, ...]"}
    for row in (table if only is None else table.take(only)).to_pylist():
        yield kind(**{name: tuple(item) if name in lists else item for name, item in row.items()})


def columns(path: Path, names: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    """The values of some columns of a partition, row by row.

    Raises:
        UsageError: as `read`.
    """
    try:
        table = pq.read_table(path, columns=list(names))
    except (OSError, pa.ArrowInvalid) as error:
        raise UsageError(f"{path} is damaged ({str(error).splitlines()[0]}); remove it and run its stage again") from error
    yield from zip(*(table[name].to_pylist() for name in names), strict=True)


def categories(path: Path) -> list[str] | None:
    """The categories of a Parquet file's rows: what an oracle judged, else what a mutation planted; rows without one left out, None when there is no such column.

    Raises:
        UsageError: no Parquet file.
    """
    try:
        column = next((name for name in ("defect_category", "category") if name in pq.read_schema(path).names), None)
        return None if column is None else [str(name) for name in pq.read_table(path, columns=[column])[column].to_pylist() if name]
    except (pa.ArrowInvalid, OSError) as error:
        raise UsageError(f"{path} cannot be read as Parquet ({error}); make it anew") from None


def slices(folder: Path, stage: str, rows: int) -> list[Work]:
    """Works of `rows` rows of a finished stage each, for a next stage whose rows are dear.

    Raises:
        UsageError: the folder is no finished output of `stage`.
    """
    found = [
        {"input": part["name"], "sha256": part["sha256"], "from": at, "to": min(at + rows, part["rows"])}
        for part in manifest_of(folder, stage)["partitions"]
        for at in range(0, part["rows"], rows)
    ]
    return [Work(number, makes_it) for number, makes_it in enumerate(found)]


def parts(folder: Path, stage: str) -> list[Work]:
    """One work for each partition of a finished stage.

    Raises:
        UsageError: the folder is no finished output of `stage`.
    """
    manifest = manifest_of(folder, stage)
    return [Work(number, {"input": part["name"], "sha256": part["sha256"]}) for number, part in enumerate(manifest["partitions"])]


def read_slice(folder: Path, work: Work, kind: type[Any]) -> list[Any]:
    """The rows that a work of `slices` is made from."""
    return list(islice(read(folder / str(work.makes_it["input"]), kind), work.makes_it["from"], work.makes_it["to"]))


def export_py(folder: Path, target: Path) -> int:
    """Write every program of a finished stage as a loose .py file; how many."""
    manifest = manifest_of(folder)
    kind = ROWS[manifest["stage"]]
    target.mkdir(parents=True, exist_ok=True)
    total = 0
    for partition in manifest["partitions"]:
        for row in read(folder / partition["name"], kind):
            values = asdict(row)
            name = values.get("variant_id") or values["program_id"]
            (target / f"{name}.py").write_text(values["source"], "utf-8")
            total += 1
    return total
