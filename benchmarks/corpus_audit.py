"""Labels of the synthetic corpus read by eye: categories that mutation, rustc and runs gave, judged blind beside wrong ones.

python benchmarks/corpus_audit.py sample --input NAME=DIR --sheet DIR   # draws training/corpus-audit/rows.csv, the key, a guide and sheets that do not hold it
python benchmarks/corpus_audit.py sample --hard …                       # the same as training/corpus-audit/hard/rows.csv: fewer, every other one a decoy that is near
python benchmarks/corpus_audit.py tally --day DATE                      # verdicts.csv and reader-*.csv beside each key → docs/corpus-audit.md

DIR is the output of `automl-codex verify`; NAME says in the key which corpus it is. Drawn are labels that are learned from, of programs that no other audit (training/corpus-audit/first/ is the first) has drawn. A reader writes verdicts.csv (number, verdict, category, reason) from guide and
sheets alone, further ones reader-2.csv and so on beside it, for as many numbers as they read.
"""

from __future__ import annotations

import argparse
import csv
import math
import random
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import date
from difflib import unified_diff
from pathlib import Path
from statistics import mean
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "training")]

from automl_codex import labels, oracle_io, stages
from automl_codex.types import BUGGY, CORRECT, LabelledTuple
from benchmarks import reading
from codex_gate.errors import GateError, UsageError
from codex_gate.taxonomy import DEFINITIONS, DefectCategory

FOLDER: Final = ROOT / "training" / "corpus-audit"
FIRST, HARD_PART = "first", "hard"
PART: Final = 25  # numbers of a sheet file
MUST, AIM = 0.90, 0.97
SOUND: Final = "no defect"
OFTEN: Final = 4  # times as many of those that pass as of another stratum in a hard draw: their one label is as much as many categories
UNCLEAR: Final = "unclear"
VERDICTS: Final = ("right", "wrong", "unsure")
CATEGORIES: Final = tuple(str(category) for category in DefectCategory)
REASON: Final = 160  # characters
FORMS: Final = {
    "mutation": "change",
    "graft": "change",
    "eda": "variant",
    "rustc": "compiler",
    "runtime": "run",
    "transpiler": "broken",
    "io": "pass",
}  # what a sheet shows
PYTHON: Final = ("mutation", "graft", "eda")  # sources whose label is one of a change of Python; of the others it is one of the Rust
SOURCES: Final = {
    "mutation": "the operator that planted a fault in the Python",
    "graft": "the same, after a subtree of a neighbour was grafted into both sides (smote)",
    "eda": f"a rewriting that is to keep the meaning: {SOUND}",
    "rustc": "the first error of the compiler in the Rust of a program",
    "runtime": "how the Rust behaved on the inputs of the program",
    "transpiler": "the transpiler broke on the program",
    "io": f"the Rust does on all inputs what the Python does: {SOUND}",
}
GUIDE: Final = f"""1. A sheet shows one of two things. A *change of Python*: the program as it was meant, the lines that changed, and inputs with what the two sides gave. A *translation*: a Python program, which is
   right by definition, the Rust that a machine made of it, and what the compiler said of the Rust or what both gave on inputs. Below it stands one proposed label, a category or `{SOUND}`.
2. Before you look at the label, say to yourself what is wrong. In a change of Python: what do the changed lines do that the program before did not? In a translation: what would somebody have to mend in the Rust so
   that it does what the Python does? Where the compiler complains, judge the error at the marked place; further ones may be its consequences. Where it does not, judge the difference that the inputs show.
3. Then find the category by the definitions: it says what the fault *is*, not how it was found. The closest one counts; `LogicErrors` only where nothing closer fits.
   That a machine wrote the Rust is not in itself the fault. `ASTTransform` fits a translation where the machine lost or invented a construct, turned it into another, wrote no valid text or a name that nobody declares,
   and no other category says more closely what is wrong with the text as Rust.
4. *Right*: the proposed label is the one that you would give, or fits the definitions as well as that one. *Wrong*: another fits better; write which, `{SOUND}` where nothing is wrong, `{UNCLEAR}` where you cannot name it.
   `{SOUND}` is right where both sides do the same for every input that the annotations allow, as far as you can tell from reading; an assertion about an annotated type changes nothing.
5. *Unsure* when the sheet does not decide it. It counts as wrong in the headline."""


class Plan(NamedTuple):
    """A draw: its seed, rows and decoys on top of them as a share of all sheets, and whether decoys are near.

    Near is a category that the definitions name beside the true one, or that a reader of the first audit gave instead of it; and `no defect` of a pair that passes
    while an input that it was not run on would end that.
    """

    seed: int
    rows: int
    decoys: float
    near: bool


