"""Text that an attacker may have written, made safe to show: titles, paths, authors, matched source text.

Whoever opens a pull request chooses these strings. `visible` is the base of every surface: what it gives has
no character that moves a cursor, turns the reading direction, hides, or starts a second line. The others add
what one surface needs. JSON needs only `writable`: its own escapes do the rest.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote

_WIDE_SPACES: Final = dict.fromkeys(map(ord, "\u00a0\u1680\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))), " ")
_MARKS: Final = "[\\u0300-\\u036f\\u0483-\\u0489\\u1ab0-\\u1aff\\u1dc0-\\u1dff\\u20d0-\\u20ff\\ufe20-\\ufe2f]"  # combining, over and under a letter
_PILE: Final = re.compile(f"({_MARKS}{{3}})({_MARKS}+)")
# CI systems act on these wherever they stand in a line: `##[error]` (GitHub, ActionCommand.TryParse), `##vso[` (Azure).
_MARKED_COMMAND: Final = re.compile(r"##(?=\w*\[)")
_LINE_COMMAND: Final = re.compile(r"^(\s*):(?=:)", re.MULTILINE)
_RUN_OF_TICKS: Final = re.compile("`+")
_SURROGATE: Final = re.compile("[\ud800-\udfff]")

_PLAIN_WORD: Final = re.compile(r"(?:[^\W_]|(?<=[^\W_])['’–,-](?=[^\W_])|(?<=\d)\.(?=\d))+%?|[–—·…%&]")
_REFERENCE: Final = re.compile(r"GH-\d|^[0-9a-f]{7,64}$", re.IGNORECASE)
_LIST_ITEM: Final = re.compile(r"\d+[.)]")
_WRAPPED: Final = re.compile(r"([(\"']*)(.*?)([)\"'.,;:!?]*)")


def _escape(char: str) -> str:
    code = ord(char)
    # A byte that is no UTF-8 arrives as the surrogate escape U+DC80 … U+DCFF.
    return f"\\x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else f"\\u{{{code:x}}}"


def writable(text: str) -> str:
    r"""The text without lone surrogates, which no encoding can write: bytes that were no UTF-8 become `\xNN`."""
    return text if text.isascii() else _SURROGATE.sub(lambda match: _escape(match[0]), text)


def visible(text: str) -> str:
    r"""The text in one line with nothing hidden: control, format and bidi characters as `\u{..}`.

    Spaces of any width become a plain one, bytes that were no UTF-8 become `\xNN`, a fourth combining mark on
    one letter is escaped, and `##[` loses its force. Harmless text comes back unchanged.
    """
    if not text.isascii():
        text = _PILE.sub(lambda match: match[1] + "".join(map(_escape, match[2])), text.translate(_WIDE_SPACES))
    if not text.isprintable():
        text = "".join(char if char.isprintable() else _escape(char) for char in text)
    return _MARKED_COMMAND.sub(r"#\\u{23}", text) if "##" in text else text


def shown(text: str, limit: int = 200) -> str:
    """`visible` text without blanks around it, of at most `limit` characters."""
    # Cut before the work too: an escape makes a character longer, never shorter.
    return shorten(visible(text.strip()[: limit + 1]), limit)


def shorten(text: str, limit: int) -> str:
    """At most `limit` characters, an ellipsis in place of the rest."""
    return text if len(text) <= limit else text[: max(0, limit - 1)].rstrip() + "…"


def shorten_path(path: str, limit: int = 120) -> str:
    """A `visible` path of at most `limit` characters; what is lost is its middle, for both ends tell more."""
    path = visible(path if len(path) <= 4096 else path[:2048] + path[-2048:])
    if len(path) <= limit:
        return path
    tail = (limit - 1) * 2 // 3
    return path[: limit - 1 - tail] + "…" + path[-tail:]


def address(path: str) -> str:
    """A path as a relative, percent-encoded address; bytes that were no UTF-8 keep their value."""
    try:
        return quote(path.encode("utf-8", "surrogateescape"), safe="/")
    except UnicodeEncodeError:  # a surrogate that stands for no byte: no path of git's, but no reason to fall over
        return quote(writable(path), safe="/")


def no_commands(lines: str) -> str:
    r"""Finished output in which no line begins with `::`, which a workflow runner would obey: `\u{3a}:`."""
    return _LINE_COMMAND.sub(r"\1\\u{3a}", lines) if "::" in lines else lines


def code(text: str) -> str:
    """Visible text as a Markdown code span, where mentions, references, links and HTML are dead.

    The fence is longer than any run of backticks inside, and `|` is escaped as GitHub's tables want it; use
    `code` in tables only with `cell`.
    """
    if not text:
        return ""
    fence = "`" * (max(map(len, _RUN_OF_TICKS.findall(text)), default=0) + 1)
    pad = " " if text[0] in "` " or text[-1] in "` " else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def cell(markdown: str) -> str:
    """Finished Markdown for a table cell: GitHub splits cells at `|` even inside code spans unless escaped."""
    return markdown.replace("|", "\\|")


def prose(text: str) -> str:
    """A sentence that may hold names from the repository, for Markdown: any word that is not plain becomes code.

    Escapes are not enough there: GitHub links `@name`, `#1` and addresses after it has removed backslashes.
    """
    words = visible(text).split()
    return " ".join(code(word) if i == 0 and _LIST_ITEM.fullmatch(word) else _word(word) for i, word in enumerate(words))


def _word(word: str) -> str:
    if _PLAIN_WORD.fullmatch(word) and not _REFERENCE.search(word):
        return word
    match = _WRAPPED.fullmatch(word)
    before, core, after = match.groups() if match else ("", word, "")
    if not core:
        return code(word)
    if _PLAIN_WORD.fullmatch(core) and not _REFERENCE.search(core):
        return word
    return f"{before}{code(core)}{after}"


def message(text: str) -> str:
    """Visible text for a SARIF message: no embedded links (§3.11.6) and no numbered arguments (§3.11.5) in it."""
    return re.sub(r"\{(\d+)\}", r"{{\1}}", re.sub(r"([\[\]])", r"\\\1", text))
