"""The Kubernetes API over HTTP for tests: routes, permissions, watches with bookmarks. Real sockets, one process."""

from __future__ import annotations

import http.client
import http.server
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from tests.stand_ins.kubernetes_api.objects import UNKNOWN, ApiError, Document, Event, Key, Objects

APPLY: Final = "application/apply-patch+yaml"
MERGE: Final = ("application/merge-patch+json", "application/strategic-merge-patch+json")
JSON_PATCH: Final = "application/json-patch+json"

_PATH = re.compile(
    r"/(?P<api>api/v1|apis/[^/]+/[^/]+)(?:/namespaces/(?P<namespace>[^/]+))?/(?P<resource>[^/]+)"
    r"(?:/(?P<name>[^/]+))?(?:/(?P<sub>status|scale|log))?"
)


_PROXY = re.compile(r"/api/v1/namespaces/[^/]+/services/(?P<service>[^/:]+):80/proxy(?P<path>/.*)")


@dataclass(frozen=True)
class Rule:
    """What a token may do: verbs on a resource; limited to `names` if any are given, as RBAC's resourceNames."""

    verbs: tuple[str, ...]
    resource: str
    names: tuple[str, ...] = ()

    def allows(self, verb: str, resource: str, name: str | None) -> bool:
        return verb in self.verbs and resource == self.resource and (not self.names or name in self.names)


@dataclass(frozen=True)
class Asked:
    """A request, read."""

    verb: str
    key: Key
    named: bool
    sub: str
    query: dict[str, str]
    kind: str
    body: Any
    token: str = ""

    @property
    def manager(self) -> str:
        return self.query.get("fieldManager", UNKNOWN)


