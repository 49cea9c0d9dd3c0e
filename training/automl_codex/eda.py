"""Easy data augmentation for code: four operations on the syntax tree that are to leave what a program does as it is.

SR renames, RI inserts a comment or an assertion that holds, RS swaps two neighbours that by their names are independent, RD removes what by its names is dead.
Names are all that they look at: that two of them are one list, or that an attribute is read behind a dot, is found by the run on inputs which every variant must pass (`augment`).
(Wei and Zou 2019 for texts; specification §4.3.) Each has its probability in a pass; a pass in which none was drawn or none applied is no variant.
"""

from __future__ import annotations

import ast
import keyword
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from random import Random

from automl_codex import paths
from codex_gate.errors import UsageError

SYNONYMS = (
    "acc",
    "arg",
    "buf",
    "cur",
    "elem",
    "entry_",
    "field",
    "group",
    "inner",
    "kept",
    "mark",
    "num",
    "obj",
    "outer",
    "part",
    "prev",
    "res",
    "seq",
    "tmp",
    "unit",
    "val",
    "work",
)
COMMENTS = ("# keep in step with the caller", "# checked above", "# see the tests", "# order matters", "# plain case first", "# nothing else to do here")
RENAMED = 0.4  # of the names are given another in one SR
_PURE = frozenset(
    ("len", "abs", "min", "max", "sum", "sorted", "str", "int", "float", "bool", "list", "dict", "set", "tuple", "range", "round", "ord", "chr", "divmod")
)
_SIMPLE = {"int": "int", "str": "str", "bool": "bool", "float": "float"}
_CONTAINERS = ("list", "dict", "set", "tuple")
_ENDS = (ast.Return, ast.Raise, ast.Break, ast.Continue)


@dataclass(frozen=True, slots=True)
class Probabilities:
    """How likely each operation is in a pass, in [0, 1].

    Raises:
        UsageError: outside [0, 1], or all zero.
    """

    sr: float = 0.1
    ri: float = 0.1
    rs: float = 0.1
    rd: float = 0.1

    def __post_init__(self) -> None:
        values = (self.sr, self.ri, self.rs, self.rd)
        if not all(0 <= value <= 1 for value in values) or not any(values):
            raise UsageError(f"sr, ri, rs and rd must be from 0 to 1 and not all 0, got {values}")


def variants(source: str, entry: str, probabilities: Probabilities, rng: Random, tries: int) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Distinct variants with the operations that made them; fewer than `tries` where passes repeat or nothing applies."""
    drawn = {"SR": probabilities.sr, "RI": probabilities.ri, "RS": probabilities.rs, "RD": probabilities.rd}
    seen = {source, ast.unparse(ast.parse(source)) + "\n"}
    for _ in range(tries):
        chosen: list[str] = []
        while not chosen:
            chosen = [name for name, probability in drawn.items() if rng.random() < probability]
        changed = ast.parse(source)  # a tenth of what a copy of the tree costs
        done = tuple(name for name in chosen if name in _ON_TREE and _ON_TREE[name](changed, entry, rng))
        text = ast.unparse(ast.fix_missing_locations(changed)) + "\n"
        if "RI" in chosen:
            text, inserted = insert(text, rng)
            done += ("RI",) if inserted else ()
        if done and text not in seen:
            seen.add(text)
            yield text, done


def rename(tree: ast.Module, entry: str, rng: Random) -> bool:
    """SR: some of the program's own names get names that stand nowhere in it, the same everywhere; attributes, methods and the entry keep theirs."""
    used = {getattr(node, field) for node in ast.walk(tree) for field in ("id", "arg", "attr", "name") if isinstance(getattr(node, field, None), str)}
    fixed = {entry} | {node.arg for node in ast.walk(tree) if isinstance(node, ast.keyword)} | {name for name, dotted in paths.bound_names(tree) if dotted}
    own = [name for name in dict.fromkeys(name for name, dotted in paths.bound_names(tree) if not dotted) if name not in fixed and name != "self"]
    chosen = [name for name in own if rng.random() < RENAMED] or own[:1]
    fresh = [name for name in SYNONYMS if name not in used and not keyword.iskeyword(name)]
    rng.shuffle(fresh)
    names = dict(zip(chosen, fresh, strict=False))
    for node in ast.walk(tree):
        for field in ("id", "arg", "name"):
            if not isinstance(node, ast.keyword | ast.alias) and getattr(node, field, None) in names:
                setattr(node, field, names[getattr(node, field)])
        if isinstance(node, ast.Global | ast.Nonlocal):
            node.names = [names.get(name, name) for name in node.names]
    return bool(names)


