"""Blame, held to git's own porcelain."""

from __future__ import annotations

import pytest

from codex_gate.blame import blame, runs, unquote
from codex_gate.errors import GitError, LostError
from tests.conftest import Repo


def test_runs_join_neighbours() -> None:
    assert runs([5, 1, 2, 2, 7, 6]) == [(1, 2), (5, 7)]
    assert runs([]) == []


@pytest.mark.parametrize(("raw", "name"), [(b"a b", "a b"), (b'"a\\tb\\"c\\\\"', 'a\tb"c\\'), (b'"\\303\\244"', "ä"), (b'"\\377"', "\udcff"), (b'"', '"')])
def test_names_as_git_quotes_them(raw: bytes, name: str) -> None:
    assert unquote(raw) == name


def test_lines_keep_who_brought_them_through_a_rename_and_new_white_space(repo: Repo) -> None:
    repo.write("a.c", "one();\ntwo();\nthree();\n" + "more();\n" * 9)
    first = repo.commit()
    repo.mv("a.c", "src/b.c")
    repo.write("src/b.c", "one();\n\t two();\nTHREE();\n" + "more();\n" * 9)
    second = repo.commit()
    found = blame(repo.open(), second, "src/b.c", [1, 2, 3])
    assert [(run.sha, run.path, run.old_line, run.line, run.n_lines) for run in found] == [(first, "a.c", 1, 1, 2), (second, "src/b.c", 3, 3, 1)]


@pytest.mark.parametrize("path", [b"-L1,1", b'sp ace\t"q".c', "ä/ü.c".encode(), b"\xff.c", b":(top)x.c", b"*.c"])
def test_hostile_names_are_names(repo: Repo, path: bytes) -> None:
    repo.write(path, "x\n")
    sha = repo.commit()
    name = path.decode("utf-8", "surrogateescape")
    assert [(run.sha, run.path) for run in blame(repo.open(), sha, name, [1])] == [(sha, name)]


def test_neither_attributes_nor_settings_of_the_user_steer_blame(repo: Repo, tmp_path) -> None:
    repo.write(".gitattributes", "*.c diff=evil\n")
    repo.write("a.c", "value = one;\n")
    first = repo.commit()
    repo.write("a.c", "value = two;\n")
    second = repo.commit()
    mark = tmp_path / "ran"
    repo.git("config", "diff.evil.textconv", f"touch {mark}; cat")
    (tmp_path / "skip").write_text(second + "\n")
    repo.git("config", "blame.ignoreRevsFile", str(tmp_path / "skip"))
    assert [run.sha for run in blame(repo.open(), second, "a.c", [1])] == [second]
    assert [run.sha for run in blame(repo.open(), second, "a.c", [1], ignored=[second])] == [first]
    assert not mark.exists()


@pytest.mark.parametrize(
    "names", [[".git-blame-ignore-revs"], ["/nowhere/skip"], ["skip", "", ".git-blame-ignore-revs", "/nowhere/skip"], ["~nobody/skip"], [""]]
)
def test_files_of_ignored_commits_that_a_setting_names_need_not_be_there(repo: Repo, names: list[str]) -> None:
    """git names them from its current directory, and dies where one is missing."""
    repo.write("a.c", "value = one;\n")
    repo.commit()
    repo.write("a.c", "value = two;\n")
    second = repo.commit()
    repo.write(".git-blame-ignore-revs", second + "\n")
    given = {"GIT_CONFIG_COUNT": str(len(names))} | {f"GIT_CONFIG_KEY_{k}": "blame.ignoreRevsFile" for k in range(len(names))}
    given |= {f"GIT_CONFIG_VALUE_{k}": name for k, name in enumerate(names)}
    assert [run.sha for run in blame(repo.open(**given), second, "a.c", [1])] == [second]
    for name in names:
        repo.git("config", "--add", "blame.ignoreRevsFile", name)
    assert [run.sha for run in blame(repo.open(), second, "a.c", [1])] == [second]
    repo.git("worktree", "add", "-q", "--detach", "../beside", second)
    assert [run.sha for run in blame(repo.open(repo.path / "../beside"), second, "a.c", [1])] == [second]
    (repo.path / ".git" / "config").rename(repo.path / ".git" / "mine")
    for more in (
        {"GIT_CONFIG_GLOBAL": str(repo.path / ".git" / "mine")},
        {"GIT_CONFIG_PARAMETERS": " ".join(f"'blame.ignorerevsfile'='{name}'" for name in names)},
    ):
        assert [run.sha for run in blame(repo.open(**more), second, "a.c", [1])] == [second]


def test_a_missing_file_and_a_line_too_many_are_errors_of_git(repo: Repo) -> None:
    repo.write("a.c", "one\n")
    repo.write("read " + "a" * 40, "one\n")
    sha = repo.commit()
    for path, line in (("b.c", 1), ("a.c", 2), ("read " + "a" * 40, 2)):
        with pytest.raises(GitError, match="git blame failed") as caught:
            blame(repo.open(), sha, path, [line])
        assert not isinstance(caught.value, LostError)


@pytest.mark.parametrize(
    ("said", "lost"),
    [
        ("git blame failed: fatal: cannot read commit object " + "a" * 40, True),  # with a commit-graph
        ("git blame failed: fatal: packed object " + "a" * 40 + " (stored in /" + "x" * 600, True),  # what git says is cut
        ("git blame failed: fatal: no such path 'packed object' in HEAD", False),
    ],
)
def test_other_words_for_a_lost_object(repo: Repo, said: str, lost: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    repo.write("a.c", "one\n")
    sha, gate = repo.commit(), repo.open()

    def fails(*args: object, **more: object) -> bytes:
        raise GitError(said)

    monkeypatch.setattr(type(gate), "run", fails)
    with pytest.raises(GitError) as caught:
        blame(gate, sha, "a.c", [1])
    assert isinstance(caught.value, LostError) == lost


@pytest.mark.parametrize("damaged", [False, True])
@pytest.mark.parametrize("what", ["HEAD~1:a.c", "HEAD~1^{tree}", "HEAD"])
def test_a_missing_and_a_damaged_object_are_told_from_other_errors(repo: Repo, what: str, damaged: bool) -> None:
    for text in ("one\n", "one\ntwo\n"):
        repo.write("a.c", text)
        repo.commit()
    sha, lost = repo.head(), repo.loose(what)
    lost.unlink()
    if damaged:
        lost.write_bytes(b"no object")
    with pytest.raises(LostError, match="git blame failed"):
        blame(repo.open(), sha, "a.c", [1, 2])


def test_a_quickened_repository_answers_the_same_and_leaves_nothing_behind(repo: Repo) -> None:
    for n in range(5):
        repo.write("a.c", "".join(f"line {k}\n" for k in range(n + 1)))
        repo.commit()
    gate, head = repo.open(), repo.head()
    before = sorted(repo.path.rglob("*"))
    with gate.quickened() as quick:
        assert quick.run("rev-parse", "HEAD") == gate.run("rev-parse", "HEAD")
        assert blame(quick, head, "a.c", range(1, 6)) == blame(gate, head, "a.c", range(1, 6))
        scratch = quick.environ["GIT_OBJECT_DIRECTORY"]
    assert sorted(repo.path.rglob("*")) == before
    assert not (repo.path / scratch).exists()
