"""Grafts balance the categories of the training part: judged by runs, paired with their program, the same for any number of processes."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from automl_codex import augment, generate, inputs, mutate, smote, stages, stats
from automl_codex.sandbox import Job, Sandbox
from automl_codex.split import TRAIN, part_of
from automl_codex.types import BUGGY, CORRECT, Program, Variant
from tests.automl_codex.folders import run, variants

FACTOR = 3


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("smote") / "raw"
    wanted = generate.Options(strategy="swarm", count=50, max_depth=3, seed=9)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stages, "PARTITION", 25)
        stages.run(wanted.stage(folder), wanted.works(), generate.Maker(wanted))
    return folder


@pytest.fixture(scope="module")
def balanced(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("smote") / "balanced"
    assert run("augment", "--input", raw, "--strategy", "smote+mutation", "--eda-factor", FACTOR, "--smote-k", 4, "--output", folder) == 0
    return folder


def by_partition(folder: Path) -> list[list[Variant]]:
    return [list(stages.read(path, Variant)) for path in sorted(folder.glob("part-*"))]


def grafted(folder: Path) -> list[tuple[Variant, Variant]]:
    """Programs with their mutants."""
    found = {row.variant_id: row for row in variants(folder)}
    return [(found[row.parents[0]], row) for row in found.values() if row.kind == "smote" and row.label == BUGGY]


def test_a_graft_is_a_program_and_its_mutant_with_their_lineage(balanced: Path) -> None:
    found = {row.variant_id: row for row in variants(balanced)}
    pairs = grafted(balanced)
    assert len(pairs) > 40 and len(found) == len(variants(balanced))
    assert 2 * len(pairs) == sum(row.kind == "smote" for row in found.values())
    for program, mutant in pairs:
        anchor, neighbour = (found[name] for name in mutant.parents[1:])
        assert (program.kind, program.label, program.category, program.operator) == ("smote", CORRECT, None, "graft")
        assert program.parents == (anchor.seed_id, neighbour.variant_id) and program.seed_id == mutant.seed_id == anchor.seed_id != neighbour.seed_id
        assert (mutant.category, mutant.operator) == (anchor.category, anchor.operator) and neighbour.category == anchor.category
        assert {anchor.kind, neighbour.kind} == {"mutation"}  # no graft of a graft
        assert min(program.quality, mutant.quality) >= augment.MIN_THRESHOLD


def test_the_run_and_the_operator_confirm_every_label(balanced: Path) -> None:
    found = {row.variant_id: row for row in variants(balanced)}
    with Sandbox() as box:
        for program, mutant in grafted(balanced):
            given = [inputs.parse(literal) for literal in (*mutant.inputs, str(mutant.witness))]
            right, wrong = box.run([Job(text, mutant.entry, given) for text in (program.source, mutant.source)])
            assert (right[-1], wrong[-1]) == (mutant.expected, mutant.actual) and right[-1] != wrong[-1]
            assert (tuple(right[:-1]), tuple(wrong[:-1])) == (program.outcomes, mutant.outcomes)
            assert any(not outcome.startswith("!") for outcome in program.outcomes)
            anchor = found[mutant.parents[1]]
            assert str(anchor.actual).startswith("!") == wrong[-1].startswith("!")
            only = {mutant.operator: mutate.OPERATORS[mutant.operator]}
            assert mutant.source in {made.source for made in mutate.mutants(program.source, only) if made.site == mutant.site}


def test_only_the_training_part_takes_and_gives(balanced: Path) -> None:
    found = {row.variant_id: row for row in variants(balanced)}
    assert {part_of(row.seed_id) for row in found.values() if row.kind == "mutation"} > {TRAIN}
    for _, mutant in grafted(balanced):
        assert {part_of(found[name].seed_id) for name in mutant.parents} == {TRAIN}


def test_categories_grow_to_the_largest_or_to_the_factor(balanced: Path) -> None:
    manifest = stages.manifest_of(balanced)
    exact = 0
    for partition, told in zip(by_partition(balanced), manifest["partitions"], strict=True):
        train = [row for row in partition if row.label == BUGGY and part_of(row.seed_id) == TRAIN]
        before, added = (Counter(row.category for row in train if row.kind == kind) for kind in ("mutation", "smote"))
        largest = max(before.values())
        for category, samples in before.items():
            assert added[category] <= min(largest - samples, FACTOR * samples)
            assert told["counts"][f"smote {category}: short of the largest"] == largest - samples - added[category]
            exact += samples < largest == samples + added[category]
        assert max(Counter(row.parents[1] for row in train if row.kind == "smote").values()) <= FACTOR
    assert exact > 0  # the factor does not bind everywhere


def test_result_is_the_same_for_any_number_of_processes_and_order_of_names(balanced: Path, raw: Path, tmp_path: Path) -> None:
    common = ("augment", "--input", raw, "--eda-factor", FACTOR, "--smote-k", 4, "--output", tmp_path / "two", "--parallel", 2)
    assert run(*common, "--strategy", "smote+mutation") == 0
    assert [p.read_bytes() for p in sorted((tmp_path / "two").iterdir())] == [p.read_bytes() for p in sorted(balanced.iterdir())]


def test_stats_has_the_acceptance_and_the_balance(balanced: Path, capsys: pytest.CaptureFixture[str]) -> None:
    manifest = stages.manifest_of(balanced)
    kept, judged = stats.acceptance(manifest["counts"], manifest["rejects"])
    assert kept == len(grafted(balanced)) and judged == kept + sum(n for reason, n in manifest["rejects"].items() if reason.startswith("smote: "))
    assert run("stats", balanced) == 0
    out = capsys.readouterr().out
    assert f"  grafts: {kept:,} of {judged:,} were accepted, {100 * kept / judged:.1f} %\n" in out and max(map(len, out.splitlines())) <= 80 + len(
        str(balanced)
    )
    for category, (samples, grafts, short) in stats.balance(manifest["counts"]).items():
        assert [category, f"{samples:,}", f"{samples + grafts:,}", f"{short:,}"] in [line.split() for line in out.splitlines()]
    assert any(line.split()[:1] == ["smote"] and line.split()[-1] == ".80–.90" for line in out.splitlines())


def test_the_command_of_the_specification_says_that_there_is_nothing_to_balance(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("generate", "--count", 6, "--max-depth", 3, "--output", tmp_path / "raw") == 0
    capsys.readouterr()
    command = ("augment", "--input", tmp_path / "raw", "--strategy", "eda+smote", "--eda-factor", 5, "--smote-k", 5, "--quality-threshold", 0.75)
    assert run(*command, "--output", tmp_path / "augmented") == 0
    said = capsys.readouterr()
    assert said.err.startswith(
        "smote balances the categories of mutants, and without mutation there are none: it adds nothing here; take --strategy eda+mutation+smote"
    )
    assert "smote: partitions without a category" in said.out
    assert Counter(row.kind for row in variants(tmp_path / "augmented")).keys() == {"original", "eda"}


# -- by hand -------------------------------------------------------------------------------------------

TRAINING = [name for name in (f"seed-{number}" for number in range(60)) if part_of(name) == TRAIN]
BODY = "def f(n: int, m: int) -> int:\n    {}\n    return total + (n * 3 + {} - m // 4) * 2 + (m * {} - n % 7) * 5\n"


def family(seed: str, number: int, line: str, operator: str) -> list[Variant]:
    """A program and a mutant of it, judged by a run."""
    source = BODY.format(line, 20 + number, 40 + number)
    literals = ("(3, 5,)", "(8, 2,)")
    program = Program(seed, source, "f", ("int", "int"), literals, ("", ""), "random")
    made = next(mutate.mutants(source, {operator: mutate.OPERATORS[operator]}))
    arguments = [inputs.parse(literal) for literal in literals]
    with Sandbox() as box:
        expected, actual = box.run([Job(text, "f", arguments) for text in (source, made.source)])
    first = replace(augment.original(program), outcomes=tuple(expected))
    mutant = replace(
        first,
        variant_id=f"{seed}-mutation-0",
        parents=(seed,),
        kind="mutation",
        operator=operator,
        site=made.site,
        source=made.source,
        category=str(made.category),
    )
    return [first, augment.judge(mutant, literals, expected, actual)]


def sample(common: int, rare: int) -> list[Variant]:
    """So many faults of logic, and so many arguments in the wrong order, a seed each."""
    found = [row for n, seed in enumerate(TRAINING[:common]) for row in family(seed, n, "total = n - m", "AOR")]
    return found + [row for n, seed in enumerate(TRAINING[common : common + rare]) for row in family(seed, n, "total = pow(n, m)", "swapped_arguments")]


def balance(given: list[Variant], k: int = 5, factor: int = 5, seed: int = 1) -> tuple[list[Variant], Counter[str], Counter[str]]:
    counts, rejects = Counter[str](), Counter[str]()
    with Sandbox() as box:
        made = smote.DefectSmote(k, factor, 0.75).balance(given, Random(seed), box, counts, rejects)
    return made, counts, rejects


def test_defaults_are_those_of_the_specification() -> None:
    assert smote.DefectSmote() == smote.DefectSmote(k_neighbors=5, factor=5, quality_threshold=0.75)
    assert augment.Options.of("eda+smote", 5, 0.75) == augment.Options(("eda", "smote"), factor=5, quality_threshold=0.75, smote_k=5)


def test_the_rare_category_is_brought_to_the_largest() -> None:
    made, counts, _ = balance(sample(9, 6))
    assert [row.category for row in made if row.label == BUGGY] == ["ApiMisuse"] * 3
    assert counts["smote ApiMisuse: samples"] == 6 and counts["smote ApiMisuse: grafts"] == 3 and counts["smote ApiMisuse: short of the largest"] == 0
    assert counts["smote LogicErrors: grafts"] == 0
    assert "smote ApiMisuse: partitions with fewer than k + 1 samples" not in counts
    assert balance(sample(9, 6))[0] == made != balance(sample(9, 6), seed=2)[0]


def test_with_fewer_than_k_and_one_samples_there_are_fewer_neighbours_and_a_count_of_it() -> None:
    made, counts, _ = balance(sample(8, 3))
    assert counts["smote ApiMisuse: partitions with fewer than k + 1 samples"] == 1 and len(made) == 2 * 5


def test_a_single_sample_has_no_neighbour_and_is_skipped() -> None:
    made, counts, rejects = balance(sample(4, 1))
    assert made == [] and not rejects
    assert counts["smote ApiMisuse: partitions without a neighbour"] == 1 and counts["smote ApiMisuse: short of the largest"] == 3


def test_the_factor_bounds_the_grafts_of_a_sample() -> None:
    made, counts, _ = balance(sample(9, 2), factor=2)
    assert Counter(row.parents[1] for row in made if row.label == BUGGY) == {f"{seed}-mutation-0": 2 for seed in TRAINING[9:11]}
    assert counts["smote ApiMisuse: short of the largest"] == 3


def test_without_labels_nothing_is_added() -> None:
    made, counts, _ = balance([row for row in sample(3, 2) if row.kind == "original"])
    assert made == [] and counts == {"smote: partitions without a category": 1, "smote: correct": 0, "smote: buggy": 0}


def test_neighbours_are_nearest_of_other_seeds() -> None:
    texts = ["x = a + 1", "x = a + 2", "x = a + 2 * b", "f(a)[1:2]", "x = a + 1"]
    base = sample(1, 0)[1]
    samples = [replace(base, variant_id=str(n), seed_id=f"s{0 if n == 4 else n}", source=text) for n, text in enumerate(texts)]
    assert smote.neighbours(samples, 2) == [[1, 2], [0, 4], [0, 1], [0, 1], [1, 2]]  # of equally near ones the first row
    assert smote.neighbours(samples, 9)[0] == [1, 2, 3]  # neither itself nor its own seed
    assert smote.neighbours(samples[:1], 5) == [[]]


@pytest.mark.parametrize(
    ("right", "wrong", "reason"),
    [
        (["1", "2", "7"], ["1", "2", "8"], None),
        (["1", "!KeyError", "7"], ["1", "2", "8"], None),
        (["1", "2", "7"], ["1", "2", "7"], "the fault no longer shows on its input"),
        (["1", "2", "7"], ["1", "2", "!KeyError"], "the fault shows itself in another way"),
        (["1", "2", "!KeyError"], ["1", "2", "7"], "the fault shows itself in another way"),
        (["!KeyError", "!KeyError", "7"], ["1", "2", "8"], "an exception on every input"),
        (["?timeout"], ["1", "2", "8"], "it does not run in the sandbox"),
        (["1", "2", "7"], ["?crash -9"], "it does not run in the sandbox"),
    ],
)
def test_what_the_runs_must_say(right: list[str], wrong: list[str], reason: str | None) -> None:
    anchor = replace(sample(1, 0)[1], expected="3", actual="4")
    assert smote.refused(anchor, right, wrong) == reason


def test_an_exception_must_stay_that_exception() -> None:
    anchor = replace(sample(1, 0)[1], expected="3", actual="!KeyError")
    assert smote.refused(anchor, ["1", "3"], ["1", "!KeyError"]) is None
    assert smote.refused(anchor, ["1", "3"], ["1", "!TypeError"]) == "the fault shows itself in another way"
