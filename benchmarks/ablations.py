"""What each source of learning is worth for the linear model of kinds, on commits of repositories that nothing was learned from.

python benchmarks/ablations.py --clones DIR --synthetic DIR... [--answers DIR]    # training/categories → docs/ablations.md

A setting is a fit of `kinds.fit` with the setting that ships; no threshold is involved. Repositories of the test are drawn anew for the intervals, the same
ones for every setting, so that differences are paired.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import sys
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "training")]

import numpy as np
from imblearn.over_sampling import SMOTE  # type: ignore[import-untyped]
from scipy import sparse  # type: ignore[import-untyped]

from automl_codex import commits, examples, kinds, logits, metrics
from automl_codex.examples import Example, as_change
from automl_codex.kinds import NONE_ID, Read, Setting, Taught
from automl_codex.logits import Answers
from benchmarks.categories import FOLDER, test_commits
from codex_gate import paths, rules, terms
from codex_gate.errors import GateError
from codex_gate.intervals import Interval
from codex_gate.taxonomy import KINDS
from codex_gate.types import Commit

SEED, DRAWS = 42, 1000
SETTING: Final[Setting] = kinds.SETTINGS[1]  # that of the model that ships
NEIGHBOURS: Final = 5
MUTANTS, GRAFTS, VARIANTS = "mutants both ways", "grafts of mutants both ways", "variants (eda, template)"
WITH_CODE: Final = "with names and operators of the changed lines"
_PART = re.compile(rb"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[-+*/%&|^=<>!?:.]{1,3}|[()\[\]{};,@#\"'~$\\]")
Rows = tuple[Sequence[np.ndarray], np.ndarray]


@dataclass(frozen=True, eq=False)
class Test:
    """Commits that are judged: what they are about, their repositories, and P(kind) must be given for them."""

    found: Read

    def figures(self, shares: np.ndarray, weight: np.ndarray) -> tuple[float, ...]:
        """Accuracy and macro-F1 of the likeliest category of repairs, and the AUC of 1 − P(none) for being one."""
        about = self.found.kinds != NONE_ID
        said, true, w = shares[about, :NONE_ID].argmax(1), self.found.kinds[about], weight[about]
        f1 = []
        for kind in np.unique(true):
            total = w[true == kind].sum() + w[said == kind].sum()
            if w[true == kind].sum():
                f1.append(2 * w[(true == kind) & (said == kind)].sum() / total)
        hit = float((w * (said == true)).sum() / w.sum())
        return hit, float(np.mean(f1)), metrics.auc(about.astype(int), 1 - shares[:, NONE_ID], weight)


def buckets(commit: Commit, kept: Callable[[str], bool], with_code: bool = False) -> np.ndarray:
    """The buckets of those terms of a change that are kept, with those of its code where they are asked for."""
    told = terms.of(commit, dict.fromkeys(rule.name for rule, _ in rules.fired(commit))) + (code_terms(commit) if with_code else [])
    return np.array([kinds.crc32(term.encode("utf-8", "surrogatepass")) % kinds.BUCKETS for term in told if kept(term)], np.int64)


def code_terms(commit: Commit) -> list[str]:
    """Names and operators of the changed lines of program text, each with whether there are more or fewer of it: what `terms.of` leaves out."""
    patches = b"\n".join(change.patch for change in commit.files if paths.role(change.path) == "code")[: 1 << 14]
    came, gone = (Counter(_PART.findall(b"\n".join(re.findall(b"^" + sign + b"(.*)", patches, re.MULTILINE)))) for sign in (rb"\+", b"-"))
    found = []
    for part in list(came | gone)[:400]:
        word = part.decode().lower()
        found += [f"c:{word}", *([f"+{word}"] if came[part] > gone[part] else [f"-{word}"] if came[part] < gone[part] else [])]
    return found


def synthetic(folders: Sequence[Path]) -> tuple[list[np.ndarray], np.ndarray, list[str]]:
    """Changes of generated Python of which it is known what they are about: buckets, kinds, and what made each: mutants and grafts of mutants both ways, or variants about nothing."""
    chosen = [row for folder in folders for row in examples.read(folder) if not row.row_id.endswith(":rust") and row.category]
    rows = [kinds.buckets_of(_commit(row), rules.fired(_commit(row))) for row in chosen]
    return rows, np.array([KINDS.index(row.category or "") for row in chosen]), [_made(row) for row in chosen]


def _made(row: Example) -> str:
    if row.category == KINDS[NONE_ID]:
        return VARIANTS
    return GRAFTS if "-smote-" in row.row_id else MUTANTS


def _commit(row: Example) -> Commit:
    return Commit(None, (), "a", 0, 0, None, (as_change(row.path, row.before, row.after),))


def copies(found: Read, n: int) -> Rows:
    """`n` commits drawn again, rare kinds as often as frequent ones."""
    rng = np.random.default_rng(SEED)
    share = np.bincount(found.kinds, minlength=len(KINDS))
    weight = 1.0 / share[found.kinds]
    again = rng.choice(len(found.kinds), n, p=weight / weight.sum())
    return [found.buckets[row] for row in again], found.kinds[again]


@dataclass(frozen=True, eq=False)
class Vectors:
    """Commits as vectors (n, buckets) with a kind and a weight each, and what a bucket counts."""

    x: Any
    kinds: np.ndarray
    weights: np.ndarray
    counts: np.ndarray

    @classmethod
    def of(cls, found: Read) -> Vectors:
        counts = kinds.counts_of(found.buckets)
        return cls(kinds.matrix(found.buckets, counts), found.kinds, np.ones(len(found.kinds)), counts)


def smote(found: Read, n: int) -> Vectors:
    """With up to `n` more between neighbours of the same kind, the rarest kinds first; kinds with no NEIGHBOURS besides are left alone.

    Source: Chawla et al. 2002, by imbalanced-learn.
    """
    base = Vectors.of(found)
    sizes = {int(kind): int(size) for kind, size in zip(*np.unique(found.kinds, return_counts=True)) if size > NEIGHBOURS}
    level = max((level for level in range(1, max(sizes.values()) + 1) if sum(max(0, level - size) for size in sizes.values()) <= n), default=1)
    wanted = {kind: max(level, size) for kind, size in sizes.items()}
    x, about = SMOTE(sampling_strategy=wanted, k_neighbors=NEIGHBOURS, random_state=SEED).fit_resample(base.x, base.kinds)
    return Vectors(x, about, np.ones(len(about)), base.counts)


def mixup(found: Read, n: int) -> Vectors:
    """With `n` more, each a random pair blended, and of both kinds by their shares. Source: Zhang et al. 2018, α .2."""
    base, rng = Vectors.of(found), np.random.default_rng(SEED)
    (one, other), share = rng.integers(0, len(found.kinds), (2, n)), rng.beta(0.2, 0.2, n)
    blend = sparse.diags(share) @ base.x[one] + sparse.diags(1 - share) @ base.x[other]
    about = np.concatenate([base.kinds, base.kinds[one], base.kinds[other]])
    return Vectors(sparse.vstack([base.x, blend, blend]), about, np.concatenate([base.weights, share, 1 - share]), base.counts)


def settings(found: Read, made: tuple[list[np.ndarray], np.ndarray, list[str]], beside: Mapping[str, Taught]) -> dict[str, tuple[Rows, Taught | None]]:
    """What is learned from, by the name of its row."""
    base: Rows = (list(found.buckets), found.kinds)
    rows, about, by = made

    def also(extra: Rows) -> Rows:
        return [*base[0], *extra[0]], np.concatenate([base[1], extra[1]])

    def part(name: str) -> Rows:
        places = [place for place, one in enumerate(by) if one == name]
        return [rows[place] for place in places], about[places]

    told: dict[str, tuple[Rows, Taught | None]] = {"commits that were read": (base, None)}
    told |= {f"… and unread ones by {name}": (base, taught) for name, taught in beside.items()}
    if rows:
        told[f"… and {len(rows):,} generated changes"] = (also((rows, about)), None)
        told |= {f"… and {by.count(name):,} of them, {name}": (also(part(name)), None) for name in (MUTANTS, GRAFTS, VARIANTS) if name in by}
        sizes = sorted({len(rows), *Counter(by).values()}, reverse=True)
        told |= {f"… and {size:,} copies at random, kinds alike": (also(copies(found, size)), None) for size in sizes}
        told["generated changes alone"] = ((rows, about), None)
    for n in (8000, 4000, 2000, 1000):
        if n < len(base[0]):
            chosen = np.random.default_rng(SEED).permutation(len(base[0]))[:n]
            told[f"{n:,} of the commits"] = (([base[0][row] for row in chosen], found.kinds[chosen]), None)
    return told


def by_teachers(answers: Answers, read: Collection[str], clones: Path) -> dict[str, Taught]:
    """What all teachers together say of unread commits, and what each says alone."""
    asked = {
        "all teachers": answers.logits,
        **({f"teacher {name} alone": {name: found} for name, found in answers.logits.items()} if len(answers.logits) > 1 else {}),
    }
    return {name: kinds.taught(Answers(answers.examples, some), read, clones, os.environ, SEED) for name, some in asked.items()}


WITHOUT: Final[Mapping[str, Callable[[str], bool]]] = {
    "without the rules": lambda term: term[:2] != "r:",
    "without the message": lambda term: term[:2] not in ("t:", "m:"),
    "without paths, languages and sizes": lambda term: term[:2] not in ("p:", "l:", "f:", "a:", "d:", "n:"),
}


def measured(found: Read, judged: Test, made: tuple[list[np.ndarray], np.ndarray, list[str]], beside: Mapping[str, Taught]) -> dict[str, np.ndarray]:
    """P(kind) of the test's commits by setting."""
    shares: dict[str, np.ndarray] = {}
    for name, ((rows, about), taught) in settings(found, made, beside).items():
        model = kinds.fit(rows, about, SETTING, SEED, taught)
        shares[name] = kinds.probabilities(model, judged.found.buckets, judged.found.possible)
        print(name, file=sys.stderr)
    extra = len(made[0]) or len(found.kinds)
    for name, vectors in ((f"… and {extra:,} by SMOTE of vectors", smote), (f"… and {extra:,} by MixUp of vectors", mixup)):
        told = vectors(found, extra)
        model = kinds.regress(told.x, told.kinds, told.weights, told.counts, SETTING, SEED)
        shares[name] = kinds.probabilities(model, judged.found.buckets, judged.found.possible)
        print(name, file=sys.stderr)
    for name, kept in {**WITHOUT, WITH_CODE: lambda term: True}.items():
        learned, asked = ([buckets(commit, kept, name == WITH_CODE) for commit in one.commits] for one in (found, judged.found))
        shares[name] = kinds.probabilities(kinds.fit(learned, found.kinds, SETTING, SEED), asked, judged.found.possible)
        print(name, file=sys.stderr)
    return shares


