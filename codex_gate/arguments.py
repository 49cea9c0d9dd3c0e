"""What can be typed: commands, arguments, options, and what each is for."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path

from codex_gate import __version__
from codex_gate.errors import ConfigError, UsageError

FORMATS = ("terminal", "json", "jsonl", "markdown", "sarif", "html")
LEVELS = ("moderate", "high", "critical")


def parser(run: Mapping[str, Callable[[argparse.Namespace], int]]) -> argparse.ArgumentParser:
    """The parser of `codex-gate`.

    Args:
        run: by command, what carries it out and gives the exit code.
    """
    whole = argparse.ArgumentParser(
        prog="codex-gate",
        description="How likely is this change to need a fix, and where to look first.",
        epilog="exit codes: 0 done, 1 gate tripped or drift, 2 wrong use or input, 3 internal error, 5 done in part, 130 interrupted, 141 output cut off",
    )
    whole.add_argument("--version", action="version", version=f"codex-gate {__version__}")
    commands = whole.add_subparsers(dest="command", required=True, metavar="COMMAND")

    screen = commands.add_parser(
        "screen",
        help="the risk of a change, a commit, the index or many commits",
        description="Screens BASE..HEAD as a pull request means it: from their merge base to HEAD. Without a range: what differs from the upstream or default branch.",
    )
    what = screen.add_mutually_exclusive_group()
    what.add_argument("range", nargs="?", metavar="BASE..HEAD", help="a range as a pull request means it")
    what.add_argument("--staged", action="store_true", help="the index against HEAD")
    what.add_argument("--commit", type=_filled, metavar="SHA", help="one commit, with what was known before it")
    what.add_argument("--commits", type=_filled, metavar="FILE", help="many commits, one SHA a line, - for standard input; rows come in history order")
    what.add_argument("--each", type=_filled, metavar="BASE..HEAD", help="every commit of a range for itself, in history order")
    screen.add_argument(
        "--format", choices=FORMATS, help="terminal (default), json, jsonl (default of --commits and --each in a pipe), markdown, sarif, html (one page)"
    )
    screen.add_argument(
        "--lines",
        type=_line_count,
        metavar="N|all",
        help="with json and jsonl: the N riskiest changed lines, or every one in the order of the diff, of the first 20,000",
    )
    _add_tier(screen)
    screen.add_argument("--output", type=_file, metavar="FILE", help="write there in place of standard output")
    screen.add_argument("--fail-on", choices=(*LEVELS, "never"), help="exit 1 when a change reaches this level, or cannot be judged (default: never)")
    screen.add_argument(
        "--noise-budget", type=_setting("noise-budget"), metavar="PERCENT", help="share of recent changes that may stand out at all (default: 30)"
    )
    screen.add_argument("--path", type=_pattern, action="append", metavar="GLOB", help="look at these files alone; !GLOB leaves files out; may be repeated")
    _add_common(screen)
    screen.set_defaults(run=run["screen"])

    backtest = commands.add_parser(
        "backtest",
        help="what would have been flagged here, how much of it was later fixed, and which threshold keeps a noise budget",
        description="Replays the past changes on HEAD's first-parent line: each is screened with only what was known before it, and later fixes tell which flags were right.",
        epilog="exit codes: 0 done, 2 wrong use or too little history, 3 internal error, 5 flags are counted but nothing tells which were right",
    )
    _add_reach(backtest)
    backtest.add_argument("--noise-budget", default="10", metavar="PERCENT", help="share of changes that may be flagged (default: 10, one in ten)")
    backtest.add_argument("--format", choices=("terminal", "json", "html"), default="terminal", help="terminal (default), json, html (one self-contained page)")
    backtest.add_argument("--output", type=_file, metavar="FILE", help="write there in place of standard output")
    _add_common(backtest)
    backtest.set_defaults(run=run["backtest"])

    monitor = commands.add_parser(
        "monitor",
        help="whether the last changes are still like those before them: categories, file types, measures",
        description="Compares the last changes of a branch with the repository's own earlier ones. Nothing is kept between runs.",
        epilog="exit codes: 0 no drift, 1 drift, 2 wrong use or too little history, 3 internal error",
    )
    monitor.add_argument(
        "--last",
        type=int,
        metavar="N",
        help="changes in the window, in steps of 20; fewer than 100 hardly tell drift from chance (default: monitoring_window of the gates file, else 1000)",
    )
    monitor.add_argument("--branch", default="HEAD", metavar="REV", help="the branch whose first-parent line is looked at (default: HEAD)")
    monitor.add_argument("--alert-threshold", type=float, metavar="KL", help="KL divergence of the categories that alone decides (default: calibrated)")
    monitor.add_argument("--fixes", action="store_true", help="also whether as much was fixed later as was predicted; asks blame about every fix")
    monitor.add_argument("--format", choices=("terminal", "json", "yaml", "markdown", "html"), help="default: by the name of --output, else terminal")
    monitor.add_argument("--output", type=_file, metavar="FILE", help="write there in place of standard output")
    monitor.add_argument("--gates", type=_file, metavar="FILE", help="thresholds (default: automl-codex-quality.toml at the root, where there is one)")
    monitor.add_argument("--andon-log", type=_file, metavar="FILE", help="note drift there too, a line of JSON each time")
    monitor.add_argument(
        "--issue", action="store_true", help="one issue on GitHub that is opened, updated and closed with drift (GITHUB_TOKEN, GITHUB_REPOSITORY)"
    )
    _add_common(monitor)
    monitor.set_defaults(run=run["monitor"])

    priority = commands.add_parser(
        "priority",
        help="which kinds of defects and which files deserve attention: the priority matrix and the hot files",
        description="Ranks the categories of past fixes by how often and how bad they are here, and the files of program text by complexity, churn, fixes and ownership.",
        epilog="exit codes: 0 done, 1 a file reaches --fail-on-score, 2 wrong use or input, 3 internal error",
    )
    priority.add_argument("--since", type=_filled, metavar="DATE", help="commits since this day alone, YYYY-MM-DD (default: ten years before the last commit)")
    priority.add_argument("--half-life", type=_days, default=730.0, metavar="DAYS", help="age at which a commit counts half (default: 730)")
    priority.add_argument("--branch", default="HEAD", metavar="REV", help="the branch whose history and files are looked at (default: HEAD)")
    priority.add_argument("--top", type=_amount, default=10, metavar="N", help="files that are listed (default: 10; json holds all)")
    priority.add_argument(
        "--fail-on-score", type=_setting("fail-on-score"), metavar="N", help="exit 1 when the score of a file, 0 to 100, reaches N (default: never)"
    )
    priority.add_argument("--path", type=_pattern, action="append", metavar="GLOB", help="look at these files alone; !GLOB leaves files out; may be repeated")
    priority.add_argument("--format", choices=("terminal", "json", "markdown", "html"), help="default: by the name of --output, else terminal")
    priority.add_argument("--output", type=_file, metavar="FILE", help="write there in place of standard output")
    priority.add_argument("--html", type=_file, metavar="FILE", help="the heat map too, as one self-contained page")
    _add_common(priority)
    priority.set_defaults(run=run["priority"])

    trend = commands.add_parser(
        "trend",
        help="risk, fixes, categories, calibration and drift of this repository over time, as a table and as a page with plots",
        description="Looks back at the past changes on HEAD's first-parent line by month, quarter or year. Nothing is kept between runs.",
        epilog="exit codes: 0 done, 2 wrong use or no history, 3 internal error",
    )
    _add_reach(trend)
    trend.add_argument("--by", choices=("month", "quarter", "year"), help="the periods (default: by age and number of these changes)")
    trend.add_argument("--html", type=_file, metavar="FILE", help="write one self-contained page with plots there too")
    trend.add_argument("--format", choices=("terminal", "json"), default="terminal", help="terminal (default) or json")
    trend.add_argument("--output", type=_file, metavar="FILE", help="write there in place of standard output")
    _add_common(trend)
    trend.set_defaults(run=run["trend"])

    similar = commands.add_parser(
        "similar",
        help="how alike two files are as programs, whatever their names, comments and layout; more files are ranked",
        description="Compares the structure and the data flow of files, in any language, without a model and without a repository. A copy with its own names replaced wherever they stand is 100 % alike.",
        epilog="exit codes: 0 done, 2 a file that is missing, unreadable, binary or larger than 16 MiB, 3 internal error",
    )
    similar.add_argument("file", type=Path, metavar="FILE_A", help="the file that the others are compared with")
    similar.add_argument(
        "others", type=Path, nargs="+", metavar="FILE_B", help="one file for a comparison in detail, several to be ranked by likeness to the first"
    )
    similar.add_argument(
        "--format", choices=("terminal", "json"), default="terminal", help="terminal (default) or json, which also holds a vector of each file"
    )
    similar.add_argument("--output", type=_file, metavar="FILE", help="write there in place of standard output")
    similar.set_defaults(run=run["similar"])

    explain = commands.add_parser(
        "explain",
        help="why a commit got its risk: measures, hunks and lines",
        description="Says what each measure adds to a commit's risk, and which hunks and lines to look at first.",
    )
    explain.add_argument("commit", metavar="SHA", help="the commit, with what was known before it")
    explain.add_argument("--format", choices=("terminal", "json"), default="terminal", help="terminal (default) or json")
    _add_tier(explain)
    explain.add_argument("--output", type=_file, metavar="FILE", help="write there in place of standard output")
    _add_common(explain)
    explain.set_defaults(run=run["explain"])

    init = commands.add_parser(
        "init",
        help="write the workflow and the configuration into this repository; what somebody else wrote or changed is left alone, what init wrote is renewed",
    )
    init.epilog = "exit codes: 0 done, 2 wrong use, 3 internal error, 5 done in part: the hooks entry must be added by hand"
    init.add_argument("--dry-run", action="store_true", help="show what would be written, and write nothing")
    init.add_argument("--pre-commit", action="store_true", help="the hooks too, as an entry of .pre-commit-config.yaml")
    init.add_argument(
        "--retrain-workflow",
        action="store_true",
        help="a workflow too that looks for drift each week, retrains on this repository with drift or once a month, and opens one pull request",
    )
    init.add_argument(
        "--action", metavar="OWNER/NAME@REF", help="the action that the workflow runs (default: the one that it runs here already, else the published one)"
    )
    _add_place(init)
    init.set_defaults(run=run["init"])

    uninstall = commands.add_parser("uninstall", help="remove what init wrote, where nobody has changed it")
    uninstall.add_argument("--dry-run", action="store_true", help="show what would be removed, and remove nothing")
    _add_place(uninstall)
    uninstall.set_defaults(run=run["uninstall"])

    doctor = commands.add_parser("doctor", help="whether a screen can work here, and what to do where it cannot")
    _add_common(doctor)
    doctor.set_defaults(run=run["doctor"])

    hook = commands.add_parser("hook", help="what the pre-commit hooks run: speaks when a change stands out, stops nothing unless configured")
    hook.add_argument("--push", action="store_true", help="what a push brings, from PRE_COMMIT_FROM_REF and PRE_COMMIT_TO_REF, in place of the index")
    _add_tier(hook)
    _add_common(hook)
    hook.set_defaults(run=run["hook"], advisory=True)

    config = commands.add_parser("config", help="the settings in force and where each comes from")
    config.add_argument("--base", type=_filled, metavar="REV", help="read .codex-gate.yaml from this commit, as a range in CI does")
    _add_common(config)
    config.set_defaults(run=run["config"])

    action = commands.add_parser("action", help="what the GitHub Action runs: screens what the event brings, reads INPUT_ and GITHUB_ variables")
    action.set_defaults(run=run["action"], advisory=True)

    feedback = commands.add_parser(
        "feedback",
        help="what people said about verdicts: ticked comments (GITHUB_TOKEN, GITHUB_REPOSITORY), lines marked to be ignored; JSON lines",
    )
    feedback.add_argument("--output", type=_file, metavar="FILE", help="write there in place of standard output")
    _add_place(feedback)
    feedback.set_defaults(run=run["feedback"])

    schema = commands.add_parser("schema", help="print the JSON Schema of a json format or of .codex-gate.yaml")
    schema.add_argument(
        "of",
        nargs="?",
        choices=("report", "backtest", "drift", "priority", "trend", "similar", "config"),
        default="report",
        help="report: of screen, json and jsonl (default); backtest; drift; priority; trend; similar; config",
    )
    schema.set_defaults(run=run["schema"])
    return whole


def _line_count(text: str) -> int:
    from codex_gate.screen import ALL_LINES

    if text == "all":
        return ALL_LINES
    return _amount(text, "a number of lines from 1 on, or all")


def _amount(text: str, expected: str = "a whole number from 1 on") -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 9 or int(text) < 1:
        raise argparse.ArgumentTypeError(f"got {text!r}, expected {expected}")
    return int(text)


def _days(text: str) -> float:
    try:
        days = float(text)
    except ValueError:
        days = 0.0
    if not 1 <= days <= 1_000_000:
        raise argparse.ArgumentTypeError(f"got {text!r}, expected days from 1 to 1,000,000, for example 365")
    return days


def _setting(key: str) -> Callable[[str], str]:
    """What takes an option that the configuration holds too, under `key`: a value that cannot be meant is refused in the same words."""

    def checked(text: str) -> str:
        from codex_gate.config import load

        try:
            load(None, {}, {key: text}, called=key)
        except ConfigError as error:
            raise argparse.ArgumentTypeError(str(error).removeprefix(f"{key}: {key}: ")) from None
        return text

    return checked


def _pattern(text: str) -> str:
    """A pattern of --path; ! in front leaves files out."""
    return _setting("paths")(_filled(text.strip()))


def _file(text: str) -> Path:
    """The name of a file or a directory; an empty one would be the current directory."""
    return Path(_filled(text))


def _add_place(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-C", "--repository", type=Path, default=Path("."), metavar="DIR", help="the repository (default: the current directory)")


def _add_reach(command: argparse.ArgumentParser) -> None:
    """How far back a look at past changes goes."""
    reach = command.add_mutually_exclusive_group()
    reach.add_argument("--last", type=int, default=1000, metavar="N", help="the last N changes (default: 1000)")
    reach.add_argument("--since", type=_filled, metavar="DATE", help="the changes since this day, YYYY-MM-DD")


def _add_tier(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--tier",
        choices=("1", "2", "3", "auto"),
        help="who tells kinds of defects: 1 rules and words, 2 the student, 3 all, auto the highest that can run, for many commits 1 (default: 1)",
    )


def _add_common(parser: argparse.ArgumentParser) -> None:
    _add_place(parser)
    parser.add_argument("--model", type=_file, metavar="DIR", help="a model directory (default: the one that ships)")
    parser.add_argument("--config", type=_filled, metavar="FILE", help="a configuration in place of .codex-gate.yaml")


def check_apart(options: argparse.Namespace) -> None:
    """Refuse a page and a report that would go to one place."""
    from codex_gate.streams import STDOUT

    page, report = ((str(path.resolve()) if path and str(path) != STDOUT else STDOUT) for path in (options.html, options.output))
    if options.html and page == report:
        raise UsageError(f"the page of --html and the report would both go to {options.html}; give --html or --output a file of its own")


def _filled(text: str) -> str:
    """A value of an option; an empty one comes from a variable that is not set, and must not mean that nothing was asked."""
    if not text:
        raise argparse.ArgumentTypeError("is empty; give it a value, or leave it out (is a variable unset?)")
    return text
