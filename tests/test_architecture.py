"""The house as it was drawn: who may import whom, what start-up costs, what the documents promise."""

from __future__ import annotations

import argparse
import ast
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path

import pytest

from codex_gate import cli

ROOT = Path(__file__).parents[1]
RUNTIME = sorted((ROOT / "codex_gate").rglob("*.py"))
TRAINING = sorted((ROOT / "training" / "automl_codex").rglob("*.py"))


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"), name_of(path))


def imports(tree: ast.AST) -> Iterator[str]:
    """Top names of every import in a file, those inside functions too, those for type checkers alone left out."""
    skipped = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
        for inner in ast.walk(ast.Module(node.body, []))
    }
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module.partition(".")[0]


def importers(module: str) -> set[str]:
    return {name_of(path) for path in RUNTIME if module in imports(parsed(path))}


def test_the_tree_is_where_this_test_looks() -> None:
    assert ROOT / "codex_gate" / "cli.py" in RUNTIME
    assert len(RUNTIME) > 15
    assert TRAINING


def test_import_contracts_hold() -> None:
    tool = Path(sys.executable).with_name("lint-imports")
    assert tool.exists(), "import-linter is missing: install the test group"
    done = subprocess.run([tool, "--no-cache"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"Contracts: [1-9]\d* kept, 0 broken", done.stdout)


@pytest.mark.parametrize(
    ("library", "homes"),
    [
        ("lizard", {"codex_gate/complexity.py"}),
        ("onnxruntime", {"codex_gate/model.py"}),
        ("rich", {"codex_gate/reporters/terminal.py"}),
        ("subprocess", {"codex_gate/git.py", "codex_gate/aside.py", "codex_gate/linecounts.py"}),
        ("sqlite3", {"codex_gate/index.py"}),
        ("argparse", {"codex_gate/arguments.py"}),
        ("yaml", {"codex_gate/config.py", "codex_gate/precommit.py", "codex_gate/yaml_text.py"}),
        ("urllib3", {"codex_gate/reporters/github.py"}),
    ],
)
def test_each_library_has_one_home(library: str, homes: set[str]) -> None:
    assert importers(library) == homes


@pytest.mark.parametrize(
    ("library", "homes"),
    [
        ("pyarrow", {f"training/automl_codex/{name}.py" for name in ("examples", "logits", "stages", "tables")}),
        ("joblib", {"training/automl_codex/stages.py", "training/automl_codex/workers.py"}),
        ("marshal", {"training/automl_codex/sandbox.py", "training/automl_codex/sandbox_worker.py", "training/automl_codex/py2many_worker.py"}),
        ("py2many", {"training/automl_codex/py2many_adapter.py", "training/automl_codex/py2many_quick.py"}),
        ("tree_sitter", {"training/automl_codex/oracle_shape.py"}),
        ("torch", {f"training/automl_codex/{name}.py" for name in ("distill", "distillation", "fitting", "lora", "student")}),
        ("safetensors", {"training/automl_codex/fitting.py", "training/automl_codex/lora.py"}),
        ("peft", {"training/automl_codex/lora.py"}),
        ("transformers", {"training/automl_codex/lora.py"}),
    ],
)
def test_each_library_of_the_training_side_has_its_homes(library: str, homes: set[str]) -> None:
    assert {name_of(path) for path in TRAINING if library in imports(parsed(path))} == homes


def test_numpy_is_imported_by_what_scores_in_bulk_alone() -> None:
    assert importers("numpy") == {"codex_gate/forest.py", "codex_gate/student.py"}


def test_the_runtime_needs_nothing_beyond_its_declared_libraries() -> None:
    outside = {name for path in RUNTIME for name in imports(parsed(path))} - set(sys.stdlib_module_names)
    assert outside == {"codex_gate", "rich", "lizard", "yaml", "numpy", "onnxruntime", "urllib3"}


def test_the_training_side_needs_nothing_beyond_its_declared_libraries() -> None:
    outside = {name for path in TRAINING for name in imports(parsed(path))} - set(sys.stdlib_module_names) - {"automl_codex", "codex_gate"}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    lines = [*project["dependencies"], *(line for extra in project["optional-dependencies"].values() for line in extra)]
    declared = {re.split(r"[\[<>=]", line)[0].lower() for line in lines}
    assert {{"sklearn": "scikit-learn", "yaml": "pyyaml"}.get(name, name.lower().replace("_", "-")) for name in outside} <= declared


def test_the_counting_of_lines_names_subprocess_in_types_alone() -> None:
    tree = parsed(ROOT / "codex_gate" / "linecounts.py")
    used = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "subprocess"]
    assert {node.attr for node in used} == {"Popen"}
    called = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    assert not any(name.startswith("subprocess") for name in called)


