"""The input/output oracle: a program and its Rust on the same inputs.

Both are run afresh, in their sandboxes; results are compared as values, exceptions with panics. What differs in form alone – `2.0` and `2`, `True` and `true`
in a text, the ninth digit – is `format`, apart from what differs.
"""

from __future__ import annotations

import ast
import math
import re
import struct
from collections.abc import Sequence
from enum import StrEnum
from functools import lru_cache
from typing import Any, NamedTuple

_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
LONG = 200  # characters of a part of the evidence
CLOSE = 1e-9  # relative difference of floats that is a matter of form
_SEQUENCES = {"list": list, "tuple": tuple}
_SETS = ("set", "frozenset")
SEPARATOR = " | "
AS_WITH, UNTRIED = f"{SEPARATOR}as with ", f"{SEPARATOR}untried "  # what `causes` notes behind the evidence


class Seen(StrEnum):
    """What one input showed, the gravest first."""

    CRASH = "crash"
    TIMEOUT = "timeout"
    DIFFERENT = "different"
    LOST = "lost"
    RETURNED = "returned"
    OVERFLOW = "overflow"
    INDEX = "index"
    UNWRAP = "unwrap"
    PANIC = "panic"
    FORMAT = "format"
    EQUAL = "equal"
    BOTH_FAIL = "both_fail"
    SKIPPED = "skipped"


_PANICS = (
    (re.compile(r"overflow|attempt to negate"), Seen.OVERFLOW),
    (re.compile(r"out of bounds|out of range|slice index|char boundary"), Seen.INDEX),
    (re.compile(r"unwrap|expect"), Seen.UNWRAP),
)


class Judged(NamedTuple):
    """The gravest thing seen, the input that showed it, both outcomes there, and what further runs say to it (`causes`)."""

    seen: Seen
    literal: str
    python: str
    rust: str
    note: str = ""

    @property
    def evidence(self) -> str:
        return f"{self.literal[:LONG]}: Python {self.python[:LONG]}{SEPARATOR}Rust {self.rust[:LONG]}{self.note[:LONG]}" if self.literal else ""


class Told(NamedTuple):
    """What an evidence holds: both outcomes, the gaps that explain the Rust's, an input that was not tried and would matter."""

    python: str
    rust: str
    causes: tuple[str, ...]
    untried: str


_EVIDENCE = re.compile(r".*?: Python (.*?) \| Rust (.*?)(?: \| as with ([\w, ]+)| \| untried (.*))?", re.DOTALL)


def told(evidence: str) -> Told:
    """The evidence of a run read back; nothing where it is that of something else."""
    found = _EVIDENCE.fullmatch(evidence)
    python, rust, causes, untried = found.groups(default="") if found else ("",) * 4
    return Told(python, rust, tuple(causes.split(", ")) if causes else (), untried)


def plain(evidence: str) -> str:
    """The evidence without what `causes` noted: what the run itself showed."""
    return evidence.partition(AS_WITH)[0].partition(UNTRIED)[0]


def judge(literals: Sequence[str], python: Sequence[str], rust: Sequence[str | None]) -> Judged:
    """The gravest of all inputs; a case that was left out after an accident counts as skipped."""
    found = [Judged(seen(p, r), literal, p, r or "") for literal, p, r in zip(literals, python, rust, strict=True)]
    order = list(Seen)
    return min(found, key=lambda judged: order.index(judged.seen), default=Judged(Seen.SKIPPED, "", "", ""))


def seen(python: str, rust: str | None) -> Seen:
    """What one input showed, from both outcomes (as `sandbox_worker.py` and `rust.run` write them)."""
    if rust is None or rust in ("?unfit", "?long") or python.startswith("?") or "… (" in python:
        return Seen.SKIPPED
    if rust.startswith(("?signal", "?exit")):
        return Seen.BOTH_FAIL if python == "!RecursionError" else Seen.CRASH
    if rust == "?timeout":
        return Seen.TIMEOUT
    if python.startswith("!"):
        return Seen.BOTH_FAIL if rust.startswith("!") else Seen.RETURNED
    if rust.startswith("!"):
        return next((kind for pattern, kind in _PANICS if pattern.search(rust)), Seen.PANIC)
    return compared(python, rust[1:])


