"""The comparison with other tools: what is drawn, who is asked once, and what the differences are worth, with peers made for the test."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from automl_codex import evaluate, mine, tables
from benchmarks import rivals
from benchmarks.rivals import LINES, OURS, PROGRAM, Project
from codex_gate.intervals import Interval
from tests.automl_codex.synthetic import corpus, dataset
from tests.conftest import START, Node, Repo

RESULTS = '{"rows": {"auc": {"repositories": [{"name": "org/labelled"}], "figures": [{"what": "AUC, codex-gate − bca", "shown": "+0.002", "must": "> 0"}]}}}'


def project(name: str, seed: int, ours: float, theirs: float, n: int = 200) -> Project:
    rng = np.random.default_rng(seed)
    y = (np.arange(n) % 2).astype(np.int8)
    scores = {OURS: rng.normal(ours * y), "peer score": rng.normal(theirs * y)}
    return Project(name, y, scores)


def test_a_larger_draw_keeps_the_smaller_one_and_has_as_many_of_either_label() -> None:
    y = np.array([1, 0, 0, 0] * 30)
    rows = list(range(0, 120, 2))
    few, more = (rivals.drawn(rows, y, most, "42 alpha") for most in (10, 25))
    assert set(few) < set(more) <= set(rows) and more == sorted(more)
    assert [int(y[few].sum()), len(few)] == [10, 20] and [int(y[more].sum()), len(more)] == [25, 50]
    assert few != rivals.drawn(rows, y, 10, "42 beta")
    assert len(rivals.drawn(rows, y, 1000, "42 alpha")) == len(rows)


def test_a_better_tool_is_seen_by_every_interval_and_an_equal_one_by_none() -> None:
    better = rivals.gain([project(f"p{k}", k, 2.0, 0.5) for k in range(8)], "peer score", 300, 1)
    assert better.ours > better.other + 0.1 and better.n == 1600
    assert all(better.by[judge].low > 0.1 for judge in rivals.JUDGES)
    assert np.mean(list(better.each.values())) == pytest.approx(better.by["both"].value)
    drawn = rivals._differences(project("p", 3, 2.0, 0.5), (OURS, "peer score"), 2000, np.random.default_rng(1))
    one = project("p", 3, 2.0, 0.5)
    assert drawn.mean() == pytest.approx(one.auc(OURS) - one.auc("peer score"), abs=0.005), "drawn around the difference itself"
    same = [
        replace(one, scores={OURS: one.scores[OURS], "peer score": 7 * one.scores[OURS] + 1}) for one in (project("p", 1, 1.0, 1.0), project("q", 2, 1.0, 1.0))
    ]
    assert set(rivals.gain(same, "peer score", 50, 1).by.values()) == {Interval(0.0, 0.0, 0.0)}, "paired: an order that is ours differs in no draw"


def test_repositories_that_differ_widen_the_interval_over_them_alone() -> None:
    mixed = [project(f"p{k}", k, 4.0 if k % 2 else 0.5, 0.5 if k % 2 else 4.0) for k in range(6)]
    found = rivals.gain(mixed, "peer score", 400, 1).by
    width = {judge: found[judge].high - found[judge].low for judge in rivals.JUDGES}
    assert width["repositories"] > 4 * width["commits"] and width["both"] > width["commits"]


def test_a_commit_without_a_score_is_left_out_of_that_comparison_alone() -> None:
    one, two = project("p", 1, 1.0, 1.0), project("q", 2, 1.0, 1.0)
    one.scores["peer score"][:50] = np.nan
    two.scores["peer score"][4:] = np.nan
    found = rivals.gain([one, two], "peer score", 50, 1)
    assert found.n == 150 and set(found.each) == {"p"}
    assert [len(kept.y) for kept in rivals.answered([one, two], (OURS,))] == [200, 200]


def test_the_verdict_follows_from_the_intervals() -> None:
    said = rivals.verdict({"a": Interval(0.1, 0.01, 0.2), "b": Interval(0.0, -0.1, 0.1), "c": Interval(-0.1, -0.2, -0.01)})
    assert said == "Verdict: codex-gate is above a; below c; no difference shown to b."
    assert rivals.verdict({"b": Interval(0.0, -0.1, 0.1)}) == "Verdict: no difference shown to b."


@pytest.fixture
def place(make_repo: Callable[..., Repo], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Three clones, a table whose rows are their commits, two peers that answer at random but for one commit; the command's options."""
    clones, binaries = tmp_path / "clones", tmp_path / "bin"
    repo = make_repo("clones/org+alpha")
    repo.build([Node({"a.py": f"x = {i}\n"}, (i - 1,) if i else (), time=START + 60 * i) for i in range(150)])
    shas = repo.git("rev-list", "main").split()
    for name in ("org+beta", "org+gamma"):
        repo.git("clone", "-q", "--bare", ".", str(clones / name))
    data = dataset()
    for name in ("alpha", "beta", "gamma-core"):  # of gamma-web no commit is in the clone
        rows = np.flatnonzero((data.project == name) & (data.time >= evaluate.TIME_SAFE.test_from))[:150]
        data.sha256[rows] = [tables.hash_sha(sha) for sha in shas[: len(rows)]]
    monkeypatch.setattr(tables, "read", lambda path: data)
    monkeypatch.setattr(mine, "read_corpus", lambda path: [{**entry, "head": shas[0]} for entry in corpus().entries])
    binaries.mkdir()
    answer = '{"score": %d, "risk_percentile": %d, "risk_score": %d, "features": {"la": 1, "size": {"lines_added": 1}}}'
    for name, at in (("repowise", 2), ("bca", 3)):
        lines = [
            "#!/bin/sh",
            f'if [ "$1" = --version ]; then echo {name} 9.8.7; exit; fi',
            f'echo "${at}" >> {tmp_path}/{name}.calls',
            f'n=$((0x$(echo "${at}" | cut -c1-6)))',
        ]
        lines += ['if [ $((n % 11)) = 0 ]; then echo "cannot read it" >&2; exit 1; fi'] if name == "bca" else []
        (binaries / name).write_text("\n".join([*lines, f"printf '{answer}' $n $n $n"]) + "\n")
        (binaries / name).chmod(0o755)
    (tmp_path / "results.json").write_text(RESULTS)
    models = {"forest": {"auc": 0.75}, "lapredict": {"auc": 0.5}}
    (tmp_path / "evaluation.json").write_text(json.dumps({"all_times": {"projects": [{"project": "alpha", "models": models}]}}))
    return [f"--clones={clones}", f"--peers={binaries}", f"--results={tmp_path}/results.json", f"--evaluation={tmp_path}/evaluation.json", f"--work={tmp_path}/work", f"--output={tmp_path}/rivals.md",
            "--trees=5", "--resamples=50", "--most=30"]  # fmt: skip


