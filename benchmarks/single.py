"""Rows about one screen as its users wait for it: whole processes, beside the peers where they do the same."""

from __future__ import annotations

import json
import random
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, Final, NamedTuple

from benchmarks import peers
from benchmarks.bench import Bench, Block, Figure, Place, SkipRow, git, milliseconds, sample, times
from benchmarks.measure import TIMED_OUT, Sample, interleave, ratio, run, spread

OURS: Final = "codex-gate"
_NEWEST: Final = 500  # commits at the end of the oldest fifth, of which some are timed (chosen)
MIN_ROUNDS: Final = 15  # for processes of a tenth of a second (chosen)
_CODE: Final = (".py", ".c", ".h", ".cc", ".cpp", ".java", ".js", ".ts", ".go", ".rs", ".rb", ".php", ".cs", ".txt")


class Calls(NamedTuple):
    """What warming up took on a repository, and for each chosen commit what every tool took and said."""

    warmed: dict[str, float]
    taken: list[dict[str, Any]]


def staged(bench: Bench) -> Block:
    """`screen --staged` of three files with a warm index."""
    where = bench.clone(bench.options.repository)
    paths = stage(where)
    try:
        bench.run_gate("--staged", repository=where)  # the index is warm from here on
        taken = interleave(
            {
                "screen --staged": lambda: sample(bench.run_gate("--staged", repository=where)),
                "git diff --cached --numstat": lambda: sample(run(["git", "-C", str(where), "diff", "--cached", "--numstat"])),
                "python -c pass": lambda: sample(run([sys.executable, "-c", "pass"])),
            },
            max(MIN_ROUNDS, bench.options.rounds),
        )
    finally:
        git(where, "reset", "--quiet", "--hard")
    mid = median(s.wall_s for s in taken["screen --staged"])
    figure = Figure("`screen --staged`, 3 files, whole process, median", mid * 1000, milliseconds(mid), 400, 150, unit=" ms")
    how = f"Three files that the newest commits touched ({', '.join(f'`{p}`' for p in paths)}), each with a line more in its middle, staged; the report goes to a pipe."
    return Block((figure,), how, {name: spread(samples) for name, samples in taken.items()})


