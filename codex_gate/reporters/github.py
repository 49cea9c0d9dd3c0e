"""The verdict on GitHub: one comment, a check run, code scanning, a label. Sole importer of the HTTP library.

Every call has a timeout, every wait is taken from one budget for the whole run. What cannot be done raises ApiError
with a sentence that says what is missing; the caller says it once and goes on: the step summary holds everything.
"""

from __future__ import annotations

import base64
import gzip
import json
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple
from urllib.parse import quote, unquote, urlsplit

import urllib3

from codex_gate.errors import GateError, UsageError
from codex_gate.reporters.comment import MARKER, keeping_dispute, mark_of
from codex_gate.reporters.hostile import shown
from codex_gate.reporters.workflow import Annotation

BUDGET_S: Final = 120.0  # for all calls of a run together (chosen: a verdict that is later than this is not waited for)
CONNECT_S: Final = 5.0
READ_S: Final = 15.0
MAX_BODY: Final = 16 << 20  # bytes of an answer that are read
MAX_PAGES: Final = 30  # of 100 items
MAX_FAILURES: Final = 3  # tries again after no answer or a fault of the server; limits are waited for as long as the budget lasts
SECONDARY_S: Final = 60.0  # GitHub's advice where a secondary limit names no time
PER_REQUEST: Final = 50  # annotations that one request may carry
MAX_OUTPUT: Final = 65_535  # bytes of a check run's summary
LABELS: Final = tuple(f"risk: {level}" for level in ("low", "moderate", "high", "critical"))


class ApiError(GateError):
    """A call that came to nothing; `status` is 0 where no answer came, `reason` what GitHub says, safe to show."""

    def __init__(self, text: str, status: int = 0, reason: str = "") -> None:
        super().__init__(text)
        self.status, self.reason = status, reason


class Answer(NamedTuple):
    """What came back: the JSON value and the address of the next page."""

    data: Any
    following: str | None


@dataclass
class Api:
    """GitHub's REST interface with one token; `clock`, `sleep` and `now` are there for tests."""

    url: str
    token: str = field(repr=False)
    proxy: str | None = field(default=None, repr=False)
    budget_s: float = BUDGET_S
    read_s: float = READ_S
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], float] = time.time

    def __post_init__(self) -> None:
        self._pool = _through(self.proxy) if self.proxy else urllib3.PoolManager(retries=False)
        self._until = self.clock() + self.budget_s
        self._lost: ApiError | None = None

    def call(self, method: str, path: str, body: object = None, *, again: bool = True) -> Answer:
        """One request, repeated while that helps and time is left.

        Args:
            path: from the root of the interface, or a whole address on the same host.
            again: whether to repeat when it is unknown if the request was carried out.
        Raises:
            ApiError: refused, or no answer within the budget; once the server was given up every later call is.
        """
        if self._lost is not None:
            raise self._lost
        address = path if path.startswith(("http://", "https://")) else f"{self.url.rstrip('/')}{path}"
        if urlsplit(address)[:2] != urlsplit(self.url)[:2]:
            raise ApiError(f"{method} {shown(path)} leads to another host")
        failures = limits = 0
        while True:
            came = self._once(method, address, body)
            if isinstance(came, Answer):
                return came
            error, named = came
            wait = None
            if named is not None:
                wait, limits = named or SECONDARY_S * 2**limits, limits + 1
            elif error.status in (0, 500, 502, 503, 504) and again and failures < MAX_FAILURES:
                wait, failures = float(2**failures), failures + 1
            if wait is not None and self.clock() + wait <= self._until:
                self.sleep(wait)
                continue
            if wait is not None or (error.status == 0 and again):
                self._lost = error
            raise error

    def _once(self, method: str, address: str, body: object) -> Answer | tuple[ApiError, float | None]:
        """What came of one request; with an error the seconds that a limit asks us to wait, 0 where it names no time."""
        headers = {
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": "2022-11-28",
            "User-Agent": "codex-gate",
            "Authorization": f"Bearer {self.token}",
            **({} if body is None else {"Content-Type": "application/json"}),
        }
        what = f"{method} {shown(urlsplit(address).path)}"
        left = max(0.1, min(self.read_s, self._until - self.clock()))
        try:
            answer = self._pool.request(
                method,
                address,
                body=None if body is None else json.dumps(body).encode("ascii"),
                headers=headers,
                redirect=False,
                preload_content=False,
                timeout=urllib3.Timeout(connect=min(CONNECT_S, left), read=left),
            )
            raw = self._read(answer)
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as lost:
            return ApiError(f"{what}: no answer ({type(lost).__name__})"), None
        if answer.status < 300:
            return Answer(_decoded(raw), _following(answer.headers.get("Link", "")))
        reason = _reason(raw)
        return ApiError(f"{what}: {answer.status} {reason}".rstrip(), answer.status, reason), _limit(answer.status, answer.headers, reason, self.now())

    def _read(self, answer: urllib3.BaseHTTPResponse) -> bytes:
        """The body, as far as MAX_BODY and the budget let it come; a server may send a byte a second."""
        parts, size, end = [], 0, min(self._until, self.clock() + 2 * self.read_s)
        try:
            while part := answer.read1(1 << 16):
                parts.append(part)
                size += len(part)
                if size > MAX_BODY or self.clock() > end:
                    raise urllib3.exceptions.HTTPError("too much, or too slow")
        except BaseException:
            answer.close()
            raise
        answer.release_conn()
        return b"".join(parts)

    def pages(self, path: str) -> Iterator[Any]:
        """The items of a list, page by page."""
        following: str | None = path
        for _ in range(MAX_PAGES):
            if following is None:
                return
            answer = self.call("GET", following)
            yield from answer.data if isinstance(answer.data, list) else ()
            following = answer.following


