"""One tree of errors; only `cli.py` turns them into exit codes.

GateError                 something stopped the run
├── UsageError     (2)    wrong use, configuration or input
│   ├── ConfigError       .codex-gate.yaml, an option or a variable holds what cannot be meant
│   ├── GitError          git refused: not a repository, unknown revision, ownership
│   │   ├── NoGitError    there is no git, or an old one
│   │   └── LostError     what git had to read is missing here, or damaged
│   └── RangeError        a range that cannot be screened: unrelated histories, no default branch
├── TrainingFailure (4)   no model came of a training; what was there before stays
├── ApiError       (3)    GitHub refuses or does not answer (codex_gate/reporters/github.py); the Action goes on without
├── HaltedError    (4)    a gate's critical value was passed: the line stops here
├── InternalError  (3)    our fault, or an installation that is damaged
│   └── ModelError        model missing, truncated, of another hash or schema
"""

AGAIN = "install the package again"  # what mends a model that ships
NAMED = "run this in one, or name one with -C PATH"  # where there is no repository
UNBORN = "commit something first, or screen the index with --staged"  # where there is no commit
RESTORE = "restore it, or name another model"  # the same of a model that somebody named


class GateError(Exception):
    """Base of every error that codex-gate raises on purpose; `exit_code` is what the command returns."""

    exit_code = 3


class UsageError(GateError):
    """The request cannot be carried out as it was made."""

    exit_code = 2


class ConfigError(UsageError):
    """A configuration that cannot be meant; the message names file, line and key."""


class GitError(UsageError):
    """Git refused; the message holds git's own words."""


class NoGitError(GitError):
    """Git is not there, or too old; the message says which version is needed."""


class LostError(GitError):
    """An object of the history is missing here or damaged, by git's own words."""


class RangeError(UsageError):
    """The revisions exist, but do not describe a change that can be screened."""


class TrainingFailure(GateError):
    """Training came to nothing, so nothing was replaced."""

    exit_code = 4


class HaltedError(GateError):
    """A gate stopped the line; the message says where, how far off, and what to do."""

    exit_code = 4


class InternalError(GateError):
    """A fault of codex-gate or of its installation."""

    exit_code = 3


class ModelError(InternalError):
    """A model directory that cannot be used; the message names the file."""
