import itertools
import math
import random
import re

import pytest

from codex_gate.explain import MAX_REASONS, MIN_SHARE, THEMES, count, focus, reasons, span
from codex_gate.features import FEATURE_NAMES, HISTORY_NAMES, MESSAGE_NAMES, OWN_WORDS, extract
from codex_gate.history import ChangePast, FilePast
from codex_gate.types import Commit, CommitFeatures, FileChange
from tests.codex_gate.samples import FakeModel
from tests.conftest import DAY, START

NOTHING = FilePast(0, 0, 0, 0, 0, 0, None, None, None)
NEWCOMER = ChangePast((NOTHING,), 0, 0, 0.0, 0, 0.0, 0)


def change(path: str = "src/a.py", added: int | None = 3, deleted: int | None = 1, status: str = "M") -> FileChange:
    return FileChange(path, None, status, 0o100644, 0o100644, "1" * 40, "2" * 40, added, deleted, b"@@ -1 +1,3 @@")


def measured(files: tuple[FileChange, ...], past: ChangePast | None, message: str | None = "work") -> CommitFeatures:
    return extract(Commit("c" * 40, (), "ada", START, 0, message, files), past, lambda _: 10)


def past_of(files: FilePast, n: int = 1, exp: int = 5) -> ChangePast:
    return ChangePast((files,) * n, files.authors, 1, 2.0, exp, float(exp), min(exp, 2))


SEASONED = FilePast(touches=12, fixes=7, fixes_last_year=3, mine=2, top=6, authors=4, first=START - 900 * DAY, last=START - DAY, last_fix=START - 70 * DAY)
ONCE = FilePast(touches=1, fixes=1, fixes_last_year=1, mine=0, top=1, authors=1, first=START - DAY, last=START - DAY, last_fix=START - DAY)
FUTURE = FilePast(touches=1, fixes=0, fixes_last_year=0, mine=1, top=1, authors=1, first=START + DAY, last=START + DAY, last_fix=None)
CASES = {
    "no files": measured((), ChangePast((), 0, 0, 0.0, 0, 0.0, 0)),
    "first commit": measured((change(status="A"),), NEWCOMER, "first"),
    "no history though not new": measured((change(),), NEWCOMER),
    "one line of one file": measured((change(added=1, deleted=0),), past_of(ONCE, exp=1)),
    "many files": measured(tuple(change(f"d{k}/f{k}.py", 100 * k, k) for k in range(12)), past_of(SEASONED, 12, 2345), "fix crash"),
    "shallow": measured((change(),), None),
    "binary": measured((change(added=None, deleted=None),), past_of(SEASONED)),
    "shallow and binary": measured((change(added=None, deleted=None),), None),
    "staged": measured((change(),), past_of(SEASONED), None),
    "everything unknown": CommitFeatures(dict.fromkeys(FEATURE_NAMES, math.nan)),
    "touched in the future": measured((change(),), past_of(FUTURE)),
    "deleted": measured((change(added=0, deleted=10, status="D"),), past_of(SEASONED)),
}


COUNTED = re.compile(
    r"(?<![\d.,])([\d,]+) (?:new |deleted |renamed )?(files?|lines?|times?|commits?|days?|months?|years?|directory|directories|person|people)\b"
)


def test_every_measure_but_complexity_delta_is_in_exactly_one_theme() -> None:
    inside = list(itertools.chain.from_iterable(theme.features for theme in THEMES))
    assert sorted(inside) == sorted({*FEATURE_NAMES, OWN_WORDS} - {"complexity_delta"})


@pytest.mark.parametrize(("value", "says"), [(0.7, "more"), (-0.7, "fewer")])
def test_words_are_quoted_with_their_direction(value: float, says: str) -> None:
    features = CommitFeatures({OWN_WORDS: value})
    (reason,) = reasons([(OWN_WORDS, value, value / 10)], features, ["retry", "lock"])
    assert (
        reason.text == f"its words and paths went with {says} fixes, where the model learned, than the other measures suggest: retry, lock"
        and reason.contribution == value / 10
    )


