"""Andon: what breaks a gate becomes an event, every handler hears of it, and any of them may stop the line.

    andon = Andon(DefaultAndonHandler(say), JsonLinesHandler(Path("reports/andon.jsonl"), time.time))
    andon.check(events)          # HaltedError when a handler wants to halt

There are two levels. A gate's threshold raises the event, which is told and logged; the critical value, which only the
default handler knows, halts. An event knows where it happened, which gate it broke and what to do, beside the fields of
the specification (§8.2). A handler that fails takes nothing along: the others still hear of the event, and nobody
halts because of it.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Protocol

from codex_gate.errors import HaltedError, UsageError

CRITICAL_REJECTION: Final = 0.95  # specification §8.2, as the next
CRITICAL_DIVERSITY: Final = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class _Event:
    gate: str = ""
    where: str = ""
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class HighRejectionRate(_Event):
    """Too large a share of what was made had to be thrown away; both in [0, 1]."""

    actual: float
    threshold: float


@dataclass(frozen=True, slots=True)
class DiversityCollapse(_Event):
    """What was made repeats itself: distinct by all, in [0, 1]."""

    score: float
    threshold: float


@dataclass(frozen=True, slots=True)
class ModelDegradation(_Event):
    """A measure of a model is worse than it has to be; `baseline` is the gate, or the model that it is compared with."""

    metric: str
    actual: float
    baseline: float


@dataclass(frozen=True, slots=True)
class ConceptDrift(_Event):
    """The predictions, or what they rest on, are no longer distributed as they were (KL divergence in nats).

    `passed` is what was beyond which threshold, in words: the divergence need not be.
    """

    kl_divergence: float
    passed: str = field(default="", kw_only=True)


@dataclass(frozen=True, slots=True)
class TrainingFailure(_Event):
    """No model came of a training."""

    reason: str


AndonEvent = HighRejectionRate | DiversityCollapse | ModelDegradation | ConceptDrift | TrainingFailure


def words(event: AndonEvent) -> str:
    """What happened, where, how far off, and what to do, as one line."""
    place = f"{event.where}: " if event.where else ""
    finding = _finding(event)
    gate = f" ({event.gate})" if event.gate and event.gate not in finding else ""
    return f"{place}{finding}{gate}" + (f"; {event.remedy}" if event.remedy else "")


def _finding(event: AndonEvent) -> str:
    match event:
        case HighRejectionRate():
            off = 100 * (event.actual - event.threshold)
            return f"{100 * event.actual:.1f} % rejected, at most {100 * event.threshold:.1f} % may be: {off:.1f} points too many"
        case DiversityCollapse():
            return f"diversity {event.score:.3f}, at least {event.threshold:.3f} is needed: {event.threshold - event.score:.3f} too low"
        case ModelDegradation():
            return f"{event.metric} is {event.actual:.4g} against {event.baseline:.4g}: off by {abs(event.actual - event.baseline):.4g}"
        case ConceptDrift():
            return f"drift, {event.passed or f'KL divergence {event.kl_divergence:.4f}'}"
        case TrainingFailure():
            return f"no model came of the training: {event.reason}"


def as_object(event: AndonEvent) -> dict[str, object]:
    """The event's name and fields as JSON values."""
    return {"event": type(event).__name__} | {field.name: getattr(event, field.name) for field in fields(event)}


class AndonHandler(Protocol):
    """Hears of events; called from any thread, one event at a time."""

    def on_event(self, event: AndonEvent) -> None: ...

    def should_halt(self, event: AndonEvent) -> bool: ...


class DefaultAndonHandler:
    """Says what is an alert and halts on what is critical, which the error says that stops the line.

    Source: specification §8.2, whose handler forgets to say anything.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say

    def on_event(self, event: AndonEvent) -> None:
        if not self.should_halt(event):
            self._say(f"alert, {type(event).__name__}: {words(event)}")

    def should_halt(self, event: AndonEvent) -> bool:
        match event:
            case HighRejectionRate():
                return event.actual > CRITICAL_REJECTION
            case DiversityCollapse():
                return event.score < CRITICAL_DIVERSITY
            case ModelDegradation() | TrainingFailure():
                return True
            case ConceptDrift():
                return False


class JsonLinesHandler:
    """Appends every event to a log, one JSON object a line with its time; never halts.

    Raises UsageError where the log cannot be written, or takes a part of the line alone.
    """

    def __init__(self, path: Path, now: Callable[[], float]) -> None:
        self._path = path
        self._now = now

    def on_event(self, event: AndonEvent) -> None:
        stamp = datetime.fromtimestamp(self._now(), UTC).isoformat(timespec="seconds")
        line = json.dumps({"time": stamp} | as_object(event) | {"text": words(event)}, ensure_ascii=True) + "\n"
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            target = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
            try:
                written = os.write(target, line.encode("ascii"))  # one write: lines of two processes do not mix
            finally:
                os.close(target)
        except OSError as error:
            raise UsageError(f"the Andon log {self._path} cannot be written: {error.strerror}") from error
        if written < len(line):  # a disk that is nearly full takes a part without a word
            raise UsageError(f"the Andon log {self._path} took {written} of the {len(line)} bytes of an event, so its last line is torn; is the disk full?")

    def should_halt(self, event: AndonEvent) -> bool:
        return False


class PostHandler:
    """Hands every event to a function that posts it (a forge, a chat); never halts."""

    def __init__(self, post: Callable[[Mapping[str, object]], None]) -> None:
        self._post = post

    def on_event(self, event: AndonEvent) -> None:
        self._post(as_object(event) | {"text": words(event)})

    def should_halt(self, event: AndonEvent) -> bool:
        return False


class Andon:
    """The cord: tells every handler of an event, and asks whether the line has to stop.

    `problems` are the handlers that could not do their work, one sentence each.
    """

    def __init__(self, *handlers: AndonHandler) -> None:
        self._handlers = handlers
        self._lock = threading.Lock()
        self.problems: list[str] = []

    def pull(self, event: AndonEvent) -> bool:
        """Tell every handler; whether one of them wants to halt."""
        with self._lock:
            wishes = [self._told(handler, event) for handler in self._handlers]  # all are told, also behind the first that halts
        return any(wishes)

    def _told(self, handler: AndonHandler, event: AndonEvent) -> bool:
        try:
            handler.on_event(event)
        except UsageError as error:  # its words are for people
            self.problems.append(str(error))
        except Exception as error:  # noqa: BLE001 – a forge that is down must neither lose the alert for the others nor stop the line
            reason = getattr(error, "strerror", None) or error
            self.problems.append(f"{type(handler).__name__} could not pass on a {type(event).__name__}: {reason}")
        return handler.should_halt(event)

    def check(self, events: Iterable[AndonEvent]) -> None:
        """Pull for each event; all are told before the line stops.

        Raises:
            HaltedError: one of them is critical; the message tells which, a line each and the place once.
        """
        halting = [event for event in events if self.pull(event)]
        if halting:
            first, *more = halting
            rest = (f"\n  and {words(replace(event, where='' if event.where == first.where else event.where))}" for event in more)
            raise HaltedError(f"halted by a gate: {words(first)}{''.join(rest)}")
