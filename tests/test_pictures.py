"""The pictures in the README show what command and Action show: drawn again from the kept report, with the model that ships."""

from __future__ import annotations

import hashlib
import html
import json
import re
import struct
import sys
from pathlib import Path

import jsonschema

from codex_gate import reread
from codex_gate.model import Model, default_directory
from tests.browser import browser
from tests.pages import Page

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "scripts"))
try:
    import pictures
finally:
    sys.path.pop(0)

KEPT = json.loads((ROOT / "docs" / "pictures" / "screen.json").read_text("utf-8"))
REPORT = reread.report(json.dumps(KEPT).encode())
SVG = (ROOT / "docs" / "pictures" / "screen.svg").read_text("utf-8")
AGAIN = "draw it again: python scripts/pictures.py --repository DIR, with a clone of ripgrep"


def words(svg: str) -> list[str]:
    return [html.unescape(text).replace("\u00a0", " ") for text in re.findall(r"<text[^>]*>([^<]*)</text>", svg)]


def test_the_picture_shows_what_the_command_would_show() -> None:
    drawn = pictures.picture(REPORT, pictures.COMMAND)
    assert words(drawn) == words(SVG), AGAIN
    assert any("% risk" in text for text in words(SVG))


def test_the_comment_beside_it_is_what_the_action_would_write() -> None:
    kept = (ROOT / "docs" / "pictures" / "comment.md").read_text("utf-8")
    assert pictures.comment_of(REPORT) == kept, AGAIN
    assert "Look at first" in kept and f"{pictures.PROJECT}/blob/" in kept


def test_the_picture_of_the_comment_was_drawn_from_it_and_is_light() -> None:
    kept = (ROOT / "docs" / "pictures" / "comment.md").read_text("utf-8")
    png = (ROOT / "docs" / "pictures" / "comment.png").read_bytes()
    assert png.startswith(b"\x89PNG") and len(png) <= 150_000
    assert b"tEXtSource\0" + hashlib.sha256(kept.encode()).hexdigest().encode() in png, AGAIN
    page = Page(pictures.page_of(kept))
    assert page.problems == []
    assert {"script", "img", "iframe"}.isdisjoint(tag for tag, _ in page.tags)
    for words in (f"{100 * KEPT['risk']:.0f} % risk – {KEPT['level']}", "Look at first", "This was not useful", "Levels here"):
        assert words in page.text
    assert ("input", {"type": "checkbox", "disabled": None}) in page.tags


def test_the_comment_can_be_drawn_anew_as_high_as_it_is(tmp_path: Path) -> None:
    browser(tmp_path)  # or skip
    drawn = pictures.drawn(pictures.page_of("### one line\n"), "x")
    width, height = struct.unpack(">II", drawn[16:24])
    assert width == round(pictures.COMMENT_WIDTH * pictures.SHARPNESS)
    assert 50 < height < 400  # a line and its frame; a window would be 600 and more


def test_the_report_behind_it_is_of_the_model_that_ships() -> None:
    jsonschema.validate(KEPT, json.loads((ROOT / "codex_gate" / "report.schema.json").read_text("utf-8")))
    shipped = json.loads((ROOT / "models" / "model.json").read_text("utf-8"))["version"]
    assert KEPT["model_version"] == shipped, AGAIN


def test_the_landing_page_says_what_the_pictures_show() -> None:
    shown = re.findall(r"^!\[[^\]]*?(\d+) % risk, (\w+)", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE)
    assert shown == [(f"{100 * KEPT['risk']:.0f}", KEPT["level"])] * 2, AGAIN
    change, _, line = (ROOT / "docs" / "pictures" / "quiet.txt").read_text("utf-8").rstrip("\n").partition(": ")
    assert f"of commit {change} there the first is `{line}`" in (ROOT / "README.md").read_text("utf-8"), AGAIN


def test_the_picture_asks_for_nothing() -> None:
    assert not re.search(r"url\(['\"]?http|<image|<script|href=|@import|font-face", SVG)
    assert set(re.findall(r"https?://[^\"' <)]+", SVG)) <= {"http://www.w3.org/2000/svg", "https://www.textualize.io"}


def test_the_readme_and_the_comment_name_the_same_error_of_the_number() -> None:
    error = Model.load(default_directory()).typical_error
    assert error is not None
    words = f"off by {100 * error:.0f} points on average"
    assert words in (ROOT / "README.md").read_text("utf-8")
    assert words in (ROOT / "docs" / "pictures" / "comment.md").read_text("utf-8")
