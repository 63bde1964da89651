"""Real predictors and a real transformer, each a process of its own, over artifacts made here."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from contender.adapters.routing_file import RoutingFile
from contender.adapters.store_sql import Store
from contender.artifact import FEATURES, GOLDEN, MANIFEST, MODEL, Manifest, digest, seal
from contender.routing import Arm, ExperimentRef, Routing
from contender.tasks.job_change.task import JobChange
from contender.values import FallbackPolicy
from tests.stand_ins.ports import free_port

ROOT = Path(__file__).parents[3]
TASK = "job-change"
PREVIEW_KEY = b"a key of the operator, 32 bytes or more"
PLACES = {"blue": "7", "green": "8", "baseline": "1"}
"""Place to the version served there."""


class Artifact(NamedTuple):
    folder: Path
    digest: str


class Answered(NamedTuple):
    status: int
    body: Any
    headers: Mapping[str, str]


def wait_for(condition: Callable[[], Any], what: str, timeout_s: float = 60.0) -> Any:
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.02)
    raise AssertionError(f"{what}: not within {timeout_s} s")


def rows(count: int, seed: int = 1) -> list[dict[str, object]]:
    task = JobChange()
    fields = task.schema.model_fields
    return [{name: row[name] for name in fields} for row in task.generate(count, seed)]


def write_artifact(folder: Path, version: str, seed: int) -> Artifact:
    task = JobChange()
    known, data = rows(300, seed), task.generate(300, seed)
    labels = [task.label_of(row[task.target]) for row in data]
    encoder, recipe = task.fit_features(known, labels), task.recipe()
    encoded = encoder.encode(known)
    model = recipe.baseline(seed)
    model.fit(encoded, np.array(labels))
    classes = [str(name) for name in model.classes_]
    answers = task.decide(model.predict_proba(encoded[:5]), classes)
    golden = {
        "requests": known[:5],
        "answers": [{"label": a.label, "confidence": a.confidence, "score": a.score} for a in answers],
    }
    files = {
        MODEL: recipe.to_onnx(model, encoder.width),
        FEATURES: json.dumps(encoder.to_document()).encode(),
        GOLDEN: json.dumps(golden).encode(),
    }
    manifest = Manifest(task.name, version, "a schema", tuple(classes), {}, {}, seal(files)).to_bytes()
    folder.mkdir(parents=True)
    for name, content in {**files, MANIFEST: manifest}.items():
        (folder / name).write_bytes(content)
    return Artifact(folder, digest(manifest))


def routing(generation: int, *, share: float = 0.5, deadline_ms: int = 1_000, min_confidence: float = 0.0) -> Routing:
    return Routing(
        TASK,
        generation,
        ExperimentRef("7-vs-8", "7-vs-8"),
        (Arm("champion", "blue", "7", 0.0, 1 - share), Arm("challenger", "green", "8", 1 - share, 1.0)),
        None,
        FallbackPolicy(deadline_ms, min_confidence),
    )


def call(port: int, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None) -> Answered:
    content = body if isinstance(body, bytes | None) else json.dumps(body).encode()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path, content, dict(headers or {}))
        response = connection.getresponse()
        text = response.read()
        is_json = response.headers.get_content_type() == "application/json"
        return Answered(response.status, json.loads(text) if is_json and text else text, dict(response.headers))
    finally:
        connection.close()


def is_ready(port: int) -> bool:
    try:
        return call(port, "GET", "/v2/health/ready").status == 200
    except OSError:
        return False


@dataclass
class Stack:
    """The processes of one task under one home folder."""

    home: Path
    artifacts: Mapping[str, Artifact]
    ports: dict[str, int] = field(default_factory=dict)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    generation: int = 0
    environment: dict[str, str] = field(default_factory=dict)

    def start(self, name: str, *, lifeline: int | None = None) -> None:
        self.ports.setdefault(name, free_port())
        arguments, environment = self._transformer() if name == "transformer" else self._predictor(name)
        inherited = () if lifeline is None else (lifeline,)
        if lifeline is not None:
            environment = {**environment, "CONTENDER_LIFELINE_FD": str(lifeline)}
        with (self.home / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, "-m", *arguments],
                cwd=ROOT,
                env={**os.environ, **environment, **self.environment},
                stderr=log,
                pass_fds=inherited,
            )

    def wait_ready(self, *names: str) -> None:
        wait_for(lambda: all(is_ready(self.ports[name]) or self.dead(name) for name in names), f"{names} ready")
        for name in names:
            assert not self.dead(name), self.log(name)

    def dead(self, name: str) -> bool:
        return self.processes[name].poll() is not None

    def signal(self, name: str, number: signal.Signals) -> None:
        self.processes[name].send_signal(number)

    def kill(self, name: str) -> None:
        self.processes[name].kill()
        self.processes[name].wait()

    def stop(self) -> None:
        for process in self.processes.values():
            process.kill()
            process.wait()

    def log(self, name: str) -> str:
        return (self.home / f"{name}.log").read_text()

    def route(self, **changes: Any) -> Routing:
        """Write the next routing and wait until the transformer acknowledges it."""
        store = RoutingFile(self.home / "routing")
        expected = self.generation or None
        self.generation += 1
        document = routing(self.generation, **changes)
        store.write(document, expected=expected)
        if "transformer" in self.processes:
            store.wait_applied(TASK, self.generation, deadline_s=10)
        return document

    def rows(self, count: int, seed: int = 1) -> list[dict[str, object]]:
        return rows(count, seed)

    def call(
        self, name: str, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> Answered:
        return call(self.ports[name], method, path, body, headers)

    def ask(self, instances: object, headers: Mapping[str, str] | None = None) -> Answered:
        body = {"instances": instances}
        return call(self.ports["transformer"], "POST", f"/v1/models/{TASK}:predict", body, headers)

    def one(self, unit: str | None = "u1") -> dict[str, Any]:
        """The answer to one good row."""
        answered = self.ask([{**rows(1)[0], "unit_id": unit}])
        assert answered.status == 200, answered.body
        prediction: dict[str, Any] = answered.body["predictions"][0]
        return prediction

    def tell(self, body: object) -> Answered:
        return call(self.ports["transformer"], "POST", f"/v1/models/{TASK}:outcome", body)

    @property
    def store(self) -> Store:
        return Store(f"sqlite:///{self.home}/store.db", clock=time.time)

    def _predictor(self, name: str) -> tuple[list[str], dict[str, str]]:
        artifact = self.artifacts[name]
        return [
            "serving.predictor",
            *("--task", TASK, "--artifact", str(artifact.folder), "--digest", artifact.digest),
            *("--http_port", str(self.ports[name]), "--model_name", TASK),
            *(("--grpc_port", str(self.grpc_port(name))) if name == "blue" else ()),
        ], {}

    def grpc_port(self, name: str) -> int:
        return self.ports.setdefault(f"{name}-grpc", free_port())

    def _preview_key(self) -> Path:
        path = self.home / "preview.key"
        path.write_bytes(PREVIEW_KEY)
        return path

    def _transformer(self) -> tuple[list[str], dict[str, str]]:
        urls = {place: f"http://127.0.0.1:{self.ports.setdefault(place, free_port())}" for place in PLACES}
        return ["serving.transformer"], {
            "CONTENDER_TASK": TASK,
            "CONTENDER_ROUTING": str(self.home / "routing"),
            "CONTENDER_SPOOL": str(self.home / "spool"),
            "CONTENDER_STORE": f"sqlite:///{self.home}/store.db",
            "CONTENDER_HTTP_PORT": str(self.ports["transformer"]),
            "CONTENDER_GRPC_PORT": str(self.grpc_port("transformer")),
            "CONTENDER_PREVIEW_KEY": str(self._preview_key()),
            **{f"CONTENDER_{place.upper()}_URL": url for place, url in urls.items()},
        }


@pytest.fixture(scope="session")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Artifact]:
    folder = tmp_path_factory.mktemp("artifacts")
    return {place: write_artifact(folder / place, version, int(version)) for place, version in PLACES.items()}


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory, artifacts: dict[str, Artifact]) -> Iterator[Stack]:
    stack = Stack(tmp_path_factory.mktemp("stack"), artifacts)
    try:
        for name in (*PLACES, "transformer"):
            stack.start(name)
        yield stack
    finally:
        stack.stop()


@pytest.fixture
def stack(running: Stack) -> Stack:
    """All processes ready, half of the units with the challenger, everybody confident enough."""
    for name in (*PLACES, "transformer"):
        if running.dead(name):
            running.start(name)
    running.route()
    running.wait_ready(*PLACES, "transformer")
    # An arm that was ejected by the test before is back when a request has probed it.
    wait_for(lambda: both_serve(running), "both arms admitted")
    return running


def both_serve(stack: Stack) -> bool:
    answers = [stack.one(f"u{index}") for index in range(6)]
    return {a["assigned_to"] for a in answers if a["served_by"] == a["assigned_to"]} == {"champion", "challenger"}


@pytest.fixture
def alone(tmp_path: Path, artifacts: dict[str, Artifact]) -> Iterator[Stack]:
    """A home of its own, nothing started."""
    stack = Stack(tmp_path, artifacts)
    try:
        yield stack
    finally:
        stack.stop()
