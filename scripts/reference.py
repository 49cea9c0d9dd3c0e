"""Write docs/reference.md from the code: commands, options, exit codes, settings, hooks, the action.

python scripts/reference.py
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "training")]

from automl_codex import cli as training
from codex_gate import cli, config, yaml_text

TARGET = ROOT / "docs" / "reference.md"
HEAD = (
    "# Reference\n\nWritten by `python scripts/reference.py` from the code; a test holds it to it. What the parts are for stands in the [README](../README.md)."
)


def document() -> str:
    """The whole page."""
    parts = [
        HEAD,
        *_program("codex-gate", cli._parser(), cli.__doc__),
        *_settings(),
        *_hooks(),
        *_action(),
        *_program("automl-codex", training._parser(), training.__doc__),
    ]
    return "\n\n".join(parts) + "\n"


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; `|` in a cell is escaped."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in row) + " |" for row in lines)


# -- commands ------------------------------------------------------------------------------------------


def _program(name: str, parser: argparse.ArgumentParser, doc: str | None) -> Iterator[str]:
    yield f"## `{name}`"
    (commands,) = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    helps = {choice.dest: choice.help or "" for choice in commands._choices_actions}
    yield table(("Command", "What it does"), [(f"[`{name} {key}`](#{name}-{key})", helps.get(key, "")) for key in commands.choices])
    if codes := re.search(r"Exit codes:(.*?)\.?\n(?:\n|\Z|\")", (doc or "") + "\n", re.DOTALL):
        rows = [part.split(maxsplit=1) for part in " ".join(codes[1].split()).rstrip(".").split(" · ")]
        yield f"Exit codes of `{name}`:"
        yield table(("Code", "Means"), [(f"`{code}`", text) for code, text in rows])
    for key, command in commands.choices.items():
        yield from _command(f"{name} {key}", command, helps.get(key, ""))


def _command(name: str, parser: argparse.ArgumentParser, summary: str) -> Iterator[str]:
    yield f"### `{name}`"
    yield _sentence(parser.description or summary)
    rows = [row for action in parser._actions if (row := _option(action, parser))]
    if rows:
        yield table(("Argument", "Values", "Meaning"), rows)
    if parser.epilog:
        yield _sentence(parser.epilog)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:].rstrip(".") + "."


def _option(action: argparse.Action, parser: argparse.ArgumentParser) -> tuple[str, str, str] | None:
    if isinstance(action, argparse._HelpAction):
        return None
    if isinstance(action, argparse._SubParsersAction):
        return ("COMMAND", ", ".join(f"`{choice}`" for choice in action.choices), "see its own help")
    metavar = action.metavar if isinstance(action.metavar, str) else action.dest.upper()
    name = ", ".join(f"`{flag}`" for flag in action.option_strings) or f"`{metavar}`"
    values = (
        ""
        if action.nargs == 0
        else ", ".join(f"`{choice}`" for choice in action.choices)
        if action.choices
        else f"`{metavar}`"
        if action.option_strings
        else ""
    )
    told = parser._get_formatter()._expand_help(action) if action.help else ""
    required = " (required)" if action.required and action.option_strings else ""
    return name, values, told + required


# -- settings, hooks, action ---------------------------------------------------------------------------


def _settings() -> Iterator[str]:
    schema = json.loads((ROOT / "codex_gate" / "config.schema.json").read_text("utf-8"))
    flags = {"noise-budget": "--noise-budget", "fail-on": "--fail-on", "tier": "--tier", "fail-on-score": "priority --fail-on-score", **config._FLAGS}
    yield f"## `{config.FILE}`"
    yield "A flag goes before the environment, that before the file, that before the default. `codex-gate config` shows what holds, `codex-gate schema config` prints the JSON Schema."
    rows = []
    for key, about in schema["properties"].items():
        variable = f"`{config.PREFIX}{key.upper().replace('-', '_')}`" if key in config.WRITTEN else ""
        default = about.get("default", "")
        rows.append(
            (f"`{key}`", _values(about), f"`{default}`" if default != "" else "", f"`{flags[key]}`" if key in flags else "", variable, about["description"])
        )
    yield table(("Key", "Values", "Default", "Flag of `screen`, or of another", "Variable", "Meaning"), rows)
    for key in ("levels", "ignore"):
        items = schema["properties"][key]["items"]
        inner = [
            (f"`{name}`", "yes" if name in items["required"] else "", _values(about), about.get("description", ""))
            for name, about in items["properties"].items()
        ]
        yield f"An entry of `{key}`:"
        yield table(("Key", "Required", "Values", "Meaning"), inner)
    yield f"Further variables: `{config.PREFIX}CONFIG` names a file in place of `{config.FILE}`, `CODEX_GATE_DEBUG=1` shows the traceback of an internal error, `NO_COLOR` switches colours off, `TERM=dumb` bold and dim too, `CI` makes the base commit's file count."


def _values(about: dict[str, Any]) -> str:
    if about.get("type") == "boolean":
        return "`true`, `false`"
    if about.get("type") == "integer":
        return "whole number" + (f", {about['minimum']} to {about['maximum']}" if "minimum" in about and "maximum" in about else "")
    if "enum" in about:
        return ", ".join(f"`{value}`" for value in about["enum"])
    kinds = [about, *about.get("oneOf", ())]
    if any("percent" in str(kind.get("$ref", "")) for kind in kinds):
        return "percentage, or one for each level"
    if any("exclusiveMinimum" in kind for kind in kinds):
        return ", ".join((f"number up to {about['oneOf'][0]['maximum']}", *(f"`{kind['const']}`" for kind in kinds if "const" in kind)))
    if any(kind.get("type") == "array" and "$ref" not in kind.get("items", {}) for kind in kinds):
        return "list of entries"
    if any("pattern" in json.dumps(kind) and "$ref" in json.dumps(kind) for kind in kinds):
        return "path patterns"
    if any("category" in json.dumps(kind) for kind in kinds):
        return "categories"
    return "date, `YYYY-MM-DD`" if about.get("format") == "date" else "text"


def _hooks() -> Iterator[str]:
    hooks = yaml_text.values((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"), ".pre-commit-hooks.yaml")
    yield "## Hooks of pre-commit"
    yield table(
        ("Hook", "Runs", "Stage", "What it does"), [(f"`{hook['id']}`", f"`{hook['entry']}`", ", ".join(hook["stages"]), hook["description"]) for hook in hooks]
    )


def _action() -> Iterator[str]:
    path = ROOT / "action.yml"
    if not path.is_file():
        return
    action = yaml_text.values(path.read_text("utf-8"), "action.yml")
    yield "## The action"
    yield table(
        ("Input", "Default", "Meaning"),
        [(f"`{name}`", f"`{about['default']}`" if about.get("default") else "", about["description"]) for name, about in action["inputs"].items()],
    )
    yield table(("Output", "Meaning"), [(f"`{name}`", about["description"]) for name, about in action["outputs"].items()])


def main() -> int:
    """Write the page."""
    TARGET.write_text(document(), "utf-8")
    print(TARGET.relative_to(ROOT))
    return 0


if __name__ == "__main__":
    sys.exit(main())
