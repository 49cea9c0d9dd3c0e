"""What can be said of a changed line by itself and by its place in the change; no language is parsed.

A line is known by generic syntax alone: the same words for a comment, a condition or a call serve every language.
Hunks are not told apart: a block is a run of deleted lines with the added ones behind it, in the order of the
diff, whatever lies between two of them. So a table of lines without line numbers gives what a diff gives.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from codex_gate.types import FileChange

LINE_SCHEMA: Final = 1  # raise it whenever a measure below changes its meaning
MAX_CHARS: Final = 400  # of a line are read; a minified file has lines of megabytes
_MAX_INDENT: Final = 40
_MAX_COMPARED: Final = 12  # lines of the other side that a line of a block is compared with

_TOKEN: Final = re.compile(
    r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'|[^\W\d][\w$]*|\d[\w.]*|==|!=|<=|>=|&&|\|\||\+\+|--|->|=>|::|:=|[-+*/%&|^]=|<<|>>|\S',
)

_CONDITION: Final = frozenset({"if", "elif", "elsif", "while", "for", "unless", "until", "foreach", "switch", "match", "case", "when"})
_FLOW: Final = frozenset(
    {"else", "try", "finally", "do", "default", "catch", "except", "rescue", "break", "continue", "goto", "loop", "begin", "ensure", "end"}
)
_FAILURE: Final = frozenset({"throw", "raise", "assert", "panic"})
_IMPORT: Final = frozenset({"import", "include", "using", "require", "from", "package", "use"})
_DECLARE: Final = frozenset(
    {
        "class", "interface", "def", "fn", "func", "function", "struct", "enum", "trait", "impl", "public", "private", "protected", "static",
        "final", "const", "let", "var", "void", "namespace", "module", "type", "abstract", "synchronized", "extends", "implements", "pub", "extern",
        "inline", "virtual", "override",
    }
)  # fmt: skip
_TYPES: Final = frozenset({"class", "interface", "enum", "struct", "trait", "impl", "module", "namespace"})
_NOTHING: Final = frozenset({"null", "None", "nil", "NULL", "nullptr", "undefined"})
_OTHER_WORDS: Final = frozenset(
    {
        "return", "yield", "throws", "new", "true", "false", "True", "False", "this", "self", "super", "not", "and", "or", "in", "is", "instanceof",
        "int", "long", "double", "float", "boolean", "bool", "char", "byte", "short", "String", "str", "string", "await", "async", "with", "as",
        "lambda", "defer", "go", "delete",
    }
)  # fmt: skip
_CLOSERS: Final = frozenset(
    {"end", "endif", "endfor", "endwhile", "endfunction", "endtry", "endcase", "enddo", "fi", "done", "esac"}
)  # alone on a line, as } elsewhere
_WORDS: Final = _CONDITION | _FLOW | _FAILURE | _IMPORT | _DECLARE | _NOTHING | _OTHER_WORDS
_COMPARE: Final = frozenset({"==", "!=", "<=", ">=", "<", ">", "is", "instanceof", "equals"})
_LOGIC: Final = frozenset({"&&", "||", "and", "or", "!", "not"})
_ARITHMETIC: Final = frozenset({"+", "-", "*", "/", "%", "<<", ">>", "++", "--"})
_ASSIGN: Final = frozenset({"=", ":=", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^="})
_BITS: Final = frozenset({"&", "|", "^", "~", "?"})
_GOES_ON: Final = frozenset({".", "+", "&&", "||", "?", ":", ",", ")", "->"})

KINDS: Final = (
    "import", "annotation", "condition", "flow", "return", "failure", "signature", "type", "declaration", "assignment",
    "call", "other",
)  # fmt: skip

SILENT: Final = frozenset({"blank", "comment", "braces"})
"""Kinds of lines that hold no program text: they are no part of the change to what follows, and are never measured."""

_OWN: Final = (
    "length", "tokens", "indent", "names", "strings", "numbers", "comparisons", "logic", "arithmetic", "bits", "assignments", "calls", "members",
    "commas", "nothing", "creates", "unbalanced", "ends_statement", "ends_block", "ends_comma", "goes_on",
)  # fmt: skip
_IN_CHANGE: Final = ("new_names", "lone_names", "rarity", "shared_names", "repeated", "moved", "like_other_side")
_PLACE: Final = (
    "file_share", "file_added", "file_deleted_share", "place_in_file", "block_size", "place_in_block", "first_in_block", "last_in_block",
    "replaces", "step_in", "step_out",
)  # fmt: skip
_RANKED: Final = ("length", "tokens", "indent", "names", "calls", "rarity", "shared_names", "block_size", "file_added")

LINE_FEATURES: Final = (*_OWN, *_IN_CHANGE, *_PLACE, *(f"kind_{kind}" for kind in KINDS), *(f"rank_{name}" for name in _RANKED))
"""Names of a line's measures, in order; `rank_x` is the place of x among the change's lines, in [0, 1]."""

_AT: Final = {name: i for i, name in enumerate(LINE_FEATURES)}
_ONE_HOT: Final = {kind: [float(kind == other) for other in KINDS] for kind in KINDS}


class ChangedLine(NamedTuple):
    """A line of a diff.

    `path` and `number` (1-based) name it in the file of its side: a deleted line of a renamed file has the old
    path. `file` is the changed file's path, the new one; `text` holds no line end.
    """

    file: str
    path: str
    added: bool
    number: int
    text: bytes


class _Read(NamedTuple):
    """A line, read once: what it says, and its measures that need no other line."""

    line: ChangedLine
    stripped: str
    kind: str
    names: frozenset[str]
    tokens: frozenset[str]
    indent: int
    own: list[float]


def changed_lines(files: Iterable[FileChange], most: int) -> list[ChangedLine]:
    """The changed lines in the order of the diff, file by file in the order of paths, at most `most` of them.

    A file whose lines are not known (binary, too large, a submodule) gives none.
    """
    found: list[ChangedLine] = []
    for change in by_path(files):
        found += _lines_of(change)[: most - len(found)]
        if len(found) >= most:
            break
    return found


def by_path(files: Iterable[FileChange]) -> list[FileChange]:
    """The files whose lines are known, in the order of their paths."""
    return sorted((f for f in files if f.added is not None and not f.is_submodule), key=lambda f: f.path)


def _lines_of(change: FileChange) -> list[ChangedLine]:
    found: list[ChangedLine] = []
    new, old = change.path, change.old_path or change.path
    for hunk in change.hunks():
        found += [ChangedLine(new, old, False, number, text) for number, text in enumerate(hunk.deleted, hunk.old_start)]
        found += [ChangedLine(new, new, True, number, text) for number, text in enumerate(hunk.added, hunk.new_start)]
    return found


def measure(lines: Sequence[ChangedLine]) -> list[list[float] | None]:
    """A row of LINE_FEATURES for each line of one change, in the same order; None for a line without program text.

    Args:
        lines: the change as `changed_lines` gives it: file by file, each in the order of its diff.
    """
    everything = [_read(line) for line in lines]
    read = [entry for entry in everything if entry is not None]
    rows = [list(entry.own) for entry in read]
    if read:
        _against_change(read, rows)
        _places(read, rows)
        for row, entry in zip(rows, read, strict=True):
            row += _ONE_HOT[entry.kind]
        _ranks(rows)
    found = iter(rows)
    return [None if entry is None else next(found) for entry in everything]


def words(text: bytes) -> list[str]:
    """The tokens of a line, of its first MAX_CHARS characters."""
    return _TOKEN.findall(_cut(text).strip())


def _cut(text: bytes) -> str:
    return text[: 4 * MAX_CHARS].decode("utf-8", "replace")[:MAX_CHARS].expandtabs(4)


# -- a line by itself --------------------------------------------------------------------------------


def _read(line: ChangedLine) -> _Read | None:
    cut = _cut(line.text)
    stripped = cut.strip()
    tokens = _TOKEN.findall(stripped)
    kind = _kind(stripped, tokens)
    if kind in SILENT:
        return None
    names = [t for t in tokens if (t[0].isalpha() or t[0] == "_") and t not in _WORDS]
    indent = min(_MAX_INDENT, len(cut) - len(cut.lstrip()))
    return _Read(line, stripped, kind, frozenset(names), frozenset(tokens), indent, _own(line, stripped, tokens, indent, len(set(names))))


def _own(line: ChangedLine, stripped: str, tokens: Sequence[str], indent: int, n_names: int) -> list[float]:
    strings = numbers = comparisons = logic = arithmetic = bits = assigns = calls = members = commas = nothing = opened = 0
    before = ""
    for token in tokens:
        first = token[0]
        if token == "(":
            opened += 1
            calls += (before[:1].isalpha() or before[:1] == "_") and before not in _WORDS
        elif token == ")":
            opened -= 1
        elif token in (".", "->", "::"):
            members += 1
        elif token == ",":
            commas += 1
        elif first in "\"'":
            strings += 1
        elif first.isdigit():
            numbers += 1
        elif token in _NOTHING:
            nothing += 1
        else:
            comparisons += token in _COMPARE
            logic += token in _LOGIC
            arithmetic += token in _ARITHMETIC
            assigns += token in _ASSIGN
            bits += token in _BITS
        before = token
    last, start = (tokens[-1], tokens[0]) if tokens else ("", "")
    length = len(stripped) if len(line.text) <= MAX_CHARS else len(line.text)
    return [
        math.log1p(length), math.log1p(len(tokens)), float(indent), float(n_names), float(strings), float(numbers), float(comparisons), float(logic),
        float(arithmetic), float(bits), float(assigns), float(calls), float(members), float(commas), float(nothing), float("new" in tokens),
        float(abs(opened)), float(last == ";"), float(last in ("{", ":")), float(last == ","), float(start in _GOES_ON),
    ]  # fmt: skip


def _kind(stripped: str, tokens: Sequence[str]) -> str:
    if not stripped:
        return "blank"
    if _is_comment(stripped):
        return "comment"
    if not any(char.isalnum() for char in stripped) or stripped.rstrip(")}];,.") in _CLOSERS:
        return "braces"
    word = tokens[1] if tokens[0] in ("}", ")", "#") and len(tokens) > 1 else tokens[0]
    if word in _IMPORT:
        return "import"
    if word == "@":
        return "annotation"
    if word in _CONDITION or (word == "else" and "if" in tokens):
        return "condition"
    if word in _FLOW:
        return "flow"
    if word in ("return", "yield"):
        return "return"
    if word in _FAILURE:
        return "failure"
    opens = tokens.index("(") if "(" in tokens else len(tokens)
    gets = next((i for i, token in enumerate(tokens) if token in _ASSIGN), len(tokens))
    if word in _DECLARE:
        return "type" if not _TYPES.isdisjoint(tokens[:4]) else "signature" if opens < gets else "declaration"
    return "assignment" if gets < len(tokens) else "call" if opens < len(tokens) else "other"


def _is_comment(stripped: str) -> bool:
    if stripped.startswith(("//", "/*", "*/", "<!--", '"""', "'''", "--", ";;")):
        return True
    if stripped[0] == "*":
        return len(stripped) == 1 or not (stripped[1].isalnum() or stripped[1] == "_")
    return stripped[0] == "#" and not stripped.startswith(("#include", "#if", "#def", "#end", "#el", "#pragma", "#un", "#["))


