"""`codex-gate`: commands, and the only place where errors become exit codes.

Exit codes: 0 done · 1 a gate tripped or drift · 2 wrong use, configuration or input · 3 our fault · 5 done in part.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from codex_gate import __version__
from codex_gate.errors import ConfigError, GateError, UsageError

if TYPE_CHECKING:
    from codex_gate.config import Settings
    from codex_gate.git import Repository
    from codex_gate.model import Model
    from codex_gate.policy import Policy
    from codex_gate.screen import Screener
    from codex_gate.types import Finding, Report

FORMATS = ("terminal", "json", "jsonl", "markdown", "sarif", "html")
LEVELS = ("moderate", "high", "critical")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit code."""
    for stream, errors in ((sys.stdin, "replace"), (sys.stdout, "backslashreplace"), (sys.stderr, "backslashreplace")):
        if hasattr(stream, "reconfigure"):  # a C locale must not break on a title with an umlaut
            stream.reconfigure(encoding="utf-8", errors=errors)
    options = _parser().parse_args(argv)
    try:
        code: int = options.run(options)
        sys.stdout.flush()
        return code
    except GateError as error:
        _say(str(error))
        return error.exit_code
    except KeyboardInterrupt:
        _say("interrupted; nothing was changed")
        return 130
    except BrokenPipeError:  # `codex-gate … | head`: the reader has seen enough
        _close_output()
        return 0
    except Exception as error:  # the last resort: a sentence in place of a traceback
        if os.environ.get("CODEX_GATE_DEBUG"):
            raise
        if isinstance(error, OSError):  # a full disk would speak up again when the interpreter ends
            _close_output()
        _say(f"internal error, {type(error).__name__}: {error}; set CODEX_GATE_DEBUG=1 to see where, and please report it")
        return 0 if getattr(options, "advisory", False) else 3


