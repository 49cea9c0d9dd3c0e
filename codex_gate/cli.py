"""`codex-gate`: commands, and the only place where errors become exit codes.

Exit codes: 0 done · 1 a gate tripped or drift · 2 wrong use, configuration or input · 3 our fault · 5 done in part · 130 interrupted · 141 the reader went before the end, so no gate was judged.

A process that is asked to end (SIGTERM, SIGHUP) cleans up and dies of that signal.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from codex_gate.arguments import check_apart, parser
from codex_gate.errors import AGAIN, RESTORE, ConfigError, GateError, ModelError, UsageError
from codex_gate.signals import unwinding
from codex_gate.stdio import FULL, close_output, open_closed, say, settled

if TYPE_CHECKING:
    import argparse
    from datetime import date

    from codex_gate.config import Settings
    from codex_gate.delivery import Run
    from codex_gate.git import Repository
    from codex_gate.model import Model
    from codex_gate.policy import Gate, Policy
    from codex_gate.screen import Screener
    from codex_gate.types import Finding, Report


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit code."""
    with unwinding(), settled():
        return _main(argv)


def _main(argv: Sequence[str] | None) -> int:
    open_closed()
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
        _say("interrupted")
        return 130
    except BrokenPipeError:  # `codex-gate … | head`: what was not reached was not judged either, so 0 would be a lie under pipefail
        close_output()
        return 0 if getattr(options, "advisory", False) else 141
    except Exception as error:  # the last resort: a sentence in place of a traceback
        if os.environ.get("CODEX_GATE_DEBUG"):
            raise
        if isinstance(error, OSError):  # a full disk would speak up again when the interpreter ends
            close_output()
            if error.errno in FULL:
                _say(f"{error.filename or 'the output'} cannot be written: {error.strerror}")
                return 0 if getattr(options, "advisory", False) else 2
        _say(f"internal error, {type(error).__name__}: {error}; set CODEX_GATE_DEBUG=1 to see where, and please report it")
        return 0 if getattr(options, "advisory", False) else 3


def _say(text: str) -> None:
    from codex_gate.reporters.hostile import visible  # branch and path names are hostile text on a terminal too

    with suppress(OSError, ValueError):  # what was reported before stands before it, also where both go into one pipe, as pre-commit has it
        sys.stdout.flush()
    say(f"codex-gate: {visible(text)}")


def _parser() -> argparse.ArgumentParser:
    return parser(
        {
            "screen": _screen,
            "backtest": _backtest,
            "monitor": _monitor,
            "priority": _priority,
            "trend": _trend,
            "similar": _similar,
            "explain": _explain,
            "init": _init,
            "uninstall": _uninstall,
            "doctor": _doctor,
            "hook": _hook,
            "config": _config,
            "action": _action,
            "feedback": _feedback,
            "schema": _schema,
        }
    )


_PLACES = 20  # lines of a commit among many among which its result looks for a place


def _screen(options: argparse.Namespace) -> int:
    from codex_gate.git import Repository

    if options.lines is not None and not _for_programs(options):
        raise UsageError("--lines goes with --format json or jsonl: the other formats name the riskiest lines by themselves")
    repo = Repository.discover(options.repository, os.environ)
    with _screener(options, repo, _trusted(options, repo), thorough=options.format in ("json", "jsonl", "sarif", "html"), lines=options.lines) as screener:
        if options.commits or options.each:
            if options.format == "sarif":
                screener.lines = _PLACES
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
        return _gated([screener.gate(report.change)])


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

    given = {key: getattr(options, name) for key, name in _FLAGS.get(options.command, ())}
    flags = {key: value for key, value in given.items() if value is not None}
    named = options.config or os.environ.get("CODEX_GATE_CONFIG") or None
    if base == "" and named is not None and repo.top is not None and any(path.is_relative_to(repo.top.resolve()) for path in _places(named)):
        raise ConfigError(
            f"the configuration {named} lies in what is being judged: in CI it is read from a base commit, and here is none (a list, a first commit, or the edge of a "
            "shallow clone, which fetch-depth: 0 avoids); screen a range BASE..HEAD, or name a file outside the repository"
        )
    source = None if base == "" and named is None else config.find(repo, base or None, named)
    return config.load(source, os.environ, flags)


def _places(name: str) -> tuple[Path, Path]:
    """Where a file lies by its name, and where a link in its place leads."""
    path = Path(name)
    return path.parent.resolve() / path.name, path.resolve()


_FLAGS = {
    "screen": (("fail-on", "fail_on"), ("noise-budget", "noise_budget"), ("paths", "path"), ("tier", "tier")),
    "explain": (("tier", "tier"),),
    "hook": (("tier", "tier"),),
    "priority": (("fail-on-score", "fail_on_score"), ("paths", "path")),
}


