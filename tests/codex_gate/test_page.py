import pytest

from codex_gate import page, plots
from tests.pages import Page, check


def test_a_page_is_well_formed_and_asks_for_nothing() -> None:
    svg = plots.chart("t", plots.share_axis("x"), plots.share_axis("y"), [plots.Line([(0, 0), (1, 1)], "line")])
    body = [
        page.heading("part"),
        page.paragraph("words", "note"),
        page.tiles([("1", "one")]),
        page.plots([page.figure("plot", svg, "how to read it", plots.legend([plots.Line([], "line")]))]),
        page.table(("name", "n"), [("a", 1)], "a caption"),
    ]
    found = check(page.document("title", body, "made by us"))
    assert ("title", {}) in found.tags
    for words in ("part", "words", "one", "plot", "how to read it", "a caption", "made by us"):
        assert words in found.text


def test_the_checker_sees_what_is_not_closed() -> None:
    assert Page("<p><b>x</p>").problems


@pytest.mark.parametrize("hostile", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "</style></title><b>", "&lt;"])
def test_what_comes_in_is_text(hostile: str) -> None:
    body = [
        page.heading(hostile),
        page.paragraph(hostile),
        page.tiles([(hostile, hostile)]),
        page.table((hostile,), [(hostile,)], hostile),
        page.figure(hostile, "", hostile),
    ]
    found = check(page.document(hostile, body, hostile))
    assert found.text.count(hostile) >= 9


def test_hidden_characters_are_shown() -> None:
    assert page.text("a\u202eb\x1b\udcff\n") == "a\\u{202e}b\\u{1b}\\u{dcff}\\u{a}"
    assert page.text("59 % & 60\u00a0%") == "59\u00a0% &amp; 60\u00a0%"  # a number is not torn from its per cent
    page.text("\udcff").encode("utf-8")


def test_html_goes_in_as_it_is_and_only_html() -> None:
    assert page.text(page.Html("<b>")) == "<b>"
    assert page.text("<b>") == "&lt;b&gt;"
    assert "<td><b>" in page.table(("a", "b"), [("x", page.Html("<b></b>"))])


def test_light_and_dark_have_every_colour() -> None:
    light, dark = page.STYLE.split("@media(prefers-color-scheme:dark)")
    for name in ("bg", "fg", "dim", "edge", "card", "a", "b", "c", "d", "e", "base"):
        assert f"--{name}:#" in light and f"--{name}:#" in dark.partition("}}")[0]
