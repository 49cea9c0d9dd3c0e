"""The side of a walk that needs the diffs alone, in this process or, for a long walk, in a second one.

    git diff-tree ──▶ python (this module: reads diffs, counts, sees) ──▶ the walk (history, risk, report)

What is worked out of a diff is a function of that commit, so it is the same wherever it is done. The second process is
started afresh, as on every platform, and where somebody knows early that it will be needed, before it has anything to do: it
loads what it needs while the commits are listed. Its standard input brings its task and then git's stream; what goes back are the
files without their text and a few dozen numbers. A full pipe makes whoever is ahead wait, so memory stays bounded. When the
second process ends early – git died on a missing blob, the machine has no room for it – the first goes on where it stopped and
meets by itself what there is to say.
"""

from __future__ import annotations

import marshal
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import IO, Any, Final, NamedTuple, Self

from codex_gate.diffs import parse_stream, widen
from codex_gate.features import DiffSide, diff_side
from codex_gate.git import Repository
from codex_gate.globs import Filter
from codex_gate.linecounts import LineCounts, ahead
from codex_gate.own_words import OwnWords
from codex_gate.types import Commit, FileChange, Notice

MIN_COMMITS: Final = 2000  # below, the start of a process (0.1 s) costs more than it saves (measured: at 1,150 commits of flask it still did)
_BATCH: Final = 32  # commits that cross the pipe together (chosen)
# Without a look for cycles: rows come by the thousand and hold none.
_START: Final = "import gc; gc.disable(); import sys; sys.path.append(sys.argv[1]); from codex_gate.aside import main; main(sys.argv[2])"
_SIZE: Final = 8  # bytes that say how long a task is

Pairs = Sequence[tuple[str, str | None]]


class Measured(NamedTuple):
    """The files of a commit, what follows from their diff, and what was seen in it (plain values, None where nobody looked)."""

    files: tuple[FileChange, ...]
    side: DiffSide
    seen: Any


def measured(
    repo: Repository,
    pairs: Pairs,
    messages: Sequence[str | None],
    keep: Filter | None = None,
    patches: bool = False,
    look: str | None = None,
    helper: Helper | None = None,
    words: OwnWords | None = None,
) -> Iterator[Measured]:
    """The diff side of each pair, in order.

    Args:
        pairs: (new, old) as `Repository.diffs` takes them.
        messages: of each pair, what `look` is shown beside the diff; None where it is not to look.
        keep: paths that are measured and seen.
        patches: whether the files keep the text of their diff; everything is done here then.
        look: the function that sees, as `named` takes it.
        helper: a second process that was started before, with the same `look`.
        words: of the model, where it reads them.
    """
    done = 0
    if helper := None if patches else helper or called(repo, len(pairs), look):
        with helper:
            for found in helper.measured(pairs, messages, keep, words):
                done += 1
                yield found
    if done < len(pairs):
        for found in _here(repo, repo.diffs(pairs[done:]), messages[done:], keep, named(look) if look else None, words):
            yield found if patches else found._replace(files=tuple(map(_textless, found.files)))


def called(repo: Repository, commits: int, look: str | None) -> Helper | None:
    """A second process for a walk over so many commits, None where it would not pay or cannot be had."""
    if commits < MIN_COMMITS or not can_help():
        return None
    try:
        return Helper(repo, look)
    except OSError:  # no more processes or files, or no such program any more
        return None