def compared(python: str, rust: str) -> Seen:
    try:
        wanted, found = value(python), value(rust)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return Seen.SKIPPED  # an object whose text is no literal
    if found is None and wanted is not None:
        return Seen.LOST
    if _same(wanted, found):
        return Seen.EQUAL
    return Seen.FORMAT if _alike(wanted, found) else Seen.DIFFERENT


@lru_cache(10_000)
def value(text: str) -> Any:
    """The value that an outcome stands for; sets become frozen sets. It is the same object for the same text: look at it, do not change it.

    Raises:
        ValueError, SyntaxError: it is not written as a literal.
    """
    return _evaluated(ast.parse(text, mode="eval").body)


def _evaluated(node: ast.expr) -> Any:
    match node:
        case ast.Constant(value=constant):
            return constant
        case ast.Name(id="nan" | "inf" as name):
            return float(name)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_evaluated(operand)
        case ast.List(elts=items):
            return [_evaluated(item) for item in items]
        case ast.Tuple(elts=items):
            return tuple(_evaluated(item) for item in items)
        case ast.Dict(keys=keys, values=values):
            return {_evaluated(key): _evaluated(item) for key, item in zip(keys, values, strict=True) if key is not None}
        case ast.Call(func=ast.Name(id=name), args=items) if name in _SEQUENCES:
            return _SEQUENCES[name](_evaluated(item) for item in items)
        case ast.Call(func=ast.Name(id=name), args=items) if name in _SETS:
            return frozenset(_member(item) for listed in items if isinstance(listed, ast.List) for item in listed.elts)
        case _:
            raise ValueError(f"no literal: {ast.unparse(node)[:80]}")


def _member(item: ast.expr) -> Any:
    """A member of a set, which both sides write as the text of its literal, so that they can be put in order."""
    if not (isinstance(item, ast.Constant) and isinstance(item.value, str)):
        raise ValueError("a set whose members are not written as texts")
    return value(item.value)


def kinds(found: Any) -> tuple[str, ...]:
    """The names of the types of all values in a value, in order."""
    members = (
        found.values()
        if isinstance(found, dict)
        else found
        if isinstance(found, list | tuple)
        else sorted(found, key=repr)
        if isinstance(found, frozenset)
        else None
    )
    return (type(found).__name__,) if members is None else tuple(kind for member in members for kind in kinds(member))


def _same(a: Any, b: Any) -> bool:
    """Equal in value and type, where Rust has as many types as Python."""
    if isinstance(a, float) and isinstance(b, float):
        return a == b or (math.isnan(a) and math.isnan(b))
    if type(a) is not type(b):
        return False
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(_same, a, b))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(_same(a[key], b[key]) for key in a)
    return bool(a == b)


def _alike(a: Any, b: Any) -> bool:
    """Equal but for form."""
    if isinstance(a, bool | int | float) and isinstance(b, bool | int | float):
        return math.isclose(a, b, rel_tol=CLOSE) if isinstance(a, float) or isinstance(b, float) else a == b
    if isinstance(a, str) and isinstance(b, str):
        return _plain(a) == _plain(b)
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(map(_alike, a, b))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_alike(a[key], b[key]) for key in a)
    return bool(a == b)


def _plain(text: str) -> str:
    """A text with its numbers and truth values in one form."""
    return _NUMBER.sub(lambda found: repr(float(found[0])), text.replace("True", "true").replace("False", "false"))


# -- arguments for Rust --------------------------------------------------------------------------------


def encoded(arguments: Sequence[Any]) -> str:
    """Arguments as `rust_prelude.rs` reads them."""
    return "".join(map(_token, arguments))


def _token(item: Any) -> str:
    if isinstance(item, bool):
        return f"b{int(item)};"
    if isinstance(item, int):
        return f"i{item};"
    if isinstance(item, float):
        return f"f{struct.unpack('>Q', struct.pack('>d', item))[0]:x};"
    if isinstance(item, str):
        return f"s{item.encode('utf-8', 'surrogatepass').hex()};"
    if isinstance(item, dict):
        return f"d{len(item)};" + "".join(_token(key) + _token(inner) for key, inner in item.items())
    return f"l{len(item)};" + "".join(map(_token, item))
