"""docs/spec.md answers every point of the specification, and nothing in its answers is invented."""

from __future__ import annotations

import ast
import json
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

ROOT: Final = Path(__file__).resolve().parents[1]
ROADMAP: Final = ("first-light", "history", "corpus", "surfaces", "drift", "neural")
FINISHED: frozenset[str] = frozenset({"first-light", "history", "surfaces", "drift", "neural"})
NUMBERS: Final = (*(str(n) for n in range(1, 164)), "163a", *(str(n) for n in range(164, 199)))

_HEADER: Final = ("No.", "Section", "Point", "Answer", "State")
_TEST: Final = re.compile(r"`(tests/[\w./-]+\.py)::([\w:]+)(?:\[[^`]*\])?`")
_FILE: Final = re.compile(r"`(tests/[\w./-]+\.py)(?:::[^`]*)?`")


class Row(NamedTuple):
    number: str
    section: str
    point: str
    answer: str
    state: str


def test_every_point_is_answered_or_owed() -> None:
    assert faults(_document("spec.md"), ROOT, FINISHED) == []


def test_finished_chapters_are_on_the_roadmap() -> None:
    assert set(ROADMAP) >= FINISHED
    assert tuple(cells[0].strip("`") for cells in _table(_document("spec.md"), "Chapter")) == ROADMAP


def of_evaluation(found: dict[str, Any]) -> dict[str, list[str]]:
    """Per row of the document the figures of models/evaluation.json that it quotes, as it writes them."""
    safe = found["time_safe"]
    ours, lines = safe["mean"]["forest"], safe["mean"]["lapredict"]
    rows = [*safe["projects"], *safe["too_few_test_commits"]]
    rate = sum(row["buggy"] for row in rows) / sum(row["commits"] for row in rows)
    ablation = {row["measures"]: row["mean_auc"] for row in found["ablation"]["rows"]}
    f1 = {name: safe["pooled"][name]["f1_at_fpr_10_percent"] for name in ("forest", "lapredict")}
    return {
        "3": [f"{found['cpu_seconds']['training']:.1f} for the training", f"{found['cpu_seconds']['evaluation']:.0f} for its evaluation"],
        "22": [f"a base rate of {short(found['final']['base_rate'])}", f"precision of {short(ours['average_precision'])}", f"added lines {short(lines['average_precision'])}"],
        "26": [
            f"{short(ours['auc'])} ({short(ours['auc_interval'][0])} to {short(ours['auc_interval'][1])}) in the mean of {len(safe['projects'])} projects",
            f"added lines {short(lines['auc'])}", f"the pooled {short(safe['pooled']['forest']['auc'])}",
        ],
        "29": [f"{short(ablation[name], 4)}" for name in ("shipped", "shipped − file history", "shipped − program text")],
        "177": [f"{short(ours['auc'])} where counting added lines has {short(lines['auc'])}"],
        "178": [f"{short(f1['forest'])} over all held-out changes of a base rate of {short(rate)}", f"of added lines {short(f1['lapredict'])}"],
        "180": [f"{short(ours['recall_at_20_percent'])} of the buggy ones are reached, by added lines {short(lines['recall_at_20_percent'])}"],
    }  # fmt: skip


def short(value: float, digits: int = 3) -> str:
    return f"{value:.{digits}f}".removeprefix("0")