def test_the_command_asks_each_peer_once_and_goes_on(place: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert rivals.main([*place, "--fewer", "repowise=10"]) == 0
    text = (tmp_path / "rivals.md").read_text("utf-8")
    asked = {name: (tmp_path / f"{name}.calls").read_text().split() for name in ("repowise", "bca")}
    assert len(asked["repowise"]) == 60 and len(asked["bca"]) == 180, "three projects, ten and thirty commits of either label"
    assert all(f"| {name} | 30 of " in text for name in ("alpha", "beta", "gamma-core")) and "gamma-web" not in text
    assert f"| {LINES} | " in text and f"| {PROGRAM} | " in text and "Verdict: " in text
    none = len([sha for sha in asked["bca"] if int(sha[:6], 16) % 11 == 0])
    assert none and f"| bca 9.8.7 | 180 of 180 | {none} |" in text and f"cannot read it ({none})" in text
    assert "- bca risk_score beside added lines: " in text and "+0.250 on the 1 projects that somebody else labelled" in text
    assert "- AUC, codex-gate − bca: +0.002" in text and "--most 30 --fewer repowise=10`" in text and str(tmp_path) not in text
    monkeypatch.setattr(evaluate, "out_of_project", None)
    assert rivals.main([*place, "--kept", "--fewer", "repowise=20"]) == 0
    assert "| repowise 9.8.7 | 60 of 120 |" in (tmp_path / "rivals.md").read_text("utf-8")
    assert len((tmp_path / "repowise.calls").read_text().split()) == 60, "nobody was asked"
    assert rivals.main([*place, "--fewer", "repowise=20"]) == 0
    assert len((tmp_path / "repowise.calls").read_text().split()) == 120, "only what is new"
    assert (tmp_path / "bca.calls").read_text().split() == asked["bca"]


def test_risks_do_not_depend_on_the_labels_of_the_repository_that_is_judged(place: list[str], tmp_path: Path) -> None:
    data = corpus().split(dataset())[0]
    beta = data.project == "beta"
    turned = replace(data, y=np.where(beta, 1 - data.y, data.y).astype(np.int8), fix_time=np.where(beta, data.time + 1.0, data.fix_time))
    options = rivals.parser().parse_args(place)
    options.work.mkdir()
    before, after = (rivals.scored(rows, corpus(), rivals.SOURCES["szz"], options) for rows in (data, turned))
    assert np.array_equal(before[beta], after[beta], equal_nan=True) and not np.array_equal(before[~beta], after[~beta], equal_nan=True)


def test_labels_from_outside_are_judged_by_forests_that_did_not_learn_from_such(place: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = tables.read(tmp_path)
    monkeypatch.setattr(tables, "read", lambda path: replace(data, outside=np.isin(data.project, ["alpha", "beta"])))
    assert rivals.SOURCES["apachejit"].recipe(5, 1).outside == 0
    assert rivals.main([*place, "--labels", "apachejit"]) == 0
    text = (tmp_path / "rivals.md").read_text("utf-8")
    assert "## Labels of ApacheJIT" in text and "| alpha |" in text and "| gamma-core |" not in text


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (["--peers=/nowhere"], "holds no program repowise and none bca"),
        (["--clones=/nowhere"], "org+alpha is no clone"),
        (["--only", "nothing"], "no project has 100 commits"),
        (["--kept"], "keeps no answer of repowise and none of bca"),
    ],
)
def test_what_is_missing_is_told(place: list[str], wrong: list[str], said: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert rivals.main([*place, *wrong]) == 2
    assert said in capsys.readouterr().err and not (tmp_path / "rivals.md").exists()


def test_a_limit_for_no_peer_is_refused(place: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        rivals.main([*place, "--fewer", "nobody=3"])
    assert "is not NAME=N" in capsys.readouterr().err
