"""Tuning: an objective, a space, a strategy, and a log of trials that outlives the process (the sole importer of optuna).

The tuner knows nothing of models: an objective takes parameters and gives a number. Every trial is written down
before it starts and again when it ends, so a run that was killed goes on where it was: finished trials are not
repeated, those that were under way are tried again under their numbers, and what follows is what would have followed.
"""

from __future__ import annotations

import json
import math
import sqlite3
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Literal

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState

from automl_codex.space import Choice, Domain, IntRange, Params, SearchSpace
from automl_codex.strategies import N_STARTUP, GridSearch, ModelBased, RandomSearch, SearchStrategy, Trial, TrialResult
from automl_codex.workers import Objective, Outcome, Workers
from codex_gate.errors import TrainingFailure, UsageError

Direction = Literal["maximize", "minimize"]
N_JOBS: Final = 2  # trials at once, where nobody says how many: a search depends on it
STUDY: Final = "tuning"
BATCH: Final = "batch"  # of a trial in the log: the number of the first that was under way with it, and how many they are


class Tpe(ModelBased):
    """Tree-structured Parzen estimator: candidates from the density of good points, ranked by good over bad.

    Args:
        gamma: share of the points that count as good, rounded up; (0, 1).
        n_candidates: points that are drawn and ranked for one suggestion.
        n_startup: scores that must be known before the model is asked.
    Source: Bergstra et al. 2011, NeurIPS; specification §5.2. The densities are those of optuna's TPESampler.
    """

    def __init__(self, seed: int, n_startup: int = N_STARTUP, gamma: float = 0.25, n_candidates: int = 24) -> None:
        super().__init__(seed, n_startup)
        if not 0 < gamma < 1:
            raise UsageError(f"gamma must lie between 0 and 1, got {gamma}")
        if n_candidates < 1:
            raise UsageError(f"n_candidates must be >= 1, got {n_candidates}")
        self.gamma = gamma
        self.n_candidates = n_candidates

    def good(self, n: int) -> int:
        """How many of `n` points count as good: ceil(gamma · n), so at least one."""
        return math.ceil(self.gamma * n)

    def propose(self, space: SearchSpace, known: list[tuple[Params, float]], seed: int) -> Params:
        """The candidate with the largest ratio of the two densities."""
        study = _in_memory(self._sampler(seed))
        distributions = _distributions(space)
        study.add_trials([_frozen(params, distributions, TrialState.COMPLETE, score) for params, score in known])
        return study.ask(distributions).params

    def _sampler(self, seed: int) -> optuna.samplers.TPESampler:
        with warnings.catch_warnings():
            # optuna 5 deprecates gamma and means to drop it in 6; pyproject.toml keeps below 6.
            warnings.filterwarnings("ignore", message="`gamma` has been deprecated", category=FutureWarning)
            return optuna.samplers.TPESampler(n_startup_trials=0, n_ei_candidates=self.n_candidates, gamma=self.good, seed=seed)


def _smac(seed: int, n_startup: int) -> SearchStrategy:
    from automl_codex.surrogate import Smac  # a second and 50 MB that the other strategies do without

    return Smac(seed, n_startup)


STRATEGIES: Final[Mapping[str, Callable[[int, int], SearchStrategy]]] = {
    "tpe": Tpe,
    "smac": _smac,
    "random": lambda seed, n_startup: RandomSearch(seed),
    "grid": lambda seed, n_startup: GridSearch(seed),
}
"""Every strategy by name, made from a seed and a number of random start-up trials."""


