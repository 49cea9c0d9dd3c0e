import json
import os
from datetime import date
from pathlib import Path

import pytest

from automl_codex import cli, szz_eval, szz_report
from automl_codex.metrics import Interval
from codex_gate import szz
from codex_gate.errors import UsageError
from tests.conftest import DAY, START, Node

LINES = "".join(f"call_{n}();\n" for n in range(12))


def case(fix: str, *named: str, repository: str = "org/tool", languages: tuple[str, ...] = ("c",)) -> szz_eval.Case:
    return szz_eval.Case(repository, fix, frozenset(named), frozenset(languages))


def test_precision_and_recall_are_over_all_fixes_together() -> None:
    cases = [case("f1", "a"), case("f2", "b"), case("f3", "c", "d"), case("f4", "e")]
    one = szz_eval.score(cases, [{"a", "x"}, {"b"}, {"c"}, set()])
    assert (one.n_fixes, one.n_accused, one.n_right) == (4, 4, 3)
    assert (one.precision.value, one.recall.value, one.f1.value) == (3 / 4, 3 / 5, 2 * 3 / (4 + 5))
    assert one.f1.low <= one.f1.value <= one.f1.high
    assert szz_eval.score(cases, [{"a", "x"}, {"b"}, {"c"}, set()]) == one


def test_nobody_accused_is_nothing_right() -> None:
    one = szz_eval.score([case("f1", "a")], [set()])
    assert one.precision == one.recall == one.f1 == Interval(0.0, 0.0, 0.0)


def test_a_margin_is_taken_on_the_same_resamples() -> None:
    cases = [case(f"f{n}", "a") for n in range(20)]
    right, wrong = [{"a"}] * 20, [{"a", "b"}] * 20
    assert szz_eval.margin(cases, right, right) == Interval(0.0, 0.0, 0.0)
    value, low, high = szz_eval.margin(cases, right, wrong)
    assert (value, low, high) == pytest.approx((1 / 3, 1 / 3, 1 / 3))


def test_all_fixes_of_a_repository_lie_in_one_half() -> None:
    halves = {case(fix, repository=f"org/{n}").is_held_out() for n in range(30) for fix in ("x",)}
    assert halves == {True, False}
    assert all(case("x", repository=f"org/{n}").is_held_out() == case("y", "z", repository=f"org/{n}").is_held_out() for n in range(30))


@pytest.fixture
def package(make_repo, tmp_path: Path) -> tuple[Path, list[str]]:
    """A folder with clones, an oracle of five fixes of which two can be had, and what a tool of the package accused."""
    repo = make_repo("clones/org+tool")
    shas = repo.build(
        [
            Node({"a.c": LINES}, time=START),
            Node({"a.c": LINES + "bad();\n"}, (0,), time=START + DAY),
            Node({"a.c": LINES + "good();\n"}, (1,), time=START + 2 * DAY, message="fix a crash"),
            Node({"a.c": LINES + "best();\n"}, (2,), time=START + 3 * DAY, message="fix a crash"),
        ]
    )
    repo.git("checkout", "-q", "-f", "main")
    os.symlink(repo.path, repo.path.parent / "psf+black")
    entries = [
        {"repo_name": "org/tool", "fix_commit_hash": shas[2], "bug_commit_hash": [shas[1]], "language": ["C"]},
        {"repo_name": "org/tool", "fix_commit_hash": shas[3], "bug_commit_hash": [shas[0]], "language": ["c"]},
        {"repo_name": "org/tool", "fix_commit_hash": shas[2], "bug_commit_hash": ["d" * 40]},
        {"repo_name": "org/other", "fix_commit_hash": shas[2], "bug_commit_hash": [shas[1]]},
        {"repo_name": "psf/black", "fix_commit_hash": shas[2], "bug_commit_hash": [shas[1]]},
    ]
    (tmp_path / "oracle.json").write_text(json.dumps(entries))
    (tmp_path / "off-limits.txt").write_text("psf/black\n")
    for short in ("b", "ag", "ma", "l", "r"):
        outputs = [{"repo_name": "org/tool", "fix_commit_hash": shas[2], "inducing_commit_hash": [shas[0]]}]
        (tmp_path / f"bic_{short}_bugfix_commits_all.json").write_text(json.dumps(outputs))
    return tmp_path, shas


def test_what_can_be_had_is_judged_and_the_rest_counted(package: tuple[Path, list[str]]) -> None:
    folder, _ = package
    said: list[str] = []
    result = szz_eval.measure(folder / "oracle.json", folder / "clones", folder / "off-limits.txt", folder, said.append)
    assert (result.n_oracle, result.n_repositories) == (5, 1)
    assert result.left_out == {"a commit is missing in the clone": 1, "no clone at hand": 1, "repository off limits": 1}
    ours = result.scores["all"][szz.DEFAULT]
    assert (ours.n_fixes, ours.n_accused, ours.n_right) == (2, 2, 1)
    assert result.scores["c"][szz.DEFAULT] == ours
    theirs = result.scores["all"]["R-SZZ, its authors' output"]
    assert (theirs.n_accused, theirs.n_right) == (1, 0)
    assert {"all"} < set(result.margins) <= set(szz_eval.HALVES)
    assert said[0] == "2 of 5 fixes, in 1 repositories"


