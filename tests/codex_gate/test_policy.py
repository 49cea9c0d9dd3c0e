"""What settings mean for the files of a change."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from codex_gate.config import Ignore, PathLevels, Settings, Source, load
from codex_gate.policy import OPEN, Limits, Policy, classifications, heard, marked
from codex_gate.types import BLIND, EDGE, UNREAD, Classification, Commit, CommitFeatures, Evidence, Finding, Level, Notice
from tests.conftest import Repo

NEVER = Level.UNKNOWN
TODAY = date(2026, 6, 1)


def test_without_settings_everything_is_looked_at_and_spoken_about() -> None:
    policy = Policy()
    assert policy.keep is None
    assert policy.key == ""
    assert not policy.mutes("a")
    assert policy.limits(["a"]) == Limits(Level.MODERATE, NEVER)


def test_the_repositorys_own_model_is_not_looked_at() -> None:
    keep = Policy(Settings(models="ci/models[1]")).keep
    assert keep is not None and keep("src/a.py") and keep("models/a.py") and keep("x/ci/models[1]/a.json")
    assert not keep("ci/models[1]/risk.words.json") and keep("ci/models1/risk.words.json")
    assert Policy(Settings(models="a")).key not in ("", Policy(Settings(models="b")).key)


def test_paths_are_kept_by_include_and_left_out_by_exclude() -> None:
    keep = Policy(Settings(include=("src/",), exclude=("*.gen.py",))).keep
    assert keep is not None
    assert [p for p in ("src/a.py", "src/a.gen.py", "lib/a.py") if keep(p)] == ["src/a.py"]
    only = Policy(Settings(exclude=("docs/",))).keep
    assert only is not None
    assert only("a") and not only("docs/a")


def test_each_filter_has_its_own_key() -> None:
    keys = {Policy(Settings(include=i, exclude=e)).key for i, e in (((), ()), (("a",), ()), ((), ("a",)), (("b",), ()))}
    assert len(keys) == 4


def test_the_strictest_file_decides_and_the_last_entry_counts_for_a_file() -> None:
    settings = Settings(
        comment=Level.HIGH,
        fail_on=Level.CRITICAL,
        levels=(PathLevels(("*",), None, NEVER, 2), PathLevels(("pay/",), Level.MODERATE, Level.HIGH, 3), PathLevels(("pay/docs/",), NEVER, NEVER, 4)),
    )
    policy = Policy(settings)
    assert policy.limits(["a.py"]) == Limits(Level.HIGH, NEVER)
    assert policy.limits(["pay/a.py"]) == Limits(Level.MODERATE, Level.HIGH)
    assert policy.limits(["pay/docs/a.md"]) == Limits(NEVER, NEVER)
    assert policy.limits(["a.py", "pay/docs/a.md", "pay/a.py"]) == Limits(Level.MODERATE, Level.HIGH)
    assert policy.limits([]) == Limits(Level.HIGH, Level.CRITICAL)


def test_a_change_that_hides_program_text_is_spoken_of_lest_it_hush_what_was_said() -> None:
    hidden, lost = (replace(finding((), Level.UNKNOWN), notices=(Notice(code, "x"),)) for code in (UNREAD, BLIND))
    limits = Limits(Level.HIGH, NEVER)
    assert limits.speaks(hidden) and not limits.speaks(lost) and not Limits(NEVER, NEVER).speaks(hidden)
    assert not limits.speaks(replace(hidden, level=Level.MODERATE))  # it has a level by the rest


def test_never_is_never_and_a_level_reaches_itself() -> None:
    assert not Limits(NEVER, NEVER).speaks(finding((), Level.CRITICAL))
    assert not Limits(NEVER, NEVER).fails(Level.CRITICAL)
    limits = Limits(Level.HIGH, Level.CRITICAL)
    assert [limits.speaks(finding((), level)) for level in Level] == [False, False, False, True, True]
    assert [limits.fails(level) for level in Level] == [False, False, False, False, True]


def ignoring(*categories: str, until: date | None = None) -> Policy:
    return Policy(Settings(ignore=(Ignore(("old/",), categories, "goes away", until),)), TODAY)


def test_an_ignored_file_is_not_spoken_about_and_stops_nothing() -> None:
    policy = ignoring()
    assert policy.mutes("old/a.py") and not policy.mutes("new/a.py")
    assert policy.limits(["old/a.py"]) == Limits(NEVER, NEVER)
    assert policy.limits(["old/a.py", "new/a.py"]) == Limits(Level.MODERATE, NEVER)
    seen = (
        Classification("ResourceLeaks", 0.5, (Evidence("old/a.py", 3, "open("),)),
        Classification("LogicErrors", 0.4, (Evidence("new/a.py", 3, "x"), Evidence("old/b.py", 1, "y"))),
    )
    (left,) = policy.spoken(seen, ["old/a.py", "old/b.py", "new/a.py"])
    assert (left.category, left.evidence) == ("LogicErrors", (Evidence("new/a.py", 3, "x"),))


def test_words_of_the_message_do_not_bring_back_what_is_ignored_in_files() -> None:
    policy = ignoring("ResourceLeaks")
    word, line, other = Evidence("message", 1, "leak"), Evidence("old/a.py", 3, "open("), Evidence("new/a.py", 3, "open(")
    assert policy.spoken([Classification("ResourceLeaks", 0.5, (word, line))], ["old/a.py", "new/b.py"]) == ()
    (left,) = policy.spoken([Classification("ResourceLeaks", 0.5, (word, line, other))], ["old/a.py", "new/a.py"])
    assert left.evidence == (word, other)
    said = [Classification("ResourceLeaks", 0.5, (word,)), Classification("LogicErrors", 0.5, (word,)), Classification("ResourceLeaks", 0.5)]
    assert [c.category for c in policy.spoken(said, ["old/a.py"])] == ["LogicErrors"]
    assert len(policy.spoken(said, ["old/a.py", "new/a.py"])) == len(policy.spoken(said, [])) == 3


def test_an_ignored_category_leaves_the_rest_of_the_file() -> None:
    policy = ignoring("ResourceLeaks")
    assert not policy.mutes("old/a.py")
    assert policy.mutes("old/a.py", "ResourceLeaks") and not policy.mutes("old/a.py", "LogicErrors")
    assert policy.limits(["old/a.py"]) == Limits(Level.MODERATE, NEVER)


def test_an_ignore_holds_through_its_last_day_and_says_when_it_is_over() -> None:
    assert ignoring(until=TODAY).mutes("old/a.py")
    over = ignoring(until=date(2026, 5, 31))
    assert not over.mutes("old/a.py")
    assert [n.code for n in over.notices(["old/a.py"])] == ["ignore-expired"]
    assert over.notices(["new/a.py"]) == []


def test_what_is_ignored_is_said_with_the_reason() -> None:
    (notice,) = ignoring(until=date(2027, 1, 1)).notices([f"old/{k}" for k in range(5)])
    assert notice.text == "the configuration ignores old/0, old/1, old/2 and 2 more: goes away, until 2027-01-01"


def test_the_noise_budget_is_a_share() -> None:
    assert Policy(Settings(noise_budget={Level.MODERATE: 20.0, Level.HIGH: 5.0, Level.CRITICAL: 1.0})).shares == {
        Level.MODERATE: 0.2, Level.HIGH: 0.05, Level.CRITICAL: 0.01,
    }  # fmt: skip


def test_a_mark_stands_for_its_line_and_alone_for_the_next() -> None:
    lines = [
        (3, b"open(x)  # codex-gate: ignore[closed by the caller]"),
        (7, b"  // codex-gate: ignore[checked above]"),
        (8, b"lock()"),
        (9, b"# codex-gate: ignore[]"),
    ]
    marks = marked([("a.py", lines)])
    assert marks == {("a.py", 3): "closed by the caller", ("a.py", 8): "checked above"}


def weigh(commit: Commit) -> tuple[tuple[Classification, ...], str | None]:
    """Hears every eval in a changed line."""
    lines = [(hunk.new_start + k, text, False) for f in commit.files for hunk in f.hunks() for k, text in enumerate(hunk.added)]
    lines += [(hunk.new_start, text, True) for f in commit.files for hunk in f.hunks() for text in hunk.deleted]
    found = tuple(Evidence("a.py", line, text.decode(), deleted) for line, text, deleted in lines if b"eval(" in text)
    return ((Classification("SecurityVulnerabilities", 0.5, found),) if found else ()), "SecurityVulnerabilities"


def test_a_mark_says_nothing_of_a_line_that_was_deleted_there(repo: Repo) -> None:
    repo.write("a.py", "x = 1\ny = eval(p)  # codex-gate: ignore[old]\n")
    old = repo.commit()
    repo.write("a.py", "x = 1\ny = eval(q)  # codex-gate: ignore[new]\n")
    (files,) = repo.open().diffs([(repo.commit(), old)])
    told = heard(Commit(None, (), "", 0, 0, None, files), weigh)
    (left,) = classifications(told)
    assert [(e.text, e.deleted) for e in left.evidence] == [("y = eval(p)  # codex-gate: ignore[old]", True)]
    assert told[1:] == ((("a.py", 2, "new"),), "SecurityVulnerabilities")


def test_a_mark_that_stood_alone_above_a_line_before_holds_for_the_line_that_a_change_adds_there(repo: Repo) -> None:
    before = [
        "x = 1",
        "# codex-gate: ignore[closed below]",
        "f = 1",
        "y = 1  # codex-gate: ignore[another line]",
        "z = 1",
        "# codex-gate: ignore[far off]",
        "",
        "w = 1",
    ]
    repo.write("a.py", "\n".join(before))
    old = repo.commit()
    after = [*before[:2], "f = eval(p)", before[3], "z = eval(p)", *before[5:7], "w = eval(p)", "# codex-gate: ignore[new]"]
    repo.write("a.py", "\n".join(after))
    (files,) = repo.open().diffs([(repo.commit(), old)])
    told = heard(Commit(None, (), "", 0, 0, None, files), weigh)
    assert told[1] == (("a.py", 3, "closed below"), ("a.py", 10, "new"))
    (left,) = classifications(told)
    assert [e.line for e in left.evidence] == [5, 8]


def finding(paths: tuple[str, ...], level: Level) -> Finding:
    return Finding("a" * 40, "t", 0.1, level, None, (), CommitFeatures({}), paths=paths)


def tripped(policy: Policy, paths: tuple[str, ...], level: Level, *codes: str, is_shallow: bool = False, earlier: tuple[str, ...] = ()) -> str:
    found = replace(finding(paths, level), notices=tuple(Notice(code, "x") for code in codes), earlier=earlier)
    gate = policy.gate(found, is_shallow=is_shallow)
    return gate.text if gate.is_shut else ""


def test_the_gate_names_the_line_that_asks() -> None:
    settings = load(
        Source(".codex-gate.yaml", b"fail-on: high\nlevels:\n  - paths: docs/\n    comment: never\n  - paths: pay/\n    fail-on: moderate\n"), {}, {}
    )
    policy = Policy(settings)
    assert tripped(policy, ("pay/a.py", "b.py"), Level.MODERATE) == "level moderate reaches fail-on moderate (.codex-gate.yaml, line 5)"
    assert tripped(policy, ("b.py",), Level.HIGH) == "level high reaches fail-on high (.codex-gate.yaml, line 1)"
    assert tripped(policy, ("b.py",), Level.MODERATE) == tripped(policy, ("pay/a.py",), Level.LOW) == ""
    only = Policy(load(Source("c.yaml", b"levels:\n  - {paths: pay/, fail-on: high}\n"), {"CODEX_GATE_FAIL_ON": "high"}, {}))
    assert tripped(only, ("b.py", "pay/a.py"), Level.HIGH) == "level high reaches fail-on high (CODEX_GATE_FAIL_ON)"
    assert tripped(only, ("pay/a.py",), Level.HIGH) == "level high reaches fail-on high (c.yaml, line 2)"


def test_what_could_not_be_judged_does_not_pass_a_gate() -> None:
    levels = b"fail-on: critical\nlevels:\n  - {paths: docs/, fail-on: never}\nignore:\n  - {paths: old/, reason: x}\n"
    policy, gate = Policy(load(Source("c.yaml", levels), {}, {})), "fail-on critical (c.yaml, line 1): "
    told = "no level could be told, and what could not be judged does not pass " + gate
    assert tripped(policy, ("a.py",), Level.UNKNOWN, UNREAD).startswith(told + "program text of it cannot be read")
    assert tripped(policy, ("a.py",), Level.UNKNOWN, BLIND).startswith(told + "contents of it are not in this clone")
    assert tripped(policy, ("a.py",), Level.UNKNOWN, is_shallow=True).startswith(told + "the history before it")
    assert tripped(policy, (), Level.UNKNOWN, EDGE, is_shallow=True).startswith(told + "the history before it")
    # a young history, nothing to look at, files without a gate, a level by the rest
    assert policy.gate(finding(("a.py",), Level.UNKNOWN), is_shallow=False) == (
        False, "fail-on critical (c.yaml, line 1) was not asked: there are too few earlier changes to compare with for a level",
    )  # fmt: skip
    assert policy.gate(finding((), Level.UNKNOWN), is_shallow=True) == policy.gate(finding(("a.py",), Level.LOW), is_shallow=True) == OPEN
    assert not tripped(policy, (), Level.UNKNOWN, "outside-paths", is_shallow=True)
    assert not tripped(policy, ("docs/a.md", "old/b.py"), Level.UNKNOWN, UNREAD, BLIND, is_shallow=True)
    assert not tripped(Policy(Settings()), ("a.py",), Level.UNKNOWN, UNREAD, BLIND, is_shallow=True)
    assert not tripped(policy, ("a.py",), Level.HIGH, UNREAD)


def test_a_file_that_is_moved_takes_its_gate_along_and_is_ignored_where_both_names_are() -> None:
    text = b"fail-on: high\nlevels:\n  - {paths: pay/, fail-on: moderate}\nignore:\n  - {paths: vendor/, reason: x}\n"
    policy = Policy(load(Source("c.yaml", text), {}, {}))
    assert tripped(policy, ("src/a.py",), Level.MODERATE, earlier=("pay/a.py",)) == "level moderate reaches fail-on moderate (c.yaml, line 3)"
    assert tripped(policy, ("vendor/a.py",), Level.HIGH, earlier=("src/a.py",)) == "level high reaches fail-on high (c.yaml, line 1)"
    assert not tripped(policy, ("vendor/a.py",), Level.HIGH, earlier=("vendor/b.py",))