def test_the_command_alone_reads_the_environment_and_the_arguments() -> None:
    found = {
        name_of(path)
        for path in RUNTIME
        for node in ast.walk(parsed(path))
        if (isinstance(node, ast.Attribute) and ast.unparse(node) in ("os.environ", "os.environb", "os.getenv", "sys.argv"))
        or (isinstance(node, ast.ImportFrom) and node.module in ("os", "sys") and {alias.name for alias in node.names} & {"environ", "getenv", "argv"})
    }
    assert found == {"codex_gate/cli.py"}


SANDBOXED = ROOT / "training" / "automl_codex" / "sandbox_worker.py"  # runs generated programs: a process of its own behind limits


def test_nothing_is_run_through_a_shell_or_evaluated() -> None:
    for path in (*RUNTIME, *TRAINING):
        calls = [ast.unparse(node.func) for node in ast.walk(parsed(path)) if isinstance(node, ast.Call)]
        assert calls.count("exec") == (path == SANDBOXED), name_of(path)
        for node in ast.walk(parsed(path)):
            if not isinstance(node, ast.Call):
                continue
            assert ast.unparse(node.func) not in ("eval", "os.system", "os.popen", "pickle.load", "pickle.loads", "joblib.load", "yaml.load"), name_of(path)
            assert not any(key.arg == "shell" for key in node.keywords), name_of(path)


def test_the_runtime_does_not_print_but_where_it_speaks_to_people() -> None:
    found = {name_of(p) for p in RUNTIME for n in ast.walk(parsed(p)) if isinstance(n, ast.Call) and ast.unparse(n.func) == "print"}
    assert found == {"codex_gate/cli.py", "codex_gate/stdio.py"}


def test_start_up_stays_light() -> None:
    """`--version` is what a hook's first call costs: the standard library's argument parser, and of ours five modules."""
    code = "import sys; before = set(sys.modules); import codex_gate.cli; print(*sorted(set(sys.modules) - before))"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r}); {code}"], capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split())
    assert {name for name in loaded if name.startswith("codex_gate")} == {
        "codex_gate",
        "codex_gate.arguments",
        "codex_gate.cli",
        "codex_gate.errors",
        "codex_gate.signals",
        "codex_gate.stdio",
    }
    assert not loaded & {"subprocess", "sqlite3", "json", "hashlib", "tempfile", "logging", "inspect", "dataclasses", "asyncio"}
    assert len(loaded) < 60


