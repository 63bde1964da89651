"""A workplace without servers and people who come to it: the store and the routing file are real."""

from __future__ import annotations

import time
from collections.abc import Container, Iterable
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


def person(number: int) -> str:
    """The id of the person who came as that one."""
    return f"person-{number}"


class People:
    """Ever new people, answered as the routing says and rewarded by who answered: score 1 is right for everybody.

    Of those in an arm that is `silent` nobody hears what happened. What happens to the others does so, and is heard,
    after the seconds that `delays` has for their arm, else after one.
    """

    def __init__(self, place: Bench, **scores: float) -> None:
        self._place, self.scores, self._seen = place, scores, 0
        self.silent: set[str] = set()
        self.delays: dict[str, float] = {}
        self._expected: list[Outcome] = []

    def come(self, count: int, *, wait_s: float = 100.0) -> None:
        """So many new people come, and time passes: by default until the window of all of them has closed."""
        self._seen += count
        self._visit(range(self._seen - count, self._seen))
        self.wait(wait_s)

    def come_back(self, *, without: Container[str]) -> None:
        """Everybody who was here comes again, but for those."""
        self._visit([number for number in range(self._seen) if person(number) not in without])
        self.wait(100.0)

    def _visit(self, numbers: Iterable[int]) -> None:
        routing = self._place.routing.read(TASK)
        assert routing
        exposures = []
        for number in numbers:
            arm, counted = assign(routing, person(number))
            exposures.append(self._exposure(number, arm, routing, counted))
            name, at = exposures[-1].prediction_id, exposures[-1].at + self.delays.get(arm, 1.0)
            if routing.shadow:
                exposures.append(self._exposure(number, SHADOW, routing, counted))
            if arm not in self.silent:
                self._expected.append(Outcome(f"o{number}", name, TASK, 1, at))
            if number % 3:
                self._expected.append(Outcome(f"a{number}", name, TASK, 1, at, "acceptance"))
        self._place.store.append(exposures, [])

    def wait(self, seconds: float) -> None:
        """Time passes, and what happens in it is heard of."""
        for _ in range(round(seconds / 10)):
            self._place.ahead_s += 10.0
            now = self._place.now()
            heard = [outcome for outcome in self._expected if outcome.at <= now]
            self._expected = [outcome for outcome in self._expected if outcome.at > now]
            self._place.store.append([], heard)
        self._place.store.settle(TASK, self._place.task.reward)

    def _exposure(self, number: int, arm: str, routing: Any, counted: bool) -> Exposure:
        name = f"p{routing.generation}-{number}"
        return Exposure(
            prediction_id=shadow_of(name) if arm == SHADOW else name,
            task=TASK,
            experiment_id=routing.experiment.id if routing.experiment else None,
            generation=routing.generation,
            unit_id=person(number),
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
