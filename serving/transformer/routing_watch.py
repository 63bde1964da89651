"""Where a transformer's routing comes from: a file here, or a ConfigMap with its mounted copy as the fallback.

On a cluster a thread watches the ConfigMap through the API, which tells of a change within a fraction of a second. The
kubelet's mounted copy follows within a minute or so; it serves while the API is away and at a start without it.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple, Protocol

from contender.adapters.kubernetes_api import Document, Gone
from contender.adapters.kubernetes_pod import RoutingSource, version_of
from contender.adapters.routing_file import RoutingFile, RoutingWatch
from contender.adapters.routing_kubernetes import document_in
from contender.errors import ContenderError, NotFound
from monitoring.metrics import ROUTING_API_UP, Metrics
from serving.logs import LOGGER
from serving.transformer.keeper import Watch
from serving.transformer.settings import Settings

_PAUSES_S: Final = (0.1, 0.5, 2.0, 5.0)
"""How long to leave the API alone after each failure in a row."""


_BETWEEN_S: Final = 0.05
"""Between two watches: none is missed meanwhile, and a proxy that ends each at once is not hammered."""

_AGAIN_S: Final = 0.5
"""Until the ConfigMap is got anew, after its history is gone or before there is one."""


class Source(Protocol):
    """A ConfigMap that can be got and watched."""

    def get(self) -> Document:
        """The ConfigMap now."""
        ...

    def watch(self, version: str) -> Iterator[Document]:
        """The ConfigMap after each change since `version`, until the watch ends."""
        ...


class Followed(NamedTuple):
    """What a `Follower` needs, and how to end it."""

    watch: Watch
    acknowledge: Callable[[int], None]
    close: Callable[[], None]


class ConfigMapWatch:
    """The newest routing document of `source` or of the `mounted` copy, whichever has the higher generation.

    `up` is told whether the API answers, whenever that changes.
    """

    def __init__(self, source: Source, mounted: Watch, up: Callable[[bool], None]) -> None:
        self._source, self._mounted, self._up = source, mounted, up
        self._lock, self._closing = threading.Lock(), threading.Event()
        self._fresh: bytes | None = None
        self._seen: bytes | None = None
        self._newest = -1
        self._version = ""
        self._failures = -1
        self._thread = threading.Thread(target=self._run, daemon=True, name="routing-watch")

    def start(self) -> None:
        """Begin to watch."""
        self._up(False)
        self._thread.start()

    def close(self) -> None:
        """Watch no longer. A request under way ends with its own deadline, unheard."""
        self._closing.set()

    def changed(self) -> bytes | None:
        """The newest document if it was not told yet, else None."""
        with self._lock:
            fresh, self._fresh = self._fresh, None
        if fresh is not None:
            self._newest = max(self._newest, _generation(fresh))
            return fresh
        copied = self._mounted.changed()
        # The copy lags behind: an older generation in it is no fault of the writer's.
        return copied if copied is not None and _generation(copied) > self._newest else None

    def _run(self) -> None:
        while not self._closing.is_set():
            try:
                self._follow()
                self._closing.wait(_BETWEEN_S)
            except (Gone, NotFound):
                self._version = ""
                self._answered()
                self._closing.wait(_AGAIN_S)
            except ContenderError as error:
                self._failed(error.message)
            except Exception as error:  # noqa: BLE001 - without this thread no change would ever be heard of again
                LOGGER.exception("routing_watch_failed")
                self._version = ""
                self._failed(type(error).__name__)

    def _follow(self) -> None:
        """Take in what comes until one watch has ended, from where the last one ended if its history is kept."""
        if not self._version:
            self._take(self._source.get())
        for document in self._source.watch(self._version):
            self._take(document)
            if self._closing.is_set():
                return
        self._answered()

    def _take(self, document: Document) -> None:
        self._answered()
        content = document_in(document)
        if content is not None and content != self._seen:
            with self._lock:
                self._seen = self._fresh = content
        self._version = version_of(document) or self._version

    def _answered(self) -> None:
        if self._failures != 0:
            LOGGER.info("routing_api_answers")
            self._up(True)
        self._failures = 0

    def _failed(self, reason: str) -> None:
        if self._failures <= 0:
            LOGGER.warning("routing_api_away", extra={"fields": {"reason": reason}})
            self._up(False)
        self._failures = max(self._failures, 0) + 1
        self._closing.wait(_PAUSES_S[min(self._failures, len(_PAUSES_S)) - 1])


def follow(settings: Settings, task: str, metrics: Metrics) -> Followed:
    """What the routing of `task` is followed by, already begun."""
    files = RoutingFile(settings.routing)
    mounted = RoutingWatch(files.path(task))
    if settings.backend == "local":
        return Followed(mounted, lambda generation: files.acknowledge(task, generation, settings.reader), files.close)
    source = RoutingSource(settings.kubernetes_url, task, settings.service_account)
    watch = ConfigMapWatch(source, mounted, lambda up: metrics.set(ROUTING_API_UP, task, value=up))
    watch.start()
    return Followed(watch, _to_nobody, watch.close)


def _to_nobody(generation: int) -> None:
    """A release asks every transformer what it obeys, so that it need not be told."""
    LOGGER.debug("routing_obeyed", extra={"fields": {"generation": generation}})


def _generation(document: bytes) -> int:
    """The generation that the document states; of a broken one as much as makes it be looked at once."""
    try:
        return int(json.loads(document)["generation"])
    except (ValueError, KeyError, TypeError, RecursionError, OverflowError):
        return 0
