"""Measures of a change, worked out by hand on a small repository, and what happens where they are unknown."""

from __future__ import annotations

import math
import random
import time
import zlib
from dataclasses import replace
from pathlib import Path

import pytest

from codex_gate import linecounts
from codex_gate.content import CONTENT
from codex_gate.features import FEATURE_NAMES, HISTORY_NAMES, KAMEI, MESSAGE_NAMES, SPEC_NAMES, UNKNOWN, entropy, extract, spec_view, vector
from codex_gate.git import MAX_DIFF_MB, object_name
from codex_gate.history import ChangePast
from codex_gate.linecounts import LineCounts
from codex_gate.types import Commit, CommitFeatures, FileChange, Hunk
from codex_gate.walk import walk
from tests.codex_gate.test_history import random_nodes
from tests.conftest import ADA, BOB, DAY, HOUR, START, Node, Repo

NAN = math.nan


def measured(repo: Repo, *wanted: str, path: Path | None = None) -> dict[str, CommitFeatures]:
    gate = repo.open(path)
    rows = walk(gate, gate.log("HEAD"), set(wanted) or None)
    return {row.commit.sha: row.features for row in rows if row.commit.sha is not None}


# -- worked out by hand --------------------------------------------------------------------------------------

EIGHT = [f"statement {n}\n" for n in range(1, 9)]


@pytest.fixture(scope="module")
def golden(tmp_path_factory: pytest.TempPathFactory, git_environ: dict[str, str]) -> list[CommitFeatures]:
    repo = Repo(tmp_path_factory.mktemp("golden") / "repo", git_environ)
    # 1: Ada, Monday 2024-01-01 00:00 UTC, which is 05:30 for her. 8 + 2 + 1 lines in three new files.
    repo.write("src/parser.py", "".join(EIGHT))
    repo.write("tests/test_parser.py", "one\ntwo\n")
    repo.write("README.md", "readme\n")
    repo.commit("add parser", author=ADA, date=f"{START} +0530")
    # 2: Bob, ten days and 23:15 hours later, a Thursday, 19:45 for him. Line 2 changes, line 9 is new: two hunks.
    nine = [EIGHT[0], "statement two\n", *EIGHT[2:], "statement 9\n"]
    repo.write("src/parser.py", "".join(nine))
    repo.commit("fix crash on empty input\n", author=BOB, date=f"{START + 10 * DAY + 23 * HOUR + 900} -0330")
    # 3: Ada, day 400, a Tuesday at midnight. The parser moves and grows by a line, the README goes, three lines of tests.
    repo.mv("src/parser.py", "core/parser.py")
    repo.write("core/parser.py", "".join([*nine, "statement 10\n"]))
    repo.remove("README.md")
    repo.write("tests/test_parser.py", "one\ntwo\n3\n4\n5\n")
    repo.commit("move parser to core", author=ADA, date=START + 400 * DAY)
    # 4: Bob, day 401, a Wednesday at noon. Two neighbouring lines of the parser go, five lines of JavaScript and a picture come.
    repo.write("core/parser.py", "".join([*nine[:4], *nine[6:], "statement 10\n"]))
    repo.write("web/app.js", "1\n2\n3\n4\n5\n")
    repo.write("web/logo.png", bytes(range(256)))
    repo.commit("speed up the parser\n\nTwice as fast.\n", author=BOB, date=START + 401 * DAY + 12 * HOUR)
    return list(measured(repo).values())


NO_PAST = dict.fromkeys(HISTORY_NAMES, 0.0)

FIRST = NO_PAST | {
    "ns": 3, "nd": 3, "nf": 3,  # src, tests and the root
    "entropy": 0.6913697,  # of 8/11, 2/11, 1/11: (.334132 + .447169 + .314494) / log2 3
    "la": 11, "ld": 0, "lt": 0, "fix": 0,
    "new_files": 3, "deleted_files": 0, "renamed_files": 0, "n_hunks": 3, "la_max": 8, "lt_max": 0, "churn_max_share": 8 / 11,
    "test_share": 2 / 11, "doc_share": 1 / 11, "code_share": 8 / 11, "code_la": 8, "code_files": 1, "n_languages": 1,
    "code_lines_added": 8, "code_lines_deleted": 0, "words_added": 16, "words_deleted": 0, "names_added": 9, "names_new": 9,
    "pairs_new": 15,  # "statement" before each of eight numbers, seven times behind one
    "message_length": 10, "hour_of_day": 5, "day_of_week": 0,
}  # fmt: skip