@contextmanager
def _screener(options: argparse.Namespace, repo: Repository, base: str | None, *, thorough: bool, lines: int | None = None) -> Iterator[Screener]:
    """A screener with the settings and the model in force; a model of a commit lies in a directory that is gone afterwards."""
    from codex_gate.screen import Screener

    with _in_force(options, repo, base) as (model, policy):
        tier = policy.settings.tier if policy.settings is not None else 1
        yield Screener(repo, model, thorough=thorough, lines=lines, policy=policy, with_diff=getattr(options, "format", None) == "html", tier=tier)


@contextmanager
def _in_force(options: argparse.Namespace, repo: Repository, base: str | None) -> Iterator[tuple[Model, Policy]]:
    """The model and the policy of the flags, the environment and the configuration."""
    from datetime import datetime

    from codex_gate.policy import Policy

    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # numpy looks things up here; its linear algebra would start threads that spin (0.1 s of CPU)
    settings = _settings(options, repo, base)
    options.advisory = getattr(options, "advisory", False) and settings.hook == "advisory"  # only the hook comes with it
    with _model(options, repo, settings.models, base) as model:
        yield model, Policy(settings, datetime.now().date())


@contextmanager
def _model(options: argparse.Namespace, repo: Repository, chosen: str | None, base: str | None) -> Iterator[Model]:
    from codex_gate.model import Model, opened

    theirs = f"--model {options.model}" if options.model else f"models: {chosen}" if chosen else ""
    ours: Model | None = None
    try:
        with nullcontext(Model.load(options.model)) if options.model else opened(repo, chosen, base) as ours:
            yield ours
    except ModelError as error:
        if not theirs or (ours is not None and str(ours.directory) not in str(error)):  # what ships can be damaged too
            raise
        raise UsageError(f"{theirs}: {str(error).replace(AGAIN, RESTORE)}") from error


def _for_programs(options: argparse.Namespace) -> bool:
    return options.format in ("json", "jsonl") or (options.format is None and bool(options.commits or options.each) and not sys.stdout.isatty())


def _explain(options: argparse.Namespace) -> int:
    from codex_gate.git import Repository
    from codex_gate.reporters import explanation
    from codex_gate.streams import look

    repo = Repository.discover(options.repository, os.environ)
    with _screener(options, repo, _parent_of(repo, options.commit), thorough=True) as screener:
        found = screener.explain(options.commit)
    if options.format == "json":
        _write(options, explanation.as_json(found))
        return 0
    _write(options, explanation.as_text(found, **look(options.output, os.environ)))
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

    from codex_gate.screen import pick
    from codex_gate.streams import read_shas_of

    if options.commits:
        shas = pick(read_shas_of(options.commits, sys.stdin), repo)
        scope = "commits from standard input" if options.commits == "-" else f"commits listed in {options.commits}"
    else:
        base, head, scope = _range(options.each, repo)
        tip, new = repo.resolve(base), repo.resolve(head)
        repo.merge_base(tip, new)  # says so where there is none
        shas = repo.rev_list(stdin=[new, f"^{tip}"])
    nothing = ""
    if not shas:
        nothing = f"{scope if options.each else 'standard input' if options.commits == '-' else options.commits} holds no commits: there is nothing to screen"
        _say(nothing)  # the document is written all the same: a file of an earlier run would be taken for this one's
    gc.disable()  # rows come by the thousand and hold no cycles: looking for some cost a tenth of the time (2026-11-23)
    try:
        return _report_many(options, screener, repo, shas, scope, nothing)
    finally:
        gc.enable()


def _report_many(options: argparse.Namespace, screener: Screener, repo: Repository, shas: Sequence[str], scope: str, nothing: str) -> int:
    import time

    from codex_gate.types import Notice, Report, Thresholds
    from codex_gate.unread import of_many

    shows = sys.stderr.isatty() and not sys.stdout.isatty()
    findings = screener.many(shas, (lambda done, of: _phase("commits", done, of)) if shows else lambda done, of: None)
    if (options.format or ("terminal" if sys.stdout.isatty() else "jsonl")) == "jsonl":
        return _stream(options, findings, screener)
    rows = tuple(findings)
    limits = Thresholds(0, screener.model.base_rate)
    notices = (Notice("empty-range", nothing),) if nothing else screener.of_many.notices
    notices = (*notices, *of_many(rows))
    report = Report(
        scope,
        None,
        rows,
        limits,
        notices,
        screener.model.version,
        time.perf_counter() - screener.started,
        str(repo.top or repo.git_dir),
        screener.of_many.tier,
        model_kind=screener.model.kind,
    )
    _write(options, _render(options, report))
    return _gated(map(screener.gate, rows))


