"""A look that counts as one: what is due is valued, the verdict is kept, and an alarm that went back is told."""

from __future__ import annotations

import time
from typing import Final

from cli.compose import Workplace
from contender.experiment.analysis import Experiment, look
from contender.experiment.decision import Verdict
from contender.experiment.health import MISSING
from contender.release.trail import Trail
from contender.values import REHEARSAL

RETURNED: Final = "alarm withdrawn"
"""The event of the audit record that says that outcomes are no longer missing more often in one arm."""


def look_at(place: Workplace, running: Experiment) -> Verdict:
    """The verdict on the experiment now, which is kept as its next look.

    Missing outcomes may come yet, so their alarm alone may go back; the audit trail then says so.
    """
    place.store.settle(place.task.name, place.task.reward)
    before = place.store.looks(running.id)
    verdict = look(place.store, running)
    if before and MISSING in before[-1]["verdict"].get("faults", ()) and MISSING not in verdict.faults:
        detail = {"experiment": running.id, "fault": MISSING, "p": before[-1]["verdict"]["look"].get("missing_p")}
        trail_of(place).append(RETURNED, at=time.time(), actor=place.settings.actor, detail=detail)
    return verdict


def rehearsals(place: Workplace, experiment_id: str) -> int:
    """How many rehearsals have sent played people into the experiment, as the audit trail has it."""
    records = place.store.audit(place.task.name)
    return sum(one["event"] == REHEARSAL and one["detail"].get("experiment") == experiment_id for one in records)


def trail_of(place: Workplace) -> Trail:
    """The audit trail of the workplace's task."""
    return Trail(place.task.name, place.store, place.anchors)
