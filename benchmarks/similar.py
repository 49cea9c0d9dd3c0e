"""What `codex-gate similar` is worth, as docs/similar.md: `python benchmarks/similar.py`.

Programs get a renamed copy, variants that keep the meaning, a mutant, and a twin in which two reads of variables changed places: the same tokens, another data flow.
Which of them lies nearer? Nothing is run. Needs `.[retrain]`, no network; a minute and a half of one core.
"""

from __future__ import annotations

import argparse
import ast
import os
import platform
import statistics
import sys
import sysconfig
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from itertools import islice
from pathlib import Path
from random import Random
from unittest.mock import patch

from automl_codex import eda, grammar, mutate, paths
from automl_codex.sampling import STRATEGIES
from codex_gate import similar
from codex_gate.intervals import wilson

SEED = 2  # K and AROUND were chosen on the programs of seed 1
DEPTH = 4  # of generated programs
SIZES = (3_000, 15_000)  # bytes of modules of the standard library that are taken: short ones hold nothing to swap, long ones take long
GENERATED = "Generated programs"
TRIES = 40  # swaps that are tried until one is no renaming
LAID_OUT, RENAMED, KEPT, FLOW, MUTANT, OTHER = (
    "itself, laid out otherwise", "renamed copy", "variant that keeps the meaning", "another data flow, same tokens", "mutant", "another program",
)  # fmt: skip
KINDS = (LAID_OUT, RENAMED, KEPT, FLOW, MUTANT, OTHER)
PAIRS = ((RENAMED, FLOW), (RENAMED, MUTANT), (RENAMED, OTHER), (KEPT, FLOW), (KEPT, MUTANT), (KEPT, OTHER), (FLOW, OTHER))
CHOICES = ((RENAMED, FLOW), (KEPT, FLOW), (KEPT, MUTANT))
Texts = Mapping[str, str]
Score = Callable[[str, str], float]


def generated(count: int) -> list[tuple[str, str]]:
    """Programs of the whole grammar with their entry."""
    drafts = STRATEGIES["random"]().drafts(grammar.python(), Random(SEED), 0, DEPTH)
    return [(draft.source, draft.entry) for draft in islice(drafts, count)]


def library(count: int) -> list[tuple[str, str]]:
    """Modules of the running Python's standard library, drawn by the seed; real code, with its comments and layout."""
    folder = Path(sysconfig.get_paths()["stdlib"])
    found = sorted(path for path in (*folder.glob("*.py"), *folder.glob("*/*.py")) if not {"test", "tests", "site-packages", "lib2to3"} & set(path.parts))
    fitting = [path for path in found if SIZES[0] <= path.stat().st_size <= SIZES[1]]
    Random(SEED).shuffle(fitting)
    return [(path.read_text("utf-8"), "") for path in fitting[:count]]


def family(source: str, entry: str, other: str, rng: Random) -> Texts | None:
    """A program in Python's own layout, without comments, and its relatives; None where one of them does not exist."""
    text, source = source, ast.unparse(ast.parse(source)) + "\n"
    copies = (text for text, _ in eda.variants(source, entry, eda.Probabilities(1, 0, 0, 0), rng, 3))
    renamed = next(
        (text for text in copies if paths.alpha_normal(text) == paths.alpha_normal(source)), None
    )  # not with a name left out, as that of an import is
    kept = next(eda.variants(source, entry, eda.Probabilities(0.5, 0.5, 0.5, 0.5), rng, 5), None)
    twin = swapped(source, rng)
    mutants = mutate.mutants(source)
    if renamed is None or kept is None or twin is None or not mutants:
        return None
    by_operator: dict[str, list[str]] = {}
    for mutant in mutants:
        by_operator.setdefault(mutant.operator, []).append(mutant.source)
    mutant = rng.choice(by_operator[rng.choice(sorted(by_operator))])
    return {"": source, LAID_OUT: text, RENAMED: renamed, KEPT: kept[0], FLOW: twin, MUTANT: mutant, OTHER: other}


