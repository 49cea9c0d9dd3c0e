"""The line ranker's tables in words: docs/lines.md."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any, Final

from automl_codex.evaluate import machine
from automl_codex.files import put
from automl_codex.lines import DELETED_SHARE, MEASURES, SEEN, SHIPPED, STRENGTHS

_GOAL: Final = 0.27  # Top-10, and that of chance in the protocol that it was set in
_GOAL_CHANCE: Final = 0.204
_HEADS: Final = {"top_5": "Top-5", "top_10": "Top-10", "recall_at_20_percent": "recall at 20 %", "ifa": "IFA"}


def origin(path: Path, seed: int, today: date) -> dict[str, Any]:
    """Where the figures come from."""
    return {"input": path.name, "input_sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "seed": seed, "date": today.isoformat(), "machine": machine()}


def facts(report: Mapping[str, Any]) -> dict[str, Any]:
    """What the ranker's own file says about its making."""
    figures = report["tables"]["all changed lines"]["rows"][SHIPPED]
    return {
        "trained": report["date"],
        "input_sha256": report["input_sha256"],
        "training": {name: report[name] for name in ("projects", "commits", "lines", "defective")},
        "left_out_projects": {name: [round(number, 4) for number in figures[name]] for name in MEASURES},
    }


def write(report: Mapping[str, Any], path: Path) -> None:
    """JSON where the name ends in .json, else Markdown."""
    put(path, json.dumps(report, indent=1) + "\n" if path.suffix == ".json" else markdown(report))


def markdown(report: Mapping[str, Any]) -> str:
    """The page, with a table for each reading of the protocol."""
    parts = [
        "# Which lines to look at first",
        "",
        f"Written by `automl-codex lines --input {report['input']} --eval-report docs/lines.md` on {report['date']}; "
        f"{report['machine']['processor']}, {report['machine']['cores']} cores, Python {report['machine']['python']}; "
        f"seed {report['seed']} (of the intervals); input sha256 `{report['input_sha256'][:16]}…`.",
        "",
        "## The ranker",
        "",
        "A logistic regression within commits – what sets a line apart from the others of its change – over measures of a line by itself (what it holds, its kind, its length), among the other lines of the change (new and rare names, "
        "repetition, likeness to what it replaces) and of its place. It knows no language: the words for a condition, a call or a comment are generic. "
        "Standard library at run time; `models/lines.json` holds one weight for each measure.",
        "",
        "## Data",
        "",
        f"{report['lines']:,} changed lines of {report['commits']} commits that brought in a defect, {report['projects']} Java projects (JIT-Defects4J, Ni et al. 2022). "
        f"{report['defective']:,} lines are defective: a later fix of a defect changed them. {report['defective_deleted']} of {report['lines'] - report['added']:,} deleted lines are. "
        "Lines without a label are left out. Lines stand by their place in the diff, never by the order of the table; ties count as chance has it.",
        "",
        "## Protocol",
        "",
        f"Each project is left out once. The penalty (inverse strength {', '.join(map(str, STRENGTHS))}) and whether the measures of place count are chosen by folds over whole projects inside the training projects. "
        "Top-k: share of defective lines among the first min(k, n). Recall at 20 %: share of the defective lines among the first ⌊n / 5⌋. IFA: clean lines before the first defective one "
        "(lower is better). Means over commits with a defective line, with 95 % bootstrap intervals over commits. The measures and the family were looked at on the same data; penalty and place were not. Lines without program text "
        "(brackets alone, comments) come last, as at run time, although the table holds some defective ones: most were taken out of it, those left are no sample.",
        "",
    ]
    for view, table in report["tables"].items():
        parts += _table(view, table)
    return "\n".join([*parts, *_notes(report)]) + "\n"


def _table(view: str, table: Mapping[str, Any]) -> list[str]:
    lines = [
        f"## {view.capitalize()} ({table['commits']} commits)",
        "",
        "| ranker | " + " | ".join(_HEADS[name] for name in MEASURES) + " |",
        "|---|" + "---:|" * len(MEASURES),
    ]
    for name, row in table["rows"].items():
        cells = [f"{v:.{d}f} ({low:.{d}f}–{high:.{d}f})" for (v, low, high), d in zip((row[m] for m in MEASURES), (3, 3, 3, 1), strict=True)]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return [*lines, ""]


