"""The chain under measurement: real transformer and predictors over small trained artifacts, each a process."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil

from contender.adapters.routing_file import RoutingFile
from contender.artifact import FEATURES, GOLDEN, MANIFEST, MODEL, Manifest, digest, seal
from contender.routing import Arm, ExperimentRef, Routing
from contender.tasks.catalog import task_named
from contender.tasks.task import Estimator, Task
from contender.values import FallbackPolicy

TASK = "job-change"
TRANSFORMER = "transformer"
VERSIONS = {"blue": "7", "green": "8", "baseline": "1"}
"""Place to the version served there."""

READY = "/v2/health/ready"
"""Where our servers say whether they are ready."""

_ROWS = 4_000
_READY_S = 60.0


def examples(count: int, seed: int) -> list[dict[str, object]]:
    """`count` rows as clients send them, each with a unit of its own."""
    task = task_named(TASK)
    names = task.schema.model_fields
    generated = task.generate(count, seed)
    return [{**{name: row[name] for name in names}, "unit_id": f"unit-{i}"} for i, row in enumerate(generated)]


def train(folder: Path, version: str, *, baseline: bool = False) -> str:
    """Write a serving artifact of the task's own recipe, trained on synthetic rows; return its manifest's digest."""
    task, seed = task_named(TASK), int(version)
    data = task.generate(_ROWS, seed)
    rows = [{name: row[name] for name in task.schema.model_fields} for row in data]
    labels = [task.label_of(row[task.target]) for row in data]
    encoder, recipe = task.fit_features(rows, labels), task.recipe()
    model = recipe.baseline(seed) if baseline else recipe.build(recipe.defaults(), seed)
    model.fit(encoder.encode(rows), np.array(labels))
    files = {
        MODEL: recipe.to_onnx(model, encoder.width),
        FEATURES: json.dumps(encoder.to_document()).encode(),
        GOLDEN: json.dumps(_golden(task, model, rows[:5], encoder.encode(rows[:5]))).encode(),
    }
    classes = tuple(str(name) for name in model.classes_)
    manifest = Manifest(task.name, version, "measured", classes, {}, {}, seal(files)).to_bytes()
    folder.mkdir(parents=True)
    for name, content in {**files, MANIFEST: manifest}.items():
        (folder / name).write_bytes(content)
    return digest(manifest)


def _golden(task: Task, model: Estimator, rows: Sequence[Mapping[str, object]], encoded: object) -> dict[str, object]:
    said = task.decide(model.predict_proba(encoded), [str(name) for name in model.classes_])  # type: ignore[arg-type]
    answers = [{"label": one.label, "confidence": one.confidence, "score": one.score} for one in said]
    return {"requests": list(rows), "answers": answers}


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def request(port: int, path: str, body: object = None) -> tuple[int, bytes]:
    """Status and body of one request on a connection of its own: a GET without a body, else a POST of JSON."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        if body is None:
            connection.request("GET", path)
        else:
            connection.request("POST", path, json.dumps(body), {"content-type": "application/json"})
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


