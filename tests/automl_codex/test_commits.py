"""Commits that were read as rows: the files that name them, what each tells of, and the command that writes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import pytest

from automl_codex import cli, commits, examples, mine
from automl_codex.commits import Reading, Source, of_commit, part_of, readings, sources
from automl_codex.examples import Example
from codex_gate.errors import GitError, UsageError
from codex_gate.taxonomy import KINDS
from codex_gate.types import Commit, FileChange
from tests.conftest import DAY, START, Node, Repo

HEAD = "a" * 40
UNTIL = "2024-06-30"
TRAINING = Path(__file__).parents[2] / "training"
REPOSITORIES = "repository,part,head,until\n"
COMMITS = "repository,sha,drawn,round,kind,second,sure,reason\n"


def listed(folder: Path, *rows: str) -> Path:
    """A folder of these rows of repositories, and no commit."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "repositories.csv").write_text(REPOSITORIES + "".join(f"{row}\n" for row in rows))
    (folder / "commits.csv").write_text(COMMITS)
    return folder


def read_by(folder: Path, *rows: str) -> Path:
    """The same folder with these commits."""
    (folder / "commits.csv").write_text(COMMITS + "".join(f"{row}\n" for row in rows))
    return folder / "commits.csv"


# -- the files -----------------------------------------------------------------------------------------


def test_repositories_and_readings_are_read_by_name_and_sha(tmp_path: Path) -> None:
    folder = listed(tmp_path, f"acme/tool,train,{HEAD},{UNTIL}", f"acme/web,test,{'b' * 40},2025-01-01")
    assert sources(folder) == {
        "acme/tool": Source("acme/tool", "train", HEAD, date(2024, 6, 30)),
        "acme/web": Source("acme/web", "test", "b" * 40, date(2025, 1, 1)),
    }
    path = read_by(folder, f"acme/tool,{'c' * 40},natural,1,LogicErrors,,h,", f'acme/web,{"d" * 40},plain,2,none,TypeErrors,l,"one, two"')
    assert readings(path, sources(folder)) == {
        "c" * 40: Reading("acme/tool", "c" * 40, "natural", "1", "LogicErrors", "", "h", ""),
        "d" * 40: Reading("acme/web", "d" * 40, "plain", "2", "none", "TypeErrors", "l", "one, two"),
    }


