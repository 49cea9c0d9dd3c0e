"""`automl-codex monitor` as the specification's §9.1 writes it, from every source it takes, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from automl_codex import cli, stages
from codex_gate.features import FEATURE_NAMES
from codex_gate.model import Model
from tests.codex_gate import drifting
from tests.codex_gate.quality import SPECIFICATION
from tests.codex_gate.samples import write_model
from tests.conftest import START, Repo

SMALL = "[drift]\nmonitoring_window = 100\n"


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_model(tmp_path / "models")
    Path("automl-codex-quality.toml").write_text(SMALL)


def version() -> str:
    return Model.load(Path("models")).version


def rows(folder: str, categories: list[str], **changes: object) -> None:
    Path(folder).mkdir(exist_ok=True)
    row = {"model_version": version(), "features": {name: (1.0 if name != "lt" else None) for name in FEATURE_NAMES}} | changes
    lines = [json.dumps(row | {"sha": f"{k:040x}", "category": name}) for k, name in enumerate(categories)]
    (Path(folder) / "rows.jsonl").write_text("\n".join(lines) + "\n")


def verified(folder: str, categories: list[str | None], column: str = "defect_category") -> None:
    Path(folder).mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({column: pa.array(categories, pa.string())}), Path(folder) / "part-00000.parquet")


def run(*more: str, model: str = "models/ensemble.bin", source: str = "new_commits/", baseline: str = "data/verified/") -> int:
    return cli.main(["monitor", "--model", model, "--input", source, "--baseline", baseline, *more])


MIXED = ["LogicErrors", "TypeErrors", "unclassified", "LogicErrors"] * 50


def test_the_command_of_the_specification(capsys: pytest.CaptureFixture[str]) -> None:
    Path("automl-codex-quality.toml").write_text(SPECIFICATION)
    verified("data/verified", [*["LogicErrors"] * 300, *[None] * 50, *["TypeErrors"] * 100])
    rows("new_commits", ["LogicErrors", "MemorySafety"] * 500)
    assert run("--alert-threshold", "0.5", "--output", "alerts/drift.yaml") == 1
    found = yaml.safe_load(Path("alerts/drift.yaml").read_text())
    assert found["threshold"] == 0.5 and found["kl_divergence"] > 0.5 and found["drift"] and found["retraining_signal"]
    assert found["recommendation"] == "Retrain" and found["drift_score"] == found["kl_divergence"]
    assert (found["n_baseline"], found["n_window"]) == (400, 1000)
    assert found["baseline"]["LogicErrors"] == 0.75 and found["current"]["MemorySafety"] == 0.5
    event = json.loads(Path("reports/andon.jsonl").read_text())
    assert (event["event"], event["kl_divergence"]) == ("ConceptDrift", pytest.approx(found["kl_divergence"], abs=1e-6))
    assert "alert, ConceptDrift: new_commits: drift" in capsys.readouterr().err


def test_no_drift_ends_in_0_and_logs_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    rows("base", MIXED * 2)
    rows("new", MIXED)
    assert run(source="new", baseline="base") == 0
    found = yaml.safe_load(capsys.readouterr().out)
    assert (found["drift"], found["threshold_is"], found["n_window"]) == (False, "calibrated", 100)
    assert [s["name"] for s in found["streams"]][:3] == ["category", "kind of defect", "fix"]
    assert not Path("reports").exists()


def test_measures_are_watched_where_both_sides_have_them(capsys: pytest.CaptureFixture[str]) -> None:
    rows("base", MIXED * 2)
    rows("new", MIXED)
    path = Path("new/rows.jsonl")
    path.write_text(path.read_text().replace('"nf": 1.0', '"nf": 30.0'))
    assert run("--format", "json", source="new", baseline="base") == 1
    found = json.loads(capsys.readouterr().out)
    assert [s["name"] for s in found["streams"] if s["drift"]] == ["nf"]


def test_a_repository_is_observed(make_repo: Callable[..., Repo], capsys: pytest.CaptureFixture[str]) -> None:
    make_repo("new_commits").build(drifting.nodes(0, 120))
    make_repo("old_commits").build(drifting.nodes(200, 0))
    assert run("--format", "json", model="models/model.json", baseline="old_commits") == 1
    found = json.loads(capsys.readouterr().out)
    assert "file type" in [s["name"] for s in found["streams"] if s["drift"]] and found["notices"] == []
    assert run("--format", "markdown", model="models/model.json", baseline="old_commits") == 1
    assert "against the 200 changes of the baseline" in capsys.readouterr().out


def test_a_commit_whose_committer_cannot_be_read_has_the_date_of_the_change_before(make_repo: Callable[..., Repo], capsys: pytest.CaptureFixture[str]) -> None:
    repo = make_repo("new_commits")
    shas = repo.build(drifting.nodes(0, 120))
    tree = repo.git("rev-parse", f"{shas[-2]}^{{tree}}")
    text = f"tree {tree}\nparent {shas[-1]}\nauthor Odd <odd@example.org> {START} +0000\ncommitter Odd <odd@example.org\n\nodd ident\n"
    odd = repo.git("hash-object", "-t", "commit", "-w", "--literally", "--stdin", stdin=text.encode())
    repo.git("update-ref", "refs/heads/main", odd)
    make_repo("old_commits").build(drifting.nodes(200, 0))
    assert run("--format", "terminal", model="models/model.json", baseline="old_commits") == 1
    said = " ".join(capsys.readouterr().out.split())
    assert "1970-01-01" not in said and "1 of 121 changes is dated before 1972 or in the future" in said


def test_alert_on_drift_false_reports_and_ends_in_0(capsys: pytest.CaptureFixture[str]) -> None:
    Path("automl-codex-quality.toml").write_text(SMALL + "alert_on_drift = false\n")
    rows("base", MIXED)
    rows("new", ["MemorySafety"] * 100)
    assert run(source="new", baseline="base") == 0
    assert yaml.safe_load(capsys.readouterr().out)["drift"] is True and not Path("reports").exists()


def test_the_configuration_sets_threshold_and_window(capsys: pytest.CaptureFixture[str]) -> None:
    rows("base", MIXED)
    rows("new", MIXED)
    Path("automl-codex-quality.toml").unlink()
    Path("automl-codex.yaml").write_text('version: "1.0"\nmonitoring:\n  drift_threshold: 0.25\n  window_size: 60\n  alert_on_drift: true\n')
    assert run("--config", "automl-codex.yaml", source="new", baseline="base") == 0
    found = yaml.safe_load(capsys.readouterr().out)
    assert (found["threshold"], found["n_window"]) == (0.25, 60)
    Path("automl-codex.yaml").write_text("monitoring: {kl_threshold: 0.3, monitoring_window: 80}")
    assert run("--config", "automl-codex.yaml", source="new", baseline="base") == 0
    found = yaml.safe_load(capsys.readouterr().out)
    assert (found["threshold"], found["n_window"]) == (0.3, 80)
    Path("automl-codex.yaml").write_text("monitoring:\n  window_sise: 60\n")
    assert run("--config", "automl-codex.yaml", source="new", baseline="base") == 2
    assert "automl-codex.yaml, line 2" in capsys.readouterr().err
    Path("automl-codex.yaml").write_text("monitoring: {window_size: 60}")
    Path("automl-codex-quality.toml").write_text(SMALL)
    assert run("--config", "automl-codex.yaml", source="new", baseline="base") == 2
    assert "monitoring_window is 60, automl-codex-quality.toml says 100; keep one" in capsys.readouterr().err


def test_a_stage_that_is_half_written_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    verified("data/verified", ["LogicErrors"] * 100)
    Path("data/verified", stages.MANIFEST).write_text("{")
    rows("new_commits", MIXED)
    assert run() == 2
    assert "is no manifest of a stage" in capsys.readouterr().err


def _few() -> None:
    rows("new_commits", MIXED[:99])


def _empty() -> None:
    for path in Path("data/verified").iterdir():
        path.unlink()


def _taxonomy() -> None:
    verified("data/verified", ["Typo"] * 100)


def _corrupt() -> None:
    Path("data/verified/part-00000.parquet").write_bytes(b"no parquet")


def _column() -> None:
    verified("data/verified", ["LogicErrors"] * 100, "label")


def _model() -> None:
    rows("new_commits", MIXED, model_version="another")


def _line() -> None:
    Path("new_commits/rows.jsonl").write_text("{}\n")


def _short() -> None:
    verified("data/verified", ["LogicErrors"] * 24)


def _baseline_of_another_model() -> None:
    Path("data/verified/part-00000.parquet").unlink()
    rows("data/verified", MIXED, model_version="another")


def _hollow() -> None:
    Path("data/verified/part-00000.parquet").unlink()
    Path("data/verified/rows.jsonl").write_text("\n")


def _no_rows() -> None:
    verified("data/verified", [])


def _cut() -> None:
    path = Path("data/verified/part-00000.parquet")
    path.write_bytes(path.read_bytes()[:-40])


def _folder() -> None:
    Path("data/verified/rows.jsonl").mkdir()


def _beyond() -> None:
    path = Path("new_commits/rows.jsonl")
    path.write_text(path.read_text().replace('"nf": 1.0', f'"nf": {10**400}'))


def _deep() -> None:
    Path("new_commits/rows.jsonl").write_text("[" * 100_000 + "\n")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (_baseline_of_another_model, "data/verified/rows.jsonl, line 1: scored by another, --model is "),
        (_hollow, "the baseline data/verified holds 0 rows with a category; at least 25"),
        (_no_rows, "the baseline data/verified holds 0 rows with a category; at least 25"),
        (_cut, "part-00000.parquet cannot be read as Parquet"),
        (_folder, "rows.jsonl cannot be read: Is a directory"),
        (_beyond, "rows.jsonl, line 1: no row as codex-gate screen --format jsonl writes it (OverflowError"),
        (_deep, "rows.jsonl, line 1: no row as codex-gate screen --format jsonl writes it (RecursionError"),
        (_few, "new_commits holds 99 changes, fewer than the window of 100; give more, or a smaller monitoring_window in the gates file"),
        (_empty, "data/verified holds neither a git repository nor *.jsonl (codex-gate screen --format jsonl) nor *.parquet rows"),
        (_taxonomy, "holds the category 'Typo', which is not among the 18; it is of another taxonomy, make it anew"),
        (_corrupt, "part-00000.parquet cannot be read as Parquet"),
        (_column, "has no column defect_category or category"),
        (_model, "rows.jsonl, line 1: scored by another, --model is "),
        (_line, "rows.jsonl, line 1: no row as codex-gate screen --format jsonl writes it (KeyError: 'model_version')"),
        (_short, "the baseline data/verified holds 24 rows with a category; at least 25, a quarter of the window, are needed to compare with"),
    ],
)
def test_bad_input_is_one_sentence(spoil: Callable[[], None], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    verified("data/verified", ["LogicErrors"] * 100)
    rows("new_commits", MIXED)
    spoil()
    assert run() == 2
    said = capsys.readouterr().err
    assert words in said and said.count("\n") == 1


def test_wrong_use_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    rows("new_commits", MIXED)
    assert run(model="nowhere/model.bin") == 2
    assert "nowhere/model.bin is no model: neither it nor its folder holds model.json" in capsys.readouterr().err
    assert run(source="new_commits", baseline="new_commits") == 2
    assert "--input and --baseline are both new_commits" in capsys.readouterr().err
    assert run(source="none") == 2
    assert "none is no folder; expected a git repository" in capsys.readouterr().err


def test_an_alert_is_not_lost_with_its_folder(capsys: pytest.CaptureFixture[str]) -> None:
    verified("data/verified", ["LogicErrors"] * 100)
    rows("new_commits", ["MemorySafety"] * 100)
    Path("alerts").write_text("")
    assert run("--output", "alerts/drift.yaml") == 2
    assert "alert, ConceptDrift" in capsys.readouterr().err
    assert json.loads(Path("reports/andon.jsonl").read_text())["event"] == "ConceptDrift"


def test_a_report_that_cannot_be_written_whole_leaves_the_one_before(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    verified("data/verified", ["LogicErrors"] * 100)
    rows("new_commits", ["MemorySafety"] * 100)
    Path("drift.yaml").write_text("before")
    monkeypatch.setattr("codex_gate.reporters.drift.render", lambda *_: "half \ud800")
    assert run("--output", "drift.yaml") == 3
    assert Path("drift.yaml").read_text() == "before" and "alert, ConceptDrift" in capsys.readouterr().err
    assert json.loads(Path("reports/andon.jsonl").read_text())["event"] == "ConceptDrift"
