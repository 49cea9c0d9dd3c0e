"""The student behind its manifest: of a change or a block of it, which kind of defect it is about, if any, and how likely it brings one.

`student.json` names the network, the vocabulary and their hashes; a vocabulary of another hash is refused, for its numbers would mean other tokens.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from codex_gate import taxonomy, text
from codex_gate.errors import ModelError
from codex_gate.model import STUDENT_MANIFEST, check_file, check_keys, json_object, open_session
from codex_gate.taxonomy import KINDS
from codex_gate.text import HunkText
from codex_gate.tokenise import Vocabulary

if TYPE_CHECKING:
    import numpy as np

FORMAT: Final = 2
NETWORK: Final = "student.onnx"
VOCABULARY: Final = "vocabulary.json"
LABELS: Final = (*KINDS, "defect")
"""What logits stand for, in order: the 19 kinds, then whether the change brings a defect."""
BATCH: Final = 32  # blocks that are answered at once


class Answer(NamedTuple):
    """Of a change or a block: P(it brings a defect), and P(kind) in the order of KINDS, 0 for what cannot occur in its language; all in [0, 1]."""

    defect: float
    kinds: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Student:
    """A loaded student; make one with `load`."""

    version: str
    limit: int
    threshold: float
    vocabulary: Vocabulary
    manifest: Mapping[str, Any]
    _session: Any

    @classmethod
    def load(cls, directory: Path) -> Student:
        """Read manifest, vocabulary and network, each checked.

        Raises:
            ModelError: a file is missing, altered or unreadable, the labels or the vocabulary are others than the network was trained on, or onnxruntime is not installed.
        """
        manifest = _manifest(directory / STUDENT_MANIFEST)
        check_file(directory, manifest, VOCABULARY)
        vocabulary = Vocabulary.read(directory / VOCABULARY)
        if vocabulary.sha256 != manifest["vocabulary"]:
            raise ModelError(
                f"{directory / VOCABULARY} has hash {vocabulary.sha256[:12]}…, the student was trained with {str(manifest['vocabulary'])[:12]}…; take the vocabulary that came with it"
            )
        session = open_session(directory, manifest, NETWORK)
        return cls(str(manifest["version"]), manifest["limit"], float(manifest["threshold"]), vocabulary, manifest, session)

    def run(self, ids: np.ndarray) -> np.ndarray:
        """Logits (n, 20) of token numbers (n, tokens), 0 where there is none."""
        (logits,) = self._session.run(["logits"], {"ids": ids})
        return logits  # type: ignore[no-any-return]

    def answer(self, hunks: Sequence[HunkText], message: str | None = None) -> list[Answer]:
        """What it says of each block, in their order."""
        import numpy as np

        rows = [text.encode(hunk, message, self.vocabulary, self.limit) for hunk in hunks]
        found: dict[int, Answer] = {}
        for batch in text.batches(rows, BATCH):
            ids = np.zeros((len(batch), max(len(rows[row]) for row in batch)), np.int64)
            for place, row in enumerate(batch):
                ids[place, : len(rows[row])] = rows[row]
            logits = self.run(ids)
            mask = np.array([possible(hunks[row].language) for row in batch])
            for row, shares in zip(batch, probabilities(logits, mask).tolist(), strict=True):
                found[row] = Answer(shares[-1], tuple(shares[:-1]))
        return [found[row] for row in range(len(rows))]


def possible(language: str | None) -> tuple[bool, ...]:
    """Which of KINDS can occur in program text of a language; of an unknown one, those of any language."""
    return taxonomy.possible(frozenset({language} if language else ()))


def probabilities(logits: np.ndarray, mask: np.ndarray | None = None) -> np.ndarray:
    """(n, 20): softmax over the 19 kinds – those that `mask` (n, 19) leaves, 0 elsewhere – and the sigmoid of the defect's logit."""
    import numpy as np

    scores = logits[:, :-1].astype(np.float64)
    if mask is not None:
        scores = np.where(mask, scores, -np.inf)
    scores = np.exp(scores - scores.max(1, keepdims=True))
    defect = 0.5 * (1 + np.tanh(logits[:, -1:].astype(np.float64) / 2))  # the sigmoid, without an exponential that overflows
    return np.hstack([scores / scores.sum(1, keepdims=True), defect])


def _manifest(path: Path) -> dict[str, Any]:
    remedy = "make the student anew"
    found = json_object(path, remedy, lost="make a student with automl-codex distill")
    if found.get("format") != FORMAT:
        raise ModelError(f"{path} is no student of format {FORMAT}; use one made by this version")
    check_keys(found, ("version", "labels", "limit", "threshold", "vocabulary", "files"), path, remedy)
    if found["labels"] != list(LABELS):
        raise ModelError(f"{path} has other labels, or in another order, than the {len(LABELS)} of this version; use a student made by this version")
    limit, threshold = found["limit"], found["threshold"]
    if type(limit) is not int or limit < 1 or type(threshold) not in (int, float) or not 0 <= threshold <= 1 or not isinstance(found["files"], dict):
        raise ModelError(
            f"{path} has limit {limit!r} and threshold {threshold!r}; expected tokens as a whole number, a share in [0, 1], and a list of files; {remedy}"
        )
    return found
