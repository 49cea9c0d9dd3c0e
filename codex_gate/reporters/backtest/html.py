"""A backtest as one self-contained HTML page with plots."""

from __future__ import annotations

from typing import Final

from codex_gate import page, plots
from codex_gate.backtest import Backtest
from codex_gate.page import Html
from codex_gate.periods import MIN_JUDGED
from codex_gate.reporters.backtest import words
from codex_gate.reporters.hostile import shown
from codex_gate.reporters.wording import duration, folder, percent

N_LOUDEST: Final = 50  # changes that are listed; the JSON holds all (chosen)
N_POINTS: Final = 60  # thresholds on the curve of precision and recall (chosen)


def render(found: Backtest) -> str:
    """The whole page."""
    proposal = found.proposal()
    body = [
        page.paragraph(f"{words.scope(found)}. {words.judgement(found)}"),
        *([page.paragraph(words.learned(found), "note")] if found.seen else []),
        *(page.paragraph(shown(n.text, 600), "note") for n in found.notices),
        _tiles(found),
        page.heading(f"A threshold for {words.budget(found.budget)}"),
        *(page.paragraph(sentence) for sentence in (words.proposed(proposal, found), words.compared(proposal), words.nearest(found)) if sentence),
        page.plots([*_trade_off(found), _over_time(found)]),
        page.heading("By level"),
        _levels(found),
        page.heading("By risk"),
        _thresholds(found),
        *_fit(found),
        page.heading("The riskiest changes"),
        _loudest(found),
    ]
    foot = f"{words.method(found)} Model {shown(found.model_version, 40)}, {duration(found.seconds)}. Intervals are 95 %. This page holds everything it shows and asks the network for nothing."
    return page.document(f"Backtest of {shown(folder(found.repository))}", body, foot)


def _tiles(found: Backtest) -> Html:
    flags = found.proposal().flags
    figures = [
        (f"{len(found.changes):,}", "changes replayed"),
        (f"{len(found.judged):,}", "old enough to be judged"),
        (words.share(found.fit()[1]), "of them needed a fix"),
        (words.limit(found.threshold(found.budget), found).removeprefix("above "), f"risk to flag above, for {words.budget(found.budget)}"),
        (words.number(flags.per_week), "comments a week"),
        (words.share(flags.precision.value), "of these flags were right"),
        (words.share(flags.recall), "of what needed a fix is flagged"),
    ]
    return page.tiles(figures)


def _trade_off(found: Backtest) -> list[Html]:
    """Precision and recall over the share of changes that is flagged."""
    if found.missing():
        return []
    steps = [found.above(found.threshold(i / N_POINTS)) for i in range(1, N_POINTS)]
    rows = [f for f in steps if f.judged]
    base = found.n_fixed / len(found.judged)
    marks: list[plots.Mark] = [
        plots.Line(((found.budget, 0), (found.budget, 1)), "the budget", "base", True),
        plots.Line(((0, base), (1, base)), f"all changes ({percent(base)})", "base"),
        plots.Line([(f.share, f.recall) for f in rows], "found (recall)", "c"),
        plots.Line([(f.share, f.precision.value) for f in rows], "right (precision)", "a"),
    ]
    svg = plots.chart("Noise and worth", plots.share_axis("changes that are flagged"), plots.share_axis(""), marks)
    caption = "What each noise budget buys: how often a flag is right, and how much of what needed a fix is flagged."
    return [page.figure("Noise and worth", svg, caption, plots.legend(marks[::-1]))]


def _over_time(found: Backtest) -> Html:
    periods = found.over_time()
    known = [(i, p) for i, p in enumerate(periods) if p.judged >= MIN_JUDGED]
    most = max(p.n for p in periods)
    top = plots.share_top([*(p.mean_risk for p in periods), *(p.observed.high for _, p in known)])
    tips = [f"{p.name}: {p.n:,} changes, predicted {percent(p.mean_risk)}, {words.between(p.observed)} needed a fix" for _, p in known]
    flags = [f"{p.name}: {p.flagged:,} of {p.n:,} flagged" for p in periods]
    marks: list[plots.Mark] = [
        plots.Bars([(i - 0.4, i + 0.4, p.n / most * top * 0.25) for i, p in enumerate(periods)], flags, f"changes (at most {most:,})", "base"),
        plots.Bars([(i - 0.4, i + 0.4, p.flagged / most * top * 0.25) for i, p in enumerate(periods)], flags, "flagged", "d"),
        plots.Whiskers([(i, p.observed.low, p.observed.high) for i, p in known], "b"),
        plots.Dots([(i, p.observed.value) for i, p in known], tips, "needed a fix", "b"),
        plots.Line([(i, p.mean_risk) for i, p in enumerate(periods)], "predicted", "a"),
    ]
    svg = plots.chart("Risk over time", plots.place_axis("", [p.name for p in periods]), plots.share_axis("", top), marks)
    caption = f"Mean predicted risk of each period beside the share of its judged changes that needed a fix, where there are {MIN_JUDGED} to judge."
    return page.figure("Risk over time", svg, caption, plots.legend(marks[::-1]))


def _levels(found: Backtest) -> Html:
    rows = [(words.NAMES[level], *words.cells(flags)) for level, flags in found.by_level()]
    every = ("all changes", *words.cells(found.flags(lambda _: True)))
    return page.table(("level", *words.COLUMNS), [*rows, every], "Each change at the level that it had when it came in, compared with the changes before it.")


def _thresholds(found: Backtest) -> Html:
    mine = found.threshold(found.budget)
    rows = [(words.limit(limit, found) + (" ←" if limit == mine else ""), *words.cells(flags)) for limit, flags in found.by_threshold()]
    return page.table(
        ("risk", *words.COLUMNS),
        rows,
        "One threshold for all of the time; ← is that of the budget. Found: share of the judged changes that needed a fix which are flagged.",
    )


def _fit(found: Backtest) -> list[Html]:
    bins = found.calibration()
    if not bins:
        return []
    top = plots.share_top([*(b.mean_risk for b in bins), *(b.observed.high for b in bins)])
    tips = [f"{b.n:,} changes: predicted {percent(b.mean_risk)}, {words.between(b.observed)} needed a fix" for b in bins]
    marks: list[plots.Mark] = [
        plots.Line(((0, 0), (top, top)), "perfect", "base", True),
        plots.Whiskers([(b.mean_risk, b.observed.low, b.observed.high) for b in bins]),
        plots.Dots([(b.mean_risk, b.observed.value) for b in bins], tips, "a fifth of the judged changes"),
    ]
    svg = plots.chart("Calibration", plots.share_axis("predicted risk", top), plots.share_axis("needed a fix", top), marks)
    shown_plot = page.figure("Calibration", svg, f"{bins[0].n:,} changes or so in each dot, with the interval of what happened.", plots.legend(marks))
    return [page.heading("How the probabilities fit"), page.paragraph(words.fit(found)), page.plots([shown_plot])]


def _loudest(found: Backtest) -> Html:
    rows = [
        (
            c.sha[:9],
            words.day(c.time),
            percent(c.risk),
            c.level.value,
            words.outcome(c, found),
            c.repair.sha[:9] if c.repair else "",
            shown(c.title, 90),
        )
        for c in found.loudest(N_LOUDEST)
    ]
    return page.table(("change", "day", "risk", "level", "outcome", "repair", "title"), rows, "", (0, 1, 3, 4, 5, 6))
