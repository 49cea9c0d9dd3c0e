"""The funnel and the sample of the corpus, on a tiny run of all stages: figures are those of the folders, a sample is whole families that can be learned from."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest

from automl_codex import cli, examples, stages
from automl_codex.types import LabelledTuple
from benchmarks import corpus, corpus_audit
from codex_gate.errors import UsageError
from tests.automl_codex.pairs import needs_rustc

pytestmark = needs_rustc
PROGRAMS = 8


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus as `automl-codex run` leaves it."""
    folder = tmp_path_factory.mktemp("corpus")
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(folder)
        (folder / "c.yaml").write_text('version: "1.0"\n')
        options = [
            "--grammar",
            "python-core",
            "--count",
            str(PROGRAMS),
            "--max-depth",
            "2",
            "--eda-factor",
            "1",
            "--augmentation",
            "eda+mutation",
            "--oracle",
            "io+ast",
        ]
        assert cli.main(["run", "--config", "c.yaml", *options, "--seed", "3", "--output", str(folder / "made")]) == 0
    return folder / "made"


def rows_of(folder: Path) -> list[LabelledTuple]:
    return [row for part in corpus.parts_of(folder) for row in stages.read(part, LabelledTuple)]


def command(*words: object) -> int:
    return corpus.main([str(word) for word in words])


def test_the_funnel_holds_what_the_folders_hold_and_no_path(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "funnel.md"
    assert command("funnel", "--input", f"one={data}", "--input", f"two={data}", "--output", output, "--day", "2026-01-02", "--commit", "augment=abc1234") == 0
    assert capsys.readouterr().out == f"{output} written\n"
    text = output.read_text()
    lines, rows = text.splitlines(), rows_of(data / "verified")
    labelled = sum(row.defect != "unknown" for row in rows)
    assert "Made by the code of: augment abc1234." in lines
    assert f"| generate | {PROGRAMS} | {PROGRAMS} | {2 * PROGRAMS} | 100,000 |" in lines
    assert f"| verify | {labelled} | {labelled} | {2 * labelled} | 350,000 |" in lines and 0 < labelled < len(rows)
    verdict, count = Counter(row.verdict for row in rows).most_common(1)[0]
    assert f"| {verdict} | {2 * count} | {count / len(rows):.1%} |" in lines
    assert "## Everything that was counted: one" in lines and f"generate  two/raw  seed 3  {PROGRAMS} rows in 1 partitions" in lines
    assert (
        str(data) not in text and "Written by `python benchmarks/corpus.py funnel` from the manifests of finished folders and their rows, 2026-01-02;" in text
    )


def test_the_categories_are_those_of_the_labels_that_are_learned_from(data: Path) -> None:
    claims = Counter((claim.category, claim.source) for claim in corpus_audit.Corpus("one", data / "verified").claims())
    table = corpus._categories({"one": data / "verified"})
    total = sum(n for (category, _), n in claims.items() if category == "LogicErrors")
    (line,) = [line for line in table.splitlines() if line.startswith("| LogicErrors |")]
    assert line.endswith(f" {total} |") and total > 0
    assert "Categories with at least 50: 0 of 18 (must 9, aim 11). None of " in table and "SecurityVulnerabilities" in table


def test_a_funnel_of_a_run_that_is_not_finished_is_refused(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "raw").symlink_to(data / "raw")
    assert command("funnel", "--input", f"one={tmp_path}", "--output", tmp_path / "f.md", "--day", "2026-01-02") == 2
    assert "holds no finished output of augment, transpile, verify in a folder of its own" in capsys.readouterr().err
    assert not (tmp_path / "f.md").exists()


def test_a_sample_is_whole_families_of_each_corpus_without_inputs(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = rows_of(data / "verified")
    wanted = len(source)  # half of both together
    assert command("sample", "--input", f"one={data / 'verified'}", "--input", f"two={data / 'verified'}", "--rows", wanted, "--data", tmp_path) == 0
    assert "MB of at most 20" in capsys.readouterr().out
    drawn = {name: rows_of(tmp_path / "synthetic" / name) for name in ("one", "two")}
    whole = Counter(row.seed_id for row in source)
    assert all(Counter(row.seed_id for row in rows) == {seed: whole[seed] for seed in {row.seed_id for row in rows}} for rows in drawn.values())
    assert wanted <= sum(map(len, drawn.values())) < wanted + max(whole.values())
    assert all(rows and len(rows) < len(source) for rows in drawn.values())
    assert abs(len(drawn["one"]) - len(drawn["two"])) < 2 * max(whole.values())
    assert all(row.inputs == () == row.outcomes and row.source and row.verdict for rows in drawn.values() for row in rows)


def test_a_sample_can_be_learned_from_and_read_by_the_audit(data: Path, tmp_path: Path) -> None:
    assert command("sample", "--input", f"one={data / 'verified'}", "--rows", 20, "--data", tmp_path) == 0
    folder = tmp_path / "synthetic" / "one"
    seeds = {row.seed_id for row in rows_of(folder)}
    assert examples.read(folder) and {e.lineage for e in examples.read(folder)} <= seeds
    taken = [example for example in examples.read(data / "verified") if example.lineage in seeds]
    assert sorted(e.row_id for e in examples.read(folder)) == sorted(e.row_id for e in taken)
    assert corpus_audit.Corpus("one", folder).claims()


def test_a_draw_repeats_and_the_second_run_keeps_it(data: Path, tmp_path: Path) -> None:
    inputs = [("one", data / "verified"), ("two", data / "verified")]
    one, same, other = (corpus.families(inputs, 20, random.Random(seed)) for seed in (1, 1, 2))
    assert one == same != other
    corpus.sample(inputs, 20, tmp_path)
    (part,) = (tmp_path / "synthetic" / "one").glob("part-*")
    before = part.read_bytes(), part.stat().st_mtime_ns
    corpus.sample(inputs, 20, tmp_path)
    assert (part.read_bytes(), part.stat().st_mtime_ns) == before


def test_a_sample_that_cannot_be_drawn_or_weighs_too_much_is_refused(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["sample", "--input", f"one={data / 'verified'}", "--data", tmp_path]
    total = len(rows_of(data / "verified"))
    assert command(*given, "--rows", total + 1) == 2
    assert f"corpus: the input holds {total} rows; expected at least {total + 1}: give more input" in capsys.readouterr().err
    assert command(*given, "--rows", 0) == 2 and "rows must be >= 1, got 0" in capsys.readouterr().err
    with pytest.raises(UsageError, match="holds no stage data"):
        list(corpus.parts_of(tmp_path))
    monkeypatch.setattr(corpus, "LIMIT", 5_000)
    assert command(*given, "--rows", 10) == 2
    assert "MB with the sample; expected at most 0: remove it and draw fewer (--rows)" in capsys.readouterr().err
