"""Program text as tokens of a kind, for comparison: comments and layout are gone, names are told from the words of a language, literals are a class.

No parser: a table of words, comments and literals for each language, one regular expression made of it, and one pass that takes each character once, whatever the text.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterator
from functools import cache
from itertools import islice
from typing import Final, NamedTuple

from codex_gate.comments import SYNTAX
from codex_gate.tokenise import OPERATORS, TAB

NAME, WORD, LITERAL, SIGN, LAYOUT = "name", "word", "literal", "sign", "layout"
"""Kinds of tokens: an identifier · a word that the language keeps for itself · a literal, by its class · an operator or bracket · a line's end or a step of indentation."""

OPENING: Final = {"(": ")", "[": "]", "{": "}"}
CLOSING: Final = frozenset(OPENING.values())
INDENTED: Final = frozenset({"python"})  # languages in which layout is program text

_FLOW: Final = "if else for while do switch case default break continue return goto"
_OBJECTS: Final = "class interface enum extends implements public private protected static final abstract new this super null true false try catch finally throw import package"
_TYPES: Final = "void int long short char float double bool byte"
_C: Final = f"{_FLOW} {_TYPES} unsigned signed const struct union enum typedef static extern inline volatile register sizeof define include ifdef ifndef endif undef NULL true false"
_JAVA: Final = f"{_FLOW} {_OBJECTS} {_TYPES} boolean throws synchronized volatile transient native instanceof assert var record"
_SCRIPT: Final = (
    f"{_FLOW} function var let const class extends new this super null undefined true false try catch finally throw import export from as typeof instanceof"
    " delete void in of async await yield static"
)
_RUBY: Final = "if elsif else unless end def class module do while until for in case when then return break next redo yield begin rescue ensure raise self nil true false and or not super"
_WORDS: Final = {
    "python": " ".join(keyword.kwlist),
    "c": _C,
    "objc": _C + " self nil YES NO id",
    "cpp": f"{_C} {_OBJECTS} namespace template typename using virtual override noexcept auto delete nullptr operator friend constexpr explicit mutable",
    "java": _JAVA,
    "groovy": _JAVA + " def as in",
    "csharp": f"{_JAVA} namespace using string object decimal foreach in is as out ref params override virtual sealed readonly const async await get set struct base internal",
    "dart": f"{_JAVA} String num dynamic late async await yield with mixin is as in required factory",
    "kotlin": f"{_FLOW} {_OBJECTS} fun val var when is as in object companion data override open internal Int Long Boolean String Unit Any suspend sealed",
    "scala": f"{_FLOW} {_OBJECTS} def val var object trait match with yield lazy implicit override sealed extends Int Long Boolean String Unit Any",
    "swift": f"{_FLOW} func var let class struct enum protocol extension import guard in is as self nil true false try catch throw throws init Int String Bool Double where",
    "javascript": _SCRIPT,
    "typescript": _SCRIPT
    + " interface type enum implements public private protected readonly abstract string number boolean any unknown never keyof declare namespace",
    "go": f"{_FLOW} func var const type struct interface map chan range defer go select fallthrough package import nil true false int int64 int32 uint uint64 byte rune string bool error float64 any",
    "rust": (
        "if else for while loop match break continue return fn let mut const static struct enum trait impl pub use mod crate self Self super as in ref move where unsafe"
        " async await dyn type true false i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize f32 f64 bool char str"
    ),
    "zig": f"{_FLOW} fn const var pub struct enum union comptime try catch defer errdefer orelse and or null true false undefined usize u8 u32 u64 i32 i64 bool void",
    "ruby": _RUBY,
    "elixir": _RUBY + " defmodule defp fn cond with use alias import require",
    "php": f"{_FLOW} {_OBJECTS} function echo foreach as elseif endif endforeach use namespace trait array string int float bool mixed fn match instanceof const global print isset unset",
    "lua": "if elseif else then end for while repeat until do break return goto function local in nil true false and or not",
    "perl": "if elsif else unless for foreach while until do last next redo return sub my our local use no package require and or not eq ne lt gt le ge cmp qw undef",
    "shell": "if then elif else fi for while until do done case esac in function return break continue local export readonly shift set exit",
    "powershell": f"{_FLOW} function param begin process end foreach in elseif until try catch finally throw",
    "r": "if else repeat while function for next break return TRUE FALSE NULL NA Inf in",
    "julia": "if elseif else end for while function return break continue struct mutable module using import export begin let local global const true false nothing try catch finally do in",
    "haskell": "module where import let in do case of if then else data type newtype class instance deriving",
    "ocaml": "let rec in fun function match with if then else begin end type module open of and mutable true false",
    "erlang": "case of end if when receive after fun try catch throw begin and or not andalso orelse",
    "clojure": "def defn fn let if cond do loop recur ns require when nil true false",
    "fortran": "program subroutine function end if then else do while call return integer real logical character implicit none module use contains intent allocate",
    "sql": "select from where insert into values update set delete join left right inner outer on group by order having union all distinct as and or not null is in create table primary key",
    "vim": "if else elseif endif for endfor while endwhile function endfunction return let call in",
}
_ANY: Final = f"{_FLOW} function class def end import new null nil true false and or not int void var let const"

