"""Labelled commits from real history: labels by SZZ or from outside, features by the runtime's own walk.

Only commits that change program text (files of role `code`) get a label; merges, roots and commits too large for a review
get none. Labels from outside are taken as they are.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import os
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from automl_codex import pulls, tables
from automl_codex.journal import Journal
from codex_gate import deepen, szz, watch, yaml_text
from codex_gate.errors import UsageError
from codex_gate.features import FEATURE_SCHEMA
from codex_gate.git import CommitMeta, Repository, is_sha
from codex_gate.globs import Filter
from codex_gate.replay import LATEST
from codex_gate.walk import walk

Progress = Callable[[str], None]

MIN_COMMITS = 50  # fewer hold no more than a handful of fixes, most of them of the last weeks' work (chosen)
ENTRY = ("project", "repository", "until", "role")  # what each project of a corpus file must say
TEXTS = ("project", "repository", "clone", "head", "labels", "labels_of")  # of what it may say
ROLES = ("train", "holdout")
COMMITS, PULLS = UNITS = ("commit", "pull-request")  # what a row is
OUTSIDE = "take labels from outside (--labels FILE)"
LONGER = "take a longer period"
CLOCKS = 86_400  # seconds that a fix may lie before what it repairs: of ApacheJIT's 20,253 220 do, by nine hours at most
LONGEST_NAME = 200  # bytes: a file's name has at most 255, and the journal, and the part that becomes the table, add a host and a number
_SAY_EVERY = 5000  # commits


class Label(NamedTuple):
    """Whether a commit induced a defect, and when its first fix was made (Unix seconds, None if unknown)."""

    buggy: bool
    fix_time: int | None


# -- labels from outside ----------------------------------------------------------------------------------


def read_labels(path: Path, project: str | None = None) -> dict[str, Label]:
    """Labels by SHA from a CSV, gzipped or not, with columns sha, buggy and, if there, fix_time and project; of several fix times of one commit the first.

    Raises:
        UsageError: no such file, none that can be read, a column missing, a value that is none, or labels that contradict.
    """
    if not path.exists():
        raise UsageError(f"{path} does not exist; expected a CSV with columns sha, buggy and optionally fix_time")
    try:
        return _read_labels(path, project)
    except (OSError, EOFError, UnicodeDecodeError, zlib.error, csv.Error) as error:
        raise UsageError(f"{path} cannot be read ({error}); expected a CSV in UTF-8, plain or gzip") from error


def _read_labels(path: Path, project: str | None) -> dict[str, Label]:
    labels: dict[str, Label] = {}
    for number, sha, label in _label_rows(path, project):
        before = labels.get(sha, label)
        if before.buggy != label.buggy:
            raise UsageError(f"{path}, line {number}: {sha} was labelled both ways; keep one")
        labels[sha] = Label(label.buggy, min((time for time in (before.fix_time, label.fix_time) if time is not None), default=None))
    if not labels:
        raise UsageError(f"{path} holds no labels" + (f" for project {project}" if project else ""))
    return labels


def _label_rows(path: Path, project: str | None) -> Iterator[tuple[int, str, Label]]:
    """(line, SHA, label) of each row."""
    with gzip.open(path, "rt", encoding="utf-8-sig", newline="") if path.suffix == ".gz" else path.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.DictReader(stream)
        columns = reader.fieldnames or []
        for needed in ("sha", "buggy"):
            if needed not in columns:
                raise UsageError(f"{path} has columns {', '.join(columns) or 'none'}; expected sha and buggy")
        if project is not None and "project" not in columns:
            raise UsageError(f"{path} has no column project, so --project {project} selects nothing")
        when = next((c for c in ("fix_time", "first_fix_time") if c in columns), None)
        for number, row in enumerate(reader, 2):
            if project is None or row["project"] == project:
                sha = (row["sha"] or "").strip().lower()  # a short row has no value
                yield number, sha, _label(row, sha, when, f"{path}, line {number}")


def _label(row: dict[str, str], sha: str, when: str | None, where: str) -> Label:
    text = (row["buggy"] or "").strip().lower()
    if text not in ("0", "1", "true", "false") or not is_sha(sha):
        raise UsageError(f"{where}: sha {row['sha']!r}, buggy {row['buggy']!r}; expected 40 hex digits and 0 or 1")
    buggy, value = text in ("1", "true"), (row[when] or "").strip() if when else ""
    if value and not buggy:
        raise UsageError(f"{where}: buggy is {text}, but {when} is {value}; what needed no fix has none: leave {when} empty, or let buggy be 1")
    try:
        fixed = int(float(value)) if value else None
    except (ValueError, OverflowError):
        fixed = -1
    if fixed is not None and not 0 <= fixed <= LATEST:
        raise UsageError(f"{where}: {when} {value!r} is no Unix time; expected seconds since 1970")
    return Label(buggy, fixed)


def _refuse_early_fixes(path: Path, project: str | None, labels: Mapping[str, Label], metas: Sequence[CommitMeta]) -> None:
    """Refuse a fix that was made long before what it repairs.

    Raises:
        UsageError: by more than CLOCKS; the message names the line.
    """
    for meta in metas:
        fixed = labels[meta.sha].fix_time
        if fixed is not None and fixed < meta.time - CLOCKS:
            number = next(number for number, sha, label in _label_rows(path, project) if sha == meta.sha and label.fix_time == fixed)
            days = " and ".join(datetime.fromtimestamp(min(time, LATEST), UTC).date().isoformat() for time in (fixed, meta.time))
            raise UsageError(
                f"{path}, line {number}: the fix of {meta.sha[:12]} is dated before the commit itself ({days}); a fix comes later: correct the time, or leave it empty"
            )


# -- rows -------------------------------------------------------------------------------------------------


def mine(
    repo: Repository,
    labels: Mapping[str, Label],
    until: int | None = None,
    progress: Progress = lambda _: None,
    since: int | None = None,
    journal: Journal | None = None,
    keep: Filter | None = None,
) -> Iterator[tables.LabelledRow]:
    """Features of the labelled commits that the repository has, each with what its ancestors knew.

    Args:
        since, until: author times (Unix seconds) before and after which labels are not used; None for no limit.
        journal: keeps each row as it comes; those that it holds are not measured again.
        keep: paths that are looked at; a commit that touches none of them gives no row.
    """
    have = set(repo.present_commits(labels))
    if len(have) < len(labels):
        progress(f"{len(labels) - len(have)} of {len(labels)} labelled commits are not in this clone; they are left out")
    metas = repo.log(stdin=sorted(have))
    wanted = {m.sha for m in metas if m.sha in have and (until is None or m.time <= until) and (since is None or m.time >= since)}
    before = {value[0]: value for value in (journal.of("row") if journal else ()) if value[0] in wanted}
    progress(f"{len(metas)} commits to walk, {len(wanted)} of them labelled" + (f", {len(before)} measured before" if before else ""))
    for value in before.values():
        yield _row(value, labels)
    for done, row in enumerate(walk(repo, metas, wanted - before.keys(), keep=keep), 1):
        if done % _SAY_EVERY == 0:
            progress(f"{done + len(before)} of {len(wanted)} labelled commits measured")
        if keep is not None and not row.commit.files:
            continue
        assert row.commit.sha is not None
        value = [row.commit.sha, row.commit.time, dict(row.features.values)]
        if journal:
            journal.add("row", value)
        yield _row(value, labels)


def _row(value: list[Any], labels: Mapping[str, Label]) -> tables.LabelledRow:
    sha, time, features = value
    return tables.LabelledRow(sha, time, labels[sha].buggy, labels[sha].fix_time, features)


# -- tables -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Job:
    """One table to make.

    `labels` is a CSV file, of which only rows of `labels_project` are taken unless that is None; without a file SZZ labels the
    history of `head` (a SHA). `since` and `until` are author times in Unix seconds, None for no limit. Of more rows than `most` those
    stay whose hash is lowest: a draw that depends on nothing else. `unit`: a row for each commit, or for each merge and squash on the first-parent line.
    `remedy` and `longer` say what to do where a history has no fixes or too few commits, and where a period is too short; `period` names that period. `keep`: the paths
    that are looked at, in measures and labels alike. `passing`: the table is needed once, so nobody is told where it lies.
    """

    project: str
    repo: Repository
    head: str
    labels: Path | None = None
    labels_project: str | None = None
    variant: str = szz.DEFAULT
    since: int | None = None
    until: int | None = None
    most: int | None = None
    unit: str = COMMITS
    remedy: str = OUTSIDE
    longer: str = LONGER
    period: str = "in this period"
    keep: Filter | None = None
    passing: bool = False

    def recipe(self) -> str:
        """All that the table depends on beside this program's code, as one line of JSON.

        Labels from outside name no head: where the clone is shallow or lacks some of their commits, `clone` says which of them it holds and where it ends.

        Raises:
            UsageError: the labels cannot be read.
        """
        source: dict[str, Any] = {"szz": self.variant, "labeller": szz.LABELLER, "head": self.head}
        if self.labels:
            named = read_labels(self.labels, self.labels_project)
            source = {"labels": hashlib.sha256(self.labels.read_bytes()).hexdigest(), "labels_project": self.labels_project}
            have, edge = sorted(self.repo.present_commits(named)), sorted(self.repo.shallow_edge())
            if edge or len(have) < len(named):
                source["clone"] = hashlib.sha256("\n".join([*have, "", *edge]).encode()).hexdigest()
        if self.most:
            source["most"] = self.most
        if self.unit != COMMITS:
            source["unit"] = self.unit
        if self.keep:
            source["paths"] = [self.keep.include, self.keep.exclude]
        return json.dumps({**source, "project": self.project, "since": self.since, "until": self.until, "feature_schema": FEATURE_SCHEMA}, sort_keys=True)


def run(job: Job, output: Path, progress: Progress) -> None:
    """Make the table of a job, or keep the one that an equal job made.

    Interrupted at any time, the same call goes on where the last one stopped and ends in the same bytes. A table that differs in its measures
    alone, because these have changed since, gives the labels of SZZ for the new one: they cost most.

    Raises:
        UsageError: nothing can be learnt here (a partial clone, a shallow one without labels from outside, no fixes, too few commits, one class only), labels from outside of which
            none is of a commit that gets a row, or that contradict themselves or the history, or another run writes there.
    """
    target = output / f"{job.project}.parquet"
    recipe = job.recipe()
    if _is_made_by(job, recipe, tables.recipe_of(target)) and not tables.is_empty(target):
        progress(f"kept, {target} was made from the same history and labels")
        return
    with Journal(output / f"{job.project}.journal", recipe) as journal:
        if journal.entries:
            progress(f"going on behind {len(journal.entries)} entries of {journal.path}")
        labels = _labels_of(job, target, journal, progress)
        rows = list(mine(job.repo, labels, job.until, progress, job.since, journal, job.keep))
        if (refusal := _refusal(rows, job, labels)) is None:
            rows = sorted(rows, key=lambda row: tables.hash_sha(row.sha))[: job.most]
            tables.write(target, job.project, rows, recipe)
        journal.finish()
    if refusal:
        raise UsageError(refusal)
    progress(f"{len(rows)} rows{'' if job.passing else f' in {target}'}, {sum(row.buggy for row in rows)} of them buggy")


def _is_made_by(job: Job, recipe: str, made: str | None) -> bool:
    """Whether a table of the recipe `made` is that of a job; one that says nothing of its clone is taken at its word beside a clone that was not cut."""
    unsaid = {key: value for key, value in json.loads(recipe).items() if key != "clone" or job.repo.is_shallow}
    return made is not None and made in (recipe, json.dumps(unsaid, sort_keys=True))


def refuse_shallow(repo: Repository) -> None:
    """Refuse a clone whose history ends where it was cut.

    Raises:
        UsageError: it is shallow.
    """
    if repo.is_shallow:
        raise UsageError("this clone is shallow: blame ends at its edge, so no label could be trusted; fetch with full depth (git fetch --unshallow)")


def _labels_of(job: Job, target: Path, journal: Journal, progress: Progress) -> dict[str, Label]:
    if job.labels:
        return _labels_from(job.labels, job)
    refuse_shallow(job.repo)
    metas = job.repo.log(job.head)
    _refuse_blind(job.repo, metas)
    if kept := _labels_before(job, target):
        progress(f"labels as in {target}, whose measures are of another schema")
        return {meta.sha: kept[key] for meta in metas if (key := tables.hash_sha(meta.sha)) in kept}
    if job.unit == PULLS:
        return {sha: Label(*one) for sha, one in pulls.label(job.repo, job.head, job.since, job.until, progress).items()}
    if len(metas) < MIN_COMMITS:
        raise UsageError(
            f"{job.project} has {len(metas)} commits; labels by SZZ need at least {MIN_COMMITS}, for fixes of what was changed earlier: {job.remedy}"
        )
    traced = {trace.fix: trace for trace in map(szz.Trace.of, journal.of("trace"))}
    found = szz.label(job.repo, metas, job.variant, traced, lambda trace: journal.add("trace", trace.plain()), progress, job.remedy, job.keep)
    return {sha: Label(one.buggy, one.fix_time) for sha, one in found.items()}


def _labels_from(path: Path, job: Job) -> dict[str, Label]:
    """Labels from outside, held against the commits that the repository has."""
    labels = read_labels(path, job.labels_project)
    metas = job.repo.metas(job.repo.present_commits(labels))
    _refuse_blind(job.repo, metas)
    _refuse_early_fixes(path, job.labels_project, labels, metas)
    return labels


def _refuse_blind(repo: Repository, metas: Sequence[CommitMeta]) -> None:
    """Refuse a partial clone, as `codex-gate monitor` does."""
    watch.refuse_blind(deepen.n_blind(repo, metas), sum(len(meta.parents) == 1 for meta in metas), "commits", "nothing can be learned from them")


def _labels_before(job: Job, target: Path) -> dict[str, Label]:
    """The labels, by the hash of the SHA, of a table that an equal job made with another feature schema; none where there is no such table."""
    try:
        before = dict(json.loads(tables.recipe_of(target) or "{}"))
    except (ValueError, TypeError):
        return {}  # not made by this program
    equal = before | {"feature_schema": FEATURE_SCHEMA} == json.loads(job.recipe())
    return {key: Label(*label) for key, label in tables.labels_of(target).items()} if equal else {}


def _refusal(rows: Sequence[tables.LabelledRow], job: Job, labels: Mapping[str, Label]) -> str | None:
    """Why nothing can be learnt from these rows; that labels from outside are all alike is their owner's business."""
    buggy = sum(row.buggy for row in rows)
    if job.labels and not rows:
        return _strangers(job, labels)
    if job.labels or buggy not in (0, len(rows)):
        return None
    if not rows:
        return f"no {job.unit} of {job.project} {job.period} changes program text; {job.longer}"
    kind = "buggy" if buggy else "clean"
    remedy = job.longer if job.unit == PULLS else " or ".join(dict.fromkeys([job.longer, job.remedy]))  # labels from outside are of commits
    return f"all {len(rows)} labelled {job.unit}s of {job.project} are {kind}; a model needs both kinds: {remedy}"