PLAIN: Final = Plan(5, 240, 0.15, False)
HARD: Final = Plan(6, 36, 0.5, True)


@dataclass(frozen=True)
class Row:
    """One line of the key. `kind` is row or decoy, `category` the label of the row and `shown` what its sheet proposes: the same but for a decoy.

    A decoy whose own label nobody can tell has UNCLEAR.

    `corpus` and `row` find it again, `source` is one of SOURCES, `confidence` that of the label, `population` how many rows of the corpora have this source and category.
    """

    number: int
    kind: str
    corpus: str
    row: str
    source: str
    category: str
    shown: str
    confidence: str
    population: int


@dataclass(frozen=True)
class Verdict:
    """What a reader said of one number: `category` is the better one where the verdict is wrong; `reason` in the reader's own words."""

    number: int
    verdict: str
    category: str
    reason: str


Judged = Sequence[tuple[Row, Verdict]]


# -- the draw ----------------------------------------------------------------------------------------------


class Claim(NamedTuple):
    """A label that a row of a corpus carries, and where the row stands."""

    corpus: str
    row: str
    seed: str
    parent: str
    source: str
    category: str
    confidence: str

    @property
    def stratum(self) -> tuple[str, str]:
        return self.source, self.category


class Corpus:
    """A finished output of verify, by columns: a row is read when it was drawn.

    Raises:
        UsageError: no finished output of verify.
    """

    _COLUMNS: Final = (
        "variant_id",
        "seed_id",
        "parents",
        "kind",
        "label",
        "category",
        "defect",
        "label_source",
        "defect_category",
        "confidence",
        "verdict",
        "evidence",
    )

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self._places: dict[str, tuple[Path, int]] = {}
        self.seeds: dict[str, str] = {}
        self._claims: list[Claim] = []
        self._doubtful: list[Claim] = []
        for part in stages.manifest_of(folder, "verify")["partitions"]:
            for place, row in enumerate(stages.columns(folder / part["name"], self._COLUMNS)):
                values = dict(zip(self._COLUMNS, row, strict=True))
                self._places[values["variant_id"]] = folder / part["name"], place
                self.seeds[values["variant_id"]] = values["seed_id"]
                self._claims += self._of(values)
                self._doubtful += self._doubts(values)

    def _of(self, row: Mapping[str, str]) -> Iterator[Claim]:
        """The labels of a row that `examples.of_row` learns from."""
        known, parent = self._place(row), _parent(row)
        if parent and row["label"] == BUGGY and row["category"]:
            yield Claim(*known, "graft" if row["kind"] == "smote" else "mutation", row["category"], labels.HIGH)
        if parent and row["kind"] == "eda" and row["label"] == CORRECT:
            yield Claim(*known, "eda", SOUND, labels.HIGH)
        judged = row["defect"] == BUGGY and row["label_source"] in ("rustc", "runtime", "transpiler")
        if judged and row["defect_category"] and row["confidence"] != labels.LOW:
            yield Claim(*known, row["label_source"], row["defect_category"], row["confidence"])
        if row["defect"] == CORRECT and row["verdict"] == labels.Verdict.PASS:
            yield Claim(*known, "io", SOUND, labels.HIGH)

    def _doubts(self, row: Mapping[str, str]) -> Iterator[Claim]:
        """A pass that is not learned from, for an untried input would end it."""
        if row["verdict"] == labels.Verdict.PASS and row["label"] == CORRECT and oracle_io.told(row["evidence"]).untried:
            yield Claim(*self._place(row), "io", UNCLEAR, labels.HIGH)

    def _place(self, row: Mapping[str, str]) -> tuple[str, str, str, str]:
        return self.name, row["variant_id"], row["seed_id"], _parent(row)

    def claims(self, known: Iterable[Row] = (), doubtful: bool = False) -> list[Claim]:
        """The labels of programs that no `known` row is of; those of a change of Python only where the program before it stands there too. `doubtful` passes are UNCLEAR."""
        read = {self.seeds.get(row.row) for row in known if row.corpus == self.name}
        fresh = [claim for claim in (*self._claims, *(self._doubtful if doubtful else ())) if claim.seed not in read]
        return [claim for claim in fresh if claim.source not in PYTHON or claim.parent in self._places]

    def read(self, row: str) -> LabelledTuple:
        """A row by its name."""
        path, place = self._places[row]
        (found,) = stages.read(path, LabelledTuple, [place])
        assert isinstance(found, LabelledTuple)
        return found


