import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from jsonschema import Draft202012Validator

from automl_codex import cli, evaluate, evaluation_report, export, release, tables, train
from codex_gate.errors import UsageError
from codex_gate.features import FEATURE_NAMES
from codex_gate.model import Model, default_directory
from tests.automl_codex.synthetic import PROJECTS, corpus, dataset

SMALL = train.Recipe(n_trees=10, leaf_size=10)
TODAY = date(2026, 1, 2)


@pytest.fixture
def rows():
    return corpus().split(dataset())[0]


@pytest.fixture
def quick(monkeypatch) -> None:
    monkeypatch.setattr(evaluate, "DRAWS", 30)
    monkeypatch.setattr(evaluate, "ABLATION_TREES", 3)
    monkeypatch.setattr(evaluate, "entrants", lambda recipe: [evaluate.forest_entrant("forest", recipe), evaluate.logistic_entrant("lapredict", ("la",))])


@pytest.mark.parametrize("scenario", [evaluate.SELECTION, evaluate.TIME_SAFE, evaluate.ALL_TIMES])
def test_no_repository_is_on_both_sides(rows, scenario: evaluate.Scenario) -> None:
    groups = corpus().groups(rows)
    found = evaluate.folds(rows, corpus(), scenario)
    assert [set(groups[f.left_out]) for f in found] == [{"org/gamma"}, {"org/alpha"}, {"org/beta"}], "the largest first"
    for fold in found:
        assert set(groups[fold.test]) == set(groups[fold.left_out])
        assert not set(groups[fold.train]) & set(groups[fold.left_out])
        assert not (fold.train & fold.test).any()


def test_many_repositories_are_left_out_in_parts(rows, monkeypatch) -> None:
    monkeypatch.setattr(evaluate, "N_FOLDS", 2)
    groups = corpus().groups(rows)
    found = evaluate.folds(rows, corpus(), evaluate.ALL_TIMES)
    assert [set(groups[f.left_out]) for f in found] == [{"org/gamma", "org/beta"}, {"org/alpha"}]
    assert all(set(groups[f.train]).isdisjoint(groups[f.left_out]) for f in found)


def test_projects_of_one_repository_leave_together(rows) -> None:
    fold = next(f for f in evaluate.folds(rows, corpus(), evaluate.ALL_TIMES) if "org/gamma" in corpus().groups(rows)[f.left_out])
    assert set(rows.project[fold.test]) == {"gamma-core", "gamma-web"}
    assert not set(rows.project[fold.train]) & {"gamma-core", "gamma-web"}


@pytest.mark.parametrize("scenario", [evaluate.SELECTION, evaluate.TIME_SAFE])
def test_no_row_or_label_is_later_than_the_cut_off_and_a_year_lies_between(rows, scenario: evaluate.Scenario) -> None:
    assert scenario.cut_off is not None
    labels, _ = evaluate.known(rows, corpus(), scenario)
    for fold in evaluate.folds(rows, corpus(), scenario):
        assert (rows.time[fold.train] < scenario.cut_off - train.YEAR).all()
        assert (rows.fix_time[fold.train & (labels == 1)] < scenario.cut_off).all()
        assert (rows.time[fold.test] >= scenario.cut_off + train.YEAR).all()


def test_all_times_uses_no_label_beyond_the_end_of_the_project(rows) -> None:
    labels, usable = evaluate.known(rows, corpus(), evaluate.ALL_TIMES)
    ends = corpus().ends(rows)
    assert (rows.fix_time[labels == 1] < ends[labels == 1]).all()
    assert (rows.time[usable] < ends[usable] - train.YEAR).all()


def test_selection_window_ends_before_the_reported_one() -> None:
    assert evaluate.SELECTION.test_to <= evaluate.TIME_SAFE.test_from


def test_only_rows_of_the_training_fold_reach_a_model(rows) -> None:
    seen = []

    def fit(data, y):
        seen.append((set(data.project.tolist()), len(data), len(y)))
        return lambda asked: asked.columns(["la"])[:, 0]

    scores = evaluate.out_of_project(rows, corpus(), evaluate.TIME_SAFE, evaluate.Entrant("spy", fit))
    assert [s[0] for s in seen] == [{"alpha", "beta"}, {"beta", "gamma-core", "gamma-web"}, {"alpha", "gamma-core", "gamma-web"}]
    assert all(n == m for _, n, m in seen)
    assert np.array_equal(scores, rows.columns(["la"])[:, 0])