def proxy_for(url: str, environ: Mapping[str, str]) -> str | None:
    """The proxy that the environment names for an address, None for none."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    spared = [name.strip().lstrip(".") for name in (environ.get("no_proxy") or environ.get("NO_PROXY") or "").split(",") if name.strip()]
    if "*" in spared or any(host == name or host.endswith(f".{name}") for name in spared):
        return None
    return environ.get(f"{parts.scheme}_proxy") or environ.get(f"{parts.scheme.upper()}_PROXY") or None


def _through(proxy: str) -> urllib3.ProxyManager:
    """Connections through a proxy; `HOST:PORT` alone is one too, and what stands before @ is name and password.

    Raises:
        UsageError: it is no address of an HTTP proxy; the message does not show it, for it may hold a password.
    """
    try:
        parts = urllib3.util.parse_url(proxy if "://" in proxy else f"http://{proxy}")
        headers = urllib3.make_headers(proxy_basic_auth=unquote(parts.auth)) if parts.auth else None
        return urllib3.ProxyManager(parts.url, proxy_headers=headers, retries=False)
    except (urllib3.exceptions.HTTPError, ValueError):
        raise UsageError("the proxy that the environment names cannot be used; expected http://[NAME:PASSWORD@]HOST:PORT") from None


def _decoded(raw: bytes) -> Any:
    try:
        return json.loads(raw) if raw else None
    except (ValueError, RecursionError):
        return None


def _reason(raw: bytes) -> str:
    found = _decoded(raw)
    return shown(str(found.get("message", ""))) if isinstance(found, dict) else ""


def _following(link: str) -> str | None:
    found = re.search(r'<([^<>]+)>;\s*rel="next"', link)
    return found[1] if found else None


def _limit(status: int, headers: Mapping[str, str], reason: str, now: float) -> float | None:
    """Seconds until a limit lets us on, 0 where it does not say, None when it is no limit."""
    if status not in (403, 429):
        return None
    after, reset = headers.get("Retry-After", ""), headers.get("x-ratelimit-reset", "")
    if after.isascii() and after.isdigit():
        return max(1.0, float(after))
    if headers.get("x-ratelimit-remaining") == "0" and reset.isascii() and reset.isdigit():
        return max(1.0, float(reset) - now)
    return 0.0 if status == 429 or "secondary rate limit" in reason.lower() else None


# -- what is said --------------------------------------------------------------------------------------


class Target(NamedTuple):
    """Where it is said: OWNER/NAME, the pull request (0 for none), the commit, the part of the repository ("" for all of it)."""

    repository: str
    number: int
    sha: str
    part: str = ""

    @property
    def root(self) -> str:
        return f"/repos/{quote(self.repository)}"


def pull_of(api: Api, repository: str, source: str, sha: str) -> int:
    """The number of the open pull request from OWNER:BRANCH whose head is this commit, 0 for none; a workflow's event does not name a fork's."""
    for item in api.pages(f"/repos/{quote(repository)}/pulls?state=open&per_page=100&head={quote(source, safe='')}"):
        head = item.get("head") if isinstance(item, dict) else None
        if isinstance(head, dict) and head.get("sha") == sha and isinstance(item.get("number"), int):
            return int(item["number"])
    return 0


class Parting(NamedTuple):
    """The newest commit of a branch, and the one from which a head parted from it; "" where GitHub names none."""

    tip: str
    fork: str


def parting(api: Api, repository: str, base: str, head: str) -> Parting:
    """Where `head` parted from `base`, a branch or a SHA, as GitHub knows it."""
    found = api.call("GET", f"/repos/{quote(repository)}/compare/{quote(base, safe='')}...{quote(head, safe='')}?per_page=1").data
    commits = [found.get(name) if isinstance(found, dict) else None for name in ("base_commit", "merge_base_commit")]
    return Parting(*(str(commit.get("sha") or "") if isinstance(commit, dict) else "" for commit in commits))


def file_at(api: Api, repository: str, sha: str, path: str) -> bytes | None:
    """A file of a commit, at most 1 MB of it, as GitHub has it; None where it has none there.

    Raises:
        ApiError: refused, no answer, or what stands there is no file.
    """
    try:
        found = api.call("GET", f"/repos/{quote(repository)}/contents/{quote(path, safe='')}?ref={quote(sha, safe='')}").data
    except ApiError as error:
        if error.status == 404:
            return None
        raise
    text = found.get("content") if isinstance(found, dict) and found.get("type") == "file" and found.get("encoding") == "base64" else None
    if not isinstance(text, str):
        raise ApiError(f"GET {shown(path)}: what stands there is no file of up to 1 MB")
    try:
        return base64.b64decode(text)
    except ValueError as error:
        raise ApiError(f"GET {shown(path)}: an answer that cannot be read") from error


def is_past(api: Api, target: Target) -> bool:
    """Whether the pull request was closed, or got a newer head, since the event of this run: a run that is repeated or late has an old event.

    Where GitHub does not say (the token may comment, but not read pull requests), it counts as current.
    """
    try:
        found = api.call("GET", f"{target.root}/pulls/{target.number}").data
    except ApiError as error:
        if error.status in (403, 404):
            return False
        raise
    head = found.get("head") if isinstance(found, dict) else None
    return isinstance(head, dict) and (found.get("state") == "closed" or head.get("sha") not in (None, target.sha))


def own_comments(api: Api, target: Target) -> Iterator[tuple[int, str]]:
    """(id, body) of our comments of earlier runs, oldest first: they begin with the marker, and we wrote them, for anybody can write the marker."""
    for item in written_by_us(api, f"{target.root}/issues/{target.number}/comments?per_page=100", MARKER):
        mark = mark_of(item["body"])
        if (mark.part if mark is not None else "") == target.part:
            yield item["id"], item["body"]


def all_own_comments(api: Api, repository: str) -> Iterator[tuple[int, str]]:
    """(number of the pull request, body) of our comments in the whole repository, newest first, among its last 3,000 comments."""
    for item in written_by_us(api, f"/repos/{quote(repository)}/issues/comments?per_page=100&sort=created&direction=desc", MARKER):
        number = str(item.get("issue_url") or "").rpartition("/")[2]
        if number.isascii() and number.isdigit():
            yield int(number), item["body"]


def written_by_us(api: Api, path: str, marker: str) -> Iterator[dict[str, Any]]:
    """The comments or issues of a list whose text begins with the marker and whose author is the token's: anybody can write the marker."""
    me = _author(api)
    for item in api.pages(path):
        user = item.get("user") if isinstance(item, dict) else None
        if not isinstance(user, dict) or not isinstance(item.get("id"), int):
            continue
        body = str(item.get("body") or "").replace("\r\n", "\n")
        if body.startswith(marker) and (user.get("login") == me if me else user.get("type") == "Bot"):
            yield {**item, "body": body}


