"""`codex-gate doctor`: whether a screen can work here, and the one thing to do where it cannot."""

from __future__ import annotations

import platform
import re
import sys
import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Final, Literal, NamedTuple

from codex_gate import __version__, config, workflows, yaml_text
from codex_gate.config import Settings
from codex_gate.deepen import n_blind
from codex_gate.errors import AGAIN, RESTORE, GateError, NoGitError, UsageError
from codex_gate.explain import count
from codex_gate.git import Repository
from codex_gate.hybrid import HybridClassifier
from codex_gate.index import HistoryIndex, IndexDamagedError
from codex_gate.levels import MIN_CHANGES, N_RECENT
from codex_gate.localise import LineRanker
from codex_gate.model import MANIFEST, Model, default_directory
from codex_gate.reporters.hostile import visible
from codex_gate.types import Level

MAX_WORKFLOWS: Final = 200  # more are not looked at (chosen)
TOKENS: Final = ("GITHUB_TOKEN", "GH_TOKEN", "INPUT_TOKEN")


class Check(NamedTuple):
    """One thing looked at: ok, warn (works with less) or fail (a screen will not work); `paste` is YAML that mends it."""

    state: Literal["ok", "warn", "fail"]
    what: str
    found: str
    paste: str = ""


def written(check: Check, width: int | None) -> str:
    """The lines for a check, the YAML to paste as it is; `width` is a terminal's, None for a pipe, where a check's sentence is one line."""
    head, text = f"{check.state:4}  {check.what:13} ", visible(check.found)
    if width is not None:
        text = f"\n{' ' * len(head)}".join(textwrap.wrap(text, max(20, width - len(head)), break_on_hyphens=False))
    return "\n".join((f"{head}{text}", *(f"      | {visible(line)}" for line in check.paste.splitlines())))


def configured(sources: Mapping[str, str]) -> Check:
    """Where the settings come from that are not the defaults, by key."""
    places = Counter(re.sub(r", line \d+$", "", place) for place in sources.values())
    found = "; ".join(f"{count(n, 'key')} from {place}" for place, n in places.items())
    return Check("ok", "configuration", f"{found}; `codex-gate config` shows them" if found else "none: the defaults hold")


def linked(repo: Repository) -> Iterator[Check]:
    """That the configuration of HEAD is a symbolic link, if it is: from a commit it cannot be read."""
    if not repo.is_unborn() and repo.is_link("HEAD", config.FILE):
        yield Check(
            "fail",
            "configuration",
            f"{config.FILE} is a symbolic link: in CI it is read from a commit, where a link has no contents; put the configuration itself there",
        )


def uncommitted(repo: Repository, models: str) -> list[Check]:
    """A warning where the models that the configuration names are in the work tree alone."""
    head = repo.head()
    if head is not None and MANIFEST in repo.files_below(head, models):
        return []
    return [
        Check("warn", "model", f"{models} is not committed: in CI the model is read from the base commit, which has none; commit it with the configuration")
    ]


def tiered(asked: int | None, model_dir: Path) -> Check:
    """Who tells kinds of defects here, where a tier above the first is asked for; None is the highest that can run.

    Raises:
        ModelError: a model that is there cannot be used.
    """
    found = HybridClassifier.of(model_dir, asked)
    return Check("warn", "tier", found.missing) if found.missing else Check("ok", "tier", f"{found.tier} tells kinds of defects")


def examine(path: Path, environ: Mapping[str, str], model_dir: Path, settings: Settings | None = None) -> Iterator[Check]:
    """Look at the interpreter, git, the repository, its history and index, the author, the model and the workflows.

    Args:
        settings: what is in force here, None where they cannot be read: workflows are then held against the defaults.
    """
    yield Check("ok", "codex-gate", f"{__version__}, Python {platform.python_version()} at {sys.executable}")
    try:
        model = Model.load(model_dir)
        LineRanker.load(model_dir, model.manifest)
        HybridClassifier.of(model_dir, 1)
        yield Check("ok", "model", f"{model.version}, {len(model.feature_names)} measures, base rate {model.base_rate * 100:.0f} %, in {model_dir}")
    except GateError as error:
        shipped = model_dir.resolve() == default_directory().resolve()
        yield Check("fail", "model", str(error) if shipped else str(error).replace(AGAIN, RESTORE))
    if find_spec("numpy"):
        yield Check("ok", "numpy", "installed: bulk scoring is quicker with it")
    else:
        yield Check("ok", "numpy", "not installed; tier 1 needs none (pip install 'codex-gate[onnx]' makes bulk scoring quicker)")
    try:
        repo = Repository.discover(path, environ)
    except NoGitError as error:
        yield Check("fail", "git", str(error))
        return
    except GateError as error:
        yield Check("fail", "repository", str(error))
        return
    yield Check("ok", "git", repo.run("version").decode("ascii", "replace").strip())
    yield Check("ok", "repository", f"{repo.top or repo.git_dir}{'' if repo.top else ' (bare)'}")
    try:
        yield from _history(repo)
    except GateError as error:
        remedy = (
            "`git fetch --refetch --no-filter` brings what the clone leaves out"
            if repo.is_partial()
            else "`git fsck` names what is damaged, a fresh clone has it"
        )
        yield Check("fail", "history", f"{error}; {remedy}")
    yield _author(repo, environ)
    yield from _workflows(repo, settings)
    if environ.get("GITHUB_ACTIONS") == "true" and not any(environ.get(name) for name in TOKENS):
        text = "this step has no token: nothing can be written to the pull request, the result is in the log and the step summary alone"
        yield Check("warn", "token", text, "        env:\n          GITHUB_TOKEN: ${{ github.token }}")


