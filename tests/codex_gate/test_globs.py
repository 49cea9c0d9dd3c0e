"""Path patterns, and that a stranger's path cannot make them slow."""

from __future__ import annotations

import time

import pytest

from codex_gate.globs import compiled


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        ("*.md", ["a.md", "docs/x/a.md"], ["a.mdx", "a.md.py"]),
        ("/*.md", ["a.md"], ["docs/a.md"]),
        ("src/**", ["src/a", "src/b/c.py"], ["lib/src/a", "srcs/a"]),
        ("src", ["src/a", "x/src/b/c"], ["source/a"]),
        ("vendor/", ["vendor/a", "x/vendor/b"], ["vendors/a"]),
        ("a/*/c", ["a/b/c", "a/b/c/d"], ["a/b/d/c", "a/c"]),
        ("a/**/c", ["a/c", "a/b/c", "a/b/d/c"], ["b/a/c"]),
        ("**/gen/*.py", ["gen/a.py", "x/y/gen/a.py"], ["x/gen/y/a.py"]),
        ("f?[0-9].c", ["fx1.c"], ["f1.c", "fxx.c"]),
        ("a+(b).py", ["a+(b).py"], ["aab.py"]),
        ("ünïcode/*", ["ünïcode/a"], ["unicode/a"]),
    ],
)
def test_what_a_pattern_matches(pattern: str, yes: list[str], no: list[str]) -> None:
    matches = compiled([pattern])
    assert [path for path in (*yes, *no) if matches(path)] == yes


def test_one_of_several_is_enough_and_none_matches_nothing() -> None:
    assert compiled(["a", "b"])("b")
    assert not compiled([])("b")


def test_no_path_makes_a_pattern_slow() -> None:
    matches = compiled(["**/a*a*a*a*a*a*a*a*a*a*b", "**/x/**/x/**/x/**/y"])
    began = time.perf_counter()
    assert not matches("a" * 4000)
    assert not matches("x/" * 2000 + "z")
    assert time.perf_counter() - began < 1