SECOND = {
    "ns": 1, "nd": 1, "nf": 1, "entropy": 0, "la": 2, "ld": 1, "lt": 8, "fix": 1,
    "ndev": 1, "age": 10.96875, "nuc": 1,  # Ada, 10 days and 23.25 hours ago
    "exp": 0, "rexp": 0, "sexp": 0,  # Bob is new
    "fixes_sum": 0, "fixes_max": 0, "fixes_year_sum": 0, "fixes_year_max": 0,
    "days_since_fix": 10.96875,  # never repaired: since the file appeared
    "file_age_mean": 10.96875, "file_age_min": 10.96875, "days_since_change": 10.96875,
    "touches_sum": 1, "touches_max": 1, "devs_max": 1, "own_share": 0, "top_share": 1,
    "new_files": 0, "deleted_files": 0, "renamed_files": 0, "n_hunks": 2, "la_max": 2, "lt_max": 8, "churn_max_share": 1,
    "test_share": 0, "doc_share": 0, "code_share": 1, "code_la": 2, "code_files": 1, "n_languages": 1,
    "code_lines_added": 2, "code_lines_deleted": 1, "words_added": 4, "words_deleted": 2, "names_added": 3, "names_new": 2,
    "pairs_new": 3,  # statement two, two statement, statement 9
    "message_length": 24, "hour_of_day": 19, "day_of_week": 3,
}  # fmt: skip

THIRD = {
    "ns": 3, "nd": 3, "nf": 3,  # core, tests, root: where the files are after the change
    "entropy": 0.8649735,  # of 3/5, 1/5, 1/5: (.442179 + 2 x .464386) / log2 3
    "la": 4, "ld": 1, "lt": 12,  # 1 + 9 + 2 lines before
    "fix": 0, "ndev": 2,
    "age": 396.34375,  # (400 + 389.03125 + 400) / 3: the parser was last changed by Bob
    "nuc": 2, "exp": 1,
    "rexp": 0.5,  # one commit, 400 days ago
    "sexp": 1,  # her first commit touched tests and the root, which she touches again
    "fixes_sum": 1, "fixes_max": 1,  # Bob's, under the parser's old name
    "fixes_year_sum": 0, "fixes_year_max": 0,  # 389 days ago
    "days_since_fix": 389.03125, "file_age_mean": 400, "file_age_min": 400, "days_since_change": 389.03125,
    "touches_sum": 4, "touches_max": 2, "devs_max": 2, "own_share": 3 / 4, "top_share": (1 + 1 / 2 + 1) / 3,
    "new_files": 0, "deleted_files": 1, "renamed_files": 1, "n_hunks": 3, "la_max": 3, "lt_max": 9, "churn_max_share": 3 / 5,
    "test_share": 3 / 5, "doc_share": 1 / 5, "code_share": 1 / 5, "code_la": 1, "code_files": 1, "n_languages": 1,
    "code_lines_added": 1, "code_lines_deleted": 0, "words_added": 2, "words_deleted": 0, "names_added": 2, "names_new": 2, "pairs_new": 1,
    "message_length": 19, "hour_of_day": 0, "day_of_week": 1,
}  # fmt: skip

FOURTH = {
    "ns": 2, "nd": 2, "nf": 3,
    "entropy": 0.8631206,  # of 2/7 and 5/7, over the two text files: (.516387 + .346733) / log2 2
    "la": 5, "ld": 2, "lt": 10, "fix": 0,
    "ndev": 2, "age": 1.5, "nuc": 1, "exp": 1, "rexp": 0.5,
    "sexp": 0,  # Bob's commit touched src, this one core and web
    "fixes_sum": 1, "fixes_max": 1, "fixes_year_sum": 0, "fixes_year_max": 0,
    "days_since_fix": 390.53125, "file_age_mean": 401.5, "file_age_min": 401.5, "days_since_change": 1.5,  # the new files have no age
    "touches_sum": 3, "touches_max": 3, "devs_max": 2, "own_share": 1 / 3, "top_share": 2 / 3,
    "new_files": 2, "deleted_files": 0, "renamed_files": 0, "n_hunks": 2, "la_max": 5, "lt_max": 10, "churn_max_share": 5 / 7,
    "test_share": 0, "doc_share": 0, "code_share": 1, "code_la": 5, "code_files": 2, "n_languages": 2,
    "code_lines_added": 5, "code_lines_deleted": 2, "words_added": 5, "words_deleted": 4, "names_added": 5, "names_new": 4, "pairs_new": 4,
    "message_length": 35, "hour_of_day": 12, "day_of_week": 2,
}  # fmt: skip


