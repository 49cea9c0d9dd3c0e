"""The page of the benchmark of families, from figures that are given."""

from argparse import Namespace

import pytest

pytest.importorskip("lightgbm")

from automl_codex import evaluate
from benchmarks import families
from tests.automl_codex.synthetic import dataset

FACTS = {"rows": 1000, "columns": 50, "seconds": 1.2, "p50_ms": 0.4, "bytes": 300_000, "covered": 0.99}


def table(**auc: float) -> dict[str, object]:
    base = auc["lapredict"]
    return {
        "mean": {name: {"auc": value, "auc_interval": [value - 0.02, value + 0.02], "average_precision": 0.2, "ece": 0.03} for name, value in auc.items()},
        "difference_to_lapredict": {name: {"value": value - base, "low": value - base - 0.01, "high": value - base + 0.01} for name, value in auc.items()},
        "pooled": {name: {"ece": 0.01} for name in auc},
        "projects": [{"project": "alpha", "commits": 120, "models": {name: {"auc": value} for name, value in auc.items()}}],
    }


@pytest.mark.parametrize(
    ("stack", "said"),
    [
        (0.824, "No family ranks better than the recipe that ships, which stays."),
        (
            0.829,
            "Best is the stack of forest and boosted trees, +0.0040 above the recipe that ships; its gain over added lines alone does not reach the goal of +0.04.",
        ),
        (0.850, "its gain over added lines alone reaches the goal"),
    ],
)
def test_the_verdict_follows_the_figures(stack: float, said: str) -> None:
    page = families.page(
        table(shipped=0.825, forest=0.82, boosting=0.76, stack=stack, blend=0.80, lapredict=0.79), FACTS, Namespace(seed=1, trees=60, most=4000)
    )
    assert said in page
    assert f"| stack of forest and boosted trees | {stack:.3f} |" in page
    assert "| alpha | 120 | 0.825 | 0.820 | 0.760 |" in page


def test_what_is_judged_is_never_drawn_from() -> None:
    data = dataset(200)
    found = families.drawn(data, 30)
    late = data.time >= evaluate.TIME_SAFE.test_from
    assert set(data.sha256[late].tolist()) <= set(found.sha256.tolist())
    early = found.time < evaluate.TIME_SAFE.test_from
    assert {name: int((early & (found.project == name)).sum()) for name in set(found.project.tolist())} == dict.fromkeys(set(data.project.tolist()), 30)
