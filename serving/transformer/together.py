"""Asks a place about many single rows in one call while it has more calls under way than it soon works off.

Until then every row is a call of its own, so that what becomes of one is nobody else's business. Under overload that
is a luxury: a call costs both servers some ten times what a row in it does.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, Final

from serving.transformer.fallback import Reason
from serving.transformer.places import CallFailed, Place, Said
from serving.transformer.wire import GRACE_S

ALONE: Final = 8
"""Calls under way to one place up to which a row goes alone."""

FULL: Final = 64
"""Rows in one call at most: so many take a predictor a few ms, which no neighbour's deadline notices."""

_ONE_ROWS_FAULT: Final = (Reason.REFUSED, Reason.BAD_ANSWER, Reason.ERROR)
"""Failures that a single row may cause for all that were sent with it."""


class Together:
    """A `Place` in front of `place`. Used inside one event loop.

    A row whose client leaves, or whose time is up, leaves those that it was to go with alone.
    """

    def __init__(self, place: Place, alone: int = ALONE) -> None:
        self._place, self._alone, self._calls = place, alone, 0
        self._waiting: deque[_Waiter] = deque()
        self._joint = set[asyncio.Task[None]]()

    async def predict(self, rows: Sequence[Mapping[str, Any]], timeout_s: float) -> Said:
        """What the place says about `rows`; see `Place`."""
        if self._calls < self._alone or len(rows) > 1:
            return await self._call(rows, timeout_s)
        waiter = _Waiter(rows[0], timeout_s)
        self._waiting.append(waiter)
        try:
            return await waiter.told
        finally:
            waiter.leave()

    async def _call(self, rows: Sequence[Mapping[str, Any]], timeout_s: float) -> Said:
        self._calls += 1
        try:
            return await self._place.predict(rows, timeout_s)
        finally:
            self._calls -= 1
            self._go_on()

    def _go_on(self) -> None:
        """Send those who wait, as many as fit one call."""
        together: list[_Waiter] = []
        while self._waiting and len(together) < FULL:
            waiter = self._waiting.popleft()
            if not waiter.told.done():
                together.append(waiter)
        if together:
            task = asyncio.create_task(self._send(together))
            self._joint.add(task)
            task.add_done_callback(self._joint.discard)

    async def _send(self, together: Sequence[_Waiter]) -> None:
        now = asyncio.get_running_loop().time()
        try:
            said = await self._call([one.row for one in together], max(one.end for one in together) - now)
        except CallFailed as failure:
            if failure.reason in _ONE_ROWS_FAULT and len(together) > 1:
                await asyncio.gather(*(self._send([one]) for one in together if not one.told.done()))
            else:
                for one in together:
                    one.fail(CallFailed(failure.reason, failure.refusal))
        except BaseException:
            # A defect, or the server's end: nobody may be left waiting.
            for one in together:
                one.fail(CallFailed(Reason.ERROR))
            raise
        else:
            for one, prediction in zip(together, said.predictions, strict=True):
                one.hear(Said((prediction,), said.version))


class _Waiter:
    """A row on its way to a place, and who waits for what is said about it."""

    def __init__(self, row: Mapping[str, Any], timeout_s: float) -> None:
        self._loop = asyncio.get_running_loop()
        self.row, self.end = row, self._loop.time() + timeout_s
        self.told: asyncio.Future[Said] = self._loop.create_future()
        self._timer = self._loop.call_at(self.end, self._expire)

    def hear(self, said: Said) -> None:
        if not self.told.done():
            self.told.set_result(said)

    def fail(self, failure: CallFailed) -> None:
        if not self.told.done():
            self.told.set_exception(failure)

    def leave(self) -> None:
        self._timer.cancel()

    def _expire(self) -> None:
        """The time is up; who wakes late looks once more, since the answer may lie there (as a `Wire` does)."""
        now = self._loop.time()
        if now - self.end > GRACE_S:
            self._timer = self._loop.call_at(now + GRACE_S, self.fail, CallFailed(Reason.TIMEOUT))
        else:
            self.fail(CallFailed(Reason.TIMEOUT))
