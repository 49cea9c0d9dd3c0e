"""What each command does, grouped by what it works on; here is what the groups share.

Each group lists its commands in `COMMANDS`. Nothing of this package imports what a command needs before that command runs.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from codex_gate.errors import UsageError

if TYPE_CHECKING:
    from automl_codex.examples import Example
    from automl_codex.row_models import Asked
    from codex_gate.andon import Andon
    from codex_gate.gates import Gates
    from codex_gate.watch import DriftReport

Command = Callable[[argparse.Namespace], int]  # gives the exit code


def say(text: str) -> None:
    """A line on standard error, seen at once."""
    print(text, file=sys.stderr, flush=True)


@contextmanager
def watched(options: argparse.Namespace) -> Iterator[Andon]:
    """The cord of this run: prints and logs what is pulled, also that a training failed; says at the end what could not be passed on."""
    import time

    from codex_gate import andon
    from codex_gate.errors import TrainingFailure

    cord = andon.Andon(andon.DefaultAndonHandler(lambda text: say(f"automl-codex: {text}")), andon.JsonLinesHandler(options.andon_log, time.time))
    try:
        yield cord
    except TrainingFailure as error:
        cord.pull(andon.TrainingFailure(str(error), where=options.command, remedy="what was there before stays"))
        raise
    finally:
        for problem in cord.problems:
            say(f"automl-codex: {problem}")


def need_torch(what: str) -> None:
    """PyTorch and its companions are here.

    Raises:
        UsageError: one of them is not installed; `what` is what needs them.
    """
    from automl_codex.row_models import absent

    if missing := absent():
        raise UsageError(f"{what} needs {', '.join(missing)}, which the extra [train] brings: pip install 'codex-gate[train]'")


def trained_on_rows(
    rows: Sequence[Example], asked: Asked, folder: Path, wanted: tuple[Mapping[str, Any], str, str], thresholds: Gates, options: argparse.Namespace
) -> Mapping[str, Any]:
    """Families on verified rows, shown and held against the least values that are wanted, with the file and the section that these stand in; their report.

    Raises:
        HaltedError: a value is missed; the models stay where they are, with their report.
    """
    from automl_codex import gating, row_models

    with watched(options) as andon:
        report = row_models.run(rows, asked, folder, say)
        print(row_models.summary(report, folder), end="", flush=True)
        gating.settle(gating.of_rows(report["measured"], wanted[0], str(folder), *wanted[1:]), thresholds, andon)
    return report


def report_drift(report: DriftReport, asked: Gates, output: Path | None, name: str, options: argparse.Namespace) -> int:
    """Tell the handlers of drift, then write the report; 1 where there is drift and it is to be told.

    Raises:
        UsageError: `output` cannot be written.
    """
    from codex_gate import watch
    from codex_gate.reporters.drift import render

    alert = report.drift and asked.drift.alert_on_drift
    with watched(options) as andon:
        if alert:  # before the report: a folder that is not writable must not lose it
            andon.check([watch.event(report)])
    text = render(name, report)
    if output is None:
        print(text, end="")
        return int(alert)
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(text, "utf-8")
    except OSError as error:
        raise UsageError(f"{output} cannot be written: {error.strerror}") from error
    return int(alert)
