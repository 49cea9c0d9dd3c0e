"""Stage 4 under a budget: the rest is counted and not lost, and what is made in the end is what a run without a budget makes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import pytest

from automl_codex import budget, cli, rust, stages, transpile, verify
from automl_codex.types import LabelledTuple, TranspiledPair
from codex_gate.errors import UsageError
from tests.automl_codex.pairs import PROGRAMS, needs_rustc, stage2, variant

OPTIONS = verify.Options(("io",), 300)


def pair(number: int) -> TranspiledPair:
    """Every fifth holds a `while`, and fails; every tenth was judged by stage 3."""
    source = "def f(a):\n    while a:\n        a -= 1\n    return a\n" if number % 5 == 1 else "def f(a):\n    return a\n"
    values: dict[str, Any] = {field.name: () if str(field.type).startswith("tuple") else "" for field in fields(TranspiledPair)}
    values |= {"variant_id": f"v{number:03}", "source": source, "kind": "original", "label": "correct", "category": None, "quality": 1.0}
    if number % 10 == 0:
        values |= {"status": "compile_error", "codes": ("E0308",), "place": "0:0"}
    else:
        values["status"] = "compiles"
    return TranspiledPair(**values)


@dataclass(frozen=True)
class Given:
    """Hands out 40 pairs a partition; it stands in for stage 3."""

    def __call__(self, work: stages.Work) -> stages.Made:
        return stages.Made([pair(number) for number in range(40 * work.number, 40 * work.number + 40)], {}, {})


@dataclass
class Judge:
    """Stands in for the oracles; keeps which pairs were run, and breaks off before the run of number `breaks`."""

    runs: list[str]
    breaks: int = 10_000

    def __call__(self, make: verify.Maker, pairs: Sequence[TranspiledPair]) -> list[LabelledTuple]:
        found = []
        for given in pairs:
            if verify.is_run(given):
                if len(self.runs) == self.breaks:
                    raise KeyboardInterrupt
                self.runs.append(given.variant_id)
            verdict = "compile_error" if given.status == "compile_error" else "io_mismatch" if "while" in given.source else "pass"
            told = {"python": "3", "verdict": verdict, "defect": "", "defect_category": None, "label_source": "", "confidence": "", "evidence": "",
                    "structure": None, "flow": None}  # fmt: skip
            found.append(verify.labelled(LabelledTuple(**asdict(given), **told)))  # type: ignore[arg-type]
        return found


@pytest.fixture
def judge(monkeypatch: pytest.MonkeyPatch) -> Judge:
    double = Judge([])
    monkeypatch.setattr(verify.Maker, "judge", lambda make, pairs: double(make, pairs))
    monkeypatch.setattr(rust, "compiler", lambda: rust.Compiler("rustc", "1.0"))
    monkeypatch.setattr(rust, "BATCH", 4)
    monkeypatch.setattr(budget, "WAVE", (10, 20))
    return double


@pytest.fixture
def transpiled(tmp_path: Path) -> Path:
    folder = tmp_path / "transpiled"
    stages.run(stages.Stage("transpile", folder, 7, {}), [stages.Work(number, {}) for number in range(5)], Given())
    return folder


def under(source: Path, folder: Path, pairs: int, **more: Any) -> tuple[dict[str, Any], budget.Done]:
    stage = OPTIONS.stage(folder, 7)
    say: Callable[[str], None] = more.pop("say", pytest.fail)
    return budget.Run(stage, OPTIONS.works(source), OPTIONS, source, pairs, **more)(say, lambda *_: None, lambda *_: None)


def whole(source: Path, folder: Path, shard: tuple[int, int] = (1, 1)) -> dict[str, Any]:
    stage = OPTIONS.stage(folder, 7)
    return stages.run(stage, OPTIONS.works(source), verify.Maker(OPTIONS, source, stage), shard=shard)


def contents(folder: Path) -> dict[str, bytes]:
    """Files but for what was learned."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if not path.name.startswith(stages.ORDER)}


