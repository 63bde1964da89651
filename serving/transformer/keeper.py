"""Keeps the routing in force: applies a newer document, keeps the last good one when a new one is broken."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final, Literal, Protocol

from contender.errors import ContenderError, InvalidRouting
from contender.routing import Routing, parse
from monitoring.metrics import ROUTING_GENERATION, ROUTING_REFUSED, ROUTING_RELOADS, Metrics
from serving.logs import LOGGER

LAST_GENERATION: Final = 2**53
"""Beyond it a number is no generation: it would block every later routing, and metrics are float64."""

POLL_S: Final = 0.025
"""How often the document is looked at; a look is one `stat`."""

Result = Literal["applied", "same", "stale", "broken"]

_LEVELS: Final = {
    "applied": (logging.INFO, "routing_applied"),
    "stale": (logging.WARNING, "routing_stale"),
    "broken": (logging.WARNING, "routing_broken"),
}


class Watch(Protocol):
    """Tells of a new document."""

    def changed(self) -> bytes | None:
        """The document's bytes if they may be new, else None."""
        ...


class RoutingKeeper:
    """Holds the routing of `task` that is in force, None before the first."""

    def __init__(self, task: str, metrics: Metrics) -> None:
        self._task, self._metrics = task, metrics
        self.current: Routing | None = None
        metrics.set(ROUTING_GENERATION, task, value=-1)
        metrics.set(ROUTING_REFUSED, task, value=0)

    def offer(self, document: bytes) -> Result:
        """Apply `document` if it is valid, of this task and newer than what is in force; say what became of it."""
        result, detail = self._consider(document)
        self._metrics.set(ROUTING_REFUSED, self._task, value=result in ("stale", "broken"))
        if result != "same":
            self._metrics.add(ROUTING_RELOADS, self._task, result)
            LOGGER.log(*_LEVELS[result], extra={"fields": {"generation": self.generation, "detail": detail}})
        return result

    @property
    def generation(self) -> int:
        """The generation in force; -1 before the first."""
        return self.current.generation if self.current else -1

    def _consider(self, document: bytes) -> tuple[Result, str]:
        try:
            offered = parse(document)
            if offered.task != self._task:
                raise InvalidRouting("routing.task", "is another task's")
            if offered.generation > LAST_GENERATION:
                raise InvalidRouting("routing.generation", "is too large")
        except InvalidRouting as error:
            return "broken", error.field
        if offered == self.current:
            return "same", ""
        if offered.generation <= self.generation:
            return "stale", f"offered {offered.generation}"
        self.current = offered
        self._metrics.set(ROUTING_GENERATION, self._task, value=offered.generation)
        return "applied", ""


class Follower:
    """Offers what `watch` sees to `keeper` and acknowledges what is in force.

    Generation -1 is acknowledged too: whoever writes the first routing then knows that a reader is there to wait for.
    """

    def __init__(self, keeper: RoutingKeeper, watch: Watch, acknowledge: Callable[[int], None]) -> None:
        self._keeper, self._watch, self._acknowledge = keeper, watch, acknowledge
        self._acknowledged: int | None = None

    def look(self) -> None:
        """Look once, for the start: what is there is in force before the first request."""
        try:
            document = self._watch.changed()
            if document is not None:
                self._keeper.offer(document)
        except Exception:  # noqa: BLE001 - no document, however odd, may end the following of later ones
            LOGGER.exception("routing_not_read")

    async def run(self) -> None:
        """Look again and again until cancelled."""
        while True:
            self.look()
            if self._keeper.generation != self._acknowledged:
                await asyncio.to_thread(self._tell, self._keeper.generation)
            await asyncio.sleep(POLL_S)

    def _tell(self, generation: int) -> None:
        try:
            self._acknowledge(generation)
            self._acknowledged = generation
        except (ContenderError, OSError):
            # Tried again at the next look; a release that waits for it says so.
            LOGGER.exception("acknowledge_failed")
