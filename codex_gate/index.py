"""The history index: touches of every path and author, kept under the repository's git directory.

It holds a set of commits that is closed under ancestry, so no rewritten history makes it stale: some of its
commits are no ancestors of what is asked about then, and these are left out. Where contents were missing that
a walk would have read (a partial clone), its state holds which packs of objects there were; as soon as there
are others it counts as damaged, since a walk may read more now. One SQLite file,
`codex-gate/history-<format>.sqlite` in the common git directory; a run reads the few rows it needs
and adds new commits in one transaction. Rows carry a checksum, the names of all rows are listed, so that a
row that went missing shows too; a damaged file is thrown away and rebuilt. What another run adds meanwhile is
cut off when a row is read: a run sees the index as it was when it opened it.
"""

from __future__ import annotations

import json
import os
import sqlite3
import struct
import sys
import zlib
from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from hashlib import blake2b
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from codex_gate.errors import GitError
from codex_gate.git import CommitMeta, Repository
from codex_gate.history import AuthorHistory, FileHistory, History, Past

INDEX_FORMAT: Final = 2  # raise it whenever a table or the meaning of a touch (is_fix, author key, subsystem) changes
_MAX_TIPS: Final = 16  # more unmerged tips than this mean rewritten history: start afresh (chosen)
_BUSY_S: Final = 2.0
_HEAD: Final = struct.Struct("<III")
_RISK: Final = struct.Struct("<d")
_REFUSALS: Final = frozenset({3, 5, 6, 8, 13, 14, 15, 23})
"""SQLite's result codes for PERM BUSY LOCKED READONLY FULL CANTOPEN PROTOCOL AUTH: the file may be fine, it cannot be used now."""
_SCHEMA: Final = """
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value BLOB, crc INTEGER) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS files (key BLOB PRIMARY KEY, value BLOB, crc INTEGER) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS authors (key BLOB PRIMARY KEY, value BLOB, crc INTEGER) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS risks (model TEXT, sha BLOB, risk REAL, crc INTEGER, PRIMARY KEY (model, sha)) WITHOUT ROWID;
COMMIT;
"""


class IndexDamagedError(Exception):
    """The index does not hold what was written, or what would be written today; discard it and start again."""


class IndexRefusedError(IndexDamagedError):
    """The index cannot be used now (locked, no permission, disk full); leave it alone and work without it."""