def test_rows_that_quote_the_evaluation_of_the_model_that_ships_have_its_figures() -> None:
    answers = {cells[0]: cells[3] for cells in _table(_document("spec.md"), "No.")}
    for number, figures in of_evaluation(json.loads((ROOT / "models" / "evaluation.json").read_text("utf-8"))).items():
        assert [figure for figure in figures if figure not in answers[number]] == [], number


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests/test_x.py").write_text("def test_one(): ...\nclass TestTwo:\n    def test_in(self): ...\n")
    return tmp_path


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ("| 7 | §1 | a point | `tests/test_x.py::test_none` | done |", "7: tests/test_x.py has no test_none"),
        ("| 7 | §1 | a point | `tests/test_y.py::test_one` | done |", "7: tests/test_y.py does not exist"),
        ("| 7 | §1 | a point | Decision, see `tests/test_y.py` | done |", "7: tests/test_y.py does not exist"),
        ("| 7 | §1 | a point | `tests/test_y.py::test_one` | corpus |", "7: tests/test_y.py does not exist"),
        ("| 7 | §1 | a point | – | done |", "7: done without an answer"),
        ("| 7 | §1 | a point |  | done |", "7: done without an answer"),
        ("| 7 | §1 | a point | Framed: so | done |", "7: done without an answer"),
        ("| 7 | §1 | a point | Expected in `tests/test_x.py` | done |", "7: done without an answer"),
        ("| 7 | §1 | a point |  | corpus |", "7: an empty answer; write –"),
        ("| 7 | §1 |  | Decision: no | done |", "7: no point or section"),
        ("| 7 | §1 | a point | – | soon |", "7: unknown state soon"),
        ("| 7 | §1 | a point | – | history |", "7: history is finished, but this is still owed"),
        ("| 7 | §1 | a point | – | corpus |\n| 7 | §1 | a point | – | corpus |", "7: stands 2 times"),
        ("", "7: missing"),
        ("| 7 | §1 | a point | – | corpus |\n| 199 | §1 | a point | – | corpus |", "199: no such number"),
        ("| 7 | §1 | a point, corpus |", "a row of 3 columns: | 7 | §1 | a point, corpus |"),
    ],
)
def test_checker_finds_a_fault(row: str, fault: str, project: Path) -> None:
    assert fault in faults(_example(row), project, frozenset({"history"}))


@pytest.mark.parametrize(
    "answer",
    ["`tests/test_x.py::test_one`", "`tests/test_x.py::test_one[case-1]` and Decision", "`tests/test_x.py::TestTwo::test_in`", "Decision: no"],
)
def test_checker_lets_an_answer_pass(answer: str, project: Path) -> None:
    assert faults(_example(f"| 7 | §1 | a point | {answer} | done |"), project, frozenset({"history"})) == []


def test_annotations_point_at_the_right_reference() -> None:
    listed = _listed_references()
    rows = _table(_document("spec.md"), "Annotation")
    assert [row[0] for row in rows] == [f"An.{n}" for n in range(1, 11)]
    cited = [row for row in rows if row[1] != "–"]
    for name, author, _, appendix, right in cited:
        assert listed[int(right)].startswith(f"{author}, "), name
        assert appendix == right, name
    assert {name: (said, right) for name, _, said, _, right in cited if said != right} == {"An.1": ("1", "5"), "An.2": ("2", "3")}


def test_bibliography_keeps_the_ten_references_with_links() -> None:
    listed = _listed_references()
    assert list(listed) == list(range(1, 11))
    assert [text for text in listed.values() if "https://" not in text] == []


def test_bibliography_adds_what_the_specification_uses_unlisted() -> None:
    text = _document("bibliography.md").split("## Used by the specification without being listed")[1].split("\n## ")[0]
    found = re.findall(r"^- (\w+), .*?\((\d{4})\)", text, re.MULTILINE)
    assert found == [("Hinton", "2015"), ("Zhang", "2018"), ("Aschermann", "2019"), ("Hu", "2021")]


def test_sources_map_names_every_project() -> None:
    rows = _table(_document("spec.md"), "Project")
    assert [row[0] for row in rows] == ["depyler", "aprender", "organizational-intelligence-plugin", "verificar", "entrenar", "trueno", "certeza", "pmat"]
    assert all(chapter in ROADMAP for row in rows for chapter in row[-1].split(", "))