@pytest.mark.parametrize(("place", "expected"), list(enumerate([FIRST, SECOND, THIRD, FOURTH])))
def test_measures_worked_out_by_hand(golden: list[CommitFeatures], place: int, expected: dict[str, float]) -> None:
    found = golden[place]
    assert tuple(found.values) == FEATURE_NAMES
    assert found.values == pytest.approx({**expected, "complexity_delta": NAN}, abs=1e-6, nan_ok=True)


def test_notices_name_what_is_unknown(golden: list[CommitFeatures]) -> None:
    assert [[n.code for n in features.notices] for features in golden] == [[], [], [], ["binary-files"]]
    assert golden[3].notices[0].text == "1 of 3 files is binary or larger than the diff limit: it has no lines to count"


def test_more_files_are_told_of_as_many() -> None:
    files = [FileChange("a", None, "M", 0o100644, 0o100644, "1" * 40, "2" * 40, None, None, b"", missing=k > 1) for k in range(4)]
    assert [n.text for n in extract(Commit("a" * 40, (), (ADA, "a@b"), START, 0, "x", tuple(files)), None, lambda _: None).notices][:2] == [
        "2 of 4 files could not be read: their contents are not in this clone; their lines are unknown, so the risk rests on the rest and is not called low (git fetch --refetch --no-filter)",
        "2 of 4 files are binary or larger than the diff limit: they have no lines to count",
    ]


def test_names_are_complete_and_apart() -> None:
    assert len(set(FEATURE_NAMES)) == len(FEATURE_NAMES)
    assert {*KAMEI, *HISTORY_NAMES, *MESSAGE_NAMES} < set(FEATURE_NAMES)
    assert len(KAMEI) == 14
    assert len(SPEC_NAMES) == 8


# -- single measures ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("churn", "expected"),
    [
        ([], 0.0),
        ([5], 0.0),
        ([0, 0], 0.0),
        ([1, 1], 1.0),
        ([7, 7, 7, 7], 1.0),
        ([1, 0], 0.0),
        ([3, 1], 0.8112781244591328),  # the textbook value for 3/4, 1/4
        ([1, 1, 0, 0], 0.5),
        ([2, 1, 1], 1.5 / math.log2(3)),
    ],
)
def test_entropy_of_known_splits(churn: list[int], expected: float) -> None:
    assert entropy(churn) == pytest.approx(expected, abs=1e-15)


def test_entropy_stays_within_bounds() -> None:
    rng = random.Random(3)
    for _ in range(500):
        churn = [rng.randrange(4) ** rng.randrange(9) for _ in range(rng.randrange(1, 40))]
        assert 0.0 <= entropy(churn) <= 1.0
    assert entropy([10**6] * 3000) <= 1.0


def bare(**fields: object) -> Commit:
    return replace(Commit("1" * 40, (), "a", START, 0, ""), **fields)  # type: ignore[arg-type]


def text(path: str, added: int = 1, deleted: int = 0, **fields: object) -> FileChange:
    return FileChange(path, None, "M", 0o100644, 0o100644, "1" * 40, "2" * 40, added, deleted, b"@@ -1 +1 @@\n")._replace(**fields)  # type: ignore[arg-type]


PAST = ChangePast((), 0, 0, 0.0, 0, 0.0, 0)


def shape(*files: FileChange, lines: int | None = 10) -> CommitFeatures:
    return extract(bare(files=files), None, lambda _: lines)


