"""Git as codex-gate reads it, held to git itself, PyDriller and pygit2 on real repositories."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from codex_gate.diffs import ZERO_ID, count_lines
from codex_gate.errors import GitError, NoGitError, RangeError
from codex_gate.git import EMPTY_TREE, MAX_DIFF_MB, MAX_TIME, CommitMeta, Repository, is_sha
from codex_gate.types import FileChange, Hunk
from tests.conftest import ADA, BOB, HOUR, START, Node, Repo, has_children

MakeRepo = Callable[..., Repo]


def changes(repo: Repo, new: str, old: str | None = None, **environ: str) -> dict[str, FileChange]:
    """The files of one diff, by path."""
    (files,) = repo.open(**environ).diffs([(new, old)])
    return {f.path: f for f in files}


def brief(files: dict[str, FileChange] | tuple[FileChange, ...]) -> dict[str, tuple[str, int | None, int | None]]:
    """{path: (status, added, deleted)}"""
    return {f.path: (f.status, f.added, f.deleted) for f in (files.values() if isinstance(files, dict) else files)}


def staged(gate: Repository) -> tuple[FileChange, ...]:
    return gate.staged(gate.head())


def snapshot(folder: Path) -> dict[str, bytes | str]:
    """Every file below a folder with its content."""
    return {
        str(p.relative_to(folder)): (os.readlink(p) if p.is_symlink() else p.read_bytes()) for p in sorted(folder.rglob("*")) if p.is_symlink() or p.is_file()
    }


# -- the kinds of change -----------------------------------------------------------------------------------

BINARY = bytes(range(256)) * 4
TEN = "".join(f"line {n}\n" for n in range(1, 11))


def test_root_commit_adds_every_file(repo: Repo) -> None:
    repo.write("a.txt", "1\n2\n")
    repo.write("empty", "")
    repo.write("no-end", "x\ny")
    repo.write("bin", BINARY)
    repo.symlink("link", "a.txt")
    found = changes(repo, repo.commit())
    assert brief(found) == {"a.txt": ("A", 2, 0), "bin": ("A", None, None), "empty": ("A", 0, 0), "link": ("A", 1, 0), "no-end": ("A", 2, 0)}
    assert found["a.txt"].old_id == ZERO_ID
    assert (found["a.txt"].old_mode, found["a.txt"].new_mode) == (0, 0o100644)
    assert found["link"].is_symlink
    assert not found["a.txt"].is_symlink
    assert not any(f.missing for f in found.values())


def test_modify_add_delete_in_one_commit_in_path_order(repo: Repo) -> None:
    repo.write("m", "1\n2\n3\n")
    repo.write("gone", "q\nr\n")
    first = repo.commit()
    repo.write("m", "1\nTWO\n3\n4\n")
    repo.write("new", "n\n")
    repo.remove("gone")
    found = changes(repo, repo.commit(), first)
    assert brief(found) == {"gone": ("D", 0, 2), "m": ("M", 2, 1), "new": ("A", 1, 0)}
    assert list(found) == ["gone", "m", "new"]
    assert found["gone"].new_id == ZERO_ID


def test_rename_with_and_without_edit_and_copy_as_addition(repo: Repo) -> None:
    repo.write("a", TEN)
    repo.write("b", "other\n" * 3 + TEN.upper())
    repo.write("c", TEN.replace("line", "row"))
    first = repo.commit()
    repo.mv("a", "src/a")
    repo.mv("b", "src/b")
    repo.write("src/b", "other\n" * 3 + TEN.upper().replace("LINE 5", "LINE FIVE"))
    repo.write("copy-of-c", TEN.replace("line", "row"))
    found = changes(repo, repo.commit(), first)
    assert brief(found) == {"copy-of-c": ("A", 10, 0), "src/a": ("R", 0, 0), "src/b": ("R", 1, 1)}
    assert found["src/a"].old_path == "a"
    assert found["src/b"].old_path == "b"
    assert found["src/a"].patch == b""


def test_a_file_rewritten_below_half_is_no_rename(repo: Repo) -> None:
    repo.write("a", TEN)
    first = repo.commit()
    repo.remove("a")
    repo.write("b", "line 1\nline 2\n" + "else\n" * 8)
    assert brief(changes(repo, repo.commit(), first)) == {"a": ("D", 0, 10), "b": ("A", 10, 0)}


def test_mode_change_has_no_lines(repo: Repo) -> None:
    repo.write("run.sh", "echo\n")
    repo.write("bin", BINARY)
    first = repo.commit()
    for name in ("run.sh", "bin"):
        (repo.path / name).chmod(0o755)
    found = changes(repo, repo.commit(), first)
    assert brief(found) == {"bin": ("M", 0, 0), "run.sh": ("M", 0, 0)}
    assert (found["run.sh"].old_mode, found["run.sh"].new_mode) == (0o100644, 0o100755)


def test_binary_change_has_no_line_counts(repo: Repo) -> None:
    repo.write("bin", BINARY)
    repo.write("moved", BINARY[::-1])
    first = repo.commit()
    repo.write("bin", BINARY + b"more")
    repo.mv("moved", "there")
    found = changes(repo, repo.commit(), first)
    assert brief(found) == {"bin": ("M", None, None), "there": ("R", 0, 0)}
    assert not found["bin"].missing


def test_nul_late_in_a_text_file_stays_text_as_for_git(repo: Repo) -> None:
    text = b"x\n" * 5000 + b"\0\n"
    repo.write("late", text)
    repo.write("early", b"\0" + text)
    first = repo.commit()
    repo.write("late", text + b"\0 diff --git\n")
    found = changes(repo, repo.commit(), first)
    assert brief(found) == {"late": ("M", 1, 0)}
    assert found["late"].hunks()[0].added == (b"\0 diff --git",)
    assert brief(changes(repo, first)) == {"early": ("A", None, None), "late": ("A", 5001, 0)}


@pytest.mark.parametrize("way", ["file to symlink", "symlink to file"])
def test_type_change_is_one_entry_with_both_sides(repo: Repo, way: str) -> None:
    repo.write("other", "1\n")
    repo.write("x", "a\nb\n")
    if way == "symlink to file":
        repo.symlink("x", "other")
    first = repo.commit()
    if way == "file to symlink":
        repo.symlink("x", "other")
        expected, hunks = ("T", 1, 2), (Hunk(1, 0, (b"a", b"b"), ()), Hunk(0, 1, (), (b"other",)))
    else:
        repo.remove("x")
        repo.write("x", "a\nb\n")
        expected, hunks = ("T", 2, 1), (Hunk(1, 0, (b"other",), ()), Hunk(0, 1, (), (b"a", b"b")))
    repo.write("z", "after\n")
    found = changes(repo, repo.commit(), first)
    assert brief(found) == {"x": expected, "z": ("A", 1, 0)}
    assert found["x"].hunks() == hunks
    assert found["x"].patch.count(b"\n@@ -") == 1, "two hunks, each at the start of a line"
    assert found["z"].hunks() == (Hunk(0, 1, (), (b"after",)),)


def test_type_change_of_a_binary_file_has_unknown_lines(repo: Repo) -> None:
    repo.write("x", BINARY)
    first = repo.commit()
    repo.symlink("x", "nowhere")
    assert brief(changes(repo, repo.commit(), first)) == {"x": ("T", None, None)}


def test_submodule_is_one_line_never_looked_into(repo: Repo) -> None:
    repo.write("a", "1\n")
    first = repo.commit()
    repo.git("update-index", "--add", "--cacheinfo", f"160000,{first},vendor/lib")
    second = repo.commit(add=False)
    repo.git("update-index", "--cacheinfo", f"160000,{second},vendor/lib")
    third = repo.commit(add=False)
    repo.git("update-index", "--force-remove", "vendor/lib")
    blob = repo.git("hash-object", "-w", "--stdin", stdin=b"a\nb\n")
    repo.git("update-index", "--add", "--cacheinfo", f"100644,{blob},vendor/lib")
    fourth = repo.commit(add=False)
    assert brief(changes(repo, second, first)) == {"vendor/lib": ("A", 1, 0)}
    bump = changes(repo, third, second)["vendor/lib"]
    assert (bump.status, bump.added, bump.deleted) == ("M", 1, 1)
    assert bump.is_submodule
    assert not bump.missing
    assert bump.hunks() == (Hunk(1, 1, (b"Subproject commit " + first.encode(),), (b"Subproject commit " + second.encode(),)),)
    assert brief(changes(repo, fourth, third)) == {"vendor/lib": ("T", 2, 1)}


def test_line_ends_count_as_git_counts_them(repo: Repo) -> None:
    repo.write("crlf", "a\r\nb\r\n")
    repo.write("no-end", "a\nb")
    repo.write("cr", "a\rb\rc")
    first = repo.commit()
    repo.write("crlf", "a\nb\r\n")
    repo.write("no-end", "a\nb\n")
    repo.write("cr", "a\rB\rc")
    found = changes(repo, repo.commit(), first)
    assert brief(found) == {"cr": ("M", 1, 1), "crlf": ("M", 1, 1), "no-end": ("M", 1, 1)}
    assert found["crlf"].hunks() == (Hunk(1, 1, (b"a\r",), (b"a",)),)
    assert found["no-end"].hunks() == (Hunk(2, 2, (b"b",), (b"b",)),)


def test_a_file_over_the_limit_is_treated_as_binary(repo: Repo) -> None:
    repo.write("big.sql", b"0123456\n" * (MAX_DIFF_MB << 17) + b"one more\n")
    repo.write("fits.sql", b"0123456\n" * (1 << 10))
    first = repo.commit()
    assert brief(changes(repo, first)) == {"big.sql": ("A", None, None), "fits.sql": ("A", 1 << 10, 0)}
    assert repo.open().blobs([repo.git("rev-parse", "HEAD:big.sql")]) == {}


def test_an_empty_commit_changes_nothing_and_the_stream_goes_on(repo: Repo) -> None:
    repo.write("a", "1\n")
    first = repo.commit()
    second = repo.commit("empty")
    repo.write("a", "2\n")
    third = repo.commit()
    found = list(repo.open().diffs([(first, None), (second, first), (third, second), (second, first)]))
    assert [brief(files) for files in found] == [{"a": ("A", 1, 0)}, {}, {"a": ("M", 1, 1)}, {}]
    assert list(repo.open().diffs([])) == []


def test_merge_is_measured_against_its_first_parent(repo: Repo) -> None:
    repo.write("a", "1\n")
    repo.commit()
    repo.branch("topic")
    repo.write("b", "topic\n")
    topic = repo.commit()
    repo.checkout("main")
    repo.write("a", "2\n")
    main = repo.commit()
    merge = repo.merge("topic")
    assert brief(changes(repo, merge, main)) == {"b": ("A", 1, 0)}
    assert brief(changes(repo, merge, topic)) == {"a": ("M", 1, 1)}


def test_octopus_and_evil_merge(repo: Repo) -> None:
    shas = repo.build(
        [
            Node({"a": "1\n", "b": "1\n", "c": "1\n"}),
            Node({"a": "2\n"}, [0]),
            Node({"b": "2\n"}, [0]),
            Node({"c": "2\n"}, [0]),
            Node({"b": "2\n", "c": "2\n", "evil": "!\n"}, [1, 2, 3], message="octopus"),
        ]
    )
    assert len(repo.open().metas([shas[4]])[0].parents) == 3
    assert brief(changes(repo, shas[4], shas[1])) == {"b": ("M", 1, 1), "c": ("M", 1, 1), "evil": ("A", 1, 0)}


# -- hunks -------------------------------------------------------------------------------------------------


def test_hunks_have_line_numbers_of_both_sides(repo: Repo) -> None:
    repo.write("f", "".join(f"{n}\n" for n in range(1, 21)))
    first = repo.commit()
    lines = [str(n) for n in range(1, 21)]
    lines[1:2] = ["two", "two and a half"]  # 2 becomes two lines: new 2-3
    del lines[6:8]  # old 6 and 7 go: they stood at new 7
    lines[11:11] = ["x"]  # before old 13, after new 11 (old 12), a line is put in at new 12
    lines[-1] = "TWENTY"
    repo.write("f", "\n".join(lines) + "\n")
    (change,) = changes(repo, repo.commit(), first).values()
    assert change.hunks() == (
        Hunk(2, 2, (b"2",), (b"two", b"two and a half")),
        Hunk(6, 7, (b"6", b"7"), ()),
        Hunk(13, 12, (), (b"x",)),
        Hunk(20, 20, (b"20",), (b"TWENTY",)),
    )
    assert (change.added, change.deleted) == (4, 4)


def test_hunks_next_to_each_other_are_kept_apart(repo: Repo) -> None:
    repo.write("f", "a\nb\nc\n")
    first = repo.commit()
    repo.write("f", "A\nb\nC\n")
    (change,) = changes(repo, repo.commit(), first).values()
    assert change.patch.count(b"@@ -") == 1, "git shows one hunk"
    assert change.hunks() == (Hunk(1, 1, (b"a",), (b"A",)), Hunk(3, 3, (b"c",), (b"C",)))


def test_hunks_of_whole_files(repo: Repo) -> None:
    repo.write("f", "a\n\n")
    first = repo.commit()
    repo.remove("f")
    second = repo.commit()
    assert changes(repo, first)["f"].hunks() == (Hunk(0, 1, (), (b"a", b"")),)
    assert changes(repo, second, first)["f"].hunks() == (Hunk(1, 0, (b"a", b""), ()),)


TRICKY = [
    "diff --git a/x b/x",
    "@@ -1,2 +1,2 @@",
    "--- a/x",
    "+++ b/x",
    "Binary files a/x and b/x differ",
    ":100644 100644 " + "0" * 40 + " " + "1" * 40 + " M\tx",
    "\\ No newline at end of file",
    "end of diffs",
    "",
    " ",
    "-",
    "+",
]


def test_patch_text_that_looks_like_headers_is_text(repo: Repo) -> None:
    repo.write("a", "keep\n")
    repo.write("b", "keep\n")
    first = repo.commit()
    long_start = "x" * 9000  # git looks for NUL in the first 8000 bytes
    text = "\n".join([long_start, *TRICKY, first, first + "\0", "end of diffs"]) + "\n"
    repo.write("a", text + "keep\n" + text)
    repo.write("b", "keep\nend\n")
    second = repo.commit()
    repo.write("a", "keep\n")
    third = repo.commit()
    n = 2 * (len(TRICKY) + 4)
    found = [brief(files) for files in repo.open().diffs([(first, None), (second, first), (third, second), (first, None)])]
    assert found == [{"a": ("A", 1, 0), "b": ("A", 1, 0)}, {"a": ("M", n, 0), "b": ("M", 1, 0)}, {"a": ("M", 0, n)}, {"a": ("A", 1, 0), "b": ("A", 1, 0)}]
    (files,) = repo.open().diffs([(second, first)])
    added = [line for hunk in files[0].hunks() for line in hunk.added]
    assert b"\n".join(added) + b"\n" == (text + text).encode()


def test_paths_of_every_kind_survive(repo: Repo) -> None:
    repo.write("plain", "1\n")
    other = repo.commit()
    names = ["tab\there", "new\nline", 'quo"te', "back\\slash", "pipe|`tick`", "bidi\u202etxt.py", "ü/ß", " lead", "trail ", ":colon", "-dash", "a -> b", "{a => b}", "*", "@@ -1 +1 @@",
             f"x\n{other}", f"x\n{other}\n:100644", f"\n{other}/y", "diff --git a/x b/x", "x\n@@ -1 +1 @@\n+"]  # fmt: skip
    hostile = [os.fsencode(n) for n in names] + [b"latin-\xe4", b"\xff\xfe"]
    for name in hostile:
        repo.write(name, "one\ntwo\n")
    first = repo.commit()
    for name in hostile:
        repo.write(name, "one\n2\nthree\n")
    second = repo.commit()
    expected = {n.decode("utf-8", "surrogateescape") for n in hostile}
    added, changed, again = repo.open().diffs([(first, other), (second, first), (other, None)])
    assert brief(added) == dict.fromkeys(expected, ("A", 2, 0))
    assert brief(changed) == dict.fromkeys(expected, ("M", 2, 1))
    assert brief(again) == {"plain": ("A", 1, 0)}


def test_renames_of_hostile_paths(repo: Repo) -> None:
    repo.write(b"a\n\xff", TEN)
    first = repo.commit()
    (repo.path / os.fsdecode(b"a\n\xff")).rename(repo.path / os.fsdecode(b"b\t\xfe"))
    (change,) = changes(repo, repo.commit(), first).values()
    assert (change.status, change.old_path, change.path) == ("R", "a\n\udcff", "b\t\udcfe")


# -- held to git, PyDriller and pygit2 ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory, git_environ: dict[str, str]) -> tuple[Repo, list[CommitMeta]]:
    """A repository with every kind of change, and its commits."""
    repo = Repo(tmp_path_factory.mktemp("zoo") / "repo", git_environ)
    repo.write("a.py", TEN)
    repo.write("b.py", TEN.upper())
    repo.write("bin", BINARY)
    repo.write("empty", "")
    repo.write("no-end", "x\ny")
    repo.write("crlf", "a\r\nb\r\n")
    repo.symlink("link", "a.py")
    repo.commit("root")
    repo.write("a.py", TEN.replace("line 3", "three") + "more")
    repo.write("no-end", "x\ny\n")
    repo.write("crlf", "a\nb\r\n")
    repo.write("bin", BINARY * 2)
    repo.commit("modify")
    repo.mv("a.py", "src/a.py")
    repo.mv("bin", "src/bin")
    repo.commit("rename without edit")
    repo.mv("b.py", "src/b.py")
    repo.write("src/b.py", TEN.upper().replace("LINE 5", "FIVE"))
    repo.write("copy.py", TEN.upper())
    repo.commit("rename with edit, and a copy")
    (repo.path / "src/a.py").chmod(0o755)
    repo.commit("mode")
    repo.symlink("crlf", "nowhere")
    repo.remove("link")
    repo.write("link", "now\na file\n")
    repo.commit("type changes")
    repo.symlink("link2", "somewhere")
    repo.commit("a symlink")
    repo.symlink("link2", "elsewhere")
    repo.commit("a symlink again")
    repo.git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},sub")
    repo.commit("add a submodule", add=False)
    repo.git("update-index", "--cacheinfo", f"160000,{'2' * 40},sub")
    repo.commit("move a submodule", add=False)
    repo.git("update-index", "--force-remove", "sub")
    repo.commit("drop a submodule", add=False)
    repo.write("ümlaut", "1\n")
    repo.write("tab\tand\nline", "1\n")
    repo.write(b"\xff", "1\n")
    repo.write("-- dashes", "--- a\n+++ b\n")
    repo.write("blank", "\n\n\n")
    repo.commit("odd paths and odd text")
    repo.write("-- dashes", "--- a\n++ b\n-- x\n")
    repo.write("blank", "\n x\n\n\n\n")
    repo.remove("empty")
    repo.remove("copy.py")
    repo.write("again/empty", "")
    repo.commit("delete")
    repo.branch("topic")
    repo.write("src/a.py", "all\nnew\n")
    repo.commit("rewrite")
    repo.checkout("main")
    repo.write("src/b.py", "")
    repo.commit("emptied")
    repo.merge("topic")
    repo.commit("nothing")
    return repo, repo.open().log("HEAD")


def own(repo: Repo, metas: list[CommitMeta]) -> dict[str, dict[str, tuple[str, int | None, int | None]]]:
    pairs = [(m.sha, m.parents[0] if m.parents else None) for m in metas]
    return {m.message: brief(files) for m, files in zip(metas, repo.open().diffs(pairs), strict=True)}


def test_counts_equal_numstat(zoo: tuple[Repo, list[CommitMeta]]) -> None:
    repo, metas = zoo
    found = own(repo, metas)
    different: dict[tuple[str, str], tuple[object, object]] = {}
    for meta in metas:
        raw = repo.raw("diff", "--numstat", "-M", "-z", meta.parents[0] if meta.parents else EMPTY_TREE, meta.sha)
        parts, expected, at = raw.split(b"\0"), {}, 0
        while at < len(parts) - 1:
            added, deleted, path = parts[at].split(b"\t", 2)
            if not path:  # a rename: old and new path follow
                path, at = parts[at + 2], at + 2
            counts = (None, None) if added == b"-" else (int(added), int(deleted))
            expected[path.decode("utf-8", "surrogateescape")] = counts
            at += 1
        mine = {path: counts for path, (_, *counts) in found[meta.message].items()}
        assert set(mine) == set(expected)
        different |= {(meta.message, p): (tuple(mine[p]), expected[p]) for p in mine if tuple(mine[p]) != expected[p]}
    # The one difference: a binary file that only moves loses no line; numstat prints "-" for it.
    assert different == {("rename without edit", "src/bin"): ((0, 0), (None, None))}


def test_values_equal_pydriller(zoo: tuple[Repo, list[CommitMeta]]) -> None:
    pydriller = pytest.importorskip("pydriller", reason="the reference is only in the test group")
    repo, metas = zoo
    found = own(repo, metas)
    different: dict[tuple[str, str], tuple[object, object]] = {}
    seen = 0
    for commit in pydriller.Repository(str(repo.path), include_refs=False).traverse_commits():
        if commit.merge:
            continue
        seen += 1
        theirs: dict[str, tuple[str, int, int]] = {}
        for file in commit.modified_files:
            path = file.new_path or file.old_path
            theirs[path] = (file.change_type.name, file.added_lines, file.deleted_lines)
        mine = found[commit.msg]
        for path in sorted({*theirs, *mine}):
            status, added, deleted = mine.get(path, ("-", 0, 0))
            kinds = {"A": "ADD", "M": "MODIFY", "D": "DELETE", "R": "RENAME", "T": "MODIFY", "-": "-"}
            got = (kinds[status], added or 0, deleted or 0)
            if theirs.get(path, ("-", 0, 0)) != got:
                different[commit.msg, path] = (got, theirs.get(path))
    assert seen == len([m for m in metas if len(m.parents) < 2])
    assert different == PYDRILLER_DIFFERENCES


# (ours, PyDriller's). It calls a bare mode change UNKNOWN; it takes the file <-> symlink change for two entries, of which the
# second hides the first's deleted lines; and it replaces bytes of a path that are no UTF-8, so that two paths may become one.
PYDRILLER_DIFFERENCES: dict[tuple[str, str], tuple[object, object]] = {
    ("mode", "src/a.py"): (("MODIFY", 0, 0), ("UNKNOWN", 0, 0)),
    ("type changes", "crlf"): (("MODIFY", 1, 2), ("ADD", 1, 0)),
    ("type changes", "link"): (("MODIFY", 2, 1), ("ADD", 2, 0)),
    ("odd paths and odd text", b"\xff".decode("utf-8", "surrogateescape")): (("ADD", 1, 0), None),
    ("odd paths and odd text", "\ufffd"): (("-", 0, 0), ("ADD", 1, 0)),
}


def test_values_equal_pygit2(zoo: tuple[Repo, list[CommitMeta]]) -> None:
    pygit2 = pytest.importorskip("pygit2", reason="the reference is only in the test group")
    repo, metas = zoo
    found = own(repo, metas)
    library = pygit2.Repository(str(repo.path))
    different: dict[tuple[str, str], tuple[object, object]] = {}
    for meta in metas:
        tree = library[meta.sha].tree
        diff = library[meta.parents[0]].tree.diff_to_tree(tree) if meta.parents else tree.diff_to_tree(swap=True)
        diff.find_similar()
        theirs: dict[str, tuple[str, int, int]] = {}
        for patch in diff:
            path = patch.delta.new_file.raw_path.decode("utf-8", "surrogateescape")
            status, (_, added, deleted) = patch.delta.status_char(), patch.line_stats
            theirs[path] = ("T" if path in theirs else status, added + theirs.get(path, ("", 0, 0))[1], deleted + theirs.get(path, ("", 0, 0))[2])
        mine = {path: (status, added or 0, deleted or 0) for path, (status, added, deleted) in found[meta.message].items()}
        different |= {(meta.message, p): (mine.get(p), theirs.get(p)) for p in sorted({*mine, *theirs}) if mine.get(p) != theirs.get(p)}
    assert different == {}


def test_pygit2_scores_renames_otherwise(repo: Repo) -> None:
    """The known difference: git weighs copied bytes, libgit2 counts equal lines – here 41 % and 60 %, with 50 % for a rename."""
    pygit2 = pytest.importorskip("pygit2", reason="the reference is only in the test group")
    old = [f"aaaaaaaa {n}" for n in range(10)]
    repo.write("a", "\n".join(old) + "\n")
    first = repo.commit()
    repo.remove("a")
    repo.write("b", "\n".join([*old[:6], *(f"{'z' * 20} {n}" for n in range(6, 10))]) + "\n")
    second = repo.commit()
    library = pygit2.Repository(str(repo.path))
    diff = library[first].tree.diff_to_tree(library[second].tree)
    diff.find_similar()
    assert [patch.delta.status_char() for patch in diff] == ["R"]
    assert brief(changes(repo, second, first)) == {"a": ("D", 0, 10), "b": ("A", 10, 0)}
    assert repo.git("diff", "--name-status", "-M", first, second) == "D\ta\nA\tb"


# -- nobody steers a diff ------------------------------------------------------------------------------------


@pytest.fixture
def steered(repo: Repo) -> tuple[Repo, str, str]:
    repo.write("src/a.py", TEN)
    repo.write("gone.py", "x\n" * 9)
    first = repo.commit()
    repo.write("src/a.py", TEN.replace("line 2", "two").replace("line 9", "nine") + "\n")
    repo.mv("gone.py", "there.py")
    return repo, first, repo.commit()


CLEAN = {"src/a.py": ("M", 3, 2), "there.py": ("R", 0, 0)}


@pytest.mark.parametrize("rule", ["* -diff", "* binary", "*.py diff=upper", "* -text -diff merge=ours"])
@pytest.mark.parametrize("place", ["committed", "work tree", "staged", "subdirectory"])
def test_attributes_of_the_tree_have_no_effect(steered: tuple[Repo, str, str], rule: str, place: str) -> None:
    repo, first, second = steered
    repo.git("config", "diff.upper.textconv", "tr a-z A-Z <")
    repo.git("config", "diff.upper.binary", "true")
    repo.write("src/.gitattributes" if place == "subdirectory" else ".gitattributes", rule + "\n")
    if place == "committed":
        repo.commit()
    elif place != "work tree":
        repo.git("add", "-A")
    assert brief(changes(repo, second, first)) == CLEAN
    assert "Bin" in repo.git("diff", "--stat", first, second) or rule == "*.py diff=upper", "git itself would be steered"


@pytest.mark.parametrize("rule", ["* -diff", "* binary"])
def test_attributes_do_not_hide_staged_lines(steered: tuple[Repo, str, str], rule: str) -> None:
    repo, _, _ = steered
    repo.write(".gitattributes", rule + "\n")
    repo.write("src/a.py", "all\nnew\n")
    repo.git("add", "-A")
    assert brief(staged(repo.open())) == {".gitattributes": ("A", 1, 0), "src/a.py": ("M", 2, 11)}


def test_attributes_have_no_effect_when_the_work_tree_is_named(steered: tuple[Repo, str, str]) -> None:
    repo, first, second = steered
    repo.write(".gitattributes", "* -diff\n")
    assert brief(changes(repo, second, first, GIT_DIR=str(repo.path / ".git"), GIT_WORK_TREE=str(repo.path))) == CLEAN
    repo.git("config", "core.worktree", "..")
    assert brief(changes(repo, second, first)) == CLEAN


SETTINGS = {
    "diff.external": "false",
    "diff.noprefix": "true",
    "diff.mnemonicPrefix": "true",
    "diff.srcPrefix": "x/",
    "diff.context": "7",
    "diff.interHunkContext": "9",
    "diff.algorithm": "patience",
    "diff.renames": "false",
    "diff.renameLimit": "1",
    "diff.relative": "true",
    "diff.submodule": "log",
    "diff.ignoreSubmodules": "all",
    "diff.wsErrorHighlight": "all",
    "diff.default.binary": "true",
    "diff.default.xfuncname": "^(.*)$",
    "diff.suppressBlankEmpty": "true",
    "diff.indentHeuristic": "false",
    "diff.colorMoved": "zebra",
    "core.quotePath": "false",
    "core.abbrev": "7",
    "core.pager": "false",
    "core.bigFileThreshold": "1",
    "core.whitespace": "cr-at-eol",
    "color.ui": "always",
    "color.diff": "always",
    "log.showSignature": "true",
    "log.date": "relative",
    "log.showRoot": "false",
    "log.follow": "true",
    "log.mailmap": "true",
    "log.decorate": "full",
    "format.pretty": "oneline",
    "i18n.logOutputEncoding": "UTF-16",
}


def test_settings_of_the_user_have_no_effect(steered: tuple[Repo, str, str], tmp_path: Path) -> None:
    repo, first, second = steered
    repo.write("x\ny/ü", TEN)
    third = repo.commit("päth")
    pairs = [(first, None), (second, first), (third, second)]
    gate = repo.open()
    diffs, metas = list(gate.diffs(pairs)), gate.log("HEAD")
    assert metas[-1].message == "päth"
    for name, value in SETTINGS.items():
        repo.git("config", name, value)
    (tmp_path / "attributes").write_text("* -diff\n")
    repo.git("config", "core.attributesFile", str(tmp_path / "attributes"))
    gate = repo.open(GIT_EXTERNAL_DIFF="false", GIT_DIFF_OPTS="-U9", GIT_TRACE="1", GIT_ICASE_PATHSPECS="1", GIT_PAGER="false", LC_ALL="de_DE.UTF-8")
    found = list(gate.diffs(pairs))
    assert found == diffs
    assert brief(found[1]) == CLEAN
    assert gate.log("HEAD") == metas


@pytest.mark.parametrize("driver", ["textconv", "command"])
def test_the_users_own_attributes_run_no_program(steered: tuple[Repo, str, str], driver: str) -> None:
    """info/attributes is the one place that git still reads; what it names is not started."""
    repo, first, second = steered
    trace = repo.path / "started"
    repo.git("config", f"diff.upper.{driver}", f"touch '{trace}'; echo")
    info = repo.path / ".git" / "info"
    info.mkdir(exist_ok=True)
    (info / "attributes").write_text("*.py diff=upper\n")
    assert brief(changes(repo, second, first)) == CLEAN
    assert not trace.exists()
    repo.git("diff", first, second)
    assert trace.exists(), "git itself would start it"


# -- objects that are missing --------------------------------------------------------------------------------


def test_missing_blobs_mark_their_files_and_the_stream_goes_on(repo: Repo) -> None:
    repo.write("a", "1\n2\n3\n")
    repo.write("b", "x\n")
    shas = [repo.commit()]
    repo.write("a", "1\n2\n4\n")
    repo.write("b", "y\n")
    shas.append(repo.commit())
    lost = [repo.git("rev-parse", "HEAD:a")]
    repo.write("c", "z\n")
    shas.append(repo.commit())
    repo.mv("a", "moved")  # the missing blob under another name: nothing has to be read
    shas.append(repo.commit())
    repo.write("b", "zz\n")
    repo.write("c", "q\n")
    shas.append(repo.commit())
    lost.append(repo.git("rev-parse", "HEAD:c"))
    for sha in lost:
        repo.loose(sha).unlink()
    pairs = list(zip(shas, [None, *shas]))
    expected = [
        {"a": ("A", 3, 0), "b": ("A", 1, 0)},
        {"a": ("M", None, None), "b": ("M", 1, 1)},
        {"c": ("A", 1, 0)},
        {"moved": ("R", 0, 0)},
        {"b": ("M", 1, 1), "c": ("M", None, None)},
    ]
    found = list(repo.open().diffs(pairs))
    assert [brief(files) for files in found] == expected
    assert [[f.path for f in files if f.missing] for files in found] == [[], ["a"], [], [], ["c"]]
    backwards = list(repo.open().diffs(pairs[::-1]))
    assert backwards == found[::-1], "the same whether git died before this pair or not"
    assert [next(repo.open().diffs([pair])) for pair in pairs] == found


def renamed_and_edited(repo: Repo) -> tuple[list[tuple[str, str | None]], str]:
    """Three pairs that each rename a file and edit it; the second edits another, of which the blob is returned, and in the third nothing is missing."""
    text = "".join(f"line {n}\n" for n in range(20))
    repo.write("a", text)
    repo.write("z", "1\n")
    shas = [repo.commit()]
    for old, new in (("a", "b"), ("b", "c"), ("c", "d")):
        repo.mv(old, new)
        repo.write(new, text + f"{new}\n")
        if new == "c":
            repo.write("z", "2\n")
        shas.append(repo.commit())
    return list(zip(shas[1:], shas)), repo.git("rev-parse", f"{shas[2]}:z")


def test_touches_where_nothing_is_missing_are_not_marked(repo: Repo) -> None:
    pairs, _ = renamed_and_edited(repo)
    found = list(repo.open().touches(pairs))
    assert [[(f.status, f.path) for f in files] for files in found] == [[("R", "b")], [("R", "c"), ("M", "z")], [("R", "d")]]
    assert not any(f.missing for files in found for f in files)


def test_touches_are_marked_where_a_rename_may_be_overlooked(repo: Repo) -> None:
    pairs, edited = renamed_and_edited(repo)
    repo.loose(f"{pairs[0][1]}:a").unlink()
    repo.loose(edited).unlink()
    found = list(repo.open().touches(pairs))
    assert [[(f.status, f.path, f.missing) for f in files] for files in found] == [
        [("D", "a", True), ("A", "b", True)],
        [("R", "c", False), ("M", "z", False)],
        [("R", "d", False)],
    ]
    assert [next(repo.open().touches([pair])) for pair in pairs] == found, "whatever else is asked for in the same breath"


def test_a_damaged_blob_marks_touches_too(repo: Repo) -> None:
    pairs, _ = renamed_and_edited(repo)
    bad = repo.loose(f"{pairs[0][1]}:a")
    bad.chmod(0o644)
    bad.write_bytes(b"no zlib stream")
    (files,) = repo.open().touches(pairs[:1])
    assert [(f.status, f.path, f.missing) for f in files] == [("D", "a", True), ("A", "b", True)]


def test_damaged_blob_is_missing_too(repo: Repo) -> None:
    repo.write("a", "1\n")
    repo.write("b", "x\n")
    first = repo.commit()
    repo.write("a", "2\n")
    second = repo.commit()
    bad = repo.loose(f"{first}:a")
    bad.chmod(0o644)
    bad.write_bytes(b"no zlib stream")
    found = list(repo.open().diffs([(first, None), (second, first), (first, None)]))
    expected = {"a": ("A", None, None), "b": ("A", 1, 0)}
    assert [brief(files) for files in found] == [expected, {"a": ("M", None, None)}, expected]
    assert [f.missing for f in found[0]] == [True, False]


def test_missing_tree_or_commit_is_an_error_not_an_empty_change(repo: Repo) -> None:
    repo.write("a", "1\n")
    first = repo.commit()
    repo.write("a", "2\n")
    second = repo.commit()
    repo.loose(f"{second}^{{tree}}").unlink()
    stream = repo.open().diffs([(first, None), (second, first)])
    assert brief(next(stream)) == {"a": ("A", 1, 0)}
    with pytest.raises(GitError, match="diff-tree failed"):
        next(stream)
    with pytest.raises(GitError):
        list(repo.open().diffs([("1" * 40, None)]))


def test_missing_blob_in_the_index(repo: Repo) -> None:
    repo.write("a", "1\n")
    repo.write("b", "1\n")
    repo.commit()
    repo.write("a", "2\n")
    repo.write("b", "x\n")
    repo.git("add", "-A")
    repo.loose(":a").unlink()
    found = staged(repo.open())
    assert brief(found) == {"a": ("M", None, None), "b": ("M", 1, 1)}
    assert [f.missing for f in found] == [True, False]


def test_a_partial_clone_is_not_filled_up(make_repo: MakeRepo, tmp_path: Path) -> None:
    origin = make_repo("origin")
    origin.write("a", "1\n")
    first = origin.commit()
    origin.write("a", "2\n")
    second = origin.commit()
    origin.git("config", "uploadpack.allowFilter", "true")
    origin.git("clone", "-q", "--bare", "--filter=blob:none", origin.path.as_uri(), tmp_path / "partial")
    before = snapshot(tmp_path / "partial")
    gate = origin.open(tmp_path / "partial")
    found = list(gate.diffs([(first, None), (second, first)]))
    assert [brief(files) for files in found] == [{"a": ("A", None, None)}, {"a": ("M", None, None)}]
    assert all(f.missing for files in found for f in files)
    assert gate.blobs([found[0][0].new_id]) == {}
    assert gate.present_commits([first, "1" * 40, found[0][0].new_id]) == [first]
    assert snapshot(tmp_path / "partial") == before


def test_nothing_is_fetched_over_any_protocol(repo: Repo) -> None:
    repo.commit()
    repo.git("config", "protocol.file.allow", "always")
    with pytest.raises(GitError, match="transport 'file' not allowed"):
        repo.open().run("ls-remote", repo.path.as_uri())


# -- the index ---------------------------------------------------------------------------------------------


def test_staged_equals_the_commit_that_follows(repo: Repo) -> None:
    repo.write("a", TEN)
    repo.write("bin", BINARY)
    repo.write("gone", "1\n")
    repo.write("t", "1\n")
    head = repo.commit()
    repo.mv("a", "src/a")
    repo.write("src/a", TEN + "11\n")
    repo.write("bin", BINARY * 2)
    repo.remove("gone")
    repo.symlink("t", "src/a")
    repo.write("new\nline", "1\n")
    (repo.path / "new\nline").chmod(0o755)
    repo.git("add", "-A")
    found = staged(repo.open())
    (committed,) = repo.open().diffs([(repo.commit(add=False), head)])
    assert found == committed
    assert brief(found)["src/a"] == ("R", 1, 0)
    assert staged(repo.open()) == ()


def test_staged_ignores_the_work_tree(repo: Repo) -> None:
    repo.write("a", "1\n")
    repo.write("b", "1\n")
    repo.commit()
    repo.write("a", "2\n")
    repo.git("add", "a")
    repo.write("a", "3\n4\n")
    repo.write("untracked", "x\n")
    repo.remove("b")
    (change,) = staged(repo.open())
    assert change.hunks() == (Hunk(1, 1, (b"1",), (b"2",)),)


def test_staged_before_the_first_commit(repo: Repo) -> None:
    assert staged(repo.open()) == ()
    repo.write("a", "1\n2\n")
    repo.git("add", "a")
    assert repo.open().is_unborn() and repo.open().head() is None
    assert brief(staged(repo.open())) == {"a": ("A", 2, 0)}


def test_staged_with_intent_to_add(repo: Repo) -> None:
    repo.write("a", "1\n")
    repo.commit()
    repo.write("later", "x\n")
    repo.git("add", "--intent-to-add", "later")
    assert staged(repo.open()) == ()
    repo.write("a", "2\n")
    repo.git("add", "a")
    assert brief(staged(repo.open())) == {"a": ("M", 1, 1)}


def test_staged_with_a_split_index(repo: Repo) -> None:
    repo.write("a", "1\n")
    repo.write("b", "1\n")
    repo.commit()
    repo.git("update-index", "--split-index")
    repo.write("a", "2\n")
    repo.git("add", "a")
    assert brief(staged(repo.open())) == {"a": ("M", 1, 1)}


def test_conflicts_are_an_error_with_a_way_out(repo: Repo) -> None:
    repo.write("a", "1\n")
    repo.commit()
    repo.branch("topic")
    repo.write("a", "topic\n")
    repo.commit()
    repo.checkout("main")
    repo.write("a", "main\n")
    repo.commit()
    with pytest.raises(AssertionError):
        repo.merge("topic")
    with pytest.raises(GitError, match=r"unresolved conflicts; resolve them and `git add`"):
        staged(repo.open())


def test_damaged_index_is_an_error(repo: Repo) -> None:
    repo.write("a", "1\n")
    repo.commit()
    (repo.path / ".git/index").write_bytes(b"DIRC nonsense that is long enough for a header")
    with pytest.raises(GitError, match="the index cannot be read"):
        staged(repo.open())


@pytest.mark.parametrize("read_only", [False, True])
def test_staged_writes_nothing(repo: Repo, read_only: bool) -> None:
    """Every byte under .git is as before. Read-only folders bind no root, so that the comparison is the test for root."""
    repo.write("src/a", "1\n")
    repo.commit()
    repo.write("src/a", "2\n")
    repo.write("deep/er/b", "1\n")
    repo.git("add", "-A")
    git_dir = repo.path / ".git"
    before, index_time = snapshot(git_dir), (git_dir / "index").stat().st_mtime_ns
    folders = [git_dir, *(p for p in git_dir.rglob("*") if p.is_dir())]
    try:
        for folder in folders if read_only else []:
            folder.chmod(0o555)
        assert brief(staged(repo.open())) == {"deep/er/b": ("A", 1, 0), "src/a": ("M", 1, 1)}
        assert snapshot(git_dir) == before
        assert (git_dir / "index").stat().st_mtime_ns == index_time
    finally:
        for folder in folders:
            folder.chmod(0o755)


@pytest.mark.parametrize("absolute", [True, False])
def test_staged_honours_the_index_of_a_hook(repo: Repo, absolute: bool) -> None:
    """`git commit FILE` runs hooks with an index of its own."""
    repo.write("a", "1\n")
    repo.write("b", "1\n")
    repo.commit()
    repo.write("a", "2\n")
    repo.write("b", "2\n")
    repo.git("add", "a")
    other = repo.path / ".git" / "next-index.lock"
    repo.git("read-tree", "HEAD", env={"GIT_INDEX_FILE": str(other)})
    repo.git("add", "b", env={"GIT_INDEX_FILE": str(other)})
    chosen = str(other) if absolute else ".git/next-index.lock"
    assert brief(staged(repo.open(GIT_INDEX_FILE=chosen, GIT_DIR=".git"))) == {"b": ("M", 1, 1)}
    (repo.path / "below").mkdir()
    asked = Repository.discover(repo.path / "below", {**os.environ, "GIT_INDEX_FILE": chosen})  # git reads it from the root of the work tree
    assert brief(staged(asked)) == {"b": ("M", 1, 1)}
    assert brief(staged(repo.open())) == {"a": ("M", 1, 1)}


@pytest.mark.parametrize("name", ["with:colon", 'quo"te', "back\\slash", "ü b"])
def test_staged_in_a_directory_with_an_odd_name(make_repo: MakeRepo, name: str) -> None:
    repo = make_repo(name)
    repo.write("a", "1\n")
    repo.commit()
    repo.write("a", "2\n")
    repo.git("add", "a")
    assert brief(staged(repo.open())) == {"a": ("M", 1, 1)}


def test_staged_sees_objects_of_alternates(make_repo: MakeRepo, tmp_path: Path) -> None:
    origin = make_repo("origin")
    origin.write("a", "1\n")
    origin.commit()
    origin.git("clone", "-q", "--shared", origin.path, tmp_path / "clone")
    (tmp_path / "clone" / "a").write_text("2\n")
    origin.git("-C", tmp_path / "clone", "add", "a")
    assert brief(staged(origin.open(tmp_path / "clone"))) == {"a": ("M", 1, 1)}


# -- finding the repository -----------------------------------------------------------------------------------


def test_discover_from_the_top_a_subdirectory_and_inside_git(repo: Repo) -> None:
    repo.write("src/a", "1\n")
    sha = repo.commit()
    for place in (repo.path, repo.path / "src", repo.path / ".git", repo.path / ".git" / "objects"):
        gate = repo.open(place)
        assert gate.git_dir == repo.path / ".git"
        assert gate.resolve("HEAD") == sha
    assert repo.open(repo.path / "src").top == repo.path
    assert repo.open(repo.path / ".git").top is None


def test_discover_a_bare_repository(make_repo: MakeRepo) -> None:
    repo = make_repo("bare.git", bare=True)
    (sha,) = repo.build([Node({"a": "1\n"})])
    gate = repo.open()
    assert (gate.git_dir, gate.top, gate.is_shallow) == (repo.path, None, False)
    assert staged(gate) == ()
    assert brief(changes(repo, sha)) == {"a": ("A", 1, 0)}


def test_discover_a_linked_worktree_with_its_own_index(repo: Repo, tmp_path: Path) -> None:
    repo.write("a", "1\n")
    repo.commit()
    repo.git("worktree", "add", "-q", "-b", "side", tmp_path / "side")
    (tmp_path / "side" / "a").write_text("side\n")
    repo.git("-C", tmp_path / "side", "add", "a")
    gate = repo.open(tmp_path / "side")
    assert (gate.top, gate.common_dir) == (tmp_path / "side", repo.path / ".git")
    assert brief(staged(gate)) == {"a": ("M", 1, 1)}
    assert staged(repo.open()) == ()


def test_discover_a_submodule(make_repo: MakeRepo) -> None:
    inner, outer = make_repo("inner"), make_repo("outer")
    inner.write("a", "1\n")
    sha = inner.commit()
    outer.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", inner.path, "sub")
    (outer.path / "sub" / ".gitattributes").write_text("* -diff\n")
    gate = outer.open(outer.path / "sub")
    assert gate.top == outer.path / "sub"
    assert [brief(files) for files in gate.diffs([(sha, None)])] == [{"a": ("A", 1, 0)}]


def test_no_repository_and_no_directory_are_clear_errors(tmp_path: Path, git_environ: dict[str, str]) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(GitError, match=r"empty is not inside a git repository; run this in one, or name one with -C PATH"):
        Repository.discover(tmp_path / "empty", {**git_environ, "GIT_CEILING_DIRECTORIES": str(tmp_path)})
    with pytest.raises(GitError, match=r"nowhere is not a directory"):
        Repository.discover(tmp_path / "nowhere", git_environ)


def test_no_git_is_a_clear_error(tmp_path: Path, git_environ: dict[str, str]) -> None:
    with pytest.raises(GitError, match="git was not found on PATH"):
        Repository.discover(tmp_path, {**git_environ, "PATH": str(tmp_path)})


OLD_GIT = """#!/bin/sh
case "$1" in
version) echo git version 2.25.1 ;;
rev-parse)
    echo --path-format=absolute
    shift 2
    exec {git} rev-parse "$@" ;;
