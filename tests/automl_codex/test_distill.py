"""The losses of distillation against hand calculation, finite differences and logits that overflow."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch", reason="torch is of the extra [train]")

from automl_codex.distill import NO_LABEL, DistillationLoss, EnsembleDistiller, binary  # noqa: E402 - they import torch
from codex_gate.errors import UsageError  # noqa: E402


def tensor(*rows: list[float], grad: bool = False):
    return torch.tensor(rows, dtype=torch.float64, requires_grad=grad)


def by_hand(student: list[float], teacher: list[float], label: int | None, temperature: float, alpha: float, classes: list[int] | None = None) -> float:
    """The formula with math.exp alone, over the classes that can occur."""
    classes = list(range(len(student))) if classes is None else classes

    def softmax(logits: list[float], t: float) -> dict[int, float]:
        total = sum(math.exp(logits[i] / t) for i in classes)
        return {i: math.exp(logits[i] / t) / total for i in classes}

    p, q = softmax(teacher, temperature), softmax(student, temperature)
    kl = sum(p[i] * math.log(p[i] / q[i]) for i in classes)
    return alpha * temperature**2 * kl + (0.0 if label is None else -(1 - alpha) * math.log(softmax(student, 1.0)[label]))


S, T = [0.2, -1.0, 2.5], [1.5, 0.0, -0.5]


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0, 10.0])
@pytest.mark.parametrize("alpha", [0.0, 0.3, 0.7, 1.0])
def test_the_loss_is_the_formula(temperature: float, alpha: float) -> None:
    found = DistillationLoss(temperature, alpha).forward(tensor(S, T), tensor(T, S), torch.tensor([0, 2]))
    assert float(found) == pytest.approx((by_hand(S, T, 0, temperature, alpha) + by_hand(T, S, 2, temperature, alpha)) / 2, abs=1e-12)


def test_a_number_worked_out_on_paper() -> None:
    # softmax((ln 3, 0)) = (3/4, 1/4) is the teacher's at T = 1, the student's is (1/2, 1/2): KL = ¾ ln 3/2 + ¼ ln 1/2, CE = ln 2
    found = DistillationLoss(1.0, 0.5).forward(tensor([0.0, 0.0]), tensor([math.log(3), 0.0]), torch.tensor([1]))
    assert float(found) == pytest.approx(0.5 * (0.75 * math.log(1.5) + 0.25 * math.log(0.5)) + 0.5 * math.log(2), abs=1e-15)


def test_the_teacher_stands_first_in_the_divergence() -> None:
    loss = DistillationLoss(1.0, 1.0)
    sure, torn = tensor([6.0, 0.0, 0.0]), tensor([0.0, 0.0, 0.0])
    there, back = (float(loss.forward(*pair, torch.tensor([NO_LABEL]))) for pair in ((torn, sure), (sure, torn)))
    assert there == pytest.approx(by_hand([0.0] * 3, [6.0, 0.0, 0.0], None, 1.0, 1.0), abs=1e-12)
    assert abs(there - back) > 0.5


def test_a_student_like_its_teacher_has_no_soft_loss() -> None:
    assert float(DistillationLoss(3.0, 1.0).forward(tensor(T), tensor([x + 7 for x in T]), torch.tensor([0]))) == pytest.approx(0.0, abs=1e-14)


def test_the_gradient_is_that_of_finite_differences() -> None:
    loss, labels = DistillationLoss(3.0, 0.7), torch.tensor([2, NO_LABEL, 0])
    mask = torch.tensor([[True] * 4, [True, False, True, True], [True] * 4])
    teacher = torch.randn(3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    student = torch.randn(3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(2), requires_grad=True)
    loss.forward(student, teacher, labels, mask).backward()
    step = 1e-6
    for row in range(3):
        for column in range(4):
            moved = []
            for sign in (1, -1):
                near = student.detach().clone()
                near[row, column] += sign * step
                moved.append(float(loss.forward(near, teacher, labels, mask)))
            assert float(student.grad[row, column]) == pytest.approx((moved[0] - moved[1]) / (2 * step), abs=1e-8)
    assert float(student.grad[1, 1]) == 0.0


@pytest.mark.parametrize("huge", [1e4, 1e30])
def test_logits_that_would_overflow_give_finite_numbers(huge: float) -> None:
    for dtype in (torch.float32, torch.float64):
        student = torch.tensor([[huge, -huge, 0.0], [0.0, huge, -huge]], dtype=dtype, requires_grad=True)
        teacher = torch.tensor([[huge, -huge, 0.0], [0.0, huge, -huge]], dtype=dtype)
        found = DistillationLoss(0.5, 0.7).forward(student, teacher, torch.tensor([0, 1]))
        found.backward()
        assert found.item() == 0.0
        assert bool(torch.isfinite(student.grad).all())
    wrong = DistillationLoss(1.0, 0.5).forward(tensor([1e4, 0.0]), tensor([0.0, 1e4]), torch.tensor([1]))
    assert float(wrong) == pytest.approx(0.5 * 1e4 + 0.5 * 1e4)


def test_rows_without_a_label_count_in_the_soft_part_alone() -> None:
    found = DistillationLoss(2.0, 0.6).forward(tensor(S, T), tensor(T, S), torch.tensor([1, NO_LABEL]))
    hard = by_hand(S, T, 1, 2.0, 0.6) - by_hand(S, T, None, 2.0, 0.6)
    assert float(found) == pytest.approx((by_hand(S, T, None, 2.0, 0.6) + by_hand(T, S, None, 2.0, 0.6)) / 2 + hard, abs=1e-12)
    none = DistillationLoss(2.0, 0.0).forward(tensor(S, grad=True), tensor(T), torch.tensor([NO_LABEL]))
    assert none.item() == 0.0


def test_a_class_that_cannot_occur_is_left_out_of_both_parts() -> None:
    mask = torch.tensor([[True, False, True]])
    found = DistillationLoss(3.0, 0.7).forward(tensor([S[0], 1e9, S[2]]), tensor([T[0], -1e9, T[2]]), torch.tensor([2]), mask)
    assert float(found) == pytest.approx(by_hand(S, T, 2, 3.0, 0.7, [0, 2]), abs=1e-12)


def test_two_classes_are_a_logit() -> None:
    two = torch.softmax(binary(torch.tensor([2.0], dtype=torch.float64)) / 3.0, 1)
    assert float(two[0, 1]) == pytest.approx(1 / (1 + math.exp(-2 / 3)), abs=1e-15)


@pytest.mark.parametrize(
    ("temperature", "alpha", "said"),
    [
        (0.0, 0.5, "temperature must be a number > 0, got 0.0"),
        (-1.0, 0.5, "temperature must be"),
        (float("nan"), 0.5, "temperature must be"),
        (float("inf"), 0.5, "temperature must be"),
        (3.0, -0.1, "alpha must be in [0, 1], got -0.1"),
        (3.0, 1.1, "alpha must be"),
        (3.0, float("nan"), "alpha must be"),
    ],
)
def test_a_setting_outside_its_range_is_refused(temperature: float, alpha: float, said: str) -> None:
    with pytest.raises(UsageError) as error:
        DistillationLoss(temperature, alpha)
    assert said in str(error.value) and error.value.exit_code == 2


def test_settings_outside_the_typical_range_are_named() -> None:
    assert DistillationLoss().unusual == () == DistillationLoss(2.0, 0.9).unusual
    assert DistillationLoss(9.0, 0.1).unusual == ("temperature 9 is outside the typical 2 to 5", "alpha 0.1 is outside the typical 0.5 to 0.9")


@pytest.mark.parametrize(
    ("student", "teacher", "labels", "mask", "said"),
    [
        ([S], [S, T], [0], None, "logits of the student have shape (1, 3), the teacher's (2, 3)"),
        ([S], [S], [0, 1], None, "labels have shape (2,), expected (1,)"),
        ([S], [S], [3], None, "labels run from 3 to 3, there are classes 0 to 2"),
        ([S], [S], [-2], None, "labels run from -2"),
        ([S], [S], [0], [[False, False, False]], "leave every row a class"),
        ([S], [S], [0], [[True, True]], "must have the logits' shape (1, 3)"),
        ([S], [S], [0], [[False, True, True]], "labelled with a class that its mask rules out"),
    ],
)
def test_what_does_not_fit_together_is_refused(student, teacher, labels, mask, said: str) -> None:
    with pytest.raises(UsageError) as error:
        DistillationLoss().forward(tensor(*student), tensor(*teacher), torch.tensor(labels), None if mask is None else torch.tensor(mask))
    assert said in str(error.value)


# -- several teachers ----------------------------------------------------------------------------------


def test_weights_are_normalised() -> None:
    assert EnsembleDistiller((1.0, 3.0)).weights == (0.25, 0.75)
    assert EnsembleDistiller.uniform(4, 2.0) == EnsembleDistiller((0.25,) * 4, 2.0)
    assert EnsembleDistiller((0.0, 2.0)).weights == (0.0, 1.0)


def test_teachers_are_combined_by_their_weights() -> None:
    found = EnsembleDistiller((1.0, 3.0)).combine_teachers([tensor([4.0, 0.0]), tensor([0.0, 8.0])])
    assert found.tolist() == [[1.0, 6.0]]


def test_the_loss_of_an_ensemble_is_that_beside_the_average() -> None:
    teachers, labels = [tensor(S), tensor(T)], torch.tensor([1])
    found = EnsembleDistiller((1.0, 1.0), 4.0).distillation_loss(tensor([0.0, 1.0, 0.0]), teachers, labels, 0.8)
    mean = [(s + t) / 2 for s, t in zip(S, T, strict=True)]
    assert float(found) == pytest.approx(by_hand([0.0, 1.0, 0.0], mean, 1, 4.0, 0.8), abs=1e-12)


def test_one_teacher_is_the_plain_loss() -> None:
    labels = torch.tensor([1])
    assert float(EnsembleDistiller.uniform(1).distillation_loss(tensor(S), [tensor(T)], labels)) == float(
        DistillationLoss().forward(tensor(S), tensor(T), labels)
    )


@pytest.mark.parametrize("weights", [(), (-1.0, 2.0), (0.0, 0.0), (float("nan"), 1.0), (float("inf"),)])
def test_weights_that_mean_nothing_are_refused(weights: tuple[float, ...]) -> None:
    with pytest.raises(UsageError, match="weights of teachers must be numbers >= 0"):
        EnsembleDistiller(weights)


def test_teachers_that_do_not_fit_are_refused() -> None:
    pair = EnsembleDistiller.uniform(2)
    with pytest.raises(UsageError, match="1 teachers for 2 weights"):
        pair.combine_teachers([tensor(S)])
    with pytest.raises(UsageError, match="same rows and classes"):
        pair.combine_teachers([tensor(S), tensor(S, T)])
    with pytest.raises(UsageError, match="num-teachers must be >= 1, got 0"):
        EnsembleDistiller.uniform(0)
    with pytest.raises(UsageError, match="temperature must be"):
        EnsembleDistiller.uniform(2, 0.0)