def swapped(source: str, rng: Random) -> str | None:
    """The text with two reads of different variables of one function in each other's place, so that no renaming makes up for it; None where there is no such pair."""
    normal = paths.alpha_normal(source)
    functions = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    reads = [found for found in (list(_reads(function)) for function in functions) if len({name.id for name in found}) > 1]
    lines = source.splitlines(keepends=True)
    for _ in range(TRIES if reads else 0):
        one, two = sorted(rng.sample(rng.choice(reads), 2), key=lambda name: (name.lineno, name.col_offset))
        if one.id != two.id and source.isascii():
            changed = list(lines)
            for name, other in ((two, one), (one, two)):  # the later first: its place stays where it is
                line = changed[name.lineno - 1]
                changed[name.lineno - 1] = line[: name.col_offset] + other.id + line[name.col_offset + len(name.id) :]
            text = "".join(changed)
            if paths.alpha_normal(text) != normal:
                return text
    return None


def _reads(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[ast.Name]:
    """Reads of names that the function itself binds, outside of formatted texts, whose places Python does not tell."""
    bound = {name for name, dotted in paths.bound_names(function) if not dotted} - {function.name}
    todo: list[ast.AST] = list(function.body)
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in bound:
            yield node
        if not isinstance(node, ast.JoinedStr):
            todo.extend(ast.iter_child_nodes(node))


# -- scores --------------------------------------------------------------------------------------------


def likeness(part: str = "value") -> Score:
    """The command's figure, or one half of it."""
    return lambda first, second: float(getattr(similar.compare(_program(first), _program(second)), part))


def overlap(first: str, second: str) -> float:
    """The share of words and signs that two texts have in common, as they stand: what a plain comparison of tokens says."""
    ours, theirs = (Counter(token.text for token in similar.tokens(text, "python", similar.MAX_TOKENS)[0]) for text in (first, second))
    return (ours & theirs).total() / (ours | theirs).total()


@cache
def _program(text: str) -> similar.Program:
    return similar.program(text, "x.py")


SCORES: Mapping[str, Score] = {
    "similar": likeness(),
    "its structure alone": likeness("structure"),
    "its data flow alone": likeness("flow"),
    "shared tokens": overlap,
}


def choices(families: Sequence[Texts]) -> str:
    """The same with other runs and other surroundings; how often the variant is nearer than what does something else."""
    rows = [f"| K | AROUND | {' | '.join(f'{near}, and not: {far}' for near, far in CHOICES)} |", f"| --- | --- |{' --- |' * len(CHOICES)}"]
    for k in (3, 5, 7):
        for around in (1, 2, 3):
            with patch.object(similar, "K", k), patch.object(similar, "AROUND", around):
                programs = [{kind: similar.program(text, "x.py") for kind, text in texts.items()} for texts in families]
                scores = {kind: [similar.compare(of[""], of[kind]).value for of in programs] for kind in KINDS}
            rows.append(f"| {k} | {around} | {' | '.join(_share(scores[near], scores[far], len(families)) for near, far in CHOICES)} |")
    return "\n".join(rows)


# -- the page ------------------------------------------------------------------------------------------


def section(name: str, told: str, families: Sequence[Texts]) -> str:
    scores = {kind: {score: [of(texts[""], texts[kind]) for texts in families] for score, of in SCORES.items()} for kind in KINDS}
    return "\n\n".join([f"## {name}", f"{len(families)} programs: {told}", _order(scores, len(families)), _spread(scores), _cost(families)])


def _order(scores: Mapping[str, Mapping[str, Sequence[float]]], n: int) -> str:
    rows = [f"| nearer to the program: | {' | '.join(SCORES)} |", f"| --- |{' --- |' * len(SCORES)}"]
    for near, far in PAIRS:
        cells = [_share(scores[near][score], scores[far][score], n) for score in SCORES]
        rows.append(f"| {near}, and not: {far} | {' | '.join(cells)} |")
    return "\n".join(rows)


def _share(near: Sequence[float], far: Sequence[float], n: int) -> str:
    won, tied = sum(a > b for a, b in zip(near, far, strict=True)), sum(a == b for a, b in zip(near, far, strict=True))
    found = wilson(won, n)
    return f"{found.value:.1%} ({found.low:.1%}–{found.high:.1%})" + (f", {tied} alike" if tied else "")


def _spread(scores: Mapping[str, Mapping[str, Sequence[float]]]) -> str:
    rows = ["| likeness to the program | lowest | 5 % | median | 95 % | highest |", "| --- | --- | --- | --- | --- | --- |"]
    for kind, by_score in scores.items():
        values = sorted(by_score["similar"])
        cuts = statistics.quantiles(values, n=20, method="inclusive")
        rows.append(f"| {kind} | {' | '.join(f'{value:.1%}' for value in (values[0], cuts[0], cuts[9], cuts[-1], values[-1]))} |")
    return "\n".join(rows)


def _cost(families: Sequence[Texts]) -> str:
    began = time.process_time()
    programs = [{kind: similar.program(text, "x.py") for kind, text in texts.items()} for texts in families]
    read = (time.process_time() - began) / sum(map(len, programs))
    began = time.process_time()
    found = [similar.compare(of[""], of[kind]) for of in programs for kind in of if kind]
    compared = (time.process_time() - began) / len(found)
    off = [abs(sum(a * b for a, b in zip(one.first.vector, one.second.vector, strict=True)) - one.value) for one in found]
    size = statistics.mean(len(of[""].lines) for of in programs)
    return (
        f"A program has {size:,.0f} tokens; to read it takes {1000 * read:.1f} ms, to compare two {1000 * compared:.1f} ms of CPU time. "
        f"The dot product of two vectors of {similar.DIMENSIONS:,} numbers is off the likeness by {statistics.mean(off):.3f} in the mean and {max(off):.3f} at most."
    )


def page(count: int, modules: int) -> str:
    head = (
        "# Likeness in figures\n\nWritten by `python benchmarks/similar.py`. "
        f"Machine: {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, {datetime.now(UTC).date().isoformat()}, seed {SEED}.\n\n"
        "How often one relative of a program lies nearer to it than another, with the 95 % interval; equal scores count as not nearer. *Another data flow* is the program with two reads of variables in each other's place: "
        "the same tokens, and no renaming makes up for it. All are in Python's own layout and without comments, but for *itself, laid out otherwise*, which is the text as it was. The *variant* is renamed, has comments or assertions put in, statements swapped and dead code taken out, each with probability one half, so that more of its text "
        "changes than in a mutant or in the swap: where those lie nearer, they are nearer as texts of programs, and only a run could tell that they do something else. A mutant that only shortens a text is all alike by intent, since what texts say does not count; a copy with each own name replaced wherever it stands is so by construction, and what can fail is that the twin is so too. The renamed copy here is renamed as Python reads it: where one word means two things in a file, as in a module that imports an `open` and defines another, it is one name for `similar`, and a copy with one of the two renamed lies a little below 100 %. *Shared tokens* compares the words as they stand. "
        "Other languages than Python have no such twins here: `tests/codex_gate/test_similar.py` holds one of each kind, written by hand, for eight."
    )
    parts = []
    for name, told, programs in (
        (GENERATED, f"the grammar of `automl-codex generate`, strategy random, depth {DEPTH}.", generated(count)),
        ("Python's standard library", f"modules of {SIZES[0]:,} to {SIZES[1]:,} bytes.", library(modules)),
    ):
        rng = Random(SEED)
        others = [source for source, _ in programs[1:] + programs[:1]]
        found = [family(source, entry, other, rng) for (source, entry), other in zip(programs, others, strict=True)]
        families = [texts for texts in found if texts]
        parts.append(section(name, told, families))
        if name == GENERATED:
            parts.append(
                f"K and AROUND, the tokens of a run and beside a name, on the same programs; {similar.K} and {similar.AROUND} were chosen on those of seed 1:\n\n{choices(families)}"
            )
    return "\n\n".join([head, *parts]) + "\n"


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200, help="generated programs (default: 200)")
    parser.add_argument("--modules", type=int, default=50, help="modules of the standard library (default: 50)")
    parser.add_argument("--output", type=Path, default=Path("docs/similar.md"))
    options = parser.parse_args(argv)
    options.output.write_text(page(options.count, options.modules), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
