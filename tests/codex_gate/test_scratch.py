"""Where there is no place for temporary files, a sentence names the place and nothing else."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from pathlib import Path
from typing import IO

import pytest

from codex_gate import scratch
from codex_gate.errors import GitError, UsageError
from codex_gate.git import Repository
from tests.conftest import Repo

NO_PLACE = "^the temporary directory.* cannot be written: .*; make room there, or name another by TMPDIR$"


def nowhere(*_: object, **__: object) -> None:
    raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/tmp']")


def full(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "index", None, "/tmp/index")


def test_what_is_held_is_read_from_its_beginning() -> None:
    with scratch.held(b"some") as file:
        assert file.read() == b"some"
    with scratch.held(b"") as file:
        assert file.write(b"more") == 4


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("size", [1, 1 << 20])
def test_a_full_place_is_named(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def device() -> IO[bytes]:
        return open("/dev/full", "w+b")

    monkeypatch.setattr(tempfile, "TemporaryFile", device)
    with pytest.raises(UsageError, match=NO_PLACE):
        scratch.held(b"x" * size)


@pytest.mark.parametrize("name", ["TemporaryFile", "TemporaryDirectory"])
def test_no_place_at_all_is_said(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, name, nowhere)
    with pytest.raises(UsageError, match=NO_PLACE):
        scratch.held(b"x") if name == "TemporaryFile" else scratch.directory().__enter__()


def test_too_many_open_files_are_not_blamed_on_the_place(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails() -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(tempfile, "TemporaryFile", fails)
    with pytest.raises(OSError, match="Too many open files"):
        scratch.held(b"x")


def test_what_goes_wrong_inside_the_block_is_not_blamed_on_the_directory() -> None:
    with pytest.raises(FileNotFoundError), scratch.directory() as place:
        (place / "none").read_bytes()
    assert not place.exists()


# -- the index of git ----------------------------------------------------------------------------------------


def staged(repo: Repo) -> Repository:
    repo.write("a.py", "x = 1\n")
    repo.git("add", "-A")
    return repo.open()


def test_a_full_place_is_not_blamed_on_the_index(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = staged(repo)
    monkeypatch.setattr(shutil, "copyfile", full)
    with pytest.raises(UsageError, match=NO_PLACE) as caught:
        gate.staged(None)
    assert not isinstance(caught.value, GitError)


def test_what_git_finds_full_is_not_blamed_on_the_index_either(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = staged(repo)
    monkeypatch.setattr("codex_gate.git._words", lambda _: "unable to write loose object file: No space left on device")
    (repo.path / ".git" / "index").write_bytes(b"no index")
    with pytest.raises(UsageError, match=NO_PLACE):
        gate.staged(None)


@pytest.mark.parametrize("kind", ["directory", "pipe", "unreadable"])
def test_what_is_no_index_is_a_sentence(kind: str, repo: Repo) -> None:
    gate, path = staged(repo), repo.path / ".git" / "index"
    if kind == "unreadable":
        path.chmod(0)
        if os.access(path, os.R_OK):
            pytest.skip("whoever runs this may read everything")
    else:
        path.unlink()
        path.mkdir() if kind == "directory" else os.mkfifo(path)
    with pytest.raises(GitError, match=r"index cannot be read: .*; expected a file that git wrote"):
        gate.staged(None)
