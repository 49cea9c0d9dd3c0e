import gzip
import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from automl_codex import cli, mine, tables
from codex_gate import szz
from codex_gate.errors import UsageError
from codex_gate.features import FEATURE_NAMES
from codex_gate.git import Repository
from codex_gate.globs import Filter
from tests.conftest import DAY, START, Node

A, B, C = "a" * 40, "b" * 40, "c" * 40


DAMAGED = gzip.compress(f"sha,buggy\n{A},1\n".encode())[:10] + b"\xff" * 40  # the head of a gzip file, and nonsense


def csv(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_labels_with_and_without_fix_times(tmp_path: Path) -> None:
    labels = mine.read_labels(csv(tmp_path / "l.csv", f"sha,buggy,fix_time\n{A},1,1500.0\n{B},0,\n{C.upper()},True,\n"))
    assert labels == {A: mine.Label(True, 1500), B: mine.Label(False, None), C: mine.Label(True, None)}


def test_gzip_and_project_and_the_other_name_of_the_fix_column(tmp_path: Path) -> None:
    path = tmp_path / "l.csv.gz"
    with gzip.open(path, "wt") as stream:
        stream.write(f"project,sha,buggy,first_fix_time\none,{A},1,9\ntwo,{B},1,8\n")
    assert mine.read_labels(path, "two") == {B: mine.Label(True, 8)}


@pytest.mark.parametrize(
    ("text", "project", "says"),
    [
        ("sha,label\n", None, "has columns sha, label; expected sha and buggy"),
        ("", None, "has columns none"),
        ("buggy\n1\n", None, "expected sha and buggy"),
        (f"sha,buggy\n{A},1\n", "one", "no column project"),
        ("sha,buggy\nxyz,1\n", None, r"line 2: sha 'xyz'"),
        (f"sha,buggy\n{A[:12]},1\n", None, "expected 40 hex digits"),
        (f"sha,buggy\n{A},maybe\n", None, "buggy 'maybe'; expected 40 hex digits and 0 or 1"),
        (f"sha,buggy,fix_time\n{A},1,soon\n", None, "line 2: fix_time 'soon' is no Unix time"),
        (f"sha,buggy,fix_time\n{A},1,inf\n", None, "line 2: fix_time 'inf' is no Unix time; expected seconds since 1970"),
        (f"sha,buggy,fix_time\n{A},1,-5\n", None, "line 2: fix_time '-5' is no Unix time"),
        (f"sha,buggy,fix_time\n{A},1,1700000000000\n", None, "line 2: fix_time '1700000000000' is no Unix time"),
        (f"sha,buggy,first_fix_time\n{A},1,5\n{B},0,1500\n", None, "line 3: buggy is 0, but first_fix_time is 1500; what needed no fix has none"),
        (f"sha,buggy\n{A},1\n{A},0\n", None, "line 3: a{40} was labelled both ways"),
        ("sha,buggy\n", None, "holds no labels"),
        (f"project,sha,buggy\none,{A},1\n", "two", "holds no labels for project two"),
    ],
)
def test_unfit_labels_are_refused(tmp_path: Path, text: str, project: str | None, says: str) -> None:
    path = csv(tmp_path / "l.csv", text)
    with pytest.raises(UsageError, match=says) as caught:
        mine.read_labels(path, project)
    assert str(path) in str(caught.value)


def test_labels_of_a_spreadsheet_that_marks_its_encoding_are_read(tmp_path: Path) -> None:
    path = tmp_path / "l.csv"
    path.write_text(f"sha,buggy\n{A},1\n", "utf-8-sig")
    assert mine.read_labels(path) == {A: mine.Label(True, None)}


def test_missing_label_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none\.csv does not exist"):
        mine.read_labels(tmp_path / "none.csv")


@pytest.mark.parametrize("times", [(900, 500), (500, 900), ("", 500), (500, "")])
def test_of_a_commit_that_is_listed_twice_the_first_fix_counts(tmp_path: Path, times: tuple[object, object]) -> None:
    text = "sha,buggy,fix_time\n" + "".join(f"{A},1,{time}\n" for time in times)
    assert mine.read_labels(csv(tmp_path / "l.csv", text)) == {A: mine.Label(True, 500)}


def test_repeated_equal_labels_are_one(tmp_path: Path) -> None:
    assert len(mine.read_labels(csv(tmp_path / "l.csv", f"sha,buggy\n{A},1\n{A},1\n"))) == 1


@pytest.mark.parametrize("name", ["psf/black", "PSF/Black", "openstack/nova", "apache/commons-lang"])
def test_off_limits_repository_is_refused(tmp_path: Path, name: str) -> None:
    listing = csv(tmp_path / "off.txt", "# comment\npsf/black\n\nopenstack/*\napache/commons-*\n")
    with pytest.raises(UsageError, match="is off limits"):
        mine.refuse_off_limits(["fine/fine", name], listing)


@pytest.mark.parametrize("name", ["psf/blackened", "apache/camel", "openstackers/x", "# comment"])
def test_other_repository_is_not_refused(tmp_path: Path, name: str) -> None:
    mine.refuse_off_limits([name], csv(tmp_path / "off.txt", "# comment\npsf/black\nopenstack/*\napache/commons-*\n"))


def test_without_a_list_nothing_ships(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is missing"):
        mine.refuse_off_limits(["a/b"], tmp_path / "off.txt")


def test_shipped_corpus_keeps_to_the_list() -> None:
    folder = Path(__file__).parents[2] / "training"
    entries = mine.read_corpus(folder / "corpus.yaml")
    listing = folder / "off-limits.txt"
    for entry in [*entries, *mine.read_corpus(folder / "fresh.yaml")]:
        mine.refuse_off_limits([entry["repository"], entry["clone"]], listing)
    assert {path.parent for path in folder.rglob("*.yaml") if "\nprojects:" in path.read_text("utf-8")} == {listing.parent}, (
        "mine reads the list beside a corpus"
    )
    assert {e["role"] for e in entries} == {"train", "holdout"}
    ends = {"apachejit_labels_to_2016.csv.gz": date(2016, 12, 31), "issta21_kamei.csv.gz": date(2018, 12, 31), None: date(2025, 1, 31)}
    assert all(e["until"] <= ends[e.get("labels")] for e in entries)
    assert {e["project"] for e in entries if e["role"] == "holdout"} == {"jdt", "gerrit", "qtbase", "qtdeclarative"}
    assert all(e["repository"].startswith("apache/") == ("labels" in e and e["role"] == "train") for e in entries if e["role"] == "train")
    assert next(e for e in entries if e["project"] == "activemq")["until"] == date(2014, 3, 30)


@pytest.fixture
def history(make_repo):
    """Three commits, a day apart: add, change, change again."""
    repo = make_repo()
    shas = []
    for day in range(3):
        repo.write("src/a.py", "x = 1\n" * (day + 1))
        shas.append(repo.commit(f"step {day}", date=1_300_000_000 + day * 86_400))
    return repo, shas


def test_features_of_labelled_commits_alone(history) -> None:
    repo, shas = history
    labels = {shas[0]: mine.Label(False, None), shas[2]: mine.Label(True, 1_400_000_000), "d" * 40: mine.Label(True, None)}
    said: list[str] = []
    rows = list(mine.mine(repo.open(), labels, None, said.append))
    assert [(r.sha, r.buggy, r.fix_time) for r in rows] == [(shas[0], False, None), (shas[2], True, 1_400_000_000)]
    assert set(rows[1].features) == set(FEATURE_NAMES)
    assert (rows[0].features["nuc"], rows[1].features["nuc"], rows[1].features["lt"], rows[1].features["la"]) == (0.0, 1.0, 2.0, 1.0)
    assert said[0].startswith("1 of 3 labelled commits are not in this clone")


def test_labels_after_the_end_are_not_used(history) -> None:
    repo, shas = history
    labels = {sha: mine.Label(False, None) for sha in shas}
    assert [r.sha for r in mine.mine(repo.open(), labels, 1_300_000_000 + 86_400)] == shas[:2]


def corpus_of(folder: Path, repo_path: Path, shas: list[str], repository: str = "org/tool") -> None:
    csv(folder / "off-limits.txt", "psf/black\n")
    csv(folder / "labels.csv", "project,sha,buggy\n" + "".join(f"tool,{sha},0\n" for sha in shas))
    clones = folder / "clones"
    clones.mkdir(exist_ok=True)
    os.symlink(repo_path, clones / "org+tool")
    entry = f"{{project: tool, repository: {repository}, clone: org/tool, labels: labels.csv, until: 2011-03-14, role: train}}"
    csv(folder / "corpus.yaml", f"projects:\n  - {entry}\n")


def test_a_fix_long_before_the_commit_is_refused_with_its_line(history, tmp_path: Path, capsys) -> None:
    repo, shas = history
    time = 1_300_000_000 + 86_400
    labels = csv(tmp_path / "l.csv", f"project,sha,buggy,fix_time\nx,{shas[1]},1,5\nrepo,{shas[0]},0,\nrepo,{shas[1].upper()},1,{time - 86_401}\n")
    command = ["mine", str(repo.path), "--project", "repo", "--labels", str(labels), "--output", str(tmp_path / "data")]
    assert cli.main(command) == 2
    assert f"l.csv, line 4: the fix of {shas[1][:12]} is dated before the commit itself (2011-03-13 and 2011-03-14)" in capsys.readouterr().err
    assert not list((tmp_path / "data").glob("*"))


def test_a_fix_less_than_a_day_before_the_commit_is_a_clock_and_taken(history, tmp_path: Path) -> None:
    """As in ApacheJIT, up to nine hours."""
    repo, shas = history
    labels = csv(tmp_path / "l.csv", f"sha,buggy,fix_time\n{shas[1]},1,{1_300_000_000 + 86_400 - 32_400}\n{A},1,1\n")
    assert cli.main(["mine", str(repo.path), "--labels", str(labels), "--output", str(tmp_path / "data")]) == 0
    assert tables.read(tmp_path / "data").fix_time.tolist() == [1_300_054_000]


def test_corpus_is_mined_up_to_its_end_and_kept_afterwards(history, tmp_path: Path) -> None:
    repo, shas = history  # 2011-03-13, 14 and 15
    folder = tmp_path / "corpus"
    folder.mkdir()
    corpus_of(folder, repo.path, shas)
    said: list[str] = []
    mine.mine_corpus(folder / "corpus.yaml", folder / "clones", folder, folder / "data", said.append)
    assert tables.read(folder / "data").sha256.tolist() == [tables.hash_sha(sha) for sha in shas[:2]]
    os.utime(folder / "corpus.yaml", (1, 1))
    mine.mine_corpus(folder / "corpus.yaml", folder / "clones", folder, folder / "data", said.append)
    assert "tool: kept" in said[-1]


def test_corpus_with_a_repository_off_limits_is_refused(history, tmp_path: Path) -> None:
    repo, shas = history
    folder = tmp_path / "corpus"
    folder.mkdir()
    corpus_of(folder, repo.path, shas, "psf/black")
    with pytest.raises(UsageError, match="psf/black is off limits"):
        mine.mine_corpus(folder / "corpus.yaml", folder / "clones", folder, folder / "data", print)
    assert not (folder / "data").exists()


def test_missing_clone_is_named(history, tmp_path: Path) -> None:
    repo, shas = history
    folder = tmp_path / "corpus"
    folder.mkdir()
    corpus_of(folder, repo.path, shas)
    (folder / "clones" / "org+tool").unlink()
    with pytest.raises(UsageError, match=r"org\+tool is no clone"):
        mine.mine_corpus(folder / "corpus.yaml", folder / "clones", folder, folder / "data", print)


def test_command_mines_one_repository(history, tmp_path: Path, capsys) -> None:
    repo, shas = history
    labels = csv(tmp_path / "labels.csv", f"sha,buggy\n{shas[1]},1\n")
    assert cli.main(["mine", str(repo.path), "--labels", str(labels), "--output", str(tmp_path / "data")]) == 0
    assert tables.read(tmp_path / "data").y.tolist() == [1]
    assert "1 rows in" in capsys.readouterr().err


def test_labels_of_no_commit_that_gives_a_row_are_refused_and_an_empty_table_is_not_kept(history, tmp_path: Path, capsys) -> None:
    repo, shas = history
    strangers = csv(tmp_path / "strangers.csv", f"sha,buggy\n{A},1\n{B},0\n")
    command = ["mine", str(repo.path), "--output", str(tmp_path / "data"), "--labels"]
    assert cli.main([*command, str(strangers)]) == 2
    said = capsys.readouterr().err
    assert f"none of the 2 labels in {strangers} is of a commit that lies in {repo.path}; is it the clone that they were made for" in said
    early = csv(tmp_path / "early.csv", f"sha,buggy\n{shas[1]},1\n{B},0\n")
    assert cli.main([*command, str(early), "--since", "2030-01-01"]) == 2
    assert "none of the 2 labels" in (said := capsys.readouterr().err) and "gives a row: 1 are of commits of repo" in said
    assert not (tmp_path / "data").exists()
    job = mine.jobs_of([repo.path], None, early, szz.DEFAULT, None, None)[0]
    (tmp_path / "data").mkdir()
    tables.write(tmp_path / "data" / "repo.parquet", "repo", [], job.recipe())
    assert cli.main([*command, str(early)]) == 0
    assert "kept" not in capsys.readouterr().err and len(tables.read(tmp_path / "data")) == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [(["--labels", "l.csv", "--output", "o"], "name a repository"), (["r", "--corpus", "c", "--labels", "l", "--output", "o"], "no repository")],
)
def test_command_used_wrongly(arguments: list[str], says: str, capsys) -> None:
    assert cli.main(["mine", *arguments]) == 2
    assert says in capsys.readouterr().err


# -- labels by SZZ ----------------------------------------------------------------------------------------

LINES = "".join(f"call_{n}();\n" for n in range(20))


def long_history(n_commits: int, fixes: bool = True) -> list[Node]:
    """A commit a day, each changing the line of the one before; every fifth puts it back and says that it repairs a crash."""
    nodes = [Node({"src/a.c": LINES}, time=START)]
    for at in range(1, n_commits):
        lines = LINES.splitlines(keepends=True)
        if at % 5:
            lines[at // 5 % 20] = f"changed_{at}();\n"
        nodes.append(Node({"src/a.c": "".join(lines)}, (at - 1,), time=START + at * DAY, message="fix a crash" if fixes and at % 5 == 0 else "change"))
    return nodes


def by_sha(folder: Path) -> dict[str, tuple[int, float]]:
    data = tables.read(folder)
    return {sha: (int(y), float(fixed)) for sha, y, fixed in zip(data.sha256, data.y, data.fix_time, strict=True)}


def test_without_labels_szz_labels_the_history(make_repo, tmp_path: Path, capsys) -> None:
    repo = make_repo()
    shas = repo.build(long_history(60))
    assert cli.main(["mine", str(repo.path), "--output", str(tmp_path / "data")]) == 0
    said = capsys.readouterr().err
    assert "repo: 11 of 60 commits are fixes" in said
    assert f"repo: 59 rows in {tmp_path / 'data' / 'repo.parquet'}, 11 of them buggy" in said
    found = by_sha(tmp_path / "data")
    assert set(found) == {tables.hash_sha(sha) for sha in shas[1:]}  # the first commit is no change
    assert found[tables.hash_sha(shas[4])] == (1, START + 5 * DAY)
    assert found[tables.hash_sha(shas[3])][0] == 0
    assert list((tmp_path / "data").iterdir()) == [tmp_path / "data" / "repo.parquet"]


def test_paths_that_are_left_out_count_neither_in_labels_nor_in_measures(make_repo, tmp_path: Path) -> None:
    """The same history with a vendored file that every commit changes, and that half of the fixes alone repair, is the history without it."""
    plain = [replace(node, changes={}) if at % 10 == 0 and at else node for at, node in enumerate(long_history(80))]
    vendored = [replace(node, changes={**node.changes, "vendor/v.c": f"int v = {at};\n" * (at + 1)}) for at, node in enumerate(plain)]
    keep = Filter((), ("vendor/",))

    def rows(nodes: list[Node], keep: Filter | None) -> dict[int, object]:
        repo = make_repo()
        repo.build(nodes)
        opened = repo.open()
        mine.run(mine.Job("x", opened, opened.resolve("HEAD"), keep=keep), tmp_path, lambda _: None)
        found = tables.read(tmp_path)
        names = ("la", "ld", "nf", "nd", "ns", "code_la", "words_added", "pairs_new", "n_hunks", "fixes_sum")
        return {
            int(t): (int(y), float(f), tuple(x)) for t, y, f, x in zip(found.time, found.y, np.nan_to_num(found.fix_time), found.columns(names), strict=True)
        }

    wanted = rows(plain, None)
    assert len(wanted) > 50 and 0 < sum(y for y, *_ in wanted.values()) < 10
    assert rows(vendored, keep) == wanted
    assert rows(vendored, None) != wanted


def test_days_bound_the_rows_and_a_later_fix_still_counts(make_repo, tmp_path: Path) -> None:
    repo = make_repo()
    shas = repo.build(long_history(60))
    assert cli.main(["mine", str(repo.path), "--since", "2024-01-11", "--until", "2024-01-15", "--output", str(tmp_path)]) == 0
    found = by_sha(tmp_path)
    assert set(found) == {tables.hash_sha(sha) for sha in shas[10:15]}
    assert found[tables.hash_sha(shas[14])] == (1, START + 15 * DAY)


def test_of_more_rows_than_asked_for_those_of_the_lowest_hashes_stay(make_repo, tmp_path: Path) -> None:
    repo = make_repo()
    shas = repo.build(long_history(60))
    job = mine.jobs_of([repo.path], None, None, szz.DEFAULT, None, None)[0]
    mine.run(replace(job, most=20), tmp_path, lambda text: None)
    assert sorted(by_sha(tmp_path)) == sorted(map(tables.hash_sha, shas[1:]))[:20]
    assert replace(job, most=20).recipe() != job.recipe()


def test_each_repository_has_its_table_and_one_that_cannot_be_mined_stops_no_other(make_repo, tmp_path: Path, capsys) -> None:
    good, small = make_repo("good"), make_repo("small")
    good.build(long_history(60))
    small.build(long_history(10))
    assert cli.main(["mine", str(small.path), str(good.path), "--output", str(tmp_path / "data")]) == 5
    assert "small: not mined: small has 10 commits; labels by SZZ need at least 50" in capsys.readouterr().err
    assert [p.name for p in (tmp_path / "data").iterdir() if p.suffix == ".parquet"] == ["good.parquet"]


def test_two_repositories_of_one_name_are_refused(make_repo, tmp_path: Path, capsys) -> None:
    paths = [make_repo(f"{place}/tool").path for place in ("here", "there")]
    for path in paths:
        subprocess.run(["git", "-C", path, "commit", "-q", "--allow-empty", "-m", "x"], check=True)
    assert cli.main(["mine", *map(str, paths), "--output", str(tmp_path / "data")]) == 2
    assert "two of the repositories are called tool" in capsys.readouterr().err
    assert cli.main(["mine", *map(str, paths), "--project", "x", "--output", str(tmp_path / "data")]) == 2
    assert "--project x names one table, but 2 repositories" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("nodes", "options", "says"),
    [
        (long_history(60, fixes=False), [], "none of 60 commits says that it repairs a defect; take labels from outside (--labels FILE)\n"),
        (
            long_history(10),
            [],
            "has 10 commits; labels by SZZ need at least 50, for fixes of what was changed earlier: take labels from outside (--labels FILE)\n",
        ),
        (
            long_history(60),
            ["--until", "2024-01-04"],
            "all 3 labelled commits of repo are clean; a model needs both kinds: take a longer period or take labels from outside (--labels FILE)\n",
        ),
        (long_history(60), ["--since", "2034-01-04"], "no commit of repo in this period changes program text; take a longer period\n"),
        (long_history(60), ["--until", "soon"], "'soon' is no day; expected YYYY-MM-DD"),
    ],
)
def test_a_history_that_teaches_nothing_is_refused_with_a_reason(make_repo, tmp_path: Path, capsys, nodes: list[Node], options: list[str], says: str) -> None:
    repo = make_repo()
    repo.build(nodes)
    assert cli.main(["mine", str(repo.path), *options, "--output", str(tmp_path / "data")]) == 2
    said = capsys.readouterr().err
    assert says in said and "Traceback" not in said
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("unit", mine.UNITS)
def test_a_shallow_clone_is_called_one_before_anything_else(make_repo, tmp_path: Path, capsys, unit: str) -> None:
    repo = make_repo()
    repo.build(long_history(60))
    repo.git("clone", "-q", "--depth", "5", f"file://{repo.path}", str(tmp_path / "shallow"))
    assert cli.main(["mine", str(tmp_path / "shallow"), "--unit", unit, "--output", str(tmp_path / "data")]) == 2
    said = capsys.readouterr().err
    assert "this clone is shallow" in said and "git fetch --unshallow" in said and "5 commits" not in said
    assert not list((tmp_path / "data").glob("*"))


def test_a_table_of_outside_labels_is_made_anew_when_the_clone_holds_more(make_repo, tmp_path: Path, capsys) -> None:
    repo = make_repo()
    shas = repo.build(long_history(60))
    labels = csv(tmp_path / "l.csv", "sha,buggy\n" + "".join(f"{sha},{k % 2}\n" for k, sha in enumerate(shas)))
    clone = tmp_path / "clone"
    repo.git("clone", "-q", "--depth", "20", f"file://{repo.path}", str(clone))
    command = ["mine", str(clone), "--labels", str(labels), "--output"]

    def rows(folder: str) -> int:
        assert cli.main([*command, str(tmp_path / folder)]) == 0
        return len(tables.read(tmp_path / folder))

    assert rows("data") == 20
    repo.git("-C", str(clone), "fetch", "-q", "--depth", "40")
    assert rows("data") == 40
    repo.git("-C", str(clone), "fetch", "-q", "--unshallow")
    assert rows("data") == 60
    capsys.readouterr()
    assert rows("data") == 60 and "kept" in capsys.readouterr().err
    assert rows("fresh") == 60
    assert (tmp_path / "fresh" / "clone.parquet").read_bytes() == (tmp_path / "data" / "clone.parquet").read_bytes()
    assert "clone" not in json.loads(tables.recipe_of(tmp_path / "data" / "clone.parquet") or "")


def test_a_table_is_made_anew_when_labelled_commits_arrive_and_one_that_is_silent_of_its_clone_is_kept(make_repo, tmp_path: Path, capsys) -> None:
    """The tables of training/data are silent; some of their labels are of commits in another clone."""
    repo = make_repo()
    shas = repo.build(long_history(60))
    clone, data = tmp_path / "clone", tmp_path / "data"
    repo.git("update-ref", "refs/heads/early", shas[39])
    repo.git("clone", "-q", "--single-branch", "--branch", "early", f"file://{repo.path}", str(clone))
    labels = csv(tmp_path / "l.csv", "sha,buggy\n" + "".join(f"{sha},{k % 2}\n" for k, sha in enumerate(shas)))
    command = ["mine", str(clone), "--labels", str(labels), "--output", str(data)]
    assert cli.main(command) == 0
    assert len(tables.read(data)) == 40
    (job,) = mine.jobs_of([clone], None, labels, mine.szz.DEFAULT, None, None)
    recipe = json.loads(job.recipe())
    assert recipe.pop("clone")
    kept = [tables.LabelledRow(sha, 1_700_000_000, False, None, dict.fromkeys(FEATURE_NAMES, 0.0)) for sha in shas[:7]]
    tables.write(tmp_path / "silent" / "clone.parquet", "clone", kept, json.dumps(recipe, sort_keys=True))
    mine.run(job, tmp_path / "silent", lambda text: None)
    assert len(tables.read(tmp_path / "silent")) == 7
    repo.git("-C", str(clone), "fetch", "-q", "origin", "main")
    assert cli.main(command) == 0
    assert len(tables.read(data)) == 60


@pytest.mark.parametrize("labelled", [False, True])
def test_a_clone_without_contents_is_refused_until_they_are_fetched(make_repo, tmp_path: Path, capsys, labelled: bool) -> None:
    repo = make_repo()
    shas = repo.build(long_history(60))
    repo.git("config", "uploadpack.allowFilter", "true")
    repo.git("clone", "-q", "--filter=blob:none", f"file://{repo.path}", str(tmp_path / "partial"))
    labels = ["--labels", str(csv(tmp_path / "l.csv", "sha,buggy\n" + "".join(f"{sha},1\n" for sha in shas[1:11])))] if labelled else []
    command = ["mine", str(tmp_path / "partial"), *labels, "--output", str(tmp_path / "data")]
    assert cli.main(command) == 2
    n = 10 if labelled else 59
    assert (
        f"the contents of {n} of {n} commits are not in this clone, so nothing can be learned from them; fetch them (git fetch --refetch --no-filter)"
        in capsys.readouterr().err
    )
    repo.git("-C", str(tmp_path / "partial"), "fetch", "-q", "--refetch", "--no-filter")
    assert cli.main(command) == 0
    assert len(tables.read(tmp_path / "data")) == n


def test_a_commit_that_git_cannot_diff_is_left_to_what_is_known(make_repo, tmp_path: Path, capsys) -> None:
    repo = make_repo()
    for at in range(60):
        repo.write("src/a.c", LINES + f"changed_{at}();\n")
        repo.commit("fix a crash" if at % 5 == 0 else "change")
    repo.loose("HEAD~20:src/a.c").unlink()
    assert cli.main(["mine", str(repo.path), "--output", str(tmp_path / "data")]) == 0
    assert len(tables.read(tmp_path / "data")) == 57  # without the root and the two whose diff needs the lost blob
    repo.loose("HEAD~30^{tree}").unlink()
    assert cli.main(["mine", str(repo.path), "--output", str(tmp_path / "other")]) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_a_table_of_the_same_history_is_kept_and_one_of_another_made_anew(make_repo, tmp_path: Path, capsys) -> None:
    repo = make_repo()
    repo.build(long_history(60))
    command = ["mine", str(repo.path), "--output", str(tmp_path)]
    assert cli.main(command) == 0
    before = (tmp_path / "repo.parquet").stat().st_mtime_ns
    assert cli.main(command) == 0
    assert "kept" in capsys.readouterr().err
    assert (tmp_path / "repo.parquet").stat().st_mtime_ns == before
    assert cli.main([*command, "--szz", "b"]) == 0
    assert json.loads(tables.recipe_of(tmp_path / "repo.parquet") or "")["szz"] == "b"


def test_a_table_of_older_measures_gives_its_labels_for_the_new_one(make_repo, tmp_path: Path, monkeypatch, capsys) -> None:
    repo = make_repo()
    repo.build(long_history(60))
    command = ["mine", str(repo.path), "--output", str(tmp_path)]
    assert cli.main(command) == 0
    wanted = (tmp_path / "repo.parquet").read_bytes()
    (tmp_path / "repo.parquet").unlink()
    with monkeypatch.context() as patch:
        for module in (mine, tables):
            patch.setattr(module, "FEATURE_SCHEMA", 1)
        assert cli.main(command) == 0
    monkeypatch.setattr(mine.szz, "label", lambda *_: 1 / 0)  # labels are not made again
    assert cli.main(command) == 0
    assert "whose measures are of another schema" in capsys.readouterr().err and (tmp_path / "repo.parquet").read_bytes() == wanted
    (tmp_path / "repo.parquet").write_bytes(b"")
    with pytest.raises(ZeroDivisionError):
        mine.run(mine.jobs_of([repo.path], None, None, mine.szz.DEFAULT, None, None)[0], tmp_path, lambda _: None)


@pytest.mark.parametrize("entries", [1, 4, 12, 13, 40])
def test_interrupted_mining_goes_on_and_ends_in_the_same_bytes(make_repo, tmp_path: Path, monkeypatch, entries: int) -> None:
    repo = make_repo()
    repo.build(long_history(60))
    assert cli.main(["mine", str(repo.path), "--output", str(tmp_path / "whole")]) == 0

    added = 0
    add = mine.Journal.add

    def dies(self: mine.Journal, kind: str, value: object) -> None:
        nonlocal added
        if added == entries:
            raise KeyboardInterrupt
        added += 1
        add(self, kind, value)

    with monkeypatch.context() as patch:
        patch.setattr(mine.Journal, "add", dies)
        assert cli.main(["mine", str(repo.path), "--output", str(tmp_path / "parts")]) == 130
    assert not (tmp_path / "parts" / "repo.parquet").exists()
    assert cli.main(["mine", str(repo.path), "--output", str(tmp_path / "parts")]) == 0
    assert (tmp_path / "parts" / "repo.parquet").read_bytes() == (tmp_path / "whole" / "repo.parquet").read_bytes()
    assert [p.name for p in (tmp_path / "parts").iterdir()] == ["repo.parquet"]


KILL = """
import os, signal, sys
from automl_codex import cli, journal
add, left = journal.Journal.add, [int(sys.argv[1])]
def dies(self, kind, value):
    left[0] -= 1
    if left[0] < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    add(self, kind, value)
journal.Journal.add = dies
cli.main(sys.argv[2:])
"""


def test_killed_mining_loses_the_entry_in_flight_alone(make_repo, tmp_path: Path, capsys) -> None:
    repo = make_repo()
    repo.build(long_history(60))
    command = ["mine", str(repo.path), "--output", str(tmp_path / "parts")]
    killed = subprocess.run([sys.executable, "-c", KILL, "30", *command], stderr=subprocess.DEVNULL)
    assert killed.returncode == -signal.SIGKILL
    assert len((tmp_path / "parts" / "repo.journal").read_bytes().splitlines()) == 30
    assert cli.main(command) == 0
    assert "going on behind 29 entries" in capsys.readouterr().err
    assert cli.main([*command[:-1], str(tmp_path / "whole")]) == 0
    assert (tmp_path / "parts" / "repo.parquet").read_bytes() == (tmp_path / "whole" / "repo.parquet").read_bytes()


def szz_corpus(folder: Path, repo_path: Path, entry: str) -> list[str]:
    """A corpus of one project; the arguments of the command that mines it."""
    folder.mkdir()
    csv(folder / "off-limits.txt", "psf/black\n")
    (folder / "clones").mkdir()
    os.symlink(repo_path, folder / "clones" / "org+tool")
    csv(folder / "corpus.yaml", f"projects:\n  - {{project: tool, repository: org/tool, clone: org/tool, {entry}, role: train}}\n")
    return ["mine", "--corpus", str(folder / "corpus.yaml"), "--clones", str(folder / "clones"), "--output", str(folder / "data")]


def test_a_corpus_entry_without_labels_is_labelled_from_its_head(make_repo, tmp_path: Path, capsys) -> None:
    repo = make_repo()
    shas = repo.build(long_history(70))
    command = szz_corpus(tmp_path / "corpus", repo.path, f"head: {shas[55]}, since: 2024-01-06, until: 2024-02-28")
    assert cli.main(command) == 0
    found = by_sha(tmp_path / "corpus" / "data")
    assert set(found) == {tables.hash_sha(sha) for sha in shas[5:56]}
    assert found[tables.hash_sha(shas[54])][0] == 1
    repo.git("update-ref", "refs/heads/main", shas[20])  # what the clone's HEAD is does not matter
    assert cli.main(command) == 0
    assert "tool: kept" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ("until: 2024-02-28", "tool has neither labels: nor head:"),
        ("labels: l.csv, until: 2024-02-28", "tool takes its labels from l.csv; give the folder of that file with --labels"),
        (f"head: {A}, until: 2024-02-28", "is not a commit in this repository"),
    ],
)
def test_a_corpus_entry_that_is_not_whole_is_named(make_repo, tmp_path: Path, capsys, entry: str, says: str) -> None:
    repo = make_repo()
    repo.build(long_history(60))
    assert cli.main(szz_corpus(tmp_path / "corpus", repo.path, entry)) == 2
    assert says in capsys.readouterr().err