def test_a_further_reader_was_not_told_why_a_commit_was_drawn(tmp_path: Path) -> None:
    path = tmp_path / "reader-2.csv"
    path.write_text(f"repository,sha,kind,second,sure,reason\nacme/tool,{HEAD},none,,m,\n")
    assert readings(path, {"acme/tool"}, drawn=False) == {HEAD: Reading("acme/tool", HEAD, "", "", "none", "", "m", "")}
    with pytest.raises(UsageError, match="has columns repository, sha, kind, second, sure, reason; expected repository, sha, drawn, round, kind"):
        readings(path, {"acme/tool"})


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "repositories.csv is missing; expected a CSV file with the columns repository, part, head, until"),
        ("", "repositories.csv has columns none; expected repository, part, head, until"),
        ("repository,head,part,until\n", "has columns repository, head, part, until; expected repository, part, head, until"),
        (f"{REPOSITORIES}acme/tool,train,{HEAD}\n", "repositories.csv, line 2: expected 4 fields"),
        (f"{REPOSITORIES}acme/tool,train,{HEAD},{UNTIL},more\n", "repositories.csv, line 2: expected 4 fields"),
        (f"{REPOSITORIES}acme/tool,train,{HEAD},30.6.2024\n", "line 2: until '30.6.2024' is no day; expected YYYY-MM-DD"),
        (f"{REPOSITORIES}acme/tool,validation,{HEAD},{UNTIL}\n", f"line 2: expected a repository named once, part train or test and a full SHA, got acme/tool, validation, {HEAD}"),
        (f"{REPOSITORIES}acme/tool,train,main,{UNTIL}\n", "line 2: expected a repository named once, part train or test and a full SHA, got acme/tool, train, main"),
        (f"{REPOSITORIES}acme/tool,train,{HEAD},{UNTIL}\nacme/tool,test,{HEAD},{UNTIL}\n", "line 3: expected a repository named once"),
    ],
)  # fmt: skip
def test_a_list_of_repositories_that_is_none_is_refused(tmp_path: Path, content: str | None, said: str) -> None:
    if content is not None:
        (tmp_path / "repositories.csv").write_text(content)
    with pytest.raises(UsageError) as error:
        sources(tmp_path)
    assert said in str(error.value) and str(error.value).startswith(str(tmp_path)) and error.value.exit_code == 2


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (f"acme/other,{HEAD},natural,1,none,,h,", "line 2: aaaaaaaaaaaa of acme/other is of no repository in repositories.csv, no full SHA, or read twice"),
        ("acme/tool,aaaa,natural,1,none,,h,", "line 2: aaaa of acme/tool is of no repository"),
        (f"acme/tool,{HEAD},natural,1,none,,h,\nacme/tool,{HEAD},natural,1,none,,h,", "line 3: aaaaaaaaaaaa of acme/tool is of no repository"),
        (f"acme/tool,{HEAD},natural,first,none,,h,", "line 2: round 'first' is no number"),
        (f"acme/tool,{HEAD},natural,1,Others,,h,", "line 2: kind 'Others', second '', sure 'h'; expected one of the 19 kinds, one or none, and h, m or l"),
        (f"acme/tool,{HEAD},natural,1,,,h,", "line 2: kind '', second '', sure 'h'"),
        (f"acme/tool,{HEAD},natural,1,none,Others,h,", "line 2: kind 'none', second 'Others', sure 'h'"),
        (f"acme/tool,{HEAD},natural,1,none,,sure,", "line 2: kind 'none', second '', sure 'sure'"),
        (f"acme/tool,{HEAD},natural,1,none,,h", "commits.csv, line 2: expected 8 fields"),
        (f"acme/tool,{HEAD},natural,1,none,,h,why,more", "commits.csv, line 2: expected 8 fields"),
    ],
)  # fmt: skip
def test_a_reading_that_is_none_is_refused(tmp_path: Path, row: str, said: str) -> None:
    with pytest.raises(UsageError) as error:
        readings(read_by(tmp_path, row), {"acme/tool"})
    assert said in str(error.value) and error.value.exit_code == 2


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (REPOSITORIES.encode() + b"acme/t\xfcol,train,x,y\n", r"cannot be read as CSV \('utf-8' codec can't decode byte 0xfc"),
        (REPOSITORIES.encode() + b"acme/tool,train,x," + b"9" * 200_000 + b"\n", r"cannot be read as CSV \(field larger than field limit"),
        (b"\xff\xfe", "cannot be read as CSV"),
    ],
)
def test_a_file_that_is_no_text_or_no_csv_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "repositories.csv").write_bytes(content)
    with pytest.raises(UsageError, match=f"repositories.csv {said}"):
        sources(tmp_path)


def test_the_readings_that_are_kept_here_are_well_formed_and_of_repositories_that_may_be_learned_from() -> None:
    folder = TRAINING / "categories"
    known = sources(folder)
    mine.refuse_off_limits(list(known), TRAINING / "off-limits.txt")
    first = readings(folder / "commits.csv", known)
    further = [readings(path, known, drawn=False) for path in sorted(folder.glob("reader-*.csv"))]
    assert {reading.kind for reading in first.values()} == set(KINDS)
    assert further and all(
        found and found.keys() <= first.keys() and all(first[sha].repository == one.repository for sha, one in found.items()) for found in further
    )


# -- one commit ----------------------------------------------------------------------------------------

TOOL = Source("acme/tool", "train", HEAD, date(2024, 6, 30))


def commit(message: str | None = "fix it", *files: FileChange) -> Commit:
    return Commit(HEAD, ("b" * 40,), "ada", START, 0, message, files or (changed("src/a.py", b"@@ -1 +1 @@\n-old\n+new"),))


