"""The audit of labels: the draw is SZZ's and repeats, decoys are others' commits, the sheet does not tell, the document counts what was said."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from automl_codex import mine
from benchmarks import audit, reading
from codex_gate.errors import UsageError
from tests.conftest import START, Node, Repo

CORPUS = """projects:
  - {{project: made, repository: own/made, clone: own/made, head: {head}, until: {until}, role: train{more}}}
"""


def history(repo: Repo, faults: int) -> dict[str, str]:
    """`faults` functions of one file, each brought, then repaired; fix → the commit that brought what it repairs."""
    lines, nodes = ["import os"], [Node({"code.py": "import os\n"}, message="start")]
    for i in range(faults):
        lines += [f"def function_{i}(value):", f"    return value + {i} / divisor_{i}"]
        nodes.append(Node({"code.py": "\n".join(lines) + "\n"}, [len(nodes) - 1], time=START + len(nodes), message=f"add function {i}"))
    for i in range(faults):
        lines[2 * i + 2] = f"    return value + {i} / (divisor_{i} or 1)"
        nodes.append(Node({"code.py": "\n".join(lines) + "\n"}, [len(nodes) - 1], time=START + len(nodes), message=f"fix: division by zero in function {i}"))
    _, *shas = repo.build(nodes)
    return dict(zip(shas[faults:], shas[:faults], strict=True))


def projects(repo: Repo, tmp_path: Path, seed: int, until: str = "2100-01-01", more: str = "") -> dict[str, audit.Project]:
    (tmp_path / "clones").mkdir(exist_ok=True)
    link = tmp_path / "clones" / "own+made"
    if not link.exists():
        link.symlink_to(repo.path)
    (tmp_path / "corpus.yaml").write_text(CORPUS.format(head=repo.head(), until=until, more=more))
    return audit.opened(mine.read_corpus(tmp_path / "corpus.yaml"), tmp_path / "clones", random.Random(seed))


def test_pairs_are_what_szz_accuses_and_decoys_are_not(repo: Repo, tmp_path: Path) -> None:
    truth = history(repo, 20)
    pairs = audit.drawn(projects(repo, tmp_path, 1), 17, random.Random(1), {"python": ("made",)})
    assert [p.number for p in pairs] == list(range(1, 21))
    assert sorted(p.kind for p in pairs) == ["decoy"] * 3 + ["pair"] * 17
    assert len({p.fix for p in pairs}) == 20
    assert all((truth[p.fix] == p.candidate) == (p.kind == "pair") for p in pairs)
    older = {p.fix: set(repo.git("rev-list", "--min-parents=1", f"{p.fix}^", "--", "code.py").split()) for p in pairs}
    assert all(p.candidate in older[p.fix] for p in pairs)


def test_a_seed_repeats_its_draw_and_another_does_not(repo: Repo, tmp_path: Path) -> None:
    history(repo, 20)
    one, same, other = (audit.drawn(projects(repo, tmp_path, seed), 17, random.Random(seed), {"python": ("made",)}) for seed in (1, 1, 2))
    assert one == same != other


def test_no_fix_after_the_end_of_labels_is_drawn(repo: Repo, tmp_path: Path) -> None:
    history(repo, 3)
    assert projects(repo, tmp_path, 1, until="2001-01-01")["made"].fixes == ()
    with pytest.raises(UsageError, match="made has 0 fixes that accuse a commit in python; expected 2"):
        audit.draw(projects(repo, tmp_path, 1, until="2001-01-01")["made"], "python", 2, 0, random.Random(1))


def test_labels_from_outside_are_refused(repo: Repo, tmp_path: Path) -> None:
    history(repo, 1)
    with pytest.raises(UsageError, match="expected a project labelled by SZZ"):
        projects(repo, tmp_path, 1, more=", labels: other.csv")


def test_the_sheet_shows_both_commits_and_not_the_key(repo: Repo, tmp_path: Path) -> None:
    truth = history(repo, 3)
    fix, inducing = next(iter(truth.items()))
    project = projects(repo, tmp_path, 1)["made"]
    shown = {kind: audit.sheet(audit.Pair(7, kind, "python", "made", "own/made", "deleted", fix, inducing), project.repo) for kind in ("pair", "decoy")}
    assert shown["pair"] == shown["decoy"]
    assert "=== 7 own/made" in shown["pair"]
    assert "fix: division by zero in function 0" in shown["pair"]
    assert "+    return value + 0 / divisor_0" in shown["pair"]


def test_a_long_diff_is_cut_to_the_hunks_that_the_other_commit_shares() -> None:
    far = [["-- a.py @@ -1", *(f"+filler {i} {j}" for j in range(30))] for i in range(5)]
    near = ["-- a.py @@ -900", "+the shared line"]
    lines = audit._nearest([*far, near], [["-- a.py @@ -5", "-the shared line"]])
    assert "+the shared line" in lines
    assert len(lines) == audit.LINES + 1
    assert lines[-1] == f"-- {5 * 31 + 2 - audit.LINES} lines more"


@pytest.fixture
def judged(tmp_path: Path) -> Callable[[str], list[str]]:
    """Ten pairs (number 1 to 8 pairs, 9 and 10 decoys) and the command run on verdicts given as text."""
    key, verdicts, output = tmp_path / "pairs.csv", tmp_path / "verdicts.csv", tmp_path / "audit.md"
    audit.write_pairs(
        (audit.Pair(n, "pair" if n < 9 else "decoy", "go" if n % 2 else "c", "p", "o/p", "deleted", "a" * 40, "b" * 40) for n in range(1, 11)), key
    )

    def run(text: str) -> list[str]:
        verdicts.write_text("number,verdict,class,reason\n" + text)
        assert audit.main(["tally", "--key", str(key), "--verdicts", str(verdicts), "--output", str(output), "--day", "2026-01-02"]) == 0
        return output.read_text().splitlines()

    return run


def test_unsure_counts_as_wrong_and_every_class_has_its_size(judged: Callable[[str], list[str]]) -> None:
    lines = judged(
        "".join(f"{n},right,,because\n" for n in range(1, 7))
        + "7,wrong,older,because\n8,unsure,unclear,because\n9,wrong,unrelated,because\n10,right,,because\n"
    )
    assert "| **pairs that are right** (unsure counts as wrong) | 75% [41%, 93%] | 6 of 8 |" in lines
    assert "| of the pairs that the reader was sure of | 86% [49%, 97%] | 6 of 7 |" in lines
    assert "| right, `older` or `moved`: blame found the lines, if not the cause | 88% [53%, 98%] | 7 of 8 |" in lines
    assert "| **decoys caught** (not called right) | 50% [9%, 91%] | 1 of 2 |" in lines
    assert "| `older` | 12% [2%, 47%] | 1 of 8 | 0 |" in lines
    assert "| `unrelated` | 0% [0%, 32%] | 0 of 8 | 1 |" in lines
    assert "| go | p | 75% [30%, 95%] | 3 of 4 | 0 |" in lines
    assert any("10 of 10 drawn were judged, 8 pairs and 2 decoys. Must 70%, aim 85%: the must is met, the aim is not." in line for line in lines)


def test_what_was_not_judged_is_not_counted(judged: Callable[[str], list[str]]) -> None:
    lines = judged("1,wrong,moved,because\n")
    assert any("1 of 10 drawn were judged, 1 pairs and 0 decoys. Must 70%, aim 85%: the must is not met." in line for line in lines)
    assert "| **decoys caught** (not called right) | – | 0 of 0 |" in lines


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds no verdicts"),
        ("1,right\n", "a reason of 0 characters"),
        ("11,right,,because\n", "'11' was not drawn"),
        ("1,right,,because\n1,right,,because\n", "'1' is judged twice"),
        ("1,good,,because\n", "verdict 'good'"),
        ("1,wrong,,because\n", "class ''"),
        ("1,right,older,because\n", "class 'older'"),
        ("1,right,,\n", "a reason of 0 characters"),
        (f"1,right,,{'x' * 101}\n", "a reason of 101 characters"),
    ],
)
def test_a_verdict_outside_the_guide_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, said: str) -> None:
    audit.write_pairs([audit.Pair(1, "pair", "go", "p", "o/p", "deleted", "a" * 40, "b" * 40)], tmp_path / "pairs.csv")
    (tmp_path / "verdicts.csv").write_text("number,verdict,class,reason\n" + text)
    options = ["--key", str(tmp_path / "pairs.csv"), "--verdicts", str(tmp_path / "verdicts.csv"), "--output", str(tmp_path / "out.md"), "--day", "2026-01-02"]
    assert audit.main(["tally", *options]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out.md").exists()


def test_agreement_of_two_readers_is_that_of_a_table_by_hand() -> None:
    # 4 both right, 3 both not, 1 and 2 apart: 7 of 10 alike, by chance .5 * .6 + .5 * .4 = .5
    def said(rights: str) -> list[audit.Verdict]:
        return [audit.Verdict(n, "right" if one == "r" else "wrong", "" if one == "r" else "older", "x") for n, one in enumerate(rights, 1)]

    key = {n: audit.Pair(n, "pair" if n < 9 else "decoy", "go", "p", "o/p", "deleted", "a" * 40, "b" * 40) for n in range(1, 11)}
    found = audit.compared(key, said("rrrrrwwwww"), said("rrrrwrrwww"))
    assert found == reading.Compared(numbers=10, same=7, kappa=pytest.approx(0.4), pairs=8, right=6, first=5, decoys=2, caught=2)  # type: ignore[arg-type]
    assert audit.compared(key, said("r"), []).numbers == 0


def test_a_goal_is_met_only_where_further_readers_reach_it_too(judged: Callable[[str], list[str]], tmp_path: Path) -> None:
    (tmp_path / "reader-2.csv").write_text("number,verdict,class,reason\n1,right,,because\n2,wrong,older,because\n9,wrong,unrelated,because\n")
    lines = judged("".join(f"{n},right,,because\n" for n in range(1, 9)) + "9,wrong,unrelated,because\n")
    assert any("Must 70%, aim 85%: the must is not met. A goal counts as met only" in line for line in lines)
    assert "| this | 2 | 50% [9%, 91%] | 1 of 2 | 2 | 2 of 3 (67%) | 0.40 | 1 of 1 |" in lines
    assert "| **pairs that are right** (unsure counts as wrong) | 100% [68%, 100%] | 8 of 8 |" in lines