def _parent(row: Mapping[str, str]) -> str:
    return row["parents"][0] if row["parents"] else ""


def drawn(claims: Sequence[Claim], plan: Plan, rng: random.Random, near: Near | None = None) -> list[Row]:
    """Rows and, on top of them, decoys, shuffled and numbered from 1; no two of one seed program, and each stratum as often as the others where it has as many.

    With `near`, what each category is taken for, `no defect` is no decoy's own label, for its sheet shows no fault, and UNCLEAR always a decoy's.

    Raises:
        UsageError: there are not as many, or less than one was asked for.
    """
    if plan.rows < 1:
        raise UsageError(f"rows must be >= 1, got {plan.rows}")
    strata: dict[tuple[str, str], list[Claim]] = {}
    for claim in claims:
        strata.setdefault(claim.stratum, []).append(claim)
    for several in strata.values():
        rng.shuffle(several)
    n_decoys = round(plan.decoys / (1 - plan.decoys) * plan.rows)
    chosen = _evenly(strata, plan.rows + n_decoys, OFTEN if near else 1)
    if len(chosen) < plan.rows + n_decoys:
        raise UsageError(f"the input holds {len(chosen)} labels of different programs; expected {plan.rows + n_decoys}: draw fewer (--rows) or give more input")
    never = {place for place, claim in enumerate(chosen) if claim.category == UNCLEAR}
    may = [place for place, claim in enumerate(chosen) if place not in never and not (near and claim.category == SOUND)]
    if not 0 <= n_decoys - len(never) <= len(may):
        raise UsageError(f"{len(may)} of {len(chosen)} labels can be shown wrongly; expected {n_decoys - len(never)}: draw fewer (--rows) or give more input")
    false = never.union(rng.sample(may, n_decoys - len(never)))
    found = []
    for place, claim in enumerate(chosen):
        shown = _other(claim, strata, rng, near or {}) if place in false else claim.category
        kind = "decoy" if place in false else "row"
        found.append(Row(0, kind, claim.corpus, claim.row, claim.source, claim.category, shown, claim.confidence, len(strata[claim.stratum])))
    rng.shuffle(found)
    return [replace(row, number=number) for number, row in enumerate(found, 1)]


def _evenly(strata: Mapping[tuple[str, str], Sequence[Claim]], total: int, passes: int) -> list[Claim]:
    """`total` claims, one of each stratum in turn, of those that pass `passes`, the rarest first, so that a common one does not use up its programs."""
    order = sorted(strata, key=lambda stratum: (len(strata[stratum]), stratum))
    turns = [stratum for stratum in order for _ in range(passes if FORMS[stratum[0]] == "pass" else 1)]
    waiting = {stratum: iter(strata[stratum]) for stratum in order}
    used: set[tuple[str, str]] = set()
    chosen: list[Claim] = []
    while waiting and len(chosen) < total:
        for stratum in [stratum for stratum in turns if stratum in waiting]:
            claim = next((claim for claim in waiting.get(stratum, ()) if (claim.corpus, claim.seed) not in used), None)
            if claim is None:
                waiting.pop(stratum, None)
            elif len(chosen) < total:
                used.add((claim.corpus, claim.seed))
                chosen.append(claim)
    return chosen


def _other(claim: Claim, strata: Iterable[tuple[str, str]], rng: random.Random, near: Near) -> str:
    """A wrong category that the same source gives elsewhere, so that it is not plain from the form of the evidence; else one from the same form of sheet; before both, a near one.

    Raises:
        UsageError: there is no other one.
    """
    if claim.category == UNCLEAR:
        return SOUND
    alike = {
        category: source
        for source, category in sorted(strata, key=lambda stratum: stratum[0] == claim.source)
        if (source in PYTHON) == (claim.source in PYTHON)
    }
    others = sorted(alike.keys() - {claim.category, SOUND, UNCLEAR})
    nearest = [category for category in others if alike[category] == claim.source] or others
    nearest = [category for category in others if category in near.get(claim.category, ())] or nearest
    if not nearest:
        raise UsageError(f"{claim.source} gives no category but {claim.category}, so there is no wrong one to show; give more input")
    return rng.choice(nearest)


Near = Mapping[str, frozenset[str]]


def neighbours(first: Judged) -> Near:
    """What each category is taken for, both ways: those that a definition names beside it, and those that a reader of the first audit gave instead of it."""
    pairs = {(str(one), other) for one, definition in DEFINITIONS.items() for other in CATEGORIES if other != one and other in definition.text}
    pairs |= {(row.category, verdict.category) for row, verdict in first if verdict.verdict == "wrong" and verdict.category != row.category}
    found: dict[str, set[str]] = {}
    for one, other in pairs:
        if {one, other} <= set(CATEGORIES):
            found.setdefault(one, set()).add(other)
            found.setdefault(other, set()).add(one)
    return {category: frozenset(others) for category, others in found.items()}


