"""Labels read by eye: SZZ's pairs of fix and accused commit, judged blind beside decoys.

python benchmarks/audit.py sample --clones DIR --sheet DIR   # draws training/audit/pairs.csv, the key, and a sheet that does not hold it
python benchmarks/audit.py tally                             # training/audit/verdicts.csv, reader-*.csv → docs/label-audit.md

The sheet shows code of others: it is for reading and is not committed. The first reader writes verdicts.csv (number, verdict, class, reason) from the sheet alone, further ones
reader-2.csv and so on beside it, for as many numbers as they read.
"""

from __future__ import annotations

import argparse
import csv
import os
import random
import re
import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "training")]

from automl_codex import mine
from benchmarks import reading
from codex_gate import szz
from codex_gate.errors import GateError, GitError, UsageError
from codex_gate.git import CommitMeta, Repository
from codex_gate.paths import language, role

FOLDER: Final = ROOT / "training" / "audit"
# Projects of the corpus or of training/fresh.yaml, labelled by SZZ; a stratum draws evenly from its projects.
STRATA: Final[dict[str, tuple[str, ...]]] = {
    "c": ("redis", "tmux"),
    "cpp": ("qtdeclarative",),
    "go": ("helm", "prometheus"),
    "java": ("gerrit",),
    "javascript": ("webpack",),
    "php": ("composer",),
    "python": ("pytest", "sphinx"),
    "ruby": ("rubocop",),
    "rust": ("alacritty", "hyper", "tokio"),
    "typescript": ("typeorm", "vue"),
}  # C++, Go, Java, JavaScript, Python and Ruby are of projects that no reader saw before; of C#'s only project too few fixes were left
SEED: Final = 8
EARLIER: Final = {
    "first": "every accusation (seed 3)",
    "second": "those without doubt, which then included lines beside an addition (seed 4)",
    "third": "those without doubt, among them of reverts, of fixes over several files and of commits that say they moved text (seed 5)",
    "fourth": "those without doubt, among them of repairs up to two years later, of mere layout and of vague titles (seed 6)",
    "fifth": "those without doubt, a year later at most (seed 7)",
}  # on which rules were chosen; their fixes are not drawn again
PER_LANGUAGE: Final = 15  # pairs
DECOYS: Final = 0.15  # share of the sheet
LINES: Final = 120  # of a diff on the sheet
WIDTH: Final = 130  # characters of a line on the sheet
_TRACED: Final = 24  # fixes traced at a time
MUST, AIM = 0.70, 0.85
VERDICTS: Final = ("right", "wrong", "unsure")
CLASSES: Final = {
    "not-a-fix": "the commit repairs no defect of the program: a feature, a clean-up, a warning, a change of style, build or text",
    "moved": "the accused commit only moved, renamed or laid out anew lines that were faulty before",
    "older": "the accused commit changed the very lines, but the fault was there before it",
    "elsewhere": "the lines were right when they were written; a requirement, a library, a platform or other code changed later",
    "collateral": "the accused commit brought lines that the fix touches, but not those that were faulty",
    "unrelated": "the accused commit has nothing to do with the fault",
    "unclear": "what the sheet shows does not decide it",
}
GUIDE: Final = """1. Read the fix first: its message and its lines. Say to yourself what went wrong for a user of the program before it. If nothing did, the verdict is *wrong*, class `not-a-fix`.
   A revert repairs what it takes back where its message or its lines say what went wrong.
2. Find the lines, or the omission, that caused it. A fix that only adds lines repairs an omission: its cause is the commit that wrote the code that lacks them.
3. Then read the accused commit. *Right*: it introduced those lines or that behaviour, or wrote the code that lacked what the fix adds, so that without it this fault would not have been there.
   A first version of a function counts as well as a later change of it.
4. *Wrong*, with a class, when the fault was there before, came later, or lies in other lines. That both commits touch the same file, or the same function, is not enough.
5. *Unsure* (class `unclear`) when the sheet does not decide it. It counts as wrong in the headline."""


@dataclass(frozen=True)
class Pair:
    """One line of the key: `kind` is pair or decoy; `traced` says whether SZZ went by deleted lines or by those beside an addition."""

    number: int
    kind: str
    language: str
    project: str
    repository: str
    traced: str
    fix: str
    candidate: str


