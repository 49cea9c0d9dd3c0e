"""Drift as one self-contained HTML page with plots."""

from __future__ import annotations

from codex_gate import page, plots
from codex_gate.page import Html
from codex_gate.reporters.backtest.words import share
from codex_gate.reporters.drift import words
from codex_gate.reporters.hostile import shown
from codex_gate.reporters.wording import duration, folder
from codex_gate.watch import DriftReport, called


def render(report: DriftReport) -> str:
    """The whole page."""
    tiles = [
        ("yes" if report.drift else "no", "drift"),
        (f"{report.kl_divergence:.3f}", "KL divergence of the categories"),
        (f"{report.threshold:.3f}", "its threshold, calibrated" if report.calibrated else "its threshold, as given"),
        (f"{report.n_window:,}", "changes in the window"),
        (f"{report.n_baseline:,}", "changes of the baseline" if report.is_foreign else "changes before it"),
    ]
    body = [
        page.paragraph(words.scope(report)),
        *([page.paragraph(words.advice(report), "note")] if report.drift else []),
        *(page.paragraph(shown(n.text, 600), "note") for n in report.notices),
        page.tiles(tiles),
        page.plots([_distances(report), _categories(report)]),
        page.heading("What moved"),
        _table(report),
        *(page.paragraph(text) for text in (words.divergence(report), words.fit(report)) if text),
    ]
    foot = f"{words.method()} Model {shown(report.model_version, 40)}, {duration(report.seconds)}. This page asks the network for nothing."
    return page.document(f"{words.verdict(report)} – {shown(folder(report.repository))}", body, foot)


def _distances(report: DriftReport) -> Html:
    """How far each stream is on its way to being called drift."""
    ranked = sorted(report.shifts, key=lambda s: -s.ratio)
    rows = [(called(s.name), s.ratio, words.times(s) + (" – drift" if s.drifted else "")) for s in ranked]
    caption = "Of the newest part that stands out most, as a share of what is called drift there."
    return page.figure("Divergence by threshold", plots.bars("Divergence by threshold", rows), caption)


def _categories(report: DriftReport) -> Html:
    names = [name for name in report.current if max(report.current[name], report.baseline[name]) >= 0.005]
    names.sort(key=lambda name: -report.baseline[name])
    top = plots.share_top([max(report.current[name], report.baseline[name]) for name in names])
    tips = [f"{name}: {share(report.baseline[name])} before, {share(report.current[name])} now" for name in names]
    marks: list[plots.Mark] = [
        plots.Bars([(i - 0.4, i, report.baseline[name]) for i, name in enumerate(names)], tips, "before", "base"),
        plots.Bars([(i, i + 0.4, report.current[name]) for i, name in enumerate(names)], tips, "now", "a"),
    ]
    svg = plots.chart("Categories", plots.place_axis("", [str(i + 1) for i in range(len(names))]), plots.share_axis("", top), marks)
    caption = "; ".join(f"{i} {name}" for i, name in enumerate(names, 1))
    return page.figure("Predicted categories", svg, caption, plots.legend(marks))


def _table(report: DriftReport) -> Html:
    ordered = [*report.moved, *(s for s in report.shifts if not s.drifted)]
    rows = [
        (called(s.name), words.times(s), words.part(report, s), "drift" if s.drifted else "as before", words.since(report, s), shown(words.moved(s), 300))
        for s in ordered
    ]
    return page.table(("stream", "times its threshold", "where", "verdict", "since", "shares"), rows, "", (0, 2, 3, 4, 5))
