"""Draw docs/pictures/: what a terminal shows of a real run, and what the action would comment. The report behind both is kept beside them as JSON.

python scripts/pictures.py --repository DIR      (DIR: a clone of ripgrep with its history)

`tests/test_pictures.py` draws the kept report again, so that the picture cannot part from what the command would show,
and holds the report's model to the one that ships.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from io import StringIO
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from codex_gate import reread  # noqa: E402
from codex_gate.git import Repository  # noqa: E402
from codex_gate.model import Model, default_directory  # noqa: E402
from codex_gate.reporters import comment  # noqa: E402
from codex_gate.reporters.layout import layout  # noqa: E402
from codex_gate.reporters.machine import json_report  # noqa: E402
from codex_gate.reporters.markdown import Links  # noqa: E402
from codex_gate.reporters.terminal import paint  # noqa: E402
from codex_gate.screen import Screener  # noqa: E402
from codex_gate.types import Report  # noqa: E402

FOLDER = ROOT / "docs" / "pictures"
COMMAND = "codex-gate screen main..feature"
PROJECT = "https://github.com/BurntSushi/ripgrep"
CHANGE = "241b87b3377136659ef0f57948b8e0739e9a691b"  # of ripgrep, 2026: one commit, program text and tests (chosen: it is of level high)
TITLE = "ignore: read the files that the environment names, before those of the system"
WIDTH = 80
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
        return Screener(repo, Model.load(default_directory()), thorough=False).range("main", "feature", "main..feature")


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
    (FOLDER / "comment.md").write_text(comment_of(report), "utf-8")
    print("docs/pictures: screen.svg, comment.md, screen.json")
    return 0


if __name__ == "__main__":
    sys.exit(main())
