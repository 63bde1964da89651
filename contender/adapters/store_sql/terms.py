"""What counting and judging need of an experiment's plan."""

from __future__ import annotations

import json
from typing import Final, NamedTuple

from sqlalchemy import Connection, select

from contender.adapters.store_sql.schema import EXPERIMENTS
from contender.experiment.plan import Plan

_USUAL: Final = Plan()


class Terms(NamedTuple):
    """The plan's limit of latency, its favourable label (``""``: none), for how many days outcomes are awaited, and
    whether those that come later are left out of the estimate."""

    slow_ms: float
    favourable_label: str
    outcome_days: float
    leave_out_late: bool


def terms_of(connection: Connection, experiment_id: str) -> Terms:
    """The terms that the experiment's plan states; the usual ones where it is not known (yet)."""
    document = connection.scalar(select(EXPERIMENTS.c.document).where(EXPERIMENTS.c.id == experiment_id))
    plan = json.loads(document).get("plan", {}) if document else {}
    return Terms(*(plan.get(name, getattr(_USUAL, name)) for name in Terms._fields))
