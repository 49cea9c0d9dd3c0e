"""The page on the order under a budget: every pair once, shares that a list worked out by hand has, a page from any verified folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from automl_codex import stages
from automl_codex.types import LabelledTuple
from benchmarks import order


def test_a_replay_meets_every_pair_once_and_its_shares_are_exact() -> None:
    arms = [(f"arm {number % 4}",) for number in range(200)]
    failing = [number % 4 == 1 for number in range(200)]
    found = order.replay(arms, failing, 1)
    assert len(found.met) == 200 and sum(found.met) == 50
    assert order.Replay([True, False, True, False, False, False, False, False, True, False], 0.0).found(0.3) == pytest.approx(2 / 3)
    assert found.found(0.5) > 0.9 > 0.7 > order.by_chance(failing, 1).found(0.5)


def test_the_page_is_written_from_a_verified_folder(tmp_path: Path) -> None:
    class Given:
        def __call__(self, work: stages.Work) -> stages.Made:
            return stages.Made([row(number) for number in range(120)], {}, {})

    stages.run(stages.Stage("verify", tmp_path / "v", 7, {}), [stages.Work(0, {})], Given())
    assert order.main(["--input", str(tmp_path / "v"), "--made-by", "Made here.", "--count", "120", "--output", str(tmp_path / "order.md")]) == 0
    text = (tmp_path / "order.md").read_text("utf-8")
    assert "Made here.\n\n90 pairs, 33.3% of them fail" in text and text.count("| 30% |") == 3


def row(number: int) -> LabelledTuple:
    """A third of those that are run fails; a quarter was judged by stage 3."""
    values = dict.fromkeys(LabelledTuple.__dataclass_fields__, "") | {
        "parents": (), "parameters": (), "inputs": (), "outcomes": (), "codes": (), "quality": 1.0, "structure": None, "flow": None, "source": "a + 1" if number % 3 else "a - 1",
        "status": "compiles" if number % 4 else "compile_error", "verdict": "pass" if number % 3 else "io_mismatch", "variant_id": str(number),
    }  # fmt: skip
    return LabelledTuple(**values)  # type: ignore[arg-type]
