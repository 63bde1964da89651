"""A KServe model server with our front layer, our limits, uvloop, and a life of its own around serving."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import functools
import gc
import signal
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

import uvloop

from contender.errors import ContenderError
from serving.front import Front, Reply, Request, Routes, error_reply
from serving.inner import OURS, Inner
from serving.limits import Guard
from serving.logs import LOGGER
from serving.protocol import GuardedProtocol
from serving.sdk import Model, ModelServer, application

_CLOSED = ("/v2/repository/",)
"""KServe lets anyone load and unload models over HTTP; what is served here is decided by a release."""

_STOPS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)
_PULSE_S: Final = 0.025
_LOOK_EVERY: Final = 10
"""Connections are looked at every so many pulses."""


@dataclasses.dataclass(frozen=True, slots=True)
class Address:
    """Where a server listens."""

    host: str
    port: int


class Server(ModelServer):
    """One model, one process: KServe's server with `routes` in front of its own, under the limits of `guard`.

    `life` is entered before the first request is taken and left after the last one was answered. For `drain_s`
    seconds after it was told to stop the server says that it is not ready and still answers whoever comes.
    """

    def __init__(
        self,
        address: Address,
        routes: Routes,
        life: Callable[[], contextlib.AbstractAsyncContextManager[Any]] = contextlib.nullcontext,
        *,
        guard: Guard | None = None,
        drain_s: float = 0.0,
    ) -> None:
        super().__init__(
            http_port=address.port, workers=1, enable_grpc=False, enable_latency_logging=False, event_loop="uvloop"
        )
        self._host, self._routes, self._life = address.host, routes, life
        self._guard, self._drain_s = guard or Guard(), drain_s
        self._told = 0

    def serve(self, model: Model) -> None:
        """Answer for `model` until SIGTERM; requests in flight are finished first."""
        _translate_errors()
        self._routes = {**self._routes, **_ready_route(model, self._guard)}
        # What is loaded by now lives as long as the process: no collection, nor the last one at exit, need look at it.
        gc.collect()
        gc.freeze()
        self.start([model])

    def setup_event_loop(self) -> None:
        """Have `asyncio.run` use uvloop; KServe's own version prepares a loop that is then thrown away."""
        asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())

    def register_signal_handler(self) -> None:
        """Leave signals alone: KServe's handler unloads the models, and until uvicorn's is set nothing else."""

    async def _serve(self) -> None:
        config = self._rest_server.config
        config.app = Front(Inner(application), self._routes, closed=_CLOSED)
        config.host, config.proxy_headers, config.server_header = self._host, False, False
        config.http, config.ws = functools.partial(GuardedProtocol, self._guard), "none"
        # One owner of the signals: this server, before its life begins and until it has ended.
        self._rest_server._server.capture_signals = contextlib.nullcontext
        async with self._told_to_stop(), self._life(), self._pulse():
            await super()._serve()

    @contextlib.asynccontextmanager
    async def _told_to_stop(self) -> AsyncIterator[None]:
        loop = asyncio.get_running_loop()
        told = asyncio.Event()
        for number in _STOPS:
            loop.add_signal_handler(number, self._tell, told)
        stopping = asyncio.create_task(self._stop_when(told))
        try:
            yield
        finally:
            stopping.cancel()

    def _tell(self, told: asyncio.Event) -> None:
        self._told += 1
        told.set()
        if self._told > 1:
            self._rest_server._server.should_exit = True

    async def _stop_when(self, told: asyncio.Event) -> None:
        """Drain, then let uvicorn finish; a server that does not listen yet, or is told twice, does not drain."""
        await told.wait()
        server = self._rest_server._server
        self._guard.draining = True
        LOGGER.info("draining", extra={"fields": {"seconds": self._drain_s}})
        if server.started:
            await asyncio.sleep(self._drain_s)
        server.should_exit = True

    @contextlib.asynccontextmanager
    async def _pulse(self) -> AsyncIterator[None]:
        beating = asyncio.create_task(self._beat())
        try:
            yield
        finally:
            beating.cancel()

    async def _beat(self) -> None:
        """Tell the guard how late the loop is, and look at the connections now and then."""
        loop, state, beats = asyncio.get_running_loop(), self._rest_server._server.server_state, 0
        while True:
            due = loop.time() + _PULSE_S
            await asyncio.sleep(_PULSE_S)
            now, beats = loop.time(), beats + 1
            self._guard.admission.observe(now - due, self._guard.in_flight)
            if beats % _LOOK_EVERY == 0:
                self._guard.look(state.connections, now)


def _ready_route(model: Model, guard: Guard) -> Routes:
    """KServe's V2 server readiness, told truly: its own always says yes."""

    async def ready(request: Request) -> Reply:  # noqa: ARG001 - every handler gets the request
        healthy = not guard.draining and await model.healthy()
        return Reply({"ready": healthy}, 200 if healthy else 503)

    return {("GET", "/v2/health/ready"): ready}


def _translate_errors() -> None:
    """Errors of ours that are raised behind KServe's own routes get the same status and body as behind ours."""

    async def answer(_: Any, error: ContenderError) -> Any:
        from fastapi.responses import ORJSONResponse

        reply = error_reply(error)
        return ORJSONResponse(reply.content, reply.status, headers={OURS: "1"})

    application.add_exception_handler(ContenderError, answer)