def changed(path: str, patch: bytes) -> FileChange:
    return FileChange(path, path, "M", 0o100644, 0o100644, "1" * 40, "2" * 40, patch.count(b"\n+"), patch.count(b"\n-"), patch)


def row(name: str, before: str, after: str, message: str, defect: str, category: str | None) -> Example:
    return Example(f"acme/tool@{HEAD}:{name}", "acme/tool", "train", "src/a.py", before, after, message, defect, category)


def test_a_repair_tells_of_three_changes_and_its_message_only_where_the_way_is_not_asked() -> None:
    assert list(of_commit(commit(), TOOL, "TypeErrors", True)) == [
        row("said", "old", "new", "fix it", "unknown", "TypeErrors"),
        row("code", "old", "new", "", "correct", "TypeErrors"),
        row("back", "new", "old", "", "buggy", "TypeErrors"),
    ]


def test_what_is_about_no_defect_does_not_say_which_way_it_goes() -> None:
    assert list(of_commit(commit(), TOOL, "none", False)) == [
        row("said", "old", "new", "fix it", "unknown", "none"),
        row("code", "old", "new", "", "unknown", "none"),
    ]


def test_what_nobody_read_has_no_kind() -> None:
    said = row("said", "old", "new", "fix it", "unknown", None)
    assert list(of_commit(commit(), TOOL, None, False)) == [said]
    assert list(of_commit(commit(), TOOL, None, True)) == [said, row("code", "old", "new", "", "correct", None), row("back", "new", "old", "", "buggy", None)]


def test_a_change_that_touches_no_readable_program_text_tells_nothing() -> None:
    assert list(of_commit(commit("fix it", changed("tests/test_a.py", b"@@\n+x"), changed("README.md", b"@@\n+x")), TOOL, "TypeErrors", True)) == []


def test_lines_that_only_moved_have_no_way_back() -> None:
    moved = commit("fix it", changed("src/a.py", b"@@ -1,2 +1,2 @@\n-same\n x\n+same"))
    assert [found.row_id.partition(":")[2] for found in of_commit(moved, TOOL, "TypeErrors", True)] == ["said"]


def test_sides_and_messages_are_kept_up_to_their_bounds() -> None:
    long = commit("m" * 5000, changed("src/a.py", b"@@\n-" + b"a" * 900 + b"\n-a" * 3000 + b"\n+" + b"b" * 900 + b"\n+b" * 3000))
    said, code, back = of_commit(long, TOOL, "TypeErrors", True)
    assert (len(said.message), len(said.before), len(said.after)) == (commits.MAX_MESSAGE, commits.MAX_SIDE, commits.MAX_SIDE)
    assert (back.before, back.after) == (code.after, code.before) and list(of_commit(commit(None), TOOL, None, False)) == []


@pytest.mark.parametrize(
    ("lines", "files", "readable"), [(1, 1, True), (150, 1, True), (151, 1, False), (1, 15, True), (1, 16, False)]
)  # fmt: skip
def test_what_somebody_would_read_is_neither_large_nor_without_program_text(lines: int, files: int, readable: bool) -> None:
    given = [changed("src/a.py", b"@@" + b"\n+x" * lines), *(changed(f"doc/{n}.md", b"@@" + b"\n+x" * 999) for n in range(files - 1))]
    assert commits.is_readable(given) is readable and not commits.is_readable(given[1:])


def test_repositories_of_the_test_stay_there_and_a_share_of_the_others_is_for_validation() -> None:
    assert part_of(replace(TOOL, part="test")) == "test"
    parts = [part_of(replace(TOOL, repository=f"owner/name-{number}")) for number in range(2000)]
    assert set(parts) == {"train", "validation"}
    assert abs(parts.count("validation") / 2000 - 0.15) < 0.03  # nearly four standard deviations
    assert parts[:50] == [part_of(replace(TOOL, repository=f"owner/name-{number}")) for number in range(50)]


