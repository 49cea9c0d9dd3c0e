"""Material that several test modules share: a stand-in model, a small real model directory, random histories."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from codex_gate.cli import main
from codex_gate.features import FEATURE_NAMES, FEATURE_SCHEMA, MESSAGE_NAMES, UNKNOWN, vector
from codex_gate.forest import pack
from codex_gate.lines import LINE_FEATURES, LINE_SCHEMA
from codex_gate.localise import LINES_FILE, LINES_FORMAT
from codex_gate.types import CommitFeatures, Finding, ModelKind
from tests.conftest import ADA, BOB, DAY, EVE, HOUR, START, Node

INPUTS = tuple(name for name in FEATURE_NAMES if name not in (*MESSAGE_NAMES, "complexity_delta"))


@dataclass(frozen=True)
class FakeModel:
    """A risk that depends a little on every measure but the message's, so that no difference between two paths hides."""

    version: str = "fake-1"
    base_rate: float = 0.3
    feature_names: tuple[str, ...] = INPUTS
    directory: Path = Path()
    words: None = None
    kind: ModelKind = ModelKind.GENERAL
    manifest: Mapping[str, Mapping[str, object]] = field(default_factory=lambda: {"files": {}})

    def explain(self, features: CommitFeatures) -> list[tuple[str, float, float]]:
        row = vector(features, self.feature_names)
        step = 0.6 / len(row)
        # x / (1 + |x|) lies in (-1, 1), so the risk stays in (0.3 - 0.6 / 2, 0.3 + 0.6)
        return [
            (name, features[name], step * (x / (1 + abs(x))) * (1 if place % 3 else 0.5))
            for place, (name, x) in enumerate(zip(self.feature_names, row, strict=True))
        ]

    def risk(self, features: CommitFeatures) -> float:
        return self.base_rate + sum(share for _, _, share in self.explain(features))

    def ready(self, expected: int) -> None:
        """Nothing has to be loaded."""

    def risks(self, many: Sequence[CommitFeatures], expected: int = 0) -> list[float]:
        return [self.risk(features) for features in many]


def write_model(directory: Path, *, base_rate: float = 0.1) -> Path:
    """A model directory as codex-gate reads it: two stumps, on lines added and on files touched."""
    directory.mkdir(parents=True, exist_ok=True)
    names = ("la", "nf", "exp")
    stump = [
        [(0, 5.5, 1, 2, 0.3), (-1, 0.0, 0, 0, 0.1), (0, 50.5, 3, 4, 0.5), (-1, 0.0, 0, 0, 0.4), (-1, 0.0, 0, 0, 0.9)],
        [(1, 2.5, 1, 2, 0.3), (-1, 0.0, 0, 0, 0.2), (-1, 0.0, 0, 0, 0.8)],
    ]
    data = pack(stump, len(names))
    (directory / "risk.forest").write_bytes(data)
    manifest = {
        "format": 1,
        "feature_schema": FEATURE_SCHEMA,
        "version": "test-1",
        "feature_names": names,
        "unknown": UNKNOWN,
        "calibration": [[0.0, 0.0], [1.0, 1.0]],
        "base_rate": base_rate,
        "files": {"risk.forest": {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}},
    }
    (directory / "model.json").write_text(json.dumps(manifest), "utf-8")
    return directory


def ranker_object(**weights: float) -> dict[str, object]:
    """A line ranker of these weights, the others 0; deleted lines keep a tenth."""
    return {
        "format": LINES_FORMAT,
        "line_schema": LINE_SCHEMA,
        "features": list(LINE_FEATURES),
        "weights": [weights.get(name, 0.0) for name in LINE_FEATURES],
        "bias": -1.0,
        "deleted_share": 0.1,
    }


