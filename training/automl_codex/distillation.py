"""From the answers of teachers to a student's directory: train, export, judge, write.

The student learns the kind of defect from all rows, by the teachers' answers where nobody knows the label, and whether a change brings a defect from
those of which that is known; rows beside them that no teacher was asked about teach by their labels alone. It computes with weights of 8 bits from the
first step on, so what was trained is what ships. What it is judged on are the lineages of the test part, which neither it nor a teacher that used the
same split has seen.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from automl_codex import fitting, judging, logits, student, vocabulary, workers
from automl_codex.distill import NO_LABEL, DistillationLoss, EnsembleDistiller, binary, hard
from automl_codex.examples import Example, counts, of_part
from automl_codex.files import listed, whole
from automl_codex.judging import Judged
from automl_codex.split import TEST, TRAIN, VALIDATION
from codex_gate import text
from codex_gate.errors import UsageError
from codex_gate.model import STUDENT_MANIFEST, open_session
from codex_gate.student import BATCH, FORMAT, LABELS, NETWORK, VOCABULARY, probabilities
from codex_gate.tokenise import Vocabulary

REPORT: Final = "distillation.json"
CHECKPOINT, FILLED = ".checkpoint.safetensors", ".filled.safetensors"
PROBES: Final = 256  # rows on which PyTorch and ONNX are compared
PRECISION: Final = 0.8  # of the categories that the student is let say on the validation part; the threshold is chosen for it
CHUNK: Final = 4000  # rows that a process encodes at once
MIN_SAID: Final = 20  # rows that a threshold must let through for its precision to mean something


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a student is trained.

    Attributes:
        fill_epochs: epochs over all rows of the training part, labelled or not, in which it learns to fill in tokens before anything else; 0 for none.
    Raises:
        UsageError: a value outside its range.
    """

    loss: DistillationLoss = field(default_factory=DistillationLoss)
    kind: str = "transformer"
    layers: int = 2
    limit: int = 128
    epochs: int = 10
    batch_size: int = 32
    learning_rate: float = 5e-4
    seed: int = 42
    weights: tuple[float, ...] = ()
    fill_epochs: int = 0

    def __post_init__(self) -> None:
        self.schedule  # noqa: B018 - refuses what is out of range
        if self.fill_epochs < 0 or (self.fill_epochs and self.kind != "transformer"):
            raise UsageError(f"fill-epochs must be >= 0, and 0 for a student of kind {self.kind} that knows no order, got {self.fill_epochs}")

    @property
    def schedule(self) -> fitting.Schedule:
        return fitting.Schedule(self.epochs, self.batch_size, self.learning_rate, self.seed)

    def ensemble(self, teachers: int) -> EnsembleDistiller:
        """The teachers' weights: as given, else alike.

        Raises:
            UsageError: another number of weights than of teachers.
        """
        if self.weights and len(self.weights) != teachers:
            raise UsageError(f"{len(self.weights)} weights for {teachers} teachers; give one for each, in the order of their files' names")
        return EnsembleDistiller(self.weights, self.loss.temperature) if self.weights else EnsembleDistiller.uniform(teachers, self.loss.temperature)


@dataclass(frozen=True, eq=False)
class Distilled:
    """A written student: its report, and the figures by who answered; `beside` are its own on the rows that no teacher was asked about, None where there are none."""

    report: Mapping[str, Any]
    judged: Mapping[str, Judged]
    beside: Judged | None


