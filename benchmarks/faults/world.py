"""The processes that are made to suffer, and the traffic beside it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import orjson
import psutil

from benchmarks.chain import TASK, TRANSFORMER, VERSIONS, Chain, examples, free_port, request
from benchmarks.faults.traffic import Report, Traffic
from contender.adapters.routing_file import RoutingFile
from contender.routing import Arm, ExperimentRef, Routing
from contender.values import FallbackPolicy

DEADLINE_MS = 150
ARMS = ("blue", "green")


class Figure(NamedTuple):
    """One measured figure, what it should be, and whether it is."""

    value: float
    unit: str
    goal: str
    ok: bool


Figures = dict[str, Figure]


def at_most(value: float, unit: str, limit: float) -> Figure:
    """A figure that should not exceed `limit`."""
    return Figure(round(value, 4), unit, f"<= {limit:g}", value <= limit)


def at_least(value: float, unit: str, limit: float) -> Figure:
    """A figure that should reach `limit`."""
    return Figure(round(value, 4), unit, f">= {limit:g}", value >= limit)


@dataclass
class World(Chain):
    """The chain, with ways to hurt it. Servers keep to `core`, traffic to the processor `other`."""

    other: int = 1
    extra: dict[str, dict[str, str]] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)
    moved: int = 0

    def begin(self) -> None:
        """Train, start everything, and route half of the people to each arm with a deadline of 150 ms."""
        self.prepare()
        self.start()
        self.route()

    def route(self) -> Routing:
        """Write the next generation of the one routing that all figures are taken under."""
        file = RoutingFile(self.home / "routing")
        current = file.read(TASK)
        generation = current.generation + 1 if current else 1
        arms = (Arm("champion", "blue", "7", 0.0, 0.5), Arm("challenger", "green", "8", 0.5, 1.0))
        policy = FallbackPolicy(DEADLINE_MS, 0.0)
        routing = Routing(TASK, generation, ExperimentRef("measured", "measured"), arms, None, policy)
        file.write(routing, expected=current.generation if current else None)
        file.wait_applied(TASK, generation, deadline_s=10)
        return routing

    def again(self, name: str) -> None:
        """Start the process `name` once more at its port; do not wait."""
        arguments, environment = self._predictor(name) if name in VERSIONS else self._other(name)
        everything = {**os.environ, "OMP_NUM_THREADS": "1", **environment}
        with (self.home / f"{name}.log").open("ab") as log:
            process = psutil.Popen([sys.executable, "-m", *arguments], stderr=log, stdout=log, env=everything)
        process.cpu_affinity([self.core])
        self.processes[name] = process

    def ready(self, *names: str) -> None:
        """Wait until all of these are ready."""
        for name in names:
            self._await_ready(name)

    def kill(self, name: str) -> None:
        """SIGKILL the process `name`."""
        self.processes[name].kill()
        self.processes[name].wait()

    def signal(self, name: str, number: signal.Signals) -> None:
        """Send a signal to the process `name`."""
        self.processes[name].send_signal(number)

    def second(self, name: str, **environment: str) -> None:
        """Start another transformer under `name`, with a spool of its own."""
        self.ports[name] = free_port()
        self.extra[name] = environment
        self.again(name)
        self.ready(name)

    def metrics(self, name: str = TRANSFORMER) -> dict[str, float]:
        """Every series of a server and its value."""
        lines = request(self.ports[name], "/metrics")[1].decode().splitlines()
        pairs = (line.rsplit(" ", 1) for line in lines if line and not line.startswith("#"))
        return {series: float(value) for series, value in pairs}

    @contextlib.contextmanager
    def traffic(self, rate: float, **changes: Any) -> Iterator[Playing]:
        """Traffic for as long as the block runs; its report is complete afterwards."""
        result = self.home / f"traffic-{time.monotonic_ns()}.json"
        bodies = [json.dumps({"instances": [row]}) for row in examples(500, 5)]
        plan = {"port": self.ports[TRANSFORMER], "core": self.other, **changes}
        traffic = Traffic(bodies=bodies, result=str(result), rate=rate, **plan)
        command = [sys.executable, "-m", "benchmarks.faults.traffic"]
        process = subprocess.Popen(command, stdin=subprocess.PIPE)
        playing = Playing(process)
        playing.tell(json.dumps(asdict(traffic)))
        try:
            yield playing
        finally:
            playing.stop()
        playing.report = Report(**orjson.loads(result.read_bytes()))
        result.unlink()
        self._follow_units(playing.report)
        if playing.report.failures:
            print(f"  failures: {playing.report.failures}", file=sys.stderr)

    def _follow_units(self, report: Report) -> None:
        for answer in report.answers:
            unit, arm = answer[2], answer[3]
            self.moved += self.units.setdefault(unit, arm) != arm

    def _other(self, name: str) -> tuple[list[str], dict[str, str]]:
        arguments, environment = self._transformer()
        changes = {"CONTENDER_HTTP_PORT": str(self.ports[name]), "CONTENDER_READER": name}
        changes["CONTENDER_SPOOL"] = str(self.home / ("spool" if name == TRANSFORMER else f"spool-{name}"))
        return arguments, {**environment, **changes, **self.extra.get(name, {})}


class Playing:
    """Traffic under way."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self.report = Report()

    def tell(self, line: str) -> None:
        """Hand a line to the traffic: at first its description, then ports to ask."""
        assert self._process.stdin is not None  # noqa: S101 - it was started with a pipe
        self._process.stdin.write(line.encode() + b"\n")
        self._process.stdin.flush()

    def stop(self) -> None:
        """Let it end and wait for its report."""
        assert self._process.stdin is not None  # noqa: S101 - it was started with a pipe
        self._process.stdin.close()
        self._process.wait(60)


def wait_until(condition: Callable[[], object], timeout_s: float = 30.0) -> float:
    """Wait until `condition` holds; return the seconds that took.

    Raises:
        TimeoutError: it never did.
    """
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began > timeout_s:
            raise TimeoutError(condition.__qualname__)
        time.sleep(0.01)
    return time.monotonic() - began


def quantile_ms(report: Report, share: float, since: float = 0.0, until: float = float("inf")) -> float:
    """The latency, ms, that `share` of the answers asked for in that time stayed within; infinite without any."""
    values = [answer[1] * 1000 for answer in report.answers if since <= answer[0] < until]
    return float(np.quantile(values, share)) if values else float("inf")


def delta(before: Mapping[str, float], after: Mapping[str, float], prefix: str) -> float:
    """By how much the series whose name begins with `prefix` have grown together."""
    grown = (value - before.get(series, 0.0) for series, value in after.items() if series.startswith(prefix))
    return sum(grown)


def unanswered(prefix: str, report: Report) -> Figures:
    """Requests without an answer, turned away (503), and never sent because all of the traffic's connections waited."""
    return {
        f"{prefix}_failed": at_most(report.failed, "requests", 0),
        f"{prefix}_shed": at_most(report.shed, "requests", 0),
        f"{prefix}_never_sent": at_most(report.given_up, "requests", 0),
    }


def folder_of(world: World, name: str) -> Path:
    """A new folder in the world's home."""
    folder = world.home / name
    folder.mkdir()
    return folder
