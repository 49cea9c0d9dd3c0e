"""The student: a small network over the own tokeniser, its ONNX, and what int8 makes of it.

Two kinds. `transformer`: a few layers of attention over the tokens. `bag`: no layers, the tokens before and after are each pooled by learned
weights and compared; it knows nothing of order. Both give 20 logits: the 19 kinds and the defect (`codex_gate.student.LABELS`).
"""

from __future__ import annotations

import math
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrize

from automl_codex.files import PARITY
from codex_gate.errors import InternalError, UsageError
from codex_gate.student import LABELS, probabilities
from codex_gate.tokenise import FIXED, NEW, OLD, SPECIALS, UNKNOWN

DIMENSIONS: Final = 256  # specification, §5.4.3
MAX_PARAMETERS: Final = 10_000_000  # specification, §5.4.5
PAD_ID, OLD_ID, NEW_ID, UNKNOWN_ID = 0, FIXED.index(OLD), FIXED.index(NEW), FIXED.index(UNKNOWN)
TAKEN: Final = 0.15  # of the tokens, in Filling (Devlin et al. 2019)
OPSET: Final = 17
SMALLEST: Final = 8192  # numbers of a table that is worth rounding
TINY: Final = 1e-12  # in place of the scale of a row of zeros
LEVELS: Final = 127  # whole numbers to either side of 0
_ROWS: Final = {"MatMul": 0, "Gemm": 1, "Gather": 1}  # over which axis of its table a layer, and the vectors of tokens, share a scale


@dataclass(frozen=True, slots=True)
class Shape:
    """What a student is made of.

    Attributes:
        vocabulary: tokens. kind: one of KINDS. layers: of a transformer. limit: tokens that it reads of a change.
    Raises:
        UsageError: an unknown kind, a value outside its range, or more than MAX_PARAMETERS.
    """

    vocabulary: int
    kind: str = "transformer"
    layers: int = 2
    limit: int = 128
    dimensions: int = DIMENSIONS
    hidden: int = 512
    heads: int = 4
    dropout: float = 0.1

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise UsageError(f"no student {self.kind}; there are {', '.join(KINDS)}")
        for name, value, low, high in (("layers", self.layers, 1, 6), ("limit", self.limit, 16, 512)):
            if not low <= value <= high:
                raise UsageError(f"{name} must be {low} to {high}, got {value}")
        with torch.device("meta"):
            size = parameters(KINDS[self.kind](self))
        if size > MAX_PARAMETERS:
            raise UsageError(f"a student of {self.vocabulary} tokens and {self.layers} layers has {size:,} parameters, at most {MAX_PARAMETERS:,} are allowed")


