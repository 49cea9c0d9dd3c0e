import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from automl_codex import cli, evaluate, metrics, mine, prior, tables
from automl_codex.files import listed
from benchmarks import calibration
from codex_gate.errors import UsageError
from codex_gate.hybrid import HybridClassifier
from codex_gate.model import Model
from codex_gate.own_words import WORDS_FILE, OwnWords
from tests.conftest import DAY, START, Node, Repo


def sample(n: int, moved: float, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities, and labels of a repository whose log-odds are `moved` from them."""
    rng = np.random.default_rng(seed)
    p = 1 / (1 + np.exp(-rng.normal(-3, 1, n)))
    return p, (rng.random(n) < prior.shifted(p, moved)).astype(np.int8)


def test_what_other_repositories_say_is_what_the_page_of_the_model_that_ships_prints() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "calibration.md").read_text("utf-8")
    at_even, slope, spread = prior.LEARNED
    assert f"The shift is {at_even:+.3f} {slope:+.3f} · log-odds(share of fixes), with a spread of {spread:.3f} around it" in page


@pytest.mark.parametrize("moved", [-1.0, 0.0, 2.5])
def test_many_labels_find_the_shift(moved: float) -> None:
    p, y = sample(20_000, moved)
    assert prior.from_labels(p, y) == pytest.approx(moved, abs=0.12)


def test_the_order_stays_and_the_ends_are_kept() -> None:
    p = np.array([0.0, 0.01, 0.3, 0.9, 1.0])
    moved = prior.shifted(p, 1.7)
    assert (np.diff(moved) > 0).all()
    assert ((moved >= 0) & (moved <= 1)).all()
    assert prior.shifted(p[1:4], 0.0) == pytest.approx(p[1:4])


def test_few_labels_stay_near_the_centre_unless_many_of_them_contradict() -> None:
    p, y = sample(50, 0.0)
    assert abs(prior.from_labels(p, y, 0.0, 0.5)) < abs(prior.from_labels(p, y)) + 0.01
    assert abs(prior.from_labels(p, y, 0.0, 0.5)) < 0.7
    half = np.tile([0, 1], 25).astype(np.int8)
    assert prior.from_labels(p, half, 0.0, 0.5) > 2, "half of them buggy where one in twenty was said: another idea of a defect"


def test_fifty_labels_halve_the_error_in_a_repository_with_another_base_rate() -> None:
    p, y = sample(2050, 2.5)
    by = prior.from_labels(p[:50], y[:50], 0.0, 0.7)
    assert metrics.ece(y[50:], prior.shifted(p[50:], by)) < metrics.ece(y[50:], p[50:]) / 2


def test_the_prior_follows_the_share_of_fixes_where_shifts_do() -> None:
    shares = [0.05, 0.1, 0.2, 0.3, 0.4, 0.5] * 4
    shifts = [0.5 + 0.8 * float(metrics.log_odds(np.array([s]))[0]) for s in shares]
    found = prior.learn(shifts, shares, shares)
    assert found.shift(0.25) == pytest.approx(0.5 + 0.8 * np.log(1 / 3), abs=0.05)
    assert found.spread == 0.1, "never less: no prior is certain"
    louder = prior.learn(shifts, shares, [prior.shifted(np.array([s]), 1.0)[0] for s in shares])
    assert (louder.slope, louder.spread) == (found.slope, found.spread)
    assert louder.at_even == pytest.approx(found.at_even - found.slope), "where messages have become louder everywhere, a usual share still moves nothing"


def history(n: int, every: int) -> list[Node]:
    """n changes of program text; each `every`-th says that it fixes something."""
    return [
        Node({f"src/a{k % 7}.py": f"x = {k}\n"}, (k - 1,) if k else (), time=START + k * DAY, message="fix: crash" if k % every == 0 else f"work {k}")
        for k in range(n)
    ]


def test_adapt_writes_a_model_that_differs_in_its_probabilities_alone(repo: Repo, shipped: Path, tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(prior, "LEARNED", prior.Prior(0.5, 0.4, 0.7))
    repo.build(history(81, 4))
    assert cli.main(["adapt", "--repo", str(repo.path), "--model", str(shipped), "--output", str(tmp_path / "out")]) == 0
    (tmp_path / "out" / "kinds.json").write_text("{}")  # of no version that can be read
    assert cli.main(["adapt", "--repo", str(repo.path), "--model", str(shipped), "--output", str(tmp_path / "out")]) == 0
    assert not (tmp_path / "out" / "kinds.json").exists()
    old, new = Model.load(shipped), Model.load(tmp_path / "out")
    expected = 0.5 + 0.4 * float(metrics.log_odds(np.array([21 / 82]))[0])
    assert new.version != old.version
    assert new.calibration.scores == old.calibration.scores
    assert new.calibration.risks == pytest.approx(prior.shifted(np.array(old.calibration.risks), expected).tolist(), abs=1e-6)
    assert (tmp_path / "out" / "risk.forest").read_bytes() == (shipped / "risk.forest").read_bytes()
    assert HybridClassifier.of(tmp_path / "out", 1).linear is not None  # kinds are told as before
    told = json.loads((tmp_path / "out" / "model.json").read_text())["adapted"]
    assert told == {"base": old.version, "shift": round(expected, 4), "changes": 80, "share_of_fixes": round(21 / 82, 4), "labels": 0, "buggy": 0}
    said = capsys.readouterr()
    assert "26% of the newest 80 changes of program text say that they fix something" in said.out
    assert "by the messages alone: in later years than those that were learned from this made percentages no better" in said.err


def test_fixes_are_counted_in_the_paths_that_are_looked_at(repo: Repo, shipped: Path, tmp_path: Path) -> None:
    repo.build(history(121, 4))
    repo.write(".codex-gate.yaml", "paths: [src/a0.py, src/a1.py, src/a2.py, src/a3.py, src/a4.py]\n")
    assert cli.main(["adapt", "--repo", str(repo.path), "--model", str(shipped), "--output", str(tmp_path / "out")]) == 0
    told = json.loads((tmp_path / "out" / "model.json").read_text())["adapted"]
    looked_at = [k for k in range(1, 121) if k % 7 < 5]
    assert told["changes"] == len(looked_at)
    assert told["share_of_fixes"] == round(prior.fix_share(sum(k % 4 == 0 for k in looked_at), len(looked_at)), 4)


def test_a_file_in_the_place_of_the_output_stays(repo: Repo, shipped: Path, tmp_path: Path, capsys) -> None:
    repo.build(history(81, 4))
    (tmp_path / "notes.txt").write_text("mine")
    assert cli.main(["adapt", "--repo", str(repo.path), "--model", str(shipped), "--output", str(tmp_path / "notes.txt")]) == 2
    assert "notes.txt is no directory" in capsys.readouterr().err and (tmp_path / "notes.txt").read_text() == "mine"


def test_only_more_buggy_labels_than_chance_explains_surprise() -> None:
    rng = np.random.default_rng(1)
    for n, base in ((20, 0.029), (50, 0.05), (200, 0.08)):
        drawn = rng.binomial(n, base, 1000)
        assert np.mean([prior.surprises(int(k), n * base) for k in drawn]) <= 0.02
        assert not prior.surprises(0, n * base) and prior.surprises(n // 2, n * base)


def test_labels_move_it_further(repo: Repo, shipped: Path, tmp_path: Path, capsys) -> None:
    shas = repo.build(history(81, 4))
    (tmp_path / "labels.csv").write_text("sha,buggy\n" + "".join(f"{sha},{int(k % 10 < 9)}\n" for k, sha in enumerate(shas[1:61])))
    assert (
        cli.main(["adapt", "--repo", str(repo.path), "--model", str(shipped), "--labels", str(tmp_path / "labels.csv"), "--output", str(tmp_path / "out")]) == 0
    )
    told = json.loads((tmp_path / "out" / "model.json").read_text())["adapted"]
    assert (told["labels"], told["buggy"]) == (60, 54)
    said = capsys.readouterr()
    assert "54 of 60 labelled commits are buggy" in said.out
    assert told["shift"] > 0.5
    assert re.search(r"without labels [\d.]+ of these 60 would be expected to be buggy: right if they were drawn at random", said.err)


def test_what_is_said_of_labels_is_their_share_and_mean_risk_which_is_the_base_rate(repo: Repo, shipped: Path, tmp_path: Path, capsys) -> None:
    shas = repo.build(history(81, 4))
    (tmp_path / "labels.csv").write_text("sha,buggy\n" + "".join(f"{sha},{k % 2}\n" for k, sha in enumerate(shas[1:61])))
    command = ["adapt", "--repo", str(repo.path), "--model", str(shipped), "--labels", str(tmp_path / "labels.csv"), "--output", str(tmp_path / "out")]
    assert cli.main(command) == 0
    said, rate = capsys.readouterr(), Model.load(tmp_path / "out").base_rate
    assert re.search(rf"30 of 60 labelled commits are buggy, 50%: their mean risk was 0\.\d+ and is {rate:.3f}\n", said.out)
    assert f"base rate {rate:.3f}" in said.out and 0.3 < rate < 0.55
    assert "60 rows, 30 of them buggy" in said.err and ".parquet" not in said.err


def test_labels_that_are_all_buggy_or_ask_for_more_than_is_tried_are_refused(repo: Repo, shipped: Path, tmp_path: Path, monkeypatch, capsys) -> None:
    shas = repo.build(history(81, 4))
    command = ["adapt", "--repo", str(repo.path), "--model", str(shipped), "--labels", str(tmp_path / "labels.csv"), "--output", str(tmp_path / "out")]
    (tmp_path / "labels.csv").write_text("sha,buggy\n" + "".join(f"{sha},1\n" for sha in shas[1:61]))
    assert cli.main(command) == 2
    assert re.search(
        r"60 of the 60 labelled commits are buggy, where the model gives them a mean risk of 0\.\d+: no base rate can be told", capsys.readouterr().err
    )
    (tmp_path / "labels.csv").write_text("sha,buggy\n" + "".join(f"{sha},{int(k > 0)}\n" for k, sha in enumerate(shas[1:61])))
    monkeypatch.setattr(prior, "SHIFTS", np.linspace(-0.5, 0.5, 101))
    assert cli.main(command) == 2
    assert "59 of the 60 labelled commits are buggy" in capsys.readouterr().err and not (tmp_path / "out").exists()


def test_the_shares_that_say_something_are_those_that_the_correction_was_learned_on() -> None:
    root = Path(__file__).resolve().parents[2] / "training"
    corpus = evaluate.Corpus.of(mine.read_corpus(root / "corpus.yaml"))
    data, _ = corpus.split(tables.read(root / "data"))
    shares = []
    for name in np.unique(data.project[data.traced()]).tolist():
        rows = np.flatnonzero(data.project == name)
        rows = rows[np.argsort(data.time[rows], kind="stable")]
        if len(rows) >= calibration.MIN_ROWS and data.y[rows].sum() >= calibration.MIN_BUGGY:
            fixes = data.columns(("fix",))[rows, 0]
            shares += [prior.fix_share(float(some.sum()), len(some)) for some in (fixes, fixes[-prior.NEWEST :])]
    assert len(shares) == 2 * 35
    low, high = prior.SHARES
    assert low <= min(shares) < low + 0.01 and high - 0.01 < max(shares) <= high


@pytest.mark.parametrize(("every", "says"), [(1000, "1% of the newest 80 changes"), (1, "99% of the newest 80 changes")])
def test_messages_without_a_convention_are_no_evidence(repo: Repo, shipped: Path, tmp_path: Path, capsys, every: int, says: str) -> None:
    shas = repo.build(history(81, every))
    command = ["adapt", "--repo", str(repo.path), "--model", str(shipped), "--output", str(tmp_path / "out")]
    assert cli.main(command) == 2
    said = capsys.readouterr().err
    assert says in said and "it was 7.5% to 75%" in said and "(automl-codex adapt --labels FILE)" in said and not (tmp_path / "out").exists()
    (tmp_path / "labels.csv").write_text("sha,buggy\n" + "".join(f"{sha},{int(k == 0)}\n" for k, sha in enumerate(shas[1:31])))
    assert cli.main([*command, "--labels", str(tmp_path / "labels.csv")]) == 0
    assert abs(json.loads((tmp_path / "out" / "model.json").read_text())["adapted"]["shift"]) < 1.5, "labels start from the model as it is"


def test_labels_are_held_against_what_the_words_of_their_commits_say(repo: Repo, shipped: Path, tmp_path: Path, monkeypatch) -> None:
    shas = repo.build(history(81, 4))
    model, scored = tmp_path / "model", []
    shutil.copytree(shipped, model)
    data = json.dumps(OwnWords({}, {"src": 2.0}, 0.0, 0.0, 2.0).as_json()).encode()
    (model / WORDS_FILE).write_bytes(data)
    manifest = json.loads((model / "model.json").read_text())
    manifest["files"][WORDS_FILE] = listed(data)
    (model / "model.json").write_text(json.dumps(manifest))
    (tmp_path / "labels.csv").write_text("sha,buggy\n" + "".join(f"{sha},{k % 2}\n" for k, sha in enumerate(shas[1:61])))
    through = prior.blend.scored
    monkeypatch.setattr(prior.blend, "scored", lambda *given: scored.append(through(*given)) or scored[-1])
    shifts = []
    for directory in (shipped, model):
        command = ["adapt", "--repo", str(repo.path), "--model", str(directory), "--labels", str(tmp_path / "labels.csv"), "--output", str(tmp_path / "out")]
        assert cli.main(command) == 0
        shifts.append(json.loads((tmp_path / "out" / "model.json").read_text())["adapted"]["shift"])
    assert scored[1] == pytest.approx(prior.blend.moved(scored[0], np.full(60, 2.0))) and shifts[1] < shifts[0]


def test_too_little_is_told(repo: Repo, shipped: Path, tmp_path: Path, capsys) -> None:
    shas = repo.build(history(81, 4))
    (tmp_path / "labels.csv").write_text(f"sha,buggy\n{shas[3]},1\n")
    assert (
        cli.main(["adapt", "--repo", str(repo.path), "--model", str(shipped), "--labels", str(tmp_path / "labels.csv"), "--output", str(tmp_path / "out")]) == 2
    )
    assert "has labels of 1 commits of this repository; 20 are needed" in capsys.readouterr().err
    repo.git("reset", "-q", "--hard", shas[10])
    with pytest.raises(UsageError, match=r"10 of the newest changes touch program text; 50 are needed"):
        prior.adapt(repo.open(), Model.load(shipped), None, tmp_path, lambda _: None)
    assert not (tmp_path / "out").exists()
