"""V2 over gRPC: KServe's own service, spoken for our model, for as long as the server lives.

It is opened inside the server's life and closed with it, rather than by KServe's signal handler: what came in over gRPC
is answered before the spool is shipped for the last time.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final, TypeVar

import grpc  # type: ignore[import-untyped]  # grpcio ships no types

from contender.errors import ContenderError, InvalidInput, NotFound, Refused, Unavailable
from serving.front import MAX_BODY
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


def beside(life: Life, model: Model, host: str, port: int | None) -> Life:
    """A life that also answers gRPC for `model` on `port`; without one, `life` itself."""
    if port is None:
        return life

    @contextlib.asynccontextmanager
    async def both() -> AsyncIterator[None]:
        async with life(), _answering(model, f"{host}:{port}"):
            yield

    return both


@contextlib.asynccontextmanager
async def _answering(model: Model, address: str) -> AsyncIterator[None]:
    server = grpc.aio.server(
        options=[("grpc.max_receive_message_length", MAX_BODY), ("grpc.max_send_message_length", MAX_BODY)]
    )
    add_servicer(Servicer(model), server)
    try:
        server.add_insecure_port(address)
    except RuntimeError as error:
        raise Unavailable(f"nothing can listen on {address}", remedy="choose another grpc_port") from error
    await server.start()
    try:
        yield
    finally:
        await server.stop(GRACE_S)


class Servicer(InferenceServicer):
    """KServe's gRPC service for one `model`: its readiness told truly, our errors in gRPC's codes, nothing unloaded."""

    def __init__(self, model: Model) -> None:
        models = ModelRepository()
        models.update(model)
        super().__init__(DataPlane(model_registry=models), ModelRepositoryExtension(model_registry=models))
        self._model = model

    async def ModelInfer(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
        """The predictions for a V2 request."""
        return await _told(super().ModelInfer(request, context), context)

    async def ModelMetadata(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
        """The model's inputs and outputs."""
        return await _told(super().ModelMetadata(request, context), context)

    async def ModelReady(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
        """Whether the model answers as it is meant to."""
        return await _told(super().ModelReady(request, context), context)

    async def ServerReady(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
        """Whether the server's one model is ready; KServe's own answer is always yes."""
        reply = await super().ServerReady(request, context)
        reply.ready = await self._model.healthy()
        return reply

    async def RepositoryModelLoad(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802 - the protocol's name
        """Refused: a release decides what is served."""
        await _refuse(context)

    async def RepositoryModelUnload(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802 - the protocol's
        """Refused: a release decides what is served."""
        await _refuse(context)


async def _refuse(context: Any) -> None:
    await context.abort(grpc.StatusCode.PERMISSION_DENIED, "this server does not offer that operation")


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
