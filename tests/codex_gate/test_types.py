"""The values that flow."""

from __future__ import annotations

import dataclasses
import math

import pytest

from codex_gate.types import Classification, Commit, CommitFeatures, FileChange, Finding, Hunk, Level


def change(patch: bytes) -> FileChange:
    return FileChange("a", None, "M", 0o100644, 0o100644, "1" * 40, "2" * 40, 0, 0, patch)


def test_no_patch_has_no_hunks() -> None:
    assert change(b"").hunks() == ()


def test_hunks_of_a_written_patch() -> None:
    """Line numbers worked out by hand: old 3 becomes two lines; old 10 goes, which was new 11."""
    patch = b"@@ -2,3 +2,4 @@ def f():\n a\n-b\n+B\n+BB\n c\n@@ -9,3 +10,2 @@\n i\n-j\n k\n\\ No newline at end of file"
    assert change(patch).hunks() == (Hunk(3, 3, (b"b",), (b"B", b"BB")), Hunk(10, 11, (b"j",), ()))


def test_additions_before_deletions_make_two_hunks() -> None:
    assert change(b"@@ -1,2 +1,2 @@\n+new\n-old\n same\n").hunks() == (Hunk(1, 1, (), (b"new",)), Hunk(1, 2, (b"old",), ()))


def test_lines_keep_carriage_returns_and_odd_bytes() -> None:
    assert change(b"@@ -1 +1 @@\n-a\r\n+\xff\0b\x0b").hunks() == (Hunk(1, 1, (b"a\r",), (b"\xff\0b\x0b",)),)


@pytest.mark.parametrize(
    ("old", "new", "submodule", "symlink"),
    [(0o100644, 0o100755, False, False), (0, 0o160000, True, False), (0o120000, 0, False, True), (0o160000, 0o120000, True, True)],
)
def test_kinds_by_mode(old: int, new: int, submodule: bool, symlink: bool) -> None:
    found = change(b"")._replace(old_mode=old, new_mode=new)
    assert (found.is_submodule, found.is_symlink) == (submodule, symlink)


def test_unknown_measures_are_none_in_json_and_nan_in_python() -> None:
    features = CommitFeatures({"la": 3.0, "lt": math.nan})
    assert features.known() == {"la": 3.0, "lt": None}
    assert math.isnan(features["lt"])
    with pytest.raises(KeyError):
        features["nope"]


def test_levels_are_ordered_from_silence_to_alarm() -> None:
    assert [level.rank for level in (Level.UNKNOWN, Level.LOW, Level.MODERATE, Level.HIGH, Level.CRITICAL)] == [0, 1, 2, 3, 4]
    assert Level("high") is Level.HIGH


def test_a_finding_without_classification_is_unclassified() -> None:
    finding = Finding("1" * 40, "t", 0.5, Level.LOW, None, (), CommitFeatures({}))
    assert finding.top == Classification(None, 0.0)
    best = Classification("Security", 0.9)
    assert dataclasses.replace(finding, classifications=(best, Classification("TypeErrors", 0.1))).top is best


def test_values_are_frozen() -> None:
    commit = Commit(None, (), "a", 0, 0, None)
    with pytest.raises(dataclasses.FrozenInstanceError):
        commit.author = "b"  # type: ignore[misc]
