"""Which changes each commit of a walk is compared with."""

from __future__ import annotations

from codex_gate.git import CommitMeta
from codex_gate.levels import N_RECENT
from codex_gate.windows import Windows, with_recent


def line(n: int) -> list[CommitMeta]:
    return [CommitMeta(f"{k:040x}", (f"{k - 1:040x}",) if k else (), "Ada", "ada@example.org", k, 0, "") for k in range(n)]


def test_a_window_holds_the_last_changes_before_a_commit_and_no_more() -> None:
    metas = line(N_RECENT + 3)
    windows = Windows(metas)
    for k, meta in enumerate(metas):
        assert len(windows.before(meta.parents)) == min(k, N_RECENT)
        windows.add(meta.sha, meta.parents, risk=-float(k))
        if k == N_RECENT:
            assert windows.before([meta.sha]) and list(windows.before([meta.sha])) == [-float(one) for one in range(N_RECENT, 0, -1)]


def test_as_many_are_wanted_as_a_window_holds() -> None:
    metas = line(N_RECENT + 3)
    assert with_recent(metas, {metas[-1].sha}) == {meta.sha for meta in metas[2:]}
    assert with_recent(metas, {metas[5].sha, metas[7].sha}) == {meta.sha for meta in metas[:8]}
