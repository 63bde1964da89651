"""The Kubernetes API as a pod reaches it with its service account: one GET, and a watch. Standard library only.

The official client would cost a transformer more memory than all of its own code; it needs two requests.
"""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlencode, urlsplit

from contender.adapters.kubernetes_api import MAX_BYTES, Document, core_path, field_of, read_json, refusal
from contender.adapters.routing_kubernetes import config_map
from contender.errors import Unavailable

SERVICE_ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where Kubernetes puts a pod's token, the API's certificate and the namespace; the token is replaced while we run."""

WATCH_S: Final = 30
"""How long one watch lasts: a connection that dies silently is noticed within this time and a little."""

_CALL_S: Final = 3.0
_SLACK_S: Final = 5.0


class RoutingSource:
    """The routing ConfigMap of `task` at the API `url`, read in the name of the service account in `account`."""

    def __init__(self, url: str, task: str, account: Path = SERVICE_ACCOUNT) -> None:
        self._url, self._account, self._name = urlsplit(url), account, config_map(task)

    def get(self) -> Document:
        """The ConfigMap as it is now.

        Raises:
            NotFound: there is none yet.
            Unavailable: the API does not answer, or not to us.
        """
        with self._asked(self._path(self._name), {}, _CALL_S) as response:
            return read_json(response.read(MAX_BYTES), self._name)

    def watch(self, version: str, seconds: int = WATCH_S) -> Iterator[Document]:
        """The ConfigMap after each change since its resource `version`, for at most `seconds`.

        Bookmarks come as objects that have no more than a newer resource version.

        Raises:
            Gone: the changes since `version` are not all kept.
            Unavailable: the API does not answer, or not to us.
        """
        query = {
            "watch": "1",
            "fieldSelector": f"metadata.name={self._name}",
            "resourceVersion": version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(seconds),
        }
        with self._asked(self._path(), query, seconds + _SLACK_S) as response:
            while line := response.readline(MAX_BYTES):
                yield self._changed(read_json(line, self._name))

    def _changed(self, event: Document) -> Document:
        said = event.get("object")
        if not isinstance(said, dict):
            raise Unavailable(f"{self._name}: the Kubernetes API tells of no object")
        if event.get("type") == "ERROR":
            raise refusal(int(said.get("code") or 500), json.dumps(said).encode(), self._name)
        return said if event.get("type") != "DELETED" else {"metadata": said.get("metadata")}

    @contextmanager
    def _asked(self, path: str, query: Mapping[str, str], timeout_s: float) -> Iterator[http.client.HTTPResponse]:
        connection = self._connection(timeout_s)
        try:
            # The token is read for every request: Kubernetes replaces it long before it runs out.
            headers = {"authorization": f"Bearer {self._file('token')}", "accept": "application/json"}
            connection.request("GET", f"{path}?{urlencode(query)}" if query else path, headers=headers)
            response = connection.getresponse()
            if response.status != http.client.OK:
                raise refusal(response.status, response.read(MAX_BYTES), self._name)
            yield response
        except (OSError, http.client.HTTPException) as error:
            raise Unavailable(f"{self._name}: the Kubernetes API does not answer: {error}") from error
        finally:
            connection.close()

    def _connection(self, timeout_s: float) -> http.client.HTTPConnection:
        host, port = self._url.hostname or "", self._url.port
        if self._url.scheme == "http":
            return http.client.HTTPConnection(host, port, timeout=timeout_s)
        try:
            trust = ssl.create_default_context(cafile=self._account / "ca.crt")
        except OSError as error:
            raise Unavailable(f"the certificate of the Kubernetes API cannot be read: {error}") from error
        return http.client.HTTPSConnection(host, port, timeout=timeout_s, context=trust)

    def _path(self, name: str = "") -> str:
        return core_path(self._file("namespace"), "configmaps", name)

    def _file(self, name: str) -> str:
        try:
            return (self._account / name).read_text().strip()
        except OSError as error:
            raise Unavailable(f"the service account's {name} cannot be read: {error}") from error


def version_of(document: Document) -> str:
    """The resource version that a watch resumes from."""
    return str(field_of(document, "metadata", "resourceVersion") or "")