class _Block(nn.Module):
    """Attention and a feed-forward layer, each after a normalisation and around a shortcut. Source: Xiong et al. 2020 (pre-LN)."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.heads = shape.heads
        self.before, self.between = nn.LayerNorm(shape.dimensions), nn.LayerNorm(shape.dimensions)
        self.mixed, self.out = nn.Linear(shape.dimensions, 3 * shape.dimensions), nn.Linear(shape.dimensions, shape.dimensions)
        self.wide, self.narrow = nn.Linear(shape.dimensions, shape.hidden), nn.Linear(shape.hidden, shape.dimensions)
        self.dropout = nn.Dropout(shape.dropout)

    def forward(self, x: Tensor, away: Tensor) -> Tensor:
        """x (n, tokens, dimensions); away (n, 1, 1, tokens), a large negative number where there is no token."""
        n, tokens, size = x.shape
        query, key, value = self.mixed(self.before(x)).view(n, tokens, 3, self.heads, size // self.heads).permute(2, 0, 3, 1, 4)
        seen = functional.softmax(query @ key.transpose(-1, -2) * (size // self.heads) ** -0.5 + away, -1) @ value
        x = x + self.dropout(self.out(seen.transpose(1, 2).reshape(n, tokens, size)))
        return x + self.dropout(self.narrow(functional.gelu(self.wide(self.between(x)))))


def _away(kept: Tensor) -> Tensor:
    """0 where something is kept, so far below every score elsewhere that no weight is left."""
    return (1.0 - kept.float()) * -1e9


class Transformer(nn.Module):
    """Tokens, their places and their sides, a few blocks, and a learned pooling."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.tokens, self.places, self.sides = (nn.Embedding(size, shape.dimensions) for size in (shape.vocabulary, shape.limit, 2))
        self.blocks = nn.ModuleList(_Block(shape) for _ in range(shape.layers))
        self.last, self.weight = nn.LayerNorm(shape.dimensions), nn.Linear(shape.dimensions, 1)
        self.dropout = nn.Dropout(shape.dropout)
        self.category, self.defect = nn.Linear(shape.dimensions, len(LABELS) - 1), nn.Linear(shape.dimensions, 1)
        _small(self)

    def states(self, ids: Tensor) -> Tensor:
        """What the blocks make of token numbers (n, tokens): (n, tokens, dimensions)."""
        after = ((ids == NEW_ID).long().cumsum(1) > 0).long()
        x = self.dropout(self.tokens(ids) + self.places(torch.arange(ids.shape[1], device=ids.device))[None] + self.sides(after))
        away = _away(ids != PAD_ID)[:, None, None, :]
        for block in self.blocks:
            x = block(x, away)
        found: Tensor = self.last(x)
        return found

    def forward(self, ids: Tensor) -> Tensor:
        """Logits (n, 20) of token numbers (n, tokens), PAD_ID where there is none."""
        x, away = self.states(ids), _away(ids != PAD_ID)
        pooled = (functional.softmax(self.weight(x).squeeze(-1) + away, 1).unsqueeze(1) @ x).squeeze(1)
        pooled = self.dropout(pooled)
        return torch.cat([self.category(pooled), self.defect(pooled)], 1)


class Filling(nn.Module):
    """A transformer that learns to fill in tokens that were taken away, before it learns anything else; what it fills them in with are its own vectors of tokens.

    Source: Devlin et al. 2019, "BERT", section 3.1 – without the next sentence, and with UNKNOWN in place of a token of its own.
    """

    def __init__(self, model: Transformer) -> None:
        super().__init__()
        self.model = model
        self.bias = nn.Parameter(torch.zeros(model.tokens.num_embeddings))

    def forward(self, ids: Tensor) -> Tensor:
        """The loss, a scalar, of filling in a share TAKEN of the tokens of (n, tokens)."""
        taken = (torch.rand(ids.shape, device=ids.device) < TAKEN) & (ids >= len(SPECIALS))
        states = self.model.states(ids.masked_fill(taken, UNKNOWN_ID))[taken]
        return functional.cross_entropy(states @ self.model.tokens.weight.T + self.bias, ids[taken]) if len(states) else states.sum()