def test_readme_names_the_sources_that_are_unified() -> None:
    (training,) = re.findall(r"^## Training\n(.*?)^## ", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert all(name in training for name in ("depyler is an adapter", "aprender", "organizational-intelligence", "(docs/spec.md#sources)"))


def test_glossary_has_the_specifications_terms() -> None:
    terms = {term for row in _table(_document("glossary.md"), "Term") for term in row[0].replace("`", "").split(", ")}
    assert terms >= {"AUC-ROC", "EDA", "KDE", "LoRA", "SMOTE", "TPE", "TDG", "Andon", "Jidoka", "Kaizen"}


def test_category_shares_are_kept_with_their_flaw() -> None:
    rows = _table(_document("spec.md"), "Category")
    assert len({row[0] for row in rows}) == len(rows) == 14
    # Shares in percent; the specification's own sum is wrong, and the page says so.
    assert round(sum(float(row[1]) for row in rows), 1) == 100.9
    assert [row[-1] for row in rows if row[0] == "ASTTransform"] == ["40–62 %"]


def test_unproven_claims_are_not_repeated() -> None:
    claims = re.compile(r"\b(?:50|100)[x×](?!\d)|\b(?:10|20|1000|1,000|10,000) GPU-hours")
    pages = [ROOT / "README.md", ROOT / "models/MODEL_CARD.md", *(p for p in (ROOT / "docs").glob("*.md") if p.name != "spec.md")]
    assert [page.name for page in pages if page.exists() and claims.search(page.read_text("utf-8"))] == []


def faults(document: str, root: Path, finished: frozenset[str]) -> list[str]:
    """What is wrong with the tables of points, one sentence each; empty when all is well."""
    rows, found = _rows(document)
    counts = Counter(row.number for row in rows)
    found += [f"{number}: missing" for number in NUMBERS if number not in counts]
    found += [f"{number}: no such number" for number in counts if number not in NUMBERS]
    found += [f"{number}: stands {n} times" for number, n in counts.items() if n > 1]
    for row in rows:
        found += [f"{row.number}: {fault}" for fault in _row_faults(row, root, finished)]
    return found


def _row_faults(row: Row, root: Path, finished: frozenset[str]) -> Iterable[str]:
    if not row.point or not row.section:
        yield "no point or section"
    if row.state == "done":
        if row.answer in ("", "–") or row.answer.startswith(("– ", "Framed:", "Expected in")):
            yield "done without an answer"
        for path in _FILE.findall(row.answer):
            if not (root / path).is_file():
                yield f"{path} does not exist"
    elif row.state not in ROADMAP:
        yield f"unknown state {row.state}"
    elif row.state in finished:
        yield f"{row.state} is finished, but this is still owed"
    elif not row.answer:
        yield "an empty answer; write –"
    for path, name in _TEST.findall(row.answer):
        if not (root / path).is_file():
            if row.state != "done":
                yield f"{path} does not exist"
        elif name not in _tests_in(root / path):
            yield f"{path} has no {name}"


def _tests_in(path: Path) -> set[str]:
    """Names of the test functions of a file, those of classes as Class::test."""
    names = set()
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.FunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.ClassDef):
            names.update(f"{node.name}::{inner.name}" for inner in node.body if isinstance(inner, ast.FunctionDef))
    return {name for name in names if name.rpartition("::")[2].startswith("test")}


def _rows(document: str) -> tuple[list[Row], list[str]]:
    rows, found = [], []
    for line, header in _table_lines(document):
        if header == _HEADER:
            cells = _cells(line)
            if len(cells) == len(_HEADER):
                rows.append(Row(*cells))
            else:
                found.append(f"a row of {len(cells)} columns: {line}")
    return rows, found


def _table(document: str, first: str) -> list[tuple[str, ...]]:
    """Rows of every table whose first column is headed `first`."""
    return [_cells(line) for line, header in _table_lines(document) if header[0] == first]


def _table_lines(document: str) -> Iterable[tuple[str, tuple[str, ...]]]:
    """Each line of each table below its rule, with the table's header."""
    header: tuple[str, ...] | None = None
    for line in document.splitlines():
        if not line.startswith("|"):
            header = None
        elif header is None:
            header = _cells(line)
        elif set(line) - set("|-: "):
            yield line, header


def _cells(line: str) -> tuple[str, ...]:
    return tuple(cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip())[1:-1])


def _listed_references() -> dict[int, str]:
    text = _document("bibliography.md").split("## Listed by the specification")[1].split("\n## ")[0]
    return {int(number): entry for number, entry in re.findall(r"^(\d+)\. (.+)$", text, re.MULTILINE)}


def _document(name: str) -> str:
    return (ROOT / "docs" / name).read_text("utf-8")


def _example(seventh: str) -> str:
    """A document in which everything but the rows in place of point 7 is in order."""
    rows = [seventh if n == "7" else f"| {n} | §1 | a point | – | corpus |" for n in NUMBERS]
    head = ["| No. | Section | Point | Answer | State |", "|---|---|---|---|---|"]
    return "\n".join([*head, *filter(None, rows)])