def test_masked_copies_are_made_of_training_rows_alone(rows, monkeypatch) -> None:
    asked = []
    real = train.without_history
    monkeypatch.setattr(train, "without_history", lambda data: asked.append(data) or real(data))
    fold = evaluate.folds(rows, corpus(), evaluate.TIME_SAFE)[0]
    train.fit(rows.where(fold.train), rows.y[fold.train], SMALL)
    (masked,) = asked
    assert 0.15 * fold.train.sum() < len(masked) < 0.45 * fold.train.sum()
    assert set(masked.sha256.tolist()) <= set(rows.sha256[fold.train].tolist())


def test_calibration_of_a_repository_ignores_its_own_labels(rows) -> None:
    scores = evaluate.out_of_project(rows, corpus(), evaluate.TIME_SAFE, evaluate.logistic_entrant("lapredict", ("la",)))
    before = evaluate.calibrated_elsewhere(rows, corpus(), evaluate.TIME_SAFE, scores)
    mine = rows.project == "alpha"
    turned = replace(rows, y=np.where(mine, 1 - rows.y, rows.y), fix_time=np.where(mine & (rows.y == 0), rows.time + 1.0, rows.fix_time))
    after = evaluate.calibrated_elsewhere(turned, corpus(), evaluate.TIME_SAFE, scores)
    assert np.array_equal(before[mine], after[mine])
    assert not np.array_equal(before[~mine], after[~mine])


def test_leaked_label_would_show(rows) -> None:
    """The twin of the leak tests: a measure that is the label gives an AUC near 1, so the measure can see leaks."""
    x = rows.X.copy()
    x[:, FEATURE_NAMES.index("la")] = rows.y
    leaking = replace(rows, X=x)
    scores = evaluate.out_of_project(leaking, corpus(), evaluate.TIME_SAFE, evaluate.logistic_entrant("lapredict", ("la",)))
    assert evaluate.mean_auc(leaking, evaluate.TIME_SAFE, scores) == 1.0


def test_an_ablation_says_apart_what_either_kind_of_labels_says(rows) -> None:
    order = train.encode(rows, ("la",))[:, 0]
    alone = evaluate._ablated(rows, corpus(), "la", 1, order)
    assert alone["mean_auc_szz"] == alone["mean_auc"] == evaluate.mean_auc(rows, evaluate.SELECTION, order) and np.isnan(alone["mean_auc_outside"])
    both = evaluate._ablated(replace(rows, outside=rows.project == "alpha"), corpus(), "la", 1, order)
    assert both["mean_auc"] == alone["mean_auc"] and both["mean_auc_szz"] != both["mean_auc_outside"]
    assert export._figure(None) == "–" and export._figure(0.81234) == "0.8123"


def test_calibration_is_judged_on_projects_with_few_buggy_commits_too(rows) -> None:
    """To leave them out would be to choose by the outcome, and flatters."""
    rare = (rows.project == "alpha") & (rows.y == 1) & (np.cumsum(rows.project == "alpha") > 20)
    few = replace(rows, y=np.where(rare, 0, rows.y).astype(np.int8), fix_time=np.where(rare, np.nan, rows.fix_time))
    contenders = [evaluate.logistic_entrant("forest", ("la", "nf")), evaluate.logistic_entrant("lapredict", ("la",))]
    found, scores = evaluate.compare(few, corpus(), evaluate.TIME_SAFE, contenders, 1, lambda _: None)
    tested = few.time >= evaluate.TIME_SAFE.test_from
    p = evaluate.calibrated_elsewhere(few, corpus(), evaluate.TIME_SAFE, scores)
    assert [row["project"] for row in found["too_few_test_commits"]] == ["alpha"] and "alpha" not in [row["project"] for row in found["projects"]]
    assert found["too_few_test_commits"][0]["mean_risk"] == pytest.approx(p[tested & (few.project == "alpha")].mean())
    assert found["pooled"]["forest"]["commits"] == tested.sum()
    assert found["pooled"]["forest"]["ece"] == pytest.approx(evaluate.metrics.ece(few.y[tested], p[tested]))
    each = [evaluate.metrics.ece(few.y[m], p[m]) for name in np.unique(few.project) if (m := tested & (few.project == name)).sum() >= evaluate.MIN_TEST_ROWS]
    assert found["mean_ece_of"] == {"projects": len(each), "test_commits_each": 100} and len(each) == len(found["projects"]) + 1
    assert found["mean"]["forest"]["ece"] == pytest.approx(np.mean(each))


