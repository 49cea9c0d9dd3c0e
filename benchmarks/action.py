"""What the Action costs, from the start of a workflow to its end: `python benchmarks/action.py REPOSITORY`.

REPOSITORY is any local clone; the newest commits that touch 20 files or more are taken for the pull request. The workflow
is run by act (`pip install --group surfaces`) against the tests' double of GitHub; the first run needs a package index.
A clone of its own each time, as a runner has it: no index of the history is kept. Prints a table in Markdown.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT)]

from benchmarks.bench import Place
from benchmarks.measure import Sample, machine, run
from tests.codex_gate.actions import payload
from tests.github_double import GitHub, description

FILES = 20
CACHE_ACTION = re.findall(r"uses: (actions/cache@\w+)", (ROOT / "action.yml").read_text("utf-8"))[0]
WORKFLOW = """
on: pull_request
permissions: {contents: read}
jobs:
  screen:
    runs-on: ubuntu-latest
    steps: [{uses: actions/checkout@v4}, {uses: acme/codex-gate@v1, with: {tier: TIER}}]
"""
TIERS = ("1", "3")


CACHE = "inputs: {path: {}, key: {}}\nruns: {using: composite, steps: [{shell: bash, run: 'true'}]}\n"  # stands in for actions/cache


def git(place: Path, *args: str) -> str:
    """Standard output of git, without the last line end."""
    who = ("-c", "user.name=bench", "-c", "user.email=bench@example.org")
    return subprocess.run(["git", *who, *args], cwd=place, check=True, capture_output=True, text=True).stdout.strip()


def checkout(source: Path, target: Path, tier: str) -> tuple[str, str]:
    """A clone with the merge of a pull request checked out, and the workflow: (base, head)."""
    git(source.parent, "clone", "-q", str(source), str(target))
    head = git(target, "rev-parse", "HEAD")
    for base in git(target, "rev-list", "--first-parent", "-n", "200", "HEAD~1").split():
        if len(git(target, "diff", "--name-only", base, head).splitlines()) >= FILES:
            git(target, "checkout", "-q", "--detach", base)
            git(target, "merge", "-q", "--no-ff", "-m", "merge", head)
            flow = target / ".github" / "workflows" / "codex-gate-benchmark.yml"
            flow.parent.mkdir(parents=True, exist_ok=True)
            flow.write_text(WORKFLOW.replace("TIER", tier), "utf-8")
            return base, head
    sys.exit(f"benchmark: the last 200 changes of {source} touch fewer than {FILES} files")


def once(place: Path, home: Path, own: Path, event: Path, hub: GitHub) -> Sample:
    """One run of the workflow."""
    act = Path(sys.executable).with_name("act")
    command = [act, "pull_request", "-W", place / ".github/workflows/codex-gate-benchmark.yml", "-P", "ubuntu-latest=-self-hosted", "-e", event, "--action-offline-mode",
               "--local-repository", f"{CACHE_ACTION}={own.parent / 'cache'}", "--no-cache-server", "--container-daemon-socket", "-", "-s", "GITHUB_TOKEN=ghs_x", "--local-repository", f"acme/codex-gate@v1={own}",
               "--env", f"GITHUB_API_URL={hub.url}", "--env", "GITHUB_REPOSITORY=acme/shop"]  # fmt: skip
    done = run(command, cwd=place, env={**os.environ, "HOME": str(home)})
    if done.code:
        sys.exit(f"benchmark: the workflow failed\n{done.out.decode(errors='replace')[-2000:]}")
    return Sample(done.wall_s, done.cpu_s)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python benchmarks/action.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("repository", type=Place.parse, metavar="[NAME=]REPOSITORY")
    parser.add_argument("--rounds", type=int, default=5, help="runs with the environment there (default 5)")
    options = parser.parse_args()
    load = os.getloadavg()[0]
    taken: dict[str, list[Sample]] = {tier: [] for tier in TIERS}
    with tempfile.TemporaryDirectory(prefix="codex-gate-bench-") as scratch, GitHub() as hub:
        work, own, event = Path(scratch), Path(scratch, "own"), Path(scratch, "event.json")
        for name in ("action", "codex_gate", "models"):
            shutil.copytree(ROOT / name, own / name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "action.yml", own)
        (work / "cache").mkdir()
        (work / "cache" / "action.yml").write_text(CACHE, "utf-8")
        told = []
        for tier in TIERS:
            hub.comments.clear()
            before = len(hub.calls)
            for k in range(options.rounds + 1):
                place = work / f"clone-{tier}-{k}"
                base, head = checkout(options.repository.path, place, tier)
                event.write_text(json.dumps(payload(base, head)), "utf-8")
                taken[tier].append(once(place, work / "home", own, event, hub))
            told.append((len(hub.comments), sum("comments" in call.path and call.method != "GET" for call in hub.calls[before:])))
        commits, lines = git(place, "rev-list", "--count", "HEAD"), git(place, "diff", "--shortstat", base, head)
    found = machine()
    print(
        f"{options.repository.name}: {int(commits):,} commits; the pull request: {lines}. {found['cpu']}, {found['cores']} cores, Python {found['python']}, {datetime.now(UTC):%Y-%m-%d}, load {load:.1f} before it began.\n"
    )
    print("| what | tier 1 | tier 3 |\n|---|---|---|")
    print(f"| whole workflow, environment cached, median of {options.rounds} | {' | '.join(_spread(taken[tier][1:]) for tier in TIERS)} |")
    print(f"| its CPU time | {' | '.join(f'{median(one.cpu_s for one in taken[tier][1:]):.1f} s' for tier in TIERS)} |")
    print(f"| whole workflow, environment made first | {' | '.join(f'{taken[tier][0].wall_s:.1f} s' for tier in TIERS)} |")
    print(f"| comments after {options.rounds + 1} runs with the same verdict; requests that wrote one | {' | '.join(f'{n}; {m}' for n, m in told)} |")
    if description() is not None:
        print(f"\nRequests that break GitHub's OpenAPI description, of {len(hub.calls)}: {len(hub.invalid)}.")
    return 0


def _spread(samples: list[Sample]) -> str:
    walls = [one.wall_s for one in samples]
    return f"{median(walls):.1f} s ({min(walls):.1f} to {max(walls):.1f})"


if __name__ == "__main__":
    sys.exit(main())
