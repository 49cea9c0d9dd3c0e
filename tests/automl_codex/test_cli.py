"""What `automl-codex` says when something goes wrong: a sentence and an exit code, never a traceback."""

from __future__ import annotations

import errno
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from automl_codex import cli, commands, files, stats

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (PermissionError(13, "Permission denied", "data/raw"), 2, "automl-codex: data/raw cannot be read or written: Permission denied\n"),
        (RuntimeError("odd"), 3, "automl-codex: internal error, RuntimeError: odd; set CODEX_GATE_DEBUG=1 to see where, and please report it\n"),
        (OSError(28, "No space left on device"), 2, "automl-codex: what stats writes cannot be written: No space left on device\n"),
        (OSError(28, "Error writing bytes to file", "a/b"), 2, "automl-codex: a/b cannot be written: No space left on device\n"),
        (OSError(30, "Read-only file system", "a/b"), 2, "automl-codex: a/b cannot be written: Read-only file system\n"),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), 2, "automl-codex: what stats writes cannot be written: Disk quota exceeded\n"),
        (OSError(5, "Input/output error"), 3, "automl-codex: internal error, OSError: [Errno 5] Input/output error; "),
        (FileExistsError(17, "File exists", "data"), 2, "automl-codex: data cannot be read or written: File exists\n"),
        (
            ModuleNotFoundError("No module named 'sklearn.tree'", name="sklearn.tree"),
            2,
            "automl-codex: stats needs sklearn, which the extra [retrain] brings: pip install 'codex-gate[retrain]'\n",
        ),
        (ModuleNotFoundError("No module named 'automl_codex.x'", name="automl_codex.x"), 3, "automl-codex: internal error, ModuleNotFoundError: "),
    ],
)
def test_an_error_is_one_sentence(error: Exception, code: int, words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def fails(_: Path) -> str:
        raise error

    monkeypatch.setattr(stats, "of", fails)
    assert cli.main(["stats", "data"]) == code
    said = capsys.readouterr()
    assert said.out == "" and said.err.startswith(words) and said.err.count("\n") == 1
    monkeypatch.setenv("CODEX_GATE_DEBUG", "1")
    with pytest.raises(type(error)):
        cli.main(["stats", "data"])


def test_a_reader_that_has_seen_enough_is_no_error(tmp_path: Path) -> None:
    code = "import sys; from automl_codex import cli, stats; stats.of = lambda _: 'line\\n' * 100_000; sys.exit(cli.main(['stats', 'x']))"
    run = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path, env=dict(os.environ))
    assert run.stdout is not None and run.stderr is not None
    run.stdout.close()
    err = run.stderr.read()
    run.stderr.close()
    assert (run.wait(timeout=30), err) == (141, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_behind_standard_output_is_said(tmp_path: Path) -> None:
    code = "import sys; from automl_codex import cli, stats; stats.of = lambda _: 'line\\n'; sys.exit(cli.main(['stats', 'x']))"
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([sys.executable, "-c", code], stdout=full, stderr=subprocess.PIPE, text=True, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (2, "automl-codex: what stats writes cannot be written: No space left on device\n")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_where_nobody_takes_a_sentence_the_exit_code_stays_what_it_is(tmp_path: Path) -> None:
    code = "import sys; from automl_codex import cli; sys.exit(cli.main(['stats', 'x']))"
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=full, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, b"")


# -- an installation without extras ------------------------------------------------------------------------

BARE = """
import sys
from automl_codex import cli, commands
for modules in commands.EXTRAS.values():
    sys.modules |= dict.fromkeys(modules)  # importing one of them fails, as where it is not installed
sys.exit(cli.main(sys.argv[1:]))
"""


@pytest.mark.parametrize(
    ("arguments", "extra"),
    [
        ("mine . --output x", "retrain"),
        ("retrain --output x", "retrain"),
        ("adapt --output x", "retrain"),
        ("train --input x --output x", "retrain"),
        ("train --models lora --input x --output x", "retrain"),
        ("evaluate --model x", "retrain"),
        ("monitor --model x --input x --baseline y", "retrain"),
        ("lines --input x", "retrain"),
        ("words --corpus x --clones x --output x", "retrain"),
        ("rows --input x --output x", "retrain"),
        ("generate --output x", "retrain"),
        ("stats x", "retrain"),
        ("teach --input x --output x", "train"),
        ("logits --input x --model x --output x", "train"),
        ("distill --input x --output x", "train"),
    ],
)
def test_a_light_installation_says_which_extra_a_command_needs(arguments: str, extra: str, tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", BARE, *arguments.split()], capture_output=True, text=True, cwd=tmp_path)
    wanted = rf"automl-codex: {arguments.split()[0]} needs \w+, which the extra \[{extra}\] brings: pip install 'codex-gate\[{extra}\]'\n"
    assert done.returncode == 2 and re.fullmatch(wanted, done.stderr), done.stderr
    assert not list(tmp_path.iterdir())


MODULES = {"scikit-learn": "sklearn", "protobuf": "google"}  # whose name is not that of the distribution


def test_the_table_of_extras_is_that_of_the_project() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    names = {extra: {re.split(r"[\[<>=]", line)[0] for line in lines if not line.startswith("codex-gate[")} for extra, lines in extras.items()}
    names["retrain"] |= names["onnx"]
    found = {extra: {MODULES.get(name, name.replace("-", "_")) for name in names[extra]} for extra in commands.EXTRAS}
    assert {extra: set(modules) for extra, modules in commands.EXTRAS.items()} == found
    assert set(extras) - set(commands.EXTRAS) == {"onnx", "github", "training"} and extras["training"] == ["codex-gate[synthetic,train]"]
    assert set(re.findall(r"^\| `\[(\w+)\]` \|", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE)) == set(extras)


# -- seeds ---------------------------------------------------------------------------------------------------


def seeded() -> list[str]:
    """The commands that take --seed."""
    (commands_,) = (action.choices for action in cli._parser()._actions if action.dest == "command")
    return [name for name, parser in commands_.items() if "--seed" in parser._option_string_actions]  # type: ignore[union-attr]


@pytest.mark.parametrize("command", seeded())
@pytest.mark.parametrize("value", ["-1", "4294967296", "1.5"])
def test_a_seed_that_some_generator_would_not_take_is_refused(command: str, value: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main([command, "--seed", value])
    assert ended.value.code == 2
    assert f"argument --seed: got '{value}', expected a whole number from 0 to 4294967295" in capsys.readouterr().err


# -- a place that is taken ---------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", ["train --input none", "train --models lora --input none", "train --family stack --words none --input none", "adapt"])
def test_a_file_in_the_place_of_a_model_directory_is_refused_before_the_work(arguments: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "notes.txt"
    target.write_text("mine")
    assert cli.main([*arguments.split(), "--output", str(target)]) == 2
    assert f"{target} is no directory; a model takes a directory of its own" in capsys.readouterr().err
    assert target.read_text() == "mine" and list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("train --input none --output file/x", "file/x cannot be written: {here}/file is no folder"),
        ("train --input none --output x --eval-report file/r.json", "file/r.json cannot be written: file is no folder"),
        ("adapt --output file/x", "is no folder"),
        ("retrain --output file/x", "is no folder"),
        ("retrain --output x --eval-report .", ". is a directory; a report takes a file"),
        ("evaluate --model none --report .", ". is a directory; a report takes a file"),
        ("evaluate --model none --html file/r.html", "is no folder"),
        ("evaluate --model none --output file/r.json", "is no folder"),
        ("mine . --output file", "file is no folder; give another --output"),
        ("mine . --output file/x", "is no folder"),
        ("mine . --output x --since 2024-02-02 --until 2024-02-01", "--since 2024-02-02 comes after --until 2024-02-01"),
        ("mine . --output x --project ../zz", "--project '../zz' is no name for a table"),
        ("mine . --output x --project a/b", "--project 'a/b' is no name for a table"),
        ("mine . --output x --project .a", "no name for a table"),
        ("mine . --output x --project a\nb", "no name for a table"),
        ("evaluate --model none --report r.json --threshold 2", "--threshold is a risk and must lie in [0, 1], got 2"),
        ("evaluate --model none --report r.json --threshold nan", "--threshold is a risk and must lie in [0, 1], got nan"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_the_work(
    arguments: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("mine")
    assert cli.main(arguments.split(" ")) == 2
    said = capsys.readouterr().err
    assert says.format(here=tmp_path) in said and said.count("\n") == 1
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"] and (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize(
    "arguments",
    [
        "evaluate --report r.json --model",
        "evaluate --check --model",
        "evaluate --model",
        "adapt --output out --model",
        "retrain --output out --base",
        "monitor --input a --baseline b --model",
    ],
)
def test_a_model_that_was_named_is_the_users_to_mend(arguments: str, shipped: Path, make_repo, tmp_path: Path, monkeypatch, capsys) -> None:
    repo = make_repo()
    repo.write("a.py", "x = 1\n")
    repo.commit("first")
    monkeypatch.chdir(repo.path)
    shutil.copytree(shipped, tmp_path / "half")
    (tmp_path / "half" / "model.json").write_bytes(b"{half")
    *_, option = words = arguments.split()
    assert cli.main([*words, str(tmp_path / "half")]) == 2
    said = capsys.readouterr().err
    assert f"{option} {tmp_path / 'half'}: {tmp_path / 'half' / 'model.json'} is not valid JSON" in said
    assert said.endswith("restore it, or name another model\n") and "install" not in said


@pytest.mark.parametrize(
    "arguments",
    ["mine {} --output out", "retrain --output out --repo {}", "adapt --output out --repo {}", "monitor --model {model} --baseline empty --input {}"],
)
def test_what_git_refuses_points_to_no_option_of_another_command(arguments: str, shipped: Path, tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plain").mkdir()
    subprocess.run(["git", "init", "-q", "empty"], check=True)
    subprocess.run(["git", "init", "-q", "other"], check=True)
    assert cli.main(arguments.format("other", model=shipped).split()) == 2
    assert capsys.readouterr().err.endswith("the repository has no commits yet; commit something first\n")
    if not arguments.startswith("monitor"):  # a folder of rows serves as well
        assert cli.main(arguments.format("plain", model=shipped).split()) == 2
        assert capsys.readouterr().err == f"automl-codex: {tmp_path / 'plain'} is not inside a git repository; give the path of a clone\n"


def test_the_model_that_ships_is_ours_to_mend(shipped: Path, make_repo, tmp_path: Path, monkeypatch, capsys) -> None:
    repo = make_repo()
    repo.write("a.py", "x = 1\n")
    repo.commit("first")
    shutil.copytree(shipped, tmp_path / "half")
    (tmp_path / "half" / "risk.forest").write_bytes(b"half")
    monkeypatch.setattr("codex_gate.model.default_directory", lambda: tmp_path / "half")
    assert cli.main(["adapt", "--repo", str(repo.path), "--output", str(tmp_path / "out")]) == 3
    assert capsys.readouterr().err.endswith("install the package again\n")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_report_to_a_full_device_is_refused_before_the_work(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["retrain", "--repo", "none", "--output", "none", "--eval-report", "/dev/full"]) == 2
    assert capsys.readouterr().err == "automl-codex: /dev/full cannot be written: No space left on device\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_report_that_meets_a_full_disk_names_its_file() -> None:
    with pytest.raises(files.UsageError, match=r"^/dev/full cannot be written: No space left on device$"):
        files.put(Path("/dev/full"), "report")


def test_closed_streams_cost_no_result(tmp_path: Path) -> None:
    command = f'{sys.executable} -c \'import sys; from automl_codex import cli, stats; stats.of = lambda _: chr(10); sys.exit(cli.main(["stats", "x"]))\''
    for closed in (">&-", "<&- >&- 2>&-"):
        assert subprocess.run(["sh", "-c", f"{command} {closed}"], cwd=tmp_path, capture_output=True).returncode == 0
