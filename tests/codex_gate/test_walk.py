"""One walk over a history: which rows it gives, in which order, and what it leaves behind."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from codex_gate.errors import GitError
from codex_gate.features import FEATURE_NAMES
from codex_gate.git import CommitMeta, Repository
from codex_gate.history import History, Past
from codex_gate.walk import Pasts, Row, as_commit, walk
from tests.codex_gate.test_history import random_nodes
from tests.conftest import ADA, BOB, DAY, EVE, START, Node, Repo, has_children


def nodes() -> list[Node]:
    """Ada's root; a topic of Bob's with two commits; Ada goes on; Eve merges the topic and changes something on the way."""
    return [
        Node({"a": "1\n", "b": "1\n"}, author=ADA, time=START, message="root"),
        Node({"b": "2\n"}, [0], author=BOB, time=START + DAY, message="topic 1"),
        Node({"b": "3\n"}, [1], author=BOB, time=START + 2 * DAY, message="fix topic"),
        Node({"a": "2\n"}, [0], author=ADA, time=START + 3 * DAY, message="main"),
        Node({"b": "3\n", "evil": "!\n"}, [3, 2], author=EVE, time=START + 4 * DAY, message="merge"),
        Node({"b": "4\n"}, [4], author=BOB, time=START + 5 * DAY, message="after"),
    ]


def rows(repo: Repo, wanted: set[str] | None = None, *tips: str) -> list[Row]:
    gate = repo.open()
    return list(walk(gate, gate.log(*(tips or ("HEAD",))), wanted))


def test_rows_come_in_order_and_merges_only_when_wanted(repo: Repo) -> None:
    shas = repo.build(nodes())
    order = [m.sha for m in repo.open().log("HEAD")]
    plain = rows(repo)
    assert [row.commit.sha for row in plain] == [sha for sha in order if sha != shas[4]]
    with_merges = rows(repo, set(shas))
    assert [row.commit.sha for row in with_merges] == order
    assert {row.commit.sha: row.features for row in with_merges if row.commit.sha != shas[4]} == {row.commit.sha: row.features for row in plain}


def test_only_wanted_commits_are_measured(repo: Repo) -> None:
    shas = repo.build(nodes())
    found = rows(repo, {shas[2]})
    assert [row.commit.message for row in found] == ["fix topic"], "the others are walked for their touches alone"
    assert rows(repo, {"1" * 40}) == rows(repo, set()) == []
    everything = {row.commit.sha: row.features for row in rows(repo)}
    assert found[0].features == everything[shas[2]]


def test_a_row_holds_the_commit_with_its_files(repo: Repo) -> None:
    shas = repo.build(nodes())
    row = next(row for row in rows(repo) if row.commit.sha == shas[3])
    assert (row.commit.message, row.commit.author, row.commit.time, row.commit.parents) == ("main", "ada@example.org", START + 3 * DAY, (shas[0],))
    assert [(f.path, f.added, f.deleted) for f in row.commit.files] == [("a", 1, 1)]


def test_a_merge_is_what_it_brought_credited_to_the_branch(repo: Repo) -> None:
    shas = repo.build(nodes())
    merge = next(row for row in rows(repo, set(shas)) if row.commit.sha == shas[4])
    assert merge.commit.author == "bob@example.org"
    assert {f.path for f in merge.commit.files} == {"b", "evil"}
    features = merge.features
    # Before the merge the main line knew the root and "main": Bob had done nothing there, b was touched once.
    assert {name: features[name] for name in ("exp", "touches_sum", "fixes_sum", "la", "ld", "lt", "new_files")} == {
        "exp": 0, "touches_sum": 1, "fixes_sum": 0, "la": 2, "ld": 1, "lt": 1, "new_files": 1}  # fmt: skip


def test_merges_leave_no_touch(repo: Repo) -> None:
    shas = repo.build(nodes())
    for wanted in (set(shas), {shas[5]}):
        after = next(row for row in rows(repo, wanted) if row.commit.sha == shas[5])
        assert (after.features["touches_sum"], after.features["exp"], after.features["fixes_sum"]) == (3, 2, 1)
        assert after.features["days_since_change"] == 3, "topic's last commit, not the merge"


def test_a_merge_of_a_branch_that_was_walked_before_is_credited_alike(repo: Repo) -> None:
    """An index holds both parents already and walks the merge alone."""
    shas = repo.build(nodes())
    gate = repo.open()
    alone = walk_on(gate, gate.log(shas[3], shas[2]), gate.metas([shas[4]]), {shas[4]})
    assert alone[0].commit.author == "bob@example.org"
    assert alone == [row for row in rows(repo, set(shas)) if row.commit.sha == shas[4]]


def walk_on(gate: Repository, before: list[CommitMeta], after: list[CommitMeta], wanted: set[str]) -> list[Row]:
    """Walk `before` into a history, then go on with `after`, as an index does."""
    history = History()
    list(walk(gate, before, set(), history))
    place = {meta.sha: n for n, meta in enumerate(before)}
    roots = {p for meta in after for p in meta.parents if p in place}
    base = {}
    for root in roots:
        flags = bytearray(len(before) + len(after))
        for sha in gate.rev_list(root):
            flags[place[sha]] = 1
        base[root] = Past(flags)
    return list(walk(gate, after, wanted, history, base, len(before)))


@pytest.mark.parametrize("seed", [21, 22, 23])
def test_a_walk_in_two_parts_equals_one(repo: Repo, seed: int) -> None:
    shas = repo.build(random_nodes(seed, 50))
    gate = repo.open()
    whole = list(walk(gate, gate.log("--all"), set(shas)))
    half = random.Random(seed).sample(shas[:25], 3)
    before = gate.log(*half)
    after = gate.log("--all", *(f"^{sha}" for sha in half))
    assert len(before) > 3
    assert len(after) > 20
    inside = {meta.sha for meta in after}
    found = {row.commit.sha: row for row in walk_on(gate, before, after, set(shas))}
    assert found == {row.commit.sha: row for row in whole if row.commit.sha in inside}


def test_no_commits_no_rows(repo: Repo) -> None:
    assert list(walk(repo.open(), [], None)) == []


def test_two_roots_know_nothing_of_each_other(repo: Repo) -> None:
    shas = repo.build([Node({"a": "1\n"}), Node({"a": "1\n2\n"}, message="second root"), Node({"a": "1\n2\n3\n"}, [1])])
    found = {row.commit.sha: row.features for row in rows(repo, None, "--all")}
    second, third = found[shas[1]], found[shas[2]]
    assert second is not None
    assert third is not None
    assert (second["exp"], second["touches_sum"], second["new_files"], third["exp"], third["touches_sum"]) == (0, 0, 1, 1, 1)


def test_a_parent_named_twice_counts_once(repo: Repo) -> None:
    first = repo.build([Node({"a": "1\n"})])[0]
    tree = repo.git("rev-parse", f"{first}^{{tree}}")
    body = f"tree {tree}\nparent {first}\nparent {first}\nauthor A <a@x> {START} +0000\ncommitter A <a@x> {START} +0000\n\ntwice\n"
    twice = repo.git("hash-object", "-t", "commit", "-w", "--stdin", "--literally", stdin=body.encode())
    blob = repo.git("hash-object", "-w", "--stdin", stdin=b"2\n")
    tree = repo.git("mktree", stdin=f"100644 blob {blob}\ta\n".encode())
    last = repo.git("commit-tree", tree, "-p", twice, stdin=b"last")
    repo.git("update-ref", "refs/heads/main", last)
    found = {row.commit.sha: row.features for row in rows(repo, {first, twice, last})}
    assert len(found) == 3
    features = found[last]
    assert (features["exp"], features["touches_sum"]) == (1, 1)


# -- what is not known ---------------------------------------------------------------------------------------


def test_shallow_clone_gives_unknown_history_and_the_edge_a_notice(make_repo: Callable[..., Repo], tmp_path: Path) -> None:
    origin = make_repo("origin")
    shas = origin.build([Node({"a": f"{n}\n", f"f{n}": "x\n"}, [n - 1] if n else [], time=START + n * DAY, message="fix it") for n in range(5)])
    origin.git("clone", "-q", "--depth=3", origin.path.as_uri(), tmp_path / "clone")
    gate = origin.open(tmp_path / "clone")
    found = list(walk(gate, gate.log("HEAD"), None))
    assert [row.commit.sha for row in found] == shas[2:]
    edge, inner = found[0].features, found[1].features
    assert edge is not None
    assert inner is not None
    assert found[0].commit.files == ()
    assert {name for name, value in edge.known().items() if value is not None} == {"fix", "message_length", "hour_of_day", "day_of_week"}
    assert [n.code for n in edge.notices] == ["shallow-edge"]
    assert "fetch with full depth" in edge.notices[0].text
    assert (inner["la"], inner["lt"], inner["nf"]) == (2, 1, 2)
    assert inner.known()["exp"] is None
    assert inner.known()["ndev"] is None


def test_missing_blobs_make_their_lines_unknown_and_the_walk_goes_on(repo: Repo) -> None:
    shas = repo.build([Node({"a": f"{n}\n", "b": f"b{n}\n"}, [n - 1] if n else []) for n in range(4)])
    repo.loose(f"{shas[1]}:a").unlink()
    found = [row.features for row in rows(repo)]
    assert [f["la"] for f in found if f is not None] == [2, 1, 1, 2]
    assert [[n.code for n in f.notices] for f in found if f is not None] == [[], ["missing-blobs"], ["missing-blobs"], []]
    assert [f["touches_sum"] for f in found if f is not None] == [0, 2, 4, 6]


@pytest.mark.parametrize("wanted", [True, False])
def test_a_walk_says_where_contents_were_missing(repo: Repo, wanted: bool) -> None:
    text = "".join(f"line {n}\n" for n in range(20))
    shas = repo.build([Node({"a": text}), Node({"a": None, "b": text + "more\n"}, [0])])
    gate = repo.open()
    for lost in (False, True):
        if lost:
            repo.loose(f"{shas[1]}:b").unlink()
        history = History()
        list(walk(gate, gate.log("HEAD"), None if wanted else set(), history))
        assert history.is_partial is lost


# -- what a walk leaves behind -------------------------------------------------------------------------------


def test_a_walk_that_is_left_early_leaves_no_process(repo: Repo) -> None:
    repo.build([Node({"f": "x\n" * 20_000 + f"{n}\n"}, [n - 1] if n else []) for n in range(60)])
    gate = repo.open()
    metas = gate.log("HEAD")
    assert not has_children()
    stream: Iterator[Row] = walk(gate, metas[30:], None)
    next(stream)
    assert has_children()
    stream.close()  # type: ignore[attr-defined]
    assert not has_children()
    assert len(list(walk(gate, metas, None))) == 60
    assert not has_children()


def test_an_error_in_the_middle_leaves_no_process(repo: Repo) -> None:
    repo.write("a", "1\n")
    repo.commit()
    repo.write("a", "2\n")
    repo.commit()
    gate = repo.open()
    metas = gate.log("HEAD")
    repo.loose("HEAD^{tree}").unlink()
    with pytest.raises(GitError):
        list(walk(gate, metas, None))
    assert not has_children()


# -- small things --------------------------------------------------------------------------------------------


def meta(sha: str, *parents: str) -> CommitMeta:
    return CommitMeta(sha, parents, "A", "a@x", START, 0, "m")


def test_pasts_are_let_go_when_nobody_needs_them() -> None:
    metas = [meta("a"), meta("b", "a"), meta("c", "a"), meta("d", "b", "c"), meta("e", "d")]
    pasts = Pasts(metas, len(metas))
    seen = {}
    for ordinal, one in enumerate(metas):
        seen[one.sha] = bytes(pasts.of_parent(one).flags)
        pasts.close(one, ordinal)
    assert seen == {"a": b"\0\0\0\0\0", "b": b"\1\0\0\0\0", "c": b"\1\0\0\0\0", "d": b"\1\1\0\0\0", "e": b"\1\1\1\1\0"}
    assert not pasts._pasts


def test_as_commit_keeps_everything() -> None:
    commit = as_commit(meta("a", "b"), ())
    assert (commit.sha, commit.parents, commit.author, commit.time, commit.utc_offset, commit.message) == ("a", ("b",), "a@x", START, 0, "m")
    assert as_commit(meta("a", "b"), (), "bob").author == "bob"


def test_every_row_has_every_measure(repo: Repo) -> None:
    repo.build(nodes())
    assert all(tuple(row.features.values) == FEATURE_NAMES for row in rows(repo))