class HistoryIndex:
    """Use as a context manager: `with HistoryIndex(repo) as index`.

    `history` loads paths and authors on demand; `size` is the number of commits known, merges included.
    `problem` is a sentence when the index cannot be read or kept on disk – everything works without it.

    Args:
        fresh: throw away what lies there and start again.
        without: leave the disk alone, for this reason.
    Raises:
        IndexDamagedError: here and from every method that reads.
    """

    def __init__(self, repo: Repository, *, fresh: bool = False, without: str | None = None) -> None:
        self._repo = repo
        self.path: Path = repo.common_dir / "codex-gate" / f"history-{INDEX_FORMAT}.sqlite"
        self.problem: str | None = None
        self._db: sqlite3.Connection | None = None
        self._writable = False
        self.tips: list[str] = []
        self._shas = b""
        self._asked, self._flags = ("", 0), b""  # the past that was asked for last, and of how many commits
        self._n_authors = 0
        self._packs = _packs(repo)  # before anything is read: what comes meanwhile is noticed by the next run
        self._partial_with = ""
        self._inode = 0
        self._names: dict[str, bytes] = {"files": b"", "authors": b""}  # 8 bytes for each row's key
        self._known: dict[str, set[int]] = {}  # the same, taken apart when needed
        if without is not None:
            self.problem = f"the history index in {self.path.parent} could not be used ({without}); this run works without it"
        else:
            if fresh:
                self._discard()
            self._open()
        self._limit = self.size
        self.history = History(self._load_file, self._load_author, self._n_authors)

    def __enter__(self) -> HistoryIndex:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        if self._db is not None:
            self._db.close()

    @property
    def size(self) -> int:
        return len(self._shas) // 20

    # -- opening -------------------------------------------------------------------------------------

    def _open(self) -> None:
        self._writable = self._may_write()
        try:
            with _reading():
                if self._writable:
                    self._db = sqlite3.connect(self.path, timeout=_BUSY_S, isolation_level=None)
                    if not self._db.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone():
                        self._db.executescript(_SCHEMA)
                    self._inode = self.path.stat().st_ino
                elif self.path.exists():
                    self._db = sqlite3.connect(f"{self.path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)
                else:
                    return
                self._read_state(self._db)
        except BaseException:
            if self._db is not None:
                self._db.close()
            raise

    def _read_state(self, db: sqlite3.Connection) -> None:
        # One statement: another run may write between two.
        held = {key: _checked("meta", str(key).encode(), value, crc) for key, value, crc in db.execute("SELECT key, value, crc FROM meta")}
        if not held and not any(db.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone() for table in ("files", "authors")):
            return
        if set(held) != {"state", "shas", "files", "authors"}:
            raise IndexDamagedError("its table of contents is not whole")
        try:
            state = json.loads(held["state"])
            self.tips, self._n_authors, n_commits = [str(tip) for tip in state["tips"]], int(state["n_authors"]), int(state["n_commits"])
            self._partial_with = str(state["partial_with"])
        except (ValueError, KeyError, TypeError) as error:
            raise IndexDamagedError(f"its state reads {held['state'][:80]!r}") from error
        self._shas, self._names = held["shas"], {"files": held["files"], "authors": held["authors"]}
        if len(self._shas) != 20 * n_commits or len(self._names["authors"]) != 8 * self._n_authors:
            raise IndexDamagedError("its table of contents has another length than noted")
        if self._partial_with not in ("", self._packs):
            raise IndexDamagedError("it was made while contents of files were missing here, and objects have come since")

    def _may_write(self) -> bool:
        try:
            self.path.parent.mkdir(exist_ok=True)
        except OSError as error:
            self.problem = f"the history index cannot be kept in {self.path.parent} ({error.strerror}); every run walks the history again"
            return False
        if not os.access(self.path.parent, os.W_OK) or (self.path.exists() and not os.access(self.path, os.W_OK)):
            self.problem = f"the history index in {self.path.parent} is not writable; what is new is not kept"
            return False
        return True

    def _discard(self) -> None:
        for suffix in ("-journal", "-wal", "-shm", ""):  # a journal that stays would be played back into the next file
            with suppress(OSError):
                self.path.with_name(self.path.name + suffix).unlink()

    # -- reading -------------------------------------------------------------------------------------

    def _get(self, table: str, name: str) -> bytes | None:
        if self._db is None:
            return None
        key = name.encode("utf-8", "surrogateescape")
        with _reading():
            row = self._db.execute(f"SELECT value, crc FROM {table} WHERE key = ?", (key,)).fetchone()
        if row is not None:
            return _checked(table, key, *row)
        if _digest(key) in self._listed(table):
            raise IndexDamagedError(f"{table} row of {name!r} is gone")
        return None

    def _listed(self, table: str) -> set[int]:
        if table not in self._known:
            self._known[table] = set(array("Q", self._names[table]))
        return self._known[table]

    def _load_file(self, path: str) -> FileHistory | None:
        data = self._get("files", path)
        entry = _unpack_file(data, self._limit) if data is not None else None
        return entry if entry and entry.ordinals else None

    def _load_author(self, key: str) -> tuple[int, AuthorHistory] | None:
        data = self._get("authors", key)
        found = _unpack_author(data, self._limit) if data is not None else None
        return found if found and found[1].ordinals else None

    def missing(self, sha: str) -> list[CommitMeta]:
        """Ancestors of `sha`, itself included, that the index does not hold yet; parents before children."""
        if self._holds(sha):  # and with it all its ancestors
            return []
        try:
            return self._repo.log(stdin=[sha, *(f"^{tip}" for tip in self.tips)])
        except GitError as error:
            raise self._pruned(error) from error

    def _holds(self, sha: str) -> bool:
        name = bytes.fromhex(sha)
        at = self._shas.find(name)
        while at % 20 and at >= 0:  # found across two names
            at = self._shas.find(name, at + 1)
        return at >= 0

    def past(self, sha: str | None, room: int = 0) -> Past:
        """The commits of the index that are `sha` or its ancestors; `room` more ordinals are left empty.

        `sha` None stands for the state before the first commit.
        """
        if sha is None:
            return Past(bytearray(self.size + room))
        if self._asked != (sha, self.size):  # a change is held against one and the same past many times
            self._flags, self._asked = self._flags_of(sha), (sha, self.size)
        return Past(bytearray(self._flags) + bytearray(room))

    def pasts(self, shas: Collection[str], room: int = 0) -> dict[str, Past]:
        """`past` of each of many, by two git processes for all of them."""
        if len(shas) < 2:
            return {sha: self.past(sha, room) for sha in shas}
        asked = sorted(shas)
        found = [bytearray(b"\1") * self.size + bytearray(room) for _ in asked]
        every, held, ordinal = (1 << len(asked)) - 1, 1 << len(asked), self._ordinal()
        seen_from = Counter(dict.fromkeys(self.tips, held))  # by commit: a bit for each one asked for that it lies before, and one for the tips
        for place, sha in enumerate(asked):
            seen_from[sha] |= 1 << place
        for name, *parents in self._since_shared(asked):
            seen = seen_from.pop(name)
            for parent in parents:
                seen_from[parent] |= seen
            if seen & held and (missed := every & ~seen):
                at = self._place(ordinal, name)
                for place, flags in enumerate(found):
                    if missed >> place & 1:
                        flags[at] = 0
        return {sha: Past(flags) for sha, flags in zip(asked, found, strict=True)}

    def _flags_of(self, sha: str) -> bytes:
        flags = bytearray(b"\1") * self.size
        outside = self._not_before(sha) if self.tips != [sha] else []
        ordinal = self._ordinal() if outside else {}
        for name in outside:
            flags[self._place(ordinal, name)] = 0
        return bytes(flags)

    def _ordinal(self) -> dict[bytes, int]:
        return {self._shas[at : at + 20]: at // 20 for at in range(0, len(self._shas), 20)}

    def _place(self, ordinal: Mapping[bytes, int], sha: str) -> int:
        if (at := ordinal.get(bytes.fromhex(sha))) is None:
            raise self._unheld(sha)
        return at

    def ordinals(self, shas: Collection[str]) -> dict[str, int]:
        """Ordinals of commits that the index holds; one that it does not is damage."""
        asked = {bytes.fromhex(sha): sha for sha in shas}
        names = (self._shas[at : at + 20] for at in range(0, len(self._shas), 20))
        found = {asked[name]: ordinal for ordinal, name in enumerate(names) if name in asked}
        for sha in set(asked.values()) - found.keys():
            raise self._unheld(sha)
        return found

    def _unheld(self, sha: str) -> IndexDamagedError:
        """What to raise where git names a commit that lies before a tip and that the index has no number of: git told another history when it was built."""
        return IndexDamagedError(f"it lacks {sha}, which lies before what it holds")

    def _not_before(self, sha: str) -> list[str]:
        """Commits of the index that are neither `sha` nor its ancestors."""
        try:
            return self._repo.rev_list(stdin=[*self.tips, f"^{sha}"]) if self.tips else []
        except GitError as error:
            raise self._pruned(error) from error

    def _since_shared(self, shas: Sequence[str]) -> list[list[str]]:
        """Commits of the index, and what is asked about, that not all of `shas` are known to grow from: each with its parents, children before parents."""
        try:
            shared = self._repo.run("merge-base", "--octopus", *shas, check=False).decode("ascii").split()
            revisions = "".join(f"{name}\n" for name in (*self.tips, *shas, *(f"^{sha}" for sha in shared)))
            raw = self._repo.run("rev-list", "--topo-order", "--parents", "--stdin", stdin=revisions.encode("ascii"))
        except GitError as error:
            raise self._pruned(error) from error
        return [line.split() for line in raw.decode("ascii").splitlines()]

    def _pruned(self, error: GitError) -> Exception:
        """What to raise when git does not find a commit: a tip that was pruned is the index's affair alone."""
        return IndexDamagedError(str(error)) if self.tips else error

    def risks(self, model: str, shas: Sequence[str]) -> dict[str, float]:
        """Risks noted for these commits by that model version."""
        found: dict[str, float] = {}
        if self._db is None:
            return found
        with _reading():
            for at in range(0, len(shas), 500):
                part = [bytes.fromhex(sha) for sha in shas[at : at + 500]]
                marks = ",".join("?" * len(part))
                for sha, risk, crc in self._db.execute(f"SELECT sha, risk, crc FROM risks WHERE model = ? AND sha IN ({marks})", (model, *part)):
                    if not isinstance(risk, float) or _risk_crc(model, sha, risk) != crc:
                        raise IndexDamagedError(f"the risk of {sha.hex()} fails its checksum")
                    found[sha.hex()] = risk
        return found

    # -- writing -------------------------------------------------------------------------------------

    def add(self, metas: Sequence[CommitMeta], tip: str) -> None:
        """Keep `metas`, which were just recorded into `history`, with `tip` as their newest commit."""
        before = (self.tips, self.size)
        self._shas += b"".join(bytes.fromhex(meta.sha) for meta in metas)
        gone = set(self._not_before(tip))
        self.tips = [t for t in self.tips if t in gone] + [tip]
        if len(self.tips) > _MAX_TIPS:
            raise IndexDamagedError("too many tips that no current branch holds: the history was rewritten")
        written: dict[str, bytes] | None = None
        with self._writing() as db:
            if db is not None:
                held = _held(db) or {"tips": [], "n_commits": 0, "partial_with": ""}
                if (held["tips"], held["n_commits"]) == before:  # else another run was quicker; its work stands
                    self._partial_with = held["partial_with"] or (self._packs if self.history.is_partial else "")
                    written = self._write()
        if written is not None and self.problem is None:
            self._names, self._n_authors = written, len(written["authors"]) // 8
            self._known.clear()
        self.history.touched_files.clear()
        self.history.touched_authors.clear()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection | None]:
        """A transaction; None where nothing can be kept. A refusal becomes the `problem`."""
        if self._db is None or not self._writable or not self._in_place():
            yield None
            return
        try:
            with _reading():
                self._db.execute("BEGIN IMMEDIATE")
                try:
                    yield self._db
                    self._db.execute("COMMIT")
                except BaseException:
                    if self._db.in_transaction:
                        self._db.execute("ROLLBACK")
                    raise
        except IndexRefusedError as error:
            self.problem = f"the history index could not be written ({error}); the next run does this work again"

    def _in_place(self) -> bool:
        """Whether the open file is still the index: another run may have thrown it away."""
        with suppress(OSError):
            return self.path.stat().st_ino == self._inode
        return False

    def _write(self) -> dict[str, bytes]:
        """Put what was touched, and the state; the lists of keys as they are then."""
        history = self.history
        entries = {path: entry for path in history.touched_files if (entry := history.files[path]) is not None}
        self._put("files", ((path, _pack_file(entry)) for path, entry in entries.items()))
        people = {key: person for key in history.touched_authors if (person := history.authors[key]) is not None}
        self._put("authors", ((key, _pack_author(history.author_ids[key], person)) for key, person in people.items()))
        names = {"files": self._with_new("files", entries), "authors": self._with_new("authors", history.touched_authors)}
        state = {"tips": self.tips, "n_commits": self.size, "n_authors": len(names["authors"]) // 8, "partial_with": self._partial_with}
        self._put("meta", {"state": json.dumps(state).encode("ascii"), "shas": self._shas, **names}.items())
        return names

    def _with_new(self, table: str, keys: Iterable[str]) -> bytes:
        """The list of a table's keys with these; in ordinal order it grows at its end."""
        new = {_digest(key.encode("utf-8", "surrogateescape")) for key in keys} - self._listed(table)
        return self._names[table] + array("Q", sorted(new)).tobytes()

    def _put(self, table: str, rows: Iterable[tuple[str, bytes]]) -> None:
        assert self._db is not None
        encoded = ((name.encode("utf-8", "surrogateescape"), value) for name, value in rows)
        self._db.executemany(
            f"INSERT OR REPLACE INTO {table} VALUES (?, ?, ?)",
            ((key.decode("ascii") if table == "meta" else key, value, _crc(key, value)) for key, value in encoded),
        )

    def note_risks(self, model: str, risks: Mapping[str, float]) -> None:
        """Keep risks by SHA for that model version; of a partial history only beside its commits."""
        if not risks:
            return
        rows = ((model, bytes.fromhex(sha), float(risk)) for sha, risk in risks.items())
        with self._writing() as db:
            if db is not None and (not self.history.is_partial or self._marked(db)):
                db.executemany(
                    "INSERT OR REPLACE INTO risks VALUES (?, ?, ?, ?)", ((model, sha, risk, _risk_crc(model, sha, risk)) for model, sha, risk in rows)
                )

    def _marked(self, db: sqlite3.Connection) -> bool:
        """Have the state say that contents were missing; False where it is not there yet."""
        held = _held(db)
        if held is not None and not held["partial_with"]:
            self._put("meta", [("state", json.dumps(held | {"partial_with": self._packs}).encode("ascii"))])
        return held is not None


def _held(db: sqlite3.Connection) -> dict[str, Any] | None:
    """The state as it is now in the file, whoever wrote it."""
    row = db.execute("SELECT value, crc FROM meta WHERE key = 'state'").fetchone()
    return json.loads(_checked("meta", b"state", *row)) if row else None


def _packs(repo: Repository) -> str:
    """Which packs of objects there are: what a partial clone fetches comes in a new one."""
    with suppress(OSError):
        names = sorted(name for name in os.listdir(repo.common_dir / "objects" / "pack") if name.endswith(".pack"))
        return blake2b("\n".join(names).encode("utf-8", "surrogateescape"), digest_size=8).hexdigest()
    return "none"


@contextmanager
def _reading() -> Iterator[None]:
    """Turns what SQLite raises into IndexDamagedError, or IndexRefusedError where the file may be fine."""
    try:
        yield
    except sqlite3.Error as error:
        kind = IndexRefusedError if getattr(error, "sqlite_errorcode", 0) & 0xFF in _REFUSALS else IndexDamagedError
        raise kind(str(error)) from error
    except (UnicodeDecodeError, OverflowError, MemoryError) as error:  # sqlite3 on text and sizes that it did not write
        raise IndexDamagedError(str(error)) from error


# -- rows ----------------------------------------------------------------------------------------------


def _crc(key: bytes, value: bytes) -> int:
    return zlib.crc32(value, zlib.crc32(key))


def _risk_crc(model: str, sha: bytes, risk: float) -> int:
    return _crc(model.encode("utf-8", "surrogateescape") + sha, _RISK.pack(risk))


def _checked(table: str, key: bytes, value: object, crc: object) -> bytes:
    if not isinstance(value, bytes) or _crc(key, value) != crc:
        raise IndexDamagedError(f"{table} row of {key!r} fails its checksum")
    return value


def _digest(key: bytes) -> int:
    return int.from_bytes(blake2b(key, digest_size=8).digest(), sys.byteorder)


def _pack_file(entry: FileHistory) -> bytes:
    names = json.dumps(entry.names).encode("ascii")
    return b"".join(
        (
            _HEAD.pack(len(entry.ordinals), len(names), 0),
            array("q", entry.times).tobytes(),
            array("I", entry.ordinals).tobytes(),
            array("I", entry.authors).tobytes(),
            bytes(entry.fixes),
            names,
        )
    )


def _unpack_file(data: bytes, limit: int) -> FileHistory:
    """The touches with ordinals below `limit`."""
    n, n_names, _ = _HEAD.unpack_from(data)
    at = _HEAD.size
    times, ordinals, authors = array("q"), array("I"), array("I")
    times.frombytes(data[at : at + 8 * n])
    ordinals.frombytes(data[at + 8 * n : at + 12 * n])
    authors.frombytes(data[at + 12 * n : at + 16 * n])
    fixes = data[at + 16 * n : at + 17 * n]
    entry = FileHistory(names=[(o, p) for o, p in json.loads(data[at + 17 * n : at + 17 * n + n_names]) if o < limit])
    for k in range(bisect_left(ordinals, limit)):
        entry.touch(ordinals[k], authors[k], times[k], bool(fixes[k]))
    return entry


def _pack_author(number: int, person: AuthorHistory) -> bytes:
    areas = json.dumps({area: len(person.areas[area]) for area in person.areas}).encode("ascii")
    return b"".join(
        (
            _HEAD.pack(len(person.ordinals), len(areas), number),
            array("q", person.times).tobytes(),
            array("I", person.ordinals).tobytes(),
            areas,
            *(array("I", ordinals).tobytes() for ordinals in person.areas.values()),
        )
    )


def _unpack_author(data: bytes, limit: int) -> tuple[int, AuthorHistory]:
    """The author's number and the commits with ordinals below `limit`."""
    n, n_areas, number = _HEAD.unpack_from(data)
    at = _HEAD.size
    times, ordinals = array("q"), array("I")
    times.frombytes(data[at : at + 8 * n])
    ordinals.frombytes(data[at + 8 * n : at + 12 * n])
    at += 12 * n
    sizes = json.loads(data[at : at + n_areas])
    at += n_areas
    areas = {}
    for area, size in sizes.items():
        part = array("I")
        part.frombytes(data[at : at + 4 * size])
        if part[0] < limit:
            areas[area] = list(part[: bisect_left(part, limit)])
        at += 4 * size
    seen = bisect_left(ordinals, limit)
    return number, AuthorHistory(list(ordinals[:seen]), list(times[:seen]), sorted(times[:seen]), areas)
