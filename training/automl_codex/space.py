"""What may be tuned: typed keys, the range of each, and a space that refuses everything else.

A key is a member of an Enum, so a misspelt one fails where the space is written and not after an hour of
training. A domain knows its type and its ends; both ends of a range belong to it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from codex_gate.errors import UsageError

Value = int | float | str | bool
Params = Mapping[str, Value]


class BugPredictorParam(StrEnum):
    """The twelve parameters of a bug predictor. Source: specification §5.1."""

    N_ESTIMATORS = "n_estimators"
    MAX_DEPTH = "max_depth"
    MIN_SAMPLES_SPLIT = "min_samples_split"
    MIN_SAMPLES_LEAF = "min_samples_leaf"
    MAX_FEATURES = "max_features"
    BOOTSTRAP = "bootstrap"
    LEARNING_RATE = "learning_rate"
    BATCH_SIZE = "batch_size"
    EPOCHS = "epochs"
    LORA_RANK = "lora_rank"
    LORA_ALPHA = "lora_alpha"
    LORA_DROPOUT = "lora_dropout"


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_real(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _check_ends(low: float, high: float, log: bool) -> None:
    if low > high:
        raise UsageError(f"a range must go from low to high, got {low} to {high}")
    if log and low <= 0:
        raise UsageError(f"a log scale must begin above 0, got {low}")


def _spaced(low: float, high: float, log: bool, n: int) -> list[float]:
    if n < 1:
        raise UsageError(f"levels must be >= 1, got {n}")
    places = [0.5] if n == 1 else [i / (n - 1) for i in range(n)]
    if log:
        return [math.exp(math.log(low) + (math.log(high) - math.log(low)) * place) for place in places]
    return [low + (high - low) * place for place in places]


@dataclass(frozen=True)
class IntRange:
    """Whole numbers from `low` to `high`, both included; `log` draws small ones as often as large ones, by factor.

    Raises:
        UsageError: an end that is not an int, ends out of order, or a log scale from below 1.
    """

    low: int
    high: int
    log: bool = False

    def __post_init__(self) -> None:
        if not (_is_int(self.low) and _is_int(self.high)):
            raise UsageError(f"an integer range must have whole ends, got {self.low!r} to {self.high!r}; use FloatRange for fractions")
        _check_ends(self.low, self.high, self.log)

    def fault(self, value: object) -> str | None:
        """Why `value` does not belong here, as the end of a sentence; None when it does."""
        if not _is_int(value):
            return f"must be a whole number from {self.low} to {self.high}, got {value!r}"
        return None if self.low <= value <= self.high else f"must be from {self.low} to {self.high}, got {value!r}"  # type: ignore[operator]

    def sample(self, rng: np.random.Generator) -> int:
        """One value, every whole number (on a log scale: every factor) equally likely."""
        if not self.log:
            return int(rng.integers(self.low, self.high, endpoint=True))
        drawn = math.exp(rng.uniform(math.log(self.low - 0.5), math.log(self.high + 0.5)))
        return min(self.high, max(self.low, round(drawn)))

    def levels(self, n: int) -> tuple[int, ...]:
        """At most `n` different values from end to end, evenly spaced on the scale of the range."""
        return tuple(dict.fromkeys(round(x) for x in _spaced(self.low, self.high, self.log, n)))


@dataclass(frozen=True)
class FloatRange:
    """Real numbers from `low` to `high`, both included; `log` draws small ones as often as large ones, by factor.

    Raises:
        UsageError: an end that is not a finite number, ends out of order, or a log scale from 0 or below.
    """

    low: float
    high: float
    log: bool = False

    def __post_init__(self) -> None:
        if not (_is_real(self.low) and _is_real(self.high)):
            raise UsageError(f"a range must have finite numbers as ends, got {self.low!r} to {self.high!r}")
        _check_ends(self.low, self.high, self.log)

    def fault(self, value: object) -> str | None:
        """Why `value` does not belong here, as the end of a sentence; None when it does."""
        if not _is_real(value):
            return f"must be a number from {self.low} to {self.high}, got {value!r}"
        return None if self.low <= value <= self.high else f"must be from {self.low} to {self.high}, got {value!r}"  # type: ignore[operator]

    def sample(self, rng: np.random.Generator) -> float:
        """One value, uniform on the scale of the range."""
        drawn = math.exp(rng.uniform(math.log(self.low), math.log(self.high))) if self.log else rng.uniform(self.low, self.high)
        return min(float(self.high), max(float(self.low), float(drawn)))

    def levels(self, n: int) -> tuple[float, ...]:
        """`n` values from end to end, evenly spaced on the scale of the range; one only where the ends meet."""
        return tuple(dict.fromkeys(min(self.high, max(self.low, x)) for x in _spaced(self.low, self.high, self.log, n)))


@dataclass(frozen=True)
class Choice:
    """One of some values without an order; a value must have its option's type too: True is not 1, nor 1 the same as 1.0.

    Raises:
        UsageError: no options, one that stands twice, or one that is no text, number or truth value.
    """

    options: tuple[Value, ...]

    def __init__(self, options: Sequence[Value]) -> None:
        if isinstance(options, str) or not options:
            raise UsageError(f"a choice must be a list of at least one option, got {options!r}")
        object.__setattr__(self, "options", tuple(options))
        strange = [option for option in self.options if not isinstance(option, bool | int | float | str)]
        if strange:
            raise UsageError(f"an option must be a text, a number, true or false, got {strange[0]!r}")
        if len(set(self.options)) < len(self.options):
            raise UsageError(f"an option stands twice in {list(self.options)!r}; name each once (true counts as 1)")

    def fault(self, value: object) -> str | None:
        """Why `value` does not belong here, as the end of a sentence; None when it does."""
        if any(type(value) is type(option) and value == option for option in self.options):
            return None
        return f"must be one of {', '.join(map(repr, self.options))}, got {value!r}"

    def sample(self, rng: np.random.Generator) -> Value:
        """One option, each equally likely."""
        return self.options[int(rng.integers(len(self.options)))]

    def levels(self, n: int) -> tuple[Value, ...]:
        """All options, whatever `n`: options between which nothing lies cannot be thinned out evenly."""
        return self.options


Domain = IntRange | FloatRange | Choice


class SearchSpace:
    """The domain of every key that is tuned, in a fixed order; immutable.

    Args:
        keys: the Enum that all keys must be members of.
        domains: key → domain; a key may also be written as its value, `"max_depth"`.
    Raises:
        UsageError: no key, a key that `keys` does not have, or something that is no domain.
    Source: specification §5.1 (`SearchSpace<P: ParamKey>`).
    """

    def __init__(self, keys: type[StrEnum], domains: Mapping[Any, Domain | None]) -> None:
        if not domains:
            raise UsageError("a search space must have at least one parameter, got none")
        known = [key.value for key in keys]
        found: dict[str, Domain] = {}
        for key, domain in domains.items():
            if key not in known:
                raise UsageError(f"no parameter is called {str(key)!r}; {keys.__name__} has {', '.join(known)}")
            if not isinstance(domain, IntRange | FloatRange | Choice):
                raise UsageError(f"{key} must have an IntRange, a FloatRange or a Choice, got {domain!r}")
            found[str(key)] = domain
        self.domains: Mapping[str, Domain] = MappingProxyType(found)

    def check(self, params: Mapping[str, object]) -> dict[str, Value]:
        """A plain copy of `params`, in the order of the space, when each is what its domain allows.

        Raises:
            UsageError: an unknown key, a missing one, a wrong type, or a value outside its range.
        """
        unknown = [str(key) for key in params if key not in self.domains]
        missing = [key for key in self.domains if key not in params]
        if unknown:
            raise UsageError(f"no parameter is called {', '.join(unknown)} here; the space has {', '.join(self.domains)}")
        if missing:
            raise UsageError(f"{', '.join(missing)} must be given: the space has {', '.join(self.domains)}")
        for key, domain in self.domains.items():
            if fault := domain.fault(params[key]):
                raise UsageError(f"{key} {fault}")
        return {key: params[key] for key in self.domains}  # type: ignore[misc]

    def sample(self, rng: np.random.Generator) -> dict[str, Value]:
        """One point, every parameter drawn independently."""
        return {key: domain.sample(rng) for key, domain in self.domains.items()}

    def grid_size(self, levels: int) -> int:
        """How many combinations there are of at most `levels` values of each range and all options of each choice."""
        return math.prod(len(domain.levels(levels)) for domain in self.domains.values())

    def grid_point(self, levels: int, index: int) -> dict[str, Value]:
        """Combination number `index` of them, 0 ≤ index < grid_size; the first key changes fastest."""
        found: dict[str, Value] = {}
        for key, domain in self.domains.items():
            axis = domain.levels(levels)
            index, place = divmod(index, len(axis))
            found[key] = axis[place]
        return found

    def as_json(self) -> dict[str, Any]:
        """What tells this space from another, as plain JSON values."""
        return {key: {"kind": type(domain).__name__} | _plain(domain) for key, domain in self.domains.items()}


DEFAULT_DOMAINS: Final[Mapping[BugPredictorParam, Domain]] = MappingProxyType(
    {
        # §5.1; both ends belong to the range, which the specification's `50..500` leaves open.
        BugPredictorParam.N_ESTIMATORS: IntRange(50, 500),
        BugPredictorParam.MAX_DEPTH: IntRange(5, 30),
        BugPredictorParam.MIN_SAMPLES_SPLIT: IntRange(2, 20),
        BugPredictorParam.MIN_SAMPLES_LEAF: IntRange(1, 10),
        BugPredictorParam.MAX_FEATURES: Choice(("sqrt", "log2", "auto")),
        BugPredictorParam.BOOTSTRAP: Choice((True, False)),
        BugPredictorParam.LEARNING_RATE: FloatRange(0.01, 0.3, log=True),  # §9.2; a factor matters, not a difference
        BugPredictorParam.BATCH_SIZE: Choice((8, 16, 32, 64)),  # no range given; chosen: what fits two cores and 8 GB
        BugPredictorParam.EPOCHS: IntRange(1, 10),  # no range given; chosen
        BugPredictorParam.LORA_RANK: Choice((4, 8, 16, 32)),
        BugPredictorParam.LORA_ALPHA: Choice((8, 16, 32, 64)),
        BugPredictorParam.LORA_DROPOUT: FloatRange(0.0, 0.3),
    }
)
FOREST: Final = tuple(BugPredictorParam)[:6]


def build_search_space(keys: Iterable[BugPredictorParam] = tuple(BugPredictorParam)) -> SearchSpace:
    """The space of §5.1 over `keys`, by default over all twelve; docs/spec.md asks for it (points 82 to 87), a training searches the domains that it is given."""
    return SearchSpace(BugPredictorParam, {key: DEFAULT_DOMAINS.get(key) for key in keys})


def forest_arguments(params: Params, say: Callable[[str], None]) -> dict[str, Any]:
    """Keyword arguments of scikit-learn's forests for the keys of FOREST; others in `params` are left out.

    `auto` was dropped by scikit-learn 1.3; for classifiers it meant sqrt, so it is taken as that, and `say` hears it.
    """
    found = {key.value: params[key] for key in FOREST if key in params}
    if found.get("max_features") == "auto":
        say("max_features auto means sqrt: scikit-learn dropped the name in 1.3")
        found["max_features"] = "sqrt"
    return found


def _plain(domain: Domain) -> dict[str, Any]:
    if isinstance(domain, Choice):
        return {"options": list(domain.options)}
    return {"low": domain.low, "high": domain.high, "log": domain.log}