def test_command_writes_between_the_marks_and_nowhere_else(package: tuple[Path, list[str]], capsys) -> None:
    folder, _ = package
    command = ["szz-eval", "--oracle", str(folder / "oracle.json"), "--clones", str(folder / "clones"), "--off-limits", str(folder / "off-limits.txt")]
    page = folder / "labels.md"
    (begin, end), (start, stop) = szz_report.marks(szz_report.ORACLE), szz_report.marks(szz_report.SPEED)
    page.write_text(f"# Title\n\nbefore\n\n{begin}\nold\n{end}\n\nbetween\n{start}\nold\n{stop}\n\nafter\n")
    clone = str(folder / "clones" / "org+tool")
    assert cli.main([*command, "--published", str(folder), "--time", clone, "--output", str(page)]) == 0
    text = page.read_text()
    assert text.startswith("# Title\n\nbefore\n\n") and text.endswith(f"{stop}\n\nafter\n") and f"{end}\n\nbetween\n{start}" in text and "old" not in text
    assert "2 of the oracle's 5 fixes, in 1 repositories; left out: 1 (a commit is missing in the clone), 1 (no clone at hand)" in text
    assert "| **recent**, the default | 0.500 [" in text
    assert "| R-SZZ as published, full set | 0.66 | 0.57 | 0.61 | | |" in text
    assert "| org/tool | 4 | 2 | " in text
    figures = json.loads(page.with_suffix(".json").read_text())
    assert figures["scores"]["all"]["recent"]["precision"][0] == 0.5
    assert cli.main(command) == 0
    assert "| none |" in capsys.readouterr().out


@pytest.mark.parametrize("lacking", [szz_report.ORACLE, szz_report.SPEED])
def test_a_page_that_lacks_the_marks_of_one_part_is_told_before_any_measuring(tmp_path: Path, monkeypatch, capsys, lacking: str) -> None:
    monkeypatch.setattr(szz_eval, "measure", lambda *_: pytest.fail("the oracle was measured"))
    monkeypatch.setattr(szz_eval, "timing", lambda *_: pytest.fail("a clone was timed"))
    (there,) = {szz_report.ORACLE, szz_report.SPEED} - {lacking}
    page = tmp_path / "labels.md"
    page.write_text("\n".join(szz_report.marks(there)))
    command = ["szz-eval", "--oracle", "o.json", "--clones", str(tmp_path), "--time", str(tmp_path), "--output", str(page)]
    assert cli.main(command) == 2
    assert f"has no place for the figures; expected the lines {szz_report.marks(lacking)[0]}" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == [page]


def test_the_figures_are_written_behind_the_page(package: tuple[Path, list[str]], monkeypatch) -> None:
    folder, _ = package
    page = folder / "labels.md"
    page.write_text("\n".join([*szz_report.marks(szz_report.ORACLE), *szz_report.marks(szz_report.SPEED)]))
    monkeypatch.setattr(szz_eval, "timing", lambda path: (_ for _ in ()).throw(UsageError("no clone")))
    command = ["szz-eval", "--oracle", str(folder / "oracle.json"), "--clones", str(folder / "clones"), "--off-limits", str(folder / "off-limits.txt")]
    assert cli.main([*command, "--time", "none", "--output", str(page)]) == 2
    assert not page.with_suffix(".json").exists()


@pytest.mark.parametrize(("options", "says"), [([], "nothing to measure"), (["--oracle", "x"], "--oracle takes --clones DIR")])
def test_command_used_wrongly(options: list[str], says: str, capsys) -> None:
    assert cli.main(["szz-eval", *options]) == 2
    assert says in capsys.readouterr().err


def test_a_timing_counts_the_processes_that_it_started(package: tuple[Path, list[str]]) -> None:
    folder, _ = package
    one = szz_eval.timing(folder / "clones" / "org+tool")
    assert (one.repository, one.n_commits, one.n_fixes) == ("org/tool", 4, 2)
    assert one.cpu > 0 and one.seconds > 0


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "cannot be read (No such file"),
        ("{", "is no oracle"),
        ('[{"repo_name": "a"}]', "is no oracle"),
        ("[5]", "is no oracle"),
        ("[]", "none of the 0 fixes"),
    ],
)
def test_an_oracle_that_is_none_is_refused(tmp_path: Path, capsys, content: str | None, says: str) -> None:
    path = tmp_path / "oracle.json"
    if content is not None:
        path.write_text(content)
    (tmp_path / "off.txt").write_text("")
    assert cli.main(["szz-eval", "--oracle", str(path), "--clones", str(tmp_path), "--off-limits", str(tmp_path / "off.txt")]) == 2
    assert says in capsys.readouterr().err


def test_a_page_without_marks_and_outputs_that_are_missing_are_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has no place for the figures"):
        szz_report.put(tmp_path / "none.md", szz_report.ORACLE, "x")
    with pytest.raises(UsageError, match=r"bic_b_bugfix_commits_all\.json cannot be used"):
        szz_eval.read_published(tmp_path)


def test_the_page_that_is_committed_holds_the_figures_of_its_json() -> None:
    folder = Path(__file__).parents[2] / "docs"
    figures = json.loads((folder / "labels.json").read_text())
    text = (folder / "labels.md").read_text()
    assert figures["default"] == szz.DEFAULT
    assert date.fromisoformat(figures["date"]).isoformat() in text
    ours = figures["scores"]["all"][szz.DEFAULT]
    assert f"| **{szz.DEFAULT}**, the default | {ours['precision'][0]:.3f} [" in text
    assert ours["n_fixes"] >= 60
    assert set(figures["scores"]["all"]) >= set(szz.VARIANTS)
    best = max(f1 for _, _, f1 in szz_eval.PUBLISHED.values()) - szz_eval.PUBLISHED["B-SZZ"][2]
    assert figures["margins"]["held out"][0] >= best
