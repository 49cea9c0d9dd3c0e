"""A program as a template of the grammar: its literals are the holes, filled anew from the pool that each came from."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from random import Random

from automl_codex import paths, rules_python

SHARE = 0.3  # of the literals are replaced in one variant, at least one


def refilled(source: str, rng: Random, tries: int) -> Iterator[tuple[str, str]]:
    """Distinct texts with other literals of the same bucket in some places, and those places ("line:column", joined by spaces)."""
    holes = [node for node in _literals(ast.parse(source)) if _others(node)]
    lines = source.encode().splitlines(keepends=True)
    seen = {source}
    for _ in range(tries if holes else 0):
        chosen = [node for node in holes if rng.random() < SHARE] or [rng.choice(holes)]
        changed = list(lines)
        for node in sorted(chosen, key=lambda node: (node.lineno, node.col_offset), reverse=True):
            line = changed[node.lineno - 1]
            changed[node.lineno - 1] = line[: node.col_offset] + rng.choice(_others(node)).encode() + line[node.end_col_offset :]
        text = b"".join(changed).decode()
        if text not in seen:
            seen.add(text)
            yield text, " ".join(f"{node.lineno}:{node.col_offset}" for node in sorted(chosen, key=lambda node: (node.lineno, node.col_offset)))


def _literals(node: ast.AST) -> Iterator[ast.Constant]:
    """Literals on one line, in the order of the text; none inside an f-string, where places are not told before Python 3.12."""
    if isinstance(node, ast.Constant) and node.lineno == node.end_lineno:
        yield node
    elif not isinstance(node, ast.JoinedStr):
        for child in ast.iter_child_nodes(node):
            yield from _literals(child)


def _others(node: ast.Constant) -> list[str]:
    """Literals of all pools of the grammar in the same bucket: small for small, so that a count stays small."""
    kind = paths.bucket(node.value)
    return [text for text in _BY_BUCKET.get(kind, ()) if ast.literal_eval(text) != node.value]


_BY_BUCKET: dict[str, list[str]] = {}
for _name in ("small", "big", "float", "word"):
    for _text in rules_python.POOLS[_name]:
        _BY_BUCKET.setdefault(paths.bucket(ast.literal_eval(_text)), []).append(_text)
