"""The outermost layer of a model server: our routes first, then everything that KServe's own app answers.

Exact paths are looked up in one table before FastAPI and KServe's request layers see the request, which is where
most of a stock server's time goes. Body limits hold for both.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from contender.errors import ContenderError, InvalidInput, NotFound, Refused, Unavailable
from serving.logs import LOGGER

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

MAX_BODY: Final = 16 * 1024**2
"""The most bytes a request body may have."""

_STATUS: Final = ((InvalidInput, 400), (NotFound, 404), (Refused, 403), (Unavailable, 503))
_JSON: Final = (b"content-type", b"application/json")
_GET, _HEAD, _OPTIONS = "GET", "HEAD", "OPTIONS"


class BodyTooLarge(ContenderError):
    """The request's body has more than the allowed bytes."""


class ClientGone(ContenderError):
    """The client closed the connection before its request was whole."""


@dataclass(slots=True)
class Request:
    """A whole request; header names are lower case, `query` is what stands behind the question mark."""

    body: bytes
    headers: Mapping[bytes, bytes]
    query: bytes = b""


@dataclass(slots=True)
class Reply:
    """What goes back: `content` becomes JSON unless it is bytes already. A ``content-type`` may be among `headers`."""

    content: object
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


_DEFECT: Final = Reply({"error": "internal error; the server's log names the place"}, 500)

Handler = Callable[[Request], Awaitable[Reply]]
Routes = Mapping[tuple[str, str], Handler]


def error_reply(error: ContenderError) -> Reply:
    """The reply that tells a client about `error`: its kind as the status, its message as the body."""
    if isinstance(error, BodyTooLarge):
        return Reply({"error": error.message}, 413)
    status = next((status for kind, status in _STATUS if isinstance(error, kind)), 500)
    return Reply({"error": str(error)}, status)


def parse_json(body: bytes) -> Any:
    """The JSON value in `body`; NaN, Infinity and numbers beyond float64 are refused.

    Raises:
        InvalidInput: not JSON; the message says where, never what stood there.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidInput("", f"the body is not valid JSON: {error.msg}, at character {error.pos}") from error


class Front:
    """An ASGI application: `routes` by (method, path), `closed` path prefixes, and `inner` for all other requests."""

    def __init__(
        self, inner: Application, routes: Routes, *, closed: tuple[str, ...] = (), max_body: int = MAX_BODY
    ) -> None:
        self._inner, self._routes, self._closed, self._max_body = inner, _with_head(routes), closed, max_body
        self._allowed = _allowed(self._routes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection event, as ASGI asks."""
        if scope["type"] != "http":
            await self._inner(scope, receive, send)
            return
        handler = self._routes.get((scope["method"], scope["path"]))
        if handler is not None:
            await self._ours(handler, scope, receive, send)
        elif scope["path"].startswith(self._closed):
            await _send(send, Reply({"error": "this server does not offer that operation"}, 403))
        elif (allowed := self._allowed.get(scope["path"])) is not None:
            await _send(send, _other_method(scope["method"], allowed))
        else:
            await self._theirs(scope, receive, send)

    async def _ours(self, handler: Handler, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            body = await self._body(receive)
            reply = await handler(Request(body, dict(scope["headers"]), scope.get("query_string", b"")))
        except ClientGone:
            return
        except ContenderError as error:
            reply = error_reply(error)
        except Exception:  # noqa: BLE001 - the last line of defence: a defect costs one request, not the server
            LOGGER.exception("request_failed")
            reply = _DEFECT
        await _send(send, reply)

    async def _theirs(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            body = await self._body(receive)
        except ClientGone:
            return
        except BodyTooLarge as error:
            await _send(send, error_reply(error))
            return
        # A server leaves the body of a reply to HEAD out by itself: it goes by its own scope.
        asked = {**scope, "method": _GET} if scope["method"] == _HEAD else scope
        await self._inner(asked, _replay(body, receive), send)

    async def _body(self, receive: Receive) -> bytes:
        message = await receive()
        if message["type"] == "http.request" and not message.get("more_body"):
            return self._measured(message.get("body", b""))
        chunks = bytearray()
        while True:
            if message["type"] == "http.disconnect":
                raise ClientGone("the client left")
            chunks += message.get("body", b"")
            self._measured(chunks)
            if not message.get("more_body"):
                return bytes(chunks)
            message = await receive()

    def _measured(self, body: Any) -> bytes:
        if len(body) > self._max_body:
            raise BodyTooLarge(f"the body has more than {self._max_body} bytes")
        return body  # type: ignore[no-any-return]  # bytes, or a bytearray whose caller copies it


def _with_head(routes: Routes) -> Routes:
    """The routes, with HEAD on whatever has GET."""
    heads = {(_HEAD, path): handler for (method, path), handler in routes.items() if method == _GET}
    return {**heads, **routes}


def _allowed(routes: Routes) -> dict[str, str]:
    """The value of ``Allow`` by path."""
    methods: dict[str, set[str]] = {}
    for method, path in routes:
        methods.setdefault(path, {_OPTIONS}).add(method)
    return {path: ", ".join(sorted(names)) for path, names in methods.items()}


def _other_method(method: str, allowed: str) -> Reply:
    """What a path of ours says to a method that it has no handler for (RFC 9110, 9.3.7 and 15.5.6)."""
    if method == _OPTIONS:
        return Reply(b"", 204, {"allow": allowed})
    return Reply({"error": f"this path takes {allowed}"}, 405, {"allow": allowed})


def _replay(body: bytes, receive: Receive) -> Receive:
    """A `receive` that hands out `body` once and then what the connection says."""
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def replayed() -> Message:
        return messages.pop() if messages else await receive()

    return replayed


async def _send(send: Send, reply: Reply) -> None:
    content = reply.content
    body = content if isinstance(content, bytes) else orjson.dumps(content)
    headers = [] if reply.status == 204 else [(b"content-length", b"%d" % len(body))]
    if "content-type" not in reply.headers and body:
        headers.append(_JSON)
    if reply.headers:
        headers += [(name.lower().encode(), value.encode()) for name, value in reply.headers.items()]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
