"""The routing document as one key of a ConfigMap: compared and swapped by its resource version, asked after in pods.

The ConfigMap ``<task>-routing`` holds under ``routing.json`` the bytes that a routing file holds. A transformer is
believed for the generation that it says it obeys, for nothing else.
"""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable
from typing import Final, NamedTuple

from contender.adapters.kubernetes_api import MERGE, Api, Document, core_path, field_of
from contender.adapters.routing_rules import Waiting, check_successor, generation_in, routing_of, wait_for_none
from contender.errors import NotFound
from contender.routing import MAX_BYTES, Routing

KEY: Final = "routing.json"

_POLL_S: Final = 0.05
_ASK_S: Final = 1.0
_HTTP_PORT: Final = 8080
_TRANSFORMER: Final = "kserve-container"


def config_map(task: str) -> str:
    """The name of the ConfigMap that holds the routing of `task`."""
    return f"{task}-routing"


class Reader(NamedTuple):
    """A transformer's pod: where it listens, and whether it must answer: ready, and not told to go."""

    name: str
    host: str
    port: int
    must_answer: bool


class RoutingConfigMap:
    """A `RoutingStore` over the ConfigMaps of `api`'s namespace, for any number of writers and readers.

    `monotonic` and `sleep` are the clock of waiting.
    """

    def __init__(
        self,
        api: Api,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._api = api
        self._monotonic, self._sleep = monotonic, sleep

    def read(self, task: str) -> Routing | None:
        """The routing in force, or None before the first one.

        Raises:
            InvalidRouting: the ConfigMap holds something else; the message names the field.
            Unavailable: the API does not answer.
        """
        return _routing(task, self._found(task))

    def write(self, routing: Routing, *, expected: int | None) -> None:
        """Replace the document if its generation is still `expected` (None: there is none yet, or a broken one).

        Raises:
            Conflict: the generation is another one, or somebody wrote at the same moment.
            InvalidRouting: `routing` could not be read back, or its generation does not grow.
            Unavailable: the API does not answer.
        """
        content = routing.to_json()
        routing_of(routing.task, content)
        found = self._found(routing.task)
        check_successor(routing, generation_in(lambda: _routing(routing.task, found)), expected)
        self._swap(routing.task, found, content)

    def wait_applied(self, task: str, generation: int, *, deadline_s: float) -> None:
        """Return once every transformer of `task` obeys `generation` or a later one; at once when there is none.

        A pod that is ready must say so; one that starts or drains is waited for only if it says that it obeys an
        earlier one.

        Raises:
            DeadlineExceeded: some pod does not yet; the message names it.
        """
        subject, waiting = f"generation {generation} of {task}", Waiting(self._monotonic, self._sleep, _POLL_S)
        wait_for_none(lambda: self._late(task, generation), subject, waiting, deadline_s=deadline_s)

    def _found(self, task: str) -> Document | None:
        try:
            return self._api.call("GET", core_path(self._api.namespace, "configmaps", config_map(task)))
        except NotFound:
            return None

    def _swap(self, task: str, found: Document | None, content: str) -> None:
        data, name = {KEY: content}, config_map(task)
        if found is None:
            made = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}
            self._api.call("POST", core_path(self._api.namespace, "configmaps"), made)
            return
        patch = {"metadata": {"resourceVersion": found["metadata"]["resourceVersion"]}, "data": data}
        self._api.call("PATCH", core_path(self._api.namespace, "configmaps", name), patch, kind=MERGE)

    def _late(self, task: str, generation: int) -> list[str]:
        asked = [(reader, _obeyed(reader, task)) for reader in self._readers(task)]
        return sorted(
            reader.name
            for reader, obeyed in asked
            if (obeyed is None and reader.must_answer) or (obeyed is not None and obeyed < generation)
        )

    def _readers(self, task: str) -> list[Reader]:
        query = {"labelSelector": f"app=isvc.{task}-transformer"}
        pods = self._api.call("GET", core_path(self._api.namespace, "pods"), query=query)["items"]
        return [_reader(pod) for pod in pods if field_of(pod, "status", "podIP")]


def document_in(config: Document | None) -> bytes | None:
    """The bytes of the routing document in a ConfigMap, at most one more than it may have; None where there is none."""
    content = field_of(config, "data", KEY)
    return content.encode()[: MAX_BYTES + 1] if isinstance(content, str) and content else None


def _routing(task: str, found: Document | None) -> Routing | None:
    content = document_in(found)
    return None if content is None else routing_of(task, content)


def _reader(pod: Document) -> Reader:
    metadata, status = pod["metadata"], pod["status"]
    conditions = {one["type"]: one["status"] for one in status.get("conditions", [])}
    going = "deletionTimestamp" in metadata
    return Reader(metadata["name"], status["podIP"], _port(pod), conditions.get("Ready") == "True" and not going)


def _port(pod: Document) -> int:
    """The first port that the transformer's container declares, by any name."""
    containers = field_of(pod, "spec", "containers") or []
    ports = [
        int(port["containerPort"])
        for one in sorted(containers, key=lambda one: one.get("name") != _TRANSFORMER)
        for port in one.get("ports", [])
    ]
    return ports[0] if ports else _HTTP_PORT


def _obeyed(reader: Reader, task: str) -> int | None:
    """The generation that a transformer says it obeys, -1 before its first; None when it does not answer."""
    connection = http.client.HTTPConnection(reader.host, reader.port, timeout=_ASK_S)
    try:
        connection.request("GET", f"/v1/models/{task}/routing")
        response = connection.getresponse()
        content = response.read(MAX_BYTES)
        if response.status == http.client.NOT_FOUND:
            return -1
        return int(json.loads(content)["generation"])
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError):
        return None
    finally:
        connection.close()