def _workflows(repo: Repository, settings: Settings | None) -> Iterator[Check]:
    """What the workflows that run codex-gate lack; one check for each thing."""
    if repo.top is None:
        return
    folder, ran, sound, switches = repo.top / ".github" / "workflows", 0, True, workflows.Switches()
    if settings is not None:
        switches = workflows.Switches(settings.comment is not Level.UNKNOWN, settings.check, settings.sarif, settings.labels)
    own = (repo.top / "action.yml").is_file() and (repo.top / "codex_gate").is_dir()
    for path in sorted(folder.glob("*.y*ml"))[:MAX_WORKFLOWS]:
        name = f".github/workflows/{path.name}"
        try:
            lacking = workflows.lacks(_text(path, name), name, own_action=own, switches=switches)
        except GateError as error:
            sound = False
            yield Check("warn", "workflow", str(error))
            continue
        ran += lacking is not None
        for lack in lacking or ():
            sound = False
            yield Check("warn", lack.what, f"{name} {lack.text}", lack.paste)
    if not ran and sound:
        yield Check("ok", "workflow", "none runs codex-gate; `codex-gate init` writes one")
    elif sound:
        yield Check("ok", "workflow", f"{count(ran, 'workflow')} with all that codex-gate needs")


def _text(path: Path, name: str) -> str:
    try:
        with path.open(encoding="utf-8", errors="replace") as stream:
            return stream.read(yaml_text.MAX_CHARACTERS + 1)
    except OSError as error:
        raise UsageError(f"{name} cannot be read: {error.strerror}") from error


def _history(repo: Repository) -> Iterator[Check]:
    if repo.is_shallow:
        yield Check(
            "warn",
            "history",
            "this clone is shallow: history measures are unknown and no level is given; `git fetch --unshallow`, or in a workflow `fetch-depth: 0`",
        )
    if repo.is_unborn():
        yield Check("warn", "history", "no commits yet: only `screen --staged` has something to look at")
        return
    head = repo.resolve("HEAD")
    (newest,) = repo.metas([head])
    if repo.present_commits(newest.parents[:1]):
        list(repo.touches([(head, newest.parents[0])]))  # a history whose newest change cannot be read serves no screen
    recent = repo.metas(repo.rev_list("-n", str(N_RECENT), head)) if repo.is_partial() else []
    if blind := n_blind(repo, recent):
        text = f"the contents of {blind:,} of the last {len(recent):,} commits are not in this clone (--filter): their lines and program text are unknown; `git fetch --refetch --no-filter` brings them"
        yield Check("warn", "contents", text)
    changes = len(repo.rev_list("--first-parent", "-n", str(MIN_CHANGES), head))
    if not repo.is_shallow:
        enough = changes >= MIN_CHANGES
        few = f"{count(changes, 'change')} on this branch; levels need {MIN_CHANGES} to compare with, until then only the probability is given"
        yield Check("ok", "history", "deep enough for levels and percentiles") if enough else Check("warn", "history", few)
    try:
        name, sha = repo.default_base()
        yield Check("ok", "default base", f"{name} ({sha[:12]})")
    except GateError as error:
        yield Check("warn", "default base", str(error))
    yield from _index(repo, head)


def _index(repo: Repository, head: str) -> Iterator[Check]:
    if repo.is_shallow:
        return
    try:
        with HistoryIndex(repo) as index:
            if index.problem:
                yield Check("warn", "index", index.problem)
                return
            behind = len(index.missing(head))
            text = f"{index.size:,} commits in {index.path}" + (f"; the next screen adds {behind:,}" if behind else "")
            yield Check("ok", "index", text)
    except IndexDamagedError as error:
        yield Check("warn", "index", f"damaged ({error}); the next screen builds it again")


def _author(repo: Repository, environ: Mapping[str, str]) -> Check:
    who = repo.identity(environ)
    if who is None:
        return Check("warn", "author", "git knows no author: `screen --staged` treats you as a newcomer; set user.name and user.email")
    return Check("ok", "author", f"{who[0]} <{who[1]}>")