def _stream(options: argparse.Namespace, findings: Iterator[Finding], screener: Screener) -> int:
    from codex_gate.reporters.machine import jsonl_row
    from codex_gate.streams import sink

    gates: dict[Gate, None] = {}  # in their order, each once
    with sink(options.output) as out:
        for finding in findings:
            out.write(jsonl_row(finding, screener.of_many.tier, screener.model.version) + "\n")
            gates[screener.gate(finding)] = None
    return _gated(gates)


def _render(options: argparse.Namespace, report: Report) -> str:
    from codex_gate.reporters import render
    from codex_gate.streams import look

    return render(options.format or "terminal", report, **look(options.output, os.environ))


def _write(options: argparse.Namespace, text: str) -> None:
    from codex_gate.streams import sink

    with sink(options.output) as out:
        out.write(text)


def _gated(gates: Iterable[Gate]) -> int:
    """Say what the gates of changes have to say, one sentence for many; the exit code."""
    told = min(gates, key=lambda gate: (not gate.is_shut, not gate.text), default=None)
    if told is not None and told.text:
        _say(told.text)
    return 1 if told is not None and told.is_shut else 0


def _hook(options: argparse.Namespace) -> int:
    from codex_gate.git import Repository
    from codex_gate.hook import speaks
    from codex_gate.reporters import render

    try:
        repo = Repository.discover(options.repository, os.environ)
        with _screener(options, repo, None, thorough=False) as screener:
            report = _hooked(options, repo, screener)
            if report is None or report.change is None:
                return 0
            if speaks(report, screener.policy):
                sys.stdout.write(render("terminal", report))
            return 0 if options.advisory else _gated([screener.gate(report.change)])
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
    if options.model:  # any directory, where the key takes one of the repository
        rows = [(key, str(options.model), "--model") if key == "models" else (key, value, source) for key, value, source in rows]
    for key, value, source in rows:
        print(f"{key:13} {visible(value):{width}}  {visible(source)}")
    return 0


def _action(options: argparse.Namespace) -> int:
    from datetime import datetime

    from codex_gate import action
    from codex_gate.delivery import Run

    run = Run(os.environ, lambda line: print(line, flush=True))
    try:
        return action.run(run, datetime.now().date())
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
    import time

    from codex_gate.config import percentage
    from codex_gate.git import Repository
    from codex_gate.replay import replay
    from codex_gate.reporters.backtest import render
    from codex_gate.streams import look

    since = _reach(options)
    budget = percentage(options.noise_budget, "--noise-budget") / 100
    if budget >= 1:
        raise UsageError(f"--noise-budget must be below 100 %, got {options.noise_budget}; 10 lets one change in ten be flagged")
    repo = Repository.discover(options.repository, os.environ)
    with _in_force(options, repo, None) as (model, policy):
        found = replay(repo, model, policy, budget, options.last, since, _phase, now=int(time.time()))
    _write(options, render(options.format, found, **look(options.output, os.environ)))
    if missing := found.missing():
        _say(f"done in part: {missing}")
        return 5
    return 0


def _reach(options: argparse.Namespace) -> date | None:
    """The day that --since names, None without; --last is looked at too."""
    if options.last < 1:
        raise UsageError(f"--last must be at least 1, got {options.last}")
    return _day(options.since)


def _trend(options: argparse.Namespace) -> int:
    import time

    from codex_gate.git import Repository
    from codex_gate.reporters.trend import render
    from codex_gate.streams import look, sink
    from codex_gate.trend import trend

    since = _reach(options)
    check_apart(options)
    repo = Repository.discover(options.repository, os.environ)
    with _in_force(options, repo, None) as (model, policy):
        found = trend(repo, model, policy, int(time.time()), options.last, since, options.by, _phase)
    if options.html:
        with sink(options.html) as out:
            out.write(render("html", found))
    _write(options, render(options.format, found, **look(options.output, os.environ)))
    return 0


def _monitor(options: argparse.Namespace) -> int:
    import time

    from codex_gate import alarm, gates, watch
    from codex_gate.git import Repository
    from codex_gate.monitor import monitor
    from codex_gate.reporters.drift import SUFFIXES, render
    from codex_gate.streams import look

    repo = Repository.discover(options.repository, os.environ)
    asked = gates.find(Path(repo.top or repo.git_dir), options.gates)
    threshold = watch.checked(options.alert_threshold, "--alert-threshold") if options.alert_threshold is not None else asked.drift.kl_threshold
    last = options.last if options.last is not None else asked.window
    post = alarm.issue(*_forge()) if options.issue else None
    with _in_force(options, repo, None) as (model, policy):
        report = monitor(repo, model, policy, last, threshold, options.branch, options.fixes, _phase, now=int(time.time()))
    name = options.format or (SUFFIXES.get(options.output.suffix.lower(), "terminal") if options.output else "terminal")
    told = alarm.Alarm(_say, _say, options.andon_log, aloud=options.output is not None, post=post)
    return told.settle(report, asked, lambda: _write(options, render(name, report, **look(options.output, os.environ))))


