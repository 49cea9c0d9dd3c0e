"""`codex-gate init` and `uninstall`: the files that a team commits, written once, recognised later.

The first line of a file holds a digest of the rest. A file whose digest fits is ours: init brings it up to date,
uninstall removes it. Any other file is its owner's and is left alone, with a sentence.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from codex_gate import __version__, precommit, workflows
from codex_gate.config import FILE as CONFIG
from codex_gate.errors import ConfigError, UsageError
from codex_gate.git import Repository
from codex_gate.workflows import HEAD, REMOTE

REPOSITORY: Final = "owner/codex-gate"  # where the action and the hooks are published; RELEASING.md says when it changes
ACTION: Final = f"{REPOSITORY}@v{__version__.partition('.')[0]}"  # the major tag, which moves with each release
WORKFLOW: Final = ".github/workflows/codex-gate.yml"
MAX_BYTES: Final = 1 << 20  # nobody's workflow; a larger file is left alone


class Piece(NamedTuple):
    """One file that init writes: where, what for, and from which template; `shared` ones may belong to somebody already."""

    path: str
    purpose: str
    template: str
    shared: bool = False


PIECES: Final[dict[str, Piece]] = {
    "workflow": Piece(WORKFLOW, "screens each pull request", "workflow.yml"),
    "config": Piece(CONFIG, "what the team wants to hear about", "config.yaml"),
    "retrain": Piece(".github/workflows/codex-gate-retrain.yml", "looks for drift weekly, retrains on it or monthly", "retrain.yml"),
    "pre-commit": Piece(precommit.FILE, "the hooks codex-gate and codex-gate-push", "hooks.yaml", shared=True),
}


DONE: Final = {"write": "wrote", "renew": "renewed", "add to": "added to", "remove": "removed", "take out of": "took out of", "keep": "kept"}
"""Step.verb before and after it was carried out."""


class Step(NamedTuple):
    """What happens to one file: `verb` is a key of DONE, `note` says what for or why not. `text` is its whole new text, None where it is not written, "" where it goes."""

    path: str
    verb: str
    note: str
    text: str | None = None
    blocked: bool = False


def init(repo: Repository, typed_at: Path, action: str | None, *, pre_commit: bool, retrain: bool, dry_run: bool) -> tuple[str, int]:
    """Write what is missing, renew what is ours; what to tell, and the exit code: 0, or 5 where the hooks entry must be added by hand.

    Args:
        action: as `plan` takes it.
    Raises:
        UsageError: a place that cannot be read or written, an `action` that is none, or no work tree.
    """
    top = _work_tree(repo)
    ours = []  # asked for once, so they go along
    for name, piece in PIECES.items():
        with suppress(UsageError):  # a place that cannot be read is none of ours
            ours += [name] if _is_ours(_read(top, piece.path) or "") else []
    steps = plan(top, ("workflow", "config", *(("retrain",) if retrain else ()), *(("pre-commit",) if pre_commit else ()), *ours), action)
    lines = done(top, steps, dry_run=dry_run)
    if not dry_run:
        lines += ["", *next_steps(steps, repo.has_remote(), typed_at.resolve() == top.resolve())]
    return "\n".join(lines), 5 if any(step.blocked for step in steps) else 0


def uninstall(repo: Repository, *, dry_run: bool) -> str:
    """Remove what is ours; what to tell.

    Raises:
        UsageError: a place that cannot be read or written, or no work tree.
    """
    top = _work_tree(repo)
    return "\n".join(done(top, removal(top), dry_run=dry_run)) or "nothing that init writes is here"


def _work_tree(repo: Repository) -> Path:
    if repo.top is None:
        raise UsageError(f"{repo.git_dir} has no work tree to write into; run this in a clone of it")
    return repo.top


def check_action(action: str) -> str:
    """The action's owner/name.

    Raises:
        UsageError: it is not OWNER/NAME@REF.
    """
    found = REMOTE.fullmatch(action)
    if found is None:
        raise UsageError(f"--action {action!r} names no action; expected OWNER/NAME@REF, for example {ACTION}")
    return found["repository"]


def plan(top: Path, wanted: Iterable[str], action: str | None = None) -> list[Step]:
    """What init would do, in the order of PIECES; nothing is written.

    Args:
        top: the root of the work tree.
        wanted: names of PIECES.
        action: what the files are to run, OWNER/NAME@REF; None: what a workflow that init wrote here runs already, else ACTION.
    Raises:
        UsageError: a place that cannot be read, or an `action` that is none.
    """
    action = action if action is not None else _action_here(top)
    repository, chosen = check_action(action), set(wanted)
    return [_planned(top, piece, action, repository) for name, piece in PIECES.items() if name in chosen]


def removal(top: Path) -> list[Step]:
    """What uninstall would do: one step for each place that init can write to and where something stands.

    Raises:
        UsageError: a place that cannot be read.
    """
    found = ((piece, _read(top, piece.path)) for piece in PIECES.values())
    return [_removed(piece, text) for piece, text in found if text is not None]


def carry_out(top: Path, steps: Iterable[Step]) -> None:
    """Write and remove; a file appears when it is whole, an emptied directory goes.

    Raises:
        UsageError: a place that cannot be written; the message names it.
    """
    for step in steps:
        target = top / step.path
        try:
            if step.text:
                target.parent.mkdir(parents=True, exist_ok=True)
                part = target.with_name(f"{target.name}.{os.getpid()}.part")
                try:
                    part.write_bytes(step.text.encode("utf-8", "surrogateescape"))
                    part.replace(target)
                finally:
                    part.unlink(missing_ok=True)
            elif step.text == "":
                target.unlink()
                for above in (target.parent, target.parent.parent)[: step.path.count("/")]:
                    with suppress(OSError):  # something else lives there
                        above.rmdir()
        except OSError as error:
            raise UsageError(f"{step.path} cannot be written: {error.strerror}; what stands above it was done") from error


def done(top: Path, steps: Iterable[Step], *, dry_run: bool) -> list[str]:
    """Carry the steps out and say so, a line each; a dry run writes nothing and shows the new texts."""
    steps = list(steps)
    if not dry_run:
        carry_out(top, steps)
    verbs = [f"would {step.verb}" if dry_run and step.text is not None else DONE[step.verb] for step in steps]
    first, second = max(map(len, verbs), default=0), max((len(step.path) for step in steps), default=0)
    lines = [f"{verb:{first}}  {step.path:{second}}  {step.note}".rstrip() for step, verb in zip(steps, verbs, strict=True)]
    return [*lines, *(f"\n--- {step.path}\n{step.text.rstrip()}" for step in steps if dry_run and step.text)]


def written(piece: Piece, action: str = ACTION) -> str:
    """The whole text of a file that init makes, its head included."""
    body = _body(piece, action, check_action(action))
    if piece.shared:
        body = f"repos:\n{''.join(f'  {line}' for line in body.splitlines(keepends=True))}"
    return f"# codex-gate init {__version__} wrote this file ({_digest(body)}): it is renewed and removed while nobody has changed it.\n{body}"


def _action_here(top: Path) -> str:
    """The action that a workflow of init's runs; ACTION without one, and where it is what the version that wrote it runs by itself."""
    for path in (PIECES["workflow"].path, PIECES["retrain"].path):
        with suppress(UsageError):  # said where the place is wanted; YAML that somebody broke names nothing
            text = _read(top, path) or ""
            head, found = HEAD.match(text), workflows.named(text, path)
            if head is not None and len(found) == 1:
                return ACTION if found[0] == f"{REPOSITORY}@v{head['version'].partition('.')[0]}" else found[0]
    return ACTION


