"""What the store does not take for a while goes to object storage, from where any transformer of the task ships it.

A spool lives as long as its pod. Were it the only copy, a pod that goes while the store is away would take
acknowledged records with it. An object holds the records of one batch, is named by what it holds, and is deleted only
after the store has committed it: what is put twice, or shipped by two, is kept once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from serving.logs import LOGGER

OBJECTS: Final = 20
"""Objects that are taken over at a time: the store has other work, too."""

_ENDING: Final = ".lines"


class Objects(Protocol):
    """Object storage, as `contender.adapters.objects_s3` has it; every call raises `Unavailable`."""

    def put(self, name: str, content: bytes) -> None:
        """Keep `content` under `name`, whole or not at all."""
        ...

    def names(self, folder: str, limit: int) -> Sequence[str]:
        """Up to `limit` names below `folder`."""
        ...

    def get(self, name: str) -> bytes:
        """The content under `name`; empty if it is there no more."""
        ...

    def delete(self, name: str) -> None:
        """Forget `name`."""
        ...


class Overflow:
    """The objects of one task."""

    def __init__(self, objects: Objects, task: str) -> None:
        self._objects, self._task = objects, task
        self._damaged: set[str] = set()

    def keep(self, records: Sequence[bytes]) -> None:
        """Put `records` where any transformer of the task finds them.

        Raises:
            Unavailable: object storage does not take them.
        """
        content = b"".join(record + b"\n" for record in records)
        self._objects.put(f"{self._task}/{hashlib.sha256(content).hexdigest()}{_ENDING}", content)

    def adopt(self, ship: Callable[[Sequence[bytes]], None]) -> int:
        """Take over up to `OBJECTS` of what lies there: `ship` its records, then delete it; how many records.

        What is not what its name says is left for a person, and told once.

        Raises:
            Unavailable: object storage does not answer, or `ship` raised it; what was not shipped stays.
        """
        moved = 0
        for name in self._objects.names(self._task, OBJECTS + len(self._damaged)):
            if name in self._damaged:
                continue
            content = self._objects.get(name)
            if content and hashlib.sha256(content).hexdigest() != name.rpartition("/")[2].removesuffix(_ENDING):
                self._damaged.add(name)
                LOGGER.error("object_damaged", extra={"fields": {"name": name}})
                continue
            records = content.splitlines()
            ship(records)
            self._objects.delete(name)
            moved += len(records)
        return moved