@pytest.mark.parametrize(("path", "name"), [("tool", "tool"), ("tool.git", "tool"), ("org+tool/repo", "org+tool")])
def test_a_table_is_named_after_the_folder_that_a_person_sees(make_repo, path: str, name: str) -> None:
    repo = make_repo(path, bare=True)
    assert mine.name_of(Repository.discover(repo.path, repo.environ)) == name


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("projects: [", "line 1"),
        ("projects: 3", "lists no projects"),
        ("", "lists no projects"),
        ("projects: [{project: a, repository: o/a, until: 2020-01-01}]", "entry 1 of projects lacks role"),
        ("projects: [just text]", "entry 1 of projects lacks project, repository, until, role"),
        ("projects: [{project: a, repository: o/a, until: soon, role: train}]", "'soon' is no day"),
        ("projects: [{project: a, repository: o/a, until: 2020-13-45, role: train}]", "cannot be read|is no day"),
        ("projects: [{project: a, repository: o/a, until: 2020-01-01, role: trian}]", "a has the role 'trian'; expected train or holdout"),
        ("projects: [{project: a, repository: o/a, until: 2020-01-01, role: train, since: then}]", "'then' is no day"),
        ("projects: [{project: a, repository: o/a, until: 2020-01-01, role: train, most: many}]", "a has most: 'many'; expected a whole number of rows"),
        ("most: 0\nprojects: [{project: a, repository: o/a, until: 2020-01-01, role: train}]", "a has most: 0; expected a whole number of rows"),
        ("projects: [{project: 2048, repository: o/a, until: 2020-01-01, role: train}]", "entry 1 of projects has project: 2048; expected text"),
        ("projects: [{project: ../a, repository: o/a, until: 2020-01-01, role: train}]", "project: '../a' is no name for a table"),
    ],
)
def test_a_corpus_file_that_cannot_be_meant_is_refused_in_a_sentence(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "corpus.yaml"
    path.write_text(text)
    with pytest.raises(UsageError, match=said):
        mine.read_corpus(path)


@pytest.mark.parametrize("command", ["mine", "words"])
def test_a_corpus_entry_without_its_clone_is_named(tmp_path: Path, capsys, command: str) -> None:
    path = csv(tmp_path / "corpus.yaml", "projects: [{project: a, repository: o/a, until: 2020-01-01, role: train}]\n")
    assert cli.main([command, "--corpus", str(path), "--clones", str(tmp_path), "--output", str(tmp_path / "out")]) == 2
    assert "entry 1 of projects lacks clone" in capsys.readouterr().err


def test_a_corpus_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"corpus\.yaml cannot be read: No such file"):
        mine.read_corpus(tmp_path / "corpus.yaml")


