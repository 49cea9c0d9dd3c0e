"""The command that times students, at a small scale."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.codex_gate import students
from tests.conftest import Repo


def test_every_shape_and_a_distilled_student_are_timed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch", reason="torch is of the extra [train]")
    from benchmarks import student

    monkeypatch.setattr(student, "SHAPES", (("bag", 1), ("transformer", 1)))
    monkeypatch.setattr(student, "VOCABULARY", 1500)
    folder = students.write(tmp_path / "mine")
    assert student.main(["--limit", "16", "--calls", "3", "--model", str(folder), "--output", str(tmp_path / "t.md")]) == 0
    rows = [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in (tmp_path / "t.md").read_text().splitlines() if line.startswith("|")]
    assert [row[:2] for row in rows[2:]] == [[name, form] for name in ("bag", "1 layer") for form in ("fp32", "int8")] + [["mine, text to answer", "int8"]]
    sizes = {(row[0], row[1]): float(row[3]) for row in rows[2:-1]}
    assert all(sizes[name, "int8"] < 0.4 * sizes[name, "fp32"] for name, _ in sizes)
    for row in rows[2:]:
        assert all(float(cell.split(" ")[0]) > 0 for cell in row[4:])


def test_the_page_has_the_parameters_of_the_student_that_ships() -> None:
    pytest.importorskip("torch", reason="torch is of the extra [train]")
    from benchmarks import student

    root = Path(__file__).parents[1]
    size = f"{student.parameters(root / 'models' / 'student.onnx') / 1e6:.1f}"
    page = (root / "docs" / "students.md").read_text("utf-8")
    assert f"| models, text to answer | int8 | {size} |" in page and f"A transformer of two layers, {size} M parameters" in page
    assert f"({size} M of 22.7 M)" in (root / "docs" / "spec.md").read_text("utf-8")


def test_a_pull_request_is_timed_at_both_tiers(make_repo: Callable[..., Repo], tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="torch is of the extra [train]")
    from benchmarks import student

    repo = make_repo()
    repo.write("src/a.py", "x = 1\n")
    base = repo.commit("one")
    for number in range(2):
        repo.write(f"src/{number}.py", "bad = 1\n")
        repo.commit(f"Fix it {number}")
    told = student.pull(students.write(tmp_path / "mine"), repo.path, f"{base}..HEAD", 3)
    assert told.startswith("Kinds of a pull request of 2 files and of its 2 commits: tier 1 ") and told.endswith("ms, models loaded.\n")
    one, three = (float(part.split(" ")[2]) for part in told.split(": ")[1].split(", ")[:2])
    assert 0 < one < three