# -- the sheet ---------------------------------------------------------------------------------------------


def sheet(number: int, shown: str, source: str, row: LabelledTuple, parent: LabelledTuple | None) -> str:
    """One row for reading: code, evidence, and the proposed label, whatever the key says of it."""
    parts = _change(row, parent) if source in PYTHON and parent else _translation(row)
    return "\n".join([f"=== {number}", *parts, f"PROPOSED LABEL: {shown}"]) + "\n"


def _change(row: LabelledTuple, parent: LabelledTuple) -> Iterator[str]:
    yield "A CHANGE OF PYTHON. The program before:"
    yield from _numbered(parent.source)
    yield "The change:"
    yield from list(unified_diff(parent.source.splitlines(), row.source.splitlines(), n=1, lineterm=""))[2:]
    if row.witness is not None:
        yield f"{row.entry}{row.witness} gave {row.expected} before and gives {row.actual} now (! is an exception, ? ended by force)"
    else:
        yield from (
            f"{row.entry}{literal} gave {one} before and gives {two} now" for literal, one, two in zip(row.inputs, parent.outcomes, row.outcomes, strict=True)
        )


def _translation(row: LabelledTuple) -> Iterator[str]:
    yield "A TRANSLATION. The Python:"
    yield from _numbered(row.source)
    line, column = map(int, row.place.split(":")) if row.place else (-1, 0)
    if row.rust:
        yield "The Rust:"
        yield from _numbered(row.rust, line, column)
    if row.place:
        further = [code or "syntax" for code in row.codes[1:]]
        yield f"The compiler, at line {line + 1}: {row.codes[0] or 'syntax'}: {row.message}" + (f" (further errors: {', '.join(further)})" if further else "")
    elif not row.rust:
        yield f"The transpiler broke: {row.message}"
    elif row.verdict == labels.Verdict.PASS:
        yield "The compiler takes it. The Python gave what follows, and the Rust the same wherever the input fits its types:"
        yield from (f"{row.entry}{literal} gave {outcome}" for literal, outcome in zip(row.inputs, row.outcomes, strict=True))
    else:
        yield f"The compiler takes it. On the input {oracle_io.plain(row.evidence)} (= is a result, ! an exception or a panic, ? ended by force)"


def _numbered(text: str, marked: int = -1, column: int = 0) -> Iterator[str]:
    for number, line in enumerate(text.splitlines()):
        yield f"{number + 1:>4} {'>' if number == marked else ' '} {line}"
        if number == marked:
            yield " " * (7 + column) + "^"


def guide() -> str:
    """What a reader is given beside the sheets."""
    told = f"""# How to judge a sheet

{GUIDE}

Write a CSV file with the columns number, verdict, category, reason and a line for each sheet. verdict: {", ".join(VERDICTS)}. category: empty, but for *wrong* the label that fits better (one of the 18,
`{SOUND}` or `{UNCLEAR}`). reason: 1 to {REASON} characters.

## The 18 categories
"""
    return told + "\n".join(f"- `{category}`: {definition.text}" for category, definition in DEFINITIONS.items()) + "\n"


# -- files -------------------------------------------------------------------------------------------------


