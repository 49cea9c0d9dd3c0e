"""Stage 3: one contract for every transpiler, and a stage that loses nothing without a reason."""

from __future__ import annotations

import json
import os
from itertools import islice
from pathlib import Path
from random import Random

import pytest

from automl_codex import cli, grammar, rust, stages, transpile
from automl_codex.sampling import STRATEGIES
from automl_codex.types import TranspiledPair
from codex_gate.errors import UsageError
from tests.automl_codex.folders import contents
from tests.automl_codex.pairs import PROGRAMS, needs_rustc, stage2, variant

# As depyler 4.1 behaves: it writes Cargo.toml beside its output, talks on standard output whatever happens, and says why on standard error.
DOUBLE = """#!/bin/sh
if [ "$1" = --version ]; then echo "depyler 4.1.2"; exit 0; fi
[ "$1" = transpile ] && [ "$3" = -o ] || { echo "error: unexpected argument" >&2; exit 2; }
echo "\\342\\234\\223 $4 INFO done"
[ -e Cargo.toml ] && exit 1
echo "[package]" > Cargo.toml
case "$(cat "$2")" in
  *MODE_unsupported*) printf 'error[unsupported]: yield is not supported\\n --> program.py:1:1\\nError: transpilation failed\\n' >&2; exit 1;;
  *MODE_syntax*) printf 'error[syntax]: unexpected token\\nError: transpilation failed\\n' >&2; exit 1;;
  *MODE_panic*) echo "thread 'main' panicked" >&2; exit 101;;
  *MODE_hang*) exec sleep 60;;
  *MODE_silent*) exit 0;;
  *MODE_garbage*) printf '\\377\\376' > "$4"; exit 0;;
  *MODE_not_compiling*) echo 'pub fn f(a: i32) -> i32 { a.wobble() }' > "$4"; exit 0;;
  *) echo 'pub fn f(a: i32) -> i32 { a }' > "$4"; exit 0;;
esac
"""


@pytest.fixture
def depyler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = tmp_path / "bin"
    place.mkdir()
    (place / "depyler").write_text(DOUBLE)
    (place / "depyler").chmod(0o755)
    monkeypatch.setenv("PATH", f"{place}:{os.environ['PATH']}")
    return place / "depyler"


@pytest.mark.parametrize("name", list(transpile.TRANSPILERS))
def test_every_transpiler_answers_each_program_in_order(name: str, depyler: Path) -> None:
    transpiler = transpile.named(name)[1]
    assert transpiler.version.startswith(f"{name} ")
    sources = [PROGRAMS["alike"][0], "def f(:\n", PROGRAMS["list"][0]] if name == "py2many" else ["def f(a): return a", "# MODE_syntax", "def f(a): return a"]
    found = list(transpiler.transpile(sources, 20_000))
    assert [status for status, _ in found] == ["ok", "crash", "ok"] and all("fn f(" in found[n].text for n in (0, 2))
    assert found == list(transpiler.transpile(sources, 20_000))


def test_depyler_is_judged_by_files_and_exit_code(depyler: Path) -> None:
    modes = ("ok", "unsupported", "syntax", "panic", "hang", "silent", "garbage", "not_compiling")
    found = dict(zip(modes, transpile.Depyler().transpile([f"# MODE_{mode}" for mode in modes], 400), strict=True))
    assert found["ok"].status == found["not_compiling"].status == "ok"
    assert found["unsupported"] == ("unsupported", "yield is not supported")
    assert found["syntax"] == ("crash", "syntax: unexpected token") and found["panic"] == ("crash", "exit code 101")
    assert found["hang"] == ("crash", "timeout") and found["silent"] == ("crash", "exit code 0") and found["garbage"] == ("crash", "its output is no UTF-8")


def test_without_depyler_it_says_so_or_falls_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match=r"depyler is not on PATH; install it, or take --transpiler py2many \(or --fallback"):
        transpile.named("depyler")
    assert transpile.named("depyler", fallback=True)[0] == "py2many"
    with pytest.raises(UsageError, match="no transpiler rosetta; there are py2many, depyler"):
        transpile.named("rosetta", fallback=True)


