import gzip
import os
from datetime import date
from pathlib import Path

import pytest

from automl_codex import cli, mine, tables
from codex_gate.errors import UsageError
from codex_gate.features import FEATURE_NAMES

A, B, C = "a" * 40, "b" * 40, "c" * 40


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


def test_missing_label_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none\.csv does not exist"):
        mine.read_labels(tmp_path / "none.csv")


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
    for entry in entries:
        mine.refuse_off_limits([entry["repository"], entry["clone"]], folder / "off-limits.txt")
    assert {e["role"] for e in entries} == {"train", "holdout"}
    assert all(e["until"] <= date(2016, 12, 31) for e in entries)
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


@pytest.mark.parametrize(
    ("arguments", "says"),
    [(["--labels", "l.csv", "--output", "o"], "name a repository"), (["r", "--corpus", "c", "--labels", "l", "--output", "o"], "no repository")],
)
def test_command_used_wrongly(arguments: list[str], says: str, capsys) -> None:
    assert cli.main(["mine", *arguments]) == 2
    assert says in capsys.readouterr().err
