"""The page on likeness: its twins have another data flow and the same tokens, and its shares are those of scores worked out by hand."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path
from random import Random

import pytest

from automl_codex import paths
from benchmarks import similar

PROGRAM = "def f(a, b):\n    c = a + b\n    return c * a - b\n"


@pytest.mark.parametrize("seed", range(5))
def test_a_twin_has_the_same_tokens_and_is_no_renaming(seed: int) -> None:
    twin = similar.swapped(PROGRAM, Random(seed))
    assert twin is not None and twin != PROGRAM
    names = [Counter(node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)) for text in (PROGRAM, twin)]
    assert names[0] == names[1]
    assert paths.alpha_normal(twin) != paths.alpha_normal(PROGRAM)


def test_there_is_no_twin_where_reads_cannot_change_places() -> None:
    assert similar.swapped("def f(a):\n    return a + a\n", Random(1)) is None
    assert similar.swapped("x = 1\n", Random(1)) is None


def test_a_share_counts_strictly_nearer_and_names_ties() -> None:
    assert similar._share([1.0, 0.5, 0.2, 0.9], [0.5, 0.5, 0.5, 0.5], 4) == "50.0% (15.0%–85.0%), 1 alike"


def test_the_page_is_written_and_the_renamed_copy_wins(tmp_path: Path) -> None:
    assert similar.main(["--count", "12", "--modules", "2", "--output", str(tmp_path / "similar.md")]) == 0
    text = (tmp_path / "similar.md").read_text("utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| renamed copy, and not:")]
    assert len(rows) == 6 and all(row.split("|")[2].strip().startswith("100.0% (") for row in rows)
    assert text.count("## ") == 2 and "| 5 | 1 | 100.0%" in text
