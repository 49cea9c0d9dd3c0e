"""Which kind of defect a change is about: by models that share one output space, the rules where they are not sure, nothing where neither speaks.

    tier 1   the rules and the linear model (`linear.py`), of message, lines, paths and sizes; silent where no rule and no word of repair speaks; no library is needed
    tier 2   the student (`student.py`), which reads the change as a text with its message
    tier 3   all of them, weighted

Each member gives P(kind) over the 18 categories and none; a member that has nothing to say, or cannot run, is left out and the weights of the others are
made one again. Of a change without program text, which no model learned from, the rules alone speak, and only where its message says that it repairs
something or is not known yet. A category is said strictly above the tier's threshold, which was chosen on validation data; below it the rules alone may speak, from LOUD on.
The evidence names the words and lines that speak for it. Source: specification, §6.3 and §7.1.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import nlargest
from importlib.util import find_spec
from itertools import count
from operator import mul
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from codex_gate import paths, rules, taxonomy, terms
from codex_gate.diffs import first_line
from codex_gate.errors import ConfigError
from codex_gate.messages import is_fix
from codex_gate.model import STUDENT_MANIFEST, default_directory
from codex_gate.taxonomy import KINDS, NONE
from codex_gate.types import Classification, Commit, Evidence, Notice

if TYPE_CHECKING:
    from codex_gate.linear import Linear
    from codex_gate.rule_table import Rule
    from codex_gate.student import Answer
    from codex_gate.text import HunkText

LOUD: Final = 0.6  # confidence of the rules from which they speak alone (chosen)
RUNNER_UP: Final = 0.1  # P(kind) from which a second category is named beside one that is said: most repairs have a second one that can be defended (chosen)
MAX_EVIDENCE: Final = 5
MAX_WORDS: Final = 2  # of the terms that speak most for a category
MAX_SHOWN: Final = 80  # characters of a line in the evidence
RULES, LINEAR, STUDENT = "rules", "linear", "student"
TIERS: Final[Mapping[int, tuple[str, ...]]] = {1: (RULES, LINEAR), 2: (STUDENT,), 3: (RULES, LINEAR, STUDENT)}
WEIGHTS: Final[Mapping[str, float]] = {RULES: 0.3, LINEAR: 0.3, STUDENT: 0.4}  # where a directory gives none (specification, §7.1)
_NONE: Final = KINDS.index(NONE)

_Fired = Sequence[tuple["Rule", Evidence]]
Shares = Sequence[float]


class Weighed(NamedTuple):
    """The categories that are said of a change, best first, and the likeliest one, however unsure: None where no model answered, or where nobody says that it repairs."""

    said: tuple[Classification, ...] = ()
    likeliest: str | None = None


class Answering(Protocol):
    """Who answers on texts; `Student` does."""

    def answer(self, hunks: Sequence[HunkText], message: str | None = None) -> list[Answer]: ...


@dataclass(frozen=True, slots=True)
class HybridClassifier:
    """Rules alone, or members of one output space above a threshold with the rules below.

    Attributes:
        linear, student: None where there is none. tier: whose members decide. weights: of the members by name, of those that answer made one.
        threshold: confidence in [0, 1] that must be exceeded; `alone` is that of the student by itself. missing: why a tier that was asked for, or a model that is there, is not used.
    Raises:
        ConfigError: a threshold outside [0, 1], or a tier that is none.
    """

    linear: Linear | None = None
    student: Answering | None = None
    tier: int = 1
    weights: Mapping[str, float] = field(default_factory=lambda: dict(WEIGHTS))
    threshold: float = 1.0
    missing: str = ""
    alone: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.threshold <= 1:
            raise ConfigError(f"the threshold of a hybrid classifier must be in [0, 1], got {self.threshold}")
        if self.tier not in TIERS:
            raise ConfigError(f"tier must be one of {', '.join(map(str, TIERS))}, got {self.tier}")

    @classmethod
    def of(cls, directory: Path, tier: int | None = None) -> HybridClassifier:
        """The models of a directory at a tier, the highest that can run for None; a tier that cannot run falls to the next below, and `missing` says why.

        A directory that holds neither (a risk model that was retrained or adapted) leaves kinds to the models that ship.

        Raises:
            ModelError: a model that is there cannot be used.
        """
        from codex_gate.linear import KINDS_MANIFEST, Linear, Tier, tiers

        if not any((directory / name).is_file() for name in (KINDS_MANIFEST, STUDENT_MANIFEST)):
            directory = default_directory()
        linear = Linear.load(directory)
        there, runs = (directory / STUDENT_MANIFEST).is_file(), find_spec("onnxruntime") is not None
        missing = ""
        if (tier or 3) > 1 and there and not runs:
            missing = "the model directory holds a student, but onnxruntime is not installed: kinds of defects come from tier 1; install codex-gate[onnx] (in the Action: the input tier)"
        elif (tier or 1) > 1 and not there:
            missing = f"tier {tier} was asked for, and the model directory holds no student: kinds of defects come from tier 1"
        if tier == 1 or not there or not runs:
            first = tiers(directory).get(1, Tier(WEIGHTS, 1.0))
            return cls(linear, None, 1, first.weights, first.threshold, missing)
        from codex_gate.student import Student  # with its tokeniser, for those who have one

        student = Student.load(directory)
        chosen = tier or (3 if linear else 2)
        found, own = tiers(directory, student.version), Tier(WEIGHTS, student.threshold)
        tuned = found.get(chosen, own)
        return cls(linear, student, chosen, tuned.weights, tuned.threshold, missing, found.get(2, own).threshold)

    def classify(self, commit: Commit) -> tuple[Classification, ...]:
        """The categories that the change speaks for, best first; empty where nobody speaks."""
        return self.weigh(commit).said

    def weigh(self, commit: Commit) -> Weighed:
        """The same, and of a change that says that it repairs something the category that is likeliest, however unsure."""
        fired, repairs = rules.fired(commit), is_fix(commit.message or "")
        if self.tier == 1 and not fired and not repairs:
            return Weighed()  # most commits of a history: they cost nothing more
        heard = rules.weighed(fired, commit)
        loud = tuple(found for found in heard if found.confidence >= LOUD or self._is_alone)
        if self._is_alone:
            return Weighed(loud)
        if any(paths.role(change.path) == "code" for change in commit.files):
            said, likeliest = self._of_models(commit, fired, heard)
            return Weighed(said or loud, likeliest if repairs else None)
        # The models learned from changes of program text: of a dependency's new version they know nothing.
        return Weighed(loud if repairs or commit.message is None else ())

    def of_hunks(self, hunks: Sequence[HunkText], message: str | None) -> list[Classification | None]:
        """What the student says of each hunk strictly above its own threshold; None of all without one."""
        if self.student is None:
            return [None] * len(hunks)
        best = [max((share, -kind) for kind, share in enumerate(answer.kinds[:_NONE])) for answer in self.student.answer(hunks, message)]
        return [Classification(KINDS[-kind], round(share, 4), (), STUDENT) if share > self.alone else None for share, kind in best]

    @property
    def notices(self) -> tuple[Notice, ...]:
        """What the reader must know of the tier."""
        return (Notice("lower-tier", self.missing),) if self.missing else ()

    @property
    def _is_alone(self) -> bool:
        """Whether there are only rules."""
        return self.linear is None and self.student is None

    def _of_models(self, commit: Commit, fired: _Fired, heard: Sequence[Classification]) -> Weighed:
        """What the members say strictly above the threshold, the surest first, and the runner-up where it is not negligible."""
        told = terms.of(commit, dict.fromkeys(rule.name for rule, _ in fired))
        shares, members = self._shares(commit, told, heard)
        ranked = sorted(((share, kind) for kind, share in enumerate(shares[:_NONE])), key=lambda pair: (-pair[0], pair[1]))
        best, likeliest = ranked[0]
        if best <= self.threshold:
            return Weighed((), KINDS[likeliest] if best else None)
        found = [(share, kind) for place, (share, kind) in enumerate(ranked) if share > self.threshold or (place == 1 and share >= RUNNER_UP)]
        source = "+".join(members)
        by_rules = {one.category: one.evidence for one in heard}
        said = tuple(
            Classification(KINDS[kind], round(share, 4), self._evidence(commit, told, kind, by_rules.get(KINDS[kind], ())), source) for share, kind in found
        )
        return Weighed(said, KINDS[likeliest])

    def _shares(self, commit: Commit, told: Sequence[str], heard: Sequence[Classification]) -> tuple[Shares, list[str]]:
        """The weighted mean of P(kind) over the members that answer, and their names."""
        answers = {name: shares for name in TIERS[self.tier] if (shares := self._of_member(name, commit, told, heard)) is not None}
        weights = [self.weights.get(name, 0.0) for name in answers]
        total = sum(weights)
        if not total:
            return (0.0,) * len(KINDS), []
        return tuple([sum(map(mul, weights, shares)) / total for shares in zip(*answers.values(), strict=True)]), list(answers)

    def _of_member(self, name: str, commit: Commit, told: Sequence[str], heard: Sequence[Classification]) -> Shares | None:
        if name == RULES:
            return of_rules(heard)
        if name == LINEAR:
            return None if self.linear is None else self.linear.probabilities(told, possible(commit))
        return self._of_student(commit)

    def _of_student(self, commit: Commit) -> Shares | None:
        if self.student is None:
            return None
        from codex_gate import text

        hunk = text.of_all(commit.files)
        return None if hunk is None else self.student.answer([hunk], commit.message)[0].kinds

    def _evidence(self, commit: Commit, told: Sequence[str], kind: int, by_rules: Sequence[Evidence]) -> tuple[Evidence, ...]:
        """What the rules go by for a category, then the words of the message that speak most for it; the first changed line where there is neither."""
        found = list(by_rules)[:MAX_EVIDENCE]
        if self.linear is not None:
            loudest = nlargest(MAX_WORDS, zip(self.linear.weights(told, kind), count(0, -1), told, strict=False))  # of like weight the first ones
            found += [place for weight, _, term in loudest if weight > 0 and (place := _place(commit, term)) is not None]
        found = list(dict.fromkeys(found))[:MAX_EVIDENCE]
        return tuple(found) if found else tuple(_first_line(commit))


def of_rules(heard: Sequence[Classification]) -> Shares:
    """P(kind) of what the rules say: confidences as shares, made smaller where they add up to more than 1, and none for what is left."""
    total = max(1.0, sum(one.confidence for one in heard))
    shares = [0.0] * len(KINDS)
    for one in heard:
        shares[KINDS.index(one.category or NONE)] = one.confidence / total
    shares[_NONE] = max(0.0, 1.0 - sum(shares[:_NONE]))
    return shares


def possible(commit: Commit) -> tuple[bool, ...]:
    """Which of KINDS can occur in a change: those of any language of its program text outside tests, of any language where it has none."""
    languages = {language for change in commit.files if paths.role(change.path) == "code" and (language := paths.language(change.path))}
    return taxonomy.possible(frozenset(languages))


def _place(commit: Commit, term: str) -> Evidence | None:
    """Where a word of the message stands; None for terms that are no such word."""
    if term[:2] not in ("t:", "m:"):
        return None
    return Evidence("message", 1 + _line_of(commit.message or "", term[2:]), term[2:])


def _line_of(message: str, word: str) -> int:
    return next((number for number, line in enumerate(message.splitlines()) if word.split(" ")[0] in line.lower()), 0)


def _first_line(commit: Commit) -> Iterator[Evidence]:
    for change in commit.files:
        if paths.role(change.path) == "code":
            for hunk in change.hunks():
                lines = hunk.added or hunk.deleted
                yield Evidence(change.path, first_line(change), lines[0].decode("utf-8", "replace").strip()[:MAX_SHOWN], not hunk.added)
                return