def document(judged: Test, shares: Mapping[str, np.ndarray], n: int) -> str:
    """docs/ablations.md."""
    groups = np.unique(list(judged.found.repositories), return_inverse=True)[1]
    many, rng = int(groups.max()) + 1, np.random.default_rng(SEED)
    weights = [np.bincount(rng.integers(0, many, many), minlength=many)[groups].astype(float) for _ in range(DRAWS)]
    draws = {name: np.array([judged.figures(one, weight) for weight in weights]) for name, one in shares.items()}
    values = {name: judged.figures(one, np.ones(len(groups))) for name, one in shares.items()}
    base = next(iter(shares))
    lines = [
        "# What helps to tell kinds of defects",
        "",
        "Written by `python benchmarks/ablations.py`; nothing is typed by hand. "
        f"{datetime.now(UTC):%Y-%m-%d}, {platform.machine()}, Python {platform.python_version()}, seed {SEED}.",
        "",
        f"The linear model of kinds (`automl-codex kinds`, C {SETTING[0]:g}, balance {SETTING[1]:g}), learned from {n:,} commits that were read, judged on {len(groups)} commits of {many} repositories that nothing was learned "
        "from ([categories.md](categories.md)). Accuracy and macro-F1 are of the likeliest category of repairs, whatever its probability; the AUC is of 1 − P(none) for being a repair. In brackets 95 % intervals, repositories drawn "
        "anew; `±` is the difference to the first row, in the same draws.",
        "",
        "| learned from | accuracy | ± | macro-F1 | ± | AUC of a repair | ± |",
        "|---|---|---|---|---|---|---|",
    ]
    for name in shares:
        cells = []
        for place in range(3):
            found = metrics.interval(values[name][place], draws[name][:, place])
            gain = metrics.interval(values[name][place] - values[base][place], draws[name][:, place] - draws[base][:, place])
            cells += [_shown(found, ""), "–" if name == base else _shown(gain, "+")]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _shown(found: Interval, sign: str) -> str:
    return f"{found.value:{sign}.3f} ({found.low:{sign}.3f} to {found.high:{sign}.3f})"


def main(argv: Sequence[str] | None = None) -> int:
    """Write the document; 2 when something asked for is not as expected."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--clones", type=Path, required=True, metavar="DIR", help="clones named OWNER+NAME")
    parser.add_argument("--synthetic", type=Path, nargs="*", default=[], metavar="DIR", help="outputs of automl-codex rows, augment or verify")
    parser.add_argument("--answers", type=Path, metavar="DIR", help="output of automl-codex logits on rows of unread commits")
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "ablations.md")
    options = parser.parse_args(argv)
    try:
        found = kinds.read(FOLDER, options.clones, os.environ, ROOT / "training" / "off-limits.txt")
        judged = Test(Read.of([(commit, reading.repository, reading.kind) for commit, reading in test_commits(options.clones)]))
        read = set(commits.readings(FOLDER / commits.COMMITS, commits.sources(FOLDER)))
        beside = by_teachers(logits.read(options.answers), read, options.clones) if options.answers else {}
        shares = measured(found, judged, synthetic(options.synthetic), beside)
        options.output.write_text(document(judged, shares, len(found.kinds)), "utf-8")
    except GateError as error:
        print(f"ablations: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
