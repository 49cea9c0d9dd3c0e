"""Which categories a change speaks for: the student's where it is sure, the rules' elsewhere, nothing where neither speaks.

The student reads blocks of program text outside tests. Its confidence in a category is P(defect) · P(category) of the block that it is surest of, and
it decides only strictly above the threshold, which was chosen on validation data for a stated precision. The evidence names who decided: the block, or
the words that made a rule speak.
Source: specification, §6.3.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from codex_gate import paths, rules
from codex_gate.errors import ConfigError
from codex_gate.model import STUDENT_MANIFEST
from codex_gate.taxonomy import DefectCategory
from codex_gate.types import Classification, Commit, Evidence

if TYPE_CHECKING:
    from codex_gate.student import Answer
    from codex_gate.text import HunkText

MAX_HUNKS: Final = 256  # blocks of a change that the student reads, the first ones; half a second of one core (chosen)
MAX_SHOWN: Final = 80  # characters of a line in the evidence
SOURCE: Final = "student"


class Answering(Protocol):
    """Who answers on blocks; `Student` does."""

    def answer(self, hunks: Sequence[HunkText], message: str | None = None) -> list[Answer]: ...


@dataclass(frozen=True, slots=True)
class HybridClassifier:
    """Rules alone, or a model above a threshold with the rules below.

    Attributes:
        model: None for rules alone. threshold: confidence in [0, 1] that the model must exceed. missing: why a model that is there is not used.
    Raises:
        ConfigError: a threshold outside [0, 1].
    """

    model: Answering | None = None
    threshold: float = 1.0
    missing: str = ""

    def __post_init__(self) -> None:
        if not 0 <= self.threshold <= 1:
            raise ConfigError(f"the threshold of a hybrid classifier must be in [0, 1], got {self.threshold}")

    @classmethod
    def of(cls, directory: Path) -> HybridClassifier:
        """The student of a model directory with its own threshold; rules alone where the directory holds none, or nothing can run it.

        Raises:
            ModelError: the student cannot be used.
        """
        if not (directory / STUDENT_MANIFEST).is_file():
            return cls()
        if find_spec("onnxruntime") is None:
            return cls(
                missing="the model directory holds a student, but onnxruntime is not installed: categories come from the rules alone; install codex-gate[onnx]"
            )
        from codex_gate.student import Student  # with its tokeniser, for those who have one

        student = Student.load(directory)
        return cls(student, student.threshold)

    def classify(self, commit: Commit) -> tuple[Classification, ...]:
        """The categories that the change speaks for, best first; empty where nobody speaks."""
        return self.of_model(commit) or rules.classify(commit)

    def of_model(self, commit: Commit) -> tuple[Classification, ...]:
        """What the model says strictly above the threshold, each category once, the surest first; empty without a model."""
        if self.model is None:
            return ()
        hunks = list(islice(_blocks(commit), MAX_HUNKS))
        best: dict[DefectCategory, Classification] = {}
        for hunk, answer in zip(hunks, self.model.answer(hunks), strict=True):
            category, share = max(zip(DefectCategory, answer.categories, strict=True), key=lambda pair: pair[1])
            confidence = answer.defect * share
            if confidence > self.threshold and (category not in best or confidence > best[category].confidence):
                best[category] = Classification(category.value, confidence, (_evidence(hunk),), SOURCE)
        return tuple(sorted(best.values(), key=lambda found: -found.confidence))


def _blocks(commit: Commit) -> Iterator[HunkText]:
    from codex_gate import text

    for change in commit.files:
        if paths.role(change.path) == "code":
            yield from text.of_change(change)


def _evidence(hunk: HunkText) -> Evidence:
    """The first line that the block changed, with its place in the new file; in the old block's text where it only deleted."""
    before, after = hunk.before.split("\n"), hunk.after.split("\n")
    place = next((place for place, line in enumerate(after) if place >= len(before) or line != before[place]), None)
    if place is None:
        return Evidence(hunk.path, hunk.line, before[len(after)].strip()[:MAX_SHOWN])
    return Evidence(hunk.path, hunk.line + place if hunk.line else place + 1, after[place].strip()[:MAX_SHOWN])
