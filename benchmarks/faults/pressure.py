"""More than the servers can take: too many requests, too slow clients, too large bodies."""

from __future__ import annotations

import contextlib
import gzip
import selectors
import socket
import time
from collections.abc import Iterator

from benchmarks.chain import TASK, TRANSFORMER
from benchmarks.faults.traffic import Report
from benchmarks.faults.world import DEADLINE_MS, Figures, World, at_least, at_most, delta, quantile_ms, unanswered

SOCKETS = 500
CHUNK = b"a" * 65_536
_HEAD = f"POST /v1/models/{TASK}:predict HTTP/1.1\r\nhost: here\r\n".encode()


def overload(world: World, *, quick: bool) -> Figures:
    """Four times as many requests as can be answered: those that are answered must be answered as well as before."""
    seconds = 4 if quick else 15
    with world.traffic(0, connections=32) as playing:
        time.sleep(seconds)
    capacity = goodput(playing.report)
    before = world.metrics()
    with world.traffic(4 * capacity, connections=512) as playing:
        time.sleep(seconds)
    report, after = playing.report, world.metrics()
    calls = delta(before, after, "contender_arm_call_seconds_count")
    asked = delta(before, after, "contender_request_seconds_count")
    return {
        "capacity": at_least(capacity, "answers/s", 1),
        "traffic_late_itself": at_most(report.latest * 1000, "ms", 50),
        "overload_shed": at_least(report.shed, "replies", 1),
        "offered_over_capacity": at_least((report.offered / report.seconds) / capacity, "×", 3.5),
        "goodput_at_4x_over_capacity": at_least(goodput(report) / capacity, "ratio", 0.90),
        "retry_amplification": at_most(calls / asked, "calls per request", 1.10),
        "overload_failed": at_most(report.failed, "requests", 0),
        "overload_p99": at_most(quantile_ms(report, 0.99), "ms", DEADLINE_MS + 50),
    }


def goodput(report: Report) -> float:
    """Answers a second that a model gave, within the deadline."""
    good = sum(answer[1] * 1000 <= DEADLINE_MS and answer[4] != "review" for answer in report.answers)
    return good / report.seconds


def slow_clients(world: World, *, quick: bool) -> Figures:
    """Five hundred connections that trickle their headers, beside ordinary people."""
    seconds = 12 if quick else 30
    with world.traffic(200) as playing:
        time.sleep(seconds)
    calm = quantile_ms(playing.report, 0.99)
    with world.traffic(200) as playing:
        longest, left = trickle(world.ports[TRANSFORMER], seconds)
    report = playing.report
    return {
        "loris_p99": at_most(quantile_ms(report, 0.99), "ms", DEADLINE_MS),
        "calm_p99": at_most(calm, "ms", DEADLINE_MS),
        "loris_p99_ratio": at_most(quantile_ms(report, 0.99) / calm, "×", 2.0),
        **unanswered("loris", report),
        "loris_longest": at_most(longest, "s", 10.0),
        "loris_left_open": at_most(left, "sockets", 0),
    }


def trickle(port: int, seconds: float) -> tuple[float, int]:
    """Trickle a byte a second on every socket; return the longest that one lived, and how many were never cut."""
    began = time.monotonic()
    selector = selectors.DefaultSelector()
    for _ in range(SOCKETS):
        one = socket.create_connection(("127.0.0.1", port))
        one.sendall(_HEAD)
        time.sleep(0.002)
        selector.register(one, selectors.EVENT_READ)
    longest = 0.0
    while selector.get_map() and time.monotonic() - began < seconds:
        for key, _ in selector.select(timeout=1.0):
            longest = max(longest, time.monotonic() - began)
            selector.unregister(key.fileobj)
            key.fileobj.close()  # type: ignore[union-attr]  # sockets are all that was registered
        for key in list(selector.get_map().values()):
            with contextlib.suppress(OSError):
                key.fileobj.send(b"x")  # type: ignore[union-attr]
    return longest, len(selector.get_map())


def large_bodies(world: World, *, quick: bool) -> Figures:  # noqa: ARG001 - every scenario is told
    """A body of 64 MiB, one that never ends, and one that would unpack to 64 MiB."""
    bomb = gzip.compress(b"\0" * 64 * 1024**2)
    attacks = {
        "declared": (b"content-length: 67108864\r\n\r\n", (CHUNK for _ in range(1024))),
        "endless": (b"transfer-encoding: chunked\r\n\r\n", _endless()),
        "gzip": (b"content-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(bomb), iter([bomb])),
    }
    figures: Figures = {}
    for name, (head, parts) in attacks.items():
        grown, took = attack(world, head, parts)
        figures[f"{name}_body_growth"] = at_most(grown, "MB", 20)
        figures[f"{name}_body_cut"] = at_most(took, "s", 10)
    return figures


def attack(world: World, head: bytes, parts: Iterator[bytes]) -> tuple[float, float]:
    """Send that body for at most 12 s; by how many MB the transformer grew at most, and seconds until it cut."""
    before, most, began = world.memory_mb(TRANSFORMER), 0.0, time.monotonic()
    with socket.create_connection(("127.0.0.1", world.ports[TRANSFORMER])) as one:
        one.settimeout(2)
        with contextlib.suppress(OSError):
            one.sendall(_HEAD + head)
            for number, part in enumerate(parts):
                one.sendall(part)
                if number % 16 == 0:
                    most = max(most, world.memory_mb(TRANSFORMER) - before)
                if time.monotonic() - began > 12:
                    break
            one.recv(1000)
    return max(most, world.memory_mb(TRANSFORMER) - before), time.monotonic() - began


def _endless() -> Iterator[bytes]:
    while True:
        yield b"%x\r\n%b\r\n" % (len(CHUNK), CHUNK)
