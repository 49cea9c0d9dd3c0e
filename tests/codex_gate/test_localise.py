"""The line ranker: what it loads, and that its order rests on the change alone."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from codex_gate.errors import ModelError
from codex_gate.lines import LINE_FEATURES
from codex_gate.localise import LINES_FILE, MAX_LINES, LineRanker, hunks, top
from codex_gate.model import default_directory, read_manifest
from codex_gate.screen import ALL_LINES, Screener
from codex_gate.text import HunkText
from codex_gate.types import Classification, FileChange, LineScore
from tests.codex_gate.samples import FakeModel, add_ranker, ranker_object, write_model
from tests.conftest import Repo

MakeRepo = Callable[..., Repo]


def shipped() -> LineRanker:
    found = LineRanker.load(default_directory(), read_manifest(default_directory()))
    assert found is not None
    return found


def scored_commit(repo: Repo, revision: str = "HEAD") -> list[LineScore]:
    gate = repo.open()
    sha = gate.resolve(revision)
    parents = gate.metas([sha])[0].parents
    (files,) = gate.diffs([(sha, parents[0] if parents else None)])
    return shipped().rank(files)


# -- the order ---------------------------------------------------------------------------------------


def test_order_of_files_moves_no_score(make_repo: MakeRepo) -> None:
    repo = make_repo()
    repo.write("a.py", "x = 1\ny = 2\n")
    repo.commit("start")
    for name in ("a.py", "b.py", "lib/c.java", "README.md", "test_d.py"):
        repo.write(name, f"value = compute('{name}')\nif value:\n    return value + 1\n# why\n")
    repo.commit("more")
    gate = repo.open()
    (files,) = gate.diffs([(gate.resolve("HEAD"), gate.resolve("HEAD~1"))])
    expected = shipped().rank(files)
    rng = random.Random(3)
    for _ in range(5):
        mixed = list(files)
        rng.shuffle(mixed)
        assert shipped().rank(mixed) == expected
    assert len({s.score for s in expected}) > 5


def test_scores_lie_between_0_and_1_and_speak_of_program_text_first(make_repo: MakeRepo) -> None:
    repo = make_repo()
    text = "import os\n\n# a comment\nif size > limit:\n    raise ValueError(size)\n}\n"
    for name in ("src/a.py", "tests/test_a.py", "docs/a.md"):
        repo.write(name, text)
    repo.commit("start")
    found = scored_commit(repo)
    assert all(0 <= s.score <= 1 for s in found)
    by_place = {(s.path, s.line): s.score for s in found}
    assert all(by_place[name, line] == 0 for name in ("src/a.py", "tests/test_a.py", "docs/a.md") for line in (2, 3, 6))
    assert by_place["src/a.py", 4] > by_place["tests/test_a.py", 4] > 0
    assert by_place["src/a.py", 4] > by_place["docs/a.md", 4] > 0
    assert by_place["src/a.py", 4] > by_place["src/a.py", 1]


def test_deleted_lines_keep_their_share_of_the_score() -> None:
    ranker = LineRanker.parse(json.dumps(ranker_object()).encode(), "x")
    patch = b"@@ -1 +1 @@\n-x = 1\n+x = 2"
    deleted, added = ranker.rank([FileChange("a.py", None, "M", 0o100644, 0o100644, "1" * 40, "2" * 40, 1, 1, patch)])
    assert (deleted.added, added.added) == (False, True)
    assert deleted.score == pytest.approx(0.1 * added.score)


def test_top_takes_the_highest_and_breaks_ties_by_place() -> None:
    lines = [LineScore("b", True, 1, 0.5, b""), LineScore("a", False, 9, 0.5, b""), LineScore("a", True, 7, 0.5, b""), LineScore("c", True, 1, 0.9, b"")]
    assert [(s.path, s.line) for s in top(lines, 3)] == [("c", 1), ("a", 7), ("a", 9)]


# -- places ------------------------------------------------------------------------------------------


def test_line_numbers_lead_to_the_text_on_both_sides(make_repo: MakeRepo) -> None:
    repo = make_repo()
    body = [f"value_{k} = {k}" for k in range(40)]
    repo.write("edited.py", "\n".join(body))  # no newline at its end
    repo.write("old name.py", "\n".join(body) + "\n")
    repo.write("gone.py", "only = 1\nhere = 2\n")
    repo.commit("start")
    body[3:5] = ["three = 'changed'", "more = 1", "most = 2"]
    del body[20]
    body[-1] += " + 1"
    repo.write("edited.py", "\n".join(body))
    repo.git("mv", "old name.py", "new name.py")
    repo.write("new name.py", "\n".join([*body[:10], *body[12:]]) + "\n")
    repo.remove("gone.py")
    repo.write("fresh.py", "first = 1\nsecond = 2\n")
    repo.commit("change")
    found = scored_commit(repo)
    assert {(s.path, s.added) for s in found} == {
        ("edited.py", True), ("edited.py", False), ("old name.py", False), ("new name.py", True), ("gone.py", False), ("fresh.py", True),
    }  # fmt: skip
    for s in found:
        blob = repo.raw("show", f"HEAD{'' if s.added else '~1'}:{s.path}").split(b"\n")
        assert blob[s.line - 1] == s.text
    assert len(found) == len({(s.path, s.added, s.line) for s in found})
    counts = repo.git("diff", "--numstat", "-M", "HEAD~1", "HEAD").splitlines()
    assert sum(s.added for s in found) == sum(int(row.split("\t")[0]) for row in counts)
    assert sum(not s.added for s in found) == sum(int(row.split("\t")[1]) for row in counts)


def test_hunks_are_ordered_by_their_riskiest_line(make_repo: MakeRepo) -> None:
    repo = make_repo()
    repo.write("a.py", "".join(f"v{k} = {k}\n" for k in range(30)))
    repo.commit("start")
    repo.write("a.py", "".join(f"v{k} = {k}\n" for k in range(30) if k != 25).replace("v3 = 3\n", "# why\nif v3 > limit:\n    return go(v3)\n"))
    repo.commit("change")
    gate = repo.open()
    (files,) = gate.diffs([(gate.resolve("HEAD"), gate.resolve("HEAD~1"))])
    scored = shipped().rank(files)
    first, second = hunks(files, scored)
    assert (first.path, first.added, first.first, first.last) == ("a.py", True, 4, 6)
    assert (second.added, second.first, second.last) == (False, 26, 26)
    assert first.score == max(s.score for s in scored) > second.score > 0
    assert hunks(files, []) == []
    asked: list[HunkText] = []
    told = hunks(files, scored, lambda texts: [asked.append(text) or Classification("LogicErrors", 0.5, (), text.after or "gone") for text in texts])
    assert [(text.before, text.after) for text in asked] == [("v3 = 3", "# why\nif v3 > limit:\n    return go(v3)"), ("v25 = 25", "")]
    assert [one.kind.source for one in told if one.kind] == ["# why\nif v3 > limit:\n    return go(v3)", "gone"]


# -- hostile input -----------------------------------------------------------------------------------


def test_minified_and_binary_and_foreign_bytes_take_bounded_time(make_repo: MakeRepo) -> None:
    repo = make_repo()
    repo.write("app.min.js", b"var a=1;" * 650_000 + b"\n")  # one line of 5 MB
    repo.write("quotes.js", b'"' * 300_000 + b"\n" + b"\\" * 300_000 + b"'\n")
    repo.write("latin.c", b'char *s = "\xe9\xff\xfe";\n\x1b[31m = 1;\n')
    repo.write("data.bin", b"\0\1\2" * 1000)
    repo.commit("start")
    started = time.process_time()
    found = scored_commit(repo)
    assert time.process_time() - started < 2
    assert {s.path for s in found} == {"app.min.js", "quotes.js", "latin.c"}
    assert all(0 <= s.score <= 1 for s in found)


def test_huge_change_is_cut_and_the_report_says_so(make_repo: MakeRepo, tmp_path: Path) -> None:
    repo = make_repo()
    repo.write("a.py", "".join(f"x = {k}\n" for k in range(MAX_LINES + 5)))
    sha = repo.commit("start")
    model = FakeModel(directory=add_ranker(write_model(tmp_path / "m"), calls=1.0), manifest=read_manifest(tmp_path / "m"))
    (finding,) = Screener(repo.open(), model, lines=ALL_LINES).many([sha])  # type: ignore[arg-type]
    assert finding.lines is not None and len(finding.lines) == MAX_LINES
    assert [n.text for n in finding.notices] == ["the first 20,000 of 20,005 changed lines are ranked"]


# -- the file ----------------------------------------------------------------------------------------


def test_model_without_a_ranker_has_none(tmp_path: Path) -> None:
    directory = write_model(tmp_path / "m")
    assert LineRanker.load(directory, read_manifest(directory)) is None


def test_altered_ranker_is_refused(tmp_path: Path) -> None:
    directory = add_ranker(write_model(tmp_path / "m"))
    data = (directory / LINES_FILE).read_bytes()
    (directory / LINES_FILE).write_bytes(data.replace(b"-1.0", b"-2.0"))
    with pytest.raises(ModelError, match=r"lines\.json has sha256"):
        LineRanker.load(directory, read_manifest(directory))
    (directory / LINES_FILE).unlink()
    with pytest.raises(ModelError, match=r"lines\.json cannot be read"):
        LineRanker.load(directory, read_manifest(directory))


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ({"format": 2}, "format 2"),
        ({"line_schema": 99}, "line schema 99"),
        ({"features": list(LINE_FEATURES[1:])}, "measures"),
        ({"weights": [1.0]}, "1 weights"),
        ({"weights": [float("nan")] * len(LINE_FEATURES)}, "finite"),
        ({"deleted_share": 1.5}, "deleted_share"),
        ({"bias": "high"}, "no line ranker"),
    ],
)
def test_ranker_of_another_kind_is_refused(broken: dict[str, object], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        LineRanker.parse(json.dumps({**ranker_object(), **broken}).encode(), "lines.json")


def test_what_is_no_ranker_at_all_is_refused() -> None:
    for data in (b"", b"[]", b"{", b'"x"', b"{}"):
        with pytest.raises(ModelError, match="no line ranker"):
            LineRanker.parse(data, "lines.json")


def test_score_is_the_logistic_of_the_weighted_measures() -> None:
    ranker = LineRanker.parse(json.dumps(ranker_object(calls=1.0, strings=-1.0)).encode(), "x")
    patch = b"@@ -0,0 +1,2 @@\n+f(g(1))\n+x = 'a'"
    one, two = ranker.rank([FileChange("a.py", None, "A", 0, 0o100644, "0" * 40, "2" * 40, 2, 0, patch)])
    assert one.score == pytest.approx(1 / (1 + 2.718281828459045**-1))
    assert two.score == pytest.approx(1 / (1 + 2.718281828459045**2))


def test_ranking_needs_the_standard_library_alone() -> None:
    code = "import sys; import codex_gate.localise; print(sorted({'numpy', 'sklearn', 'rich', 'lizard'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
