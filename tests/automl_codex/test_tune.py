"""The tuner: what it keeps, in which order it speaks, when it ends, and that a killed run goes on where it was."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

import optuna
import pytest

from automl_codex.space import Choice, FloatRange, IntRange, SearchSpace, Value
from automl_codex.strategies import RandomSearch, Trial, TrialResult
from automl_codex.tune import STRATEGIES, AutoMLConfig, AutoTuner, Callback, EarlyStopping, Progress, TrialLog, Tuned, tune
from automl_codex.workers import Workers
from codex_gate.errors import TrainingFailure, UsageError

ROOT = Path(__file__).parents[2]


class Key(StrEnum):
    X = "x"
    N = "n"
    KIND = "kind"


SPACE = SearchSpace(Key, {Key.X: FloatRange(-2.0, 2.0), Key.N: IntRange(1, 9), Key.KIND: Choice(("a", "b"))})
ALL = AutoMLConfig(early_stopping_patience=None)


def score(params: dict[str, Value]) -> float:
    return -((float(params["x"]) - 1) ** 2) - abs(int(params["n"]) - 5) / 10 - (params["kind"] == "a")


def config(strategy: str = "random", n_trials: int = 12, patience: int | None = None, minutes: float | None = None) -> AutoMLConfig:
    return AutoMLConfig(strategy, n_trials, 4, patience, minutes)


def tried(found: Tuned) -> list[tuple[dict[str, Value], float | None]]:
    return [(dict(result.trial.params), result.score) for result in found.trials]


@dataclass
class Recorder(Callback):
    name: str = ""
    heard: list[str] = field(default_factory=list)
    stop_at: int = 10**9

    def on_trial_start(self, number: int, trial: Trial) -> None:
        self.heard.append(f"{self.name}start {number}")

    def on_trial_end(self, number: int, result: TrialResult) -> None:
        self.heard.append(f"{self.name}end {number}")

    def should_stop(self, result: TrialResult) -> bool:
        self.heard.append(f"{self.name}stop? {result.trial.number}")
        return result.trial.number >= self.stop_at


@dataclass
class Table:
    """A strategy that hands out scores as points: trial k has x = values[k] / 100."""

    values: list[int]
    reported: list[TrialResult] = field(default_factory=list)

    def suggest(self, space: SearchSpace, n: int) -> list[Trial]:
        first = len(self.reported)
        return [Trial(first + i, {"x": value / 100, "n": 1, "kind": "a"}) for i, value in enumerate(self.values[first : first + n])]

    def report(self, result: TrialResult) -> None:
        self.reported.append(result)


def x_of(params: dict[str, Value]) -> float:
    if params["x"] == 0.99:
        raise RuntimeError("no")
    return float(params["x"])


# -- the specification's defaults and what is refused ---------------------------------------------------


def test_the_defaults_are_those_of_the_specification() -> None:
    assert AutoMLConfig() == AutoMLConfig("tpe", 50, 10, 5, 60)
    assert EarlyStopping().patience == 5
    assert set(STRATEGIES) == {"tpe", "smac", "random", "grid"}


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: AutoMLConfig("bayes"), "no strategy is called 'bayes'; there are tpe, smac, random, grid"),
        (lambda: AutoMLConfig(n_trials=0), "n_trials must be a whole number >= 1, got 0"),
        (lambda: AutoMLConfig(n_trials=2.5), "n_trials must be a whole number >= 1, got 2.5"),  # type: ignore[arg-type]
        (lambda: AutoMLConfig(n_startup_random=1), "n_startup_random must be a whole number >= 2, got 1"),
        (lambda: AutoMLConfig(early_stopping_patience=0), "early_stopping_patience must be a whole number >= 1, got 0"),
        (lambda: AutoMLConfig(time_budget_minutes=0), "the time budget must be above 0 minutes, got 0: no trial would run"),
        (lambda: AutoMLConfig(time_budget_minutes=-1), "the time budget must be above 0 minutes, got -1: no trial would run"),
        (lambda: AutoMLConfig(time_budget_minutes=float("nan")), "the time budget must be above 0 minutes, got nan: no trial would run"),
        (lambda: EarlyStopping(0), "patience must be a whole number >= 1, got 0"),
        (lambda: tune(score, SPACE, ALL, n_jobs=0), "n_jobs must be a whole number >= 1, got 0"),
        (lambda: tune(score, SPACE, ALL, direction="up"), "direction must be maximize or minimize, got 'up'"),  # type: ignore[arg-type]
        (lambda: AutoTuner(RandomSearch(1), SPACE, score).optimize(0), "n_trials must be a whole number >= 1, got 0"),
    ],
)
def test_a_setting_outside_its_range_is_one_sentence(make: Callable[[], object], sentence: str) -> None:
    with pytest.raises(UsageError) as error:
        make()
    assert str(error.value) == sentence and error.value.exit_code == 2


# -- what a search gives ---------------------------------------------------------------------------------


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_best_of_all_trials_is_returned_with_the_history(strategy: str) -> None:
    found = tune(score, SPACE, config(strategy))
    assert found.stopped == "all 12 trials are done"
    assert len(found.trials) == 12 and found.best.score == max(result.score or -9 for result in found.trials)
    assert score(dict(found.params)) == found.best.score
    rows = json.loads(json.dumps(found.table()))
    assert [row["number"] for row in rows] == list(range(12)) and rows[3]["params"] == dict(found.trials[3].trial.params)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_smallest_is_best_when_minimising(strategy: str) -> None:
    down = tune(lambda params: -score(params), SPACE, config(strategy), direction="minimize")
    up = tune(score, SPACE, config(strategy))
    assert [params for params, _ in tried(down)] == [params for params, _ in tried(up)]
    assert down.best.score == -(up.best.score or 0) and down.best.trial == up.best.trial


def test_two_processes_try_as_many_trials_and_give_the_same_every_time() -> None:
    first, again = (tune(score, SPACE, config("tpe", 9), n_jobs=2) for _ in range(2))
    assert tried(first) == tried(again) and len(first.trials) == 9


def test_where_results_do_not_steer_two_processes_give_what_one_gives() -> None:
    assert tried(tune(score, SPACE, config("random", 9), n_jobs=2)) == tried(tune(score, SPACE, config("random", 9)))


def test_among_equals_the_first_is_best() -> None:
    found = AutoTuner(Table([1, 5, 5, 2]), SPACE, x_of).optimize(4)
    assert found.best.trial.number == 1
    assert [result.since_best for result in found.trials] == [0, 0, 1, 2]


def test_nothing_left_to_try_ends_the_search() -> None:
    found = AutoTuner(Table([3, 4]), SPACE, x_of).optimize(5)
    assert len(found.trials) == 2 and found.stopped == "nothing is left to try after 2 trials"


def test_a_suggestion_outside_the_space_is_refused() -> None:
    with pytest.raises(UsageError, match=r"x must be from -2\.0 to 2\.0, got 3\.0"):
        AutoTuner(Table([300]), SPACE, x_of).optimize(1)


def test_a_search_leaves_no_trace_outside_itself() -> None:
    before = optuna.logging.get_verbosity()
    first = tune(score, SPACE, config("tpe"))
    tune(score, SPACE, config("tpe"), seed=7)
    assert tried(tune(score, SPACE, config("tpe"))) == tried(first)
    assert optuna.logging.get_verbosity() == before


# -- failures --------------------------------------------------------------------------------------------


def test_a_failed_trial_is_named_and_the_search_goes_on() -> None:
    found = AutoTuner(Table([99, 3, 99, 4]), SPACE, x_of).optimize(4)
    assert [row["error"] for row in found.table()] == ["RuntimeError: no", "", "RuntimeError: no", ""]
    assert found.best.score == 0.04


def test_when_all_fail_so_does_the_training() -> None:
    with pytest.raises(TrainingFailure) as error:
        AutoTuner(Table([99] * 3), SPACE, x_of).optimize(3)
    assert str(error.value) == "all 3 trials failed; the first: RuntimeError: no" and error.value.exit_code == 4


def test_a_score_that_is_no_number_fails_its_trial() -> None:
    found = AutoTuner(Table([1, 2]), SPACE, lambda params: float("nan") if params["x"] == 0.02 else 1.0).optimize(2)
    assert found.trials[1].error == "the objective gave nan, expected a finite number"


# -- callbacks -------------------------------------------------------------------------------------------


def test_callbacks_are_called_in_the_order_of_the_specification() -> None:
    one, two = Recorder("one "), Recorder("two ")
    two.heard = one.heard
    AutoTuner(Table([1, 2]), SPACE, x_of, [one, two]).optimize(2)
    expected = [f"{name} {what} {number}" for number in (0, 1) for what in ("start", "end", "stop?") for name in ("one", "two")]
    assert one.heard == expected


def test_a_trial_is_logged_and_known_to_the_strategy_before_a_callback_hears_of_its_end() -> None:
    strategy = Table([1, 2, 3])
    log = TrialLog(SPACE)
    seen: list[tuple[int, int]] = []

    class Looks(Callback):
        def on_trial_end(self, number: int, result: TrialResult) -> None:
            seen.append((len(strategy.reported), len(log.finished)))

    AutoTuner(strategy, SPACE, x_of, [Looks()], log=log).optimize(3)
    assert seen == [(1, 1), (2, 2), (3, 3)]


def test_any_callback_may_end_the_search_and_is_named() -> None:
    found = AutoTuner(Table(list(range(20))), SPACE, x_of, [Recorder(), Recorder(stop_at=3)]).optimize(20)
    assert len(found.trials) == 4 and found.stopped == "Recorder ended it after trial 3"


def test_what_a_batch_has_tried_is_kept_when_its_first_trial_ends_the_search() -> None:
    found = AutoTuner(Table(list(range(20))), SPACE, x_of, [Recorder(stop_at=2)], n_jobs=2).optimize(20)
    assert len(found.trials) == 4 and found.stopped == "Recorder ended it after trial 2"


@pytest.mark.parametrize(
    ("scores", "patience", "n"),
    [
        ([10, 9, 8, 7, 6, 5, 4], 5, 6),  # best at 0, ends behind trial 5
        ([1, 2, 3, 4, 5, 6, 7], 5, 7),
        ([1, 5, 2, 2, 6, 1, 1, 1, 1, 1, 9], 5, 10),  # the new best at 4 begins the count again
        ([5, 5, 5, 5], 2, 3),  # as good is not better
        ([99, 99, 99, 5, 4, 4, 4], 4, 7),  # failures count, the first score is a new best
        ([5, 99, 4, 6], 2, 3),
    ],
)
def test_early_stopping_counts_trials_without_a_new_best(scores: list[int], patience: int, n: int) -> None:
    found = AutoTuner(Table(scores), SPACE, x_of, [EarlyStopping(patience)]).optimize(len(scores))
    assert len(found.trials) == n
    assert found.stopped == (
        f"EarlyStopping ended it after trial {n - 1}" if n < len(scores) or found.trials[-1].since_best >= patience else f"all {n} trials are done"
    )


def test_failures_alone_end_the_search_too() -> None:
    with pytest.raises(TrainingFailure, match="all 5 trials failed"):
        AutoTuner(Table([99] * 9), SPACE, x_of, [EarlyStopping(5)]).optimize(9)


def test_progress_is_a_line_a_trial() -> None:
    lines: list[str] = []
    AutoTuner(Table([3, 99, 2]), SPACE, x_of, [Progress(lines.append)]).optimize(3)
    assert lines == [
        "trial 0: 0.0300 in 0.0 s, the best so far",
        "trial 1 failed after 0.0 s: RuntimeError: no",
        "trial 2: 0.0200 in 0.0 s, best: trial 0",
    ]


# -- time ------------------------------------------------------------------------------------------------


def test_no_trial_starts_after_the_time_budget() -> None:
    now = 1000.0

    def takes_forty_seconds(params: dict[str, Value]) -> float:
        nonlocal now
        now += 40
        return 1.0

    found = tune(takes_forty_seconds, SPACE, config(n_trials=20, minutes=2), clock=lambda: now)
    assert len(found.trials) == 3  # at 0, 40 and 80 s; at 120 s the two minutes are over
    assert found.stopped == "the time budget of 2 minutes is used up"


def test_the_smallest_budget_still_gives_one_trial() -> None:
    ticks = iter(range(0, 1000, 100))
    found = tune(score, SPACE, config(minutes=1e-9), clock=lambda: float(next(ticks)))
    assert found.stopped.startswith("the time budget of 1e-09 minutes") and len(found.trials) == 1


# -- a storage that outlives the run ---------------------------------------------------------------------


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_search_in_two_parts_is_the_search_in_one(tmp_path: Path, strategy: str) -> None:
    whole = tune(score, SPACE, config(strategy, 9))
    storage = tmp_path / "new" / "tuning.db"
    tune(score, SPACE, config(strategy, 6), storage=storage)
    calls: list[object] = []
    parts = tune(lambda params: calls.append(1) or score(params), SPACE, config(strategy, 9), storage=storage)  # type: ignore[func-returns-value]
    assert tried(parts) == tried(whole) and len(calls) == 3
    assert [r.seconds > 0 for r in parts.trials] == [True] * 9


def test_failures_are_kept_too(tmp_path: Path) -> None:
    storage = tmp_path / "t.db"
    with TrialLog(SPACE, storage=storage) as log:
        AutoTuner(Table([1, 99]), SPACE, x_of, log=log).optimize(2)
    with TrialLog(SPACE, storage=storage) as log:
        assert [(r.score, r.error, r.since_best) for r in log.finished] == [(0.01, "", 0), (None, "RuntimeError: no", 1)]


def test_a_finished_search_runs_nothing_again(tmp_path: Path) -> None:
    storage = tmp_path / "t.db"
    first = tune(score, SPACE, config(n_trials=40, patience=3), storage=storage)
    assert first.stopped.startswith("EarlyStopping")

    def never(params: dict[str, Value]) -> float:
        raise AssertionError

    again = tune(never, SPACE, config(n_trials=40, patience=3), storage=storage)
    assert again == first
    assert tried(tune(never, SPACE, config(n_trials=2), storage=storage)) == tried(first)


def toy(params: dict[str, Value]) -> float:
    """By the number of the trial in a random search with seed 42: trial 1 is best, trial 6 exhausts a patience of 5, 7 and 9 are better again."""
    return {1: 5.0, 7: 6.0, 9: 7.0}.get(TOY.index(params), 0.0)


TOY = [trial.params for trial in RandomSearch(42).suggest(SPACE, 30)]


def test_a_search_that_ended_within_a_batch_stays_ended(tmp_path: Path) -> None:
    asked = {"seed": 42, "n_jobs": 2, "storage": tmp_path / "t.db"}
    first = tune(toy, SPACE, config(n_trials=30, patience=5), **asked)  # type: ignore[arg-type]
    assert (len(first.trials), first.stopped) == (8, "EarlyStopping ended it after trial 6")
    assert tune(toy, SPACE, config(n_trials=30, patience=5), **asked) == first  # type: ignore[arg-type]


class Dies(Callback):
    """Ends the run at the end of a trial, which is in the log by then."""

    def __init__(self, number: int) -> None:
        self.number = number

    def on_trial_end(self, number: int, result: TrialResult) -> None:
        if number == self.number:
            raise KeyboardInterrupt


@pytest.mark.parametrize("cut", range(8))
def test_a_search_that_was_cut_off_within_a_batch_ends_where_it_would_have(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cut: int) -> None:
    monkeypatch.setattr("automl_codex.tune.Workers", lambda objective, n_jobs: Workers(objective, 1))  # batches of two, tried here
    asked = {"seed": 42, "n_jobs": 2}
    whole = tune(toy, SPACE, config(n_trials=30, patience=5), **asked)  # type: ignore[arg-type]
    asked["storage"] = tmp_path / "t.db"  # type: ignore[assignment]
    with pytest.raises(KeyboardInterrupt):
        tune(toy, SPACE, config(n_trials=30, patience=5), callbacks=[Dies(cut)], **asked)  # type: ignore[arg-type]
    heard = Recorder()
    rest = tune(toy, SPACE, config(n_trials=30, patience=5), callbacks=[heard], **asked)  # type: ignore[arg-type]
    assert (tried(rest), rest.stopped) == (tried(whole), whole.stopped)
    assert [text for text in heard.heard if text.startswith("stop?")] == [f"stop? {number}" for number in range(cut - cut % 2, 8)]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_batch_that_was_written_down_in_part_is_the_same_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, strategy: str) -> None:
    monkeypatch.setattr("automl_codex.tune.Workers", lambda objective, n_jobs: Workers(objective, 1))
    whole = tune(score, SPACE, config(strategy, 12), n_jobs=3)
    add, added = optuna.Study.add_trial, []

    def dies(study: optuna.Study, trial: optuna.trial.FrozenTrial) -> None:
        added.append(trial)
        if len(added) == 8:  # the second of the batch of 6, 7 and 8
            raise KeyboardInterrupt
        add(study, trial)

    with monkeypatch.context() as patched:
        patched.setattr(optuna.Study, "add_trial", dies)
        with pytest.raises(KeyboardInterrupt):
            tune(score, SPACE, config(strategy, 12), n_jobs=3, storage=tmp_path / "t.db")
    rest = tune(score, SPACE, config(strategy, 12), n_jobs=3, storage=tmp_path / "t.db")
    assert tried(rest) == tried(whole)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"config": config("grid")}, "strategy: found random, expected grid"),
        ({"seed": 1}, "seed: found 42, expected 1"),
        ({"subject": "another table"}, "subject: found a table, expected another table"),
        ({"direction": "minimize"}, "direction: found maximize, expected minimize"),
        ({"space": SearchSpace(Key, {Key.X: FloatRange(0.0, 1.0)})}, "space: found {"),
    ],
)
def test_the_storage_of_another_search_is_refused(tmp_path: Path, change: dict[str, object], said: str) -> None:
    storage = tmp_path / "t.db"
    asked: dict[str, object] = {"space": SPACE, "config": config(n_trials=2), "subject": "a table", "storage": storage}
    tune(score, **asked)  # type: ignore[arg-type]
    kept = storage.read_bytes()
    with pytest.raises(UsageError) as error:
        tune(score, **asked | change)  # type: ignore[arg-type]
    assert f"{storage} holds the trials of another search ({said}" in str(error.value)
    assert storage.read_bytes() == kept
    tune(score, **asked)  # type: ignore[arg-type]


def test_a_file_that_is_no_log_is_refused_and_kept(tmp_path: Path) -> None:
    storage = tmp_path / "notes.txt"
    storage.write_text("my notes, longer than a header of a hundred bytes\n" * 10)
    with pytest.raises(UsageError, match=r"notes\.txt cannot be used as a log of trials \(file is not a database\)"):
        tune(score, SPACE, config(), storage=storage)
    assert storage.read_text().startswith("my notes")
    with pytest.raises(UsageError, match="cannot be used as a log of trials"):
        tune(score, SPACE, config(), storage=tmp_path)


def test_two_runs_at_once_do_not_share_a_storage(tmp_path: Path) -> None:
    storage = tmp_path / "t.db"
    with TrialLog(SPACE, storage=storage), pytest.raises(UsageError, match="another run is tuning into"):
        TrialLog(SPACE, storage=storage)
    TrialLog(SPACE, storage=storage).close()


KILLED = """
import sys, time
from pathlib import Path
from automl_codex.tune import tune
from tests.automl_codex.test_tune import SPACE, config, score