def _author(api: Api) -> str | None:
    """The login of a person's token; None for a workflow's or an app's, which is nobody's: what it writes is by a bot, and no reader is one."""
    if api.token.startswith("ghs_"):
        return None
    try:
        found = api.call("GET", "/user").data
    except ApiError as error:
        if error.status in (401, 403, 404):
            return None
        raise
    return str(found.get("login")) if isinstance(found, dict) else None


def say(api: Api, target: Target, body: str, *, loud: bool) -> str:
    """Make the comment `body`, or update the one there is; says what was done.

    A quiet verdict makes no comment, it only updates a former one. A tick stays. The same verdict is not sent again.
    Where two runs have raced and both made one, the elder stays, with the verdict of the run that came last.
    """
    ours, done = list(own_comments(api, target)), "updated"
    if not ours:
        if not loud:
            return "none"
        _create(api, target, body)
        ours, done = list(own_comments(api, target)), "created"  # another run may have been as quick
    for twin, _ in ours[1:]:
        _quietly(api, "DELETE", f"{target.root}/issues/comments/{twin}")
    if not ours or _is_same(ours[0][1], body):
        return done if done == "created" else "unchanged"
    try:
        api.call("PATCH", f"{target.root}/issues/comments/{ours[0][0]}", {"body": keeping_dispute(body, ours[0][1])})
    except ApiError as error:
        if error.status != 404:
            raise
        if not loud:
            return "none"
        _create(api, target, body)  # deleted meanwhile
        return "created"
    return done