@pytest.mark.usefixtures("quick")
def test_a_holdout_of_one_kind_has_no_order_and_still_a_card(tmp_path) -> None:
    data = dataset()
    held = data.project == "held"
    clean = replace(data, y=np.where(held, 0, data.y).astype(np.int8), fix_time=np.where(held, np.nan, data.fix_time))
    said: list[str] = []
    made = release.make(clean, corpus(), SMALL, TODAY, [], said.append)
    assert "| held | " in (card := made.files["MODEL_CARD.md"].decode()) and " | 0.00 | – | – | – | " in card
    assert not any("no time of their fix" in one for one in said)


def test_holdouts_of_one_note_share_it() -> None:
    row = {
        "commits": 4,
        "buggy": 2,
        "mean_risk": 0.1,
        "ece": 0.1,
        "auc": {"forest": {"value": None}, "lapredict": {"value": None}},
        "difference_to_lapredict": {"forest": {}},
    }
    lines = export._external([row | {"project": "a", "note": "fresh"}, row | {"project": "b"}, row | {"project": "c", "note": "fresh"}])
    assert [line for line in lines if line.startswith("- ")] == ["- a, c: fresh"]


def test_rows_are_others_where_their_labels_come_from_elsewhere(rows) -> None:
    outside = replace(rows, outside=np.asarray(rows.project == "alpha"))
    assert len({evaluate.data_hash(one) for one in (rows, outside, replace(rows, outside=~outside.outside))}) == 3
    assert evaluate.data_hash(replace(rows, outside=np.zeros(len(rows), bool))) == evaluate.data_hash(replace(rows, outside=None))


def test_table_of_an_unknown_project_is_refused() -> None:
    data = dataset(20)
    strange = replace(data, project=np.where(data.project == "beta", "stranger", data.project))
    with pytest.raises(UsageError, match="tables hold stranger"):
        corpus().split(strange)


def test_holdout_is_kept_apart() -> None:
    training, holdout = corpus().split(dataset(20))
    assert set(holdout.project) == {"held"}
    assert "held" not in training.project


def table(gain: float, ece: float, skill: float = 0.1) -> dict:
    pooled = {"ece": ece, "f1_at_fpr_10_percent": 0.5, "fpr": 0.1}
    found = {"difference_to_lapredict": {"forest": {"value": gain}}, "pooled": {"forest": pooled}, "mean": {"forest": {"auc": 0.81}}}
    return found | {"constant": {"brier_skill": skill}}


@pytest.mark.parametrize(
    ("gain", "ece", "accepted", "says"),
    [
        (0.05, 0.05, [], ""),
        (0.01, 0.05, [], "auc_over_lapredict is 0.010, must be >= 0.04"),
        (0.01, 0.05, ["auc_over_lapredict"], ""),
        (0.05, 0.20, ["auc_over_lapredict"], "pooled_ece is 0.200, must be <= 0.1"),
    ],
)
def test_gates_block_unless_accepted_by_name(gain: float, ece: float, accepted: list[str], says: str) -> None:
    found = evaluate.gates(table(gain, ece), accepted)
    assert says in release.blocking_gates({"gates": found})
    assert bool(release.blocking_gates({"gates": found})) == bool(says)


def test_probabilities_that_say_less_than_a_constant_block() -> None:
    """Where few are buggy a constant has a low calibration error, and so has a model that says nothing."""
    assert release.blocking_gates({"gates": evaluate.gates(table(0.05, 0.01, -0.02), [])}).startswith("gate missed: brier_skill is -0.020, must be >= 0")
    assert not release.blocking_gates({"gates": evaluate.gates(table(0.05, 0.01, -0.02), ["brier_skill"])})


