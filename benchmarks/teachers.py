"""Teachers and students on what none of them learned from, beside TF-IDF with logistic regression.

python benchmarks/teachers.py --answers DIR --labelled DIR --student DIR    # → docs/teachers.md

`--answers` is an output of `automl-codex logits`, `--labelled` one of `automl-codex rows`. Of their rows those of the test part are judged: commits with
their message, commits by their program text alone, repairs of one line of Python, and, of generated programs that no teacher was asked about, mutants and
their ways back. TF-IDF is fitted anew for each view, on the rows of the training part that the view holds.
"""

from __future__ import annotations

import argparse
import platform
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "training")]

import numpy as np

from automl_codex import examples, judging, logits
from automl_codex.examples import Example, of_part
from automl_codex.logits import Answers
from automl_codex.split import TEST, TRAIN
from codex_gate.errors import GateError
from codex_gate.student import Student, probabilities
from codex_gate.taxonomy import NONE

SEED: Final = 42


def _is_one_line(example: Example) -> bool:
    """A change of one line of Python into one other."""
    return example.path.endswith(".py") and all(side and "\n" not in side for side in (example.before, example.after))


VIEWS: Final[Mapping[str, Callable[[Example], bool]]] = {
    "Commits with their message": lambda example: bool(example.message) and example.category is not None,
    "Commits by their program text alone": lambda example: not example.message and "@" in example.row_id and example.category is not None,
    "Repairs of one line of Python, which way they go": lambda example: not example.message and "@" in example.row_id and _is_one_line(example),
}
LABELLED: Final[Mapping[str, Callable[[Example], bool]]] = {
    "Mutants of programs that nothing was learned from, both ways": lambda example: _is_about_a_mutant(example),
    "Variants of them that keep the meaning": lambda example: example.category == NONE,
}


def _is_about_a_mutant(example: Example) -> bool:
    """A mutant from its parent or back; with grafts it is only learned from."""
    return example.category not in (None, NONE) and (example.part == TRAIN or "-smote-" not in example.row_id)


def view(answers: Answers, students: Mapping[str, Student], chosen: Callable[[Example], bool], beside_tfidf: bool) -> str:
    """The table of one view; a sentence where it holds no row of the test part."""
    rows = [row for row, example in enumerate(answers.examples) if chosen(example)]
    held = [answers.examples[row] for row in rows]
    test = of_part(held, TEST)
    if not test:
        return "No row of the test part is of this view.\n"
    judged, mask = [held[row] for row in test], judging.masks([held[row] for row in test])
    said = {"majority": judging.majority(held)[test]}
    if beside_tfidf and of_part(held, TRAIN):
        said["TF-IDF + logistic regression"] = judging.tfidf(held, SEED)[test]
    asked = {name: found[rows][test] for name, found in answers.logits.items()}
    said |= {f"teacher {name}": probabilities(found, mask) for name, found in asked.items()}
    if len(asked) > 1:
        said["teachers together"] = probabilities(np.mean(list(asked.values()), axis=0), mask)
    said |= {f"student {name}": _by(student, judged) for name, student in students.items()}
    known = sum(example.category is not None for example in judged)
    head = f"{len(judged):,} rows of {len({example.lineage for example in judged}):,} lineages, {known:,} with a known kind.\n\n"
    return head + judging.table({name: judging.judge(judged, shares, SEED) for name, shares in said.items()})


def _by(student: Student, judged: Sequence[Example]) -> np.ndarray:
    """Probabilities (n, 20) of the int8 student as it runs."""
    told = [student.answer([example.hunk], example.message or None)[0] for example in judged]
    return np.array([[*answer.kinds, answer.defect] for answer in told])


def document(answers: Answers, labelled: Sequence[Example], students: Mapping[str, Student], beside_tfidf: bool, day: date) -> str:
    """docs/teachers.md."""
    parts = [
        "# Teachers and students on what none of them learned from",
        "",
        f"Written by `python benchmarks/teachers.py`; nothing is typed by hand. {day}, {platform.machine()}, Python {platform.python_version()}, seed {SEED}.",
        "",
        "How they were trained stands in [students.md](students.md). Accuracy, macro-F1 and top 2 are over rows about a defect of a known kind, and to say none of one is wrong; pairwise is the share of "
        "changes in which the change is thought the likelier defect than its way back. In brackets: 95 % intervals, whole repositories or seed programs drawn anew. No threshold: the likeliest kind counts, "
        "so the column of what is said where there is none is not that of a tier, which is silent below its threshold ([categories.md](categories.md)).",
    ]
    generated = Answers(tuple(labelled), {})
    views = [*((name, answers, chosen) for name, chosen in VIEWS.items()), *((name, generated, chosen) for name, chosen in LABELLED.items() if labelled)]
    for name, rows, chosen in views:
        parts += ["", f"## {name}", "", view(rows, students, chosen, beside_tfidf).rstrip()]
    return "\n".join(parts) + "\n"


def main(argv: Sequence[str] | None = None) -> int:
    """Write the document; 2 when something asked for is not as expected."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--answers", type=Path, required=True, metavar="DIR", help="output of automl-codex logits")
    parser.add_argument("--labelled", type=Path, metavar="DIR", help="output of automl-codex rows, of generated programs that no teacher was asked about")
    parser.add_argument("--student", type=Path, action="append", default=[], metavar="DIR", help="output of automl-codex distill; may be repeated")
    parser.add_argument("--no-tfidf", action="store_true", help="leave TF-IDF with logistic regression out, which takes minutes")
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "teachers.md")
    options = parser.parse_args(argv)
    try:
        students = {folder.name: Student.load(folder) for folder in options.student}
        labelled = examples.read(options.labelled) if options.labelled else []
        options.output.write_text(document(logits.read(options.answers), labelled, students, not options.no_tfidf, datetime.now(UTC).date()), "utf-8")
    except GateError as error:
        print(f"teachers: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
