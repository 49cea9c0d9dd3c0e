"""The benchmark command runs on any repository, and its statistics and verdicts are right."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from benchmarks import accuracy, mining, peers, report, workers
from benchmarks.bench import Block, Figure, Place, SkipRow
from benchmarks.measure import TIMED_OUT, interleave, paired_difference, percentile, ratio, run
from benchmarks.measure import Sample as Timing
from benchmarks.rows import ROWS
from tests.conftest import ADA, BOB, START, Node, Repo

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def small(make_repo: Callable[..., Repo]) -> Repo:
    """Eighty commits by two authors on twelve files, enough for levels and for a range of ten commits."""
    repo = make_repo("small")
    line = "value = {}\n"
    nodes = [
        Node(
            {f"src/m{i % 12}.py": "".join(line.format(n) for n in range(20 + i)), **({"logo.png": b"\0%d" % i} if i == 40 else {})},
            (i - 1,) if i else (),
            ADA if i % 3 else BOB,
            START + 3600 * i,
            f"{'fix' if i % 4 == 0 else 'extend'} module {i % 12}",
        )
        for i in range(80)
    ]
    repo.build(nodes)
    repo.git("reset", "--hard", "--quiet")
    return repo


def command(repo: Repo, out: Path, *more: str) -> subprocess.CompletedProcess[str]:
    here = [f"--repository=small={repo.path}", f"--work={out / 'work'}", f"--json={out / 'results.json'}", f"--output={out / 'benchmarks.md'}"]
    return subprocess.run([sys.executable, ROOT / "benchmarks" / "run.py", *here, *more], capture_output=True, text=True, check=False)


def test_command_measures_a_small_repository_and_says_what_it_skipped(small: Repo, tmp_path: Path) -> None:
    labels = tmp_path / "labels.csv"
    shas = small.git("rev-list", "HEAD").split()
    labels.write_text("project,sha,buggy\n" + "".join(f"small,{sha},{i % 2}\n" for i, sha in enumerate(shas)))
    rows = "range,forest,memory,commit,auc"
    options = ["--rounds=1", "--calls=50", "--resamples=20", "--peer-timings=2", "--project=small", f"--labels={labels}", f"--labelled=small={small.path}"]
    done = command(small, tmp_path, *options, f"--only={rows}")
    assert done.returncode == 0, done.stderr
    results = json.loads((tmp_path / "results.json").read_text())["rows"]
    assert set(results) == set(rows.split(","))
    assert results["memory"]["skipped"].startswith("needs --large")
    assert {f["verdict"] for f in results["range"]["figures"]} <= {"met, aim too", "met, aim missed", "**missed**"}  # which of them is the machine's business
    assert results["auc"]["data"]["auc"]["LApredict (added lines)"]["n"] == 80
    text = (tmp_path / "benchmarks.md").read_text()
    assert all(f"## {ROWS[name].title}" in text for name in results)
    assert "codex-gate: exit code 0, risk unknown" in text  # the clone of depth 1
    assert str(tmp_path) not in text


def test_command_agrees_with_pydriller_and_goes_on_where_it_was(small: Repo, tmp_path: Path) -> None:
    pytest.importorskip("pydriller")
    done = command(small, tmp_path, "--rounds=1", "--only=agreement")
    assert done.returncode == 0, done.stderr
    row = json.loads((tmp_path / "results.json").read_text())["rows"]["agreement"]
    assert row["figures"][0]["shown"] == "100.00 % (80 of 80)"
    assert row["data"]["binary"] == 1 and row["data"]["strict"] == 79
    kept = list((tmp_path / "work" / "cache").glob("mining-*.json"))
    before = kept[0].stat().st_mtime_ns
    assert command(small, tmp_path, "--rounds=1", "--only=features,agreement").returncode == 0
    assert [path.stat().st_mtime_ns for path in kept] == [before]


def test_values_of_pydriller_are_of_one_repository_one_head_and_one_sample(tmp_path: Path) -> None:
    def place(name: str = "org/a", head: str = "1" * 40, sample: int = 0) -> Path:
        told = SimpleNamespace(facts=lambda _: {"name": name, "head": head}, options=SimpleNamespace(repository=None, pydriller_commits=sample), work=tmp_path)
        return mining._values(told)  # type: ignore[arg-type]

    assert place() == place()
    assert len({place(), place("org/b"), place(head="2" * 40), place(sample=100)}) == 4


def test_values_of_pydriller_that_are_not_there_are_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    values = '["a", [["x.py", 1, 0]]]\n'
    told = SimpleNamespace(
        facts=lambda _: {"name": "org/a", "head": "1" * 40},
        options=SimpleNamespace(repository=None, pydriller_commits=0),
        work=tmp_path,
        clone=lambda _: tmp_path,
        all_commits=lambda _: tmp_path,
        worker=lambda task, where, path: Path(path).write_text(values),
    )
    monkeypatch.setattr(mining, "_rounds", lambda _: {})  # all of them were kept
    monkeypatch.setattr(mining, "_contestants", lambda bench, _: {mining.PYDRILLER: lambda: mining._values(bench).write_text(values)})
    assert mining.agreement(told).figures[0].value == 100  # type: ignore[arg-type]


def test_unknown_row_is_refused(small: Repo, tmp_path: Path) -> None:
    done = command(small, tmp_path, "--only=speed")
    assert done.returncode == 1 and "no row is called speed" in done.stderr


@pytest.mark.parametrize(
    ("value", "must", "aim", "better", "verdict"),
    [
        (16.0, 15, 20, "higher", "met, aim missed"),
        (20.0, 15, 20, "higher", "met, aim too"),
        (14.9, 15, 20, "higher", "**missed**"),
        (400, 400, 150, "lower", "met, aim missed"),
        (401, 400, 150, "lower", "**missed**"),
        (1.3, None, 1.3, "lower", "met, aim too"),
        (1.4, None, 1.3, "lower", "aim missed"),
        (0.0, 0, None, "above", "**missed**"),
        (0.001, 0, None, "above", "met"),
        (5.0, None, None, "lower", ""),
    ],
)
def test_verdict_follows_from_the_figure(value: float, must: float | None, aim: float | None, better: str, verdict: str) -> None:
    assert Figure("x", value, "", must, aim, better).verdict() == verdict


def test_ratios_are_taken_pair_by_pair() -> None:
    assert ratio([2.0, 9.0, 8.0], [1.0, 3.0, 2.0]) == (3.0, 2.0, 4.0)


def test_contestants_take_turns() -> None:
    order: list[str] = []

    def contest(name: str) -> Callable[[], Timing]:
        return lambda: order.append(name) or Timing(1.0, 0.5)  # type: ignore[func-returns-value]

    assert interleave({"a": contest("a"), "b": contest("b")}, 2)["a"] == [(1.0, 0.5)] * 2
    assert order == ["a", "b", "a", "b"]


def test_percentile_is_the_nearest_value() -> None:
    assert [percentile(range(100), share) for share in (0.5, 0.99, 1.0)] == [50, 99, 99]


def test_paired_difference_of_a_score_with_itself_is_nothing() -> None:
    y, score = [0, 1] * 30, [float(i) for i in range(60)]
    found = paired_difference(y, score, score, 50, 7)
    assert (found["difference"], found["low"], found["high"]) == (0.0, 0.0, 0.0)
    better = paired_difference(y, [float(v) for v in y], score, 50, 7)
    assert better["ours"] == 1.0 and better["low"] > 0.2
    assert better == paired_difference(y, [float(v) for v in y], score, 50, 7)


def test_process_is_ended_at_its_time_limit() -> None:
    ran = run([sys.executable, "-c", "import time; time.sleep(60)"], timeout_s=0.2)
    assert ran.code == TIMED_OUT and ran.wall_s < 30


def test_process_is_measured_with_what_it_said() -> None:
    ran = run([sys.executable, "-c", "import sys; print('out'); print('err', file=sys.stderr); sum(range(10**6)); sys.exit(3)"])
    assert (ran.code, ran.out, ran.err) == (3, b"out\n", b"err\n")
    assert ran.cpu_s > 0 and ran.peak_mb > 1


def test_peak_memory_is_that_of_the_child() -> None:
    seen = workers.peak(sys.executable, "-c", "x = bytearray(200_000_000)")
    assert seen["code"] == 0 and seen["peak_kib"] > 190_000


def test_differences_are_told_with_their_reason() -> None:
    ours = {"1": [("a", 1, 0)], "2": [("b.png", None, None)], "3": [("a", 2, 0), ("c", 0, 0)]}
    theirs = {"1": [("a", 1, 0)], "2": [("b.png", 0, 0)], "3": [("a", 1, 0)], "4": [("d", 1, 0)]}
    found = mining.compare(ours, theirs)
    assert (found["commits"], found["strict"], found["binary"]) == (4, 1, 1)
    assert {entry["sha"]: entry["reasons"] for entry in found["differing"]} == {
        "3": ["a file that only codex-gate lists", "the same file, other line counts"],
        "4": ["commit not walked"],
    }


def test_peer_answers_are_read_and_rubbish_gives_no_score() -> None:
    by_name = {peer.name: peer for peer in peers.PEERS}
    said = {"score": 5.9, "risk_percentile": 81.2, "features": {"la": 35}}
    assert by_name["repowise"].read(json.dumps(said).encode()) == {"score": 5.9, "risk_percentile": 81.2, "la": 35}
    said = {"risk_score": 1.5, "features": {"size": {"lines_added": 3}}}
    assert by_name["bca"].read(json.dumps(said).encode()) == {"risk_score": 1.5, "la": 3}
    assert by_name["bca"].read(b"error: no such commit") == {}


def test_places_are_named_or_called_by_their_directory(tmp_path: Path) -> None:
    assert Place.parse(f"owner/name={tmp_path}") == Place("owner/name", tmp_path.resolve())
    assert Place.parse(str(tmp_path)).name == tmp_path.name


def test_report_escapes_cells_and_tells_what_was_skipped() -> None:
    block = Block((Figure("a | b", 1.0, "1 s"),), "How.")
    row = {"title": "T", "date": "2026-01-01", "load": 0.1, "repositories": [], "figures": [f.as_json() for f in block.figures]}
    row |= {"how": block.how, "times": {}, "notes": [], "command": "c"}
    machine = {"cpu": "CPU", "cores": 2, "memory_gb": None, "python": "3.11", "git": "2.39", "system": "Linux"}
    text = report.markdown({"machine": machine, "rows": {"staged": row, "memory": {"title": "M", "skipped": str(SkipRow("needs more"))}}})
    assert "| a \\| b | 1 s |" in text and "Not measured: needs more." in text
    assert "real-time" not in text and "real-time" in report.markdown({"machine": machine, "rows": {"staged": {**row, "real_time": True}}})


def test_what_bounds_an_interval_is_told_where_it_holds_nothing_above() -> None:
    assert accuracy._bound("p", {"difference": 0.02, "low": 0.01, "high": 0.03, "n": 100}, 200) == ""
    told = accuracy._bound("p", {"difference": 0.002, "low": -0.018, "high": 0.022, "n": 1000}, 4000)
    assert "reaches 0.020 to either side on 1,000 commits" in told and "all 4,000 labelled commits scored, it would reach about 0.010" in told
    assert "+0.002 would need about 100,000." in told
    assert accuracy._bound("p", {"difference": -0.01, "low": -0.03, "high": 0.01, "n": 100}, 200).endswith("more commits would not help.")


def test_synthetic_figures_are_measured_at_any_scale(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "benchmarks" / "synthetic.py", "--scale", "0.002", "--output", tmp_path / "synthetic.md"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "synthetic.md").read_text()
    assert [line for line in text.splitlines() if line.startswith("## ")] == [
        "## Paths: coverage against random", "## Speed, size and whether they run", "## Distinct programs", "## Mutants and variants",
        "## Grafts between neighbours (smote)", "## Transpiled and verified", "## Pairs per CPU second",
    ]  # fmt: skip
    assert "| python-core | coverage |" in text or ("Not measured: " in text and "rustc" in text)
    assert "200 are distinct after alpha-normalisation: 100.00 % – met, aim too" in text