def write_key(rows: Iterable[Row], path: Path) -> None:
    """The key as CSV."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, [field.name for field in fields(Row)], lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(row) for row in rows)


def read_key(path: Path) -> dict[int, Row]:
    """The key by number.

    Raises:
        UsageError: a line that `sample` would not write.
    """
    found: dict[int, Row] = {}
    for line, row in enumerate(reading.rows(path, [field.name for field in fields(Row)]), 2):
        whole = row["number"].isdecimal() and row["population"].isdecimal()
        own = {*CATEGORIES, SOUND, UNCLEAR} if row["kind"] == "decoy" else {*CATEGORIES, SOUND}
        if not (whole and row["source"] in SOURCES and row["category"] in own and row["shown"] in {*CATEGORIES, SOUND}):
            raise UsageError(f"{path}, line {line} is not as sample writes it; draw anew or take the committed key")
        if row["kind"] not in ("row", "decoy") or (row["kind"] == "row") != (row["category"] == row["shown"]):
            raise UsageError(
                f"{path}, line {line}: kind {row['kind']!r} with label {row['category']}, shown {row['shown']}; expected a decoy to differ and a row not to"
            )
        found[int(row["number"])] = Row(**{**row, "number": int(row["number"]), "population": int(row["population"])})  # type: ignore[arg-type]
    return found


def read_verdicts(path: Path, key: Mapping[int, Row]) -> list[Verdict]:
    """The verdicts, checked against the guide.

    Raises:
        UsageError: a number that was not drawn or is judged twice, a verdict or category that the guide does not know, a reason that is missing or long.
    """
    found: dict[int, Verdict] = {}
    for line, row in enumerate(reading.rows(path, [field.name for field in fields(Verdict)]), 2):
        where, number = f"{path}, line {line}", int(row["number"]) if row["number"].isdecimal() else -1
        if number not in key or number in found:
            raise UsageError(f"{where}: number {row['number']!r} {'is judged twice' if number in found else 'was not drawn'}; expected each drawn number once")
        better = {*CATEGORIES, SOUND, UNCLEAR} - {key[number].shown} if row["verdict"] == "wrong" else {""}
        if row["verdict"] not in VERDICTS or row["category"] not in better:
            raise UsageError(
                f"{where}: verdict {row['verdict']!r}, category {row['category']!r}; expected right or unsure without one, or wrong with one of the 18 other than the proposed, {SOUND} or {UNCLEAR}"
            )
        if not row["reason"] or len(row["reason"]) > REASON:
            raise UsageError(f"{where}: a reason of {len(row['reason'] or '')} characters; expected 1 to {REASON}")
        found[number] = Verdict(number, row["verdict"], row["category"], row["reason"])
    if not found:
        raise UsageError(f"{path} holds no verdicts; read the sheets first")
    return list(found.values())


# -- the document ------------------------------------------------------------------------------------------


class Audit(NamedTuple):
    """A key, what the first reader said of it, and what further ones said, by name."""

    key: Mapping[int, Row]
    verdicts: Sequence[Verdict]
    others: Mapping[str, Sequence[Verdict]]

    @property
    def judged(self) -> list[tuple[Row, Verdict]]:
        return [(self.key[v.number], v) for v in self.verdicts]


def read_audit(folder: Path) -> Audit:
    """What lies in a folder of an audit.

    Raises:
        UsageError: a key or verdicts that are missing or not as they are written.
    """
    key = read_key(folder / "rows.csv")
    others = {path.stem: read_verdicts(path, key) for path in sorted(folder.glob("reader-*.csv"))}
    return Audit(key, read_verdicts(folder / "verdicts.csv", key), others)


def document(audit: Audit, first: Judged, hard: Audit | None, day: date) -> str:
    """docs/corpus-audit.md, from keys and verdicts alone; `first` is the audit that the rules were chosen on, `hard` the one with decoys that are near."""
    key, judged = audit.key, audit.judged
    rows = [(row, v) for row, v in judged if row.kind == "row" and row.category != SOUND]
    sound = [(row, v) for row, v in judged if row.kind == "row" and row.category == SOUND]
    decoys = [(row, v) for row, v in judged if row.kind == "decoy"]
    found = {name: compared(key, audit.verdicts, other) for name, other in audit.others.items()}
    parts = [
        _HEAD,
        _headline(key, rows, sound, decoys, list(found.values()), day),
        _before(first),
        _further(found),
        _leaks(list(key.values()), neighbours(first), hard is None),
    ]
    parts += [_hard(hard)] if hard else []
    parts += ["## By source\n", _by([*rows, *sound], lambda row: row.source, ("source",)), _sources()]
    parts += ["## By category and source\n", _by([*rows, *sound], lambda row: f"{row.category} | {row.source}", ("category", "source"))]
    parts += [
        "## By confidence\n",
        _by(rows, lambda row: row.confidence, ("confidence",)),
        "## The guide, written before the first verdict\n",
        GUIDE + "\n",
        _LIMITS,
    ]
    return "\n".join(parts)


_HEAD: Final = """# Labels of the synthetic corpus, read by eye

Written by `python benchmarks/corpus_audit.py tally` from `training/corpus-audit/rows.csv` (the key) and `training/corpus-audit/verdicts.csv`; no figure is typed by hand. Verified rows with a label that is learned from, drawn evenly by
category and by who gave the label, were **judged by language models, blind**: the sheet shows code, evidence and one proposed label, which for a decoy is a wrong one; the key was not opened before the last verdict.
The categories are those of `codex_gate/taxonomy.py`.
"""
_ALIKE: Final = "They called the same labels right and the same decoys wrong. They are language models on one machine: their agreement adds nothing to one reading, and they count as one."
_LIMITS: Final = """## How far to trust it