def _bounds(rows: Mapping[str, Mapping[str, list[float]]]) -> str:
    """How far rankers get that have seen the very lines they are judged on."""
    told = ", ".join(f"{name.removeprefix('no test: ')} {rows[name]['top_10'][0]:.3f}" for name in SEEN)
    return f"Rankers of the same families that have seen the lines they are judged on reach little more, which no unseen project can give: {told}."


def _beside_chance(rows: Mapping[str, Mapping[str, list[float]]]) -> str:
    """The Top-10 as so many times that of chance, which other cuts of the data leave comparable."""
    reached, chance = rows[SHIPPED]["top_10"][0], rows["random"]["top_10"][0]
    return (
        f"It was set where chance had {_GOAL_CHANCE}, in a cut of these lines that could not be found again: {_GOAL / _GOAL_CHANCE:.2f} times chance; "
        f"here {reached:.3f} is {reached / chance:.2f} times {chance:.3f}. By its letter it is missed."
    )


def _notes(report: Mapping[str, Any]) -> list[str]:
    rows = report["tables"]["all changed lines"]["rows"]
    behind, level, prior = rows[SHIPPED], rows["shipped, deleted lines not put behind"], rows["only: deleted lines last"]
    ceilings = ", ".join(f"{_HEADS[name]} has a ceiling of {rows['ceiling'][name][0]:.3f}" for name in MEASURES[:3])
    return [
        "## What to know",
        "",
        f"- **Deleted lines.** No deleted line is defective in these labels, and none can be: blame finds only lines that are still there. Putting them behind is right for the question "
        f"“which of these lines will a fix change?”, at run time too; it says nothing of a check that should not have been deleted. It brings a good part of the distance from random in the first table: "
        f"deleted last and nothing else has a Top-10 of {prior['top_10'][0]:.3f} and a recall of {prior['recall_at_20_percent'][0]:.3f}; the ranker without it {level['top_10'][0]:.3f} and "
        f"{level['recall_at_20_percent'][0]:.3f}, with it {behind['top_10'][0]:.3f} and {behind['recall_at_20_percent'][0]:.3f}. The second table is free of it. "
        f"The shipped score of a deleted line is {DELETED_SHARE} of what an added line would get, so that deleted lines keep an order among themselves.",
        f"- **What bounds it.** The goal was a Top-10 of {_GOAL}. {_beside_chance(rows)} {_bounds(rows)} Labels say which lines a later fix changed, one of several ways to repair a defect, and many lines of a change "
        "are alike in everything that can be read off them. Tried by hand on 2026-11-26, in seven parts of whole projects, where the ranker has .249: 3,776 more commits with 8,079 defective lines, which SZZ gave in eleven other "
        "Java projects, .244 (their lines weighing .3), IFA 5.1 in place of 5.5; those commits without a line of this table .242 (.237 from one project, .240 from three); LambdaMART .243, with those commits .244 to .246; the measures of the lines before and behind "
        ".244, with those commits .242; tokens and pairs of tokens learned from those commits .240, as a further measure .249, with two more such models .252; means of ranks of logistic regression and LambdaMART .249. On 2026-11-27, in seven other such parts (the ranker .250): a transformer of 17 million parameters that reads the whole change (86 million pieces of other projects' changes seen "
        "before; docs/tried.md), taught 9,929 commits with 20,716 defective lines by SZZ in 46 projects and then the lines of the other parts, .243 (recall .367, IFA 6.4), .228 when taught the latter twice as long; without a line of this table .235, by this table alone .225; "
        "half and half with the ranker .247, three tenths of it .250. So neither more lines of this kind nor another family is missing. What was not tried, since the labels' projects may not be mined: what the repository knew of a line before – whether its function "
        "was repaired before, how unusual it is there – and what stands around the changed lines.",
        "- **Other figures.** Published figures for this data differ in which lines and commits count, so they compare only with the random row beside them; the order of lines in some published tables puts "
        "the defective one first, which no ranker here can see.",
        "- **Java only.** No measure is of Java, but no other language was validated. File history is not read: the labels' projects may not be mined, so its worth could not be measured.",
        f"- The scores compare lines of one change. They are no probabilities. {ceilings}.",
    ]
