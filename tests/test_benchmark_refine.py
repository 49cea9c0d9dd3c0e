"""Whether the student refines the risk: the arithmetic on projects whose truth is known, and the page."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from automl_codex import metrics
from benchmarks import refine


def project(name: str, seed: int, useful: bool) -> refine.Project:
    rng = np.random.default_rng(seed)
    y = (rng.random(400) < 0.2).astype(np.int8)
    noise = rng.normal(0, 1, (400, 3))
    return refine.Project(name, y, noise + np.column_stack([y, 2 * y if useful else 0 * y, 0 * y]))


def test_a_second_voice_that_knows_more_is_seen_and_one_that_knows_nothing_is_not() -> None:
    for useful in (True, False):
        found = [project(f"p{k}", k, useful) for k in range(4)]
        told, weights = refine.refined(found)
        auc, gain = refine.figures(found, told)[refine.REFINED]
        assert bool(gain.low > 0.05) is useful and abs(gain.value) < (0.4 if useful else 0.02)
        assert bool(weights[1] > 0.5) is useful and auc.value > 0.7
        assert refine.figures(found, told)[refine.ALONE][1].value == 0


def test_a_project_is_judged_by_a_regression_that_did_not_see_it() -> None:
    found = [project(f"p{k}", k, True) for k in range(3)]
    turned = [refine.Project("p0", 1 - found[0].y, found[0].x), *found[1:]]
    before, after = refine.refined(found)[0], refine.refined(turned)[0]
    assert np.array_equal(before[0], after[0]) and not np.array_equal(before[1], after[1])


def test_log_odds_are_finite() -> None:
    assert metrics.log_odds(np.array([0.0, 0.5, 1.0]), refine.HELD).tolist() == pytest.approx([-9.2102, 0, 9.2102], abs=1e-3)


def test_the_page_names_every_project() -> None:
    found = [project("alpha", 1, True), project("beta", 2, True)]
    text = refine.document(found, *refine.refined(found))
    assert "800 commits from 2019 on of 2 projects" in text and "| alpha | 400 |" in text and "| beta | 400 |" in text


def test_what_is_missing_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert refine.main(["--clones", str(tmp_path), "--scores", str(tmp_path / "none.npz"), "--output", str(tmp_path / "o.md")]) == 2
    assert "none.npz" in capsys.readouterr().err and not (tmp_path / "o.md").exists()
