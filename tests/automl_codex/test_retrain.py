"""`automl-codex retrain` as its user meets it: a better model is written whole, a worse one is refused, nothing is half done."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from automl_codex import blend, cli, lines, mine, release, retrain, tables
from automl_codex.tables import Dataset
from codex_gate.config import Settings
from codex_gate.errors import ModelError, UsageError
from codex_gate.features import FEATURE_NAMES, MESSAGE_NAMES
from codex_gate.hybrid import HybridClassifier
from codex_gate.linear import KINDS_MANIFEST
from codex_gate.model import FOREST_FILE, MANIFEST, Model, default_directory
from codex_gate.policy import Policy
from codex_gate.screen import Screener
from tests.automl_codex.retraining import command, model_of, of
from tests.conftest import DAY, START, YEAR, Node


@pytest.fixture
def repo(begun):
    return begun


def test_a_better_model_is_written_whole(repo, known, shipped: Path, tmp_path: Path, capsys) -> None:
    data = known(of("alpha"))
    output = tmp_path / "models"
    assert cli.main(command(repo, output, shipped)) == 0
    said = capsys.readouterr()
    assert "| retrained " in said.out and "| base model " in said.out and "| added lines alone " in said.out
    assert max(map(len, said.out.splitlines())) <= 120
    model, report = Model.load(output), json.loads((output / "evaluation.json").read_text())
    assert f"{model.version} written to {output}" in said.err
    assert model.manifest["retrained"]["own_trees"] == round(report["weight"] * 20) > 0
    assert report["judged"]["difference"]["base"]["value"] > 0
    assert all(gate["met"] for gate in report["gates"] if gate["blocks"])
    assert model.version in (output / "MODEL_CARD.md").read_text().splitlines()[0]
    assert set((output / "training-manifest.txt").read_text().split()) == set(data.sha256.tolist())
    assert model.base_rate == pytest.approx(data.y.mean())


def test_a_model_that_would_be_the_same_is_not_written_again(repo, known, shipped: Path, tmp_path: Path, capsys) -> None:
    """Else a workflow would propose it each month, and the head that monitoring begins at would move."""
    known(of("alpha"))
    output = tmp_path / "models"
    assert cli.main(command(repo, output, shipped)) == 0
    before = {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in output.iterdir()}
    capsys.readouterr()
    assert cli.main(command(repo, output, shipped)) == 0
    assert f"is what lies in {output} already; nothing was written" in capsys.readouterr().err
    assert {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in output.iterdir()} == before
    repo.write(".codex-gate.yaml", "paths: {exclude: [vendor/]}\n")  # nothing new is left out, but what is learned from is another thing
    assert cli.main(command(repo, output, shipped)) == 0
    assert f"written to {output}" in capsys.readouterr().err
    assert Model.load(output).manifest["retrained"]["paths"] == ["!vendor/"]


def test_the_same_seed_gives_the_same_bytes(repo, known, shipped: Path, tmp_path: Path) -> None:
    known(of("alpha"))
    asked = retrain.Asked(repo.open(), tmp_path / "models", shipped)
    one, two = (retrain.make(asked, date(2026, 1, 1), lambda _: None).files for _ in range(2))
    assert one == two


def test_a_worse_model_is_refused_and_the_old_one_stays(repo, known, shipped: Path, tmp_path: Path, capsys) -> None:
    """The middle of the history teaches the opposite of what the newest part asks for."""
    data = of("alpha")
    start = blend.parts(data)[-1].start
    turned = np.where(np.arange(len(data)) < start, 1 - data.y, data.y).astype(np.int8)
    fix = np.where(turned == 1, data.time + 30 * 86_400.0, np.nan)
    known(Dataset(data.X, turned, data.time, fix, data.project, data.sha256))
    output = tmp_path / "models"
    shutil.copytree(shipped, output)
    before = {path.name: path.read_bytes() for path in output.iterdir()}
    assert cli.main(command(repo, output, shipped, "--eval-report", str(tmp_path / "why.json"))) == 4
    said = capsys.readouterr().err
    assert (
        said.count("auc_against_base_newest is -0.0") == 1 and "must be >= -0.01" in said and f"{output} was left as it is" in said and "Traceback" not in said
    )
    assert {path.name: path.read_bytes() for path in output.iterdir()} == before
    report = json.loads((tmp_path / "why.json").read_text())
    gain = report["judged"]["difference"]["base"]
    assert gain["value"] > 0 and gain["newest"]["value"] < -0.01  # the parts before it would have it taken
    assert "ece" in {gate["gate"] for gate in report["refused_too"]["gates"] if gate["blocks"] and not gate["met"]}  # nor is a calibration to what was
    assert json.loads((tmp_path / "andon.jsonl").read_text().splitlines()[0])["event"] == "ModelDegradation"


def against(auc: tuple[float, float], brier: tuple[float, float], newest: float | None = 0.0) -> set[str]:
    """The gates that (value, low) of AUC, (low, high) of the Brier score of the newest part, and its AUC break."""
    gain = {"value": auc[0], "low": auc[1], "brier": {"low": brier[0], "high": brier[1]}, "newest": {"value": newest}}
    return {name.replace("_base", "") for name, value, sign, bound, _ in retrain.verdicts("base", gain) if not retrain.HOLDS[sign](value, bound)}


def test_a_challenger_is_taken_only_when_a_gain_is_certain_and_no_loss_is() -> None:
    assert against((0.02, 0.005), (-0.001, 0.001)) == set()  # certainly better in order, perhaps worse in probabilities
    assert against((0.0, 0.0), (-0.02, -0.002)) == set()  # the same order, certainly better probabilities
    assert against((0.0, 0.0), (0.0, 0.0)) == {"certain_gain_over"}  # the same
    assert against((0.01, -0.004), (-0.004, 0.002)) == {"certain_gain_over"}  # perhaps better
    assert against((-0.001, -0.004), (-0.02, -0.002)) == {"auc_against"}  # better probabilities, worse order
    assert against((0.02, 0.005), (0.001, 0.003)) == {"brier_against_newest_at_best"}
    assert against((0.02, -0.02), (-0.02, -0.002)) == {"auc_against_at_worst"}  # so wide an interval says nothing
    assert against((0.02, 0.005), (-0.001, 0.001), -0.011) == {"auc_against_newest"}
    assert against((0.02, 0.005), (-0.001, 0.001), None) == set()  # where the newest part tells nothing of the order


def challenged(n: int = 400) -> tuple[blend.Challenge, retrain.Scores]:
    """A challenger whose scores tell more in each part, at levels that differ between the parts, and another model."""
    rng = np.random.default_rng(2)
    part = np.sort(rng.integers(0, 3, n))
    data = of("alpha", 2000)
    rows = data.where(np.arange(len(data)) < n)
    told = rows.y * 0.1 + rng.normal(0, 0.1, n)
    theirs = (rng.normal(0, 1, n), np.full(n, 0.5))
    return blend.Challenge(0.25, 0.0, rows, part, told - part, np.clip(0.3 + told, 0, 1), ()), theirs


def test_a_gain_compares_within_parts_and_on_the_rows_that_are_asked() -> None:
    found, theirs = challenged()
    whole = retrain.against(found, theirs, 1)
    y, raw, part = found.judges.y, found.raw, found.part
    assert whole["value"] == pytest.approx(retrain.metrics.auc_within(y, raw, part) - retrain.metrics.auc_within(y, theirs[0], part), abs=1e-6)
    assert whole["value"] > retrain.metrics.auc(y, raw) - retrain.metrics.auc(y, theirs[0]) + 0.05  # across parts their levels drown it
    assert whole["low"] < whole["value"] < whole["high"] and whole["newest"]["commits"] == (part == 2).sum() < whole["commits"] == 400
    off = (found.chance - y) ** 2 - (theirs[1] - y) ** 2
    assert whole["brier"]["value"] == pytest.approx(off[part == 2].mean(), abs=1e-6)  # of the newest alone
    odd = np.arange(400) % 2 == 1
    some = retrain.against(found, theirs, 1, odd)
    assert some["commits"] == 200 and some["newest"]["commits"] == (odd & (part == 2)).sum()
    assert some["newest"]["value"] is None  # too few to tell an order, not to tell probabilities
    assert some["brier"]["value"] == pytest.approx(off[odd & (part == 2)].mean(), abs=1e-6)
    older = retrain.against(found, theirs, 1, part < 2)  # where the newest are none of them
    assert older["newest"]["value"] is None and older["brier"]["value"] == pytest.approx(off[part < 2].mean(), abs=1e-6)
    late = part == 2
    ece = retrain.calibration(found, theirs[1], 1)
    assert (ece["commits"], ece["retrained"]) == (late.sum(), pytest.approx(retrain.metrics.ece(y[late], found.chance[late])))


def test_the_table_compares_within_parts_too() -> None:
    found, theirs = challenged()
    table = retrain._table(found, {"retrained": (found.raw, found.chance), "lapredict": theirs}, 1)
    assert table["retrained"]["auc"] == pytest.approx(retrain.metrics.auc_within(found.judges.y, found.raw, found.part))
    assert table["retrained"]["auc_interval"][0] > retrain.metrics.auc(found.judges.y, found.raw)


def test_a_newest_part_without_a_fix_still_judges_probabilities(repo, known, shipped: Path, tmp_path: Path, capsys) -> None:
    data = of("alpha", 1000)
    late = np.arange(len(data)) >= blend.parts(data)[-1].start
    known(replace(data, y=np.where(late, 0, data.y).astype(np.int8), fix_time=np.where(late, np.nan, data.fix_time)))
    code = cli.main(command(repo, tmp_path / "models", shipped, "--eval-report", str(tmp_path / "why.json")))
    said, report = " ".join(capsys.readouterr().out.split()), json.loads((tmp_path / "why.json").read_text())
    assert code in (0, 4) and "of which 0 needed a fix: AUC not told by so few; ECE base model 0." in said
    gates = {gate["gate"] for gate in report["gates"]}
    assert "brier_against_base_newest_at_best" in gates and "auc_against_base_newest" not in gates
    assert report["newest"]["auc"] == {} and report["judged"]["difference"]["base"]["newest"]["value"] is None


def test_a_history_too_young_to_learn_from_ships_no_trees_that_nobody_judged(make_repo, shipped: Path, tmp_path: Path, capsys) -> None:
    """260 commits in as many days: the half year that is left out before each part leaves nothing to grow trees on."""
    repo = make_repo()
    repo.build(long_history(260, step=DAY, start=START - 3 * YEAR))
    output = tmp_path / "models"
    code = cli.main(command(repo, output, shipped))
    said = " ".join(capsys.readouterr().out.split())
    assert "Weight of this repository's own trees: 0; share of what its words say: 0." in said
    assert "fewer than 10 of the changes that could be learned from were known to have needed a fix" in said
    assert ("- Refused: " in said) == (code == 4)
    assert code == 4 or "- weight: no trees of this repository." in (output / "MODEL_CARD.md").read_text()
    assert code == 4 or Model.load(output).manifest["retrained"]["own_trees"] == 0


def test_a_challenger_that_is_as_good_is_refused_as_uncertain(repo, known, tmp_path: Path, capsys) -> None:
    known(of("alpha"))
    good = model_of(of("beta", 2000), of("beta", 2000).y, tmp_path / "base")  # the same world, three times as much of it
    assert cli.main(command(repo, tmp_path / "models", good)) == 4
    said = capsys.readouterr().err
    assert "certain_gain_over_base" in said and "better for certain (95 % interval); the model in use stays" in said
    assert not (tmp_path / "models").exists()


def test_where_the_blend_is_refused_the_order_of_the_base_with_an_own_calibration_is_tried(
    repo, known, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    """The base ranks well, but its probabilities are of a place where nothing breaks; own trees are made to weigh too much."""
    known(of("alpha", 2000))
    beta = of("beta", 2000)
    base = model_of(beta, beta.y, tmp_path / "base")
    manifest = json.loads((base / MANIFEST).read_text())
    (base / MANIFEST).write_text(json.dumps(manifest | {"calibration": [[0.0, 0.001], [1.0, 0.05]]}))
    whole = blend.challenge
    monkeypatch.setattr(blend, "challenge", lambda *args, **how: whole(*args, **{"weight": 1.0} | how))
    monkeypatch.setattr(blend, "LEAF_SIZE", 600)  # and are too coarse to rank
    output = tmp_path / "models"
    assert cli.main(command(repo, output, base)) == 0
    report, said = json.loads((output / "evaluation.json").read_text()), " ".join(capsys.readouterr().out.split())
    assert report["weight"] == 0 and report["refused_first"]["weight"] == 1 and "A blend with weight 1 and words 0 was refused (auc_against_base" in said
    assert report["judged"]["difference"]["base"]["value"] == 0 and report["judged"]["difference"]["base"]["brier"]["high"] < 0
    assert Model.load(output).manifest["retrained"]["own_trees"] == 0


def test_the_wording_of_messages_changes_no_retrained_model(repo, known, shipped: Path, tmp_path: Path) -> None:
    """Poisoning bound 0: what a contributor writes of a change moves neither that change nor, through retraining, any later one."""
    data = known(of("alpha"))
    asked = retrain.Asked(repo.open(), tmp_path / "models", shipped)
    one = retrain.make(asked, date(2026, 1, 1), lambda _: None)
    worded = data.X.copy()
    worded[:, [FEATURE_NAMES.index(name) for name in MESSAGE_NAMES]] = np.random.default_rng(0).integers(0, 1000, (len(data), len(MESSAGE_NAMES)))
    known(replace(data, X=worded))
    other = retrain.make(asked, date(2026, 1, 1), lambda _: None)
    assert one.files[FOREST_FILE] == other.files[FOREST_FILE] and one.version == other.version
    assert not MESSAGE_NAMES & set(json.loads(one.files[MANIFEST])["feature_names"])


def test_the_sign_off_fits_the_bytes_that_met_the_gates_and_nothing_else(repo, known, shipped: Path, tmp_path: Path) -> None:
    known(of("alpha"))
    output = tmp_path / "models"
    assert cli.main(command(repo, output, shipped)) == 0
    manifest = json.loads((output / MANIFEST).read_text())
    signed = manifest["signed_off"]
    assert signed["by"] == "automl-codex retrain" and {"auc_against_base", "brier_against_base_newest_at_best", "certain_gain_over_base", "ece"} <= set(
        signed["gates"]
    )
    assert lines.LINES_FILE in manifest["files"] and lines.LINES_FILE not in signed["files"]  # it came along, nobody judged it
    for change in ({"calibration": [[0.0, 0.0], [1.0, 0.0]]}, {"base_rate": 0.001}, {"signed_off": signed | {"digest": "0" * 64}}, {"signed_off": []}):
        (output / MANIFEST).write_text(json.dumps(manifest | change))
        with pytest.raises(ModelError, match="was changed after its gates were met"):
            Model.load(output)
    entry = manifest["files"]["evaluation.json"] | {"sha256": "0" * 64}
    (output / MANIFEST).write_text(json.dumps(manifest | {"files": manifest["files"] | {"evaluation.json": entry}}))
    with pytest.raises(ModelError, match="signed_off does not fit"):
        Model.load(output)


def test_git_revert_takes_a_model_back(repo, known, shipped: Path, tmp_path: Path) -> None:
    known(of("alpha"))
    output = repo.path / ".codex-gate" / "models"
    shutil.copytree(shipped, output)
    repo.commit("model of may")
    before = Model.load(output)
    assert cli.main(command(repo, output, shipped)) == 0
    repo.commit("model of june")
    assert Model.load(output).version != before.version
    repo.git("revert", "--no-edit", "HEAD")
    assert Model.load(output).version == before.version and not repo.git("status", "--porcelain", "--", ".codex-gate/models")


def test_a_broken_calibration_is_refused(repo, known, shipped: Path, tmp_path: Path, capsys) -> None:
    """Bugs that were found by the cut are few, those of the newest part many: the probabilities are far too low."""
    data = of("alpha", 2000)
    start = blend.parts(data)[-1].start
    rng = np.random.default_rng(3)
    early = np.arange(len(data)) < start
    y = np.where(early, data.y * (rng.random(len(data)) < 0.15), data.y).astype(np.int8)
    fix = np.where(y == 1, data.time + 86_400.0, np.nan)
    known(Dataset(data.X, y, data.time, fix, data.project, data.sha256))
    good = model_of(of("gamma-core"), of("gamma-core").y, tmp_path / "base")
    assert cli.main(command(repo, tmp_path / "models", good)) == 4
    assert "ece is " in capsys.readouterr().err
    assert not (tmp_path / "models").exists()


def flipped(data: Dataset, share: float) -> Dataset:
    """The rows with this share of their labels permuted among the older four fifths, as benchmarks/shuffled.py does it."""
    rng = np.random.default_rng(5)
    y, fix = data.y.copy(), data.fix_time.copy()
    places = rng.choice(blend.parts(data)[-1].start, round(share * len(data)), replace=False)
    given = rng.permutation(places)
    y[places], fix[places] = data.y[given], np.where(data.y[given] == 1, data.time[places] + 30.0 * DAY, np.nan)
    return replace(data, y=y, fix_time=fix)


def test_a_challenger_whose_labels_were_lost_is_refused_whatever_its_figures_say(repo, known, shipped: Path, tmp_path: Path, capsys) -> None:
    data = known(of("alpha"))
    output = tmp_path / "models"
    assert cli.main(command(repo, output, shipped)) == 0
    held = Model.load(output)
    assert retrain.learned_as_buggy(held) == set(data.sha256[data.y == 1].tolist())
    assert cli.main(command(repo, output, shipped)) == 0  # the same labels: all are kept
    n = int(data.y.sum())
    assert f"{n} of the {n} changes that the model in use learned as having needed a fix" in " ".join(capsys.readouterr().out.split())
    known(flipped(data, 0.3))
    assert cli.main(command(repo, output, shipped, "--eval-report", str(tmp_path / "why.json"))) == 4
    said = capsys.readouterr().err
    assert "labels_kept" in said and "find out what changed the labels, or remove it to begin anew" in said
    report = json.loads((tmp_path / "why.json").read_text())
    assert 0.5 < report["labels"]["kept"] / report["labels"]["known"] < retrain.MIN_KEPT
    assert Model.load(output).version == held.version
    shutil.rmtree(output)  # to begin anew
    assert cli.main(command(repo, output, shipped)) in (0, 4) and "labels_kept" not in capsys.readouterr().err


def test_labels_of_another_labeller_or_too_few_do_not_compare(repo, known, shipped: Path, tmp_path: Path) -> None:
    data = known(of("alpha"))
    output = tmp_path / "models"
    assert cli.main(command(repo, output, shipped)) == 0
    model = Model.load(output)
    learned = retrain.learned_as_buggy(model)
    assert learned and retrain.kept(learned, data) == (len(learned), len(learned))
    gone = data.where(~np.isin(data.sha256, sorted(learned)[9:]))  # the history was rewritten but for nine of them
    assert retrain.kept(learned, gone) is None
    other = replace(model, manifest=model.manifest | {"retrained": model.manifest["retrained"] | {"labeller": "other-1"}})
    assert retrain.learned_as_buggy(other) is None and retrain.learned_as_buggy(Model.load(shipped)) is None
    assert retrain.learned_as_buggy(model, ["src/"]) is None  # what was left out has lost its labels for a reason
    (output / retrain.LABELS).write_text("")
    with pytest.raises(ModelError, match=retrain.LABELS):
        retrain.learned_as_buggy(model)


PATHS = r'paths: {include: [src/, "a\u202eb"], exclude: [vendor/]}'


def test_the_paths_of_the_configuration_are_learned_from_and_told_of(repo, known, shipped: Path, tmp_path: Path, monkeypatch, capsys) -> None:
    data, asked = of("alpha"), []
    known(data)
    monkeypatch.setattr(retrain, "history", lambda wanted, *_: (asked.append(wanted) or data, "f" * 40))
    repo.write(".codex-gate.yaml", PATHS)
    assert cli.main(command(repo, tmp_path / "models", shipped)) == 0
    keep = asked[0].policy.keep
    assert (keep.include, keep.exclude) == (("src/", "a\u202eb"), ("vendor/",))
    held, card = Model.load(tmp_path / "models"), (tmp_path / "models" / "MODEL_CARD.md").read_text()
    assert held.manifest["retrained"]["paths"] == ["src/", "a\u202eb", "!vendor/"]
    assert '`!` leaves out: "src/", "a\\u202eb", "!vendor/". Screen with the same.' in card
    repo.write(".codex-gate.yaml", "paths: true\n")
    assert cli.main(command(repo, tmp_path / "models", shipped)) == 2
    assert ".codex-gate.yaml, line 1: paths: true" in capsys.readouterr().err
    assert Model.load(tmp_path / "models").version == held.version


def test_rows_are_measured_as_a_screen_with_the_same_paths_measures_them(make_repo, shipped: Path, tmp_path: Path) -> None:
    nodes = [
        replace(node, changes={**node.changes, "vendor/v.c": f"int v = {at};\n" * (at % 9 + 1)})
        for at, node in enumerate(long_history(320, start=START - 3 * YEAR))
    ]
    history = make_repo()
    history.build(nodes)
    repo = history.open()
    policy = Policy(Settings(exclude=("vendor/",)))
    said: list[str] = []
    data, head = retrain.history(retrain.Asked(repo, tmp_path / "models", shipped, work=tmp_path / "work", policy=policy), date(2025, 1, 1), said.append)
    assert data.words is not None and 'looking at the paths of the configuration alone: "!vendor/"' in said
    names = ("la", "ld", "nf", "ns", "exp", "touches_max", "pairs_new", "code_share", "test_share")
    measured = dict(zip(data.sha256.tolist(), data.columns(names).tolist(), strict=True))
    for found in Screener(repo, Model.load(shipped), policy=policy).many([meta.sha for meta in repo.log(head)]):
        if (row := measured.pop(tables.hash_sha(found.sha), None)) is not None:
            assert [np.float32(found.features[name]) for name in names] == pytest.approx(row, nan_ok=True), found.sha
    assert not measured
    assert not any("vendor" in one.path or b"v" in one.added for one in data.words.tolist())


def test_a_retrained_model_still_tells_kinds_of_defects(repo, known, shipped: Path, tmp_path: Path) -> None:
    known(of("alpha"))
    output = tmp_path / "models"
    assert cli.main(command(repo, output, shipped)) == 0
    assert not (output / KINDS_MANIFEST).exists()  # a repository need not keep what ships anyway
    for tier in (1, 3):
        ours, theirs = HybridClassifier.of(output, tier), HybridClassifier.of(default_directory(), tier)
        assert ours.linear is not None and (ours.tier, ours.threshold, ours.weights) == (theirs.tier, theirs.threshold, theirs.weights)
    for name in ("kinds.json", "kinds.table"):  # as an earlier version left them here: a copy that would go stale and hides the student
        (output / name).write_bytes((default_directory() / name).read_bytes())
    assert cli.main(command(repo, output, shipped)) == 0
    assert not (output / KINDS_MANIFEST).exists()
    (output / KINDS_MANIFEST).write_text("{}")  # of no version that can be read
    assert cli.main(command(repo, output, shipped)) == 0
    assert HybridClassifier.of(output, 1).linear is not None


def test_chance_alone_explains_an_error_of_a_small_sample() -> None:
    small, large = (retrain.ece_by_chance(np.linspace(0.2, 0.4, n), np.random.default_rng(1)) for n in (100, 10_000))
    assert 0.1 < small < 0.25 and large < 0.025


@pytest.mark.parametrize(("key", "value"), [("min_auc", 0.99), ("min_f1", 0.99), ("max_fpr", 0.05)])
def test_a_key_of_the_teams_gates_file_blocks(repo, known, shipped: Path, tmp_path: Path, capsys, key: str, value: float) -> None:
    known(of("alpha"))
    gates = tmp_path / "gates.toml"
    gates.write_text(f"[training]\n{key} = {value}\n")
    assert cli.main(command(repo, tmp_path / "models", shipped, "--gates", str(gates))) == 4
    assert f"(training.{key})" in capsys.readouterr().err
    assert not (tmp_path / "models").exists()


def test_the_model_in_use_is_compared_on_what_it_did_not_learn_from(repo, known, shipped: Path, tmp_path: Path, capsys) -> None:
    data = known(of("alpha"))
    judges = data.where(np.arange(len(data)) >= blend.parts(data)[-blend.N_JUDGES].start)
    beta = of("beta")
    noisy = np.where(np.arange(len(beta)) % 5 < 2, 1 - beta.y, beta.y).astype(np.int8)
    output = model_of(beta, noisy, tmp_path / "models", judges.sha256[:10].tolist())
    assert cli.main(command(repo, output, shipped)) == 0
    said = capsys.readouterr().out
    assert "The model in use learned from 10 of these changes, so its figures are too good." in " ".join(said.split())
    assert json.loads((output / "evaluation.json").read_text())["judged"]["difference"]["in_use"]["commits"] == len(judges) - 10
    assert not (output / "risk.onnx").exists()  # that of the old model no longer fits

    assert cli.main(command(repo, output, shipped)) == 0  # the one that was just written learned from all of them
    assert f"The model in use learned from {len(judges)} of these changes, so its figures are too good; the rest are too few" in " ".join(
        capsys.readouterr().out.split()
    )


@pytest.mark.parametrize("damage", ["manifest", "forest", "file"])
def test_a_half_written_directory_is_named_before_the_work(repo, monkeypatch, shipped: Path, tmp_path: Path, capsys, damage: str) -> None:
    monkeypatch.setattr(retrain, "history", lambda *_: pytest.fail("mined for nothing"))
    output = tmp_path / "models"
    if damage == "file":
        output.write_text("no directory")
    else:
        shutil.copytree(shipped, output)
        name = MANIFEST if damage == "manifest" else "risk.forest"
        (output / name).write_bytes((output / name).read_bytes()[:100])
    assert cli.main(command(repo, output, shipped)) == 2
    said = capsys.readouterr().err
    says = f"{output} is no directory; a model takes a directory of its own" if damage == "file" else f"{output} holds no whole model"
    assert says in said and ("restore it" in said) == (damage != "file") and said.count("\n") == 1 and "install" not in said


def test_a_model_of_an_older_schema_is_replaced(repo, known, shipped: Path, tmp_path: Path) -> None:
    known(of("alpha"))
    output = tmp_path / "models"
    shutil.copytree(shipped, output)
    manifest = json.loads((output / MANIFEST).read_text())
    (output / MANIFEST).write_text(json.dumps(manifest | {"feature_schema": 1}))
    assert cli.main(command(repo, output, shipped)) == 0
    assert "in_use" not in json.loads((output / "evaluation.json").read_text())["judged"]["models"]


def test_a_retrained_model_is_not_evaluated_from_a_corpus(repo, known, shipped: Path, tmp_path: Path) -> None:
    data = known(of("alpha"))
    assert cli.main(command(repo, tmp_path / "models", shipped)) == 0
    with pytest.raises(UsageError, match="was retrained on one repository; automl-codex retrain"):
        release.reevaluate(tmp_path / "models", data, date(2026, 1, 1), print)


# -- a real history ----------------------------------------------------------------------------------------

LINES = [f"call_{n}(x, {n});\n" for n in range(40)]


def long_history(n_commits: int, fixes: bool = True, step: int = 3 * DAY, start: int = START) -> list[Node]:
    """Each commit changes a line; every fourth puts it back as a repair. The last comes a year and more after the rest."""
    nodes = [Node({"src/a.c": "".join(LINES)}, time=start)]
    for at in range(1, n_commits):
        lines = list(LINES)
        if at % 4:
            lines[at // 4 % 40] = f"changed_{at}(x);\n"
        nodes.append(Node({"src/a.c": "".join(lines)}, (at - 1,), time=start + at * step, message="fix a crash" if fixes and at % 4 == 0 else "change"))
    nodes.append(Node({"src/a.c": "done();\n"}, (n_commits - 1,), time=start + n_commits * step + YEAR + DAY))
    return nodes


def test_a_real_history_is_mined_into_the_git_directory_and_goes_on(make_repo, shipped: Path, tmp_path: Path, monkeypatch, capsys) -> None:
    repo = make_repo()
    repo.build(long_history(320, start=START - 3 * YEAR))
    repo.git("checkout", "-q", "-f", "main")
    output = repo.path / "models"
    add, left = mine.Journal.add, [100]

    def dies(self: mine.Journal, kind: str, value: object) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        add(self, kind, value)

    with monkeypatch.context() as patch:
        patch.setattr(mine.Journal, "add", dies)
        assert cli.main(command(repo, output, shipped)) == 130
    assert not output.exists() and not repo.git("status", "--porcelain")
    capsys.readouterr()
    assert cli.main(["retrain", "--repo", str(repo.path), "--output", str(output), "--base", str(shipped), "--andon-log", str(tmp_path / "a")]) in (0, 4)
    said = capsys.readouterr()
    assert "going on behind" in said.err and "Traceback" not in said.err
    assert "Judged on the 3 latest of five parts: 210 changes" in said.out and "On the newest part alone, 100 changes" in said.out
    rows = tables.read(repo.path / ".git" / "codex-gate" / "retrain" / f"{repo.path.name}.parquet")
    assert len(rows) == 319 and rows.time.max() <= START + 319 * 3 * DAY  # without the root, and the last, which is too young


@pytest.mark.parametrize(
    ("nodes", "says"),
    [
        (long_history(60, fixes=False), "none of 61 commits says that it repairs a defect"),
        (long_history(9), "has 10 commits; labels by SZZ need at least 50"),
        (
            long_history(60)[:-1],
            "no commit of repo from before 2023-06-27 (the last year is left out, since most of its bugs are not found yet) changes program text; stay with",
        ),
        (long_history(120), "119 commits can be learned from, 200 are needed beside those of the last year"),
    ],
)
def test_a_history_that_teaches_too_little_is_refused(make_repo, shipped: Path, tmp_path: Path, capsys, nodes: list[Node], says: str) -> None:
    repo = make_repo()
    repo.build(nodes)
    assert cli.main(command(repo, tmp_path / "models", shipped)) == 2
    said = capsys.readouterr().err
    assert says in said and "Traceback" not in said
    assert (
        "stay with the shipped model until there is more history, or label commits drawn at random and move its probabilities by these (automl-codex adapt"
        in said
    )
    assert "from outside" not in said and "period, " not in said
    assert not (tmp_path / "models").exists()


def test_one_class_alone_is_refused(repo, known, shipped: Path, tmp_path: Path, capsys) -> None:
    data = of("alpha")
    known(replace(data, y=np.zeros(len(data), np.int8), fix_time=np.full(len(data), np.nan)))
    assert cli.main(command(repo, tmp_path / "models", shipped)) == 2
    assert "of the newest 372 commits that can be judged 0 needed a fix" in capsys.readouterr().err


def test_a_shallow_clone_is_refused(make_repo, shipped: Path, tmp_path: Path, capsys) -> None:
    repo = make_repo()
    repo.build(long_history(60))
    repo.git("clone", "-q", "--depth", "5", f"file://{repo.path}", str(tmp_path / "shallow"))
    arguments = ["retrain", "--repo", str(tmp_path / "shallow"), "--output", str(tmp_path / "models"), "--base", str(shipped)]
    assert cli.main([*arguments, "--andon-log", str(tmp_path / "a")]) == 2
    assert "this clone is shallow" in capsys.readouterr().err


def test_a_clone_without_contents_is_refused(make_repo, shipped: Path, tmp_path: Path, capsys) -> None:
    repo = make_repo()
    repo.build(long_history(60, start=START - 3 * YEAR))
    repo.git("config", "uploadpack.allowFilter", "true")
    repo.git("clone", "-q", "--filter=blob:none", f"file://{repo.path}", str(tmp_path / "partial"))
    arguments = ["retrain", "--repo", str(tmp_path / "partial"), "--output", str(tmp_path / "models"), "--base", str(shipped)]
    assert cli.main([*arguments, "--andon-log", str(tmp_path / "a")]) == 2
    assert "the contents of 60 of 60 commits are not in this clone, so nothing can be learned from them; fetch them" in capsys.readouterr().err


def test_kinds_go_only_where_what_ships_takes_their_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert retrain.copied_kinds(default_directory()) == ()  # what ships is no copy of itself
    for name in ("kinds.json", "kinds.table"):
        shutil.copy(default_directory() / name, tmp_path)
    assert retrain.copied_kinds(tmp_path) == ("kinds.json", "kinds.table")
    (tmp_path / "student.json").write_text("{}")
    assert retrain.copied_kinds(tmp_path) == ()
    (tmp_path / "student.json").unlink()
    manifest = (tmp_path / "kinds.json").read_text()
    (tmp_path / "kinds.json").write_text(manifest + " ")
    assert retrain.copied_kinds(tmp_path) == ()  # somebody's own
