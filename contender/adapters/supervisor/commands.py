"""The command lines of the model servers, as data: this room starts them and imports nothing of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from pathlib import Path
from typing import Final, Protocol

from contender.adapters.addresses import sqlite_url
from contender.adapters.process_environment import python
from contender.adapters.supervisor.documents import PLACES, TRANSFORMER, Wanted
from contender.adapters.supervisor.probe import HOST
from contender.errors import InvalidInput

PREFIX: Final = "CONTENDER_"

TAKEN: Final = frozenset(
    {
        "HOST", "GRPC_PORT", "DRAIN_S", "MAX_CONNECTIONS", "LAG_TARGET_MS", "SPOOL_BUCKET", "S3_ENDPOINT",
        "PREVIEW_KEY", "UNIT_FROM", "COVARIATES", "INPUTS_PER_SECOND",
    }
)  # fmt: skip
"""Settings that a person gives the transformer by the environment of `contender up`. The slots take none."""

SETTLED: Final[Mapping[str, str]] = {
    **dict.fromkeys(("ROUTING", "SPOOL"), "CONTENDER_HOME says where it lies"),
    **dict.fromkeys(("HTTP_PORT",), "CONTENDER_PORT or --port says it"),
    **dict.fromkeys(("STORE",), "CONTENDER_STORE_URL says it for servers and commands alike"),
    **dict.fromkeys(("MODEL_NAME", "READER", "ARTIFACT", "DIGEST", "WAIT_EMPTY"), "`contender up` settles it"),
    **dict.fromkeys((f"{place.upper()}_URL" for place in PLACES), "`contender up` starts the slots itself"),
    **dict.fromkeys(("KUBERNETES_URL", "SERVICE_ACCOUNT"), "it is a cluster's"),
}
"""Settings of servers that are not a person's on one machine, and who says it instead."""

_FILES: Final = frozenset({"PREVIEW_KEY"})
_REACHED: Final = frozenset({"", HOST, "localhost", str(IPv4Address(0))})


@dataclass(frozen=True, slots=True)
class Command:
    """What to execute: arguments, and environment on top of the supervisor's own, which holds no setting of ours."""

    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)


def taken(environment: Mapping[str, str]) -> dict[str, str]:
    """The settings in `environment` that the transformer of this machine takes, files by their whole paths.

    Raises:
        InvalidInput: a setting that servers here cannot obey, by its name and with what says it instead.
    """
    stated = {
        name.removeprefix(PREFIX): value for name, value in environment.items() if name.startswith(PREFIX) and value
    }
    for name in sorted(set(stated) & set(SETTLED)):
        raise InvalidInput(f"{PREFIX}{name}", f"is not obeyed on one machine: {SETTLED[name]}", remedy="unset it")
    if stated.get("HOST", "") not in _REACHED:
        problem = f"servers of one machine must be reached at {HOST}, too"
        raise InvalidInput(f"{PREFIX}HOST", problem, remedy="leave it unset, or 0.0.0.0 for every address")
    whole = {name: str(Path(value).expanduser().absolute()) for name, value in stated.items() if name in _FILES}
    return {f"{PREFIX}{name}": value for name, value in (stated | whole).items() if name in TAKEN}


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
    """The KServe model servers of `serving`, for one task under one home folder.

    `store` is the store's address, the home's own unless stated; `given` holds the transformer's settings by name.
    """

    task: str
    home: Path
    store: str = ""
    given: Mapping[str, str] = field(default_factory=dict)

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
        return Command(python("-m", "serving.predictor", *flat))

    def transformer(self, ports: Mapping[str, int], port: int) -> Command:
        """See `Commands`."""
        urls = {f"CONTENDER_{place.upper()}_URL": f"http://{HOST}:{ports[place]}" for place in PLACES if place in ports}
        settings = {
            "CONTENDER_TASK": self.task,
            "CONTENDER_ROUTING": str(self.home / "routing"),
            "CONTENDER_SPOOL": str(self.home / "spool" / self.task),
            "CONTENDER_STORE": self.store or sqlite_url(self.home / "store.db"),
            "CONTENDER_HTTP_PORT": str(port),
            "CONTENDER_READER": TRANSFORMER,
        }
        return Command(python("-m", "serving.transformer"), {**self.given, **settings, **urls})
