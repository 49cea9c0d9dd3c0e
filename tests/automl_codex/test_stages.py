"""Stage files: repaired by the partition, the same however they were made, and clear about what is wrong with them."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from automl_codex import generate, stages, stats
from automl_codex.types import Program
from codex_gate.errors import UsageError
from tests.automl_codex.folders import contents, run


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stages, "PARTITION", 20)


def options(count: int = 70, **changes: object) -> generate.Options:
    return generate.Options(**{"strategy": "random", "count": count, "max_depth": 2, "seed": 5, **changes})  # type: ignore[arg-type]


def make(folder: Path, wanted: generate.Options | None = None, parallel: int = 1, shard: tuple[int, int] = (1, 1)) -> dict[str, object]:
    wanted = wanted or options()
    return stages.run(wanted.stage(folder), wanted.works(), generate.Maker(wanted), stages.Local(parallel), shard)


def times(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in folder.glob("part-*")}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stage") / "raw"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stages, "PARTITION", 20)
        make(folder)
    return folder


@pytest.fixture
def raw(finished: Path, tmp_path: Path) -> Path:
    target = tmp_path / "raw"
    target.mkdir()
    for path in finished.iterdir():
        (target / path.name).write_bytes(path.read_bytes())
        stat = path.stat()
        os.utime(target / path.name, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    return target


def test_manifest_says_what_was_made_from_what(finished: Path) -> None:
    manifest = stages.manifest_of(finished, "generate", 5)
    assert manifest["rows"] == 70 and manifest["counts"]["programs"] == 70
    assert manifest["counts"]["candidates"] == 70 + sum(manifest["rejects"].values())
    assert [p["rows"] for p in manifest["partitions"]] == [20, 20, 20, 10]
    assert manifest["options"] == {"grammar": "python", "strategy": "random", "max_depth": 2}
    assert set(manifest["tools"]) == {"python", "automl-codex", "pyarrow"}
    for partition in manifest["partitions"]:
        assert partition["sha256"] == hashlib.sha256((finished / partition["name"]).read_bytes()).hexdigest()
        assert pq.ParquetFile(finished / partition["name"]).metadata.row_group(0).column(0).compression == "ZSTD"


def test_rows_read_back_and_their_inputs_ran(finished: Path) -> None:
    rows = [row for path in sorted(finished.glob("part-*")) for row in stages.read(path, Program)]
    assert len({row.program_id for row in rows}) == 70
    assert all(len(row.inputs) == len(row.outcomes) == generate.INPUTS for row in rows)
    assert all(any(not outcome.startswith(("!", "?")) for outcome in row.outcomes) for row in rows)


def test_shards_and_processes_make_the_same_bytes(finished: Path, tmp_path: Path) -> None:
    for shard in (2, 3, 1):
        manifest = make(tmp_path / "shards", shard=(shard, 3))
        assert manifest["complete"] == (shard == 1)
    make(tmp_path / "parallel", parallel=2)
    assert contents(tmp_path / "shards") == contents(tmp_path / "parallel") == contents(finished)


def test_second_run_makes_nothing_and_a_longer_one_only_what_is_new(raw: Path) -> None:
    before = times(raw)
    make(raw)
    assert times(raw) == before
    make(raw, options(count=80))
    after = times(raw)
    assert {name for name in after if after[name] != before.get(name)} == {"part-00003.parquet"}  # it holds 20 instead of 10 now
    make(raw, options(count=40))
    assert set(times(raw)) == {"part-00000.parquet", "part-00001.parquet"}


def test_other_options_make_every_partition_anew(raw: Path) -> None:
    before = times(raw)
    make(raw, options(max_depth=1))
    after = times(raw)
    assert all(after[name] != before[name] for name in before)
    assert stages.manifest_of(raw)["options"]["max_depth"] == 1


def test_damaged_partition_alone_is_made_anew(raw: Path, finished: Path) -> None:
    before = times(raw)
    (raw / "part-00001.parquet").write_bytes((raw / "part-00001.parquet").read_bytes()[:500])
    with pytest.raises(UsageError, match=r"part-00001\.parquet is damaged.*run automl-codex generate again"):
        stages.manifest_of(raw)
    make(raw)
    after = times(raw)
    assert {name for name in after if after[name] != before[name]} == {"part-00001.parquet"}
    assert contents(raw) == contents(finished)


def test_killed_run_loses_the_partitions_in_flight_and_no_more(tmp_path: Path, finished: Path) -> None:
    folder = tmp_path / "raw"
    code = (
        "import sys; from pathlib import Path; from automl_codex import generate, stages; stages.PARTITION = 20\n"
        "o = generate.Options(strategy='random', count=70, max_depth=2, seed=5)\n"
        "stages.run(o.stage(Path(sys.argv[1])), o.works(), generate.Maker(o))\n"
    )
    for wanted in (1, 3):
        process = subprocess.Popen([sys.executable, "-c", code, str(folder)])
        while process.poll() is None and len(list(folder.glob("part-*"))) < wanted:
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        process.wait()
        kept = times(folder)
        assert len(kept) >= wanted
        for name in kept:
            assert pq.read_table(folder / name).num_rows in (20, 10)
    (folder / ".part-00009.parquet.1.tmp").write_bytes(b"PAR1")
    make(folder)
    assert {name: when for name, when in times(folder).items() if name in kept} == kept
    assert contents(folder) == contents(finished)


def test_export_writes_loose_files(finished: Path, tmp_path: Path) -> None:
    assert stages.export_py(finished, tmp_path / "py") == 70
    first = next(stages.read(finished / "part-00000.parquet", Program))
    assert (tmp_path / "py" / f"{first.program_id}.py").read_text("utf-8") == first.source


def test_command_generates_and_prints_the_funnel(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call = ("generate", "--grammar", "python", "--strategy", "random", "--count", 30, "--max-depth", 2, "--seed", 5, "--output", tmp_path / "raw")
    assert run(*map(str, call), "--export-py", tmp_path / "py") == 0
    out, err = capsys.readouterr()
    assert "30 rows in 2 partitions" in out and "2/2 partitions" in err and "30 files in" in err
    assert run("stats", tmp_path / "raw") == 0
    assert capsys.readouterr().out == out
    assert run("stats", tmp_path) == 0
    assert capsys.readouterr().out == out
    assert all(len(line) <= 80 for line in out.splitlines()[1:])


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--count", "0"], "count must be >= 1, got 0"),
        (["--max-depth", "-1"], "max-depth must be >= 0, got -1"),
        (["--strategy", "genetic"], "no strategy genetic; there are exhaustive, random, coverage, swarm, boundary"),
        (["--grammar", "cobol"], "no grammar cobol; there are python, python-core"),
        (["--shard", "3/2"], "shard must be I/N with 1 <= I <= N, got 3/2"),
        (["--shard", "x"], "shard must be I/N"),
        (["--parallel", "0"], "parallel must be >= 1, got 0"),
        (["--seed", "6"], "holds data of seed 5, asked for was seed 6"),
    ],
)
def test_wrong_use_is_one_sentence_and_exit_code_2(raw: Path, more: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    before = contents(raw)
    assert run("generate", "--count", "10", "--seed", "5", "--output", raw, *more) == 2
    assert said in capsys.readouterr().err
    assert contents(raw) == before


def test_what_is_wrong_with_an_input_folder_is_said(raw: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"holds no stage data.*make it with: automl-codex generate"):
        stages.manifest_of(tmp_path / "nothing", "generate")
    with pytest.raises(UsageError, match="holds the output of generate; expected that of augment"):
        stages.manifest_of(raw, "augment")
    with pytest.raises(UsageError, match="was made with seed 5, not 6"):
        stages.manifest_of(raw, "generate", 6)
    (raw / "part-00002.parquet").unlink()
    with pytest.raises(UsageError, match="is half written: 3 of 4 partitions; run automl-codex generate again"):
        stages.manifest_of(raw)
    manifest = json.loads((raw / stages.MANIFEST).read_text())
    (raw / stages.MANIFEST).write_text(json.dumps({**manifest, "schema_version": 99}))
    with pytest.raises(UsageError, match="has schema version 99, this version reads 1"):
        stages.manifest_of(raw)
    (raw / stages.MANIFEST).write_text("{")
    with pytest.raises(UsageError, match="is no manifest of a stage"):
        stages.manifest_of(raw)


def test_output_that_is_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match="holds other files"):
        make(tmp_path)
    with pytest.raises(UsageError, match="is a file"):
        make(tmp_path / "notes.txt")
    with pytest.raises(UsageError, match="holds no stage data, nor does a folder in it"):
        stats.of(tmp_path)
    assert contents(tmp_path) == {"notes.txt": hashlib.sha256(b"mine").hexdigest()}


def test_a_dense_folder_holds_the_same_rows_in_fewer_bytes(tmp_path: Path) -> None:
    wanted = options()
    stage = wanted.stage(tmp_path / "plain")
    for one in (stage, replace(stage, folder=tmp_path / "dense", dense=True)):
        stages.run(one, wanted.works(), generate.Maker(wanted))
    plain, dense = (sorted((tmp_path / name).glob("part-*")) for name in ("plain", "dense"))
    assert [list(stages.read(path, Program)) for path in plain] == [list(stages.read(path, Program)) for path in dense]
    assert sum(path.stat().st_size for path in dense) < 0.8 * sum(path.stat().st_size for path in plain)
    assert stages.manifest_of(tmp_path / "dense")["rows"] == 70
