"""Stage 3: variants to Rust, and whether it compiles.

A transpiler is one of `TRANSPILERS`: py2many in a limited process of its own, or depyler where it is installed. What it refuses is left out with its
reason; what it breaks on, and what rustc refuses, goes on: both are labels.
"""

from __future__ import annotations

import importlib.metadata
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import NamedTuple, Protocol

from automl_codex import rust, stages
from automl_codex.sandbox import Job, Sandbox
from automl_codex.types import TranspiledPair, Variant
from codex_gate.errors import UsageError

OK, UNSUPPORTED, CRASH = "ok", "unsupported", "crash"
COMPILES, COMPILE_ERROR, TRANSPILE_CRASH = "compiles", "compile_error", "transpile_crash"
TIMEOUT_MS = 5000  # transpilation.timeout_ms of the specification, §9.2
MEMORY_MB = 1024  # of the process in which py2many runs
PATIENCE = 600.0  # wall seconds without an answer: on a busy machine the first one waits for py2many's import
SLICE = 1000  # rows of a partition
DEFAULT = "py2many"
ADAPTER = "1"  # of `py2many_adapter.py`; raised when the same Python becomes other Rust
LARGEST_OUTPUT = 16 << 20  # bytes of a translation
_ERROR_BLOCK = re.compile(r"^error\[(\w+)\]: (.*)$", re.MULTILINE)
DEPYLER_MISSING = "depyler is not on PATH; install it, or take --transpiler py2many (or --fallback, which does so)"


class Translation(NamedTuple):
    """What a transpiler made of a program: `ok` with the Rust, `unsupported` with its refusal, or `crash` with what broke."""

    status: str
    text: str


class Transpiler(Protocol):
    """The specification's trait (§3.2), for many programs at once."""

    @property
    def version(self) -> str:
        """Name and version, with that of our adapter: what decides its output."""

    def transpile(self, sources: Sequence[str], timeout_ms: int) -> Iterator[Translation]:
        """One translation for each program, in order; none raises, none takes longer than the limit allows."""


class _Resident(Sandbox):
    command = (sys.executable, "-P", "-B", str(Path(__file__).with_name("py2many_worker.py")))


class Py2Many:
    """The embedded default: the package py2many, in a process with nothing to lose.

    Raises:
        UsageError: it is not installed.
    """

    def __init__(self) -> None:
        try:
            found = importlib.metadata.version("py2many")
        except importlib.metadata.PackageNotFoundError:
            raise UsageError("py2many is not installed; install it with: pip install 'codex-gate[synthetic]'") from None
        self.version = f"py2many {found}+{ADAPTER}"

    def transpile(self, sources: Sequence[str], timeout_ms: int) -> Iterator[Translation]:
        with _Resident(timeout_ms / 1000, MEMORY_MB, PATIENCE) as process:
            for answer in process.run([Job(source, "", ()) for source in sources]):
                yield Translation(answer[0], answer[1]) if len(answer) == 2 else Translation(CRASH, answer[0].removeprefix("?"))


class Depyler:
    """depyler by subprocess, each program in a folder of its own, since it always writes a Cargo.toml beside its output.

    It is judged by its files and exit code (0 done, 1 refused or failed, 101 broke), never by what it prints on standard output; what it says about a failure stands
    in a block `error[tag]: message` on standard error.

    Raises:
        UsageError: it is not on PATH, or does not tell its version.
    """

    def __init__(self) -> None:
        found = shutil.which("depyler")
        if not found:
            raise UsageError(DEPYLER_MISSING)
        self._path = found
        try:
            told = subprocess.run([found, "--version"], capture_output=True, text=True, timeout=60, check=True, stdin=subprocess.DEVNULL).stdout
        except (subprocess.SubprocessError, OSError):
            told = ""
        if not (version := re.fullmatch(r"depyler (\S+)\s*", told)):
            raise UsageError(f"{found} does not tell its version as depyler does; put a working depyler on PATH, or take --transpiler py2many")
        self.version = f"depyler {version[1]}"

    def transpile(self, sources: Sequence[str], timeout_ms: int) -> Iterator[Translation]:
        for source in sources:
            with tempfile.TemporaryDirectory(prefix="automl-codex-") as folder:
                yield self._one(source, Path(folder), timeout_ms)

    def _one(self, source: str, folder: Path, timeout_ms: int) -> Translation:
        (folder / "program.py").write_text(source, "utf-8")
        target = folder / "program.rs"
        command = [self._path, "transpile", "program.py", "-o", "program.rs"]
        environment = {"NO_COLOR": "1", "PATH": os.environ.get("PATH", os.defpath), "HOME": str(folder)}
        try:
            done = subprocess.run(
                command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=timeout_ms / 1000,
                preexec_fn=_limit_depyler,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return Translation(CRASH, "timeout")
        if done.returncode == 0 and target.exists() and target.stat().st_size <= LARGEST_OUTPUT:
            try:
                return Translation(OK, target.read_text("utf-8"))
            except UnicodeDecodeError:
                return Translation(CRASH, "its output is no UTF-8")
        said = _ERROR_BLOCK.search(done.stderr.decode("utf-8", "replace"))
        if done.returncode == 1 and said and said[1] == "unsupported":
            return Translation(UNSUPPORTED, said[2][:200])
        if done.returncode == 2:
            raise UsageError(f"{self.version} does not know its own command line any more (exit code 2); this adapter knows 4.1")
        return Translation(CRASH, f"{said[1]}: {said[2]}"[:200] if said else f"exit code {done.returncode}")


def _limit_depyler() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (LARGEST_OUTPUT, LARGEST_OUTPUT))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


