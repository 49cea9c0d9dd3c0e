"""GitHub's interface as far as codex-gate uses it: a local server with state, limits, permissions, faults on order.

    with GitHub() as github:
        github.fail("POST", "/comments", Fault(502))
        ...
        assert github.comments[0]["body"]

Every request is kept, and held against GitHub's own OpenAPI description where npm's @octokit/openapi is installed
(`scripts/test` puts it under .venv/node); what breaks it is in `github.invalid`. Nothing of that description is committed.
"""

from __future__ import annotations

import base64
import json
import re
import socket
import threading
import time
from collections.abc import Mapping
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

import jsonschema

ROOT = Path(__file__).parents[1]
OPENAPI = ROOT / ".venv" / "node" / "node_modules" / "@octokit" / "openapi" / "generated" / "api.github.com.json"
BOT = {"login": "github-actions[bot]", "type": "Bot"}
REPO = "/repos/{owner}/{repo}"
PATHS = ("/user", f"{REPO}/compare/{{basehead}}", f"{REPO}/contents/{{path}}", f"{REPO}/pulls", f"{REPO}/pulls/{{pull_number}}", f"{REPO}/issues/{{issue_number}}/comments", f"{REPO}/issues/comments", f"{REPO}/issues/comments/{{comment_id}}", f"{REPO}/issues", f"{REPO}/issues/{{issue_number}}",
         f"{REPO}/check-runs", f"{REPO}/check-runs/{{check_run_id}}",
         f"{REPO}/code-scanning/sarifs", f"{REPO}/issues/{{issue_number}}/labels", f"{REPO}/issues/{{issue_number}}/labels/{{name}}")  # fmt: skip


class Fault(NamedTuple):
    """What comes in place of an answer: a status, or with 0 a connection that is cut, after `wait_s` seconds."""

    status: int
    headers: Mapping[str, str] = {}
    message: str = "no"
    wait_s: float = 0.0
    done: bool = False  # the request is carried out all the same


class Call(NamedTuple):
    """A request that came."""

    method: str
    path: str
    body: Any


@cache
def description() -> dict[str, Any] | None:
    """GitHub's OpenAPI description cut to PATHS, None where it is not installed."""
    if not OPENAPI.is_file():
        return None
    whole = json.loads(OPENAPI.read_bytes())
    return {"paths": {path: whole["paths"][path] for path in PATHS}, "components": whole["components"]}


def faults_of(call: Call, path: str, query: Mapping[str, list[str]]) -> list[str]:
    """How a request to a path, still percent-encoded, breaks GitHub's description; nothing where that is not installed."""
    api = description()
    if api is None:
        return []
    for known_path, methods in api["paths"].items():
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", known_path), path):
            if call.method.lower() not in methods:
                continue
            asked = methods[call.method.lower()]
            known = [_resolved(p, api) for p in asked.get("parameters", ())]
            names = {p["name"] for p in known if p["in"] == "query"}
            found = [f"{call.method} {call.path}: no parameter {name}" for name in query if name not in names]
            body = asked.get("requestBody", {}).get("content", {}).get("application/json")
            if body is None:
                return found if call.body is None else [*found, f"{call.method} {call.path}: takes no body"]
            validator = jsonschema.Draft202012Validator({**body["schema"], "components": api["components"]})
            return [*found, *(f"{call.method} {call.path}: {error.message[:300]}" for error in validator.iter_errors(call.body))]
    return [f"{call.method} {call.path}: no such operation"]


def _resolved(value: dict[str, Any], api: dict[str, Any]) -> dict[str, Any]:
    for part in value["$ref"].split("/")[1:] if "$ref" in value else ():
        value = value[part] if part in value else api[part]
    return value