def _priority(options: argparse.Namespace) -> int:
    import time

    from codex_gate.git import Repository
    from codex_gate.reporters.priority import SUFFIXES, render, tripped
    from codex_gate.streams import look, sink
    from codex_gate.survey import survey

    check_apart(options)
    repo = Repository.discover(options.repository, os.environ)
    with _in_force(options, repo, None) as (model, policy):
        found = survey(repo, model.directory, policy, int(time.time()), _day(options.since), options.half_life, options.branch, _phase)
    if options.html:
        with sink(options.html) as out:
            out.write(render("html", found, top=options.top))
    name = options.format or (SUFFIXES.get(options.output.suffix.lower(), "terminal") if options.output else "terminal")
    _write(options, render(name, found, top=options.top, **look(options.output, os.environ)))
    if text := tripped(found, policy.settings.sources.get("fail-on-score", "") if policy.settings else ""):
        _say(text)
        return 1
    return 0


def _similar(options: argparse.Namespace) -> int:
    from codex_gate import similar
    from codex_gate.reporters.similar import render
    from codex_gate.streams import look

    first, *others = map(similar.read, (options.file, *options.others))
    if not first.lines:
        raise UsageError(f"{options.file} holds no program text, blanks and comments at most; name a file to compare the others with")
    _write(options, render(options.format, [similar.compare(first, other) for other in others], **look(options.output, os.environ)))
    return 0


def _day(text: str | None) -> date | None:
    from codex_gate.config import day

    try:
        return day(text) if text is not None else None
    except ValueError as error:
        raise UsageError(f"{text!r} is no date; expected YYYY-MM-DD, for example 2024-01-31") from error


def _forge() -> tuple[Run, str]:
    """The token's connection to GitHub and the repository there, OWNER/NAME, as the environment names them."""
    from codex_gate.delivery import Run

    token = os.environ.get("GITHUB_TOKEN") or os.environ.get("GH_TOKEN") or ""
    return Run({**os.environ, "INPUT_TOKEN": token}, _say), os.environ.get("GITHUB_REPOSITORY", "")


def _phase(what: str, done: int, of: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{done:,} of {of:,} {what}", end="\n" if done >= of else "", file=sys.stderr, flush=True)


def _init(options: argparse.Namespace) -> int:
    from codex_gate import scaffold
    from codex_gate.git import Repository

    repo = Repository.discover(options.repository, os.environ)
    wanted = {"pre_commit": options.pre_commit, "retrain": options.retrain_workflow}
    text, code = scaffold.init(repo, options.repository, options.action, **wanted, dry_run=options.dry_run)
    print(text)
    return code


def _uninstall(options: argparse.Namespace) -> int:
    from codex_gate import scaffold
    from codex_gate.git import Repository

    print(scaffold.uninstall(Repository.discover(options.repository, os.environ), dry_run=options.dry_run))
    return 0


def _doctor(options: argparse.Namespace) -> int:
    import shutil

    from codex_gate.doctor import Check, configured, examine, linked, tiered, uncommitted, written
    from codex_gate.git import Repository
    from codex_gate.model import default_directory, folder

    directory, configuration, settings = options.model or default_directory(), [], None
    try:
        repo = Repository.discover(options.repository, os.environ)
        settings = _settings(options, repo, None)
        if settings.models and not options.model:
            directory = folder(repo, settings.models)
            configuration += uncommitted(repo, settings.models)
        configuration += [configured(settings.sources), *linked(repo)]
        if settings.tier != 1:
            configuration.append(tiered(settings.tier, directory))
    except ConfigError as error:
        configuration = [Check("fail", "configuration", str(error))]
    except ModelError as error:
        configuration.append(Check("fail", "tier", str(error)))
    except GateError:
        pass  # no repository: the examination says so
    found = [*examine(options.repository, os.environ, directory, settings), *configuration]
    width = shutil.get_terminal_size((80, 24)).columns if sys.stdout.isatty() else None
    for check in found:
        print(written(check, width))
    return 2 if any(check.state == "fail" for check in found) else 0


def _schema(options: argparse.Namespace) -> int:
    sys.stdout.write(Path(__file__).with_name(f"{options.of}.schema.json").read_text("utf-8"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
