"""SARIF: what code scanning demands of it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from example_reports import NASTY, REPORTS, crowded, high, hostile

from codex_gate.reporters import render
from codex_gate.reporters.sarif import MAX_RESULTS, RISK_RULE
from codex_gate.taxonomy import DefectCategory
from codex_gate.types import Classification, Evidence, Level, Report

EVERY = {**REPORTS, "crowded": crowded(), **{f"hostile {name}": hostile(text) for name, text in NASTY.items()}}


def run_of(report: Report) -> dict[str, Any]:
    log = json.loads(render("sarif", report))
    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    assert isinstance(run, dict)
    return run


@pytest.mark.parametrize("report", EVERY.values(), ids=EVERY)
def test_must_haves(report: Report) -> None:
    run = run_of(report)
    driver = run["tool"]["driver"]
    assert driver["name"] == "codex-gate"
    assert run["automationDetails"]["id"] == "codex-gate/"
    rules = driver["rules"]
    assert [rule["id"] for rule in rules] == sorted({RISK_RULE, *(f"codex-gate/{category}" for category in DefectCategory)})
    assert all(rule["shortDescription"]["text"].endswith(".") and rule["fullDescription"]["text"] for rule in rules)
    prints = [result["partialFingerprints"]["codexGate/v1"] for result in run["results"]]
    assert len(prints) == len(set(prints))
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["message"]["text"]
        assert result["level"] in ("note", "warning")
        (place,) = result["locations"]
        physical = place["physicalLocation"]
        assert set(physical["region"]) == {"startLine"}  # columns are not known
        assert physical["region"]["startLine"] >= 1
        assert not physical["artifactLocation"]["uri"].startswith("/")


def test_the_risk_stands_at_the_place_to_look_first() -> None:
    risk, *seen = run_of(REPORTS["high"])["results"]
    assert (risk["ruleId"], risk["level"]) == (RISK_RULE, "warning")
    assert risk["locations"][0]["physicalLocation"]["region"] == {"startLine": 88}
    assert risk["message"]["text"].startswith("41 % risk – high, more than 94 % of this repository's last 1,000 changes.")
    # Three places in files; those in the message have none.
    assert [result["ruleId"] for result in seen] == ["codex-gate/ConcurrencyBugs"] * 2 + ["codex-gate/ConfigurationErrors"]
    assert seen[2]["message"]["text"] == "It speaks of ConfigurationErrors (20 %) in the name of the file."


@pytest.mark.parametrize(("level", "expected"), [(Level.MODERATE, "note"), (Level.HIGH, "warning"), (Level.CRITICAL, "warning")])
def test_loudness_follows_the_level(level: Level, expected: str) -> None:
    report = high()
    assert report.change is not None
    results = run_of(replace(report, change=replace(report.change, level=level)))["results"]
    assert {result["level"] for result in results} == {expected}


def test_low_risk_has_no_results() -> None:
    assert run_of(REPORTS["low"])["results"] == []


def test_unknown_risk_has_the_categories_and_says_why() -> None:
    run = run_of(REPORTS["shallow"])
    assert [result["ruleId"] for result in run["results"]] == ["codex-gate/ConcurrencyBugs"]
    assert [note["descriptor"]["id"] for note in run["invocations"][0]["toolExecutionNotifications"]] == ["shallow", "shallow-edge"]


def test_a_risk_without_a_place_is_not_lost() -> None:
    report = high()
    assert report.change is not None
    run = run_of(replace(report, change=replace(report.change, files=(), classifications=())))
    assert run["results"] == []
    assert any("41 % risk" in note["message"]["text"] for note in run["invocations"][0]["toolExecutionNotifications"])


def test_fingerprints_survive_moved_lines() -> None:
    def prints(line: int) -> list[str]:
        report = high()
        assert report.change is not None
        seen = (Classification("ConcurrencyBugs", 0.7, (Evidence("a.py", line, "lock"), Evidence("a.py", line + 5, "lock"))),)
        first = replace(report.change.files[0], line=line)
        moved = replace(report.change, classifications=seen, files=(first,))
        return [result["partialFingerprints"]["codexGate/v1"] for result in run_of(replace(report, change=moved))["results"]]

    assert prints(3) == prints(90)
    assert len(set(prints(3))) == 3


def test_results_keep_to_what_is_kept() -> None:
    report = high()
    assert report.change is not None
    seen = (Classification("LogicErrors", 0.7, tuple(Evidence("a.py", i, "x") for i in range(MAX_RESULTS + 7))),)
    run = run_of(replace(report, change=replace(report.change, classifications=seen)))
    assert len(run["results"]) == MAX_RESULTS
    assert "8 results of the least risky commits are left out" in run["invocations"][0]["toolExecutionNotifications"][-1]["message"]["text"]
    fewer = replace(seen[0], evidence=seen[0].evidence[:MAX_RESULTS])
    run = run_of(replace(report, change=replace(report.change, classifications=(fewer,))))
    assert "1 result of the least risky commits is left out" in run["invocations"][0]["toolExecutionNotifications"][-1]["message"]["text"]


NODE = Path(__file__).parents[3] / ".venv" / "node" / "node_modules" / "@microsoft" / "sarif-multitool-linux"  # where scripts/test puts it
MULTITOOL = shutil.which("Sarif.Multitool", path=os.pathsep.join((os.environ.get("PATH", ""), str(NODE))))


@pytest.mark.skipif(MULTITOOL is None, reason="Sarif.Multitool (npm @microsoft/sarif-multitool) is not on PATH")
@pytest.mark.parametrize("name", ["high", "many", "hostile", "shallow"])
def test_microsofts_validator_agrees(name: str, tmp_path: Path) -> None:
    source, output = tmp_path / "x.sarif", tmp_path / "r.sarif"
    source.write_text(render("sarif", REPORTS[name]), encoding="utf-8")
    command = [str(MULTITOOL), "validate", str(source), "--rule-kind", "Sarif;Ghas", "--output", str(output), "--log", "ForceOverwrite"]
    subprocess.run(command, check=True, capture_output=True, env={"DOTNET_SYSTEM_GLOBALIZATION_INVARIANT": "1", "HOME": str(tmp_path)})
    found = {result["ruleId"] for result in json.loads(output.read_text(encoding="utf-8-sig"))["runs"][0]["results"]}
    assert found <= {"SARIF2005"}  # no informationUri: the project has no address yet
