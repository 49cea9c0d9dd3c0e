"""Who says which kind of defect a change is about: the members of a tier strictly above its threshold, loud rules below, nobody where neither speaks."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from codex_gate import hybrid, linear, rules
from codex_gate.errors import ConfigError, ModelError
from codex_gate.hybrid import LINEAR, RULES, STUDENT, TIERS, HybridClassifier, of_rules, possible
from codex_gate.linear import ROW, ZERO, Linear
from codex_gate.model import Model, default_directory
from codex_gate.screen import Screener
from codex_gate.student import Answer
from codex_gate.taxonomy import KINDS, NONE
from codex_gate.text import HunkText
from codex_gate.types import Classification, Commit, Evidence, FileChange
from tests.codex_gate import students

SILENT = b"@@ -1 +1 @@\n-x = 1\n+x = 2"
LOUD = b"@@ -1 +1 @@\n-h = yaml.safe_load(text)\n+h = yaml.load(text)"
LEAK = "Fix memory leak in the pool"


def commit(*patches: bytes, path: str = "src/a.py", message: str | None = None) -> Commit:
    files = tuple(FileChange(path, path, "M", 0o100644, 0o100644, "1" * 40, "2" * 40, 1, 1, patch) for patch in patches)
    return Commit("3" * 40, (), "a@example.org", 0, 0, message, files)


def shares(**known: float) -> tuple[float, ...]:
    return tuple(known.get(name, 0.0) for name in KINDS)


class Fixed:
    """Gives the same answer to whatever it is asked, and keeps what that was."""

    def __init__(self, **known: float) -> None:
        self.kinds, self.asked = shares(**known), list[tuple[HunkText, str | None]]()

    def answer(self, hunks: Sequence[HunkText], message: str | None = None) -> list[Answer]:
        self.asked += [(hunk, message) for hunk in hunks]
        return [Answer(0.5, self.kinds)] * len(hunks)


def words(**bias: float) -> Linear:
    """A linear model without a weight: its probabilities are the softmax of `bias` alone."""
    return Linear("kinds-test", tuple(bias.get(name, -50.0) for name in KINDS), (1.0,) * len(KINDS), 1, bytes([ZERO] * (ROW - 1) + [0]))


def test_rules_alone_are_the_rules() -> None:
    assert rules.classify(commit(SILENT)) == ()
    assert HybridClassifier().classify(commit(LOUD)) == rules.classify(commit(LOUD)) != ()
    assert HybridClassifier().classify(commit(SILENT)) == ()


def test_rules_give_shares_that_add_up_to_one() -> None:
    assert of_rules(()) == list(shares(none=1.0))
    quiet = of_rules([Classification("LogicErrors", 0.3), Classification("ApiMisuse", 0.2)])
    assert quiet == pytest.approx(shares(LogicErrors=0.3, ApiMisuse=0.2, none=0.5))
    loud = of_rules([Classification("LogicErrors", 0.9), Classification("ApiMisuse", 0.6)])
    assert loud == pytest.approx(shares(LogicErrors=0.6, ApiMisuse=0.4))


def test_above_the_threshold_the_model_decides_and_is_named() -> None:
    sure = Fixed(LogicErrors=0.7, none=0.3)
    (found,) = HybridClassifier(None, sure, 2, {STUDENT: 1.0}, 0.6).classify(commit(SILENT, message="x"))
    assert (found.category, found.source, found.confidence) == ("LogicErrors", "student", 0.7)
    assert found.evidence == (Evidence("src/a.py", 1, "x = 2"),)
    assert sure.asked == [(HunkText("src/a.py", 0, "x = 1", "x = 2"), "x")]


@pytest.mark.parametrize(("threshold", "says"), [(0.4999, True), (0.5, False), (0.6, False)])
def test_the_threshold_must_be_exceeded(threshold: float, says: bool) -> None:
    assert bool(HybridClassifier(None, Fixed(LogicErrors=0.5, none=0.5), 2, {STUDENT: 1.0}, threshold).classify(commit(SILENT))) is says


def test_a_second_category_is_named_beside_one_that_is_said() -> None:
    model = Fixed(ApiMisuse=0.5, LogicErrors=0.2, TypeErrors=0.19, none=0.11)
    found = HybridClassifier(None, model, 2, {STUDENT: 1.0}, 0.4).classify(commit(SILENT))
    assert [(one.category, one.confidence) for one in found] == [("ApiMisuse", 0.5), ("LogicErrors", 0.2)]
    few = Fixed(ApiMisuse=0.91, LogicErrors=0.09)
    assert len(HybridClassifier(None, few, 2, {STUDENT: 1.0}, 0.4).classify(commit(SILENT))) == 1


def test_below_the_threshold_loud_rules_speak_and_quiet_ones_do_not() -> None:
    unsure = words(LogicErrors=0.0, none=0.0)
    loud, quiet = commit(SILENT, message=LEAK), commit(SILENT, message="Fix wrong width")
    assert rules.classify(loud)[0].confidence >= hybrid.LOUD > rules.classify(quiet)[0].confidence
    classifier = HybridClassifier(unsure, None, 1, {RULES: 0.0, LINEAR: 1.0}, 0.9)
    assert [(one.category, one.source) for one in classifier.classify(loud)] == [("ResourceLeaks", "rules")]
    assert classifier.classify(quiet) == ()


def test_of_a_repair_the_likeliest_category_is_known_however_unsure() -> None:
    unsure = HybridClassifier(words(LogicErrors=0.0, TypeErrors=-1.0, none=1.0), None, 1, {RULES: 0.0, LINEAR: 1.0}, 0.9)
    assert unsure.weigh(commit(SILENT, message="Fix wrong width")) == ((), "LogicErrors")
    said, likeliest = unsure.weigh(commit(SILENT, message=LEAK))
    assert ([one.category for one in said], likeliest) == (["ResourceLeaks"], "LogicErrors")  # a loud rule is said; the models have their own opinion
    for no_repair in (None, "Add an option", "Cache the rows"):
        assert unsure.weigh(commit(SILENT, message=no_repair)).likeliest is None
    assert unsure.weigh(commit(SILENT, path="docs/a.md", message="Fix wrong width")).likeliest is None  # no program text: no model knows such changes
    assert HybridClassifier().weigh(commit(SILENT, message="Fix wrong width")).likeliest is None
    assert (
        HybridClassifier(None, Fixed(ApiMisuse=1.0), 2, {LINEAR: 1.0}, 0.1).weigh(commit(SILENT, message="Fix wrong width")).likeliest is None
    )  # of no weight


def test_tier_1_is_silent_where_no_rule_and_no_word_of_repair_speaks() -> None:
    classifier = HybridClassifier(words(LogicErrors=5.0, none=0.0), None, 1, {RULES: 0.0, LINEAR: 1.0}, 0.5)
    assert classifier.classify(commit(SILENT, message="Add an option")) == classifier.classify(commit(SILENT)) == ()
    assert [one.category for one in classifier.classify(commit(SILENT, message="Fix the option"))] == ["LogicErrors"]


@pytest.mark.parametrize(
    ("path", "message", "said"),
    [
        ("gradle/libs.versions.toml", "Update dependency org.example:tool to v3", None),  # the models would: they never saw such a change
        (".github/workflows/publish.yml", "Update dependency macos to v26", None),
        (".github/workflows/publish.yml", "Fix the release job", "ConfigurationErrors"),
        (".github/workflows/publish.yml", None, "ConfigurationErrors"),
        ("src/a.py", "Update dependency org.example:tool to v3", "IntegrationFailures"),
    ],
)
def test_of_a_change_without_program_text_only_a_repair_is_told_and_by_the_rules(path: str, message: str | None, said: str | None) -> None:
    sure = HybridClassifier(words(IntegrationFailures=9.0), None, 1, {LINEAR: 1.0}, 0.5)
    found = sure.classify(commit(b"@@ -1 +1 @@\n-tool = 2\n+tool = 3", path=path, message=message))
    assert [one.category for one in found[:1]] == ([said] if said else [])


def test_members_are_weighed_and_one_that_cannot_answer_is_left_out() -> None:
    member, weights = words(LogicErrors=0.0, none=0.0), {RULES: 0.0, LINEAR: 0.25, STUDENT: 0.75}
    both = HybridClassifier(member, Fixed(ApiMisuse=1.0), 3, weights, 0.1).classify(commit(SILENT))
    assert [(one.category, one.confidence, one.source) for one in both] == [
        ("ApiMisuse", 0.75, "rules+linear+student"),
        ("LogicErrors", 0.125, "rules+linear+student"),
    ]
    without_text = HybridClassifier(member, Fixed(ApiMisuse=1.0), 3, weights, 0.1).classify(commit(b"@@ -1 +1 @@\n-x\0\n+y\0"))
    assert [(one.category, one.confidence, one.source) for one in without_text] == [("LogicErrors", 0.5, "rules+linear")]
    alone = HybridClassifier(None, Fixed(ApiMisuse=1.0), 3, {RULES: 0.5, LINEAR: 0.25, STUDENT: 0.25}, 0.1)
    assert alone.classify(commit(SILENT))[0].confidence == pytest.approx(0.25 / 0.75, abs=1e-4)
    assert HybridClassifier(None, Fixed(ApiMisuse=1.0), 2, {LINEAR: 1.0}, 0.1).classify(commit(SILENT)) == ()


@pytest.mark.parametrize("path", ["tests/test_a.py", "README.md", "data.json", "logo.png"])
def test_the_student_reads_program_text_outside_tests_alone(path: str) -> None:
    model = Fixed(LogicErrors=1.0)
    assert HybridClassifier(None, model, 2, {STUDENT: 1.0}, 0.5).classify(commit(SILENT, path=path)) == () and model.asked == []


def test_a_hunk_has_the_kind_that_the_student_is_sure_of_and_none_without_one() -> None:
    hunk = HunkText("src/a.py", 3, "x = 1", "x = 2")
    student = Fixed(ResourceLeaks=0.6, LogicErrors=0.3, none=0.1)
    sure, unsure = (HybridClassifier(None, student, 3, {}, 0.1, alone=alone) for alone in (0.59, 0.6))
    (found,) = sure.of_hunks([hunk], LEAK)
    assert found == Classification("ResourceLeaks", 0.6, (), STUDENT) and student.asked == [(hunk, LEAK)]
    assert unsure.of_hunks([hunk], LEAK) == [None]
    assert HybridClassifier(words(ResourceLeaks=1.0)).of_hunks([hunk, hunk], LEAK) == [None, None]


def test_kinds_are_possible_in_any_language_of_the_change() -> None:
    can = dict(zip(KINDS, possible(commit(SILENT, path="a.rs")), strict=True))
    assert can["OwnershipBorrow"] and can["MemorySafety"] and not can["ComprehensionBugs"] and can[NONE]
    assert not dict(zip(KINDS, possible(commit(SILENT, path="README.md")), strict=True))["OwnershipBorrow"]


def test_the_evidence_is_what_the_rules_go_by_then_words_of_the_message() -> None:
    table = bytearray(([ZERO] * (ROW - 1) + [1]) * 1009)
    table[linear.crc32(b"m:pool") % 1009 * ROW + KINDS.index("ResourceLeaks")] = ZERO + 100
    model = Linear("kinds-test", (0.0,) * 19, (1.0,) * 19, 1009, bytes(table))
    patch = b"@@ -7,2 +7,2 @@\n a\n-keep(p)\n+free(p)"
    (found, *_) = HybridClassifier(model, None, 1, {RULES: 0.5, LINEAR: 0.5}, 0.1).classify(commit(patch, path="a.c", message=f"Tidy\n\n{LEAK}"))
    assert found.category == "ResourceLeaks" and found.source == "rules+linear"
    assert {Evidence("message", 3, "leak"), Evidence("message", 3, "pool")} <= set(found.evidence) and len(found.evidence) <= hybrid.MAX_EVIDENCE


@pytest.mark.parametrize("threshold", [-0.1, 1.1, float("nan")])
def test_a_threshold_outside_its_range_is_refused(threshold: float) -> None:
    with pytest.raises(ConfigError, match=r"must be in \[0, 1\]"):
        HybridClassifier(threshold=threshold)


def test_a_tier_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigError, match="tier must be one of 1, 2, 3, got 4"):
        HybridClassifier(tier=4)
    assert TIERS[3] == (RULES, LINEAR, STUDENT)


def test_hostile_changes_are_answered_within_bounds() -> None:
    classifier = HybridClassifier.of(default_directory(), 1)
    for patch, path, message in (
        (b"@@ -1 +1 @@\n-" + b"x" * 5_000_000 + b"\n+" + b"y(" * 2_000_000, "a.js", "fix \udcff" * 1000),
        (b"@@ -0,0 +1 @@\n+\0\1\2" + bytes(range(256)).replace(b"\n", b""), "a.py", None),
        (b"", "a.xyz", ""),
    ):
        for found in classifier.classify(commit(patch, path=path, message=message)):
            assert found.category in KINDS[:-1] and 0 <= found.confidence <= 1 and all(len(e.text) <= 200 for e in found.evidence)


# -- directories ---------------------------------------------------------------------------------------


def test_a_directory_with_a_student_brings_it_and_one_without_any_leaves_kinds_to_what_ships(tmp_path: Path) -> None:
    found = HybridClassifier.of(students.write(tmp_path / "with", threshold=0.25))
    assert (found.threshold, found.tier) == (0.25, 2) and found.student is not None
    (said, *_) = found.classify(commit(b"@@ -1 +1 @@\n-good\n+bad"))
    assert said.category == "LogicErrors"
    plain, shipped = HybridClassifier.of(tmp_path, 3), HybridClassifier.of(default_directory(), 3)
    assert (plain.tier, plain.threshold, plain.weights, plain.missing) == (3, shipped.threshold, shipped.weights, "")


def test_tier_1_of_what_ships_needs_no_library_and_falls_short_of_nothing() -> None:
    found = HybridClassifier.of(default_directory(), 1)
    assert found.linear is not None and found.student is None and not found.missing and set(found.weights) == {RULES, LINEAR}
    assert found.classify(commit(SILENT, message="Add an option to the parser")) == ()
    (said, *_) = found.classify(commit(SILENT, message=LEAK))
    assert said.category == "ResourceLeaks" and said.confidence > found.threshold


def test_a_student_that_was_altered_is_refused_and_not_passed_over(tmp_path: Path) -> None:
    folder = students.write(tmp_path / "s")
    (folder / "student.onnx").write_bytes(b"")
    with pytest.raises(ModelError, match=r"student\.onnx has 0 bytes"):
        HybridClassifier.of(folder)


def test_a_student_that_nothing_can_run_leaves_tier_1_and_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hybrid, "find_spec", lambda name: None)
    found = HybridClassifier.of(students.write(tmp_path / "s"))
    assert found.student is None and found.tier == 1 and "install codex-gate[onnx]" in found.missing
    assert found.classify(commit(LOUD)) == rules.classify(commit(LOUD))


def test_a_tier_without_its_student_falls_to_the_first_and_says_why(tmp_path: Path) -> None:
    for name in ("kinds.json", "kinds.table"):
        shutil.copy(default_directory() / name, tmp_path)
    found = HybridClassifier.of(tmp_path, 3)
    assert found.tier == 1 and found.missing == "tier 3 was asked for, and the model directory holds no student: kinds of defects come from tier 1"


def test_a_screen_takes_the_student_of_its_model_directory(make_repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "models"
    shutil.copytree(default_directory(), folder, ignore=shutil.ignore_patterns("kinds*", "student*", "vocabulary*"))
    students.write(folder)
    repo = make_repo()
    repo.write("src/a.py", "x = 1\n")
    first = repo.commit("one")
    repo.write("src/a.py", "bad = 1\n")
    second = repo.commit("two")
    report = Screener(repo.open(), Model.load(folder), tier=None).range(first, second, "x")
    (found, *_) = report.change.classifications
    assert (found.category, report.tier) == ("LogicErrors", 2) and found.evidence[0] == Evidence("src/a.py", 1, "bad = 1")
    for tier in (1, None):  # of many commits nobody asks the student unless he is told to
        assert [one.classifications for one in Screener(repo.open(), Model.load(folder), tier=tier).many([second])] == [()]
    assert Screener(repo.open(), Model.load(folder)).range(first, second, "x").tier == 1
    told = Screener(repo.open(), Model.load(folder), tier=2).explain(second)
    assert [(hunk.path, hunk.first, hunk.kind.category) for hunk in told.hunks if hunk.kind] == [("src/a.py", 1, "LogicErrors")]
    assert [hunk.kind for hunk in Screener(repo.open(), Model.load(folder)).explain(second).hunks] == [None]
    (row,) = Screener(repo.open(), Model.load(folder), tier=2).many([second])
    assert row.classifications[0].category == "LogicErrors"
    monkeypatch.setattr(hybrid, "find_spec", lambda name: None)
    report = Screener(repo.open(), Model.load(folder), tier=None).range(first, second, "x")
    assert report.change.classifications == () and report.tier == 1 and "lower-tier" in {notice.code for notice in report.notices}
    bulk = Screener(repo.open(), Model.load(folder), tier=3)
    (row,) = bulk.many([second])
    assert bulk.of_many.tier == 1 and "lower-tier" in {notice.code for notice in row.notices}
