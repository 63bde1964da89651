"""A KServe model server with our front layer, uvloop, and a life of its own around serving."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import gc
from collections.abc import Callable
from typing import Any

import uvloop

from contender.errors import ContenderError
from serving.front import Front, Reply, Request, Routes, error_reply
from serving.sdk import Model, ModelServer, application

_CLOSED = ("/v2/repository/",)
"""KServe lets anyone load and unload models over HTTP; what is served here is decided by a release."""


@dataclasses.dataclass(frozen=True, slots=True)
class Address:
    """Where a server listens."""

    host: str
    port: int


class Server(ModelServer):
    """One model, one process: KServe's server with `routes` in front of its own.

    `life` is entered before the first request is taken and left after the last one was answered.
    """

    def __init__(
        self,
        address: Address,
        routes: Routes,
        life: Callable[[], contextlib.AbstractAsyncContextManager[Any]] = contextlib.nullcontext,
    ) -> None:
        super().__init__(
            http_port=address.port, workers=1, enable_grpc=False, enable_latency_logging=False, event_loop="uvloop"
        )
        self._host, self._routes, self._life = address.host, routes, life

    def serve(self, model: Model) -> None:
        """Answer for `model` until SIGTERM; requests in flight are finished first."""
        _translate_errors()
        # What is loaded by now lives as long as the process: no collection, nor the last one at exit, need look at it.
        gc.collect()
        gc.freeze()
        self.start([model])

    def setup_event_loop(self) -> None:
        """Have `asyncio.run` use uvloop; KServe's own version prepares a loop that is then thrown away."""
        asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())

    async def _serve(self) -> None:
        config = self._rest_server.config
        config.app = Front(application, self._routes, closed=_CLOSED)
        config.host, config.proxy_headers, config.server_header = self._host, False, False
        async with self._life():
            await super()._serve()


def ready_route(model: Model) -> Routes:
    """KServe's V2 server readiness, told truly: its own always says yes."""

    async def ready(request: Request) -> Reply:  # noqa: ARG001 - every handler gets the request
        healthy = await model.healthy()
        return Reply({"ready": healthy}, 200 if healthy else 503)

    return {("GET", "/v2/health/ready"): ready}


def _translate_errors() -> None:
    """Errors of ours that are raised behind KServe's own routes get the same status and body as behind ours."""

    async def answer(_: Any, error: Exception) -> Any:
        from fastapi.responses import ORJSONResponse

        reply = error_reply(error) if isinstance(error, ContenderError) else Reply({"error": "internal error"}, 500)
        return ORJSONResponse(reply.content, reply.status)

    application.add_exception_handler(ContenderError, answer)
