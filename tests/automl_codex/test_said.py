"""Common words of labelled commits: the file, and how it is made."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from automl_codex import cli, common_words, tables
from automl_codex.said import FILE, Said, of_change
from codex_gate.errors import UsageError
from codex_gate.own_words import Words
from tests.conftest import DAY, START, Node, Repo


def test_words_of_program_text_and_of_paths_are_apart_and_what_is_no_word_is_left_out() -> None:
    said = of_change(Words(frozenset({b"lock", b"9x", b"x", b"w" * 41, b"\xff\xfe"}), frozenset({"lock", "p"})))
    assert sorted(said) == ["+lock", "/lock"]


def test_each_known_word_counts_by_the_root_of_how_many_there_are() -> None:
    a, b, c = ("a" * 64, "b" * 64, "c" * 64)
    said = Said.of({a: ["+lock", "+wait", "+odd"], b: ["+other"], c: []}, ["+wait", "+lock", "+other"])
    assert said.words == ("+lock", "+other", "+wait")
    known = np.array([0, 2])
    assert said.matrix([a, b, c, "d" * 64, a], known).toarray() == pytest.approx(np.array([[2**-0.5] * 2, [0, 0], [0, 0], [0, 0], [2**-0.5] * 2]))
    assert said.matrix([], known).shape == (0, 2)


def test_shared_asks_for_projects_and_for_commits() -> None:
    names = np.array([f"{k:064x}" for k in range(40)])
    said = Said.of({f"{k:016x}" + "0" * 48: ["+lock"] for k in range(40)}, ["+lock"])
    names = np.array([f"{k:016x}" + "0" * 48 for k in range(40)])
    project = np.repeat(["a", "b"], 20)
    assert said.shared(names, project, 2, 40).tolist() == [0]
    assert said.shared(names, project, 2, 41).tolist() == [] == said.shared(names, project, 3, 1).tolist()
    assert said.shared(names[:20], project[:20], 2, 1).tolist() == []


def test_a_file_comes_back_as_it_was_and_one_that_is_none_is_told(tmp_path: Path) -> None:
    said = Said.of({"0f" * 32: ["+lock", "/src"], "e0" * 32: []}, ["+lock", "/src"])
    said.write(tmp_path / FILE)
    again = Said.read(tmp_path / FILE)
    assert again.words == said.words and again.place == said.place and again.row("0f" * 32).tolist() == [0, 1]
    (tmp_path / FILE).write_bytes(b"PK\x03\x04")
    with pytest.raises(UsageError, match=r"holds no words of commits .*; make it with automl-codex common-words"):
        Said.read(tmp_path / FILE)


NODES = [
    Node({"src/pool.py": "size = 1\n", "docs/a.md": "words\n"}, (), time=START, message="start"),
    Node({"src/pool.py": "size = grow\n"}, (0,), time=START + DAY, message="secret"),
]


@pytest.fixture
def folder(repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A corpus of one project, labelled from outside, whose head does not reach what is labelled."""
    first, second = repo.build(NODES)
    (tmp_path / "clones").mkdir()
    (tmp_path / "clones" / "org+tool").symlink_to(repo.path)
    (tmp_path / "off-limits.txt").write_text("psf/black\n")
    (tmp_path / "l.csv").write_text(f"sha,buggy\n{second},True\n")
    text = f"{{project: tool, repository: org/tool, clone: org/tool, head: {first}, until: 2030-01-01, role: train, labels: l.csv}}"
    (tmp_path / "corpus.yaml").write_text(f"projects:\n  - {text}\n")
    (tmp_path / "data").mkdir()
    tables.write(tmp_path / "data" / "tool.parquet", "tool", [tables.LabelledRow(second, START, True, None, dict.fromkeys(tables.FEATURE_NAMES, 1.0))])
    monkeypatch.setattr(common_words, "MIN_PROJECTS", 1)
    monkeypatch.setattr(common_words, "MIN_COMMITS", 1)
    monkeypatch.setattr(common_words.mine, "read_labels", lambda path, project: {second: None})
    return tmp_path


def command(folder: Path, *more: str) -> list[str]:
    places = {"--corpus": "corpus.yaml", "--clones": "clones", "--input": "data", "--labels": "."}
    return ["common-words", *(part for name, place in places.items() for part in (name, str(folder / place))), *more]


def test_words_of_labelled_commits_go_beside_their_tables(folder: Path, repo: Repo, capsys) -> None:
    assert cli.main(command(folder)) == 0
    said = tables.read(folder / "data").said
    assert said is not None and said.words == ("+grow", "/pool", "/py", "/src"), "none of the message"
    assert said.row(tables.hash_sha(repo.git("rev-parse", "HEAD"))).tolist() == [0, 1, 2, 3]
    assert "4 words, 1 commits" in capsys.readouterr().err
    before = (folder / "data" / FILE).read_bytes()
    assert cli.main(command(folder, "--vocabulary", str(folder / "data"))) == 0
    assert (folder / "data" / FILE).read_bytes() == before


def test_what_is_not_common_and_what_is_missing_are_told(folder: Path, capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cli.main(command(folder, "--vocabulary", str(folder))) == 2
    assert "holds no words of commits" in capsys.readouterr().err
    monkeypatch.setattr(common_words, "MIN_PROJECTS", 2)
    assert cli.main(command(folder)) == 2
    assert "no word is said in 1 commits of 2 projects" in capsys.readouterr().err
    (folder / "elsewhere").mkdir()
    assert cli.main([*command(folder), "--input", str(folder / "elsewhere")]) == 2
    assert "elsewhere holds no table of a project of" in capsys.readouterr().err and not (folder / "elsewhere" / FILE).exists()
    (folder / "clones" / "org+tool").unlink()
    assert cli.main(command(folder)) == 2
    assert "is no clone; clone org/tool there first" in capsys.readouterr().err
    (folder / "off-limits.txt").write_text("org/tool\n")
    assert cli.main(command(folder)) == 2
    assert "org/tool is off limits" in capsys.readouterr().err
