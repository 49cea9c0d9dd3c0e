"""The command that holds teachers and students against TF-IDF, at a small scale."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from automl_codex import logits
from automl_codex.split import TEST, TRAIN
from benchmarks import teachers
from tests.automl_codex import learners
from tests.codex_gate import students


def test_every_view_judges_the_test_part_alone(tmp_path: Path) -> None:
    generated = learners.examples(240)
    read = [
        replace(example, row_id=f"acme/tool@{number}:said", lineage=f"r{number % 4}", part=(TEST, TRAIN)[number % 2], message="fix it")
        for number, example in enumerate(learners.examples(24))
    ]
    bare = [replace(example, row_id=f"{example.row_id}x", part=TEST, message="") for example in read]
    logits.write(tmp_path / "answers", [*generated, *read, *bare], learners.Oracle())
    mine = students.write(tmp_path / "mine")
    assert teachers.main(["--answers", str(tmp_path / "answers"), "--student", str(mine), "--output", str(tmp_path / "t.md")]) == 0
    said, alone, lines, programs = (tmp_path / "t.md").read_text("utf-8").split("\n## ")[1:]
    assert f"\n{sum(e.before.count(chr(10)) + e.after.count(chr(10)) == 0 for e in bare):,} rows of" in lines
    for text, rows in ((said, [e for e in read if e.part == TEST]), (alone, bare), (programs, [e for e in generated if e.part == TEST])):
        assert f"\n{len(rows):,} rows of" in text
        names = [line.split(" | ")[0].strip("| ") for line in text.splitlines() if line.startswith("| ") and not line.startswith("| |")]
        beside = ["TF-IDF + logistic regression"] if rows is not bare else []  # it has nothing to learn from there
        assert names == ["majority", *beside, "teacher oracle", "student mine"]
        assert "| teacher oracle | 1.000 (1.000–1.000) |" in text


def test_what_is_no_output_of_logits_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert teachers.main(["--answers", str(tmp_path), "--output", str(tmp_path / "t.md")]) == 2
    assert "holds no logits" in capsys.readouterr().err and not (tmp_path / "t.md").exists()
