"""A pull request whose every name is an attack, from real git to every surface of the Action."""

from __future__ import annotations

import gzip
import json
import re
from base64 import b64decode
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from codex_gate.errors import ConfigError
from tests.codex_gate.actions import Step, payload, project
from tests.conftest import DAY, START, Node, Repo
from tests.github_double import GitHub

NAMES = [
    b"a|b.py", b"`x` ``y``.py", b"new\nline.py", b"<img src=x onerror=alert(1)>.py", b"@everyone #1 GH-2.py", b"::error::owned.py", b"##[group]x.py", b"red\x1b[31m.py",
    "bidi\u202e\u2066.py".encode(), b"caf\xe9.py", b"n" * 240 + b".py", b"](http://evil.example).py", b"--output=x.py", b"%0A::set-output name=x::y.py", b"$(touch x);.py", b"-->.py",
]  # fmt: skip
TITLE = "title @everyone #1 `x` | <img src=x onerror=y>\x1b[31m\u202e ##[error]x --> ::error::y " + "long " * 2000
MESSAGE = f"{TITLE}\n\n::error::owned\n##[group]x\n::stop-commands::x\nfix deadlock crash\n"
AUTHOR = "Eve `|` @all ::error:: <eve|@x@evil.example>"
ALIVE = re.compile(r"@\w|#\d|GH-\d|https?:|www\.")


@pytest.fixture(params=[None, *NAMES], ids=lambda name: "all" if name is None else ascii(name[:12])[2:-1])
def step(repo: Repo, hub: GitHub, tmp_path: Path, request: pytest.FixtureRequest) -> Step:
    """One file with an odd name alone, and all of them together."""
    base = project(repo)
    repo.git("checkout", "-q", "-B", "topic", "main")
    for name in NAMES if request.param is None else [request.param]:
        repo.write(b"odd/" + name, "password = 'x'\nos.system(cmd)\n" * 40)
    head = repo.commit(MESSAGE, author=AUTHOR, date=START + 70 * DAY)
    repo.git("checkout", "-q", "--detach", "main")
    repo.merge("topic", date=START + 71 * DAY)
    event = payload(base, head, title=TITLE, body=TITLE, user={"login": "eve"})
    return Step(repo, hub, tmp_path / "runner", event, {"INPUT_SARIF": "true", "GITHUB_HEAD_REF": "x`;|$(x)", "INPUT_COMMENT": "moderate"})


def harmless_markdown(text: str) -> None:
    assert [c for c in text if not c.isprintable() and c != "\n"] == []
    for token in MarkdownIt("commonmark").enable("table").parse(text):
        if token.type == "html_block":
            assert re.fullmatch(
                r"<!-- codex-gate:verdict \{[^<>]*\} -->|<details>|<details>\n<summary>[^<>]*</summary>|</details>|<sub>.*</sub>",
                token.content.strip(),
                re.DOTALL,
            )
        for leaf in token.children or ():
            if leaf.type == "link_open":
                assert re.fullmatch(r"https://github\.com/acme/shop/blob/[0-9a-f]{40}/odd/[\w.~%/-]+#L\d+", str(leaf.attrs["href"]))
            elif leaf.type == "html_inline":
                assert leaf.content in ("<sub>", "</sub>", "<br>", "<summary>", "</summary>")
            elif leaf.type == "text":
                assert not ALIVE.search(leaf.content)
            else:
                assert leaf.type != "image"


def test_every_surface_stays_harmless(step: Step, hub: GitHub) -> None:
    harmless_everywhere(step, hub)


def test_bytes_that_are_no_text_and_names_without_end_stay_harmless(repo: Repo, hub: GitHub, tmp_path: Path) -> None:
    """What no work tree can hold and no client would write, but a push can bring: the commit is made out of its bytes."""
    base = project(repo)
    long, deep = "n" * 10_000 + ".py", "/".join(["d" * 99] * 100) + "/x.py"
    (made,) = repo.build([Node({f"odd/{path}": "password = 'x'\nos.system(cmd)\n" * 40 for path in (long, deep)})], "refs/heads/odd")
    who = b"Ev\xe9 \xff\x1b[31m " + b"a" * 10_000 + b" <\xc3@evil.example> %d +0000" % (START + 70 * DAY)
    text = b"tree %s\nparent %s\nauthor %s\ncommitter %s\n\n" % (repo.git("rev-parse", f"{made}^{{tree}}").encode(), base.encode(), who, who)
    head = repo.git(
        "hash-object", "-t", "commit", "-w", "--literally", "--stdin", stdin=text + b"\xff\xfe title \xe2\x80 @everyone\n\n::error::\xc3\x28\n" + b"x" * 10_000
    )
    environ = {"INPUT_SARIF": "true", "INPUT_COMMENT": "moderate", "INPUT_BASE": base, "INPUT_HEAD": head}
    step = Step(repo, hub, tmp_path / "runner", payload(base, head, user={"login": "eve"}), environ)
    harmless_everywhere(step, hub)
    shown = step.log[1].splitlines()[1:-1]
    assert "\ufffd\ufffd title" in shown[0]
    assert max(map(len, shown)) <= 100  # names are cut, their ends stay
    assert any("n.py:1 " in line for line in shown) and any("/x.py:1 " in line for line in shown)


def harmless_everywhere(step: Step, hub: GitHub) -> None:
    assert step.run() == 0
    harmless_markdown(step.summary)
    for comment in hub.comments:
        harmless_markdown(comment["body"])
        assert len(comment["body"]) <= 65_000
    assert len(hub.comments) == 1
    (check,) = hub.checks
    harmless_markdown(check["output"]["summary"])
    assert all(a["path"].isprintable() and a["message"].isprintable() for a in check["annotations"])
    allowed = re.compile(r"::(stop-commands::[0-9a-f]{32}|[0-9a-f]{32}::|(notice|warning) (file=[^:,]*,line=\d+,)?title=codex-gate::.*)")
    for line in "\n".join(step.log).split("\n"):
        assert line.isprintable()
        assert not re.match(r"\s*::", line) or allowed.fullmatch(line)
        assert not re.search(r"##\w*\[", line)
    assert set(step.outputs) == {"risk", "level", "category", "top-file", "report-json", "report-html", "sarif"}
    assert all(value.isprintable() for value in step.outputs.values())
    page = Path(step.outputs["report-html"]).read_text("utf-8")
    assert "<img" not in page and "evil.example" not in re.sub(r">[^<]*<", "><", page)  # text between tags, and nowhere else
    sarif = json.loads(gzip.decompress(b64decode(hub.sarifs[0]["sarif"])))
    for result in sarif["runs"][0]["results"]:
        assert re.fullmatch(r"odd/[\w.~%/-]+", result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"])


def test_what_cannot_be_screened_is_said_harmlessly(repo: Repo, hub: GitHub, tmp_path: Path) -> None:
    project(repo)
    odd = "x\x1b[31m\n::error::owned\n##[group] <img onerror=x> @everyone"
    step = Step(repo, hub, tmp_path / "runner", None, {"INPUT_BASE": odd})
    with pytest.raises(ConfigError, match="input base"):
        step.run()
    repo.git("update-ref", "refs/heads/edge", "HEAD")
    (repo.path / ".git" / "shallow").write_text(repo.git("rev-parse", "HEAD") + "\n")  # the name may lie beyond the edge
    step.environ["INPUT_DEEPEN"] = "false"
    assert step.run() == 0
    (line,) = step.log
    assert line.startswith("::warning title=codex-gate::nothing was screened") and line.isprintable() and not re.search(r"##\w*\[", line)
    harmless_markdown(step.summary)
