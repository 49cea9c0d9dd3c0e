"""What a shallow or partial clone lacks: counting it, and fetching it where that is allowed – the one place that lets git use the network.

Commits and trees come without blobs; then the blobs that levels need (those of the last changes on the base's line)
come in one request, for without them the lines of those changes are unknown and levels would rest on guesses.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from codex_gate.diffs import blobs_of, pair_lines, parse_listings
from codex_gate.errors import GateError
from codex_gate.git import CommitMeta, Repository
from codex_gate.levels import N_RECENT

REMOTE = "origin"  # as actions/checkout names it
_NETWORK = {"GIT_ALLOW_PROTOCOL": "file:git:http:https:ssh"}
# A server that stalls is given up after half a minute; hooks and submodules have no part in it.
_OPTIONS = ("-c", "http.lowSpeedLimit=1000", "-c", "http.lowSpeedTime=30", "-c", "protocol.version=2", "-c", "fetch.recurseSubmodules=false")
_QUIET = ("--quiet", "--no-tags", "--no-write-fetch-head", "--filter=blob:none")


def complete(repo: Repository) -> str:
    """Fetch what a screen of HEAD lacks: the history of a shallow clone without its blobs, the blobs of recent changes.

    Returns:
        "" when nothing is lacking any more, else why it could not be fetched.
    """
    try:
        if repo.is_shallow:
            _fetch(repo, "--unshallow", "--", REMOTE, repo.resolve("HEAD"))
        elif not repo.is_partial():
            return ""
        _fetch_blobs(repo, _recent_blobs(repo))
    except GateError as error:
        return str(error).removeprefix("git fetch failed: ")
    return ""


def bring(repo: Repository, sha: str) -> str:
    """Fetch a commit that is not here, with its history and without blobs; "" when it is here then, else why not."""
    try:
        _fetch(repo, "--", REMOTE, sha)
    except GateError as error:
        return str(error).removeprefix("git fetch failed: ")
    return ""


def files(repo: Repository, revision: str, path: str) -> None:
    """Fetch the contents of a file, or of those right inside a directory, that a partial clone has left out; what cannot be fetched is missing to whoever reads it."""
    if not repo.is_partial():
        return
    with suppress(GateError):
        raw = repo.run("ls-tree", "-z", "--end-of-options", revision, "--", path.rstrip("/"), f"{path.rstrip('/')}/")
        entries = (entry.partition(b"\t")[0].split() for entry in raw.split(b"\0") if entry)
        _fetch_blobs(repo, {entry[2].decode("ascii") for entry in entries if entry[1] == b"blob"})


def n_blind(repo: Repository, metas: Sequence[CommitMeta]) -> int:
    """How many of the commits have files whose contents a partial clone has left out; merges and roots are not looked at. In any other clone 0 at once."""
    if not repo.is_partial():
        return 0
    here = _objects(repo)
    touched = repo.touches([(meta.sha, meta.parents[0]) for meta in metas if len(meta.parents) == 1])
    entries = ([(f.status, f.path, f.old_path, (f.old_mode, f.new_mode), f.old_id, f.new_id) for f in files] for files in touched)
    return sum(any(blob not in here for entry in found for blob in blobs_of(entry)) for found in entries)


def _objects(repo: Repository) -> set[str]:
    return set(repo.run("cat-file", "--batch-all-objects", "--unordered", "--batch-check=%(objectname)").decode("ascii").split())


def _fetch_blobs(repo: Repository, wanted: set[str]) -> None:
    if missing := sorted(wanted - _objects(repo)):
        _fetch(repo, "--stdin", "--", REMOTE, stdin="".join(f"{blob}\n" for blob in missing).encode("ascii"))


def _recent_blobs(repo: Repository) -> set[str]:
    """Blobs of the last changes on HEAD's first-parent line and of the commits of the newest."""
    head = repo.resolve("HEAD")
    line = repo.rev_list("--first-parent", "-n", str(N_RECENT + 1), head)
    shas = dict.fromkeys([*line, *repo.rev_list(head, *(f"^{sha}" for sha in line[1:2]))])
    pairs = [(meta.sha, meta.parents[0] if meta.parents else None) for meta in repo.metas(list(shas))]
    raw = repo.run("diff-tree", "--stdin", "--always", "--root", "-r", "-z", "--raw", "--abbrev=40", "--no-renames", stdin=pair_lines(pairs))
    return {blob for entries in parse_listings(raw, [new for new, _ in pairs]) for entry in entries for blob in blobs_of(entry)}


def _fetch(repo: Repository, *args: str, stdin: bytes = b"") -> None:
    # What a server is asked for by id it need not negotiate about.
    negotiation = ("-c", "fetch.negotiationAlgorithm=noop") if stdin else ()
    repo.run(*_OPTIONS, *negotiation, "fetch", *_QUIET, *args, stdin=stdin, extra=_NETWORK)
    repo.forget()
