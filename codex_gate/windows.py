"""The changes that each commit of a walk is compared with: those before it on its first-parent line."""

from __future__ import annotations

from array import array
from bisect import bisect_left, insort
from collections.abc import Collection, Sequence

from codex_gate.git import CommitMeta
from codex_gate.levels import N_RECENT


class Windows:
    """Risks of the last N_RECENT changes on the first-parent line before each commit of a walk."""

    def __init__(self, metas: Sequence[CommitMeta]) -> None:
        self._children: dict[str, int] = {}
        for meta in metas:
            if meta.parents:
                self._children[meta.parents[0]] = self._children.get(meta.parents[0], 0) + 1
        self._of: dict[str, tuple[array[float], array[float]]] = {}  # in order, ascending; plain numbers, for they are copied wherever a branch begins

    def before(self, parents: Sequence[str]) -> Sequence[float]:
        """The risks before a commit with these parents, ascending; they hold until the next `add`."""
        return self._of[parents[0]][1] if parents and parents[0] in self._of else ()

    def add(self, sha: str, parents: Sequence[str], risk: float) -> None:
        """Note a commit's risk for its first-parent children."""
        order, ascending = self._take(parents[0]) if parents else (array("d"), array("d"))
        if not self._children.get(sha):
            return
        order.append(risk)
        insort(ascending, risk)
        if len(order) > N_RECENT:
            del ascending[bisect_left(ascending, order.pop(0))]
        self._of[sha] = (order, ascending)

    def _take(self, parent: str) -> tuple[array[float], array[float]]:
        if parent not in self._of:
            return array("d"), array("d")
        self._children[parent] -= 1
        if not self._children[parent]:
            return self._of.pop(parent)
        order, ascending = self._of[parent]
        return order[:], ascending[:]


def with_recent(metas: Sequence[CommitMeta], asked: Collection[str]) -> set[str]:
    """The commits asked for and the N_RECENT before each on its first-parent line."""
    depth: dict[str, int] = {}
    wanted = set()
    for meta in reversed(metas):
        here = N_RECENT + 1 if meta.sha in asked else depth.get(meta.sha, 0)
        if here > 0:
            wanted.add(meta.sha)
            if meta.parents and here > depth.get(meta.parents[0], 0) + 1:
                depth[meta.parents[0]] = here - 1
    return wanted