class Bag(nn.Module):
    """The weighted means of the tokens of the message, of those before and of those after, and the difference of the last two."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.tokens, self.weights = nn.Embedding(shape.vocabulary, shape.dimensions), nn.Embedding(shape.vocabulary, 1)
        self.mixed = nn.Linear(4 * shape.dimensions, shape.hidden)
        self.dropout = nn.Dropout(shape.dropout)
        self.category, self.defect = nn.Linear(shape.hidden, len(LABELS) - 1), nn.Linear(shape.hidden, 1)
        _small(self)

    def forward(self, ids: Tensor) -> Tensor:
        """Logits (n, 20) of token numbers (n, tokens), PAD_ID where there is none."""
        before, after = ((ids == mark).long().cumsum(1) > 0 for mark in (OLD_ID, NEW_ID))
        x, weight = self.tokens(ids), self.weights(ids).squeeze(-1)
        said, old, new = (self._pooled(x, weight, kept) for kept in (~before, before & ~after, (ids != PAD_ID) & after))
        hidden = self.dropout(functional.gelu(self.mixed(self.dropout(torch.cat([said, old, new, new - old], 1)))))
        return torch.cat([self.category(hidden), self.defect(hidden)], 1)

    @staticmethod
    def _pooled(x: Tensor, weight: Tensor, kept: Tensor) -> Tensor:
        return (functional.softmax(weight + _away(kept), 1).unsqueeze(1) @ x).squeeze(1)


KINDS: Final[dict[str, type[Any]]] = {"transformer": Transformer, "bag": Bag}


def _small(model: nn.Module) -> None:
    """Weights as BERT begins with: normal, deviation .02."""
    for module in model.modules():
        if isinstance(module, nn.Linear | nn.Embedding):
            nn.init.normal_(module.weight, std=0.02)
        if isinstance(module, nn.Linear):
            nn.init.zeros_(module.bias)


def make(shape: Shape, seed: int) -> Any:
    """A student with fresh weights."""
    torch.manual_seed(seed)
    return KINDS[shape.kind](shape)


def parameters(model: nn.Module) -> int:
    """How many numbers a model holds."""
    return sum(parameter.numel() for parameter in model.parameters())


def padded(rows: Sequence[Sequence[int]]) -> Tensor:
    """Token numbers of unequal length as (n, longest)."""
    return torch.from_numpy(_table(rows, np.int64))


class Rows:
    """Token numbers of all rows, once and for all where the network is, so that a batch costs no copying."""

    def __init__(self, rows: Sequence[Sequence[int]], where: torch.device) -> None:
        self._ids, self._lengths = torch.from_numpy(_table(rows, np.int32)).to(where), list(map(len, rows))

    def batch(self, rows: Sequence[int]) -> Tensor:
        """Token numbers of some rows, padded to the longest of them."""
        return self._ids[torch.tensor(rows, device=self._ids.device), : max(self._lengths[row] for row in rows)].long()


def _table(rows: Sequence[Sequence[int]], kind: Any) -> np.ndarray:
    found = np.full((len(rows), max(map(len, rows))), PAD_ID, kind)
    for line, row in zip(found, rows, strict=True):
        line[: len(row)] = row
    return found


# -- rounding ------------------------------------------------------------------------------------------


class Rounded(nn.Module):
    """A table (rows, columns) as 8 bits hold it, each row with a scale of its own; the gradient passes as if nothing had been rounded.

    Source: Bengio et al. 2013, section 4 (the straight-through estimator); Jacob et al. 2018, section 3.
    """

    def forward(self, table: Tensor) -> Tensor:
        scale = table.detach().abs().amax(1, keepdim=True).clamp(min=TINY) / LEVELS
        return table + (torch.round(table.detach() / scale) * scale - table.detach())


def rounded(table: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """Whole numbers from -LEVELS to LEVELS and the scales, one for each place along the other axis, whose product is nearest the table."""
    scale = np.maximum(np.abs(table).max(axis, keepdims=True), TINY) / np.float32(LEVELS)
    return np.round(table / scale), scale


def round_from_here(model: nn.Module) -> None:
    """Let a model compute with rounded tables and go on learning what they are rounded from."""
    for module in _tables(model):
        parametrize.register_parametrization(module, "weight", Rounded())


def settle(model: nn.Module) -> None:
    """Make the rounded tables the model's own."""
    for module in _tables(model):
        if parametrize.is_parametrized(module):
            parametrize.remove_parametrizations(module, "weight")


def _tables(model: nn.Module) -> list[nn.Module]:
    """Layers and vectors whose tables are told in 8 bits."""
    return [
        module
        for module in model.modules()
        if isinstance(module, nn.Linear | nn.Embedding) and min(module.weight.shape) > 1 and module.weight.numel() >= SMALLEST
    ]


# -- ONNX ----------------------------------------------------------------------------------------------


def to_onnx(model: nn.Module) -> bytes:
    """The model as ONNX: `ids` (n, tokens) int64 → `logits` (n, 20), both sizes free."""
    model.eval()
    example = padded([[2, 4, 30, NEW_ID, 31, 32], [2, 4, NEW_ID, 33]])
    with tempfile.TemporaryDirectory() as folder, _without_notices():
        path = Path(folder, "student.onnx")
        axes = {"ids": {0: "n", 1: "tokens"}, "logits": {0: "n"}}
        torch.onnx.export(model, (example,), str(path), input_names=["ids"], output_names=["logits"], dynamic_axes=axes, opset_version=OPSET, dynamo=False)
        onnx.checker.check_model(str(path))
        return path.read_bytes()


