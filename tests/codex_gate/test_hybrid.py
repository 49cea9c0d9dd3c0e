"""Who decides on a category: the student strictly above its threshold, the rules below, nobody where neither speaks."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from codex_gate import hybrid, rules
from codex_gate.errors import ConfigError, ModelError
from codex_gate.hybrid import HybridClassifier
from codex_gate.model import Model, default_directory
from codex_gate.screen import Screener
from codex_gate.student import Answer
from codex_gate.taxonomy import DefectCategory
from codex_gate.text import HunkText
from codex_gate.types import Commit, FileChange
from tests.codex_gate import students

SILENT = b"@@ -1 +1 @@\n-x = 1\n+x = 2"
LOUD = b"@@ -1 +1 @@\n-h = yaml.safe_load(text)\n+h = yaml.load(text)"


def commit(*patches: bytes, path: str = "src/a.py", message: str | None = None) -> Commit:
    files = tuple(FileChange(path, path, "M", 0o100644, 0o100644, "1" * 40, "2" * 40, 1, 1, patch) for patch in patches)
    return Commit("3" * 40, (), "a@example.org", 0, 0, message, files)


def answer(defect: float, **shares: float) -> Answer:
    return Answer(defect, tuple(shares.get(category.value, 0.0) for category in DefectCategory))


class Fixed:
    """Gives the same answers to whatever it is asked, and keeps what that was."""

    def __init__(self, *answers: Answer) -> None:
        self.answers, self.asked = answers, list[HunkText]()

    def answer(self, hunks: Sequence[HunkText], message: str | None = None) -> list[Answer]:
        self.asked += hunks
        return [self.answers[place % len(self.answers)] for place in range(len(hunks))]


def test_the_cases_are_what_they_claim_to_be() -> None:
    assert rules.classify(commit(SILENT)) == ()
    assert rules.classify(commit(LOUD))[0].source == "rules"


def test_rules_alone_are_the_rules() -> None:
    assert HybridClassifier().classify(commit(LOUD)) == rules.classify(commit(LOUD))
    assert HybridClassifier().classify(commit(SILENT)) == ()


def test_above_the_threshold_the_model_decides_and_is_named() -> None:
    sure = Fixed(answer(0.9, LogicErrors=0.8, ApiMisuse=0.2))
    (found,) = HybridClassifier(sure, 0.7).classify(commit(LOUD))
    assert (found.category, found.source) == ("LogicErrors", "student")
    assert found.confidence == pytest.approx(0.72)
    assert found.evidence == (("src/a.py", 1, "h = yaml.load(text)"),)


@pytest.mark.parametrize(("threshold", "source"), [(0.4999, "student"), (0.5, "rules"), (0.6, "rules")])
def test_the_threshold_must_be_exceeded(threshold: float, source: str) -> None:
    assert HybridClassifier(Fixed(answer(1.0, LogicErrors=0.5)), threshold).classify(commit(LOUD))[0].source == source


def test_where_neither_speaks_the_change_is_unclassified() -> None:
    assert HybridClassifier(Fixed(answer(0.1, LogicErrors=1.0)), 0.5).classify(commit(SILENT)) == ()


def test_each_category_stands_once_with_its_surest_block() -> None:
    two = b"@@ -1 +1 @@\n-x = 1\n+x = 2\n@@ -9 +9 @@\n-y = 1\n+y = 2\n@@ -19 +19 @@\n-z = 1\n+z = 2"
    model = Fixed(answer(0.8, LogicErrors=0.9), answer(1.0, LogicErrors=0.9), answer(1.0, ApiMisuse=0.99))
    found = HybridClassifier(model, 0.5).classify(commit(two))
    assert [(one.category, round(one.confidence, 3), one.evidence[0].line) for one in found] == [("ApiMisuse", 0.99, 19), ("LogicErrors", 0.9, 9)]


@pytest.mark.parametrize("path", ["tests/test_a.py", "README.md", "data.json", "logo.png"])
def test_only_program_text_outside_tests_is_read(path: str) -> None:
    model = Fixed(answer(1.0, LogicErrors=1.0))
    assert HybridClassifier(model, 0.5).classify(commit(SILENT, path=path)) == () and model.asked == []


def test_a_change_without_text_and_one_of_many_blocks_are_bounded() -> None:
    model = Fixed(answer(0.0))
    assert HybridClassifier(model, 0.5).of_model(commit()) == ()
    assert HybridClassifier(model, 0.5).of_model(commit(b"")) == ()
    many = b"\n".join(b"@@ -%d +%d @@\n-a\n+b" % (n, n) for n in range(1, 2000, 5))
    HybridClassifier(model, 0.5).of_model(commit(many))
    assert len(model.asked) == hybrid.MAX_HUNKS


@pytest.mark.parametrize(
    ("patch", "line", "shown"),
    [
        (b"@@ -4,3 +4,4 @@\n a\n+b\n c\n d", 5, "b"),
        (b"@@ -4,3 +4,2 @@\n a\n-b\n c", 5, "c"),
        (b"@@ -4,2 +4 @@\n a\n-b", 4, "b"),
        (b"@@ -1 +0,0 @@\n-b", 1, ""),
        (b"@@ -0,0 +1 @@\n+" + b"x" * 200, 1, "x" * 80),
    ],
)
def test_the_evidence_is_the_first_changed_line(patch: bytes, line: int, shown: str) -> None:
    (found,) = HybridClassifier(Fixed(answer(1.0, LogicErrors=1.0)), 0.5).classify(commit(patch))
    assert found.evidence == (("src/a.py", line, shown),)


@pytest.mark.parametrize("threshold", [-0.1, 1.1, float("nan")])
def test_a_threshold_outside_its_range_is_refused(threshold: float) -> None:
    with pytest.raises(ConfigError, match=r"must be in \[0, 1\]"):
        HybridClassifier(None, threshold)


def test_a_directory_with_a_student_brings_it_and_one_without_brings_the_rules(tmp_path: Path) -> None:
    found = HybridClassifier.of(students.write(tmp_path / "with", threshold=0.25))
    assert found.threshold == 0.25 and found.model is not None
    (said,) = found.classify(commit(b"@@ -1 +1 @@\n-good\n+bad"))
    assert said.source == "student" and said.category == "LogicErrors"
    assert HybridClassifier.of(tmp_path) == HybridClassifier()


def test_a_student_that_was_altered_is_refused_and_not_passed_over(tmp_path: Path) -> None:
    folder = students.write(tmp_path / "s")
    (folder / "student.onnx").write_bytes(b"")
    with pytest.raises(ModelError, match=r"student\.onnx has 0 bytes"):
        HybridClassifier.of(folder)


def test_a_student_that_nothing_can_run_leaves_the_rules_and_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hybrid, "find_spec", lambda name: None)
    found = HybridClassifier.of(students.write(tmp_path / "s"))
    assert found.model is None and "install codex-gate[onnx]" in found.missing
    assert found.classify(commit(LOUD)) == rules.classify(commit(LOUD))


def test_a_screen_takes_the_student_of_its_model_directory(make_repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = students.write(Path(shutil.copytree(default_directory(), tmp_path / "models")))
    repo = make_repo()
    repo.write("src/a.py", "x = 1\n")
    first = repo.commit("one")
    repo.write("src/a.py", "bad = 1\n")
    second = repo.commit("two")
    (found,) = Screener(repo.open(), Model.load(folder)).range(first, second, "x").change.classifications
    assert (found.category, found.source) == ("LogicErrors", "student") and found.evidence[0] == ("src/a.py", 1, "bad = 1")
    monkeypatch.setattr(hybrid, "find_spec", lambda name: None)
    report = Screener(repo.open(), Model.load(folder)).range(first, second, "x")
    assert report.change.classifications == () and "student-not-used" in {notice.code for notice in report.notices}
