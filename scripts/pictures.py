"""Draw docs/pictures/: what a terminal shows of a real run, and what the action would comment, as text and as a reader sees it. The report behind them is kept beside as JSON.

python scripts/pictures.py --repository DIR      (DIR: a clone of ripgrep with its history; Chromium on PATH)

`tests/test_pictures.py` draws the kept report again, so that the pictures cannot part from what command and action would show,
and holds the report's model to the one that ships, and the landing page to both and to the line of the change of which there is nothing to say. The comment's Markdown is rendered by markdown-it, in a style of our own that is laid out as a forge does it.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Sequence
from io import StringIO
from pathlib import Path

from markdown_it import MarkdownIt
from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from codex_gate import reread
from codex_gate.git import Repository
from codex_gate.model import Model, default_directory
from codex_gate.reporters import comment
from codex_gate.reporters.layout import layout
from codex_gate.reporters.machine import json_report
from codex_gate.reporters.markdown import Links
from codex_gate.reporters.terminal import paint
from codex_gate.screen import Screener
from codex_gate.types import Report

FOLDER = ROOT / "docs" / "pictures"
COMMAND = "codex-gate screen main..feature"
PROJECT = "https://github.com/BurntSushi/ripgrep"
CHANGE = (
    "b610d1cb1506feab33459c5853e4c0d0cb16a6e2"  # of ripgrep, 2025: one commit, program text and tests (chosen: it stands out, and a kind of defect is told)
)
QUIET = "020687a77d13146923333f0beb274eeabd54a270"  # another, of which there is nothing to say (chosen)
TITLE = "ignore: fix global ignore rules for a search of an absolute path"
WIDTH = 80
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
COMMENT_WIDTH = 840  # pixels
SHARPNESS = 1.08  # pixels of the picture for one of the page (chosen: 1.1 is above 150 KB)
STYLE = """
body { margin: 0; padding: 12px; background: #fff; color: #22272d; font: 14px/1.5 "Liberation Sans", Arial, sans-serif; }
article { border: 1px solid #ccd3da; border-radius: 6px; overflow: hidden; }
header { padding: 8px 16px; background: #f4f6f8; border-bottom: 1px solid #ccd3da; color: #57606a; }
header b { color: #22272d; }
header i { font-style: normal; font-size: 12px; border: 1px solid #ccd3da; border-radius: 1em; padding: 0 7px; margin: 0 4px; }
main { padding: 4px 16px 8px; }
h3 { font-size: 18px; line-height: 1.25; margin: 12px 0; }
p { margin: 0 0 12px; }
ul { margin: 0 0 12px; padding-left: 2em; }
li { margin: 3px 0; }
li.task { list-style: none; }
li.task input { margin: 0 .4em 0 -1.5em; vertical-align: middle; }
code { font: 12px/1.4 "Liberation Mono", "DejaVu Sans Mono", monospace; background: #eef0f3; border-radius: 5px; padding: 2px 5px; }
a { color: #0a5bc4; text-decoration: none; }
a code { color: inherit; }
sub { font-size: 12px; line-height: 1.5; vertical-align: baseline; color: #57606a; }
p > sub { display: block; }
"""
_MEASURE = "<script>document.documentElement.dataset.height = Math.ceil(document.body.getBoundingClientRect().height)</script>"
_NO_FONTS = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)  # nothing is fetched: any monospace will do


def screened(source: Path, change: str) -> Report:
    """The change as `codex-gate screen main..feature` reports it, in a clone whose main is the change's parent.

    The commit gets a message of our own: nobody else's text is kept, and wording moves no risk.
    """
    with tempfile.TemporaryDirectory(prefix="codex-gate-picture-") as folder:
        clone = Path(folder, "repo")
        subprocess.run(["git", "clone", "-q", "--shared", "--no-checkout", str(source), str(clone)], check=True)

        def git(*arguments: str, **more: str) -> str:
            return subprocess.run(["git", "-C", str(clone), *arguments], check=True, capture_output=True, text=True, env={**os.environ, **more}).stdout.strip()

        name, mail, date = git("log", "-1", "--format=%an%x00%ae%x00%ad", "--date=raw", change).split("\0")
        who = {
            "AUTHOR_NAME": name,
            "AUTHOR_EMAIL": mail,
            "AUTHOR_DATE": date,
            "COMMITTER_NAME": "codex-gate",
            "COMMITTER_EMAIL": "x@example.org",
            "COMMITTER_DATE": date,
        }
        ours = git("commit-tree", f"{change}^{{tree}}", "-p", f"{change}^", "-m", TITLE, **{f"GIT_{key}": value for key, value in who.items()})
        git("checkout", "-q", "--detach")
        git("branch", "-qf", "main", f"{change}^")
        git("branch", "-qf", "feature", ours)
        repo = Repository.discover(clone, os.environ)
        Screener(repo, Model.load(default_directory()), thorough=False).range("main", "feature", "main..feature")  # builds the index, as the first run does
        return Screener(repo, Model.load(default_directory())).range("main", "feature", "main..feature")  # in full, as the action screens


def headline(source: Path, change: str) -> str:
    """The first line that a terminal shows of `codex-gate screen --commit`, run in the clone itself."""
    screener = Screener(Repository.discover(source, os.environ), Model.load(default_directory()))
    return paint(layout(screener.commit(change, f"commit {change[:9]}"), WIDTH)).plain.partition("\n")[0]


def picture(report: Report, command: str) -> str:
    """The terminal, WIDTH columns wide, as SVG."""
    console = Console(record=True, width=WIDTH, file=StringIO(), force_terminal=True, color_system="truecolor", legacy_windows=False, _environ={})
    console.print(Text(f"$ {command}", "bold"), highlight=False)
    console.print(paint(layout(report, WIDTH)), soft_wrap=True, highlight=False, end="")
    return console.export_svg(title="codex-gate", code_format=_NO_FONTS, unique_id="codex-gate")


def comment_of(report: Report) -> str:
    """What the action would write on a pull request with this change, with links into the project."""
    model = Model.load(default_directory())
    change = report.change
    assert change is not None
    values = change.features.values
    unknown = sum(math.isnan(values[name]) for name in model.feature_names if name in values)
    sha = report.repository.rpartition(" ")[2]
    body = comment.loud(report, Links(PROJECT, sha), comment.Trust(model.typical_error, unknown, len(model.feature_names)))
    return f"<!-- Written by scripts/pictures.py. Below stands, to the letter, what the action writes. -->\n\n{body}"


def page_of(markdown: str) -> str:
    """The comment as a page, as it would stand below a pull request."""
    body = MarkdownIt("commonmark", {"html": True}).render(markdown)
    body = body.replace("<li>[ ] ", '<li class="task"><input type="checkbox" disabled>')
    head = "<header><b>github-actions</b> <i>bot</i> commented</header>"
    return f'<!DOCTYPE html><html lang="en"><meta charset="utf-8"><style>{STYLE}</style><body><article>{head}<main>{body}</main></article></body></html>'


def drawn(page: str, origin: str) -> bytes:
    """A page as PNG, as high as it is; `origin` stands in it as text, so that a test can tell what it was drawn from."""
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        sys.exit("pictures: no Chromium on PATH to draw the comment with (apt-get install chromium)")
    with tempfile.TemporaryDirectory(prefix="codex-gate-picture-") as folder:
        source, target = Path(folder, "page.html"), Path(folder, "page.png")
        options = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            "--disable-lcd-text",
            "--host-resolver-rules=MAP * ~NOTFOUND",
            f"--user-data-dir={folder}/profile",
        ]

        def run(text: str, *more: str) -> str:
            source.write_text(text, "utf-8")
            return subprocess.run(
                [path, *options, *more, source.as_uri()], check=True, capture_output=True, text=True, env={**os.environ, "HOME": folder}
            ).stdout

        measured = re.search(r'data-height="(\d+)"', run(page.replace("</body>", f"{_MEASURE}</body>"), "--dump-dom", f"--window-size={COMMENT_WIDTH},600"))
        assert measured is not None
        run(page, f"--screenshot={target}", f"--window-size={COMMENT_WIDTH},{measured[1]}", f"--force-device-scale-factor={SHARPNESS}")
        return noted(target.read_bytes(), origin)


def noted(png: bytes, origin: str) -> bytes:
    """The picture with the SHA-256 of the text that it shows, as a chunk before its last one."""
    chunk = b"tEXtSource\0" + hashlib.sha256(origin.encode()).hexdigest().encode("ascii")
    at = png.rindex(b"IEND") - 4
    return png[:at] + struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) + png[at:]


def main(argv: Sequence[str] | None = None) -> int:
    """Screen, keep the report, draw."""
    parser = argparse.ArgumentParser(prog="python scripts/pictures.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repository", type=Path, required=True, metavar="DIR", help="a clone of ripgrep with its whole history")
    parser.add_argument("--change", default=CHANGE, metavar="SHA", help=f"the commit (default: {CHANGE})")
    options = parser.parse_args(argv)
    kept = json.loads(json_report(screened(options.repository.resolve(), options.change)))
    kept["repository"] = f"ripgrep, {options.change}"
    report = reread.report(json.dumps(kept).encode())
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "screen.json").write_text(json.dumps(kept, indent=1) + "\n", "utf-8")
    (FOLDER / "screen.svg").write_text(picture(report, COMMAND), "utf-8")
    text = comment_of(report)
    (FOLDER / "comment.md").write_text(text, "utf-8")
    (FOLDER / "comment.png").write_bytes(drawn(page_of(text), text))
    (FOLDER / "quiet.txt").write_text(f"{QUIET[:9]}: {headline(options.repository.resolve(), QUIET)}\n", "utf-8")
    print("docs/pictures: screen.svg, comment.md, comment.png, screen.json, quiet.txt")
    return 0


if __name__ == "__main__":
    sys.exit(main())