@needs_rustc
def test_most_of_the_core_grammar_compiles_and_hardly_any_of_the_whole() -> None:
    share = {}
    for name in ("python", "python-core"):
        drafts = islice(STRATEGIES["random"]().drafts(grammar.named(name), Random(1), 0, 4), 30)
        made = [text for status, text in transpile.Py2Many().transpile([draft.source for draft in drafts], 20_000) if status == transpile.OK]
        share[name] = sum(not errors for errors in rust.check(made, rust.compiler())) / 30
    assert share["python"] < 0.2 and share["python-core"] > 0.75


def test_a_program_cannot_use_the_transpiler_to_get_out(tmp_path: Path) -> None:
    """py2many evaluates the text of a call chain, and imports what a program imports."""
    target = tmp_path / "was-here"
    tmp_path.chmod(0o777)
    source = f"def f(a: int) -> int:\n    return __import__('os').system('touch {target}').real()\n"
    endless = "def f(a: int) -> int:\n    return (lambda: [0 for i in iter(int, 1)])().x()\n"
    found = list(transpile.Py2Many().transpile([source, endless, PROGRAMS["alike"][0]], 2_000))
    assert not target.exists() and len(found) == 3 and found[2].status == "ok"


@pytest.fixture(scope="module")
def augmented(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = tuple(variant(name, variant_id=f"{name}-{copy}") for copy in range(2) for name in ("alike", "text", "refused"))
    return stage2(tmp_path_factory.mktemp("stage") / "augmented", rows)


@needs_rustc
def test_stage_keeps_lineage_and_reasons_and_resumes(
    augmented: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transpile, "SLICE", 3)
    call = ["transpile", "--input", str(augmented), "--transpiler", "py2many", "--andon-log", str(tmp_path / "andon.jsonl")]
    assert cli.main([*call, "--output", str(tmp_path / "one")]) == 0
    out = capsys.readouterr().out
    assert "unsupported: try_dummy not implemented" in out and "compile_error E0599" in out
    rows = [row for part in ("part-00000.parquet", "part-00001.parquet") for row in stages.read(tmp_path / "one" / part, TranspiledPair)]
    assert [(row.variant_id, row.status) for row in rows] == [(f"{n}-{c}", s) for c in range(2) for n, s in (("alike", "compiles"), ("text", "compile_error"))]
    assert rows[1].seed_id == "text" and rows[1].source == PROGRAMS["text"][0] and rows[1].codes == ("E0599",) and rows[1].transpiler.startswith("py2many 0.9")
    before = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "one").glob("part-*")}
    (tmp_path / "one" / "part-00001.parquet").unlink()
    assert cli.main([*call, "--output", str(tmp_path / "one")]) == 0
    assert (tmp_path / "one" / "part-00000.parquet").stat().st_mtime_ns == before["part-00000.parquet"]
    assert cli.main([*call, "--output", str(tmp_path / "two"), "--parallel", "2"]) == 0
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


@needs_rustc
def test_a_share_of_refusals_above_the_teams_limit_ends_in_1_and_is_logged(augmented: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    gates, log = tmp_path / "q.toml", tmp_path / "andon.jsonl"
    command = ["transpile", "--input", str(augmented), "--gates", str(gates), "--andon-log", str(log), "--output", str(tmp_path / "out")]
    gates.write_text("[generation]\nmax_rejection_rate = 0.34\n")
    assert cli.main(command) == 0 and not log.exists()
    gates.write_text("[generation]\nmax_rejection_rate = 0.33\n")
    assert cli.main(command) == 1
    assert "33.3 % rejected, at most 33.0 % may be" in (said := capsys.readouterr().err) and "take another --transpiler" in said
    assert json.loads(log.read_text())["gate"] == "generation.max_rejection_rate"


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--transpiler", "rosetta"], "no transpiler rosetta"),
        (["--transpiler", "depyler"], "depyler is not on PATH"),
        (["--timeout-ms", "0"], "timeout-ms must be >= 1, got 0"),
        (["--seed", "8"], "was made with seed 7, not 8"),
        (["--shard", "2/1"], "shard must be I/N"),
    ],
)
@needs_rustc
def test_wrong_use_is_one_sentence_and_exit_code_2(augmented: Path, tmp_path: Path, more: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["transpile", "--input", str(augmented), "--output", str(tmp_path / "out"), *more]) == 2
    assert said in capsys.readouterr().err and not (tmp_path / "out").exists()
