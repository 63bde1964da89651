"""Errors behind KServe's own routes, as a client sees them."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from serving.front import Front, Message, Receive, Scope, Send
from serving.inner import OURS, Inner

MARK = (OURS.encode(), b"1")


def answer(status: int, says: bytes, *headers: tuple[bytes, bytes], method: str = "GET") -> tuple[Message, Any]:
    """What a client gets, through all layers, where KServe's application answers with `status` and `says`."""
    sent: list[Message] = []

    async def kserve(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "http.response.start", "status": status, "headers": list(headers)})
        await send({"type": "http.response.body", "body": says[:5], "more_body": True})
        await send({"type": "http.response.body", "body": says[5:]})

    async def receive() -> Message:
        return {"type": "http.request", "body": b""}

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(Front(Inner(kserve), {})({"type": "http", "method": method, "path": "/v2"}, receive, send))
    body = b"".join(message["body"] for message in sent[1:])
    return sent[0], json.loads(body) if body else None


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (400, (400, "the request cannot be read")),
        (404, (404, "there is no such model or path")),
        (405, (405, "this path does not take that method")),
        (418, (418, "the request was refused")),
        (422, (422, "the request does not fit the protocol")),
        (500, (500, "internal error; the server's log names the place")),
        (501, (404, "there is no such model or path")),
        (503, (503, "not ready")),
    ],
)
def test_an_error_of_kserve_is_told_by_its_status_alone(status: int, told: tuple[int, str]) -> None:
    start, body = answer(status, b'{"error":"KeyError : secret"}')
    assert (start["status"], body) == (told[0], {"error": told[1]})


@pytest.mark.parametrize("status", [400, 404, 500, 503])
def test_an_error_of_ours_keeps_its_words_and_loses_its_mark(status: int) -> None:
    start, body = answer(status, b'{"error":"the spool is full"}', MARK, (b"retry-after", b"1"))
    assert (start["status"], start["headers"], body) == (
        status,
        [(b"retry-after", b"1")],
        {"error": "the spool is full"},
    )


def test_what_kserve_answers_well_passes_as_it_is() -> None:
    start, body = answer(200, b'{"ready":true}', (b"x-a", b"1"))
    assert (start["status"], start["headers"], body) == (200, [(b"x-a", b"1")], {"ready": True})


@pytest.mark.parametrize(
    ("method", "says", "status", "allow"),
    [
        ("PUT", b"GET", 405, b"GET, HEAD, OPTIONS"),
        ("PUT", b"POST, PUT", 405, b"OPTIONS, POST, PUT"),
        ("OPTIONS", b"POST", 204, b"OPTIONS, POST"),
    ],
)
def test_a_path_of_kserve_says_which_methods_it_takes(method: str, says: bytes, status: int, allow: bytes) -> None:
    start, _ = answer(405, b'{"detail":"Method Not Allowed"}', (b"allow", says), method=method)
    assert (start["status"], dict(start["headers"])[b"allow"]) == (status, allow)
