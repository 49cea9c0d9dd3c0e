"""One issue on GitHub that says what is wrong for as long as it is: found by its mark, kept up to date, closed when it is over.

An issue is ours when its text begins with the mark and we wrote it. Its first line holds what is wrong in words for
programs. So an issue that somebody has closed by hand stays closed while nothing else goes wrong, and what would look
the same is not sent again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple
from urllib.parse import quote

from codex_gate.reporters.github import Api, ApiError, written_by_us

MAX_BODY: Final = 65_000  # characters; GitHub takes 65,536
_NEWEST: Final = "per_page=100&sort=updated&direction=desc"


class Sticky(NamedTuple):
    """What the issue is to say.

    `name` tells issues of one kind from others; `about` names what is wrong, and is empty when it is over; `key` stays the
    same while a reader would see the same.
    """

    name: str
    title: str
    text: str
    about: frozenset[str]
    key: str

    @property
    def body(self) -> str:
        """The text behind its mark, which is never shed."""
        mark = f"<!-- codex-gate:{self.name} {json.dumps({'key': self.key, 'about': sorted(self.about)})} -->\n"
        room = MAX_BODY - len(mark)
        return mark + (self.text if len(self.text) <= room else self.text[: room - 1] + "…")


class _Mark(NamedTuple):
    key: str
    about: frozenset[str]


def tell(api: Api, repository: str, said: Sticky) -> str:
    """Open the issue, update or close the one that is there; says what was done.

    Where two runs have raced and both opened one, the younger is closed.

    Raises:
        ApiError: GitHub refuses or does not answer.
    """
    root = f"/repos/{quote(repository)}/issues"
    found = sorted(_own(api, root, said.name, "open"))
    if not found:
        if not said.about:
            return "none"
        left = next(_own(api, root, said.name, "closed"), None)
        if left is not None and said.about <= left[1].about:
            return f"none: #{left[0]} was closed by hand, and nothing else has moved"
        return _open(api, root, said)
    (number, mark), *twins = found
    for twin, _ in twins:
        api.call("PATCH", f"{root}/{twin}", {"state": "closed", "state_reason": "not_planned"})
    if mark.key == said.key and said.about:
        return f"#{number} unchanged"
    state = {} if said.about else {"state": "closed", "state_reason": "completed"}
    api.call("PATCH", f"{root}/{number}", {"title": said.title, "body": said.body, **state})
    return f"#{number} {'updated' if said.about else 'closed'}"


def _open(api: Api, root: str, said: Sticky) -> str:
    content = {"title": said.title, "body": said.body}
    try:
        made = api.call("POST", root, content, again=False).data
    except ApiError as error:
        if error.status and error.status < 500:
            raise
        there = next(_own(api, root, said.name, "open"), None)  # the answer was lost; was the issue too?
        made = {"number": there[0]} if there is not None else api.call("POST", root, content, again=False).data
    return f"#{made.get('number') if isinstance(made, dict) else '?'} opened"


def _own(api: Api, root: str, name: str, state: str) -> Iterator[tuple[int, _Mark]]:
    """(number, mark) of our issues of this name, the most recently updated first, among the last 3,000 of that state."""
    start = f"<!-- codex-gate:{name} "
    pattern = re.compile(re.escape(start) + r"(\{[^{}<>]{0,2000}\}) -->")
    for item in written_by_us(api, f"{root}?state={state}&{_NEWEST}", start):
        mark = _read(pattern.match(item["body"]))
        if isinstance(item.get("number"), int) and "pull_request" not in item:
            yield item["number"], mark


def _read(found: re.Match[str] | None) -> _Mark:
    """The mark; one that somebody has spoiled names nothing."""
    try:
        data: Any = json.loads(found[1]) if found else None
    except ValueError:
        data = None
    if not isinstance(data, dict) or not isinstance(data.get("about"), list):
        return _Mark("", frozenset())
    return _Mark(str(data.get("key", "")), frozenset(map(str, data["about"])))
