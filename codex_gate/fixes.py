"""Which messages say that their commit repairs a defect of the program, and by which words; which say that it only rearranged text: for labels.

Surer of itself than the feature `fix` (`messages.is_fix`), whose meaning models rest on. What a reader made of it stands in docs/label-audit.md.
"""

from __future__ import annotations

import re
from collections.abc import Set
from functools import lru_cache

from codex_gate.messages import HARMLESS, REVERT, TRAILER, title
from codex_gate.types import Evidence

_TYPE = re.compile(r"^\W*([a-z]+)(?:\(([^)]{0,60})\))?!?(?:\]\s*:?|\s*:)", re.IGNORECASE)
# An area in front of the title that holds no program text, a release, a change log.
_PROSE = re.compile(
    r"^\W*+(?:read-?me|change-?log|history|news|faq|guide|man(?:ual|page)?|go\.mod|[\w./-]+\.(?:md|rst|txt|json|ya?ml))\b[^:]{0,20}:"
    r"|^\W*+document(?:s|ed|ing)?\b(?!:)|^\W*+(?:updat|upgrad|bump)\w*\s+(?:\w+\s+){0,2}dependenc"
    r"|^\W*+(?:now working on|(?:\d{4}[.-]\d\d[.-]\d\d,? )?v(?:ersion)? ?\d|prepar\w+ (?:for )?(?:the )?(?:next )?(?:release|version|v?\d))"
    r"|\b(?:in|to|of|the|for|update)\s+(?:\w+\s+){0,2}(?:read-?me|change-?log|history|news|docs?|documentation|javadocs?|comments?|website|site|release (?:post|notes?|date)|web ?page)\b",
    re.IGNORECASE,
)
_FIX_TYPES = frozenset({"fix", "fixes", "fixed", "bugfix", "hotfix", "bug", "security"})
_OTHER_TYPES = frozenset(
    {"breaking", "build", "bump", "chore", "ci", "cleanup", "deps", "dev", "doc", "docs", "example", "examples", "feat", "feature", "lint", "medium", "new",
     "perf", "refactor", "regtest", "regtests", "release", "style", "test", "tests", "types", "typo", "update", "upgrade", "website"}
)  # fmt: skip
# A request that is closed: "add a thing (fixes #12)". Its words for a repair count only where they name more than a number.
_REQUEST = re.compile(
    r"^\W*(?:[\w,/ -]{1,40}:(?: ++:)*+\s*+)*(?:add(?:s|ed|ing)?|allow(?:s|ed)?|bump(?:s|ed)?|change[sd]?|clarif(?:y|ies|ied)|clean\w*|convert(?:s|ed|ing)?|creat(?:e[sd]?|ing)|document(?:s|ed)?|enabl(?:e[sd]?|ing)"
    r"|enhanc(?:e[sd]?|ement)|expos(?:e[sd]?|ing)|first|includ(?:e[sd]?|ing)|initial|mark(?:s|ed)?|mention(?:s|ed)?|more|note[sd]?|options?|reduc(?:e[sd]?|ing)|renam\w+|separat(?:e[sd]?|ing)|simplif(?:y|ies|ied)"
    r"|specif(?:y|ies|ied)|turn(?:s|ed)?|unif(?:y|ies|ied)|us(?:e[sd]?|ing)|write|wrote"
    r"|extend(?:s|ed)?|feature|implement(?:s|ed|ing)?|improv(?:e[sd]?|ement|ing)|introduc(?:e[sd]?|ing)|mov(?:e[sd]?|ing)|new|provid(?:e[sd]?|ing)|refactor(?:s|ed|ing)?|releas(?:e[sd]?|ing)"
    r"|remov(?:e[sd]?|ing)|support(?:s|ed|ing)?|switch(?:e[sd])?|updat(?:e[sd]?|ing)|upgrad(?:e[sd]?|ing))\b(?!:)",
    re.IGNORECASE,
)
_TESTS = re.compile(
    r"^\W*(?:[\w,/ -]{1,40}:(?: ++:)*+\s*+)*(?:add\w*|creat\w+|includ\w+|initial|more|new|port\w*|writ\w+|wrote|enabl\w+|updat\w+)\b.{0,60}\b(?:tests?|testcases?|specs?|cov(?:erage)?)\b",
    re.IGNORECASE,
)
# What a revert repeats of what it takes back: a quoted title, "This reverts commit …".
_REPEATED = re.compile(r"[\"“][^\"”\n]*(?:[\"”]|$)|^\W*(?:this reverts|revert(?:s|ed)?)\b[^.\n]*", re.IGNORECASE | re.MULTILINE)
_WHY = re.compile(
    r"\b(?:because|br(?:eaks?|oke)|breakage|caus(?:e[sd]?|ing)|fail(?:s|ed|ing|ures?)?|errors?|degrad\w+|degred\w+|slow(?:s|er|down)?|incompatib\w+|compatibility|unexpected\w*|problems?)\b",
    re.IGNORECASE,
)
# A title that says of a repair no more than that it is one, and small.
_BARE = re.compile(
    r"^\W*(?:(?:fix(?:e[sd]|ing|up)?|quickfix(?:es)?|minor|small|tiny|little|some|more|few|an?|the|misc\w*|various|several|other|another|further|cosmetic|last|final|quick"
    r"|issues|errors|bugs|problems|things|stuff|for|it|this|that|and|try|to|again|previous|commit|review|comments?|feedback|nits?)\b\W*)+$",
    re.IGNORECASE,
)
_OPTION = re.compile(r"(?<![\w-])--?[a-z][\w-]+", re.IGNORECASE)  # of a command line: a name, whatever its words
_STRONG = re.compile(
    r"\b(?:fix(?:e[sd]|ing|up)?|hot-?fix(?:e[sd])?|bug-?fix(?:e[sd])?|bugs?|defects?|regressions?|repair(?:s|ed|ing)?"
    r"|crash(?:e[sd]|ing)?|leak(?:s|ed|ing)?|deadlock(?:s|ed)?|data ?race|race condition|seg-?faults?|segv|npe|null ?pointer\w*|use[- ]after[- ]free"
    r"|(?:buffer|stack|heap|integer) ?over(?:flow|run)s?|double[- ]free|off[- ]by[- ]one|infinite (?:loop|recursion)|panics?"
    r"|vulnerabilit(?:y|ies)|cve-\d{4}-\d+|incorrect(?:ly)?|wrong(?:ly)?|broken|misbehav\w+)\b",
    re.IGNORECASE,
)
_KEY = r"(?:[\w.-]+/[\w.-]+#\d+|#\d+|gh-\d+|[A-Z][A-Z0-9]{1,9}-\d+|https?://\S+/(?:issues?|bugs?|browse)/[\w-]+|https?://\S*show_bug\.cgi\?id=\d+)"
_REPAIRS_KEY = re.compile(
    rf"\b(?i:fix(?:e[sd]|ing)?|resolve[sd]?|repair(?:s|ed)?)\b[ \t]*(?:(?i:bugs?|issues?|defects?|tickets?)[ \t]*)?(?:[:(\[][ \t]*)?(?:{_KEY})"
)
_KEY_FIRST = re.compile(rf"^\W*(?i:fix(?:e[sd])?|resolve[sd]?|close[sd]?)[ \t]+(?:{_KEY})[ \t]*[:,-]*[ \t]*")
_CLOSES_KEY = re.compile(rf"\b(?i:close[sd]?)\b[ \t]*(?:(?i:bugs?|issues?|tickets?)[ \t]*)?(?:[:(\[][ \t]*)?(?:{_KEY})")
_BUG_NUMBER = re.compile(r"\b(?:bug|defect|bz)[ \t]*(?:[:#-][ \t]*)?#?\d{2,}\b", re.IGNORECASE)
# In the text below the title only what says that this very commit repairs something: "this fixes a crash".
_BODY = re.compile(
    r"\b(?:fix(?:e[sd]|ing)?|repair(?:s|ed)?|prevents?|avoids?|solves?|resolves?)\b[^.\n]{0,60}\b(?:bugs?|crash(?:e[sd])?|leaks?|regressions?|deadlocks?|seg-?faults?|races?|panics?"
    r"|exceptions?|failures?|overflows?|vulnerabilit(?:y|ies)|hangs?|defects?|corruption)\b",
    re.IGNORECASE,
)
# Repairs of what no user of the program meets: its tests, its build, the words around it.
_ASIDE = re.compile(
    r"\b(?:fix(?:e[sd]|ing|up)?)\s+(?:[\w./'-]+\s+){0,3}?(?:(?:doc\w*|coverage|style|lint\w*|spelling) (?:bugs?|issues?|errors?|problems?)|(?:rule|function|method) (?:metadata|prototypes?)"
    r"|package(?:\.html|-info)|unused `?(?:use|uses|imports?|includes?|variables?|parameters?|arguments?))\b"
    r"|\bfix(?:e[sd]|ing)?\s+(?:(?:the|some|wrong|incorrect|missing|minor)\s+)*type[- ](?:annotations?|hints?)\b"
    r"|\b(?:fix(?:e[sd]|ing|up)?)\b[^.\n]{0,60}\b(?:to compile\W*(?:\(#\d+\)\W*)?$|with `?(?:cargo fmt|rustfmt|gofmt|clang-format)\b)"
    r"|\b(?:fix(?:e[sd]|ing|up)?)\b[^\n]{0,60}\bto (?:mention|document|describe|clarify)\b"
    r"|\bfix(?:e[sd]|ing)?\s+(?:\w+\s+){0,2}?(?:cs|coding standards?|phpcs|clang-tidy|(?:comparisons?|mismatch\w*) (?:between|of) signed and unsigned)\b"
    r"|\bfix(?:e[sd]|ing)?\s+['\"`]?comparison between signed and unsigned\b|\bfor clang-tidy\b|\bimprov\w+\b[^\n]{0,60}\b(?:error|exception|panic|log|warning)s? (?:message|text)s?\b"
    r"|\b(?:fix(?:e[sd]|ing|up)?|repair(?:s|ed|ing)?|broken|failing|flaky|wrong|incorrect)\s+(?:\S+\s+){0,3}?(?:unit[- ]?)?(?:tests?|testing|testcases?|test[- ]suite|specs?|builds?|compil\w+(?!-time)|warnings?|"
    r"typos?|mypy|pylint|clippy|rubocop|eslint|jslint|jshint|tslint|pyflakes|errcheck|golint|spacing|naming|names?|examples?|benchmarks?|coverage|release notes|version numbers?|merge|conflicts?|"
    r"rebase|deprecat\w+|todos?|fixmes?|docs?|documentation|docstrings?|(?:settings|api|configuration|language) references?|offen[cs]es?|line[- ]?lengths?|long lines?|amalgamat\w+)\b"
    r"|\b(?:typos?|doc(?:s|umentation)?|javadocs?|rubocop|checkstyle|eslint|clippy|pep-?8|error-?prone|style|styling|stylistic|format(?:ting)?|white ?spaces?|lint\w*|grammar|comments?|spelling|indent\w*|tests?|builds?|ci|warnings?|audit|pmd|tox|naming|changelog)"
    r"(?:\s+\w+)?\s+(?:bug)?fix(?:es|ed)?\b"
    r"|\b(?:fix(?:e[sd]|ing)?)\s+(?:[\w./'-]+\s+){0,3}?(?:pmd|tox|findbugs|sonar\w*|spotless|indent\w*|styles?|format|capitali[sz]\w+|punctuation|wording|grammatical|headline|emoji|alignment of|"
    r"help texts?|descriptions?|markup|(?:(?:error|exception|log) )?messages?|ugly|fmt errors?|includes|dates?|dependenc(?:y|ies)|gitignore|git ignore|ignoring|artifact\w*|publish\w*|packag(?:e|ing) (?:name|version)\w*|year|logo|css|layout)\b"
    r"|\b(?:docs?|documentation|sphinx)\b(?:\s+[\w.]+){0,3}\s+fix(?:es|ed)?\b"
    r"|\b(?:cargo fmt|rustfmt|gofmt|clang-format)\b|\bto (?:mention|document|describe|clarify)\b"
    r"|\bremov\w+\s+(?:an?\s+|the\s+|some\s+)?(?:unnecessary|unneeded|needless|useless|redundant|unused|superfluous|dead code)\b"
    r"|\bregression[- ]tests?\b|\btests?[-_/ ]regression\b"
    r"|\b(?:typos?|debug(?:ging)?|bug ?tracker|issue tracker|bug ?reports?)\b",
    re.IGNORECASE,
)
# The same behind a type ("fix: …"), where the repair itself is not named again.
_TYPED_ASIDE = re.compile(
    r"^\W*(?:[\w./`'-]+\s+){0,4}?(?:clippy|rustfmt|rubocop|(?:lint\w*|compiler|type[- ]check\w*|mypy|tsc|eslint|pylint) (?:warnings?|errors?|issues?|names?|complaints?)\b|(?:documentation|docs)(?: examples?)?\W*(?:\(#\d+\)\W*)?$"
    r"|wording\b)|^\W*(?:clarify|clippy|(?:(?:correct|missing|update) )?type[- ](?:annotations?|hints?))\b|\bto compile\W*(?:\(#\d+\)\W*)?$",
    re.IGNORECASE,
)
# Titles of commits that take text apart, move it or lay it out: verbs at the front, after an area; words for layout anywhere.
_REARRANGES = re.compile(
    r"^(?:[^:]{0,40}:)?\W*(?:mov(?:e[sd]?|ing)|split(?:s|ting)?|extract(?:s|ed|ing)?|separat(?:e[sd]?|ing)|break(?:s|ing)?\b.{0,40}\b(?:out|up|into)|organi[sz]\w+|consolidat\w+|renam\w+|revert\w*)\b"
    r"|^\W*(?:style|fmt)\b"
    r"|\b(?:re-?factor\w*|re-?organi[sz]\w*|re-?structur\w*|rustfmt|gofmt|clang-format|prettier|re-?format\w*|formatting|format (?:the |all |source )*(?:code|sources?|files?)|(?:code|coding) style"
    r"|lint\w*|rubocop|checkstyle|pep-?8|white ?spaces?|re-?indent\w*|indentation|clean(?:ed|ing|s)?[- ]?ups?|tid(?:y|ied|ying))\b",
    re.IGNORECASE,
)


