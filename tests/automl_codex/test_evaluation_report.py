import json
import math
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from sklearn import metrics as reference

import automl_codex
from automl_codex import curves
from automl_codex.evaluation_report import BUGGY, CLEAN, Ablation, EvaluationReport, Origin, Speed, from_predictions, measure_speed
from codex_gate.errors import UsageError

SCHEMA = json.loads(Path(automl_codex.__file__).with_name("evaluation_report.schema.json").read_text("utf-8"))
ORIGIN = Origin("1-abc", "made up", "none", "2026-01-01")


def seconds(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def made(y: Any, p: Any, **more: Any) -> EvaluationReport:
    y, p = np.array(y), np.array(p, float)
    n = len(y)
    given: dict[str, Any] = {
        "time": np.full(n, seconds("2020-05-01")),
        "project": np.full(n, "one"),
        "threshold": 0.5,
        "base_rate": 0.2,
        "origin": ORIGIN,
        "rng": np.random.default_rng(0),
        "draws": 20,
    }
    return from_predictions(y, p, **(given | more))


def large(n: int = 900, seed: int = 4, **more: Any) -> EvaluationReport:
    """Three projects over two years, calibrated by construction, with everything that can be handed in."""
    rng = np.random.default_rng(seed)
    p = rng.random(n)
    y = (rng.random(n) < p).astype(int)
    given: dict[str, Any] = {
        "time": seconds("2020-01-01") + rng.random(n) * 700 * 86_400,
        "project": rng.choice(["a", "b", "c"], n),
        "lines": rng.integers(1, 400, n),
        "baselines": {"LApredict": rng.random(n)},
        "importances": [("small", 0.1), ("large", 2.0), ("middle", 1.0)],
        "importance_kind": "split gain",
        "ablation": [Ablation("file history", 0.7, -0.02, -0.03, -0.01)],
        "speed": Speed(0.5, 2000.0),
        "cpu_seconds": {"training": 12.5},
    }
    return made(y, p, **(given | more))


Y = [0, 0, 1, 1, 0, 1]
P = [0.1, 0.6, 0.55, 0.8, 0.4, 0.3]


def test_figures_are_scikit_learns() -> None:
    rng = np.random.default_rng(5)
    y, p = rng.integers(0, 2, 500), rng.integers(0, 60, 500) / 60
    report = made(y, p, threshold=0.4)
    said = (p > 0.4).astype(int)
    assert report.accuracy == pytest.approx(reference.accuracy_score(y, said))
    assert report.precision == pytest.approx(reference.precision_score(y, said))
    assert report.recall == pytest.approx(reference.recall_score(y, said))
    assert report.f1_score == pytest.approx(reference.f1_score(y, said))
    assert report.auc_roc == pytest.approx(reference.roc_auc_score(y, p))
    assert report.auc_pr == pytest.approx(reference.average_precision_score(y, p))
    assert report.brier == pytest.approx(reference.brier_score_loss(y, p))
    assert report.log_loss == pytest.approx(reference.log_loss(y, p))
    assert [list(row) for row in report.confusion_matrix.counts] == reference.confusion_matrix(y, said).tolist()
    precision, recall, f1, support = reference.precision_recall_fscore_support(y, said)
    for i, name in enumerate((CLEAN, BUGGY)):
        assert report.per_category[name] == pytest.approx((support[i], precision[i], recall[i], f1[i]))
    assert report.false_positive_rate == pytest.approx(reference.confusion_matrix(y, said, normalize="true")[0, 1])


def test_small_case_by_hand() -> None:
    report = made(Y, P)
    assert report.confusion_matrix.counts == ((2, 1), (1, 2))
    assert (report.n, report.n_buggy, report.accuracy) == (6, 3, pytest.approx(4 / 6))
    assert report.precision == report.recall == report.f1_score == pytest.approx(2 / 3)


def test_a_probability_at_the_threshold_is_not_flagged() -> None:
    assert made([1, 0], [0.5, 0.51]).confusion_matrix.counts == ((0, 1), (1, 0))


def test_a_class_without_support_is_null_and_not_zero() -> None:
    found = json.loads(made([0, 0, 0], [0.1, 0.2, 0.9]).to_json())
    assert found["per_category"][BUGGY] == {"support": 0, "precision": 0.0, "recall": None, "f1_score": None}
    assert found["auc_roc"] is None and found["auc_pr"] is None and found["recall"] is None and found["recall_at_20_percent"] is None
    jsonschema.validate(found, SCHEMA)


def test_no_flag_has_no_precision() -> None:
    assert json.loads(made([0, 1], [0.1, 0.2]).to_json())["precision"] is None


def test_json_is_strict_valid_and_holds_every_field_of_the_specification() -> None:
    text = large().to_json()
    found = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.validate(found, SCHEMA)
    section_7_3 = "accuracy precision recall f1_score auc_roc auc_pr confusion_matrix per_category feature_importance avg_latency_ms throughput_per_sec"
    assert set(section_7_3.split()) <= found.keys()
    assert "binary" in found["averaging"]
    assert {f.name for f in fields(EvaluationReport)} - found.keys() == {"origin", "speed"}  # both are spread over fields of their own
    assert (found["avg_latency_ms"], found["throughput_per_sec"], found["cpu_seconds"]) == (0.5, 2000.0, {"training": 12.5})
    assert (found["model"], found["schema"]) == ("1-abc", 1)


def test_what_was_not_measured_is_null() -> None:
    found = json.loads(made(Y, P).to_json())
    assert found["avg_latency_ms"] is None and found["throughput_per_sec"] is None
    assert found["effort"] == {} and found["cpu_seconds"] == {} and found["feature_importance"] == []
    jsonschema.validate(found, SCHEMA)


def test_the_same_input_gives_the_same_report() -> None:
    assert large().to_json() == large().to_json()


def test_importances_are_sorted() -> None:
    assert [name for name, _ in large().feature_importance] == ["large", "middle", "small"]


def test_the_mean_over_projects_is_of_those_with_enough_commits() -> None:
    rng = np.random.default_rng(6)
    y = np.r_[rng.integers(0, 2, 400), [1, 0, 1]]
    p = np.r_[rng.random(400) * 0.5 + 0.3 * y[:400], [0.0, 0.9, 0.1]]
    project = np.r_[np.full(200, "a"), np.full(200, "b"), np.full(3, "tiny")]
    report = made(y, p, project=project, draws=200)
    aucs = [reference.roc_auc_score(y[project == name], p[project == name]) for name in ("a", "b")]
    assert [row.in_mean for row in report.projects] == [True, True, False]
    assert [row.auc_roc for row in report.projects[:2]] == pytest.approx(aucs)
    ranking = report.ranking["model"]
    assert ranking.mean_project_auc == pytest.approx(np.mean(aucs))
    assert ranking.low < ranking.mean_project_auc < ranking.high
    assert all(row.low < row.auc_roc < row.high for row in report.projects[:2])


def test_projects_that_are_all_too_small_have_no_mean() -> None:
    assert math.isnan(made(Y, P).ranking["model"].mean_project_auc)


def test_baselines_stand_beside_the_model() -> None:
    report = made(Y, P, baselines={"la": np.array([6, 5, 4, 3, 2, 1])})
    assert report.ranking["la"].auc_roc == pytest.approx(reference.roc_auc_score(Y, [6, 5, 4, 3, 2, 1]))
    assert set(report.roc) == set(report.precision_recall) == {"model", "la"}
    assert report.projects[0].baselines == {"la": report.ranking["la"].auc_roc}


def test_the_raw_score_ranks_and_the_probability_is_judged() -> None:
    report = made([0, 1, 0, 1], [0.3, 0.3, 0.3, 0.3], score=np.array([0.1, 0.8, 0.2, 0.9]))
    assert report.auc_roc == 1.0
    assert report.brier == pytest.approx(np.mean([0.09, 0.49, 0.09, 0.49]))


def test_levels_come_from_each_projects_own_risks() -> None:
    # A hundred changes a project: at most 30, 10 and 2 of them exceed the thresholds, however risky the project is.
    p = np.r_[np.arange(100) / 100, 0.5 + np.arange(100) / 200]
    y = (np.arange(200) % 100 >= 90).astype(int)
    report = made(y, p, project=np.repeat(["a", "b"], 100), base_rate=0.0)
    assert {row.level: (row.n, row.n_buggy) for row in report.levels} == {"low": (140, 0), "moderate": (40, 0), "high": (16, 16), "critical": (4, 4)}
    assert report.levels[-1].observed == 1.0


def test_too_few_changes_have_no_level() -> None:
    assert [(row.level, row.n) for row in made(Y, P).levels if row.n] == [("unknown", 6)]


@pytest.mark.parametrize(
    ("end", "names"),
    [("2020-03-01", ["2020-01", "2020-03"]), ("2024-05-01", ["2020-Q1", "2024-Q2"]), ("2041-01-01", ["2020", "2041"])],
)
def test_risk_over_time_by_month_quarter_or_year(end: str, names: list[str]) -> None:
    time = np.array([seconds("2020-01-10"), seconds("2020-01-20"), seconds(end)])
    report = made([0, 1, 1], [0.2, 0.4, 0.6], time=time)
    assert [p.name for p in report.risk_over_time] == names
    first = report.risk_over_time[0]
    assert (first.n, first.mean_risk, first.observed) == (2, pytest.approx(0.3), 0.5)
    assert report.period == ("2020-01-10", end)


def test_effort_stands_beside_the_smallest_first() -> None:
    lines = np.full(6, 10)
    report = made(Y, P, lines=lines)
    assert report.effort["smallest_first"] == curves.by_effort(np.array(Y), np.ones(6), lines)
    assert report.effort["model"] == curves.by_effort(np.array(Y), np.array(P), lines) != report.effort["smallest_first"]


def test_speed_is_measured_one_at_a_time() -> None:
    asked: list[int] = []
    ticks = iter([10.0, 12.0])
    assert measure_speed(asked.append, 4, lambda: next(ticks)) == Speed(500.0, 2.0)
    assert asked == [0, 0, 1, 2, 3]
    real = measure_speed(lambda i: sum(range(100)), 50)
    assert real.avg_latency_ms > 0 and real.throughput_per_sec == pytest.approx(1000 / real.avg_latency_ms)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"y": []}, "no commits"),
        ({"y": [0, 1]}, "6 values for 2 labels"),
        ({"y": [0, 2, 1, 1, 0, 1]}, "0 \\(clean\\) or 1"),
        ({"p": [0.1, 1.2, 0, 0, 0, 0]}, r"\[0, 1\]"),
        ({"p": [0.1, math.nan, 0, 0, 0, 0]}, r"\[0, 1\]"),
        ({"threshold": 1.5}, r"\[0, 1\]"),
        ({"baselines": {"la": np.array([1, 2])}}, "la holds 2 values"),
        ({"score": np.array([0.1, math.nan, 0, 0, 0, 0])}, "model holds NaN"),
    ],
)
def test_input_that_cannot_be_evaluated_is_refused(change: dict[str, Any], words: str) -> None:
    given = {"y": Y, "p": P, "time": np.zeros(6), "project": np.full(6, "a")} | change
    with pytest.raises(UsageError, match=words):
        made(given.pop("y"), given.pop("p"), **given)