def run(
    answers: logits.Answers,
    words: Vocabulary | None,
    recipe: Recipe,
    folder: Path,
    today: date,
    progress: Callable[[int, int, int, float], None] = lambda step, of, kept, loss: None,
    beside_tfidf: bool = True,
    labelled: Sequence[Example] = (),
) -> Distilled:
    """Distil a student into `folder`; a run that was cut off goes on.

    Args:
        labelled: rows that no teacher was asked about, to learn from by their labels alone.
        words: the vocabulary; None to grow one from the training part.
        beside_tfidf: whether TF-IDF with logistic regression is fitted to be judged beside it, which takes minutes for 100,000 rows.
    Raises:
        UsageError: no row to learn from or to judge on, weights that do not fit, or a folder of other things.
        TrainingFailure: the loss is no number any more.
        InternalError: PyTorch and ONNX disagree.
    """
    examples = answers.examples
    parts = {part: of_part(examples, part) for part in (TRAIN, VALIDATION, TEST)}
    for part, rows in parts.items():
        if not rows:
            raise UsageError(f"no row falls into the {part} part of the split; give more lineages")
    if folder.exists() and any(
        not entry.name.startswith(".") and entry.name not in (STUDENT_MANIFEST, NETWORK, VOCABULARY, REPORT) for entry in folder.iterdir()
    ):
        raise UsageError(f"{folder} holds other files; choose an empty folder for --output")
    ensemble = recipe.ensemble(len(answers.logits))
    words = words or vocabulary.grow(f"{examples[row].before}\n{examples[row].after}" for row in parts[TRAIN]).vocabulary
    shape = student.Shape(len(words), recipe.kind, recipe.layers, recipe.limit)
    encoded = _encoded(examples, words, recipe.limit)
    combined = ensemble.combine_teachers([torch.from_numpy(array) for array in answers.logits.values()])
    model = student.make(shape, recipe.seed).to(fitting.device())
    beside = [labelled[row] for row in of_part(labelled, TRAIN)]
    train, taught = [*(examples[row] for row in parts[TRAIN]), *beside], combined[parts[TRAIN]]
    told = [*(encoded[row] for row in parts[TRAIN]), *_encoded(beside, words, recipe.limit)]
    key = _key(recipe, shape, words, told, taught, train)
    if recipe.fill_epochs:
        _fill(model, told, recipe, folder, key, progress)
    student.round_from_here(model)
    fitting.fit(
        model, list(map(len, told)), _loss(model, told, train, taught, recipe.loss), recipe.schedule, fitting.Checkpoint(folder / CHECKPOINT, key), progress
    )
    model.cpu()
    student.settle(model)
    forms = student.exported(model, session, [encoded[row] for row in (*parts[TEST], *parts[VALIDATION])[:PROBES]])
    judges, held = [examples[row] for row in parts[TEST]], len(parts[VALIDATION])
    said = _said(answers, [*parts[VALIDATION], *parts[TEST]], combined, forms[1], encoded, recipe.seed, beside_tfidf)
    threshold = threshold_for([examples[row] for row in parts[VALIDATION]], said[_STUDENT][:held])
    judged = {name: judging.judge(judges, p[held:], recipe.seed) for name, p in said.items()}
    apart = [labelled[row] for row in of_part(labelled, TEST)]
    alone = judging.judge(apart, answered(apart, session(forms[1]), words, recipe.limit), recipe.seed) if apart else None
    facts = {
        "date": str(today), "recipe": asdict(recipe), "shape": asdict(shape), "parameters": student.parameters(model), "teachers": dict(zip(answers.logits, ensemble.weights)),
        "rows": {part: dict(found) for part, found in counts(examples).items()}, "bytes": {"fp32": len(forms[0]), "int8": len(forms[1])},
        "parity": {"rows": min(PROBES, len(parts[TEST]) + len(parts[VALIDATION])), "fp32": forms[2], "int8": forms[3]},
        "precision": PRECISION, "threshold": threshold, "judged": {name: asdict(found) for name, found in judged.items()},
        "labelled": {part: dict(found) for part, found in counts(labelled).items()}, "judged on labelled": asdict(alone) if alone else None,
    }  # fmt: skip
    write(folder, forms[1], words, recipe.limit, threshold, facts)
    return Distilled(facts, judged, alone)


def answered(examples: Sequence[Example], runs: Callable[[np.ndarray], np.ndarray], words: Vocabulary, limit: int) -> np.ndarray:
    """Probabilities (n, 20) of a session."""
    return probabilities(_in_batches(_encoded(examples, words, limit), runs), judging.masks(examples))


