"""The training loop of teacher and student: seeded batches, a warm-up, and checkpoints that go on as if nothing had happened.

All that is random is drawn from the seed and the number of the step, so that a checkpoint needs no state of a generator; with one thread on a CPU
a run that was cut off ends with the same bits as one that was not.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from automl_codex.files import whole
from codex_gate.errors import TrainingFailure, UsageError

WARM_UP: Final = 0.1  # share of the steps over which the rate rises; then it falls to 0 in a line
CLIP: Final = 1.0  # largest norm of a gradient
POOL: Final = 16  # batches' worth of rows that are sorted by length together, so that batches pad little
EVERY: Final = 50  # steps between checkpoints


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long and how fast.

    Raises:
        UsageError: a value outside its range.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    seed: int = 42
    weight_decay: float = 0.01

    def __post_init__(self) -> None:
        for name, value in (("epochs", self.epochs), ("batch-size", self.batch_size)):
            if value < 1:
                raise UsageError(f"{name} must be >= 1, got {value}")
        if not (math.isfinite(self.learning_rate) and self.learning_rate > 0):
            raise UsageError(f"learning-rate must be a number > 0, got {self.learning_rate}")

    def steps(self, rows: int) -> int:
        """Steps of the whole training on so many rows."""
        return self.epochs * math.ceil(rows / self.batch_size)

    def rate(self, step: int, steps: int) -> float:
        """The learning rate of a step, counted from 0."""
        warm = max(1, round(WARM_UP * steps))
        return self.learning_rate * min((step + 1) / warm, (steps - step) / max(1, steps - warm))

    def batches(self, lengths: Sequence[int], epoch: int) -> list[list[int]]:
        """The rows of each batch of an epoch: shuffled, of similar length within a batch."""
        order = torch.randperm(len(lengths), generator=torch.Generator().manual_seed(self.seed * 1_000_003 + epoch)).tolist()
        pool = self.batch_size * POOL
        found = []
        for start in range(0, len(order), pool):
            rows = sorted(order[start : start + pool], key=lambda row: lengths[row])
            found += [rows[at : at + self.batch_size] for at in range(0, len(rows), self.batch_size)]
        shuffled = torch.randperm(len(found), generator=torch.Generator().manual_seed(self.seed * 1_000_003 + epoch + 500_000)).tolist()
        return [found[place] for place in shuffled]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Where a training is kept, and the key of everything that decides its outcome: one of another key is not gone on with."""

    path: Path
    key: str
    every: int = EVERY


def device() -> str:
    """A GPU where there is one, else the CPU; a GPU multiplies in TF32, which is several times as fast and changes no figure that matters."""
    if not torch.cuda.is_available():
        return "cpu"
    torch.set_float32_matmul_precision("high")
    return "cuda"


def use_threads(number: int) -> None:
    """Let PyTorch use so many threads of the processor; with more than one the bits of a sum may differ from run to run."""
    torch.set_num_threads(number)


def fit(
    model: nn.Module,
    lengths: Sequence[int],
    loss_of: Callable[[list[int]], Tensor],
    schedule: Schedule,
    checkpoint: Checkpoint,
    progress: Callable[[int, int, int, float], None] = lambda step, of, kept, loss: None,
) -> int:
    """Train what requires a gradient in `model`; how many steps an earlier run had made.

    Args:
        lengths: of every row, in any unit; they decide which rows share a batch.
        loss_of: the loss of these rows.
        progress: called with steps done, of how many, how many of them an earlier run had made, and the last loss.
    Raises:
        TrainingFailure: the loss is no number any more.
    """
    trained = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
    optimizer = torch.optim.AdamW(list(trained.values()), lr=schedule.learning_rate, weight_decay=schedule.weight_decay)
    steps = schedule.steps(len(lengths))
    kept = _restore(checkpoint, trained, optimizer)
    model.train()
    for step, rows in _from(schedule, lengths, kept):
        torch.manual_seed(schedule.seed * 1_000_003 + step)  # dropout of this step
        for group in optimizer.param_groups:
            group["lr"] = schedule.rate(step, steps)
        optimizer.zero_grad(set_to_none=True)
        loss = loss_of(rows)
        value = loss.item()
        if not math.isfinite(value):
            raise TrainingFailure(f"the loss became {value} in step {step + 1} of {steps}; lower --learning-rate, or look at the input for what is no number")
        loss.backward()
        nn.utils.clip_grad_norm_(list(trained.values()), CLIP)
        optimizer.step()
        if (step + 1) % checkpoint.every == 0 or step + 1 == steps:
            _keep(checkpoint, step + 1, trained, optimizer)
        progress(step + 1, steps, kept, value)
    model.eval()
    return kept


def _from(schedule: Schedule, lengths: Sequence[int], done: int) -> Iterator[tuple[int, list[int]]]:
    step = 0
    for epoch in range(schedule.epochs):
        for rows in schedule.batches(lengths, epoch):
            if step >= done:
                yield step, rows
            step += 1


def _keep(checkpoint: Checkpoint, step: int, trained: Mapping[str, Tensor], optimizer: Any) -> None:
    tensors = {f"parameter.{name}": parameter.detach().cpu().contiguous() for name, parameter in trained.items()}
    for name, parameter in trained.items():
        for key, value in optimizer.state[parameter].items():
            tensors[f"{key}.{name}"] = value.detach().cpu().contiguous()
    with whole(checkpoint.path) as partial:
        save_file(tensors, partial, {"key": checkpoint.key, "step": str(step)})


def _restore(checkpoint: Checkpoint, trained: Mapping[str, Tensor], optimizer: Any) -> int:
    """Put parameters and optimiser where a checkpoint of the same key left them; the steps it stands for, 0 for none."""
    try:
        opened = safe_open(checkpoint.path, "pt")
    except (FileNotFoundError, SafetensorError):  # none yet, or one that a power cut tore
        return 0
    with opened as found:
        told = found.metadata() or {}
        if told.get("key") != checkpoint.key:
            return 0
        there = set(found.keys())
        for name, parameter in trained.items():
            parameter.data.copy_(found.get_tensor(f"parameter.{name}"))
            if f"step.{name}" in there:  # a parameter that no row ever reached has no state
                state = {part: found.get_tensor(f"{part}.{name}") for part in ("step", "exp_avg", "exp_avg_sq")}
                optimizer.state[parameter] = {part: value if part == "step" else value.to(parameter.device) for part, value in state.items()}
        return int(told["step"])
