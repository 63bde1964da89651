"""The ASGI layer, spoken to as uvicorn does."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Sequence
from typing import Any

import pytest

from contender.errors import ContenderError, InvalidInput, NotFound, Refused, Unavailable
from serving.front import Front, Message, Receive, Reply, Request, Scope, Send, error_reply, parse_json


class Inner:
    """An application that remembers what it was given."""

    def __init__(self, status: int = 299, says: bytes = b"") -> None:
        self.bodies: list[bytes] = []
        self.methods: list[str] = []
        self.status, self.says = status, says

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            self.bodies.append((await receive())["body"])
            self.methods.append(scope["method"])
            await send({"type": "http.response.start", "status": self.status, "headers": []})
            await send({"type": "http.response.body", "body": self.says})
        else:
            await send({"type": "inner", "status": 299})


async def echo(request: Request) -> Reply:
    return Reply(
        {"length": len(request.body), "query": request.query.decode()},
        headers={"X-Seen": request.headers.get(b"x-a", b"none").decode()},
    )


async def refuse(request: Request) -> Reply:
    raise InvalidInput("a", "is wrong")


async def break_down(request: Request) -> Reply:
    raise RuntimeError("secret")


ROUTES = {
    ("POST", "/echo"): echo, ("POST", "/refuse"): refuse, ("POST", "/break"): break_down, ("GET", "/read"): echo,
}  # fmt: skip


def call(
    path: str, messages: Sequence[Message] = (), *, inner: Inner | None = None, headers: Any = (), method: str = "POST"
) -> list[Message]:
    front = Front(inner or Inner(), ROUTES, closed=("/closed/",), max_body=10)
    waiting = list(messages) or [{"type": "http.request", "body": b"abc"}]
    sent: list[Message] = []

    async def receive() -> Message:
        return waiting.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": method, "path": path, "headers": list(headers), "query_string": b"a=b"}
    asyncio.run(front(scope, receive, send))
    return sent


def chunks(*bodies: bytes) -> list[Message]:
    last = len(bodies) - 1
    return [{"type": "http.request", "body": body, "more_body": i < last} for i, body in enumerate(bodies)]


def test_a_route_of_ours_is_answered() -> None:
    start, body = call("/echo", headers=[(b"x-a", b"1")])
    assert start["status"] == 200
    assert dict(start["headers"])[b"x-seen"] == b"1"
    assert dict(start["headers"])[b"content-length"] == str(len(body["body"])).encode()
    assert json.loads(body["body"]) == {"length": 3, "query": "a=b"}


def test_a_body_in_pieces_is_put_together() -> None:
    assert json.loads(call("/echo", chunks(b"abc", b"de", b""))[1]["body"]) == {"length": 5, "query": "a=b"}


@pytest.mark.parametrize("path", ["/echo", "/other"])
@pytest.mark.parametrize("pieces", [(b"x" * 11,), (b"x" * 6, b"x" * 6, b"")])
def test_a_body_that_is_too_large_is_cut_off(path: str, pieces: tuple[bytes, ...]) -> None:
    assert call(path, chunks(*pieces))[0]["status"] == 413


@pytest.mark.parametrize("path", ["/echo", "/other"])
def test_a_client_that_leaves_gets_nothing(path: str) -> None:
    messages: list[Message] = [{"type": "http.request", "body": b"a", "more_body": True}, {"type": "http.disconnect"}]
    assert call(path, messages) == []


def test_everything_else_is_kserve_s() -> None:
    inner = Inner()
    assert call("/other", chunks(b"ab", b"c"), inner=inner)[0]["status"] == 299
    assert call("/other", inner=inner, method="GET")[0]["status"] == 299
    assert inner.bodies == [b"abc", b"abc"]


@pytest.mark.parametrize("path", ["/read", "/other"])
def test_what_has_get_has_head(path: str) -> None:
    inner = Inner()
    assert call(path, inner=inner, method="HEAD")[0]["status"] in {200, 299}
    assert inner.methods == ([] if path == "/read" else ["GET"])


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("GET", "/echo", 405, b"OPTIONS, POST"),
        ("DELETE", "/read", 405, b"GET, HEAD, OPTIONS"),
        ("OPTIONS", "/read", 204, b"GET, HEAD, OPTIONS"),
        ("OPTIONS", "/echo", 204, b"OPTIONS, POST"),
    ],
)
def test_a_method_that_a_path_has_not_is_told_which_it_has(method: str, path: str, status: int, allow: bytes) -> None:
    start, body = call(path, method=method)
    assert start["status"] == status
    assert dict(start["headers"])[b"allow"] == allow
    assert bool(body["body"]) == (status == 405)
    assert (b"content-length" in dict(start["headers"])) == (status == 405)


def test_what_kserve_answers_well_passes_as_it_is() -> None:
    assert call("/other", inner=Inner(200, b"{}"))[1] == {"type": "http.response.body", "body": b"{}"}


def test_closed_operations_are_refused() -> None:
    assert call("/closed/models/a/unload")[0]["status"] == 403


def test_an_error_of_ours_becomes_its_status_and_message() -> None:
    start, body = call("/refuse")
    assert (start["status"], json.loads(body["body"])) == (400, {"error": "a: is wrong"})


def test_a_defect_tells_the_client_nothing(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        start, body = call("/break")
    assert start["status"] == 500
    assert b"secret" not in body["body"]
    assert [record.message for record in caplog.records] == ["request_failed"]


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (InvalidInput("f", "m"), 400),
        (NotFound("m"), 404),
        (Refused("m"), 403),
        (Unavailable("m"), 503),
        (ContenderError("m"), 500),
    ],
)
def test_every_kind_of_error_has_its_status(error: ContenderError, status: int) -> None:
    assert error_reply(error).status == status


@pytest.mark.parametrize("body", [b"", b"{", b"NaN", b"[Infinity]", b"1e999", b'"\\ud800"', b'"\xff"', b"[" * 9_999])
def test_what_is_not_json_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidInput, match="not valid JSON"):
        parse_json(body)


def test_a_refusal_of_json_does_not_repeat_it() -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_json(b'{"name": secret}')
    assert "secret" not in str(caught.value)


def test_other_connection_events_are_kserve_s() -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {}

    asyncio.run(Front(Inner(), {})({"type": "lifespan"}, receive, send))
    assert sent == [{"type": "inner", "status": 299}]
