"""The student at run time: its answers, and the directories that it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from codex_gate.errors import ModelError
from codex_gate.student import LABELS, Student, possible, probabilities
from codex_gate.taxonomy import KINDS
from codex_gate.text import HunkText
from codex_gate.tokenise import FIXED, Vocabulary
from tests.codex_gate import students


def hunk(after: str, path: str = "a.py") -> HunkText:
    return HunkText(path, 1, "", after)


def test_each_block_is_answered_in_its_place(tmp_path: Path) -> None:
    student = Student.load(students.write(tmp_path / "s"))
    texts = ["bad", "good " * 20, "slow", "", "bad\n" * 9] * 10  # of unequal length, more than one batch
    answers = student.answer([hunk(text) for text in texts])
    assert len(answers) == 50
    assert [round(answer.defect) for answer in answers[:5]] == [1, 0, 1, 0, 1] and answers[3].defect == 0.5
    said = [KINDS[int(np.argmax(answer.kinds))] for answer in answers[:5]]
    assert (said[0], said[2], said[4]) == ("LogicErrors", "PerformanceIssues", "LogicErrors")
    assert answers[:5] == answers[5:10] == [student.answer([hunk(text)])[0] for text in texts[:5]]
    assert all(len(answer.kinds) == 19 and abs(sum(answer.kinds) - 1) < 1e-9 for answer in answers)
    assert student.answer([]) == []


def test_categories_that_cannot_occur_in_the_language_get_nothing(tmp_path: Path) -> None:
    student = Student.load(students.write(tmp_path / "s"))
    python, rust, unknown = student.answer([hunk("bad", "a.py"), hunk("bad", "a.rs"), hunk("bad", "a.cobol")])
    borrow, comprehension = KINDS.index("OwnershipBorrow"), KINDS.index("ComprehensionBugs")
    assert python.kinds[borrow] == 0.0 < python.kinds[comprehension]
    assert rust.kinds[comprehension] == 0.0 < rust.kinds[borrow]
    assert unknown.kinds[borrow] == unknown.kinds[comprehension] == 0.0
    assert min(answer.kinds[-1] for answer in (python, rust, unknown)) > 0.0  # a change in any language may be about no defect


def test_the_order_of_labels_is_the_taxonomys_and_the_defect() -> None:
    assert (*KINDS, "defect") == LABELS and len(LABELS) == 20


@pytest.mark.parametrize(
    ("language", "never"),
    [
        ("rust", {"ComprehensionBugs"}),
        ("python", {"OwnershipBorrow", "MemorySafety", "TraitBounds"}),
        ("cobol", {"OwnershipBorrow", "MemorySafety", "TraitBounds", "ComprehensionBugs", "TypeAnnotationGaps", "IteratorChain"}),
        (None, {"OwnershipBorrow", "MemorySafety", "TraitBounds", "ComprehensionBugs", "TypeAnnotationGaps", "IteratorChain"}),
    ],
)
def test_every_kind_has_its_place_and_none_is_possible_in_any_language(language: str | None, never: set[str]) -> None:
    found = possible(language)
    assert len(found) == 19 and found[-1] is True
    assert {kind for kind, can in zip(KINDS, found, strict=True) if not can} == never


def test_probabilities_are_softmax_and_sigmoid_and_hold_at_any_logit() -> None:
    logits = np.zeros((3, 20), np.float32)
    logits[0, 18], logits[0, 19] = np.log(3), np.log(4)
    logits[1], logits[2] = 1e30, -1e30
    found = probabilities(logits)
    assert found[0, 18] == pytest.approx(3 / 21) and found[0, 0] == pytest.approx(1 / 21) and found[0, 19] == pytest.approx(0.8)
    assert found[1:, :19] == pytest.approx(1 / 19) and found[1, 19] == 1.0 and found[2, 19] == 0.0
    mask = np.ones((3, 19), bool)
    mask[0, :17] = False
    assert probabilities(logits, mask)[0, 16:19] == pytest.approx([0.0, 1 / 4, 3 / 4])
    assert probabilities(logits, mask)[:, :19].sum(1) == pytest.approx(1.0)


def test_a_vocabulary_of_another_hash_is_refused(tmp_path: Path) -> None:
    folder = students.write(tmp_path / "s")
    Vocabulary.of((*FIXED, "bad", "good", "slow")).write(folder / "vocabulary.json")  # the same words in another order
    manifest = json.loads((folder / "student.json").read_text())
    del manifest["files"]
    students.put(folder, manifest)
    with pytest.raises(ModelError, match=r"the student was trained with .*…; take the vocabulary that came with it"):
        Student.load(folder)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"format": 1}, "is no student of format 2"),
        ({"labels": list(LABELS[::-1])}, "has other labels, or in another order"),
        ({"files": {}}, "vocabulary.json is not listed"),
        ({"files": []}, "and a list of files; make the student anew"),
        ({"threshold": "0,8"}, "has limit 32 and threshold '0,8'; expected"),
        ({"threshold": 1.5}, "threshold 1.5; expected"),
        ({"limit": True}, "has limit True"),
    ],
)
def test_a_manifest_of_another_kind_is_refused(tmp_path: Path, changes: dict[str, object], said: str) -> None:
    with pytest.raises(ModelError, match=said):
        Student.load(students.write(tmp_path / "s", **changes))


@pytest.mark.parametrize("name", ["student.onnx", "vocabulary.json"])
def test_an_altered_file_is_refused_before_it_is_used(tmp_path: Path, name: str) -> None:
    folder = students.write(tmp_path / "s")
    (folder / name).write_bytes((folder / name).read_bytes()[:-1] + b"x")
    with pytest.raises(ModelError, match=f"{name} has sha256"):
        Student.load(folder)


def test_a_manifest_that_is_none_is_refused(tmp_path: Path) -> None:
    folder = students.write(tmp_path / "s")
    for text, said in (
        ("{", "is not valid JSON"),
        ("[]", "holds no JSON object"),
        ("{}", "is no student of format 2"),
        ('{"format": 2}', "lacks version, labels, limit, threshold, vocabulary, files"),
    ):
        (folder / "student.json").write_text(text)
        with pytest.raises(ModelError, match=said):
            Student.load(folder)
    (folder / "student.json").unlink()
    with pytest.raises(ModelError, match=r"student.json cannot be read .*; make a student with automl-codex distill"):
        Student.load(folder)
