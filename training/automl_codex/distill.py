"""What a student learns from: the soft answers of teachers, and hard labels where there are some.

    L = α · T² · KL(softmax(teacher / T) ‖ softmax(student / T)) + (1 − α) · CE(student, labels)

The teacher stands first in KL: the student is charged where the teacher sees something and it does not. Gradients of the soft part shrink with
1 / T², and T² makes up for that. Everything is computed from logarithms of softmaxes, so that no logit, however large, becomes infinite.
Source: Hinton, Vinyals & Dean 2015; specification §5.4.1 and §5.4.2.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from codex_gate.errors import UsageError

TEMPERATURE, ALPHA = 3.0, 0.7  # specification, §5.4.3
TYPICAL_TEMPERATURE, TYPICAL_ALPHA = (2.0, 5.0), (0.5, 0.9)  # specification, §5.4.1
NO_LABEL = -1
SECOND = 0.3  # share of a row's loss that its second label is charged (chosen)
WEIGHT_SLACK = 1e-9  # below it the weights of all teachers together are nothing


@dataclass(frozen=True, slots=True)
class DistillationLoss:
    """The loss of a student beside one teacher.

    Attributes:
        temperature: T > 0; the higher, the more the small answers of the teacher count.
        alpha: share of the soft part, in [0, 1].
    Raises:
        UsageError: a temperature or a share outside its range.
    """

    temperature: float = TEMPERATURE
    alpha: float = ALPHA

    def __post_init__(self) -> None:
        if not (math.isfinite(self.temperature) and self.temperature > 0):
            raise UsageError(f"temperature must be a number > 0, got {self.temperature}")
        if not 0 <= self.alpha <= 1:
            raise UsageError(f"alpha must be in [0, 1], got {self.alpha}")

    @property
    def unusual(self) -> tuple[str, ...]:
        """A sentence for each of the two that is outside its typical range."""
        given = (("temperature", self.temperature, TYPICAL_TEMPERATURE), ("alpha", self.alpha, TYPICAL_ALPHA))
        return tuple(f"{name} {value:g} is outside the typical {low:g} to {high:g}" for name, value, (low, high) in given if not low <= value <= high)

    def forward(self, student: Tensor, teacher: Tensor, labels: Tensor, mask: Tensor | None = None) -> Tensor:
        """The loss as a scalar: the mean over rows of the soft part, plus that over labelled rows of the hard one.

        Args:
            student, teacher: logits (n, classes).
            labels: classes (n,) as whole numbers, NO_LABEL where none is known.
            mask: (n, classes), False where a class cannot occur; every row must have one that can.
        Raises:
            UsageError: shapes that do not fit, or a label outside the classes.
        """
        _check(student, teacher, labels, mask)
        return self.alpha * self.temperature**2 * self.soft(student, teacher, mask) + (1 - self.alpha) * hard(student, labels, mask)

    def soft(self, student: Tensor, teacher: Tensor, mask: Tensor | None = None) -> Tensor:
        """KL(softmax(teacher / T) ‖ softmax(student / T)), the mean over rows; >= 0."""
        if not len(student):
            return student.sum()  # 0, with a gradient
        wanted, given = _log_softmax(teacher / self.temperature, mask), _log_softmax(student / self.temperature, mask)
        if mask is not None:  # −∞ − −∞ is no number, and both hold nothing of the probability
            wanted, given = wanted.masked_fill(~mask, 0.0), given.masked_fill(~mask, 0.0)
            return (wanted.exp() * mask * (wanted - given)).sum(1).mean()
        return (wanted.exp() * (wanted - given)).sum(1).mean()


def hard(student: Tensor, labels: Tensor, mask: Tensor | None = None, second: Tensor | None = None, weight: Tensor | None = None) -> Tensor:
    """Cross-entropy, the mean over labelled rows; 0 where no row has a label.

    Args:
        second: another class (n,) that a row can be said to be of, NO_LABEL where there is none; it is charged SECOND of the row's loss.
        weight: of each class (classes,), by which a row counts in the mean.
    """
    known = labels != NO_LABEL
    if not bool(known.any()):
        return (student * 0.0).sum()
    shares, first = _log_softmax(student[known], None if mask is None else mask[known]), labels[known]
    loss = functional.nll_loss(shares, first, reduction="none")
    if second is not None:
        other = second[known]
        there = (other != NO_LABEL) & (other != first)
        loss = torch.where(there, (1 - SECOND) * loss - SECOND * shares.gather(1, torch.where(there, other, first)[:, None])[:, 0], loss)
    return loss.mean() if weight is None else (loss * weight[first]).sum() / weight[first].sum()


def binary(logit: Tensor) -> Tensor:
    """A logit (n,) as those of two classes (n, 2), no and yes, whose softmax is its sigmoid at any temperature."""
    return torch.stack([torch.zeros_like(logit), logit], 1)


def _log_softmax(logits: Tensor, mask: Tensor | None) -> Tensor:
    return functional.log_softmax(logits if mask is None else logits.masked_fill(~mask, -math.inf), 1)


def _check(student: Tensor, teacher: Tensor, labels: Tensor, mask: Tensor | None) -> None:
    if student.ndim != 2 or student.shape != teacher.shape:
        raise UsageError(f"logits of the student have shape {tuple(student.shape)}, the teacher's {tuple(teacher.shape)}; both must be (rows, classes) alike")
    if labels.shape != student.shape[:1]:
        raise UsageError(f"labels have shape {tuple(labels.shape)}, expected ({len(student)},): one for each row")
    if mask is not None and (mask.shape != student.shape or not bool(mask.any(1).all())):
        raise UsageError(f"a mask must have the logits' shape {tuple(student.shape)} and leave every row a class")
    known = labels[labels != NO_LABEL]
    if len(known) and not (int(known.min()) >= 0 and int(known.max()) < student.shape[1]):
        raise UsageError(f"labels run from {int(known.min())} to {int(known.max())}, there are classes 0 to {student.shape[1] - 1}")
    if mask is not None and not bool(mask[labels != NO_LABEL].gather(1, known[:, None]).all()):
        raise UsageError("a row is labelled with a class that its mask rules out; mask and labels are of different rows")


@dataclass(frozen=True, slots=True)
class EnsembleDistiller:
    """Several teachers as one: the weighted average of their logits.

    Attributes:
        weights: one for each teacher, >= 0; kept normalised, so that they sum to 1.
        temperature: T > 0.
    Raises:
        UsageError: no weight, a negative one, none above 0, or no number; a temperature outside its range.
    """

    weights: tuple[float, ...]
    temperature: float = TEMPERATURE

    def __post_init__(self) -> None:
        total = math.fsum(self.weights)
        if not self.weights or not math.isfinite(total) or min(self.weights) < 0 or total <= WEIGHT_SLACK:
            raise UsageError(f"weights of teachers must be numbers >= 0 that do not vanish together, got {', '.join(map(str, self.weights)) or 'none'}")
        object.__setattr__(self, "weights", tuple(weight / total for weight in self.weights))
        DistillationLoss(self.temperature)

    @classmethod
    def uniform(cls, num_teachers: int, temperature: float = TEMPERATURE) -> EnsembleDistiller:
        """All teachers alike.

        Raises:
            UsageError: less than one teacher.
        """
        if num_teachers < 1:
            raise UsageError(f"num-teachers must be >= 1, got {num_teachers}")
        return cls((1.0,) * num_teachers, temperature)

    def combine_teachers(self, teacher_logits: Sequence[Tensor]) -> Tensor:
        """The weighted average (n, classes) of logits of that shape, one for each teacher.

        Raises:
            UsageError: another number of teachers than of weights, or shapes that differ.
        """
        if len(teacher_logits) != len(self.weights):
            raise UsageError(f"{len(teacher_logits)} teachers for {len(self.weights)} weights; give one for each")
        shapes = {tuple(logits.shape) for logits in teacher_logits}
        if len(shapes) > 1:
            raise UsageError(f"logits of the teachers have the shapes {', '.join(map(str, sorted(shapes)))}; they must be of the same rows and classes")
        return torch.stack([weight * logits for weight, logits in zip(self.weights, teacher_logits, strict=True)]).sum(0)

    def distillation_loss(self, student: Tensor, teacher_logits: Sequence[Tensor], labels: Tensor, alpha: float = ALPHA, mask: Tensor | None = None) -> Tensor:
        """DistillationLoss beside the combined teachers."""
        return DistillationLoss(self.temperature, alpha).forward(student, self.combine_teachers(teacher_logits), labels, mask)