def _encoded(examples: Sequence[Example], words: Vocabulary, limit: int) -> list[list[int]]:
    """The examples in the student's tokens; many are shared out over the processors."""
    starts = range(0, len(examples), CHUNK)
    parts = workers.spread(partial(_chunk, words=words, limit=limit), [examples[start : start + CHUNK] for start in starts])
    return [row for part in parts for row in part]


def _chunk(examples: Sequence[Example], words: Vocabulary, limit: int) -> list[list[int]]:
    return [text.encode(example.hunk, example.message or None, words, limit) for example in examples]


def _fill(model: Any, encoded: Sequence[Sequence[int]], recipe: Recipe, folder: Path, key: str, progress: Callable[[int, int, int, float], None]) -> None:
    """Let a student fill in tokens that were taken away; kept like the training that follows it."""
    filling = student.Filling(model).to(fitting.device())
    table = student.Rows(encoded, filling.bias.device)

    def loss(rows: list[int]) -> Tensor:
        found: Tensor = filling(table.batch(rows))
        return found

    schedule = fitting.Schedule(recipe.fill_epochs, recipe.batch_size, recipe.learning_rate, recipe.seed)
    fitting.fit(filling, list(map(len, encoded)), loss, schedule, fitting.Checkpoint(folder / FILLED, key), progress)


_STUDENT: Final = "student, int8"


def _loss(
    model: Any, encoded: Sequence[Sequence[int]], examples: Sequence[Example], teacher: Tensor, wanted: DistillationLoss
) -> Callable[[list[int]], Tensor]:
    """The loss of some rows: of the first, as many as `teacher` has answers for, by these and their labels; of the rest by their labels."""
    where = next(model.parameters()).device
    category, defect, possible = (torch.from_numpy(array).to(where) for array in (*judging.truth(examples), judging.masks(examples)))
    teacher, table = teacher.to(where), student.Rows(encoded, where)

    def loss(rows: list[int]) -> Tensor:
        found, at = model(table.batch(rows)), torch.tensor(rows, device=where)
        known = defect[at] != NO_LABEL  # no teacher learned of the others which way they go
        asked = at < len(teacher)
        share = float(asked.float().mean())
        total = torch.zeros((), device=where)
        if share > 0:
            soft, both = teacher[at[asked]], asked & known
            of_kind = wanted.forward(found[asked, :-1], soft[:, :-1], category[at[asked]], possible[at[asked]])
            total = total + share * (of_kind + wanted.forward(binary(found[both, -1]), binary(soft[known[asked], -1]), defect[at[both]]))
        if share < 1:
            rest = ~asked
            of_kind = hard(found[rest, :-1], category[at[rest]], possible[at[rest]])
            total = total + (1 - share) * (of_kind + hard(binary(found[rest, -1]), defect[at[rest]]))
        return total

    return loss


def _key(recipe: Recipe, shape: student.Shape, words: Vocabulary, encoded: Sequence[Sequence[int]], teacher: Tensor, examples: Sequence[Example]) -> str:
    told = [
        FORMAT,
        asdict(recipe),
        asdict(shape),
        words.sha256,
        student.LEVELS,
        [[*ids, example.defect, example.category] for ids, example in zip(encoded, examples, strict=True)],
    ]
    return hashlib.sha256(json.dumps(told).encode() + teacher.numpy().tobytes()).hexdigest()


