"""What can go wrong between transformer and predictor, over real connections."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from serving.transformer import wire
from serving.transformer.clients import Pool, PredictorClient
from serving.transformer.fallback import Reason
from serving.transformer.places import CallFailed, Said

GOOD = {"predictions": [{"label": "a", "confidence": 0.9, "score": 0.9}], "model_version": "7"}


async def good(request: web.Request) -> web.StreamResponse:
    assert await request.json() == {"instances": [{"a": 1}]}
    return web.json_response(GOOD)


async def refusing(request: web.Request) -> web.StreamResponse:
    return web.json_response({"error": "no"}, status=400)


async def elsewhere(request: web.Request) -> web.StreamResponse:
    return web.json_response({"error": "no such model"}, status=404)


async def broken(request: web.Request) -> web.StreamResponse:
    return web.json_response(GOOD, status=500)


async def redirecting(request: web.Request) -> web.StreamResponse:
    raise web.HTTPFound("/elsewhere")


async def page(request: web.Request) -> web.StreamResponse:
    return web.Response(text="<html>")


async def hanging(request: web.Request) -> web.StreamResponse:
    await asyncio.sleep(30)
    return web.Response()


async def trickling(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    await response.write(b"{")
    await asyncio.sleep(30)
    return response


async def hanging_up(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.close()
    return web.Response()


async def breaking_off(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"content-length": "1000"})
    await response.prepare(request)
    await response.write(b'{"predictions"')
    assert request.transport is not None
    request.transport.close()
    return response


@asynccontextmanager
async def client_of(handler: Callable[[web.Request], Any]) -> AsyncIterator[PredictorClient]:
    application = web.Application()
    application.router.add_post("/v1/models/t:predict", handler)
    async with TestServer(application) as server, Pool() as pool:
        yield PredictorClient(pool, str(server.make_url("/")), "t")


def ask(handler: Callable[[web.Request], Any], timeout_s: float = 5.0) -> Said:
    async def once() -> Said:
        async with client_of(handler) as client:
            return await client.predict([{"a": 1}], timeout_s)

    return asyncio.run(once())


def test_a_good_answer_is_read() -> None:
    said = ask(good)
    assert (said.version, said.predictions[0].label) == ("7", "a")


@pytest.mark.parametrize(
    ("handler", "reason"),
    [
        (refusing, Reason.REFUSED),
        (elsewhere, Reason.ERROR),
        (broken, Reason.ERROR),
        (redirecting, Reason.ERROR),
        (page, Reason.BAD_ANSWER),
        (hanging_up, Reason.UNREACHABLE),
        (breaking_off, Reason.UNREACHABLE),
    ],
)
def test_every_fault_has_its_reason(handler: Callable[[web.Request], Any], reason: Reason) -> None:
    with pytest.raises(CallFailed) as caught:
        ask(handler)
    assert caught.value.reason is reason


@pytest.mark.parametrize("handler", [hanging, trickling])
def test_time_is_up_when_it_is_up(handler: Callable[[web.Request], Any]) -> None:
    async def once() -> float:
        async with client_of(handler) as client:
            loop = asyncio.get_running_loop()
            started = loop.time()
            with pytest.raises(CallFailed) as caught:
                await client.predict([{"a": 1}], 0.05)
            assert caught.value.reason is Reason.TIMEOUT
            return loop.time() - started

    assert asyncio.run(once()) < 1


def test_who_comes_when_the_last_connection_is_just_given_back_waits_no_longer_than_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(wire, "CONNECTIONS", 1)
    asked = 0

    async def first_only(request: web.Request) -> web.StreamResponse:
        nonlocal asked
        asked += 1
        return web.json_response(GOOD) if asked == 1 else await hanging(request)

    async def once() -> bool:
        async with client_of(first_only) as client:
            queued: list[asyncio.Task[Said]] = []
            asyncio.get_running_loop().call_soon(
                lambda: queued.append(asyncio.create_task(client.predict([{"a": 1}], 5.0)))
            )
            await client.predict([{"a": 1}], 5.0)
            with pytest.raises(CallFailed) as caught:
                await client.predict([{"a": 1}], 0.05)
            assert caught.value.reason is Reason.TIMEOUT
            still_hangs = not queued[0].done()
            queued[0].cancel()
            return still_hangs

    assert asyncio.run(once())


def test_our_own_standstill_is_not_the_other_side_s_fault() -> None:
    async def soon(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(0.05)
        return web.json_response(GOOD)

    async def once() -> Said:
        async with client_of(soon) as client:
            asyncio.get_running_loop().call_later(0.03, time.sleep, 0.3)
            return await client.predict([{"a": 1}], 0.1)

    assert asyncio.run(once()).version == "7"


def test_nobody_there_is_unreachable() -> None:
    async def once() -> None:
        async with Pool() as pool:
            await PredictorClient(pool, "http://127.0.0.1:1", "t").predict([{"a": 1}], 5.0)

    with pytest.raises(CallFailed) as caught:
        asyncio.run(once())
    assert caught.value.reason is Reason.UNREACHABLE


def test_a_refusal_is_told_in_the_place_s_words() -> None:
    with pytest.raises(CallFailed) as caught:
        ask(refusing)
    assert caught.value.refusal == "no"


class Line:
    """A server on one port that follows a script: what it replies on each connection, `None` to hang up."""

    def __init__(self, *connections: Sequence[bytes | None]) -> None:
        self._script = [list(replies) for replies in connections]
        self.asked: list[int] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = len(self.asked)
        self.asked.append(0)
        for reply in self._script[number]:
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].split(b"\r")[0]))
            self.asked[number] += 1
            if reply is None:
                break
            writer.write(reply)
        writer.close()


def http(content: bytes, head: bytes = b"") -> bytes:
    return b"HTTP/1.1 200 OK\r\n%bcontent-length: %d\r\n\r\n%b" % (head, len(content), content)


def ask_line(line: Line, calls: int) -> list[str]:
    async def all_of_them() -> list[str]:
        server = await asyncio.start_server(line, "127.0.0.1", 0)
        async with server, Pool() as pool:
            client = PredictorClient(pool, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", "t")
            said = []
            for _ in range(calls):
                try:
                    said.append((await client.predict([{"a": 1}], 2.0)).version)
                except CallFailed as failure:
                    said.append(failure.reason.value)
                await asyncio.sleep(0.01)
            return said

    return asyncio.run(all_of_them())


ANSWER = http(orjson.dumps(GOOD))


def test_a_connection_is_kept() -> None:
    line = Line([ANSWER, ANSWER, ANSWER])
    assert ask_line(line, 3) == ["7", "7", "7"]
    assert line.asked == [3]


def test_a_request_that_met_a_hang_up_on_a_kept_connection_is_sent_once_more() -> None:
    line = Line([ANSWER, None], [ANSWER])
    assert ask_line(line, 2) == ["7", "7"]
    assert line.asked == [2, 1]


def test_a_connection_that_said_more_than_was_asked_is_not_used_again() -> None:
    line = Line([ANSWER + ANSWER, ANSWER], [ANSWER])
    assert ask_line(line, 2) == ["7", "7"]
    assert line.asked == [1, 1]


def test_on_a_fresh_connection_a_hang_up_is_final() -> None:
    assert ask_line(Line([None], [None]), 2) == ["unreachable", "unreachable"]


def test_a_connection_that_the_server_ends_is_not_used_again() -> None:
    line = Line([http(orjson.dumps(GOOD), b"connection: close\r\n"), ANSWER], [ANSWER])
    assert ask_line(line, 2) == ["7", "7"]
    assert line.asked == [1, 1]


@pytest.mark.parametrize("reply", [b"nonsense\r\n\r\n", ANSWER + ANSWER, b"HTTP/1.1 200 OK\r\n\r\n{}"])
def test_a_server_that_speaks_out_of_turn_does_not_confuse_the_next_call(reply: bytes) -> None:
    line = Line([reply], [ANSWER], [ANSWER])
    assert ask_line(line, 2)[1] == "7"