# -- a line among the others -------------------------------------------------------------------------


def _against_change(read: Sequence[_Read], rows: Sequence[list[float]]) -> None:
    n = len(read)
    seen = Counter(name for entry in read for name in entry.names)
    deleted = {name for entry in read if not entry.line.added for name in entry.names}
    texts = {side: Counter(entry.stripped for entry in read if entry.line.added is side) for side in (True, False)}
    for entry, row in zip(read, rows, strict=True):
        names = entry.names
        share = 1 / max(1, len(names))
        counts = [seen[name] for name in names]
        row += [
            share * sum(name not in deleted for name in names),
            share * counts.count(1),
            share * math.fsum(math.log((n + 1) / count) for count in counts),  # names are a set, whose order a plain sum would show
            (sum(counts) - len(counts)) / n,
            math.log(texts[True][entry.stripped] + texts[False][entry.stripped]),
            float(entry.stripped in texts[not entry.line.added]),
        ]


def _blocks(read: Sequence[_Read]) -> list[tuple[list[int], list[int]]]:
    """Indices of the (deleted, added) lines of each run of deleted lines with the added ones behind it, inside one file."""
    blocks: list[tuple[list[int], list[int]]] = []
    before: ChangedLine | None = None
    for i, entry in enumerate(read):
        line = entry.line
        if before is None or line.file != before.file or (before.added and not line.added):
            blocks.append(([], []))
        blocks[-1][line.added].append(i)
        before = line
    return blocks


