"""Text of strangers, in every place of a report and on every surface."""

from __future__ import annotations

import json
import re
from urllib.parse import unquote_to_bytes

import pytest
from example_reports import NASTY, hostile
from markdown_it import MarkdownIt
from markdown_it.token import Token

from codex_gate.reporters import Terminal, render
from codex_gate.reporters.hostile import cell, code, no_commands, prose, shorten_path, shown, visible, writable
from codex_gate.types import Level

SGR = re.compile(r"\x1b\[[0-9;]*m")
FORMATS = ("terminal", "markdown", "json", "jsonl", "sarif")
LEVELS = (Level.CRITICAL, Level.LOW, Level.UNKNOWN)
NASTIES = pytest.mark.parametrize("text", NASTY.values(), ids=NASTY)


@NASTIES
@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("name", FORMATS)
def test_nothing_unseen_reaches_the_output(text: str, level: Level, name: str) -> None:
    output = render(name, hostile(text, level))
    assert [char for char in output if not char.isprintable() and char != "\n"] == []
    output.encode()  # no lone surrogate


@NASTIES
@pytest.mark.parametrize("level", LEVELS)
def test_colour_comes_from_us_alone(text: str, level: Level) -> None:
    painted = SGR.sub("", render("terminal", hostile(text, level), colour=True))
    assert painted == render("terminal", hostile(text, level))


@NASTIES
@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("width", [40, 80, 120])
def test_no_line_is_a_workflow_command(text: str, level: Level, width: int) -> None:
    for output in (Terminal(width).render(hostile(text, level)), *(render(name, hostile(text, level)) for name in FORMATS)):
        assert not re.search(r"^\s*::", output, re.MULTILINE)
        assert not re.search(r"##\w*\[", output)  # runners look for these anywhere in a line


@NASTIES
def test_rich_markup_is_shown_as_it_is(text: str) -> None:
    assert "\x1b]" not in render("terminal", hostile(text), colour=True)
    assert "[bold red]x[/bold red]" in SGR.sub("", render("terminal", hostile(NASTY["rich markup"]), colour=True, width=120))


@NASTIES
def test_json_holds_the_text_itself(text: str) -> None:
    report = json.loads(render("json", hostile(text)))
    assert report["change"]["title"] == writable(text)
    assert report["change"]["files"][0]["path"] == writable(text)
    assert json.loads(render("jsonl", hostile(text)))["title"] == writable(text)