def _strangers(job: Job, labels: Mapping[str, Label]) -> str:
    """That no label from outside is of a commit that gets a row."""
    here = len(job.repo.present_commits(labels))
    if not here:
        return f"none of the {len(labels)} labels in {job.labels} is of a commit that lies in {job.repo.top or job.repo.git_dir}; is it the clone that they were made for, and has it all branches?"
    return f"none of the {len(labels)} labels in {job.labels} gives a row: {here} are of commits of {job.project}, and none of these lies in the period and in the paths that are looked at"


# -- the corpus -------------------------------------------------------------------------------------------


def mine_corpus(
    corpus: Path,
    clones: Path,
    labels: Path | None,
    output: Path,
    progress: Progress,
    variant: str = szz.DEFAULT,
    unit: str = COMMITS,
    since: str | None = None,
) -> None:
    """Rebuild the tables of a corpus file; a table that was made from the same history and labels is kept.

    An entry with `labels:` takes them from that file, one without is labelled by SZZ on the history of its `head:`. Commits after
    `until:` and before the optional `since:` (days, UTC) get no row; a fix made later than `until:` counts, with its time. A table
    that does not say what it was made from is kept while it is newer than the corpus file. Of pull requests there are tables where
    labels are SZZ's and a project has some: labels from outside are of commits.

    Args:
        since: the first day of all projects, in place of each entry's own.
    Raises:
        UsageError: the corpus names a repository of the off-limits list beside it, an entry is not whole, a clone or the
            folder of labels is missing.
    """
    for entry in mined_of(corpus):
        say, target = _of(entry["project"], progress), output / f"{entry['project']}.parquet"
        if target.exists() and tables.recipe_of(target) is None and target.stat().st_mtime > corpus.stat().st_mtime:
            say(f"kept, {target} is newer than {corpus}")
        elif unit == COMMITS:
            run(_job(entry | ({"since": since} if since else {}), clones, labels, variant), output, say)
        elif "labels" in entry:
            say(f"left out, the labels of {entry['labels']} are of commits")
        else:
            try:
                run(replace(_job(entry | ({"since": since} if since else {}), clones, labels, variant), unit=unit, most=None), output, say)
            except UsageError as error:
                say(f"left out: {error}")


