"""The picture in the README shows what the command shows: drawn again from the kept report, with the model that ships."""

from __future__ import annotations

import html
import json
import re
import sys
from pathlib import Path

import jsonschema

from codex_gate import reread

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


def test_the_report_behind_it_is_of_the_model_that_ships() -> None:
    jsonschema.validate(KEPT, json.loads((ROOT / "codex_gate" / "report.schema.json").read_text("utf-8")))
    shipped = json.loads((ROOT / "models" / "model.json").read_text("utf-8"))["version"]
    assert KEPT["model_version"] == shipped, AGAIN


def test_the_picture_asks_for_nothing() -> None:
    assert not re.search(r"url\(['\"]?http|<image|<script|href=|@import|font-face", SVG)
    assert set(re.findall(r"https?://[^\"' <)]+", SVG)) <= {"http://www.w3.org/2000/svg", "https://www.textualize.io"}