- The readers are language models and had the guide, the definitions and the sheets alone. That they judge alike may come of being alike.
- The draw gives each pair of category and source the same weight, so that rare ones are seen; the line *weighted* says what share of the corpora's labels is right if each pair is as right as its sample.
- A reader who is shown a label is led by it; nobody was asked to name the category of a sheet without one.
- Labels of low confidence, and rows whose category nobody can tell, are not drawn and not learned from. What `causes.py` noted of a run is not on the sheet: a reader sees the two outcomes alone.
- A decoy shows a category that the same source gives to other rows. It may by chance fit as well as the true one, so not every decoy called right is a slip.
- A label is judged, not the row's worth: that faults are planted, small and in generated programs is not in these figures.
"""


def _headline(key: Mapping[int, Row], rows: Judged, sound: Judged, decoys: Judged, others: Sequence[reading.Compared], day: date) -> str:
    right, sure = _right(rows), [(row, v) for row, v in rows if v.verdict != "unsure"]
    caught = [(row, v) for row, v in decoys if v.verdict != "right"]
    value = right / len(rows) if rows else 0.0
    if n := sum(c.pairs for c in others):
        value = min(value, sum(c.right for c in others) / n)
    met = "the aim is met" if value >= AIM else "the must is met, the aim is not" if value >= MUST else "the must is not met"
    lines = [
        ("**labels that are right** (unsure counts as wrong)", reading.share(right, len(rows))),
        ("of those that the reader was sure of", reading.share(_right(sure), len(sure))),
        ("weighted by the rows of each category and source", _weighted(rows)),
        (f"`{SOUND}` that is right", reading.share(_right(sound), len(sound))),
        ("**decoys caught** (not called right)", reading.share(len(caught), len(decoys))),
        ("of the caught, those whose true label the reader named", reading.share(sum(v.category == row.category for row, v in caught), len(caught))),
    ]
    said = f"{day}, seed {PLAIN.seed}: {len(rows) + len(sound) + len(decoys)} of {len(key)} drawn were judged: {len(rows)} with a category, {len(sound)} without defect, {len(decoys)} decoys."
    said += f" Must {MUST:.0%}, aim {AIM:.0%}: {met}." + (" A goal counts as met only where the further readers together reach it too." if others else "")
    return said + " In square brackets: 95 % intervals (Wilson).\n\n" + reading.table(("what", "share", "n"), lines)


def _before(first: Judged) -> str:
    """What the first audit gave, and what came of it."""
    rows = [(row, v) for row, v in first if row.kind == "row" and row.category != SOUND]
    decoys = [(row, v) for row, v in first if row.kind == "decoy"]
    right, caught = reading.share(_right(rows), len(rows)), reading.share(len(decoys) - _right(decoys), len(decoys))
    return (
        f"The rules that give the labels (`labels.py`, `mutate.py`, `gaps.py`) **were chosen on a first audit** (`training/corpus-audit/first/`, labels of low confidence among them), so its share says nothing about them: "
        f"{right.replace(' | ', ', ')} labels right, {caught.replace(' | ', ', ')} decoys caught. No program of its was drawn again.\n"
    )


def _right(judged: Judged) -> int:
    return sum(v.verdict == "right" for _, v in judged)


def _weighted(rows: Judged) -> str:
    """The share over all labels of the corpora, from each stratum's own."""
    strata: dict[tuple[str, str], list[tuple[Row, Verdict]]] = {}
    for row, verdict in rows:
        strata.setdefault((row.source, row.category), []).append((row, verdict))
    total = sum(several[0][0].population for several in strata.values())
    value = sum(several[0][0].population * _right(several) / len(several) for several in strata.values())
    return f"{value / total:.0%} | of {total:,} labels" if total else "– | 0 of 0"


def compared(key: Mapping[int, Row], one: Sequence[Verdict], other: Sequence[Verdict]) -> reading.Compared:
    """Two readers' verdicts side by side; rows without defect are left out, as from the headline."""
    asked = {number: row.kind == "row" for number, row in key.items() if row.kind == "decoy" or row.category != SOUND}
    first, second = ({v.number: v.verdict == "right" for v in said if v.number in asked} for said in (one, other))
    return reading.compared(asked, first, second)


def _further(found: Mapping[str, reading.Compared]) -> str:
    rows = [
        (name.removeprefix("reader-"), reading.share(c.right, c.pairs), str(c.first), f"{c.same} of {c.numbers}", f"{c.kappa:.2f}", f"{c.caught} of {c.decoys}")
        for name, c in found.items()
    ]
    said = "## Further readers\n\n*Same*: right or not, as the first reader said, decoys included.\n\n"
    alike = "" if any(c.same < c.numbers for c in found.values()) else f"\n{_ALIKE}\n"
    return said + reading.table(("reader", "labels right", "n", "the first said", "same", "kappa", "decoys caught"), rows) + alike if rows else ""


