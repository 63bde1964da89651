"""KServe's own application, with errors that repeat nothing of what a client sent.

Its error texts hold paths, model names and values. What is told instead depends on the status alone; errors of ours
that were raised behind its routes carry `OURS` and pass as they are.
"""

from __future__ import annotations

from typing import Final

import orjson

from serving.front import Application, Message, Receive, Scope, Send

OURS: Final = "x-contender-error"
"""The reply header of errors whose text is ours."""

_TEXTS: Final = {
    400: "the request cannot be read",
    404: "there is no such model or path",
    405: "this path does not take that method",
    422: "the request does not fit the protocol",
    500: "internal error; the server's log names the place",
    503: "not ready",
}
_NOT_OFFERED: Final = 501
"""KServe's status for operations that a model does not have; to the client it is a wrong path, not our failure."""


class Inner:
    """The ASGI application `application` with plain errors."""

    def __init__(self, application: Application) -> None:
        self._application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection event, as ASGI asks."""
        if scope["type"] == "http":
            await self._application(scope, receive, _Plain(send, scope["method"]))
        else:
            await self._application(scope, receive, send)


class _Plain:
    """A `send` that puts our words in the place of an error's."""

    def __init__(self, send: Send, method: str = "GET") -> None:
        self._send, self._method, self._replaced = send, method, False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start" and _is_foreign_error(message):
            self._replaced = True
            await self._tell(404 if message["status"] == _NOT_OFFERED else message["status"], _allow(message))
        elif not self._replaced:
            await self._send(_unmarked(message))

    async def _tell(self, status: int, allow: list[tuple[bytes, bytes]]) -> None:
        if allow and self._method == "OPTIONS":
            await self._send({"type": "http.response.start", "status": 204, "headers": allow})
            await self._send({"type": "http.response.body", "body": b""})
            return
        body = orjson.dumps({"error": _TEXTS.get(status, "the request was refused")})
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body)), *allow]
        await self._send({"type": "http.response.start", "status": status, "headers": headers})
        await self._send({"type": "http.response.body", "body": body})


def _allow(start: Message) -> list[tuple[bytes, bytes]]:
    """The header that says which methods a path takes, with those that every path takes that has them."""
    value = next((value for name, value in start.get("headers", ()) if name == b"allow"), b"")
    methods = {one.strip() for one in value.split(b",") if one.strip()}
    more = {b"HEAD", b"OPTIONS"} if b"GET" in methods else {b"OPTIONS"}
    return [(b"allow", b", ".join(sorted(methods | more)))] if methods else []


def _is_foreign_error(start: Message) -> bool:
    return start["status"] >= 400 and all(name != OURS.encode() for name, _ in start.get("headers", ()))


def _unmarked(message: Message) -> Message:
    """The message without the mark, which is nobody's business outside."""
    if message["type"] != "http.response.start":
        return message
    return {**message, "headers": [one for one in message.get("headers", ()) if one[0] != OURS.encode()]}
