"""The training loop: seeded, and cut off anywhere it ends with the same bits."""

from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="torch is of the extra [train]")
torch.set_num_threads(1)  # the bits of a sum depend on how it is shared out

from torch.nn import functional  # noqa: E402 - it is of torch

from automl_codex.fitting import Checkpoint, Schedule, fit  # noqa: E402
from codex_gate.errors import TrainingFailure, UsageError  # noqa: E402

N = 50
LENGTHS = [row % 7 for row in range(N)]
SCHEDULE = Schedule(epochs=3, batch_size=8, learning_rate=0.05, seed=9)


def model_and_loss(noise: float = 0.5):
    """A model with dropout, so that the generator matters, and a frozen part."""
    torch.manual_seed(1)
    layers = torch.nn.Sequential(torch.nn.Linear(4, 16), torch.nn.Dropout(noise), torch.nn.Linear(16, 2))
    model = torch.nn.ModuleDict({"layers": layers})
    layers[0].bias.requires_grad_(False)
    model.unused = torch.nn.Parameter(torch.ones(3))  # no row reaches it, so the optimiser keeps nothing of it
    x = torch.randn(N, 4, generator=torch.Generator().manual_seed(2))
    y = (x[:, 0] > 0).long()
    return model, lambda rows: functional.cross_entropy(layers(x[rows]), y[rows])


def trained(path: Path, key: str = "k", stop: int | None = None, schedule: Schedule = SCHEDULE, every: int = 1):
    model, loss = model_and_loss()
    seen = []

    def progress(step: int, of: int, kept: int, value: float) -> None:
        seen.append((step, of, kept, value))
        if step == stop:
            raise KeyboardInterrupt

    try:
        kept = fit(model, LENGTHS, loss, schedule, Checkpoint(path, key, every), progress)
    except KeyboardInterrupt:
        kept = None
    return model, kept, seen


def same(a, b) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True))


def test_the_loss_falls_and_what_is_frozen_stays(tmp_path: Path) -> None:
    model, kept, seen = trained(tmp_path / "c")
    fresh, _ = model_and_loss()
    assert kept == 0 and [step for step, *_ in seen] == list(range(1, 22)) and {of for _, of, *_ in seen} == {21}
    assert sum(value for *_, value in seen[-5:]) < 0.7 * sum(value for *_, value in seen[:5])
    (now, _, _), (then, _, _) = model["layers"], fresh["layers"]
    assert torch.equal(now.bias, then.bias) and not torch.equal(now.weight, then.weight)
    assert not model.training


@pytest.mark.parametrize(("stop", "every", "kept"), [(1, 1, 1), (7, 1, 7), (9, 4, 8), (20, 1, 20)])
def test_a_run_that_was_cut_off_ends_with_the_same_bits(tmp_path: Path, stop: int, every: int, kept: int) -> None:
    whole, _, all_steps = trained(tmp_path / "whole")
    trained(tmp_path / "cut", stop=stop, every=every)
    rest, found, steps = trained(tmp_path / "cut", every=every)
    assert found == kept and steps == [(step, of, kept, value) for step, of, _, value in all_steps[kept:]]
    assert same(whole, rest)


def test_a_finished_run_is_not_made_again(tmp_path: Path) -> None:
    whole, _, _ = trained(tmp_path / "c")
    again, kept, steps = trained(tmp_path / "c")
    assert kept == 21 and steps == [] and same(whole, again)


def test_a_checkpoint_of_other_work_or_a_torn_one_is_not_gone_on_with(tmp_path: Path) -> None:
    whole, _, _ = trained(tmp_path / "c")
    other, kept, _ = trained(tmp_path / "c", key="other")
    assert kept == 0 and same(whole, other)
    (tmp_path / "c").write_bytes(b"torn")
    again, kept, _ = trained(tmp_path / "c")
    assert kept == 0 and same(whole, again)


def test_another_seed_trains_otherwise(tmp_path: Path) -> None:
    assert not same(trained(tmp_path / "a")[0], trained(tmp_path / "b", schedule=Schedule(3, 8, 0.05, seed=10))[0])


def test_a_loss_that_is_no_number_stops_the_training(tmp_path: Path) -> None:
    model, _ = model_and_loss()
    with pytest.raises(TrainingFailure, match=r"the loss became nan in step 1 of 21") as error:
        fit(model, LENGTHS, lambda rows: model["layers"](torch.full((len(rows), 4), float("nan"))).sum(), SCHEDULE, Checkpoint(tmp_path / "c", "k"))
    assert error.value.exit_code == 4 and not (tmp_path / "c").exists()


def test_every_row_comes_once_an_epoch_in_batches_of_like_length() -> None:
    lengths = [row % 97 for row in range(1000)]
    schedule = Schedule(1, 10, 0.1)
    for epoch in (0, 1):
        assert sorted(row for batch in schedule.batches(lengths, epoch) for row in batch) == list(range(1000))
    assert schedule.batches(lengths, 0) == schedule.batches(lengths, 0) != schedule.batches(lengths, 1)
    spread = [max(lengths[row] for row in batch) - min(lengths[row] for row in batch) for batch in schedule.batches(lengths, 0)]
    assert sum(spread) / len(spread) < 15  # shuffled alone it would be about 80


def test_the_rate_rises_falls_and_ends_above_zero() -> None:
    rates = [Schedule(1, 1, 1.0).rate(step, 100) for step in range(100)]
    assert rates[:10] == pytest.approx([0.1 * step for step in range(1, 11)])
    assert rates[10] == pytest.approx(1.0) and rates[10:] == sorted(rates[10:], reverse=True) and rates[-1] == pytest.approx(1 / 90)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ((0, 8, 0.1), "epochs must be >= 1, got 0"),
        ((1, 0, 0.1), "batch-size must be >= 1"),
        ((1, 1, 0.0), "learning-rate must be a number > 0"),
        ((1, 1, float("nan")), "learning-rate"),
    ],
)
def test_a_schedule_outside_its_range_is_refused(values: tuple[int, int, float], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        Schedule(*values)
