"""The benchmark of retraining: no repository is judged by a forest that saw it, and the page says what was measured."""

from __future__ import annotations

import argparse
import re
from dataclasses import replace
from datetime import date
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks import retrain as benchmark
from codex_gate.errors import UsageError
from tests.automl_codex import synthetic
from tests.automl_codex.retraining import with_another_future

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
    looks = next(line for line in page.splitlines() if "No interval is made wider for these looks" in line)
    assert looks in (ROOT / "docs" / "retraining.md").read_text("utf-8").splitlines()
    for block in re.findall(r"(?:^\|.*\n)+", page, re.MULTILINE):
        assert len({line.count("|") for line in block.splitlines()}) == 1


@pytest.fixture
def case(monkeypatch: pytest.MonkeyPatch) -> benchmark.Case:
    """A repository of which no words are read."""
    monkeypatch.setattr(benchmark, "worded", lambda rows, clone: rows)
    corpus = synthetic.corpus()
    (found,) = benchmark.cases(corpus.split(synthetic.dataset())[0], corpus, {"alpha": CLONE}, OPTIONS)
    return found


def begun(rows: benchmark.Dataset) -> float:
    """When the newest fifth began."""
    return float(rows.time[benchmark.blend.parts(rows)[-1].start])


def test_the_calibration_of_what_is_judged_never_saw_its_labels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scores that no label moves stand in, for those of the other repositories do see these labels."""
    fit = benchmark.general.fit
    score = lambda rows: 1 / (1 + np.exp(2 - np.log1p(rows.columns(("la",))[:, 0])))  # noqa: E731
    monkeypatch.setattr(benchmark.general, "fit", lambda *given: SimpleNamespace(forest=fit(*given).forest, within=None, scores=score))
    monkeypatch.setattr(benchmark, "worded", lambda rows, clone: rows)
    corpus = synthetic.corpus()
    data, _ = corpus.split(synthetic.dataset())
    alpha = data.project == "alpha"
    turned = replace(data, y=np.where(alpha, 1 - data.y, data.y).astype(np.int8), fix_time=np.where(alpha, data.time + 1.0, data.fix_time))
    (one,), (other,) = (list(benchmark.cases(rows, corpus, {"alpha": CLONE}, OPTIONS)) for rows in (data, turned))
    assert one.knots == other.knots
    (elsewhere,) = benchmark.cases(replace(data, y=np.where(alpha, data.y, 1 - data.y).astype(np.int8)), corpus, {"alpha": CLONE}, OPTIONS)
    assert one.knots != elsewhere.knots


def test_a_fifth_earlier_changes_were_a_year_old_and_had_the_labels_of_then(case: benchmark.Case) -> None:
    rows, moment = case.rows, begun(case.rows)
    early, late = benchmark.a_fifth_earlier(rows)
    old = rows.where(rows.time < moment - benchmark.train.YEAR)
    assert (early.sha256 == old.sha256).all() and early.y.any() and (early.y == (old.fix_time < moment)).all()
    assert (np.isnan(early.fix_time) == (early.y == 0)).all() and np.nanmax(early.fix_time) < moment
    assert (late.sha256 == rows.sha256[rows.time >= moment]).all() and (late.y == rows.y[rows.time >= moment]).all()
    other = with_another_future(rows, moment)
    assert other.where(other.time < moment - benchmark.train.YEAR).y.sum() > early.y.sum()
    for one, same in zip((early, late), benchmark.a_fifth_earlier(other), strict=True):
        assert all(np.array_equal(getattr(one, name), getattr(same, name), equal_nan=True) for name in ("X", "y", "time", "fix_time"))


@pytest.mark.parametrize(("knots", "taken"), [(None, benchmark.NOTHING), ([(0.0, 0.001), (1.0, 0.01)], "calibration")])
def test_what_nobody_knew_then_decides_nothing_a_fifth_earlier(
    case: benchmark.Case, monkeypatch: pytest.MonkeyPatch, knots: list[tuple[float, float]] | None, taken: str
) -> None:
    case, asked, decided = case._replace(knots=knots or case.knots), [], benchmark.decided
    monkeypatch.setattr(benchmark, "decided", lambda first, *rest: (asked.append(first), decided(first, *rest))[1])
    found, other = (benchmark.decided_before(case._replace(rows=rows), 1) for rows in (case.rows, with_another_future(case.rows, begun(case.rows))))
    assert found[0] == other[0] == taken
    np.testing.assert_array_equal(found[1], other[1])
    challenge, same = asked
    assert (challenge.raw == same.raw).all() and (challenge.chance == same.chance).all() and (challenge.judges.y == same.judges.y).all()


def test_what_is_said_of_the_newest_fifth_a_fifth_earlier_rests_on_none_of_its_labels(case: benchmark.Case) -> None:
    case = case._replace(knots=[(0.0, 0.001), (1.0, 0.01)])
    late = case.rows.time >= begun(case.rows)
    turned = replace(
        case.rows, y=np.where(late, 1 - case.rows.y, case.rows.y).astype(np.int8), fix_time=np.where(late, case.rows.time + 1.0, case.rows.fix_time)
    )
    found, other = (benchmark.decided_before(case._replace(rows=rows), 1) for rows in (case.rows, turned))
    assert found[0] == other[0] == "calibration"
    np.testing.assert_array_equal(found[1], other[1])


def test_where_too_few_fixes_were_known_nothing_is_taken_a_fifth_earlier(case: benchmark.Case) -> None:
    late = np.where(case.rows.y == 1, np.maximum(case.rows.fix_time, begun(case.rows)), np.nan)
    poor = case._replace(rows=replace(case.rows, fix_time=late), knots=[(0.0, 0.001), (1.0, 0.01)])
    taken, scores = benchmark.decided_before(poor, 1)
    assert taken == benchmark.NOTHING
    np.testing.assert_array_equal(scores, benchmark.scored(poor, benchmark.a_fifth_earlier(poor.rows)[1]))


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
