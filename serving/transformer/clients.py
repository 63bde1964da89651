"""Calls to predictors over KServe's V1 protocol."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final, Self

import aiohttp
import orjson

from serving.transformer.fallback import Reason
from serving.transformer.places import CallFailed, Said, read_reply

CONNECTIONS: Final = 256
"""Connections to predictors that are open at most."""

_HEADERS: Final = {"content-type": "application/json"}


GRACE_S: Final = 0.02
"""How long an answer may still be read when this process woke up later than that after the time was up."""


class Pool:
    """The connections to all predictors, kept open between requests. Entered inside the event loop that uses them."""

    session: aiohttp.ClientSession

    async def __aenter__(self) -> Self:
        self.session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=CONNECTIONS, keepalive_timeout=60),
            timeout=aiohttp.ClientTimeout(total=None),
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.session.close()


class PredictorClient:
    """A `Place` that is a KServe predictor at `url` serving the model `name`."""

    def __init__(self, pool: Pool, url: str, name: str) -> None:
        self._pool = pool
        self._url = f"{url.rstrip('/')}/v1/models/{name}:predict"

    async def predict(self, rows: Sequence[Mapping[str, Any]], timeout_s: float) -> Said:
        """What the predictor says about `rows`; see `Place`."""
        body = orjson.dumps({"instances": rows})
        try:
            async with (
                _patience(timeout_s),
                self._pool.session.post(self._url, data=body, headers=_HEADERS, allow_redirects=False) as response,
            ):
                content = await response.read()
        except TimeoutError as error:
            raise CallFailed(Reason.TIMEOUT) from error
        except (aiohttp.ClientError, OSError) as error:
            raise CallFailed(Reason.UNREACHABLE) from error
        if response.status != 200:
            raise CallFailed(Reason.ERROR)
        return read_reply(content, len(rows))


@contextlib.asynccontextmanager
async def _patience(seconds: float) -> AsyncIterator[None]:
    """A timeout that does not blame the other side for our own standstill.

    A busy loop runs due timers before it reads its sockets: after a stall every call under way would time out, though
    the answers lie there. Whoever wakes late therefore looks once more.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    async with asyncio.timeout(None) as limit:

        def expire() -> None:
            now = loop.time()
            limit.reschedule(now + GRACE_S if now - end > GRACE_S else now)

        timer = loop.call_at(end, expire)
        try:
            yield
        finally:
            timer.cancel()
