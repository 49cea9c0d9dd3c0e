"""A file is whole or not there."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path

import pytest

from automl_codex import export, files
from automl_codex.files import check_report, listed, put, swap, whole
from codex_gate.errors import ModelError, UsageError
from codex_gate.model import MANIFEST, Model, check_file


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


# -- a directory that cannot be moved ----------------------------------------------------------------------


@pytest.fixture
def mounted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory that refuses to be moved, as a volume does that is mounted there."""
    target = tmp_path / "volume"
    target.mkdir()
    through = Path.rename

    def rename(self: Path, other: Path) -> Path:
        if self == target:
            raise OSError(errno.EBUSY, "Device or resource busy", str(self))
        return through(self, other)

    monkeypatch.setattr(Path, "rename", rename)
    return target


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_mount_point_is_filled_in_place(mounted: Path, shipped: Path) -> None:
    (mounted / "gone").mkdir()
    (mounted / "gone" / "a.txt").write_text("old")
    (mounted / MANIFEST).write_text("{}")
    fresh = mounted.parent / ".fresh"
    shutil.copytree(shipped, fresh)
    (fresh / "notes").mkdir()
    (fresh / "notes" / "a.txt").write_text("kept")
    expected = contents(fresh)
    swap(fresh, mounted)
    assert contents(mounted) == expected and Model.load(mounted).version == Model.load(shipped).version
    assert not any(entry.name.startswith(".fresh") for entry in mounted.iterdir())


@pytest.mark.parametrize("at", range(1, 12))
def test_a_run_that_ends_while_a_mount_point_is_filled_leaves_the_old_model_the_new_one_or_none(
    mounted: Path, shipped: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    shutil.copytree(shipped, mounted, dirs_exist_ok=True)
    old, new = contents(mounted), {**contents(shipped), "MODEL_CARD.md": b"of the new one"}
    through, left = Path.replace, [at]

    def replace(self: Path, other: Path) -> Path:
        left[0] -= 1
        if not left[0]:
            raise KeyboardInterrupt
        return through(self, other)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", replace)
        try:
            export.replace_directory(new, mounted)
        except KeyboardInterrupt:
            with pytest.raises(ModelError, match="cannot be read"):
                Model.load(mounted)
        else:
            assert contents(mounted) == new
    export.replace_directory(new, mounted)
    assert contents(mounted) == new and new != old


def test_a_full_disk_while_a_mount_point_is_filled_changes_nothing(mounted: Path, shipped: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(shipped, mounted, dirs_exist_ok=True)
    old = contents(mounted)
    fresh = mounted.parent / ".fresh"
    shutil.copytree(shipped, fresh)

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files.shutil, "copytree", full)
    with pytest.raises(OSError, match="No space left"):
        swap(fresh, mounted)
    assert contents(mounted) == old


def test_another_error_of_a_swap_is_one(mounted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (mounted / "a").write_text("old")
    (tmp_path / "fresh").mkdir()
    monkeypatch.setattr(files, "_IMMOVABLE", ())
    with pytest.raises(OSError, match="busy"):
        swap(tmp_path / "fresh", mounted)
    assert contents(mounted) == {"a": b"old"}


def test_where_a_report_cannot_go_is_said_before_there_is_one(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    check_report(None)
    check_report(Path("-"))
    check_report(tmp_path / "file")
    check_report(tmp_path / "new" / "a.json")
    check_report(Path("/dev/null"))
    assert not (tmp_path / "new").exists()
    with pytest.raises(UsageError, match="is a directory; a report takes a file"):
        check_report(tmp_path)
    with pytest.raises(UsageError, match="file is no folder"):
        check_report(tmp_path / "file" / "a.json")