def _close_output() -> None:
    """Let what is still to be written to standard output go nowhere."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _say(text: str) -> None:
    from codex_gate.reporters.hostile import visible  # branch and path names are hostile text on a terminal too

    print(f"codex-gate: {visible(text)}", file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="codex-gate",
        description="How likely is this change to need a fix, and where to look first.",
        epilog="exit codes: 0 done, 1 gate tripped, 2 wrong use or input, 3 internal error",
    )
    parser.add_argument("--version", action="version", version=f"codex-gate {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    screen = commands.add_parser(
        "screen",
        help="the risk of a change, a commit, the index or many commits",
        description="Screens BASE..HEAD as a pull request means it: from their merge base to HEAD. Without a range: what differs from the upstream or default branch.",
    )
    what = screen.add_mutually_exclusive_group()
    what.add_argument("range", nargs="?", metavar="BASE..HEAD", help="a range as a pull request means it")
    what.add_argument("--staged", action="store_true", help="the index against HEAD")
    what.add_argument("--commit", metavar="SHA", help="one commit, with what was known before it")
    what.add_argument("--commits", metavar="FILE", help="many commits, one SHA a line, - for standard input; rows come in history order")
    what.add_argument("--each", metavar="BASE..HEAD", help="every commit of a range for itself, in history order")
    screen.add_argument(
        "--format", choices=FORMATS, help="terminal (default), json, jsonl (default of --commits and --each in a pipe), markdown, sarif, html (one page)"
    )
    screen.add_argument(
        "--lines", type=_line_count, metavar="N|all", help="with json and jsonl: the N riskiest changed lines, or every one in the order of the diff"
    )
    screen.add_argument("--output", type=Path, metavar="FILE", help="write there in place of standard output")
    screen.add_argument("--fail-on", choices=(*LEVELS, "never"), help="exit 1 when a change reaches this level (default: never)")
    screen.add_argument("--noise-budget", metavar="PERCENT", help="share of recent changes that may stand out at all (default: 30)")
    screen.add_argument("--path", action="append", metavar="GLOB", help="look at these files alone; !GLOB leaves files out; may be repeated")
    _add_common(screen)
    screen.set_defaults(run=_screen)

    backtest = commands.add_parser(
        "backtest",
        help="what would have been flagged here, how much of it was later fixed, and which threshold keeps a noise budget",
        description="Replays the past changes on HEAD's first-parent line: each is screened with only what was known before it, and later fixes tell which flags were right.",
        epilog="exit codes: 0 done, 2 wrong use or too little history, 3 internal error, 5 flags are counted but nothing tells which were right",
    )
    which = backtest.add_mutually_exclusive_group()
    which.add_argument("--last", type=int, default=1000, metavar="N", help="the last N changes (default: 1000)")
    which.add_argument("--since", metavar="DATE", help="the changes since this day, YYYY-MM-DD")
    backtest.add_argument("--noise-budget", default="10", metavar="PERCENT", help="share of changes that may be flagged (default: 10, one in ten)")
    backtest.add_argument("--format", choices=("terminal", "json", "html"), default="terminal", help="terminal (default), json, html (one self-contained page)")
    backtest.add_argument("--output", type=Path, metavar="FILE", help="write there in place of standard output")
    _add_common(backtest)
    backtest.set_defaults(run=_backtest)

    monitor = commands.add_parser(
        "monitor",
        help="whether the last changes are still like those before them: categories, file types, measures",
        description="Compares the last changes of a branch with the repository's own earlier ones. Nothing is kept between runs.",
        epilog="exit codes: 0 no drift, 1 drift, 2 wrong use or too little history, 3 internal error",
    )
    monitor.add_argument("--last", type=int, metavar="N", help="changes in the window (default: monitoring_window of the gates file, else 1000)")
    monitor.add_argument("--branch", default="HEAD", metavar="REV", help="the branch whose first-parent line is looked at (default: HEAD)")
    monitor.add_argument("--alert-threshold", type=float, metavar="KL", help="KL divergence of the categories that alone decides (default: calibrated)")
    monitor.add_argument("--fixes", action="store_true", help="also whether as much was fixed later as was predicted; asks blame about every fix")
    monitor.add_argument("--format", choices=("terminal", "json", "yaml", "markdown", "html"), help="default: by the name of --output, else terminal")
    monitor.add_argument("--output", type=Path, metavar="FILE", help="write there in place of standard output")
    monitor.add_argument("--gates", type=Path, metavar="FILE", help="thresholds (default: automl-codex-quality.toml at the root, where there is one)")
    monitor.add_argument("--andon-log", type=Path, metavar="FILE", help="note drift there too, a line of JSON each time")
    _add_common(monitor)
    monitor.set_defaults(run=_monitor)

    explain = commands.add_parser(
        "explain",
        help="why a commit got its risk: measures, hunks and lines",
        description="Says what each measure adds to a commit's risk, and which hunks and lines to look at first.",
    )
    explain.add_argument("commit", metavar="SHA", help="the commit, with what was known before it")
    explain.add_argument("--format", choices=("terminal", "json"), default="terminal", help="terminal (default) or json")
    explain.add_argument("--output", type=Path, metavar="FILE", help="write there in place of standard output")
    _add_common(explain)
    explain.set_defaults(run=_explain)

    init = commands.add_parser("init", help="write the workflow and the configuration into this repository; what is there already is left alone")
    init.epilog = "exit codes: 0 done, 2 wrong use, 3 internal error, 5 done in part: the hooks entry must be added by hand"
    init.add_argument("--dry-run", action="store_true", help="show what would be written, and write nothing")
    init.add_argument("--pre-commit", action="store_true", help="the hooks too, as an entry of .pre-commit-config.yaml")
    init.add_argument("--action", metavar="OWNER/NAME@REF", help="the action that the workflow runs (default: the published one)")
    _add_place(init)
    init.set_defaults(run=_init)

    uninstall = commands.add_parser("uninstall", help="remove what init wrote, where nobody has changed it")
    uninstall.add_argument("--dry-run", action="store_true", help="show what would be removed, and remove nothing")
    _add_place(uninstall)
    uninstall.set_defaults(run=_uninstall)

    doctor = commands.add_parser("doctor", help="whether a screen can work here, and what to do where it cannot")
    _add_common(doctor)
    doctor.set_defaults(run=_doctor)

    hook = commands.add_parser("hook", help="what the pre-commit hooks run: speaks when a change stands out, stops nothing unless configured")
    hook.add_argument("--push", action="store_true", help="what a push brings, from PRE_COMMIT_FROM_REF and PRE_COMMIT_TO_REF, in place of the index")
    _add_common(hook)
    hook.set_defaults(run=_hook, advisory=True)

    config = commands.add_parser("config", help="the settings in force and where each comes from")
    config.add_argument("--base", metavar="REV", help="read .codex-gate.yaml from this commit, as a range in CI does")
    _add_common(config)
    config.set_defaults(run=_config)

    action = commands.add_parser("action", help="what the GitHub Action runs: screens what the event brings, reads INPUT_ and GITHUB_ variables")
    action.set_defaults(run=_action, advisory=True)

    feedback = commands.add_parser(
        "feedback",
        help="what people said about verdicts: ticked comments (GITHUB_TOKEN, GITHUB_REPOSITORY), lines marked to be ignored; JSON lines",
    )
    feedback.add_argument("--output", type=Path, metavar="FILE", help="write there in place of standard output")
    _add_place(feedback)
    feedback.set_defaults(run=_feedback)

    schema = commands.add_parser("schema", help="print the JSON Schema of a json format or of .codex-gate.yaml")
    schema.add_argument(
        "of",
        nargs="?",
        choices=("report", "backtest", "drift", "config"),
        default="report",
        help="report: of screen, json and jsonl (default); backtest; drift; config",
    )
    schema.set_defaults(run=_schema)
    return parser


def _line_count(text: str) -> int:
    from codex_gate.screen import ALL_LINES

    if text == "all":
        return ALL_LINES
    if not text.isascii() or not text.isdigit() or len(text) > 9 or int(text) < 1:
        raise argparse.ArgumentTypeError(f"got {text!r}, expected a number of lines from 1 on, or all")
    return int(text)


def _add_place(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-C", "--repository", type=Path, default=Path("."), metavar="DIR", help="the repository (default: the current directory)")


def _add_common(parser: argparse.ArgumentParser) -> None:
    _add_place(parser)
    parser.add_argument("--model", type=Path, metavar="DIR", help="a model directory (default: the one that ships)")
    parser.add_argument("--config", metavar="FILE", help="a configuration in place of .codex-gate.yaml")


def _screen(options: argparse.Namespace) -> int:
    from codex_gate.git import Repository

    if options.lines is not None and not _for_programs(options):
        raise UsageError("--lines goes with --format json or jsonl: the other formats name the riskiest lines by themselves")
    repo = Repository.discover(options.repository, os.environ)
    with _screener(options, repo, _trusted(options, repo), thorough=options.format in ("json", "jsonl", "sarif", "html"), lines=options.lines) as screener:
        if options.commits or options.each:
            return _many(options, screener, repo)
        if options.staged:
            import time

            report = screener.staged(repo.identity(os.environ), int(time.time()))
        elif options.commit:
            report = screener.commit(options.commit, f"commit {options.commit}")
        else:
            base, head, scope = _range(options.range, repo)
            report = screener.range(base, head, scope)
        _write(options, _render(options, report))
        return _gate(screener.policy, [f for f in (report.change,) if f is not None])


def _trusted(options: argparse.Namespace, repo: Repository) -> str | None:
    """In CI the commit whose configuration and models count: whoever opens a pull request owns the work tree. None: the work tree.

    Of a range it is the base, of a commit its first parent; a list of commits has none, as has a first commit.
    """
    if options.commit:
        return _parent_of(repo, options.commit)
    if not _in_ci() or options.staged:
        return None
    if options.commits:
        return ""
    return repo.resolve(_range(options.each or options.range, repo)[0])


def _in_ci() -> bool:
    return os.environ.get("CI", "").lower() not in ("", "0", "false")


def _parent_of(repo: Repository, revision: str) -> str | None:
    """The first parent of a commit in CI, "" where it has none here; None elsewhere."""
    if not _in_ci():
        return None
    parents = repo.metas([repo.resolve(revision)])[0].parents
    return parents[0] if parents and repo.present_commits(parents[:1]) else ""


def _settings(options: argparse.Namespace, repo: Repository, base: str | None) -> Settings:
    """The settings in force; `base` is a commit to read the file from, None for the work tree, "" for no file."""
    from codex_gate import config

    given = {key: getattr(options, name) for key, name in _FLAGS} if options.command == "screen" else {}
    flags = {key: value for key, value in given.items() if value is not None}
    named = options.config or os.environ.get("CODEX_GATE_CONFIG") or None
    source = None if base == "" and named is None else config.find(repo, base or None, named)
    return config.load(source, os.environ, flags)


_FLAGS = (("fail-on", "fail_on"), ("noise-budget", "noise_budget"), ("paths", "path"))


@contextmanager
def _screener(options: argparse.Namespace, repo: Repository, base: str | None, *, thorough: bool, lines: int | None = None) -> Iterator[Screener]:
    """A screener with the settings and the model in force; a model of a commit lies in a directory that is gone afterwards."""
    from codex_gate.screen import Screener

    with _in_force(options, repo, base) as (model, policy):
        yield Screener(repo, model, thorough=thorough, lines=lines, policy=policy, with_diff=getattr(options, "format", None) == "html")


@contextmanager
def _in_force(options: argparse.Namespace, repo: Repository, base: str | None) -> Iterator[tuple[Model, Policy]]:
    """The model and the policy of the flags, the environment and the configuration."""
    from datetime import datetime

    from codex_gate.policy import Policy

    settings = _settings(options, repo, base)
    with _model(options, repo, settings.models, base) as model:
        yield model, Policy(settings, datetime.now().astimezone().date())


@contextmanager
def _model(options: argparse.Namespace, repo: Repository, chosen: str | None, base: str | None) -> Iterator[Model]:
    from codex_gate.model import Model, opened

    if options.model:
        yield Model.load(options.model)
    else:
        with opened(repo, chosen, base) as model:
            yield model


def _for_programs(options: argparse.Namespace) -> bool:
    return options.format in ("json", "jsonl") or (options.format is None and bool(options.commits or options.each) and not sys.stdout.isatty())


def _explain(options: argparse.Namespace) -> int:
    from codex_gate.git import Repository
    from codex_gate.reporters import explanation
    from codex_gate.streams import width

    repo = Repository.discover(options.repository, os.environ)
    with _screener(options, repo, _parent_of(repo, options.commit), thorough=True) as screener:
        found = screener.explain(options.commit)
    if options.format == "json":
        _write(options, explanation.as_json(found))
        return 0
    to_terminal = options.output is None and sys.stdout.isatty()
    _write(options, explanation.as_text(found, width(to_terminal), colour=to_terminal and not os.environ.get("NO_COLOR"), rich=to_terminal))
    return 0


def _range(text: str | None, repo: Repository) -> tuple[str, str, str]:
    if text is None:
        repo.resolve("HEAD")  # says so when there are no commits
        name, sha = repo.default_base()
        return sha, "HEAD", f"{name}..HEAD"
    base, dots, head = text.partition("..")
    if not dots or not base:
        raise UsageError(f"{text!r} is no range; expected BASE..HEAD, for example {base or 'main'}..HEAD (one commit: --commit {base or 'SHA'})")
    head = head.removeprefix(".") or "HEAD"
    return base, head, f"{base}..{head}"


def _many(options: argparse.Namespace, screener: Screener, repo: Repository) -> int:
    import gc

    from codex_gate.git import read_shas
    from codex_gate.screen import pick
    from codex_gate.streams import commit_list

    if options.commits:
        shas = pick(commit_list(options.commits, read_shas), repo)
        scope = "commits from standard input" if options.commits == "-" else f"commits listed in {options.commits}"
    else:
        base, head, scope = _range(options.each, repo)
        new = repo.resolve(head)
        shas = repo.rev_list(stdin=[new, f"^{repo.merge_base(repo.resolve(base), new)}"])
    if not shas:
        _say(f"{scope if options.each else options.commits} holds no commits: there is nothing to screen")
        return 0
    gc.disable()  # rows come by the thousand and hold no cycles: looking for some cost a tenth of the time (2026-11-23)
    try:
        return _report_many(options, screener, repo, shas, scope)
    finally:
        gc.enable()


def _report_many(options: argparse.Namespace, screener: Screener, repo: Repository, shas: Sequence[str], scope: str) -> int:
    import time

    from codex_gate.types import Report, Thresholds

    shows = sys.stderr.isatty() and not sys.stdout.isatty()
    findings = screener.many(shas, (lambda done, of: _phase("commits", done, of)) if shows else lambda done, of: None)
    if (options.format or ("terminal" if sys.stdout.isatty() else "jsonl")) == "jsonl":
        return _stream(options, findings, screener)
    rows = tuple(findings)
    limits = Thresholds(0, screener.model.base_rate)
    report = Report(scope, None, rows, limits, (), screener.model.version, time.perf_counter() - screener.started, str(repo.top or repo.git_dir))
    _write(options, _render(options, report))
    return _gate(screener.policy, rows)


def _stream(options: argparse.Namespace, findings: Iterator[Finding], screener: Screener) -> int:
    from codex_gate.reporters.machine import jsonl_row
    from codex_gate.streams import sink

    over: list[Finding] = []
    with sink(options.output) as stream:
        for finding in findings:
            stream.write(jsonl_row(finding, 1, screener.model.version) + "\n")
            if not over and screener.policy.limits(finding.paths).fails(finding.level):
                over = [finding]
    return _gate(screener.policy, over)


def _render(options: argparse.Namespace, report: Report) -> str:
    from codex_gate.reporters import render
    from codex_gate.streams import width

    to_terminal = options.output is None and sys.stdout.isatty()
    return render(options.format or "terminal", report, width=width(to_terminal), colour=to_terminal and not os.environ.get("NO_COLOR"), rich=to_terminal)


def _write(options: argparse.Namespace, text: str) -> None:
    from codex_gate.streams import sink

    with sink(options.output) as stream:
        stream.write(text)


def _gate(policy: Policy, findings: Sequence[Finding]) -> int:
    tripped = next(filter(None, map(policy.tripped, findings)), "")
    if tripped:
        _say(tripped)
    return 1 if tripped else 0


def _hook(options: argparse.Namespace) -> int:
    from codex_gate.git import Repository
    from codex_gate.hook import speaks
    from codex_gate.reporters import render

    try:
        repo = Repository.discover(options.repository, os.environ)
        with _screener(options, repo, None, thorough=False) as screener:
            options.advisory = screener.policy.settings is None or screener.policy.settings.hook == "advisory"
            report = _hooked(options, repo, screener)
            if report is None or report.change is None:
                return 0
            if speaks(report, screener.policy):
                sys.stdout.write(render("terminal", report))
            return 0 if options.advisory else _gate(screener.policy, [report.change])
    except ConfigError:
        raise
    except GateError as error:
        if not options.advisory:
            raise
        _say(f"{error} (the hook is advisory, nothing is stopped)")
        return 0


def _hooked(options: argparse.Namespace, repo: Repository, screener: Screener) -> Report | None:
    from codex_gate.hook import push

    if options.push:
        found = push(repo, os.environ)
        return screener.range(*found) if found is not None else None
    import time

    return screener.staged(repo.identity(os.environ), int(time.time()))


def _config(options: argparse.Namespace) -> int:
    from codex_gate import config
    from codex_gate.git import Repository
    from codex_gate.reporters.hostile import visible

    repo = Repository.discover(options.repository, os.environ)
    rows = config.rows(_settings(options, repo, repo.resolve(options.base) if options.base else None))
    width = min(48, max(len(value) for _, value, _ in rows))
    for key, value, source in rows:
        print(f"{key:13} {visible(value):{width}}  {visible(source)}")
    return 0


def _action(options: argparse.Namespace) -> int:
    from datetime import datetime

    from codex_gate import action
    from codex_gate.delivery import Run

    run = Run(os.environ, lambda line: print(line, flush=True))
    try:
        return action.run(run, datetime.now().astimezone().date())
    finally:
        options.advisory = not run.gated


def _feedback(options: argparse.Namespace) -> int:
    from codex_gate import feedback
    from codex_gate.git import Repository

    lines, missing = feedback.collected(Repository.discover(options.repository, os.environ), os.environ)
    _write(options, lines)
    if missing:
        _say(f"done in part: {missing}")
    return 5 if missing else 0


def _backtest(options: argparse.Namespace) -> int:
    from datetime import date

    from codex_gate.config import percentage
    from codex_gate.git import Repository
    from codex_gate.replay import replay
    from codex_gate.reporters.backtest import render
    from codex_gate.streams import width

    try:
        since = date.fromisoformat(options.since) if options.since else None
    except ValueError as error:
        raise UsageError(f"{options.since!r} is no date; expected YYYY-MM-DD, for example 2024-01-31") from error
    budget = percentage(options.noise_budget, "--noise-budget") / 100
    if budget >= 1:
        raise UsageError(f"--noise-budget must be below 100 %, got {options.noise_budget}; 10 lets one change in ten be flagged")
    if options.last < 1:
        raise UsageError(f"--last must be at least 1, got {options.last}")
    repo = Repository.discover(options.repository, os.environ)
    with _in_force(options, repo, None) as (model, policy):
        found = replay(repo, model, policy, budget, options.last, since, _phase if sys.stderr.isatty() else lambda what, done, of: None)
    to_terminal = options.output is None and sys.stdout.isatty()
    _write(options, render(options.format, found, width=width(to_terminal), colour=to_terminal and not os.environ.get("NO_COLOR"), rich=to_terminal))
    if missing := found.missing():
        _say(f"done in part: {missing}")
        return 5
    return 0


def _monitor(options: argparse.Namespace) -> int:
    import time

    from codex_gate import gates, watch
    from codex_gate.andon import Andon, DefaultAndonHandler, JsonLinesHandler
    from codex_gate.git import Repository
    from codex_gate.monitor import monitor
    from codex_gate.reporters.drift import SUFFIXES, render
    from codex_gate.streams import width

    repo = Repository.discover(options.repository, os.environ)
    asked = gates.find(Path(repo.top or repo.git_dir), options.gates)
    threshold = watch.checked(options.alert_threshold, "--alert-threshold") if options.alert_threshold is not None else asked.drift.kl_threshold
    last = options.last if options.last is not None else asked.drift.monitoring_window if "drift.monitoring_window" in asked.given else None
    with _in_force(options, repo, None) as (model, policy):
        progress = _phase if sys.stderr.isatty() else lambda what, done, of: None
        report = monitor(repo, model, policy, last, threshold, options.branch, options.fixes, progress)
    alert = report.drift and asked.drift.alert_on_drift
    if alert:  # before the report: a folder that is not writable must not lose it
        log = [JsonLinesHandler(options.andon_log, time.time)] if options.andon_log else []
        andon = Andon(*([DefaultAndonHandler(_say)] if options.output else []), *log)
        andon.check([watch.event(report)])
        for problem in andon.problems:
            _say(problem)
    to_terminal = options.output is None and sys.stdout.isatty()
    name = options.format or (SUFFIXES.get(options.output.suffix.lower(), "terminal") if options.output else "terminal")
    _write(options, render(name, report, width=width(to_terminal), colour=to_terminal and not os.environ.get("NO_COLOR"), rich=to_terminal))
    return 1 if alert else 0


def _phase(what: str, done: int, of: int) -> None:
    print(f"\r{done:,} of {of:,} {what}", end="\n" if done >= of else "", file=sys.stderr, flush=True)


def _init(options: argparse.Namespace) -> int:
    from codex_gate import scaffold
    from codex_gate.git import Repository

    repo = Repository.discover(options.repository, os.environ)
    text, code = scaffold.init(repo, options.repository, options.action or scaffold.ACTION, pre_commit=options.pre_commit, dry_run=options.dry_run)
    print(text)
    return code


def _uninstall(options: argparse.Namespace) -> int:
    from codex_gate import scaffold
    from codex_gate.git import Repository

    print(scaffold.uninstall(Repository.discover(options.repository, os.environ), dry_run=options.dry_run))
    return 0


def _doctor(options: argparse.Namespace) -> int:
    from codex_gate.doctor import Check, examine
    from codex_gate.git import Repository
    from codex_gate.model import default_directory, folder
    from codex_gate.reporters.hostile import visible

    directory, configuration = options.model or default_directory(), []
    try:
        repo = Repository.discover(options.repository, os.environ)
        settings = _settings(options, repo, None)
        if settings.models and not options.model:
            directory = folder(repo, settings.models)
        configuration = [Check("ok", "configuration", ", ".join(f"{key} from {place}" for key, place in settings.sources.items()) or "none: the defaults hold")]
    except ConfigError as error:
        configuration = [Check("fail", "configuration", str(error))]
    except GateError:
        pass  # no repository: the examination says so
    found = [*examine(options.repository, os.environ, directory), *configuration]
    for check in found:
        print("\n".join((f"{check.state:4}  {check.what:13} {visible(check.found)}", *(f"      | {visible(line)}" for line in check.paste.splitlines()))))
    return 2 if any(check.state == "fail" for check in found) else 0


def _schema(options: argparse.Namespace) -> int:
    sys.stdout.write(Path(__file__).with_name(f"{options.of}.schema.json").read_text("utf-8"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