TRANSPILERS: Mapping[str, Callable[[], Transpiler]] = {"py2many": Py2Many, "depyler": Depyler}


def named(name: str, fallback: bool = False) -> tuple[str, Transpiler]:
    """The transpiler of a name; with `fallback` the embedded default where that one is not installed.

    Raises:
        UsageError: there is none of that name, or it is not installed.
    """
    if name not in TRANSPILERS:
        raise UsageError(f"no transpiler {name}; there are {', '.join(TRANSPILERS)}")
    try:
        return name, TRANSPILERS[name]()
    except UsageError:
        if not fallback or name == DEFAULT:
            raise
        return DEFAULT, TRANSPILERS[DEFAULT]()


# -- the stage -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Options:
    """Which transpiler, and how long it may take for a program.

    Raises:
        UsageError: a time limit below 1.
    """

    transpiler: str = DEFAULT
    version: str = ""
    timeout_ms: int = TIMEOUT_MS

    def __post_init__(self) -> None:
        if self.timeout_ms < 1:
            raise UsageError(f"timeout-ms must be >= 1, got {self.timeout_ms}")

    @classmethod
    def of(cls, transpiler: str, timeout_ms: int, fallback: bool = False) -> Options:
        """Options with the version of what is installed, so that another one makes every partition anew."""
        name, found = named(transpiler, fallback)
        return cls(name, found.version, timeout_ms)

    def works(self, source: Path) -> list[stages.Work]:
        """One partition for each SLICE rows of the input's.

        Raises:
            UsageError: the input is no finished output of `augment`.
        """
        return stages.slices(source, "augment", SLICE)

    def stage(self, folder: Path, seed: int) -> stages.Stage:
        told = {"transpiler": self.version, "rustc": rust.compiler().version, "prelude": rust.PRELUDE_VERSION, "timeout_ms": self.timeout_ms}
        return stages.Stage("transpile", folder, seed, told)


@dataclass(frozen=True, slots=True)
class Maker:
    """Makes a partition of pairs from a slice of variants."""

    options: Options
    source: Path

    def __call__(self, work: stages.Work) -> stages.Made:
        variants: list[Variant] = stages.read_slice(self.source, work, Variant)
        rustc = rust.compiler()
        counts: Counter[str] = Counter()
        rejects: Counter[str] = Counter()
        translated = list(self._translate(variants, rejects))
        errors = iter(rust.check([translation.text for _, translation in translated if translation.status == OK], rustc))
        rows = [self._pair(variant, translation, next(errors) if translation.status == OK else [], rustc) for variant, translation in translated]
        for row in rows:
            counts[row.status] += 1
            if row.status == COMPILE_ERROR:
                counts[f"{COMPILE_ERROR} {row.codes[0] or 'syntax'}"] += 1
            counts[f"{row.kind}: {row.status}"] += 1
        return stages.Made(rows, dict(counts), dict(rejects))

    def _translate(self, variants: Sequence[Variant], rejects: Counter[str]) -> Iterator[tuple[Variant, Translation]]:
        _, transpiler = named(self.options.transpiler)
        for variant, translation in zip(variants, transpiler.transpile([variant.source for variant in variants], self.options.timeout_ms), strict=True):
            if translation.status == UNSUPPORTED:
                rejects[f"unsupported: {_reason(translation.text)}"] += 1
            else:
                yield variant, translation

    def _pair(self, variant: Variant, translation: Translation, errors: Sequence[rust.Diagnostic], rustc: rust.Compiler) -> TranspiledPair:
        first = errors[0] if errors else None
        if translation.status == CRASH:
            status, text, message = TRANSPILE_CRASH, "", translation.text
        else:
            status, text, message = COMPILE_ERROR if errors else COMPILES, translation.text, first.message if first else ""
        values = {field.name: getattr(variant, field.name) for field in fields(Variant)}
        codes = tuple(error.code for error in errors)
        place = f"{first.line}:{first.column}" if first else ""
        return TranspiledPair(**values, transpiler=self.options.version, prelude=rust.PRELUDE_VERSION, rustc=rustc.version, rust=text, status=status,
                              codes=codes, message=message, place=place)  # fmt: skip


def _reason(text: str) -> str:
    """A refusal without the names of the program: what stands between quotes or brackets, and what py2many puts first."""
    short = re.sub(r"<class '(?:ast|builtins)\.(\w+)'>", r"\1", text)
    short = re.sub(r"\bnamed expr \w+", "named expr", short)
    return re.sub(r"\s+", " ", short)[:60]
