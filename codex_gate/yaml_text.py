"""YAML that others wrote – workflows, the hooks file – read without a single type: every scalar is text, as it stands.

PyYAML is imported when there is something to read. Its own types would turn `on:` into true and `1.10` into 1.1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeVar

from codex_gate.errors import ConfigError

if TYPE_CHECKING:
    import yaml

T = TypeVar("T")

MAX_CHARACTERS: Final = 1 << 20  # a workflow is a few pages (chosen)
MAX_VALUES: Final = 1 << 20  # aliases written out (chosen: a file of that many characters cannot hold more without them)
_MAX_DEPTH: Final = 100  # brackets open at once: PyYAML's time grows with the square (2,000 took 20 s, 2026-11-25)


def parse(text: str, name: str) -> yaml.Node | None:
    """The syntax tree with its places, None for an empty file.

    Raises:
        ConfigError: no YAML; the message begins with `name` and says where.
    """
    return _read(text, name, lambda _, node: node)


def values(text: str, name: str) -> Any:
    """Dictionaries, lists and text; None for an empty file.

    Raises:
        ConfigError: no YAML; the message begins with `name` and says where.
    """
    return _read(text, name, lambda loader, node: loader.construct_document(node))


def _read(text: str, name: str, made: Callable[[yaml.BaseLoader, yaml.Node], T]) -> T | None:
    import yaml

    _bounded(text, name)
    try:
        loader = yaml.BaseLoader(text)
        node = loader.get_single_node()
        if node is None:
            return None
        if _unfolded(node, {}) > MAX_VALUES:
            raise ConfigError(f"{name} holds aliases that stand for more than {MAX_VALUES:,} values, or for themselves, so it is not read")
        return made(loader, node)
    except (yaml.YAMLError, RecursionError) as error:
        raise ConfigError(f"{name}{_place(error)}") from None


def _unfolded(node: yaml.Node, known: dict[int, int]) -> int:
    """How many values there are when each alias is written out: ten lines can stand for a billion; one within itself is without end."""
    import yaml

    if id(node) not in known:
        known[id(node)] = MAX_VALUES + 1  # as long as it is open
        inner = node.value if isinstance(node, yaml.CollectionNode) else ()
        parts = (part for item in inner for part in (item if isinstance(item, tuple) else (item,)))
        known[id(node)] = 1 + sum(_unfolded(part, known) for part in parts)
    return known[id(node)]


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
