import re

import numpy as np
import pytest

from automl_codex import report_html
from automl_codex.evaluation_report import Origin
from tests.automl_codex.test_evaluation_report import ORIGIN, P, Y, large, made
from tests.pages import check


def test_the_page_is_whole_and_holds_every_plot() -> None:
    report = large()
    page = check(report_html.render(report))
    titles = re.findall(r"<figure><h3>([^<]+)</h3>", report_html.render(report))
    assert titles == ["ROC curve", "Precision and recall", "Calibration", "Risk over time", "Confusion matrix", "What happened at each level", "Importance"]
    drawn = {attributes.get("aria-label") for tag, attributes in page.tags if tag == "svg"}
    assert {"ROC curve", "Precision and recall", "Calibration", "Risk over time", "Confusion matrix", "Levels", "Importance of the measures"} <= drawn
    for words in (ORIGIN.model, ORIGIN.data, "LApredict", "file history", "training 12 s", "split gain"):
        assert words in page.text


def test_the_page_shows_the_reports_figures() -> None:
    report = large()
    text = check(report_html.render(report)).text
    for value in (report.auc_roc, report.auc_pr, report.ece, report.brier, report.ranking["model"].mean_project_auc, *(p.auc_roc for p in report.projects)):
        assert report_html.number(value) in text
    for count in (c for row in report.confusion_matrix.counts for c in row):
        assert f"{count:,}" in text


@pytest.mark.parametrize("y", [[0] * 6, [1] * 6])
def test_one_class_gives_a_page_with_dashes(y: list[int]) -> None:
    assert "–" in check(report_html.render(made(y, P))).text


def test_little_input_gives_a_page_without_the_parts_that_need_more() -> None:
    text = check(report_html.render(made(Y, P))).text
    assert "What it rests on" not in text and "Popt" not in text and "Processor time" not in text


def test_names_from_outside_are_text() -> None:
    bad = '<script>alert("x")</script>'
    rng = np.random.default_rng(0)
    report = made(
        rng.integers(0, 2, 300),
        rng.random(300),
        project=np.full(300, bad),
        baselines={bad: rng.random(300)},
        importances=[(bad, 1.0)],
        importance_kind=bad,
        cpu_seconds={bad: 1.0},
        origin=Origin(bad, bad, bad, bad),
    )
    assert bad in check(report_html.render(report)).text


def test_unknown_and_negative_figures_read_well() -> None:
    assert report_html.number(float("nan")) == "–" and report_html.percent(float("nan")) == "–"
    assert report_html.between(float("nan"), 1.0) == "–"
    assert report_html.number(-0.5, 1) == "−0.5"
    assert report_html.percent(0.123) == "12.3 %"
