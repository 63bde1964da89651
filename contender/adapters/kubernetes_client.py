"""The Kubernetes API by the official client: kubeconfig, cloud logins and the service account of a pod."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from contender.adapters.kubernetes_api import JSON, MANAGER, Document, read_json, refusal
from contender.errors import Unavailable

if TYPE_CHECKING:
    from kubernetes.client import ApiClient

_DEADLINE_S: Final = (3.0, 10.0)
"""Seconds to connect, and to be answered."""


class ClientApi:
    """An `Api` over `client`, which knows how to log in. Made by `connect`, or over any configured client."""

    def __init__(self, client: ApiClient, namespace: str) -> None:
        self._client, self._namespace = client, namespace

    @property
    def namespace(self) -> str:
        """The namespace of every path."""
        return self._namespace

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        kind: str = JSON,
        query: Mapping[str, str] | None = None,
    ) -> Document:
        """The API's reply to one request; see `Api`."""
        return read_json(self._answered(method, path, body, kind, dict(query or {})), f"{method} {path}")

    def read_text(self, path: str, query: Mapping[str, str]) -> str:
        """What is at `path` as text: the log of a pod. Bytes that are no UTF-8 are replaced.

        Raises:
            NotFound, Conflict, InvalidInput, Unavailable: as `refusal` says.
        """
        return self._answered("GET", path, None, JSON, dict(query)).decode(errors="replace")

    def _answered(self, method: str, path: str, body: object, kind: str, query: dict[str, str]) -> bytes:
        from kubernetes.client import ApiException
        from urllib3.exceptions import HTTPError

        subject = f"{method} {path}"
        try:
            return self._sent(method, path, body, kind, query)
        except ApiException as error:
            raise refusal(error.status, _bytes(error.body), subject) from error
        except (HTTPError, OSError) as error:
            raise Unavailable(f"{subject}: the Kubernetes API does not answer: {error}") from error

    def _sent(self, method: str, path: str, body: object, kind: str, query: dict[str, str]) -> bytes:
        if method != "GET":
            query.setdefault("fieldManager", MANAGER)
        # A body of its own is sent as it stands: the generated models know neither our resources nor apply patches.
        replied = self._client.call_api(
            path,
            method,
            query_params=list(query.items()),
            header_params={"Accept": f"{JSON}, */*", "Content-Type": kind},
            body=body,
            auth_settings=["BearerToken"],
            _return_http_data_only=True,
            _preload_content=False,
            _request_timeout=_DEADLINE_S,
        )
        return _bytes(replied.data)


def connect(namespace: str, kubeconfig: str = "") -> ClientApi:
    """The API of the cluster that this process runs in, else of the current context of `kubeconfig`.

    Without a `kubeconfig` it is the usual one, which the client reads off ``KUBECONFIG`` when it is imported.

    Raises:
        Unavailable: there is neither.
    """
    from kubernetes import client, config

    configuration = client.Configuration()
    try:
        try:
            config.load_incluster_config(client_configuration=configuration)
        except config.ConfigException:
            config.load_kube_config(kubeconfig or None, client_configuration=configuration)
    except (config.ConfigException, OSError) as error:
        remedy = "run inside the cluster, or write a kubeconfig: aws eks update-kubeconfig --name CLUSTER"
        raise Unavailable(f"no Kubernetes cluster is configured: {error}", remedy=remedy) from error
    configuration.retries = 1
    return ClientApi(client.ApiClient(configuration), namespace)


def _bytes(content: Any) -> bytes:
    return content.encode() if isinstance(content, str) else bytes(content or b"")
