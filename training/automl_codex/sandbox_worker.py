"""The resident process that runs generated programs. It is started by `sandbox.py` as a file of its own, isolated, and imports nothing of ours.

Standard input brings batches (a length, then `marshal` data from the parent, which is trusted): (seconds, ((source, entry, (arguments, ...)), ...)).
Standard output takes one line of JSON for each program: the list of its outcomes, one for each tuple of arguments.

An outcome is the `repr` of the result (sets in order), `!Name` for an exception, or `?reason` where the sandbox stepped in:
`?timeout`, `?memory`, `?refused: what`. A program that does not compile has the single outcome `!SyntaxError: message`.
"""

import builtins
import gc
import json
import marshal
import os
import re
import resource
import signal
import struct
import sys
import warnings
from types import CodeType
from typing import Any, BinaryIO

ALLOWED = ("math", "collections", "collections.abc", "itertools", "functools", "string", "typing", "dataclasses", "heapq", "bisect", "operator", "re")
# Anything that reaches out of the process raises one of these events (PEP 578); importing reads files, so that is done before the door closes.
REFUSED = ("socket.", "subprocess.", "os.", "open", "ctypes.", "shutil.", "tempfile.", "pty.", "signal.", "resource.", "sys._", "sys.set", "mmap.", "fcntl.",
           "pathlib.", "glob.", "urllib.", "http.", "ftplib.", "smtplib.", "sqlite3.", "winreg.", "syslog.", "gc.", "cpython.", "code.__new__")  # fmt: skip
SHOWN = 10_000  # characters of a result that are kept


class OutOfTime(BaseException):
    """No `except Exception` of a program catches it."""


class Refused(BaseException):
    """The program asked for something outside its process."""


class Guard:
    """What the audit hook knows: whether a program is running, and what it was refused."""

    armed = False
    refused = ""

    def __call__(self, event: str, arguments: object) -> None:
        if self.armed and event.startswith(REFUSED):
            self.refused = self.refused or event
            raise Refused(event)


def limit(memory_mb: int) -> None:
    """Give up what a program could do harm with: memory, files, processes, privileges."""
    resource.setrlimit(resource.RLIMIT_AS, (memory_mb << 20, memory_mb << 20))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))  # nothing can be opened beside the three streams: no file, no socket
    if os.getuid() == 0:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
    resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))


def show(value: object) -> str:
    """`repr` with sets in order and without addresses, cut to a length."""
    text = repr(value)
    if "{" in text or "set(" in text:
        text = ordered(value)
    if " at 0x" in text:
        text = re.sub(r" at 0x[0-9a-f]+", "", text)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}… ({len(text)} characters)"


def ordered(value: object) -> str:
    if isinstance(value, set | frozenset):
        return f"{type(value).__name__}({sorted(map(ordered, value))})"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{ordered(key)}: {ordered(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return type(value).__name__ + "(" + ", ".join(map(ordered, value)) + ")"
    return repr(value)


def drive(value: object) -> object:
    """The result of a coroutine: nothing that a program awaits here ever waits."""
    if type(value).__name__ != "coroutine":
        return value
    try:
        value.send(None)  # type: ignore[attr-defined]
    except StopIteration as end:
        return end.value
    value.close()  # type: ignore[attr-defined]
    return "suspended"


def import_allowed(name: str, *rest: object, **more: object) -> object:
    if name not in ALLOWED:
        raise ImportError(f"{name} cannot be imported here")
    return __import__(name, *rest, **more)  # type: ignore[arg-type]


def run(code: CodeType, entry: str, arguments: tuple[tuple[object, ...], ...], seconds: float, guard: Guard) -> list[str]:
    """Outcomes of one program."""
    outcomes: list[str] = []
    names = {"__name__": "program", "__builtins__": {**vars(builtins), "__import__": import_allowed, "open": None, "input": None, "breakpoint": None}}
    guard.refused = ""
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds, 0.05)  # again and again: the program may catch the first
    try:
        guard.armed = True
        exec(code, names)  # noqa: S102 - running generated programs is what this process is for
        function: Any = names[entry]
        for given in arguments:
            try:
                outcomes.append(show(drive(function(*given))))
            except MemoryError:
                outcomes.append("?memory")
            except Exception as error:  # noqa: BLE001 - whatever a program raises is its outcome
                outcomes.append(f"!{type(error).__name__}")
    except OutOfTime:
        outcomes.append("?timeout")
    except BaseException as error:  # noqa: BLE001 - SystemExit too
        outcomes.append("?memory" if isinstance(error, MemoryError) else f"!{type(error).__name__}")
    finally:
        guard.armed = False
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    if guard.refused:
        return [f"?refused: {guard.refused}"]
    return outcomes + [outcomes[-1]] * (len(arguments) - len(outcomes)) if outcomes else []


def check(source: str) -> CodeType | str:
    try:
        return compile(source, "program", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, OverflowError, RecursionError, MemoryError) as error:
        return f"!SyntaxError: {str(error)[:200]}"


def out_of_time(number: int, frame: object) -> None:
    raise OutOfTime


def streams() -> tuple[BinaryIO, BinaryIO]:
    """Where requests come from and answers go; what a program prints goes nowhere, and the modules that it may import are in memory."""
    incoming, outgoing = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.close(quiet)
    for name in ALLOWED:
        __import__(name)
    return incoming, outgoing


def main() -> None:
    incoming, outgoing = streams()
    memory_mb = struct.unpack(">I", incoming.read(4))[0]
    guard = Guard()
    os.environ.clear()
    sys.addaudithook(guard)
    signal.signal(signal.SIGVTALRM, out_of_time)
    warnings.simplefilter("ignore")
    limit(memory_mb)
    gc.disable()
    while head := incoming.read(4):
        seconds, programs = marshal.loads(incoming.read(struct.unpack(">I", head)[0]))
        for number, (source, entry, arguments) in enumerate(programs):
            used = resource.getrusage(resource.RUSAGE_SELF)
            end = int(used.ru_utime + used.ru_stime + 2 * seconds * (len(arguments) + 1)) + 2
            resource.setrlimit(resource.RLIMIT_CPU, (end, resource.RLIM_INFINITY))  # beyond it the kernel ends the process
            code = check(source)
            outcomes = [code] if isinstance(code, str) else run(code, entry, arguments, seconds, guard)
            outgoing.write(json.dumps(outcomes).encode("ascii") + b"\n")
            outgoing.flush()
            if number % 64 == 0:
                gc.collect()


if __name__ == "__main__":
    main()
