"""Which lines of a change to look at first: a logistic model over the measures of `lines.py`, in plain JSON.

The file `lines.json` of a model directory holds a weight for each measure, nothing that runs; the manifest
vouches for its bytes. The order in which files are given moves nothing. Deleted lines are ranked by the same
measures, at a share of the score: what is gone is blamed for nothing later (`deleted_share`, see docs/lines.md).
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from operator import mul
from pathlib import Path
from typing import Any, Final

from codex_gate.errors import AGAIN, ModelError
from codex_gate.lines import LINE_FEATURES, LINE_SCHEMA, ChangedLine, by_path, changed_lines, measure
from codex_gate.model import check_file
from codex_gate.paths import role
from codex_gate.text import HunkText
from codex_gate.types import Classification, FileChange, HunkScore, LineScore

LINES_FILE: Final = "lines.json"
LINES_FORMAT: Final = 1
MAX_LINES: Final = 20_000  # of a change are ranked, the first in the order of paths: a second or two (chosen)
BESIDE: Final = 0.25  # share of the score that a line of a test, document, data or configuration keeps: labels are of program text (chosen)


@dataclass(frozen=True, slots=True)
class LineRanker:
    """Weights over LINE_FEATURES; make one with `LineRanker.load`.

    score = 1 / (1 + exp(−(bias + Σ weight · x))), times `deleted_share` for a deleted line.
    A line without program text has 0, one of a test, document, data or configuration keeps BESIDE of its score.
    """

    weights: tuple[float, ...]
    bias: float
    deleted_share: float

    @classmethod
    def load(cls, directory: Path, manifest: Mapping[str, Any]) -> LineRanker | None:
        """The ranker of a model directory, None where its manifest lists none.

        Raises:
            ModelError: missing, altered, of another format or schema; the message names the file.
        """
        if LINES_FILE not in manifest["files"]:
            return None
        check_file(directory, manifest, LINES_FILE)
        return cls.parse((directory / LINES_FILE).read_bytes(), str(directory / LINES_FILE))

    @classmethod
    def parse(cls, data: bytes, name: str) -> LineRanker:
        """Read the file's bytes.

        Raises:
            ModelError: not JSON, of another format or schema, or numbers that are none.
        """
        try:
            found = json.loads(data)
            versions = (found["format"], found["line_schema"], tuple(found["features"]))
            weights, bias, share = tuple(map(float, found["weights"])), float(found["bias"]), float(found["deleted_share"])
        except (ValueError, KeyError, TypeError) as error:
            raise ModelError(f"{name} is no line ranker ({error!r}); {AGAIN}") from error
        if versions != (LINES_FORMAT, LINE_SCHEMA, LINE_FEATURES):
            raise ModelError(
                f"{name} has format {versions[0]} and line schema {versions[1]} with {len(versions[2])} measures, this version reads "
                f"{LINES_FORMAT} and {LINE_SCHEMA} with {len(LINE_FEATURES)}; use a model made by this version"
            )
        if len(weights) != len(LINE_FEATURES) or not all(map(math.isfinite, (*weights, bias))) or not 0 <= share <= 1:
            raise ModelError(f"{name} holds {len(weights)} weights, expected {len(LINE_FEATURES)} finite ones and a deleted_share in [0, 1]; {AGAIN}")
        return cls(weights, bias, share)

    def rank(self, files: Iterable[FileChange], most: int = MAX_LINES) -> list[LineScore]:
        """Every changed line with its score in [0, 1], in the order of the diff, at most `most` lines.

        Only the order of scores within one change means something.
        """
        lines = changed_lines(files, most)
        return [
            LineScore(line.path, line.added, line.number, score, line.text, "" if line.file == line.path else line.file)
            for line, score in zip(lines, self.scores(lines), strict=True)
        ]

    def scores(self, lines: Sequence[ChangedLine]) -> list[float]:
        """Scores of one change's lines, each in [0, 1]; 0 for lines without program text (blank, comments, brackets alone)."""
        share = {path: 1.0 if role(path) == "code" else BESIDE for path in {line.file for line in lines}}
        rows = measure(lines)
        return [
            0.0 if row is None else share[line.file] * (1.0 if line.added else self.deleted_share) * self._logistic(row)
            for line, row in zip(lines, rows, strict=True)
        ]

    def _logistic(self, row: Sequence[float]) -> float:
        total = self.bias + sum(map(mul, self.weights, row))
        return 1.0 / (1.0 + math.exp(-max(-500.0, min(500.0, total))))


def top(scored: Sequence[LineScore], n: int) -> list[LineScore]:
    """The `n` lines with the highest scores, highest first; equals by path, side and line."""
    return sorted(scored, key=lambda s: (-s.score, s.path, not s.added, s.line))[:n]


def hunks(
    files: Iterable[FileChange],
    scored: Sequence[LineScore],
    kinds: Callable[[Sequence[HunkText]], Sequence[Classification | None]] = lambda texts: [None] * len(texts),
) -> list[HunkScore]:
    """The hunks of a change, riskiest first, from what `LineRanker.rank` gave for it; equals by path and place.

    Args:
        kinds: what each is about, by its text.
    """
    lines = iter(scored)
    runs = [list(islice(lines, len(hunk.deleted) + len(hunk.added))) for change in by_path(files) for hunk in change.hunks()]
    whole = [run for run in runs if run]
    found = [_hunk(run, kind) for run, kind in zip(whole, kinds([_text(run) for run in whole]), strict=True)]
    return sorted(found, key=lambda h: (-h.score, h.path, h.first))


def _hunk(lines: Sequence[LineScore], kind: Classification | None) -> HunkScore:
    side = [line for line in lines if line.added] or lines
    return HunkScore(side[0].path, side[0].added, side[0].line, side[-1].line, max(line.score for line in lines), kind)


def _text(lines: Sequence[LineScore]) -> HunkText:
    before, after = ("\n".join(line.text.decode("utf-8", "replace") for line in lines if line.added is added) for added in (False, True))
    return HunkText(lines[0].path, lines[0].line, before, after)
