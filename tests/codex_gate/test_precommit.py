"""The hooks entry goes into a file of others and comes out again, and every other byte stays."""

from __future__ import annotations

import pytest

from codex_gate import yaml_text
from codex_gate.errors import ConfigError
from codex_gate.precommit import Edit, added, removed
from codex_gate.scaffold import REPOSITORY
from tests.codex_gate.samples import call
from tests.conftest import Repo

ENTRY = f"- repo: https://github.com/{REPOSITORY}\n  rev: v1.2.3\n  hooks:\n    - id: codex-gate\n"

OTHERS = "- repo: https://example.org/ruff\n  rev: v1 # kept\n  hooks:\n  - id: ruff\n    args: [--fix, 'a: b']\n"

FILES = {
    "repos last": f"# ours\ndefault_stages: [pre-commit] # why\nrepos:\n{OTHERS}",
    "indented": "repos:\n" + "".join(f"  {line}\n" for line in OTHERS.splitlines()),
    "a key behind": f"repos:\n{OTHERS}\n# about ci\nci:\n  autofix_prs: false\n",
    "comments behind": f"repos:\n{OTHERS}  # - id: ruff-format\n",
    "no line end": f"repos:\n{OTHERS}".rstrip("\n"),
    "no repos": "fail_fast: true\n",
    "empty repos": "repos:\nfail_fast: true\n",
    "only comments": "# nothing yet\n",
    "crlf": f"repos:\n{OTHERS}".replace("\n", "\r\n"),
    "a block text last": "repos:\n- repo: local\n  hooks:\n  - id: x\n    entry: |\n      a\n      b\nci: {}\n",
    "a document mark": f"---\nrepos:\n{OTHERS}",
    "umlauts": "# Prüfungen\nrepos:\n- repo: local\n  hooks: [{id: grün}]\n",
}


@pytest.mark.parametrize("text", FILES.values(), ids=FILES.keys())
def test_in_and_out_again(text: str) -> None:
    edit = added(text, ENTRY, REPOSITORY)
    assert edit.text is not None, edit.why
    old, new = yaml_text.values(text, "x") or {}, yaml_text.values(edit.text, "x")
    assert new["repos"] == [*(old.get("repos") or []), *yaml_text.values(ENTRY, "x")]
    assert {k: v for k, v in new.items() if k != "repos"} == {k: v for k, v in old.items() if k != "repos"}
    kept = iter(edit.text.splitlines())
    assert all(line in kept for line in text.splitlines()), "a line was lost or moved"
    assert edit.text.count("\r\n") == (edit.text.count("\n") if "\r\n" in text else 0)
    back = removed(edit.text)
    assert back.text is not None and back.text.rstrip("\n") == text.rstrip("\n")
    assert added(edit.text, ENTRY, REPOSITORY).text is None


def test_an_entry_that_somebody_changed_stays() -> None:
    edit = added(FILES["indented"], ENTRY, REPOSITORY)
    assert edit.text is not None
    mine = edit.text.replace("v1.2.3", "v2.0.0")
    assert added(mine, ENTRY, REPOSITORY) == (None, "holds an entry that was changed since init wrote it; it is left as it is", False)
    assert removed(mine) == (None, "holds an entry that was changed since init wrote it; take it out by hand", True)
    without_end = "".join(line for line in edit.text.splitlines(keepends=True) if "init, end" not in line)
    assert removed(without_end).text is None


def test_an_entry_by_hand_is_seen() -> None:
    assert added(f"repos:\n{ENTRY}", ENTRY, REPOSITORY) == (None, "names codex-gate already; it is left as it is", False)


@pytest.mark.parametrize("text", ["repos: []\n", "{repos: [{repo: local, hooks: []}]}\n", "repos: {a: b}\n"])
def test_where_no_line_can_be_added_it_says_so(text: str) -> None:
    edit = added(text, ENTRY, REPOSITORY)
    assert edit.text is None and edit.by_hand and "add it by hand" in edit.why


def test_a_list_of_which_ours_is_the_head_is_left() -> None:
    edit = added("fail_fast: true\n", ENTRY, REPOSITORY)
    assert edit.text is not None
    grown = edit.text + OTHERS
    assert len(yaml_text.values(grown, "x")["repos"]) == 2  # without the line `repos:` theirs would hang in the air
    assert removed(grown) == (None, "would be no list of hooks without the entry; take it out by hand", True)


@pytest.mark.parametrize("text", ["repos:\n- [\n", "\tx: y\n", "a: b: c\n", "[" * 200])
def test_no_yaml_is_an_error_with_the_files_name(text: str) -> None:
    with pytest.raises(ConfigError, match=r"^\.pre-commit-config\.yaml"):
        added(text, ENTRY, REPOSITORY)


def test_a_list_in_place_of_keys_is_an_error() -> None:
    with pytest.raises(ConfigError, match="holds no keys"):
        added("- a\n", ENTRY, REPOSITORY)


@pytest.mark.parametrize(("text", "words"), [("repos: []\n", "add it by hand"), ("repos:\n- [\n", "is no YAML")])
def test_the_command_says_that_it_is_done_in_part(repo: Repo, capsys: pytest.CaptureFixture[str], text: str, words: str) -> None:
    repo.write(".pre-commit-config.yaml", text)
    said = call(capsys, "init", "-C", repo.path, "--pre-commit")
    assert said.code == 5 and words in said.out
    assert (repo.path / ".pre-commit-config.yaml").read_text() == text
    assert (repo.path / ".codex-gate.yaml").is_file()


def test_what_the_reason_says_decides_no_exit_code(repo: Repo, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    repo.write(".pre-commit-config.yaml", "repos: []\n")
    for by_hand, code in ((True, 5), (False, 0)):
        monkeypatch.setattr("codex_gate.precommit.added", lambda *_, by_hand=by_hand: Edit(None, "was put together by hand", by_hand))
        assert call(capsys, "init", "-C", repo.path, "--pre-commit").code == code


def test_the_command_edits_a_file_of_others_and_mends_it_again(repo: Repo, capsys: pytest.CaptureFixture[str]) -> None:
    repo.write(".pre-commit-config.yaml", FILES["a key behind"])
    assert "added to" in call(capsys, "init", "-C", repo.path, "--pre-commit").out
    assert "took out of" in call(capsys, "uninstall", "-C", repo.path).out
    assert (repo.path / ".pre-commit-config.yaml").read_text() == FILES["a key behind"]
