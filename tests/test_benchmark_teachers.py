"""The command that holds teachers and students against TF-IDF, at a small scale."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from automl_codex import examples, logits
from automl_codex.split import TEST, TRAIN
from benchmarks import teachers
from codex_gate.taxonomy import NONE
from tests.automl_codex import learners
from tests.codex_gate import students


def test_every_view_judges_the_test_part_alone(tmp_path: Path) -> None:
    read = [
        replace(example, row_id=f"acme/tool@{number}:said", lineage=f"r{number % 4}", part=(TEST, TRAIN)[number % 2], message="fix it")
        for number, example in enumerate(learners.examples(24))
    ]
    bare = [replace(example, row_id=f"{example.row_id}x", part=TEST, message="") for example in read]
    generated = [replace(e, row_id=f"{e.row_id}-smote-0:python") if number % 5 == 4 else e for number, e in enumerate(learners.examples(240))]
    logits.write(tmp_path / "answers", [*read, *bare], learners.Oracle())
    examples.write_rows(tmp_path / "labelled" / examples.ROWS, generated)
    mine = students.write(tmp_path / "mine")
    flags = ["--answers", str(tmp_path / "answers"), "--labelled", str(tmp_path / "labelled"), "--student", str(mine), "--output", str(tmp_path / "t.md")]
    assert teachers.main(flags) == 0
    said, alone, lines, mutants, variants = (tmp_path / "t.md").read_text("utf-8").split("\n## ")[1:]
    assert f"\n{sum(e.before.count(chr(10)) + e.after.count(chr(10)) == 0 for e in bare):,} rows of" in lines
    test = [e for e in generated if e.part == TEST]
    kinds = [e for e in test if e.category != NONE and "-smote-" not in e.row_id]
    views = ((said, [e for e in read if e.part == TEST]), (alone, bare), (mutants, kinds), (variants, [e for e in test if e.category == NONE]))
    for text, rows in views:
        assert f"\n{len(rows):,} rows of" in text
        names = [line.split(" | ")[0].strip("| ") for line in text.splitlines() if line.startswith("| ") and not line.startswith("| |")]
        beside = ["TF-IDF + logistic regression"] if rows is not bare else []  # it has nothing to learn from there
        asked = ["teacher oracle"] if rows in (views[0][1], bare) else []  # nobody asked it about generated programs
        assert names == ["majority", *beside, *asked, "student mine"]
        assert not asked or "| teacher oracle | 1.000 (1.000–1.000) |" in text


def test_what_is_no_output_of_logits_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert teachers.main(["--answers", str(tmp_path), "--output", str(tmp_path / "t.md")]) == 2
    assert "holds no logits" in capsys.readouterr().err and not (tmp_path / "t.md").exists()
