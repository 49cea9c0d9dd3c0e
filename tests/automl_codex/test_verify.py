"""Stage 4: the verdict, label and evidence of each kind of pair, and what an oracle compares."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from automl_codex import cli, labels, oracle_io, oracle_shape, rust, stages, stats, transpile, verify
from automl_codex.labels import Verdict
from automl_codex.oracle_io import Seen
from automl_codex.types import BUGGY, EQUIVALENT_UNKNOWN, LabelledTuple
from codex_gate.errors import UsageError
from codex_gate.taxonomy import DefectCategory
from tests.automl_codex.pairs import PROGRAMS, needs_rustc, stage2, variant


@pytest.fixture(scope="module")
def transpiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stage")
    rows = [variant(name) for name in PROGRAMS]
    planted = {"kind": "mutation", "operator": "AOR", "category": "LogicErrors"}
    rows.append(variant("alike", variant_id="planted", **planted, label=BUGGY, witness="(5, 5,)", expected="10", actual="15"))
    rows.append(variant("alike", variant_id="survivor", **planted, label=EQUIVALENT_UNKNOWN))
    rows.append(variant("alike", ("17", "22"), variant_id="unstable"))
    stage2(folder / "augmented", tuple(rows))
    wanted = transpile.Options.of("py2many", 5000)
    stages.run(wanted.stage(folder / "transpiled", 7), wanted.works(folder / "augmented"), transpile.Maker(wanted, folder / "augmented"))
    return folder / "transpiled"


@needs_rustc
def test_each_pair_has_its_verdict_label_and_evidence(transpiled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "verified"
    assert cli.main(["verify", "--input", str(transpiled), "--oracle", "io+ast+dataflow", "--timeout-ms", "300", "--output", str(target)]) == 0
    rows = {row.variant_id: row for row in stages.read(target / "part-00000.parquet", LabelledTuple)}
    said = {name: (row.verdict, row.defect, row.defect_category, row.label_source) for name, row in rows.items()}
    assert said == {
        "alike": ("pass", "unknown", None, ""),  # as "overflow", which was run on an edge; so is "list"
        "list": ("pass", "unknown", None, ""),
        "bounded": ("pass", "correct", None, ""),
        "floor": ("io_mismatch", "buggy", "LogicErrors", "runtime"),
        "chained": ("io_mismatch", "buggy", "ASTTransform", "runtime"),
        "lost_but_unseen": ("structure_mismatch", "unknown", None, ""),
        "overflow": ("overflow_panic", "buggy", "TypeErrors", "runtime"),
        "zero": ("pass", "unknown", None, ""),  # an input below zero, which it was not run on, would tell
        "index": said["index"],  # py2many's own; the next line says what must hold
        "float_form": ("pass", "correct", None, ""),
        "mean": ("missing_exception", "buggy", None, "runtime"),  # of an empty list
        "mean_of_some": ("pass", "unknown", None, ""),
        "unfit": ("not_comparable", "unknown", None, ""),
        "hangs": ("io_mismatch", "buggy", "LogicErrors", "runtime"),
        "text": ("compile_error", "buggy", "ASTTransform", "rustc"),
        "syntax": ("compile_error", "buggy", "StdlibMapping", "rustc"),
        "planted": ("pass", "buggy", "LogicErrors", "mutation"),
        "survivor": ("pass", "unknown", None, ""),
        "unstable": ("unstable", "unknown", None, ""),
    }
    assert rows["floor"].evidence == "(-7,): Python -4 | Rust =-3 | as with division" and rows["planted"].evidence == "(5, 5,): right 10 | wrong 15"
    assert rows["alike"].evidence.endswith(" | untried (2147483647, 12)") and rows["list"].evidence.endswith(" | untried ([2147483647, 1],)")
    assert rows["mean"].evidence == "([], 3,): Python !ZeroDivisionError | Rust =inf" and rows["mean_of_some"].evidence.partition(" | untried ")[2].startswith(
        "([], "
    )
    assert rows["lost_but_unseen"].evidence == "comparisons: 2 in Python, 1 in Rust"
    assert all(row.verdict in set(Verdict) and row.rustc == rust.compiler().version and row.python.startswith("3.") for row in rows.values())
    assert all(row.defect_category is None or row.defect_category in set(DefectCategory) for row in rows.values())
    out = capsys.readouterr().out
    assert out == stats.of(target) and "verdict io_mismatch" in out and "category TypeErrors" in out and "caught of AOR" in out and "survivor of AOR" in out


@needs_rustc
def test_an_input_that_is_known_never_to_end_is_not_run_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the Python, which was given up there, nor the Rust, whose outcome would be compared with nothing."""
    source = "def f(a: int) -> int:\n    b = a\n    while b > 10:\n        b += 0\n    return b\n"
    planted = {"kind": "mutation", "operator": "CRP", "label": BUGGY, "witness": "(11,)", "expected": "1", "actual": "?timeout"}
    rows = (
        variant("alike", ("3", "?timeout"), variant_id="later", source=source, parameters=("int",), inputs=("(3,)", "(11,)"), **planted),
        variant("alike", ("?timeout",), variant_id="at once", source=source, parameters=("int",), inputs=("(11,)",), **planted),
    )
    stage2(tmp_path / "augmented", rows)
    wanted = transpile.Options.of("py2many", 5000)
    stages.run(wanted.stage(tmp_path / "transpiled", 7), wanted.works(tmp_path / "augmented"), transpile.Maker(wanted, tmp_path / "augmented"))
    ran: list[tuple[object, ...]] = []
    plain = verify.Sandbox.run
    monkeypatch.setattr(
        verify.Sandbox, "run", lambda self, jobs: ran.extend(given for job in jobs if job.source == source for given in job.arguments) or plain(self, jobs)
    )
    monkeypatch.setattr(
        rust,
        "run",
        lambda executable, cases, timeout_ms, plain=rust.run: ran.extend((case.arguments,) for case in cases) or plain(executable, cases, timeout_ms),
    )
    options = verify.Options.of("io+ast", 200)
    maker = verify.Maker(options, tmp_path / "transpiled")
    later, at_once = maker.judge(maker.pairs(options.works(tmp_path / "transpiled")[0]))
    assert (3,) in ran and ("i3;",) in ran and (11,) not in ran and ("i11;",) not in ran
    assert (later.verdict, later.defect) == ("pass", "buggy") and (at_once.verdict, at_once.defect) == ("not_comparable", "unknown")


