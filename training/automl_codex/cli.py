"""`automl-codex`: the offline commands, and the only place where their errors become exit codes.

Exit codes: 0 done · 1 a gate missed · 2 wrong use, configuration or input · 3 our fault · 4 halted by a gate · 5 done in part · 130 interrupted · 141 the reader went before the end.

A process that is asked to end (SIGTERM, SIGHUP) cleans up and dies of that signal.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from automl_codex.arguments import parser
from automl_codex.commands import extra_of, lacking, models, say, students, synthetic
from codex_gate.errors import NAMED, UNBORN, GateError
from codex_gate.signals import unwinding
from codex_gate.stdio import FULL, close_output, open_closed, settled

if TYPE_CHECKING:
    import argparse

_PATHS = (PermissionError, FileNotFoundError, FileExistsError, NotADirectoryError, IsADirectoryError)  # a path that does not serve


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit code."""
    with unwinding(), settled():
        return _main(argv)


def _main(argv: Sequence[str] | None) -> int:
    open_closed()
    options = _parser().parse_args(argv)
    if vars(options).get("engine") == "dask":  # workers were started in other folders
        for name in {"input", "output"} & set(vars(options)):
            setattr(options, name, vars(options)[name].absolute())
    try:
        code: int = options.run(options)
        sys.stdout.flush()
        return code
    except GateError as error:
        say(f"automl-codex: {_ours(str(error))}")
        return error.exit_code
    except KeyboardInterrupt:
        say("automl-codex: interrupted")
        return 130
    except BrokenPipeError:  # `automl-codex … | head`: the command was cut short
        close_output()
        return 141
    except Exception as error:  # the last resort: a sentence in place of a traceback
        if os.environ.get("CODEX_GATE_DEBUG"):
            raise
        if isinstance(error, OSError):  # a full disk would speak up again when the interpreter ends
            close_output()
        code, text = _meant(error, str(options.command))
        say(f"automl-codex: {text}")
        return code


def _ours(text: str) -> str:
    """A sentence of the runtime, whose remedies are options of `codex-gate`, with those of these commands."""
    return text.replace(NAMED, "give the path of a clone").replace(UNBORN, "commit something first")


def _meant(error: Exception, command: str) -> tuple[int, str]:
    """The exit code and the sentence of an error that no command raises on purpose."""
    if isinstance(error, ModuleNotFoundError) and (extra := extra_of(error.name or "")):
        return 2, lacking(command, [str(error.name).partition(".")[0]], extra)
    if isinstance(error, OSError) and error.errno in FULL:
        return 2, f"{error.filename or f'what {command} writes'} cannot be written: {os.strerror(error.errno)}"
    if isinstance(error, _PATHS):
        return 2, f"{error.filename or 'a file'} cannot be read or written: {error.strerror or error}"
    return 3, f"internal error, {type(error).__name__}: {error}; set CODEX_GATE_DEBUG=1 to see where, and please report it"


def _parser() -> argparse.ArgumentParser:
    return parser(synthetic.COMMANDS | students.COMMANDS | models.COMMANDS)


if __name__ == "__main__":
    sys.exit(main())
