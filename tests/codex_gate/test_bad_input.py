"""Bad input gets a clear sentence, the right exit code, and loses nothing: one test for each kind of it."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from codex_gate.errors import GitError
from codex_gate.features import HISTORY_NAMES
from codex_gate.git import Repository
from codex_gate.index import INDEX_FORMAT
from codex_gate.types import Level
from tests.codex_gate.samples import Said, call, write_model
from tests.codex_gate.test_action_hostile import harmless_markdown
from tests.conftest import ADA, BOB, HOUR, START, Node, Repo

MakeRepo = Callable[..., Repo]
Gate = Callable[..., Said]
FAR_FUTURE = 253_402_300_799 + 10**6
INSIDE = "import sys; from codex_gate.cli import main; sys.exit(main())"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_model(tmp_path / "model")


@pytest.fixture
def gate(repo: Repo, model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Gate:
    """`codex-gate screen …` inside the repository."""
    monkeypatch.chdir(repo.path)
    return lambda *args: call(capsys, "screen", *args, "--model", model)


def build(repo: Repo, n: int = 60) -> list[str]:
    shas = repo.build(Node({f"src/f{k % 5}.py": f"x = {k}\n" * (1 + k % 4)}, (k - 1,) if k else (), (ADA, BOB)[k % 2], START + k * HOUR) for k in range(n))
    repo.git("checkout", "-q", "-f", "main")
    return shas


def refused(said: Said, *words: str, code: int = 2) -> None:
    """Exit code, nothing on standard output, one sentence that holds the words."""
    assert (said.code, said.out) == (code, "")
    assert said.err.startswith("codex-gate: ")
    assert len(said.err.splitlines()) == 1
    for word in words:
        assert word in said.err


def report_of(gate: Gate, *args: str) -> dict[str, object]:
    said = gate(*args, "--format", "json")
    assert (said.code, said.err) == (0, "")
    found = json.loads(said.out)
    assert isinstance(found, dict)
    return found


def codes(report: dict[str, object]) -> list[str]:
    return [notice["code"] for notice in report["notices"]]  # type: ignore[attr-defined]


# -- the repository ------------------------------------------------------------------------------------


def test_not_a_repository(tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    refused(call(capsys, "screen", "--model", model), "not inside a git repository", "-C PATH")
    refused(call(capsys, "screen", "-C", tmp_path / "nowhere", "--model", model), "is not a directory")


def test_no_git(repo: Repo, gate: Gate, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    refused(gate(), "git was not found on PATH", "install git")


@pytest.mark.parametrize("args", [[], ["--commit", "HEAD"], ["main..HEAD"], ["--each", "main..HEAD"]], ids=" ".join)
def test_no_commits(gate: Gate, args: list[str]) -> None:
    said = gate(*args)
    refused(said)
    assert "no commits yet" in said.err or "'main' is not a commit" in said.err


def test_unborn_branch(repo: Repo, gate: Gate) -> None:
    build(repo)
    repo.git("checkout", "-q", "--orphan", "fresh")
    refused(gate("--commit", "HEAD"), "no commits yet", "--staged")
    refused(gate(), "no commits yet")
    repo.write("a.py", "x = 1\n")
    repo.git("add", "a.py")
    assert report_of(gate, "--staged")["features"]["nf"] == 6  # type: ignore[index] # the new branch would hold all of it


def test_detached_head(repo: Repo, gate: Gate) -> None:
    build(repo)
    repo.git("checkout", "-q", "--detach", "main")
    repo.write("a.py", "x = 1\n")
    sha = repo.commit("off the branch")
    assert report_of(gate)["sha"] == sha
    assert report_of(gate)["scope"] == "main..HEAD"
    assert report_of(gate, "--commit", "HEAD")["sha"] == sha


def test_no_default_branch_to_compare_with(repo: Repo, gate: Gate) -> None:
    build(repo)
    repo.git("branch", "-q", "-m", "main", "elsewhere")
    refused(gate(), "no upstream and no default branch", "BASE..HEAD")


def test_safe_directory_refusal(repo: Repo, gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    build(repo, 3)
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    refused(gate("--commit", "HEAD"), "belongs to another user", "git config --global --add safe.directory", str(repo.path))
    below = repo.path / "src"
    below.mkdir(exist_ok=True)
    with pytest.raises(GitError, match=rf"safe\.directory {re.escape(str(repo.path))}$"):  # what git asks for, not where it was asked
        Repository.discover(below, os.environ)


def test_read_only_git_directory(repo: Repo, gate: Gate) -> None:
    build(repo)
    plain = report_of(gate, "--commit", "HEAD")
    assert codes(plain) == []
    folder = repo.path / ".git" / "codex-gate"
    (folder / f"history-{INDEX_FORMAT}.sqlite").unlink()
    folder.rmdir()
    folder.write_text("what a folder cannot be made over")  # root, whom permissions do not bind, cannot either
    found = report_of(gate, "--commit", "HEAD")
    assert codes(found) == ["index"]
    assert {key: found[key] for key in ("risk", "level", "percentile", "features")} == {key: plain[key] for key in ("risk", "level", "percentile", "features")}
    assert "every run walks the history again" in gate("--commit", "HEAD").out.replace("\n  ", " ")


@pytest.mark.skipif(os.geteuid() == 0, reason="permissions do not bind root")
def test_read_only_git_directory_by_permissions(repo: Repo, gate: Gate) -> None:
    build(repo)
    (repo.path / ".git").chmod(0o555)
    try:
        assert codes(report_of(gate, "--commit", "HEAD")) == ["index"]
    finally:
        (repo.path / ".git").chmod(0o755)


def test_damaged_index(repo: Repo, gate: Gate) -> None:
    build(repo)
    plain = report_of(gate, "--commit", "HEAD")
    path = repo.path / ".git" / "codex-gate" / f"history-{INDEX_FORMAT}.sqlite"
    good = path.read_bytes()
    for bad in (b"", b"no database", good[:5000], bytes(len(good)), good[:4096] + bytes(4096) + good[8192:]):
        path.write_bytes(bad)
        found = report_of(gate, "--commit", "HEAD")
        assert {**found, "seconds": 0} == {**plain, "seconds": 0}
    assert path.read_bytes()[:15] == b"SQLite format 3"


# -- revisions -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["nosuchbranch", "1" * 40, "HEAD~999", "main:src/f1.py", "--help", "-x", "main^{tree}", "bad name\nwith a line"])
def test_unknown_revision(repo: Repo, gate: Gate, name: str) -> None:
    build(repo, 3)
    refused(gate(f"--commit={name}"), "is not a commit in this repository", "check the spelling")
    refused(gate(f"--each=main..{name}"), "is not a commit in this repository")


def test_ambiguous_revision(repo: Repo, gate: Gate) -> None:
    build(repo, 3)
    tree = repo.git("rev-parse", "main^{tree}")
    seen: dict[str, str] = {}
    for k in range(10_000):  # two commits whose names begin alike
        text = f"tree {tree}\nauthor A <a@b> {k} +0000\ncommitter A <a@b> {k} +0000\n\nx\n"
        sha = hashlib.sha1(f"commit {len(text)}\0{text}".encode(), usedforsecurity=False).hexdigest()
        if sha[:4] in seen:
            break
        seen[sha[:4]] = text
    for each in (text, seen[sha[:4]]):
        repo.git("hash-object", "-t", "commit", "-w", "--stdin", stdin=each.encode())
    refused(gate("--commit", sha[:4]), "is ambiguous", "more characters")


def test_empty_range(repo: Repo, gate: Gate) -> None:
    build(repo)
    report = report_of(gate, "main..main~3")
    assert (report["change"], report["commits"], codes(report)) == (None, [], ["empty-range"])
    said = gate("--each", "main..main~3")
    assert (said.code, said.out) == (0, "")
    assert "nothing to screen" in said.err


def test_identical_base_and_head(repo: Repo, gate: Gate) -> None:
    build(repo)
    assert codes(report_of(gate, "main..main")) == ["empty-range"]
    assert codes(report_of(gate)) == ["empty-range"]
    said = gate("main..main")
    assert said.code == 0
    assert "nothing to screen" in said.out


def test_unrelated_histories(repo: Repo, gate: Gate) -> None:
    build(repo, 3)
    repo.git("checkout", "-q", "--orphan", "island")
    repo.commit("alone")
    refused(gate("main..island"), "no common history")
    refused(gate("--each", "main..island"), "no common history")


# -- clones that lack something ------------------------------------------------------------------------


def test_shallow_clone(repo: Repo, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    build(repo)
    clone = tmp_path / "clone"
    repo.git("clone", "-q", "--depth", "3", f"file://{repo.path}", str(clone))
    common = ("screen", "-C", clone, "--model", model)
    report = json.loads(call(capsys, *common, "--commit", "HEAD", "--format", "json").out)
    assert [notice["code"] for notice in report["notices"]] == ["shallow"]
    assert (report["level"], report["percentile"]) == ("unknown", None)
    assert {report["features"][name] for name in HISTORY_NAMES} == {None}  # unknown, not 0
    assert report["features"]["nf"] == 1
    rows = [json.loads(text) for text in call(capsys, *common, "--each", "HEAD~2..HEAD").out.splitlines()]
    assert [row["level"] for row in rows] == ["unknown", "unknown"]
    assert {row["features"][name] for row in rows for name in HISTORY_NAMES} == {None}
    assert ["shallow" in {n["code"] for n in row["notices"]} for row in rows] == [True, True]
    edge = json.loads(call(capsys, *common, "--commit", "HEAD~2", "--format", "jsonl").out)
    assert (edge["risk"], edge["level"], edge["features"]["la"], edge["features"]["exp"]) == (None, "unknown", None, None)
    beyond = call(capsys, *common, "--commit", "HEAD~3")
    refused(beyond, "is not a commit", "this clone is shallow")
    for what in (("--commit", "HEAD~2"), ("--commit", "HEAD"), ("--each", "HEAD~2..HEAD"), ("HEAD~1..HEAD",)):
        said = call(capsys, *common, *what, "--fail-on", "critical")
        assert said.code == 1 and "no level could be told, and what could not be judged does not pass --fail-on critical" in said.err
        assert "fetch with full depth" in said.err and call(capsys, *common, *what).code == 0
    for name in ("terminal", "markdown"):
        assert "shallow" in call(capsys, *common, "--commit", "HEAD", "--format", name).out


def lose(repo: Repo, name: str) -> None:
    blob = repo.git("rev-parse", name)
    (repo.path / ".git" / "objects" / blob[:2] / blob[2:]).unlink()


def test_missing_blobs(repo: Repo, gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    build(repo)
    repo.write("lost.py", "x = 1\n" * 9)
    repo.write("there.py", "x = 2\ny = 3\n")
    repo.commit("two files")
    lose(repo, "HEAD:lost.py")
    report = report_of(gate, "--commit", "HEAD")
    assert report["features"]["nf"] == 2  # type: ignore[index] # the file is still counted
    assert report["features"]["la"] == 2  # type: ignore[index] # its lines are not made up
    assert "missing-blobs" in codes(report)
    assert (report["level"], report["percentile"]) == ("unknown", None)  # what could not be read may be the risky part
    with monkeypatch.context() as patch:
        patch.setattr("codex_gate.levels.level", lambda risk, limits: Level.HIGH)  # where the rest alone stands out, it does
        assert gate("--commit", "HEAD", "--fail-on", "moderate").code == 1
    assert "1 of 2 files could not be read" in gate("--commit", "HEAD").out.replace("\n  ", " ")
    (row,) = [json.loads(text) for text in gate("--each", "HEAD~1..HEAD").out.splitlines()]
    assert row["features"]["la"] == 2
    assert "missing-blobs" in {n["code"] for n in row["notices"]}
    repo.write("there.py", "x = 2\n")
    repo.git("add", "there.py")
    assert report_of(gate, "--staged")["features"]["ld"] == 1  # type: ignore[index]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("/* \0 */\n" + "x = f(1);\n" * 400, "a NUL byte"),
        (("x = f(1);\n" * 400).encode("utf-16"), "UTF-16"),
        ("// x\r" + "x = f(1);\r" * 400, "a carriage return alone"),
    ],
)
def test_program_text_that_cannot_be_read_in_lines_is_never_called_low(
    repo: Repo, gate: Gate, content: str | bytes, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("codex_gate.levels.level", lambda risk, limits: Level.LOW)
    build(repo)
    repo.write("src/a.js", content)
    repo.commit("a file")
    report = report_of(gate, "--commit", "HEAD")
    assert "unread-files" in codes(report) and (report["level"], report["percentile"]) == ("unknown", None)
    said = gate("--commit", "HEAD").out.replace("\n  ", " ")
    assert "risk of what could be read – no level" in said and "1 of 1 files could not be read" in said and why in said
    (row,) = [json.loads(text) for text in gate("--each", "HEAD~1..HEAD").out.splitlines()]
    assert row["level"] == "unknown"
    gated = gate("--commit", "HEAD", "--fail-on", "critical")
    assert gated.code == 1 and "program text of it cannot be read in lines; where that is meant, leave the file out" in gated.err
    assert "program text of 1 of 1 commits could not be read in lines" in " ".join(gate("--each", "HEAD~1..HEAD", "--format", "terminal").out.split())
    repo.git("mv", "src/a.js", "src/b.js")
    repo.commit("moved")
    repo.remove("src/b.js")
    repo.commit("gone")
    for revision in ("HEAD~1", "HEAD"):
        assert report_of(gate, "--commit", revision)["level"] == "low"


def test_missing_tree(repo: Repo, gate: Gate) -> None:
    build(repo)
    repo.write("new/a.py", "x = 1\n")
    repo.commit("a folder")
    lose(repo, "HEAD:new")
    refused(gate("--commit", "HEAD"), "git diff-tree failed")


# -- hostile and odd contents --------------------------------------------------------------------------


HOSTILE = [
    b"not utf-8 \xff\xfe.py",
    b"line\nbreak.py",
    b"pipe | tick ` <b>.py",
    "bidi \u202e txt.py".encode(),
    b"::error::x.py",
    b"-rf.py",
    b'tab\tquote".py',
    b" space ",
]


def test_hostile_paths(repo: Repo, gate: Gate) -> None:
    build(repo)
    for path in HOSTILE:
        repo.write(path, "x = 1\n")
    repo.commit("title \u202e | ` <script>\x1b[31m")
    for name in ("terminal", "json", "jsonl", "markdown", "sarif"):
        said = gate("--commit", "HEAD", "--format", name)
        assert (said.code, said.err) == (0, "")
        assert not any(char in said.out for char in "\x1b\u202e")
        assert not any(text.lstrip().startswith("::") for text in said.out.splitlines())
    report = report_of(gate, "--commit", "HEAD")
    assert (report["features"]["nf"], report["features"]["la"]) == (len(HOSTILE), len(HOSTILE))  # type: ignore[index]
    again = repo.write(HOSTILE[0], "x = 1\ny = 2\n")
    assert again.exists()
    repo.commit("touch it again")
    assert report_of(gate, "--commit", "HEAD")["features"]["touches_sum"] == 1  # type: ignore[index] # the index knows it by its bytes
    repo.write(HOSTILE[1], "y = 2\n")
    repo.git("add", "-A")
    assert report_of(gate, "--staged")["features"]["touches_sum"] == 1  # type: ignore[index]


BRANCHES = [b"a|b", b"`x`", b"<img-onerror=x>", b"@everyone#1", b"$(touch-x);", "bidi\u202e".encode(), b"latin-\xe9", b"##-group", b"n" * 200]


@pytest.mark.parametrize("name", BRANCHES, ids=lambda name: ascii(name[:12])[2:-1])
def test_hostile_branch_names(repo: Repo, gate: Gate, model: Path, name: bytes, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    build(repo)
    repo.git("checkout", "-q", "-b", os.fsdecode(name))
    repo.write("big.py", "x = 1\n" * 300)
    repo.commit("large")
    for form in ("terminal", "markdown", "sarif", "html", "json"):
        said = gate(f"main..{os.fsdecode(name)}", "--format", form)
        assert (said.code, said.err) == (0, "")
        assert form == "json" or re.sub(r"[\n\xa0]", "", said.out).isprintable()  # JSON holds the name itself, escaped where it must be
        assert form != "html" or "<img" not in said.out
        if form == "markdown":
            harmless_markdown(said.out)
    monkeypatch.setenv("PRE_COMMIT_REMOTE_BRANCH", f"refs/heads/{os.fsdecode(name)}")
    for variable, value in (("FROM_REF", "main"), ("TO_REF", "HEAD")):
        monkeypatch.setenv(f"PRE_COMMIT_{variable}", repo.git("rev-parse", value))
    pushed = call(capsys, "hook", "--push", "--model", model)
    assert pushed.code == 0 and pushed.out.startswith("push to ")
    assert pushed.out.replace("\n", "").isprintable()


@pytest.mark.parametrize("hidden", [True, False])
def test_what_hides_program_text_is_not_said_to_be_harmless_in_a_change_of_its_own(repo: Repo, gate: Gate, hidden: bool) -> None:
    build(repo)
    repo.write("src/a.js", (("//\r" if hidden else "") + "x = f(1);\n") * 400)
    repo.write("src/b.js", "y = g(2);\n" * 20)
    repo.commit("two files")
    report = report_of(gate, "--commit", "HEAD")
    change: dict[str, Any] = report["change"]  # type: ignore[assignment]
    assert ("unread-files" in codes(report)) == hidden and bool(change.get("lower")) != hidden


def test_50_mb_file(repo: Repo, gate: Gate) -> None:
    build(repo)
    repo.write("huge.py", b"x = 1  # filling\n" * (50_000_000 // 17))
    repo.write("small.py", "y = 1\n")
    repo.commit("huge")
    start = time.perf_counter()
    report = report_of(gate, "--commit", "HEAD")
    assert time.perf_counter() - start < 5
    assert report["features"]["la"] == 1  # type: ignore[index]
    assert report["features"]["nf"] == 2  # type: ignore[index]
    assert "unread-files" in codes(report) and (report["level"], report["percentile"]) == ("unknown", None)
    assert "larger than the diff limit" in gate("--commit", "HEAD").out.replace("\n  ", " ")


def test_3000_file_change(repo: Repo, gate: Gate) -> None:
    build(repo)
    repo.build([Node({f"d{k % 40}/f{k}.py": f"def f(x):\n    return {k}\n" for k in range(3000)})], "refs/heads/big")
    repo.git("update-ref", "refs/heads/main", repo.git("commit-tree", "big^{tree}", "-p", "main", "-m", "3,000 files"))
    start = time.perf_counter()
    report = report_of(gate, "--commit", "main")
    assert time.perf_counter() - start < 10
    assert report["features"]["nf"] == 3005  # type: ignore[index] # five went
    assert len(gate("--commit", "main", "--format", "markdown").out) < 65_000


@pytest.mark.parametrize("author", ["Nameless <>", " <mail@example.org>", " <>"], ids=["no e-mail", "no name", "neither"])
def test_authors_without_name_or_email(repo: Repo, gate: Gate, author: str) -> None:
    shas = repo.build(Node({"a.py": f"x = {k}\n"}, (k - 1,) if k else (), author, START + k * HOUR) for k in range(3))
    assert report_of(gate, "--commit", shas[-1])["features"]["exp"] == 2  # type: ignore[index]
    rows = [json.loads(text) for text in gate("--each", f"{shas[0]}..{shas[-1]}").out.splitlines()]
    assert [row["features"]["exp"] for row in rows] == [1, 2]


def raw_commit(repo: Repo, when: str, parent: str) -> str:
    text = f"tree {repo.git('rev-parse', 'main^{tree}')}\nparent {parent}\nauthor Odd <odd@example.org> {when}\ncommitter Odd <odd@example.org> {START + 10**7} +0000\n\nodd date\n"
    return repo.git("hash-object", "-t", "commit", "-w", "--literally", "--stdin", stdin=text.encode())


@pytest.mark.parametrize(
    "when",
    ["-1 +0000", "-86400000 +0000", "0 +0000", f"{FAR_FUTURE} +0000", "99999999999999999999 +0000", "4102444800 +1400", "1700000000 +9999", "never", ""],
)
def test_dates_before_1970_and_in_the_far_future(repo: Repo, gate: Gate, when: str) -> None:
    build(repo)
    odd = raw_commit(repo, when, repo.git("rev-parse", "main"))
    repo.git("update-ref", "refs/heads/main", repo.git("commit-tree", "main~1^{tree}", "-p", odd, "-m", "after", env=repo.identity(ADA, START + 100 * HOUR)))
    for name in (odd, "main"):
        features = report_of(gate, "--commit", name)["features"]
        assert all(value is None or value >= 0 for key, value in features.items() if key != "complexity_delta")  # type: ignore[attr-defined]
        assert 0 <= features["hour_of_day"] <= 23  # type: ignore[index]
        assert 0 <= features["day_of_week"] <= 6  # type: ignore[index]
    assert gate("--each", f"{odd}~1..main").code == 0


# -- the model -----------------------------------------------------------------------------------------


def manifest_with(model: Path, **changes: object) -> None:
    path = model / "model.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


BROKEN_MODELS: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (lambda model: (model / "risk.forest").unlink(), "risk.forest"),
    "no manifest": (lambda model: (model / "model.json").unlink(), "model.json"),
    "truncated": (lambda model: (model / "risk.forest").write_bytes((model / "risk.forest").read_bytes()[:-1]), "risk.forest"),
    "empty": (lambda model: (model / "risk.forest").write_bytes(b""), "risk.forest"),
    "wrong hash": (lambda model: flip(model / "risk.forest"), "risk.forest"),
    "truncated manifest": (lambda model: (model / "model.json").write_text("{"), "model.json"),
    "wrong schema": (lambda model: manifest_with(model, feature_schema=999), "model.json"),
    "wrong format": (lambda model: manifest_with(model, format=999), "model.json"),
    "unknown feature": (lambda model: manifest_with(model, feature_names=["la", "nf", "moon"]), "model.json"),
    "a manifest that is a list": (lambda model: (model / "model.json").write_text("[]"), "model.json"),
    "a manifest that is no text": (lambda model: (model / "model.json").write_bytes(b"\xff\xfe\0"), "model.json"),
    "a folder in place of the forest": (lambda model: ((model / "risk.forest").unlink(), (model / "risk.forest").mkdir()), "risk.forest"),
}


@pytest.mark.parametrize(("spoil", "name"), BROKEN_MODELS.values(), ids=BROKEN_MODELS)
def test_models_missing_truncated_of_the_wrong_hash_or_schema(repo: Repo, gate: Gate, model: Path, spoil: Callable[[Path], object], name: str) -> None:
    build(repo, 3)
    assert gate("--commit", "HEAD").code == 0
    spoil(model)
    for args in (["--commit", "HEAD"], ["--each", "HEAD~1..HEAD"], ["--staged"]):
        refused(gate(*args), str(model / name), code=2)


def test_a_model_directory_that_is_not_there(repo: Repo, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    build(repo, 3)
    refused(call(capsys, "screen", "-C", repo.path, "--commit", "HEAD", "--model", tmp_path / "none"), "model.json", "--model", code=2)


# -- the index of git, and Ctrl-C ----------------------------------------------------------------------


def test_unresolved_conflicts_in_the_index(repo: Repo, gate: Gate) -> None:
    build(repo, 3)
    repo.branch("topic", "main~1")
    repo.write("src/f2.py", "theirs = 1\n")
    repo.commit("theirs")
    subprocess.run(["git", "merge", "-q", "main"], cwd=repo.path, env=repo.environ, capture_output=True)
    refused(gate("--staged"), "unresolved conflicts", "git add")


def test_damaged_git_index(repo: Repo, gate: Gate) -> None:
    build(repo, 3)
    (repo.path / ".git" / "index").write_bytes(b"DIRC no index")
    refused(gate("--staged"), "the index cannot be read")


@pytest.mark.parametrize(
    ("number", "whole_group", "code", "told"),
    [
        pytest.param(signal.SIGINT, True, 130, b"codex-gate: interrupted\n", id="ctrl-c"),
        pytest.param(signal.SIGTERM, False, -signal.SIGTERM, b"", id="timeout or a cancelled job"),
        pytest.param(
            signal.SIGHUP,
            False,
            -signal.SIGHUP,
            b"",
            id="a closed terminal",
            marks=pytest.mark.skipif(signal.getsignal(signal.SIGHUP) is signal.SIG_IGN, reason="the tests were started with nohup"),
        ),
    ],
)
def test_a_signal_in_a_bulk_run_leaves_nothing_behind(
    repo: Repo, model: Path, tmp_path: Path, number: signal.Signals, whole_group: bool, code: int, told: bytes
) -> None:
    repo.build(Node({f"src/f{k % 50}.py": f"x = {k}\n" * 30}, (k - 1,) if k else (), ADA, START + k * HOUR) for k in range(4000))
    before = {p.name for p in (repo.path / ".git").iterdir()}
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    target = tmp_path / "rows.jsonl"
    command = [sys.executable, "-I", "-c", INSIDE, "screen", "--each", "main~3990..main", "--model", str(model), "--output", str(target)]
    run = subprocess.Popen(
        command, cwd=repo.path, env={**repo.environ, "TMPDIR": str(scratch)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )
    deadline = time.monotonic() + 20
    while not list(tmp_path.glob("rows.jsonl.*.part")) and time.monotonic() < deadline:  # it has begun to write
        time.sleep(0.01)
    assert run.poll() is None, "it ended before it could be interrupted"
    if whole_group:
        os.killpg(run.pid, number)  # as the terminal does: python and git
    else:
        os.kill(run.pid, number)
    out, err = run.communicate(timeout=20)
    assert (run.returncode, out, err) == (code, b"", told)
    assert not target.exists()
    assert list(scratch.iterdir()) == []
    assert {p.name for p in (repo.path / ".git").iterdir()} <= {*before, "codex-gate"}
    assert not list(tmp_path.glob("*.part"))
    assert ended(run.pid)


def ended(group: int) -> bool:
    """Whether no process of the group is left, at most for the moment that it takes to die."""
    for _ in range(100):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False
