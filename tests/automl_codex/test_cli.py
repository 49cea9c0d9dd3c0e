"""What `automl-codex` says when something goes wrong: a sentence and an exit code, never a traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from automl_codex import cli, stats


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (PermissionError(13, "Permission denied", "data/raw"), 2, "automl-codex: data/raw cannot be read or written: Permission denied\n"),
        (RuntimeError("odd"), 3, "automl-codex: internal error, RuntimeError: odd; set CODEX_GATE_DEBUG=1 to see where, and please report it\n"),
        (OSError(28, "No space left on device"), 3, "automl-codex: internal error, OSError: [Errno 28] No space left on device; "),
    ],
)
def test_an_error_is_one_sentence(error: Exception, code: int, words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def fails(_: Path) -> str:
        raise error

    monkeypatch.setattr(stats, "of", fails)
    assert cli.main(["stats", "data"]) == code
    said = capsys.readouterr()
    assert said.out == "" and said.err.startswith(words) and said.err.count("\n") == 1
    monkeypatch.setenv("CODEX_GATE_DEBUG", "1")
    with pytest.raises(type(error)):
        cli.main(["stats", "data"])


def test_a_reader_that_has_seen_enough_is_no_error(tmp_path: Path) -> None:
    code = "import sys; from automl_codex import cli, stats; stats.of = lambda _: 'line\\n' * 100_000; sys.exit(cli.main(['stats', 'x']))"
    run = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path, env=dict(os.environ))
    assert run.stdout is not None and run.stderr is not None
    run.stdout.close()
    err = run.stderr.read()
    run.stderr.close()
    assert (run.wait(timeout=30), err) == (0, b"")
