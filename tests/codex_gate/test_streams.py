"""Where commands read from and write to, and how a report may look there."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from codex_gate.errors import UsageError
from codex_gate.streams import look, read_shas, read_shas_of, sink


def test_a_file_appears_when_it_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "new" / "report.json"
    with sink(target) as out:
        out.write("{}")
        assert not target.exists()
    assert target.read_text() == "{}"
    with pytest.raises(TypeError), sink(target) as out:
        out.write(None)  # type: ignore[arg-type]
    assert target.read_text() == "{}" and [p.name for p in target.parent.iterdir()] == ["report.json"]


def test_a_target_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"report\.json cannot be written: "), sink(tmp_path / "file" / "report.json"):
        pass


def test_a_pipe_and_a_file_get_80_plain_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    assert look(None, {}) == look(Path("x"), {}) == {"width": 80, "colour": False, "rich": False}
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "20")
    assert look(None, {}) == {"width": 40, "colour": True, "rich": True}
    assert look(None, {"NO_COLOR": "1"})["colour"] is False
    assert look(Path("x"), {})["rich"] is False
    assert look(None, {"TERM": "dumb"}) == {"width": 40, "colour": False, "rich": False}  # an editor's or a build server's: it shows escapes as they come


def test_commits_come_from_a_file_or_standard_input(tmp_path: Path) -> None:
    (tmp_path / "list").write_text("abc\n\ndef # no\n")
    assert read_shas_of(str(tmp_path / "list"), []) == read_shas_of("-", ["abc\n", "\n", "def # no\n"])
    with pytest.raises(UsageError, match="expected a file with one SHA a line"):
        read_shas_of(str(tmp_path / "none"), [])


def test_read_shas() -> None:
    assert read_shas(["\ufeffabc\n", "\n", "# a comment\n", "  def  # why\n", "HEAD"]) == ["abc", "def", "HEAD"]
    with pytest.raises(UsageError, match=r"line 2 of the commit list holds 'b c'; expected one SHA a line"):
        read_shas(["a\n", " b c \n"])


def test_a_file_that_is_replaced_keeps_its_mode_and_a_dash_is_standard_output(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "secret.json"
    target.write_text("old")
    target.chmod(0o600)
    with sink(target) as out:
        out.write("new")
    assert target.read_text() == "new" and target.stat().st_mode & 0o777 == 0o600
    monkeypatch.chdir(tmp_path)
    with sink(Path("-")) as out:
        out.write("said")
    assert capsys.readouterr().out == "said" and not Path("-").exists()
