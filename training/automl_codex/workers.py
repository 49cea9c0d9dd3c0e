"""Trying several points at once, each in a process of its own (joblib's other home is `stages.py`).

joblib's loky carries closures and starts its processes afresh: forking a process whose scikit-learn has
already used threads may hang.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from numbers import Real
from time import perf_counter
from types import TracebackType
from typing import Any, Final, NamedTuple

from joblib import Parallel, cpu_count, delayed
from joblib.externals.loky import ProcessPoolExecutor
from joblib.externals.loky.backend.reduction import dumps

from automl_codex.space import Value
from automl_codex.strategies import Trial
from codex_gate.errors import GateError, UsageError

Objective = Callable[[dict[str, Value]], float]
IDLE_S: Final = 60  # a worker without work leaves; so none outlives a run that was killed by more than this


def spread(function: Callable[[Any], Any], items: Sequence[Any]) -> list[Any]:
    """What a function makes of each item, in their order; several items are shared out over the processors."""
    return list(Parallel(n_jobs=-1 if len(items) > 1 else 1)(delayed(function)(item) for item in items))


class Outcome(NamedTuple):
    """Score of a trial, or None and why there is none; wall time in seconds."""

    score: float | None
    seconds: float
    error: str = ""


def evaluate(objective: Objective, trial: Trial) -> Outcome:
    """Try one point. What the objective raises becomes the outcome, but for a GateError, which speaks for the whole run."""
    started = perf_counter()
    try:
        score = objective(dict(trial.params))
    except GateError:
        raise
    except Exception as error:  # noqa: BLE001 - a learner may fail in any way at an odd point, and the search goes on without it
        return Outcome(None, perf_counter() - started, _sentence(error))
    seconds = perf_counter() - started
    if isinstance(score, bool) or not isinstance(score, Real) or not math.isfinite(score):
        return Outcome(None, seconds, f"the objective gave {score!r}, expected a finite number")
    return Outcome(float(score), seconds)


class Workers:
    """Tries points, up to `n_jobs` at once; a context manager. With one job everything happens in this process.

    Raises:
        UsageError: on entering, where the objective cannot be sent to another process.
    """

    def __init__(self, objective: Objective, n_jobs: int) -> None:
        self._objective = objective
        self._n_jobs = n_jobs
        self._pool: Any = None

    def __enter__(self) -> Workers:
        if self._n_jobs > 1:
            try:  # before there is a pool: one that is torn down while it finds this out may end in an error of its own
                dumps(self._objective)
            except Exception as error:
                raise UsageError(f"the objective cannot be sent to another process ({_sentence(error)}); use 1 job") from error
            self._pool = self._start(self._n_jobs)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._pool:
            self._pool.shutdown(wait=True, kill_workers=kind is not None)

    def run(self, trials: Sequence[Trial]) -> Iterator[tuple[Trial, Outcome]]:
        """Each trial with its outcome, in the order given, as soon as it and those before it are known."""
        if not self._pool:
            yield from ((trial, evaluate(self._objective, trial)) for trial in trials)
            return
        futures = [self._pool.submit(evaluate, self._objective, trial) for trial in trials]
        died = False
        for trial, future in zip(trials, futures, strict=True):
            try:
                outcome = future.result()
            except BrokenProcessPool:
                died = True
                outcome = self._alone(trial)
            yield trial, outcome
        if died:
            self._pool.shutdown(wait=True, kill_workers=True)
            self._pool = self._start(self._n_jobs)

    def _alone(self, trial: Trial) -> Outcome:
        """Try a point again after a worker died, which ends all that was under way: by itself it shows whether it was the cause."""
        started = perf_counter()
        with self._start(1) as pool:
            try:
                outcome: Outcome = pool.submit(evaluate, self._objective, trial).result()
            except BrokenProcessPool as error:
                return Outcome(None, perf_counter() - started, f"its process ended: {_sentence(error)}")
        return outcome

    def _start(self, n_jobs: int) -> Any:
        threads = max(1, cpu_count() // self._n_jobs)
        return ProcessPoolExecutor(n_jobs, timeout=IDLE_S, env={name: str(threads) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")})


def _sentence(error: BaseException) -> str:
    """Class and first line of an error, at most 300 characters."""
    lines = str(error).strip().splitlines()
    return (type(error).__name__ + (f": {lines[0]}" if lines else ""))[:300]
