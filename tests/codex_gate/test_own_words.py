"""The words of a change against those of the repository's past: what moves a risk, by how much, and what is refused."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from codex_gate import aside
from codex_gate.errors import ModelError
from codex_gate.features import NAN, OWN_WORDS, diff_side
from codex_gate.git import Repository
from codex_gate.model import Model, signed_off
from codex_gate.own_words import HELD, LARGEST, WORDS_FILE, OwnWords, Words, shifted
from codex_gate.screen import Screener
from codex_gate.types import CommitFeatures, FileChange
from codex_gate.walk import walk
from tests.codex_gate.samples import call, write_model
from tests.codex_gate.test_aside import nodes
from tests.conftest import ADA, DAY, START, Node, Repo

OWN = OwnWords({b"retry": 1.5, b"lock": 0.5, b"log": -1.0, "größe".encode(): 0.25}, {"parser": 1.0, "docs": -0.5}, 0.0, -1.2, 1.5)


def words(*added: str, path: str = "") -> Words:
    files = [FileChange(path, None, "M", 0o100644, 0o100644, "1" * 40, "2" * 40, 1, 0, b"")] if path else []
    return Words.of(files, {word.encode() for word in added})


def add_words(directory: Path, own: OwnWords = OWN) -> Path:
    """The model directory with words in it."""
    data = json.dumps(own.as_json()).encode()
    (directory / WORDS_FILE).write_bytes(data)
    manifest = json.loads((directory / "model.json").read_text())
    manifest["files"][WORDS_FILE] = {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    (directory / "model.json").write_text(json.dumps(manifest | {"version": "test-words"}))
    return directory


@pytest.mark.parametrize(
    ("said", "shift"),
    [
        (words(), 0.0),
        (words("unheard"), 0.0),
        (words("retry"), 1.5),
        (words("retry", "unheard", "lock"), 2.0 / math.sqrt(2)),
        (words("größe", path="src/Parser/x.c"), 1.25 / math.sqrt(2)),
        (words("log", path="docs/a.c"), -1.5 / math.sqrt(2)),
        (words(path="docs/parser.md"), 0.0),  # no program text
        (words("retry", path="parser.c"), 1.5),  # 2.5 / √2 lies beyond what was seen
        (words("parser", path="retry.c"), 0.0),  # a path's word is no word of program text
    ],
)
def test_the_shift_is_the_sum_over_the_root_of_the_known_words(said: Words, shift: float) -> None:
    assert OWN.shift(said) == pytest.approx(shift)


def test_a_change_is_held_against_what_the_others_say() -> None:
    own = OwnWords({b"retry": 1.5}, {}, 0.4, 0.0, 1.5)
    assert own.shift(words("retry")) == pytest.approx(1.1) and own.shift(words("unheard")) == pytest.approx(-0.4)
    assert own.shift(words()) == 0.0  # no program text


def test_words_of_paths_are_whole_in_any_script() -> None:
    long = "fix_an_incorrect_autocorrect_for_style"
    assert words(path=f"Сервис/支付/{long}/v2_x.py").path == {"сервис", "支付", long, "v2_x", "py"}
    assert words(path="caf\udce9_1.c").path == {"caf", "c"}  # a byte that is no UTF-8 parts words


def test_words_are_told_in_the_direction_of_the_shift() -> None:
    assert OWN.told(words("lock", "log", "retry", path="docs/parser.c"), 2) == ["retry", "parser"]
    assert OWN.told(words("lock", "log", path="docs/x.c"), 4) == ["log", "docs"]
    assert OWN.told(words("x"), 4) == []


def test_no_choice_of_words_moves_further_than_the_past_did() -> None:
    stuffed = OwnWords({b"calm%d" % n: -0.2 for n in range(400)}, {}, -0.1, -0.8, 1.1)
    assert stuffed.shift(Words(frozenset(stuffed.added), frozenset())) == pytest.approx(-0.7)  # the sum would say -4


def test_a_sum_of_words_is_exact_and_so_the_same_in_any_order() -> None:
    many = [f"word{k}" for k in range(16)]
    own = OwnWords({word.encode(): 0.1 for word in many}, {}, 0.0, -1.0, 1.0)
    assert own.shift(words(*many)) == 0.4  # added one by one they give 1.6000000000000003


def test_what_is_written_is_read_again() -> None:
    assert OwnWords.read(Path("x"), json.loads(json.dumps(OWN.as_json()))) == OWN


@pytest.mark.parametrize(
    ("found", "says"),
    [
        ({"format": 2, "added": {}, "path": {}}, "x has format 2, this version reads 1"),
        ({"format": 1, "added": {}, "range": [0, 0]}, "x holds no weights of words"),
        ({"format": 1, "added": [], "path": {}}, "x holds no weights of words"),
        ({"format": 1, "added": {"a": "1"}, "path": {}}, "x holds no weights of words"),
        ({"format": 1, "added": {"a": NAN}, "path": {}}, "x holds no weights of words"),
        ({"format": 1, "added": {"a": True}, "path": {}}, "x holds no weights of words"),
        ({"format": 1, "added": {}, "path": {"a": 51}}, "x holds no weights of words"),
        ({"format": 1, "added": {}, "path": {}}, "x has the middle None and the range None, expected a number and two around it and 0"),
        ({"format": 1, "added": {}, "path": {}, "middle": 0.7, "range": [0.5, 1]}, r"the range \[0.5, 1\], expected a number and two around"),
        ({"format": 1, "added": {}, "path": {}, "middle": 2, "range": [-1, 1]}, "expected a number and two around it and 0"),
        ({"format": 1, "added": {}, "path": {}, "middle": 0, "range": [-1, NAN]}, "expected a number and two around it and 0"),
        ({"format": 1, "added": {}, "path": {}, "middle": 0, "range": [0]}, "expected a number and two around it and 0"),
        ({"format": 1, "added": {}, "path": {}, "range": [-1, 1]}, "expected a number and two around it and 0"),
    ],
)
def test_what_holds_no_weights_is_refused(found: dict[str, Any], says: str) -> None:
    with pytest.raises(ModelError, match=says):
        OwnWords.read(Path("x"), found)


def test_a_score_moves_by_its_log_odds_and_stays_where_nothing_moves_it() -> None:
    assert all(shifted(score, by) == score for score in (0.0, 0.2, 1.0) for by in (0.0, NAN))
    assert shifted(0.5, math.log(3)) == pytest.approx(0.75) and shifted(0.75, -math.log(3)) == pytest.approx(0.5)
    assert all(
        (shifted(score, by) - score) * by >= 0 for score in (0.0, 0.0005, 0.001, 0.3, 0.9995, 1.0) for by in (-0.01, 0.01, -2.0, 2.0)
    )  # never against it
    assert HELD < shifted(0.0, 1.0) < 0.01 and 0.99 < shifted(1.0, -1.0) < 1 - HELD
    assert shifted(0.3, LARGEST) == pytest.approx(1.0) and shifted(0.3, -LARGEST) == pytest.approx(0.0)


# -- in a model -----------------------------------------------------------------------------------------------

ROW = {"la": 30.0, "nf": 2.0, "exp": 3.0}


def test_words_move_the_risk_and_their_share_adds_up_with_the_others(tmp_path: Path) -> None:
    bare = Model.load(write_model(tmp_path / "bare"))
    model = Model.load(add_words(write_model(tmp_path / "words")))
    silent, speaking = CommitFeatures({**ROW, OWN_WORDS: 0.0}), CommitFeatures({**ROW, OWN_WORDS: 1.5})
    assert bare.words is None and model.words == OWN
    assert model.risk(silent) == bare.risk(silent) == bare.risk(speaking) < model.risk(speaking)
    assert model.risk(CommitFeatures({**ROW, OWN_WORDS: NAN})) == model.risk(CommitFeatures(ROW)) == bare.risk(silent)
    assert model.risks([silent, speaking] * 30) == [model.risk(silent), model.risk(speaking)] * 30
    found = {c.feature: c.contribution for c in model.explain(speaking)}
    assert model.expected_risk + math.fsum(found.values()) == pytest.approx(model.risk(speaking), abs=1e-12)
    assert found[OWN_WORDS] == pytest.approx(model.risk(speaking) - model.risk(silent))  # the calibration of this model is the identity


@pytest.mark.parametrize("damage", ["gone", "altered", "no-json", "nested"])
def test_words_that_are_damaged_are_refused(tmp_path: Path, damage: str) -> None:
    directory = add_words(write_model(tmp_path / "m"))
    path = directory / WORDS_FILE
    if damage == "gone":
        path.unlink()
    elif damage == "altered":
        path.write_bytes(path.read_bytes().replace(b"1.5", b"2.5"))
    else:
        data = b"[1]" if damage == "no-json" else b"[" * 100_000
        path.write_bytes(data)
        manifest = json.loads((directory / "model.json").read_text())
        manifest["files"][WORDS_FILE] = {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        (directory / "model.json").write_text(json.dumps(manifest))
    with pytest.raises(ModelError, match=WORDS_FILE):
        Model.load(directory)


def test_words_that_came_behind_the_gates_are_refused(tmp_path: Path) -> None:
    directory = write_model(tmp_path / "m")
    manifest = json.loads((directory / "model.json").read_text())
    (directory / "model.json").write_text(json.dumps(manifest | {"signed_off": signed_off(manifest, "x", [])}))
    Model.load(directory)
    signed = json.loads((directory / "model.json").read_text())
    add_words(directory)
    found = json.loads((directory / "model.json").read_text())
    (directory / "model.json").write_text(json.dumps(found | {"version": signed["version"]}))
    with pytest.raises(ModelError, match="was changed after its gates were met"):
        Model.load(directory)


# -- in a screen ----------------------------------------------------------------------------------------------

KNOWN = OwnWords({b"lock": 1.0, b"acquire": 0.5, b"last": -0.5, b"release": 2.0}, {"src": 0.25, "py": -0.25}, 0.5, -9.0, 9.0)


def test_both_processes_read_the_same_words(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    repo.build(nodes())
    gate = repo.open()
    here = [row.features for row in walk(gate, gate.log("HEAD"), None, words=KNOWN)]
    assert len({features[OWN_WORDS] for features in here}) > 3
    monkeypatch.setattr(aside, "MIN_COMMITS", 1)
    monkeypatch.setattr(aside, "can_help", lambda: True)
    monkeypatch.setattr(Repository, "diffs", lambda *_: pytest.fail("the wrong process was asked"))
    assert repr([row.features for row in walk(gate, gate.log("HEAD"), None, words=KNOWN)]) == repr(here)


def test_every_way_to_ask_gives_one_change_the_same_risk(repo: Repo, tmp_path: Path) -> None:
    shas = repo.build(nodes())
    model = Model.load(add_words(write_model(tmp_path / "m"), KNOWN))
    gate = repo.open()
    many = {finding.sha: finding.risk for finding in Screener(gate, model).many(shas)}
    bare = {finding.sha: finding.risk for finding in Screener(gate, Model.load(write_model(tmp_path / "bare"))).many(shas)}
    one = Screener(gate, model).commit(shas[2], "one").change
    assert one is not None and one.risk == many[shas[2]] and one.risk != bare[shas[2]]
    (share,) = [share for share in Screener(gate, model).explain(shas[2]).shares if share.feature == OWN_WORDS]
    assert share.value == one.features[OWN_WORDS] == pytest.approx((2.0 + 1.0 + 0.25 - 0.25) / 2 - 0.5) and share.contribution > 0
    whole = Screener(gate, model).range(shas[1], shas[2], "range").change
    assert whole is not None and whole.risk == one.risk
    (reason,) = [reason for reason in one.reasons if reason.feature == OWN_WORDS]
    assert reason.text.endswith("suggest: release, lock, src")


def test_what_a_change_is_compared_with_was_read_with_its_words(repo: Repo, tmp_path: Path) -> None:
    """Levels, the files to look at first and what would lower the risk, one way or the other."""
    shas = repo.build(nodes())
    model = Model.load(add_words(write_model(tmp_path / "m"), KNOWN))
    many = {finding.sha: finding.risk for finding in Screener(repo.open(), model).many(shas)}
    for screener in (Screener(repo.open(), model, with_diff=True), Screener(repo.open(), model, with_diff=True)):
        report = screener.commit(shas[88], "one")
        assert report.change is not None and report.change.risk == many[shas[88]]
        line = repo.git("rev-list", "--first-parent", "--reverse", f"{shas[88]}^").split()[-60:]
        assert list(report.recent) == [many[sha] for sha in line]
    index = next((repo.path / ".git" / "codex-gate").glob("history-*.sqlite"))
    index.unlink()
    fresh = Screener(repo.open(), model, with_diff=True).commit(shas[88], "one")
    assert fresh.recent == report.recent and fresh.thresholds == report.thresholds
    (file,) = [f for f in fresh.change.files if f.path == "src/c.py"] if fresh.change else []
    assert file.score == pytest.approx(many[shas[88]])  # the only file is the whole change


def test_a_file_whose_words_speak_for_a_fix_is_what_would_lower_the_risk(repo: Repo, tmp_path: Path) -> None:
    body = "".join(f"value_{k} = {k}\n" for k in range(8))
    shas = repo.build(
        [
            Node({"src/a.py": "x = 1\n", "src/b.py": "y = 1\n"}, (), ADA, START, "begin"),
            Node({"src/a.py": body + "lock.release()\n", "src/b.py": body}, (0,), ADA, START + DAY, "both"),
        ]
    )
    model = Model.load(add_words(write_model(tmp_path / "m"), KNOWN))
    change = Screener(repo.open(), model).commit(shas[1], "one").change
    assert change is not None
    alone = {f.path: f.score for f in change.files}
    assert alone["src/a.py"] > alone["src/b.py"] + 0.05
    left = {relief.path: relief.risk for relief in change.relief}
    assert "src/a.py" in left and left["src/a.py"] == pytest.approx(alone["src/b.py"], abs=0.02)


def test_what_is_not_known_of_a_diff_is_not_known_of_its_words(repo: Repo, make_repo: Callable[..., Repo], tmp_path: Path) -> None:
    repo.build(nodes())
    shallow = tmp_path / "shallow"
    repo.git("clone", "-q", "--depth", "1", f"file://{repo.path}", str(shallow))
    gate = Repository.discover(shallow, repo.environ)
    model = Model.load(add_words(write_model(tmp_path / "m"), KNOWN))
    (edge,) = Screener(gate, model).many(gate.rev_list("HEAD"))
    assert edge.features.known()[OWN_WORDS] is None
    one = Screener(gate, model).commit("HEAD", "one").change
    assert one is not None and one.features.known()[OWN_WORDS] is None
    binary = FileChange("src/a.py", None, "M", 0o100644, 0o100644, "1" * 40, "2" * 40, None, None, b"")
    assert math.isnan(diff_side((binary,), lambda _: 3, KNOWN).values[OWN_WORDS])


def test_explain_shows_words_as_a_measure(repo: Repo, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shas = repo.build(nodes())
    directory = add_words(write_model(tmp_path / "m"), KNOWN)
    told = call(capsys, "explain", "-C", repo.path, shas[2], "--model", directory)
    assert told.code == 0 and OWN_WORDS in told.out and "release" in told.out
