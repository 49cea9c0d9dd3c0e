"""The 18 categories of defects: what each is, what it is not, where it can occur, and how bad it tends to be. The list is closed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple


class DefectCategory(StrEnum):
    """The categories in the order of the specification, §3.2; the value is the name."""

    ASTTransform = "ASTTransform"
    OwnershipBorrow = "OwnershipBorrow"
    StdlibMapping = "StdlibMapping"
    TypeErrors = "TypeErrors"
    ConcurrencyBugs = "ConcurrencyBugs"
    SecurityVulnerabilities = "SecurityVulnerabilities"
    MemorySafety = "MemorySafety"
    ComprehensionBugs = "ComprehensionBugs"
    TraitBounds = "TraitBounds"
    OperatorPrecedence = "OperatorPrecedence"
    TypeAnnotationGaps = "TypeAnnotationGaps"
    IteratorChain = "IteratorChain"
    ConfigurationErrors = "ConfigurationErrors"
    IntegrationFailures = "IntegrationFailures"
    PerformanceIssues = "PerformanceIssues"
    ApiMisuse = "ApiMisuse"
    ResourceLeaks = "ResourceLeaks"
    LogicErrors = "LogicErrors"


NONE = "none"
UNCLASSIFIED = "unclassified"  # what is said where no category is
KINDS = (*(category.value for category in DefectCategory), NONE)
"""What a change is about, one of 19: a defect of a category, brought or repaired, or none."""


@dataclass(frozen=True, slots=True)
class Definition:
    """Two sentences: `is_a` says what it is, `is_not` how it differs from its neighbour.

    `languages` are names as `paths.language` gives them, None for any. `prior` is the share of defects
    that the specification states, as (low, high) in [0, 1]; None where it states none.
    """

    is_a: str
    is_not: str
    languages: frozenset[str] | None = None
    prior: tuple[float, float] | None = None

    @property
    def text(self) -> str:
        return f"{self.is_a} {self.is_not}"


def _languages(names: str) -> frozenset[str]:
    return frozenset(names.split())


# Comment shares of the specification, §3.2 (about transpilers, mostly of one group's own projects).
# UNVERIFIED: they disagree with its own table in §6.1. Kept for reference; nothing is scored with them.
_D = DefectCategory
DEFINITIONS: Mapping[DefectCategory, Definition] = MappingProxyType({
    _D.ASTTransform: Definition(
        "A program that reads or writes programs (compiler, transpiler, macro, parser, code generator) builds, rewrites or emits the wrong tree or text.",
        "When only the name of a library call is translated wrongly it is StdlibMapping, and a wrong comprehension or chain has its own category.",
        None, (0.40, 0.62)),
    _D.OwnershipBorrow: Definition(
        "A value is moved, borrowed, mutated or kept alive in a way that Rust's ownership rules forbid, or is cloned or shared to get around them.",
        "The compiler refuses it or a RefCell panics, so no memory is harmed; with `unsafe` it is MemorySafety.",
        _languages("rust"), (0.15, 0.20)),
    _D.StdlibMapping: Definition(
        "A call into one language's or platform's standard library is translated to, or stood in for by, one that is missing or behaves differently elsewhere.",
        "A wrong use of a library in its own language is ApiMisuse.",
        None, (0.05, 0.21)),
    _D.TypeErrors: Definition(
        "A value has another type than the code expects: a bad cast, a narrowed number, text for bytes, null or None where an object should be.",
        "When the value is right and only its declaration is missing or too wide it is TypeAnnotationGaps.",
        None, (0.02, 0.03)),
    _D.ConcurrencyBugs: Definition(
        "The outcome depends on timing: races, deadlocks, lost wake-ups, a missing await, state shared between threads, tasks or processes.",
        "Slow locks that give right results are PerformanceIssues, and threads or tasks that never end are ResourceLeaks.",
        None, (0.01, 0.05)),
    _D.SecurityVulnerabilities: Definition(
        "Somebody who should not can read, change, run or stop something: injection, broken authentication, weak cryptography, unchecked certificates, secrets in code.",
        "An invalid memory access is MemorySafety unless the message speaks of an attack.",
        None, (0.122, 0.122)),
    _D.MemorySafety: Definition(
        "Memory is read or written outside its bounds, before it is set up or after it is freed, or through a bad pointer.",
        "Memory that is merely never given back is ResourceLeaks, and an index error in a checked language is LogicErrors.",
        _languages("c cpp objc zig rust fortran"), (0.101, 0.101)),
    _D.ComprehensionBugs: Definition(
        "A list, set, dictionary or generator comprehension has the wrong nesting, filter, scope or element.",
        "A chain of method calls over a sequence is IteratorChain.",
        _languages("python haskell julia elixir erlang scala"), (0.051, 0.051)),
    _D.TraitBounds: Definition(
        "A generic type or function asks its type parameters for too little, too much or the wrong traits: where clauses, `impl Trait`, auto traits, derives.",
        "A plain mismatch of two concrete types is TypeErrors.",
        _languages("rust"), (0.01, 0.02)),
    _D.OperatorPrecedence: Definition(
        "An expression groups otherwise than it was meant, because operators bind tighter or looser than the author thought or parentheses are missing.",
        "When the operator itself is the wrong one it is LogicErrors.",
    ),
    _D.TypeAnnotationGaps: Definition(
        "Types are not declared, cannot be inferred, are too wide (any) or silenced, so that the checker no longer sees a mistake.",
        "A mismatch that occurs at run time is TypeErrors.",
        _languages("python typescript javascript php ruby dart julia elixir java groovy lua rust"),
    ),
    _D.IteratorChain: Definition(
        "A pipeline over a sequence (iterator adapters, streams, generators) drops, repeats, reorders or consumes elements wrongly.",
        "The bracketed form is ComprehensionBugs, and a plain loop with a wrong bound is LogicErrors.",
        _languages("rust java kotlin scala groovy csharp javascript typescript python ruby swift dart php cpp elixir clojure haskell julia ocaml go"),
    ),
    _D.ConfigurationErrors: Definition(
        "A setting, default, environment variable, build script or pipeline definition is missing, wrong or read wrongly.",
        "When two parts are each set up well but do not fit each other it is IntegrationFailures.",
    ),
    _D.IntegrationFailures: Definition(
        "Two parts that work alone do not work together: services, protocols, schemas, migrations, versions of dependencies.",
        "A wrong call of one function of a library is ApiMisuse.",
    ),
    _D.PerformanceIssues: Definition(
        "The result is right but takes too much time or memory: quadratic loops, queries in loops, missing or useless caches, needless work.",
        "Memory or handles that grow without end are ResourceLeaks.",
    ),
    _D.ApiMisuse: Definition(
        "A function or class is used against its contract: wrong or swapped arguments, deprecated calls, ignored results and errors, wrong order of calls.",
        "When the thing not done is giving a resource back it is ResourceLeaks.",
    ),
    _D.ResourceLeaks: Definition(
        "Something that was taken is not given back on every path: files, sockets, connections, memory, listeners, temporary files.",
        "Using it after it was given back is MemorySafety or ApiMisuse.",
    ),
    _D.LogicErrors: Definition(
        "The code computes something else than was meant: wrong condition, boundary, operator, constant, order or case left out.",
        "It is the last resort: a defect that fits a more specific category belongs there.",
    ),
})  # fmt: skip


@lru_cache(maxsize=4096)
def possible(languages: frozenset[str]) -> tuple[bool, ...]:
    """Which of KINDS can occur in program text of these languages; of none, those of any language."""
    return (*(applies(category, languages) for category in DefectCategory), True)


def applies(category: DefectCategory, languages: set[str] | frozenset[str]) -> bool:
    """Whether a change that touches program text in these languages can bring a defect of this category.

    Categories of any language apply to every change, also to one without program text.
    """
    wanted = DEFINITIONS[category].languages
    return wanted is None or not wanted.isdisjoint(languages)


class Severity(StrEnum):
    """How much harm a defect does where nothing more is known about it than its category; ordered."""

    LOW = "low"
    MODERATE = "moderate"
    HIGH = "high"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        return list(Severity).index(self)


class Harm(NamedTuple):
    """The severity of a category and the reason for it, a sentence."""

    severity: Severity
    why: str


# Chosen by two questions, which the specification does not ask: what is lost, and who notices first. Critical: harm to others that no fix takes back. High: wrong
# data or an outage that hangs on timing, load or surroundings, so that tests seldom show it. Moderate: the same at every run, so that a test can show it and
# whoever meets it can tell of it. Low: a tool speaks before the program runs, or nothing fails yet. They are typical cases: a team that knows better goes by its own knowledge.
HARMS: Mapping[DefectCategory, Harm] = MappingProxyType({
    _D.ASTTransform: Harm(Severity.HIGH, "One fault is copied into every program that the tool writes, and is looked for there."),
    _D.OwnershipBorrow: Harm(Severity.LOW, "The compiler refuses nearly all of it before anything runs."),
    _D.StdlibMapping: Harm(Severity.MODERATE, "It differs at every run, but often in cases that nobody tries on the other side."),
    _D.TypeErrors: Harm(Severity.MODERATE, "The program stops where it meets the value, and says where."),
    _D.ConcurrencyBugs: Harm(Severity.HIGH, "It shows at some timings alone, so tests pass, data is lost, and nobody can repeat it."),
    _D.SecurityVulnerabilities: Harm(Severity.CRITICAL, "Somebody can bring it about on purpose, and what was read or run cannot be taken back."),
    _D.MemorySafety: Harm(Severity.CRITICAL, "It corrupts data far from the fault, and is a way in for attackers (CWE-787, out-of-bounds write, heads MITRE's Top 25 of 2023)."),
    _D.ComprehensionBugs: Harm(Severity.MODERATE, "The wrong elements come out at every run, and one test with the right input shows it."),
    _D.TraitBounds: Harm(Severity.LOW, "The compiler refuses it, at the latest in the code of whoever uses the type."),
    _D.OperatorPrecedence: Harm(Severity.MODERATE, "The value is wrong at every run that reaches the expression."),
    _D.TypeAnnotationGaps: Harm(Severity.LOW, "Nothing fails yet; the checker sees less than it could."),
    _D.IteratorChain: Harm(Severity.MODERATE, "Elements are lost or repeated at every run, and one test with the right input shows it."),
    _D.ConfigurationErrors: Harm(Severity.MODERATE, "Most of it shows at the first build or start in the place that is set up wrongly."),
    _D.IntegrationFailures: Harm(Severity.HIGH, "Each part passes its own tests; it shows when they meet, in production at the latest."),
    _D.PerformanceIssues: Harm(Severity.MODERATE, "The result is right, and late; it grows with the data, but can be measured."),
    _D.ApiMisuse: Harm(Severity.MODERATE, "It goes wrong at every run that depends on the part of the contract that was broken."),
    _D.ResourceLeaks: Harm(Severity.HIGH, "The process dies hours later, somewhere else, under load."),
    _D.LogicErrors: Harm(Severity.MODERATE, "The result is wrong at every such input, from a cosmetic fault to a grave one."),
})  # fmt: skip
