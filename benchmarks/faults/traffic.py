"""People's requests from a process of their own: an even rate over keep-alive connections, every reply looked at.

``python -m benchmarks.faults.traffic`` reads a `Traffic` as one line of JSON on stdin, then lines with the port to ask
from then on; at end of file it stops and writes what it saw to the traffic's file. Latency counts from the intended
moment. A request that has no free connection to go out on is given up and counted as such.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import orjson
import uvloop

PATIENCE_S = 5.0
"""A reply that takes longer is a failed request."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """`rate` requests a second (0: as fast as replies come) to `port` over `connections`; `bodies` in turn.

    After `reuse` requests a connection is closed and opened anew (0: never). While nobody listens, requests are held
    back when `waits`, else they fail.
    """

    port: int
    bodies: Sequence[str]
    result: str
    rate: float
    connections: int = 64
    reuse: int = 0
    waits: bool = False
    core: int | None = None


@dataclass
class Report:
    """What came back; `offered` counts what was due, `given_up` what never found a free connection.

    `failed_at` is when each failure was noticed, `latest` by how many seconds the traffic itself was late at worst. An
    answer is (asked at, seconds, unit, assigned to, served by, reason, prediction id).
    """

    offered: int = 0
    given_up: int = 0
    shed: int = 0
    latest: float = 0.0
    failures: dict[str, int] = field(default_factory=dict)
    failed_at: list[float] = field(default_factory=list)
    answers: list[tuple[float, float, str, str, str, str, str]] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def failed(self) -> int:
        """Requests without an answer, those turned away in order not counted."""
        return sum(self.failures.values())


class _Run:
    def __init__(self, traffic: Traffic) -> None:
        self.traffic, self.port = traffic, traffic.port
        head = "POST /v1/models/job-change:predict HTTP/1.1\r\nhost: here\r\ncontent-length: "
        self._requests = [f"{head}{len(body.encode())}\r\n\r\n{body}".encode() for body in traffic.bodies]
        self._units = [json.loads(body)["instances"][0]["unit_id"] for body in traffic.bodies]
        self.idle: deque[_Connection] = deque()
        self.report, self.failures, self.sent, self.over = Report(), Counter[str](), 0, False

    def next_request(self) -> tuple[bytes, str]:
        self.sent += 1
        index = self.sent % len(self._requests)
        return self._requests[index], self._units[index]

    def told(self, one: _Connection, status: bytes, body: bytes) -> None:
        now = time.time()
        if status == b"200":
            said = orjson.loads(body)["predictions"][0]
            names = ("assigned_to", "served_by", "fallback_reason", "prediction_id")
            values = (said[name] or "" for name in names)
            self.report.answers.append((one.asked, now - one.asked, one.unit, *values))  # type: ignore[arg-type]
        elif status == b"503":
            self.report.shed += 1
        else:
            self.failed(f"status {status.decode()}")

    def failed(self, how: str) -> None:
        self.failures[how] += 1
        self.report.failed_at.append(time.time())


class _Connection(asyncio.Protocol):
    def __init__(self, run: _Run) -> None:
        self.run, self.asked, self.unit, self._buffer, self._left = run, 0.0, "", b"", run.traffic.reuse
        self.transport: Any = None
        self.waiting = self.closing = False
        self.port, self.gone = run.port, asyncio.Event()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def ask(self, intended: float) -> None:
        request, self.unit = self.run.next_request()
        self.asked, self.waiting = intended, True
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, body = self._buffer.partition(b"\r\n\r\n")
        lower = head.lower()
        if not found or len(body) < int(lower.partition(b"content-length: ")[2].partition(b"\r")[0]):
            return
        self._buffer, self.waiting = b"", False
        self.run.told(self, head[9:12], body)
        self._left -= 1
        if b"connection: close" in lower or self._left == 0 or self.port != self.run.port:
            self.leave()
        else:
            self.go_on()

    def go_on(self) -> None:
        if self.run.traffic.rate or self.run.over:
            self.run.idle.append(self)
        else:
            self.ask(time.time())

    def leave(self) -> None:
        self.closing = True
        self.gone.set()
        self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if self.waiting:
            self.run.failed(f"connection lost: {type(exc).__name__}")
        self.waiting, self.closing = False, True
        self.gone.set()


class _Crowd:
    """Keeps as many connections open as the traffic has, each by a task of its own."""

    def __init__(self, run: _Run) -> None:
        self.run, self.open = run, set[_Connection]()
        self._tasks = [asyncio.create_task(self._keep()) for _ in range(run.traffic.connections)]
        self._tasks.append(asyncio.create_task(self._watch()))

    async def _keep(self) -> None:
        loop, run = asyncio.get_running_loop(), self.run
        while not run.over:
            try:
                _, one = await loop.create_connection(lambda: _Connection(run), "127.0.0.1", run.port)
            except OSError as error:
                if not run.traffic.waits:
                    run.failed(f"no connection: {type(error).__name__}")
                await asyncio.sleep(0.02)
                continue
            self.open.add(one)
            one.go_on()
            await one.gone.wait()
            self.open.discard(one)

    async def _watch(self) -> None:
        while not self.run.over:
            await asyncio.sleep(0.02)
            for one in list(self.open):
                self._check(one)

    def _check(self, one: _Connection) -> None:
        if one.waiting and time.time() - one.asked > PATIENCE_S:
            self.run.failed("no reply")
            one.waiting = False
            one.leave()
        elif not one.waiting and one.port != self.run.port:
            one.leave()

    async def end(self) -> None:
        self.run.over = True
        until = time.time() + PATIENCE_S
        while any(one.waiting for one in self.open) and time.time() < until:
            await asyncio.sleep(0.005)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def _pace(run: _Run) -> None:
    started, rate, number = time.time(), run.traffic.rate, 0
    while rate and not run.over:
        intended = started + number / rate
        if (early := intended - time.time()) > 0:
            await asyncio.sleep(early)
            continue
        number += 1
        run.report.offered += 1
        run.report.latest = max(run.report.latest, -early)
        _send(run, intended)
        if number % 16 == 0:
            await asyncio.sleep(0)


def _send(run: _Run, intended: float) -> None:
    while run.idle:
        one = run.idle.popleft()
        if one.closing or one.transport.is_closing():
            continue
        one.ask(intended)
        return
    run.report.given_up += 1


async def _follow(run: _Run) -> None:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        run.port = int(line)


async def _play(traffic: Traffic) -> Report:
    run, began = _Run(traffic), time.time()
    crowd = _Crowd(run)
    await asyncio.sleep(0.1)
    pacing = asyncio.create_task(_pace(run))
    await _follow(run)
    run.report.seconds = time.time() - began
    await crowd.end()
    await pacing
    run.report.failures = dict(run.failures)
    return run.report


def main() -> None:
    """Play the traffic that the first line of stdin describes."""
    with os.fdopen(os.dup(sys.stdin.fileno()), "rb", buffering=0) as stdin:
        traffic = Traffic(**json.loads(stdin.readline()))
    if traffic.core is not None:
        os.sched_setaffinity(0, {traffic.core})
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        report = runner.run(_play(traffic))
    with open(traffic.result, "wb") as file:  # noqa: PTH123 - a path as it was handed over
        file.write(orjson.dumps(asdict(report)))


if __name__ == "__main__":
    main()