# -- one file ------------------------------------------------------------------------------------------


def _planned(top: Path, piece: Piece, action: str, repository: str) -> Step:
    there, text = _read(top, piece.path), written(piece, action)
    if there is None:
        return Step(piece.path, "write", piece.purpose, text)
    if _is_ours(there):
        same = HEAD.sub("", there.replace("\r\n", "\n")) == HEAD.sub("", text)  # the version in the head alone is no reason to write
        return Step(piece.path, "keep", "is up to date") if same else Step(piece.path, "renew", "init of another version or with other options wrote it", text)
    if piece.shared and not HEAD.match(there):
        return _entered(piece, there, action, repository)
    return Step(piece.path, "keep", "was changed since init wrote it; left as it is" if HEAD.match(there) else "was there before; left as it is")


def _entered(piece: Piece, there: str, action: str, repository: str) -> Step:
    entry = _body(piece, action, repository)
    try:
        edit = precommit.added(there, entry, repository)
    except ConfigError as error:
        return Step(piece.path, "keep", f"{error}; mend it and run init again", blocked=True)
    if edit.text is None:
        return Step(piece.path, "keep", edit.why, blocked=edit.by_hand)
    return Step(piece.path, "add to", piece.purpose, edit.text)


def _removed(piece: Piece, there: str) -> Step:
    if _is_ours(there):
        return Step(piece.path, "remove", "", "")
    if HEAD.match(there):
        return Step(piece.path, "keep", "was changed since init wrote it; remove it by hand if nobody needs it")
    if not piece.shared:
        return Step(piece.path, "keep", "was not written by init")
    try:
        edit = precommit.removed(there)
    except ConfigError as error:
        return Step(piece.path, "keep", f"{error}; take the entry out by hand")
    return Step(piece.path, "take out of", piece.purpose, edit.text) if edit.text is not None else Step(piece.path, "keep", edit.why)