# -- of a repository -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class History:
    """A clone, its SHAs in order, and the folder of CSV files beside the list of what is off limits."""

    clones: Path
    shas: list[str]
    folder: Path

    def rows(self, environ: dict[str, str], unread: int = 0, seed: int = 1) -> list[Example]:
        return list(commits.read(self.folder, self.clones, unread, seed, environ, self.folder.parent / "off-limits.txt"))


def lines(*names: str) -> str:
    return "".join(f"{name}\n" for name in names)


BIG = lines(*(f"x{number}" for number in range(60)))
HUGE = lines(*(f"y{number}" for number in range(200)))
NODES = (
    Node({"src/a.py": lines("open", "read"), "tests/test_a.py": "one\n", "README.md": "hello\n"}, message="start"),
    Node({"src/a.py": lines("open", "read", "close"), "README.md": "closed\n"}, (0,), message="fix leak in reader\n\nIt was never closed."),
    Node({"src/a.py": lines("open", "load", "close")}, (1,), message="rename things"),
    Node({"tests/test_a.py": "two\n"}, (2,), message="fix wrong test"),
    Node({"src/a.py": lines("open", "load", "flush", "close")}, (3,), message="fix crash when the list is empty"),
    Node({"src/b.py": lines("feature")}, (4,), message="add a feature"),
    Node({"src/c.py": BIG}, (5,), message="fix wrong total in report"),
    Node({"src/d.py": HUGE}, (6,), message="fix crash in everything"),
    Node({"README.md": "bye\n"}, (7,), message="update words"),
    Node({"src/b.py": lines("feature", "last")}, (8,), time=START + 181 * DAY + 86_399, message="fix wrong end of the feature"),  # 2024-06-30, one second to go
    Node({"src/b.py": lines("feature", "later")}, (9,), time=START + 182 * DAY, message="fix wrong end of June"),
    Node({"src/b.py": lines("feature", "beyond the head")}, (10,), message="fix wrong thing beyond the head"),
)


@pytest.fixture
def history(tmp_path: Path, make_repo: Callable[..., Repo]) -> History:
    """Three commits of acme/tool that were read: a repair, a renaming, a repair of a test."""
    shas = make_repo("clones/acme+tool").build(NODES)
    folder = listed(tmp_path / "training" / "categories", f"acme/tool,train,{shas[10]},{UNTIL}")
    read_by(
        folder,
        f"acme/tool,{shas[3]},natural,1,LogicErrors,,l,",
        f"acme/tool,{shas[1]},natural,1,ResourceLeaks,,h,",
        f"acme/tool,{shas[2]},plain,2,none,,m,",
    )
    (tmp_path / "training" / "off-limits.txt").write_text("# none of these\nother/*\n")
    return History(tmp_path / "clones", shas, folder)


def told(rows: Sequence[Example]) -> dict[str, tuple[str, str, str, str, str | None]]:
    return {row.row_id: (row.before, row.after, row.message.partition("\n")[0], row.defect, row.category) for row in rows}


def test_commits_that_were_read_become_rows_with_what_was_read_off_them(history: History, git_environ: dict[str, str]) -> None:
    _, leak, rename, *_ = (f"acme/tool@{sha}" for sha in history.shas)
    found = history.rows(git_environ)
    assert told(found) == {
        f"{leak}:said": ("", "close", "fix leak in reader", "unknown", "ResourceLeaks"),
        f"{leak}:code": ("", "close", "", "correct", "ResourceLeaks"),
        f"{leak}:back": ("close", "", "", "buggy", "ResourceLeaks"),
        f"{rename}:said": ("read", "load", "rename things", "unknown", "none"),
        f"{rename}:code": ("read", "load", "", "unknown", "none"),
    }
    assert {(row.lineage, row.part, row.path) for row in found} == {("acme/tool", "train", "src/a.py")}
    assert next(row.message for row in found if row.row_id == f"{leak}:said") == "fix leak in reader\n\nIt was never closed."


def test_the_first_commit_of_a_repository_is_read_against_nothing(history: History, git_environ: dict[str, str]) -> None:
    read_by(history.folder, f"acme/tool,{history.shas[0]},natural,1,none,,h,")
    assert [(row.before, row.after, row.category) for row in history.rows(git_environ)] == [("", "open\nread", "none")] * 2


