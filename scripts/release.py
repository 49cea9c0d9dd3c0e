"""What the release workflow asks: whether a tag is the version of the tree, and what the changelog says of it.

python scripts/release.py check v1.2.3
python scripts/release.py notes v1.2.3
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def version(root: Path) -> str:
    """The version of the tree."""
    found = re.search(r'^__version__ = "([^"]+)"', (root / "codex_gate" / "__init__.py").read_text("utf-8"), re.MULTILINE)
    assert found is not None
    return found[1]


def notes(root: Path, tag: str) -> str:
    """The changelog's section of a version; "" where it has none."""
    text = (root / "CHANGELOG.md").read_text("utf-8")
    found = re.search(rf"^## \[?{re.escape(tag.removeprefix('v'))}\]?(?: [^\n]*)?\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    return found[1].strip() if found else ""


def faults(root: Path, tag: str) -> list[str]:
    """Why this tree must not be released under this tag."""
    found = []
    if tag != f"v{version(root)}":
        found.append(f"the tag is {tag}, the tree's version is {version(root)}; set __version__ in codex_gate/__init__.py, or tag v{version(root)}")
    if not notes(root, tag):
        found.append(f"CHANGELOG.md has no section {tag.removeprefix('v')}; rename Unreleased and begin a new one")
    return found


def main(argv: Sequence[str]) -> int:
    """`check` prints faults and returns 2 where there are some; `notes` prints the section."""
    if len(argv) != 2 or argv[0] not in ("check", "notes"):
        print("usage: python scripts/release.py check|notes vX.Y.Z", file=sys.stderr)
        return 2
    if argv[0] == "notes":
        print(notes(ROOT, argv[1]))
        return 0
    found = faults(ROOT, argv[1])
    print("\n".join(found) or f"{argv[1]} can be released", file=sys.stderr if found else sys.stdout)
    return 2 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
