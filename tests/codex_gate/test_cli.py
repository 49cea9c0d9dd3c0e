"""The command: options, formats, exit codes, what it imports and how it ends."""

from __future__ import annotations

import io
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import jsonschema
import pytest

from codex_gate import __version__, arguments
from codex_gate.model import default_directory
from codex_gate.screen import Screener
from codex_gate.types import Level
from tests.codex_gate.samples import Said, call, write_model
from tests.conftest import ADA, BOB, START, Node, Repo

MakeRepo = Callable[..., Repo]
SCHEMA = json.loads((files("codex_gate") / "report.schema.json").read_text("utf-8"))
ROW = {"$ref": "#row", **{key: SCHEMA[key] for key in ("$schema", "$defs", "$id")}}
GateCall = Callable[..., Said]


@pytest.fixture
def project(make_repo: MakeRepo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repo:
    """Sixty small commits, then a branch with a large one and a small one; the current directory lies inside."""
    repo = make_repo()
    repo.build(Node({f"src/f{k % 5}.py": f"x = {k}\n" * (1 + k % 4)}, (k - 1,) if k else (), (ADA, BOB)[k % 2], START + k * 86_400, "work") for k in range(60))
    repo.git("checkout", "-q", "-f", "main")
    repo.branch("topic")
    for k in range(6):
        repo.write(f"lib/g{k}.py", "".join(f"y{k}_{n} = z{n} + w{k}\n" for n in range(40)))
    repo.commit("large step", author=BOB, date=START + 70 * 86_400)
    repo.write("src/f1.py", "z = 1\n")
    repo.commit("small step", author=BOB, date=START + 71 * 86_400)
    (repo.path / "src").mkdir(exist_ok=True)
    monkeypatch.chdir(repo.path / "src")
    write_model(tmp_path / "model")
    return repo


@pytest.fixture
def gate(project: Repo, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> GateCall:
    """`gate("--commit", "HEAD")` is `codex-gate screen --commit HEAD` with a small model."""
    return lambda *args: call(capsys, "screen", *args, "--model", tmp_path / "model")


def valid(row: object, schema: object = None) -> dict[str, object]:
    jsonschema.Draft202012Validator(schema or SCHEMA).validate(row)
    assert isinstance(row, dict)
    return row


def lines(said: Said) -> list[dict[str, object]]:
    assert said.out.endswith("\n") or not said.out
    assert "\n\n" not in said.out
    return [valid(json.loads(text), ROW) for text in said.out.splitlines()]


# -- what can be asked ---------------------------------------------------------------------------------


def test_without_a_range_it_compares_with_the_default_branch(gate: GateCall, project: Repo) -> None:
    said = gate("--format", "json")
    assert (said.code, said.err) == (0, "")
    report = valid(json.loads(said.out))
    assert report["scope"] == "main..HEAD"
    assert report["sha"] == project.git("rev-parse", "topic")
    assert [row["title"] for row in report["commits"]] == ["large step", "small step"]


def test_without_a_range_it_prefers_the_upstream(gate: GateCall, project: Repo) -> None:
    project.git("branch", "base", "topic~1")
    project.git("branch", "-q", "--set-upstream-to=base", "topic")
    report = json.loads(gate("--format", "json").out)
    assert report["scope"] == "base..HEAD"
    assert len(report["commits"]) == 1


def test_an_adapted_model_is_said_to_be_one_however_it_is_asked(gate: GateCall, tmp_path: Path) -> None:
    assert all("model_kind" not in json.loads(gate(*asked, "--format", "json").out) for asked in (["main..topic"], ["--each", "main..topic"]))
    path = tmp_path / "model" / "model.json"
    path.write_text(json.dumps(json.loads(path.read_bytes()) | {"adapted": {"shift": 1.0}}), "utf-8")
    for asked in (["main..topic"], ["--commit", "HEAD"], ["--each", "main..topic"]):
        assert valid(json.loads(gate(*asked, "--format", "json").out))["model_kind"] == "adapted"


@pytest.mark.parametrize("text", ["main..topic", "main...topic", "main..", "main...", "main..HEAD"])
def test_a_range_in_every_spelling(gate: GateCall, text: str) -> None:
    report = valid(json.loads(gate(text, "--format", "json").out))
    assert len(report["commits"]) == 2
    assert report["features"]["nf"] == 7
    assert report["features"]["la"] == 241


def test_a_range_option_and_its_value_of_each_kind_name_the_same_change(gate: GateCall, project: Repo) -> None:
    by_range = json.loads(gate("topic~1..topic", "--format", "jsonl").out)
    by_commit = json.loads(gate("--commit", "topic", "--format", "jsonl").out)
    (bulk,) = lines(gate("--each", "topic~1..topic"))
    (listed,) = lines(gate("--commits", listing(project, "topic")))
    assert by_range == by_commit
    assert bulk == listed
    assert {key: bulk[key] for key in ("sha", "risk", "level", "percentile", "category")} == {
        key: by_commit[key] for key in ("sha", "risk", "level", "percentile", "category")
    }


def listing(repo: Repo, *revisions: str) -> Path:
    path = repo.path.parent / "list"
    path.write_text("\n".join(["# a comment", "", *revisions, ""]))
    return path


def test_commits_from_a_file_come_in_history_order(gate: GateCall, project: Repo) -> None:
    names = ["topic", "main", "topic~1", "main~9"]
    rows = lines(gate("--commits", listing(project, *names)))
    assert [row["sha"] for row in rows] == [project.git("rev-parse", name) for name in ("main~9", "main", "topic~1", "topic")]
    assert {row["model_version"] for row in rows} == {"test-1"}


def test_commits_from_standard_input(gate: GateCall, project: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(f"{project.git('rev-parse', 'topic')}\n".encode()), "utf-8"))
    assert [row["sha"] for row in lines(gate("--commits", "-"))] == [project.git("rev-parse", "topic")]


def test_commits_from_a_pipe_with_a_name(gate: GateCall, project: Repo) -> None:
    """As bash gives it for --commits <(git rev-list …)."""
    read, write = os.pipe()
    os.write(write, b"topic\n")
    os.close(write)
    said = gate("--commits", f"/dev/fd/{read}")
    os.close(read)
    assert len(lines(said)) == 1


def test_standard_input_that_is_no_text_is_refused_with_a_sentence(gate: GateCall, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\xff\xfe\x00\n"), "utf-8", errors="strict"))
    said = gate("--commits", "-")
    assert said.code == 2
    assert "is not a commit" in said.err


def test_a_list_with_unknown_commits_is_refused_and_counted(gate: GateCall, project: Repo) -> None:
    said = gate("--commits", listing(project, "topic", "1" * 40, "2" * 40))
    assert (said.code, said.out) == (2, "")
    assert "2 of 3 commits are not in this repository" in said.err


@pytest.mark.parametrize("name", ["no-such-file", "."])
def test_a_list_that_cannot_be_read_is_refused(gate: GateCall, name: str) -> None:
    said = gate("--commits", name)
    assert said.code == 2
    assert name in said.err
    assert "one SHA a line" in said.err


@pytest.mark.parametrize("name", ["jsonl", "json", "markdown", "sarif", "html", "terminal"])
def test_an_empty_list_is_said_and_leaves_a_document_without_rows(gate: GateCall, project: Repo, tmp_path: Path, name: str) -> None:
    target = tmp_path / "each"
    for what, told in ((("--each", "main..main"), "main..main"), (("--commits", listing(project)), str(tmp_path))):
        target.write_text("of an earlier run")
        said = gate(*what, "--format", name, "--output", target)
        assert (said.code, said.out) == (0, "") and f"codex-gate: {told}" in said.err and "holds no commits: there is nothing to screen\n" in said.err
        text = target.read_text("utf-8")
        assert "of an earlier run" not in text and ("nothing to screen" in " ".join(text.split()).replace("&nbsp;", " ") or name in ("jsonl", "sarif"))
        assert (text == "") is (name == "jsonl")
        if name == "json":
            found = valid(json.loads(text))
            assert (found["change"], found["commits"]) == (None, []) and "holds no commits" in text
        if name == "sarif":
            assert json.loads(text)["runs"][0]["results"] == []
    assert gate("--commits", listing(project)).out == ""  # jsonl in a pipe


def test_each_commit_of_a_range(gate: GateCall) -> None:
    assert [row["title"] for row in lines(gate("--each", "main..topic"))] == ["large step", "small step"]


def test_staged(gate: GateCall, project: Repo) -> None:
    project.write("src/f2.py", "staged = 1\n")
    project.git("add", "-A")
    report = valid(json.loads(gate("--staged", "--format", "json").out))
    assert (report["sha"], report["features"]["nf"], report["features"]["fix"]) == (None, 1, None)


def test_another_directory_than_the_current_one(gate: GateCall, project: Repo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert gate().code == 2
    assert gate("-C", project.path).code == 0
    assert gate("--repository", project.path / "src").code == 0


def test_the_shipped_model_is_the_default(project: Repo, capsys: pytest.CaptureFixture[str]) -> None:
    report = json.loads(call(capsys, "screen", "--commit", "topic", "--format", "json").out)
    assert report["model_version"] == json.loads((default_directory() / "model.json").read_text("utf-8"))["version"]


# -- formats and where they go -------------------------------------------------------------------------


@pytest.mark.parametrize("what", [["main..topic"], ["--commit", "topic"], ["--each", "main..topic"], ["--commit", "main~59"], ["main..main"]])
def test_every_format_of_every_question(gate: GateCall, what: list[str]) -> None:
    for name in arguments.FORMATS:
        said = gate(*what, "--format", name)
        assert said.code == 0, name
        assert said.err == "" or what == ["main..main"]
        if name in ("json", "sarif"):
            report = json.loads(said.out)
            if name == "json":
                valid(report)
        elif name == "jsonl":
            assert len(lines(said)) == {"main..topic": 1, "--each": 2, "main..main": 0}.get(what[0], 1)
        else:
            assert said.out.strip()
        assert said.out.endswith("\n") or (name == "jsonl" and not said.out)


def test_in_a_pipe_a_single_screen_is_plain_text_and_many_are_rows(gate: GateCall) -> None:
    text = gate("main..topic").out
    assert "\x1b" not in text
    assert "%" in text
    assert text.isprintable() or "\n" in text
    assert len(lines(gate("--each", "main..topic"))) == 2


def test_output_goes_to_a_file_with_the_folders_above_it(gate: GateCall, tmp_path: Path) -> None:
    target = tmp_path / "new" / "deep" / "report.json"
    said = gate("main..topic", "--format", "json", "--output", target)
    assert said == Said(0, "", "")
    valid(json.loads(target.read_text("utf-8")))
    assert [p.name for p in target.parent.iterdir()] == ["report.json"]
    rows = tmp_path / "rows.jsonl"
    assert gate("--each", "main..topic", "--format", "jsonl", "--output", rows) == Said(0, "", "")
    assert len(rows.read_text().splitlines()) == 2


def test_output_to_a_pipe_is_written_not_replaced(gate: GateCall, tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    reader = subprocess.Popen(["cat", str(fifo)], stdout=subprocess.PIPE)
    assert gate("--commit", "topic", "--format", "json", "--output", fifo).code == 0
    valid(json.loads(reader.communicate(timeout=20)[0]))
    assert fifo.is_fifo()


@pytest.mark.parametrize("where", ["folder", "file/below"])
def test_an_output_that_cannot_be_written_is_refused(gate: GateCall, tmp_path: Path, where: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("x")
    said = gate("--commit", "topic", "--output", tmp_path / where)
    assert said.code == 2
    assert "cannot be written" in said.err
    assert not list(tmp_path.rglob("*.part"))


def test_a_run_that_fails_half_way_leaves_the_old_output(gate: GateCall, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "rows.jsonl"
    target.write_text("the last good run\n")
    many = Screener.many

    def breaks(self: Screener, *args: object) -> object:
        yield next(many(self, *args))  # type: ignore[arg-type]
        raise KeyboardInterrupt

    monkeypatch.setattr(Screener, "many", breaks)
    assert gate("--each", "main..topic", "--output", target).code == 130
    assert target.read_text() == "the last good run\n"
    assert not list(tmp_path.rglob("*.part"))


def test_schema_prints_the_schema(capsys: pytest.CaptureFixture[str]) -> None:
    said = call(capsys, "schema")
    assert (said.code, json.loads(said.out)) == (0, SCHEMA)
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


# -- exit codes ----------------------------------------------------------------------------------------


def test_fail_on_trips_at_the_level_and_above_it_alone(gate: GateCall) -> None:
    level = str(json.loads(gate("main..topic", "--format", "json").out)["level"])
    assert level == "critical"
    for name in ("moderate", "high", "critical"):
        said = gate("main..topic", "--fail-on", name)
        assert said.code == 1
        assert said.err == f"codex-gate: level critical reaches --fail-on {name}\n"
        assert said.out
    assert gate("main..topic", "--fail-on", "never").code == 0
    assert gate("main..topic").code == 0
    assert gate("--commit", "topic", "--fail-on", "moderate").code == 0  # the small step is low


def test_fail_on_looks_at_the_worst_of_many(gate: GateCall) -> None:
    assert [row["level"] for row in lines(gate("--each", "main..topic"))] == ["critical", "low"]
    for name in arguments.FORMATS:
        assert gate("--each", "main..topic", "--fail-on", "critical", "--format", name).code == 1
        assert gate("--each", "topic~1..topic", "--fail-on", "moderate", "--format", name).code == 0


def test_fail_on_does_not_trip_where_no_level_can_be_given(gate: GateCall) -> None:
    assert json.loads(gate("--commit", "main~58", "--format", "jsonl").out)["level"] == "unknown"
    assert gate("--commit", "main~58", "--fail-on", "moderate").code == 0


@pytest.mark.parametrize(
    "args",
    [
        ["screen", "--format", "xml"],
        ["screen", "--fail-on", "low"],
        ["screen", "--staged", "--commit", "HEAD"],
        ["screen", "main..topic", "--staged"],
        ["screen", "--commits", "-", "--each", "main..topic"],
        ["screen", "--nonsense"],
        ["nonsense"],
        [],
        ["screen", "--commit"],
    ],
    ids=" ".join,
)
def test_wrong_use_is_exit_code_2_with_the_usage(capsys: pytest.CaptureFixture[str], args: list[str]) -> None:
    said = call(capsys, *args)
    assert (said.code, said.out) == (2, "")
    assert "usage: codex-gate" in said.err


@pytest.mark.parametrize("text", ["main", "..main", "topic~1", ""])
def test_what_is_no_range_is_refused_with_an_example(gate: GateCall, text: str) -> None:
    said = gate(text)
    assert (said.code, said.out) == (2, "")
    assert "expected BASE..HEAD" in said.err
    assert "--commit" in said.err


@pytest.mark.parametrize("args", [["--help"], ["screen", "--help"], ["doctor", "-h"], ["schema", "-h"]], ids=" ".join)
def test_help_tells_what_there_is(capsys: pytest.CaptureFixture[str], args: list[str]) -> None:
    said = call(capsys, *args)
    assert (said.code, said.err) == (0, "")
    assert "codex-gate" in said.out


def test_an_internal_error_is_a_sentence_and_exit_code_3(gate: GateCall, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("by nought\n::error::not a command")

    monkeypatch.setattr(Screener, "commit", broken)
    said = gate("--commit", "topic")
    assert (said.code, said.out) == (3, "")
    assert "internal error, ZeroDivisionError: by nought" in said.err
    assert "report it" in said.err
    assert len(said.err.splitlines()) == 1
    monkeypatch.setenv("CODEX_GATE_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        gate("--commit", "topic")


def test_an_interrupt_is_a_sentence_and_exit_code_130(gate: GateCall, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Screener, "commit", interrupted)
    said = gate("--commit", "topic")
    assert (said.code, said.out) == (130, "")
    assert said.err == "codex-gate: interrupted\n"


def test_messages_show_what_hides_in_a_name(gate: GateCall) -> None:
    said = gate("main..\u202ehidden\x1b[31m")
    assert said.code == 2
    assert "\u202e" not in said.err
    assert "\x1b" not in said.err


# -- whole processes -----------------------------------------------------------------------------------


def process(repo: Repo, *args: str | Path, flags: tuple[str, ...] = (), **environ: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-I", *flags, "-c", "import sys; from codex_gate.cli import main; sys.exit(main())", *map(str, args)]
    return subprocess.run(command, cwd=repo.path, env={**repo.environ, **environ}, capture_output=True, timeout=60)


def imported(done: subprocess.CompletedProcess[bytes]) -> set[str]:
    """Names of the modules that a run with -X importtime loaded."""
    return {text.rpartition("|")[2].strip() for text in done.stderr.decode().splitlines() if text.startswith("import time:")}


HEAVY = {"rich", "lizard", "numpy", "onnxruntime", "pygments", "pygit2", "yaml"}


def test_version_is_light(repo: Repo) -> None:
    done = process(repo, "--version", flags=("-X", "importtime"))
    assert (done.returncode, done.stdout.decode()) == (0, f"codex-gate {__version__}\n")
    found = imported(done)
    assert "codex_gate.cli" in found
    assert not {name.partition(".")[0] for name in found} & {*HEAVY, "sqlite3", "subprocess", "hashlib", "json", "tempfile", "logging"}
    assert {name for name in found if name.startswith("codex_gate.")} == {f"codex_gate.{name}" for name in ("arguments", "cli", "errors", "signals", "stdio")}


def test_a_staged_screen_in_a_pipe_is_light(project: Repo) -> None:
    project.write("notes.md", "text\n")
    project.git("add", "-A")
    done = process(project, "screen", "--staged", flags=("-X", "importtime"))
    assert done.returncode == 0
    found = {name.partition(".")[0] for name in imported(done)}
    assert "sqlite3" in found  # the index was at work
    assert not found & HEAVY  # not even lizard: no program text was touched


def test_a_staged_screen_of_program_text_measures_it_and_stays_without_numpy(project: Repo) -> None:
    project.write("src/f1.py", "def f(x):\n    return 1 if x else 2\n")
    project.git("add", "-A")
    done = process(project, "screen", "--staged", "--format", "json", flags=("-X", "importtime"))
    assert json.loads(done.stdout)["features"]["complexity_delta"] == 2
    assert {name.partition(".")[0] for name in imported(done)} & HEAVY <= {"lizard", "pygments"}


def test_a_reader_that_goes_early_gets_no_verdict_and_no_traceback(project: Repo) -> None:
    command = [sys.executable, "-I", "-c", "import sys; from codex_gate.cli import main; sys.exit(main())", "screen", "--commits", "-"]
    run = subprocess.Popen(command, cwd=project.path, env=project.environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert run.stdout is not None and run.stdin is not None and run.stderr is not None
    run.stdout.close()  # before it writes its first row
    run.stdin.write("\n".join(project.git("rev-list", "topic").split() * 3).encode())
    run.stdin.close()
    err = run.stderr.read()
    run.stderr.close()
    assert (run.wait(timeout=30), err) == (141, b"")  # as a shell says it: half a list is not a list without findings


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("what", [["--commit", "topic"], ["--each", "main..topic"]], ids=" ".join)
def test_a_full_disk_is_a_sentence_and_exit_code_2(project: Repo, what: list[str]) -> None:
    command = [sys.executable, "-I", "-c", "import sys; from codex_gate.cli import main; sys.exit(main())", "screen", *what]
    with open("/dev/full", "wb") as full:
        to_stdout = subprocess.run(command, cwd=project.path, env=project.environ, stdout=full, stderr=subprocess.PIPE, timeout=30)
    to_file = process(project, "screen", *what, "--output", "/dev/full")
    for done in (to_stdout, to_file):
        assert done.returncode == 2
        assert b"cannot be written: No space left" in done.stderr
        assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("what", "code"),
    [
        (["screen", "nope..HEAD"], 2),
        (["screen", "--no-such-flag"], 2),
        (["screen", "main..topic", "--fail-on", "moderate"], 1),
        (["hook", "-C", "/"], 0),
        (["schema", "report"], 0),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else str(value),
)
def test_where_nobody_takes_a_sentence_the_exit_code_stays_what_it_is(project: Repo, what: list[str], code: int) -> None:
    program = f"import sys; sys.path.insert(0, {str(Path(__file__).parents[2])!r}); from codex_gate.cli import main; sys.exit(main())"
    command = [sys.executable, "-I", "-c", program, *what]
    source, target = os.pipe()
    os.close(source)  # a reader that is gone
    ends = [target, *(os.open(name, os.O_WRONLY) for name in ("/dev/full",) if os.path.exists(name))]
    for end in ends:
        done = subprocess.run(command, cwd=project.path, env=project.environ, stdout=subprocess.DEVNULL, stderr=end, timeout=60)
        os.close(end)
        assert done.returncode == code


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="the zone of a process is fixed here")
@pytest.mark.parametrize("zone", ["UTC-24", "UTC+24", "XXX-167:59:59", "no/such/zone"])
def test_a_zone_that_no_clock_has_is_no_error(zone: str, gate: GateCall, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        said = gate("main..topic")
    finally:
        monkeypatch.undo()
        time.tzset()
    assert (said.code, said.err) == (0, "")


@pytest.mark.parametrize("locale", ["C", "en_US.ISO-8859-1"])
def test_a_poor_locale_writes_every_format(project: Repo, locale: str) -> None:
    project.write("src/grün.py", "x = 1\n")
    project.commit("größer ☃", author="Jürgen <j@example.org>")
    for name, text in (("terminal", "größer ☃"), ("markdown", "–"), ("jsonl", "gr\\u00f6\\u00dfer")):
        done = process(project, "screen", "--commit", "HEAD", "--format", name, flags=("-X", "utf8=0"), LC_ALL=locale, LANG=locale)
        assert (done.returncode, done.stderr) == (0, b"")
        assert text in done.stdout.decode("utf-8")


def test_a_signal_in_a_bulk_run_ends_it_with_a_sentence(project: Repo) -> None:
    code = (
        "import os, signal, sys\nfrom codex_gate import cli, screen\nmany = screen.Screener.many\n"
        "def slow(self, *a):\n    yield next(many(self, *a))\n    os.kill(os.getpid(), signal.SIGINT)\n    signal.pause()\n"
        "screen.Screener.many = slow\nsys.exit(cli.main())"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", code, "screen", "--each", "main~20..topic"], cwd=project.path, env=project.environ, capture_output=True, timeout=30
    )
    assert done.returncode == 130
    assert done.stderr == b"codex-gate: interrupted\n"
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


# -- configuration ---------------------------------------------------------------------------------------


def test_the_configured_gate_trips_and_a_flag_goes_before_it(gate: GateCall, project: Repo) -> None:
    project.write(".codex-gate.yaml", "fail-on: moderate\n")
    said = gate("main..topic")
    assert said.code == 1
    assert "reaches fail-on moderate (.codex-gate.yaml, line 1)" in said.err
    assert gate("main..topic", "--fail-on", "never").code == 0


def test_in_ci_a_range_is_screened_with_the_configuration_of_its_base(gate: GateCall, project: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pull request cannot loosen its own gate."""
    project.checkout("main")
    project.write(".codex-gate.yaml", "fail-on: moderate\n")
    project.commit("gate", date=START + 65 * 86_400)
    project.checkout("topic")
    project.write(".codex-gate.yaml", "fail-on: never\n")
    project.commit("loosen", date=START + 80 * 86_400)
    assert gate("main..topic").code == 0
    monkeypatch.setenv("CI", "true")
    said = gate("main..topic")
    assert said.code == 1
    assert ".codex-gate.yaml of " in said.err
    assert gate("--commit", "topic").code == 0  # of a commit its parent's, which has none


def test_a_list_of_commits_takes_no_configuration_of_its_own_in_ci(gate: GateCall, project: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    listed, root = listing(project, "topic"), project.git("rev-list", "--max-parents=0", "topic").strip()
    loose, outside = project.path / "loose.yaml", project.path.parent / "of-the-organisation.yaml"
    outside.write_text("fail-on: never\n")
    loose.write_text("fail-on: never\n")
    assert gate("--commits", listed, "--config", loose).code == 0
    monkeypatch.setenv("CI", "true")
    (project.path / "linked.yaml").symlink_to(outside)  # whoever wrote the list may have written the link
    assert gate("--commits", listed, "--config", project.path / "linked.yaml").code == 2
    for what in (("--commits", listed), ("--commit", root)):
        said = gate(*what, "--config", loose)
        assert said.code == 2 and "loose.yaml lies in what is being judged" in said.err
        monkeypatch.setenv("CODEX_GATE_CONFIG", str(loose))
        assert gate(*what).code == 2
        monkeypatch.setenv("CODEX_GATE_CONFIG", str(outside))
        assert gate(*what).code == 0
        monkeypatch.delenv("CODEX_GATE_CONFIG")
        assert gate(*what).code == 0


def test_config_shows_each_value_with_its_source(project: Repo, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    project.write(".codex-gate.yaml", "fail-on: high\n")
    monkeypatch.setenv("CODEX_GATE_COMMENT", "critical")
    said = call(capsys, "config")
    rows = [line.split() for line in said.out.splitlines()]
    assert rows[0] == ["fail-on", "high", ".codex-gate.yaml,", "line", "1"]
    assert rows[1] == ["comment", "critical", "CODEX_GATE_COMMENT"]
    assert rows[2] == ["hook", "advisory", "default"]
    assert call(capsys, "config", "--base", "main").out.splitlines()[0].split() == ["fail-on", "never", "default"]
    assert [line.split() for line in call(capsys, "config", "--model", "ours/m").out.splitlines() if line.startswith("models")] == [
        ["models", "ours/m", "--model"]
    ]


@pytest.mark.parametrize(
    "command",
    [
        ("config", "--base", ""),
        ("priority", "--since", ""),
        ("trend", "--since", ""),
        ("backtest", "--since", ""),
        ("priority", "--since", "2024-W01-1"),
        ("trend", "--since", "20240101"),
    ],
)
def test_what_is_no_day_or_revision_is_refused(command: tuple[str, ...], project: Repo, capsys: pytest.CaptureFixture[str]) -> None:
    said = call(capsys, *command)
    assert (said.code, said.out) == (2, "") and ("is empty; give it a value" in said.err or "is no date; expected YYYY-MM-DD" in said.err)


def test_each_risky_commit_of_many_is_an_alert_at_a_line_that_it_added(
    project: Repo, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("codex_gate.levels.level", lambda risk, limits: Level.HIGH)
    (run,) = json.loads(call(capsys, "screen", "--each", "main..topic", "--format", "sarif").out)["runs"]
    places = [result["locations"][0]["physicalLocation"] for result in run["results"] if result["ruleId"] == "codex-gate/risk"]
    n = len(project.git("rev-list", "main..topic").split())
    assert len(places) + sum(note["descriptor"]["id"] == "no-place" for note in run["invocations"][0]["toolExecutionNotifications"]) == n
    assert places and all(place["artifactLocation"]["uri"] and place["region"]["startLine"] >= 1 for place in places)


def test_a_broken_configuration_is_one_sentence(gate: GateCall, project: Repo) -> None:
    project.write(".codex-gate.yaml", "fail_on: high\n")
    said = gate("main..topic")
    assert (said.code, said.err) == (2, "codex-gate: .codex-gate.yaml, line 1: unknown key 'fail_on'; did you mean fail-on?\n")


def test_models_of_the_configuration_come_from_the_base_commit_in_ci(
    project: Repo, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    project.checkout("main")
    write_model(project.path / "models")
    project.write(".codex-gate.yaml", "models: models\n")
    project.commit("models", date=START + 65 * 86_400)
    project.branch("evil")
    project.write("models/model.json", "{}")
    project.commit("other models", date=START + 80 * 86_400)
    said = call(capsys, "screen", "main..evil", "--format", "json")
    assert said.code == 2 and "models: models: " in said.err
    monkeypatch.setenv("CI", "true")
    assert json.loads(call(capsys, "screen", "main..evil", "--format", "json").out)["model_version"] == "test-1"
    said = call(capsys, "screen", "--commits", listing(project, "main"))
    assert said.code == 0  # a list has no base, so nothing of the tree counts


def test_without_a_configuration_yaml_is_not_imported(project: Repo, tmp_path: Path) -> None:
    code = "import sys; from codex_gate.cli import main; main(sys.argv[1:]); print('yaml' in sys.modules)"
    args = [sys.executable, "-c", code, "screen", "--staged", "--model", str(tmp_path / "model")]
    for text, loaded in ((None, "False"), ("fail-on: never\n", "True")):
        if text:
            project.write(".codex-gate.yaml", text)
        done = subprocess.run(args, capture_output=True, text=True, cwd=project.path)
        assert done.stdout.splitlines()[-1] == loaded, done.stderr


def test_explain_keeps_to_the_configuration(project: Repo, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    project.write(".codex-gate.yaml", "paths: nowhere/\n")
    command = ("explain", "topic", "--model", tmp_path / "model")
    said = call(capsys, *command)
    assert (said.code, said.out) == (2, "")
    assert said.err == "codex-gate: commit topic: the paths that are looked at hold no changed file, so there is nothing to explain\n"
    monkeypatch.setenv("CI", "true")
    assert call(capsys, *command).code == 0  # its parent has no configuration


def test_doctor_reads_the_configuration(project: Repo, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_model(project.path / "ours")
    project.write(".codex-gate.yaml", "models: ours\n")
    said = call(capsys, "doctor")
    assert said.code == 0
    assert f"in {project.path / 'ours'}" in said.out and "1 key from .codex-gate.yaml;" in said.out
    project.write(".codex-gate.yaml", "model: ours\n")
    said = call(capsys, "doctor")
    assert said.code == 2
    assert re.search(r"^fail +configuration +\.codex-gate\.yaml, line 1: unknown key 'model'; did you mean models\?$", said.out, re.MULTILINE)


@pytest.mark.parametrize("option", ["--commit", "--commits", "--each", "--config", "--output", "--path", "--model"])
def test_an_empty_value_is_refused(gate: GateCall, option: str) -> None:
    """It comes from a variable that is not set; to screen something else in its place would pass a gate that was never asked."""
    said = gate(option, "")
    assert said.code == 2 and f"argument {option}: is empty; give it a value" in said.err


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        *((text, "can match no file; expected a pattern from the root of the repository on") for text in (".", "./", "!.", "a//b", "../a", "src/./a", "a/..")),
        *((text, "holds a bracket without an end or with an empty range") for text in ("[", "a[", "!src/[a/b]", "[]", "[!]", "[]a", "x[z-a]", "[a][")),
        *((text, "is no path pattern; expected for example src/** or *.md") for text in ("/", "!", "! ")),
        ("x" * 201, f"{'x' * 60!r} is no path pattern; expected for example src/** or *.md, at most 200 characters"),
    ],
)
def test_a_pattern_that_no_file_can_match_is_refused(gate: GateCall, pattern: str, words: str) -> None:
    for more in ((), ("--path", "src/**")):
        said = gate("--commit", "topic", *more, f"--path={pattern}")
        assert (said.code, said.out) == (2, "") and "error: argument --path: " in said.err and words in said.err


@pytest.mark.parametrize("pattern", ["./src/f1.py", "src/f[0-3].py", "src/f[]1].py", "src/f[!2-4].py", "**", "*.py", "/src", "./src/", "f1.p[xyz]"])
def test_a_pattern_that_means_a_file_finds_it(gate: GateCall, pattern: str) -> None:
    change = json.loads(gate("--commit", "topic", "--format", "json", "--path", pattern).out)["change"]
    assert change["features"]["nf"] == 1
    assert json.loads(gate("--commit", "topic", "--format", "json", "--path", f"!{pattern}").out)["change"] is None


def test_a_pattern_that_begins_where_one_stands_means_the_root(gate: GateCall) -> None:
    for pattern, finds in (("./f1.py", False), ("f1.py", True)):
        assert (json.loads(gate("--commit", "topic", "--format", "json", "--path", pattern).out)["change"] is not None) is finds


def test_a_value_that_cannot_be_is_told_by_its_option_alone(gate: GateCall) -> None:
    said = gate("--commit", "topic", "--noise-budget", "abc")
    assert said.code == 2 and said.err.endswith("error: argument --noise-budget: 'abc'; expected a percentage above 0 and up to 100, for example 10 %\n")


@pytest.mark.parametrize(
    ("command", "option"), [("monitor", "--andon-log"), ("monitor", "--gates"), ("trend", "--html"), ("priority", "--output"), ("feedback", "--output")]
)
def test_a_file_without_a_name_is_refused_before_the_work(command: str, option: str, capsys: pytest.CaptureFixture[str]) -> None:
    said = call(capsys, command, option, "")
    assert said.code == 2 and f"argument {option}: is empty; give it a value" in said.err


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_closed_stream_costs_no_verdict(project: Repo, closed: str) -> None:
    command = f"{shlex.quote(sys.executable)} -I -c 'import sys; from codex_gate.cli import main; sys.exit(main())'"
    for what, code in (
        ("screen main..topic", 0),
        ("screen --each main..topic --fail-on moderate", 1),
        ("doctor", 0),
        ("hook", 0),
        ("screen --fail-on nonsense", 2),
    ):
        done = subprocess.run(["sh", "-c", f"{command} {what} {closed}"], cwd=project.path, env=project.environ, capture_output=True, timeout=60)
        assert (what, done.returncode) == (what, code) and b"Traceback" not in done.stdout + done.stderr


def test_what_begins_like_an_exclusion_is_no_commit(gate: GateCall, project: Repo) -> None:
    (project.path.parent / "list").write_text("^HEAD\n")
    for args in (("--commit", "^HEAD"), ("--commits", project.path.parent / "list"), ("--commit", "x" * 5000)):
        said = gate(*args)
        assert said.code == 2 and "is not a commit" in said.err and len(said.err) < 400


def test_numpy_is_kept_from_starting_threads(gate: GateCall, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    gate("main..topic")
    assert os.environ.pop("OPENBLAS_NUM_THREADS") == "1"


def test_many_commits_of_a_partial_clone_are_said_to_be_half_known(project: Repo, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    project.git("config", "uploadpack.allowFilter", "true")
    project.git("clone", "-q", "--bare", "--filter=blob:none", project.path.as_uri(), tmp_path / "partial")
    said = call(capsys, "screen", "-C", tmp_path / "partial", "--each", "main..topic", "--format", "terminal")
    assert said.code == 0 and re.search(r"the contents of (\d+) of \1 commits are not in this clone", " ".join(said.out.split()))


def test_a_page_and_a_report_do_not_go_to_one_place(project: Repo, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("trend", "priority"):
        for where in (("--html", tmp_path / "x", "--output", tmp_path / "x"), ("--html", "-")):
            said = call(capsys, command, *where)
            assert said.code == 2 and "give --html or --output a file of its own" in said.err


def test_a_damaged_installation_is_not_blamed_on_the_model_that_was_named(gate: GateCall, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(default_directory(), tmp_path / "shipped")
    (tmp_path / "shipped" / "kinds.table").write_bytes(b"")
    monkeypatch.setattr("codex_gate.hybrid.default_directory", lambda: tmp_path / "shipped")
    said = gate("main..topic")
    assert said.code == 3 and "install the package again" in said.err
