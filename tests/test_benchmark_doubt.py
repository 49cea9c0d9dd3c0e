"""What the figures owe to commits that are left out for doubt, with small tables in which the truth is known."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("sklearn")

from automl_codex import evaluate, said, train
from benchmarks import doubt
from codex_gate.git import Repository
from tests.automl_codex.synthetic import corpus, dataset
from tests.conftest import ADA, BOB, DAY, START, Node, Repo

SMALL = train.Recipe(n_trees=10, leaf_size=10, words=False)
WORDS = ["+alpha", "+beta", "/gamma"]


@pytest.fixture
def both():
    """Labelled rows, and others that were left out: buggy as if for certain, after a doubtful fix on the next day."""
    rows = corpus().split(dataset())[0]
    rows = replace(rows, said=said.Said.of({name: [WORDS[k % 3]] for k, name in enumerate(rows.sha256.tolist())}, WORDS))
    more = corpus().split(dataset(300, seed=5))[0]
    names = np.array([f"{k:064x}" for k in range(len(more))])
    told = said.Said.of({name: ["+beta"] for name in names.tolist()}, WORDS)
    return rows, replace(more, sha256=names, y=np.ones(len(more), np.int8), fix_time=more.time + 86_400.0, said=told)


def test_both_are_joined_with_their_words_and_the_doubtful_ones_are_clean(both) -> None:
    rows, left = both
    found, mask = doubt.joined(rows, left)
    assert (len(found), int(mask.sum())) == (len(rows) + len(left), len(left)) and not mask[: len(rows)].any()
    assert found.y[mask].sum() == 0 and np.isnan(found.fix_time[mask]).all() and np.array_equal(found.y[~mask], rows.y)
    for name, of in ((rows.sha256[1], rows), (left.sha256[0], left)):
        assert np.array_equal(found.said.row(name), of.said.row(name))
    assert np.array_equal(doubt.left_time(found, left)[mask], left.fix_time)


def test_nothing_is_learned_from_what_is_never_to_be_learned_from(both) -> None:
    rows, left = both
    found, mask = doubt.joined(rows, left)
    score = doubt.scored(found, corpus(), SMALL, mask)
    noise = np.random.default_rng(1).lognormal(2, 2, found.X.shape).astype(np.float32)
    turned = replace(found, X=np.where(mask[:, None], noise, found.X))
    assert np.array_equal(score[~mask], doubt.scored(turned, corpus(), SMALL, mask)[~mask])
    assert not np.array_equal(score[~mask], doubt.scored(turned, corpus(), SMALL, np.zeros(len(mask), bool))[~mask])


def test_a_score_is_judged_by_what_the_doubtful_ones_are_taken_for(both) -> None:
    rows, left = both
    found, mask = doubt.joined(rows, left)
    told = doubt.judge(found, mask, np.where(mask, 1.0, found.y.astype(float)), 1)  # it takes them for buggy
    late = found.time >= evaluate.TIME_SAFE.test_from
    n = {name: row["commits"] for name, row in told.items()}
    assert n[doubt.WITHOUT] < n[doubt.CLEAN] == n[doubt.BUGGY] and n[doubt.CLEAN] - n[doubt.WITHOUT] == int((mask & late).sum())
    assert told[doubt.WITHOUT]["auc"] == told[doubt.BUGGY]["auc"] == 1.0 > told[doubt.CLEAN]["auc"]
    assert told[doubt.BUGGY]["buggy"] - told[doubt.CLEAN]["buggy"] == int((mask & late).sum())
    page = doubt.page(found, mask, {doubt.AS_SHIPPED: told}, Namespace(trees=3, seed=1))
    assert "| without them, as what ships | with them, as buggy |" in page and "1.000" in page


def test_what_a_doubtful_fix_alone_accuses_is_left_out_and_has_its_time(repo: Repo) -> None:
    body = [f"value_{k} = compute({k})" for k in range(40)]
    wrong = [line.replace("compute", "broken") for line in body]
    sure = [*body[:3], "value_3 = wrong(3)", *body[4:]]
    shas = repo.build(
        [
            Node({"a.py": "x = 1\n", "b.py": "y = 1\n"}, (), ADA, START),
            Node({"a.py": "\n".join(wrong) + "\n"}, (0,), BOB, START + DAY),
            Node({"b.py": "\n".join(sure) + "\n"}, (1,), BOB, START + 2 * DAY),
            Node({"a.py": "\n".join(body) + "\n"}, (2,), ADA, START + 9 * DAY, "fix crash in every value"),  # 40 lines: too many to tell
            Node({"b.py": "\n".join(body) + "\n"}, (3,), ADA, START + 10 * DAY, "fix wrong value of 3"),
        ]
    )
    found = doubt.left_out(Repository.discover(repo.path, {}), shas[-1], START + 20 * DAY)
    assert found.doubtful == {shas[1]: START + 9 * DAY}
    assert doubt.left_out(Repository.discover(repo.path, {}), shas[-1], START).doubtful == {}
    assert found.labelled == 3  # neither the root nor the doubtful one
