"""`automl-codex.yaml` as values (specification §9.2, whose file loads as it is printed).

Every key is checked, also those of stages that this version cannot run: a misspelt one must not be found after an hour. The form of the file is
a table of readers below; what the values mean to a stage is checked by that stage's own options.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml

from automl_codex.space import Choice, FloatRange, IntRange, Value
from codex_gate import yaml_text
from codex_gate.errors import ConfigError, UsageError

FILE = "automl-codex.yaml"
VERSION = "1.0"
METRICS = ("auc_roc", "auc_pr", "f1_score", "precision", "recall")


@dataclass(frozen=True, slots=True)
class Config:
    """The file's values, by section; a section or key that it leaves out is missing here, and has the default of its stage.

    `augmentation["strategies"]`, `training["models"]`: dictionaries from a name to the keys below it.
    """

    generation: Mapping[str, Any] = field(default_factory=dict)
    augmentation: Mapping[str, Any] = field(default_factory=dict)
    transpilation: Mapping[str, Any] = field(default_factory=dict)
    verification: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    evaluation: Mapping[str, Any] = field(default_factory=dict)
    monitoring: Mapping[str, Any] = field(default_factory=dict)
    name: str = FILE


def load(path: Path) -> Config:
    """The configuration in a file.

    Raises:
        ConfigError: it cannot be read, is no YAML, has an unknown key, or a value that does not fit; the message names line and key.
    """
    try:
        text = path.read_text("utf-8-sig")
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror or error}; give the path of a file such as {FILE} with --config") from error
    except UnicodeDecodeError:
        raise ConfigError(f"{path} is not UTF-8; save it as UTF-8 text") from None
    return read(text, str(path))


def read(text: str, name: str = FILE) -> Config:
    """The configuration in a text.

    Raises:
        ConfigError: as `load`.
    """
    node = yaml_text.parse(text, name)
    if node is None:
        return Config(name=name)
    try:
        found = _section(_FILE)(node, "")
    except _Mismatch as error:
        line, said = error.args
        raise ConfigError(f"{name}, line {line}: {said}") from None
    found.pop("version", None)
    return Config(**found, name=name)


class _Mismatch(Exception):
    """The line, and what does not fit there."""


Reader = Callable[[yaml.Node, str], Any]  # the node, and the path of its key


def _wrong(node: yaml.Node, text: str) -> _Mismatch:
    return _Mismatch(node.start_mark.line + 1, text)


def _unknown(what: str, name: str, known: Sequence[str]) -> str:
    near = get_close_matches(name.lower().replace("-", "_"), known, 1, 0.6)
    return f"unknown {what} {name[:60]}; " + (f"did you mean {near[0]}?" if near else f"expected one of {', '.join(known)}")


def _section(keys: Mapping[str, Reader]) -> Reader:
    def reader(node: yaml.Node, path: str) -> dict[str, Any]:
        if not isinstance(node, yaml.MappingNode):
            raise _wrong(node, f"{path or 'the file'} is no section; expected keys such as {next(iter(keys))}, each with a value")
        found: dict[str, Any] = {}
        for key, value in node.value:
            name = str(key.value)
            full = f"{path}.{name}" if path else name
            if name not in keys:
                raise _wrong(key, _unknown("key", full, [f"{path}.{known}" if path else known for known in keys]))
            if name in found:
                raise _wrong(key, f"the key {full} stands here for the second time; keep one")
            found[name] = keys[name](value, full)
        return found

    return reader


def _named(kinds: Mapping[str, Mapping[str, Reader]]) -> Reader:
    """A list of names, each alone or with keys below it, as a dictionary."""

    def reader(node: yaml.Node, path: str) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        for item in _items(node, path):
            pairs = item.value if isinstance(item, yaml.MappingNode) else [(item, None)]
            for key, below in pairs:
                name = _text(key, path)
                if name not in kinds:
                    raise _wrong(key, _unknown(f"name in {path}:", name, list(kinds)))
                if name in found:
                    raise _wrong(key, f"{path} names {name} twice; name each once")
                found[name] = _section(kinds[name])(below, f"{path}.{name}") if below is not None else {}
        return found

    return reader


def _items(node: yaml.Node, path: str) -> list[yaml.Node]:
    if not isinstance(node, yaml.SequenceNode) or not node.value:
        raise _wrong(node, f"{path} is no list; expected a line with - for each name")
    return list(node.value)


def _text(node: yaml.Node, path: str) -> str:
    if not isinstance(node, yaml.ScalarNode) or not node.value:
        raise _wrong(node, f"{path} has no value; expected a word")
    return str(node.value)


def _texts(node: yaml.Node, path: str) -> list[str]:
    return [_text(item, path) for item in _items(node, path)]


def _one_of(*names: str) -> Reader:
    def reader(node: yaml.Node, path: str) -> str:
        name = _text(node, path)
        if name not in names:
            raise _wrong(node, f"{path}: " + _unknown("value", name, names))
        return name

    return reader


def _list_of(*names: str) -> Reader:
    def reader(node: yaml.Node, path: str) -> list[str]:
        return [_one_of(*names)(item, path) for item in _items(node, path)]

    return reader


def _whole(least: int, most: float = math.inf) -> Reader:
    def reader(node: yaml.Node, path: str) -> int:
        value = _number(_text(node, path))
        if not isinstance(value, int) or not least <= value <= most:
            raise _wrong(node, f"{path} is {node.value}; expected a whole number >= {least}{f' and <= {most}' if most < math.inf else ''}")
        return value

    return reader


def _share(node: yaml.Node, path: str) -> float:
    value = _number(_text(node, path))
    if value is None or not 0 <= value <= 1:
        raise _wrong(node, f"{path} is {node.value}; expected a number from 0 to 1")
    return float(value)


def _positive(node: yaml.Node, path: str) -> float:
    value = _number(_text(node, path))
    if value is None or not 0 < value < float("inf"):
        raise _wrong(node, f"{path} is {node.value}; expected a number above 0")
    return float(value)


def _flag(node: yaml.Node, path: str) -> bool:
    return str(_one_of("true", "false")(node, path)) == "true"


def _number(text: str) -> int | float | None:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return None


def _range(node: yaml.Node, path: str) -> IntRange | FloatRange | Choice:
    """`50..500`, a list of numbers, or one number."""
    parts = _texts(node, path) if isinstance(node, yaml.SequenceNode) else _text(node, path).split("..")
    values = [value for value in map(_number, parts) if value is not None]
    if len(values) < len(parts) or (not isinstance(node, yaml.SequenceNode) and len(values) > 2):
        shown = node.value if isinstance(node, yaml.ScalarNode) else ", ".join(parts)
        raise _wrong(node, f"{path} is {shown}; expected a range such as 50..500, a list such as [4, 8], or a number")
    try:
        if isinstance(node, yaml.SequenceNode) or len(values) == 1:
            return Choice(values)
        low, high = values
        return IntRange(low, high) if isinstance(low, int) and isinstance(high, int) else FloatRange(float(low), float(high))
    except UsageError as error:
        raise _wrong(node, f"{path}: {error}") from None


def _choice(*options: Value) -> Reader:
    """One of some values, or a list of them, as a choice."""
    named = {str(option).lower(): option for option in options}

    def reader(node: yaml.Node, path: str) -> Choice:
        items = _items(node, path) if isinstance(node, yaml.SequenceNode) else [node]
        try:
            return Choice([named[_one_of(*named)(item, path)] for item in items])
        except UsageError as error:
            raise _wrong(node, f"{path}: {error}") from None

    return reader


_TREES: Mapping[str, Reader] = dict.fromkeys(("n_estimators", "max_depth", "min_samples_split", "min_samples_leaf"), _range)
_FILE: Mapping[str, Reader] = {
    "version": _one_of(VERSION),
    "generation": _section({"grammar": _text, "strategy": _text, "count": _whole(1), "max_depth": _whole(0), "seed": _whole(0, 2**32 - 1)}),  # as --seed
    "augmentation": _section(
        {
            "strategies": _named(
                {
                    "eda": {**dict.fromkeys(("sr_prob", "ri_prob", "rs_prob", "rd_prob"), _share), "factor": _whole(1)},
                    "smote": {"k_neighbors": _whole(1), "sampling": _one_of("auto")},
                    "template": {"factor": _whole(1)},
                    "mutation": {"factor": _whole(1)},
                }
            ),
            "quality_threshold": _share,
        }
    ),
    "transpilation": _section({"transpiler": _text, "parallel": _whole(1), "timeout_ms": _whole(1)}),
    "verification": _section({"oracle": _texts, "timeout_ms": _whole(1)}),
    "training": _section(
        {
            "models": _named(
                {
                    "random_forest": {**_TREES, "max_features": _choice("sqrt", "log2", "auto"), "bootstrap": _choice(True, False)},
                    "gradient_boosting": {**_TREES, "learning_rate": _range},
                    "lora": {"base_model": _text, "rank": _range, "alpha": _range, "dropout": _range},
                }
            ),
            "automl": _section({"strategy": _text, "n_trials": _whole(1), "n_startup": _whole(1), "early_stopping_patience": _whole(1)}),
            "ensemble": _section({"voting": _one_of("weighted"), "weights": _one_of("auto")}),
        }
    ),
    "evaluation": _section({"metrics": _list_of(*METRICS), "min_auc": _share, "min_f1": _share}),
    "monitoring": _section(
        dict.fromkeys(("drift_threshold", "kl_threshold"), _positive)
        | dict.fromkeys(("window_size", "monitoring_window"), _whole(1))
        | {"alert_on_drift": _flag, "new_commits": _text}  # the last is no key of the specification, which gives the folder on the command line alone
    ),
}