esac
"""


@pytest.mark.parametrize("bare", [False, True])
def test_an_old_git_is_named_with_the_version_that_is_needed(repo: Repo, tmp_path: Path, bare: bool) -> None:
    (tmp_path / "git").write_text(OLD_GIT.format(git=shutil.which("git")))
    (tmp_path / "git").chmod(0o755)
    with pytest.raises(NoGitError, match=r"^git 2\.31 or newer is needed, found git version 2\.25\.1$"):
        repo.open(repo.path / ".git" if bare else None, PATH=str(tmp_path))


def test_a_git_that_fails_is_named_by_its_command(repo: Repo) -> None:
    with pytest.raises(GitError, match=r"^git ls-tree failed: Not a valid object name nothing$"):
        repo.open().run("-c", "a.b=c", "-c", "core.abbrev=9", "ls-tree", "nothing")


def test_ownership_refusal_says_how_to_trust(repo: Repo) -> None:
    with pytest.raises(GitError, match=r"belongs to another user; trust it with: git config --global --add safe\.directory .*repo"):
        repo.open(GIT_TEST_ASSUME_DIFFERENT_OWNER="1")


def test_line_break_in_the_path_and_other_object_names_are_refused(make_repo: MakeRepo, tmp_path: Path, git_environ: dict[str, str]) -> None:
    with pytest.raises(GitError, match="holds a line break"):
        make_repo("new\nline").open()
    subprocess.run(["git", "init", "-q", "--object-format=sha256", str(tmp_path / "sha256")], check=True, env=git_environ)
    with pytest.raises(GitError, match="names its objects by sha256"):
        Repository.discover(tmp_path / "sha256", git_environ)


def test_git_variables_of_a_hook_do_not_reach_another_repository(make_repo: MakeRepo) -> None:
    one, two = make_repo("one"), make_repo("two")
    one.write("a", "1\n")
    sha = one.commit()
    assert one.open(GIT_PREFIX="x/", GIT_NAMESPACE="y").resolve("HEAD") == sha
    with pytest.raises(GitError, match="no commits yet"):
        two.open().resolve("HEAD")


# -- revisions --------------------------------------------------------------------------------------------


def test_resolve_names_of_every_kind(repo: Repo) -> None:
    first = repo.commit("one")
    second = repo.commit("two")
    repo.git("tag", "-a", "-m", "tag", "v1", first)
    repo.git("tag", "light", first)
    gate = repo.open()
    for name, sha in {
        "HEAD": second,
        "main": second,
        "HEAD~1": first,
        "v1": first,
        "light": first,
        first[:9]: first,
        "refs/heads/main": second,
        ":/one": first,
        "HEAD^0": second,
    }.items():
        assert gate.resolve(name) == sha


@pytest.mark.parametrize(
    "name",
    [
        "nope",
        "--all",
        "-h",
        "--",
        "",
        "HEAD:a",
        "HEAD^{tree}",
        "main..main",
        "@{upstream}",
        "HEAD~9",
        "f" * 40,
        "ä:ö",
        "a\0b",
        "main\n",
        "\udcff",
        "--output=x",
    ],
)
def test_what_is_no_commit_is_refused_by_name(repo: Repo, name: str) -> None:
    repo.write("a", "1\n")
    repo.commit()
    before = snapshot(repo.path)
    with pytest.raises(GitError, match="is not a commit in this repository") as caught:
        repo.open().resolve(name)
    assert repr(name) in str(caught.value)
    assert snapshot(repo.path) == before


def test_resolve_in_an_empty_repository_says_so(repo: Repo) -> None:
    with pytest.raises(GitError, match="no commits yet"):
        repo.open().resolve("HEAD")


def test_ambiguous_short_sha_is_named_so(repo: Repo) -> None:
    shas = repo.build([Node(time=START + n) for n in range(1200)])  # 65,536 prefixes of four digits: about eleven pairs
    heads = [sha[:4] for sha in shas]
    twice = next(head for head in heads if heads.count(head) > 1)
    with pytest.raises(GitError, match=f"'{twice}' is ambiguous here; give more characters"):
        repo.open().resolve(twice)


def test_a_tag_and_a_branch_of_one_name_resolve_as_in_git(repo: Repo) -> None:
    first = repo.commit("one")
    second = repo.commit("two")
    repo.git("tag", "same", first)
    repo.git("branch", "same", second)
    assert repo.open().resolve("same") == first
    assert repo.open().resolve("refs/heads/same") == second


def test_merge_base_and_unrelated_histories(repo: Repo) -> None:
    shas = repo.build([Node({"a": "1"}), Node({"a": "2"}, [0]), Node({"a": "3"}, [0]), Node({"b": "1"}, message="unrelated")])
    gate = repo.open()
    assert gate.merge_base(shas[1], shas[2]) == shas[0]
    assert gate.merge_base(shas[0], shas[2]) == shas[0]
    with pytest.raises(RangeError, match="no common history; give a base that the change grew from"):
        gate.merge_base(shas[1], shas[3])


def test_default_base(repo: Repo) -> None:
    first = repo.commit("one")
    repo.branch("topic")
    repo.commit("two")
    assert repo.open().default_base() == ("main", first)
    repo.git("update-ref", "refs/remotes/origin/main", first)
    assert repo.open().default_base() == ("origin/main", first)
    repo.git("config", "branch.topic.remote", ".")
    repo.git("config", "branch.topic.merge", "refs/heads/main")
    assert repo.open().default_base() == ("main", first)


def test_no_default_base_is_an_error(repo: Repo) -> None:
    repo.commit()
    repo.git("branch", "-m", "something")
    with pytest.raises(RangeError, match=r"give a range: codex-gate screen BASE\.\.HEAD"):
        repo.open().default_base()


def test_present_commits_needs_no_reachability(repo: Repo) -> None:
    first = repo.commit("one")
    repo.write("a", "1\n")
    second = repo.commit("two")
    repo.git("reset", "-q", "--hard", first)
    blob = repo.git("rev-parse", f"{second}:a")
    assert repo.open().present_commits([second, "1" * 40, blob, first]) == [second, first]
    assert repo.open().present_commits([]) == []


# -- shallow clones ---------------------------------------------------------------------------------------


def test_shallow_edge(make_repo: MakeRepo, tmp_path: Path) -> None:
    origin = make_repo("origin")
    for n in range(4):
        origin.write("a", f"{n}\n")
        origin.commit()
    shas = [m.sha for m in origin.open().log("HEAD")]
    assert origin.open().shallow_edge() == frozenset()
    origin.git("clone", "-q", "--depth=2", origin.path.as_uri(), tmp_path / "clone")
    gate = origin.open(tmp_path / "clone")
    assert gate.is_shallow
    assert gate.shallow_edge() == {shas[2]}
    assert [(m.sha, m.parents) for m in gate.log("HEAD")] == [(shas[2], ()), (shas[3], (shas[2],))]
    with pytest.raises(GitError, match="this clone is shallow, the commit may lie beyond its edge"):
        gate.resolve(shas[0])
    origin.git(
        "-C", tmp_path / "clone", "update-ref", "refs/heads/other", gate.run("commit-tree", EMPTY_TREE, stdin=b"x", extra=origin.environ).decode().strip()
    )
    with pytest.raises(RangeError, match="in this shallow clone; fetch with full depth"):
        gate.merge_base("HEAD", "other")


# -- commits ----------------------------------------------------------------------------------------------


def raw_commit(repo: Repo, author: bytes, committer: bytes = b"C <c@x> 1700000000 +0000", extra: bytes = b"", message: bytes = b"m\n") -> CommitMeta:
    """The meta of a commit object written byte by byte."""
    tree = repo.git("hash-object", "-t", "tree", "-w", "--stdin")
    body = b"tree " + tree.encode() + b"\nauthor " + author + b"\ncommitter " + committer + b"\n" + extra + b"\n" + message
    sha = repo.git("hash-object", "-t", "commit", "-w", "--literally", "--stdin", stdin=body)
    (meta,) = repo.open().metas([sha])
    assert repo.open().log(sha) == [meta]
    return meta


@pytest.mark.parametrize(
    ("author", "key"),
    [
        (b"Ada <Ada@Example.ORG> 1 +0000", "ada@example.org"),
        (b"Ada <> 1 +0000", "ada"),
        (b"<a@x> 1 +0000", "a@x"),
        (b" <> 1 +0000", "(unknown)"),
        (b"garbage", "(unknown)"),
        (b"J\xf6rg <j@x> 1 +0000", "j@x"),
    ],
)
def test_authors_have_an_identity_even_without_name_or_mail(repo: Repo, author: bytes, key: str) -> None:
    assert raw_commit(repo, author).author == key


@pytest.mark.parametrize(
    ("date", "time", "offset"),
    [
        (b"1700000000 +0530", 1_700_000_000, 330),
        (b"1700000000 -0330", 1_700_000_000, -210),
        (b"0 +0000", 0, 0),
        (b"4102444800 +0000", 4_102_444_800, 0),
        (b"253402300799 +0000", MAX_TIME, 0),
        # What follows has no usable author date: the committer's stands in.
        (b"253402300800 +0000", 1_700_000_000, 0),
        (b"99999999999999999999 +0000", 0, 0),  # git itself makes this the epoch
        (b"-100 +0000", 1_700_000_000, 0),
        (b"x", 1_700_000_000, 0),
        (b"", 1_700_000_000, 0),
        (b"1700000001 +051800", 1_700_000_001, 0),
    ],
)
def test_dates_of_every_kind(repo: Repo, date: bytes, time: int, offset: int) -> None:
    meta = raw_commit(repo, b"A <a@x> " + date)
    assert (meta.time, meta.utc_offset) == (time, offset)


def test_without_any_date_time_is_zero(repo: Repo) -> None:
    assert raw_commit(repo, b"garbage", b"garbage").time == 0
    assert raw_commit(repo, b"A <a@x> -5 +0000", b"C <c@x> 9999999999999 +0000").time == 0


def test_messages_of_every_encoding(repo: Repo) -> None:
    who = b"J\xf6rg <j@x> 1 +0000"
    latin = raw_commit(repo, who, extra=b"encoding ISO-8859-1\n", message=b"gr\xfc\xdfe\n")
    assert (latin.name, latin.message) == ("Jörg", "grüße\n")
    assert raw_commit(repo, who, message=b"gr\xfc\xdfe\n").message == "gr\ufffd\ufffde\n"
    assert raw_commit(repo, who, extra=b"encoding KLINGON\n", message=b"gr\xfc\n").message == "gr\ufffd\n"
    assert raw_commit(repo, who, message=b"").message == ""
    assert raw_commit(repo, who, message=b"a\0b\n").message == "a", "git ends a message at NUL"
    assert raw_commit(repo, who, message="tästing\n\nbody \N{PILE OF POO}\r\n".encode()).message == "tästing\n\nbody \N{PILE OF POO}\r\n"


def test_log_gives_parents_before_children_whatever_the_dates(repo: Repo) -> None:
    shas = repo.build([Node(time=START), Node(parents=[0], time=START - 9 * HOUR), Node(parents=[0], time=START + HOUR), Node(parents=[1, 2], time=0)])
    metas = repo.open().log("HEAD")
    assert {m.sha for m in metas} == set(shas)
    place = {m.sha: n for n, m in enumerate(metas)}
    assert all(place[parent] < place[m.sha] for m in metas for parent in m.parents)
    assert metas[-1].parents == (shas[1], shas[2])
    assert [m.sha for m in repo.open().log(stdin=[shas[3], f"^{shas[1]}"])] == [shas[2], shas[3]]


def test_metas_keep_order_and_repeats(repo: Repo) -> None:
    a, b, c = repo.build([Node(message="a"), Node(parents=[0], message="b"), Node(parents=[1], message="c")])
    assert [m.message for m in repo.open().metas([b, c, a, b])] == ["b", "c", "a", "b"]
    assert repo.open().metas([]) == []
    with pytest.raises(GitError):
        repo.open().metas(["1" * 40])


def test_replace_refs_and_grafts_do_not_change_history(repo: Repo) -> None:
    a, b = repo.build([Node({"x": "1"}, message="a"), Node({"x": "2"}, [0], message="b")])
    repo.git("replace", b, a)
    assert repo.open().metas([b])[0].message == "b"
    (repo.path / ".git" / "info").mkdir(exist_ok=True)
    (repo.path / ".git" / "info" / "grafts").write_text(f"{b}\n")
    assert repo.open().metas([b])[0].parents == (a,) and len(repo.open().log(b)) == 2


def test_identity_is_that_of_the_next_commit(repo: Repo) -> None:
    gate = repo.open()
    found = gate.identity({"GIT_AUTHOR_NAME": "Eve", "GIT_AUTHOR_EMAIL": "eve@example.org", "GIT_AUTHOR_DATE": "1700000000 -0330"})
    assert found == ("Eve", "eve@example.org", 1_700_000_000, -210)


def test_author_keys_ignore_case(repo: Repo) -> None:
    repo.commit(author="ADA <ADA@example.org>")
    repo.commit(author=ADA)
    repo.commit(author=BOB)
    assert [m.author for m in repo.open().log("HEAD")] == ["ada@example.org", "ada@example.org", "bob@example.org"]


# -- small things ----------------------------------------------------------------------------------------


def test_is_sha() -> None:
    assert is_sha("0" * 40)
    assert not is_sha("0" * 39)
    assert not is_sha("0" * 40 + "\n")
    assert not is_sha("A" * 40)


@pytest.mark.parametrize(("data", "lines"), [(b"", 0), (b"a", 1), (b"a\n", 1), (b"a\nb", 2), (b"\n", 1), (b"\n\n", 2), (b"a\rb", 1)])
def test_count_lines(data: bytes, lines: int) -> None:
    assert count_lines(data) == lines


def test_blobs(repo: Repo) -> None:
    repo.write("a", b"1\n\0x\n")
    repo.write("empty", "")
    repo.write("big", "x" * 100)
    head = repo.commit()
    ids = {name: repo.git("rev-parse", f"HEAD:{name}") for name in ("a", "empty", "big")}
    gate = repo.open()
    assert gate.blobs([*ids.values(), ZERO_ID, "1" * 40, head, ids["a"]], max_bytes=99) == {ids["a"]: b"1\n\0x\n", ids["empty"]: b""}
    assert gate.blobs([]) == {}


def test_a_stream_that_is_left_early_leaves_no_process(repo: Repo) -> None:
    shas = repo.build([Node({"f": "x\n" * 50_000 + str(n)}, [n - 1] if n else []) for n in range(20)])
    stream: Iterator[tuple[FileChange, ...]] = repo.open().diffs([(sha, None) for sha in shas])
    next(stream)
    assert has_children()
    stream.close()  # type: ignore[attr-defined]
    assert not has_children()


def test_something_else_is_done_while_git_lists_commits(repo: Repo) -> None:
    shas = repo.build([Node({"a": str(n)}, [n - 1] if n else []) for n in range(3)])
    done: list[str] = []
    assert [meta.sha for meta in repo.open().log(stdin=[shas[2]], meanwhile=lambda: done.append("x"))] == shas and done == ["x"]
    with pytest.raises(GitError, match="git log failed: bad object"):
        repo.open().log(stdin=["0" * 40])

    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        repo.open().log(stdin=[shas[2]], meanwhile=stop)