def test_start_up_of_the_training_side_stays_light() -> None:
    """The parser and the tables of commands load nothing that only a command needs."""
    code = "import sys; before = set(sys.modules); import automl_codex.cli; print(*sorted(set(sys.modules) - before))"
    paths = [str(ROOT), str(ROOT / "training")]
    done = subprocess.run([sys.executable, "-I", "-S", "-c", f"import sys; sys.path[:0] = {paths!r}; {code}"], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert {name for name in loaded if name.startswith("codex_gate")} == {"codex_gate", "codex_gate.errors", "codex_gate.signals", "codex_gate.stdio"}
    ours = {"arguments", "cli", "commands", "commands.models", "commands.students", "commands.synthetic"}
    assert {name for name in loaded if name.startswith("automl_codex")} == {"automl_codex", *(f"automl_codex.{name}" for name in ours)}
    assert not loaded & {"subprocess", "sqlite3", "json", "hashlib", "tempfile", "logging", "inspect", "dataclasses", "numpy", "yaml"}


def test_the_labellers_that_can_be_typed_are_those_that_there_are() -> None:
    from automl_codex import arguments, cli
    from codex_gate import szz

    assert tuple(szz.VARIANTS) == arguments.SZZ
    assert cli._parser().parse_args(["mine", "--output", "x"]).szz == szz.DEFAULT


@pytest.mark.parametrize(
    ("block", "modules"),
    [
        ("Grammar", "automl_codex.grammar"),
        ("Generator", "automl_codex.generate"),
        ("Augmenter", "automl_codex.augment"),
        ("Transpile", "automl_codex.transpile"),
        ("I/O Oracle", "automl_codex.oracle_io"),
        ("Labels", "automl_codex.labels"),
        ("TPE", "automl_codex.strategies"),
        ("RandomForest", "automl_codex.train"),
        ("LoRA", "automl_codex.lora"),
        ("Classifier", "codex_gate.hybrid"),
        ("Drift Detection", "codex_gate.drift"),
        ("Priority Matrix", "codex_gate.priority"),
    ],
)
def test_each_block_of_the_factory_drawing_has_a_module(block: str, modules: str) -> None:
    found = find_spec(modules)  # not imported: LoRA's needs an extra
    assert found is not None and found.origin is not None, block
    assert ast.get_docstring(parsed(Path(found.origin)))


def test_no_file_is_longer_than_six_hundred_lines() -> None:
    long = {name_of(path): n for path in RUNTIME if (n := len(path.read_text("utf-8").splitlines())) > 600}
    assert long == {}


def test_nothing_is_left_to_do() -> None:
    marks = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|XX" + r"X|HA" + r"CK)\b")
    for path in (*RUNTIME, *TRAINING, *sorted(p for p in (ROOT / "scripts").iterdir() if p.is_file())):
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
            assert not marks.search(line), f"{name_of(path)}:{number}: {line.strip()}"


def test_every_module_and_public_class_says_what_it_is() -> None:
    for path in RUNTIME:
        tree = parsed(path)
        assert ast.get_docstring(tree) or path.name == "__main__.py", name_of(path)
        for node in tree.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                assert ast.get_docstring(node), f"{name_of(path)}: {node.name}"


# -- what the documents promise ------------------------------------------------------------------------


