"""A real browser for pages: how wide they lie, how well their text can be read, what they look like.

Chromium runs without a network; a page is put into a frame of the width of a phone, because a window cannot be as narrow.
"""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
_POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy"[^>]*>')
_MEASURE = """
const number = t => { const m = t.match(/[\\d.]+/g).map(Number); return {r: m[0], g: m[1], b: m[2], a: m.length > 3 ? m[3] : 1}; };
const light = c => { const f = v => { v /= 255; return v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; }; return .2126 * f(c.r) + .7152 * f(c.g) + .0722 * f(c.b); };
function behind(e) { for (; e; e = e.parentElement) { const c = number(e.ownerDocument.defaultView.getComputedStyle(e).backgroundColor); if (c.a > .99) return c; } return {r: 255, g: 255, b: 255}; }
frame.onload = () => {
  const d = frame.contentDocument, found = {overflow: d.documentElement.scrollWidth - d.documentElement.clientWidth, worst: 99, where: ''};
  for (const e of d.body.querySelectorAll('*')) {
    if (![...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()) || e.closest('svg')) continue;
    const a = light(number(d.defaultView.getComputedStyle(e).color)), b = light(behind(e));
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (ratio < found.worst) { found.worst = ratio; found.where = e.outerHTML.slice(0, 200); }
  }
  answer.textContent = JSON.stringify(found);
};
"""


@dataclass(frozen=True)
class Seen:
    """How far a page reaches beyond its window, in pixels, and the worst contrast of a text, with its place."""

    overflow: int
    worst: float
    where: str


class Browser:
    """Chromium at `path`, with a folder for its files."""

    def __init__(self, path: str, folder: Path) -> None:
        self.path, self.folder = path, folder

    def measure(self, page: str, width: int, *, dark: bool) -> Seen:
        """What a person `width` pixels wide would see of the page; its policy is taken out of a copy, so that the page can be asked."""
        copy = html.escape(_POLICY.sub("", page))
        frame = f'<iframe id="frame" style="border:0;width:{width}px;height:900px" srcdoc="{copy}"></iframe>'
        scheme = '<!DOCTYPE html><meta charset="utf-8"><meta name="color-scheme" content="light dark">'
        outer = f'{scheme}<body style="margin:0">{frame}<pre id="answer"></pre><script>{_MEASURE}</script>'
        shown = self._run(outer, dark, "--dump-dom", "--virtual-time-budget=5000")
        found = re.search(r'<pre id="answer">(.+?)</pre>', shown, re.DOTALL)
        assert found, shown[-2000:]
        return Seen(**json.loads(html.unescape(found[1])))

    def picture(self, page: str, target: Path, *, dark: bool) -> bytes:
        """The page as it is, policy and all, 1000 pixels wide, as PNG."""
        self._run(page, dark, f"--screenshot={target}", "--window-size=1000,1400")
        return target.read_bytes()

    def _run(self, page: str, dark: bool, *arguments: str) -> str:
        source = self.folder / "page.html"
        source.write_text(page, "utf-8")
        options = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            "--disable-background-networking",
            "--host-resolver-rules=MAP * ~NOTFOUND",
        ]
        command = [self.path, *options, f"--user-data-dir={self.folder / 'profile'}", f"--blink-settings=preferredColorScheme={0 if dark else 1}", *arguments]
        done = subprocess.run([*command, source.as_uri()], capture_output=True, timeout=60, env={**os.environ, "HOME": str(self.folder)})
        assert done.returncode == 0, done.stderr.decode(errors="replace")[-2000:]
        return done.stdout.decode(errors="replace")


def browser(folder: Path) -> Browser:
    """Chromium, or the test is skipped."""
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        pytest.skip("no Chromium on PATH: what a page looks like cannot be measured (apt-get install chromium)")
    return Browser(path, folder)