@dataclass
class Servers:
    """Processes under `home`, all kept to the processor `core`."""

    home: Path
    core: int
    ports: dict[str, int] = field(default_factory=dict)
    processes: dict[str, psutil.Popen] = field(default_factory=dict)
    started_s: dict[str, float] = field(default_factory=dict)

    def stop(self) -> None:
        """End every process."""
        for process in self.processes.values():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.terminate()
        for process in self.processes.values():
            try:
                process.wait(20)
            except psutil.TimeoutExpired:
                process.kill()

    def cpu_s(self, *names: str) -> float:
        """Processor time that these processes (by default all) have used so far."""
        times = [self.processes[name].cpu_times() for name in names or self.processes]
        return sum(one.user + one.system for one in times)

    def memory_mb(self, name: str) -> float:
        """Resident memory of one process."""
        return float(self.processes[name].memory_info().rss) / 1e6

    def launch(self, name: str, arguments: Sequence[str], environment: Mapping[str, str]) -> None:
        """Start a process of this Python and wait until it is ready; note how long that took."""
        self.run(name, [sys.executable, "-m", *arguments], environment)

    def run(self, name: str, command: Sequence[str], environment: Mapping[str, str], ready: str = READY) -> None:
        """Start a process and wait until it answers at the path `ready`; note how long that took."""
        began = time.perf_counter()
        everything = {**os.environ, "OMP_NUM_THREADS": "1", **environment}
        with (self.home / f"{name}.log").open("ab") as log:
            process = psutil.Popen(list(command), stderr=log, stdout=log, env=everything)
        process.cpu_affinity([self.core])
        self.processes[name] = process
        self._await_ready(name, ready)
        self.started_s[name] = time.perf_counter() - began

    def _await_ready(self, name: str, path: str = READY) -> None:
        end = time.monotonic() + _READY_S
        while time.monotonic() < end and self.processes[name].poll() is None:
            try:
                if request(self.ports[name], path)[0] == 200:
                    return
            except (OSError, http.client.HTTPException):
                pass
            time.sleep(0.005)
        raise TimeoutError(f"{name}: {(self.home / f'{name}.log').read_text()[-2000:]}")


@dataclass
class Chain(Servers):
    """Transformer, two predictors and the baseline."""

    @property
    def door(self) -> tuple[int, str]:
        """Port and path of the transformer."""
        return self.ports[TRANSFORMER], f"/v1/models/{TASK}:predict"

    def prepare(self) -> None:
        """Train the artifacts and write a routing that halves the people."""
        for place, version in VERSIONS.items():
            train(self.home / place, version, baseline=place == "baseline")
        arms = (Arm("champion", "blue", "7", 0.0, 0.5), Arm("challenger", "green", "8", 0.5, 1.0))
        policy = FallbackPolicy(deadline_ms=1_000, min_confidence=0.0)
        routing = Routing(TASK, 1, ExperimentRef("measured", "measured"), arms, None, policy)
        RoutingFile(self.home / "routing").write(routing, expected=None)

    def start(self) -> None:
        """Start every process, one after the other."""
        for name in (*VERSIONS, TRANSFORMER):
            self.ports[name] = free_port()
            arguments, environment = self._transformer() if name == TRANSFORMER else self._predictor(name)
            self.launch(name, arguments, environment)

    def _predictor(self, place: str) -> tuple[list[str], dict[str, str]]:
        port = str(self.ports[place])
        artifact = str(self.home / place)
        return ["serving.predictor", "--task", TASK, "--artifact", artifact, "--http_port", port], {}

    def _transformer(self) -> tuple[list[str], dict[str, str]]:
        return ["serving.transformer"], {
            "CONTENDER_TASK": TASK,
            "CONTENDER_ROUTING": str(self.home / "routing"),
            "CONTENDER_SPOOL": str(self.home / "spool"),
            "CONTENDER_STORE": f"sqlite:///{self.home}/store.db",
            "CONTENDER_HTTP_PORT": str(self.ports[TRANSFORMER]),
            **{f"CONTENDER_{place.upper()}_URL": f"http://127.0.0.1:{self.ports[place]}" for place in VERSIONS},
        }


@dataclass
class StockChain(Servers):
    """A stock KServe transformer and predictor of `kind` (``onnx`` or ``sklearn``) over the chain's artifact."""

    kind: str = "onnx"

    @property
    def door(self) -> tuple[int, str]:
        """Port and path of the transformer."""
        return self.ports[f"stock-{self.kind}-transformer"], "/v1/models/stock:predict"

    def start(self) -> None:
        """Start both processes."""
        predictor, transformer = (f"stock-{self.kind}-{part}" for part in ("predictor", "transformer"))
        for name in (predictor, transformer):
            self.ports[name] = free_port()
            arguments = [
                name.rpartition("-")[2],
                self.kind,
                str(self.home / "blue"),
                "--http_port",
                str(self.ports[name]),
            ]
            if name == transformer:
                arguments += ["--predictor_host", f"127.0.0.1:{self.ports[predictor]}"]
            self.launch(name, ["benchmarks.stock", *arguments, "--enable_latency_logging", "false"], {})
