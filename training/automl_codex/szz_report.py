"""What `automl-codex szz-eval` writes: a part of a page between two marks, and the same figures as JSON."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import date
from pathlib import Path

from automl_codex import files
from automl_codex.szz_eval import ABLATIONS, HALVES, N_RESAMPLES, PUBLISHED, SEED, Result, Score, Timing
from codex_gate import szz
from codex_gate.errors import UsageError
from codex_gate.intervals import Interval

ORACLE, SPEED = "szz-eval --oracle", "szz-eval --time"  # the parts of the page
MIN_FIXES = 10  # of a language, for a row of its own
_PARTS = {"choice": "the half on which the default was chosen", "held out": "the other half, looked at afterwards", "all": "all"}


def judged(result: Result, today: date) -> str:
    """The part of the page about the oracle, as Markdown."""
    return "\n".join([*_head(result, today), *_main(result), *_ablation(result), *_languages(result)])


def timed(timings: Sequence[Timing], today: date) -> str:
    """The part of the page about speed, as Markdown."""
    rows = [f"| {t.repository} | {t.n_commits:,} | {t.n_fixes:,} | {t.seconds:.0f} | {t.cpu:.0f} | {t.load:.1f} |" for t in timings]
    head = "| repository | commits | fixes | seconds | processor seconds | load of the machine before |\n| --- | --- | --- | --- | --- | --- |"
    return "\n".join([f"{today}, {machine()}.\n", head, *rows])


def marks(part: str) -> tuple[str, str]:
    """The lines of a page between which this part stands."""
    return f"<!-- automl-codex {part}: begin -->", f"<!-- automl-codex {part}: end -->"


def check(path: Path, parts: Sequence[str]) -> str:
    """The page, which has a place for each of these parts.

    Raises:
        UsageError: it is missing, or lacks the marks of one of them in their order.
    """
    try:
        found = path.read_text("utf-8") if path.exists() else ""
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read ({error}); expected a page with marks") from error
    for part in parts:
        begin, end = marks(part)
        if end not in found.partition(begin)[2]:
            raise UsageError(f"{path} has no place for the figures; expected the lines {begin} and {end}")
    return found


def put(path: Path, part: str, text: str) -> None:
    """Write the text between the marks of a part of the page, and nothing else.

    Raises:
        UsageError: the page is missing or has no marks.
    """
    begin, end = marks(part)
    before, rest = check(path, [part]).split(begin, 1)
    files.put(path, f"{before}{begin}\n\n{text}\n{end}{rest.split(end, 1)[1]}")


def as_json(result: Result, today: date) -> str:
    """All figures, rounded to four places; intervals as [value, lower, upper]."""
    plain = {"date": today.isoformat(), "machine": machine(), "seed": SEED, "default": szz.DEFAULT, **asdict(result)}
    text = json.dumps(json.loads(json.dumps(plain), parse_float=lambda f: round(float(f), 4)), indent=1)
    return re.sub(r"\[\s+([-\d.]+),\s+([-\d.]+),\s+([-\d.]+)\s+\]", r"[\1, \2, \3]", text) + "\n"


def machine() -> str:
    """The machine in words: system, cores, Python, git."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    version = subprocess.run(["git", "--version"], capture_output=True, text=True).stdout.split()
    return f"{cores} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}, git {version[2] if len(version) > 2 else 'unknown'}"


def _head(result: Result, today: date) -> Iterator[str]:
    n_fixes = result.scores["all"][szz.DEFAULT].n_fixes
    left = ", ".join(f"{count:,} ({why})" for why, count in sorted(result.left_out.items()) if count)
    yield f"{today}, {machine()}. {n_fixes} of the oracle's {result.n_oracle:,} fixes, in {result.n_repositories} repositories; left out: {left or 'none'}."
    yield f"In square brackets: 95 % intervals, {N_RESAMPLES:,} bootstrap resamples of fixes, seed {SEED}.\n"


def _main(result: Result) -> Iterator[str]:
    yield "| variant | precision | recall | F1 | accused | right |\n| --- | --- | --- | --- | --- | --- |"
    for name, one in result.scores["all"].items():
        if name.removeprefix(f"{szz.DEFAULT}, ") not in ABLATIONS:
            yield _row(f"**{name}**, the default" if name == szz.DEFAULT else name, one)
    for name, (precision, recall, f1) in PUBLISHED.items():
        yield f"| {name} as published, full set | {precision:.2f} | {recall:.2f} | {f1:.2f} | | |"
    yield "\nThe default beside plain B-SZZ (`b`):\n"
    yield "| fixes | n | F1 of `b` | F1 of the default | difference |\n| --- | --- | --- | --- | --- |"
    for part in HALVES:
        if part in result.margins:
            base, ours = result.scores[part]["b"], result.scores[part][szz.DEFAULT]
            yield f"| {_PARTS[part]} | {ours.n_fixes} | {_cell(base.f1)} | {_cell(ours.f1)} | {_cell(result.margins[part], True)} |"
    best = max((f1 for _, _, f1 in PUBLISHED.values())) - PUBLISHED["B-SZZ"][2]
    yield f"\nThe best published variant is {best:.2f} above B-SZZ on the full set.\n"


def _ablation(result: Result) -> Iterator[str]:
    yield "What each rule of the default is worth: the default with one of them changed.\n"
    yield "| change | F1, choice half | F1, held-out half | F1, all | precision, all | recall, all |\n| --- | --- | --- | --- | --- | --- |"
    for label, name in [("none", szz.DEFAULT), *((rule, f"{szz.DEFAULT}, {rule}") for rule in ABLATIONS)]:
        halves = [f"{result.scores[part][name].f1.value:.3f}" if result.scores[part][name].n_fixes else "" for part in HALVES]
        every = result.scores["all"][name]
        yield f"| {label} | {' | '.join(halves)} | {every.precision.value:.3f} | {every.recall.value:.3f} |"


def _languages(result: Result) -> Iterator[str]:
    yield f"\nBy language of the files that a fix changed (a fix in two counts twice; languages with fewer than {MIN_FIXES} fixes are not shown):\n"
    yield "| language | fixes | F1 of `b` | precision | recall | F1 |\n| --- | --- | --- | --- | --- | --- |"
    for part, scores in result.scores.items():
        ours = scores[szz.DEFAULT]
        if part not in HALVES and ours.n_fixes >= MIN_FIXES:
            yield f"| {part} | {ours.n_fixes} | {_cell(scores['b'].f1)} | {_cell(ours.precision)} | {_cell(ours.recall)} | {_cell(ours.f1)} |"


def _row(label: str, one: Score) -> str:
    return f"| {label} | {_cell(one.precision)} | {_cell(one.recall)} | {_cell(one.f1)} | {one.n_accused} | {one.n_right} |"


def _cell(one: Interval, signed: bool = False) -> str:
    form = "+.3f" if signed else ".3f"
    return f"{one.value:{form}} [{one.low:{form}}, {one.high:{form}}]"
