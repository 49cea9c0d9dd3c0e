"""Why a risk is what it is: contributions of the measures, gathered into sentences with their numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from codex_gate.features import OWN_WORDS
from codex_gate.history import FilePast
from codex_gate.types import CommitFeatures, FileChange, Reason

MIN_SHARE: Final = 0.01  # a reason moves the risk by at least one point (chosen: less is noise to a reader)
MAX_REASONS: Final = 6
MAX_WORDS: Final = 4  # that a reason quotes

_Say = Callable[[dict[str, float]], str]


class Theme(NamedTuple):
    """Measures that say the same thing to a reader, and the sentence for them."""

    features: tuple[str, ...]
    say: _Say


def reasons(explained: Sequence[tuple[str, float, float]], features: CommitFeatures, words: Sequence[str] = ()) -> tuple[Reason, ...]:
    """The themes that move the risk most, strongest first.

    Args:
        explained: (feature, value, contribution to the risk) for every model input; with the base they add up to the risk.
        words: of the change, those that move the risk most in their direction.
    Returns:
        At most MAX_REASONS of them; each `contribution` is the sum over its theme, in risk points [-1, 1].
        A change of complexity follows with contribution 0: it is no model input.
    """
    share = {name: contribution for name, _, contribution in explained}
    values = {name: value for name, value in features.values.items() if value == value}
    found = []
    for theme in THEMES:
        inside = [name for name in theme.features if name in share]
        total = sum(share[name] for name in inside)
        if not inside or abs(total) < MIN_SHARE:
            continue
        leading = max(inside, key=lambda name: abs(share[name]))
        if leading in values:
            quoted = f": {', '.join(words)}" if words and leading == OWN_WORDS else ""
            found.append(Reason(leading, values[leading], total, theme.say(values) + quoted))
    found.sort(key=lambda reason: -abs(reason.contribution))
    delta = values.get("complexity_delta")
    shown = (
        [Reason("complexity_delta", delta, 0.0, f"cyclomatic complexity {'rises' if delta > 0 else 'falls'} by {abs(delta):,.0f} (shown, not scored)")]
        if delta
        else []
    )
    return (*found[:MAX_REASONS], *shown)


def focus(change: FileChange, past: FilePast | None) -> str:
    """What to know about one file of a change, in half a line."""
    text = f"{count(change.added or 0, 'line')} added, {change.deleted or 0:,} deleted"
    if past is None:
        return text
    if past.first is None:
        return f"{text}; new" if change.status == "A" else f"{text}; no history"
    if past.fixes_last_year:
        return f"{text}; {count(past.fixes_last_year, 'commit')} to it in the last year {_speaks(past.fixes_last_year)}"
    return f"{text}; {count(past.fixes, 'earlier commit')} to it {_speaks(past.fixes)}" if past.fixes else text


def _speaks(n: int) -> str:
    """What the measures count (`messages.is_fix`): not every such commit is a repair, and priorities count by a stricter rule."""
    return "speaks of a fix" if n == 1 else "speak of a fix"


def count(n: float, one: str, many: str | None = None) -> str:
    """A number with its noun: "1 file", "12 files", "1,200 lines"."""
    return f"{n:,.0f} {one if round(n) == 1 else many or one + 's'}"


def span(days: float) -> str:
    """A length of time in the unit a person would use."""
    if days < 1:
        return "less than a day"
    if days < 60:
        return count(days, "day")
    return count(days / 30.44, "month") if days < 730 else count(days / 365.25, "year")


def _size(v: dict[str, float]) -> str:
    text = f"{count(v['la'], 'line')} added and {v['ld']:,.0f} deleted" if "la" in v else "lines unknown"
    if v.get("la", 0) and v.get("code_la", 0) < v["la"] / 2:
        text += f", {v.get('code_la', 0):,.0f} of them added in source files"
    return text


def _text(v: dict[str, float]) -> str:
    if not v.get("code_lines_added"):
        gone = v.get("code_lines_deleted")
        return f"{count(gone, 'line')} of program text deleted, none added" if gone else "no line of program text added or deleted"
    deleted = f" and {v['code_lines_deleted']:,.0f} deleted" if v.get("code_lines_deleted") else ""
    pairs = f"{count(v['pairs_new'], 'new pair') if v['pairs_new'] else 'no new pair'} of neighbouring words"
    return f"{count(v['code_lines_added'], 'line')} of program text added{deleted}, comments aside; {count(v['words_added'], 'word')} added, {pairs}"


def _spread(v: dict[str, float]) -> str:
    text = count(v["nf"], "file")
    if v["nf"] > 1:
        text += f" in {count(v['nd'], 'directory', 'directories')}"
    if v["ns"] > 1:
        text += f" of {v['ns']:.0f} top-level directories"
    return text


def _repairs(v: dict[str, float]) -> str:
    if not v.get("fixes_sum"):
        return "no earlier commit to these files speaks of a fix"
    text = f"commits that speak of a fix touched these files {count(v['fixes_sum'], 'time')}"
    if v.get("fixes_year_sum"):
        text += f", {v['fixes_year_sum']:,.0f} of them in the last year"
    if v["nf"] > 1 and v.get("fixes_max"):
        text += f"; one file alone {v['fixes_max']:,.0f}"
    return f"{text} (latest {span(v['days_since_fix'])} ago)" if "days_since_fix" in v else text


def _traffic(v: dict[str, float]) -> str:
    if not v.get("touches_sum"):
        return "these files have no history"
    return f"these files were changed {count(v['touches_sum'], 'time')} by {count(v['ndev'], 'person', 'people')}, last {span(v['days_since_change'])} ago"


def _age(v: dict[str, float]) -> str:
    if not v.get("touches_sum"):
        return "all files are new" if v["nf"] and v["new_files"] >= v["nf"] else "these files have no history"
    return f"the files are {span(v.get('file_age_mean', 0.0))} old on average, the youngest {span(v.get('file_age_min', 0.0))}"


def _author(v: dict[str, float]) -> str:
    if not v.get("exp"):
        return "this is the author's first commit here"
    text = f"the author made {count(v['exp'], 'commit')} here before"
    text += f", {v['sexp']:,.0f} of them in these top-level directories" if v.get("sexp") else ", none of them in these top-level directories"
    if v.get("touches_sum"):
        text += f", and {v.get('own_share', 0.0) * 100:.0f} % of these files' past changes" if v.get("own_share") else ", and never changed these files"
    return text


def _owner(v: dict[str, float]) -> str:
    return (
        f"the most frequent author of each file made {v['top_share'] * 100:.0f} % of its changes"
        if v.get("top_share")
        else "nobody has a history in these files"
    )


def _lines(v: dict[str, float]) -> str:
    return f"the files had {count(v['lt'], 'line')} before the change" if "lt" in v else "lines before the change unknown"


def _mix(v: dict[str, float]) -> str:
    labels = (("code_share", "source files"), ("test_share", "tests"), ("doc_share", "documents"))
    parts = [f"{v[name] * 100:.0f} % in {label}" for name, label in labels if v.get(name)]
    return "of the changed lines " + ", ".join(parts) if parts else "no changed line is in a source file, test or document"


def _files(v: dict[str, float]) -> str:
    parts = [
        count(v[name], f"{label} file") for name, label in (("new_files", "new"), ("deleted_files", "deleted"), ("renamed_files", "renamed")) if v.get(name)
    ]
    return ", ".join(parts) if parts else "no file is new, deleted or renamed"


def _message(v: dict[str, float]) -> str:
    return "the message says that it repairs a defect" if v.get("fix") else "the message does not speak of a repair"


def _own_words(v: dict[str, float]) -> str:
    return f"its words and paths went with {'more' if v['own_words'] > 0 else 'fewer'} fixes, where the model learned, than the other measures suggest"


def _clock(v: dict[str, float]) -> str:
    days = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
    return f"written on a {days[int(v['day_of_week'])]} at {v['hour_of_day']:.0f} h"


THEMES: Final = (
    Theme(("la", "ld", "la_max", "code_la", "n_hunks"), _size),
    Theme(("code_lines_added", "code_lines_deleted", "words_added", "words_deleted", "names_added", "names_new", "pairs_new"), _text),
    Theme(("nf", "ns", "nd", "entropy", "churn_max_share", "code_files", "n_languages"), _spread),
    Theme(("fixes_sum", "fixes_max", "fixes_year_sum", "fixes_year_max", "days_since_fix"), _repairs),
    Theme(("touches_sum", "touches_max", "ndev", "nuc", "devs_max", "age", "days_since_change"), _traffic),
    Theme(("file_age_mean", "file_age_min"), _age),
    Theme(("exp", "rexp", "sexp", "own_share"), _author),
    Theme(("top_share",), _owner),
    Theme(("lt", "lt_max"), _lines),
    Theme(("test_share", "doc_share", "code_share"), _mix),
    Theme(("new_files", "deleted_files", "renamed_files"), _files),
    Theme(("fix", "message_length"), _message),
    Theme(("hour_of_day", "day_of_week"), _clock),
    Theme((OWN_WORDS,), _own_words),
)
"""Every measure but complexity_delta belongs to exactly one theme (a test holds that)."""
