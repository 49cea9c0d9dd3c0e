"""What a workflow file lacks so that codex-gate can work in it, with the YAML to paste.

A job counts when a step of it runs the action or a command that wants the same of a job. The action is called codex-gate; in
a file that init wrote it may have any name. Permissions are read as GitHub reads them: those of the job, else those of the
workflow, else the repository's setting, which may be read-only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from codex_gate import yaml_text

HEAD: Final = re.compile(r"# codex-gate init (?P<version>[\w.+-]+) wrote this file \((?P<digest>[0-9a-f]{12})\)[^\n]*\n")
"""The first line of a file that init wrote, whoever changed the file since."""

_ACTION: Final = re.compile(r"(?:[\w.-]+/codex-gate(?:/[\w./-]+)?@.+|\./(?:.*/)?)")
REMOTE: Final = re.compile(r"(?P<repository>[\w.-]+/[\w.-]+)(?:/[\w./-]+)?@[\w./-]+")
_OF_GITHUB: Final = ("actions/", "github/")  # they are in nearly every workflow, and none of them is codex-gate
_COMMAND: Final = re.compile(
    r"(?:^|[\s;&|(])(?:codex-gate\s+(?P<name>screen|action|backtest|monitor|priority|trend|explain|feedback)|automl-codex\s+retrain)\b(?P<rest>(?:\\\n|[^\n;&|])*)",
    re.MULTILINE,
)
_CHECKOUT: Final = "actions/checkout@"
_NO: Final = ("false", "no", "off", "0", "never")
_RANK: Final = {"none": 0, "read": 1, "write": 2}
_WHY: Final = {
    "contents": "without it the checkout fails",
    "actions": "without it the other run's file cannot be fetched",
    "pull-requests": "without it there is no comment",
    "checks": "without it there is no check run",
    "issues": "without it drift has no issue",
    "security-events": "without it code scanning takes no SARIF",
}


class Lack(NamedTuple):
    """One thing that is missing: `what` in short, a sentence, and YAML to paste ("" where a sentence does)."""

    what: str
    text: str
    paste: str = ""


class Switches(NamedTuple):
    """What the configuration makes the action write where its input says nothing."""

    comment: bool = True
    check: bool = True
    sarif: bool = False
    labels: bool = False


def lacks(text: str, name: str, *, own_action: bool = False, switches: Switches = Switches()) -> list[Lack] | None:  # noqa: B008  a constant
    """What is missing in a workflow, None where none of its jobs runs codex-gate.

    Args:
        switches: of the configuration.
        own_action: whether `uses: ./` is codex-gate, as it is in its own repository.
    Raises:
        ConfigError: the file is no YAML.
    """
    whole = yaml_text.values(text, name)
    jobs = whole.get("jobs") if isinstance(whole, dict) else None
    known = _Known(own_action, frozenset(_named(text, whole)[:1]))  # init's job comes first; what stands behind it is somebody's own
    ours = [(str(key), job) for key, job in jobs.items() if isinstance(job, dict) and _runs(job, known)] if isinstance(jobs, dict) else []
    if not ours:
        return None
    return [*_events(whole), *(lack for key, job in ours for lack in _job(key, job, whole, known, switches))]


def named(text: str, name: str) -> list[str]:
    """The actions, OWNER/NAME@REF, of which one is codex-gate in a workflow that init wrote; where that is changed there may be several, none in one of others.

    Raises:
        ConfigError: the file is no YAML.
    """
    return _named(text, yaml_text.values(text, name)) if HEAD.match(text) else []


def _named(text: str, whole: Any) -> list[str]:
    jobs = whole.get("jobs") if isinstance(whole, dict) else None
    if HEAD.match(text) is None or not isinstance(jobs, dict):
        return []
    steps = [(str(step.get("uses", "")), step.get("with")) for job in jobs.values() if isinstance(job, dict) for step in _steps(job)]
    run = [uses for uses, _ in steps if REMOTE.fullmatch(uses) and not uses.startswith(_OF_GITHUB)]
    fetched = [f"{inputs.get('repository')}@{inputs.get('ref')}" for uses, inputs in steps if uses.startswith(_CHECKOUT) and isinstance(inputs, dict)]
    return list(dict.fromkeys([uses for uses in run if _ACTION.fullmatch(uses)] or run or [action for action in fetched if REMOTE.fullmatch(action)]))


class _Known(NamedTuple):
    """Which actions are codex-gate, beside those that are called so: whether `./` is, and others by all that `uses` says."""

    own: bool
    names: frozenset[str]


def _steps(job: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    steps = job.get("steps")
    return [step for step in steps if isinstance(step, dict)] if isinstance(steps, list) else []


def _runs(job: Mapping[str, Any], known: _Known) -> bool:
    return bool(_commands(job)) or any(_is_action(step, known) for step in _steps(job))


def _commands(job: Mapping[str, Any]) -> list[re.Match[str]]:
    return [found for step in _steps(job) for found in _COMMAND.finditer(str(step.get("run", "")))]


def _is_action(step: Mapping[str, Any], known: _Known) -> bool:
    uses = str(step.get("uses", ""))
    return uses in known.names or (bool(_ACTION.fullmatch(uses)) and (known.own or not uses.startswith(".")))


def _events(whole: Mapping[str, Any]) -> Iterator[Lack]:
    on = whole.get("on")
    names = {on} if isinstance(on, str) else {str(name) for name in on} if isinstance(on, list | dict) else set()
    if "pull_request_target" in names:
        yield Lack(
            "event",
            "runs on pull_request_target: a stranger's code would be checked out beside a token that can write; use pull_request",
            "on:\n  pull_request:\n  merge_group:",
        )
    elif not names & {"pull_request", "workflow_run", "merge_group", "push", "schedule", "workflow_dispatch"}:
        yield Lack("event", "does not run on pull requests", "on:\n  pull_request:\n  merge_group:")


def _job(key: str, job: Mapping[str, Any], whole: Mapping[str, Any], known: _Known, switches: Switches) -> Iterator[Lack]:
    action, commands = next((step for step in _steps(job) if _is_action(step, known)), None), _commands(job)
    inputs = action.get("with") if action is not None else {}
    inputs = inputs if isinstance(inputs, dict) else {}
    shows = "report" in inputs  # the report of another run is shown: nothing is checked out, nothing is screened
    given = job.get("permissions", whole.get("permissions"))
    needed = _needed(inputs, switches, reads=not shows) if action is not None else {"contents": "read"}
    posts = any(command["name"] == "monitor" and "--issue" in command["rest"].split() for command in commands)
    yield from _permissions(key, given, {**needed, **({"issues": "write"} if posts else {})})
    if not shows:
        yield from _history(key, job, deep=action is not None or any(command["name"] != "feedback" for command in commands))
    if action is not None and "token" in inputs:
        yield from _token(key, str(inputs["token"]))


def _needed(inputs: Mapping[str, Any], switches: Switches, *, reads: bool) -> dict[str, str]:
    """The permissions that the action uses, by name."""
    if _wanted(inputs, "monitor", False):
        return {"contents": "read", "issues": "write"}
    wanted = {name: _wanted(inputs, name, default) for name, default in switches._asdict().items()}
    return {
        **({"contents": "read"} if reads else {"actions": "read"}),
        **({"pull-requests": "write"} if wanted["comment"] or wanted["labels"] else {}),
        **({"checks": "write"} if wanted["check"] else {}),
        **({"security-events": "write"} if wanted["sarif"] else {}),
    }


def _permissions(key: str, given: Any, needed: Mapping[str, str]) -> Iterator[Lack]:
    paste = "\n".join((f"jobs:\n  {key}:\n    permissions:", *(f"      {name}: {level}" for name, level in needed.items())))
    if given is None:
        if "write" in needed.values():
            what = "no issue" if "issues" in needed else "neither comment nor check"
            yield Lack("permissions", f"job {key} states no permissions: where the repository's setting is read-only it can write {what}", paste)
        return
    lacking = [name for name, level in needed.items() if _RANK.get(_granted(given, name), 0) < _RANK[level]]
    if lacking:
        why = "; ".join(f"{name}: {needed[name]} ({_WHY[name]})" for name in lacking)
        yield Lack("permissions", f"job {key} lacks {why}", paste)


def _granted(given: Any, name: str) -> str:
    if isinstance(given, dict):
        return str(given.get(name, "none"))
    return {"write-all": "write", "read-all": "read"}.get(str(given), "none")


def _wanted(inputs: Mapping[str, Any], name: str, default: bool) -> bool:
    value = inputs.get(name)
    return default if value in (None, "") else str(value).lower() not in _NO


def _history(key: str, job: Mapping[str, Any], *, deep: bool) -> Iterator[Lack]:
    """That nothing is checked out, or that it has no history where it is to be `deep`: what people said stands in the files."""
    checkouts = [step for step in _steps(job) if str(step.get("uses", "")).startswith(_CHECKOUT)]
    if not checkouts:
        uses = "actions/checkout@v7"
        yield Lack("checkout", f"job {key} checks nothing out, so there is nothing to look at", _checkout(uses))
    elif deep and not any(isinstance(step.get("with"), dict) and str(step["with"].get("fetch-depth")) == "0" for step in checkouts):
        yield Lack(
            "history",
            f"job {key} fetches a shallow history: by itself it leaves history measures unknown and gives no level, so the rest must be fetched at each run",
            _checkout(str(checkouts[0]["uses"])),
        )


def _checkout(uses: str) -> str:
    return f"      - uses: {uses}\n        with:\n          fetch-depth: 0\n          persist-credentials: false"


def _token(key: str, token: str) -> Iterator[Lack]:
    paste = "        with:\n          token: ${{ github.token }}"
    if not token.strip():
        yield Lack("token", f"job {key} gives an empty token: nothing is written to the pull request; leave the input out, the workflow's own is taken", paste)
    elif re.search(r"\bsecrets\.(?!GITHUB_TOKEN\b)", token):
        yield Lack(
            "token",
            f"job {key} takes its token from a secret, which pull requests from forks do not get; leave the input out, the workflow's own is taken",
            paste,
        )