def _leaks(key: Sequence[Row], near: Near, unread: bool) -> str:
    """What of the key could tell a decoy from a row without reading the code."""
    rows, decoys = ([row for row in key if row.kind == kind] for kind in ("row", "decoy"))
    if not (rows and decoys):
        return ""
    later = sum(decoy.number > row.number for decoy in decoys for row in rows) / (len(rows) * len(decoys))
    chance = 1.96 * math.sqrt((len(rows) + len(decoys) + 1) / (12 * len(rows) * len(decoys)))
    true = Counter((FORMS[row.source], row.shown) for row in rows)
    faultless = sum(decoy.category == SOUND for decoy in decoys)
    foreign = sum(not true[FORMS[decoy.source], decoy.shown] for decoy in decoys)
    close = sum(decoy.shown in near.get(decoy.category, ()) for decoy in decoys)
    twins = [true[FORMS[decoy.source], decoy.category] for decoy in decoys]
    doubted = sum(row.source == "io" for row in rows)
    return f"""## What could give a decoy away

A result this good is a leak until shown otherwise, so the sheets and the key were searched for what tells a decoy without its code being read.

| what | found |
| --- | --- |
| order: how often a decoy stands behind a row | {later:.2f} (.50 ± {chance:.2f} by chance) |
| text: sheets of a decoy and of a row | the same but for the proposed label (a test holds that); operator, gap and who gave the label are on neither |
| decoys of a sheet without a fault, where any category is wrong | {faultless} of {len(decoys)} |
| decoys whose label no true sheet of their form has | {foreign} of {len(decoys)} |
| decoys that show a near category (the definitions name it beside the true one, or a reader of the first audit took one for the other) | {close} of {len(decoys)} |
| true sheets of the form and label that a decoy hides, beside it: mean, least | {mean(twins):.0f}, {min(twins)} |

Beside those nothing but the code tells a decoy. But **{len(decoys) - close} of {len(decoys)} decoys were easy**: they show a category that lies far off; and the corpora repeat themselves (the same lost parentheses, the same undeclared name), so that
a reader meets the true label of a decoy's twin on other sheets. That they were caught says that the readers looked, not that they tell two near categories apart; nor was `{SOUND}` ever proposed wrongly.{" A harder draw (`sample --hard`) is not read yet." if unread else ""}
After this reading a pass of the Rust that an edge would end (integers of 32 bits, whole division) was taken out of what is learned from: the {doubted} passes drawn here were labelled before.
"""


def _hard(audit: Audit) -> str:
    """How labels and near decoys fared."""
    kinds: tuple[tuple[str, Callable[[Row], bool], bool], ...] = (
        ("labels that are right", lambda row: row.kind == "row" and row.category != SOUND, True),
        (f"`{SOUND}` of a pair that passes, that is right", lambda row: row.kind == "row" and row.source == "io", True),
        (f"`{SOUND}` of a variant, that is right", lambda row: row.kind == "row" and row.source == "eda", True),
        ("decoys with a wrong category that were caught", lambda row: row.kind == "decoy" and row.category != UNCLEAR, False),
        (f"`{SOUND}` of a pair that an untried input would end, caught", lambda row: row.kind == "decoy" and row.category == UNCLEAR, False),
    )
    readers = [audit.judged, *([(audit.key[v.number], v) for v in said] for said in audit.others.values())]
    lines = []
    for name, belongs, right in kinds:
        asked = [[v.verdict == "right" for row, v in reader if belongs(row)] for reader in readers]
        lines.append((name, *(reading.share(sum(said == right for said in one), len(one)) for one in asked)))
    head = ("what", *(cell for number in range(1, len(readers) + 1) for cell in (f"reader {number}", "n")))
    same = [compared(audit.key, audit.verdicts, other) for other in audit.others.values()]
    alike = "".join(f" Reader {number} says the same of {c.same} of {c.numbers} (kappa {c.kappa:.2f})." for number, c in enumerate(same, 2))
    said = f"Seed {HARD.seed}, other programs again: {len(audit.key)} sheets under the same guide, every other one a decoy with a near category where the form has one; `{SOUND}` is proposed wrongly too, for a pair that passes while an input that it was not run on would end that."
    return f"## Harder decoys\n\n{said}{alike}\n\n" + reading.table(head, lines)


