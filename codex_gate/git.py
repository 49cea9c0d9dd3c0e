"""Everything that is asked of git: revisions, history, diffs, blobs.

One backend: git processes. libgit2 scores some renames differently, which would
give the same change two verdicts; a test holds this module to its values (tests/codex_gate/test_git.py).

Nothing in the screened tree can steer these calls: attributes are not read (`* -diff` in a pull request
would hide its lines), no external diff or text conversion runs, and nothing is fetched. Of the user's own
settings only `info/attributes` in the git directory still counts: git has no way to leave it out.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from itertools import pairwise
from pathlib import Path
from typing import IO, NamedTuple

from codex_gate import scratch
from codex_gate.diffs import END, ZERO_ID, Entry, blobs_of, pair_lines, parse_listings, parse_pair, parse_raw, parse_stream, widen
from codex_gate.errors import NAMED, UNBORN, GitError, NoGitError, RangeError
from codex_gate.types import FileChange

EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
MAX_DIFF_MB = 8  # a larger file is treated as binary: memory stays bounded, nobody reviews such a diff (chosen)
MAX_TIME = 253_402_300_799  # the last second of the year 9999; a later date is a broken clock
_LISTED = 2048  # pairs whose files are listed at once; bounds memory (chosen)
_LONGEST = 4096  # characters of a revision (chosen)
_AROUND = 256  # pairs that are listed at once where blobs are missing (chosen)
_PARTIAL = "some of what it reads is not in this partial clone; fetch it (git fetch --refetch --no-filter)"
_SHA = re.compile(r"[0-9a-f]{40}\Z")
_FIELDS = "%H%x00%P%x00%an%x00%ae%x00%ad%x00%ct%x00%B%x00"
_LOG = ("log", "-z", "--date=raw", "--encoding=UTF-8", f"--format=tformat:{_FIELDS}")
_RENAMES = ("-M", "-l1000")
_RAW = ("--root", "-r", "-z", "--raw", "--abbrev=40", "--ignore-submodules=none")
# One line of context: with none, git trims common tails first and counts some lines otherwise than numstat does.
_DIFF = ("--root", "-r", "-z", "--raw", "-p", "-U1", *_RENAMES, "--abbrev=40", "--no-ext-diff", "--no-textconv",
         "--no-color", "--ignore-submodules=none", "--submodule=short", "--src-prefix=a/", "--dst-prefix=b/")  # fmt: skip
# For a git that reads thousands of commits. Packs are mapped in small pieces and fewer delta bases are kept: half the memory, no more time. glibc keeps what is
# freed: blobs come and go, and fresh pages cost a tenth of the time (3,806 commits of flask: 0.88 s of CPU in place of 1.05, 63 MB in place of 100; 1,000 of
# eclipse.jdt.core: 2.5 in place of 2.7, 115 MB in place of 256; 2026-11-25).
_FRUGAL = ("-c", "core.deltaBaseCacheLimit=32m", "-c", "core.packedGitWindowSize=4m", "-c", "core.packedGitLimit=64m")
_HEAP = {"MALLOC_MMAP_THRESHOLD_": str(32 << 20), "MALLOC_TRIM_THRESHOLD_": str(64 << 20)}
_DIFF_MANY = (*_FRUGAL, "diff-tree", "--stdin", "--always", *_DIFF)
_CONFIG = ("-c", "core.quotePath=true", "-c", "core.fsmonitor=false", "-c", f"core.hooksPath={os.devnull}", "-c", "log.showSignature=false", "-c", "diff.suppressBlankEmpty=false",
           "-c", f"core.bigFileThreshold={MAX_DIFF_MB}m", "-c", "core.commitGraph=true", "-c", "gc.auto=0",
           "-c", f"core.attributesFile={os.devnull}", "-c", "diff.algorithm=default", "-c", "diff.default.binary=auto", "-c", "diff.indentHeuristic=true")  # fmt: skip


class CommitMeta(NamedTuple):
    """A commit without its diff. `time` is author time in Unix seconds, `utc_offset` its zone in minutes."""

    sha: str
    parents: tuple[str, ...]
    name: str
    email: str
    time: int
    utc_offset: int
    message: str

    @property
    def author(self) -> str:
        """Identity of the author: the e-mail in lower case, or the name where there is no e-mail."""
        return author_key(self.name, self.email)


def author_key(name: str, email: str) -> str:
    return email.strip().lower() or name.strip().lower() or "(unknown)"


@dataclass(frozen=True)
class Repository:
    """A git repository, opened with `Repository.discover`."""

    git_dir: Path
    common_dir: Path
    top: Path | None
    is_shallow: bool
    index_file: Path | None
    environ: Mapping[str, str] = field(repr=False)

    @classmethod
    def discover(cls, path: Path, environ: Mapping[str, str]) -> Repository:
        """Find the repository around `path`.

        Raises:
            NoGitError: no git, or one before 2.31.
            GitError: no repository there, or git refuses its ownership.
        """
        if shutil.which("git", path=environ.get("PATH")) is None:
            raise NoGitError("git was not found on PATH; install git 2.31 or newer")
        if not path.is_dir():
            raise GitError(f"{path} is not a directory; give the path of a git repository")
        env = _environment(environ)
        for name in ("GIT_DIR", "GIT_WORK_TREE"):
            if name in environ:
                env[name] = environ[name]
        # The work tree last: it is refused where there is none.
        ask = ["git", "rev-parse", "--path-format=absolute", "--git-dir", "--git-common-dir", "--is-shallow-repository", "--is-bare-repository",
               "--show-object-format", "--git-path", "index", "--show-toplevel"]  # fmt: skip
        done = subprocess.run(ask, cwd=path, env=env, capture_output=True)
        answers = os.fsdecode(done.stdout).rstrip("\n").split("\n")
        if ask[2] in answers:  # an older git says again what it does not know
            found = subprocess.run(["git", "version"], env=env, capture_output=True).stdout.decode("ascii", "replace").strip()
            raise NoGitError(f"git 2.31 or newer is needed, found {found}")
        if done.returncode and len(answers) < 6:
            raise GitError(_not_a_repository(path, done.stderr))
        if len(answers) != (6 if done.returncode else 7):
            raise GitError(f"{path} lies below a directory whose name holds a line break; give the repository another place")
        git_dir, common, shallow, bare, kind, index = answers[:6]
        if kind != "sha1":
            raise GitError(f"{path} names its objects by {kind}; only repositories with SHA-1 names can be screened")
        top = Path(answers[6]) if bare == "false" and len(answers) == 7 else None
        chosen = environ.get("GIT_INDEX_FILE")  # set by git while a hook runs for a partial commit
        index_file = ((top or path) / chosen).resolve() if chosen else Path(index)
        return cls(Path(git_dir), Path(common), top, shallow == "true", index_file, env)

    # -- running git ---------------------------------------------------------------------------------

    def _command(self, args: Sequence[str]) -> list[str]:
        return ["git", *_CONFIG, *args]

    def _env(self, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        # With the git directory for a work tree and without an index, git finds no .gitattributes of the screened tree.
        here = str(self.git_dir)
        return {**self.environ, "GIT_DIR": here, "GIT_WORK_TREE": here, "GIT_INDEX_FILE": str(self.git_dir / "codex-gate-no-index"), **(extra or {})}

    def run(self, *args: str, stdin: bytes = b"", check: bool = True, extra: Mapping[str, str] | None = None, fine: Sequence[int] = (0,)) -> bytes:
        """Standard output of a git command; with `check` an exit code that is not `fine` is a GitError with git's words."""
        done = subprocess.run(self._command(args), cwd=self.git_dir, env=self._env(extra), input=stdin, capture_output=True)
        if check and done.returncode not in fine:
            command = next(arg for before, arg in pairwise(("", *args)) if "-c" not in (before, arg))
            raise GitError(f"git {command} failed: {_words(done.stderr)}")
        return done.stdout if done.returncode == 0 else b""

    # -- revisions -----------------------------------------------------------------------------------

    def resolve(self, revision: str) -> str:
        """The 40-hex SHA of a commit.

        Raises:
            GitError: unknown or ambiguous revision, or not a commit.
        """
        if "\0" in revision or revision.startswith("^") or len(revision) > _LONGEST:
            raise GitError(
                f"{revision[:60]!r} is not a commit in this repository; a name holds no NUL, begins with no ^ and has {_LONGEST:,} characters at most"
            )
        wanted = revision if revision.startswith(":/") else revision + "^{commit}"  # after :/ all is the text to look for
        args = ["rev-parse", "--verify", "--end-of-options", wanted]
        done = subprocess.run(self._command(args), cwd=self.git_dir, env=self._env(), capture_output=True)
        if done.returncode == 0:
            return done.stdout.decode("ascii").strip()
        words = _words(done.stderr)
        if "ambiguous" in words and "unknown revision" not in words:
            raise GitError(f"{revision!r} is ambiguous here; give more characters of the SHA, or a full reference such as refs/heads/NAME")
        if revision == "HEAD" and self.is_unborn():
            raise GitError(f"the repository has no commits yet; {UNBORN}")
        hint = "; this clone is shallow, the commit may lie beyond its edge (fetch with full depth)" if self.is_shallow else ""
        raise GitError(f"{revision!r} is not a commit in this repository{hint}; check the spelling or fetch it first")

    def resolve_all(self, revisions: Sequence[str]) -> list[str]:
        """`resolve` of each, by one process where all are there.

        Raises:
            GitError: as of `resolve`, for the first that is none.
        """
        plain = [r for r in dict.fromkeys(revisions) if r and len(r) <= _LONGEST and r[0] not in ":^" and not {"\0", "\n"} & set(r)]
        lines = b"".join(os.fsencode(f"{r}^{{commit}}\n") for r in plain)
        raw = self.run("cat-file", "--batch-check=%(objectname)", stdin=lines, check=False) if plain else b""
        found = {r: said for r, said in zip(plain, raw.decode("utf-8", "replace").split("\n"), strict=False) if is_sha(said)}
        return [found.get(r) or self.resolve(r) for r in revisions]

    def head(self) -> str | None:
        """The SHA of HEAD, None before the first commit.

        Raises:
            GitError: HEAD names a commit that is not there.
        """
        found = self.run("rev-parse", "--verify", "--quiet", "HEAD^{commit}", check=False).decode("ascii").strip()
        return found or (None if self.is_unborn() else self.resolve("HEAD"))

    def is_unborn(self) -> bool:
        """Whether HEAD names a branch without commits."""
        return not self.run("rev-parse", "--verify", "--quiet", "HEAD", check=False)

    def merge_base(self, base: str, head: str) -> str:
        """The best common ancestor.

        Raises:
            RangeError: the two have no common history (or it lies beyond a shallow clone's edge).
        """
        if found := self.run("merge-base", base, head, check=False).decode("ascii").split():
            return found[0]
        if self.is_shallow:
            raise RangeError(f"no common ancestor of {base[:12]} and {head[:12]} in this shallow clone; fetch with full depth (fetch-depth: 0)")
        raise RangeError(f"{base[:12]} and {head[:12]} have no common history; give a base that the change grew from")

    def default_base(self) -> tuple[str, str]:
        """What a bare `screen` compares with: (name, SHA) of the upstream or else of the default branch.

        Raises:
            RangeError: none of the usual names exists.
        """
        names = ["@{upstream}", "refs/remotes/origin/HEAD", "refs/remotes/origin/main", "refs/remotes/origin/master",
                 "refs/remotes/upstream/HEAD", "refs/heads/main", "refs/heads/master", "refs/heads/trunk", "refs/heads/develop"]  # fmt: skip
        for name in names:
            if sha := self.run("rev-parse", "--verify", "--quiet", "--end-of-options", name + "^{commit}", check=False):
                shown = self.run("rev-parse", "--abbrev-ref", name, check=False).decode("utf-8", "replace").strip() or name
                return shown, sha.decode("ascii").strip()
        raise RangeError("no upstream and no default branch (main, master, trunk, develop) to compare with; give a range: codex-gate screen BASE..HEAD")

    def is_partial(self) -> bool:
        """Whether this is a clone that was made with a filter."""
        return b" true" in self.run("config", "--type=bool", "--get-regexp", r"^remote\..*\.promisor$", check=False)

    def has_remote(self) -> bool:
        """Whether any remote is configured."""
        return bool(self.run("remote", check=False))

    def rev_list(self, *args: str, stdin: Iterable[str] = ()) -> list[str]:
        """SHAs as `git rev-list` prints them; more revisions, `^` ones too, may come by `stdin`."""
        lines = "".join(f"{line}\n" for line in stdin)
        more = ("--stdin",) if lines else ()
        return self.run("rev-list", *args, *more, stdin=lines.encode("ascii")).decode("ascii").split()

    def present_commits(self, shas: Iterable[str]) -> list[str]:
        """Those of the 40-hex SHAs that are commits in the object store, reachable or not."""
        asked = list(shas)
        found = self._present(asked)
        return [sha for sha in asked if found.get(sha) == "commit"]

    def shallow_edge(self) -> frozenset[str]:
        """Commits whose parents a shallow clone does not have: their diff would be the whole tree."""
        path = self.common_dir / "shallow"
        return frozenset(path.read_text("ascii").split()) if self.is_shallow and path.exists() else frozenset()

    def identity(self, environ: Mapping[str, str]) -> tuple[str, str, int, int] | None:
        """(name, e-mail, Unix seconds, zone in minutes) of whoever would commit now; None when git does not know."""
        keep = {k: v for k, v in environ.items() if k.startswith(("GIT_AUTHOR_", "EMAIL"))}
        text = self.run("var", "GIT_AUTHOR_IDENT", check=False, extra=keep).decode("utf-8", "replace").strip()
        found = re.match(r"(.*?) ?<(.*)> (-?\d+) ([+-]\d{4})$", text)
        return (found[1], found[2], int(found[3]), _minutes(found[4])) if found else None

    # -- history -------------------------------------------------------------------------------------

    def log(self, *args: str, stdin: Iterable[str] = (), meanwhile: Callable[[], object] = lambda: None) -> list[CommitMeta]:
        """Commits, parents before children, without diffs; `args` and `stdin` are revisions as for rev-list. `meanwhile` is called while git walks.

        Raises:
            GitError: no such revision, or the history is damaged.
        """
        lines = "".join(f"{line}\n" for line in stdin)
        more = ("--stdin",) if lines else ()
        with self._started((*_LOG, "--topo-order", "--reverse", *args, *more), lines.encode("ascii")) as (process, output, errors):
            meanwhile()
            raw = output.read()
            if process.wait():
                errors.seek(0)
                raise GitError(f"git log failed: {_words(errors.read())}")
        return _parse_log(raw)

    def metas(self, shas: Sequence[str]) -> list[CommitMeta]:
        """The same for these very commits, in this order."""
        if not shas:
            return []
        raw = self.run(*_LOG, "--no-walk=unsorted", "--stdin", stdin="\n".join(shas).encode("ascii"))
        found = {meta.sha: meta for meta in _parse_log(raw)}
        return [found[sha] for sha in shas]

    # -- diffs ---------------------------------------------------------------------------------------

    def diffs(self, pairs: Sequence[tuple[str, str | None]]) -> Iterator[tuple[FileChange, ...]]:
        """The files changed between each (new, old) pair, in order; `old` None means the empty tree.

        Renames are detected as `git diff -M` does (50 %), copies are additions. A pair that git cannot
        diff because blobs are missing is taken apart: its files are listed, those without blobs marked.

        Raises:
            GitError: a commit or a tree is missing, so that not even the files are known.
        """
        done = 0
        for files in self._stream(pairs):
            done += 1
            yield files
        if done < len(pairs):  # git died on this pair
            yield from self._around(pairs[done:])

    def touches(self, pairs: Sequence[tuple[str, str | None]]) -> Iterator[tuple[FileChange, ...]]:
        """The same files with their lines left unread, enough to record who touched what; marked where a missing blob may hide a rename."""
        for at in range(0, len(pairs), _LISTED):
            part = pairs[at : at + _LISTED]
            lost: set[int] = set()
            try:
                listings = self._listed(part, *_RENAMES)
            except GitError:  # a blob that the search for renames reads is missing
                listings = self._listed(part, "-M100%")
                # It reads what was added where something was deleted too; of all else renames are known by now.
                both = [k for k, entries in enumerate(listings) if {"A", "D"} <= {entry[0] for entry in entries}]
                read = {k: {i for entry in listings[k] if entry[0] in "AD" for i in blobs_of(entry)} for k in both}
                have = self._present(set().union(*read.values()))
                lost = {k for k in both if not read[k] <= have.keys()}
                whole = [k for k in both if k not in lost]
                try:
                    for k, entries in zip(whole, self._listed([part[k] for k in whole], *_RENAMES), strict=True):
                        listings[k] = entries
                except GitError:  # one is damaged
                    lost.update(whole)
            for k, entries in enumerate(listings):
                yield tuple(
                    FileChange(path, old_path, status, *modes, old_id, new_id, None, None, b"", k in lost and status in "AD")
                    for status, path, old_path, modes, old_id, new_id in entries
                )

    def _listed(self, pairs: Sequence[tuple[str, str | None]], *renames: str) -> list[list[Entry]]:
        raw = self.run("diff-tree", "--stdin", "--always", *_RAW, *renames, stdin=pair_lines(pairs)) if pairs else b""
        return parse_listings(raw, [new for new, _ in pairs])

    def _stream(self, pairs: Sequence[tuple[str, str | None]]) -> Iterator[tuple[FileChange, ...]]:
        """Diffs as long as git lives: it dies on a missing object."""
        if pairs:
            with self._started(_DIFF_MANY, pair_lines(pairs) + END + b"\n", extra=_HEAP) as (_, pipe, _):
                yield from parse_stream(pipe, [new for new, _ in pairs])

    @contextmanager
    def diffs_into(self, pipe: int, pairs: Sequence[tuple[str, str | None]]) -> Iterator[None]:
        """What a git process says about these pairs, written into a pipe that somebody else reads; it ends with the block."""
        with self._started(_DIFF_MANY, pair_lines(pairs) + END + b"\n", pipe, _HEAP):
            yield

    @contextmanager
    def _started(
        self, args: Sequence[str], stdin: bytes, target: int = subprocess.PIPE, extra: Mapping[str, str] | None = None
    ) -> Iterator[tuple[subprocess.Popen[bytes], IO[bytes], IO[bytes]]]:
        """A git process with its output, where that comes here, and what it says of errors; it ends with the block."""
        with scratch.held(stdin) as given, scratch.held(b"") as errors:
            process = subprocess.Popen(self._command(args), cwd=self.git_dir, env=self._env(extra), stdin=given, stdout=target, stderr=errors, bufsize=0)
            try:
                output = process.stdout or errors
                widen(output.fileno())
                yield process, output, errors
            finally:
                output.close()
                if process.poll() is None:
                    process.terminate()
                process.wait()

    def _around(self, pairs: Sequence[tuple[str, str | None]]) -> Iterator[tuple[FileChange, ...]]:
        """The same where blobs are missing: pairs that lack none in one stream, the others file by file."""
        for at in range(0, len(pairs), _AROUND):
            part = pairs[at : at + _AROUND]
            try:
                raw = self.run("diff-tree", "--stdin", "--always", *_RAW, "-M100%", stdin=pair_lines(part))
                listings = parse_listings(raw, [new for new, _ in part])
            except GitError:  # more than blobs are missing: what comes before is still told
                yield from self._unbroken(part)
                continue
            have = self._present({i for entries in listings for entry in entries for i in blobs_of(entry)})
            whole: list[tuple[str, str | None]] = []
            for pair, entries in zip(part, listings, strict=True):
                if all(i in have for entry in entries for i in blobs_of(entry)):
                    whole.append(pair)
                    continue
                yield from self._unbroken(whole)
                whole = []
                yield self._piecewise(*pair, entries, have)
            yield from self._unbroken(whole)

    def _unbroken(self, pairs: Sequence[tuple[str, str | None]]) -> Iterator[tuple[FileChange, ...]]:
        """A stream over pairs whose blobs are all there, though some may be damaged."""
        done = 0
        while done < len(pairs):
            for files in self._stream(pairs[done:]):
                done += 1
                yield files
            if done < len(pairs):
                new, old = pairs[done]
                yield self._piecewise(new, old, self._listing(new, old), None)
                done += 1

    def _listing(self, new: str, old: str | None, extra: Mapping[str, str] | None = None) -> list[Entry]:
        raw = self.run("diff-tree", *_RAW, "-M100%", old or EMPTY_TREE, new, extra=extra)
        return parse_raw(raw, 0)[0]

    def _piecewise(
        self, new: str, old: str | None, entries: Sequence[Entry], have: Mapping[str, str] | None, extra: Mapping[str, str] | None = None
    ) -> tuple[FileChange, ...]:
        """One pair, a process for each file whose blobs are in `have` (None: perhaps all); the others are marked as missing."""
        files = []
        for status, path, old_path, modes, old_id, new_id in entries:
            if status == "R":  # by equal ids: there is nothing to read
                files.append(FileChange(path, old_path, status, *modes, old_id, new_id, 0, 0, b""))
                continue
            text = b""
            if have is None or all(i in have for i in blobs_of((status, path, old_path, modes, old_id, new_id))):
                text = self.run("diff-tree", *_DIFF, old or EMPTY_TREE, new, "--", ":(top,literal)" + path, check=False, extra=extra)
            files.extend(parse_pair(text) if text else [FileChange(path, old_path, status, *modes, old_id, new_id, None, None, b"", True)])
        return tuple(files)

    def _present(self, ids: Iterable[str], extra: Mapping[str, str] | None = None) -> dict[str, str]:
        """Those of the ids that this object store has, with their types."""
        wanted = sorted(set(ids))
        command = self._command(["cat-file", "--batch-check=%(objectname) %(objecttype)"])
        done = subprocess.run(command, cwd=self.git_dir, env=self._env(extra), input="".join(f"{i}\n" for i in wanted).encode(), capture_output=True)
        if done.returncode:  # a partial clone: git wants to fetch what is missing, and may not
            return {i: self._local_objects[i] for i in wanted if i in self._local_objects}
        answers = (line.split() for line in done.stdout.decode("ascii", "replace").splitlines())
        return {words[0]: words[1] for words in answers if len(words) == 2 and words[1] in ("blob", "tree", "commit", "tag")}

    def forget(self) -> None:
        """Look again which objects are here: some were fetched."""
        vars(self).pop("_local_objects", None)

    @cached_property
    def _local_objects(self) -> dict[str, str]:
        out = self.run("cat-file", "--batch-all-objects", "--unordered", "--batch-check=%(objectname) %(objecttype)").decode("ascii")
        return dict(line.split() for line in out.splitlines())

    def staged(self, head: str | None) -> tuple[FileChange, ...]:
        """The index against `head` (against nothing before the first commit); the work tree is never read.

        The index is written as a tree into a temporary object store, so that it is diffed exactly as a
        commit of it would be, also in a read-only repository.

        Raises:
            GitError: the index holds unresolved conflicts, or cannot be read.
        """
        if self.index_file is None or not self.index_file.exists():
            return ()
        with scratch.directory() as place:
            copy = scratch.copy(self.index_file, place / "index")
            store = {"GIT_OBJECT_DIRECTORY": str(place), "GIT_ALTERNATE_OBJECT_DIRECTORIES": self._object_stores()}
            done = subprocess.run(
                self._command(["write-tree", "--missing-ok"]), cwd=self.git_dir, env=self._env({**store, "GIT_INDEX_FILE": str(copy)}), capture_output=True
            )
            if done.returncode:
                words = _words(done.stderr)
                if "unmerged" in words:
                    raise GitError("the index holds unresolved conflicts; resolve them and `git add` the files, then screen again")
                raise scratch.full(words) if "No space left" in words or "quota" in words else GitError(f"the index cannot be read: {words}")
            tree = done.stdout.decode("ascii").strip()
            old = head or EMPTY_TREE
            text = self.run("diff-tree", *_DIFF, old, tree, check=False, extra=store)
            if text:
                return parse_pair(text)
            entries = self._listing(tree, old, store)
            return self._piecewise(tree, old, entries, self._present({i for entry in entries for i in blobs_of(entry)}, store), store)

    @contextmanager
    def quickened(self) -> Iterator[Repository]:
        """The same repository with a commit-graph that knows the changed paths, in a temporary place; nothing is written here.

        300 fixes of an 11,000-commit history took 6.5 s in place of 8.8, the writing of the graph (0.7 s) included; of a 5,500-commit one 3.7 in place of 4.0.
        """
        with scratch.directory() as place:
            store = {"GIT_OBJECT_DIRECTORY": str(place), "GIT_ALTERNATE_OBJECT_DIRECTORIES": self._object_stores()}
            quick = replace(self, environ={**self.environ, **store})
            # A graph that cannot be written, say because commits are missing, costs time and nothing else.
            quick.run("commit-graph", "write", "--reachable", "--changed-paths", "--no-progress", check=False)
            yield quick

    def _object_stores(self) -> str:
        own = [str(self.common_dir / "objects"), self.environ.get("GIT_OBJECT_DIRECTORY", "")]
        quoted = ['"' + p.replace("\\", "\\\\").replace('"', '\\"') + '"' for p in own if p]  # a plain path ends at its first colon
        return os.pathsep.join([*quoted, *filter(None, [self.environ.get("GIT_ALTERNATE_OBJECT_DIRECTORIES", "")])])

    def start_cat_file(self, how: str = "--batch") -> subprocess.Popen[bytes]:
        """A `git cat-file --batch`, or `how` else, that answers as long as it is open."""
        return subprocess.Popen(
            self._command(["cat-file", how]), cwd=self.git_dir, env=self._env(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )

    # -- blobs ---------------------------------------------------------------------------------------

    def file_at(self, revision: str, path: str, max_bytes: int = MAX_DIFF_MB << 20) -> bytes | None:
        """The first `max_bytes` of a file in a commit's tree; None where it has none of that name, a GitError where a partial clone has left it out."""
        found = self.run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}:{path}", check=False).decode("ascii").strip()
        kind = self._present([found]).get(found) if found else ""
        if kind is None:
            raise GitError(f"the contents of {path} in {revision[:9]} are not in this clone, which leaves out file contents; fetch it without a filter")
        return self.run("cat-file", "blob", found)[:max_bytes] if kind == "blob" else None

    def is_link(self, revision: str, path: str) -> bool:
        """Whether a commit's tree holds a symbolic link there."""
        return self.run("ls-tree", "--end-of-options", revision, f":(literal){path}", check=False).startswith(b"120000 ")

    def files_below(self, revision: str, directory: str, deep: bool = False) -> dict[str, str]:
        """Blob ids of the plain files right inside a directory of a commit's tree, or anywhere below it, by path from there; empty where there is none."""
        raw = self.run("ls-tree", *(["-r"] if deep else []), "-z", "--end-of-options", f"{revision}:{directory.strip('/')}", check=False)
        entries = (entry.partition(b"\t") for entry in raw.split(b"\0") if entry)
        return {os.fsdecode(name): kind.split()[2].decode("ascii") for kind, _, name in entries if kind.startswith(b"100")}

    def blobs(self, ids: Iterable[str], max_bytes: int = MAX_DIFF_MB << 20) -> dict[str, bytes]:
        """Contents by blob id; ids that are missing, no blobs, or larger than `max_bytes` are left out."""
        asked = sorted({i for i in ids if i != ZERO_ID})
        if not asked:
            return {}
        sizes = ("cat-file", "--batch-check=%(objectname) %(objecttype) %(objectsize)")
        listing = self.run(*sizes, stdin="".join(f"{i}\n" for i in asked).encode(), check=False)
        if not listing:  # a partial clone: git died on a blob that only the remote has
            listing = self.run(*sizes, stdin="".join(f"{i}\n" for i in asked if i in self._local_objects).encode())
        answers = map(str.split, listing.decode("ascii", "replace").splitlines())
        small = [words[0] for words in answers if len(words) == 3 and words[1] == "blob" and int(words[2]) <= max_bytes]
        raw = self.run("cat-file", "--batch", stdin="".join(f"{i}\n" for i in small).encode(), check=False) if small else b""
        found: dict[str, bytes] = {}
        at = 0
        for place, name in enumerate(small):
            end = raw.find(b"\n", at)
            size = raw[at:end].rpartition(b" ")[2]
            data = raw[end + 1 : end + 1 + int(size)] if size.isdigit() else b""
            if object_name(b"blob", data) != name:  # damaged: git announces more bytes than it sends, and is out of step
                alone = {n: self.run("cat-file", "blob", n, check=False) for n in small[place:]}
                return found | {n: data for n, data in alone.items() if object_name(b"blob", data) == n}
            found[name] = data
            at = end + 2 + len(data)
        return found