def _job(entry: Mapping[str, Any], clones: Path, labels: Path | None, variant: str) -> Job:
    project = entry["project"]
    path = clone_of(entry["clone"], clones)
    if path is None:
        raise UsageError(f"{clones / entry['clone'].replace('/', '+')} is no clone; clone {entry['clone']} there first")
    repo = Repository.discover(path, os.environ)
    since, until = _start_of(_day(str(entry["since"]))) if "since" in entry else None, _end_of(entry["until"])
    if "labels" in entry:
        if labels is None:
            raise UsageError(f"{project} takes its labels from {entry['labels']}; give the folder of that file with --labels")
        return Job(project, repo, "", labels / entry["labels"], entry.get("labels_of", project), since=since, until=until, most=entry.get("most"))
    if "head" not in entry:
        raise UsageError(f"{project} has neither labels: nor head: in the corpus; SZZ needs the commit whose history it labels")
    remedy = "take labels from outside (labels: in the corpus)"
    return Job(project, repo, repo.resolve(entry["head"]), variant=variant, since=since, until=until, most=entry.get("most"), remedy=remedy)


def clone_of(name: str, clones: Path) -> Path | None:
    """Where the clone of OWNER/NAME lies in a folder of clones named OWNER+NAME; None where there is none."""
    path = clones / name.replace("/", "+")
    return next((p for p in (path, path / "repo") if (p / ".git").exists() or (p / "HEAD").exists()), None)


