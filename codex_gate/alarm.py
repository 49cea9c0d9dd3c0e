"""Drift on its way to people: said, logged, written, put into one issue – and the exit code.

The order keeps the alert from getting lost: first what cannot wait (log, standard error), then the file, then the
forge, which may be down. Whatever of these fails is named, takes none of the others along and leaves the exit code.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from codex_gate import watch
from codex_gate.andon import Andon, AndonHandler, DefaultAndonHandler, JsonLinesHandler, PostHandler
from codex_gate.delivery import Run
from codex_gate.errors import ConfigError, GateError
from codex_gate.gates import Gates
from codex_gate.reporters import drift as formats
from codex_gate.reporters import workflow
from codex_gate.reporters.hostile import prose, shown
from codex_gate.watch import DriftReport

Post = Callable[[DriftReport], str]
"""Puts a report into the issue; says what was done. Raises GateError."""


@dataclass(frozen=True)
class Alarm:
    """Who hears of drift: `log` the Andon log, `aloud` whether it is said too, `post` the issue. `say` takes sentences, `warn` what could not be done."""

    say: Callable[[str], None]
    warn: Callable[[str], None]
    log: Path | None = None
    now: Callable[[], float] = time.time
    aloud: bool = False
    post: Post | None = None

    def settle(self, report: DriftReport, asked: Gates, write: Callable[[], None]) -> int:
        """Tell everybody; returns the exit code: 1 for drift, where the gates do not say that it is no alert.

        Args:
            write: puts the report where it was asked for; what it raises is raised when all else is done.
        """
        alert = report.drift and asked.drift.alert_on_drift
        if alert:
            self._pull(report, [*([DefaultAndonHandler(self.say)] if self.aloud else []), *([JsonLinesHandler(self.log, self.now)] if self.log else [])])
        try:
            write()
        finally:
            if self.post is not None and (alert or not report.drift):
                self._posted(report, self.post)
        return int(alert)

    def _pull(self, report: DriftReport, handlers: Sequence[AndonHandler]) -> None:
        andon = Andon(*handlers)
        andon.check([watch.event(report)])
        for problem in andon.problems:
            self.warn(problem)

    def _posted(self, report: DriftReport, post: Post) -> None:
        if report.drift:
            self._pull(report, [PostHandler(lambda _: self.say(f"issue {post(report)}"))])
            return
        try:
            self.say(f"issue {post(report)}")
        except GateError as error:
            self.warn(f"an issue about drift could not be looked for and closed: {error}")


def issue(run: Run, repository: str) -> Post:
    """What puts a report into the issue of a repository (OWNER/NAME), with the token of the run.

    Raises:
        ConfigError: no token, or no repository.
        UsageError: the extra [github] is not installed.
    """
    if not run.given("token") or "/" not in repository:
        raise ConfigError(
            "an issue needs a token (GITHUB_TOKEN; the Action's input token) and the repository (OWNER/NAME in GITHUB_REPOSITORY); give both, or do without the issue"
        )
    run.api()  # whether the library is here is known before the work; the budget of its calls begins with the first one

    def post(report: DriftReport) -> str:
        from codex_gate.reporters.drift.markdown import issue as words
        from codex_gate.reporters.github import ApiError
        from codex_gate.reporters.sticky import tell

        try:
            return tell(run.api(), repository, words(report))
        except ApiError as error:
            if error.status in (403, 404, 410):
                raise ApiError(f"{error}; give the job the permission issues: write, and the repository its issues", error.status) from error
            raise

    return post


def of_action(run: Run, repository: str, report: DriftReport, asked: Gates) -> int:
    """Deliver the report of the Action: files, outputs, log, step summary, issue; returns the exit code."""
    undone: list[str] = []

    def post(report: DriftReport) -> str:
        return issue(run, repository)(report)  # without a token the alert still stands in the log and in the exit code

    alarm = Alarm(lambda text: run.say(f"codex-gate: {text}"), undone.append, post=post)
    try:
        return alarm.settle(report, asked, lambda: _write(run, report))
    finally:
        for text in (*undone, *run.undone):
            run.say(workflow.command("warning", text))
            run.append("GITHUB_STEP_SUMMARY", f"\n> [!WARNING]\n> {prose(shown(text, 600))}\n")


def _write(run: Run, report: DriftReport) -> None:
    files = run.keep("drift", {name: formats.render(name, report) for name in ("json", "html")})
    values = {"drift": str(report.drift).lower(), "report-json": files["json"], "report-html": files["html"]}
    run.append("GITHUB_OUTPUT", workflow.outputs(values, secrets.token_hex(16)))
    run.append("GITHUB_STEP_SUMMARY", formats.render("markdown", report))
    run.say(workflow.fenced(formats.render("terminal", report, width=100), secrets.token_hex(16)))