def _at_least(least: int, name: str, value: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise UsageError(f"{name} must be a whole number >= {least}, got {value!r}")


def _check_budget(minutes: float | None) -> None:
    if minutes is not None and not minutes > 0:
        raise UsageError(f"the time budget must be above 0 minutes, got {minutes:g}: no trial would run")


@dataclass(frozen=True)
class AutoMLConfig:
    """How a search is run. Source: specification §7.2.

    Args:
        strategy: a name in STRATEGIES.
        n_trials: trials of the whole search, those of an earlier run in the same storage included; >= 1.
        n_startup_random: random trials before a model of the scores is asked; >= 2.
        early_stopping_patience: trials without a new best before the search ends, None: never.
        time_budget_minutes: no trial but the very first starts later than this after the call, None: any time.
    Raises:
        UsageError: one of them outside its range.
    """

    strategy: str = "tpe"
    n_trials: int = 50
    n_startup_random: int = N_STARTUP
    early_stopping_patience: int | None = 5
    time_budget_minutes: float | None = 60

    def __post_init__(self) -> None:
        if self.strategy not in STRATEGIES:
            raise UsageError(f"no strategy is called {self.strategy!r}; there are {', '.join(STRATEGIES)}")
        _at_least(1, "n_trials", self.n_trials)
        _at_least(2, "n_startup_random", self.n_startup_random)
        if self.early_stopping_patience is not None:
            _at_least(1, "early_stopping_patience", self.early_stopping_patience)
        _check_budget(self.time_budget_minutes)


class Callback:
    """Hears of every trial: `on_trial_start`, then `on_trial_end`, then `should_stop`; here all do nothing.

    Source: specification §5.3.
    """

    def on_trial_start(self, number: int, trial: Trial) -> None:
        """A trial begins."""

    def on_trial_end(self, number: int, result: TrialResult) -> None:
        """A trial has ended, well or not; it is in the log."""

    def should_stop(self, result: TrialResult) -> bool:
        """Whether the search ends here. Asked again about the trials of the last batch when a search goes on from its log."""
        return False


@dataclass(frozen=True)
class EarlyStopping(Callback):
    """Ends the search after `patience` trials in a row without a new best; a failed one counts.

    Source: specification, annotation 10, whose loss is here the score that the search improves.
    """

    patience: int = 5

    def __post_init__(self) -> None:
        _at_least(1, "patience", self.patience)

    def should_stop(self, result: TrialResult) -> bool:
        """True once the best trial lies `patience` trials back."""
        return result.since_best >= self.patience


@dataclass(frozen=True)
class Progress(Callback):
    """Says in one line what became of each trial."""

    say: Callable[[str], None]

    def on_trial_end(self, number: int, result: TrialResult) -> None:
        """Say the score, the time and where the best trial is."""
        if result.score is None:
            self.say(f"trial {number} failed after {result.seconds:.1f} s: {result.error}")
        else:
            best = "the best so far" if not result.since_best else f"best: trial {number - result.since_best}"
            self.say(f"trial {number}: {result.score:.4f} in {result.seconds:.1f} s, {best}")


@dataclass(frozen=True)
class Tuned:
    """The outcome of a search: the best trial, all trials in order, and why it ended."""

    best: TrialResult
    trials: tuple[TrialResult, ...]
    stopped: str

    @property
    def params(self) -> Params:
        """Parameters of the best trial."""
        return self.best.trial.params

    def table(self) -> list[dict[str, Any]]:
        """One row a trial, as plain JSON values: number, params, score (None: failed), seconds, error."""
        return [
            {"number": r.trial.number, "params": dict(r.trial.params), "score": r.score, "seconds": round(r.seconds, 3), "error": r.error} for r in self.trials
        ]


class TrialLog:
    """The trials of one search, in an optuna study: in memory, or in a SQLite file that optuna's own tools can read.

    `finished` holds every trial with an outcome in the order of their numbers, `pending` those that were under way
    when an earlier run ended, `unwritten` how many of their batch are not in the log yet. A file is for one run at a time; the lock beside it goes with
    the process.

    Args:
        identity: what must be the same when a search goes on, as JSON values.
    Raises:
        UsageError: the file is no such log, belongs to another search, or another run is using it.
    """

    def __init__(
        self, space: SearchSpace, direction: Direction = "maximize", storage: Path | None = None, identity: Mapping[str, Any] = MappingProxyType({})
    ) -> None:
        if direction not in ("maximize", "minimize"):
            raise UsageError(f"direction must be maximize or minimize, got {direction!r}")
        self.direction = direction
        self.finished: list[TrialResult] = []
        self.pending: list[Trial] = []
        self.unwritten = 0
        self._batches: dict[int, int] = {}  # number of a trial → of the first of its batch
        self._distributions = _distributions(space)
        self._lock = _locked(storage) if storage else None
        try:
            self._study = _stored(storage, direction) if storage else _in_memory(None, direction)
            self._identify(storage, json.loads(json.dumps(dict(identity))))
        except BaseException:
            self.close()
            raise
        self._restore()

    def __enter__(self) -> TrialLog:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        if self._lock:
            self._lock.close()

    def start(self, batch: Sequence[Trial]) -> None:
        """Write down that trials are under way together; those of them that are in the log already stay."""
        first = batch[0].number
        for trial in batch[sum(trial.number in self._batches for trial in batch) :]:
            self._study.add_trial(_frozen(trial.params, self._distributions, TrialState.RUNNING, notes={BATCH: [first, len(batch)]}))
            self._batches[trial.number] = first

    def last_batch(self) -> list[TrialResult]:
        """What is known of the trials that were under way together with the newest."""
        first = self._batches.get(max(self._batches, default=0))
        return [result for result in self.finished if self._batches[result.trial.number] == first]

    def finish(self, trial: Trial, outcome: Outcome) -> TrialResult:
        """Write down what became of a trial that was started; gives it with its distance from the best."""
        self._study.set_user_attr(f"trial {trial.number}", {"seconds": outcome.seconds, "error": outcome.error})
        if outcome.score is None:
            self._study.tell(trial.number, state=TrialState.FAIL)
        else:
            self._study.tell(trial.number, outcome.score)
        return self._append(trial, outcome)

    def best(self) -> TrialResult | None:
        """The first of the best trials; None while none has a score."""
        return max((r for r in self.finished if r.score is not None), key=self.gain, default=None)

    def gain(self, result: TrialResult) -> float:
        """The score turned so that higher is better; minus infinity without one."""
        if result.score is None:
            return -math.inf
        return result.score if self.direction == "maximize" else -result.score

    def _identify(self, storage: Path | None, identity: dict[str, Any]) -> None:
        known = self._study.user_attrs.get("identity")
        if known is None:
            self._study.set_user_attr("identity", identity)
        elif known != identity:
            differs = next(name for name in {**identity, **known} if known.get(name) != identity.get(name))
            raise UsageError(
                f"{storage} holds the trials of another search ({differs}: found {known.get(differs)}, expected {identity.get(differs)}); "
                "name another file, or remove it to begin anew"
            )

    def _restore(self) -> None:
        notes = self._study.user_attrs
        for frozen in self._study.get_trials(deepcopy=False):
            trial = Trial(frozen.number, dict(frozen.params))
            first, size = frozen.user_attrs.get(BATCH, (trial.number, 1))  # older logs say nothing of batches
            self._batches[trial.number], self.unwritten = first, first + size - 1 - trial.number
            if frozen.state is TrialState.RUNNING:
                self.pending.append(trial)
            else:
                self._append(trial, Outcome(frozen.value if frozen.state is TrialState.COMPLETE else None, **notes[f"trial {frozen.number}"]))

    def _append(self, trial: Trial, outcome: Outcome) -> TrialResult:
        result, best = TrialResult(trial, *outcome), self.best()
        if outcome.score is None or (best and self.gain(result) <= self.gain(best)):
            result = replace(result, since_best=trial.number - (best.trial.number if best else -1))
        self.finished.append(result)
        return result


@dataclass
class AutoTuner:
    """Runs a search. Source: specification §5.3 (`AutoTuner`).

    Trials are tried in batches of `n_jobs`; a batch is suggested before any of it is tried, so that a search depends on
    its seed and `n_jobs`, not on which process was quicker.
    """

    strategy: SearchStrategy
    space: SearchSpace
    objective: Objective
    callbacks: Sequence[Callback] = ()
    n_jobs: int = 1
    time_budget_minutes: float | None = None
    log: TrialLog | None = None
    clock: Callable[[], float] = field(default=time.monotonic)

    def __post_init__(self) -> None:
        _at_least(1, "n_jobs", self.n_jobs)
        _check_budget(self.time_budget_minutes)

    def optimize(self, n_trials: int) -> Tuned:
        """Try points until the log holds `n_trials`, the time is over, a callback says so, or nothing is left to try.

        Raises:
            UsageError: n_trials below 1.
            TrainingFailure: not one trial has a score.
        """
        _at_least(1, "n_trials", n_trials)
        log = self.log or TrialLog(self.space)
        for result in log.finished:
            self._learn(log, result)
        with Workers(self.objective, self.n_jobs) as workers:
            stopped = self._search(log, workers, n_trials)
        best = log.best()
        if best is None:
            raise TrainingFailure(f"all {len(log.finished)} trials failed; the first: {log.finished[0].error}")
        return Tuned(best, tuple(log.finished), stopped)

    def _search(self, log: TrialLog, workers: Workers, n_trials: int) -> str:
        end = math.inf if self.time_budget_minutes is None else self.clock() + 60 * self.time_budget_minutes
        before = log.last_batch()
        stopped = "" if log.pending else self._callback_stop(before)
        while not stopped:
            if len(log.finished) >= n_trials:
                return f"all {n_trials} trials are done"
            if log.finished and self.clock() >= end:
                return f"the time budget of {self.time_budget_minutes:g} minutes is used up"
            known = before if log.pending else []
            batch = self._next(log, n_trials - len(log.finished))
            if not batch:
                return f"nothing is left to try after {len(log.finished)} trials"
            stopped = self._callback_stop(chain(known, self._try(log, workers, batch)))
        return stopped

    def _next(self, log: TrialLog, most: int) -> list[Trial]:
        """What was under way when the log was left, else the strategy's suggestions, written down."""
        pending, log.pending = log.pending[:most], log.pending[most:]
        n = min(len(pending) + log.unwritten, most) if pending else min(self.n_jobs, most)
        log.unwritten = 0
        if n == len(pending):
            return pending
        # none of a batch is tried before all are written down, so that the strategy knows now what it knew when it was asked for the others
        batch = [*pending, *self.strategy.suggest(self.space, n)[len(pending) :]]
        for trial in batch:
            self.space.check(trial.params)
        if batch:
            log.start(batch)
        return batch

    def _try(self, log: TrialLog, workers: Workers, batch: list[Trial]) -> Iterator[TrialResult]:
        for trial in batch:
            for callback in self.callbacks:
                callback.on_trial_start(trial.number, trial)
        for trial, outcome in workers.run(batch):
            result = log.finish(trial, outcome)
            self._learn(log, result)
            for callback in self.callbacks:
                callback.on_trial_end(trial.number, result)
            yield result

    def _callback_stop(self, results: Iterable[TrialResult]) -> str:
        """Why to stop, empty: go on. All results are taken in, also those behind the one that ends the search."""
        found = ""
        for result in results:
            wishes = [type(callback).__name__ for callback in self.callbacks if callback.should_stop(result)]
            found = found or (f"{wishes[0]} ended it after trial {result.trial.number}" if wishes else "")
        return found

    def _learn(self, log: TrialLog, result: TrialResult) -> None:
        """Tell the strategy, which always maximises."""
        self.strategy.report(result if result.score is None else replace(result, score=log.gain(result)))


def tune(
    objective: Objective,
    space: SearchSpace,
    config: AutoMLConfig = AutoMLConfig(),
    *,
    seed: int = 42,
    storage: Path | None = None,
    subject: str = "",
    n_jobs: int = 1,
    direction: Direction = "maximize",
    callbacks: Sequence[Callback] = (),
    clock: Callable[[], float] = time.monotonic,
) -> Tuned:
    """Search `space` for the parameters with the best score of `objective`.

    Args:
        objective: parameters → score, a pure function of them; with more than one job it is sent to other processes.
        storage: a SQLite file to keep the trials in and to go on from, None: memory.
        subject: what the objective scores, as a hash of its data; a storage with another one is refused.
        n_jobs: trials at once.
        callbacks: heard before the early stopping of `config`.
        clock: seconds of a clock that never goes back, for the time budget.
    Raises:
        UsageError: a setting outside its range, or a storage that belongs to another search.
        TrainingFailure: not one trial has a score.
    """
    stopping = [] if config.early_stopping_patience is None else [EarlyStopping(config.early_stopping_patience)]
    identity = {
        "space": space.as_json(),
        "strategy": config.strategy,
        "n_startup": config.n_startup_random,
        "seed": seed,
        "direction": direction,
        "subject": subject,
    }
    with TrialLog(space, direction, storage, identity) as log:
        tuner = AutoTuner(
            strategy=STRATEGIES[config.strategy](seed, config.n_startup_random),
            space=space,
            objective=objective,
            callbacks=[*callbacks, *stopping],
            n_jobs=n_jobs,
            time_budget_minutes=config.time_budget_minutes,
            log=log,
            clock=clock,
        )
        return tuner.optimize(config.n_trials)


def _distributions(space: SearchSpace) -> dict[str, BaseDistribution]:
    return {key: _distribution(domain) for key, domain in space.domains.items()}


def _distribution(domain: Domain) -> BaseDistribution:
    if isinstance(domain, Choice):
        return CategoricalDistribution(domain.options)
    kind = IntDistribution if isinstance(domain, IntRange) else FloatDistribution
    return kind(domain.low, domain.high, log=domain.log)  # type: ignore[arg-type]


def _frozen(
    params: Params, distributions: dict[str, BaseDistribution], state: TrialState, score: float | None = None, notes: Mapping[str, Any] = MappingProxyType({})
) -> FrozenTrial:
    return optuna.trial.create_trial(state=state, value=score, params=dict(params), distributions=distributions, user_attrs=dict(notes))


def _in_memory(sampler: optuna.samplers.BaseSampler | None, direction: Direction = "maximize") -> optuna.Study:
    with _quiet():
        return optuna.create_study(sampler=sampler, direction=direction)


def _stored(path: Path, direction: Direction) -> optuna.Study:
    with _quiet():
        storage = optuna.storages.RDBStorage(f"sqlite:///{path}")
        return optuna.create_study(study_name=STUDY, storage=storage, direction=direction, load_if_exists=True)


def _locked(path: Path) -> sqlite3.Connection:
    """A lock beside `path` that one process alone can hold and that ends with it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with closing(sqlite3.connect(path)) as found:
            found.execute("PRAGMA schema_version").fetchone()
    except sqlite3.Error as error:
        raise UsageError(f"{path} cannot be used as a log of trials ({error}); name another file, or remove it to begin anew") from error
    lock = sqlite3.connect(path.with_name(path.name + ".lock"), timeout=0, isolation_level=None)
    try:
        lock.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError as error:
        lock.close()
        raise UsageError(f"another run is tuning into {path}; wait for it, or name another file") from error
    return lock


@contextmanager
def _quiet() -> Iterator[None]:
    """Without optuna's line for every study; its verbosity is put back."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)