def add_ranker(directory: Path, **weights: float) -> Path:
    """Put a line ranker into a model directory and list it."""
    data = json.dumps(ranker_object(**weights)).encode()
    (directory / LINES_FILE).write_bytes(data)
    manifest = json.loads((directory / "model.json").read_bytes())
    manifest["files"][LINES_FILE] = {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    (directory / "model.json").write_text(json.dumps(manifest), "utf-8")
    return directory


def random_history(seed: int, n: int = 95) -> list[Node]:
    """A history with branches, merges, renames, deletions, repairs, skewed clocks and empty commits.

    Trees are tracked here too, so that a merge brings what the other branch really holds.
    """
    rng = random.Random(seed)
    nodes: list[Node] = []
    trees: list[dict[str, str]] = []
    main, sides = 0, list[int]()
    for number in range(n):
        on_main = not sides or rng.random() < 0.75
        parents = ([main] if on_main else [rng.choice(sides)]) if number else []
        if on_main and sides and rng.random() < 0.3:
            parents += rng.sample(sides, 2 if len(sides) > 1 and rng.random() < 0.2 else 1)
        tree = dict(trees[parents[0]]) if parents else {}
        changes: dict[str, str | tuple[str, str] | None] = {}
        if len(parents) > 1:
            for other in parents[1:]:
                changes.update({path: text for path, text in sorted(trees[other].items()) if path not in tree or len(text) > len(tree[path])})
        else:
            changes = _edits(rng, tree)
        for path, change in changes.items():
            if isinstance(change, tuple):
                tree[path] = tree.pop(change[1])
            elif change is None:
                del tree[path]
            else:
                tree[path] = change
        when = START + number * 7 * DAY + rng.randrange(-20, 20) * DAY + rng.randrange(24) * HOUR
        message = rng.choice(["fix crash in parser", "add feature", "refactor", "Fixes #12", "fix typo", ""])
        nodes.append(
            Node(changes, tuple(parents), rng.choice([ADA, ADA, BOB, EVE, "Nameless <>"]), f"{when} {rng.choice(['+0000', '+0530', '-0800'])}", message)
        )
        trees.append(tree)
        sides = [side for side in sides if side not in parents]
        if on_main and number and rng.random() < 0.2:
            sides.append(number)  # a branch that the main line does not take up yet
        elif on_main:
            main = number
        else:
            sides.append(number)
        del sides[4:]
    return nodes


def _edits(rng: random.Random, tree: dict[str, str]) -> dict[str, str | tuple[str, str] | None]:
    changes: dict[str, str | tuple[str, str] | None] = {}
    for _ in range(rng.choice([0, 1, 1, 2, 3])):
        path = (
            rng.choice(sorted(tree))
            if tree and rng.random() < 0.7
            else f"{rng.choice(['src', 'src/net', 'docs', 'tests', 'lib'])}/f{rng.randrange(14)}.{rng.choice(['py', 'md', 'c'])}"
        )
        if path in changes or path in (change[1] for change in changes.values() if isinstance(change, tuple)):
            continue
        lines = tree.get(path, "").splitlines()
        kind = rng.random()
        if path in tree and kind < 0.1:
            changes[path] = None
        elif path in tree and kind < 0.3:
            new = f"{rng.choice(['src', 'moved'])}/r{rng.randrange(40)}.py"
            if new not in tree and new not in changes:
                changes[new] = ("R", path)
        else:
            at = rng.randrange(len(lines) + 1)
            lines[at : at + rng.randrange(3)] = [f"value_{rng.randrange(1000)} = {k}" for k in range(rng.randrange(1, 6))]
            changes[path] = "\n".join(lines) + rng.choice(["\n", "\n", ""])
    return changes


def verdict(finding: Finding) -> dict[str, object]:
    """What must not depend on the path by which a finding was made; complexity is measured on one path alone."""
    known = {name: value for name, value in finding.features.known().items() if name != "complexity_delta"}
    return {"sha": finding.sha, "risk": finding.risk, "level": finding.level, "percentile": finding.percentile, **known}


@dataclass(frozen=True)
class Said:
    """What a run of the command left: exit code, standard output, standard error."""

    code: int
    out: str
    err: str


def call(capsys: pytest.CaptureFixture[str], *args: str | Path) -> Said:
    """Run `codex-gate` in this process; a traceback is a failure whatever the test looks at."""
    capsys.readouterr()
    try:
        code = main([str(arg) for arg in args])
    except SystemExit as leave:  # argparse
        code = int(leave.code or 0)
    said = Said(code, *capsys.readouterr())
    assert "Traceback" not in said.out + said.err
    return said
