"""What was known before a change, held to a reference that knows nothing of the clever bookkeeping.

The reference below is written from the definitions alone: the past of a commit is what `git rev-list` prints;
a touch is a line of `git diff-tree`; every measure is worked out anew for every commit.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from dataclasses import dataclass

import pytest

from codex_gate.features import FILE_HISTORY, HISTORY_NAMES
from codex_gate.git import CommitMeta
from codex_gate.history import YEAR, AuthorHistory, FileHistory, History, Past, Totals, rexp
from codex_gate.types import FileChange
from codex_gate.walk import walk
from tests.conftest import ADA, BOB, DAY, EVE, START, Node, Repo

NAMES = sorted(HISTORY_NAMES)
MAX_NAMES = 8


# -- the reference -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Touch:
    path: str
    old: str | None  # where the file came from, for a rename of a file that was not empty


def touches_of(repo: Repo, meta: CommitMeta) -> list[Touch]:
    against = [meta.parents[0], meta.sha] if meta.parents else ["--root", meta.sha]
    parts = repo.git("diff-tree", "--no-commit-id", "-r", "-z", "-M", "--raw", "--abbrev=40", *against).split("\0")[:-1]
    empty, found = repo.git("hash-object", "--stdin"), []
    while parts:
        _, _, old_id, _, status = parts.pop(0).split(" ")
        first = parts.pop(0)
        if status.startswith("R"):
            found.append(Touch(parts.pop(0), None if old_id == empty else first))
        else:
            found.append(Touch(first, None))
    return found


class Reference:
    """Every measure of the past, by brute force."""

    def __init__(self, repo: Repo, tips: str = "--all") -> None:
        self.metas = {m.sha: m for m in repo.open().log(tips)}
        self.touches = {sha: touches_of(repo, m) for sha, m in self.metas.items()}
        self.ancestors = {sha: set(repo.git("rev-list", sha).split()) for sha in self.metas}

    def names(self, touch: Touch, past: set[str]) -> list[str]:
        """The file's name before the change and the names that it had earlier, nearest first."""
        names = [touch.old or touch.path]
        for name in names:
            if len(names) < MAX_NAMES:
                earlier = {t.old for sha in past for t in self.touches[sha] if t.path == name and t.old} - set(names)
                names += sorted(earlier)[: MAX_NAMES - len(names)]
        return names

    def features(self, sha: str) -> dict[str, float]:
        me = self.metas[sha]
        is_merge = len(me.parents) > 1
        author = self.metas[me.parents[1]].author if is_merge else me.author
        before = self.ancestors[me.parents[0]] if me.parents else set()
        past = {s for s in before if len(self.metas[s].parents) < 2}
        now = me.time
        people: set[str] = set()
        lasts: set[int] = set()
        files = []
        for touch in self.touches[sha]:
            names = self.names(touch, past)
            seen = [self.metas[s] for name in names for s in past for t in self.touches[s] if t.path == name]
            if not seen:
                continue
            repairs = [m.time for m in seen if m.message.startswith("fix")]
            who = Counter(m.author for m in seen)
            people |= set(who)
            lasts.add(max(m.time for m in seen))
            files.append((seen, repairs, who))
        mine = [self.metas[s] for s in past if self.metas[s].author == author]
        areas = {t.path.split("/")[0] if "/" in t.path else "" for t in self.touches[sha]}
        there = [m for m in mine if areas & {t.path.split("/")[0] if "/" in t.path else "" for t in self.touches[m.sha]}]
        days = [max(0, now - max(m.time for m in seen)) / DAY for seen, _, _ in files]
        born = [max(0, now - min(m.time for m in seen)) / DAY for seen, _, _ in files]
        all_repairs = [t for _, repairs, _ in files for t in repairs]
        recent = [sum(t >= now - YEAR for t in repairs) for _, repairs, _ in files]
        n = len(files)
        touches = sum(len(seen) for seen, _, _ in files)
        return {
            "ndev": len(people),
            "age": sum(days) / n if n else 0.0,
            "nuc": len(lasts),
            "exp": len(mine),
            "rexp": sum(1 / (1 + max(0, now - m.time) // (365 * DAY)) for m in mine),
            "sexp": len(there),
            "fixes_sum": len(all_repairs),
            "fixes_max": max((len(repairs) for _, repairs, _ in files), default=0),
            "fixes_year_sum": sum(recent),
            "fixes_year_max": max(recent, default=0),
            "days_since_fix": max(0, now - max(all_repairs)) / DAY if all_repairs else max(born, default=0.0),
            "file_age_mean": sum(born) / n if n else 0.0,
            "file_age_min": min(born, default=0.0),
            "days_since_change": min(days, default=0.0),
            "touches_sum": touches,
            "touches_max": max((len(seen) for seen, _, _ in files), default=0),
            "devs_max": max((len(who) for _, _, who in files), default=0),
            "own_share": sum(who[author] for _, _, who in files) / touches if touches else 0.0,
            "top_share": sum(max(who.values()) / len(seen) for seen, _, who in files) / n if n else 0.0,
        }


def test_the_reference_knows_every_measure_of_the_past() -> None:
    assert set(NAMES) == {"ndev", "age", "nuc", "exp", "rexp", "sexp", *FILE_HISTORY}


# -- random histories --------------------------------------------------------------------------------------


def random_nodes(seed: int, n: int) -> list[Node]:
    """A history with branches, merges (criss-cross ones too), renames, deletions, empty files and dates that run backwards."""
    rng = random.Random(seed)
    trees: list[dict[str, str]] = []
    nodes: list[Node] = []
    tips: list[int] = []
    clock = START
    serial = 0

    def content() -> str:
        nonlocal serial
        serial += 1
        return "".join(f"file {serial} line {k} {rng.random()}\n" for k in range(8)) if rng.random() > 0.08 else ""

    for place in range(n):
        clock += rng.choice([0, 0, DAY // 3, 2 * DAY, 40 * DAY, 200 * DAY])
        time = clock - rng.choice([0, 0, 0, 0, 90 * DAY])
        parents: list[int] = []
        if place and rng.random() > 0.02:
            parents = [rng.choice(tips if rng.random() < 0.8 else range(place))]
            if len(tips) > 1 and rng.random() < 0.3:
                parents += [t for t in rng.sample(tips, min(len(tips), rng.choice([1, 1, 1, 2]))) if t not in parents]
        old = trees[parents[0]] if parents else {}
        tree = dict(old)
        for parent in parents[1:]:
            tree |= {path: text for path, text in trees[parent].items() if path not in tree or rng.random() < 0.5}
        if len(parents) < 2 or rng.random() < 0.3:
            for _ in range(rng.choice([0, 1, 1, 2, 3])):
                deed = rng.random()
                if not tree or deed < 0.3:
                    tree[rng.choice(["", "src/", "src/net/", "docs/"]) + f"f{rng.randrange(7)}"] = content()
                elif deed < 0.65:
                    path = rng.choice(sorted(tree))
                    lines = tree[path].splitlines(True)
                    if lines:
                        lines[rng.randrange(len(lines))] = f"edit {rng.random()}\n"
                    tree[path] = "".join(lines) or content()
                elif deed < 0.92:
                    path = rng.choice(sorted(tree))
                    tree[rng.choice(["", "src/", "lib/"]) + f"f{rng.randrange(7)}"] = tree.pop(path)
                else:
                    del tree[rng.choice(sorted(tree))]
        changes: dict[str, bytes | str | tuple[str, str] | None] = {p: tree[p] for p in tree if old.get(p) != tree[p]}
        changes |= {p: None for p in old if p not in tree}
        message = rng.choice(["fix a crash", "add a thing", "tidy up"])
        nodes.append(Node(changes, parents, rng.choice([ADA, BOB, EVE]), time, f"{message} {place}"))
        trees.append(tree)
        tips = [t for t in tips if t not in parents or rng.random() < 0.25] + [place]
        tips = tips[-4:]
    return nodes


SEEDS = [1, 2, 3, 5, 8]


@pytest.mark.parametrize("seed", SEEDS)
def test_walk_equals_the_reference_on_random_histories(repo: Repo, seed: int) -> None:
    shas = repo.build(random_nodes(seed, 70))
    reference = Reference(repo)
    gate = repo.open()
    rows = list(walk(gate, gate.log("--all"), set(shas)))
    assert len(rows) == len(shas)
    kinds: Counter[str] = Counter()
    for row in rows:
        assert row.commit.sha is not None
        expected = reference.features(row.commit.sha)
        found = {name: row.features[name] for name in NAMES}
        # Sums of fractions are added in another order, hence the tolerance.
        assert found == pytest.approx(expected, rel=1e-12, abs=1e-9), row.commit
        kinds["merge"] += len(row.commit.parents) > 1
        kinds["rename"] += any(f.status == "R" for f in row.commit.files)
        kinds["past"] += expected["touches_sum"] > 2
    assert kinds["merge"] > 8
    assert kinds["rename"] > 8
    assert kinds["past"] > 10


@pytest.mark.parametrize("seed", SEEDS[:3])
def test_a_commit_has_the_same_past_whatever_else_is_walked(repo: Repo, seed: int) -> None:
    shas = repo.build(random_nodes(seed, 60))
    gate = repo.open()

    def measured(*tips: str) -> dict[str | None, object]:
        return {row.commit.sha: row.features for row in walk(gate, gate.log(*tips), set(shas))}

    everything = measured("--all")
    head = measured("HEAD")
    assert 10 < len(head) <= len(everything) == len(shas)
    assert head == {sha: everything[sha] for sha in head}
    for sha in random.Random(seed).sample(shas, 12):
        alone = measured(sha)
        assert alone[sha] == everything[sha]


# -- experience --------------------------------------------------------------------------------------------


def test_rexp_of_kamei() -> None:
    """Kamei et al. 2013, section 3: 3 commits this year, 4 last year, 3 two years ago: 3/1 + 4/2 + 3/3 = 6."""
    now = START
    times = [now - 2 * YEAR - k * DAY for k in range(3)] + [now - YEAR - k * DAY for k in range(4)] + [now - k * DAY for k in range(3)]
    assert rexp(sorted(times), now) == 6.0


@pytest.mark.parametrize(
    ("age", "weight"),
    [(0, 1.0), (YEAR - 1, 1.0), (YEAR, 1 / 2), (2 * YEAR - 1, 1 / 2), (2 * YEAR, 1 / 3), (54 * YEAR, 1 / 55), (-1, 1.0), (-9 * YEAR, 1.0)],
)
def test_rexp_at_the_edges_of_a_year(age: int, weight: float) -> None:
    assert rexp([START - age], START) == pytest.approx(weight, rel=1e-15)


def test_rexp_of_nobody_and_of_gaps() -> None:
    assert rexp([], START) == 0.0
    assert rexp([START - 3 * YEAR, START - YEAR, START - YEAR, START], START, outside=[START, START - YEAR]) == 1 / 2 + 1 / 4
    assert rexp([START], START, outside=[START]) == 0.0
    assert rexp([0, START - 7 * YEAR, START, START + YEAR], START) == pytest.approx(1 / (1 + START // YEAR) + 1 / 8 + 2)


# -- the past ---------------------------------------------------------------------------------------------


def test_past_keeps_its_low_mark() -> None:
    past = Past(bytearray(6))
    assert past.low == 0
    past.add(2)
    assert past.low == 0
    past.add(0)
    past.add(1)
    assert (past.low, bytes(past.flags)) == (3, b"\1\1\1\0\0\0")


def test_past_copy_is_apart_and_union_is_in_place() -> None:
    one, two = Past(bytearray(b"\1\1\0\0\0")), Past(bytearray(b"\1\0\1\0\1"))
    kept = one.copy()
    one.union(two)
    assert (bytes(one.flags), one.low) == (b"\1\1\1\0\1", 3)
    assert (bytes(kept.flags), kept.low) == (b"\1\1\0\0\0", 2)
    assert (bytes(two.flags), two.low) == (b"\1\0\1\0\1", 1)
    kept.add(4)
    assert two.flags[4] == 1
    assert one.flags[3] == 0


def test_file_history_cut_to_a_past() -> None:
    entry = FileHistory()
    for ordinal, author, time, fix in [(0, 0, 50, False), (3, 1, 40, True), (4, 1, 90, True), (7, 0, 60, False)]:
        entry.touch(ordinal, author, time, fix)
    assert entry.totals == Totals(4, {0: 2, 1: 2}, [40, 90], 40, (90, 4), 2)
    assert entry.before(Past(bytearray(b"\1" * 8))) is entry.totals, "nothing to cut: no copy"
    assert entry.before(Past(bytearray(b"\1\1\1\1\0\1\1\1"))) == Totals(3, {0: 2, 1: 1}, [40], 40, (60, 7), 2)
    assert entry.before(Past(bytearray(b"\1\1\1\0\1\1\1\1"))) == Totals(3, {0: 2, 1: 1}, [90], 50, (90, 4), 2)
    assert entry.before(Past(bytearray(b"\1\1"))) == Totals(1, {0: 1}, [], 50, (50, 0), 1), "ordinals beyond the past are not in it"
    assert entry.before(Past(bytearray())) == Totals()
    assert entry.totals.n == 4, "cutting changes nothing"


def test_cutting_equals_recording_the_rest_alone() -> None:
    rng = random.Random(7)
    for _ in range(300):
        deeds = [(ordinal, rng.randrange(3), rng.randrange(6), rng.random() < 0.4) for ordinal in sorted(rng.sample(range(20), rng.randrange(1, 9)))]
        flags = bytearray(rng.random() < 0.7 for _ in range(rng.choice([5, 20])))
        whole, rest = FileHistory(), FileHistory()
        for deed in deeds:
            whole.touch(*deed)
            if deed[0] < len(flags) and flags[deed[0]]:
                rest.touch(*deed)
        assert whole.before(Past(flags)) == rest.totals


def test_leaps_find_what_a_look_at_every_touch_finds() -> None:
    rng = random.Random(11)
    for _ in range(400):
        size = rng.choice([40, 700, 3_000])
        flags = bytearray(b"\1") * size
        for _ in range(rng.choice([0, 1, 5, 60])):  # commits, and whole branches, that are not in the past
            start = rng.randrange(size)
            flags[start : start + rng.choice([1, 1, 2, 90])] = bytes(len(flags[start : start + rng.choice([1, 1, 2, 90])]))
        del flags[size:]
        ordinals = sorted(rng.sample(range(size + 50), rng.randrange(size)))
        past = Past(flags)
        assert past.outside(ordinals) == [k for k, ordinal in enumerate(ordinals) if ordinal >= len(flags) or not flags[ordinal]]


class Counted(bytearray):
    """Flags that count how often one of them is looked at."""

    looks = 0

    def __getitem__(self, at):  # type: ignore[no-untyped-def]
        self.looks += 1
        return super().__getitem__(at)


def test_a_commit_that_never_comes_back_does_not_make_every_touch_looked_at() -> None:
    """As with gitflow: a version is raised on main every fifty commits and never gets into the line that is walked."""
    history, flags = History(), bytearray()
    for ordinal in range(20_000):
        history.record(ordinal, "a", START + ordinal, ordinal % 3 == 0, [change("version" if ordinal % 50 == 1 else "hot")])
        flags.append(ordinal % 50 != 1)
    counted = Counted(flags)
    past = Past(counted)
    assert past.low == 1
    found = history.before("a", START + 20_000, [change("hot"), change("version")], past)
    assert [file.touches for file in found.files] == [19_600, 0]
    assert (found.exp, found.sexp, found.nuc) == (19_600, 19_600, 1)
    assert counted.looks < 4_000


def test_cutting_a_long_history_equals_recording_the_rest_alone() -> None:
    rng = random.Random(12)
    for holes in (1, 3, 40, 900):
        outside = set(rng.sample(range(2_000), holes))
        whole, rest = FileHistory(), FileHistory()
        for ordinal in range(2_000):
            deed = (ordinal, rng.randrange(3), rng.randrange(10_000), rng.random() < 0.4)
            whole.touch(*deed)
            if ordinal not in outside:
                rest.touch(*deed)
        assert whole.before(Past(bytearray(ordinal not in outside for ordinal in range(2_000)))) == rest.totals


@pytest.mark.parametrize(("age", "counts"), [(0, 1), (YEAR - 1, 1), (YEAR, 1), (YEAR + 1, 0), (-DAY, 1)])
def test_repairs_of_the_last_year_at_its_edge(age: int, counts: int) -> None:
    history, past = History(), Past(bytearray(b"\1"))
    history.record(0, "a", START - age, True, [change("f")])
    (found,) = history.before("a", START, [change("f")], past).files
    assert (found.fixes, found.fixes_last_year, found.last_fix) == (1, counts, START - age)


# -- renames ----------------------------------------------------------------------------------------------


def change(path: str, old: str | None = None, old_id: str = "1" * 40) -> FileChange:
    return FileChange(path, old, "R" if old else "M", 0o100644, 0o100644, old_id, "2" * 40, 1, 1, b"")


def played(*commits: FileChange | list[FileChange]) -> tuple[History, Past]:
    """A history of one commit after the other, a day apart, by one author."""
    history, past = History(), Past(bytearray(len(commits)))
    for ordinal, files in enumerate(commits):
        history.record(ordinal, "a", START + ordinal * DAY, False, files if isinstance(files, list) else [files])
        past.add(ordinal)
    return history, past


def touches(history: History, past: Past, *files: FileChange) -> list[int]:
    return [f.touches for f in history.before("a", START + YEAR, files, past).files]


def test_a_renamed_file_keeps_its_past_over_a_chain() -> None:
    history, past = played(change("a"), change("a"), change("b", "a"), change("b"), change("c", "b"))
    assert touches(history, past, change("c")) == [5]
    assert touches(history, past, change("d", "c")) == [5]
    assert touches(history, past, change("b")) == [4], "b's own touches and those of a"
    assert touches(history, past, change("x")) == [0]


def test_there_and_back_again_counts_each_touch_once() -> None:
    history, past = played(change("a"), change("b", "a"), change("a", "b"), change("a"))
    assert touches(history, past, change("a"), change("b")) == [4, 4]


def test_swapped_files_share_their_past() -> None:
    """After a swap the two chains meet: each file came from the other's name."""
    history, past = played([change("a"), change("b")], [change("a")], [change("b", "a"), change("a", "b")])
    assert touches(history, past, change("a")) == [5]


def test_a_rename_onto_an_old_name_follows_the_file_not_the_name() -> None:
    history, past = played(change("old"), change("new"), change("new"))
    assert touches(history, past, change("old", "new")) == [2]


def test_a_recreated_file_is_counted_under_its_name() -> None:
    """Names are followed, not times: what happens later at the old place counts for the moved file too (a limit of the method)."""
    history, past = played(change("a"), change("b", "a"), change("a"))
    assert touches(history, past, change("a")) == [2]
    assert touches(history, past, change("b")) == [3]


def test_renames_outside_the_past_do_not_link() -> None:
    history, past = played(change("a"), change("b", "a"), change("b"))
    past.flags[1], past.low = 0, 1
    assert touches(history, past, change("b")) == [1]


def test_renames_of_empty_files_do_not_link(repo: Repo) -> None:
    """Every empty file has one blob: git pairs those that have nothing to do with each other."""
    repo.write("pkg/__init__.py", "")
    repo.write("keep", "1\n")
    repo.commit("fix one")
    repo.mv("pkg/__init__.py", "other/__init__.py")
    repo.commit()
    repo.write("other/__init__.py", "x = 1\n")
    last = repo.commit()
    gate = repo.open()
    rows = {row.commit.sha: row for row in walk(gate, gate.log("HEAD"), None)}
    features = rows[last].features
    assert (features["touches_sum"], features["fixes_sum"]) == (1, 0)
    middle = list(rows.values())[1]
    assert middle.commit.files[0].status == "R"
    assert middle.features["touches_sum"] == 0


def test_eight_names_are_followed_nearest_first() -> None:
    chain = [change("f0"), *(change(f"f{n + 1}", f"f{n}") for n in range(11))]
    history, past = played(*chain)
    assert touches(history, past, change("f11")) == [8]
    assert touches(history, past, change("f12", "f11")) == [8]
    many = played(*([change(f"g{n}")] for n in range(12)), *([change("x", f"g{n}")] for n in range(12)))
    assert touches(*many, change("x")) == [12 + 7], "twelve touches of x, one each of seven earlier names"


# -- loading on demand ---------------------------------------------------------------------------------------


def test_paths_and_authors_are_loaded_once_when_first_asked_for() -> None:
    stored, who = FileHistory(), AuthorHistory()
    stored.touch(0, 7, START, True)
    who.touch(0, START, {"src"})
    asked: dict[str, int] = defaultdict(int)

    def load_file(path: str) -> FileHistory | None:
        asked[path] += 1
        return stored if path == "src/a" else None

    def load_author(key: str) -> tuple[int, AuthorHistory] | None:
        asked[key] += 1
        return (7, who) if key == "ada" else None

    history = History(load_file, load_author, n_authors=8)
    past = Past(bytearray(b"\1\0"))
    for _ in range(2):
        found = history.before("ada", START + DAY, [change("src/a"), change("src/b")], past)
        assert (found.files[0].mine, found.files[1].touches, found.exp, found.sexp) == (1, 0, 1, 1)
    assert history.before("bob", START + DAY, [change("src/a")], past).files[0].mine == 0
    assert asked == {"ada": 1, "bob": 1, "src/a": 1, "src/b": 1}
    assert history.author_ids == {"ada": 7}, "who has no commits has no number"
    for ordinal, author in ((2, "bob"), (3, "eve"), (4, "bob")):
        history.record(ordinal, author, START, False, [change("src/b")])
    assert history.author_ids == {"ada": 7, "bob": 8, "eve": 9}
    assert asked == {"ada": 1, "bob": 1, "eve": 1, "src/a": 1, "src/b": 1}


def test_the_lifetime_of_a_file_holds_its_earlier_names_until_they_were_given_up() -> None:
    history = History()
    another = change("a.py")  # a new file of the old name
    for ordinal, (author, fix, file) in enumerate(
        [
            ("ada", False, change("a.py")),
            ("bob", True, change("a.py")),
            ("ada", False, change("b.py", "a.py")),
            ("eve", False, another),
            ("bob", True, change("b.py")),
        ]
    ):
        history.record(ordinal, author, 100 * ordinal, fix, [file])
    assert sorted(history.lifetime("b.py"), key=lambda touch: touch[1]) == [(0, 0, False), (1, 100, True), (0, 200, False), (1, 400, True)]
    assert list(history.lifetime("never.py")) == []


def test_a_file_that_goes_back_and_forth_is_counted_once() -> None:
    history = History()
    for ordinal in range(6):
        history.record(ordinal, "ada", ordinal, False, [change("a.py", "b.py") if ordinal % 2 else change("b.py", "a.py")])
    assert sorted(time for _, time, _ in history.lifetime("a.py")) == [0, 1, 2, 3, 4, 5]