@pytest.mark.parametrize(
    ("now", "zone", "hour", "day"),
    [
        (START, 0, 0, 0),
        (START, 330, 5, 0),
        (START, -210, 20, 6),  # Sunday evening in Newfoundland
        (START, 345, 5, 0),  # Nepal, 05:45
        (START, -1, 23, 6),
        (START + DAY - 1, 0, 23, 0),
        (START + DAY - 1, 1, 0, 1),
        (START, 840, 14, 0),
        (0, 0, 0, 3),  # 1970-01-01 was a Thursday
        (0, -60, 23, 2),
        (1_709_164_800 + 13 * HOUR, 0, 13, 3),  # 2024-02-29, a leap day
        (253_402_300_799, 0, 23, 4),  # the last second of 9999, a Friday
    ],
)
def test_clock_of_the_author(now: int, zone: int, hour: int, day: int) -> None:
    features = extract(bare(time=now, utc_offset=zone), PAST, lambda _: 0)
    assert (features["hour_of_day"], features["day_of_week"]) == (hour, day)


def test_shares_are_of_changed_lines() -> None:
    features = shape(text("src/a.py", 3, 1), text("tests/test_a.py", 2, 0), text("docs/a.md", 1, 1), text("setup.cfg", 2, 0))
    assert [features[f"{kind}_share"] for kind in ("code", "test", "doc")] == [0.4, 0.2, 0.2]
    assert (features["code_la"], features["code_files"], features["churn_max_share"]) == (3, 1, 0.4)


def test_languages_are_counted_once_and_only_in_code() -> None:
    assert shape(text("a.py"), text("b.py"), text("c.go"), text("test_d.rs"), text("e.md"))["n_languages"] == 2


def test_an_empty_change_has_zeros_not_unknowns() -> None:
    features = extract(bare(message="x"), PAST, lambda _: None)
    unknown = {name for name, value in features.known().items() if value is None}
    assert unknown == {"complexity_delta"}
    assert all(features[name] == 0 for name in FEATURE_NAMES if name not in ("message_length", "complexity_delta"))
    assert features.notices == ()


# -- what is unknown ------------------------------------------------------------------------------------------

LINES = {"entropy", "la", "ld", "lt", "n_hunks", "la_max", "lt_max", "churn_max_share", "test_share", "doc_share", "code_share", "code_la", *CONTENT}


def unknown(features: CommitFeatures) -> set[str]:
    return {name for name, value in features.known().items() if value is None} - {"complexity_delta", *HISTORY_NAMES}


def test_binary_only_change_has_unknown_lines_and_a_notice() -> None:
    features = shape(text("a.png", added=None, deleted=None), text("b.min.js", added=None, deleted=None))
    assert unknown(features) == LINES
    assert (features["nf"], features["code_files"], features["n_languages"]) == (2, 1, 1), "what names alone tell is known"
    assert [n.code for n in features.notices] == ["unread-files", "binary-files"] and features.is_blind
    assert features.notices[1].text == "1 of 2 files is binary or larger than the diff limit: it has no lines to count", "the program text is told of apart"


def test_mixed_change_counts_its_text_lines() -> None:
    features = shape(text("a.png", added=None, deleted=None), text("a.py", 3, 2))
    assert unknown(features) == set()
    assert (features["nf"], features["la"], features["ld"], features["lt"], features["entropy"]) == (2, 3, 2, 10, 0)
    assert [n.code for n in features.notices] == ["binary-files"]


def test_missing_blobs_have_a_notice_of_their_own() -> None:
    features = shape(text("a.py", added=None, deleted=None, missing=True), text("b.py"))
    assert [n.code for n in features.notices] == ["missing-blobs"]
    assert (
        features.notices[0].text
        == "1 of 2 files could not be read: its contents are not in this clone; its lines are unknown, so the risk rests on the rest and is not called low (git fetch --refetch --no-filter)"
    )


def test_unknown_state_before_leaves_lt_out_and_says_so() -> None:
    features = shape(text("a.py"), lines=None)
    assert unknown(features) == {"lt", "lt_max"}
    assert [n.code for n in features.notices] == ["missing-before"]


def test_a_submodule_is_one_line() -> None:
    features = shape(text("vendor/lib", 1, 1, old_mode=0o160000, new_mode=0o160000), lines=None)
    assert unknown(features) == set()
    assert (features["la"], features["ld"], features["lt"]) == (1, 1, 1)


def test_unknown_past_makes_history_unknown_and_nothing_else() -> None:
    features = extract(bare(message="m", files=(text("a.py"),)), None, lambda _: 10)
    assert {name for name, value in features.known().items() if value is None} == {*HISTORY_NAMES, "complexity_delta"}


