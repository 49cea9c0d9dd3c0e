"""The benchmark of retraining: no repository is judged by a forest that saw it, and the page says what was measured."""

from __future__ import annotations

import argparse
import re
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from benchmarks import retrain as benchmark
from codex_gate.errors import UsageError
from tests.automl_codex import synthetic

ROOT = Path(__file__).parents[1]
OPTIONS = argparse.Namespace(trees=8, min_commits=500, seed=1, clones=Path("clones"))
CLONE = benchmark.Clone(Path("clone"), "HEAD")


def test_every_judged_repository_was_left_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    corpus, seen, fit = synthetic.corpus(), [], benchmark.train.fit
    data, _ = corpus.split(synthetic.dataset())
    monkeypatch.setattr(benchmark.train, "fit", lambda rows, *rest: (seen.append(set(corpus.groups(rows).tolist())), fit(rows, *rest))[1])
    monkeypatch.setattr(benchmark, "worded", lambda rows, clone: synthetic.spoken(rows))
    rows = benchmark.measure(data, corpus, {"alpha": CLONE, "gamma-core": CLONE}, OPTIONS)
    assert [row["project"] for row in rows] == ["alpha", "gamma-core"]
    shipped = seen[:3]  # one for each repository
    assert {frozenset(groups) for groups in shipped} == {
        frozenset({"org/alpha", "org/beta", "org/gamma"} - {left}) for left in ("org/alpha", "org/beta", "org/gamma")
    }
    assert all(row["commits"] == 124 and set(row["auc"]) == set(benchmark.MODELS) for row in rows)
    assert all(row["auc"]["blend"] > row["auc"]["trees"] for row in rows)  # they tell more than any measure here
    page = benchmark.markdown(rows, [{"name": "x", "commits": 5000, "rows": 900, "wall": 60.0, "cpu": 50.0, "load": 0.1}], OPTIONS, date(2026, 1, 1))
    assert "| alpha | 124 |" in page and "nan" not in page
    for block in re.findall(r"(?:^\|.*\n)+", page, re.MULTILINE):
        assert len({line.count("|") for line in block.splitlines()}) == 1


def test_only_what_this_package_labelled_is_judged() -> None:
    wanted = benchmark.judged(benchmark.mine.read_corpus(ROOT / "training" / "corpus.yaml"), ROOT)
    assert "camel" not in wanted and "jdt" not in wanted and wanted["restic"] is None


def test_words_are_not_left_out_where_a_clone_is_missing() -> None:
    corpus = synthetic.corpus()
    data, _ = corpus.split(synthetic.dataset())
    with pytest.raises(UsageError, match="clones holds no clone of alpha, and words are read from it"):
        next(benchmark.cases(data, corpus, {"alpha": None}, OPTIONS))


def test_the_page_in_the_repository_is_of_this_shape() -> None:
    page = (ROOT / "docs" / "retraining.md").read_text("utf-8")
    assert len(re.findall(r"(?m)^\| [\w-]+ \| \d+ \| \d+ \|", page)) >= 8
    assert np.isfinite([float(cell) for cell in re.findall(r"\| (0\.\d{3}) \|", page)]).all()


def test_nothing_to_judge_is_said_in_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    corpus = tmp_path / "corpus.yaml"
    assert benchmark.main(["--corpus", str(corpus), "--clones", str(tmp_path)]) == 2
    assert "corpus.yaml cannot be read" in capsys.readouterr().err