def test_unread_commits_stand_beside_them_without_a_kind(history: History, git_environ: dict[str, str]) -> None:
    *_, crash, feature, big, _, _, last, _, _ = (f"acme/tool@{sha}" for sha in history.shas)
    read, found = history.rows(git_environ), history.rows(git_environ, unread=99)
    assert set(read) < set(found)
    # neither the root, nor what is too large, nor what touches no program text, nor what is after the day or the head
    assert told([row for row in found if row not in read]) == {
        f"{crash}:said": ("", "flush", "fix crash when the list is empty", "unknown", None),
        f"{crash}:code": ("", "flush", "", "correct", None),
        f"{crash}:back": ("flush", "", "", "buggy", None),
        f"{feature}:said": ("", "feature", "add a feature", "unknown", None),
        f"{big}:said": ("", BIG.removesuffix("\n"), "fix wrong total in report", "unknown", None),  # a large repair is not turned round
        f"{last}:said": ("", "last", "fix wrong end of the feature", "unknown", None),
        f"{last}:code": ("", "last", "", "correct", None),
        f"{last}:back": ("last", "", "", "buggy", None),
    }


def test_of_the_unread_two_thirds_are_repairs_drawn_by_seed(history: History, make_repo: Callable[..., Repo], git_environ: dict[str, str]) -> None:
    nodes = [Node({"a.py": f"{n}\n"}, (n - 1,) if n else (), time=START + n, message=f"fix crash {n}" if n % 2 else f"say {n}") for n in range(41)]
    shas = make_repo("clones/acme+long").build(nodes)
    repo, source = commits.opened(history.clones, "acme/long", git_environ), Source("acme/long", "train", shas[-1], date(2024, 6, 30))
    drawn = {seed: list(commits.unread(repo, source, set(shas[1:11]), 9, seed)) for seed in (1, 2)}
    assert [fix for _, fix in drawn[1]] == [True] * 6 + [False] * 3
    assert all(("fix" in (found.message or "")) is fix for found, fix in drawn[1]) and not {found.sha for found, _ in drawn[1]} & {*shas[:11]}
    assert list(commits.unread(repo, source, set(shas[1:11]), 9, 1)) == drawn[1] != drawn[2]
    assert list(commits.unread(repo, source, set(), 0, 1)) == []


def test_a_repository_of_the_test_gives_no_unread_rows(history: History, git_environ: dict[str, str]) -> None:
    path = history.folder / "repositories.csv"
    path.write_text(path.read_text().replace(",train,", ",test,"))
    found = history.rows(git_environ, unread=99)
    assert len(found) == 5 and {row.part for row in found} == {"test"}


def test_a_bare_clone_below_its_folder_is_found_as_well(tmp_path: Path, history: History, git_environ: dict[str, str], make_repo: Callable[..., Repo]) -> None:
    before = history.rows(git_environ, unread=99)
    (tmp_path / "bare" / "acme+tool").mkdir(parents=True)
    make_repo("x").git("clone", "-q", "--bare", str(history.clones / "acme+tool"), str(tmp_path / "bare" / "acme+tool" / "repo"))
    assert replace(history, clones=tmp_path / "bare").rows(git_environ, unread=99) == before


def test_a_repository_that_nobody_read_anything_of_gives_its_unread_rows(history: History, git_environ: dict[str, str]) -> None:
    read_by(history.folder)
    assert history.rows(git_environ) == [] and len(history.rows(git_environ, unread=99)) == 8 + 3 + 1  # the repair is one, the renaming said of nothing


def test_a_repository_that_is_off_limits_is_refused_before_it_is_looked_at(tmp_path: Path, history: History, git_environ: dict[str, str]) -> None:
    listing = tmp_path / "training" / "off-limits.txt"
    listing.write_text("ACME/*\n")
    with pytest.raises(UsageError, match=r"acme/tool is off limits \(acme/\* in .*off-limits.txt\); take it out of the corpus"):
        replace(history, clones=tmp_path / "none").rows(git_environ)
    listing.unlink()
    with pytest.raises(UsageError, match=r"off-limits.txt is missing; without it nothing is mined"):
        history.rows(git_environ)


