"""Starts `codex-gate action` from this checkout; run with `python -I`, so that nothing of the work tree is imported."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))  # behind the libraries: no file beside the package stands in for one

from codex_gate.cli import main

sys.exit(main(["action"]))
