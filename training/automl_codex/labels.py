"""From evidence to label: the verdicts of an oracle, and the tables that say which of the 18 categories a failure is.

They hold what the compiler's codes mean (rustc 1.95; the row names its version), what a run showed, and what a mutation operator plants. What several codes say is decided by the
first in the order of the source. A label is worked out from what a row stores, so it can be worked out again: `VERSION` tells which rules gave it. Where code and evidence
fit two categories, or none, there is none. A category that no such evidence can show – security, integration, most of concurrency and resources – is never given here.

The rules were chosen on a first blind reading of 240 rows (docs/corpus-audit.md); a second, of other rows, judges them.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Final, NamedTuple

from automl_codex import mutate, oracle_io
from automl_codex.types import BUGGY, CORRECT
from codex_gate.taxonomy import DefectCategory

_C = DefectCategory
HIGH, MEDIUM, LOW = "high", "medium", "low"
UNKNOWN = "unknown"
VERSION: Final = hashlib.sha256(b"".join(Path(str(module)).read_bytes() for module in (__file__, mutate.__file__))).hexdigest()[:16]


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
    **dict.fromkeys(["E0369", "E0368", "E0600", "E0608", "E0614", "E0689"], (_C.TypeErrors, MEDIUM)),
    **dict.fromkeys(["E0282", "E0283", "E0121"], (_C.TypeAnnotationGaps, HIGH)),
    **dict.fromkeys(["E0038", "E0310", "E0204", "E0117"], (_C.TraitBounds, MEDIUM)),
    **dict.fromkeys(["E0433", "E0432"], (_C.StdlibMapping, MEDIUM)),
    **dict.fromkeys(["E0026", "E0027", "E0028", "E0029", "E0067", "E0070", "E0124", "E0434", "E0435", "E0015", "E0412", "E0423", "E0424", "E0425", "E0428", "E0573", "E0574", "E0618", "E0627", "E0628"], (_C.ASTTransform, MEDIUM)),
    **dict.fromkeys(["E0599", "E0609", "E0610", "E0615", "E0616"], (_C.ASTTransform, LOW)),
    "E0133": (_C.MemorySafety, MEDIUM),
    "E0658": (_C.ASTTransform, MEDIUM),
    "": (_C.ASTTransform, HIGH),
}  # fmt: skip
_FUNCTIONS = "abs|all|any|bin|chr|divmod|enumerate|filter|float|hex|int|iter|len|list|map|max|min|next|oct|ord|pow|print|range|repr|reversed|round|set|sorted|str|sum|tuple|type|zip|dict|frozenset|hash|isinstance|callable|getattr|hasattr|bool"
_METHODS = "append|extend|insert|pop|remove|index|count|sort|copy|items|keys|values|get|setdefault|update|add|discard|union|intersection|difference|join|split|rsplit|partition|rpartition|zfill|ljust|rjust|center|title|swapcase|casefold|splitlines|isdigit|isalpha|isupper|islower|isspace|isalnum|encode|format|startswith|endswith|find|rfind|strip|lstrip|rstrip|upper|lower|replace|capitalize|bit_length|is_integer|as_integer_ratio|conjugate"
_MESSAGES: Sequence[tuple[str, str, DefectCategory, str]] = (
    ("E0277", r"cannot (multiply|add|subtract|divide|calculate|compare)|can't compare|cannot be indexed by|no implementation for `.* (%|[-+*/&|^]|<<|>>)", _C.TypeErrors, HIGH),
    ("E0277", r"is not an iterator|made by summing|cannot be built from|built from an iterator|over elements of type", _C.IteratorChain, MEDIUM),
    ("E0277", r"cannot be sent between threads|cannot be shared between threads", _C.ConcurrencyBugs, MEDIUM),
    ("E0277", r"the `\?` operator", _C.ASTTransform, MEDIUM),
    ("E0277", r"the trait bound `&?[A-Z]\d?: ", _C.TraitBounds, MEDIUM),  # a type parameter is asked for too little
    ("E0277", r"the trait bound `", _C.TypeErrors, MEDIUM),  # a value of a concrete type stands where another was asked for
    ("E0425", rf"cannot find function `({_FUNCTIONS})`", _C.StdlibMapping, MEDIUM),
    ("E0425", r"cannot find value `(math|itertools|functools|collections|re|string|heapq|bisect|operator)`", _C.StdlibMapping, MEDIUM),
    ("E0433", r"undeclared type", _C.ASTTransform, MEDIUM),  # a name that nobody declares, as E0425 has it: the call is the right one
    ("E0608", r"iter::|Iter<|Range<|Map<|Filter<|Zip<|Enumerate<", _C.IteratorChain, MEDIUM),
    ("E0608", r"of type `&?\(", _C.TypeErrors, LOW),  # a tuple with Python's brackets: as much a construct that was not translated
    ("E0599", rf"no method named `({_METHODS}|contains)`", _C.StdlibMapping, MEDIUM),
    ("E0599", r"is not an iterator|for (struct|opaque type|enum) `(std::(iter|ops|slice|vec|str|collections)::)?[\w:]*(Range|Iter|IntoIter|Map|Filter|Zip|Enumerate|Rev|Chars|Keys|Values)\b", _C.IteratorChain, MEDIUM),
)  # fmt: skip
_COMPILED = [(code, re.compile(pattern), category, confidence) for code, pattern, category, confidence in _MESSAGES]
_OF_PYTHON = frozenset(f"{_FUNCTIONS}|{_METHODS}".split("|"))
_NAME = re.compile(r"\w*")
NEEDS_CRATE = re.compile(r"can't find crate for `(?!std\b)")


def of_compile_error(codes: Sequence[str], message: str, line: str, column: int) -> Label:
    """The category of a compile error, by the first code, its message and the place in the Rust line that it points at.

    A function of Python's library that Rust has under the same name with other arguments, or for iterators alone, is a call translated wrongly.
    """
    code = codes[0] if codes else ""
    called = _NAME.match(line, column)
    of_python = called is not None and called[0] in _OF_PYTHON
    if code == "E0061" or (code == "E0599" and message.endswith("is not an iterator") and of_python):
        return Label(_C.StdlibMapping, "rustc", MEDIUM) if of_python else Label(None, "rustc", LOW)
    found = next(((category, sure) for its, pattern, category, sure in _COMPILED if its == code and pattern.search(message)), _CODES.get(code))
    category, confidence = found or (None, LOW)
    return Label(category, "rustc", confidence)


# -- runs ----------------------------------------------------------------------------------------------

_RUNS: dict[Verdict, tuple[DefectCategory | None, str]] = {
    Verdict.IO_MISMATCH: (None, LOW),
    Verdict.LOST_RESULT: (_C.ASTTransform, MEDIUM),
    Verdict.MISSING_EXCEPTION: (None, LOW),
    Verdict.OVERFLOW_PANIC: (_C.TypeErrors, MEDIUM),
    Verdict.INDEX_PANIC: (_C.LogicErrors, MEDIUM),
    Verdict.UNWRAP_PANIC: (_C.ApiMisuse, LOW),
    Verdict.OTHER_PANIC: (None, LOW),
    Verdict.TIMEOUT: (None, LOW),  # too slow or without end: the clock does not tell
}
_GAPS: dict[str, DefectCategory] = {  # what is wrong in the Rust, by the name of the gap in `gaps.GAPS`
    "division": _C.LogicErrors,  # the wrong operator
    "chain": _C.ASTTransform,  # a construct cut short
    "grouping": _C.OperatorPrecedence,
    "loop_else": _C.ASTTransform,
    "narrowed": _C.TypeErrors,
}
_SIGSEGV, _SIGBUS = "?signal 11", "?signal 7"
_NEGATIVE_INDEX = re.compile(r"(?<=[\w)\]])\[\s*-\s*[\w(]")


def of_run(verdict: Verdict, python_source: str, told: oracle_io.Told) -> Label:
    """The category of what a run showed: of the gap of the transpiler that alone explains it, where there is one.

    Without one, or where several gaps would each explain it, results that differ have no category: what is wrong between two sides that differ in several places cannot be read off them.
    """
    if verdict == Verdict.CRASH:
        memory = told.rust in (_SIGSEGV, _SIGBUS)
        return Label(_C.MemorySafety if memory else None, "runtime", HIGH if memory else LOW)
    if verdict == Verdict.PASS_FORMAT:
        return Label(_of_form(told), "runtime", MEDIUM)
    if len(told.causes) == 1:
        return Label(_GAPS[told.causes[0]], "runtime", MEDIUM)
    if verdict == Verdict.INDEX_PANIC and _NEGATIVE_INDEX.search(python_source):
        return Label(_C.ASTTransform, "runtime", MEDIUM)
    category, confidence = _RUNS[verdict]
    return Label(category, "runtime", confidence)


def _of_form(told: oracle_io.Told) -> DefectCategory | None:
    """Another type for the same value is TypeErrors, another text of it a formatting function of the library; the last digit of a float nobody's fault."""
    try:
        wanted, found = oracle_io.kinds(oracle_io.value(told.python)), oracle_io.kinds(oracle_io.value(told.rust[1:]))
    except (ValueError, SyntaxError):
        return None  # shortened
    return _C.TypeErrors if wanted != found else _C.StdlibMapping if "str" in wanted else None


# -- the tuple -----------------------------------------------------------------------------------------


def defect(verdict: Verdict, lineage: str, untried: str = "") -> str:
    """`correct`, `buggy` or `unknown`, from the verdict on the pair and what stage 2 knows of its Python.

    A pair that passes is as right as its Python; one that nobody could compare, or whose only witness is its shape, is unknown, and so is one that passes while a gap of the
    transpiler lies in it that shows on an `untried` input: the same text would be buggy if that input had been among those it was run on.
    """
    if verdict in SILENT or (untried and verdict == Verdict.PASS and lineage == CORRECT):
        return UNKNOWN
    if verdict in (Verdict.PASS, Verdict.BOTH_FAIL):
        return lineage if lineage in (CORRECT, BUGGY) else UNKNOWN
    return BUGGY
