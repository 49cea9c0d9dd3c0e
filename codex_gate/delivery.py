"""A report of the Action on its way: files for later steps, GitHub, the log, the step summary, outputs."""

from __future__ import annotations

import re
import secrets
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

from codex_gate import config
from codex_gate.errors import ConfigError, UsageError
from codex_gate.event import Event
from codex_gate.reporters import comment, render, wording, workflow
from codex_gate.reporters.markdown import Links
from codex_gate.taxonomy import UNCLASSIFIED
from codex_gate.types import Level, Report

if TYPE_CHECKING:
    from codex_gate.reporters.github import Api, ApiError, Target

    Connect = Callable[[str, str], Api]

_PART: Final = re.compile(r"[A-Za-z0-9][\w ./-]{0,49}", re.ASCII)
_PERMISSIONS: Final = {
    "comment": "pull-requests: write",
    "check run": "checks: write",
    "label": "pull-requests: write",
    "code scanning": "security-events: write",
}


@dataclass
class Run:
    """One run: the runner's variables, where the log goes, what could not be done."""

    environ: Mapping[str, str]
    say: Callable[[str], None]
    connect: Connect | None = None
    undone: list[str] = field(default_factory=list)
    gated: bool = field(init=False)

    def __post_init__(self) -> None:
        self.gated = self.fail_on not in ("", config.NEVER, "none")

    @property
    def fail_on(self) -> str:
        """From which level on to fail, as input or variable say it, which go before the configuration; "" when neither does."""
        return self.given("fail-on") or self.environ.get(f"{config.PREFIX}FAIL_ON", "").strip()

    def given(self, name: str) -> str:
        """An input of the Action, "" when it was not given."""
        return self.environ.get(f"INPUT_{name.upper().replace('-', '_')}", "").strip()

    @property
    def part(self) -> str:
        """What the input name calls this job's part of the repository, "" for the whole.

        Raises:
            ConfigError: it is no name.
        """
        if (name := self.given("name")) and not _PART.fullmatch(name):
            raise ConfigError(f"the input: name: {name[:80]!r}; expected at most 50 letters, digits, blanks and . / _ -")
        return name

    def api(self) -> Api:
        """An interface to GitHub with the token that was given.

        Raises:
            UsageError: the extra [github] is not installed.
        """
        try:
            from codex_gate.reporters.github import Api, proxy_for
        except ModuleNotFoundError as error:
            raise UsageError(f"{error.name} is not installed; pip install 'codex-gate[github]'") from None
        url, token = self.environ.get("GITHUB_API_URL") or "https://api.github.com", self.given("token")
        return self.connect(url, token) if self.connect else Api(url, token, proxy_for(url, self.environ))

    def append(self, variable: str, text: str) -> None:
        """Add text to the file of the runner that a variable names; where there is none it goes nowhere."""
        if path := self.environ.get(variable):
            try:
                with open(path, "a", encoding="utf-8", errors="backslashreplace") as stream:
                    stream.write(text)
            except OSError as error:
                self.say(workflow.command("notice", f"{variable} cannot be written: {error.strerror}"))

    def keep(self, name: str, texts: Mapping[str, str]) -> dict[str, str]:
        """Paths of files for later steps, by format, in a directory of their own; all are "", and `undone` says why, where they cannot be written."""
        wanted, where = self.environ.get("RUNNER_TEMP") or None, None
        try:
            where = Path(tempfile.mkdtemp(prefix="codex-gate-", dir=wanted))
            files = {suffix: where / f"{name}.{suffix}" for suffix in texts}
            for suffix, path in files.items():
                path.write_text(texts[suffix], "utf-8")
        except OSError as error:
            if where is not None:
                shutil.rmtree(where, ignore_errors=True)
            place = f"{wanted} (RUNNER_TEMP)" if wanted else "the temporary directory (TMPDIR)"
            self.undone.append(f"no files for later steps: {place} cannot be written: {error.strerror or error}; the outputs that would name them are empty")
            return dict.fromkeys(texts, "")
        return {suffix: str(path) for suffix, path in files.items()}


