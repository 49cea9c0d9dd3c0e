"""The regression within projects: what it must not learn, what it must, and the words that it reads."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from automl_codex import metrics, train, within
from automl_codex.said import Said
from automl_codex.tables import Dataset, hash_sha
from codex_gate.features import FEATURE_NAMES
from codex_gate.own_words import Words

RECIPE = train.Recipe()
PROJECTS = [f"p{k:02d}" for k in range(within.MIN_PROJECTS)]


def history(seed: int = 1, per_project: int = 200) -> Dataset:
    """Projects with a level of their own: where changes are large there are many people. Within a project news alone decides."""
    rng = np.random.default_rng(seed)
    n = per_project * len(PROJECTS)
    level = np.repeat(np.linspace(-1.5, 1.5, len(PROJECTS)), per_project)
    x = np.zeros((n, len(FEATURE_NAMES)), np.float32)
    news = level + rng.normal(0, 1, n)
    x[:, FEATURE_NAMES.index("pairs_new")] = np.exp(3 + news)
    x[:, FEATURE_NAMES.index("devs_max")] = np.exp(2 + level + rng.normal(0, 0.05, n))
    for name in ("test_share", "ns", "entropy", "new_files", "churn_max_share", "age", "fixes_year_max", "own_share"):
        x[:, FEATURE_NAMES.index(name)] = rng.lognormal(0, 1, n)
    y = (rng.random(n) < 1 / (1 + np.exp(-(1.5 * (news - level) - 1)))).astype(np.int8)
    time = np.full(n, 1_500_000_000, np.int64)
    names = np.array([hash_sha(f"{seed:08x}{k:032x}") for k in range(n)])
    return Dataset(x, y, time, np.where(y == 1, time + 1.0, np.nan), np.repeat(PROJECTS, per_project), names)


def slope(found: within.Within, name: str) -> float:
    return found.slopes[name].weight


def test_what_tells_projects_apart_is_not_learned() -> None:
    data = history()
    found = within.fit(data, data.y, RECIPE)
    assert slope(found, "pairs_new") > 1
    spread = np.ptp(np.log1p(data.columns(("devs_max",))))
    assert abs(slope(found, "devs_max")) * spread < 0.2 * slope(found, "pairs_new") * spread, "the number of people says nothing within a project"
    one = replace(data, project=np.full(len(data), "all"))
    pooled = within.fit(one, one.y, RECIPE)
    assert slope(pooled, "devs_max") < -0.8, "over all projects together it stands for their level"


def test_unknown_measures_say_nothing() -> None:
    data = history()
    gaps = replace(data, X=data.X.copy())
    gaps.X[:, FEATURE_NAMES.index("age")] = np.nan
    found = within.fit(gaps, gaps.y, RECIPE)
    assert slope(found, "age") == 0
    unknown = replace(data, X=np.full_like(data.X, np.nan))
    found = within.fit(data, data.y, RECIPE)
    assert found.log_odds(unknown) == pytest.approx(0)
    assert np.ptp(found.log_odds(data)) > 3


def test_rows_without_weight_teach_nothing() -> None:
    data = history()
    outside = np.isin(data.project, PROJECTS[:6])
    turned = np.where(outside, 1 - data.y, data.y).astype(np.int8)
    found, other = (within.fit(replace(data, outside=outside), y, replace(RECIPE, outside=0.0)) for y in (data.y, turned))
    assert found.slopes == other.slopes
    weighed = within.fit(replace(data, outside=outside), turned, RECIPE)
    assert slope(weighed, "pairs_new") < slope(found, "pairs_new")


def spoken(data: Dataset, seed: int = 2) -> Dataset:
    """`danger` in most buggy changes and few clean ones, `home` likewise but in one project alone, `rare` in a few changes, `both` in all."""
    rng = np.random.default_rng(seed)
    found = {}
    for name, project, buggy in zip(data.sha256.tolist(), data.project.tolist(), data.y.tolist(), strict=True):
        chosen = ["+both"] + (["+danger"] if rng.random() < (0.8 if buggy else 0.2) else []) + (["+home"] if buggy and project == PROJECTS[0] else [])
        found[name] = [*chosen, *(["/rare"] if rng.random() < 0.01 else [])]
    return replace(data, said=Said.of(found, ["+both", "+danger", "+home", "/rare"]))


def test_words_of_many_projects_are_learned_and_of_few_are_not() -> None:
    data = spoken(history())
    found = within.fit(data, data.y, RECIPE)
    assert found.words is not None and set(found.words.added) == {b"both", b"danger"} and not found.words.path and found.words.added[b"danger"] > 0.5
    assert found.n_words == 2
    fresh = spoken(history(seed=5))
    without = found.log_odds(replace(fresh, said=None))
    assert metrics.auc(fresh.y, found.log_odds(fresh)) > metrics.auc(fresh.y, without) + 0.02
    assert within.fit(replace(data, said=None), data.y, RECIPE).words is None


def test_words_stand_at_their_own_places_in_another_vocabulary() -> None:
    data = spoken(history())
    found = within.fit(data, data.y, RECIPE)
    assert data.said is not None
    other = Said.of({name: [data.said.words[at] for at in data.said.row(name).tolist()] for name in data.sha256.tolist()}, ["+a", "+danger", "+zz", "/rare"])
    assert found.words is not None
    alone = replace(found.words, added={b"danger": found.words.added[b"danger"]})
    assert within.by_words(alone, replace(data, said=other)) == pytest.approx(within.by_words(alone, data))


def test_what_ships_says_what_was_learned() -> None:
    data = spoken(history())
    found = within.fit(data, data.y, RECIPE)
    words = found.words
    assert words is not None and words.middle == 0
    assert words.shift(Words(frozenset({b"both", b"danger", b"nothing"}), frozenset())) == pytest.approx(sum(words.added.values()) / 2**0.5)
    assert words.shift(Words(frozenset({b"nothing"}), frozenset({"danger"}))) == 0, "a word of a path is another"
    said = within.by_words(words, data)
    assert words.low <= said.min() + 1e-5 and words.high >= said.max() - 1e-5


def test_measures_that_the_recipe_does_not_read_have_no_slope() -> None:
    data = history()
    assert within.fit(data, data.y, replace(RECIPE, names=("la", "pairs_new", "ns"))).slopes.keys() == {"pairs_new", "ns"}
