"""A screen as one self-contained HTML page: the verdict, the reasons as bars, the changed lines with the risky ones marked, the commits.

Nothing is fetched and nothing runs; bars are boxes with a width. Every string of the repository is escaped by codex_gate.page,
lines of code by `_source`. The lines are those of `Finding.lines` in the order of the diff, so a hunk is what is contiguous there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from typing import Final, NamedTuple

from codex_gate import page, plots
from codex_gate.page import Html
from codex_gate.reporters import wording
from codex_gate.reporters.hostile import shorten_path, shown, visible
from codex_gate.types import Classification, Evidence, Finding, Level, LineScore, ModelKind, Report

MAX_HUNKS: Final = 20  # the riskiest are shown, the JSON holds all lines (chosen, as the four below: what one reads)
MAX_LINES: Final = 40  # of a hunk, around its riskiest line
MAX_WIDTH: Final = 400  # characters of a line
MAX_COMMITS: Final = 200
N_MARKED: Final = 10  # lines with a number
_TAB: Final = 4
_ROLES: Final = {Level.MODERATE: "c", Level.HIGH: "b", Level.CRITICAL: "e"}  # colours of plots

STYLE: Final = """
:root{--low:#2e7d4f;--moderate:#8a6400;--high:#b4470a;--critical:#b3142a;--unknown:#5b6470;--add:#e4f4e8;--del:#fbe7e7;--mark:#f4c542}
@media(prefers-color-scheme:dark){:root{--low:#63c98c;--moderate:#e0b84a;--high:#ff9d57;--critical:#ff7b88;--unknown:#9aa5b1;--add:#14291c;--del:#2f181b;--mark:#c99a1b}}
.low{--level:var(--low)}.moderate{--level:var(--moderate)}.high{--level:var(--high)}.critical{--level:var(--critical)}.unknown{--level:var(--unknown)}
.verdict{border:1px solid var(--edge);border-left:.4rem solid var(--level);border-radius:.5rem;background:var(--card);padding:.8rem 1rem;margin:.8rem 0 1rem}
.verdict strong{display:block;font-size:1.9rem;line-height:1.2;color:var(--level);font-variant-numeric:tabular-nums}
.scale{position:relative;height:.8rem;margin:1.6rem 0 .3rem;border-radius:.4rem;overflow:visible;display:flex;background:var(--edge)}
.scale i{display:block;height:100%;background:var(--level);opacity:.55}.scale i:first-child{border-radius:.4rem 0 0 .4rem}.scale i:last-of-type{border-radius:0 .4rem .4rem 0}
.scale b{position:absolute;top:-.55rem;width:.25rem;height:1.9rem;margin-left:-.125rem;border-radius:.125rem;background:var(--fg)}
.keys{display:flex;flex-wrap:wrap;gap:.1rem 1rem;list-style:none;margin:.5rem 0 0;padding:0;font-size:.8125rem;color:var(--dim)}
.keys i{display:inline-block;width:.7rem;height:.7rem;border-radius:.15rem;background:var(--level);opacity:.75;margin-right:.35rem}
h1,.reasons,.commits,.places,.kinds{overflow-wrap:anywhere}.reasons,.commits,.places,.kinds,.kinds ul{list-style:none;margin:.6rem 0;padding:0}
.reasons li{display:grid;grid-template-columns:2.6rem minmax(5rem,9rem) 1fr;gap:.2rem .8rem;align-items:center;padding:.25rem 0;border-bottom:1px solid var(--edge)}
.reasons b{text-align:right;font-variant-numeric:tabular-nums}.push{position:relative;height:.9rem;background:linear-gradient(var(--edge),var(--edge)) 50%/1px 100% no-repeat}
.push i{position:absolute;top:0;bottom:0;border-radius:.15rem}.push .up{left:50%;background:var(--high)}.push .down{right:50%;background:var(--low)}
.places li,.kinds>li{padding:.25rem 0}.kinds ul{margin:.15rem 0 .4rem}.kinds code{font:.8125rem/1.45 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;background:var(--card);border-radius:.25rem;padding:.05rem .3rem}.path{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;font-size:.875rem;font-weight:600;overflow-wrap:anywhere}
.hunk{border:1px solid var(--edge);border-radius:.5rem;margin:1rem 0;overflow:hidden}.hunk h3{background:var(--card);border-bottom:1px solid var(--edge);margin:0;padding:.4rem .7rem;font-weight:600}
.hunk table{width:100%;font:.8125rem/1.45 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;table-layout:fixed;border-spacing:0}
.hunk td{border:0;padding:0 .4rem;text-align:left;vertical-align:top}.hunk tr:hover{background:inherit}
.hunk td:nth-child(1){width:2.2rem;text-align:center;font-weight:700}.hunk td:nth-child(2){width:3.6rem;text-align:right;color:var(--dim);user-select:none}.hunk td:nth-child(3){width:1.3rem;color:var(--dim);user-select:none}
.hunk td:nth-child(4){white-space:pre-wrap;overflow-wrap:anywhere;overflow:hidden}.add{background:var(--add)}.del{background:var(--del)}
.marked td:first-child{background:var(--mark);color:#1c2127}.marked td:last-child{box-shadow:inset .2rem 0 var(--mark)}.gap td:nth-child(4){color:var(--dim)}
.commits li{display:grid;grid-template-columns:6.2rem 3.4rem 6rem 5.5rem 1fr;gap:0 .7rem;align-items:center;padding:.25rem 0;border-bottom:1px solid var(--edge);font-size:.9rem}
.commits code{font-size:.8125rem;color:var(--dim)}.commits b{text-align:right;font-variant-numeric:tabular-nums}.meter{height:.6rem;background:var(--edge);border-radius:.3rem;overflow:hidden}
.meter i{display:block;height:100%;background:var(--level)}.commits em{font-style:normal;color:var(--level);font-weight:600}.commits span:last-child{overflow-wrap:anywhere;min-width:0}
figure{max-width:34rem}.alike .hit{fill:var(--b)}.alike .rest{fill:var(--edge)}
@media(max-width:44rem){.reasons li{grid-template-columns:2.6rem 1fr}.reasons span:last-child{grid-column:1/-1}.commits li{grid-template-columns:6.2rem 3.4rem 1fr 5.5rem}.commits span:last-child{grid-column:1/-1}
.hunk td:nth-child(2){width:2.8rem;padding:0 .2rem}.hunk td:nth-child(1){width:1.7rem;padding:0}.hunk td:nth-child(3){width:1rem;padding:0 .2rem}}
"""


class Hunk(NamedTuple):
    """A contiguous run of changed lines, in the order of the diff."""

    lines: tuple[LineScore, ...]

    @property
    def score(self) -> float:
        return max(line.score for line in self.lines)


def render(report: Report) -> str:
    """The whole page."""
    n, change = wording.digits(report), report.change
    scope = shown(report.scope, 120)
    body = [
        *([page.paragraph(shown(change.title, 200))] if change is not None and change.title != report.scope else []),
        *(_verdict(report, change, n) if change is not None else _tally(report)),
        *(page.paragraph(shown(notice.text, 600), "note") for notice in wording.notices(report)[:20]),
        *(_change(change) if change is not None else ()),
        *_commits(report),
        *_history(report),
        *_meaning(report, n),
    ]
    made = " · ".join((f"tier {report.tier}", f"model {shown(report.model_version, 40)}", wording.duration(report.seconds)))
    return page.document(scope or "codex-gate", body, f"codex-gate, {made}. This page holds all that it shows and asks the network for nothing.", STYLE)


def _change(change: Finding) -> Iterator[Html]:
    yield from _reasons(change)
    yield from _places(change)
    yield from _seen(change)
    yield from _relief(change)
    yield from _hunks(change)


# -- the verdict ---------------------------------------------------------------------------------------


def _verdict(report: Report, change: Finding, n: int) -> list[Html]:
    standing = wording.standing(change, report.thresholds)
    sentences = [f"{standing[0].upper()}{standing[1:]}." if standing else "", wording.meaning(change, report.model_kind)]
    inside = f"<strong>{page.text(wording.verdict(change, n))}</strong>{''.join(page.paragraph(s) for s in sentences if s)}{_scale(report, change, n)}"
    return [Html(f'<section class="verdict {change.level.value}">{inside}</section>')]


def _scale(report: Report, change: Finding, n: int) -> str:
    """From 0 to 100 %, where the levels begin and where the change stands; "" where there are no levels."""
    if change.risk is None or not report.thresholds.at:
        return ""
    starts = [(Level.LOW, 0.0), *sorted(report.thresholds.at.items(), key=lambda item: item[0].rank)]
    ends = [at for _, at in starts[1:]] + [1.0]
    bands = "".join(f'<i class="{level.value}" style="width:{100 * max(0.0, end - at):.1f}%"></i>' for (level, at), end in zip(starts, ends, strict=True))
    keys = "".join(
        f'<li class="{level.value}"><i></i>{page.text(f"{level.value} above {wording.percent(at, n)}" if at else level.value)}</li>' for level, at in starts
    )
    label = page.text(f"{wording.percent(change.risk, n)} on a scale from 0 to 100 %")
    return f'<div class="scale" role="img" aria-label="{label}">{bands}<b style="left:{100 * change.risk:.1f}%"></b></div><ul class="keys">{keys}</ul>'


def _tally(report: Report) -> list[Html]:
    if not report.commits:
        return []
    return [page.paragraph(f"{wording.count(len(report.commits), 'commit')}: {wording.tally(report.commits)}.")]


# -- why and where -------------------------------------------------------------------------------------


def _reasons(change: Finding) -> list[Html]:
    if not change.reasons:
        return []
    most = max(abs(reason.contribution) for reason in change.reasons) or 1.0
    rows = []
    for reason in change.reasons:
        side = "up" if reason.contribution > 0 else "down"
        bar = f'<i class="{side}" style="width:{50 * abs(reason.contribution) / most:.1f}%"></i>' if reason.contribution else ""
        rows.append(
            f'<li><b>{page.text(wording.points(reason.contribution))}</b><span class="push">{bar}</span><span>{page.text(shown(reason.text, 400))}</span></li>'
        )
    how = page.paragraph(
        "Points of risk that the measures behind each sentence together add (right) or take off (left), "
        "counted from where the forest begins: the mean of what it learned from.",
        "dim",
    )
    return [page.heading("Why"), how, Html(f'<ul class="reasons">{"".join(rows)}</ul>')]


def _places(change: Finding) -> list[Html]:
    if not change.files:
        return []
    rows = (
        f'<li><span class="path">{page.text(wording.place(shorten_path(f.path), f.line))}</span><br>{page.text(shown(f.why, 300))}</li>'
        for f in change.files[: wording.MAX_FILES]
    )
    return [page.heading("Look at first"), Html(f'<ol class="places">{"".join(rows)}</ol>')]


def _relief(change: Finding) -> list[Html]:
    if not change.relief:
        return []
    rows = (
        f'<li><span class="path">{page.text(shorten_path(r.path))}</span><br>in a change of its own: {page.text(wording.percent(r.risk))} for the rest</li>'
        for r in change.relief[: wording.MAX_FILES]
    )
    return [page.heading("What would lower it"), Html(f'<ol class="places">{"".join(rows)}</ol>')]


def _seen(change: Finding) -> list[Html]:
    found = wording.categories(change)
    return [page.heading("What kind of defect"), Html(f'<ol class="kinds">{"".join(map(_kind, found))}</ol>')] if found else []


def _kind(found: Classification) -> str:
    head = f"<b>{page.text(visible(str(found.category)))}</b> {page.text(wording.percent(found.confidence))}"
    rows = "".join(f"<li>{_evidence(*group)}</li>" for group in wording.by_place(found.evidence[:5]))
    return f'<li>{head}<br><span class="dim">{page.text(wording.about(found).replace("`", ""))}</span>{f"<ul>{rows}</ul>" if rows else ""}</li>'


def _evidence(evidence: Evidence, texts: Sequence[str]) -> str:
    place = page.text(wording.place(shorten_path(evidence.where, 80), evidence.line))
    where = "the message says" if wording.in_message(evidence) else f'<span class="path">{place}</span>'
    return f"{where} {wording.told(evidence, ' '.join(f'<code>{page.text(shown(text, 120))}</code>' for text in texts))}".rstrip()


# -- the lines -----------------------------------------------------------------------------------------


def hunks(lines: Sequence[LineScore]) -> list[Hunk]:
    """The contiguous runs of lines in the order of the diff: deleted ones, then the added ones that stand in their place."""
    found: list[list[LineScore]] = []
    shift = 0  # how far the new side of the file lies below the old one before this hunk
    for line in lines:
        last = found[-1][-1] if found else None
        if last is None or _file(line) != _file(last):
            found.append([line])
            shift = 0
            continue
        follows = line.line == last.line + 1 if line.added == last.added else line.added and line.line == found[-1][0].line + shift
        if follows:
            found[-1].append(line)
            continue
        shift += sum(1 if other.added else -1 for other in found[-1])
        found.append([line])
    return [Hunk(tuple(run)) for run in found]


def _file(line: LineScore) -> str:
    """The file of a line, for a deleted one of a renamed file by its new name."""
    return line.file or line.path


def _hunks(change: Finding) -> list[Html]:
    if not change.lines:
        return []
    whole = hunks(change.lines)
    chosen = sorted(whole, key=lambda hunk: -hunk.score)[:MAX_HUNKS]
    order = sorted((line for line in change.lines if line.score > 0), key=lambda line: (-line.score, line.path, not line.added, line.line))
    riskiest = wording.alike(order)[:N_MARKED]
    marks = {(group[0].path, group[0].added, group[0].line): _Mark(rank, wording.like_it(group)) for rank, group in enumerate(riskiest, 1)}
    left = len(whole) - len(chosen)
    more = (
        [page.paragraph(f"{wording.count(left, 'more hunk')}, none of them riskier; codex-gate screen --format json --lines all holds every line.", "dim")]
        if left
        else []
    )
    how = (
        f"{wording.count(len(change.lines), 'changed line')}. The numbers rank the {len(riskiest)} riskiest of the whole change, lines alike counted once; "
        "hunks stand with the riskiest first."
    )
    return [page.heading("The lines"), page.paragraph(how, "dim"), *(_hunk(hunk, marks) for hunk in chosen), *more]


class _Mark(NamedTuple):
    """The number of a line among the riskiest, and how many are like it."""

    rank: int
    alike: str


def _hunk(hunk: Hunk, marks: dict[tuple[str, bool, int], _Mark]) -> Html:
    shown_lines, before = _window(hunk.lines)
    after = len(hunk.lines) - before - len(shown_lines)
    margin = _margin(shown_lines)
    rows = [*_gap(before), *(_row(line, marks.get((line.path, line.added, line.line)), margin) for line in shown_lines), *_gap(after)]
    return Html(
        f'<section class="hunk"><h3 class="path">{page.text(shorten_path(_file(hunk.lines[0])))}</h3><table><tbody>{"".join(rows)}</tbody></table></section>'
    )


def _margin(lines: Sequence[LineScore]) -> int:
    """By how many blanks all of these lines are indented; they are left out, for on a phone they would push the text into the next line."""
    texts = [text for text in map(_decoded, lines) if text.strip()]
    return min((len(text) - len(text.lstrip(" ")) for text in texts), default=0)


def _window(lines: Sequence[LineScore]) -> tuple[Sequence[LineScore], int]:
    """At most MAX_LINES lines around the riskiest one, and how many stand before them."""
    top = max(range(len(lines)), key=lambda k: lines[k].score)
    first = max(0, min(top - MAX_LINES // 2, len(lines) - MAX_LINES))
    return lines[first : first + MAX_LINES], first


def _gap(n: int) -> list[str]:
    return [f'<tr class="gap"><td></td><td></td><td></td><td>{page.text(wording.count(n, "more changed line"))}</td></tr>'] if n else []


def _row(line: LineScore, mark: _Mark | None, margin: int) -> str:
    kinds = ("add" if line.added else "del") + (" marked" if mark else "")
    tip = f' title="place {mark.rank} of the riskiest lines{mark.alike}"' if mark else ""
    return f'<tr class="{kinds}"{tip}><td>{mark.rank if mark else ""}</td><td>{line.line}</td><td>{"+" if line.added else "−"}</td><td>{_source(_decoded(line)[margin:])}</td></tr>'


def _decoded(line: LineScore) -> str:
    """A line of code, tabs as blanks."""
    return line.text.rstrip(b"\r\n")[: 4 * MAX_WIDTH].decode("utf-8", "surrogateescape").expandtabs(_TAB)


def _source(text: str) -> str:
    """A line of code for HTML: what cannot be seen as an escape, nothing else changed."""
    cut = text[:MAX_WIDTH] + ("…" if len(text) > MAX_WIDTH else "")
    return escape("".join(c if c.isprintable() or c == "\u00a0" else f"\\u{{{ord(c):x}}}" for c in cut))


# -- the commits, and what it means --------------------------------------------------------------------


def _commits(report: Report) -> list[Html]:
    if not report.commits or (report.change is not None and len(report.commits) < 2):
        return []
    rows = wording.loudest_first(report.commits, MAX_COMMITS)
    left = len(report.commits) - len(rows)
    about = f"Oldest first, each with only what was known before it{f'; {left:,} more, none of them riskier' if left else ''}."
    return [page.heading("Commits"), page.paragraph(about, "dim"), Html(f'<ol class="commits">{"".join(map(_commit, rows))}</ol>')]


def _commit(finding: Finding) -> str:
    risk = finding.risk or 0.0
    return (
        f'<li class="{finding.level.value}"><code>{page.text(wording.short(finding.sha))}</code>'
        f'<b>{page.text("–" if finding.risk is None else wording.percent(finding.risk))}</b><span class="meter"><i style="width:{100 * risk:.1f}%"></i></span>'
        f"<em>{finding.level.value}</em><span>{page.text(shown(finding.title, 160))}</span></li>"
    )


def _history(report: Report) -> list[Html]:
    """The risks of the changes before this one, in the order in which they came, and where the levels begin."""
    change, recent = report.change, report.recent
    if change is None or change.risk is None or len(recent) < 2:
        return []
    count, top = len(recent), plots.share_top((*recent, change.risk, *report.thresholds.at.values()))
    tips = [f"{wording.percent(risk)}, {wording.count(count - k, 'change')} before this one" for k, risk in enumerate(recent)]
    marks: list[plots.Mark] = [
        *(plots.Line([(0, at), (count, at)], f"{level.value} begins", _ROLES[level], dashed=True) for level, at in report.thresholds.at.items()),
        plots.Line(list(enumerate(recent)), "", "base"),
        plots.Dots(list(enumerate(recent)), tips, "the changes before it", "base"),
        plots.Dots([(count, change.risk)], [f"{wording.percent(change.risk)}, this one"], "this change", "a"),
    ]
    ticks = ((0.0, f"{count} before"), (count / 2, f"{count // 2}"), (float(count), "this"))
    drawn = plots.chart("Risk of the last changes", plots.Axis("changes, oldest first", 0, count, ticks), plots.share_axis("risk", top), marks)
    return [page.heading("History"), page.figure(f"The last {wording.count(count, 'change')} of this branch, and this one", drawn, "", plots.legend(marks))]


def _alike(risk: float, kind: ModelKind) -> Html:
    """A hundred changes scored like this one, those marked that needed a fix where the model was calibrated."""
    n = wording.hundredths(risk)
    dots = "".join(f'<circle class="{"hit" if k < n else "rest"}" cx="{7 + 14 * (k % 20)}" cy="{7 + 14 * (k // 20)}" r="5"/>' for k in range(100))
    label = page.text(f"{n} of 100 dots are marked")
    drawn = f'<svg class="alike" viewBox="0 0 280 70" role="img" aria-label="{label}">{dots}</svg>'
    return page.figure("A hundred changes scored like this one", drawn, f"Marked: {n}, about as many as {wording.NEEDED[kind]} a fix {wording.WHERE[kind]}.")


_CALIBRATED: Final = {
    ModelKind.GENERAL: "The risk is calibrated on projects that the model had not seen when it scored them: of changes scored alike, that share needed a fix; {} of all did. "
    "In another ecosystem, or where fixes are noted otherwise, the order of changes is to be trusted before the number itself.",
    ModelKind.ADAPTED: "The model was moved to a repository's base rate by automl-codex adapt: risks are as if {} of all changes needed a fix, which its messages or some labels speak for. "
    "Nothing else was learned there, so the order of changes is to be trusted before the number itself.",
    ModelKind.RETRAINED: "The risk is calibrated on the past of the repository that the model was retrained on: of changes scored alike there, that share needed a fix; {} of all did. "
    "In another repository the order of changes is to be trusted before the number itself.",
}


def _meaning(report: Report, n: int) -> Iterable[Html]:
    """Calibration in words: what the number says, what the level says, and what neither does."""
    change = report.change
    known = [f for f in ([change] if change is not None else report.commits) if f.risk is not None]
    if not known:
        return
    yield page.heading("How sure this is")
    if not all(f.is_blind for f in known):  # what could be read of a change is no change that the model was judged on
        if change is not None and change.risk is not None:
            yield _alike(change.risk, report.model_kind)
        yield page.paragraph(_CALIBRATED[report.model_kind].format(wording.percent(report.thresholds.base_rate)))
    if levels := wording.levels(report.thresholds, n):
        yield page.paragraph(f"{levels}.")
    yield page.paragraph(
        "A low risk is no proof: most fixes are needed by changes that nobody would have picked out. codex-gate backtest says how often a flag was right in this repository."
    )
