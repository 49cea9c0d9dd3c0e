from pathlib import Path

import numpy as np
import pytest

from automl_codex import cli, tables, words
from codex_gate.errors import UsageError
from tests.conftest import DAY, START, Node, Repo

NODES = [
    Node({"src/pool.py": "size = 1\n", "docs/a.md": "words\n"}, (), time=START, message="start"),
    Node({"src/pool.py": "size = grow(2)\n"}, (0,), time=START + DAY, message="Fix the pool\n\nSigned-off-by: Ada <a@b.c>"),
]


def commit(repo: Repo) -> tuple[list[str], tuple]:
    shas = repo.build(NODES)
    return shas, next(iter(repo.open().diffs([(shas[1], shas[0])])))


def test_terms_of_message_paths_and_both_sides(repo: Repo) -> None:
    _, files = commit(repo)
    assert words.terms(NODES[1].message, files) == {
        "m:fix": 1, "m:the": 1, "m:pool": 1, "p:src": 1, "p:pool": 1, "p:py": 1,
        "-:size": 1, "-:=": 1, "-:1": 1, "+:size": 1, "+:=": 1, "+:grow": 1, "+:(": 1, "+:2": 1, "+:)": 1,
    }  # fmt: skip


def test_hashing_adds_up_what_falls_together() -> None:
    found = words.hashed(words.Counter({f"t{k}": 2 for k in range(1000)}))
    assert sum(found.values()) == 2000
    assert all(0 <= bucket < words.BUCKETS for bucket in found)
    assert list(found) == sorted(found)


def corpus_of(folder: Path, repo: Repo, shas: list[str], more: str = "") -> list[str]:
    (folder / "clones").mkdir()
    (folder / "clones" / "org+tool").symlink_to(repo.path)
    (folder / "off-limits.txt").write_text("psf/black\n")
    (folder / "corpus.yaml").write_text(
        f"projects:\n  - {{project: tool, repository: org/tool, clone: org/tool, head: {shas[-1]}, until: 2030-01-01, role: train{more}}}\n"
    )
    row = tables.LabelledRow(shas[1], START + DAY, True, START + 2 * DAY, dict.fromkeys(tables.FEATURE_NAMES, 1.0))
    (folder / "data").mkdir()
    tables.write(folder / "data" / "tool.parquet", "tool", [row])
    return [
        "words",
        "--corpus",
        str(folder / "corpus.yaml"),
        "--clones",
        str(folder / "clones"),
        "--input",
        str(folder / "data"),
        "--output",
        str(folder / "words"),
    ]


def test_a_table_gives_a_file_that_is_kept_until_the_table_changes(repo: Repo, tmp_path: Path, capsys) -> None:
    shas, files = commit(repo)
    command = corpus_of(tmp_path, repo, shas)
    assert cli.main(command) == 0
    assert "tool: terms of 1 of 1 commits" in capsys.readouterr().err
    found = words.Words.read(tmp_path / "words")
    name = tables.hash_sha(shas[1])
    rows = found.of([name, "0" * 64])
    expected = words.hashed(words.terms(NODES[1].message, files))
    assert dict(zip(rows[0].indices.tolist(), rows[0].data.tolist(), strict=True)) == expected
    assert rows[1].nnz == 0 or not rows[1].data.any(), "a commit without terms says nothing"
    assert cli.main(command) == 0
    assert "kept" in capsys.readouterr().err


def test_a_file_that_lacks_commits_is_made_anew_when_they_have_come(repo: Repo, tmp_path: Path, capsys) -> None:
    shas = repo.build([*NODES, Node({"src/pool.py": "size = shrink(2)\n"}, (1,), time=START + 2 * DAY, message="Shrink the pool")])
    command = corpus_of(tmp_path, repo, shas)
    rows = [tables.LabelledRow(sha, START, False, None, dict.fromkeys(tables.FEATURE_NAMES, 1.0)) for sha in shas[1:]]
    tables.write(tmp_path / "data" / "tool.parquet", "tool", rows)
    clone = tmp_path / "clones" / "org+tool"
    clone.unlink()
    repo.git("clone", "-q", "--depth", "2", f"file://{repo.path}", str(clone))
    assert cli.main(command) == 0
    assert "tool: terms of 1 of 2 commits" in capsys.readouterr().err, "the oldest has no parent here"
    repo.git("-C", str(clone), "fetch", "-q", "--unshallow")
    assert cli.main(command) == 0
    assert "tool: terms of 2 of 2 commits" in capsys.readouterr().err
    assert cli.main(command) == 0
    assert "kept" in capsys.readouterr().err


def test_no_text_is_kept(repo: Repo, tmp_path: Path) -> None:
    shas, _ = commit(repo)
    assert cli.main(corpus_of(tmp_path, repo, shas)) == 0
    with np.load(tmp_path / "words" / "tool.npz") as found:
        assert {name: found[name].dtype.kind for name in found.files} == {"made_from": "U", "sha256": "S", "start": "i", "bucket": "u", "count": "u"}
        assert found["sha256"].tolist() == [tables.hash_sha(shas[1]).encode()]


def test_projects_labelled_from_outside_are_left_out_and_a_folder_without_terms_is_told(repo: Repo, tmp_path: Path, capsys) -> None:
    shas, _ = commit(repo)
    assert cli.main(corpus_of(tmp_path, repo, shas, ", labels: l.csv")) == 0
    assert "tool: left out" in capsys.readouterr().err
    with pytest.raises(UsageError, match="holds no terms of commits; make them with automl-codex words"):
        words.Words.read(tmp_path / "words")
    (tmp_path / "words" / "torn.npz").write_bytes(b"PK\x03\x04")
    with pytest.raises(UsageError, match=r"torn.npz holds no terms of commits"):
        words.Words.read(tmp_path / "words")
