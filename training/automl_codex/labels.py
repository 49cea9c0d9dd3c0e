"""From evidence to label: the verdicts of an oracle, and the table that says which of the 18 categories a failure is.

The table holds what the compiler's codes mean (rustc 1.95; the row names its version) and what a run showed. What several codes say is decided by the
first in the order of the source. A category that no such evidence can show – security, integration, most of concurrency and resources – is never given here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

from automl_codex.types import BUGGY, CORRECT
from codex_gate.taxonomy import DefectCategory

_C = DefectCategory
HIGH, MEDIUM, LOW = "high", "medium", "low"
UNKNOWN = "unknown"


class Verdict(StrEnum):
    """What stage 4 says of a pair; the set is closed."""

    PASS = "pass"
    PASS_FORMAT = "pass_format"
    BOTH_FAIL = "both_fail"
    IO_MISMATCH = "io_mismatch"
    LOST_RESULT = "lost_result"
    MISSING_EXCEPTION = "missing_exception"
    OVERFLOW_PANIC = "overflow_panic"
    INDEX_PANIC = "index_panic"
    UNWRAP_PANIC = "unwrap_panic"
    OTHER_PANIC = "other_panic"
    CRASH = "crash"
    TIMEOUT = "timeout"
    COMPILE_ERROR = "compile_error"
    TRANSPILE_CRASH = "transpile_crash"
    STRUCTURE_MISMATCH = "structure_mismatch"
    FLOW_MISMATCH = "flow_mismatch"
    NOT_CALLABLE = "not_callable"
    NEEDS_CRATE = "needs_crate"
    NOT_COMPARABLE = "not_comparable"
    UNSTABLE = "unstable"


PASSES = (Verdict.PASS, Verdict.PASS_FORMAT, Verdict.BOTH_FAIL)
SILENT = (Verdict.NOT_COMPARABLE, Verdict.NEEDS_CRATE, Verdict.NOT_CALLABLE, Verdict.UNSTABLE, Verdict.STRUCTURE_MISMATCH, Verdict.FLOW_MISMATCH)


def fails(verdict: Verdict) -> bool:
    """Whether it says that the Rust does not do what the Python does."""
    return verdict not in PASSES and verdict not in SILENT


class Label(NamedTuple):
    """A category with who says so and how sure that is; no category where the evidence does not tell."""

    category: DefectCategory | None
    source: str
    confidence: str


# -- the compiler --------------------------------------------------------------------------------------

_CODES: dict[str, tuple[DefectCategory, str]] = {
    **dict.fromkeys(["E0382", "E0499", "E0502", "E0503", "E0505", "E0506", "E0507", "E0594", "E0596", "E0597", "E0515", "E0716", "E0373", "E0621"], (_C.OwnershipBorrow, HIGH)),
    **dict.fromkeys(["E0106", "E0384"], (_C.OwnershipBorrow, MEDIUM)),
    **dict.fromkeys(["E0308", "E0271", "E0604", "E0605", "E0606", "E0607"], (_C.TypeErrors, HIGH)),
    **dict.fromkeys(["E0061", "E0369", "E0368", "E0600", "E0608", "E0614", "E0689", "E0618"], (_C.TypeErrors, MEDIUM)),
    **dict.fromkeys(["E0282", "E0283", "E0121"], (_C.TypeAnnotationGaps, HIGH)),
    **dict.fromkeys(["E0277", "E0038", "E0310", "E0204", "E0117"], (_C.TraitBounds, MEDIUM)),
    **dict.fromkeys(["E0433", "E0432"], (_C.StdlibMapping, MEDIUM)),
    **dict.fromkeys(["E0026", "E0027", "E0028", "E0029", "E0067", "E0070", "E0124", "E0434", "E0435", "E0015", "E0423", "E0424", "E0425", "E0428", "E0573", "E0574", "E0627", "E0628"], (_C.ASTTransform, MEDIUM)),
    **dict.fromkeys(["E0599", "E0609", "E0610", "E0615", "E0616"], (_C.ASTTransform, LOW)),
    "E0133": (_C.MemorySafety, MEDIUM),
    "E0658": (_C.ASTTransform, MEDIUM),
    "": (_C.ASTTransform, HIGH),
}  # fmt: skip
_MESSAGES: Sequence[tuple[str, str, DefectCategory, str]] = (
    ("E0277", r"cannot (multiply|add|subtract|divide|calculate|compare)|can't compare|cannot be indexed by|no implementation for `.* (%|[-+*/&|^]|<<|>>)", _C.TypeErrors, HIGH),
    ("E0277", r"is not an iterator|made by summing|cannot be built from|built from an iterator|over elements of type", _C.IteratorChain, MEDIUM),
    ("E0277", r"cannot be sent between threads|cannot be shared between threads", _C.ConcurrencyBugs, MEDIUM),
    ("E0277", r"the `\?` operator", _C.ASTTransform, MEDIUM),
    ("E0425", r"cannot find type `(HashMap|HashSet|BTreeMap|VecDeque|Rc|Arc|Counter|defaultdict|deque)`", _C.StdlibMapping, MEDIUM),
    ("E0425", r"cannot find type", _C.TypeAnnotationGaps, MEDIUM),
    ("E0412", r"", _C.TypeAnnotationGaps, MEDIUM),
    ("E0425", r"cannot find function `(abs|all|any|bin|chr|divmod|enumerate|filter|float|hex|int|iter|len|list|map|max|min|next|oct|ord|pow|print|range|repr|reversed|round|set|sorted|str|sum|tuple|type|zip|dict|frozenset|hash|isinstance|callable|getattr|hasattr|bool)`", _C.StdlibMapping, MEDIUM),
    ("E0425", r"cannot find value `(math|itertools|functools|collections|re|string|heapq|bisect|operator)`", _C.StdlibMapping, MEDIUM),
    ("E0433", r"", _C.StdlibMapping, MEDIUM),
    ("E0608", r"iter::|Iter<|Range<|Map<|Filter<|Zip<|Enumerate<", _C.IteratorChain, MEDIUM),
    ("E0599", r"is not an iterator|for (struct|opaque type|enum) `(std::(iter|ops|slice|vec|str|collections)::)?[\w:]*(Range|Iter|IntoIter|Map|Filter|Zip|Enumerate|Rev|Chars|Keys|Values)\b", _C.IteratorChain, MEDIUM),
    ("E0599", r"no method named `(append|extend|insert|pop|remove|index|count|sort|copy|items|keys|values|get|setdefault|update|add|discard|union|intersection|difference|join|split|rsplit|partition|rpartition|zfill|ljust|rjust|center|title|swapcase|casefold|splitlines|isdigit|isalpha|isupper|islower|isspace|isalnum|encode|format|startswith|endswith|find|rfind|strip|lstrip|rstrip|upper|lower|replace|capitalize|bit_length|is_integer|as_integer_ratio|conjugate)`", _C.StdlibMapping, MEDIUM),
)  # fmt: skip
_COMPILED = [(code, re.compile(pattern), category, confidence) for code, pattern, category, confidence in _MESSAGES]
_CHAIN = re.compile(r"\.(?:map|filter)\(\|")
NEEDS_CRATE = re.compile(r"can't find crate for `(?!std\b)")


def of_compile_error(codes: Sequence[str], message: str, line: str, column: int) -> Label:
    """The category of a compile error, by the first code, its message and the place in the Rust line that it points at.

    What lies in a chain that py2many writes for a comprehension is ComprehensionBugs in place of ASTTransform.
    """
    code = codes[0] if codes else ""
    found = next(((category, sure) for its, pattern, category, sure in _COMPILED if its == code and pattern.search(message)), _CODES.get(code))
    if found is None:
        return Label(None, "rustc", LOW)
    category, confidence = found
    if category == _C.ASTTransform and in_comprehension(line, column):
        return Label(_C.ComprehensionBugs, "rustc", MEDIUM)
    return Label(category, "rustc", confidence)


def in_comprehension(line: str, column: int) -> bool:
    """Whether a column lies within the closure of a `.map(|x| …)` or `.filter(|x| …)` that ends in a `collect`."""
    for chain in _CHAIN.finditer(line):
        depth, end = 1, chain.start() + line[chain.start() :].index("(") + 1
        while end < len(line) and depth:
            depth += {"(": 1, ")": -1}.get(line[end], 0)
            end += 1
        if chain.end() <= column < end and "collect" in line[end:]:
            return True
    return False


# -- runs ----------------------------------------------------------------------------------------------

_RUNS: dict[Verdict, tuple[DefectCategory | None, str]] = {
    Verdict.LOST_RESULT: (_C.ASTTransform, MEDIUM),
    Verdict.MISSING_EXCEPTION: (None, LOW),
    Verdict.OVERFLOW_PANIC: (_C.TypeErrors, MEDIUM),
    Verdict.INDEX_PANIC: (_C.LogicErrors, MEDIUM),
    Verdict.UNWRAP_PANIC: (_C.ApiMisuse, LOW),
    Verdict.OTHER_PANIC: (None, LOW),
    Verdict.TIMEOUT: (_C.PerformanceIssues, LOW),
    Verdict.PASS_FORMAT: (_C.StdlibMapping, MEDIUM),
}
_SIGSEGV, _SIGBUS = "?signal 11", "?signal 7"


def of_run(verdict: Verdict, python_source: str, rust_outcome: str, differing: Sequence[str]) -> Label:
    """The category of what a run showed.

    Args:
        differing: what the structure oracle finds missing or added, which can explain a different result.
    """
    if verdict == Verdict.CRASH:
        memory = rust_outcome in (_SIGSEGV, _SIGBUS)
        return Label(_C.MemorySafety if memory else None, "runtime", HIGH if memory else LOW)
    if verdict == Verdict.INDEX_PANIC and _NEGATIVE_INDEX.search(python_source):
        return Label(_C.ASTTransform, "runtime", MEDIUM)
    if verdict == Verdict.IO_MISMATCH:
        return _of_mismatch(differing)
    category, confidence = _RUNS[verdict]
    return Label(category, "runtime", confidence)


_NEGATIVE_INDEX = re.compile(r"\[\s*-\s*[\w(]")
_RESHAPED = ("comparisons", "loops", "conditions", "functions")


def _of_mismatch(differing: Sequence[str]) -> Label:
    """Why results differ, as far as the shapes tell: a construct that the translation lost is ASTTransform, and nobody can tell the rest apart from wrong logic."""
    if any(difference.startswith(_RESHAPED) for difference in differing):
        return Label(_C.ASTTransform, "runtime", MEDIUM)
    return Label(_C.LogicErrors, "runtime", LOW)


# -- the tuple -----------------------------------------------------------------------------------------


def defect(verdict: Verdict, lineage: str) -> str:
    """`correct`, `buggy` or `unknown`, from the verdict on the pair and what stage 2 knows of its Python.

    A pair that passes is as right as its Python; one that nobody could compare, or whose only witness is its shape, is unknown.
    """
    if verdict in SILENT:
        return UNKNOWN
    if verdict in (Verdict.PASS, Verdict.BOTH_FAIL):
        return lineage if lineage in (CORRECT, BUGGY) else UNKNOWN
    return BUGGY
