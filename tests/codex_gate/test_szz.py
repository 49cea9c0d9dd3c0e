"""SZZ on histories small enough to say who is to blame, and held to PyDriller."""

from __future__ import annotations

import subprocess
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from pydriller import Git

from codex_gate import szz
from codex_gate.errors import GitError, UsageError
from tests.conftest import DAY, START, Node, Repo

LINES = "".join(f"call_{n}();\n" for n in range(12))
VARIANTS = tuple(szz.VARIANTS)


def node(changes: dict[str, str | tuple[str, str] | None], parents: tuple[int, ...] = (), message: str = "change", day: int = 0) -> Node:
    return Node(changes, parents, time=START + day * DAY, message=message)


def line_of(nodes: list[dict[str, str | tuple[str, str] | None]]) -> list[Node]:
    """One commit a day, each on the one before; the last is a fix."""
    return [node(changes, (at - 1,) if at else (), "fix a crash" if at == len(nodes) - 1 else "change", at) for at, changes in enumerate(nodes)]


def blamed(repo: Repo, fix: str, variant: str | szz.Variant = szz.DEFAULT) -> set[str]:
    """Whom the variant accuses for one fix."""
    gate = repo.open()
    (meta,) = gate.metas([fix])
    (found,) = szz.trace(gate, [(fix, meta.time)], szz.VARIANTS[variant] if isinstance(variant, str) else variant)
    return {one.inducing for one in found.induced}


# -- what every variant agrees on ---------------------------------------------------------------------------


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_commit_that_brought_the_deleted_line_is_accused(repo: Repo, variant: str) -> None:
    shas = repo.build(
        line_of([{"a.c": LINES}, {"a.c": LINES + "bad();\n"}, {"a.c": "good();\n" + LINES + "bad();\n"}, {"a.c": "good();\n" + LINES + "right();\n"}])
    )
    assert blamed(repo, shas[3], variant) == {shas[1]}


def test_an_accusation_says_where_the_lines_stood_then(repo: Repo) -> None:
    shas = repo.build(line_of([{"a.c": LINES}, {"a.c": LINES + "bad();\nworse();\n"}, {"src/a.c": ("R", "a.c")}, {"src/a.c": "top();\n" + LINES}]))
    gate = repo.open()
    (found,) = szz.trace(gate, [(shas[3], START + 3 * DAY)], szz.VARIANTS["b"])
    assert found.induced == (szz.Induced(shas[3], shas[1], "a.c", 13, 2, True),)
    assert szz.Trace.of(found.plain()) == found


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_fix_in_documents_and_data_alone_accuses_nobody(repo: Repo, variant: str) -> None:
    shas = repo.build(line_of([{"README.md": "a\n", "x.json": "1\n", "setup.cfg": "a\n"}, {"README.md": "b\n", "x.json": "2\n", "setup.cfg": "b\n"}]))
    assert blamed(repo, shas[1], variant) == set()


# -- what they differ in ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "before", "after"),
    [
        ("a.c", "// says wrong\n", "// says right\n"),
        ("a.c", "/* says\n wrong */\n", "/* says\n right */\n"),
        ("a.py", "# wrong\n", "# right\n"),
        ("a.c", "if (x) { y(); }\n", "if (x) {\n  y();\n}\n"),
        ("a.c", "}\n\n", ""),
    ],
)
def test_comments_blank_lines_brackets_and_layout_are_not_traced(repo: Repo, path: str, before: str, after: str) -> None:
    base = LINES if path == "a.c" else LINES.replace(";", "")
    shas = repo.build(line_of([{path: base}, {path: base + before}, {path: base + after}]))
    assert blamed(repo, shas[2], "b") == {shas[1]}
    assert blamed(repo, shas[2], "ag") == set()


def test_indentation_is_text_where_it_has_a_meaning(repo: Repo) -> None:
    shas = repo.build(line_of([{"a.py": "if x:\n    y()\nz()\n"}, {"a.py": "if x:\n    y()\n    bad()\nz()\n"}, {"a.py": "if x:\n    y()\nbad()\nz()\n"}]))
    assert blamed(repo, shas[2], "ag") == {shas[1]}