def read_corpus(corpus: Path, *needed: str) -> list[dict[str, Any]]:
    """The projects of a corpus file, each with the file's own `most:` (rows a table, if there is one) unless it has another.

    Args:
        needed: what each project must say beside ENTRY.
    Raises:
        UsageError: it cannot be read or is no YAML, it lists no projects, or an entry lacks what it must say or has a day, role, text or number that is none.
    """
    try:
        text = corpus.read_text("utf-8")
        yaml_text.parse(text, str(corpus))
        document = yaml.safe_load(text)
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise UsageError(f"{corpus} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    projects = document.get("projects") if isinstance(document, dict) else None
    if not isinstance(projects, list) or not projects:
        raise UsageError(f"{corpus} lists no projects; expected projects: with an entry for each table, as training/corpus.yaml has them")
    for number, entry in enumerate(projects, 1):
        missing = [key for key in (*ENTRY, *needed) if not isinstance(entry, dict) or key not in entry]
        if missing:
            raise UsageError(f"{corpus}: entry {number} of projects lacks {', '.join(missing)}")
        for key in TEXTS:
            if not isinstance(entry.get(key, ""), str):
                raise UsageError(f"{corpus}: entry {number} of projects has {key}: {entry[key]!r}; expected text, in quotes where it looks like a number")
        check_name(entry["project"], f"{corpus}: project:")
        entry["until"] = _day(str(entry["until"]))
        if "since" in entry:
            _day(str(entry["since"]))
        if entry["role"] not in ROLES:
            raise UsageError(f"{corpus}: {entry['project']} has the role {entry['role']!r}; expected {' or '.join(ROLES)}")
    shared = {"most": document["most"]} if "most" in document else {}
    entries = [shared | project for project in projects]
    for entry in entries:
        most = entry.get("most")  # nothing, or null where one project has no limit
        if most is None:
            continue
        if isinstance(most, bool) or not isinstance(most, int) or most < 1:
            raise UsageError(f"{corpus}: {entry['project']} has most: {most!r}; expected a whole number of rows, 1 or more")
    return entries


def mined_of(corpus: Path) -> list[dict[str, Any]]:
    """The entries of a corpus file, each with a clone to read, when the list beside it forbids none of them.

    Raises:
        UsageError: as `read_corpus` and `refuse_off_limits`.
    """
    entries = read_corpus(corpus, "clone")
    for entry in entries:
        refuse_off_limits([entry["repository"], entry["clone"]], corpus.parent / "off-limits.txt")
    return entries


def refuse_off_limits(names: list[str], listing: Path) -> None:
    """Stop when a repository must not feed a model that ships.

    Raises:
        UsageError: a name matches the list, or there is no list.
    """
    for name in names:
        hit = off_limits(name, listing)
        if hit:
            raise UsageError(f"{name} is off limits ({hit} in {listing}); take it out of the corpus")


def off_limits(name: str, listing: Path) -> str | None:
    """The line of the list that forbids a repository, None where none does.

    Raises:
        UsageError: there is no list.
    """
    if not listing.exists():
        raise UsageError(f"{listing} is missing; without it nothing is mined for a model that ships")
    patterns = (line.strip().lower() for line in listing.read_text("utf-8").splitlines() if line.strip() and not line.startswith("#"))
    return next((pattern for pattern in patterns if fnmatchcase(name.lower(), pattern)), None)


# -- clones of a user -------------------------------------------------------------------------------------


def jobs_of(
    paths: Sequence[Path], project: str | None, labels: Path | None, variant: str, since: str | None, until: str | None, unit: str = COMMITS
) -> list[Job]:
    """A job for the HEAD of each clone, its table named after the folder, or after `project` where there is one clone.

    Args:
        since, until: the first and the last day (UTC, YYYY-MM-DD) of the commits that get rows.
    Raises:
        UsageError: two tables would have one name, a name is that of no file, a day is none, or the first comes after the last.
        GitError: no repository there, or one without commits.
    """
    if project and len(paths) > 1:
        raise UsageError(f"--project {project} names one table, but {len(paths)} repositories are given; mine them one at a time")
    if project:
        check_name(project, "--project")
    start, end = _start_of(_day(since)) if since else None, _end_of(_day(until)) if until else None
    if start is not None and end is not None and start > end:
        raise UsageError(f"--since {since} comes after --until {until}, so that no commit lies between; turn them round")
    jobs = []
    for repo in (Repository.discover(path, os.environ) for path in paths):
        jobs.append(Job(project or name_of(repo), repo, repo.resolve("HEAD"), labels, project if labels else None, variant, start, end, unit=unit))
    for job in jobs:
        if sum(job.project == other.project for other in jobs) > 1:
            raise UsageError(
                f"two of the repositories are called {job.project}, and each needs a table of its own; mine them one at a time with --project NAME"
            )
    return jobs


def mine_all(jobs: Sequence[Job], output: Path, progress: Progress) -> int:
    """Make the table of each job; one that cannot be made does not stop the others.

    Returns:
        0 when all tables were made, 5 when some were.
    Raises:
        UsageError: none could be made; the message is that of the last.
    """
    refused: list[UsageError] = []
    for job in jobs:
        try:
            run(job, output, _of(job.project, progress))
        except UsageError as error:
            refused.append(error)
            if len(jobs) > 1:
                progress(f"{job.project}: not mined: {error}")
    if len(refused) == len(jobs):
        raise refused[-1]
    return 5 if refused else 0


def check_name(project: str, source: str) -> None:
    """A table can be named so: it lies in the output folder itself, where a search for tables finds it.

    Raises:
        UsageError: the name leads elsewhere, hides the file, or none can have it.
    """
    if (
        not project.strip()
        or project.startswith(".")
        or any(letter in "/\\" or not letter.isprintable() for letter in project)
        or len(os.fsencode(project)) > LONGEST_NAME
    ):
        raise UsageError(
            f"{source} {project[:60]!r} is no name for a table; take a plain one, without slashes, no dot in front and at most {LONGEST_NAME} bytes"
        )


def name_of(repo: Repository) -> str:
    """The name of the folder that a person sees: a bare clone's without `.git`; in a folder of clones that of OWNER+NAME/repo is OWNER+NAME."""
    folder = repo.top or repo.git_dir
    if folder.name == ".git" or (folder.name == "repo" and "+" in folder.parent.name):
        folder = folder.parent
    return folder.name.removesuffix(".git") or "repository"


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{text!r} is no day; expected YYYY-MM-DD") from None


def _of(project: str, progress: Progress) -> Progress:
    return lambda text: progress(f"{project}: {text}")


def _start_of(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


def _end_of(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, 23, 59, 59, tzinfo=UTC).timestamp())
