"""The five events, the handlers, and when the line stops."""

from __future__ import annotations

import json
import os
import re
import threading
from dataclasses import fields
from pathlib import Path
from typing import get_args

import pytest

from codex_gate import andon as module
from codex_gate.andon import (
    Andon,
    AndonEvent,
    AndonHandler,
    ConceptDrift,
    DefaultAndonHandler,
    DiversityCollapse,
    HighRejectionRate,
    JsonLinesHandler,
    ModelDegradation,
    PostHandler,
    TrainingFailure,
    as_object,
    words,
)
from codex_gate.errors import HaltedError

EVENTS = {kind.__name__: kind for kind in get_args(AndonEvent)}
HANDLERS = {
    DefaultAndonHandler: lambda _: DefaultAndonHandler(lambda _: None),
    JsonLinesHandler: lambda folder: JsonLinesHandler(folder / "reports" / "andon.jsonl", lambda: 0.0),
    PostHandler: lambda _: PostHandler(lambda _: None),
}
EVERY: list[AndonEvent] = [
    HighRejectionRate(0.3, 0.25, gate="generation.max_rejection_rate", where="data/raw", remedy="look at the rejects"),
    DiversityCollapse(0.4, 0.5),
    ModelDegradation("AUC", 0.71, 0.8),
    ConceptDrift(0.61),
    TrainingFailure("all 5 trials failed"),
]


def test_the_five_events_have_the_fields_of_the_specification() -> None:
    ours = {"gate", "where", "remedy", "passed"}
    assert {name: [f.name for f in fields(kind) if f.name not in ours] for name, kind in EVENTS.items()} == {
        "HighRejectionRate": ["actual", "threshold"],
        "DiversityCollapse": ["score", "threshold"],
        "ModelDegradation": ["metric", "actual", "baseline"],
        "ConceptDrift": ["kl_divergence"],
        "TrainingFailure": ["reason"],
    }


@pytest.mark.parametrize(
    ("event", "halts"),
    [
        (HighRejectionRate(0.95, 0.25), False),
        (HighRejectionRate(0.9501, 0.25), True),
        (DiversityCollapse(0.1, 0.5), False),
        (DiversityCollapse(0.0999, 0.5), True),
        (ModelDegradation("F1", 0.749, 0.75), True),
        (TrainingFailure("no data"), True),
        (ConceptDrift(99.0), False),
    ],
)
def test_truth_table_of_the_default_handler(event: AndonEvent, halts: bool) -> None:
    said: list[str] = []
    handler = DefaultAndonHandler(said.append)
    assert handler.should_halt(event) is halts
    handler.on_event(event)
    assert bool(said) is not halts  # what halts is said by the error


def test_words_say_what_where_how_far_off_and_what_to_do() -> None:
    assert words(EVERY[0]) == "data/raw: 30.0 % rejected, at most 25.0 % may be: 5.0 points too many (generation.max_rejection_rate); look at the rejects"
    assert words(EVERY[1]) == "diversity 0.400, at least 0.500 is needed: 0.100 too low"
    assert words(EVERY[2]) == "AUC is 0.71 against 0.8: off by 0.09"
    assert words(EVERY[3]) == "drift, KL divergence 0.6100"
    assert words(ConceptDrift(0.1, passed="file type 0.5 against 0.4", gate="file type", where="x")) == "x: drift, file type 0.5 against 0.4"


def test_the_handlers_tried_here_are_all_that_there_are() -> None:
    assert {kind for kind in vars(module).values() if hasattr(kind, "should_halt")} == {AndonHandler, *HANDLERS}


@pytest.mark.parametrize("kind", HANDLERS)
@pytest.mark.parametrize("event", EVERY, ids=lambda event: type(event).__name__)
def test_every_handler_takes_every_event(kind: type[AndonHandler], event: AndonEvent, tmp_path: Path) -> None:
    handler = HANDLERS[kind](tmp_path)
    before = as_object(event)
    handler.on_event(event)
    assert isinstance(handler.should_halt(event), bool)
    assert as_object(event) == before


def test_the_log_holds_one_object_a_line_with_its_time(tmp_path: Path) -> None:
    log = tmp_path / "reports" / "andon.jsonl"
    andon = Andon(JsonLinesHandler(log, lambda: 1_700_000_000.0))
    for event in EVERY:
        assert andon.pull(event) is False
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    assert [row["event"] for row in rows] == list(EVENTS)
    assert rows[0] == {
        "time": "2023-11-14T22:13:20+00:00", "event": "HighRejectionRate", "gate": "generation.max_rejection_rate", "where": "data/raw",
        "remedy": "look at the rejects", "actual": 0.3, "threshold": 0.25, "text": words(EVERY[0]),
    }  # fmt: skip


def test_all_are_told_before_the_line_stops() -> None:
    seen: list[object] = []
    andon = Andon(PostHandler(seen.append), DefaultAndonHandler(lambda _: None))
    with pytest.raises(HaltedError) as stopped:
        andon.check(EVERY)
    assert len(seen) == 5
    assert stopped.value.exit_code == 4
    assert str(stopped.value) == "halted by a gate: AUC is 0.71 against 0.8: off by 0.09\n  and no model came of the training: all 5 trials failed"


def test_nothing_stops_for_alerts() -> None:
    Andon(DefaultAndonHandler(lambda _: None)).check([EVERY[0], EVERY[1], EVERY[3]])


def test_a_handler_that_fails_neither_loses_the_alert_nor_halts(tmp_path: Path) -> None:
    def down(_: object) -> None:
        raise ConnectionError("the forge is down")

    log = tmp_path / "andon.jsonl"
    andon = Andon(PostHandler(down), JsonLinesHandler(log, lambda: 0.0))
    andon.check([ConceptDrift(0.7)])
    assert json.loads(log.read_text())["kl_divergence"] == 0.7
    assert andon.problems == ["PostHandler could not pass on a ConceptDrift: the forge is down"]


def test_a_log_that_cannot_be_written_is_a_problem_not_an_end(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    andon = Andon(JsonLinesHandler(tmp_path / "file" / "andon.jsonl", lambda: 0.0))
    assert andon.pull(EVERY[4]) is False
    assert andon.problems == [f"the Andon log {tmp_path / 'file' / 'andon.jsonl'} cannot be written: File exists"]


def test_a_log_that_takes_a_part_of_a_line_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log, write = tmp_path / "andon.jsonl", os.write
    monkeypatch.setattr(os, "write", lambda target, data: write(target, data[:10]))
    andon = Andon(JsonLinesHandler(log, lambda: 0.0))
    assert andon.pull(EVERY[4]) is False
    (said,) = andon.problems
    assert re.fullmatch(rf"the Andon log {re.escape(str(log))} took 10 of the \d+ bytes of an event, so its last line is torn; is the disk full\?", said)


def test_events_of_many_threads_come_one_at_a_time(tmp_path: Path) -> None:
    inside, most = [0], [0]

    class Counting:
        def on_event(self, event: AndonEvent) -> None:
            inside[0] += 1
            most[0] = max(most[0], inside[0])
            threading.Event().wait(0.0005)
            inside[0] -= 1

        def should_halt(self, event: AndonEvent) -> bool:
            return False

    log = tmp_path / "andon.jsonl"
    andon = Andon(Counting(), JsonLinesHandler(log, lambda: 0.0))
    threads = [threading.Thread(target=lambda: [andon.pull(ConceptDrift(k / 10)) for k in range(20)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1]
    assert len([json.loads(line) for line in log.read_text().splitlines()]) == 160