def test_a_change_of_layout_is_looked_through_where_blame_alone_stops(repo: Repo) -> None:
    one, two = LINES + "bad(first, second, third, fourth);\n", LINES + "bad(first,\n    second, third, fourth);\n"
    shas = repo.build(line_of([{"a.c": LINES}, {"a.c": one}, {"a.c": two}, {"a.c": LINES + "good(first);\n"}]))
    assert shas[2] in blamed(repo, shas[3], "ag")
    assert blamed(repo, shas[3], "ma") == {shas[1]}


def test_one_candidate_the_largest_or_the_most_recent(repo: Repo) -> None:
    large = "".join(f"large_{n}();\n" for n in range(4))
    shas = repo.build(line_of([{"a.c": LINES}, {"a.c": LINES + large}, {"a.c": LINES + large + "late();\n"}, {"a.c": LINES + "good();\n"}]))
    assert blamed(repo, shas[3], "ma") == {shas[1], shas[2]}
    assert blamed(repo, shas[3], "l") == {shas[1]}
    assert blamed(repo, shas[3], "r") == {shas[2]}
    assert blamed(repo, shas[3]) == {shas[2]}


def test_a_fix_that_only_adds_is_traced_by_its_neighbours_in_the_default_alone(repo: Repo) -> None:
    shas = repo.build(line_of([{"a.c": LINES}, {"a.c": LINES + "use(p);\n"}, {"a.c": LINES + "// why\nif (!p) return;\nuse(p);\n"}]))
    assert {name: blamed(repo, shas[2], name) for name in VARIANTS} == {name: {shas[1]} if name == szz.DEFAULT else set() for name in VARIANTS}
    (found,) = szz.trace(repo.open(), [(shas[2], START + 2 * DAY)], szz.VARIANTS[szz.DEFAULT])
    assert [one.deleted for one in found.induced] == [False]


def test_a_comment_that_is_added_has_no_neighbours(repo: Repo) -> None:
    shas = repo.build(line_of([{"a.c": LINES}, {"a.c": LINES + "use(p);\n"}, {"a.c": LINES + "// why\nuse(p);\n"}]))
    assert blamed(repo, shas[2]) == set()


def test_tests_are_traced_by_the_published_variants_alone(repo: Repo) -> None:
    shas = repo.build(line_of([{"a.c": LINES}, {"tests/test_a.c": LINES}, {"tests/test_a.c": LINES + "bad();\n"}, {"tests/test_a.c": LINES + "good();\n"}]))
    assert blamed(repo, shas[3], "b") == {shas[2]}
    assert blamed(repo, shas[3]) == set()


# -- who is never accused by the default -----------------------------------------------------------------


def test_neither_a_first_commit_nor_a_bulk_change_is_accused(repo: Repo) -> None:
    many = {f"src/f{n}.c": "bad();\n" for n in range(szz.MAX_FILES + 1)}
    first, bulk = repo.build([node({"a.c": "bad();\n"}), node(many, (0,), day=1)])
    fixes = repo.build(
        [
            node({"a.c": "bad();\n"}),
            node(many, (0,), day=1),
            node({"a.c": "good();\n"}, (1,), "fix a crash", 2),
            node({"src/f1.c": "good();\n"}, (2,), "fix a crash", 3),
        ]
    )
    assert (blamed(repo, fixes[2]), blamed(repo, fixes[3])) == (set(), set())
    assert (blamed(repo, fixes[2], "b"), blamed(repo, fixes[3], "b")) == ({first}, {bulk})