def _is_same(old: str, new: str) -> bool:
    """Whether two comments say the same of two commits that may differ."""
    was, now = mark_of(old), mark_of(new)
    return was is not None and now is not None and (was.key, was.level) == (now.key, now.level)


def _create(api: Api, target: Target, body: str) -> None:
    """Make a comment, once, also where the answer is lost."""
    path = f"{target.root}/issues/{target.number}/comments"
    try:
        api.call("POST", path, {"body": body}, again=False)
    except ApiError as error:
        if error.status and error.status < 500:
            raise
        if not any(own_comments(api, target)):  # the answer was lost, and the comment too
            api.call("POST", path, {"body": body}, again=False)


def _quietly(api: Api, method: str, path: str) -> None:
    """A call whose aim may be reached already."""
    try:
        api.call(method, path)
    except ApiError as error:
        if error.status != 404:
            raise


def check(api: Api, target: Target, title: str, text: str, conclusion: str, places: Sequence[Annotation]) -> None:
    """A check run with the verdict; annotations come PER_REQUEST at a time and are appended.

    Raises:
        ApiError: it could not be made, or not with all annotations.
    """
    raw = text.encode("utf-8", "replace")
    output = {"title": shown(title), "summary": text if len(raw) <= MAX_OUTPUT else raw[: MAX_OUTPUT - 3].decode("utf-8", "ignore") + "…"}
    notes = [_annotation(place) for place in places]
    made = api.call("POST", f"{target.root}/check-runs", {
        "name": f"codex-gate ({target.part})" if target.part else "codex-gate", "head_sha": target.sha, "status": "completed", "conclusion": conclusion, "output": {**output, "annotations": notes[:PER_REQUEST]},
    }, again=False).data  # fmt: skip
    number = made.get("id") if isinstance(made, dict) else None
    if number is None and notes[PER_REQUEST:]:
        raise ApiError(f"the check run was made, but its answer names no number: {len(notes) - PER_REQUEST} annotations are left out")
    for at in range(PER_REQUEST, len(notes), PER_REQUEST):
        body = {"output": {**output, "annotations": notes[at : at + PER_REQUEST]}}
        api.call("PATCH", f"{target.root}/check-runs/{number}", body, again=False)  # again would append again


def _annotation(place: Annotation) -> dict[str, object]:
    line = max(1, place.line)
    level = "warning" if place.kind == "warning" else "notice"
    return {"path": place.path, "start_line": line, "end_line": line, "annotation_level": level, "title": "codex-gate", "message": place.text}


def upload(api: Api, target: Target, sarif: str, ref: str) -> None:
    """Results for code scanning."""
    packed = base64.b64encode(gzip.compress(_uploadable(sarif, target.part).encode("ascii"), mtime=0)).decode("ascii")
    api.call("POST", f"{target.root}/code-scanning/sarifs", {"commit_sha": target.sha, "ref": ref, "sarif": packed, "tool_name": "codex-gate"})


def _uploadable(sarif: str, part: str) -> str:
    """SARIF with what GitHub's own uploader would add: the hash by which an alert is known again, and a category for each part."""
    log = json.loads(sarif)
    for run in log["runs"]:
        if part:
            run["automationDetails"] = {"id": f"codex-gate/{part}/"}
        for result in run["results"]:
            known = result["partialFingerprints"]
            known["primaryLocationLineHash"] = known["codexGate/v1"]
    return json.dumps(log)


def label(api: Api, target: Target, level: str) -> None:
    """Give the pull request the label of its level ("" for none) and take away those of former levels."""
    wanted = f"risk: {level}"
    path = f"{target.root}/issues/{target.number}/labels"
    there = {item.get("name") for item in api.pages(f"{path}?per_page=100") if isinstance(item, dict)}
    for name in LABELS:
        if name in there and name != wanted:
            _quietly(api, "DELETE", f"{path}/{quote(name)}")
    if wanted in LABELS and wanted not in there:
        api.call("POST", path, {"labels": [wanted]})