def test_a_missing_clone_is_named(tmp_path: Path, history: History, git_environ: dict[str, str]) -> None:
    with pytest.raises(UsageError, match=r"none/acme\+tool is missing; clone acme/tool there"):
        replace(history, clones=tmp_path / "none").rows(git_environ)


def test_a_commit_that_the_clone_does_not_hold_is_refused(history: History, git_environ: dict[str, str]) -> None:
    read_by(history.folder, f"acme/tool,{HEAD},natural,1,none,,h,")
    with pytest.raises(GitError) as error:
        history.rows(git_environ)
    assert HEAD in str(error.value) and error.value.exit_code == 2


# -- the command ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ([], "there is nothing to make rows of; give --input, --commits, or both"),
        (["--commits", "categories"], "--commits names commits of repositories; give --clones, the folder that holds their clones"),
        (["--commits", "categories", "--clones", "clones", "--unread", "-1"], "unread must be >= 0, got -1"),
        (["--commits", "categories", "--clones", "clones"], "categories/repositories.csv is missing; expected a CSV file with the columns"),
        (["--input", "none"], "none holds no stage data"),
        (["--input", "none", "--unread", "5"], "--unread draws from the repositories of --commits; give --commits as well"),
    ],
)
def test_wrong_use_is_one_sentence_and_writes_nothing(
    tmp_path: Path, flags: list[str], said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["rows", *flags, "--output", "rows"]) == 2
    told = capsys.readouterr()
    assert said in told.err and told.err.count("\n") == 1 and told.out == "" and list(tmp_path.iterdir()) == []


def test_the_command_writes_what_teach_and_logits_read(
    tmp_path: Path, history: History, git_environ: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["rows", "--commits", str(history.folder), "--clones", str(history.clones)]
    assert cli.main([*given, "--output", str(tmp_path / "read")]) == 0
    assert f"5 rows written to {tmp_path / 'read'} (train 5, validation 0, test 0)" in capsys.readouterr().err
    assert examples.read(tmp_path / "read") == history.rows(git_environ)
    assert cli.main([*given, "--unread", "99", "--seed", "1", "--output", str(tmp_path / "all")]) == 0
    assert examples.read(tmp_path / "all") == history.rows(git_environ, unread=99, seed=1)


def test_rows_of_several_folders_are_put_together_and_each_text_stands_once(tmp_path: Path, history: History, capsys: pytest.CaptureFixture[str]) -> None:
    pairs = [Example("m:python", "seed", "validation", "program.py", "a + b", "a - b", "", "buggy", "LogicErrors")]
    torn = Example("o:rust", "seed", "test", "src/a.py", "", "close", "", "buggy", "ApiMisuse")  # the same text as the repair, labelled otherwise
    examples.write_rows(tmp_path / "one" / examples.ROWS, pairs)
    examples.write_rows(tmp_path / "two" / examples.ROWS, [torn, *pairs])
    given = ["rows", "--input", str(tmp_path / "one"), "--input", str(tmp_path / "two"), "--commits", str(history.folder), "--clones", str(history.clones)]
    assert cli.main([*given, "--output", str(tmp_path / "rows")]) == 0
    assert "5 rows written to" in capsys.readouterr().err
    found = examples.read(tmp_path / "rows")
    assert found[0] == pairs[0] and [row.row_id.partition(":")[2] for row in found[1:]] == ["said", "back", "said", "code"]


def test_a_folder_without_a_row_is_not_written(tmp_path: Path, history: History, capsys: pytest.CaptureFixture[str]) -> None:
    read_by(history.folder)
    assert cli.main(["rows", "--commits", str(history.folder), "--clones", str(history.clones), "--output", str(tmp_path / "rows")]) == 2
    assert "no row came of them; name more commits, or give --unread" in capsys.readouterr().err and not (tmp_path / "rows").exists()
