"""Pull requests of the built repository whose fixes are known (tests/codex_gate/replayed.py)."""

from pathlib import Path

import pytest

from automl_codex import cli, mine, pulls, tables
from codex_gate.errors import UsageError
from tests.codex_gate import replayed
from tests.conftest import DAY, START, Node, Repo


@pytest.fixture
def few(monkeypatch) -> None:
    monkeypatch.setattr(pulls, "MIN_PULLS", 2)


def squashed() -> list[Node]:
    """Six changes, a day apart: the root, a squash that is repaired, one that is not, the repair, a direct push, a change of documents."""
    made = [
        ("start", {"c.py": "w = 1\n"}),
        ("Add x (#1)", {"a.py": "x = 1\n"}),
        ("Add y (#2)", {"a.py": "x = 1\ny = 1\n"}),
        ("fix: wrong x (#3)", {"a.py": "x = 2\ny = 1\n"}),
        ("direct push", {"b.py": "z = 1\n"}),
        ("Say hello (#4)", {"README.md": "hello\n"}),
    ]
    return [Node(files, (k - 1,) if k else (), time=START + k * DAY, message=said) for k, (said, files) in enumerate(made)]


def test_merges_and_squashes_get_labels_and_nothing_else(repo: Repo, few: None) -> None:
    shas = repo.build(squashed())
    found = pulls.label(repo.open(), shas[-1], None, None, lambda _: None)
    assert found == {shas[1]: (True, START + 3 * DAY), shas[2]: (False, None), shas[3]: (False, None)}, "no direct push, no change of documents alone"


def test_a_merge_answers_for_what_it_brought_and_a_fix_on_its_own_branch_is_none(repo: Repo, few: None) -> None:
    shas = replayed.build(repo)
    found = pulls.label(repo.open(), shas[-1], None, None, lambda _: None)
    assert found == {shas[20]: (True, START + 40 * DAY), shas[40]: (False, None)}


def test_days_bound_when_it_landed_and_a_later_repair_counts(repo: Repo, few: None) -> None:
    shas = repo.build(squashed())
    until = pulls.label(repo.open(), shas[-1], None, START + 2 * DAY, lambda _: None)
    assert until == {shas[1]: (True, START + 3 * DAY), shas[2]: (False, None)}
    assert set(pulls.label(repo.open(), shas[-1], START + 2 * DAY, None, lambda _: None)) == {shas[2], shas[3]}


def test_a_repository_without_pull_requests_is_told(repo: Repo) -> None:
    shas = repo.build(squashed())
    with pytest.raises(UsageError, match=r"4 of 6 changes on the first-parent line are merges or squashes of pull requests; 50 are needed"):
        pulls.label(repo.open(), shas[-1], None, None, lambda _: None)


def test_rows_hold_the_whole_change_of_a_merge(repo: Repo, few: None, tmp_path: Path) -> None:
    shas = replayed.build(repo)
    assert cli.main(["mine", str(repo.path), "--unit", "pull-request", "--output", str(tmp_path / "pulls")]) == 0
    rows = tables.read(tmp_path / "pulls")
    assert rows.sha256.tolist() == [tables.hash_sha(shas[20]), tables.hash_sha(shas[40])]
    assert rows.y.tolist() == [1, 0]
    assert rows.columns(("la",))[:, 0].tolist() == [60.0, 1.0]


def test_labels_from_outside_are_of_commits(repo: Repo, tmp_path: Path, capsys) -> None:
    repo.build(squashed())
    assert cli.main(["mine", str(repo.path), "--unit", "pull-request", "--labels", "l.csv", "--output", str(tmp_path)]) == 2
    assert "--labels are of commits" in capsys.readouterr().err


def test_a_corpus_skips_what_has_no_pull_requests_or_labels_from_outside(repo: Repo, few: None, tmp_path: Path) -> None:
    shas = replayed.build(repo)
    (tmp_path / "clones").mkdir()
    (tmp_path / "clones" / "org+tool").symlink_to(repo.path)
    (tmp_path / "off-limits.txt").write_text("psf/black\n")
    entries = [
        f"{{project: tool, repository: org/tool, clone: org/tool, head: {shas[-1]}, until: 2030-01-01, role: train}}",
        f"{{project: early, repository: org/early, clone: org/tool, head: {shas[5]}, until: 2030-01-01, role: train}}",
        "{project: other, repository: org/other, clone: org/tool, labels: l.csv, until: 2030-01-01, role: train}",
    ]
    (tmp_path / "corpus.yaml").write_text("projects:\n" + "".join(f"  - {entry}\n" for entry in entries))
    said: list[str] = []
    mine.mine_corpus(tmp_path / "corpus.yaml", tmp_path / "clones", None, tmp_path / "pulls", said.append, unit=mine.PULLS)
    assert [path.name for path in (tmp_path / "pulls").glob("*")] == ["tool.parquet"]
    assert any(line.startswith("early: left out: 0 of 6 changes") for line in said)
    assert "other: left out, the labels of l.csv are of commits" in said