def fenced(path: Path) -> Iterator[str]:
    """Command lines in the shell blocks of a Markdown file, joined where they go on, comments cut off."""
    for block in re.findall(r"^```(?:sh|bash|console|shell)\n(.*?)^```", path.read_text("utf-8"), re.MULTILINE | re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            if text := line.removeprefix("$ ").partition(" #")[0].strip():
                yield text


DOCUMENTS = sorted({ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "RELEASING.md", *(ROOT / "docs").glob("*.md")})
PLACEHOLDER = {"BASE..HEAD": "main..HEAD", "FILE|-": "-", "SHA": "HEAD", "FILE": "list", "DIR": ".", "LEVEL": "high", "PATH": "."}


def commands(program: str) -> list[tuple[str, list[str]]]:
    """(where, arguments) of every call of a program in the documents, each part of a pipe for itself."""
    found = []
    for path in DOCUMENTS:
        for line in fenced(path):
            for part in re.split(r"\s*(?:\|\||&&|\||;)\s+", line):
                try:
                    words = shlex.split(part)
                except ValueError:
                    continue
                if words and Path(words[0]).name == program:
                    found.append((f"{path.name}: {line}", [PLACEHOLDER.get(word, word) for word in words[1:]]))
    return found


def accepted(parser: argparse.ArgumentParser, words: list[str]) -> bool:
    try:
        parser.parse_args(words)
    except SystemExit as leave:  # --help and --version leave with 0
        return leave.code == 0
    return True


@pytest.mark.parametrize("program", ["codex-gate", "automl-codex"])
def test_every_documented_command_is_one(program: str, capsys: pytest.CaptureFixture[str]) -> None:
    if program == "codex-gate":
        parser = cli._parser()
    else:
        from automl_codex import cli as training

        parser = training._parser()
    assert isinstance(parser, argparse.ArgumentParser)
    for where, words in commands(program):
        words = words[: words.index(">")] if ">" in words else words
        assert accepted(parser, words), f"{where}\n{capsys.readouterr().err}"


def test_the_quick_start_is_two_commands_that_exist() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    start = text[text.index("## Quick start") :].partition("\n## ")[0]
    blocks = re.findall(r"^```sh\n(.*?)^```", start, re.MULTILINE | re.DOTALL)
    assert [block.strip() for block in blocks] == ["sh scripts/try", "sh scripts/test"]
    for block in blocks:
        assert (ROOT / block.split()[1]).is_file()


NUMBER = r"[+−-]?\d+(?:,\d{3})*(?:\.\d+)?"


def stands(figure: str, text: str) -> bool:
    """Whether a figure stands in a text as a whole: no digit, sign or unit more; one with its interval also where a line holds both apart, as cells of a table do."""
    whole = re.search(rf"(?<![\w.,+−-]){re.escape(figure)}(?!\w|[.,]\d|\s?%)", text)
    parts = re.fullmatch(rf"({NUMBER}) \(({NUMBER} to {NUMBER})\)", figure)
    return bool(whole) or (parts is not None and any(all(stands(part, line) for part in parts.groups()) for line in text.splitlines()))


def claims(text: str) -> Iterator[tuple[str, str, str]]:
    """(line, document, figure) of the landing page: whole what is bold, and every other number in the rows of its table and in the short lines on top, that name a document."""
    top = text.partition("\n## ")[0]
    lines = [line for line in top.splitlines() if line.startswith("- **") and "](" in line]
    lines += [row for row in text[text.index("## What it is worth") :].partition("\n## ")[0].splitlines() if row.startswith("| ") and "](" in row]
    for line in lines:
        (target,) = re.findall(r"\]\(([^)]+)\)", line)
        bold = [found for found in re.findall(r"\*\*([^*]+)\*\*", line) if re.search(r"\d", found)]
        rest = re.sub(r"\*\*[^*]+\*\*|\]\([^)]+\)|`[^`]*`", " ", line)
        yield from ((line, target, figure) for figure in (*bold, *re.findall(rf"(?<![\w.]){NUMBER}", rest)))


def test_a_figure_is_found_as_a_whole_alone() -> None:
    assert stands("8.1 s", "it took 8.1 s.") and stands("+0.098 (+0.063 to +0.130)", "| **+0.098** | +0.063 to +0.130 |")
    for figure, text in (
        ("8.1 s", "18.1 s"),
        ("8.1", "8.12"),
        ("0.030", "+0.030"),
        ("44 MB", "44 MBit"),
        ("1,000", "11,000"),
        ("1,000", "1,000,000"),
        ("0.5", "0.5 %"),
        ("+0.098 (+0.063 to +0.130)", "+0.098\n+0.063 to +0.130"),
    ):
        assert not stands(figure, text), (figure, text)


def test_every_figure_of_the_landing_page_stands_in_the_document_beside_it() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    found = list(claims(text))
    assert len({line for line, _, _ in found}) >= 14 and len(found) >= 45
    for line, target, figure in found:
        assert stands(figure, (ROOT / target).read_text("utf-8")), f"{figure} is not in {target}: {line}"


@pytest.mark.parametrize("change", [lambda number: f"1{number}", lambda number: number.replace(".", ".9", 1)])
def test_a_figure_of_the_landing_page_that_is_changed_is_missed(change: Callable[[str], str]) -> None:
    """What the test above is worth: a decimal of the page with a digit more is not in its document."""
    for line, target, figure in claims((ROOT / "README.md").read_text("utf-8")):
        for number in re.findall(r"\d+\.\d+", figure):
            altered = figure.replace(number, change(number))
            assert not stands(altered, (ROOT / target).read_text("utf-8")), f"{altered} for {figure} is not noticed: {line}"


def rooms() -> Iterator[str]:
    """Files and folders of the table in docs/DESIGN.md; what stands behind the first module of a row lies beside it."""
    text = (ROOT / "docs" / "DESIGN.md").read_text("utf-8")
    for row in text[text.index("| Room |") :].partition("\n\n")[0].splitlines()[2:]:
        cell = row.split(" | ")[0]
        first, *others = re.findall(r"`([^`]+)`", cell)
        if cell.endswith(" in it"):
            first = f"training/automl_codex/{first}"
        folder = first[: first.rindex("/") + 1] if first.endswith(".py") else ""
        yield from (first, *(folder + other for other in others))


def test_the_table_of_rooms_names_every_module_and_none_that_is_gone() -> None:
    named = set(rooms())
    assert not {name for name in named if not (ROOT / name).exists()}
    whole = tuple(name for name in named if name.endswith("/") and name != "training/automl_codex/")
    modules = {name_of(path) for path in (*RUNTIME, *TRAINING, *(ROOT / "scripts").glob("*.py")) if not path.name.startswith("__")}
    assert not {name for name in modules - named if not name.startswith(whole)}


def test_the_landing_page_names_the_published_repository() -> None:
    from codex_gate.scaffold import ACTION, REPOSITORY

    text = (ROOT / "README.md").read_text("utf-8")
    assert f"git+https://github.com/{REPOSITORY}\n" in text and f"repo: https://github.com/{REPOSITORY}\n" in text
    assert f"- uses: {ACTION}\n" in text and ACTION in (ROOT / "RELEASING.md").read_text("utf-8")


def test_the_examples_take_the_major_tag_of_the_version() -> None:
    from codex_gate import __version__
    from codex_gate.scaffold import ACTION, REPOSITORY

    tag = f"v{__version__.split('.')[0]}"
    assert f"{REPOSITORY}@{tag}" == ACTION
    found = [ref for path in (ROOT / "examples").rglob("*.yml") for ref in re.findall(rf"repository: {REPOSITORY}\n +ref: (\S+)", path.read_text("utf-8"))]
    assert found == [tag] * 3


def test_ci_runs_the_documented_test_command() -> None:
    assert "scripts/test" in (ROOT / ".ci" / "run").read_text("utf-8")


def test_every_documented_file_of_the_tree_exists() -> None:
    for path in DOCUMENTS:
        for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", path.read_text("utf-8")):
            assert (path.parent / target).exists(), f"{path.name}: {target}"


def test_both_commands_are_entry_points() -> None:
    found = {point.name: point.value for point in entry_points(group="console_scripts") if point.name in ("codex-gate", "automl-codex")}
    assert found == {"codex-gate": "codex_gate.cli:main", "automl-codex": "automl_codex.cli:main"}


def test_the_interfaces_of_the_specification_stand_under_their_names() -> None:
    """Section 3.1 names ten; an oracle is a function here, and an estimator scikit-learn's."""
    wanted = {"Grammar", "SamplingStrategy", "SyntheticGenerator", "Transpiler", "SearchStrategy", "AutoTuner", "DriftDetector", "HybridClassifier"}
    found = {node.name for path in (*RUNTIME, *TRAINING) for node in parsed(path).body if isinstance(node, ast.ClassDef)}
    assert wanted <= found
