"""py2many writes what it writes when nobody quickens it: refusals and faults too."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import islice
from pathlib import Path
from random import Random

from automl_codex import grammar
from automl_codex.sampling import STRATEGIES
from tests.automl_codex.pairs import PROGRAMS

ROOT = Path(__file__).parents[2]
SCRIPT = """
import json, sys
from automl_codex import py2many_adapter, py2many_quick
if sys.argv[1] == "plain":
    py2many_quick.quicken = lambda: None
    py2many_adapter.led = lambda visitor: None
quicker = py2many_quick.scope.ScopeList.find
found = []
for source in json.load(sys.stdin):
    try:
        found.append(py2many_adapter.transpile(source))
    except Exception as error:
        found.append(f"{type(error).__name__}: {error}")
told = [py2many_quick.scope.ScopeList.find is not quicker, found]
print("\\n" + json.dumps(told))
"""
BY_HAND = [
    "class Box:\n    size: int = 1\n    def grow(self, by: int) -> 'Box':\n        self.size += by\n        return self\n\ndef f(a: int) -> int:\n    return Box().grow(a).size\n",
    "from py2many.spec import CHECKER\ndef f(a: int) -> int:\n    if CHECKER.pre:\n        assert a > 0\n    return a\n",
    "def f(items: list[int], table: dict[str, int]) -> list[int]:\n    kept = []\n    for item in items:\n        if item in table.values():\n            break\n        kept.append(item)\n    else:\n        kept = [1]\n    return kept\n",
    "def f(a: int) -> str:\n    words, _ = ['x', 'y'], a\n    return ', '.join(words) + f'{a}' if a is not None else 'none'\n",
    "def g(a: float) -> float:\n    return a\n\ndef f(a: int) -> int:\n    b = g(a) / 2\n    b += 1\n    return b\n",
]


def translated(mode: str, sources: list[str]) -> list[object]:
    """Whether the process quickened py2many, and what came of each program; a process of its own, since the change is for good."""
    paths = {"PYTHONPATH": f"{ROOT}:{ROOT / 'training'}", "PYTHONHASHSEED": "0"}
    done = subprocess.run([sys.executable, "-c", SCRIPT, mode], input=json.dumps(sources), capture_output=True, text=True, env=paths, check=True)
    found: list[object] = json.loads(done.stdout.rpartition("\n\n")[2] if "\n\n" in done.stdout else done.stdout.splitlines()[-1])
    return found


def test_quickened_it_gives_the_same() -> None:
    sources = [source for source, _, _ in PROGRAMS.values()] + BY_HAND
    for name in grammar.GRAMMARS:
        for strategy in ("random", "coverage"):
            sources += [draft.source for draft in islice(STRATEGIES[strategy]().drafts(grammar.named(name), Random(11), 0, 5), 25)]
    (was_quickened, quick), (was_not, plain) = translated("quick", sources), translated("plain", sources)
    assert was_quickened and not was_not
    assert quick == plain
    assert sum("fn " in text for text in plain) > 60 and sum(text.startswith("Unsupported") for text in plain) > 10  # type: ignore[attr-defined]
