"""The report as a page: whole, harmless, with the risky lines marked – and in a real browser readable, light and dark, wide and narrow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from example_reports import NASTY, REPORTS, crowded, high, hostile

from codex_gate.lines import LINE_FEATURES
from codex_gate.localise import LineRanker
from codex_gate.reporters import html, render
from codex_gate.types import BLIND, LineScore, ModelKind, Notice, Relief, Report
from tests.browser import browser
from tests.codex_gate.samples import call
from tests.conftest import Repo
from tests.pages import check


def lines(*spec: str, path: str = "a.py") -> tuple[LineScore, ...]:
    """`+7 text` or `-3 text`, each a changed line; scores fall from line to line."""
    found = []
    for k, line in enumerate(spec):
        number, _, text = line[1:].partition(" ")
        found.append(LineScore(path, line[0] == "+", int(number), 0.9 - 0.01 * k, text.encode("utf-8", "surrogateescape")))
    return tuple(found)


def with_lines(report: Report, found: Sequence[LineScore]) -> Report:
    assert report.change is not None
    return replace(report, change=replace(report.change, lines=tuple(found)))


def shape(found: Sequence[LineScore]) -> list[list[int]]:
    return [[line.line if line.added else -line.line for line in hunk.lines] for hunk in html.hunks(found)]


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (["-3 a", "-4 b", "+3 c"], [[-3, -4, 3]]),
        (["+3 a", "+4 b", "+9 c"], [[3, 4], [9]]),
        (["-3 a", "+50 b"], [[-3], [50]]),  # a deletion, and an addition far away
        (["+1 a", "+2 b", "-5 c", "+7 d"], [[1, 2], [-5, 7]]),  # two lines more above: line 5 is now line 7
        (["-1 a", "-2 b", "-7 c", "+5 d", "-9 e"], [[-1, -2], [-7, 5], [-9]]),
    ],
)
def test_hunks_are_what_is_contiguous_in_the_diff(spec: list[str], expected: list[list[int]]) -> None:
    assert shape(lines(*spec)) == expected


def test_hunks_of_files_are_kept_apart() -> None:
    assert shape([*lines("+1 a"), *lines("+2 b", path="b.py")]) == [[1], [2]]


def test_the_hunks_are_those_of_git(repo: Repo) -> None:
    text = [f"line {k}\n" for k in range(40)]
    repo.write("a.py", "".join(text))
    repo.commit("a")
    text[3:5] = ["changed\n"]
    text[20:20] = ["new 1\n", "new 2\n"]
    del text[34]
    repo.write("a.py", "".join(text))
    repo.commit("b")
    (files,) = repo.open().diffs([(repo.head(), repo.git("rev-parse", "HEAD^"))])
    flat = [
        LineScore(f.path, added, start + k, 0.1, line)
        for f in files
        for hunk in f.hunks()
        for added, start, side in ((False, hunk.old_start, hunk.deleted), (True, hunk.new_start, hunk.added))
        for k, line in enumerate(side)
    ]
    expected = [
        [*(-hunk.old_start - k for k in range(len(hunk.deleted))), *(hunk.new_start + k for k in range(len(hunk.added)))] for f in files for hunk in f.hunks()
    ]
    assert len(expected) == 3 and shape(flat) == expected


def test_the_hunks_of_a_renamed_file_stand_together_under_its_new_name(repo: Repo) -> None:
    text = [f"line{k} = {k}\n" for k in range(40)]
    repo.write("old.py", "".join(text))
    before = repo.commit("a")
    text[3] = "changed = 3\n"
    text[20:22] = ["changed = 20\n"]
    del text[34]
    repo.mv("old.py", "new.py")
    repo.write("new.py", "".join(text))
    (files,) = repo.open().diffs([(repo.commit("b"), before)])
    scored = LineRanker((0.0,) * len(LINE_FEATURES), 0.0, 0.5).rank(files)
    assert shape(scored) == [[-4, 4], [-21, -22, 21], [-36]]
    said = check(render("html", with_lines(high(), scored))).text
    assert said.count("new.py") == 3 and "old.py" not in said


@pytest.mark.parametrize("report", [*REPORTS.values(), crowded()], ids=[*REPORTS, "crowded"])
def test_every_report_is_a_page_that_asks_for_nothing(report: Report) -> None:
    check(render("html", report).replace("http://", "").replace("//evil", "").replace("(//e)", ""))


def test_the_page_says_it_all() -> None:
    said = check(render("html", with_lines(high(), lines("-3 old", "+3 new = 1")))).text
    for words in (
        "41\u00a0% risk – high",
        "about 41 in 100",
        "commits that speak of a fix touched these files 19 times",
        "src/net/pool.py:88",
        "ConcurrencyBugs",
        "tests: cover the pool",
        "new = 1",
        "critical above 61",
    ):
        assert words in said


@pytest.mark.parametrize(
    ("kind", "dots", "sentence"),
    [
        (ModelKind.GENERAL, "needed a fix where the model learned.", "projects that the model had not seen when it scored them: of changes scored alike, that share needed a fix; 18 % of all did."),
        (ModelKind.ADAPTED, "would need a fix at the base rate that the model was moved to.", "risks are as if 18 % of all changes needed a fix"),
        (ModelKind.RETRAINED, "needed a fix where the model was retrained.", "the past of the repository that the model was retrained on: of changes scored alike there, that share needed a fix; 18 % of all did."),
    ],
)  # fmt: skip
def test_the_page_says_what_the_risk_is_calibrated_on(kind: ModelKind, dots: str, sentence: str) -> None:
    said = check(render("html", replace(high(), model_kind=kind))).text.replace("\u00a0", " ")
    assert f"Marked: 41, about as many as {dots}" in said and sentence in said
    assert ("had not seen" in said) == (kind is ModelKind.GENERAL)


@pytest.mark.parametrize("text", NASTY.values(), ids=NASTY)
def test_what_a_stranger_writes_is_text(text: str) -> None:
    """No tag, no attribute and nothing hidden comes of it."""
    nasty = [LineScore(text, True, 3, 0.5, text.encode("utf-8", "surrogateescape" if "\ud800" not in text else "replace"))]
    plain, page = render("html", with_lines(hostile("plain"), [LineScore("plain", True, 3, 0.5, b"plain")])), render("html", with_lines(hostile(text), nasty))
    assert page.count("<script") == page.count("<img") == 0
    kinds = {tag for tag, _ in check_tags(page)}
    assert kinds <= {tag for tag, _ in check_tags(plain)}
    assert all(c.isprintable() or c in "\n\u00a0" for c in page)
    page.encode("utf-8")


def check_tags(source: str) -> list[tuple[str, dict[str, str | None]]]:
    from tests.pages import Page

    page = Page(source)
    assert page.problems == []
    for _, attributes in page.tags:
        assert not {"src", "href", "action"} & attributes.keys()
        assert not any(name.startswith("on") for name in attributes)
    return page.tags


def test_source_keeps_its_shape_and_hides_nothing() -> None:
    page = render("html", with_lines(high(), lines("+1 \tif a < b % 2:", "+2 x\u202ey\x1b[0m", "+3 caf\udce9")))
    assert "    if a &lt; b % 2:" in page
    assert "x\\u{202e}y\\u{1b}[0m" in page and "caf\\u{dce9}" in page


def test_what_all_lines_of_a_hunk_are_indented_by_is_left_out() -> None:
    page = render("html", with_lines(high(), lines("+1 \t\tif a:", "+2 ", "+3 \t\t    return b", "+9     c = d")))
    assert "<td>if a:</td>" in page and "<td></td>" in page and "<td>    return b</td>" in page and "<td>c = d</td>" in page


def test_the_history_is_drawn_with_the_levels_and_this_change_at_its_end() -> None:
    page = render("html", replace(high(), recent=(0.1, 0.25, 0.05)))
    assert "History" in page and "The last 3 changes of this branch, and this one" in page and "high begins" in page
    assert "25 %, 2 changes before this one" in page
    assert "History" not in render("html", replace(high(), recent=(0.1,)))


def test_what_the_number_says_is_drawn_as_so_many_of_a_hundred() -> None:
    report = high()
    assert report.change is not None and report.change.risk is not None
    page = render("html", report)
    assert page.count('<circle class="hit"') == round(100 * report.change.risk) and page.count('<circle class="rest"') == 100 - round(100 * report.change.risk)


def test_a_risk_of_which_files_could_not_be_read_claims_no_frequency() -> None:
    report = high()
    assert report.change is not None
    blind = replace(report, change=replace(report.change, notices=(Notice(BLIND, "1 of 2 files could not be read"),)))
    said, whole = (check(render("html", one)).text for one in (blind, report))
    for words in ("A hundred changes scored like this one", "as many as needed a fix", "that share needed a fix"):
        assert words in whole and words not in said
    assert "How sure this is" in said and "A low risk is no proof" in said
    many = replace(blind, change=None, commits=(blind.change,) if blind.change else ())
    assert "that share needed a fix" not in check(render("html", many)).text


def test_kinds_are_explained_and_stand_before_the_lines() -> None:
    page = render("html", with_lines(high(), lines("+1 x")))
    assert "The outcome depends on timing" in page
    assert page.index("Look at first") < page.index("What kind of defect") < page.index("The lines")


def test_the_riskiest_lines_are_numbered_and_long_hunks_are_cut_around_them() -> None:
    many = [LineScore("a.py", True, k, 0.9 if k == 300 else 0.5 if 290 < k < 310 else 0.1, b"x%d" % k) for k in range(1, 601)]
    page = render("html", with_lines(high(), many))
    assert page.count('class="add marked"') == html.N_MARKED
    assert "<td>1</td><td>300</td>" in page and "<td>301</td>" in page and "<td>100</td>" not in page
    assert "279 more changed lines" in page and "281 more changed lines" in page
    wide = render("html", with_lines(high(), [LineScore("a.py", True, 1, 0.9, b"y" * 100_000)]))
    assert "y" * html.MAX_WIDTH + "…" in wide and len(wide) < 100_000


def test_lines_alike_are_counted_once_among_the_riskiest() -> None:
    """And they are not a second list of where to look first: that one goes by file."""
    alike = [*(LineScore("a.cc", True, 10 * k, 0.9, b"    " * k + b"if (ok) {") for k in (1, 2, 3)), LineScore("b.cc", True, 4, 0.3, b"return;")]
    page = render("html", with_lines(high(), alike))
    assert page.count('class="add marked"') == 2 and "<td>1</td><td>10</td>" in page and "<td>2</td><td>4</td>" in page
    assert 'title="place 1 of the riskiest lines and 2 like it"' in page and 'title="place 2 of the riskiest lines"' in page
    said = check(page).text
    assert "4 changed lines. The numbers rank the 2 riskiest of the whole change, lines alike counted once" in said and said.lower().count("look at first") == 1
    gone = render("html", with_lines(high(), [LineScore("a.cc", added, 7, 0.9, b"x = 1") for added in (False, True)]))
    assert gone.count(' marked" title') == 2, "what is deleted is not like what is added"


def test_many_hunks_are_counted() -> None:
    page = render("html", with_lines(high(), [LineScore("a.py", True, 2 * k, 0.5, b"x") for k in range(1, 31)]))
    assert page.count('<section class="hunk">') == html.MAX_HUNKS and "10 more hunks" in page


def test_what_would_lower_the_risk_is_said() -> None:
    change = high().change
    assert change is not None
    said = check(render("html", replace(high(), change=replace(change, relief=(Relief("src/<b>.py", 0.21),))))).text
    assert "src/<b>.py" in said and "21\u00a0% for the rest" in said
    assert "What would lower it" not in render("html", high())


def test_a_change_without_ranked_lines_has_no_such_section() -> None:
    assert "The lines" not in render("html", high())


def test_the_command_writes_the_page_with_the_lines_of_the_change(repo: Repo, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    repo.write("src/app.py", "".join(f"def f{k}(x):\n    return x[{k}] + 1\n" for k in range(10)))
    repo.commit("app")
    repo.branch("topic")
    repo.write("src/app.py", "".join(f"def f{k}(x):\n    return x.get({k}) or <b>\n" for k in range(10)))
    repo.commit("use get <script>")
    target = tmp_path / "report.html"
    assert call(capsys, "screen", "main..topic", "-C", repo.path, "--format", "html", "--output", target).code == 0
    said = check(target.read_text("utf-8"))
    assert "return x.get(0) or <b>" in said.text and "use get <script>" in said.text and "src/app.py:" in said.text
    assert call(capsys, "screen", "--each", "main..topic", "-C", repo.path, "--format", "html").out.startswith("<!DOCTYPE html>")


@pytest.mark.parametrize("width", [360, 1200])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_in_a_browser_it_fits_and_can_be_read(width: int, dark: bool, tmp_path: Path) -> None:
    code = lines("-3 old", *(f"+{k} {'wide ' * 40}" for k in range(3, 15)))
    for report in (with_lines(high(), code), with_lines(hostile("x" * 300 + " \u202e<b>"), code)):
        seen = browser(tmp_path).measure(render("html", report), width, dark=dark)
        assert seen.overflow <= 0
        assert seen.worst >= 4.5, f"contrast {seen.worst:.2f} (WCAG AA asks for 4.5): {seen.where}"


def test_a_picture_of_it_can_be_taken_with_its_policy_in_force(tmp_path: Path) -> None:
    pictures = [browser(tmp_path).picture(render("html", high()), tmp_path / f"{dark}.png", dark=dark) for dark in (False, True)]
    assert all(picture.startswith(b"\x89PNG") and len(picture) > 20_000 for picture in pictures)
    assert pictures[0] != pictures[1]
