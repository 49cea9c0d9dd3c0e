"""rustc and what it makes: many programs as modules of one crate, so that a program costs milliseconds; and running them with limits.

A batch is compiled, the modules that an error points into are taken out with their errors, and it is compiled again until nothing is left to take out.
The process that runs the result is limited as the one for Python is: processor time for each case, memory, no file, no network, no privileges;
what ends it ends one program, and it is started again with the next.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import resource
import select
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from codex_gate.errors import UsageError

BATCH = 250  # modules of one crate; 200 to 300 were quickest
COMPILER_SECONDS = 120  # processor time of one compilation; a batch takes about two
COMPILER_MB = 4096
OUTPUT_MB = 256  # largest file that a compilation may write
MEMORY_MB = 1024  # of the process that runs the programs
SILENCE = 30.0  # wall seconds without an answer, beyond twice the time limit, until the process is given up: a program may sleep, a busy machine too
EDITION = "2021"  # py2many's output says so
OVERFLOWS_PANIC = ("-Coverflow-checks=on", "-Cdebug-assertions=on")  # a verdict; without them they pass unseen
_HERE = Path(__file__).parent
PRELUDE = (_HERE / "rust_prelude.rs").read_text("utf-8")
_MAIN = (_HERE / "rust_main.rs").read_text("utf-8")
PRELUDE_VERSION = hashlib.sha256(PRELUDE.encode()).hexdigest()[:12]
_MODULE = re.compile(r"(?:^|/)p(\d+)\.rs$")
_ANSWER = re.compile(rb"\x01(\d+)\t(\d+)\t([^\n]*)\n")


class Diagnostic(NamedTuple):
    """An error of the compiler: code ("" for one of the grammar), message, and the line (from 0 in the program) and column that it points at."""

    code: str
    message: str
    line: int
    column: int


BROKEN = "rustc itself gave up"  # message of a diagnostic for a module on which the compiler crashes, hangs or takes too much memory


class Case(NamedTuple):
    """Arguments for a program of a batch, as `rust_prelude.rs` reads them."""

    program: int
    number: int
    arguments: str


@dataclass(frozen=True, slots=True)
class Compiler:
    """A rustc: the program and the version it tells."""

    path: str
    version: str


@cache
def compiler() -> Compiler:
    """The rustc on PATH; the one behind rustup's shim, which would look for its settings each time.

    Raises:
        UsageError: there is none, or it does not answer.
    """
    found = shutil.which("rustc")
    if not found:
        raise UsageError("rustc is not on PATH; install Rust (rustup, or the package of your system) to transpile and verify")
    try:
        root = subprocess.run([found, "--print", "sysroot"], capture_output=True, text=True, timeout=60, check=True).stdout.strip()
        behind = Path(root, "bin", "rustc")
        path = str(behind) if behind.exists() else found
        version = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=60, check=True, env={}).stdout.split()[1]
    except (subprocess.SubprocessError, OSError, IndexError):
        raise UsageError(f"{found} does not tell its version as rustc does; put a working rustc on PATH") from None
    return Compiler(path, version)


# -- compiling -----------------------------------------------------------------------------------------


class Crate:
    """A context manager around a folder with the modules of one batch."""

    def __init__(self, sources: Sequence[str], rustc: Compiler | None = None) -> None:
        self.rustc = rustc or compiler()
        self.sources = sources
        self.errors: dict[int, list[Diagnostic]] = {}

    def __enter__(self) -> Crate:
        self._place = tempfile.TemporaryDirectory(prefix="automl-codex-")
        self.folder = Path(self._place.name)
        os.chmod(self.folder, 0o755)
        (self.folder / "prelude.rs").write_text("#![allow(warnings)]\n" + PRELUDE, "utf-8")
        for number, source in enumerate(self.sources):
            (self.folder / f"p{number}.rs").write_text(f"use crate::prelude::*;\n{source}", "utf-8")
        return self

    def __exit__(self, *ended: object) -> None:
        self._place.cleanup()

    def check(self) -> None:
        """Fill `errors` for every module that does not compile."""
        self._compile("lib.rs", "", "--crate-type=lib", "--emit=metadata")

    def build(self) -> Path | None:
        """An executable of the modules that have no errors, which are to have `pub fn run_case`; None when none is left. Fills `errors` further."""
        return self._compile("main.rs", _MAIN, "--crate-type=bin", "--emit=link", "-Cdebuginfo=0", "-Copt-level=0")

    def _compile(self, name: str, main: str, *flags: str) -> Path | None:
        target = self.folder / "out"
        while alive := [number for number in range(len(self.sources)) if number not in self.errors]:
            code, found = self._rustc(alive, name, main, target, flags)
            if code == 0:
                return target
            if not found:
                self._take_apart(alive, name, main, target, flags)
                continue
            self.errors |= found
        return None

    def _take_apart(self, alive: list[int], name: str, main: str, target: Path, flags: Sequence[str]) -> None:
        """The compiler failed and blames nobody: find whose fault it is by halving."""
        if len(alive) == 1:
            self.errors[alive[0]] = [Diagnostic("", BROKEN, 0, 0)]
            return
        for half in (alive[: len(alive) // 2], alive[len(alive) // 2 :]):
            code, found = self._rustc(half, name, main, target, flags)
            if code and not found:
                self._take_apart(half, name, main, target, flags)
            self.errors |= found

    def _rustc(self, alive: Sequence[int], name: str, main: str, target: Path, flags: Sequence[str]) -> tuple[int, dict[int, list[Diagnostic]]]:
        modules = "".join(f"pub mod p{number};\n" for number in alive)
        calls = "".join(f"        {number} => p{number}::run_case(case),\n" for number in alive)
        dispatch = f"fn call(program: usize, case: &mut prelude::Case) -> String {{\n    match program {{\n{calls}        _ => unreachable!(),\n    }}\n}}\n"
        (self.folder / name).write_text(f"#![allow(warnings)]\npub mod prelude;\n{modules}" + (main + dispatch if main else ""), "utf-8")
        command = [self.rustc.path, f"--edition={EDITION}", "--crate-name=batch", "--error-format=json", "--cap-lints=allow", *OVERFLOWS_PANIC, *flags]
        try:
            done = subprocess.run(
                [*command, "-o", str(target), name], cwd=self.folder, env={"PATH": os.defpath}, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE, preexec_fn=_limit_compiler, timeout=4 * COMPILER_SECONDS,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return 1, {}
        return done.returncode, _errors(done.stderr)


def _limit_compiler() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (COMPILER_SECONDS, COMPILER_SECONDS + 5))
    resource.setrlimit(resource.RLIMIT_AS, (COMPILER_MB << 20, COMPILER_MB << 20))
    resource.setrlimit(resource.RLIMIT_FSIZE, (OUTPUT_MB << 20, OUTPUT_MB << 20))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _errors(output: bytes) -> dict[int, list[Diagnostic]]:
    """Errors by module, in the order of the source."""
    found: dict[int, set[Diagnostic]] = {}
    for line in output.splitlines():
        try:
            message = json.loads(line)
        except ValueError:
            continue
        if isinstance(message, dict) and message.get("level") == "error":
            for module, diagnostic in _placed(message):
                found.setdefault(module, set()).add(diagnostic)
    return {module: sorted(several, key=lambda d: (d.line, d.column, d.code, d.message)) for module, several in found.items()}


def _placed(message: Mapping[str, Any]) -> Iterator[tuple[int, Diagnostic]]:
    """The module of each primary span, seen through the macros that it lies in; what such a one expands from calls itself primary no more."""
    code = (message.get("code") or {}).get("code") or ""
    spans = message["spans"]
    for span in [span for span in spans if span["is_primary"]] or spans:
        while span and not _MODULE.search(span["file_name"]):
            span = (span["expansion"] or {}).get("span") if span.get("expansion") else None
        if span and (place := _MODULE.search(span["file_name"])):
            yield int(place[1]), Diagnostic(code, message["message"], max(span["line_start"] - 2, 0), span["column_start"] - 1)


def check(sources: Sequence[str], rustc: Compiler | None = None) -> list[list[Diagnostic]]:
    """Errors of each program, none for one that compiles; in crates of BATCH."""
    different = list(dict.fromkeys(sources))  # comments and what is left out make variants that are one Rust
    found: dict[str, list[Diagnostic]] = {}
    for at in range(0, len(different), BATCH):
        with Crate(different[at : at + BATCH], rustc) as crate:
            crate.check()
            found |= {source: crate.errors.get(number, []) for number, source in enumerate(crate.sources)}
    return [found[source] for source in sources]


# -- running -------------------------------------------------------------------------------------------


def run(executable: Path, cases: Sequence[Case], timeout_ms: int) -> dict[tuple[int, int], str]:
    """The outcome of each case, by (program, number).

    An outcome is `=` and the result, `!` and a panic's message, or `?` and what happened: `?unfit`, `?long`, `?timeout`, `?signal N`, `?exit N`;
    after one that ended the process, the further cases of its program are left out.
    """
    outcomes: dict[tuple[int, int], str] = {}
    rest = list(cases)
    while rest:
        answered, ended = _run_until_it_ends(executable, rest, timeout_ms)
        outcomes |= answered
        rest = [case for case in rest if (case.program, case.number) not in answered]
        if rest:
            guilty = rest[0]
            outcomes[guilty.program, guilty.number] = ended
            rest = [case for case in rest if case.program != guilty.program]
    return outcomes


def _run_until_it_ends(executable: Path, cases: Sequence[Case], timeout_ms: int) -> tuple[dict[tuple[int, int], str], str]:
    with tempfile.TemporaryFile() as given:
        given.write("".join(f"{case.program}\t{case.number}\t{case.arguments}\n" for case in cases).encode())
        given.seek(0)
        process = subprocess.Popen(
            [str(executable), str(timeout_ms * 1000)], cwd="/", env={}, stdin=given, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, preexec_fn=_limit_program,
            close_fds=True,
        )  # fmt: skip
    answered, hung = _listen(process, SILENCE + 2 * timeout_ms / 1000)
    if hung:
        process.kill()
    code = process.wait()
    if hung or code == -signal.SIGVTALRM or code == -signal.SIGXCPU:
        return answered, "?timeout"
    return answered, f"?signal {-code}" if code < 0 else f"?exit {code}"


def _listen(process: subprocess.Popen[bytes], silence: float) -> tuple[dict[tuple[int, int], str], bool]:
    """What the process answers until it ends, or says nothing for `silence` seconds; whether it was that."""
    assert process.stderr is not None
    answered: dict[tuple[int, int], str] = {}
    buffer, heard, hung = b"", time.monotonic(), False
    with process.stderr as stream:
        while True:
            ready, _, _ = select.select([stream], [], [], max(heard + silence - time.monotonic(), 0))
            if not ready:
                hung = True
                break
            read = os.read(stream.fileno(), 1 << 16)
            if not read:
                break
            buffer += read
            end = 0
            for found in _ANSWER.finditer(buffer):
                answered[int(found[1]), int(found[2])] = found[3].decode("utf-8", "replace")
                end, heard = found.end(), time.monotonic()
            buffer = buffer[end:][-(1 << 16) :]
    return answered, hung


def _limit_program() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_MB << 20, MEMORY_MB << 20))
    for what in (resource.RLIMIT_CORE, resource.RLIMIT_FSIZE):
        resource.setrlimit(what, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (4, 4))
    if os.getuid() == 0:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
    with contextlib.suppress(ValueError):
        resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
