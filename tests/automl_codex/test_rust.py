"""rustc in batches, and running what it makes: a fault of one program is that program's alone."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from automl_codex import oracle_io, rust
from codex_gate.errors import UsageError
from tests.automl_codex.pairs import needs_rustc

PROGRAMS = {
    "right": "pub fn f(a: i32) -> i32 { a + 1 }",
    "loops": "pub fn f(a: i32) -> i32 { loop { if a < 0 { return a } } }",
    "exits": "pub fn f(a: i32) -> i32 { std::process::exit(3) }",
    "recurses": "pub fn f(a: i32) -> i32 { let b = [a; 1000]; f(a + 1) + b[0] }",
    "opens": 'pub fn f(a: i32) -> bool { std::fs::read("/etc/hostname").is_ok() }',
    "connects": 'pub fn f(a: i32) -> bool { std::net::UdpSocket::bind("127.0.0.1:0").is_ok() }',
    "writes": 'pub fn f(a: i32) -> bool { std::fs::write("/tmp/automl-codex-was-here", "x").is_ok() }',
    "forks": 'pub fn f(a: i32) -> bool { std::thread::Builder::new().spawn(|| 1).is_ok() || std::process::Command::new("/bin/true").status().is_ok() }',
    "eats": "pub fn f(a: i32) -> usize { let v = vec![1u8; 4 << 30]; v.len() }",
    "set": 'use std::collections::*; pub fn f(a: i32) -> (HashSet<i32>, HashMap<&\'static str, f64>, Option<String>) { ([a].into(), [("é", 0.1)].into(), None) }',
    "last": "pub fn f(a: i32) -> Vec<i32> { vec![a, -a] }",
}
CALLER = "\npub fn run_case(case: &mut Case) -> String { show(&f(case.argument())) }\n"


@needs_rustc
def test_errors_fall_on_their_own_module_and_the_rest_compiles() -> None:
    bad = ["pub fn f() -> i32 { unknown }", "pub fn f( {", 'pub fn f() -> i32 { "a" }', "pub fn f(v: &Vec<i32>) -> Vec<i32> { *v }"]
    found = rust.check([PROGRAMS["right"], *bad, 'pub fn g() -> Vec<i32> { vec![1, "a"] }', PROGRAMS["last"]])
    assert [[error.code for error in errors][:1] for errors in found] == [[], ["E0425"], [""], ["E0308"], ["E0507"], ["E0308"], []]
    assert found[1][0].line == 0 and found[1][0].column == 20
    assert [rust.check([text])[0] for text in bad] == found[1:5]  # alone it fares as in the batch


@needs_rustc
def test_an_error_inside_a_macro_falls_on_the_line_that_calls_it() -> None:
    """Its primary span lies in the standard library, and the span that this expands from does not call itself primary."""
    (errors,) = rust.check(["pub fn f(v: &Vec<i32>, b: bool) -> usize {\n let w = if b { v } else { vec![] };\n w.len()\n}"])
    assert [(error.code, error.line) for error in errors] == [("E0308", 1)]


@needs_rustc
def test_programs_that_are_one_rust_are_compiled_once(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[int] = []
    plain = rust.Crate.__enter__

    def enter(crate: rust.Crate) -> rust.Crate:
        compiled.append(len(crate.sources))
        return plain(crate)

    monkeypatch.setattr(rust.Crate, "__enter__", enter)
    bad = "pub fn f() -> i32 { unknown }"
    found = rust.check([bad, PROGRAMS["right"], bad, PROGRAMS["right"]])
    assert compiled == [2] and found[0] == found[2] != [] and found[1] == found[3] == []


@needs_rustc
@pytest.mark.skipif(not Path("/proc/self").exists(), reason="limits are those of Linux")
def test_programs_are_contained_and_named() -> None:
    names = list(PROGRAMS)
    with rust.Crate([PROGRAMS[name] + CALLER for name in names]) as crate:
        executable = crate.build()
        assert executable and crate.errors == {}
        found = rust.run(executable, [rust.Case(number, case, "i7;") for number in range(len(names)) for case in (0, 1)], 200)
    assert not Path("/tmp/automl-codex-was-here").exists()
    seen = {names[number]: outcome for (number, case), outcome in found.items() if case == 0}
    assert seen["right"] == "=8" and seen["loops"] == "?timeout" and seen["exits"] == "?exit 3"
    assert seen["recurses"] in ("?signal 6", "?signal 11") and seen["eats"].startswith(("?signal 6", "!"))
    assert [seen[name] for name in ("opens", "connects", "writes", "forks")] == ["=False"] * 4
    assert oracle_io.value(seen["set"][1:]) == (frozenset({7}), {"é": 0.1}, None)
    assert seen["last"] == "=[7, -7, ]" and found[len(names) - 1, 1] == "=[7, -7, ]"
    assert (names.index("loops"), 1) not in found  # a program that ended its process is not tried again


def test_a_missing_or_garbling_compiler_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match="rustc is not on PATH"):
        rust.compiler.__wrapped__()
    (tmp_path / "rustc").write_text("#!/bin/sh\necho garbage\n")
    (tmp_path / "rustc").chmod(0o755)
    with pytest.raises(UsageError, match="does not tell its version"):
        rust.compiler.__wrapped__()


@pytest.mark.parametrize("body", ["exit 1", "echo noise >&2; exit 101", "kill -9 $$"])
def test_a_compiler_that_blames_nobody_is_told_which_module_it_was(body: str, tmp_path: Path) -> None:
    (tmp_path / "rustc").write_text(f"#!/bin/sh\nif grep -q 'p1;' lib.rs; then {body}; fi\n")
    (tmp_path / "rustc").chmod(0o755)
    with rust.Crate(["fn a() {}"] * 3, rust.Compiler(str(tmp_path / "rustc"), "0")) as crate:
        crate.check()
    assert crate.errors == {1: [rust.Diagnostic("", rust.BROKEN, 0, 0)]}


@needs_rustc
def test_overflow_panics_as_it_is_a_verdict() -> None:
    with rust.Crate(["pub fn f(a: i32) -> i32 { a * a }" + CALLER]) as crate:
        executable = crate.build()
        assert executable
        assert rust.run(executable, [rust.Case(0, 0, f"i{2**31 - 1};"), rust.Case(0, 1, f"i{2**40};")], 500) == {
            (0, 0): "!attempt to multiply with overflow",
            (0, 1): "?unfit",
        }
    assert subprocess.run([rust.compiler().path, "--version"], capture_output=True, check=True).stdout.split()[1].decode() == rust.compiler().version
