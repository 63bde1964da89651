"""V2 over gRPC: KServe's own service, spoken for our model, for as long as the server lives, under its limits.

It is opened inside the server's life and closed with it, rather than by KServe's signal handler: what came in over gRPC
is answered before the spool is shipped for the last time.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final, TypeVar

import grpc  # type: ignore[import-untyped]  # grpcio ships no types

from contender.errors import ContenderError, InvalidInput, NotFound, Refused, Unavailable
from serving.limits import RETRY_AFTER_S, Guard, Refusal
from serving.logs import LOGGER
from serving.sdk import (
    DataPlane,
    InferenceServicer,
    Model,
    ModelNotFound,
    ModelNotReady,
    ModelRepository,
    ModelRepositoryExtension,
    add_servicer,
)
from serving.sdk import InvalidInput as KServeInvalidInput

GRACE_S: Final = 10.0
"""How long calls in flight may take to finish when the server stops."""

PING_S: Final = 20.0
"""How often a client may ping a connection without a call on it; who does so three times too often is cut."""
SILENT_S: Final = 60.0
"""After so long without a byte a client is asked whether it is there, and given `GRACE_S` to say so."""
IDLE_S: Final = 300.0
"""For how long a connection without calls is kept."""
METADATA_BYTES: Final = 16 * 1024
STREAMS: Final = 256
"""Calls under way on one connection."""

Life = Callable[[], contextlib.AbstractAsyncContextManager[Any]]
Result = TypeVar("Result")

_CODES: Final = (
    (InvalidInput, grpc.StatusCode.INVALID_ARGUMENT),
    (NotFound, grpc.StatusCode.NOT_FOUND),
    (Refused, grpc.StatusCode.PERMISSION_DENIED),
    (Unavailable, grpc.StatusCode.UNAVAILABLE),
)
_THEIRS: Final = (
    (KServeInvalidInput, grpc.StatusCode.INVALID_ARGUMENT, "the tensors do not fit their description"),
    (ModelNotFound, grpc.StatusCode.NOT_FOUND, "there is no such model"),
    (ModelNotReady, grpc.StatusCode.UNAVAILABLE, "the model is not ready"),
)


def beside(life: Life, model: Model, host: str, port: int | None, guard: Guard | None = None) -> Life:
    """A life that also answers gRPC for `model` on `port`, within `guard`'s limits; without a port, `life` itself."""
    if port is None:
        return life

    @contextlib.asynccontextmanager
    async def both() -> AsyncIterator[None]:
        async with life(), _answering(model, f"{host}:{port}", guard or Guard()):
            yield

    return both


@contextlib.asynccontextmanager
async def _answering(model: Model, address: str, guard: Guard) -> AsyncIterator[None]:
    # Whom the guard turns away is told when to come again; gRPC's own limit, which also stops probes, lies above it.
    server = grpc.aio.server(options=_options(guard), maximum_concurrent_rpcs=2 * guard.admission.most)
    add_servicer(Servicer(model, guard), server)
    try:
        server.add_insecure_port(address)
    except RuntimeError as error:
        raise Unavailable(f"nothing can listen on {address}", remedy="choose another grpc_port") from error
    await server.start()
    try:
        yield
    finally:
        await server.stop(GRACE_S)


def _options(guard: Guard) -> list[tuple[str, int]]:
    """gRPC's own names for our limits (grpc/impl/channel_arg_names.h); times in milliseconds."""
    return [
        ("grpc.max_receive_message_length", guard.limits.body_bytes),
        ("grpc.max_send_message_length", guard.limits.body_bytes),
        ("grpc.max_metadata_size", METADATA_BYTES),
        ("grpc.max_concurrent_streams", STREAMS),
        ("grpc.max_connection_idle_ms", _ms(IDLE_S)),
        ("grpc.keepalive_time_ms", _ms(SILENT_S)),
        ("grpc.keepalive_timeout_ms", _ms(GRACE_S)),
        ("grpc.http2.min_ping_interval_without_data_ms", _ms(PING_S)),
        ("grpc.http2.max_ping_strikes", 2),
        # Else a second server shares the port without a word, and gets half of the calls.
        ("grpc.so_reuseport", 0),
    ]


def _ms(seconds: float) -> int:
    return int(seconds * 1000)


class Servicer(InferenceServicer):
    """KServe's gRPC service for one `model`: its readiness told truly, our errors in gRPC's codes, nothing unloaded."""

    def __init__(self, model: Model, guard: Guard) -> None:
        models = ModelRepository()
        models.update(model)
        super().__init__(DataPlane(model_registry=models), ModelRepositoryExtension(model_registry=models))
        self._model, self._guard = model, guard

    async def ModelInfer(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
        """The predictions for a V2 request. A client that gives up, or whose deadline passes, ends the work on it."""
        with self._guard.taking(request.ByteSize()) as refusal:
            if refusal is not None:
                await _turn_away(context, refusal)
            try:
                async with asyncio.timeout(self._guard.limits.request_s):
                    return await _told(super().ModelInfer(request, context), context)
            except TimeoutError:
                await context.abort(grpc.StatusCode.DEADLINE_EXCEEDED, "the answer took too long")

    async def ModelMetadata(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
        """The model's inputs and outputs."""
        return await _told(super().ModelMetadata(request, context), context)

    async def ModelReady(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
        """Whether the model answers as it is meant to, and goes on doing so."""
        reply = await _told(super().ModelReady(request, context), context)
        reply.ready = reply.ready and not self._guard.draining
        return reply

    async def ServerReady(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
        """Whether the server's one model is ready; KServe's own answer is always yes."""
        reply = await super().ServerReady(request, context)
        reply.ready = not self._guard.draining and await self._model.healthy()
        return reply

    async def RepositoryModelLoad(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802 - the protocol's name
        """Refused: a release decides what is served."""
        await _refuse(context)

    async def RepositoryModelUnload(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802 - the protocol's
        """Refused: a release decides what is served."""
        await _refuse(context)


async def _refuse(context: Any) -> None:
    await context.abort(grpc.StatusCode.PERMISSION_DENIED, "this server does not offer that operation")


async def _turn_away(context: Any, refusal: Refusal) -> None:
    later = (("grpc-retry-pushback-ms", str(_ms(RETRY_AFTER_S))),)
    await context.abort(grpc.StatusCode.UNAVAILABLE, refusal.message, later)


async def _told(answer: Awaitable[Result], context: Any) -> Result:
    try:
        return await answer
    except ContenderError as error:
        code, words = _code(error), str(error)
    except Exception as error:  # noqa: BLE001 - the last line of defence: a defect costs one call, not the server
        code, words = _foreign(error)
    await context.abort(code, words)
    raise AssertionError("abort raises")


def _code(error: ContenderError) -> grpc.StatusCode:
    return next((code for kind, code in _CODES if isinstance(error, kind)), grpc.StatusCode.INTERNAL)


def _foreign(error: Exception) -> tuple[grpc.StatusCode, str]:
    for kind, code, words in _THEIRS:
        if isinstance(error, kind):
            return code, words
    LOGGER.error("call_failed", exc_info=error)
    return grpc.StatusCode.INTERNAL, "internal error; the server's log names the place"
