"""What counting and valuing need of an experiment's plan."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sqlalchemy import Connection, select

from contender.adapters.store_sql.schema import EXPERIMENTS
from contender.experiment.plan import Plan, has_windows, stored_plan
from contender.metrics import PlannedMetric


@dataclass(frozen=True)
class Terms:
    """An experiment's plan; the usual one where it is not known (yet). What is asked for each unit is worked out once.

    `windowed` is false for experiments of the old rule, whose rewards count as soon as they come: `since` is the
    generation from which they count, None while they do not.
    """

    plan: Plan
    windowed: bool = True
    since: int | None = None

    @cached_property
    def measured(self) -> tuple[PlannedMetric, ...]:
        """All metrics of the plan, the primary first."""
        return self.plan.measured

    @property
    def primary(self) -> PlannedMetric:
        """The metric that decides."""
        return self.measured[0]

    @cached_property
    def windows(self) -> tuple[float, ...]:
        """The windows of the plan's metrics in seconds, shortest first."""
        return tuple(sorted({metric.window_s for metric in self.measured}))

    @property
    def opens_until_s(self) -> float:
        """Seconds after a unit's first counted exposure until an earlier one that arrives cannot move that any more."""
        return self.windows[0] + self.plan.grace_s

    def due_at(self, opened_at: float, stage: int) -> float | None:
        """When the values of that stage are final; None when there is none. Never for experiments of the old rule."""
        if not self.windowed or stage >= len(self.windows):
            return None
        return opened_at + self.windows[stage] + self.plan.grace_s

    def of_stage(self, stage: int) -> tuple[PlannedMetric, ...]:
        """The metrics whose values are final then."""
        return tuple(metric for metric in self.measured if metric.window_s == self.windows[stage])

    def window_of(self, metric: str) -> float | None:
        """The longest window in which outcomes of that name count; None where no metric of the plan counts them."""
        counting = (one.window_s for one in self.measured if metric in (one.counted_event, one.per))
        return max(counting, default=None)


def terms_of(connection: Connection, experiment_id: str) -> Terms:
    """The terms that the experiment's plan states."""
    document = connection.scalar(select(EXPERIMENTS.c.document).where(EXPERIMENTS.c.id == experiment_id))
    return terms_from(json.loads(document)) if document else Terms(Plan())


def terms_from(document: Mapping[str, Any]) -> Terms:
    """The terms that an experiment's document states."""
    stated = document.get("plan", {})
    plan = stored_plan(stated)
    if has_windows(stated) or not stated:
        return Terms(plan)
    shares = document.get("shares") or [(None, 0.0)]
    generation, share = shares[-1]
    return Terms(plan, windowed=False, since=generation if share >= plan.challenger_share else None)