def test_failures_come_first_and_the_rest_is_counted(transpiled: Path, tmp_path: Path, judge: Judge) -> None:
    manifest, done = under(transpiled, tmp_path / "v", 60)
    assert (done.run, done.left, len(judge.runs)) == (60, 120, 60)
    assert done.failed > 30  # of the 40 there are; 13 would be chance
    assert manifest["complete"] and manifest["rows"] == 80 and manifest["counts"]["unverified"] == 120
    assert manifest["counts"]["verdict compile_error"] == 20  # what stage 3 judged costs nothing of the budget
    assert stages.manifest_of(tmp_path / "v", "verify")["rows"] == 80  # later stages read what is there
    assert sorted(path.name for path in (tmp_path / "v").iterdir()) == ["_manifest.json", "_order.json", *(f"part-0000{n}.parquet" for n in range(5))]
    assert next(done.lines()) == f"60 pairs run, {done.failed} of them fail; 120 wait for a later run"


def test_later_runs_go_on_and_end_in_the_bytes_of_one_without_a_budget(transpiled: Path, tmp_path: Path, judge: Judge) -> None:
    whole(transpiled, tmp_path / "whole")
    judge.runs.clear()
    for left in (110, 40, 0, 0):
        assert under(transpiled, tmp_path / "v", 70)[1].left == left
    assert len(judge.runs) == len(set(judge.runs)) == 180
    assert contents(tmp_path / "v") == contents(tmp_path / "whole")


def test_a_run_without_a_budget_keeps_what_one_with_it_has_verified(transpiled: Path, tmp_path: Path, judge: Judge) -> None:
    whole(transpiled, tmp_path / "whole")
    judge.runs.clear()
    under(transpiled, tmp_path / "v", 70)
    assert whole(transpiled, tmp_path / "v")["complete"]
    assert len(judge.runs) == len(set(judge.runs)) == 180
    assert contents(tmp_path / "v") == contents(tmp_path / "whole")


def test_a_run_that_is_cut_off_loses_the_wave_in_flight_and_no_more(transpiled: Path, tmp_path: Path, judge: Judge) -> None:
    whole(transpiled, tmp_path / "whole")
    judge.runs.clear()
    judge.breaks = 37
    with pytest.raises(KeyboardInterrupt):
        under(transpiled, tmp_path / "v", 100)
    waves = sorted(path.name for path in (tmp_path / "v").glob(".wave-*"))
    assert waves == [".wave-00000.parquet", ".wave-00001.parquet", ".wave-00002.parquet"]
    state = json.loads((tmp_path / "v" / "_order.json").read_text())
    (tmp_path / "v" / "_order.json").write_text(json.dumps({**state, "waves": 2, "arms": {}}))  # as if killed before the last was learned from
    kept, judge.runs, judge.breaks = set(judge.runs[:30]), [], 10_000
    _, done = under(transpiled, tmp_path / "v", 20)
    assert done.left == 180 - 50 and not kept & set(judge.runs) and not list((tmp_path / "v").glob(".wave-*"))
    assert done.beliefs.waves == 5 and sum(done.beliefs.arms["kind original"]) == 30  # the last of the three, and two of this run
    under(transpiled, tmp_path / "v", 1000)
    assert contents(tmp_path / "v") == contents(tmp_path / "whole")


def test_a_run_without_a_budget_takes_over_from_one_that_was_cut_off(transpiled: Path, tmp_path: Path, judge: Judge) -> None:
    whole(transpiled, tmp_path / "whole")
    judge.runs, judge.breaks = [], 37
    with pytest.raises(KeyboardInterrupt):
        under(transpiled, tmp_path / "v", 100)
    judge.breaks = 10_000
    whole(transpiled, tmp_path / "v")
    assert len(judge.runs) == 187 and len(set(judge.runs)) == 180  # seven were in flight
    assert contents(tmp_path / "v") == contents(tmp_path / "whole")


@dataclass(frozen=True)
class Backwards:
    """An engine whose results come in the other way round."""

    def share(self, path: Path) -> None:
        assert path.exists()

    def run(self, function: Callable[[Any], Any], items: Sequence[Any]) -> Iterator[Any]:
        return map(function, reversed(items))


@pytest.mark.usefixtures("judge")
def test_what_is_chosen_depends_on_nothing_but_seed_and_data(transpiled: Path, tmp_path: Path) -> None:
    under(transpiled, tmp_path / "a", 50)
    under(transpiled, tmp_path / "b", 50, engine=Backwards())
    assert {path.name: path.read_bytes() for path in (tmp_path / "a").iterdir()} == {path.name: path.read_bytes() for path in (tmp_path / "b").iterdir()}


