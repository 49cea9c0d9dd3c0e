"""How near a variant is to its seed, and how various a batch is (specification §4.3)."""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Sequence
from functools import lru_cache

from automl_codex import paths

_LAYOUT = (tokenize.NEWLINE, tokenize.NL, tokenize.INDENT, tokenize.DEDENT, tokenize.ENCODING, tokenize.ENDMARKER, tokenize.COMMENT)


def quality_score(generated: str, seed: str) -> float:
    """Share of the seed's alpha-normalised tokens that the variant holds, in [0, 1]; 0 if it does not parse, is an exact copy, or the seed is empty.

    The specification's score counts tokens as they are: an unchanged copy gets 1 and a renaming, which is what was asked for, is
    punished. Here names are numbered first, and a copy is worth nothing.
    """
    try:
        wanted, found = normal_tokens(seed), normal_tokens(generated)
    except (SyntaxError, tokenize.TokenError):
        return 0.0
    if generated == seed or not wanted:
        return 0.0
    return len(wanted & found) / len(wanted)


@lru_cache(256)  # a seed is compared with all of its variants
def normal_tokens(source: str) -> frozenset[str]:
    """The different tokens of a program with its own names numbered in order of appearance.

    Raises:
        SyntaxError: no Python.
    """
    names = {name: f"v{place}" for place, name in enumerate(dict.fromkeys(name for name, _ in paths.bound_names(ast.parse(source))))}
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return frozenset(names.get(token.string, token.string) for token in tokens if token.type not in _LAYOUT)


def diversity_score(batch: Sequence[str]) -> float:
    """Unique texts by all of a batch, in [0, 1]; 0 for an empty one, since what made nothing was not various (the specification divides by zero)."""
    return len(set(batch)) / len(batch) if batch else 0.0