class GitHub:
    """The server and what it holds."""

    def __init__(self, *, writable: bool = True, user: dict[str, str] | None = None, per_page: int = 100) -> None:
        self.writable, self.user, self.per_page = writable, user, per_page
        self.comments: list[dict[str, Any]] = []
        self.checks: list[dict[str, Any]] = []
        self.sarifs: list[dict[str, Any]] = []
        self.labels: list[str] = []
        self.pulls: list[dict[str, Any]] = []
        self.issues: list[dict[str, Any]] = []
        self.partings: dict[str, tuple[str, str]] = {}  # by BASE...HEAD: the base's newest commit, the merge base
        self.files: dict[tuple[str, str], bytes] = {}  # by commit and path
        self.calls: list[Call] = []
        self.invalid: list[str] = []
        self._orders: list[tuple[str, str, Fault]] = []
        self._lock = threading.Lock()
        self._next = 1

    def __enter__(self) -> GitHub:
        double = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _do(self) -> None:
                double._serve(self)

            do_GET = do_POST = do_PATCH = do_DELETE = do_PUT = _do

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def fail(self, method: str, part: str, *faults: Fault) -> None:
        """Answer the next requests of this method whose path ends so with these faults, one each."""
        self._orders += [(method, part, fault) for fault in faults]

    def comment(self, body: str, user: dict[str, str] = BOT) -> dict[str, Any]:
        """Put a comment there."""
        self._next += 1
        made = {"id": self._next, "body": body, "user": user, "issue_url": f"{self.url}/repos/acme/shop/issues/7"}
        self.comments.append(made)
        return made

    def issue(self, body: str, user: dict[str, str] = BOT, **more: Any) -> dict[str, Any]:
        """Put an issue there."""
        self._next += 1
        made = {"id": 1000 + self._next, "number": self._next, "title": "t", "body": body, "user": user, "state": "open", **more}
        self.issues.append(made)
        return made

    def methods(self) -> list[str]:
        """ "POST comments" and so on, for every request that came."""
        return [f"{call.method} {call.path.rpartition('/')[2]}" for call in self.calls]

    # -- answering -----------------------------------------------------------------------------------

    def _serve(self, request: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(request.path)
        raw = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        call, query = Call(request.command, unquote(parts.path), json.loads(raw) if raw else None), parse_qs(parts.query)
        with self._lock:
            self.calls.append(call)
            self.invalid += faults_of(call, parts.path, query)
            fault = self._fault(call)
            if fault is None or fault.done:
                status, headers, data = self._answer(call, query, request.headers.get("Authorization", ""))
        if fault is not None:
            time.sleep(fault.wait_s)
            if fault.status == 0:
                request.close_connection = True
                request.connection.shutdown(socket.SHUT_RDWR)
                return
            status, headers, data = fault.status, dict(fault.headers), {"message": fault.message}
        body = b"" if status == 204 else json.dumps(data).encode()
        request.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}.items():
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(body)

    def _fault(self, call: Call) -> Fault | None:
        for k, (method, part, fault) in enumerate(self._orders):
            if call.method == method and call.path.endswith(part):
                del self._orders[k]
                return fault
        return None

    def _answer(self, call: Call, query: Mapping[str, list[str]], authorization: str) -> tuple[int, dict[str, str], Any]:
        if not re.fullmatch(r"Bearer \S+", authorization):
            return 401, {}, {"message": "Requires authentication"}
        if call.path == "/user":
            return (200, {}, self.user) if self.user else (403, {}, {"message": "Resource not accessible by integration"})
        if call.method != "GET" and not self.writable:
            return 403, {}, {"message": "Resource not accessible by integration"}
        words = call.path.split("/")[4:]
        kind = words[0] if words[0] != "issues" or len(words) == 1 else words[-1] if words[-1] in ("comments", "labels") else words[-2]
        answer: tuple[int, dict[str, str], Any] = getattr(self, f"_{kind.replace('-', '_')}")(call, words, query)
        return answer

    def _comments(self, call: Call, words: list[str], query: Mapping[str, list[str]]) -> tuple[int, dict[str, str], Any]:
        if call.method == "GET":
            return self._page(call, self.comments, query)
        if call.method != "DELETE" and len(call.body["body"]) > 65_536:
            return 422, {}, {"message": "Body is too long (maximum is 65536 characters)"}
        if call.method == "POST":
            return 201, {}, self.comment(call.body["body"], self.user or BOT)
        found = next((c for c in self.comments if c["id"] == int(words[-1])), None)
        if found is None:
            return 404, {}, {"message": "Not Found"}
        if call.method == "DELETE":
            self.comments.remove(found)
            return 204, {}, None
        found["body"] = call.body["body"]
        return 200, {}, found

    def _issues(self, call: Call, words: list[str], query: Mapping[str, list[str]]) -> tuple[int, dict[str, str], Any]:
        if call.method == "GET":
            state = query.get("state", ["open"])[0]
            return self._page(call, [i for i in reversed(self.issues) if state in (i["state"], "all")], query)
        if len(call.body.get("body", "")) > 65_536:
            return 422, {}, {"message": "Validation Failed"}
        if call.method == "POST":
            return 201, {}, self.issue(call.body["body"], self.user or BOT, title=call.body["title"])
        found = next((i for i in self.issues if i["number"] == int(words[-1])), None)
        if found is None:
            return 404, {}, {"message": "Not Found"}
        found |= call.body
        return 200, {}, found

    def _page(self, call: Call, items: list[Any], query: Mapping[str, list[str]]) -> tuple[int, dict[str, str], Any]:
        size, page = min(self.per_page, int(query.get("per_page", ["30"])[0])), int(query.get("page", ["1"])[0])
        more = page * size < len(items)
        kept = "".join(f"&{name}={value[0]}" for name, value in query.items() if name not in ("per_page", "page"))
        address = f"{self.url}{call.path}?per_page={size}{kept}"
        link = {"Link": f'<{address}&page={page + 1}>; rel="next", <{address}&page=9>; rel="last"'} if more else {}
        return 200, link, items[(page - 1) * size : page * size]

    def _check_runs(self, call: Call, words: list[str], _: object) -> tuple[int, dict[str, str], Any]:
        output = call.body["output"]
        if len(output.get("annotations", ())) > 50 or len(output["summary"].encode()) > 65_535 or (call.method == "POST" and "conclusion" not in call.body):
            return 422, {}, {"message": "Invalid request."}
        if call.method == "POST":
            self._next += 1
            self.checks.append({**call.body, "id": self._next, "annotations": list(output.get("annotations", ()))})
            return 201, {}, self.checks[-1]
        found = next(check for check in self.checks if check["id"] == int(words[-1]))
        found["annotations"] += output.get("annotations", ())
        return 200, {}, found

    def _compare(self, call: Call, words: list[str], _: object) -> tuple[int, dict[str, str], Any]:
        found = self.partings.get("/".join(words[1:]))
        if found is None:
            return 404, {}, {"message": "Not Found"}
        return 200, {}, {"base_commit": {"sha": found[0]}, "merge_base_commit": {"sha": found[1]}}

    def _contents(self, call: Call, words: list[str], query: Mapping[str, list[str]]) -> tuple[int, dict[str, str], Any]:
        text = self.files.get((query["ref"][0], "/".join(words[1:])))
        if text is None:
            return 404, {}, {"message": "Not Found"}
        return 200, {}, {"type": "file", "encoding": "base64", "size": len(text), "content": base64.encodebytes(text).decode("ascii")}

    def _code_scanning(self, call: Call, *_: object) -> tuple[int, dict[str, str], Any]:
        self.sarifs.append(call.body)
        return 202, {}, {"id": "one"}

    def _pulls(self, call: Call, words: list[str], query: Mapping[str, list[str]]) -> tuple[int, dict[str, str], Any]:
        if call.method == "POST":
            label = f"{call.path.split('/')[2]}:{call.body['head']}"
            if len(call.body["body"]) > 65_536 or any(pull["head"]["label"] == label and pull.get("state") == "open" for pull in self.pulls):
                return 422, {}, {"message": "Validation Failed"}
            self._next += 1
            self.pulls.append({"number": self._next, "state": "open", "title": call.body["title"], "body": call.body["body"], "head": {"label": label}})
            return 201, {}, self.pulls[-1]
        if len(words) > 1:
            found = [pull for pull in self.pulls if pull["number"] == int(words[1])]
            if call.method == "PATCH" and found:
                found[0] |= call.body
            return (200, {}, found[0]) if found else (404, {}, {"message": "Not Found"})
        return self._page(call, [pull for pull in self.pulls if pull["head"]["label"] == query["head"][0]], query)

    def _labels(self, call: Call, words: list[str], query: Mapping[str, list[str]]) -> tuple[int, dict[str, str], Any]:
        if call.method == "GET":
            return self._page(call, [{"name": name} for name in self.labels], query)
        if call.method == "POST":
            self.labels += call.body["labels"]
            return 200, {}, [{"name": name} for name in self.labels]
        if words[-1] not in self.labels:
            return 404, {}, {"message": "Label does not exist"}
        self.labels.remove(words[-1])
        return 200, {}, []
