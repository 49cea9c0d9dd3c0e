"""The linear model of kinds: what it learns, on whom it is chosen, and that the runtime reads the same from what it writes."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from zlib import crc32

import numpy as np
import pytest

from automl_codex import cli, commits, kinds
from automl_codex.examples import Example
from automl_codex.kinds import BUCKETS, Chosen, Fitted, Read, buckets_of, choose, figures, fit, matrix, probabilities, threshold_for, weigh
from automl_codex.logits import Answers
from codex_gate import hybrid, rules, terms
from codex_gate.errors import UsageError
from codex_gate.linear import Linear, Tier, tiers
from codex_gate.student import Answer
from codex_gate.taxonomy import KINDS
from codex_gate.text import HunkText
from codex_gate.types import Commit, FileChange
from tests.codex_gate import students
from tests.conftest import START, Node, Repo

LEAK, LOGIC, API, NONE = (KINDS.index(name) for name in ("ResourceLeaks", "LogicErrors", "ApiMisuse", "none"))
WORD = {LEAK: 11, LOGIC: 12, API: 13, NONE: 14}  # a bucket that speaks for each
SETTING = (3.0, 0.25)


def rows(*each: tuple[int, ...]) -> list[np.ndarray]:
    return [np.array(row, np.int64) for row in each]


def corpus(repositories: int = 6, each: int = 8, said: Callable[[int, int], int] = lambda repository, kind: WORD[kind]) -> Read:
    """Commits of four kinds in turn, each with the bucket that `said` gives for its repository and kind, and two that say nothing; the rules are silent."""
    rng = np.random.default_rng(7)
    made = [(repository, kind, number) for repository in range(repositories) for number in range(each) for kind in WORD]
    return Read(
        tuple(replace(commit(KINDS[kind], change("a.py")), sha=f"{place:040x}") for place, (_, kind, _) in enumerate(made)),
        tuple(f"acme/{repository}" for repository, _, _ in made),
        np.array([kind for _, kind, _ in made]),
        tuple(np.array([said(repository, kind), *rng.integers(100, 110, 2)]) for repository, kind, _ in made),
        np.ones((len(made), 19), bool),
        np.tile(np.eye(19)[NONE], (len(made), 1)),
    )


def change(path: str, patch: bytes = b"@@ -1 +1 @@\n-a\n+b") -> FileChange:
    return FileChange(path, path, "M", 0o100644, 0o100644, "1" * 40, "2" * 40, 1, 1, patch)


def commit(message: str, *files: FileChange) -> Commit:
    return Commit("0" * 40, ("1" * 40,), "ada", START, 0, message, files)


def alone(threshold: float = 0.25) -> Chosen:
    return Chosen(SETTING, {1: Tier({"rules": 0.0, "linear": 1.0}, threshold)}, {1: {"accuracy": 0.5}})


# -- fitting -------------------------------------------------------------------------------------------


def test_a_word_that_stands_for_a_kind_is_learned() -> None:
    found = corpus()
    model = fit(found.buckets, found.kinds, SETTING, 1)
    said = probabilities(model, rows(*((bucket, 104) for bucket in WORD.values())), np.ones((4, 19), bool))
    assert said.argmax(1).tolist() == list(WORD) and said.max(1).min() > 0.6
    assert said.sum(1) == pytest.approx(1.0)
    never = [kind for kind in range(19) if kind not in WORD]
    assert said[:, never].max() < 1e-12  # of what it never saw it says nothing
    assert model.weights.shape == (19, BUCKETS) and not model.weights[never].any()


def test_what_a_bucket_counts_is_how_rare_it_is_worked_out_by_hand() -> None:
    given = rows((1, 1, 2, 9), (1, 2), (1, 3), (1, 3), (1, 3), (1,), (1,), ())
    counts = fit(given, np.array([LEAK, LOGIC] * 4), SETTING, 1).counts
    # of 8 commits 7 hold bucket 1 (twice in one is once), 2 and 3 bucket 2 and 3, one bucket 9; in sixteenths
    assert counts[[1, 2, 3]].tolist() == [
        round((math.log(9 / 8) + 1) * 16) / 16,
        round((math.log(9 / 3) + 1) * 16) / 16,
        round((math.log(9 / 4) + 1) * 16) / 16,
    ]
    assert counts[[1, 2, 3]].tolist() == [18 / 16, 34 / 16, 29 / 16]
    assert np.flatnonzero(counts).tolist() == [1, 2, 3]  # what one commit alone holds weighs nothing


def test_rows_are_of_unit_length_and_terms_that_share_a_bucket_count_each() -> None:
    counts = np.zeros(BUCKETS)
    counts[[1, 2]] = 3.0, 4.0
    found = matrix(rows((1, 2), (1, 1), (2, 7), (7,), ()), counts).toarray()
    assert found[:, [1, 2, 7]] == pytest.approx(np.array([[0.6, 0.8, 0], [math.sqrt(2), 0, 0], [0, 1, 0], [0, 0, 0], [0, 0, 0]]))
    assert matrix([], counts).shape == (0, BUCKETS)


def test_of_two_kinds_each_is_told() -> None:
    found = corpus()
    two = [place for place, kind in enumerate(found.kinds) if kind in (LEAK, NONE)]
    model = fit([found.buckets[place] for place in two], found.kinds[two], SETTING, 1)
    said = probabilities(model, rows((WORD[LEAK],), (WORD[NONE],)), np.ones((2, 19), bool))
    assert said.argmax(1).tolist() == [LEAK, NONE] and said[:, [LEAK, NONE]].sum(1) == pytest.approx(1.0)
    assert said[0, LEAK] == pytest.approx(said[1, NONE], abs=0.02)  # there were as many of each


def test_balance_raises_a_rare_kind_and_strength_what_words_say() -> None:
    found = corpus()
    few = [place for place, kind in enumerate(found.kinds) if kind == NONE or (kind == LEAK and place % 24 == 0)]
    buckets, told = [found.buckets[place] for place in few], found.kinds[few]
    shares = [probabilities(fit(buckets, told, (1.0, balance), 1), rows(()), np.ones((1, 19), bool))[0, LEAK] for balance in (0.0, 0.5, 1.0)]
    assert shares[0] < shares[1] < shares[2]
    spoken = [probabilities(fit(buckets, told, (strength, 0.0), 1), rows((WORD[LEAK],)), np.ones((1, 19), bool))[0, LEAK] for strength in (0.1, 1.0, 10.0)]
    assert spoken[0] < spoken[1] < spoken[2]


def small() -> Fitted:
    """Two buckets: 1 speaks for a leak, 2 for nothing at all."""
    weights, counts, bias = np.zeros((19, BUCKETS)), np.zeros(BUCKETS), np.zeros(19)
    weights[LEAK, 1], weights[NONE, 2], counts[[1, 2]], bias[NONE] = 6.0, 8.0, (3.0, 4.0), 1.0
    return Fitted(weights, bias, counts)


def test_probabilities_are_those_worked_out_by_hand() -> None:
    can = np.zeros((3, 19), bool)
    can[:, [LEAK, NONE]] = True
    can[2, LEAK] = False
    said = probabilities(small(), rows((1, 2), (), (1,)), can)
    assert said[:, LEAK] == pytest.approx([1 / (1 + math.exp(1 + 8 / 5 - 6 / 5)), 1 / (1 + math.e), 0.0])
    assert said[:, NONE] == pytest.approx(1 - said[:, LEAK]) and said[2, NONE] == 1.0


# -- choosing ------------------------------------------------------------------------------------------


@pytest.fixture
def few_buckets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty models of so many buckets are fitted in a second."""
    monkeypatch.setattr(kinds, "BUCKETS", 1 << 11)


