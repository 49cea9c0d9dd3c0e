"""`codex-gate action`: one step of a workflow, from the event that set it off to what people see.

The order: event → what it brings → settings and models of the base commit → screen → report files → GitHub → log,
step summary, outputs. Nothing that GitHub refuses changes the verdict or the exit code: it is said once, and
everything stands in the summary.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Final

from codex_gate import config, deepen, event, landing, model, reread
from codex_gate.delivery import Delivery, Run
from codex_gate.errors import ConfigError, GateError, RangeError, UsageError
from codex_gate.git import Repository, is_sha
from codex_gate.policy import Limits, Policy
from codex_gate.reporters import comment, workflow
from codex_gate.reporters.comment import Trust
from codex_gate.screen import Screener
from codex_gate.types import Level, Notice, Report, Thresholds

KEYS: Final = ("fail-on", "noise-budget", "comment", "annotations", "check", "sarif", "labels", "tier", "models", "paths")
"""Inputs that are keys of the configuration too, and go before it."""


def run(this: Run, today: date) -> int:
    """Screen what the event brings and report it; returns the exit code.

    Raises:
        ConfigError: an input or the configuration cannot be meant.
        GateError: nothing could be screened, and a gate is set (`fail-on`); without a gate that is only said.
    """
    happened = event.read(this.environ, _payload(this.environ))
    if why := _nothing_to_do(happened):
        this.say(f"codex-gate: {why}")
        this.append("GITHUB_STEP_SUMMARY", f"### codex-gate\n\n{why}\n")
        return 0
    if happened.name == "merge_group":
        return _passed(this, happened)
    monitors = False
    try:
        monitors = config.switch(this.given("monitor") or "false", "input monitor")
        if monitors:
            return _monitored(this, happened, today)
        return _shown_again(this, happened) if happened.name == "workflow_run" else _screened(this, happened, today)
    except GateError as error:
        text = f"nothing was {'compared' if monitors else 'screened'}: {error}"
        this.append("GITHUB_STEP_SUMMARY", comment.failure(text))
        if this.gated or isinstance(error, ConfigError):
            raise
        this.say(workflow.command("warning", text))
        return 0
    except Exception as error:  # the command line says it in its own words; without these the summary would be empty and the run green
        text = f"nothing was {'compared' if monitors else 'screened'}, by a fault of codex-gate: {type(error).__name__}"
        this.append("GITHUB_STEP_SUMMARY", comment.failure(text))
        this.say(workflow.command("warning", text))
        raise


def _payload(environ: Mapping[str, str]) -> bytes | None:
    try:
        with open(environ.get("GITHUB_EVENT_PATH", ""), "rb") as stream:
            return stream.read(event.MAX_PAYLOAD)
    except (OSError, ValueError):
        return None


def _nothing_to_do(happened: event.Event) -> str:
    if happened.is_closed:
        return "The pull request is closed: nothing to do."
    return "A branch was deleted: nothing to do." if happened.is_deletion else ""


def _passed(this: Run, happened: event.Event) -> int:
    """The check run of a merge group, which a queue may wait for; its pull requests were screened, so nothing else is done."""
    try:
        repo = Repository.discover(_place(this), _trusting(this.environ, _place(this)))
        settings = _settings(this, repo, happened.base if happened.base and repo.present_commits([happened.base]) else "")
    except GateError:  # a queue must not stand still over what its pull requests have already been told
        settings = config.Settings()
    why = Notice("merge-group", "a merge group holds what was screened in its pull requests: nothing to do")
    report = Report("merge group", None, (), Thresholds(0, 0.0), (why,), "none", 0.0, happened.repository)
    return Delivery(this, happened, happened.head or "", report, settings, Trust(None, 0, 0), is_loud=False).deliver()


def _screened(this: Run, happened: event.Event, today: date) -> int:
    """The screen with the settings and models of the base commit, and its report."""
    repo = change = None
    try:
        repo, lacking = _repository(this)
        try:
            change = _change(this, happened, repo)
        except RangeError as error:  # the fetch that would have brought it failed
            raise RangeError("; ".join([str(error), *(notice.text for notice in lacking)])) from error
        trusted = change.base or _parent(repo, change.head)
        elsewhere = (happened.repository, change.tip) if change.tip else None
        settings, part = _settings(this, repo, trusted, elsewhere), this.part
    except ConfigError:
        raise
    except GateError as error:
        if why := _gate_all_the_same(this, happened, repo, may_ask=change is None):
            this.gated = True
            raise RangeError(f"{error}; {why}") from error
        raise
    this.gated = bool(landing.gate(settings))
    _bring_models(this, repo, settings, trusted, elsewhere)
    with model.opened(repo, settings.models, trusted) as chosen:
        screener = Screener(repo, chosen, thorough=True, policy=Policy(settings, today), with_diff=True, tier=settings.tier)
        report = screener.range(change.base, change.head, change.scope) if change.base else screener.commit(change.head, change.scope)
        report = replace(
            report, scope=f"{report.scope}, {part}" if part else report.scope, notices=(*report.notices, *happened.notices, *change.notices, *lacking)
        )
        gate = screener.gate(report.change)
        if gate.text and report.change is not None and report.change.level is Level.UNKNOWN:
            report = replace(report, notices=(*report.notices, Notice("unjudged", gate.text)))
        # The change as it lands speaks: a noise budget counts changes, and a quiet one with a loud commit in it would break it.
        loud = report.change is not None and screener.policy.limits(report.change.names).speaks(report.change)
        seen_at = _seen_at(this, happened, change)
        return Delivery(this, happened, change.head, report, settings, _trust(chosen, report), loud, gate.text if gate.is_shut else "", seen_at).deliver()


def _gate_all_the_same(this: Run, happened: event.Event, repo: Repository | None, *, may_ask: bool) -> str:
    """That the repository sets a gate, in words, where what is to be screened, or whose configuration counts, cannot be found; "" where it sets none."""
    if this.fail_on:
        return ""
    try:
        return landing.gate_all_the_same(this, happened, repo, _named(this), may_ask=may_ask, may_fetch=_may_fetch(this))
    except GateError as error:
        return f"and whether a gate is set cannot be told: {error}"


def _seen_at(this: Run, happened: event.Event, change: event.Change) -> str:
    """The commit at which people look for a check: a pull request's head, also where the merge that GitHub made of it was screened."""
    return (happened.is_pull and not this.given("base") and not this.given("head") and happened.head) or change.head


