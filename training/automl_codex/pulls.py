"""Labels of pull requests as they landed: merges and squashes on the first-parent line, each for all that it brought.

A pull request is buggy when a later change repairs, beyond doubt, lines that any of its commits brought; a fix on its own branch was made before it
landed and is none. Direct pushes are no pull requests and get no row. `replay` judges a backtest by the same rules.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from codex_gate import szz
from codex_gate.errors import UsageError
from codex_gate.git import CommitMeta, Repository
from codex_gate.messages import title
from codex_gate.replay import brought, first_parents, landed, repairs

SQUASH: Final = re.compile(r"\(#\d{1,9}\)$")  # how forges end the title of a squash or of a rebase that keeps the number
MIN_PULLS: Final = 50  # fewer tell nothing of a calibration in ten bins (chosen)

Progress = Callable[[str], None]


def is_pull(meta: CommitMeta) -> bool:
    """Whether a commit of the first-parent line landed a branch: a merge, or a squash that names its number."""
    return len(meta.parents) > 1 or SQUASH.search(title(meta.message)) is not None


def label(repo: Repository, head: str, since: int | None, until: int | None, progress: Progress) -> dict[str, tuple[bool, int | None]]:
    """(buggy, when the first repair landed in Unix seconds) by SHA, of the pull requests that change program text.

    Those above the size limits of SZZ, and those whose lines were repaired in doubt alone, get none.

    Args:
        since, until: when a pull request landed (Unix seconds); None for no limit. A later repair of an earlier one counts.
    Raises:
        UsageError: fewer than MIN_PULLS of them.
        GitError: a shallow clone.
    """
    metas = repo.log(stdin=[head])
    line = first_parents(metas)
    times = landed(repo, head)
    inside = [place for place, meta in enumerate(line) if since is None or times[meta.sha] >= since]
    pulls = [place for place in inside if is_pull(line[place]) and (until is None or times[line[place].sha] <= until)]
    if len(pulls) < MIN_PULLS:
        raise UsageError(
            f"{len(pulls)} of {len(inside)} changes on the first-parent line are merges or squashes of pull requests; {MIN_PULLS} are needed to say anything of them"
        )
    shas = [meta.sha for meta in line]
    found = repairs(repo, metas, shas, brought(metas, line), pulls[0], lambda what, done, of: progress(f"{done} of {of} {what}") if done % 500 == 0 else None)
    for notice in found.notices:
        progress(notice.text)
    known = szz.facts(repo, [shas[place] for place in pulls])
    sized = [p for p in pulls if known[shas[p]].n_lines and not known[shas[p]].is_large and p not in found.doubtful]
    return {shas[p]: (True, times[found.first[p][1]]) if p in found.first else (False, None) for p in sized}
