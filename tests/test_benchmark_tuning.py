"""The comparison of search strategies: its functions have the minima they are known for, its statistics are right, its slices are honest."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from automl_codex import tables
from benchmarks import tuning
from codex_gate.features import FEATURE_NAMES

HARTMANN_AT = (0.20169, 0.150011, 0.476874, 0.275332, 0.311652, 0.6573)


def made(n: int, seed: int) -> tables.Dataset:
    """Commits a day apart in shuffled order, buggy where the first measure is large, every other fix found after 300 days."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, len(FEATURE_NAMES))).astype(np.float32)
    x[rng.random(x.shape) < 0.05] = np.nan
    y = (np.nan_to_num(x[:, 0]) > 0).astype(np.int8)
    time = rng.permutation(n) * 86_400
    fix = np.where(y == 1, time + np.where(np.arange(n) % 2, 300, 1) * 86_400, np.nan)
    return tables.Dataset(x, y, time, fix, np.full(n, "made"), np.array([f"{i:064x}" for i in range(n)]))


@pytest.mark.parametrize("at", [(-np.pi, 12.275), (np.pi, 2.275), (9.42478, 2.475)])
def test_branin_has_its_three_minima(at: tuple[float, float]) -> None:
    assert tuning.branin({"x1": at[0], "x2": at[1]}) == pytest.approx(0.397887, abs=1e-5)


def test_hartmann_has_its_minimum() -> None:
    assert tuning.hartmann6(dict(zip(tuning.Axis, HARTMANN_AT, strict=True))) == pytest.approx(-3.32237, abs=1e-5)


def test_slices_follow_time_and_know_no_later_fix() -> None:
    data = made(200, 1)
    parts = tuning.slices(data)
    assert [len(y) for _, y in parts] == [120, 40, 40]
    by_time = np.argsort(data.time)
    cut = data.time[by_time[120]]
    assert parts.fit[1].tolist() == [int(data.y[i] == 1 and data.fix_time[i] < cut) for i in by_time[:120]]
    assert parts.fit[1].sum() < data.y[by_time[:120]].sum()
    later = data.time[by_time[160]]
    assert parts.tune[1].tolist() == [int(data.y[i] == 1 and data.fix_time[i] < later) for i in by_time[120:160]]
    assert parts.tune[1].sum() < data.y[by_time[120:160]].sum()
    assert parts.test[1].tolist() == data.y[by_time[160:]].tolist()
    assert not any(np.isnan(x).any() for x, _ in parts)


@pytest.mark.parametrize(("losses", "n"), [([5, 6, 6, 6], 4), ([5, 6, 6, 6, 6, 6, 1], 6), ([9, 8, 7, 6, 5, 4, 3], 7), ([5, 5, 5, 5, 5, 5, 5], 6)])
def test_early_stopping_is_replayed(losses: list[float], n: int) -> None:
    assert tuning.stops_at(losses) == n


def test_share_of_gain() -> None:
    assert tuning.share_of_gain([10, 8, 6, 5], 2) == pytest.approx(0.4)
    assert tuning.share_of_gain([5, 6, 7], 2) == 1.0


def test_median_with_interval() -> None:
    assert tuning.with_interval([1.0] * 8, 1) == "1.0 [1.0, 1.0]"
    middle, low, high = (float(part.strip("[],")) for part in tuning.with_interval(list(range(1, 101)), 1).split())
    assert middle == 50.5 and 38 < low < 48 and 53 < high < 63


def test_the_command_writes_the_page_and_goes_on_where_it_was(tmp_path: Path) -> None:
    data = made(150, 2)
    rows = [
        tables.LabelledRow(
            f"{i:040x}",
            int(data.time[i]),
            bool(data.y[i]),
            int(data.fix_time[i]) if data.y[i] else None,
            dict(zip(FEATURE_NAMES, map(float, data.X[i]), strict=True)),
        )
        for i in range(len(data))
    ]
    tables.write(tmp_path / "made.parquet", "made", rows)
    given = ["--input", str(tmp_path), "--projects", "made", "--trials", "3", "--json", str(tmp_path / "k.json"), "--output", str(tmp_path / "page.md")]
    tuning_levels = [task for task in tuning.tasks(tmp_path, ["made"]) if task.name.startswith("forest")]
    kept = {task.name: {"made_from": {"data": task.data, "trials": 3}, "grid": [0.4, 0.3] * 20, "searches": {}} for task in tuning_levels}  # it takes a minute
    (tmp_path / "k.json").write_text(json.dumps(kept))
    assert tuning.main([*given, "--seeds", "1"]) == 0
    first = json.loads((tmp_path / "k.json").read_text())
    assert tuning.main([*given, "--seeds", "2"]) == 0
    second = json.loads((tmp_path / "k.json").read_text())
    for name, task in second.items():
        assert [len(runs) for runs in task["searches"].values()] == [2, 2, 2]
        assert {kind: runs[:1] for kind, runs in task["searches"].items()} == first[name]["searches"]
    page = (tmp_path / "page.md").read_text()
    assert "| forest on made | smac |" in page and "--seeds 2 --trials 3" in page and str(tmp_path) not in page
    assert "Medians over 2 seeds" in page
    assert tuning.main([*given, "--seeds", "1"]) == 0
    assert "Medians over 1 seeds" in (tmp_path / "page.md").read_text() and json.loads((tmp_path / "k.json").read_text()) == second


def test_searches_of_another_table_or_length_are_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuning, "search", lambda task, strategy, seed, n_trials: {"losses": [float(n_trials)] * n_trials})
    monkeypatch.setattr(tuning, "grid_losses", lambda task: [0.5])
    task = tuning.Task("forest on made", None, None, None, 3, "loss", "hash of a table")  # type: ignore[arg-type]
    old = {"losses": [9.0]}
    kept: dict[str, object] = {task.name: {"grid": [0.1], "searches": {key: [old] for key in tuning.STRATEGIES}}}  # as an older version kept them
    for data, trials in (("hash of a table", 2), ("hash of a table", 3), ("another", 3)):
        tuning.measure([replace(task, data=data)], 1, trials, kept, lambda: None)
        assert kept[task.name] == {
            "made_from": {"data": data, "trials": trials},
            "grid": [0.5],
            "searches": {key: [{"losses": [float(trials)] * trials}] for key in tuning.STRATEGIES},
        }


def test_kept_searches_are_there_in_full_or_as_they_were(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "k.json").write_text('{"kept": {}}')
    monkeypatch.setattr(tuning, "tasks", lambda folder, projects: [tuning.Task("two", None, None, None, 3, "loss")])  # type: ignore[arg-type]
    monkeypatch.setattr(tuning, "search", lambda *_: {"losses": [1.0]})

    def dies(path: Path, text: str, encoding: str) -> None:
        path.write_bytes(text.encode()[:5])
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "write_text", dies)
    with pytest.raises(KeyboardInterrupt):
        tuning.main(["--input", str(tmp_path), "--json", str(tmp_path / "k.json"), "--output", str(tmp_path / "page.md")])
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"k.json": b'{"kept": {}}'}
