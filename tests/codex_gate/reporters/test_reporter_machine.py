"""JSON, JSON lines and their schema."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from example_reports import NAN, NASTY, REPORTS, commit, crowded, hostile
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

import codex_gate
from codex_gate.reporters import machine, render
from codex_gate.reporters.machine import SCHEMA_VERSION, jsonl_row
from codex_gate.taxonomy import DefectCategory
from codex_gate.types import Classification, CommitFeatures, FileFocus, Level, ModelKind, Reason, Report

SCHEMA: dict[str, Any] = json.loads((Path(codex_gate.__file__).parent / "report.schema.json").read_text(encoding="utf-8"))
WHOLE = Draft202012Validator(SCHEMA)
ROW = Draft202012Validator({"$ref": "urn:codex-gate:report:1#row"}, registry=Registry().with_resource(SCHEMA["$id"], Resource.from_contents(SCHEMA)))
EVERY = {**REPORTS, "crowded": crowded(), **{f"hostile {name}": hostile(text) for name, text in NASTY.items()}}


def _refuse(name: str) -> None:
    raise AssertionError(f"{name} is no JSON")


def parse(text: str) -> Any:
    return json.loads(text, parse_constant=_refuse)


def test_schema_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["properties"]["schema"]["const"] == SCHEMA_VERSION
    assert SCHEMA["$id"].endswith(f":{SCHEMA_VERSION}")


def test_schema_knows_the_closed_lists() -> None:
    assert SCHEMA["$defs"]["category"]["enum"] == [*map(str, DefectCategory), "unclassified"]
    assert SCHEMA["$defs"]["level"]["enum"] == list(map(str, Level))


def test_schema_leaves_no_object_open() -> None:
    def walk(node: Any) -> None:
        if isinstance(node, dict):
            if node.get("type") == "object":
                assert node["additionalProperties"] is False
            for child in node.values():
                walk(child)
        elif isinstance(node, list):
            for child in node:
                walk(child)

    walk(SCHEMA)


@pytest.mark.parametrize("report", EVERY.values(), ids=EVERY)
def test_every_report_is_valid(report: Report) -> None:
    text = render("json", report)
    assert text.isascii()
    WHOLE.validate(parse(text))


@pytest.mark.parametrize("report", EVERY.values(), ids=EVERY)
def test_every_row_is_valid(report: Report) -> None:
    lines = render("jsonl", report).splitlines()
    assert len(lines) == (len(report.commits) if report.change is None else 1)
    for line in lines:
        ROW.validate(parse(line))


def test_the_report_begins_with_the_verdict_on_the_change() -> None:
    report = parse(render("json", REPORTS["high"]))
    for name in ("sha", "risk", "level", "percentile", "category", "confidence", "features", "tier", "model_version"):
        assert report[name] == report["change"][name]
    assert report["risk"] == 0.4127
    assert report["category"] == "ConcurrencyBugs"
    assert report["thresholds"]["at"] == {"moderate": 0.24, "high": 0.3831, "critical": 0.6149}


def test_without_a_change_the_verdict_is_unknown() -> None:
    report = parse(render("json", REPORTS["many"]))
    assert (report["change"], report["risk"], report["level"], report["category"]) == (None, None, "unknown", "unclassified")
    assert len(report["commits"]) == 24


def test_what_is_not_known_is_null() -> None:
    finding = commit("x", NAN, Level.UNKNOWN, "t", percentile=NAN, features=CommitFeatures({"la": NAN, "ld": float("inf"), "lt": 3.0}))
    finding = replace(finding, reasons=(Reason("la", NAN, NAN, "x"),), files=(FileFocus("a", 0, NAN, ""),), classifications=(Classification(None, NAN),))
    row = parse(jsonl_row(finding, 1, "v"))
    ROW.validate(row)
    assert row["features"] == {"la": None, "ld": None, "lt": 3}
    assert row["risk"] is row["percentile"] is row["reasons"][0]["value"] is row["files"][0]["line"] is None


def test_numbers_are_rounded_and_counts_are_whole() -> None:
    row = jsonl_row(commit("x", 0.123456789, Level.LOW, "t", features=CommitFeatures({"la": 12.0, "entropy": 0.12345678, "rexp": -0.0})), 1, "v")
    assert '"risk":0.1235,' in row
    assert '"features":{"la":12,"entropy":0.123457,"rexp":0}' in row


def test_the_same_notice_is_told_once() -> None:
    report = REPORTS["shallow"]
    assert report.change is not None
    twice = replace(report, change=replace(report.change, features=CommitFeatures({}, report.change.notices)))
    assert [n["code"] for n in parse(render("json", twice))["notices"]] == ["shallow", "shallow-edge"]
    assert [n["code"] for n in parse(render("jsonl", twice))["notices"]] == ["shallow-edge"]


def test_the_report_says_what_a_model_was_made_for_where_it_was() -> None:
    for kind in ModelKind:
        found = parse(render("json", replace(REPORTS["high"], model_kind=kind)))
        WHOLE.validate(found)
        assert found.get("model_kind", "general") == kind


def test_the_staged_change_has_no_sha() -> None:
    assert parse(render("jsonl", REPORTS["young"]))["sha"] is None


@pytest.mark.parametrize("report", EVERY.values(), ids=EVERY)
def test_a_line_is_its_row_as_the_encoder_writes_it(report: Report) -> None:
    for finding in report.commits if report.change is None else (report.change,):
        assert jsonl_row(finding, 1, "v") == machine._encoded(machine._COMPACT, machine.row(finding, 1, "v"))


def test_measures_are_written_as_the_encoder_does() -> None:
    rng = random.Random(5)
    kinds = (lambda: float(rng.randrange(2000)), rng.random, lambda: rng.uniform(-1e-7, 1e-7), lambda: 10 ** rng.uniform(-320, 300), lambda: NAN, lambda: -0.0)
    values = {f"m{n}": rng.choice(kinds)() for n in range(3000)} | {"100 %s": 1.0, "inf": float("inf")}
    finding = commit("x", 0.5, Level.LOW, '"\\u0000" \0 ##', features=CommitFeatures(values))
    assert jsonl_row(finding, 1, "v") == machine._encoded(machine._COMPACT, machine.row(finding, 1, "v"))
    assert parse(jsonl_row(finding, 1, "v"))["title"] == '"\\u0000" \0 ##'
