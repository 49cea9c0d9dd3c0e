"""Partitions on the workers of a Dask cluster that runs already (the home of distributed).

A worker reads and writes the stage's folders itself, so they must lie where all machines see them; it must have the same versions of all that decides a partition. Both are looked at
before the first one is sent. What a worker that dies was at is made again by another.
"""

from __future__ import annotations

import asyncio
import hashlib
import importlib.metadata
import logging
import platform
import re
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from automl_codex import rust, transpile
from codex_gate.errors import UsageError

if TYPE_CHECKING:
    from types import TracebackType

CONNECT = 10.0  # seconds for the scheduler to answer, and for a first worker to be there
PATIENCE = 60.0  # seconds without any worker, or without the scheduler, until a run is given up
LOOK = 1.0  # seconds between two looks at whether the cluster is still there
PACKAGES = ("codex-gate", "pyarrow", "py2many", "tree-sitter", "tree-sitter-rust")  # that decide what is in a partition
ADDRESS = re.compile(r"(tcp|tls|ws|wss|ucx)://\S+:\d+")
NONE = "none"
KEPT = "what is done is kept, and the same command goes on from there"


class Dask:
    """The workers of the cluster behind a scheduler's address; a context manager.

    Raises:
        UsageError: on making one, an address that is none, or distributed is not installed; on entering, no scheduler answers there within CONNECT, it has no workers, or
            one of them has other versions than this machine.
    """

    def __init__(self, scheduler: str) -> None:
        if not ADDRESS.fullmatch(scheduler):
            raise UsageError(f"--scheduler must be an address such as tcp://HOST:8786, got {scheduler or 'nothing'}")
        try:
            import distributed
            import distributed.comm
        except ImportError:
            raise UsageError("distributed is not installed; install it with: pip install 'codex-gate[dask]'") from None
        self._distributed, self._scheduler = distributed, scheduler

    def __enter__(self) -> Dask:
        for name in list(logging.root.manager.loggerDict):
            if name.startswith("distributed"):
                logging.getLogger(name).setLevel(logging.CRITICAL)  # what matters is said in a sentence of ours
        try:
            asyncio.run(asyncio.wait_for(self._greet(), CONNECT))  # a client would wait without end for what accepts and says nothing
            self._client = self._distributed.Client(self._scheduler, timeout=CONNECT)
        except (OSError, ValueError) as error:
            raise UsageError(f"no Dask scheduler answers at {self._scheduler} within {CONNECT:.0f} s; start one with: dask scheduler") from error
        try:
            self._inspect()
        except BaseException:
            self._client.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._client.close()

    async def _greet(self) -> None:
        comm = await self._distributed.comm.connect(self._scheduler, timeout=CONNECT)
        await comm.close()

    def _inspect(self) -> None:
        """Whether there are workers, with the versions of this machine; what it lacks itself, no stage needs that it can start."""
        try:
            self._client.wait_for_workers(1, timeout=CONNECT)
        except TimeoutError as error:
            raise UsageError(f"the scheduler at {self._scheduler} has no workers; start some with: dask worker {self._scheduler} --nthreads 1") from error
        here = versions()
        for worker, found in self._ask(
            importlib.metadata.version, PACKAGES[0]
        ).items():  # of the library alone: without our package there, nothing of ours can be asked
            if found != here[PACKAGES[0]]:
                told = f"{PACKAGES[0]} {found}" if isinstance(found, str) else f"no {PACKAGES[0]}"
                raise UsageError(f"worker {worker} has {told}, this machine {PACKAGES[0]} {here[PACKAGES[0]]}; install the same there")
        for worker, found in self._ask(versions).items():
            differing = [f"{name} {found.get(name, NONE)} instead of {version}" for name, version in here.items() if version not in (NONE, found.get(name))]
            if differing:
                raise UsageError(f"worker {worker} has {', '.join(differing)}; partitions must not depend on where they are made, so install the same there")

    def _ask(self, function: Callable[..., Any], *arguments: Any) -> dict[str, Any]:
        """What the function gives on each worker, or the error that it raises there, by the worker's address."""
        found: dict[str, Any] = self._client.run(function, *arguments, on_error="return")
        return found

    def share(self, path: Path) -> None:
        wanted = digest(str(path.absolute()))
        for worker, found in self._ask(digest, str(path.absolute())).items():
            if found != wanted:
                raise UsageError(
                    f"worker {worker} does not see {path.absolute()} as it is here; the folders of a stage must lie where all machines of the cluster see them"
                )

    def run(self, function: Callable[[Any], Any], items: Sequence[Any]) -> Iterator[Any]:
        waiting = {self._client.submit(function, item, pure=False) for item in items}
        alive = time.monotonic()
        try:
            while waiting:
                done, waiting = self._finished(waiting)
                if done or self._works():
                    alive = time.monotonic()
                elif time.monotonic() - alive > PATIENCE:
                    raise UsageError(f"the cluster at {self._scheduler} has had no worker for {PATIENCE:.0f} s; {KEPT}")
                for future in done:
                    yield self._result(future)
        finally:
            if self._client.status == "running":
                self._client.cancel(list(waiting))

    def _finished(self, waiting: set[Any]) -> tuple[set[Any], set[Any]]:
        try:
            done, rest = self._distributed.wait(waiting, timeout=LOOK, return_when="FIRST_COMPLETED")
        except TimeoutError:
            return set(), waiting
        except self._distributed.CancelledError as error:
            raise self._gone() from error
        return set(done), set(rest)

    def _works(self) -> bool:
        """Whether the scheduler answers and has a worker."""
        return self._client.status == "running" and bool(self._client.scheduler_info()["workers"])

    def _result(self, future: Any) -> Any:
        """What a worker gave.

        Raises:
            UsageError: as the function raised it there; or the task ended several workers, or the scheduler is gone.
        """
        try:
            return future.result()
        except self._distributed.KilledWorker as error:
            raise UsageError(
                f"a partition ended several workers, the last at {error.last_worker.address}, mostly for want of memory; see their logs; {KEPT}"
            ) from error
        except self._distributed.CancelledError as error:
            raise self._gone() from error

    def _gone(self) -> UsageError:
        return UsageError(f"the scheduler at {self._scheduler} is gone; {KEPT}")


def versions() -> dict[str, str]:
    """What decides the bytes of a partition on this machine, by name."""
    found = {"Python": platform.python_version(), **{name: _version(name) for name in PACKAGES}}
    tools: dict[str, Callable[[], str]] = {"rustc": lambda: rust.compiler().version, "depyler": lambda: transpile.Depyler().version}
    for name, tell in tools.items():
        try:
            found[name] = tell()
        except UsageError:
            found[name] = NONE
    return found


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return NONE


def digest(path: str) -> str | None:
    """sha256 of a file; None where it cannot be read."""
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except OSError:
        return None
