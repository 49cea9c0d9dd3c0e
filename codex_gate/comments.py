"""Which lines of a source file hold program text, by the comment syntax of its language."""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

_DOUBLE = rb'"(?:\\.|[^"\\\n])*"'
_SINGLE = rb"'(?:\\.|[^'\\\n])*'"
_BACKTICK = rb"`(?:\\.|[^`\\])*`"
_TRIPLE = rb'"""(?:\\.|(?!""")[^\\])*+"""' + rb"|'''(?:\\.|(?!''')[^\\])*+'''"
_SLASHES = rb"//[^\n]*"
_HASH = rb"#[^\n]*"
_STARS = rb"/\*.*?(?:\*/|\Z)"
_BEFORE = (b"", b" ", b"\t")  # a comment behind program text
_MOST = 200  # literals and comments of a line that are looked at, so that a hostile one costs no more than linear time (chosen)
_ESCAPED = rb"\\."  # outside of a literal: begins none, or a long line of such signs would be read again from each


class _Syntax(NamedTuple):
    """How a language writes what is no program text, and the literals that may look like it; bytes patterns."""

    comments: tuple[bytes, ...]
    literals: tuple[bytes, ...] = (_DOUBLE, _SINGLE)


_C = _Syntax((_SLASHES, _STARS))
_SCRIPT = _Syntax((_SLASHES, _STARS), (_DOUBLE, _SINGLE, _BACKTICK))
_SHELL = _Syntax((rb"(?<![$\\{\w])" + _HASH,), (_DOUBLE, rb"'[^']*'"))
_POD = rb"^=[a-z]\w*.*?(?:^=cut[^\n]*|\Z)"
SYNTAX = {
    **dict.fromkeys(("c", "cpp", "objc", "java", "kotlin", "scala", "groovy", "csharp", "swift", "dart"), _C),
    **dict.fromkeys(("javascript", "typescript", "go"), _SCRIPT),
    "rust": _Syntax((_SLASHES, _STARS), (_DOUBLE, rb"'(?:\\[^\n]{1,8}|[^'\\\n])'")),  # a lifetime is no literal
    "php": _Syntax((_SLASHES, rb"#(?!\[)[^\n]*", _STARS)),
    # A string that begins a line, with nothing but a comment behind it, is a docstring, or a part of a longer expression that nobody breaks by changing it.
    "python": _Syntax((_HASH, rb"^[ \t]*[rRuU]?(?:" + _TRIPLE + rb")[ \t]*(?=$|#)"), (_TRIPLE, _DOUBLE, _SINGLE)),
    "ruby": _Syntax((rb"(?<![\\\w])#(?!\{)[^\n]*", rb"^=begin\b.*?(?:^=end[^\n]*|\Z)")),
    "perl": _Syntax((rb"(?<![$\\@%\w])" + _HASH, _POD)),
    **dict.fromkeys(("shell", "r", "julia", "elixir"), _SHELL),
    "powershell": _Syntax((rb"<#.*?(?:#>|\Z)", _HASH)),
    "sql": _Syntax((rb"--[^\n]*", _STARS)),
    "lua": _Syntax((rb"--\[(?P<level>=*)\[.*?(?:\](?P=level)\]|\Z)", rb"--[^\n]*")),
    "haskell": _Syntax((rb"\{-.*?(?:-\}|\Z)", rb"--[^\n]*"), (_DOUBLE,)),
    "clojure": _Syntax((rb";[^\n]*",), (_DOUBLE,)),
    "erlang": _Syntax((rb"%[^\n]*",)),
    "ocaml": _Syntax((rb"\(\*.*?(?:\*\)|\Z)",), (_DOUBLE,)),
    "vim": _Syntax((rb'^[ \t]*"[^\n]*',), ()),
    "zig": _Syntax((_SLASHES,)),
    "fortran": _Syntax((rb"![^\n]*", rb"^[cC*][^\n]*")),
}


@cache
def _pattern(language: str) -> re.Pattern[bytes]:
    syntax = SYNTAX[language]
    return re.compile(b"|".join((b"(?P<comment>" + b"|".join(syntax.comments) + b")", *syntax.literals, _ESCAPED)), re.DOTALL | re.MULTILINE)


def code_lines(data: bytes, language: str | None) -> frozenset[int]:
    """Numbers (1-based) of the lines that hold program text: neither blank nor comment alone.

    Literals are told from comments, so that a `//` in a string hides nothing; a comment that is never closed runs
    to the end. In a language without an entry in SYNTAX, and for None, every line that is not blank counts.
    """
    if language in SYNTAX:
        data = _pattern(language).sub(_blanked, data)
    return frozenset(number for number, line in enumerate(data.split(b"\n"), 1) if line.strip())


def told(line: bytes, language: str | None) -> bytes:
    """A line without the comments behind its program text; one that is a comment alone, or of a language that is not known, as it is.

    The line is read by itself: one within a comment or a literal of several lines is taken for program text. A comment has white space before it, so that an
    address in markup and `${path##*/}` stay whole.
    """
    if language not in SYNTAX:
        return line
    left, at, pattern = b"", 0, _pattern(language)
    for _ in range(_MOST):
        if (found := pattern.search(line, at)) is None:
            break
        start, end = found.span()
        if found["comment"] is None:
            left, at = left + line[at:end], end
        elif line[:start][-1:] in _BEFORE:
            left, at = left + line[at:start] + b" ", end
        else:
            left, at = left + line[at : start + 1], start + 1
    return (left + line[at:]).rstrip() or line


def _blanked(found: re.Match[bytes]) -> bytes:
    """A comment gives way to its line ends, a literal stays."""
    return b"\n" * found[0].count(b"\n") if found["comment"] is not None else found[0]