def _by(judged: Judged, name: Callable[[Row], str], head: Sequence[str]) -> str:
    """A line for each group, the worst first, with what its wrong ones are instead."""
    groups: dict[str, list[tuple[Row, Verdict]]] = {}
    for row, verdict in judged:
        groups.setdefault(name(row), []).append((row, verdict))
    lines = []
    for group, several in sorted(groups.items(), key=lambda item: (_right(item[1]) / len(item[1]), item[0])):
        instead = Counter(v.category for _, v in several if v.verdict == "wrong")
        unsure = sum(v.verdict == "unsure" for _, v in several)
        lines.append((group, reading.share(_right(several), len(several)), str(unsure), ", ".join(f"{c} {n}" for c, n in instead.most_common()) or "–"))
    return reading.table((*head, "right", "n", "unsure", "rather"), lines)


def _sources() -> str:
    return "\n".join(f"- `{name}`: {text}" for name, text in SOURCES.items()) + "\n"


# -- commands ----------------------------------------------------------------------------------------------


def sample(options: argparse.Namespace) -> None:
    """Draw; write the key, the guide, and the sheets in parts."""
    plan, folder = (HARD, options.folder / HARD_PART) if options.hard else (PLAIN, options.folder)
    if options.rows is not None:
        plan = plan._replace(rows=options.rows)
    corpora = {name: Corpus(name, given) for name, given in options.input}
    first = read_audit(options.folder / FIRST)
    known = [*first.key.values(), *(read_key(options.folder / "rows.csv").values() if options.hard else ())]
    claims = [claim for corpus in corpora.values() for claim in corpus.claims(known, plan.near)]
    parents = {(claim.corpus, claim.row): claim.parent for claim in claims}
    rows = drawn(claims, plan, random.Random(plan.seed), neighbours(first.judged) if plan.near else None)
    write_key(rows, folder / "rows.csv")
    options.sheet.mkdir(parents=True, exist_ok=True)
    (options.sheet / "guide.md").write_text(guide(), "utf-8")
    for at in range(0, len(rows), PART):
        texts = []
        for row in rows[at : at + PART]:
            corpus, parent = corpora[row.corpus], parents[row.corpus, row.row]
            texts.append(sheet(row.number, row.shown, row.source, corpus.read(row.row), corpus.read(parent) if row.source in PYTHON else None))
        (options.sheet / f"sheet-{at // PART + 1:02}.txt").write_text("\n".join(texts), "utf-8")
    print(f"{len(rows)} drawn, {sum(row.kind == 'decoy' for row in rows)} of them decoys; read {options.sheet} and leave {folder / 'rows.csv'} closed")


def tally(options: argparse.Namespace) -> None:
    """Write the document; harder decoys are in it once somebody has read them."""
    hard = options.folder / HARD_PART
    read = read_audit(hard) if (hard / "verdicts.csv").exists() else None
    options.output.write_text(document(read_audit(options.folder), read_audit(options.folder / FIRST).judged, read, options.day), "utf-8")


def named(text: str) -> tuple[str, Path]:
    """NAME=DIR as an argument."""
    name, found, folder = text.partition("=")
    if not (name and found and folder):
        raise argparse.ArgumentTypeError(f"expected NAME=DIR, got {text}")
    return name, Path(folder)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one of the two commands; 2 when something asked for is not as expected."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    commands = parser.add_subparsers(required=True)
    one, two = commands.add_parser("sample", help="draw rows and decoys"), commands.add_parser("tally", help="write the document")
    for command in (one, two):
        command.add_argument(
            "--folder", type=Path, default=FOLDER, metavar="DIR", help="keys and verdicts; those of the first audit and of the hard draw in folders below"
        )
    one.add_argument("--input", type=named, action="append", required=True, metavar="NAME=DIR", help="output of automl-codex verify; may be repeated")
    one.add_argument("--sheet", type=Path, required=True, metavar="DIR", help="where guide and sheets for reading go; not to be committed")
    one.add_argument("--hard", action="store_true", help="fewer rows, each second sheet a decoy with a near category")
    one.add_argument("--rows", type=int, metavar="N", help=f"labels to draw, decoys on top of them (default: {PLAIN.rows}, with --hard {HARD.rows})")
    one.set_defaults(command=sample)
    two.add_argument("--output", type=Path, default=ROOT / "docs" / "corpus-audit.md")
    two.add_argument("--day", type=date.fromisoformat, required=True, help="when the verdicts were given")
    two.set_defaults(command=tally)
    options = parser.parse_args(argv)
    try:
        options.command(options)
    except GateError as error:
        print(f"corpus_audit: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
