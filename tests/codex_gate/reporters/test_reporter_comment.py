"""The comment, the step summary and what a runner reads: what they say, their limits, text of strangers in them."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from example_reports import NASTY, REPORTS, commit, crowded, high, hostile
from markdown_it import MarkdownIt

from codex_gate.reporters import comment, markdown, workflow
from codex_gate.reporters.comment import TICK, Trust
from codex_gate.reporters.markdown import Links
from codex_gate.types import BLIND, FileFocus, Level, Notice, Reason, Relief, Report

LINKS = Links("https://github.com/acme/shop", "c" * 40)
TRUST = Trust(0.226, 3, 28)
NASTIES = pytest.mark.parametrize("text", NASTY.values(), ids=NASTY)


def relieved() -> Report:
    report = high()
    assert report.change is not None
    return replace(report, change=replace(report.change, relief=(Relief("src/net/pool.py", 0.22), Relief("src/net/worker.py", 0.004))))


def test_the_comment_says_what_would_lower_the_risk_and_how_sure_it_is() -> None:
    text = comment.loud(relieved(), LINKS, TRUST)
    assert "- `src/net/pool.py` in a change of its own: 22 % for the rest, 38 % for it\n" in text
    assert "- `src/net/worker.py` in a change of its own: &lt;1 % for the rest, 29 % for it\n" in text
    assert "off by 23 points on average" in text
    assert "3 of 28 measures are unknown here." in text
    one = comment.loud(relieved(), LINKS, TRUST._replace(error=0.012, unknown=1))
    assert "off by 1 point on average" in one and "1 of 28 measures is unknown here." in one
    report = relieved()
    assert report.change is not None
    blind = replace(report, change=replace(report.change, notices=(*report.change.notices, Notice(BLIND, "1 of 2 files could not be read"))))
    assert "off by" not in comment.loud(blind, LINKS, TRUST), "that was measured on whole changes"
    assert f"\n- [ ] {TICK}\n" in text


def test_where_no_file_carries_the_risk_smaller_changes_are_named() -> None:
    report = high()
    assert report.change is not None
    change = replace(report.change, paths=("a", "b"), relief=())
    text = comment.loud(replace(report, change=change), LINKS, Trust(None, 0, 28))
    assert (
        "- smaller changes: none of the 3 files above lowers it by 2 points in a change of its own, but alone the riskiest of them, `src/net/pool.py`, scores 38 %\n"
        in text
    )
    assert "How sure" not in text
    text = comment.loud(replace(report, change=replace(change, files=change.files[:1])), LINKS, TRUST)
    assert "- smaller changes: not even the file above lowers it by 2 points in a change of its own, but alone it scores 38 %\n" in text


def test_what_was_not_measured_is_not_said_to_lower_nothing() -> None:
    report = high()
    assert report.change is not None
    assert "What would lower it" not in comment.loud(replace(report, change=replace(report.change, paths=("a", "b"))), LINKS, TRUST)


def test_places_are_links_to_the_lines_that_were_screened() -> None:
    text = comment.loud(high(), LINKS, TRUST)
    assert f"[`src/net/pool.py:88`](https://github.com/acme/shop/blob/{'c' * 40}/src/net/pool.py#L88)" in text
    assert LINKS.to("a b(1)]/caf\udce9/ü#?.py", 3).endswith("/a%20b%281%29%5D/caf%E9/%C3%BC%23%3F.py#L3")


def test_the_key_is_that_of_what_a_reader_sees() -> None:
    report = high()
    assert report.change is not None
    key = comment.mark_of(comment.loud(report, LINKS, TRUST))
    assert key is not None
    assert (key.sha, key.level, key.risk) == ("c" * 40, "high", 0.4127)
    same = replace(report, seconds=9.0, commits=tuple(replace(c, sha=commit(f"rebased {k}", 0.1, Level.LOW, "").sha) for k, c in enumerate(report.commits)))
    other = replace(report, change=replace(report.change, risk=0.43))
    assert comment.mark_of(comment.loud(same, LINKS._replace(sha="d" * 40), TRUST)).key == key.key  # type: ignore[union-attr]
    assert comment.mark_of(comment.loud(other, LINKS, TRUST)).key != key.key  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "body", ["", "text", "<!-- codex-gate:verdict {} x", "<!-- codex-gate:verdict {broken} -->", "> " + comment.MARKER + '{"key": "1"} -->']
)
def test_what_has_no_mark_has_none(body: str) -> None:
    assert comment.mark_of(body) is None


def test_a_dispute_is_about_the_verdict_that_was_ticked_and_survives_later_ones() -> None:
    report = high()
    assert report.change is not None
    old = comment.loud(report, LINKS, TRUST, "x" * 50)
    assert comment.disputed(old) is None
    assert comment.keeping_dispute(old, old) == old
    ticked = old.replace(f"- [ ] {TICK}", f"- [X] {TICK}")
    said = comment.disputed(ticked)
    assert said == ("c" * 40, "high", 0.4127)
    later = comment.loud(replace(report, change=replace(report.change, risk=0.8, level=Level.CRITICAL)), LINKS._replace(sha="d" * 40), TRUST)
    updated = comment.keeping_dispute(later, ticked)
    assert f"- [x] {TICK}" in updated
    assert comment.disputed(updated) == said
    shrunk = comment.keeping_dispute(comment.quiet(REPORTS["low"], LINKS, TRUST), updated)
    assert len(shrunk.splitlines()) == 2
    assert comment.disputed(shrunk) == said
    again = comment.keeping_dispute(old, shrunk)
    assert f"- [x] {TICK}" in again and comment.disputed(again) == said
    assert comment.mark_of(again) == comment.mark_of(old)
    untied = again.replace("- [x]", "- [ ]")  # taken back
    assert comment.disputed(untied) is None
    assert comment.keeping_dispute(old, untied) == old
    assert comment.disputed(comment.quiet(REPORTS["low"], LINKS, TRUST)) is None


def test_a_quiet_comment_is_one_line_behind_its_mark() -> None:
    lines = comment.quiet(REPORTS["low"], LINKS, TRUST).splitlines()
    assert len(lines) == 2
    assert comment.mark_of(lines[0]) is not None
    assert lines[1] == "codex-gate has nothing to say about this change any more (6 % risk – low)."
    loud, quiet = (comment.mark_of(make(high(), LINKS, TRUST)) for make in (comment.loud, comment.quiet))
    assert loud is not None and quiet is not None
    assert loud.key != quiet.key  # the settings may have changed what is worth a comment
    assert "nothing to screen" in comment.quiet(REPORTS["empty"], LINKS, TRUST)


# -- limits --------------------------------------------------------------------------------------------


def swollen(nasty: str = "\x1b@\u202e" * 4000) -> Report:
    """More of everything than anybody may show, by default in characters that grow when they are escaped."""
    report = replace(
        hostile(nasty), commits=tuple(commit(i, 0.5, Level.HIGH, nasty) for i in range(3000)), notices=tuple(Notice("index", f"{i}{nasty}") for i in range(100))
    )
    assert report.change is not None
    focus = (FileFocus(nasty, 1, 0.1, nasty),) * 400
    return replace(report, change=replace(report.change, reasons=(Reason("la", 1, 0.1, nasty),) * 400, files=focus, relief=(Relief(nasty, 0.1),) * 9))


@pytest.mark.parametrize("report", [crowded(), swollen(), swollen("重" * 4000), swollen("\U0001f4a5" * 4000), *map(hostile, NASTY.values())])
def test_limits_hold_and_mark_and_box_stay(report: Report) -> None:
    text = comment.loud(report, LINKS, TRUST)
    assert len(text.encode()) <= 65_000
    assert len(markdown.render(report).encode()) <= 65_000  # a check run counts bytes
    assert comment.mark_of(text) is not None
    assert f"- [ ] {TICK}" in text
    summary = comment.summary(replace(report, recent=(0.5,) * 5000), LINKS, TRUST, ["x\u202e" * 9000] * 300)
    assert len(summary.encode()) < 1 << 20
    assert len(comment.failure("\u202e" * 9000).encode()) < 1 << 20


def test_the_summary_holds_more_commits_than_the_comment() -> None:
    summary = comment.summary(crowded(), LINKS, TRUST, [])
    assert "| `0 long" in summary
    assert "| `0 long" not in comment.loud(crowded(), LINKS, TRUST)


def test_the_summary_of_a_quiet_change_holds_everything_and_its_comment_nothing_more() -> None:
    report = replace(REPORTS["low"], recent=(0.1, 0.25))
    assert report.change is not None
    report = replace(report, change=replace(report.change, relief=(Relief("docs/build.md", 0.01),)))
    summary = comment.summary(report, LINKS, TRUST, [])
    for words in (
        "### 6 % risk – low\n\nMore than 21 % of this repository's last 1,000 changes. Where the model learned, about 6 in 100 changes scored like this needed a fix.\n",
        "**Why** (points of risk)\n\n- ↓ −5: 9 lines added and 2 deleted\n",
        f"- [`docs/build.md:3`](https://github.com/acme/shop/blob/{'c' * 40}/docs/build.md#L3): 9 lines added, 2 deleted\n",
        "- **ConfigurationErrors** (40 %): `docs/build.md:3`",
        "- `docs/build.md` in a change of its own: 1 % for the rest",
        "**How sure is this**",
        "    line [10, 25, 6]\n",
        "<summary>3 commits, the riskiest with 5 %</summary>",
        "Levels here: moderate above 24 %",
    ):
        assert words in summary
    assert len(markdown.render(report, LINKS).splitlines()) == len(comment.quiet(report, LINKS, TRUST).splitlines()) + 3 == 5


@pytest.mark.parametrize("name", ["empty", "many", "shallow"])
def test_where_there_is_no_percentage_nobody_asks_how_sure_it_is(name: str) -> None:
    for text in (comment.summary(REPORTS[name], LINKS, TRUST, []), comment.loud(REPORTS[name], LINKS, TRUST)):
        assert "How sure" not in text and "percentage" not in text


def test_the_plot_ends_with_this_change() -> None:
    summary = comment.summary(replace(high(), recent=(0.1, 0.25)), LINKS, TRUST, ["no comment: why"])
    assert "    line [10, 25, 41]\n```" in summary
    assert "mermaid" not in comment.summary(replace(high(), recent=(0.1,)), None, TRUST, [])
    assert summary.endswith("> no comment: why\n")


# -- text of strangers ---------------------------------------------------------------------------------


@NASTIES
def test_nothing_of_a_stranger_is_alive_in_the_comment(text: str) -> None:
    report = hostile(text)
    assert report.change is not None
    report = replace(report, change=replace(report.change, relief=(Relief(text, 0.2),)))
    for output in (
        comment.loud(report, LINKS, TRUST),
        comment.quiet(report, LINKS, TRUST),
        comment.summary(replace(report, recent=(0.1, 0.2)), LINKS, TRUST, [text]),
    ):
        assert [char for char in output if not char.isprintable() and char != "\n"] == []
        assert not re.search(r"^\s*::", output, re.MULTILINE)
        assert not re.search(r"##\w*\[", output)
        for token in MarkdownIt("commonmark").enable("table").parse(output):
            assert token.type != "html_block" or token.content.strip().startswith(("<!-- codex-gate:verdict {", "<details>", "</details>", "<sub>"))
            for leaf in token.children or ():
                if leaf.type == "link_open":
                    assert str(leaf.attrs["href"]).startswith(f"https://github.com/acme/shop/blob/{'c' * 40}/")
                elif leaf.type == "html_inline":
                    assert leaf.content in ("<sub>", "</sub>", "<br>", "<summary>", "</summary>")
                elif leaf.type == "text":
                    assert not re.search(r"@\w|#\d|GH-\d|https?:|www\.", leaf.content)
                else:
                    assert leaf.type != "image"


@NASTIES
def test_nothing_of_a_stranger_commands_the_runner(text: str) -> None:
    report = hostile(text)
    assert report.change is not None
    places = [*workflow.points(report.change, 50), workflow.Annotation("warning", "a.py", 1, text)]
    lines = [*workflow.commands(places), workflow.command("notice", text)]
    for line in lines:
        assert re.fullmatch(r"::(warning|notice) (file=[^,:]*,line=\d+,)?title=codex-gate::.*", line)
        assert line.isprintable()
        assert not re.search(r"##\w*\[", line)
    for place in workflow.points(report.change, 50):
        assert place.path.isprintable()
    out = workflow.outputs({"risk": text, "top-file": text}, "END")
    assert [line for line in out.split("\n") if "<<" in line and line.endswith("<<END")] == ["risk<<END", "top-file<<END"]
    assert out.split("\n").count("END") == 2
    fenced = workflow.fenced(text, "TOKEN").split("\n")
    assert fenced[0] == "::stop-commands::TOKEN" and fenced[-1] == "::TOKEN::"


def test_annotations_are_the_riskiest_places_once_and_within_their_budget() -> None:
    change = high().change
    assert change is not None
    found = workflow.points(change, 10)
    assert [(p.path, p.line) for p in found][:4] == [("src/net/pool.py", 88), ("src/net/worker.py", 14), (change.files[2].path, 203), ("deploy/pool.yaml", 0)]
    assert len(workflow.points(change, 2)) == 2
    assert {p.kind for p in found} == {"warning"}
    assert {p.kind for p in workflow.points(replace(change, level=Level.MODERATE), 10)} == {"notice"}
    assert len(workflow.commands(found * 9)) == 10
    assert workflow.commands([workflow.Annotation("notice", "a,b:c%.py", 0, "100 % is\nmuch")]) == [
        "::notice file=a%2Cb%3Ac%25.py,line=1,title=codex-gate::100 %25 is\\u{a}much"
    ]