@dataclass(frozen=True)
class Verdict:
    """What the reader said of one pair; `reason` in the reader's own words."""

    number: int
    verdict: str
    cls: str
    reason: str


# -- the draw ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Project:
    """A clone with the fixes that may be drawn, in the order of the draw."""

    name: str
    repository: str
    repo: Repository
    fixes: tuple[szz.Fix, ...]


def opened(entries: Iterable[Mapping[str, object]], clones: Path, rng: random.Random, known: Collection[str] = ()) -> dict[str, Project]:
    """The projects of the strata, their fixes up to `until` shuffled, without `known` ones.

    Raises:
        UsageError: a project has labels from outside, so there is nothing of SZZ to audit.
    """
    found = {}
    for entry in entries:
        if "labels" in entry:
            raise UsageError(f"{entry['project']} is labelled from {entry['labels']}; expected a project labelled by SZZ")
        folder = clones / str(entry["clone"]).replace("/", "+")
        repo = Repository.discover(folder / "repo" if (folder / "repo").is_dir() else folder, os.environ)
        end = datetime.combine(date.fromisoformat(str(entry["until"])), datetime.max.time(), UTC).timestamp()
        fixes = [fix for fix in szz.find_fixes(repo.log(str(entry["head"]))) if fix.time <= end and fix.sha not in known]
        rng.shuffle(fixes)
        found[str(entry["project"])] = Project(str(entry["project"]), str(entry["repository"]), repo, tuple(fixes))
    return found


def draw(project: Project, spoken: str, n_pairs: int, n_decoys: int, rng: random.Random) -> list[Pair]:
    """Pairs and decoys of one project; no fix is used twice.

    Raises:
        UsageError: the project has too few fixes that accuse somebody in this language.
    """
    found: list[Pair] = []
    for induced in _accusing(project, spoken):
        decoy = len(found) >= n_pairs
        candidate = _decoy(project.repo, induced, rng) if decoy else induced.inducing
        if candidate is not None and _readable(project.repo, induced.fix, candidate):
            traced = "deleted" if induced.deleted else "beside"
            found.append(Pair(0, "decoy" if decoy else "pair", spoken, project.name, project.repository, traced, induced.fix, candidate))
        if len(found) == n_pairs + n_decoys:
            return found
    raise UsageError(f"{project.name} has {len(found)} fixes that accuse a commit in {spoken}; expected {n_pairs + n_decoys}: draw fewer (--pairs)")


def _accusing(project: Project, spoken: str) -> Iterator[szz.Induced]:
    """What each fix accuses first, in the order of the draw; doubtful accusations give no label and are left out."""
    for at in range(0, len(project.fixes), _TRACED):
        chunk = [(fix.sha, fix.time) for fix in project.fixes[at : at + _TRACED]]
        for trace in szz.trace(project.repo, chunk, szz.VARIANTS[szz.DEFAULT]):
            if trace.induced and trace.doubt is None and language(trace.induced[0].path) == spoken:
                yield trace.induced[0]


def _decoy(repo: Repository, induced: szz.Induced, rng: random.Random) -> str | None:
    """Another commit before the fix that touched the accused file, neither a merge nor a root; None where there is none."""
    others = repo.rev_list("--no-merges", "--min-parents=1", f"{induced.fix}^", "--", induced.path)
    others = [sha for sha in others if sha != induced.inducing]
    return rng.choice(others) if others else None


def _readable(repo: Repository, *shas: str) -> bool:
    """Whether the clone has the text of these commits; a partial one may lack some."""
    try:
        return all(_hunks(repo, meta) for meta in repo.metas(shas))
    except GitError:
        return False