@pytest.mark.usefixtures("few_buckets")
def test_a_word_that_holds_in_every_repository_is_chosen_by() -> None:
    states: list[tuple[int, int]] = []
    found = choose(corpus(), None, None, (), 1, lambda *state: states.append(state))
    told = found.figures[1]
    assert told["accuracy"] == told["macro_f1"] == told["top2"] == 1.0
    assert told["none_said"] == 8 / 48  # at most a fifth of 48 commits about no defect
    assert told["precision"] == 144 / (144 + 8)
    assert found.setting in kinds.SETTINGS
    assert states == [(step, 10) for step in range(1, 11)]
    again = choose(corpus(), None, None, (), 1)
    assert (again.setting, again.tiers, again.figures) == (found.setting, found.tiers, found.figures)
    assert list(found.tiers) == [1] and found.tiers[1].weights == {"rules": 0.0, "linear": 1.0}  # the rules said nothing


@pytest.mark.usefixtures("few_buckets")
@pytest.mark.parametrize("settings", [((1e-7, 0.5), (3.0, 0.5)), ((3.0, 0.5), (1e-7, 0.5))])
def test_the_setting_that_is_right_more_often_is_chosen(settings: tuple[tuple[float, float], ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kinds, "SETTINGS", settings)
    monkeypatch.setattr(kinds, "SILENCE", 0.0)  # whoever knows nothing says nothing
    found = choose(corpus(), None, None, (), 1)
    assert found.setting == (3.0, 0.5) and found.figures[1]["accuracy"] == 1.0


@pytest.mark.usefixtures("few_buckets")
def test_what_only_tells_repositories_apart_does_not_help() -> None:
    own = corpus(said=lambda repository, kind: 1000 + 20 * repository + kind)  # in each repository other words for the same kinds
    model = fit(own.buckets, own.kinds, SETTING, 1)
    told = figures(own.kinds, probabilities(model, own.buckets, own.possible), 0.0)
    assert told["accuracy"] == 1.0  # whoever has seen the repository knows
    assert choose(own, None, None, (), 1).figures[1]["top2"] < 0.8  # by chance two of three are among the two


@pytest.mark.usefixtures("few_buckets")
def test_a_repository_is_never_on_both_sides_of_a_fold(monkeypatch: pytest.MonkeyPatch) -> None:
    found, seen = corpus(repositories=7, each=2), []
    names = {id(row): name for row, name in zip(found.buckets, found.repositories, strict=True)}
    learn, say = kinds.fit, kinds.probabilities
    monkeypatch.setattr(kinds, "fit", lambda given, *rest: (seen.append({names[id(row)] for row in given}), learn(given, *rest))[1])
    monkeypatch.setattr(kinds, "probabilities", lambda model, given, can: (seen.append({names[id(row)] for row in given}), say(model, given, can))[1])
    choose(found, None, None, (), 1)
    pairs = list(zip(seen[::2], seen[1::2], strict=True))
    assert len(pairs) == 10 and all(not learned & held and learned | held == set(found.repositories) for learned, held in pairs)
    assert sorted(name for _, held in pairs[:5] for name in held) == sorted(set(found.repositories))


class Knowing:
    """A student that reads the kind off the message, where it was written."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str | None]] = []

    def answer(self, hunks: Sequence[HunkText], message: str | None = None) -> list[Answer]:
        self.asked += [(hunk.path, message) for hunk in hunks]
        return [Answer(0.5, tuple(float(kind == message) for kind in KINDS)) for _ in hunks]


@pytest.mark.usefixtures("few_buckets")
def test_tiers_with_a_student_are_weighed_where_it_was_validated(monkeypatch: pytest.MonkeyPatch) -> None:
    found = corpus(each=4, said=lambda repository, kind: 1)  # no word tells anything
    found = replace(found, commits=(*found.commits[:-1], replace(found.commits[-1], files=(change("README.md"),))))  # about no defect, and without program text
    student, learned, learn = Knowing(), [], kinds.fit
    monkeypatch.setattr(kinds, "fit", lambda given, *rest: (learned.append({id(row) for row in given}), learn(given, *rest))[1])
    chosen = choose(found, None, student, {"acme/4", "acme/5"}, 1)
    held = [row for row, name in enumerate(found.repositories) if name in ("acme/4", "acme/5")]
    assert student.asked == [("a.py", KINDS[found.kinds[row]]) for row in held[:-1]]  # asked as at run time, of these commits alone
    assert len(learned) == 11 and learned[-1] == {id(row) for place, row in enumerate(found.buckets) if place not in held}
    assert list(chosen.tiers) == list(chosen.figures) == [1, 2, 3]
    assert chosen.tiers[2].weights == {"student": 1.0} and chosen.figures[2]["accuracy"] == chosen.figures[3]["accuracy"] == 1.0 > chosen.figures[1]["accuracy"]
    assert chosen.figures[2]["none_said"] == 0.0  # of what has no program text it says nothing
    assert set(chosen.tiers[3].weights) == {"rules", "linear", "student"} and chosen.tiers[3].weights["student"] > 0
    for student_of, validation in ((None, {"acme/4"}), (Knowing(), set())):
        assert list(choose(found, None, student_of, validation, 1).tiers) == [1]


def test_members_are_weighed_in_tenths_by_what_they_are_right_about_together() -> None:
    told = np.array([LEAK] * 4 + [LOGIC] * 4 + [NONE] * 20)
    right, silent, wrong = np.eye(19)[told], np.tile(np.eye(19)[NONE], (28, 1)), np.eye(19)[np.array([LOGIC] * 4 + [LEAK] * 4 + [NONE] * 20)]
    one, other = right.copy(), right.copy()
    one[4:8], other[:4] = silent[4:8], silent[:4]  # each knows one kind
    assert weigh(told, {"a": one, "b": other}) == (Tier({"a": 0.1, "b": 0.9}, 0.0), weigh(told, {"a": right})[1])
    assert weigh(told, {"a": wrong, "b": right})[0].weights == {"a": 0.0, "b": 1.0}
    tier, best = weigh(told, {"a": right, "b": wrong})
    assert tier.weights == {"a": 0.6, "b": 0.4} and best["accuracy"] == 1.0  # the first that outvotes it
    three = weigh(told, {"a": wrong, "b": one, "c": other})[0].weights
    assert three == {"a": 0.0, "b": 0.1, "c": 0.9} and sum(three.values()) == 1.0


def shares_of(*loudest: float) -> np.ndarray:
    """(n, 19): so much for a leak, the rest for none."""
    found = np.zeros((len(loudest), 19))
    found[:, LEAK], found[:, NONE] = loudest, 1 - np.array(loudest)
    return found


def test_the_threshold_lets_a_category_be_said_of_so_many_about_no_defect() -> None:
    loud = shares_of(*(number / 100 for number in range(20)), 0.9)
    about = np.array([NONE] * 20 + [LEAK])
    threshold = threshold_for(about, loud)
    assert threshold == pytest.approx(0.15)  # four of twenty are above it, .16 to .19; the commit about a defect is not asked
    assert (loud[:20, LEAK] > threshold).sum() == 4 == kinds.SILENCE * 20


@pytest.mark.parametrize("seed", range(5))
def test_a_threshold_of_four_digits_lets_no_more_be_said(seed: int) -> None:
    loud = shares_of(*np.random.default_rng(seed).random(1000))
    threshold = threshold_for(np.array([NONE] * 1000), loud)
    assert threshold == round(threshold, 4) and kinds.SILENCE - 0.001 <= (loud[:, LEAK] > threshold).mean() <= kinds.SILENCE


def test_commits_of_equal_confidence_are_silent_together_and_without_one_about_nothing_all_is_said() -> None:
    assert threshold_for(np.array([NONE] * 10), shares_of(*[0.5] * 10)) == 0.5
    assert threshold_for(np.array([NONE] * 3), shares_of(0.1, 0.2, 0.3)) == 0.3  # of three, 15 % is none
    assert threshold_for(np.array([LEAK, LOGIC]), shares_of(0.5, 0.5)) == 0.0


def test_figures_worked_out_by_hand() -> None:
    told = np.array([LEAK, LEAK, LOGIC, NONE, NONE])
    said = np.zeros((5, 19))
    for place, given in enumerate(({LEAK: 0.6, NONE: 0.4}, {LOGIC: 0.5, LEAK: 0.3, NONE: 0.2}, {LOGIC: 0.4, NONE: 0.6}, {LEAK: 0.9}, {LOGIC: 0.1, NONE: 0.9})):
        said[place, list(given)] = list(given.values())
    found = figures(told, said, 0.4)  # the third is not above it
    assert found["accuracy"] == pytest.approx(1 / 3) and found["top2"] == 1.0
    assert found["macro_f1"] == pytest.approx((2 / 3 + 0) / 2)  # a leak: 1 right of 1 said and 2 true; what is said of nothing is counted in none_said alone
    assert found["none_said"] == 0.5 and found["precision"] == pytest.approx(1 / 3)
    silent = figures(told[:3], said[:3], 1.0)
    assert (silent["accuracy"], silent["macro_f1"], silent["top2"]) == (0.0, 0.0, 1.0)
    assert math.isnan(silent["none_said"]) and math.isnan(silent["precision"])


# -- writing -------------------------------------------------------------------------------------------


def test_the_runtime_says_the_same_within_the_rounding_of_a_byte(tmp_path: Path) -> None:
    names = [f"c:word{number}" for number in range(300)]
    place = {name: crc32(name.encode()) % BUCKETS for name in names}
    rng, told = np.random.default_rng(3), corpus()
    said = [[f"c:word{WORD[kind]}", *(names[number] for number in rng.choice(range(20, 300), 12, replace=False))] for kind in told.kinds]
    found = replace(told, buckets=tuple(np.array([place[name] for name in row]) for row in said))
    model = fit(found.buckets, found.kinds, (10.0, 0.5), 1)
    kinds.write(tmp_path / "m", model, alone(), found, None, None, {"date": "2026-01-02"})
    loaded = Linear.load(tmp_path / "m")
    assert loaded is not None and tiers(tmp_path / "m") == alone().tiers
    scale = np.abs(model.weights).max(1) / 127
    for row, buckets in zip(said, found.buckets, strict=True):
        norm = math.sqrt(np.square(model.counts[buckets]).sum())
        exact = model.bias + model.weights[:, buckets].sum(1) / norm
        allowed = len(row) * scale / 2 / norm + 1e-6  # half a step for each weight, and the sixth digit of the bias
        assert (np.abs(np.array(loaded.scores(row)) - exact) <= allowed).all()
    exact = probabilities(model, found.buckets, found.possible)
    given = np.array([loaded.probabilities(row, (True,) * 19) for row in said])
    assert np.abs(given - exact).max() < 0.01 and (given.argmax(1) == exact.argmax(1)).all()


def test_what_is_written_says_how_it_was_made_and_names_no_commit(tmp_path: Path) -> None:
    found = corpus(repositories=2, each=1)
    version = kinds.write(tmp_path / "m", small(), alone(), found, None, "student-2-test", {"date": "2026-01-02"})
    told = json.loads((tmp_path / "m" / "kinds.json").read_text())
    data = (tmp_path / "m" / "kinds.table").read_bytes()
    assert sorted(path.name for path in (tmp_path / "m").iterdir()) == ["kinds-manifest.txt", "kinds.json", "kinds.table"]
    assert version == told["version"] == f"kinds-1-{hashlib.sha256(data).hexdigest()[:8]}"
    assert told["kinds"] == list(KINDS) and told["date"] == "2026-01-02" and told["student"] is None  # no tier rests on it
    assert told["chosen"] == {"setting": [3.0, 0.25], "figures": {"1": {"accuracy": 0.5}}}
    assert told["tiers"] == {"1": {"weights": {"rules": 0.0, "linear": 1.0}, "threshold": 0.25}}
    sources = (tmp_path / "m" / "kinds-manifest.txt").read_text()
    shas = [str(one.sha) for one in found.commits]
    hashes = {
        name: sorted(hashlib.sha256(sha.encode()).hexdigest() for own, sha in zip(found.repositories, shas, strict=True) if own == name)
        for name in found.repositories
    }
    assert sources.splitlines() == [line for name in sorted(hashes) for line in (name, *(f"  {one}" for one in hashes[name]))]
    for name, content in (("kinds.table", data), ("kinds-manifest.txt", sources.encode())):
        assert told["files"][name] == {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    again = kinds.write(tmp_path / "again", small(), alone(), found, None, None, {"date": "2026-01-02"})
    assert again == version and (tmp_path / "again" / "kinds.json").read_bytes() == (tmp_path / "m" / "kinds.json").read_bytes()


def test_the_table_is_the_one_worked_out_by_hand(tmp_path: Path) -> None:
    kinds.write(tmp_path / "m", small(), alone(), corpus(repositories=1, each=1), None, None, {})
    data = (tmp_path / "m" / "kinds.table").read_bytes()
    assert len(data) == BUCKETS * 20
    leak, none, empty = ([128] * 19 + [count] for count in (48, 64, 0))
    leak[LEAK] = none[NONE] = 255  # the largest weight of a kind takes the largest number
    assert [list(data[place * 20 : place * 20 + 20]) for place in (0, 1, 2, 3)] == [empty, leak, none, empty]
    told = json.loads((tmp_path / "m" / "kinds.json").read_text())
    assert told["scale"][LEAK] == pytest.approx(6 / 127 * 16) and told["bias"] == [0.0] * 18 + [1.0]


# -- of commits ----------------------------------------------------------------------------------------


def test_the_buckets_of_a_change_are_those_of_its_terms_with_the_rules_that_fired() -> None:
    given = commit("fix memory leak: close the file", change("src/a.py", b"@@ -1 +1 @@\n-x = open(p)\n+with open(p) as x:"))
    fired = rules.fired(given)
    told = terms.of(given, dict.fromkeys(rule.name for rule, _ in fired))
    assert buckets_of(given, fired).tolist() == [crc32(term.encode()) % BUCKETS for term in told] and any(term.startswith("r:") for term in told)


def test_a_commit_is_read_with_its_terms_its_languages_and_what_the_rules_say() -> None:
    leak = commit("fix memory leak: close the file", change("src/a.py", b"@@ -1 +1 @@\n-x = open(p)\n+with open(p) as x:"))
    words = commit("say hello", change("README.md"))
    found = Read.of([(leak, "acme/tool", "ResourceLeaks"), (words, "acme/web", "none")])
    assert found.commits == (leak, words) and found.repositories == ("acme/tool", "acme/web") and found.kinds.tolist() == [LEAK, NONE]
    assert [row.tolist() for row in found.buckets] == [buckets_of(one, rules.fired(one)).tolist() for one in (leak, words)]
    assert found.possible.tolist() == [list(hybrid.possible(leak)), list(hybrid.possible(words))] and found.possible[0].sum() > found.possible[1].sum()
    assert found.rules.argmax(1).tolist() == [LEAK, NONE] and found.rules.sum(1) == pytest.approx(1.0)


@pytest.fixture
def folder(tmp_path: Path, make_repo: Callable[..., Repo]) -> Path:
    """Six repositories of a leak, a wrong sum and a renaming each; a seventh is for the test, and has no clone."""
    (tmp_path / "training" / "categories").mkdir(parents=True)
    (tmp_path / "training" / "off-limits.txt").write_text("other/*\n")
    repositories, read = ["repository,part,head,until", f"acme/test,test,{'a' * 40},2024-06-30"], ["repository,sha,drawn,round,kind,second,sure,reason"]
    read.append(f"acme/test,{'b' * 40},natural,1,TypeErrors,,h,")
    for number in range(6):
        told = (("fix leak of a handle", "ResourceLeaks"), ("fix wrong sum", "LogicErrors"), ("rename things", "none")) * 2
        nodes = [Node({f"src/m{number}.py": "start\n"}, message="start")]
        nodes += [
            Node({f"src/m{number}.py": f"start\nline{place}\n"}, (place,), message=f"{message} {number}{place}") for place, (message, _) in enumerate(told)
        ]
        shas = make_repo(f"clones/acme+r{number}").build(nodes)
        repositories.append(f"acme/r{number},train,{shas[-1]},2024-06-30")
        read += [f"acme/r{number},{sha},natural,1,{kind},,h," for sha, (_, kind) in zip(shas[1:], told, strict=True)]
    put(tmp_path / "training" / "categories", repositories, read)
    return tmp_path


def put(folder: Path, repositories: list[str], read: list[str]) -> None:
    (folder / commits.REPOSITORIES).write_text("\n".join(repositories) + "\n")
    (folder / commits.COMMITS).write_text("\n".join(read) + "\n")


def told_of(folder: Path, environ: dict[str, str]) -> Read:
    return kinds.read(folder / "training" / "categories", folder / "clones", environ, folder / "training" / "off-limits.txt")


def test_from_commits_of_repositories_to_what_the_runtime_says(folder: Path, git_environ: dict[str, str]) -> None:
    found = told_of(folder, git_environ)
    assert len({one.sha for one in found.commits}) == 36 and set(found.repositories) == {f"acme/r{number}" for number in range(6)}
    assert np.bincount(found.kinds, minlength=19)[[LEAK, LOGIC, NONE]].tolist() == [12, 12, 12]
    chosen = choose(found, None, None, (), 1)
    assert chosen.figures[1]["top2"] == 1.0 and chosen.figures[1]["none_said"] <= kinds.SILENCE
    kinds.write(folder / "m", fit(found.buckets, found.kinds, chosen.setting, 1), chosen, found, None, None, {})
    model = Linear.load(folder / "m")
    assert model is not None
    for message, kind in (("fix leak of a socket", LEAK), ("fix wrong total, sum of all", LOGIC), ("rename other things", NONE)):
        given = commit(message, change("lib/z.py"))
        said = model.probabilities(terms.of(given, dict.fromkeys(rule.name for rule, _ in rules.fired(given))), hybrid.possible(given))
        assert int(np.argmax(said)) == kind


def test_commits_of_one_kind_alone_are_refused() -> None:
    with pytest.raises(UsageError, match="all commits that are left to learn from are of one kind"):
        fit(rows((1,), (2,)), np.array([LEAK, LEAK]), SETTING, 1)


@pytest.mark.usefixtures("few_buckets")
def test_a_word_that_only_teachers_know_is_learned_from_unread_commits() -> None:
    found = corpus(each=2)
    new = 55  # a bucket that no commit holds that was read
    beside = kinds.Taught(
        tuple(f"{place:040x}" for place in range(60)), np.array(["acme/9"] * 60), tuple(np.array([new, 100 + place % 10]) for place in range(60)),
        np.tile(np.eye(19)[API], (60, 1)), np.tile(np.eye(19)[NONE], (60, 1)),
    )  # fmt: skip
    asked = rows((new,))
    can = np.ones((1, 19), bool)
    alone_says, taught_says = (probabilities(fit(found.buckets, found.kinds, SETTING, 1, given), asked, can)[0] for given in (None, beside))
    assert taught_says[API] > 0.5 > alone_says[API]
    none_left = beside.without({"acme/9"})
    assert len(none_left.shas) == len(none_left.buckets) == len(none_left.teachers) == 0
    assert np.array_equal(probabilities(fit(found.buckets, found.kinds, SETTING, 1, none_left), asked, can)[0], alone_says)


def test_unread_commits_are_taken_from_answers_without_those_that_were_read_and_those_of_the_test(folder: Path, git_environ: dict[str, str]) -> None:
    found = told_of(folder, git_environ)
    read, unread = found.commits[0], found.commits[1:4]
    name = found.repositories[0]
    examples = [
        Example(f"{name}@{one.sha}:{suffix}", name, part, "src/m0.py", "", "line", one.message or "", "unknown", None)
        for one, part, suffix in ((read, "train", "said"), *((one, "train", "said") for one in unread[:2]), (unread[1], "train", "code"), (unread[2], "test", "said"))
    ]  # fmt: skip
    answers = Answers(tuple(examples), {"t": np.eye(20, dtype=np.float32)[[LEAK] * 5] * 9})
    beside = kinds.taught(answers, {str(read.sha)}, folder / "clones", git_environ, 1)
    assert sorted(beside.shas) == sorted(str(one.sha) for one in unread[:2]) and set(beside.repositories) == {name}
    assert (beside.teachers[:, LEAK] > 0.9).all() and beside.rules.sum(1) == pytest.approx(1.0)
    assert {tuple(row) for row in beside.buckets} == {tuple(buckets_of(one, rules.fired(one))) for one in unread[:2]}
    with pytest.raises(UsageError, match="no row of a commit that nobody read has an answer"):
        kinds.taught(answers, {str(one.sha) for one in found.commits}, folder / "clones", git_environ, 1)


def test_a_repository_of_the_test_is_not_even_opened(folder: Path, git_environ: dict[str, str]) -> None:
    assert "acme/test" not in told_of(folder, git_environ).repositories
    listed = folder / "training" / "categories" / commits.REPOSITORIES
    listed.write_text(listed.read_text().replace("acme/test,test,", "acme/test,train,"))
    with pytest.raises(UsageError, match=r"acme\+test is missing; clone acme/test there"):
        told_of(folder, git_environ)


def test_too_little_to_learn_from_is_refused(folder: Path, git_environ: dict[str, str]) -> None:
    place = folder / "training" / "categories"
    repositories, read = ((place / name).read_text().splitlines() for name in (commits.REPOSITORIES, commits.COMMITS))
    for kept, many in (
        ([row for row in read if "acme/r5" not in row and "acme/r4" not in row], 24),
        ([row for row in read if row.startswith("repository") or ",none," in row], 12),
        (read[:1], 0),
    ):
        put(place, repositories, kept)
        with pytest.raises(UsageError, match=f"holds {many} commits to learn from; expected at least 5 repositories and two kinds"):
            told_of(folder, git_environ)


def test_a_repository_that_is_off_limits_is_refused(folder: Path, git_environ: dict[str, str]) -> None:
    (folder / "training" / "off-limits.txt").write_text("acme/test\n")
    with pytest.raises(UsageError, match="acme/test is off limits"):
        told_of(folder, git_environ)


# -- the command ---------------------------------------------------------------------------------------


def test_the_command_writes_a_directory_of_models(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(kinds, "BUCKETS", 1 << 11)
    given = ["kinds", "--commits", str(folder / "training" / "categories"), "--clones", str(folder / "clones"), "--seed", "1"]
    assert cli.main([*given, "--output", str(folder / "m")]) == 0
    told = capsys.readouterr()
    assert "36 commits of 6 repositories" in told.out and "| 1 | rules " in told.out and "| 2 |" not in told.out and "[########" in told.err
    model = Linear.load(folder / "m")
    assert model is not None and list(tiers(folder / "m")) == [1] and told.out.startswith(f"{model.version}  {folder / 'm'}")
    manifest = json.loads((folder / "m" / "kinds.json").read_text())
    assert (manifest["commits"], manifest["repositories"], manifest["seed"]) == (36, 6, 1)
    student = students.write(folder / "student")
    assert cli.main([*given, "--student", str(student), "--output", str(folder / "both")]) == 0
    assert "| 2 | student 1 | " in capsys.readouterr().out  # acme/r2 is of the validation part
    assert list(tiers(folder / "both", "student-1-test")) == [1, 2, 3] and list(tiers(folder / "both", "another")) == [1]
    for name in ("student.json", "student.onnx", "vocabulary.json"):
        assert (folder / "both" / name).read_bytes() == (student / name).read_bytes()
    assert (folder / "both" / "kinds.table").read_bytes() == (folder / "m" / "kinds.table").read_bytes()


def test_a_student_that_lies_there_already_is_left_as_it_is(tmp_path: Path) -> None:
    folder = students.write(tmp_path / "m")
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert kinds.opened_student(folder, folder).version == "student-1-test"
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == before
