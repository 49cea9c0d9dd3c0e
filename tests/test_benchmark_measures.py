"""Measures that are judged before they are taken: what they count, which rows they are looked up for, and the page."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sklearn")

from automl_codex import evaluate, tables, train
from benchmarks import measures as bench
from codex_gate.git import Repository
from tests.automl_codex.synthetic import corpus, dataset
from tests.conftest import ADA, DAY, START, Node, Repo


def test_what_was_deleted_is_no_news_and_neither_is_a_repetition() -> None:
    line = b"total += weights[place] * measured(rows, place)"
    alone = bench.deflated([line], [])
    assert bench.deflated([], [line]) == 0 and bench.deflated([b"    " + line], [line]) < alone / 4
    assert alone < bench.deflated([line] * 20, []) < 1.5 * alone
    assert bench.deflated([line], [b"x" * 50_000]) > alone / 2  # of a long text the last 32 KiB are known


def test_candidates_of_commits_on_every_branch_are_found_by_hash(make_repo: Callable[..., Repo]) -> None:
    repo = make_repo("org+name")
    shas = repo.build([Node({"a.py": f"x{k} = f(y)\n"}, (max(k - 1, 0),) if k else (), ADA, START + k * DAY, "change") for k in range(3)])
    found = bench.of_project(Repository.discover(repo.path, {}), frozenset(map(tables.hash_sha, shas[1:])))
    assert set(found) == {tables.hash_sha(sha) for sha in shas[1:]} and all(row[0] > 0 for row in found.values())


def test_rows_without_candidates_are_left_out_and_the_others_keep_their_order() -> None:
    data = dataset(30)
    kept = {project: {sha: [float(k)] for k, sha in enumerate(data.sha256[data.project == project].tolist())} for project in ("alpha", "beta")}
    columns = bench.Columns(kept)
    covered = columns.covers(data)
    assert covered.sum() == 60
    found = columns.of(data.where(covered), ("deflated", "la"))
    assert found[:, 0].tolist() == [*range(30), *range(30)] and found[:, 1] == pytest.approx(data.where(covered).columns(("la",))[:, 0])


def test_a_measure_that_tells_the_label_is_above_added_lines_and_one_that_is_noise_is_not() -> None:
    data = dataset()
    chance = np.random.default_rng(0).random(len(data))
    kept: dict[str, dict[str, list[float]]] = {}
    for project, sha, y, noise in zip(data.project.tolist(), data.sha256.tolist(), data.y.tolist(), chance.tolist(), strict=True):
        kept.setdefault(project, {})[sha] = [y + noise]
    columns = bench.Columns(kept)
    asked = [bench.alone(columns, name) for name in ("la", "day_of_week", *bench.CANDIDATES)]
    asked.append(bench.together(columns, ("deflated", "la"), replace(train.Recipe(), n_trees=5)))
    found = bench.compare(data, corpus(), evaluate.SELECTION, asked, 1)
    assert found["deflated"]["szz"]["auc"] == 1.0 and found["deflated + la"]["szz"]["auc"] > 0.95
    assert found["day_of_week"]["szz"]["gain"] < 0 < found["deflated"]["szz"]["low"] and found["la"]["szz"]["gain"] == 0


def test_the_held_out_project_is_judged_by_what_the_others_taught() -> None:
    data, holdout = corpus().split(dataset(120))
    kept: dict[str, dict[str, list[float]]] = {}
    for part in (data, holdout):
        for project, sha, y in zip(part.project.tolist(), part.sha256.tolist(), part.y.tolist(), strict=True):
            kept.setdefault(project, {})[sha] = [float(y)]
    columns = bench.Columns(kept)
    asked = [bench.alone(columns, "la"), bench.together(columns, ("deflated",), replace(train.Recipe(), n_trees=5))]
    found = bench.held_out(data, holdout, corpus(), asked, 1)
    (name,) = found["deflated"]
    assert found["deflated"][name]["auc"] == 1.0 and found["deflated"][name]["projects"] == 1 and found["la"][name]["gain"] == 0
    text = bench.page({"holdout": found}, 100, 4, 60, "here", bench.blamed(holdout))
    assert f"| ranked by | {name}: AUC | gain |" in text and "## Time-safe" not in text
    (row,) = [line for line in text.splitlines() if line.startswith(f"| {name} | ")]
    assert sum(int(n) for n in re.findall(r"% of ([\d]+)", row)) == len(holdout)


def test_the_forest_before_read_what_is_plain_but_no_news() -> None:
    recipe = bench.before_news(replace(train.Recipe(), n_trees=7))
    assert (len(recipe.names), recipe.n_trees, "pairs_new" in recipe.names) == (34, 7, False) and set(recipe.names) < set(train.PLAIN)


def test_the_mean_of_two_is_that_of_their_log_odds() -> None:
    one, other = (evaluate.Entrant(name, lambda data, y, p=p: lambda rows: np.full(len(rows), p)) for name, p in (("a", 0.2), ("b", 0.5)))
    both = bench.half(one, other)
    data = dataset(3)
    assert both.name == "mean of b and a" and both.fit(data, data.y)(data) == pytest.approx(np.full(len(data), np.log(0.25) / 2))


def test_the_page_holds_both_kinds_of_labels_where_there_are_both() -> None:
    one = {"projects": 3, "auc": 0.8, "gain": 0.05, "low": 0.01, "high": 0.09}
    both = {"la": {"szz": one | {"gain": 0.0}, "outside": one}, "pairs_new": {"szz": one, "outside": one | {"auc": 0.7}}}
    text = bench.page({"selection": both, "time_safe": {"la": {"szz": one}}}, 1000, 5, 60, "here")
    assert "| ranked by | labels by SZZ (3 projects): mean AUC | gain | labels of ApacheJIT (3 projects): mean AUC | gain |" in text
    assert (
        "| pairs_new | 0.8000 | +0.0500 (+0.010 to +0.090) | 0.7000 | +0.0500 (+0.010 to +0.090) |" in text and "1,000 labelled commits of 5 projects" in text
    )


def test_a_folder_without_clones_is_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert bench.main(["--clones", str(tmp_path), "--cache", str(tmp_path / "cache"), "--output", str(tmp_path / "page.md")]) == 2
    assert capsys.readouterr().err == f"measures: {tmp_path} holds no clone of a repository of the corpus, named OWNER+NAME; clone some there first\n"


def test_what_was_kept_of_other_candidates_is_read_anew(make_repo: Callable[..., Repo], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repo = make_repo("clones/org+alpha")
    shas = repo.build([Node({"a.py": f"x{k} = f(y)\n"}, (k - 1,) if k else (), ADA, START + k * DAY, "change") for k in range(2)])
    data = dataset(1)
    data = replace(data.where(data.project == "alpha"), sha256=np.array([tables.hash_sha(shas[1])]))
    entry = {"project": "alpha", "clone": "org/alpha"}
    first = bench.read([entry], tmp_path / "clones", data, tmp_path / "cache")
    assert len(first.found["alpha"][tables.hash_sha(shas[1])]) == 1 and first.found["alpha"][tables.hash_sha(shas[1])] != [7.0]
    monkeypatch.setattr(bench, "CANDIDATES", {"one": lambda added, deleted: 7.0})
    again = bench.read([entry], tmp_path / "clones", data, tmp_path / "cache")
    assert again.found["alpha"] == {tables.hash_sha(shas[1]): [7.0]}


def test_kept_candidates_are_there_in_full_or_as_they_were(make_repo: Callable[..., Repo], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_repo("clones/org+name").build([Node({"a.py": "x = 1\n"}, (), ADA, START, "change")])

    def dies(where: object, **_: object) -> None:
        where.write(b"half") if hasattr(where, "write") else Path(str(where)).write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "savez_compressed", dies)
    with pytest.raises(KeyboardInterrupt):
        bench.read([{"project": "alpha", "clone": "org/name"}], tmp_path / "clones", dataset(30), tmp_path / "cache")
    assert not list((tmp_path / "cache").iterdir())
