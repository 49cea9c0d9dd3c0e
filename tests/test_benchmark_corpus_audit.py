"""The audit of the corpus: the draw is even and repeats, decoys are wrong, the sheet does not tell, the document counts what was said."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from automl_codex import stages
from automl_codex.types import LabelledTuple
from benchmarks import corpus_audit as audit
from codex_gate.errors import UsageError
from codex_gate.taxonomy import DEFINITIONS

PLUS = "def f(a: int) -> int:\n    b = a * 2\n    return b + 1\n"
ORIGINAL = LabelledTuple(
    variant_id="o", seed_id="o", parents=(), kind="original", operator="", site="", source=PLUS, entry="f", parameters=("int",), inputs=("(1,)", "(2,)"),
    outcomes=("3", "5"), label="correct", category=None, witness=None, expected=None, actual=None, quality=1.0, transpiler="t", prelude="p", rustc="r",
    rust="pub fn f(a: i32) -> i32 {\n    let b = a * 2;\n    return b + 1;\n}\n", status="compiles", codes=(), message="", place="", python="3", verdict="pass",
    defect="correct", defect_category=None, label_source="", confidence="", evidence="", structure=1.0, flow=None,
)  # fmt: skip
MUTANT = replace(
    ORIGINAL, variant_id="m", parents=("o",), kind="mutation", operator="AOR", site="3:11", source=PLUS.replace("+ 1", "- 1"), outcomes=("1", "3"), label="buggy",
    category="LogicErrors", witness="(1,)", expected="3", actual="1", defect="buggy", defect_category="LogicErrors", label_source="mutation", confidence="high",
)  # fmt: skip
VARIANT = replace(ORIGINAL, variant_id="e", parents=("o",), kind="eda", operator="SR", source=PLUS.replace("b", "val"))
BROKEN = replace(
    ORIGINAL, status="compile_error", codes=("E0308", "E0425"), message="mismatched types", place="1:12", verdict="compile_error", defect="buggy",
    defect_category="TypeErrors", label_source="rustc", confidence="high", evidence="E0308 at 1:12: mismatched types",
)  # fmt: skip
WRONG = replace(
    ORIGINAL, verdict="overflow_panic", defect="buggy", defect_category="ASTTransform", label_source="runtime", confidence="medium",
    evidence="(1,): Python 3 | Rust !attempt to add with overflow | as with chain",
)  # fmt: skip


@dataclass(frozen=True)
class Given:
    rows: tuple[LabelledTuple, ...]

    def __call__(self, work: stages.Work) -> stages.Made:
        return stages.Made(list(self.rows[work.number :: 2]), {}, {})


def plain(rows: int) -> audit.Plan:
    return audit.PLAIN._replace(rows=rows)


def corpus(folder: Path, rows: Sequence[LabelledTuple], name: str = "made") -> audit.Corpus:
    """The rows as an output of verify in two partitions."""
    stages.run(stages.Stage("verify", folder, 7, {}), [stages.Work(0, {}), stages.Work(1, {})], Given(tuple(rows)))
    return audit.Corpus(name, folder)


def family(number: int) -> list[LabelledTuple]:
    """A program, a mutant of it, a variant, and the program again where its Rust does not compile, and where it does not do the same."""
    category = "LogicErrors" if number % 2 else "ApiMisuse"
    seed = f"o{number}"
    named = [
        (ORIGINAL, ""),
        (replace(MUTANT, category=category), "m"),
        (VARIANT, "e"),
        (replace(BROKEN, kind="other"), "b"),
        (replace(WRONG, kind="other"), "w"),
    ]
    return [replace(row, variant_id=f"{seed}{tail}", seed_id=seed, parents=(seed,) if row.parents else ()) for row, tail in named]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> audit.Corpus:
    return corpus(tmp_path_factory.mktemp("corpus") / "verified", [row for number in range(60) for row in family(number)])


def test_the_draw_is_even_over_sources_and_categories_and_never_twice_of_a_seed(made: audit.Corpus) -> None:
    rows = audit.drawn(made.claims(), plain(34), random.Random(1))
    assert [row.number for row in rows] == list(range(1, 41))
    assert Counter(row.kind for row in rows) == {"row": 34, "decoy": 6}
    strata = Counter((row.source, row.category) for row in rows)
    assert strata.keys() == {
        ("mutation", "LogicErrors"), ("mutation", "ApiMisuse"), ("eda", audit.SOUND), ("rustc", "TypeErrors"), ("runtime", "ASTTransform"), ("io", audit.SOUND)
    }  # fmt: skip
    assert max(strata.values()) - min(strata.values()) <= 1
    assert {row.population for row in rows if row.source == "mutation"} == {30} and {row.population for row in rows if row.source == "rustc"} == {60}
    assert len({made.read(row.row).seed_id for row in rows}) == 40


def test_a_decoy_shows_a_category_of_its_own_form_of_sheet_and_a_row_its_own(made: audit.Corpus) -> None:
    rows = [row for seed in range(20) for row in audit.drawn(made.claims(), plain(34), random.Random(seed))]
    assert all((row.shown == row.category) == (row.kind == "row") for row in rows)
    shown = {form: {r.shown for r in rows if r.kind == "decoy" and (r.source in audit.PYTHON) == form} for form in (True, False)}
    assert shown == {True: {"LogicErrors", "ApiMisuse"}, False: {"TypeErrors", "ASTTransform"}}


def test_a_decoy_is_near_where_its_source_gives_several_categories(tmp_path: Path) -> None:
    rows = [row for number in range(60) for row in family(number)]
    rows += [replace(BROKEN, variant_id=f"t{n}", seed_id=f"t{n}", defect_category="TraitBounds") for n in range(60)]
    claims = corpus(tmp_path / "v", rows).claims()
    drawn = [row for seed in range(20) for row in audit.drawn(claims, plain(34), random.Random(seed))]
    assert {(row.category, row.shown) for row in drawn if row.kind == "decoy" and row.source == "rustc"} == {
        ("TypeErrors", "TraitBounds"),
        ("TraitBounds", "TypeErrors"),
    }


DOUBTFUL = replace(ORIGINAL, defect="unknown", evidence="(1,): Python 3 | Rust =3 | untried (2147483647,)")


@pytest.fixture(scope="module")
def doubted(tmp_path_factory: pytest.TempPathFactory) -> list[audit.Claim]:
    """Claims of families, and of programs that pass and are not learned from."""
    rows = [row for number in range(60) for row in family(number)]
    rows += [replace(DOUBTFUL, variant_id=f"d{n}", seed_id=f"d{n}") for n in range(20)]
    rows += [replace(DOUBTFUL, variant_id=f"n{n}", seed_id=f"n{n}", evidence="(1,): Python 3 | Rust =3") for n in range(20)]  # unknown for another reason
    return corpus(tmp_path_factory.mktemp("doubted") / "v", rows).claims(doubtful=True)


NEAR = {"TypeErrors": frozenset(["TraitBounds", "ASTTransform"]), "LogicErrors": frozenset(["ASTTransform"])}


def test_in_a_hard_draw_each_second_sheet_is_a_decoy_and_what_passes_is_asked_both_ways(doubted: Sequence[audit.Claim]) -> None:
    rows = [row for seed in range(10) for row in audit.drawn(doubted, audit.HARD._replace(rows=20), random.Random(seed), NEAR)]
    assert Counter(row.kind for row in rows) == {"row": 200, "decoy": 200}
    assert {(row.kind, row.shown) for row in rows if row.category == audit.UNCLEAR} == {("decoy", audit.SOUND)}
    assert {row.row[0] for row in rows if row.category == audit.UNCLEAR} == {"d"}
    assert {row.kind for row in rows if row.category == audit.SOUND} == {"row"}
    passes, others = (Counter((row.source, row.category) for row in rows if (row.source == "io") == wanted) for wanted in (True, False))
    assert min(passes.values()) > 2 * max(others.values())


def test_a_near_category_is_shown_where_the_form_has_it_and_else_another(doubted: Sequence[audit.Claim]) -> None:
    rows = [row for seed in range(10) for row in audit.drawn(doubted, audit.HARD._replace(rows=20), random.Random(seed), NEAR)]
    shown = {category: {row.shown for row in rows if row.kind == "decoy" and row.category == category} for category in ("TypeErrors", "LogicErrors")}
    assert shown == {"TypeErrors": {"ASTTransform"}, "LogicErrors": {"ApiMisuse"}}  # no change of Python is ASTTransform


def test_near_is_what_a_definition_names_or_a_reader_said_instead_both_ways() -> None:
    near = audit.neighbours([(row(1, category="ApiMisuse"), audit.Verdict(1, "wrong", "TraitBounds", "r")), (row(2), audit.Verdict(2, "right", "", "r")),
                             (row(3), audit.Verdict(3, "wrong", audit.SOUND, "r"))])  # fmt: skip
    assert {"IteratorChain"} <= near["ComprehensionBugs"] and {"ComprehensionBugs"} <= near["IteratorChain"]
    assert "ApiMisuse" in near["TraitBounds"] and "TraitBounds" in near["ApiMisuse"]
    assert "TraitBounds" not in audit.neighbours([])["ApiMisuse"]
    assert all(category not in others and audit.SOUND not in others for category, others in near.items())


def test_a_hard_draw_that_has_too_few_to_show_wrongly_is_refused(doubted: Sequence[audit.Claim]) -> None:
    passing = [claim for claim in doubted if claim.source == "io" and claim.row == claim.seed]
    with pytest.raises(UsageError, match=r"0 of 20 labels can be shown wrongly; expected 1: draw fewer"):
        audit.drawn(
            [c for c in passing if c.category == audit.UNCLEAR][:9] + [c for c in passing if c.category == audit.SOUND][:11],
            audit.HARD._replace(rows=10),
            random.Random(1),
            NEAR,
        )


def test_a_program_that_an_earlier_audit_has_drawn_is_not_drawn_again(made: audit.Corpus) -> None:
    known = [row(1, row="o3m"), row(2, row="o4b"), row(3, corpus="another", row="o5")]
    assert {claim.seed for claim in made.claims(known)} == {f"o{number}" for number in range(60)} - {"o3", "o4"}


def test_a_seed_repeats_its_draw_and_another_does_not(made: audit.Corpus) -> None:
    one, same, other = (audit.drawn(made.claims(), plain(20), random.Random(seed)) for seed in (1, 1, 2))
    assert one == same != other


def test_a_rare_stratum_is_taken_whole(tmp_path: Path) -> None:
    rows = [row for number in range(20) for row in family(number)]
    lonely = replace(BROKEN, variant_id="t", seed_id="t", defect_category="TraitBounds")
    found = audit.drawn(corpus(tmp_path / "v", [*rows, lonely]).claims(), plain(17), random.Random(1))
    assert [row.row for row in found if row.category == "TraitBounds"] == ["t"]
    assert len(found) == 20


def test_more_than_there_is_and_less_than_one_are_refused(made: audit.Corpus) -> None:
    with pytest.raises(UsageError, match="the input holds 60 labels of different programs; expected 71: draw fewer"):
        audit.drawn(made.claims(), plain(60), random.Random(1))
    with pytest.raises(UsageError, match="rows must be >= 1, got 0"):
        audit.drawn(made.claims(), plain(0), random.Random(1))


def test_where_all_have_one_category_there_is_no_wrong_one_to_show(tmp_path: Path) -> None:
    rows = [replace(BROKEN, variant_id=f"b{n}", seed_id=f"b{n}") for n in range(20)]
    with pytest.raises(UsageError, match="rustc gives no category but TypeErrors"):
        audit.drawn(corpus(tmp_path / "v", rows).claims(), plain(17), random.Random(1))


def test_a_mutant_without_its_program_and_rows_that_nobody_learns_from_are_not_drawn(tmp_path: Path) -> None:
    unknown = replace(MUTANT, variant_id="u", label="equivalent_unknown", category=None, defect="unknown", defect_category=None, label_source="")
    without = replace(BROKEN, variant_id="n", defect_category=None)
    unsure = replace(BROKEN, variant_id="l", confidence="low")
    orphan = replace(MUTANT, variant_id="x", parents=("gone",))
    graft = replace(MUTANT, variant_id="g", kind="smote")
    found = corpus(tmp_path / "v", [ORIGINAL, unknown, without, unsure, orphan, graft]).claims()
    assert {(claim.row, claim.source, claim.category) for claim in found} == {("o", "io", audit.SOUND), ("g", "graft", "LogicErrors")}


def test_the_sheet_of_a_change_shows_both_sides_and_their_input() -> None:
    shown = audit.sheet(7, "ApiMisuse", "mutation", MUTANT, ORIGINAL)
    assert shown.splitlines()[0] == "=== 7" and shown.splitlines()[-1] == "PROPOSED LABEL: ApiMisuse"
    assert "-    return b + 1\n+    return b - 1\n" in shown
    assert "f(1,) gave 3 before and gives 1 now" in shown


def test_the_sheet_of_a_variant_shows_every_input() -> None:
    shown = audit.sheet(7, audit.SOUND, "eda", VARIANT, ORIGINAL)
    assert "f(1,) gave 3 before and gives 3 now\nf(2,) gave 5 before and gives 5 now\n" in shown


def test_the_sheet_of_a_translation_marks_the_error_and_tells_what_the_compiler_said() -> None:
    shown = audit.sheet(7, "TypeErrors", "rustc", BROKEN, None)
    assert "   2 >     let b = a * 2;\n                   ^\n" in shown
    assert "The compiler, at line 2: E0308: mismatched types (further errors: E0425)" in shown


def test_the_sheet_of_a_run_tells_both_outcomes_and_one_of_a_crash_what_broke() -> None:
    assert "On the input (1,): Python 3 | Rust !attempt to add with overflow (= is" in audit.sheet(7, "TypeErrors", "runtime", WRONG, None)
    assert "wherever the input fits its types:\nf(1,) gave 3\nf(2,) gave 5\n" in audit.sheet(7, audit.SOUND, "io", ORIGINAL, None)
    crashed = replace(BROKEN, rust="", place="", codes=(), message="no such node", verdict="transpile_crash", label_source="transpiler")
    assert "The transpiler broke: no such node" in audit.sheet(7, "ASTTransform", "transpiler", crashed, None)


@pytest.mark.parametrize(("row", "source"), [(MUTANT, "mutation"), (BROKEN, "rustc"), (WRONG, "runtime")])
def test_the_sheet_of_a_decoy_differs_in_its_last_line_alone(row: LabelledTuple, source: str) -> None:
    parent = ORIGINAL if source == "mutation" else None
    true, false = (audit.sheet(7, shown, source, row, parent).splitlines() for shown in (row.defect_category or "", "OwnershipBorrow"))
    assert true[:-1] == false[:-1]
    assert row.operator not in true or not row.operator
    assert not any(str(row.defect_category) in line for line in true[:-1])


def first_in(folder: Path, *rows: audit.Row, said: str = "1,right,,because\n") -> None:
    """A first audit below a folder."""
    audit.write_key(rows, folder / "first" / "rows.csv")
    (folder / "first" / "verdicts.csv").write_text("number,verdict,category,reason\n" + said)


def test_sample_writes_key_guide_and_sheets(made: audit.Corpus, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = made._places["o0"][0].parent
    first = row(1, row="o7m")
    first_in(tmp_path, first)
    arguments = ["sample", "--input", f"made={folder}", "--sheet", str(tmp_path / "s"), "--folder", str(tmp_path), "--rows", "34"]
    assert audit.main(arguments) == 0
    assert capsys.readouterr().out == f"40 drawn, 6 of them decoys; read {tmp_path / 's'} and leave {tmp_path / 'rows.csv'} closed\n"
    key = audit.read_key(tmp_path / "rows.csv")
    assert list(key.values()) == audit.drawn(made.claims([first]), plain(34), random.Random(audit.PLAIN.seed))
    texts = [(tmp_path / "s" / f"sheet-{part:02}.txt").read_text() for part in (1, 2)]
    assert [text.count("PROPOSED LABEL: ") for text in texts] == [25, 15]
    assert f"=== {26}\n" in texts[1] and f"PROPOSED LABEL: {key[26].shown}\n" in texts[1]
    told = (tmp_path / "s" / "guide.md").read_text()
    assert audit.GUIDE in told and all(definition.text in told for definition in DEFINITIONS.values())


def test_a_variant_whose_pass_is_doubted_is_shown_with_the_program_before_it(tmp_path: Path) -> None:
    """It has two labels: that of a change of Python, which needs its parent, and that of its Rust."""
    rows = [row for number in range(30) for row in family(number)]
    rows += [replace(row, variant_id=f"{name}{n}", seed_id=f"d{n}", parents=(f"d{n}",) if name == "v" else ()) for n in range(30)
             for name, row in (("d", replace(ORIGINAL, defect="unknown")), ("v", replace(DOUBTFUL, kind="eda", source=VARIANT.source)))]  # fmt: skip
    corpus(tmp_path / "v", rows)
    first_in(tmp_path, row(1, row="o7m"))
    audit.write_key([], tmp_path / "rows.csv")
    assert audit.main(["sample", "--hard", "--input", f"made={tmp_path / 'v'}", "--sheet", str(tmp_path / "s"), "--folder", str(tmp_path), "--rows", "20"]) == 0
    key = audit.read_key(tmp_path / "hard" / "rows.csv")
    shown = (tmp_path / "s" / "sheet-01.txt").read_text().split("=== ")
    assert {"v"} <= {key[int(text.split()[0])].row[0] for text in shown[1:] if "A CHANGE OF PYTHON" in text and text.endswith(f"{audit.SOUND}\n\n")}
    assert len(key) == 40 and Counter(row.kind for row in key.values()) == {"row": 20, "decoy": 20}


def test_what_is_no_output_of_verify_is_refused_in_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert audit.main(["sample", "--input", f"made={tmp_path}", "--sheet", str(tmp_path / "s"), "--folder", str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith(f"corpus_audit: {tmp_path} holds no stage data")
    with pytest.raises(SystemExit):
        audit.main(["sample", "--input", "made", "--sheet", str(tmp_path)])
    assert "expected NAME=DIR, got made" in capsys.readouterr().err


# -- the document ------------------------------------------------------------------------------------------


def row(number: int, **changes: object) -> audit.Row:
    values = {
        "kind": "row",
        "corpus": "made",
        "row": f"m{number}",
        "source": "mutation",
        "category": "LogicErrors",
        "shown": "LogicErrors",
        "confidence": "high",
    }
    return audit.Row(number, **values | {"population": 100} | changes)  # type: ignore[arg-type]


KEY = [
    *(row(n) for n in range(1, 5)),
    *(row(n, source="rustc", category="TypeErrors", shown="TypeErrors", confidence="low", population=300) for n in range(5, 7)),
    row(7, source="io", category=audit.SOUND, shown=audit.SOUND),
    *(row(n, kind="decoy", shown="ApiMisuse") for n in range(8, 11)),
]


@pytest.fixture
def judged(tmp_path: Path) -> Callable[..., list[str]]:
    """The command run on verdicts given as text, further readers by name; the lines of the document."""
    audit.write_key(KEY, tmp_path / "rows.csv")
    audit.write_key(KEY, tmp_path / "first" / "rows.csv")
    (tmp_path / "first" / "verdicts.csv").write_text("number,verdict,category,reason\n" + MIXED)

    def run(text: str, **others: str) -> list[str]:
        for name, said in {"verdicts": text, **{f"reader-{number[1:]}": said for number, said in others.items()}}.items():
            (tmp_path / f"{name}.csv").write_text("number,verdict,category,reason\n" + said)
        output = tmp_path / "audit.md"
        assert audit.main(["tally", "--folder", str(tmp_path), "--output", str(output), "--day", "2026-01-02"]) == 0
        return output.read_text().splitlines()

    return run


def said(*verdicts: str) -> str:
    return "".join(f"{number},{verdict},because\n" for number, verdict in enumerate(verdicts, 1))


MIXED = said("right,", "right,", "right,", "unsure,", "right,", "wrong,ASTTransform", "right,", "wrong,LogicErrors", "wrong,unclear", "right,")


def test_unsure_counts_as_wrong_and_decoys_are_counted_apart(judged: Callable[..., list[str]]) -> None:
    lines = judged(MIXED)
    assert "| **labels that are right** (unsure counts as wrong) | 67% [30%, 90%] | 4 of 6 |" in lines
    assert "| of those that the reader was sure of | 80% [38%, 96%] | 4 of 5 |" in lines
    assert "| weighted by the rows of each category and source | 56% | of 400 labels |" in lines  # (100 · 3/4 + 300 · 1/2) / 400
    assert "| `no defect` that is right | 100% [21%, 100%] | 1 of 1 |" in lines
    assert "| **decoys caught** (not called right) | 67% [21%, 94%] | 2 of 3 |" in lines
    assert "| of the caught, those whose true label the reader named | 50% [9%, 91%] | 1 of 2 |" in lines
    assert "| TypeErrors | rustc | 50% [9%, 91%] | 1 of 2 | 0 | ASTTransform 1 |" in lines
    assert "| LogicErrors | mutation | 75% [30%, 95%] | 3 of 4 | 1 | – |" in lines
    assert any(line.endswith("Must 90%, aim 97%: the must is not met. In square brackets: 95 % intervals (Wilson).") for line in lines)


def test_the_document_says_that_the_rules_were_chosen_on_the_first_audit(judged: Callable[..., list[str]]) -> None:
    (said_of_it,) = [line for line in judged(RIGHT) if "**were chosen on a first audit**" in line]
    assert "67% [30%, 90%], 4 of 6 labels right, 67% [21%, 94%], 2 of 3 decoys caught" in said_of_it


def test_what_could_give_a_decoy_away_is_counted_from_the_key(judged: Callable[..., list[str]]) -> None:
    lines = judged(RIGHT)
    assert "| order: how often a decoy stands behind a row | 1.00 (.50 ± 0.41 by chance) |" in lines
    assert "| decoys whose label no true sheet of their form has | 3 of 3 |" in lines
    assert "| decoys of a sheet without a fault, where any category is wrong | 0 of 3 |" in lines
    assert (
        "| decoys that show a near category (the definitions name it beside the true one, or a reader of the first audit took one for the other) | 0 of 3 |"
        in lines
    )
    assert "| true sheets of the form and label that a decoy hides, beside it: mean, least | 4, 4 |" in lines
    assert any("A harder draw (`sample --hard`) is not read yet." in line for line in lines)


def test_readers_who_always_agree_are_counted_as_one(judged: Callable[..., list[str]]) -> None:
    assert audit._ALIKE not in judged(RIGHT) and audit._ALIKE not in judged(RIGHT, r2=MIXED)
    assert audit._ALIKE in judged(RIGHT, r2=RIGHT)


HARD = [
    row(1),
    row(2, source="rustc", category="TypeErrors", shown="TypeErrors"),
    row(3, source="io", category=audit.SOUND, shown=audit.SOUND),
    row(4, source="eda", category=audit.SOUND, shown=audit.SOUND),
    row(5, kind="decoy", shown="ApiMisuse"),
    *(row(n, kind="decoy", source="io", category=audit.UNCLEAR, shown=audit.SOUND) for n in (6, 7)),
]


def test_harder_decoys_are_told_apart_by_what_they_are_and_by_reader(judged: Callable[..., list[str]], tmp_path: Path) -> None:
    audit.write_key(HARD, tmp_path / "hard" / "rows.csv")
    assert not any("## Harder decoys" in line for line in judged(RIGHT))  # drawn and not read
    for name, verdicts in (
        ("verdicts", said("right,", "wrong,ASTTransform", "right,", "right,", "right,", "wrong,LogicErrors", "right,")),
        ("reader-2", said("right,", "right,", "wrong,TypeErrors", "right,", "wrong,LogicErrors", "unsure,", "right,")),
    ):
        (tmp_path / "hard" / f"{name}.csv").write_text("number,verdict,category,reason\n" + verdicts)
    lines = judged(RIGHT)
    assert "| what | reader 1 | n | reader 2 | n |" in lines and not any("is not read yet" in line for line in lines)
    found = {cells[0]: (cells[2], cells[4]) for cells in ([cell.strip("| ") for cell in line.split(" | ")] for line in lines) if len(cells) == 5}
    assert found["labels that are right"] == ("1 of 2", "2 of 2")
    assert found["`no defect` of a pair that passes, that is right"] == ("1 of 1", "0 of 1")
    assert found["`no defect` of a variant, that is right"] == ("1 of 1", "1 of 1")
    assert found["decoys with a wrong category that were caught"] == ("0 of 1", "1 of 1")
    assert found["`no defect` of a pair that an untried input would end, caught"] == ("1 of 2", "1 of 2")
    assert any("Reader 2 says the same of 3 of 5 (kappa" in line for line in lines)


RIGHT = said(*["right,"] * 7, *["wrong,unclear"] * 3)


def test_a_goal_is_met_where_the_further_readers_reach_it_too(judged: Callable[..., list[str]]) -> None:
    assert any("aim 97%: the aim is met." in line for line in judged(RIGHT))
    lines = judged(RIGHT, r2=MIXED)
    assert any("aim 97%: the must is not met. A goal counts as met only where" in line for line in lines)
    assert "| 2 | 67% [30%, 90%] | 4 of 6 | 6 | 6 of 9 | 0.31 | 2 of 3 |" in lines


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("1,right,,because\n1,right,,because\n", "line 3: number '1' is judged twice"),
        ("99,right,,because\n", "number '99' was not drawn"),
        ("one,right,,because\n", "number 'one' was not drawn"),
        ("1,maybe,,because\n", "verdict 'maybe'"),
        ("1,right,LogicErrors,because\n", "expected right or unsure without one"),
        ("1,wrong,,because\n", "verdict 'wrong', category ''"),
        ("1,wrong,LogicErrors,because\n", "other than the proposed"),
        ("1,wrong,Nonsense,because\n", "category 'Nonsense'"),
        ("1,right,,\n", "a reason of 0 characters"),
        (f"1,right,,{'x' * 161}\n", "a reason of 161 characters"),
        ("", "holds no verdicts"),
    ],
)
def test_verdicts_that_the_guide_does_not_know_are_refused_in_a_sentence(tmp_path: Path, text: str, found: str, capsys: pytest.CaptureFixture[str]) -> None:
    audit.write_key(KEY, tmp_path / "rows.csv")
    (tmp_path / "verdicts.csv").write_text("number,verdict,category,reason\n" + text)
    arguments = ["tally", "--folder", str(tmp_path), "--output", str(tmp_path / "o.md"), "--day", "2026-01-02"]
    assert audit.main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("corpus_audit: ") and found in error
    assert not (tmp_path / "o.md").exists()


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("LogicErrors,ApiMisuse", "LogicErrors,LogicErrors", "kind 'decoy' with label LogicErrors, shown LogicErrors"),
        ("row,made,m1,", "pair,made,m1,", "kind 'pair'"),
        ("LogicErrors,LogicErrors", "LogicErrors,Nonsense", "line 2 is not as sample writes it"),
        ("mutation", "rumour", "line 2 is not as sample writes it"),
        ("high,100", "high,many", "line 2 is not as sample writes it"),
    ],
)
def test_a_key_that_sample_would_not_write_is_refused(tmp_path: Path, old: str, new: str, found: str) -> None:
    audit.write_key(KEY, tmp_path / "rows.csv")
    (tmp_path / "rows.csv").write_text((tmp_path / "rows.csv").read_text().replace(old, new, 1))
    with pytest.raises(UsageError, match=found):
        audit.read_key(tmp_path / "rows.csv")


@pytest.mark.parametrize("folder", [audit.FOLDER, audit.FOLDER / audit.FIRST])
def test_the_committed_key_is_one_that_the_tally_reads(folder: Path) -> None:
    key = audit.read_key(folder / "rows.csv")
    labelled = [row for row in key.values() if row.kind == "row" and row.category != audit.SOUND]
    assert len(labelled) >= 200
    assert sum(row.kind == "decoy" for row in key.values()) / len(key) == pytest.approx(audit.PLAIN.decoys, abs=0.01)
