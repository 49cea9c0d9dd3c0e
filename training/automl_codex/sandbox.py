"""Running generated programs: the parent's side. One resident worker process; the worker, not the program, is started anew after an accident.

A worker has no environment, a directory of its own that it cannot write to, no network, no further process or open file, a limit on memory and on CPU time; as root it
becomes nobody. What a program does to it – endless loops, memory, exits – ends in an outcome of that program alone.
"""

from __future__ import annotations

import contextlib
import json
import marshal
import os
import select
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from codex_gate.errors import InternalError

SECONDS = 0.5  # CPU time of one program over all its inputs
MEMORY_MB = 512
SILENCE = 30.0  # wall seconds without an answer until the worker is given up: a program may sleep, a busy machine too
_WORKER = Path(__file__).with_name("sandbox_worker.py")


class Job(NamedTuple):
    """A program with the function to call and the arguments of each call."""

    source: str
    entry: str
    arguments: Sequence[tuple[Any, ...]]


class Sandbox:
    """A context manager around the worker; `run` gives the outcomes of programs in order."""

    command: Sequence[str] = (sys.executable, "-s", "-S", "-P", "-B", str(_WORKER))

    def __init__(self, seconds: float = SECONDS, memory_mb: int = MEMORY_MB, silence: float = SILENCE) -> None:
        self._seconds, self._memory_mb, self._silence = seconds, memory_mb, silence
        self._process: subprocess.Popen[bytes] | None = None
        self._buffer = b""
        self.restarts = 0

    def __enter__(self) -> Sandbox:
        self._place = tempfile.TemporaryDirectory(prefix="automl-codex-")
        os.chmod(self._place.name, 0o555)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stop()
        self._place.cleanup()

    def run(self, jobs: Sequence[Job]) -> Iterator[list[str]]:
        """Outcomes of each job, one for each tuple of arguments (see `sandbox_worker.py`); a job that ends the worker has `?timeout` or `?crash` for all."""
        done = 0
        while done < len(jobs):
            self._send(jobs[done:])
            while done < len(jobs):
                answer = self._answer()
                if answer is None:
                    yield [self._accident()] * max(len(jobs[done].arguments), 1)
                    done += 1
                    break
                yield answer
                done += 1

    def _send(self, jobs: Sequence[Job]) -> None:
        # Version 2 knows no references: a list that stands in two inputs arrives as two lists, so no program sees what another did to it.
        data = marshal.dumps((self._seconds, tuple((job.source, job.entry, tuple(job.arguments)) for job in jobs)), 2)
        process = self._process or self._start()
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # noticed when no answer comes
            process.stdin.write(struct.pack(">I", len(data)) + data)
            process.stdin.flush()

    def _start(self) -> subprocess.Popen[bytes]:
        environ = {"PYTHONHASHSEED": "0"}  # or the order of sets of texts would change from worker to worker
        self._buffer = b""
        self._process = subprocess.Popen(
            self.command, cwd=self._place.name, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, close_fds=True
        )
        assert self._process.stdin is not None
        self._process.stdin.write(struct.pack(">I", self._memory_mb))
        return self._process

    def _answer(self) -> list[str] | None:
        """The next line of the worker; None when it has ended or says nothing."""
        process = self._process
        assert process is not None and process.stdout is not None
        while b"\n" not in self._buffer:
            ready, _, _ = select.select([process.stdout], [], [], self._silence)
            read = os.read(process.stdout.fileno(), 1 << 16) if ready else b""
            if not read:
                return None
            self._buffer += read
        line, _, self._buffer = self._buffer.partition(b"\n")
        try:
            found = json.loads(line)
        except ValueError:
            return None
        return found if isinstance(found, list) and all(isinstance(item, str) for item in found) else None

    def _accident(self) -> str:
        """End the worker; what its end says about the program it was at."""
        process = self._process
        assert process is not None
        try:
            process.wait(0.5)  # its end is seen on the pipe before it can be waited for
            alive = False
        except subprocess.TimeoutExpired:
            alive = True
        self._stop()
        self.restarts += 1
        if self.restarts > 3 and not self._works():
            raise InternalError("the process that runs generated programs does not start; check that this Python runs without site packages")
        return "?timeout" if alive or process.returncode == -24 else f"?crash {process.returncode}"

    def _works(self) -> bool:
        with Sandbox(self._seconds, self._memory_mb, self._silence) as other:
            other._send([Job("def f():\n    return 1\n", "f", [()])])
            return other._answer() == ["1"]

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        for stream in (process.stdin, process.stdout):
            assert stream is not None
            with contextlib.suppress(BrokenPipeError):
                stream.close()
        process.kill()
        process.wait()