def _monitored(this: Run, happened: event.Event, today: date) -> int:
    """Whether the branch has drifted, in place of a screen; what is checked out is trusted, so only where no pull request set this off."""
    from codex_gate import alarm, gates
    from codex_gate.monitor import monitor

    if happened.name not in ("schedule", "workflow_dispatch", "push"):
        raise ConfigError(f"input monitor: {happened.name} screens a change; monitor on schedule or workflow_dispatch, where the base branch is checked out")
    place = _place(this)
    repo = Repository.discover(place, _trusting(this.environ, place))
    head = repo.resolve("HEAD")
    settings, asked = _settings(this, repo, head), gates.find(Path(repo.top or repo.git_dir))
    _bring_models(this, repo, settings, head)
    with model.opened(repo, settings.models, head) as chosen:
        report = monitor(repo, chosen, Policy(settings, today), asked.window, asked.drift.kl_threshold, head)
    return alarm.of_action(this, happened.repository, report, asked)


def _shown_again(this: Run, happened: event.Event) -> int:
    """The report that a pull request's own read-only job has left, put where people see it; only its fields come through."""
    this.gated = False
    if this.given("fail-on"):
        raise ConfigError(
            "input fail-on: whoever opened the pull request can forge the report of their own job, so it is no gate; set it in the workflow that screens"
        )
    api = this.api()
    from codex_gate.reporters.github import ApiError, pull_of

    if not happened.source or happened.head is None or not happened.repository:
        raise UsageError("the workflow that ended was none of a pull request; there is nothing to show")
    found = reread.report(_left_behind(this.given("report")))
    settings = config.load(None, this.environ, {key: this.given(key) for key in KEYS if this.given(key)}, "the input")
    try:
        number = pull_of(api, happened.repository, happened.source, happened.head)
    except ApiError as error:
        raise UsageError(f"the pull request cannot be found: {error}") from error
    if not number:
        raise UsageError("no open pull request has the commit that was screened as its head; a newer run will tell")
    limits = Limits(settings.comment, settings.fail_on)
    loud = found.change is not None and limits.speaks(found.change)
    source = Notice("reread", "this was screened in the pull request's own job, with a token that can only read, and is shown as that job left it")
    pull = replace(happened, name="pull_request", number=number)
    return Delivery(this, pull, happened.head, replace(found, notices=(*found.notices, source)), settings, Trust(None, 0, 0), loud).deliver()


