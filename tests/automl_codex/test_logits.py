"""Logits on disk: one file for each teacher, made once, gone on with, and refused when they are not what they say."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from automl_codex import logits
from codex_gate.errors import UsageError
from codex_gate.student import LABELS
from tests.automl_codex.learners import Oracle, examples

ROWS = examples(40)


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logits, "PIECE", 8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for teacher in (Oracle("one"), Oracle("two", 2.0)):
        logits.write(tmp_path / "logits", ROWS, teacher)
    return tmp_path / "logits"


def test_rows_and_answers_come_back_as_they_went(folder: Path) -> None:
    found = logits.read(folder)
    assert list(found.examples) == ROWS
    assert list(found.logits) == ["one", "two"]
    assert np.array_equal(found.logits["two"], Oracle("two", 2.0).logits(ROWS))


def test_the_columns_are_those_that_others_rely_on(folder: Path) -> None:
    table = pq.read_table(folder / "one.parquet")
    assert table.column_names == ["row_id", "teacher", "logits"]
    assert table.schema.field("logits").type.value_type == pa.float32()
    assert set(table["teacher"].to_pylist()) == {Oracle("one").id} and len(table["logits"][0]) == 20
    manifest = json.loads((folder / "_manifest.json").read_text())
    assert manifest["labels"] == list(LABELS)
    assert manifest["teachers"]["two"]["tokeniser"] == "0" * 64 and manifest["teachers"]["two"]["file"] == "two.parquet"
    assert sorted(path.name for path in folder.iterdir()) == ["_manifest.json", "_rows.parquet", "one.parquet", "two.parquet"]


def test_rows_that_nobody_labelled_are_answered_too(tmp_path: Path) -> None:
    rows = [replace(ROWS[0], defect="unknown", category=None), replace(ROWS[1], defect="unknown", category="none")]
    logits.write(tmp_path / "l", rows, Oracle())
    found = logits.read(tmp_path / "l")
    assert list(found.examples) == rows
    assert found.logits["oracle"][:, -1].tolist() == [0.0, 0.0] and np.flatnonzero(found.logits["oracle"]).tolist() == [20 + LABELS.index("none")]


def test_an_interrupted_run_goes_on_where_it_stopped(tmp_path: Path) -> None:
    cut, told = Oracle(fail_after=2), []
    with pytest.raises(KeyboardInterrupt):
        logits.write(tmp_path / "l", ROWS, cut)
    with pytest.raises(UsageError, match="the logits of oracle are half written"):
        logits.read(tmp_path / "l")
    (tmp_path / "l" / ".oracle.parts" / "000000000.parquet").write_bytes(b"torn")
    rest = Oracle()
    path = logits.write(tmp_path / "l", ROWS, rest, lambda *state: told.append(state))
    assert rest.asked == [8, 8, 8, 8] and told[0] == (8, 40, 8) and told[-1] == (40, 40, 8)
    whole = logits.write(tmp_path / "whole", ROWS, Oracle())
    assert pq.read_table(path).equals(pq.read_table(whole))


def test_what_is_there_is_not_made_again_but_for_other_weights(tmp_path: Path) -> None:
    logits.write(tmp_path / "l", ROWS, Oracle())
    same, other = Oracle(), Oracle(sharpness=1.0)
    logits.write(tmp_path / "l", ROWS, same)
    assert same.asked == []
    logits.write(tmp_path / "l", ROWS, other)
    assert sum(other.asked) == 40 and float(np.abs(logits.read(tmp_path / "l").logits["oracle"]).max()) == 1.0


def test_other_rows_do_not_go_into_the_same_folder(folder: Path) -> None:
    with pytest.raises(UsageError, match="holds the logits of other rows; choose another --output"):
        logits.write(folder, ROWS[:-1], Oracle())


@pytest.mark.parametrize("name", ["", "a/b", "../x", ".hidden", "_rows", "a" * 65])
def test_a_name_that_is_no_files_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="name becomes a file's"):
        logits.write(tmp_path / "l", ROWS, Oracle(name))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda found: found[:, :-1], r"gave logits of shape \(8, 19\) for 8 rows, expected \(8, 20\)"),
        (lambda found: found * np.nan, "gave logits that are no finite numbers"),
        (lambda found: found + np.inf, "gave logits that are no finite numbers"),
    ],
)
def test_a_teacher_that_answers_nonsense_is_not_written(tmp_path: Path, spoil: Callable[[np.ndarray], np.ndarray], said: str) -> None:
    class Broken(Oracle):
        def logits(self, batch):
            return spoil(super().logits(batch))

    with pytest.raises(UsageError, match=said):
        logits.write(tmp_path / "l", ROWS, Broken())
    assert not (tmp_path / "l" / "oracle.parquet").exists()


def rewritten(path: Path, change: Callable[[pa.Table], pa.Table]) -> None:
    pq.write_table(change(pq.read_table(path)), path)


def column(table: pa.Table, name: str, values: object, kind: pa.DataType | None = None) -> pa.Table:
    return table.set_column(table.column_names.index(name), name, pa.array(values, kind))


def with_logits(table: pa.Table, change: Callable[[list[list[float]]], list[list[float]]]) -> pa.Table:
    return column(table, "logits", change(table["logits"].to_pylist()), pa.list_(pa.float32()))


def footer(table: pa.Table, **changes: str) -> pa.Table:
    return table.replace_schema_metadata({**{k.decode(): v.decode() for k, v in table.schema.metadata.items()}, **changes})


SWAPPED = json.dumps([LABELS[1], LABELS[0], *LABELS[2:]])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: footer(t, labels=SWAPPED), "another label order (OwnershipBorrow where ASTTransform stands here); expected the 20 labels"),
        (lambda t: footer(t, labels=json.dumps(LABELS[:-1])), "another label order (19 labels)"),
        (lambda t: t.replace_schema_metadata(None), "another label order"),
        (lambda t: footer(t, rows="0" * 64), "answers on other rows"),
        (lambda t: t.slice(0, 39), "holds 39 answers on other rows than the 40"),
        (lambda t: column(t, "row_id", t["row_id"].to_pylist()[::-1]), "answers on other rows"),
        (lambda t: with_logits(t, lambda rows: [row[:-1] for row in rows]), "has rows of 19 logits, expected 20"),
        (lambda t: with_logits(t, lambda rows: [rows[0][:3], *rows[1:]]), "has rows of 3, 20 logits, expected 20"),
        (lambda t: with_logits(t, lambda rows: [None, *rows[1:]]), "has rows of 0, 20 logits"),
        (lambda t: with_logits(t, lambda rows: [rows[0], [float("nan")] * 20, *rows[2:]]), "no finite numbers in 1 rows, the first is row-1"),
        (lambda t: with_logits(t, lambda rows: [[float("inf"), *row[1:]] for row in rows]), "no finite numbers in 40 rows"),
    ],
)
def test_a_file_that_is_not_what_it_says_is_refused(folder: Path, change: Callable[[pa.Table], pa.Table], said: str) -> None:
    rewritten(folder / "two.parquet", change)
    with pytest.raises(UsageError) as error:
        logits.read(folder)
    assert said in str(error.value) and "two.parquet" in str(error.value) and error.value.exit_code == 2


def test_a_missing_teacher_is_named(folder: Path) -> None:
    (folder / "one.parquet").unlink()
    with pytest.raises(UsageError, match="the file of teacher one is missing"):
        logits.read(folder)


@pytest.mark.parametrize("wanted", [1, 3])
def test_another_number_of_teachers_than_asked_for_is_refused(folder: Path, wanted: int) -> None:
    assert len(logits.read(folder, 2).logits) == 2
    with pytest.raises(UsageError, match=rf"holds 2 teachers \(one, two\), expected {wanted}"):
        logits.read(folder, wanted)


def test_folders_without_logits_are_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"holds no logits \(_rows.parquet is missing\)"):
        logits.read(tmp_path)
    (folder / "_manifest.json").write_text("[]")
    with pytest.raises(UsageError, match="is no manifest of logits"):
        logits.read(folder)
    (folder / "_manifest.json").unlink()
    with pytest.raises(UsageError, match=r"_manifest.json is missing"):
        logits.read(folder)
    (folder / "one.parquet").write_bytes(b"torn")
    (folder / "_manifest.json").write_text('{"teachers": {}}')
    with pytest.raises(UsageError, match=r"one.parquet cannot be read as Parquet"):
        logits.read(folder)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: column(t, "after", ["x"] * 40), "was altered"),
        (lambda t: t.drop_columns(["message"]), "does not hold the rows of this version"),
        (lambda t: t.slice(0, 0), "was altered"),
    ],
)
def test_altered_rows_are_refused(folder: Path, change: Callable[[pa.Table], pa.Table], said: str) -> None:
    rewritten(folder / "_rows.parquet", change)
    with pytest.raises(UsageError, match=said):
        logits.read(folder)


@pytest.mark.parametrize(("name", "value"), [("defect", "perhaps"), ("part", "all"), ("category", "Others")])
def test_rows_with_labels_of_another_kind_are_refused(tmp_path: Path, name: str, value: str) -> None:
    logits.write(tmp_path / "l", [replace(ROWS[0], **{name: value})], _Zero())
    with pytest.raises(UsageError, match=f"row row-0 has .*{value}"):
        logits.read(tmp_path / "l")


class _Zero(Oracle):
    def logits(self, batch):
        return np.zeros((len(batch), len(LABELS)))
