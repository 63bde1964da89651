"""All places of one task, on ports of their own, with the children in them."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from contextlib import ExitStack
from functools import partial
from typing import Final

from contender.adapters.supervisor.child import Nursery
from contender.adapters.supervisor.commands import Command, Commands
from contender.adapters.supervisor.documents import (
    PLACES,
    TRANSFORMER,
    Desired,
    ProcessState,
    Refusal,
    RunFolder,
    Wanted,
)
from contender.adapters.supervisor.patience import Patience
from contender.adapters.supervisor.place import Place, Running
from contender.adapters.supervisor.ports import PortHold
from contender.adapters.supervisor.probe import ask
from contender.adapters.supervisor.verify import verify_artifact

_FRONT_DOOR: Final = Wanted(version="", artifact="", digest="")
"""What the transformer's place is always asked for: it serves no version of its own."""


class Fleet:
    """The predictors' places and the transformer's. Use from the main thread only, see `Nursery.start`."""

    def __init__(self, folder: RunFolder, commands: Commands, nursery: Nursery, patience: Patience) -> None:
        self._task, self._commands, self._nursery, self._patience = folder.task, commands, nursery, patience
        self._open = ExitStack()
        self._places: dict[str, Place] = {}
        self.ports: Mapping[str, int] = {}

    def open(self, port: int) -> None:
        """Take a port for each place, `port` (0: any) for the transformer, and begin to want a transformer.

        Raises:
            Refused: `port` is taken.
        """
        holds = {name: self._hold(wished) for name, wished in {**dict.fromkeys(PLACES, 0), TRANSFORMER: port}.items()}
        self.ports = {name: hold.port for name, hold in holds.items()}
        for name in PLACES:
            self._places[name] = Place(
                name, "predictor", self.ports[name], partial(self._predict, name), self._patience
            )
        front = Place(TRANSFORMER, "transformer", self.ports[TRANSFORMER], self._transform, self._patience)
        front.want(_FRONT_DOOR, _trust)
        self._places[TRANSFORMER] = front

    def want(self, desired: Desired) -> None:
        """Aim at `desired`; `tick` makes it so."""
        for name in PLACES:
            self._places[name].want(desired.slots.get(name), verify_artifact)

    def tick(self, now: float, chance: Callable[[], float]) -> None:
        """Do in every place what is next to be done at `now`."""
        for place in self._places.values():
            place.tick(now, chance())

    def states(self) -> tuple[ProcessState, ...]:
        """Every process that runs or should."""
        return tuple(state for place in self._places.values() if (state := place.state()) is not None)

    def refusals(self) -> dict[str, Refusal]:
        """Why places do not serve what they are asked for, by place."""
        return {name: place.refusal for name, place in self._places.items() if place.refusal is not None}

    def release(self, names: Collection[str]) -> None:
        """Want nothing in these places any more."""
        for name in names:
            self._places[name].want(None, _trust)

    def kill(self, names: Collection[str]) -> None:
        """End the processes in these places at once."""
        for name in names:
            self._places[name].kill()

    def is_empty(self, names: Collection[str]) -> bool:
        """Whether no process is left in these places."""
        return all(self._places[name].is_idle for name in names)

    def close(self) -> None:
        """Let go of the ports."""
        self._open.close()

    def _hold(self, port: int) -> PortHold:
        hold = PortHold(port)
        self._open.callback(hold.close)
        return hold

    def _predict(self, name: str, wanted: Wanted) -> Running:
        port = self.ports[name]
        return self._start(name, self._commands.predictor(name, wanted, port), port, versioned=True)

    def _transform(self, _: Wanted) -> Running:
        port = self.ports[TRANSFORMER]
        return self._start(TRANSFORMER, self._commands.transformer(self.ports, port), port, versioned=False)

    def _start(self, name: str, command: Command, port: int, *, versioned: bool) -> Running:
        timeout = self._patience.probe_timeout
        question = partial(ask, port, self._task, versioned=versioned, timeout_s=timeout)
        return self._nursery.start(name, command, question, clock=time.monotonic)


def _trust(wanted: Wanted) -> None:
    """Verify nothing: there is no artifact."""