def _left_behind(name: str) -> bytes:
    """What a file of the artifact holds; a link could lead anywhere."""
    path = Path(name)
    try:
        if not name or path.is_symlink() or not path.is_file():
            raise UsageError(f"the input report names no file: {name or 'it is empty'}")
        with path.open("rb") as stream:
            return stream.read(reread.MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise UsageError(f"the report {name} cannot be read: {error}") from error


def _trust(chosen: model.Model, report: Report) -> Trust:
    values = report.change.features.values if report.change is not None else {}
    unknown = sum(math.isnan(values[name]) for name in chosen.feature_names if name in values)
    return Trust(chosen.typical_error, unknown, len(chosen.feature_names))


def _repository(this: Run) -> tuple[Repository, tuple[Notice, ...]]:
    """The checked-out repository, completed where it is shallow or partial and that is allowed; why it could not be completed."""
    place = _place(this)
    environ = _trusting(this.environ, place)
    repo = Repository.discover(place, environ)
    if not _may_fetch(this):
        return repo, ()
    why = deepen.complete(repo)
    return Repository.discover(place, environ), (Notice("not-deepened", f"the history could not be fetched: {why}"),) if why else ()


def _may_fetch(this: Run) -> bool:
    return config.switch(this.given("deepen") or "true", "input deepen")


def _place(this: Run) -> Path:
    """Where the repository was checked out.

    Raises:
        ConfigError: the input names no directory.
    """
    place = Path(given := this.given("working-directory") or ".")
    if not place.is_dir():
        raise ConfigError(f"input working-directory: {given[:200]!r} is no directory here; name the one that the repository was checked out to")
    return place


def _trusting(environ: Mapping[str, str], place: Path) -> dict[str, str]:
    """The variables with the repository of this directory as a safe one for git: in a container the checkout belongs to another user."""
    n = environ.get("GIT_CONFIG_COUNT", "0")
    count = int(n) if n.isascii() and n.isdigit() else 0
    here = place.resolve()
    top = next((above for above in (here, *here.parents) if (above / ".git").exists()), here)  # git compares the root alone
    return {**environ, "GIT_CONFIG_COUNT": str(count + 1), f"GIT_CONFIG_KEY_{count}": "safe.directory", f"GIT_CONFIG_VALUE_{count}": str(top)}


def _change(this: Run, happened: event.Event, repo: Repository) -> event.Change:
    """What is to be screened: what the inputs name, else what the event brings."""
    base, head = this.given("base"), this.given("head") or "HEAD"
    if base:
        return event.Change(_named_commit(repo, "base", base), _named_commit(repo, "head", head), f"{base}..{head}")
    if this.given("head"):
        return event.Change(None, _named_commit(repo, "head", head), f"commit {head}")
    if happened.is_pull:
        return landing.change(this, happened, repo, may_fetch=_may_fetch(this))
    return landing.pushed(happened, repo, may_fetch=_may_fetch(this))


def _named_commit(repo: Repository, name: str, revision: str) -> str:
    """The SHA of the commit that an input names.

    Raises:
        ConfigError: a name that means none here; a SHA may lie beyond the edge of a shallow clone.
    """
    try:
        return repo.resolve(revision)
    except GateError as error:
        if is_sha(revision) or repo.is_shallow:
            raise
        raise ConfigError(f"input {name}: {error}") from error


def _parent(repo: Repository, sha: str) -> str:
    """The first parent of a commit, "" where it has none here."""
    parents = repo.metas([sha])[0].parents
    return parents[0] if parents and repo.present_commits(parents[:1]) else ""


def _settings(this: Run, repo: Repository, trusted: str, elsewhere: tuple[str, str] | None = None) -> config.Settings:
    """The settings in force, of the trusted commit ("" for none); `elsewhere` is OWNER/NAME and a commit there whose file counts in its place.

    Raises:
        ConfigError: a value that cannot be meant, or a file that is not there.
        RangeError: a file that cannot be had.
    """
    flags = {key: this.given(key) for key in KEYS if this.given(key)}
    return config.load(_source(this, repo, trusted, elsewhere), this.environ, flags, "the input")


def _bring_models(this: Run, repo: Repository, settings: config.Settings, trusted: str, elsewhere: tuple[str, str] | None = None) -> None:
    """Fetch the models of the trusted commit that a partial clone has left out.

    Raises:
        RangeError: they are those of a commit that is not here.
    """
    if settings.models and elsewhere:
        raise RangeError(f"the models of the base branch ({elsewhere[1][:9]}) are not in this clone; check out with fetch-depth: 0")
    if settings.models and trusted and _may_fetch(this):
        deepen.files(repo, trusted, settings.models)


def _source(this: Run, repo: Repository, trusted: str, elsewhere: tuple[str, str] | None) -> config.Source | None:
    """The file of the configuration, None where there is none."""
    named = _named(this)
    if named is not None and not trusted:
        raise ConfigError(f"config: the configuration {named} is read from the base commit, and here is none")
    if elsewhere:
        return landing.configuration(this, *elsewhere, named)
    if trusted and _may_fetch(this):
        deepen.files(repo, trusted, config.in_tree(named))
    return config.find(repo, trusted, named) if trusted else None


def _named(this: Run) -> str | None:
    """The file that is to be read in place of `.codex-gate.yaml`, None for that."""
    return this.given("config") or this.environ.get(f"{config.PREFIX}CONFIG") or None