def session(data: bytes) -> Callable[[np.ndarray], np.ndarray]:
    """ONNX as the runtime opens it."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, NETWORK).write_bytes(data)
        opened = open_session(Path(folder), {"files": {NETWORK: listed(data)}}, NETWORK)
    return lambda ids: np.asarray(opened.run(["logits"], {"ids": ids})[0])


def _said(
    answers: logits.Answers,
    rows: Sequence[int],
    combined: Tensor,
    small: bytes,
    encoded: Sequence[Sequence[int]],
    seed: int,
    beside_tfidf: bool,
) -> dict[str, np.ndarray]:
    """Probabilities (rows, 20) by everyone who answers."""
    told = [encoded[row] for row in rows]
    mask = judging.masks([answers.examples[row] for row in rows])
    found = {"majority": judging.majority(answers.examples)[rows]}
    if beside_tfidf:
        found["TF-IDF + logistic regression"] = judging.tfidf(answers.examples, seed)[rows]
    found |= {f"teacher {name}": probabilities(array[rows], mask) for name, array in answers.logits.items()}
    if len(answers.logits) > 1:
        found["teachers together"] = probabilities(combined.numpy()[rows], mask)
    return found | {_STUDENT: probabilities(_in_batches(told, session(small)), mask)}


def _in_batches(encoded: Sequence[Sequence[int]], runs: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    found = np.zeros((len(encoded), len(LABELS)), np.float32)
    for batch in text.batches(encoded, BATCH):
        found[batch] = runs(student.padded([encoded[row] for row in batch]).numpy())
    return found


def threshold_for(examples: Sequence[Example], shares: np.ndarray, precision: float = PRECISION) -> float:
    """The lowest confidence above which the categories said of `examples` are right with this precision; 1 where none lets MIN_SAID of them through so.

    Confidence is P(category); a category said of what is about no defect is wrong. Rows whose kind nobody knows are left out.
    """
    kind, _ = judging.truth(examples)
    rows = np.flatnonzero(kind >= 0)
    said = shares[rows, : judging.N_CATEGORIES]
    confidence = said.max(1)
    right = said.argmax(1) == kind[rows]
    order = np.argsort(-confidence, kind="stable")
    values, hits = confidence[order], np.cumsum(right[order])
    ends = np.flatnonzero(np.append(values[1:] < values[:-1], True))  # rows of equal confidence are said together
    good = ends[(hits[ends] / (ends + 1) >= precision) & (ends + 1 >= MIN_SAID)]
    if not len(good):
        return 1.0
    return float(values[good[-1] + 1]) if good[-1] + 1 < len(values) else 0.0


def write(folder: Path, network: bytes, words: Vocabulary, limit: int, threshold: float, facts: Mapping[str, Any]) -> None:
    """The files that `codex_gate.student` loads, and the report; the manifest last, so that a torn directory is not taken for a student."""
    folder.mkdir(parents=True, exist_ok=True)
    words.write(folder / VOCABULARY)
    (folder / NETWORK).write_bytes(network)
    (folder / REPORT).write_text(json.dumps(facts, indent=1) + "\n", "utf-8")
    files = {name: listed((folder / name).read_bytes()) for name in (NETWORK, VOCABULARY)}
    told = {"format": FORMAT, "version": f"student-{FORMAT}-{files[NETWORK]['sha256'][:8]}", "labels": list(LABELS), "limit": limit, "threshold": threshold,
            "vocabulary": words.sha256, "files": files}  # fmt: skip
    with whole(folder / STUDENT_MANIFEST) as partial:
        partial.write_text(json.dumps(told, indent=1) + "\n", "utf-8")


def summary(found: Distilled, folder: Path) -> str:
    """What came of it, in a table and a few lines."""
    report = found.report
    rows = report["rows"]
    told = [
        f"distilled  {folder}  {report['parameters']:,} parameters, {report['bytes']['int8'] / 1e6:.1f} MB in int8 ({report['bytes']['fp32'] / 1e6:.1f} MB in fp32)",
        "  rows  " + ", ".join(f"{part} {counted.get('rows', 0):,}" for part, counted in rows.items()),
        f"  from PyTorch's probabilities: fp32 {report['parity']['fp32']:.1e}, int8 {report['parity']['int8']:.1e} at most, on {report['parity']['rows']} rows",
        _spoken(report["threshold"], report["precision"]),
    ]
    beside = [] if found.beside is None else ["On rows that no teacher was asked about:\n\n" + judging.table({_STUDENT: found.beside})]
    return "\n\n".join(["\n".join(told), judging.table(found.judged), *beside])


def _spoken(threshold: float, precision: float) -> str:
    if threshold < 1:
        return f"  says a category above a confidence of {threshold:.3f}: {precision:.0%} of those said on the validation part are right"
    return f"  says no category: no confidence makes {precision:.0%} of those said on the validation part right"