@lru_cache(maxsize=8)
def fix_evidence(message: str) -> tuple[Evidence, ...]:
    """Words and issue keys by which the message says that its commit repairs a defect of the program; empty when it does not.

    Stricter than `is_fix`, for labels: a type in front of the title (`fix:`, `docs:`) decides alone, weak words
    ("correct", "fails") do not count, and the text below the title counts only where it names what is repaired
    ("fixes #12", "this avoids a crash"). Repairs of tests, builds, style and prose are set aside, and so are "minor fixes". A revert is a fix where it
    says why: read by eye, those that give no reason were right in 8 of 32 readings (docs/DESIGN.md).
    Source: Sliwerski et al. 2005, MSR, section 2 (keywords and bug numbers); the word lists are chosen, docs/labels.md holds what they are worth.
    """
    lines = message[:4000].splitlines()
    first = next((place for place, line in enumerate(lines) if line.strip()), 0)
    head, body = (lines[first] if lines else ""), lines[first + 1 :]
    if REVERT.match(head):
        return (Evidence("message", first + 1, head.strip()[:80]),) if _says_why("\n".join(lines[first:])) else ()
    if _PROSE.search(head) or _TESTS.match(head) or _is_typed(head, _OTHER_TYPES):
        return ()
    kind = _TYPE.match(head)
    typed = kind is not None and kind[1].lower() in _FIX_TYPES
    rest = head[kind.end() :] if kind and typed else head
    if _set_aside(rest, head) or (typed and _TYPED_ASIDE.search(rest) and not _STRONG.search(rest)):
        return ()
    if kind and typed:
        return (Evidence("message", first + 1, kind[0].strip()), *_found(first + 1, rest))
    found = () if _BARE.match(head) else _found(first + 1, head)
    found += tuple(
        Evidence("message", first + 2 + place, match[0])
        for place, line in enumerate(body)
        if not TRAILER.match(line)
        for pattern in (_REPAIRS_KEY, _BODY, *((_CLOSES_KEY,) if found else ()))
        for match in pattern.finditer(HARMLESS.sub(" ", _ASIDE.sub(" ", line)))
    )
    if _REQUEST.match(_KEY_FIRST.sub("", head)) and not _STRONG.search(_REPAIRS_KEY.sub(" ", HARMLESS.sub(" ", _ASIDE.sub(" ", head)))):
        return ()
    return found


