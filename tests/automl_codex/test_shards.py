"""Every stage in shards: on machines that have nothing but its input folder, and together the whole, byte for byte."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from automl_codex import cli, stages, transpile
from codex_gate.errors import UsageError
from tests.automl_codex.pairs import needs_rustc

STAGES = {
    "generate": ("--grammar", "python-core", "--strategy", "random", "--count", "8", "--max-depth", "1", "--seed", "5"),
    "augment": ("--strategy", "eda", "--eda-factor", "1"),
    "transpile": (),
    "verify": (),
}


def run(stage: str, source: Path | None, target: Path, *more: str) -> None:
    given = ("--input", str(source)) if source else ()
    assert cli.main([stage, *STAGES[stage], *given, "--output", str(target), *more]) == 0


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@needs_rustc
def test_the_union_of_the_shards_of_every_stage_equals_the_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(stages, "PARTITION", 4)
    monkeypatch.setattr(transpile, "SLICE", 8)
    source: Path | None = None
    for stage in STAGES:
        target, union = tmp_path / "whole" / stage, tmp_path / "union" / stage
        run(stage, source, target)
        assert len(list(target.glob("part-*"))) == 2
        union.mkdir(parents=True)
        for number in (2, 1):
            machine = tmp_path / f"{stage}-{number}"
            alone = shutil.copytree(source, machine / "in") if source else None
            run(stage, alone, machine / "out", "--shard", f"{number}/2")
            with pytest.raises(UsageError, match=f"is half written: 1 of 2 partitions; run automl-codex {stage} again"):
                stages.manifest_of(machine / "out")
            (part,) = (machine / "out").glob("part-*")
            shutil.copy(part, union / part.name)
        capsys.readouterr()
        run(stage, source, union)
        assert "2/2 partitions, 2 kept" in capsys.readouterr().err  # nothing was left to make
        assert contents(union) == contents(target)
        source = target


def test_more_shards_than_partitions_leave_some_without_work(tmp_path: Path) -> None:
    run("generate", None, tmp_path / "whole")
    for number in (1, 2, 3):
        run("generate", None, tmp_path / "raw", "--shard", f"{number}/3")
    assert contents(tmp_path / "raw") == contents(tmp_path / "whole")
