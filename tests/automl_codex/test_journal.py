import json
from pathlib import Path

import pytest

from automl_codex.journal import Journal
from codex_gate.errors import UsageError


def test_what_was_added_is_there_for_the_next_run_of_the_same_work(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.journal"
    with Journal(path, "work") as journal:
        assert journal.entries == []
        journal.add("row", [1, "ä\n"])
        journal.add("trace", {"x": None})
        journal.add("row", [2, float("inf")])
    with Journal(path, "work") as journal:
        assert journal.of("row") == [[1, "ä\n"], [2, float("inf")]]
        assert journal.of("trace") == [{"x": None}]


def test_other_work_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "a.journal"
    with Journal(path, "work") as journal:
        journal.add("row", 1)
    with Journal(path, "other work") as journal:
        assert journal.entries == []
        journal.add("row", 2)
    with Journal(path, "work") as journal:
        assert journal.entries == []
    assert not path.exists()  # there is nothing to go on with


@pytest.mark.parametrize("damage", [b'["row",', b'["row",2]', b"\0\0\0\n", b"5\n", b"[1,2,3]\n", b'\xff\xfe\n["row",3]\n'])
def test_what_was_not_written_whole_is_dropped_and_written_over(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "a.journal"
    with Journal(path, "work") as journal:
        journal.add("row", 1)
    with path.open("ab") as stream:
        stream.write(damage)
    with Journal(path, "work") as journal:
        assert journal.of("row") == [1]
        journal.add("row", 2)
    assert [json.loads(line) for line in path.read_text().splitlines()] == [["work", "work"], ["row", 1], ["row", 2]]


def test_a_second_run_is_kept_out(tmp_path: Path) -> None:
    path = tmp_path / "a.journal"
    with Journal(path, "work") as journal:
        journal.add("row", 1)
        with pytest.raises(UsageError, match="being written by another run"):
            Journal(path, "work")
    with Journal(path, "work") as journal:
        assert journal.of("row") == [1]


def test_a_place_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"cannot be written \(Not a directory|cannot be written \(File exists"):
        Journal(tmp_path / "file" / "a.journal", "work")


def test_finished_work_leaves_nothing(tmp_path: Path) -> None:
    with Journal(tmp_path / "a.journal", "work") as journal:
        journal.finish()
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_ends_before_its_first_entry_takes_the_folders_along_that_it_made(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    for folder in (tmp_path / "there", tmp_path / "new" / "data"):
        with pytest.raises(KeyboardInterrupt), Journal(folder / "a.journal", "work"):
            raise KeyboardInterrupt
    assert [entry.name for entry in tmp_path.iterdir()] == ["there"]
    with Journal(tmp_path / "new" / "a.journal", "work") as journal:
        (tmp_path / "new" / "a.parquet").write_text("made")
        journal.finish()
    assert [entry.name for entry in (tmp_path / "new").iterdir()] == ["a.parquet"]