def shares(total: int, parts: int, first: int = 0) -> list[int]:
    """`total` in near-equal whole parts, what is left over from `first` on."""
    return [total // parts + ((i - first) % parts < total % parts) for i in range(parts)]


def drawn(projects: Mapping[str, Project], per_language: int, rng: random.Random, strata: Mapping[str, Sequence[str]] = STRATA) -> list[Pair]:
    """All pairs and decoys, shuffled and numbered from 1."""
    n_decoys = round(DECOYS / (1 - DECOYS) * per_language * len(strata))
    found: list[Pair] = []
    for place, (spoken, extra) in enumerate(zip(strata, shares(n_decoys, len(strata)), strict=True)):
        names = strata[spoken]
        for name, pairs, decoys in zip(names, shares(per_language, len(names)), shares(extra, len(names), place), strict=True):
            found += draw(projects[name], spoken, pairs, decoys, rng)
    rng.shuffle(found)
    return [Pair(**asdict(pair) | {"number": number}) for number, pair in enumerate(found, 1)]


# -- the sheet ---------------------------------------------------------------------------------------------


def sheet(pair: Pair, repo: Repository) -> str:
    """One pair for reading: both commits in the same form, whatever the key says of it."""
    fix, candidate = repo.metas([pair.fix, pair.candidate])
    fixed, brought = _hunks(repo, fix), _hunks(repo, candidate)
    parts = [f"=== {pair.number} {pair.repository} fix {pair.fix[:10]} accused {pair.candidate[:10]}", "FIX " + _said(fix, 8), *_nearest(fixed, brought)]
    return "\n".join([*parts, "ACCUSED " + _said(candidate, 3), *_nearest(brought, fixed)]) + "\n"


def _said(meta: CommitMeta, most: int) -> str:
    lines = [line for line in meta.message.splitlines() if line.strip()][:most]
    return f"{datetime.fromtimestamp(meta.time, UTC):%Y-%m-%d} " + "\n    ".join(line[:WIDTH] for line in lines)


def _hunks(repo: Repository, meta: CommitMeta) -> list[list[str]]:
    """Hunks of the files of program text with three lines around, each headed by its path."""
    raw = repo.run("diff-tree", "-p", "-M", "-U3", "--no-color", "--no-ext-diff", "--no-textconv", meta.parents[0], meta.sha).decode("utf-8", "replace")
    found: list[list[str]] = []
    for text in re.split(r"^diff --git ", raw, flags=re.MULTILINE)[1:]:
        head, *hunks = re.split(r"^@@", text, flags=re.MULTILINE)
        path = head.split("\n", 1)[0].rsplit(" b/", 1)[-1]
        if role(path) == "code":
            found += [[f"-- {path} @@" + lines[0], *lines[1:]] for lines in (hunk.splitlines() for hunk in hunks)]
    return found


def _nearest(hunks: Sequence[list[str]], others: Sequence[list[str]]) -> list[str]:
    """The hunks that share most lines with the other commit, in the order of the diff, cut to LINES."""
    known = {line[1:].strip() for hunk in others for line in hunk[1:]}
    ranked = sorted(range(len(hunks)), key=lambda i: (-len({line[1:].strip() for line in hunks[i][1:] if _telling(line)} & known), i))
    left, chosen = LINES, {}
    for place in ranked:
        if left > 1:
            chosen[place] = hunks[place][:left]
            left -= len(chosen[place])
    lines = [line[:WIDTH] for place in sorted(chosen) for line in chosen[place]]
    cut = sum(map(len, hunks)) - len(lines)
    return [*lines, *([f"-- {cut} lines more"] if cut else [])]


def _telling(line: str) -> bool:
    return len(re.findall(r"\w", line)) > 3


# -- files -------------------------------------------------------------------------------------------------


def write_pairs(pairs: Iterable[Pair], path: Path) -> None:
    """The key as CSV."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, [f.name for f in fields(Pair)], lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(pair) for pair in pairs)


def read_pairs(path: Path) -> dict[int, Pair]:
    """The key by number."""
    return {int(row["number"]): Pair(**{**row, "number": int(row["number"])}) for row in reading.rows(path, [f.name for f in fields(Pair)])}  # type: ignore[arg-type]


def read_verdicts(path: Path, pairs: Mapping[int, Pair]) -> list[Verdict]:
    """The verdicts, checked against the guide.

    Raises:
        UsageError: a number that was not drawn or is judged twice, a verdict or class that the guide does not know, a reason that is missing or long.
    """
    found: dict[int, Verdict] = {}
    for line, row in enumerate(reading.rows(path, ["number", "verdict", "class", "reason"]), 2):
        where, number = f"{path}, line {line}", int(row["number"]) if row["number"].isdecimal() else -1
        if number not in pairs or number in found:
            raise UsageError(f"{where}: number {row['number']!r} {'is judged twice' if number in found else 'was not drawn'}; expected each drawn number once")
        if row["verdict"] not in VERDICTS or (row["class"] in CLASSES) != (row["verdict"] != "right") or (row["verdict"] == "right" and row["class"]):
            raise UsageError(
                f"{where}: verdict {row['verdict']!r}, class {row['class']!r}; expected right without class, or wrong or unsure with one of {', '.join(CLASSES)}"
            )
        if not row["reason"] or len(row["reason"]) > 100:
            raise UsageError(f"{where}: a reason of {len(row['reason'] or '')} characters; expected 1 to 100")
        found[number] = Verdict(number, row["verdict"], row["class"], row["reason"])
    if not found:
        raise UsageError(f"{path} holds no verdicts; read the sheet first")
    return list(found.values())


# -- the document ------------------------------------------------------------------------------------------


def document(pairs: Mapping[int, Pair], verdicts: Sequence[Verdict], others: Mapping[str, Sequence[Verdict]], day: date) -> str:
    """docs/label-audit.md, from the key and the verdicts alone; `others` are those of further readers, by name."""
    judged = [(pairs[v.number], v) for v in verdicts]
    real, decoys = ([(p, v) for p, v in judged if p.kind == kind] for kind in ("pair", "decoy"))
    found = [compared(pairs, verdicts, other) for other in others.values()]
    parts = [_HEAD, _headline(pairs, real, decoys, found, day), _before(), _readers(dict(zip(others, found, strict=True)))]
    parts += ["## The guide, written before the first verdict\n", GUIDE + "\n", _classes()]
    parts += ["## By language\n", _by(real, lambda p: p.language, "language"), "## By what SZZ went by\n", _by(real, lambda p: p.traced, "traced by")]
    return "\n".join([*parts, "## Classes of error\n", _errors(real, decoys), _LIMITS])


_HEAD: Final = """# Labels read by eye

Written by `python benchmarks/audit.py tally` from `training/audit/pairs.csv` (the key) and `training/audit/verdicts.csv`; no figure is typed by hand. Fix and accused commit of the default variant
of SZZ ([labels.md](labels.md)), drawn by language, were **judged by a language model, blind**, and by further readers: numbers were shuffled, decoys looked like pairs, and the key was not opened before the last verdict.
Only accusations that give a label are drawn, those without doubt. The rules for fixes and for doubt were chosen on five earlier audits (`training/audit/first/` to `fifth/`); no fix of theirs was drawn again.
A decoy is a random earlier commit that touched the accused file, not the accused one. No maintainer was asked.
"""
_LIMITS: Final = f"""## How far to trust it

- The first reader of the second and of the third audit had also written the rules of doubt, and is more lenient than the others. Since the fourth, readers were given the guide and the sheets alone; a full reading was
  shared by two, a half each. All readers are language models and worked on one machine, the key out of their way: that none could reach it or another's verdicts is not established. Where they agree more than the readers of earlier audits did, the readings are too alike to count for more than one.
- A reader saw the message and at most {LINES} lines of each diff, those nearest to the other commit; not the issue, not the whole file.
  Where these do not show what decides it, what a reader knows of a well-known project decided with them. Each pair was read once and quickly, sheet after sheet; no verdict was changed after the key was opened. Whether a fault was `older` was judged by the accused diff alone, not looked up in the history.
- The guide asks for the cause. Blame that ends at a commit which carried the fault on (`moved`, `older`) is wrong by it, though a reader of the code might be content with it; the table gives that share apart.
- A reader who called everything wrong would catch all decoys, one who called everything right none; the share of decoys called right bounds how lenient the reader was.
  A decoy may by chance have caused the fault with the accused commit, so not every decoy called right is a slip.
- The accused commit is judged, not completeness: causes that SZZ did not name are not in these figures; [labels.md](labels.md) has the recall.
- Messages that the rule for fixes overlooks are not drawn. The projects of C, PHP, Rust and TypeScript were in earlier audits too, with other fixes.
"""


def _headline(
    pairs: Mapping[int, Pair], real: Sequence[tuple[Pair, Verdict]], decoys: Sequence[tuple[Pair, Verdict]], others: Sequence[reading.Compared], day: date
) -> str:
    right = sum(v.verdict == "right" for _, v in real)
    sure = sum(v.verdict != "unsure" for _, v in real)
    fixes = sum(v.cls != "not-a-fix" for _, v in real)
    caught = sum(v.verdict != "right" for _, v in decoys)
    share = right / len(real) if real else 0.0
    if n := sum(c.pairs for c in others):
        share = min(share, sum(c.right for c in others) / n)
    met = "the aim is met" if share >= AIM else "the must is met, the aim is not" if share >= MUST else "the must is not met"
    rows = [
        ("**pairs that are right** (unsure counts as wrong)", reading.share(right, len(real))),
        ("of the pairs that the reader was sure of", reading.share(right, sure)),
        ("of the pairs whose fix is one", reading.share(right, fixes)),
        (
            "right, `older` or `moved`: blame found the lines, if not the cause",
            reading.share(right + sum(v.cls in ("older", "moved") for _, v in real), len(real)),
        ),
        ("**decoys caught** (not called right)", reading.share(caught, len(decoys))),
    ]
    said = f"{day}, seed {SEED}: {len(real) + len(decoys)} of {len(pairs)} drawn were judged, {len(real)} pairs and {len(decoys)} decoys. Must {MUST:.0%}, aim {AIM:.0%}: {met}."
    said += " A goal counts as met only where the further readers together reach it too." if others else ""
    return said + " In square brackets: 95 % intervals (Wilson).\n\n" + reading.table(("what", "share", "n"), rows)


def _before() -> str:
    """What the earlier audits gave, each in a line."""
    lines = []
    for name, drawn_from in EARLIER.items():
        pairs, verdicts, _ = opinions(FOLDER / name / "pairs.csv", FOLDER / name / "verdicts.csv")
        real = [v for v in verdicts if pairs[v.number].kind == "pair"]
        lines.append(f"- {name}: {reading.share(sum(v.verdict == 'right' for v in real), len(real)).replace(' | ', ', ')} pairs right; drawn from {drawn_from}")
    return "Earlier audits, by the same guide and their first reader:\n\n" + "\n".join(lines) + "\n"


def opinions(key: Path, first: Path) -> tuple[dict[int, Pair], list[Verdict], dict[str, list[Verdict]]]:
    """The key of an audit, its first reader's verdicts, and those of the further readers beside them."""
    pairs = read_pairs(key)
    return pairs, read_verdicts(first, pairs), {path.stem: read_verdicts(path, pairs) for path in sorted(first.parent.glob("reader-*.csv"))}


def compared(pairs: Mapping[int, Pair], one: Sequence[Verdict], other: Sequence[Verdict]) -> reading.Compared:
    """Two readers' verdicts side by side."""
    first, second = ({v.number: v.verdict == "right" for v in said} for said in (one, other))
    return reading.compared({number: pair.kind == "pair" for number, pair in pairs.items()}, first, second)


def _readers(found: Mapping[str, reading.Compared]) -> str:
    """Every further reader, of this audit and of the earlier ones."""
    rows = [_reader("this", name, compared) for name, compared in found.items()]
    for audit in EARLIER:
        pairs, first, others = opinions(FOLDER / audit / "pairs.csv", FOLDER / audit / "verdicts.csv")
        rows += [_reader(audit, name, compared(pairs, first, other)) for name, other in others.items()]
    said = "## Further readers\n\nThey knew the guide and the sheets, not the rules. *Same*: right or not, as the first reader said, decoys included.\n\n"
    return said + reading.table(("audit", "reader", "pairs right", "n", "the first said", "same", "kappa", "decoys caught"), rows)


def _reader(audit: str, name: str, c: reading.Compared) -> tuple[str, ...]:
    same = f"{c.same} of {c.numbers} ({c.same / c.numbers:.0%})" if c.numbers else "–"
    return audit, name.removeprefix("reader-"), reading.share(c.right, c.pairs), str(c.first), same, f"{c.kappa:.2f}", f"{c.caught} of {c.decoys}"


def _by(real: Sequence[tuple[Pair, Verdict]], key: Callable[[Pair], str], name: str) -> str:
    rows = []
    for group in sorted({key(p) for p, _ in real}):
        own = [v.verdict for p, v in real if key(p) == group]
        projects = ", ".join(sorted({p.project for p, _ in real if key(p) == group}))
        rows.append((group, projects, reading.share(own.count("right"), len(own)), str(own.count("unsure"))))
    return reading.table((name, "projects", "right", "n", "unsure"), rows)


def _classes() -> str:
    return "Classes of what is not right:\n\n" + "\n".join(f"- `{name}`: {text}" for name, text in CLASSES.items()) + "\n"


def _errors(real: Sequence[tuple[Pair, Verdict]], decoys: Sequence[tuple[Pair, Verdict]]) -> str:
    ours, theirs = (Counter(v.cls for _, v in judged if v.cls) for judged in (real, decoys))
    rows = [(f"`{name}`", reading.share(ours[name], len(real)), str(theirs[name])) for name in sorted(CLASSES, key=lambda name: (-ours[name], name))]
    return reading.table(("class", "share of pairs", "pairs", "decoys"), rows)


# -- commands ----------------------------------------------------------------------------------------------


def sample(options: argparse.Namespace) -> None:
    """Draw, write the key and the sheet in parts of 25 pairs."""
    rng = random.Random(SEED)
    entries = {entry["project"]: entry for entry in [*mine.read_corpus(options.corpus), *mine.read_corpus(ROOT / "training" / "fresh.yaml")]}
    chosen = [entries[name] for names in STRATA.values() for name in names]
    mine.refuse_off_limits([entry["repository"] for entry in chosen], ROOT / "training" / "off-limits.txt")
    read = {pair.fix for name in EARLIER for pair in read_pairs(FOLDER / name / "pairs.csv").values()}
    projects = opened(chosen, options.clones, rng, read)
    pairs = drawn(projects, options.pairs, rng)
    write_pairs(pairs, options.key)
    options.sheet.mkdir(parents=True, exist_ok=True)
    for at in range(0, len(pairs), 25):
        texts = [sheet(pair, projects[pair.project].repo) for pair in pairs[at : at + 25]]
        (options.sheet / f"sheet-{at // 25 + 1:02}.txt").write_text("\n".join(texts))
    print(f"{len(pairs)} pairs drawn, {sum(p.kind == 'decoy' for p in pairs)} of them decoys; read {options.sheet} and leave {options.key} closed")


def tally(options: argparse.Namespace) -> None:
    """Write the document."""
    options.output.write_text(document(*opinions(options.key, options.verdicts), options.day))


def main(argv: Sequence[str] | None = None) -> int:
    """Run one of the two commands; 2 when something asked for is not as expected."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    commands = parser.add_subparsers(required=True)
    one, two = commands.add_parser("sample", help="draw pairs and decoys"), commands.add_parser("tally", help="write the document")
    for command in (one, two):
        command.add_argument("--key", type=Path, default=FOLDER / "pairs.csv")
    one.add_argument("--corpus", type=Path, default=ROOT / "training" / "corpus.yaml")
    one.add_argument("--clones", type=Path, required=True, metavar="DIR", help="clones named OWNER+NAME")
    one.add_argument("--sheet", type=Path, required=True, metavar="DIR", help="where the sheet for reading goes; not to be committed")
    one.add_argument("--pairs", type=int, default=PER_LANGUAGE, metavar="N", help=f"pairs a language (default: {PER_LANGUAGE})")
    one.set_defaults(command=sample)
    two.add_argument("--verdicts", type=Path, default=FOLDER / "verdicts.csv")
    two.add_argument("--output", type=Path, default=ROOT / "docs" / "label-audit.md")
    two.add_argument("--day", type=date.fromisoformat, required=True, help="when the verdicts were given")
    two.set_defaults(command=tally)
    options = parser.parse_args(argv)
    try:
        options.command(options)
    except (GateError, ValueError) as error:  # ValueError: a number or a text of the key that is none
        print(f"audit: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