@needs_rustc
def test_a_category_with_too_few_verified_rows_breaks_the_teams_gate(transpiled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`training.min_coverage_per_category` is asked of what the stage counted; a category without a row is none of its."""
    gates, log = tmp_path / "q.toml", tmp_path / "andon.jsonl"
    target = tmp_path / "verified"
    command = ["verify", "--input", str(transpiled), "--timeout-ms", "300", "--gates", str(gates), "--andon-log", str(log), "--output", str(target)]
    gates.write_text("[training]\nmin_coverage_per_category = 2\n")
    assert cli.main(command) == 4
    said = capsys.readouterr().err
    assert "samples of TypeErrors is 1 against 2" in said and "(training.min_coverage_per_category); make or mine more of them" in said
    events = [json.loads(line) for line in log.read_text().splitlines()]
    assert {(event["event"], event["gate"]) for event in events} == {("ModelDegradation", "training.min_coverage_per_category")}
    assert {event["metric"] for event in events} == {"samples of StdlibMapping", "samples of TypeErrors"}  # nothing of the 14 that are not there
    gates.write_text("[training]\nmin_coverage_per_category = 1\n")
    log.unlink()
    assert cli.main(command) == 0 and not log.exists()


@needs_rustc
def test_without_the_shape_oracles_a_pair_that_runs_alike_passes(transpiled: Path, tmp_path: Path) -> None:
    wanted = verify.Options(("io",), 300)
    stages.run(wanted.stage(tmp_path / "io", 7), wanted.works(transpiled), verify.Maker(wanted, transpiled))
    rows = {row.variant_id: row for row in stages.read(tmp_path / "io" / "part-00000.parquet", LabelledTuple)}
    assert rows["lost_but_unseen"].verdict == "pass" and rows["lost_but_unseen"].structure is None is rows["alike"].flow


@pytest.mark.parametrize(
    ("oracle", "said"),
    [("io+z3", "no oracle z3; there are io, ast, dataflow"), ("io+io", "names one twice"), ("ast", "runs nothing"), ("", r"no oracle \(empty\)")],
)
def test_oracles_that_cannot_be_meant_are_refused(oracle: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        verify.Options.of(oracle, 100)
    with pytest.raises(UsageError, match="timeout-ms must be >= 1, got 0"):
        verify.Options.of("io", 0)


@pytest.mark.parametrize(
    ("python", "outcome", "seen"),
    [
        ("3", "=3", Seen.EQUAL),
        ("3", "=4", Seen.DIFFERENT),
        ("2.0", "=2", Seen.FORMAT),
        ("'2.0 True'", '="2 true"', Seen.FORMAT),
        ("0.3", "=0.30000000000000004", Seen.FORMAT),
        ("0.3", "=0.31", Seen.DIFFERENT),
        ("nan", "=nan", Seen.EQUAL),
        ("-0.0", "=0.0", Seen.EQUAL),
        ("(1, 'é')", '=(1, "\\U000000e9", )', Seen.EQUAL),
        ("tuple(set(['1', '2']), {'a': 1})", '=(set(["2", "1", ]), {"a": 1, }, )', Seen.EQUAL),
        ("(1, 2)", "=None", Seen.LOST),
        ("None", "=None", Seen.EQUAL),
        ("!ZeroDivisionError", "!attempt to divide by zero", Seen.BOTH_FAIL),
        ("!KeyError", "=0", Seen.RETURNED),
        ("3", "!attempt to add with overflow", Seen.OVERFLOW),
        ("3", "!index out of bounds: the len is 0 but the index is 0", Seen.INDEX),
        ("3", "!called `Option::unwrap()` on a `None` value", Seen.UNWRAP),
        ("3", "!boo", Seen.PANIC),
        ("3", "?signal 11", Seen.CRASH),
        ("!RecursionError", "?signal 6", Seen.BOTH_FAIL),
        ("3", "?timeout", Seen.TIMEOUT),
        ("?timeout", "=3", Seen.SKIPPED),
        ("3", "?unfit", Seen.SKIPPED),
        ("3", None, Seen.SKIPPED),
        ("<program.Box object>", "=3", Seen.SKIPPED),
    ],
)
def test_outcomes_are_compared_as_values(python: str, outcome: str | None, seen: Seen) -> None:
    assert oracle_io.seen(python, outcome) is seen


def test_the_gravest_input_decides() -> None:
    judged = oracle_io.judge(["(1,)", "(2,)", "(3,)"], ["1", "2", "!ValueError"], ["=1", "=5", "=9"])
    assert judged.seen is Seen.DIFFERENT and judged.evidence == "(2,): Python 2 | Rust =5"
    assert oracle_io.judge([], [], []).seen is Seen.SKIPPED


def test_flow_finds_the_edge_that_a_translation_lost_or_added() -> None:
    python = "def f(a: int, b: int) -> int:\n    c = a + b\n    for d in [a]:\n        c += d\n    return c\n"
    same = "pub fn f(a: i32, b: i32) -> i32 { let mut c = a + b; for d in vec![a] { c += d; } return c; }"
    lost = same.replace("a + b", "a")
    assert oracle_shape.flow(python, same) == oracle_shape.Compared(1.0, ())
    assert oracle_shape.flow(python, lost).differing == ("f: b → c only in Python",)
    assert oracle_shape.flow(python, same.replace("return c", "return d")).differing == ("f: c → result only in Python", "f: d → result only in Rust")
    comprehension = "def f(a: list[int]) -> list[int]:\n    return [b * 2 for b in a if b]\n"
    assert oracle_shape.flow(comprehension, "pub fn f(a: &Vec<i32>) -> Vec<i32> { return a.iter().map(|b| b * 2).collect(); }").share == 1.0


# -- labels worked out again -------------------------------------------------------------------------------


@needs_rustc
def test_another_version_of_the_rules_labels_what_lies_there_anew_and_runs_nothing(transpiled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = verify.Options(("io",), 300)
    stage, works = wanted.stage(tmp_path / "v", 7), wanted.works(transpiled)
    made = verify.Maker(wanted, transpiled, stage)
    stages.run(stage, works, made)
    path = stage.folder / works[0].name
    today = path.read_bytes()

    def other(verdict: Verdict, source: str, told: oracle_io.Told) -> labels.Label:
        return labels.Label(DefectCategory.MemorySafety, "runtime", labels.LOW)

    with monkeypatch.context() as patch:
        patch.setattr(verify.Maker, "_run", None)  # whatever would run a pair breaks
        patch.setattr(labels, "VERSION", "another")
        patch.setattr(labels, "of_run", other)
        manifest = stages.run(wanted.stage(stage.folder, 7), works, made)
        assert {row.defect_category for row in stages.read(path, LabelledTuple) if row.label_source == "runtime"} == {"MemorySafety"}
        assert manifest["counts"]["category MemorySafety"] == 5 and manifest["complete"]
        assert (stages.told(path) or {})["labels"] == "another"
        stamp = path.stat().st_mtime_ns
        stages.run(wanted.stage(stage.folder, 7), works, made)
        assert path.stat().st_mtime_ns == stamp  # it is of today
    monkeypatch.setattr(verify.Maker, "_run", None)
    stages.run(stage, works, made)
    assert path.read_bytes() == today


def test_a_begun_partition_keeps_what_is_left_of_it_when_it_is_labelled_anew(tmp_path: Path) -> None:
    row = LabelledTuple(
        **asdict(variant("floor")), transpiler="t", prelude="p", rustc="r", rust="x", status="compiles", codes=(), message="", place="", python="3",
        verdict="io_mismatch", defect="buggy", defect_category="MemorySafety", label_source="runtime", confidence="low",
        evidence="(-7,): Python -4 | Rust =-3 | as with division", structure=None, flow=None,
    )  # fmt: skip
    made = verify.Maker(verify.Options(), tmp_path).renewed([row], 3)
    assert made.left == 3 and made.counts[verify.UNVERIFIED] == 3 and made.counts["category LogicErrors"] == 1


def test_a_mutant_is_labelled_by_its_operator_and_not_by_what_was_stored() -> None:
    """`min` for `max` was once stored as ApiMisuse."""
    source = "def f(a: int, b: int) -> int:\n    return min(a, b)\n"
    given = variant(
        "alike",
        source=source,
        kind="mutation",
        operator="wrong_function",
        site="2:11",
        category="ApiMisuse",
        label=BUGGY,
        witness="(1, 2,)",
        expected="2",
        actual="1",
    )
    row = LabelledTuple(
        **asdict(given), transpiler="t", prelude="p", rustc="r", rust="x", status="compiles", codes=(), message="", place="", python="3", verdict="pass",
        defect="buggy", defect_category="ApiMisuse", label_source="mutation", confidence="high", evidence="", structure=None, flow=None,
    )  # fmt: skip
    found = verify.labelled(row)
    assert (found.category, found.defect_category, found.label_source) == ("LogicErrors", "LogicErrors", "mutation")
    assert verify.labelled(found) == found