@NASTIES
def test_sarif_addresses_are_relative_and_whole(text: str) -> None:
    run = json.loads(render("sarif", hostile(text)))["runs"][0]
    uri = run["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert re.fullmatch(r"(?:[A-Za-z0-9._~/-]|%[0-9A-F]{2})*", uri)
    assert ":" not in uri
    if text != NASTY["lone surrogates"]:
        assert unquote_to_bytes(uri) == text.encode("utf-8", "surrogateescape")
    for result in run["results"]:
        assert not re.search(r"(?<!\\)\[", result["message"]["text"])


# -- Markdown as a reader of it sees it ----------------------------------------------------------------

OURS = {"<details>", "</details>", "<sub>", "</sub>", "<br>"}


def _leaves(text: str) -> list[Token]:
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    return [leaf for token in tokens for leaf in (token, *(token.children or ()))]


@NASTIES
@pytest.mark.parametrize("level", LEVELS)
def test_markdown_holds_nothing_alive(text: str, level: Level) -> None:
    leaves = _leaves(render("markdown", hostile(text, level)))
    kinds = {leaf.type for leaf in leaves}
    assert not kinds & {"link_open", "image", "code_block", "fence", "hr", "ordered_list_open"}
    assert {leaf.content for leaf in leaves if leaf.type == "html_inline"} <= OURS
    assert all(re.fullmatch(r"<details>\n<summary>[\w ,%&;]*</summary>\n?|</details>\n?", leaf.content) for leaf in leaves if leaf.type == "html_block")
    words = " ".join(leaf.content for leaf in leaves if leaf.type == "text")
    assert not re.search(r"@\w|#\d|GH-\d|://|www\.|[<`\[]", words.replace("[!NOTE]", "")), words
    assert len([leaf for leaf in leaves if leaf.type == "heading_open"]) == 1
    assert len([leaf for leaf in leaves if leaf.type == "td_open"]) in (0, 8)  # two commits, four cells each


@NASTIES
def test_markdown_shows_the_title_in_code(text: str) -> None:
    spans = [leaf.content for leaf in _leaves(render("markdown", hostile(text))) if leaf.type == "code_inline"]
    assert shown(f"x{text}", 100) in spans


# -- the pieces ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain words, naïve – 修复", "plain words, naïve – 修复"),
        ("a\x1b[31m", r"a\u{1b}[31m"),
        ("a\nb\tc\x85", r"a\u{a}b\u{9}c\u{85}"),
        ("\u202eabc\u2066", r"\u{202e}abc\u{2066}"),
        ("no\u00a0break\u3000wide", "no break wide"),
        ("caf\udce9", r"caf\xe9"),
        ("\ud800", r"\u{d800}"),
        ("e\u0301", "e\u0301"),
        ("e\u0301\u0301\u0301\u0301", "e\u0301\u0301\u0301\\u{301}"),
        ("##[error] ##vso[x] ## [ok] #[ok]", r"#\u{23}[error] #\u{23}vso[x] ## [ok] #[ok]"),
    ],
)
def test_visible(text: str, expected: str) -> None:
    assert visible(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("a", "`a`"), ("a`b", "``a`b``"), ("`a`", "`` `a` ``"), ("a```b``", "```` a```b`` ````"), (" a ", "`  a  `"), ("", "")],
)
def test_code_fence_is_longer_than_any_run_inside(text: str, expected: str) -> None:
    assert code(text) == expected
    if text:
        assert MarkdownIt("commonmark").parseInline(expected)[0].children[0].content == text  # type: ignore[index]


@pytest.mark.parametrize("text", ["a|b", r"a\|b", r"a\\|b", "|", "||", "a|", r"\|"])
def test_pipes_stay_inside_their_cell(text: str) -> None:
    table = f"| h | i |\n| --- | --- |\n| {cell(code(text))} | z |\n"
    leaves = MarkdownIt("commonmark").enable("table").parse(table)
    assert [child.content for leaf in leaves for child in leaf.children or ()][2:] == [text, "z"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3 files, two of them fixed 7 times (latest 12 days ago)", "3 files, two of them fixed 7 times (latest 12 days ago)"),
        ("the author's 1,000 commits – 42% of 1.5", "the author's 1,000 commits – 42% of 1.5"),
        ("you never touched src/net/, see (a_b.py)", "you never touched `src/net/`, see (`a_b.py`)"),
        ("ask @bob about #1, GH-2 and deadbeef.", "ask `@bob` about `#1`, `GH-2` and `deadbeef`."),
        ("1. one", "`1.` one"),
        ("# h - x", "`#` h `-` x"),
        ("see www.evil.example now", "see `www.evil.example` now"),
    ],
)
def test_prose_keeps_words_and_fences_the_rest(text: str, expected: str) -> None:
    assert prose(text) == expected


def test_commands_are_broken_only_where_a_line_begins() -> None:
    assert no_commands("a ::b\n  ::error::x\nstd::move") == "a ::b\n  \\u{3a}:error::x\nstd::move"


def test_paths_lose_their_middle() -> None:
    assert shorten_path("src/" + "x" * 200 + "/name.py", 30).endswith("/name.py")
    assert len(shorten_path("src/" + "\x1b" * 9000 + "/name.py", 30)) == 30


def test_a_megabyte_title_is_cut_before_the_work() -> None:
    assert len(shown("\x1b" * 1_000_000, 80)) == 80
