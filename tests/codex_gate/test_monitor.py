"""Monitoring a built repository that changes its ways (tests/codex_gate/drifting.py), and the command."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import jsonschema
import pytest
import yaml

import codex_gate
from codex_gate import monitor as module
from codex_gate import watch
from codex_gate.andon import ConceptDrift, words
from codex_gate.config import Settings
from codex_gate.decks import BLOCKS
from codex_gate.drift import Shift, Stream
from codex_gate.errors import UsageError
from codex_gate.model import Model
from codex_gate.monitor import monitor
from codex_gate.policy import Policy
from codex_gate.replay import Repairs
from codex_gate.reporters.drift import render
from codex_gate.taxonomy import UNCLASSIFIED
from codex_gate.types import Classification, CommitFeatures, Finding, Level
from codex_gate.watch import DriftReport, Observation, kind
from tests.codex_gate import drifting
from tests.codex_gate.quality import SPECIFICATION
from tests.codex_gate.samples import call, write_model
from tests.conftest import DAY, START, Repo

MakeRepo = Callable[..., Repo]
SCHEMA = json.loads(Path(codex_gate.__file__).with_name("drift.schema.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def drifted(tmp_path_factory: pytest.TempPathFactory, git_environ: dict[str, str]) -> tuple[Repo, list[str]]:
    repo = Repo(tmp_path_factory.mktemp("drifted") / "repo", git_environ)
    return repo, repo.build(drifting.nodes())


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return Model.load(write_model(tmp_path_factory.mktemp("model")))


def run(repo: Repo, model: Model, **more: object) -> DriftReport:
    return monitor(repo.open(), model, Policy(), **more)  # type: ignore[arg-type]


def test_what_moved_since_which_change(drifted: tuple[Repo, list[str]], model: Model) -> None:
    repo, shas = drifted
    found = run(repo, model, last=120)
    assert (found.n_baseline, found.n_window, found.calibrated, found.drift) == (240, 120, True, True)
    moved = {s.name: s for s in found.moved}
    assert "file type" in moved and "category" not in moved
    assert moved["file type"].moved[0].name == "rust"
    start = found.starts["file type"]
    assert abs(shas.index(start.sha) - drifting.N_OLD) <= 5 and start.time == START + shas.index(start.sha) * DAY
    assert found.periods[1] == (START + 280 * DAY, START + 399 * DAY)
    assert found.recommendation == "Retrain"


def test_no_drift_where_nothing_changed(drifted: tuple[Repo, list[str]], model: Model) -> None:
    repo, shas = drifted
    found = run(repo, model, last=100, branch=shas[drifting.N_OLD - 1])
    assert (found.n_baseline, found.n_window, found.drift, found.moved, found.recommendation) == (200, 100, False, [], None)


def test_with_a_given_threshold_the_categories_alone_decide(drifted: tuple[Repo, list[str]], model: Model) -> None:
    repo, _ = drifted
    found = run(repo, model, last=120, threshold=0.5)
    assert (found.threshold, found.calibrated, found.drift) == (0.5, False, False)
    assert "file type" in [s.name for s in found.moved]  # it is told all the same


def test_two_runs_say_the_same_and_keep_nothing(drifted: tuple[Repo, list[str]], model: Model) -> None:
    repo, _ = drifted
    one, other = (run(repo, model, last=100) for _ in range(2))
    assert (one.shifts, one.kl_divergence, one.threshold) == (other.shifts, other.kl_divergence, other.threshold)
    assert {p.name for p in repo.path.iterdir()} == {".git"}


def test_a_short_history_is_halved_and_says_so(drifted: tuple[Repo, list[str]], model: Model) -> None:
    repo, _ = drifted
    found = run(repo, model)
    assert (found.n_window, found.n_baseline) == (200, 200)
    assert [n.code for n in found.notices] == ["small-window"]
    assert found.notices[0].text == "this branch has 400 changes, fewer than two windows of 1,000: the last 200 are compared with those before them"


@pytest.mark.parametrize(
    ("last", "n", "words"),
    [
        (100, 100, []),
        (119, 100, ["a window holds a multiple of 20 changes: 100 in place of the 119 that were asked for"]),
        (80, 80, ["a window of 80 changes is small: below 100 one burst of work can pass for drift"]),
        (30, 20, ["a window holds a multiple of 20 changes: 20 in place of the 30 that", "a window of 20 changes is small: below 100 one burst"]),
    ],
)
def test_a_window_that_is_cut_or_small_is_told(last: int, n: int, words: list[str], drifted: tuple[Repo, list[str]], model: Model) -> None:
    found = run(drifted[0], model, last=last)
    assert (found.n_window, found.n_baseline) == (n, 2 * n)
    assert len(found.notices) == len(words) and all(text in notice.text for text, notice in zip(words, found.notices, strict=True))


@pytest.mark.parametrize(
    ("last", "words"),
    [
        (220, "400 in all; take --last 200 or less"),
        (19, "the window must hold at least 20 changes, got 19"),
        (0, "the window must hold at least 20 changes, got 0"),
    ],
)
def test_a_window_that_cannot_be_is_one_sentence(last: int, words: str, drifted: tuple[Repo, list[str]], model: Model) -> None:
    with pytest.raises(UsageError) as found:
        run(drifted[0], model, last=last)
    assert words in str(found.value)


def test_too_little_history_is_wrong_use(repo: Repo, model: Model) -> None:
    repo.build(drifting.nodes(150, 0))
    with pytest.raises(UsageError, match="150 changes are too few to tell drift from chance; at least 200 are needed"):
        run(repo, model)
    with pytest.raises(UsageError, match="this branch has 150 in all; take --last 75 or less"):
        run(repo, model, last=100)
    assert "a window of 60 changes is small" in run(repo, model, last=75).notices[-1].text


def test_a_shallow_clone_is_wrong_use(drifted: tuple[Repo, list[str]], make_repo: MakeRepo, model: Model) -> None:
    shallow = make_repo("shallow")
    shallow.git("fetch", "-q", "--depth", "5", f"file://{drifted[0].path}", "main:seen")
    with pytest.raises(UsageError, match="this clone is shallow: earlier changes to compare with are not here"):
        run(shallow, model, branch="seen")


def test_paths_of_the_configuration_leave_changes_out(drifted: tuple[Repo, list[str]], model: Model) -> None:
    only_documents = Policy(Settings(include=("docs/**",)))
    with pytest.raises(
        UsageError,
        match=r"of the 3.. changes that are compared [0-9]+ touch the paths that are looked at, too few to tell drift from chance: .*take more changes",
    ):
        monitor(drifted[0].open(), model, only_documents, last=100)


def test_a_small_window_needs_no_more_than_it_holds(drifted: tuple[Repo, list[str]], model: Model) -> None:
    with pytest.raises(UsageError, match="at least 40 are needed, half of them in the window"):
        monitor(drifted[0].open(), model, Policy(Settings(include=("docs/**",))), last=20)


def test_risks_are_held_against_later_fixes(repo: Repo, model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    shas = repo.build(drifting.nodes(400, 0))

    def repairs(_repo: object, _metas: object, line: list[str], _owner: object, start: int, _progress: object, _keep: object) -> Repairs:
        # Every second change was fixed after two days in the first 300, every tenth after that.
        every = {k: (line[k + 2], line[k + 2]) for k in range(start, 398) if (k % 2 == 0 if k < 300 else k % 10 == 0)}
        return Repairs(every, frozenset(), 3)

    monkeypatch.setattr(module, "repairs", repairs)
    found = run(repo, model, last=100, fixes=True)
    assert found.fit is None and [n.code for n in found.notices] == ["unread", "few-fixes"]  # 10 fixes
    found = run(repo, model, last=180, fixes=True)
    assert found.fit is not None and found.drift
    assert (found.fit.n_before, found.fit.n_now) == (216, 176)  # in blocks of 8; the newest two are younger than a fix takes
    assert shas


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory, git_environ: dict[str, str]) -> tuple[Repo, list[str]]:
    """The new ways have held for 450 changes."""
    repo = Repo(tmp_path_factory.mktemp("settled") / "repo", git_environ)
    return repo, repo.build(drifting.nodes(300, 450))


def retrained(tmp_path: Path, head: object) -> Model:
    folder = write_model(tmp_path / "retrained")
    manifest = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps(manifest | {"retrained": {"head": head}}))
    return Model.load(folder)


def test_a_model_that_was_retrained_here_is_compared_with_what_it_knew(settled: tuple[Repo, list[str]], model: Model, tmp_path: Path) -> None:
    repo, shas = settled
    assert run(repo, model).drift
    found = run(repo, retrained(tmp_path, shas[599]))
    assert (found.n_baseline, found.n_window, found.drift) == (280, 140, False)  # of 150 changes since, in blocks of 7
    assert found.periods == ((START + 320 * DAY, START + 599 * DAY), (START + 610 * DAY, START + 749 * DAY))
    assert [n.code for n in found.notices] == ["retrained-baseline"] and "the baseline is the 280 changes up to there" in found.notices[0].text
    assert run(repo, retrained(tmp_path, shas[249]), last=200).drift  # it has not seen the new ways
    young = run(repo, retrained(tmp_path, shas[249]))  # it learned from fewer changes than came since, so the window is no longer than that
    assert (young.n_baseline, young.n_window) == (240, 240) and young.drift
    assert "the baseline is the 240 changes up to there" in young.notices[0].text
    small = run(repo, retrained(tmp_path, shas[599]), last=60)
    assert "a window of 60 changes is too small to be held against that: the baseline is the changes before the window" in small.notices[0].text
    cut = run(repo, retrained(tmp_path, shas[599]), last=149)
    assert (cut.shifts, [n.code for n in cut.notices]) == (found.shifts, ["retrained-baseline", "rounded-window"])


@pytest.mark.parametrize(
    ("head", "words"),
    [
        ("f" * 40, "that is no longer on this branch: the baseline is the changes before the window"),  # history was rewritten
        (700, "49 changes came since, too few for a window: the baseline is the changes before the window"),
        (20, "21 changes lie up to there, too few for a window"),
    ],
)
def test_where_the_models_own_baseline_cannot_serve_it_is_said(
    head: str | int, words: str, settled: tuple[Repo, list[str]], model: Model, tmp_path: Path
) -> None:
    repo, shas = settled
    found = run(repo, retrained(tmp_path, shas[head] if isinstance(head, int) else head))
    usual = run(repo, model)
    assert words in found.notices[0].text and found.notices[1:] == usual.notices
    assert (found.shifts, found.n_window) == (usual.shifts, usual.n_window)


@pytest.mark.parametrize("head", [None, 3, "../..", "main"])
def test_a_manifest_that_names_no_commit_changes_nothing(head: object, settled: tuple[Repo, list[str]], model: Model, tmp_path: Path) -> None:
    assert run(settled[0], retrained(tmp_path, head)).notices == run(settled[0], model).notices


def test_paths_leave_changes_out_on_either_side_of_a_pinned_baseline(settled: tuple[Repo, list[str]], tmp_path: Path) -> None:
    repo, shas = settled
    policy = Policy(Settings(include=("src/**",)))
    found = monitor(repo.open(), retrained(tmp_path, shas[599]), policy)
    assert found.n_window == 120 and found.n_baseline <= 240 and found.periods[0][1] <= START + 599 * DAY < found.periods[1][0]
    assert [n.code for n in found.notices] == ["retrained-baseline", "small-window"]


def test_a_partial_clone_is_wrong_use(drifted: tuple[Repo, list[str]], model: Model, tmp_path: Path) -> None:
    origin = drifted[0]
    origin.git("config", "uploadpack.allowFilter", "true")
    origin.git("clone", "-q", "--bare", "--filter=blob:none", origin.path.as_uri(), tmp_path / "partial")
    with pytest.raises(
        UsageError, match="the contents of 360 of 360 changes are not in this clone, so neither their risk nor their fixes can be told; fetch them"
    ):
        monitor(origin.open(tmp_path / "partial"), model, Policy(), last=120)


def test_clocks_that_lie_move_dates_and_no_verdict(drifted: tuple[Repo, list[str]], model: Model, make_repo: MakeRepo) -> None:
    """A commit of 1970, one of the year 3170843 and one of next week: what counts is the order of the line."""
    lies = {50: 0, 200: 99_999_999_999_999, 399: START - DAY, 350: START + 500 * DAY}
    skewed = make_repo("skewed")
    skewed.build([replace(node, time=lies.get(k, node.time)) for k, node in enumerate(drifting.nodes())])
    found, right = (run(repo, model, last=120, fixes=True, now=START + 1000 * DAY) for repo in (skewed, drifted[0]))
    assert (found.drift, found.shifts, found.kl_divergence) == (right.drift, right.shifts, right.kl_divergence)
    for name in ("terminal", "json", "yaml", "markdown", "html"):
        said = render(name, found)
        assert "9999-12-31" not in said and "1970-01-01" not in said and "are dated before 1972 or in the future" in " ".join(said.split())


def test_history_rewritten_between_two_runs_is_read_as_it_is_now(make_repo: MakeRepo, model: Model) -> None:
    """What an earlier run or screen noted of commits that are gone counts for nothing."""
    other = [replace(node, message=f"{node.message}, again", time=int(node.time) + 60) for node in drifting.nodes(seed=1)]
    repo, fresh = make_repo("rewritten"), make_repo("fresh")
    repo.build(drifting.nodes(300, 0))
    assert not run(repo, model, last=100).drift
    repo.build(other)
    fresh.build(other)
    found, right = run(repo, model, last=120), run(fresh, model, last=120)
    assert found.drift and (found.shifts, found.starts, found.kl_divergence, found.periods) == (right.shifts, right.starts, right.kl_divergence, right.periods)


def test_kind_is_what_most_files_are() -> None:
    assert kind(["a.py", "b.py", "README.md"]) == "python"
    assert kind(["a.py", "b.rs"]) == "python"  # the first by name of two
    assert kind(["conf/x.yaml"]) == "config"
    assert kind([]) == "none"


def test_observations_without_measures_are_judged_by_category_alone() -> None:
    rng = Random(0)
    old = [Observation(str(k), 0, rng.choice(("LogicErrors", "TypeErrors"))) for k in range(400)]
    new = [Observation(str(k), 0, rng.choice(("LogicErrors", "TypeErrors", "MemorySafety"))) for k in range(100)]
    found = watch.judge(old, new, None, Random(0))
    assert [s.name for s in found.shifts] == ["category", "kind of defect"] and found.drift
    assert found.shifts[0].divergence > found.kl_divergence > found.threshold
    assert not watch.judge(old[:300], old[300:], None, Random(0)).drift


def test_drift_of_the_categories_from_the_baseline_alone_is_drift(monkeypatch: pytest.MonkeyPatch) -> None:
    """KL(baseline ‖ window) has no row of its own, and is asked all the same where no threshold was given."""
    still = [Observation(str(k), 0, ("LogicErrors", "TypeErrors")[k % 2]) for k in range(400)]
    compared = watch.compare
    assert not watch.judge(still[:300], still[300:], None, Random(0)).drift

    def moved(streams: Sequence[Stream], window: int, rng: Random) -> list[Shift]:
        first, *rest = compared(streams, window, rng)
        return [replace(first, drifted=True), *rest]

    monkeypatch.setattr(watch, "compare", moved)
    found = watch.judge(still[:300], still[300:], None, Random(0))
    assert found.drift and not any(shift.drifted for shift in found.shifts)
    assert not watch.judge(still[:300], still[300:], 0.5, Random(0)).drift


def test_half_of_a_kind_that_few_changes_are_about_is_seen_in_its_own_row() -> None:
    """One change in ten is a repair and of three in ten of these a category is said: too few for the row of all changes."""

    def one(rng: Random, weights: tuple[int, int, int]) -> Observation:
        (defect,) = rng.choices(("LogicErrors", "ApiMisuse", "MemorySafety"), weights) if rng.random() < 0.1 else (UNCLASSIFIED,)
        return Observation("0" * 40, 0, defect if rng.random() < 0.3 else UNCLASSIFIED, defect=defect)

    rng = Random(0)
    before = [one(rng, (7, 3, 0)) for _ in range(2700)]
    found = watch.judge(before[:2000], [*before[2000:], *(one(rng, (3, 3, 4)) for _ in range(300))], None, Random(0))
    (shift,) = found.moved
    assert shift.name == watch.DEFECT and found.drift and found.recommendation
    assert {move.name: round(move.before, 1) for move in shift.moved} == {"LogicErrors": 0.7, "MemorySafety": 0}
    assert not watch.judge(before[:1700], before[1700:], None, Random(0)).drift


def test_kinds_are_what_is_said_where_one_side_knows_no_more() -> None:
    rng = Random(0)
    said = [Observation(str(k), 0, rng.choice(("LogicErrors", "TypeErrors", UNCLASSIFIED, UNCLASSIFIED))) for k in range(400)]
    knows = [o._replace(defect="MemorySafety" if o.category == UNCLASSIFIED else o.category) for o in said]
    assert not any(s.drifted for s in watch.judge(said[:300], knows[300:], None, Random(0)).shifts)
    assert watch.judge(said[:300], said[300:], None, Random(0)).shifts == watch.judge(said[:300], knows[300:], None, Random(0)).shifts


def test_a_repair_counts_as_what_it_is_likeliest_about_where_nothing_is_said() -> None:
    made = Finding("a" * 40, "t", 0.1, Level.LOW, None, (), CommitFeatures({}), likeliest="TypeErrors")
    assert watch.observed(made, 1)[2::3] == (UNCLASSIFIED, "TypeErrors")
    told = replace(made, classifications=(Classification("LogicErrors", 0.9),))
    assert watch.observed(told, 1)[2::3] == ("LogicErrors", "LogicErrors")
    assert watch.observed(replace(made, likeliest=None), 1)[2::3] == (UNCLASSIFIED, UNCLASSIFIED)


def test_authors_are_watched_where_the_repository_is_older_than_its_baseline(drifted: tuple[Repo, list[str]], model: Model) -> None:
    repo, _ = drifted
    assert watch.NEWCOMER in [s.name for s in run(repo, model, last=100).shifts]  # 100 changes before the baseline
    assert watch.NEWCOMER not in [s.name for s in run(repo, model, last=120).shifts]


def test_a_new_team_is_seen() -> None:
    rng = Random(0)
    measures = dict.fromkeys((*watch.MEASURES, "touches_sum"), 1.0)

    def by(exp: float, own: float) -> Observation:
        return Observation("", 0, "LogicErrors", "python", measures | {"exp": exp, "own_share": own})

    old = [by(rng.choice((5, 200, 900)), rng.choice((0.0, 0.5))) for _ in range(400)]
    found = watch.judge(old, [by(rng.randrange(40), 0.0) for _ in range(200)], None, Random(0), authors=True)
    assert {s.name for s in found.moved} == {watch.NEWCOMER, watch.STRANGER}
    assert [m.name for m in found.moved[0].moved if m.now > m.before][:1] in (["up to 50 commits"], ["yes"])


# -- what the Andon handlers hear --------------------------------------------------------------------------


def told(**changes: object) -> ConceptDrift:
    return watch.event(drifting.report(**changes))


def test_an_event_names_the_threshold_that_was_passed() -> None:
    both, category = told(), told(shifts=drifting.report().shifts[:1], fit=None)
    assert both.gate == category.gate == "drift.kl_threshold" and both.kl_divergence == 0.21
    assert (
        words(category)
        == "/x/repo: drift, KL divergence 0.2100 against 0.0500 (drift.kl_threshold); category moved; retrain on its history if that is here to stay"
    )
    assert "; category, file type, calibration moved; " in words(both)
    given = told(calibrated=False, threshold=0.2)  # the other rows moved too, but nobody asked them
    assert "KL divergence 0.2100 against 0.2000 (drift.kl_threshold); category moved; " in words(given)


def test_an_event_names_the_row_that_tripped_where_the_divergence_did_not() -> None:
    kind, part = (replace(shift, name=name) for shift, name in zip(drifting.report().shifts, ("kind of defect", "file type"), strict=False))
    row = told(threshold=0.448, shifts=(part, replace(kind, divergence=1.254, threshold=1.222)), fit=None)
    assert (row.gate, row.kl_divergence) == ("kind of defect", 0.21)  # the loudest of the two
    assert words(row).startswith("/x/repo: drift, kind of defect 1.254 against 1.222; kind of defect, file type moved; retrain")
    newest = told(threshold=0.448, shifts=(part,), fit=None)  # the whole window lies below
    assert words(newest).startswith("/x/repo: drift, file type 1.50 times its threshold in the newest 20 changes; file type moved; ")
    fixes = told(threshold=0.448, shifts=())
    assert words(fixes).startswith("/x/repo: drift, calibration 0.37 times as before against 1.60 either way; calibration moved; ")
    edge = told(threshold=0.448, shifts=(), fit=None)  # KL of a newest part alone, which the report does not hold
    assert words(edge).startswith("/x/repo: drift, KL divergence of the categories in a newest part of the window (drift.kl_threshold); category moved; ")
    measure = told(threshold=0.448, shifts=(replace(part, name="la"),), fit=None)  # in words, as the reports say it
    assert words(measure).startswith("/x/repo: drift, lines added 1.50 times its threshold in the newest 20 changes; lines added moved; ")
    for event in (row, newest, fixes):
        assert "KL" not in words(event) and "kl_threshold" not in words(event)


# -- the command -------------------------------------------------------------------------------------------


@pytest.fixture
def there(drifted: tuple[Repo, list[str]], model: Model) -> list[str]:
    return ["monitor", "-C", str(drifted[0].path), "--model", str(model.directory), "--last", "120"]


def test_drift_ends_in_1_and_its_absence_in_0(there: list[str], drifted: tuple[Repo, list[str]], capsys: pytest.CaptureFixture[str]) -> None:
    said = call(capsys, *there)
    assert said.code == 1 and said.out.startswith("Drift: file type")
    said = call(capsys, *there, "--branch", drifted[1][drifting.N_OLD - 1])
    assert said.code == 0 and said.out.startswith("No drift\n")


def test_json_and_yaml_hold_the_same_and_the_fixed_keys(there: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(capsys, *there, "--output", str(tmp_path / "drift.yaml")).code == 1
    assert call(capsys, *there, "--output", str(tmp_path / "drift.json")).code == 1
    as_yaml, as_json = yaml.safe_load((tmp_path / "drift.yaml").read_text()), json.loads((tmp_path / "drift.json").read_text())
    jsonschema.Draft202012Validator(SCHEMA).validate(as_json)
    assert {stream["drift"] for stream in as_json["streams"]} == {True, False}
    assert all(stream["drift"] is (stream["ratio"] > 1) for stream in as_json["streams"])
    assert {k: v for k, v in as_yaml.items() if k != "seconds"} == {k: v for k, v in as_json.items() if k != "seconds"}
    assert as_json["drift"] is True and as_json["threshold"] > 0 and as_json["kl_divergence"] >= 0


def test_the_gates_file_sets_threshold_window_and_whether_drift_is_an_alert(there: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    gates = tmp_path / "q.toml"
    gates.write_text(SPECIFICATION.replace("kl_threshold = 0.5", "kl_threshold = 0.0001").replace("monitoring_window = 1000", "monitoring_window = 60"))
    without_last = there[:-2]
    found = json.loads(call(capsys, *without_last, "--gates", str(gates), "--format", "json").out)
    assert (found["threshold"], found["threshold_is"], found["n_window"], found["drift"]) == (0.0001, "given", 60, True)
    assert call(capsys, *there, "--gates", str(gates)).code == 1
    found = json.loads(call(capsys, *there, "--gates", str(gates), "--format", "json", "--alert-threshold", "5").out)
    assert (found["threshold"], found["n_window"], found["drift"]) == (5, 120, False)  # flags win
    gates.write_text("[drift]\nalert_on_drift = false\n")
    said = call(capsys, *there, "--gates", str(gates), "--andon-log", str(tmp_path / "andon.jsonl"))
    assert said.code == 0 and said.out.startswith("Drift: ") and not (tmp_path / "andon.jsonl").exists()


def test_drift_is_logged_and_said_beside_a_file(there: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = call(capsys, *there, "--output", str(tmp_path / "d.md"), "--andon-log", str(tmp_path / "andon.jsonl"))
    assert said.code == 1 and "alert, ConceptDrift: " in said.err
    row = json.loads((tmp_path / "andon.jsonl").read_text())
    assert (row["event"], row["gate"]) == ("ConceptDrift", "file type") and "file type" in row["remedy"]
    assert row["passed"].startswith("file type ") and row["passed"] in said.err and "KL" not in said.err
    assert datetime.fromisoformat(row["time"]).tzinfo is UTC


def test_an_alert_is_not_lost_with_its_file(there: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    said = call(capsys, *there, "--output", str(tmp_path / "file" / "d.yaml"), "--andon-log", str(tmp_path / "file" / "andon.jsonl"))
    assert said.code == 2
    assert "alert, ConceptDrift: " in said.err and "d.yaml cannot be written" in said.err
    assert f"codex-gate: the Andon log {tmp_path / 'file' / 'andon.jsonl'} cannot be written: " in said.err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_log_on_a_full_disk_is_named(there: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    said = call(capsys, *there, "--andon-log", "/dev/full")
    assert said.code == 1 and said.err == "codex-gate: the Andon log /dev/full cannot be written: No space left on device\n"


def test_the_help_says_how_windows_are_cut(capsys: pytest.CaptureFixture[str]) -> None:
    said = " ".join(call(capsys, "monitor", "--help").out.split())
    assert f"in steps of {BLOCKS}; fewer than {watch.MIN_WINDOW} hardly tell drift from chance" in said


@pytest.mark.parametrize("threshold", ["0", "-1", "nan", "inf"])
def test_a_threshold_that_cannot_be_meant(threshold: str, there: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    said = call(capsys, *there, f"--alert-threshold={threshold}")
    assert said.code == 2 and "expected a KL divergence above 0, for example 0.5" in said.err
