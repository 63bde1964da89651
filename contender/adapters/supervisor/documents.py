"""What the supervisor is asked for and what it sees: the two documents in a task's run folder, and where they lie."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Literal

from pydantic import TypeAdapter, ValidationError

from contender.errors import InvalidInput
from contender.routing import KNOWN_SLOTS
from contender.values import BASELINE

PLACES: Final = (*KNOWN_SLOTS, BASELINE)
"""Where a model version can be served."""

TRANSFORMER: Final = "transformer"

Role = Literal["predictor", "transformer"]
RefusalKind = Literal["artifact", "start"]


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Where a task's supervisor and its clients meet, under the home folder."""

    home: Path
    task: str

    @property
    def path(self) -> Path:
        """The folder itself: ``run/<task>``."""
        return self.home / "run" / self.task

    @property
    def desired(self) -> Path:
        """What is asked for; written by clients."""
        return self.path / "desired.json"

    @property
    def desired_lock(self) -> Path:
        """Held by a client while it rewrites `desired`."""
        return self.path / "desired.lock"

    @property
    def observed(self) -> Path:
        """What is so; written by the supervisor alone."""
        return self.path / "observed.json"

    @property
    def supervisor_lock(self) -> Path:
        """Held by the supervisor while it lives; the kernel lets go of it whatever kills the supervisor."""
        return self.path / "supervisor.lock"

    @property
    def logs(self) -> Path:
        """The logs of the supervisor and its processes: ``logs/<task>/<name>.log``."""
        return self.home / "logs" / self.task


@dataclass(frozen=True, slots=True)
class Wanted:
    """The model version a place is asked to serve; `generation` is that of the document that first asked for it."""

    version: str
    artifact: str
    digest: str
    generation: int = 0

    def same(self, other: Wanted | None) -> bool:
        """Whether `other` names the same artifact, whenever it was asked for."""
        return other is not None and replace(self, generation=0) == replace(other, generation=0)


@dataclass(frozen=True, slots=True)
class Desired:
    """What each place is asked to serve, None for nothing. `generation` only grows."""

    generation: int = 0
    slots: Mapping[str, Wanted | None] = field(default_factory=lambda: dict.fromkeys(PLACES))

    def with_slot(self, slot: str, wanted: Wanted | None) -> Desired:
        """The next generation, which differs in `slot` alone."""
        generation = self.generation + 1
        asked = replace(wanted, generation=generation) if wanted else None
        return Desired(generation, {**self.slots, slot: asked})


@dataclass(frozen=True, slots=True)
class ProcessState:
    """One supervised process as it is now.

    `pid` is None while it waits to be restarted. `restarts` counts the unplanned ones since the supervisor started.
    `started_at` is seconds after the machine's boot: with `pid` it names a process for good.
    `last_exit` is how it ended last (``exit 1``, ``SIGKILL``), `reason` why it is not well or was restarted.
    """

    name: str
    role: Role
    slot: str | None
    pid: int | None
    port: int
    ready: bool
    restarts: int
    version: str | None
    digest: str | None
    started_at: float | None
    last_exit: str | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a place does not serve what it was asked for in `generation`: its artifact, or that it did not start.

    `field` is the artifact's file at fault, if one is.
    """

    version: str
    digest: str
    generation: int
    kind: RefusalKind
    reason: str
    field: str = ""


@dataclass(frozen=True, slots=True)
class Observed:
    """What the supervisor `pid` (started at `started_at`) sees, having read desired up to `generation`.

    `ports` are fixed while it lives, by place, the transformer's among them. `problem` is what keeps it from
    obeying `desired`.
    """

    task: str
    pid: int
    started_at: float
    generation: int
    ports: Mapping[str, int]
    processes: tuple[ProcessState, ...]
    refused: Mapping[str, Refusal]
    problem: str | None = None

    def process(self, name: str) -> ProcessState | None:
        """The process of that name, or None."""
        return next((process for process in self.processes if process.name == name), None)


_DESIRED: Final[TypeAdapter[Desired]] = TypeAdapter(Desired)
_OBSERVED: Final[TypeAdapter[Observed]] = TypeAdapter(Observed)


def desired_bytes(desired: Desired) -> bytes:
    """The document as it is written."""
    return _DESIRED.dump_json(desired, indent=1)


def parse_desired(content: bytes) -> Desired:
    """The desired state that `content` states.

    Raises:
        InvalidInput: not such a document, or a place that does not exist.
    """
    try:
        desired = _DESIRED.validate_json(content)
    except ValidationError as error:
        raise InvalidInput("desired", f"cannot be read: {_first(error)}") from error
    unknown = sorted(set(desired.slots) - set(PLACES))
    if unknown:
        raise InvalidInput("desired.slots", f"unknown place {unknown[0]!r}")
    return desired


def observed_bytes(observed: Observed) -> bytes:
    """The document as it is written."""
    return _OBSERVED.dump_json(observed, indent=1)


def parse_observed(content: bytes) -> Observed:
    """The observed state that `content` states.

    Raises:
        InvalidInput: not such a document.
    """
    try:
        return _OBSERVED.validate_json(content)
    except ValidationError as error:
        raise InvalidInput("observed", f"cannot be read: {_first(error)}") from error


def _first(error: ValidationError) -> str:
    details = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(map(str, details["loc"]))
    return f"{where}: {details['msg']}" if where else details["msg"]
