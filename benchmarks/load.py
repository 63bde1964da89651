"""A load generator in a process of its own: keep-alive connections, closed loop or open loop.

``python -m benchmarks.load`` reads a `Load` as JSON on stdin and writes a `Heard` as JSON on stdout. In an open loop
every request has an intended moment, and its latency counts from there: what waited because the server stalled is
charged to the server (coordinated omission).
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import uvloop

DRAIN_S = 10.0


@dataclass(frozen=True, slots=True)
class Load:
    """What is asked of whom: `bodies` in turn to `path`, for `seconds`.

    With `rate` 0 each of `connections` asks again as soon as it is answered; else `rate` requests a second are due,
    evenly spaced, whatever the server does. `core` is the processor that the generator keeps to; None leaves it free.
    """

    port: int
    path: str
    bodies: Sequence[str]
    connections: int
    seconds: float
    rate: float = 0.0
    core: int | None = None


@dataclass(frozen=True, slots=True)
class Heard:
    """What came back: answers and failures, the time it took, latencies in ms at `QUANTILES`, and the longest.

    `shed` are those of the failures that were turned away for now (503).
    """

    answered: int
    failed: int
    seconds: float
    quantiles_ms: dict[str, float] = field(default_factory=dict)
    longest_ms: float = 0.0
    shed: int = 0

    @property
    def per_second(self) -> float:
        """Answers a second."""
        return self.answered / self.seconds


QUANTILES = (0.5, 0.95, 0.99, 0.999)


def generate(load: Load) -> Heard:
    """Run `load` in another process and return what it heard."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.load"],
        input=json.dumps(asdict(load)),
        capture_output=True,
        text=True,
        check=True,
        timeout=load.seconds + DRAIN_S + 30,
    )
    return Heard(**json.loads(done.stdout))


class _Run:
    """The state that all connections share."""

    def __init__(self, load: Load) -> None:
        self.load = load
        head = f"POST {load.path} HTTP/1.1\r\nhost: here\r\ncontent-type: application/json\r\ncontent-length: "
        bodies = [body.encode() for body in load.bodies]
        self._requests = [f"{head}{len(body)}\r\n\r\n".encode() + body for body in bodies]
        self.latencies: list[float] = []
        self.failed = self.shed = self._sent = 0
        self.idle: deque[_Connection] = deque()
        self.due: deque[float] = deque()
        self.end = time.perf_counter() + load.seconds

    def next_request(self) -> bytes:
        self._sent += 1
        return self._requests[self._sent % len(self._requests)]

    def answered(self, connection: _Connection, status: bytes, intended: float) -> None:
        now = time.perf_counter()
        if status == b"200":
            self.latencies.append(now - intended)
        else:
            self.failed += 1
            self.shed += status == b"503"
        self.next_for(connection, now)

    def next_for(self, connection: _Connection, now: float) -> None:
        if self.load.rate:
            if self.due:
                connection.ask(self.due.popleft())
            else:
                self.idle.append(connection)
        elif now < self.end:
            connection.ask(now)
        else:
            self.idle.append(connection)


class _Connection(asyncio.Protocol):
    """One keep-alive connection; a reply is whole when as many bytes came as its head says."""

    def __init__(self, run: _Run) -> None:
        self._run, self._buffer, self._intended = run, b"", 0.0
        self._transport: Any = None
        self.waiting = False

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._run.next_for(self, time.perf_counter())

    def ask(self, intended: float) -> None:
        self._intended, self.waiting = intended, True
        self._transport.write(self._run.next_request())

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, body = self._buffer.partition(b"\r\n\r\n")
        if found and len(body) >= int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0]):
            self._buffer, self.waiting = b"", False
            self._run.answered(self, head[9:12], self._intended)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        if self.waiting:
            self._run.failed += 1
            self.waiting = False


async def _play(load: Load) -> Heard:
    loop = asyncio.get_running_loop()
    began, run = time.perf_counter(), _Run(load)
    connections = [
        (await loop.create_connection(lambda: _Connection(run), "127.0.0.1", load.port))[1]
        for _ in range(load.connections)
    ]
    if load.rate:
        await _keep_pace(run, load)
    else:
        await asyncio.sleep(run.end - time.perf_counter())
    while time.perf_counter() < run.end + DRAIN_S and (run.due or any(one.waiting for one in connections)):
        await asyncio.sleep(0.001)
    took = time.perf_counter() - began
    run.failed += len(run.due) + sum(one.waiting for one in connections)
    return _heard(run, took)


async def _keep_pace(run: _Run, load: Load) -> None:
    started = time.perf_counter()
    for number in range(int(load.rate * load.seconds)):
        intended = started + number / load.rate
        while (early := intended - time.perf_counter()) > 0:
            # The last half millisecond is spun away: a timer is not finer.
            await asyncio.sleep(max(0.0, early - 0.0005))
        if run.idle:
            run.idle.popleft().ask(intended)
        else:
            run.due.append(intended)


def _heard(run: _Run, took: float) -> Heard:
    if not run.latencies:
        return Heard(0, run.failed, took, shed=run.shed)
    values = np.array(run.latencies) * 1000
    quantiles = {str(q): float(np.quantile(values, q)) for q in QUANTILES}
    return Heard(len(values), run.failed, took, quantiles, float(values.max()), run.shed)


def main() -> None:
    """Play the load that stdin describes; tell on stdout what was heard."""
    load = Load(**json.load(sys.stdin))
    if load.core is not None:
        os.sched_setaffinity(0, {load.core})
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(json.dumps(asdict(runner.run(_play(load)))))


if __name__ == "__main__":
    main()
