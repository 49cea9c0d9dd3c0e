"""YAML that others wrote – workflows, the hooks file – read without a single type: every scalar is text, as it stands.

PyYAML is imported when there is something to read. Its own types would turn `on:` into true and `1.10` into 1.1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from codex_gate.errors import ConfigError

if TYPE_CHECKING:
    import yaml

MAX_CHARACTERS: Final = 1 << 20  # a workflow is a few pages (chosen)
_MAX_DEPTH: Final = 100  # brackets open at once: PyYAML's time grows with the square (2,000 took 20 s, 2026-11-25)


def parse(text: str, name: str) -> yaml.Node | None:
    """The syntax tree with its places, None for an empty file.

    Raises:
        ConfigError: no YAML; the message begins with `name` and says where.
    """
    import yaml

    _bounded(text, name)
    try:
        return yaml.compose(text, Loader=yaml.BaseLoader)
    except (yaml.YAMLError, RecursionError) as error:
        raise ConfigError(f"{name}{_place(error)}") from None


def values(text: str, name: str) -> Any:
    """Dictionaries, lists and text; None for an empty file.

    Raises:
        ConfigError: no YAML; the message begins with `name` and says where.
    """
    import yaml

    _bounded(text, name)
    try:
        return yaml.BaseLoader(text).get_single_data()
    except (yaml.YAMLError, RecursionError) as error:
        raise ConfigError(f"{name}{_place(error)}") from None


def _bounded(text: str, name: str) -> None:
    if len(text) > MAX_CHARACTERS:
        raise ConfigError(f"{name} is larger than a million characters, so it is not read")
    depth = deepest = 0
    for char in text:
        if char in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif char in "]}":
            depth = max(0, depth - 1)
    if deepest > _MAX_DEPTH:
        raise ConfigError(f"{name} holds brackets nested deeper than {_MAX_DEPTH}, so it is not read")


def _place(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    line = f", line {mark.line + 1}" if mark is not None else ""
    return f"{line} is no YAML: {getattr(error, 'problem', None) or 'it is nested too deeply or holds a character that YAML forbids'}"
