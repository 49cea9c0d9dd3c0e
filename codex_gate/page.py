"""One self-contained HTML page: our styles, inline plots, no script and nothing fetched; light and dark, wide and narrow.

Strings are text and are escaped; only what is an `Html` goes in as it is. A policy in the head forbids the browser
every request, so that a page made of a stranger's repository can be opened without a thought.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Final


class Html(str):
    """Finished HTML, made by this module or by codex_gate.plots."""

    __slots__ = ()


STYLE: Final = """
:root{color-scheme:light dark;--bg:#fff;--fg:#1c2127;--dim:#5b6470;--edge:#d9dee4;--card:#f6f8fa;--a:#1d5fd1;--b:#c2570c;--c:#0f7b6c;--d:#8a3fc0;--e:#b3246b;--base:#8b95a1}
@media(prefers-color-scheme:dark){:root{--bg:#12161b;--fg:#e4e8ec;--dim:#9aa5b1;--edge:#303842;--card:#1a2027;--a:#7cabff;--b:#ff9d57;--c:#4fc9b4;--d:#cc9bf5;--e:#f58ab8;--base:#76818d}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:76rem;padding:1.2rem 1rem 3rem;background:var(--bg);color:var(--fg);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
h1{font-size:1.6rem;line-height:1.25;margin:.2rem 0 .4rem}h2{font-size:1.2rem;margin:2.2rem 0 .5rem}h3{font-size:1rem;margin:0 0 .4rem}
p{margin:.4rem 0;max-width:46rem;overflow-wrap:anywhere}.dim,figcaption,footer{color:var(--dim);font-size:.875rem}footer{margin-top:2.5rem}
.tiles{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,9.5rem),1fr));gap:.6rem;margin:1rem 0;padding:0;list-style:none}
.tiles li{background:var(--card);border:1px solid var(--edge);border-radius:.5rem;padding:.55rem .75rem}
.tiles b{display:block;font-size:1.4rem;line-height:1.3;font-variant-numeric:tabular-nums}.tiles span{color:var(--dim);font-size:.8125rem;line-height:1.3;display:block}
.plots{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,26rem),1fr));gap:1rem;margin:1rem 0}
figure{margin:0;background:var(--card);border:1px solid var(--edge);border-radius:.5rem;padding:.8rem;min-width:0}
figure>svg{display:block;width:100%;max-width:30rem;height:auto;margin:0 auto}figcaption{margin-top:.4rem}
.legend{display:flex;flex-wrap:wrap;gap:.1rem 1rem;margin:.3rem 0 0;padding:0;list-style:none;font-size:.8125rem}.legend svg{vertical-align:-1px}
.scroll{overflow-x:auto;margin:.6rem 0}table{border-collapse:collapse;font-size:.9rem;font-variant-numeric:tabular-nums}
th,td{padding:.3rem .7rem;border-bottom:1px solid var(--edge);text-align:right;white-space:nowrap;vertical-align:middle}th{font-weight:600;color:var(--dim);white-space:normal;vertical-align:bottom}
td.text,th.text{text-align:left}td.wide{white-space:normal;min-width:14rem}td svg{vertical-align:middle}tbody tr:hover{background:var(--card)}
.note{border-left:3px solid var(--b);padding:.1rem .8rem;margin:.8rem 0}
@media(max-width:30rem){th,td{padding:.3rem .4rem}}
svg text{fill:var(--fg);font:11px system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}svg text.faint{fill:var(--dim)}svg .end{text-anchor:end}svg .mid{text-anchor:middle}svg text.strong{font-weight:600;font-size:13px}
svg .grid{stroke:var(--edge);stroke-width:1}svg .grid.strong{stroke:var(--base)}svg .stroke{fill:none;stroke-width:2;stroke-linejoin:round}svg .thin{stroke-width:1.2}svg .dashed{stroke-dasharray:5 4;stroke-width:1.5}svg .fill.shade{fill:var(--b);fill-opacity:.2}
""" + "".join(f"svg .stroke.{role}{{stroke:var(--{role})}}svg .fill.{role}{{fill:var(--{role})}}" for role in ("a", "b", "c", "d", "e", "base"))


def text(value: object) -> Html:
    r"""Text for HTML: escaped, what cannot be seen (controls, bidi marks, bytes that were no UTF-8) as `\u{..}`; Html stays."""
    if isinstance(value, Html):
        return value
    shown = str(value)
    if not shown.isprintable():
        shown = "".join(c if c.isprintable() or c == "\u00a0" else f"\\u{{{ord(c):x}}}" for c in shown)
    return Html(escape(shown).replace(" %", "\u00a0%"))  # no line begins with a per cent sign


def document(title: str, body: Iterable[Html], foot: str, style: str = "") -> str:
    """The whole page.

    Args:
        title: heading and name of the page.
        body: its parts, in order.
        foot: how the page was made, in small print.
        style: our own rules for parts that STYLE does not know.
    """
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        f"<title>{text(title)}</title>\n<style>{STYLE}{style}</style>\n</head>\n<body>\n<h1>{text(title)}</h1>\n"
        + "\n".join(body)
        + f"\n<footer>{text(foot)}</footer>\n</body>\n</html>\n"
    )


def heading(words: str) -> Html:
    return Html(f"<h2>{text(words)}</h2>")


def paragraph(words: str, kind: str = "") -> Html:
    """A paragraph; `kind` is "", "dim" or "note"."""
    return Html(f'<p class="{kind}">{text(words)}</p>' if kind else f"<p>{text(words)}</p>")


def tiles(figures: Iterable[tuple[str, str]]) -> Html:
    """The figures that count, large: (figure, what it is)."""
    return Html(f'<ul class="tiles">{"".join(f"<li><b>{text(figure)}</b><span>{text(what)}</span></li>" for figure, what in figures)}</ul>')


def figure(title: str, svg: str, caption: str = "", legend: str = "") -> Html:
    """A plot of codex_gate.plots with its title, legend and a sentence on how to read it."""
    under = f"<figcaption>{text(caption)}</figcaption>" if caption else ""
    return Html(f"<figure><h3>{text(title)}</h3>{svg}{legend}{under}</figure>")


def plots(figures: Iterable[Html]) -> Html:
    """Figures side by side as the window allows."""
    return Html(f'<div class="plots">{"".join(figures)}</div>')


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], caption: str = "", words: Sequence[int] = (0,)) -> Html:
    """A table that scrolls for itself where it is too wide; the columns `words` are set left, numbers right."""
    kinds = ["text" if i in words else "" for i in range(len(columns))]

    def row(cells: Sequence[object], tag: str) -> str:
        inside = (f'<{tag} class="{kind}">{text(cell)}</{tag}>' if kind else f"<{tag}>{text(cell)}</{tag}>" for kind, cell in zip(kinds, cells, strict=True))
        return f"<tr>{''.join(inside)}</tr>"

    above = paragraph(caption, "dim") if caption else ""  # outside of what scrolls, so that it is read whole on a phone
    return Html(f'{above}<div class="scroll"><table><thead>{row(columns, "th")}</thead><tbody>{"".join(row(r, "td") for r in rows)}</tbody></table></div>')