_DOUBLE: Final = r'"(?:\\.|[^"\\\n])*+"?'  # a text that is never closed ends with its line, so that nothing is looked at twice
_SINGLE: Final = r"'(?:\\.|[^'\\\n])*+'?"
_BACKTICK: Final = r"`(?:\\.|[^`\\])*+`?"
_TRIPLE: Final = r'(?:"""(?:\\.|(?!""")[^\\])*+(?:""")?' + r"|'''(?:\\.|(?!''')[^\\])*+(?:''')?)"
_QUOTED: Final = {
    **dict.fromkeys(("javascript", "typescript", "go"), (_DOUBLE, _SINGLE, _BACKTICK)),
    **dict.fromkeys(("haskell", "clojure", "ocaml"), (_DOUBLE,)),
    **dict.fromkeys(("shell", "r", "julia", "elixir"), (_DOUBLE, r"'[^']*+'?")),
    "rust": (_DOUBLE, r"'(?:\\[^\n]{1,8}|[^'\\\n])'"),  # a lifetime is no literal
    "python": (r"(?<!\w)[rRbBuUfF]{0,2}" + _TRIPLE, r"(?<!\w)[rRbBuUfF]{0,2}(?:" + _DOUBLE + "|" + _SINGLE + ")"),
    "vim": (),
}
_UNKNOWN: Final = (_DOUBLE, r"(?<!\w)'[^'\\\n]{0,80}'")  # an apostrophe in prose begins no literal
_MARKED: Final = {**dict.fromkeys(("php", "perl", "ruby", "powershell"), "[$@]{0,2}"), "rust": "'?"}  # variables · lifetimes
_HASH: Final = r"#[^\n]*"


class Token(NamedTuple):
    """A kind, a text (of a literal its class, of a number its value), the line that it stands on (from 1) and that line's indentation in columns."""

    kind: str
    text: str
    line: int
    indent: int


def tokens(text: str, language: str | None, most: int) -> tuple[list[Token], bool]:
    """At most `most` tokens of the beginning of a text, line ends counted, and whether they are all; lines end with \\n.

    `language` is one of `paths.LANGUAGES`; for None and for one without a table the words that most languages share count, and no comment is known.
    """
    reading = _read(text, language)
    found = islice(reading, most)
    taken = list(_laid_out(found) if language in INDENTED else (token for token in found if token.kind != LAYOUT))
    return taken, next(reading, None) is None


@cache
def words(language: str | None) -> frozenset[str]:
    """What no program of the language may call its own."""
    return frozenset(_WORDS.get(language or "", _ANY).split())


@cache
def _pattern(language: str | None) -> re.Pattern[str]:
    known = SYNTAX[language].comments if language in SYNTAX and language != "python" else ()
    comments = (_HASH,) if language == "python" else tuple(comment.decode("ascii") for comment in known)  # docstrings are told by where they stand
    parts = {
        "line": r"\n[ \t]*+",
        "comment": "|".join(comments),
        "quoted": "|".join(_QUOTED.get(language, (_DOUBLE, _SINGLE)) if language in SYNTAX else _UNKNOWN),
        "number": r"(?<!\w)\.?\d(?:[eEpP][+-]|[\w.])*+",
        "name": _MARKED.get(language or "", "") + r"[^\W\d][\w$]*+",
        "sign": "|".join(map(re.escape, OPERATORS)) + r"|[^\w\s]|\d",
    }
    return re.compile("|".join(f"(?P<{kind}>{part})" for kind, part in parts.items() if part), re.DOTALL | re.MULTILINE)


def _read(text: str, language: str | None) -> Iterator[Token]:
    """The tokens of a text, of layout the line ends alone."""
    kept, folded = words(language), language == "sql"
    line, indent = 0, 0
    for found in _pattern(language).finditer("\n" + text):
        kind, here = found.lastgroup, found[0]
        if kind == "line":
            line += 1
            indent = len(here.expandtabs(TAB)) - 1
            yield Token(LAYOUT, here[0], line, indent)
            continue
        if kind == "name":
            word = here.lower() if folded else here
            yield Token(WORD if word in kept else NAME, word, line, indent)
        elif kind == "quoted":
            yield Token(LITERAL, _class_of(here), line, indent)
        elif kind == "number":
            yield Token(LITERAL, here.lower().replace("_", ""), line, indent)
        elif kind == "sign":
            yield Token(SIGN, here, line, indent)
        line += here.count("\n")


def _class_of(quoted: str) -> str:
    """Empty, one character, or text: what it says does not count."""
    inside = quoted.lstrip("rRbBuUfF").strip("\"'`")
    return '""' if not inside else '"c"' if len(inside) == 1 else '"text"'


def _laid_out(found: Iterator[Token]) -> Iterator[Token]:
    """Tokens with line ends and steps of indentation, where no bracket is open; a text alone in its statement is a docstring and left out."""
    depth, steps = 0, [0]
    statement: list[Token] = []
    for token in found:
        if token.kind == LAYOUT:
            if depth == 0 and statement and statement[-1].text != "\\":
                yield from _statement(statement, steps)
                statement = []
            continue
        if token.kind == SIGN:
            depth = max(0, depth + (token.text in OPENING) - (token.text in CLOSING))
        statement.append(token)
    yield from _statement(statement, steps)


def _statement(statement: list[Token], steps: list[int]) -> Iterator[Token]:
    """A statement behind the steps of indentation to it, its end behind it; `steps` are the open ones."""
    if not statement or (len(statement) == 1 and statement[0].kind == LITERAL and statement[0].text.startswith('"')):
        return
    first = statement[0]
    while steps[-1] > first.indent:
        steps.pop()
        yield Token(LAYOUT, "<", first.line, first.indent)
    if first.indent > steps[-1]:
        steps.append(first.indent)
        yield Token(LAYOUT, ">", first.line, first.indent)
    yield from (token for token in statement if token.text != "\\")
    yield Token(LAYOUT, ";", statement[-1].line, first.indent)