def to_int8(data: bytes) -> bytes:
    """The same with each large table of weights in 8 bits, a scale for each of its rows; what is computed from them stays fp32.

    A weight already rounded by `Rounded` is told exactly. Activations are not quantised: their scale would come from all blocks of a batch, and a block's answer depend on its neighbours.
    """
    model = onnx.load_model_from_string(data)
    graph = model.graph
    large = {tensor.name: tensor for tensor in graph.initializer if len(tensor.dims) == 2 and min(tensor.dims) > 1 and math.prod(tensor.dims) >= SMALLEST}
    nodes, told = [], set()
    for node in graph.node:
        name = next((name for name in node.input if name in large), None)
        if name is None or node.op_type not in _ROWS:
            nodes.append(node)
            continue
        axis = _ROWS[node.op_type]
        whole, scale = rounded(onnx.numpy_helper.to_array(large.pop(name)), axis)
        told.add(name)
        graph.initializer.extend([onnx.numpy_helper.from_array(whole.astype(np.int8), f"{name}.whole"), onnx.numpy_helper.from_array(scale, f"{name}.scale")])
        nodes += _in_gather(node, name) if node.op_type == "Gather" else _in_matmul(node, name)
    kept = [tensor for tensor in graph.initializer if tensor.name not in told]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(nodes)
    graph.initializer.extend(kept)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def _in_gather(node: onnx.NodeProto, name: str) -> list[onnx.NodeProto]:
    """Rows are taken first and become numbers then, so that the table stays small in memory too."""
    ids, out = node.input[1], node.output[0]
    make = onnx.helper.make_node
    return [
        make("Gather", [f"{name}.whole", ids], [f"{out}.whole"]),
        make("Gather", [f"{name}.scale", ids], [f"{out}.scale"]),
        make("Cast", [f"{out}.whole"], [f"{out}.number"], to=onnx.TensorProto.FLOAT),
        make("Mul", [f"{out}.number", f"{out}.scale"], [out]),
    ]


def _in_matmul(node: onnx.NodeProto, name: str) -> list[onnx.NodeProto]:
    """The table becomes numbers when the session opens: both steps are of constants."""
    make = onnx.helper.make_node
    node.input[list(node.input).index(name)] = f"{name}.plain"
    return [
        make("Cast", [f"{name}.whole"], [f"{name}.number"], to=onnx.TensorProto.FLOAT),
        make("Mul", [f"{name}.number", f"{name}.scale"], [f"{name}.plain"]),
        node,
    ]


@contextmanager
def _without_notices() -> Iterator[None]:
    """The exporter without dynamo is announced as old on every call; the new one wants a further library and takes three times as long."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def parity(model: nn.Module, runs: Callable[[np.ndarray], np.ndarray], rows: Sequence[Sequence[int]], batch: int = 32) -> float:
    """The largest difference of a probability between PyTorch and a session over rows of any length."""
    worst = 0.0
    for start in range(0, len(rows), batch):
        ids = padded(rows[start : start + batch])
        with torch.no_grad():
            here = probabilities(model(ids).numpy())
        worst = max(worst, float(np.abs(here - probabilities(runs(ids.numpy()))).max()))
    return worst


def exported(model: nn.Module, runs: Callable[[bytes], Callable[[np.ndarray], np.ndarray]], rows: Sequence[Sequence[int]]) -> tuple[bytes, bytes, float, float]:
    """ONNX of a settled model in fp32 and int8, and how far the probabilities of each are from PyTorch's.

    Raises:
        InternalError: a form differs by more than PARITY.
    """
    plain = to_onnx(model)
    forms = (plain, to_int8(plain))
    apart = [parity(model, runs(form), rows) for form in forms]
    if max(apart) > PARITY:
        raise InternalError(f"PyTorch and ONNX differ by {max(apart):.2g} on {len(rows)} rows, expected at most {PARITY}; nothing was written")
    return forms[0], forms[1], apart[0], apart[1]