def test_the_constant_is_the_share_of_the_other_repositories_as_it_was_known(rows) -> None:
    scores = rows.columns(["la"])[:, 0]
    found = evaluate.constant(rows, corpus(), evaluate.TIME_SAFE, scores)
    labels, usable = evaluate.known(rows, corpus(), evaluate.TIME_SAFE)
    others = usable & (rows.project != "alpha")
    shares = [labels[others & (corpus().groups(rows) == group)].mean() for group in ("org/beta", "org/gamma")]
    assert found[rows.project == "alpha"] == pytest.approx(np.mean(shares))
    late = rows.time >= evaluate.TIME_SAFE.cut_off
    turned = replace(rows, y=np.where(late, 1 - rows.y, rows.y), fix_time=np.where(late, rows.time + 1, rows.fix_time))
    assert np.array_equal(found, evaluate.constant(turned, corpus(), evaluate.TIME_SAFE, scores))
    table, _ = evaluate.compare(rows, corpus(), evaluate.TIME_SAFE, evaluate.entrants(SMALL)[:2], 1, lambda _: None)
    tested = rows.time >= evaluate.TIME_SAFE.test_from
    brier = float(np.mean((found[tested] - rows.y[tested]) ** 2))
    assert table["constant"]["pooled"]["brier"] == pytest.approx(brier)
    assert table["constant"]["brier_skill"] == pytest.approx(1 - table["pooled"]["forest"]["brier"] / brier)


def test_tables_that_do_not_reach_the_calendar_are_judged_where_they_do() -> None:
    data = dataset()
    shift = 6 * train.YEAR
    moved = replace(data, time=data.time + shift, fix_time=data.fix_time + shift)
    early = replace(data, time=data.time - 5 * train.YEAR, fix_time=data.fix_time - 5 * train.YEAR)
    assert (evaluate.Corpus.of_tables(data).selection, evaluate.Corpus.of_tables(data).time_safe) == (evaluate.SELECTION, evaluate.TIME_SAFE)
    for rows in (moved, early):
        found = evaluate.Corpus.of_tables(rows)
        selection, safe = found.selection, found.time_safe
        assert selection.cut_off + train.YEAR == selection.test_from < selection.test_to == safe.test_from == safe.cut_off + train.YEAR
        assert safe.test_to <= rows.time.max() - train.YEAR + 86_400, "a year to be found out"
        assert [evaluate.Scenario.of_json(one.name, one.as_json()) for one in (selection, safe)] == [selection, safe]
        evaluate.refuse_short(rows, found)
        assert safe.window in evaluate.protocol(found)["time_safe"]
    assert evaluate.protocol(corpus()) is evaluate.PROTOCOL


def test_specification_gates_are_reported_and_never_block() -> None:
    found = {g["gate"]: g for g in evaluate.gates(table(0.05, 0.05), [])}
    assert (found["spec_auc"]["met"], found["spec_f1_at_fpr_10_percent"]["met"]) == (True, False)
    assert not found["spec_f1_at_fpr_10_percent"]["blocks"]


@pytest.mark.usefixtures("quick")
def test_make_ship_and_reevaluate(tmp_path) -> None:
    data = dataset()
    made = release.make(data, corpus(), SMALL, TODAY, [], lambda _: None)
    model = release.ship(made, tmp_path / "models")
    report = json.loads((tmp_path / "models" / "evaluation.json").read_text())
    assert report["time_safe"]["mean"]["forest"]["auc"] > 0.7
    assert report["data"]["projects"] == ["alpha", "beta", "gamma-core", "gamma-web"]
    assert [row["project"] for row in report["external"]] == ["held"]
    assert report["date"] == "2026-01-02"
    used = set((tmp_path / "models" / "training-manifest.txt").read_text().split())
    assert used
    assert used.isdisjoint(data.sha256[data.project == "held"])
    sources = json.loads((tmp_path / "models" / "training-sources.json").read_text())["projects"]
    assert sum(s["commits"] for s in sources if s["role"] == "train") == model.manifest["training_rows"] == len(used)
    card = (tmp_path / "models" / "MODEL_CARD.md").read_text("utf-8")
    assert model.version in card
    assert "{version}" not in card
    again = release.reevaluate(tmp_path / "models", data, TODAY, lambda _: None)
    assert again["same_data"]
    for part in ("time_safe", "all_times", "ablation", "external", "without_history"):
        assert release._rounded(again[part]) == report[part], part


