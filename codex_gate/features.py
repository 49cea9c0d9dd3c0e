"""Measures of a change: Kamei's fourteen, file history, churn by role, program text, and the specification's eight.

FEATURE_SCHEMA grows whenever a name or a meaning changes; a model states the schema it was trained on.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

from codex_gate import paths, unread
from codex_gate.content import CONTENT, read
from codex_gate.history import DAY, ChangePast
from codex_gate.messages import is_fix
from codex_gate.own_words import OwnWords, Words
from codex_gate.types import BLIND, Commit, CommitFeatures, FileChange, Notice

FEATURE_SCHEMA: Final = 5
UNKNOWN: Final = -1.0  # what vector() gives the models for NaN: none of the measures that a model may read is negative
NAN: Final = math.nan

KAMEI: Final = ("ns", "nd", "nf", "entropy", "la", "ld", "lt", "fix", "ndev", "age", "nuc", "exp", "rexp", "sexp")
"""Kamei et al. 2013, TSE 39(6), table 1; `age` in days, `la` `ld` `lt` in lines, `exp` `sexp` in commits."""

FILE_HISTORY: Final = (
    "fixes_sum", "fixes_max", "fixes_year_sum", "fixes_year_max", "days_since_fix", "file_age_mean", "file_age_min",
    "days_since_change", "touches_sum", "touches_max", "devs_max", "own_share", "top_share",
)  # fmt: skip
"""Past of the touched files. fixes_*: earlier commits that speak of a fix, in all and in the last 365 days. days_since_fix: since the
latest of any file, or since the oldest file appeared when there was none. own_share: the author's
share of the files' past touches [0, 1]; top_share: mean over files of the most frequent author's share [0, 1]."""

SHAPE: Final = ("new_files", "deleted_files", "renamed_files", "n_hunks", "la_max", "lt_max", "churn_max_share",
                "test_share", "doc_share", "code_share", "code_la", "code_files", "n_languages")  # fmt: skip
"""Form of the diff. *_share: share of added plus deleted lines [0, 1] in test, doc and code files."""

WORDING_AND_CLOCK: Final = ("message_length", "hour_of_day", "day_of_week")
"""message_length in characters; hour 0–23 and day 0–6 (Monday 0) in the author's own zone."""

FEATURE_NAMES: Final = (*KAMEI, *FILE_HISTORY, *SHAPE, *CONTENT, *WORDING_AND_CLOCK, "complexity_delta")
SHOWN_ALONE: Final = "complexity_delta"  # measured for one change at a time and below 0 at times: no model may read it
OWN_WORDS: Final = "own_words"
"""By how much its words move the log-odds of a change: beside the measures, where a model reads words (`own_words`)."""
HISTORY_NAMES: Final = frozenset({"ndev", "age", "nuc", "exp", "rexp", "sexp", *FILE_HISTORY})
_UNKNOWN: Final = dict.fromkeys(FEATURE_NAMES, NAN)
MESSAGE_NAMES: Final = frozenset({"fix", "message_length"})
SPEC_NAMES: Final = ("defect_category", "files_changed", "lines_added", "lines_deleted", "complexity_delta", "timestamp", "hour_of_day", "day_of_week")

LineCount = Callable[[str], int | None]
"""Lines of a blob by id, None when it is missing or no text."""


class DiffSide(NamedTuple):
    """What follows from a diff alone: measures of its shape and its text, and notices of the gaps in it."""

    values: dict[str, float]
    notices: tuple[Notice, ...]


def extract(commit: Commit, past: ChangePast | None, line_count: LineCount, words: OwnWords | None = None) -> CommitFeatures:
    """Every measure of FEATURE_NAMES for one change.

    Args:
        commit: the change with its files.
        past: what was known before it; None when that is unknown (shallow clone).
        line_count: lines of a file before the change, by blob id.
        words: what the words of the change are worth, for a model that reads them; adds OWN_WORDS.
    Returns:
        The measures, NaN where unknown (complexity_delta is measured elsewhere), with a notice for each kind of gap.
    """
    return completed(diff_side(commit.files, line_count, words), commit, past)


