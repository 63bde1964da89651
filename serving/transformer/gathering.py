"""Gathers answered rows for a place that is asked in the background: many in one call, instead of a call for each."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from itertools import islice, repeat
from typing import Any, Final, NamedTuple

from contender.routing import Routing
from serving.logs import LOGGER
from serving.transformer.codec import Told

FULL: Final = 200
"""Rows in one call at most: a call with so many takes a few ms, a call for each of them two hundred times its price."""

GATHER_S: Final = 0.2
"""For how long the first row of a call waits for others."""

WAITING: Final = 2_000
"""Rows that wait at most; what comes meanwhile is dropped."""

CLOSE_S: Final = 1.0
"""How long what waits may still take when the server stops."""


class Answered(NamedTuple):
    """The rows of one request, for which units and under which routing they were answered, and what was told."""

    routing: Routing
    rows: Sequence[Mapping[str, Any]]
    units: Sequence[str | None]
    told: Sequence[Told]


class Copy(NamedTuple):
    """One such row."""

    routing: Routing
    row: Mapping[str, Any]
    unit: str | None
    told: Told


class Gatherer:
    """Hands rows to `put`, in order, one batch at a time and all of one routing; tells `dropped` how many it did not.

    Used inside one event loop.
    """

    def __init__(self, put: Callable[[Sequence[Copy]], Awaitable[None]], dropped: Callable[[int], None]) -> None:
        self._put, self._dropped = put, dropped
        self._waiting: deque[Copy] = deque()
        self._full = asyncio.Event()
        self._pump: asyncio.Task[None] | None = None
        self._closing = False

    def add(self, answered: Answered) -> None:
        """Take as many of the rows as there is room for."""
        waiting, (routing, rows, units, told) = self._waiting, answered
        room = WAITING - len(waiting)
        waiting.extend(islice(map(Copy, repeat(routing), rows, units, told), room))
        if len(waiting) >= FULL:
            self._full.set()
        if self._pump is None:
            self._pump = asyncio.create_task(self._run())
        if len(rows) > room:
            self._dropped(len(rows) - room)

    async def close(self) -> None:
        """Put what waits, for `CLOSE_S` at most, and give up the rest."""
        self._closing = True
        self._full.set()
        if self._pump is None:
            return
        _, late = await asyncio.wait([self._pump], timeout=CLOSE_S)
        for one in late:
            one.cancel()
            self._dropped(len(self._waiting))
        await asyncio.gather(*late, return_exceptions=True)

    async def _run(self) -> None:
        try:
            while self._waiting:
                await self._until_full()
                await self._hand_over(self._taken())
        finally:
            self._pump = None

    async def _hand_over(self, taken: list[Copy]) -> None:
        try:
            await self._put(taken)
        except Exception:  # noqa: BLE001 - a defect costs the rows of one call, not those behind them
            LOGGER.exception("background_call_failed")
            self._dropped(len(taken))

    async def _until_full(self) -> None:
        if len(self._waiting) < FULL and not self._closing:
            self._full.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(GATHER_S):
                    await self._full.wait()

    def _taken(self) -> list[Copy]:
        """The oldest rows, as many as fit one call and are of one routing."""
        waiting, routing = self._waiting, self._waiting[0].routing
        taken: list[Copy] = []
        while waiting and len(taken) < FULL and waiting[0].routing is routing:
            taken.append(waiting.popleft())
        return taken