@pytest.mark.parametrize("features", CASES.values(), ids=CASES)
def test_sentences_read_well_for_edge_values(features: CommitFeatures) -> None:
    for leading in set(FEATURE_NAMES) - {"complexity_delta"}:
        found = reasons([(leading, features[leading], 0.2)], features)
        if math.isnan(features[leading]):
            assert found == ()  # what is unknown is no reason
            continue
        assert [(r.feature, r.value, r.contribution) for r in found] == [(leading, features[leading], 0.2)]
        text = found[0].text
        assert text == text.strip()
        assert not re.search(r"\bnan\b|\binf\b|None|-\d|  ", text)
        for number, noun in COUNTED.findall(text):
            assert (noun in ("file", "line", "time", "commit", "day", "month", "year", "directory", "person")) == (number == "1"), text


def sentence(case: str, feature: str) -> str:
    return reasons([(feature, 0.0, 0.2)], CASES[case])[0].text


def test_the_sentences_hold_their_numbers() -> None:
    assert sentence("one line of one file", "la") == "1 line added and 0 deleted"
    assert sentence("one line of one file", "nf") == "1 file"
    assert (
        sentence("one line of one file", "fixes_sum") == "commits that speak of a fix touched these files 1 time, 1 of them in the last year (latest 1 day ago)"
    )
    assert sentence("one line of one file", "touches_sum") == "these files were changed 1 time by 1 person, last 1 day ago"
    assert (
        sentence("one line of one file", "exp")
        == "the author made 1 commit here before, 1 of them in these top-level directories, and never changed these files"
    )
    assert sentence("many files", "nf") == "12 files in 12 directories of 12 top-level directories"
    assert sentence("many files", "la") == "6,600 lines added and 66 deleted"
    assert sentence("many files", "fixes_max").startswith(
        "commits that speak of a fix touched these files 84 times, 36 of them in the last year; one file alone 7"
    )
    assert sentence("many files", "fix") == "the message says that it repairs a defect"
    assert sentence("first commit", "exp") == "this is the author's first commit here"
    assert sentence("first commit", "file_age_min") == "all files are new"
    assert sentence("first commit", "new_files") == "1 new file"
    assert sentence("no history though not new", "ndev") == "these files have no history"
    assert sentence("deleted", "deleted_files") == "1 deleted file"


def test_a_change_without_program_text_is_not_said_to_delete_0_lines_of_it() -> None:
    (text,) = [theme.say for theme in THEMES if "code_lines_added" in theme.features]
    assert text({"code_lines_added": 0.0, "code_lines_deleted": 0.0}) == "no line of program text added or deleted"
    assert text({"code_lines_added": 0.0, "code_lines_deleted": 1.0}) == "1 line of program text deleted, none added"


def test_what_brings_no_news_is_said_to() -> None:
    text = next(theme.say for theme in THEMES if "pairs_new" in theme.features)
    moved = {"code_lines_added": 2.0, "code_lines_deleted": 2.0, "words_added": 9.0, "pairs_new": 0.0}
    assert text(moved) == "2 lines of program text added and 2 deleted, comments aside; 9 words added, no new pair of neighbouring words"
    assert text(moved | {"pairs_new": 1.0}).endswith("; 9 words added, 1 new pair of neighbouring words")


def test_lines_in_source_files_are_not_called_lines_of_program_text() -> None:
    """A line of a source file may be blank or a comment: the two counts of one change differ, and so do their words."""
    values = {"la": 6379.0, "ld": 0.0, "code_la": 1270.0, "code_lines_added": 919.0, "words_added": 5000.0, "pairs_new": 1.0, "code_share": 0.199}
    size, text, mix = (next(theme.say for theme in THEMES if name in theme.features)(values) for name in ("code_la", "code_lines_added", "code_share"))
    assert size == "6,379 lines added and 0 deleted, 1,270 of them added in source files"
    assert text.startswith("919 lines of program text added, comments aside; 5,000 words added, ")
    assert mix == "of the changed lines 20 % in source files"


