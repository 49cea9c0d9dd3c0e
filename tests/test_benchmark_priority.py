"""The benchmark of hot files: whom it calls fixed, how a ranking is judged, and the tables that it prints."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from benchmarks import priority as bench
from codex_gate.priority import WEIGHTS
from tests.conftest import ADA, BOB, DAY, START, Node, Repo


def nodes() -> list[Node]:
    """Three years and a half on 30 files: the first 15 grow, by two people, and are repaired; the others stay."""
    files = {f"src/f{k}.py": "def f(a):\n    return a\n" for k in range(30)}
    found = [Node(files, (), ADA, START, "begin")]
    for step in range(1, 43):
        text = "def f(a):\n" + "".join(f"    if a == {k}:\n        return {k}\n" for k in range(step)) + "    return a\n"
        chosen = {f"src/f{k}.py": text for k in range(15) if k % 2 == step % 2}
        found.append(Node(chosen, (step - 1,), (ADA, BOB)[step % 3 == 0], START + step * 30 * DAY, "fix: crash on empty input" if step % 3 else "extend"))
    return found


@pytest.fixture
def clones(make_repo: Callable[..., Repo]) -> Path:
    repo = make_repo("clones/owner+project")
    repo.build(nodes())
    return repo.path.parent


def test_a_ranking_is_judged_by_its_auc_and_its_first_tenth() -> None:
    ranks = {f"f{k}": float(k) for k in range(100)}
    assert bench.judged(ranks, frozenset(f"f{k}" for k in range(90, 100))) == (1.0, 1.0)
    assert bench.judged(ranks, frozenset(f"f{k}" for k in range(10))) == (0.0, 0.0)
    assert bench.judged(ranks, frozenset(f"f{k}" for k in (95, 96, *range(8)))) == (pytest.approx(174 / 900), 0.2)
    assert bench.judged(ranks, frozenset(f"f{k}" for k in range(9))) is None


def test_each_year_is_scored_by_what_was_known_when_it_began(clones: Path, make_repo: Callable[..., Repo]) -> None:
    found = bench.years(Repo.open(make_repo("other"), clones / "owner+project"))
    assert len(found) == bench.YEARS
    for year in found:
        assert year.fixed == {f"src/f{k}.py" for k in range(15)}
        assert set(year.ranks) == {"score", *WEIGHTS, *(f"score without {name}" for name in WEIGHTS), "lines of text"}
    newest, oldest = found[0].ranks["lines of text"], found[-1].ranks["lines of text"]
    assert newest["src/f0.py"] > oldest["src/f0.py"] and newest["src/f20.py"] == oldest["src/f20.py"] == 2


def test_the_tables_say_how_well_the_next_fixes_are_told(clones: Path) -> None:
    said: list[str] = []
    assert bench.main(["--clones", str(clones)], said.append) == 0
    told = "\n".join(said)
    assert "| owner+project | 43 | 28 | 30 |" in told and "1 project, 3 years" in told
    assert "| score | 1.000 (1.000 to 1.000) |  | 0.200 (0.200 to 0.200) |" in told
    assert sum(line.startswith("| score without ") for line in said) == len(WEIGHTS)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("pallets+flask", "pallets/flask is off limits"),
        ("no+clone", "no+clone is not inside a git repository"),
        ("hidden", "none of the 0 clones in"),
    ],
)
def test_what_cannot_be_measured_is_a_sentence(tmp_path: Path, name: str, sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / name).mkdir()
    assert bench.main(["--clones", str(tmp_path)], lambda _: None) == 2
    said = capsys.readouterr().err
    assert said.startswith("priority: ") and sentence in said
    assert bench.main(["--clones", str(tmp_path / "none")], lambda _: None) == 2


def test_the_interval_is_over_projects() -> None:
    assert bench.over_projects([0.5], Random(0)) == "0.500 (0.500 to 0.500)"
    low, high = bench.over_projects([0.4, 0.6] * 20, Random(0)).removeprefix("0.500 (").removesuffix(")").split(" to ")
    assert 0.45 < float(low) < 0.5 < float(high) < 0.55
