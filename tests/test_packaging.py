"""What is shipped: a wheel with the models in it, both commands, nothing else; a small install."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from codex_gate import __version__

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the tree by the build backend alone: no network, nothing installed."""
    pytest.importorskip("hatchling", reason="hatchling builds the wheel; it is part of the test environment")
    folder = tmp_path_factory.mktemp("wheel")
    code = f"import hatchling.build, os; os.chdir({str(ROOT)!r}); print(hatchling.build.build_wheel({str(folder)!r}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder / done.stdout.split()[-1]


@pytest.fixture(scope="module")
def contents(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_the_wheel_is_pure_and_named_by_the_version(wheel: Path) -> None:
    assert wheel.name == f"codex_gate-{__version__}-py3-none-any.whl"


def test_the_wheel_holds_the_models_as_the_manifest_says(contents: dict[str, bytes]) -> None:
    manifest = json.loads(contents["codex_gate/_models/model.json"])
    assert manifest["files"]
    for name, listed in manifest["files"].items():
        data = contents[f"codex_gate/_models/{name}"]
        assert (len(data), hashlib.sha256(data).hexdigest()) == (listed["size"], listed["sha256"])


def test_the_wheel_holds_every_module_and_the_schemas(contents: dict[str, bytes]) -> None:
    expected = {p.relative_to(ROOT).as_posix() for p in (ROOT / "codex_gate").rglob("*.py")}
    expected |= {p.relative_to(ROOT / "training").as_posix() for p in (ROOT / "training" / "automl_codex").rglob("*.py")}
    expected |= {p.relative_to(ROOT).as_posix() for p in (ROOT / "codex_gate" / "templates").iterdir()}
    assert expected <= contents.keys()
    assert json.loads(contents["codex_gate/report.schema.json"])["$id"].startswith("urn:codex-gate:report:")
    assert json.loads(contents["codex_gate/trend.schema.json"])["$id"].startswith("urn:codex-gate:trend:")
    assert json.loads(contents["codex_gate/backtest.schema.json"])["$id"].startswith("urn:codex-gate:backtest:")
    assert json.loads(contents["automl_codex/evaluation_report.schema.json"])["$id"].startswith("urn:codex-gate:evaluation-report:")


def test_the_wheel_holds_nothing_else(contents: dict[str, bytes]) -> None:
    for name in contents:
        assert re.match(r"codex_gate/|automl_codex/|codex_gate-[\d.]+\.dist-info/", name), name
        assert not re.search(r"(?:^|/)tests?[/_]|_test\.py$|__pycache__|\.pyc$|\.pkl$|\.pickle$|\.joblib$|conftest", name), name


def test_the_wheel_declares_both_commands(contents: dict[str, bytes]) -> None:
    (declared,) = [data.decode() for name, data in contents.items() if name.endswith("entry_points.txt")]
    assert re.search(r"^codex-gate = codex_gate\.cli:main$", declared, re.MULTILINE)
    assert re.search(r"^automl-codex = automl_codex\.cli:main$", declared, re.MULTILINE)


def test_the_wheel_declares_a_light_default_install(contents: dict[str, bytes]) -> None:
    (metadata,) = [data.decode() for name, data in contents.items() if name.endswith("/METADATA")]
    plain = {re.split(r"[<>=~! ]", line, maxsplit=1)[0] for line in re.findall(r"^Requires-Dist: (.*)$", metadata, re.MULTILINE) if "extra ==" not in line}
    assert plain == {"rich", "lizard", "pyyaml"}
    assert "Requires-Python: >=3.11" in metadata


def test_the_wheel_is_small(wheel: Path) -> None:
    assert wheel.stat().st_size < 15_000_000


def test_the_wheel_runs_without_the_tree(wheel: Path, tmp_path: Path) -> None:
    """Straight from the archive's files: the models are found inside the package."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "import codex_gate; from codex_gate.model import Model, default_directory\n"
        "print(codex_gate.__file__); print(default_directory()); print(Model.load(default_directory()).version)"
    )
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    package, models, version = done.stdout.split()
    assert package.startswith(str(tmp_path))
    assert models == str(tmp_path / "codex_gate" / "_models")
    assert version == json.loads((ROOT / "models" / "model.json").read_text("utf-8"))["version"]


def tracked() -> list[str]:
    done = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True)
    if done.returncode:
        pytest.skip("not a git checkout: what is tracked cannot be listed")
    return [name for name in done.stdout.decode().split("\0") if name]


def test_no_pickles_and_no_large_file_pointers_are_tracked() -> None:
    names = tracked()
    assert "pyproject.toml" in names
    for name in names:
        path = ROOT / name
        if not path.is_file():
            continue  # deleted, not committed yet
        assert path.suffix not in (".pkl", ".pickle", ".joblib", ".pt", ".pth", ".npy", ".npz"), name
        with path.open("rb") as stream:
            head = stream.read(64)
        assert not head.startswith(b"version https://git-lfs"), name
        assert path.stat().st_size < 20 << 20, name
    attributes = ROOT / ".gitattributes"
    assert not attributes.exists() or "filter=lfs" not in attributes.read_text()


def test_the_version_has_one_source() -> None:
    assert PROJECT["project"]["dynamic"] == ["version"]
    assert PROJECT["tool"]["hatch"]["version"]["path"] == "codex_gate/__init__.py"
    assert re.fullmatch(r"\d+\.\d+\.\d+(?:\.dev\d+|rc\d+)?", __version__)


def test_licence_and_changelog_are_there() -> None:
    assert (ROOT / "LICENSE").read_text("utf-8").startswith("MIT License")
    assert "Unreleased" in (ROOT / "CHANGELOG.md").read_text("utf-8")


@pytest.mark.slow
def test_the_default_install_stays_below_its_budget(wheel: Path, tmp_path: Path) -> None:
    """The issue's budget: at most 60 MB beyond pip itself; needs a package index."""
    target = tmp_path / "site"
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--target", str(target), str(wheel)], check=True)
    size = sum(path.stat().st_size for path in target.rglob("*") if path.is_file())
    assert size < 60 << 20, f"{size / 2**20:.0f} MB"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {str(target)!r}); from codex_gate.cli import main; main(['--version'])"],
        capture_output=True,
        text=True,
    )
    assert done.stdout == f"codex-gate {__version__}\n"