def can_help() -> bool:
    """Whether a second process has a core to run on, and can be started."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return cores > 1 and bool(sys.executable) and not getattr(sys, "frozen", False)


def named(look: str) -> Callable[[Commit], Any]:
    """The function that "module:name:text" means, name(text): a process cannot be handed one. It gives plain values, as `marshal` takes them."""
    module, name, text = look.split(":", 2)
    found: Callable[[Commit], Any] = getattr(import_module(module), name)(text)
    return found


def kept(files: Sequence[FileChange], keep: Callable[[str], bool] | None) -> tuple[FileChange, ...]:
    """The files whose path, before or after the change, is looked at; all of them without a filter."""
    return tuple(files) if keep is None else tuple(f for f in files if keep(f.path) or (f.old_path is not None and keep(f.old_path)))


def _here(
    repo: Repository,
    diffs: Iterator[tuple[FileChange, ...]],
    messages: Sequence[str | None],
    keep: Filter | None,
    see: Callable[[Commit], Any] | None,
    words: OwnWords | None,
) -> Iterator[Measured]:
    with LineCounts(repo) as line_count:
        for files, message in zip(ahead(diffs, line_count), messages):
            chosen = kept(files, keep)
            seen = see(Commit(None, (), "", 0, 0, message, chosen)) if see and message is not None else None
            yield Measured(files, diff_side(chosen, line_count, words), seen)


def _textless(change: FileChange) -> FileChange:
    return FileChange(*change[:9], b"", change.missing)


# -- two processes -----------------------------------------------------------------------------------------


class Helper:
    """A second process that makes itself ready, for one walk; leave it as a context manager.

    Raises:
        OSError: it cannot be started.
    """

    def __init__(self, repo: Repository, look: str | None) -> None:
        self._repo = repo
        errors = None if repo.environ.get("CODEX_GATE_DEBUG") else subprocess.DEVNULL
        source, self._task = os.pipe()
        command = [sys.executable, "-I", "-S", "-c", _START, str(Path(__file__).resolve().parents[1]), look or ""]
        try:
            widen(source)  # the task fits, so that nobody waits for it to be read
            self._process = subprocess.Popen(command, stdin=source, stdout=subprocess.PIPE, stderr=errors)
        except OSError:
            os.close(self._task)
            raise
        finally:
            os.close(source)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._let_go()
        assert self._process.stdout is not None
        self._process.stdout.close()
        if self._process.poll() is None:
            self._process.terminate()
        self._process.wait()

    def _let_go(self) -> None:
        """Close our end of its input: git holds another, and it ends when git does."""
        if self._task >= 0:
            os.close(self._task)
            self._task = -1

    def measured(self, pairs: Pairs, messages: Sequence[str | None], keep: Filter | None, words: OwnWords | None) -> Iterator[Measured]:
        """The diff side of each pair, as far as it comes."""
        repo = self._repo
        at = (str(repo.git_dir), str(repo.common_dir), repo.is_shallow, dict(repo.environ))
        known = (dict(words.added), dict(words.path), words.middle, words.low, words.high) if words else None
        task = marshal.dumps((at, [new for new, _ in pairs], list(messages), (keep.include, keep.exclude) if keep else None, known))
        try:
            with open(self._task, "wb", closefd=False) as target:
                target.write(len(task).to_bytes(_SIZE, "little") + task)
        except OSError:  # it is gone
            return
        with repo.diffs_into(self._task, pairs):
            self._let_go()
            assert self._process.stdout is not None
            widen(self._process.stdout.fileno())
            yield from _received(self._process.stdout)


def _received(pipe: IO[bytes]) -> Iterator[Measured]:
    while len(head := pipe.read(4)) == 4:
        size = int.from_bytes(head, "little")
        data = pipe.read(size)
        if len(data) < size:
            return
        for files, (values, notices), seen in marshal.loads(data):
            yield Measured(tuple(map(FileChange._make, files)), DiffSide(values, tuple([Notice(*notice) for notice in notices])), seen)


def main(look: str) -> None:
    """The second process: a task and git's stream come in, measured commits go out."""
    from signal import SIG_DFL, SIGINT, signal

    signal(SIGINT, SIG_DFL)  # the walk says what there is to say
    see = named(look) if look else None
    with open(0, "rb", buffering=0) as source, open(1, "wb") as target:
        task = _exactly(source, int.from_bytes(_exactly(source, _SIZE), "little"))
        if not task:
            return
        (git_dir, common_dir, is_shallow, environ), shas, messages, patterns, known = marshal.loads(task)
        repo = Repository(Path(git_dir), Path(common_dir), None, is_shallow, None, environ)
        found = _here(repo, parse_stream(source, shas), messages, Filter(*patterns) if patterns else None, see, OwnWords(*known) if known else None)
        rows = (([(*f[:9], b"", f.missing) for f in m.files], (m.side.values, [tuple(n) for n in m.side.notices]), m.seen) for m in found)
        while batch := list(islice(rows, _BATCH)):
            data = marshal.dumps(batch)
            target.write(len(data).to_bytes(4, "little") + data)
            target.flush()


def _exactly(source: IO[bytes], size: int) -> bytes:
    """So many bytes of a pipe, none where it ends before."""
    data = bytearray()
    while len(data) < size:
        more = source.read(size - len(data))
        if not more:
            return b""
        data += more
    return bytes(data)