def slow(params):
    with open(sys.argv[2], "a") as log:
        log.write("started\\n")
    time.sleep(0.15)
    return score(params)

if __name__ == "__main__":
    tune(slow, SPACE, config("tpe", 10), storage=Path(sys.argv[1]), n_jobs=int(sys.argv[3]))
"""


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_killed_run_goes_on_with_the_same_trials(tmp_path: Path, n_jobs: int) -> None:
    """SIGKILL in the middle of a trial; what was finished is kept, what was under way is tried again under its number."""
    storage, started, script = tmp_path / "t.db", tmp_path / "started", tmp_path / "run.py"
    script.write_text(KILLED)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "training")])}
    process = subprocess.Popen([sys.executable, script, storage, started, str(n_jobs)], env=environment, start_new_session=True)
    deadline = time.monotonic() + 60
    while not started.exists() or started.read_text().count("\n") < 7:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    stored = optuna.load_study(study_name="tuning", storage=f"sqlite:///{storage}").trials
    before = [(t.params, t.value) for t in stored if t.state is optuna.trial.TrialState.COMPLETE]
    pending = [t.params for t in stored[len(before) :]]
    assert 5 <= len(before) <= 7 <= len(stored) and all(t.state is optuna.trial.TrialState.RUNNING for t in stored[len(before) :])
    calls: list[dict[str, Value]] = []
    found = tune(lambda params: (calls.append(params), score(params))[1], SPACE, config("tpe", 10), storage=storage)  # type: ignore[func-returns-value]
    assert tried(found)[: len(before)] == before
    assert len(found.trials) == 10 and len(calls) == 10 - len(before)
    assert calls[: len(pending)] == pending
    if n_jobs == 1:
        assert tried(found) == tried(tune(score, SPACE, config("tpe", 10)))


# -- start-up ------------------------------------------------------------------------------------------


def test_the_command_does_not_import_the_tuner_before_it_tunes() -> None:
    code = "import sys\nfrom automl_codex import cli\ntry: cli.main(['train', '--help'])\nexcept SystemExit: pass\nprint(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT / "training", capture_output=True, text=True, check=True)
    assert not {"optuna", "smac", "ConfigSpace", "joblib", "sqlalchemy", "sklearn", "numpy"} & set(done.stderr.split())


def test_tpe_does_not_import_smac() -> None:
    code = "import sys; from automl_codex import tune; tune.STRATEGIES['tpe'](1, 10); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT / "training", capture_output=True, text=True, check=True)
    assert "optuna" in done.stdout.split() and not {"smac", "dask", "torch", "sklearn"} & set(done.stdout.split())
