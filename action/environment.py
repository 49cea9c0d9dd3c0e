"""Which environment this step needs: prints the file that locks its libraries, then the key that it is kept under.

Tiers 2 and 3 need two libraries more (numpy, onnxruntime), which are installed only where somebody asks: the input, the variable, else the
configuration that is checked out. That decides what is installed and nothing else: the tier in force is read from the base commit, as every
key is. Run with `python -I`, before anything is installed; needs the standard library alone.
"""

import hashlib
import os
import re
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path

MAX_BYTES = 64 << 10  # as codex_gate.config reads
HERE = Path(__file__).resolve().parent


def lock(environ: Mapping[str, str]) -> Path:
    """The locked libraries: those of the default install, with [onnx] where tier 2, 3 or auto is asked for."""
    asked = environ.get("INPUT_TIER", "").strip() or environ.get("CODEX_GATE_TIER", "").strip() or _configured(environ)
    return HERE / ("requirements-onnx.txt" if asked.lower() in ("2", "3", "auto") else "requirements.txt")


def _configured(environ: Mapping[str, str]) -> str:
    """The key `tier` of the configuration in the work tree, "" where it holds none; a line of its own is what is looked for."""
    place = Path(environ.get("INPUT_WORKING_DIRECTORY", "").strip() or ".")
    named = environ.get("INPUT_CONFIG", "").strip() or environ.get("CODEX_GATE_CONFIG", "").strip() or ".codex-gate.yaml"
    try:
        here = place.resolve()
        path = next((above for above in (here, *here.parents) if (above / ".git").exists()), here) / named
        if path.is_symlink() or not path.is_file():
            return ""
        with path.open("rb") as stream:
            text = stream.read(MAX_BYTES)
    except (OSError, ValueError):
        return ""
    found = re.search(rb"^tier[ \t]*:[ \t]*[\"']?(\w+)", text, re.MULTILINE)
    return found[1].decode("ascii", "replace") if found else ""


def key(file: Path) -> str:
    """Platform, Python, lock: what an environment can be shared between."""
    digest = hashlib.sha256(file.read_bytes() + sys.base_prefix.encode()).hexdigest()[:16]
    return f"{sysconfig.get_platform()}-{'.'.join(map(str, sys.version_info[:3]))}-{digest}"


if __name__ == "__main__":
    chosen = lock(os.environ)
    sys.stdout.buffer.write(f"{chosen.name}\n{key(chosen)}\n".encode())
