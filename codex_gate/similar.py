"""How alike two texts are as programs: layout, comments and names do not count, structure and data flow do.

A program is a bag of features. *Structure*: every run of K tokens with its own names numbered inside the run, so that it is the same whatever they are called.
*Flow*: for every use of a name its surroundings joined with those of the use before it, and once more with what is known of the names around it; so a value that goes elsewhere is seen,
and an edit changes the features around it alone. The likeness is the cosine of the square roots of both bags, half for half: 1 for a copy with its own names replaced one to one wherever
they stand, 0 without a common feature. There is no parser: a word that means two things in a file – an imported `open` beside a function of that name – is one name, so a copy with one of the two renamed lies a little below 1.

Source: Baker 1997 (SIAM J. Comput. 26(5), parameterised matching: names numbered by where they came before); Schleimer et al. 2003 (SIGMOD, winnowing: hashed runs of K tokens);
Shervashidze et al. 2011 (JMLR 12, Weisfeiler-Lehman labels) for the second round of flow; Weinberger et al. 2009 (ICML, feature hashing) for the vector.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b, sha256
from pathlib import Path
from typing import Final, NamedTuple

from codex_gate.errors import UsageError
from codex_gate.lexing import CLOSING, NAME, SIGN, WORD, Token, tokens
from codex_gate.paths import language

FORMAT: Final = 1  # to be raised with every change of what a vector holds: vectors of two formats are not to be compared
K: Final = 5  # tokens of a run; docs/similar.md compares
AROUND: Final = 1  # tokens on each side that make the surroundings of a name
DIMENSIONS: Final = 1024  # of a vector (chosen; docs/similar.md says how far its cosine is then off the likeness)
MAX_BYTES: Final = 16 << 20  # of a file; larger is no program text that somebody wrote
MAX_TOKENS: Final = 200_000  # of a file are read, about 20,000 lines: a bound on time and memory, whatever the file holds
STRETCHES: Final = 5  # that are named
MIN_STRETCH: Final = 24  # tokens, about two lines: shorter ones are everywhere (chosen)
MAX_PLACES: Final = 16  # of the other file where a stretch is tried, so that repetitive text costs no more
MAX_ODD: Final = 0.3  # share of characters that no UTF-8 text holds, above which it is none (chosen: Latin-1 text with umlauts stays below)

_DEFINES: Final = frozenset(
    {"def", "fn", "func", "fun", "function", "class", "interface", "enum", "struct", "trait", "record", "type", "module", "object", "sub", "defp", "defmodule"}
)
_CLASSES: Final = frozenset({"class", "interface", "enum", "struct", "trait", "record", "module", "object", "impl", "namespace"})
_BINDS: Final = frozenset({"let", "var", "val", "const", "mut", "as", "my", "local", "for"})
_ASSIGNS: Final = frozenset({"=", ":=", "<-", "+=", "-=", "*=", "/=", "||=", "??="})
_DOTS: Final = frozenset({".", "?.", "::"})
_ARROW_LANGUAGES: Final = frozenset({"c", "cpp", "objc", "php", "perl"})  # where -> leads to a part of something; elsewhere to a result
_BEHIND_HEAD: Final = frozenset({"{", "throws", "const", "noexcept", "override"})  # what stands behind the parameters of a definition without a word for it
_BEFORE_PARAMETER: Final = frozenset({"(", ",", "*", "**", "&"})
_BEHIND_PARAMETER: Final = frozenset({",", ")", ":", "="})
_RESULTS: Final = frozenset(
    {"void", "int", "long", "short", "char", "float", "double", "bool", "byte", "boolean", "string", "String", "unsigned", "signed", "auto"}
)
_BARE: Final = frozenset({"shell"})  # where a name that nothing binds is a command or a text
_OTHERS: Final = re.compile(r"[A-Z]\w*[a-z]|(?:int|float|str|bool|bytes|list|dict|set|tuple|frozenset|object)$")  # CamelCase, and Python's types
_OWN: Final = "\0"  # in place of an own name: stands in no text
_HERE: Final = "\0\0"


class Flow(NamedTuple):
    """A use of a name: the line, and its features."""

    line: int
    features: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Program:
    """A file as features.

    `exact` is the hash of the whole with each own name replaced by the distance to its last use (Baker's parameterised match);
    `runs[i]` is the hash of the K tokens from token i on, `lines[i]` the line of token i; `whole` is False where the file goes on behind MAX_TOKENS.
    """

    path: str
    language: str | None
    sha256: str
    exact: int
    lines: Sequence[int]
    runs: Sequence[int]
    flows: Sequence[Flow]
    whole: bool

    @property
    def weights(self) -> dict[int, float]:
        """By feature its weight: the root of its share among those of its part; structure and flow weigh the same."""
        return {**_roots(Counter(self.runs)), **_roots(Counter(feature for flow in self.flows for feature in flow.features))}

    @property
    def vector(self) -> tuple[float, ...]:
        """DIMENSIONS numbers of length 1, or all 0 without a token; the dot product of two is about their likeness."""
        found = [0.0] * DIMENSIONS
        for feature, weight in self.weights.items():
            found[(feature >> 1) % DIMENSIONS] += weight if feature & 1 else -weight
        length = math.sqrt(math.fsum(x * x for x in found))
        return tuple(x / length for x in found) if length else tuple(found)


class Stretch(NamedTuple):
    """A stretch of both files that is the same but for names: first and last line in each, and tokens."""

    first: tuple[int, int]
    second: tuple[int, int]
    n_tokens: int


@dataclass(frozen=True)
class Likeness:
    """Two programs compared: shares in [0, 1].

    `same_bytes`, `same_program`: nothing differs at all, nothing that counts. `alone` are lines of each with a use of a name that has no counterpart in the other.
    """

    first: Program
    second: Program
    value: float
    structure: float
    flow: float
    same_bytes: bool
    same_program: bool
    stretches: tuple[Stretch, ...]
    alone: tuple[tuple[int, ...], tuple[int, ...]]


def read(path: Path) -> Program:
    """The program of a file.

    Raises:
        UsageError: missing, no file, not to be read, too large, or no text.
    """
    try:
        if path.is_dir():
            raise UsageError(f"{path} is a directory; expected a file")
        if path.exists() and not path.is_file():
            raise UsageError(f"{path} is no regular file; write what it gives into a file first")
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read ({getattr(error, 'strerror', None) or error}); expected a file with program text") from error
    if len(data) > MAX_BYTES:
        raise UsageError(f"{path} has more than {MAX_BYTES >> 20} MiB; expected program text, which is smaller")
    text = data.decode("utf-8-sig", "replace")
    odd = sum(map(text.count, ("\ufffd", *map(chr, (*range(1, 9), *range(14, 32), 127)))))
    if "\0" in text or odd > MAX_ODD * len(text):
        raise UsageError(f"{path} is binary or not UTF-8; expected program text")
    return program(text, str(path), sha256(data).hexdigest())


def program(text: str, path: str, digest: str = "") -> Program:
    """The program of a text; `path` says its language."""
    spoken = language(path)
    taken, whole = tokens(text.replace("\r\n", "\n").replace("\r", "\n"), spoken, MAX_TOKENS)
    found = _without_last_commas(taken)
    names = _Names.of(found, spoken)
    keys = [names.key(found, place) for place in range(len(found))]
    shapes = [_OWN if key else token.text for key, token in zip(keys, found, strict=True)]
    before = _uses_before(found, keys, names.heads)
    exact = _hash(*(f"{shape}{place - earlier if earlier >= 0 else ''}" for place, (shape, earlier) in enumerate(zip(shapes, before, strict=True))))
    runs, flows = tuple(_runs(keys, shapes)), tuple(_flows(found, keys, shapes, before))
    return Program(path, spoken, digest, exact, tuple(token.line for token in found), runs, flows, whole)


def compare(first: Program, second: Program) -> Likeness:
    """How alike two programs are; 0 where one has no token."""
    ours, theirs = Counter(first.runs), Counter(second.runs)
    flows, others = (Counter(feature for flow in one.flows for feature in flow.features) for one in (first, second))
    structure, flow = _overlap(ours, theirs), _overlap(flows, others)
    same = bool(ours) and first.exact == second.exact
    lengths = [math.sqrt(bool(a) + bool(b)) for a, b in ((ours, flows), (theirs, others))]
    value = 1.0 if same else (structure + flow) / (lengths[0] * lengths[1]) if all(lengths) else 0.0
    alone = (_alone(first, second), _alone(second, first))
    return Likeness(first, second, value, structure, flow, first.sha256 == second.sha256 != "", same, _stretches(first, second), alone)


# -- names ---------------------------------------------------------------------------------------------


class _Names(NamedTuple):
    """Which names are a program's own, so that it might as well call them otherwise. Those behind a dot are names apart.

    `plain` stand somewhere as a value or are defined, `methods` and `fields` are defined or assigned as parts of something. A name that is only ever called, or read behind
    a dot, or written like a type and never bound, belongs to somebody else: it says what the program does. `heads` are the places of definitions.
    """

    plain: frozenset[str]
    fields: frozenset[str]
    methods: frozenset[str]
    heads: frozenset[int]
    dots: frozenset[str]

    @classmethod
    def of(cls, found: Sequence[Token], spoken: str | None) -> _Names:
        dots = _DOTS | {"->"} if spoken in _ARROW_LANGUAGES else _DOTS
        plain: set[str] = set()
        bound: set[str] = set()
        fields: set[str] = set()
        methods: set[str] = set()
        heads: set[int] = set()
        closes = _closes(found)
        for place, token in enumerate(found):
            if token.kind != NAME:
                continue
            before, after = _text(found, place - 1), _text(found, place + 1)
            if _defines(found, place, closes):
                heads.add(place)
                bound.update(_parameters(found, place + 1, closes))
                if token.indent:
                    methods.add(token.text)
            elif before in dots:
                if after in _ASSIGNS:
                    fields.add(token.text)
            else:
                if after != "(":
                    plain.add(token.text)
                if after in _ASSIGNS or before in _BINDS or (place and found[place - 1].kind == NAME):
                    bound.add(token.text)
        foreign = {name for name in plain if spoken in _BARE or _OTHERS.match(name)} - bound
        defined = {found[place].text for place in heads}
        return cls(frozenset(plain - foreign | defined), frozenset(fields | methods), frozenset(methods), frozenset(heads), dots)

    def key(self, found: Sequence[Token], place: int) -> str:
        """What tells an own name from the others; "" for another's and for what is no name."""
        token = found[place]
        if token.kind != NAME:
            return ""
        if _text(found, place - 1) in self.dots:
            return f".{token.text}" if token.text in self.fields else ""
        if token.text in self.methods and (_text(found, place + 1) == "(" or _text(found, place - 1) in _DEFINES):
            return f".{token.text}"
        return token.text if token.text in self.plain else ""


def _text(found: Sequence[Token], place: int) -> str:
    return found[place].text if 0 <= place < len(found) else ""


def _closes(found: Sequence[Token]) -> Mapping[int, int]:
    """By the place of an opening parenthesis that of its closing one."""
    opened: list[int] = []
    closes: dict[int, int] = {}
    for place, token in enumerate(found):
        if token.kind == SIGN and token.text == "(":
            opened.append(place)
        elif token.kind == SIGN and token.text == ")" and opened:
            closes[opened.pop()] = place
    return closes


def _defines(found: Sequence[Token], place: int, closes: Mapping[int, int]) -> bool:
    """Whether a name is defined where it stands: behind a word for it, or before parameters as in C and its relatives."""
    before = found[place - 1] if place else None
    if before is not None and before.kind == WORD and before.text in _DEFINES:
        return True
    if _text(found, place + 1) != "(":
        return False
    typed = before is not None and before.line == found[place].line and (before.kind == NAME or before.text in _RESULTS)
    return typed or _text(found, closes.get(place + 1, len(found)) + 1) in _BEHIND_HEAD


def _parameters(found: Sequence[Token], opening: int, closes: Mapping[int, int]) -> Iterator[str]:
    """Names that stand in the parentheses of a definition as parameters do."""
    for place in range(opening + 1, closes.get(opening, opening)):
        if found[place].kind == NAME and found[place - 1].text in _BEFORE_PARAMETER and found[place + 1].text in _BEHIND_PARAMETER:
            yield found[place].text


def _without_last_commas(found: Sequence[Token]) -> list[Token]:
    """Without commas that stand before a bracket on a later line: layout, as formatters put them."""
    return [
        token
        for place, token in enumerate(found)
        if token.text != "," or place + 1 == len(found) or found[place + 1].text not in CLOSING or found[place + 1].line == token.line
    ]


# -- features ------------------------------------------------------------------------------------------


def _runs(keys: Sequence[str], shapes: Sequence[str]) -> Iterator[int]:
    """The hash of every run of K tokens, own names numbered inside it; a shorter program is one run."""
    for start in range(max(1, len(keys) - K + 1) if keys else 0):
        numbers: dict[str, int] = {}
        parts = [f"{_OWN}{numbers.setdefault(key, len(numbers))}" if key else shape for key, shape in zip(keys[start : start + K], shapes[start : start + K])]
        yield _hash("run", *parts)


def _flows(found: Sequence[Token], keys: Sequence[str], shapes: Sequence[str], before: Sequence[int]) -> Iterator[Flow]:
    """Every use of an own name, by what stands around it and around the use before it, in two rounds."""
    near = {place: _around(shapes, place) for place, key in enumerate(keys) if key}
    once = {place: _hash("flow", *around, *near.get(before[place], ("",))) for place, around in near.items()}
    names = [f"{_OWN}{once[place]}" if key else shape for (place, key), shape in zip(enumerate(keys), shapes, strict=True)]
    for place, feature in once.items():
        yield Flow(found[place].line, (feature, _hash("far", *_around(names, place), names[place], str(once.get(before[place], "")))))


def _uses_before(found: Sequence[Token], keys: Sequence[str], heads: frozenset[int]) -> list[int]:
    """By token the place where the same own name stood before in its scope, -1 where there is none. What is defined is known in the whole file."""
    everywhere = {keys[place] for place in heads}
    before, last = [-1] * len(found), dict[tuple[str, int], int]()
    for place, (key, scope) in enumerate(zip(keys, _scopes(found, heads), strict=True)):
        if key:
            known = key, 0 if key in everywhere else scope
            before[place] = last.get(known, -1)
            last[known] = place
    return before


def _around(shapes: Sequence[str], place: int) -> list[str]:
    """The texts around a place, on each side AROUND, empty beyond the ends."""
    start = place - AROUND
    return [*[""] * -start, *shapes[max(0, start) : place], _HERE, *shapes[place + 1 : place + 1 + AROUND]]


def _scopes(found: Sequence[Token], heads: frozenset[int]) -> Iterator[int]:
    """By token the number of its scope: a definition that is indented no deeper than the one before begins another; one further in does so in a class alone."""
    number, depth, line, in_class = 1, -1, 0, True
    for place, token in enumerate(found):
        if place in heads and token.line != line and (in_class or token.indent <= depth):
            number, depth, line, in_class = number + 1, token.indent, token.line, _text(found, place - 1) in _CLASSES
        yield number


def _hash(*parts: str) -> int:
    """64 bits of what stands there, the same on every machine."""
    return int.from_bytes(blake2b("\n".join(parts).encode("utf-8", "replace"), digest_size=8).digest(), "big")


# -- likeness ------------------------------------------------------------------------------------------


def _roots(counts: Counter[int]) -> dict[int, float]:
    total = counts.total()
    return {feature: math.sqrt(n / total) for feature, n in counts.items()}


def _overlap(ours: Counter[int], theirs: Counter[int]) -> float:
    """The Bhattacharyya coefficient of two bags: the sum of the products of their roots, 1 for equal ones, 0 where one is empty."""
    if ours == theirs:
        return float(bool(ours))
    few, many = sorted((_roots(ours), _roots(theirs)), key=len)
    return min(1.0, math.fsum(weight * many[feature] for feature, weight in few.items() if feature in many))


def _alone(ours: Program, theirs: Program) -> tuple[int, ...]:
    """Lines of ours with a use of a name that has no counterpart in theirs, by the nearer of its features."""
    left = Counter(flow.features[0] for flow in theirs.flows)
    lines: dict[int, None] = {}
    for flow in ours.flows:
        if left[flow.features[0]]:
            left[flow.features[0]] -= 1
        else:
            lines[flow.line] = None
    return tuple(sorted(lines))


def _stretches(first: Program, second: Program) -> tuple[Stretch, ...]:
    """The longest stretches of common runs, longest first; none shares a token of the first file with another."""
    places: dict[int, list[int]] = {}
    for place, run in enumerate(second.runs):
        if len(known := places.setdefault(run, [])) < MAX_PLACES:
            known.append(place)
    found: list[Stretch] = []
    start = 0
    while start < len(first.runs):
        length, there = max(((_shared(first.runs, start, second.runs, place), -place) for place in places.get(first.runs[start], ())), default=(0, 0))
        n_tokens = length + K - 1
        if length and n_tokens >= MIN_STRETCH:
            ends = (start + n_tokens - 1, -there + n_tokens - 1)
            found.append(Stretch((first.lines[start], first.lines[ends[0]]), (second.lines[-there], second.lines[ends[1]]), n_tokens))
        start += max(1, n_tokens if length and n_tokens >= MIN_STRETCH else length)
    return tuple(sorted(found, key=lambda stretch: -stretch.n_tokens)[:STRETCHES])


def _shared(ours: Sequence[int], start: int, theirs: Sequence[int], place: int) -> int:
    """How many runs from there on are the same."""
    n = 0
    while start + n < len(ours) and place + n < len(theirs) and ours[start + n] == theirs[place + n]:
        n += 1
    return n