def test_a_change_without_files_is_not_called_new() -> None:
    assert "new" not in sentence("no files", "file_age_mean")


def test_files_without_history_have_no_age() -> None:
    assert "old on average" not in sentence("no history though not new", "file_age_mean")


def test_reasons_and_the_rest_add_up_to_risk_minus_base() -> None:
    model = FakeModel()
    for features in CASES.values():
        explained = model.explain(features)
        told = reasons(explained, features)
        by_theme = [sum(c for name, _, c in explained if name in theme.features) for theme in THEMES]
        rest = sum(by_theme) - sum(r.contribution for r in told)
        assert math.isclose(sum(r.contribution for r in told) + rest, model.risk(features) - model.base_rate, abs_tol=1e-12)
        for reason in told:  # each is its whole theme
            assert any(math.isclose(reason.contribution, total) for theme, total in zip(THEMES, by_theme, strict=True) if reason.feature in theme.features)


def test_strongest_first_small_ones_left_out_and_never_too_many() -> None:
    features = CASES["many files"]
    rng = random.Random(3)
    for _ in range(50):
        explained = [(name, features[name], rng.uniform(-0.1, 0.1)) for name in FEATURE_NAMES]
        told = reasons(explained, features)
        sizes = [abs(r.contribution) for r in told]
        assert sizes == sorted(sizes, reverse=True)
        assert len(told) <= MAX_REASONS
        assert all(size >= MIN_SHARE for size in sizes)
    assert reasons([("la", 3.0, MIN_SHARE / 2)], features) == ()
    assert len(reasons([(name, 0.0, 0.1) for name in FEATURE_NAMES], features)) == MAX_REASONS


def test_opposite_contributions_of_a_theme_cancel() -> None:
    assert reasons([("la", 3.0, 0.2), ("ld", 1.0, -0.2)], CASES["many files"]) == ()


def test_message_measures_of_the_index_are_no_reason() -> None:
    features = CASES["staged"]
    assert reasons([(name, math.nan, 0.3) for name in MESSAGE_NAMES], features) == ()


def test_history_measures_of_a_shallow_clone_are_no_reason() -> None:
    assert reasons([(name, math.nan, 0.3) for name in HISTORY_NAMES], CASES["shallow"]) == ()


@pytest.mark.parametrize(
    ("past", "status", "expected"),
    [
        (None, "M", "3 lines added, 1 deleted"),
        (NOTHING, "A", "3 lines added, 1 deleted; new"),
        (NOTHING, "M", "3 lines added, 1 deleted; no history"),
        (SEASONED, "M", "3 lines added, 1 deleted; 3 commits to it in the last year speak of a fix"),
        (ONCE, "M", "3 lines added, 1 deleted; 1 commit to it in the last year speaks of a fix"),
        (FilePast(1, 1, 0, 0, 1, 1, START, START, START), "M", "3 lines added, 1 deleted; 1 earlier commit to it speaks of a fix"),
        (FilePast(9, 7, 0, 0, 1, 1, START, START, START), "M", "3 lines added, 1 deleted; 7 earlier commits to it speak of a fix"),
        (FUTURE, "M", "3 lines added, 1 deleted"),
    ],
)
def test_focus_says_what_to_know_about_a_file(past: FilePast | None, status: str, expected: str) -> None:
    assert focus(change(status=status), past) == expected


@pytest.mark.parametrize(("n", "text"), [(0, "0 files"), (1, "1 file"), (2, "2 files"), (1.2, "1 file"), (1234, "1,234 files")])
def test_count(n: float, text: str) -> None:
    assert count(n, "file") == text


@pytest.mark.parametrize(
    ("days", "text"),
    [
        (0, "less than a day"),
        (0.99, "less than a day"),
        (1, "1 day"),
        (59, "59 days"),
        (60, "2 months"),
        (365, "12 months"),
        (731, "2 years"),
        (20_000, "55 years"),
    ],
)
def test_span(days: float, text: str) -> None:
    assert span(days) == text
