"""The ablations of docs/ablations.md: figures by hand, settings that hold what they say, and the document."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from automl_codex import examples, kinds
from automl_codex.examples import Example
from automl_codex.kinds import Read, Taught
from benchmarks import ablations
from codex_gate.taxonomy import KINDS
from codex_gate.types import Commit, FileChange

LEAK, LOGIC, NONE = (KINDS.index(name) for name in ("ResourceLeaks", "LogicErrors", "none"))


def commit(message: str) -> Commit:
    change = FileChange("src/a.py", "src/a.py", "M", 0o100644, 0o100644, "1" * 40, "2" * 40, 1, 1, b"@@ -1 +1 @@\n-x = 1\n+x = 2")
    return Commit("0" * 40, ("1" * 40,), "ada", 0, 0, message, (change,))


def corpus(n: int = 12) -> Read:
    said = ((LEAK, "fix leak"), (LOGIC, "fix wrong sum"), (NONE, "rename it"))
    return Read.of([(commit(said[k % 3][1]), f"acme/r{k % 4}", KINDS[said[k % 3][0]]) for k in range(n)])


def test_figures_by_hand() -> None:
    judged = ablations.Test(corpus(6))  # a leak, a wrong sum, none; twice
    shares = np.zeros((6, 19))
    shares[[0, 1, 3, 4], LEAK] = 0.6  # everything is a leak, and what is none is sure to be none
    shares[:, NONE] = [0.4, 0.4, 1, 0.4, 0.4, 1]
    accuracy, macro, auc = judged.figures(shares, np.ones(6))
    assert accuracy == 0.5 and macro == pytest.approx((2 * 2 / 6 + 0) / 2) and auc == 1.0
    assert judged.figures(shares, np.array([2.0, 0, 1, 1, 1, 1]))[0] == 0.75


def test_settings_hold_what_their_names_say() -> None:
    found = corpus()
    rows = [np.array([number]) for number in range(6)]
    by = [ablations.MUTANTS] * 2 + [ablations.GRAFTS] * 3 + [ablations.VARIANTS]
    made = (rows, np.array([LEAK] * 5 + [NONE]), by)
    one = Taught(("f" * 40,), np.array(["acme/z"]), (np.array([1]),), np.ones((1, 19)) / 19, np.ones((1, 19)) / 19)
    told = ablations.settings(found, made, {"teacher one alone": one})
    sizes = {name: len(kept) for name, ((kept, _), _) in told.items()}
    assert sizes == {
        "commits that were read": 12, "… and unread ones by teacher one alone": 12, "… and 6 generated changes": 18, "… and 2 of them, mutants both ways": 14,
        "… and 3 of them, grafts of mutants both ways": 15, "… and 1 of them, variants (eda, template)": 13, "… and 6 copies at random, kinds alike": 18,
        "… and 3 copies at random, kinds alike": 15, "… and 2 copies at random, kinds alike": 14, "… and 1 copies at random, kinds alike": 13, "generated changes alone": 6,
    }  # fmt: skip
    assert all(len(kept) == len(about) for (kept, about), _ in told.values())
    assert [taught for _, taught in told.values() if taught is not None] == [one]


def test_generated_changes_are_parted_by_what_made_them(tmp_path: Path) -> None:
    rows = [
        Example(f"seed-{name}", "s", "train", "program.py", "a = b", f"a = {number}", "", defect, category)
        for number, (name, defect, category) in enumerate(
            [
                ("mutation-0:back", "correct", "LogicErrors"),
                ("mutation-0-smote-0-mutant:python", "buggy", "ApiMisuse"),
                ("eda-0:python", "correct", "none"),
                ("o:rust", "buggy", "TypeErrors"),
            ]
        )
    ]
    examples.write_rows(tmp_path / examples.ROWS, rows)
    _, about, by = ablations.synthetic([tmp_path])
    assert by == [ablations.MUTANTS, ablations.GRAFTS, ablations.VARIANTS]
    assert [KINDS[kind] for kind in about] == ["LogicErrors", "ApiMisuse", "none"]


def test_smote_lies_between_neighbours_of_a_kind_and_mixup_between_any_two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kinds, "BUCKETS", 64)
    few = Read.of([(commit(f"fix leak {k}"), "acme/a", "ResourceLeaks") for k in range(7)] + [(commit("rename it"), "acme/b", "none") for _ in range(20)])
    more = ablations.smote(few, 6)
    assert more.x.shape[0] == 33 and (more.kinds[27:] == LEAK).all()  # up to 13 leaks
    added = more.x.toarray()[27:]
    whole = more.x.toarray()[:7]
    assert all(row.min() >= 0 and (row <= whole.max(0) + 1e-9).all() and (row >= whole.min(0) - 1e-9).all() for row in added)
    blended = ablations.mixup(few, 10)
    assert blended.x.shape[0] == 27 + 20 and blended.weights[27:].sum() == pytest.approx(10)
    assert blended.weights[27:37] + blended.weights[37:] == pytest.approx(np.ones(10))
    assert (blended.x[27:37] != blended.x[37:]).nnz == 0


def test_terms_are_left_out_by_their_kind() -> None:
    given = commit("fix leak")
    every = set(ablations.buckets(given, lambda term: True))
    for name, kept in ablations.WITHOUT.items():
        assert set(ablations.buckets(given, kept)) < every, name


def test_terms_of_the_code_say_whether_there_are_more_or_fewer() -> None:
    change = FileChange("a.py", "a.py", "M", 0o100644, 0o100644, "1" * 40, "2" * 40, 1, 1, b"@@ -1 +1 @@\n-a == oldName\n+a == b")
    told = ablations.code_terms(Commit(None, (), "a", 0, 0, None, (change,)))
    assert sorted(told) == sorted(["c:a", "c:==", "c:b", "+b", "c:old", "-old", "c:name", "-name"])


def test_the_document_has_a_row_for_each_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kinds, "BUCKETS", 64)
    monkeypatch.setattr(ablations, "DRAWS", 20)
    found = corpus(24)
    judged = ablations.Test(corpus())
    shares = ablations.measured(found, judged, ([], np.zeros(0, np.int64), []), {})
    text = ablations.document(judged, shares, 24)
    vectors = ["… and 24 by SMOTE of vectors", "… and 24 by MixUp of vectors"]
    assert list(shares) == ["commits that were read", *vectors, *ablations.WITHOUT, ablations.WITH_CODE]
    assert "learned from 24 commits that were read, judged on 12 commits of 4 repositories" in text
    assert sum(line.startswith(tuple(f"| {name} |" for name in shares)) for line in text.splitlines()) == len(shares)
    assert "| commits that were read | 1.000 (1.000 to 1.000) | – |" in text


def test_what_is_missing_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ablations.main(["--clones", str(tmp_path), "--output", str(tmp_path / "o.md")]) == 2
    assert "is missing; clone" in capsys.readouterr().err and not (tmp_path / "o.md").exists()
