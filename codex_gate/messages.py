"""What a commit message says about itself: a repair, a revert, a merge."""

from __future__ import annotations

import re
from functools import lru_cache

# Kamei et al. 2013 (TSE 39(6), FIX) look for "bug", "fix", "defect", "patch" as substrings; here whole words,
# without the words that programmers use for something else ("patch release", "prefix", "fixture").
_REPAIR = re.compile(
    r"\b(?:fix(?:e[sd]|ing|up)?|hot-?fix(?:e[sd])?|bug-?fix(?:e[sd])?|bugs?|defects?|regressions?|repair(?:s|ed|ing)?"
    r"|crash(?:e[sd]|ing)?|leak(?:s|ed|ing)?|deadlocks?|segfaults?|npe|null ?pointer\w*|correct(?:s|ed|ly)?|wrong(?:ly)?"
    r"|broken?|fail(?:s|ed|ing|ures?)|faults?|vulnerabilit(?:y|ies)|cve-\d{4}-\d+)\b",
    re.IGNORECASE,
)
_CLOSES = re.compile(r"\b(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?)\s*:?\s+(?:[\w.-]+/[\w.-]+#|#|gh-)\d+\b", re.IGNORECASE)
# What one of the two would find holds one of these; most messages do not, and are done at once.
_STEM = re.compile("fix|bug|fail|fault|c(?:orrect|lose|ve-|rash)|n(?:ull|pe)|leak|broke|wrong|re(?:solve|gression|pair)|de(?:fect|adlock)|vulnerabilit")
# Repairs of something that is no defect of the program, and statements that there is none.
HARMLESS = re.compile(
    r"\b(?:no|not an?|without|isn't an?|non)[ -]+(?:bugs?|fix(?:es)?|regressions?|failures?|crash(?:es)?|defects?|leaks?)\b"
    r"|\bfix(?:e[sd]|ing|up)?\s+(?:(?:an?|the|some|more|few|all|minor|small|several|various|and|of|in)\s+)*"
    r"(?:typos?|spelling|grammar|wording|docs?|documentation|docstrings?|comments?|readme|changelog|javadocs?|links?|urls?"
    r"|indent(?:ation)?|whitespaces?|formatting|format|style|lint(?:er|ing)?|checkstyle|pep ?8|flake8|imports?|copyright|licen[cs]e"
    r"|ci|travis|appveyor|workflows?)\b"
    r"|\b(?:bug ?tracker|bug ?reports?|issue template|bugfix release|fixtures?|fix[- ]?versions?|fail[- ]?over|fail[- ]?safe|fail[- ]?fast"
    r"|fixed[- ](?:size|length|width|point)|fault[- ]toleran\w+)\b",
    re.IGNORECASE,
)
REVERT = re.compile(r"^\s*revert\b", re.IGNORECASE)
TRAILER = re.compile(r"^(?:signed-off-by|reviewed-by|co-authored-by|cc|change-id|git-svn-id)\s*:.*$", re.IGNORECASE | re.MULTILINE)


@lru_cache(maxsize=8)  # a walk asks twice about each commit
def is_fix(message: str) -> bool:
    """Whether the message says that the commit repairs a defect of the program.

    Whole words only, with negations ("no bug") and repairs of prose or style ("fix typo") set aside.
    Source: Kamei et al. 2013, measure FIX; the word list is chosen.
    """
    head = message[:4000]
    if REVERT.match(head):
        return True
    if head.isascii() and not _STEM.search(head.lower()):  # elsewhere two letters may count as one in disregard of case and yet differ when lowered
        return False
    text = TRAILER.sub(" ", head)
    if not _REPAIR.search(text) and not _CLOSES.search(text):
        return False
    text = HARMLESS.sub(" ", text)
    return bool(_REPAIR.search(text) or _CLOSES.search(text))


def title(message: str) -> str:
    """The first line with words in it, without surrounding blanks; an empty string for an empty message."""
    first = message.partition("\n")[0].strip()
    if first and first.isprintable():  # then nothing in it ends a line
        return first
    return next((line.strip() for line in message.splitlines() if line.strip()), "")
