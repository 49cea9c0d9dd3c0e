"""Features of many commits in one walk over a history, each with only what its ancestors knew."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from codex_gate.aside import Helper, Measured, kept, measured
from codex_gate.features import completed, diff_side
from codex_gate.git import CommitMeta, Repository
from codex_gate.globs import Filter
from codex_gate.history import History, Past
from codex_gate.messages import is_fix
from codex_gate.own_words import OwnWords
from codex_gate.types import EDGE, Commit, CommitFeatures, FileChange, Notice


class Row(NamedTuple):
    """A walked commit with its measures, and what was seen in its diff where somebody looked."""

    commit: Commit
    features: CommitFeatures
    seen: Any = None


class Pasts:
    """The ancestors of each commit while the walk still needs them."""

    def __init__(self, metas: Sequence[CommitMeta], size: int, base: dict[str, Past] | None = None) -> None:
        self._size = size  # ordinals in all
        self._waiting = Counter(p for meta in metas for p in meta.parents)
        self._pasts = dict(base or {})

    def of_parent(self, meta: CommitMeta) -> Past:
        """What lies before the commit: its first parent and all that it knew."""
        return self._pasts[meta.parents[0]] if meta.parents and meta.parents[0] in self._pasts else Past(bytearray(self._size))

    def close(self, meta: CommitMeta, ordinal: int) -> None:
        """Work out the past that the commit's children see, reusing the parent's when nobody else needs it."""
        merged: Past | None = None
        for parent in meta.parents:
            self._waiting[parent] -= 1
            found = self._pasts.get(parent)
            if found is None:
                continue
            if not self._waiting[parent]:
                del self._pasts[parent]
            if merged is None:
                merged = found if not self._waiting[parent] else found.copy()
            else:
                merged.union(found)
        if self._waiting[meta.sha]:
            merged = merged or Past(bytearray(self._size))
            merged.add(ordinal)
            self._pasts[meta.sha] = merged


def as_commit(meta: CommitMeta, files: tuple[FileChange, ...], author: str | None = None) -> Commit:
    """A commit's plain value; a merge stands for what it brought and is credited to that branch's `author`."""
    return Commit(meta.sha, meta.parents, author or meta.author, meta.time, meta.utc_offset, meta.message, files)


def walk(
    repo: Repository,
    metas: Sequence[CommitMeta],
    wanted: Collection[str] | None,
    history: History | None = None,
    base: dict[str, Past] | None = None,
    offset: int = 0,
    recorded: Mapping[str, int] | None = None,
    keep: Filter | None = None,
    patches: bool = False,
    look: str | None = None,
    looked_at: Collection[str] = (),
    helper: Helper | None = None,
    words: OwnWords | None = None,
) -> Iterator[Row]:
    """Record `metas` (parents before children) into a history and measure the wanted ones on the way.

    Args:
        wanted: SHAs to measure; None for every commit that is no merge. A merge is measured as the
            change it brought: its diff against the first parent, credited to the merged branch's author.
        history: the history so far, which is extended, and told where contents were missing; empty when None.
        base: the pasts of commits that `metas` grow from, sized for offset + len(metas) ordinals.
        offset: ordinal of the first of `metas`.
        recorded: ordinals of `metas` when the history holds them already; nothing is recorded then.
        keep: paths that are measured; the history learns about all of them.
        patches: whether the rows hold the text of the diffs; without it a long walk has a second process read them.
        look: the function that sees more in a diff, as `aside.named` takes it.
        looked_at: SHAs of those that it is shown.
        helper: a second process that was started before, with the same `look`.
        words: of the model that is to judge, where it reads them.
    Yields:
        A Row for each wanted commit, in order.
    """
    history = history if history is not None else History()
    nothing = Measured((), diff_side((), lambda _: None, words), None)
    edge = repo.shallow_edge()
    chosen = {m.sha for m in metas if (len(m.parents) < 2 if wanted is None else m.sha in wanted)}
    authors = _branch_authors(repo, [m for m in metas if len(m.parents) > 1 and m.sha in chosen], metas)
    pairs = [(m.sha, m.parents[0] if m.parents else None) for m in metas if m.sha not in edge]
    messages = [m.message if m.sha in looked_at else None for m in metas if m.sha in chosen and m.sha not in edge]
    diffs = measured(repo, [pair for pair in pairs if pair[0] in chosen], messages, keep, patches, look, helper, words)
    merges = {m.sha for m in metas if len(m.parents) > 1}
    others = repo.touches([pair for pair in pairs if pair[0] not in chosen and pair[0] not in merges and recorded is None])
    pasts = Pasts(metas, offset + len(metas) if recorded is None else offset, base)
    for ordinal, meta in enumerate(metas, offset):
        at_edge, asked = meta.sha in edge, meta.sha in chosen
        files: tuple[FileChange, ...] = ()
        if asked:
            found = nothing if at_edge else next(diffs)
            files = found.files
            history.is_partial |= _lacks(files)
            commit = as_commit(meta, kept(files, keep), authors.get(meta.sha))
            known = None if repo.is_shallow else history.before(commit.author, commit.time, commit.files, pasts.of_parent(meta))
            features = completed(found.side, commit, known)
            yield Row(commit, edge_features(features) if at_edge else features, found.seen)
        if recorded is None:
            if meta.sha not in merges:
                if not asked and not at_edge:
                    files = next(others)
                    history.is_partial |= _lacks(files)
                history.record(ordinal, meta.author, meta.time, is_fix(meta.message), files)
            pasts.close(meta, ordinal)
        else:
            pasts.close(meta, recorded[meta.sha])


def _lacks(files: Sequence[FileChange]) -> bool:
    return True in [f.missing for f in files]


def _branch_authors(repo: Repository, merges: Sequence[CommitMeta], metas: Sequence[CommitMeta]) -> dict[str, str]:
    """The author of the newest commit that each merge brought, by the merge's SHA."""
    if not merges:
        return {}
    authors = {meta.sha: meta.author for meta in metas}
    beyond = sorted({m.parents[1] for m in merges} - authors.keys())  # tips that an earlier walk recorded
    authors |= {meta.sha: meta.author for meta in repo.metas(beyond)}
    return {m.sha: authors[m.parents[1]] for m in merges}


def edge_features(features: CommitFeatures) -> CommitFeatures:
    """Measures of a commit at the edge of a shallow clone: its diff is not known, so nothing else is."""
    kept = ("fix", "message_length", "hour_of_day", "day_of_week")
    values = {name: value if name in kept else float("nan") for name, value in features.values.items()}
    return CommitFeatures(
        values,
        (Notice(EDGE, "this commit lies at the edge of a shallow clone: what it changed is not known here; fetch with full depth (fetch-depth: 0)"),),
    )