def test_a_fix_too_large_for_a_review_accuses_nobody(repo: Repo) -> None:
    old, new = "".join(f"old_{n}();\n" for n in range(szz.MAX_LINES // 2 + 1)), "".join(f"new_{n}();\n" for n in range(szz.MAX_LINES // 2 + 1))
    shas = repo.build(
        line_of([{"b.c": LINES}, {"a.c": LINES}, {"a.c": LINES + "bad();\n"}, {"a.c": LINES + "good();\n", "b.c": old}, {"b.c": new, "a.c": LINES}])
    )
    assert blamed(repo, shas[4]) == set()


def test_a_commit_later_than_the_fix_by_its_clock_is_not_accused(repo: Repo) -> None:
    shas = repo.build([node({"a.c": LINES}), node({"a.c": LINES + "bad();\n"}, (0,), day=9), node({"a.c": LINES + "good();\n"}, (1,), "fix a crash", 5)])
    assert blamed(repo, shas[2], "ma") == set()


def test_lines_resolved_in_a_merge_accuse_no_merge(repo: Repo) -> None:
    shas = repo.build(
        [
            node({"a.c": LINES}),
            node({"a.c": LINES + "left();\n"}, (0,), day=1),
            node({"a.c": LINES + "right();\n"}, (0,), day=2),
            node({"a.c": LINES + "both();\n"}, (1, 2), "merge", 3),
            node({"a.c": LINES + "good();\n"}, (3,), "fix a crash", 4),
        ]
    )
    assert blamed(repo, shas[4], "b") == {shas[3]}
    assert shas[3] not in blamed(repo, shas[4])


# -- accusations that rest on little ---------------------------------------------------------------------


def doubt(repo: Repo, fix: str) -> str | None:
    gate = repo.open()
    (meta,) = gate.metas([fix])
    (found,) = szz.trace(gate, [(fix, meta.time)], szz.VARIANTS[szz.DEFAULT])
    assert found.induced
    assert szz.Trace.of(found.plain()) == found
    return found.doubt


def test_a_small_fix_of_lines_that_one_commit_brought_new_is_beyond_doubt(repo: Repo) -> None:
    shas = repo.build(line_of([{"a.c": LINES}, {"a.c": LINES + "if (n <= max) go();\n"}, {"a.c": LINES + "if (n < max) go();\n"}]))
    assert doubt(repo, shas[2]) is None


def test_so_is_one_whose_commit_put_in_what_it_takes_out(repo: Repo) -> None:
    tail = ("if (n < max) go();\n", "if (n <= max) go();\n", "if (n < max) go();\n")
    shas = repo.build(line_of([{"a.c": LINES}, *({"a.c": LINES + one} for one in tail)]))
    assert blamed(repo, shas[3]) == {shas[2]}
    assert doubt(repo, shas[3]) is None


def test_a_commit_that_edited_a_faulty_line_is_accused_in_doubt(repo: Repo) -> None:
    tail = ("if (count <= max) go();\n", "if (n <= max) go();\n", "if (n < max) go();\n")
    shas = repo.build(line_of([{"a.c": LINES}, *({"a.c": LINES + one} for one in tail)]))
    assert blamed(repo, shas[3]) == {shas[2]}
    assert doubt(repo, shas[3]) == "edited"


def test_so_is_one_of_several_commits(repo: Repo) -> None:
    shas = repo.build(line_of([{"a.c": LINES}, {"a.c": LINES + "one();\n"}, {"a.c": LINES + "one();\ntwo();\n"}, {"a.c": LINES}]))
    assert blamed(repo, shas[3]) == {shas[2]}
    assert doubt(repo, shas[3]) == "several"


def test_so_is_one_whose_lines_only_stand_beside_those_that_were_missing(repo: Repo) -> None:
    shas = repo.build(line_of([{"a.c": LINES}, {"a.c": LINES + "use(p);\n"}, {"a.c": LINES + "if (!p) return;\nuse(p);\n"}]))
    assert blamed(repo, shas[2]) == {shas[1]}
    assert doubt(repo, shas[2]) in ("several", "beside")
    shas = repo.build(line_of([{"b.c": LINES}, {"a.c": "use(p);\n"}, {"a.c": "if (!p) return;\nuse(p);\n"}]))
    assert doubt(repo, shas[2]) == "beside"


def test_so_is_one_whose_lines_were_only_laid_out_anew(repo: Repo) -> None:
    shas = repo.build(
        line_of(
            [{"a.c": LINES}, {"a.c": LINES + "while (more(input))\n{\n    next(input);\n}\n"}, {"a.c": LINES + "while (more(input)) {\n    next(input);\n}\n"}]
        )
    )
    assert blamed(repo, shas[2]) == {shas[1]}
    assert doubt(repo, shas[2]) == "layout"


def test_so_is_the_commit_behind_a_large_fix(repo: Repo) -> None:
    bad, good = ("".join(f"{name}_{n}(x, y, z);\n" for n in range(szz.SURE_LINES // 2 + 1)) for name in ("bad", "good"))
    shas = repo.build(line_of([{"a.c": LINES}, {"a.c": LINES + bad}, {"a.c": LINES + good}]))
    assert doubt(repo, shas[2]) == "large"


def test_of_a_large_fix_nobody_works_out_what_it_took_out_of_each_line(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr(szz, "taken", lambda hunk, spoken: asked.append(len(hunk.deleted)) or [Counter()] * len(hunk.deleted))
    text = ["".join(f"{name}_{n}(x, y, z);\n" for n in range(size)) for name, size in (("bad", 40), ("good", 40), ("good", 39))]
    shas = repo.build(line_of([{"a.c": LINES + one} for one in ("", *text)]))
    assert doubt(repo, shas[2]) == "large" and asked == []
    doubt(repo, shas[3])
    assert asked == [1]


def test_so_is_one_of_a_fix_over_several_files(repo: Repo) -> None:
    both = ({"a.c": LINES + one, "b.c": LINES + one} for one in ("", "bad(x, y);\n", "good(x, y);\n"))
    shas = repo.build(line_of(list(both)))
    assert blamed(repo, shas[2]) == {shas[1]}
    assert doubt(repo, shas[2]) == "large"


def test_so_is_one_that_says_that_it_moved_text(repo: Repo) -> None:
    for title, expected in (("split the module", "moved"), ("read the list", None)):
        shas = repo.build([node({"a.c": LINES}), node({"a.c": LINES + "bad(x, y);\n"}, (0,), title, 1), node({"a.c": LINES}, (1,), "fix a crash", 2)])
        assert doubt(repo, shas[2]) == expected


def test_so_is_a_commit_of_more_than_a_year_before(repo: Repo) -> None:
    nodes = [{"a.c": LINES}, {"a.c": LINES + "bad(x, y);\n"}, {"a.c": LINES}]
    for days, expected in ((szz.SURE_DAYS, None), (szz.SURE_DAYS + 1, "old")):
        shas = repo.build([node(nodes[0]), node(nodes[1], (0,), day=1), node(nodes[2], (1,), f"fix a crash, {days}", 1 + days)])
        assert doubt(repo, shas[2]) == expected


def test_what_only_doubtful_fixes_accuse_gets_no_label(repo: Repo) -> None:
    one, two = LINES + "one();\n", LINES + "one();\ntwo();\n"
    shas = repo.build(
        [
            *line_of([{"a.c": LINES}, {"a.c": one}, {"a.c": two}, {"a.c": LINES}]),
            node({"b.c": LINES}, (3,), day=4),
            node({"b.c": LINES + "bad();\n"}, (4,), day=5),
            node({"b.c": LINES}, (5,), "fix a leak", 6),
        ]
    )
    found = labelled(repo)
    assert not found.keys() & {shas[1], shas[2]}  # the accused and the other whose lines the fix took out
    assert found[shas[3]] == szz.Label(False)
    assert found[shas[5]] == szz.Label(True, START + 6 * DAY, (shas[6],))


def test_what_a_doubtful_fix_accuses_beside_a_sure_one_keeps_its_label(repo: Repo) -> None:
    one, two = LINES + "one(a, b);\nfirst(c, d);\n", LINES + "one(a, b);\nfirst(c, d);\ntwo();\n"
    shas = repo.build(
        [
            *line_of([{"a.c": LINES}, {"a.c": one}]),
            node({"a.c": one.replace("first(c, d)", "other(e)")}, (1,), "fix a leak", 2),
            node({"a.c": two.replace("first(c, d)", "other(e)")}, (2,), day=3),
            node({"a.c": LINES}, (3,), "fix a crash", 4),
        ]
    )
    assert doubt(repo, shas[2]) is None and doubt(repo, shas[4]) == "several"
    found = labelled(repo)
    assert found[shas[1]] == szz.Label(True, START + 2 * DAY, (shas[2],)) and not found.keys() & {shas[3]}


# -- labels -------------------------------------------------------------------------------------------------


def labelled(repo: Repo, head: str = "HEAD") -> dict[str, szz.Label]:
    gate = repo.open()
    return szz.label(gate, gate.log(head))


def test_labels_hold_every_fix_with_the_time_of_the_first(repo: Repo) -> None:
    shas = repo.build(
        [
            node({"a.c": LINES}),
            node({"a.c": LINES + "one();\ntwo();\n"}, (0,), day=1),
            node({"a.c": LINES + "one();\nsecond();\n"}, (1,), "fix a leak", 2),
            node({"a.c": LINES + "first();\nsecond();\n"}, (2,), "fix a crash", 3),
        ]
    )
    found = labelled(repo)
    assert found[shas[1]] == szz.Label(True, START + 2 * DAY, (shas[2], shas[3]))
    assert found[shas[2]] == found[shas[3]] == szz.Label(False)


def test_roots_merges_documents_tests_and_bulk_changes_get_no_label(repo: Repo) -> None:
    shas = repo.build(
        [
            node({"a.c": LINES}),
            node({"README.md": "x\n"}, (0,), day=1),
            node({"tests/a.c": "x\n"}, (0,), day=1),
            node({"README.md": "x\n", "tests/a.c": "x\n"}, (1, 2), "merge", 2),
            node({f"f{n}.c": "x\n" for n in range(szz.MAX_FILES + 1)}, (3,), day=3),
            node({"b.c": ("R", "a.c")}, (4,), day=4),
            node({"b.c": LINES + "x\n"}, (5,), "fix a crash", 5),
        ]
    )
    assert set(labelled(repo)) == {shas[6]}


def test_labels_are_those_of_the_head_that_is_given(repo: Repo) -> None:
    shas = repo.build(
        [*line_of([{"a.c": LINES}, {"a.c": LINES + "bad();\n"}, {"a.c": LINES + "right();\n"}]), node({"a.c": LINES + "fine();\n"}, (2,), "fix a leak", 3)]
    )
    assert labelled(repo)[shas[2]].buggy
    assert not labelled(repo, shas[2])[shas[2]].buggy


def test_what_was_traced_before_is_not_traced_again(repo: Repo) -> None:
    shas = repo.build(line_of([{"a.c": LINES}, {"a.c": LINES + "bad();\n"}, {"a.c": LINES + "right();\n"}]))
    gate = repo.open()
    metas, kept = gate.log("HEAD"), []
    whole = szz.label(gate, metas, store=kept.append)
    assert [trace.fix for trace in kept] == [shas[2]]
    again: list[szz.Trace] = []
    assert szz.label(gate, metas, traced={kept[0].fix: kept[0]}, store=again.append) == whole
    assert again == []


def test_an_unknown_variant_and_a_history_without_fixes_are_refused(repo: Repo) -> None:
    repo.build([node({"a.c": LINES})])
    gate = repo.open()
    with pytest.raises(UsageError, match=r"no SZZ variant 'x'; expected one of b, ag, ma"):
        szz.label(gate, gate.log("HEAD"), "x")
    with pytest.raises(UsageError, match="none of 1 commits says that it repairs a defect"):
        szz.label(gate, gate.log("HEAD"))


def test_a_shallow_clone_is_refused_with_the_command_that_helps(repo: Repo, tmp_path: Path) -> None:
    repo.build(line_of([{"a.c": LINES}, {"a.c": LINES + "bad();\n"}, {"a.c": LINES + "right();\n"}]))
    subprocess.run(["git", "clone", "-q", "--depth", "2", f"file://{repo.path}", tmp_path / "clone"], env=repo.environ, check=True)
    gate = repo.open(tmp_path / "clone")
    with pytest.raises(GitError, match=r"shallow clone.*git fetch --unshallow"):
        szz.label(gate, gate.log("HEAD"))


def test_a_file_whose_objects_are_missing_is_skipped_and_counted(repo: Repo) -> None:
    repo.write("a.c", LINES)
    repo.write("b.c", LINES)
    repo.commit()
    repo.write("a.c", LINES + "middle();\n")
    repo.write("b.c", LINES + "bad();\n")
    bad = repo.commit()
    lost = repo.loose("HEAD:a.c")
    repo.write("a.c", LINES + "late();\n")
    repo.commit()
    repo.write("a.c", LINES + "good();\n")
    repo.commit("fix a crash")
    repo.write("b.c", LINES + "good();\n")
    fix = repo.commit("fix a leak")
    lost.unlink()
    said: list[str] = []
    gate = repo.open()
    found = szz.label(gate, gate.log("HEAD"), progress=said.append)
    assert found[bad].fixes == (fix,)
    assert "1 file could not be blamed because objects are missing or damaged; it accuses nobody" in said


def test_what_else_git_cannot_blame_is_an_error_and_no_missing_object(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    repo.build(line_of([{"a.c": LINES}, {"a.c": LINES + "bad();\n"}, {"a.c": LINES + "right();\n"}]))
    gate = repo.open()
    monkeypatch.setattr("codex_gate.blame._BLAME", ("blame", "--no-such-option"))
    with pytest.raises(GitError, match="no-such-option"):
        szz.label(gate, gate.log("HEAD"))


# -- held to PyDriller ------------------------------------------------------------------------------------


def theirs(path: Path, fix: str) -> set[str]:
    git = Git(str(path))
    found = git.get_commits_last_modified_lines(git.get_commit(fix))
    git.clear()
    return {sha for shas in found.values() for sha in shas}


@pytest.fixture
def tangled(repo: Repo) -> tuple[Repo, list[str]]:
    """A history of edits, moves, renames and white space whose fixes delete text alone."""
    text = [f"call_{n}(argument, {n});\n" for n in range(40)]
    other = [f"other_{n}();\n" for n in range(20)]
    nodes, fixes = [node({"a.c": "".join(text), "b.py": "".join(other).replace(";", "")})], []
    for at in range(1, 25):
        place = (at * 7) % 40
        if at % 6 == 4:
            text[place] = "  " + text[place]
        else:
            text[place] = f"changed_{at}(argument);\n"
        is_fix = at % 3 == 0
        if is_fix:
            fixes.append(at)
            text[(place + 11) % 40] = f"fixed_{at}(argument);\n"
            other[at % 20] = f"fixed_{at}();\n"
        path = "src/a.c" if at > 12 else "a.c"
        changes: dict[str, str | tuple[str, str] | None] = {path: "".join(text), "b.py": "".join(other).replace(";", "")}
        if at == 13:
            changes["a.c"] = None
        nodes.append(node(changes, (at - 1,), "fix" if is_fix else "change", at))
    shas = repo.build(nodes)
    repo.git("checkout", "-q", "-f", "main")
    return repo, [shas[at] for at in fixes]


def test_the_basic_variant_accuses_whom_pydriller_accuses(tangled: tuple[Repo, list[str]]) -> None:
    repo, fixes = tangled
    plain = szz.VARIANTS["b"]
    assert len(fixes) == 8
    for fix in fixes:
        assert blamed(repo, fix, plain) == theirs(repo.path, fix) != set()


def test_known_differences_to_pydriller(repo: Repo) -> None:
    """It blames documents too, and skips lines that begin like a comment of any language."""
    shas = repo.build(
        line_of([{"a.c": LINES, "N.md": "a\n"}, {"a.c": LINES + "#define X 1\n", "N.md": "b\n"}, {"a.c": LINES + "#define X 2\n", "N.md": "c\n"}])
    )
    repo.git("checkout", "-q", "-f", "main")
    assert theirs(repo.path, shas[2]) == {shas[1]}  # by N.md alone
    assert blamed(repo, shas[2], "b") == {shas[1]}  # by a.c alone
    (found,) = szz.trace(repo.open(), [(shas[2], START + 2 * DAY)], szz.VARIANTS["b"])
    assert [one.path for one in found.induced] == ["a.c"]


def test_variants_are_values_that_can_be_changed_one_rule_at_a_time() -> None:
    assert replace(szz.VARIANTS["ma"], pick="recent") == szz.VARIANTS["r"]
    assert replace(szz.VARIANTS["ag"], meta=True) == szz.VARIANTS["ma"]