@pytest.mark.usefixtures("quick")
def test_what_ships_knows_no_label_that_was_not_known_and_no_commit_that_had_no_time_to_be_found_out() -> None:
    """Forest and knots alike: neither commits of the last year before the end of labels, nor fixes made after it."""
    data = dataset()
    ends = corpus().ends(data)
    young, later = data.time >= ends - train.YEAR, data.fix_time >= ends
    assert (young & (data.y == 1)).any() and (later & ~young).any()
    turned = replace(
        data,
        y=np.where(young, 1 - data.y, np.where(later, 0, data.y)).astype(data.y.dtype),
        fix_time=np.where(young, data.time + 1, np.where(later, np.nan, data.fix_time)),
    )
    made = [release.make(rows, corpus(), SMALL, TODAY, [], lambda _: None) for rows in (data, turned)]
    forests, knots = ([one.files["risk.forest"] for one in made], [json.loads(one.files["model.json"])["calibration"] for one in made])
    assert forests[0] == forests[1] and knots[0] == knots[1]


@pytest.mark.usefixtures("quick")
def test_command_leaves_the_old_model_when_a_gate_is_missed(tmp_path, monkeypatch, capsys) -> None:
    write_tables(tmp_path)
    output, report = tmp_path / "models", tmp_path / "report.json"
    output.mkdir()
    (output / "keep.txt").write_text("old")
    monkeypatch.setattr(evaluate, "MIN_GAIN", 0.9)
    monkeypatch.setattr(train.Recipe, "__init__", with_few_trees(train.Recipe.__init__))
    arguments = ["train", "--input", str(tmp_path / "data"), "--corpus", str(tmp_path / "corpus.yaml"), "--output", str(output)]
    arguments += ["--andon-log", str(tmp_path / "andon.jsonl")]
    assert cli.main([*arguments, "--eval-report", str(report)]) == 4
    assert [f.name for f in output.iterdir()] == ["keep.txt"]
    found = json.loads(report.read_text())
    assert not found["evaluation"]["gates"][0]["met"]
    Draft202012Validator(json.loads(Path(evaluation_report.__file__).with_name("evaluation_report.schema.json").read_text())).validate(found)
    assert found["seen_in_training"] == 0 and found["feature_importance"] and found["avg_latency_ms"] > 0
    pooled = found["evaluation"]["time_safe"]["pooled"]["forest"]
    assert (found["ece"], found["brier"], found["n"]) == (pooled["ece"], pooled["brier"], pooled["commits"])
    said = capsys.readouterr().err
    assert f"halted by a gate: {output}: auc_over_lapredict is " in said and f"{output} was left as it is" in said
    event = json.loads((tmp_path / "andon.jsonl").read_text())
    assert (event["event"], event["metric"], event["baseline"]) == ("ModelDegradation", "auc_over_lapredict", 0.9)
    (tmp_path / "andon.jsonl").unlink()
    assert cli.main([*arguments, "--accept-missed", "auc_over_lapredict"]) == 0
    assert Model.load(output).version in (output / "MODEL_CARD.md").read_text("utf-8")
    assert (output / "keep.txt").read_text() == "old"
    assert sorted(f.name for f in tmp_path.iterdir()) == ["corpus.yaml", "data", "models", "report.json"]
    assert cli.main(["evaluate", "--model", str(output), "--input", str(tmp_path / "data"), "--output", str(report)]) == 0
    assert json.loads(report.read_text())["model"] == Model.load(output).version


def test_command_without_tables_is_wrong_use(tmp_path, capsys) -> None:
    (tmp_path / "corpus.yaml").write_text("projects: []\n")
    code = cli.main(["train", "--input", str(tmp_path), "--corpus", str(tmp_path / "corpus.yaml"), "--output", str(tmp_path / "m")])
    assert code == 2
    assert "no *.parquet tables" in capsys.readouterr().err


def test_too_few_repositories_are_refused() -> None:
    data = dataset(20)
    with pytest.raises(UsageError, match="fewer than three"):
        release.make(data.where(np.isin(data.project, ["alpha", "beta"])), corpus(), SMALL, TODAY, [], lambda _: None)


@pytest.mark.parametrize(
    ("first", "last", "says"),
    [
        (2012, 2018, "no project has 100 commits in the test window of time_safe"),
        (
            2015,
            2022,
            "cannot be judged in selection: the other repositories hold no commits of a year before 2015-01-01, both buggy and clean as was known then",
        ),
    ],
)
def test_tables_that_do_not_reach_are_told_before_a_tree_grows(monkeypatch, first: int, last: int, says: str) -> None:
    monkeypatch.setattr(train, "fit", lambda *_: pytest.fail("a forest was grown"))
    data = dataset()
    within = (data.time >= evaluate._start(first)) & (data.time < evaluate._start(last))
    with pytest.raises(UsageError, match=says):
        release.make(data.where(within), corpus(), SMALL, TODAY, [], lambda _: None)


