"""The audit trail of one task, appended to by several processes at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from contender.errors import Conflict, Refused
from contender.moments import DAY_S
from contender.release import audit
from contender.release.clock import doubt
from contender.release.ports import Anchors, ReleaseStore

ATTEMPTS: Final = 50
"""How often another process may append first before this one gives up."""

TRANSITION: Final = "transition"
"""The field of a record's detail that numbers the transition it tells of."""


@dataclass(frozen=True, slots=True)
class Trail:
    """Appends records of `task` to `store`, each after the last one there, and anchors its end in `anchors`, if any."""

    task: str
    store: ReleaseStore
    anchors: Anchors | None = None

    def append(self, event: str, *, at: float, actor: str, detail: Mapping[str, Any]) -> None:
        """Append a record and anchor the trail; of a transition that has its record already, only anchor.

        Raises:
            Conflict: other processes were faster `ATTEMPTS` times in a row.
            Unavailable: the anchor cannot be kept now; the record is there.
        """
        self.tell(event, at=at, actor=actor, detail=detail)
        self.anchor()

    def tell(self, event: str, *, at: float, actor: str, detail: Mapping[str, Any]) -> None:
        """Append a record without anchoring it: for what may wait for nobody. The next anchor covers it, too.

        Raises:
            Conflict: other processes were faster `ATTEMPTS` times in a row.
        """
        told = {"event": event, "at": at, "actor": actor, "detail": detail}
        attempts = 1
        while not self._appended(told, patient=attempts < ATTEMPTS):
            attempts += 1

    def anchor(self) -> None:
        """Keep where the trail ends now out of its own reach, if there is a place for that.

        Raises:
            Unavailable: it cannot be kept now.
        """
        end = audit.anchor(self.store.audit(self.task))
        if self.anchors and end:
            self.anchors.keep(self.task, end)

    def prune(
        self, *, at: float, actor: str, retention_s: float, written: Iterable[float] = (), despite: str = ""
    ) -> int:
        """Delete the records older than `retention_s` after sealing them in a new record; how many went.

        `written` are moments at which something else of the house was; `despite` is a reason to believe the clock
        although the trail, its anchors and they contradict it. It is kept in the record.

        Raises:
            InvalidInput: a retention that is too short.
            Refused: the trail is broken: what cannot be verified is evidence, and stays; or the clock is doubted.
        """
        records = self.store.audit(self.task)
        kept = self.anchors.kept(self.task) if self.anchors else ()
        doubted = doubt(at, [*_times(records), *_times(kept), *written])
        if doubted and not despite:
            raise Refused(doubted, remedy="set the clock; if it is right: contender audit prune --override REASON")
        if problems := audit.verify(records, kept, now=at):
            raise Refused(f"the audit trail is broken: {problems[0]}", remedy="contender audit verify")
        count = audit.prunable(records, now=at, retention_s=retention_s)
        if count:
            detail = {"records": count, "retention_days": round(retention_s / DAY_S, 1), **audit.seal(records, count)}
            detail |= {"clock": f"{doubted}; believed: {despite}"} if doubted else {}
            self.append(audit.PRUNE, at=at, actor=actor, detail=detail)
            self.store.prune_audit(self.task, int(records[count - 1]["sequence"]))
        return count

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


def _times(told: Iterable[Mapping[str, Any]]) -> Iterator[float]:
    return (float(one["at"]) for one in told if "at" in one)


def _tells(records: Sequence[Mapping[str, Any]], transition: int | None) -> bool:
    return transition is not None and any(found["detail"].get(TRANSITION) == transition for found in records)