def _body(piece: Piece, action: str, repository: str) -> str:
    text = Path(__file__).with_name("templates").joinpath(piece.template).read_text("utf-8")
    ref = action.rpartition("@")[2]
    rev = f"v{__version__}" if action == ACTION else ref  # a tag that stays, which pre-commit asks for; another repository may have none of that name
    return text.replace("@ACTION@", action).replace("@REPOSITORY@", repository).replace("@REF@", ref).replace("@REV@", rev)


def _is_ours(text: str) -> bool:
    plain = text.replace("\r\n", "\n")  # git may have checked it out with the line ends of its platform
    head = HEAD.match(plain)
    return head is not None and _digest(plain[head.end() :]) == head["digest"]


def _digest(body: str) -> str:
    return hashlib.sha256(body.encode("utf-8", "surrogateescape")).hexdigest()[:12]


def _read(top: Path, path: str) -> str | None:
    """The text at a place that init may write to, None where nothing stands.

    Raises:
        UsageError: a link, a directory, a place outside of the work tree, or one that cannot be read.
    """
    target = top / path
    if not target.parent.resolve().is_relative_to(top.resolve()):
        raise UsageError(f"{path} lies outside of the repository, through a link; init writes inside of it alone")
    if target.is_symlink():
        raise UsageError(f"{path} is a symbolic link; init and uninstall touch plain files alone, move it away first")
    try:
        with target.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    if len(data) > MAX_BYTES:
        raise UsageError(f"{path} is larger than {MAX_BYTES >> 20} MiB, so init leaves it alone; move it away first")
    return data.decode("utf-8", "surrogateescape")


def next_steps(steps: Iterable[Step], has_remote: bool, at_root: bool) -> Iterator[str]:
    """What to do now, a line each, commands indented; `at_root` when the commands are typed at the root of the repository."""
    paths = [step.path if at_root else f":/{step.path}" for step in steps if step.text]
    if paths:
        yield (
            "Next: commit this, and open a pull request with it."
            if has_remote
            else "Next: commit this and push it to GitHub (this repository has no remote yet)."
        )
        yield f"  git add {' '.join(paths)}"
        yield '  git commit -m "screen pull requests with codex-gate"'
    if any(path.endswith(precommit.FILE) for path in paths):
        yield "  pre-commit install --hook-type pre-commit --hook-type pre-push"
    yield "What it would have said of the last changes here, and what is still missing:"
    yield "  codex-gate backtest"
    yield "  codex-gate doctor"
