"""Fixed reports for the reporters' tests, and the golden files made of them.

tests/golden/reporters/NAME.SUFFIX is what a reporter makes of the report NAME here. After a change that is
meant, write them anew from the repository's root, read the difference, and say in the commit why it is right:

    python tests/codex_gate/reporters/example_reports.py
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from codex_gate import __version__
from codex_gate.reporters import REPORTERS, Terminal
from codex_gate.types import Classification, CommitFeatures, Evidence, FileFocus, Finding, Level, Notice, Reason, Report, Thresholds

GOLDEN: Final = Path(__file__).resolve().parents[2] / "golden" / "reporters"
NAN: Final = float("nan")
NAMES: Final = ("ns", "nd", "nf", "entropy", "la", "ld", "lt", "fix", "exp", "rexp", "sexp", "fixes_year_sum", "touches_sum", "own_share", "complexity_delta")
LIMITS: Final = Thresholds(1000, 0.181, {Level.MODERATE: 0.24, Level.HIGH: 0.3831, Level.CRITICAL: 0.6149})
SHALLOW: Final = Notice(
    "shallow",
    "this clone is shallow: what happened before is not known, so history measures are unknown and no level is given; fetch with full depth (fetch-depth: 0)",
)

NASTY: Final = {
    "escape": "red \x1b[31malert\x1b[0m \x1b]8;;http://evil.example\x07link\x1b]8;;\x07",
    "newlines": "first\nsecond\r\nthird\vfourth\ffifth\x85sixth\u2028seventh\u2029eighth",
    "workflow command": "::error file=app.py,line=1::owned",
    "indented command": "  ::set-output name=x::y",
    "old command": "fix ##[error]owned ##vso[task.setvariable variable=x]y ##teamcity[x]",
    "command on its own line": "title\n::warning::owned\n##[group]x",
    "bidi": "access\u202e\u2066// user\u2069\u2066 only",
    "invisible": "zero\u200bwidth\ufeff joiner\u200d soft\u00adhyphen tag\U000e0041",
    "zalgo": "z" + "\u0301\u0316" * 20 + "algo",
    "controls": "".join(map(chr, [*range(32), *range(127, 160)])),
    "rich markup": "[bold red]x[/bold red] [link=http://evil.example]y[/link] [/] :bomb: [@click=app.quit]z",
    "backticks": "`a` ``b`` ```c``` ` `` ``` ````",
    "only backticks": "```",
    "table": "a|b\\|c\\\\|d | --- | --- |",
    "mentions": "@everyone and @org/team, #1, GH-2, org/repo#3, (@alice), a@b.example, @\u200bbob",
    "links": "[click](http://evil.example) <http://evil.example> http://evil.example www.evil.example ![i](//e.example/x.png) [r]: //e.example",
    "html": "<script>alert(1)</script></details><!-- x --><img src=x onerror=y>&lt;&#64;bob",
    "markdown blocks": "# h\n- [ ] task\n> [!CAUTION]\n```suggestion\n1. one",
    "not UTF-8": "caf\udce9 \udcff\udcfe.py",
    "lone surrogates": "\ud800x\udfff",
    "wide": "修复连接池的死锁问题并更新文档" * 4 + " 👩\u200d💻",
    "quotes": "\"';`$(id)${{ github.token }}\\u001b[31m%0A::error::x {0} {{1}}",
    "blank": " \t ",
    "empty": "",
    "long": "x" * 3000 + "@" + "y" * 3000,
    "long words": " ".join(["::error::" + "z" * 60] * 12),
}
"""What a stranger may write into a title, a path or a line of code."""


def sha(name: object) -> str:
    return hashlib.sha1(str(name).encode()).hexdigest()


def measures(**known: float) -> CommitFeatures:
    """Some measures, unknown unless they are given; fewer than there are, so that a new one leaves the golden files alone."""
    return CommitFeatures({name: known.get(name, NAN) for name in NAMES})


def commit(name: object, risk: float | None, level: Level, title: str, **more: object) -> Finding:
    values: dict[str, object] = {
        "percentile": None if risk is None else round(100 * risk**0.5, 1),
        "classifications": (),
        "features": measures(nf=2, la=31, ld=4, entropy=0.918296),
    }
    values |= more
    return Finding(sha(name), title, risk, level, **({"above": values["percentile"]} | values))  # type: ignore[arg-type]


def high() -> Report:
    change = commit(
        4, 0.4127, Level.HIGH, "4 commits, the last: net: close idle connections when the pool shrinks",
        percentile=94.3,
        classifications=(
            Classification("ConcurrencyBugs", 0.72, (
                Evidence("src/net/pool.py", 88, "self._lock.acquire("), Evidence("message", 0, "deadlock"), Evidence("src/net/worker.py", 14, "threading.Thread(target=self._run)"),
            )),
            Classification("ResourceLeaks", 0.55, (Evidence("message", 0, "idle connections"),)),
            Classification("ConfigurationErrors", 0.2, (Evidence("deploy/pool.yaml", 0, "deploy/pool.yaml"),)),
        ),
        features=measures(ns=2, nd=3, nf=5, entropy=0.81, la=214, ld=37, lt=1903, fix=0, exp=12, rexp=3.25, sexp=2, own_share=0.0, touches_sum=61, complexity_delta=9),
        reasons=(
            Reason("fixes_year_sum", 7, 0.1212, "commits that speak of a fix touched these files 19 times, 7 of them in the last year; one file alone 5 (latest 12 days ago)"),
            Reason("la", 214, 0.0841, "214 lines added and 37 deleted"),
            Reason("own_share", 0, 0.0467, "the author made 12 commits here before, 2 of them in these top-level directories, and never changed these files"),
            Reason("test_share", 0.42, -0.0309, "of the changed lines 58 % in source files, 42 % in tests"),
        ),
        files=(
            FileFocus("src/net/pool.py", 88, 0.38, "120 lines added, 21 deleted; 18 earlier commits to it speak of a fix"),
            FileFocus("src/net/worker.py", 14, 0.29, "44 lines added, 16 deleted"),
            FileFocus("src/main/java/org/example/platform/transport/internal/ConnectionPoolShrinkingStrategyFactory.java", 203, 0.21, "8 lines added, 0 deleted"),
        ),
    )  # fmt: skip
    commits = (
        commit(1, 0.082, Level.LOW, "net: move the pool into its own module"),
        commit(2, 0.263, Level.MODERATE, "net: keep connections per host, at most three of them, and count those that are waiting for a reply"),
        commit(3, 0.011, Level.LOW, "tests: cover the pool"),
        commit(4, 0.391, Level.HIGH, "net: close idle connections when the pool shrinks"),
    )
    notices = (Notice("binary-files", "1 of 5 files is binary or larger than the diff limit: it has no lines to count"),)
    return Report("main..feature", change, commits, LIMITS, notices, "2026.11-1f9c", 0.418, "acme/transport")


def low() -> Report:
    change = commit(
        8, 0.0563, Level.LOW, "3 commits, the last: docs: say how to build",
        percentile=21.0, reasons=(Reason("la", 9, -0.05, "9 lines added and 2 deleted"),),
        classifications=(Classification("ConfigurationErrors", 0.4, (Evidence("docs/build.md", 3, "environment variable"),)),),
        files=(FileFocus("docs/build.md", 3, 0.05, "9 lines added, 2 deleted"),),
    )  # fmt: skip
    commits = (commit(6, 0.031, Level.LOW, "docs: typo"), commit(7, 0.0029, Level.LOW, "docs: links"), commit(8, 0.052, Level.LOW, "docs: say how to build"))
    return Report("main..docs", change, commits, LIMITS, (), "2026.11-1f9c", 0.203, "acme/transport")


def shallow() -> Report:
    change = commit(
        9, None, Level.UNKNOWN, "net: fix a race in the pool", features=measures(),
        classifications=(Classification("ConcurrencyBugs", 0.8, (Evidence("message", 0, "race"), Evidence("src/net/pool.py", 40, "volatile"))),),
        notices=(Notice("shallow-edge", "the parent of this commit is not in this clone: it looks as if it added every file"),),
    )  # fmt: skip
    return Report(f"commit {sha(9)[:7]}", change, (), Thresholds(0, 0.181), (SHALLOW,), "2026.11-1f9c", 0.12, "acme/transport")


def young() -> Report:
    change = commit(5, 0.27, Level.UNKNOWN, "staged changes", percentile=None, reasons=(Reason("nf", 1, 0.02, "1 file"),))
    notices = (Notice("little-history", "12 earlier changes on this branch: fewer than 50 cannot be compared with, so no level is given"),)
    return Report("staged changes", replace(change, sha=None), (), Thresholds(12, 0.181), notices, "2026.11-1f9c", 0.09, "new")


def many() -> Report:
    at = ((0.0, Level.LOW), (0.24, Level.MODERATE), (0.3831, Level.HIGH), (0.6149, Level.CRITICAL))
    commits = []
    for i in range(24):
        risk = None if i == 17 else (i * 37 % 24 + 1) / 30
        level = Level.UNKNOWN if risk is None else [name for limit, name in at if risk > limit][-1]
        notices = (Notice("shallow-edge", "the parent of this commit is not in this clone"),) if risk is None else ()
        seen = (Classification("PerformanceIssues", 0.6, (Evidence("src/cache.py", 7 + i, "lru_cache"),)),) if i % 5 == 0 else ()
        focus = (FileFocus("src/cache.py", 7 + i, 0.1, "3 lines added, 1 deleted"),) if i % 3 else ()
        commits.append(commit(f"many {i}", risk, level, f"change number {i} of the cache", classifications=seen, files=focus, notices=notices))
    return Report("v1.0..v1.1", None, tuple(commits), Thresholds(0, 0.181), (), "2026.11-1f9c", 1.94, "acme/transport")


def crowded() -> Report:
    """A change of 600 commits with titles and notices at the length of their limits."""
    base = high()
    commits = tuple(commit(f"crowd {i}", 0.001 * i, Level.LOW if i < 240 else Level.MODERATE, f"{i} " + "long words | " * 40) for i in range(600))
    return Report(
        base.scope, base.change, commits, LIMITS, tuple(Notice("index", f"{i} " + "@a " * 200) for i in range(60)), base.model_version, 12.5, base.repository
    )


def empty() -> Report:
    return Report(
        "main..main",
        None,
        (),
        Thresholds(0, 0.181),
        (Notice("empty-range", "main..main holds no commits: there is nothing to screen"),),
        "2026.11-1f9c",
        0.05,
        "acme/transport",
    )


def hostile(text: str, level: Level = Level.CRITICAL) -> Report:
    """The same nasty text in every place that an outsider can write to."""
    change = commit(
        0, 0.83, level, text, percentile=99.95,
        classifications=(Classification("SecurityVulnerabilities", 0.91, (Evidence(text, 3, text), Evidence("message", 0, text))), Classification(None, 0.0)),
        reasons=(Reason("exp", NAN, 0.2, f"nobody but {text} has touched {text}"), Reason("la", 1, -0.1, text)),
        files=(FileFocus(text, 3, 0.5, f"renamed from {text}"), FileFocus(f"src/{text}", 0, 0.4, text)),
        notices=(Notice("binary-files", text),),
    )  # fmt: skip
    commits = (commit("a", 0.83, Level.CRITICAL, text), commit("b", None, Level.UNKNOWN, f"x{text}", notices=(Notice("shallow-edge", f"not read: {text}"),)))
    return Report(text, change, commits, LIMITS, (Notice("index", f"damaged: {text}"),), text, 0.5, text)


REPORTS: Final[Mapping[str, Report]] = {
    "high": high(), "low": low(), "shallow": shallow(), "young": young(), "many": many(), "empty": empty(),
    "hostile": hostile("a|`b`\x1b[31m\n::error::\u202e @org/team #1 <b>[x](//e) caf\udce9 ##[group]"),
}  # fmt: skip

SUFFIXES: Final = {
    "80.txt": Terminal(80),
    "120.txt": Terminal(120),
    "ansi": Terminal(80, colour=True),
    "json": REPORTERS["json"],
    "jsonl": REPORTERS["jsonl"],
    "md": REPORTERS["markdown"],
    "sarif": REPORTERS["sarif"],
}


def golden() -> dict[str, str]:
    """What the golden files must hold, by name; what a release changes is taken out, and the definitions that SARIF holds."""
    return {f"{name}.{suffix}": _steady(suffix, reporter.render(report)) for name, report in REPORTS.items() for suffix, reporter in SUFFIXES.items()}


def _steady(suffix: str, text: str) -> str:
    if suffix == "json":
        return text.replace(f'"version": "{__version__}"', '"version": "…"')
    if suffix == "sarif":
        log = json.loads(text)
        driver = log["runs"][0]["tool"]["driver"]
        driver["rules"] = [rule["id"] for rule in driver["rules"]]
        driver["version"] = driver["semanticVersion"] = "…"
        return json.dumps(log, indent=1, ensure_ascii=False) + "\n"
    return text


def main() -> None:
    GOLDEN.mkdir(parents=True, exist_ok=True)
    wanted = golden()
    for path in GOLDEN.iterdir():
        if path.name not in wanted:
            path.unlink()
    for name, text in wanted.items():
        (GOLDEN / name).write_bytes(text.encode())
    print(f"{len(wanted)} golden files")


if __name__ == "__main__":
    main()
