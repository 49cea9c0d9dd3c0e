"""A trend as one self-contained HTML page with plots."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Final

from codex_gate import page, plots
from codex_gate.drift import Shift
from codex_gate.intervals import Interval
from codex_gate.page import Html
from codex_gate.periods import MIN_CHANGES, MIN_FIXES, MIN_JUDGED, Period, Trend
from codex_gate.reporters.backtest.words import about, between, share
from codex_gate.reporters.hostile import shown
from codex_gate.reporters.trend import words
from codex_gate.reporters.wording import duration, folder
from codex_gate.taxonomy import UNCLASSIFIED
from codex_gate.watch import CATEGORY, DEFECT, KIND, called

_SHARES: Final = plots.Axis("", 0.0, 3.0, ((0.0, "0"), (1.0, "1"), (2.0, "2"), (3.0, "≥ 3")))  # of a threshold; how far beyond says no more
ROLES: Final = ("a", "b", "c", "d")  # of the categories that have a colour of their own; the rest is one


def render(found: Trend) -> str:
    """The whole page."""
    body = [
        page.paragraph(f"{words.scope(found)}."),
        *([page.paragraph(words.flattered(found), "note")] if found.replayed.seen else []),
        *(page.paragraph(shown(n.text, 600), "note") for n in found.replayed.notices),
        _tiles(found),
        *(page.paragraph(text) for text in (words.calibration(found), words.drift(found))),
        page.plots([_risk(found), _fixes(found), _calibration(found), *_categories(found), *_distances(found), *_streams(found)]),
        page.heading(f"By {found.by}"),
        page.table(
            (found.by, *words.COLUMNS),
            [(p.name, *words.cells(p)[:-1], _names(p) or words.cells(p)[-1]) for p in reversed(found.periods)],
            words.gaps(found),
            (0, 7),
        ),
    ]
    past = found.replayed
    foot = f"{words.method(found)} Model {shown(past.model_version, 40)}, {duration(past.seconds)}. Intervals are 95 %. This page holds everything it shows and asks the network for nothing."
    return page.document(f"Trend of {shown(folder(past.repository))}", body, foot)


def _tiles(found: Trend) -> Html:
    past = found.replayed
    predicted, observed = past.fit()
    figures = [
        (f"{len(past.changes):,}", "changes"),
        (share(math.fsum(c.risk for c in past.changes) / len(past.changes)), "mean risk"),
        (share(found.n_fixes / len(past.changes)), "are fixes"),
        (share(observed), f"of {len(past.judged):,} old enough needed a fix"),
        (share(predicted), "of them were predicted to"),
        (f"{len(found.drifted)} of {len(found.compared)}" if found.compared else "–", f"{found.by}s with drift"),
    ]
    return page.tiles(figures)


def _axis(found: Trend) -> plots.Axis:
    return plots.place_axis("", [p.name for p in found.periods])


def _points(found: Trend, value: Callable[[Period], float]) -> list[plots.Point]:
    return [(float(k), value(p)) for k, p in enumerate(found.periods)]


def _tips(found: Trend, what: Callable[[Period], str]) -> list[str]:
    return [f"{p.name}: {what(p)}" for p in found.periods]


def _whiskers(found: Trend, interval: Callable[[Period], Interval], role: str) -> plots.Whiskers:
    spans = [(float(k), interval(p)) for k, p in enumerate(found.periods)]
    return plots.Whiskers([(k, i.low, i.high) for k, i in spans if not math.isnan(i.value)], role)


def _top(values: Sequence[float]) -> float:
    return plots.share_top([value for value in values if not math.isnan(value)])


def _counted(found: Trend, top: float, count: Callable[[Period], int], name: str, what: str) -> plots.Bars:
    """How many there are, low on the floor of a plot of shares."""
    most = max(1, *map(count, found.periods), 1)
    bars = [(k - 0.4, k + 0.4, count(p) / most * top * 0.2) for k, p in enumerate(found.periods)]
    return plots.Bars(bars, _tips(found, lambda p: f"{count(p):,} {what}"), f"{name} (at most {most:,})", "base")


def _risk(found: Trend) -> Html:
    top = _top([p.high_risk for p in found.periods])
    marks: list[plots.Mark] = [
        _counted(found, top, lambda p: p.n, "changes", "changes"),
        *plots.broken(_points(found, lambda p: p.high_risk), _tips(found, lambda p: f"1 in 10 above {share(p.high_risk)}"), "1 in 10 is above", "d", True),
        *plots.broken(_points(found, lambda p: p.mean_risk), _tips(found, lambda p: f"mean risk {share(p.mean_risk)} of {p.n:,} changes"), "mean risk", "a"),
    ]
    svg = plots.chart("Risk", _axis(found), plots.share_axis("", top), marks)
    return page.figure("Risk", svg, f"Predicted risk of the changes that came in. A gap where fewer than {MIN_CHANGES} did.", plots.legend(marks[::-1]))


def _fixes(found: Trend) -> Html:
    top = _top([p.fixes.high for p in found.periods])
    tips = _tips(found, lambda p: f"{p.n_fixes:,} of {p.n:,} changes are fixes, {between(p.fixes)}")
    marks: list[plots.Mark] = [
        _counted(found, top, lambda p: p.n_fixes, "fixes", "fixes"),
        _whiskers(found, lambda p: p.fixes, "c"),
        *plots.broken(_points(found, lambda p: p.fixes.value), tips, "share of changes that are fixes", "c"),
    ]
    svg = plots.chart("Fixes", _axis(found), plots.share_axis("", top), marks)
    caption = f"Fixes among the changes, with the interval of their share. A gap where fewer than {MIN_CHANGES} changes came in."
    return page.figure("Fixes", svg, caption, plots.legend(marks[::-1]))


def _calibration(found: Trend) -> Html:
    top = _top([*(p.observed.high for p in found.periods), *(p.predicted for p in found.periods)])
    ripening = found.replayed.ripening
    within = "" if math.isnan(ripening) else f"within {about(ripening)}"
    tips = _tips(found, lambda p: "{1} of {2:,} needed a fix, predicted {0}".format(*words.judged(p), p.judged))
    marks: list[plots.Mark] = [
        _whiskers(found, lambda p: p.observed, "b"),
        *(plots.broken(_points(found, lambda p: p.soon.value), _tips(found, lambda p: f"{between(p.soon)} {within}"), within, "base", True) if within else []),
        *plots.broken(_points(found, lambda p: p.predicted), tips, "predicted", "a"),
        plots.Dots([point for point in _points(found, lambda p: p.observed.value) if not math.isnan(point[1])], [t for t, p in zip(tips, found.periods, strict=True) if p.fits is not None], "needed a fix so far", "b"),
    ]  # fmt: skip
    svg = plots.chart("Calibration", _axis(found), plots.share_axis("", top), marks)
    caption = f"Of the changes old enough to judge: predicted, and what needed a fix, with its interval; a gap where there are fewer than {MIN_JUDGED}." + (
        f" Older periods had more time to be found out; the dashed line gives each the same, {about(ripening)}." if within else ""
    )
    return page.figure("Calibration", svg, caption, plots.legend(marks[::-1]))


def _categories(found: Trend) -> list[Html]:
    """Shares of the categories among the fixes, one on the other; the higher ones are drawn first, the lower ones over them."""
    if not found.categories:
        return []
    named = [name for name in found.categories if name != UNCLASSIFIED]
    own, rest = named[: len(ROLES)], named[len(ROLES) :]
    layers = [*((name, {name}, role) for name, role in zip(own, ROLES)), *([("other", set(rest), "e")] if rest else [])]
    layers += [(UNCLASSIFIED, {UNCLASSIFIED}, "base")] if UNCLASSIFIED in found.categories else []
    known = [(k, p.categories, sum(p.categories.values())) for k, p in enumerate(found.periods) if p.categories]
    below = [0.0] * len(known)
    marks: list[plots.Mark] = []
    for name, members, role in layers:
        counts = [sum(n for category, n in categories.items() if category in members) for _, categories, _ in known]
        below = [height + n / total for height, n, (_, _, total) in zip(below, counts, known, strict=True)]
        tips = [f"{found.periods[k].name}: {n:,} of {total:,} fixes {name}" for n, (k, _, total) in zip(counts, known, strict=True)]
        marks.append(plots.Bars([(k - 0.45, k + 0.45, height) for height, (k, _, _) in zip(below, known, strict=True)], tips, name, role))
    svg = plots.chart("Categories of fixes", _axis(found), plots.share_axis(""), marks[::-1])
    caption = f"What kind of defect the fixes are about, as shares. A gap where there are fewer than {MIN_FIXES} fixes."
    return [page.figure("Categories of fixes", svg, caption, plots.legend(marks))]


def _distances(found: Trend) -> list[Html]:
    """How far categories, kinds of defects, file types, and the measure that stands out most are on their way to being called drift."""
    if not found.compared:
        return []
    lines: list[tuple[str, str, Callable[[Shift], bool]]] = [
        ("categories", "a", lambda s: s.name == CATEGORY),
        ("kinds of defects", "b", lambda s: s.name == DEFECT),
        ("file types", "c", lambda s: s.name == KIND),
        ("the measure that moved most", "d", lambda s: s.name not in (CATEGORY, DEFECT, KIND)),
    ]
    marks: list[plots.Mark] = [plots.Line(((-0.5, 1.0), (len(found.periods) - 0.5, 1.0)), "called drift", "base", True)]
    for name, role, belongs in lines:
        loudest = [max((s for s in p.drift.shifts if belongs(s)), key=lambda s: s.ratio, default=None) if p.drift else None for p in found.periods]
        points = [(float(k), math.nan if s is None else s.ratio) for k, s in enumerate(loudest)]
        tips = [f"{p.name}: {called(s.name)} {s.ratio:.2f} of what is called drift" if s else "" for p, s in zip(found.periods, loudest, strict=True)]
        marks += plots.broken(points, tips, name, role)
    drifted = [k for k, p in enumerate(found.periods) if p.drift and p.drift.drift]
    tips = [f"{found.periods[k].name}: drift of {_names(found.periods[k])}" for k in drifted]
    flags = plots.Bars([(k - 0.5, k + 0.5, _SHARES.high) for k in drifted], tips, "drift", "shade")
    svg = plots.chart("Drift", _axis(found), _SHARES, [flags, *marks])
    caption = (
        "How far each period, or a newest part of it, lies from the one before, as a share of what is called drift by thresholds calibrated on the same changes. "
        "Shaded where monitor would have said so."
    )
    return [page.figure("Drift", svg, caption, plots.legend([*marks, *([flags] if drifted else [])]))]


def _names(period: Period) -> str:
    return ", ".join(called(s.name) for s in period.drift.moved) if period.drift else ""


def _streams(found: Trend) -> list[Html]:
    """Every stream of every period as a share of its threshold."""
    if not found.compared:
        return []
    names = list(dict.fromkeys(s.name for p in found.compared if p.drift for s in p.drift.shifts))
    by_name = [{s.name: s for s in p.drift.shifts} if p.drift else {} for p in found.periods]
    cells = [[_cell(p, shifts[name]) if name in shifts else None for p, shifts in zip(found.periods, by_name, strict=True)] for name in names]
    svg = plots.strips("Drift by measure", [called(one) for one in names], _axis(found), cells)
    caption = (
        "Each measure's divergence by its threshold: the darker, the nearer; in the second colour where it passed. A gap where there is too little to compare."
    )
    return [page.figure("Drift by measure", svg, caption)]


def _cell(period: Period, shift: Shift) -> tuple[float, str]:
    """How near the stream came to what is called drift."""
    return shift.ratio, f"{period.name}: {called(shift.name)} {shift.ratio:.2f} of what is called drift"
