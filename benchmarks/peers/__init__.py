"""Other people's model servers in front of the very ONNX graph that our predictor serves, one row of JSON a request.

Each is installed into an environment of its own under ``.tools/peers`` by ``python -m benchmarks.peers``, since none of
them agrees with the others' dependencies. They get rows that are encoded already and check nothing: what they cost is
what the server costs. Our predictor checks the row and encodes it, too.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from benchmarks.chain import Servers, free_port
from contender.artifact import MODEL

ROOT: Final = Path(__file__).parents[2]
HOME: Final = ROOT / ".tools" / "peers"
HERE: Final = Path(__file__).parent

REQUIREMENTS: Final[Mapping[str, Sequence[str]]] = {
    # MLServer's worker pool does not start under uvloop 0.22.
    "mlserver": ("mlserver==1.7.1", "uvloop<0.22"),
    "litserve": ("litserve==0.2.19",),
    "bentoml": ("bentoml==1.4.39",),
}
ALSO: Final = ("onnxruntime>=1.22,<2",)
"""What each of them needs beside itself."""

_PATHS: Final = {"mlserver": "/v2/models/peer/infer", "litserve": "/predict", "bentoml": "/predict"}
_READY: Final = {"mlserver": "/v2/health/ready", "litserve": "/health", "bentoml": "/readyz"}


def installed() -> list[str]:
    """The peers that are there to be measured."""
    return [name for name in REQUIREMENTS if (HOME / name / "bin" / "python").exists()]


@dataclass
class Peer(Servers):
    """The model server `kind` over the champion's graph, with all processes that it starts."""

    kind: str = ""

    @property
    def door(self) -> tuple[int, str]:
        """Port and path."""
        return self.ports[self.kind], _PATHS[self.kind]

    def start(self) -> None:
        """Start it, wait until it is ready, and keep all of it to one processor."""
        self.ports = {name: free_port() for name in (self.kind, "grpc", "metrics")}
        self.run(self.kind, _COMMANDS[self.kind](self), self._environment(), _READY[self.kind])
        for process in self._all():
            process.cpu_affinity([self.core])

    def stop(self) -> None:
        """End all of its processes; some leave their children behind when they are told to stop."""
        for process in self._all() if self.processes else ():
            process.kill()
        for process in self.processes.values():
            process.wait()

    def cpu_s(self, *names: str) -> float:  # noqa: ARG002 - a case's signature
        """Processor time of all of its processes so far."""
        times = [process.cpu_times() for process in self._all()]
        return sum(one.user + one.system for one in times)

    def bodies(self, rows: Sequence[Sequence[float]]) -> list[str]:
        """A request for each of the encoded `rows`, as this server wants it."""
        return [json.dumps(self._body(list(row))) for row in rows]

    def _body(self, row: list[float]) -> dict[str, object]:
        if self.kind == "mlserver":
            tensor = {"name": "features", "shape": [1, len(row)], "datatype": "FP32", "data": row}
            return {"inputs": [tensor]}
        return {"instances": [row]}

    def _environment(self) -> dict[str, str]:
        quiet = {"DO_NOT_TRACK": "1", "BENTOML_DO_NOT_TRACK": "True", "LIT_SERVER_DISABLE_TELEMETRY": "1"}
        return {**quiet, "PEER_MODEL": str(self.home / "blue" / MODEL), "PYTHONPATH": str(HERE)}

    def _all(self) -> list[psutil.Process]:
        first = self.processes[self.kind]
        return [first, *first.children(recursive=True)]


def _mlserver(peer: Peer) -> list[str]:
    folder = peer.home / "mlserver"
    folder.mkdir()
    ports = {
        "http_port": peer.ports["mlserver"],
        "grpc_port": peer.ports["grpc"],
        "metrics_port": peer.ports["metrics"],
    }
    settings = {"host": "127.0.0.1", **ports, "debug": False}
    (folder / "settings.json").write_text(json.dumps(settings))
    model = {"name": "peer", "implementation": "serve_mlserver.OnnxRuntime"}
    (folder / "model-settings.json").write_text(json.dumps(model))
    return [_bin("mlserver", "mlserver"), "start", str(folder)]


def _litserve(peer: Peer) -> list[str]:
    return [_bin("litserve", "python"), str(HERE / "serve_litserve.py"), str(peer.ports["litserve"])]


def _bentoml(peer: Peer) -> list[str]:
    where = ["--host", "127.0.0.1", "--port", str(peer.ports["bentoml"]), "--working-dir", str(HERE)]
    return [_bin("bentoml", "bentoml"), "serve", "serve_bentoml:Peer", *where]


def _bin(peer: str, program: str) -> str:
    return str(HOME / peer / "bin" / program)


_COMMANDS: Final[Mapping[str, Callable[[Peer], list[str]]]] = {
    "mlserver": _mlserver,
    "litserve": _litserve,
    "bentoml": _bentoml,
}