def object_name(kind: bytes, data: bytes) -> str:
    """The id that git gives to an object with this content."""
    return hashlib.sha1(b"%s %d\0" % (kind, len(data)) + data, usedforsecurity=False).hexdigest()


# -- parsing -------------------------------------------------------------------------------------------


def _parse_log(raw: bytes) -> list[CommitMeta]:
    fields = raw.split(b"\0")
    metas = []
    # Seven fields and the terminator of -z make eight parts a commit; messages cannot hold NUL.
    for at in range(0, len(fields) - 7, 8):
        sha, parents, name, email, date, committed, body = fields[at : at + 7]
        when, zone = _author_date(date, committed)
        metas.append(
            CommitMeta(
                sha.decode("ascii"),
                tuple(parents.decode("ascii").split()),
                name.decode("utf-8", "replace"),
                email.decode("utf-8", "replace"),
                when,
                zone,
                body.decode("utf-8", "replace"),
            )
        )
    return metas


def _author_date(raw: bytes, committed: bytes) -> tuple[int, int]:
    # A malformed author date (one before 1970 too) prints as nothing; the committer's date stands in.
    when, _, zone = raw.decode("ascii", "replace").partition(" ")
    try:
        if 0 <= int(when) <= MAX_TIME:
            return int(when), _minutes(zone)
    except ValueError:
        pass
    stand_in = int(committed) if committed.isdigit() else 0
    return (stand_in if stand_in <= MAX_TIME else 0), 0


