"""`automl-codex-quality.toml`: the thresholds of every stage (specification §8.1, whose file loads as it is).

A key that the file holds is asked for by the team, so it blocks; one that it leaves out has the specification's value
and is only reported. The threshold of drift has no such value: where nobody names one, it is calibrated on the
baseline. The configuration of §9.2 spells the keys of drift otherwise; both are understood, and where they say two
things nothing is guessed.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

from codex_gate.errors import ConfigError

FILE: Final = "automl-codex-quality.toml"
MAX_BYTES: Final = 64 << 10  # the specification's file has 700 bytes (chosen)
MAX_FACTOR: Final = 10  # max_augmentation_factor of the specification, §8.1
SPELLINGS: Final = {"drift_threshold": "kl_threshold", "window_size": "monitoring_window"}  # §9.2 → §8.1


@dataclass(frozen=True, slots=True)
class Generation:
    """Shares in [0, 1] of what stage 1 makes."""

    min_syntax_validity: float = 1.0
    min_diversity_score: float = 0.5
    max_rejection_rate: float = 0.25


@dataclass(frozen=True, slots=True)
class Augmentation:
    """Scores in [0, 1] of stage 2, and how many variants of a program it may make."""

    min_quality_score: float = 0.75
    min_semantic_similarity: float = 0.70
    max_augmentation_factor: int = MAX_FACTOR


@dataclass(frozen=True, slots=True)
class Training:
    """Measures of a model in [0, 1], and the fewest samples of a category."""

    min_auc: float = 0.80
    min_f1: float = 0.75
    max_fpr: float = 0.10
    min_coverage_per_category: int = 50


@dataclass(frozen=True, slots=True)
class Drift:
    """KL divergence in nats from which on there is drift (None: calibrated), predictions in the window, whether drift is an alert at all."""

    kl_threshold: float | None = None
    monitoring_window: int = 1000
    alert_on_drift: bool = True


@dataclass(frozen=True, slots=True)
class Gates:
    """All thresholds; `given` are the keys ("training.min_auc") that the file holds, `source` is its name."""

    generation: Generation = Generation()
    augmentation: Augmentation = Augmentation()
    training: Training = Training()
    drift: Drift = Drift()
    given: frozenset[str] = frozenset()
    source: str = ""

    @property
    def window(self) -> int | None:
        """The window of drift that the file asks for; None leaves it to the history."""
        return self.drift.monitoring_window if "drift.monitoring_window" in self.given else None


TABLES: Final[Mapping[str, type[Any]]] = {"generation": Generation, "augmentation": Augmentation, "training": Training, "drift": Drift}


def find(folder: Path, name: Path | None = None) -> Gates:
    """The gates of a file that is named, else of FILE in the folder, else the specification's values.

    Raises:
        ConfigError: the named file is not there, or what is there cannot be meant.
    """
    path = name or folder / FILE
    try:
        with path.open("rb") as stream:
            text = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        if name is None and not path.is_symlink():  # a link that leads nowhere is no file that is not there
            return Gates()
        raise ConfigError(f"the gates file {path} does not exist; give the path of a file such as {FILE}, or leave it out") from None
    except OSError as error:
        raise ConfigError(f"the gates file {path} cannot be read: {error.strerror or error}") from error
    return read(text, str(path))


def read(text: bytes, name: str = FILE) -> Gates:
    """The gates of a file's text.

    Raises:
        ConfigError: no TOML, an unknown table or key, a value that does not fit, two spellings that contradict each other.
    """
    if len(text) > MAX_BYTES:
        raise ConfigError(f"{name} is larger than {MAX_BYTES >> 10} KiB; a gates file holds a few thresholds")
    try:
        decoded = text.decode("utf-8-sig")
        found = tomllib.loads(decoded)
    except UnicodeDecodeError:
        raise ConfigError(f"{name} is not UTF-8; save it as UTF-8 text") from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(f"{name} is no TOML: {error}") from None
    chosen: dict[str, Any] = {}
    given: set[str] = set()
    for table, section in found.items():
        place = name + _line(decoded, rf"[ \t]*\[[ \t]*{re.escape(table)}[ \t]*\]")
        if table not in TABLES:
            raise ConfigError(f"{place}: {_unknown('table', table, list(TABLES))}")
        if not isinstance(section, dict):
            raise ConfigError(f"{place}: {table} is {_shown(section)}; expected a table [{table}] with keys such as {fields(TABLES[table])[0].name}")
        values = _values(table, section, lambda key: name + _line(decoded, rf"[ \t]*{re.escape(key)}[ \t]*="))
        chosen[table] = TABLES[table](**values)
        given |= {f"{table}.{key}" for key in values}
    return Gates(**chosen, given=frozenset(given), source=name)


def with_monitoring(gates: Gates, section: Mapping[str, Any], place: str) -> Gates:
    """The gates with the `monitoring` section of an `automl-codex.yaml` (§9.2).

    Raises:
        ConfigError: an unknown key, a value that does not fit, or one that contradicts the gates file.
    """
    values = _values("drift", section, lambda key: place)
    for key, value in values.items():
        stands = getattr(gates.drift, key)
        if f"drift.{key}" in gates.given and stands != value:
            raise ConfigError(f"{place}: {key} is {_shown(value)}, {gates.source} says {_shown(stands)}; keep one, or give both the same value")
    kept = {f.name: getattr(gates.drift, f.name) for f in fields(Drift)}
    return Gates(gates.generation, gates.augmentation, gates.training, Drift(**(kept | values)), gates.given | {f"drift.{k}" for k in values}, gates.source)


def _values(table: str, section: Mapping[str, Any], place: Callable[[str], str]) -> dict[str, Any]:
    known = [f.name for f in fields(TABLES[table])]
    also = SPELLINGS if table == "drift" else {}
    found: dict[str, Any] = {}
    spelled: dict[str, str] = {}
    for key, value in section.items():
        name = also.get(key, key)
        if name not in known:
            raise ConfigError(f"{place(key)}: {_unknown(f'key in {table}:', key, [*known, *also])}")
        checked = _checked(name, value, f"{place(key)}: {table}.{key}")
        if name in found and found[name] != checked:
            raise ConfigError(f"{place(key)}: {key} is {_shown(value)}, {spelled[name]} is {_shown(found[name])}; they mean the same, keep one")
        found[name], spelled[name] = checked, key
    return found


def _checked(name: str, value: Any, place: str) -> Any:
    if name == "alert_on_drift":
        if not isinstance(value, bool):
            raise ConfigError(f"{place} is {_shown(value)}; expected true or false")
        return value
    number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if name in ("max_augmentation_factor", "min_coverage_per_category", "monitoring_window"):
        least = 0 if name == "min_coverage_per_category" else 1
        most = MAX_FACTOR if name == "max_augmentation_factor" else 1_000_000
        if not number or value != int(value) or not least <= value <= most:
            raise ConfigError(f"{place} is {_shown(value)}; expected a whole number from {least} to {most:,}")
        return int(value)
    if name == "kl_threshold":
        if not number or value <= 0:
            raise ConfigError(f"{place} is {_shown(value)}; expected a KL divergence above 0, for example 0.5")
        return float(value)
    if not number or not 0 <= value <= 1:
        raise ConfigError(f"{place} is {_shown(value)}; expected a number from 0 to 1")
    return float(value)


def _unknown(what: str, key: str, known: list[str]) -> str:
    near = get_close_matches(key.lower().replace("-", "_"), known, 1, 0.6)
    return f"unknown {what} {key[:60]!r}; " + (f"did you mean {near[0]}?" if near else f"expected one of {', '.join(known)}")


def _shown(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else repr(value)[:60]


def _line(text: str, pattern: str) -> str:
    found = re.search(f"^{pattern}", text, re.MULTILINE)
    return f", line {text.count(chr(10), 0, found.start()) + 1}" if found else ""