@dataclass(frozen=True)
class Delivery:
    """What is delivered: the report of a change, how it was made, what the settings ask for.

    `head` is the commit that was screened, to whose lines links lead; `seen_at` the one that gets check run and code scanning, "" for the same.
    """

    run: Run
    event: Event
    head: str
    report: Report
    settings: config.Settings
    trust: comment.Trust
    is_loud: bool
    tripped: str = ""
    seen_at: str = ""

    def deliver(self) -> int:
        """Tell everybody; returns the exit code: 1 when the gate tripped."""
        self.run.append("GITHUB_OUTPUT", workflow.outputs(self._outputs(self._write_files()), secrets.token_hex(16)))
        told = self._publish()
        self._log([] if "check run" in told else self.places)
        self.run.append("GITHUB_STEP_SUMMARY", comment.summary(self.report, self.links, self.trust, self.run.undone))
        return 1 if self.tripped else 0

    @cached_property
    def places(self) -> list[workflow.Annotation]:
        found = self.report.change
        return workflow.points(found, self.settings.annotations) if found is not None and self.is_loud else []

    @cached_property
    def links(self) -> Links | None:
        return Links(f"{self.event.server}/{self.event.repository}", self.head) if self.event.repository else None

    def _write_files(self) -> dict[str, str]:
        """The report for later steps, by format; the page alone shows every changed line."""
        change = self.report.change
        short = replace(self.report, change=replace(change, lines=None)) if change is not None else self.report
        return self.run.keep("report", {name: render(name, self.report if name == "html" else short) for name in ("json", "sarif", "html")})

    # -- GitHub --------------------------------------------------------------------------------------

    def _publish(self) -> set[str]:
        """What reached GitHub; what did not is noted in `run.undone`."""
        wanted = self._wanted()
        if not wanted:
            return set()
        token, repository = self.run.given("token"), self.event.repository
        if self.event.is_fork:
            self.run.undone.append("pull requests from forks and of Dependabot have a read-only token: the result is here, and in no comment or check run")
            return set()
        if not token or not repository:
            self.run.undone.append(f"no {' and no '.join(wanted)}: {'the input token is empty' if repository else 'GITHUB_REPOSITORY names no repository'}")
            return set()
        try:
            api = self.run.api()
        except UsageError as error:
            self.run.undone.append(f"no {' and no '.join(wanted)}: {error}")
            return set()
        from codex_gate.reporters.github import Target

        target = Target(repository, self.event.number or 0, self.seen_at or self.head, self.run.part)
        return {what for what in self._current(wanted, api, target) if self._told(what, api, target)}

    def _current(self, wanted: list[str], api: Api, target: Target) -> list[str]:
        """What is still to be said: comment and label are about the pull request as it is now, the rest is about a commit."""
        from codex_gate.reporters.github import ApiError, is_past

        late = [what for what in wanted if what in ("comment", "label")]
        try:
            if not late or self.event.head is None or not is_past(api, target._replace(sha=self.event.head)):
                return wanted
        except ApiError:
            return wanted  # whatever is tried next says why
        self.run.undone.append(f"no {' and no '.join(late)}: the pull request is closed, or has newer commits, whose own run tells")
        return [what for what in wanted if what not in late]

    def _wanted(self) -> list[str]:
        """What the settings ask of GitHub for this event, in the order of its worth."""
        pull = self.event.is_pull and self.event.number is not None
        asked = {
            "comment": pull and self.settings.comment is not Level.UNKNOWN,
            "check run": self.settings.check and bool(self.head) and self.event.name in ("pull_request", "pull_request_target", "push", "merge_group"),
            "label": pull and self.settings.labels,
            "code scanning": self.settings.sarif and self.event.name != "merge_group",
        }
        return [what for what, is_asked in asked.items() if is_asked]

    def _told(self, what: str, api: Api, target: Target) -> bool:
        from codex_gate.reporters.github import ApiError

        steps = {"comment": self._comment, "check run": self._check, "label": self._label, "code scanning": self._scan}
        try:
            steps[what](api, target)
        except ApiError as error:
            self.run.undone.append(_excuse(what, error))
            return False
        return True

    def _comment(self, api: Api, target: Target) -> None:
        from codex_gate.reporters import github

        assert self.links is not None
        body = (comment.loud if self.is_loud else comment.quiet)(self.report, self.links, self.trust, target.part)
        self.run.say(f"codex-gate: comment {github.say(api, target, body, loud=self.is_loud)}")

    def _check(self, api: Api, target: Target) -> None:
        from codex_gate.reporters import github

        found = self.report.change
        title = wording.verdict(found, wording.digits(self.report)) if found is not None else "Nothing to screen"
        conclusion = "failure" if self.tripped else "neutral" if self.is_loud else "success"
        github.check(api, target, title, render("markdown", self.report), conclusion, self.places)

    def _label(self, api: Api, target: Target) -> None:
        from codex_gate.reporters import github

        github.label(api, target, str(self.report.change.level) if self.report.change is not None else "")

    def _scan(self, api: Api, target: Target) -> None:
        from codex_gate.reporters import github

        ref = f"refs/pull/{target.number}/head" if target.number else self.event.ref
        github.upload(api, target, render("sarif", self.report), ref)

    # -- the runner ----------------------------------------------------------------------------------

    def _log(self, places: list[workflow.Annotation]) -> None:
        self.run.say(workflow.fenced(render("terminal", self.report, width=100), secrets.token_hex(16)))
        for line in workflow.commands(places):
            self.run.say(line)
        for text in self.run.undone:
            self.run.say(workflow.command("notice", text))
        if self.tripped:
            self.run.say(workflow.command("error", self.tripped))

    def _outputs(self, files: Mapping[str, str]) -> dict[str, str]:
        found = self.report.change
        return {
            "risk": f"{found.risk:.4f}" if found is not None and found.risk is not None else "",
            "level": str(found.level) if found is not None else "unknown",
            "category": found.top.category or UNCLASSIFIED if found is not None else UNCLASSIFIED,
            "top-file": found.files[0].path if found is not None and found.files else "",
            "report-json": files["json"],
            "report-html": files["html"],
            "sarif": files["sarif"],
        }


def _excuse(what: str, error: ApiError) -> str:
    """Why something did not come about, and what to do; GitHub refuses for want of a permission, but for other reasons too."""
    if error.status == 401:
        return f"no {what}: GitHub does not take the token; give a valid one as the input token"
    if error.status == 404 or "not accessible" in error.reason.lower():
        return f"no {what}: the token is not allowed to; give the job the permission {_PERMISSIONS[what]}, or switch it off"
    return f"no {what}: {error}; the whole result is in the step summary"
