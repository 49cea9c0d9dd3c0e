"""Who brought a line: `git blame`, read run by run."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from codex_gate import scratch
from codex_gate.errors import GitError, LostError
from codex_gate.git import Repository, is_sha

_BLAME = ("blame", "--incremental", "-w", "-M", "--no-textconv", "--no-progress")  # white space is ignored, lines moved within a file are followed
# As git 2.31 and later say it: `Could not read SHA`, `unable to read tree (SHA)`, `Cannot read blob SHA for path`, `bad object SHA`,
# `cannot read commit object SHA`, `loose object SHA (stored in a path that may be long) is corrupt`.
_LOST = re.compile(
    r": (?:(?:Could not|unable to|[Cc]annot) read(?: tree| blob| commit object)?|bad object) \(?[0-9a-f]{40}\b|(?:loose|packed) object [0-9a-f]{40}\b"
)
_ESCAPE = re.compile(rb"\\([0-7]{3}|.)", re.DOTALL)
_ESCAPED = {b"a": b"\a", b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v", b'"': b'"', b"\\": b"\\"}


class Blamed(NamedTuple):
    """Lines `line` … `line + n_lines - 1` of a blamed file: the commit that brought them, and their place in it then."""

    sha: str
    path: str
    old_line: int
    line: int
    n_lines: int


def blame(repo: Repository, commit: str, path: str, lines: Iterable[int], ignored: Iterable[str] = (), moves: Sequence[str] = ()) -> list[Blamed]:
    """Who brought these lines (1-based) of a file as it is in `commit`; runs by line number.

    Args:
        ignored: commits that are looked through where git can tell what a line was before them.
        moves: further options of git blame that follow lines, such as -C.
    Raises:
        LostError: an object is missing or damaged.
        GitError: the file is not there or has fewer lines, `moves` leave `commit` itself out, or git cannot run.
    Source: git-blame(1), -w and -M.
    """
    ranges = [f"-L{first},{last}" for first, last in runs(lines)]
    skip = [f"--ignore-rev={sha}" for sha in ignored]
    with _unset(repo) as plain:
        try:
            return _parse(repo.run(*_BLAME, *moves, *skip, *ranges, commit, "--", path, extra=plain))
        except GitError as error:
            if _LOST.search(str(error)):
                raise LostError(str(error)) from error
            raise


@contextmanager
def _unset(repo: Repository) -> Iterator[Mapping[str, str]]:
    """Variables that show git the objects of the repository and nobody's settings.

    Files of ignored commits that a setting names (`blame.ignoreRevsFile`) are read whatever the command line says, and git dies where one is not there;
    the recommended name is relative to a work tree, in which git does not run here.
    """
    objects = repo.environ.get("GIT_OBJECT_DIRECTORY") or str(repo.common_dir / "objects")
    with scratch.directory() as place:
        (place / "refs").mkdir()  # without it git takes it for no repository
        empty = str(place)
        homes = dict.fromkeys(("HOME", "XDG_CONFIG_HOME"), empty)  # a git before 2.32 does not know GIT_CONFIG_GLOBAL
        given = {"GIT_CONFIG_PARAMETERS": "", "GIT_CONFIG_COUNT": "0"}
        yield {**homes, **given, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "GIT_COMMON_DIR": empty, "GIT_OBJECT_DIRECTORY": objects}


def _parse(raw: bytes) -> list[Blamed]:
    """A run begins with its SHA and ends with its file name."""
    found: list[Blamed] = []
    head: list[str] = []
    for line in raw.split(b"\n"):
        key, _, value = line.partition(b" ")
        if key == b"filename":
            found.append(Blamed(head[0], unquote(value), int(head[1]), int(head[2]), int(head[3])))
        elif len(key) == 40 and is_sha(key.decode("latin-1")):
            head = line.decode("ascii").split(" ")
    return sorted(found, key=lambda run: run.line)


def runs(lines: Iterable[int]) -> list[tuple[int, int]]:
    """Numbers as (first, last) of each run without a gap, in order."""
    found: list[tuple[int, int]] = []
    for number in sorted(set(lines)):
        if found and number == found[-1][1] + 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return found


def unquote(name: bytes) -> str:
    """A path as git prints it for people: in quotes with C escapes where it holds anything unusual."""
    if len(name) > 1 and name[:1] == name[-1:] == b'"':
        name = _ESCAPE.sub(lambda m: _ESCAPED.get(m[1]) or bytes([int(m[1], 8)]), name[1:-1])
    return name.decode("utf-8", "surrogateescape")