def test_training_rows_of_one_kind_and_nothing_to_calibrate_on_are_told(rows) -> None:
    cut_off = evaluate.TIME_SAFE.cut_off
    late = replace(rows, fix_time=np.maximum(rows.fix_time, cut_off))  # nothing was known to be buggy
    with pytest.raises(
        UsageError, match=r"gamma-core cannot be judged in time_safe: .* before 2018-01-01, both buggy and clean as was known then, to learn from"
    ):
        evaluate.compare(late, corpus(), evaluate.TIME_SAFE, [], 1, lambda _: None)
    alone = rows.where((rows.project == "alpha") | ((rows.project == "beta") & (rows.time < cut_off)))  # beta teaches, and has no test row: no fold, no score
    with pytest.raises(UsageError, match=r"alpha cannot be judged in time_safe: .*, with scores, to calibrate on; mine more of them"):
        evaluate.compare(alone, corpus(), evaluate.TIME_SAFE, [], 1, lambda _: None)


def test_a_fold_without_a_judged_project_is_told_too(rows) -> None:
    """Its forest is grown all the same; of one kind alone it could not be."""
    first = (rows.project == "beta") & (rows.time < evaluate.TIME_SAFE.cut_off)
    few = (rows.project == "beta") & (np.cumsum((rows.project == "beta") & ~first) <= 3)
    kept = rows.where((rows.project == "alpha") | first | (few & ~first))
    clean = replace(kept, fix_time=np.where(kept.project == "alpha", kept.fix_time + 1e9, kept.fix_time))
    with pytest.raises(UsageError, match="beta cannot be judged in time_safe"):
        evaluate.compare(clean, corpus(), evaluate.TIME_SAFE, [], 1, lambda _: None)


def test_a_model_is_not_evaluated_again_on_one_project(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(train, "fit", lambda *_: pytest.fail("a forest was grown"))
    monkeypatch.setattr(release, "_recorded", lambda directory: ({"recipe": SMALL.as_json()}, {"gates": []}, corpus()))
    data = dataset()
    with pytest.raises(UsageError, match="the tables hold fewer than three training repositories"):
        release.reevaluate(tmp_path, data.where(data.project == "alpha"), TODAY, lambda _: None)


@pytest.mark.parametrize("how", [["--check"], []])
def test_that_a_model_cannot_be_evaluated_again_is_told_before_tables_are_asked_for(tmp_path, capsys, how: list[str]) -> None:
    models = tmp_path / "models"
    models.mkdir()
    (models / "model.json").write_text(json.dumps({**json.loads((default_directory() / "model.json").read_text()), "retrained": {}}))
    assert cli.main(["evaluate", "--model", str(models), "--input", str(tmp_path / "none"), *how]) == 2
    assert "was retrained on one repository; automl-codex retrain --repo REPO" in capsys.readouterr().err


def test_figures_name_the_machine_but_not_its_host() -> None:
    found = evaluate.machine()
    assert found["processor"]
    assert set(found) == {"processor", "cores", "python", "system"}


def with_few_trees(init):
    def small(self, *args, **kwargs) -> None:
        init(self, *args, **({"n_trees": 8, "leaf_size": 10} | kwargs))

    return small


def write_tables(folder) -> None:
    data = dataset()
    for k, project in enumerate(PROJECTS):
        part = data.where(data.project == project)
        found = [
            tables.LabelledRow(f"{10_000 * k + i:040x}", int(t), bool(y), None if np.isnan(f) else int(f), dict(zip(FEATURE_NAMES, x.tolist(), strict=True)))
            for i, (x, y, t, f) in enumerate(zip(part.X, part.y, part.time, part.fix_time, strict=True))
        ]
        tables.write(folder / "data" / f"{project}.parquet", project, found)
    entries = [
        f"  - {{project: {e['project']}, repository: {e['repository']}, clone: {e['clone']}, head: '{e['head']}', labels: x.csv, until: 2021-12-31, role: {e['role']}}}"
        for e in corpus().entries
    ]
    (folder / "corpus.yaml").write_text("\n".join(["projects:", *entries]) + "\n")