def test_a_message_that_is_not_written_yet_is_unknown() -> None:
    features = extract(bare(message=None, files=(text("a.py"),)), PAST, lambda _: 10)
    assert {name for name, value in features.known().items() if value is None} == {*MESSAGE_NAMES, "complexity_delta"}


def test_vector_alone_encodes_unknown_and_only_there() -> None:
    features = CommitFeatures({"a": 1.5, "b": NAN, "c": 0.0, "d": -3.0})
    assert vector(features, ["c", "b", "a", "d"]) == [0.0, UNKNOWN, 1.5, -3.0]
    assert UNKNOWN == -1.0
    assert math.isnan(features["b"])
    with pytest.raises(KeyError):
        vector(features, ["nope"])


def test_no_measure_but_complexity_is_ever_negative(golden: list[CommitFeatures]) -> None:
    """Else the code for unknown could not be told from a value."""
    assert all(value >= 0 for features in golden for name, value in features.values.items() if name != "complexity_delta")


def test_specification_view(golden: list[CommitFeatures]) -> None:
    view = spec_view(golden[3], "Performance", START)
    assert tuple(view) == SPEC_NAMES
    assert list(view.values()) == ["Performance", 3.0, 5.0, 2.0, None, float(START), 12.0, 2.0]


# -- lines before ---------------------------------------------------------------------------------------------


def lines_before(repo: Repo, parent: str, files: tuple[FileChange, ...]) -> int:
    """`lt` from the files themselves."""
    texts = [repo.raw("cat-file", "blob", f"{parent}:{f.old_path or f.path}") for f in files if f.status != "A"]
    return sum(len(t.splitlines()) for t in texts)


@pytest.mark.parametrize("seed", [11, 12])
def test_lines_before_equal_the_files_also_after_evil_merges(repo: Repo, seed: int) -> None:
    """The walk works lines out from diffs; here they are read. Merges of `random_nodes` change files on their own, too."""
    shas = repo.build(random_nodes(seed, 60))
    gate = repo.open()
    checked = 0
    for row in walk(gate, gate.log("--all"), set(shas)):
        expected = lines_before(repo, row.commit.parents[0], row.commit.files) if row.commit.parents else 0
        assert row.features["lt"] == expected
        checked += expected > 0
    assert checked > 20


def test_lines_before_a_walk_that_starts_late(repo: Repo) -> None:
    shas = repo.build([Node({"a": "1\n2\n"}), Node({"a": "1\n2\n3"}, [0]), Node({"a": "3"}, [1]), Node({"a": "4\n"}, [2])])
    gate = repo.open()
    metas = gate.log("HEAD", f"^{shas[1]}")
    found = [row.features["lt"] for row in walk(gate, metas, {shas[2], shas[3]})]
    assert found == [3, 1]


def test_lines_before_of_what_is_no_text(repo: Repo) -> None:
    """A binary file that only moves has no lines, whatever newlines it holds; a link has one, a submodule too."""
    repo.write("bin", b"\0\n" * 50)
    repo.write("src/a", "1\n2\n")
    repo.symlink("link", "src/a")
    repo.commit()
    repo.mv("bin", "moved")
    repo.mv("src/a", "src/b")
    second = repo.commit()
    repo.symlink("link", "src/b")
    third = repo.commit()
    repo.remove("link")
    repo.write("link", "x\n")
    fourth = repo.commit()
    repo.symlink("link", "src/b")
    fifth = repo.commit()
    found = measured(repo)
    assert [found[sha]["lt"] for sha in (second, third, fourth, fifth)] == [2, 1, 1, 1]
    assert [n.code for n in found[second].notices] == ["missing-before"]


def test_line_counts_of_every_kind_of_blob(repo: Repo) -> None:
    contents = {
        "empty": b"",
        "one": b"a",
        "two": b"a\nb\n",
        "late-nul": b"x\n" * 4000 + b"\0\n",
        "early-nul": b"x\n\0",
        "big": b"1234567\n" * ((MAX_DIFF_MB << 17) + 1),
        "cr": b"a\rb",
    }
    ids = {name: repo.git("hash-object", "-w", "--stdin", stdin=data) for name, data in contents.items()}
    head = repo.commit()
    with LineCounts(repo.open()) as count:
        found = {name: count(blob) for name, blob in ids.items()}
        assert found == {"empty": 0, "one": 1, "two": 2, "late-nul": 4001, "early-nul": None, "big": None, "cr": 1}
        assert {name: count(blob) for name, blob in ids.items()} == found, "the second answer comes from memory"
        assert count("1" * 40) is None
        assert count(head) is None
        assert count(ids["two"]) == 2, "the process is still in step"


