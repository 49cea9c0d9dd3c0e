"""Stage 2: what each augmenter promises is proven by running; labels come from runs; scores are exact on small texts."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path
from random import Random
from statistics import median

import pytest

from automl_codex import augment, eda, generate, inputs, quality, stages, template
from automl_codex.sandbox import Job, Sandbox
from automl_codex.types import BUGGY, CORRECT, EQUIVALENT_UNKNOWN, Program, Variant
from codex_gate.errors import UsageError
from tests.automl_codex.folders import run, variants

SOURCE = """import math


def solve(count: int, words: list[str]) -> tuple[int, str]:
    total = count + 1
    label = str(count)
    for word in words:
        total += len(word)
    return (total, label)
"""


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("augment") / "raw"
    wanted = generate.Options(strategy="swarm", count=30, max_depth=3, seed=5)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stages, "PARTITION", 15)
        stages.run(wanted.stage(folder), wanted.works(), generate.Maker(wanted))
    return folder


@pytest.fixture(scope="module")
def augmented(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("augment") / "augmented"
    assert run("augment", "--input", raw, "--strategy", "eda+template+mutation", "--eda-factor", 3, "--output", folder) == 0
    return folder


def outcomes(box: Sandbox, variant: Variant | Program, source: str, literals: tuple[str, ...]) -> list[str]:
    return next(iter(box.run([Job(source, variant.entry, [inputs.parse(literal) for literal in literals])])))


def test_lineage_is_kept_and_originals_go_on(augmented: Path, raw: Path) -> None:
    found = variants(augmented)
    seeds = {row.program_id for path in raw.glob("part-*") for row in stages.read(path, Program)}
    assert {v.variant_id for v in found if v.kind == "original"} == seeds
    assert all(v.seed_id in seeds and v.parents == (() if v.kind == "original" else (v.seed_id,)) for v in found)
    assert len({v.variant_id for v in found}) == len(found)
    assert len({(v.seed_id, v.source) for v in found}) == len(found)
    for kind in ("eda", "template", "mutation"):
        assert max(Counter(v.seed_id for v in found if v.kind == kind).values()) <= 3
        assert sum(v.kind == kind for v in found) > 60


def test_eda_variants_behave_as_their_seed(augmented: Path, box: Sandbox) -> None:
    originals = {v.seed_id: v for v in variants(augmented) if v.kind == "original"}
    for variant in (v for v in variants(augmented) if v.kind == "eda"):
        assert variant.label == CORRECT
        assert tuple(outcomes(box, variant, variant.source, variant.inputs)) == originals[variant.seed_id].outcomes


def test_a_buggy_row_holds_an_input_that_shows_it_and_others_none(augmented: Path, box: Sandbox) -> None:
    originals = {v.seed_id: v.source for v in variants(augmented) if v.kind == "original"}
    mutants = [v for v in variants(augmented) if v.kind == "mutation"]
    assert {v.label for v in mutants} == {BUGGY, EQUIVALENT_UNKNOWN}
    for variant in mutants:
        assert variant.category is not None and variant.operator and variant.site
        if variant.label == BUGGY:
            assert variant.witness is not None and variant.expected != variant.actual
            assert outcomes(box, variant, originals[variant.seed_id], (variant.witness,)) == [variant.expected]
            assert outcomes(box, variant, variant.source, (variant.witness,)) == [variant.actual]
        else:
            assert (variant.witness, variant.expected, variant.actual) == (None, None, None)


def test_hardly_any_mutant_is_one_that_no_input_tells_apart(augmented: Path) -> None:
    """It was one in four as long as places were drawn without a look at what changes there."""
    mutants = [row for row in variants(augmented) if row.kind == "mutation"]
    assert sum(row.label == EQUIVALENT_UNKNOWN for row in mutants) < 0.16 * len(mutants)


def test_template_rows_are_programs_of_their_own(augmented: Path) -> None:
    for variant in (v for v in variants(augmented) if v.kind == "template"):
        assert variant.label == CORRECT and variant.category is None
        assert any(not outcome.startswith("!") for outcome in variant.outcomes)


def test_result_is_the_same_for_any_number_of_processes(augmented: Path, raw: Path, tmp_path: Path) -> None:
    common = ("augment", "--input", raw, "--strategy", "eda+template+mutation", "--eda-factor", 3)
    assert run(*common, "--output", tmp_path / "two", "--parallel", 2) == 0
    assert [p.read_bytes() for p in sorted((tmp_path / "two").iterdir())] == [p.read_bytes() for p in sorted(augmented.iterdir())]


def test_only_partitions_of_changed_input_are_made_anew(raw: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, target = tmp_path / "raw", tmp_path / "augmented"
    source.mkdir()
    for path in raw.iterdir():
        (source / path.name).write_bytes(path.read_bytes())
    assert run("augment", "--input", source, "--strategy", "template", "--output", target) == 0
    before = {path.name: path.stat().st_mtime_ns for path in target.glob("part-*")}
    wanted = generate.Options(strategy="swarm", count=15, max_depth=3, seed=5)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stages, "PARTITION", 15)
        stages.run(wanted.stage(source), wanted.works(), generate.Maker(wanted))
    assert run("augment", "--input", source, "--strategy", "template", "--output", target) == 0
    assert {path.name: path.stat().st_mtime_ns for path in target.glob("part-*")} == {"part-00000.parquet": before["part-00000.parquet"]}
    assert "1 kept" in capsys.readouterr().err


def test_funnel_names_labels_and_survivors_by_operator(augmented: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("stats", augmented) == 0
    out = capsys.readouterr().out
    counts = Counter(v.label for v in variants(augmented) if v.kind == "mutation")
    for label in (BUGGY, EQUIVALENT_UNKNOWN):
        assert any(line.split() == ["mutation:", label, str(counts[label])] for line in out.splitlines()), out
    by_label = Counter(v.label for v in variants(augmented) if v.operator == "AOR")
    told = next(line.split() for line in out.splitlines() if line.split()[:1] == ["AOR"])
    assert told[1:3] == [str(by_label[BUGGY]), str(by_label[EQUIVALENT_UNKNOWN])] and told[3] == f"{100 * by_label[EQUIVALENT_UNKNOWN] / by_label.total():.0f}"


def test_funnel_has_the_quality_of_each_augmenter_beside_the_specified_band(augmented: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("stats", augmented) == 0
    told = [line.split() for line in capsys.readouterr().out.splitlines()]
    for kind, band in (("eda", ".85–.95"), ("template", ".90–.98"), ("mutation", ".70–.85")):
        qualities = sorted(v.quality for v in variants(augmented) if v.kind == kind)
        tenth = len(qualities) // 10
        assert [kind, f"{median(qualities):.2f}", f"{qualities[tenth]:.2f}–{qualities[-1 - tenth]:.2f}", band] in told
    assert not any(line[:1] == ["smote"] for line in told)  # only what is there


def test_a_damaged_partition_is_named_by_its_quality(augmented: Path, tmp_path: Path) -> None:
    part = tmp_path / "part-00000.parquet"
    whole = next(augmented.glob("part-*")).read_bytes()
    part.write_bytes(whole[:4] + bytes(len(whole) // 2) + whole[4 + len(whole) // 2 :])
    with pytest.raises(UsageError, match=r"part-00000\.parquet is damaged"):
        list(stages.columns(part, ("kind", "quality")))


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--strategy", "eda+smot"], "no augmentation strategy smot; there are eda, template, mutation, smote, joined by +"),
        (
            ["--strategy", "eda+mixup"],
            "mixup blends vectors and their labels and makes no text, so augment has nothing to do for it, and no training takes it; leave it out",
        ),
        (["--strategy", "eda+mutation+smote", "--smote-k", "0"], "smote-k must be >= 1, got 0"),
        (["--smote-k", "5"], "smote-k is 5, and strategy eda+mutation holds no smote; leave it out or add +smote"),
        (["--strategy", ""], "no augmentation strategy (empty)"),
        (["--strategy", "eda+eda"], "names one twice"),
        (["--eda-factor", "11"], "eda-factor must be from 1 to 10 (max_augmentation_factor), got 11"),
        (["--eda-factor", "0"], "eda-factor must be from 1 to 10"),
        (["--quality-threshold", "0.7"], "quality-threshold must be from 0.75 to 1, got 0.7"),
        (["--seed", "6"], "was made with seed 5, not 6"),
    ],
)
def test_wrong_use_is_one_sentence_and_exit_code_2(raw: Path, tmp_path: Path, more: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("augment", "--input", raw, "--output", tmp_path / "out", *more) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", sorted(augment.AUGMENTERS))
def test_contract_of_every_augmenter(name: str) -> None:
    """Deterministic by seed, distinct, the input untouched, scores in range."""
    augmenter = augment.AUGMENTERS[name]()
    source = SOURCE.replace("+ 1", "+ 12")
    seed = Program("p", source, "solve", ("int", "strs"), (), (), "random")
    first, again = (list(augmenter.generate(seed, 5, Random(3))) for _ in range(2))
    assert first == again and first
    texts = [candidate.source for candidate in first]
    assert len(set(texts)) == len(texts) and source not in texts
    assert all(0 < augmenter.quality_score(text, source) <= 1 for text in texts)
    assert augmenter.diversity_score(texts) == 1.0
    assert seed.source == source


# -- the four operations -------------------------------------------------------------------------------


def changed(operation: str, source: str, seed: int = 1) -> str | None:
    tree = ast.parse(source)
    return ast.unparse(tree) if eda._ON_TREE[operation](tree, "f", Random(seed)) else None


def test_rename_is_consistent_and_leaves_keywords_attributes_and_the_entry() -> None:
    source = "def g(size):\n    return size\n\ndef f(a, key):\n    b = [key for key in a]\n    b.append(g(size=1))\n    return sorted(b, key=abs)"
    for seed in range(30):
        text = changed("SR", source, seed)
        assert text is not None and text != ast.unparse(ast.parse(source))
        assert "def f(" in text and ".append(" in text and "(size=1)" in text
        names: dict[str, object] = {}
        exec(compile(text, "variant", "exec"), names)  # noqa: S102 - our own text
        assert names["f"]([-3, 2], 0) == [1, 2, -3]  # type: ignore[operator]


def test_insert_adds_one_line_that_does_nothing() -> None:
    kinds = set()
    for seed in range(40):
        text, done = eda.insert(SOURCE, Random(seed))
        added = [line.strip() for line in text.splitlines() if line not in SOURCE.splitlines()]
        assert done and len(added) == 1
        kinds.add(added[0].split()[0])
        assert added[0].startswith("# ") or added[0] in ("assert isinstance(count, int)", "assert isinstance(words, list)")
    assert kinds == {"#", "assert"}


@pytest.mark.parametrize(
    ("first", "second", "free"),
    [
        ("a = 1", "b = 2", True),
        ("a = x", "b = x", True),
        ("a = 1", "b = a", False),
        ("a = b", "b = 1", False),
        ("a = 1", "a = 2", False),
        ("a += 1", "b = 2", True),
        ("a += 1", "b = a", False),
        ("a = len(x)", "b = 1", True),
        ("a = g(x)", "b = 1", False),
        ("xs.append(1)", "b = 1", False),
        ("xs[0] = 1", "b = 1", False),
        ("x.y = 1", "b = 1", False),
        ("a = (c := 1)", "b = 2", False),
        ("return a", "b = 1", False),
    ],
)
def test_only_independent_statements_are_swapped(first: str, second: str, free: bool) -> None:
    source = f"def f():\n    {first}\n    {second}"
    assert (changed("RS", source) == f"def f():\n    {second}\n    {first}") == free


@pytest.mark.parametrize(
    ("body", "left"),
    [
        ("return a\n    b = 1", "return a"),
        ("b = 1\n    return a", "return a"),
        ("pass\n    return a", "return a"),
        ("assert isinstance(a, int)\n    return a", "return a"),
        ("b = a\n    return b", None),
        ("assert isinstance(a, str)\n    return a", None),
        ("g()\n    return a", None),
        ("b = g()\n    return a", None),
    ],
)
def test_only_dead_code_is_removed(body: str, left: str | None) -> None:
    assert changed("RD", f"def f(a: int):\n    {body}") == (None if left is None else f"def f(a: int):\n    {left}")


def test_unused_import_is_dead_and_a_used_one_is_not() -> None:
    assert changed("RD", "import math\n\ndef f(a):\n    return a") == "def f(a):\n    return a"
    assert changed("RD", "import math\n\ndef f(a):\n    return math.sqrt(a)") is None


def test_probabilities_decide_which_operations_are_used() -> None:
    assert eda.Probabilities() == eda.Probabilities(0.1, 0.1, 0.1, 0.1)
    only = list(eda.variants(SOURCE, "solve", eda.Probabilities(0, 0, 1, 0), Random(1), 20))
    assert only and {operations for _, operations in only} == {("RS",)}
    counts = Counter(name for _, names in eda.variants(SOURCE, "solve", eda.Probabilities(), Random(1), 400) for name in names)
    assert set(counts) == {"SR", "RI", "RS", "RD"}
    with pytest.raises(UsageError, match="not all 0"):
        eda.Probabilities(0, 0, 0, 0)
    with pytest.raises(UsageError, match="from 0 to 1"):
        eda.Probabilities(sr=1.5)


@pytest.mark.parametrize(
    ("operation", "body"),
    [
        ("rs", "def solve(b: list[int]) -> int:\n    a = b\n    a += [1]\n    n = len(b)\n    return n\n"),  # two names of one list
        ("rd", "class Box:\n    k = 3\n\n    def get(self) -> int:\n        return self.k\n\ndef solve(b: list[int]) -> int:\n    return Box().get()\n"),
        ("rd", "def solve(b: list[int]) -> int:\n    y = 1\n    y += 1\n    return len(b) + 1\n"),
    ],
)
def test_what_names_do_not_tell_is_found_by_the_run(operation: str, body: str) -> None:
    """Neither RS nor RD knows more than names: what they make all the same is a variant only where it behaves as its seed."""
    only = eda.Probabilities(**{name: float(name == operation) for name in ("sr", "ri", "rs", "rd")})
    assert list(eda.variants(body, "solve", only, Random(1), 1))
    program = Program("p", body, "solve", ("ints",), ("([1, 2],)",), ("3",), "random")
    rejects: Counter[str] = Counter()
    with Sandbox() as sandbox:
        assert outcomes(sandbox, program, body, program.inputs) == ["3"]
        maker = augment.Maker(augment.Options(("eda",), probabilities=only), Path(), 1)
        assert maker.variants("eda", program, Random(1), inputs.InputPool(Random(1)), sandbox, Counter(), rejects) == []
    assert set(rejects) == {"eda: it behaves differently"}


def test_a_variant_that_behaves_differently_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = SOURCE.replace("count + 1", "count + 2")
    monkeypatch.setattr(eda, "variants", lambda *_: iter([(wrong, ("SR",))]))
    program = Program("p", SOURCE, "solve", ("int", "strs"), ("(1, ['a'])",), ("(3, '1')",), "random")
    rejects: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    rng = Random(1)
    with Sandbox() as sandbox:
        found = augment.Maker(augment.Options(("eda",)), Path(), 1).variants("eda", program, rng, inputs.InputPool(rng), sandbox, counts, rejects)
    assert found == [] and rejects == {"eda: it behaves differently": 1}
    assert counts == {"eda: programs with fewer, the others were rejected": 1}


def test_template_keeps_everything_but_literals() -> None:
    found = list(template.refilled(SOURCE.replace("+ 1", "+ 12").replace("str(count)", '"key"'), Random(2), 20))
    assert len(found) > 5
    for text, sites in found:
        assert {site.partition(":")[0] for site in sites.split()} <= {"5", "6"}
        assert text.replace("\n", "").count("total") == SOURCE.count("total")
        ast.parse(text)
    assert list(template.refilled("def f(a):\n    return a\n", Random(1), 5)) == []


# -- scores --------------------------------------------------------------------------------------------


def test_quality_of_small_texts() -> None:
    seed = "a = b + 1\n"  # tokens: v0 = b + 1
    assert quality.quality_score("c = b + 1\n", seed) == 1.0  # a renaming is not punished
    assert quality.quality_score(seed, seed) == 0.0  # a copy is worth nothing
    assert quality.quality_score("a = b + 2\n", seed) == pytest.approx(4 / 5)
    assert quality.quality_score("a = b - 2\n", seed) == pytest.approx(3 / 5)
    assert quality.quality_score("a = (\n", seed) == 0.0
    assert quality.quality_score("a = 1\n", "") == 0.0
    assert quality.quality_score("a = b + 1  # note\n", seed) == 1.0


def test_diversity_of_small_batches() -> None:
    assert quality.diversity_score(["a", "b", "a", "c"]) == 0.75
    assert quality.diversity_score(["a"]) == 1.0
    assert quality.diversity_score([]) == 0.0
