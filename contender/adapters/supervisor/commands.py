"""The command lines of the model servers, as data: this room starts them and imports nothing of them."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from contender.adapters.supervisor.documents import PLACES, TRANSFORMER, Wanted
from contender.adapters.supervisor.probe import HOST


@dataclass(frozen=True, slots=True)
class Command:
    """What to execute: arguments, and environment on top of the supervisor's own."""

    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)


class Commands(Protocol):
    """How a task's servers are started."""

    def predictor(self, place: str, wanted: Wanted, port: int) -> Command:
        """Serve `wanted` on `port`; `place` is where: blue, green or baseline."""
        ...

    def transformer(self, ports: Mapping[str, int], port: int) -> Command:
        """Serve on `port` in front of the predictors whose `ports` are given by place."""
        ...


@dataclass(frozen=True, slots=True)
class ServingCommands:
    """The KServe model servers of `serving`, for one task under one home folder."""

    task: str
    home: Path
    python: str = sys.executable

    def predictor(self, place: str, wanted: Wanted, port: int) -> Command:  # noqa: ARG002 - every place is alike
        """See `Commands`."""
        options = {
            "--task": self.task,
            "--artifact": wanted.artifact,
            "--digest": wanted.digest,
            "--http_port": str(port),
            "--model_name": self.task,
        }
        flat = (word for option in options.items() for word in option)
        return Command((self.python, "-m", "serving.predictor", *flat))

    def transformer(self, ports: Mapping[str, int], port: int) -> Command:
        """See `Commands`."""
        urls = {f"CONTENDER_{place.upper()}_URL": f"http://{HOST}:{ports[place]}" for place in PLACES if place in ports}
        settings = {
            "CONTENDER_TASK": self.task,
            "CONTENDER_ROUTING": str(self.home / "routing"),
            "CONTENDER_SPOOL": str(self.home / "spool" / self.task),
            "CONTENDER_STORE": f"sqlite:///{self.home / 'store.db'}",
            "CONTENDER_HTTP_PORT": str(port),
            "CONTENDER_READER": TRANSFORMER,
        }
        return Command((self.python, "-m", "serving.transformer"), settings | urls)
