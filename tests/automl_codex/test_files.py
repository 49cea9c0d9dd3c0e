"""A file is whole or not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from automl_codex.files import listed, put, whole
from codex_gate.errors import ModelError
from codex_gate.model import check_file


def test_what_is_written_comes_into_being_at_once(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.json"
    with whole(path) as partial:
        partial.write_text("one")
        assert not path.exists()
    assert path.read_text() == "one" and [entry.name for entry in path.parent.iterdir()] == ["a.json"]


def test_a_run_that_breaks_off_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text("old")

    def cut_off() -> None:
        with whole(path) as partial:
            partial.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cut_off()
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_a_listed_file_is_one_that_the_runtime_accepts(tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(b"one")
    check_file(tmp_path, {"files": {"a.bin": listed(b"one")}}, "a.bin")
    with pytest.raises(ModelError):
        check_file(tmp_path, {"files": {"a.bin": listed(b"two")}}, "a.bin")


def test_a_report_is_there_in_full_or_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "new" / "report.json"
    put(path, "old\n")
    with pytest.raises(UnicodeEncodeError):
        put(path, "half \ud800")
    assert path.read_text() == "old\n" and list(path.parent.iterdir()) == [path]


def test_a_full_disk_is_named_by_the_file_that_was_written(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No space left") as caught, whole(tmp_path / "a.json"):
        raise OSError(28, "No space left on device")
    assert caught.value.filename == str(tmp_path / "a.json")
