"""The part of Kubeflow Pipelines' v2beta1 API that submitting, scheduling and waiting take, over real sockets."""

from __future__ import annotations

import http.server
import json
import re
import threading
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

PREFIX = "/apis/v2beta1"


@dataclass
class KfpApi:
    """A server at `url`. `states` are what each look at a run sees, the last one for good; a `token` must be sent.

    The next `failing` requests are answered 503; with `full`, no run may begin.
    """

    states: list[dict[str, Any]] = field(default_factory=lambda: [{"state": "SUCCEEDED"}])
    token: str = ""
    failing: int = 0
    full: bool = False
    experiments: dict[str, dict[str, Any]] = field(default_factory=dict)
    runs: dict[str, dict[str, Any]] = field(default_factory=dict)
    schedules: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        api = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *args: object) -> None:
                """Say nothing."""

            def _serve(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                given = self.headers.get("authorization") or ""
                status, document = api.answer(self.command, self.path, json.loads(body or b"null"), given)
                content = json.dumps(document).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def __getattr__(self, name: str) -> object:
                if name.startswith("do_"):
                    return self._serve
                raise AttributeError(name)

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, method: str, path: str, body: Any, authorization: str) -> tuple[int, dict[str, Any]]:
        parts = urlsplit(path)
        if self.token and authorization != f"Bearer {self.token}":
            return 401, {"message": "Unauthenticated"}
        if self.failing:
            self.failing -= 1
            return 503, {"message": "upstream connect error"}
        found = re.fullmatch(rf"{PREFIX}/(healthz|experiments|runs|recurringruns)(?:/([^/]+))?", parts.path)
        if found is None:
            return 404, {"message": "no such path"}
        kind, name = found.groups()
        if kind == "healthz":
            return 200, {"multi_user": False}
        query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
        return self._of(kind, name, method, body if body is not None else query)

    def _of(self, kind: str, name: str | None, method: str, given: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        held, key = {
            "experiments": (self.experiments, "experiment_id"),
            "runs": (self.runs, "run_id"),
            "recurringruns": (self.schedules, "recurring_run_id"),
        }[kind]
        if method == "POST" and kind == "runs" and self.full:
            return 403, {"message": "exceeded quota"}
        if method == "POST":
            made = {**given, key: f"{kind}-{len(held) + 1}"}
            held[made[key]] = made
            return 200, made
        if name is None:
            listed = "recurringRuns" if kind == "recurringruns" else kind
            chosen = [one for one in held.values() if one["display_name"] == _wanted(given)]
            return 200, {listed: chosen} if chosen else {}
        if name not in held:
            return 404, {"message": f"{kind} {name} not found"}
        if method == "DELETE":
            return 200, (held.pop(name), {})[1]
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        return 200, {**held[name], **state}


def _wanted(query: dict[str, Any]) -> str:
    (predicate,) = json.loads(query["filter"])["predicates"]
    assert predicate["key"] == "display_name"
    return str(predicate.get("stringValue") or predicate.get("string_value"))