def test_other_options_verify_anew_but_begin_with_what_was_learned(transpiled: Path, tmp_path: Path, judge: Judge) -> None:
    _, first = under(transpiled, tmp_path / "v", 60)
    judge.runs.clear()
    other = verify.Options(("io", "ast"), 300)
    stage = other.stage(tmp_path / "v", 7)
    _, done = budget.Run(stage, other.works(transpiled), other, transpiled, 30)(pytest.fail, lambda *_: None, lambda *_: None)
    assert (done.run, done.left) == (30, 150) and done.failed >= 27 and done.beliefs.waves == first.beliefs.waves + 3
    rows = [row for path in sorted((tmp_path / "v").glob("part-*")) for row in stages.read(path, LabelledTuple)]
    assert len(rows) == 20 + 30 and sorted(judge.runs) == sorted(row.variant_id for row in rows if row.status == "compiles")


@pytest.mark.usefixtures("judge")
def test_shards_under_a_budget_have_an_order_each_and_make_the_whole(transpiled: Path, tmp_path: Path) -> None:
    whole(transpiled, tmp_path / "whole")
    for shard in (2, 1):
        manifest, done = under(transpiled, tmp_path / "v", 30, shard=(shard, 2))
        assert manifest["complete"] == (shard == 1) and done.run == 30
    assert {path.name for path in (tmp_path / "v").glob("_order*")} == {"_order-1-of-2.json", "_order-2-of-2.json"}
    assert stages.manifest_of(tmp_path / "v")["counts"]["unverified"] == 120
    for shard in (1, 2):
        under(transpiled, tmp_path / "v", 1000, shard=(shard, 2))
    assert contents(tmp_path / "v") == contents(tmp_path / "whole")


@pytest.mark.usefixtures("judge")
def test_a_state_that_is_damaged_is_said_and_costs_no_row(transpiled: Path, tmp_path: Path) -> None:
    under(transpiled, tmp_path / "v", 60)
    (tmp_path / "v" / "_order.json").write_text("{")
    notices: list[str] = []
    _, done = under(transpiled, tmp_path / "v", 20, say=notices.append)
    assert done.left == 100 and [notice for notice in notices if "_order.json is damaged; the order is learned afresh" in notice]
    assert json.loads((tmp_path / "v" / "_order.json").read_text())["waves"] == 2


@pytest.mark.usefixtures("judge")
def test_a_budget_below_one_is_refused() -> None:
    with pytest.raises(UsageError, match="budget must be >= 1 pair, got 0"):
        budget.Run(OPTIONS.stage(Path("v"), 7), [], OPTIONS, Path("t"), 0)


@pytest.mark.usefixtures("judge")
def test_a_wave_is_a_tenth_of_the_budget_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "WAVE", (50, 5000))
    assert [budget._size(*sizes) for sizes in ((100, 900), (1000, 400_000), (400_000, 400_000), (1000, 5000))] == [50, 100, 5000, 100]


@needs_rustc
def test_the_command_runs_its_budget_and_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    augmented, transpiled = stage2(tmp_path / "augmented", tuple(variant(name) for name in PROGRAMS)), tmp_path / "transpiled"
    wanted = transpile.Options.of("py2many", 5000)
    stages.run(wanted.stage(transpiled, 7), wanted.works(augmented), transpile.Maker(wanted, augmented))
    command = ["verify", "--input", str(transpiled), "--timeout-ms", "300", "--output"]
    assert cli.main([*command, str(tmp_path / "whole")]) == 0
    capsys.readouterr()
    assert cli.main([*command, str(tmp_path / "v"), "--budget", "4"]) == 0
    out, err = capsys.readouterr()
    waiting = stages.manifest_of(tmp_path / "v")["counts"]["unverified"]
    assert waiting > 4 and "unverified" in out and "4/4 pairs" in err and f"of them fail; {waiting} wait for a later run" in err
    assert cli.main([*command, str(tmp_path / "v"), "--budget", "100", "--parallel", "2"]) == 0
    assert "0 wait for a later run" in capsys.readouterr().err
    assert contents(tmp_path / "v") == contents(tmp_path / "whole")
    assert cli.main([*command, str(tmp_path / "v"), "--budget", "0"]) == 2
    assert "budget must be >= 1 pair, got 0" in capsys.readouterr().err
