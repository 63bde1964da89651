"""gRPC clients that are too many, too slow, too large or too lively, at a real server under short limits."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import grpc  # type: ignore[import-untyped]  # grpcio ships no types
import pytest
from kserve.protocol.grpc import grpc_predict_v2_pb2 as messages
from kserve.protocol.grpc.grpc_predict_v2_pb2_grpc import GRPCInferenceServiceStub

from contender.errors import Unavailable
from serving import rpc
from serving.admission import Admission, AdmissionPolicy
from serving.limits import Guard, Limits
from serving.sdk import InferRequest, InferResponse, Model
from tests.stand_ins.ports import free_port

ASKED = messages.ModelInferRequest(model_name="m", id="1")
UNBOUND = {"http2.max_pings_without_data": 0}
"""Lets a client ping as often as it likes."""
HEAVY = messages.ModelInferRequest(model_name="m", id="x" * 2_000)


class Slow(Model):  # type: ignore[misc]  # kserve is untyped
    """Answers once it is `open`; knows how many calls were given up."""

    def __init__(self) -> None:
        super().__init__("m")
        self.ready, self.begun, self.given_up, self.open = True, 0, 0, asyncio.Event()

    async def predict(self, payload: InferRequest, headers: Any = None, response_headers: Any = None) -> InferResponse:
        self.begun += 1
        try:
            await self.open.wait()
        except asyncio.CancelledError:
            self.given_up += 1
            raise
        return InferResponse(payload.id, self.name, [])


class World:
    """A gRPC server of its own and one channel to it."""

    def __init__(self, limits: Limits, most: int, options: Mapping[str, int]) -> None:
        self.counted: Counter[str] = Counter()
        admission = Admission(AdmissionPolicy(least=1, most=most))
        self.guard = Guard(limits, admission, lambda one: self.counted.update([one.reason]))
        self.model, self.options = Slow(), [(f"grpc.{name}", value) for name, value in options.items()]

    async def __aenter__(self) -> World:
        self.port = free_port()
        self.life = rpc.beside(contextlib.nullcontext, self.model, "127.0.0.1", self.port, self.guard)()
        await self.life.__aenter__()
        self.channel = grpc.aio.insecure_channel(f"127.0.0.1:{self.port}", self.options)
        self.stub: Any = GRPCInferenceServiceStub(self.channel)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.model.open.set()
        await self.channel.close()
        await self.life.__aexit__(None, None, None)

    def call(self, request: Any = ASKED, timeout_s: float | None = None) -> asyncio.Task[Any]:
        async def called() -> Any:
            return await self.stub.ModelInfer(request, timeout=timeout_s)

        return asyncio.create_task(called())

    async def begun(self, calls: int) -> None:
        while self.model.begun < calls:
            await asyncio.sleep(0.005)

    async def given_up(self) -> None:
        """Return when the work on a call was given up, and its place with it."""
        while not self.model.given_up:
            await asyncio.sleep(0.005)
        await self.idle()

    async def idle(self) -> None:
        """Return when no call holds a place; a client hears its answer a moment before."""
        while self.guard.calls or self.guard.heavy:
            await asyncio.sleep(0.005)


def live(
    play: Callable[[World], Awaitable[None]],
    *,
    most: int = 100,
    limits: Limits | None = None,
    options: Mapping[str, int] | None = None,
) -> None:
    async def once() -> None:
        async with World(limits or Limits(), most, options or {}) as world:
            await asyncio.wait_for(play(world), 10)

    asyncio.run(once())


async def refused(task: Awaitable[Any]) -> Any:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await task
    return caught.value


def test_what_cannot_be_answered_in_time_is_shed_and_told_when_to_come_again() -> None:
    async def play(world: World) -> None:
        first = world.call()
        await world.begun(1)
        error = await refused(world.call())
        assert error.code() is grpc.StatusCode.UNAVAILABLE
        assert ("grpc-retry-pushback-ms", "1000") in tuple(error.trailing_metadata())
        world.model.open.set()
        await first
        await world.idle()
        await world.call()
        assert world.counted == {"overload": 1}
        await world.idle()

    live(play, most=1)


def test_requests_over_http_take_their_part_of_the_same_limit() -> None:
    async def play(world: World) -> None:
        world.guard.requests = {object()}
        assert (await refused(world.call())).code() is grpc.StatusCode.UNAVAILABLE

    live(play, most=1)


def test_batches_are_limited_apart_from_single_rows() -> None:
    async def play(world: World) -> None:
        batch = world.call(HEAVY)
        await world.begun(1)
        assert (await refused(world.call(HEAVY))).code() is grpc.StatusCode.UNAVAILABLE
        world.model.open.set()
        await asyncio.gather(batch, world.call())
        assert world.counted == {"batches": 1}
        await world.idle()

    live(play, limits=Limits(heavy_bytes=1_000, heavy=1))


def test_a_client_whose_deadline_passes_is_not_worked_for_any_more() -> None:
    async def play(world: World) -> None:
        error = await refused(world.call(timeout_s=0.5))
        assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        await world.given_up()

    live(play)


def test_a_client_that_goes_is_not_worked_for_any_more() -> None:
    async def play(world: World) -> None:
        call = world.call()
        await world.begun(1)
        call.cancel()
        await world.given_up()

    live(play)


def test_without_a_deadline_the_servers_own_holds() -> None:
    async def play(world: World) -> None:
        assert (await refused(world.call())).code() is grpc.StatusCode.DEADLINE_EXCEEDED
        assert world.model.begun == 1
        await world.given_up()

    live(play, limits=Limits(request_s=0.2))


def test_too_large_a_message_is_refused_before_it_is_read() -> None:
    async def play(world: World) -> None:
        assert (await refused(world.call(HEAVY))).code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert world.model.begun == 0

    live(play, limits=Limits(body_bytes=1_000))


def test_too_many_headers_are_refused() -> None:
    async def play(world: World) -> None:
        large = (("a", "x" * 64 * 1024),)
        error = await refused(world.stub.ModelInfer(ASKED, metadata=large))
        assert error.code() in (grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.UNAVAILABLE)
        assert world.model.begun == 0

    live(play)


def test_while_draining_it_is_not_ready_and_still_answers() -> None:
    async def play(world: World) -> None:
        world.model.open.set()
        ready = messages.ModelReadyRequest(name="m")
        assert (await world.stub.ModelReady(ready)).ready
        assert (await world.stub.ServerReady(messages.ServerReadyRequest())).ready
        world.guard.draining = True
        assert not (await world.stub.ModelReady(ready)).ready
        assert not (await world.stub.ServerReady(messages.ServerReadyRequest())).ready
        assert (await world.stub.ServerLive(messages.ServerLiveRequest())).live
        assert (await world.call()).id == "1"

    live(play)


def test_a_server_that_stops_finishes_what_is_in_flight() -> None:
    async def play(world: World) -> None:
        call = world.call()
        await world.begun(1)
        stopping = asyncio.create_task(world.life.__aexit__(None, None, None))
        await asyncio.sleep(0.1)
        assert not stopping.done()
        world.model.open.set()
        assert (await call).id == "1"
        await stopping
        world.life = contextlib.nullcontext()

    live(play)


def test_who_pings_all_the_time_is_cut() -> None:
    async def play(world: World) -> None:
        world.model.open.set()
        await world.call()
        assert world.channel.get_state() is grpc.ChannelConnectivity.READY
        while world.channel.get_state() is grpc.ChannelConnectivity.READY:
            await asyncio.sleep(0.01)

    live(play, options={"keepalive_time_ms": 50, "keepalive_permit_without_calls": 1, **UNBOUND})


def test_a_port_that_is_taken_is_said_so() -> None:
    async def play(world: World) -> None:
        with pytest.raises(Unavailable, match="nothing can listen"):
            await rpc.beside(contextlib.nullcontext, world.model, "127.0.0.1", world.port, world.guard)().__aenter__()

    live(play)
