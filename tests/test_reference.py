"""docs/reference.md says what the code says."""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path

from codex_gate import cli

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "scripts"))
try:
    import reference
finally:
    sys.path.pop(0)

PAGE = (ROOT / "docs" / "reference.md").read_text("utf-8")


def test_the_page_is_current() -> None:
    assert reference.document() == PAGE, "written by: python scripts/reference.py"


def test_every_command_option_and_key_stands_in_it() -> None:
    (commands,) = (a for a in cli._parser()._actions if isinstance(a, argparse._SubParsersAction))
    for name, command in commands.choices.items():
        section = PAGE[PAGE.index(f"### `codex-gate {name}`\n") :].split("\n### ")[0].split("\n## ")[0]
        flags = {flag for action in command._actions for flag in action.option_strings} - {"-h", "--help"}
        assert {flag for flag in flags if f"`{flag}`" not in section} == set()
    for key in json.loads((ROOT / "codex_gate" / "config.schema.json").read_text())["properties"]:
        assert f"| `{key}` |" in PAGE


def test_exit_codes_are_those_of_the_errors() -> None:
    from codex_gate import errors

    told = set(re.findall(r"^\| `(\d)` \|", PAGE, re.MULTILINE))
    assert {str(kind.exit_code) for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.GateError)} <= told


def test_no_cell_breaks_its_table() -> None:
    for block in re.findall(r"(?:^\|.*\n)+", PAGE, re.MULTILINE):
        widths = {len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}
        assert len(widths) == 1, block[:200]