def test_a_table_may_have_as_many_rows_as_the_file_or_its_entry_says(tmp_path: Path) -> None:
    path = tmp_path / "corpus.yaml"
    path.write_text(
        "most: 7\nprojects:\n- {project: a, repository: o/a, until: 2020-01-01, role: train}\n- {project: b, repository: o/b, until: 2020-01-01, role: holdout, most: 9}\n"
    )
    assert [entry["most"] for entry in mine.read_corpus(path)] == [7, 9]
    path.write_text(path.read_text().replace("most: 9", "most: null"))
    assert [entry["most"] for entry in mine.read_corpus(path)] == [7, None]  # no limit for this one


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("l.csv", b"sha,buggy\n\xff\xfe,1\n", "cannot be read"),
        ("l.csv.gz", b"no gzip", "cannot be read"),
        ("l.csv", b"sha,buggy\n" + b"a" * 40 + b"\n", "line 2: sha"),
        ("l.csv", b"buggy,sha\n1\n", "line 2: sha None, buggy '1'; expected 40 hex digits and 0 or 1"),
        ("l.csv.gz", DAMAGED, "cannot be read"),
    ],
)
def test_a_file_of_labels_that_is_none_is_refused_in_a_sentence(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UsageError, match=said):
        mine.read_labels(tmp_path / name)
