"""action.yml: what GitHub, security checks and our own documents and code make of it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from codex_gate.action import KEYS
from codex_gate.config import WRITTEN

ROOT = Path(__file__).parents[1]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))
DOCUMENT = (ROOT / "docs" / "action.md").read_text("utf-8")
LOCKS = {name: (ROOT / "action" / name).read_text("utf-8") for name in ("requirements.txt", "requirements-onnx.txt")}
*BEFORE, STEP = ACTION["runs"]["steps"]


def tool(name: str) -> Path:
    path = Path(sys.executable).with_name(name)
    if not path.exists():
        pytest.skip(f"{name} is not installed: pip install --group surfaces")
    return path


def documented(section: str) -> list[str]:
    """Names in the first column of the table of a section."""
    rows = re.findall(r"^\| (`.+?) \|", DOCUMENT.partition(f"\n## {section}\n")[2].partition("\n## ")[0], re.MULTILINE)
    return [name for row in rows for name in re.findall(r"`([^`]+)`", row)]


def test_every_input_and_output_is_documented() -> None:
    assert documented("Inputs") == list(ACTION["inputs"])
    assert documented("Outputs") == list(ACTION["outputs"])


def test_every_input_reaches_the_program_and_is_read_there() -> None:
    assert {f"INPUT_{name.upper().replace('-', '_')}": f"${{{{ inputs.{name} }}}}" for name in ACTION["inputs"] if name != "cache"} == STEP["env"]
    read = {
        *KEYS,
        *re.findall(r'given\("([\w-]+)"\)', "".join((ROOT / "codex_gate" / f"{name}.py").read_text("utf-8") for name in ("action", "alarm", "delivery"))),
    }
    assert read == set(ACTION["inputs"]) - {"cache"}  # that one decides about steps
    assert all("inputs.cache == 'true'" in step["if"] for step in BEFORE)


def test_every_output_is_one_that_the_program_writes() -> None:
    assert {name: f"${{{{ steps.gate.outputs.{name} }}}}" for name in ACTION["outputs"]} == {name: out["value"] for name, out in ACTION["outputs"].items()}
    written = "".join((ROOT / "codex_gate" / f"{name}.py").read_text("utf-8") for name in ("alarm", "delivery"))
    assert all(f'"{name}": ' in written for name in ACTION["outputs"])


def test_inputs_that_are_keys_are_keys() -> None:
    assert set(WRITTEN) - set(KEYS) == {"hook", "fail-on-score"}  # the Action screens


def test_no_input_stands_in_a_command_line() -> None:
    assert not any("${{" in step.get("run", "") for step in (*BEFORE, STEP))
    assert all(re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", step["uses"]) for step in BEFORE if "uses" in step)
    assert ACTION["runs"]["using"] == "composite"


def locked(name: str) -> dict[str, str]:
    """Version by library of a lock; every one must have its hashes."""
    entries = re.findall(r"^([a-z0-9-]+)==(\S+) (?:; .+ )?\\\n(?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+", LOCKS[name], re.MULTILINE)
    assert len(entries) == len(re.findall(r"^[a-z]", LOCKS[name], re.MULTILINE))
    return dict(entries)


def test_the_locks_hold_what_the_default_install_and_its_extras_need_with_hashes() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    needed = [*project["dependencies"], *project["optional-dependencies"]["github"]]
    small, large = map(locked, LOCKS)
    assert {re.split(r"[<>=]", line)[0] for line in needed} <= small.keys()
    assert {re.split(r"[<>=]", line)[0] for line in project["optional-dependencies"]["onnx"]} <= large.keys() - small.keys()
    assert {name: large[name] for name in small} == small  # who asks for more has the same of the rest


def environment(environ: Mapping[str, str], here: Path | None = None) -> list[str]:
    """Lock and key that action/environment.py names."""
    script = ROOT / "action" / "environment.py"
    done = subprocess.run([sys.executable, "-I", script], env=dict(environ), cwd=here, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    ("environ", "text", "more"),
    [
        ({}, "", False),
        ({"INPUT_TIER": "3"}, "", True),
        ({"INPUT_TIER": " auto "}, "tier: 1\n", True),
        ({"INPUT_TIER": "1", "CODEX_GATE_TIER": "3"}, "tier: 3\n", False),
        ({"CODEX_GATE_TIER": "2"}, "", True),
        ({"INPUT_TIER": "7"}, "", False),
        ({}, "fail-on: high\ntier: 2 # reads\n", True),
        ({}, "tier : 'auto'\r\n", True),
        ({}, "# tier: 3\npaths:\n  - tier: 3\n", False),
        ({"INPUT_CONFIG": "other.yaml"}, "tier: 3\n", False),
        ({}, "\0\xff\ntier: \u0663\n", False),
    ],
)
def test_libraries_for_tiers_2_and_3_are_there_where_somebody_asks_for_them(tmp_path: Path, environ: dict[str, str], text: str, more: bool) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "part").mkdir()
    (tmp_path / ".codex-gate.yaml").write_text(text, "utf-8")
    lock, key = environment(environ, tmp_path)
    assert lock == ("requirements-onnx.txt" if more else "requirements.txt")
    assert environment({**environ, "INPUT_WORKING_DIRECTORY": "part"}, tmp_path) == [lock, key]
    assert (key == environment({"INPUT_TIER": "1"})[1]) is not more  # each lock is cached by itself


def test_a_configuration_that_is_a_link_or_not_there_asks_for_nothing(tmp_path: Path) -> None:
    (tmp_path / "else").write_text("tier: 3\n")
    (tmp_path / ".codex-gate.yaml").symlink_to("else")
    assert environment({}, tmp_path)[0] == "requirements.txt"
    assert environment({"INPUT_WORKING_DIRECTORY": "/nowhere", "INPUT_CONFIG": "a/../../b"}, tmp_path)[0] == "requirements.txt"


def test_where_the_environment_lies_depends_on_the_tier(tmp_path: Path) -> None:
    """The step that asks the cache knows what the step that installs will ask for."""
    asked = next(step for step in BEFORE if step.get("id") == "place")["env"]
    assert set(asked) == {"INPUT_TIER", "INPUT_CONFIG", "INPUT_WORKING_DIRECTORY"} <= set(STEP["env"])
    told = []
    for tier in ("1", "3"):
        environ = {"PATH": os.environ["PATH"], "RUNNER_TOOL_CACHE": str(tmp_path), "GITHUB_OUTPUT": str(tmp_path / tier), "INPUT_TIER": tier}
        subprocess.run(["bash", ROOT / "action" / "run.sh", "place"], check=True, env=environ)
        told.append(dict(line.split("=", 1) for line in (tmp_path / tier).read_text("utf-8").splitlines()))
    assert [name for name in told[0] if told[0][name] != told[1][name]] == ["key", "path"]


def test_github_takes_it() -> None:
    done = subprocess.run([tool("check-jsonschema"), "--builtin-schema", "vendor.github-actions", ROOT / "action.yml"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_github_takes_the_documented_workflows(tmp_path: Path) -> None:
    blocks = [text for text in re.findall(r"^```yaml\n(.*?)^```", DOCUMENT, re.MULTILINE | re.DOTALL) if "\non:" in text]
    assert len(blocks) == 2
    for k, text in enumerate(blocks):
        (tmp_path / f"{k}.yml").write_text(text)
        assert {step["uses"].partition("@")[2] for job in yaml.safe_load(text)["jobs"].values() for step in job["steps"]} == {"SHA"}
        done = subprocess.run([tool("check-jsonschema"), "--builtin-schema", "vendor.github-workflows", tmp_path / f"{k}.yml"], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout


def test_it_is_as_safe_as_a_checker_can_tell() -> None:
    done = subprocess.run([tool("zizmor"), "--offline", "--no-progress", "--no-config", ROOT / "action.yml"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_its_shell_script_is_clean() -> None:
    done = subprocess.run([tool("shellcheck"), ROOT / "action" / "run.sh"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_an_environment_whose_python_is_gone_counts_as_none(tmp_path: Path) -> None:
    """A cache brings links, and the runner's images change."""

    def place() -> dict[str, str]:
        told = tmp_path / "output"
        told.unlink(missing_ok=True)
        environ = {"PATH": os.environ["PATH"], "RUNNER_TOOL_CACHE": str(tmp_path), "GITHUB_OUTPUT": str(told)}
        subprocess.run(["bash", ROOT / "action" / "run.sh", "place"], check=True, env=environ)
        return dict(line.split("=", 1) for line in told.read_text("utf-8").splitlines())

    first = place()
    assert first["there"] == "false"
    python = Path(first["path"], "bin", "python")
    python.parent.mkdir(parents=True)
    python.symlink_to(tmp_path / "gone")
    assert place() == first
    python.unlink()
    python.symlink_to(sys.executable)
    assert place() == {**first, "there": "true"}
