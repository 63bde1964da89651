"""A workplace without servers and people who come to it: the store and the routing file are real."""

from __future__ import annotations

import time
from functools import cached_property
from typing import Any

from benchmarks.release_lab import FolderRegistry, FolderSlots
from cli import experiment
from cli.compose import Workplace
from contender.adapters.routing_file import RoutingFile
from contender.adapters.store_sql import Store
from contender.experiment.analysis import Experiment
from contender.experiment.assignment import assign
from contender.experiment.plan import Plan, Step
from contender.metrics import PlannedMetric
from contender.release.actions import Ports
from contender.release.executor import Release
from contender.values import SHADOW, Exposure, Outcome, shadow_of

TASK = "job-change"
PLAN = Plan(
    min_units=100,
    horizon_units=4_000,
    tuning_units=400,
    ramp=(Step(0.1, 20), Step(0.5)),
    window_s=60.0,
    grace_s=10.0,
    metrics=(PlannedMetric("acceptance", window_s=60.0),),
)
WIDE = ("blue", "green", "violet")


class Bench(Workplace):
    """A workplace without servers: everything that is asked to serve does so at once, and time passes when told to."""

    ahead_s = 0.0

    def now(self) -> float:
        return time.time() + self.ahead_s

    @cached_property
    def store(self) -> Store:
        return Store(self.settings.store_url, clock=self.now)

    @cached_property
    def routing(self) -> RoutingFile:
        return RoutingFile(self.settings.routing)

    @cached_property
    def release(self) -> Release:
        home = self.settings.home
        registry = FolderRegistry(home / "aliases.json")
        ports = Ports(FolderSlots(home / "slots"), self.routing, registry, self.store, places=self.settings.slots)
        return Release(ports, TASK, self.task.policy, clock=time.time, actor="ada")


class People:
    """Ever new people, answered as the routing says and rewarded by who answered: score 1 is right for everybody.

    Of those in an arm that is `silent` nobody hears what happened.
    """

    def __init__(self, place: Bench, **scores: float) -> None:
        self._place, self.scores, self._seen = place, scores, 0
        self.silent: set[str] = set()

    def come(self, count: int) -> None:
        routing = self._place.routing.read(TASK)
        assert routing
        exposures, outcomes = [], []
        for number in range(self._seen, self._seen + count):
            arm, counted = assign(routing, f"person-{number}")
            exposures.append(self._exposure(number, arm, routing, counted))
            at = exposures[-1].at + 1
            if routing.shadow:
                exposures.append(self._exposure(number, SHADOW, routing, counted))
            if arm not in self.silent:
                outcomes.append(Outcome(f"o{number}", f"p{number}", TASK, 1, at))
            if number % 3:
                outcomes.append(Outcome(f"a{number}", f"p{number}", TASK, 1, at, "acceptance"))
        self._place.store.append(exposures, outcomes)
        self._seen += count
        self._place.ahead_s += 100.0  # until the window of all of them has closed
        self._place.store.settle(TASK, self._place.task.reward)

    def _exposure(self, number: int, arm: str, routing: Any, counted: bool) -> Exposure:
        name = f"p{number}"
        return Exposure(
            prediction_id=shadow_of(name) if arm == SHADOW else name,
            task=TASK,
            experiment_id=routing.experiment.id if routing.experiment else None,
            generation=routing.generation,
            unit_id=f"person-{number}",
            assigned_to=arm,
            served_by=arm,
            model_version="1",
            label="looking",
            score=min(1.0, self.scores.get(arm, 0.7) + number % 7 / 50),
            confidence=0.9,
            fallback_reason=None,
            latency_ms=3.0,
            at=self._place.now(),
            counted=counted,
        )


def begun(place: Bench, *challengers: str, planned: Plan = PLAN, shadow: str = "") -> Experiment:
    return experiment.begin(place, planned, challengers, shadow)
