"""The audit trail of one task, appended to by several processes at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from contender.errors import Conflict
from contender.release import audit
from contender.release.ports import ReleaseStore

ATTEMPTS: Final = 50
"""How often another process may append first before this one gives up."""

TRANSITION: Final = "transition"
"""The field of a record's detail that numbers the transition it tells of."""


@dataclass(frozen=True, slots=True)
class Trail:
    """Appends records of `task` to `store`, each after the last one there."""

    task: str
    store: ReleaseStore

    def append(self, event: str, *, at: float, actor: str, detail: Mapping[str, Any]) -> None:
        """Append a record; if `detail` numbers a transition that has its record already, do nothing.

        Raises:
            Conflict: other processes were faster `ATTEMPTS` times in a row.
        """
        told = {"event": event, "at": at, "actor": actor, "detail": detail}
        attempts = 1
        while not self._appended(told, patient=attempts < ATTEMPTS):
            attempts += 1

    def _appended(self, told: Mapping[str, Any], *, patient: bool) -> bool:
        records = self.store.audit(self.task)
        if _tells(records, told["detail"].get(TRANSITION)):
            return True
        try:
            self.store.append_audit(self.task, audit.record(records[-1] if records else None, task=self.task, **told))
        except Conflict:
            if patient:
                return False
            raise
        return True


def _tells(records: Sequence[Mapping[str, Any]], transition: int | None) -> bool:
    return transition is not None and any(found["detail"].get(TRANSITION) == transition for found in records)
