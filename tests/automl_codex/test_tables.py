import json
import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from automl_codex import cli, examples, stages, tables
from codex_gate.errors import UsageError
from codex_gate.features import FEATURE_NAMES

NAN = math.nan


def row(sha: str, time: int, buggy: bool = False, fix_time: int | None = None, **known: float) -> tables.LabelledRow:
    return tables.LabelledRow(sha * 40, time, buggy, fix_time, dict.fromkeys(FEATURE_NAMES, 1.5) | known)


def test_round_trip_keeps_unknown_values_and_order(tmp_path: Path) -> None:
    path = tmp_path / "alpha.parquet"
    assert tables.write(path, "alpha", [row("b", 200, True, 300, la=NAN), row("a", 100, la=7.0)]) == 2
    data = tables.read(tmp_path)
    assert data.time.tolist() == [100, 200]
    assert data.y.tolist() == [0, 1]
    assert data.project.tolist() == ["alpha", "alpha"]
    assert np.array_equal(data.fix_time, [NAN, 300.0], equal_nan=True)
    assert np.array_equal(data.columns(["la", "ld"]), np.array([[7.0, 1.5], [NAN, 1.5]], np.float32), equal_nan=True)
    assert data.X.dtype == np.float32
    assert data.sha256.tolist() == [tables.hash_sha("a" * 40), tables.hash_sha("b" * 40)]


def test_hash_is_that_of_the_hex_digits() -> None:
    # sha256 of forty zeros, by sha256sum.
    assert tables.hash_sha("0" * 40) == "9692e67b8378a6f6753f97782d458aa757e947eab2fbdf6b5c187b74561eb78f"


def test_projects_come_in_name_order_and_can_be_picked(tmp_path: Path) -> None:
    for name in ("zeta", "alpha"):
        tables.write(tmp_path / f"{name}.parquet", name, [row("c", 5), row("d", 4)])
    data = tables.read(tmp_path)
    assert data.project.tolist() == ["alpha", "alpha", "zeta", "zeta"]
    part = data.where(data.project == "zeta")
    assert (len(part), set(part.project)) == (2, {"zeta"})
    assert len(tables.read(tmp_path / "zeta.parquet")) == 2


def test_tables_without_rows_are_refused_and_one_with_some_serves(tmp_path: Path, shipped: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tables.write(tmp_path / "alpha.parquet", "alpha", [])
    assert tables.is_empty(tmp_path / "alpha.parquet")
    for command in (["evaluate", "--model", str(shipped), "--report", str(tmp_path / "r.json")], ["train", "--output", str(tmp_path / "m")]):
        assert cli.main([*command, "--input", str(tmp_path)]) == 2
        assert f"the tables in {tmp_path} have no rows; mine them again" in capsys.readouterr().err
    tables.write(tmp_path / "zeta.parquet", "zeta", [row("c", 5)])
    assert len(tables.read(tmp_path)) == 1 and not tables.is_empty(tmp_path / "zeta.parquet")


def test_no_text_is_stored(tmp_path: Path) -> None:
    path = tmp_path / "alpha.parquet"
    tables.write(path, "alpha", [row("a", 1)])
    schema = pq.read_schema(path)
    assert set(schema.names) == {"project", "sha256", "time", "buggy", "fix_time", *FEATURE_NAMES}
    assert b"a" * 40 not in path.read_bytes()


def test_rows_of_a_stage_are_told_from_tables(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The stage-5 command of the specification as it is printed, on the output of its stage 4: the risk model learns from mined tables."""
    verified = tmp_path / "verified"
    verified.mkdir()
    (verified / stages.MANIFEST).write_text('{"stage": "verify"}')
    pq.write_table(pa.table({"rust": ["fn f() {}"]}), verified / "part-00000.parquet")
    command = ["train", "--input", f"{verified}/", "--strategy", "tpe", "--n-trials", "50", "--time-budget", "60", "--output", str(tmp_path / "m")]
    assert cli.main(command) == 2
    assert f"{verified} holds the output of verify; expected tables of automl-codex mine. Rows of augment, verify or rows" in (said := capsys.readouterr().err)
    assert "what train --models random_forest,gradient_boosting,lora learns from" in said and not (tmp_path / "m").exists()
    (tmp_path / examples.ROWS).touch()
    with pytest.raises(UsageError, match="holds the output of rows"):
        tables.read(tmp_path)


def test_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no \*\.parquet tables"):
        tables.read(tmp_path)


def test_table_of_another_schema_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "old.parquet"
    tables.write(path, "old", [row("a", 1)])
    pq.write_table(pq.read_table(path).replace_schema_metadata({"feature_schema": "99"}), path)
    with pytest.raises(UsageError, match=r"old\.parquet has feature schema 99"):
        tables.read(tmp_path)


def test_a_damaged_table_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "torn.parquet"
    tables.write(path, "torn", [row("a", 1)])
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(UsageError, match=r"torn\.parquet is no table that can be read"):
        tables.read(tmp_path)


def test_a_table_without_a_column_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "narrow.parquet"
    tables.write(path, "narrow", [row("a", 1)])
    pq.write_table(pq.read_table(path).drop_columns(["la"]), path)
    with pytest.raises(UsageError, match=r"narrow\.parquet lacks the column la"):
        tables.read(tmp_path)


def test_half_written_table_is_not_read(tmp_path: Path) -> None:
    tables.write(tmp_path / "alpha.parquet", "alpha", [row("a", 1)])
    (tmp_path / ".beta.parquet.1.tmp").write_bytes(b"PAR1")
    assert len(tables.read(tmp_path)) == 1


def test_a_table_says_what_it_was_made_from(tmp_path: Path) -> None:
    tables.write(tmp_path / "a.parquet", "a", [row("a", 1)], "head 5, szz")
    tables.write(tmp_path / "b.parquet", "b", [row("a", 1)])
    (tmp_path / "c.parquet").write_bytes(b"PAR1 half")
    assert [tables.recipe_of(tmp_path / f"{name}.parquet") for name in "abcd"] == ["head 5, szz", None, None, None]
    assert len(tables.read(tmp_path / "a.parquet")) == 1


def test_labels_from_outside_are_told_from_traced_ones(tmp_path: Path) -> None:
    for name, recipe in (("a", {"labels": "73af", "project": "a"}), ("b", {"szz": "recent", "project": "labels"})):
        tables.write(tmp_path / f"{name}.parquet", name, [row("a", 1), row("b", 2)], json.dumps(recipe))
    data = tables.read(tmp_path)
    assert data.traced().tolist() == [False, False, True, True]
    assert data.where(data.project == "a").traced().all()  # where all came with a file there is nothing to tell them from
    tables.write(tmp_path / "c.parquet", "c", [row("a", 1)], "head 5, szz")
    assert tables.read(tmp_path).traced().tolist() == [False, False, True, True, True]