def rearranges(message: str) -> bool:
    """Whether the title says that the commit moved, split, renamed or laid out what was there, or put it back: the faults of its lines are likely older."""
    return bool(_REARRANGES.search(title(message)))


def _says_why(message: str) -> bool:
    """Whether a revert says more than what it reverts: a repair, a key, what went wrong."""
    said = _OPTION.sub(" ", _REPEATED.sub(" ", message))
    return any(pattern.search(said) for pattern in (_STRONG, _REPAIRS_KEY, _WHY))


def _is_typed(head: str, types: Set[str]) -> bool:
    """Whether the type in front of a title, or its scope, is one of these."""
    kind = _TYPE.match(head)
    return kind is not None and not types.isdisjoint((kind[1].lower(), (kind[2] or "").lower()))


def _found(number: int, text: str) -> tuple[Evidence, ...]:
    clean = HARMLESS.sub(" ", _ASIDE.sub(" ", _OPTION.sub(" ", text)))
    return tuple(Evidence("message", number, match[0]) for pattern in (_STRONG, _REPAIRS_KEY, _BUG_NUMBER) for match in pattern.finditer(clean))


def _set_aside(text: str, whole: str) -> bool:
    """Whether the words of a repair in this title are all about tests, builds, style or prose; the key that it names aside."""
    return bool(_ASIDE.search(whole) or HARMLESS.search(whole)) and not _STRONG.search(_REPAIRS_KEY.sub(" ", HARMLESS.sub(" ", _ASIDE.sub(" ", text))))