class KubernetesApi:
    """A Kubernetes API at `url`. Without `rules` every token may do everything; `away` makes it answer 503.

    `address` is where a Service is reached, for the API's own proxy to Services. `before` is called with every request
    that is about to be performed: a place to hold one up. `documents` are answered as they stand, by path: the version,
    what is served. `clock` stamps what is created.
    """

    def __init__(self) -> None:
        self.objects = Objects()
        self.rules: dict[str, tuple[Rule, ...]] | None = None
        self.away = False
        self.gone_as_status = False
        self.calls: list[tuple[str, str]] = []
        self.bookmark_s = 0.1
        self.address: Callable[[str], str] = lambda service: "http://127.0.0.1:9"
        self.before: Callable[[Asked], None] = lambda asked: None
        self.admit: Callable[[str, Asked], None] = lambda token, asked: None
        self.log_of: Callable[[str], bytes] = _no_log
        self.documents: dict[str, Document] = {}
        self.clock: Callable[[], float] = time.time
        self._closing = threading.Event()
        api = self

        class Handler(_Handler):
            server_api = api

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._closing.set()
        with self.objects.changed:
            self.objects.changed.notify_all()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def cut_watches(self) -> None:
        """End every open watch, as a server does that restarts."""
        self.epoch += 1
        with self.objects.changed:
            self.objects.changed.notify_all()

    epoch = 0

    def authorize(self, token: str, asked: Asked) -> None:
        if self.rules is None or asked.key.resource == "selfsubjectaccessreviews":
            return
        selected = re.fullmatch(r"metadata\.name=(.+)", asked.query.get("fieldSelector", ""))
        name = asked.key.name if asked.named else selected.group(1) if selected else None
        resource = f"{asked.key.resource}/{asked.sub}" if asked.sub else asked.key.resource
        if not any(rule.allows(asked.verb, resource, name) for rule in self.rules.get(token, ())):
            raise ApiError(403, "Forbidden", f'{resource} "{name or ""}" is forbidden: cannot {asked.verb}')

    def perform(self, asked: Asked) -> tuple[int, Document]:
        dry = asked.query.get("dryRun") == "All"
        objects, key = self.objects.trial(asked.key) if dry else self.objects, asked.key
        match asked.verb:
            case "get":
                return 200, objects.get(key)
            case "list":
                items, version = objects.listed(key.api, key.resource, key.namespace)
                chosen = [item for item in items if _selected(item, asked.query)]
                return 200, {"kind": "List", "metadata": {"resourceVersion": str(version)}, "items": chosen}
            case "create":
                return 201, self._create(asked, objects)
            case "update":
                return 200, objects.replace(key, asked.body, asked.manager)
            case "delete":
                return 200, objects.delete(key)
        return 200, self._patch(asked, objects)

    def _create(self, asked: Asked, objects: Objects) -> Document:
        if asked.key.resource == "selfsubjectaccessreviews":
            return {**asked.body, "status": {"allowed": self.allows(asked)}}
        made = objects.create(_named(asked.key, asked.body), asked.body, asked.manager)
        stamp = datetime.fromtimestamp(self.clock(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return made | {"metadata": made["metadata"] | {"creationTimestamp": stamp}}

    def allows(self, review: Asked) -> bool:
        """Whether the caller of an access review may do what it asks about."""
        asked = review.body["spec"]["resourceAttributes"]
        rules = (self.rules or {}).get(review.token, ())
        return self.rules is None or any(
            one.allows(asked["verb"], asked["resource"], asked.get("name")) for one in rules
        )

    def watch(self, asked: Asked, epoch: int) -> Iterator[Document]:
        """Events as they happen, with bookmarks, until the client's timeout or the end of its `epoch`."""
        end = time.monotonic() + float(asked.query.get("timeoutSeconds", "30"))
        version = int(asked.query.get("resourceVersion") or self.objects.version)
        while time.monotonic() < end and not self._closing.is_set() and epoch == self.epoch and not self.away:
            with self.objects.changed:
                try:
                    events = self.objects.since(version)
                except ApiError as error:
                    yield {"type": "ERROR", "object": error.document()}
                    return
                if not events:
                    self.objects.changed.wait(self.bookmark_s)
                version = events[-1].version if events else version
            yield from (_told(event) for event in events if _watched(event, asked))
            if not events and asked.query.get("allowWatchBookmarks") == "true":
                mark = {"kind": "Bookmark", "metadata": {"resourceVersion": str(version)}}
                yield {"type": "BOOKMARK", "object": mark}

    def _patch(self, asked: Asked, objects: Objects) -> Document:
        key = asked.key
        if asked.kind == APPLY:
            if "fieldManager" not in asked.query:
                raise ApiError(400, "BadRequest", "fieldManager is required for apply patch")
            return objects.apply(key, asked.body, asked.manager, force=asked.query.get("force") == "true")
        if asked.kind == JSON_PATCH:
            return objects.json_patch(key, asked.body, asked.manager)
        if asked.kind in MERGE:
            return objects.merge(key, asked.body, asked.manager, asked.sub)
        raise ApiError(415, "UnsupportedMediaType", f"the body of the request was in an unknown format: {asked.kind}")


class _Handler(http.server.BaseHTTPRequestHandler):
    server_api: KubernetesApi
    protocol_version = "HTTP/1.1"

    def log_message(self, *args: object) -> None:
        """Say nothing."""

    def __getattr__(self, name: str) -> object:
        """Every method is read by the same code."""
        if name.startswith("do_"):
            return self._serve
        raise AttributeError(name)

    def _serve(self) -> None:
        api = self.server_api
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        # Before the call is told: a test that sees it may cut it at once.
        epoch = api.epoch
        api.calls.append((self.command, self.path))
        try:
            if api.away:
                raise ApiError(503, "ServiceUnavailable", "the server is currently unable to handle the request")
            if proxied := _PROXY.fullmatch(self.path):
                return self._proxy(proxied["service"], proxied["path"], body)
            if (document := api.documents.get(self.path)) is not None:
                return self._reply(200, document)
            token = (self.headers.get("authorization") or "").removeprefix("Bearer ")
            asked = self._read(body, token)
            api.authorize(token, asked)
            api.before(asked)
            if asked.verb == "create":
                api.admit(token, asked)
            if asked.verb == "watch":
                self._stream(asked, epoch)
            elif asked.sub == "log":
                self._write(200, "text/plain", api.log_of(asked.key.name))
            else:
                self._reply(*api.perform(asked))
        except ApiError as error:
            self._reply(error.status, error.document())

    def _read(self, body: bytes, token: str) -> Asked:
        parts = urlsplit(self.path)
        found = _PATH.fullmatch(parts.path)
        if found is None:
            raise ApiError(404, "NotFound", "the server could not find the requested resource")
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        key = Key(found["api"], found["resource"], found["namespace"] or "", found["name"] or "")
        verb = _verb(self.command, named=found["name"] is not None, watch=query.get("watch") in ("1", "true"))
        kind = (self.headers.get("content-type") or "application/json").partition(";")[0]
        return Asked(
            verb, key, bool(found["name"]), found["sub"] or "", query, kind, json.loads(body or b"null"), token
        )

    def _proxy(self, service: str, path: str, body: bytes) -> None:
        url = urlsplit(self.server_api.address(service))
        connection = http.client.HTTPConnection(url.hostname or "", url.port or 80, timeout=10)
        try:
            connection.request(self.command, path, body or None, {"content-type": "application/json"})
            response = connection.getresponse()
            self._reply(response.status, json.loads(response.read()))
        except OSError as error:
            raise ApiError(503, "ServiceUnavailable", f"error trying to reach service: {error}") from error
        finally:
            connection.close()

    def _stream(self, asked: Asked, epoch: int) -> None:
        api = self.server_api
        if api.gone_as_status:
            with api.objects.changed:
                api.objects.since(int(asked.query.get("resourceVersion") or api.objects.version))
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        try:
            for event in api.watch(asked, epoch):
                line = json.dumps(event).encode() + b"\n"
                self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
                self.wfile.flush()
            self.wfile.write(b"0\r\n\r\n")
        except OSError:
            self.close_connection = True

    def _reply(self, status: int, document: Document) -> None:
        self._write(status, "application/json", json.dumps(document).encode())

    def _write(self, status: int, kind: str, content: bytes) -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def _no_log(pod: str) -> bytes:
    raise ApiError(404, "NotFound", f'pods "{pod}" not found')


def _verb(method: str, *, named: bool, watch: bool) -> str:
    if method == "GET":
        return "watch" if watch else "get" if named else "list"
    return {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}[method]


def _named(key: Key, document: Document) -> Key:
    return Key(key.api, key.resource, key.namespace, document["metadata"]["name"])


def _selected(item: Document, query: dict[str, str]) -> bool:
    metadata = item["metadata"]
    wanted = [term.split("=", 1) for term in query.get("labelSelector", "").split(",") if term]
    name = query.get("fieldSelector", "").removeprefix("metadata.name=")
    return all(metadata.get("labels", {}).get(k) == v for k, v in wanted) and name in ("", metadata["name"])


def _watched(event: Event, asked: Asked) -> bool:
    same = (event.key.api, event.key.resource, event.key.namespace)
    return same == (asked.key.api, asked.key.resource, asked.key.namespace) and _selected(event.document, asked.query)


def _told(event: Event) -> Document:
    return {"type": event.type, "object": event.document}