def diff_side(files: Sequence[FileChange], line_count: LineCount, words: OwnWords | None = None) -> DiffSide:
    """The part of `extract` that needs neither the past nor the message."""
    values: dict[str, float] = {}
    before = [_lines_before(f, line_count) for f in files]
    _shape(files, before, values)
    # Where not one line could be counted the text is as unknown as the churn.
    content, new = read(files) if values["la"] == values["la"] else (dict.fromkeys(CONTENT, NAN), set())
    values.update(content)
    if words is not None:
        values[OWN_WORDS] = words.shift(Words.of(files, new)) if values["la"] == values["la"] else NAN
    return DiffSide(values, tuple(_gaps(files, before)))


def completed(side: DiffSide, commit: Commit, past: ChangePast | None) -> CommitFeatures:
    """The measures of `extract` from its part that was worked out before."""
    values = _UNKNOWN.copy()  # in their order
    values.update(side.values)
    if past is None:
        values.update(dict.fromkeys(HISTORY_NAMES, NAN))
    else:
        _history(past, commit.time, values)
    values["fix"] = NAN if commit.message is None else float(is_fix(commit.message))
    values["message_length"] = NAN if commit.message is None else float(len(commit.message.strip()))
    local = commit.time + commit.utc_offset * 60
    values["hour_of_day"] = float(local // 3600 % 24)
    values["day_of_week"] = float((local // DAY + 3) % 7)  # 1970-01-01 was a Thursday
    return CommitFeatures(values, side.notices)


def vector(features: CommitFeatures, names: Sequence[str]) -> list[float]:
    """The measures in the order of `names`, unknown ones as UNKNOWN: the only place that encodes them for a model."""
    values = features.values
    return [UNKNOWN if (value := values[name]) != value else value for name in names]


def spec_view(features: CommitFeatures, category: str | None, timestamp: int) -> Mapping[str, float | str | None]:
    """The specification's 8-dimensional vector (§6.2) as a view; unknown values are None.

    `defect_category` is the rules' guess and `timestamp` a record: neither is a model input. No command shows the view; docs/spec.md asks
    for it (points 107, 110 and 111).
    """
    known = features.known()
    return {
        "defect_category": category,
        "files_changed": known["nf"],
        "lines_added": known["la"],
        "lines_deleted": known["ld"],
        "complexity_delta": known["complexity_delta"],
        "timestamp": float(timestamp),
        "hour_of_day": known["hour_of_day"],
        "day_of_week": known["day_of_week"],
    }


def entropy(churn: Sequence[int]) -> float:
    """Shannon entropy of changed lines over files, divided by log2 of the number of files; [0, 1].

    Source: Kamei et al. 2013, measure ENTROPY, normalised as they do.
    """
    total = sum(churn)
    if len(churn) < 2 or not total:
        return 0.0
    bits = -sum(c / total * math.log2(c / total) for c in churn if c)
    return min(1.0, bits / math.log2(len(churn)))


def _lines_before(change: FileChange, line_count: LineCount) -> int | None:
    if change.status == "A":
        return 0
    if change.added is None:
        return None
    return 1 if change.old_mode == 0o160000 else line_count(change.old_id)


def _shape(files: Sequence[FileChange], before: Sequence[int | None], values: dict[str, float]) -> None:
    # One pass: this runs for every file of every commit of a bulk screen.
    churn, by_role, statuses, languages = [], {"test": 0, "doc": 0, "code": 0}, {"A": 0, "D": 0, "R": 0}, set()
    subsystems, directories = set(), set()
    la = ld = la_max = hunks = code_la = code_files = 0
    for change in files:
        path, status, added, deleted = change.path, change.status, change.added, change.deleted
        subsystems.add(paths.subsystem(path))
        directories.add(paths.directory(path))
        if status in statuses:
            statuses[status] += 1
        kind = paths.role(path)
        if kind == "code":
            code_files += 1
            languages.add(paths.language(path))
        if added is None or deleted is None:
            continue
        size = added + deleted
        churn.append(size)
        la, ld = la + added, ld + deleted
        la_max = added if added > la_max else la_max
        if size:
            hunks += 1 + change.patch.count(b"\n@@ -")
        if kind in by_role:
            by_role[kind] += size
        if kind == "code":
            code_la += added
    total = la + ld
    old = [n for n in before if n is not None]
    # A change of which no line can be counted has unknown churn; one without files has none.
    known, lt_known = bool(churn) or not files, bool(old) or not files
    none = 0.0 if known else NAN
    values.update(
        ns=float(len(subsystems)),
        nd=float(len(directories)),
        nf=float(len(files)),
        entropy=entropy(churn) if known else NAN,
        la=float(la) if known else NAN,
        ld=float(ld) if known else NAN,
        lt=float(sum(old)) if lt_known else NAN,
        new_files=float(statuses["A"]),
        deleted_files=float(statuses["D"]),
        renamed_files=float(statuses["R"]),
        n_hunks=float(hunks) if known else NAN,
        la_max=float(la_max) if known else NAN,
        lt_max=float(max(old, default=0)) if lt_known else NAN,
        churn_max_share=max(churn) / total if total else none,
        test_share=by_role["test"] / total if total else none,
        doc_share=by_role["doc"] / total if total else none,
        code_share=by_role["code"] / total if total else none,
        code_la=float(code_la) if known else NAN,
        code_files=float(code_files),
        n_languages=float(len(languages)),
    )


def _history(past: ChangePast, now: int, values: dict[str, float]) -> None:
    # One pass, as above.
    n = n_touches = touches_max = fixes_sum = fixes_max = year_sum = year_max = devs_max = mine = 0
    ages: list[float] = []
    tops: list[float] = []
    last = repair = None
    for touches, fixes, in_year, own, top, authors, first, latest, last_fix in past.files:
        if first is None:
            continue
        n += 1
        ages.append(max(0, now - first) / DAY)
        tops.append(top / touches)
        n_touches, fixes_sum, year_sum, mine = n_touches + touches, fixes_sum + fixes, year_sum + in_year, mine + own
        touches_max, fixes_max, year_max = max(touches_max, touches), max(fixes_max, fixes), max(year_max, in_year)
        devs_max = max(devs_max, authors)
        if latest is not None and (last is None or latest > last):
            last = latest
        if last_fix is not None and (repair is None or last_fix > repair):
            repair = last_fix
    values.update(
        ndev=float(past.ndev),
        age=past.age,
        nuc=float(past.nuc),
        exp=float(past.exp),
        rexp=past.rexp,
        sexp=float(past.sexp),
        fixes_sum=float(fixes_sum),
        fixes_max=float(fixes_max),
        fixes_year_sum=float(year_sum),
        fixes_year_max=float(year_max),
        days_since_fix=max(0, now - repair) / DAY if repair is not None else max(ages, default=0.0),
        file_age_mean=sum(ages) / n if n else 0.0,
        file_age_min=min(ages, default=0.0),
        days_since_change=max(0, now - last) / DAY if last is not None else 0.0,
        touches_sum=float(n_touches),
        touches_max=float(touches_max),
        devs_max=float(devs_max),
        own_share=mine / n_touches if n_touches else 0.0,
        top_share=sum(tops) / n if n else 0.0,
    )


def _gaps(files: Sequence[FileChange], before: Sequence[int | None]) -> list[Notice]:
    notices = unread.notices(files)
    if None not in before and not any(f.added is None for f in files):
        return notices
    missing = sum(f.missing for f in files)
    binary = sum(f.added is None and not f.missing and not unread.why(f) for f in files)
    if missing:
        theirs = "its contents are not in this clone; its" if missing == 1 else "their contents are not in this clone; their"
        text = f"{missing} of {len(files)} files could not be read: {theirs} lines are unknown, so the risk rests on the rest and is not called low (git fetch --refetch --no-filter)"
        notices.insert(0, Notice(BLIND, text))
    if binary:
        verb, they = ("is", "it has") if binary == 1 else ("are", "they have")
        notices.append(Notice("binary-files", f"{binary} of {len(files)} files {verb} binary or larger than the diff limit: {they} no lines to count"))
    lost = sum(n is None and f.added is not None for f, n in zip(files, before, strict=True))
    if lost:
        notices.append(
            Notice(
                "missing-before",
                f"the state before the change of {lost} of {len(files)} files has no lines to count (binary, or not in this clone); lt leaves them out",
            )
        )
    return notices
