"""Which changes a verified row tells of, and how they are parted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from automl_codex import examples, stages
from automl_codex.examples import Example, as_change, of_row
from automl_codex.split import TEST, TRAIN, VALIDATION, part_of
from automl_codex.types import LabelledTuple, Variant
from codex_gate.errors import UsageError
from codex_gate.student import LABELS, possible
from codex_gate.taxonomy import KINDS

PLUS = "def f(a: int) -> int:\n    b = a * 2\n    c = b + 1\n    return c\n"
MINUS = PLUS.replace("+ 1", "- 1")
ROW = LabelledTuple(
    variant_id="m", seed_id="seed", parents=("o",), kind="mutation", operator="AOR", site="3:8", source=MINUS, entry="f", parameters=("int",), inputs=("(1,)",),
    outcomes=("1",), label="buggy", category="LogicErrors", witness="(1,)", expected="3", actual="1", quality=1.0, transpiler="t", prelude="p", rustc="r",
    rust="pub fn f(a: i32) -> i32 {\nreturn a;\n }", status="compiles", codes=(), message="", place="", python="3", verdict="pass", defect="buggy",
    defect_category="LogicErrors", label_source="mutation", confidence="high", evidence="", structure=None, flow=None,
)  # fmt: skip
ORIGINAL = replace(ROW, variant_id="o", parents=(), kind="original", source=PLUS, label="correct", category=None, defect="correct", defect_category=None, label_source="")  # fmt: skip


def told(row: LabelledTuple, parent: str | None) -> list[tuple[str, str, str | None]]:
    return [(example.row_id, example.defect, example.category) for example in of_row(row, parent)]


def test_a_mutant_is_a_defect_and_its_way_back_is_none() -> None:
    assert told(ROW, PLUS) == [("m:python", "buggy", "LogicErrors"), ("m:back", "correct", "LogicErrors")]  # a repair of that kind brings none
    there, back = of_row(ROW, PLUS)
    assert (there.before, there.after) == ("    b = a * 2\n    c = b + 1\n    return c", "    b = a * 2\n    c = b - 1\n    return c")
    assert (back.before, back.after) == (there.after, there.before)
    assert there.lineage == back.lineage == "seed" and there.part == back.part == part_of("seed")


def test_a_variant_is_no_defect_and_nobody_knows_an_unjudged_mutant() -> None:
    assert told(replace(ROW, kind="eda", label="correct", category=None, defect="unknown"), PLUS) == [("m:python", "correct", "none")]
    assert told(replace(ROW, kind="template", label="correct", category="LogicErrors", defect="unknown"), PLUS) == [("m:python", "correct", "none")]
    assert told(replace(ROW, label="equivalent_unknown", defect="unknown"), PLUS) == []


def test_a_graft_is_neither_defect_nor_none_but_its_mutant_is_a_defect() -> None:
    assert told(replace(ROW, kind="smote", operator="graft", label="correct", category=None, defect="unknown"), PLUS) == []
    assert [row_id for row_id, _, _ in told(replace(ROW, kind="smote"), PLUS)] == ["m:python", "m:back"]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, [("o:rust", "correct", "none")]),
        ({"defect": "buggy", "label_source": "rustc", "confidence": "high", "defect_category": "TypeErrors"}, [("o:rust", "buggy", "TypeErrors")]),
        ({"defect": "buggy", "label_source": "runtime", "confidence": "low", "defect_category": "LogicErrors"}, [("o:rust", "buggy", None)]),
        ({"defect": "buggy", "label_source": "runtime", "confidence": "low", "defect_category": None}, [("o:rust", "buggy", None)]),
        ({"defect": "unknown"}, []),
        ({"defect": "buggy", "label_source": "transpiler", "rust": ""}, []),
    ],
)
def test_rust_is_a_new_file_where_an_oracle_saw_the_defect_or_none(changes: dict[str, object], expected: list[tuple[str, str, str | None]]) -> None:
    row = replace(ORIGINAL, **changes)
    assert told(row, None) == expected
    for example in of_row(row, None):
        assert example.path == "program.rs" and example.before == "" and example.after == row.rust


def test_a_change_is_built_as_git_shows_it(make_repo) -> None:
    repo = make_repo()
    repo.write("a.py", PLUS)
    first = repo.commit("one")
    repo.write("a.py", MINUS)
    second = repo.commit("two")
    ((there,),) = list(repo.open().diffs([(second, first)]))
    here = as_change("a.py", PLUS, MINUS)
    assert here.hunks() == there.hunks() and (here.added, here.deleted, here.status) == (there.added, there.deleted, "M")
    assert here.patch.split(b"\n")[1:] == there.patch.split(b"\n")[1:]
    assert as_change("a.rs", "", "x\n").status == "A"


def example(row_id: str, before: str, defect: str, category: str | None = None) -> Example:
    return Example(row_id, "s", TRAIN, "a.py", before, "after", "", defect, category)


def test_a_text_stands_once_and_a_torn_one_not_at_all() -> None:
    rows = [example("1", "a", "buggy", "LogicErrors"), example("2", "a", "buggy", "LogicErrors"), example("3", "b", "buggy"), example("4", "b", "correct"),
            example("5", "c", "correct")]  # fmt: skip
    assert [row.row_id for row in examples.distinct(rows)] == ["1", "5"]


def test_a_lineage_is_in_one_part_and_parts_have_their_shares() -> None:
    parts = [part_of(f"coverage-7-00000-{number:03}") for number in range(4000)]
    for part, share in ((TRAIN, 0.70), (VALIDATION, 0.15), (TEST, 0.15)):
        assert abs(parts.count(part) / 4000 - share) < 0.03  # four standard deviations of the largest
    assert parts == [part_of(f"coverage-7-00000-{number:03}") for number in range(4000)]


def test_categories_are_ruled_out_by_language() -> None:
    names = lambda language: {kind for kind, can in zip(KINDS, possible(language), strict=True) if can}  # noqa: E731
    assert "OwnershipBorrow" in names("rust") and "OwnershipBorrow" not in names("python")
    assert "ComprehensionBugs" in names("python") and "ComprehensionBugs" not in names("rust")
    assert names(None) == names("cobol") < names("python")
    assert "none" in names(None)
    assert (*KINDS, "defect") == LABELS


class Given:
    def __init__(self, rows: tuple[Variant, ...]) -> None:
        self.rows = rows

    def __call__(self, work: stages.Work) -> stages.Made:
        return stages.Made(self.rows[work.number :: 2], {}, {})


def test_a_stage_is_read_with_parents_from_any_partition(tmp_path: Path) -> None:
    rows = (ROW, ORIGINAL)
    stages.run(stages.Stage("verify", tmp_path / "verified", 7, {}), [stages.Work(0, {}), stages.Work(1, {})], Given(rows))
    found = examples.read(tmp_path / "verified")
    assert [row.row_id for row in found] == ["m:python", "m:back", "o:rust"]
    assert examples.counts(found)[part_of("seed")] == {"rows": 3, "buggy": 1, "correct": 2, "LogicErrors": 2, "none": 1}
    assert examples.of_part(found, part_of("seed")) == [0, 1, 2]


def test_augmented_rows_tell_of_the_python_alone(tmp_path: Path) -> None:
    rows = [Variant(**{field.name: getattr(row, field.name) for field in fields(Variant)}) for row in (ROW, ORIGINAL)]
    stages.run(stages.Stage("augment", tmp_path / "augmented", 7, {}), [stages.Work(0, {}), stages.Work(1, {})], Given(tuple(rows)))
    assert [row.row_id for row in examples.read(tmp_path / "augmented")] == ["m:python", "m:back"]
    stages.run(stages.Stage("transpile", tmp_path / "transpiled", 7, {}), [stages.Work(0, {})], Given(()))
    with pytest.raises(UsageError, match="holds the output of transpile; expected that of augment, of verify or of rows"):
        examples.read(tmp_path / "transpiled")


def test_the_rarest_kinds_are_drawn_whole_and_a_change_with_its_way_back() -> None:
    kinds = ["LogicErrors"] * 60 + ["none"] * 30 + ["ApiMisuse"] * 4
    found = [example(f"{number}:{way}", f"{number}{way}", "buggy", kind) for number, kind in enumerate(kinds) for way in ("python", "back")]
    some = examples.drawn(found, 68, 1)
    assert Counter(row.category for row in some) == {"ApiMisuse": 8, "none": 30, "LogicErrors": 30}
    assert Counter(Counter(row.row_id.split(":")[0] for row in some).values()) == {2: 34}
    assert examples.drawn(found, 68, 1) == some != examples.drawn(found, 68, 2)
    assert sorted(row.row_id for row in examples.drawn(found, 999, 1)) == sorted(row.row_id for row in found)


def test_a_stage_without_a_labelled_change_is_refused(tmp_path: Path) -> None:
    stages.run(stages.Stage("verify", tmp_path / "verified", 7, {}), [stages.Work(0, {})], Given((replace(ORIGINAL, defect="unknown"),)))
    with pytest.raises(UsageError, match="holds no change that is labelled"):
        examples.read(tmp_path / "verified")
    with pytest.raises(UsageError, match="holds no stage data"):
        examples.read(tmp_path / "none")


# -- on disk -------------------------------------------------------------------------------------------

KEPT = [example("1", "a", "buggy", "LogicErrors"), example("2", "na\u00efve \U0001f600", "unknown", "none"), example("3", "", "correct")]


def test_rows_come_back_as_they_went_and_a_folder_of_them_is_read(tmp_path: Path) -> None:
    examples.write_rows(tmp_path / "new" / "rows" / examples.ROWS, KEPT)
    assert examples.read_rows(tmp_path / "new" / "rows" / examples.ROWS) == examples.read(tmp_path / "new" / "rows") == KEPT
    assert [path.name for path in (tmp_path / "new" / "rows").iterdir()] == [examples.ROWS]


def test_the_hash_knows_every_value_and_the_order() -> None:
    assert examples.hash_of(KEPT) == examples.hash_of(list(KEPT))
    changes = [{"row_id": "x"}, {"lineage": "x"}, {"part": TEST}, {"path": "b.py"}, {"before": "x"}, {"after": "x"}, {"message": "x"}, {"defect": "unknown"}, {"category": None}]  # fmt: skip
    others = [[replace(KEPT[0], **change), *KEPT[1:]] for change in changes]
    found = {examples.hash_of(rows) for rows in (KEPT, KEPT[::-1], KEPT[:2], *others)}
    assert len(found) == 3 + len(changes)


def altered(table: pa.Table, name: str, values: list[str]) -> pa.Table:
    return table.set_column(table.column_names.index(name), name, pa.array(values, pa.string()))


def told_as(table: pa.Table, **changes: str) -> pa.Table:
    return table.replace_schema_metadata({**{key.decode(): value.decode() for key, value in table.schema.metadata.items()}, **changes})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda table: told_as(table, format="1"), r"does not hold the rows of this version \(format 3\)"),
        (lambda table: table.replace_schema_metadata(None), "does not hold the rows of this version"),
        (lambda table: table.drop_columns(["defect"]), "does not hold the rows of this version"),
        (lambda table: altered(table, "category", ["ApiMisuse", "none", "none"]), "was altered: its rows are not those of its footer"),
        (lambda table: table.take([1, 0, 2]), "was altered"),
        (lambda table: table.slice(0, 0), "was altered"),
    ],
)
def test_rows_that_are_not_what_was_written_are_refused(tmp_path: Path, change: Callable[[pa.Table], pa.Table], said: str) -> None:
    path = tmp_path / examples.ROWS
    examples.write_rows(path, KEPT)
    pq.write_table(change(pq.read_table(path)), path)
    with pytest.raises(UsageError, match=f"{examples.ROWS} {said}"):
        examples.read(tmp_path)


def test_a_torn_file_of_rows_is_refused(tmp_path: Path) -> None:
    path = tmp_path / examples.ROWS
    examples.write_rows(path, KEPT)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(UsageError, match=r"cannot be read as Parquet \(.*\); make the folder anew"):
        examples.read(tmp_path)


@pytest.mark.parametrize(("name", "value"), [("defect", "perhaps"), ("part", "all"), ("category", "Others"), ("category", "")])
def test_rows_with_labels_that_are_none_are_refused(tmp_path: Path, name: str, value: str) -> None:
    examples.write_rows(tmp_path / examples.ROWS, [KEPT[0], replace(KEPT[1], **{name: value})])
    with pytest.raises(UsageError, match=f"row 2 has .*{name} {value}"):
        examples.read(tmp_path)
