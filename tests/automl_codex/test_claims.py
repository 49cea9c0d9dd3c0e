"""What people said, held against later fixes: whom it is about, what it changes, and that nobody lowers a risk by it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from automl_codex import blend, claims, cli, retrain, train
from automl_codex.claims import Claims
from automl_codex.tables import Dataset, hash_sha
from codex_gate.errors import UsageError
from codex_gate.feedback import row
from codex_gate.model import FOREST_FILE, MANIFEST
from codex_gate.types import Dispute, Mark
from tests.automl_codex.retraining import command, of
from tests.automl_codex.synthetic import dataset
from tests.conftest import DAY, START, Node, Repo


def table(shas: list[str], y: list[int]) -> Dataset:
    n = len(shas)
    some = dataset(10)
    return Dataset(some.X[:n], np.array(y, np.int8), np.arange(n), np.full(n, np.nan), np.full(n, "alpha"), np.array([hash_sha(sha) for sha in shas]))


@pytest.fixture
def history(make_repo) -> tuple[Repo, list[str]]:
    """0 start · 1 a squashed pull request · 2 and 3 a branch, 4 its merge · 5 a line with a mark on it."""
    made = make_repo()
    nodes = [
        Node({"a.c": "int a;\n"}, time=START),
        Node({"b.c": "int b;\n"}, (0,), time=START + DAY, message="add b (#12)\n\nSee #13"),
        Node({"c.c": "int c;\n"}, (1,), time=START + 2 * DAY, message="c"),
        Node({"c.c": "int c, d;\n"}, (2,), time=START + 3 * DAY, message="d (#99)"),
        Node({"c.c": "int c, d;\n"}, (1, 3), time=START + 4 * DAY, message="Merge pull request #14 from bob/c\n\nc and d"),
        Node({"a.c": "int a;\nrun(x);  // codex-gate: ignore[ours]\n"}, (4,), time=START + 5 * DAY, message="run"),
    ]
    return made, made.build(nodes)


# -- reading ---------------------------------------------------------------------------------------------


def test_what_feedback_writes_is_read(tmp_path: Path) -> None:
    said = [Dispute(7, "c" * 40, "high", 0.41), Mark("src/ä ##[error]\t.py", 3, "no user")]
    path = tmp_path / "feedback.jsonl"
    path.write_text("\n" + "".join(f"{row(claim)}\n" for claim in said))
    assert claims.read(path) == [replace_risk(said[0]), said[1]]


def replace_risk(claim: Dispute) -> Dispute:
    return claim._replace(risk=None)  # what the model said then is not needed


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{\n", "line 1: no claim as codex-gate feedback writes it (JSONDecodeError"),
        ("\n[]\n", "line 2: no claim as codex-gate feedback writes it (TypeError"),
        ('{"kind": "dispute"}', "(KeyError: 'pull')"),
        ('{"kind": "dispute", "pull": "7", "sha": "", "level": ""}', "expected kind dispute with a pull request, or kind mark with a line"),
        ('{"kind": "mark", "path": "a", "line": 0, "reason": ""}', "expected kind dispute with a pull request"),
        ('{"kind": "love"}', "expected kind dispute with a pull request"),
        ("[" * 100_000, "line 1: no claim"),
    ],
)
def test_a_line_that_is_no_claim_is_named_before_the_work(text: str, words: str, tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(retrain, "history", lambda *_: pytest.fail("mined for nothing"))
    path = tmp_path / "feedback.jsonl"
    path.write_text(text)
    arguments = ["retrain", "--output", str(tmp_path / "models"), "--andon-log", str(tmp_path / "a"), "--feedback"]
    assert cli.main([*arguments, str(path)]) == 2
    said = capsys.readouterr().err
    assert words in said and said.count("\n") == 1
    assert cli.main([*arguments, str(tmp_path / "none")]) == 2
    assert "make it with codex-gate feedback --output" in capsys.readouterr().err


def test_a_huge_file_is_no_feedback(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(claims, "MAX_BYTES", 10)
    (tmp_path / "f").write_text(" " * 11)
    with pytest.raises(UsageError, match="is larger than 0 MiB"):
        claims.read(tmp_path / "f")


# -- whom it is about --------------------------------------------------------------------------------------


def test_a_dispute_is_about_the_commits_of_its_pull_request(history: tuple[Repo, list[str]]) -> None:
    made, shas = history
    data = table(shas, [0, 1, 0, 1, 0, 0])
    said = [Dispute(12, "f" * 40, "high", None), Dispute(14, shas[3], "high", None), Dispute(13, "e" * 40, "high", None)]
    found = claims.found(said, made.open(), shas[-1], data)
    assert found.disputed.tolist() == [False, True, True, True, True, False]  # 13 is only spoken of, and 99 is no pull request of the line
    assert (found.n_disputes, found.n_marks, found.lost) == (3, 0, 1)
    assert found.emphasis(data.y).tolist() == [1, 2, 1, 2, 1, 1]
    assert claims.report(found, data) == {"disputes": 3, "marks": 0, "about_no_row": 1, "rows": 4, "refuted": 2, "borne_out": 2}


MARK = "// codex-gate: ignore[fine]"


@pytest.mark.parametrize(
    ("before", "after", "brought"),
    [
        ("run(x);\n", f"run(x);  {MARK}\n", 1),  # a mark behind a line that was there
        ("run(x);\n", f"  run(x);\t{MARK}\n", 1),  # laid out anew too
        ("run(x);\n", f"run(y);  {MARK}\n", 2),  # another line
        ("run(x);\n", f"run(x);\nrun(z);  {MARK}\n", 2),  # a new one
        ("run(x);  // why\n", f"run(x);  {MARK}\n", 2),  # more than a mark is another line
        ("", f"run(x);  {MARK}\n", 2),
    ],
)
def test_who_put_a_mark_behind_a_line_did_not_bring_it(make_repo, before: str, after: str, brought: int) -> None:
    made = make_repo()
    texts = ["int a;\nint z;\n", f"int a;\n{before}int z;\n", f"int a;\n{after}int z;\n"]
    shas = made.build([Node({"a.c": text}, (at - 1,) if at else (), time=START + at * DAY) for at, text in enumerate(texts)])
    line = 1 + texts[2].splitlines().index(next(one for one in texts[2].splitlines() if "codex-gate" in one))
    found = claims.found([Mark("a.c", line, "fine")], made.open(), shas[2], table(shas, [0, 0, 0]))
    assert found.marked.tolist() == [at == brought for at in range(3)]


def test_who_words_a_mark_anew_did_not_bring_its_line_either(make_repo) -> None:
    made = make_repo()
    lines = ["", "int b;\n", "int b;  // codex-gate: ignore[x]\n", "int b;  // codex-gate: ignore[a better reason]\n"]
    shas = made.build([Node({"a.c": f"int a;\n{line}int z;\n"}, (at - 1,) if at else (), time=START + at * DAY) for at, line in enumerate(lines)])
    found = claims.found([Mark("a.c", 2, "a better reason")], made.open(), shas[3], table(shas, [0] * 4))
    assert found.marked.tolist() == [False, True, False, False]


def test_a_mark_is_about_the_commit_that_brought_its_line(history: tuple[Repo, list[str]]) -> None:
    made, shas = history
    said = [Mark("a.c", 2, "ours"), Mark("a.c", 9, "gone"), Mark("gone.c", 1, "gone"), Mark("../x", 1, "no"), Mark("-x", 1, "no")]
    found = claims.found(said[:1], made.open(), shas[-1], table(shas, [0, 0, 0, 0, 0, 1]))
    assert found.marked.tolist() == [False] * 5 + [True] and found.lost == 0
    found = claims.found(said, made.open(), shas[-1], table(shas[:5], [0] * 5))
    assert not found.rows.any() and found.lost == 5


@pytest.fixture
def repo(make_repo) -> Repo:
    made = make_repo("other")
    made.write("src/a.c", "int a;\n")
    made.commit("start", date=START)
    return made


# -- what it changes ---------------------------------------------------------------------------------------


def feedback(path: Path, data: Dataset, monkeypatch: pytest.MonkeyPatch, mask: np.ndarray) -> Path:
    """A file, and the rows that its claims turn out to be about."""
    path.write_text(row(Dispute(7, "c" * 40, "high", 0.41)) + "\n")
    monkeypatch.setattr(claims, "found", lambda *_: Claims(mask, np.zeros(len(data), bool), 1, 0, 0))
    return path


def test_claims_that_were_borne_out_change_not_a_byte(repo, known, shipped: Path, tmp_path: Path, monkeypatch) -> None:
    """An author who disputes and marks all of their harmless changes lowers nothing, of theirs or of others."""
    data = known(of("alpha"))
    asked = retrain.Asked(repo.open(), tmp_path / "models", shipped)
    before = retrain.make(asked, date(2026, 1, 1), lambda _: None)
    path = feedback(tmp_path / "f.jsonl", data, monkeypatch, np.asarray(data.y == 0))
    after = retrain.make(replace(asked, feedback=path), date(2026, 1, 1), lambda _: None)
    manifests = [json.loads(made.files[MANIFEST]) for made in (before, after)]
    assert before.files[FOREST_FILE] == after.files[FOREST_FILE]
    assert manifests[0]["calibration"] == manifests[1]["calibration"] and manifests[0]["version"] == manifests[1]["version"]
    assert after.report["feedback"] | {"changed": False, "refuted": 0} == after.report["feedback"]


@pytest.mark.parametrize("kind", ["disputed", "marked"])
@pytest.mark.parametrize("seed", range(5))
def test_claims_of_one_author_never_lower_their_later_scores(seed: int, kind: str) -> None:
    data = of("alpha", 1200)
    rng = np.random.default_rng(seed)
    mine, later = rng.random(len(data)) < 0.3, np.arange(len(data)) >= 0.8 * len(data)
    said = replace(Claims.none(len(data)), **{kind: mine & ~later})  # they call all of their earlier changes harmless
    recipe = blend.own_recipe(train.SHIPPED_NAMES, 40, seed)
    known_rows, rows = data.where(~later), train.encode(data.where(later & mine), recipe.names)
    without, with_ = (train.score(train.fit(known_rows, known_rows.y, recipe, weight), rows) for weight in (None, said.emphasis(data.y)[~later]))
    assert with_.mean() > without.mean()


def test_refuted_claims_count_twice_and_the_report_says_what_that_changed(
    repo,
    known,
    shipped: Path,
    tmp_path: Path,
    monkeypatch,
    capsys,
) -> None:
    data = known(of("alpha"))
    path = feedback(tmp_path / "f.jsonl", data, monkeypatch, np.arange(len(data)) % 3 == 0)
    assert cli.main([*command(repo, tmp_path / "models", shipped), "--feedback", str(path)]) == 0
    said = " ".join(capsys.readouterr().out.split())
    report = json.loads((tmp_path / "models" / "evaluation.json").read_text())["feedback"]
    assert report["refuted"] == int((data.y[::3] == 1).sum()) and report["changed"] is True
    assert set(report["mean_risk"]) == set(report["mean_risk_of_claims"]) == {"with", "without"}
    assert report["mean_risk_of_claims"]["with"] > report["mean_risk_of_claims"]["without"]
    assert f"{report['refuted']} needed a fix all the same and count twice" in said and "That moved the mean risk of these changes from 0." in said


def test_no_claim_counts_in_what_is_judged(repo, known, shipped: Path, tmp_path: Path, monkeypatch) -> None:
    """No claim says when it was made: at the moment of a part that judges nobody may have made it yet."""
    data = known(of("alpha"))
    asked = retrain.Asked(repo.open(), tmp_path / "models", shipped)
    before = retrain.make(asked, date(2026, 1, 1), lambda _: None)
    path = feedback(tmp_path / "f.jsonl", data, monkeypatch, np.ones(len(data), bool))
    after = retrain.make(replace(asked, feedback=path), date(2026, 1, 1), lambda _: None)
    assert before.files[FOREST_FILE] != after.files[FOREST_FILE]
    assert before.report == {name: value for name, value in after.report.items() if name != "feedback"}
    manifests = [json.loads(made.files[MANIFEST]) for made in (before, after)]
    assert manifests[0]["calibration"] == manifests[1]["calibration"]


def test_before_a_fix_is_known_nothing_is_refuted() -> None:
    """At the cut the label of a bug that was found later is clean, and so its claim is not refuted yet."""
    data = of("alpha")
    cut = float(data.time[400])
    said = Claims(np.ones(len(data), bool), np.zeros(len(data), bool))
    then = said.emphasis(train.labels_at(data, cut))
    assert (then > 1).sum() < (said.emphasis(data.y) > 1).sum()
    assert not (then[data.fix_time >= cut] > 1).any()
