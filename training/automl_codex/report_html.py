"""The EvaluationReport as one self-contained HTML page with plots; nothing is fetched, nothing runs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from automl_codex.evaluation_report import AVERAGING, BUGGY, CLEAN, EvaluationReport, Project
from codex_gate import page, plots
from codex_gate.page import Html

MAX_IMPORTANCES: Final = 20  # bars that are drawn; the JSON holds all (chosen)
BASELINE_ROLES: Final = ("base", "c", "d", "b")
_STYLE: Final = ".tiles{grid-template-columns:repeat(4,1fr)}@media(max-width:40rem){.tiles{grid-template-columns:repeat(2,1fr)}}"  # eight tiles, no orphan
_NAMES: Final = {"model": "this model", CLEAN: "clean", BUGGY: "needs a fix", "smallest_first": "smallest commits first"}


def render(report: EvaluationReport) -> str:
    """The whole page."""
    body = [
        page.paragraph(report.origin.data, "note" if report.seen_in_training else ""),
        page.paragraph(report.origin.protocol, "dim"),
        _tiles(report),
        page.heading("How well it ranks"),
        page.plots([_roc(report), _precision_recall(report)]),
        _ranking(report),
        page.heading("How well its probabilities fit"),
        page.plots([_calibration(report), _over_time(report)]),
        page.heading("What a warning means"),
        page.plots([_confusion(report), _levels(report)]),
        page.paragraph(AVERAGING[:1].upper() + AVERAGING[1:] + ".", "dim"),
        _classes(report),
        *_effort(report),
        *_worth(report),
        page.heading("Project by project"),
        _projects(report),
        *_cost(report),
    ]
    foot = f"Model {report.origin.model}, evaluated {report.origin.date}. Intervals are 95 %. Made by automl-codex; this page holds everything it shows and asks the network for nothing."
    return page.document("Evaluation of the risk model", body, foot, _STYLE)


def number(value: float, digits: int = 3) -> str:
    """A figure, "–" where it is unknown."""
    return f"{value:.{digits}f}".replace("-", "−") if math.isfinite(value) else "–"


def percent(value: float, digits: int = 1) -> str:
    return f"{100 * value:.{digits}f} %" if math.isfinite(value) else "–"


def between(low: float, high: float, digits: int = 3) -> str:
    return f"{number(low, digits)} to {number(high, digits)}" if math.isfinite(low) and math.isfinite(high) else "–"


def _name(key: str) -> str:
    return _NAMES.get(key, key)


def _tiles(report: EvaluationReport) -> Html:
    ranking = report.ranking["model"]
    counted = sum(row.in_mean for row in report.projects)
    return page.tiles(
        [
            (number(ranking.mean_project_auc), f"mean AUC over {counted} of {len(report.projects)} projects, {between(ranking.low, ranking.high)}"),
            (number(report.auc_roc), "AUC, all commits pooled"),
            (number(report.auc_pr), f"average precision, {number(report.n_buggy / report.n)} by chance"),
            (percent(report.recall_at_20_percent), "of the fixes are in the riskiest 20 % of commits"),
            (number(report.ece), "expected calibration error"),
            (number(report.brier), "Brier score"),
            (f"{report.n:,}", f"commits, {report.period[0]} to {report.period[1]}"),
            (f"{report.n_buggy:,}", f"needed a fix, {percent(report.n_buggy / report.n)}"),
        ]
    )


def _lines(found: dict[str, Sequence[plots.Point]]) -> list[plots.Mark]:
    """One line a model, baselines behind and the model on top, its name first in the legend."""
    roles = {name: BASELINE_ROLES[i % len(BASELINE_ROLES)] for i, name in enumerate(name for name in found if name != "model")}
    behind: list[plots.Mark] = [plots.Line(points, name, roles[name], True) for name, points in found.items() if name != "model"]
    return [*behind, plots.Line(found["model"], _name("model"), "a")]


def _roc(report: EvaluationReport) -> Html:
    marks = [plots.Line(((0, 0), (1, 1)), "", "base", True), *_lines(dict(report.roc))]
    x, y = plots.share_axis("clean commits that are flagged (false alarms)"), plots.share_axis("found")
    caption = (
        "Every threshold at once, all commits pooled: how many of the commits that needed a fix are found for how many false alarms. Chance is the diagonal."
    )
    return page.figure("ROC curve", plots.chart("ROC curve", x, y, marks), caption, plots.legend(marks[::-1]))


def _precision_recall(report: EvaluationReport) -> Html:
    base = report.n_buggy / report.n
    marks = [plots.Line(((0, base), (1, base)), f"chance ({percent(base)})", "base", False), *_lines(dict(report.precision_recall))]
    x, y = plots.share_axis("found (recall)"), plots.share_axis("right (precision)")
    return page.figure(
        "Precision and recall",
        plots.chart("Precision and recall", x, y, marks),
        "How often a flag is right against how many of the commits that needed a fix are flagged.",
        plots.legend(marks[::-1]),
    )


def _ranking(report: EvaluationReport) -> Html:
    rows = [(_name(name), number(r.mean_project_auc), between(r.low, r.high), number(r.auc_roc), number(r.auc_pr)) for name, r in report.ranking.items()]
    caption = "The mean over projects counts; the pooled figures also profit from telling projects apart. Its interval is a bootstrap over projects and their commits."
    return page.table(("", "mean AUC of projects", "interval", "AUC pooled", "average precision pooled"), rows, caption)


def _calibration(report: EvaluationReport) -> Html:
    bins = report.calibration
    top = plots.share_top([*(b.mean_risk for b in bins), *(b.observed_high for b in bins)])
    tips = [f"{b.n:,} commits of risk {percent(b.low)} to {percent(b.high)}: mean {percent(b.mean_risk)}, observed {percent(b.observed)}" for b in bins]
    marks: list[plots.Mark] = [
        plots.Line(((0, 0), (top, top)), "perfect", "base", True),
        plots.Whiskers([(b.mean_risk, b.observed_low, b.observed_high) for b in bins]),
        plots.Dots([(b.mean_risk, b.observed) for b in bins], tips, "a tenth of the commits", "a"),
    ]
    svg = plots.chart("Calibration", plots.share_axis("predicted risk", top), plots.share_axis("needed a fix", top), marks)
    caption = f"{_bin_size(report)} in each of {len(bins)} dots, by predicted risk, with the interval of what happened. Mean distance from the line: {number(report.ece)}."
    return page.figure("Calibration", svg, caption, plots.legend(marks))


def _bin_size(report: EvaluationReport) -> str:
    sizes = sorted({b.n for b in report.calibration})
    return f"{sizes[0]:,} commits" if len(sizes) == 1 else f"{sizes[0]:,} to {sizes[-1]:,} commits"


def _over_time(report: EvaluationReport) -> Html:
    periods = report.risk_over_time
    most = max(p.n for p in periods)
    top = plots.share_top([max(p.mean_risk, p.observed) for p in periods] + [p.observed_high for p in periods if p.n >= most / 10])
    tips = [f"{p.name}: {p.n:,} commits, predicted {percent(p.mean_risk)}, observed {percent(p.observed)}" for p in periods]
    places = range(len(periods))
    marks: list[plots.Mark] = [
        plots.Bars([(i - 0.4, i + 0.4, p.n / most * top * 0.25) for i, p in zip(places, periods, strict=True)], (), f"commits (at most {most:,})", "base"),
        plots.Whiskers([(i, p.observed_low, p.observed_high) for i, p in zip(places, periods, strict=True)], "b"),
        plots.Dots([(i, p.observed) for i, p in zip(places, periods, strict=True)], tips, "observed", "b"),
        plots.Line([(i, p.mean_risk) for i, p in zip(places, periods, strict=True)], "predicted", "a"),
    ]
    svg = plots.chart("Risk over time", plots.place_axis("", [p.name for p in periods]), plots.share_axis("needs a fix", top), marks)
    caption = "Mean predicted risk beside the share that needed a fix. A gap that grows at the end may be drift, or fixes that are not made yet."
    return page.figure("Risk over time", svg, caption, plots.legend(marks[::-1]))


def _confusion(report: EvaluationReport) -> Html:
    counts = report.confusion_matrix.counts
    rows = [[(n / max(1, sum(row)), f"{n:,}|{percent(n / sum(row)) if sum(row) else '–'}") for n in row] for row in counts]
    svg = plots.heat("Confusion matrix", [_name(label) for label in report.confusion_matrix.labels], ["not flagged", "flagged"], rows)
    caption = (
        f"Flagged above a risk of {percent(report.threshold)}: precision {percent(report.precision)}, recall {percent(report.recall)}, F1 {number(report.f1_score)}, "
        f"accuracy {percent(report.accuracy)}, false-positive rate {percent(report.false_positive_rate)}. Shares are of the row."
    )
    return page.figure("Confusion matrix", svg, caption)


def _levels(report: EvaluationReport) -> Html:
    rows = [
        [(row.observed if row.n else 0.0, f"{row.n_buggy:,}|{percent(row.observed)}"), (1 - row.observed if row.n else 0.0, f"{row.n - row.n_buggy:,}")]
        for row in report.levels
    ]
    svg = plots.heat("Levels", [row.level for row in report.levels], ["needed a fix", "clean"], rows)
    n = sum(row.n for row in report.levels)
    shares = ", ".join(f"{row.level} {percent(row.n / n)}" for row in report.levels)
    return page.figure("What happened at each level", svg, f"Each project's commits at the level that its own risks give them. Of all commits: {shares}.")


def _classes(report: EvaluationReport) -> Html:
    rows = [(_name(name), f"{m.support:,}", number(m.precision), number(m.recall), number(m.f1_score)) for name, m in report.per_category.items()]
    return page.table(("class", "commits", "precision", "recall", "F1"), rows)


def _effort(report: EvaluationReport) -> list[Html]:
    if not report.effort:
        return []
    rows = [(_name(name), percent(e.recall_at_20_percent_effort), number(e.popt)) for name, e in report.effort.items()]
    words = "Effort-aware figures are shown because others print them. They say little of a model: reading the smallest commits first, which knows nothing, does about as well."
    return [page.paragraph(words, "note"), page.table(("order", "found in 20 % of the lines", "Popt"), rows)]


def _worth(report: EvaluationReport) -> list[Html]:
    if not report.feature_importance and not report.ablation:
        return []
    parts = [page.heading("What it rests on")]
    if report.feature_importance:
        shown = report.feature_importance[:MAX_IMPORTANCES]
        more = len(report.feature_importance) - len(shown)
        caption = f"{report.importance_kind}{f'; {more} smaller ones are in the JSON' if more else ''}"
        svg = plots.bars("Importance of the measures", [(i.feature, i.value, f"{i.value:.3g}") for i in shown])
        parts.append(page.plots([page.figure("Importance", svg, caption)]))
    if report.ablation:
        measured = any(math.isfinite(a.low) for a in report.ablation)
        rows = [
            (a.left_out, number(a.auc_roc), f"{a.difference:+.4f}".replace("-", "−"), *([between(a.low, a.high, 4)] if measured else []))
            for a in report.ablation
        ]
        columns = ("left out", "mean AUC", "difference", *(["interval"] if measured else []))
        parts.append(page.table(columns, rows, "The model trained without a family of measures."))
    return parts


def _projects(report: EvaluationReport) -> Html:
    axis = plots.Axis("", 0.4, 1.0, ())
    others = [name for name in report.ranking if name != "model"]
    rows = [
        (
            row.name + ("" if row.in_mean else " *"),
            number(row.auc_roc),
            _span(row, axis),
            between(row.low, row.high),
            *(number(row.baselines[name]) for name in others),
            f"{row.n:,}",
            percent(row.observed),
            percent(row.mean_risk),
            number(row.ece),
        )
        for row in sorted(report.projects, key=lambda r: (not r.in_mean, -r.auc_roc if math.isfinite(r.auc_roc) else 1.0, r.name))
    ]
    columns = ("project", "AUC", "0.4 to 1", "interval", *others, "commits", "needed a fix", "mean risk", "calibration error")
    return page.table(columns, rows, "AUC of each project with its interval; the stroke is .5, chance. * too few commits to count in the mean.")


def _span(row: Project, axis: plots.Axis) -> Html:
    return Html(plots.span(row.auc_roc, row.low, row.high, axis, 0.5)) if math.isfinite(row.low) else page.text("–")


def _cost(report: EvaluationReport) -> list[Html]:
    found = []
    if report.speed is not None:
        found.append(f"One change takes {report.speed.avg_latency_ms:.3g} ms, {report.speed.throughput_per_sec:,.0f} a second.")
    if report.cpu_seconds:
        found.append("Processor time: " + ", ".join(f"{name} {seconds:,.0f} s" for name, seconds in report.cpu_seconds.items()) + ".")
    return [page.heading("Cost"), page.paragraph(" ".join(found))] if found else []
