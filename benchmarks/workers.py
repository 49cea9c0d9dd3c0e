"""What is measured inside a process of its own: `python workers.py TASK …` prints one JSON object.

Imports come before the clock starts, so neither side of a comparison pays for them. Nothing heavy is imported
before a task needs it: the peak task must be smaller than what it watches.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter, process_time_ns
from typing import Any


class Clock:
    """Wall and CPU seconds of a block; CPU counts the children that have ended by then."""

    def __enter__(self) -> Clock:
        self._cpu, self._wall = _cpu(), perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self.wall_s, self.cpu_s = perf_counter() - self._wall, _cpu() - self._cpu

    def as_json(self, **more: Any) -> dict[str, Any]:
        return {"wall_s": self.wall_s, "cpu_s": self.cpu_s, **more}


def _cpu() -> float:
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return process_time_ns() / 1e9 + ended.ru_utime + ended.ru_stime


def walk(directory: str, values: str = "") -> dict[str, Any]:
    """Features of every commit of HEAD that is no merge; with `values` also a file of what was counted."""
    from codex_gate.git import Repository
    from codex_gate.walk import walk as walk_history

    found = []
    with Clock() as clock:
        repo = Repository.discover(Path(directory), os.environ)
        measured = 0
        for row in walk_history(repo, repo.log("HEAD"), None):
            measured += 1
            if values:
                found.append((row.commit.sha, [(f.path, f.added, f.deleted) for f in row.commit.files]))
    if values:
        _write_lines(values, found)
    return clock.as_json(commits=measured)


def pydriller(directory: str, values: str, commits: str = "") -> dict[str, Any]:
    """PyDriller's files, added and deleted lines and renames: of all non-merge commits, or of those listed in `commits`."""
    from pydriller import Git, Repository

    def chosen() -> Iterator[Any]:
        if commits:
            git = Git(directory)
            yield from map(git.get_commit, Path(commits).read_text("ascii").split())
        else:
            yield from Repository(directory, only_no_merge=True).traverse_commits()

    found = []
    with Clock() as clock:
        for commit in chosen():
            files = [(m.new_path, m.old_path, m.added_lines, m.deleted_lines) for m in commit.modified_files]
            found.append((commit.hash, files))
    _write_lines(values, [(sha, [(new or old, added, deleted) for new, old, added, deleted in files]) for sha, files in found])
    return clock.as_json(commits=len(found))


def _write_lines(path: str, found: list[Any]) -> None:
    fresh = Path(path).with_suffix(".new")
    with fresh.open("w", encoding="ascii") as out:
        out.writelines(json.dumps(entry) + "\n" for entry in found)
    fresh.replace(path)


def one_row(directory: str, calls: str) -> dict[str, Any]:
    """Seconds of each of `calls` single predictions: the command's own path, the bare forest, onnxruntime."""
    from importlib.util import find_spec

    from codex_gate.features import vector
    from codex_gate.git import Repository
    from codex_gate.model import Model, default_directory
    from codex_gate.walk import walk as walk_history

    repo = Repository.discover(Path(directory), os.environ)
    model = Model.load(default_directory())
    measured = [row.features for row in walk_history(repo, repo.log("HEAD"), None)]
    asked = [measured[i % len(measured)] for i in range(int(calls))]
    rows = [vector(features, model.feature_names) for features in asked]
    times = {"command": _each(model.risk, asked), "forest": _each(model.forest.predict, rows)}
    if find_spec("onnxruntime"):
        import numpy as np

        session = model.session()
        arrays = [np.asarray([row], dtype=np.float32) for row in rows]
        times["onnxruntime"] = _each(lambda x: session.run(["probabilities"], {"features": x}), arrays)
    return {"model": model.version, "trees": model.forest.n_trees, "nodes": model.forest.n_nodes, "seconds": times}


def _each(function: Callable[[Any], Any], arguments: list[Any]) -> list[float]:
    for argument in arguments[:200]:  # pages mapped, caches warm: a second prediction is what a screen of files makes
        function(argument)
    times = []
    for argument in arguments:
        started = perf_counter()
        function(argument)
        times.append(perf_counter() - started)
    return times


def gate(hidden: str, *arguments: str) -> None:
    """The command with some modules (comma-separated) made unimportable; never returns."""
    for name in filter(None, hidden.split(",")):
        sys.modules[name] = None  # type: ignore[assignment]  # find_spec() and import both take this as "not installed"
    from codex_gate.cli import main

    sys.exit(main(arguments))


def peak(*command: str) -> dict[str, Any]:
    """Largest memory of a command's process tree, watched from a process that is small itself, and by whom.

    A child's own ru_maxrss starts at the size of the process that made it; hence the detour.
    """
    import subprocess
    import threading

    seen: dict[str, int] = {}
    done = threading.Event()
    with Clock() as clock:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        watch = threading.Thread(target=_watch, args=(process.pid, seen, done))
        watch.start()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        done.set()
        watch.join()
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return clock.as_json(code=process.returncode, peak_kib=usage.ru_maxrss, watcher_kib=own, by_process_kib=seen)


def _watch(root: int, seen: dict[str, int], done: Any) -> None:
    """Note the high-water mark of each process of the tree, by name, until `done`."""
    while not done.wait(0.05):
        waiting = [root]
        while waiting:
            here = Path(f"/proc/{waiting.pop()}")
            try:
                status = dict(line.split(":", 1) for line in (here / "status").read_text().splitlines())
                words = (here / "cmdline").read_text().split("\0")
                children = [c for task in (here / "task").iterdir() for c in (task / "children").read_text().split()]
            except (OSError, ValueError):  # it ended meanwhile
                continue
            waiting += map(int, children)
            name = _short_name(words)
            seen[name] = max(seen.get(name, 0), int(status.get("VmHWM", "0 kB").split()[0]))


def _short_name(words: list[str]) -> str:
    if Path(words[0]).name != "git":
        return "codex-gate, second process" if "codex_gate.aside" in " ".join(words) else "codex-gate"
    known = ("log", "diff-tree", "cat-file", "rev-list", "rev-parse")
    return next((f"git {word}" for word in words if word in known), "git")


TASKS: dict[str, Callable[..., Any]] = {"walk": walk, "pydriller": pydriller, "one-row": one_row, "gate": gate, "peak": peak}


if __name__ == "__main__":
    print(json.dumps(TASKS[sys.argv[1]](*sys.argv[2:])))
