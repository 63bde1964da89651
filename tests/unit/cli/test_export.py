from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from cli.export import with_head


def metrics(environ: dict[str, Any], start: Callable[..., Any]) -> list[bytes]:
    if environ["REQUEST_METHOD"] != "GET":
        start("405 Method Not Allowed", [("Allow", "OPTIONS,GET")])
        return [b""]
    start("200 OK", [("Content-Type", "text/plain")])
    return [b"a 1\n", b"b 2\n"]


@pytest.mark.parametrize(
    ("method", "status", "headers", "body"),
    [
        ("GET", "200 OK", [("Content-Type", "text/plain")], b"a 1\nb 2\n"),
        ("HEAD", "200 OK", [("Content-Type", "text/plain"), ("Content-Length", "8")], b""),
        ("PUT", "405 Method Not Allowed", [("Allow", "OPTIONS,GET")], b""),
    ],
)
def test_what_is_exported_has_a_head(method: str, status: str, headers: list[tuple[str, str]], body: bytes) -> None:
    begun: list[Any] = []
    replied = with_head(metrics)({"REQUEST_METHOD": method}, lambda *told: begun.append(told))
    assert b"".join(replied) == body
    assert begun == [(status, headers)]