def insert(text: str, rng: Random) -> tuple[str, bool]:
    """RI: a comment before a statement, or an assertion about an annotated parameter at the start of its function."""
    tree = ast.parse(text)
    lines = text.splitlines()
    checks = [(node, check) for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) for check in _checks(node)]
    if checks and rng.random() < 0.5:
        function, check = rng.choice(checks)
        first = function.body[0]
        lines.insert(first.lineno - 1, " " * first.col_offset + check)
    else:
        statements = [
            node for node in ast.walk(tree) if isinstance(node, ast.stmt) and not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        ]
        statement = rng.choice(statements)
        lines.insert(statement.lineno - 1, " " * statement.col_offset + rng.choice(COMMENTS))
    changed = "\n".join(lines) + "\n"
    try:
        ast.parse(changed)
    except SyntaxError:  # the line lay inside a text of several lines, or before an elif
        return text, False
    return changed, True


def _checks(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
    """Assertions that an annotation promises."""
    for argument in function.args.args:
        kind = ast.unparse(argument.annotation) if argument.annotation else ""
        head = kind.partition("[")[0]
        if "|" not in kind and (kind in _SIMPLE or head in _CONTAINERS):
            yield f"assert isinstance({argument.arg}, {head})"


def swap(tree: ast.Module, entry: str, rng: Random) -> bool:
    """RS: two neighbouring statements of which neither reads or writes a name that the other writes; two names of one object are for the run to find."""
    pairs = [(block, place) for block in _blocks(tree) for place, (first, second) in enumerate(pairwise(block)) if independent(first, second)]
    if not pairs:
        return False
    block, place = rng.choice(pairs)
    block[place], block[place + 1] = block[place + 1], block[place]
    return True


def independent(first: ast.stmt, second: ast.stmt) -> bool:
    """Whether two statements can change places as far as names tell: both plain computations, neither touching a name that the other writes."""
    if not (_plain(first) and _plain(second)):
        return False
    (reads1, writes1), (reads2, writes2) = _touched(first), _touched(second)
    return not (writes1 & (reads2 | writes2) or writes2 & reads1)


def _plain(statement: ast.stmt) -> bool:
    """An assignment to names whose calls are functions without effects, and that neither waits nor binds inside."""
    if not isinstance(statement, ast.Assign | ast.AugAssign | ast.AnnAssign):
        return False
    for node in ast.walk(statement):
        if isinstance(node, ast.Await | ast.Yield | ast.YieldFrom | ast.NamedExpr):
            return False
        if isinstance(node, ast.Call) and not (isinstance(node.func, ast.Name) and node.func.id in _PURE):
            return False
        if isinstance(node, ast.Subscript | ast.Attribute) and not isinstance(node.ctx, ast.Load):
            return False
    return True


def _touched(statement: ast.stmt) -> tuple[set[str], set[str]]:
    names = [node for node in ast.walk(statement) if isinstance(node, ast.Name)]
    writes = {node.id for node in names if not isinstance(node.ctx, ast.Load)}
    reads = {node.id for node in names if isinstance(node.ctx, ast.Load)}
    return reads | (writes if isinstance(statement, ast.AugAssign) else set()), writes


def delete(tree: ast.Module, entry: str, rng: Random) -> bool:
    """RD: one piece of what looks dead – behind a return, an import nobody uses, a name nobody reads, an assertion about an annotated name.

    A name that is read behind a dot alone, or by `+=` alone, is taken for unread; the run finds it.
    """
    dead = [(block, statement) for block in _blocks(tree) for statement in _dead(tree, block) if len(block) > 1]
    if not dead:
        return False
    block, statement = rng.choice(dead)
    block.remove(statement)
    return True


def _dead(tree: ast.Module, block: list[ast.stmt]) -> Iterator[ast.stmt]:
    read = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    held = {check for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) for check in _checks(node)}
    ended = False
    for statement in block:
        if ended or isinstance(statement, ast.Pass) or ast.unparse(statement) in held:
            yield statement
        elif isinstance(statement, ast.Import | ast.ImportFrom):
            if not {(alias.asname or alias.name).partition(".")[0] for alias in statement.names} & read:
                yield statement
        elif isinstance(statement, ast.Assign) and all(isinstance(t, ast.Name) and t.id not in read for t in statement.targets) and _plain(statement):
            yield statement
        ended = ended or isinstance(statement, _ENDS)


def _blocks(tree: ast.AST) -> Iterator[list[ast.stmt]]:
    for node in ast.walk(tree):
        for field in ("body", "orelse", "finalbody"):
            block = getattr(node, field, None)
            if isinstance(block, list) and block and isinstance(block[0], ast.stmt):
                yield block


_ON_TREE: dict[str, Callable[[ast.Module, str, Random], bool]] = {"SR": rename, "RS": swap, "RD": delete}