@lru_cache(maxsize=1024)  # a history knows few zones
def _minutes(zone: str) -> int:
    if not re.fullmatch(r"[+-]\d{4}", zone):
        return 0
    size = int(zone[1:3]) * 60 + int(zone[3:5])
    return -size if zone[0] == "-" else size


# -- small helpers -------------------------------------------------------------------------------------


def _environment(environ: Mapping[str, str]) -> dict[str, str]:
    drop = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_EXTERNAL_DIFF", "GIT_DIFF_OPTS",
            "GIT_TRACE", "GIT_NAMESPACE", "GIT_LITERAL_PATHSPECS", "GIT_GLOB_PATHSPECS", "GIT_NOGLOB_PATHSPECS", "GIT_ICASE_PATHSPECS")  # fmt: skip
    kept = {k: v for k, v in environ.items() if k not in drop and not k.startswith("GIT_TRACE")}
    return {**kept, "LC_ALL": "C", "LANGUAGE": "", "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "GIT_NO_LAZY_FETCH": "1", "GIT_ALLOW_PROTOCOL": "none",
            "GIT_ATTR_SOURCE": EMPTY_TREE, "GIT_ATTR_NOSYSTEM": "1", "GIT_PAGER": "cat", "GIT_NO_REPLACE_OBJECTS": "1", "GIT_GRAFT_FILE": f"{os.devnull}/none"}  # fmt: skip


def _words(stderr: bytes) -> str:
    text = " ".join(stderr.decode("utf-8", "replace").split())
    return _PARTIAL if "promisor remote" in text else text.removeprefix("fatal: ")[:600] or "no message"


def _not_a_repository(path: Path, stderr: bytes) -> str:
    words = _words(stderr)
    if "dubious ownership" in words:
        return f"git refuses {path}: it belongs to another user; trust it with: git config --global --add safe.directory {words.partition('safe.directory ')[2] or path.resolve()}"
    if "not a git repository" in words:
        return f"{path.resolve()} is not inside a git repository; {NAMED}"
    return f"git cannot open {path}: {words}"


def is_sha(text: str) -> bool:
    return bool(_SHA.match(text))