def test_a_blob_above_the_limit_is_not_read_whatever_asks_for_it(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    """A renamed file has no changed lines, so its diff tells no binary."""
    sizes: list[int] = []
    monkeypatch.setattr(linecounts, "_MAX_BYTES", 100)
    monkeypatch.setattr(linecounts, "object_name", lambda kind, data: sizes.append(len(data)) or object_name(kind, data))
    repo.write("video", b"\0" + b"x" * 100)
    repo.write("text", b"y\n" * 51)
    repo.write("small", b"z\n" * 50)
    first = repo.commit()
    for name in ("video", "text", "small"):
        repo.mv(name, f"moved/{name}")
    second, gate = repo.commit(), repo.open()
    (files,) = gate.diffs([(second, first)])
    assert [(f.status, f.added, f.deleted) for f in files] == [("R", 0, 0)] * 3
    with LineCounts(gate) as count:
        count.expect(files)
        assert {f.path: count(f.old_id) for f in files} == {"moved/video": None, "moved/text": None, "moved/small": 50}
    with LineCounts(gate) as count:
        assert [count(f.old_id) for f in files] == [50, None, None]
    assert set(sizes) == {100}


def made_up(n: int, end: str) -> str:
    return f"{n:06x}".ljust(39, "0") + end


def test_line_counts_go_around_damaged_blobs(repo: Repo) -> None:
    """git announces more bytes than it sends; what was asked for behind them is asked for again, more than one batch of it."""
    ids = [repo.git("hash-object", "-w", "--stdin", stdin=b"x\n" * (n + 1)) for n in range(8)]
    for blob in ids[1::3]:
        path = repo.loose(blob)
        path.chmod(0o644)
        path.write_bytes(zlib.compress(b"blob 100\0shorter"))
    expected = [None if n % 3 == 1 else n + 1 for n in range(8)]
    with LineCounts(repo.open()) as count:
        count.expect([text(str(n), 1, 0, old_id=blob, new_id=made_up(n, "a")) for n, blob in enumerate(ids)])
        count.expect([text(str(n), 1, 0, old_id=made_up(n, "b"), new_id=made_up(n, "c")) for n in range(1500)])
        assert [count(blob) for blob in ids] == expected
        assert [count(made_up(n, "a")) for n in range(8)] == [None if n is None else n + 1 for n in expected]
        assert count(made_up(1499, "c")) is None
    assert set(repo.open().blobs(ids)) == {blob for blob, n in zip(ids, expected) if n is not None}


def test_line_counts_in_a_partial_clone(repo: Repo, tmp_path: Path) -> None:
    """git dies on each blob that only the remote has; the second batch is larger than a write buffer."""
    repo.write("a", "x\n" * 7)
    repo.commit()
    repo.git("config", "uploadpack.allowFilter", "true")
    repo.git("clone", "-q", "--bare", "--filter=blob:none", repo.path.as_uri(), tmp_path / "partial")
    own = repo.git("-C", tmp_path / "partial", "hash-object", "-w", "--stdin", stdin=b"y\n" * 3)
    with LineCounts(repo.open(tmp_path / "partial")) as count:
        count.expect([text("a", 1, 0, old_id=repo.git("rev-parse", "HEAD:a"))])
        time.sleep(0.1)
        count.expect([text(str(n), 1, 0, old_id=made_up(n, "b"), new_id=made_up(n, "c")) for n in range(210)])
        assert count(own) == 3
        assert count(made_up(209, "c")) is None


def test_a_line_of_a_diff_is_a_line_of_the_file(repo: Repo) -> None:
    repo.write("a", "x\ny")
    repo.write("b", "x\ny")
    repo.commit()
    repo.write("a", "x\ny\n")
    repo.write("b", "x\ny\nz")
    repo.commit()
    repo.write("a", "")
    repo.write("b", "x")
    last = repo.commit()
    assert measured(repo)[last]["lt"] == 5
    (files,) = repo.open().diffs([(last, repo.git("rev-parse", "HEAD~1"))])
    assert files[0].hunks() == (Hunk(1, 0, (b"x", b"y"), ()),)
