"""`automl-codex`: the offline commands, and the only place where their errors become exit codes.

Exit codes: 0 done · 1 a gate missed · 2 wrong use, configuration or input · 3 our fault · 4 halted by a gate · 5 done in part · 130 interrupted · 141 the reader went before the end.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from automl_codex.arguments import parser
from automl_codex.commands import models, say, students, synthetic
from codex_gate.errors import GateError

if TYPE_CHECKING:
    import argparse


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit code."""
    options = _parser().parse_args(argv)
    if vars(options).get("engine") == "dask":  # workers were started in other folders
        for name in {"input", "output"} & set(vars(options)):
            setattr(options, name, vars(options)[name].absolute())
    try:
        code: int = options.run(options)
    except GateError as error:
        print(f"automl-codex: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("automl-codex: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:  # `automl-codex … | head`: the command was cut short
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except (PermissionError, FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:  # a path that does not serve
        if os.environ.get("CODEX_GATE_DEBUG"):
            raise
        say(f"automl-codex: {error.filename or 'a file'} cannot be read or written: {error.strerror or error}")
        return 2
    except Exception as error:  # the last resort: a sentence in place of a traceback
        if os.environ.get("CODEX_GATE_DEBUG"):
            raise
        say(f"automl-codex: internal error, {type(error).__name__}: {error}; set CODEX_GATE_DEBUG=1 to see where, and please report it")
        return 3
    return code


def _parser() -> argparse.ArgumentParser:
    return parser(synthetic.COMMANDS | students.COMMANDS | models.COMMANDS)


if __name__ == "__main__":
    sys.exit(main())
