"""The transformer as a client sees it: asks over HTTP, with a deadline, and says plainly what went wrong."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from contender.errors import DeadlineExceeded, InvalidInput, NotFound, Unavailable

DEADLINE_S = 10.0


class Endpoint:
    """One keep-alive connection to the transformer of `task`; not shared between threads."""

    def __init__(
        self, host: str, port: int, task: str, *, prefix: str = "", secure: bool = False, deadline_s: float = DEADLINE_S
    ) -> None:
        kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        self._connection = kind(host, port, timeout=deadline_s)
        self._path = f"{prefix}/v1/models/{task}"
        self.url = f"{'https' if secure else 'http'}://{host}:{port}{self._path}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def predict(
        self, instances: Sequence[Mapping[str, object]], headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """The reply to `instances`, each a row of the task's schema with an optional ``unit_id``, and more `headers`.

        Raises:
            InvalidInput: the transformer refused them; the message names the field.
            Unavailable: no answer, or a failure on its side.
        """
        return self._call("POST", f"{self._path}:predict", {"instances": list(instances)}, headers)

    def outcome(self, outcomes: Sequence[Mapping[str, object]]) -> dict[str, Any]:
        """The reply to `outcomes`, each with event_id, prediction_id and value."""
        return self._call("POST", f"{self._path}:outcome", {"outcomes": list(outcomes)})

    def routing(self) -> dict[str, Any]:
        """The routing document that the transformer obeys now."""
        return self._call("GET", f"{self._path}/routing")

    def _call(
        self,
        method: str,
        path: str,
        document: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        body = None if document is None else json.dumps(document)
        try:
            self._connection.request(method, path, body, {"content-type": "application/json", **(headers or {})})
            response = self._connection.getresponse()
            content = response.read()
        except TimeoutError as error:
            self._connection.close()
            raise DeadlineExceeded(f"{self.url} did not answer in time", remedy="contender status") from error
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise Unavailable(f"{self.url} does not answer: {error}", remedy="contender up") from error
        return self._read(response.status, content)

    def _read(self, status: int, content: bytes) -> dict[str, Any]:
        try:
            document: dict[str, Any] = json.loads(content)
        except ValueError as error:
            raise Unavailable(f"{self.url} answered {status} without JSON", remedy="contender status") from error
        if status == http.client.OK:
            return document
        problem = str(document.get("error", document))
        if status == http.client.NOT_FOUND:
            raise NotFound(problem)
        if status < http.client.INTERNAL_SERVER_ERROR:
            raise InvalidInput("", problem)
        raise Unavailable(f"{self.url} answered {status}: {problem}", remedy="contender status")


def endpoint_at(address: str, task: str) -> Endpoint:
    """A connection to the transformer of `task` below `address`, such as ``https://models.example.com/path``.

    Raises:
        InvalidInput: it is no http(s) address.
    """
    url = urlsplit(address)
    secure = url.scheme == "https"
    if url.scheme not in ("http", "https") or not url.hostname:
        raise InvalidInput("CONTENDER_TRANSFORMER_URL", f"{address!r} is no http(s) address")
    port = url.port or (http.client.HTTPS_PORT if secure else http.client.HTTP_PORT)
    return Endpoint(url.hostname, port, task, prefix=url.path.rstrip("/"), secure=secure)
