"""Trying points in this process and in others; what fails is told apart from what ends the run."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import pytest

from automl_codex.space import Value
from automl_codex.strategies import Trial
from automl_codex.workers import Workers, evaluate
from codex_gate.errors import GateError, UsageError

TRIALS = [Trial(number, {"x": number}) for number in range(5)]


def square(params: dict[str, Value]) -> float:
    return float(params["x"]) ** 2


def odd_ones_fail(params: dict[str, Value]) -> float:
    if int(params["x"]) % 2:
        raise ValueError(f"x is {params['x']}\nand more")
    return 1.0


@pytest.mark.parametrize(
    ("gives", "said"),
    [
        (float("nan"), "the objective gave nan, expected a finite number"),
        (float("inf"), "the objective gave inf, expected a finite number"),
        (None, "the objective gave None, expected a finite number"),
        (True, "the objective gave True, expected a finite number"),
        ("0.7", "the objective gave '0.7', expected a finite number"),
    ],
)
def test_what_is_no_score_is_an_error_of_the_trial(gives: object, said: str) -> None:
    outcome = evaluate(lambda params: gives, TRIALS[0])  # type: ignore[arg-type, return-value]
    assert (outcome.score, outcome.error) == (None, said)


def test_the_objective_gets_a_copy() -> None:
    def greedy(params: dict[str, Value]) -> float:
        return float(params.pop("x"))

    trial = Trial(0, {"x": 3})
    assert evaluate(greedy, trial).score == 3.0 and trial.params == {"x": 3}


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_outcomes_come_in_the_order_asked_for(n_jobs: int) -> None:
    with Workers(square, n_jobs) as workers:
        found = [(trial.number, outcome.score) for trial, outcome in workers.run(TRIALS)]
    assert found == [(0, 0.0), (1, 1.0), (2, 4.0), (3, 9.0), (4, 16.0)]


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_an_error_becomes_the_outcome_of_its_trial_alone(n_jobs: int) -> None:
    with Workers(odd_ones_fail, n_jobs) as workers:
        found = [outcome for _, outcome in workers.run(TRIALS)]
    assert [outcome.score for outcome in found] == [1.0, None, 1.0, None, 1.0]
    assert [outcome.error for outcome in found] == ["", "ValueError: x is 1", "", "ValueError: x is 3", ""]
    assert all(outcome.seconds >= 0 for outcome in found)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_an_error_of_ours_ends_the_run(n_jobs: int) -> None:
    def refuses(params: dict[str, Value]) -> float:
        raise UsageError("the tables hold one class only")

    with pytest.raises(GateError, match="the tables hold one class only"), Workers(refuses, n_jobs) as workers:
        list(workers.run(TRIALS))


def test_two_jobs_run_in_processes_of_their_own_with_their_share_of_threads(tmp_path: Path) -> None:
    def tells(params: dict[str, Value]) -> float:
        (tmp_path / f"{params['x']}").write_text(f"{os.getpid()} {os.environ['OMP_NUM_THREADS']}")
        return 0.0

    with Workers(tells, 2) as workers:
        list(workers.run(TRIALS))
    told = [(tmp_path / f"{trial.number}").read_text().split() for trial in TRIALS]
    assert str(os.getpid()) not in {pid for pid, _ in told}
    assert all(int(threads) >= 1 for _, threads in told)


def test_a_process_that_dies_costs_its_own_trial_alone() -> None:
    def kills_itself_at_two(params: dict[str, Value]) -> float:
        if params["x"] == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        return float(params["x"])

    with Workers(kills_itself_at_two, 2) as workers:
        found = [outcome for _, outcome in workers.run(TRIALS)]
        again = list(workers.run(TRIALS[:1]))
    assert [outcome.score for outcome in found] == [0.0, 1.0, None, 3.0, 4.0]
    assert found[2].error.startswith("its process ended: TerminatedWorkerError")
    assert again[0][1].score == 0.0


def test_an_objective_that_cannot_travel_is_named() -> None:
    lock = threading.Lock()

    def holds_a_lock(params: dict[str, Value]) -> float:
        with lock:
            return 0.0

    with pytest.raises(UsageError, match=r"the objective cannot be sent to another process .*use 1 job"), Workers(holds_a_lock, 2) as workers:
        list(workers.run(TRIALS))