def _places(read: Sequence[_Read], rows: Sequence[list[float]]) -> None:
    """Likeness to the block's other side, and where the line stands in file and block; file by file, block by block."""
    added, sizes = Counter(e.line.file for e in read if e.line.added), Counter(e.line.file for e in read)
    at, n, file = 0, len(read), ""
    for block in _blocks(read):
        for side in (0, 1):
            own, other = block[side], [read[i].tokens for i in block[1 - side][:_MAX_COMPARED]]
            for k, i in enumerate(own):
                entry = read[i]
                at, file = (at + 1 if entry.line.file == file else 0), entry.line.file
                size = sizes[file]
                rows[i] += [
                    max((len(entry.tokens & tokens) / (len(entry.tokens | tokens) or 1) for tokens in other), default=0.0),
                    size / n,
                    math.log1p(added[file]),
                    1 - added[file] / size,
                    at / (size - 1) if size > 1 else 0.5,
                    math.log1p(len(own)),
                    k / (len(own) - 1) if len(own) > 1 else 0.5,
                    float(k == 0),
                    float(k == len(own) - 1),
                    float(bool(other)),
                    float(entry.indent - read[own[k - 1]].indent) if k else 0.0,
                    float(read[own[k + 1]].indent - entry.indent) if k + 1 < len(own) else 0.0,
                ]


def _ranks(rows: Sequence[list[float]]) -> None:
    for name in _RANKED:
        column = [row[_AT[name]] for row in rows]
        ordered = sorted(column)
        place = {value: (bisect_left(ordered, value) + bisect_right(ordered, value)) / (2 * len(rows)) for value in set(column)}
        for row, value in zip(rows, column, strict=True):
            row.append(place[value])