def stage(where: Path, more: int = 1) -> list[str]:
    """Edit and stage three program files of the newest commits, `more` lines in the middle of each; their paths."""
    git(where, "reset", "--quiet", "--hard")
    seen = dict.fromkeys(git(where, "log", "-n", "200", "--format=", "--name-only", "-z").split("\0"))
    chosen = [p for p in map(str.strip, seen) if p.endswith(_CODE) and (where / p).is_file() and (where / p).stat().st_size > 200][:3]
    for path in chosen:
        lines = (where / path).read_bytes().split(b"\n")
        lines[len(lines) // 2 : len(lines) // 2] = [b"" if more == 1 else b"x%d = %d" % (k, k) for k in range(more)]
        (where / path).write_bytes(b"\n".join(lines))
    git(where, "add", "--", *chosen)
    return chosen


def change(bench: Bench) -> Block:
    """`screen BASE..HEAD` of about ten commits and twenty files, without and with the index."""
    place = bench.options.repository
    where, facts = bench.clone(place), bench.facts(place)
    base, head, commits, files = _range(where)
    command = partial(bench.run_gate, f"{base}..{head}", repository=where)

    def cold() -> Sample:
        shutil.rmtree(where / ".git" / "codex-gate", ignore_errors=True)
        return sample(command())

    command()
    taken = interleave({"cold index": cold, "warm index": lambda: sample(command()), "git log --raw": partial(_raw_log, where)}, bench.options.rounds)
    slow, quick = (median(s.wall_s for s in taken[name]) for name in ("cold index", "warm index"))
    figures = (
        Figure("cold index, median", slow, f"{slow:.2f} s", 10, 3, unit=" s"),
        Figure("warm index, median", quick, f"{quick:.2f} s", 1.5, 0.6, unit=" s"),
    )
    how = (
        f"`screen {base[:12]}..{head[:12]}`: {commits} commits, {files} files, on {facts['commits']:,} commits of history. "
        "Cold means that the folder of the index was removed before each run; the work before it and the page cache stay."
    )
    notes = () if facts["commits"] >= 5000 else (f"This repository has {facts['commits']:,} commits; the goal is set for 5,000.",)
    return Block(figures, how, {name: spread(samples) for name, samples in taken.items()}, notes)


def _raw_log(where: Path) -> Sample:
    return sample(run(["git", "-C", str(where), "log", "--raw", "-M", "--format=%H"]))


def _range(where: Path, commits: int = 10, files: int = 20, search: int = 300) -> tuple[str, str, int, int]:
    """(base, head, commits, files) of the range on the newest first-parent line that comes closest to the sizes asked for."""
    line = git(where, "rev-list", "--first-parent", "-n", str(search), "HEAD").split()
    found = min(_ranges(where, line, commits), key=lambda r: (abs(r[2] - commits), abs(r[3] - files)), default=None)
    if found is None:
        raise SkipRow("the repository has a single commit")
    return found


def _ranges(where: Path, line: list[str], commits: int) -> Iterator[tuple[str, str, int, int]]:
    """For each head, the shortest range that holds at least `commits` commits (or all there are)."""
    at = 1
    for i, head in enumerate(line[:-1]):
        at = max(at, i + 1)
        while (n := int(git(where, "rev-list", "--count", "--no-merges", f"{line[at]}..{head}"))) < commits and at < len(line) - 1:
            at += 1
        yield line[at], head, n, len(git(where, "diff", "--name-only", "-M", "-z", line[at], head).rstrip("\0").split("\0"))


# -- beside the peers ----------------------------------------------------------------------------------


def commit(bench: Bench) -> Block:
    """`screen --commit SHA` beside the peers on the same random commits, on a large and on a small repository."""
    options = bench.options
    big, small = options.labelled or options.large, options.repository
    if big is None:
        raise SkipRow("needs --labelled or --large, a repository of 12,000 commits or more")
    calls = {place.name: _calls(bench, place) for place in (big, small)}
    there = calls[big.name].taken
    figures = [figure for peer in peers.installed(options.peers) if (figure := _faster(peer, there))]
    figures.append(_growth(bench, big))
    how = (
        f"{len(there)} random commits of {big.name} and {len(calls[small.name].taken)} of {small.name}, seed {options.seed}: each is asked of every tool in turn, "
        f"a cold process each, its time limit {options.peer_timeout_s:.0f} s. Ours with a warm index: HEAD and the parents of these commits were screened before the clock "
        "ran. The peers need no step before; each had one call to warm what it caches. `jit` is the old name of `bca vcs commit`. "
        "Flat is read as within 1.25× (chosen); the oldest fifth is a clone of its own."
    )
    notes = [_built(name, known.warmed) for name, known in calls.items()]
    notes += [note for peer in peers.installed(options.peers) for note in _ended(peer.name, there)]
    notes.append(_shallow(bench))
    if (n := bench.facts(big)["commits"]) < 12000:
        notes.append(f"{big.name} has {n:,} commits; the goal is set for 12,000.")
    times_of = {f"{name}, {place}": _timed(name, known.taken) for place, known in calls.items() for name in _tools(bench)}
    return Block(tuple(figures), how, times_of, tuple(notes), {name: known._asdict() for name, known in calls.items()})


def _faster(peer: peers.Peer, taken: list[dict[str, Any]]) -> Figure | None:
    """How often our time goes into the peer's; None when it never answered."""
    pairs = [(c[peer.name]["wall_s"], c[OURS]["wall_s"]) for c in taken if c[peer.name]["code"] in (0, TIMED_OUT)]
    if not pairs:
        return None
    against = ratio(*zip(*pairs, strict=True))
    return Figure(f"faster than `{peer.shown()}`", against.mid, times(against), 1, 5, "higher", "×")


def _growth(bench: Bench, place: Place) -> Figure:
    """Our time on the whole repository over that on its oldest fifth, on the same commits."""
    whole = bench.clone(place)
    line = git(whole, "rev-list", "--first-parent", "HEAD").split()
    early, tip = bench.early(place, line[len(line) * 4 // 5])
    newest = git(early, "rev-list", "--no-merges", "-n", str(_NEWEST), tip).split()
    chosen = random.Random(bench.options.seed).sample(newest, min(len(newest), bench.options.peer_timings))

    def pair(sha: str) -> list[float]:
        return [bench.run_gate("--commit", sha, repository=where).wall_s for where in (whole, early)]

    for where in (whole, early):
        for sha in _parents(where, chosen):
            bench.run_gate("--commit", sha, repository=where)
    pairs = bench.cached("growth", [bench.fingerprint, chosen], lambda: [pair(sha) for sha in chosen])
    against = ratio(*zip(*pairs, strict=True))
    n, m = bench.facts(place)["commits"], int(git(early, "rev-list", "--count", tip))
    what = f"our time on {n:,} commits over that on the oldest {m:,}, the same {len(chosen)} commits"
    return Figure(what, against.mid, f"{against.mid:.2f}× ({against.low:.2f}–{against.high:.2f})", None, 1.25, unit="×")


def _parents(where: Path, chosen: Sequence[str]) -> list[str]:
    """First and further parents of commits, of the newest commit first."""
    return list(dict.fromkeys(git(where, "log", "--no-walk", "--date-order", "--format=%P", *chosen).split()))


def _timed(name: str, taken: list[dict[str, Any]]) -> dict[str, float]:
    return spread([Sample(c[name]["wall_s"], c[name]["cpu_s"]) for c in taken])


def _tools(bench: Bench) -> list[str]:
    return [OURS, *(peer.name for peer in peers.installed(bench.options.peers))]


def _calls(bench: Bench, place: Place) -> Calls:
    """For each chosen commit what every tool took and said; finished commits are kept."""
    where, chosen = bench.clone(place), _chosen(bench, place)
    key = [bench.fingerprint, bench.facts(place)["head"], _tools(bench), bench.options.peer_timeout_s]
    warmed = bench.cached("warm", [*key, chosen], partial(_warm, bench, where, chosen))
    return Calls(warmed, [bench.cached("commit", [*key, sha], partial(_ask_all, bench, where, sha)) for sha in chosen])


def _chosen(bench: Bench, place: Place) -> list[str]:
    """k random commits that are no merge, the same for the same seed and head."""
    everything = bench.all_commits(place).read_text("ascii").split()
    return random.Random(bench.options.seed).sample(everything, min(len(everything), bench.options.peer_timings))


def _warm(bench: Bench, where: Path, chosen: list[str]) -> dict[str, float]:
    """Build the index, and let every tool fill its caches with commits that are not timed: HEAD, and for us the parents of the chosen ones."""
    shutil.rmtree(where / ".git" / "codex-gate", ignore_errors=True)
    first = bench.run_gate("--commit", "HEAD", repository=where).wall_s
    later = [bench.run_gate("--commit", sha, repository=where).wall_s for sha in _parents(where, chosen)]
    for peer in peers.installed(bench.options.peers):
        peers.ask(peer, _binaries(bench), where, "HEAD", bench.work / "home", bench.options.peer_timeout_s)
    return {"head_s": first, "longest_s": max(later, default=0.0)}


def _ask_all(bench: Bench, where: Path, sha: str) -> dict[str, Any]:
    ours = bench.run_gate("--commit", sha, "--format", "json", repository=where)
    said = json.loads(ours.out)
    answers = {"sha": sha, OURS: {"wall_s": ours.wall_s, "cpu_s": ours.cpu_s, "code": ours.code, "risk": said["risk"], "la": said["features"]["la"]}}
    for peer in peers.installed(bench.options.peers):
        ran, scores = peers.ask(peer, _binaries(bench), where, sha, bench.work / "home", bench.options.peer_timeout_s)
        answers[peer.name] = {"wall_s": ran.wall_s, "cpu_s": ran.cpu_s, "code": ran.code, **scores}
    return answers


def _binaries(bench: Bench) -> Path:
    assert bench.options.peers is not None
    return bench.options.peers


def _ended(name: str, calls: list[dict[str, Any]]) -> list[str]:
    codes = [c[name]["code"] for c in calls]
    late, failed = codes.count(TIMED_OUT), sum(code not in (0, TIMED_OUT) for code in codes)
    said = [f"{name} reached the time limit on {late} of {len(codes)} commits; its times there are lower bounds."] if late else []
    return said + ([f"{name} failed on {failed} of {len(codes)} commits; these are left out."] if failed else [])


def _built(name: str, warmed: Mapping[str, float]) -> str:
    first, longest = warmed["head_s"], warmed["longest_s"]
    return (
        f"Once on {name}: the first screen of HEAD, which builds the index, took {first:.1f} s, the longest of the commits that were not timed {longest:.1f} s."
    )


def _shallow(bench: Bench) -> str:
    """What each tool says of HEAD in a clone of depth 1, where the commit looks like the whole tree."""
    where = bench.shallow(bench.options.repository)
    ran = bench.run_gate("--commit", "HEAD", "--format", "json", repository=where, allowed=(0, 5))
    said = json.loads(ran.out)
    notices = {notice["code"] for notice in said["notices"]} | {notice["code"] for notice in (said["change"] or {}).get("notices", ())}
    risk = "unknown" if said["risk"] is None else f"{said['risk']:.3f}"
    told = [f"codex-gate: exit code {ran.code}, risk {risk}, level {said['level']}, notices {', '.join(sorted(notices)) or 'none'}"]
    for peer in peers.installed(bench.options.peers):
        ran, scores = peers.ask(peer, _binaries(bench), where, "HEAD", bench.work / "home", bench.options.peer_timeout_s)
        name = next(iter(peer.scores))
        warned = "stderr says so" if b"shallow" in ran.err.lower() + ran.out.lower() else "not a word about the missing history"
        told.append(
            f"{peer.name} {peer.version(_binaries(bench), peers.environment(bench.work / 'home'))}: exit code {ran.code}, {name} {_number(scores.get(name))} from {_number(scores.get('la'))} added lines, {warned}"
        )
    return f"HEAD of {bench.options.repository.name} in a clone of depth 1 – {'; '.join(told)}."


def _number(value: Any) -> str:
    return "none" if value is None else f"{value:,.2f}".rstrip("0").rstrip(".")
