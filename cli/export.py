"""`contender exporter`: serves what the store knows as Prometheus metrics."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Annotated, Any

import typer

from cli.compose import workplace
from cli.output import note, stdout
from contender.errors import Unavailable
from contender.tasks.catalog import TASKS

HOST = "127.0.0.1"


def exporter(
    port: Annotated[int, typer.Option(help="Where Prometheus scrapes; 0 picks a free port.", min=0, max=65535)] = 9108,
    host: Annotated[str, typer.Option(help="The address to listen at.")] = HOST,
    once: Annotated[bool, typer.Option("--once", help="Print the metrics and end.")] = False,
) -> int:
    """Export experiment, drift, quality, retraining, release and audit of every task, read from the store.

    Example: contender exporter --port 9108
    """
    from prometheus_client import CollectorRegistry, generate_latest, start_http_server

    from monitoring.exporter import Exporter

    place = workplace(next(iter(TASKS)))
    registry = CollectorRegistry()
    registry.register(Exporter(place.store, tuple(TASKS), time.time, place.anchors))
    if once:
        stdout.write(generate_latest(registry).decode())
        return 0
    try:
        server, thread = start_http_server(port, host, registry)
    except OSError as error:
        raise Unavailable(f"cannot listen at {host}:{port}: {error}", remedy="contender exporter --port 0") from error
    server.set_app(with_head(server.get_app()))
    note(f"exporting at http://{host}:{server.server_port}/metrics, until Ctrl-C")
    try:
        thread.join()
    finally:
        server.shutdown()
        server.server_close()
    return 0


def with_head(application: Any) -> Any:
    """The WSGI `application`, which also answers HEAD on what has GET."""

    def answer(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] != "HEAD":
            replied: Iterable[bytes] = application(environ, start)
            return replied
        begun: list[tuple[str, list[tuple[str, str]]]] = []
        asked = {**environ, "REQUEST_METHOD": "GET"}
        size = sum(map(len, application(asked, lambda status, headers, *_: begun.append((status, headers)))))
        status, headers = begun[-1]
        start(status, [*headers, ("Content-Length", str(size))])
        return []

    return answer


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(exporter)
